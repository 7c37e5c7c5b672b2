/* Inside fcgi/jobs: what jobs.c and job_scheduler.c share. */
#pragma once

#include <pthread.h>

#include "engines/base/threadpool.h"
#include "fcgi/jobs/job_keep.h"
#include "fcgi/jobs/job_owners.h"
#include "fcgi/jobs/jobs.h"

struct Jobs {
    JobsOptions options;
    JobsHost host;
    char directory[2048], result_directory[2100], owner_directory[2100];
    JobStore *store, *reader;
    JobOwner owner;
    Slots *slots;
    ThreadPool *runners;
    JobKeeping keeping;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t changed;
    bool woken, stopping, started;
    JobRun *runs;
    int run_count;
    void (*on_change)(void *context, bool changed);
    void *on_change_context;
    unsigned long thread;
};

/* The looking-after thread. */
void *job_scheduler_main(void *jobs);
/* Shares of work done so far, told to the store. */
void job_progress_tell(Jobs *jobs, int64_t now_ns);
