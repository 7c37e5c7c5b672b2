/* Schedules: statements that become jobs at times a cron expression gives.
 *
 * Each occurrence is taken in the transaction that sets the next one, so exactly one process of the pool
 * submits it. One that was missed, however often, is made up for once. While a schedule's last job is queued
 * or runs, the next one waits for it. Takes the store's lock itself. */
#pragma once

#include "engines/base/strbuf.h"
#include "fcgi/jobs/job_states.h"

typedef struct Schedule {
    char id[JOB_ID_BYTES];
    const char *name, *body, *headers, *user, *sql, *cron, *timezone;
    const char *target; /* the table that the rows go into; NULL = the statement alone */
    const char *mode;   /* "append", "replace" */
    int priority;
    bool repeatable; /* may be run again when its process dies: reads, and what replaces a table whole */
    int64_t max_runtime_ms, max_queue_ms;
    bool enabled;
    int64_t next_us; /* 0 = never again */
    int64_t created_us, updated_us;
} Schedule;

/* A new one: `id` and times are filled in. The caller has checked cron and timezone; 22023 all the same. */
Status schedule_create(JobStore *store, Schedule *schedule, Error *err);
/* All but id and `created_us`. */
Status schedule_change(JobStore *store, Schedule *schedule, bool *found, Error *err);
Status schedule_delete(JobStore *store, const char *id, bool *found, Error *err);
Status schedule_read(JobStore *store, const char *id, Arena *arena, Schedule *out, bool *found, Error *err);
/* Now, whatever the time; the next occurrence stays. */
Status schedule_run_now(JobStore *store, const char *id, int64_t most_queued, JobTicket *out, bool *found,
                        Error *err);

/* Submits what is due. `count` is how many jobs. */
Status schedules_submit_due(JobStore *store, int64_t now_us, int64_t most_queued, int64_t *count, Error *err);

/* {"schedules":[...],"total":n,...}, by name. */
Status schedule_list(JobStore *store, int64_t limit, int64_t offset, StrBuf *out, Error *err);
/* One; with `runs` > 0 its newest jobs as "history". */
Status schedule_append_json(JobStore *store, const Schedule *schedule, int runs, StrBuf *out, Error *err);
