/* Numbers for generate_rows.c: one stream per (seed, kind, row), so that every row stands alone. */
#pragma once

#include <math.h>
#include <stdint.h>

#include "engines/base/hash.h"

typedef struct RowRandom {
    uint64_t state;
} RowRandom;

static inline RowRandom row_random(uint64_t seed, uint64_t stream, int64_t row) {
    return (RowRandom){hash64_combine(hash64_combine(seed, stream + 1), (uint64_t)row)};
}
/* SplitMix64 (Steele, Lea, Flood 2014). */
static inline uint64_t random_u64(RowRandom *random) {
    uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}
/* 0 .. bound - 1 */
static inline uint64_t random_below(RowRandom *random, uint64_t bound) {
    return (uint64_t)((__uint128_t)random_u64(random) * bound >> 64);
}
/* [0, 1) */
static inline double random_unit(RowRandom *random) {
    return (double)(random_u64(random) >> 11) * 0x1p-53;
}
/* About normal, by the sum of uniforms (Irwin-Hall of 6): exact arithmetic, so the same on every machine. */
static inline double random_normal(RowRandom *random) {
    int64_t sum = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t bits = random_u64(random);
        sum += (int64_t)(bits & 0xFFFFFFFF) + (int64_t)(bits >> 32);
    }
    return ((double)sum * 0x1p-32 - 3.0) * 1.4142135623730951;
}
/* 0 .. bound - 1, low ones often: the inverse of a Zipf-like law with exponent about 1. */
static inline int64_t random_zipf(RowRandom *random, int64_t bound) {
    double rank = exp(random_unit(random) * log((double)bound + 1.0)) - 1.0;
    int64_t value = (int64_t)rank;
    return value < bound ? value : bound - 1;
}
