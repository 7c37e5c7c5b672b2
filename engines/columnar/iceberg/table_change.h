/* One change to one table: files added and removed, schema, layout, properties and refs changed, committed
 * as one new metadata version (and at most one new snapshot), all or nothing.
 *
 *   table_change_begin        what the change is based on: the version that the statement has read
 *   table_writer_* (table_writer.h), table_change_remove_file, table_change_delete_positions, ...
 *   table_change_commit       durable on return; gone either way
 *   table_change_abort        removes the files written for it
 *
 * Commits are optimistic. When another one came first, the change is applied to the new base, if what it
 * rests on still holds: files it removes or deletes rows of are still there and got no new deletes, and,
 * after table_change_require, no file was added that its predicate may match. Else 40001. Columns are changed
 * by name on the newest schema; files keep the schema they were written with, so a change that adds files
 * fails with 40001 when the columns were changed meanwhile.
 *
 * A commit whose outcome is unknown (the catalog failed) never removes files.
 *
 * Not thread-safe but for what writers do (table_writer.h). */
#pragma once

#include "engines/columnar/iceberg/table_catalog.h"

typedef struct TableChange TableChange;

/* `base`: the version read by the statement (retained), or of table_catalog_load. */
Status table_change_begin(TableCatalog *catalog, const TableVersion *base, TableChange **out, Error *err);
/* On the newest version by name, without looking at its files: for appends, remove_all, and what is no row.
 * 42P01 when there is none. */
Status table_change_begin_latest(TableCatalog *catalog, const char *namespace_name, const char *name,
                                 TableChange **out, Error *err);
/* For a table that its first commit makes; 42P07 if there is one, unless `or_replace`: then an existing table
 * gets these columns, spec (unpartitioned), sort order (none) and none of its rows. */
Status table_change_begin_create(TableCatalog *catalog, const char *namespace_name, const char *name,
                                 const TableColumn *columns, int column_count, bool or_replace,
                                 TableChange **out, Error *err);
void table_change_abort(TableChange *change);

/* The table as files of this change are written: columns, spec, sort order. */
const TableVersion *table_change_target(const TableChange *change);
/* The id that the snapshot of its commit will have. */
int64_t table_change_snapshot_id(const TableChange *change);

/* ---- rows ------------------------------------------------------------------------------------------------
 */

/* The file leaves the table. Its deletes go with it when nothing else needs them. */
Status table_change_remove_file(TableChange *change, const DataFile *file, Error *err);
/* Every file of the newest base, whatever it is then (TRUNCATE, INSERT OVERWRITE). */
void table_change_remove_all(TableChange *change);
/* Rows of a data file by their positions (any order, duplicates allowed), as position deletes. Rows already
 * deleted there may be given again. Calls for several files are written together per partition. */
Status table_change_delete_positions(TableChange *change, const DataFile *file, const int64_t *positions,
                                     int64_t count, Error *err);
/* Serializable isolation: the commit fails with 40001 if a data file was added since the base that
 * `may_match` (may be NULL: any file) answers true for. `context` must outlive the change. */
void table_change_require(TableChange *change, bool (*may_match)(void *context, const DataFile *file),
                          void *context);
/* Files added carry this data sequence number instead of the commit's: for compaction, the base's, so that
 * deletes committed meanwhile still apply. */
void table_change_keep_sequence(TableChange *change, int64_t sequence_number);
/* Manifests of the newest base are written anew: those smaller than `below_bytes` merged. */
void table_change_merge_manifests(TableChange *change, int64_t below_bytes);

typedef enum TableOperation {
    TABLE_APPEND,
    TABLE_OVERWRITE, /* rows replaced or deleted logically */
    TABLE_DELETE,    /* only files removed or deletes added */
    TABLE_REPLACE    /* other files, the same rows: compaction */
} TableOperation;
/* Chosen from what the change does unless set. */
void table_change_set_operation(TableChange *change, TableOperation operation);
/* Additional key of the snapshot's summary. */
void table_change_set_summary(TableChange *change, const char *key, const char *value);

/* ---- schema, layout, properties -------------------------------------------------------------------------
 */

/* `after` NULL = last, "" = first. With `if_not_exists` a column of that name is left as it is. 42701 for a
 * duplicate. A NOT NULL column is refused unless the table has no rows. */
Status table_change_add_column(TableChange *change, const TableColumn *column, const char *after,
                               bool if_not_exists, Error *err);
/* 42703 when there is none; 2BP01 when the current spec or sort order needs it. */
Status table_change_drop_column(TableChange *change, const char *name, bool if_exists, Error *err);
Status table_change_rename_column(TableChange *change, const char *name, const char *new_name, Error *err);
/* To a type that every stored value has unchanged: int2 → int4 → int8, float4 → float8, numeric(p,s) with
 * more digits, varchar(n) → longer or text. Else 0A000. */
Status table_change_widen_column(TableChange *change, const char *name, SqlType type, Error *err);
Status table_change_move_column(TableChange *change, const char *name, const char *after, Error *err);
/* Nullable only: NOT NULL would have to be checked in every file. */
Status table_change_drop_not_null(TableChange *change, const char *name, Error *err);

/* "month(ts), bucket(16, id)" (transform(column), transform(n, column), transform(column, n) or a column);
 * "" = unpartitioned. For files written from now on. 42601 where it cannot be read, 42703, 0A000. */
Status table_change_set_partitioning(TableChange *change, const char *text, Error *err);
/* "ts desc nulls last, bucket(16, id)"; "" = none. */
Status table_change_set_sort_order(TableChange *change, const char *text, Error *err);
/* NULL removes it. */
Status table_change_set_property(TableChange *change, const char *key, const char *value, Error *err);

/* ---- snapshots and refs ---------------------------------------------------------------------------------
 */

/* Makes a branch or tag, or moves it; `snapshot_id` must exist. "main" moves the table (rollback). */
Status table_change_set_ref(TableChange *change, const char *ref, bool is_tag, int64_t snapshot_id,
                            Error *err);
Status table_change_drop_ref(TableChange *change, const char *ref, Error *err);
/* Rows go to this branch instead of main. */
Status table_change_on_branch(TableChange *change, const char *branch, Error *err);
/* Leaves the metadata; which files nothing refers to any more is the caller's to find. Snapshots that a ref
 * names stay (40001). */
Status table_change_expire_snapshot(TableChange *change, int64_t snapshot_id, Error *err);

/* ---- commit ----------------------------------------------------------------------------------------------
 */

typedef struct TableChangeResult {
    int64_t snapshot_id; /* current after it; -1 = none */
    int64_t added_rows, added_files, added_bytes;
    bool changed; /* false: there was nothing to do */
} TableChangeResult;
/* `result` may be NULL. */
Status table_change_commit(TableChange *change, TableChangeResult *result, Error *err);
