/* Pure encoders: dense values → bytes appended to a StrBuf. The mirror of parquet_decode.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engines/base/strbuf.h"
#include "engines/columnar/types/vector.h"

/* RLE/bit-packed hybrid without any prefix; width 1..32. */
void parquet_encode_hybrid(const uint32_t *values, int64_t count, int width, StrBuf *out);
/* Definition levels of width 1 from bits [from, from + count) of a bitmap, `from` a multiple of 64. */
void parquet_encode_levels(const uint64_t *validity, int64_t from, int64_t count, StrBuf *out);
void parquet_encode_delta64(const int64_t *values, int64_t count, StrBuf *out);
void parquet_encode_delta32(const int32_t *values, int64_t count, StrBuf *out);
void parquet_encode_byte_stream_split(const uint8_t *values, size_t width, int64_t count, StrBuf *out);
void parquet_encode_plain_strings(const StringView *values, int64_t count, StrBuf *out);
/* DELTA_LENGTH_BYTE_ARRAY; `lengths` is room for `count`. */
void parquet_encode_delta_lengths(const StringView *values, int64_t count, int32_t *lengths, StrBuf *out);
/* DELTA_BYTE_ARRAY; `lengths` is room for 2 × `count`. */
void parquet_encode_delta_strings(const StringView *values, int64_t count, int32_t *lengths, StrBuf *out);
void parquet_encode_bools(const uint8_t *values, int64_t count, StrBuf *out);
