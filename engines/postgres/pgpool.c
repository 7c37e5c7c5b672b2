#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/postgres/pgengine.h"

enum {
    SLOW_FAILURE_MS = 50,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_LARGEST_MS = 5000,
    HEALTH_INTERVAL_MS = 1000,
    DOWN_INTERVAL_MS = 10, /* a refused connection costs little, and the server may be back */
    PING_TIMEOUT_MS = 250,
    WAIT_SLICE_MS = 50,
};

void pgengine_note_up(PgEngine *engine, PGconn *pg) {
    const char *version = PQparameterStatus(pg, "server_version");
    pthread_mutex_lock(&engine->lock);
    engine->up = true;
    atomic_store(&engine->silent_since_ns, 0);
    engine->last_seen_ns = clock_now_ns();
    engine->slow_failures = 0;
    engine->next_attempt_ns = 0;
    engine->down_message[0] = 0;
    if (version) snprintf(engine->version, sizeof engine->version, "PostgreSQL %.40s", version);
    pthread_mutex_unlock(&engine->lock);
}

void pgengine_note_down(PgEngine *engine, const char *message) {
    pthread_mutex_lock(&engine->lock);
    engine->up = false;
    engine->last_seen_ns = clock_now_ns();
    snprintf(engine->down_message, sizeof engine->down_message, "%.255s", message);
    pthread_mutex_unlock(&engine->lock);
}

void pgengine_note_silent(PgEngine *engine, const char *message) {
    int64_t never = 0, asked_ns = atomic_load(&engine->ping_since_ns);
    pgengine_note_down(engine, message);
    atomic_compare_exchange_strong(&engine->silent_since_ns, &never, asked_ns ? asked_ns : clock_now_ns());
}

int64_t pgengine_silent_since_ns(PgEngine *engine) {
    int64_t since_ns = atomic_load_explicit(&engine->silent_since_ns, memory_order_relaxed);
    return since_ns ? since_ns : atomic_load_explicit(&engine->ping_since_ns, memory_order_relaxed);
}

/* `waited`: as long as connecting may take. */
static void note_failure(PgEngine *engine, int64_t took_ns, bool waited, const Error *error) {
    if (waited)
        pgengine_note_silent(engine, error->message);
    else
        pgengine_note_down(engine, error->message);
    if (!strcmp(error->sqlstate, SQLSTATE_REFUSED_CONNECTION)) atomic_store(&engine->silent_since_ns, 0);
    if (took_ns < (int64_t)SLOW_FAILURE_MS * 1000000) return;
    pthread_mutex_lock(&engine->lock);
    int shift = engine->slow_failures < 6 ? engine->slow_failures : 6;
    int64_t wait_ms = (int64_t)BACKOFF_FIRST_MS << shift;
    if (wait_ms > BACKOFF_LARGEST_MS) wait_ms = BACKOFF_LARGEST_MS;
    engine->slow_failures++;
    engine->next_attempt_ns = clock_now_ns() + wait_ms * 1000000;
    pthread_mutex_unlock(&engine->lock);
}

static Status connect_new(PgEngine *engine, int timeout_ms, CancelToken *cancel, PgConn **out, Error *err) {
    Error local;
    error_clear(&local);
    int64_t start_ns = clock_now_ns();
    if (pgconn_open(out, engine->conninfo, timeout_ms, cancel, &local) == STATUS_OK) {
        pgengine_note_up(engine, (*out)->pg);
        return STATUS_OK;
    }
    int64_t took_ns = clock_now_ns() - start_ns;
    if (strcmp(local.sqlstate, SQLSTATE_QUERY_CANCELED) != 0)
        note_failure(engine, took_ns, took_ns >= (int64_t)timeout_ms * 1000000, &local);
    if (err) *err = local;
    return STATUS_ERROR;
}

/* With the lock held: waits for a returned connection or a free place, one slice. */
static void wait_for_return(PgEngine *engine) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_SLICE_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_nsec -= 1000000000L;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&engine->returned, &engine->lock, &until);
}

static PgConn *pop_idle(PgEngine *engine) {
    PgConn *conn = engine->idle;
    engine->idle = conn->next_idle;
    engine->idle_count--;
    engine->busy_count++;
    conn->next_idle = NULL;
    conn->fresh = false;
    return conn;
}

/* A place in the pool: an idle connection in `*out`, or NULL and the right to open one. */
static Status take_place(PgEngine *engine, bool allow_idle, CancelToken *cancel, PgConn **out, Error *err) {
    Status status = STATUS_OK;
    *out = NULL;
    pthread_mutex_lock(&engine->lock);
    for (;;) {
        if (engine->closing) {
            status = error_set(err, "57P01", "the PostgreSQL engine is being closed");
            break;
        }
        if (allow_idle && engine->idle) {
            *out = pop_idle(engine);
            break;
        }
        bool full = engine->busy_count + engine->idle_count >= engine->max_connections;
        if (!full || engine->idle) {
            if (clock_now_ns() < engine->next_attempt_ns) {
                status = error_set(err, SQLSTATE_CANNOT_CONNECT, "%s", engine->down_message);
                break;
            }
            if (full)
                *out = pop_idle(engine); /* the caller closes it for a new one */
            else
                engine->busy_count++;
            break;
        }
        if (cancel_is_requested(cancel)) {
            status = cancel_check(cancel, err);
            break;
        }
        wait_for_return(engine);
    }
    pthread_mutex_unlock(&engine->lock);
    return status;
}

static void leave_place(PgEngine *engine) {
    pthread_mutex_lock(&engine->lock);
    engine->busy_count--;
    pthread_cond_signal(&engine->returned);
    pthread_mutex_unlock(&engine->lock);
}

Status pgengine_acquire(PgEngine *engine, bool allow_idle, CancelToken *cancel, PgConn **out, Error *err) {
    PgConn *conn;
    for (;;) {
        TRY(take_place(engine, allow_idle, cancel, &conn, err));
        if (!conn) break;
        if (allow_idle && !pgconn_is_stale(conn)) {
            *out = conn;
            return STATUS_OK;
        }
        pgconn_close(conn);
        if (!allow_idle) break; /* its place is ours */
        leave_place(engine);
    }
    if (connect_new(engine, engine->connect_timeout_ms, cancel, out, err) == STATUS_OK) return STATUS_OK;
    leave_place(engine);
    return STATUS_ERROR;
}

void pgengine_give_back(PgEngine *engine, PgConn *conn) {
    if (!conn->broken && (conn->dirty || PQtransactionStatus(conn->pg) != PQTRANS_IDLE))
        pgconn_reset_session(conn);
    bool keep = !conn->broken && PQstatus(conn->pg) == CONNECTION_OK;
    pthread_mutex_lock(&engine->lock);
    keep = keep && !engine->closing;
    engine->busy_count--;
    if (keep) {
        conn->next_idle = engine->idle;
        engine->idle = conn;
        engine->idle_count++;
        engine->last_seen_ns = clock_now_ns();
        engine->up = true;
        atomic_store(&engine->silent_since_ns, 0);
    }
    pthread_cond_signal(&engine->returned);
    pthread_mutex_unlock(&engine->lock);
    if (!keep) pgconn_close(conn);
}

void pgengine_drop_idle(PgEngine *engine) {
    pthread_mutex_lock(&engine->lock);
    PgConn *conn = engine->idle;
    engine->idle = NULL;
    engine->idle_count = 0;
    pthread_mutex_unlock(&engine->lock);
    while (conn) {
        PgConn *next = conn->next_idle;
        pgconn_close(conn);
        conn = next;
    }
}

/* ---- health ------------------------------------------------------------------------------------------- */

double pgengine_latency_ms(PgEngine *engine) {
    pthread_mutex_lock(&engine->lock);
    double latency_ms = engine->latency_ms >= 0 ? engine->latency_ms : engine->assumed_latency_ms;
    pthread_mutex_unlock(&engine->lock);
    return latency_ms;
}

/* Every connection is busy, with long statements or with a server that hangs: one beside the pool tells. */
static void ping_beside_pool(PgEngine *engine) {
    CancelToken limit;
    Error error;
    PgConn *conn;
    cancel_init(&limit, clock_now_ns() + (int64_t)PING_TIMEOUT_MS * 1000000);
    error_clear(&error);
    if (pgconn_open(&conn, engine->conninfo, engine->connect_timeout_ms, &limit, &error) == STATUS_OK) {
        pgengine_note_up(engine, conn->pg);
        pgconn_close(conn);
    } else if (!strcmp(error.sqlstate, SQLSTATE_REFUSED_CONNECTION)) {
        atomic_store(&engine->silent_since_ns, 0); /* too many clients: those that it has go on */
    } else if (!strcmp(error.sqlstate, SQLSTATE_QUERY_CANCELED)) {
        pgengine_note_silent(engine, "the server does not answer");
    } else {
        pgengine_note_down(engine, error.message);
    }
}

/* Not even a connection within the limit. */
static void note_ping_timeout(PgEngine *engine, const Error *error) {
    if (strcmp(error->sqlstate, SQLSTATE_QUERY_CANCELED) != 0) return;
    pthread_mutex_lock(&engine->lock);
    bool full = engine->busy_count >= engine->max_connections;
    pthread_mutex_unlock(&engine->lock);
    if (full)
        ping_beside_pool(engine);
    else
        pgengine_note_silent(engine, "the server does not answer");
}

/* The fastest of some round trips: what a statement costs before it does anything, without the moments in
 * which the machine was busy or the server new. Once it is known one is enough: pings are rare while
 * statements run. */
static Status probe(PgEngine *engine, PgConn *conn, CancelToken *limit, double *took_ms, Error *err) {
    enum { FIRST_ROUNDS = 6, FIRST_ROUNDS_MS = 50 }; /* a server far away answers fewer */
    pthread_mutex_lock(&engine->lock);
    int rounds = engine->latency_ms < 0 ? FIRST_ROUNDS : 1;
    pthread_mutex_unlock(&engine->lock);
    *took_ms = INFINITY;
    int64_t begun_ns = clock_now_ns();
    for (int i = 0; i < rounds && (i == 0 || clock_now_ns() - begun_ns < FIRST_ROUNDS_MS * 1000000); i++) {
        int64_t start_ns = clock_now_ns();
        TRY(pgconn_exec(conn, "SELECT 1", NULL, 0, limit, NULL, err));
        *took_ms = fmin(*took_ms, (double)(clock_now_ns() - start_ns) / 1e6);
    }
    return STATUS_OK;
}

/* Slowly up, quickly down: a ping that met a busy moment says little. */
static void note_latency(PgEngine *engine, double took_ms) {
    pthread_mutex_lock(&engine->lock);
    double known = engine->latency_ms;
    double weight = took_ms < known ? 0.5 : 0.05;
    engine->latency_ms = known < 0 ? took_ms : known + weight * (fmin(took_ms, known * 4) - known);
    pthread_mutex_unlock(&engine->lock);
}

static void ping(PgEngine *engine) {
    CancelToken limit;
    Error ignored;
    PgConn *conn;
    cancel_init(&limit, clock_now_ns() + (int64_t)PING_TIMEOUT_MS * 1000000);
    error_clear(&ignored);
    if (pgengine_acquire(engine, true, &limit, &conn, &ignored) != STATUS_OK) {
        note_ping_timeout(engine, &ignored);
        return;
    }
    double took_ms;
    Status status = probe(engine, conn, &limit, &took_ms, &ignored);
    pgengine_give_back(engine, conn);
    if (status == STATUS_OK)
        note_latency(engine, took_ms);
    else if (!strcmp(ignored.sqlstate, SQLSTATE_QUERY_CANCELED))
        pgengine_note_silent(engine, "the server does not answer");
    else
        pgengine_note_down(engine, ignored.message);
}

void pgengine_health(Engine *base, EngineHealth *out) {
    PgEngine *engine = pgengine_of(base);
    pthread_mutex_lock(&engine->lock);
    int64_t interval_ms = engine->up ? HEALTH_INTERVAL_MS : DOWN_INTERVAL_MS;
    bool stale = clock_now_ns() - engine->last_seen_ns > interval_ms * 1000000;
    bool mine = (stale || engine->last_seen_ns == 0) && !engine->pinging && !engine->closing;
    engine->pinging |= mine;
    pthread_mutex_unlock(&engine->lock);
    if (mine) {
        atomic_store(&engine->ping_since_ns, clock_now_ns());
        ping(engine);
        atomic_store(&engine->ping_since_ns, 0);
    }
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&engine->lock);
    if (mine) engine->pinging = false;
    out->up = engine->up;
    out->latency_ms = engine->latency_ms >= 0 ? engine->latency_ms : 0;
    out->connections_open = engine->idle_count + engine->busy_count;
    out->connections_busy = engine->busy_count;
    memcpy(out->version, engine->version, sizeof out->version);
    if (!engine->up) memcpy(out->message, engine->down_message, sizeof out->message);
    out->silent_since_ns = engine->up ? 0 : atomic_load(&engine->silent_since_ns);
    out->silent = out->silent_since_ns != 0;
    pthread_mutex_unlock(&engine->lock);
}
