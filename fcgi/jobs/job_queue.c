#include "fcgi/jobs/job_queue.h"

#include <stdio.h>

enum { USER_BYTES = 256, MOST_LEVELS = 1000000 };

/* The head of a user's line of one priority. */
typedef struct Line {
    int64_t number, created_us;
    int priority;
    char user[USER_BYTES];
    int64_t level, running, served_us;
} Line;

/* The first line behind (priority, user): one step in the index, however long the lines are. */
static Status next_line(JobStore *store, const Line *behind, Line *out, bool *found, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store,
                          "SELECT priority, user_name, number, created_us FROM jobs INDEXED BY jobs_queue "
                          "WHERE status = 'queued'"
                          " AND (priority, user_name) > (?1, ?2) ORDER BY priority, user_name, number"
                          " LIMIT 1",
                          &statement, err));
    sqlite3_bind_int(statement, 1, behind->priority);
    job_bind_text(statement, 2, behind->user);
    int code = sqlite3_step(statement);
    *found = code == SQLITE_ROW;
    if (*found) {
        *out = (Line){.priority = sqlite3_column_int(statement, 0),
                      .number = sqlite3_column_int64(statement, 2),
                      .created_us = sqlite3_column_int64(statement, 3)};
        snprintf(out->user, sizeof out->user, "%s", (const char *)sqlite3_column_text(statement, 1));
    }
    Status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK : job_store_error(store, "read", err);
    sqlite3_finalize(statement);
    return status;
}

static Status weigh(JobStore *store, Line *line, int64_t now_us, int64_t aging_us, Error *err) {
    sqlite3_stmt *statement;
    int64_t line_served_us;
    TRY(job_store_prepare(store, "SELECT started_us FROM turns WHERE user_name = ?1 AND priority = ?2",
                          &statement, err));
    job_bind_text(statement, 1, line->user);
    sqlite3_bind_int(statement, 2, line->priority);
    TRY(job_store_number(store, statement, 0, &line_served_us, err));
    TRY(job_store_prepare(store, "SELECT max(started_us) FROM turns WHERE user_name = ?1", &statement, err));
    job_bind_text(statement, 1, line->user);
    TRY(job_store_number(store, statement, 0, &line->served_us, err));
    TRY(job_store_prepare(store,
                          "SELECT count(*) FROM jobs WHERE status = 'running' AND owner IS NOT NULL"
                          " AND user_name = ?1",
                          &statement, err));
    job_bind_text(statement, 1, line->user);
    TRY(job_store_number(store, statement, 0, &line->running, err));
    int64_t since_us = line->created_us > line_served_us ? line->created_us : line_served_us;
    int64_t waited_us = now_us > since_us ? now_us - since_us : 0;
    int64_t aged = aging_us > 0 ? waited_us / aging_us : 0;
    line->level = line->priority + (aged < MOST_LEVELS ? aged : MOST_LEVELS);
    return STATUS_OK;
}

static bool goes_before(const Line *a, const Line *b) {
    if (a->level != b->level) return a->level > b->level;
    if (a->running != b->running) return a->running < b->running;
    if (a->served_us != b->served_us) return a->served_us < b->served_us;
    return a->number < b->number;
}

Status job_queue_next(JobStore *store, int64_t now_us, int64_t aging_us, int64_t *number, Error *err) {
    Line behind = {.priority = -1}, line, best = {0};
    bool found;
    for (;;) {
        TRY(next_line(store, &behind, &line, &found, err));
        if (!found) break;
        TRY(weigh(store, &line, now_us, aging_us, err));
        if (!best.number || goes_before(&line, &best)) best = line;
        behind = line;
    }
    *number = best.number;
    return STATUS_OK;
}

Status job_queue_note_turn(JobStore *store, const char *user, int priority, int64_t now_us, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store,
                          "INSERT INTO turns (user_name, priority, started_us) VALUES (?1, ?2, ?3)"
                          " ON CONFLICT DO UPDATE SET started_us = ?3",
                          &statement, err));
    job_bind_text(statement, 1, user);
    sqlite3_bind_int(statement, 2, priority);
    sqlite3_bind_int64(statement, 3, now_us);
    return job_store_run(store, statement, err);
}

Status job_queue_position(JobStore *store, int64_t number, int priority, int64_t *out, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(
        store,
        "SELECT 1 + count(*) FROM jobs INDEXED BY jobs_queue WHERE status = 'queued' AND (priority > ?1 OR"
        " (priority = ?1 AND number < ?2))",
        &statement, err));
    sqlite3_bind_int(statement, 1, priority);
    sqlite3_bind_int64(statement, 2, number);
    return job_store_number(store, statement, 1, out, err);
}

Status job_queue_length(JobStore *store, int64_t *out, Error *err) {
    sqlite3_stmt *statement;
    TRY(job_store_prepare(store, "SELECT count(*) FROM jobs WHERE status = 'queued'", &statement, err));
    return job_store_number(store, statement, 0, out, err);
}
