/* Pure decoders: bytes of a page body → dense values. No I/O, no allocation but through the scratch given.
 *
 * Every input slice must be followed by PARQUET_PADDING readable bytes: the bit unpackers load whole words.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engines/columnar/parquet/parquet_metadata.h"

enum { PARQUET_PADDING = 64 };

/* A slice that decoders eat from the front. */
typedef struct ParquetBytes {
    const uint8_t *next;
    const uint8_t *end;
} ParquetBytes;

static inline size_t parquet_bytes_left(const ParquetBytes *bytes) {
    return (size_t)(bytes->end - bytes->next);
}

/* 32 values of `width` (0..32) bits, least significant first; 64-bit ones up to 64. */
void parquet_unpack32(const uint8_t *in, int width, uint32_t *restrict out);
void parquet_unpack64(const uint8_t *in, int width, uint64_t *restrict out);

/* RLE/bit-packed hybrid. Each returns false when the bytes end early or are malformed. */
bool parquet_decode_hybrid(ParquetBytes *in, int width, int64_t count, uint32_t *restrict out);
/* Width 1 into a bitmap (bit set = 1), which must be zeroed and hold count + 64 bits. */
bool parquet_decode_hybrid_bits(ParquetBytes *in, int64_t count, uint64_t *out);
/* The deprecated BIT_PACKED levels of width 1 (most significant bit first). */
bool parquet_decode_bit_packed_bits(ParquetBytes *in, int64_t count, uint64_t *out);

/* DELTA_BINARY_PACKED; fails unless the stream holds exactly `count` values. `out` needs room for count +
 * 128. */
bool parquet_decode_delta64(ParquetBytes *in, int64_t count, uint64_t *out);
bool parquet_decode_delta32(ParquetBytes *in, int64_t count, uint32_t *out);

/* `width` streams of `count` bytes each, woven together. */
void parquet_decode_byte_stream_split(const uint8_t *in, size_t width, int64_t count, uint8_t *restrict out);

/* PLAIN BYTE_ARRAY values as views into the body. */
bool parquet_decode_plain_strings(ParquetBytes *in, int64_t count, StringView *restrict out);
/* FIXED_LEN_BYTE_ARRAY the same. */
void parquet_decode_fixed_strings(const uint8_t *in, size_t width, int64_t count, StringView *restrict out);
bool parquet_decode_plain_bools(ParquetBytes *in, int64_t count, uint8_t *restrict out);

/* Fixed-width stored values → physical values. False with `why` when a value does not fit. */
bool parquet_convert_fixed(const ParquetLeaf *leaf, const uint8_t *restrict in, int64_t count,
                           void *restrict out, const char **why);
/* A big-endian two's complement number; false when it has more than 128 bits. */
bool parquet_load_decimal(const uint8_t *bytes, size_t length, __int128 *out);
/* Byte arrays (decimals) → physical values. */
bool parquet_convert_bytes(const ParquetLeaf *leaf, const StringView *in, int64_t count, void *restrict out,
                           const char **why);

/* Spreads `dense` values at the front of `values` over the rows whose bit is set, in place; rows with a clear
 * bit get some value of the array, or zero when there is none. */
void parquet_spread_nulls(void *values, size_t width, const uint64_t *validity, int64_t rows, int64_t dense);

/* values[i] = dictionary[codes[i]]; the codes were checked. */
void parquet_gather(const void *restrict dictionary, const uint32_t *restrict codes, int64_t count,
                    size_t width, void *restrict out);
uint32_t parquet_max_code(const uint32_t *codes, int64_t count);
