/* GET /api/v1/saved; GET, PUT, DELETE /api/v1/saved/{name}: queries that people keep, for the page and
 * whoever else wants them.
 *
 * An SQLite file beside the history's, shared by the pool's processes; opened for each request, since these
 * are rare. Synced: what is answered is kept. Bounded in entries and bytes, each and all.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "fcgi/api/api_internal.h"
#include "fcgi/api/history_internal.h"
#include "fcgi/api/json_reader.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/query_request.h"

enum {
    MOST_SAVED = 5000,
    LARGEST_SAVED = 1 << 20,     /* its body */
    MOST_SAVED_BYTES = 16 << 20, /* all of them: the list of them is made in memory */
    LONGEST_NAME = 200,
    SAVED_BUSY_MS = 5000
};

static const char saved_schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "CREATE TABLE IF NOT EXISTS saved (name TEXT PRIMARY KEY, sql TEXT NOT NULL, params TEXT, engine TEXT,"
    " updated_us INTEGER NOT NULL, updated_by TEXT) STRICT;";

static Status saved_error(sqlite3 *file, const char *what, Error *err) {
    bool busy = file && (sqlite3_errcode(file) & 0xFF) == SQLITE_BUSY;
    return error_set(err, busy ? "55P03" : SQLSTATE_IO_ERROR, "cannot %s the saved queries: %s", what,
                     file ? sqlite3_errmsg(file) : "out of memory");
}

/* "history/history.db" → "history/saved.db" */
static Status open_file(const Api *api, Exchange *exchange, sqlite3 **out, Error *err) {
    const char *history = api->history_path, *slash = strrchr(history, '/');
    int length = slash ? (int)(slash - history) : 1;
    char *path = arena_alloc(&exchange->arena, (size_t)length + sizeof "/saved.db");
    sprintf(path, "%.*s", length, slash ? history : ".");
    (void)mkdir(path, 0750); /* what is wrong with it is what opening the file says */
    strcat(path, "/saved.db");
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640); /* SQLite lets everybody read it */
    if (fd >= 0) close(fd);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    Status status = STATUS_OK;
    if (sqlite3_open_v2(path, out, flags, NULL) != SQLITE_OK) status = saved_error(*out, "open", err);
    if (status == STATUS_OK) {
        sqlite3_busy_timeout(*out, SAVED_BUSY_MS);
        if (sqlite3_exec(*out, saved_schema, NULL, NULL, NULL) != SQLITE_OK)
            status = saved_error(*out, "open", err);
    }
    return status;
}

static void bind(sqlite3_stmt *statement, int index, const char *text) {
    if (text)
        sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT);
    else
        sqlite3_bind_null(statement, index);
}

/* ---- reading ---------------------------------------------------------------------------------------------
 */

static void append_saved(StrBuf *out, sqlite3_stmt *row) {
    strbuf_append_text(out, "{\"name\":");
    history_append_text(out, row, 0);
    strbuf_append_text(out, ",\"sql\":");
    history_append_text(out, row, 1);
    const char *params = (const char *)sqlite3_column_text(row, 2); /* JSON as it was given */
    strbuf_printf(out, ",\"params\":%s,\"engine\":", params ? params : "[]");
    history_append_text(out, row, 3);
    strbuf_append_text(out, ",\"updated\":");
    history_append_time(out, sqlite3_column_int64(row, 4));
    strbuf_append_text(out, ",\"updated_by\":");
    history_append_text(out, row, 5);
    strbuf_append_char(out, '}');
}

/* All, or the one of this name. `shown` counts them. */
static Status read_saved(sqlite3 *file, const char *name, StrBuf *out, int *shown, Error *err) {
    sqlite3_stmt *statement = NULL;
    *shown = 0;
    if (sqlite3_prepare_v2(file,
                           "SELECT name, sql, params, engine, updated_us, updated_by FROM saved"
                           " WHERE ?1 IS NULL OR name = ?1 ORDER BY lower(name), name",
                           -1, &statement, NULL) != SQLITE_OK)
        return saved_error(file, "read", err);
    bind(statement, 1, name);
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        if ((*shown)++) strbuf_append_text(out, ",\n");
        append_saved(out, statement);
    }
    Status status = code == SQLITE_DONE ? STATUS_OK : saved_error(file, "read", err);
    sqlite3_finalize(statement);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------
 */

typedef struct Saving {
    const char *name, *sql, *engine, *user;
    char *params; /* JSON array, NULL = none */
} Saving;

static bool is_called(const JsonNode *node, const char *name) {
    return node->key_length == strlen(name) && !memcmp(node->key, name, node->key_length);
}

static Status read_member(Exchange *exchange, const JsonNode *node, Saving *saving, Error *err) {
    bool text = node->kind == JSON_STRING || node->kind == JSON_NULL;
    if (is_called(node, "sql") && node->kind == JSON_STRING) {
        saving->sql = node->text;
    } else if (is_called(node, "engine") && text) {
        saving->engine = node->text;
    } else if (is_called(node, "params") && node->kind == JSON_ARRAY) {
        saving->params = arena_alloc(&exchange->arena, node->raw_length + 1);
        memcpy(saving->params, node->raw, node->raw_length);
        saving->params[node->raw_length] = 0;
    } else {
        return error_set(
            err, SQLSTATE_INVALID_PARAMETER,
            "the body must have \"sql\" (a string), may have \"params\" (an array) and \"engine\" (a "
            "string), and nothing else: \"%.*s\"",
            (int)(node->key_length < 100 ? node->key_length : 100), node->key);
    }
    return STATUS_OK;
}

static Status read_saving(Exchange *exchange, Saving *saving, Error *err) {
    JsonNode *body;
    TRY(json_read(&exchange->arena, exchange->body, exchange->body_bytes, &body, err));
    if (body->kind != JSON_OBJECT)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "the body must be an object");
    for (const JsonNode *node = body->children; node; node = node->next)
        TRY(read_member(exchange, node, saving, err));
    if (!saving->sql || !saving->sql[0])
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"sql\" is missing");
    return STATUS_OK;
}

static Status write_saved(sqlite3 *file, const Saving *saving, Error *err) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(file,
                           "INSERT INTO saved (name, sql, params, engine, updated_us, updated_by)"
                           " SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE (SELECT count(*) < ?7 AND"
                           " coalesce(sum(length(CAST(name || sql || coalesce(params, '') || "
                           "coalesce(engine, '') AS BLOB))), 0)"
                           " <= ?8 FROM saved WHERE name <> ?1)"
                           " ON CONFLICT (name) DO UPDATE SET sql = ?2, params = ?3, engine = ?4,"
                           " updated_us = ?5, updated_by = ?6",
                           -1, &statement, NULL) != SQLITE_OK)
        return saved_error(file, "write", err);
    bind(statement, 1, saving->name);
    bind(statement, 2, saving->sql);
    bind(statement, 3, saving->params);
    bind(statement, 4, saving->engine);
    sqlite3_bind_int64(statement, 5, clock_wall_us());
    bind(statement, 6, saving->user);
    sqlite3_bind_int(statement, 7, MOST_SAVED);
    sqlite3_bind_int(statement, 8, MOST_SAVED_BYTES - LARGEST_SAVED);
    int code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE) return saved_error(file, "write", err);
    if (sqlite3_changes(file) == 0)
        return error_set(err, "54000",
                         "there are %d saved queries or %d MB of them, which is the most there may be",
                         MOST_SAVED, MOST_SAVED_BYTES >> 20);
    return STATUS_OK;
}

static Status delete_saved(sqlite3 *file, const char *name, Error *err) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(file, "DELETE FROM saved WHERE name = ?1", -1, &statement, NULL) != SQLITE_OK)
        return saved_error(file, "write", err);
    bind(statement, 1, name);
    int code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? STATUS_OK : saved_error(file, "write", err);
}

/* ---- the resources ---------------------------------------------------------------------------------------
 */

void saved_list_handle(Api *api, Exchange *exchange, char *const *arguments) {
    sqlite3 *file = NULL;
    StrBuf out;
    Error err = {0};
    int shown;
    strbuf_init(&out);
    strbuf_append_text(&out, "{\"saved\":[");
    Status status = open_file(api, exchange, &file, &err);
    if (status == STATUS_OK) status = read_saved(file, NULL, &out, &shown, &err);
    sqlite3_close(file);
    if (status == STATUS_OK) {
        strbuf_append_text(&out, "]}\n");
        api_reply_json(exchange, 200, &out);
        return;
    }
    strbuf_deinit(&out);
    problem_reply(exchange, 0, &err);
}

/* PUT and DELETE, then what there is of that name: after a DELETE, what there was. */
static Status change_saved(Api *api, Exchange *exchange, sqlite3 *file, Saving *saving, StrBuf *out,
                           int *shown, Error *err) {
    if (exchange->method == HTTP_PUT) TRY(write_saved(file, saving, err));
    TRY(read_saved(file, saving->name, out, shown, err));
    return exchange->method == HTTP_DELETE ? delete_saved(file, saving->name, err) : STATUS_OK;
}

void saved_handle(Api *api, Exchange *exchange, char *const *arguments) {
    Saving saving = {.name = arguments[0],
                     .user =
                         api->user_parameter[0] ? exchange_parameter(exchange, api->user_parameter) : NULL};
    Error err = {0};
    if (strlen(saving.name) > LONGEST_NAME) {
        problem_reply_text(exchange, 400, "a saved query's name has at most 200 bytes");
        return;
    }
    if (exchange->method == HTTP_PUT) {
        if (!query_request_is_json(exchange)) return;
        if (exchange->body_bytes > LARGEST_SAVED) {
            problem_reply_text(exchange, 413, "a saved query has at most 1 MB");
            return;
        }
        if (read_saving(exchange, &saving, &err) != STATUS_OK) {
            problem_reply(exchange, 400, &err);
            return;
        }
    }
    sqlite3 *file = NULL;
    StrBuf out;
    int shown = 0;
    strbuf_init(&out);
    Status status = open_file(api, exchange, &file, &err);
    if (status == STATUS_OK) status = change_saved(api, exchange, file, &saving, &out, &shown, &err);
    sqlite3_close(file);
    if (status == STATUS_OK && shown) {
        strbuf_append_char(&out, '\n');
        api_reply_json(exchange, 200, &out);
        return;
    }
    strbuf_deinit(&out);
    if (status == STATUS_OK)
        problem_reply_text(exchange, 404, "no query is saved under this name");
    else
        problem_reply(exchange, 0, &err);
}
