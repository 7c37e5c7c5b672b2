#include "fcgi/api/jobs_into.h"

#include <string.h>
#include <unistd.h>

#include "fcgi/api/table_target.h"
#include "fcgi/format/arrow_ipc_file.h"
#include "fcgi/format/format.h"
#include "fcgi/jobs/job_results.h"
#include "fcgi/server/body_spool.h"

enum { WRITE_BYTES = 1 << 20 };

static Status write_out(int fd, StrBuf *buf, bool all, Error *err) {
    if (!buf->length || (!all && buf->length < WRITE_BYTES)) return STATUS_OK;
    if (!body_spool_write(fd, buf->data, buf->length))
        return error_set(err, SQLSTATE_DISK_FULL, "the rows could not be kept in the spool directory");
    strbuf_reset(buf);
    return STATUS_OK;
}

static Status write_batches(ArrowArrayStream *stream, RowWriter *writer, int fd, StrBuf *buf, Error *err) {
    for (;;) {
        ArrowArray batch = {0};
        TRY(arrow_stream_next(stream, &batch, err));
        if (!batch.release) break;
        Status status = rowformat_batch(writer, &batch, buf, err);
        arrow_array_release(&batch);
        TRY(status);
        TRY(write_out(fd, buf, false, err));
    }
    TRY(rowformat_end(writer, NULL, buf, err));
    for (size_t before = 0; buf->length > before;) {
        TRY(write_out(fd, buf, false, err));
        before = buf->length;
        TRY(rowformat_more(writer, buf, err));
    }
    return write_out(fd, buf, true, err);
}

/* The result as Parquet, which says each column's type. */
static Status write_parquet(Api *api, ArrowIpcFile *file, int fd, Error *err) {
    RowFormatOptions options = {.format = ROWFORMAT_PARQUET, .spool_directory = api->spool_directory};
    ArrowSchema schema;
    ArrowArrayStream stream;
    RowWriter *writer;
    StrBuf buf;
    strbuf_init(&buf);
    arrow_ipc_file_schema(file, &schema);
    Status status = rowformat_begin(&schema, &options, &writer, &buf, err);
    arrow_schema_release(&schema);
    if (status == STATUS_OK) {
        arrow_ipc_file_stream(file, 0, INT64_MAX, &stream);
        status = write_batches(&stream, writer, fd, &buf, err);
        arrow_stream_release(&stream);
        rowformat_close(writer);
    }
    strbuf_deinit(&buf);
    return status;
}

static Status take_in(Api *api, JobRun *run, const QueryBody *body, int fd, int64_t *rows, Error *err) {
    TableTarget target;
    TableIntakeResult result = {.snapshot_id = -1};
    TRY(table_target_find_in(api, &run->arena, body->table, NULL, &target, err));
    if (!target.engine->ops->intake)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "engine \"%s\", where table \"%.200s\" lives, takes no rows this way",
                         target.engine->name, body->table);
    TableIntakeSource source = {.name = "result", .fd = fd, .bytes = (size_t)lseek(fd, 0, SEEK_END)};
    TableIntake intake = {.schema = target.schema,
                          .table = target.name,
                          .sources = &source,
                          .source_count = 1,
                          .format = TABLE_INTAKE_PARQUET,
                          .create = true,
                          .replace = body->replaces,
                          .header = -1,
                          .cancel = &run->cancel,
                          .arena = &run->arena,
                          .reader = router_file_reader(api->router)};
    TRY(target.engine->ops->intake(target.engine, &intake, &result, err));
    *rows = result.row_count;
    if (result.created || result.change_count > 0 || body->replaces) api_note_ddl(api);
    return STATUS_OK;
}

Status jobs_put_into(Api *api, JobRun *run, const QueryBody *body, int64_t *rows, Error *err) {
    char path[4096];
    ArrowIpcFile *file;
    job_result_path(jobs_result_directory(run->jobs), run->claim.id, path);
    TRY(arrow_ipc_file_open(path, &file, err));
    int fd = body_spool_open(api->spool_directory);
    Status status = fd >= 0 ? write_parquet(api, file, fd, err)
                            : error_set(err, SQLSTATE_IO_ERROR, "the spool directory cannot be written");
    arrow_ipc_file_close(file);
    if (status == STATUS_OK) status = take_in(api, run, body, fd, rows, err);
    if (fd >= 0) close(fd);
    return status;
}
