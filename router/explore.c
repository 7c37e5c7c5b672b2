#include "router/explore.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "engines/base/hash.h"

enum {
    FORGET_SECONDS = 1800, /* what was seen that long ago may have changed */
    LEAST_LIMIT_MS = 3,    /* a plan, a connection, a thread */
    MOST_SAVED_RUNS = 4    /* a quiet hour does not buy a busy minute */
};
static const double LIMIT_RATIO = 2, LEAST_CHANCE = 0.05;

void explorer_init(Explorer *explorer, double share, double max_ms, uint64_t seed) {
    *explorer = (Explorer){.share = share, .max_ms = max_ms, .seed = seed};
}

/* ---- what was tried of late
 * -------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const CostKey *key) {
    return hash64_bytes(key->engine, strlen(key->engine), hash64_combine(key->fingerprint, key->class));
}

void explorer_note_tried(Explorer *explorer, const CostKey *key, uint32_t now_seconds) {
    uint64_t hash = hash_of(key);
    atomic_store(&explorer->tried[hash % EXPLORER_REMEMBERED], hash >> 32 << 32 | now_seconds);
}

static bool is_tried(const Explorer *explorer, const CostKey *key, uint32_t now_seconds) {
    uint64_t hash = hash_of(key), tried = atomic_load(&explorer->tried[hash % EXPLORER_REMEMBERED]);
    return tried >> 32 == hash >> 32 && now_seconds - (uint32_t)tried < FORGET_SECONDS;
}

/* ---- the budget
 * -------------------------------------------------------------------------------------------- */

static void save(Explorer *explorer, double ms) {
    int64_t most = (int64_t)(explorer->max_ms * 1000 * MOST_SAVED_RUNS);
    int64_t saved = atomic_load(&explorer->saved_us), fresh;
    do
        fresh = saved + (int64_t)(ms * 1000) < most ? saved + (int64_t)(ms * 1000) : most;
    while (!atomic_compare_exchange_weak(&explorer->saved_us, &saved, fresh));
}

static bool spend(Explorer *explorer, double ms) {
    int64_t saved = atomic_load(&explorer->saved_us);
    do
        if (saved < (int64_t)(ms * 1000)) return false;
    while (!atomic_compare_exchange_weak(&explorer->saved_us, &saved, saved - (int64_t)(ms * 1000)));
    return true;
}

/* ---- the draw
 * -------------------------------------------------------------------------------------------- */

/* The nearest in price of those that nothing is known of. */
static int unknown_candidate(const Explorer *explorer, const Pricing *pricing, const Decision *decision,
                             uint32_t now_seconds, double *price) {
    int best = -1;
    *price = INFINITY;
    for (int i = 0; i < decision->candidate_count; i++) {
        const Candidate *candidate = &decision->candidates[i];
        CostKey key = {.fingerprint = decision->fingerprint,
                       .class = (int)decision->class,
                       .engine = candidate->engine->name};
        if (!candidate->verdict.eligible || candidate->chosen ||
            cost_book_age_seconds(pricing->book, &key, now_seconds) < FORGET_SECONDS ||
            is_tried(explorer, &key, now_seconds))
            continue;
        double expected = pricing_price(pricing, decision, i);
        if (expected < *price) {
            best = i;
            *price = expected;
        }
    }
    return best;
}

int explorer_pick(Explorer *explorer, const Pricing *pricing, const Decision *decision, double taken_ms,
                  uint32_t now_seconds, double *limit_ms) {
    if (explorer->share <= 0 || !(taken_ms >= 0) || !decision->by_cost || !decision->repeatable ||
        decision->forced)
        return -1;
    save(explorer, taken_ms * explorer->share);
    *limit_ms = fmin(fmax(taken_ms * LIMIT_RATIO, LEAST_LIMIT_MS), explorer->max_ms);
    double price;
    int index = unknown_candidate(explorer, pricing, decision, now_seconds, &price);
    if (index < 0) return -1;
    uint64_t draw = hash64_combine(explorer->seed, atomic_fetch_add(&explorer->draws, 1));
    double chance = fmax(LEAST_CHANCE, fmin(1, taken_ms / fmax(price, 1e-6)));
    if ((double)(draw >> 11) / 9007199254740992.0 >= chance) return -1;
    return spend(explorer, *limit_ms) ? index : -1;
}

void explorer_settle(Explorer *explorer, double limit_ms, double spent_ms) {
    save(explorer, limit_ms - spent_ms);
}
