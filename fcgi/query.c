/* signalbox query: one statement, in this process, by the same router and engines as the server's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "fcgi/command.h"
#include "fcgi/format/format.h"

enum { FLUSH_BYTES = 64 << 10 };

typedef struct QueryCommand {
    const char *engine, *as_of;
    RowFormat format;
    int64_t max_rows;
    char *sql;
    int64_t started_ns;
    Decision *decision;
    ExecutionStats stats;
} QueryCommand;

static Status flush(StrBuf *buf, Error *err) {
    size_t written = fwrite(strbuf_text(buf), 1, buf->length, stdout);
    bool whole = written == buf->length;
    strbuf_reset(buf);
    return whole ? STATUS_OK : error_set(err, SQLSTATE_IO_ERROR, "cannot write to standard output");
}

static Status print_batches(ArrowArrayStream *stream, RowWriter *writer, StrBuf *buf, Error *err) {
    while (!rowformat_truncated(writer)) {
        ArrowArray batch = {0};
        TRY(arrow_stream_next(stream, &batch, err));
        if (!batch.release) return STATUS_OK;
        Status status = rowformat_batch(writer, &batch, buf, err);
        arrow_array_release(&batch);
        TRY(status);
        if (buf->length >= FLUSH_BYTES) TRY(flush(buf, err));
    }
    return STATUS_OK;
}

static Status print_rows(QueryCommand *command, ArrowArrayStream *stream, const ArrowSchema *schema,
                         StrBuf *buf, Error *err) {
    RowFormatOptions options = {.format = command->format, .max_rows = command->max_rows};
    RowWriter *writer;
    TRY(rowformat_begin(schema, &options, &writer, buf, err));
    Status status = print_batches(stream, writer, buf, err);
    char tail[256];
    snprintf(tail, sizeof tail, "\"engine\":\"%s\",\"duration\":%.6f", command->decision->engine->name,
             (double)(clock_now_ns() - command->started_ns) / 1e9);
    if (status == STATUS_OK) status = rowformat_end(writer, tail, buf, err);
    while (status == STATUS_OK && buf->length) {
        status = flush(buf, err);
        if (status == STATUS_OK) status = rowformat_more(writer, buf, err);
    }
    rowformat_close(writer);
    return status;
}

static Status drain(ArrowArrayStream *stream, Error *err) {
    for (;;) {
        ArrowArray batch = {0};
        TRY(arrow_stream_next(stream, &batch, err));
        if (!batch.release) return STATUS_OK;
        arrow_array_release(&batch);
    }
}

static void print_write(const QueryCommand *command) {
    const ExecutionStats *stats = &command->stats;
    int64_t rows = stats->rows_affected > 0 ? stats->rows_affected : 0;
    if (command->format == ROWFORMAT_JSON || command->format == ROWFORMAT_COMPACT)
        printf("{\"row_count\":%lld,\"command\":\"%s\",\"engine\":\"%s\",\"duration\":%.6f}\n",
               (long long)rows, stats->command, command->decision->engine->name,
               (double)(clock_now_ns() - command->started_ns) / 1e9);
    else if (stats->rows_affected >= 0)
        printf("%s %lld\n", stats->command, (long long)rows);
    else
        printf("%s\n", stats->command);
}

static Status print_answer(QueryCommand *command, ArrowArrayStream *stream, Error *err) {
    ArrowSchema schema = {0};
    TRY(arrow_stream_schema(stream, &schema, err));
    StrBuf buf;
    strbuf_init(&buf);
    Status status;
    if (schema.n_children == 0 && command->decision->statement->kind != STATEMENT_READ) {
        status = drain(stream, err);
        if (status == STATUS_OK) print_write(command);
    } else {
        status = print_rows(command, stream, &schema, &buf, err);
    }
    strbuf_deinit(&buf);
    arrow_schema_release(&schema);
    return status;
}

static int run_query(Runtime *runtime, void *argument) {
    QueryCommand *command = argument;
    RouteRequest request = {.sql = command->sql,
                            .sql_length = strlen(command->sql),
                            .engine = command->engine,
                            .as_of = command->as_of};
    RouteTiming timing;
    Error err = {0};
    command->started_ns = clock_now_ns();
    if (router_decide(runtime->router, &request, &command->decision, &timing, &err) != STATUS_OK)
        return command_failed(&err, command->sql);
    CancelToken cancel;
    cancel_init(&cancel, 0);
    command->stats.rows_affected = -1;
    Execution execution = {.cancel = &cancel,
                           .row_limit = command->max_rows ? command->max_rows + 1 : 0,
                           .stats = &command->stats};
    Engine *engine = command->decision->engine;
    ArrowArrayStream stream = {0};
    Status status = engine->ops->execute(engine, command->decision->plan, &execution, &stream, &err);
    if (status == STATUS_OK) {
        status = print_answer(command, &stream, &err);
        arrow_stream_release(&stream);
    }
    fflush(stdout);
    decision_release(command->decision);
    return status == STATUS_OK ? EXIT_DONE : command_failed(&err, command->sql);
}

int command_query(CommandLine *line) {
    QueryCommand command = {.format = ROWFORMAT_TABLE};
    const char *format, *max_rows;
    if (!command_take_option(line, "--engine", &command.engine) ||
        !command_take_option(line, "--as-of", &command.as_of) ||
        !command_take_option(line, "--format", &format) ||
        !command_take_option(line, "--max-rows", &max_rows))
        return command_usage_error("query", "an option needs a value");
    const char *unknown = command_unknown_option(line);
    if (unknown) return command_usage_error("query", "there is no option %s", unknown);
    if (format && !rowformat_from_name(format, &command.format))
        return command_usage_error(
            "query",
            "there is no format \"%s\"; table, json, compact, csv, ndjson, arrow, arrowfile and parquet are",
            format);
    if (max_rows && (command.max_rows = atoll(max_rows)) < 1)
        return command_usage_error("query", "--max-rows must be at least 1");
    if (line->argc != 1)
        return command_usage_error("query", line->argc ? "one statement was expected, quote it"
                                                       : "the statement is missing");
    command.sql = command_read_text(line->argv[0]);
    if (!command.sql) return EXIT_FAILED;
    int code = command_with_runtime(line, run_query, &command);
    free(command.sql);
    return code;
}
