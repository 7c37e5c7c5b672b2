/* The history of a table as its metadata file tells it. */
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/table_version.h"

static int64_t integer(json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : -1;
}

static const char *text(json_t *object, const char *key, Arena *arena) {
    const char *value = json_string_value(json_object_get(object, key));
    return arena_strdup(arena, value ? value : "");
}

static PropertyPair *properties(json_t *object, const char *without, Arena *arena, int *count) {
    PropertyPair *out = ARENA_NEW_ARRAY(arena, PropertyPair, json_object_size(object) + 1);
    const char *key;
    json_t *value;
    *count = 0;
    json_object_foreach(object, key, value) {
        if (!json_is_string(value) || (without && strcmp(key, without) == 0)) continue;
        out[(*count)++] =
            (PropertyPair){arena_strdup(arena, key), arena_strdup(arena, json_string_value(value))};
    }
    return out;
}

static void read_snapshots(json_t *list, Arena *arena, TableLog *out) {
    size_t index;
    json_t *item;
    out->snapshots = ARENA_NEW_ARRAY(arena, LoggedSnapshot, json_array_size(list) + 1);
    json_array_foreach(list, index, item) {
        LoggedSnapshot *snapshot = &out->snapshots[out->snapshot_count++];
        json_t *summary = json_object_get(item, "summary");
        *snapshot = (LoggedSnapshot){.snapshot_id = integer(item, "snapshot-id"),
                                     .parent_id = integer(item, "parent-snapshot-id"),
                                     .sequence_number = integer(item, "sequence-number"),
                                     .timestamp_ms = integer(item, "timestamp-ms"),
                                     .schema_id = (int)integer(item, "schema-id"),
                                     .operation = text(summary, "operation", arena),
                                     .manifest_list = text(item, "manifest-list", arena)};
        snapshot->summary = properties(summary, "operation", arena, &snapshot->summary_count);
    }
}

static void read_refs(json_t *refs, Arena *arena, TableLog *out) {
    const char *name;
    json_t *ref;
    out->refs = ARENA_NEW_ARRAY(arena, TableRef, json_object_size(refs) + 1);
    json_object_foreach(refs, name, ref) {
        out->refs[out->ref_count++] =
            (TableRef){.name = arena_strdup(arena, name),
                       .is_tag = strcmp(text(ref, "type", arena), "tag") == 0,
                       .snapshot_id = integer(ref, "snapshot-id"),
                       .max_ref_age_ms = integer(ref, "max-ref-age-ms"),
                       .max_snapshot_age_ms = integer(ref, "max-snapshot-age-ms"),
                       .min_snapshots_to_keep = integer(ref, "min-snapshots-to-keep")};
    }
}

static int by_id(const void *left, const void *right) {
    const LoggedSnapshot *const *a = left, *const *b = right;
    return ((*a)->snapshot_id > (*b)->snapshot_id) - ((*a)->snapshot_id < (*b)->snapshot_id);
}

static int find_by_id(const LoggedSnapshot *const *sorted, int count, int64_t id) {
    int low = 0, high = count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (sorted[middle]->snapshot_id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && sorted[low]->snapshot_id == id ? low : -1;
}

static void read_history(json_t *list, Arena *arena, TableLog *out) {
    int count = out->snapshot_count;
    const LoggedSnapshot **sorted = ARENA_NEW_ARRAY(arena, const LoggedSnapshot *, count + 1);
    bool *ancestor = ARENA_NEW_ARRAY(arena, bool, count + 1);
    for (int i = 0; i < count; i++)
        sorted[i] = &out->snapshots[i];
    qsort(sorted, (size_t)count, sizeof *sorted, by_id);
    int at = find_by_id(sorted, count, out->current_snapshot_id);
    while (at >= 0 && !ancestor[at]) {
        ancestor[at] = true;
        at = find_by_id(sorted, count, sorted[at]->parent_id);
    }
    size_t index;
    json_t *item;
    out->history = ARENA_NEW_ARRAY(arena, TableHistoryEntry, json_array_size(list) + 1);
    json_array_foreach(list, index, item) {
        TableHistoryEntry *entry = &out->history[out->history_count++];
        entry->timestamp_ms = integer(item, "timestamp-ms");
        entry->snapshot_id = integer(item, "snapshot-id");
        at = find_by_id(sorted, count, entry->snapshot_id);
        entry->is_ancestor = at >= 0 && ancestor[at];
    }
}

static void read_metadata_files(json_t *list, Arena *arena, TableLog *out) {
    size_t index;
    json_t *item;
    out->metadata_files = ARENA_NEW_ARRAY(arena, TableMetadataFile, json_array_size(list) + 1);
    json_array_foreach(list, index, item) {
        out->metadata_files[out->metadata_file_count++] =
            (TableMetadataFile){integer(item, "timestamp-ms"), text(item, "metadata-file", arena)};
    }
}

Status table_version_read_log(const TableVersion *version, Arena *arena, TableLog *out, Error *err) {
    TableMetadata metadata;
    *out = (TableLog){0};
    TRY(table_catalog_read_metadata(version->metadata_location, arena, &metadata, err));
    json_t *root = metadata.root;
    out->current_snapshot_id = metadata.snapshot_id;
    out->updated_ms = integer(root, "last-updated-ms");
    out->format_version = metadata.format_version;
    out->uuid = text(root, "table-uuid", arena);
    out->location = text(root, "location", arena);
    out->properties = properties(json_object_get(root, "properties"), NULL, arena, &out->property_count);
    read_snapshots(json_object_get(root, "snapshots"), arena, out);
    read_refs(json_object_get(root, "refs"), arena, out);
    read_history(json_object_get(root, "snapshot-log"), arena, out);
    read_metadata_files(json_object_get(root, "metadata-log"), arena, out);
    table_metadata_deinit(&metadata);
    return STATUS_OK;
}
