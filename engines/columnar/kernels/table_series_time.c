/* generate_series over timestamps. Each value is the one before plus the step: months differ in length, so
 * there is no computing the n-th alone. */
#include "engines/columnar/kernels/datetime_math.h"
#include "engines/columnar/kernels/table_function.h"

typedef struct TimeSeriesState {
    int64_t current; /* the next value of the row's series, once started */
    int at;          /* index into the rows */
    bool started;
} TimeSeriesState;

static int64_t moment_at(const Vector *vector, int row) {
    return ((const int64_t *)vector->values)[kernel_index(vector, row)];
}

/* Days of 24 hours and months of 30 days, as intervals compare. */
static Int128 span_micros(Interval span) {
    return ((Int128)span.months * 30 + span.days) * MICROS_PER_DAY + span.microseconds;
}

static Status time_series_next(const TableCall *call, int *count, Error *err) {
    TimeSeriesState *state = call->state;
    *count = 0;
    while (state->at < call->row_count) {
        int row = call->rows[state->at];
        int64_t stop = moment_at(&call->args[1], row);
        Interval step = ((const Interval *)call->args[2].values)[kernel_index(&call->args[2], row)];
        Int128 direction = span_micros(step);
        if (direction == 0) return error_set(err, SQLSTATE_INVALID_PARAMETER, "step size cannot equal zero");
        if (!state->started) state->current = moment_at(&call->args[0], row);
        state->started = true;
        while (direction > 0 ? state->current <= stop : state->current >= stop) {
            if (*count == BATCH_ROWS) return STATUS_OK;
            ((int64_t *)call->out->values)[*count] = state->current;
            call->input_rows[(*count)++] = (uint16_t)row;
            if (!timestamp_add_interval(state->current, step, &state->current))
                return error_set(err, "22008", "timestamp out of range");
        }
        state->at++;
        state->started = false;
    }
    return STATUS_OK;
}

#define SERIES(type)                                                                                         \
    {                                                                                                        \
        .name = "generate_series", .arg_count = 3, .args = {type, type, K_INTERVAL}, .strict = true,         \
        .column_count = 1, .columns = {{"generate_series", type}}, .state_bytes = sizeof(TimeSeriesState),   \
        .next = time_series_next                                                                             \
    }

static const TableFunction FUNCTIONS[] = {SERIES(K_TIMESTAMP), SERIES(K_TIMESTAMPTZ)};

TableFunctionTable time_series_table_functions(void) {
    return (TableFunctionTable){FUNCTIONS, sizeof FUNCTIONS / sizeof FUNCTIONS[0]};
}
