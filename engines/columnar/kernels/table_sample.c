/* TABLESAMPLE: which rows belong to the sample is computed from the seed and the place they stand at, so that
 * one seed gives one sample at any number of threads, as long as the table stays as it is. */
#include <string.h>

#include "engines/base/hash.h"
#include "engines/columnar/kernels/table_function.h"

/* 0 ≤ x < 1 from the seed and a place. */
static double fraction(double seed, int64_t morsel, int64_t batch, int row) {
    struct {
        double seed;
        int64_t place[3];
    } key = {seed, {morsel, batch, row}};
    return (double)(hash64_bytes(&key, sizeof key, 0) >> 11) / (double)(UINT64_C(1) << 53);
}

static Status sample_arguments(const TableCall *call, double *share, double *seed, Error *err) {
    const Vector *percent = &call->args[0];
    double value = vector_is_null(percent, 0) ? 0 : *(const double *)percent->values;
    if (vector_is_null(percent, 0)) return error_set(err, "2202H", "TABLESAMPLE parameter cannot be null");
    if (vector_is_null(&call->args[1], 0))
        return error_set(err, "2202G", "TABLESAMPLE REPEATABLE parameter cannot be null");
    if (!(value >= 0 && value <= 100))
        return error_set(err, "2202H", "sample percentage must be between 0 and 100");
    *share = value / 100;
    *seed = *(const double *)call->args[1].values + 0.0;
    return STATUS_OK;
}

static Status sample_next(const TableCall *call, bool blocks, int *count, Error *err) {
    bool *done = call->state;
    double share, seed;
    *count = 0;
    if (*done) return STATUS_OK;
    *done = true;
    TRY(sample_arguments(call, &share, &seed, err));
    if (blocks && fraction(seed, call->morsel, call->batch, -1) >= share) return STATUS_OK;
    for (int k = 0; k < call->row_count; k++)
        if (blocks || fraction(seed, call->morsel, call->batch, call->rows[k]) < share)
            call->input_rows[(*count)++] = call->rows[k];
    return STATUS_OK;
}

static Status bernoulli_next(const TableCall *call, int *count, Error *err) {
    return sample_next(call, false, count, err);
}

static Status system_next(const TableCall *call, int *count, Error *err) {
    return sample_next(call, true, count, err);
}

#define SAMPLE(text, function)                                                                               \
    {                                                                                                        \
        .name = text, .arg_count = 2, .args = {{.id = SQL_FLOAT8}, {.id = SQL_FLOAT8}},                      \
        .state_bytes = sizeof(bool), .next = function, .estimate = 0.1                                       \
    }

const TableFunction table_function_bernoulli = SAMPLE("bernoulli", bernoulli_next);
const TableFunction table_function_system = SAMPLE("system", system_next);
