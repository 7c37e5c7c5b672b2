/* Casts among dates, times, timestamps and intervals; timestamptz is read in UTC. */
#include "engines/columnar/kernels/datetime_math.h"

static Status date_to_timestamp(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        bool bad = false;
        out[row] = timestamp_from_date(KERNEL_ARG(call, 0, int32_t, row), &bad);
        if (bad) return error_set(err, "22008", "date out of range for timestamp");
    }
    return STATUS_OK;
}
static Status timestamp_to_date(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = date_from_timestamp(KERNEL_ARG(call, 0, int64_t, row));
    return STATUS_OK;
}
static Status timestamp_same(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = KERNEL_ARG(call, 0, int64_t, row);
    return STATUS_OK;
}
static Status timestamp_to_time(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int64_t value = KERNEL_ARG(call, 0, int64_t, row);
        out[row] = 0;
        if (timestamp_is_finite(value))
            timestamp_split(value, &out[row]);
        else
            kernel_set_null(call, row);
    }
    return STATUS_OK;
}
static Status time_to_interval(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = (Interval){.microseconds = KERNEL_ARG(call, 0, int64_t, row)};
    return STATUS_OK;
}
static Status interval_to_time(const KernelCall *call, Error *err) {
    int64_t *out = call->out->values;
    KERNEL_ROWS(call, row) timestamp_split(KERNEL_ARG(call, 0, Interval, row).microseconds, &out[row]);
    return STATUS_OK;
}
static Status interval_same(const KernelCall *call, Error *err) {
    Interval *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = KERNEL_ARG(call, 0, Interval, row);
    return STATUS_OK;
}

#define CAST(a, b, context, kernel)                                                                          \
    {                                                                                                        \
        .from = SQL_##a, .to = SQL_##b, .weakest = CAST_##context, .strongest = CAST_EXPLICIT, .function = { \
            .name = "cast",                                                                                  \
            .arg_count = 1,                                                                                  \
            .args = {K_(a)},                                                                                 \
            .result = K_(b),                                                                                 \
            .strict = true,                                                                                  \
            .eval = kernel                                                                                   \
        }                                                                                                    \
    }

static const CastEntry rows[] = {
    CAST(DATE, TIMESTAMP, IMPLICIT, date_to_timestamp),
    CAST(DATE, TIMESTAMPTZ, IMPLICIT, date_to_timestamp),
    CAST(TIMESTAMP, DATE, ASSIGNMENT, timestamp_to_date),
    CAST(TIMESTAMPTZ, DATE, ASSIGNMENT, timestamp_to_date),
    CAST(TIMESTAMP, TIMESTAMPTZ, IMPLICIT, timestamp_same),
    CAST(TIMESTAMPTZ, TIMESTAMP, ASSIGNMENT, timestamp_same),
    CAST(TIMESTAMP, TIME, ASSIGNMENT, timestamp_to_time),
    CAST(TIMESTAMPTZ, TIME, ASSIGNMENT, timestamp_to_time),
    CAST(TIME, INTERVAL, IMPLICIT, time_to_interval),
    CAST(INTERVAL, TIME, ASSIGNMENT, interval_to_time),
    CAST(INTERVAL, INTERVAL, IMPLICIT, interval_same),
};

CastTable datetime_casts(void) {
    return (CastTable){rows, (int)(sizeof rows / sizeof rows[0])};
}
