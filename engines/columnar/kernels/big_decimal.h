/* Decimals of any length up to BIG_DIGITS groups of four, for what 128 bits cannot hold on the way: the
 * series behind exp, ln, log and power. Every operation is exact and then rounded, half away from zero, to
 * the scale asked for; false when a result would be too long. Groups of four, because PostgreSQL's choice of
 * scales counts in them. */
#pragma once

#include "engines/columnar/kernels/numeric_math.h"

enum { BIG_DIGITS = 800, BIG_BASE = 10000, BIG_GROUP = 4 };

/* The sum of digits[i] × 10000^(weight - i); neither the first nor the last digit is 0, and 0 has none. */
typedef struct BigDecimal {
    int count, weight;
    int scale; /* decimal digits after the point that it is shown with */
    bool negative;
    uint16_t digits[BIG_DIGITS];
} BigDecimal;

void big_from_int(int64_t value, BigDecimal *out);
void big_from_numeric(Numeric value, BigDecimal *out);
bool big_to_numeric(const BigDecimal *value, Numeric *out); /* at its scale */
double big_to_double(const BigDecimal *value);
void big_copy(BigDecimal *out, const BigDecimal *value);

bool big_is_zero(const BigDecimal *value);
int big_compare(const BigDecimal *a, const BigDecimal *b);
/* Results may be one of the arguments. */
bool big_round(BigDecimal *value, int scale);
bool big_add(const BigDecimal *a, const BigDecimal *b, BigDecimal *out);
bool big_subtract(const BigDecimal *a, const BigDecimal *b, BigDecimal *out);
bool big_multiply(const BigDecimal *a, const BigDecimal *b, int scale, BigDecimal *out);
bool big_divide(const BigDecimal *a, const BigDecimal *b, int scale, BigDecimal *out); /* b not 0 */
bool big_divide_int(const BigDecimal *a, int64_t divisor, int scale,
                    BigDecimal *out);                                      /* 0 < divisor < 2^40 */
bool big_square_root(const BigDecimal *value, int scale, BigDecimal *out); /* value >= 0 */
