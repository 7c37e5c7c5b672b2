/* Keeping tables fast and small: small files merged and clustered, deletes applied, snapshots expired,
 * manifests merged, old metadata and files that nothing refers to removed. Every step is a commit of its own
 * beside other writers; one that loses against them is left for the next time.
 *
 * No file is deleted that a snapshot of the table refers to or that a query of any process reads
 * (table_pins.h).
 *
 * Properties of a table that override the options: write.target-file-size-bytes,
 * history.expire.max-snapshot-age-ms, history.expire.min-snapshots-to-keep, and signalbox.maintenance =
 * 'off' (for background maintenance only). */
#pragma once

#include "engines/base/cancel.h"
#include "engines/columnar/iceberg/table_writer.h"

/* Writes the live rows of the files of `part` (a version of some of a table's files) to `writer`, in the
 * order of the columns `keys`. The executor does this, which stands above this folder. */
typedef struct MaintenanceSortKey {
    int column;
    bool descending, nulls_first;
} MaintenanceSortKey;
typedef struct MaintenanceRewriter {
    Status (*rewrite)(void *context, TableVersion *part, const MaintenanceSortKey *keys, int key_count,
                      TableWriter *writer, CancelToken *cancel, Error *err);
    void *context;
} MaintenanceRewriter;

typedef struct MaintenanceOptions {
    bool compact, expire, manifests, orphans; /* what to do; trimming of metadata goes with expire */
    bool dry_run;                             /* only say what would be done */
    bool thorough;             /* all that is small, however little; background work waits until it pays */
    int64_t target_file_bytes; /* of compaction's files */
    int64_t group_bytes;       /* read by one commit of compaction, at most */
    int min_input_files;
    double delete_ratio; /* a file with so many of its rows deleted is written anew */
    int64_t max_snapshot_age_ms;
    int min_snapshots, max_snapshots; /* of a branch: so many stay however old; more go however young */
    int max_manifests;
    int64_t orphan_min_age_ms;
    MaintenanceRewriter rewriter;                                                   /* for compaction */
    CancelToken *cancel;                                                            /* may be NULL */
    void (*progress)(void *context, const char *step, int64_t done, int64_t total); /* may be NULL */
    void *progress_context;
} MaintenanceOptions;
/* All steps, with defaults: 128 MiB files, groups of 1 GiB, 5 inputs, a tenth deleted, 5 days, 1 to 500
 * snapshots, 50 manifests, orphans of 3 days. The rewriter is the caller's. */
MaintenanceOptions maintenance_defaults(void);

typedef struct MaintenanceReport {
    int64_t files_read, bytes_read, files_written, bytes_written; /* compaction */
    int64_t groups, conflicts;
    int64_t snapshots_expired, files_removed, bytes_removed, metadata_removed;
    int64_t manifests_before, manifests_after;
    int64_t orphans_removed, orphan_bytes;
    bool orphans_unsure;
} MaintenanceReport;

/* `namespace_name` NULL = "default". The report says what was done also when it ends in an error. */
Status maintenance_run(TableCatalog *catalog, const char *namespace_name, const char *name,
                       const MaintenanceOptions *options, MaintenanceReport *report, Error *err);

/* The steps, for those who want one. */
Status maintenance_compact(TableCatalog *catalog, const char *namespace_name, const char *name,
                           const MaintenanceOptions *options, MaintenanceReport *report, Error *err);
Status maintenance_expire(TableCatalog *catalog, const char *namespace_name, const char *name,
                          const MaintenanceOptions *options, MaintenanceReport *report, Error *err);
Status maintenance_merge_manifests(TableCatalog *catalog, const char *namespace_name, const char *name,
                                   const MaintenanceOptions *options, MaintenanceReport *report, Error *err);
Status maintenance_remove_orphans(TableCatalog *catalog, const char *namespace_name, const char *name,
                                  const MaintenanceOptions *options, MaintenanceReport *report, Error *err);
