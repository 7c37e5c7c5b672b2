/* Which files a table's metadata refers to: what maintenance must keep and `check` must find. Reads manifests
 * for their paths alone. */
#pragma once

#include "engines/columnar/iceberg/manifest.h"
#include "engines/columnar/iceberg/path_set.h"

/* One live entry of a manifest. */
typedef struct ReachedFile {
    const char *path; /* absolute */
    int64_t bytes, row_count;
    int content; /* 0 data, 1 position deletes, 2 equality deletes */
    bool parquet;
} ReachedFile;
typedef struct ReachedFileList {
    ReachedFile *files; /* arena */
    int count, capacity;
} ReachedFileList;
/* `path` of the manifest: absolute. */
Status reach_manifest(const char *path, Arena *arena, ReachedFileList *out, Error *err);

/* Manifest list (NULL when it has none, format version 1) and manifests of one snapshot of the metadata's
 * JSON, as absolute paths. */
typedef struct ReachedSnapshot {
    int64_t snapshot_id;
    const char *list;
    const char **manifests;
    int64_t *manifest_bytes; /* 0 unknown */
    int manifest_count;
} ReachedSnapshot;
Status reach_snapshot(json_t *snapshot, Arena *arena, ReachedSnapshot *out, Error *err);

/* Everything the metadata at `location` refers to: itself, its log, statistics, manifest lists, manifests,
 * files of every snapshot. */
Status reach_table(const TableMetadata *metadata, const char *location, Arena *arena, PathSet *out,
                   Error *err);
