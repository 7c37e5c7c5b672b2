#include "engines/mysql/mysql_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"

/* A failure slower than this was a wait, not a refusal. */
enum { SLOW_FAILURE_NS = 50 * 1000 * 1000 };

static const char session_setup[] =
    "SET NAMES utf8mb4 COLLATE %s; SET SESSION time_zone = '+00:00', sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,"
    "NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_"
    "ZERO_IN_DATE,ONLY_FULL_GROUP_BY,"
    "NO_UNSIGNED_SUBTRACTION'";

void mysql_pool_init(MysqlPool *pool, const EngineConfig *config) {
    memset(pool, 0, sizeof *pool);
    pool->config = *config;
    pool->mariadb = true;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
}

static void connection_close(MysqlConnection *connection) {
    for (int i = 0; i < connection->prepared_count; i++) {
        mysql_stmt_close(connection->prepared[i].stmt);
        free(connection->prepared[i].sql);
    }
    mysql_close(connection->mysql);
    free(connection);
}

void mysql_pool_deinit(MysqlPool *pool) {
    if (pool->pinger) mysql_close(pool->pinger);
    while (pool->idle) {
        MysqlConnection *next = pool->idle->next;
        connection_close(pool->idle);
        pool->idle = next;
    }
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
}

static const char *or_null(const char *text) {
    return text && text[0] ? text : NULL;
}

/* The limit holds for connecting and for every call that blocks afterwards: the client library waits for the
 * server's greeting by the read timeout, without one for ever. Statements go by mysql_call_wait, which has no
 * limit of its own. */
static MYSQL *dial(const EngineConfig *config, bool nonblocking, Error *err) {
    MYSQL *mysql = mysql_init(NULL);
    unsigned timeout_s = (unsigned)((config->connect_timeout_ms + 999) / 1000);
    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (nonblocking) mysql_options(mysql, MYSQL_OPT_NONBLOCK, 0);
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
    mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout_s);
    unsigned long flags =
        CLIENT_MULTI_STATEMENTS | CLIENT_FOUND_ROWS; /* an UPDATE counts the rows it matched */
    if (mysql_real_connect(mysql, or_null(config->host), or_null(config->user), config->password,
                           or_null(config->database), (unsigned)config->port, or_null(config->socket), flags))
        return mysql;
    unsigned code = mysql_errno(mysql);
    bool refused = code == 1044 || code == 1045 || code == 1049; /* rights, or no such database */
    (void)error_set(err, refused ? "28000" : SQLSTATE_CANNOT_CONNECT,
                    "cannot connect to the MySQL server: %s", mysql_error(mysql));
    mysql_close(mysql);
    return NULL;
}

static Status set_up_session(MYSQL *mysql, bool mariadb, Error *err) {
    char sql[512];
    snprintf(sql, sizeof sql, session_setup, mariadb ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin");
    if (mysql_query(mysql, sql))
        return error_set(err, SQLSTATE_CANNOT_CONNECT, "cannot set up the MySQL session: %s",
                         mysql_error(mysql));
    int more;
    while ((more = mysql_next_result(mysql)) == 0) {
    }
    return more > 0 ? error_set(err, SQLSTATE_CANNOT_CONNECT, "cannot set up the MySQL session: %s",
                                mysql_error(mysql))
                    : STATUS_OK;
}

static Status connection_open(MysqlPool *pool, MysqlConnection **out, Error *err) {
    MYSQL *mysql = dial(&pool->config, true, err);
    if (!mysql) return STATUS_ERROR;
    const char *version = mysql_get_server_info(mysql);
    bool mariadb = strstr(version, "MariaDB") != NULL;
    if (set_up_session(mysql, mariadb, err) != STATUS_OK) {
        mysql_close(mysql);
        return STATUS_ERROR;
    }
    pthread_mutex_lock(&pool->lock);
    pool->mariadb = mariadb;
    snprintf(pool->version, sizeof pool->version, "%s", version);
    pthread_mutex_unlock(&pool->lock);
    MysqlConnection *connection = calloc(1, sizeof *connection);
    connection->mysql = mysql;
    connection->thread_id = mysql_thread_id(mysql);
    connection->fresh = true;
    *out = connection;
    return STATUS_OK;
}

/* A refusal that comes at once costs nothing to repeat; a server that lets us wait is left alone for a while.
 */
static void note_outcome(MysqlPool *pool, bool connected, int64_t took_ns, const Error *failure) {
    pthread_mutex_lock(&pool->lock);
    if (connected) {
        pool->backoff_ms = 0;
        pool->retry_at_ns = 0;
        error_clear(&pool->last_failure);
    } else {
        pool->open--;
        pool->busy--;
        if (took_ns > SLOW_FAILURE_NS) {
            pool->backoff_ms = pool->backoff_ms ? pool->backoff_ms * 2 : 50;
            if (pool->backoff_ms > 5000) pool->backoff_ms = 5000;
            pool->retry_at_ns = clock_now_ns() + pool->backoff_ms * 1000000;
        }
        pool->last_failure = *failure;
        pthread_cond_signal(&pool->changed);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* With the lock held. An idle connection, or a place to open one (*out NULL), or an error. */
static Status claim(MysqlPool *pool, CancelToken *cancel, MysqlConnection **out, Error *err) {
    for (;;) {
        *out = pool->idle;
        if (pool->idle) {
            pool->idle = pool->idle->next;
            pool->busy++;
            (*out)->fresh = false;
            return STATUS_OK;
        }
        if (pool->open < pool->config.max_connections) {
            if (pool->retry_at_ns > clock_now_ns()) {
                *err = pool->last_failure;
                return STATUS_ERROR;
            }
            pool->open++;
            pool->busy++;
            return STATUS_OK;
        }
        TRY(cancel_check(cancel, err));
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 50000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        pthread_cond_timedwait(&pool->changed, &pool->lock, &until);
    }
}

Status mysql_pool_take(MysqlPool *pool, CancelToken *cancel, MysqlConnection **out, Error *err) {
    Error own = {0};
    pthread_mutex_lock(&pool->lock);
    Status status = claim(pool, cancel, out, &own);
    pthread_mutex_unlock(&pool->lock);
    if (status == STATUS_OK && !*out) {
        int64_t started_ns = clock_now_ns();
        status = connection_open(pool, out, &own);
        note_outcome(pool, status == STATUS_OK, clock_now_ns() - started_ns, &own);
    }
    if (status != STATUS_OK && err) *err = own;
    return status;
}

void mysql_pool_give(MysqlPool *pool, MysqlConnection *connection) {
    pthread_mutex_lock(&pool->lock);
    pool->busy--;
    if (connection->broken) {
        pool->open--;
    } else {
        connection->next = pool->idle;
        pool->idle = connection;
    }
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    if (connection->broken) connection_close(connection);
}

/* For pings and kills. A second is the least that the client library counts in. */
static EngineConfig impatient(const MysqlPool *pool) {
    EngineConfig config = pool->config;
    if (config.connect_timeout_ms > 1000) config.connect_timeout_ms = 1000;
    return config;
}

static Status open_pinger(MysqlPool *pool, Error *err) {
    EngineConfig config = impatient(pool);
    pool->pinger = dial(&config, false, err);
    return pool->pinger ? STATUS_OK : STATUS_ERROR;
}

Status mysql_pool_ping(MysqlPool *pool, Error *err) {
    for (;;) {
        bool fresh = pool->pinger == NULL;
        if (fresh) TRY(open_pinger(pool, err));
        if (mysql_ping(pool->pinger) == 0) break;
        (void)error_set(err, "08006", "%s", mysql_error(pool->pinger));
        mysql_close(pool->pinger);
        pool->pinger = NULL;
        if (fresh) return STATUS_ERROR; /* else it may have died with a server that is back by now */
    }
    pthread_mutex_lock(&pool->lock);
    snprintf(pool->version, sizeof pool->version, "%s", mysql_get_server_info(pool->pinger));
    pthread_mutex_unlock(&pool->lock);
    return STATUS_OK;
}

void mysql_pool_kill(MysqlPool *pool, unsigned long thread_id) {
    Error ignored;
    EngineConfig config = impatient(pool);
    MYSQL *mysql = dial(&config, false, &ignored);
    if (!mysql) return;
    char sql[64];
    snprintf(sql, sizeof sql, "KILL QUERY %lu", thread_id);
    if (mysql_query(mysql, sql))
        log_warn("mysql.kill", "thread=%lu error=\"%s\"", thread_id, mysql_error(mysql));
    mysql_close(mysql);
}
