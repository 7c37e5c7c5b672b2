/* The part of grouped inserts that is between processes; see append_group.h. */
#pragma once

#include "engines/columnar/iceberg/table_catalog.h"

/* One insert: the bytes of row_block.h, and what became of it. */
typedef struct QueuedInsert {
    const char *data;
    size_t bytes;
    int64_t snapshot_id;
    Status status;
    Error error;
} QueuedInsert;

/* Commits them, together with those of other processes that wait for the same table, or has another process
 * do so. Every insert has its outcome on return. `shared`: somebody else's were in it too. */
void append_queue_commit(TableCatalog *catalog, const char *namespace_name, const char *name,
                         QueuedInsert **inserts, int count, bool *shared);
/* The insert's rows into an append. 40001 when the table's columns are not what they were. */
Status append_queue_replay(TableAppend *append, const QueuedInsert *insert, Error *err);
