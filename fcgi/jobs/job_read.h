/* Jobs as they are looked at, and as JSON. Takes the store's lock itself. */
#pragma once

#include "engines/base/strbuf.h"
#include "fcgi/jobs/job_states.h"

typedef struct Job {
    int64_t number, version;
    const char *id;
    JobStatus status;
    int priority;
    const char *user, *tag, *sql, *schedule_id;
    int64_t scheduled_us, created_us, expires_us, started_us, finished_us; /* 0 = not yet, none */
    int64_t max_runtime_ms;
    int attempts;
    bool cancel_requested;
    double progress;
    int64_t eta_ms; /* -1 = unknown */
    int64_t rows_scanned, bytes_scanned;
    const char *engine, *route, *plan, *profile; /* NULL = not yet, none */
    int64_t row_count;                           /* -1 = unknown */
    const char *command;
    int64_t result_bytes; /* -1 = none */
    bool result_kept;     /* else it is too old, or there was none */
    int http_status;      /* of an error */
    const char *sqlstate, *message, *detail, *hint;
    int position;
    int64_t queue_position; /* of a queued one */
} Job;

/* `found` false: there is no such job (any more). */
Status job_read(JobStore *store, const char *id, Arena *arena, Job *out, bool *found, Error *err);

typedef struct JobFilter {
    const char *status, *engine, *user, *schedule_id; /* NULL = any */
    int64_t limit, offset;
} JobFilter;
/* {"jobs":[...],"total":n,"limit":n,"offset":n}, newest first. */
Status job_list(JobStore *store, const JobFilter *filter, StrBuf *out, Error *err);

/* {"job_id","status","progress",...}: all there is to say but plan and result. */
void job_append_json(StrBuf *out, const Job *job);
/* The data of an event: what changes while a job runs. */
void job_append_event_json(StrBuf *out, const Job *job);
/* "2024-03-01T12:00:00.123456Z" in quotes, null for 0. */
void job_append_time(StrBuf *out, int64_t wall_us);

/* State changes after `after_version`, oldest first: {"version","status","at"} for each. */
typedef struct JobEvent {
    int64_t version, at_us;
    JobStatus status;
} JobEvent;
enum { JOB_MOST_EVENTS = 64 };
Status job_events_since(JobStore *store, int64_t number, int64_t after_version, JobEvent out[JOB_MOST_EVENTS],
                        int *count, Error *err);

typedef struct JobCounts {
    int64_t queued, running;
    int64_t ended[JOB_STATUS_COUNT]; /* ever, by final state */
    int64_t oldest_queued_us;        /* 0 = none is queued */
} JobCounts;
Status job_counts(JobStore *store, JobCounts *out, Error *err);
/* How long a job ran on average, of the last ones; -1 = none has ended. */
Status job_average_ms(JobStore *store, double *out, Error *err);
