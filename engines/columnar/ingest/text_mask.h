/* Where some bytes stand among the next 64: bit i is set when text[i] is one of them. */
#pragma once

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>

static inline uint64_t text_mask16(__m128i bytes, __m128i a, __m128i b, __m128i c) {
    __m128i hits = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, a), _mm_cmpeq_epi8(bytes, b)),
                                _mm_cmpeq_epi8(bytes, c));
    return (uint64_t)(uint32_t)_mm_movemask_epi8(hits);
}

static inline uint64_t text_mask64(const char *text, char a, char b, char c) {
    __m128i as = _mm_set1_epi8(a), bs = _mm_set1_epi8(b), cs = _mm_set1_epi8(c);
    const __m128i *at = (const __m128i *)(const void *)text;
    return text_mask16(_mm_loadu_si128(at), as, bs, cs) |
           text_mask16(_mm_loadu_si128(at + 1), as, bs, cs) << 16 |
           text_mask16(_mm_loadu_si128(at + 2), as, bs, cs) << 32 |
           text_mask16(_mm_loadu_si128(at + 3), as, bs, cs) << 48;
}

/* Bit i of 16 is set when text[i] ends or interrupts a JSON string: a quote, a backslash, a control byte. */
static inline uint32_t text_string_mask16(const char *text) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)text);
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(31)), bytes);
    __m128i hits =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(hits, control));
}
#else
static inline uint64_t text_mask64(const char *text, char a, char b, char c) {
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)(text[i] == a || text[i] == b || text[i] == c) << i;
    return mask;
}

static inline uint32_t text_string_mask16(const char *text) {
    uint32_t mask = 0;
    for (int i = 0; i < 16; i++)
        mask |= (uint32_t)(text[i] == '"' || text[i] == '\\' || (unsigned char)text[i] < 32) << i;
    return mask;
}
#endif
