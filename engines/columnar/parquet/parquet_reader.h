/* Reads Parquet files, from whoever wrote them. Format: the Apache Parquet specification
 * (parquet-format 2.x).
 *
 * parquet_file_open → look at schema, row groups and statistics (all parsed, immutable, shared by threads)
 * → per (row group, column) a ParquetColumnReader, owned by one thread, that yields vectors of up to
 * BATCH_ROWS rows or skips rows without decoding them where it can. Every offset, size and width from the
 * file is checked; a broken file is SQLSTATE XX001 naming the file and what is wrong, an unsupported feature
 * 0A000 naming it.
 */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/budget.h"
#include "engines/base/error.h"
#include "engines/columnar/types/vector.h"

typedef struct ParquetFile ParquetFile;
typedef struct ParquetColumnReader ParquetColumnReader;

typedef struct ParquetColumn {
    const char *name; /* top-level, as written */
    SqlType type;     /* SQL_OTHER when not readable as a flat column; then `unsupported` says why */
    bool nullable;
    int field_id; /* Iceberg's, -1 when absent */
    const char *unsupported;
} ParquetColumn;

/* Bounds as the vector's physical type. For strings they may be truncated: still bounds, maybe not values.
 * Absent (has_min_max false) whenever they cannot be trusted: NaN, deprecated fields with unsigned or string
 * order, INT96, unknown column order. */
typedef struct ParquetColumnStats {
    bool has_min_max;
    bool min_exact, max_exact;
    union ParquetBound {
        int64_t i64;
        __int128 i128;
        double f64;
        StringView string;
    } min, max;             /* integers, dates, times, bool, small decimals: i64 */
    int64_t null_count;     /* -1 unknown */
    int64_t distinct_count; /* -1 unknown */
} ParquetColumnStats;

/* Opens and parses the footer. `cache_key` identifies the immutable file for the page cache.
 * Reference-counted. */
Status parquet_file_open(const char *path, ParquetFile **out, Error *err);
ParquetFile *parquet_file_retain(ParquetFile *file);
void parquet_file_release(ParquetFile *file);

const char *parquet_file_path(const ParquetFile *file);
int64_t parquet_file_row_count(const ParquetFile *file);
int64_t parquet_file_bytes(const ParquetFile *file);
int parquet_file_column_count(const ParquetFile *file);
const ParquetColumn *parquet_file_column(const ParquetFile *file, int column);
int parquet_file_row_group_count(const ParquetFile *file);
int64_t parquet_row_group_row_count(const ParquetFile *file, int row_group);
/* Compressed bytes of a column chunk. */
int64_t parquet_chunk_bytes(const ParquetFile *file, int row_group, int column);
void parquet_chunk_stats(const ParquetFile *file, int row_group, int column, ParquetColumnStats *out);
/* Bounds of a chunk's pages, from the column index; they live as long as the file. NULL when it has none that
 * can be believed. */
typedef struct ParquetPageStats {
    int64_t first_row, row_count; /* within the row group */
    ParquetColumnStats stats;
} ParquetPageStats;
typedef struct ParquetPageIndex {
    int page_count;
    ParquetPageStats pages[];
} ParquetPageIndex;
const ParquetPageIndex *parquet_chunk_page_index(ParquetFile *file, int row_group, int column);
/* False when the chunk's bloom filter says that it holds none of the values: CONSTANT vectors, not NULL, of
 * the column's type (integers of any width). Reads a few bytes per value. */
bool parquet_chunk_may_hold(const ParquetFile *file, int row_group, int column, const Vector *values,
                            int count);
/* Stretches of a row group's rows, the first `rows` of them, the next, and so on. */
enum { PARQUET_MOST_STRETCHES = 64 };
typedef struct ParquetStretches {
    int64_t rows;
    int count;
    uint64_t may_hold; /* a bit per stretch, the first lowest */
} ParquetStretches;
/* Which stretches may hold every one of the words in some row, by the chunk's filters of words; false when it
 * has none that can be believed. The words as ParquetWords.each gives them; with another version only those
 * of ASCII are asked for. Reads up to 2 KiB per word. */
bool parquet_chunk_words(const ParquetFile *file, int row_group, int column, const char *version,
                         const StringView *words, int count, ParquetStretches *out);
/* Value of a key in the footer's key-value metadata, or NULL. */
const char *parquet_file_metadata(const ParquetFile *file, const char *key);
/* JSON text of the footer (created_by, schema, row groups, encodings), for `signalbox` diagnostics and tests.
 */
char *parquet_file_describe(const ParquetFile *file);

/* A reader stands before row `first_row` of the row group. Buffers come from and return to a per-thread pool.
 */
Status parquet_column_open(ParquetFile *file, int row_group, int column, int64_t first_row,
                           ParquetColumnReader **out, Error *err);
/* Reads the next `rows` rows (≤ BATCH_ROWS) into `out`: DICTIONARY where the pages are dictionary-encoded
 * (also for numbers when that is cheaper for the consumer: only strings need survive as codes), else FLAT.
 * The vector's memory is valid until the next call on this reader, except a dictionary, which lives as long
 * as the reader. Reading past the row group's end is a caller bug. */
Status parquet_column_read(ParquetColumnReader *reader, int rows, Vector *out, Error *err);
/* As read, but only the rows listed (ascending, relative to the next unread row, all < `rows`) are needed:
 * others in `out` are unspecified. All `rows` rows are consumed. Decodes less where the encoding allows. */
Status parquet_column_read_selected(ParquetColumnReader *reader, int rows, const uint16_t *selection,
                                    int selected, Vector *out, Error *err);
Status parquet_column_skip(ParquetColumnReader *reader, int64_t rows, Error *err);
/* The chunk's dictionary when every page of the chunk is dictionary-encoded, else NULL; reads the dictionary
 * page if need be. */
Status parquet_column_dictionary(ParquetColumnReader *reader, const Vector **out, uint32_t *length,
                                 Error *err);
int64_t parquet_column_bytes_read(const ParquetColumnReader *reader);
void parquet_column_close(ParquetColumnReader *reader);

/* The process-wide cache of decoded pages, keyed by the immutable file (device, inode, size, time of
 * modification) and the page's offset; a file opened before stays open with its footer. `bytes` 0 turns it
 * off; 256 MiB until configured. Vectors may point straight into it: what a reader gives is read-only. */
typedef struct ParquetCacheStats {
    int64_t limit_bytes, used_bytes;
    int64_t page_count;
    int64_t hits, misses, evicted, rejected; /* since the process started */
} ParquetCacheStats;
void parquet_cache_configure(int64_t bytes);
ParquetCacheStats parquet_cache_stats(void);
