/* Manifest lists and manifests (Iceberg specification, "Manifest Lists", "Manifests"): which data files a
 * snapshot holds. Both are Avro files; what is written is format version 2. */
#pragma once

#include "engines/columnar/iceberg/avro.h"
#include "engines/columnar/iceberg/table_metadata.h"

enum { MANIFEST_MAX_BYTES = 512 << 20 };

/* One line of a manifest list. */
typedef struct ManifestFile {
    const char *path; /* URI */
    int64_t bytes;
    int spec_id;
    bool deletes; /* holds delete files */
    int64_t sequence_number, min_sequence_number, added_snapshot_id;
    int64_t added_files, existing_files, deleted_files; /* -1 unknown */
    int64_t added_rows, existing_rows, deleted_rows;
} ManifestFile;

Status manifest_list_read(const char *path, Arena *arena, ManifestFile **out, int *count, Error *err);
Status manifest_list_write(const char *path, const ManifestFile *files, int count,
                           const TableMetadata *parent, int64_t snapshot_id, int64_t sequence_number,
                           Error *err);

/* Live data files of a manifest are appended to `*files`. Stats are kept per table column. */
typedef struct DataFileList {
    DataFile *files; /* arena */
    int count, capacity;
} DataFileList;
Status manifest_read(const ManifestFile *manifest, const TableColumn *columns, int column_count, Arena *arena,
                     DataFileList *files, Error *err);

/* A new data file for manifest_write. */
typedef struct WrittenFile {
    const char *path; /* absolute */
    ParquetWritten written;
} WrittenFile;
/* A manifest of ADDED files, unpartitioned. Sequence numbers are inherited from the manifest list, so one
 * manifest serves every retry of a commit. Fills `out` but for its sequence number. */
Status manifest_write(const char *path, const WrittenFile *files, int count, const TableMetadata *table,
                      int64_t snapshot_id, Arena *arena, ManifestFile *out, Error *err);
