#include "engines/columnar/copy_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/strbuf.h"
#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/kernels/json_build.h"
#include "engines/columnar/kernels/text_kernels.h"
#include "engines/columnar/parquet/parquet_writer.h"
#include "engines/columnar/store/local_store.h"

enum { FLUSH_BYTES = 1 << 20 };

struct CopyWriter {
    Arena arena, batch_arena;
    CopyFormat format;
    char delimiter, quote;
    const char *null_text;
    const PlanColumn *columns;
    int column_count;
    const char *path, *partial;
    int fd; /* text formats */
    StrBuf pending;
    StrBuf *keys; /* JSON: the columns' names, escaped */
    ParquetWriter *parquet;
};

/* ---- text ------------------------------------------------------------------------------------------------
 */

static Status flush(CopyWriter *writer, Error *err) {
    size_t at = 0;
    while (at < writer->pending.length) {
        ssize_t count = write(writer->fd, writer->pending.data + at, writer->pending.length - at);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return error_set_errno(err, errno, "cannot write \"%s\"", writer->path);
        at += (size_t)count;
    }
    strbuf_reset(&writer->pending);
    return STATUS_OK;
}

/* Quoted where it would be read as something else: PostgreSQL's rule. */
static void append_field(CopyWriter *writer, const char *text, size_t length) {
    StrBuf *out = &writer->pending;
    bool quoted = length == strlen(writer->null_text) && !memcmp(text, writer->null_text, length);
    quoted = quoted || (length == 2 && !memcmp(text, "\\.", 2));
    for (size_t i = 0; i < length && !quoted; i++)
        quoted =
            text[i] == writer->delimiter || text[i] == writer->quote || text[i] == '\n' || text[i] == '\r';
    if (!quoted) {
        strbuf_append(out, text, length);
        return;
    }
    strbuf_append_char(out, writer->quote);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == writer->quote) strbuf_append_char(out, writer->quote);
        strbuf_append_char(out, text[i]);
    }
    strbuf_append_char(out, writer->quote);
}

static void append_header(CopyWriter *writer) {
    for (int c = 0; c < writer->column_count; c++) {
        if (c) strbuf_append_char(&writer->pending, writer->delimiter);
        append_field(writer, writer->columns[c].name, strlen(writer->columns[c].name));
    }
    strbuf_append_char(&writer->pending, '\n');
}

static Status add_csv(CopyWriter *writer, const Batch *batch, const Vector *values, Error *err) {
    Vector *texts = ARENA_NEW_ARRAY(&writer->batch_arena, Vector, batch->column_count + 1);
    KernelCall call = {.row_count = batch->row_count, .arena = &writer->batch_arena};
    for (int c = 0; c < batch->column_count; c++)
        TRY(values_print(&call, &values[c], batch->row_count, &texts[c], err));
    for (int r = 0; r < batch->row_count; r++) {
        for (int c = 0; c < batch->column_count; c++) {
            const StringView *text = (const StringView *)texts[c].values + r;
            if (c) strbuf_append_char(&writer->pending, writer->delimiter);
            if (vector_is_null(&values[c], r))
                strbuf_append_text(&writer->pending, writer->null_text);
            else
                append_field(writer, stringview_data(text), text->length);
        }
        strbuf_append_char(&writer->pending, '\n');
    }
    return STATUS_OK;
}

static Status add_json(CopyWriter *writer, const Batch *batch, const Vector *values, Error *err) {
    JsonColumn *columns = ARENA_NEW_ARRAY(&writer->batch_arena, JsonColumn, batch->column_count + 1);
    KernelCall call = {.row_count = batch->row_count, .arena = &writer->batch_arena};
    for (int c = 0; c < batch->column_count; c++)
        TRY(json_column_init(&columns[c], &call, &values[c], batch->row_count, NULL, batch->row_count, err));
    for (int r = 0; r < batch->row_count; r++) {
        strbuf_append_char(&writer->pending, '{');
        for (int c = 0; c < batch->column_count; c++) {
            if (c) strbuf_append_char(&writer->pending, ',');
            strbuf_append(&writer->pending, writer->keys[c].data, writer->keys[c].length);
            TRY(json_column_append(&columns[c], &call, r, false, &writer->pending, err));
        }
        strbuf_append(&writer->pending, "}\n", 2);
    }
    return STATUS_OK;
}

/* ---- Parquet ---------------------------------------------------------------------------------------------
 */

static Status open_parquet(CopyWriter *writer, Error *err) {
    ParquetWriterColumn *columns =
        ARENA_NEW_ARRAY(&writer->arena, ParquetWriterColumn, writer->column_count + 1);
    ParquetWriterOptions options = {0};
    for (int c = 0; c < writer->column_count; c++)
        columns[c] = (ParquetWriterColumn){.name = writer->columns[c].name,
                                           .type = writer->columns[c].type,
                                           .nullable = true,
                                           .field_id = -1};
    return parquet_writer_open(writer->partial, columns, writer->column_count, &options, &writer->parquet,
                               err);
}

/* ---- life ------------------------------------------------------------------------------------------------
 */

static void destroy(CopyWriter *writer) {
    if (writer->fd >= 0) close(writer->fd);
    for (int c = 0; writer->keys && c < writer->column_count; c++)
        strbuf_deinit(&writer->keys[c]);
    strbuf_deinit(&writer->pending);
    arena_deinit(&writer->batch_arena);
    arena_deinit(&writer->arena);
    free(writer);
}

static Status open_text(CopyWriter *writer, int header, Error *err) {
    writer->fd = open(writer->partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (writer->fd < 0) return error_set_errno(err, errno, "cannot write \"%s\"", writer->path);
    if (writer->format == COPY_FORMAT_CSV) {
        if (header != 0) append_header(writer);
        return STATUS_OK;
    }
    writer->keys = ARENA_NEW_ARRAY(&writer->arena, StrBuf, writer->column_count + 1);
    for (int c = 0; c < writer->column_count; c++) {
        strbuf_init(&writer->keys[c]);
        strbuf_append_json(&writer->keys[c], writer->columns[c].name, strlen(writer->columns[c].name));
        strbuf_append_char(&writer->keys[c], ':');
    }
    return STATUS_OK;
}

Status copy_writer_open(const char *path, const CopyOptions *options, const PlanColumn *columns,
                        int column_count, CopyWriter **out, Error *err) {
    char uuid[STORE_UUID_BYTES];
    CopyWriter *writer = calloc(1, sizeof *writer);
    if (!writer) abort();
    arena_init(&writer->arena);
    arena_init(&writer->batch_arena);
    strbuf_init(&writer->pending);
    store_make_uuid(uuid);
    writer->fd = -1;
    writer->format = options->format == COPY_FORMAT_AUTO ? COPY_FORMAT_CSV : options->format;
    writer->delimiter = options->delimiter ? options->delimiter : ',';
    writer->quote = options->quote ? options->quote : '"';
    writer->null_text = options->null_text ? arena_strdup(&writer->arena, options->null_text) : "";
    writer->columns = columns;
    writer->column_count = column_count;
    writer->path = arena_strdup(&writer->arena, path);
    writer->partial = arena_printf(&writer->arena, "%s.%s.partial", path, uuid);
    Status status = writer->format == COPY_FORMAT_PARQUET ? open_parquet(writer, err)
                                                          : open_text(writer, options->header, err);
    if (status != STATUS_OK) {
        destroy(writer);
        return STATUS_ERROR;
    }
    *out = writer;
    return STATUS_OK;
}

Status copy_writer_add(CopyWriter *writer, const Batch *batch, Error *err) {
    if (writer->parquet) return parquet_writer_append(writer->parquet, batch, err);
    arena_reset(&writer->batch_arena);
    Vector *flat = ARENA_NEW_ARRAY(&writer->batch_arena, Vector, batch->column_count + 1);
    for (int c = 0; c < batch->column_count; c++)
        vector_flatten(&batch->columns[c], batch->row_count, &flat[c], &writer->batch_arena);
    TRY((writer->format == COPY_FORMAT_CSV ? add_csv : add_json)(writer, batch, flat, err));
    return writer->pending.length >= FLUSH_BYTES ? flush(writer, err) : STATUS_OK;
}

static Status finish_text(CopyWriter *writer, Error *err) {
    TRY(flush(writer, err));
    return fsync(writer->fd) == 0 ? STATUS_OK
                                  : error_set_errno(err, errno, "cannot write \"%s\"", writer->path);
}

Status copy_writer_finish(CopyWriter *writer, Error *err) {
    ParquetWritten written;
    Status status = writer->parquet ? parquet_writer_finish(writer->parquet, &writer->arena, &written, err)
                                    : finish_text(writer, err);
    writer->parquet = NULL;
    if (status == STATUS_OK && rename(writer->partial, writer->path) != 0)
        status = error_set_errno(err, errno, "cannot write \"%s\"", writer->path);
    if (status == STATUS_OK)
        status = store_sync_directory_of(writer->path, err);
    else
        unlink(writer->partial);
    destroy(writer);
    return status;
}

void copy_writer_abort(CopyWriter *writer) {
    if (writer->parquet) parquet_writer_abort(writer->parquet);
    unlink(writer->partial);
    destroy(writer);
}
