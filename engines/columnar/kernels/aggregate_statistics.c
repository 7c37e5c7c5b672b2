/* Variance, standard deviation, covariance, correlation and linear regression. Floats use the Youngs-Cramer
 * recurrence in PostgreSQL's order of operations, so that digits agree for the same order of rows; integers
 * and numerics are exact: N, the sum and the sum of squares (256 bits) until the one division at the end. */
#include <math.h>

#include "engines/columnar/kernels/numeric_math.h"

static Status float_overflow(Error *err) {
    return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "value out of range: overflow");
}

typedef enum Spread { VAR_POP, VAR_SAMP, STDDEV_POP, STDDEV_SAMP } Spread;

/* ---- floats
 * ------------------------------------------------------------------------------------------------------------
 */

typedef struct FloatSpread {
    double count, sum, squares; /* squares: of the deviations from the mean */
    double unused;
} FloatSpread;

KERNEL_INLINE bool float_spread_add(FloatSpread *state, double value) {
    double before = state->count, sum_before = state->sum;
    state->count += 1;
    state->sum += value;
    if (before > 0) {
        double distance = value * state->count - state->sum;
        state->squares += distance * distance / (state->count * before);
        if (isinf(state->sum) || isinf(state->squares)) {
            if (!isinf(sum_before) && !isinf(value)) return true;
            state->squares = NAN;
        }
    } else if (isnan(value) || isinf(value)) {
        state->squares = NAN;
    }
    return false;
}
#define AGG_NAME(name)               spread_f64_##name
#define AGG_STATE                    FloatSpread
#define AGG_VALUE                    double
#define AGG_ADD(state, value, input) float_spread_add(state, value)
#define AGG_RAISE                    float_overflow
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               spread_f32_##name
#define AGG_STATE                    FloatSpread
#define AGG_VALUE                    float
#define AGG_ADD(state, value, input) float_spread_add(state, value)
#define AGG_RAISE                    float_overflow
#include "engines/columnar/kernels/aggregate_body.inc.c"

static Status float_spread_combine(void *into, const void *from, Arena *arena, Error *err) {
    FloatSpread *a = into;
    const FloatSpread *b = from;
    if (b->count == 0) return STATUS_OK;
    if (a->count == 0) {
        *a = *b;
        return STATUS_OK;
    }
    double count = a->count + b->count, distance = a->sum / a->count - b->sum / b->count;
    a->squares += b->squares + a->count * b->count * distance * distance / count;
    a->sum += b->sum;
    a->count = count;
    return STATUS_OK;
}
KERNEL_INLINE Status float_spread_results(const char *states, size_t stride, int count, Vector *out,
                                          Arena *arena, Spread spread) {
    bool sample = spread == VAR_SAMP || spread == STDDEV_SAMP,
         root = spread == STDDEV_POP || spread == STDDEV_SAMP;
    for (int i = 0; i < count; i++) {
        const FloatSpread *state = (const FloatSpread *)(states + (size_t)i * stride);
        double divisor = state->count - sample, value = divisor > 0 ? state->squares / divisor : 0;
        ((double *)out->values)[i] = root ? sqrt(value) : value;
        if (divisor <= 0) bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
    }
    return STATUS_OK;
}

/* ---- integers and numerics
 * ------------------------------------------------------------------------------------------- */

typedef struct ExactSpread {
    Int128 sum;
    UInt256 squares;
    int64_t count;
    int32_t scale, nan_count;
} ExactSpread;

static Status too_wide(Error *err) {
    return numeric_overflow(err);
}

KERNEL_INLINE bool exact_spread_add(ExactSpread *state, Int128 value, int scale) {
    UInt128 absolute = value < 0 ? -(UInt128)value : (UInt128)value;
    UInt256 square = uint256_multiply(absolute, absolute);
    state->count++;
    state->scale = scale;
    bool carry = __builtin_add_overflow(state->squares.low, square.low, &state->squares.low);
    bool bad = __builtin_add_overflow(state->squares.high, square.high, &state->squares.high);
    bad |= __builtin_add_overflow(state->squares.high, (UInt128)carry, &state->squares.high);
    return bad | __builtin_add_overflow(state->sum, value, &state->sum);
}

static bool exact_rescale(ExactSpread *state, int scale) {
    Int128 factor;
    if (state->scale == scale) return true;
    if (scale - state->scale > 18 ||
        !int128_multiply(state->sum, power_of_ten[scale - state->scale], &state->sum))
        return false;
    factor = power_of_ten[2 * (scale - state->scale)];
    UInt256 low = uint256_multiply(state->squares.low, (UInt128)factor);
    UInt256 high = uint256_multiply(state->squares.high, (UInt128)factor);
    state->squares.low = low.low;
    state->scale = scale;
    return !high.high && !__builtin_add_overflow(high.low, low.high, &state->squares.high);
}
static bool exact_spread_any(ExactSpread *state, Numeric value) {
    if (value.special) {
        state->nan_count++;
        state->count++;
        return false;
    }
    int scale = value.scale > state->scale ? value.scale : state->scale;
    return !exact_rescale(state, scale) || !numeric_rescale(value, scale, &value) ||
           exact_spread_add(state, value.value, scale);
}
#define AGG_NAME(name)               spread_i16_##name
#define AGG_STATE                    ExactSpread
#define AGG_VALUE                    int16_t
#define AGG_ADD(state, value, input) exact_spread_add(state, value, 0)
#define AGG_RAISE                    too_wide
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               spread_i32_##name
#define AGG_STATE                    ExactSpread
#define AGG_VALUE                    int32_t
#define AGG_ADD(state, value, input) exact_spread_add(state, value, 0)
#define AGG_RAISE                    too_wide
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               spread_i64_##name
#define AGG_STATE                    ExactSpread
#define AGG_VALUE                    int64_t
#define AGG_ADD(state, value, input) exact_spread_add(state, value, (input)->args[0].type.scale)
#define AGG_RAISE                    too_wide
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               spread_i128_##name
#define AGG_STATE                    ExactSpread
#define AGG_VALUE                    Int128
#define AGG_ADD(state, value, input) exact_spread_add(state, value, (input)->args[0].type.scale)
#define AGG_RAISE                    too_wide
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               spread_any_##name
#define AGG_STATE                    ExactSpread
#define AGG_VALUE                    Numeric
#define AGG_ADD(state, value, input) exact_spread_any(state, value)
#define AGG_RAISE                    too_wide
#include "engines/columnar/kernels/aggregate_body.inc.c"

static Status spread_numeric_update(char *states, size_t stride, const uint32_t *groups,
                                    const AggregateInput *input, Error *err) {
    switch (input->args[0].physical) {
    case PHYS_I64: return spread_i64_update(states, stride, groups, input, err);
    case PHYS_I128: return spread_i128_update(states, stride, groups, input, err);
    default: return spread_any_update(states, stride, groups, input, err);
    }
}
static Status spread_numeric_single(void *state, const AggregateInput *input, Error *err) {
    switch (input->args[0].physical) {
    case PHYS_I64: return spread_i64_single(state, input, err);
    case PHYS_I128: return spread_i128_single(state, input, err);
    default: return spread_any_single(state, input, err);
    }
}
static Status exact_spread_combine(void *into, const void *from, Arena *arena, Error *err) {
    ExactSpread *a = into, b = *(const ExactSpread *)from;
    int scale = a->scale > b.scale ? a->scale : b.scale;
    if (b.count == 0) return STATUS_OK;
    if (!exact_rescale(a, scale) || !exact_rescale(&b, scale)) return numeric_overflow(err);
    bool carry = __builtin_add_overflow(a->squares.low, b.squares.low, &a->squares.low);
    bool bad = __builtin_add_overflow(a->squares.high, b.squares.high + carry, &a->squares.high);
    bad |= __builtin_add_overflow(a->sum, b.sum, &a->sum);
    a->count += b.count;
    a->nan_count += b.nan_count;
    return bad ? numeric_overflow(err) : STATUS_OK;
}

/* (N Σx² - (Σx)²) / (N (N-1)) at the scale PostgreSQL chooses for that division; the deviation is its root at
 * that scale. */
static bool exact_spread_value(const ExactSpread *state, bool sample, bool root, Numeric *out) {
    UInt128 count = (UInt128)state->count, divisor = count * (count - sample), quotient;
    UInt128 sum = state->sum < 0 ? -(UInt128)state->sum : (UInt128)state->sum;
    UInt256 low = uint256_multiply(state->squares.low, count),
            high = uint256_multiply(state->squares.high, count);
    UInt256 left = {.low = low.low}, right = uint256_multiply(sum, sum), difference;
    if (high.high || __builtin_add_overflow(high.low, low.high, &left.high)) return false;
    difference.low = left.low - right.low;
    difference.high = left.high - right.high - (left.low < right.low);
    *out = numeric_make(0, 0);
    if (difference.high == 0 && difference.low == 0) return true;
    int scale = uint256_divide_scale(difference, 2 * state->scale, divisor);
    if (!uint256_divide(difference, divisor, scale - 2 * state->scale, &quotient)) return false;
    if (root && !uint256_square_root((UInt256){.low = quotient}, scale, &quotient)) return false;
    *out = numeric_make((Int128)quotient, scale);
    return quotient >> 127 == 0;
}
KERNEL_INLINE Status exact_spread_results(const char *states, size_t stride, int count, Vector *out,
                                          Arena *arena, Spread spread, Error *err) {
    bool sample = spread == VAR_SAMP || spread == STDDEV_SAMP,
         root = spread == STDDEV_POP || spread == STDDEV_SAMP;
    for (int i = 0; i < count; i++) {
        const ExactSpread *state = (const ExactSpread *)(states + (size_t)i * stride);
        Numeric value = state->nan_count ? numeric_nan() : numeric_make(0, 0);
        if (state->count - sample <= 0)
            bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
        else if (!state->nan_count && !exact_spread_value(state, sample, root, &value))
            return numeric_overflow(err);
        TRY(numeric_store(out, i, value, err));
    }
    return STATUS_OK;
}

#define SPREAD_FINALIZE(name, spread)                                                                        \
    static Status float_##name(const char *states, size_t stride, int count, Vector *out, Arena *arena,      \
                               Error *err) {                                                                 \
        return float_spread_results(states, stride, count, out, arena, spread);                              \
    }                                                                                                        \
    static Status exact_##name(const char *states, size_t stride, int count, Vector *out, Arena *arena,      \
                               Error *err) {                                                                 \
        return exact_spread_results(states, stride, count, out, arena, spread, err);                         \
    }
SPREAD_FINALIZE(var_pop, VAR_POP)
SPREAD_FINALIZE(var_samp, VAR_SAMP)
SPREAD_FINALIZE(stddev_pop, STDDEV_POP)
SPREAD_FINALIZE(stddev_samp, STDDEV_SAMP)

/* ---- two variables
 * ------------------------------------------------------------------------------------------------------ */

typedef struct Regression {
    double count, sum_x, squares_x, sum_y, squares_y, products;
} Regression;

typedef enum RegressionResult {
    REGR_COUNT,
    REGR_SXX,
    REGR_SYY,
    REGR_SXY,
    REGR_AVGX,
    REGR_AVGY,
    REGR_R2,
    REGR_SLOPE,
    REGR_INTERCEPT,
    COVAR_POP,
    COVAR_SAMP,
    CORR
} RegressionResult;

static bool regression_add(Regression *s, double y, double x) {
    double before = s->count, old_x = s->sum_x, old_y = s->sum_y;
    s->count += 1;
    s->sum_x += x;
    s->sum_y += y;
    if (before > 0) {
        double dx = x * s->count - s->sum_x, dy = y * s->count - s->sum_y, scale = 1.0 / (s->count * before);
        s->squares_x += dx * dx * scale;
        s->squares_y += dy * dy * scale;
        s->products += dx * dy * scale;
        if (isinf(s->sum_x) || isinf(s->squares_x) || isinf(s->sum_y) || isinf(s->squares_y) ||
            isinf(s->products)) {
            bool finite_x = !isinf(old_x) && !isinf(x), finite_y = !isinf(old_y) && !isinf(y);
            if (((isinf(s->sum_x) || isinf(s->squares_x)) && finite_x) ||
                ((isinf(s->sum_y) || isinf(s->squares_y)) && finite_y) ||
                (isinf(s->products) && finite_x && finite_y))
                return true;
            s->squares_x = isinf(s->squares_x) ? NAN : s->squares_x;
            s->squares_y = isinf(s->squares_y) ? NAN : s->squares_y;
            s->products = isinf(s->products) ? NAN : s->products;
        }
    } else {
        if (isnan(x) || isinf(x)) s->squares_x = s->products = NAN;
        if (isnan(y) || isinf(y)) s->squares_y = s->products = NAN;
    }
    return false;
}

static double agg_double(const Vector *vector, size_t row) {
    const double *values =
        vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    return values[vector->encoding == VECTOR_CONSTANT     ? 0
                  : vector->encoding == VECTOR_DICTIONARY ? vector->codes[row]
                                                          : row];
}
static Status regression_row(Regression *state, const AggregateInput *input, size_t row, Error *err) {
    if (vector_is_null(&input->args[0], (int)row) || vector_is_null(&input->args[1], (int)row))
        return STATUS_OK;
    return regression_add(state, agg_double(&input->args[0], row), agg_double(&input->args[1], row))
               ? float_overflow(err)
               : STATUS_OK;
}
static Status regression_update(char *states, size_t stride, const uint32_t *groups,
                                const AggregateInput *input, Error *err) {
    for (int k = 0, n = input->selection ? input->selected : input->row_count; k < n; k++)
        TRY(regression_row((Regression *)(states + (size_t)groups[k] * stride), input,
                           input->selection ? input->selection[k] : (size_t)k, err));
    return STATUS_OK;
}
static Status regression_single(void *state, const AggregateInput *input, Error *err) {
    for (int k = 0, n = input->selection ? input->selected : input->row_count; k < n; k++)
        TRY(regression_row(state, input, input->selection ? input->selection[k] : (size_t)k, err));
    return STATUS_OK;
}
static Status regression_combine(void *into, const void *from, Arena *arena, Error *err) {
    Regression *a = into;
    const Regression *b = from;
    if (b->count == 0) return STATUS_OK;
    if (a->count == 0) {
        *a = *b;
        return STATUS_OK;
    }
    double count = a->count + b->count, dx = a->sum_x / a->count - b->sum_x / b->count;
    double dy = a->sum_y / a->count - b->sum_y / b->count, weight = a->count * b->count;
    a->squares_x += b->squares_x + weight * dx * dx / count;
    a->squares_y += b->squares_y + weight * dy * dy / count;
    a->products += b->products + weight * dx * dy / count;
    a->sum_x += b->sum_x;
    a->sum_y += b->sum_y;
    a->count = count;
    return STATUS_OK;
}
/* false: NULL */
static bool regression_value(const Regression *s, RegressionResult wanted, double *out) {
    *out = 0;
    if (s->count < (wanted == COVAR_SAMP ? 2 : 1)) return false;
    switch (wanted) {
    case REGR_SXX: *out = s->squares_x; return true;
    case REGR_SYY: *out = s->squares_y; return true;
    case REGR_SXY: *out = s->products; return true;
    case REGR_AVGX: *out = s->sum_x / s->count; return true;
    case REGR_AVGY: *out = s->sum_y / s->count; return true;
    case COVAR_POP: *out = s->products / s->count; return true;
    case COVAR_SAMP: *out = s->products / (s->count - 1); return true;
    case CORR:
        *out = s->products / sqrt(s->squares_x * s->squares_y);
        return s->squares_x != 0 && s->squares_y != 0;
    case REGR_R2:
        *out = s->squares_y == 0 ? 1.0 : s->products * s->products / (s->squares_x * s->squares_y);
        return s->squares_x != 0;
    case REGR_SLOPE: *out = s->products / s->squares_x; return s->squares_x != 0;
    default: *out = (s->sum_y - s->sum_x * s->products / s->squares_x) / s->count; return s->squares_x != 0;
    }
}
KERNEL_INLINE Status regression_results(const char *states, size_t stride, int count, Vector *out,
                                        Arena *arena, RegressionResult wanted) {
    for (int i = 0; i < count; i++) {
        const Regression *state = (const Regression *)(states + (size_t)i * stride);
        if (wanted == REGR_COUNT)
            ((int64_t *)out->values)[i] = (int64_t)state->count;
        else if (!regression_value(state, wanted, &((double *)out->values)[i]))
            bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
    }
    return STATUS_OK;
}
#define REGRESSION_FINALIZE(name, wanted)                                                                    \
    static Status final_##name(const char *states, size_t stride, int count, Vector *out, Arena *arena,      \
                               Error *err) {                                                                 \
        return regression_results(states, stride, count, out, arena, wanted);                                \
    }
REGRESSION_FINALIZE(regr_count, REGR_COUNT)
REGRESSION_FINALIZE(regr_sxx, REGR_SXX)
REGRESSION_FINALIZE(regr_syy, REGR_SYY)
REGRESSION_FINALIZE(regr_sxy, REGR_SXY)
REGRESSION_FINALIZE(regr_avgx, REGR_AVGX)
REGRESSION_FINALIZE(regr_avgy, REGR_AVGY)
REGRESSION_FINALIZE(regr_r2, REGR_R2)
REGRESSION_FINALIZE(regr_slope, REGR_SLOPE)
REGRESSION_FINALIZE(regr_intercept, REGR_INTERCEPT)
REGRESSION_FINALIZE(covar_pop, COVAR_POP)
REGRESSION_FINALIZE(covar_samp, COVAR_SAMP)
REGRESSION_FINALIZE(corr, CORR)

#define SPREAD_ROW(text, type, out, State, prefix, family, final)                                            \
    {                                                                                                        \
        .name = text, .arg_count = 1, .args = {type}, .result = out, .state_bytes = sizeof(State),           \
        .update = prefix##_update, .update_single = prefix##_single, .combine = family##_combine,            \
        .finalize = final                                                                                    \
    }
#define SPREAD_ROWS(text, final)                                                                             \
    SPREAD_ROW(text, K_INT2, K_NUMERIC, ExactSpread, spread_i16, exact_spread, exact_##final),               \
        SPREAD_ROW(text, K_INT4, K_NUMERIC, ExactSpread, spread_i32, exact_spread, exact_##final),           \
        SPREAD_ROW(text, K_INT8, K_NUMERIC, ExactSpread, spread_i64, exact_spread, exact_##final),           \
        SPREAD_ROW(text, K_NUMERIC, K_NUMERIC, ExactSpread, spread_numeric, exact_spread, exact_##final),    \
        SPREAD_ROW(text, K_FLOAT4, K_FLOAT8, FloatSpread, spread_f32, float_spread, float_##final),          \
        SPREAD_ROW(text, K_FLOAT8, K_FLOAT8, FloatSpread, spread_f64, float_spread, float_##final)
#define REGRESSION_ROW(function, out)                                                                        \
    {                                                                                                        \
        .name = #function, .arg_count = 2, .args = {K_FLOAT8, K_FLOAT8}, .result = out,                      \
        .state_bytes = sizeof(Regression), .update = regression_update, .update_single = regression_single,  \
        .combine = regression_combine, .finalize = final_##function                                          \
    }

static const AggregateFunction rows[] = {
    SPREAD_ROWS("var_pop", var_pop),          SPREAD_ROWS("var_samp", var_samp),
    SPREAD_ROWS("variance", var_samp),        SPREAD_ROWS("stddev_pop", stddev_pop),
    SPREAD_ROWS("stddev_samp", stddev_samp),  SPREAD_ROWS("stddev", stddev_samp),
    REGRESSION_ROW(regr_count, K_INT8),       REGRESSION_ROW(regr_sxx, K_FLOAT8),
    REGRESSION_ROW(regr_syy, K_FLOAT8),       REGRESSION_ROW(regr_sxy, K_FLOAT8),
    REGRESSION_ROW(regr_avgx, K_FLOAT8),      REGRESSION_ROW(regr_avgy, K_FLOAT8),
    REGRESSION_ROW(regr_r2, K_FLOAT8),        REGRESSION_ROW(regr_slope, K_FLOAT8),
    REGRESSION_ROW(regr_intercept, K_FLOAT8), REGRESSION_ROW(covar_pop, K_FLOAT8),
    REGRESSION_ROW(covar_samp, K_FLOAT8),     REGRESSION_ROW(corr, K_FLOAT8),
};

AggregateTable statistics_aggregates(void) {
    return (AggregateTable){rows, (int)(sizeof rows / sizeof rows[0])};
}
