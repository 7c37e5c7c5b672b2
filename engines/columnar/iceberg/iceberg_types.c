#include "engines/columnar/iceberg/iceberg_types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/utf8.h"

/* Iceberg writers keep at most this much of a string in a bound (write.metadata.metrics.default,
 * truncate(16)). */
enum { BOUND_CHARACTERS = 16 };

Status iceberg_type_name(SqlType type, const char *column, char name[SQLTYPE_NAME_BYTES], Error *err) {
    static const char *const NAMES[SQL_TYPE_COUNT] = {
        [SQL_BOOL] = "boolean",
        [SQL_INT2] = "int",
        [SQL_INT4] = "int",
        [SQL_INT8] = "long",
        [SQL_OID] = "long",
        [SQL_FLOAT4] = "float",
        [SQL_FLOAT8] = "double",
        [SQL_TEXT] = "string",
        [SQL_VARCHAR] = "string",
        [SQL_BPCHAR] = "string",
        [SQL_NAME] = "string",
        [SQL_JSON] = "string",
        [SQL_JSONB] = "string",
        [SQL_OTHER] = "string",
        [SQL_BYTEA] = "binary",
        [SQL_DATE] = "date",
        [SQL_TIME] = "time",
        [SQL_TIMESTAMP] = "timestamp",
        [SQL_TIMESTAMPTZ] = "timestamptz",
        [SQL_UUID] = "uuid",
    };
    if (type.id == SQL_NUMERIC && type.precision > 0 && type.precision <= NUMERIC_MAX_PRECISION &&
        type.scale >= 0 && type.scale <= type.precision) {
        snprintf(name, SQLTYPE_NAME_BYTES, "decimal(%d, %d)", type.precision, type.scale);
        return STATUS_OK;
    }
    if (type.id < SQL_TYPE_COUNT && NAMES[type.id]) {
        snprintf(name, SQLTYPE_NAME_BYTES, "%s", NAMES[type.id]);
        return STATUS_OK;
    }
    char sql_name[SQLTYPE_NAME_BYTES];
    (void)error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                    "column \"%s\" of type %s cannot be stored in a columnar table", column,
                    sqltype_name(type, true, sql_name));
    if (type.id == SQL_NUMERIC)
        return error_add_hint(err, "Give the column a precision and scale, as in numeric(18,2)");
    return STATUS_ERROR;
}

bool iceberg_type_needs_property(SqlType type) {
    switch (type.id) {
    case SQL_INT2:
    case SQL_OID:
    case SQL_VARCHAR:
    case SQL_BPCHAR:
    case SQL_NAME:
    case SQL_JSON:
    case SQL_JSONB: return true;
    default: return false;
    }
}

static SqlType parse_plain(const char *name) {
    static const struct {
        const char *name;
        SqlTypeId id;
    } TYPES[] = {
        {"boolean", SQL_BOOL},        {"int", SQL_INT4},
        {"long", SQL_INT8},           {"float", SQL_FLOAT4},
        {"double", SQL_FLOAT8},       {"string", SQL_TEXT},
        {"date", SQL_DATE},           {"time", SQL_TIME},
        {"binary", SQL_BYTEA},        {"uuid", SQL_UUID},
        {"timestamp", SQL_TIMESTAMP}, {"timestamptz", SQL_TIMESTAMPTZ},
    };
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++)
        if (strcmp(TYPES[i].name, name) == 0) return sqltype_of(TYPES[i].id);
    int precision, scale;
    if (sscanf(name, "decimal(%d,%d)", &precision, &scale) == 2 && precision > 0 &&
        precision <= NUMERIC_MAX_PRECISION && scale >= 0 && scale <= precision)
        return sqltype_numeric(precision, scale);
    if (strncmp(name, "fixed[", 6) == 0) return sqltype_of(SQL_BYTEA);
    return sqltype_of(SQL_OTHER);
}

Status iceberg_type_json(SqlType type, const char *column, int element_id, json_t **out, Error *err) {
    char name[SQLTYPE_NAME_BYTES];
    TRY(iceberg_type_name(type, column, name, err));
    *out = !type.is_array ? json_string(name)
                          : json_pack("{s:s, s:i, s:s, s:b}", "type", "list", "element-id", element_id,
                                      "element", name, "element-required", 0);
    return STATUS_OK;
}

static const json_t *list_element(const json_t *type) {
    const char *kind = json_string_value(json_object_get(type, "type"));
    const json_t *element = json_object_get(type, "element");
    return kind && strcmp(kind, "list") == 0 && json_is_string(element) ? element : NULL;
}

bool iceberg_type_is_nested(const json_t *type) {
    return json_is_object(type) && !list_element(type);
}

SqlType iceberg_type_parse(const json_t *type, const char *declared) {
    const json_t *element = list_element(type);
    if (iceberg_type_is_nested(type)) return sqltype_of(SQL_JSONB);
    if (element) type = element;
    if (!json_is_string(type)) return sqltype_of(SQL_OTHER);
    SqlType plain = parse_plain(json_string_value(type));
    plain.is_array = element != NULL && plain.id != SQL_OTHER;
    if (!declared) return plain;
    SqlType wanted = sqltype_from_name(declared);
    if (wanted.is_array != plain.is_array) return plain;
    char stored[SQLTYPE_NAME_BYTES];
    Error ignored;
    if (!iceberg_type_needs_property(wanted) ||
        iceberg_type_name(wanted, "", stored, &ignored) != STATUS_OK ||
        strcmp(stored, json_string_value(type)) != 0)
        return plain;
    return wanted;
}

static uint32_t utf8_decode(const char *text, size_t length) {
    const unsigned char *byte = (const unsigned char *)text;
    switch (length) {
    case 1: return byte[0];
    case 2: return (uint32_t)(byte[0] & 0x1F) << 6 | (byte[1] & 0x3F);
    case 3: return (uint32_t)(byte[0] & 0x0F) << 12 | (uint32_t)(byte[1] & 0x3F) << 6 | (byte[2] & 0x3F);
    default:
        return (uint32_t)(byte[0] & 0x07) << 18 | (uint32_t)(byte[1] & 0x3F) << 12 |
               (uint32_t)(byte[2] & 0x3F) << 6 | (byte[3] & 0x3F);
    }
}

/* The well-formed prefix of at most BOUND_CHARACTERS code points. A lower bound may be cut anywhere; an upper
 * one that was cut has its last code point raised, which is above everything with that prefix. */
static bool encode_text_bound(const StringView *view, bool upper, StrBuf *out) {
    const char *text = stringview_data(view);
    size_t ends[BOUND_CHARACTERS + 1] = {0};
    int characters = 0;
    while (characters < BOUND_CHARACTERS && ends[characters] < view->length) {
        size_t step = utf8_sequence_length(text + ends[characters], view->length - ends[characters]);
        if (step == 0) break;
        ends[characters + 1] = ends[characters] + step;
        characters++;
    }
    if (!upper || ends[characters] == view->length) {
        strbuf_append(out, text, ends[characters]);
        return true;
    }
    for (; characters > 0; characters--) {
        size_t start = ends[characters - 1];
        uint32_t point = utf8_decode(text + start, ends[characters] - start);
        if (point >= 0x10FFFF) continue;
        point = point == 0xD7FF ? 0xE000 : point + 1;
        char raised[4];
        size_t length = utf8_encode(point, raised);
        strbuf_append(out, text, start);
        strbuf_append(out, raised, length);
        return true;
    }
    return false;
}

static bool encode_binary_bound(const StringView *view, bool upper, StrBuf *out) {
    const char *data = stringview_data(view);
    size_t length = view->length > BOUND_CHARACTERS ? BOUND_CHARACTERS : view->length;
    if (!upper || length == view->length) {
        strbuf_append(out, data, length);
        return true;
    }
    while (length > 0 && (unsigned char)data[length - 1] == 0xFF)
        length--;
    if (length == 0) return false;
    strbuf_append(out, data, length - 1);
    strbuf_append_char(out, (char)((unsigned char)data[length - 1] + 1));
    return true;
}

/* Unscaled value as the shortest two's complement, most significant byte first. */
static void encode_decimal(__int128 value, StrBuf *out) {
    unsigned char bytes[16];
    for (int i = 0; i < 16; i++)
        bytes[i] = (unsigned char)((unsigned __int128)value >> (8 * (15 - i)));
    int first = 0;
    while (first < 15 && ((bytes[first] == 0x00 && !(bytes[first + 1] & 0x80)) ||
                          (bytes[first] == 0xFF && (bytes[first + 1] & 0x80))))
        first++;
    strbuf_append(out, bytes + first, (size_t)(16 - first));
}

void iceberg_value_encode(SqlType type, const union ParquetBound *value, StrBuf *out) {
    switch (type.id) {
    case SQL_BOOL: strbuf_append_char(out, value->i64 != 0); return;
    case SQL_INT2:
    case SQL_INT4:
    case SQL_DATE: {
        int32_t narrow = (int32_t)value->i64;
        strbuf_append(out, &narrow, sizeof narrow);
        return;
    }
    case SQL_INT8:
    case SQL_OID:
    case SQL_TIME:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: strbuf_append(out, &value->i64, sizeof value->i64); return;
    case SQL_FLOAT4: {
        float narrow = (float)value->f64;
        strbuf_append(out, &narrow, sizeof narrow);
        return;
    }
    case SQL_FLOAT8: strbuf_append(out, &value->f64, sizeof value->f64); return;
    case SQL_NUMERIC: encode_decimal(type.precision <= 18 ? (__int128)value->i64 : value->i128, out); return;
    default: strbuf_append(out, stringview_data(&value->string), value->string.length); return;
    }
}

bool iceberg_bound_encode(SqlType type, const union ParquetBound *bound, bool upper, StrBuf *out) {
    if (physical_type_of(type) == PHYS_STRING) {
        if (type.id == SQL_BYTEA) return encode_binary_bound(&bound->string, upper, out);
        if (type.id != SQL_UUID) return encode_text_bound(&bound->string, upper, out);
        if (bound->string.length != 16) return false;
    }
    iceberg_value_encode(type, bound, out);
    return true;
}

static bool decode_integer(const char *data, size_t length, int64_t *out) {
    if (length == 8) {
        memcpy(out, data, 8);
        return true;
    }
    int32_t narrow; /* written while the column was still an int */
    if (length != 4) return false;
    memcpy(&narrow, data, 4);
    *out = narrow;
    return true;
}

static bool decode_real(const char *data, size_t length, double *out) {
    float narrow;
    if (length == 8)
        memcpy(out, data, 8);
    else if (length == 4) {
        memcpy(&narrow, data, 4);
        *out = (double)narrow;
    } else
        return false;
    return *out == *out;
}

static bool decode_decimal(SqlType type, const char *data, size_t length, union ParquetBound *out) {
    if (length == 0 || length > 16) return false;
    __int128 value = (signed char)data[0] < 0 ? -1 : 0;
    for (size_t i = 0; i < length; i++)
        value = (__int128)((unsigned __int128)value << 8 | (unsigned char)data[i]);
    if (type.precision > 18) {
        out->i128 = value;
        return true;
    }
    out->i64 = (int64_t)value;
    return out->i64 == value;
}

bool iceberg_bound_decode(SqlType type, const char *data, size_t length, union ParquetBound *out) {
    memset(out, 0, sizeof *out);
    switch (type.id) {
    case SQL_BOOL:
        if (length != 1) return false;
        out->i64 = data[0] != 0;
        return true;
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID:
    case SQL_DATE: return decode_integer(data, length, &out->i64);
    case SQL_TIME:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: /* four bytes would be the days of a column that was a date */
        return length == 8 && decode_integer(data, length, &out->i64);
    case SQL_FLOAT4:
    case SQL_FLOAT8: return decode_real(data, length, &out->f64);
    case SQL_NUMERIC: return decode_decimal(type, data, length, out);
    default:
        if (length > UINT32_MAX || (type.id == SQL_UUID && length != 16)) return false;
        out->string = stringview_make(data, (uint32_t)length);
        return true;
    }
}
