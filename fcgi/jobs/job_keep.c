#include "fcgi/jobs/job_keep.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/jobs/job_results.h"
#include "fcgi/jobs/job_states.h"

enum { ROUND = 256, MOST_TURNS = 10000 };

typedef struct Expired {
    int count;
    char ids[ROUND][JOB_ID_BYTES];
} Expired;

static Status collect(JobStore *store, sqlite3_stmt *row, Expired *out, Error *err) {
    int code = SQLITE_DONE;
    out->count = 0;
    while (out->count < ROUND && (code = sqlite3_step(row)) == SQLITE_ROW)
        snprintf(out->ids[out->count++], JOB_ID_BYTES, "%s", (const char *)sqlite3_column_text(row, 0));
    Status status =
        out->count == ROUND || code == SQLITE_DONE ? STATUS_OK : job_store_error(store, "read", err);
    sqlite3_finalize(row);
    return status;
}

/* Newest first, results are kept until they are too old or `result_bytes` are used up. */
static Status find_results(JobStore *store, const JobKeeping *keeping, int64_t now_us, Expired *out,
                           Error *err) {
    sqlite3_stmt *row;
    TRY(job_store_prepare(store,
                          "SELECT id FROM (SELECT id, finished_us, sum(result_bytes) OVER (ORDER BY"
                          " finished_us DESC, number DESC) AS used FROM jobs WHERE result_state = 'kept')"
                          " WHERE finished_us < ?1 OR (?2 > 0 AND used > ?2) ORDER BY finished_us LIMIT ?3",
                          &row, err));
    sqlite3_bind_int64(row, 1, now_us - keeping->result_age_us);
    sqlite3_bind_int64(row, 2, keeping->result_bytes);
    sqlite3_bind_int(row, 3, ROUND);
    return collect(store, row, out, err);
}

static Status find_jobs(JobStore *store, const JobKeeping *keeping, int64_t now_us, Expired *out,
                        Error *err) {
    sqlite3_stmt *row;
    TRY(job_store_prepare(store,
                          "SELECT id FROM jobs WHERE finished_us IS NOT NULL AND (finished_us < ?1 OR"
                          " (?2 > 0 AND finished_us < (SELECT finished_us FROM jobs WHERE finished_us IS NOT"
                          " NULL ORDER BY finished_us DESC LIMIT 1 OFFSET ?2))) ORDER BY finished_us LIMIT"
                          " ?3",
                          &row, err));
    sqlite3_bind_int64(row, 1, now_us - keeping->job_age_us);
    sqlite3_bind_int64(row, 2, keeping->most_jobs);
    sqlite3_bind_int(row, 3, ROUND);
    return collect(store, row, out, err);
}

static Status run_for_each(JobStore *store, const char *sql, const Expired *expired, Error *err) {
    for (int i = 0; i < expired->count; i++) {
        sqlite3_stmt *statement;
        TRY(job_store_prepare(store, sql, &statement, err));
        job_bind_text(statement, 1, expired->ids[i]);
        TRY(job_store_run(store, statement, err));
    }
    return STATUS_OK;
}

/* The file goes after the job says so: a job never promises a result that is gone. */
static Status drop_results(JobStore *store, const JobKeeping *keeping, const Expired *expired, Error *err) {
    if (!expired->count) return STATUS_OK;
    TRY(job_store_begin(store, err));
    Status status =
        run_for_each(store, "UPDATE jobs SET result_state = 'expired' WHERE id = ?1", expired, err);
    TRY(job_store_end(store, status, err));
    for (int i = 0; i < expired->count; i++)
        job_result_remove(keeping->result_directory, expired->ids[i]);
    return STATUS_OK;
}

static Status drop_jobs(JobStore *store, const JobKeeping *keeping, const Expired *expired, Error *err) {
    if (!expired->count) return STATUS_OK;
    TRY(job_store_begin(store, err));
    Status status = run_for_each(
        store, "DELETE FROM events WHERE job = (SELECT number FROM jobs WHERE id = ?1)", expired, err);
    if (status == STATUS_OK) status = run_for_each(store, "DELETE FROM jobs WHERE id = ?1", expired, err);
    TRY(job_store_end(store, status, err));
    for (int i = 0; i < expired->count; i++)
        job_result_remove(keeping->result_directory, expired->ids[i]);
    return STATUS_OK;
}

/* Users come and go; whose turn was long ago counts as one who had none. */
static Status drop_turns(JobStore *store, Error *err) {
    sqlite3_stmt *statement;
    int64_t count;
    job_store_lock(store);
    Status status = job_store_prepare(store, "SELECT count(*) FROM turns", &statement, err);
    if (status == STATUS_OK) status = job_store_number(store, statement, 0, &count, err);
    if (status == STATUS_OK && count > MOST_TURNS) {
        status = job_store_prepare(store,
                                   "DELETE FROM turns WHERE started_us <= (SELECT started_us FROM turns"
                                   " ORDER BY started_us DESC LIMIT 1 OFFSET ?1)",
                                   &statement, err);
        if (status == STATUS_OK) {
            sqlite3_bind_int(statement, 1, MOST_TURNS);
            status = job_store_run(store, statement, err);
        }
    }
    job_store_unlock(store);
    return status;
}

Status job_keep_trim(JobStore *store, const JobKeeping *keeping, int64_t now_us, Error *err) {
    Expired results, jobs;
    job_store_lock(store);
    Status status = find_results(store, keeping, now_us, &results, err);
    if (status == STATUS_OK) status = find_jobs(store, keeping, now_us, &jobs, err);
    job_store_unlock(store);
    TRY(status);
    TRY(drop_results(store, keeping, &results, err));
    TRY(drop_turns(store, err));
    return drop_jobs(store, keeping, &jobs, err);
}

/* ---- files without a job ---------------------------------------------------------------------------------
 */

typedef struct Sweep {
    JobStore *store;
    const char *owner_directory;
} Sweep;

static bool lives(void *context, const char *owner) {
    const Sweep *sweep = context;
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", sweep->owner_directory, owner);
    return access(path, F_OK) == 0;
}

/* A running job's file has its name a moment before the job has ended. */
static bool kept(void *context, const char *id) {
    const Sweep *sweep = context;
    sqlite3_stmt *statement;
    int64_t found = 1;
    job_store_lock(sweep->store);
    if (job_store_prepare(sweep->store,
                          "SELECT count(*) FROM jobs WHERE id = ?1 AND (result_state = 'kept' OR status IN"
                          " ('queued', 'running'))",
                          &statement, NULL) == STATUS_OK) {
        job_bind_text(statement, 1, id);
        if (job_store_number(sweep->store, statement, 1, &found, NULL) != STATUS_OK) found = 1;
    }
    job_store_unlock(sweep->store);
    return found > 0;
}

void job_keep_sweep(JobStore *store, const JobKeeping *keeping, const char *owner_directory) {
    Sweep sweep = {store, owner_directory};
    JobResultKeeper keeper = {&sweep, lives, kept};
    (void)job_results_sweep(keeping->result_directory, &keeper);
}
