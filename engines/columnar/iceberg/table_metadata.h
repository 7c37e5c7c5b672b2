/* Iceberg table metadata files (format version 2 is written; 2 and 3 are read): JSON text ↔ what we need of
 * it, and the next version of it. Other members of the JSON are carried along untouched. */
#pragma once

#include "engines/columnar/iceberg/iceberg_types.h"

enum { METADATA_MAX_BYTES = 256 << 20, METADATA_LOG_ENTRIES = 100 };

typedef struct TableMetadata {
    json_t *root; /* owned */
    int format_version;
    const char *location; /* URI, points into root */
    int64_t last_sequence_number;
    int64_t snapshot_id;       /* -1 = none */
    json_t *snapshot;          /* the current one, or NULL */
    const char *manifest_list; /* URI or NULL, points into root */
    int schema_id;
    int last_column_id;
    bool partitioned;     /* some spec has fields */
    TableColumn *columns; /* arena */
    int column_count;
} TableMetadata;

/* `name` is for errors. */
Status table_metadata_parse(const char *text, size_t bytes, const char *name, Arena *arena,
                            TableMetadata *out, Error *err);
void table_metadata_deinit(TableMetadata *metadata);
/* A table without snapshots. Field ids are 1.. in order. */
Status table_metadata_create(const char *location, const TableColumn *columns, int column_count, Arena *arena,
                             TableMetadata *out, Error *err);
/* Makes `columns` the current schema under a new schema id. Columns of the same name and type keep their
 * field ids, others get new ones; the ids chosen are written to `columns`. */
Status table_metadata_set_schema(TableMetadata *metadata, TableColumn *columns, int column_count,
                                 Arena *arena, Error *err);

typedef struct SnapshotChange {
    int64_t snapshot_id;
    int64_t sequence_number;
    int64_t timestamp_ms;
    const char *manifest_list; /* URI */
    bool overwrite;
    int64_t added_files, added_rows, added_bytes;
    int64_t total_files, total_rows, total_bytes;       /* after it */
    int64_t deleted_files, deleted_rows, deleted_bytes; /* overwrite */
} SnapshotChange;
/* Adds a snapshot and makes it current on branch main. `previous_location` ("" = none) goes to the metadata
 * log. */
void table_metadata_add_snapshot(TableMetadata *metadata, const SnapshotChange *change,
                                 const char *previous_location);
/* JSON text, malloc'd. */
char *table_metadata_text(const TableMetadata *metadata);
