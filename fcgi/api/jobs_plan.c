#include "fcgi/api/jobs_plan.h"

#include <pg_query/pg_query.pb-c.h>
#include <string.h>

#include "fcgi/api/json_reader.h"
#include "fcgi/format/format.h"

enum { MOST_PLAN_BYTES = 1 << 20 };

static bool has_plan(const Statement *statement) {
    const PgQuery__ParseResult *tree = statement->tree;
    return statement->kind == STATEMENT_READ && statement->statement_count == 1 && tree &&
           tree->n_stmts == 1 && tree->stmts[0]->stmt &&
           tree->stmts[0]->stmt->node_case == PG_QUERY__NODE__NODE_SELECT_STMT && !statement->travel_count &&
           !statement->as_of;
}

static Status read_rows(ArrowArrayStream *stream, StrBuf *out, Error *err) {
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
        if (status != STATUS_OK || !batch.release) break;
        status = rowformat_batch(writer, &batch, out, err);
        arrow_array_release(&batch);
        if (status != STATUS_OK || out->length > MOST_PLAN_BYTES) break;
    }
    if (status == STATUS_OK) status = rowformat_end(writer, NULL, out, err);
    rowformat_close(writer);
    return status;
}

static Status explain(Api *api, const Decision *decision, const Param *params, int param_count,
                      const RouteContext *context, CancelToken *cancel, StrBuf *rows, Error *err) {
    StrBuf sql;
    strbuf_init(&sql);
    strbuf_append_text(&sql, "EXPLAIN ");
    strbuf_append(&sql, decision->statement->sql, decision->statement->sql_length);
    RouteRequest request = {.sql = strbuf_text(&sql),
                            .sql_length = sql.length,
                            .engine = decision->engine->name,
                            .params = params,
                            .param_count = param_count,
                            .cancel = cancel,
                            .context = context};
    RouteTiming timing;
    Decision *explained = NULL;
    ArrowArrayStream stream = {0};
    ExecutionStats stats = {.rows_affected = -1};
    Execution execution = {.params = params, .param_count = param_count, .cancel = cancel, .stats = &stats};
    Status status = router_decide(api->router, &request, &explained, &timing, err);
    if (status == STATUS_OK)
        status =
            explained->engine->ops->execute(explained->engine, explained->plan, &execution, &stream, err);
    if (status == STATUS_OK) {
        status = read_rows(&stream, rows, err);
        arrow_stream_release(&stream);
    }
    if (explained) decision_release(explained);
    strbuf_deinit(&sql);
    return status;
}

/* An engine with a column of text gives a line per row; one with several columns is told as it is written
 * between bars. */
static void append_row(StrBuf *out, const JsonNode *row) {
    StrBuf line;
    strbuf_init(&line);
    for (const JsonNode *value = row->children; value; value = value->next) {
        if (value != row->children) strbuf_append_text(&line, " | ");
        if (value->kind != JSON_NULL)
            strbuf_append(&line, value->text ? value->text : value->raw,
                          value->text ? value->length : value->raw_length);
    }
    const char *at = strbuf_text(&line);
    for (;;) {
        const char *stop = strchr(at, '\n');
        if (out->data[out->length - 1] != '[') strbuf_append_char(out, ',');
        strbuf_append_json(out, at, stop ? (size_t)(stop - at) : strlen(at));
        if (!stop || !stop[1]) break;
        at = stop + 1;
    }
    strbuf_deinit(&line);
}

static bool append_lines(StrBuf *out, const StrBuf *rows) {
    Arena arena;
    JsonNode *root, *data = NULL;
    arena_init(&arena);
    bool good = json_read(&arena, strbuf_text(rows), rows->length, &root, NULL) == STATUS_OK;
    for (JsonNode *member = good ? root->children : NULL; member; member = member->next)
        if (member->key_length == 4 && !memcmp(member->key, "data", 4)) data = member;
    if (data) {
        strbuf_append_char(out, '[');
        for (const JsonNode *row = data->children; row; row = row->next)
            append_row(out, row);
        strbuf_append_char(out, ']');
    }
    arena_deinit(&arena);
    return data != NULL;
}

bool jobs_plan_text(Api *api, const Decision *decision, const Param *params, int param_count,
                    const RouteContext *context, CancelToken *cancel, StrBuf *out) {
    if (!has_plan(decision->statement)) return false;
    StrBuf rows;
    Error err = {0};
    strbuf_init(&rows);
    bool good = explain(api, decision, params, param_count, context, cancel, &rows, &err) == STATUS_OK &&
                append_lines(out, &rows);
    strbuf_deinit(&rows);
    return good;
}
