/* GET /api/v1/jobs/{id}/result: pages of a kept result, in any row format. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgi/api/decision_json.h"
#include "fcgi/api/etag.h"
#include "fcgi/api/jobs_resource.h"
#include "fcgi/api/negotiation.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/query_request.h"
#include "fcgi/format/arrow_ipc_file.h"
#include "fcgi/jobs/job_results.h"

/* Envelopes are for pages; the other formats give all that is left unless asked for less. */
enum { USUAL_PAGE_ROWS = 10000, COMMIT_BYTES = 64 << 10 };

typedef struct ResultPage {
    Api *api;
    Exchange *exchange;
    Job job;
    RowFormat format;
    bool big_numbers_as_strings;
    int64_t first_row, row_count; /* asked for */
    int64_t total_rows;
    const char *next_token; /* NULL = this is the last page */
    ArrowIpcFile *file;
    bool streaming;
} ResultPage;

static bool has_envelope(const ResultPage *page) {
    return page->format == ROWFORMAT_JSON || page->format == ROWFORMAT_COMPACT;
}

/* ---- what was asked --------------------------------------------------------------------------------------
 */

static Status read_page(ResultPage *page, Error *err) {
    Exchange *exchange = page->exchange;
    const char *token = exchange_query_value(exchange, "page_token");
    const char *most = exchange_query_value(exchange, "max_results");
    const char *big = exchange_query_value(exchange, "big_numbers");
    char *end;
    page->row_count = has_envelope(page) ? USUAL_PAGE_ROWS : INT64_MAX;
    page->big_numbers_as_strings = big && !strcmp(big, "string");
    if (token && token[0] && !job_page_token_read(page->job.id, token, &page->first_row))
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"page_token\" is not one of this job's");
    if (!most) return STATUS_OK;
    page->row_count = strtoll(most, &end, 10);
    if (most[0] && !*end && page->row_count >= 1) return STATUS_OK;
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"max_results\" must be a whole number of at least 1");
}

static bool negotiate(ResultPage *page) {
    Exchange *exchange = page->exchange;
    Error err = {0};
    int status = 0;
    if (negotiate_format(exchange_query_value(exchange, "format"),
                         exchange_parameter(exchange, "HTTP_ACCEPT"), &page->format, &status,
                         &err) == STATUS_OK &&
        read_page(page, &err) == STATUS_OK)
        return true;
    problem_reply(exchange, status, &err);
    return false;
}

/* ---- jobs without rows -----------------------------------------------------------------------------------
 */

static void reply_failure(Exchange *exchange, const Job *job) {
    Error err = {.position = job->position};
    snprintf(err.sqlstate, sizeof err.sqlstate, "%s", job->sqlstate ? job->sqlstate : "");
    snprintf(err.message, sizeof err.message, "%s", job->message ? job->message : "");
    snprintf(err.detail, sizeof err.detail, "%s", job->detail ? job->detail : "");
    snprintf(err.hint, sizeof err.hint, "%s", job->hint ? job->hint : "");
    problem_reply(exchange, job->http_status, &err);
}

static void append_text(StrBuf *out, const char *name, const char *text) {
    strbuf_printf(out, "\"%s\":", name);
    if (text)
        strbuf_append_json(out, text, strlen(text));
    else
        strbuf_append_text(out, "null");
}

/* A write's, as POST /query answers it. */
static void reply_command(ResultPage *page) {
    const Job *job = &page->job;
    StrBuf out;
    strbuf_init(&out);
    strbuf_printf(&out, "{\"row_count\":%lld,", (long long)(job->row_count > 0 ? job->row_count : 0));
    append_text(&out, "command", job->command);
    strbuf_append_char(&out, ',');
    append_text(&out, "engine", job->engine);
    strbuf_append_char(&out, ',');
    append_text(&out, "job_id", job->id);
    strbuf_append_text(&out, ",\"duration\":");
    json_append_fixed(&out, (double)(job->finished_us - job->started_us) / 1e6, 6);
    strbuf_append_text(&out, ",\"token\":null}\n");
    api_reply_json(page->exchange, 200, &out);
}

/* True: there are rows to be read. */
static bool has_rows(ResultPage *page) {
    const Job *job = &page->job;
    Exchange *exchange = page->exchange;
    if (job->status == JOB_FAILED || job->status == JOB_CANCELLED)
        reply_failure(exchange, job);
    else if (job->status != JOB_COMPLETED)
        problem_reply_text(exchange, 409, "the job has not ended yet");
    else if (job->result_bytes < 0)
        reply_command(page);
    else if (!job->result_kept)
        problem_reply_text(exchange, 410, "the job's result was too old or too large to be kept any longer");
    else
        return true;
    return false;
}

/* Whoever the rules deny the statement is not given its rows because another could run it. What they say of
 * hours is of the hours when it ran. */
static bool may_read(ResultPage *page) {
    Exchange *exchange = page->exchange;
    if (!strcmp(jobs_user_of(page->api, exchange), page->job.user)) return true;
    QueryBody body = {.sql = page->job.sql, .sql_bytes = strlen(page->job.sql)};
    RouteRequest request = query_request_route(exchange, &body);
    RouteTiming timing;
    Decision *decision = NULL;
    Error err = {0};
    request.header_engine = NULL;
    bool denied = router_decide(page->api->router, &request, &decision, &timing, &err) != STATUS_OK &&
                  !strcmp(err.sqlstate, SQLSTATE_DENIED);
    if (decision) decision_release(decision);
    if (denied) problem_reply(exchange, 0, &err);
    return !denied;
}

/* ---- rows ------------------------------------------------------------------------------------------------
 */

static Status commit(ResultPage *page, StrBuf *buf, Error *err) {
    if (!page->streaming) {
        page->streaming = true;
        TRY(exchange_stream_begin(page->exchange, 200, rowformat_content_type(page->format), err));
    }
    TRY(exchange_stream_write(page->exchange, buf->data, buf->length, err));
    strbuf_reset(buf);
    return STATUS_OK;
}

static Status write_batches(ResultPage *page, RowWriter *writer, StrBuf *buf, Error *err) {
    ArrowArrayStream stream;
    Status status = STATUS_OK;
    arrow_ipc_file_stream(page->file, page->first_row, page->row_count, &stream);
    while (status == STATUS_OK) {
        ArrowArray batch = {0};
        status = arrow_stream_next(&stream, &batch, err);
        if (status != STATUS_OK || !batch.release) break;
        status = rowformat_batch(writer, &batch, buf, err);
        arrow_array_release(&batch);
        if (status == STATUS_OK && buf->length >= COMMIT_BYTES) status = commit(page, buf, err);
        if (status == STATUS_OK) status = cancel_check(&page->exchange->cancel, err);
    }
    arrow_stream_release(&stream);
    return status;
}

static void append_tail(ResultPage *page, StrBuf *out) {
    const Job *job = &page->job;
    append_text(out, "engine", job->engine);
    strbuf_append_char(out, ',');
    append_text(out, "job_id", job->id);
    strbuf_printf(out, ",\"total_rows\":%lld,\"first_row\":%lld,", (long long)page->total_rows,
                  (long long)page->first_row);
    append_text(out, "page_token", page->next_token);
    strbuf_append_text(out, ",\"duration\":");
    json_append_fixed(out, (double)(job->finished_us - job->started_us) / 1e6, 6);
    strbuf_printf(out, ",\"stats\":{\"rows_scanned\":%lld,\"bytes_scanned\":%lld}",
                  (long long)job->rows_scanned, (long long)job->bytes_scanned);
}

static Status write_rest(ResultPage *page, RowWriter *writer, StrBuf *buf, Error *err) {
    for (size_t before = 0; buf->length > before;) {
        if (buf->length >= COMMIT_BYTES) TRY(commit(page, buf, err));
        before = buf->length;
        TRY(rowformat_more(writer, buf, err));
    }
    return STATUS_OK;
}

static Status write_rows(ResultPage *page, StrBuf *buf, Error *err) {
    RowFormatOptions options = {.format = page->format,
                                .big_numbers_as_strings = page->big_numbers_as_strings,
                                .spool_directory = page->api->spool_directory};
    ArrowSchema schema;
    RowWriter *writer;
    StrBuf tail;
    arrow_ipc_file_schema(page->file, &schema);
    Status status = rowformat_begin(&schema, &options, &writer, buf, err);
    arrow_schema_release(&schema);
    TRY(status);
    strbuf_init(&tail);
    append_tail(page, &tail);
    status = write_batches(page, writer, buf, err);
    if (status == STATUS_OK) status = rowformat_end(writer, strbuf_text(&tail), buf, err);
    if (status == STATUS_OK) status = write_rest(page, writer, buf, err);
    rowformat_close(writer);
    strbuf_deinit(&tail);
    return status;
}

/* The next page's token goes into a header, too: not every format has room for it. */
static void tell_next(ResultPage *page) {
    Exchange *exchange = page->exchange;
    int64_t left = page->total_rows - page->first_row;
    if (left <= page->row_count) return;
    char *token = arena_alloc(&exchange->arena, JOB_PAGE_TOKEN_BYTES);
    job_page_token_make(page->job.id, page->first_row + page->row_count, token);
    page->next_token = token;
    exchange_add_header(exchange, "X-Next-Page-Token", token);
}

/* The bytes of a page never change: the job's, the page's and the format's names are its name. */
static bool is_known_to_client(ResultPage *page) {
    Exchange *exchange = page->exchange;
    exchange_add_header(exchange, "Cache-Control", "private, no-cache");
    exchange_add_header(exchange, "Vary", "Accept");
    return etag_is_known(exchange, arena_printf(&exchange->arena, "%s-%llx-%llx-%d%d", page->job.id,
                                                (unsigned long long)page->first_row,
                                                (unsigned long long)page->row_count, (int)page->format,
                                                page->big_numbers_as_strings));
}

static void reply_rows(ResultPage *page) {
    Exchange *exchange = page->exchange;
    StrBuf buf;
    Error err = {0};
    strbuf_init(&buf);
    Status status = write_rows(page, &buf, &err);
    if (status == STATUS_OK && page->streaming) status = commit(page, &buf, &err);
    if (status == STATUS_OK && page->streaming)
        exchange_stream_end(exchange);
    else if (status == STATUS_OK)
        exchange_reply(exchange, 200, rowformat_content_type(page->format), buf.data, buf.length);
    else if (page->streaming || atomic_load(&exchange->cancel.reason) == CANCEL_BY_CLIENT_GONE)
        exchange_stream_cut(exchange);
    else
        problem_reply(exchange, 0, &err);
    strbuf_deinit(&buf);
}

void job_result_handle(Api *api, Exchange *exchange, char *const *arguments) {
    ResultPage *page = ARENA_NEW(&exchange->arena, ResultPage);
    char path[4096];
    Error err = {0};
    *page = (ResultPage){.api = api, .exchange = exchange};
    if (!jobs_find(api, exchange, arguments[0], &page->job) || !negotiate(page) || !has_rows(page) ||
        !may_read(page))
        return;
    job_result_path(jobs_result_directory(api->jobs), page->job.id, path);
    if (arrow_ipc_file_open(path, &page->file, &err) != STATUS_OK) {
        problem_reply(exchange, 0, &err);
        return;
    }
    page->total_rows = arrow_ipc_file_row_count(page->file);
    ArrowIpcFile *file = page->file; /* the page is gone with the exchange */
    if (!is_known_to_client(page)) {
        tell_next(page);
        reply_rows(page);
    }
    arrow_ipc_file_close(file);
}
