/* POST /api/v1/compare: a read on each engine that can run it: times, row counts, whether the answers agree.
 */
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "fcgi/api/answers.h"
#include "fcgi/api/api_internal.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/query_request.h"
#include "fcgi/api/rule_limits.h"

enum { DEFAULT_RUNS = 3, MOST_RUNS = 20, MOST_AT_ONCE = 2 };

/* One engine's part. */
typedef struct Contender {
    const char *engine;
    Decision *decision; /* NULL = it cannot, `error` says why */
    Error error;
    double runs_ms[MOST_RUNS];
    int run_count;
    Answer answer; /* of the first run */
    AnswerDifference difference;
    bool failed;
} Contender;

typedef struct Comparison {
    Api *api;
    Exchange *exchange;
    QueryBody body;
    Contender contenders[ROUTER_MAX_CANDIDATES];
    int count, first; /* the one that others are compared with, -1 = none */
    bool ordered;
} Comparison;

static AnswerSource source_of(const Comparison *comparison, const Contender *contender) {
    return (AnswerSource){.router = comparison->api->router,
                          .decision = contender->decision,
                          .params = comparison->body.params,
                          .param_count = comparison->body.param_count,
                          .cancel = &comparison->exchange->cancel,
                          .max_rows = comparison->body.max_rows};
}

static Status check_read(const Decision *decision, Error *err) {
    if (decision->statement->kind == STATEMENT_READ && decision->class != CLASS_SESSION) return STATUS_OK;
    return error_set(err, SQLSTATE_NO_ENGINE,
                     "only reads are compared, without locks, settings and volatile functions");
}

/* As /query would decide: what rules deny is not compared either, and their limits hold. */
static Status decide_all(Comparison *comparison, const char **chosen, Error *err) {
    Router *router = comparison->api->router;
    RouteRequest request = query_request_route(comparison->exchange, &comparison->body);
    request.engine = request.header_engine = NULL;
    Decision *decision;
    TRY(router_decide(router, &request, &decision, NULL, err));
    Status status = check_read(decision, err);
    comparison->ordered = answer_is_ordered(decision->statement);
    *chosen = decision->engine->name;
    rule_limits_lower(&decision->limits, comparison->exchange, &comparison->body.max_rows);
    decision_release(decision);
    TRY(status);
    comparison->count =
        comparison->body.engines ? comparison->body.engine_count : router_engine_count(router);
    for (int i = 0; i < comparison->count; i++) {
        Contender *contender = &comparison->contenders[i];
        request.engine =
            comparison->body.engines ? comparison->body.engines[i] : router_engine(router, i)->name;
        contender->engine = request.engine;
        bool decided =
            router_decide(router, &request, &contender->decision, NULL, &contender->error) == STATUS_OK;
        if (!decided) contender->decision = NULL;
        if (!decided && !strcmp(contender->error.sqlstate, SQLSTATE_UNKNOWN_ENGINE)) {
            *err = contender->error;
            return STATUS_ERROR;
        }
    }
    return STATUS_OK;
}

static void note_run(const Comparison *comparison, const Contender *contender, const Answer *answer) {
    if (!comparison->api->history) return;
    const Decision *decision = contender->decision;
    HistoryEntry entry = {.started_us = clock_wall_us() - (int64_t)(answer->taken_ms * 1000),
                          .fingerprint = decision->fingerprint,
                          .sql = comparison->body.sql,
                          .engine = decision->engine->name,
                          .rule = decision->rule,
                          .class_name = statement_class_name(decision->class),
                          .origin = "compare",
                          .request_id = comparison->exchange->request_id,
                          .status = 200,
                          .cost_ms = -1,
                          .taken_ms = answer->truncated ? -1 : answer->taken_ms,
                          .rows = answer->count,
                          .bytes = answer->bytes_scanned};
    history_note(comparison->api->history, &entry, comparison->body.params, comparison->body.param_count);
}

/* One run. The first one's answer is kept until it is compared. */
static Status run_once(Comparison *comparison, Contender *contender, Error *err) {
    AnswerSource source = source_of(comparison, contender);
    Answer answer;
    if (answer_read(&source, &answer, &contender->error) != STATUS_OK) {
        contender->failed = true;
        return cancel_check(&comparison->exchange->cancel, err);
    }
    note_run(comparison, contender, &answer);
    contender->runs_ms[contender->run_count++] = answer.taken_ms;
    if (contender->run_count == 1)
        contender->answer = answer;
    else
        answer_deinit(&answer);
    return STATUS_OK;
}

/* In turns, so that a load that comes and goes strikes all of them. Two answers are kept at a time. */
static Status run_all(Comparison *comparison, Error *err) {
    int runs = comparison->body.runs ? comparison->body.runs : DEFAULT_RUNS;
    comparison->first = -1;
    for (int run = 0; run < runs; run++)
        for (int i = 0; i < comparison->count; i++) {
            Contender *contender = &comparison->contenders[i];
            if (!contender->decision || contender->failed) continue;
            TRY(run_once(comparison, contender, err));
            if (run > 0 || contender->failed) continue;
            if (comparison->first < 0) {
                comparison->first = i;
                continue;
            }
            answer_compare(&comparison->contenders[comparison->first].answer, &contender->answer,
                           comparison->ordered, &contender->difference);
            answer_deinit(&contender->answer);
        }
    if (comparison->first >= 0) answer_deinit(&comparison->contenders[comparison->first].answer);
    return STATUS_OK;
}

/* ---- the answer
 * ------------------------------------------------------------------------------------------ */

static Status append_row(const Comparison *comparison, const Contender *contender, bool has, uint64_t row,
                         StrBuf *out, Error *err) {
    strbuf_append_char(out, ',');
    strbuf_append_json(out, contender->engine, strlen(contender->engine));
    strbuf_append_char(out, ':');
    if (!has) {
        strbuf_append_text(out, "null");
        return STATUS_OK;
    }
    AnswerSource source = source_of(comparison, contender);
    return answer_find_row(&source, row, out, err);
}

static bool agrees(const Contender *contender) {
    return contender->difference.same_rows && contender->difference.same_order;
}

static Status append_difference(const Comparison *comparison, const Contender *contender, StrBuf *out,
                                Error *err) {
    const AnswerDifference *difference = &contender->difference;
    const Contender *first = &comparison->contenders[comparison->first];
    strbuf_printf(out, ",\"difference\":{\"same_rows\":%s,\"row\":%lld",
                  difference->same_rows ? "true" : "false", (long long)difference->at + 1);
    TRY(append_row(comparison, first, difference->left_has, difference->left_row, out, err));
    TRY(append_row(comparison, contender, difference->right_has, difference->right_row, out, err));
    strbuf_append_char(out, '}');
    return STATUS_OK;
}

static void append_why_not(const Contender *contender, StrBuf *out) {
    strbuf_printf(out, ",\"eligible\":%s,\"why\":", contender->decision ? "true" : "false");
    strbuf_append_json(out, contender->error.message, strlen(contender->error.message));
    strbuf_append_text(out, ",\"sqlstate\":");
    strbuf_append_json(out, contender->error.sqlstate, strlen(contender->error.sqlstate));
    strbuf_append_char(out, '}');
}

static Status append_contender(const Comparison *comparison, int index, StrBuf *out, Error *err) {
    const Contender *contender = &comparison->contenders[index];
    strbuf_append_text(out, index ? ",{\"engine\":" : "{\"engine\":");
    strbuf_append_json(out, contender->engine, strlen(contender->engine));
    if (!contender->run_count || contender->failed) {
        append_why_not(contender, out);
        return STATUS_OK;
    }
    double best = contender->runs_ms[0];
    strbuf_append_text(out, ",\"eligible\":true,\"runs_ms\":[");
    for (int i = 0; i < contender->run_count; i++) {
        strbuf_printf(out, "%s%.4f", i ? "," : "", contender->runs_ms[i]);
        if (contender->runs_ms[i] < best) best = contender->runs_ms[i];
    }
    strbuf_printf(out, "],\"best_ms\":%.4f,\"rows\":%lld,\"truncated\":%s,\"agrees\":%s", best,
                  (long long)contender->answer.count, contender->answer.truncated ? "true" : "false",
                  index == comparison->first || agrees(contender) ? "true" : "false");
    if (index != comparison->first && !agrees(contender))
        TRY(append_difference(comparison, contender, out, err));
    strbuf_append_char(out, '}');
    return STATUS_OK;
}

static Status append_answer(const Comparison *comparison, const char *chosen, StrBuf *out, Error *err) {
    int ran = 0;
    bool agree = true, truncated = false;
    for (int i = 0; i < comparison->count; i++) {
        const Contender *contender = &comparison->contenders[i];
        if (!contender->run_count || contender->failed) continue;
        ran++;
        agree &= i == comparison->first || agrees(contender);
        truncated |= contender->answer.truncated;
    }
    strbuf_printf(out, "{\"agree\":%s,\"ordered\":%s,\"chosen\":",
                  ran < 2 ? "null"
                  : agree ? "true"
                          : "false",
                  comparison->ordered ? "true" : "false");
    strbuf_append_json(out, chosen, strlen(chosen));
    if (truncated)
        strbuf_append_text(out,
                           ",\"warning\":\"the answer has more rows than are compared; those beyond max_rows "
                           "were not looked at\"");
    strbuf_append_text(out, ",\"engines\":[");
    for (int i = 0; i < comparison->count; i++)
        TRY(append_contender(comparison, i, out, err));
    strbuf_append_text(out, "]}\n");
    return STATUS_OK;
}

static void compare_now(Api *api, Exchange *exchange, Comparison *comparison) {
    double limit_seconds = atomic_load(&api->max_runtime_seconds),
           wanted = comparison->body.max_runtime_seconds;
    double seconds = wanted > 0 && wanted < limit_seconds ? wanted : limit_seconds;
    cancel_lower_deadline(&exchange->cancel, exchange->received_ns + (int64_t)(seconds * 1e9));
    const char *chosen;
    Error err = {0};
    StrBuf out;
    strbuf_init(&out);
    api_catch_up(api);
    Status status = decide_all(comparison, &chosen, &err);
    if (status == STATUS_OK) status = run_all(comparison, &err);
    if (status == STATUS_OK) status = append_answer(comparison, chosen, &out, &err);
    for (int i = 0; i < comparison->count; i++) {
        if (comparison->contenders[i].decision) decision_release(comparison->contenders[i].decision);
        answer_deinit(&comparison->contenders[i].answer);
    }
    if (status == STATUS_OK) {
        api_reply_json(exchange, 200, &out);
        return;
    }
    strbuf_deinit(&out);
    if (atomic_load(&exchange->cancel.reason) == CANCEL_BY_CLIENT_GONE)
        exchange_stream_cut(exchange);
    else
        problem_reply(exchange, 0, &err);
}

void compare_handle(Api *api, Exchange *exchange, char *const *arguments) {
    static _Atomic int running;
    Comparison *comparison = ARENA_NEW(&exchange->arena, Comparison);
    *comparison = (Comparison){.api = api, .exchange = exchange};
    if (!query_request_read_comparison(exchange, &comparison->body)) return;
    if (atomic_fetch_add(&running, 1) < MOST_AT_ONCE) {
        compare_now(api, exchange, comparison);
    } else {
        exchange_add_header(exchange, "Retry-After", "5");
        problem_reply_text(exchange, 429, "this process compares already; try again when it is done");
    }
    atomic_fetch_sub(&running, 1);
}
