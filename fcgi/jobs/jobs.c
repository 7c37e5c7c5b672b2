#include "fcgi/jobs/jobs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "fcgi/jobs/jobs_internal.h"

enum { MOST_RETRY_SECONDS = 60, PAUSE_MS = 10 };

static Status make_directory(const char *path, Error *err) {
    if (mkdir(path, 0750) == 0 || errno == EEXIST) return STATUS_OK;
    return error_set_errno(err, errno, "cannot make the directory \"%s\"", path);
}

static Status open_all(Jobs *jobs, Error *err) {
    const JobsOptions *options = &jobs->options;
    char path[2200];
    TRY(make_directory(jobs->directory, err));
    TRY(make_directory(jobs->result_directory, err));
    snprintf(path, sizeof path, "%s/jobs.db", jobs->directory);
    TRY(job_store_open(path, &jobs->store, err));
    TRY(job_store_open(path, &jobs->reader, err));
    TRY(job_owner_open(&jobs->owner, jobs->owner_directory, err));
    snprintf(path, sizeof path, "%s/slots", jobs->directory);
    TRY(slots_open(path, options->slots, options->reserved_slots, &jobs->slots, err));
    return threadpool_create(&jobs->runners, "job", slots_count_for_jobs(jobs->slots), err);
}

Status jobs_open(const JobsOptions *options, Jobs **out, Error *err) {
    Jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs) abort();
    jobs->options = *options;
    jobs->owner.fd = -1;
    snprintf(jobs->directory, sizeof jobs->directory, "%s", options->directory);
    snprintf(jobs->result_directory, sizeof jobs->result_directory, "%s/results", jobs->directory);
    snprintf(jobs->owner_directory, sizeof jobs->owner_directory, "%s/processes", jobs->directory);
    jobs->options.directory = jobs->directory;
    jobs->keeping = (JobKeeping){.result_directory = jobs->result_directory,
                                 .result_age_us = (int64_t)(options->result_hours * 3600e6),
                                 .result_bytes = options->results_bytes,
                                 .job_age_us = (int64_t)(options->job_hours * 3600e6),
                                 .most_jobs = options->most_jobs};
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&jobs->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (open_all(jobs, err) != STATUS_OK) {
        jobs_close(jobs);
        return STATUS_ERROR;
    }
    *out = jobs;
    return STATUS_OK;
}

Status jobs_start(Jobs *jobs, const JobsHost *host, Error *err) {
    jobs->host = *host;
    TRY(thread_start(&jobs->thread, job_scheduler_main, jobs, err));
    jobs->started = true;
    return STATUS_OK;
}

/* ---- the end ---------------------------------------------------------------------------------------------
 */

static int cancel_runs(Jobs *jobs, bool writes_too) {
    pthread_mutex_lock(&jobs->lock);
    int count = jobs->run_count;
    for (JobRun *run = jobs->runs; run; run = run->next)
        if (run->claim.only_reads || writes_too) cancel_request(&run->cancel, CANCEL_BY_SHUTDOWN);
    pthread_mutex_unlock(&jobs->lock);
    return count;
}

void jobs_stop(Jobs *jobs) {
    if (!jobs->started) return;
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    pthread_cond_broadcast(&jobs->changed);
    pthread_mutex_unlock(&jobs->lock);
    pthread_join(jobs->thread, NULL);
    jobs->started = false;
    int64_t until_ns = clock_now_ns() + (int64_t)jobs->options.drain_timeout_ms * 1000000;
    while (cancel_runs(jobs, clock_now_ns() >= until_ns) > 0)
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
}

void jobs_close(Jobs *jobs) {
    if (!jobs) return;
    jobs_stop(jobs);
    if (jobs->runners) threadpool_destroy(jobs->runners);
    job_owner_close(&jobs->owner);
    slots_close(jobs->slots);
    job_store_close(jobs->reader);
    job_store_close(jobs->store);
    pthread_cond_destroy(&jobs->changed);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

/* ---- what others ask -------------------------------------------------------------------------------------
 */

JobStore *jobs_store(Jobs *jobs) {
    return jobs->store;
}
JobStore *jobs_reader(Jobs *jobs) {
    return jobs->reader;
}
Slots *jobs_slots(Jobs *jobs) {
    return jobs->slots;
}
const JobsOptions *jobs_options(const Jobs *jobs) {
    return &jobs->options;
}
const char *jobs_result_directory(const Jobs *jobs) {
    return jobs->result_directory;
}
const char *jobs_owner(const Jobs *jobs) {
    return jobs->owner.name;
}

void jobs_wake(Jobs *jobs) {
    pthread_mutex_lock(&jobs->lock);
    jobs->woken = true;
    pthread_cond_broadcast(&jobs->changed);
    pthread_mutex_unlock(&jobs->lock);
}

void jobs_on_change(Jobs *jobs, void (*look)(void *context, bool changed), void *context) {
    pthread_mutex_lock(&jobs->lock);
    jobs->on_change = look;
    jobs->on_change_context = context;
    pthread_mutex_unlock(&jobs->lock);
}

void jobs_note_plan(JobRun *run, const char *engine, const char *route, const char *plan) {
    Error err = {0};
    Jobs *jobs = run->jobs;
    if (job_note_plan(jobs->store, run->claim.number, jobs->owner.name, engine, route, plan,
                      !run->claim.only_reads, &err) != STATUS_OK)
        log_warn("jobs.plan", "job=%s error=\"%s\"", run->claim.id, err.message);
}

int jobs_retry_after_seconds(Jobs *jobs) {
    double average_ms;
    if (job_average_ms(jobs->reader, &average_ms, NULL) != STATUS_OK || average_ms < 0) return 1;
    double seconds = average_ms / 1000 / slots_count_for_jobs(jobs->slots);
    return seconds < 1 ? 1 : seconds > MOST_RETRY_SECONDS ? MOST_RETRY_SECONDS : (int)seconds;
}
