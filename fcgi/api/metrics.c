/* GET /metrics: Prometheus text format 0.0.4. */
#include "fcgi/api/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "fcgi/api/api_internal.h"
#include "fcgi/api/process.h"
#include "fcgi/api/resources.h"
#include "fcgi/api/shadow.h"

/* 0 stands for a response that was cut before it had a status; the last slot for any other. */
static const int statuses[METRICS_STATUSES - 1] = {0,   200, 201, 202, 204, 400, 401, 403, 404, 405, 406, 408,
                                                   409, 413, 415, 422, 429, 431, 500, 502, 503, 504, 507};
static const double buckets_s[METRICS_BUCKETS] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
                                                  0.025,  0.05,    0.1,    0.5,   1,      5,     30};

void metrics_count_request(Metrics *metrics, int resource, int status, int64_t duration_ns) {
    int slot = 0;
    while (slot < METRICS_STATUSES - 1 && statuses[slot] != status)
        slot++;
    metrics_add(&metrics->requests[resource][slot], 1);
    int bucket = 0;
    while (bucket < METRICS_BUCKETS && (double)duration_ns > buckets_s[bucket] * 1e9)
        bucket++;
    metrics_add(&metrics->latency[resource][bucket], 1);
    metrics_add(&metrics->latency_sum_us[resource], (uint64_t)(duration_ns / 1000));
}

static uint64_t load(const _Atomic uint64_t *counter) {
    return atomic_load_explicit((_Atomic uint64_t *)counter, memory_order_relaxed);
}

static void head(StrBuf *out, const char *name, const char *type, const char *help) {
    strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(StrBuf *out, const char *name, const char *type, const char *help, double value) {
    head(out, name, type, help);
    strbuf_printf(out, "%s %.17g\n", name, value);
}

static void append_requests(StrBuf *out, const Metrics *metrics) {
    head(out, "signalbox_requests_total", "counter", "Requests answered, by path and status.");
    for (int resource = 0; resource < RESOURCE_COUNT; resource++)
        for (int slot = 0; slot < METRICS_STATUSES; slot++) {
            uint64_t count = load(&metrics->requests[resource][slot]);
            if (count && slot == METRICS_STATUSES - 1)
                strbuf_printf(out, "signalbox_requests_total{path=\"%s\",status=\"other\"} %llu\n",
                              resource_path(resource), (unsigned long long)count);
            else if (count)
                strbuf_printf(out, "signalbox_requests_total{path=\"%s\",status=\"%d\"} %llu\n",
                              resource_path(resource), statuses[slot], (unsigned long long)count);
        }
}

static void append_latency_of(StrBuf *out, const Metrics *metrics, int resource) {
    const char *path = resource_path(resource);
    uint64_t total = 0;
    for (int bucket = 0; bucket <= METRICS_BUCKETS; bucket++) {
        total += load(&metrics->latency[resource][bucket]);
        if (bucket < METRICS_BUCKETS)
            strbuf_printf(out, "signalbox_request_duration_seconds_bucket{path=\"%s\",le=\"%g\"} %llu\n",
                          path, buckets_s[bucket], (unsigned long long)total);
    }
    strbuf_printf(out,
                  "signalbox_request_duration_seconds_bucket{path=\"%s\",le=\"+Inf\"} %llu\n"
                  "signalbox_request_duration_seconds_sum{path=\"%s\"} %.6f\n"
                  "signalbox_request_duration_seconds_count{path=\"%s\"} %llu\n",
                  path, (unsigned long long)total, path,
                  (double)load(&metrics->latency_sum_us[resource]) / 1e6, path, (unsigned long long)total);
}

static void append_latency(StrBuf *out, const Metrics *metrics) {
    head(out, "signalbox_request_duration_seconds", "histogram",
         "Time from the request read to the answer written.");
    for (int resource = 0; resource < RESOURCE_COUNT; resource++) {
        uint64_t any = 0;
        for (int bucket = 0; bucket <= METRICS_BUCKETS; bucket++)
            any |= load(&metrics->latency[resource][bucket]);
        if (any) append_latency_of(out, metrics, resource);
    }
}

static void append_breakers(StrBuf *out, Api *api) {
    EngineBreaker breaker;
    head(out, "signalbox_engine_breaker_state", "gauge", "0 closed, 1 open, 2 half-open.");
    for (int i = 0; i < router_engine_count(api->router); i++) {
        router_breaker(api->router, i, &breaker);
        strbuf_printf(out, "signalbox_engine_breaker_state{engine=\"%s\"} %d\n",
                      router_engine(api->router, i)->name, (int)breaker.state);
    }
    head(out, "signalbox_engine_breaker_opened_total", "counter", "Times an engine's breaker has opened.");
    for (int i = 0; i < router_engine_count(api->router); i++) {
        router_breaker(api->router, i, &breaker);
        strbuf_printf(out, "signalbox_engine_breaker_opened_total{engine=\"%s\"} %llu\n",
                      router_engine(api->router, i)->name, (unsigned long long)breaker.opened);
    }
}

static void append_engines(StrBuf *out, Api *api) {
    const Metrics *metrics = &api->metrics;
    EngineHealth health[ROUTER_MAX_CANDIDATES];
    bool known = api_health(api, health);
    int count = router_engine_count(api->router);
    head(out, "signalbox_queries_total", "counter", "Statements run, by engine and lane.");
    for (int i = 0; i < count; i++)
        for (int lane = 0; lane < LANE_COUNT; lane++)
            strbuf_printf(out, "signalbox_queries_total{engine=\"%s\",lane=\"%s\"} %llu\n",
                          router_engine(api->router, i)->name, lane == LANE_FAST ? "fast" : "slow",
                          (unsigned long long)load(&metrics->queries[i][lane]));
    head(out, "signalbox_query_errors_total", "counter", "Statements that failed in an engine.");
    for (int i = 0; i < count; i++)
        strbuf_printf(out, "signalbox_query_errors_total{engine=\"%s\"} %llu\n",
                      router_engine(api->router, i)->name,
                      (unsigned long long)load(&metrics->query_errors[i]));
    head(out, "signalbox_rows_total", "counter", "Rows answered, by engine.");
    for (int i = 0; i < count; i++)
        strbuf_printf(out, "signalbox_rows_total{engine=\"%s\"} %llu\n", router_engine(api->router, i)->name,
                      (unsigned long long)load(&metrics->rows[i]));
    head(out, "signalbox_query_fallbacks_total", "counter",
         "Reads that another engine has answered, by the engine that failed.");
    for (int i = 0; i < count; i++)
        strbuf_printf(out, "signalbox_query_fallbacks_total{engine=\"%s\"} %llu\n",
                      router_engine(api->router, i)->name, (unsigned long long)load(&metrics->fallbacks[i]));
    append_breakers(out, api);
    if (!known) return;
    head(out, "signalbox_engine_up", "gauge", "1 when the engine answers.");
    for (int i = 0; i < count; i++)
        strbuf_printf(out, "signalbox_engine_up{engine=\"%s\"} %d\n", router_engine(api->router, i)->name,
                      health[i].up);
    head(out, "signalbox_engine_connections", "gauge", "Connections to the engine, by state.");
    for (int i = 0; i < count; i++)
        strbuf_printf(out,
                      "signalbox_engine_connections{engine=\"%s\",state=\"open\"} %d\n"
                      "signalbox_engine_connections{engine=\"%s\",state=\"busy\"} %d\n",
                      router_engine(api->router, i)->name, health[i].connections_open,
                      router_engine(api->router, i)->name, health[i].connections_busy);
}

static void append_configuration(StrBuf *out, Api *api) {
    ConfigState state = {0};
    if (api->config_watch) config_watch_state(api->config_watch, &state);
    single(out, "signalbox_rules", "gauge", "Routing rules in effect.", router_rule_count(api->router));
    single(out, "signalbox_config_reloads_total", "counter", "Times the configuration was taken over.",
           (double)state.loads);
    single(out, "signalbox_config_reload_failures_total", "counter",
           "Times a changed configuration was wrong and the old one stayed.", (double)state.failures);
    single(out, "signalbox_config_error", "gauge", "1 while the configuration file is wrong.",
           state.error[0] ? 1 : 0);
}

static void append_history(StrBuf *out, Api *api) {
    if (!api->history) return;
    HistoryCounters counters;
    history_counters(api->history, &counters);
    single(out, "signalbox_history_rows_total", "counter", "Statements written to the history.",
           (double)counters.written);
    single(out, "signalbox_history_skipped_total", "counter",
           "Statements left out of the history: too many in a second.", (double)counters.skipped);
    single(out, "signalbox_history_failures_total", "counter", "Batches that could not be written.",
           (double)counters.failures);
    single(out, "signalbox_shapes_quarantined", "gauge", "Shapes read at their source: answers differed.",
           router_quarantine_count(api->router));
    ShadowCounters shadow = {0};
    if (api->shadow) shadow_counters(api->shadow, &shadow);
    single(out, "signalbox_shadow_runs_total", "counter", "Reads compared on two engines.",
           (double)shadow.runs);
    single(out, "signalbox_shadow_differences_total", "counter", "Of these, answers that differed.",
           (double)shadow.differences);
    single(out, "signalbox_shadow_skipped_total", "counter",
           "Shadow runs left out: load, full queue, errors.", (double)shadow.skipped);
    single(out, "signalbox_regret", "gauge",
           "Time taken over the best known engine's for the shape, geometric mean of the newest statements.",
           counters.regret.mean);
    single(out, "signalbox_regret_compared", "gauge", "Statements that this mean is of.",
           (double)counters.regret.compared);
}

static void append_router(StrBuf *out, Api *api) {
    RouterCounters counters = {0};
    router_counters(api->router, &counters);
    single(out, "signalbox_router_decisions_total", "counter", "Decisions made or taken from the cache.",
           (double)counters.decisions);
    single(out, "signalbox_router_cache_hits_total", "counter", "Decisions taken from the cache.",
           (double)counters.cache_hits);
    single(out, "signalbox_router_parses_total", "counter", "Statements parsed.", (double)counters.parses);
    single(out, "signalbox_router_errors_total", "counter", "Statements refused.", (double)counters.errors);
    single(out, "signalbox_router_cache_bytes", "gauge", "Memory of the decision cache.",
           (double)counters.cache_bytes);
    single(out, "signalbox_router_parse_seconds_total", "counter", "Time spent parsing.",
           counters.parse_us_total / 1e6);
    single(out, "signalbox_router_route_seconds_total", "counter", "Time spent deciding.",
           counters.route_us_total / 1e6);
    head(out, "signalbox_router_chosen_total", "counter", "Decisions by chosen engine.");
    for (int i = 0; i < router_engine_count(api->router); i++)
        strbuf_printf(out, "signalbox_router_chosen_total{engine=\"%s\"} %llu\n",
                      router_engine(api->router, i)->name, (unsigned long long)counters.chosen[i]);
}

int64_t process_resident_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    long long total = 0, resident = 0;
    if (file) {
        if (fscanf(file, "%lld %lld", &total, &resident) != 2) resident = 0;
        fclose(file);
    }
    return resident * sysconf(_SC_PAGESIZE);
}

static void append_process(StrBuf *out, Api *api) {
    single(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
           (double)process_resident_bytes());
    single(out, "process_start_time_seconds", "gauge", "Start time since the epoch.",
           (double)api->started_wall_us / 1e6);
    single(out, "signalbox_uptime_seconds", "gauge", "Time since the process began to serve.",
           (double)(clock_now_ns() - api->started_ns) / 1e9);
    const Metrics *metrics = &api->metrics;
    single(out, "signalbox_response_bytes_total", "counter", "Bytes of response bodies.",
           (double)load(&metrics->response_bytes));
    single(out, "signalbox_lane_fallbacks_total", "counter",
           "Fast-lane statements run again on the slow lane.", (double)load(&metrics->lane_fallbacks));
    single(out, "signalbox_responses_cut_total", "counter", "Responses cut because they failed midway.",
           (double)load(&metrics->cut_responses));
    single(out, "signalbox_statements_cancelled_total", "counter",
           "Statements cancelled: client gone or out of time.", (double)load(&metrics->cancelled));
    if (!api->server) return;
    ServerCounters counters;
    server_counters(api->server, &counters);
    single(out, "signalbox_connections_open", "gauge", "FastCGI connections.",
           (double)counters.connections_open);
    single(out, "signalbox_requests_active", "gauge", "Requests in flight.",
           (double)counters.requests_active);
    single(out, "signalbox_workers_busy", "gauge", "Slow-lane workers at work.",
           (double)counters.workers_busy);
    single(out, "signalbox_tasks_queued", "gauge", "Slow-lane tasks waiting.", (double)counters.tasks_queued);
}

void metrics_handle(Api *api, Exchange *exchange, char *const *arguments) {
    StrBuf out;
    strbuf_init(&out);
    append_requests(&out, &api->metrics);
    append_latency(&out, &api->metrics);
    append_engines(&out, api);
    append_router(&out, api);
    append_configuration(&out, api);
    append_history(&out, api);
    append_process(&out, api);
    exchange_reply(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", out.data, out.length);
    strbuf_deinit(&out);
}
