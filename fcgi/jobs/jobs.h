/* Statements that run by themselves: kept, queued, given a slot, run, their results kept.
 *
 *   jobs_open → jobs_start (with who runs statements) → submit, read, cancel from any thread, through
 *   jobs_store and the calls of job_states.h, job_read.h → jobs_stop → jobs_close
 *
 * Every process of a pool opens the same directory. One thread of each looks after its part: it claims jobs
 * while there are slots, hands them to threads of their own, tells how far they are, stops those that are to
 * be cancelled, takes over what a process that died has left, and lets go of what is too old. */
#pragma once

#include <stdatomic.h>

#include "engines/engine.h"
#include "fcgi/jobs/job_read.h"
#include "fcgi/jobs/slots.h"

typedef struct Jobs Jobs;

typedef struct JobsOptions {
    const char *directory;     /* made when missing */
    int slots;                 /* of the pool */
    int reserved_slots;        /* of these, for statements whose client waits */
    int64_t slot_memory_bytes; /* 0 = what the engine gives a query */
    int slot_threads;          /* 0 = as many as the engine has */
    int64_t most_queued;
    double aging_seconds;
    int64_t max_result_bytes, results_bytes;
    double result_hours, job_hours;
    int64_t most_jobs; /* that have ended */
    int drain_timeout_ms;
} JobsOptions;

/* One job while it runs, on a thread of its own. */
typedef struct JobRun {
    Jobs *jobs;
    Arena arena;
    JobClaim claim;
    CancelToken cancel; /* carries the deadline */
    ExecutionStats stats;
    Budget *slot_budget; /* for the runner's Execution; NULL = the engine's */
    Budget budget;
    /* For progress; the runner sets what is planned, < 0 = unknown. */
    _Atomic int64_t planned_rows_scanned, planned_rows, rows;
    JobOutcome outcome; /* the runner fills it; set to failed before */
    int slot;
    int64_t started_ns;
    double told_share;
    int64_t told_rows, told_ns, told_scanned;
    struct JobRun *next;
} JobRun;

typedef struct JobsHost {
    void *context;
    /* On a thread with a large stack. Whatever happens, `run->outcome` says it. */
    void (*run)(void *context, JobRun *run);
    /* Now and then, on the thread that looks after all this: schedules. May be NULL. */
    void (*tick)(void *context);
} JobsHost;

Status jobs_open(const JobsOptions *options, Jobs **out, Error *err);
Status jobs_start(Jobs *jobs, const JobsHost *host, Error *err);
/* Claims nothing more; reads under way go back into the queue, what writes may end for drain_timeout_ms. */
void jobs_stop(Jobs *jobs);
void jobs_close(Jobs *jobs); /* may be NULL; stops first */

JobStore *jobs_store(Jobs *jobs);  /* for what changes jobs */
JobStore *jobs_reader(Jobs *jobs); /* for what only looks: it never waits for a writer */
Slots *jobs_slots(Jobs *jobs);
const JobsOptions *jobs_options(const Jobs *jobs);
const char *jobs_result_directory(const Jobs *jobs);
const char *jobs_owner(const Jobs *jobs);

/* Something was queued or cancelled here: looked at now. */
void jobs_wake(Jobs *jobs);
/* Called on the looking-after thread, several times a second: `changed` soon after the store has, in any
 * process. */
void jobs_on_change(Jobs *jobs, void (*look)(void *context, bool changed), void *context);

/* For the runner, about itself: engine, route and plan are known. */
void jobs_note_plan(JobRun *run, const char *engine, const char *route, const char *plan);
/* How long a client that found the queue full should wait, in seconds. */
int jobs_retry_after_seconds(Jobs *jobs);
