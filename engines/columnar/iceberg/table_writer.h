/* Rows → data files of a TableChange. One writer belongs to one thread; several may work for one change at a
 * time, and their files join it when each finishes.
 *
 * Rows are routed to a file per partition and sorted by the table's sort order within a row group's worth of
 * rows. Memory: what the open files buffer, bounded by TABLE_WRITER_BYTES; beyond that the fullest is
 * closed and goes on in another file. */
#pragma once

#include "engines/columnar/iceberg/table_change.h"

enum { TABLE_WRITER_BYTES = 128 << 20 };

typedef struct TableWriter TableWriter;

Status table_writer_open(TableChange *change, TableWriter **out, Error *err);
/* One of several at work: it buffers less. */
void table_writer_share(TableWriter *writer);
/* Batches have the target's columns in order; 23502 for a NULL in a NOT NULL column. */
Status table_writer_append(TableWriter *writer, const Batch *batch, Error *err);
int64_t table_writer_row_count(const TableWriter *writer);
/* The writer is gone after either. */
Status table_writer_finish(TableWriter *writer, Error *err);
void table_writer_abort(TableWriter *writer);
