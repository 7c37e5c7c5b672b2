#include "engines/columnar/parquet/parquet_cache.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/base/hash.h"
#include "engines/columnar/parquet/parquet_reader.h"

/* ---- recycled memory ---- */

/* Size classes in quarter steps of a power of two: at most 25 % are wasted, and neighbours' pages fit each
 * other. */
enum { SMALLEST_CLASS_LOG = 12, CLASS_STEPS = 4, CLASS_COUNT = 31 * CLASS_STEPS };

typedef struct FreeBlock {
    struct FreeBlock *next;
} FreeBlock;

static struct {
    pthread_mutex_t lock;
    FreeBlock *blocks[CLASS_COUNT];
    int64_t held_bytes;
    int64_t limit_bytes;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .limit_bytes = 64 << 20};

static int class_of(size_t bytes, size_t *rounded) {
    if (bytes < (size_t)1 << SMALLEST_CLASS_LOG) bytes = (size_t)1 << SMALLEST_CLASS_LOG;
    int log = 63 - __builtin_clzll(bytes);
    size_t step = ((size_t)1 << log) / CLASS_STEPS;
    size_t steps = (bytes - ((size_t)1 << log) + step - 1) / step;
    *rounded = ((size_t)1 << log) + steps * step;
    return (log - SMALLEST_CLASS_LOG) * CLASS_STEPS + (int)steps;
}

void *parquet_memory_take(size_t bytes, size_t *actual) {
    int class = class_of(bytes, actual);
#ifdef SIGNALBOX_SANITIZED
    *actual = bytes; /* so that overruns are seen */
#else
    if (class < CLASS_COUNT) {
        pthread_mutex_lock(&pool.lock);
        FreeBlock *block = pool.blocks[class];
        if (block) {
            pool.blocks[class] = block->next;
            pool.held_bytes -= (int64_t)*actual;
        }
        pthread_mutex_unlock(&pool.lock);
        if (block) return block;
    }
#endif
    void *memory = NULL;
    if (class >= CLASS_COUNT || posix_memalign(&memory, 64, *actual ? *actual : 1) != 0) {
        fprintf(stderr, "signalbox: out of memory for %zu bytes\n", bytes);
        abort();
    }
    return memory;
}

void parquet_memory_give(void *memory, size_t actual) {
    if (!memory) return;
#ifndef SIGNALBOX_SANITIZED
    size_t rounded;
    int class = class_of(actual, &rounded);
    pthread_mutex_lock(&pool.lock);
    if (pool.held_bytes + (int64_t)actual <= pool.limit_bytes) {
        FreeBlock *block = memory;
        block->next = pool.blocks[class];
        pool.blocks[class] = block;
        pool.held_bytes += (int64_t)actual;
        memory = NULL;
    }
    pthread_mutex_unlock(&pool.lock);
#endif
    free(memory);
}

/* ---- pages ---- */

ParquetPage *parquet_page_create(void) {
    ParquetPage *page = calloc(1, sizeof *page);
    if (!page) abort();
    atomic_init(&page->references, 1);
    return page;
}

void parquet_page_release(ParquetPage *page) {
    if (!page || atomic_fetch_sub_explicit(&page->references, 1, memory_order_acq_rel) != 1) return;
    parquet_memory_give(page->validity, page->validity_bytes);
    parquet_memory_give(page->values, page->value_bytes);
    parquet_memory_give(page->codes, page->code_bytes);
    parquet_memory_give(page->heap, page->heap_bytes);
    parquet_memory_give(page->definitions, page->level_bytes);
    free(page);
}

size_t parquet_page_bytes(const ParquetPage *page) {
    return sizeof *page + page->validity_bytes + page->value_bytes + page->code_bytes + page->heap_bytes +
           page->level_bytes;
}

/* ---- the cache ---- */

enum { BUCKET_COUNT = 1 << 14, SKETCH_COUNT = 1 << 16, SKETCH_TOP = 3, DEFAULT_CACHE_MB = 256 };

static struct {
    pthread_mutex_t lock;
    ParquetPage *buckets[BUCKET_COUNT];
    ParquetPage *newest, *oldest;
    uint8_t sketch[SKETCH_COUNT];
    int64_t sketch_asked;
    ParquetCacheStats stats;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .stats = {.limit_bytes = (int64_t)DEFAULT_CACHE_MB << 20}};

static uint64_t hash_key(const ParquetPageKey *key) {
    uint64_t hash = hash64_combine(key->device, key->inode);
    hash = hash64_combine(hash, (uint64_t)key->modified_ns ^ (uint64_t)key->file_bytes << 40);
    return hash64_combine(hash, (uint64_t)key->offset);
}

static bool same_key(const ParquetPageKey *a, const ParquetPageKey *b) {
    return a->offset == b->offset && a->inode == b->inode && a->device == b->device &&
           a->file_bytes == b->file_bytes && a->modified_ns == b->modified_ns;
}

static ParquetPage *find_locked(const ParquetPageKey *key, uint64_t hash) {
    ParquetPage *page = cache.buckets[hash % BUCKET_COUNT];
    while (page && !same_key(&page->key, key))
        page = page->next_in_bucket;
    return page;
}

static void unlink_from_list(ParquetPage *page) {
    *(page->newer ? &page->newer->older : &cache.newest) = page->older;
    *(page->older ? &page->older->newer : &cache.oldest) = page->newer;
    page->newer = page->older = NULL;
}

static void link_newest(ParquetPage *page) {
    page->newer = NULL;
    page->older = cache.newest;
    *(cache.newest ? &cache.newest->newer : &cache.oldest) = page;
    cache.newest = page;
}

static void count_request_locked(uint64_t hash) {
    uint8_t *counter = &cache.sketch[hash >> 32 & (SKETCH_COUNT - 1)];
    if (*counter < SKETCH_TOP) ++*counter;
    /* Fading: a page that was popular long ago must not keep its place for ever. */
    if (++cache.sketch_asked > 16 * (cache.stats.page_count + 64)) {
        cache.sketch_asked = 0;
        for (int i = 0; i < SKETCH_COUNT; i++)
            cache.sketch[i] >>= 1;
    }
}

static uint8_t frequency(const ParquetPageKey *key) {
    return cache.sketch[hash_key(key) >> 32 & (SKETCH_COUNT - 1)];
}

/* Takes the page out; the cache's reference goes to the caller, who releases it outside the lock. */
static void remove_locked(ParquetPage *page, ParquetPage **removed) {
    ParquetPage **link = &cache.buckets[hash_key(&page->key) % BUCKET_COUNT];
    while (*link != page)
        link = &(*link)->next_in_bucket;
    *link = page->next_in_bucket;
    unlink_from_list(page);
    page->cached = false;
    cache.stats.used_bytes -= (int64_t)parquet_page_bytes(page);
    cache.stats.page_count--;
    page->next_in_bucket = *removed;
    *removed = page;
}

static void release_removed(ParquetPage *removed) {
    while (removed) {
        ParquetPage *next = removed->next_in_bucket;
        parquet_page_release(removed);
        removed = next;
    }
}

ParquetPage *parquet_cache_get(const ParquetPageKey *key) {
    uint64_t hash = hash_key(key);
    pthread_mutex_lock(&cache.lock);
    count_request_locked(hash);
    ParquetPage *page = find_locked(key, hash);
    if (page) {
        atomic_fetch_add_explicit(&page->references, 1, memory_order_relaxed);
        if (cache.newest != page) {
            unlink_from_list(page);
            link_newest(page);
        }
        cache.stats.hits++;
    } else {
        cache.stats.misses++;
    }
    pthread_mutex_unlock(&cache.lock);
    return page;
}

/* Whether `bytes` fit, after taking out colder pages. */
static bool make_room_locked(int64_t bytes, uint8_t wanted_frequency, ParquetPage **removed) {
    if (bytes > cache.stats.limit_bytes / 4) return false;
    while (cache.stats.used_bytes + bytes > cache.stats.limit_bytes) {
        ParquetPage *victim = cache.oldest;
        if (!victim || frequency(&victim->key) >= wanted_frequency) {
            cache.stats.rejected++;
            return false;
        }
        remove_locked(victim, removed);
        cache.stats.evicted++;
    }
    return true;
}

void parquet_cache_offer(ParquetPage *page) {
    int64_t bytes = (int64_t)parquet_page_bytes(page);
    uint64_t hash = hash_key(&page->key);
    ParquetPage *removed = NULL;
    pthread_mutex_lock(&cache.lock);
    if (!page->cached && !find_locked(&page->key, hash) &&
        make_room_locked(bytes, frequency(&page->key), &removed)) {
        atomic_fetch_add_explicit(&page->references, 1, memory_order_relaxed);
        page->cached = true;
        page->next_in_bucket = cache.buckets[hash % BUCKET_COUNT];
        cache.buckets[hash % BUCKET_COUNT] = page;
        link_newest(page);
        cache.stats.used_bytes += bytes;
        cache.stats.page_count++;
    }
    pthread_mutex_unlock(&cache.lock);
    release_removed(removed);
}

void parquet_cache_configure(int64_t bytes) {
    ParquetPage *removed = NULL;
    pthread_mutex_lock(&cache.lock);
    cache.stats.limit_bytes = bytes > 0 ? bytes : 0;
    while (cache.stats.used_bytes > cache.stats.limit_bytes)
        remove_locked(cache.oldest, &removed);
    pthread_mutex_unlock(&cache.lock);
    release_removed(removed);
    /* Recycled blocks shrink with it, but never to nothing: without a cache every page is decoded into one.
     */
    int64_t keep = bytes / 4 < (64 << 20) ? bytes / 4 : 64 << 20;
    keep = keep > (16 << 20) ? keep : 16 << 20;
    FreeBlock *freed = NULL;
    pthread_mutex_lock(&pool.lock);
    pool.limit_bytes = keep;
    if (pool.held_bytes > pool.limit_bytes) {
        for (int i = 0; i < CLASS_COUNT; i++) {
            while (pool.blocks[i]) {
                FreeBlock *block = pool.blocks[i];
                pool.blocks[i] = block->next;
                block->next = freed;
                freed = block;
            }
        }
        pool.held_bytes = 0;
    }
    pthread_mutex_unlock(&pool.lock);
    while (freed) {
        FreeBlock *next = freed->next;
        free(freed);
        freed = next;
    }
}

ParquetCacheStats parquet_cache_stats(void) {
    pthread_mutex_lock(&cache.lock);
    ParquetCacheStats stats = cache.stats;
    pthread_mutex_unlock(&cache.lock);
    return stats;
}
