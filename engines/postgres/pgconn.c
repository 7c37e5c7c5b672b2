#include "engines/postgres/pgconn.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/clock.h"

enum { WAIT_SLICE_MS = 50, DRAIN_MS = 2000 };

/* What every session of ours starts with. Answers must not depend on the server's defaults: the columnar
 * engine reads the same statements with these settings. */
static const char session_options[] =
    "-c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c extra_float_digits=1 -c bytea_output=hex "
    "-c standard_conforming_strings=on";

void pgconn_keywords(const char *conninfo, const char *const **keywords, const char *const **values,
                     Arena *arena) {
    const char **names = ARENA_NEW_ARRAY(arena, const char *, PGCONN_KEYWORDS);
    const char **settings = ARENA_NEW_ARRAY(arena, const char *, PGCONN_KEYWORDS);
    const char *user_options = NULL;
    PQconninfoOption *parsed = PQconninfoParse(conninfo, NULL);
    for (PQconninfoOption *option = parsed; option && option->keyword; option++)
        if (!strcmp(option->keyword, "options") && option->val) user_options = option->val;
    int count = 0;
    names[count] = "application_name", settings[count++] = "signalbox";
    names[count] = "dbname", settings[count++] = conninfo; /* what it holds overrides the line above */
    names[count] = "client_encoding", settings[count++] = "UTF8";
    names[count] = "options";
    settings[count++] =
        user_options ? arena_printf(arena, "%s %s", session_options, user_options) : session_options;
    PQconninfoFree(parsed);
    *keywords = names;
    *values = settings;
}

/* One slice of waiting; true when the socket is ready for `events`. */
static bool wait_slice(PGconn *pg, short events, int64_t until_ns) {
    int64_t left_ms = until_ns ? (until_ns - clock_now_ns()) / 1000000 + 1 : WAIT_SLICE_MS;
    struct pollfd waited = {.fd = PQsocket(pg), .events = events};
    int timeout_ms = left_ms < 0 ? 0 : left_ms < WAIT_SLICE_MS ? (int)left_ms : WAIT_SLICE_MS;
    return poll(&waited, 1, timeout_ms) > 0;
}

/* `answered`: the server had been reached. */
static Status fail_connect(PGconn *pg, bool answered, Error *err) {
    char message[600];
    snprintf(message, sizeof message, "%s", PQerrorMessage(pg));
    for (char *c = message; *c; c++)
        if (*c == '\n' || *c == '\t') *c = ' ';
    size_t length = strlen(message);
    while (length && message[length - 1] == ' ')
        message[--length] = 0;
    return error_set(err, answered ? SQLSTATE_REFUSED_CONNECTION : SQLSTATE_CANNOT_CONNECT,
                     "cannot connect to PostgreSQL: %s", message);
}

static Status poll_connect(PGconn *pg, int timeout_ms, CancelToken *cancel, Error *err) {
    int64_t until_ns = clock_now_ns() + (int64_t)timeout_ms * 1000000;
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    bool answered = false;
    while (state != PGRES_POLLING_OK) {
        if (state == PGRES_POLLING_FAILED) return fail_connect(pg, answered, err);
        TRY(cancel_check(cancel, err));
        if (clock_now_ns() > until_ns)
            return error_set(err, SQLSTATE_CANNOT_CONNECT,
                             "cannot connect to PostgreSQL: no answer within %d ms", timeout_ms);
        if (!wait_slice(pg, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until_ns)) continue;
        answered = state == PGRES_POLLING_READING;
        state = PQconnectPoll(pg);
    }
    return STATUS_OK;
}

static void ignore_notice(void *argument, const PGresult *result) {}

Status pgconn_open(PgConn **out, const char *conninfo, int timeout_ms, CancelToken *cancel, Error *err) {
    Arena arena;
    arena_init(&arena);
    const char *const *keywords, *const *values;
    pgconn_keywords(conninfo, &keywords, &values, &arena);
    PGconn *pg = PQconnectStartParams(keywords, values, 1);
    arena_deinit(&arena);
    if (!pg) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "no memory for a connection to PostgreSQL");
    Status status = PQstatus(pg) == CONNECTION_BAD ? fail_connect(pg, false, err)
                                                   : poll_connect(pg, timeout_ms, cancel, err);
    if (status != STATUS_OK) {
        PQfinish(pg);
        return status;
    }
    PQsetnonblocking(pg, 1);
    PQsetNoticeReceiver(pg, ignore_notice, NULL);
    PgConn *conn = calloc(1, sizeof *conn);
    if (!conn) abort();
    conn->pg = pg;
    conn->fresh = true;
    *out = conn;
    return STATUS_OK;
}

void pgconn_close(PgConn *conn) {
    PQfinish(conn->pg);
    pgprepared_clear(&conn->prepared);
    free(conn);
}

bool pgconn_is_stale(PgConn *conn) {
    struct pollfd waited = {.fd = PQsocket(conn->pg), .events = POLLIN};
    if (poll(&waited, 1, 0) <= 0) return false;
    /* Something came while nothing was asked: a notice or parameter status is fine, a farewell is not. */
    return !PQconsumeInput(conn->pg) || PQisBusy(conn->pg) || PQstatus(conn->pg) != CONNECTION_OK ||
           (poll(&waited, 1, 0) > 0 && !PQconsumeInput(conn->pg));
}

static Status fail_lost(PgConn *conn, Error *err) {
    conn->broken = true;
    return error_set(err, SQLSTATE_CONNECTION_FAILURE, "the connection to PostgreSQL was lost");
}

/* ---- results ------------------------------------------------------------------------------------------- */

/* Sends what is queued and reads until a result is complete, the token stops it or `until_ns` is past. */
static Status wait_result(PgConn *conn, CancelToken *cancel, int64_t until_ns, PGresult **out, Error *err) {
    *out = NULL;
    for (;;) {
        int unsent = PQflush(conn->pg);
        if (unsent < 0 && PQstatus(conn->pg) != CONNECTION_OK) return fail_lost(conn, err);
        if (!PQisBusy(conn->pg)) {
            *out = PQgetResult(conn->pg);
            return STATUS_OK;
        }
        if (cancel_is_requested(cancel) || (until_ns && clock_now_ns() > until_ns))
            return cancel ? cancel_check(cancel, err) : STATUS_ERROR;
        if (!wait_slice(conn->pg, (short)(POLLIN | (unsent > 0 ? POLLOUT : 0)), until_ns)) continue;
        if (!PQconsumeInput(conn->pg)) return fail_lost(conn, err);
    }
}

Status pgconn_next_result(PgConn *conn, CancelToken *cancel, PGresult **out, Error *err) {
    if (wait_result(conn, cancel, 0, out, err) != STATUS_OK) {
        if (!conn->broken) pgconn_cancel(conn);
        return STATUS_ERROR;
    }
    if (*out && PQresultStatus(*out) == PGRES_FATAL_ERROR) {
        const char *sqlstate = PQresultErrorField(*out, PG_DIAG_SQLSTATE);
        conn->broken |=
            !sqlstate || pgconn_sqlstate_is_fatal(sqlstate) || PQstatus(conn->pg) != CONNECTION_OK;
        if (!sqlstate) {
            PQclear(*out);
            *out = NULL;
            return fail_lost(conn, err);
        }
    }
    return STATUS_OK;
}

/* A COPY the server started ends here: no statement of ours may begin one. */
static void end_copy(PgConn *conn, ExecStatusType status) {
    if (status == PGRES_COPY_IN || status == PGRES_COPY_BOTH)
        PQputCopyEnd(conn->pg, "COPY is not available here");
    if (status == PGRES_COPY_OUT) conn->broken = true;
}

/* True when the statement came to its own end rather than to an error. */
static bool drain_until(PgConn *conn, CancelToken *cancel, int64_t until_ns) {
    bool completed = false;
    while (!conn->broken) {
        PGresult *result;
        if (wait_result(conn, cancel, until_ns, &result, NULL) != STATUS_OK) {
            conn->broken = true;
            return false;
        }
        if (!result) return completed;
        ExecStatusType kind = PQresultStatus(result);
        completed = kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK;
        end_copy(conn, kind);
        PQclear(result);
    }
    return false;
}

/* PQcancel opens a connection and waits until the server closes it, for ever when the server hangs. */
typedef struct CancelCall {
    _Atomic int references; /* the caller's and the thread's */
    _Atomic int state;      /* 0 = under way, 1 = the server has taken it, -1 = failed */
    PGcancel *cancel;
} CancelCall;

static void release_call(CancelCall *call) {
    if (atomic_fetch_sub(&call->references, 1) != 1) return;
    PQfreeCancel(call->cancel);
    free(call);
}

static void *send_cancel(void *argument) {
    CancelCall *call = argument;
    char message[256];
    atomic_store(&call->state, PQcancel(call->cancel, message, sizeof message) ? 1 : -1);
    release_call(call);
    return NULL;
}

static CancelCall *start_cancel(PgConn *conn) {
    CancelCall *call = calloc(1, sizeof *call);
    pthread_attr_t attributes;
    pthread_t thread;
    if (!call) abort();
    atomic_init(&call->references, 2);
    call->cancel = PQgetCancel(conn->pg);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (!call->cancel || pthread_create(&thread, &attributes, send_cancel, call) != 0) {
        atomic_store(&call->state, -1);
        release_call(call);
    }
    pthread_attr_destroy(&attributes);
    return call;
}

/* A connection is used again only once the server has taken the cancellation: a late one would stop the next
 * statement. */
void pgconn_cancel(PgConn *conn) {
    int64_t until_ns = clock_now_ns() + (int64_t)DRAIN_MS * 1000000;
    CancelCall *call = start_cancel(conn);
    conn->cancel_missed = drain_until(conn, NULL, until_ns);
    while (!conn->broken && atomic_load(&call->state) == 0 && clock_now_ns() < until_ns)
        usleep(1000);
    if (atomic_load(&call->state) != 1) conn->broken = true;
    release_call(call);
}

void pgconn_drain(PgConn *conn, CancelToken *cancel) {
    while (!conn->broken) {
        PGresult *result;
        if (pgconn_next_result(conn, cancel, &result, NULL) != STATUS_OK || !result) return;
        end_copy(conn, PQresultStatus(result));
        PQclear(result);
    }
}

static Status fail_send(PgConn *conn, Error *err) {
    if (PQstatus(conn->pg) != CONNECTION_OK) return fail_lost(conn, err);
    return error_set(err, SQLSTATE_INTERNAL, "PostgreSQL's client library refused the statement: %s",
                     PQerrorMessage(conn->pg));
}

/* Takes all results of a statement; the last one goes to `out`. */
static Status collect(PgConn *conn, CancelToken *cancel, PGresult **out, Error *err) {
    PGresult *last = NULL, *result;
    Status status;
    while ((status = pgconn_next_result(conn, cancel, &result, err)) == STATUS_OK && result) {
        end_copy(conn, PQresultStatus(result));
        PQclear(last);
        last = result;
        if (conn->broken) break;
    }
    if (status == STATUS_OK && last && PQresultStatus(last) == PGRES_FATAL_ERROR)
        status = pgerror_set(err, last);
    else if (status == STATUS_OK && conn->broken)
        status = fail_lost(conn, err);
    if (out && (status == STATUS_OK || last))
        *out = last;
    else
        PQclear(last);
    return status;
}

Status pgconn_exec(PgConn *conn, const char *sql, const Param *params, int param_count, CancelToken *cancel,
                   PGresult **out, Error *err) {
    const char *values[8] = {0};
    for (int i = 0; i < param_count && i < 8; i++)
        values[i] = params[i].kind == PARAM_NULL ? NULL : params[i].text;
    if (out) *out = NULL;
    if (!PQsendQueryParams(conn->pg, sql, param_count, NULL, values, NULL, NULL, 0))
        return fail_send(conn, err);
    PGresult *result = NULL;
    Status status = collect(conn, cancel, &result, err);
    if (status == STATUS_OK && out)
        *out = result;
    else
        PQclear(result);
    return status;
}

/* ---- prepared statements ------------------------------------------------------------------------------ */

static Status learn_types(PgConn *conn, const PGresult *description, PgTypes *types, CancelToken *cancel,
                          Error *err) {
    char oids[2048] = "{";
    size_t length = 1;
    for (int i = 0; i < PQnfields(description) && length < sizeof oids - 16; i++)
        length += (size_t)snprintf(oids + length, sizeof oids - length, "%s%u", i ? "," : "",
                                   PQftype(description, i));
    snprintf(oids + length, sizeof oids - length, "}");
    for (int depth = 0; depth < 2; depth++) { /* the types, then what arrays and domains are made of */
        Param param = {.kind = PARAM_TEXT, .text = oids, .length = strlen(oids)};
        PGresult *rows;
        TRY(pgconn_exec(conn, pgtypes_query_some, &param, 1, cancel, &rows, err));
        length = 1;
        for (int i = 0; i < PQntuples(rows); i++) {
            PgType type = pgtypes_from_row(rows, i);
            pgtypes_put(types, &type);
            uint32_t next = type.element ? type.element : type.base;
            if (next && length < sizeof oids - 16)
                length += (size_t)snprintf(oids + length, sizeof oids - length, "%s%u", length > 1 ? "," : "",
                                           next);
        }
        snprintf(oids + length, sizeof oids - length, "}");
        PQclear(rows);
        if (length == 1) break;
    }
    return STATUS_OK;
}

static Status send_prepare(PgConn *conn, const char *name, const char *sql, CancelToken *cancel, Error *err) {
    PGresult *result = NULL;
    if (!PQsendPrepare(conn->pg, name, sql, 0, NULL)) return fail_send(conn, err);
    Status status = collect(conn, cancel, &result, err);
    PQclear(result);
    return status;
}

/* The shape of a result whose types are not all known yet: asks the server for them. */
static Status complete_shape(PgConn *conn, const char *name, const char *sql, const PGresult *description,
                             PgTypes *types, CancelToken *cancel, PgShape **shape, Error *err) {
    TRY(learn_types(conn, description, types, cancel, err));
    pgshape_release(*shape);
    *shape = pgshape_create(description, types);
    return *name ? STATUS_OK : send_prepare(conn, name, sql, cancel, err); /* the question took its place */
}

static Status prepare_as(PgConn *conn, const char *name, const char *sql, PgTypes *types, CancelToken *cancel,
                         PgShape **shape, Error *err) {
    PGresult *result = NULL;
    TRY(send_prepare(conn, name, sql, cancel, err));
    if (!PQsendDescribePrepared(conn->pg, name)) return fail_send(conn, err);
    Status status = collect(conn, cancel, &result, err);
    if (status == STATUS_OK) {
        *shape = pgshape_create(result, types);
        if (!(*shape)->complete) status = complete_shape(conn, name, sql, result, types, cancel, shape, err);
        if (status != STATUS_OK) {
            pgshape_release(*shape);
            *shape = NULL;
        }
    }
    PQclear(result);
    return status;
}

static void evict_oldest(PgConn *conn, CancelToken *cancel) {
    char sql[64];
    snprintf(sql, sizeof sql, "DEALLOCATE %s", conn->prepared.oldest->name);
    pgprepared_remove(&conn->prepared, conn->prepared.oldest);
    (void)pgconn_exec(conn, sql, NULL, 0, cancel, NULL, NULL);
}

Status pgconn_prepare(PgConn *conn, const PgText *text, PgTypes *types, CancelToken *cancel, PgPrepared **out,
                      Error *err) {
    *out = pgprepared_find(&conn->prepared, text->hash, text->sql);
    if (*out) return STATUS_OK;
    if (conn->prepared.count >= PGCONN_MAX_PREPARED) evict_oldest(conn, cancel);
    PgPrepared *prepared = pgprepared_add(&conn->prepared, text->hash, text->sql);
    if (prepare_as(conn, prepared->name, text->sql, types, cancel, &prepared->shape, err) != STATUS_OK) {
        prepared->shape = NULL;
        pgprepared_remove(&conn->prepared, prepared);
        return STATUS_ERROR;
    }
    *out = prepared;
    return STATUS_OK;
}

Status pgconn_prepare_unnamed(PgConn *conn, const PgText *text, PgTypes *types, CancelToken *cancel,
                              PgShape **shape, Error *err) {
    return prepare_as(conn, "", text->sql, types, cancel, shape, err);
}

Status pgconn_send_prepared(PgConn *conn, const char *name, const PgShape *shape, const Param *const *params,
                            int param_count, Error *err) {
    const char *few[32] = {NULL};
    const char **values = few;
    if (param_count > PGCONN_MAX_PARAMS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "PostgreSQL takes at most %d parameters",
                         PGCONN_MAX_PARAMS);
    if (param_count > 32 && !(values = malloc(sizeof *values * (size_t)param_count)))
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "no memory for %d parameters", param_count);
    for (int i = 0; i < param_count; i++)
        values[i] = params[i]->kind == PARAM_NULL ? NULL : params[i]->text;
    int sent = PQsendQueryPrepared(conn->pg, name, param_count, values, NULL, NULL, shape->binary);
    if (values != few) free(values);
    if (!sent) return fail_send(conn, err);
    PQsetSingleRowMode(conn->pg);
    return STATUS_OK;
}

void pgconn_reset_session(PgConn *conn) {
    if (conn->broken) return;
    CancelToken limit;
    cancel_init(&limit, clock_now_ns() + (int64_t)DRAIN_MS * 1000000);
    bool in_transaction = PQtransactionStatus(conn->pg) != PQTRANS_IDLE;
    if ((in_transaction && pgconn_exec(conn, "ROLLBACK", NULL, 0, &limit, NULL, NULL) != STATUS_OK) ||
        pgconn_exec(conn, "DISCARD ALL", NULL, 0, &limit, NULL, NULL) != STATUS_OK)
        conn->broken = true;
    pgprepared_clear(&conn->prepared);
    conn->dirty = conn->has_written = false;
}

Status pgconn_forget_sequences(PgConn *conn, CancelToken *cancel, Error *err) {
    if (!conn->has_written) return STATUS_OK;
    TRY(pgconn_exec(conn, "DISCARD SEQUENCES", NULL, 0, cancel, NULL, err));
    conn->has_written = false;
    return STATUS_OK;
}
