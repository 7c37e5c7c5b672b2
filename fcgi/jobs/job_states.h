/* The one place where jobs change their state:
 *
 *   submit → queued → running → completed | failed | cancelled
 *              │ ↑        │
 *              │ └────────┘ its process stopped or died, and it only reads: once more
 *              └→ cancelled (DELETE) | failed (waited too long, its process died before it could begin twice)
 *
 * Each change is one transaction that looks at the state it leaves, numbers itself (`version`) and notes an
 * event, so that a job ends in exactly one final state whatever its processes do. What a process may change
 * of a running job it must own; the owner is a process that lives (job_owners.h). */
#pragma once

#include "fcgi/jobs/job_store.h"

typedef enum JobStatus {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_COMPLETED,
    JOB_FAILED,
    JOB_CANCELLED,
    JOB_STATUS_COUNT
} JobStatus;

enum { JOB_ID_BYTES = 37, JOB_LOWEST_PRIORITY = 1, JOB_HIGHEST_PRIORITY = 5, JOB_USUAL_PRIORITY = 3 };
enum { JOB_MOST_ATTEMPTS = 2 };

const char *job_status_name(JobStatus status); /* "queued" */
bool job_status_from_name(const char *name, JobStatus *out);
static inline bool job_status_is_final(JobStatus status) {
    return status >= JOB_COMPLETED;
}

/* What is submitted; copied. */
typedef struct JobRequest {
    const char *sql;
    const char *body;    /* the request, for whoever runs it */
    const char *headers; /* likewise */
    const char *user;    /* "" = nobody in particular */
    const char *tag;     /* may be NULL */
    const char *key;     /* a second request of the same key gets the first one's job, or fails when its body
                            is another; NULL = none */
    bool only_reads;     /* may be run again when its process dies */
    int priority;
    int64_t max_runtime_ms;
    int64_t expires_us;      /* fails when still queued then; 0 = never */
    const char *schedule_id; /* NULL = none */
    int64_t scheduled_us;    /* the occurrence */
} JobRequest;

typedef struct JobTicket {
    int64_t number;
    char id[JOB_ID_BYTES];
    int64_t created_us;
    int64_t queue_position; /* 1 = next */
    JobStatus status;
    bool repeated; /* the request had been taken before */
} JobTicket;

/* An id of this kind: a UUID that sorts by its time. */
void job_make_id(char id[JOB_ID_BYTES], int64_t now_us);

/* SB007 when `most_queued` wait already (0 = no limit). */
Status job_submit(JobStore *store, const JobRequest *request, int64_t most_queued, JobTicket *out,
                  Error *err);
/* The same inside a transaction of the caller's. */
Status job_submit_within(JobStore *store, const JobRequest *request, int64_t most_queued, JobTicket *out,
                         Error *err);

/* What was claimed to run, in the arena. */
typedef struct JobClaim {
    int64_t number; /* 0 = nothing is queued */
    const char *id, *sql, *body, *headers, *user, *schedule_id;
    bool only_reads;
    int attempt; /* 1 = the first */
    int priority;
    int64_t created_us, scheduled_us, max_runtime_ms;
} JobClaim;

/* The job whose turn it is (job_queue.h) becomes `owner`'s. */
Status job_claim(JobStore *store, const char *owner, int64_t aging_us, Arena *arena, JobClaim *out,
                 Error *err);

/* How a running job ended. */
typedef struct JobOutcome {
    JobStatus status; /* a final one */
    Error error;      /* of JOB_FAILED, JOB_CANCELLED */
    int http_status;  /* what POST /query would have answered */
    int64_t row_count;
    int64_t result_bytes; /* -1 = no result is kept */
    const char *command;  /* may be NULL */
    const char *profile;  /* JSON, may be NULL */
    int64_t rows_scanned, bytes_scanned;
    bool only_read; /* should the machine lose how it ended, it runs again */
} JobOutcome;

/* *moved is false when the job is not (any more) the owner's. */
Status job_finish(JobStore *store, int64_t number, const char *owner, const JobOutcome *outcome, bool *moved,
                  Error *err);
/* Back into the queue, without counting the attempt: the process stops. */
Status job_give_back(JobStore *store, int64_t number, const char *owner, bool *moved, Error *err);

typedef enum JobCancel {
    JOB_CANCEL_UNKNOWN, /* there is no such job */
    JOB_CANCEL_DONE,    /* it was queued and is cancelled */
    JOB_CANCEL_ASKED,   /* it runs; its process will stop it */
    JOB_CANCEL_TOO_LATE /* it had ended */
} JobCancel;
Status job_cancel(JobStore *store, const char *id, JobCancel *out, JobStatus *status_after, Error *err);
/* Of this owner's running jobs those to be stopped: calls `stop` for each. */
Status job_cancels_asked(JobStore *store, const char *owner, void (*stop)(void *context, int64_t number),
                         void *context, Error *err);

/* Jobs of an owner that is gone: reads run again once, others fail. `count` is how many. */
Status job_recover(JobStore *store, const char *owner, int64_t *count, Error *err);
/* Some of those who own running jobs, in the arena. */
Status job_running_owners(JobStore *store, Arena *arena, const char ***out, int *count, Error *err);
/* Queued jobs whose time is over fail. */
Status job_expire(JobStore *store, int64_t now_us, int64_t *count, Error *err);

/* Of a running job of the owner's: no change of state, but watchers see it. */
typedef struct JobProgress {
    double share;   /* 0–1 */
    int64_t eta_ms; /* -1 = unknown */
    int64_t rows_scanned, bytes_scanned, rows;
} JobProgress;
Status job_note_progress(JobStore *store, int64_t number, const char *owner, const JobProgress *progress,
                         Error *err);
/* What was decided; either may be NULL. `route`: JSON; `plan`: JSON array of lines. `durable`: on disk, and
 * with it that the job has begun. */
Status job_note_plan(JobStore *store, int64_t number, const char *owner, const char *engine,
                     const char *route, const char *plan, bool durable, Error *err);
