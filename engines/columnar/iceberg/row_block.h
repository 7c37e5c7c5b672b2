/* Rows as bytes, on their way from a process that was asked to insert them to the one that commits them.
 * Never kept: written and read by the same version of the program on one host. */
#pragma once

#include "engines/base/strbuf.h"
#include "engines/columnar/iceberg/table_catalog.h"

/* The columns' names are not kept: field ids and types tell whether the table is still what it was. */
void row_block_put_columns(StrBuf *out, const TableColumn *columns, int column_count);
void row_block_put_batch(StrBuf *out, const Batch *batch, Arena *scratch);

typedef struct RowBlockReader {
    const char *data;
    size_t bytes, offset;
    const SqlType *types; /* arena */
    int column_count;
    bool same_columns; /* as those given to open, in field id, type and number */
} RowBlockReader;
/* XX001 when the bytes are none of ours. `data` must outlive the reader and its batches. */
Status row_block_open(const void *data, size_t bytes, const TableColumn *columns, int column_count,
                      Arena *arena, RowBlockReader *out, Error *err);
/* A batch in the arena; row_count 0 at the end. */
Status row_block_next(RowBlockReader *reader, Arena *arena, Batch *out, Error *err);
