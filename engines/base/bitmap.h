/* Bits, least significant first within 64-bit words (Arrow's validity order on little-endian machines). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline size_t bitmap_words(size_t bits) {
    return (bits + 63) / 64;
}
static inline size_t bitmap_bytes(size_t bits) {
    return bitmap_words(bits) * 8;
}
static inline bool bitmap_get(const uint64_t *words, size_t bit) {
    return words[bit >> 6] >> (bit & 63) & 1;
}
static inline void bitmap_set(uint64_t *words, size_t bit) {
    words[bit >> 6] |= (uint64_t)1 << (bit & 63);
}
static inline void bitmap_clear(uint64_t *words, size_t bit) {
    words[bit >> 6] &= ~((uint64_t)1 << (bit & 63));
}
static inline void bitmap_assign(uint64_t *words, size_t bit, bool value) {
    uint64_t mask = (uint64_t)1 << (bit & 63);
    words[bit >> 6] = (words[bit >> 6] & ~mask) | (value ? mask : 0);
}
/* Sets bits [0, bits) and clears the rest of the last word. */
void bitmap_fill(uint64_t *words, size_t bits);
void bitmap_set_range(uint64_t *words, size_t start, size_t count);
size_t bitmap_count(const uint64_t *words, size_t bits);
/* out = a AND b; either may be NULL, meaning all ones. Returns out. */
uint64_t *bitmap_and(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t bits);
