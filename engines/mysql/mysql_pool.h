/* Connections to one MySQL or MariaDB server. Each is used by one thread at a time.
 *
 * mysql_pool_take → mysql_wait()-driven calls (mysql_call.h) → mysql_pool_give. Connections are opened when
 * needed, up to max_connections; a caller beyond that waits. A connection found dead is closed, and a failed
 * attempt to connect holds further attempts back for a while (doubling up to 5 s), during which callers get
 * the last failure at once. */
#pragma once

#include <mysql.h>
#include <pthread.h>

#include "engines/engine.h"

enum { MYSQL_CACHED_STATEMENTS = 64 };

typedef struct MysqlPrepared {
    uint64_t hash;
    char *sql;
    MYSQL_STMT *stmt;
    uint64_t used_at;
} MysqlPrepared;

typedef struct MysqlConnection {
    struct MysqlConnection *next;
    MYSQL *mysql;
    unsigned long thread_id;
    MysqlPrepared prepared[MYSQL_CACHED_STATEMENTS];
    int prepared_count;
    uint64_t clock;
    bool broken; /* to be closed, not reused */
    bool fresh;  /* opened for this use: a failure is not staleness */
} MysqlConnection;

typedef struct MysqlPool {
    EngineConfig config;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    MysqlConnection *idle;
    int open, busy;
    int64_t retry_at_ns;
    int64_t backoff_ms;
    Error last_failure;
    MYSQL *pinger;        /* mysql_pool_ping's own, NULL = to be opened */
    _Atomic bool mariadb; /* read without the lock when a statement is planned */
    char version[64];
} MysqlPool;

void mysql_pool_init(MysqlPool *pool, const EngineConfig *config);
void mysql_pool_deinit(MysqlPool *pool);
Status mysql_pool_take(MysqlPool *pool, CancelToken *cancel, MysqlConnection **out, Error *err);
void mysql_pool_give(MysqlPool *pool, MysqlConnection *connection);
/* Whether the server answers, within a second or two: over a connection of its own, so that neither a pool
 * that is all busy nor a server that hangs holds the asker up. One thread at a time. */
Status mysql_pool_ping(MysqlPool *pool, Error *err);
/* KILL QUERY on the server, over a connection of its own; failures do not matter. */
void mysql_pool_kill(MysqlPool *pool, unsigned long thread_id);
