#include "engines/columnar/iceberg/avro_schema.h"

#include <jansson.h>
#include <string.h>

enum { MAX_NAMED_TYPES = 256, MAX_SCHEMA_ITEMS = 10000 };

typedef struct SchemaParser {
    Arena *arena;
    AvroSchema *named[MAX_NAMED_TYPES];
    int named_count;
    int item_count;
} SchemaParser;

static Status parse_node(SchemaParser *parser, json_t *node, int depth, const AvroSchema **out, Error *err);

static Status bad_schema(Error *err, const char *what) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "Avro schema: %s", what);
}

static const struct {
    const char *name;
    AvroKind kind;
} PRIMITIVES[] = {
    {"null", AVRO_NULL},   {"boolean", AVRO_BOOLEAN}, {"int", AVRO_INT},     {"long", AVRO_LONG},
    {"float", AVRO_FLOAT}, {"double", AVRO_DOUBLE},   {"bytes", AVRO_BYTES}, {"string", AVRO_STRING},
};

static Status parse_name(SchemaParser *parser, const char *name, const AvroSchema **out, Error *err) {
    for (size_t i = 0; i < sizeof PRIMITIVES / sizeof *PRIMITIVES; i++) {
        if (strcmp(PRIMITIVES[i].name, name) == 0) {
            AvroSchema *schema = ARENA_NEW(parser->arena, AvroSchema);
            schema->kind = PRIMITIVES[i].kind;
            *out = schema;
            return STATUS_OK;
        }
    }
    for (int i = parser->named_count - 1; i >= 0; i--) {
        if (strcmp(parser->named[i]->name, name) == 0) {
            *out = parser->named[i];
            return STATUS_OK;
        }
    }
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "Avro schema: unknown type \"%s\"", name);
}

static Status register_named(SchemaParser *parser, AvroSchema *schema, json_t *node, Error *err) {
    const char *name = json_string_value(json_object_get(node, "name"));
    if (!name) return bad_schema(err, "a named type without a name");
    if (parser->named_count == MAX_NAMED_TYPES) return bad_schema(err, "too many named types");
    schema->name = arena_strdup(parser->arena, name);
    parser->named[parser->named_count++] = schema;
    return STATUS_OK;
}

static Status parse_record(SchemaParser *parser, AvroSchema *schema, json_t *node, int depth, Error *err) {
    schema->kind = AVRO_RECORD;
    TRY(register_named(parser, schema, node, err));
    json_t *fields = json_object_get(node, "fields");
    if (!json_is_array(fields)) return bad_schema(err, "a record without fields");
    size_t count = json_array_size(fields);
    AvroField *parsed = ARENA_NEW_ARRAY(parser->arena, AvroField, count);
    for (size_t i = 0; i < count; i++) {
        json_t *field = json_array_get(fields, i);
        const char *name = json_string_value(json_object_get(field, "name"));
        if (!name) return bad_schema(err, "a field without a name");
        json_t *id = json_object_get(field, "field-id");
        parsed[i].name = arena_strdup(parser->arena, name);
        parsed[i].id = json_is_integer(id) ? json_integer_value(id) : -1;
        TRY(parse_node(parser, json_object_get(field, "type"), depth + 1, &parsed[i].schema, err));
    }
    schema->fields = parsed;
    schema->count = (int)count;
    return STATUS_OK;
}

static Status parse_items(SchemaParser *parser, AvroSchema *schema, json_t *items, int depth, Error *err) {
    schema->branches = ARENA_NEW_ARRAY(parser->arena, const AvroSchema *, 1);
    return parse_node(parser, items, depth + 1, &schema->branches[0], err);
}

static Status parse_object(SchemaParser *parser, json_t *node, int depth, const AvroSchema **out,
                           Error *err) {
    json_t *type = json_object_get(node, "type");
    if (!json_is_string(type)) return parse_node(parser, type, depth + 1, out, err);
    const char *name = json_string_value(type);
    AvroSchema *schema = ARENA_NEW(parser->arena, AvroSchema);
    *out = schema;
    if (strcmp(name, "record") == 0) return parse_record(parser, schema, node, depth, err);
    if (strcmp(name, "array") == 0) {
        schema->kind = AVRO_ARRAY;
        return parse_items(parser, schema, json_object_get(node, "items"), depth, err);
    }
    if (strcmp(name, "map") == 0) {
        schema->kind = AVRO_MAP;
        return parse_items(parser, schema, json_object_get(node, "values"), depth, err);
    }
    if (strcmp(name, "enum") == 0) {
        schema->kind = AVRO_ENUM;
        schema->count = (int)json_array_size(json_object_get(node, "symbols"));
        return register_named(parser, schema, node, err);
    }
    if (strcmp(name, "fixed") == 0) {
        schema->kind = AVRO_FIXED;
        schema->fixed_bytes = json_integer_value(json_object_get(node, "size"));
        if (schema->fixed_bytes < 0 || schema->fixed_bytes > 1 << 20)
            return bad_schema(err, "the size of a fixed type is out of range");
        return register_named(parser, schema, node, err);
    }
    return parse_name(parser, name, out, err);
}

static Status parse_node(SchemaParser *parser, json_t *node, int depth, const AvroSchema **out, Error *err) {
    if (depth > AVRO_MAX_DEPTH || ++parser->item_count > MAX_SCHEMA_ITEMS)
        return bad_schema(err, "nested too deeply or too large");
    if (json_is_string(node)) return parse_name(parser, json_string_value(node), out, err);
    if (json_is_object(node)) return parse_object(parser, node, depth, out, err);
    if (!json_is_array(node)) return bad_schema(err, "a type is missing");
    AvroSchema *schema = ARENA_NEW(parser->arena, AvroSchema);
    schema->kind = AVRO_UNION;
    schema->count = (int)json_array_size(node);
    schema->branches = ARENA_NEW_ARRAY(parser->arena, const AvroSchema *, schema->count + 1);
    for (int i = 0; i < schema->count; i++)
        TRY(parse_node(parser, json_array_get(node, (size_t)i), depth + 1, &schema->branches[i], err));
    *out = schema;
    return STATUS_OK;
}

Status avro_schema_parse(const char *json, size_t length, Arena *arena, const AvroSchema **out, Error *err) {
    json_error_t problem;
    json_t *root = json_loadb(json, length, JSON_DECODE_ANY, &problem);
    if (!root) return error_set(err, SQLSTATE_DATA_CORRUPTED, "Avro schema: %s", problem.text);
    SchemaParser parser = {.arena = arena};
    Status status = parse_node(&parser, root, 0, out, err);
    json_decref(root);
    return status;
}
