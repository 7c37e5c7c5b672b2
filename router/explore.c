#include "router/explore.h"

#include <math.h>
#include <stdatomic.h>

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

/* The nearest in price of those that nothing is known of. */
static int unknown_candidate(const Pricing *pricing, const Decision *decision, uint32_t now_seconds,
                             double *price) {
    int best = -1;
    *price = INFINITY;
    for (int i = 0; i < decision->candidate_count; i++) {
        const Candidate *candidate = &decision->candidates[i];
        CostKey key = {.fingerprint = decision->fingerprint,
                       .class = (int)decision->class,
                       .engine = candidate->engine->name};
        if (!candidate->verdict.eligible || candidate->chosen ||
            cost_book_age_seconds(pricing->book, &key, now_seconds) < FORGET_SECONDS)
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
    *limit_ms = fmax(taken_ms * LIMIT_RATIO, LEAST_LIMIT_MS);
    double price;
    int index =
        *limit_ms <= explorer->max_ms ? unknown_candidate(pricing, decision, now_seconds, &price) : -1;
    if (index < 0) return -1;
    uint64_t draw = hash64_combine(explorer->seed, atomic_fetch_add(&explorer->draws, 1));
    double chance = fmax(LEAST_CHANCE, fmin(1, taken_ms / fmax(price, 1e-6)));
    if ((double)(draw >> 11) / 9007199254740992.0 >= chance) return -1;
    return spend(explorer, *limit_ms) ? index : -1;
}

void explorer_settle(Explorer *explorer, double limit_ms, double spent_ms) {
    save(explorer, limit_ms - spent_ms);
}
