#include "router/decision_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"

enum { SHARD_COUNT = 8, BUCKET_COUNT = 1024 };

typedef struct CacheEntry {
    struct CacheEntry *next_in_bucket;
    struct CacheEntry *newer, *older;
    DecisionKey key; /* strings owned */
    uint64_t epoch;
    Decision *decision;
    int64_t bytes;
} CacheEntry;

typedef struct CacheShard {
    _Alignas(64) pthread_mutex_t mutex;
    CacheEntry *buckets[BUCKET_COUNT];
    CacheEntry *newest, *oldest;
    int64_t bytes;
} CacheShard;

struct DecisionCache {
    CacheShard shards[SHARD_COUNT];
    int64_t shard_capacity;
};

static const char *forced_or_null(const char *engine) {
    return engine && engine[0] && strcmp(engine, "auto") != 0 ? engine : NULL;
}

void decision_key_init(DecisionKey *key, const RouteRequest *request) {
    *key = (DecisionKey){.sql = request->sql,
                         .sql_length = request->sql_length,
                         .engine = forced_or_null(request->engine),
                         .header_engine = forced_or_null(request->header_engine),
                         .as_of = request->as_of};
    key->hash = hash64_bytes(key->sql, key->sql_length, 0);
    if (key->engine) key->hash = hash64_bytes(key->engine, strlen(key->engine), key->hash);
    if (key->header_engine)
        key->hash = hash64_bytes(key->header_engine, strlen(key->header_engine), key->hash + 1);
    if (key->as_of) key->hash = hash64_bytes(key->as_of, strlen(key->as_of), key->hash + 2);
}

void decision_key_add_bits(DecisionKey *key, const RuleBits *bits) {
    key->bits = *bits;
    key->hash = hash64_bytes(bits, sizeof *bits, key->hash + 3);
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_key(const DecisionKey *a, const DecisionKey *b) {
    return a->hash == b->hash && a->sql_length == b->sql_length &&
           memcmp(a->sql, b->sql, a->sql_length) == 0 && same_text(a->engine, b->engine) &&
           same_text(a->header_engine, b->header_engine) && same_text(a->as_of, b->as_of) &&
           a->rules == b->rules && memcmp(&a->bits, &b->bits, sizeof a->bits) == 0;
}

static CacheShard *shard_of(DecisionCache *cache, uint64_t hash) {
    return &cache->shards[hash >> 61];
}
static CacheEntry **bucket_of(CacheShard *shard, uint64_t hash) {
    return &shard->buckets[hash % BUCKET_COUNT];
}

static void entry_free(CacheEntry *entry) {
    decision_release(entry->decision);
    free((char *)entry->key.sql);
    free((char *)entry->key.engine);
    free((char *)entry->key.header_engine);
    free((char *)entry->key.as_of);
    free(entry);
}

static void unlink_age(CacheShard *shard, CacheEntry *entry) {
    *(entry->newer ? &entry->newer->older : &shard->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &shard->oldest) = entry->newer;
}

static void link_newest(CacheShard *shard, CacheEntry *entry) {
    entry->newer = NULL;
    entry->older = shard->newest;
    *(shard->newest ? &shard->newest->newer : &shard->oldest) = entry;
    shard->newest = entry;
}

static void unlink_entry(CacheShard *shard, CacheEntry *entry) {
    CacheEntry **link = bucket_of(shard, entry->key.hash);
    while (*link != entry)
        link = &(*link)->next_in_bucket;
    *link = entry->next_in_bucket;
    unlink_age(shard, entry);
    shard->bytes -= entry->bytes;
}

static CacheEntry *find_entry(CacheShard *shard, const DecisionKey *key) {
    CacheEntry *entry = *bucket_of(shard, key->hash);
    while (entry && !same_key(&entry->key, key))
        entry = entry->next_in_bucket;
    return entry;
}

DecisionCache *decision_cache_create(int64_t capacity_bytes) {
    DecisionCache *cache = aligned_alloc(64, sizeof *cache);
    if (!cache) abort();
    memset(cache, 0, sizeof *cache);
    cache->shard_capacity = capacity_bytes / SHARD_COUNT;
    for (int i = 0; i < SHARD_COUNT; i++)
        pthread_mutex_init(&cache->shards[i].mutex, NULL);
    return cache;
}

void decision_cache_destroy(DecisionCache *cache) {
    if (!cache) return;
    decision_cache_clear(cache);
    for (int i = 0; i < SHARD_COUNT; i++)
        pthread_mutex_destroy(&cache->shards[i].mutex);
    free(cache);
}

Decision *decision_cache_find(DecisionCache *cache, const DecisionKey *key, uint64_t epoch) {
    CacheShard *shard = shard_of(cache, key->hash);
    Decision *decision = NULL;
    CacheEntry *stale = NULL;
    pthread_mutex_lock(&shard->mutex);
    CacheEntry *entry = find_entry(shard, key);
    if (entry && entry->epoch != epoch) {
        unlink_entry(shard, entry);
        stale = entry;
    } else if (entry) {
        decision = entry->decision;
        decision_retain(decision);
        if (shard->newest != entry) {
            unlink_age(shard, entry);
            link_newest(shard, entry);
        }
    }
    pthread_mutex_unlock(&shard->mutex);
    if (stale) /* outside the lock: may free a whole tree */
        entry_free(stale);
    return decision;
}

static char *copy_text(const char *text, size_t length) {
    if (!text) return NULL;
    char *copy = malloc(length + 1);
    if (!copy) abort();
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

void decision_cache_add(DecisionCache *cache, const DecisionKey *key, uint64_t epoch, Decision *decision,
                        int64_t bytes) {
    bytes += (int64_t)(sizeof(CacheEntry) + key->sql_length);
    if (bytes > cache->shard_capacity) return;
    CacheEntry *entry = calloc(1, sizeof *entry);
    if (!entry) abort();
    *entry = (CacheEntry){.epoch = epoch, .decision = decision, .bytes = bytes, .key = *key};
    entry->key.sql = copy_text(key->sql, key->sql_length);
    entry->key.engine = copy_text(key->engine, key->engine ? strlen(key->engine) : 0);
    entry->key.header_engine =
        copy_text(key->header_engine, key->header_engine ? strlen(key->header_engine) : 0);
    entry->key.as_of = copy_text(key->as_of, key->as_of ? strlen(key->as_of) : 0);
    decision_retain(decision);

    CacheShard *shard = shard_of(cache, key->hash);
    CacheEntry *dropped = NULL;
    pthread_mutex_lock(&shard->mutex);
    CacheEntry *known = find_entry(shard, key);
    if (known) {
        unlink_entry(shard, known);
        known->next_in_bucket = dropped;
        dropped = known;
    }
    while (shard->oldest && shard->bytes + bytes > cache->shard_capacity) {
        CacheEntry *oldest = shard->oldest;
        unlink_entry(shard, oldest);
        oldest->next_in_bucket = dropped;
        dropped = oldest;
    }
    CacheEntry **bucket = bucket_of(shard, key->hash);
    entry->next_in_bucket = *bucket;
    *bucket = entry;
    link_newest(shard, entry);
    shard->bytes += bytes;
    pthread_mutex_unlock(&shard->mutex);
    while (dropped) {
        CacheEntry *next = dropped->next_in_bucket;
        entry_free(dropped);
        dropped = next;
    }
}

void decision_cache_clear(DecisionCache *cache) {
    for (int i = 0; i < SHARD_COUNT; i++) {
        CacheShard *shard = &cache->shards[i];
        pthread_mutex_lock(&shard->mutex);
        CacheEntry *entry = shard->newest;
        memset(shard->buckets, 0, sizeof shard->buckets);
        shard->newest = shard->oldest = NULL;
        shard->bytes = 0;
        pthread_mutex_unlock(&shard->mutex);
        while (entry) {
            CacheEntry *older = entry->older;
            entry_free(entry);
            entry = older;
        }
    }
}

int64_t decision_cache_bytes(DecisionCache *cache) {
    int64_t bytes = 0;
    for (int i = 0; i < SHARD_COUNT; i++) {
        pthread_mutex_lock(&cache->shards[i].mutex);
        bytes += cache->shards[i].bytes;
        pthread_mutex_unlock(&cache->shards[i].mutex);
    }
    return bytes;
}
