#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/postgres/pgconn.h"

static void unlink_use(PgPreparedCache *cache, PgPrepared *prepared) {
    *(prepared->newer ? &prepared->newer->older : &cache->newest) = prepared->older;
    *(prepared->older ? &prepared->older->newer : &cache->oldest) = prepared->newer;
}

static void link_newest(PgPreparedCache *cache, PgPrepared *prepared) {
    prepared->newer = NULL;
    prepared->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = prepared;
    cache->newest = prepared;
}

PgPrepared *pgprepared_find(PgPreparedCache *cache, uint64_t hash, const char *sql) {
    for (PgPrepared *entry = cache->buckets[hash % PGCONN_BUCKETS]; entry; entry = entry->bucket_next) {
        if (entry->hash != hash || strcmp(entry->sql, sql)) continue;
        if (entry != cache->newest) {
            unlink_use(cache, entry);
            link_newest(cache, entry);
        }
        return entry;
    }
    return NULL;
}

PgPrepared *pgprepared_add(PgPreparedCache *cache, uint64_t hash, const char *sql) {
    PgPrepared *entry = calloc(1, sizeof *entry);
    if (!entry || !(entry->sql = strdup(sql))) abort();
    entry->hash = hash;
    snprintf(entry->name, sizeof entry->name, "sb_%llx_%x", (unsigned long long)hash & 0xFFFFFFFFFF,
             ++cache->serial);
    entry->bucket_next = cache->buckets[hash % PGCONN_BUCKETS];
    cache->buckets[hash % PGCONN_BUCKETS] = entry;
    link_newest(cache, entry);
    cache->count++;
    return entry;
}

void pgprepared_detach(PgPreparedCache *cache, PgPrepared *prepared) {
    PgPrepared **link = &cache->buckets[prepared->hash % PGCONN_BUCKETS];
    while (*link != prepared)
        link = &(*link)->bucket_next;
    *link = prepared->bucket_next;
    unlink_use(cache, prepared);
    cache->count--;
    prepared->detached = true;
}

void pgprepared_free(PgPrepared *prepared) {
    pgshape_release(prepared->shape);
    if (prepared->builder) arrow_builder_deinit(prepared->builder);
    free(prepared->builder);
    free(prepared->sql);
    free(prepared);
}

void pgprepared_remove(PgPreparedCache *cache, PgPrepared *prepared) {
    pgprepared_detach(cache, prepared);
    pgprepared_free(prepared);
}

void pgprepared_clear(PgPreparedCache *cache) {
    while (cache->newest)
        pgprepared_remove(cache, cache->newest);
}
