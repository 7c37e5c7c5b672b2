#include "fcgi/jobs/job_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engines/base/clock.h"

enum { BUSY_TIMEOUT_MS = 20000, OPEN_PAUSE_MS = 20 };

/* `version` grows with every change of a job: it numbers its events. `turns` remembers whose turn it was last
 * (job_queue.h). */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS jobs (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    " status TEXT NOT NULL, version INTEGER NOT NULL, priority INTEGER NOT NULL, user_name TEXT NOT NULL,"
    " tag TEXT, sql TEXT NOT NULL, body TEXT NOT NULL, headers TEXT NOT NULL, only_reads INTEGER NOT NULL,"
    " request_key TEXT, schedule_id TEXT, scheduled_us INTEGER, created_us INTEGER NOT NULL, expires_us "
    "INTEGER,"
    " started_us INTEGER, finished_us INTEGER, max_runtime_ms INTEGER NOT NULL, owner TEXT,"
    " attempts INTEGER NOT NULL DEFAULT 0, cancel_requested INTEGER NOT NULL DEFAULT 0,"
    " progress REAL NOT NULL DEFAULT 0, eta_ms INTEGER, rows_scanned INTEGER NOT NULL DEFAULT 0,"
    " bytes_scanned INTEGER NOT NULL DEFAULT 0, engine TEXT, route TEXT, plan TEXT, profile TEXT,"
    " row_count INTEGER, command TEXT, result_bytes INTEGER, result_state TEXT,"
    " http_status INTEGER, sqlstate TEXT, message TEXT, detail TEXT, hint TEXT, position INTEGER);"
    "CREATE INDEX IF NOT EXISTS jobs_queue ON jobs (priority, user_name, number) WHERE status = 'queued';"
    "CREATE INDEX IF NOT EXISTS jobs_running ON jobs (owner) WHERE status = 'running';"
    "CREATE INDEX IF NOT EXISTS jobs_by_status ON jobs (status, number);"
    "CREATE INDEX IF NOT EXISTS jobs_expiry ON jobs (expires_us) WHERE status = 'queued';"
    "CREATE INDEX IF NOT EXISTS jobs_finished ON jobs (finished_us) WHERE finished_us IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS jobs_results ON jobs (finished_us) WHERE result_state = 'kept';"
    "CREATE UNIQUE INDEX IF NOT EXISTS jobs_by_key ON jobs (request_key) WHERE request_key IS NOT NULL;"
    "CREATE INDEX IF NOT EXISTS jobs_of_schedule ON jobs (schedule_id, number) WHERE schedule_id IS NOT NULL;"
    "CREATE TABLE IF NOT EXISTS events (job INTEGER NOT NULL, version INTEGER NOT NULL, status TEXT NOT NULL,"
    " at_us INTEGER NOT NULL, PRIMARY KEY (job, version)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS turns (user_name TEXT NOT NULL, priority INTEGER NOT NULL,"
    " started_us INTEGER NOT NULL, PRIMARY KEY (user_name, priority)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS totals (status TEXT PRIMARY KEY, jobs INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS scheduled (id TEXT PRIMARY KEY, name TEXT NOT NULL, body TEXT NOT NULL,"
    " headers TEXT NOT NULL, user_name TEXT NOT NULL, sql TEXT NOT NULL, cron TEXT NOT NULL,"
    " timezone TEXT NOT NULL, target TEXT, mode TEXT NOT NULL, priority INTEGER NOT NULL,"
    " repeatable INTEGER NOT NULL, max_runtime_ms INTEGER NOT NULL, max_queue_ms INTEGER NOT NULL,"
    " enabled INTEGER NOT NULL, next_us INTEGER, created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL);"
    "CREATE INDEX IF NOT EXISTS scheduled_due ON scheduled (next_us) WHERE enabled;";

Status job_store_error(JobStore *store, const char *what, Error *err) {
    bool busy = (sqlite3_errcode(store->handle) & 0xFF) == SQLITE_BUSY;
    bool full = (sqlite3_errcode(store->handle) & 0xFF) == SQLITE_FULL;
    const char *sqlstate = busy ? "55P03" : full ? SQLSTATE_DISK_FULL : SQLSTATE_IO_ERROR;
    return error_set(err, sqlstate, "cannot %s the jobs: %s", what, sqlite3_errmsg(store->handle));
}

static Status run_text(JobStore *store, const char *sql, const char *what, Error *err) {
    if (sqlite3_exec(store->handle, sql, NULL, NULL, NULL) == SQLITE_OK) return STATUS_OK;
    return job_store_error(store, what, err);
}

/* One level; what is wrong with it is what opening the file says. */
static void make_directory_of(const char *path) {
    const char *slash = strrchr(path, '/');
    char directory[4096];
    if (!slash || slash == path || (size_t)(slash - path) >= sizeof directory) return;
    memcpy(directory, path, (size_t)(slash - path));
    directory[slash - path] = 0;
    (void)mkdir(directory, 0750);
}

/* SQLite does not wait for another process that is changing the journal, as all of a pool do at once: it says
 * busy. */
static Status prepare_file(JobStore *store, Error *err) {
    static const char settings[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                                   "PRAGMA journal_size_limit = 16777216;";
    int64_t until_ns = clock_now_ns() + (int64_t)BUSY_TIMEOUT_MS * 1000000;
    for (;;) {
        if (run_text(store, settings, "open", err) == STATUS_OK &&
            run_text(store, schema, "open", err) == STATUS_OK)
            return STATUS_OK;
        bool busy = (sqlite3_errcode(store->handle) & 0xFF) == SQLITE_BUSY;
        if (!busy || clock_now_ns() > until_ns) return STATUS_ERROR;
        error_clear(err);
        nanosleep(&(struct timespec){.tv_nsec = OPEN_PAUSE_MS * 1000000L}, NULL);
    }
}

Status job_store_open(const char *path, JobStore **out, Error *err) {
    JobStore *store = calloc(1, sizeof *store);
    if (!store) abort();
    pthread_mutex_init(&store->lock, NULL);
    make_directory_of(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640); /* SQLite lets everybody read it */
    if (fd >= 0) close(fd);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    Status status = STATUS_OK;
    if (sqlite3_open_v2(path, &store->handle, flags, NULL) != SQLITE_OK)
        status = error_set(err, SQLSTATE_IO_ERROR, "cannot open the jobs' file \"%s\": %s", path,
                           store->handle ? sqlite3_errmsg(store->handle) : "out of memory");
    if (status == STATUS_OK) {
        sqlite3_busy_timeout(store->handle, BUSY_TIMEOUT_MS);
        status = prepare_file(store, err);
    }
    if (status != STATUS_OK) {
        job_store_close(store);
        return STATUS_ERROR;
    }
    *out = store;
    return STATUS_OK;
}

void job_store_close(JobStore *store) {
    if (!store) return;
    sqlite3_close_v2(store->handle);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

/* ---- transactions ----------------------------------------------------------------------------------------
 */

void job_store_lock(JobStore *store) {
    pthread_mutex_lock(&store->lock);
}

void job_store_unlock(JobStore *store) {
    pthread_mutex_unlock(&store->lock);
}

void job_store_set_light(JobStore *store, bool light) {
    if (store->light == light) return;
    const char *sql = light ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL";
    if (sqlite3_exec(store->handle, sql, NULL, NULL, NULL) == SQLITE_OK) store->light = light;
}

static Status begin(JobStore *store, bool light, Error *err) {
    job_store_lock(store);
    job_store_set_light(store, light);
    if (run_text(store, "BEGIN IMMEDIATE", "write", err) == STATUS_OK) return STATUS_OK;
    job_store_unlock(store);
    return STATUS_ERROR;
}

Status job_store_begin(JobStore *store, Error *err) {
    return begin(store, false, err);
}

Status job_store_begin_light(JobStore *store, Error *err) {
    return begin(store, true, err);
}

Status job_store_end(JobStore *store, Status status, Error *err) {
    if (status == STATUS_OK) status = run_text(store, "COMMIT", "write", err);
    if (status != STATUS_OK) sqlite3_exec(store->handle, "ROLLBACK", NULL, NULL, NULL);
    job_store_unlock(store);
    return status;
}

int64_t job_store_version(JobStore *store) {
    sqlite3_stmt *statement;
    int64_t others = 0;
    job_store_lock(store);
    int64_t own = sqlite3_total_changes64(store->handle);
    if (job_store_prepare(store, "PRAGMA data_version", &statement, NULL) == STATUS_OK)
        (void)!job_store_number(store, statement, 0, &others, NULL);
    job_store_unlock(store);
    return (int64_t)((uint64_t)others * 0x9E3779B97F4A7C15u + (uint64_t)own);
}

/* ---- statements ------------------------------------------------------------------------------------------
 */

Status job_store_prepare(JobStore *store, const char *sql, sqlite3_stmt **out, Error *err) {
    if (sqlite3_prepare_v2(store->handle, sql, -1, out, NULL) == SQLITE_OK) return STATUS_OK;
    return job_store_error(store, "read", err);
}

Status job_store_run(JobStore *store, sqlite3_stmt *statement, Error *err) {
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    }
    Status status = code == SQLITE_DONE ? STATUS_OK : job_store_error(store, "write", err);
    sqlite3_finalize(statement);
    return status;
}

Status job_store_number(JobStore *store, sqlite3_stmt *statement, int64_t fallback, int64_t *out,
                        Error *err) {
    int code = sqlite3_step(statement);
    bool has = code == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL;
    *out = has ? sqlite3_column_int64(statement, 0) : fallback;
    Status status =
        code == SQLITE_ROW || code == SQLITE_DONE ? STATUS_OK : job_store_error(store, "read", err);
    sqlite3_finalize(statement);
    return status;
}

void job_bind_text(sqlite3_stmt *statement, int index, const char *text) {
    if (text)
        sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, index);
}

const char *job_column_text(sqlite3_stmt *statement, int column, Arena *arena) {
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? arena_strndup(arena, text, (size_t)sqlite3_column_bytes(statement, column)) : NULL;
}
