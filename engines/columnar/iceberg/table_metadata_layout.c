/* Partition specs and sort orders of table metadata. */
#include <string.h>

#include "engines/columnar/iceberg/table_metadata.h"

enum { MAX_LAYOUT_FIELDS = 1000, MAX_SPECS = 10000, FIRST_PARTITION_ID = 1000 };

static Status malformed(const char *name, const char *what, Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "table metadata \"%s\": %s", name, what);
}

/* The column's type as of the newest schema that has it: a spec may outlive the column in the current one. */
static SqlType source_type(const TableMetadata *metadata, int64_t field_id) {
    for (int i = 0; i < metadata->column_count; i++)
        if (metadata->columns[i].field_id == field_id) return metadata->columns[i].type;
    json_t *schemas = json_object_get(metadata->root, "schemas");
    for (size_t i = json_array_size(schemas); i > 0; i--) {
        json_t *fields = json_object_get(json_array_get(schemas, i - 1), "fields");
        json_t *field = json_find_by_id(fields, "id", field_id);
        if (field) return iceberg_type_parse(json_object_get(field, "type"), NULL);
    }
    return sqltype_of(SQL_OTHER);
}

static Transform read_transform(json_t *field) {
    const char *text = json_string_value(json_object_get(field, "transform"));
    return text ? transform_parse(text) : (Transform){TRANSFORM_UNKNOWN, 0};
}

static Status read_spec(const TableMetadata *metadata, json_t *fields, int spec_id, const char *name,
                        Arena *arena, PartitionSpec *out, Error *err) {
    size_t count = json_array_size(fields);
    if (count > MAX_LAYOUT_FIELDS) return malformed(name, "a partition spec has too many fields", err);
    PartitionField *parsed = ARENA_NEW_ARRAY(arena, PartitionField, count + 1);
    for (size_t i = 0; i < count; i++) {
        json_t *field = json_array_get(fields, i);
        const char *label = json_string_value(json_object_get(field, "name"));
        json_t *id = json_object_get(field, "field-id"), *source = json_object_get(field, "source-id");
        if (!json_is_integer(source)) source = json_array_get(json_object_get(field, "source-ids"), 0);
        if (!label || !json_is_integer(source))
            return malformed(name, "a partition field has no name or source", err);
        PartitionField *out_field = &parsed[i];
        *out_field = (PartitionField){.name = arena_strdup(arena, label),
                                      .source_id = (int)json_integer_value(source),
                                      .field_id = json_is_integer(id) ? (int)json_integer_value(id)
                                                                      : FIRST_PARTITION_ID + (int)i,
                                      .transform = read_transform(field)};
        out_field->source_type = source_type(metadata, out_field->source_id);
        out_field->result_type = transform_result_type(out_field->transform, out_field->source_type);
        if (out_field->result_type.id == SQL_INVALID) out_field->transform.kind = TRANSFORM_UNKNOWN;
    }
    *out = (PartitionSpec){.spec_id = spec_id, .field_count = (int)count, .fields = parsed};
    return STATUS_OK;
}

static Status read_specs(TableMetadata *metadata, const char *name, Arena *arena, Error *err) {
    json_t *specs = json_object_get(metadata->root, "partition-specs");
    size_t count = json_array_size(specs);
    if (count > MAX_SPECS) return malformed(name, "there are too many partition specs", err);
    metadata->specs = ARENA_NEW_ARRAY(arena, PartitionSpec, count + 1);
    metadata->spec_count = (int)count;
    metadata->spec_id = (int)json_integer_value(json_object_get(metadata->root, "default-spec-id"));
    if (count == 0) { /* version 1 */
        metadata->spec_count = 1;
        return read_spec(metadata, json_object_get(metadata->root, "partition-spec"), metadata->spec_id, name,
                         arena, &metadata->specs[0], err);
    }
    for (size_t i = 0; i < count; i++) {
        json_t *spec = json_array_get(specs, i);
        TRY(read_spec(metadata, json_object_get(spec, "fields"),
                      (int)json_integer_value(json_object_get(spec, "spec-id")), name, arena,
                      &metadata->specs[i], err));
    }
    if (!table_metadata_spec(metadata, metadata->spec_id))
        return malformed(name, "the default partition spec is missing", err);
    return STATUS_OK;
}

static Status read_sort_order(TableMetadata *metadata, const char *name, Arena *arena, Error *err) {
    int64_t id = json_integer_value(json_object_get(metadata->root, "default-sort-order-id"));
    json_t *order = json_find_by_id(json_object_get(metadata->root, "sort-orders"), "order-id", id);
    json_t *fields = json_object_get(order, "fields");
    size_t count = json_array_size(fields);
    if (count > MAX_LAYOUT_FIELDS) return malformed(name, "a sort order has too many fields", err);
    SortField *parsed = ARENA_NEW_ARRAY(arena, SortField, count + 1);
    for (size_t i = 0; i < count; i++) {
        json_t *field = json_array_get(fields, i);
        const char *direction = json_string_value(json_object_get(field, "direction"));
        const char *nulls = json_string_value(json_object_get(field, "null-order"));
        parsed[i] = (SortField){
            .source_id = (int)json_integer_value(json_object_get(field, "source-id")),
            .transform = read_transform(field),
            .descending = direction && strcmp(direction, "desc") == 0,
            .nulls_first = nulls && strcmp(nulls, "nulls-first") == 0,
        };
    }
    metadata->sort_order = (SortOrder){.order_id = (int)id, .field_count = (int)count, .fields = parsed};
    return STATUS_OK;
}

Status table_metadata_read_layout(TableMetadata *metadata, const char *name, Arena *arena, Error *err) {
    TRY(read_specs(metadata, name, arena, err));
    return read_sort_order(metadata, name, arena, err);
}

const PartitionSpec *table_metadata_spec(const TableMetadata *metadata, int spec_id) {
    for (int i = 0; i < metadata->spec_count; i++)
        if (metadata->specs[i].spec_id == spec_id) return &metadata->specs[i];
    return NULL;
}
