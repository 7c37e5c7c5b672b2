/* Casts from and to text: every type's input and output function, the length rules of varchar(n) and
 * character(n), and the relabelling of one text type as another. */
#include "engines/base/utf8.h"
#include "engines/columnar/kernels/datetime_math.h"
#include "engines/columnar/kernels/numeric_math.h"
#include "engines/columnar/kernels/value_text.h"

/* ---- fitting into the target text type
 * ------------------------------------------------------------------------------ */

/* varchar(n): longer values lose blanks only (or, by an explicit cast, anything); character(n) is padded. */
static Status fit_text(const KernelCall *call, int row, const char *data, size_t length, bool explicit_cast,
                       Error *err) {
    SqlType type = call->out->type;
    StringView *out = &((StringView *)call->out->values)[row];
    if (type.id == SQL_NAME && length > 63) { /* whole characters only */
        length = 63;
        while (length > 0 && ((unsigned char)data[length] & 0xC0) == 0x80)
            length--;
    }
    if ((type.id != SQL_VARCHAR && type.id != SQL_BPCHAR) || type.precision <= 0) {
        *out = kernel_string(call, data, length);
        return STATUS_OK;
    }
    size_t limit = (size_t)type.precision, characters = utf8_count(data, length);
    if (characters > limit) {
        size_t kept = utf8_offset_of(data, length, limit);
        for (size_t i = kept; i < length && !explicit_cast; i++)
            if (data[i] != ' ')
                return error_set(err, "22001", "value too long for type %s(%zu)",
                                 type.id == SQL_VARCHAR ? "character varying" : "character", limit);
        length = kept;
        characters = limit;
    }
    if (type.id == SQL_BPCHAR && characters < limit) {
        size_t padded = length + limit - characters;
        char *room = arena_alloc(call->arena, padded);
        memcpy(room, data, length);
        memset(room + length, ' ', limit - characters);
        *out = stringview_make(room, (uint32_t)padded);
        return STATUS_OK;
    }
    *out = kernel_string(call, data, length);
    return STATUS_OK;
}

KERNEL_INLINE Status text_to_text(const KernelCall *call, bool explicit_cast, bool strip, Error *err) {
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        const char *data = stringview_data(text);
        size_t length = text->length;
        while (strip && length > 0 && data[length - 1] == ' ')
            length--;
        TRY(fit_text(call, row, data, length, explicit_cast, err));
    }
    return STATUS_OK;
}
static Status text_relabel(const KernelCall *call, Error *err) {
    SqlType to = call->out->type;
    if (to.id == SQL_NAME || ((to.id == SQL_VARCHAR || to.id == SQL_BPCHAR) && to.precision > 0))
        return text_to_text(call, false, false, err);
    StringView *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = *kernel_text(call, 0, row);
    return STATUS_OK;
}
static Status text_relabel_explicit(const KernelCall *call, Error *err) {
    SqlType to = call->out->type;
    if (to.id != SQL_NAME && to.precision <= 0) return text_relabel(call, err);
    return text_to_text(call, true, false, err);
}
static Status bpchar_to_text(const KernelCall *call, Error *err) {
    return text_to_text(call, false, true, err);
}
static Status bpchar_to_text_explicit(const KernelCall *call, Error *err) {
    return text_to_text(call, true, true, err);
}

/* ---- output
 * ----------------------------------------------------------------------------------------------------------
 */

typedef size_t (*ValueFormat)(const Vector *vector, size_t index, char *text);

KERNEL_INLINE Status format_rows(const KernelCall *call, ValueFormat format, bool explicit_cast, Error *err) {
    char text[NUMERIC_TEXT_BYTES];
    KERNEL_ROWS(call, row) {
        size_t length = format(&call->args[0], kernel_index(&call->args[0], row), text);
        TRY(fit_text(call, row, text, length, explicit_cast, err));
    }
    return STATUS_OK;
}

static size_t format_integer(int64_t value, char *text) {
    char digits[24], *next = digits + sizeof digits;
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        *--next = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0) *--next = '-';
    memcpy(text, next, (size_t)(digits + sizeof digits - next));
    return (size_t)(digits + sizeof digits - next);
}
static size_t format_i16(const Vector *v, size_t i, char *text) {
    return format_integer(((const int16_t *)v->values)[i], text);
}
static size_t format_i32(const Vector *v, size_t i, char *text) {
    return format_integer(((const int32_t *)v->values)[i], text);
}
static size_t format_i64(const Vector *v, size_t i, char *text) {
    return format_integer(((const int64_t *)v->values)[i], text);
}
static size_t format_f32(const Vector *v, size_t i, char *text) {
    return float4_format(((const float *)v->values)[i], text);
}
static size_t format_f64(const Vector *v, size_t i, char *text) {
    return float8_format(((const double *)v->values)[i], text);
}
static size_t format_scaled64(const Vector *v, size_t i, char *text) {
    return numeric_format(numeric_make(((const int64_t *)v->values)[i], v->type.scale), text);
}
static size_t format_scaled128(const Vector *v, size_t i, char *text) {
    return numeric_format(numeric_make(((const Int128 *)v->values)[i], v->type.scale), text);
}
static size_t format_numeric(const Vector *v, size_t i, char *text) {
    return numeric_format(((const Numeric *)v->values)[i], text);
}
static size_t format_bool(const Vector *v, size_t i, char *text) {
    bool value = ((const uint8_t *)v->values)[i];
    memcpy(text, value ? "true" : "false", 5);
    return value ? 4 : 5;
}
static size_t format_date(const Vector *v, size_t i, char *text) {
    return date_format(((const int32_t *)v->values)[i], text);
}
static size_t format_time(const Vector *v, size_t i, char *text) {
    return time_format(((const int64_t *)v->values)[i], text);
}
static size_t format_timestamp(const Vector *v, size_t i, char *text) {
    return timestamp_format(((const int64_t *)v->values)[i], false, text);
}
static size_t format_timestamptz(const Vector *v, size_t i, char *text) {
    return timestamp_format(((const int64_t *)v->values)[i], true, text);
}
static size_t format_interval(const Vector *v, size_t i, char *text) {
    return interval_format(((const Interval *)v->values)[i], text);
}
static size_t format_uuid(const Vector *v, size_t i, char *text) {
    const StringView *uuid = &((const StringView *)v->values)[i];
    return uuid->length == 16 ? uuid_format((const uint8_t *)stringview_data(uuid), text) : 0;
}

#define FORMAT_CAST(name)                                                                                    \
    static Status name##_to_text(const KernelCall *call, Error *err) {                                       \
        return format_rows(call, format_##name, false, err);                                                 \
    }                                                                                                        \
    static Status name##_to_text_explicit(const KernelCall *call, Error *err) {                              \
        return format_rows(call, format_##name, true, err);                                                  \
    }
FORMAT_CAST(i16)
FORMAT_CAST(i32)
FORMAT_CAST(i64)
FORMAT_CAST(f32)
FORMAT_CAST(f64)
FORMAT_CAST(bool)
FORMAT_CAST(date)
FORMAT_CAST(time)
FORMAT_CAST(timestamp)
FORMAT_CAST(timestamptz)
FORMAT_CAST(interval)
FORMAT_CAST(uuid)

static Status numeric_format_rows(const KernelCall *call, bool explicit_cast, Error *err) {
    switch (call->args[0].physical) {
    case PHYS_I64: return format_rows(call, format_scaled64, explicit_cast, err);
    case PHYS_I128: return format_rows(call, format_scaled128, explicit_cast, err);
    default: return format_rows(call, format_numeric, explicit_cast, err);
    }
}
static Status numeric_to_text(const KernelCall *call, Error *err) {
    return numeric_format_rows(call, false, err);
}
static Status numeric_to_text_explicit(const KernelCall *call, Error *err) {
    return numeric_format_rows(call, true, err);
}

KERNEL_INLINE Status bytea_format_rows(const KernelCall *call, bool explicit_cast, Error *err) {
    KERNEL_ROWS(call, row) {
        const StringView *bytes = kernel_text(call, 0, row);
        const char *data = stringview_data(bytes);
        TRY(kernel_room(call->arena, (size_t)bytes->length * 2 + 2, err));
        char *text = arena_alloc(call->arena, (size_t)bytes->length * 2 + 2), *next = text;
        *next++ = '\\';
        *next++ = 'x';
        for (uint32_t i = 0; i < bytes->length; i++) {
            *next++ = "0123456789abcdef"[(unsigned char)data[i] >> 4];
            *next++ = "0123456789abcdef"[data[i] & 15];
        }
        TRY(fit_text(call, row, text, (size_t)(next - text), explicit_cast, err));
    }
    return STATUS_OK;
}
static Status bytea_to_text(const KernelCall *call, Error *err) {
    return bytea_format_rows(call, false, err);
}
static Status bytea_to_text_explicit(const KernelCall *call, Error *err) {
    return bytea_format_rows(call, true, err);
}

/* ---- input
 * ------------------------------------------------------------------------------------------------------------
 */

typedef Status (*ValueParse)(const KernelCall *call, const char *text, size_t length, int row, Error *err);

KERNEL_INLINE Status parse_rows(const KernelCall *call, ValueParse parse, Error *err) {
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        TRY(parse(call, stringview_data(text), text->length, row, err));
    }
    return STATUS_OK;
}

static Status parse_i16(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    int64_t value = 0;
    TRY(integer_parse(text, length, INT16_MIN, INT16_MAX, "smallint", &value, err));
    ((int16_t *)call->out->values)[row] = (int16_t)value;
    return STATUS_OK;
}
static Status parse_i32(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    int64_t value = 0;
    TRY(integer_parse(text, length, INT32_MIN, INT32_MAX, "integer", &value, err));
    ((int32_t *)call->out->values)[row] = (int32_t)value;
    return STATUS_OK;
}
static Status parse_i64(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    return integer_parse(text, length, INT64_MIN, INT64_MAX, "bigint", &((int64_t *)call->out->values)[row],
                         err);
}
static Status parse_oid(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    return integer_parse(text, length, 0, UINT32_MAX, "oid", &((int64_t *)call->out->values)[row], err);
}
static Status parse_f32(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    return float4_parse(text, length, &((float *)call->out->values)[row], err);
}
static Status parse_f64(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    return float8_parse(text, length, &((double *)call->out->values)[row], err);
}
static Status parse_numeric(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    Numeric value;
    TRY(numeric_parse(text, length, &value, err));
    return numeric_store(call->out, row, value, err);
}
static Status parse_bool(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    bool value = false;
    TRY(bool_parse(text, length, &value, err));
    ((uint8_t *)call->out->values)[row] = value;
    return STATUS_OK;
}
static Status parse_date(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    return date_parse(text, length, call->statement_time_us, &((int32_t *)call->out->values)[row], err);
}
static Status parse_time(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    return time_parse(text, length, call->statement_time_us, &((int64_t *)call->out->values)[row], err);
}
static Status parse_timestamp(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    return timestamp_parse(text, length, false, call->statement_time_us, &((int64_t *)call->out->values)[row],
                           err);
}
static Status parse_timestamptz(const KernelCall *call, const char *text, size_t length, int row,
                                Error *err) {
    return timestamp_parse(text, length, true, call->statement_time_us, &((int64_t *)call->out->values)[row],
                           err);
}
static Status parse_interval(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    return interval_parse(text, length, &((Interval *)call->out->values)[row], err);
}
static Status parse_uuid(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    uint8_t bytes[16];
    TRY(uuid_parse(text, length, bytes, err));
    ((StringView *)call->out->values)[row] = kernel_string(call, (const char *)bytes, 16);
    return STATUS_OK;
}
static Status parse_bytea(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    uint8_t *bytes = arena_alloc(call->arena, length + 1);
    size_t count = 0;
    TRY(bytea_parse(text, length, bytes, &count, err));
    ((StringView *)call->out->values)[row] = stringview_make((const char *)bytes, (uint32_t)count);
    return STATUS_OK;
}
static Status parse_json(const KernelCall *call, const char *text, size_t length, int row, Error *err) {
    TRY(json_validate(text, length, err));
    ((StringView *)call->out->values)[row] = kernel_string(call, text, length);
    return STATUS_OK;
}

#define PARSE_CAST(name)                                                                                     \
    static Status text_to_##name(const KernelCall *call, Error *err) {                                       \
        return parse_rows(call, parse_##name, err);                                                          \
    }
PARSE_CAST(i16)
PARSE_CAST(i32)
PARSE_CAST(i64)
PARSE_CAST(oid)
PARSE_CAST(f32)
PARSE_CAST(f64)
PARSE_CAST(numeric)
PARSE_CAST(bool)
PARSE_CAST(date)
PARSE_CAST(time)
PARSE_CAST(timestamp)
PARSE_CAST(timestamptz)
PARSE_CAST(interval)
PARSE_CAST(uuid)
PARSE_CAST(bytea)
PARSE_CAST(json)

/* Text of any kind into a type: an untyped literal by itself, declared text only when the cast is written. */
#define INPUT_ROWS(type, kernel)                                                                             \
    CAST_BETWEEN(UNKNOWN, type, IMPLICIT, EXPLICIT, kernel),                                                 \
        CAST_BETWEEN(TEXT, type, EXPLICIT, EXPLICIT, kernel),                                                \
        CAST_BETWEEN(VARCHAR, type, EXPLICIT, EXPLICIT, kernel),                                             \
        CAST_BETWEEN(BPCHAR, type, EXPLICIT, EXPLICIT, kernel),                                              \
        CAST_BETWEEN(NAME, type, EXPLICIT, EXPLICIT, kernel)
#define OUTPUT_ROW(a, b, kernel)                                                                             \
    CAST_BETWEEN(a, b, ASSIGNMENT, ASSIGNMENT, kernel),                                                      \
        CAST_BETWEEN(a, b, EXPLICIT, EXPLICIT, kernel##_explicit)
#define OUTPUT_ROWS(type, kernel)                                                                            \
    OUTPUT_ROW(type, TEXT, kernel), OUTPUT_ROW(type, VARCHAR, kernel), OUTPUT_ROW(type, BPCHAR, kernel)
#define RELABEL_ROW(a, b, kernel)                                                                            \
    CAST_BETWEEN(a, b, IMPLICIT, ASSIGNMENT, kernel),                                                        \
        CAST_BETWEEN(a, b, EXPLICIT, EXPLICIT, kernel##_explicit)

static const CastEntry rows[] = {
    INPUT_ROWS(INT2, text_to_i16),
    INPUT_ROWS(INT4, text_to_i32),
    INPUT_ROWS(INT8, text_to_i64),
    INPUT_ROWS(OID, text_to_oid),
    INPUT_ROWS(FLOAT4, text_to_f32),
    INPUT_ROWS(FLOAT8, text_to_f64),
    INPUT_ROWS(NUMERIC, text_to_numeric),
    INPUT_ROWS(BOOL, text_to_bool),
    INPUT_ROWS(DATE, text_to_date),
    INPUT_ROWS(TIME, text_to_time),
    INPUT_ROWS(TIMESTAMP, text_to_timestamp),
    INPUT_ROWS(TIMESTAMPTZ, text_to_timestamptz),
    INPUT_ROWS(INTERVAL, text_to_interval),
    INPUT_ROWS(UUID, text_to_uuid),
    INPUT_ROWS(BYTEA, text_to_bytea),
    INPUT_ROWS(JSON, text_to_json),
    OUTPUT_ROWS(INT2, i16_to_text),
    OUTPUT_ROWS(INT4, i32_to_text),
    OUTPUT_ROWS(INT8, i64_to_text),
    OUTPUT_ROWS(FLOAT4, f32_to_text),
    OUTPUT_ROWS(FLOAT8, f64_to_text),
    OUTPUT_ROWS(BOOL, bool_to_text),
    OUTPUT_ROWS(DATE, date_to_text),
    OUTPUT_ROWS(TIME, time_to_text),
    OUTPUT_ROWS(TIMESTAMP, timestamp_to_text),
    OUTPUT_ROWS(TIMESTAMPTZ, timestamptz_to_text),
    OUTPUT_ROWS(INTERVAL, interval_to_text),
    OUTPUT_ROWS(UUID, uuid_to_text),
    OUTPUT_ROWS(NUMERIC, numeric_to_text),
    OUTPUT_ROWS(BYTEA, bytea_to_text),
    OUTPUT_ROWS(OID, i64_to_text),
    OUTPUT_ROWS(JSON, text_relabel),
    OUTPUT_ROWS(JSONB, text_relabel),
    RELABEL_ROW(UNKNOWN, TEXT, text_relabel),
    RELABEL_ROW(UNKNOWN, VARCHAR, text_relabel),
    RELABEL_ROW(UNKNOWN, BPCHAR, text_relabel),
    RELABEL_ROW(UNKNOWN, NAME, text_relabel),
    RELABEL_ROW(TEXT, TEXT, text_relabel),
    RELABEL_ROW(TEXT, VARCHAR, text_relabel),
    RELABEL_ROW(TEXT, BPCHAR, text_relabel),
    RELABEL_ROW(TEXT, NAME, text_relabel),
    RELABEL_ROW(VARCHAR, TEXT, text_relabel),
    RELABEL_ROW(VARCHAR, VARCHAR, text_relabel),
    RELABEL_ROW(VARCHAR, BPCHAR, text_relabel),
    RELABEL_ROW(VARCHAR, NAME, text_relabel),
    RELABEL_ROW(NAME, TEXT, text_relabel),
    RELABEL_ROW(NAME, VARCHAR, text_relabel),
    RELABEL_ROW(NAME, BPCHAR, text_relabel),
    RELABEL_ROW(NAME, NAME, text_relabel),
    RELABEL_ROW(BPCHAR, TEXT, bpchar_to_text),
    RELABEL_ROW(BPCHAR, VARCHAR, bpchar_to_text),
    RELABEL_ROW(BPCHAR, NAME, bpchar_to_text),
    RELABEL_ROW(BPCHAR, BPCHAR, text_relabel),
    CAST_BETWEEN(JSONB, JSON, ASSIGNMENT, EXPLICIT, text_relabel),
};

CastTable text_casts(void) {
    return (CastTable){rows, (int)(sizeof rows / sizeof rows[0])};
}
