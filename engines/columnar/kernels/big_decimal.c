#include "engines/columnar/kernels/big_decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool big_is_zero(const BigDecimal *value) {
    return value->count == 0;
}

void big_copy(BigDecimal *out, const BigDecimal *value) {
    if (out == value) return;
    out->count = value->count;
    out->weight = value->weight;
    out->scale = value->scale;
    out->negative = value->negative;
    memcpy(out->digits, value->digits, (size_t)value->count * sizeof value->digits[0]);
}

/* Takes zeros off both ends. */
static void normalise(BigDecimal *value) {
    int lead = 0;
    while (lead < value->count && value->digits[lead] == 0)
        lead++;
    if (lead > 0) {
        memmove(value->digits, value->digits + lead, (size_t)(value->count - lead) * sizeof value->digits[0]);
        value->count -= lead;
        value->weight -= lead;
    }
    while (value->count > 0 && value->digits[value->count - 1] == 0)
        value->count--;
    if (value->count == 0) {
        value->weight = 0;
        value->negative = false;
    }
}

void big_from_int(int64_t value, BigDecimal *out) {
    big_from_numeric(numeric_make(value, 0), out);
}

void big_from_numeric(Numeric value, BigDecimal *out) {
    UInt128 rest = value.value < 0 ? -(UInt128)value.value : (UInt128)value.value;
    int pad = (BIG_GROUP - value.scale % BIG_GROUP) % BIG_GROUP; /* zeros that complete the last group */
    uint16_t groups[16];
    int count = 0;
    static const int POWERS[] = {1, 10, 100, 1000};
    if (pad > 0) { /* the last group is a part of the number's last digits */
        groups[count++] = (uint16_t)((int)(rest % (UInt128)(BIG_BASE / POWERS[pad])) * POWERS[pad]);
        rest /= (UInt128)(BIG_BASE / POWERS[pad]);
    }
    for (; rest; rest /= BIG_BASE)
        groups[count++] = (uint16_t)(rest % BIG_BASE);
    out->negative = value.value < 0;
    out->scale = value.scale;
    out->count = count;
    out->weight = count - 1 - (value.scale + pad) / BIG_GROUP;
    for (int i = 0; i < count; i++)
        out->digits[i] = groups[count - 1 - i];
    normalise(out);
}

bool big_to_numeric(const BigDecimal *value, Numeric *out) {
    BigDecimal rounded;
    big_copy(&rounded, value);
    *out = numeric_make(0, value->scale);
    if (!big_round(&rounded, value->scale) || value->scale > NUMERIC_MAX_SCALE) return false;
    if (rounded.count == 0) return true;
    Int128 result = 0;
    for (int i = 0; i < rounded.count; i++)
        if (!int128_multiply(result, BIG_BASE, &result) ||
            __builtin_add_overflow(result, (Int128)rounded.digits[i], &result))
            return false;
    /* result × 10^power is the value × 10^scale */
    int power = (rounded.weight - rounded.count + 1) * BIG_GROUP + value->scale;
    if (power > 38 || power < -3) return false;
    for (; power < 0; power++)
        result /= 10;
    if (!int128_multiply(result, power_of_ten[power], &result)) return false;
    out->value = value->negative ? -result : result;
    return true;
}

double big_to_double(const BigDecimal *value) {
    char text[BIG_GROUP * 12 + 32], *next = text;
    int count = value->count < 10 ? value->count : 10;
    if (value->negative) *next++ = '-';
    *next++ = '0';
    for (int i = 0; i < count; i++)
        next += sprintf(next, "%04d", value->digits[i]);
    sprintf(next, "e%d", (value->weight - count + 1) * BIG_GROUP);
    return strtod(text, NULL);
}

static int compare_magnitude(const BigDecimal *a, const BigDecimal *b) {
    if (a->count == 0 || b->count == 0) return (a->count > 0) - (b->count > 0);
    if (a->weight != b->weight) return a->weight < b->weight ? -1 : 1;
    for (int i = 0; i < a->count || i < b->count; i++) {
        int left = i < a->count ? a->digits[i] : 0, right = i < b->count ? b->digits[i] : 0;
        if (left != right) return left < right ? -1 : 1;
    }
    return 0;
}

int big_compare(const BigDecimal *a, const BigDecimal *b) {
    if (a->negative != b->negative) return a->negative ? -1 : 1;
    return a->negative ? -compare_magnitude(a, b) : compare_magnitude(a, b);
}

bool big_round(BigDecimal *value, int scale) {
    static const int POWERS[] = {1, 10, 100, 1000};
    value->scale = scale;
    /* decimal places kept, counted from the start of the first group */
    int kept = (value->weight + 1) * BIG_GROUP + scale;
    if (value->count == 0 || kept >= value->count * BIG_GROUP) return true;
    if (kept < 0) {
        value->count = 0;
        normalise(value);
        return true;
    }
    int group = kept / BIG_GROUP, inside = kept % BIG_GROUP;
    int unit = inside ? POWERS[BIG_GROUP - inside] : BIG_BASE; /* what the last kept place counts */
    int last = value->digits[group], below = last % unit;
    bool up = below * 2 >= unit;
    int carry = last - below + (up ? unit : 0);
    value->count = group + 1;
    for (int i = group; i >= 0; i--) {
        if (i < group) carry += value->digits[i];
        value->digits[i] = (uint16_t)(carry % BIG_BASE);
        carry /= BIG_BASE;
    }
    if (carry) {
        if (value->count >= BIG_DIGITS) return false;
        memmove(value->digits + 1, value->digits, (size_t)value->count * sizeof value->digits[0]);
        value->digits[0] = (uint16_t)carry;
        value->count++;
        value->weight++;
    }
    normalise(value);
    return true;
}

/* |a| + |b|, or |a| - |b| where |a| >= |b|. */
static bool combine(const BigDecimal *a, const BigDecimal *b, bool subtract, bool negative, BigDecimal *out) {
    int top = a->weight > b->weight ? a->weight : b->weight;
    int low_a = a->weight - a->count, low_b = b->weight - b->count, low = low_a < low_b ? low_a : low_b;
    int count = top - low + 1; /* one group more, for the carry */
    if (count > BIG_DIGITS) return false;
    uint16_t digits[BIG_DIGITS];
    int carry = 0;
    for (int i = count - 1; i >= 0; i--) {
        int at = top + 1 - i, in_a = a->weight - at, in_b = b->weight - at;
        int left = in_a >= 0 && in_a < a->count ? a->digits[in_a] : 0;
        int right = in_b >= 0 && in_b < b->count ? b->digits[in_b] : 0;
        int sum = left + (subtract ? -right : right) + carry;
        carry = sum >= BIG_BASE ? 1 : sum < 0 ? -1 : 0;
        digits[i] = (uint16_t)(sum - carry * BIG_BASE);
    }
    out->scale = a->scale > b->scale ? a->scale : b->scale;
    out->negative = negative;
    out->weight = top + 1;
    out->count = count;
    memcpy(out->digits, digits, (size_t)count * sizeof digits[0]);
    normalise(out);
    return true;
}

static bool add_signed(const BigDecimal *a, const BigDecimal *b, bool negate_b, BigDecimal *out) {
    bool negative_b = b->negative != negate_b;
    int scale = a->scale > b->scale ? a->scale : b->scale;
    if (a->count == 0 || b->count == 0) {
        const BigDecimal *other = a->count == 0 ? b : a;
        bool negative = a->count == 0 ? negative_b && b->count > 0 : a->negative;
        big_copy(out, other);
        out->negative = negative;
        out->scale = scale;
        return true;
    }
    if (a->negative == negative_b) return combine(a, b, false, a->negative, out);
    if (compare_magnitude(a, b) >= 0) return combine(a, b, true, a->negative, out);
    return combine(b, a, true, negative_b, out);
}

bool big_add(const BigDecimal *a, const BigDecimal *b, BigDecimal *out) {
    return add_signed(a, b, false, out);
}
bool big_subtract(const BigDecimal *a, const BigDecimal *b, BigDecimal *out) {
    return add_signed(a, b, true, out);
}

bool big_multiply(const BigDecimal *a, const BigDecimal *b, int scale, BigDecimal *out) {
    uint64_t sums[BIG_DIGITS];
    int count = a->count + b->count;
    if (count > BIG_DIGITS) return false;
    memset(sums, 0, (size_t)count * sizeof sums[0]);
    for (int i = 0; i < a->count; i++)
        for (int j = 0; j < b->count; j++)
            sums[i + j + 1] += (uint64_t)a->digits[i] * b->digits[j];
    bool zero = a->count == 0 || b->count == 0, negative = a->negative != b->negative;
    int weight = a->weight + b->weight + 1;
    uint64_t carry = 0;
    out->count = zero ? 0 : count;
    for (int i = count - 1; i >= 0 && !zero; i--) {
        carry += sums[i];
        out->digits[i] = (uint16_t)(carry % BIG_BASE);
        carry /= BIG_BASE;
    }
    out->weight = weight;
    out->negative = negative;
    normalise(out);
    return big_round(out, scale);
}

bool big_divide_int(const BigDecimal *a, int64_t divisor, int scale, BigDecimal *out) {
    /* one group beyond the scale decides the rounding; more of the quotient cannot turn it */
    int count = a->weight + 1 + scale / BIG_GROUP + 2;
    if (a->count == 0 || count <= 0) {
        out->count = out->weight = 0;
        out->negative = false;
        out->scale = scale;
        return true;
    }
    if (count > BIG_DIGITS) return false;
    uint64_t rest = 0;
    int given = a->count, weight = a->weight;
    for (int i = 0; i < count; i++) {
        rest = rest * BIG_BASE + (i < given ? a->digits[i] : 0);
        out->digits[i] = (uint16_t)(rest / (uint64_t)divisor);
        rest %= (uint64_t)divisor;
    }
    out->negative = a->negative;
    out->weight = weight;
    out->count = count;
    normalise(out);
    return big_round(out, scale);
}

/* Schoolbook division in base 10000 (Knuth's algorithm D). */
bool big_divide(const BigDecimal *a, const BigDecimal *b, int scale, BigDecimal *out) {
    int weight = a->weight - b->weight;
    int count = weight + 1 + scale / BIG_GROUP + 2; /* groups of the quotient */
    if (a->count == 0 || count <= 0) {
        out->count = out->weight = 0;
        out->negative = false;
        out->scale = scale;
        return true;
    }
    int divisor_count = b->count;
    if (count + divisor_count + 1 > BIG_DIGITS) return false;
    /* normalised so that the first digit of the divisor is at least half the base */
    int factor = BIG_BASE / (b->digits[0] + 1);
    uint16_t divisor[BIG_DIGITS];
    int32_t rest[BIG_DIGITS + 1];
    int carry = 0;
    for (int i = divisor_count - 1; i >= 0; i--) {
        carry += b->digits[i] * factor;
        divisor[i] = (uint16_t)(carry % BIG_BASE);
        carry /= BIG_BASE;
    }
    int total = count + divisor_count;
    carry = 0;
    for (int i = total - 1; i >= 0; i--) {
        carry += (i < a->count ? a->digits[i] : 0) * factor;
        rest[i + 1] = carry % BIG_BASE;
        carry /= BIG_BASE;
    }
    rest[0] = carry;
    bool negative = a->negative != b->negative;
    uint16_t quotient[BIG_DIGITS];
    for (int q = 0; q < count; q++) {
        int64_t top = (int64_t)rest[q] * BIG_BASE + rest[q + 1];
        int64_t guess = top / divisor[0];
        if (guess >= BIG_BASE) guess = BIG_BASE - 1;
        int second = divisor_count > 1 ? divisor[1] : 0, third = q + 2 <= total ? rest[q + 2] : 0;
        while (guess * second > (top - guess * divisor[0]) * BIG_BASE + third)
            guess--;
        int64_t borrow = 0;
        for (int i = divisor_count - 1; i >= 0; i--) {
            int64_t value = rest[q + 1 + i] - guess * divisor[i] + borrow;
            int64_t digit = value % BIG_BASE;
            if (digit < 0) digit += BIG_BASE;
            borrow = (value - digit) / BIG_BASE;
            rest[q + 1 + i] = (int32_t)digit;
        }
        rest[q] += (int32_t)borrow;
        if (rest[q] < 0) { /* one too much: add the divisor back */
            guess--;
            int back = 0;
            for (int i = divisor_count - 1; i >= 0; i--) {
                back += rest[q + 1 + i] + divisor[i];
                rest[q + 1 + i] = back % BIG_BASE;
                back /= BIG_BASE;
            }
            rest[q] += back;
        }
        quotient[q] = (uint16_t)guess;
    }
    out->negative = negative;
    out->weight = weight;
    out->count = count;
    memcpy(out->digits, quotient, (size_t)count * sizeof quotient[0]);
    normalise(out);
    return big_round(out, scale);
}

/* The number next to `value` at that scale, above or below. */
static void last_place(int scale, bool half, BigDecimal *out) {
    static const int POWERS[] = {1, 10, 100, 1000};
    int place = half ? scale + 1 : scale, group = (place + BIG_GROUP - 1) / BIG_GROUP;
    out->count = 1;
    out->negative = false;
    out->scale = place;
    out->weight = -group;
    out->digits[0] = (uint16_t)(POWERS[group * BIG_GROUP - place] * (half ? 5 : 1));
}

/* Newton's iteration from a double; then one place up or down until the square fits. */
bool big_square_root(const BigDecimal *value, int scale, BigDecimal *out) {
    BigDecimal number, root, quotient, half, unit, square;
    big_copy(&number, value);
    if (number.count == 0) {
        big_copy(out, &number);
        out->scale = scale;
        return true;
    }
    int even = number.weight - (number.weight & 1); /* scaled by 10000^even for the first guess */
    number.weight -= even;
    double guess = sqrt(big_to_double(&number));
    big_from_numeric(numeric_make((Int128)(guess * 1e15), 15), &root);
    root.weight += even / 2;
    number.weight += even;
    int working = scale + 8;
    int places = working + (root.weight + 1) * BIG_GROUP;
    for (int exact = 14;; exact *= 2) {
        if (!big_divide(&number, &root, working, &quotient) || !big_add(&root, &quotient, &root) ||
            !big_divide_int(&root, 2, working, &root))
            return false;
        if (exact > places) break;
    }
    if (!big_round(&root, scale)) return false;
    last_place(scale, true, &half);
    last_place(scale, false, &unit);
    for (int step = 0; step < 4; step++) {
        BigDecimal edge;
        if (!big_add(&root, &half, &edge) || !big_multiply(&edge, &edge, edge.scale * 2, &square))
            return false;
        if (compare_magnitude(&square, &number) <= 0) {
            if (!big_add(&root, &unit, &root)) return false;
            continue;
        }
        if (!big_subtract(&root, &half, &edge) || !big_multiply(&edge, &edge, edge.scale * 2, &square))
            return false;
        if (edge.negative || compare_magnitude(&square, &number) <= 0) break;
        if (!big_subtract(&root, &unit, &root)) return false;
    }
    big_copy(out, &root);
    out->scale = scale;
    return true;
}
