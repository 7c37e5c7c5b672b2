/* Small inserts, many of them, from many threads and processes into one table: those that come within a
 * short window become one commit, and each caller is answered after its rows are durable and visible.
 *
 *   append_group_begin → append_group_batch* → append_group_commit or append_group_abort
 *
 * table_append_begin (append mode) does this; to be used like table_append_*. For rows of any number: beyond
 * APPEND_GROUP_BYTES an insert goes on as an append of its own. Batches are copied. Rows of one insert are
 * all in one commit, or none is.
 *
 * Within a process the first caller leads: it waits the window when others have been inserting lately, takes
 * what has gathered, and commits; what comes meanwhile is the next group. Between processes the leaders queue
 * for a lock per table below WAREHOUSE/.signalbox/groups; who waits leaves his rows there, and who gets the
 * lock commits everybody's. A leader that dies is followed by the next, who finds out first whether the
 * commit took place. */
#pragma once

#include "engines/columnar/iceberg/table_catalog.h"

enum { APPEND_GROUP_BYTES = 4 << 20, APPEND_GROUP_WINDOW_MS = 5 };

typedef struct AppendGroup AppendGroup;

/* 42P01 when there is no such table. `namespace_name` NULL = "default". */
Status append_group_begin(TableCatalog *catalog, const char *namespace_name, const char *name,
                          AppendGroup **out, Error *err);
/* What batches must look like: the table's columns in order. */
const TableVersion *append_group_target(const AppendGroup *group);
/* No longer part of a group: rows go to `*append`, which stays the group's. */
Status append_group_go_alone(AppendGroup *group, TableAppend **append, Error *err);
/* 23502 for a NULL in a NOT NULL column. */
Status append_group_batch(AppendGroup *group, const Batch *batch, Error *err);
/* The group is gone after either. 40001 when the table's columns were changed meanwhile. */
Status append_group_commit(AppendGroup *group, int64_t *row_count, int64_t *snapshot_id, Error *err);
void append_group_abort(AppendGroup *group);

/* How long a leader waits for others, of this catalog; 0 = not at all. */
void append_group_set_window(TableCatalog *catalog, int window_ms);
