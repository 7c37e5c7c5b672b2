#include "fcgi/jobs/job_schedules.h"

#include <stdio.h>
#include <string.h>

#include "engines/base/clock.h"
#include "fcgi/jobs/cron.h"
#include "fcgi/jobs/job_read.h"

enum { MOST_AT_ONCE = 64 };

#define SCHEDULE_COLUMNS                                                                                     \
    "id, name, body, headers, user_name, sql, cron, timezone, target, mode, priority, repeatable,"           \
    " max_runtime_ms, max_queue_ms, enabled, next_us, created_us, updated_us"

static Status next_after(const Schedule *schedule, int64_t after_us, int64_t *out, Error *err) {
    Cron cron;
    TimeZoneMeaning zone;
    TRY(cron_parse(schedule->cron, &cron, err));
    TRY(cron_zone(schedule->timezone, &zone, err));
    *out = cron_next_us(&cron, &zone, after_us);
    return STATUS_OK;
}

static void bind(sqlite3_stmt *statement, const Schedule *schedule) {
    const char *const texts[] = {schedule->id,     schedule->name, schedule->body, schedule->headers,
                                 schedule->user,   schedule->sql,  schedule->cron, schedule->timezone,
                                 schedule->target, schedule->mode};
    const int64_t numbers[] = {schedule->priority,     schedule->repeatable, schedule->max_runtime_ms,
                               schedule->max_queue_ms, schedule->enabled,    schedule->next_us,
                               schedule->created_us,   schedule->updated_us};
    for (int i = 0; i < 10; i++)
        job_bind_text(statement, 1 + i, texts[i]);
    for (int i = 0; i < 8; i++)
        sqlite3_bind_int64(statement, 11 + i, numbers[i]);
}

static Status write_row(JobStore *store, const char *sql, const Schedule *schedule, bool *found, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_begin(store, err));
    Status status = job_store_prepare(store, sql, &statement, err);
    if (status == STATUS_OK) {
        bind(statement, schedule);
        status = job_store_run(store, statement, err);
    }
    *found = status == STATUS_OK && sqlite3_changes(store->handle) == 1;
    return job_store_end(store, status, err);
}

Status schedule_create(JobStore *store, Schedule *schedule, Error *err) {
    bool written;
    schedule->created_us = schedule->updated_us = clock_wall_us();
    job_make_id(schedule->id, schedule->created_us);
    TRY(next_after(schedule, schedule->created_us, &schedule->next_us, err));
    return write_row(
        store,
        "INSERT INTO scheduled (" SCHEDULE_COLUMNS
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        schedule, &written, err);
}

Status schedule_change(JobStore *store, Schedule *schedule, bool *found, Error *err) {
    schedule->updated_us = clock_wall_us();
    TRY(next_after(schedule, schedule->updated_us, &schedule->next_us, err));
    return write_row(
        store,
        "UPDATE scheduled SET name = ?2, body = ?3, headers = ?4, user_name = ?5, sql = ?6, cron = ?7,"
        " timezone = ?8, target = ?9, mode = ?10, priority = ?11, repeatable = ?12, max_runtime_ms = ?13,"
        " max_queue_ms = ?14, enabled = ?15, next_us = ?16, updated_us = ?18 WHERE id = ?1",
        schedule, found, err);
}

Status schedule_delete(JobStore *store, const char *id, bool *found, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_begin(store, err));
    Status status = job_store_prepare(store, "DELETE FROM scheduled WHERE id = ?1", &statement, err);
    if (status == STATUS_OK) {
        job_bind_text(statement, 1, id);
        status = job_store_run(store, statement, err);
    }
    *found = status == STATUS_OK && sqlite3_changes(store->handle) == 1;
    return job_store_end(store, status, err);
}

/* ---- reading ---------------------------------------------------------------------------------------------
 */

static void read_row(sqlite3_stmt *row, Arena *arena, Schedule *out) {
    *out = (Schedule){.name = job_column_text(row, 1, arena),
                      .body = job_column_text(row, 2, arena),
                      .headers = job_column_text(row, 3, arena),
                      .user = job_column_text(row, 4, arena),
                      .sql = job_column_text(row, 5, arena),
                      .cron = job_column_text(row, 6, arena),
                      .timezone = job_column_text(row, 7, arena),
                      .target = job_column_text(row, 8, arena),
                      .mode = job_column_text(row, 9, arena),
                      .priority = sqlite3_column_int(row, 10),
                      .repeatable = sqlite3_column_int(row, 11) != 0,
                      .max_runtime_ms = sqlite3_column_int64(row, 12),
                      .max_queue_ms = sqlite3_column_int64(row, 13),
                      .enabled = sqlite3_column_int(row, 14) != 0,
                      .next_us = sqlite3_column_int64(row, 15),
                      .created_us = sqlite3_column_int64(row, 16),
                      .updated_us = sqlite3_column_int64(row, 17)};
    snprintf(out->id, sizeof out->id, "%s", (const char *)sqlite3_column_text(row, 0));
}

static Status read_one(JobStore *store, const char *id, Arena *arena, Schedule *out, bool *found,
                       Error *err) {
    sqlite3_stmt *row;
    TRY(job_store_prepare(store, "SELECT " SCHEDULE_COLUMNS " FROM scheduled WHERE id = ?1", &row, err));
    job_bind_text(row, 1, id);
    int code = sqlite3_step(row);
    *found = code == SQLITE_ROW;
    if (*found) read_row(row, arena, out);
    Status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK : job_store_error(store, "read", err);
    sqlite3_finalize(row);
    return status;
}

Status schedule_read(JobStore *store, const char *id, Arena *arena, Schedule *out, bool *found, Error *err) {
    job_store_lock(store);
    Status status = read_one(store, id, arena, out, found, err);
    job_store_unlock(store);
    return status;
}

/* ---- occurrences -----------------------------------------------------------------------------------------
 */

static Status submit(JobStore *store, const Schedule *schedule, int64_t occurrence_us, int64_t most_queued,
                     JobTicket *out, Error *err) {
    JobRequest request = {.sql = schedule->sql,
                          .body = schedule->body,
                          .headers = schedule->headers,
                          .user = schedule->user,
                          .only_reads = schedule->repeatable,
                          .priority = schedule->priority,
                          .max_runtime_ms = schedule->max_runtime_ms,
                          .expires_us = clock_wall_us() + schedule->max_queue_ms * 1000,
                          .schedule_id = schedule->id,
                          .scheduled_us = occurrence_us};
    return job_submit_within(store, &request, most_queued, out, err);
}

Status schedule_run_now(JobStore *store, const char *id, int64_t most_queued, JobTicket *out, bool *found,
                        Error *err) {
    Arena arena;
    Schedule schedule;
    arena_init(&arena);
    Status status = job_store_begin(store, err);
    if (status == STATUS_OK) {
        status = read_one(store, id, &arena, &schedule, found, err);
        if (status == STATUS_OK && *found)
            status = submit(store, &schedule, clock_wall_us(), most_queued, out, err);
        status = job_store_end(store, status, err);
    }
    arena_deinit(&arena);
    return status;
}

static Status set_next(JobStore *store, const Schedule *schedule, int64_t next_us, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store, "UPDATE scheduled SET next_us = ?2 WHERE id = ?1", &statement, err));
    job_bind_text(statement, 1, schedule->id);
    if (next_us > 0) sqlite3_bind_int64(statement, 2, next_us);
    return job_store_run(store, statement, err);
}

/* Those whose last job has not ended stay due. */
static Status read_due(JobStore *store, int64_t now_us, Arena *arena, Schedule out[MOST_AT_ONCE], int *count,
                       Error *err) {
    sqlite3_stmt *row;
    *count = 0;
    TRY(job_store_prepare(store,
                          "SELECT " SCHEDULE_COLUMNS " FROM scheduled s WHERE enabled AND next_us <= ?1"
                          " AND NOT EXISTS (SELECT 1 FROM jobs WHERE schedule_id = s.id AND status IN"
                          " ('queued', 'running')) ORDER BY next_us LIMIT ?2",
                          &row, err));
    sqlite3_bind_int64(row, 1, now_us);
    sqlite3_bind_int(row, 2, MOST_AT_ONCE);
    for (; sqlite3_step(row) == SQLITE_ROW; ++*count)
        read_row(row, arena, &out[*count]);
    sqlite3_finalize(row);
    return STATUS_OK;
}

static Status submit_due(JobStore *store, int64_t now_us, int64_t most_queued, Arena *arena, int64_t *count,
                         Error *err) {
    Schedule due[MOST_AT_ONCE];
    int found;
    TRY(read_due(store, now_us, arena, due, &found, err));
    for (int i = 0; i < found; i++) {
        JobTicket ticket;
        int64_t next_us = 0;
        TRY(submit(store, &due[i], due[i].next_us, most_queued, &ticket, err));
        TRY(next_after(&due[i], now_us, &next_us, err));
        TRY(set_next(store, &due[i], next_us, err));
    }
    *count = found;
    return STATUS_OK;
}

Status schedules_submit_due(JobStore *store, int64_t now_us, int64_t most_queued, int64_t *count,
                            Error *err) {
    sqlite3_stmt *statement;
    int64_t due = 0;
    *count = 0;
    job_store_lock(store); /* most of the time there is none: no write lock then */
    Status status = job_store_prepare(
        store, "SELECT 1 FROM scheduled WHERE enabled AND next_us <= ?1 LIMIT 1", &statement, err);
    if (status == STATUS_OK) {
        sqlite3_bind_int64(statement, 1, now_us);
        status = job_store_number(store, statement, 0, &due, err);
    }
    job_store_unlock(store);
    if (status != STATUS_OK || !due) return status;
    Arena arena;
    arena_init(&arena);
    status = job_store_begin(store, err);
    if (status == STATUS_OK)
        status = job_store_end(store, submit_due(store, now_us, most_queued, &arena, count, err), err);
    arena_deinit(&arena);
    return status;
}

/* ---- JSON ------------------------------------------------------------------------------------------------
 */

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

static void append_members(StrBuf *out, const Schedule *schedule) {
    strbuf_printf(out, "{\"schedule_id\":\"%s\"", schedule->id);
    append_text(out, "name", schedule->name);
    append_text(out, "sql", schedule->sql);
    append_text(out, "cron", schedule->cron);
    append_text(out, "timezone", schedule->timezone);
    append_text(out, "table", schedule->target);
    append_text(out, "mode", schedule->mode);
    strbuf_printf(out, ",\"priority\":%d,\"enabled\":%s", schedule->priority,
                  schedule->enabled ? "true" : "false");
    append_text(out, "user", schedule->user[0] ? schedule->user : NULL);
    append_time(out, "next_run_at", schedule->enabled ? schedule->next_us : 0);
    append_time(out, "created_at", schedule->created_us);
    append_time(out, "updated_at", schedule->updated_us);
}

/* What became of its occurrences, newest first, from the jobs that are kept. */
static Status append_runs(JobStore *store, const Schedule *schedule, int runs, StrBuf *out, Error *err) {
    sqlite3_stmt *row;
    TRY(job_store_prepare(
        store,
        "SELECT id, status, scheduled_us, started_us, finished_us, row_count, sqlstate, message"
        " FROM jobs WHERE schedule_id = ?1 ORDER BY number DESC LIMIT ?2",
        &row, err));
    job_bind_text(row, 1, schedule->id);
    sqlite3_bind_int(row, 2, runs);
    for (int i = 0; sqlite3_step(row) == SQLITE_ROW; i++) {
        strbuf_printf(out, "%s{\"job_id\":\"%s\",\"status\":\"%s\"", i ? "," : "",
                      (const char *)sqlite3_column_text(row, 0), (const char *)sqlite3_column_text(row, 1));
        append_time(out, "scheduled_at", sqlite3_column_int64(row, 2));
        append_time(out, "started_at", sqlite3_column_int64(row, 3));
        append_time(out, "finished_at", sqlite3_column_int64(row, 4));
        if (sqlite3_column_type(row, 5) == SQLITE_NULL)
            strbuf_append_text(out, ",\"row_count\":null");
        else
            strbuf_printf(out, ",\"row_count\":%lld", (long long)sqlite3_column_int64(row, 5));
        append_text(out, "sqlstate", (const char *)sqlite3_column_text(row, 6));
        append_text(out, "error", (const char *)sqlite3_column_text(row, 7));
        strbuf_append_char(out, '}');
    }
    sqlite3_finalize(row);
    return STATUS_OK;
}

static Status append_json(JobStore *store, const Schedule *schedule, int runs, StrBuf *out, Error *err) {
    append_members(out, schedule);
    strbuf_append_text(out, ",\"history\":[");
    TRY(append_runs(store, schedule, runs, out, err));
    strbuf_append_text(out, "]}");
    return STATUS_OK;
}

Status schedule_append_json(JobStore *store, const Schedule *schedule, int runs, StrBuf *out, Error *err) {
    job_store_lock(store);
    Status status = append_json(store, schedule, runs, out, err);
    job_store_unlock(store);
    return status;
}

static Status append_list(JobStore *store, int64_t limit, int64_t offset, StrBuf *out, Error *err) {
    sqlite3_stmt *row;
    int64_t total;
    TRY(job_store_prepare(
        store, "SELECT " SCHEDULE_COLUMNS " FROM scheduled ORDER BY name, id LIMIT ?1 OFFSET ?2", &row, err));
    sqlite3_bind_int64(row, 1, limit);
    sqlite3_bind_int64(row, 2, offset);
    Arena arena;
    arena_init(&arena);
    Status status = STATUS_OK;
    strbuf_append_text(out, "{\"schedules\":[");
    for (int i = 0; status == STATUS_OK && sqlite3_step(row) == SQLITE_ROW; i++) {
        Schedule schedule;
        arena_reset(&arena);
        read_row(row, &arena, &schedule);
        if (i) strbuf_append_char(out, ',');
        status = append_json(store, &schedule, 1, out, err);
    }
    arena_deinit(&arena);
    sqlite3_finalize(row);
    TRY(status);
    TRY(job_store_prepare(store, "SELECT count(*) FROM scheduled", &row, err));
    TRY(job_store_number(store, row, 0, &total, err));
    strbuf_printf(out, "],\"total\":%lld,\"limit\":%lld,\"offset\":%lld}\n", (long long)total,
                  (long long)limit, (long long)offset);
    return STATUS_OK;
}

Status schedule_list(JobStore *store, int64_t limit, int64_t offset, StrBuf *out, Error *err) {
    job_store_lock(store);
    Status status = append_list(store, limit, offset, out, err);
    job_store_unlock(store);
    return status;
}
