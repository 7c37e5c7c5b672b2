#include "engines/columnar/iceberg/table_metadata.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engines/base/clock.h"
#include "engines/columnar/iceberg/metadata_cache.h"
#include "engines/columnar/store/local_store.h"

/* Iceberg's vectorised reader (Spark's default) refuses every delta encoding, its row reader takes all: which
 * of them reads is the table's to say. */
#define VECTORIZED_READS "read.parquet.vectorization.enabled"

bool table_metadata_plain_encodings(const TableMetadata *metadata) {
    json_t *properties = json_object_get(metadata->root, "properties");
    const char *vectorized = json_string_value(json_object_get(properties, VECTORIZED_READS));
    return !vectorized || strcmp(vectorized, "false") != 0;
}

bool table_metadata_word_filters(const TableMetadata *metadata) {
    json_t *properties = json_object_get(metadata->root, "properties");
    const char *wanted = json_string_value(json_object_get(properties, "signalbox.word-filters"));
    return !wanted || strcasecmp(wanted, "false") != 0;
}

static Status malformed(const char *name, const char *what, Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "table metadata \"%s\": %s", name, what);
}

json_t *json_find_by_id(json_t *list, const char *key, int64_t id) {
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item) {
        json_t *value = json_object_get(item, key);
        if (json_is_integer(value) && json_integer_value(value) == id) return item;
    }
    return NULL;
}

static json_t *member(json_t *root, const char *key, json_t *(*make)(void), json_type type) {
    json_t *found = json_object_get(root, key);
    if (!found || json_typeof(found) != type) {
        found = make();
        json_object_set_new(root, key, found);
    }
    return found;
}

json_t *json_array_member(json_t *root, const char *key) {
    return member(root, key, json_array, JSON_ARRAY);
}

json_t *json_object_member(json_t *root, const char *key) {
    return member(root, key, json_object, JSON_OBJECT);
}

static Status parse_column(json_t *field, json_t *properties, const char *name, Arena *arena,
                           TableColumn *out, Error *err) {
    const char *column = json_string_value(json_object_get(field, "name"));
    json_t *id = json_object_get(field, "id");
    if (!column || !json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX)
        return malformed(name, "a field has no name or id", err);
    char key[64];
    snprintf(key, sizeof key, ICEBERG_TYPE_PROPERTY "%" JSON_INTEGER_FORMAT, json_integer_value(id));
    *out = (TableColumn){
        .name = arena_strdup(arena, column),
        .type = iceberg_type_parse(json_object_get(field, "type"),
                                   json_string_value(json_object_get(properties, key))),
        .nullable = !json_is_true(json_object_get(field, "required")),
        .field_id = (int)json_integer_value(id),
        .nested = iceberg_type_is_nested(json_object_get(field, "type")),
    };
    json_t *element = json_object_get(json_object_get(field, "type"), "element-id");
    if (out->type.is_array && json_integer_value(element) > 0 && json_integer_value(element) <= INT32_MAX)
        out->element_id = (int)json_integer_value(element);
    return STATUS_OK;
}

/* Version 1 writers may give one "schema" without an id. */
static json_t *schema_of(const TableMetadata *metadata, int schema_id) {
    json_t *schema = json_find_by_id(json_object_get(metadata->root, "schemas"), "schema-id", schema_id);
    return schema ? schema : json_object_get(metadata->root, "schema");
}

Status table_metadata_read_schema(TableMetadata *metadata, int schema_id, const char *name, Arena *arena,
                                  Error *err) {
    if (schema_id >= 0) metadata->schema_id = schema_id;
    json_t *fields = json_object_get(schema_of(metadata, metadata->schema_id), "fields");
    if (!json_is_array(fields)) return malformed(name, "the current schema is missing", err);
    json_t *properties = json_object_get(metadata->root, "properties");
    size_t count = json_array_size(fields);
    if (count > 100000) return malformed(name, "the schema has too many columns", err);
    metadata->columns = ARENA_NEW_ARRAY(arena, TableColumn, count + 1);
    metadata->column_count = (int)count;
    for (size_t i = 0; i < count; i++)
        TRY(parse_column(json_array_get(fields, i), properties, name, arena, &metadata->columns[i], err));
    return table_metadata_read_origins(metadata, fields, name, arena, err);
}

json_t *table_metadata_find_snapshot(const TableMetadata *metadata, int64_t snapshot_id) {
    return json_find_by_id(json_object_get(metadata->root, "snapshots"), "snapshot-id", snapshot_id);
}

Status table_metadata_select(TableMetadata *metadata, int64_t snapshot_id, const char *name, Error *err) {
    metadata->snapshot_id = snapshot_id;
    metadata->snapshot = NULL;
    metadata->manifest_list = NULL;
    if (snapshot_id == -1) return STATUS_OK;
    metadata->snapshot = table_metadata_find_snapshot(metadata, snapshot_id);
    if (!metadata->snapshot) return malformed(name, "the current snapshot is not among the snapshots", err);
    metadata->manifest_list = json_string_value(json_object_get(metadata->snapshot, "manifest-list"));
    if (!metadata->manifest_list && !json_is_array(json_object_get(metadata->snapshot, "manifests")))
        return malformed(name, "a snapshot has no manifest list", err);
    return STATUS_OK;
}

int64_t table_metadata_property(const TableMetadata *metadata, const char *key, int64_t fallback) {
    const char *text = json_string_value(json_object_get(json_object_get(metadata->root, "properties"), key));
    char *end;
    if (!text || !*text) return fallback;
    if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0) return (text[0] | 32) == 't';
    long long value = strtoll(text, &end, 10);
    return *end ? fallback : value;
}

Status table_metadata_parse(const char *text, size_t bytes, const char *name, Arena *arena,
                            TableMetadata *out, Error *err) {
    json_error_t problem;
    *out = (TableMetadata){0};
    json_t *root = json_loadb(text, bytes, 0, &problem);
    return root ? table_metadata_take(root, name, arena, out, err) : malformed(name, problem.text, err);
}

Status table_metadata_take(json_t *root, const char *name, Arena *arena, TableMetadata *out, Error *err) {
    *out = (TableMetadata){.root = root, .snapshot_id = -1};
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
    TRY(table_metadata_read_schema(out, -1, name, arena, err));
    TRY(table_metadata_read_layout(out, name, arena, err));
    json_t *current = json_object_get(root, "current-snapshot-id");
    return table_metadata_select(out, json_is_integer(current) ? json_integer_value(current) : -1, name, err);
}

void table_metadata_copy(const TableMetadata *from, TableMetadata *out) {
    *out = *from;
    out->root = metadata_json_copy(from->root);
    out->location = json_string_value(json_object_get(out->root, "location"));
    out->snapshot = table_metadata_find_snapshot(out, from->snapshot_id);
    out->manifest_list = json_string_value(json_object_get(out->snapshot, "manifest-list"));
}

void table_metadata_deinit(TableMetadata *metadata) {
    metadata_json_free(metadata->root);
    metadata->root = NULL;
}

static Status schema_json(const TableColumn *columns, int column_count, int schema_id, json_t *properties,
                          json_t **out, Error *err) {
    json_t *fields = json_array();
    for (int i = 0; i < column_count; i++) {
        char key[64];
        json_t *type;
        if (iceberg_type_json(columns[i].type, columns[i].name, columns[i].element_id, &type, err) !=
            STATUS_OK) {
            json_decref(fields);
            return STATUS_ERROR;
        }
        json_t *field = json_pack("{s:i, s:s, s:b, s:o}", "id", columns[i].field_id, "name", columns[i].name,
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
    for (int i = 0; i < column_count; i++) {
        out->columns[i].field_id = i + 1;
        out->columns[i].element_id = columns[i].type.is_array ? ++out->last_column_id : 0;
    }
    json_t *properties =
        json_pack("{s:s, s:s, s:s}", "write.parquet.compression-codec", "zstd", VECTORIZED_READS, "false",
                  "write.metadata.delete-after-commit.enabled", "true");
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
        "last-updated-ms", (json_int_t)now_ms(), "last-column-id", out->last_column_id, "current-schema-id",
        0, "schemas", schema, "default-spec-id", 0, "partition-specs", "spec-id", 0, "fields",
        "last-partition-id", 999, "default-sort-order-id", 0, "sort-orders", "order-id", 0, "fields",
        "properties", properties, "refs", "snapshots", "snapshot-log", "metadata-log");
    if (!out->root)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "the location \"%s\" is not valid UTF-8", location);
    out->location = json_string_value(json_object_get(out->root, "location"));
    return table_metadata_read_layout(out, location, arena, err);
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
            if (strcmp(old->name, columns[i].name) == 0 && sqltype_equals(old->type, columns[i].type) &&
                !old->nested) {
                columns[i].field_id = old->field_id;
                columns[i].element_id = old->element_id;
                same = same && i == j && old->nullable == columns[i].nullable;
            }
        }
        if (!columns[i].field_id) {
            columns[i].field_id = ++metadata->last_column_id;
            columns[i].element_id = columns[i].type.is_array ? ++metadata->last_column_id : 0;
            same = false;
        }
    }
    if (same) return STATUS_OK;
    json_t *properties = json_object_member(metadata->root, "properties");
    json_t *schema;
    TRY(schema_json(columns, column_count, schema_id, properties, &schema, err));
    json_array_append_new(schemas, schema);
    json_object_set_new(metadata->root, "current-schema-id", json_integer(schema_id));
    json_object_set_new(metadata->root, "last-column-id", json_integer(metadata->last_column_id));
    metadata->schema_id = schema_id;
    metadata->columns = copy_columns(columns, column_count, arena);
    metadata->column_count = column_count;
    metadata->origins = NULL;
    return STATUS_OK;
}

void table_metadata_log_current(TableMetadata *metadata, int64_t snapshot_id) {
    json_array_append_new(json_array_member(metadata->root, "snapshot-log"),
                          json_pack("{s:I, s:I}", "timestamp-ms", (json_int_t)now_ms(), "snapshot-id",
                                    (json_int_t)snapshot_id));
}

static void set_current(TableMetadata *metadata, const SnapshotChange *change, json_t *snapshot) {
    json_t *root = metadata->root;
    json_array_append_new(json_array_member(root, "snapshot-log"),
                          json_pack("{s:I, s:I}", "timestamp-ms", (json_int_t)change->timestamp_ms,
                                    "snapshot-id", (json_int_t)change->snapshot_id));
    json_object_set_new(root, "current-snapshot-id", json_integer(change->snapshot_id));
    metadata->snapshot_id = change->snapshot_id;
    metadata->snapshot = snapshot;
    metadata->manifest_list = json_string_value(json_object_get(snapshot, "manifest-list"));
}

void table_metadata_add_snapshot(TableMetadata *metadata, const SnapshotChange *change) {
    json_t *root = metadata->root;
    const char *branch = change->branch ? change->branch : "main";
    json_t *snapshot = json_pack(
        "{s:I, s:I, s:I, s:s, s:o, s:i}", "sequence-number", (json_int_t)change->sequence_number,
        "snapshot-id", (json_int_t)change->snapshot_id, "timestamp-ms", (json_int_t)change->timestamp_ms,
        "manifest-list", change->manifest_list, "summary", change->summary, "schema-id", metadata->schema_id);
    if (change->parent_id != -1)
        json_object_set_new(snapshot, "parent-snapshot-id", json_integer(change->parent_id));
    json_array_append_new(json_array_member(root, "snapshots"), snapshot);
    json_t *refs = json_object_member(root, "refs");
    json_t *ref = json_object_get(refs, branch);
    if (json_is_object(ref))
        json_object_set_new(ref, "snapshot-id", json_integer(change->snapshot_id));
    else
        json_object_set_new(
            refs, branch,
            json_pack("{s:I, s:s}", "snapshot-id", (json_int_t)change->snapshot_id, "type", "branch"));
    json_object_set_new(root, "last-sequence-number", json_integer(change->sequence_number));
    metadata->last_sequence_number = change->sequence_number;
    if (strcmp(branch, "main") == 0) set_current(metadata, change, snapshot);
}

/* An entry whose snapshot is gone would tell wrongly what was current when: it goes, and those before it. */
static void trim_log(TableMetadata *metadata) {
    json_t *known = json_object(), *log = json_object_get(metadata->root, "snapshot-log"), *item;
    size_t index;
    char key[32];
    json_array_foreach(json_object_get(metadata->root, "snapshots"), index, item) {
        snprintf(key, sizeof key, "%" PRId64,
                 (int64_t)json_integer_value(json_object_get(item, "snapshot-id")));
        json_object_set_new(known, key, json_true());
    }
    json_t *kept = json_array();
    json_array_foreach(log, index, item) {
        snprintf(key, sizeof key, "%" PRId64,
                 (int64_t)json_integer_value(json_object_get(item, "snapshot-id")));
        if (json_object_get(known, key))
            json_array_append(kept, item);
        else
            json_array_clear(kept);
    }
    json_object_set_new(metadata->root, "snapshot-log", kept);
    json_decref(known);
}

void table_metadata_finish(TableMetadata *metadata, const char *previous_location, Arena *arena,
                           const char ***dropped, int *dropped_count) {
    json_t *root = metadata->root;
    *dropped_count = 0;
    *dropped = NULL;
    metadata_items_lock();
    if (metadata->expired) trim_log(metadata);
    if (previous_location[0]) {
        json_t *log = json_array_member(root, "metadata-log");
        json_t *updated = json_object_get(root, "last-updated-ms");
        json_array_append_new(log, json_pack("{s:I, s:s}", "timestamp-ms", json_integer_value(updated),
                                             "metadata-file", previous_location));
        int64_t most =
            table_metadata_property(metadata, "write.metadata.previous-versions-max", METADATA_LOG_ENTRIES);
        if (most < 1) most = 1;
        size_t excess = json_array_size(log) > (size_t)most ? json_array_size(log) - (size_t)most : 0;
        *dropped = ARENA_NEW_ARRAY(arena, const char *, excess + 1);
        for (; excess > 0; excess--) {
            json_t *file = json_object_get(json_array_get(log, 0), "metadata-file");
            if (json_is_string(file))
                (*dropped)[(*dropped_count)++] = arena_strdup(arena, json_string_value(file));
            json_array_remove(log, 0);
        }
    }
    metadata_items_unlock();
    json_object_set_new(root, "last-updated-ms", json_integer(now_ms()));
}
