/* Decoded pages and dictionaries: reference-counted memory, and the process-wide cache that keeps them.
 *
 * A ParquetPage is immutable once filled. Readers hold references; the cache holds one of its own and gives
 * it up when it needs the room, which never invalidates a reader's. Memory comes from a pool of recycled
 * blocks, because first touch of fresh memory costs more than decoding into it. All functions here are
 * thread-safe.
 *
 * Admission: while there is room everything is kept. When full, a page replaces the least recently used only
 * when it was asked for more often lately (a small frequency sketch decides), so that one scan of a big table
 * does not empty the cache, and a loop over more than fits keeps what it has instead of missing always.
 */
#pragma once

#include <stdatomic.h>

#include "engines/columnar/types/vector.h"

typedef struct ParquetPageKey {
    uint64_t device, inode;
    int64_t file_bytes, modified_ns;
    int64_t offset; /* of the page header */
} ParquetPageKey;

typedef struct ParquetPage ParquetPage;
struct ParquetPage {
    _Atomic int references;
    ParquetPageKey key;
    int64_t row_count;  /* values of a dictionary */
    int64_t value_rows; /* not NULL */
    bool is_dictionary;
    bool coded;                 /* `codes` instead of `values` */
    uint32_t dictionary_length; /* the codes were checked against this */
    uint64_t dictionary_id;
    uint64_t *validity; /* NULL = no NULLs; one word longer than needed */
    void *values;
    uint32_t *codes;
    void *heap;           /* bytes that string views point into */
    uint8_t *definitions; /* of a nested leaf, per entry; then `row_count` counts entries, */
    uint8_t *repetitions; /* and values are dense: `value_rows` of them */
    size_t validity_bytes, value_bytes, code_bytes, heap_bytes, level_bytes; /* as allocated */
    /* the cache's */
    ParquetPage *newer, *older, *next_in_bucket;
    bool cached;
};

/* Recycled memory; `*actual` is what must be given back. Never NULL: running out aborts, sizes were checked
 * before. */
void *parquet_memory_take(size_t bytes, size_t *actual);
void parquet_memory_give(void *memory, size_t actual);

ParquetPage *parquet_page_create(void);
void parquet_page_release(ParquetPage *page);
size_t parquet_page_bytes(const ParquetPage *page);

/* A reference for the caller, or NULL. */
ParquetPage *parquet_cache_get(const ParquetPageKey *key);
/* Offers a filled page (key set); the caller keeps its reference. */
void parquet_cache_offer(ParquetPage *page);
