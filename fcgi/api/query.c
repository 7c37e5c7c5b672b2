/* POST /query. A decision from the cache that is fit for it runs on the loop through the engine's lane;
 * everything else moves to a worker, which decides, executes, formats and streams. */
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "fcgi/api/api_internal.h"
#include "fcgi/api/dry_run.h"
#include "fcgi/api/etag.h"
#include "fcgi/api/negotiation.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/query_answer.h"
#include "fcgi/api/query_failover.h"
#include "fcgi/api/query_get.h"
#include "fcgi/api/query_note.h"
#include "fcgi/api/query_request.h"
#include "fcgi/api/query_result.h"
#include "fcgi/api/rule_limits.h"
#include "fcgi/api/shadow.h"
#include "fcgi/api/query_watch.h"

/* A response is committed to 200 only beyond this much: a failure before it is still a clean problem
 * document. */
enum { COMMIT_BYTES = 64 << 10, KEPT_BUFFER_BYTES = 256 << 10 };

static QueryRun *run_of(Exchange *exchange) {
    return exchange->state;
}

/* ---- endings ---------------------------------------------------------------------------------------------
 */

static void let_go(QueryRun *run) {
    query_result_end(run);
    if (run->decision) decision_release(run->decision);
    run->decision = NULL;
}

static int engine_index(const QueryRun *run) {
    return run->decision ? api_engine_index(run->api, run->decision->engine) : -1;
}

static void end_overdue(Exchange *exchange) {
    Error err = {0};
    (void)!error_set(&err, SQLSTATE_QUERY_CANCELED,
                     "the statement ran longer than max_runtime_seconds allows and was cancelled");
    problem_reply(exchange, 408, &err);
}

static void end_with_problem(QueryRun *run, const Error *err) {
    Exchange *exchange = run->exchange;
    int reason = atomic_load(&exchange->cancel.reason);
    int index = engine_index(run);
    if (index >= 0) metrics_add(&run->api->metrics->query_errors[index], 1);
    bool overdue = cancel_is_overdue(&exchange->cancel, clock_now_ns());
    bool cancelled = !strcmp(err->sqlstate, SQLSTATE_QUERY_CANCELED);
    query_note(run, cancelled ? 408 : problem_status(err), err->sqlstate, 0);
    let_go(run);
    if (cancelled) metrics_add(&run->api->metrics->cancelled, 1);
    if (reason == CANCEL_BY_CLIENT_GONE)
        exchange_stream_cut(exchange);
    else if (cancelled && reason == CANCEL_BY_SHUTDOWN)
        problem_reply(exchange, 503, err);
    else if (cancelled && overdue)
        end_overdue(exchange);
    else
        problem_reply(exchange, 0, err);
}

/* `body` stays the caller's; the run is gone afterwards. */
static void end_with_reply(QueryRun *run, const char *content_type, const StrBuf *body) {
    let_go(run);
    bool has_times = run->format == ROWFORMAT_JSON || run->format == ROWFORMAT_COMPACT || run->is_write;
    if (run->exchange->method != HTTP_POST && !has_times &&
        etag_is_known(run->exchange, etag_of(run->exchange, body->data, body->length)))
        return;
    exchange_reply(run->exchange, 200, content_type, body->data, body->length);
}

static void count_success(QueryRun *run, QueryLane lane, int64_t rows) {
    int index = engine_index(run);
    if (index < 0) return;
    query_note(run, 200, NULL, rows);
    if (run->api->shadow) shadow_offer(run->api->shadow, run);
    histogram_note(&run->api->metrics->query_time[index][lane], run->taken_ns);
    metrics_add(&run->api->metrics->rows[index], rows > 0 ? (uint64_t)rows : 0);
}

/* ---- rows ------------------------------------------------------------------------------------------------
 */

static void name_engine(QueryRun *run) {
    exchange_add_header(run->exchange, "X-Engine", run->decision->engine->name);
    bool enveloped = run->format == ROWFORMAT_JSON || run->format == ROWFORMAT_COMPACT;
    if (!enveloped && !run->is_write) /* these have no "truncated": as many rows as this may not be all */
        exchange_add_header(run->exchange, "X-Max-Rows",
                            arena_printf(&run->exchange->arena, "%lld", (long long)run->max_rows));
    if (run->decision->warning) exchange_add_header(run->exchange, "X-Warning", run->decision->warning);
}

/* Commits what is buffered to the client. */
static Status flush(QueryRun *run, StrBuf *buf, Error *err) {
    if (!run->streaming) {
        run->streaming = true;
        name_engine(run);
        TRY(exchange_stream_begin(run->exchange, 200, rowformat_content_type(run->format), err));
    }
    query_result_take(run, buf);
    int64_t start_ns = clock_now_ns();
    Status status = exchange_stream_write(run->exchange, buf->data, buf->length, err);
    run->client_wait_ns += clock_now_ns() - start_ns;
    strbuf_reset(buf);
    return status;
}

/* All batches into `buf`; on a worker what exceeds COMMIT_BYTES goes out. */
static Status write_batches(QueryRun *run, ArrowArrayStream *stream, RowWriter *writer, StrBuf *buf,
                            Error *err) {
    while (!rowformat_truncated(writer)) {
        ArrowArray batch = {0};
        TRY(arrow_stream_next(stream, &batch, err));
        if (!batch.release) return rule_limits_check(run->decision, &run->stats, err);
        Status status = rowformat_batch(writer, &batch, buf, err);
        arrow_array_release(&batch);
        TRY(status);
        TRY(rule_limits_check(run->decision, &run->stats, err));
        if (run->on_worker && buf->length >= COMMIT_BYTES) TRY(flush(run, buf, err));
    }
    return STATUS_OK;
}

static Status drain(ArrowArrayStream *stream, Error *err) {
    for (;;) {
        ArrowArray batch = {0};
        TRY(arrow_stream_next(stream, &batch, err));
        if (!batch.release) return STATUS_OK;
        arrow_array_release(&batch);
    }
}

/* What this thread's loop keeps from answer to answer; NULL on a worker. */
static LoopState *loop_state_of(const QueryRun *run) {
    return run->on_worker ? NULL : run->exchange->loop_state;
}

static Status write_tail(QueryRun *run, RowWriter *writer, StrBuf *buf, Error *err) {
    LoopState *state = loop_state_of(run);
    StrBuf own, *tail = state ? &state->tail : &own;
    if (!state) strbuf_init(&own);
    strbuf_reset(tail);
    if (run->format == ROWFORMAT_JSON || run->format == ROWFORMAT_COMPACT)
        query_answer_append_tail(tail, run);
    size_t end_at = buf->length;
    Status status = rowformat_end(writer, strbuf_text(tail), buf, err);
    bool enveloped = tail->length > 0;
    if (enveloped && status == STATUS_OK) query_result_take_end(run, buf, end_at, tail);
    if (!state) strbuf_deinit(&own);
    TRY(status);
    for (size_t before = 0; run->on_worker && buf->length > before;) {
        if (buf->length >= COMMIT_BYTES) TRY(flush(run, buf, err));
        before = buf->length;
        TRY(rowformat_more(writer, buf, err));
    }
    if (!enveloped) query_result_take_end(run, buf, buf->length, NULL);
    return STATUS_OK;
}

/* Rows of `stream` with head and tail into `buf`, or out as they come. */
static Status write_rows(QueryRun *run, ArrowArrayStream *stream, const ArrowSchema *schema, StrBuf *buf,
                         int64_t *rows, Error *err) {
    RowFormatOptions options = {.format = run->format,
                                .big_numbers_as_strings = run->body.big_numbers_as_strings,
                                .max_rows = run->max_rows,
                                .spool_directory = run->api->spool_directory};
    RowWriter *writer;
    TRY(rowformat_begin(schema, &options, &writer, buf, err));
    Status status = write_batches(run, stream, writer, buf, err);
    *rows = rowformat_row_count(writer);
    run->cut_short = rowformat_truncated(writer);
    if (status == STATUS_OK) status = write_tail(run, writer, buf, err);
    rowformat_close(writer);
    return status;
}

/* The same of an answer that is in memory. */
static Status write_lane_rows(QueryRun *run, const LaneAnswer *found, StrBuf *buf, int64_t *rows,
                              Error *err) {
    RowFormatOptions options = {.format = run->format,
                                .big_numbers_as_strings = run->body.big_numbers_as_strings,
                                .max_rows = run->max_rows};
    LoopState *state = run->exchange->loop_state;
    RowWriter *writer;
    TRY(row_layouts_begin(&state->layouts, found->schema, &options, &writer, buf, err));
    Status status = found->batch ? rowformat_batch(writer, found->batch, buf, err) : STATUS_OK;
    *rows = rowformat_row_count(writer);
    run->cut_short = rowformat_truncated(writer);
    if (status == STATUS_OK) status = write_tail(run, writer, buf, err);
    rowformat_close(writer);
    return status;
}

static Status answer_lane(QueryRun *run, const LaneAnswer *found, StrBuf *buf, int64_t *rows, Error *err) {
    if (found->schema->n_children || run->decision->statement->kind == STATEMENT_READ)
        return write_lane_rows(run, found, buf, rows, err);
    run->is_write = true;
    *rows = run->stats.rows_affected > 0 ? run->stats.rows_affected : 0;
    query_answer_append_write(buf, run);
    return STATUS_OK;
}

/* Consumes the stream: a stream without columns is a write's or DDL's. */
static Status answer(QueryRun *run, ArrowArrayStream *stream, StrBuf *buf, int64_t *rows, Error *err) {
    ArrowSchema schema = {0};
    Status status = arrow_stream_schema(stream, &schema, err);
    if (status == STATUS_OK && schema.n_children == 0 && run->decision->statement->kind != STATEMENT_READ) {
        status = drain(stream, err);
        run->is_write = true;
        *rows = run->stats.rows_affected > 0 ? run->stats.rows_affected : 0;
        if (status == STATUS_OK) query_answer_append_write(buf, run);
    } else if (status == STATUS_OK) {
        status = write_rows(run, stream, &schema, buf, rows, err);
    }
    arrow_schema_release(&schema);
    arrow_stream_release(stream);
    return status;
}

static const char *content_type_of(const QueryRun *run) {
    return rowformat_content_type(run->is_write ? ROWFORMAT_JSON : run->format);
}

/* Volatile functions may write too. */
static bool only_reads(const QueryRun *run) {
    return run->decision->statement->kind == STATEMENT_READ && run->decision->class != CLASS_SESSION;
}

/* Marks a write as begun. Fails for nginx's second attempt at one whose first process was lost. */
static Status begin_write(QueryRun *run, Error *err) {
    if (run->write_begun || !run->api->attempts || only_reads(run)) return STATUS_OK;
    const char *identifier = exchange_parameter(run->exchange, "SIGNALBOX_ATTEMPT_ID");
    run->write_begun = !identifier || !identifier[0] || attempts_begin(run->api->attempts, identifier);
    if (run->write_begun) return STATUS_OK;
    return error_set(err, "40003",
                     "the process that began this statement was lost, whether it took effect is unknown");
}

/* ---- slow lane -------------------------------------------------------------------------------------------
 */

static Status run_decision(QueryRun *run, StrBuf *buf, int64_t *rows, Error *err) {
    Decision *decision = run->decision;
    run->execution = (Execution){.params = run->body.params,
                                 .param_count = run->body.param_count,
                                 .cancel = &run->attempt,
                                 .row_limit = run->max_rows + 1, /* one more tells whether any was left out */
                                 .stats = &run->stats,
                                 .marker = query_result_marker(run),
                                 .max_bytes_scanned = decision->limits.max_bytes_scanned};
    ArrowArrayStream stream = {0};
    TRY(decision->engine->ops->execute(decision->engine, decision->plan, &run->execution, &stream, err));
    return answer(run, &stream, buf, rows, err);
}

/* What the engine is to blame for; a client that leaves or a limit that is reached says nothing of it. */
static void note_end(QueryRun *run, Status status, const Error *err) {
    run->taken_ns = clock_now_ns() - run->execute_started_ns - run->client_wait_ns;
    double taken_ms = run->cut_short ? -1 : (double)run->taken_ns / 1e6;
    bool to_blame = status != STATUS_OK && query_is_engine_failure(run, err);
    static const Error other = {.sqlstate = SQLSTATE_QUERY_CANCELED};
    const Error *failure = status == STATUS_OK ? NULL : to_blame ? err : &other;
    router_run_ends(run->api->router, run->decision, taken_ms, failure);
}

static Status execute(QueryRun *run, StrBuf *buf, int64_t *rows, Error *err) {
    TRY(begin_write(run, err));
    run->execute_started_ns = clock_now_ns();
    run->client_wait_ns = 0;
    run->cut_short = false;
    rule_limits_lower(&run->decision->limits, run->exchange, &run->max_rows);
    cancel_init(&run->attempt, cancel_deadline_ns(&run->exchange->cancel));
    run->attempt.parent = &run->exchange->cancel;
    router_run_begins(run->api->router, run->decision);
    query_watch_begin(run);
    Status status = run_decision(run, buf, rows, err);
    query_watch_end(run);
    if (status != STATUS_OK && atomic_load(&run->attempt.reason) == CANCEL_BY_ENGINE_LOST) {
        error_clear(err);
        (void)cancel_check(&run->attempt, err);
    }
    note_end(run, status, err);
    if (status == STATUS_OK && run->decision->changes_schema) api_note_ddl(run->api);
    return status;
}

/* A cached decision over tables that another process of the pool has changed since: they are read again and
 * the statement decided once more. An unknown name is found before anything runs, so nothing runs twice. */
static bool decide_again(QueryRun *run, const Error *failure) {
    bool unknown_name = !strcmp(failure->sqlstate, SQLSTATE_UNDEFINED_TABLE) ||
                        !strcmp(failure->sqlstate, SQLSTATE_UNDEFINED_COLUMN);
    bool may = unknown_name && run->timing.cached && !run->streaming && !run->decided_again &&
               run->decision->statement->statement_count == 1;
    if (!may) return false;
    run->decided_again = true;
    Error err = {0};
    if (router_refresh(run->api->router, &err) != STATUS_OK) return false;
    RouteRequest request = query_request_route(run->exchange, &run->body);
    Decision *decision;
    if (router_decide(run->api->router, &request, &decision, &run->timing, &err) != STATUS_OK) return false;
    let_go(run);
    run->decision = decision;
    run->stats = (ExecutionStats){.rows_affected = -1};
    return true;
}

static void execute_and_answer(QueryRun *run) {
    StrBuf buf;
    strbuf_init(&buf);
    Error err = {0};
    int64_t rows = 0;
    Status status = execute(run, &buf, &rows, &err);
    while (status != STATUS_OK && (decide_again(run, &err) || query_fail_over(run, &err))) {
        strbuf_reset(&buf);
        error_clear(&err);
        query_result_end(run); /* what was looked up was another decision's */
        status = execute(run, &buf, &rows, &err);
    }
    if (status == STATUS_OK) query_result_keep(run, rows);
    if (status == STATUS_OK) count_success(run, LANE_SLOW, rows);
    if (status == STATUS_OK && run->streaming) status = flush(run, &buf, &err);
    if (status == STATUS_OK && !run->streaming) {
        name_engine(run);
        end_with_reply(run, content_type_of(run), &buf);
        strbuf_deinit(&buf);
        return;
    }
    strbuf_deinit(&buf);
    if (!run->streaming) {
        name_engine(run);
        end_with_problem(run, &err);
        return;
    }
    if (status != STATUS_OK) query_note(run, problem_status(&err), err.sqlstate, 0);
    let_go(run);
    if (status == STATUS_OK) {
        exchange_stream_end(run->exchange);
        return;
    }
    metrics_add(&run->api->metrics->cut_responses, 1);
    log_warn("response.cut", "id=%s sqlstate=%s error=\"%s\"", run->exchange->request_id, err.sqlstate,
             err.message);
    exchange_stream_cut(run->exchange);
}

/* From the cache. */
static void end_with_kept(QueryRun *run, const StrBuf *body) {
    query_note(run, 200, NULL, run->kept_rows);
    name_engine(run);
    exchange_add_header(run->exchange, "X-Cache", "hit");
    end_with_reply(run, content_type_of(run), body);
}

static void answer_kept_or_run(QueryRun *run) {
    StrBuf body;
    Error err = {0};
    bool found;
    strbuf_init(&body);
    rule_limits_lower(&run->decision->limits, run->exchange, &run->max_rows); /* of a kept answer, too */
    if (query_result_serve(run, &body, &found, &err) != STATUS_OK)
        end_with_problem(run, &err);
    else if (found)
        end_with_kept(run, &body);
    else
        execute_and_answer(run);
    strbuf_deinit(&body);
}

/* Where no other engine can, it waits for this one after all. */
static void leave_hung_engine(QueryRun *run) {
    static const Error hung = {.sqlstate = SQLSTATE_DOES_NOT_ANSWER,
                               .message = "PostgreSQL does not answer any more"};
    if (run->lane_hung) (void)query_fail_over(run, &hung);
}

static void run_on_worker(Exchange *exchange) {
    QueryRun *run = run_of(exchange);
    run->on_worker = true;
    run->queue_us = (double)(clock_now_ns() - run->queued_ns) / 1e3;
    Error err = {0};
    if (!run->decision) {
        api_wait_ready(run->api);
        api_catch_up(run->api);
        RouteRequest request = query_request_route(exchange, &run->body);
        if (router_decide(run->api->router, &request, &run->decision, &run->timing, &err) != STATUS_OK) {
            run->decision = NULL;
            end_with_problem(run, &err);
            return;
        }
    }
    leave_hung_engine(run);
    bool may_run = cancel_check(&exchange->cancel, &err) == STATUS_OK &&
                   query_get_check(run, &err) == STATUS_OK &&
                   (run->body.dry_run || rule_limits_admit(run->decision, &err) == STATUS_OK);
    if (!may_run) {
        end_with_problem(run, &err);
    } else if (run->body.dry_run && dry_run_bind(run, &err) != STATUS_OK) {
        end_with_problem(run, &err);
    } else if (run->body.dry_run) {
        StrBuf buf;
        strbuf_init(&buf);
        query_answer_append_dry_run(&buf, run);
        end_with_reply(run, "application/json", &buf);
        strbuf_deinit(&buf);
    } else {
        answer_kept_or_run(run);
    }
}

static void hand_to_worker(QueryRun *run) {
    run->queued_ns = clock_now_ns();
    exchange_run_on_worker(run->exchange, run_on_worker);
}

/* ---- fast lane -------------------------------------------------------------------------------------------
 */

static EngineLane *lane_of(const QueryRun *run) {
    const LoopState *state = run->exchange->loop_state;
    int index = state ? engine_index(run) : -1;
    return index >= 0 ? state->lanes[index] : NULL;
}

static void abandon_lane(Exchange *exchange, CancelReason reason) {
    QueryRun *run = run_of(exchange);
    run->decision->engine->ops->lane_cancel(lane_of(run), &run->lane_request);
    if (reason == CANCEL_BY_CLIENT_GONE) {
        metrics_add(&run->api->metrics->cancelled, 1);
        let_go(run);
        exchange_stream_cut(exchange);
        return;
    }
    Error err = {0};
    (void)!cancel_check(&exchange->cancel, &err);
    end_with_problem(run, &err);
}

/* The statement did not run, or it only reads: another connection may try. */
static bool is_worth_another_try(const QueryRun *run, const Error *error) {
    bool protocol_violation = !strcmp(error->sqlstate, "08P01"); /* the parameters do not fit */
    bool connection_lost =
        (!strncmp(error->sqlstate, "08", 2) && !protocol_violation) || !strncmp(error->sqlstate, "57P", 3);
    bool unknown_name = !strcmp(error->sqlstate, SQLSTATE_UNDEFINED_TABLE) ||
                        !strcmp(error->sqlstate, SQLSTATE_UNDEFINED_COLUMN); /* a worker may decide again */
    return (connection_lost && only_reads(run)) || unknown_name;
}

static void shrink(StrBuf *buf) {
    if (buf->capacity > KEPT_BUFFER_BYTES) strbuf_deinit(buf);
}

static void on_lane_done(LaneRequest *request, const LaneAnswer *found, const Error *error) {
    QueryRun *run = request->user;
    exchange_await(run->exchange, NULL);
    run->taken_ns = clock_now_ns() - run->execute_started_ns;
    router_lane_run_ends(run->api->router, run->decision, (double)run->taken_ns / 1e6, error);
    if (error && is_worth_another_try(run, error)) {
        metrics_add(&run->api->metrics->lane_fallbacks, 1);
        run->stats = (ExecutionStats){.rows_affected = -1};
        run->lane_hung = !strcmp(error->sqlstate, SQLSTATE_DOES_NOT_ANSWER);
        hand_to_worker(run);
        return;
    }
    if (error) {
        end_with_problem(run, error);
        return;
    }
    StrBuf *buf = &loop_state_of(run)->body;
    strbuf_reset(buf);
    Error err;
    error_clear(&err);
    int64_t rows = 0;
    if (answer_lane(run, found, buf, &rows, &err) == STATUS_OK) {
        count_success(run, LANE_FAST, rows);
        name_engine(run);
        end_with_reply(run, content_type_of(run), buf);
    } else {
        end_with_problem(run, &err);
    }
    shrink(buf);
}

static bool try_cache(QueryRun *run) {
    LoopState *state = loop_state_of(run);
    StrBuf *body = state ? &state->body : NULL;
    if (!state || !query_result_at_once(run, body)) return false;
    end_with_kept(run, body);
    shrink(body);
    return true;
}

static bool try_fast_lane(QueryRun *run) {
    if (run->body.dry_run || !run->decision->plan->fast_lane || run->decision->changes_schema ||
        rowformat_blocks(run->format) || query_get_check(run, NULL) != STATUS_OK)
        return false;
    EngineLane *lane = lane_of(run);
    if (!lane || begin_write(run, NULL) != STATUS_OK) return false;
    run->lane_request = (LaneRequest){.plan = run->decision->plan,
                                      .params = run->body.params,
                                      .param_count = run->body.param_count,
                                      .deadline_ns = cancel_deadline_ns(&run->exchange->cancel),
                                      .stats = &run->stats,
                                      .done = on_lane_done,
                                      .user = run};
    run->execute_started_ns = clock_now_ns();
    if (run->decision->engine->ops->lane_submit(lane, &run->lane_request, NULL) != STATUS_OK) return false;
    exchange_await(run->exchange, abandon_lane);
    return true;
}

/* ---- beginning -------------------------------------------------------------------------------------------
 */

static bool negotiate(Exchange *exchange, RowFormat *format) {
    Error err = {0};
    int status = 0;
    if (negotiate_format(exchange_query_value(exchange, "format"),
                         exchange_parameter(exchange, "HTTP_ACCEPT"), format, &status, &err) == STATUS_OK)
        return true;
    problem_reply(exchange, status, &err);
    return false;
}

static void set_limits(QueryRun *run) {
    double limit_seconds = atomic_load_explicit(&run->api->max_runtime_seconds, memory_order_relaxed);
    double wanted = run->body.max_runtime_seconds;
    double seconds = wanted > 0 && wanted < limit_seconds ? wanted : limit_seconds;
    cancel_lower_deadline(&run->exchange->cancel, run->exchange->received_ns + (int64_t)(seconds * 1e9));
    run->max_rows = run->body.max_rows ? run->body.max_rows
                                       : atomic_load_explicit(&run->api->max_rows, memory_order_relaxed);
    if (run->max_rows > INT64_MAX - 1) run->max_rows = INT64_MAX - 1;
}

void query_run_on_worker(Api *api, Exchange *exchange, const QueryBody *body) {
    QueryRun *run = ARENA_NEW(&exchange->arena, QueryRun);
    *run = (QueryRun){.api = api, .exchange = exchange, .body = *body, .stats = {.rows_affected = -1}};
    if (!negotiate(exchange, &run->format)) return;
    exchange->state = run;
    set_limits(run);
    run->queued_ns = clock_now_ns();
    run_on_worker(exchange);
}

void query_handle(Api *api, Exchange *exchange, char *const *arguments) {
    QueryRun *run = ARENA_NEW(&exchange->arena, QueryRun);
    *run = (QueryRun){.api = api, .exchange = exchange, .stats = {.rows_affected = -1}};
    if (!negotiate(exchange, &run->format)) return;
    bool read = exchange->method == HTTP_POST ? query_request_read(exchange, &run->body)
                                              : query_get_read(exchange, api->cors_origins, &run->body);
    if (!read) return;
    exchange->state = run;
    set_limits(run);
    RouteRequest request = query_request_route(exchange, &run->body);
    if (!api_is_behind(api)) run->decision = router_lookup(api->router, &request, &run->timing);
    if (run->decision) rule_limits_lower(&run->decision->limits, exchange, &run->max_rows);
    if (run->decision && try_cache(run)) return;
    if (!run->decision || !try_fast_lane(run)) hand_to_worker(run);
}
