#include "fcgi/api/api.h"

#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "fcgi/api/access_log.h"
#include "fcgi/api/aliases.h"
#include "fcgi/api/api_internal.h"
#include "fcgi/api/cors.h"
#include "fcgi/api/metrics_pool.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/resources.h"
#include "fcgi/api/result_cache.h"
#include "fcgi/api/shadow.h"
#include "fcgi/jobs/job_watch.h"
#include "router/rules.h"
#include "fcgi/api/shared_map.h"
#include "router/calibration.h"
#include "router/cost.h"

/* ---- dispatch --------------------------------------------------------------------------------------------
 */

typedef struct Call {
    Api *api;
    ResourceHandler handle;
    char *arguments[RESOURCE_MAX_ARGUMENTS];
} Call;

static void call_on_worker(Exchange *exchange) {
    Call *call = exchange->state;
    api_wait_ready(call->api);
    call->handle(call->api, exchange, call->arguments);
}

static void handle(void *context, Exchange *exchange) {
    Api *api = context;
    Call call = {.api = api};
    exchange->resource = resource_match(exchange, call.arguments);
    AliasMatch alias = exchange->resource == RESOURCE_OTHER ? alias_rewrite(exchange) : ALIAS_NONE;
    if (alias == ALIAS_REWRITTEN) exchange->resource = resource_match(exchange, call.arguments);
    cors_add_headers(exchange, api->cors_origins);
    const Resource *resource = resource_at(exchange->resource);
    if (alias == ALIAS_NO_TABLE) {
        problem_reply_text(exchange, 400, "the table is missing: say which with ?table=");
    } else if (exchange->resource == RESOURCE_OTHER) {
        problem_reply_text(exchange, 404,
                           "there is nothing at this path; GET /api/v1/openapi.json lists what there is");
    } else if (resource->methods & exchange->method) {
        if (!resource->on_worker) {
            resource->handle(api, exchange, call.arguments);
            return;
        }
        if (exchange->method == HTTP_POST && cors_is_foreign_form(exchange, api->cors_origins)) {
            problem_reply_text(exchange, 403, "a page of another site sent this");
            return;
        }
        call.handle = resource->handle;
        exchange->state = arena_memdup(&exchange->arena, &call, sizeof call);
        exchange_run_on_worker(exchange, call_on_worker);
    } else if (!cors_preflight(exchange, api->cors_origins, resource->methods)) {
        problem_reply_method(exchange, resource->methods);
    }
}

/* Bodies of rows, which may be larger than memory. */
static bool spools(void *context, const Exchange *exchange) {
    static const char prefix[] = "/api/v1/tables/", suffix[] = "/data";
    size_t length = strlen(exchange->path);
    if (exchange->method == HTTP_POST && alias_takes_rows(exchange->path)) return true;
    return exchange->method == HTTP_POST && length > sizeof prefix + sizeof suffix - 2 &&
           !strncmp(exchange->path, prefix, sizeof prefix - 1) &&
           !strcmp(exchange->path + length - (sizeof suffix - 1), suffix);
}

static void reject(void *context, Exchange *exchange, int status, const char *detail) {
    exchange->resource = RESOURCE_OTHER;
    problem_reply_text(exchange, status, detail);
}

static void finished(void *context, Exchange *exchange) {
    Api *api = context;
    int64_t duration_ns = clock_now_ns() - exchange->received_ns;
    metrics_count_request(api->metrics, exchange->resource, exchange->status, duration_ns);
    metrics_add(&api->metrics->response_bytes, (uint64_t)exchange->response_bytes);
    access_log_request(api->access_log, api, exchange, duration_ns);
    log_debug("request", "id=%s method=%s path=\"%s\" status=%d bytes=%lld us=%lld", exchange->request_id,
              exchange->method_name, resource_path(exchange->resource), exchange->status,
              (long long)exchange->response_bytes, (long long)(duration_ns / 1000));
}

void api_reply_json(Exchange *exchange, int status, StrBuf *json) {
    exchange_reply(exchange, status, "application/json", json->data, json->length);
    strbuf_deinit(json);
}

/* ---- lanes -----------------------------------------------------------------------------------------------
 */

static void *loop_open(void *context, int loop_index, EventLoop *loop) {
    Api *api = context;
    LoopState *state = calloc(1, sizeof *state);
    state->loop = loop;
    for (int i = 0; i < router_engine_count(api->router); i++) {
        Engine *engine = router_engine(api->router, i);
        Error err;
        if (engine->ops->lane_open &&
            engine->ops->lane_open(engine, loop, &state->lanes[i], &err) != STATUS_OK) {
            log_warn("lane", "engine=%s error=\"%s\"", engine->name, err.message);
            state->lanes[i] = NULL;
        }
    }
    return state;
}

static void loop_close(void *context, void *loop_state) {
    Api *api = context;
    LoopState *state = loop_state;
    for (int i = 0; i < ROUTER_MAX_CANDIDATES; i++)
        if (state->lanes[i]) router_engine(api->router, i)->ops->lane_close(state->lanes[i]);
    route_texts_deinit(&state->routes);
    row_layouts_deinit(&state->layouts);
    strbuf_deinit(&state->body);
    strbuf_deinit(&state->tail);
    free(state);
}

int api_engine_index(const Api *api, const Engine *engine) {
    for (int i = 0; i < router_engine_count(api->router); i++)
        if (router_engine(api->router, i) == engine) return i;
    return -1;
}

/* ---- life ------------------------------------------------------------------------------------------------
 */

static void reload(void *context) {
    Api *api = context;
    if (api->reload) api->reload(api->reload_context);
}

ServerApp api_server_app(Api *api) {
    return (ServerApp){.context = api,
                       .handle = handle,
                       .spools = spools,
                       .reject = reject,
                       .finished = finished,
                       .loop_open = loop_open,
                       .loop_close = loop_close,
                       .reload = reload};
}

void api_attach_server(Api *api, Server *server, void (*reload_function)(void *), void *reload_context) {
    api->server = server;
    api->reload = reload_function;
    api->reload_context = reload_context;
}

void api_watch_config(Api *api, ConfigWatch *watch) {
    api->config_watch = watch;
}

void api_set_limits(Api *api, const Config *config) {
    atomic_store(&api->max_rows, config->max_rows);
    atomic_store(&api->max_upload_bytes, config->max_upload_bytes);
    atomic_store(&api->max_runtime_seconds, config->max_runtime_seconds);
}

Status api_create(const Config *config, Router *router, Api **out, Error *err) {
    Api *api = calloc(1, sizeof *api);
    api->router = router;
    api->spool_directory = strdup(config->spool_directory);
    api->cors_origins = strdup(config->cors_origins);
    api->started_ns = clock_now_ns();
    api->started_wall_us = clock_wall_us();
    pthread_mutex_init(&api->lock, NULL);
    pthread_mutex_init(&api->runs_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&api->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    api_set_limits(api, config);
    api->metrics_pool = metrics_pool_alone();
    api->metrics = metrics_pool_own(api->metrics_pool);
    rules_header_parameter(config->user_header, api->user_parameter);
    *out = api;
    return STATUS_OK;
}

Status api_share_attempts(Api *api, const char *path, Error *err) {
    return attempts_open(path, &api->attempts, err);
}

Status api_share_schema_clock(Api *api, const char *path, Error *err) {
    TRY(schema_clock_open(path, &api->schema_clock, err));
    atomic_store(&api->schema_seen, schema_clock_read(api->schema_clock));
    return STATUS_OK;
}

Status api_share_intake_keys(Api *api, const char *path, Error *err) {
    return intake_keys_open(path, &api->intake_keys, err);
}

Status api_share_results(Api *api, const Config *config, const char *path, Error *err) {
    if (config->cache_bytes == 0) return STATUS_OK;
    ResultCacheOptions options = {.path = path,
                                  .bytes = config->cache_bytes,
                                  .max_entry_bytes = config->cache_max_entry_bytes,
                                  .min_wait_cost_ms = config->cache_min_cost_ms};
    return result_cache_open(&options, &api->results, err);
}

Status api_share_costs(Api *api, const char *path, Error *err) {
    TRY(shared_map_open(path, COST_BOOK_BYTES, &api->costs, err));
    router_share_costs(api->router, api->costs);
    return STATUS_OK;
}

Status api_share_metrics(Api *api, const char *directory, Error *err) {
    MetricsPool *shared;
    TRY(metrics_pool_open(directory, metrics_layout(api), &shared, err));
    metrics_pool_close(api->metrics_pool);
    api->metrics_pool = shared;
    api->metrics = metrics_pool_own(shared);
    return STATUS_OK;
}

void api_publish_metrics(Api *api) {
    PublishedValues values;
    published_collect(api, &values);
    metrics_pool_publish(api->metrics_pool, &values);
}

Status api_keep_access_log(Api *api, const Config *config, Error *err) {
    AccessLogOptions options = {.file = config->access_log_file,
                                .audit_file = config->audit_file,
                                .failed_only = !strcmp(config->access_log_requests, "failed"),
                                .text = config->history_text};
    return access_log_open(&options, &api->access_log, err);
}

void api_reopen_logs(Api *api) {
    access_log_reopen(api->access_log);
}

Status api_share_calibration(Api *api, const char *path, Error *err) {
    TRY(shared_map_open(path, CALIBRATION_BYTES, &api->calibration, err));
    router_share_calibration(api->router, api->calibration);
    return STATUS_OK;
}

Status api_keep_history(Api *api, const Config *config, Error *err) {
    free(api->history_path);
    api->history_path = strdup(config->history_path);
    if (!api->history_path) abort();
    if (!config->history_enabled)
        return config->explore_share > 0 ? shadow_open(api, 0, &api->shadow, err) : STATUS_OK;
    HistoryOptions options = {.path = config->history_path,
                              .text = config->history_text,
                              .params = config->history_params,
                              .max_rows = config->history_max_rows,
                              .max_bytes = config->history_max_bytes,
                              .rows_per_second = config->history_rows_per_second};
    TRY(history_open(&options, &api->history, err));
    bool shadows = config->shadow_share > 0 || config->explore_share > 0;
    return shadows ? shadow_open(api, config->shadow_share, &api->shadow, err) : STATUS_OK;
}

void api_destroy(Api *api) {
    if (api->jobs) jobs_stop(api->jobs);
    job_watch_close(api->job_watch);
    jobs_close(api->jobs);
    shadow_close(api->shadow);
    history_close(api->history);
    access_log_close(api->access_log);
    result_cache_close(api->results);
    if (api->costs) {
        router_share_costs(api->router, NULL);
        shared_map_close(api->costs, COST_BOOK_BYTES);
    }
    if (api->calibration) {
        router_share_calibration(api->router, NULL);
        shared_map_close(api->calibration, CALIBRATION_BYTES);
    }
    intake_keys_close(api->intake_keys);
    free(api->spool_directory);
    free(api->history_path);
    free(api->cors_origins);
    schema_clock_close(api->schema_clock);
    attempts_close(api->attempts);
    metrics_pool_close(api->metrics_pool);
    pthread_cond_destroy(&api->changed);
    pthread_mutex_destroy(&api->lock);
    pthread_mutex_destroy(&api->runs_lock);
    free(api);
}
