/* generate_series over numbers: the k-th row is start + k × step, so any worker can compute any part. */
#include "engines/columnar/kernels/kernel.h"
#include "engines/columnar/kernels/numeric_math.h"
#include "engines/columnar/kernels/table_function.h"

/* start + k × step for k in [0, count). Numerics: at `scale`; the first one shows its own scale. */
typedef struct Series {
    Int128 start, step, count;
    Int128 first; /* numeric: as written, at first_scale */
    int scale, first_scale;
} Series;

static Status zero_step(Error *err) {
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "step size cannot equal zero");
}

static void series_count(Series *series, Int128 start, Int128 stop, Int128 step) {
    if (step > 0 ? stop < start : stop > start)
        series->count = 0;
    else
        series->count = (step > 0 ? (stop - start) / step : (start - stop) / -step) + 1;
}

static Int128 integer_at(const Vector *vector, int row) {
    size_t index = kernel_index(vector, row);
    return vector->physical == PHYS_I32 ? ((const int32_t *)vector->values)[index]
                                        : ((const int64_t *)vector->values)[index];
}

static Numeric numeric_at(const Vector *vector, int row) {
    size_t index = kernel_index(vector, row);
    switch ((PhysicalType)vector->physical) {
    case PHYS_NUMERIC: return ((const Numeric *)vector->values)[index];
    case PHYS_I64: return numeric_make(((const int64_t *)vector->values)[index], vector->type.scale);
    default: return numeric_make(((const Int128 *)vector->values)[index], vector->type.scale);
    }
}

static Status integer_series(const TableCall *call, int row, Series *out, Error *err) {
    Int128 start = integer_at(&call->args[0], row), stop = integer_at(&call->args[1], row);
    Int128 step = call->arg_count > 2 ? integer_at(&call->args[2], row) : 1;
    if (step == 0) return zero_step(err);
    *out = (Series){.start = start, .step = step};
    series_count(out, start, stop, step);
    return STATUS_OK;
}

static Status numeric_series(const TableCall *call, int row, Series *out, Error *err) {
    static const char *const PARTS[] = {"start", "stop", "step"};
    Numeric parts[3] = {{0}, {0}, {.value = 1}};
    int widest = 0;
    for (int i = 0; i < call->arg_count; i++) {
        parts[i] = numeric_at(&call->args[i], row);
        if (parts[i].special)
            return error_set(err, SQLSTATE_INVALID_PARAMETER, "%s %s cannot be %s", PARTS[i],
                             i == 2 ? "size" : "value", parts[i].special == NUMERIC_NAN ? "NaN" : "infinity");
        if (parts[i].scale > widest) widest = parts[i].scale;
    }
    if (parts[2].value == 0) return zero_step(err);
    Numeric wide[3], first = parts[0], step = parts[2];
    *out = (Series){.first = first.value, .first_scale = first.scale};
    out->scale = first.scale > step.scale ? first.scale : step.scale;
    for (int i = 0; i < 3; i++)
        if (!numeric_rescale(parts[i], widest, &wide[i])) return numeric_overflow(err);
    Numeric distance;
    if (!numeric_subtract(wide[1], wide[0], &distance)) return numeric_overflow(err);
    if (!numeric_rescale(first, out->scale, &first) || !numeric_rescale(step, out->scale, &step))
        return numeric_overflow(err);
    out->start = first.value;
    out->step = step.value;
    series_count(out, 0, distance.value, wide[2].value);
    return STATUS_OK;
}

static Status series_of(const TableCall *call, int row, Series *out, Error *err) {
    return call->columns[0].type.id == SQL_NUMERIC ? numeric_series(call, row, out, err)
                                                   : integer_series(call, row, out, err);
}

/* Values [from, from + rows) of the series into the result from position `at`. */
static void series_write(const TableCall *call, const Series *series, int64_t from, int at, int rows) {
    if (call->out->physical == PHYS_NUMERIC) {
        Numeric *out = (Numeric *)call->out->values + at;
        for (int i = 0; i < rows; i++)
            out[i] = numeric_make(series->start + (from + i) * series->step, series->scale);
        if (from == 0) out[0] = numeric_make(series->first, series->first_scale);
    } else if (call->out->physical == PHYS_I32) {
        int32_t *out = (int32_t *)call->out->values + at;
        int64_t value = (int64_t)(series->start + (Int128)from * series->step), step = (int64_t)series->step;
        for (int i = 0; i < rows; i++)
            out[i] = (int32_t)(value + i * step);
    } else {
        int64_t *out = (int64_t *)call->out->values + at;
        uint64_t value = (uint64_t)(series->start + (Int128)from * series->step);
        uint64_t step = (uint64_t)series->step;
        for (int i = 0; i < rows; i++)
            out[i] = (int64_t)(value + (uint64_t)i * step);
    }
}

typedef struct SeriesState {
    int64_t given; /* of the current row's series */
    int at;        /* index into the rows */
} SeriesState;

static Status series_next(const TableCall *call, int *count, Error *err) {
    SeriesState *state = call->state;
    *count = 0;
    while (state->at < call->row_count && *count < BATCH_ROWS) {
        Series series;
        int row = call->rows[state->at];
        TRY(series_of(call, row, &series, err));
        Int128 left = series.count - state->given;
        int rows = left > BATCH_ROWS - *count ? BATCH_ROWS - *count : (int)left;
        if (rows > 0) series_write(call, &series, state->given, *count, rows);
        for (int i = 0; i < rows; i++)
            call->input_rows[*count + i] = (uint16_t)row;
        *count += rows;
        state->given += rows;
        if (rows < left) continue;
        state->at++;
        state->given = 0;
    }
    return STATUS_OK;
}

static Status series_total(const TableCall *call, int64_t *rows, Error *err) {
    Series series;
    TRY(series_of(call, 0, &series, err));
    *rows = series.count > INT64_MAX ? INT64_MAX : (int64_t)series.count;
    return STATUS_OK;
}

static Status series_slice(const TableCall *call, int64_t first, int rows, Error *err) {
    Series series;
    TRY(series_of(call, 0, &series, err));
    series_write(call, &series, first, 0, rows);
    return STATUS_OK;
}

#define SERIES(type, ...)                                                                                    \
    {                                                                                                        \
        .name = "generate_series", .arg_count = K_ARGC(__VA_ARGS__), .args = {__VA_ARGS__}, .strict = true,  \
        .column_count = 1, .columns = {{"generate_series", type}}, .state_bytes = sizeof(SeriesState),       \
        .next = series_next, .count = series_total, .slice = series_slice                                    \
    }

static const TableFunction FUNCTIONS[] = {
    SERIES(K_INT4, K_INT4, K_INT4, K_INT4),
    SERIES(K_INT4, K_INT4, K_INT4),
    SERIES(K_INT8, K_INT8, K_INT8, K_INT8),
    SERIES(K_INT8, K_INT8, K_INT8),
    SERIES(K_NUMERIC, K_NUMERIC, K_NUMERIC, K_NUMERIC),
    SERIES(K_NUMERIC, K_NUMERIC, K_NUMERIC),
};

TableFunctionTable series_table_functions(void) {
    return (TableFunctionTable){FUNCTIONS, sizeof FUNCTIONS / sizeof FUNCTIONS[0]};
}
