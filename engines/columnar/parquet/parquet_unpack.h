/* Bit unpacking, one straight loop per width: the width is a compile-time constant inside, so shifts and
 * masks are immediate operands and the compiler unrolls. Included by the decoders only; the public form is in
 * parquet_decode.h. */
#pragma once

#include <stdint.h>
#include <string.h>

#define PARQUET_INLINE static inline __attribute__((always_inline))

PARQUET_INLINE uint64_t parquet_load64(const uint8_t *from) {
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* 32 values from 4 × width bytes; loads stay within 8 bytes of the last value's first byte. */
PARQUET_INLINE void parquet_unpack32_width(const uint8_t *in, unsigned width, uint32_t *restrict out) {
    const uint64_t mask = width == 32 ? UINT32_MAX : ((uint64_t)1 << width) - 1;
#pragma GCC unroll 32
    for (unsigned i = 0; i < 32; i++) {
        unsigned bit = i * width;
        out[i] = (uint32_t)(parquet_load64(in + (bit >> 3)) >> (bit & 7) & mask);
    }
}

PARQUET_INLINE void parquet_unpack64_width(const uint8_t *in, unsigned width, uint64_t *restrict out) {
    const uint64_t mask = width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
#pragma GCC unroll 32
    for (unsigned i = 0; i < 32; i++) {
        unsigned bit = i * width, shift = bit & 7;
        uint64_t value = parquet_load64(in + (bit >> 3)) >> shift;
        if (shift + width > 64) /* a ninth byte; only for widths beyond 57 */
            value |= (uint64_t)in[(bit >> 3) + 8] << (64 - shift);
        out[i] = value & mask;
    }
}
