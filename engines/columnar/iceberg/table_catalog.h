/* The tables of a warehouse: names → Iceberg metadata → the data files of the current snapshot.
 *
 * The catalog is SQLite or PostgreSQL in the layout of Iceberg's SQL (JDBC) catalog: iceberg_tables(
 * catalog_name, table_namespace, table_name, metadata_location, previous_metadata_location, iceberg_type) and
 * iceberg_namespace_properties. Any process of the pool may read and commit. A commit writes data files,
 * manifest, manifest list and metadata first, then swaps metadata_location with a compare-and-swap; a crash
 * before leaves orphan files only.
 *
 * A TableVersion is one immutable snapshot, reference-counted and cached per process by metadata location.
 */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/error.h"
#include "engines/base/strbuf.h"
#include "engines/columnar/iceberg/table_layout.h"

typedef struct TableCatalog TableCatalog;

/* A column that is written down in the code has no nested parts: what is left out is zero, and meant. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

typedef struct TableColumn {
    const char *name;
    SqlType type;
    bool nullable;
    int field_id;
    int element_id; /* the field id of an array's elements; 0 = no array */
    bool nested;    /* a struct, map or list of those: read as jsonb, not written */
} TableColumn;

/* What a column is in files that say less than the schema. */
typedef struct TableColumnOrigin {
    const char *const *aliases; /* its names in files without field ids (schema.name-mapping.default) */
    int alias_count;
    const PartitionValue *initial_default; /* of rows in files written before it was added; NULL = NULL */
} TableColumnOrigin;

typedef struct TableVersion {
    _Atomic int references;
    const char *namespace_name;
    const char *name;
    const char *metadata_location;
    int64_t snapshot_id; /* -1 = empty table without snapshots */
    int schema_id;
    bool is_as_of; /* of table_catalog_load_as_of: not to be written to */
    const TableColumn *columns;
    int column_count;
    const TableColumnOrigin *origins; /* per column; NULL: by their own names, without defaults */
    bool name_mapping;                /* `origins` are all the names that count in files without field ids */
    const PartitionSpec *specs;       /* files may be of any of them */
    int spec_count;
    int spec_id;                 /* files are written with this one */
    const SortOrder *sort_order; /* files are written in; NULL = none */
    int64_t sequence_number;     /* of the snapshot */
    const DataFile *files;
    int file_count;
    bool has_path_column; /* the last column is in no file: it is the path of the file that a row is in */
    bool has_deletes;     /* some file has rows that are deleted */
    int64_t row_count;    /* with those deleted by equality deletes, without the others */
    int64_t bytes;
    _Atomic(struct TableStatistics *) statistics; /* table_statistics.h; NULL until asked for */
    _Atomic(struct TableDeletes *) deletes;       /* table_deletes.h; NULL until asked for */
    Arena arena;                                  /* owns everything above but these two */
} TableVersion;

/* `catalog_path`: an SQLite file, or a connection string of PostgreSQL (catalog_db.h). */
Status table_catalog_open(const char *catalog_path, const char *warehouse_directory, TableCatalog **out,
                          Error *err);
void table_catalog_close(TableCatalog *catalog);
/* The directory that tables are made in; absolute. */
const char *table_catalog_warehouse(const TableCatalog *catalog);
/* "SQLite" or "PostgreSQL". */
const char *table_catalog_kind(const TableCatalog *catalog);

typedef struct TableName {
    const char *namespace_name;
    const char *name;
} TableName;
Status table_catalog_list(TableCatalog *catalog, Arena *arena, TableName **out, int *count, Error *err);
/* Namespaces: those made and those that tables are in, sorted. A table's namespace need not be made first. */
Status table_catalog_namespaces(TableCatalog *catalog, Arena *arena, const char ***out, int *count,
                                Error *err);
/* *done false: there is one. */
Status table_catalog_create_namespace(TableCatalog *catalog, const char *name, bool *done, Error *err);
/* *done false: there is none, or tables are in it. */
Status table_catalog_drop_namespace(TableCatalog *catalog, const char *name, bool *done, Error *err);
/* 42P01 when there is no such table. `namespace_name` NULL = "default". */
Status table_catalog_load(TableCatalog *catalog, const char *namespace_name, const char *name,
                          TableVersion **out, Error *err);
/* The table as it was or as a branch or tag has it. Exactly one of the members is set. */
typedef struct TableAsOf {
    int64_t snapshot_id;  /* -1 = not by this */
    int64_t timestamp_ms; /* the snapshot that was current then; -1 = not by this */
    const char *ref;      /* branch or tag; NULL = not by this */
} TableAsOf;
/* As load; 42704 when there is no such snapshot or ref, 22023 when the table is younger than the time. A
 * version of the past has the columns of its time, a branch those of now. */
Status table_catalog_load_as_of(TableCatalog *catalog, const char *namespace_name, const char *name,
                                const TableAsOf *as_of, TableVersion **out, Error *err);
/* Where the table's metadata is now, without reading it: another place is another state. `found` false: there
 * is no such table. `waits` (NULL: it may wait): this could not be told without waiting. */
Status table_catalog_location(TableCatalog *catalog, const char *namespace_name, const char *name,
                              StrBuf *location, bool *found, bool *waits, Error *err);
TableVersion *table_version_retain(TableVersion *version);
void table_version_release(TableVersion *version);

/* What a table's metadata remembers, read from its file (no data files are looked at). */
typedef struct PropertyPair {
    const char *key, *value;
} PropertyPair;
typedef struct LoggedSnapshot {
    int64_t snapshot_id, parent_id; /* -1 = none */
    int64_t sequence_number, timestamp_ms;
    int schema_id;         /* -1 = not told */
    const char *operation; /* "append", "overwrite", "delete", "replace" or "" */
    const char *manifest_list;
    const PropertyPair *summary; /* without "operation" */
    int summary_count;
} LoggedSnapshot;
typedef struct TableRef {
    const char *name;
    bool is_tag;
    int64_t snapshot_id;
    int64_t max_ref_age_ms, max_snapshot_age_ms, min_snapshots_to_keep; /* -1 = not told */
} TableRef;
typedef struct TableHistoryEntry {
    int64_t timestamp_ms, snapshot_id;
    bool is_ancestor; /* of the current snapshot */
} TableHistoryEntry;
typedef struct TableMetadataFile {
    int64_t timestamp_ms;
    const char *location; /* URI */
} TableMetadataFile;
typedef struct TableLog {
    LoggedSnapshot *snapshots; /* as listed: oldest first */
    int snapshot_count;
    TableRef *refs;
    int ref_count;
    TableHistoryEntry *history; /* what was current, oldest first */
    int history_count;
    TableMetadataFile *metadata_files; /* earlier ones */
    int metadata_file_count;
    PropertyPair *properties;
    int property_count;
    int64_t current_snapshot_id; /* -1 = none */
    int64_t updated_ms;
    int format_version;
    const char *uuid, *location;
} TableLog;
Status table_version_read_log(const TableVersion *version, Arena *arena, TableLog *out, Error *err);

/* Views and SQL functions, kept beside the tables as the text of the statement that made them. */
typedef enum DefinitionKind { DEFINITION_VIEW, DEFINITION_FUNCTION } DefinitionKind;
typedef struct Definition {
    DefinitionKind kind;
    const char *namespace_name;
    const char *name;
    const char *signature; /* argument types of a function, "" for a view */
    const char *text;
} Definition;
/* Those of a name, or all of the kind when `name` is NULL, in order of name and signature. */
Status table_catalog_definitions(TableCatalog *catalog, DefinitionKind kind, const char *name, Arena *arena,
                                 Definition **out, int *count, Error *err);
/* *done false: it exists already and is not to be replaced. */
Status table_catalog_define(TableCatalog *catalog, const Definition *definition, bool replace, bool *done,
                            Error *err);
Status table_catalog_undefine(TableCatalog *catalog, DefinitionKind kind, const char *namespace_name,
                              const char *name, const char *signature, bool *done, Error *err);

/* 42P07 when it exists. Field ids are assigned 1.. in order. */
Status table_catalog_create(TableCatalog *catalog, const char *namespace_name, const char *name,
                            const TableColumn *columns, int column_count, Error *err);
/* Removes the table, then the files its snapshots refer to (only those). */
Status table_catalog_drop(TableCatalog *catalog, const char *namespace_name, const char *name, Error *err);

/* The name alone changes; files stay where they are. 42P01, 42P07. */
Status table_catalog_rename(TableCatalog *catalog, const char *namespace_name, const char *name,
                            const char *new_name, Error *err);

/* Rows in, one snapshot out: append (or replace everything). Files are written below the table's data
 * directory as batches arrive; nothing is visible before table_append_commit returns, which is durable.
 * Retries on a concurrent commit. Batches have the table's columns in order. */
typedef struct TableAppend TableAppend;
Status table_append_begin(TableCatalog *catalog, const char *namespace_name, const char *name, bool replace,
                          TableAppend **out, Error *err);
/* The same for a table made by its first commit: nothing exists before, not even its name. 42P07 when there
 * is one, unless `or_replace`, which gives an existing table these columns and only the rows appended here,
 * as one snapshot. */
Status table_append_begin_create(TableCatalog *catalog, const char *namespace_name, const char *name,
                                 const TableColumn *columns, int column_count, bool or_replace,
                                 TableAppend **out, Error *err);
/* The same for a change that was begun, whose columns were changed: the append owns it from here on, also
 * when this fails. */
struct TableChange;
Status table_append_begin_change(struct TableChange *change, TableAppend **out, Error *err);
const TableVersion *table_append_target(const TableAppend *append);
/* The id that the snapshot of its commit will have. */
int64_t table_append_snapshot_id(const TableAppend *append);
Status table_append_batch(TableAppend *append, const Batch *batch, Error *err);
/* One more writer of the same append, with files of its own: opened by the append's thread, then one
 * thread's, beside others. table_append_writer_finish writes its last file out (the commit does it for those
 * that did not); no writer may be at work when the append is committed or aborted, which ends them all. */
typedef struct TableAppendWriter TableAppendWriter;
TableAppendWriter *table_append_writer_open(TableAppend *append);
Status table_append_writer_batch(TableAppendWriter *writer, const Batch *batch, Error *err);
Status table_append_writer_finish(TableAppendWriter *writer, Error *err);
/* The append is gone after either. `snapshot_id` is -1 when there is none (no rows into an empty table). */
Status table_append_commit(TableAppend *append, int64_t *row_count, int64_t *snapshot_id, Error *err);
void table_append_abort(TableAppend *append);
