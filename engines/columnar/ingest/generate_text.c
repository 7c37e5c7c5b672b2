/* Generated rows as CSV and NDJSON: only the types that generated columns have. */
#include <stdio.h>
#include <string.h>

#include "engines/base/calendar.h"
#include "engines/columnar/ingest/generate_rows.h"

#define DAY_US INT64_C(86400000000)

static void put_two(char *out, int value) {
    out[0] = (char)('0' + value / 10);
    out[1] = (char)('0' + value % 10);
}

/* YYYY-MM-DD of days since 1970. */
static void put_date(char out[10], int64_t days) {
    int64_t long_year;
    int month, day;
    calendar_date_of(days, &long_year, &month, &day);
    int year = (int)long_year;
    put_two(out, year / 100);
    put_two(out + 2, year % 100);
    out[4] = out[7] = '-';
    put_two(out + 5, month);
    put_two(out + 8, day);
}

static void append_timestamp(StrBuf *out, int64_t microseconds, char separator) {
    char text[32];
    int64_t within = microseconds % DAY_US;
    put_date(text, microseconds / DAY_US);
    int seconds = (int)(within / 1000000), fraction = (int)(within % 1000000);
    text[10] = separator;
    put_two(text + 11, seconds / 3600);
    text[13] = text[16] = ':';
    put_two(text + 14, seconds / 60 % 60);
    put_two(text + 17, seconds % 60);
    text[19] = '.';
    put_two(text + 20, fraction / 10000);
    put_two(text + 22, fraction / 100 % 100);
    put_two(text + 24, fraction % 100);
    memcpy(text + 26, "+00", 3);
    strbuf_append(out, text, 29);
}

static void append_scaled(StrBuf *out, int64_t value, int scale) {
    int64_t unit = 1;
    for (int i = 0; i < scale; i++)
        unit *= 10;
    strbuf_append_i64(out, value / unit); /* generated amounts are never negative */
    if (scale == 0) return;
    char digits[20];
    int64_t fraction = value % unit;
    for (int i = scale - 1; i >= 0; i--, fraction /= 10)
        digits[i] = (char)('0' + fraction % 10);
    strbuf_append_char(out, '.');
    strbuf_append(out, digits, (size_t)scale);
}

/* Generated floats have at most two decimals. */
static void append_float(StrBuf *out, double value) {
    int64_t scaled = (int64_t)(value < 0 ? value * 100 - 0.5 : value * 100 + 0.5);
    if (scaled < 0) {
        strbuf_append_char(out, '-');
        scaled = -scaled;
    }
    append_scaled(out, scaled, 2);
}

static void append_uuid(StrBuf *out, const unsigned char *bytes) {
    static const char HEX[] = "0123456789abcdef";
    char text[36];
    int at = 0;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text[at++] = '-';
        text[at++] = HEX[bytes[i] >> 4];
        text[at++] = HEX[bytes[i] & 15];
    }
    strbuf_append(out, text, sizeof text);
}

static void append_csv_text(StrBuf *out, const char *text, size_t length) {
    bool plain = length > 0;
    for (size_t i = 0; i < length && plain; i++)
        plain = text[i] != ',' && text[i] != '"' && text[i] != '\n' && text[i] != '\r';
    if (plain) {
        strbuf_append(out, text, length);
        return;
    }
    strbuf_append_char(out, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"') strbuf_append_char(out, '"');
        strbuf_append_char(out, text[i]);
    }
    strbuf_append_char(out, '"');
}

/* Numbers and booleans, which look alike in CSV and JSON. False when the value is something else. */
static bool append_bare(StrBuf *out, const Vector *vector, int row) {
    switch (vector->type.id) {
    case SQL_INT4: strbuf_append_i64(out, ((const int32_t *)vector->values)[row]); return true;
    case SQL_INT8: strbuf_append_i64(out, ((const int64_t *)vector->values)[row]); return true;
    case SQL_NUMERIC:
        append_scaled(out, ((const int64_t *)vector->values)[row], vector->type.scale);
        return true;
    case SQL_FLOAT8: append_float(out, ((const double *)vector->values)[row]); return true;
    case SQL_BOOL:
        strbuf_append_text(out, ((const uint8_t *)vector->values)[row] ? "true" : "false");
        return true;
    default: return false;
    }
}

/* Dates, timestamps and UUIDs, which JSON puts in quotes. */
static bool append_formatted(StrBuf *out, const Vector *vector, int row, char separator) {
    char date[10];
    switch (vector->type.id) {
    case SQL_DATE:
        put_date(date, ((const int32_t *)vector->values)[row]);
        strbuf_append(out, date, sizeof date);
        return true;
    case SQL_TIMESTAMPTZ:
        append_timestamp(out, ((const int64_t *)vector->values)[row], separator);
        return true;
    case SQL_UUID:
        append_uuid(out, (const unsigned char *)stringview_data(&((const StringView *)vector->values)[row]));
        return true;
    default: return false;
    }
}

void generate_append_csv_header(StrBuf *out, const TableColumn *columns, int column_count) {
    for (int i = 0; i < column_count; i++)
        strbuf_printf(out, "%s%s", i ? "," : "", columns[i].name);
    strbuf_append_char(out, '\n');
}

void generate_append_csv(StrBuf *out, const Batch *batch, const TableColumn *columns) {
    for (int row = 0; row < batch->row_count; row++) {
        for (int i = 0; i < batch->column_count; i++) {
            const Vector *vector = &batch->columns[i];
            if (i) strbuf_append_char(out, ',');
            if (vector_is_null(vector, row) || append_bare(out, vector, row) ||
                append_formatted(out, vector, row, ' '))
                continue;
            const StringView *view = &((const StringView *)vector->values)[row];
            append_csv_text(out, stringview_data(view), view->length);
        }
        strbuf_append_char(out, '\n');
    }
}

void generate_append_ndjson(StrBuf *out, const Batch *batch, const TableColumn *columns) {
    for (int row = 0; row < batch->row_count; row++) {
        for (int i = 0; i < batch->column_count; i++) {
            const Vector *vector = &batch->columns[i];
            strbuf_append_char(out, i ? ',' : '{');
            strbuf_append_json(out, columns[i].name, strlen(columns[i].name));
            strbuf_append_char(out, ':');
            if (vector_is_null(vector, row)) {
                strbuf_append_text(out, "null");
            } else if (!append_bare(out, vector, row)) {
                const StringView *view = &((const StringView *)vector->values)[row];
                bool is_json = vector->type.id == SQL_JSON;
                bool formatted = vector->type.id == SQL_DATE || vector->type.id == SQL_TIMESTAMPTZ ||
                                 vector->type.id == SQL_UUID;
                if (formatted) {
                    strbuf_append_char(out, '"');
                    append_formatted(out, vector, row, 'T');
                    strbuf_append_char(out, '"');
                } else if (is_json) {
                    strbuf_append(out, stringview_data(view), view->length);
                } else {
                    strbuf_append_json(out, stringview_data(view), view->length);
                }
            }
        }
        strbuf_append(out, "}\n", 2);
    }
}
