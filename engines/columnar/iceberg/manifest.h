/* Manifest lists and manifests (Iceberg specification, "Manifest Lists", "Manifests"): which data files and
 * delete files a snapshot holds. Both are Avro files; what is written is format version 2. */
#pragma once

#include "engines/columnar/iceberg/avro.h"
#include "engines/columnar/iceberg/table_metadata.h"

enum { MANIFEST_MAX_BYTES = 512 << 20 };

/* A field of the partition tuples in a manifest, summed up. */
typedef struct PartitionSummary {
    bool contains_null;
    int contains_nan;          /* -1 unknown */
    const char *lower, *upper; /* serialized as bounds; NULL = none */
    size_t lower_bytes, upper_bytes;
} PartitionSummary;

/* One line of a manifest list. */
typedef struct ManifestFile {
    const char *path; /* URI */
    int64_t bytes;
    int spec_id;
    bool deletes; /* holds delete files */
    int64_t sequence_number, min_sequence_number, added_snapshot_id;
    int64_t added_files, existing_files, deleted_files; /* -1 unknown */
    int64_t added_rows, existing_rows, deleted_rows;
    int64_t first_row_id; /* -1 = none */
    PartitionSummary *partitions;
    int partition_count; /* 0 = not told */
} ManifestFile;

Status manifest_list_read(const char *path, Arena *arena, ManifestFile **out, int *count, Error *err);
/* The manifests of the metadata's snapshot, however its version keeps them. */
Status manifest_list_of(const TableMetadata *metadata, Arena *arena, ManifestFile **out, int *count,
                        Error *err);
Status manifest_list_write(const char *path, const ManifestFile *files, int count, int64_t parent_id,
                           int64_t snapshot_id, int64_t sequence_number, Error *err);

typedef enum EntryStatus { ENTRY_EXISTING, ENTRY_ADDED, ENTRY_DELETED } EntryStatus;

/* A column's number or bytes in a data file. */
typedef struct EntryMetric {
    int field_id;
    int64_t count;
    const char *data;
    size_t length;
} EntryMetric;
typedef struct EntryMetrics {
    EntryMetric *items; /* NULL = the file does not tell */
    int count;
} EntryMetrics;

/* Everything a manifest says about one file, so that it can be written again. */
typedef struct ManifestEntry {
    EntryStatus status;
    int64_t snapshot_id, sequence_number, file_sequence_number; /* -1 = inherited when it is read */
    FileContent content;
    const char *uri, *format;
    int spec_id;
    const PartitionValue *partition;
    int64_t row_count, bytes;
    EntryMetrics column_sizes, value_counts, null_counts, nan_counts, lower, upper;
    const char *key_metadata;
    size_t key_metadata_bytes;
    const int64_t *split_offsets;
    int split_count;
    const int *equality_ids;
    int equality_count;
    int sort_order_id; /* -1 = none */
    const char *referenced_uri;
    int64_t content_offset, content_bytes, first_row_id; /* -1 = none */
} ManifestEntry;

typedef struct EntryList {
    ManifestEntry *entries; /* arena */
    int count, capacity;
} EntryList;
ManifestEntry *entry_list_add(EntryList *list, Arena *arena);

/* Appends every entry, deleted ones too; inherited numbers are filled in. `spec` may be NULL when partition
 * tuples are not needed. */
Status manifest_read(const ManifestFile *manifest, const PartitionSpec *spec, Arena *arena, EntryList *out,
                     Error *err);
/* A manifest of entries of one spec, all data or all deletes. Those with sequence_number -1 inherit it from
 * the manifest list, so one manifest serves every retry of a commit. Fills `out`; its own sequence numbers
 * stay -1 where they depend on the commit. */
Status manifest_write(const char *path, const ManifestEntry *entries, int count, const TableMetadata *table,
                      const PartitionSpec *spec, int64_t snapshot_id, Arena *arena, ManifestFile *out,
                      Error *err);

/* The entry of a file just written (table columns in order). */
void manifest_entry_of(const char *path, const ParquetWritten *written, const TableColumn *columns,
                       Arena *arena, ManifestEntry *out);
/* What a scan needs of an entry; stats per column. */
Status manifest_entry_data_file(const ManifestEntry *entry, const TableColumn *columns, int column_count,
                                Arena *arena, DataFile *out, Error *err);
Status manifest_entry_delete_file(const ManifestEntry *entry, Arena *arena, DeleteFile *out, Error *err);

/* Avro schemas (manifest_schema.c). */
void manifest_entry_schema(const PartitionSpec *spec, StrBuf *out);
void manifest_list_schema(StrBuf *out);
/* Bytes of a decimal's fixed type in partition tuples. */
int manifest_decimal_bytes(int precision);
