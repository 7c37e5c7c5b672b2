/* One decision from its text: parse, hints, features, tables, class, choice. No cache, no counters
 * (router.c). */
#pragma once

#include "router/health.h"
#include "router/parse.h"
#include "router/pricing.h"
#include "router/registry.h"
#include "router/rules.h"

typedef struct DecideInput {
    Engine *const *engines;
    int engine_count;
    const char *default_engine;
    ParseLimits limits;
    HealthBoard *health;
    const Pricing *pricing;
    struct Quarantine *quarantine;
    const RuleSet *rules;
    const RuleBits *bits;       /* of the request */
    RegistrySnapshot *snapshot; /* the decision takes a reference of its own */
    const RouteRequest *request;
} DecideInput;

typedef struct DecideTiming {
    int64_t parse_ns;
    int parses;
    bool unresolved; /* a name that was let through unresolved: its engine may know it */
} DecideTiming;

/* The decision comes with one reference. `out_bytes` is about what it keeps in memory. */
Status decide(const DecideInput *input, Decision **out, int64_t *out_bytes, DecideTiming *timing, Error *err);
