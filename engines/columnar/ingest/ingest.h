/* Files, streams and memory into tables: CSV, JSON (an array, one object, or newline-delimited), Parquet.
 *
 * All or nothing: one snapshot with every row (or every row but those rejected by name, see on_error), or an
 * error and the table as it was. The types of a text's columns are found over the whole input; with columns
 * given, or appending to a table, they are those. Memory is bounded by what is read at a time and the Parquet
 * writers' row groups, never by the input.
 */
#pragma once

#include "engines/base/budget.h"
#include "engines/base/cancel.h"
#include "engines/columnar/iceberg/table_catalog.h"

typedef enum IngestFormat { INGEST_AUTO, INGEST_CSV, INGEST_JSON, INGEST_PARQUET } IngestFormat;
typedef enum IngestMode { INGEST_CREATE, INGEST_APPEND, INGEST_REPLACE } IngestMode;
/* What a row does that cannot be read: ends the load, or is left out and listed in the result. */
typedef enum IngestOnError { INGEST_FAIL, INGEST_SKIP } IngestOnError;

typedef enum IngestInputKind { INGEST_PATH, INGEST_MEMORY, INGEST_DESCRIPTOR, INGEST_STREAM } IngestInputKind;
/* One input. Paths and memory may be read more than once; a descriptor (a pipe, a socket) and a stream are
 * read once, front to back, and kept in an unlinked temporary file when the columns' types are still to be
 * found. Only the thread that calls ingest_load reads. */
typedef struct IngestInput {
    IngestInputKind kind;
    const char *name; /* PATH: what to open; else what messages call it */
    const void *data; /* MEMORY; the caller's until ingest_load returns */
    size_t bytes;     /* MEMORY */
    int fd;           /* DESCRIPTOR; stays open */
    /* STREAM: up to `size` bytes; *got 0 = the end. */
    Status (*read)(void *context, void *buffer, size_t size, size_t *got, Error *err);
    void *read_context;
} IngestInput;

/* Rows for somebody else than the catalog: in the order of the inputs, never two batches at once. */
typedef struct IngestReceiver {
    void *context;
    const TableColumn *columns; /* of what receives them; NULL = as found, over the whole of the inputs */
    int column_count;
    /* Before rows: the columns that occur, those of `columns` in their order. A second time when the reading
     * begins anew: the rows given before do not count. */
    Status (*begin)(void *context, const TableColumn *columns, int count, Error *err);
    /* rows[i]: the number in the input of the i-th of the batch's selected rows. */
    Status (*take)(void *context, const char *input, const int64_t *rows, const Batch *batch, Error *err);
} IngestReceiver;

typedef struct IngestOptions {
    const char *namespace_name; /* NULL = "default" */
    const char *table;
    const char *const *files; /* either files */
    int file_count;
    const IngestInput *inputs; /* or inputs */
    int input_count;
    IngestFormat format;
    IngestMode mode;            /* REPLACE also creates */
    char delimiter;             /* CSV: 0 = detect */
    char quote;                 /* CSV: 0 = detect */
    int header;                 /* CSV: -1 = detect, 0 = none, 1 = first record */
    const TableColumn *columns; /* text formats: of the table to make; NULL = found in the files */
    int column_count;
    const char
        *null_text; /* CSV: an unquoted field of exactly this text is NULL too; NULL = only the empty field */
    const char *encoding; /* text: a name that iconv knows; NULL = UTF-8, or UTF-16 by its byte order mark */
    IngestOnError on_error;
    int max_rejects_listed; /* SKIP: entries of IngestResult.rejects; 0 = 100. All are counted. */
    bool replace_rows;      /* APPEND: instead of the table's rows; its columns stay, as an append's do */
    bool keep_columns;      /* APPEND: a column the table has not, or a value too wide, is an error */
    bool file_names;        /* CREATE, text formats: the last column, INGEST_FILE_NAME, is the input's name */
    int threads;            /* that parse and write; 0 = one per core */
    size_t block_bytes;     /* text is parsed in blocks of about this size; 0 = 1 MiB */
    /* Rows go there: the catalog (NULL then), `mode` and what else is of tables are not looked at. */
    const IngestReceiver *receiver;
    Budget *budget;      /* what text is read into comes from there; NULL = a limit of the load's own */
    CancelToken *cancel; /* may be NULL */
    /* Called now and then from the loading thread. `bytes` of `total_bytes` counts all passes over the input;
     * total_bytes is 0 while it is not known (streams). May be NULL. */
    void (*progress)(void *context, int64_t rows, int64_t bytes, int64_t total_bytes);
    void *progress_context;
} IngestOptions;
#define INGEST_FILE_NAME "filename"
#define INGEST_OPTIONS_DEFAULT                                                                               \
    { .header = -1 }

typedef struct IngestReject {
    const char *input;  /* its name */
    int64_t row;        /* from 1, as in error messages: a CSV header counts */
    const char *column; /* NULL = the row as a whole (its number of fields, its syntax) */
    char sqlstate[6];
    const char *reason;
} IngestReject;

/* What an append did to the table's columns. */
typedef struct IngestSchemaChange {
    const char *column;
    bool added;   /* else widened */
    SqlType from; /* widened: the type before */
    SqlType to;
} IngestSchemaChange;

typedef struct IngestResult {
    int64_t row_count;
    int64_t snapshot_id; /* -1 = no rows, no snapshot */
    int64_t bytes_read;
    int64_t rejected_count;
    const IngestReject *rejects; /* the first max_rejects_listed, in no particular order */
    int reject_count;
    const IngestSchemaChange *changes;
    int change_count;
    Arena arena; /* owns the lists */
} IngestResult;

/* INGEST_AUTO when the name is unknown: csv, tsv, json, ndjson, jsonl, parquet. */
IngestFormat ingest_format_from_name(const char *name);
/* `result` is to be deinited whatever comes out: after an error it lists what was rejected before. */
Status ingest_load(TableCatalog *catalog, const IngestOptions *options, IngestResult *result, Error *err);
void ingest_result_deinit(IngestResult *result);
