#include "engines/columnar/iceberg/table_metadata.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/columnar/store/local_store.h"

static Status malformed(const char *name, const char *what, Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "table metadata \"%s\": %s", name, what);
}

static json_t *find_by_id(json_t *list, const char *key, int64_t id) {
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item) {
        json_t *value = json_object_get(item, key);
        if (json_is_integer(value) && json_integer_value(value) == id) return item;
    }
    return NULL;
}

static Status parse_columns(TableMetadata *metadata, const char *name, Arena *arena, Error *err) {
    json_t *schema = find_by_id(json_object_get(metadata->root, "schemas"), "schema-id", metadata->schema_id);
    json_t *fields = json_object_get(schema, "fields");
    if (!json_is_array(fields)) return malformed(name, "the current schema is missing", err);
    json_t *properties = json_object_get(metadata->root, "properties");
    size_t count = json_array_size(fields);
    if (count > 100000) return malformed(name, "the schema has too many columns", err);
    metadata->columns = ARENA_NEW_ARRAY(arena, TableColumn, count + 1);
    for (size_t i = 0; i < count; i++) {
        json_t *field = json_array_get(fields, i);
        const char *column = json_string_value(json_object_get(field, "name"));
        json_t *id = json_object_get(field, "id");
        if (!column || !json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) > INT32_MAX)
            return malformed(name, "a field has no name or id", err);
        char key[64];
        snprintf(key, sizeof key, ICEBERG_TYPE_PROPERTY "%" JSON_INTEGER_FORMAT, json_integer_value(id));
        metadata->columns[i] = (TableColumn){
            .name = arena_strdup(arena, column),
            .type = iceberg_type_parse(json_object_get(field, "type"),
                                       json_string_value(json_object_get(properties, key))),
            .nullable = !json_is_true(json_object_get(field, "required")),
            .field_id = (int)json_integer_value(id),
        };
    }
    metadata->column_count = (int)count;
    return STATUS_OK;
}

static Status parse_snapshot(TableMetadata *metadata, const char *name, Error *err) {
    json_t *current = json_object_get(metadata->root, "current-snapshot-id");
    metadata->snapshot_id = json_is_integer(current) ? json_integer_value(current) : -1;
    if (metadata->snapshot_id == -1) return STATUS_OK;
    metadata->snapshot =
        find_by_id(json_object_get(metadata->root, "snapshots"), "snapshot-id", metadata->snapshot_id);
    if (!metadata->snapshot) return malformed(name, "the current snapshot is not among the snapshots", err);
    metadata->manifest_list = json_string_value(json_object_get(metadata->snapshot, "manifest-list"));
    if (!metadata->manifest_list)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "table metadata \"%s\": the current snapshot has no manifest list", name);
    return STATUS_OK;
}

Status table_metadata_parse(const char *text, size_t bytes, const char *name, Arena *arena,
                            TableMetadata *out, Error *err) {
    json_error_t problem;
    *out = (TableMetadata){.root = json_loadb(text, bytes, 0, &problem), .snapshot_id = -1};
    if (!out->root) return malformed(name, problem.text, err);
    json_t *root = out->root;
    if (!json_is_integer(json_object_get(root, "format-version")))
        return malformed(name, "there is no format version", err);
    out->format_version = (int)json_integer_value(json_object_get(root, "format-version"));
    if (out->format_version < 1 || out->format_version > 3)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "table metadata \"%s\": format version %d is not supported", name,
                         out->format_version);
    out->location = json_string_value(json_object_get(root, "location"));
    if (!out->location) return malformed(name, "the location is missing", err);
    out->last_sequence_number = json_integer_value(json_object_get(root, "last-sequence-number"));
    out->schema_id = (int)json_integer_value(json_object_get(root, "current-schema-id"));
    out->last_column_id = (int)json_integer_value(json_object_get(root, "last-column-id"));
    size_t index;
    json_t *spec;
    json_array_foreach(json_object_get(root, "partition-specs"), index, spec) {
        if (json_array_size(json_object_get(spec, "fields")) > 0) out->partitioned = true;
    }
    TRY(parse_columns(out, name, arena, err));
    return parse_snapshot(out, name, err);
}

void table_metadata_deinit(TableMetadata *metadata) {
    if (metadata->root) json_decref(metadata->root);
    metadata->root = NULL;
}

static Status schema_json(const TableColumn *columns, int column_count, int schema_id, json_t *properties,
                          json_t **out, Error *err) {
    json_t *fields = json_array();
    for (int i = 0; i < column_count; i++) {
        char type[SQLTYPE_NAME_BYTES], key[64];
        if (iceberg_type_name(columns[i].type, columns[i].name, type, err) != STATUS_OK) {
            json_decref(fields);
            return STATUS_ERROR;
        }
        json_t *field = json_pack("{s:i, s:s, s:b, s:s}", "id", columns[i].field_id, "name", columns[i].name,
                                  "required", !columns[i].nullable, "type", type);
        if (!field) {
            json_decref(fields);
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "column name %d is not valid UTF-8", i + 1);
        }
        json_array_append_new(fields, field);
        snprintf(key, sizeof key, ICEBERG_TYPE_PROPERTY "%d", columns[i].field_id);
        char declared[SQLTYPE_NAME_BYTES];
        if (iceberg_type_needs_property(columns[i].type))
            json_object_set_new(properties, key, json_string(sqltype_name(columns[i].type, true, declared)));
        else
            json_object_del(properties, key);
    }
    *out = json_pack("{s:s, s:i, s:[], s:o}", "type", "struct", "schema-id", schema_id,
                     "identifier-field-ids", "fields", fields);
    return STATUS_OK;
}

static TableColumn *copy_columns(const TableColumn *columns, int column_count, Arena *arena) {
    TableColumn *copy = ARENA_NEW_ARRAY(arena, TableColumn, column_count + 1);
    for (int i = 0; i < column_count; i++) {
        copy[i] = columns[i];
        copy[i].name = arena_strdup(arena, columns[i].name);
    }
    return copy;
}

static int64_t now_ms(void) {
    return clock_wall_us() / 1000;
}

Status table_metadata_create(const char *location, const TableColumn *columns, int column_count, Arena *arena,
                             TableMetadata *out, Error *err) {
    *out = (TableMetadata){.format_version = 2, .snapshot_id = -1, .last_column_id = column_count};
    out->columns = copy_columns(columns, column_count, arena);
    out->column_count = column_count;
    for (int i = 0; i < column_count; i++)
        out->columns[i].field_id = i + 1;
    json_t *properties = json_pack("{s:s}", "write.parquet.compression-codec", "zstd");
    json_t *schema;
    if (schema_json(out->columns, column_count, 0, properties, &schema, err) != STATUS_OK) {
        json_decref(properties);
        return STATUS_ERROR;
    }
    char uuid[STORE_UUID_BYTES];
    store_make_uuid(uuid);
    out->root = json_pack(
        "{s:i, s:s, s:s, s:i, s:I, s:i, s:i, s:[o], s:i, s:[{s:i, s:[]}], s:i, s:i, s:[{s:i, s:[]}], s:o, "
        "s:{}, s:[],"
        " s:[], s:[]}",
        "format-version", 2, "table-uuid", uuid, "location", location, "last-sequence-number", 0,
        "last-updated-ms", (json_int_t)now_ms(), "last-column-id", column_count, "current-schema-id", 0,
        "schemas", schema, "default-spec-id", 0, "partition-specs", "spec-id", 0, "fields",
        "last-partition-id", 999, "default-sort-order-id", 0, "sort-orders", "order-id", 0, "fields",
        "properties", properties, "refs", "snapshots", "snapshot-log", "metadata-log");
    if (!out->root)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "the location \"%s\" is not valid UTF-8", location);
    out->location = json_string_value(json_object_get(out->root, "location"));
    return STATUS_OK;
}

Status table_metadata_set_schema(TableMetadata *metadata, TableColumn *columns, int column_count,
                                 Arena *arena, Error *err) {
    json_t *schemas = json_object_get(metadata->root, "schemas");
    int schema_id = 0;
    size_t index;
    json_t *item;
    json_array_foreach(schemas, index, item) {
        int id = (int)json_integer_value(json_object_get(item, "schema-id"));
        schema_id = id >= schema_id ? id + 1 : schema_id;
    }
    bool same = column_count == metadata->column_count;
    for (int i = 0; i < column_count; i++) {
        columns[i].field_id = 0;
        for (int j = 0; j < metadata->column_count && !columns[i].field_id; j++) {
            const TableColumn *old = &metadata->columns[j];
            if (strcmp(old->name, columns[i].name) == 0 && sqltype_equals(old->type, columns[i].type)) {
                columns[i].field_id = old->field_id;
                same = same && i == j && old->nullable == columns[i].nullable;
            }
        }
        if (!columns[i].field_id) {
            columns[i].field_id = ++metadata->last_column_id;
            same = false;
        }
    }
    if (same) return STATUS_OK;
    json_t *properties = json_object_get(metadata->root, "properties");
    if (!properties) {
        properties = json_object();
        json_object_set_new(metadata->root, "properties", properties);
    }
    json_t *schema;
    TRY(schema_json(columns, column_count, schema_id, properties, &schema, err));
    json_array_append_new(schemas, schema);
    json_object_set_new(metadata->root, "current-schema-id", json_integer(schema_id));
    json_object_set_new(metadata->root, "last-column-id", json_integer(metadata->last_column_id));
    metadata->schema_id = schema_id;
    metadata->columns = copy_columns(columns, column_count, arena);
    metadata->column_count = column_count;
    return STATUS_OK;
}

static void set_count(json_t *summary, const char *key, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    json_object_set_new(summary, key, json_string(text));
}

static json_t *summary_json(const SnapshotChange *change) {
    json_t *summary = json_pack("{s:s}", "operation", change->overwrite ? "overwrite" : "append");
    set_count(summary, "added-data-files", change->added_files);
    set_count(summary, "added-records", change->added_rows);
    set_count(summary, "added-files-size", change->added_bytes);
    if (change->overwrite && change->deleted_files > 0) {
        set_count(summary, "deleted-data-files", change->deleted_files);
        set_count(summary, "deleted-records", change->deleted_rows);
        set_count(summary, "removed-files-size", change->deleted_bytes);
    }
    set_count(summary, "total-data-files", change->total_files);
    set_count(summary, "total-records", change->total_rows);
    set_count(summary, "total-files-size", change->total_bytes);
    set_count(summary, "total-delete-files", 0);
    set_count(summary, "total-position-deletes", 0);
    set_count(summary, "total-equality-deletes", 0);
    return summary;
}

/* The member as an array, made when absent. */
static json_t *array_member(json_t *root, const char *key) {
    json_t *list = json_object_get(root, key);
    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new(root, key, list);
    }
    return list;
}

void table_metadata_add_snapshot(TableMetadata *metadata, const SnapshotChange *change,
                                 const char *previous_location) {
    json_t *root = metadata->root;
    json_t *snapshot =
        json_pack("{s:I, s:I, s:I, s:s, s:o, s:i}", "sequence-number", (json_int_t)change->sequence_number,
                  "snapshot-id", (json_int_t)change->snapshot_id, "timestamp-ms",
                  (json_int_t)change->timestamp_ms, "manifest-list", change->manifest_list, "summary",
                  summary_json(change), "schema-id", metadata->schema_id);
    if (metadata->snapshot_id != -1)
        json_object_set_new(snapshot, "parent-snapshot-id", json_integer(metadata->snapshot_id));
    json_array_append_new(array_member(root, "snapshots"), snapshot);
    json_array_append_new(array_member(root, "snapshot-log"),
                          json_pack("{s:I, s:I}", "timestamp-ms", (json_int_t)change->timestamp_ms,
                                    "snapshot-id", (json_int_t)change->snapshot_id));
    if (previous_location[0]) {
        json_t *log = array_member(root, "metadata-log");
        json_array_append_new(log, json_pack("{s:O, s:s}", "timestamp-ms",
                                             json_object_get(root, "last-updated-ms"), "metadata-file",
                                             previous_location));
        while (json_array_size(log) > METADATA_LOG_ENTRIES)
            json_array_remove(log, 0);
    }
    json_t *refs = json_object_get(root, "refs");
    if (!json_is_object(refs)) {
        refs = json_object();
        json_object_set_new(root, "refs", refs);
    }
    json_t *branch = json_object_get(refs, "main");
    if (json_is_object(branch))
        json_object_set_new(branch, "snapshot-id", json_integer(change->snapshot_id));
    else
        json_object_set_new(
            refs, "main",
            json_pack("{s:I, s:s}", "snapshot-id", (json_int_t)change->snapshot_id, "type", "branch"));
    json_object_set_new(root, "current-snapshot-id", json_integer(change->snapshot_id));
    json_object_set_new(root, "last-sequence-number", json_integer(change->sequence_number));
    json_object_set_new(root, "last-updated-ms", json_integer(change->timestamp_ms));
    metadata->snapshot_id = change->snapshot_id;
    metadata->last_sequence_number = change->sequence_number;
    metadata->snapshot = snapshot;
    metadata->manifest_list = json_string_value(json_object_get(snapshot, "manifest-list"));
}

char *table_metadata_text(const TableMetadata *metadata) {
    return json_dumps(metadata->root, JSON_COMPACT);
}
