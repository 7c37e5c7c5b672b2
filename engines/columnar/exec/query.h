/* One running query: what every operator shares. Internal to exec/.
 *
 * Order: query_create → the plan becomes pipelines (executor.c) → pipeline_run each in order → query_destroy.
 * Plans, programs and operators are read-only while workers run; what changes stands in per-worker states.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "engines/base/clock.h"
#include "engines/columnar/exec/executor.h"

/* Counters of one plan node, for EXPLAIN ANALYZE. Workers add once per batch or morsel. */
typedef struct OperatorStats {
    const PlanNode *node;
    _Atomic int64_t rows_out;
    _Atomic int64_t batches;
    _Atomic int64_t time_ns; /* own work and everything it pushed into, summed over workers */
    _Atomic int64_t memory_bytes;
    _Atomic int64_t spilled_bytes; /* as written to disk */
    _Atomic int64_t files_total, files_skipped;
    _Atomic int64_t row_groups_total, row_groups_skipped;
    _Atomic int64_t pages_total, pages_skipped; /* of the filters' columns, by the page index */
    _Atomic int64_t rows_read;
    _Atomic int64_t runtime_dropped; /* rows a scan left out because no join partner awaits them */
} OperatorStats;

typedef struct Query {
    const Plan *plan;
    Execution *execution;
    ThreadPool *workers;
    int worker_count;
    const char *spill_directory;         /* NULL = nothing may be spilled */
    int64_t spill_limit_bytes;           /* on disk at a time, 0 = no limit */
    struct FilteredScan *filtered_scans; /* runtime_filter.h */
    struct SpillSpace *spill;            /* spill.h */
    Budget budget;
    Arena arena; /* operators and programs; only touched while building, by one thread */
    int64_t statement_time_us;
    const Vector *params; /* one CONSTANT vector per parameter, already of its type */
    int cache_slot_count; /* evaluator caches handed out so far */
    bool timing;          /* EXPLAIN ANALYZE */
    OperatorStats *stats;
    int stats_count;
    pthread_mutex_t lock; /* error */
    Error error;          /* the first failure of any worker */
    _Atomic int failed;
} Query;

/* Cancelled, past the deadline, or another worker failed: STATUS_ERROR. */
Status query_check(Query *query, Error *err);
/* The same for loops over rows: looks at every 8192nd only. */
static inline Status query_check_each(Query *query, int64_t row, Error *err) {
    return row & 8191 ? STATUS_OK : query_check(query, err);
}
/* For work that cannot fail itself; whoever started it checks afterwards. */
bool query_is_stopped(Query *query);
static inline bool query_is_stopped_each(Query *query, int64_t row) {
    return !(row & 8191) && query_is_stopped(query);
}
/* The first error stays and stops every worker. */
void query_fail(Query *query, const Error *err);
OperatorStats *query_stats_of(Query *query, const PlanNode *node);
/* Cast from the request's text to the types the plan inferred. */
Status query_bind_params(Query *query, Error *err);

/* Budgeted malloc: reserved first. query_free needs the same size. */
Status query_alloc(Query *query, size_t bytes, void **out, Error *err);
Status query_zalloc(Query *query, size_t bytes, void **out, Error *err);
/* Grows (never shrinks) what query_alloc gave. Unchanged when refused. */
Status query_realloc(Query *query, void **memory, size_t old_bytes, size_t bytes, Error *err);
void query_free(Query *query, void *memory, size_t bytes);

/* An arena whose growth is charged to the query's budget by query_charge. */
typedef struct ChargedArena {
    Arena arena;
    int64_t charged_bytes;
} ChargedArena;
void charged_arena_init(ChargedArena *arena);
void charged_arena_deinit(Query *query, ChargedArena *arena);
Status charged_arena_settle(Query *query, ChargedArena *arena, Error *err);

/* Runs run(argument, i) for i in [0, count) on the query's workers and the caller. */
void query_parallel(Query *query, int count, void (*run)(void *argument, int index), void *argument);
/* A dictionary id no other producer uses (the upper half of the numbers is exec's). */
uint64_t query_new_dictionary_id(void);

/* Keeps the highest figure. */
static inline void stats_note_memory(OperatorStats *stats, int64_t bytes) {
    int64_t highest = atomic_load(&stats->memory_bytes);
    while (bytes > highest && !atomic_compare_exchange_weak(&stats->memory_bytes, &highest, bytes)) {
    }
}
