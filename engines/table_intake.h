/* Rows of files into one table of one engine, and what an engine knows of a table beyond its description:
 * EngineOps.intake and EngineOps.table_details, both optional.
 *
 * An intake is all or nothing: every row (or, when asked, every row but the rejected ones) is durable and
 * visible to every process when it returns, or the table is as it was. */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/arrow_stream.h"
#include "engines/base/cancel.h"
#include "engines/base/sqltype.h"

typedef enum TableIntakeFormat {
    TABLE_INTAKE_AUTO, /* from what the bytes look like */
    TABLE_INTAKE_CSV,
    TABLE_INTAKE_JSON, /* an array, one object, or one object per line */
    TABLE_INTAKE_PARQUET
} TableIntakeFormat;

/* One file: an open file (`fd` ≥ 0; a regular one is read from its beginning whatever its offset, another to
 * its end) or bytes in memory.
 */
typedef struct TableIntakeSource {
    const char *name; /* in messages */
    int fd;
    const void *data;
    size_t bytes;
} TableIntakeSource;

struct Engine;

typedef struct TableIntake {
    const char *schema; /* NULL = the engine's default */
    const char *table;
    const TableIntakeSource *sources;
    int source_count;
    TableIntakeFormat format;
    bool create;  /* the table when there is none, with columns as found */
    bool replace; /* every row that is there; with `create` the columns, too */
    bool skip_bad_rows;
    char delimiter, quote; /* CSV: 0 = detect */
    int header;            /* CSV: -1 = detect, 0 = none, 1 = first record */
    const char *null_text; /* CSV: an unquoted field of exactly this text is NULL too; NULL = only empty */
    bool must_be_new;      /* with `create`: 42P07 when there is such a table */
    CancelToken *cancel;   /* may be NULL */
    Arena *arena;          /* of the result's lists */
    /* Reads the sources for engines that do not read files themselves (EngineOps.read_rows); NULL = there is
     * none. */
    struct Engine *reader;
    /* Now and then; bytes of all passes over the sources, total 0 while it is not known. May be NULL. */
    void (*progress)(void *context, int64_t rows, int64_t bytes, int64_t total_bytes);
    void *progress_context;
} TableIntake;

/* ---- rows from the engine that reads files to one that keeps a table -------------------------------------
 *
 * The keeping engine's intake() calls the reader's read_rows() with a receiver and gets Arrow batches, in the
 * order of the sources, never two at once (but not always on one thread). */

typedef struct TableRowColumn {
    const char *name;
    SqlType type; /* values that are no such thing are the reader's to reject; text goes through as it is */
} TableRowColumn;

typedef struct TableRowReceiver {
    void *context;
    const TableRowColumn *columns; /* of the table; NULL = it is to be made: columns as found */
    int column_count;
    /* Before rows: the columns that occur in the sources (of `columns`, in their order). Called again when
     * the reader found that it must begin anew: what it gave before does not count. The schema lives until
     * then, or until read_rows() returns. */
    Status (*begin)(void *context, const ArrowSchema *schema, Error *err);
    /* rows[i]: the number in its source of the batch's row i. The batch is the reader's. */
    Status (*take)(void *context, const char *source, const int64_t *rows, const ArrowArray *batch,
                   Error *err);
} TableRowReceiver;

typedef struct TableIntakeReject {
    const char *source;
    int64_t row;
    const char *column; /* NULL = the row as a whole */
    const char *reason;
} TableIntakeReject;

typedef struct TableIntakeChange {
    const char *column;
    bool added; /* else widened */
    SqlType type;
} TableIntakeChange;

typedef struct TableIntakeResult {
    int64_t row_count;
    int64_t rejected_count;
    const TableIntakeReject *rejects; /* the first of them */
    int reject_count;
    int64_t snapshot_id; /* -1 = none was made, or the engine has none */
    bool created;        /* the table */
    const TableIntakeChange *changes;
    int change_count;
} TableIntakeResult;

typedef struct TableSnapshot {
    int64_t id, parent_id; /* -1 = none */
    int64_t timestamp_us;
    const char *operation;                        /* "append", "overwrite", "delete", "replace" */
    int64_t added_rows, deleted_rows, total_rows; /* -1 = not said */
} TableSnapshot;

typedef struct TableFile {
    const char *path;
    int64_t row_count, bytes;
} TableFile;

/* What EngineOps.table_details fills, in the arena given to it. */
typedef struct TableDetails {
    const char *location;
    const char *partitioning;       /* "month(ts), bucket(16, id)"; NULL = none */
    const char *sort_order;         /* NULL = none */
    int format_version;             /* 0 = not a versioned format */
    int64_t snapshot_id;            /* current, -1 = none */
    const TableSnapshot *snapshots; /* oldest first */
    int snapshot_count;
    const TableFile *files;
    int file_count;
} TableDetails;
