/* One job, from its request as kept to its result. As POST /query, but that rows go to a file. */
#include "fcgi/api/jobs_run.h"

#include <stdio.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "engines/base/thread_priority.h"
#include "fcgi/api/access_log.h"
#include "fcgi/api/decision_json.h"
#include "fcgi/api/jobs_into.h"
#include "fcgi/api/jobs_plan.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/query_body.h"
#include "fcgi/api/rule_limits.h"
#include "fcgi/jobs/job_results.h"
#include "router/fingerprint.h"

enum { MOST_HEADER_BYTES = 16 << 10 };

/* ---- headers ---------------------------------------------------------------------------------------------
 */

static bool starts_with(const char *text, const char *prefix) {
    return !strncmp(text, prefix, strlen(prefix));
}

const char *jobs_capture_headers(Exchange *exchange) {
    static const char *const secret[] = {"HTTP_AUTHORIZATION=", "HTTP_PROXY_AUTHORIZATION=", "HTTP_COOKIE="};
    StrBuf out;
    strbuf_init(&out);
    for (char *const *at = exchange_parameters(exchange); *at; at++) {
        bool wanted = starts_with(*at, "HTTP_") && !strchr(*at, '\n');
        for (size_t i = 0; wanted && i < sizeof secret / sizeof secret[0]; i++)
            wanted = !starts_with(*at, secret[i]);
        if (!wanted || out.length + strlen(*at) > MOST_HEADER_BYTES) continue;
        strbuf_append_text(&out, *at);
        strbuf_append_char(&out, '\n');
    }
    const char *text = arena_strndup(&exchange->arena, strbuf_text(&out), out.length);
    strbuf_deinit(&out);
    return text;
}

/* `request` is the kept text, a NUL behind each header, an empty one at the end. */
static const char *stored_header(const void *request, const char *parameter) {
    size_t length = strlen(parameter);
    for (const char *at = request; *at; at += strlen(at) + 1)
        if (!strncmp(at, parameter, length) && at[length] == '=') return at + length + 1;
    return NULL;
}

RouteContext *jobs_stored_context(Arena *arena, const char *headers, const char *tag) {
    size_t length = strlen(headers);
    char *text = arena_zalloc(arena, length + 2);
    memcpy(text, headers, length);
    for (char *at = text; *at; at++)
        if (*at == '\n') *at = 0;
    RouteContext *context = ARENA_NEW(arena, RouteContext);
    *context = (RouteContext){.header = stored_header, .request = text, .tag = tag};
    return context;
}

/* ---- running ---------------------------------------------------------------------------------------------
 */

typedef struct Task {
    Api *api;
    JobRun *run;
    QueryBody body;
    const RouteContext *context;
    Decision *decision;
    unsigned avoid;
    int64_t max_rows, rows;
    int64_t began_ns, file_ns; /* of this attempt; spent on the result's file */
    bool cut_short;
    bool has_result;
} Task;

static Status decide(Task *task, Error *err) {
    const char *header = stored_header(task->context->request, "HTTP_X_ENGINE");
    RouteRequest request = {.sql = task->body.sql,
                            .sql_length = task->body.sql_bytes,
                            .engine = task->body.engine,
                            .header_engine = header && strcmp(header, "auto") != 0 ? header : NULL,
                            .as_of = task->body.as_of,
                            .avoid = task->avoid,
                            .params = task->body.params,
                            .param_count = task->body.param_count,
                            .cancel = &task->run->cancel,
                            .context = task->context};
    RouteTiming timing;
    if (task->decision) decision_release(task->decision);
    task->decision = NULL;
    return router_decide(task->api->router, &request, &task->decision, &timing, err);
}

static bool only_reads(const Decision *decision) {
    return decision->statement->kind == STATEMENT_READ && decision->class != CLASS_SESSION;
}

/* What rules allow, and what there is to be done, for progress. */
static void take_limits(Task *task) {
    const DecisionLimits *limits = &task->decision->limits;
    const EngineEstimate *estimate = decision_estimate(task->decision);
    JobRun *run = task->run;
    task->max_rows = task->body.max_rows;
    if (limits->max_rows > 0 && (!task->max_rows || limits->max_rows < task->max_rows))
        task->max_rows = limits->max_rows;
    int64_t deadline_ns = run->started_ns + (int64_t)(limits->max_runtime_seconds * 1e9);
    if (limits->max_runtime_seconds > 0 && deadline_ns < run->cancel.deadline_ns)
        run->cancel.deadline_ns = deadline_ns;
    atomic_store(&run->planned_rows_scanned, (int64_t)estimate->rows_scanned);
    atomic_store(&run->planned_rows,
                 estimate->rows_scanned <= 0 && estimate->rows > 0 ? (int64_t)estimate->rows : -1);
}

static Status keep_batch(Task *task, JobResult *result, ArrowArray *batch, Error *err) {
    if (task->max_rows && task->rows + batch->length > task->max_rows) {
        task->cut_short = true;
        batch->length = task->max_rows - task->rows;
    }
    int64_t start_ns = clock_now_ns();
    Status status = job_result_batch(result, batch, err);
    task->file_ns += clock_now_ns() - start_ns;
    task->rows += batch->length;
    atomic_store_explicit(&task->run->rows, task->rows, memory_order_relaxed);
    return status;
}

static Status keep_batches(Task *task, ArrowArrayStream *stream, JobResult *result, Error *err) {
    while (!task->cut_short) {
        ArrowArray batch = {0};
        TRY(cancel_check(&task->run->cancel, err));
        TRY(arrow_stream_next(stream, &batch, err));
        if (!batch.release) return STATUS_OK;
        Status status = result ? keep_batch(task, result, &batch, err) : STATUS_OK;
        arrow_array_release(&batch);
        TRY(status);
        TRY(rule_limits_check(task->decision, &task->run->stats, err));
    }
    return STATUS_OK;
}

static Status keep_result(Task *task, ArrowArrayStream *stream, const ArrowSchema *schema, Error *err) {
    Jobs *jobs = task->run->jobs;
    JobResult *result = NULL;
    if (schema->n_children == 0) return keep_batches(task, stream, NULL, err); /* a write's or DDL's */
    TRY(job_result_begin(jobs_result_directory(jobs), task->run->claim.id, jobs_owner(jobs), schema,
                         jobs_options(jobs)->max_result_bytes, &result, err));
    if (keep_batches(task, stream, result, err) != STATUS_OK) {
        job_result_abandon(result);
        return STATUS_ERROR;
    }
    task->has_result = true;
    return job_result_finish(result, &task->run->outcome.result_bytes, err);
}

static Status run_decision(Task *task, Error *err) {
    JobRun *run = task->run;
    const Engine *engine = task->decision->engine;
    Execution execution = {.params = task->body.params,
                           .param_count = task->body.param_count,
                           .cancel = &run->cancel,
                           .budget = run->slot_budget,
                           .max_threads = jobs_options(run->jobs)->slot_threads,
                           .row_limit = task->max_rows ? task->max_rows + 1 : 0,
                           .stats = &run->stats,
                           .max_bytes_scanned = task->decision->limits.max_bytes_scanned};
    ArrowArrayStream stream = {0};
    ArrowSchema schema = {0};
    TRY(engine->ops->execute(task->decision->engine, task->decision->plan, &execution, &stream, err));
    Status status = arrow_stream_schema(&stream, &schema, err);
    if (status == STATUS_OK) status = keep_result(task, &stream, &schema, err);
    if (schema.release) arrow_schema_release(&schema);
    arrow_stream_release(&stream);
    return status;
}

static void note_end(Task *task, Status status, const Error *err) {
    static const Error other = {.sqlstate = SQLSTATE_QUERY_CANCELED};
    double taken_ms = (double)(clock_now_ns() - task->began_ns - task->file_ns) / 1e6;
    bool to_blame =
        status != STATUS_OK && !cancel_is_requested(&task->run->cancel) && router_is_engine_failure(err);
    router_run_ends(task->api->router, task->decision, task->cut_short ? -1 : taken_ms,
                    status == STATUS_OK ? NULL
                    : to_blame          ? err
                                        : &other);
}

static Status execute(Task *task, Error *err) {
    JobRun *run = task->run;
    task->rows = task->file_ns = 0;
    task->cut_short = false;
    atomic_store(&run->stats.rows_scanned, 0);
    atomic_store(&run->stats.bytes_scanned, 0);
    run->stats.rows_affected = -1;
    run->stats.command[0] = 0;
    task->began_ns = clock_now_ns();
    router_run_begins(task->api->router, task->decision);
    Status status = run_decision(task, err);
    note_end(task, status, err);
    if (status == STATUS_OK && task->decision->changes_schema) api_note_ddl(task->api);
    return status;
}

/* Nobody has seen any of its rows yet, so a read may begin anew in another engine at any time. */
static bool fail_over(Task *task, const Error *failure) {
    const Decision *failed = task->decision;
    if (failed->forced || !only_reads(failed) || cancel_is_requested(&task->run->cancel) ||
        !router_is_engine_failure(failure))
        return false;
    const char *from = failed->engine->name;
    Error err = {0};
    task->avoid |= 1u << api_engine_index(task->api, failed->engine);
    if (decide(task, &err) != STATUS_OK) return false;
    log_warn("job.fallback", "job=%s from=%s to=%s sqlstate=%s error=\"%s\"", task->run->claim.id, from,
             task->decision->engine->name, failure->sqlstate, failure->message);
    return true;
}

static void tell_plan(Task *task) {
    StrBuf route, plan;
    strbuf_init(&route);
    strbuf_init(&plan);
    decision_append_route(&route, task->decision);
    bool has_plan = jobs_plan_text(task->api, task->decision, task->body.params, task->body.param_count,
                                   task->context, &task->run->cancel, &plan);
    jobs_note_plan(task->run, task->decision->engine->name, strbuf_text(&route),
                   has_plan ? strbuf_text(&plan) : NULL);
    strbuf_deinit(&plan);
    strbuf_deinit(&route);
}

static Status read_body(JobRun *run, QueryBody *out, Error *err) {
    const JobClaim *claim = &run->claim;
    if (claim->schedule_id)
        return query_body_read_schedule(&run->arena, claim->body, strlen(claim->body), out, err);
    return query_body_read_job(&run->arena, claim->body, strlen(claim->body), out, err);
}

static Status put_into(Task *task, Error *err) {
    if (!task->body.table) return STATUS_OK;
    snprintf(task->run->stats.command, sizeof task->run->stats.command, "INSERT");
    return jobs_put_into(task->api, task->run, &task->body, &task->rows, err);
}

static Status run_task(Task *task, Error *err) {
    JobRun *run = task->run;
    TRY(read_body(run, &task->body, err));
    task->context = jobs_stored_context(&run->arena, run->claim.headers, task->body.tag);
    api_wait_ready(task->api);
    api_catch_up(task->api);
    TRY(decide(task, err));
    for (;;) {
        take_limits(task);
        tell_plan(task);
        TRY(cancel_check(&run->cancel, err));
        if (execute(task, err) == STATUS_OK) return put_into(task, err);
        Error failure = *err;
        if (!fail_over(task, &failure)) {
            *err = failure;
            return STATUS_ERROR;
        }
        error_clear(err);
    }
}

/* ---- the end ---------------------------------------------------------------------------------------------
 */

static void note_history(const Task *task, int http_status, const Error *err) {
    Api *api = task->api;
    const JobRun *run = task->run;
    if (!api->history) return;
    int64_t taken_ns = clock_now_ns() - task->began_ns - task->file_ns;
    const Decision *decision = task->decision;
    HistoryEntry entry = {.started_us = clock_wall_us() - (clock_now_ns() - run->started_ns) / 1000,
                          .sql = run->claim.sql,
                          .origin = run->claim.schedule_id ? "schedule" : "job",
                          .user = run->claim.user[0] ? run->claim.user : NULL,
                          .tag = task->body.tag,
                          .request_id = run->claim.id,
                          .sqlstate = err->sqlstate[0] ? err->sqlstate : NULL,
                          .status = http_status,
                          .cost_ms = decision ? decision_estimate(decision)->cost_ms : -1,
                          .taken_ms = task->began_ns && !task->cut_short ? (double)taken_ns / 1e6 : -1,
                          .rows = task->rows,
                          .bytes = atomic_load(&run->stats.bytes_scanned)};
    if (decision) {
        entry.fingerprint = decision->fingerprint;
        entry.engine = decision->engine->name;
        entry.rule = decision->rule;
        entry.class_name = statement_class_name(decision->class);
    } else {
        entry.fingerprint = fingerprint_hash(run->claim.sql, strlen(run->claim.sql));
    }
    history_note(api->history, &entry, task->body.params, task->body.param_count);
}

/* Counters and the audit: before the job's end is told. */
static void note_figures(const Task *task, Status status, const Error *err) {
    Metrics *metrics = task->api->metrics;
    const JobRun *run = task->run;
    const JobOutcome *outcome = &run->outcome;
    int index = task->decision ? api_engine_index(task->api, task->decision->engine) : -1;
    if (index >= 0 && status == STATUS_OK) {
        histogram_note(&metrics->query_time[index][LANE_JOB],
                       clock_now_ns() - task->began_ns - task->file_ns);
        metrics_add(&metrics->rows[index], (uint64_t)task->rows);
    } else if (index >= 0) {
        metrics_add(&metrics->query_errors[index], 1);
    }
    access_log_job(task->api->access_log, run->claim.id, run->claim.user[0] ? run->claim.user : NULL,
                   run->claim.sql, task->decision, outcome->http_status,
                   status == STATUS_OK ? NULL : err->sqlstate, outcome->row_count);
}

/* Of the last attempt. */
static const char *profile_of(const Task *task, int64_t now_ns) {
    JobRun *run = task->run;
    ExecutionStats *stats = &run->stats;
    double before_ms = (double)(task->began_ns - run->started_ns) / 1e6;
    return arena_printf(
        &run->arena,
        "{\"before_ms\":%.3f,\"execute_ms\":%.3f,\"result_ms\":%.3f,\"rows\":%lld,"
        "\"rows_scanned\":%lld,\"bytes_scanned\":%lld,\"files_skipped\":%lld,"
        "\"row_groups_skipped\":%lld}",
        before_ms, (double)(now_ns - task->began_ns - task->file_ns) / 1e6, (double)task->file_ns / 1e6,
        (long long)task->rows, (long long)atomic_load(&stats->rows_scanned),
        (long long)atomic_load(&stats->bytes_scanned), (long long)atomic_load(&stats->files_skipped),
        (long long)atomic_load(&stats->row_groups_skipped));
}

static void fill_outcome(Task *task, Status status, const Error *err) {
    JobRun *run = task->run;
    JobOutcome *outcome = &run->outcome;
    if (task->began_ns) outcome->profile = profile_of(task, clock_now_ns());
    if (status == STATUS_OK) {
        bool counted = !task->has_result && run->stats.rows_affected > 0;
        outcome->status = JOB_COMPLETED;
        outcome->http_status = 200;
        outcome->row_count = counted ? run->stats.rows_affected : task->rows;
        outcome->command = run->stats.command[0] ? run->stats.command : NULL;
        return;
    }
    bool cancelled = !strcmp(err->sqlstate, SQLSTATE_QUERY_CANCELED);
    bool by_user = cancelled && atomic_load(&run->cancel.reason) == CANCEL_BY_USER;
    outcome->status = by_user ? JOB_CANCELLED : JOB_FAILED;
    outcome->error = *err;
    outcome->http_status = cancelled ? 408 : problem_status(err);
    outcome->result_bytes = -1;
    if (cancelled && !by_user && clock_now_ns() >= run->cancel.deadline_ns)
        snprintf(outcome->error.message, sizeof outcome->error.message,
                 "the statement ran longer than max_runtime_seconds allows and was cancelled");
}

void jobs_run(void *context, JobRun *run) {
    Task task = {.api = context, .run = run};
    thread_step_back();
    Error err = {0};
    Status status = run_task(&task, &err);
    fill_outcome(&task, status, &err);
    if (status != STATUS_OK && task.has_result)
        job_result_remove(jobs_result_directory(run->jobs), run->claim.id);
    note_history(&task, run->outcome.http_status, &err);
    note_figures(&task, status, &err);
    if (task.decision) decision_release(task.decision);
}
