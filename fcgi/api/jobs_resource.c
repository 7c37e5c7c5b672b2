/* POST /api/v1/queries, GET /api/v1/jobs, GET and DELETE /api/v1/jobs/{id}, GET .../plan. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "fcgi/api/jobs_resource.h"
#include "fcgi/api/jobs_run.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/query_request.h"

enum { USUAL_LIMIT = 50, MOST_LIMIT = 1000, MOST_KEY_BYTES = 255, MOST_USER_BYTES = 200 };

bool jobs_are_kept(Api *api, Exchange *exchange) {
    if (api->jobs) return true;
    problem_reply_text(exchange, 404, "no jobs are kept here (jobs.enabled)");
    return false;
}

const char *jobs_user_of(Api *api, Exchange *exchange) {
    const char *user = api->user_parameter[0] ? exchange_parameter(exchange, api->user_parameter) : NULL;
    return user && user[0] ? arena_strndup(&exchange->arena, user, strnlen(user, MOST_USER_BYTES)) : "";
}

/* ---- submitting ------------------------------------------------------------------------------------------
 */

/* nginx asks another process when the first one died, with the same id; a client may give a key of its own.
 */
static const char *key_of(Exchange *exchange, const char *user) {
    const char *own = exchange_parameter(exchange, "HTTP_IDEMPOTENCY_KEY");
    const char *attempt = exchange_parameter(exchange, "SIGNALBOX_ATTEMPT_ID");
    if (own && own[0]) return arena_printf(&exchange->arena, "key %s\x1f%.*s", user, MOST_KEY_BYTES, own);
    return attempt && attempt[0] ? arena_printf(&exchange->arena, "attempt %.255s", attempt) : NULL;
}

int64_t jobs_limited_ms(double wanted_seconds, int most_seconds) {
    double seconds = wanted_seconds > 0 && wanted_seconds < most_seconds ? wanted_seconds : most_seconds;
    return (int64_t)(seconds * 1000) + (seconds < 0.001);
}

/* What is wrong with it is said now, not when its turn has come. */
static Status check(Api *api, Exchange *exchange, const QueryBody *body, bool *only_reads, Error *err) {
    RouteRequest request = query_request_route(exchange, body);
    RouteTiming timing;
    Decision *decision;
    api_catch_up(api);
    TRY(router_decide(api->router, &request, &decision, &timing, err));
    *only_reads = decision->statement->kind == STATEMENT_READ && decision->class != CLASS_SESSION;
    decision_release(decision);
    return STATUS_OK;
}

void jobs_reply_ticket(Exchange *exchange, const JobTicket *ticket) {
    StrBuf out;
    strbuf_init(&out);
    strbuf_printf(&out, "{\"job_id\":\"%s\",\"status\":\"%s\",\"queue_position\":", ticket->id,
                  job_status_name(ticket->status));
    if (ticket->status == JOB_QUEUED)
        strbuf_append_i64(&out, ticket->queue_position);
    else
        strbuf_append_text(&out, "null");
    strbuf_append_text(&out, ",\"created_at\":");
    job_append_time(&out, ticket->created_us);
    strbuf_append_text(&out, "}\n");
    exchange_add_header(exchange, "Location", arena_printf(&exchange->arena, "/api/v1/jobs/%s", ticket->id));
    if (ticket->repeated) exchange_add_header(exchange, "Idempotent-Replayed", "true");
    api_reply_json(exchange, 202, &out);
}

void jobs_reply_error(Api *api, Exchange *exchange, const Error *err) {
    if (!strcmp(err->sqlstate, SQLSTATE_QUEUE_FULL))
        exchange_add_header(exchange, "Retry-After",
                            arena_printf(&exchange->arena, "%d", jobs_retry_after_seconds(api->jobs)));
    problem_reply(exchange, 0, err);
}

void jobs_submit_handle(Api *api, Exchange *exchange, char *const *arguments) {
    QueryBody body;
    Error err = {0};
    JobTicket ticket;
    if (!jobs_are_kept(api, exchange) || !query_request_read_job(exchange, &body)) return;
    JobRequest request = {.sql = body.sql,
                          .body = exchange->body,
                          .headers = jobs_capture_headers(exchange),
                          .user = jobs_user_of(api, exchange),
                          .tag = body.tag,
                          .priority = body.priority ? body.priority : JOB_USUAL_PRIORITY};
    request.key = key_of(exchange, request.user);
    request.max_runtime_ms = jobs_limited_ms(body.max_runtime_seconds, api->jobs_max_runtime_seconds);
    request.expires_us =
        clock_wall_us() + jobs_limited_ms(body.max_queue_seconds, api->jobs_max_queue_seconds) * 1000;
    Status status = body.dry_run ? error_set(&err, SQLSTATE_INVALID_PARAMETER,
                                             "\"dry_run\" is for POST /query: a job runs its statement")
                                 : check(api, exchange, &body, &request.only_reads, &err);
    if (status == STATUS_OK)
        status =
            job_submit(jobs_store(api->jobs), &request, jobs_options(api->jobs)->most_queued, &ticket, &err);
    if (status != STATUS_OK) {
        jobs_reply_error(api, exchange, &err);
        return;
    }
    jobs_wake(api->jobs);
    jobs_reply_ticket(exchange, &ticket);
}

/* ---- looking ---------------------------------------------------------------------------------------------
 */

static Status read_number(Exchange *exchange, const char *name, int64_t usual, int64_t least, int64_t most,
                          int64_t *out, Error *err) {
    const char *text = exchange_query_value(exchange, name);
    char *end;
    *out = usual;
    if (!text) return STATUS_OK;
    *out = strtoll(text, &end, 10);
    if (text[0] && !*end && *out >= least && *out <= most) return STATUS_OK;
    return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"%s\" must be a whole number from %lld to %lld", name,
                     (long long)least, (long long)most);
}

static Status read_filter(Exchange *exchange, JobFilter *out, Error *err) {
    JobStatus status;
    *out = (JobFilter){.status = exchange_query_value(exchange, "status"),
                       .engine = exchange_query_value(exchange, "engine"),
                       .user = exchange_query_value(exchange, "user"),
                       .schedule_id = exchange_query_value(exchange, "schedule_id")};
    if (out->status && !job_status_from_name(out->status, &status))
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         "\"status\" must be queued, running, completed, failed or cancelled");
    TRY(read_number(exchange, "limit", USUAL_LIMIT, 1, MOST_LIMIT, &out->limit, err));
    return read_number(exchange, "offset", 0, 0, INT64_MAX, &out->offset, err);
}

void jobs_list_handle(Api *api, Exchange *exchange, char *const *arguments) {
    JobFilter filter;
    Error err = {0};
    StrBuf out;
    if (!jobs_are_kept(api, exchange)) return;
    strbuf_init(&out);
    Status status = read_filter(exchange, &filter, &err);
    if (status == STATUS_OK) status = job_list(jobs_reader(api->jobs), &filter, &out, &err);
    if (status == STATUS_OK) {
        api_reply_json(exchange, 200, &out);
        return;
    }
    strbuf_deinit(&out);
    problem_reply(exchange, 0, &err);
}

bool jobs_find(Api *api, Exchange *exchange, const char *id, Job *out) {
    bool found = false;
    Error err = {0};
    if (!jobs_are_kept(api, exchange)) return false;
    if (job_read(jobs_reader(api->jobs), id, &exchange->arena, out, &found, &err) != STATUS_OK)
        problem_reply(exchange, 0, &err);
    else if (!found)
        problem_reply_text(exchange, 404, "there is no job of this id (any more)");
    return found;
}

static void reply_job(Exchange *exchange, int status, const Job *job) {
    StrBuf out;
    strbuf_init(&out);
    job_append_json(&out, job);
    strbuf_append_char(&out, '\n');
    api_reply_json(exchange, status, &out);
}

static void cancel(Api *api, Exchange *exchange, const char *id) {
    JobCancel what;
    JobStatus after;
    Error err = {0};
    Job job;
    if (!jobs_are_kept(api, exchange)) return;
    if (job_cancel(jobs_store(api->jobs), id, &what, &after, &err) != STATUS_OK) {
        problem_reply(exchange, 0, &err);
        return;
    }
    jobs_wake(api->jobs);
    /* 202: it is asked to stop and will say so. One that has ended stays as it is. */
    if (jobs_find(api, exchange, id, &job)) reply_job(exchange, what == JOB_CANCEL_ASKED ? 202 : 200, &job);
}

void job_handle(Api *api, Exchange *exchange, char *const *arguments) {
    Job job;
    if (exchange->method == HTTP_DELETE)
        cancel(api, exchange, arguments[0]);
    else if (jobs_find(api, exchange, arguments[0], &job))
        reply_job(exchange, 200, &job);
}

void job_plan_handle(Api *api, Exchange *exchange, char *const *arguments) {
    Job job;
    StrBuf out;
    if (!jobs_find(api, exchange, arguments[0], &job)) return;
    strbuf_init(&out);
    strbuf_printf(&out, "{\"job_id\":\"%s\",\"status\":\"%s\",\"engine\":", job.id,
                  job_status_name(job.status));
    if (job.engine)
        strbuf_append_json(&out, job.engine, strlen(job.engine));
    else
        strbuf_append_text(&out, "null");
    strbuf_printf(&out, ",\"route\":%s,\"plan\":%s,\"profile\":%s}\n", job.route ? job.route : "null",
                  job.plan ? job.plan : "null", job.profile ? job.profile : "null");
    api_reply_json(exchange, 200, &out);
}
