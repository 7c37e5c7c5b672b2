#include "engines/base/column_values.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/calendar.h"
#include "engines/base/hash.h"

/* ---- points
 * ------------------------------------------------------------------------------------------------------ */

bool column_point_is_number(SqlType type) {
    return sqltype_is_number(type) || sqltype_is(type, SQL_BOOL) || sqltype_is(type, SQL_DATE) ||
           sqltype_is(type, SQL_TIMESTAMP) || sqltype_is(type, SQL_TIMESTAMPTZ);
}

/* "2020-02-29", "2020-02-29 13:00:05.25+02": days, and seconds behind them. The time zone is left out: an
 * estimate is not off by much within a day. */
static bool read_date(const char *text, double *days, double *seconds) {
    int year, month, day, hour = 0, minute = 0, length = 0;
    double second = 0;
    if (sscanf(text, "%d-%2d-%2d%n", &year, &month, &day, &length) != 3 || length < 8) return false;
    if (month < 1 || month > 12 || day < 1 || day > 31 || strstr(text, "BC")) return false;
    *days = (double)calendar_days_of(year, month, day);
    text += length;
    if (*text == ' ' || *text == 'T') (void)!sscanf(text + 1, "%2d:%2d:%lf", &hour, &minute, &second);
    *seconds = hour * 3600.0 + minute * 60.0 + second;
    return true;
}

bool column_point_read(SqlType type, const char *text, ColumnPoint *out) {
    *out = (ColumnPoint){0};
    if (!column_point_is_number(type)) {
        out->text = text;
        return true;
    }
    if (sqltype_is(type, SQL_BOOL)) {
        out->number = text[0] == 't' || text[0] == 'T' || text[0] == '1';
        return text[0] != 0;
    }
    if (sqltype_is_number(type)) {
        char *end;
        out->number = strtod(text, &end);
        return end != text && *end == 0 && isfinite(out->number);
    }
    double days, seconds;
    if (!read_date(text, &days, &seconds)) return false;
    out->number = sqltype_is(type, SQL_DATE) ? days : days * 86400 + seconds;
    return true;
}

static int compare(const ColumnPoint *a, const ColumnPoint *b) {
    if (a->text && b->text) return strcmp(a->text, b->text);
    return a->number < b->number ? -1 : a->number > b->number;
}

/* ---- shares
 * ------------------------------------------------------------------------------------------------------ */

static double common_total(const ColumnValues *values) {
    double total = 0;
    for (int i = 0; i < values->common_count; i++)
        total += values->common_shares[i];
    return total;
}

/* Of rows whose value is neither NULL nor common. */
static double other_share(const ColumnValues *values) {
    return fmax(0, 1 - values->null_share - common_total(values));
}

double column_values_equal(const ColumnValues *values, double distinct, const ColumnPoint *point) {
    for (int i = 0; i < values->common_count; i++)
        if (compare(&values->common[i], point) == 0) return values->common_shares[i];
    int bounds = values->bound_count;
    if (bounds >= 2 && point->text == NULL &&
        (compare(point, &values->bounds[0]) < 0 || compare(point, &values->bounds[bounds - 1]) > 0))
        return 0; /* the caller knows how little a table can have */
    double others = distinct - values->common_count;
    double share = others >= 1 ? other_share(values) / others : 0;
    /* What is not common is not more frequent than the rarest that is. */
    return values->common_count > 0 ? fmin(share, values->common_shares[values->common_count - 1]) : share;
}

/* Where texts lie between two others is a guess: the middle. */
static double within(const ColumnPoint *low, const ColumnPoint *high, const ColumnPoint *point) {
    if (point->text || high->number <= low->number) return 0.5;
    return (point->number - low->number) / (high->number - low->number);
}

/* The share of the histogram's rows below the point. */
static double histogram_below(const ColumnValues *values, const ColumnPoint *point) {
    int low = 0, high = values->bound_count - 1;
    if (high < 1) return 0.5;
    if (compare(point, &values->bounds[0]) <= 0) return 0;
    if (compare(point, &values->bounds[high]) >= 0) return 1;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (compare(&values->bounds[middle], point) <= 0)
            low = middle;
        else
            high = middle;
    }
    return (low + within(&values->bounds[low], &values->bounds[low + 1], point)) / (values->bound_count - 1);
}

double column_values_below(const ColumnValues *values, double distinct, const ColumnPoint *point,
                           bool inclusive) {
    double share = histogram_below(values, point) * other_share(values);
    bool is_common = false;
    for (int i = 0; i < values->common_count; i++) {
        int order = compare(&values->common[i], point);
        is_common |= order == 0;
        if (order < 0 || (order == 0 && inclusive)) share += values->common_shares[i];
    }
    if (inclusive && !is_common) share += column_values_equal(values, distinct, point);
    return fmin(1, share);
}

/* ---- news
 * -------------------------------------------------------------------------------------------------------- */

uint64_t column_values_digest(const ColumnValues *values) {
    if (!values) return 0;
    uint64_t hash = (uint64_t)lround(values->null_share * 4) | (uint64_t)lround(values->correlation * 2 + 2)
                                                                   << 8;
    for (int i = 0; i < values->common_count && values->common_shares[i] >= 0.125; i++) {
        uint64_t eighths = (uint64_t)lround(values->common_shares[i] * 8);
        const ColumnPoint *point = &values->common[i];
        uint64_t value = point->text ? hash64_bytes(point->text, strlen(point->text), 0)
                                     : (uint64_t)llround(fmin(fmax(point->number, -9e15), 9e15));
        hash += hash64_combine(value, eighths); /* their order is luck */
    }
    if (values->bound_count < 2 || values->bounds[0].text) return hash;
    double low = values->bounds[0].number, high = values->bounds[values->bound_count - 1].number;
    if (!(high > low)) return hash;
    /* A range that has grown by an eighth or so. */
    double unit = exp2(floor(log2(high - low)) - 2);
    hash = hash64_combine(hash, (uint64_t)(int64_t)fmin(fmax(floor(low / unit), -9e15), 9e15));
    return hash64_combine(hash, (uint64_t)(int64_t)fmin(fmax(floor(high / unit), -9e15), 9e15));
}
