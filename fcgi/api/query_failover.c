#include "fcgi/api/query_failover.h"

#include <stdio.h>
#include <string.h>

#include "engines/base/log.h"
#include "fcgi/api/query_request.h"

bool query_is_engine_failure(const QueryRun *run, const Error *failure) {
    /* A shutdown or a deadline of ours is told with codes that a server uses, too. */
    return !cancel_is_requested(&run->exchange->cancel) && router_is_engine_failure(failure);
}

/* Volatile functions may write. */
static bool only_reads(const Decision *decision) {
    return decision->statement->kind == STATEMENT_READ && decision->class != CLASS_SESSION;
}

bool query_fail_over(QueryRun *run, const Error *failure) {
    Decision *failed = run->decision;
    if (run->streaming || failed->forced || !only_reads(failed) || !query_is_engine_failure(run, failure))
        return false;
    run->avoid |= 1u << api_engine_index(run->api, failed->engine);
    RouteRequest request = query_request_route(run->exchange, &run->body);
    request.avoid = run->avoid;
    Decision *next;
    Error err = {0};
    if (router_decide(run->api->router, &request, &next, &run->timing, &err) != STATUS_OK) return false;
    log_warn("query.fallback", "id=%s from=%s to=%s sqlstate=%s error=\"%s\"", run->exchange->request_id,
             failed->engine->name, next->engine->name, failure->sqlstate, failure->message);
    metrics_add(&run->api->metrics->fallbacks[api_engine_index(run->api, failed->engine)], 1);
    run->fallback.engine = failed->engine->name;
    snprintf(run->fallback.sqlstate, sizeof run->fallback.sqlstate, "%s", failure->sqlstate);
    snprintf(run->fallback.error, sizeof run->fallback.error, "%.*s", (int)sizeof run->fallback.error - 1,
             failure->message);
    decision_release(failed);
    run->decision = next;
    run->stats = (ExecutionStats){.rows_affected = -1};
    return true;
}

void query_append_fallback(StrBuf *out, const QueryRun *run) {
    if (!run->fallback.engine) return;
    strbuf_append_text(out, ",\"fallback\":{\"engine\":");
    strbuf_append_json(out, run->fallback.engine, strlen(run->fallback.engine));
    strbuf_append_text(out, ",\"sqlstate\":");
    strbuf_append_json(out, run->fallback.sqlstate, strlen(run->fallback.sqlstate));
    strbuf_append_text(out, ",\"error\":");
    strbuf_append_json(out, run->fallback.error, strlen(run->fallback.error));
    strbuf_append_char(out, '}');
}
