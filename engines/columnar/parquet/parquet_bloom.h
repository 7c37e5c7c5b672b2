/* Split-block bloom filters (parquet-format, BloomFilter.md): 256-bit blocks, eight bits set per value,
 * hashed with XXH64 over the value as it is stored PLAIN. Inside this folder only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engines/base/strbuf.h"

enum { BLOOM_BLOCK_BYTES = 32 };

uint64_t parquet_bloom_hash(const void *data, size_t length);
/* The block that `hash` falls into, of `bytes` / BLOOM_BLOCK_BYTES. */
size_t parquet_bloom_block(uint64_t hash, size_t bytes);
void parquet_bloom_insert(uint8_t *bits, size_t bytes, uint64_t hash);
bool parquet_bloom_block_holds(const uint8_t block[BLOOM_BLOCK_BYTES], uint64_t hash);
/* A power of two, as some readers insist, with some one to six false answers in a hundred for that many
 * values. */
size_t parquet_bloom_bytes_for(int64_t distinct);
/* The header in front of the bits. */
void parquet_bloom_write_header(size_t bytes, StrBuf *out);
