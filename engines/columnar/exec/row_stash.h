/* Rows kept in order to be read many times: materialised WITH queries and the working tables of recursive
 * ones. What does not fit the budget goes to spill files. Internal to exec/.
 *
 * Each worker has a StashWriter; stash_take moves what a writer holds into the stash (one thread), stash_sort
 * puts everything taken since `from` in order of morsels. Then any number of readers go over the pieces.
 */
#pragma once

#include "engines/columnar/exec/pipeline.h"
#include "engines/columnar/exec/row_segments.h"
#include "engines/columnar/exec/spill.h"

typedef struct StashPiece {
    int64_t morsel, order;
    char *rows; /* in memory, else NULL: rows [offset, offset + count) of a spilled block */
    const SpillFile *file;
    int64_t block, offset;
    int64_t count; /* ≤ BATCH_ROWS */
} StashPiece;

typedef struct StashPieces {
    StashPiece *items;
    int64_t count, capacity;
} StashPieces;

typedef struct RowStash {
    Query *query;
    OperatorStats *stats;
    RowLayout layout;
    size_t row_width;
    SpillFormat format;
    StashPieces pieces;
    RowStore *stores; /* what `rows` point into */
    int store_count;
    SpillFile **files;
    int file_count;
    int64_t row_count;
} RowStash;

typedef struct StashWriter {
    RowStash *stash;
    RowCollector collector;
    StashPieces spilled;
    SpillFile **files;
    int file_count;
    int64_t batches;
    bool pinned; /* published rows stand in the collector's memory */
} StashWriter;

void stash_init(RowStash *stash, Query *query, const SqlType *types, int column_count, OperatorStats *stats);
void stash_deinit(RowStash *stash);

void stash_writer_init(StashWriter *writer, RowStash *stash);
void stash_writer_deinit(StashWriter *writer);
Status stash_writer_add(StashWriter *writer, const Batch *batch, int64_t morsel, Error *err);
/* The writer is empty again. */
Status stash_take(RowStash *stash, StashWriter *writer, Error *err);
/* The same, but the rows stay in the writer's memory, which must live as long as the stash: for many small
 * portions. */
Status stash_publish(RowStash *stash, StashWriter *writer, Error *err);
/* The last pieces, which nobody reads any more as they are: rows side by side in memory become one, so that a
 * million small portions leave few. */
void stash_join_pieces(RowStash *stash);
void stash_sort(RowStash *stash, int64_t from);

typedef struct StashReader {
    const RowStash *stash; /* may be gone before the reader is */
    Query *query;
    int64_t next, end;  /* pieces */
    const int *columns; /* of the layout, NULL = all */
    int column_count;
    const SpillFile *file; /* of the block in memory */
    int64_t block;
    char *memory;
    size_t capacity;
    Batch batch;
} StashReader;
void stash_reader_init(StashReader *reader, const RowStash *stash, const int *columns, int column_count);
void stash_reader_deinit(StashReader *reader);
/* *out NULL behind the last piece. */
Status stash_read(StashReader *reader, Arena *arena, Batch **out, Error *err);

/* The ends of a source that reads a stash; its state is a StashReader, whose pieces the source's morsel_open
 * chooses. */
Status stash_source_open(const RowStash *stash, Source *source, void **state, Error *err);
Status stash_source_next(Source *source, Chain *chain, void *state, Batch **out, Error *err);
void stash_source_close(Source *source, void *state);
