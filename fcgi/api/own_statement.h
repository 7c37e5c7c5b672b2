/* Statements that a resource makes itself: through the router as any other, with small results in memory. */
#pragma once

#include "fcgi/api/api_internal.h"
#include "fcgi/api/json_reader.h"

typedef struct OwnStatement {
    const char *sql;
    const char *engine; /* forced */
    const Param *params;
    int param_count;
} OwnStatement;

/* Workers only. *rows is an array of arrays, values as /query's JSON has them, in the exchange's arena. */
Status own_statement_rows(Api *api, Exchange *exchange, const OwnStatement *statement, JsonNode **rows,
                          Error *err);
/* A statement without rows. `changes_schema`: the registry is read again and the other processes told. */
Status own_statement_run(Api *api, Exchange *exchange, const OwnStatement *statement, Error *err);
