/* Candidates, rule, cost: which engine answers. */
#pragma once

#include "router/classify.h"
#include "router/health.h"
#include "router/pricing.h"
#include "router/rules.h"

typedef struct Quarantine Quarantine;

typedef struct ChoiceInput {
    Engine *const *engines;
    int engine_count;
    HealthBoard *health;
    const Pricing *pricing; /* may be NULL: the engines' own estimates */
    unsigned avoid;         /* RouteRequest.avoid */
    Quarantine *quarantine; /* may be NULL */
    const RuleSet *rules;
    const RuleBits *bits;       /* of the request */
    RuleTrials *trials;         /* may be NULL */
    const char *default_engine; /* for statements over no table; "" = PostgreSQL, else the cheapest */
    const Features *features;
    const Resolution *resolution;
    const Classification *classification;
    const Statement *statement;
    int forced; /* engine index, -1 = none */
    int wanted; /* where a new table is to live, -1 = not said */
    Arena *arena;
} ChoiceInput;

/* Fills engine, plan, rule, reason and candidates of `out`, which must be zeroed. Errors: the statement's own
 * (42xxx ...) when it is wrong anywhere, SB001, SB003, SB004. */
Status choose_engine(const ChoiceInput *input, Decision *out, Error *err);
