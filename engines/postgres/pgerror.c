#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/postgres/pgconn.h"

Status pgerror_set(Error *err, const PGresult *result) {
    if (!err) return STATUS_ERROR;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    if (!message) message = PQresultErrorMessage(result);
    (void)error_set_at(err, sqlstate ? sqlstate : SQLSTATE_CONNECTION_FAILURE, position ? atoi(position) : 0,
                       "%s", message && *message ? message : "PostgreSQL closed the connection");
    size_t length = strlen(err->message);
    while (length && err->message[length - 1] == '\n')
        err->message[--length] = 0;
    if (detail) (void)error_add_detail(err, "%s", detail);
    if (hint) (void)error_add_hint(err, "%s", hint);
    return STATUS_ERROR;
}

bool pgerror_is_stale_plan(const PGresult *result) {
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    if (!sqlstate) return false;
    if (!strcmp(sqlstate, "26000")) return true;
    return !strcmp(sqlstate, "0A000") && function && !strcmp(function, "RevalidateCachedQuery");
}

bool pgconn_sqlstate_is_fatal(const char *sqlstate) {
    return (!strncmp(sqlstate, "08", 2) && strcmp(sqlstate, "08P01")) || !strncmp(sqlstate, "57P0", 4);
}
