/* GET /api/v1/status: this process. */
#include <string.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "fcgi/api/api_internal.h"
#include "fcgi/api/process.h"
#include "fcgi/api/query_result.h"
#include "fcgi/api/shadow.h"
#include "fcgi/jobs/job_watch.h"

static void append_configuration(StrBuf *out, Api *api) {
    ConfigState state = {0};
    if (api->config_watch) config_watch_state(api->config_watch, &state);
    strbuf_printf(out, ",\"configuration\":{\"rules\":%d,\"loaded_at\":%.3f,\"reloads\":%llu,\"error\":",
                  router_rule_count(api->router), (double)state.loaded_wall_us / 1e6,
                  (unsigned long long)state.loads);
    if (state.error[0])
        strbuf_append_json(out, state.error, strlen(state.error));
    else
        strbuf_append_text(out, "null");
    strbuf_append_char(out, '}');
}

/* Of the whole pool; jobs as of upkeep's last look, for their file is not for the loop to wait for. */
static void append_jobs(StrBuf *out, Api *api) {
    pthread_mutex_lock(&api->lock);
    JobCounts counts = api->job_counts;
    pthread_mutex_unlock(&api->lock);
    Slots *slots = api->jobs ? jobs_slots(api->jobs) : NULL;
    double waits = counts.oldest_queued_us ? (double)(clock_wall_us() - counts.oldest_queued_us) / 1e6 : 0;
    strbuf_printf(out, ",\"slots\":{\"total\":%d,\"busy\":%d,\"for_jobs\":%d,\"busy_here\":%d}",
                  slots ? slots_count(slots) : 0, slots ? slots_in_use(slots) : 0,
                  slots ? slots_count_for_jobs(slots) : 0, slots ? slots_in_use_here(slots) : 0);
    strbuf_printf(out,
                  ",\"queue\":{\"length\":%lld,\"oldest_seconds\":%.3f},"
                  "\"jobs\":{\"queued\":%lld,\"running\":%lld,\"completed\":%lld,\"failed\":%lld,"
                  "\"cancelled\":%lld,\"watchers\":%d}",
                  (long long)counts.queued, waits > 0 ? waits : 0, (long long)counts.queued,
                  (long long)counts.running, (long long)counts.ended[JOB_COMPLETED],
                  (long long)counts.ended[JOB_FAILED], (long long)counts.ended[JOB_CANCELLED],
                  api->job_watch ? job_watch_count(api->job_watch) : 0);
}

void status_handle(Api *api, Exchange *exchange, char *const *arguments) {
    ServerCounters server = {0};
    if (api->server) server_counters(api->server, &server);
    RouterCounters router = {0};
    router_counters(api->router, &router);
    StrBuf out;
    strbuf_init(&out);
    strbuf_printf(&out,
                  "{\"version\":\"%s\",\"pid\":%d,\"uptime_seconds\":%.3f,\"resident_bytes\":%lld,"
                  "\"workers\":{\"total\":%zu,\"busy\":%zu,\"queued\":%zu},"
                  "\"connections\":{\"open\":%lld,\"accepted\":%lld},\"requests_active\":%lld,"
                  "\"router\":{\"decisions\":%llu,\"cache_hits\":%llu,\"parses\":%llu,\"errors\":%llu,"
                  "\"cache_bytes\":%lld}",
                  SIGNALBOX_VERSION, (int)getpid(), (double)(clock_now_ns() - api->started_ns) / 1e9,
                  (long long)process_resident_bytes(), server.workers, server.workers_busy,
                  server.tasks_queued, (long long)server.connections_open,
                  (long long)server.connections_accepted, (long long)server.requests_active,
                  (unsigned long long)router.decisions, (unsigned long long)router.cache_hits,
                  (unsigned long long)router.parses, (unsigned long long)router.errors,
                  (long long)router.cache_bytes);
    append_jobs(&out, api);
    append_configuration(&out, api);
    strbuf_append_text(&out, ",\"cache\":");
    query_result_append_status(&out, api);
    ShadowCounters shadow = {0};
    if (api->shadow) shadow_counters(api->shadow, &shadow);
    strbuf_printf(&out,
                  ",\"shadow\":{\"runs\":%llu,\"differences\":%llu,\"skipped\":%llu,\"trials\":%llu,"
                  "\"quarantined\":%d}}\n",
                  (unsigned long long)shadow.runs, (unsigned long long)shadow.differences,
                  (unsigned long long)shadow.skipped, (unsigned long long)shadow.trials,
                  router_quarantine_count(api->router));
    api_reply_json(exchange, 200, &out);
}
