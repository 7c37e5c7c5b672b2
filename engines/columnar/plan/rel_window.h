/* Window nodes (PLAN_WINDOW) as the rules see them. Their ids: the input's, then one per call. Private to
 * this folder. */
#pragma once

#include "engines/columnar/plan/logical.h"

void rel_window_ids(Arena *arena, const Rel *rel, IdList *out);
void rule_prune_window(Binder *binder, Rel *rel, const IdList *needed);
bool window_lets_through(Binder *binder, const Rel *rel, const Expr *predicate);
/* Numbers `input`'s rows (row_number or rank) within partitions; the number is column *id. */
Rel *rel_numbered(Binder *binder, Rel *input, WindowKind kind, const SortKey *keys, int partition_count,
                  int order_count, int *id);
void window_add_partition(Binder *binder, Rel *rel, Expr *key);
