/* count, sum and avg. Integer and numeric sums are exact in 128 bits; sums of floats add in the order rows
 * come. */
#include <math.h>

#include "engines/columnar/kernels/numeric_math.h"

/* ---- count
 * -------------------------------------------------------------------------------------------------- */

typedef struct CountState {
    int64_t count, unused;
} CountState;

static int input_rows(const AggregateInput *input) {
    return input->selection ? input->selected : input->row_count;
}

static Status count_star_update(char *states, size_t stride, const uint32_t *groups,
                                const AggregateInput *input, Error *err) {
    for (int k = 0, n = input_rows(input); k < n; k++)
        ((CountState *)(states + (size_t)groups[k] * stride))->count++;
    return STATUS_OK;
}
static Status count_star_single(void *state, const AggregateInput *input, Error *err) {
    ((CountState *)state)->count += input_rows(input);
    return STATUS_OK;
}
static const uint64_t *counted_validity(const AggregateInput *input) {
    const Vector *vector = &input->args[0];
    return vector->encoding == VECTOR_SEQUENCE ? NULL : vector->validity;
}
static Status count_update(char *states, size_t stride, const uint32_t *groups, const AggregateInput *input,
                           Error *err) {
    const uint64_t *validity = counted_validity(input);
    if (!validity) return count_star_update(states, stride, groups, input, err);
    bool constant = input->args[0].encoding == VECTOR_CONSTANT;
    for (int k = 0, n = input_rows(input); k < n; k++) {
        size_t row = constant ? 0 : input->selection ? input->selection[k] : (size_t)k;
        ((CountState *)(states + (size_t)groups[k] * stride))->count += bitmap_get(validity, row);
    }
    return STATUS_OK;
}
static Status count_single(void *state, const AggregateInput *input, Error *err) {
    const uint64_t *validity = counted_validity(input);
    CountState *count = state;
    if (!validity || input->args[0].encoding == VECTOR_CONSTANT) {
        count->count += !validity || bitmap_get(validity, 0) ? input_rows(input) : 0;
    } else if (!input->selection) {
        count->count += (int64_t)bitmap_count(validity, (size_t)input->row_count);
    } else {
        for (int k = 0; k < input->selected; k++)
            count->count += bitmap_get(validity, input->selection[k]);
    }
    return STATUS_OK;
}
static Status count_combine(void *into, const void *from, Arena *arena, Error *err) {
    ((CountState *)into)->count += ((const CountState *)from)->count;
    return STATUS_OK;
}
static Status count_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                             Error *err) {
    for (int i = 0; i < count; i++)
        ((int64_t *)out->values)[i] = ((const CountState *)(states + (size_t)i * stride))->count;
    return STATUS_OK;
}

/* ---- sum of int2 and int4: int8
 * -------------------------------------------------------------------------------- */

typedef struct IntegerSum {
    int64_t sum, count;
} IntegerSum;

static Status bigint_range(Error *err) {
    return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "bigint out of range");
}
KERNEL_INLINE bool integer_sum_add(IntegerSum *state, int64_t value) {
    state->count++;
    return __builtin_add_overflow(state->sum, value, &state->sum);
}
#define AGG_NAME(name)               sum_i16_##name
#define AGG_STATE                    IntegerSum
#define AGG_VALUE                    int16_t
#define AGG_ADD(state, value, input) integer_sum_add(state, value)
#define AGG_RAISE                    bigint_range
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               sum_i32_##name
#define AGG_STATE                    IntegerSum
#define AGG_VALUE                    int32_t
#define AGG_ADD(state, value, input) integer_sum_add(state, value)
#define AGG_RAISE                    bigint_range
#include "engines/columnar/kernels/aggregate_body.inc.c"

/* Sums of a batch of 16 or 32 bit values cannot leave 64 bits: no check inside, so the compiler vectorises.
 * NULL rows are masked, not branched around. */
KERNEL_INLINE int64_t batch_sum_i32(const int32_t *restrict values, const uint64_t *validity, int rows) {
    int64_t sum = 0;
    if (!validity) {
        for (int i = 0; i < rows; i++)
            sum += values[i];
        return sum;
    }
    for (int start = 0; start < rows; start += 64) {
        uint64_t word = validity[start / 64];
        int end = rows - start < 64 ? rows - start : 64;
        if (word == ~(uint64_t)0 && end == 64) {
            for (int i = 0; i < 64; i++)
                sum += values[start + i];
        } else {
            for (int i = 0; i < end; i++)
                sum += values[start + i] & -(int32_t)(word >> i & 1);
        }
    }
    return sum;
}
static Status sum_i32_dense(void *state, const AggregateInput *input, Error *err) {
    const Vector *vector = &input->args[0];
    IntegerSum *into = state;
    if (input->selection || vector->encoding != VECTOR_FLAT) return sum_i32_single(state, input, err);
    into->count += vector->validity ? (int64_t)bitmap_count(vector->validity, (size_t)input->row_count)
                                    : input->row_count;
    int64_t sum = batch_sum_i32(vector->values, vector->validity, input->row_count);
    return __builtin_add_overflow(into->sum, sum, &into->sum) ? bigint_range(err) : STATUS_OK;
}
static Status integer_sum_combine(void *into, const void *from, Arena *arena, Error *err) {
    IntegerSum *left = into;
    const IntegerSum *right = from;
    left->count += right->count;
    return __builtin_add_overflow(left->sum, right->sum, &left->sum) ? bigint_range(err) : STATUS_OK;
}
static Status integer_sum_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                                   Error *err) {
    for (int i = 0; i < count; i++) {
        const IntegerSum *state = (const IntegerSum *)(states + (size_t)i * stride);
        ((int64_t *)out->values)[i] = state->sum;
        if (state->count == 0) bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
    }
    return STATUS_OK;
}
static Status integer_avg_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                                   Error *err) {
    for (int i = 0; i < count; i++) {
        const IntegerSum *state = (const IntegerSum *)(states + (size_t)i * stride);
        Numeric average = numeric_make(0, 0);
        if (state->count == 0)
            bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
        else if (!numeric_divide(numeric_make(state->sum, 0), numeric_make(state->count, 0), &average))
            return numeric_overflow(err);
        TRY(numeric_store(out, i, average, err));
    }
    return STATUS_OK;
}

/* ---- sum and avg of int8 and numeric
 * ------------------------------------------------------------------------- */

typedef struct NumericSum {
    Int128 sum;
    int64_t count;
    int32_t scale;
    uint32_t specials; /* bits 1 << (special + 1) of the values seen that are not finite */
} NumericSum;

KERNEL_INLINE bool numeric_sum_add(NumericSum *state, Int128 value, int scale) {
    state->count++;
    state->scale = scale;
    return __builtin_add_overflow(state->sum, value, &state->sum);
}
static bool numeric_sum_any(NumericSum *state, Numeric value) {
    state->count++;
    if (value.special) {
        state->specials |= 1u << (value.special + 1);
        return false;
    }
    Numeric sum;
    if (!numeric_add(numeric_make(state->sum, state->scale), value, &sum)) return true;
    state->sum = sum.value;
    state->scale = sum.scale;
    return false;
}
#define AGG_NAME(name)               sum_i64_##name
#define AGG_STATE                    NumericSum
#define AGG_VALUE                    int64_t
#define AGG_ADD(state, value, input) numeric_sum_add(state, value, (input)->args[0].type.scale)
#define AGG_RAISE                    numeric_overflow
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               sum_i128_##name
#define AGG_STATE                    NumericSum
#define AGG_VALUE                    Int128
#define AGG_ADD(state, value, input) numeric_sum_add(state, value, (input)->args[0].type.scale)
#define AGG_RAISE                    numeric_overflow
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               sum_any_##name
#define AGG_STATE                    NumericSum
#define AGG_VALUE                    Numeric
#define AGG_ADD(state, value, input) numeric_sum_any(state, value)
#define AGG_RAISE                    numeric_overflow
#include "engines/columnar/kernels/aggregate_body.inc.c"

static Status numeric_sum_update(char *states, size_t stride, const uint32_t *groups,
                                 const AggregateInput *input, Error *err) {
    switch (input->args[0].physical) {
    case PHYS_I64: return sum_i64_update(states, stride, groups, input, err);
    case PHYS_I128: return sum_i128_update(states, stride, groups, input, err);
    default: return sum_any_update(states, stride, groups, input, err);
    }
}
/* Lower and upper halves each have their 64 bits, which a batch cannot fill: nothing to check inside. */
KERNEL_INLINE Int128 batch_sum_i64(const Vector *vector, const uint16_t *selection, int count) {
    bool coded = vector->encoding == VECTOR_DICTIONARY;
    const int64_t *values = coded ? vector->dictionary->values : vector->values;
    const uint32_t *codes = vector->codes;
    int64_t low = 0, high = 0;
    if (coded)
        for (int k = 0; k < count; k++) {
            int64_t value = values[codes[selection ? selection[k] : k]];
            low += (uint32_t)value;
            high += value >> 32;
        }
    else
        for (int k = 0; k < count; k++) {
            int64_t value = values[selection ? selection[k] : k];
            low += (uint32_t)value;
            high += value >> 32;
        }
    return (Int128)high * ((Int128)1 << 32) + low;
}
static Status numeric_sum_dense(void *state, const AggregateInput *input, Error *err) {
    const Vector *vector = &input->args[0];
    NumericSum *into = state;
    int count = input_rows(input);
    if (vector->validity || vector->encoding == VECTOR_CONSTANT || !count)
        return sum_i64_single(state, input, err);
    Int128 sum = input->selection ? batch_sum_i64(vector, input->selection, count)
                                  : batch_sum_i64(vector, NULL, count);
    into->count += count;
    into->scale = vector->type.scale;
    return __builtin_add_overflow(into->sum, sum, &into->sum) ? numeric_overflow(err) : STATUS_OK;
}
static Status numeric_sum_single(void *state, const AggregateInput *input, Error *err) {
    switch (input->args[0].physical) {
    case PHYS_I64: return numeric_sum_dense(state, input, err);
    case PHYS_I128: return sum_i128_single(state, input, err);
    default: return sum_any_single(state, input, err);
    }
}
static Status numeric_sum_combine(void *into, const void *from, Arena *arena, Error *err) {
    NumericSum *left = into;
    const NumericSum *right = from;
    Numeric sum;
    if (right->count == 0) return STATUS_OK;
    if (!numeric_add(numeric_make(left->sum, left->scale), numeric_make(right->sum, right->scale), &sum))
        return numeric_overflow(err);
    left->sum = sum.value;
    left->scale = sum.scale;
    left->count += right->count;
    left->specials |= right->specials;
    return STATUS_OK;
}
/* Infinities of both signs cancel each other out. */
static Numeric sum_of(const NumericSum *state) {
    if (state->specials == 1u << (NUMERIC_INFINITY + 1)) return numeric_infinity(false);
    if (state->specials == 1u << (NUMERIC_MINUS_INFINITY + 1)) return numeric_infinity(true);
    return state->specials ? numeric_nan() : numeric_make(state->sum, state->scale);
}
KERNEL_INLINE Status numeric_sum_results(const char *states, size_t stride, int count, Vector *out,
                                         Arena *arena, bool average, Error *err) {
    for (int i = 0; i < count; i++) {
        const NumericSum *state = (const NumericSum *)(states + (size_t)i * stride);
        Numeric result = sum_of(state);
        if (state->count == 0) {
            bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
            result = numeric_make(0, 0);
        } else if (average && !numeric_divide(result, numeric_make(state->count, 0), &result)) {
            return numeric_overflow(err);
        }
        TRY(numeric_store(out, i, result, err));
    }
    return STATUS_OK;
}
static Status numeric_sum_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                                   Error *err) {
    return numeric_sum_results(states, stride, count, out, arena, false, err);
}
static Status numeric_avg_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                                   Error *err) {
    return numeric_sum_results(states, stride, count, out, arena, true, err);
}
static SqlType numeric_sum_type(const SqlType *args, int arg_count) {
    if (args[0].id == SQL_INT8) return sqltype_numeric(NUMERIC_MAX_PRECISION, 0);
    return args[0].precision ? sqltype_numeric(NUMERIC_MAX_PRECISION, args[0].scale)
                             : sqltype_of(SQL_NUMERIC);
}

/* ---- floats and intervals
 * ------------------------------------------------------------------------------------- */

typedef struct FloatSum {
    double sum;
    int64_t count;
} FloatSum;
typedef struct Float4Sum {
    float sum;
    int32_t is_infinite;
    int64_t count;
} Float4Sum;

static Status float_sum_overflow(Error *err) {
    return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "value out of range: overflow");
}
/* Infinity may only come out when one went in. */
KERNEL_INLINE bool float_sum_add(FloatSum *state, double value) {
    double before = state->sum;
    state->count++;
    state->sum = before + value;
    return isinf(state->sum) && !isinf(before) && !isinf(value);
}
KERNEL_INLINE bool float4_sum_add(Float4Sum *state, float value) {
    float before = state->sum;
    state->count++;
    state->sum = before + value;
    return isinf(state->sum) && !isinf(before) && !isinf(value);
}
#define AGG_NAME(name)               sum_f64_##name
#define AGG_STATE                    FloatSum
#define AGG_VALUE                    double
#define AGG_ADD(state, value, input) float_sum_add(state, value)
#define AGG_RAISE                    float_sum_overflow
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               avg_f32_##name
#define AGG_STATE                    FloatSum
#define AGG_VALUE                    float
#define AGG_ADD(state, value, input) float_sum_add(state, value)
#define AGG_RAISE                    float_sum_overflow
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               sum_f32_##name
#define AGG_STATE                    Float4Sum
#define AGG_VALUE                    float
#define AGG_ADD(state, value, input) float4_sum_add(state, value)
#define AGG_RAISE                    float_sum_overflow
#include "engines/columnar/kernels/aggregate_body.inc.c"

static Status float_sum_combine(void *into, const void *from, Arena *arena, Error *err) {
    FloatSum *left = into;
    const FloatSum *right = from;
    int64_t count = left->count + right->count;
    if (right->count == 0) return STATUS_OK;
    bool bad = left->count ? float_sum_add(left, right->sum) : (left->sum = right->sum, false);
    left->count = count;
    return bad ? float_sum_overflow(err) : STATUS_OK;
}
static Status float4_sum_combine(void *into, const void *from, Arena *arena, Error *err) {
    Float4Sum *left = into;
    const Float4Sum *right = from;
    int64_t count = left->count + right->count;
    if (right->count == 0) return STATUS_OK;
    bool bad = left->count ? float4_sum_add(left, right->sum) : (left->sum = right->sum, false);
    left->count = count;
    return bad ? float_sum_overflow(err) : STATUS_OK;
}
KERNEL_INLINE Status float_results(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                                   bool average) {
    for (int i = 0; i < count; i++) {
        const FloatSum *state = (const FloatSum *)(states + (size_t)i * stride);
        ((double *)out->values)[i] = average ? state->sum / (double)state->count : state->sum;
        if (state->count == 0) bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
    }
    return STATUS_OK;
}
static Status float_sum_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                                 Error *err) {
    return float_results(states, stride, count, out, arena, false);
}
static Status float_avg_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                                 Error *err) {
    return float_results(states, stride, count, out, arena, true);
}
static Status float4_sum_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                                  Error *err) {
    for (int i = 0; i < count; i++) {
        const Float4Sum *state = (const Float4Sum *)(states + (size_t)i * stride);
        ((float *)out->values)[i] = state->sum;
        if (state->count == 0) bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
    }
    return STATUS_OK;
}

#define SUM_ROW(text, type, out, State, prefix, single, family, final)                                       \
    {                                                                                                        \
        .name = text, .arg_count = 1, .args = {type}, .result = out, .state_bytes = sizeof(State),           \
        .update = prefix##_update, .update_single = single, .combine = family##_combine, .finalize = final   \
    }
#define NUMERIC_ROW(text, type, typer, final)                                                                \
    {                                                                                                        \
        .name = text, .arg_count = 1, .args = {type}, .result = K_NUMERIC, .result_type = typer,             \
        .state_bytes = sizeof(NumericSum), .update = numeric_sum_update,                                     \
        .update_single = numeric_sum_single, .combine = numeric_sum_combine, .finalize = final,              \
        .any_form = true                                                                                     \
    }

static const AggregateFunction rows[] = {
    {.name = "count",
     .result = K_INT8,
     .state_bytes = sizeof(CountState),
     .update = count_star_update,
     .update_single = count_star_single,
     .combine = count_combine,
     .finalize = count_finalize},
    {.name = "count",
     .arg_count = 1,
     .args = {K_ANY},
     .result = K_INT8,
     .state_bytes = sizeof(CountState),
     .update = count_update,
     .update_single = count_single,
     .combine = count_combine,
     .finalize = count_finalize},
    SUM_ROW("sum", K_INT2, K_INT8, IntegerSum, sum_i16, sum_i16_single, integer_sum, integer_sum_finalize),
    SUM_ROW("sum", K_INT4, K_INT8, IntegerSum, sum_i32, sum_i32_dense, integer_sum, integer_sum_finalize),
    NUMERIC_ROW("sum", K_INT8, numeric_sum_type, numeric_sum_finalize),
    NUMERIC_ROW("sum", K_NUMERIC, numeric_sum_type, numeric_sum_finalize),
    SUM_ROW("sum", K_FLOAT4, K_FLOAT4, Float4Sum, sum_f32, sum_f32_single, float4_sum, float4_sum_finalize),
    SUM_ROW("sum", K_FLOAT8, K_FLOAT8, FloatSum, sum_f64, sum_f64_single, float_sum, float_sum_finalize),
    SUM_ROW("avg", K_INT2, K_NUMERIC, IntegerSum, sum_i16, sum_i16_single, integer_sum, integer_avg_finalize),
    SUM_ROW("avg", K_INT4, K_NUMERIC, IntegerSum, sum_i32, sum_i32_dense, integer_sum, integer_avg_finalize),
    NUMERIC_ROW("avg", K_INT8, NULL, numeric_avg_finalize),
    NUMERIC_ROW("avg", K_NUMERIC, NULL, numeric_avg_finalize),
    SUM_ROW("avg", K_FLOAT4, K_FLOAT8, FloatSum, avg_f32, avg_f32_single, float_sum, float_avg_finalize),
    SUM_ROW("avg", K_FLOAT8, K_FLOAT8, FloatSum, sum_f64, sum_f64_single, float_sum, float_avg_finalize),
};

AggregateTable number_aggregates(void) {
    return (AggregateTable){rows, (int)(sizeof rows / sizeof rows[0])};
}
