/* sum and avg of intervals, field by field; the average spills fractions as interval division does. */
#include "engines/columnar/kernels/datetime_math.h"

typedef struct IntervalTotal {
    Interval sum;
    int64_t count, unused;
} IntervalTotal;

static Status interval_range(Error *err) {
    return error_set(err, "22008", "interval out of range");
}

static bool total_add(Interval *into, const Interval *value) {
    bool months = __builtin_add_overflow(into->months, value->months, &into->months);
    bool days = __builtin_add_overflow(into->days, value->days, &into->days);
    return __builtin_add_overflow(into->microseconds, value->microseconds, &into->microseconds) || months ||
           days;
}
KERNEL_INLINE bool total_row(IntervalTotal *state, Interval value) {
    state->count++;
    return total_add(&state->sum, &value);
}
#define AGG_NAME(name)               total_##name
#define AGG_STATE                    IntervalTotal
#define AGG_VALUE                    Interval
#define AGG_ADD(state, value, input) total_row(state, value)
#define AGG_RAISE                    interval_range
#include "engines/columnar/kernels/aggregate_body.inc.c"

static Status total_combine(void *into, const void *from, Arena *arena, Error *err) {
    IntervalTotal *left = into;
    const IntervalTotal *right = from;
    left->count += right->count;
    return total_add(&left->sum, &right->sum) ? interval_range(err) : STATUS_OK;
}
KERNEL_INLINE Status total_results(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                                   bool average, Error *err) {
    for (int i = 0; i < count; i++) {
        const IntervalTotal *state = (const IntervalTotal *)(states + (size_t)i * stride);
        Interval *result = &((Interval *)out->values)[i];
        *result = state->sum;
        if (state->count == 0)
            bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
        else if (average && !interval_scale(state->sum, (double)state->count, true, result))
            return interval_range(err);
    }
    return STATUS_OK;
}
static Status total_sum(const char *states, size_t stride, int count, Vector *out, Arena *arena, Error *err) {
    return total_results(states, stride, count, out, arena, false, err);
}
static Status total_average(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                            Error *err) {
    return total_results(states, stride, count, out, arena, true, err);
}

#define ROW(text, final)                                                                                     \
    {                                                                                                        \
        .name = text, .arg_count = 1, .args = {K_INTERVAL}, .result = K_INTERVAL,                            \
        .state_bytes = sizeof(IntervalTotal), .update = total_update, .update_single = total_single,         \
        .combine = total_combine, .finalize = final                                                          \
    }

static const AggregateFunction rows[] = {ROW("sum", total_sum), ROW("avg", total_average)};

AggregateTable interval_aggregates(void) {
    return (AggregateTable){rows, (int)(sizeof rows / sizeof rows[0])};
}
