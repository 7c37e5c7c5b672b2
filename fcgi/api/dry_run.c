#include "fcgi/api/dry_run.h"

#include <string.h>

#include "fcgi/api/query_request.h"

static const char prefix[] = "EXPLAIN ";
enum { PREFIX_LENGTH = sizeof prefix - 1 };

/* Errors of the statement itself; that an engine is gone or busy says nothing about it. */
static bool is_about_statement(const Error *error) {
    return !strncmp(error->sqlstate, "42", 2) || !strncmp(error->sqlstate, "22", 2) ||
           !strcmp(error->sqlstate, "08P01");
}

static Status explain(QueryRun *run, Decision *decision, Error *err) {
    ExecutionStats stats = {.rows_affected = -1};
    Execution execution = {.params = run->body.params,
                           .param_count = run->body.param_count,
                           .cancel = &run->exchange->cancel,
                           .stats = &stats};
    ArrowArrayStream stream = {0};
    TRY(decision->engine->ops->execute(decision->engine, decision->plan, &execution, &stream, err));
    Status status = STATUS_OK;
    for (bool more = true; status == STATUS_OK && more;) {
        ArrowArray batch = {0};
        status = arrow_stream_next(&stream, &batch, err);
        more = status == STATUS_OK && batch.release;
        if (more) arrow_array_release(&batch);
    }
    arrow_stream_release(&stream);
    return status;
}

Status dry_run_bind(QueryRun *run, Error *err) {
    const Statement *statement = run->decision->statement;
    bool one = statement->statement_count <= 1;
    if (!one || (statement->kind != STATEMENT_READ && statement->kind != STATEMENT_WRITE)) return STATUS_OK;
    char *sql = arena_alloc(&run->exchange->arena, PREFIX_LENGTH + statement->sql_length + 1);
    memcpy(sql, prefix, PREFIX_LENGTH);
    memcpy(sql + PREFIX_LENGTH, statement->sql, statement->sql_length + 1);
    RouteRequest request = {.sql = sql,
                            .sql_length = PREFIX_LENGTH + statement->sql_length,
                            .engine = run->decision->engine->name,
                            .params = run->body.params,
                            .param_count = run->body.param_count,
                            .cancel = &run->exchange->cancel,
                            .context = query_request_context(run->exchange, run->body.tag)};
    Decision *decision = NULL;
    Error found = {0};
    /* What cannot be explained (an EXPLAIN is one of these) is not wrong for that. */
    if (router_decide(run->api->router, &request, &decision, NULL, &found) != STATUS_OK) return STATUS_OK;
    Status status = explain(run, decision, &found);
    decision_release(decision);
    if (status == STATUS_OK || !is_about_statement(&found)) return STATUS_OK;
    if (found.position > PREFIX_LENGTH) found.position -= PREFIX_LENGTH;
    *err = found;
    return STATUS_ERROR;
}
