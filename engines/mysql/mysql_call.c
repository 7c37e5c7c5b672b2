#include "engines/mysql/mysql_call.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/hash.h"

/* A server that hangs answers a cancelled statement as little as it did the statement. */
enum { POLL_SLICE_MS = 50, PATIENCE_AFTER_KILL_MS = 1000 };

static short poll_events_of(int wanted) {
    return (short)((wanted & MYSQL_WAIT_READ ? POLLIN : 0) | (wanted & MYSQL_WAIT_WRITE ? POLLOUT : 0) |
                   (wanted & MYSQL_WAIT_EXCEPT ? POLLPRI : 0));
}

int mysql_call_wait(MysqlCall *call, int wanted) {
    MYSQL *mysql = call->connection->mysql;
    struct pollfd fd = {.fd = mysql_get_socket(mysql), .events = poll_events_of(wanted)};
    for (int left_ms = PATIENCE_AFTER_KILL_MS; left_ms > 0; left_ms -= call->killed ? POLL_SLICE_MS : 0) {
        int ready = poll(&fd, 1, POLL_SLICE_MS);
        if (ready > 0)
            return (fd.revents & (POLLIN | POLLHUP | POLLERR) ? wanted & MYSQL_WAIT_READ : 0) |
                   (fd.revents & (POLLOUT | POLLERR) ? wanted & MYSQL_WAIT_WRITE : 0) |
                   (fd.revents & POLLPRI ? wanted & MYSQL_WAIT_EXCEPT : 0);
        if (!call->killed && cancel_is_requested(call->cancel)) {
            call->killed = true;
            mysql_pool_kill(call->pool, call->connection->thread_id);
        }
    }
    return MYSQL_WAIT_TIMEOUT;
}

bool mysql_error_is_lost_connection(unsigned code) {
    return code == 2002 || code == 2003 || code == 2006 || code == 2013 || code == 2055 || code == 1053 ||
           code == 1927;
}

static const char *sqlstate_of(unsigned code, const char *server_state) {
    switch (code) {
    case 1062: return "23505";
    case 1048: return "23502";
    case 1451:
    case 1452: return "23503";
    case 3819:
    case 4025: return "23514";
    case 1205:
    case 1213: return SQLSTATE_SERIALIZATION_FAILURE;
    case 1264:
    case 1690: return SQLSTATE_NUMERIC_OUT_OF_RANGE;
    case 1365: return SQLSTATE_DIVISION_BY_ZERO;
    case 1406: return "22001";
    case 1242: return "21000";
    case 1146: return SQLSTATE_UNDEFINED_TABLE;
    case 1052: return SQLSTATE_AMBIGUOUS_COLUMN;
    case 1292:
    case 1525: return "22008";
    case 1366: return SQLSTATE_INVALID_TEXT;
    case 1364: return "23502"; /* no value for a column without a default */
    case 1054: return SQLSTATE_UNDEFINED_COLUMN;
    case 1044:
    case 1142:
    case 1143: return "42501";
    case 1114:
    case 1021: return SQLSTATE_DISK_FULL;
    case 1317:
    case 1969:
    case 3024: return SQLSTATE_QUERY_CANCELED;
    default:
        return !strcmp(server_state, "HY000") || strlen(server_state) != 5 ? SQLSTATE_INTERNAL : server_state;
    }
}

Status mysql_call_error(MysqlCall *call, MYSQL_STMT *stmt, Error *err) {
    MYSQL *mysql = call->connection->mysql;
    if (stmt && !mysql_stmt_errno(stmt))
        stmt = NULL; /* an error that came between rows stands at the connection */
    unsigned code = stmt ? mysql_stmt_errno(stmt) : mysql_errno(mysql);
    if (mysql_error_is_lost_connection(code)) {
        call->connection->broken = true;
        return error_set(err, SQLSTATE_CONNECTION_FAILURE, "the connection to the MySQL server was lost: %s",
                         stmt ? mysql_stmt_error(stmt) : mysql_error(mysql));
    }
    if (cancel_is_requested(call->cancel)) return cancel_check(call->cancel, err);
    return error_set(err, sqlstate_of(code, stmt ? mysql_stmt_sqlstate(stmt) : mysql_sqlstate(mysql)), "%s",
                     stmt ? mysql_stmt_error(stmt) : mysql_error(mysql));
}

Status mysql_call_query(MysqlCall *call, const char *sql, Error *err) {
    int failed;
    int wanted = mysql_real_query_start(&failed, call->connection->mysql, sql, strlen(sql));
    while (wanted)
        wanted = mysql_real_query_cont(&failed, call->connection->mysql, mysql_call_wait(call, wanted));
    return failed ? mysql_call_error(call, NULL, err) : STATUS_OK;
}

static MysqlPrepared *slot_for(MysqlConnection *connection) {
    if (connection->prepared_count < MYSQL_CACHED_STATEMENTS)
        return &connection->prepared[connection->prepared_count++];
    MysqlPrepared *oldest = &connection->prepared[0];
    for (int i = 1; i < MYSQL_CACHED_STATEMENTS; i++)
        if (connection->prepared[i].used_at < oldest->used_at) oldest = &connection->prepared[i];
    mysql_stmt_close(oldest->stmt);
    free(oldest->sql);
    return oldest;
}

Status mysql_call_prepare(MysqlCall *call, const char *sql, MYSQL_STMT **out, Error *err) {
    MysqlConnection *connection = call->connection;
    size_t length = strlen(sql);
    uint64_t hash = hash64_bytes(sql, length, 0);
    for (int i = 0; i < connection->prepared_count; i++) {
        MysqlPrepared *prepared = &connection->prepared[i];
        if (prepared->hash != hash || strcmp(prepared->sql, sql) != 0) continue;
        prepared->used_at = ++connection->clock;
        *out = prepared->stmt;
        return STATUS_OK;
    }
    MYSQL_STMT *stmt = mysql_stmt_init(connection->mysql);
    int failed;
    int wanted = mysql_stmt_prepare_start(&failed, stmt, sql, length);
    while (wanted)
        wanted = mysql_stmt_prepare_cont(&failed, stmt, mysql_call_wait(call, wanted));
    if (failed) {
        Status status = mysql_call_error(call, stmt, err);
        mysql_stmt_close(stmt);
        return status;
    }
    *slot_for(connection) =
        (MysqlPrepared){.hash = hash, .sql = strdup(sql), .stmt = stmt, .used_at = ++connection->clock};
    *out = stmt;
    return STATUS_OK;
}

Status mysql_call_execute(MysqlCall *call, MYSQL_STMT *stmt, Error *err) {
    int failed;
    int wanted = mysql_stmt_execute_start(&failed, stmt);
    while (wanted)
        wanted = mysql_stmt_execute_cont(&failed, stmt, mysql_call_wait(call, wanted));
    return failed ? mysql_call_error(call, stmt, err) : STATUS_OK;
}

int mysql_call_fetch(MysqlCall *call, MYSQL_STMT *stmt) {
    int result;
    int wanted = mysql_stmt_fetch_start(&result, stmt);
    while (wanted)
        wanted = mysql_stmt_fetch_cont(&result, stmt, mysql_call_wait(call, wanted));
    return result;
}
