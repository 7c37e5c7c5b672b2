#include "fcgi/api/history_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "fcgi/api/history_internal.h"

enum { BUSY_TIMEOUT_MS = 5000, TRIM_ROUNDS = 4, OPEN_PAUSE_MS = 20 };
/* Of differences. */
enum { MOST_TEXT_BYTES = 8192, MOST_RESOLVED = 1000, MOST_WITH_TEXT = 1000, MOST_UNRESOLVED = 100000 };

/* Ids are in the order of writing: each process writes its own statements, some at a time. */
static const char schema[] =
    "CREATE TABLE IF NOT EXISTS history (id INTEGER PRIMARY KEY, started_us INTEGER NOT NULL,"
    " fingerprint INTEGER NOT NULL, sql TEXT, params TEXT, engine TEXT, rule TEXT, class TEXT, origin TEXT,"
    " user_name TEXT, tag TEXT, request_id TEXT, status INTEGER, sqlstate TEXT, cost_ms REAL, taken_ms REAL,"
    " row_count INTEGER, bytes INTEGER, cut_short INTEGER);"
    "CREATE INDEX IF NOT EXISTS history_shapes ON history (fingerprint, id);"
    "CREATE INDEX IF NOT EXISTS history_times ON history (started_us);"
    "CREATE TABLE IF NOT EXISTS differences (id INTEGER PRIMARY KEY, found_us INTEGER NOT NULL,"
    " fingerprint INTEGER NOT NULL, sql TEXT, params TEXT, source TEXT, other TEXT, detail TEXT,"
    " times INTEGER NOT NULL DEFAULT 1, resolved_us INTEGER, resolved_by TEXT);"
    "CREATE INDEX IF NOT EXISTS differences_open ON differences (fingerprint, other) WHERE resolved_us IS "
    "NULL;";

Status history_error(HistoryStore *store, const char *what, Error *err) {
    bool busy = (sqlite3_errcode(store->handle) & 0xFF) == SQLITE_BUSY;
    return error_set(err, busy ? "55P03" : SQLSTATE_IO_ERROR, "cannot %s the history: %s", what,
                     sqlite3_errmsg(store->handle));
}

static bool has_column(HistoryStore *store, const char *probe) {
    sqlite3_stmt *statement = NULL;
    bool has = sqlite3_prepare_v2(store->handle, probe, -1, &statement, NULL) == SQLITE_OK;
    sqlite3_finalize(statement);
    return has;
}

static Status run(HistoryStore *store, const char *sql, const char *what, Error *err) {
    if (sqlite3_exec(store->handle, sql, NULL, NULL, NULL) == SQLITE_OK) return STATUS_OK;
    return history_error(store, what, err);
}

Status history_prepare(HistoryStore *store, const char *sql, sqlite3_stmt **out, Error *err) {
    if (sqlite3_prepare_v2(store->handle, sql, -1, out, NULL) == SQLITE_OK) return STATUS_OK;
    return history_error(store, "read", err);
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

/* Of files that an older program made. Another process may add it at the same time. */
static Status add_new_columns(HistoryStore *store, Error *err) {
    static const char probe[] = "SELECT cut_short FROM history LIMIT 0";
    if (has_column(store, probe)) return STATUS_OK;
    Status status = run(store, "ALTER TABLE history ADD COLUMN cut_short INTEGER", "open", err);
    if (status == STATUS_OK || !has_column(store, probe)) return status;
    error_clear(err);
    return STATUS_OK;
}

/* SQLite does not wait for another process that is changing the journal, as all of a pool do at once: it says
 * busy. */
static Status prepare_file(HistoryStore *store, Error *err) {
    static const char settings[] = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                                   "PRAGMA journal_size_limit = 4194304;";
    int64_t until_ns = clock_now_ns() + (int64_t)BUSY_TIMEOUT_MS * 1000000;
    for (;;) {
        if (run(store, settings, "open", err) == STATUS_OK && run(store, schema, "open", err) == STATUS_OK &&
            add_new_columns(store, err) == STATUS_OK)
            return STATUS_OK;
        bool busy = (sqlite3_errcode(store->handle) & 0xFF) == SQLITE_BUSY;
        if (!busy || clock_now_ns() > until_ns) return STATUS_ERROR;
        error_clear(err);
        nanosleep(&(struct timespec){.tv_nsec = OPEN_PAUSE_MS * 1000000L}, NULL);
    }
}

Status history_store_open(const char *path, int64_t max_rows, int64_t max_bytes, HistoryStore **out,
                          Error *err) {
    HistoryStore *store = calloc(1, sizeof *store);
    if (!store) abort();
    store->max_rows = max_rows;
    store->max_bytes = max_bytes;
    make_directory_of(path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640); /* SQLite lets everybody read it */
    if (fd >= 0) close(fd);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    Status status = STATUS_OK;
    if (sqlite3_open_v2(path, &store->handle, flags, NULL) != SQLITE_OK)
        status = error_set(err, SQLSTATE_IO_ERROR, "cannot open the history \"%s\": %s", path,
                           store->handle ? sqlite3_errmsg(store->handle) : "out of memory");
    if (status == STATUS_OK) {
        sqlite3_busy_timeout(store->handle, BUSY_TIMEOUT_MS);
        status = prepare_file(store, err);
    }
    if (status != STATUS_OK) {
        history_store_close(store);
        return STATUS_ERROR;
    }
    *out = store;
    return STATUS_OK;
}

void history_store_close(HistoryStore *store) {
    if (!store) return;
    sqlite3_close_v2(store->handle);
    free(store);
}

/* ---- writing
 * --------------------------------------------------------------------------------------------- */

static void bind_text(sqlite3_stmt *statement, int index, const char *text) {
    if (text)
        sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, index);
}

static void bind_number(sqlite3_stmt *statement, int index, double number) {
    if (number >= 0)
        sqlite3_bind_double(statement, index, number);
    else
        sqlite3_bind_null(statement, index);
}

static Status insert(HistoryStore *store, sqlite3_stmt *statement, const HistoryEntry *entry, Error *err) {
    const char *const texts[] = {entry->sql,  entry->params,     entry->engine,
                                 entry->rule, entry->class_name, entry->origin,
                                 entry->user, entry->tag,        entry->request_id};
    sqlite3_bind_int64(statement, 1, entry->started_us);
    sqlite3_bind_int64(statement, 2, (int64_t)entry->fingerprint);
    for (int i = 0; i < 9; i++)
        bind_text(statement, 3 + i, texts[i]);
    sqlite3_bind_int(statement, 12, entry->status);
    bind_text(statement, 13, entry->sqlstate);
    bind_number(statement, 14, entry->cost_ms);
    bind_number(statement, 15, entry->taken_ms);
    sqlite3_bind_int64(statement, 16, entry->rows);
    sqlite3_bind_int64(statement, 17, entry->bytes);
    sqlite3_bind_int(statement, 18, entry->cut_short);
    int code = sqlite3_step(statement);
    sqlite3_reset(statement);
    return code == SQLITE_DONE ? STATUS_OK : history_error(store, "write", err);
}

static int64_t number_of(HistoryStore *store, const char *sql) {
    sqlite3_stmt *statement = NULL;
    int64_t number = 0;
    if (sqlite3_prepare_v2(store->handle, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

/* Ids grow by one, so they count the rows. What is deleted is used again: the file does not shrink, nor does
 * it grow beyond its bound. */
static Status trim(HistoryStore *store, Error *err) {
    char *sql = sqlite3_mprintf("DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - %lld",
                                (long long)store->max_rows);
    Status status = run(store, sql, "trim", err);
    sqlite3_free(sql);
    for (int i = 0; i < TRIM_ROUNDS && status == STATUS_OK; i++) {
        int64_t pages = number_of(store, "PRAGMA page_count") - number_of(store, "PRAGMA freelist_count");
        if (pages * number_of(store, "PRAGMA page_size") <= store->max_bytes) break;
        status = run(store,
                     "DELETE FROM history WHERE id <= (SELECT min(id) + (max(id) - min(id)) / 4"
                     " FROM history)",
                     "trim", err);
    }
    return status;
}

static Status write_all(HistoryStore *store, const HistoryEntry *entries, Error *err) {
    sqlite3_stmt *statement;
    TRY(history_prepare(store,
                        "INSERT INTO history (started_us, fingerprint, sql, params, engine, rule, class,"
                        " origin, user_name, tag, request_id, status, sqlstate, cost_ms, taken_ms,"
                        " row_count, bytes, cut_short) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                        &statement, err));
    Status status = STATUS_OK;
    for (const HistoryEntry *entry = entries; entry && status == STATUS_OK; entry = entry->next)
        status = insert(store, statement, entry, err);
    sqlite3_finalize(statement);
    return status == STATUS_OK ? trim(store, err) : status;
}

Status history_store_write(HistoryStore *store, const HistoryEntry *entries, Error *err) {
    TRY(run(store, "BEGIN IMMEDIATE", "write", err));
    if (write_all(store, entries, err) == STATUS_OK && run(store, "COMMIT", "write", err) == STATUS_OK)
        return STATUS_OK;
    sqlite3_exec(store->handle, "ROLLBACK", NULL, NULL, NULL);
    return STATUS_ERROR;
}

/* ---- reading
 * --------------------------------------------------------------------------------------------- */

void history_append_time(StrBuf *out, int64_t wall_us) {
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm utc;
    char text[32];
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    strbuf_printf(out, "\"%s.%06dZ\"", text, (int)(wall_us % 1000000));
}

void history_append_text(StrBuf *out, sqlite3_stmt *statement, int column) {
    const char *text = (const char *)sqlite3_column_text(statement, column);
    if (text)
        strbuf_append_json(out, text, (size_t)sqlite3_column_bytes(statement, column));
    else
        strbuf_append_text(out, "null");
}

static void append_number(StrBuf *out, sqlite3_stmt *statement, int column) {
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        strbuf_append_text(out, "null");
    else
        strbuf_printf(out, "%.6g", sqlite3_column_double(statement, column));
}

static void append_entry(StrBuf *out, sqlite3_stmt *statement) {
    static const char *const texts[] = {"sql",    "params", "engine", "rule",       "class",
                                        "origin", "user",   "tag",    "request_id", "sqlstate"};
    strbuf_printf(out, "{\"id\":%lld,\"started\":", (long long)sqlite3_column_int64(statement, 0));
    history_append_time(out, sqlite3_column_int64(statement, 1));
    strbuf_printf(out, ",\"fingerprint\":\"%016llx\"",
                  (unsigned long long)sqlite3_column_int64(statement, 2));
    for (int i = 0; i < 10; i++) {
        strbuf_printf(out, ",\"%s\":", texts[i]);
        history_append_text(out, statement, 3 + i);
    }
    strbuf_printf(out, ",\"status\":%d,\"cost_ms\":", sqlite3_column_int(statement, 13));
    append_number(out, statement, 14);
    strbuf_append_text(out, ",\"taken_ms\":");
    append_number(out, statement, 15);
    strbuf_printf(out, ",\"rows\":%lld,\"bytes\":%lld}", (long long)sqlite3_column_int64(statement, 16),
                  (long long)sqlite3_column_int64(statement, 17));
}

static Status read_since(HistoryStore *store, const char *text, int64_t *out, Error *err) {
    char *end;
    double seconds = strtod(text, &end);
    *out = (int64_t)(seconds * 1e6);
    if (text[0] && !*end && seconds >= 0 && seconds < 1e12) return STATUS_OK;
    sqlite3_stmt *statement;
    TRY(history_prepare(store, "SELECT unixepoch(?1)", &statement, err));
    sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
    bool known = sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL;
    *out = known ? sqlite3_column_int64(statement, 0) * 1000000 : 0;
    sqlite3_finalize(statement);
    if (known) return STATUS_OK;
    return error_set(err, SQLSTATE_INVALID_PARAMETER,
                     "since must be a time such as 2024-03-01T12:00:00Z, or seconds since 1970");
}

static void bind_filter(sqlite3_stmt *statement, const HistoryFilter *filter, int64_t since_us) {
    bind_text(statement, 1, filter->engine);
    bind_text(statement, 2, filter->user);
    bind_text(statement, 3, filter->text);
    if (filter->by_fingerprint) sqlite3_bind_int64(statement, 4, (int64_t)filter->fingerprint);
    if (filter->status >= 0) sqlite3_bind_int(statement, 5, filter->status);
    if (filter->since) sqlite3_bind_int64(statement, 6, since_us);
}

#define HISTORY_WHERE                                                                                        \
    " FROM history WHERE (?1 IS NULL OR engine = ?1) AND (?2 IS NULL OR user_name = ?2)"                     \
    " AND (?3 IS NULL OR instr(lower(sql), lower(?3)) > 0) AND (?4 IS NULL OR fingerprint = ?4)"             \
    " AND (?5 IS NULL OR status = ?5) AND (?6 IS NULL OR started_us >= ?6)"

static Status append_entries(HistoryStore *store, const HistoryFilter *filter, int64_t since_us, StrBuf *out,
                             Error *err) {
    sqlite3_stmt *statement;
    TRY(history_prepare(store,
                        "SELECT id, started_us, fingerprint, sql, params, engine, rule, class, origin,"
                        " user_name, tag, request_id, sqlstate, status, cost_ms, taken_ms, row_count,"
                        " bytes" HISTORY_WHERE " ORDER BY started_us DESC, id DESC LIMIT ?7 OFFSET ?8",
                        &statement, err));
    bind_filter(statement, filter, since_us);
    sqlite3_bind_int64(statement, 7, filter->limit);
    sqlite3_bind_int64(statement, 8, filter->offset);
    int code;
    strbuf_append_text(out, "{\"entries\":[");
    for (int i = 0; (code = sqlite3_step(statement)) == SQLITE_ROW; i++) {
        if (i) strbuf_append_char(out, ',');
        append_entry(out, statement);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? STATUS_OK : history_error(store, "read", err);
}

Status history_store_list(HistoryStore *store, const HistoryFilter *filter, StrBuf *out, Error *err) {
    int64_t since_us = 0;
    if (filter->since) TRY(read_since(store, filter->since, &since_us, err));
    TRY(append_entries(store, filter, since_us, out, err));
    sqlite3_stmt *statement;
    TRY(history_prepare(store, "SELECT count(*)" HISTORY_WHERE, &statement, err));
    bind_filter(statement, filter, since_us);
    int64_t total = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    strbuf_printf(out, "],\"total\":%lld}\n", (long long)total);
    return STATUS_OK;
}

/* ---- answers that differed
 * ------------------------------------------------------------------------------- */

static void bind_bounded(sqlite3_stmt *statement, int index, const char *text) {
    bind_text(statement, index, text && strlen(text) <= MOST_TEXT_BYTES ? text : NULL);
}

/* A statement's text is of use without its end. */
static void bind_cut(sqlite3_stmt *statement, int index, const char *text) {
    size_t bytes = text ? strnlen(text, MOST_TEXT_BYTES) : 0;
    while (bytes && text[bytes] && ((unsigned char)text[bytes] & 0xC0) == 0x80)
        bytes--; /* no half of a character */
    if (text)
        sqlite3_bind_text(statement, index, text, (int)bytes, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, index);
}

static Status insert_difference(HistoryStore *store, const HistoryDifference *difference, bool with_text,
                                Error *err) {
    sqlite3_stmt *statement;
    TRY(history_prepare(store,
                        "INSERT INTO differences (found_us, fingerprint, sql, params, source, other,"
                        " detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                        &statement, err));
    sqlite3_bind_int64(statement, 1, clock_wall_us());
    sqlite3_bind_int64(statement, 2, (int64_t)difference->fingerprint);
    bind_cut(statement, 3, with_text ? difference->sql : NULL);
    bind_bounded(statement, 4, with_text ? difference->params : NULL);
    bind_text(statement, 5, difference->source);
    bind_text(statement, 6, difference->other);
    bind_bounded(statement, 7, with_text ? difference->detail : NULL);
    int code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? STATUS_OK : history_error(store, "write", err);
}

/* Nobody needs resolved ones for long. An unresolved one keeps its shape away from an engine and stays. */
static Status trim_resolved(HistoryStore *store, Error *err) {
    char *sql = sqlite3_mprintf("DELETE FROM differences WHERE resolved_us IS NOT NULL AND id <= (SELECT id"
                                " FROM differences WHERE resolved_us IS NOT NULL ORDER BY id DESC LIMIT 1"
                                " OFFSET %d)",
                                MOST_RESOLVED);
    Status status = run(store, sql, "trim", err);
    sqlite3_free(sql);
    return status;
}

Status history_store_add_difference(HistoryStore *store, const HistoryDifference *difference, Error *err) {
    sqlite3_stmt *statement;
    /* One open entry per shape and engine. */
    TRY(history_prepare(store,
                        "UPDATE differences SET times = times + 1 WHERE fingerprint = ?1 AND other = ?2"
                        " AND resolved_us IS NULL",
                        &statement, err));
    sqlite3_bind_int64(statement, 1, (int64_t)difference->fingerprint);
    bind_text(statement, 2, difference->other);
    int code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE) return history_error(store, "write", err);
    if (sqlite3_changes(store->handle) > 0) return STATUS_OK;
    int64_t unresolved = number_of(store, "SELECT count(*) FROM differences WHERE resolved_us IS NULL");
    if (unresolved >= MOST_UNRESOLVED)
        return error_set(err, "53400", "there are %lld unresolved differences, no more are recorded",
                         (long long)unresolved);
    TRY(insert_difference(store, difference, unresolved < MOST_WITH_TEXT, err));
    return trim_resolved(store, err);
}

static void append_difference(StrBuf *out, sqlite3_stmt *statement) {
    static const char *const texts[] = {"sql", "params", "source", "other", "resolved_by"};
    strbuf_printf(out, "{\"id\":%lld,\"found\":", (long long)sqlite3_column_int64(statement, 0));
    history_append_time(out, sqlite3_column_int64(statement, 1));
    strbuf_printf(out, ",\"fingerprint\":\"%016llx\",\"times\":%d",
                  (unsigned long long)sqlite3_column_int64(statement, 2), sqlite3_column_int(statement, 3));
    for (int i = 0; i < 5; i++) {
        strbuf_printf(out, ",\"%s\":", texts[i]);
        history_append_text(out, statement, 4 + i);
    }
    const char *detail = (const char *)sqlite3_column_text(statement, 9);
    strbuf_printf(out, ",\"difference\":%s,\"resolved\":", detail ? detail : "null");
    if (sqlite3_column_type(statement, 10) == SQLITE_NULL)
        strbuf_append_text(out, "null");
    else
        history_append_time(out, sqlite3_column_int64(statement, 10));
    strbuf_append_char(out, '}');
}

Status history_store_list_differences(HistoryStore *store, bool unresolved_only, StrBuf *out, Error *err) {
    sqlite3_stmt *statement;
    TRY(history_prepare(store,
                        "SELECT id, found_us, fingerprint, times, sql, params, source, other, resolved_by,"
                        " detail, resolved_us FROM differences WHERE resolved_us IS NULL OR NOT ?1"
                        " ORDER BY id DESC LIMIT 1000",
                        &statement, err));
    sqlite3_bind_int(statement, 1, unresolved_only);
    int code;
    strbuf_append_text(out, "{\"differences\":[");
    for (int i = 0; (code = sqlite3_step(statement)) == SQLITE_ROW; i++) {
        if (i) strbuf_append_char(out, ',');
        append_difference(out, statement);
    }
    strbuf_append_text(out, "]}\n");
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? STATUS_OK : history_error(store, "read", err);
}

Status history_store_resolve(HistoryStore *store, int64_t id, const char *who, bool *found, Error *err) {
    sqlite3_stmt *statement;
    TRY(history_prepare(store,
                        "UPDATE differences SET resolved_us = ?2, resolved_by = ?3 WHERE id = ?1"
                        " AND resolved_us IS NULL",
                        &statement, err));
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, clock_wall_us());
    bind_text(statement, 3, who);
    int code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE) return history_error(store, "write", err);
    *found = sqlite3_changes(store->handle) > 0;
    return STATUS_OK;
}

Status history_store_quarantined(HistoryStore *store, uint64_t **fingerprints, int *count, Error *err) {
    sqlite3_stmt *statement;
    *fingerprints = NULL;
    *count = 0;
    TRY(history_prepare(store,
                        "SELECT DISTINCT fingerprint FROM differences WHERE resolved_us IS NULL"
                        " ORDER BY 1",
                        &statement, err));
    int code, capacity = 0;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (*count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            *fingerprints = realloc(*fingerprints, sizeof **fingerprints * (size_t)capacity);
            if (!*fingerprints) abort();
        }
        (*fingerprints)[(*count)++] = (uint64_t)sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? STATUS_OK : history_error(store, "read", err);
}
