/* GET, POST /api/v1/schedules; GET, PUT, DELETE /api/v1/schedules/{id}; POST .../run. */
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "fcgi/api/jobs_resource.h"
#include "fcgi/api/jobs_run.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/query_request.h"
#include "fcgi/jobs/cron.h"
#include "fcgi/jobs/job_schedules.h"

enum { HISTORY_RUNS = 50, USUAL_LIMIT = 100, MOST_LIMIT = 1000, MOST_NAME_BYTES = 200 };

/* What is wrong with it is said now: nobody waits for its answer later. */
static Status check(Api *api, Exchange *exchange, const QueryBody *body, Schedule *schedule, Error *err) {
    Cron cron;
    TimeZoneMeaning zone;
    Decision *decision;
    RouteTiming timing;
    RouteRequest request = query_request_route(exchange, body);
    TRY(cron_parse(schedule->cron, &cron, err));
    TRY(cron_zone(schedule->timezone, &zone, err));
    if (!cron_next_us(&cron, &zone, clock_wall_us()))
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "\"cron\" names no time within ten years");
    api_catch_up(api);
    TRY(router_decide(api->router, &request, &decision, &timing, err));
    bool reads = decision->statement->kind == STATEMENT_READ && decision->class != CLASS_SESSION;
    decision_release(decision);
    if (schedule->target && !reads)
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         "with \"table\" the statement must be a read: its rows go into the table");
    schedule->repeatable = reads && (!schedule->target || !strcmp(schedule->mode, "replace"));
    return STATUS_OK;
}

static bool read_schedule(Api *api, Exchange *exchange, Schedule *out) {
    QueryBody body;
    Error err = {0};
    if (!query_request_read_schedule(exchange, &body)) return false;
    *out =
        (Schedule){.name = body.name ? body.name : "",
                   .body = exchange->body,
                   .headers = jobs_capture_headers(exchange),
                   .user = jobs_user_of(api, exchange),
                   .sql = body.sql,
                   .cron = body.cron,
                   .timezone = body.timezone ? body.timezone : "UTC",
                   .target = body.table,
                   .mode = body.replaces ? "replace" : "append",
                   .priority = body.priority ? body.priority : JOB_USUAL_PRIORITY,
                   .max_runtime_ms = jobs_limited_ms(body.max_runtime_seconds, api->jobs_max_runtime_seconds),
                   .max_queue_ms = jobs_limited_ms(body.max_queue_seconds, api->jobs_max_queue_seconds),
                   .enabled = !body.disabled};
    Status status = STATUS_OK;
    if (strlen(out->name) > MOST_NAME_BYTES)
        status =
            error_set(&err, SQLSTATE_INVALID_PARAMETER, "\"name\" is longer than %d bytes", MOST_NAME_BYTES);
    if (status == STATUS_OK) status = check(api, exchange, &body, out, &err);
    if (status != STATUS_OK) problem_reply(exchange, 0, &err);
    return status == STATUS_OK;
}

static void reply_schedule(Api *api, Exchange *exchange, int status, const Schedule *schedule) {
    StrBuf out;
    Error err = {0};
    strbuf_init(&out);
    if (schedule_append_json(jobs_reader(api->jobs), schedule, HISTORY_RUNS, &out, &err) == STATUS_OK) {
        strbuf_append_char(&out, '\n');
        api_reply_json(exchange, status, &out);
        return;
    }
    strbuf_deinit(&out);
    problem_reply(exchange, 0, &err);
}

static void reply_missing(Exchange *exchange) {
    problem_reply_text(exchange, 404, "there is no schedule of this id");
}

/* ---- all -------------------------------------------------------------------------------------------------
 */

static void list(Api *api, Exchange *exchange) {
    const char *limit = exchange_query_value(exchange, "limit");
    const char *offset = exchange_query_value(exchange, "offset");
    int64_t most = limit ? strtoll(limit, NULL, 10) : USUAL_LIMIT,
            first = offset ? strtoll(offset, NULL, 10) : 0;
    StrBuf out;
    Error err = {0};
    if (most < 1 || most > MOST_LIMIT || first < 0) {
        problem_reply_text(exchange, 400, "\"limit\" must be from 1 to 1000 and \"offset\" not negative");
        return;
    }
    strbuf_init(&out);
    if (schedule_list(jobs_reader(api->jobs), most, first, &out, &err) == STATUS_OK) {
        api_reply_json(exchange, 200, &out);
        return;
    }
    strbuf_deinit(&out);
    problem_reply(exchange, 0, &err);
}

static void create(Api *api, Exchange *exchange) {
    Schedule schedule;
    Error err = {0};
    if (!read_schedule(api, exchange, &schedule)) return;
    if (schedule_create(jobs_store(api->jobs), &schedule, &err) != STATUS_OK) {
        problem_reply(exchange, 0, &err);
        return;
    }
    exchange_add_header(exchange, "Location",
                        arena_printf(&exchange->arena, "/api/v1/schedules/%s", schedule.id));
    reply_schedule(api, exchange, 201, &schedule);
}

void schedules_handle(Api *api, Exchange *exchange, char *const *arguments) {
    if (!jobs_are_kept(api, exchange)) return;
    if (exchange->method == HTTP_POST)
        create(api, exchange);
    else
        list(api, exchange);
}

/* ---- one -------------------------------------------------------------------------------------------------
 */

static Status find(Api *api, Exchange *exchange, const char *id, Schedule *out, bool *found, Error *err) {
    return schedule_read(jobs_reader(api->jobs), id, &exchange->arena, out, found, err);
}

static void change(Api *api, Exchange *exchange, const char *id) {
    Schedule before, schedule;
    bool found;
    Error err = {0};
    if (find(api, exchange, id, &before, &found, &err) != STATUS_OK) {
        problem_reply(exchange, 0, &err);
        return;
    }
    if (!found) {
        reply_missing(exchange);
        return;
    }
    if (!read_schedule(api, exchange, &schedule)) return;
    memcpy(schedule.id, before.id, sizeof schedule.id);
    schedule.created_us = before.created_us;
    if (schedule_change(jobs_store(api->jobs), &schedule, &found, &err) != STATUS_OK)
        problem_reply(exchange, 0, &err);
    else if (!found)
        reply_missing(exchange);
    else
        reply_schedule(api, exchange, 200, &schedule);
}

static void drop(Api *api, Exchange *exchange, const char *id) {
    bool found;
    Error err = {0};
    if (schedule_delete(jobs_store(api->jobs), id, &found, &err) != STATUS_OK)
        problem_reply(exchange, 0, &err);
    else if (!found)
        reply_missing(exchange);
    else
        exchange_reply(exchange, 204, NULL, NULL, 0);
}

void schedule_handle(Api *api, Exchange *exchange, char *const *arguments) {
    Schedule schedule;
    bool found;
    Error err = {0};
    if (!jobs_are_kept(api, exchange)) return;
    if (exchange->method == HTTP_PUT)
        change(api, exchange, arguments[0]);
    else if (exchange->method == HTTP_DELETE)
        drop(api, exchange, arguments[0]);
    else if (find(api, exchange, arguments[0], &schedule, &found, &err) != STATUS_OK)
        problem_reply(exchange, 0, &err);
    else if (!found)
        reply_missing(exchange);
    else
        reply_schedule(api, exchange, 200, &schedule);
}

void schedule_run_handle(Api *api, Exchange *exchange, char *const *arguments) {
    JobTicket ticket;
    bool found = false;
    Error err = {0};
    if (!jobs_are_kept(api, exchange)) return;
    if (schedule_run_now(jobs_store(api->jobs), arguments[0], jobs_options(api->jobs)->most_queued, &ticket,
                         &found, &err) != STATUS_OK) {
        jobs_reply_error(api, exchange, &err);
    } else if (!found) {
        reply_missing(exchange);
    } else {
        jobs_wake(api->jobs);
        jobs_reply_ticket(exchange, &ticket);
    }
}
