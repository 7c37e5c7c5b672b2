#include "engines/columnar/iceberg/transform.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engines/base/calendar.h"
#include "engines/base/hash.h"
#include "engines/base/utf8.h"
#include "engines/columnar/iceberg/iceberg_types.h"

static const char *const NAMES[] = {
    [TRANSFORM_IDENTITY] = "identity", [TRANSFORM_BUCKET] = "bucket", [TRANSFORM_TRUNCATE] = "truncate",
    [TRANSFORM_YEAR] = "year",         [TRANSFORM_MONTH] = "month",   [TRANSFORM_DAY] = "day",
    [TRANSFORM_HOUR] = "hour",         [TRANSFORM_VOID] = "void",     [TRANSFORM_UNKNOWN] = "unknown",
};

Transform transform_parse(const char *name) {
    int width = 0, end = 0;
    for (int kind = 0; kind < TRANSFORM_UNKNOWN; kind++) {
        bool wide = kind == TRANSFORM_BUCKET || kind == TRANSFORM_TRUNCATE;
        size_t length = strlen(NAMES[kind]);
        if (strncmp(name, NAMES[kind], length) != 0) continue;
        if (!wide && name[length] == 0) return (Transform){(TransformKind)kind, 0};
        if (wide && sscanf(name + length, "[%9d]%n", &width, &end) == 1 && end > 0 &&
            name[length + (size_t)end] == 0 && width > 0)
            return (Transform){(TransformKind)kind, width};
    }
    return (Transform){TRANSFORM_UNKNOWN, 0};
}

void transform_name(Transform transform, char name[32]) {
    if (transform.width)
        snprintf(name, 32, "%s[%d]", NAMES[transform.kind], transform.width);
    else
        snprintf(name, 32, "%s", NAMES[transform.kind]);
}

void transform_sql(Transform transform, const char *column, StrBuf *out) {
    if (transform.kind == TRANSFORM_IDENTITY) {
        strbuf_append_text(out, column);
        return;
    }
    strbuf_printf(out, "%s(", NAMES[transform.kind]);
    if (transform.width) strbuf_printf(out, "%d, ", transform.width);
    strbuf_printf(out, "%s)", column);
}

static bool is_moment(SqlType type) {
    return type.id == SQL_TIMESTAMP || type.id == SQL_TIMESTAMPTZ;
}

SqlType transform_result_type(Transform transform, SqlType source) {
    static const SqlType NONE = {.id = SQL_INVALID};
    if (source.is_array || source.id == SQL_OTHER || source.id == SQL_RECORD)
        return transform.kind == TRANSFORM_VOID ? source : NONE;
    bool floats = source.id == SQL_FLOAT4 || source.id == SQL_FLOAT8;
    bool text = sqltype_is_text(source);
    switch (transform.kind) {
    case TRANSFORM_IDENTITY:
    case TRANSFORM_VOID: return source;
    case TRANSFORM_BUCKET: return floats || source.id == SQL_BOOL ? NONE : sqltype_of(SQL_INT4);
    case TRANSFORM_TRUNCATE:
        return sqltype_is_integer(source) || source.id == SQL_NUMERIC || text || source.id == SQL_BYTEA
                   ? source
                   : NONE;
    case TRANSFORM_YEAR:
    case TRANSFORM_MONTH: return is_moment(source) || source.id == SQL_DATE ? sqltype_of(SQL_INT4) : NONE;
    case TRANSFORM_DAY: return is_moment(source) || source.id == SQL_DATE ? sqltype_of(SQL_DATE) : NONE;
    case TRANSFORM_HOUR: return is_moment(source) ? sqltype_of(SQL_INT4) : NONE;
    default: return NONE;
    }
}

static uint32_t rotate(uint32_t value, int by) {
    return value << by | value >> (32 - by);
}

uint32_t transform_hash_bytes(const void *data, size_t length) {
    const unsigned char *bytes = data;
    uint32_t hash = 0, block;
    size_t whole = length / 4 * 4;
    for (size_t i = 0; i < whole; i += 4) {
        memcpy(&block, bytes + i, 4);
        hash ^= rotate(block * 0xcc9e2d51u, 15) * 0x1b873593u;
        hash = rotate(hash, 13) * 5 + 0xe6546b64u;
    }
    block = 0;
    for (size_t i = length; i > whole; i--)
        block = block << 8 | bytes[i - 1];
    if (whole < length) hash ^= rotate(block * 0xcc9e2d51u, 15) * 0x1b873593u;
    hash ^= (uint32_t)length;
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

uint32_t transform_hash(SqlType source, const union ParquetBound *value) {
    switch (physical_type_of(source)) {
    case PHYS_STRING: return transform_hash_bytes(stringview_data(&value->string), value->string.length);
    case PHYS_I64:
    case PHYS_I128:
        if (source.id == SQL_NUMERIC) { /* the unscaled value's shortest two's complement */
            StrBuf bytes;
            strbuf_init(&bytes);
            iceberg_value_encode(source, value, &bytes);
            uint32_t hash = transform_hash_bytes(strbuf_text(&bytes), bytes.length);
            strbuf_deinit(&bytes);
            return hash;
        }
        return transform_hash_bytes(&value->i64, 8);
    default: return transform_hash_bytes(&value->i64, 8); /* int and date as long */
    }
}

static int64_t floor_div(int64_t value, int64_t by) {
    return value / by - (value % by < 0);
}

static void truncate_value(SqlType source, int width, const union ParquetBound *value,
                           union ParquetBound *out) {
    if (physical_type_of(source) == PHYS_STRING) {
        const char *text = stringview_data(&value->string);
        uint32_t length = value->string.length, end = 0;
        if (source.id == SQL_BYTEA) end = length < (uint32_t)width ? length : (uint32_t)width;
        for (int i = 0; source.id != SQL_BYTEA && i < width && end < length; i++) {
            size_t step = utf8_sequence_length(text + end, length - end);
            end += step ? (uint32_t)step : 1;
        }
        out->string = stringview_make(text, end);
    } else if (physical_type_of(source) == PHYS_I128) {
        __int128 rest = value->i128 % width;
        out->i128 = value->i128 - (rest < 0 ? rest + width : rest);
    } else {
        int64_t rest = value->i64 % width;
        /* Wraps at the least values, as two's complement in every writer does. */
        out->i64 = (int64_t)((uint64_t)value->i64 - (uint64_t)(rest < 0 ? rest + width : rest));
        if (source.id == SQL_INT4 || source.id == SQL_INT2) out->i64 = (int32_t)out->i64;
    }
}

static int64_t month_of(int64_t day) {
    int64_t year;
    int month, day_of_month;
    calendar_date_of(day, &year, &month, &day_of_month);
    return (year - 1970) * 12 + month - 1;
}

void transform_apply(Transform transform, SqlType source, const PartitionValue *value, PartitionValue *out) {
    memset(out, 0, sizeof *out);
    out->is_null = value->is_null || transform.kind == TRANSFORM_VOID;
    if (out->is_null) return;
    const int64_t us_per_day = INT64_C(86400000000), us_per_hour = INT64_C(3600000000);
    int64_t number = value->value.i64;
    int64_t day = is_moment(source) ? floor_div(number, us_per_day) : number;
    switch (transform.kind) {
    case TRANSFORM_BUCKET:
        out->value.i64 =
            (int64_t)(transform_hash(source, &value->value) & INT32_MAX) % (int64_t)transform.width;
        break;
    case TRANSFORM_TRUNCATE: truncate_value(source, transform.width, &value->value, &out->value); break;
    case TRANSFORM_YEAR: out->value.i64 = floor_div(month_of(day), 12); break;
    case TRANSFORM_MONTH: out->value.i64 = month_of(day); break;
    case TRANSFORM_DAY: out->value.i64 = day; break;
    case TRANSFORM_HOUR: out->value.i64 = floor_div(number, us_per_hour); break;
    default: out->value = value->value; break;
    }
}

void partition_value_of(const Vector *vector, int row, PartitionValue *out) {
    memset(out, 0, sizeof *out);
    out->is_null = vector_is_null(vector, row);
    if (out->is_null) return;
    if (vector->encoding == VECTOR_SEQUENCE) {
        out->value.i64 = vector->sequence_start + row * vector->sequence_step;
        return;
    }
    const Vector *held = vector;
    size_t at = (size_t)row;
    if (vector->encoding == VECTOR_CONSTANT) at = 0;
    if (vector->encoding == VECTOR_DICTIONARY) {
        held = vector->dictionary;
        at = vector->codes[row];
    }
    switch ((PhysicalType)held->physical) {
    case PHYS_BOOL: out->value.i64 = ((const uint8_t *)held->values)[at]; break;
    case PHYS_I8: out->value.i64 = ((const int8_t *)held->values)[at]; break;
    case PHYS_I16: out->value.i64 = ((const int16_t *)held->values)[at]; break;
    case PHYS_I32: out->value.i64 = ((const int32_t *)held->values)[at]; break;
    case PHYS_I64: out->value.i64 = ((const int64_t *)held->values)[at]; break;
    case PHYS_I128: memcpy(&out->value.i128, (const char *)held->values + at * 16, 16); break;
    case PHYS_F32: out->value.f64 = (double)((const float *)held->values)[at]; break;
    case PHYS_F64: out->value.f64 = ((const double *)held->values)[at]; break;
    default: out->value.string = ((const StringView *)held->values)[at]; break;
    }
}

int partition_value_compare(SqlType type, const union ParquetBound *a, const union ParquetBound *b) {
    switch (physical_type_of(type)) {
    case PHYS_STRING: return stringview_compare(&a->string, &b->string);
    case PHYS_I128: return a->i128 < b->i128 ? -1 : a->i128 > b->i128;
    case PHYS_F32:
    case PHYS_F64: /* NaN last, and equal to itself */
        if (a->f64 != a->f64 || b->f64 != b->f64) return (a->f64 != a->f64) - (b->f64 != b->f64);
        return a->f64 < b->f64 ? -1 : a->f64 > b->f64;
    default: return a->i64 < b->i64 ? -1 : a->i64 > b->i64;
    }
}

bool partition_value_equals(SqlType type, const PartitionValue *a, const PartitionValue *b) {
    if (a->is_null || b->is_null) return a->is_null == b->is_null;
    return partition_value_compare(type, &a->value, &b->value) == 0;
}

uint64_t partition_value_hash(SqlType type, const PartitionValue *value) {
    if (value->is_null) return 1;
    switch (physical_type_of(type)) {
    case PHYS_STRING:
        return hash64_bytes(stringview_data(&value->value.string), value->value.string.length, 0);
    case PHYS_I128: return hash64_bytes(&value->value.i128, 16, 0);
    case PHYS_F32:
    case PHYS_F64:
        return value->value.f64 == 0 || value->value.f64 != value->value.f64
                   ? 7
                   : hash64_bytes(&value->value.f64, 8, 0);
    default: return hash64_u64((uint64_t)value->value.i64);
    }
}

static void day_text(int64_t day, StrBuf *out) {
    int64_t year;
    int month, day_of_month;
    calendar_date_of(day, &year, &month, &day_of_month);
    strbuf_printf(out, "%04d-%02d-%02d", (int)year, month, day_of_month);
}

static void moment_text(const PartitionField *field, int64_t us, StrBuf *out) {
    const int64_t us_per_day = INT64_C(86400000000);
    int64_t day = field->result_type.id == SQL_TIME ? 0 : floor_div(us, us_per_day);
    int64_t rest = us - day * us_per_day;
    if (field->result_type.id != SQL_TIME) {
        day_text(day, out);
        strbuf_append_char(out, 'T');
    }
    strbuf_printf(out, "%02d:%02d:%02d.%06d", (int)(rest / 3600000000), (int)(rest / 60000000 % 60),
                  (int)(rest / 1000000 % 60), (int)(rest % 1000000));
    if (field->result_type.id == SQL_TIMESTAMPTZ) strbuf_append_text(out, "+00:00");
}

static void decimal_text(__int128 value, int scale, StrBuf *out) {
    char digits[48];
    int at = sizeof digits, count = 0;
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    do {
        if (scale > 0 && count == scale) digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
        count++;
    } while (rest > 0 || count <= scale);
    if (value < 0) strbuf_append_char(out, '-');
    strbuf_append(out, digits + at, sizeof digits - (size_t)at);
}

/* As a query string's value: what a path or URI would take for its own is escaped. */
static void escaped(const char *text, size_t length, StrBuf *out) {
    enum { LONGEST = 80 };
    for (size_t i = 0; i < length && i < LONGEST; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '_' || (c == '.' && i > 0);
        if (plain)
            strbuf_append_char(out, (char)c);
        else
            strbuf_printf(out, "%%%02X", c);
    }
}

static void plain_text(const PartitionField *field, const union ParquetBound *value, StrBuf *out) {
    SqlType type = field->result_type;
    switch (type.id) {
    case SQL_BOOL: strbuf_append_text(out, value->i64 ? "true" : "false"); return;
    case SQL_DATE: day_text(value->i64, out); return;
    case SQL_TIME:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: moment_text(field, value->i64, out); return;
    case SQL_FLOAT4:
    case SQL_FLOAT8: strbuf_printf(out, "%.17g", value->f64); return;
    case SQL_NUMERIC:
        decimal_text(physical_type_of(type) == PHYS_I128 ? value->i128 : value->i64, type.scale, out);
        return;
    case SQL_BYTEA:
    case SQL_UUID:
        for (uint32_t i = 0; i < value->string.length && i < 40; i++)
            strbuf_printf(out, "%02x", (unsigned char)stringview_data(&value->string)[i]);
        return;
    default: break;
    }
    if (physical_type_of(type) == PHYS_STRING)
        strbuf_append(out, stringview_data(&value->string), value->string.length);
    else
        strbuf_printf(out, "%" PRId64, value->i64);
}

void partition_value_text(const PartitionField *field, const PartitionValue *value, StrBuf *out) {
    StrBuf plain;
    if (value->is_null) {
        strbuf_append_text(out, "null");
        return;
    }
    strbuf_init(&plain);
    int64_t number = value->value.i64;
    switch (field->transform.kind) {
    case TRANSFORM_YEAR: strbuf_printf(&plain, "%04d", (int)(1970 + number)); break;
    case TRANSFORM_MONTH:
        strbuf_printf(&plain, "%04d-%02d", (int)(1970 + floor_div(number, 12)),
                      (int)(number - floor_div(number, 12) * 12 + 1));
        break;
    case TRANSFORM_HOUR:
        day_text(floor_div(number, 24), &plain);
        strbuf_printf(&plain, "-%02d", (int)(number - floor_div(number, 24) * 24));
        break;
    default: plain_text(field, &value->value, &plain); break;
    }
    escaped(strbuf_text(&plain), plain.length, out);
    strbuf_deinit(&plain);
}
