/* Scalars within nested columns, as PostgreSQL's to_jsonb() prints them. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "engines/base/calendar.h"
#include "engines/base/float_text.h"
#include "engines/columnar/parquet/parquet_nested.h"

static const int64_t MICROS_PER_SECOND = 1000000, MICROS_PER_DAY = INT64_C(86400000000);

static void put_decimal(__int128 value, int scale, StrBuf *out) {
    char digits[48];
    int at = (int)sizeof digits;
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    for (int i = 0; i <= scale || rest > 0; i++) {
        if (i == scale && scale > 0) digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (value < 0) digits[--at] = '-';
    strbuf_append(out, digits + at, sizeof digits - (size_t)at);
}

/* jsonb's numbers have no exponent: d.ddde±x is written out. */
static void put_float_text(const char *text, size_t length, StrBuf *out) {
    const char *exponent_mark = memchr(text, 'e', length);
    if (!exponent_mark) {
        strbuf_append(out, text, length);
        return;
    }
    char digits[FLOAT_TEXT_BYTES];
    int count = 0, point = 0;
    bool after_point = false;
    if (*text == '-') strbuf_append_char(out, *text++);
    for (; text < exponent_mark; text++) {
        if (*text == '.')
            after_point = true;
        else
            digits[count++] = *text;
        point += *text != '.' && !after_point;
    }
    point += atoi(exponent_mark + 1);
    if (point <= 0) {
        strbuf_append_text(out, "0.");
        for (int i = point; i < 0; i++)
            strbuf_append_char(out, '0');
    }
    for (int i = 0; i < count || i < point; i++) {
        if (i == point && i > 0) strbuf_append_char(out, '.');
        strbuf_append_char(out, i < count ? digits[i] : '0');
    }
}

static void put_float(double value, bool narrow, StrBuf *out) {
    char text[FLOAT_TEXT_BYTES + 1];
    if (!isfinite(value)) {
        strbuf_append_text(out, isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return;
    }
    if (value == 0) { /* numeric has no negative zero */
        strbuf_append_char(out, '0');
        return;
    }
    size_t length = narrow ? float4_format((float)value, text) : float8_format(value, text);
    text[length] = 0;
    put_float_text(text, length, out);
}

static void put_hex(const StringView *bytes, StrBuf *out) {
    static const char HEX[] = "0123456789abcdef";
    const char *data = stringview_data(bytes);
    strbuf_append_text(out, "\"\\\\x");
    for (uint32_t i = 0; i < bytes->length; i++) {
        char pair[2] = {HEX[(unsigned char)data[i] >> 4], HEX[data[i] & 15]};
        strbuf_append(out, pair, 2);
    }
    strbuf_append_char(out, '"');
}

static void put_uuid(const StringView *bytes, StrBuf *out) {
    const char *data = stringview_data(bytes);
    strbuf_append_char(out, '"');
    for (uint32_t i = 0; i < bytes->length; i++)
        strbuf_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", (unsigned char)data[i]);
    strbuf_append_char(out, '"');
}

static void put_date(int64_t days, StrBuf *out) {
    int64_t year;
    int month, day;
    calendar_date_of(days, &year, &month, &day);
    strbuf_printf(out, "%04" PRId64 "-%02d-%02d", year > 0 ? year : 1 - year, month, day);
}

static bool before_christ(int64_t days) {
    int64_t year;
    int month, day;
    calendar_date_of(days, &year, &month, &day);
    return year <= 0;
}

static void put_time(int64_t micros, StrBuf *out) {
    int64_t seconds = micros / MICROS_PER_SECOND, fraction = micros % MICROS_PER_SECOND;
    strbuf_printf(out, "%02" PRId64 ":%02d:%02d", seconds / 3600, (int)(seconds / 60 % 60),
                  (int)(seconds % 60));
    if (!fraction) return;
    strbuf_printf(out, ".%06d", (int)fraction);
    while (out->data[out->length - 1] == '0')
        out->data[--out->length] = 0;
}

static void put_timestamp(int64_t micros, bool with_zone, StrBuf *out) {
    int64_t days = micros / MICROS_PER_DAY, rest = micros % MICROS_PER_DAY;
    if (rest < 0) {
        rest += MICROS_PER_DAY;
        days--;
    }
    strbuf_append_char(out, '"');
    put_date(days, out);
    strbuf_append_char(out, 'T');
    put_time(rest, out);
    if (with_zone) strbuf_append_text(out, "+00:00");
    if (before_christ(days)) strbuf_append_text(out, " BC");
    strbuf_append_char(out, '"');
}

/* An ISO 8601 duration. */
static void put_interval(const Interval *value, StrBuf *out) {
    uint64_t micros =
        value->microseconds < 0 ? -(uint64_t)value->microseconds : (uint64_t)value->microseconds;
    strbuf_printf(out, "\"P%dM%dDT%s%" PRIu64 ".%06" PRIu64 "S\"", value->months, value->days,
                  value->microseconds < 0 ? "-" : "", micros / 1000000, micros % 1000000);
}

static void put_string(const ParquetLeaf *leaf, const StringView *view, StrBuf *out) {
    if (leaf->type.id == SQL_BYTEA)
        put_hex(view, out);
    else if (leaf->type.id == SQL_UUID)
        put_uuid(view, out);
    else
        strbuf_append_json(out, stringview_data(view), view->length);
}

static void put_integer(const ParquetLeaf *leaf, int64_t value, StrBuf *out) {
    switch (leaf->type.id) {
    case SQL_NUMERIC: put_decimal(value, leaf->type.scale, out); break;
    case SQL_TIME:
        strbuf_append_char(out, '"');
        put_time(value, out);
        strbuf_append_char(out, '"');
        break;
    case SQL_DATE:
        strbuf_append_char(out, '"');
        put_date(value, out);
        strbuf_append_text(out, before_christ(value) ? " BC\"" : "\"");
        break;
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: put_timestamp(value, leaf->type.id == SQL_TIMESTAMPTZ, out); break;
    default: strbuf_append_i64(out, value); break;
    }
}

void nested_scalar_json(const ParquetLeaf *leaf, const void *from, StrBuf *out) {
    _Alignas(16) union {
        uint8_t boolean;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        __int128 i128;
        float f32;
        double f64;
        StringView string;
        Interval interval;
    } value;
    memcpy(&value, from, physical_width(leaf->vector_physical));
    switch (leaf->vector_physical) {
    case PHYS_BOOL: strbuf_append_text(out, value.boolean ? "true" : "false"); break;
    case PHYS_I16: put_integer(leaf, value.i16, out); break;
    case PHYS_I32: put_integer(leaf, value.i32, out); break;
    case PHYS_I64: put_integer(leaf, value.i64, out); break;
    case PHYS_I128: put_decimal(value.i128, leaf->type.scale, out); break;
    case PHYS_F32: put_float((double)value.f32, true, out); break;
    case PHYS_F64: put_float(value.f64, false, out); break;
    case PHYS_INTERVAL: put_interval(&value.interval, out); break;
    default: put_string(leaf, &value.string, out); break;
    }
}
