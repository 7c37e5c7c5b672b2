/* Writes Parquet files that other engines open without complaint: zstd pages, dictionary or delta or plain by
 * what the data asks for, statistics, page index (column and offset index), bloom filters, field ids. Arrays
 * become lists, json and jsonb strings annotated as JSON.
 *
 * parquet_writer_open → parquet_writer_append(batch)* → parquet_writer_finish (footer, fsync) or
 * parquet_writer_abort (removes the file). Rows are buffered per row group (row_group_rows); memory is
 * bounded by one row group.
 */
#pragma once

#include "engines/base/budget.h"
#include "engines/base/error.h"
#include "engines/columnar/parquet/parquet_reader.h"
#include "engines/columnar/types/vector.h"

typedef struct ParquetWriter ParquetWriter;

typedef struct ParquetWriterColumn {
    const char *name;
    SqlType type;
    bool nullable;
    int field_id; /* -1 = none */
} ParquetWriterColumn;

/* One column of the order that the rows of each row group come in. */
typedef struct ParquetSortColumn {
    int column;
    bool descending, nulls_first;
} ParquetSortColumn;

/* What the words of a text are, for filters by which a search leaves out rows without reading them. */
typedef void ParquetWordNote(void *context, const char *word, uint32_t length);
typedef struct ParquetWords {
    /* Words that are not all ASCII are found by readers of the same version only. No ':' in it. */
    const char *version;
    void (*each)(const StringView *text, ParquetWordNote *note, void *context);
} ParquetWords;

typedef struct ParquetWriterOptions {
    int64_t row_group_rows;       /* 0 = 1,048,576 */
    size_t buffer_bytes;          /* a row group ends when so much is buffered, too; 0 = rows decide */
    int page_rows;                /* 0 = 32,768 */
    int zstd_level;               /* 0 = 3 */
    const int *element_field_ids; /* per column, of an array's elements, 0 = none; may be NULL */
    bool plain_encodings;         /* plain and dictionary alone: for readers that know no others */
    bool passing;                 /* the file is gone when the process is: nothing is made durable */
    const ParquetWords *words;    /* filters of them for text without a dictionary; NULL = none */
    const char *const *metadata;  /* key, value, key, value ..., NULL-terminated; may be NULL */
} ParquetWriterOptions;

/* What was written, for Iceberg's manifests: one entry per column in order. */
typedef struct ParquetWrittenColumn {
    int64_t compressed_bytes;
    int64_t value_count; /* with NULLs */
    int64_t null_count;
    int64_t nan_count;        /* floats */
    bool nested;              /* a list: nothing is known but its bytes */
    ParquetColumnStats stats; /* over the whole file; strings point into the result's arena */
} ParquetWrittenColumn;
typedef struct ParquetWritten {
    int64_t row_count;
    int64_t file_bytes;
    int column_count;
    ParquetWrittenColumn *columns;
    const int64_t *split_offsets; /* file offset of each row group */
    int split_count;
} ParquetWritten;

Status parquet_writer_open(const char *path, const ParquetWriterColumn *columns, int column_count,
                           const ParquetWriterOptions *options, ParquetWriter **out, Error *err);
Status parquet_writer_append(ParquetWriter *writer, const Batch *batch, Error *err);
int64_t parquet_writer_row_count(const ParquetWriter *writer);
/* Said in the file for who reads it; any time before the end, when it is known that it is so. */
void parquet_writer_sorted_by(ParquetWriter *writer, const ParquetSortColumn *columns, int count);
/* Durable on return (unless `passing`). The writer is gone either way. */
Status parquet_writer_finish(ParquetWriter *writer, Arena *arena, ParquetWritten *out, Error *err);
void parquet_writer_abort(ParquetWriter *writer);
