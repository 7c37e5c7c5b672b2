/* Values in text form, for results that hold a type whose binary form is not read here. The connection keeps
 * DateStyle ISO and IntervalStyle postgres (pgconn.c), which fixes the forms read below. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/calendar.h"
#include "engines/base/strbuf.h"
#include "engines/postgres/pgdecode.h"
#include "engines/postgres/pgnumeric.h"

#define MICROSECONDS_PER_DAY ((int64_t)86400 * 1000000)

typedef struct Cursor {
    const char *at;
    const char *end;
} Cursor;

static Status malformed_text(SqlType type, Error *err) {
    char name[SQLTYPE_NAME_BYTES];
    return error_set(err, SQLSTATE_DATA_CORRUPTED,
                     "PostgreSQL sent a value of type %s in a form that cannot be read",
                     sqltype_name(type, false, name));
}

static bool take_char(Cursor *in, char c) {
    if (in->at == in->end || *in->at != c) return false;
    in->at++;
    return true;
}

static bool take_number(Cursor *in, int64_t *out) {
    const char *start = in->at;
    int64_t value = 0;
    while (in->at < in->end && isdigit((unsigned char)*in->at)) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *in->at - '0', &value))
            return false;
        in->at++;
    }
    *out = value;
    return in->at > start;
}

/* "04:05:06.789" with any number of hours. */
static bool take_clock(Cursor *in, int64_t *microseconds) {
    int64_t hours, minutes, seconds, fraction = 0;
    if (!take_number(in, &hours) || !take_char(in, ':') || !take_number(in, &minutes) ||
        !take_char(in, ':') || !take_number(in, &seconds))
        return false;
    if (take_char(in, '.')) {
        int64_t unit = 100000;
        for (; in->at < in->end && isdigit((unsigned char)*in->at); in->at++, unit /= 10)
            fraction += (*in->at - '0') * unit;
    }
    int64_t total;
    if (__builtin_mul_overflow(hours, (int64_t)3600000000, &total) ||
        __builtin_add_overflow(total, (minutes * 60 + seconds) * 1000000 + fraction, &total))
        return false;
    *microseconds = total;
    return true;
}

static bool ends_with_bc(Cursor *in) {
    if (in->end - in->at < 3 || memcmp(in->end - 3, " BC", 3)) return false;
    in->end -= 3;
    return true;
}

static bool take_date(Cursor *in, bool before_christ, int64_t *days) {
    int64_t year, month, day;
    if (!take_number(in, &year) || !take_char(in, '-') || !take_number(in, &month) || !take_char(in, '-') ||
        !take_number(in, &day) || month < 1 || month > 12)
        return false;
    *days = calendar_days_of(before_christ ? 1 - year : year, (int)month, (int)day);
    return true;
}

static bool infinite(const char *text, size_t length, int *sign) {
    *sign = length == 8 && !memcmp(text, "infinity", 8)    ? 1
            : length == 9 && !memcmp(text, "-infinity", 9) ? -1
                                                           : 0;
    return *sign != 0;
}

static Status text_date(const PgColumn *code, ArrowColumn *column, Cursor in, Error *err) {
    int sign;
    if (infinite(in.at, (size_t)(in.end - in.at), &sign)) {
        arrow_append_int(column, sign > 0 ? INT32_MAX : INT32_MIN);
        return STATUS_OK;
    }
    int64_t days;
    bool before_christ = ends_with_bc(&in);
    if (!take_date(&in, before_christ, &days) || in.at != in.end) return malformed_text(code->type, err);
    arrow_append_int(column, days);
    return STATUS_OK;
}

/* "+02", "-03:30", "+01:23:45": seconds east of Greenwich. */
static bool take_zone(Cursor *in, int64_t *seconds) {
    int64_t part, total = 0, unit = 3600;
    bool negative = in->at < in->end && *in->at == '-';
    if (!take_char(in, '+') && !take_char(in, '-')) return false;
    do {
        if (!take_number(in, &part)) return false;
        total += part * unit;
        unit /= 60;
    } while (unit && take_char(in, ':'));
    *seconds = negative ? -total : total;
    return true;
}

static Status text_timestamp(const PgColumn *code, ArrowColumn *column, Cursor in, Error *err) {
    int sign;
    if (infinite(in.at, (size_t)(in.end - in.at), &sign)) {
        arrow_append_int(column, sign > 0 ? INT64_MAX : INT64_MIN);
        return STATUS_OK;
    }
    int64_t days, clock, zone = 0;
    bool before_christ = ends_with_bc(&in);
    if (!take_date(&in, before_christ, &days) || !take_char(&in, ' ') || !take_clock(&in, &clock))
        return malformed_text(code->type, err);
    if (code->type.id == SQL_TIMESTAMPTZ && !take_zone(&in, &zone)) return malformed_text(code->type, err);
    if (in.at != in.end) return malformed_text(code->type, err);
    arrow_append_int(column, days * MICROSECONDS_PER_DAY + clock - zone * 1000000);
    return STATUS_OK;
}

static void take_spaces(Cursor *in) {
    while (take_char(in, ' '))
        ;
}

/* "1 year 2 mons -3 days -04:05:06.7" */
static Status text_interval(const PgColumn *code, ArrowColumn *column, Cursor in, Error *err) {
    int64_t months = 0, days = 0, clock = 0, nanoseconds;
    for (take_spaces(&in); in.at < in.end; take_spaces(&in)) {
        bool negative = *in.at == '-';
        (void)(take_char(&in, '-') || take_char(&in, '+'));
        Cursor number = in;
        int64_t value;
        if (take_clock(&in, &value)) {
            clock = negative ? -value : value;
            continue;
        }
        in = number;
        if (!take_number(&in, &value) || !take_char(&in, ' ') || in.at == in.end)
            return malformed_text(code->type, err);
        value = negative ? -value : value;
        switch (*in.at) {
        case 'y': months += value * 12; break;
        case 'm': months += value; break;
        case 'd': days += value; break;
        default: return malformed_text(code->type, err);
        }
        while (in.at < in.end && isalpha((unsigned char)*in.at))
            in.at++;
    }
    if (__builtin_mul_overflow(clock, 1000, &nanoseconds))
        return error_set(err, "22008", "an interval's time part is too large to be shown");
    arrow_append_interval(column, (int32_t)months, (int32_t)days, nanoseconds);
    return STATUS_OK;
}

static int hex_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static Status text_bytea(const PgColumn *code, ArrowColumn *column, const char *text, size_t length,
                         Error *err) {
    if (length < 2 || text[0] != '\\' || text[1] != 'x' || length % 2) return malformed_text(code->type, err);
    size_t count = length / 2 - 1;
    char *bytes = malloc(count + 1);
    if (!bytes) abort();
    for (size_t i = 0; i < count; i++) {
        int high = hex_value(text[2 + 2 * i]), low = hex_value(text[3 + 2 * i]);
        if (high < 0 || low < 0) {
            free(bytes);
            return malformed_text(code->type, err);
        }
        bytes[i] = (char)(high << 4 | low);
    }
    arrow_append_bytes(column, bytes, count);
    free(bytes);
    return STATUS_OK;
}

/* One element of an array literal into `element`; quoted ones are unescaped. False at a malformed place. */
static bool take_element(Cursor *in, StrBuf *element, bool *quoted) {
    strbuf_reset(element);
    *quoted = take_char(in, '"');
    while (in->at < in->end) {
        char c = *in->at;
        if (*quoted ? c == '"' : c == ',' || c == '}') break;
        if (c == '\\' && ++in->at == in->end) return false;
        strbuf_append_char(element, *in->at++);
    }
    return !*quoted || take_char(in, '"');
}

static Status text_array(const PgColumn *code, ArrowColumn *column, Cursor in, Error *err) {
    if (in.at < in.end && *in.at == '[') { /* lower bounds: "[0:1]={...}" */
        const char *equals = memchr(in.at, '=', (size_t)(in.end - in.at));
        in.at = equals ? equals + 1 : in.end;
    }
    if (!take_char(&in, '{')) return malformed_text(code->type, err);
    ArrowColumn *child = arrow_list_child(column);
    PgColumn element_code = *code;
    element_code.type.is_array = false;
    StrBuf element;
    strbuf_init(&element);
    Status status = STATUS_OK;
    bool more = !take_char(&in, '}');
    while (more && status == STATUS_OK) {
        bool quoted;
        if (in.at < in.end && *in.at == '{') {
            (void)error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                            "a multidimensional array cannot be shown as a list");
            status = error_add_hint(err, "Cast the array to text, for example column::text");
        } else if (!take_element(&in, &element, &quoted)) {
            status = malformed_text(code->type, err);
        } else if (!quoted && element.length == 4 && !strcasecmp(strbuf_text(&element), "NULL")) {
            arrow_append_null(child);
        } else {
            status = pgdecode_text(&element_code, child, strbuf_text(&element), element.length, err);
        }
        if (status == STATUS_OK && !(more = take_char(&in, ',')) && !take_char(&in, '}'))
            status = malformed_text(code->type, err);
    }
    strbuf_deinit(&element);
    if (status == STATUS_OK) arrow_append_list_end(column);
    return status;
}

static Status text_int(const PgColumn *code, ArrowColumn *column, Cursor in, Error *err) {
    bool negative = take_char(&in, '-');
    uint64_t value = 0;
    if (in.at == in.end) return malformed_text(code->type, err);
    for (; in.at < in.end; in.at++) {
        if (!isdigit((unsigned char)*in.at) || __builtin_mul_overflow(value, (uint64_t)10, &value))
            return malformed_text(code->type, err);
        value += (uint64_t)(*in.at - '0');
    }
    arrow_append_int(column, (int64_t)(negative ? -value : value));
    return STATUS_OK;
}

Status pgdecode_text(const PgColumn *code, ArrowColumn *column, const char *text, size_t length, Error *err) {
    Cursor in = {.at = text, .end = text + length};
    if (code->type.is_array) return text_array(code, column, in, err);
    switch ((SqlTypeId)code->type.id) {
    case SQL_BOOL: arrow_append_bool(column, length && text[0] == 't'); return STATUS_OK;
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID: return text_int(code, column, in, err);
    case SQL_FLOAT4:
    case SQL_FLOAT8: arrow_append_float(column, strtod(text, NULL)); return STATUS_OK;
    case SQL_NUMERIC: return pgnumeric_append_text(code->type, column, text, length, err);
    case SQL_DATE: return text_date(code, column, in, err);
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: return text_timestamp(code, column, in, err);
    case SQL_INTERVAL: return text_interval(code, column, in, err);
    case SQL_BYTEA: return text_bytea(code, column, text, length, err);
    case SQL_TIME: {
        int64_t clock;
        if (!take_clock(&in, &clock) || in.at != in.end) return malformed_text(code->type, err);
        arrow_append_int(column, clock);
        return STATUS_OK;
    }
    default: arrow_append_bytes(column, text, length); return STATUS_OK;
    }
}
