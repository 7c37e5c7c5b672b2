/* Operators and functions over dates, times, timestamps and intervals. timestamptz works in UTC, so that it
 * shares the kernels of timestamp. */
#include <math.h>
#include <strings.h>

#include "engines/columnar/kernels/datetime_math.h"
#include "engines/columnar/kernels/datetime_fields.h"
#include "engines/columnar/kernels/numeric_math.h"

static Status timestamp_range(Error *err) {
    return error_set(err, "22008", "timestamp out of range");
}
static Status interval_range(Error *err) {
    return error_set(err, "22008", "interval out of range");
}

/* ---- dates and days
 * --------------------------------------------------------------------------------------------------- */

KERNEL_INLINE Status date_shift(const KernelCall *call, int date_arg, int sign, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int32_t date = KERNEL_ARG(call, date_arg, int32_t, row);
        int64_t days = (int64_t)date + sign * (int64_t)KERNEL_ARG(call, 1 - date_arg, int32_t, row);
        out[row] = date;
        if (!date_is_finite(date)) continue;
        if (!date_in_range(days)) return error_set(err, "22008", "date out of range");
        out[row] = (int32_t)days;
    }
    return STATUS_OK;
}
static Status date_plus_days(const KernelCall *call, Error *err) {
    return date_shift(call, 0, 1, err);
}
static Status days_plus_date(const KernelCall *call, Error *err) {
    return date_shift(call, 1, 1, err);
}
static Status date_minus_days(const KernelCall *call, Error *err) {
    return date_shift(call, 0, -1, err);
}

static Status date_minus_date(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int32_t a = KERNEL_ARG(call, 0, int32_t, row), b = KERNEL_ARG(call, 1, int32_t, row);
        if (!date_is_finite(a) || !date_is_finite(b))
            return error_set(err, "22008", "cannot subtract infinite dates");
        out[row] = (int32_t)((uint32_t)a - (uint32_t)b);
    }
    return STATUS_OK;
}

/* ---- timestamps and intervals
 * ------------------------------------------------------------------------------------------- */

static bool interval_negate(Interval span, Interval *out) {
    return !__builtin_sub_overflow(0, span.months, &out->months) &&
           !__builtin_sub_overflow(0, span.days, &out->days) &&
           !__builtin_sub_overflow((int64_t)0, span.microseconds, &out->microseconds);
}

KERNEL_INLINE Status shift_rows(const KernelCall *call, int base_arg, bool is_date, bool subtract,
                                Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        Interval span = KERNEL_ARG(call, 1 - base_arg, Interval, row);
        bool bad = subtract && !interval_negate(span, &span);
        int64_t base = is_date ? timestamp_from_date(KERNEL_ARG(call, base_arg, int32_t, row), &bad)
                               : KERNEL_ARG(call, base_arg, int64_t, row);
        if (bad || !timestamp_add_interval(base, span, &out[row])) return timestamp_range(err);
    }
    return STATUS_OK;
}
static Status timestamp_plus_interval(const KernelCall *call, Error *err) {
    return shift_rows(call, 0, false, false, err);
}
static Status interval_plus_timestamp(const KernelCall *call, Error *err) {
    return shift_rows(call, 1, false, false, err);
}
static Status timestamp_minus_interval(const KernelCall *call, Error *err) {
    return shift_rows(call, 0, false, true, err);
}
static Status date_plus_interval(const KernelCall *call, Error *err) {
    return shift_rows(call, 0, true, false, err);
}
static Status interval_plus_date(const KernelCall *call, Error *err) {
    return shift_rows(call, 1, true, false, err);
}
static Status date_minus_interval(const KernelCall *call, Error *err) {
    return shift_rows(call, 0, true, true, err);
}

/* Days and time of day, never months. */
static Status timestamp_minus_timestamp(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int64_t a = KERNEL_ARG(call, 0, int64_t, row), b = KERNEL_ARG(call, 1, int64_t, row), span;
        if (!timestamp_is_finite(a) || !timestamp_is_finite(b))
            return error_set(err, "22008", "cannot subtract infinite timestamps");
        if (__builtin_sub_overflow(a, b, &span)) return interval_range(err);
        out[row] =
            (Interval){.days = (int32_t)(span / MICROS_PER_DAY), .microseconds = span % MICROS_PER_DAY};
    }
    return STATUS_OK;
}
static Status date_plus_time(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        bool bad = false;
        out[row] = timestamp_from_date(KERNEL_ARG(call, 0, int32_t, row), &bad);
        if (bad) return error_set(err, "22008", "date out of range for timestamp");
        if (timestamp_is_finite(out[row])) out[row] += KERNEL_ARG(call, 1, int64_t, row);
    }
    return STATUS_OK;
}
static Status time_minus_time(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row)
    out[row] =
        (Interval){.microseconds = KERNEL_ARG(call, 0, int64_t, row) - KERNEL_ARG(call, 1, int64_t, row)};
    return STATUS_OK;
}
KERNEL_INLINE Status time_shift(const KernelCall *call, int sign) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int64_t part = KERNEL_ARG(call, 1, Interval, row).microseconds % MICROS_PER_DAY;
        timestamp_split(KERNEL_ARG(call, 0, int64_t, row) + sign * part, &out[row]);
    }
    return STATUS_OK;
}
static Status time_plus_interval(const KernelCall *call, Error *err) {
    return time_shift(call, 1);
}
static Status time_minus_interval(const KernelCall *call, Error *err) {
    return time_shift(call, -1);
}

/* ---- interval arithmetic
 * ------------------------------------------------------------------------------------------------ */

static bool interval_sum(Interval a, Interval b, Interval *out) {
    return !__builtin_add_overflow(a.months, b.months, &out->months) &&
           !__builtin_add_overflow(a.days, b.days, &out->days) &&
           !__builtin_add_overflow(a.microseconds, b.microseconds, &out->microseconds);
}
static Status interval_add(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row)
    if (!interval_sum(KERNEL_ARG(call, 0, Interval, row), KERNEL_ARG(call, 1, Interval, row), &out[row]))
        return interval_range(err);
    return STATUS_OK;
}
static Status interval_subtract(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row) {
        Interval right;
        if (!interval_negate(KERNEL_ARG(call, 1, Interval, row), &right) ||
            !interval_sum(KERNEL_ARG(call, 0, Interval, row), right, &out[row]))
            return interval_range(err);
    }
    return STATUS_OK;
}
static Status interval_minus(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row)
    if (!interval_negate(KERNEL_ARG(call, 0, Interval, row), &out[row])) return interval_range(err);
    return STATUS_OK;
}

static double to_micros(double seconds) {
    return rint(seconds * 1e6) / 1e6;
}

/* A fraction of a month becomes days of a 30-day month, a fraction of a day time, each step rounded to
 * microseconds. */
bool interval_scale(Interval span, double factor, bool divide, Interval *out) {
    double months = divide ? span.months / factor : span.months * factor;
    double days = divide ? span.days / factor : span.days * factor;
    double micros = divide ? (double)span.microseconds / factor : (double)span.microseconds * factor;
    if (isnan(months) || fabs(months) > INT32_MAX || isnan(days) || fabs(days) > INT32_MAX) return false;
    out->months = (int32_t)months;
    out->days = (int32_t)days;
    double month_days = to_micros((months - out->months) * 30);
    double seconds = to_micros((days - out->days + month_days - (int)month_days) * 86400);
    if (fabs(seconds) >= 86400) {
        out->days += (int)(seconds / 86400);
        seconds -= (int)(seconds / 86400) * 86400.0;
    }
    out->days += (int32_t)month_days;
    double total = rint(micros + seconds * 1e6);
    if (isnan(total) || total < -9223372036854775808.0 || total >= 9223372036854775808.0) return false;
    out->microseconds = (int64_t)total;
    return true;
}
KERNEL_INLINE Status scale_rows(const KernelCall *call, int span_arg, bool divide, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row) {
        double factor = KERNEL_ARG(call, 1 - span_arg, double, row);
        if (divide && factor == 0) return error_set(err, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
        if (!interval_scale(KERNEL_ARG(call, span_arg, Interval, row), factor, divide, &out[row]))
            return interval_range(err);
    }
    return STATUS_OK;
}
static Status interval_times(const KernelCall *call, Error *err) {
    return scale_rows(call, 0, false, err);
}
static Status times_interval(const KernelCall *call, Error *err) {
    return scale_rows(call, 1, false, err);
}
static Status interval_divided(const KernelCall *call, Error *err) {
    return scale_rows(call, 0, true, err);
}

static Status justify_hours(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row) {
        Interval span = KERNEL_ARG(call, 0, Interval, row);
        int64_t days = span.microseconds / MICROS_PER_DAY;
        span.microseconds -= days * MICROS_PER_DAY;
        if (__builtin_add_overflow(span.days, days, &span.days)) return interval_range(err);
        interval_sign_days(&span);
        out[row] = span;
    }
    return STATUS_OK;
}
static Status justify_days(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row) {
        Interval span = KERNEL_ARG(call, 0, Interval, row);
        int32_t months = span.days / 30;
        span.days -= months * 30;
        if (__builtin_add_overflow(span.months, months, &span.months)) return interval_range(err);
        if (span.months > 0 && span.days < 0) {
            span.days += 30;
            span.months--;
        } else if (span.months < 0 && span.days > 0) {
            span.days -= 30;
            span.months++;
        }
        out[row] = span;
    }
    return STATUS_OK;
}

/* ---- making and asking
 * ------------------------------------------------------------------------------------------------- */

static Status make_date(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int32_t year = KERNEL_ARG(call, 0, int32_t, row), month = KERNEL_ARG(call, 1, int32_t, row);
        int32_t day = KERNEL_ARG(call, 2, int32_t, row);
        int civil_year = year < 0 ? year + 1 : year;
        bool bad = year == 0 || month < 1 || month > 12 || day < 1 || year > 5874897 || year < -4714 ||
                   day > civil_month_days(civil_year, month < 1 || month > 12 ? 1 : month);
        if (bad)
            return error_set(err, "22008", "date field value out of range: %d-%02d-%02d", year, month, day);
        int64_t days = calendar_days_of(civil_year, month, day);
        if (!date_in_range(days))
            return error_set(err, "22008", "date out of range: %d-%02d-%02d", year, month, day);
        out[row] = (int32_t)days;
    }
    return STATUS_OK;
}
bool clock_in_range(int hour, int minute, double second) {
    return hour >= 0 && hour <= 24 && minute >= 0 && minute <= 59 && second >= 0 && second <= 60 &&
           (hour < 24 || (minute == 0 && second == 0));
}
Status make_timestamp_row(const KernelCall *call, int row, int64_t *out, Error *err) {
    int32_t year = KERNEL_ARG(call, 0, int32_t, row), month = KERNEL_ARG(call, 1, int32_t, row);
    int32_t day = KERNEL_ARG(call, 2, int32_t, row), hour = KERNEL_ARG(call, 3, int32_t, row);
    int32_t minute = KERNEL_ARG(call, 4, int32_t, row);
    double second = KERNEL_ARG(call, 5, double, row);
    int civil_year = year < 0 ? year + 1 : year;
    if (year == 0 || month < 1 || month > 12 || day < 1 || year > 294276 || year < -4714 ||
        day > civil_month_days(civil_year, month < 1 || month > 12 ? 1 : month))
        return error_set(err, "22008", "date field value out of range: %d-%02d-%02d", year, month, day);
    if (!clock_in_range(hour, minute, second))
        return error_set(err, "22008", "time field value out of range: %d:%02d:%02g", hour, minute, second);
    Int128 value = (Int128)calendar_days_of(civil_year, month, day) * MICROS_PER_DAY +
                   hour * MICROS_PER_HOUR + minute * MICROS_PER_MINUTE + (int64_t)rint(second * 1e6);
    if (!timestamp_in_range(value)) return timestamp_range(err);
    *out = (int64_t)value;
    return STATUS_OK;
}
static Status make_timestamp(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) TRY(make_timestamp_row(call, row, &out[row], err));
    return STATUS_OK;
}

static Status age_two(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int64_t a = KERNEL_ARG(call, 0, int64_t, row), b = KERNEL_ARG(call, 1, int64_t, row);
        if (a == TIMESTAMP_MINUS_INFINITY || b == TIMESTAMP_MINUS_INFINITY) return timestamp_range(err);
        out[row] = timestamp_age(a, b);
    }
    return STATUS_OK;
}
static Status age_today(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    int64_t micros, today = timestamp_split(call->statement_time_us, &micros) * MICROS_PER_DAY;
    KERNEL_ROWS(call, row) {
        int64_t value = KERNEL_ARG(call, 0, int64_t, row);
        if (value == TIMESTAMP_MINUS_INFINITY) return timestamp_range(err);
        out[row] = timestamp_age(today, value);
    }
    return STATUS_OK;
}

KERNEL_INLINE Status finite_rows(const KernelCall *call, bool is_date) {
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row)
    out[row] = is_date ? date_is_finite(KERNEL_ARG(call, 0, int32_t, row))
                       : timestamp_is_finite(KERNEL_ARG(call, 0, int64_t, row));
    return STATUS_OK;
}
static Status date_finite(const KernelCall *call, Error *err) {
    return finite_rows(call, true);
}
static Status timestamp_finite(const KernelCall *call, Error *err) {
    return finite_rows(call, false);
}

static Status current_timestamp(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = call->statement_time_us;
    return STATUS_OK;
}
static Status current_date(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = date_from_timestamp(call->statement_time_us);
    return STATUS_OK;
}
static Status current_time(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) timestamp_split(call->statement_time_us, &out[row]);
    return STATUS_OK;
}
static Status epoch_to_timestamp(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        double seconds = KERNEL_ARG(call, 0, double, row);
        if (isnan(seconds)) return error_set(err, "22008", "timestamp cannot be NaN");
        double micros = rint(seconds * 1e6);
        if (isinf(seconds))
            out[row] = seconds > 0 ? TIMESTAMP_INFINITY : TIMESTAMP_MINUS_INFINITY;
        else if (micros < (double)TIMESTAMP_LOWEST || micros >= (double)TIMESTAMP_END)
            return error_set(err, "22008", "timestamp out of range: \"%g\"", seconds);
        else
            out[row] = (int64_t)micros;
    }
    return STATUS_OK;
}
#define D  K_DATE
#define TS K_TIMESTAMP
#define TZ K_TIMESTAMPTZ
#define IV K_INTERVAL
#define FN KERNEL_FN_RAISES
#define NO_ARGS(text, kernel, out)                                                                           \
    { .name = text, .result = out, .strict = true, .null_on_error = true, .eval = kernel }
#define FIELD_ROWS(type, kernel)                                                                             \
    KERNEL_FN_BIND("extract", extract_##kernel, extract_##kernel##_bind, K_NUMERIC, K_TEXT, type),           \
        KERNEL_FN_BIND("date_part", date_part_##kernel, date_part_##kernel##_bind, K_FLOAT8, K_TEXT, type)

static const ScalarFunction rows[] = {
    FN("+", date_plus_days, D, D, K_INT4),
    FN("+", days_plus_date, D, K_INT4, D),
    FN("-", date_minus_days, D, D, K_INT4),
    FN("-", date_minus_date, K_INT4, D, D),
    FN("+", date_plus_interval, TS, D, IV),
    FN("+", interval_plus_date, TS, IV, D),
    FN("-", date_minus_interval, TS, D, IV),
    FN("+", date_plus_time, TS, D, K_TIME),
    FN("+", timestamp_plus_interval, TS, TS, IV),
    FN("+", interval_plus_timestamp, TS, IV, TS),
    FN("-", timestamp_minus_interval, TS, TS, IV),
    FN("-", timestamp_minus_timestamp, IV, TS, TS),
    FN("+", timestamp_plus_interval, TZ, TZ, IV),
    FN("+", interval_plus_timestamp, TZ, IV, TZ),
    FN("-", timestamp_minus_interval, TZ, TZ, IV),
    FN("-", timestamp_minus_timestamp, IV, TZ, TZ),
    KERNEL_FN("-", time_minus_time, IV, K_TIME, K_TIME),
    KERNEL_FN("+", time_plus_interval, K_TIME, K_TIME, IV),
    KERNEL_FN("-", time_minus_interval, K_TIME, K_TIME, IV),
    FN("+", interval_add, IV, IV, IV),
    FN("-", interval_subtract, IV, IV, IV),
    FN("-", interval_minus, IV, IV),
    FN("*", interval_times, IV, IV, K_FLOAT8),
    FN("*", times_interval, IV, K_FLOAT8, IV),
    FN("/", interval_divided, IV, IV, K_FLOAT8),
    FN("justify_hours", justify_hours, IV, IV),
    FN("justify_days", justify_days, IV, IV),
    FN("make_date", make_date, D, K_INT4, K_INT4, K_INT4),
    FN("make_timestamp", make_timestamp, TS, K_INT4, K_INT4, K_INT4, K_INT4, K_INT4, K_FLOAT8),
    FN("age", age_two, IV, TS, TS),
    FN("age", age_two, IV, TZ, TZ),
    FN("age", age_today, IV, TS),
    FN("age", age_today, IV, TZ),
    KERNEL_FN("isfinite", date_finite, K_BOOL, D),
    KERNEL_FN("isfinite", timestamp_finite, K_BOOL, TS),
    KERNEL_FN("isfinite", timestamp_finite, K_BOOL, TZ),
    FN("to_timestamp", epoch_to_timestamp, TZ, K_FLOAT8),
    NO_ARGS("now", current_timestamp, TZ),
    NO_ARGS("transaction_timestamp", current_timestamp, TZ),
    NO_ARGS("statement_timestamp", current_timestamp, TZ),
    NO_ARGS("current_timestamp", current_timestamp, TZ),
    NO_ARGS("localtimestamp", current_timestamp, TS),
    NO_ARGS("current_date", current_date, D),
    NO_ARGS("localtime", current_time, K_TIME),
    FIELD_ROWS(D, date),
    FIELD_ROWS(TS, timestamp),
    FIELD_ROWS(TZ, timestamptz),
    FIELD_ROWS(K_TIME, time),
    FIELD_ROWS(IV, interval),
    KERNEL_FN_BIND("date_trunc", date_trunc_timestamp, trunc_bind, TS, K_TEXT, TS),
    KERNEL_FN_BIND("date_trunc", date_trunc_timestamp, trunc_bind, TZ, K_TEXT, TZ),
    KERNEL_FN_BIND("date_trunc", date_trunc_interval, trunc_bind, IV, K_TEXT, IV),
    FN("date_bin", date_bin, TS, IV, TS, TS),
    FN("date_bin", date_bin, TZ, IV, TZ, TZ),
};

FunctionTable datetime_functions(void) {
    return KERNEL_TABLE(rows);
}
