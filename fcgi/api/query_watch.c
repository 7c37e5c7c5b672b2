#include "fcgi/api/query_watch.h"

#include "engines/base/clock.h"
#include "engines/base/log.h"

/* A server that is only slow to answer a ping shall not lose its statements. */
enum { PATIENCE_NS_PER_SECOND = 1000000000, PATIENCE_SECONDS = 3 };

void query_watch_begin(QueryRun *run) {
    Api *api = run->api;
    pthread_mutex_lock(&api->runs_lock);
    run->next_run = api->runs;
    run->run_link = &api->runs;
    if (api->runs) api->runs->run_link = &run->next_run;
    api->runs = run;
    pthread_mutex_unlock(&api->runs_lock);
}

void query_watch_end(QueryRun *run) {
    pthread_mutex_lock(&run->api->runs_lock);
    *run->run_link = run->next_run;
    if (run->next_run) run->next_run->run_link = run->run_link;
    pthread_mutex_unlock(&run->api->runs_lock);
}

static int stop_reads(Api *api, const Engine *engine) {
    int stopped = 0;
    pthread_mutex_lock(&api->runs_lock);
    for (QueryRun *run = api->runs; run; run = run->next_run) {
        const Decision *decision = run->decision;
        if (decision->engine != engine || decision->statement->kind != STATEMENT_READ ||
            decision->class == CLASS_SESSION)
            continue;
        cancel_request(&run->attempt, CANCEL_BY_ENGINE_LOST);
        stopped++;
    }
    pthread_mutex_unlock(&api->runs_lock);
    return stopped;
}

void query_watch_tick(Api *api, const EngineHealth health[ROUTER_MAX_CANDIDATES]) {
    int64_t now_ns = clock_now_ns();
    for (int i = 0; i < router_engine_count(api->router); i++) {
        const Engine *engine = router_engine(api->router, i);
        bool silent = !health[i].up && health[i].silent;
        if (!silent) api->silent_since_ns[i] = 0;
        if (silent && api->silent_since_ns[i] == 0)
            api->silent_since_ns[i] = health[i].silent_since_ns ? health[i].silent_since_ns : now_ns;
        if (!silent || now_ns - api->silent_since_ns[i] < (int64_t)PATIENCE_SECONDS * PATIENCE_NS_PER_SECOND)
            continue;
        int stopped = stop_reads(api, engine);
        if (stopped)
            log_warn("query.stopped", "engine=%s reads=%d reason=\"the engine does not answer\"",
                     engine->name, stopped);
    }
}
