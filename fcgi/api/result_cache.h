/* Answers of statements, kept while nothing they were made from has changed.
 *
 *   result_cache_open → result_cache_find (a hit when the marker is still the same) | result_cache_keep
 *   → result_cache_close
 *
 * An entry is the body of an answer as it was sent, without what is told anew each time (engine, timing):
 * what stands before those members and what stands after them. Serialised rows, not Arrow batches: a
 * dashboard asks for one format, and writing 1,000 rows of JSON anew takes some ten times longer than copying
 * them. Thread-safe; shared by the pool's processes (result_store.h).
 */
#pragma once

#include "fcgi/api/result_flights.h"
#include "fcgi/api/result_store.h"

typedef struct ResultCache ResultCache;

typedef struct ResultCacheOptions {
    const char *path; /* of the files, which are made when missing */
    int64_t bytes;
    int64_t max_entry_bytes; /* of an answer, before compression */
    double
        min_wait_cost_ms; /* cheaper statements are not worth asking a server whether their tables changed */
} ResultCacheOptions;

typedef struct ResultAnswer {
    int64_t rows;
    StrBuf head, tail; /* around the members that are told anew */
} ResultAnswer;

Status result_cache_open(const ResultCacheOptions *options, ResultCache **out, Error *err);
void result_cache_close(ResultCache *cache); /* may be NULL */
const ResultCacheOptions *result_cache_options(const ResultCache *cache);
ResultFlights *result_cache_flights(ResultCache *cache);
/* What of the key is the program's: answers of another build are not this one's. */
uint64_t result_cache_build(const ResultCache *cache);

/* The answer kept under `key` if it was made from `marker` and is no larger than `most_bytes`. `out` is empty
 * on a miss, and the caller's either way. */
bool result_cache_find(ResultCache *cache, const StrBuf *key, const StrBuf *marker, size_t most_bytes,
                       ResultAnswer *out);
bool result_cache_keep(ResultCache *cache, const StrBuf *key, const StrBuf *marker,
                       const ResultAnswer *answer);
void result_answer_deinit(ResultAnswer *answer);

/* Of this process. stale: found, but made from what has changed since; joined: waited for an equal one. */
typedef struct ResultCounters {
    _Atomic uint64_t hits, misses, stale, stored, refused, joined;
} ResultCounters;
ResultCounters *result_cache_counters(ResultCache *cache);
void result_cache_use(ResultCache *cache, ResultStoreUse *out);
