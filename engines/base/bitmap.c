#include "engines/base/bitmap.h"

void bitmap_fill(uint64_t *words, size_t bits) {
    size_t whole = bits / 64;
    memset(words, 0xFF, whole * 8);
    if (bits % 64) words[whole] = ((uint64_t)1 << (bits % 64)) - 1;
}

void bitmap_set_range(uint64_t *words, size_t start, size_t count) {
    size_t end = start + count;
    while (start < end && start % 64)
        bitmap_set(words, start++);
    while (start + 64 <= end) {
        words[start / 64] = ~(uint64_t)0;
        start += 64;
    }
    while (start < end)
        bitmap_set(words, start++);
}

size_t bitmap_count(const uint64_t *words, size_t bits) {
    size_t count = 0, whole = bits / 64;
    for (size_t i = 0; i < whole; i++)
        count += (size_t)__builtin_popcountll(words[i]);
    if (bits % 64) count += (size_t)__builtin_popcountll(words[whole] & (((uint64_t)1 << (bits % 64)) - 1));
    return count;
}

uint64_t *bitmap_and(uint64_t *out, const uint64_t *a, const uint64_t *b, size_t bits) {
    size_t words = bitmap_words(bits);
    for (size_t i = 0; i < words; i++)
        out[i] = (a ? a[i] : ~(uint64_t)0) & (b ? b[i] : ~(uint64_t)0);
    return out;
}
