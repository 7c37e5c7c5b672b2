#include "engines/columnar/kernels/datetime_math.h"

#include <stdio.h>
#include <stdlib.h>

void civil_from_days(int64_t days, CivilTime *out) {
    int64_t year;
    calendar_date_of(days, &year, &out->month, &out->day);
    out->year = (int)year;
}

CivilTime civil_from_timestamp(int64_t timestamp) {
    CivilTime civil;
    int64_t micros, days = timestamp_split(timestamp, &micros);
    civil_from_days(days, &civil);
    civil.hour = (int)(micros / MICROS_PER_HOUR);
    civil.minute = (int)(micros / MICROS_PER_MINUTE % 60);
    civil.second = (int)(micros / MICROS_PER_SECOND % 60);
    civil.microsecond = (int)(micros % MICROS_PER_SECOND);
    return civil;
}

int64_t civil_to_timestamp(const CivilTime *civil) {
    return calendar_days_of(civil->year, civil->month, civil->day) * MICROS_PER_DAY +
           civil->hour * MICROS_PER_HOUR + civil->minute * MICROS_PER_MINUTE +
           civil->second * MICROS_PER_SECOND + civil->microsecond;
}

int civil_month_days(int year, int month) {
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && civil_is_leap(year) ? 29 : days[month - 1];
}

int64_t timestamp_from_date(int32_t date, bool *bad) {
    if (!date_is_finite(date)) return date == DATE_INFINITY ? TIMESTAMP_INFINITY : TIMESTAMP_MINUS_INFINITY;
    Int128 wide = (Int128)date * MICROS_PER_DAY;
    *bad |= !timestamp_in_range(wide);
    return (int64_t)wide;
}

int32_t date_from_timestamp(int64_t timestamp) {
    if (!timestamp_is_finite(timestamp))
        return timestamp == TIMESTAMP_INFINITY ? DATE_INFINITY : DATE_MINUS_INFINITY;
    int64_t micros;
    return (int32_t)timestamp_split(timestamp, &micros);
}

/* ISO 8601: weeks start on Monday, week 1 has the year's first Thursday. */
int iso_week(int year, int month, int day, int *iso_year) {
    int64_t days = calendar_days_of(year, month, day);
    int64_t weekday = ((days + 3) % 7 + 7) % 7; /* Monday = 0 */
    CivilTime thursday;
    civil_from_days(days - weekday + 3, &thursday);
    if (iso_year) *iso_year = thursday.year;
    return (int)((days - weekday + 3 - calendar_days_of(thursday.year, 1, 1)) / 7) + 1;
}

bool timestamp_add_interval(int64_t timestamp, Interval span, int64_t *out) {
    *out = timestamp;
    if (!timestamp_is_finite(timestamp)) return true;
    int64_t micros, days = timestamp_split(timestamp, &micros);
    if (span.months) {
        CivilTime civil;
        civil_from_days(days, &civil);
        int64_t months = (int64_t)civil.year * 12 + civil.month - 1 + span.months;
        int64_t year = months >= 0 ? months / 12 : -((11 - months) / 12);
        int month = (int)(months - year * 12) + 1;
        int last = civil_month_days((int)year, month);
        days = calendar_days_of(year, month, civil.day > last ? last : civil.day);
    }
    Int128 wide = (Int128)(days + span.days) * MICROS_PER_DAY + micros;
    if (!timestamp_in_range(wide)) return false;
    wide += span.microseconds;
    *out = (int64_t)wide;
    return timestamp_in_range(wide);
}

/* PostgreSQL's infinity is its last microsecond, which has a date though none can be written: 294277-01-09
 * 04:00:54.775807. */
static CivilTime civil_for_age(int64_t timestamp) {
    if (timestamp != TIMESTAMP_INFINITY) return civil_from_timestamp(timestamp);
    return (CivilTime){
        .year = 294277, .month = 1, .day = 9, .hour = 4, .minute = 0, .second = 54, .microsecond = 775807};
}
static int64_t micros_of_day(const CivilTime *civil) {
    return civil->hour * MICROS_PER_HOUR + civil->minute * MICROS_PER_MINUTE +
           civil->second * MICROS_PER_SECOND + civil->microsecond;
}

/* Field by field, borrowing days from the month of the earlier date, as PostgreSQL's age(). */
Interval timestamp_age(int64_t left, int64_t right) {
    CivilTime a = civil_for_age(left), b = civil_for_age(right);
    int sign = left < right ? -1 : 1;
    int64_t micros = sign * (micros_of_day(&a) - micros_of_day(&b));
    int days = sign * (a.day - b.day), months = sign * ((a.year - b.year) * 12 + a.month - b.month);
    if (micros < 0) {
        micros += MICROS_PER_DAY;
        days--;
    }
    while (days < 0) {
        days += left < right ? civil_month_days(a.year, a.month) : civil_month_days(b.year, b.month);
        months--;
    }
    return (Interval){.months = sign * months, .days = sign * days, .microseconds = sign * micros};
}

/* ---- output
 * ---------------------------------------------------------------------------------------------------- */

static char *put_padded(char *next, int value, int width) {
    char digits[16];
    int count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    for (int i = count; i < width; i++)
        *next++ = '0';
    while (count > 0)
        *next++ = digits[--count];
    return next;
}

/* .ffffff without trailing zeros, nothing for 0 */
static char *put_fraction(char *next, int microsecond) {
    if (microsecond == 0) return next;
    *next++ = '.';
    next = put_padded(next, microsecond, 6);
    while (next[-1] == '0')
        next--;
    return next;
}

static char *put_text(char *next, const char *text) {
    size_t length = strlen(text);
    memcpy(next, text, length);
    return next + length;
}

static char *put_date(char *next, const CivilTime *civil) {
    next = put_padded(next, civil->year > 0 ? civil->year : 1 - civil->year, 4);
    *next++ = '-';
    next = put_padded(next, civil->month, 2);
    *next++ = '-';
    return put_padded(next, civil->day, 2);
}

static char *put_clock(char *next, int64_t hour, const CivilTime *civil) {
    next = put_padded(next, (int)hour, 2);
    *next++ = ':';
    next = put_padded(next, civil->minute, 2);
    *next++ = ':';
    next = put_padded(next, civil->second, 2);
    return put_fraction(next, civil->microsecond);
}

size_t date_format(int32_t date, char *text) {
    if (!date_is_finite(date))
        return (size_t)(put_text(text, date == DATE_INFINITY ? "infinity" : "-infinity") - text);
    CivilTime civil;
    civil_from_days(date, &civil);
    char *next = put_date(text, &civil);
    if (civil.year <= 0) next = put_text(next, " BC");
    return (size_t)(next - text);
}

size_t time_format(int64_t time, char *text) {
    CivilTime civil = {.minute = (int)(time / MICROS_PER_MINUTE % 60),
                       .second = (int)(time / MICROS_PER_SECOND % 60),
                       .microsecond = (int)(time % MICROS_PER_SECOND)};
    return (size_t)(put_clock(text, time / MICROS_PER_HOUR, &civil) - text);
}

size_t timestamp_format(int64_t timestamp, bool with_zone, char *text) {
    if (!timestamp_is_finite(timestamp))
        return (size_t)(put_text(text, timestamp == TIMESTAMP_INFINITY ? "infinity" : "-infinity") - text);
    CivilTime civil = civil_from_timestamp(timestamp);
    char *next = put_date(text, &civil);
    *next++ = ' ';
    next = put_clock(next, civil.hour, &civil);
    if (with_zone) next = put_text(next, "+00");
    if (civil.year <= 0) next = put_text(next, " BC");
    return (size_t)(next - text);
}

/* A sign is written where it differs from the part before: "-1 days +02:03:00". */
static char *put_part(char *next, const char *start, int value, const char *unit, bool *negative_before) {
    if (value == 0) return next;
    next += sprintf(next, "%s%s%d %s%s", next == start ? "" : " ", *negative_before && value > 0 ? "+" : "",
                    value, unit, value == 1 ? "" : "s");
    *negative_before = value < 0;
    return next;
}

size_t interval_format(Interval span, char *text) {
    char *next = text;
    bool negative_before = false;
    next = put_part(next, text, span.months / 12, "year", &negative_before);
    next = put_part(next, text, span.months % 12, "mon", &negative_before);
    next = put_part(next, text, span.days, "day", &negative_before);
    if (next != text && span.microseconds == 0) return (size_t)(next - text);
    bool negative = span.microseconds < 0;
    uint64_t micros = negative ? 0 - (uint64_t)span.microseconds : (uint64_t)span.microseconds;
    CivilTime clock = {.minute = (int)(micros / MICROS_PER_MINUTE % 60),
                       .second = (int)(micros / MICROS_PER_SECOND % 60),
                       .microsecond = (int)(micros % MICROS_PER_SECOND)};
    if (next != text) *next++ = ' ';
    if (negative || negative_before) *next++ = negative ? '-' : '+';
    if (micros / MICROS_PER_HOUR > INT32_MAX)
        return (size_t)(next - text) +
               (size_t)sprintf(next, "%llu", (unsigned long long)(micros / MICROS_PER_HOUR));
    return (size_t)(put_clock(next, (int64_t)(micros / MICROS_PER_HOUR), &clock) - text);
}
