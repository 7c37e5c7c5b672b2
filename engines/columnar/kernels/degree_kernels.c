/* Trigonometry in degrees, exact at the multiples of 30 and 45 degrees as PostgreSQL's is: each function is
 * scaled by its own value at such an angle. */
#include <math.h>

#include "engines/columnar/kernels/kernel.h"

#define RADIANS_PER_DEGREE 0.0174532925199432957692

/* volatile: computed by the library at run time, as what they scale is. */
static const volatile double thirty = 30.0, forty_five = 45.0, sixty = 60.0, half = 0.5, one = 1.0;

static double sine_to_30(double x) {
    return sin(x * RADIANS_PER_DEGREE) / sin(thirty * RADIANS_PER_DEGREE) / 2.0;
}
static double cosine_to_60(double x) {
    return 1.0 - (1.0 - cos(x * RADIANS_PER_DEGREE)) / (1.0 - cos(sixty * RADIANS_PER_DEGREE)) / 2.0;
}
static double sine_to_90(double x) {
    return x <= 30.0 ? sine_to_30(x) : cosine_to_60(90.0 - x);
}
static double cosine_to_90(double x) {
    return x <= 60.0 ? cosine_to_60(x) : sine_to_30(90.0 - x);
}
static double arcsine_to_1(double x) {
    return x <= 0.5 ? asin(x) / asin(half) * 30.0 : 90.0 - acos(x) / acos(half) * 60.0;
}
static double arccosine_to_1(double x) {
    return x <= 0.5 ? 90.0 - asin(x) / asin(half) * 30.0 : acos(x) / acos(half) * 60.0;
}

/* Into 0..90 degrees; the signs that mirroring gives to sine and cosine. */
static double first_quadrant(double x, int *sine_sign, int *cosine_sign) {
    *sine_sign = *cosine_sign = 1;
    x = fmod(x, 360.0);
    if (x < 0.0) {
        x = -x;
        *sine_sign = -1;
    }
    if (x > 180.0) {
        x = 360.0 - x;
        *sine_sign = -*sine_sign;
    }
    if (x > 90.0) {
        x = 180.0 - x;
        *cosine_sign = -1;
    }
    return x;
}

typedef enum DegreeFunction {
    DEGREE_SIN,
    DEGREE_COS,
    DEGREE_TAN,
    DEGREE_COT,
    DEGREE_ASIN,
    DEGREE_ACOS,
    DEGREE_ATAN
} DegreeFunction;

static double of_angle(DegreeFunction function, double x) {
    int sine_sign, cosine_sign;
    x = first_quadrant(x, &sine_sign, &cosine_sign);
    double sine = sine_to_90(x), cosine = cosine_to_90(x), result;
    switch (function) {
    case DEGREE_SIN: return sine_sign * sine;
    case DEGREE_COS: return cosine_sign * cosine;
    case DEGREE_TAN:
        result =
            sine_sign * cosine_sign * (sine / cosine / (sine_to_90(forty_five) / cosine_to_90(forty_five)));
        break;
    default:
        result =
            sine_sign * cosine_sign * (cosine / sine / (cosine_to_90(forty_five) / sine_to_90(forty_five)));
        break;
    }
    return result == 0.0 ? 0.0 : result; /* never minus zero */
}

static double of_ratio(DegreeFunction function, double x) {
    switch (function) {
    case DEGREE_ASIN: return x >= 0.0 ? arcsine_to_1(x) : -arcsine_to_1(-x);
    case DEGREE_ACOS: return x >= 0.0 ? arccosine_to_1(x) : 90.0 + arcsine_to_1(-x);
    default: return atan(x) / atan(one) * 45.0;
    }
}

KERNEL_INLINE Status degree_rows(const KernelCall *call, DegreeFunction function, Error *err) {
    double *out = call->out->values;
    KERNEL_ROWS(call, row) {
        double x = KERNEL_ARG(call, 0, double, row);
        bool angle = function <= DEGREE_COT, bounded = function == DEGREE_ASIN || function == DEGREE_ACOS;
        if (isnan(x)) {
            out[row] = x;
            continue;
        }
        if ((angle && isinf(x)) || (bounded && (x < -1.0 || x > 1.0)))
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "input is out of range");
        out[row] = angle ? of_angle(function, x) : of_ratio(function, x);
    }
    return STATUS_OK;
}

#define DEFINE_DEGREE(name, function)                                                                        \
    static Status name(const KernelCall *call, Error *err) {                                                 \
        return degree_rows(call, function, err);                                                             \
    }
DEFINE_DEGREE(sind, DEGREE_SIN)
DEFINE_DEGREE(cosd, DEGREE_COS)
DEFINE_DEGREE(tand, DEGREE_TAN)
DEFINE_DEGREE(cotd, DEGREE_COT)
DEFINE_DEGREE(asind, DEGREE_ASIN)
DEFINE_DEGREE(acosd, DEGREE_ACOS)
DEFINE_DEGREE(atand, DEGREE_ATAN)

static Status atan2d(const KernelCall *call, Error *err) {
    double *out = call->out->values;
    KERNEL_ROWS(call, row) {
        double y = KERNEL_ARG(call, 0, double, row), x = KERNEL_ARG(call, 1, double, row);
        out[row] = isnan(y) || isnan(x) ? NAN : atan2(y, x) / atan(one) * 45.0;
    }
    return STATUS_OK;
}

#define D K_FLOAT8

static const ScalarFunction rows[] = {
    KERNEL_FN_RAISES("sind", sind, D, D),   KERNEL_FN_RAISES("cosd", cosd, D, D),
    KERNEL_FN_RAISES("tand", tand, D, D),   KERNEL_FN_RAISES("cotd", cotd, D, D),
    KERNEL_FN_RAISES("asind", asind, D, D), KERNEL_FN_RAISES("acosd", acosd, D, D),
    KERNEL_FN("atand", atand, D, D),        KERNEL_FN("atan2d", atan2d, D, D, D),
};

FunctionTable degree_functions(void) {
    return KERNEL_TABLE(rows);
}
