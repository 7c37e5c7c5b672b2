/* Decides which engine answers a statement, and says why.
 *
 *   router_create(engines) → router_decide(request) → Decision (a value) → decision_release
 *
 * parse (parse.h, capped, large stack) → features (features.h, from the tree alone) → registry (registry.h:
 * which tables live where) → candidates: each engine's plan() verdict → rule and cost → Decision. Decisions
 * are cached by statement text, bounded in bytes, dropped when the registry changes. `/query`,
 * `/api/v1/route` and `signalbox route` all call router_decide. Thread-safe.
 */
#pragma once

#include "engines/engine.h"

enum { ROUTER_MAX_CANDIDATES = 8 };

typedef struct Router Router;

typedef enum StatementClass {
    CLASS_POINT_LOOKUP,  /* one table, a unique key held equal to constants or parameters */
    CLASS_INDEXED_RANGE, /* one table, an indexed column bounded, few rows expected */
    CLASS_WRITE,
    CLASS_DDL,
    CLASS_SESSION, /* transactions, SET, locks, volatile functions, several statements */
    CLASS_SCAN,    /* filter or whole table, no aggregate */
    CLASS_AGGREGATE,
    CLASS_JOIN,
    CLASS_FEDERATED, /* tables of several engines */
    CLASS_CONSTANT   /* no table */
} StatementClass;
const char *statement_class_name(StatementClass class); /* "point_lookup" ... */

typedef struct Candidate {
    Engine *engine;
    EngineVerdict verdict; /* the estimate's cost_ms is corrected: what counts */
    double model_ms;       /* the engine's own estimate */
    int runs;              /* of statements of this shape there, which corrected it */
    bool chosen;
} Candidate;

/* Set by configured rules; 0 = none. */
typedef struct DecisionLimits {
    double max_runtime_seconds;
    int64_t max_rows;
    double max_bytes_scanned;
} DecisionLimits;

typedef struct Decision {
    _Atomic int references;
    const Statement *statement;
    StatementClass class;
    Engine *engine;   /* chosen */
    EnginePlan *plan; /* the chosen engine's, never NULL */
    const char
        *rule; /* short stable name: "point-lookup", "forced", "cost", "only-eligible", "write-home" ... */
    const char *reason; /* one sentence for people */
    Candidate candidates[ROUTER_MAX_CANDIDATES];
    int candidate_count;
    bool forced;
    bool result_rows_small; /* at most one row per key: the fast lane may serve it */
    bool changes_schema;    /* DDL: call router_refresh when it succeeded */
    int64_t max_rows_hint;
    bool
        repeatable; /* a read without volatile or unknown functions or locks: asking twice answers the same */
    bool comparable; /* repeatable, and there is one right answer: every engine must give the same rows */
    const char *result_key; /* what is asked, for keeping its answer (result_key.h); NULL = not to be kept */
    size_t result_key_bytes;
    uint64_t fingerprint;         /* of the statement's shape, fingerprint.h */
    bool wants_job;               /* it is expected to take longer than limits.interactive_seconds */
    bool by_cost;                 /* chosen among several by cost: revised when the costs turn */
    _Atomic int64_t looked_at_ns; /* when that was last asked */
    DecisionLimits limits;
    const char *const *rules; /* names of the configured rules that took effect, in order */
    int rule_count;
    const char *warning; /* NULL, or a sentence about the request (a hint that is not known) */
} Decision;

/* Who asks, for configured rules (rules.h). `header` gives a request header by its FastCGI name
 * ("HTTP_X_TEAM"), NULL when absent; may itself be NULL. */
typedef struct RouteContext {
    const char *(*header)(const void *request, const char *parameter);
    const void *request;
    const char *tag; /* of the body, NULL = the header X-Tag */
} RouteContext;

/* One configured rule, as it was tried. */
typedef struct RuleTrial {
    const char *name;
    int line; /* in the configuration */
    bool matched;
    const char *why;
} RuleTrial;

/* Asks for them: the caller gives the arena, the router fills in the rest. */
typedef struct RuleTrials {
    Arena *arena;
    RuleTrial *items;
    int count;
    const RouteContext *context;
    int64_t wall_us;
} RuleTrials;

typedef struct RouteRequest {
    const char *sql; /* NUL-terminated UTF-8 */
    size_t sql_length;
    const char
        *engine; /* from body field or header, NULL or "auto" = not forced; a comment in the text is seen by
                    the router. Body beats comment beats header: put the body's here, the header's below */
    const char *header_engine;
    const char *as_of; /* Statement.as_of; NULL = now */
    unsigned avoid; /* engines (1 << index) that have just failed at it: decided anew, and not remembered */
    const Param *params;
    int param_count;
    CancelToken *cancel; /* stops planning that takes long (files that are read for it); may be NULL */
    const RouteContext *context; /* NULL = nobody in particular */
    RuleTrials *trials; /* NULL, or each rule is tried anew and said, also when the statement is refused */
} RouteRequest;

typedef struct RouteTiming {
    double parse_us; /* 0 on a cache hit */
    double route_us; /* lookup included */
    bool cached;
} RouteTiming;

/* Errors of router_decide carry an HTTP-ish class beside the SQLSTATE: 42xxx/22xxx user's, 0A000 + "no
 * engine" 422 ... The mapping to status codes is fcgi/api's; these SQLSTATEs are the router's own: */
#define SQLSTATE_NO_ENGINE      "SB001" /* valid SQL that no available engine can run → 422 */
#define SQLSTATE_UNKNOWN_ENGINE "SB002" /* forced engine does not exist → 422 */
#define SQLSTATE_FORCED_ENGINE                                                                               \
    "SB003"                          /* forced engine lacks a table or cannot give the right answer → 422  \
                                      */
#define SQLSTATE_ENGINE_DOWN "SB004" /* every engine that could is down → 503 */
#define SQLSTATE_WANTS_JOB   "SB008" /* Decision.wants_job, asked by who waits for the answer → 422 */
/* SQLSTATE_DENIED, by a configured rule → 403 */

/* Asks no engine anything: call router_refresh from where waiting is fine; else the first decision that
 * misses a table does. */
Status router_create(const Config *config, Engine *const *engines, int engine_count, Router **out,
                     Error *err);
void router_destroy(Router *router);

/* Takes over the rules of a configuration read again. When they are wrong the old ones stay. */
Status router_set_rules(Router *router, const Config *config, Error *err);
int router_rule_count(Router *router);
/* Shapes that are read at their source alone, because another engine's answer differed. */
void router_set_quarantine(Router *router, const uint64_t *fingerprints, int count);
int router_quarantine_count(Router *router);

/* Must run on a thread with a large stack (threadpool.h). */
Status router_decide(Router *router, const RouteRequest *request, Decision **out, RouteTiming *timing,
                     Error *err);
/* The cached decision for this request or NULL; never parses, never blocks: for event loops. */
Decision *router_lookup(Router *router, const RouteRequest *request, RouteTiming *timing);
void decision_retain(Decision *decision);
void decision_release(Decision *decision);

/* Reads all engines' tables again (blocking) and drops decisions that could change. Called on an interval, on
 * demand, and after DDL. */
Status router_refresh(Router *router, Error *err);
/* Seconds-scale upkeep from a background thread: refresh when due, look at engines' health. */
void router_tick(Router *router);

int router_engine_count(const Router *router);
Engine *router_engine(const Router *router, int index);
Engine *router_engine_by_name(const Router *router, const char *name);
/* The engine that reads files for others' tables (EngineOps.read_rows); NULL = there is none. */
Engine *router_file_reader(const Router *router);

/* A consistent view of every table of every engine, for /api/v1/schemas and completion. */
typedef struct RegistryTable {
    Engine *engine;
    const TableDesc *table;
} RegistryTable;
typedef struct RegistryView {
    const RegistryTable *tables;
    int count;
    void *snapshot;
} RegistryView;
void router_registry(Router *router, RegistryView *out);
void registry_view_release(RegistryView *view);

/* What a decision's statement reads, as it is now (MarkerRequest): the chosen engine's marker, which is the
 * first `own_bytes`, then those of engines that it reads tables from. */
MarkerAnswer decision_read_marker(const Decision *decision, bool may_wait, bool to_keep, CancelToken *cancel,
                                  StrBuf *out, size_t *own_bytes);

/* ---- what became of a decision ---------------------------------------------------------------------------
 */

typedef enum BreakerState { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN } BreakerState;
const char *breaker_state_name(BreakerState state); /* "closed", "open", "half-open" */

typedef struct EngineBreaker {
    BreakerState state;
    int failures;      /* in a row */
    uint64_t opened;   /* how often, since the start */
    char message[256]; /* of the last failure, "" = none yet */
} EngineBreaker;
void router_breaker(Router *router, int engine_index, EngineBreaker *out);

/* The engine's fault and not the statement's: connection lost or refused, server going down, data it cannot
 * read. Another engine may well answer. */
bool router_is_engine_failure(const Error *error);

/* Around every execution of a decision. `taken_ms`: from execute() to the last row, without what the client
 * made it wait; < 0 = not to be learned from (it was cut short). `failure`: NULL, or why it ended early. */
void router_run_begins(Router *router, const Decision *decision);
void router_run_ends(Router *router, Decision *decision, double taken_ms, const Error *failure);
/* For the fast lane, where a run is too short to count as load: only the ends. */
void router_lane_run_ends(Router *router, Decision *decision, double taken_ms, const Error *failure);

/* After a read by cost took `taken_ms`: the engine to run it on once more, off its request's path, for
 * `limit_ms` at most; NULL = none (explore.h). Whoever gets one tells router_explored. */
Engine *router_explore(Router *router, const Decision *decision, double taken_ms, double *limit_ms);
/* The run of that engine's own decision (NULL when there is none) took `spent_ms`; `stopped`: it was not done
 * by then. */
void router_explored(Router *router, const Decision *decision, double limit_ms, double spent_ms,
                     bool stopped);

/* Memory for what runs took (COST_BOOK_BYTES of cost.h), shared with other processes and outliving the
 * router. Before the first decision. */
void router_share_costs(Router *router, void *memory);

/* Memory for what probes found (CALIBRATION_BYTES of calibration.h), shared likewise. */
void router_share_calibration(Router *router, void *memory);

/* What an engine's estimates rest on. */
typedef struct EngineConstants {
    const char *names[ENGINE_CONSTANT_COUNT];
    double values[ENGINE_CONSTANT_COUNT], compiled_in[ENGINE_CONSTANT_COUNT]; /* 0 = there is none */
    bool probed[ENGINE_CONSTANT_COUNT];
    int probes;
    uint32_t probed_at_seconds; /* Unix time of the last one, 0 = none */
    double learnt_factor;       /* what its statements took ÷ what was expected, of all shapes alike */
    int learnt_runs;
} EngineConstants;
void router_constants(const Router *router, int engine_index, EngineConstants *out);

typedef struct RouterCounters {
    uint64_t decisions, cache_hits, parses, errors;
    uint64_t chosen[ROUTER_MAX_CANDIDATES]; /* by engine index */
    int64_t cache_bytes;
    double parse_us_total, route_us_total;
} RouterCounters;
void router_counters(Router *router, RouterCounters *out);
