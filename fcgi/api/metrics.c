/* GET /metrics: Prometheus text format 0.0.4, of the whole pool. */
#include "fcgi/api/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"
#include "fcgi/api/api_internal.h"
#include "fcgi/api/metrics_pool.h"
#include "fcgi/api/resources.h"

_Static_assert((int)RESOURCE_COUNT <= (int)METRICS_RESOURCES, "a resource has its counters");

/* 0 stands for a response that was cut before it had a status; the last slot for any other. */
static const int statuses[METRICS_STATUSES - 1] = {0,   200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 406,
                                                   408, 409, 413, 415, 422, 429, 500, 502, 503, 504, 507};
static const int64_t bounds_ns[METRICS_BUCKETS] = {
    100000,   250000,    500000,    1000000,   2500000,    5000000,    10000000,    25000000,
    50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 10000000000, 60000000000};

void histogram_note(Histogram *histogram, int64_t duration_ns) {
    int bucket = 0;
    while (bucket < METRICS_BUCKETS && duration_ns > bounds_ns[bucket])
        bucket++;
    metrics_add(&histogram->buckets[bucket], 1);
    metrics_add(&histogram->sum_ns, duration_ns > 0 ? (uint64_t)duration_ns : 0);
}

void metrics_count_request(Metrics *metrics, int resource, int status, int64_t duration_ns) {
    int slot = 0;
    while (slot < METRICS_STATUSES - 1 && statuses[slot] != status)
        slot++;
    metrics_add(&metrics->requests[resource][slot], 1);
    histogram_note(&metrics->request_time[resource], duration_ns);
}

uint64_t metrics_layout(const Api *api) {
    uint64_t hash = hash64_bytes(bounds_ns, sizeof bounds_ns, sizeof(Metrics));
    hash = hash64_bytes(statuses, sizeof statuses, hash);
    for (int i = 0; i < RESOURCE_COUNT; i++)
        hash = hash64_bytes(resource_path(i), strlen(resource_path(i)), hash);
    for (int i = 0; i < PUBLISHED_COUNT; i++)
        hash = hash64_bytes(published_at(i)->name, strlen(published_at(i)->name), hash);
    for (int i = 0; i < router_engine_count(api->router); i++) {
        const char *name = router_engine(api->router, i)->name;
        hash = hash64_bytes(name, strlen(name), hash);
    }
    return hash;
}

/* ---- text ------------------------------------------------------------------------------------------------
 */

static uint64_t load(const _Atomic uint64_t *counter) {
    return atomic_load_explicit((_Atomic uint64_t *)counter, memory_order_relaxed);
}

static void head(StrBuf *out, const char *name, const char *type, const char *help) {
    strbuf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void append_requests(StrBuf *out, const Metrics *metrics) {
    head(out, "signalbox_requests_total", "counter", "Requests answered, by path and status.");
    for (int resource = 0; resource < RESOURCE_COUNT; resource++)
        for (int slot = 0; slot < METRICS_STATUSES; slot++) {
            uint64_t count = load(&metrics->requests[resource][slot]);
            char status[16] = "other";
            if (slot < METRICS_STATUSES - 1) snprintf(status, sizeof status, "%d", statuses[slot]);
            if (count)
                strbuf_printf(out, "signalbox_requests_total{path=\"%s\",status=\"%s\"} %llu\n",
                              resource_path(resource), status, (unsigned long long)count);
        }
}

static uint64_t total_of(const Histogram *histogram) {
    uint64_t total = 0;
    for (int bucket = 0; bucket <= METRICS_BUCKETS; bucket++)
        total += load(&histogram->buckets[bucket]);
    return total;
}

/* The labels are written without braces. */
static void append_histogram(StrBuf *out, const char *name, const char *labels, const Histogram *histogram) {
    uint64_t total = 0;
    for (int bucket = 0; bucket <= METRICS_BUCKETS; bucket++) {
        total += load(&histogram->buckets[bucket]);
        char bound[32] = "+Inf";
        if (bucket < METRICS_BUCKETS) snprintf(bound, sizeof bound, "%g", (double)bounds_ns[bucket] / 1e9);
        strbuf_printf(out, "%s_bucket{%s,le=\"%s\"} %llu\n", name, labels, bound, (unsigned long long)total);
    }
    strbuf_printf(out, "%s_sum{%s} %.9f\n%s_count{%s} %llu\n", name, labels,
                  (double)load(&histogram->sum_ns) / 1e9, name, labels, (unsigned long long)total);
}

static void append_request_time(StrBuf *out, const Metrics *metrics) {
    const char *name = "signalbox_request_duration_seconds";
    head(out, name, "histogram", "Time from the request read to the answer written.");
    for (int resource = 0; resource < RESOURCE_COUNT; resource++) {
        char labels[128];
        snprintf(labels, sizeof labels, "path=\"%s\"", resource_path(resource));
        if (total_of(&metrics->request_time[resource]))
            append_histogram(out, name, labels, &metrics->request_time[resource]);
    }
}

static void append_query_time(StrBuf *out, Api *api, const Metrics *metrics) {
    static const char *const lanes[LANE_COUNT] = {"fast", "slow", "job"};
    const char *name = "signalbox_query_duration_seconds";
    int count = router_engine_count(api->router);
    head(out, "signalbox_queries_total", "counter", "Statements that went well, by engine and lane.");
    for (int i = 0; i < count; i++)
        for (int lane = 0; lane < LANE_COUNT; lane++)
            strbuf_printf(out, "signalbox_queries_total{engine=\"%s\",lane=\"%s\"} %llu\n",
                          router_engine(api->router, i)->name, lanes[lane],
                          (unsigned long long)total_of(&metrics->query_time[i][lane]));
    head(out, name, "histogram", "Time in the engine: from the start to the last row, without slow clients.");
    for (int i = 0; i < count; i++)
        for (int lane = 0; lane < LANE_COUNT; lane++) {
            char labels[128];
            snprintf(labels, sizeof labels, "engine=\"%s\",lane=\"%s\"", router_engine(api->router, i)->name,
                     lanes[lane]);
            append_histogram(out, name, labels, &metrics->query_time[i][lane]);
        }
}

static void append_by_engine(StrBuf *out, Api *api, const char *name, const char *help,
                             const _Atomic uint64_t *values) {
    head(out, name, "counter", help);
    for (int i = 0; i < router_engine_count(api->router); i++)
        strbuf_printf(out, "%s{engine=\"%s\"} %llu\n", name, router_engine(api->router, i)->name,
                      (unsigned long long)load(&values[i]));
}

static void append_engines(StrBuf *out, Api *api, const Metrics *metrics) {
    append_query_time(out, api, metrics);
    append_by_engine(out, api, "signalbox_query_errors_total", "Statements that failed in an engine.",
                     metrics->query_errors);
    append_by_engine(out, api, "signalbox_rows_total", "Rows answered, by engine.", metrics->rows);
    append_by_engine(out, api, "signalbox_query_fallbacks_total",
                     "Reads that another engine has answered, by the engine that failed.",
                     metrics->fallbacks);
    append_by_engine(out, api, "signalbox_ingest_rows_total", "Rows taken by POST .../data.",
                     metrics->intake_rows);
    append_by_engine(out, api, "signalbox_ingest_bytes_total", "Bytes of these posts, as they were sent.",
                     metrics->intake_bytes);
    append_by_engine(out, api, "signalbox_ingest_rejected_rows_total", "Rows that were left out as wrong.",
                     metrics->intake_rejected);
    append_by_engine(out, api, "signalbox_ingest_errors_total", "Posts of which no row was taken.",
                     metrics->intake_errors);
    const char *lag = "signalbox_ingest_lag_seconds";
    head(out, lag, "histogram", "From a post's arrival until every process sees its rows.");
    for (int i = 0; i < router_engine_count(api->router); i++) {
        char labels[128];
        snprintf(labels, sizeof labels, "engine=\"%s\"", router_engine(api->router, i)->name);
        append_histogram(out, lag, labels, &metrics->intake_time[i]);
    }
}

static void append_single(StrBuf *out, const char *name, const char *help, uint64_t value) {
    head(out, name, "counter", help);
    strbuf_printf(out, "%s %llu\n", name, (unsigned long long)value);
}

static void append_responses(StrBuf *out, const Metrics *metrics) {
    append_single(out, "signalbox_response_bytes_total", "Bytes of response bodies.",
                  load(&metrics->response_bytes));
    append_single(out, "signalbox_lane_fallbacks_total", "Fast-lane statements run again on the slow lane.",
                  load(&metrics->lane_fallbacks));
    append_single(out, "signalbox_responses_cut_total", "Responses cut because they failed midway.",
                  load(&metrics->cut_responses));
    append_single(out, "signalbox_statements_cancelled_total",
                  "Statements cancelled: client gone or out of time.", load(&metrics->cancelled));
}

/* ---- published figures -----------------------------------------------------------------------------------
 */

typedef struct Processes {
    MetricsProcess items[64]; /* of larger pools the first */
    int count;
} Processes;

static void keep_process(void *context, const MetricsProcess *process) {
    Processes *processes = context;
    if (processes->count < (int)(sizeof processes->items / sizeof *processes->items))
        processes->items[processes->count++] = *process;
}

static void append_value(StrBuf *out, const Published *published, const char *engine, int process,
                         double value) {
    const char *separator = "{";
    strbuf_append_text(out, published->name);
    if (engine) strbuf_printf(out, "%sengine=\"%s\"", separator, engine), separator = ",";
    if (published->label) strbuf_printf(out, "%s%s", separator, published->label), separator = ",";
    if (process >= 0) strbuf_printf(out, "%sprocess=\"%d\"", separator, process), separator = ",";
    strbuf_printf(out, "%s %.17g\n", separator[0] == ',' ? "}" : "", value);
}

static void append_engines_of(StrBuf *out, Api *api, PublishedId id, int process,
                              const PublishedValues *values) {
    const Published *published = published_at(id);
    if (!published->by_engine) append_value(out, published, NULL, process, values->values[id][0]);
    for (int i = 0; published->by_engine && i < router_engine_count(api->router); i++)
        append_value(out, published, router_engine(api->router, i)->name, process, values->values[id][i]);
}

static bool is_counter(const Published *published) {
    return published->kind == PUBLISHED_COUNTER || published->kind == PUBLISHED_POOL_COUNTER;
}

static void append_published(StrBuf *out, Api *api, const PublishedValues *sums, const Processes *processes) {
    for (int id = 0; id < PUBLISHED_COUNT; id++) {
        const Published *published = published_at(id);
        if (id == 0 || strcmp(published->name, published_at(id - 1)->name) != 0)
            head(out, published->name, is_counter(published) ? "counter" : "gauge", published->help);
        if (published->kind != PUBLISHED_GAUGE) {
            append_engines_of(out, api, id, -1, sums);
            continue;
        }
        for (int i = 0; i < processes->count; i++)
            append_engines_of(out, api, id, processes->items[i].slot, &processes->items[i].published);
    }
}

static void append_processes(StrBuf *out, const Processes *processes) {
    head(out, "signalbox_processes", "gauge", "Processes of the pool that live.");
    strbuf_printf(out, "signalbox_processes %d\n", processes->count);
    head(out, "signalbox_build_info", "gauge", "1; the version is a label.");
    for (int i = 0; i < processes->count; i++)
        strbuf_printf(out, "signalbox_build_info{process=\"%d\",version=\"%s\"} 1\n",
                      processes->items[i].slot, processes->items[i].version);
    head(out, "process_start_time_seconds", "gauge", "Start time since the epoch.");
    for (int i = 0; i < processes->count; i++)
        strbuf_printf(out, "process_start_time_seconds{process=\"%d\"} %.3f\n", processes->items[i].slot,
                      processes->items[i].started_seconds);
}

void metrics_handle(Api *api, Exchange *exchange, char *const *arguments) {
    api_publish_metrics(api);
    MetricsSum *sum = ARENA_NEW(&exchange->arena, MetricsSum);
    Processes *processes = ARENA_NEW(&exchange->arena, Processes);
    processes->count = 0;
    metrics_pool_sum(api->metrics_pool, sum);
    metrics_pool_each(api->metrics_pool, keep_process, processes);
    StrBuf out;
    strbuf_init(&out);
    append_requests(&out, &sum->counters);
    append_request_time(&out, &sum->counters);
    append_engines(&out, api, &sum->counters);
    append_responses(&out, &sum->counters);
    append_published(&out, api, &sum->published, processes);
    append_processes(&out, processes);
    exchange_reply(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", out.data, out.length);
    strbuf_deinit(&out);
}
