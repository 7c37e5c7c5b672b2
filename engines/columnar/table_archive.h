/* Old rows leave a table by whole files: in a table partitioned by time these are its old partitions. */
#pragma once

#include "engines/base/cancel.h"
#include "engines/columnar/iceberg/table_catalog.h"

typedef struct ArchiveOptions {
    const char *namespace_name; /* NULL = "default" */
    const char *table;
    const char *column; /* NULL = what the table is partitioned by, else its only column of a date or time */
    int64_t cutoff_us;  /* rows before it are old */
    const char *directory; /* the files are kept here, below the table's name; NULL = nowhere */
    bool dry_run;
    CancelToken *cancel; /* may be NULL */
} ArchiveOptions;

typedef struct ArchiveResult {
    const char *column; /* the one that was looked at; lives in the arena */
    int files, kept_files;
    int64_t rows, bytes;
    int64_t straddling_files; /* hold older and newer rows, and stay */
    int64_t snapshot_id;      /* -1 = nothing was removed */
} ArchiveResult;

/* Removes every data file whose rows are all older, as the bounds in the table's metadata prove, in one
 * commit. With `directory` the files are there, durable, before that. 0A000 for a file with deleted rows that
 * is to be kept (its rows would be back): compact first. 40001 when somebody changed these files meanwhile.
 */
Status table_archive(TableCatalog *catalog, const ArchiveOptions *options, Arena *arena,
                     ArchiveResult *result, Error *err);
