/* Decisions by statement text and what was forced: bounded in bytes, least recently used out first.
 *
 * An entry made under an older epoch (the registry changed, an engine went up or down) is never found again.
 * Sharded, so that threads seldom meet; a lookup holds one mutex for a hash probe and a comparison. The cache
 * holds a reference on each decision; find() returns one of the caller's own. */
#pragma once

#include "router/rules.h"

typedef struct DecisionCache DecisionCache;

typedef struct DecisionKey {
    const char *sql;
    size_t sql_length;
    const char *engine;        /* NULL = not forced by the body */
    const char *header_engine; /* NULL = not by the header */
    const char *as_of;         /* NULL = now */
    uint64_t rules;            /* version of the rule set; 0 = the first */
    RuleBits bits;             /* what of the request those rules look at */
    uint64_t hash;
} DecisionKey;

/* Fills the hash; "auto" and "" count as not forced. */
void decision_key_init(DecisionKey *key, const RouteRequest *request);
/* Then, when rules look at the request. */
void decision_key_add_bits(DecisionKey *key, const RuleBits *bits);

DecisionCache *decision_cache_create(int64_t capacity_bytes);
void decision_cache_destroy(DecisionCache *cache);
Decision *decision_cache_find(DecisionCache *cache, const DecisionKey *key, uint64_t epoch);
/* `bytes` is what the decision keeps in memory. Too large a decision is not kept. */
void decision_cache_add(DecisionCache *cache, const DecisionKey *key, uint64_t epoch, Decision *decision,
                        int64_t bytes);
void decision_cache_clear(DecisionCache *cache);
int64_t decision_cache_bytes(DecisionCache *cache);
