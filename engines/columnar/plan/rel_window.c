/* Window nodes: what the rules do with them. */
#include "engines/columnar/plan/rel_window.h"

typedef struct Collector {
    Arena *arena;
    IdList *ids;
} Collector;

static Expr *collect_ids(void *context, Expr *expr) {
    Collector *collector = context;
    expr_collect_ids(collector->arena, expr, collector->ids);
    return expr;
}

void rel_window_ids(Arena *arena, const Rel *rel, IdList *out) {
    Collector collector = {.arena = arena, .ids = out};
    rel_each_expr((Rel *)rel, collect_ids, &collector);
}

/* ---- pruning
 * --------------------------------------------------------------------------------------------------- */

/* Calls nobody reads go, and the node with them when none is left. */
void rule_prune_window(Binder *binder, Rel *rel, const IdList *needed) {
    int kept = 0;
    IdList kept_ids = {0}, below = {0};
    for (int w = 0; w < rel->window_count; w++) {
        int id = rel->own_ids.items[w];
        if (!id_list_has(needed, id)) continue;
        rel->windows[kept++] = rel->windows[w];
        id_list_add(binder->arena, &kept_ids, id);
    }
    rel->window_count = kept;
    rel->own_ids = kept_ids;
    for (int i = 0; i < needed->count; i++)
        if (!id_list_has(&kept_ids, needed->items[i])) id_list_add(binder->arena, &below, needed->items[i]);
    if (kept > 0) rel_window_ids(binder->arena, rel, &below);
    rule_prune(binder, rel->inputs[0], &below);
    if (kept > 0)
        rel_refresh_ids(binder, rel);
    else
        *rel = *rel->inputs[0];
}

/* ---- pushing conditions below
 * ---------------------------------------------------------------------------------- */

static bool is_partition_column(const Rel *rel, const WindowCall *window, int id) {
    for (int k = 0; k < window->partition_count; k++)
        if (rel->sort_keys[k].expr->kind == EXPR_COLUMN && rel->sort_keys[k].expr->column == id) return true;
    return false;
}

/* A condition on columns that every window partitions by takes whole partitions away: it may go first. */
bool window_lets_through(Binder *binder, const Rel *rel, const Expr *predicate) {
    IdList ids = {0};
    expr_collect_ids(binder->arena, predicate, &ids);
    for (int i = 0; i < ids.count; i++)
        for (int w = 0; w < rel->window_count; w++)
            if (!is_partition_column(rel, &rel->windows[w], ids.items[i])) return false;
    return ids.count > 0;
}

/* A subquery's rows differ by what the outer row compares them with: `key` becomes part of every partition.
 */
void window_add_partition(Binder *binder, Rel *rel, Expr *key) {
    SortKey *keys = ARENA_NEW_ARRAY(binder->arena, SortKey, rel->sort_key_count + 2);
    keys[0] = (SortKey){.expr = key};
    if (rel->sort_key_count) memcpy(keys + 1, rel->sort_keys, sizeof *keys * (size_t)rel->sort_key_count);
    rel->sort_keys = keys;
    rel->sort_key_count++;
    for (int w = 0; w < rel->window_count; w++)
        rel->windows[w].partition_count++;
}

/* ---- numbering
 * ------------------------------------------------------------------------------------------------- */

Rel *rel_numbered(Binder *binder, Rel *input, WindowKind kind, const SortKey *keys, int partition_count,
                  int order_count, int *id) {
    Rel *rel = rel_new(binder, PLAN_WINDOW, 1);
    rel->inputs[0] = input;
    rel->sort_key_count = partition_count + order_count;
    rel->sort_keys = arena_memdup(binder->arena, keys, sizeof *keys * (size_t)rel->sort_key_count);
    rel->window_count = 1;
    rel->windows = ARENA_NEW(binder->arena, WindowCall);
    rel->windows[0] = (WindowCall){.kind = kind,
                                   .name = kind == WINDOW_RANK ? "rank" : "row_number",
                                   .call = {.type = sqltype_of(SQL_INT8)},
                                   .partition_count = partition_count,
                                   .order_count = order_count};
    *id = binder_add_column(binder, rel->windows[0].name, sqltype_of(SQL_INT8), false);
    id_list_add(binder->arena, &rel->own_ids, *id);
    rel_refresh_ids(binder, rel);
    return rel;
}
