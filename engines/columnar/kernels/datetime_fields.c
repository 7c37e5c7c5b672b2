#include "engines/columnar/kernels/datetime_fields.h"

#include <ctype.h>
#include <math.h>
#include <strings.h>

#include "engines/columnar/kernels/datetime_math.h"
#include "engines/columnar/kernels/numeric_math.h"

typedef enum Field {
    FIELD_NONE,
    FIELD_MICROSECOND,
    FIELD_MILLISECOND,
    FIELD_SECOND,
    FIELD_MINUTE,
    FIELD_HOUR,
    FIELD_DAY,
    FIELD_WEEK,
    FIELD_MONTH,
    FIELD_QUARTER,
    FIELD_YEAR,
    FIELD_DECADE,
    FIELD_CENTURY,
    FIELD_MILLENNIUM,
    FIELD_ISOYEAR,
    FIELD_DOW,
    FIELD_ISODOW,
    FIELD_DOY,
    FIELD_EPOCH,
    FIELD_JULIAN,
    FIELD_TIMEZONE,
    FIELD_TIMEZONE_HOUR,
    FIELD_TIMEZONE_MINUTE
} Field;

/* date_part() of a date is date_part() of the timestamp at its midnight; extract() knows dates themselves. */
typedef enum FieldSource {
    OF_DATE,
    OF_MIDNIGHT,
    OF_TIMESTAMP,
    OF_TIMESTAMPTZ,
    OF_TIME,
    OF_INTERVAL
} FieldSource;

static const struct {
    const char *name;
    Field field;
} field_names[] = {
    {"microsecond", FIELD_MICROSECOND},
    {"microseconds", FIELD_MICROSECOND},
    {"us", FIELD_MICROSECOND},
    {"usec", FIELD_MICROSECOND},
    {"usecs", FIELD_MICROSECOND},
    {"millisecond", FIELD_MILLISECOND},
    {"milliseconds", FIELD_MILLISECOND},
    {"ms", FIELD_MILLISECOND},
    {"msec", FIELD_MILLISECOND},
    {"msecs", FIELD_MILLISECOND},
    {"second", FIELD_SECOND},
    {"seconds", FIELD_SECOND},
    {"sec", FIELD_SECOND},
    {"secs", FIELD_SECOND},
    {"s", FIELD_SECOND},
    {"minute", FIELD_MINUTE},
    {"minutes", FIELD_MINUTE},
    {"min", FIELD_MINUTE},
    {"mins", FIELD_MINUTE},
    {"m", FIELD_MINUTE},
    {"hour", FIELD_HOUR},
    {"hours", FIELD_HOUR},
    {"hr", FIELD_HOUR},
    {"hrs", FIELD_HOUR},
    {"h", FIELD_HOUR},
    {"day", FIELD_DAY},
    {"days", FIELD_DAY},
    {"d", FIELD_DAY},
    {"week", FIELD_WEEK},
    {"weeks", FIELD_WEEK},
    {"w", FIELD_WEEK},
    {"month", FIELD_MONTH},
    {"months", FIELD_MONTH},
    {"mon", FIELD_MONTH},
    {"mons", FIELD_MONTH},
    {"quarter", FIELD_QUARTER},
    {"qtr", FIELD_QUARTER},
    {"year", FIELD_YEAR},
    {"years", FIELD_YEAR},
    {"yr", FIELD_YEAR},
    {"yrs", FIELD_YEAR},
    {"y", FIELD_YEAR},
    {"decade", FIELD_DECADE},
    {"decades", FIELD_DECADE},
    {"dec", FIELD_DECADE},
    {"decs", FIELD_DECADE},
    {"century", FIELD_CENTURY},
    {"centuries", FIELD_CENTURY},
    {"cent", FIELD_CENTURY},
    {"c", FIELD_CENTURY},
    {"millennium", FIELD_MILLENNIUM},
    {"millennia", FIELD_MILLENNIUM},
    {"mil", FIELD_MILLENNIUM},
    {"mils", FIELD_MILLENNIUM},
    {"isoyear", FIELD_ISOYEAR},
    {"dow", FIELD_DOW},
    {"isodow", FIELD_ISODOW},
    {"doy", FIELD_DOY},
    {"epoch", FIELD_EPOCH},
    {"julian", FIELD_JULIAN},
    {"timezone", FIELD_TIMEZONE},
    {"timezone_hour", FIELD_TIMEZONE_HOUR},
    {"timezone_h", FIELD_TIMEZONE_HOUR},
    {"timezone_minute", FIELD_TIMEZONE_MINUTE},
    {"timezone_m", FIELD_TIMEZONE_MINUTE},
};

static Field field_of(const StringView *name) {
    for (size_t i = 0; i < sizeof field_names / sizeof field_names[0]; i++)
        if (strlen(field_names[i].name) == name->length &&
            strncasecmp(field_names[i].name, stringview_data(name), name->length) == 0)
            return field_names[i].field;
    return FIELD_NONE;
}

static const char *source_name(FieldSource source) {
    static const char *const names[] = {"date",
                                        "timestamp without time zone",
                                        "timestamp without time zone",
                                        "timestamp with time zone",
                                        "time without time zone",
                                        "interval"};
    return names[source];
}

/* The unit as messages show it: in lower case. */
static Status unknown_unit(const StringView *unit, FieldSource source, bool known, Error *err) {
    char text[128];
    size_t length = unit->length < sizeof text ? unit->length : sizeof text - 1;
    for (size_t i = 0; i < length; i++)
        text[i] = (char)tolower((unsigned char)stringview_data(unit)[i]);
    text[length] = 0;
    return error_set(err, known ? SQLSTATE_FEATURE_NOT_SUPPORTED : SQLSTATE_INVALID_PARAMETER,
                     "unit \"%s\" not %s for type %s", text, known ? "supported" : "recognized",
                     source_name(source));
}

static bool field_supported(Field field, FieldSource source) {
    bool clock = field >= FIELD_MICROSECOND && field <= FIELD_HOUR;
    bool zone = field >= FIELD_TIMEZONE;
    switch (source) {
    case OF_DATE: return !clock && !zone;
    case OF_MIDNIGHT:
    case OF_TIMESTAMP: return !zone;
    case OF_TIMESTAMPTZ: return true;
    case OF_TIME: return clock || field == FIELD_EPOCH;
    default:
        return clock || field == FIELD_EPOCH ||
               (field >= FIELD_DAY && field <= FIELD_MILLENNIUM && field != FIELD_WEEK);
    }
}

static Status field_check(const StringView *unit, FieldSource source, Field *field, Error *err) {
    *field = field_of(unit);
    if (*field == FIELD_NONE || !field_supported(*field, source))
        return unknown_unit(unit, source, *field != FIELD_NONE, err);
    return STATUS_OK;
}

static Status field_bind(const Vector *const *args, FieldSource source, Arena *arena, const void **bind_data,
                         Error *err) {
    if (!args[0] || vector_is_null(args[0], 0)) return STATUS_OK;
    Field *field = arena_alloc(arena, sizeof *field);
    /* A wrong unit is an error of the row that meets it: eval reports it. */
    *bind_data = field_check(args[0]->values, source, field, NULL) == STATUS_OK ? field : NULL;
    return STATUS_OK;
}

/* ---- values of fields
 * ------------------------------------------------------------------------------------------------- */

static int64_t shown_year(int year) {
    return year > 0 ? year : year - 1;
}
static int64_t decade_of(int year) {
    return year >= 0 ? year / 10 : -((8 - (year - 1)) / 10);
}
static int64_t century_of(int year) {
    return year > 0 ? (year + 99) / 100 : -((99 - (year - 1)) / 100);
}
static int64_t millennium_of(int year) {
    return year > 0 ? (year + 999) / 1000 : -((999 - (year - 1)) / 1000);
}

static Numeric clock_field(int64_t micros, Field field) {
    switch (field) {
    case FIELD_MICROSECOND: return numeric_make(micros % MICROS_PER_MINUTE, 0);
    case FIELD_MILLISECOND: return numeric_make(micros % MICROS_PER_MINUTE, 3);
    case FIELD_SECOND: return numeric_make(micros % MICROS_PER_MINUTE, 6);
    case FIELD_MINUTE: return numeric_make(micros / MICROS_PER_MINUTE % 60, 0);
    case FIELD_HOUR: return numeric_make(micros / MICROS_PER_HOUR, 0);
    default: return numeric_make(micros, 6);
    }
}

static int64_t calendar_field(int64_t days, Field field) {
    if (field == FIELD_DOW) return ((days + 4) % 7 + 7) % 7;
    if (field == FIELD_ISODOW) return ((days + 3) % 7 + 7) % 7 + 1;
    CivilTime civil;
    int iso_year;
    civil_from_days(days, &civil);
    switch (field) {
    case FIELD_DAY: return civil.day;
    case FIELD_MONTH: return civil.month;
    case FIELD_QUARTER: return (civil.month - 1) / 3 + 1;
    case FIELD_YEAR: return shown_year(civil.year);
    case FIELD_DECADE: return decade_of(civil.year);
    case FIELD_CENTURY: return century_of(civil.year);
    case FIELD_MILLENNIUM: return millennium_of(civil.year);
    case FIELD_DOY: return days - calendar_days_of(civil.year, 1, 1) + 1;
    case FIELD_WEEK: return iso_week(civil.year, civil.month, civil.day, NULL);
    case FIELD_ISOYEAR: iso_week(civil.year, civil.month, civil.day, &iso_year); return shown_year(iso_year);
    default: return days + 2440588; /* Julian day */
    }
}

static bool timestamp_field(int64_t timestamp, Field field, Numeric *out) {
    int64_t micros, days = timestamp_split(timestamp, &micros);
    if (field <= FIELD_HOUR)
        *out = clock_field(micros, field);
    else if (field == FIELD_EPOCH)
        *out = numeric_make(timestamp, 6);
    else if (field >= FIELD_TIMEZONE)
        *out = numeric_make(0, 0);
    else
        *out = numeric_make(calendar_field(days, field), 0);
    Numeric share;
    if (field != FIELD_JULIAN) return true;
    return numeric_divide(numeric_make(micros, 0), numeric_make(MICROS_PER_DAY, 0), &share) &&
           numeric_add(*out, share, out);
}

static bool interval_field(Interval span, Field field, Numeric *out) {
    int32_t years = span.months / 12, months = span.months % 12;
    int64_t value;
    switch (field) {
    case FIELD_DAY: value = span.days; break;
    case FIELD_MONTH: value = months; break;
    case FIELD_QUARTER: value = months / 3 + 1; break;
    case FIELD_YEAR: value = years; break;
    case FIELD_DECADE: value = years / 10; break;
    case FIELD_CENTURY: value = years / 100; break;
    case FIELD_MILLENNIUM: value = years / 1000; break;
    case FIELD_EPOCH: /* years of 365.25 days, months of 30 */
        *out = numeric_make(((Int128)1461 * years + 120 * months + (Int128)4 * span.days) *
                                    (MICROS_PER_DAY / 4) +
                                span.microseconds,
                            6);
        return true;
    default: *out = clock_field(span.microseconds, field); return true;
    }
    *out = numeric_make(value, 0);
    return true;
}

/* An infinite moment has infinite years and no minutes. */
static bool field_is_monotonic(Field field) {
    return (field >= FIELD_YEAR && field <= FIELD_ISOYEAR) || field == FIELD_EPOCH || field == FIELD_JULIAN;
}

typedef enum FieldResult {
    FIELD_VALUE,
    FIELD_NULL,
    FIELD_INFINITE,
    FIELD_MINUS_INFINITE,
    FIELD_TOO_LONG,
    FIELD_NO_TIMESTAMP
} FieldResult;

KERNEL_INLINE FieldResult date_field(int32_t date, FieldSource source, Field field, Numeric *out) {
    if (!date_is_finite(date))
        return !field_is_monotonic(field) ? FIELD_NULL : date > 0 ? FIELD_INFINITE : FIELD_MINUS_INFINITE;
    if (source == OF_MIDNIGHT && !timestamp_in_range((Int128)date * MICROS_PER_DAY))
        return FIELD_NO_TIMESTAMP;
    int64_t value = field == FIELD_EPOCH  ? (int64_t)date * 86400
                    : field <= FIELD_HOUR ? 0
                                          : calendar_field(date, field);
    *out = numeric_make(value, 0);
    return FIELD_VALUE;
}

KERNEL_INLINE FieldResult field_value(const KernelCall *call, int row, FieldSource source, Field field,
                                      Numeric *out) {
    if (source == OF_INTERVAL)
        return interval_field(KERNEL_ARG(call, 1, Interval, row), field, out) ? FIELD_VALUE : FIELD_TOO_LONG;
    if (source == OF_TIME) {
        *out = clock_field(KERNEL_ARG(call, 1, int64_t, row), field);
        return FIELD_VALUE;
    }
    if (source == OF_DATE || source == OF_MIDNIGHT)
        return date_field(KERNEL_ARG(call, 1, int32_t, row), source, field, out);
    int64_t timestamp = KERNEL_ARG(call, 1, int64_t, row);
    if (!timestamp_is_finite(timestamp))
        return !field_is_monotonic(field) ? FIELD_NULL
               : timestamp > 0            ? FIELD_INFINITE
                                          : FIELD_MINUS_INFINITE;
    return timestamp_field(timestamp, field, out) ? FIELD_VALUE : FIELD_TOO_LONG;
}

KERNEL_INLINE Status field_rows(const KernelCall *call, FieldSource source, bool as_double, Error *err) {
    KERNEL_ROWS(call, row) {
        Field field = call->bind_data ? *(const Field *)call->bind_data : FIELD_NONE;
        if (field == FIELD_NONE) TRY(field_check(kernel_text(call, 0, row), source, &field, err));
        Numeric value = numeric_make(0, 0);
        FieldResult result = field_value(call, row, source, field, &value);
        if (result == FIELD_TOO_LONG) return numeric_overflow(err);
        if (result == FIELD_NO_TIMESTAMP) return error_set(err, "22008", "date out of range for timestamp");
        if (result == FIELD_NULL) kernel_set_null(call, row);
        bool infinite = result == FIELD_INFINITE || result == FIELD_MINUS_INFINITE;
        if (as_double)
            ((double *)call->out->values)[row] = !infinite                  ? numeric_to_double(value)
                                                 : result == FIELD_INFINITE ? INFINITY
                                                                            : -INFINITY;
        else
            TRY(numeric_store(call->out, row,
                              infinite ? numeric_infinity(result == FIELD_MINUS_INFINITE) : value, err));
    }
    return STATUS_OK;
}

#define DEFINE_FIELD(function, type, source, as_double)                                                      \
    Status function##_##type(const KernelCall *call, Error *err) {                                           \
        return field_rows(call, source, as_double, err);                                                     \
    }                                                                                                        \
    Status function##_##type##_bind(const Vector *const *args, int arg_count, Arena *arena,                  \
                                    const void **bind_data, Error *err) {                                    \
        return field_bind(args, source, arena, bind_data, err);                                              \
    }
DEFINE_FIELD(extract, date, OF_DATE, false)
DEFINE_FIELD(extract, timestamp, OF_TIMESTAMP, false)
DEFINE_FIELD(extract, timestamptz, OF_TIMESTAMPTZ, false)
DEFINE_FIELD(extract, time, OF_TIME, false)
DEFINE_FIELD(extract, interval, OF_INTERVAL, false)
DEFINE_FIELD(date_part, date, OF_MIDNIGHT, true)
DEFINE_FIELD(date_part, timestamp, OF_TIMESTAMP, true)
DEFINE_FIELD(date_part, timestamptz, OF_TIMESTAMPTZ, true)
DEFINE_FIELD(date_part, time, OF_TIME, true)
DEFINE_FIELD(date_part, interval, OF_INTERVAL, true)

/* ---- date_trunc
 * ----------------------------------------------------------------------------------------------------------
 */

static bool can_truncate(Field field) {
    return field >= FIELD_MICROSECOND && field <= FIELD_MILLENNIUM;
}

Status trunc_bind(const Vector *const *args, int arg_count, Arena *arena, const void **bind_data,
                  Error *err) {
    if (!args[0] || vector_is_null(args[0], 0)) return STATUS_OK;
    Field *field = arena_alloc(arena, sizeof *field);
    *field = field_of(args[0]->values);
    *bind_data = can_truncate(*field) ? field : NULL;
    return STATUS_OK;
}

static int64_t floor_to(int64_t value, int64_t unit) {
    int64_t rest = value % unit;
    return value - rest - (rest < 0 ? unit : 0);
}

static int64_t truncate_timestamp(int64_t timestamp, Field field) {
    static const int64_t plain[] = {[FIELD_MICROSECOND] = 1,
                                    [FIELD_MILLISECOND] = 1000,
                                    [FIELD_SECOND] = MICROS_PER_SECOND,
                                    [FIELD_MINUTE] = MICROS_PER_MINUTE,
                                    [FIELD_HOUR] = MICROS_PER_HOUR,
                                    [FIELD_DAY] = MICROS_PER_DAY};
    if (!timestamp_is_finite(timestamp)) return timestamp;
    if (field <= FIELD_DAY) return floor_to(timestamp, plain[field]);
    int64_t micros, days = timestamp_split(timestamp, &micros);
    if (field == FIELD_WEEK) return (floor_to(days + 3, 7) - 3) * MICROS_PER_DAY;
    CivilTime civil;
    civil_from_days(days, &civil);
    int year = civil.year;
    switch (field) {
    case FIELD_MONTH: break;
    case FIELD_QUARTER: civil.month = (civil.month - 1) / 3 * 3 + 1; break;
    case FIELD_DECADE: civil.year = year > 0 ? year / 10 * 10 : -((8 - (year - 1)) / 10) * 10; break;
    case FIELD_CENTURY:
        civil.year = year > 0 ? (year + 99) / 100 * 100 - 99 : -((99 - (year - 1)) / 100) * 100 + 1;
        break;
    case FIELD_MILLENNIUM:
        civil.year = year > 0 ? (year + 999) / 1000 * 1000 - 999 : -((999 - (year - 1)) / 1000) * 1000 + 1;
        break;
    default: break;
    }
    return calendar_days_of(civil.year, field <= FIELD_QUARTER ? civil.month : 1, 1) * MICROS_PER_DAY;
}

Status truncate_to_unit(const StringView *unit, int64_t timestamp, int64_t *out, bool *whole_days,
                        Error *err) {
    Field field = field_of(unit);
    if (!can_truncate(field)) return unknown_unit(unit, OF_TIMESTAMPTZ, field != FIELD_NONE, err);
    *whole_days = field >= FIELD_DAY;
    *out = truncate_timestamp(timestamp, field);
    return STATUS_OK;
}

Status date_trunc_timestamp(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        Field field = call->bind_data ? *(const Field *)call->bind_data : field_of(kernel_text(call, 0, row));
        if (!can_truncate(field) && timestamp_is_finite(KERNEL_ARG(call, 1, int64_t, row)))
            return unknown_unit(kernel_text(call, 0, row),
                                call->out->type.id == SQL_TIMESTAMPTZ ? OF_TIMESTAMPTZ : OF_TIMESTAMP,
                                field != FIELD_NONE, err);
        out[row] = truncate_timestamp(KERNEL_ARG(call, 1, int64_t, row), field);
    }
    return STATUS_OK;
}

static Interval truncate_interval(Interval span, Field field) {
    static const int64_t plain[] = {[FIELD_MICROSECOND] = 1,
                                    [FIELD_MILLISECOND] = 1000,
                                    [FIELD_SECOND] = MICROS_PER_SECOND,
                                    [FIELD_MINUTE] = MICROS_PER_MINUTE,
                                    [FIELD_HOUR] = MICROS_PER_HOUR};
    static const int32_t months[] = {
        [FIELD_MONTH] = 1,    [FIELD_QUARTER] = 3,    [FIELD_YEAR] = 12,
        [FIELD_DECADE] = 120, [FIELD_CENTURY] = 1200, [FIELD_MILLENNIUM] = 12000};
    if (field <= FIELD_HOUR) {
        span.microseconds -= span.microseconds % plain[field];
    } else if (field == FIELD_DAY) {
        span.microseconds = 0;
    } else {
        span.months -= span.months % months[field];
        span.days = 0;
        span.microseconds = 0;
    }
    return span;
}

Status date_trunc_interval(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row) {
        Field field = call->bind_data ? *(const Field *)call->bind_data : field_of(kernel_text(call, 0, row));
        if (!can_truncate(field) || field == FIELD_WEEK) {
            (void)unknown_unit(kernel_text(call, 0, row), OF_INTERVAL, field != FIELD_NONE, err);
            return field == FIELD_WEEK ? error_add_detail(err, "Months usually have fractional weeks.")
                                       : STATUS_ERROR;
        }
        out[row] = truncate_interval(KERNEL_ARG(call, 1, Interval, row), field);
    }
    return STATUS_OK;
}

Status date_bin(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        Interval stride = KERNEL_ARG(call, 0, Interval, row);
        int64_t value = KERNEL_ARG(call, 1, int64_t, row), origin = KERNEL_ARG(call, 2, int64_t, row),
                distance, width;
        out[row] = value;
        if (!timestamp_is_finite(value)) continue;
        if (!timestamp_is_finite(origin)) return error_set(err, "22008", "origin out of range");
        if (stride.months != 0)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "timestamps cannot be binned into intervals containing months or years");
        if (__builtin_mul_overflow((int64_t)stride.days, MICROS_PER_DAY, &width) ||
            __builtin_add_overflow(width, stride.microseconds, &width) ||
            __builtin_sub_overflow(value, origin, &distance))
            return error_set(err, "22008", "interval out of range");
        if (width <= 0) return error_set(err, "22008", "stride must be greater than zero");
        out[row] = origin + floor_to(distance, width);
    }
    return STATUS_OK;
}
