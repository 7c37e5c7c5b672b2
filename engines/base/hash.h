/* Non-cryptographic 64-bit hashes (XXH3 for bytes; a multiply-fold finaliser for integers).
 * Header-only XXH: libpg_query exports XXH symbols of its own, so none is linked from outside. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t hash64_bytes(const void *data, size_t length, uint64_t seed);
/* XXH64 with seed 0: the hash that Parquet's bloom filters are made of. */
uint64_t hash64_xxh64(const void *data, size_t length);

static inline uint64_t hash64_u64(uint64_t value) {
    __uint128_t product = (__uint128_t)(value ^ 0x9E3779B97F4A7C15u) * 0xBF58476D1CE4E5B9u;
    uint64_t folded = (uint64_t)product ^ (uint64_t)(product >> 64);
    return folded ^ (folded >> 29);
}
static inline uint64_t hash64_combine(uint64_t left, uint64_t right) {
    return hash64_u64(left ^ (right + 0x9E3779B97F4A7C15u + (left << 6) + (left >> 2)));
}
