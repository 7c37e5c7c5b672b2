#include "fcgi/format/row_json.h"

#include <stdlib.h>
#include <string.h>

/* Integers beyond ±2^53, and numerics with more than 15 significant digits: what a double cannot hold. */
static bool is_big(const char *digits, size_t length) {
    size_t significant = 0;
    bool fraction = false;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] == '.')
            fraction = true;
        else if (digits[i] >= '0' && digits[i] <= '9' && (significant || digits[i] != '0'))
            significant++;
    }
    if (significant <= 15) return false;
    if (fraction || significant > 16) return true;
    long long value = strtoll(digits, NULL, 10);
    return value > (1LL << 53) || value < -(1LL << 53);
}

/* JSON has no NaN or infinity: these become strings. */
static bool is_json_number(const char *digits, size_t length) {
    char last = length ? digits[length - 1] : 0;
    return last >= '0' && last <= '9';
}

static void append_number(StrBuf *out, const ColumnFormat *column, const ArrowArray *array, int64_t row,
                          bool big_numbers_as_strings) {
    size_t start = out->length;
    append_value_text(out, column, array, row);
    const char *digits = out->data + start;
    size_t length = out->length - start;
    bool quote = !is_json_number(digits, length) ||
                 (big_numbers_as_strings && !memchr(digits, 'e', length) && is_big(digits, length));
    if (!quote) return;
    strbuf_append_text(out, "\"\"");
    memmove(out->data + start + 1, out->data + start, length);
    out->data[start] = '"';
}

static void append_list(StrBuf *out, const ColumnFormat *column, const ArrowArray *array, int64_t row,
                        bool big) {
    int64_t start, end;
    list_range(column, array, row + array->offset, &start, &end);
    strbuf_append_char(out, '[');
    for (int64_t i = start; i < end; i++) {
        if (i > start) strbuf_append_char(out, ',');
        append_value_json(out, &column->children[0], array->children[0], i, big);
    }
    strbuf_append_char(out, ']');
}

static void append_struct(StrBuf *out, const ColumnFormat *column, const ArrowArray *array, int64_t row,
                          bool big) {
    strbuf_append_char(out, '{');
    for (int i = 0; i < column->child_count; i++) {
        if (i) strbuf_append_char(out, ',');
        strbuf_append_json(out, column->children[i].name, strlen(column->children[i].name));
        strbuf_append_char(out, ':');
        append_value_json(out, &column->children[i], array->children[i], row + array->offset, big);
    }
    strbuf_append_char(out, '}');
}

/* json and jsonb pass through as JSON; line ends inside (json keeps its source text) become blanks for
 * NDJSON's sake: outside strings JSON knows only blanks, inside them control characters are escaped already.
 */
static void append_json_text(StrBuf *out, const char *text, size_t length) {
    size_t start = out->length;
    strbuf_append(out, text, length);
    for (char *p = out->data + start; p < out->data + out->length; p++)
        if (*p == '\n' || *p == '\r') *p = ' ';
}

void append_value_json(StrBuf *out, const ColumnFormat *column, const ArrowArray *array, int64_t row,
                       bool big) {
    if (column->layout == 'n' || array_is_null(array, row)) {
        strbuf_append_text(out, "null");
        return;
    }
    size_t length;
    const char *text;
    switch (column->shape) {
    case SHAPE_BOOL: {
        int64_t at = row + array->offset;
        bool value = ((const uint8_t *)array->buffers[1])[at >> 3] >> (at & 7) & 1;
        strbuf_append_text(out, value ? "true" : "false");
        return;
    }
    case SHAPE_NUMBER:
    case SHAPE_FLOAT: append_number(out, column, array, row, big); return;
    case SHAPE_LIST: append_list(out, column, array, row, big); return;
    case SHAPE_STRUCT: append_struct(out, column, array, row, big); return;
    case SHAPE_JSON:
        text = string_value(column, array, row, &length);
        append_json_text(out, text, length);
        return;
    case SHAPE_TEXT: break;
    }
    text = string_value(column, array, row, &length);
    if (text && !is_binary(column)) {
        strbuf_append_json(out, text, length);
        return;
    }
    strbuf_append_char(out, '"'); /* dates, times, intervals, hex: nothing in them needs an escape but \x */
    if (text) strbuf_append_char(out, '\\');
    append_value_text(out, column, array, row);
    strbuf_append_char(out, '"');
}
