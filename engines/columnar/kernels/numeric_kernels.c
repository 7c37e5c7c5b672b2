/* numeric: result types that keep declared scales (so that sums of products stay in 64 or 128 bits), fast
 * loops for scaled integers, and one general path through Numeric for everything else. */
#include "engines/columnar/kernels/numeric_math.h"

/* ---- result types ---------------------------------------------------------------------------------------
 */

static SqlType numeric_or_free(int whole, int scale) {
    return whole + scale <= NUMERIC_MAX_PRECISION ? sqltype_numeric(whole + scale, scale)
                                                  : sqltype_of(SQL_NUMERIC);
}

static SqlType sum_type(const SqlType *args, int arg_count) {
    SqlType a = args[0], b = args[arg_count - 1];
    if (!a.precision || !b.precision) return sqltype_of(SQL_NUMERIC);
    int whole_a = a.precision - a.scale, whole_b = b.precision - b.scale;
    return numeric_or_free((whole_a > whole_b ? whole_a : whole_b) + 1,
                           a.scale > b.scale ? a.scale : b.scale);
}

static SqlType product_type(const SqlType *args, int arg_count) {
    SqlType a = args[0], b = args[arg_count - 1];
    if (!a.precision || !b.precision || a.precision + b.precision > NUMERIC_MAX_PRECISION)
        return sqltype_of(SQL_NUMERIC);
    return sqltype_numeric(a.precision + b.precision, a.scale + b.scale);
}

static SqlType same_type(const SqlType *args, int arg_count) {
    return args[0];
}
static SqlType whole_type(const SqlType *args, int arg_count) {
    if (!args[0].precision) return sqltype_of(SQL_NUMERIC);
    return numeric_or_free(args[0].precision - args[0].scale + 1, 0);
}
static SqlType free_type(const SqlType *args, int arg_count) {
    return sqltype_of(SQL_NUMERIC);
}

/* ---- fast loops over scaled integers ----------------------------------------------------------------------
 */

typedef enum FastOperation { FAST_ADD, FAST_SUBTRACT, FAST_MULTIPLY } FastOperation;

/* `operation`, `wide_*` and the steps are constants at every call: one tight loop each. The result type's
 * precision has room for every result, so nothing is checked. */
KERNEL_INLINE void fast_loop(FastOperation operation, const void *a, bool wide_a, size_t step_a,
                             Int128 factor_a, const void *b, bool wide_b, size_t step_b, Int128 factor_b,
                             void *out, bool wide_out, int rows) {
    for (int i = 0; i < rows; i++) {
        size_t ia = (size_t)i * step_a, ib = (size_t)i * step_b;
        if (!wide_out) {
            uint64_t left = (uint64_t)((const int64_t *)a)[ia], right = (uint64_t)((const int64_t *)b)[ib];
            uint64_t x = left * (uint64_t)factor_a, y = right * (uint64_t)factor_b;
            ((int64_t *)out)[i] = (int64_t)(operation == FAST_ADD        ? x + y
                                            : operation == FAST_SUBTRACT ? x - y
                                                                         : left * right);
            continue;
        }
        Int128 left = wide_a ? ((const Int128 *)a)[ia] : ((const int64_t *)a)[ia];
        Int128 right = wide_b ? ((const Int128 *)b)[ib] : ((const int64_t *)b)[ib];
        UInt128 x = (UInt128)left * (UInt128)factor_a, y = (UInt128)right * (UInt128)factor_b;
        ((Int128 *)out)[i] = (Int128)(operation == FAST_ADD        ? x + y
                                      : operation == FAST_SUBTRACT ? x - y
                                                                   : (UInt128)left * (UInt128)right);
    }
}

KERNEL_INLINE void fast_steps(FastOperation operation, const Vector *a, bool wide_a, Int128 factor_a,
                              const Vector *b, bool wide_b, Int128 factor_b, void *out, bool wide_out,
                              int rows) {
    bool constant_a = kernel_is_constant(a), constant_b = kernel_is_constant(b);
    if (constant_b && !constant_a)
        fast_loop(operation, a->values, wide_a, 1, factor_a, b->values, wide_b, 0, factor_b, out, wide_out,
                  rows);
    else if (constant_a && !constant_b)
        fast_loop(operation, a->values, wide_a, 0, factor_a, b->values, wide_b, 1, factor_b, out, wide_out,
                  rows);
    else if (constant_a)
        fast_loop(operation, a->values, wide_a, 0, factor_a, b->values, wide_b, 0, factor_b, out, wide_out,
                  rows);
    else if (factor_a == 1 && factor_b == 1)
        fast_loop(operation, a->values, wide_a, 1, 1, b->values, wide_b, 1, 1, out, wide_out, rows);
    else
        fast_loop(operation, a->values, wide_a, 1, factor_a, b->values, wide_b, 1, factor_b, out, wide_out,
                  rows);
}

/* The least n with every value within [-2^n, 2^n). Rows that do not count are looked at too: they are
 * computed like the others. */
static int value_bits(const Vector *vector, int rows) {
    int count = kernel_is_constant(vector) ? 1 : rows;
    uint64_t low = 0, high = 0;
    if (vector->physical == PHYS_I64) {
        const int64_t *values = vector->values;
        for (int i = 0; i < count; i++)
            low |= (uint64_t)values[i];
        if (low >> 63) {
            low = 0;
            for (int i = 0; i < count; i++)
                low |= (uint64_t)(values[i] < 0 ? ~values[i] : values[i]);
        }
    } else {
        const Int128 *values = vector->values;
        for (int i = 0; i < count; i++) {
            UInt128 folded = (UInt128)(values[i] < 0 ? ~values[i] : values[i]);
            low |= (uint64_t)folded;
            high |= (uint64_t)(folded >> 64);
        }
    }
    return high ? 128 - __builtin_clzll(high) : low ? 64 - __builtin_clzll(low) : 0;
}

/* Up to 10^38, which has 127 bits. */
static int power_bits(int power) {
    UInt128 factor = (UInt128)power_of_ten[power];
    uint64_t high = (uint64_t)(factor >> 64);
    return power == 0 ? 0 : high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)factor);
}

/* Where declared precisions ask for 128 bits, or for no fixed form at all, the values of most batches leave
 * room in 64: gives `out` the narrowest form that the batch's values prove enough. */
static void narrow_result(FastOperation operation, const KernelCall *call) {
    enum { NARROW_DIGITS = 18 };
    const Vector *a = &call->args[0], *b = &call->args[1];
    Vector *out = call->out;
    if (a->physical == PHYS_NUMERIC || b->physical == PHYS_NUMERIC || out->physical == PHYS_I64) return;
    int scale_a = a->type.scale, scale_b = b->type.scale, bits;
    int scale = scale_a > scale_b ? scale_a : scale_b;
    if (operation == FAST_MULTIPLY) scale = scale_a + scale_b;
    if (scale > NUMERIC_MAX_PRECISION) return;
    int bits_a = value_bits(a, call->row_count), bits_b = value_bits(b, call->row_count);
    if (operation == FAST_MULTIPLY) {
        bits = bits_a + bits_b + 1; /* -2^n times -2^n is just outside */
    } else {
        bits_a += power_bits(scale - scale_a);
        bits_b += power_bits(scale - scale_b);
        bits = (bits_a > bits_b ? bits_a : bits_b) + 1;
    }
    bool both_narrow = a->physical == PHYS_I64 && b->physical == PHYS_I64;
    if (bits <= 63 && both_narrow && scale <= NARROW_DIGITS)
        out->type = sqltype_numeric(NARROW_DIGITS, scale);
    else if (bits <= 127 && out->physical == PHYS_NUMERIC)
        out->type = sqltype_numeric(NUMERIC_MAX_PRECISION, scale);
    out->physical = (uint8_t)physical_type_of(out->type);
}

/* True when both arguments are scaled integers and the result type is one too: then it is done. */
KERNEL_INLINE bool fast_arithmetic(FastOperation operation, const KernelCall *call) {
    const Vector *a = &call->args[0], *b = &call->args[1];
    Vector *out = call->out;
    if (call->narrow) narrow_result(operation, call);
    if (a->physical == PHYS_NUMERIC || b->physical == PHYS_NUMERIC || out->physical == PHYS_NUMERIC)
        return false;
    int scale = out->type.scale;
    Int128 factor_a = operation == FAST_MULTIPLY ? 1 : power_of_ten[scale - a->type.scale];
    Int128 factor_b = operation == FAST_MULTIPLY ? 1 : power_of_ten[scale - b->type.scale];
    bool wide_a = a->physical == PHYS_I128, wide_b = b->physical == PHYS_I128;
    int rows = call->row_count;
    if (out->physical == PHYS_I64)
        fast_steps(operation, a, false, factor_a, b, false, factor_b, out->values, false, rows);
    else if (!wide_a && !wide_b)
        fast_steps(operation, a, false, factor_a, b, false, factor_b, out->values, true, rows);
    else if (wide_a && !wide_b)
        fast_steps(operation, a, true, factor_a, b, false, factor_b, out->values, true, rows);
    else if (!wide_a)
        fast_steps(operation, a, false, factor_a, b, true, factor_b, out->values, true, rows);
    else
        fast_steps(operation, a, true, factor_a, b, true, factor_b, out->values, true, rows);
    return true;
}

/* ---- the general path
 * --------------------------------------------------------------------------------------- */

typedef bool (*NumericBinary)(Numeric a, Numeric b, Numeric *out);
typedef bool (*NumericUnary)(Numeric value, Numeric *out);

KERNEL_INLINE Status general_binary(const KernelCall *call, NumericBinary compute, bool divides, Error *err) {
    const Numeric *a = numeric_rows(&call->args[0], call), *b = numeric_rows(&call->args[1], call);
    size_t step_a = !kernel_is_constant(&call->args[0]), step_b = !kernel_is_constant(&call->args[1]);
    KERNEL_ROWS(call, row) {
        const Numeric *right = &b[(size_t)row * step_b];
        if (divides && right->value == 0 && !right->special && a[(size_t)row * step_a].special != NUMERIC_NAN)
            return error_set(err, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
        Numeric result;
        if (!compute(a[(size_t)row * step_a], *right, &result)) return numeric_overflow(err);
        TRY(numeric_store(call->out, row, result, err));
    }
    return STATUS_OK;
}

KERNEL_INLINE Status general_unary(const KernelCall *call, NumericUnary compute, Error *err) {
    const Numeric *a = numeric_rows(&call->args[0], call);
    size_t step = !kernel_is_constant(&call->args[0]);
    KERNEL_ROWS(call, row) {
        Numeric result;
        if (!compute(a[(size_t)row * step], &result)) return numeric_overflow(err);
        TRY(numeric_store(call->out, row, result, err));
    }
    return STATUS_OK;
}

static Status kernel_numeric_add(const KernelCall *call, Error *err) {
    return fast_arithmetic(FAST_ADD, call) ? STATUS_OK : general_binary(call, numeric_add, false, err);
}
static Status kernel_numeric_subtract(const KernelCall *call, Error *err) {
    return fast_arithmetic(FAST_SUBTRACT, call) ? STATUS_OK
                                                : general_binary(call, numeric_subtract, false, err);
}
static Status kernel_numeric_multiply(const KernelCall *call, Error *err) {
    return fast_arithmetic(FAST_MULTIPLY, call) ? STATUS_OK
                                                : general_binary(call, numeric_multiply, false, err);
}
static Status kernel_numeric_divide(const KernelCall *call, Error *err) {
    return general_binary(call, numeric_divide, true, err);
}
static Status kernel_numeric_div(const KernelCall *call, Error *err) {
    return general_binary(call, numeric_divide_truncate, true, err);
}
static Status kernel_numeric_mod(const KernelCall *call, Error *err) {
    return general_binary(call, numeric_modulo, true, err);
}

static bool negate(Numeric value, Numeric *out) {
    *out = value;
    if (value.special && value.special != NUMERIC_NAN) out->special = -value.special;
    return value.special || !__builtin_sub_overflow((Int128)0, value.value, &out->value);
}
static bool absolute(Numeric value, Numeric *out) {
    *out = value;
    return numeric_sign(value) >= 0 || negate(value, out);
}
static bool sign(Numeric value, Numeric *out) {
    *out = value.special == NUMERIC_NAN ? value : numeric_make(numeric_sign(value), 0);
    return true;
}
static bool identity(Numeric value, Numeric *out) {
    *out = value;
    return true;
}
static bool round_whole(Numeric value, Numeric *out) {
    return numeric_rescale(value, 0, out);
}
static bool truncate_whole(Numeric value, Numeric *out) {
    return numeric_truncate(value, 0, out);
}

static Status kernel_numeric_negate(const KernelCall *call, Error *err) {
    return general_unary(call, negate, err);
}
static Status kernel_numeric_plus(const KernelCall *call, Error *err) {
    return general_unary(call, identity, err);
}
static Status kernel_numeric_abs(const KernelCall *call, Error *err) {
    return general_unary(call, absolute, err);
}
static Status kernel_numeric_sign(const KernelCall *call, Error *err) {
    return general_unary(call, sign, err);
}
static Status kernel_numeric_ceil(const KernelCall *call, Error *err) {
    return general_unary(call, numeric_ceiling, err);
}
static Status kernel_numeric_floor(const KernelCall *call, Error *err) {
    return general_unary(call, numeric_floor, err);
}
static Status kernel_numeric_round(const KernelCall *call, Error *err) {
    return general_unary(call, round_whole, err);
}
static Status kernel_numeric_trunc(const KernelCall *call, Error *err) {
    return general_unary(call, truncate_whole, err);
}

/* A negative scale rounds left of the point and shows no fraction. */
static bool at_scale(Numeric value, int scale, bool round, Numeric *out) {
    if (value.special) return identity(value, out);
    int clamped = scale < -2000 ? -2000 : scale > 2000 ? 2000 : scale;
    bool fits = round ? numeric_rescale(value, clamped, out) : numeric_truncate(value, clamped, out);
    return fits && (clamped >= 0 || numeric_rescale(*out, 0, out)) && out->scale <= NUMERIC_MAX_SCALE;
}

KERNEL_INLINE Status with_scale(const KernelCall *call, bool round, Error *err) {
    const Numeric *a = numeric_rows(&call->args[0], call);
    KERNEL_ROWS(call, row) {
        Numeric result;
        if (!at_scale(a[kernel_index(&call->args[0], row)], KERNEL_ARG(call, 1, int32_t, row), round,
                      &result))
            return numeric_overflow(err);
        TRY(numeric_store(call->out, row, result, err));
    }
    return STATUS_OK;
}
static Status kernel_numeric_round_to(const KernelCall *call, Error *err) {
    return with_scale(call, true, err);
}
static Status kernel_numeric_trunc_to(const KernelCall *call, Error *err) {
    return with_scale(call, false, err);
}

static Status kernel_numeric_sqrt(const KernelCall *call, Error *err) {
    const Numeric *a = numeric_rows(&call->args[0], call);
    KERNEL_ROWS(call, row) {
        if (kernel_is_stopped()) return STATUS_OK;
        Numeric value = a[kernel_index(&call->args[0], row)], result;
        if (numeric_sign(value) < 0)
            return error_set(err, "2201F", "cannot take square root of a negative number");
        if (!numeric_square_root(value, &result)) return numeric_overflow(err);
        TRY(numeric_store(call->out, row, result, err));
    }
    return STATUS_OK;
}

static Status kernel_numeric_scale(const KernelCall *call, Error *err) {
    const Numeric *a = numeric_rows(&call->args[0], call);
    int32_t *out = call->out->values;
    (void)err;
    KERNEL_ROWS(call, row) {
        Numeric value = a[kernel_index(&call->args[0], row)];
        out[row] = value.scale;
        if (value.special) kernel_set_null(call, row);
    }
    return STATUS_OK;
}

static bool trim_scale(Numeric value, Numeric *out) {
    while (!value.special && value.scale > 0 && value.value % 10 == 0)
        value = numeric_make(value.value / 10, value.scale - 1);
    return identity(value, out);
}
static Status kernel_numeric_trim_scale(const KernelCall *call, Error *err) {
    return general_unary(call, trim_scale, err);
}

/* The scale is the wider one of both. */
static bool common_divisor(Numeric a, Numeric b, Numeric *out) {
    int scale = a.scale > b.scale ? a.scale : b.scale;
    while (!a.special && !b.special && b.value != 0) {
        Numeric rest;
        if (!numeric_modulo(a, b, &rest)) return false;
        a = b;
        b = rest;
    }
    if (b.special) a = b;
    if (a.special) {
        *out = numeric_nan();
        return true;
    }
    return absolute(a, out) && numeric_rescale(*out, scale, out);
}
static bool common_multiple(Numeric a, Numeric b, Numeric *out) {
    int scale = a.scale > b.scale ? a.scale : b.scale;
    Numeric divisor, quotient;
    *out = numeric_nan();
    if (a.special || b.special) return true;
    *out = numeric_make(0, scale);
    if (a.value == 0 || b.value == 0) return true;
    return common_divisor(a, b, &divisor) && numeric_divide_truncate(a, divisor, &quotient) &&
           numeric_multiply(quotient, b, out) && absolute(*out, out) && numeric_rescale(*out, scale, out);
}
static Status kernel_numeric_gcd(const KernelCall *call, Error *err) {
    return general_binary(call, common_divisor, false, err);
}
static Status kernel_numeric_lcm(const KernelCall *call, Error *err) {
    return general_binary(call, common_multiple, false, err);
}

static Status kernel_numeric_width_bucket(const KernelCall *call, Error *err) {
    const Numeric *operand = numeric_rows(&call->args[0], call), *low = numeric_rows(&call->args[1], call);
    const Numeric *high = numeric_rows(&call->args[2], call);
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        Numeric x = operand[kernel_index(&call->args[0], row)], l = low[kernel_index(&call->args[1], row)];
        Numeric h = high[kernel_index(&call->args[2], row)], span, offset, buckets;
        int32_t count = KERNEL_ARG(call, 3, int32_t, row);
        if (count <= 0) return error_set(err, "2201G", "count must be greater than zero");
        if (x.special == NUMERIC_NAN || l.special == NUMERIC_NAN || h.special == NUMERIC_NAN)
            return error_set(err, "2201G", "operand, lower bound, and upper bound cannot be NaN");
        if (l.special || h.special) return error_set(err, "2201G", "lower and upper bounds must be finite");
        int order = numeric_compare(l, h);
        if (order == 0) return error_set(err, "2201G", "lower bound cannot equal upper bound");
        bool below = order < 0 ? numeric_compare(x, l) < 0 : numeric_compare(x, l) > 0;
        bool above = order < 0 ? numeric_compare(x, h) >= 0 : numeric_compare(x, h) <= 0;
        if (above && count == INT32_MAX)
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "integer out of range");
        if (below || above) {
            out[row] = below ? 0 : count + 1;
            continue;
        }
        if (!numeric_subtract(h, l, &span) || !numeric_subtract(x, l, &offset) ||
            !numeric_multiply(offset, numeric_make(count, 0), &offset) ||
            !numeric_divide_truncate(offset, span, &buckets))
            return numeric_overflow(err);
        out[row] = (int32_t)buckets.value + 1;
    }
    return STATUS_OK;
}

static Status kernel_numeric_min_scale(const KernelCall *call, Error *err) {
    const Numeric *a = numeric_rows(&call->args[0], call);
    int32_t *out = call->out->values;
    (void)err;
    KERNEL_ROWS(call, row) {
        Numeric trimmed;
        (void)trim_scale(a[kernel_index(&call->args[0], row)], &trimmed);
        out[row] = trimmed.scale;
        if (trimmed.special) kernel_set_null(call, row);
    }
    return STATUS_OK;
}

static Status kernel_factorial(const KernelCall *call, Error *err) {
    KERNEL_ROWS(call, row) {
        int64_t n = KERNEL_ARG(call, 0, int64_t, row);
        Int128 product = 1;
        if (n < 0)
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE,
                             "factorial of a negative number is undefined");
        if (n > 33) return numeric_overflow(err); /* 33! is the last of 127 bits */
        for (int i = 2; i <= n; i++)
            product *= i;
        TRY(numeric_store(call->out, row, numeric_make(product, 0), err));
    }
    return STATUS_OK;
}

#define N K_NUMERIC
#define NARROWING_FN(text, function, typer)                                                                  \
    {                                                                                                        \
        .name = text, .arg_count = 2, .args = {N, N}, .result_type = typer, .strict = true, .narrows = true, \
        .eval = function                                                                                     \
    }

static const ScalarFunction rows[] = {
    NARROWING_FN("+", kernel_numeric_add, sum_type),
    NARROWING_FN("-", kernel_numeric_subtract, sum_type),
    NARROWING_FN("*", kernel_numeric_multiply, product_type),
    KERNEL_FN_TYPED("/", kernel_numeric_divide, free_type, N, N),
    KERNEL_FN_TYPED("%", kernel_numeric_mod, free_type, N, N),
    KERNEL_FN_TYPED("mod", kernel_numeric_mod, free_type, N, N),
    KERNEL_FN_TYPED("div", kernel_numeric_div, free_type, N, N),
    KERNEL_FN_TYPED("-", kernel_numeric_negate, same_type, N),
    KERNEL_FN_TYPED("+", kernel_numeric_plus, same_type, N),
    KERNEL_FN_TYPED("abs", kernel_numeric_abs, same_type, N),
    KERNEL_FN_TYPED("@", kernel_numeric_abs, same_type, N),
    KERNEL_FN_TYPED("sign", kernel_numeric_sign, whole_type, N),
    KERNEL_FN_TYPED("ceil", kernel_numeric_ceil, whole_type, N),
    KERNEL_FN_TYPED("ceiling", kernel_numeric_ceil, whole_type, N),
    KERNEL_FN_TYPED("floor", kernel_numeric_floor, whole_type, N),
    KERNEL_FN_TYPED("round", kernel_numeric_round, whole_type, N),
    KERNEL_FN_TYPED("trunc", kernel_numeric_trunc, whole_type, N),
    KERNEL_FN_TYPED("round", kernel_numeric_round_to, free_type, N, K_INT4),
    KERNEL_FN_TYPED("trunc", kernel_numeric_trunc_to, free_type, N, K_INT4),
    KERNEL_FN_TYPED("sqrt", kernel_numeric_sqrt, free_type, N),
    KERNEL_FN_TYPED("gcd", kernel_numeric_gcd, free_type, N, N),
    KERNEL_FN_TYPED("trim_scale", kernel_numeric_trim_scale, free_type, N),
    KERNEL_FN_TYPED("factorial", kernel_factorial, free_type, K_INT8),
    KERNEL_FN_TYPED("lcm", kernel_numeric_lcm, free_type, N, N),
    KERNEL_FN_RAISES("scale", kernel_numeric_scale, K_INT4, N),
    KERNEL_FN_RAISES("min_scale", kernel_numeric_min_scale, K_INT4, N),
    KERNEL_FN_RAISES("width_bucket", kernel_numeric_width_bucket, K_INT4, N, N, N, K_INT4),
};

FunctionTable numeric_functions(void) {
    return KERNEL_TABLE(rows);
}
