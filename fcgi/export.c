/* signalbox export: the rows of a statement into a file. The file appears whole or not at all. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgi/columnar_target.h"
#include "fcgi/format/format.h"

enum { EXPORT_FLUSH_BYTES = 1 << 20 };

typedef struct ExportCommand {
    const char *engine, *path;
    char *sql;
    RowFormat format;
    int64_t rows;
} ExportCommand;

static Status write_buffer(FILE *file, const char *path, StrBuf *buf, Error *err) {
    if (buf->length && fwrite(buf->data, 1, buf->length, file) != buf->length)
        return error_set_errno(err, errno, "cannot write \"%s\"", path);
    strbuf_reset(buf);
    return STATUS_OK;
}

static Status write_batches(ExportCommand *command, ArrowArrayStream *stream, RowWriter *writer, FILE *file,
                            const char *path, StrBuf *buf, Error *err) {
    for (;;) {
        ArrowArray batch = {0};
        TRY(arrow_stream_next(stream, &batch, err));
        if (!batch.release) break;
        Status status = rowformat_batch(writer, &batch, buf, err);
        arrow_array_release(&batch);
        TRY(status);
        if (buf->length >= EXPORT_FLUSH_BYTES) TRY(write_buffer(file, path, buf, err));
    }
    command->rows = rowformat_row_count(writer);
    TRY(rowformat_end(writer, NULL, buf, err));
    while (buf->length) {
        TRY(write_buffer(file, path, buf, err));
        TRY(rowformat_more(writer, buf, err));
    }
    return STATUS_OK;
}

static Status write_rows(ExportCommand *command, ArrowArrayStream *stream, const ArrowSchema *schema,
                         FILE *file, const char *path, Error *err) {
    RowFormatOptions options = {.format = command->format};
    RowWriter *writer;
    StrBuf buf;
    strbuf_init(&buf);
    Status status = rowformat_begin(schema, &options, &writer, &buf, err);
    if (status == STATUS_OK) {
        status = write_batches(command, stream, writer, file, path, &buf, err);
        rowformat_close(writer);
    }
    strbuf_deinit(&buf);
    return status;
}

static Status write_file(ExportCommand *command, ArrowArrayStream *stream, Error *err) {
    ArrowSchema schema = {0};
    TRY(arrow_stream_schema(stream, &schema, err));
    StrBuf partial; /* beside the target, so that the rename stays on one file system */
    strbuf_init(&partial);
    strbuf_printf(&partial, "%s.%ld.partial", command->path, (long)getpid());
    const char *path = strbuf_text(&partial);
    FILE *file = fopen(path, "wbe");
    Status status = file ? write_rows(command, stream, &schema, file, path, err)
                         : error_set_errno(err, errno, "cannot create \"%s\"", path);
    if (file && fclose(file) != 0 && status == STATUS_OK)
        status = error_set_errno(err, errno, "cannot write \"%s\"", path);
    if (status == STATUS_OK && rename(path, command->path) != 0)
        status = error_set_errno(err, errno, "cannot rename \"%s\" to \"%s\"", path, command->path);
    if (status != STATUS_OK && file) unlink(path);
    strbuf_deinit(&partial);
    arrow_schema_release(&schema);
    return status;
}

static int run_export(Runtime *runtime, void *argument) {
    ExportCommand *command = argument;
    RouteRequest request = {
        .sql = command->sql, .sql_length = strlen(command->sql), .engine = command->engine};
    RouteTiming timing;
    Decision *decision;
    Error err = {0};
    if (router_decide(runtime->router, &request, &decision, &timing, &err) != STATUS_OK)
        return command_failed(&err, command->sql);
    CancelToken cancel;
    ExecutionStats stats = {.rows_affected = -1};
    ArrowArrayStream stream = {0};
    cancel_init(&cancel, 0);
    Execution execution = {.cancel = &cancel, .stats = &stats};
    Engine *engine = decision->engine;
    Status status = STATUS_ERROR;
    if (decision->statement->kind != STATEMENT_READ)
        (void)error_set(&err, SQLSTATE_FEATURE_NOT_SUPPORTED, "only statements that read can be exported");
    else
        status = engine->ops->execute(engine, decision->plan, &execution, &stream, &err);
    if (status == STATUS_OK) {
        status = write_file(command, &stream, &err);
        arrow_stream_release(&stream);
    }
    char rows[32];
    if (status == STATUS_OK)
        printf("%s: %s rows from %s\n", command->path, text_with_commas(command->rows, rows), engine->name);
    decision_release(decision);
    return status == STATUS_OK ? EXIT_DONE : command_failed(&err, command->sql);
}

int command_export(CommandLine *line) {
    ExportCommand command = {0};
    const char *format;
    if (!command_take_option(line, "--engine", &command.engine) ||
        !command_take_option(line, "--format", &format))
        return command_usage_error("export", "an option needs a value");
    const char *unknown = command_unknown_option(line);
    if (unknown) return command_usage_error("export", "there is no option %s", unknown);
    if (line->argc != 2) return command_usage_error("export", "a statement and a file are needed");
    command.path = line->argv[1];
    const char *dot = strrchr(command.path, '.');
    const char *name = format ? format : dot ? dot + 1 : "";
    if (strcmp(name, "jsonl") == 0) name = "ndjson";
    if (!format && (!strcmp(name, "arrow") || !strcmp(name, "feather"))) name = "arrowfile";
    if (!format && !strcmp(name, "arrows")) name = "arrow";
    if (!rowformat_from_name(name, &command.format) || command.format == ROWFORMAT_TABLE)
        return command_usage_error("export",
                                   "csv, ndjson, json, parquet, arrow (the stream) and arrowfile can be "
                                   "written, by the file's name or --format");
    command.sql = command_read_text(line->argv[0]);
    if (!command.sql) return EXIT_FAILED;
    int code = command_with_runtime(line, run_export, &command);
    free(command.sql);
    return code;
}
