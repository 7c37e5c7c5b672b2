#include "engines/base/arrow_stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- schema metadata: int32 count, then (int32 length, bytes) for key and value, native endianness ---------- */

static const char *metadata_value(const char *metadata, const char *key, char *scratch, size_t scratch_bytes) {
    if (!metadata)
        return NULL;
    int32_t count;
    memcpy(&count, metadata, 4);
    const char *at = metadata + 4;
    for (int32_t i = 0; i < count; i++) {
        int32_t key_length, value_length;
        memcpy(&key_length, at, 4);
        const char *key_text = at + 4;
        memcpy(&value_length, key_text + key_length, 4);
        const char *value_text = key_text + key_length + 4;
        if ((size_t)key_length == strlen(key) && !memcmp(key_text, key, (size_t)key_length)) {
            snprintf(scratch, scratch_bytes, "%.*s", value_length, value_text);
            return scratch;
        }
        at = value_text + value_length;
    }
    return NULL;
}

static char *metadata_of_type(const char *type_name) {
    int32_t count = 1, key_length = 7, value_length = (int32_t)strlen(type_name);
    char *metadata = malloc(12 + 7 + (size_t)value_length + 1);
    memcpy(metadata, &count, 4);
    memcpy(metadata + 4, &key_length, 4);
    memcpy(metadata + 8, "pg_type", 7);
    memcpy(metadata + 15, &value_length, 4);
    memcpy(metadata + 19, type_name, (size_t)value_length + 1);
    return metadata;
}

static SqlType type_of_format(const ArrowSchema *column) {
    const char *format = column->format;
    static const struct { const char *format; SqlTypeId id; } plain[] = {
        {"b", SQL_BOOL},  {"c", SQL_INT2},   {"C", SQL_INT2},   {"s", SQL_INT2},  {"S", SQL_INT4},  {"i", SQL_INT4},
        {"I", SQL_INT8},  {"l", SQL_INT8},   {"f", SQL_FLOAT4}, {"g", SQL_FLOAT8}, {"u", SQL_TEXT},  {"U", SQL_TEXT},
        {"vu", SQL_TEXT}, {"z", SQL_BYTEA},  {"Z", SQL_BYTEA},  {"vz", SQL_BYTEA}, {"tdD", SQL_DATE}, {"ttu", SQL_TIME},
        {"tin", SQL_INTERVAL}, {"n", SQL_UNKNOWN}, {"+s", SQL_RECORD}, {"L", SQL_NUMERIC},
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (!strcmp(format, plain[i].format))
            return sqltype_of(plain[i].id);
    int precision, scale;
    if (sscanf(format, "d:%d,%d", &precision, &scale) == 2)
        return sqltype_numeric(precision, scale);
    if (!strncmp(format, "ts", 2))
        return sqltype_of(strlen(format) > 4 ? SQL_TIMESTAMPTZ : SQL_TIMESTAMP);
    if (!strcmp(format, "+l") && column->n_children == 1)
        return sqltype_array_of(arrow_schema_sqltype(column->children[0], NULL));
    return sqltype_of(SQL_OTHER);
}

SqlType arrow_schema_sqltype(const ArrowSchema *column, const char **type_name) {
    static _Thread_local char name[SQLTYPE_NAME_BYTES * 2];
    const char *declared = metadata_value(column->metadata, "pg_type", name, sizeof name);
    if (type_name)
        *type_name = declared;
    if (declared)
        return sqltype_from_name(declared);
    return type_of_format(column->dictionary ? column->dictionary : column);
}

const char *arrow_format_of(SqlType type, char scratch[32]) {
    if (type.is_array)
        return "+l";
    switch ((SqlTypeId)type.id) {
    case SQL_BOOL: return "b";
    case SQL_INT2: return "s";
    case SQL_INT4: return "i";
    case SQL_INT8: return "l";
    case SQL_OID: return "I";
    case SQL_FLOAT4: return "f";
    case SQL_FLOAT8: return "g";
    case SQL_BYTEA: return "z";
    case SQL_DATE: return "tdD";
    case SQL_TIME: return "ttu";
    case SQL_TIMESTAMP: return "tsu:";
    case SQL_TIMESTAMPTZ: return "tsu:UTC";
    case SQL_INTERVAL: return "tin";
    case SQL_NUMERIC:
        if (type.precision <= 0 || type.precision > NUMERIC_MAX_PRECISION || type.scale < 0)
            return "u";
        snprintf(scratch, 32, "d:%d,%d", type.precision, type.scale);
        return scratch;
    default: return "u";
    }
}

/* ---- schemas that own their memory ---------------------------------------------------------------------- */

static void release_schema(ArrowSchema *schema) {
    for (int64_t i = 0; i < schema->n_children; i++) {
        arrow_schema_release(schema->children[i]);
        free(schema->children[i]);
    }
    free(schema->children);
    free((char *)schema->format);
    free((char *)schema->name);
    free((char *)schema->metadata);
    schema->release = NULL;
}

static void build_node(ArrowSchema *out, const char *format, const char *name, const char *type_name, int child_count) {
    memset(out, 0, sizeof *out);
    out->format = strdup(format);
    out->name = strdup(name);
    out->metadata = type_name ? metadata_of_type(type_name) : NULL;
    out->flags = ARROW_FLAG_NULLABLE;
    out->n_children = child_count;
    out->release = release_schema;
    if (!child_count)
        return;
    out->children = calloc((size_t)child_count, sizeof *out->children);
    for (int i = 0; i < child_count; i++)
        out->children[i] = calloc(1, sizeof **out->children);
}

static void build_column(ArrowSchema *out, const ArrowColumnSpec *column) {
    char scratch[32], plain[SQLTYPE_NAME_BYTES], modified[SQLTYPE_NAME_BYTES * 2];
    const char *type_name = column->type_name;
    if (!type_name) {
        SqlType type = column->type;
        sqltype_short_name(type, plain);
        snprintf(modified, sizeof modified, "%s", plain);
        if (type.id == SQL_NUMERIC && type.precision)
            snprintf(modified, sizeof modified, "%s(%d,%d)", plain, type.precision, type.scale);
        else if ((type.id == SQL_VARCHAR || type.id == SQL_BPCHAR) && type.precision)
            snprintf(modified, sizeof modified, "%s(%d)", plain, type.precision);
        type_name = modified;
    }
    build_node(out, arrow_format_of(column->type, scratch), column->name, type_name, column->type.is_array ? 1 : 0);
    if (column->type.is_array) {
        SqlType element = column->type;
        element.is_array = false;
        build_column(out->children[0], &(ArrowColumnSpec){.name = "item", .type = element});
    }
}

void arrow_schema_build(ArrowSchema *out, const ArrowColumnSpec *columns, int column_count) {
    build_node(out, "+s", "", NULL, column_count);
    out->flags = 0;
    for (int i = 0; i < column_count; i++)
        build_column(out->children[i], &columns[i]);
}

/* ---- reading ------------------------------------------------------------------------------------------------- */

static Status error_from_stream(ArrowArrayStream *stream, int code, Error *err) {
    const char *text = stream->get_last_error ? stream->get_last_error(stream) : NULL;
    if (!text)
        return error_set_errno(err, code, "the engine's result stream failed");
    char sqlstate[6];
    int position, consumed = 0;
    if (sscanf(text, "%5[0-9A-Z]:%d:%n", sqlstate, &position, &consumed) == 2 && consumed > 0 && strlen(sqlstate) == 5)
        return error_set_at(err, sqlstate, position, "%s", text + consumed);
    return error_set(err, SQLSTATE_INTERNAL, "%s", text);
}

Status arrow_stream_next(ArrowArrayStream *stream, ArrowArray *out, Error *err) {
    memset(out, 0, sizeof *out);
    int code = stream->get_next(stream, out);
    return code ? error_from_stream(stream, code, err) : STATUS_OK;
}

Status arrow_stream_schema(ArrowArrayStream *stream, ArrowSchema *out, Error *err) {
    memset(out, 0, sizeof *out);
    int code = stream->get_schema(stream, out);
    return code ? error_from_stream(stream, code, err) : STATUS_OK;
}

void arrow_stream_error_text(const Error *err, char *text, size_t text_bytes) {
    snprintf(text, text_bytes, "%s:%d:%s", err->sqlstate, err->position, err->message);
}

/* ---- making ---------------------------------------------------------------------------------------------------- */

typedef struct MadeStream {
    ArrowSchema schema;
    ArrowStreamSource source;
    char error_text[1100];
} MadeStream;

static void copy_schema(const ArrowSchema *from, ArrowSchema *to) {
    *to = *from;
    to->format = strdup(from->format);
    to->name = from->name ? strdup(from->name) : NULL;
    to->metadata = NULL;
    char scratch[SQLTYPE_NAME_BYTES * 2];
    const char *type_name = metadata_value(from->metadata, "pg_type", scratch, sizeof scratch);
    if (type_name)
        to->metadata = metadata_of_type(type_name);
    to->release = release_schema;
    to->private_data = NULL;
    to->dictionary = NULL;
    to->children = from->n_children ? calloc((size_t)from->n_children, sizeof *to->children) : NULL;
    for (int64_t i = 0; i < from->n_children; i++) {
        to->children[i] = calloc(1, sizeof **to->children);
        copy_schema(from->children[i], to->children[i]);
    }
}

static int made_get_schema(ArrowArrayStream *stream, ArrowSchema *out) {
    MadeStream *made = stream->private_data;
    copy_schema(&made->schema, out);
    return 0;
}

static int made_get_next(ArrowArrayStream *stream, ArrowArray *out) {
    MadeStream *made = stream->private_data;
    memset(out, 0, sizeof *out);
    if (!made->source.next)
        return 0;
    Error err = {0};
    if (made->source.next(made->source.state, out, &err) == STATUS_OK)
        return 0;
    arrow_stream_error_text(&err, made->error_text, sizeof made->error_text);
    return EIO;
}

static const char *made_last_error(ArrowArrayStream *stream) {
    MadeStream *made = stream->private_data;
    return made->error_text[0] ? made->error_text : NULL;
}

static void made_release(ArrowArrayStream *stream) {
    MadeStream *made = stream->private_data;
    if (made->source.close)
        made->source.close(made->source.state);
    arrow_schema_release(&made->schema);
    free(made);
    stream->release = NULL;
}

void arrow_stream_make(ArrowArrayStream *out, ArrowSchema *schema, ArrowStreamSource source) {
    MadeStream *made = calloc(1, sizeof *made);
    made->schema = *schema;
    schema->release = NULL;
    made->source = source;
    *out = (ArrowArrayStream){.get_schema = made_get_schema,
                              .get_next = made_get_next,
                              .get_last_error = made_last_error,
                              .release = made_release,
                              .private_data = made};
}

void arrow_stream_make_empty(ArrowArrayStream *out) {
    ArrowSchema schema;
    arrow_schema_build(&schema, NULL, 0);
    arrow_stream_make(out, &schema, (ArrowStreamSource){0});
}
