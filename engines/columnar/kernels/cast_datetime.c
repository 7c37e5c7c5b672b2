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

static const CastEntry rows[] = {
    CAST_BETWEEN(DATE, TIMESTAMP, IMPLICIT, EXPLICIT, date_to_timestamp),
    CAST_BETWEEN(DATE, TIMESTAMPTZ, IMPLICIT, EXPLICIT, date_to_timestamp),
    CAST_BETWEEN(TIMESTAMP, DATE, ASSIGNMENT, EXPLICIT, timestamp_to_date),
    CAST_BETWEEN(TIMESTAMPTZ, DATE, ASSIGNMENT, EXPLICIT, timestamp_to_date),
    CAST_BETWEEN(TIMESTAMP, TIMESTAMPTZ, IMPLICIT, EXPLICIT, timestamp_same),
    CAST_BETWEEN(TIMESTAMPTZ, TIMESTAMP, ASSIGNMENT, EXPLICIT, timestamp_same),
    CAST_BETWEEN(TIMESTAMP, TIME, ASSIGNMENT, EXPLICIT, timestamp_to_time),
    CAST_BETWEEN(TIMESTAMPTZ, TIME, ASSIGNMENT, EXPLICIT, timestamp_to_time),
    CAST_BETWEEN(TIME, INTERVAL, IMPLICIT, EXPLICIT, time_to_interval),
    CAST_BETWEEN(INTERVAL, TIME, ASSIGNMENT, EXPLICIT, interval_to_time),
    CAST_BETWEEN(INTERVAL, INTERVAL, IMPLICIT, EXPLICIT, interval_same),
};

CastTable datetime_casts(void) {
    return (CastTable){rows, (int)(sizeof rows / sizeof rows[0])};
}
