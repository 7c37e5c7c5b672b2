#include "router/pricing.h"

#include <math.h>
#include <string.h>

#include "engines/base/clock.h"

/* A cached decision is not thrown away for a trifle, or two equal engines would take turns. */
static const double TURN_RATIO = 1.5, TURN_MS = 0.1;
enum { LOOK_INTERVAL_NS = 1000 * 1000 * 1000, COLUMNAR_SLOTS = 2 };

void pricing_init(Pricing *pricing, const Config *config, Engine *const *engines, int engine_count) {
    *pricing = (Pricing){.book = cost_book_create(NULL)};
    for (int i = 0; i < engine_count; i++) {
        const EngineConfig *engine = config_engine(config, engines[i]->name);
        bool columnar = strcmp(engines[i]->ops->kind, "columnar") == 0; /* one statement uses every core */
        pricing->loads[i].slots = columnar || !engine ? COLUMNAR_SLOTS : engine->max_connections;
    }
}

void pricing_deinit(Pricing *pricing) {
    cost_book_destroy(pricing->book);
}

static double load_factor(const EngineLoad *load) {
    int running = atomic_load_explicit(&load->running, memory_order_relaxed);
    return load->slots > 0 && running >= load->slots ? (double)(running + 1) / load->slots : 1;
}

static double price_of(const Pricing *pricing, const Decision *decision, int index, int *runs) {
    const Candidate *candidate = &decision->candidates[index];
    CostKey key = {.fingerprint = decision->fingerprint,
                   .class = (int)decision->class,
                   .engine = candidate->engine->name};
    double model_ms = candidate->model_ms;
    if (isnan(model_ms)) return INFINITY;
    return model_ms * cost_book_factor(pricing->book, &key, cost_now_seconds(), runs) *
           load_factor(&pricing->loads[index]);
}

double pricing_price(const Pricing *pricing, const Decision *decision, int index) {
    return price_of(pricing, decision, index, NULL);
}

void pricing_apply(const Pricing *pricing, Decision *decision, int index) {
    Candidate *candidate = &decision->candidates[index];
    candidate->model_ms = candidate->verdict.estimate.cost_ms;
    if (!pricing || !pricing->book) return;
    candidate->verdict.estimate.cost_ms = price_of(pricing, decision, index, &candidate->runs);
}

bool pricing_has_turned(const Pricing *pricing, Decision *decision, int64_t now_ns) {
    int64_t looked_ns = atomic_load_explicit(&decision->looked_at_ns, memory_order_relaxed);
    if (now_ns && now_ns - looked_ns < LOOK_INTERVAL_NS) return false;
    if (!atomic_compare_exchange_strong(&decision->looked_at_ns, &looked_ns,
                                        now_ns ? now_ns : clock_now_ns()))
        return false; /* someone else looks */
    double chosen = INFINITY, best = INFINITY;
    for (int i = 0; i < decision->candidate_count; i++) {
        const Candidate *candidate = &decision->candidates[i];
        if (!candidate->verdict.eligible) continue;
        double price = price_of(pricing, decision, i, NULL);
        if (candidate->chosen) chosen = price;
        best = fmin(best, price);
    }
    return chosen > best * TURN_RATIO && chosen > best + TURN_MS;
}

void pricing_learn(const Pricing *pricing, const Decision *decision, double taken_ms) {
    for (int i = 0; i < decision->candidate_count; i++) {
        const Candidate *candidate = &decision->candidates[i];
        if (!candidate->chosen) continue;
        CostKey key = {.fingerprint = decision->fingerprint,
                       .class = (int)decision->class,
                       .engine = candidate->engine->name};
        double load = load_factor(&pricing->loads[i]); /* what it took was made longer by the others */
        cost_book_note(pricing->book, &key, candidate->model_ms, taken_ms / load, cost_now_seconds());
    }
}
