/* POST /api/v1/route: the decision alone, by the very call /query makes. */
#include "fcgi/api/api_internal.h"
#include "fcgi/api/decision_json.h"
#include "fcgi/api/problem.h"
#include "fcgi/api/query_request.h"

void route_handle(Api *api, Exchange *exchange, char *const *arguments) {
    QueryBody body;
    if (!query_request_read(exchange, &body)) return;
    api_catch_up(api);
    RouteRequest request = query_request_route(exchange, &body);
    RuleTrials trials = {.arena = &exchange->arena};
    request.trials = &trials;
    Decision *decision = NULL;
    RouteTiming timing = {0};
    Error err = {0};
    if (router_decide(api->router, &request, &decision, &timing, &err) != STATUS_OK) {
        problem_reply(exchange, 0, &err);
        return;
    }
    StrBuf out;
    strbuf_init(&out);
    decision_append_answer(&out, decision, &timing, &trials);
    strbuf_append_char(&out, '\n');
    decision_release(decision);
    api_reply_json(exchange, 200, &out);
}
