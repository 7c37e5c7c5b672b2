#include "engines/postgres/pgdecode.h"

#include <stdlib.h>
#include <string.h>

#include "engines/postgres/pgnumeric.h"

enum {
    EPOCH_DAYS = 10957, /* 2000-01-01 since 1970-01-01 */
    OID_XML = 142,
    OID_UNKNOWN = 705,
};
#define EPOCH_MICROSECONDS ((int64_t)EPOCH_DAYS * 86400 * 1000000)

static int16_t read_i16(const char *data) {
    const unsigned char *bytes = (const unsigned char *)data;
    return (int16_t)(bytes[0] << 8 | bytes[1]);
}
static int32_t read_i32(const char *data) {
    uint32_t value;
    memcpy(&value, data, 4);
    return (int32_t)__builtin_bswap32(value);
}
static int64_t read_i64(const char *data) {
    uint64_t value;
    memcpy(&value, data, 8);
    return (int64_t)__builtin_bswap64(value);
}

static Status malformed(SqlType type, Error *err) {
    char name[SQLTYPE_NAME_BYTES];
    return error_set(err, SQLSTATE_DATA_CORRUPTED,
                     "PostgreSQL sent a value of type %s in a form that cannot be read",
                     sqltype_name(type, false, name));
}

bool pgdecode_can_binary(SqlType type, uint32_t oid, char kind) {
    if (type.id != SQL_OTHER) return type.id != SQL_RECORD && type.id != SQL_INVALID;
    return !type.is_array && (kind == 'e' || oid == OID_XML || oid == OID_UNKNOWN);
}

/* ---- binary ------------------------------------------------------------------------------------------- */

static void append_uuid(ArrowColumn *column, const char *data) {
    static const char digits[] = "0123456789abcdef";
    char text[36];
    char *out = text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
        *out++ = digits[(unsigned char)data[i] >> 4];
        *out++ = digits[(unsigned char)data[i] & 15];
    }
    arrow_append_bytes(column, text, sizeof text);
}

static Status append_interval(ArrowColumn *column, int32_t months, int32_t days, int64_t microseconds,
                              Error *err) {
    int64_t nanoseconds;
    if (__builtin_mul_overflow(microseconds, 1000, &nanoseconds)) {
        (void)error_set(err, "22008", "an interval's time part is too large to be shown");
        return error_add_hint(err, "Cast the interval to text");
    }
    arrow_append_interval(column, months, days, nanoseconds);
    return STATUS_OK;
}

static int64_t timestamp_from_2000(int64_t value) {
    int64_t shifted;
    if (value == INT64_MAX || value == INT64_MIN ||
        __builtin_add_overflow(value, EPOCH_MICROSECONDS, &shifted))
        return value;
    return shifted;
}

static int32_t date_from_2000(int32_t value) {
    return value == INT32_MAX || value == INT32_MIN ? value : value + EPOCH_DAYS;
}

static Status fail_dimensions(Error *err) {
    (void)error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                    "a multidimensional array cannot be shown as a list");
    return error_add_hint(err, "Cast the array to text, for example column::text");
}

static Status decode_array(const PgColumn *code, ArrowColumn *column, const char *data, size_t length,
                           Error *err) {
    if (length < 12) return malformed(code->type, err);
    int32_t dimensions = read_i32(data);
    if (dimensions > 1) return fail_dimensions(err);
    ArrowColumn *child = arrow_list_child(column);
    PgColumn element = *code;
    element.type.is_array = false;
    const char *end = data + length;
    int32_t count = 0;
    if (dimensions == 1) {
        if (length < 20) return malformed(code->type, err);
        count = read_i32(data + 12);
    }
    data += dimensions == 1 ? 20 : 12;
    for (int32_t i = 0; i < count; i++) {
        if (end - data < 4) return malformed(code->type, err);
        int32_t bytes = read_i32(data);
        data += 4;
        if (bytes < 0) {
            arrow_append_null(child);
            continue;
        }
        if (bytes > end - data) return malformed(code->type, err);
        TRY(pgdecode_binary(&element, child, data, (size_t)bytes, err));
        data += bytes;
    }
    arrow_append_list_end(column);
    return STATUS_OK;
}

static size_t fixed_width(SqlType type) {
    switch ((SqlTypeId)type.id) {
    case SQL_BOOL: return 1;
    case SQL_INT2: return 2;
    case SQL_INT4:
    case SQL_OID:
    case SQL_DATE:
    case SQL_FLOAT4: return 4;
    case SQL_INT8:
    case SQL_TIME:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ:
    case SQL_FLOAT8: return 8;
    case SQL_INTERVAL:
    case SQL_UUID: return 16;
    default: return 0;
    }
}

static void append_float(const PgColumn *code, ArrowColumn *column, const char *data) {
    if (code->type.id == SQL_FLOAT4) {
        int32_t bits = read_i32(data);
        float value;
        memcpy(&value, &bits, 4);
        arrow_append_float(column, (double)value);
        return;
    }
    int64_t bits = read_i64(data);
    double value;
    memcpy(&value, &bits, 8);
    arrow_append_float(column, value);
}

Status pgdecode_binary(const PgColumn *code, ArrowColumn *column, const char *data, size_t length,
                       Error *err) {
    if (code->type.is_array) return decode_array(code, column, data, length, err);
    size_t width = fixed_width(code->type);
    if (width && width != length) return malformed(code->type, err);
    switch ((SqlTypeId)code->type.id) {
    case SQL_BOOL: arrow_append_bool(column, data[0] != 0); return STATUS_OK;
    case SQL_INT2: arrow_append_int(column, read_i16(data)); return STATUS_OK;
    case SQL_INT4: arrow_append_int(column, read_i32(data)); return STATUS_OK;
    case SQL_OID: arrow_append_int(column, (uint32_t)read_i32(data)); return STATUS_OK;
    case SQL_INT8:
    case SQL_TIME: arrow_append_int(column, read_i64(data)); return STATUS_OK;
    case SQL_DATE: arrow_append_int(column, date_from_2000(read_i32(data))); return STATUS_OK;
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: arrow_append_int(column, timestamp_from_2000(read_i64(data))); return STATUS_OK;
    case SQL_FLOAT4:
    case SQL_FLOAT8: append_float(code, column, data); return STATUS_OK;
    case SQL_INTERVAL:
        return append_interval(column, read_i32(data + 12), read_i32(data + 8), read_i64(data), err);
    case SQL_UUID: append_uuid(column, data); return STATUS_OK;
    case SQL_NUMERIC: return pgnumeric_append_binary(code->type, column, data, length, err);
    case SQL_JSONB:
        if (length < 1 || data[0] != 1) return malformed(code->type, err);
        arrow_append_bytes(column, data + 1, length - 1);
        return STATUS_OK;
    default: arrow_append_bytes(column, data, length); return STATUS_OK;
    }
}

/* ---- shapes ------------------------------------------------------------------------------------------- */

PgShape *pgshape_create(const PGresult *result, PgTypes *types) {
    PgShape *shape = calloc(1, sizeof *shape);
    if (!shape) abort();
    atomic_init(&shape->references, 1);
    arena_init(&shape->arena);
    shape->column_count = PQnfields(result);
    shape->specs = ARENA_NEW_ARRAY(&shape->arena, ArrowColumnSpec, shape->column_count + 1);
    shape->columns = ARENA_NEW_ARRAY(&shape->arena, PgColumn, shape->column_count + 1);
    shape->binary = shape->complete = true;
    for (int i = 0; i < shape->column_count; i++) {
        PgColumn *column = &shape->columns[i];
        column->oid = PQftype(result, i);
        column->typmod = PQfmod(result, i);
        char name[SQLTYPE_NAME_BYTES];
        shape->complete &= pgtypes_resolve(types, column->oid, column->typmod, &column->type, name);
        PgType row;
        char kind = pgtypes_get(types, column->oid, &row) ? row.kind : 0;
        shape->binary &= pgdecode_can_binary(column->type, column->oid, kind);
        shape->specs[i] =
            (ArrowColumnSpec){.name = arena_strdup(&shape->arena, PQfname(result, i)), .type = column->type};
        if (column->type.id == SQL_OTHER) shape->specs[i].type_name = arena_strdup(&shape->arena, name);
    }
    arrow_schema_build(&shape->schema, shape->specs, shape->column_count);
    return shape;
}

PgShape *pgshape_retain(PgShape *shape) {
    if (shape) atomic_fetch_add(&shape->references, 1);
    return shape;
}

void pgshape_release(PgShape *shape) {
    if (!shape || atomic_fetch_sub(&shape->references, 1) != 1) return;
    arrow_schema_release(&shape->schema);
    arena_deinit(&shape->arena);
    free(shape);
}

bool pgshape_matches(const PgShape *shape, const PGresult *result) {
    if (PQnfields(result) != shape->column_count) return false;
    for (int i = 0; i < shape->column_count; i++)
        if (PQftype(result, i) != shape->columns[i].oid || PQfmod(result, i) != shape->columns[i].typmod)
            return false;
    return true;
}

Status pgshape_append_row(const PgShape *shape, ArrowBuilder *builder, const PGresult *result, int row,
                          Error *err) {
    for (int i = 0; i < shape->column_count; i++) {
        ArrowColumn *column = arrow_builder_column(builder, i);
        if (PQgetisnull(result, row, i)) {
            arrow_append_null(column);
            continue;
        }
        const char *data = PQgetvalue(result, row, i);
        size_t length = (size_t)PQgetlength(result, row, i);
        Status status = PQfformat(result, i) == 1
                            ? pgdecode_binary(&shape->columns[i], column, data, length, err)
                            : pgdecode_text(&shape->columns[i], column, data, length, err);
        if (status != STATUS_OK) return STATUS_ERROR;
    }
    arrow_builder_end_row(builder);
    return STATUS_OK;
}
