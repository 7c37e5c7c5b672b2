/* What columns are in files that do not say it themselves: names in files without field ids
 * (schema.name-mapping.default), and values in files older than the column (initial-default, version 3). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/calendar.h"
#include "engines/columnar/iceberg/table_metadata.h"

static Status malformed(const char *name, const char *what, Error *err) {
    return error_set(err, SQLSTATE_DATA_CORRUPTED, "table metadata \"%s\": %s", name, what);
}

static bool read_date(const char *text, int64_t *days, const char **rest) {
    int year, month, day, used = 0;
    if (sscanf(text, "%d-%2d-%2d%n", &year, &month, &day, &used) < 3 || month < 1 || month > 12 || day < 1 ||
        day > 31)
        return false;
    *days = calendar_days_of(year, month, day);
    *rest = text + used;
    return true;
}

static bool read_clock(const char *text, int64_t *us, const char **rest) {
    int hour, minute, used = 0;
    double second = 0;
    if (sscanf(text, "%2d:%2d%n", &hour, &minute, &used) < 2) return false;
    text += used;
    if (*text == ':') {
        char *end;
        second = strtod(text + 1, &end);
        text = end;
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || !(second >= 0 && second < 61)) return false;
    *us = ((int64_t)hour * 60 + minute) * 60000000 + llround(second * 1e6);
    *rest = text;
    return true;
}

static bool read_moment(const char *text, bool zoned, int64_t *out) {
    int64_t days, us;
    if (!read_date(text, &days, &text) || *text++ != 'T' || !read_clock(text, &us, &text)) return false;
    if (zoned && strcmp(text, "+00:00") != 0 && strcmp(text, "Z") != 0) return false;
    *out = days * INT64_C(86400000000) + us;
    return zoned || *text == 0;
}

static bool read_decimal(const char *text, SqlType type, union ParquetBound *out) {
    __int128 value = 0;
    int digits = 0, scale = -1;
    bool minus = *text == '-';
    for (text += minus; *text; text++) {
        if (*text == '.' && scale < 0) {
            scale = 0;
            continue;
        }
        if (*text < '0' || *text > '9' || ++digits > NUMERIC_MAX_PRECISION) return false;
        value = value * 10 + (*text - '0');
        scale += scale >= 0;
    }
    if (digits == 0 || (scale < 0 ? 0 : scale) != type.scale || digits > type.precision + 1) return false;
    if (minus) value = -value;
    if (type.precision <= 18)
        out->i64 = (int64_t)value;
    else
        out->i128 = value;
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_bytes(const char *text, SqlType type, Arena *arena, union ParquetBound *out) {
    char *bytes = arena_alloc(arena, strlen(text) / 2 + 1);
    uint32_t length = 0;
    for (; *text; text++) {
        if (*text == '-' && type.id == SQL_UUID) continue;
        int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0) return false;
        bytes[length++] = (char)(high << 4 | low);
        text++;
    }
    out->string = stringview_make(bytes, length);
    return type.id != SQL_UUID || length == 16;
}

/* Appendix C, "JSON single-value serialization". */
static bool read_default(json_t *json, SqlType type, Arena *arena, union ParquetBound *out) {
    const char *text = json_string_value(json), *rest;
    switch (type.id) {
    case SQL_BOOL: out->i64 = json_is_true(json); return json_is_boolean(json);
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID: out->i64 = json_integer_value(json); return json_is_integer(json);
    case SQL_FLOAT4:
    case SQL_FLOAT8: out->f64 = json_number_value(json); return json_is_number(json);
    case SQL_NUMERIC: return text && read_decimal(text, type, out);
    case SQL_DATE: return text && read_date(text, &out->i64, &rest) && *rest == 0;
    case SQL_TIME: return text && read_clock(text, &out->i64, &rest) && *rest == 0;
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: return text && read_moment(text, type.id == SQL_TIMESTAMPTZ, &out->i64);
    case SQL_UUID:
    case SQL_BYTEA: return text && read_bytes(text, type, arena, out);
    default:
        if (!text || physical_type_of(type) != PHYS_STRING) return false;
        out->string = stringview_make(arena_strdup(arena, text), (uint32_t)strlen(text));
        return true;
    }
}

static Status read_initial(json_t *field, const TableColumn *column, Arena *arena, TableColumnOrigin *out,
                           const char *name, Error *err) {
    json_t *json = json_object_get(field, "initial-default");
    if (!json || json_is_null(json)) return STATUS_OK;
    PartitionValue *value = ARENA_NEW(arena, PartitionValue);
    if (column->type.is_array || !read_default(json, column->type, arena, &value->value))
        return malformed(
            name, arena_printf(arena, "the default of column \"%s\" cannot be read", column->name), err);
    out->initial_default = value;
    return STATUS_OK;
}

static void read_aliases(json_t *mapping, const TableColumn *column, Arena *arena, TableColumnOrigin *out) {
    json_t *names = json_object_get(json_find_by_id(mapping, "field-id", column->field_id), "names");
    size_t count = json_array_size(names);
    const char **aliases = ARENA_NEW_ARRAY(arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *alias = json_string_value(json_array_get(names, i));
        if (alias) aliases[out->alias_count++] = arena_strdup(arena, alias);
    }
    out->aliases = aliases;
}

Status table_metadata_read_origins(TableMetadata *metadata, json_t *fields, const char *name, Arena *arena,
                                   Error *err) {
    json_t *properties = json_object_get(metadata->root, "properties");
    const char *text = json_string_value(json_object_get(properties, "schema.name-mapping.default"));
    TableColumnOrigin *origins = ARENA_NEW_ARRAY(arena, TableColumnOrigin, metadata->column_count + 1);
    json_error_t problem;
    json_t *mapping = text ? json_loads(text, 0, &problem) : NULL;
    bool any = json_is_array(mapping);
    metadata->name_mapping = any;
    Status status = STATUS_OK;
    for (int i = 0; i < metadata->column_count && status == STATUS_OK; i++) {
        if (json_is_array(mapping)) read_aliases(mapping, &metadata->columns[i], arena, &origins[i]);
        status = read_initial(json_array_get(fields, (size_t)i), &metadata->columns[i], arena, &origins[i],
                              name, err);
        any = any || origins[i].initial_default;
    }
    json_decref(mapping);
    metadata->origins = any ? origins : NULL;
    return status;
}
