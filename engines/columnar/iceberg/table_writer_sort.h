/* Rows of one file collected and put out in the order of a table's sort order. */
#pragma once

#include "engines/columnar/iceberg/table_catalog.h"
#include "engines/columnar/parquet/parquet_writer.h"

typedef struct SortBuffer SortBuffer;

/* 0A000 when the order cannot be followed. NULL is an order too. */
Status sort_order_check(const SortOrder *order, const TableVersion *target, Error *err);
/* As many of the order's columns as can be named in a file: those before the first transform. */
int sort_order_columns(const SortOrder *order, const TableVersion *target, ParquetSortColumn *out);
SortBuffer *sort_buffer_create(const SortOrder *order, const TableVersion *target);
void sort_buffer_destroy(SortBuffer *buffer); /* NULL is fine */
/* Copies the selected rows. */
void sort_buffer_append(SortBuffer *buffer, const Batch *batch, Arena *scratch);
int64_t sort_buffer_rows(const SortBuffer *buffer);
/* Gives the rows in order, in batches, and is empty after. */
Status sort_buffer_flush(SortBuffer *buffer, Status (*take)(void *context, const Batch *batch, Error *err),
                         void *context, Error *err);
