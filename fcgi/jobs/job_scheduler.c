/* The thread that looks after the jobs of one process, and the running of one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "fcgi/jobs/jobs_internal.h"

enum {
    BUSY_WAIT_MS = 50,  /* while jobs run here or wait for a slot that another process has */
    IDLE_WAIT_MS = 250, /* how late a change made by another process may be seen */
    SETTLE_MS = 1000,   /* between looks for processes that died and jobs that are too late */
    TRIM_MS = 20000,
    SWEEP_MS = 600000
};

/* ---- running one -----------------------------------------------------------------------------------------
 */

static void link_run(Jobs *jobs, JobRun *run) {
    pthread_mutex_lock(&jobs->lock);
    run->next = jobs->runs;
    jobs->runs = run;
    jobs->run_count++;
    if (jobs->stopping) cancel_request(&run->cancel, CANCEL_BY_SHUTDOWN);
    pthread_mutex_unlock(&jobs->lock);
}

static void unlink_run(Jobs *jobs, JobRun *run) {
    pthread_mutex_lock(&jobs->lock);
    JobRun **at = &jobs->runs;
    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    jobs->run_count--;
    jobs->woken = true;
    pthread_cond_broadcast(&jobs->changed);
    pthread_mutex_unlock(&jobs->lock);
}

/* The end of a read that only we have stopped is not its end. */
static bool is_to_be_run_again(const JobRun *run) {
    return run->claim.only_reads && run->outcome.status != JOB_COMPLETED &&
           atomic_load(&run->cancel.reason) == CANCEL_BY_SHUTDOWN;
}

static Status settle(Jobs *jobs, JobRun *run, bool *moved, Error *err) {
    if (is_to_be_run_again(run))
        return job_give_back(jobs->store, run->claim.number, jobs->owner.name, moved, err);
    run->outcome.only_read = run->claim.only_reads;
    run->outcome.rows_scanned = atomic_load(&run->stats.rows_scanned);
    run->outcome.bytes_scanned = atomic_load(&run->stats.bytes_scanned);
    return job_finish(jobs->store, run->claim.number, jobs->owner.name, &run->outcome, moved, err);
}

static bool is_stopping(Jobs *jobs) {
    pthread_mutex_lock(&jobs->lock);
    bool stopping = jobs->stopping;
    pthread_mutex_unlock(&jobs->lock);
    return stopping;
}

/* A state that cannot be written now (the disk is full) is written later: the job stays ours until then.
 * When the process stops first, another one finds it without an owner. */
static void settle_at_last(Jobs *jobs, JobRun *run) {
    static const int64_t patience_ns = 10000000000;
    int64_t stopping_ns = 0;
    for (;;) {
        Error err = {0};
        bool moved;
        if (settle(jobs, run, &moved, &err) == STATUS_OK) {
            if (!moved) log_warn("jobs.lost", "job=%s reason=\"it is another process's now\"", run->claim.id);
            return;
        }
        log_error("jobs.state", "job=%s error=\"%s\"", run->claim.id, err.message);
        if (!stopping_ns && is_stopping(jobs)) stopping_ns = clock_now_ns();
        if (stopping_ns && clock_now_ns() - stopping_ns > patience_ns) return;
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    }
}

static void run_free(JobRun *run) {
    budget_deinit(&run->budget);
    arena_deinit(&run->arena);
    free(run);
}

static void run_job(void *argument) {
    JobRun *run = argument;
    Jobs *jobs = run->jobs;
    jobs->host.run(jobs->host.context, run);
    const Error *error = &run->outcome.error;
    log_info("job.end", "job=%s status=%s engine_rows=%lld ms=%lld%s%s", run->claim.id,
             job_status_name(run->outcome.status), (long long)run->outcome.row_count,
             (long long)((clock_now_ns() - run->started_ns) / 1000000),
             error->sqlstate[0] ? " sqlstate=" : "", error->sqlstate);
    settle_at_last(jobs, run);
    slots_give(jobs->slots, run->slot);
    unlink_run(jobs, run);
    run_free(run);
}

/* ---- claiming --------------------------------------------------------------------------------------------
 */

static JobRun *run_new(Jobs *jobs, int slot) {
    JobRun *run = calloc(1, sizeof *run);
    if (!run) abort();
    run->jobs = jobs;
    run->slot = slot;
    arena_init(&run->arena);
    budget_init(&run->budget, NULL, jobs->options.slot_memory_bytes);
    run->stats.rows_affected = -1;
    atomic_store(&run->planned_rows, -1);
    atomic_store(&run->planned_rows_scanned, -1);
    run->outcome = (JobOutcome){.status = JOB_FAILED, .http_status = 500, .result_bytes = -1};
    return run;
}

/* True: a job was claimed and runs; there may be more. *waits: there is one, but no slot for it. */
static bool claim_one(Jobs *jobs, bool *waits) {
    Error err = {0};
    int slot = slots_try_take(jobs->slots, SLOT_FOR_JOB);
    if (slot < 0) {
        *waits = true;
        return false;
    }
    JobRun *run = run_new(jobs, slot);
    int64_t aging_us = (int64_t)(jobs->options.aging_seconds * 1e6);
    if (job_claim(jobs->store, jobs->owner.name, aging_us, &run->arena, &run->claim, &err) != STATUS_OK)
        log_error("jobs.claim", "error=\"%s\"", err.message);
    if (!run->claim.number) {
        slots_give(jobs->slots, slot);
        run_free(run);
        return false;
    }
    run->started_ns = run->told_ns = clock_now_ns();
    cancel_init(&run->cancel, run->started_ns + run->claim.max_runtime_ms * 1000000);
    run->slot_budget = jobs->options.slot_memory_bytes > 0 ? &run->budget : NULL;
    link_run(jobs, run);
    threadpool_submit(jobs->runners, run_job, run);
    return true;
}

static bool is_any_queued(Jobs *jobs) {
    sqlite3_stmt *statement;
    int64_t any = 1;
    job_store_lock(jobs->reader);
    if (job_store_prepare(jobs->reader, "SELECT 1 FROM jobs WHERE status = 'queued' LIMIT 1", &statement,
                          NULL) == STATUS_OK)
        (void)!job_store_number(jobs->reader, statement, 0, &any, NULL);
    job_store_unlock(jobs->reader);
    return any != 0;
}

/* True when one waits for a slot. */
static bool claim_all(Jobs *jobs) {
    bool waits = false;
    while (is_any_queued(jobs) && claim_one(jobs, &waits)) {
    }
    return waits;
}

/* ---- looking after ---------------------------------------------------------------------------------------
 */

static void stop_run(void *context, int64_t number) {
    Jobs *jobs = context;
    pthread_mutex_lock(&jobs->lock);
    for (JobRun *run = jobs->runs; run; run = run->next)
        if (run->claim.number == number) cancel_request(&run->cancel, CANCEL_BY_USER);
    pthread_mutex_unlock(&jobs->lock);
}

static Status recover(void *context, const char *owner, Error *err) {
    Jobs *jobs = context;
    int64_t count;
    TRY(job_recover(jobs->store, owner, &count, err));
    if (count) log_warn("jobs.recovered", "jobs=%lld reason=\"their process died\"", (long long)count);
    return STATUS_OK;
}

/* A process that could not write how its jobs ended takes its file along when it stops, and a machine that
 * loses power may lose the file: such an owner is in no directory. */
static Status recover_unowned(Jobs *jobs, Error *err) {
    Arena arena;
    const char **owners;
    int count;
    arena_init(&arena);
    Status status = job_running_owners(jobs->reader, &arena, &owners, &count, err);
    for (int i = 0; status == STATUS_OK && i < count; i++)
        if (strcmp(owners[i], jobs->owner.name) != 0 && !job_owner_is_known(&jobs->owner, owners[i]))
            status = recover(jobs, owners[i], err);
    arena_deinit(&arena);
    return status;
}

static void complain(const char *what, Status status, const Error *err) {
    if (status != STATUS_OK) log_warn("jobs", "step=%s error=\"%s\"", what, err->message);
}

/* Due at `*next_ns`: true, and then again in `interval_ms`. */
static bool is_due(int64_t *next_ns, int64_t now_ns, int interval_ms) {
    if (now_ns < *next_ns) return false;
    *next_ns = now_ns + (int64_t)interval_ms * 1000000;
    return true;
}

typedef struct Due {
    int64_t settle_ns, trim_ns, sweep_ns;
    int64_t version; /* of the store when last looked at */
} Due;

static void look_after(Jobs *jobs, Due *due, int64_t now_ns) {
    Error err = {0};
    int64_t ignored;
    if (is_due(&due->settle_ns, now_ns, SETTLE_MS)) {
        complain("recover", job_owners_find_gone(&jobs->owner, recover, jobs, &err), &err);
        complain("recover", recover_unowned(jobs, &err), &err);
        complain("expire", job_expire(jobs->store, clock_wall_us(), &ignored, &err), &err);
        if (jobs->host.tick) jobs->host.tick(jobs->host.context);
    }
    if (is_due(&due->trim_ns, now_ns, TRIM_MS))
        complain("trim", job_keep_trim(jobs->store, &jobs->keeping, clock_wall_us(), &err), &err);
    if (is_due(&due->sweep_ns, now_ns, SWEEP_MS))
        job_keep_sweep(jobs->reader, &jobs->keeping, jobs->owner_directory);
    job_progress_tell(jobs, now_ns);
}

static void note_change(Jobs *jobs, bool changed) {
    Error err = {0};
    pthread_mutex_lock(&jobs->lock);
    bool runs = jobs->runs != NULL;
    void (*look)(void *, bool) = jobs->on_change;
    void *context = jobs->on_change_context;
    pthread_mutex_unlock(&jobs->lock);
    if (runs && changed)
        complain("cancel", job_cancels_asked(jobs->reader, jobs->owner.name, stop_run, jobs, &err), &err);
    if (look) look(context, changed);
}

/* False: it is time to end. */
static bool wait_for_work(Jobs *jobs, int wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)wait_ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&jobs->lock);
    int code = 0;
    while (!jobs->woken && !jobs->stopping && code != ETIMEDOUT)
        code = pthread_cond_timedwait(&jobs->changed, &jobs->lock, &until);
    jobs->woken = false;
    bool go_on = !jobs->stopping;
    pthread_mutex_unlock(&jobs->lock);
    return go_on;
}

static bool is_running_any(Jobs *jobs) {
    pthread_mutex_lock(&jobs->lock);
    bool any = jobs->runs != NULL;
    pthread_mutex_unlock(&jobs->lock);
    return any;
}

void *job_scheduler_main(void *argument) {
    Jobs *jobs = argument;
    Due due = {.version = -1, .sweep_ns = clock_now_ns() + (int64_t)TRIM_MS * 1000000};
    pthread_setname_np(pthread_self(), "jobs");
    bool go_on = true;
    while (go_on) {
        int64_t now_ns = clock_now_ns();
        look_after(jobs, &due, now_ns);
        bool waits = claim_all(jobs);
        int64_t version = job_store_version(jobs->reader);
        note_change(jobs, version != due.version);
        due.version = version;
        go_on = wait_for_work(jobs, waits || is_running_any(jobs) ? BUSY_WAIT_MS : IDLE_WAIT_MS);
    }
    return NULL;
}
