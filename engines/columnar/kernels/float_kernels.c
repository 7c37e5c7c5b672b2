/* Floats: arithmetic that refuses to overflow or underflow silently, as PostgreSQL does, and the libm
 * functions with its domain errors. */
#include <math.h>

#include "engines/columnar/kernels/kernel.h"

static Status float_overflow(Error *err) {
    return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "value out of range: overflow");
}
static Status float_underflow(Error *err) {
    return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "value out of range: underflow");
}
static Status input_out_of_range(Error *err) {
    return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "input is out of range");
}

#define FLOAT_NAME(name) f32_f32_##name
#define FLOAT_LEFT       float
#define FLOAT_RIGHT      float
#define FLOAT_OUT        float
#include "engines/columnar/kernels/float_arithmetic.inc.c"
#define FLOAT_NAME(name) f32_f64_##name
#define FLOAT_LEFT       float
#define FLOAT_RIGHT      double
#define FLOAT_OUT        double
#include "engines/columnar/kernels/float_arithmetic.inc.c"
#define FLOAT_NAME(name) f64_f32_##name
#define FLOAT_LEFT       double
#define FLOAT_RIGHT      float
#define FLOAT_OUT        double
#include "engines/columnar/kernels/float_arithmetic.inc.c"
#define FLOAT_NAME(name) f64_f64_##name
#define FLOAT_LEFT       double
#define FLOAT_RIGHT      double
#define FLOAT_OUT        double
#include "engines/columnar/kernels/float_arithmetic.inc.c"

#define FLOAT_UNARY(prefix, Type, name, expression)                                                          \
    static Status prefix##_##name(const KernelCall *call, Error *err) {                                      \
        Type *out = call->out->values;                                                                       \
        KERNEL_ROWS(call, row) {                                                                             \
            Type x = KERNEL_ARG(call, 0, Type, row);                                                         \
            out[row] = expression;                                                                           \
        }                                                                                                    \
        return STATUS_OK;                                                                                    \
    }

FLOAT_UNARY(f32, float, neg, -x)
FLOAT_UNARY(f64, double, neg, -x)
FLOAT_UNARY(f32, float, plus, x)
FLOAT_UNARY(f64, double, plus, x)
FLOAT_UNARY(f32, float, abs, fabsf(x))
FLOAT_UNARY(f64, double, abs, fabs(x))
FLOAT_UNARY(f64, double, ceil, ceil(x))
FLOAT_UNARY(f64, double, floor, floor(x))
FLOAT_UNARY(f64, double, round, rint(x))
FLOAT_UNARY(f64, double, trunc, x >= 0 ? floor(x) : -floor(-x))
FLOAT_UNARY(f64, double, sign, x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0)
FLOAT_UNARY(f64, double, cbrt, cbrt(x))
FLOAT_UNARY(f64, double, atan, atan(x))
FLOAT_UNARY(f64, double, tanh, tanh(x))
FLOAT_UNARY(f64, double, asinh, asinh(x))

typedef Status (*FloatFunction)(double x, double *out, Error *err);
typedef Status (*FloatBinary)(double x, double y, double *out, Error *err);

static Status each_float(const KernelCall *call, FloatFunction compute, Error *err) {
    double *out = call->out->values;
    KERNEL_ROWS(call, row) TRY(compute(KERNEL_ARG(call, 0, double, row), &out[row], err));
    return STATUS_OK;
}
static Status each_float_pair(const KernelCall *call, FloatBinary compute, Error *err) {
    double *out = call->out->values;
    KERNEL_ROWS(call, row)
    TRY(compute(KERNEL_ARG(call, 0, double, row), KERNEL_ARG(call, 1, double, row), &out[row], err));
    return STATUS_OK;
}
#define EACH_FLOAT(name)                                                                                     \
    static Status f64_##name(const KernelCall *call, Error *err) {                                           \
        return each_float(call, name##_of, err);                                                             \
    }
#define EACH_FLOAT_PAIR(name)                                                                                \
    static Status f64_##name(const KernelCall *call, Error *err) {                                           \
        return each_float_pair(call, name##_of, err);                                                        \
    }

static Status sqrt_of(double x, double *out, Error *err) {
    if (x < 0) return error_set(err, "2201F", "cannot take square root of a negative number");
    *out = sqrt(x);
    return STATUS_OK;
}
static Status exp_of(double x, double *out, Error *err) {
    *out = exp(x);
    if (isinf(*out) && !isinf(x)) return float_overflow(err);
    return *out == 0 && !isinf(x) ? float_underflow(err) : STATUS_OK;
}
static Status log_domain(double x, Error *err) {
    if (x == 0) return error_set(err, "2201E", "cannot take logarithm of zero");
    return x < 0 ? error_set(err, "2201E", "cannot take logarithm of a negative number") : STATUS_OK;
}
static Status ln_of(double x, double *out, Error *err) {
    TRY(log_domain(x, err));
    *out = log(x);
    return STATUS_OK;
}
static Status log10_of(double x, double *out, Error *err) {
    TRY(log_domain(x, err));
    *out = log10(x);
    return STATUS_OK;
}
static Status finite_domain(double x, bool inside, double y, double *out, Error *err) {
    if (!isnan(x) && !inside) return input_out_of_range(err);
    *out = isnan(x) ? x : y;
    return STATUS_OK;
}
static Status sin_of(double x, double *out, Error *err) {
    return finite_domain(x, !isinf(x), sin(x), out, err);
}
static Status cos_of(double x, double *out, Error *err) {
    return finite_domain(x, !isinf(x), cos(x), out, err);
}
static Status tan_of(double x, double *out, Error *err) {
    return finite_domain(x, !isinf(x), tan(x), out, err);
}
static Status cot_of(double x, double *out, Error *err) {
    return finite_domain(x, !isinf(x), 1.0 / tan(x), out, err);
}
static Status asin_of(double x, double *out, Error *err) {
    return finite_domain(x, x >= -1 && x <= 1, asin(x), out, err);
}
static Status acos_of(double x, double *out, Error *err) {
    return finite_domain(x, x >= -1 && x <= 1, acos(x), out, err);
}
static Status acosh_of(double x, double *out, Error *err) {
    return finite_domain(x, x >= 1, acosh(x), out, err);
}
static Status atanh_of(double x, double *out, Error *err) {
    return finite_domain(x, x >= -1 && x <= 1, x == 1 ? INFINITY : x == -1 ? -INFINITY : atanh(x), out, err);
}
static Status sinh_of(double x, double *out, Error *err) {
    *out = sinh(x); /* PostgreSQL lets it become infinite */
    return STATUS_OK;
}
static Status cosh_of(double x, double *out, Error *err) {
    *out = cosh(x);
    return STATUS_OK;
}
static Status degrees_of(double x, double *out, Error *err) {
    *out = x / (M_PI / 180.0);
    return isinf(*out) && !isinf(x) ? float_overflow(err) : STATUS_OK;
}
static Status radians_of(double x, double *out, Error *err) {
    *out = x * (M_PI / 180.0);
    if (*out != 0 || x == 0) return STATUS_OK;
    return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "value out of range: underflow");
}
static Status atan2_of(double y, double x, double *out, Error *err) {
    *out = atan2(y, x);
    return STATUS_OK;
}
/* PostgreSQL's dpow: NaN rules of POSIX, errors for 0^negative and for a root of a negative number. */
static Status power_of(double x, double y, double *out, Error *err) {
    if (isnan(x) || isnan(y)) {
        *out = (isnan(x) && y == 0) || (isnan(y) && x == 1) ? 1.0 : NAN;
        return STATUS_OK;
    }
    if (x == 0 && y < 0) return error_set(err, "2201F", "zero raised to a negative power is undefined");
    if (x < 0 && floor(y) != y)
        return error_set(err, "2201F",
                         "a negative number raised to a non-integer power yields a complex result");
    *out = pow(x, y);
    if (isinf(x) || isinf(y)) return STATUS_OK;
    if (isinf(*out)) return float_overflow(err);
    return *out == 0 && x != 0 ? float_underflow(err) : STATUS_OK;
}
EACH_FLOAT(sqrt)
EACH_FLOAT(exp)
EACH_FLOAT(ln)
EACH_FLOAT(log10)
EACH_FLOAT(sin)
EACH_FLOAT(cos)
EACH_FLOAT(tan)
EACH_FLOAT(cot)
EACH_FLOAT(asin)
EACH_FLOAT(acos)
EACH_FLOAT(acosh)
EACH_FLOAT(atanh)
EACH_FLOAT(sinh)
EACH_FLOAT(cosh)
EACH_FLOAT(degrees)
EACH_FLOAT(radians)
EACH_FLOAT_PAIR(atan2)
EACH_FLOAT_PAIR(power)

static Status float_pi(const KernelCall *call, Error *err) {
    double *out = call->out->values;
    KERNEL_ROWS(call, row) out[row] = M_PI;
    return STATUS_OK;
}

static Status float_width_bucket(const KernelCall *call, Error *err) {
    int32_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        double x = KERNEL_ARG(call, 0, double, row), low = KERNEL_ARG(call, 1, double, row);
        double high = KERNEL_ARG(call, 2, double, row);
        int32_t count = KERNEL_ARG(call, 3, int32_t, row);
        if (count <= 0) return error_set(err, "2201G", "count must be greater than zero");
        if (isnan(x) || isnan(low) || isnan(high))
            return error_set(err, "2201G", "operand, lower bound, and upper bound cannot be NaN");
        if (isinf(low) || isinf(high))
            return error_set(err, "2201G", "lower and upper bounds must be finite");
        if (low == high) return error_set(err, "2201G", "lower bound cannot equal upper bound");
        bool rising = low < high, below = rising ? x < low : x > low, above = rising ? x >= high : x <= high;
        if (above && count == INT32_MAX)
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "integer out of range");
        double share =
            isinf(high - low) ? (x / 2 - low / 2) / (high / 2 - low / 2) : (x - low) / (high - low);
        int32_t bucket = below ? 0 : above ? count + 1 : (int32_t)(count * share);
        out[row] = below || above ? bucket : (bucket >= count ? count : bucket + 1);
    }
    return STATUS_OK;
}

#define D K_FLOAT8
#define F K_FLOAT4
#define ARITHMETIC_ROWS(prefix, left, right, out)                                                            \
    KERNEL_FN_RAISES("+", prefix##_add, out, left, right),                                                   \
        KERNEL_FN_RAISES("-", prefix##_sub, out, left, right),                                               \
        KERNEL_FN_RAISES("*", prefix##_mul, out, left, right),                                               \
        KERNEL_FN_RAISES("/", prefix##_div, out, left, right)
#define SAFE(text, kernel)   KERNEL_FN(text, kernel, D, D)
#define RAISES(text, kernel) KERNEL_FN_RAISES(text, kernel, D, D)

static const ScalarFunction rows[] = {
    ARITHMETIC_ROWS(f32_f32, F, F, F),
    ARITHMETIC_ROWS(f64_f64, D, D, D),
    ARITHMETIC_ROWS(f32_f64, F, D, D),
    ARITHMETIC_ROWS(f64_f32, D, F, D),
    KERNEL_FN("-", f32_neg, F, F),
    KERNEL_FN("+", f32_plus, F, F),
    KERNEL_FN("abs", f32_abs, F, F),
    KERNEL_FN("@", f32_abs, F, F),
    SAFE("-", f64_neg),
    SAFE("+", f64_plus),
    SAFE("abs", f64_abs),
    SAFE("@", f64_abs),
    SAFE("ceil", f64_ceil),
    SAFE("ceiling", f64_ceil),
    SAFE("floor", f64_floor),
    SAFE("round", f64_round),
    SAFE("trunc", f64_trunc),
    SAFE("sign", f64_sign),
    SAFE("cbrt", f64_cbrt),
    SAFE("||/", f64_cbrt),
    SAFE("atan", f64_atan),
    SAFE("tanh", f64_tanh),
    SAFE("asinh", f64_asinh),
    RAISES("sqrt", f64_sqrt),
    RAISES("|/", f64_sqrt),
    RAISES("exp", f64_exp),
    RAISES("ln", f64_ln),
    RAISES("log", f64_log10),
    RAISES("log10", f64_log10),
    RAISES("sin", f64_sin),
    RAISES("cos", f64_cos),
    RAISES("tan", f64_tan),
    RAISES("cot", f64_cot),
    RAISES("asin", f64_asin),
    RAISES("acos", f64_acos),
    RAISES("acosh", f64_acosh),
    RAISES("atanh", f64_atanh),
    RAISES("sinh", f64_sinh),
    RAISES("cosh", f64_cosh),
    RAISES("degrees", f64_degrees),
    RAISES("radians", f64_radians),
    KERNEL_FN_RAISES("atan2", f64_atan2, D, D, D),
    KERNEL_FN_RAISES("power", f64_power, D, D, D),
    KERNEL_FN_RAISES("pow", f64_power, D, D, D),
    KERNEL_FN_RAISES("^", f64_power, D, D, D),
    KERNEL_FN_RAISES("width_bucket", float_width_bucket, K_INT4, D, D, D, K_INT4),
    {.name = "pi", .result = D, .strict = true, .null_on_error = true, .eval = float_pi},
};

FunctionTable float_functions(void) {
    return KERNEL_TABLE(rows);
}
