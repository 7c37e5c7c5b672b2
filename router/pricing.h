/* From an engine's estimate to what counts when engines are compared: corrected by what statements of the
 * shape really took (cost.h), and dearer the more statements the engine is running already. */
#pragma once

#include "router/cost.h"
#include "router/router.h"

typedef struct EngineLoad {
    _Atomic int running; /* statements of this process, the fast lane's left out */
    int slots;           /* how many run side by side without slowing each other down */
} EngineLoad;

typedef struct Pricing {
    CostBook *book; /* NULL: estimates stand as they are */
    EngineLoad loads[ROUTER_MAX_CANDIDATES];
} Pricing;

void pricing_init(Pricing *pricing, const Config *config, Engine *const *engines, int engine_count);
void pricing_deinit(Pricing *pricing);

/* Fills model_ms and runs of candidate `index`, and corrects its cost_ms. Reads only: writes have one home.
 */
void pricing_apply(const Pricing *pricing, Decision *decision, int index);
/* What candidate `index` is expected to take, by all that is known now. */
double pricing_price(const Pricing *pricing, const Decision *decision, int index);
/* Whether a cached decision, chosen by cost, would clearly go elsewhere now. Looks at most once a second, but
 * always when `now_ns` is 0. */
bool pricing_has_turned(const Pricing *pricing, Decision *decision, int64_t now_ns);
/* One run of the decision's engine took `taken_ms`. */
void pricing_learn(const Pricing *pricing, const Decision *decision, double taken_ms);
