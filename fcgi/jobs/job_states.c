#include "fcgi/jobs/job_states.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "engines/base/clock.h"
#include "fcgi/jobs/job_queue.h"

static const char *const names[JOB_STATUS_COUNT] = {"queued", "running", "completed", "failed", "cancelled"};

const char *job_status_name(JobStatus status) {
    return names[status];
}

bool job_status_from_name(const char *name, JobStatus *out) {
    for (int i = 0; name && i < JOB_STATUS_COUNT; i++) {
        if (strcmp(names[i], name) != 0) continue;
        *out = (JobStatus)i;
        return true;
    }
    return false;
}

/* ---- the transition --------------------------------------------------------------------------------------
 */

/* From and to which states a job may go. */
static bool may_move(JobStatus from, JobStatus to) {
    static const unsigned allowed[JOB_STATUS_COUNT] = {
        [JOB_QUEUED] = 1u << JOB_RUNNING | 1u << JOB_CANCELLED | 1u << JOB_FAILED,
        [JOB_RUNNING] = 1u << JOB_QUEUED | 1u << JOB_COMPLETED | 1u << JOB_FAILED | 1u << JOB_CANCELLED,
    };
    return allowed[from] >> to & 1;
}

static Status note_event(JobStore *store, int64_t number, JobStatus status, int64_t now_us, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store,
                          "INSERT INTO events (job, version, status, at_us)"
                          " SELECT number, version, ?2, ?3 FROM jobs WHERE number = ?1",
                          &statement, err));
    sqlite3_bind_int64(statement, 1, number);
    job_bind_text(statement, 2, names[status]);
    sqlite3_bind_int64(statement, 3, now_us);
    return job_store_run(store, statement, err);
}

static Status count_total(JobStore *store, JobStatus status, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store,
                          "INSERT INTO totals (status, jobs) VALUES (?1, 1)"
                          " ON CONFLICT DO UPDATE SET jobs = jobs + 1",
                          &statement, err));
    job_bind_text(statement, 1, names[status]);
    return job_store_run(store, statement, err);
}

/* Inside a transaction. `owner` NULL: whoever owns it. Sets what follows from the state itself. */
static Status move(JobStore *store, int64_t number, JobStatus from, JobStatus to, const char *owner,
                   bool *moved, Error *err) {
    *moved = false;
    if (!may_move(from, to))
        return error_set(err, SQLSTATE_INTERNAL, "a job does not go from %s to %s", names[from], names[to]);
    sqlite3_stmt *statement;
    TRY(job_store_prepare(
        store,
        "UPDATE jobs SET status = ?1, version = version + 1,"
        " started_us = CASE ?1 WHEN 'running' THEN ?2 WHEN 'queued' THEN NULL ELSE started_us END,"
        " finished_us = CASE WHEN ?1 IN ('queued', 'running') THEN NULL ELSE ?2 END,"
        " progress = CASE ?1 WHEN 'completed' THEN 1 WHEN 'queued' THEN 0 ELSE progress END,"
        " eta_ms = NULL, owner = CASE ?1 WHEN 'running' THEN ?3 END"
        " WHERE number = ?4 AND status = ?5 AND (?6 IS NULL OR owner = ?6)",
        &statement, err));
    int64_t now_us = clock_wall_us();
    job_bind_text(statement, 1, names[to]);
    sqlite3_bind_int64(statement, 2, now_us);
    job_bind_text(statement, 3, to == JOB_RUNNING ? owner : NULL);
    sqlite3_bind_int64(statement, 4, number);
    job_bind_text(statement, 5, names[from]);
    job_bind_text(statement, 6, from == JOB_RUNNING ? owner : NULL);
    TRY(job_store_run(store, statement, err));
    *moved = sqlite3_changes(store->handle) == 1;
    if (!*moved) return STATUS_OK;
    TRY(note_event(store, number, to, now_us, err));
    return job_status_is_final(to) ? count_total(store, to, err) : STATUS_OK;
}

static Status note_error(JobStore *store, int64_t number, const Error *error, int http_status, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store,
                          "UPDATE jobs SET sqlstate = ?2, message = ?3, detail = ?4, hint = ?5,"
                          " position = ?6, http_status = ?7 WHERE number = ?1",
                          &statement, err));
    sqlite3_bind_int64(statement, 1, number);
    job_bind_text(statement, 2, error->sqlstate);
    job_bind_text(statement, 3, error->message);
    job_bind_text(statement, 4, error->detail[0] ? error->detail : NULL);
    job_bind_text(statement, 5, error->hint[0] ? error->hint : NULL);
    if (error->position > 0) sqlite3_bind_int(statement, 6, error->position);
    sqlite3_bind_int(statement, 7, http_status);
    return job_store_run(store, statement, err);
}

/* ---- submitting ------------------------------------------------------------------------------------------
 */

/* RFC 9562, version 7: they sort by the time they were made. */
void job_make_id(char id[JOB_ID_BYTES], int64_t now_us) {
    uint8_t bytes[16];
    (void)!getrandom(bytes, sizeof bytes, 0);
    int64_t ms = now_us / 1000;
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    bytes[6] = (uint8_t)(0x70 | (bytes[6] & 15));
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 63));
    char *at = id;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *at++ = '-';
        at += snprintf(at, 3, "%02x", bytes[i]);
    }
}

static Status insert(JobStore *store, const JobRequest *request, JobTicket *ticket, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store,
                          "INSERT INTO jobs (id, status, version, priority, user_name, tag, sql, body,"
                          " headers, only_reads, schedule_id, scheduled_us, created_us, expires_us,"
                          " max_runtime_ms, request_key) VALUES (?1, 'queued', 1, ?2, ?3, ?4, ?5, ?6, ?7,"
                          " ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                          &statement, err));
    job_bind_text(statement, 1, ticket->id);
    sqlite3_bind_int(statement, 2, request->priority);
    job_bind_text(statement, 3, request->user ? request->user : "");
    job_bind_text(statement, 4, request->tag);
    job_bind_text(statement, 5, request->sql);
    job_bind_text(statement, 6, request->body);
    job_bind_text(statement, 7, request->headers ? request->headers : "");
    sqlite3_bind_int(statement, 8, request->only_reads);
    job_bind_text(statement, 9, request->schedule_id);
    if (request->schedule_id) sqlite3_bind_int64(statement, 10, request->scheduled_us);
    sqlite3_bind_int64(statement, 11, ticket->created_us);
    if (request->expires_us > 0) sqlite3_bind_int64(statement, 12, request->expires_us);
    sqlite3_bind_int64(statement, 13, request->max_runtime_ms);
    job_bind_text(statement, 14, request->key);
    TRY(job_store_run(store, statement, err));
    ticket->number = sqlite3_last_insert_rowid(store->handle);
    return note_event(store, ticket->number, JOB_QUEUED, ticket->created_us, err);
}

static Status find_by_key(JobStore *store, const JobRequest *request, JobTicket *out, Error *err) {
    sqlite3_stmt *row;
    bool other = false;
    TRY(job_store_prepare(
        store, "SELECT number, id, created_us, status, body <> ?2 FROM jobs WHERE request_key = ?1", &row,
        err));
    job_bind_text(row, 1, request->key);
    job_bind_text(row, 2, request->body);
    int code = sqlite3_step(row);
    if (code == SQLITE_ROW) {
        other = sqlite3_column_int(row, 4) != 0;
        out->repeated = true;
        out->number = sqlite3_column_int64(row, 0);
        snprintf(out->id, sizeof out->id, "%s", (const char *)sqlite3_column_text(row, 1));
        out->created_us = sqlite3_column_int64(row, 2);
        job_status_from_name((const char *)sqlite3_column_text(row, 3), &out->status);
    }
    Status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK : job_store_error(store, "read", err);
    sqlite3_finalize(row);
    if (other)
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         "another request was made with this Idempotency-Key, and it stands");
    return status;
}

Status job_submit_within(JobStore *store, const JobRequest *request, int64_t most_queued, JobTicket *out,
                         Error *err) {
    int64_t queued;
    *out = (JobTicket){.status = JOB_QUEUED};
    if (request->key) TRY(find_by_key(store, request, out, err));
    if (out->repeated)
        return job_queue_position(store, out->number, request->priority, &out->queue_position, err);
    TRY(job_queue_length(store, &queued, err));
    if (most_queued > 0 && queued >= most_queued)
        return error_set(err, SQLSTATE_QUEUE_FULL, "%lld jobs are queued already, as many as there may be",
                         (long long)queued);
    out->created_us = clock_wall_us();
    job_make_id(out->id, out->created_us);
    TRY(insert(store, request, out, err));
    return job_queue_position(store, out->number, request->priority, &out->queue_position, err);
}

Status job_submit(JobStore *store, const JobRequest *request, int64_t most_queued, JobTicket *out,
                  Error *err) {
    TRY(job_store_begin(store, err));
    return job_store_end(store, job_submit_within(store, request, most_queued, out, err), err);
}

/* ---- claiming --------------------------------------------------------------------------------------------
 */

static Status read_claim(JobStore *store, int64_t number, Arena *arena, JobClaim *out, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store,
                          "SELECT id, sql, body, headers, user_name, schedule_id, only_reads, attempts,"
                          " priority, created_us, scheduled_us, max_runtime_ms FROM jobs WHERE number = ?1",
                          &statement, err));
    sqlite3_bind_int64(statement, 1, number);
    Status status = STATUS_OK;
    if (sqlite3_step(statement) == SQLITE_ROW)
        *out = (JobClaim){.number = number,
                          .id = job_column_text(statement, 0, arena),
                          .sql = job_column_text(statement, 1, arena),
                          .body = job_column_text(statement, 2, arena),
                          .headers = job_column_text(statement, 3, arena),
                          .user = job_column_text(statement, 4, arena),
                          .schedule_id = job_column_text(statement, 5, arena),
                          .only_reads = sqlite3_column_int(statement, 6) != 0,
                          .attempt = sqlite3_column_int(statement, 7),
                          .priority = sqlite3_column_int(statement, 8),
                          .created_us = sqlite3_column_int64(statement, 9),
                          .scheduled_us = sqlite3_column_int64(statement, 10),
                          .max_runtime_ms = sqlite3_column_int64(statement, 11)};
    else
        status = job_store_error(store, "read", err);
    sqlite3_finalize(statement);
    return status;
}

static Status count_attempt(JobStore *store, int64_t number, int change, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store, "UPDATE jobs SET attempts = attempts + ?2 WHERE number = ?1", &statement,
                          err));
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_int(statement, 2, change);
    return job_store_run(store, statement, err);
}

static Status claim(JobStore *store, const char *owner, int64_t aging_us, Arena *arena, JobClaim *out,
                    Error *err) {
    int64_t now_us = clock_wall_us(), number;
    bool moved;
    TRY(job_queue_next(store, now_us, aging_us, &number, err));
    if (!number) return STATUS_OK;
    TRY(move(store, number, JOB_QUEUED, JOB_RUNNING, owner, &moved, err));
    if (!moved) return error_set(err, SQLSTATE_INTERNAL, "a queued job could not be claimed");
    TRY(count_attempt(store, number, 1, err));
    TRY(read_claim(store, number, arena, out, err));
    return job_queue_note_turn(store, out->user, out->priority, now_us, err);
}

Status job_claim(JobStore *store, const char *owner, int64_t aging_us, Arena *arena, JobClaim *out,
                 Error *err) {
    *out = (JobClaim){0};
    TRY(job_store_begin_light(store, err));
    Status status = job_store_end(store, claim(store, owner, aging_us, arena, out, err), err);
    if (status != STATUS_OK) *out = (JobClaim){0};
    return status;
}

/* ---- ending ----------------------------------------------------------------------------------------------
 */

static Status note_outcome(JobStore *store, int64_t number, const JobOutcome *outcome, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store,
                          "UPDATE jobs SET row_count = ?2, result_bytes = ?3, result_state = ?4,"
                          " command = ?5, profile = ?6, rows_scanned = ?7, bytes_scanned = ?8"
                          " WHERE number = ?1",
                          &statement, err));
    sqlite3_bind_int64(statement, 1, number);
    if (outcome->status == JOB_COMPLETED) sqlite3_bind_int64(statement, 2, outcome->row_count);
    if (outcome->result_bytes >= 0) {
        sqlite3_bind_int64(statement, 3, outcome->result_bytes);
        job_bind_text(statement, 4, "kept");
    }
    job_bind_text(statement, 5, outcome->command);
    job_bind_text(statement, 6, outcome->profile);
    sqlite3_bind_int64(statement, 7, outcome->rows_scanned);
    sqlite3_bind_int64(statement, 8, outcome->bytes_scanned);
    return job_store_run(store, statement, err);
}

static Status finish(JobStore *store, int64_t number, const char *owner, const JobOutcome *outcome,
                     bool *moved, Error *err) {
    TRY(move(store, number, JOB_RUNNING, outcome->status, owner, moved, err));
    if (!*moved) return STATUS_OK;
    TRY(note_outcome(store, number, outcome, err));
    if (outcome->status == JOB_COMPLETED) return STATUS_OK;
    return note_error(store, number, &outcome->error, outcome->http_status, err);
}

Status job_finish(JobStore *store, int64_t number, const char *owner, const JobOutcome *outcome, bool *moved,
                  Error *err) {
    TRY(outcome->only_read ? job_store_begin_light(store, err) : job_store_begin(store, err));
    return job_store_end(store, finish(store, number, owner, outcome, moved, err), err);
}

static Status give_back(JobStore *store, int64_t number, const char *owner, bool *moved, Error *err) {
    TRY(move(store, number, JOB_RUNNING, JOB_QUEUED, owner, moved, err));
    return *moved ? count_attempt(store, number, -1, err) : STATUS_OK;
}

Status job_give_back(JobStore *store, int64_t number, const char *owner, bool *moved, Error *err) {
    TRY(job_store_begin(store, err));
    return job_store_end(store, give_back(store, number, owner, moved, err), err);
}

/* ---- cancelling ------------------------------------------------------------------------------------------
 */

static Status find(JobStore *store, const char *id, int64_t *number, JobStatus *status, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store, "SELECT number, status FROM jobs WHERE id = ?1", &statement, err));
    job_bind_text(statement, 1, id);
    int code = sqlite3_step(statement);
    *number = code == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    if (*number) job_status_from_name((const char *)sqlite3_column_text(statement, 1), status);
    Status result =
        code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK : job_store_error(store, "read", err);
    sqlite3_finalize(statement);
    return result;
}

static Status ask_cancel(JobStore *store, int64_t number, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store, "UPDATE jobs SET cancel_requested = 1 WHERE number = ?1", &statement, err));
    sqlite3_bind_int64(statement, 1, number);
    return job_store_run(store, statement, err);
}

static Status cancel(JobStore *store, const char *id, JobCancel *out, JobStatus *after, Error *err) {
    static const Error cancelled = {.sqlstate = SQLSTATE_QUERY_CANCELED,
                                    .message = "the job was cancelled before it began"};
    int64_t number;
    bool moved;
    TRY(find(store, id, &number, after, err));
    *out = JOB_CANCEL_UNKNOWN;
    if (!number) return STATUS_OK;
    if (*after == JOB_QUEUED) {
        *out = JOB_CANCEL_DONE;
        *after = JOB_CANCELLED;
        TRY(move(store, number, JOB_QUEUED, JOB_CANCELLED, NULL, &moved, err));
        return note_error(store, number, &cancelled, 408, err);
    }
    *out = *after == JOB_RUNNING ? JOB_CANCEL_ASKED : JOB_CANCEL_TOO_LATE;
    return *after == JOB_RUNNING ? ask_cancel(store, number, err) : STATUS_OK;
}

Status job_cancel(JobStore *store, const char *id, JobCancel *out, JobStatus *status_after, Error *err) {
    TRY(job_store_begin(store, err));
    return job_store_end(store, cancel(store, id, out, status_after, err), err);
}

Status job_cancels_asked(JobStore *store, const char *owner, void (*stop)(void *context, int64_t number),
                         void *context, Error *err) {
    sqlite3_stmt *statement;
    job_store_lock(store);
    Status status = job_store_prepare(store,
                                      "SELECT number FROM jobs WHERE status = 'running' AND owner = ?1"
                                      " AND cancel_requested",
                                      &statement, err);
    if (status == STATUS_OK) {
        job_bind_text(statement, 1, owner);
        while (sqlite3_step(statement) == SQLITE_ROW)
            stop(context, sqlite3_column_int64(statement, 0));
        sqlite3_finalize(statement);
    }
    job_store_unlock(store);
    return status;
}

/* ---- what others have left behind ------------------------------------------------------------------------
 */

enum { ROUND = 256 };

typedef struct Left {
    int64_t number;
    bool again, cancelled;
} Left;

static Status recover_one(JobStore *store, const Left *left, const char *owner, Error *err) {
    static const Error gone = {.sqlstate = "57P02",
                               .message = "the process that ran the job died twice, it is not run again"};
    static const Error unknown = {.sqlstate = "40003",
                                  .message =
                                      "the process that ran the job died, whether it took effect is unknown"};
    static const Error cancelled = {.sqlstate = SQLSTATE_QUERY_CANCELED, .message = "the job was cancelled"};
    bool moved;
    JobStatus to = left->cancelled ? JOB_CANCELLED : left->again ? JOB_QUEUED : JOB_FAILED;
    TRY(move(store, left->number, JOB_RUNNING, to, owner, &moved, err));
    if (!moved || to == JOB_QUEUED) return STATUS_OK;
    sqlite3_stmt *statement;
    int64_t reads;
    TRY(job_store_prepare(store, "SELECT only_reads FROM jobs WHERE number = ?1", &statement, err));
    sqlite3_bind_int64(statement, 1, left->number);
    TRY(job_store_number(store, statement, 0, &reads, err));
    if (to == JOB_CANCELLED && reads) return note_error(store, left->number, &cancelled, 408, err);
    return note_error(store, left->number, reads ? &gone : &unknown, 502, err);
}

static Status recover(JobStore *store, const char *owner, int64_t *count, Error *err) {
    Left left[ROUND];
    int found;
    do {
        sqlite3_stmt *statement;
        TRY(job_store_prepare(store,
                              "SELECT number, only_reads AND attempts < ?2, cancel_requested FROM jobs"
                              " WHERE status = 'running' AND owner = ?1 LIMIT ?3",
                              &statement, err));
        job_bind_text(statement, 1, owner);
        sqlite3_bind_int(statement, 2, JOB_MOST_ATTEMPTS);
        sqlite3_bind_int(statement, 3, ROUND);
        for (found = 0; sqlite3_step(statement) == SQLITE_ROW; found++)
            left[found] = (Left){.number = sqlite3_column_int64(statement, 0),
                                 .again = sqlite3_column_int(statement, 1) != 0,
                                 .cancelled = sqlite3_column_int(statement, 2) != 0};
        sqlite3_finalize(statement);
        for (int i = 0; i < found; i++)
            TRY(recover_one(store, &left[i], owner, err));
        *count += found;
    } while (found == ROUND);
    return STATUS_OK;
}

Status job_recover(JobStore *store, const char *owner, int64_t *count, Error *err) {
    *count = 0;
    TRY(job_store_begin(store, err));
    return job_store_end(store, recover(store, owner, count, err), err);
}

Status job_running_owners(JobStore *store, Arena *arena, const char ***out, int *count, Error *err) {
    sqlite3_stmt *statement;
    *out = arena_alloc(arena, ROUND * sizeof **out);
    *count = 0;
    job_store_lock(store);
    Status status = job_store_prepare(store,
                                      "SELECT DISTINCT owner FROM jobs INDEXED BY jobs_running"
                                      " WHERE status = 'running' AND owner IS NOT NULL LIMIT ?1",
                                      &statement, err);
    if (status == STATUS_OK) {
        sqlite3_bind_int(statement, 1, ROUND);
        while (sqlite3_step(statement) == SQLITE_ROW)
            (*out)[(*count)++] = job_column_text(statement, 0, arena);
        sqlite3_finalize(statement);
    }
    job_store_unlock(store);
    return status;
}

static Status expire(JobStore *store, int64_t now_us, int64_t *count, Error *err) {
    static const Error late = {.sqlstate = SQLSTATE_QUERY_CANCELED,
                               .message = "the job waited longer for a slot than it may"};
    int64_t numbers[ROUND];
    int found = 0;
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store,
                          "SELECT number FROM jobs WHERE status = 'queued' AND expires_us <= ?1 LIMIT ?2",
                          &statement, err));
    sqlite3_bind_int64(statement, 1, now_us);
    sqlite3_bind_int(statement, 2, ROUND);
    for (; sqlite3_step(statement) == SQLITE_ROW; found++)
        numbers[found] = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    for (int i = 0; i < found; i++) {
        bool moved;
        TRY(move(store, numbers[i], JOB_QUEUED, JOB_FAILED, NULL, &moved, err));
        if (moved) TRY(note_error(store, numbers[i], &late, 408, err));
    }
    *count = found;
    return STATUS_OK;
}

Status job_expire(JobStore *store, int64_t now_us, int64_t *count, Error *err) {
    sqlite3_stmt *statement;
    int64_t due = 0;
    *count = 0;
    job_store_lock(store); /* most of the time there is none: no write lock then */
    Status status = job_store_prepare(
        store, "SELECT 1 FROM jobs WHERE status = 'queued' AND expires_us <= ?1 LIMIT 1", &statement, err);
    if (status == STATUS_OK) {
        sqlite3_bind_int64(statement, 1, now_us);
        status = job_store_number(store, statement, 0, &due, err);
    }
    job_store_unlock(store);
    if (status != STATUS_OK || !due) return status;
    TRY(job_store_begin(store, err));
    return job_store_end(store, expire(store, now_us, count, err), err);
}

/* ---- notes -----------------------------------------------------------------------------------------------
 */

Status job_note_progress(JobStore *store, int64_t number, const char *owner, const JobProgress *progress,
                         Error *err) {
    sqlite3_stmt *statement;
    job_store_lock(store);
    job_store_set_light(store, true);
    Status status = job_store_prepare(store,
                                      "UPDATE jobs SET version = version + 1, progress = max(progress, ?3),"
                                      " eta_ms = ?4, rows_scanned = ?5, bytes_scanned = ?6, row_count = ?7"
                                      " WHERE number = ?1 AND owner = ?2 AND status = 'running'",
                                      &statement, err);
    if (status == STATUS_OK) {
        sqlite3_bind_int64(statement, 1, number);
        job_bind_text(statement, 2, owner);
        sqlite3_bind_double(statement, 3, progress->share);
        if (progress->eta_ms >= 0) sqlite3_bind_int64(statement, 4, progress->eta_ms);
        sqlite3_bind_int64(statement, 5, progress->rows_scanned);
        sqlite3_bind_int64(statement, 6, progress->bytes_scanned);
        sqlite3_bind_int64(statement, 7, progress->rows);
        status = job_store_run(store, statement, err);
    }
    job_store_unlock(store);
    return status;
}

Status job_note_plan(JobStore *store, int64_t number, const char *owner, const char *engine,
                     const char *route, const char *plan, bool durable, Error *err) {
    sqlite3_stmt *statement;
    job_store_lock(store);
    job_store_set_light(store, !durable);
    Status status = job_store_prepare(store,
                                      "UPDATE jobs SET version = version + 1, engine = coalesce(?3, engine),"
                                      " route = coalesce(?4, route), plan = coalesce(?5, plan)"
                                      " WHERE number = ?1 AND owner = ?2 AND status = 'running'",
                                      &statement, err);
    if (status == STATUS_OK) {
        sqlite3_bind_int64(statement, 1, number);
        job_bind_text(statement, 2, owner);
        job_bind_text(statement, 3, engine);
        job_bind_text(statement, 4, route);
        job_bind_text(statement, 5, plan);
        status = job_store_run(store, statement, err);
    }
    job_store_unlock(store);
    return status;
}
