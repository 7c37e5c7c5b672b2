/* Rows that do not fit the query's budget go to disk and come back. Internal to exec/.
 *
 * A query has one temporary file, opened with no name, so that nothing outlives the process; every SpillFile
 * is a list of blocks in it, freed on disk as it is destroyed. An operator that sees query_memory_pressure
 * (after each batch, say) makes a SpillFile for each partition or run, appends rows, finishes it, and reads
 * it back block by block. Rows are of one width (rows.h); long strings travel with their block and are whole
 * again after reading: the row's StringViews then point into the block's memory.
 *
 *   SpillFormat format;
 *   spill_format_init(&format, layout.width);            once, beside the layouts
 *   spill_format_add_rows(&format, &layout, arena);      which fields are strings
 *   spill_format_add_keys(&format, &keys, offset, arena);
 *   spill_create → spill_append... → spill_finish → spill_reader_init, spill_read..., spill_reader_deinit →
 *   spill_destroy
 *
 * One thread appends to a SpillFile; different files may be written at once, and a finished one may be read
 * by several readers at once. Errors: 53100 disk full or the limit on spilled bytes reached, 53200 spilling
 * is switched off, 58030 anything else the disk says. */
#pragma once

#include "engines/columnar/exec/rows.h"

enum { SPILL_BLOCK_BYTES = 128 << 10 }; /* before compression; less in small budgets, more for one long row */

/* Whether the budget is nearly used (the query's: three quarters; the process's: seven eighths), so that an
 * operator should spill what it holds. Always false when spilling is switched off: then the budget refuses.
 */
bool query_memory_pressure(const Query *query);
/* Bytes of the query's budget not yet used, by the same measure: 0 = under pressure. INT64_MAX = no limit. */
int64_t query_memory_left(const Query *query);
/* Bytes until the budget refuses. */
int64_t query_memory_free(const Query *query);
bool query_may_spill(const Query *query);

/* Creates the directory if need be and removes what a killed process may have left. */
Status spill_directory_prepare(const char *directory, Error *err);

/* Of the process, for its figures. */
typedef struct SpillTotals {
    int64_t written_bytes; /* since the start */
    int64_t used_bytes;    /* on disk now */
} SpillTotals;
SpillTotals spill_totals(void);

typedef struct SpillFormat {
    size_t row_width;
    uint32_t *strings; /* offsets of the StringViews */
    int string_count;
} SpillFormat;
void spill_format_init(SpillFormat *format, size_t row_width);
void spill_format_add_rows(SpillFormat *format, const RowLayout *layout, Arena *arena);
/* Keys that start at `offset` in the row. */
void spill_format_add_keys(SpillFormat *format, const KeyLayout *keys, uint32_t offset, Arena *arena);
/* One StringView at `offset` (aggregate states and the like). */
void spill_format_add_string(SpillFormat *format, uint32_t offset, Arena *arena);

typedef struct SpillFile SpillFile;
/* `format` must outlive the file; `stats` (may be NULL) counts the bytes written. */
Status spill_create(Query *query, const SpillFormat *format, OperatorStats *stats, SpillFile **out,
                    Error *err);
void spill_destroy(SpillFile *file); /* NULL is fine */
/* Rows side by side. */
Status spill_append(SpillFile *file, const char *rows, int64_t count, Error *err);
/* Rows from anywhere. */
Status spill_append_rows(SpillFile *file, char *const *rows, int64_t count, Error *err);
/* Writes what is buffered and gives the buffer back. Nothing may be appended afterwards. */
Status spill_finish(SpillFile *file, Error *err);
int64_t spill_row_count(const SpillFile *file);
/* Bytes its blocks need in memory, all together. */
int64_t spill_memory_bytes(const SpillFile *file);

/* Blocks by number, for those who keep them: `memory` (aligned to 16) has room for spill_block_bytes. */
int64_t spill_block_count(const SpillFile *file);
int64_t spill_block_bytes(const SpillFile *file, int64_t block);
int64_t spill_block_rows(const SpillFile *file, int64_t block);
Status spill_block_read(const SpillFile *file, int64_t block, char *memory, Error *err);

/* Blocks in order, one at a time in the reader's own memory (charged to the query). */
typedef struct SpillReader {
    Query *query;
    const SpillFile *file; /* may be destroyed before the reader is */
    int64_t next;
    char *memory;
    size_t capacity;
} SpillReader;
void spill_reader_init(SpillReader *reader, const SpillFile *file);
void spill_reader_deinit(SpillReader *reader);
/* The next rows, valid until the next call; *count 0 at the end. */
Status spill_read(SpillReader *reader, char **rows, int64_t *count, Error *err);

/* The query's temporary file; created by the first SpillFile, destroyed with the query. */
void spill_space_destroy(struct SpillSpace *space);
