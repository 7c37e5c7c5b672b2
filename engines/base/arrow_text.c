#include "engines/base/arrow_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engines/base/calendar.h"
#include "engines/base/float_text.h"

static ValueShape shape_of(SqlType type, const char *format) {
    if (!strcmp(format, "+l") || !strcmp(format, "+L")) return SHAPE_LIST;
    if (!strcmp(format, "+s")) return SHAPE_STRUCT;
    switch ((SqlTypeId)type.id) {
    case SQL_BOOL: return SHAPE_BOOL;
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID: return SHAPE_NUMBER;
    case SQL_NUMERIC:
    case SQL_FLOAT4:
    case SQL_FLOAT8: return SHAPE_FLOAT;
    case SQL_JSON:
    case SQL_JSONB: return SHAPE_JSON;
    default: return SHAPE_TEXT;
    }
}

Status column_format_init(ColumnFormat *column, const ArrowSchema *schema, Arena *arena, Error *err) {
    static const char known[] = "b s i l I S C c L f g u U z Z d:tdttts tin+l +s n";
    const char *type_name;
    column->name = schema->name ? schema->name : "";
    column->type = arrow_schema_sqltype(schema, &type_name);
    column->format = schema->format;
    column->layout = schema->format[0];
    column->shape = shape_of(column->type, schema->format);
    if (!strchr(known, column->layout))
        return error_set(err, SQLSTATE_INTERNAL, "column %s has the Arrow format %s, which cannot be printed",
                         column->name, schema->format);
    if (column->layout == 'd') sscanf(schema->format, "d:%*d,%d", &column->scale);
    if (schema->dictionary) {
        column->dictionary = ARENA_NEW(arena, ColumnFormat);
        TRY(column_format_init(column->dictionary, schema->dictionary, arena, err));
        column->shape = column->type.id == SQL_JSON ? SHAPE_JSON : column->dictionary->shape;
    }
    column->child_count = (int)schema->n_children;
    column->children = ARENA_NEW_ARRAY(arena, ColumnFormat, column->child_count + 1);
    for (int i = 0; i < column->child_count; i++)
        TRY(column_format_init(&column->children[i], schema->children[i], arena, err));
    return STATUS_OK;
}

bool array_is_null(const ArrowArray *array, int64_t row) {
    if (array->null_count == 0 || array->n_buffers == 0 || !array->buffers[0]) return false;
    int64_t at = row + array->offset;
    return !(((const uint8_t *)array->buffers[0])[at >> 3] >> (at & 7) & 1);
}

/* ---- dates and times
 * ------------------------------------------------------------------------------------------- */

/* Zero-padded to `width`, which the value fits. */
static char *put_digits(char *at, int64_t value, int width) {
    for (int i = width - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + width;
}

static bool append_date(StrBuf *out, int64_t days) {
    int64_t year;
    int month, day;
    calendar_date_of(days, &year, &month, &day);
    bool before_christ = year <= 0;
    if (before_christ) year = 1 - year;
    char text[6] = {'-', 0, 0, '-'};
    put_digits(text + 1, month, 2);
    put_digits(text + 4, day, 2);
    if (year < 10000) {
        char digits[4];
        strbuf_append(out, digits, (size_t)(put_digits(digits, year, 4) - digits));
    } else {
        strbuf_append_i64(out, year);
    }
    strbuf_append(out, text, sizeof text);
    return before_christ;
}

static void append_clock(StrBuf *out, int64_t microseconds) {
    int64_t seconds = microseconds / 1000000, hours = seconds / 3600;
    int64_t fraction = microseconds % 1000000;
    char text[16];
    char *at = text;
    if (hours < 100)
        at = put_digits(at, hours, 2);
    else
        strbuf_append_i64(out, hours); /* an interval's */
    *at++ = ':';
    at = put_digits(at, seconds / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, seconds % 60, 2);
    if (fraction) {
        *at++ = '.';
        at = put_digits(at, fraction, 6);
        while (at[-1] == '0')
            at--;
    }
    strbuf_append(out, text, (size_t)(at - text));
}

static void append_timestamp(StrBuf *out, int64_t microseconds, bool with_zone) {
    if (microseconds == INT64_MAX || microseconds == INT64_MIN) {
        strbuf_append_text(out, microseconds < 0 ? "-infinity" : "infinity");
        return;
    }
    int64_t per_day = INT64_C(86400000000);
    int64_t days = microseconds / per_day, rest = microseconds % per_day;
    if (rest < 0) {
        rest += per_day;
        days--;
    }
    bool before_christ = append_date(out, days);
    strbuf_append_char(out, ' ');
    append_clock(out, rest);
    if (with_zone) strbuf_append_text(out, "+00");
    if (before_christ) strbuf_append_text(out, " BC");
}

static void append_unit(StrBuf *out, int64_t value, const char *unit, bool *first, bool *negative_before) {
    if (!value) return;
    strbuf_printf(out, "%s%s%" PRId64 " %s%s", *first ? "" : " ", *negative_before && value > 0 ? "+" : "",
                  value, unit, value == 1 ? "" : "s");
    *negative_before = value < 0;
    *first = false;
}

/* PostgreSQL's IntervalStyle "postgres". */
static void append_interval(StrBuf *out, int32_t months, int32_t days, int64_t microseconds) {
    bool first = true, negative = false;
    append_unit(out, months / 12, "year", &first, &negative);
    append_unit(out, months % 12, "mon", &first, &negative);
    append_unit(out, days, "day", &first, &negative);
    if (!microseconds && !first) return;
    if (!first) strbuf_append_char(out, ' ');
    if (microseconds < 0)
        strbuf_append_char(out, '-');
    else if (negative)
        strbuf_append_char(out, '+');
    append_clock(out, microseconds < 0 ? -microseconds : microseconds);
}

/* ---- numbers
 * ----------------------------------------------------------------------------------------------------- */

static void append_decimal(StrBuf *out, __int128 value, int scale) {
    char digits[48];
    int at = sizeof digits;
    bool negative = value < 0;
    unsigned __int128 rest = negative ? -(unsigned __int128)value : (unsigned __int128)value;
    for (int written = 0; rest || written <= scale; written++) {
        if (written == scale && scale) digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (negative) digits[--at] = '-';
    strbuf_append(out, digits + at, sizeof digits - (size_t)at);
}

static void append_float(StrBuf *out, double value, bool single) {
    char text[FLOAT_TEXT_BYTES];
    strbuf_append(out, text, single ? float4_format((float)value, text) : float8_format(value, text));
}

/* ---- values
 * ------------------------------------------------------------------------------------------------------- */

static int64_t integer_value(char layout, const void *values, int64_t at) {
    switch (layout) {
    case 'c': return ((const int8_t *)values)[at];
    case 'C': return ((const uint8_t *)values)[at];
    case 's': return ((const int16_t *)values)[at];
    case 'S': return ((const uint16_t *)values)[at];
    case 'i': return ((const int32_t *)values)[at];
    case 'I': return ((const uint32_t *)values)[at];
    default: return ((const int64_t *)values)[at];
    }
}

static void append_temporal(StrBuf *out, const ColumnFormat *column, const void *values, int64_t at) {
    const char *format = column->format;
    if (!strcmp(format, "tdD")) {
        int32_t days = ((const int32_t *)values)[at];
        if (days == INT32_MAX || days == INT32_MIN)
            strbuf_append_text(out, days < 0 ? "-infinity" : "infinity");
        else if (append_date(out, days))
            strbuf_append_text(out, " BC");
    } else if (!strcmp(format, "ttu")) {
        append_clock(out, ((const int64_t *)values)[at]);
    } else if (!strcmp(format, "tin")) {
        const char *entry = (const char *)values + at * 16;
        int32_t months, days;
        int64_t nanoseconds;
        memcpy(&months, entry, 4);
        memcpy(&days, entry + 4, 4);
        memcpy(&nanoseconds, entry + 8, 8);
        append_interval(out, months, days, nanoseconds / 1000);
    } else {
        append_timestamp(out, ((const int64_t *)values)[at], strlen(format) > 4);
    }
}

const char *string_value(const ColumnFormat *column, const ArrowArray *array, int64_t row, size_t *length) {
    int64_t at = row + array->offset;
    if (column->dictionary)
        return string_value(column->dictionary, array->dictionary,
                            integer_value(column->layout, array->buffers[1], at), length);
    const char *bytes = array->n_buffers > 2 ? array->buffers[2] : NULL;
    if (column->layout == 'u' || column->layout == 'z') {
        const int32_t *offsets = array->buffers[1];
        *length = (size_t)(offsets[at + 1] - offsets[at]);
        return bytes + offsets[at];
    }
    if (column->layout == 'U' || column->layout == 'Z') {
        const int64_t *offsets = array->buffers[1];
        *length = (size_t)(offsets[at + 1] - offsets[at]);
        return bytes + offsets[at];
    }
    return NULL;
}

bool is_binary(const ColumnFormat *column) {
    char layout = (column->dictionary ? column->dictionary : column)->layout;
    return layout == 'z' || layout == 'Z';
}

void list_range(const ColumnFormat *column, const ArrowArray *array, int64_t at, int64_t *start,
                int64_t *end) {
    if (column->format[1] == 'L') {
        *start = ((const int64_t *)array->buffers[1])[at];
        *end = ((const int64_t *)array->buffers[1])[at + 1];
    } else {
        *start = ((const int32_t *)array->buffers[1])[at];
        *end = ((const int32_t *)array->buffers[1])[at + 1];
    }
}

static void append_hex(StrBuf *out, const char *bytes, size_t length) {
    static const char hex[] = "0123456789abcdef";
    strbuf_grow(out, length * 2 + 2);
    strbuf_append_text(out, "\\x");
    for (size_t i = 0; i < length; i++) {
        strbuf_append_char(out, hex[(unsigned char)bytes[i] >> 4]);
        strbuf_append_char(out, hex[bytes[i] & 15]);
    }
}

void append_value_text(StrBuf *out, const ColumnFormat *column, const ArrowArray *array, int64_t row) {
    size_t length;
    const char *bytes = string_value(column, array, row, &length);
    if (bytes) {
        if (is_binary(column))
            append_hex(out, bytes, length);
        else
            strbuf_append(out, bytes, length);
        return;
    }
    const void *values = array->buffers[1];
    int64_t at = row + array->offset;
    switch (column->layout) {
    case 'b': strbuf_append_char(out, ((const uint8_t *)values)[at >> 3] >> (at & 7) & 1 ? 't' : 'f'); break;
    case 'f': append_float(out, ((const float *)values)[at], true); break;
    case 'g': append_float(out, ((const double *)values)[at], false); break;
    case 'L': strbuf_append_u64(out, ((const uint64_t *)values)[at]); break;
    case 'd': {
        __int128 value;
        memcpy(&value, (const char *)values + at * 16, 16);
        append_decimal(out, value, column->scale);
        break;
    }
    case 't': append_temporal(out, column, values, at); break;
    default: strbuf_append_i64(out, integer_value(column->layout, values, at));
    }
}

/* ---- nested values in PostgreSQL's notation
 * ----------------------------------------------------------------- */

static bool is_blank(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* An array's element that says NULL must not be taken for one; in a row NULL is nothing at all. */
static bool needs_quotes(const char *text, size_t length, bool in_array) {
    const char *special = in_array ? "{},\"\\" : "(),\"\\";
    if (length == 0 || (in_array && length == 4 && !strncasecmp(text, "null", 4))) return true;
    for (size_t i = 0; i < length; i++)
        if (is_blank(text[i]) || (text[i] && strchr(special, text[i]))) return true;
    return false;
}

static void append_element(StrBuf *out, const ColumnFormat *column, const ArrowArray *array, int64_t row,
                           bool in_array) {
    if (column->shape == SHAPE_LIST && in_array) {
        append_nested_text(out, column, array, row);
        return;
    }
    StrBuf text;
    strbuf_init(&text);
    if (column->shape == SHAPE_LIST || column->shape == SHAPE_STRUCT)
        append_nested_text(&text, column, array, row);
    else
        append_value_text(&text, column, array, row);
    if (needs_quotes(strbuf_text(&text), text.length, in_array)) {
        strbuf_append_char(out, '"');
        for (size_t i = 0; i < text.length; i++) {
            if (text.data[i] == '"' || text.data[i] == '\\') /* arrays escape, rows double */
                strbuf_append_char(out, in_array ? '\\' : text.data[i]);
            strbuf_append_char(out, text.data[i]);
        }
        strbuf_append_char(out, '"');
    } else {
        strbuf_append(out, strbuf_text(&text), text.length);
    }
    strbuf_deinit(&text);
}

void append_nested_text(StrBuf *out, const ColumnFormat *column, const ArrowArray *array, int64_t row) {
    int64_t at = row + array->offset;
    if (column->shape == SHAPE_LIST) {
        int64_t start, end;
        list_range(column, array, at, &start, &end);
        strbuf_append_char(out, '{');
        for (int64_t i = start; i < end; i++) {
            if (i > start) strbuf_append_char(out, ',');
            if (array_is_null(array->children[0], i))
                strbuf_append_text(out, "NULL");
            else
                append_element(out, &column->children[0], array->children[0], i, true);
        }
        strbuf_append_char(out, '}');
        return;
    }
    strbuf_append_char(out, '(');
    for (int i = 0; i < column->child_count; i++) {
        if (i) strbuf_append_char(out, ',');
        if (!array_is_null(array->children[i], at))
            append_element(out, &column->children[i], array->children[i], at, false);
    }
    strbuf_append_char(out, ')');
}
