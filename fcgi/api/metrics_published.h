/* Figures that other parts of the process keep (router, engines, history, server) and that are put beside the
 * counters of metrics.h. To add one: an id here, a line in metrics_published.c's table, a value in its
 * collecting function, a line in docs/monitoring/README.md. */
#pragma once

#include <stdbool.h>

#include "fcgi/api/metrics.h"

typedef enum PublishedId {
    /* Counters of the pool. */
    PUBLISHED_DECISIONS,
    PUBLISHED_DECISION_CACHE_HITS,
    PUBLISHED_PARSES,
    PUBLISHED_REFUSED,
    PUBLISHED_PARSE_SECONDS,
    PUBLISHED_ROUTE_SECONDS,
    PUBLISHED_CHOSEN,
    PUBLISHED_BREAKER_OPENED,
    PUBLISHED_SPILLED_BYTES,
    PUBLISHED_PAGE_CACHE_HITS,
    PUBLISHED_PAGE_CACHE_MISSES,
    PUBLISHED_CONFIG_RELOADS,
    PUBLISHED_CONFIG_FAILURES,
    PUBLISHED_HISTORY_ROWS,
    PUBLISHED_HISTORY_SKIPPED,
    PUBLISHED_HISTORY_FAILURES,
    PUBLISHED_SHADOW_RUNS,
    PUBLISHED_SHADOW_DIFFERENCES,
    PUBLISHED_SHADOW_SKIPPED,
    PUBLISHED_RESULT_HITS,
    PUBLISHED_RESULT_MISSES,
    PUBLISHED_RESULT_STALE,
    PUBLISHED_RESULT_STORED,
    PUBLISHED_RESULT_JOINED,
    PUBLISHED_CPU_SECONDS,
    PUBLISHED_CONNECTIONS_ACCEPTED,
    /* Gauges of a process. */
    PUBLISHED_UP,
    PUBLISHED_ENGINE_CONNECTIONS_OPEN,
    PUBLISHED_ENGINE_CONNECTIONS_BUSY,
    PUBLISHED_BREAKER_STATE,
    PUBLISHED_MEMORY_USED,
    PUBLISHED_MEMORY_LIMIT,
    PUBLISHED_SPILL_BYTES,
    PUBLISHED_PAGE_CACHE_BYTES,
    PUBLISHED_RESIDENT_BYTES,
    PUBLISHED_UPTIME,
    PUBLISHED_CONNECTIONS,
    PUBLISHED_REQUESTS_ACTIVE,
    PUBLISHED_WORKERS,
    PUBLISHED_WORKERS_BUSY,
    PUBLISHED_TASKS_QUEUED,
    PUBLISHED_ANSWER_SPOOL_BYTES,
    PUBLISHED_DECISION_CACHE_BYTES,
    PUBLISHED_CONFIG_ERROR,
    /* What is one for the pool: any process knows it. */
    PUBLISHED_JOBS_QUEUED,
    PUBLISHED_JOBS_RUNNING,
    PUBLISHED_JOBS_COMPLETED,
    PUBLISHED_JOBS_FAILED,
    PUBLISHED_JOBS_CANCELLED,
    PUBLISHED_JOBS_OLDEST,
    PUBLISHED_SLOTS,
    PUBLISHED_SLOTS_IN_USE,
    PUBLISHED_RULES,
    PUBLISHED_QUARANTINED,
    PUBLISHED_REGRET,
    PUBLISHED_REGRET_COMPARED,
    PUBLISHED_RESULT_ENTRIES,
    PUBLISHED_RESULT_BYTES,
    PUBLISHED_RESULT_CAPACITY,
    PUBLISHED_COUNT
} PublishedId;

/* Those that are not by engine have their value at 0. */
typedef struct PublishedValues {
    double values[PUBLISHED_COUNT][METRICS_ENGINES];
} PublishedValues;

typedef enum PublishedKind {
    PUBLISHED_COUNTER,
    PUBLISHED_GAUGE,
    PUBLISHED_POOL_GAUGE,
    PUBLISHED_POOL_COUNTER
} PublishedKind;

typedef struct Published {
    const char *name, *help;
    const char *label; /* a fixed one beside the others, NULL = none. Those of one name stand together */
    PublishedKind kind;
    bool by_engine;
} Published;

const Published *published_at(PublishedId id);

struct Api;
/* Looks at the jobs' file, for published_collect; upkeep's alone, about once a second. */
void published_look_at_jobs(struct Api *api);
/* What they are now. */
void published_collect(struct Api *api, PublishedValues *out);
