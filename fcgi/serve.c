/* signalbox serve */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "fcgi/api/api.h"
#include "fcgi/command.h"

typedef struct Service {
    Runtime runtime;
    ConfigWatch *watch;
    pthread_mutex_t reload_mutex; /* SIGHUP and a changed file may come together */
    const char *config_path;
    Api *api;
    Server *server;
} Service;

static LogLevel level_of(const char *name) {
    return !strcmp(name, "debug")   ? LOG_DEBUG
           : !strcmp(name, "warn")  ? LOG_WARN
           : !strcmp(name, "error") ? LOG_ERROR
                                    : LOG_INFO;
}

static Status take_over(Service *service, Error *err) {
    Config config;
    TRY(runtime_load_config(&config, service->config_path, err));
    if (router_set_rules(service->runtime.router, &config, err) != STATUS_OK) {
        config_deinit(&config);
        return STATUS_ERROR;
    }
    log_set_level(level_of(config.log_level));
    server_set_limits(service->server, config.max_body_bytes, config.max_header_bytes,
                      config.max_upload_bytes, config.drain_timeout_ms);
    api_set_limits(service->api, &config);
    config_deinit(&config);
    return STATUS_OK;
}

/* SIGHUP, or the file has changed: rules, limits and log level are taken over, the log file is opened again.
 * Engines and addresses need a restart. */
static void reload(void *context) {
    Service *service = context;
    Error err = {0};
    pthread_mutex_lock(&service->reload_mutex);
    log_reopen();
    api_reopen_logs(service->api);
    bool good = take_over(service, &err) == STATUS_OK;
    config_watch_note(service->watch, good ? NULL : &err);
    pthread_mutex_unlock(&service->reload_mutex);
    if (!good) {
        log_error("reload", "error=\"%s\" kept=\"the configuration as it was\"", err.message);
        return;
    }
    log_info("reload", "config=\"%s\"", service->config_path ? service->config_path : "signalbox.toml");
}

/* Beside the socket: the pool's processes have their sockets in one directory. */
static void path_of_shared(Service *service, const char *listen, const char *name, char path[4096]) {
    const char *slash = !strncmp(listen, "unix:", 5) ? strrchr(listen, '/') : NULL;
    if (slash)
        snprintf(path, 4096, "%.*s/%s", (int)(slash - listen - 5), listen + 5, name);
    else
        snprintf(path, 4096, "%s/%s", service->runtime.config.data_directory, name);
}

static void share_with_pool(Service *service, const char *listen) {
    char path[4096];
    Error err = {0};
    path_of_shared(service, listen, "attempts", path);
    if (api_share_attempts(service->api, path, &err) != STATUS_OK)
        log_warn("attempts", "error=\"%s\" effect=\"a write that nginx tries twice may run twice\"",
                 err.message);
    path_of_shared(service, listen, "intake-keys", path);
    if (api_share_intake_keys(service->api, path, &err) != STATUS_OK)
        log_warn("intake_keys", "error=\"%s\" effect=\"Idempotency-Key is not looked at\"", err.message);
    path_of_shared(service, listen, "costs-1", path); /* another number when cost.c lays them out anew */
    if (api_share_costs(service->api, path, &err) != STATUS_OK)
        log_warn("costs", "error=\"%s\" effect=\"each process learns by itself what statements take\"",
                 err.message);
    path_of_shared(service, listen, "", path);
    if (api_share_metrics(service->api, path, &err) != STATUS_OK)
        log_warn("metrics", "error=\"%s\" effect=\"GET /metrics tells of one process\"", err.message);
    path_of_shared(service, listen, "calibration-1", path);
    if (api_share_calibration(service->api, path, &err) != STATUS_OK)
        log_warn("calibration", "error=\"%s\" effect=\"each process measures the engines by itself\"",
                 err.message);
    path_of_shared(service, listen, "results-1",
                   path); /* another number when what is kept is laid out anew */
    if (api_share_results(service->api, &service->runtime.config, path, &err) != STATUS_OK)
        log_warn("results", "error=\"%s\" effect=\"no answers are kept\"", err.message);
    path_of_shared(service, listen, "schema-clock", path);
    if (api_share_schema_clock(service->api, path, &err) != STATUS_OK)
        log_warn("schema_clock",
                 "error=\"%s\" effect=\"a table made in another process is seen a second later\"",
                 err.message);
}

static Status serve_engines(Service *service, Error *err) {
    for (int i = 0; i < service->runtime.engine_count; i++) {
        Engine *engine = service->runtime.engines[i];
        if (engine->ops->serve) TRY(engine->ops->serve(engine, err));
    }
    return STATUS_OK;
}

static Status start(Service *service, const char *listen, bool take_over, Error *err) {
    const Config *config = &service->runtime.config;
    TRY(log_open(config->log_file, level_of(config->log_level), !strcmp(config->log_format, "json"), err));
    TRY(api_create(config, service->runtime.router, &service->api, err));
    ServerOptions options = {.listen = listen ? listen : config->listen,
                             .take_over = take_over,
                             .io_threads = config->io_threads,
                             .worker_threads = config->worker_threads,
                             .max_body_bytes = config->max_body_bytes,
                             .max_header_bytes = config->max_header_bytes,
                             .max_upload_bytes = config->max_upload_bytes,
                             .spool_directory = config->spool_directory,
                             .max_spooled_bytes = config->max_spooled_bytes,
                             .drain_timeout_ms = config->drain_timeout_ms};
    ServerApp app = api_server_app(service->api);
    TRY(server_create(&options, &app, &service->server, err));
    share_with_pool(service, options.listen);
    if (api_keep_history(service->api, config, err) != STATUS_OK) {
        log_warn("history", "error=\"%s\" effect=\"no history is kept\"", err->message);
        error_clear(err);
    }
    TRY(api_keep_access_log(service->api, config, err));
    if (api_keep_jobs(service->api, config, err) != STATUS_OK) {
        log_warn("jobs", "error=\"%s\" effect=\"no jobs are kept\"", err->message);
        error_clear(err);
    }
    api_attach_server(service->api, service->server, reload, service);
    api_watch_config(service->api, service->watch);
    TRY(api_start_upkeep(service->api, err));
    TRY(serve_engines(service, err));
    log_info("serve", "version=%s listen=\"%s\" engines=%d io_threads=%d", SIGNALBOX_VERSION, options.listen,
             service->runtime.engine_count, options.io_threads);
    return STATUS_OK;
}

int command_serve(CommandLine *line) {
    const char *listen;
    if (!command_take_option(line, "--listen", &listen))
        return command_usage_error("serve", "--listen needs an address");
    bool take_over = command_take_flag(line, "--take-over");
    if (line->argc) return command_usage_error("serve", "\"%s\" was not expected", line->argv[0]);
    server_block_signals();
    Service *service = calloc(1, sizeof *service);
    service->config_path = line->config_path;
    service->watch = config_watch_open(line->config_path ? line->config_path : "signalbox.toml");
    pthread_mutex_init(&service->reload_mutex, NULL);
    Error err = {0};
    if (runtime_open(&service->runtime, line->config_path, &err) != STATUS_OK) {
        config_watch_close(service->watch);
        free(service);
        return command_failed(&err, NULL);
    }
    Status status = start(service, listen, take_over, &err);
    if (status == STATUS_OK) status = server_run(service->server, &err);
    int code = status == STATUS_OK ? EXIT_DONE : command_failed(&err, NULL);
    if (service->api) api_stop_upkeep(service->api);
    if (service->server) server_destroy(service->server);
    if (service->api) api_destroy(service->api);
    runtime_close(&service->runtime);
    log_info("serve", "state=ended");
    log_close();
    config_watch_close(service->watch);
    pthread_mutex_destroy(&service->reload_mutex);
    free(service);
    return code;
}
