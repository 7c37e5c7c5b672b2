/* The different ones among a chunk's values, numbered as they come: what a dictionary page holds, and what
 * the sketch of distinct values has to see. Inside this folder only.
 *
 * chunk_dictionary_build → length, codes, entries → chunk_dictionary_sketch; the scratch is kept from chunk
 * to chunk. */
#pragma once

#include "engines/columnar/parquet/distinct_sketch.h"
#include "engines/columnar/parquet/parquet_storage.h"

/* A chunk's values that are not NULL, as they are stored; strings as StringViews, booleans as bytes. */
typedef struct DenseValues {
    const ParquetStorage *storage;
    const uint8_t *data;
    int64_t count;
    size_t width; /* bytes of one */
} DenseValues;

typedef struct ChunkDictionary {
    uint32_t length;  /* 0 = none: the values are too various to gain by it */
    uint32_t *codes;  /* of each dense value */
    uint8_t *entries; /* `length` values of the dense width */
    uint32_t seen;    /* entries of the first `seen_values` values, also when there is no dictionary */
    int64_t seen_values;
    size_t code_capacity;
    uint64_t *slots;
} ChunkDictionary;

/* `bytes_without`: what a value takes without a dictionary, compressed; 0 = not known. */
void chunk_dictionary_build(ChunkDictionary *dictionary, const DenseValues *values, double bytes_without);
/* None for this chunk. */
void chunk_dictionary_skip(ChunkDictionary *dictionary);
/* Notes each value that the dictionary was built of. */
void chunk_dictionary_sketch(const ChunkDictionary *dictionary, const DenseValues *values,
                             DistinctSketch *sketch);
void chunk_dictionary_deinit(ChunkDictionary *dictionary);
