/* Two background threads. Upkeep: the registry at the start, then router_tick and the engines' idle memory
 * every second. Watch: the engines' health every second, and what their state means for the statements that
 * run; it must not wait while upkeep asks an engine that hangs for its tables. */
#include <pthread.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "fcgi/api/access_log.h"
#include "fcgi/api/api_internal.h"
#include "fcgi/api/metrics_published.h"
#include "fcgi/api/shadow.h"
#include "fcgi/api/query_watch.h"

enum { UPKEEP_INTERVAL_MS = 1000 };

void api_wait_ready(Api *api) {
    pthread_mutex_lock(&api->lock);
    while (!api->ready && !api->stopping)
        pthread_cond_wait(&api->changed, &api->lock);
    pthread_mutex_unlock(&api->lock);
}

bool api_health(Api *api, EngineHealth out[ROUTER_MAX_CANDIDATES]) {
    pthread_mutex_lock(&api->lock);
    bool known = api->health_known;
    memcpy(out, api->health, sizeof api->health);
    pthread_mutex_unlock(&api->lock);
    return known;
}

void api_poll_health(Api *api) {
    EngineHealth health[ROUTER_MAX_CANDIDATES] = {0};
    for (int i = 0; i < router_engine_count(api->router); i++) {
        Engine *engine = router_engine(api->router, i);
        engine->ops->health(engine, &health[i]);
    }
    pthread_mutex_lock(&api->lock);
    for (int i = 0; api->health_known && i < router_engine_count(api->router); i++)
        if (health[i].up != api->health[i].up)
            log_warn("engine", "engine=%s state=%s message=\"%s\"", router_engine(api->router, i)->name,
                     health[i].up ? "up" : "down", health[i].message);
    memcpy(api->health, health, sizeof health);
    api->health_known = true;
    api->health_ns = clock_now_ns();
    pthread_mutex_unlock(&api->lock);
}

bool api_is_behind(const Api *api) {
    return api->schema_clock && schema_clock_read(api->schema_clock) != atomic_load(&api->schema_seen);
}

static void read_registry(Api *api) {
    /* Read before the tables are: a change between the two makes us look once more, never once less. */
    uint64_t now = api->schema_clock ? schema_clock_read(api->schema_clock) : 0;
    Error err;
    if (router_refresh(api->router, &err) != STATUS_OK) log_warn("registry", "error=\"%s\"", err.message);
    uint64_t seen = atomic_load(&api->schema_seen);
    while (seen < now && !atomic_compare_exchange_weak(&api->schema_seen, &seen, now)) {
    }
}

void api_catch_up(Api *api) {
    if (api_is_behind(api)) read_registry(api);
}

void api_note_ddl(Api *api) {
    if (api->schema_clock) schema_clock_advance(api->schema_clock);
    read_registry(api);
}

static void become_ready(Api *api) {
    pthread_mutex_lock(&api->lock);
    api->ready = true;
    pthread_cond_broadcast(&api->changed);
    pthread_mutex_unlock(&api->lock);
}

static void release_idle_memory(Api *api) {
    for (int i = 0; i < router_engine_count(api->router); i++) {
        Engine *engine = router_engine(api->router, i);
        if (engine->ops->release_idle) engine->ops->release_idle(engine);
    }
}

/* Sleeps one interval; false when the thread should end. */
static bool wait_interval(Api *api) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += UPKEEP_INTERVAL_MS / 1000;
    pthread_mutex_lock(&api->lock);
    int waited = 0;
    while (!api->stopping && waited == 0)
        waited = pthread_cond_timedwait(&api->changed, &api->lock, &until);
    bool go_on = !api->stopping;
    pthread_mutex_unlock(&api->lock);
    return go_on;
}

static void *upkeep_main(void *argument) {
    Api *api = argument;
    pthread_setname_np(pthread_self(), "upkeep");
    read_registry(api);
    become_ready(api);
    do {
        router_tick(api->router);
        release_idle_memory(api);
        shadow_take_quarantine(api);
        published_look_at_jobs(api);
        api_publish_metrics(api);
        access_log_flush(api->access_log);
        if (api->config_watch && config_watch_changed(api->config_watch)) api->reload(api->reload_context);
    } while (wait_interval(api));
    return NULL;
}

static void *watch_main(void *argument) {
    Api *api = argument;
    pthread_setname_np(pthread_self(), "watch");
    do {
        EngineHealth health[ROUTER_MAX_CANDIDATES];
        api_poll_health(api);
        if (api_health(api, health)) query_watch_tick(api, health);
    } while (wait_interval(api));
    return NULL;
}

Status api_start_upkeep(Api *api, Error *err) {
    TRY(thread_start(&api->upkeep_thread, upkeep_main, api, err));
    api->upkeep_running = true;
    TRY(thread_start(&api->watch_thread, watch_main, api, err));
    api->watch_running = true;
    return STATUS_OK;
}

void api_stop_upkeep(Api *api) {
    if (api->jobs) jobs_stop(api->jobs);
    pthread_mutex_lock(&api->lock);
    api->stopping = true;
    pthread_cond_broadcast(&api->changed);
    pthread_mutex_unlock(&api->lock);
    if (api->upkeep_running) pthread_join(api->upkeep_thread, NULL);
    if (api->watch_running) pthread_join(api->watch_thread, NULL);
    api->upkeep_running = api->watch_running = false;
}
