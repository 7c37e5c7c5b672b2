/* Steps beside the schema: partitioning, sort order, properties, refs, expired snapshots. */
#include <stdio.h>
#include <string.h>

#include "engines/columnar/iceberg/layout_text.h"
#include "engines/columnar/iceberg/metadata_cache.h"
#include "engines/columnar/iceberg/metadata_step_internal.h"

static Status find_source(const TableMetadata *metadata, const LayoutItem *item, const TableColumn **out,
                          Error *err) {
    int at = metadata_find_column(metadata, item->column);
    if (at < 0)
        return error_set(err, SQLSTATE_UNDEFINED_COLUMN, "column \"%s\" does not exist", item->column);
    *out = &metadata->columns[at];
    if (transform_result_type(item->transform, (*out)->type).id != SQL_INVALID) return STATUS_OK;
    char name[32], type[SQLTYPE_NAME_BYTES];
    transform_name(item->transform, name);
    return error_set(err, SQLSTATE_DATATYPE_MISMATCH, "column \"%s\" of type %s cannot be used with %s",
                     item->column, sqltype_name((*out)->type, true, type), name);
}

/* The field's name: the column's own for identity, else with the transform's, told apart from columns. */
static void field_name(const TableMetadata *metadata, const LayoutItem *item, json_t *fields, char out[256]) {
    static const char *const SUFFIXES[] = {
        [TRANSFORM_IDENTITY] = "",  [TRANSFORM_BUCKET] = "_bucket", [TRANSFORM_TRUNCATE] = "_trunc",
        [TRANSFORM_YEAR] = "_year", [TRANSFORM_MONTH] = "_month",   [TRANSFORM_DAY] = "_day",
        [TRANSFORM_HOUR] = "_hour", [TRANSFORM_VOID] = "_null",     [TRANSFORM_UNKNOWN] = "",
    };
    for (int number = 1;; number++) {
        int length = snprintf(out, 240, "%s%s", item->column, SUFFIXES[item->transform.kind]);
        if (length > 239) length = 239;
        if (number > 1) snprintf(out + length, 16, "_%d", number);
        size_t index;
        json_t *field;
        bool taken = item->transform.kind != TRANSFORM_IDENTITY && metadata_find_column(metadata, out) >= 0;
        json_array_foreach(fields, index, field) {
            taken = taken || strcmp(json_string_value(json_object_get(field, "name")), out) == 0;
        }
        if (!taken) return;
    }
}

/* A field with this source and transform keeps the id it has in some earlier spec. */
static int partition_field_id(TableMetadata *metadata, int source_id, const char *transform) {
    size_t index, at;
    json_t *spec, *field;
    json_array_foreach(json_object_get(metadata->root, "partition-specs"), index, spec) {
        json_array_foreach(json_object_get(spec, "fields"), at, field) {
            const char *name = json_string_value(json_object_get(field, "transform"));
            json_t *id = json_object_get(field, "field-id");
            if (json_integer_value(json_object_get(field, "source-id")) == source_id && name &&
                strcmp(name, transform) == 0 && json_is_integer(id))
                return (int)json_integer_value(id);
        }
    }
    json_t *last = json_object_get(metadata->root, "last-partition-id");
    int next = json_is_integer(last) ? (int)json_integer_value(last) + 1 : 1000;
    json_object_set_new(metadata->root, "last-partition-id", json_integer(next));
    return next;
}

static Status partition_fields(TableMetadata *metadata, const char *text, Arena *arena, json_t *fields,
                               Error *err) {
    LayoutItem *items;
    int count;
    TRY(layout_parse(text, false, arena, &items, &count, err));
    for (int i = 0; i < count; i++) {
        const TableColumn *source;
        char transform[32], name[256];
        TRY(find_source(metadata, &items[i], &source, err));
        transform_name(items[i].transform, transform);
        field_name(metadata, &items[i], fields, name);
        for (int j = 0; j < i; j++)
            if (strcmp(items[j].column, items[i].column) == 0 &&
                items[j].transform.kind == items[i].transform.kind &&
                items[j].transform.width == items[i].transform.width)
                return error_set(err, "42701", "the table would be partitioned by \"%s\" twice", name);
        json_array_append_new(fields,
                              json_pack("{s:i, s:i, s:s, s:s}", "source-id", source->field_id, "field-id",
                                        partition_field_id(metadata, source->field_id, transform), "name",
                                        name, "transform", transform));
    }
    return STATUS_OK;
}

/* Appends {id_key: n, "fields": fields} unless such an entry is there; its id. Takes `fields`. */
static int adopt(json_t *list, const char *id_key, json_t *fields) {
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item) {
        if (json_equal(json_object_get(item, "fields"), fields)) {
            json_decref(fields);
            return (int)json_integer_value(json_object_get(item, id_key));
        }
    }
    int id = metadata_next_id(list, id_key);
    json_array_append_new(list, json_pack("{s:i, s:o}", id_key, id, "fields", fields));
    return id;
}

static Status set_partitioning(TableMetadata *metadata, const char *text, Arena *arena, Error *err) {
    json_t *fields = json_array();
    if (partition_fields(metadata, text, arena, fields, err) != STATUS_OK) {
        json_decref(fields);
        return STATUS_ERROR;
    }
    int id = adopt(json_array_member(metadata->root, "partition-specs"), "spec-id", fields);
    json_object_set_new(metadata->root, "default-spec-id", json_integer(id));
    return table_metadata_read_layout(metadata, metadata->location, arena, err);
}

static Status sort_fields(TableMetadata *metadata, const char *text, Arena *arena, json_t *fields,
                          Error *err) {
    LayoutItem *items;
    int count;
    TRY(layout_parse(text, true, arena, &items, &count, err));
    for (int i = 0; i < count; i++) {
        const TableColumn *source;
        char transform[32];
        TRY(find_source(metadata, &items[i], &source, err));
        transform_name(items[i].transform, transform);
        json_array_append_new(fields,
                              json_pack("{s:s, s:i, s:s, s:s}", "transform", transform, "source-id",
                                        source->field_id, "direction", items[i].descending ? "desc" : "asc",
                                        "null-order", items[i].nulls_first ? "nulls-first" : "nulls-last"));
    }
    return STATUS_OK;
}

static Status set_sort_order(TableMetadata *metadata, const char *text, Arena *arena, Error *err) {
    json_t *fields = json_array(), *orders = json_array_member(metadata->root, "sort-orders");
    if (sort_fields(metadata, text, arena, fields, err) != STATUS_OK) {
        json_decref(fields);
        return STATUS_ERROR;
    }
    if (!json_find_by_id(orders, "order-id", 0)) /* 0 is reserved for "unsorted" */
        json_array_append_new(orders, json_pack("{s:i, s:[]}", "order-id", 0, "fields"));
    int id = adopt(orders, "order-id", fields);
    json_object_set_new(metadata->root, "default-sort-order-id", json_integer(id));
    return table_metadata_read_layout(metadata, metadata->location, arena, err);
}

static Status set_property(TableMetadata *metadata, const MetadataStep *step, Arena *arena, Error *err) {
    json_t *properties = json_object_member(metadata->root, "properties");
    if (!step->text) {
        json_object_del(properties, step->name);
        return STATUS_OK;
    }
    json_t *value = json_string(step->text);
    if (!value || json_object_set_new(properties, step->name, value) != 0)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "property \"%s\" is not valid UTF-8", step->name);
    return table_metadata_read_schema(metadata, -1, metadata->location, arena, err);
}

static Status set_ref(TableMetadata *metadata, const MetadataStep *step, Error *err) {
    json_t *refs = json_object_member(metadata->root, "refs");
    bool is_main = strcmp(step->name, "main") == 0;
    if (!table_metadata_find_snapshot(metadata, step->snapshot_id))
        return error_set(err, "42704", "snapshot %lld does not exist", (long long)step->snapshot_id);
    if (is_main && step->flag) return error_set(err, "42809", "\"main\" is a branch and cannot be a tag");
    json_t *ref = json_object_get(refs, step->name);
    const char *type = step->flag ? "tag" : "branch";
    const char *held = json_string_value(json_object_get(ref, "type"));
    if (!json_is_object(ref)) {
        ref = json_object();
        if (!ref || json_object_set_new(refs, step->name, ref) != 0)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%s\" is no name for a branch", step->name);
    } else if (!held || strcmp(held, type) != 0) {
        return error_set(err, "42809", "\"%s\" is no %s", step->name, type);
    }
    json_object_set_new(ref, "snapshot-id", json_integer(step->snapshot_id));
    json_object_set_new(ref, "type", json_string(type));
    if (!is_main || metadata->snapshot_id == step->snapshot_id) return STATUS_OK;
    json_object_set_new(metadata->root, "current-snapshot-id", json_integer(step->snapshot_id));
    table_metadata_log_current(metadata, step->snapshot_id);
    return table_metadata_select(metadata, step->snapshot_id, metadata->location, err);
}

static Status drop_ref(TableMetadata *metadata, const MetadataStep *step, Error *err) {
    if (strcmp(step->name, "main") == 0) return error_set(err, "42809", "branch \"main\" cannot be dropped");
    if (json_object_del(json_object_member(metadata->root, "refs"), step->name) != 0)
        return error_set(err, "42704", "branch or tag \"%s\" does not exist", step->name);
    return STATUS_OK;
}

static Status expire(TableMetadata *metadata, const MetadataStep *step, Error *err) {
    json_t *root = metadata->root, *snapshots = json_object_get(root, "snapshots"), *ref, *item;
    const char *name;
    json_object_foreach(json_object_get(root, "refs"), name, ref) {
        if (json_integer_value(json_object_get(ref, "snapshot-id")) == step->snapshot_id)
            return error_set(err, SQLSTATE_SERIALIZATION_FAILURE, "snapshot %lld is in use by \"%s\"",
                             (long long)step->snapshot_id, name);
    }
    if (metadata->snapshot_id == step->snapshot_id)
        return error_set(err, SQLSTATE_SERIALIZATION_FAILURE, "snapshot %lld is the current one",
                         (long long)step->snapshot_id);
    size_t index;
    json_array_foreach(snapshots, index, item) {
        if (json_integer_value(json_object_get(item, "snapshot-id")) != step->snapshot_id) continue;
        metadata_items_lock();
        json_array_remove(snapshots, index);
        metadata_items_unlock();
        break;
    }
    metadata->expired = true;
    json_t *statistics = json_object_get(root, "statistics");
    for (size_t i = json_array_size(statistics); i > 0; i--) {
        json_t *id = json_object_get(json_array_get(statistics, i - 1), "snapshot-id");
        if (json_integer_value(id) == step->snapshot_id) json_array_remove(statistics, i - 1);
    }
    return STATUS_OK;
}

Status metadata_layout_step(TableMetadata *metadata, const MetadataStep *step, Arena *arena, Error *err) {
    switch (step->kind) {
    case STEP_PARTITIONING: return set_partitioning(metadata, step->text, arena, err);
    case STEP_SORT_ORDER: return set_sort_order(metadata, step->text, arena, err);
    case STEP_PROPERTY: return set_property(metadata, step, arena, err);
    case STEP_SET_REF: return set_ref(metadata, step, err);
    case STEP_DROP_REF: return drop_ref(metadata, step, err);
    default: return expire(metadata, step, err);
    }
}
