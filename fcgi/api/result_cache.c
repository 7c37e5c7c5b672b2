#include "fcgi/api/result_cache.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zstd.h>

#include "engines/base/hash.h"

enum {
    MOST_ELSE_BYTES = 16 << 10 /* in a value beside the head and the marker, where it is read in haste */
};
enum { COMPRESS_FROM_BYTES = 4 << 10, ZSTD_LEVEL = 1, KEPT_CONTEXTS = 8 };

/* Before the marker, the tail and the head in a value. */
typedef struct ValueHead {
    int64_t rows;
    uint64_t head_bytes; /* before compression */
    uint32_t marker_bytes, tail_bytes;
    uint32_t compressed, unused;
} ValueHead;

/* zstd's memory is larger than most answers, so it is kept. */
typedef struct Contexts {
    ZSTD_CCtx *packers[KEPT_CONTEXTS];
    ZSTD_DCtx *unpackers[KEPT_CONTEXTS];
    int packer_count, unpacker_count;
} Contexts;

struct ResultCache {
    ResultCacheOptions options; /* the path is not kept */
    ResultStore *store;
    ResultFlights *flights;
    ResultCounters counters;
    uint64_t build;
    pthread_mutex_t lock; /* contexts */
    Contexts contexts;
};

/* ---- life ------------------------------------------------------------------------------------------------
 */

/* A program that was built anew is another file, or another time. */
static uint64_t build_of_this(void) {
    struct stat status = {0};
    if (stat("/proc/self/exe", &status) != 0) return 0;
    uint64_t parts[] = {status.st_dev, status.st_ino, (uint64_t)status.st_size,
                        (uint64_t)status.st_mtim.tv_sec, (uint64_t)status.st_mtim.tv_nsec};
    return hash64_bytes(parts, sizeof parts, 0);
}

Status result_cache_open(const ResultCacheOptions *options, ResultCache **out, Error *err) {
    ResultCache *cache = calloc(1, sizeof *cache);
    char *flights_path;
    if (!cache || asprintf(&flights_path, "%s.flights", options->path) < 0) abort();
    cache->options = *options;
    cache->options.path = NULL;
    cache->build = build_of_this();
    pthread_mutex_init(&cache->lock, NULL);
    Status status = result_store_open(options->path, options->bytes, &cache->store, err);
    if (status == STATUS_OK) status = result_flights_open(flights_path, &cache->flights, err);
    free(flights_path);
    if (status != STATUS_OK) {
        result_cache_close(cache);
        return STATUS_ERROR;
    }
    *out = cache;
    return STATUS_OK;
}

void result_cache_close(ResultCache *cache) {
    if (!cache) return;
    for (int i = 0; i < cache->contexts.packer_count; i++)
        ZSTD_freeCCtx(cache->contexts.packers[i]);
    for (int i = 0; i < cache->contexts.unpacker_count; i++)
        ZSTD_freeDCtx(cache->contexts.unpackers[i]);
    result_flights_close(cache->flights);
    result_store_close(cache->store);
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

const ResultCacheOptions *result_cache_options(const ResultCache *cache) {
    return &cache->options;
}
ResultFlights *result_cache_flights(ResultCache *cache) {
    return cache->flights;
}
uint64_t result_cache_build(const ResultCache *cache) {
    return cache->build;
}
ResultCounters *result_cache_counters(ResultCache *cache) {
    return &cache->counters;
}
void result_cache_use(ResultCache *cache, ResultStoreUse *out) {
    result_store_use(cache->store, out);
}

void result_answer_deinit(ResultAnswer *answer) {
    strbuf_deinit(&answer->head);
    strbuf_deinit(&answer->tail);
}

/* ---- zstd ------------------------------------------------------------------------------------------------
 */

static ZSTD_CCtx *take_packer(ResultCache *cache) {
    pthread_mutex_lock(&cache->lock);
    Contexts *contexts = &cache->contexts;
    ZSTD_CCtx *packer = contexts->packer_count ? contexts->packers[--contexts->packer_count] : NULL;
    pthread_mutex_unlock(&cache->lock);
    return packer ? packer : ZSTD_createCCtx();
}

static void give_packer_back(ResultCache *cache, ZSTD_CCtx *packer) {
    pthread_mutex_lock(&cache->lock);
    Contexts *contexts = &cache->contexts;
    bool keep = contexts->packer_count < KEPT_CONTEXTS;
    if (keep) contexts->packers[contexts->packer_count++] = packer;
    pthread_mutex_unlock(&cache->lock);
    if (!keep) ZSTD_freeCCtx(packer);
}

static ZSTD_DCtx *take_unpacker(ResultCache *cache) {
    pthread_mutex_lock(&cache->lock);
    Contexts *contexts = &cache->contexts;
    ZSTD_DCtx *unpacker = contexts->unpacker_count ? contexts->unpackers[--contexts->unpacker_count] : NULL;
    pthread_mutex_unlock(&cache->lock);
    return unpacker ? unpacker : ZSTD_createDCtx();
}

static void give_unpacker_back(ResultCache *cache, ZSTD_DCtx *unpacker) {
    pthread_mutex_lock(&cache->lock);
    Contexts *contexts = &cache->contexts;
    bool keep = contexts->unpacker_count < KEPT_CONTEXTS;
    if (keep) contexts->unpackers[contexts->unpacker_count++] = unpacker;
    pthread_mutex_unlock(&cache->lock);
    if (!keep) ZSTD_freeDCtx(unpacker);
}

/* Appends `head` as it goes into the store; false: as it is, because that is shorter or soon read. */
static bool append_packed(ResultCache *cache, const StrBuf *head, StrBuf *out) {
    if (head->length < COMPRESS_FROM_BYTES) return false;
    size_t bound = ZSTD_compressBound(head->length);
    ZSTD_CCtx *packer = take_packer(cache);
    if (!packer) return false;
    strbuf_grow(out, bound);
    size_t packed =
        ZSTD_compressCCtx(packer, out->data + out->length, bound, head->data, head->length, ZSTD_LEVEL);
    give_packer_back(cache, packer);
    if (ZSTD_isError(packed) || packed >= head->length) return false;
    out->length += packed;
    return true;
}

static bool append_unpacked(ResultCache *cache, const char *packed, size_t packed_bytes, size_t bytes,
                            StrBuf *out) {
    ZSTD_DCtx *unpacker = take_unpacker(cache);
    if (!unpacker) return false;
    strbuf_grow(out, bytes);
    size_t got = ZSTD_decompressDCtx(unpacker, out->data + out->length, bytes, packed, packed_bytes);
    give_unpacker_back(cache, unpacker);
    if (ZSTD_isError(got) || got != bytes) return false;
    out->length += got;
    out->data[out->length] = 0;
    return true;
}

/* ---- values ----------------------------------------------------------------------------------------------
 */

bool result_cache_keep(ResultCache *cache, const StrBuf *key, const StrBuf *marker,
                       const ResultAnswer *answer) {
    StrBuf value;
    strbuf_init(&value);
    ValueHead head = {.rows = answer->rows,
                      .head_bytes = answer->head.length,
                      .marker_bytes = (uint32_t)marker->length,
                      .tail_bytes = (uint32_t)answer->tail.length};
    strbuf_append(&value, &head, sizeof head);
    strbuf_append(&value, marker->data, marker->length);
    strbuf_append(&value, answer->tail.data, answer->tail.length);
    head.compressed = append_packed(cache, &answer->head, &value);
    if (!head.compressed) strbuf_append(&value, answer->head.data, answer->head.length);
    memcpy(value.data, &head, sizeof head);
    bool kept = result_store_put(cache->store, key->data, key->length, value.data, value.length);
    strbuf_deinit(&value);
    atomic_fetch_add_explicit(kept ? &cache->counters.stored : &cache->counters.refused, 1,
                              memory_order_relaxed);
    return kept;
}

/* False: made from something else than `marker`. */
static bool is_made_from(const StrBuf *value, const StrBuf *marker) {
    ValueHead head;
    if (value->length < sizeof head) return false;
    memcpy(&head, value->data, sizeof head);
    return head.marker_bytes == marker->length && head.marker_bytes <= value->length - sizeof head &&
           memcmp(value->data + sizeof head, marker->data, marker->length) == 0;
}

/* The sizes are checked though a checksum was: whoever may write to the file may write checksums, too. */
static bool read_value(ResultCache *cache, const StrBuf *value, size_t most_bytes, ResultAnswer *out) {
    ValueHead head;
    if (value->length < sizeof head) return false;
    memcpy(&head, value->data, sizeof head);
    size_t left = value->length - sizeof head;
    const char *at = value->data + sizeof head;
    if (head.marker_bytes > left || head.tail_bytes > left - head.marker_bytes || head.rows < 0 ||
        head.head_bytes > (uint64_t)cache->options.max_entry_bytes || head.head_bytes > most_bytes)
        return false;
    at += head.marker_bytes;
    left -= (size_t)head.marker_bytes + head.tail_bytes;
    strbuf_append(&out->tail, at, head.tail_bytes);
    at += head.tail_bytes;
    out->rows = head.rows;
    if (head.compressed) return append_unpacked(cache, at, left, head.head_bytes, &out->head);
    if (left != head.head_bytes) return false;
    strbuf_append(&out->head, at, left);
    return true;
}

bool result_cache_find(ResultCache *cache, const StrBuf *key, const StrBuf *marker, size_t most_bytes,
                       ResultAnswer *out) {
    StrBuf value;
    strbuf_init(&value);
    *out = (ResultAnswer){0};
    size_t most_value = most_bytes < SIZE_MAX / 2 ? most_bytes + marker->length + MOST_ELSE_BYTES : SIZE_MAX;
    bool there = result_store_get(cache->store, key->data, key->length, most_value, &value);
    bool current = there && is_made_from(&value, marker);
    bool found = current && read_value(cache, &value, most_bytes, out);
    strbuf_deinit(&value);
    if (there && !current) atomic_fetch_add_explicit(&cache->counters.stale, 1, memory_order_relaxed);
    if (!found) {
        strbuf_reset(&out->head);
        strbuf_reset(&out->tail);
    }
    return found;
}
