#include "fcgi/jobs/job_read.h"

#include <string.h>
#include <time.h>

#include "fcgi/jobs/job_queue.h"

/* In this order read_row takes them. */
#define JOB_COLUMNS                                                                                          \
    "number, version, id, status, priority, user_name, tag, sql, schedule_id, scheduled_us, created_us,"     \
    " expires_us, started_us, finished_us, max_runtime_ms, attempts, cancel_requested, progress, eta_ms,"    \
    " rows_scanned, bytes_scanned, engine, row_count, command, result_bytes, result_state, http_status,"     \
    " sqlstate, message, detail, hint, position, route, plan, profile"

static int64_t number_or(sqlite3_stmt *statement, int column, int64_t fallback) {
    return sqlite3_column_type(statement, column) == SQLITE_NULL ? fallback
                                                                 : sqlite3_column_int64(statement, column);
}

static void read_end(sqlite3_stmt *row, Arena *arena, Job *out) {
    const char *kept = (const char *)sqlite3_column_text(row, 25);
    out->result_kept = kept && !strcmp(kept, "kept");
    out->http_status = sqlite3_column_int(row, 26);
    out->sqlstate = job_column_text(row, 27, arena);
    out->message = job_column_text(row, 28, arena);
    out->detail = job_column_text(row, 29, arena);
    out->hint = job_column_text(row, 30, arena);
    out->position = sqlite3_column_int(row, 31);
    out->route = job_column_text(row, 32, arena);
    out->plan = job_column_text(row, 33, arena);
    out->profile = job_column_text(row, 34, arena);
}

static void read_row(sqlite3_stmt *row, Arena *arena, Job *out) {
    *out = (Job){.number = sqlite3_column_int64(row, 0),
                 .version = sqlite3_column_int64(row, 1),
                 .id = job_column_text(row, 2, arena),
                 .priority = sqlite3_column_int(row, 4),
                 .user = job_column_text(row, 5, arena),
                 .tag = job_column_text(row, 6, arena),
                 .sql = job_column_text(row, 7, arena),
                 .schedule_id = job_column_text(row, 8, arena),
                 .scheduled_us = number_or(row, 9, 0),
                 .created_us = number_or(row, 10, 0),
                 .expires_us = number_or(row, 11, 0),
                 .started_us = number_or(row, 12, 0),
                 .finished_us = number_or(row, 13, 0),
                 .max_runtime_ms = sqlite3_column_int64(row, 14),
                 .attempts = sqlite3_column_int(row, 15),
                 .cancel_requested = sqlite3_column_int(row, 16) != 0,
                 .progress = sqlite3_column_double(row, 17),
                 .eta_ms = number_or(row, 18, -1),
                 .rows_scanned = sqlite3_column_int64(row, 19),
                 .bytes_scanned = sqlite3_column_int64(row, 20),
                 .engine = job_column_text(row, 21, arena),
                 .row_count = number_or(row, 22, -1),
                 .command = job_column_text(row, 23, arena),
                 .result_bytes = number_or(row, 24, -1)};
    (void)job_status_from_name((const char *)sqlite3_column_text(row, 3), &out->status);
    read_end(row, arena, out);
}

static Status read_one(JobStore *store, const char *id, Arena *arena, Job *out, bool *found, Error *err) {
    sqlite3_stmt *row;
    TRY(job_store_prepare(store, "SELECT " JOB_COLUMNS " FROM jobs WHERE id = ?1", &row, err));
    job_bind_text(row, 1, id);
    int code = sqlite3_step(row);
    *found = code == SQLITE_ROW;
    if (*found) read_row(row, arena, out);
    Status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK : job_store_error(store, "read", err);
    sqlite3_finalize(row);
    if (status == STATUS_OK && *found && out->status == JOB_QUEUED)
        status = job_queue_position(store, out->number, out->priority, &out->queue_position, err);
    return status;
}

Status job_read(JobStore *store, const char *id, Arena *arena, Job *out, bool *found, Error *err) {
    job_store_lock(store);
    Status status = read_one(store, id, arena, out, found, err);
    job_store_unlock(store);
    return status;
}

/* ---- JSON ------------------------------------------------------------------------------------------------
 */

void job_append_time(StrBuf *out, int64_t wall_us) {
    if (!wall_us) {
        strbuf_append_text(out, "null");
        return;
    }
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm utc;
    char text[32];
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    strbuf_printf(out, "\"%s.%06dZ\"", text, (int)(wall_us % 1000000));
}

static void append_text(StrBuf *out, const char *name, const char *text) {
    strbuf_printf(out, ",\"%s\":", name);
    if (text)
        strbuf_append_json(out, text, strlen(text));
    else
        strbuf_append_text(out, "null");
}

static void append_time(StrBuf *out, const char *name, int64_t wall_us) {
    strbuf_printf(out, ",\"%s\":", name);
    job_append_time(out, wall_us);
}

static void append_number(StrBuf *out, const char *name, int64_t value) {
    strbuf_printf(out, ",\"%s\":", name);
    if (value < 0)
        strbuf_append_text(out, "null");
    else
        strbuf_append_i64(out, value);
}

static void append_seconds(StrBuf *out, const char *name, double seconds) {
    if (seconds < 0)
        strbuf_printf(out, ",\"%s\":null", name);
    else
        strbuf_printf(out, ",\"%s\":%.3f", name, seconds);
}

static void append_error(StrBuf *out, const Job *job) {
    if (!job->sqlstate) {
        strbuf_append_text(out, ",\"error\":null");
        return;
    }
    strbuf_printf(out, ",\"error\":{\"status\":%d", job->http_status);
    append_text(out, "sqlstate", job->sqlstate);
    append_text(out, "detail", job->message);
    if (job->position > 0) append_number(out, "position", job->position);
    if (job->detail) append_text(out, "more", job->detail);
    if (job->hint) append_text(out, "hint", job->hint);
    strbuf_append_char(out, '}');
}

/* What changes while it runs. */
static void append_changing(StrBuf *out, const Job *job) {
    strbuf_append_text(out, "{\"job_id\":");
    strbuf_append_json(out, job->id, strlen(job->id));
    strbuf_printf(out, ",\"status\":\"%s\",\"progress\":%.4f", job_status_name(job->status), job->progress);
    append_seconds(out, "eta_seconds", job->eta_ms >= 0 ? (double)job->eta_ms / 1000 : -1);
    append_number(out, "queue_position", job->status == JOB_QUEUED ? job->queue_position : -1);
    append_text(out, "engine", job->engine);
    append_number(out, "row_count", job->row_count);
    strbuf_printf(out, ",\"stats\":{\"rows_scanned\":%lld,\"bytes_scanned\":%lld}",
                  (long long)job->rows_scanned, (long long)job->bytes_scanned);
    append_time(out, "created_at", job->created_us);
    append_time(out, "started_at", job->started_us);
    append_time(out, "finished_at", job->finished_us);
    append_error(out, job);
}

void job_append_event_json(StrBuf *out, const Job *job) {
    append_changing(out, job);
    strbuf_append_char(out, '}');
}

void job_append_json(StrBuf *out, const Job *job) {
    append_changing(out, job);
    bool ran = job->started_us && job->finished_us;
    append_seconds(out, "duration", ran ? (double)(job->finished_us - job->started_us) / 1e6 : -1);
    append_text(out, "sql", job->sql);
    strbuf_printf(out, ",\"priority\":%d,\"attempts\":%d,\"cancel_requested\":%s", job->priority,
                  job->attempts, job->cancel_requested ? "true" : "false");
    append_text(out, "user", job->user && job->user[0] ? job->user : NULL);
    append_text(out, "tag", job->tag);
    append_text(out, "command", job->command);
    append_seconds(out, "max_runtime_seconds", (double)job->max_runtime_ms / 1000);
    append_time(out, "expires_at", job->status == JOB_QUEUED ? job->expires_us : 0);
    append_number(out, "result_bytes", job->result_bytes);
    strbuf_printf(out, ",\"result_available\":%s", job->result_kept ? "true" : "false");
    append_text(out, "schedule_id", job->schedule_id);
    append_time(out, "scheduled_at", job->scheduled_us);
    strbuf_append_char(out, '}');
}

/* ---- lists -----------------------------------------------------------------------------------------------
 */

#define JOB_WHERE                                                                                            \
    " FROM jobs WHERE (?1 IS NULL OR status = ?1) AND (?2 IS NULL OR engine = ?2)"                           \
    " AND (?3 IS NULL OR user_name = ?3) AND (?4 IS NULL OR schedule_id = ?4)"

static void bind_filter(sqlite3_stmt *statement, const JobFilter *filter) {
    job_bind_text(statement, 1, filter->status);
    job_bind_text(statement, 2, filter->engine);
    job_bind_text(statement, 3, filter->user);
    job_bind_text(statement, 4, filter->schedule_id);
}

static Status append_rows(JobStore *store, const JobFilter *filter, StrBuf *out, Error *err) {
    sqlite3_stmt *row;
    TRY(job_store_prepare(store, "SELECT " JOB_COLUMNS JOB_WHERE " ORDER BY number DESC LIMIT ?5 OFFSET ?6",
                          &row, err));
    bind_filter(row, filter);
    sqlite3_bind_int64(row, 5, filter->limit);
    sqlite3_bind_int64(row, 6, filter->offset);
    Arena arena;
    arena_init(&arena);
    Status status = STATUS_OK;
    int code = SQLITE_DONE;
    strbuf_append_text(out, "{\"jobs\":[");
    for (int i = 0; status == STATUS_OK && (code = sqlite3_step(row)) == SQLITE_ROW; i++) {
        Job job;
        arena_reset(&arena);
        read_row(row, &arena, &job);
        if (job.status == JOB_QUEUED)
            status = job_queue_position(store, job.number, job.priority, &job.queue_position, err);
        if (i) strbuf_append_char(out, ',');
        job_append_json(out, &job);
    }
    arena_deinit(&arena);
    if (status == STATUS_OK && code != SQLITE_DONE) status = job_store_error(store, "read", err);
    sqlite3_finalize(row);
    return status;
}

static Status list(JobStore *store, const JobFilter *filter, StrBuf *out, Error *err) {
    sqlite3_stmt *statement;
    int64_t total;
    TRY(append_rows(store, filter, out, err));
    TRY(job_store_prepare(store, "SELECT count(*)" JOB_WHERE, &statement, err));
    bind_filter(statement, filter);
    TRY(job_store_number(store, statement, 0, &total, err));
    strbuf_printf(out, "],\"total\":%lld,\"limit\":%lld,\"offset\":%lld}\n", (long long)total,
                  (long long)filter->limit, (long long)filter->offset);
    return STATUS_OK;
}

Status job_list(JobStore *store, const JobFilter *filter, StrBuf *out, Error *err) {
    job_store_lock(store);
    Status status = list(store, filter, out, err);
    job_store_unlock(store);
    return status;
}

Status job_events_since(JobStore *store, int64_t number, int64_t after_version, JobEvent out[JOB_MOST_EVENTS],
                        int *count, Error *err) {
    sqlite3_stmt *row;
    *count = 0;
    job_store_lock(store);
    Status status = job_store_prepare(store,
                                      "SELECT version, at_us, status FROM events WHERE job = ?1 AND"
                                      " version > ?2 ORDER BY version LIMIT ?3",
                                      &row, err);
    if (status == STATUS_OK) {
        sqlite3_bind_int64(row, 1, number);
        sqlite3_bind_int64(row, 2, after_version);
        sqlite3_bind_int(row, 3, JOB_MOST_EVENTS);
        for (; sqlite3_step(row) == SQLITE_ROW; ++*count) {
            out[*count] =
                (JobEvent){.version = sqlite3_column_int64(row, 0), .at_us = sqlite3_column_int64(row, 1)};
            (void)job_status_from_name((const char *)sqlite3_column_text(row, 2), &out[*count].status);
        }
        sqlite3_finalize(row);
    }
    job_store_unlock(store);
    return status;
}

/* ---- figures ---------------------------------------------------------------------------------------------
 */

static Status one_number(JobStore *store, const char *sql, int64_t *out, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store, sql, &statement, err));
    return job_store_number(store, statement, 0, out, err);
}

static Status read_totals(JobStore *store, JobCounts *out, Error *err) {
    sqlite3_stmt *row;
    TRY(job_store_prepare(store, "SELECT status, jobs FROM totals", &row, err));
    while (sqlite3_step(row) == SQLITE_ROW) {
        JobStatus status;
        if (job_status_from_name((const char *)sqlite3_column_text(row, 0), &status))
            out->ended[status] = sqlite3_column_int64(row, 1);
    }
    sqlite3_finalize(row);
    return STATUS_OK;
}

static Status counts(JobStore *store, JobCounts *out, Error *err) {
    *out = (JobCounts){0};
    TRY(one_number(store, "SELECT count(*) FROM jobs WHERE status = 'queued'", &out->queued, err));
    TRY(one_number(store, "SELECT count(*) FROM jobs WHERE status = 'running'", &out->running, err));
    TRY(one_number(store,
                   "SELECT created_us FROM jobs WHERE number ="
                   " (SELECT min(number) FROM jobs WHERE status = 'queued')",
                   &out->oldest_queued_us, err));
    return read_totals(store, out, err);
}

Status job_counts(JobStore *store, JobCounts *out, Error *err) {
    job_store_lock(store);
    Status status = counts(store, out, err);
    job_store_unlock(store);
    return status;
}

Status job_average_ms(JobStore *store, double *out, Error *err) {
    sqlite3_stmt *statement;
    int64_t average_us = -1;
    job_store_lock(store);
    Status status = job_store_prepare(store,
                                      "SELECT avg(taken) FROM (SELECT finished_us - started_us AS taken FROM"
                                      " jobs WHERE finished_us IS NOT NULL AND started_us IS NOT NULL"
                                      " ORDER BY finished_us DESC LIMIT 20)",
                                      &statement, err);
    if (status == STATUS_OK) status = job_store_number(store, statement, -1, &average_us, err);
    job_store_unlock(store);
    *out = average_us < 0 ? -1 : (double)average_us / 1000;
    return status;
}
