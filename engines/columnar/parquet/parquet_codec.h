/* Decompression of page bodies. Contexts are kept per thread. */
#pragma once

#include "engines/columnar/parquet/parquet_metadata.h"

/* Exactly `out_bytes` come out, or it is an error. `out` needs no padding. */
Status parquet_decompress(const char *path, int codec, const uint8_t *in, size_t in_bytes, uint8_t *out,
                          size_t out_bytes, Error *err);
/* Whether `in_bytes` can at all become `out_bytes`: asked before memory is taken for a size that a file
 * claims. */
bool parquet_decompress_plausible(int codec, const uint8_t *in, size_t in_bytes, size_t out_bytes);
