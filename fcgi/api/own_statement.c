#include "fcgi/api/own_statement.h"

#include <string.h>

#include "fcgi/api/access_log.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/query_request.h"
#include "fcgi/format/format.h"

static Status decide(Api *api, Exchange *exchange, const OwnStatement *statement, Decision **out,
                     Error *err) {
    RouteRequest request = {.sql = statement->sql,
                            .sql_length = strlen(statement->sql),
                            .engine = statement->engine,
                            .params = statement->params,
                            .param_count = statement->param_count,
                            .context = query_request_context(exchange, NULL)};
    RouteTiming timing;
    return router_decide(api->router, &request, out, &timing, err);
}

static Status execute(Exchange *exchange, Decision *decision, const OwnStatement *statement,
                      ExecutionStats *stats, Execution *execution, ArrowArrayStream *stream, Error *err) {
    *execution = (Execution){.params = statement->params,
                             .param_count = statement->param_count,
                             .cancel = &exchange->cancel,
                             .stats = stats};
    return decision->engine->ops->execute(decision->engine, decision->plan, execution, stream, err);
}

static Status write_rows(ArrowArrayStream *stream, StrBuf *out, Error *err) {
    RowFormatOptions options = {.format = ROWFORMAT_COMPACT};
    ArrowSchema schema = {0};
    RowWriter *writer;
    TRY(arrow_stream_schema(stream, &schema, err));
    Status status = rowformat_begin(&schema, &options, &writer, out, err);
    arrow_schema_release(&schema);
    TRY(status);
    for (;;) {
        ArrowArray batch = {0};
        status = arrow_stream_next(stream, &batch, err);
        if (status == STATUS_OK && batch.release) {
            status = rowformat_batch(writer, &batch, out, err);
            arrow_array_release(&batch);
            if (status == STATUS_OK) continue;
        }
        break;
    }
    if (status == STATUS_OK) status = rowformat_end(writer, NULL, out, err);
    rowformat_close(writer);
    return status;
}

static Status read_rows(Arena *arena, const StrBuf *text, JsonNode **rows, Error *err) {
    JsonNode *root;
    TRY(json_read(arena, text->data, text->length, &root, err));
    for (JsonNode *member = root->children; member; member = member->next)
        if (member->key_length == 4 && !memcmp(member->key, "data", 4)) {
            *rows = member;
            return STATUS_OK;
        }
    return error_set(err, SQLSTATE_INTERNAL, "a result without rows");
}

Status own_statement_rows(Api *api, Exchange *exchange, const OwnStatement *statement, JsonNode **rows,
                          Error *err) {
    Decision *decision;
    ExecutionStats stats = {.rows_affected = -1};
    Execution execution;
    ArrowArrayStream stream = {0};
    StrBuf text;
    TRY(decide(api, exchange, statement, &decision, err));
    strbuf_init(&text);
    Status status = execute(exchange, decision, statement, &stats, &execution, &stream, err);
    if (status == STATUS_OK) {
        status = write_rows(&stream, &text, err);
        arrow_stream_release(&stream);
    }
    decision_release(decision);
    if (status == STATUS_OK) status = read_rows(&exchange->arena, &text, rows, err);
    strbuf_deinit(&text);
    return status;
}

static void audit(Api *api, Exchange *exchange, const OwnStatement *statement, const Decision *decision,
                  Status status, const Error *err) {
    AuditEntry entry = {.event = "ddl",
                        .engine = decision ? decision->engine->name : statement->engine,
                        .rule = decision ? decision->rule : NULL,
                        .sql = statement->sql,
                        .sqlstate = status == STATUS_OK ? NULL : err->sqlstate,
                        .fingerprint = decision ? decision->fingerprint : 0,
                        .status = status == STATUS_OK ? 200 : problem_status(err)};
    if (status != STATUS_OK && !strcmp(err->sqlstate, SQLSTATE_DENIED)) entry.event = "denied";
    access_log_audit(api->access_log, api, exchange, &entry);
}

Status own_statement_run(Api *api, Exchange *exchange, const OwnStatement *statement, Error *err) {
    Decision *decision;
    ExecutionStats stats = {.rows_affected = -1};
    Execution execution;
    ArrowArrayStream stream = {0};
    if (decide(api, exchange, statement, &decision, err) != STATUS_OK) {
        audit(api, exchange, statement, NULL, STATUS_ERROR, err);
        return STATUS_ERROR;
    }
    bool changes_schema = decision->changes_schema;
    Status status = execute(exchange, decision, statement, &stats, &execution, &stream, err);
    while (status == STATUS_OK) {
        ArrowArray batch = {0};
        status = arrow_stream_next(&stream, &batch, err);
        if (!batch.release) break;
        arrow_array_release(&batch);
    }
    if (stream.release) arrow_stream_release(&stream);
    audit(api, exchange, statement, decision, status, err);
    decision_release(decision);
    if (status == STATUS_OK && changes_schema) api_note_ddl(api);
    return status;
}
