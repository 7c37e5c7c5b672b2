/* One connection for the slow lane: blocking calls over a non-blocking socket, so that whoever waits sees its
 * cancel token within 50 ms. Used by one thread at a time (the pool hands it out).
 *
 *   pgconn_open → (pgconn_exec | pgconn_prepare, pgconn_send_prepared, pgconn_next_result ...)* →
 * pgconn_close
 *
 * After a cancelled or failed wait the connection is drained back to idle, or marked `broken` and then only
 * good for pgconn_close().
 */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>

#include "engines/base/cancel.h"
#include "engines/engine.h"
#include "engines/postgres/pgdecode.h"

enum { PGCONN_MAX_PREPARED = 256, PGCONN_BUCKETS = 128, PGCONN_MAX_PARAMS = 65535 };

/* A statement the server holds under a name. */
typedef struct PgPrepared {
    uint64_t hash;
    char *sql;
    char name[32];
    PgShape *shape;
    ArrowBuilder *builder; /* lanes: of `shape`, kept for its memory; NULL before the first result */
    bool ready;            /* lanes: described, may be executed */
    int users;             /* lanes: operations that still need it */
    bool detached;         /* out of the cache; freed with its last user */
    struct PgPrepared *bucket_next;
    struct PgPrepared *newer, *older; /* by use */
} PgPrepared;

typedef struct PgPreparedCache {
    PgPrepared *buckets[PGCONN_BUCKETS];
    PgPrepared *newest, *oldest;
    int count;
    uint32_t serial; /* names are never used twice on a connection */
} PgPreparedCache;

PgPrepared *pgprepared_find(PgPreparedCache *cache, uint64_t hash, const char *sql); /* marks it newest */
PgPrepared *pgprepared_add(PgPreparedCache *cache, uint64_t hash, const char *sql);
void pgprepared_remove(PgPreparedCache *cache, PgPrepared *prepared);
/* Takes it out of the cache without freeing it; then pgprepared_free. */
void pgprepared_detach(PgPreparedCache *cache, PgPrepared *prepared);
void pgprepared_free(PgPrepared *prepared);
void pgprepared_clear(PgPreparedCache *cache);

typedef struct PgConn {
    PGconn *pg;
    PgPreparedCache prepared;
    bool broken;
    bool dirty;         /* the session's state may differ from a fresh one */
    bool has_written;   /* lastval() and currval() may know sequences of what ran before */
    bool fresh;         /* made for this checkout: never idle before */
    bool cancel_missed; /* the last statement to be cancelled was done before the cancellation came */
    struct PgConn *next_idle;
} PgConn;

/* A statement as it is sent. */
typedef struct PgText {
    const char *sql;
    uint64_t hash;
} PgText;

/* Adds what every connection of ours sets (encoding, time zone, styles) to the user's string; the user's own
 * `options` win. Arrays of `PGCONN_KEYWORDS` for PQconnectdbParams; strings live in `arena`. */
enum { PGCONN_KEYWORDS = 12 };
void pgconn_keywords(const char *conninfo, const char *const **keywords, const char *const **values,
                     Arena *arena);

/* 08001 when the server cannot be reached, 08004 when it refuses. */
#define SQLSTATE_REFUSED_CONNECTION "08004"
Status pgconn_open(PgConn **out, const char *conninfo, int timeout_ms, CancelToken *cancel, Error *err);
void pgconn_close(PgConn *conn);
/* The server or the network closed it, as far as can be told without asking. */
bool pgconn_is_stale(PgConn *conn);

/* Waits for the next result; *out NULL at the end of the statement's results. Errors reported by the server
 * are results, too; `err` is set for lost connections (08006) and cancellation (57014, connection drained).
 */
Status pgconn_next_result(PgConn *conn, CancelToken *cancel, PGresult **out, Error *err);
/* Tells the server to stop and reads what is left, up to two seconds; marks broken otherwise. */
void pgconn_cancel(PgConn *conn);
/* Reads and drops what is left of the running statement. */
void pgconn_drain(PgConn *conn, CancelToken *cancel);

/* Whole statement, text results, in `*out` when wanted. Server errors become `err`. */
Status pgconn_exec(PgConn *conn, const char *sql, const Param *params, int param_count, CancelToken *cancel,
                   PGresult **out, Error *err);
/* Finds or makes a named statement. */
Status pgconn_prepare(PgConn *conn, const PgText *text, PgTypes *types, CancelToken *cancel, PgPrepared **out,
                      Error *err);
/* Makes the unnamed statement; the caller releases `shape`. */
Status pgconn_prepare_unnamed(PgConn *conn, const PgText *text, PgTypes *types, CancelToken *cancel,
                              PgShape **shape, Error *err);
/* Starts a prepared statement ("" is the unnamed one) row by row. */
Status pgconn_send_prepared(PgConn *conn, const char *name, const PgShape *shape, const Param *const *params,
                            int param_count, Error *err);
/* Forgets all session state; broken when that fails. */
void pgconn_reset_session(PgConn *conn);
/* Before a statement that may ask for them: what lastval() and currval() would tell of others' statements. */
Status pgconn_forget_sequences(PgConn *conn, CancelToken *cancel, Error *err);

/* True for errors after which the connection cannot be used. */
bool pgconn_sqlstate_is_fatal(const char *sqlstate);
/* A server's error: `position` as the server gave it, characters into the text it was sent. */
Status pgerror_set(Error *err, const PGresult *result);
/* The prepared statement is no longer valid (its table was altered, or the session was reset behind our
 * back): nothing was executed, preparing again helps. */
bool pgerror_is_stale_plan(const PGresult *result);
