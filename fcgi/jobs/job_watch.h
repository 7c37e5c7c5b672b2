/* Watching jobs: what happens to them, as server-sent events, for any number of clients.
 *
 *   job_watch_open → job_watch_add (on an event loop) → its `deliver` is called on that loop, any number of
 *   times → job_watch_remove (on that loop) → job_watch_close
 *
 * The thread that looks after jobs looks once for each job that is watched, after the store has changed, in
 * this process or another; what is new is written once and shared by all watchers that are as far. No thread
 * waits for a client. An event's id is the job's version: one who comes back with the last one it saw gets
 * what it missed (states all, of progress the newest). */
#pragma once

#include "engines/base/eventloop.h"
#include "fcgi/jobs/jobs.h"

typedef struct JobWatch JobWatch;
typedef struct JobWatcher JobWatcher;

typedef enum JobWatchNews {
    JOB_WATCH_EVENTS,  /* text to be passed on */
    JOB_WATCH_LAST,    /* the same, and the job has ended: nothing follows */
    JOB_WATCH_UNKNOWN, /* there is no such job (any more) */
    JOB_WATCH_NOTHING  /* it has ended, and the watcher knows */
} JobWatchNews;

/* After any but JOB_WATCH_EVENTS the watcher is to be removed. `text` is the caller's. */
typedef void (*JobWatchDeliver)(void *owner, JobWatchNews news, const char *text, size_t length);

Status job_watch_open(Jobs *jobs, JobWatch **out, Error *err);
void job_watch_close(JobWatch *watch); /* may be NULL; after jobs_stop, without watchers */

/* On the loop's thread. `after_version` 0 = from the beginning. */
JobWatcher *job_watch_add(JobWatch *watch, const char *id, int64_t after_version, EventLoop *loop,
                          JobWatchDeliver deliver, void *owner);
/* On the same thread: `deliver` is not called any more. */
void job_watch_remove(JobWatcher *watcher);
int job_watch_count(JobWatch *watch);
