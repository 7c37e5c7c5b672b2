/* Rows of a prepared statement → Arrow batches, fetched one by one (the server's buffer, not ours, holds the
 * rest). */
#pragma once

#include "engines/mysql/mysql_call.h"

/* The SQL type of a result field as PostgreSQL would call it. */
SqlType mysql_field_type(const MYSQL_FIELD *field);

/* Takes over the call's connection: it goes back to the pool when the stream is released. `stmt` was
 * executed. `wanted` (may be NULL) are PostgreSQL's types per column, SQL_INVALID = the server's. */
Status mysql_result_stream(const MysqlCall *call, MYSQL_STMT *stmt, const SqlType *wanted, int wanted_count,
                           Execution *execution, const char *command, ArrowArrayStream *out, Error *err);
