#include "engines/columnar/kernels/numeric_math.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

Status numeric_overflow(Error *err) {
    (void)error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "value overflows numeric format");
    return error_add_hint(
        err, "The columnar engine computes numerics of up to 38 digits; PostgreSQL goes further.");
}

static inline UInt128 magnitude(Int128 value) {
    return value < 0 ? -(UInt128)value : (UInt128)value;
}

bool int128_multiply(Int128 a, Int128 b, Int128 *out) {
    if (a == (int64_t)a && b == (int64_t)b) {
        *out = (Int128)(int64_t)a * (int64_t)b;
        return true;
    }
    UInt256 product = uint256_multiply(magnitude(a), magnitude(b));
    if (product.high || product.low >> 127) return false;
    *out = (a < 0) != (b < 0) ? -(Int128)product.low : (Int128)product.low;
    return true;
}

int int128_digits(Int128 value) {
    UInt128 absolute = magnitude(value);
    int digits = 0;
    while (digits < 39 && absolute >= (UInt128)power_of_ten[digits])
        digits++;
    return digits;
}

/* value × 10^power for any power >= 0. */
static bool scale_up(Int128 value, int power, Int128 *out) {
    if (power == 0 || value == 0) {
        *out = value;
        return true;
    }
    return power <= 38 && int128_multiply(value, power_of_ten[power], out);
}

/* value / 10^power, rounded half away from zero or truncated. */
static Int128 scale_down(Int128 value, int power, bool round) {
    if (power > 38) return 0;
    Int128 divisor = power_of_ten[power], quotient, rest;
    if (value == (int64_t)value && power <= 18) {
        quotient = (int64_t)value / (int64_t)divisor;
        rest = (int64_t)value % (int64_t)divisor;
    } else {
        quotient = value / divisor;
        rest = value % divisor;
    }
    if (round && magnitude(rest) >= (UInt128)divisor - magnitude(rest)) quotient += value < 0 ? -1 : 1;
    return quotient;
}

bool numeric_rescale(Numeric value, int scale, Numeric *out) {
    if (value.special || value.scale == scale) {
        *out = value;
        return true;
    }
    *out = numeric_make(0, scale);
    if (scale > value.scale) return scale_up(value.value, scale - value.scale, &out->value);
    out->value = scale_down(value.value, value.scale - scale, true);
    return true;
}

bool numeric_truncate(Numeric value, int scale, Numeric *out) {
    if (value.special || scale >= value.scale) return numeric_rescale(value, scale, out);
    *out = numeric_make(scale_down(value.value, value.scale - scale, false), scale);
    return true;
}

static bool align(Numeric *a, Numeric *b) {
    int scale = a->scale > b->scale ? a->scale : b->scale;
    return numeric_rescale(*a, scale, a) && numeric_rescale(*b, scale, b);
}

static inline bool any_nan(Numeric a, Numeric b) {
    return a.special == NUMERIC_NAN || b.special == NUMERIC_NAN;
}

bool numeric_add(Numeric a, Numeric b, Numeric *out) {
    *out = numeric_nan();
    if (a.special || b.special) {
        bool opposite = a.special && b.special && a.special != b.special;
        if (!any_nan(a, b) && !opposite) *out = numeric_infinity((a.special ? a : b).special < 0);
        return true;
    }
    if (!align(&a, &b)) return false;
    *out = numeric_make(0, a.scale);
    return !__builtin_add_overflow(a.value, b.value, &out->value);
}

bool numeric_subtract(Numeric a, Numeric b, Numeric *out) {
    if (b.special)
        b.special = b.special == NUMERIC_NAN ? NUMERIC_NAN : -b.special;
    else if (__builtin_sub_overflow((Int128)0, b.value, &b.value))
        return false;
    return numeric_add(a, b, out);
}

bool numeric_multiply(Numeric a, Numeric b, Numeric *out) {
    *out = numeric_nan();
    if (a.special || b.special) {
        int sign = numeric_sign(a) * numeric_sign(b);
        if (!any_nan(a, b) && sign != 0) *out = numeric_infinity(sign < 0);
        return true;
    }
    *out = numeric_make(0, a.scale + b.scale);
    return out->scale <= NUMERIC_MAX_SCALE && int128_multiply(a.value, b.value, &out->value);
}

static inline int floor_divide(int value, int divisor) {
    return value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor);
}

/* Weight and leading digit in base 10,000, as PostgreSQL's division looks at them. */
static void leading_group(Numeric value, int *weight, int *digit) {
    *weight = *digit = 0;
    int digits = int128_digits(value.value);
    if (digits == 0) return;
    int above_point = digits - value.scale;
    *weight = floor_divide(above_point - 1, 4);
    int width = above_point - 1 - *weight * 4 + 1;
    UInt128 absolute = magnitude(value.value);
    *digit = digits >= width ? (int)(absolute / (UInt128)power_of_ten[digits - width])
                             : (int)(absolute * (UInt128)power_of_ten[width - digits]);
}

static int divide_scale(Numeric a, Numeric b) {
    int weight_a, digit_a, weight_b, digit_b;
    leading_group(a, &weight_a, &digit_a);
    leading_group(b, &weight_b, &digit_b);
    int quotient_weight = weight_a - weight_b - (digit_a <= digit_b);
    int scale = 16 - quotient_weight * 4;
    scale = scale < a.scale ? a.scale : scale;
    scale = scale < b.scale ? b.scale : scale;
    return scale < 0 ? 0 : scale > NUMERIC_MAX_SCALE ? NUMERIC_MAX_SCALE : scale;
}

int numeric_divide_scale(Numeric a, Numeric b) {
    return divide_scale(a, b);
}

int uint256_divide_scale(UInt256 dividend, int scale, UInt128 divisor) {
    int shifted = scale;
    for (; dividend.high || dividend.low >> 127;
         shifted -= 4) { /* whole groups of four: the leading one stays */
        UInt128 upper = dividend.high % 10000 << 64 | dividend.low >> 64;
        UInt128 lower = upper % 10000 << 64 | (uint64_t)dividend.low;
        dividend.high /= 10000;
        dividend.low = (upper / 10000) << 64 | (uint64_t)(lower / 10000);
    }
    int found = divide_scale(numeric_make((Int128)dividend.low, shifted), numeric_make((Int128)divisor, 0));
    return found < scale ? scale : found;
}

UInt256 uint256_multiply(UInt128 a, UInt128 b) {
    uint64_t a0 = (uint64_t)a, a1 = (uint64_t)(a >> 64), b0 = (uint64_t)b, b1 = (uint64_t)(b >> 64);
    UInt128 low = (UInt128)a0 * b0, cross1 = (UInt128)a0 * b1, cross2 = (UInt128)a1 * b0,
            high = (UInt128)a1 * b1;
    UInt128 middle = (low >> 64) + (uint64_t)cross1 + (uint64_t)cross2;
    return (UInt256){.low = (middle << 64) | (uint64_t)low,
                     .high = high + (cross1 >> 64) + (cross2 >> 64) + (middle >> 64)};
}

static bool uint256_scale(UInt256 *value, int power) {
    while (power > 0) {
        int step = power < 38 ? power : 38;
        UInt256 low = uint256_multiply(value->low, (UInt128)power_of_ten[step]);
        UInt256 high = uint256_multiply(value->high, (UInt128)power_of_ten[step]);
        if (high.high || __builtin_add_overflow(high.low, low.high, &value->high)) return false;
        value->low = low.low;
        power -= step;
    }
    return true;
}

/* The remainder comes back for rounding; the quotient must fit 128 bits. */
static bool uint256_divide_plain(UInt256 dividend, UInt128 divisor, UInt128 *quotient, UInt128 *rest) {
    if (dividend.high == 0) {
        *quotient = dividend.low / divisor;
        *rest = dividend.low % divisor;
        return true;
    }
    if (dividend.high >= divisor) return false;
    if (divisor >> 64 == 0) {
        UInt128 upper = dividend.high << 64 | dividend.low >> 64; /* high < divisor < 2^64 */
        UInt128 lower = (upper % divisor) << 64 | (uint64_t)dividend.low;
        *quotient = (upper / divisor) << 64 | (uint64_t)(lower / divisor);
        *rest = lower % divisor;
        return true;
    }
    UInt128 remainder = dividend.high, result = 0;
    for (int bit = 127; bit >= 0; bit--) {
        bool carry = remainder >> 127;
        remainder = remainder << 1 | (dividend.low >> bit & 1);
        if (carry || remainder >= divisor) {
            remainder -= divisor;
            result |= (UInt128)1 << bit;
        }
    }
    *quotient = result;
    *rest = remainder;
    return true;
}

bool uint256_divide(UInt256 dividend, UInt128 divisor, int shift, UInt128 *quotient) {
    UInt128 rest;
    if (!uint256_scale(&dividend, shift) || !uint256_divide_plain(dividend, divisor, quotient, &rest))
        return false;
    if (rest >= divisor - rest && __builtin_add_overflow(*quotient, (UInt128)1, quotient)) return false;
    return true;
}

static bool divide_at_scale(Numeric a, Numeric b, int scale, bool round, Numeric *out) {
    int shift = scale + b.scale - a.scale;
    bool negative = (a.value < 0) != (b.value < 0);
    UInt128 dividend = magnitude(a.value), divisor = magnitude(b.value), quotient, rest;
    *out = numeric_make(0, scale);
    if (shift < 0) { /* div() of a longer scale: widen the divisor instead */
        if (-shift > 38 || (UInt128)power_of_ten[-shift] > ((UInt128)-1) / divisor) return true;
        divisor *= (UInt128)power_of_ten[-shift];
        shift = 0;
    }
    UInt256 wide = {.low = dividend};
    if (!uint256_scale(&wide, shift) || !uint256_divide_plain(wide, divisor, &quotient, &rest)) return false;
    if (round && rest >= divisor - rest) quotient++;
    if (quotient >> 127) return false;
    out->value = negative ? -(Int128)quotient : (Int128)quotient;
    return true;
}

/* Infinity by a number keeps it, by infinity is NaN; a number by infinity is 0. */
static bool divide_specials(Numeric a, Numeric b, Numeric *out) {
    *out = numeric_nan();
    if (any_nan(a, b) || (a.special && b.special)) return true;
    *out = b.special ? numeric_make(0, 0) : numeric_infinity(numeric_sign(a) * numeric_sign(b) < 0);
    return true;
}

bool numeric_divide(Numeric a, Numeric b, Numeric *out) {
    *out = numeric_nan();
    if (a.special || b.special) return divide_specials(a, b, out);
    return divide_at_scale(a, b, numeric_divide_scale(a, b), true, out);
}

bool numeric_divide_truncate(Numeric a, Numeric b, Numeric *out) {
    *out = numeric_nan();
    if (a.special || b.special) return divide_specials(a, b, out);
    return divide_at_scale(a, b, 0, false, out);
}

bool numeric_modulo(Numeric a, Numeric b, Numeric *out) {
    *out = numeric_nan();
    if (a.special || b.special) {
        if (!any_nan(a, b) && !a.special) *out = a; /* all of it is the rest */
        return true;
    }
    if (!align(&a, &b)) return false;
    *out = numeric_make(b.value == -1 ? 0 : a.value % b.value, a.scale);
    return true;
}

bool numeric_floor(Numeric value, Numeric *out) {
    if (!numeric_truncate(value, 0, out)) return false;
    if (!value.special && value.value < 0 && numeric_compare(*out, value) != 0) out->value--;
    return true;
}

bool numeric_ceiling(Numeric value, Numeric *out) {
    if (!numeric_truncate(value, 0, out)) return false;
    if (!value.special && value.value > 0 && numeric_compare(*out, value) != 0) out->value++;
    return true;
}

/* floor(sqrt(value)) for 256 bits, by bits from the top; `inexact_up`: the fraction is above one half. */
static UInt128 square_root(UInt256 value, bool *inexact_up) {
    UInt128 root = 0;
    for (int bit = 127; bit >= 0; bit--) {
        UInt128 candidate = root | (UInt128)1 << bit;
        UInt256 square = uint256_multiply(candidate, candidate);
        if (square.high < value.high || (square.high == value.high && square.low <= value.low))
            root = candidate;
    }
    UInt256 square = uint256_multiply(root, root);
    UInt128 rest =
        value.low - square.low; /* value - root² <= 2 root: the difference's high part is only a carry */
    bool wide = value.high != square.high + (value.low < square.low);
    *inexact_up = wide || rest > root;
    return root;
}

bool uint256_square_root(UInt256 value, int shift, UInt128 *root) {
    bool up;
    if (!uint256_scale(&value, shift)) return false;
    *root = square_root(value, &up) + up;
    return true;
}

bool numeric_square_root(Numeric value, Numeric *out) {
    *out = value;
    if (value.special) return true;
    int weight, digit;
    leading_group(value, &weight, &digit);
    int root_weight = (weight + 1) * 4 / 2 - 1; /* numeric_sqrt() of PostgreSQL 15 */
    int scale = 16 - root_weight;
    scale = scale < value.scale ? value.scale : scale;
    scale = scale < 0 ? 0 : scale > NUMERIC_MAX_SCALE ? NUMERIC_MAX_SCALE : scale;
    UInt128 root;
    if (2 * scale < value.scale ||
        !uint256_square_root((UInt256){.low = (UInt128)value.value}, 2 * scale - value.scale, &root))
        return false;
    *out = numeric_make((Int128)root, scale);
    return root >> 127 == 0;
}

int numeric_compare(Numeric a, Numeric b) {
    if (a.special || b.special) return (int)a.special - (int)b.special;
    if (a.scale == b.scale || (a.value < 0) != (b.value < 0) || a.value == 0 || b.value == 0)
        return a.value < b.value ? -1 : a.value > b.value;
    int sign = a.value < 0 ? -1 : 1;
    Numeric left = a, right = b;
    if (!align(&left, &right)) /* the one that overflowed on scaling up is the larger in magnitude */
        return a.scale < b.scale ? sign : -sign;
    return left.value < right.value ? -1 : left.value > right.value;
}

static size_t format_digits(UInt128 value, char *end) {
    char *next = end;
    do {
        UInt128 rest = value / 10;
        *--next = (char)('0' + (int)(value - rest * 10));
        value = rest;
    } while (value >> 64);
    for (uint64_t low = (uint64_t)value; low; low /= 10)
        *--next = (char)('0' + low % 10);
    return (size_t)(end - next);
}

size_t numeric_format(Numeric value, char *text) {
    if (value.special) {
        const char *name = numeric_special_text(value);
        memcpy(text, name, strlen(name));
        return strlen(name);
    }
    char digits[48];
    size_t count = format_digits(magnitude(value.value), digits + sizeof digits);
    const char *first = digits + sizeof digits - count;
    char *next = text;
    if (value.value < 0) *next++ = '-';
    int above = (int)count - value.scale;
    if (above <= 0) *next++ = '0';
    for (int i = 0; i < above; i++)
        *next++ = *first++;
    if (value.scale > 0) {
        *next++ = '.';
        for (int i = above; i < 0; i++)
            *next++ = '0';
        size_t rest = count - (size_t)(above > 0 ? above : 0);
        memcpy(next, first, rest);
        next += rest;
    }
    return (size_t)(next - text);
}

static Status bad_syntax(const char *text, size_t length, Error *err) {
    return error_set(err, SQLSTATE_INVALID_TEXT, "invalid input syntax for type numeric: \"%.*s\"",
                     (int)length, text);
}

/* Digits with an optional point; false on anything but digits. `too_long` once the value leaves 127 bits. */
static const char *parse_digits(const char *at, const char *end, Numeric *out, bool *any, bool *too_long) {
    bool point = false;
    for (; at < end; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9') break;
        *any = true;
        Int128 next;
        if (!int128_multiply(out->value, 10, &next) || __builtin_add_overflow(next, *at - '0', &next))
            *too_long = true;
        else
            out->value = next;
        out->scale += point;
    }
    return at;
}

Status numeric_parse(const char *text, size_t length, Numeric *out, Error *err) {
    const char *at = text, *end = text + length;
    while (at < end && isspace((unsigned char)*at))
        at++;
    while (end > at && isspace((unsigned char)end[-1]))
        end--;
    *out = numeric_make(0, 0);
    if (end - at == 3 && strncasecmp(at, "nan", 3) == 0) {
        *out = numeric_nan();
        return STATUS_OK;
    }
    bool negative = at < end && *at == '-', any = false, too_long = false;
    if (at < end && (*at == '-' || *at == '+')) at++;
    if ((end - at == 3 && strncasecmp(at, "inf", 3) == 0) ||
        (end - at == 8 && strncasecmp(at, "infinity", 8) == 0)) {
        *out = numeric_infinity(negative);
        return STATUS_OK;
    }
    at = parse_digits(at, end, out, &any, &too_long);
    if (!any) return bad_syntax(text, length, err);
    if (at < end && (*at == 'e' || *at == 'E')) {
        bool negative_exponent = ++at < end && *at == '-';
        if (at < end && (*at == '-' || *at == '+')) at++;
        int exponent = 0;
        if (at == end) return bad_syntax(text, length, err);
        for (; at < end && *at >= '0' && *at <= '9'; at++)
            exponent = exponent < 100000 ? exponent * 10 + (*at - '0') : exponent;
        out->scale += negative_exponent ? exponent : -exponent;
    }
    if (at != end) return bad_syntax(text, length, err);
    if (out->scale < 0) {
        too_long |= !scale_up(out->value, -out->scale, &out->value);
        out->scale = 0;
    }
    if (too_long || out->scale > NUMERIC_MAX_SCALE) return numeric_overflow(err);
    if (negative) out->value = -out->value;
    return STATUS_OK;
}

double numeric_to_double(Numeric value) {
    if (value.special) return value.special == NUMERIC_NAN ? NAN : value.special * INFINITY;
    /* Both exactly representable: one correctly rounded division. */
    Int128 limit = (Int128)1 << 53;
    if (value.scale <= 22 && value.value <= limit && value.value >= -limit)
        return (double)(int64_t)value.value / (double)power_of_ten[value.scale];
    char text[NUMERIC_TEXT_BYTES];
    text[numeric_format(value, text)] = 0;
    return strtod(text, NULL);
}

float numeric_to_float(Numeric value) {
    char text[NUMERIC_TEXT_BYTES];
    text[numeric_format(value, text)] = 0;
    return value.special ? (float)numeric_to_double(value)
                         : strtof(text, NULL); /* through a double it would be rounded twice */
}

bool numeric_from_double(double value, int digits, Numeric *out) {
    *out = numeric_nan();
    if (isnan(value)) return true;
    if (isinf(value)) *out = numeric_infinity(value < 0);
    if (isinf(value)) return true;
    char text[64];
    int length = snprintf(text, sizeof text, "%.*g", digits, value);
    Error ignored;
    return numeric_parse(text, (size_t)length, out, &ignored) == STATUS_OK;
}

bool numeric_to_int64(Numeric value, int64_t *out) {
    Numeric whole;
    if (value.special || !numeric_rescale(value, 0, &whole)) return false;
    *out = (int64_t)whole.value;
    return *out == whole.value;
}

const Numeric *numeric_rows(const Vector *vector, const KernelCall *call) {
    if (vector->physical == PHYS_NUMERIC) return vector->values;
    int count = kernel_is_constant(vector) ? 1 : call->row_count, scale = vector->type.scale;
    Numeric *rows = arena_alloc(call->arena, sizeof(Numeric) * (size_t)(count > 0 ? count : 1));
    if (vector->physical == PHYS_I64) {
        const int64_t *values = vector->values;
        for (int i = 0; i < count; i++)
            rows[i] = numeric_make(values[i], scale);
    } else {
        const Int128 *values = vector->values;
        for (int i = 0; i < count; i++)
            rows[i] = numeric_make(values[i], scale);
    }
    return rows;
}

Status numeric_store(Vector *out, int row, Numeric value, Error *err) {
    if (out->physical == PHYS_NUMERIC) {
        ((Numeric *)out->values)[row] = value;
        return STATUS_OK;
    }
    Numeric fitted;
    int precision = out->type.precision, scale = out->type.scale;
    if (value.special == NUMERIC_NAN)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "NaN in a numeric column of fixed precision");
    if (value.special) {
        (void)error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "numeric field overflow");
        return error_add_detail(err, "A field with precision %d, scale %d cannot hold an infinite value.",
                                precision, scale);
    }
    if (!numeric_rescale(value, scale, &fitted) ||
        magnitude(fitted.value) >= (UInt128)power_of_ten[precision]) {
        (void)error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "numeric field overflow");
        return error_add_detail(
            err, "A field with precision %d, scale %d must round to an absolute value less than %s%.0d",
            precision, scale, precision == scale ? "1" : "10^", precision - scale);
    }
    if (out->physical == PHYS_I64)
        ((int64_t *)out->values)[row] = (int64_t)fitted.value;
    else
        ((Int128 *)out->values)[row] = fitted.value;
    return STATUS_OK;
}
