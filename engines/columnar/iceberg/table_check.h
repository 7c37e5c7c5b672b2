/* Whether a table is whole: catalog row → metadata → manifest lists → manifests → files, of every snapshot,
 * each present with the size and row count that is said of it; and which files nothing refers to. */
#pragma once

#include "engines/base/cancel.h"
#include "engines/columnar/iceberg/table_orphans.h"

enum { TABLE_CHECK_MESSAGES = 20 };

typedef struct TableCheckOptions {
    bool deep;                 /* every page of every file is read, checksums where they have them */
    int64_t orphan_min_age_ms; /* younger files are never called orphans */
    CancelToken *cancel;       /* may be NULL */
    void (*progress)(void *context, int64_t files); /* may be NULL */
    void *progress_context;
} TableCheckOptions;

typedef struct TableCheck {
    int64_t snapshots, manifests, files, rows, bytes; /* looked at; rows and bytes of all files */
    int problems;
    const char *messages[TABLE_CHECK_MESSAGES]; /* the first of the problems; arena */
    OrphanList orphans;
} TableCheck;

/* STATUS_ERROR only when the check itself could not be made (no such table, cancelled); what is wrong with
 * the table is in `out`. Results live in `arena`. */
Status table_check(TableCatalog *catalog, const char *namespace_name, const char *name,
                   const TableCheckOptions *options, Arena *arena, TableCheck *out, Error *err);
