#include "engines/columnar/iceberg/table_reach.h"

#include <string.h>
#include <strings.h>

#include "engines/columnar/store/local_store.h"

static const char *path_text(const AvroValue *record, const char *name, Arena *arena, Error *err) {
    const AvroValue *value = avro_record_field(record, name);
    const char *path;
    if (!value || value->kind != AVRO_STRING) return NULL;
    const char *uri = arena_strndup(arena, value->bytes.data, value->bytes.length);
    return store_path_from_uri(uri, arena, &path, err) == STATUS_OK ? path : NULL;
}

static Status add_file(const AvroValue *data_file, const char *manifest, Arena *arena, ReachedFileList *out,
                       Error *err) {
    if (out->count == out->capacity) {
        out->capacity = out->capacity ? out->capacity * 2 : 16;
        ReachedFile *grown = ARENA_NEW_ARRAY(arena, ReachedFile, out->capacity);
        if (out->count) memcpy(grown, out->files, sizeof *grown * (size_t)out->count);
        out->files = grown;
    }
    const AvroValue *format = data_file ? avro_record_field(data_file, "file_format") : NULL;
    ReachedFile *file = &out->files[out->count];
    Error failure = {0};
    *file = (ReachedFile){.path = data_file ? path_text(data_file, "file_path", arena, &failure) : NULL};
    if (!file->path)
        return error_set(err, failure.sqlstate[0] ? failure.sqlstate : SQLSTATE_DATA_CORRUPTED,
                         "manifest \"%s\": a file has no usable path", manifest);
    file->bytes = avro_field_integer(data_file, "file_size_in_bytes", -1);
    file->row_count = avro_field_integer(data_file, "record_count", -1);
    file->content = (int)avro_field_integer(data_file, "content", 0);
    file->parquet = format && format->kind == AVRO_STRING && format->bytes.length == 7 &&
                    strncasecmp(format->bytes.data, "parquet", 7) == 0;
    out->count++;
    return STATUS_OK;
}

Status reach_manifest(const char *path, Arena *arena, ReachedFileList *out, Error *err) {
    char *data;
    size_t bytes;
    AvroFile file;
    TRY(store_read_file(path, MANIFEST_MAX_BYTES, arena, &data, &bytes, err));
    TRY(avro_file_open(data, bytes, path, arena, &file, err));
    for (;;) {
        AvroValue entry;
        bool more;
        TRY(avro_file_next(&file, &entry, &more, err));
        if (!more) return STATUS_OK;
        if (avro_field_integer(&entry, "status", 1) == ENTRY_DELETED) continue;
        TRY(add_file(avro_record_field(&entry, "data_file"), path, arena, out, err));
    }
}

static Status listed_manifests(const char *list, Arena *arena, ReachedSnapshot *out, Error *err) {
    ManifestFile *manifests;
    TRY(manifest_list_read(list, arena, &manifests, &out->manifest_count, err));
    out->manifests = ARENA_NEW_ARRAY(arena, const char *, out->manifest_count + 1);
    out->manifest_bytes = ARENA_NEW_ARRAY(arena, int64_t, out->manifest_count + 1);
    for (int i = 0; i < out->manifest_count; i++) {
        out->manifest_bytes[i] = manifests[i].bytes;
        TRY(store_path_from_uri(manifests[i].path, arena, &out->manifests[i], err));
    }
    return store_path_from_uri(list, arena, &out->list, err);
}

Status reach_snapshot(json_t *snapshot, Arena *arena, ReachedSnapshot *out, Error *err) {
    const char *list = json_string_value(json_object_get(snapshot, "manifest-list"));
    json_t *inline_manifests = json_object_get(snapshot, "manifests");
    *out = (ReachedSnapshot){.snapshot_id = json_integer_value(json_object_get(snapshot, "snapshot-id"))};
    if (list) return listed_manifests(list, arena, out, err);
    size_t count = json_array_size(inline_manifests);
    out->manifests = ARENA_NEW_ARRAY(arena, const char *, count + 1);
    out->manifest_bytes = ARENA_NEW_ARRAY(arena, int64_t, count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *uri = json_string_value(json_array_get(inline_manifests, i));
        if (!uri)
            return error_set(err, SQLSTATE_DATA_CORRUPTED, "a snapshot lists a manifest without a path");
        TRY(store_path_from_uri(uri, arena, &out->manifests[out->manifest_count++], err));
    }
    return STATUS_OK;
}

static void add_uri(PathSet *set, const char *uri, Arena *arena) {
    const char *path;
    Error ignored; /* a file elsewhere is none that could be removed here */
    if (uri && store_path_from_uri(uri, arena, &path, &ignored) == STATUS_OK) path_set_add(set, path);
}

static void add_member_paths(PathSet *set, json_t *list, const char *key, Arena *arena) {
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item) add_uri(set, json_string_value(json_object_get(item, key)), arena);
}

Status reach_table(const TableMetadata *metadata, const char *location, Arena *arena, PathSet *out,
                   Error *err) {
    size_t index;
    json_t *snapshot;
    add_uri(out, location, arena);
    add_member_paths(out, json_object_get(metadata->root, "metadata-log"), "metadata-file", arena);
    add_member_paths(out, json_object_get(metadata->root, "statistics"), "statistics-path", arena);
    add_member_paths(out, json_object_get(metadata->root, "partition-statistics"), "statistics-path", arena);
    json_array_foreach(json_object_get(metadata->root, "snapshots"), index, snapshot) {
        ReachedSnapshot reached;
        TRY(reach_snapshot(snapshot, arena, &reached, err));
        if (reached.list) path_set_add(out, reached.list);
        for (int i = 0; i < reached.manifest_count; i++) {
            ReachedFileList files = {0};
            if (!path_set_add(out, reached.manifests[i])) continue;
            TRY(reach_manifest(reached.manifests[i], arena, &files, err));
            for (int f = 0; f < files.count; f++)
                path_set_add(out, files.files[f].path);
        }
    }
    return STATUS_OK;
}
