/* Times and intervals from their parts, OVERLAPS, and intervals in their customary form. */
#include <math.h>

#include "engines/columnar/kernels/datetime_math.h"

static Status make_time(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int32_t hour = KERNEL_ARG(call, 0, int32_t, row), minute = KERNEL_ARG(call, 1, int32_t, row);
        double second = KERNEL_ARG(call, 2, double, row);
        if (!clock_in_range(hour, minute, second))
            return error_set(err, "22008", "time field value out of range: %d:%02d:%02g", hour, minute,
                             second);
        out[row] = hour * MICROS_PER_HOUR + minute * MICROS_PER_MINUTE + (int64_t)rint(second * 1e6);
    }
    return STATUS_OK;
}

/* years, months, weeks, days, hours, minutes, seconds */
static Status make_interval(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int32_t part[6] = {0};
        int given = call->arg_count < 6 ? call->arg_count : 6;
        for (int i = 0; i < given; i++)
            part[i] = KERNEL_ARG(call, i, int32_t, row);
        double second = call->arg_count > 6 ? KERNEL_ARG(call, 6, double, row) : 0;
        if (!isfinite(second)) return error_set(err, "22008", "interval out of range");
        /* PostgreSQL 15 lets the parts wrap around. */
        uint32_t months = (uint32_t)part[0] * 12 + (uint32_t)part[1];
        uint32_t days = (uint32_t)part[2] * 7 + (uint32_t)part[3];
        double micros = rint(second * 1e6);
        uint64_t time = fabs(micros) < 9.2e18 ? (uint64_t)(int64_t)micros : (uint64_t)1 << 63;
        time += (uint64_t)(part[4] * MICROS_PER_HOUR + part[5] * MICROS_PER_MINUTE);
        out[row] = (Interval){(int32_t)months, (int32_t)days, (int64_t)time};
    }
    return STATUS_OK;
}

/* Takes 24 hours as a day and 30 days as a month, then gives all parts one sign. */
static Status justify_interval(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row) {
        Interval span = KERNEL_ARG(call, 0, Interval, row);
        bool bad = false;
        if ((span.days > 0 && span.microseconds > 0) || (span.days < 0 && span.microseconds < 0)) {
            /* whole months of days first, so that adding the time's days cannot overflow */
            bad |= __builtin_add_overflow(span.months, span.days / 30, &span.months);
            span.days %= 30;
        }
        int64_t days = span.microseconds / MICROS_PER_DAY;
        span.microseconds %= MICROS_PER_DAY;
        bad |= __builtin_add_overflow(span.days, days, &span.days);
        bad |= __builtin_add_overflow(span.months, span.days / 30, &span.months);
        span.days %= 30;
        if (bad) return error_set(err, "22008", "interval out of range");
        if (span.months > 0 && (span.days < 0 || (span.days == 0 && span.microseconds < 0))) {
            span.days += 30;
            span.months--;
        } else if (span.months < 0 && (span.days > 0 || (span.days == 0 && span.microseconds > 0))) {
            span.days -= 30;
            span.months++;
        }
        interval_sign_days(&span);
        out[row] = span;
    }
    return STATUS_OK;
}

static Status interval_finite(const KernelCall *call, Error *err) {
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = 1;
    return STATUS_OK;
}

static Status interval_plus_time(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int64_t part = KERNEL_ARG(call, 0, Interval, row).microseconds % MICROS_PER_DAY;
        timestamp_split(KERNEL_ARG(call, 1, int64_t, row) + part, &out[row]);
    }
    return STATUS_OK;
}

static Status date_with_time(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        bool bad = false;
        out[row] = timestamp_from_date(KERNEL_ARG(call, 0, int32_t, row), &bad);
        if (bad) return error_set(err, "22008", "date out of range for timestamp");
        if (!timestamp_is_finite(out[row])) continue;
        Int128 wide = (Int128)out[row] + KERNEL_ARG(call, 1, int64_t, row);
        if (!timestamp_in_range(wide)) return error_set(err, "22008", "timestamp out of range");
        out[row] = (int64_t)wide;
    }
    return STATUS_OK;
}

/* ---- precision
 * ---------------------------------------------------------------------------------------------------- */

static int64_t micros_of_digits(int32_t digits) {
    int64_t unit = 1;
    for (; digits < 6; digits++)
        unit *= 10;
    return unit;
}
/* Half away from zero. */
static int64_t round_to(int64_t value, int64_t unit) {
    return value >= 0 ? (value + unit / 2) / unit * unit : -((-value + unit / 2) / unit * unit);
}

static Status check_digits(int32_t digits, Error *err) {
    if (digits >= 0 && digits <= 6) return STATUS_OK;
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "a precision of %d digits of a second", digits);
}

static Status timestamp_to_precision(const KernelCall *call, Error *err) {
    const int64_t zero = 946684800 * MICROS_PER_SECOND; /* PostgreSQL counts from 2000, and rounds so */
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int32_t digits = KERNEL_ARG(call, 1, int32_t, row);
        int64_t value = KERNEL_ARG(call, 0, int64_t, row);
        out[row] = value;
        TRY(check_digits(digits, err));
        if (timestamp_is_finite(value)) out[row] = round_to(value - zero, micros_of_digits(digits)) + zero;
    }
    return STATUS_OK;
}
static Status time_to_precision(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int32_t digits = KERNEL_ARG(call, 1, int32_t, row);
        TRY(check_digits(digits, err));
        out[row] = round_to(KERNEL_ARG(call, 0, int64_t, row), micros_of_digits(digits));
    }
    return STATUS_OK;
}

/* The fields an interval keeps, as PostgreSQL's type modifier has them: bit 1 months, 2 years, 3 days, 10
 * hours, 11 minutes, 12 seconds. */
static void keep_fields(Interval *span, int32_t fields) {
    enum {
        MONTHS = 1 << 1,
        YEARS = 1 << 2,
        DAYS = 1 << 3,
        HOURS = 1 << 10,
        MINUTES = 1 << 11,
        SECONDS = 1 << 12
    };
    if (fields == 0x7FFF || fields & SECONDS) return;
    if (fields == YEARS) span->months -= span->months % 12;
    if (fields & MINUTES)
        span->microseconds -= span->microseconds % MICROS_PER_MINUTE;
    else if (fields & HOURS)
        span->microseconds -= span->microseconds % MICROS_PER_HOUR;
    else
        span->microseconds = 0;
    if (!(fields & (DAYS | HOURS | MINUTES))) span->days = 0;
}
static Status interval_to_precision(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int32_t modifier = KERNEL_ARG(call, 1, int32_t, row), digits = modifier & 0xFFFF;
        out[row] = KERNEL_ARG(call, 0, Interval, row);
        keep_fields(&out[row], modifier >> 16 & 0x7FFF);
        if (digits < 6) out[row].microseconds = round_to(out[row].microseconds, micros_of_digits(digits));
    }
    return STATUS_OK;
}

/* ---- OVERLAPS
 * ---------------------------------------------------------------------------------------------------- */

typedef enum EndKind { END_MOMENT, END_SPAN } EndKind;

typedef struct Point {
    int64_t at;
    bool null;
} Point;

static bool arg_null(const KernelCall *call, int arg, int row) {
    return vector_is_null(&call->args[arg], row);
}

/* The end of a period: given, or so long after its start. */
KERNEL_INLINE Status period_end(const KernelCall *call, int arg, EndKind kind, bool of_day, Point start,
                                int row, Point *out, Error *err) {
    out->null = arg_null(call, arg, row) || (kind == END_SPAN && start.null);
    out->at = 0;
    if (out->null) return STATUS_OK;
    if (kind == END_MOMENT) {
        out->at = KERNEL_ARG(call, arg, int64_t, row);
        return STATUS_OK;
    }
    Interval span = KERNEL_ARG(call, arg, Interval, row);
    if (of_day)
        timestamp_split(start.at + span.microseconds % MICROS_PER_DAY, &out->at);
    else if (!timestamp_add_interval(start.at, span, &out->at))
        return error_set(err, "22008", "timestamp out of range");
    return STATUS_OK;
}

/* A period without its start begins at its end; the earlier point is the start. False: neither is known. */
static bool order_period(Point *start, Point *end) {
    if (start->null) {
        if (end->null) return false;
        *start = *end;
        end->null = true;
    } else if (!end->null && start->at > end->at) {
        Point swapped = *start;
        *start = *end;
        *end = swapped;
    }
    return true;
}

/* SQL's OVERLAPS, with its NULL where one end is not known and would decide. */
static int periods_overlap(Point s1, Point e1, Point s2, Point e2) {
    if (!order_period(&s1, &e1) || !order_period(&s2, &e2)) return -1;
    if (s1.at == s2.at) {
        if (e1.null || e2.null) return -1;
        return 1;
    }
    if (s1.at < s2.at) {
        Point start = s1, end = e1;
        s1 = s2;
        e1 = e2;
        s2 = start;
        e2 = end;
    }
    /* the first period begins later: it does so before the other ends, or not */
    if (e2.null) return -1;
    if (s1.at < e2.at) return 1;
    return e1.null ? -1 : 0;
}

KERNEL_INLINE Status overlap_rows(const KernelCall *call, EndKind first, EndKind second, bool of_day,
                                  Error *err) {
    uint8_t *out = call->out->values;
    for (int k = 0; k < kernel_selected(call); k++) {
        int row = kernel_row(call, k);
        Point s1 = {0, arg_null(call, 0, row)}, s2 = {0, arg_null(call, 2, row)}, e1, e2;
        if (!s1.null) s1.at = KERNEL_ARG(call, 0, int64_t, row);
        if (!s2.null) s2.at = KERNEL_ARG(call, 2, int64_t, row);
        TRY(period_end(call, 1, first, of_day, s1, row, &e1, err));
        TRY(period_end(call, 3, second, of_day, s2, row, &e2, err));
        int result = periods_overlap(s1, e1, s2, e2);
        out[row] = result > 0;
        if (result < 0) kernel_set_null(call, row);
    }
    return STATUS_OK;
}

#define DEFINE_OVERLAP(name, first, second, of_day)                                                          \
    static Status name(const KernelCall *call, Error *err) {                                                 \
        return overlap_rows(call, first, second, of_day, err);                                               \
    }
DEFINE_OVERLAP(overlap_mm, END_MOMENT, END_MOMENT, false)
DEFINE_OVERLAP(overlap_ms, END_MOMENT, END_SPAN, false)
DEFINE_OVERLAP(overlap_sm, END_SPAN, END_MOMENT, false)
DEFINE_OVERLAP(overlap_ss, END_SPAN, END_SPAN, false)
DEFINE_OVERLAP(overlap_day_ms, END_MOMENT, END_SPAN, true)
DEFINE_OVERLAP(overlap_day_sm, END_SPAN, END_MOMENT, true)
DEFINE_OVERLAP(overlap_day_ss, END_SPAN, END_SPAN, true)

#define IV K_INTERVAL
#define T  K_TIME
#define TS K_TIMESTAMP
#define TZ K_TIMESTAMPTZ
#define OVERLAP(kernel, ...)                                                                                 \
    { .name = "overlaps", .arg_count = 4, .args = {__VA_ARGS__}, .result = K_BOOL, .eval = kernel }
#define OVERLAPS_OF(type)                                                                                    \
    OVERLAP(overlap_mm, type, type, type, type), OVERLAP(overlap_ms, type, type, type, IV),                  \
        OVERLAP(overlap_sm, type, IV, type, type), OVERLAP(overlap_ss, type, IV, type, IV)
#define FN KERNEL_FN_RAISES
#define I4 K_INT4

static const ScalarFunction rows[] = {
    FN("make_time", make_time, T, I4, I4, K_FLOAT8),
    FN("make_interval", make_interval, IV, I4, I4, I4, I4, I4, I4, K_FLOAT8),
    FN("make_interval", make_interval, IV, I4, I4, I4, I4, I4, I4),
    FN("make_interval", make_interval, IV, I4, I4, I4, I4, I4),
    FN("make_interval", make_interval, IV, I4, I4, I4, I4),
    FN("make_interval", make_interval, IV, I4, I4, I4),
    FN("make_interval", make_interval, IV, I4, I4),
    FN("make_interval", make_interval, IV, I4),
    {.name = "make_interval", .result = IV, .strict = true, .eval = make_interval},
    FN("justify_interval", justify_interval, IV, IV),
    KERNEL_FN("isfinite", interval_finite, K_BOOL, IV),
    KERNEL_FN("+", interval_plus_time, T, IV, T),
    FN("timestamp", timestamp_to_precision, TS, TS, I4),
    FN("timestamptz", timestamp_to_precision, TZ, TZ, I4),
    FN("time", time_to_precision, T, T, I4),
    FN("interval", interval_to_precision, IV, IV, I4),
    FN("timestamp", date_with_time, TS, K_DATE, T),
    FN("timestamptz", date_with_time, TZ, K_DATE, T),
    OVERLAPS_OF(TS),
    OVERLAPS_OF(TZ),
    OVERLAP(overlap_mm, T, T, T, T),
    OVERLAP(overlap_day_ms, T, T, T, IV),
    OVERLAP(overlap_day_sm, T, IV, T, T),
    OVERLAP(overlap_day_ss, T, IV, T, IV),
};

FunctionTable datetime_make_functions(void) {
    return KERNEL_TABLE(rows);
}
