#include "engines/mysql/mysql_value.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static Status wrong(const char *sqlstate, const char *text, SqlType type, Error *err) {
    char name[SQLTYPE_NAME_BYTES];
    sqltype_name(type, false, name);
    if (!strcmp(sqlstate, "22008"))
        return error_set(err, sqlstate, "date/time field value out of range: \"%.200s\"", text);
    if (!strcmp(sqlstate, SQLSTATE_NUMERIC_OUT_OF_RANGE))
        return error_set(err, sqlstate, "value \"%.200s\" is out of range for type %s", text, name);
    return error_set(err, sqlstate, "invalid input syntax for type %s: \"%.200s\"", name, text);
}

static Status foreign(const char *text, SqlType type, Error *err) {
    char name[SQLTYPE_NAME_BYTES];
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                     "the %s \"%.200s\" is in a form that is not sent to MySQL",
                     sqltype_name(type, false, name), text);
}

static const char *trimmed(Arena *arena, const char *text) {
    while (isspace((unsigned char)*text))
        text++;
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    return arena_strndup(arena, text, length);
}

/* ---- numbers
 * -------------------------------------------------------------------------------------------------------- */

static Status read_integer(const char *text, SqlType type, Arena *arena, const char **out, Error *err) {
    const char *p = trimmed(arena, text);
    bool negative = *p == '-';
    if (*p == '-' || *p == '+') p++;
    if (!*p || strspn(p, "0123456789") != strlen(p)) return wrong(SQLSTATE_INVALID_TEXT, text, type, err);
    p += strspn(p, "0");
    __int128 value = 0;
    for (const char *digit = p; *digit && digit - p < 20; digit++)
        value = value * 10 + (*digit - '0');
    __int128 limit = type.id == SQL_INT2   ? INT16_MAX
                     : type.id == SQL_INT4 ? INT32_MAX
                     : type.id == SQL_OID  ? UINT32_MAX
                                           : INT64_MAX;
    if (strlen(p) > 19 || value > limit + negative)
        return wrong(SQLSTATE_NUMERIC_OUT_OF_RANGE, text, type, err);
    *out = arena_printf(arena, "%s%s", negative ? "-" : "", *p ? p : "0");
    return STATUS_OK;
}

/* [+-] digits [. digits] [e [+-] digits], with a digit before the exponent. */
static bool is_decimal(const char *p, bool *has_exponent) {
    if (*p == '-' || *p == '+') p++;
    size_t digits = strspn(p, "0123456789");
    p += digits;
    if (*p == '.') {
        size_t fraction = strspn(p + 1, "0123456789");
        digits += fraction;
        p += 1 + fraction;
    }
    *has_exponent = *p == 'e' || *p == 'E';
    if (*has_exponent) {
        p++;
        if (*p == '-' || *p == '+') p++;
        size_t exponent = strspn(p, "0123456789");
        if (!exponent) return false;
        p += exponent;
    }
    return digits && !*p;
}

static Status read_decimal(const char *text, SqlType type, Arena *arena, const char **out, Error *err) {
    static const char *const special[] = {"nan", "infinity", "-infinity", "+infinity", "inf", "-inf", "+inf"};
    enum { MOST_DIGITS = 64 };
    const char *p = trimmed(arena, text);
    bool is_float = type.id != SQL_NUMERIC, has_exponent;
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (!strcasecmp(p, special[i])) return foreign(text, type, err);
    if (!is_decimal(p, &has_exponent)) return wrong(SQLSTATE_INVALID_TEXT, text, type, err);
    if (!is_float && (has_exponent || strlen(p) > MOST_DIGITS)) return foreign(text, type, err);
    double value = is_float ? strtod(p, NULL) : 0;
    if (value > 1.7976931348623157e308 || value < -1.7976931348623157e308)
        return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE,
                         "\"%.200s\" is out of range for type double precision", text);
    *out = p;
    return STATUS_OK;
}

static Status read_bool(const char *text, SqlType type, Arena *arena, const char **out, Error *err) {
    static const struct {
        const char *word;
        size_t shortest;
        bool value;
    } words[] = {
        {"true", 1, true}, {"false", 1, false}, {"yes", 1, true}, {"no", 1, false},
        {"on", 2, true},   {"off", 2, false},   {"1", 1, true},   {"0", 1, false},
    };
    const char *p = trimmed(arena, text);
    size_t length = strlen(p);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (length >= words[i].shortest && length <= strlen(words[i].word) &&
            !strncasecmp(p, words[i].word, length)) {
            *out = words[i].value ? "1" : "0";
            return STATUS_OK;
        }
    return wrong(SQLSTATE_INVALID_TEXT, text, type, err);
}

/* ---- dates and times
 * --------------------------------------------------------------------------------------------------- */

typedef struct Moment {
    int year, month, day, hour, minute, second, microsecond;
    bool has_time, has_zone;
    int zone_seconds; /* east of UTC */
} Moment;

static bool take_digits(const char **p, int count, int *out) {
    *out = 0;
    for (int i = 0; i < count; i++) {
        if (!isdigit((unsigned char)**p)) return false;
        *out = *out * 10 + *(*p)++ - '0';
    }
    return true;
}

static bool take_fraction(const char **p, int *microsecond) {
    size_t digits = strspn(*p, "0123456789");
    if (digits < 1 || digits > 6) return false;
    *microsecond = 0;
    for (size_t i = 0; i < 6; i++)
        *microsecond = *microsecond * 10 + (i < digits ? *(*p)++ - '0' : 0);
    return true;
}

static bool take_zone(const char **p, Moment *moment) {
    int hours = 0, minutes = 0;
    while (**p == ' ')
        (*p)++;
    if (!**p) return true;
    moment->has_zone = true;
    if (!strcasecmp(*p, "z") || !strcasecmp(*p, "utc") || !strcasecmp(*p, "gmt")) {
        *p += strlen(*p);
        return true;
    }
    int sign = **p == '+' ? 1 : **p == '-' ? -1 : 0;
    (*p)++;
    if (!sign || !take_digits(p, 2, &hours)) return false;
    *p += **p == ':';
    if (**p && !take_digits(p, 2, &minutes)) return false;
    moment->zone_seconds = sign * (hours * 3600 + minutes * 60);
    return hours < 16 && minutes < 60;
}

static bool read_moment(const char *p, Moment *moment) {
    memset(moment, 0, sizeof *moment);
    if (!take_digits(&p, 4, &moment->year) || *p++ != '-' || !take_digits(&p, 2, &moment->month) ||
        *p++ != '-' || !take_digits(&p, 2, &moment->day))
        return false;
    if (!*p) return true;
    if ((*p != ' ' && *p != 'T') || !isdigit((unsigned char)p[1])) return false;
    p++;
    moment->has_time = true;
    if (!take_digits(&p, 2, &moment->hour) || *p++ != ':' || !take_digits(&p, 2, &moment->minute))
        return false;
    if (*p == ':' && (p++, !take_digits(&p, 2, &moment->second))) return false;
    if (*p == '.' && (p++, !take_fraction(&p, &moment->microsecond))) return false;
    return take_zone(&p, moment) && !*p;
}

static bool is_in_calendar(const Moment *m) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (m->year % 4 == 0 && m->year % 100 != 0) || m->year % 400 == 0;
    if (m->year < 1 || m->month < 1 || m->month > 12 || m->day < 1 ||
        m->day > days[m->month - 1] + (leap && m->month == 2))
        return false;
    return m->hour < 24 && m->minute < 60 && m->second < 60;
}

/* Moves the moment to UTC. */
static void leave_zone(Moment *m) {
    struct tm tm = {.tm_year = m->year - 1900,
                    .tm_mon = m->month - 1,
                    .tm_mday = m->day,
                    .tm_hour = m->hour,
                    .tm_min = m->minute,
                    .tm_sec = m->second};
    time_t utc = timegm(&tm) - m->zone_seconds;
    gmtime_r(&utc, &tm);
    *m = (Moment){.year = tm.tm_year + 1900,
                  .month = tm.tm_mon + 1,
                  .day = tm.tm_mday,
                  .hour = tm.tm_hour,
                  .minute = tm.tm_min,
                  .second = tm.tm_sec,
                  .microsecond = m->microsecond,
                  .has_time = true};
}

/* Words and punctuation without a digit are no date; the words PostgreSQL knows have a meaning that is not
 * sent. */
static bool could_be_a_date(const char *text) {
    static const char *const words[] = {"now",   "today",    "tomorrow", "yesterday",
                                        "epoch", "infinity", "-infinity"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcasecmp(text, words[i])) return true;
    return strpbrk(text, "0123456789") != NULL;
}

static Status read_date(const char *text, SqlType type, Arena *arena, const char **out, Error *err) {
    const char *p = trimmed(arena, text);
    Moment moment;
    if (!read_moment(p, &moment))
        return could_be_a_date(p) ? foreign(text, type, err) : wrong("22007", text, type, err);
    if (!is_in_calendar(&moment)) return wrong("22008", text, type, err);
    if (type.id == SQL_TIMESTAMPTZ && moment.has_zone) leave_zone(&moment);
    *out = arena_printf(arena, "%04d-%02d-%02d", moment.year, moment.month, moment.day);
    if (type.id == SQL_DATE) return STATUS_OK;
    *out = arena_printf(arena, "%s %02d:%02d:%02d", *out, moment.hour, moment.minute, moment.second);
    if (moment.microsecond) *out = arena_printf(arena, "%s.%06d", *out, moment.microsecond);
    return STATUS_OK;
}

/* MySQL's TIME: up to 838 hours. */
static Status read_span(const char *text, SqlType type, Arena *arena, const char **out, Error *err) {
    const char *p = trimmed(arena, text);
    const char *start = p;
    int minute, second, microsecond;
    p += *p == '-';
    size_t hours = strspn(p, "0123456789");
    p += hours;
    bool read = hours >= 1 && hours <= 3 && *p++ == ':' && take_digits(&p, 2, &minute) && *p++ == ':' &&
                take_digits(&p, 2, &second) && minute < 60 && second < 60;
    if (read && *p == '.') read = (p++, take_fraction(&p, &microsecond));
    if (!read || *p || atoi(start + (*start == '-')) > 838) return foreign(text, type, err);
    *out = start;
    return STATUS_OK;
}

static Status read_bytes(const char *text, SqlType type, Arena *arena, const char **out, Error *err) {
    size_t length = strlen(text);
    if (length >= 2 && text[0] == '\\' && text[1] == 'x') {
        if (length % 2 || strspn(text + 2, "0123456789abcdefABCDEF") != length - 2)
            return wrong(SQLSTATE_INVALID_TEXT, text, type, err);
        *out = arena_strdup(arena, text + 2);
        return STATUS_OK;
    }
    if (strchr(text, '\\')) return foreign(text, type, err);
    char *hex = arena_alloc(arena, length * 2 + 1);
    hex[0] = 0;
    for (size_t i = 0; i < length; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)text[i]);
    *out = hex;
    return STATUS_OK;
}

Status mysql_value_read(const char *text, SqlType type, Arena *arena, const char **out, Error *err) {
    if (type.is_array) return foreign(text, type, err);
    switch ((SqlTypeId)type.id) {
    case SQL_BOOL: return read_bool(text, type, arena, out, err);
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID: return read_integer(text, type, arena, out, err);
    case SQL_NUMERIC:
    case SQL_FLOAT4:
    case SQL_FLOAT8: return read_decimal(text, type, arena, out, err);
    case SQL_DATE:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: return read_date(text, type, arena, out, err);
    case SQL_TIME:
    case SQL_INTERVAL: return read_span(text, type, arena, out, err);
    case SQL_BYTEA: return read_bytes(text, type, arena, out, err);
    default: *out = text; return STATUS_OK;
    }
}
