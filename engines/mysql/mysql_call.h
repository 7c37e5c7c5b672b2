/* The connector's non-blocking calls, driven to their end while the cancel token is watched.
 *
 *   int status = mysql_stmt_execute_start(&failed, stmt);
 *   while (status) { TRY(mysql_call_wait(call, status, &status_seen, err)); status =
 * mysql_stmt_execute_cont(&failed, stmt, status_seen); }
 */
#pragma once

#include "engines/mysql/mysql_pool.h"

typedef struct MysqlCall {
    MysqlPool *pool;
    MysqlConnection *connection;
    CancelToken *cancel;
    bool killed; /* KILL QUERY was sent: what comes back is the server's "interrupted" */
} MysqlCall;

/* Waits until one of the wanted events, or its time-out, came. When the token is cancelled it sends KILL
 * QUERY once and goes on waiting, so that the connection stays usable, but for a second at most: a server
 * that hangs does not take the KILL either. Returns the events for the _cont call.
 */
int mysql_call_wait(MysqlCall *call, int wanted);
/* The error of the last call on `stmt` (or on the connection when NULL), as ours. Marks lost connections
 * broken. */
Status mysql_call_error(MysqlCall *call, MYSQL_STMT *stmt, Error *err);
bool mysql_error_is_lost_connection(unsigned code);

Status mysql_call_query(MysqlCall *call, const char *sql, Error *err);
/* Prepared or taken from the connection's cache. */
Status mysql_call_prepare(MysqlCall *call, const char *sql, MYSQL_STMT **out, Error *err);
Status mysql_call_execute(MysqlCall *call, MYSQL_STMT *stmt, Error *err);
/* 0: a row was fetched; MYSQL_NO_DATA: the end; 1: error. */
int mysql_call_fetch(MysqlCall *call, MYSQL_STMT *stmt);
