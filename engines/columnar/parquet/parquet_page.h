/* One page's bytes → a ParquetPage: checksum, decompression, levels, values, NULLs spread. */
#pragma once

#include "engines/columnar/parquet/parquet_cache.h"
#include "engines/columnar/parquet/parquet_metadata.h"

typedef struct ParquetPageInput {
    const char *path;
    const ParquetLeaf *leaf;
    int codec;
    ParquetPageHeader header;
    const uint8_t *body; /* header.compressed_bytes, then PARQUET_PADDING readable bytes */
} ParquetPageInput;

/* Memory of the calling thread, kept for the next call with the same slot. */
enum { SCRATCH_INPUT, SCRATCH_BODY, SCRATCH_VALUES, SCRATCH_MORE, SCRATCH_COUNT };
void *parquet_scratch(int slot, size_t bytes);

/* `dictionary` may be NULL when the page does not use one. */
Status parquet_page_decode(const ParquetPageInput *input, const ParquetPage *dictionary, ParquetPage *out,
                           Error *err);
Status parquet_dictionary_decode(const ParquetPageInput *input, ParquetPage *out, Error *err);
static inline bool parquet_encoding_is_dictionary(int encoding) {
    return encoding == ENCODING_PLAIN_DICTIONARY || encoding == ENCODING_RLE_DICTIONARY;
}
