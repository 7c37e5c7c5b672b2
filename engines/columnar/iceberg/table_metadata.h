/* Iceberg table metadata files (format version 2 is written; 1, 2 and 3 are read): JSON text ↔ what we need
 * of it, and the next version of it. Other members of the JSON are carried along untouched.
 *
 * What changes a table's metadata works on `root` and brings the fields beside it up to date. */
#pragma once

#include "engines/columnar/iceberg/iceberg_types.h"
#include "engines/columnar/iceberg/transform.h"

enum { METADATA_MAX_BYTES = 256 << 20, METADATA_LOG_ENTRIES = 100 };

typedef struct TableMetadata {
    json_t *root; /* owned */
    int format_version;
    const char *location; /* URI, points into root */
    int64_t last_sequence_number;
    int64_t snapshot_id;       /* of branch main; -1 = none */
    json_t *snapshot;          /* the same, or NULL */
    const char *manifest_list; /* URI or NULL, points into root */
    int schema_id;
    int last_column_id;
    TableColumn *columns; /* arena, as everything below */
    int column_count;
    const TableColumnOrigin *origins; /* NULL = none has any */
    bool name_mapping;
    PartitionSpec *specs;
    int spec_count, spec_id;
    SortOrder sort_order; /* the default one */
    bool expired;         /* snapshots were removed: the log has to follow */
} TableMetadata;

/* `name` is for errors. */
Status table_metadata_parse(const char *text, size_t bytes, const char *name, Arena *arena,
                            TableMetadata *out, Error *err);
/* The same of JSON that was parsed before; takes it. */
Status table_metadata_take(json_t *root, const char *name, Arena *arena, TableMetadata *out, Error *err);
void table_metadata_deinit(TableMetadata *metadata);
/* A copy with a JSON of its own. */
void table_metadata_copy(const TableMetadata *from, TableMetadata *out);
/* A table without snapshots. Field ids are 1.. in order. */
Status table_metadata_create(const char *location, const TableColumn *columns, int column_count, Arena *arena,
                             TableMetadata *out, Error *err);
/* Makes `columns` the current schema under a new schema id. Columns of the same name and type keep their
 * field ids, others get new ones; the ids chosen are written to `columns`. */
Status table_metadata_set_schema(TableMetadata *metadata, TableColumn *columns, int column_count,
                                 Arena *arena, Error *err);

/* What the schema with this id says, for a snapshot of the past; -1 = the current one. */
Status table_metadata_read_schema(TableMetadata *metadata, int schema_id, const char *name, Arena *arena,
                                  Error *err);
/* Name mapping and initial defaults of `fields`, one per column (table_metadata_origin.c). */
Status table_metadata_read_origins(TableMetadata *metadata, json_t *fields, const char *name, Arena *arena,
                                   Error *err);
/* Specs and sort order as `root` says, for the columns read before (table_metadata_layout.c). */
Status table_metadata_read_layout(TableMetadata *metadata, const char *name, Arena *arena, Error *err);
const PartitionSpec *table_metadata_spec(const TableMetadata *metadata, int spec_id);
/* Makes snapshot `snapshot_id` (-1 = none) the one read. */
Status table_metadata_select(TableMetadata *metadata, int64_t snapshot_id, const char *name, Error *err);
json_t *table_metadata_find_snapshot(const TableMetadata *metadata, int64_t snapshot_id);
/* The value of a property, or `fallback`. */
int64_t table_metadata_property(const TableMetadata *metadata, const char *key, int64_t fallback);

typedef struct SnapshotChange {
    int64_t snapshot_id;
    int64_t sequence_number;
    int64_t timestamp_ms;
    int64_t parent_id;         /* -1 = none */
    const char *manifest_list; /* URI */
    const char *branch;        /* NULL = main */
    json_t *summary;           /* stolen */
} SnapshotChange;
/* Adds a snapshot and makes it current on its branch. */
void table_metadata_add_snapshot(TableMetadata *metadata, const SnapshotChange *change);
/* A snapshot is current from now on, says the log. */
void table_metadata_log_current(TableMetadata *metadata, int64_t snapshot_id);
/* The metadata file before this one ("" = none) goes to the log; "last-updated-ms" is set. Locations that
 * leave the log are given in `dropped`, an arena array, for write.metadata.delete-after-commit. */
void table_metadata_finish(TableMetadata *metadata, const char *previous_location, Arena *arena,
                           const char ***dropped, int *dropped_count);
/* Data files must keep to plain and dictionary encodings: the table does not ask Spark for its row reader, as
 * those do that we create. */
bool table_metadata_plain_encodings(const TableMetadata *metadata);

/* Filters of words are written for text columns: unless property "signalbox.word-filters" is 'false'. */
bool table_metadata_word_filters(const TableMetadata *metadata);

/* Members of JSON objects. */
json_t *json_array_member(json_t *root, const char *key);  /* made when absent */
json_t *json_object_member(json_t *root, const char *key); /* made when absent */
json_t *json_find_by_id(json_t *list, const char *key, int64_t id);
