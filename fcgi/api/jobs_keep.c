/* The jobs of a process: opened with what [jobs] says. */
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "fcgi/api/jobs_run.h"
#include "fcgi/jobs/job_schedules.h"
#include "fcgi/jobs/job_watch.h"

enum { LEAST_SLOTS = 2 };

static int slots_of(const Config *config) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (config->jobs_slots > 0) return config->jobs_slots;
    return cores < LEAST_SLOTS ? LEAST_SLOTS : cores < SLOTS_MOST ? (int)cores : SLOTS_MOST;
}

static int reserved_of(const Config *config, int slots) {
    if (config->jobs_reserved_slots >= 0) return config->jobs_reserved_slots;
    return slots < 2 ? 0 : slots < 4 ? 1 : slots / 4;
}

static void tick(void *context) {
    Api *api = context;
    Error err = {0};
    int64_t count;
    if (schedules_submit_due(jobs_store(api->jobs), clock_wall_us(), jobs_options(api->jobs)->most_queued,
                             &count, &err) != STATUS_OK)
        log_warn("schedules", "error=\"%s\"", err.message);
}

Status api_keep_jobs(Api *api, const Config *config, Error *err) {
    if (!config->jobs_enabled) return STATUS_OK;
    int slots = slots_of(config);
    JobsOptions options = {.directory = config->jobs_directory,
                           .slots = slots,
                           .reserved_slots = reserved_of(config, slots),
                           .slot_memory_bytes = config->jobs_slot_memory_bytes,
                           .slot_threads = config->jobs_slot_threads,
                           .most_queued = config->jobs_max_queued,
                           .aging_seconds = config->jobs_aging_seconds,
                           .max_result_bytes = config->jobs_max_result_bytes,
                           .results_bytes = config->jobs_results_bytes,
                           .result_hours = config->jobs_result_hours,
                           .job_hours = config->jobs_job_hours,
                           .most_jobs = config->jobs_max_jobs,
                           .drain_timeout_ms = config->drain_timeout_ms};
    JobsHost host = {.context = api, .run = jobs_run, .tick = tick};
    TRY(jobs_open(&options, &api->jobs, err));
    TRY(job_watch_open(api->jobs, &api->job_watch, err));
    api->jobs_max_runtime_seconds = config->jobs_max_runtime_seconds;
    api->jobs_max_queue_seconds = config->jobs_max_queue_seconds;
    if (jobs_start(api->jobs, &host, err) == STATUS_OK) return STATUS_OK;
    job_watch_close(api->job_watch);
    jobs_close(api->jobs);
    api->jobs = NULL;
    api->job_watch = NULL;
    return STATUS_ERROR;
}
