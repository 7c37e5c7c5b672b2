/* Files into tables: CSV, JSON (an array, one object, or newline-delimited), Parquet.
 *
 * All or nothing: one snapshot with every row, or an error and the table as it was. Text formats are read
 * twice when the table is made from them: once to find the types over the whole input, once to write. With
 * columns given, or appending to a table, they are read once. Memory is bounded by one record, one batch and
 * the Parquet writer's row group.
 */
#pragma once

#include "engines/base/cancel.h"
#include "engines/columnar/iceberg/table_catalog.h"

typedef enum IngestFormat { INGEST_AUTO, INGEST_CSV, INGEST_JSON, INGEST_PARQUET } IngestFormat;
typedef enum IngestMode { INGEST_CREATE, INGEST_APPEND, INGEST_REPLACE } IngestMode;

typedef struct IngestOptions {
    const char *namespace_name; /* NULL = "default" */
    const char *table;
    const char *const *files;
    int file_count;
    IngestFormat format;
    IngestMode mode;            /* REPLACE also creates */
    char delimiter;             /* CSV: 0 = detect */
    char quote;                 /* CSV: 0 = detect */
    int header;                 /* CSV: -1 = detect, 0 = none, 1 = first record */
    const TableColumn *columns; /* text formats: of the table to make; NULL = found in the files */
    int column_count;
    const char
        *null_text; /* CSV: an unquoted field of exactly this text is NULL too; NULL = only the empty field */
    CancelToken *cancel; /* may be NULL */
    /* Called now and then from the loading thread. `bytes` of `total_bytes` counts both passes. May be NULL.
     */
    void (*progress)(void *context, int64_t rows, int64_t bytes, int64_t total_bytes);
    void *progress_context;
} IngestOptions;
#define INGEST_OPTIONS_DEFAULT                                                                               \
    { .header = -1 }

typedef struct IngestResult {
    int64_t row_count;
    int64_t snapshot_id; /* -1 = no rows, no snapshot */
    int64_t bytes_read;
} IngestResult;

/* INGEST_AUTO when the name is unknown: csv, tsv, json, ndjson, jsonl, parquet. */
IngestFormat ingest_format_from_name(const char *name);
Status ingest_load(TableCatalog *catalog, const IngestOptions *options, IngestResult *result, Error *err);
