/* Manifest lists. */
#include "engines/columnar/iceberg/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/manifest_internal.h"
#include "engines/columnar/store/local_store.h"

enum { MAX_PARTITION_FIELDS = 1000 };

const char *manifest_field_text(const AvroValue *record, const char *name, Arena *arena) {
    const AvroValue *value = avro_record_field(record, name);
    if (!value || value->kind != AVRO_STRING) return NULL;
    return arena_strndup(arena, value->bytes.data, value->bytes.length);
}

Status manifest_open_avro(const char *uri, Arena *arena, AvroFile *file, Error *err) {
    const char *path;
    char *data;
    size_t bytes;
    TRY(store_path_from_uri(uri, arena, &path, err));
    TRY(store_read_file(path, MANIFEST_MAX_BYTES, arena, &data, &bytes, err));
    return avro_file_open(data, bytes, path, arena, file, err);
}

Status manifest_write_container(const char *path, const char *schema, const char *const *metadata,
                                const StrBuf *block, int64_t count, int64_t *bytes, Error *err) {
    StrBuf file;
    strbuf_init(&file);
    Status status = avro_container_write(&file, schema, metadata, AVRO_CODEC_DEFLATE, block, count, err);
    /* Its name becomes durable with that of the metadata file, which is written to the same directory after
     * it and before anything refers to either. */
    if (status == STATUS_OK) status = store_write_synced(path, strbuf_text(&file), file.length, err);
    *bytes = (int64_t)file.length;
    strbuf_deinit(&file);
    return status;
}

static void read_bound(const AvroValue *record, const char *name, const char **out, size_t *bytes,
                       Arena *arena) {
    const AvroValue *value = avro_record_field(record, name);
    if (!value || value->kind != AVRO_BYTES) return;
    *out = arena_strndup(arena, value->bytes.data, value->bytes.length);
    *bytes = value->bytes.length;
}

static void read_partitions(const AvroValue *record, Arena *arena, ManifestFile *out) {
    const AvroValue *list = avro_record_field(record, "partitions");
    if (!list || list->kind != AVRO_ARRAY || list->count > MAX_PARTITION_FIELDS) return;
    out->partitions = ARENA_NEW_ARRAY(arena, PartitionSummary, list->count + 1);
    out->partition_count = list->count;
    for (int i = 0; i < list->count; i++) {
        PartitionSummary *summary = &out->partitions[i];
        summary->contains_null = avro_field_integer(&list->items[i], "contains_null", 1) != 0;
        summary->contains_nan = (int)avro_field_integer(&list->items[i], "contains_nan", -1);
        read_bound(&list->items[i], "lower_bound", &summary->lower, &summary->lower_bytes, arena);
        read_bound(&list->items[i], "upper_bound", &summary->upper, &summary->upper_bytes, arena);
    }
}

/* Older writers call the counts added_data_files_count and so on. */
static int64_t file_count(const AvroValue *record, const char *name, const char *older_name) {
    return avro_field_integer(record, name, avro_field_integer(record, older_name, -1));
}

static Status read_line(const AvroValue *record, const char *name, Arena *arena, ManifestFile *out,
                        Error *err) {
    *out = (ManifestFile){
        .path = manifest_field_text(record, "manifest_path", arena),
        .bytes = avro_field_integer(record, "manifest_length", 0),
        .spec_id = (int)avro_field_integer(record, "partition_spec_id", 0),
        .deletes = avro_field_integer(record, "content", 0) != 0,
        .sequence_number = avro_field_integer(record, "sequence_number", 0),
        .min_sequence_number = avro_field_integer(record, "min_sequence_number", 0),
        .added_snapshot_id = avro_field_integer(record, "added_snapshot_id", -1),
        .added_files = file_count(record, "added_files_count", "added_data_files_count"),
        .existing_files = file_count(record, "existing_files_count", "existing_data_files_count"),
        .deleted_files = file_count(record, "deleted_files_count", "deleted_data_files_count"),
        .added_rows = avro_field_integer(record, "added_rows_count", -1),
        .existing_rows = avro_field_integer(record, "existing_rows_count", -1),
        .deleted_rows = avro_field_integer(record, "deleted_rows_count", -1),
        .first_row_id = avro_field_integer(record, "first_row_id", -1),
    };
    read_partitions(record, arena, out);
    if (!out->path)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "manifest list \"%s\": an entry has no path", name);
    return STATUS_OK;
}

Status manifest_list_read(const char *path, Arena *arena, ManifestFile **out, int *count, Error *err) {
    AvroFile file;
    TRY(manifest_open_avro(path, arena, &file, err));
    int capacity = 0;
    *count = 0;
    *out = NULL;
    for (;;) {
        AvroValue record;
        bool more;
        TRY(avro_file_next(&file, &record, &more, err));
        if (!more) return STATUS_OK;
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            ManifestFile *grown = ARENA_NEW_ARRAY(arena, ManifestFile, capacity);
            if (*count) memcpy(grown, *out, (size_t)*count * sizeof *grown);
            *out = grown;
        }
        TRY(read_line(&record, file.name, arena, &(*out)[(*count)++], err));
    }
}

/* Version 1 snapshots may name their manifests in the metadata itself. */
static Status embedded_list(json_t *manifests, int64_t snapshot_id, Arena *arena, ManifestFile **out,
                            int *count, Error *err) {
    size_t listed = json_array_size(manifests);
    *out = ARENA_NEW_ARRAY(arena, ManifestFile, listed + 1);
    *count = 0;
    for (size_t i = 0; i < listed; i++) {
        const char *path = json_string_value(json_array_get(manifests, i));
        if (!path) return error_set(err, SQLSTATE_DATA_CORRUPTED, "a snapshot names no file as a manifest");
        (*out)[(*count)++] = (ManifestFile){.path = arena_strdup(arena, path),
                                            .added_snapshot_id = snapshot_id,
                                            .added_files = -1,
                                            .existing_files = -1,
                                            .deleted_files = -1,
                                            .added_rows = -1,
                                            .existing_rows = -1,
                                            .deleted_rows = -1,
                                            .first_row_id = -1};
    }
    return STATUS_OK;
}

Status manifest_list_of(const TableMetadata *metadata, Arena *arena, ManifestFile **out, int *count,
                        Error *err) {
    *out = NULL;
    *count = 0;
    if (metadata->manifest_list) return manifest_list_read(metadata->manifest_list, arena, out, count, err);
    json_t *embedded = json_object_get(metadata->snapshot, "manifests");
    return embedded ? embedded_list(embedded, metadata->snapshot_id, arena, out, count, err) : STATUS_OK;
}

static void put_bound(StrBuf *out, const char *data, size_t bytes) {
    avro_put_long(out, data ? AVRO_SOME : AVRO_NONE);
    if (data) avro_put_bytes(out, data, bytes);
}

static void put_partitions(StrBuf *out, const ManifestFile *file) {
    avro_put_long(out, file->partition_count ? AVRO_SOME : AVRO_NONE);
    if (!file->partition_count) return;
    avro_put_long(out, file->partition_count);
    for (int i = 0; i < file->partition_count; i++) {
        const PartitionSummary *summary = &file->partitions[i];
        strbuf_append_char(out, summary->contains_null);
        avro_put_long(out, summary->contains_nan >= 0 ? AVRO_SOME : AVRO_NONE);
        if (summary->contains_nan >= 0) strbuf_append_char(out, (char)summary->contains_nan);
        put_bound(out, summary->lower, summary->lower_bytes);
        put_bound(out, summary->upper, summary->upper_bytes);
    }
    avro_put_long(out, 0);
}

static void put_line(StrBuf *out, const ManifestFile *file) {
    const int64_t counts[] = {file->added_files, file->existing_files, file->deleted_files,
                              file->added_rows,  file->existing_rows,  file->deleted_rows};
    avro_put_string(out, file->path);
    avro_put_long(out, file->bytes);
    avro_put_long(out, file->spec_id);
    avro_put_long(out, file->deletes);
    avro_put_long(out, file->sequence_number);
    avro_put_long(out, file->min_sequence_number);
    avro_put_long(out, file->added_snapshot_id);
    for (size_t j = 0; j < sizeof counts / sizeof *counts; j++)
        avro_put_long(out, counts[j] < 0 ? 0 : counts[j]);
    put_partitions(out, file);
    avro_put_long(out, AVRO_NONE); /* key_metadata */
}

Status manifest_list_write(const char *path, const ManifestFile *files, int count, int64_t parent_id,
                           int64_t snapshot_id, int64_t sequence_number, Error *err) {
    StrBuf block, schema;
    strbuf_init(&block);
    strbuf_init(&schema);
    for (int i = 0; i < count; i++)
        put_line(&block, &files[i]);
    manifest_list_schema(&schema);
    char snapshot[32], parent[32], sequence[32];
    snprintf(snapshot, sizeof snapshot, "%" PRId64, snapshot_id);
    snprintf(parent, sizeof parent, "%" PRId64, parent_id);
    snprintf(sequence, sizeof sequence, "%" PRId64, sequence_number);
    const char *metadata[] = {"snapshot-id",
                              snapshot,
                              "sequence-number",
                              sequence,
                              "format-version",
                              "2",
                              "parent-snapshot-id",
                              parent_id == -1 ? "null" : parent,
                              NULL};
    int64_t bytes;
    Status status =
        manifest_write_container(path, strbuf_text(&schema), metadata, &block, count, &bytes, err);
    strbuf_deinit(&block);
    strbuf_deinit(&schema);
    return status;
}
