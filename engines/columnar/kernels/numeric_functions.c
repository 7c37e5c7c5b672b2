/* exp, ln, log and power of numerics. PostgreSQL's result is the value rounded at a scale it chooses from
 * estimates of the result's weight; the series and their working scales here are chosen so that the digits
 * are its digits. A result beyond 127 bits is 22003. */
#include <math.h>

#include "engines/columnar/kernels/big_decimal.h"

enum {
    SIGNIFICANT_DIGITS = 16, /* what PostgreSQL gives results at least */
    RESULT_LIMIT = 6000,     /* |x| of exp(x) beyond which it gives up */
    SERIES_GUARD = 8
};
#define LOG10_E 0.434294481903252
#define LOG10_2 0.301029995663981
#define LN_10   2.302585092994046

typedef enum MathResult {
    MATH_OK,
    MATH_TOO_LONG,
    MATH_ZERO_LOG,
    MATH_NEGATIVE_LOG,
    MATH_DIVISION,
    MATH_COMPLEX,
    MATH_ZERO_POWER
} MathResult;

static int clamp_scale(int scale, int at_least, int also_at_least) {
    scale = scale < at_least ? at_least : scale;
    scale = scale < also_at_least ? also_at_least : scale;
    return scale < 0 ? 0 : scale > NUMERIC_MAX_SCALE ? NUMERIC_MAX_SCALE : scale;
}
static int not_negative(int scale) {
    return scale < 0 ? 0 : scale;
}
static void set_zero(BigDecimal *out, int scale) {
    big_from_int(0, out);
    out->scale = scale;
}

/* x halved until it is at most 0.01, its Taylor series, then squared as often. */
static MathResult big_exp(const BigDecimal *arg, int scale, BigDecimal *out) {
    BigDecimal x, term, one;
    big_copy(&x, arg);
    double value = big_to_double(&x);
    if (fabs(value) >= RESULT_LIMIT) {
        if (value > 0) return MATH_TOO_LONG;
        set_zero(out, scale);
        return MATH_OK;
    }
    int weight = (int)(value * LOG10_E), halvings = 0;
    if (weight > 40) return MATH_TOO_LONG;
    while (fabs(value) > 0.01) {
        halvings++;
        value /= 2;
    }
    if (halvings && !big_divide_int(&x, (int64_t)1 << halvings, x.scale + halvings, &x)) return MATH_TOO_LONG;
    int digits = not_negative(1 + weight + scale + (int)(halvings * LOG10_2)) + SERIES_GUARD,
        working = digits - 1;
    big_from_int(1, &one);
    if (!big_add(&one, &x, out) || !big_multiply(&x, &x, working, &term) ||
        !big_divide_int(&term, 2, working, &term))
        return MATH_TOO_LONG;
    for (int n = 3; !big_is_zero(&term); n++)
        if (!big_add(out, &term, out) || !big_multiply(&term, &x, working, &term) ||
            !big_divide_int(&term, n, working, &term))
            return MATH_TOO_LONG;
    while (halvings-- > 0) { /* the weight doubles with each step, so the scale may shrink */
        working = not_negative(digits - out->weight * 2 * BIG_GROUP);
        if (!big_multiply(out, out, working, out)) return MATH_TOO_LONG;
    }
    return big_round(out, scale) ? MATH_OK : MATH_TOO_LONG;
}

static void bounds_of_series(BigDecimal *low, BigDecimal *high) {
    big_from_numeric(numeric_make(9, 1), low);
    big_from_numeric(numeric_make(11, 1), high);
}

/* Square roots until 0.9 < x < 1.1, then the series of 2 artanh((x - 1) / (x + 1)). */
static MathResult big_ln(const BigDecimal *arg, int scale, BigDecimal *out) {
    BigDecimal x, low, high, one, power, square, term, factor;
    if (big_is_zero(arg)) return MATH_ZERO_LOG;
    if (arg->negative) return MATH_NEGATIVE_LOG;
    big_copy(&x, arg);
    bounds_of_series(&low, &high);
    int roots = 0;
    while (big_compare(&x, &low) <= 0 || big_compare(&x, &high) >= 0) {
        int working = scale - x.weight * BIG_GROUP / 2 + SERIES_GUARD;
        if (!big_square_root(&x, not_negative(working), &x) || big_is_zero(&x)) return MATH_TOO_LONG;
        roots++;
    }
    int working = scale + (int)((roots + 1) * LOG10_2) + SERIES_GUARD;
    big_from_int(1, &one);
    if (!big_subtract(&x, &one, out) || !big_add(&x, &one, &term) || !big_divide(out, &term, working, out))
        return MATH_TOO_LONG;
    big_copy(&power, out);
    if (!big_multiply(out, out, working, &square)) return MATH_TOO_LONG;
    for (int n = 3;; n += 2) {
        if (!big_multiply(&power, &square, working, &power) || !big_divide_int(&power, n, working, &term))
            return MATH_TOO_LONG;
        if (big_is_zero(&term)) break;
        if (!big_add(out, &term, out)) return MATH_TOO_LONG;
        if (term.weight < out->weight - working * 2 / BIG_GROUP) break;
    }
    big_from_int((int64_t)2 << roots, &factor);
    return big_multiply(out, &factor, scale, out) ? MATH_OK : MATH_TOO_LONG;
}

/* Decimal weight of ln(x), from its first digits; from x - 1 where x is near 1. */
static int ln_weight(const BigDecimal *x) {
    BigDecimal low, high, one, rest;
    if (x->negative || x->count == 0) return 0;
    bounds_of_series(&low, &high);
    if (big_compare(x, &low) >= 0 && big_compare(x, &high) <= 0) {
        big_from_int(1, &one);
        if (!big_subtract(x, &one, &rest) || rest.count == 0) return 0;
        return rest.weight * BIG_GROUP + (int)log10(rest.digits[0]);
    }
    int digits = x->digits[0], weight = x->weight * BIG_GROUP;
    if (x->count > 1) {
        digits = digits * BIG_BASE + x->digits[1];
        weight -= BIG_GROUP;
    }
    return (int)log10(fabs(log((double)digits) + weight * LN_10));
}

static MathResult exp_of(Numeric value, Numeric *out) {
    BigDecimal arg, result;
    big_from_numeric(value, &arg);
    double weight = big_to_double(&arg) * LOG10_E;
    weight = weight < -2000 ? -2000 : weight > 2000 ? 2000 : weight;
    int scale = clamp_scale(SIGNIFICANT_DIGITS - (int)weight, value.scale, 0);
    MathResult made = big_exp(&arg, scale, &result);
    return made != MATH_OK ? made : big_to_numeric(&result, out) ? MATH_OK : MATH_TOO_LONG;
}

static MathResult ln_of(Numeric value, Numeric *out) {
    BigDecimal arg, result;
    big_from_numeric(value, &arg);
    int scale = clamp_scale(SIGNIFICANT_DIGITS - ln_weight(&arg), value.scale, 0);
    MathResult made = big_ln(&arg, scale, &result);
    return made != MATH_OK ? made : big_to_numeric(&result, out) ? MATH_OK : MATH_TOO_LONG;
}

static MathResult log_of(Numeric base, Numeric value, Numeric *out) {
    BigDecimal big_base, big_value, ln_base, ln_value, result;
    big_from_numeric(base, &big_base);
    big_from_numeric(value, &big_value);
    int base_weight = ln_weight(&big_base), value_weight = ln_weight(&big_value),
        weight = value_weight - base_weight;
    int scale = clamp_scale(SIGNIFICANT_DIGITS - weight, base.scale, value.scale);
    MathResult made = big_ln(&big_base, not_negative(scale + weight - base_weight + SERIES_GUARD), &ln_base);
    if (made != MATH_OK) return made;
    made = big_ln(&big_value, not_negative(scale + weight - value_weight + SERIES_GUARD), &ln_value);
    if (made != MATH_OK) return made;
    if (big_is_zero(&ln_base)) return MATH_DIVISION;
    return big_divide(&ln_value, &ln_base, scale, &result) && big_to_numeric(&result, out) ? MATH_OK
                                                                                           : MATH_TOO_LONG;
}

/* ---- power
 * ------------------------------------------------------------------------------------------------------- */

/* Decimal weight of base^exponent. */
static double power_weight(const BigDecimal *base, int exponent) {
    double first = base->digits[0];
    int places = base->weight * BIG_GROUP;
    for (int i = 1; i < base->count && i * BIG_GROUP < 16; i++) {
        first = first * BIG_BASE + base->digits[i];
        places -= BIG_GROUP;
    }
    return exponent * (log10(first) + places);
}

/* Squares and multiplies, keeping a fixed number of digits. */
static MathResult raise(const BigDecimal *base, int exponent, int scale, double weight, BigDecimal *out) {
    BigDecimal power, one;
    int digits = 1 + scale + (int)weight + (int)log(fabs((double)exponent)) + SERIES_GUARD;
    unsigned bits = exponent < 0 ? 0u - (unsigned)exponent : (unsigned)exponent;
    big_from_int(1, &one);
    big_copy(&power, base);
    big_copy(out, bits & 1 ? base : &one);
    while ((bits >>= 1) > 0) {
        int working = digits - 2 * power.weight * BIG_GROUP;
        working = not_negative(working < 2 * power.scale ? working : 2 * power.scale);
        if (!big_multiply(&power, &power, working, &power)) return MATH_TOO_LONG;
        if (bits & 1) {
            working = digits - (power.weight + out->weight) * BIG_GROUP;
            int both = power.scale + out->scale;
            if (!big_multiply(&power, out, not_negative(working < both ? working : both), out))
                return MATH_TOO_LONG;
        }
        if (power.weight > 400 || out->weight > 400) { /* far beyond 127 bits, or nothing at this scale */
            if (exponent > 0) return MATH_TOO_LONG;
            set_zero(out, scale);
            return MATH_OK;
        }
    }
    if (exponent > 0) return big_round(out, scale) ? MATH_OK : MATH_TOO_LONG;
    if (big_is_zero(out)) return MATH_TOO_LONG;
    return big_divide(&one, out, scale, out) ? MATH_OK : MATH_TOO_LONG;
}

static MathResult power_of_integer(const BigDecimal *base, int exponent, int scale, BigDecimal *out) {
    BigDecimal one;
    big_from_int(1, &one);
    if (exponent == 0) {
        big_copy(out, &one);
        out->scale = scale;
        return MATH_OK;
    }
    if (exponent == 1) {
        big_copy(out, base);
        return big_round(out, scale) ? MATH_OK : MATH_TOO_LONG;
    }
    if (big_is_zero(base)) {
        if (exponent < 0) return MATH_DIVISION;
        set_zero(out, scale);
        return MATH_OK;
    }
    if (exponent == -1) return big_divide(&one, base, scale, out) ? MATH_OK : MATH_TOO_LONG;
    if (exponent == 2) return big_multiply(base, base, scale, out) ? MATH_OK : MATH_TOO_LONG;
    double weight = power_weight(base, exponent);
    if (weight > 60) return MATH_TOO_LONG;
    if (weight + 1 < -scale || weight + 1 < -NUMERIC_MAX_SCALE) {
        set_zero(out, scale);
        return MATH_OK;
    }
    return raise(base, exponent, scale, weight, out);
}

static bool is_whole(const BigDecimal *value) {
    return value->count <= value->weight + 1;
}

/* e^(exponent × ln(base)), after an estimate of its weight. */
static MathResult power_of_any(BigDecimal *base, const BigDecimal *exponent, BigDecimal *out) {
    BigDecimal logarithm, product;
    bool negative = base->negative && exponent->count == exponent->weight + 1 &&
                    exponent->digits[exponent->count - 1] & 1;
    base->negative = false;
    int weight = ln_weight(base), working = not_negative(8 - weight);
    MathResult made = big_ln(base, working, &logarithm);
    if (made != MATH_OK) return made;
    if (!big_multiply(&logarithm, exponent, working, &product)) return MATH_TOO_LONG;
    double value = big_to_double(&product);
    if (fabs(value) > RESULT_LIMIT * 1.00333333) {
        if (value > 0) return MATH_TOO_LONG;
        set_zero(out, NUMERIC_MAX_SCALE);
        return MATH_OK;
    }
    value *= LOG10_E;
    int scale = clamp_scale(SIGNIFICANT_DIGITS - (int)value, base->scale, exponent->scale);
    working = not_negative(not_negative(scale + (int)value) - weight + SERIES_GUARD);
    made = big_ln(base, working, &logarithm);
    if (made != MATH_OK) return made;
    if (!big_multiply(&logarithm, exponent, working, &product)) return MATH_TOO_LONG;
    made = big_exp(&product, scale, out);
    if (made == MATH_OK && negative && !big_is_zero(out)) out->negative = true;
    return made;
}

static MathResult power_of(Numeric base, Numeric exponent, Numeric *out) {
    BigDecimal big_base, big_exponent, result;
    Numeric whole;
    big_from_numeric(base, &big_base);
    big_from_numeric(exponent, &big_exponent);
    if (base.value == 0 && exponent.value < 0) return MATH_ZERO_POWER;
    if (base.value < 0 && !is_whole(&big_exponent)) return MATH_COMPLEX;
    MathResult made;
    if (is_whole(&big_exponent) && numeric_truncate(exponent, 0, &whole) &&
        whole.value == (int32_t)whole.value)
        made = power_of_integer(&big_base, (int)whole.value, clamp_scale(SIGNIFICANT_DIGITS, base.scale, 0),
                                &result);
    else if (base.value == 0) {
        *out = numeric_make(0, SIGNIFICANT_DIGITS);
        return MATH_OK;
    } else
        made = power_of_any(&big_base, &big_exponent, &result);
    return made != MATH_OK ? made : big_to_numeric(&result, out) ? MATH_OK : MATH_TOO_LONG;
}

/* ---- kernels
 * ----------------------------------------------------------------------------------------------------- */

static Status math_error(MathResult result, Error *err) {
    switch (result) {
    case MATH_OK: return STATUS_OK;
    case MATH_ZERO_LOG: return error_set(err, "2201E", "cannot take logarithm of zero");
    case MATH_NEGATIVE_LOG: return error_set(err, "2201E", "cannot take logarithm of a negative number");
    case MATH_DIVISION: return error_set(err, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
    case MATH_COMPLEX:
        return error_set(err, "2201F",
                         "a negative number raised to a non-integer power yields a complex result");
    case MATH_ZERO_POWER: return error_set(err, "2201F", "zero raised to a negative power is undefined");
    default: return numeric_overflow(err);
    }
}

typedef MathResult (*MathUnary)(Numeric value, Numeric *out);
typedef MathResult (*MathBinary)(Numeric a, Numeric b, Numeric *out);

static Status unary_rows(const KernelCall *call, MathUnary compute, Error *err) {
    const Numeric *a = numeric_rows(&call->args[0], call);
    KERNEL_ROWS(call, row) {
        if (kernel_is_stopped()) return STATUS_OK;
        Numeric value = a[kernel_index(&call->args[0], row)], result = value;
        if (!value.special) TRY(math_error(compute(value, &result), err));
        if (value.special == NUMERIC_MINUS_INFINITY) {
            if (compute != exp_of) return math_error(MATH_NEGATIVE_LOG, err);
            result = numeric_make(0, 0);
        }
        TRY(numeric_store(call->out, row, result, err));
    }
    return STATUS_OK;
}
static Status binary_rows(const KernelCall *call, MathBinary compute, Error *err) {
    const Numeric *a = numeric_rows(&call->args[0], call), *b = numeric_rows(&call->args[1], call);
    KERNEL_ROWS(call, row) {
        if (kernel_is_stopped()) return STATUS_OK;
        Numeric left = a[kernel_index(&call->args[0], row)], right = b[kernel_index(&call->args[1], row)];
        Numeric result = numeric_nan();
        bool infinite =
            (left.special && left.special != NUMERIC_NAN) || (right.special && right.special != NUMERIC_NAN);
        if (infinite)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "log and power of infinite numerics");
        if (!left.special && !right.special) TRY(math_error(compute(left, right, &result), err));
        /* NaN to the power of 0 is 1, and so is 1 to that of NaN */
        if (compute == power_of &&
            ((left.special && !right.special && right.value == 0) ||
             (right.special && !left.special && numeric_compare(left, numeric_make(1, 0)) == 0)))
            result = numeric_make(1, 0);
        TRY(numeric_store(call->out, row, result, err));
    }
    return STATUS_OK;
}

static MathResult log10_of(Numeric value, Numeric *out) {
    return log_of(numeric_make(10, 0), value, out);
}
static Status numeric_exp(const KernelCall *call, Error *err) {
    return unary_rows(call, exp_of, err);
}
static Status numeric_ln(const KernelCall *call, Error *err) {
    return unary_rows(call, ln_of, err);
}
static Status numeric_log10(const KernelCall *call, Error *err) {
    return unary_rows(call, log10_of, err);
}
static Status numeric_log(const KernelCall *call, Error *err) {
    return binary_rows(call, log_of, err);
}
static Status numeric_power(const KernelCall *call, Error *err) {
    return binary_rows(call, power_of, err);
}

static SqlType free_type(const SqlType *args, int arg_count) {
    return sqltype_of(SQL_NUMERIC);
}

#define N K_NUMERIC

static const ScalarFunction rows[] = {
    KERNEL_FN_TYPED("exp", numeric_exp, free_type, N),
    KERNEL_FN_TYPED("ln", numeric_ln, free_type, N),
    KERNEL_FN_TYPED("log", numeric_log10, free_type, N),
    KERNEL_FN_TYPED("log10", numeric_log10, free_type, N),
    KERNEL_FN_TYPED("log", numeric_log, free_type, N, N),
    KERNEL_FN_TYPED("power", numeric_power, free_type, N, N),
    KERNEL_FN_TYPED("pow", numeric_power, free_type, N, N),
    KERNEL_FN_TYPED("^", numeric_power, free_type, N, N),
};

FunctionTable numeric_math_functions(void) {
    return KERNEL_TABLE(rows);
}
