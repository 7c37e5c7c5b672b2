#include "router/router.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "router/calibration.h"
#include "router/decide.h"
#include "router/decision_cache.h"
#include "router/explore.h"
#include "router/health.h"
#include "router/placements.h"
#include "router/quarantine.h"

enum {
    DEMAND_INTERVAL_MS = 1000,    /* an unknown table reads the engines again at most this often */
    INCOMPLETE_INTERVAL_MS = 2000 /* while an engine's tables could not be read */
};

struct Router {
    Engine *engines[ROUTER_MAX_CANDIDATES];
    int engine_count;
    char *default_engine;
    ParseLimits limits;
    int64_t refresh_ns;
    Placements *placements;
    Registry *registry;
    HealthBoard *health;
    Pricing pricing;
    Explorer explorer;
    double interactive_ms; /* 0 = no limit */
    Calibration *calibration;
    int probe_seconds;
    Quarantine *quarantine;
    DecisionCache *cache;
    pthread_mutex_t rules_mutex; /* guards `rules`, the pointer */
    RuleSet *rules;
    _Atomic uint64_t rules_state; /* their version × 2, + 1 when they look at requests */
    pthread_mutex_t demand_mutex;
    _Atomic uint64_t generation; /* of the registry, for cached decisions */
    _Atomic uint64_t decisions, cache_hits, parses, errors;
    _Atomic uint64_t chosen[ROUTER_MAX_CANDIDATES];
    _Atomic int64_t parse_ns, route_ns;
};

static void count(_Atomic uint64_t *counter) {
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* What a cached decision was made under. Both only grow, so the sum never comes back. */
static uint64_t epoch_of(Router *router) {
    return atomic_load(&router->generation) + health_changes(router->health);
}

Status router_create(const Config *config, Engine *const *engines, int engine_count, Router **out,
                     Error *err) {
    if (engine_count > ROUTER_MAX_CANDIDATES)
        return error_set(err, SQLSTATE_CONFIG, "at most %d engines can be configured", ROUTER_MAX_CANDIDATES);
    Router *router = calloc(1, sizeof *router);
    char *default_engine = strdup(config->default_engine ? config->default_engine : "");
    if (!router || !default_engine) abort();
    if (rules_read(config, &router->rules, NULL, err) != STATUS_OK) {
        free(default_engine);
        free(router);
        return STATUS_ERROR;
    }
    pthread_mutex_init(&router->rules_mutex, NULL);
    router->quarantine = quarantine_create();
    atomic_store(&router->rules_state, rules_are_contextual(router->rules));
    for (int i = 0; i < engine_count; i++)
        router->engines[i] = engines[i];
    router->engine_count = engine_count;
    router->default_engine = default_engine;
    router->limits = (ParseLimits){.max_bytes = config->max_sql_bytes, .max_tokens = config->max_sql_tokens};
    router->refresh_ns = (int64_t)config->registry_refresh_seconds * 1000000000;
    router->placements = placements_create(config, router->engines, engine_count);
    router->registry = registry_create(router->engines, engine_count, router->placements);
    router->health = health_create(router->engines, engine_count);
    pricing_init(&router->pricing, config, router->engines, engine_count);
    explorer_init(&router->explorer, config->explore_share, config->explore_max_ms,
                  (uint64_t)config->explore_seed);
    router->interactive_ms = config->interactive_seconds * 1000;
    router->calibration = calibration_create(NULL);
    router->probe_seconds = config->probe_seconds;
    router->cache = decision_cache_create(config->decision_cache_bytes);
    pthread_mutex_init(&router->demand_mutex, NULL);
    *out = router;
    return STATUS_OK;
}

void router_destroy(Router *router) {
    if (!router) return;
    decision_cache_destroy(router->cache);
    registry_destroy(router->registry);
    placements_destroy(router->placements);
    health_destroy(router->health);
    pricing_deinit(&router->pricing);
    calibration_destroy(router->calibration);
    quarantine_destroy(router->quarantine);
    rules_release(router->rules);
    pthread_mutex_destroy(&router->rules_mutex);
    pthread_mutex_destroy(&router->demand_mutex);
    free(router->default_engine);
    free(router);
}

/* ---- rules
 * --------------------------------------------------------------------------------------------------- */

/* With the state that belongs to them. */
static RuleSet *acquire_rules(Router *router, uint64_t *state) {
    pthread_mutex_lock(&router->rules_mutex);
    RuleSet *rules = router->rules;
    rules_retain(rules);
    *state = atomic_load(&router->rules_state);
    pthread_mutex_unlock(&router->rules_mutex);
    return rules;
}

Status router_set_rules(Router *router, const Config *config, Error *err) {
    RuleSet *rules;
    TRY(rules_read(config, &rules, NULL, err));
    pthread_mutex_lock(&router->rules_mutex);
    RuleSet *old = router->rules;
    router->rules = rules;
    uint64_t version = atomic_load(&router->rules_state) / 2 + 1;
    atomic_store(&router->rules_state, version * 2 + rules_are_contextual(rules));
    pthread_mutex_unlock(&router->rules_mutex);
    rules_release(old);
    return STATUS_OK;
}

void router_set_quarantine(Router *router, const uint64_t *fingerprints, int count_of_shapes) {
    if (quarantine_set(router->quarantine, fingerprints, count_of_shapes))
        atomic_fetch_add(&router->generation, 1); /* decisions are made anew */
}

int router_quarantine_count(Router *router) {
    return quarantine_count(router->quarantine);
}

int router_rule_count(Router *router) {
    uint64_t state;
    RuleSet *rules = acquire_rules(router, &state);
    int count_of_rules = rules_count(rules);
    rules_release(rules);
    return count_of_rules;
}

/* Rules that look at the statement alone are known by their version. */
static void key_of(const RouteRequest *request, RuleSet *rules, uint64_t state, DecisionKey *key) {
    decision_key_init(key, request);
    key->rules = state / 2;
    if (!(state & 1)) return;
    RuleBits bits;
    rules_context(rules, request->context, clock_wall_us(), &bits);
    decision_key_add_bits(key, &bits);
}

/* ---- deciding
 * ------------------------------------------------------------------------------------------------ */

static int engine_index(const Router *router, const Engine *engine) {
    for (int i = 0; i < router->engine_count; i++)
        if (router->engines[i] == engine) return i;
    return 0;
}

static void note_decision(Router *router, const Decision *decision, int64_t route_ns) {
    count(&router->decisions);
    count(&router->chosen[engine_index(router, decision->engine)]);
    atomic_fetch_add_explicit(&router->route_ns, route_ns, memory_order_relaxed);
}

/* Of the engine chosen, by all that is known now. */
static double expected_ms(const Router *router, const Decision *decision) {
    for (int i = 0; i < decision->candidate_count; i++)
        if (decision->candidates[i].chosen) return pricing_price(&router->pricing, decision, i);
    return 0;
}

/* A read that is expected to take longer than its client may be let wait. */
static bool wants_job(const Router *router, const Decision *decision) {
    if (router->interactive_ms <= 0 || decision->statement->kind != STATEMENT_READ ||
        decision->class == CLASS_SESSION)
        return false;
    double expected = expected_ms(router, decision);
    return isfinite(expected) && expected > router->interactive_ms;
}

static Decision *find_cached(Router *router, const DecisionKey *key, int64_t start_ns, RouteTiming *timing) {
    Decision *decision = decision_cache_find(router->cache, key, epoch_of(router));
    if (!decision) return NULL;
    if ((decision->by_cost && pricing_has_turned(&router->pricing, decision, start_ns)) ||
        wants_job(router, decision)) {
        decision_release(decision);
        return NULL; /* decided anew, which replaces it */
    }
    int64_t route_ns = clock_now_ns() - start_ns;
    count(&router->cache_hits);
    note_decision(router, decision, route_ns);
    if (timing) *timing = (RouteTiming){.route_us = (double)route_ns / 1e3, .cached = true};
    return decision;
}

Decision *router_lookup(Router *router, const RouteRequest *request, RouteTiming *timing) {
    int64_t start_ns = clock_now_ns();
    DecisionKey key;
    if (request->avoid || request->trials) return NULL;
    uint64_t state = atomic_load(&router->rules_state);
    RuleSet *rules = state & 1 ? acquire_rules(router, &state) : NULL;
    key_of(request, rules, rules ? state : state & ~(uint64_t)1, &key);
    rules_release(rules);
    return find_cached(router, &key, start_ns, timing);
}

/* Another process of the pool, or someone beside us, may have made the table; or nobody has read the engines
 * yet. True when the tables are newer than `version_seen`. */
static bool refresh_on_demand(Router *router, uint64_t version_seen) {
    pthread_mutex_lock(&router->demand_mutex);
    bool old = registry_version(router->registry) == version_seen;
    if (old && registry_age_ns(router->registry) > (int64_t)DEMAND_INTERVAL_MS * 1000000) {
        bool changed = false;
        Error ignored; /* said in the log, by the registry */
        if (registry_refresh(router->registry, &changed, &ignored) == STATUS_OK && changed)
            atomic_fetch_add(&router->generation, 1);
    }
    pthread_mutex_unlock(&router->demand_mutex);
    return registry_version(router->registry) != version_seen;
}

/* `unknown_tables`: a name was not found, which newer tables could change. */
static Status decide_once(Router *router, const RouteRequest *request, const DecisionKey *key,
                          const RuleSet *rules, Decision **out, DecideTiming *timing, uint64_t *version,
                          bool *unknown_tables, Error *err) {
    uint64_t epoch =
        epoch_of(router); /* before the snapshot: a change between the two makes the entry stale, not wrong */
    DecideInput input = {.engines = router->engines,
                         .engine_count = router->engine_count,
                         .default_engine = router->default_engine,
                         .limits = router->limits,
                         .health = router->health,
                         .pricing = &router->pricing,
                         .quarantine = router->quarantine,
                         .rules = rules,
                         .bits = &key->bits,
                         .snapshot = registry_acquire(router->registry),
                         .request = request};
    *version = input.snapshot->version;
    int64_t bytes = 0;
    timing->unresolved = false;
    CancelToken *before = cancel_swap_current(request->cancel);
    Status status = decide(&input, out, &bytes, timing, err);
    cancel_swap_current(before);
    registry_release(input.snapshot);
    *unknown_tables =
        timing->unresolved || (status != STATUS_OK && strcmp(err->sqlstate, SQLSTATE_UNDEFINED_TABLE) == 0);
    if (status == STATUS_OK) (*out)->wants_job = wants_job(router, *out);
    bool kept =
        status == STATUS_OK && !(*out)->wants_job; /* asked again: it may have run by then, as a job */
    if (kept && !request->avoid && !request->trials)
        decision_cache_add(router->cache, key, epoch, *out, bytes);
    return status;
}

/* A table nobody knows may be one of an engine whose tables were never read. */
static void explain_unread_engine(Router *router, Error *err) {
    RegistrySnapshot *snapshot = registry_acquire(router->registry);
    for (int i = 0; i < snapshot->engine_count; i++) {
        char failure[256], missing[512];
        registry_failure(router->registry, i, failure, sizeof failure);
        if (snapshot->sets[i] || !failure[0]) continue;
        snprintf(missing, sizeof missing, "%.500s", err->message);
        (void)error_set(err, SQLSTATE_ENGINE_DOWN, "engine %s is down, so its tables are not known: %s",
                        router->engines[i]->name, failure);
        (void)error_add_detail(err, "%s", missing);
        break;
    }
    registry_release(snapshot);
}

static Status decide_with(Router *router, const RouteRequest *request, RuleSet *rules, uint64_t state,
                          Decision **out, RouteTiming *timing, Error *err) {
    int64_t start_ns = clock_now_ns();
    DecisionKey key;
    key_of(request, rules, state, &key);
    *out = request->avoid || request->trials ? NULL : find_cached(router, &key, start_ns, timing);
    if (*out) return STATUS_OK;
    DecideTiming spent = {0};
    Error failure = {0};
    uint64_t version;
    bool unknown_tables;
    Status status =
        decide_once(router, request, &key, rules, out, &spent, &version, &unknown_tables, &failure);
    if (unknown_tables && refresh_on_demand(router, version)) {
        decision_release(*out);
        error_clear(&failure);
        status = decide_once(router, request, &key, rules, out, &spent, &version, &unknown_tables, &failure);
    }
    if (status != STATUS_OK && unknown_tables) explain_unread_engine(router, &failure);
    int64_t total_ns = clock_now_ns() - start_ns;
    atomic_fetch_add_explicit(&router->parses, (uint64_t)spent.parses, memory_order_relaxed);
    atomic_fetch_add_explicit(&router->parse_ns, spent.parse_ns, memory_order_relaxed);
    if (timing)
        *timing = (RouteTiming){.parse_us = (double)spent.parse_ns / 1e3,
                                .route_us = (double)(total_ns - spent.parse_ns) / 1e3};
    if (status != STATUS_OK) {
        count(&router->errors);
        *out = NULL;
        if (err) *err = failure;
        return STATUS_ERROR;
    }
    note_decision(router, *out, total_ns - spent.parse_ns);
    return STATUS_OK;
}

Status router_decide(Router *router, const RouteRequest *request, Decision **out, RouteTiming *timing,
                     Error *err) {
    uint64_t state;
    RuleSet *rules = acquire_rules(router, &state);
    RouteRequest asked = *request;
    if (asked.trials) {
        asked.trials->count = 0;
        asked.trials->context = request->context;
        asked.trials->wall_us = clock_wall_us();
        if (rules_count(rules) == 0) asked.trials = NULL; /* nothing to try: the cache may answer */
    }
    Status status = decide_with(router, &asked, rules, state, out, timing, err);
    rules_release(rules);
    return status;
}

/* ---- what became of it
 * --------------------------------------------------------------------------------------- */

void router_share_costs(Router *router, void *memory) {
    cost_book_destroy(router->pricing.book);
    router->pricing.book = cost_book_create(memory);
}

void router_breaker(Router *router, int index, EngineBreaker *out) {
    health_breaker(router->health, index, out);
}

bool router_is_engine_failure(const Error *error) {
    /* 08P01 is a request that does not fit, which every engine would refuse. */
    static const char *const states[] = {"57P01", "57P02", "57P03", "53300",
                                         "58030", "XX001", "XX002", SQLSTATE_ENGINE_DOWN};
    if (strncmp(error->sqlstate, "08", 2) == 0) return strcmp(error->sqlstate, "08P01") != 0;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(error->sqlstate, states[i]) == 0) return true;
    return false;
}

/* Damaged data fails those who read it; the engine itself is well. */
static bool is_breakers_business(const Error *error) {
    return router_is_engine_failure(error) && strncmp(error->sqlstate, "XX", 2) != 0 &&
           strncmp(error->sqlstate, "58", 2) != 0;
}

void router_run_begins(Router *router, const Decision *decision) {
    EngineLoad *load = &router->pricing.loads[engine_index(router, decision->engine)];
    atomic_fetch_add_explicit(&load->running, 1, memory_order_relaxed);
}

static void note_end(Router *router, int index, const Error *failure) {
    if (!failure)
        health_note_success(router->health, index);
    else if (is_breakers_business(failure))
        health_note_failure(router->health, index, failure->message);
}

void router_run_ends(Router *router, Decision *decision, double taken_ms, const Error *failure) {
    int index = engine_index(router, decision->engine);
    bool learns = !failure && taken_ms >= 0 && decision->statement->kind == STATEMENT_READ;
    if (learns) pricing_learn(&router->pricing, decision, taken_ms);
    atomic_fetch_sub_explicit(&router->pricing.loads[index].running, 1, memory_order_relaxed);
    note_end(router, index, failure);
}

void router_lane_run_ends(Router *router, Decision *decision, double taken_ms, const Error *failure) {
    if (!failure && decision->by_cost) pricing_learn(&router->pricing, decision, taken_ms);
    note_end(router, engine_index(router, decision->engine), failure);
}

Engine *router_explore(Router *router, const Decision *decision, double taken_ms, double *limit_ms) {
    int index =
        explorer_pick(&router->explorer, &router->pricing, decision, taken_ms, cost_now_seconds(), limit_ms);
    return index < 0 ? NULL : decision->candidates[index].engine;
}

/* Of a run that was stopped it is known that it takes longer: news only when less was expected. */
void router_explored(Router *router, const Decision *decision, double limit_ms, double spent_ms,
                     bool stopped) {
    explorer_settle(&router->explorer, limit_ms, spent_ms);
    if (!decision) return;
    CostKey key = {.fingerprint = decision->fingerprint,
                   .class = (int)decision->class,
                   .engine = decision->engine->name};
    explorer_note_tried(&router->explorer, &key, cost_now_seconds());
    if (stopped && expected_ms(router, decision) < spent_ms)
        pricing_learn(&router->pricing, decision, spent_ms);
}

/* ---- upkeep
 * -------------------------------------------------------------------------------------------------- */

Status router_refresh(Router *router, Error *err) {
    bool changed = false;
    Status status = registry_refresh(router->registry, &changed, err);
    /* Whoever asks knows of a change, even one the descriptions do not show. */
    atomic_fetch_add(&router->generation, 1);
    health_check_all(router->health);
    return status;
}

/* Constants come from this process's probes and from others'. Decisions that rest on ones clearly wrong are
 * made anew. */
static void calibrate(Router *router) {
    static const double NEWS = 1.25;
    double most = 1;
    for (int i = 0; i < router->engine_count; i++) {
        Engine *engine = router->engines[i];
        EngineBreaker breaker;
        double measured[ENGINE_CONSTANT_COUNT] = {0};
        Error err = {0};
        health_breaker(router->health, i, &breaker);
        if (breaker.state == BREAKER_CLOSED &&
            calibration_claim(router->calibration, engine, router->probe_seconds, cost_now_seconds())) {
            /* One that is cut short has measured something, too. */
            if (engine->ops->probe(engine, measured, &err) != STATUS_OK)
                log_debug("router.probe", "engine=%s error=\"%s\"", engine->name, err.message);
            if (measured[CONSTANT_LATENCY_MS] > 0)
                calibration_note(router->calibration, engine, measured, cost_now_seconds());
        }
        double ratio = calibration_apply(router->calibration, engine);
        if (ratio > most) most = ratio;
    }
    if (most > NEWS) atomic_fetch_add(&router->generation, 1);
}

void router_share_calibration(Router *router, void *memory) {
    calibration_destroy(router->calibration);
    router->calibration = calibration_create(memory);
    for (int i = 0; i < router->engine_count; i++)
        (void)calibration_apply(router->calibration, router->engines[i]);
}

void router_constants(const Router *router, int index, EngineConstants *out) {
    const Engine *engine = router->engines[index];
    CalibrationState state;
    calibration_read(router->calibration, engine, &state);
    *out = (EngineConstants){.probes = (int)state.probes, .probed_at_seconds = state.probed_at_seconds};
    for (int i = 0; i < ENGINE_CONSTANT_COUNT; i++) {
        out->names[i] = engine_constant_name(i);
        out->values[i] = engine_constant(engine, i);
        out->compiled_in[i] = engine->ops->default_constants[i];
        out->probed[i] = state.values[i] > 0;
    }
    out->learnt_factor =
        cost_book_engine_factor(router->pricing.book, engine->name, cost_now_seconds(), &out->learnt_runs);
}

void router_tick(Router *router) {
    bool flipped = health_check_all(router->health);
    calibrate(router);
    int64_t age_ns = registry_age_ns(router->registry);
    bool incomplete = registry_is_incomplete(router->registry);
    bool due = age_ns >= router->refresh_ns ||
               (incomplete && (flipped || age_ns >= (int64_t)INCOMPLETE_INTERVAL_MS * 1000000));
    if (!due) return;
    bool changed = false;
    Error ignored; /* said in the log, by the registry */
    if (registry_refresh(router->registry, &changed, &ignored) == STATUS_OK && changed) {
        atomic_fetch_add(&router->generation, 1);
        log_debug("router.tables_changed", "generation=%llu",
                  (unsigned long long)atomic_load(&router->generation));
    }
}

int router_engine_count(const Router *router) {
    return router->engine_count;
}
Engine *router_engine(const Router *router, int index) {
    return router->engines[index];
}

Engine *router_engine_by_name(const Router *router, const char *name) {
    for (int i = 0; name && i < router->engine_count; i++)
        if (strcmp(router->engines[i]->name, name) == 0) return router->engines[i];
    return NULL;
}

Engine *router_file_reader(const Router *router) {
    for (int i = 0; i < router->engine_count; i++)
        if (router->engines[i]->ops->read_rows) return router->engines[i];
    return NULL;
}

void router_registry(Router *router, RegistryView *out) {
    RegistrySnapshot *snapshot = registry_acquire(router->registry);
    *out = (RegistryView){.tables = snapshot->tables, .count = snapshot->table_count, .snapshot = snapshot};
}

void registry_view_release(RegistryView *view) {
    registry_release(view->snapshot);
    *view = (RegistryView){0};
}

void router_counters(Router *router, RouterCounters *out) {
    *out = (RouterCounters){.decisions = router->decisions,
                            .cache_hits = router->cache_hits,
                            .parses = router->parses,
                            .errors = router->errors,
                            .cache_bytes = decision_cache_bytes(router->cache),
                            .parse_us_total = (double)router->parse_ns / 1e3,
                            .route_us_total = (double)router->route_ns / 1e3};
    for (int i = 0; i < router->engine_count; i++)
        out->chosen[i] = router->chosen[i];
}
