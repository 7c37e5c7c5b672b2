/* Dates, times, timestamps and intervals: calendar arithmetic, PostgreSQL's input and its ISO output.
 *
 * Dates count days and timestamps microseconds from 1970-01-01; INT32/INT64 min and max are -infinity and
 * infinity. The session's time zone is UTC: timestamptz prints with "+00". DateStyle is "ISO, MDY",
 * IntervalStyle "postgres".
 */
#pragma once

#include "engines/base/calendar.h"
#include "engines/columnar/kernels/kernel.h"

#define MICROS_PER_SECOND 1000000LL
#define MICROS_PER_MINUTE 60000000LL
#define MICROS_PER_HOUR   3600000000LL
#define MICROS_PER_DAY    86400000000LL

enum { DATETIME_TEXT_BYTES = 128 };
#define DATE_INFINITY            INT32_MAX
#define DATE_MINUS_INFINITY      INT32_MIN
#define TIMESTAMP_INFINITY       INT64_MAX
#define TIMESTAMP_MINUS_INFINITY INT64_MIN
/* PostgreSQL's ranges: 4713-11-24 BC to 5874897-12-31 for dates, to 294276-12-31 for timestamps. */
#define DATE_LOWEST      (-2440588 - 0)
#define DATE_HIGHEST     2145042540
#define TIMESTAMP_LOWEST (-210866803200000000LL)
#define TIMESTAMP_END    9223371331200000000LL

typedef struct CivilTime {
    int year; /* astronomical: 0 is 1 BC */
    int month, day;
    int hour, minute, second, microsecond;
} CivilTime;

void civil_from_days(int64_t days, CivilTime *out); /* date fields only */
CivilTime civil_from_timestamp(int64_t timestamp);
int64_t civil_to_timestamp(const CivilTime *civil); /* no range check */
int civil_month_days(int year, int month);
static inline bool civil_is_leap(int year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}
/* Floor division of a timestamp into days and the microseconds of the day. */
static inline int64_t timestamp_split(int64_t timestamp, int64_t *micros) {
    int64_t days = timestamp / MICROS_PER_DAY;
    *micros = timestamp % MICROS_PER_DAY;
    if (*micros < 0) {
        *micros += MICROS_PER_DAY;
        days--;
    }
    return days;
}
static inline bool timestamp_is_finite(int64_t t) {
    return t != TIMESTAMP_INFINITY && t != TIMESTAMP_MINUS_INFINITY;
}
static inline bool date_is_finite(int32_t d) {
    return d != DATE_INFINITY && d != DATE_MINUS_INFINITY;
}
static inline bool timestamp_in_range(Int128 t) {
    return t >= TIMESTAMP_LOWEST && t < TIMESTAMP_END;
}
static inline bool date_in_range(int64_t d) {
    return d >= DATE_LOWEST && d <= DATE_HIGHEST;
}
int64_t timestamp_from_date(int32_t date, bool *bad);
int32_t date_from_timestamp(int64_t timestamp);
int iso_week(int year, int month, int day, int *iso_year);

/* false: out of range ("timestamp out of range"). */
bool timestamp_add_interval(int64_t timestamp, Interval span, int64_t *out);
Interval timestamp_age(int64_t left, int64_t right);
/* span × factor or span / factor (factor != 0); false: out of range. */
bool interval_scale(Interval span, double factor, bool divide, Interval *out);

/* hh:mm:ss up to 24:00:00 and a leap second. */
bool clock_in_range(int hour, int minute, double second);
/* The timestamp of a row's first six arguments: year, month, day, hour, minute, seconds. */
Status make_timestamp_row(const KernelCall *call, int row, int64_t *out, Error *err);

/* Text; lengths without NUL, `text` has DATETIME_TEXT_BYTES. */
size_t date_format(int32_t date, char *text);
size_t time_format(int64_t time, char *text);
size_t timestamp_format(int64_t timestamp, bool with_zone, char *text);
size_t interval_format(Interval span, char *text);

/* `now_us`: what 'now', 'today', 'tomorrow' and 'yesterday' refer to. */
Status date_parse(const char *text, size_t length, int64_t now_us, int32_t *out, Error *err);
Status time_parse(const char *text, size_t length, int64_t now_us, int64_t *out, Error *err);
Status timestamp_parse(const char *text, size_t length, bool with_zone, int64_t now_us, int64_t *out,
                       Error *err);
Status interval_parse(const char *text, size_t length, Interval *out, Error *err);

/* 1..12 for an English month name or its abbreviation, else 0. */
int month_from_name(const char *word, size_t length);

/* Days and time of one sign, as justify_* leave them. */
static inline void interval_sign_days(Interval *span) {
    if (span->days > 0 && span->microseconds < 0) {
        span->microseconds += MICROS_PER_DAY;
        span->days--;
    } else if (span->days < 0 && span->microseconds > 0) {
        span->microseconds -= MICROS_PER_DAY;
        span->days++;
    }
}
