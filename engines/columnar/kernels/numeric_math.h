/* Exact decimal arithmetic with PostgreSQL's scales, on 128-bit unscaled values.
 *
 * Every function returns false when the exact result needs more than 127 bits (about 38 digits): the caller
 * raises 22003 (numeric_overflow) before any wrong digit. NaN passes through as PostgreSQL has it. Division's
 * scale follows PostgreSQL's select_div_scale(): at least 16 significant digits, counted in groups of four.
 */
#pragma once

#include "engines/base/power_of_ten.h"
#include "engines/columnar/kernels/kernel.h"

enum { NUMERIC_MAX_SCALE = 1000, NUMERIC_TEXT_BYTES = 1200 };

static inline Numeric numeric_make(Int128 value, int scale) {
    return (Numeric){.value = value, .scale = scale};
}
static inline Numeric numeric_nan(void) {
    return (Numeric){.special = NUMERIC_NAN};
}

static inline Numeric numeric_infinity(bool negative) {
    return (Numeric){.special = negative ? NUMERIC_MINUS_INFINITY : NUMERIC_INFINITY};
}
/* -1, 0 or 1; infinities have the sign they show, NaN has 1. */
static inline int numeric_sign(Numeric value) {
    if (value.special) return value.special < 0 ? -1 : 1;
    return value.value < 0 ? -1 : value.value > 0;
}

/* 22003: the value is right in PostgreSQL but too long for this engine. */
Status numeric_overflow(Error *err);

bool int128_multiply(Int128 a, Int128 b, Int128 *out);
int int128_digits(Int128 value); /* decimal digits of |value|, 0 for 0 */

/* Scale up exactly, or down rounding half away from zero. */
bool numeric_rescale(Numeric value, int scale, Numeric *out);
bool numeric_truncate(Numeric value, int scale, Numeric *out);
bool numeric_add(Numeric a, Numeric b, Numeric *out);
bool numeric_subtract(Numeric a, Numeric b, Numeric *out);
bool numeric_multiply(Numeric a, Numeric b, Numeric *out);
/* b != 0 is the caller's duty. */
bool numeric_divide(Numeric a, Numeric b, Numeric *out);
bool numeric_divide_truncate(Numeric a, Numeric b, Numeric *out); /* div() */
bool numeric_modulo(Numeric a, Numeric b, Numeric *out);
int numeric_divide_scale(Numeric a, Numeric b);
bool numeric_floor(Numeric value, Numeric *out);
bool numeric_ceiling(Numeric value, Numeric *out);
bool numeric_square_root(Numeric value, Numeric *out); /* value >= 0 */
bool numeric_power_integer(Numeric base, int64_t exponent, Numeric *out);
/* NaN equals NaN and is above everything. */
int numeric_compare(Numeric a, Numeric b);

/* 256-bit quotients, for variances: (high:low × 10^shift) / divisor, rounded half away. */
typedef struct UInt256 {
    UInt128 high, low;
} UInt256;
UInt256 uint256_multiply(UInt128 a, UInt128 b);
/* Rounded square root of value × 10^shift. */
bool uint256_square_root(UInt256 value, int shift, UInt128 *root);
/* PostgreSQL's scale of (dividend / 10^scale) / divisor. */
int uint256_divide_scale(UInt256 dividend, int scale, UInt128 divisor);
bool uint256_divide(UInt256 dividend, UInt128 divisor, int shift, UInt128 *quotient);

/* Writes the canonical text (no NUL), returns its length; `text` has NUMERIC_TEXT_BYTES. */
size_t numeric_format(Numeric value, char *text);
/* 22P02 for what is not a number, 22003 for one too long. */
Status numeric_parse(const char *text, size_t length, Numeric *out, Error *err);
double numeric_to_double(Numeric value);
float numeric_to_float(Numeric value);
/* PostgreSQL's float8_numeric: 15 significant digits (6 for float4). */
bool numeric_from_double(double value, int digits, Numeric *out);
/* Rounds half away from zero; false when it does not fit. */
bool numeric_to_int64(Numeric value, int64_t *out);

/* The values of a numeric vector of any physical form as Numeric, one per row (index 0 only when constant).
 */
const Numeric *numeric_rows(const Vector *vector, const KernelCall *call);
/* Stores a result in the form of `out`; 22003 when its declared precision is exceeded. */
Status numeric_store(Vector *out, int row, Numeric value, Error *err);
