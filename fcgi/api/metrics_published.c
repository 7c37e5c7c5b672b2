#include "fcgi/api/metrics_published.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "fcgi/api/api_internal.h"
#include "fcgi/api/process.h"
#include "fcgi/api/result_cache.h"
#include "fcgi/api/shadow.h"

_Static_assert((int)ROUTER_MAX_CANDIDATES <= (int)METRICS_ENGINES, "an engine has its place");

static const Published table[PUBLISHED_COUNT] = {
    [PUBLISHED_DECISIONS] = {"signalbox_router_decisions_total",
                             "Decisions made or taken from the cache, and statements refused.", NULL,
                             PUBLISHED_COUNTER, false},
    [PUBLISHED_DECISION_CACHE_HITS] = {"signalbox_router_cache_hits_total", "Decisions taken from the cache.",
                                       NULL, PUBLISHED_COUNTER, false},
    [PUBLISHED_PARSES] = {"signalbox_router_parses_total", "Statements parsed.", NULL, PUBLISHED_COUNTER,
                          false},
    [PUBLISHED_REFUSED] = {"signalbox_router_errors_total", "Statements refused before they ran.", NULL,
                           PUBLISHED_COUNTER, false},
    [PUBLISHED_PARSE_SECONDS] = {"signalbox_router_parse_seconds_total", "Time spent parsing.", NULL,
                                 PUBLISHED_COUNTER, false},
    [PUBLISHED_ROUTE_SECONDS] = {"signalbox_router_route_seconds_total", "Time spent deciding.", NULL,
                                 PUBLISHED_COUNTER, false},
    [PUBLISHED_CHOSEN] = {"signalbox_router_chosen_total", "Decisions, by the engine chosen.", NULL,
                          PUBLISHED_COUNTER, true},
    [PUBLISHED_BREAKER_OPENED] = {"signalbox_engine_breaker_opened_total",
                                  "Times an engine's breaker has opened.", NULL, PUBLISHED_COUNTER, true},
    [PUBLISHED_SPILLED_BYTES] = {"signalbox_spilled_bytes_total",
                                 "Bytes written to disk by statements over their memory.", NULL,
                                 PUBLISHED_COUNTER, true},
    [PUBLISHED_PAGE_CACHE_HITS] = {"signalbox_page_cache_reads_total", "Reads of decoded pages.",
                                   "result=\"hit\"", PUBLISHED_COUNTER, true},
    [PUBLISHED_PAGE_CACHE_MISSES] = {"signalbox_page_cache_reads_total", "Reads of decoded pages.",
                                     "result=\"miss\"", PUBLISHED_COUNTER, true},
    [PUBLISHED_CONFIG_RELOADS] = {"signalbox_config_reloads_total",
                                  "Times the configuration was taken over while serving.", NULL,
                                  PUBLISHED_COUNTER, false},
    [PUBLISHED_CONFIG_FAILURES] = {"signalbox_config_reload_failures_total",
                                   "Times a changed configuration was wrong and the old one stayed.", NULL,
                                   PUBLISHED_COUNTER, false},
    [PUBLISHED_HISTORY_ROWS] = {"signalbox_history_rows_total", "Statements written to the history.", NULL,
                                PUBLISHED_COUNTER, false},
    [PUBLISHED_HISTORY_SKIPPED] = {"signalbox_history_skipped_total",
                                   "Statements left out of the history: too many in a second.", NULL,
                                   PUBLISHED_COUNTER, false},
    [PUBLISHED_HISTORY_FAILURES] = {"signalbox_history_failures_total",
                                    "Batches of the history that could not be written.", NULL,
                                    PUBLISHED_COUNTER, false},
    [PUBLISHED_SHADOW_RUNS] = {"signalbox_shadow_runs_total", "Reads compared on two engines.", NULL,
                               PUBLISHED_COUNTER, false},
    [PUBLISHED_SHADOW_DIFFERENCES] = {"signalbox_shadow_differences_total",
                                      "Of these, answers that differed.", NULL, PUBLISHED_COUNTER, false},
    [PUBLISHED_SHADOW_SKIPPED] = {"signalbox_shadow_skipped_total",
                                  "Comparisons left out: load, full queue, errors.", NULL, PUBLISHED_COUNTER,
                                  false},
    [PUBLISHED_RESULT_HITS] = {"signalbox_result_cache_lookups_total",
                               "Statements that the result cache may answer.", "result=\"hit\"",
                               PUBLISHED_COUNTER, false},
    [PUBLISHED_RESULT_MISSES] = {"signalbox_result_cache_lookups_total",
                                 "Statements that the result cache may answer.", "result=\"miss\"",
                                 PUBLISHED_COUNTER, false},
    [PUBLISHED_RESULT_STALE] = {"signalbox_result_cache_stale_total",
                                "Answers found that were made from what has changed since.", NULL,
                                PUBLISHED_COUNTER, false},
    [PUBLISHED_RESULT_STORED] = {"signalbox_result_cache_stored_total", "Answers kept.", NULL,
                                 PUBLISHED_COUNTER, false},
    [PUBLISHED_RESULT_JOINED] = {"signalbox_result_cache_joined_total",
                                 "Statements that waited for an equal one which was running.", NULL,
                                 PUBLISHED_COUNTER, false},
    [PUBLISHED_CPU_SECONDS] = {"signalbox_cpu_seconds_total", "Processor time of the pool.", NULL,
                               PUBLISHED_COUNTER, false},
    [PUBLISHED_CONNECTIONS_ACCEPTED] = {"signalbox_connections_accepted_total",
                                        "FastCGI connections accepted.", NULL, PUBLISHED_COUNTER, false},
    [PUBLISHED_UP] = {"signalbox_engine_up", "1 when the engine answers.", NULL, PUBLISHED_GAUGE, true},
    [PUBLISHED_ENGINE_CONNECTIONS_OPEN] = {"signalbox_engine_connections", "Connections to the engine.",
                                           "state=\"open\"", PUBLISHED_GAUGE, true},
    [PUBLISHED_ENGINE_CONNECTIONS_BUSY] = {"signalbox_engine_connections", "Connections to the engine.",
                                           "state=\"busy\"", PUBLISHED_GAUGE, true},
    [PUBLISHED_BREAKER_STATE] = {"signalbox_engine_breaker_state", "0 closed, 1 open, 2 half-open.", NULL,
                                 PUBLISHED_GAUGE, true},
    [PUBLISHED_MEMORY_USED] = {"signalbox_memory_used_bytes", "Memory reserved by statements.", NULL,
                               PUBLISHED_GAUGE, true},
    [PUBLISHED_MEMORY_LIMIT] = {"signalbox_memory_limit_bytes", "Memory that statements may reserve.", NULL,
                                PUBLISHED_GAUGE, true},
    [PUBLISHED_SPILL_BYTES] = {"signalbox_spill_bytes", "Bytes of statements that lie on disk now.", NULL,
                               PUBLISHED_GAUGE, true},
    [PUBLISHED_PAGE_CACHE_BYTES] = {"signalbox_page_cache_bytes", "Memory of decoded pages.", NULL,
                                    PUBLISHED_GAUGE, true},
    [PUBLISHED_RESIDENT_BYTES] = {"process_resident_memory_bytes", "Resident memory.", NULL, PUBLISHED_GAUGE,
                                  false},
    [PUBLISHED_UPTIME] = {"signalbox_uptime_seconds", "Time since the process began to serve.", NULL,
                          PUBLISHED_GAUGE, false},
    [PUBLISHED_CONNECTIONS] = {"signalbox_connections_open", "FastCGI connections.", NULL, PUBLISHED_GAUGE,
                               false},
    [PUBLISHED_REQUESTS_ACTIVE] = {"signalbox_requests_active", "Requests in flight.", NULL, PUBLISHED_GAUGE,
                                   false},
    [PUBLISHED_WORKERS] = {"signalbox_workers", "Threads of the slow lane.", NULL, PUBLISHED_GAUGE, false},
    [PUBLISHED_WORKERS_BUSY] = {"signalbox_workers_busy", "Those of them at work.", NULL, PUBLISHED_GAUGE,
                                false},
    [PUBLISHED_TASKS_QUEUED] = {"signalbox_tasks_queued", "Tasks that wait for one of them.", NULL,
                                PUBLISHED_GAUGE, false},
    [PUBLISHED_ANSWER_SPOOL_BYTES] = {"signalbox_answer_spool_bytes",
                                      "Bytes of answers on disk that slow clients have not taken.", NULL,
                                      PUBLISHED_GAUGE, false},
    [PUBLISHED_DECISION_CACHE_BYTES] = {"signalbox_router_cache_bytes", "Memory of the decision cache.", NULL,
                                        PUBLISHED_GAUGE, false},
    [PUBLISHED_CONFIG_ERROR] = {"signalbox_config_error", "1 while the configuration file is wrong.", NULL,
                                PUBLISHED_GAUGE, false},
    [PUBLISHED_JOBS_QUEUED] = {"signalbox_jobs", "Jobs that have not ended.", "status=\"queued\"",
                               PUBLISHED_POOL_GAUGE, false},
    [PUBLISHED_JOBS_RUNNING] = {"signalbox_jobs", "Jobs that have not ended.", "status=\"running\"",
                                PUBLISHED_POOL_GAUGE, false},
    [PUBLISHED_JOBS_COMPLETED] = {"signalbox_jobs_ended_total", "Jobs that have ended.",
                                  "status=\"completed\"", PUBLISHED_POOL_COUNTER, false},
    [PUBLISHED_JOBS_FAILED] = {"signalbox_jobs_ended_total", "Jobs that have ended.", "status=\"failed\"",
                               PUBLISHED_POOL_COUNTER, false},
    [PUBLISHED_JOBS_CANCELLED] = {"signalbox_jobs_ended_total", "Jobs that have ended.",
                                  "status=\"cancelled\"", PUBLISHED_POOL_COUNTER, false},
    [PUBLISHED_JOBS_OLDEST] = {"signalbox_jobs_oldest_queued_seconds",
                               "How long the oldest queued job has waited.", NULL, PUBLISHED_POOL_GAUGE,
                               false},
    [PUBLISHED_SLOTS] = {"signalbox_slots", "Heavy statements that may run at once.", NULL,
                         PUBLISHED_POOL_GAUGE, false},
    [PUBLISHED_SLOTS_IN_USE] = {"signalbox_slots_in_use", "Those that do.", NULL, PUBLISHED_POOL_GAUGE,
                                false},
    [PUBLISHED_RULES] = {"signalbox_rules", "Routing rules in effect.", NULL, PUBLISHED_POOL_GAUGE, false},
    [PUBLISHED_QUARANTINED] = {"signalbox_shapes_quarantined",
                               "Shapes read at their source: answers differed.", NULL, PUBLISHED_POOL_GAUGE,
                               false},
    [PUBLISHED_REGRET] = {"signalbox_regret",
                          "Time taken over the best known engine's for the shape, geometric mean of the "
                          "newest statements.",
                          NULL, PUBLISHED_POOL_GAUGE, false},
    [PUBLISHED_REGRET_COMPARED] = {"signalbox_regret_compared", "Statements that this mean is of.", NULL,
                                   PUBLISHED_POOL_GAUGE, false},
    [PUBLISHED_RESULT_ENTRIES] = {"signalbox_result_cache_entries",
                                  "Answers in the result cache, old ones among them.", NULL,
                                  PUBLISHED_POOL_GAUGE, false},
    [PUBLISHED_RESULT_BYTES] = {"signalbox_result_cache_bytes", "Bytes of the result cache in use.", NULL,
                                PUBLISHED_POOL_GAUGE, false},
    [PUBLISHED_RESULT_CAPACITY] = {"signalbox_result_cache_capacity_bytes",
                                   "Bytes that the result cache may use.", NULL, PUBLISHED_POOL_GAUGE, false},
};

const Published *published_at(PublishedId id) {
    return &table[id];
}

/* ---- collecting ------------------------------------------------------------------------------------------
 */

int64_t process_resident_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    long long total = 0, resident = 0;
    if (file) {
        if (fscanf(file, "%lld %lld", &total, &resident) != 2) resident = 0;
        fclose(file);
    }
    return resident * sysconf(_SC_PAGESIZE);
}

static void set(PublishedValues *out, PublishedId id, double value) {
    out->values[id][0] = value;
}

static void collect_engine(Api *api, int index, const EngineHealth *health, PublishedValues *out) {
    Engine *engine = router_engine(api->router, index);
    EngineBreaker breaker;
    router_breaker(api->router, index, &breaker);
    EngineUsage usage = {0};
    if (engine->ops->usage) engine->ops->usage(engine, &usage);
    const struct {
        PublishedId id;
        double value;
    } values[] = {{PUBLISHED_BREAKER_OPENED, (double)breaker.opened},
                  {PUBLISHED_BREAKER_STATE, breaker.state},
                  {PUBLISHED_UP, health->up},
                  {PUBLISHED_ENGINE_CONNECTIONS_OPEN, health->connections_open},
                  {PUBLISHED_ENGINE_CONNECTIONS_BUSY, health->connections_busy},
                  {PUBLISHED_MEMORY_USED, (double)usage.memory_used_bytes},
                  {PUBLISHED_MEMORY_LIMIT, (double)usage.memory_limit_bytes},
                  {PUBLISHED_SPILL_BYTES, (double)usage.spill_bytes},
                  {PUBLISHED_SPILLED_BYTES, (double)usage.spilled_bytes},
                  {PUBLISHED_PAGE_CACHE_BYTES, (double)usage.cache_bytes},
                  {PUBLISHED_PAGE_CACHE_HITS, (double)usage.cache_hits},
                  {PUBLISHED_PAGE_CACHE_MISSES, (double)usage.cache_misses}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        out->values[values[i].id][index] = values[i].value;
}

static void collect_router(Api *api, PublishedValues *out) {
    RouterCounters counters = {0};
    router_counters(api->router, &counters);
    set(out, PUBLISHED_DECISIONS, (double)counters.decisions);
    set(out, PUBLISHED_DECISION_CACHE_HITS, (double)counters.cache_hits);
    set(out, PUBLISHED_PARSES, (double)counters.parses);
    set(out, PUBLISHED_REFUSED, (double)counters.errors);
    set(out, PUBLISHED_PARSE_SECONDS, counters.parse_us_total / 1e6);
    set(out, PUBLISHED_ROUTE_SECONDS, counters.route_us_total / 1e6);
    set(out, PUBLISHED_DECISION_CACHE_BYTES, (double)counters.cache_bytes);
    set(out, PUBLISHED_RULES, router_rule_count(api->router));
    set(out, PUBLISHED_QUARANTINED, router_quarantine_count(api->router));
    for (int i = 0; i < router_engine_count(api->router); i++)
        out->values[PUBLISHED_CHOSEN][i] = (double)counters.chosen[i];
}

static void collect_history(Api *api, PublishedValues *out) {
    HistoryCounters counters = {.regret = {.mean = 1}};
    if (api->history) history_counters(api->history, &counters);
    set(out, PUBLISHED_HISTORY_ROWS, (double)counters.written);
    set(out, PUBLISHED_HISTORY_SKIPPED, (double)counters.skipped);
    set(out, PUBLISHED_HISTORY_FAILURES, (double)counters.failures);
    set(out, PUBLISHED_REGRET, counters.regret.mean);
    set(out, PUBLISHED_REGRET_COMPARED, (double)counters.regret.compared);
    ShadowCounters shadow = {0};
    if (api->shadow) shadow_counters(api->shadow, &shadow);
    set(out, PUBLISHED_SHADOW_RUNS, (double)shadow.runs);
    set(out, PUBLISHED_SHADOW_DIFFERENCES, (double)shadow.differences);
    set(out, PUBLISHED_SHADOW_SKIPPED, (double)shadow.skipped);
}

static void collect_results(Api *api, PublishedValues *out) {
    if (!api->results) return;
    const ResultCounters *counters = result_cache_counters(api->results);
    ResultStoreUse use;
    result_cache_use(api->results, &use);
    set(out, PUBLISHED_RESULT_HITS, (double)counters->hits);
    set(out, PUBLISHED_RESULT_MISSES, (double)counters->misses);
    set(out, PUBLISHED_RESULT_STALE, (double)counters->stale);
    set(out, PUBLISHED_RESULT_STORED, (double)counters->stored);
    set(out, PUBLISHED_RESULT_JOINED, (double)counters->joined);
    set(out, PUBLISHED_RESULT_ENTRIES, (double)use.entries);
    set(out, PUBLISHED_RESULT_BYTES, (double)use.bytes);
    set(out, PUBLISHED_RESULT_CAPACITY, (double)use.capacity);
}

static void collect_process(Api *api, PublishedValues *out) {
    ConfigState state = {0};
    if (api->config_watch) config_watch_state(api->config_watch, &state);
    set(out, PUBLISHED_CONFIG_RELOADS, (double)state.loads);
    set(out, PUBLISHED_CONFIG_FAILURES, (double)state.failures);
    set(out, PUBLISHED_CONFIG_ERROR, state.error[0] ? 1 : 0);
    struct timespec cpu = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    set(out, PUBLISHED_CPU_SECONDS, (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
    set(out, PUBLISHED_RESIDENT_BYTES, (double)process_resident_bytes());
    set(out, PUBLISHED_UPTIME, (double)(clock_now_ns() - api->started_ns) / 1e9);
    if (!api->server) return;
    ServerCounters counters;
    server_counters(api->server, &counters);
    set(out, PUBLISHED_CONNECTIONS_ACCEPTED, (double)counters.connections_accepted);
    set(out, PUBLISHED_CONNECTIONS, (double)counters.connections_open);
    set(out, PUBLISHED_REQUESTS_ACTIVE, (double)counters.requests_active);
    set(out, PUBLISHED_WORKERS, (double)counters.workers);
    set(out, PUBLISHED_WORKERS_BUSY, (double)counters.workers_busy);
    set(out, PUBLISHED_TASKS_QUEUED, (double)counters.tasks_queued);
    set(out, PUBLISHED_ANSWER_SPOOL_BYTES, (double)counters.spooled_bytes);
}

/* As of upkeep's last look: the file's lock is not for the loop to wait for. */
static void collect_jobs(Api *api, PublishedValues *out) {
    if (!api->jobs) return;
    pthread_mutex_lock(&api->lock);
    JobCounts counts = api->job_counts;
    int in_use = api->slots_in_use;
    pthread_mutex_unlock(&api->lock);
    int64_t waited_us = counts.oldest_queued_us ? clock_wall_us() - counts.oldest_queued_us : 0;
    set(out, PUBLISHED_JOBS_QUEUED, (double)counts.queued);
    set(out, PUBLISHED_JOBS_RUNNING, (double)counts.running);
    set(out, PUBLISHED_JOBS_COMPLETED, (double)counts.ended[JOB_COMPLETED]);
    set(out, PUBLISHED_JOBS_FAILED, (double)counts.ended[JOB_FAILED]);
    set(out, PUBLISHED_JOBS_CANCELLED, (double)counts.ended[JOB_CANCELLED]);
    set(out, PUBLISHED_JOBS_OLDEST, waited_us > 0 ? (double)waited_us / 1e6 : 0);
    set(out, PUBLISHED_SLOTS, slots_count(jobs_slots(api->jobs)));
    set(out, PUBLISHED_SLOTS_IN_USE, in_use);
}

void published_look_at_jobs(Api *api) {
    if (!api->jobs) return;
    JobStore *store = jobs_reader(api->jobs);
    int64_t version = job_store_version(store);
    JobCounts counts = {0};
    Error ignored;
    /* Another process's locks are asked for, which is a system call for each slot. */
    int in_use = slots_in_use(jobs_slots(api->jobs));
    bool changed = version != api->job_version && job_counts(store, &counts, &ignored) == STATUS_OK;
    pthread_mutex_lock(&api->lock);
    if (changed) api->job_counts = counts;
    api->slots_in_use = in_use;
    pthread_mutex_unlock(&api->lock);
    if (changed) api->job_version = version;
}

void published_collect(Api *api, PublishedValues *out) {
    memset(out, 0, sizeof *out);
    EngineHealth health[ROUTER_MAX_CANDIDATES] = {0};
    (void)api_health(api, health);
    for (int i = 0; i < router_engine_count(api->router); i++)
        collect_engine(api, i, &health[i], out);
    collect_router(api, out);
    collect_history(api, out);
    collect_results(api, out);
    collect_process(api, out);
    collect_jobs(api, out);
}
