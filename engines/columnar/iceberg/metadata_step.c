/* Columns: each change makes a new schema from the current one. The others are in metadata_layout_step.c. */
#include <stdio.h>
#include <string.h>

#include "engines/columnar/iceberg/metadata_step_internal.h"

int metadata_find_column(const TableMetadata *metadata, const char *name) {
    for (int i = 0; i < metadata->column_count; i++)
        if (strcmp(metadata->columns[i].name, name) == 0) return i;
    return -1;
}

static Status find_field(const TableMetadata *metadata, const char *name, json_t *fields, int *at,
                         Error *err) {
    *at = metadata_find_column(metadata, name);
    if (*at < 0 || !json_array_get(fields, (size_t)*at))
        return error_set(err, SQLSTATE_UNDEFINED_COLUMN, "column \"%s\" does not exist", name);
    return STATUS_OK;
}

int metadata_next_id(json_t *list, const char *key) {
    int next = 0;
    size_t index;
    json_t *item;
    json_array_foreach(list, index, item) {
        int id = (int)json_integer_value(json_object_get(item, key));
        next = id >= next ? id + 1 : next;
    }
    return next;
}

/* A copy of the current schema to be changed. */
static json_t *edited_schema(const TableMetadata *metadata) {
    json_t *schemas = json_object_get(metadata->root, "schemas");
    json_t *current = json_find_by_id(schemas, "schema-id", metadata->schema_id);
    return current ? json_deep_copy(current) : json_pack("{s:s, s:[]}", "type", "struct", "fields");
}

/* Makes it current, under the id of an earlier schema when it is that one again. Takes it. */
static Status adopt_schema(TableMetadata *metadata, json_t *schema, Arena *arena, Error *err) {
    json_t *schemas = json_array_member(metadata->root, "schemas"), *item;
    int id = -1;
    size_t index;
    json_array_foreach(schemas, index, item) {
        json_object_set(schema, "schema-id", json_object_get(item, "schema-id"));
        if (id < 0 && json_equal(schema, item))
            id = (int)json_integer_value(json_object_get(item, "schema-id"));
    }
    if (id < 0) {
        id = metadata_next_id(schemas, "schema-id");
        json_object_set_new(schema, "schema-id", json_integer(id));
        json_array_append(schemas, schema);
    }
    json_decref(schema);
    json_object_set_new(metadata->root, "current-schema-id", json_integer(id));
    json_object_set_new(metadata->root, "last-column-id", json_integer(metadata->last_column_id));
    TRY(table_metadata_read_schema(metadata, id, metadata->location, arena, err));
    return table_metadata_read_layout(metadata, metadata->location, arena, err);
}

/* Beside the schema goes what Iceberg's type does not say. */
static Status set_type(TableMetadata *metadata, json_t *field, const TableColumn *column, Error *err) {
    char declared[SQLTYPE_NAME_BYTES], key[64];
    json_t *type;
    TRY(iceberg_type_json(column->type, column->name, column->element_id, &type, err));
    json_object_set_new(field, "type", type);
    json_t *properties = json_object_member(metadata->root, "properties");
    snprintf(key, sizeof key, ICEBERG_TYPE_PROPERTY "%d", column->field_id);
    if (iceberg_type_needs_property(column->type))
        json_object_set_new(properties, key, json_string(sqltype_name(column->type, true, declared)));
    else
        json_object_del(properties, key);
    return STATUS_OK;
}

static Status place_after(const TableMetadata *metadata, const char *after, json_t *fields, int *at,
                          Error *err) {
    *at = (int)json_array_size(fields);
    if (!after) return STATUS_OK;
    *at = -1;
    if (*after) {
        size_t index;
        json_t *field;
        json_array_foreach(fields, index, field) {
            if (strcmp(json_string_value(json_object_get(field, "name")), after) == 0) *at = (int)index;
        }
        if (*at < 0) return error_set(err, SQLSTATE_UNDEFINED_COLUMN, "column \"%s\" does not exist", after);
    }
    ++*at;
    return STATUS_OK;
}

static Status add_column(TableMetadata *metadata, const MetadataStep *step, json_t *fields, Error *err) {
    TableColumn column = step->column;
    int at;
    if (metadata_find_column(metadata, column.name) >= 0)
        return error_set(err, "42701", "column \"%s\" already exists", column.name);
    if (!column.name[0]) return error_set(err, "42602", "a column needs a name");
    if (!column.nullable && metadata->snapshot_id != -1)
        return error_set(err, "23502", "column \"%s\" contains null values", column.name);
    TRY(place_after(metadata, step->text, fields, &at, err));
    column.field_id = metadata->last_column_id + 1;
    column.element_id = column.type.is_array ? column.field_id + 1 : 0;
    json_t *field = json_pack("{s:i, s:s, s:b}", "id", column.field_id, "name", column.name, "required",
                              !column.nullable);
    if (!field) return error_set(err, SQLSTATE_INVALID_PARAMETER, "a column's name is not valid UTF-8");
    json_array_insert_new(fields, (size_t)at, field);
    TRY(set_type(metadata, field, &column, err));
    metadata->last_column_id += column.type.is_array ? 2 : 1;
    return STATUS_OK;
}

static bool layout_uses(const TableMetadata *metadata, int field_id) {
    const PartitionSpec *spec = table_metadata_spec(metadata, metadata->spec_id);
    for (int i = 0; spec && i < spec->field_count; i++)
        if (spec->fields[i].source_id == field_id && spec->fields[i].transform.kind != TRANSFORM_VOID)
            return true;
    for (int i = 0; i < metadata->sort_order.field_count; i++)
        if (metadata->sort_order.fields[i].source_id == field_id) return true;
    return false;
}

static Status drop_column(TableMetadata *metadata, const char *name, json_t *fields, Error *err) {
    int at;
    TRY(find_field(metadata, name, fields, &at, err));
    int field_id = metadata->columns[at].field_id;
    if (layout_uses(metadata, field_id))
        return error_set(err, "2BP01", "cannot drop column \"%s\": the table is partitioned or sorted by it",
                         name);
    if (metadata->column_count == 1)
        return error_set(err, "42P16", "cannot drop column \"%s\": a table needs at least one", name);
    json_array_remove(fields, (size_t)at);
    char key[64];
    snprintf(key, sizeof key, ICEBERG_TYPE_PROPERTY "%d", field_id);
    json_object_del(json_object_member(metadata->root, "properties"), key);
    return STATUS_OK;
}

static Status rename_column(TableMetadata *metadata, const MetadataStep *step, json_t *fields, Error *err) {
    int at;
    TRY(find_field(metadata, step->name, fields, &at, err));
    if (strcmp(step->name, step->text) == 0) return STATUS_OK;
    if (metadata_find_column(metadata, step->text) >= 0)
        return error_set(err, "42701", "column \"%s\" already exists", step->text);
    json_t *name = step->text[0] ? json_string(step->text) : NULL;
    if (!name) return error_set(err, "42602", "\"%s\" is no name for a column", step->text);
    json_object_set_new(json_array_get(fields, (size_t)at), "name", name);
    return STATUS_OK;
}

/* Every stored value is a value of the new type unchanged. */
static bool widens(SqlType from, SqlType to) {
    if (from.is_array || to.is_array) return false;
    if (sqltype_equals(from, to)) return true;
    if (from.id == SQL_INT2) return to.id == SQL_INT4 || to.id == SQL_INT8;
    if (from.id == SQL_INT4) return to.id == SQL_INT8;
    if (from.id == SQL_FLOAT4) return to.id == SQL_FLOAT8;
    if (from.id == SQL_NUMERIC)
        return to.id == SQL_NUMERIC && to.scale == from.scale && to.precision >= from.precision;
    if (from.id == SQL_VARCHAR)
        return to.id == SQL_TEXT ||
               (to.id == SQL_VARCHAR &&
                (to.precision == 0 || (from.precision && to.precision >= from.precision)));
    return from.id == SQL_TEXT && to.id == SQL_VARCHAR && to.precision == 0;
}

static Status widen_column(TableMetadata *metadata, const MetadataStep *step, json_t *fields, Error *err) {
    int at;
    TRY(find_field(metadata, step->name, fields, &at, err));
    TableColumn column = metadata->columns[at];
    if (column.nested || !widens(column.type, step->column.type)) {
        char from[SQLTYPE_NAME_BYTES], to[SQLTYPE_NAME_BYTES];
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "column \"%s\" of type %s cannot become %s in place", step->name,
                         sqltype_name(column.type, true, from), sqltype_name(step->column.type, true, to));
    }
    column.type = step->column.type;
    return set_type(metadata, json_array_get(fields, (size_t)at), &column, err);
}

static Status move_column(TableMetadata *metadata, const MetadataStep *step, json_t *fields, Error *err) {
    int at, to;
    TRY(find_field(metadata, step->name, fields, &at, err));
    if (step->text && strcmp(step->text, step->name) == 0) return STATUS_OK;
    json_t *field = json_incref(json_array_get(fields, (size_t)at));
    json_array_remove(fields, (size_t)at);
    Status status = place_after(metadata, step->text, fields, &to, err);
    if (status == STATUS_OK) json_array_insert(fields, (size_t)to, field);
    json_decref(field);
    return status;
}

static Status change_fields(TableMetadata *metadata, const MetadataStep *step, json_t *fields, Error *err) {
    int at;
    switch (step->kind) {
    case STEP_ADD_COLUMN: return add_column(metadata, step, fields, err);
    case STEP_DROP_COLUMN: return drop_column(metadata, step->name, fields, err);
    case STEP_RENAME_COLUMN: return rename_column(metadata, step, fields, err);
    case STEP_WIDEN_COLUMN: return widen_column(metadata, step, fields, err);
    case STEP_MOVE_COLUMN: return move_column(metadata, step, fields, err);
    default:
        TRY(find_field(metadata, step->name, fields, &at, err));
        json_object_set_new(json_array_get(fields, (size_t)at), "required", json_false());
        return STATUS_OK;
    }
}

static Status replace_columns(TableMetadata *metadata, const MetadataStep *step, Arena *arena, Error *err) {
    MetadataStep unsorted = {.kind = STEP_SORT_ORDER, .text = ""};
    MetadataStep unpartitioned = {.kind = STEP_PARTITIONING, .text = ""};
    TRY(metadata_layout_step(metadata, &unsorted, arena, err));
    TRY(metadata_layout_step(metadata, &unpartitioned, arena, err));
    TRY(table_metadata_set_schema(metadata, step->columns, step->column_count, arena, err));
    return table_metadata_read_layout(metadata, metadata->location, arena, err);
}

Status metadata_step_apply(TableMetadata *metadata, const MetadataStep *step, Arena *arena, Error *err) {
    if (step->kind == STEP_REPLACE_COLUMNS) return replace_columns(metadata, step, arena, err);
    if (step->kind > STEP_REPLACE_COLUMNS) return metadata_layout_step(metadata, step, arena, err);
    if (step->kind == STEP_ADD_COLUMN && step->flag && metadata_find_column(metadata, step->column.name) >= 0)
        return STATUS_OK;
    if (step->kind == STEP_DROP_COLUMN && step->flag && metadata_find_column(metadata, step->name) < 0)
        return STATUS_OK;
    json_t *schema = edited_schema(metadata);
    if (change_fields(metadata, step, json_object_get(schema, "fields"), err) != STATUS_OK) {
        json_decref(schema);
        return STATUS_ERROR;
    }
    return adopt_schema(metadata, schema, arena, err);
}
