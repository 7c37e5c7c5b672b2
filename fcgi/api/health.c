/* GET /health: alive, and each engine's state as of the last look (at most about a second ago). */
#include <string.h>

#include "fcgi/api/api_internal.h"

static void reply(Api *api, Exchange *exchange, const EngineHealth *health) {
    bool any = false;
    StrBuf out;
    strbuf_init(&out);
    strbuf_append_text(&out, "\",\"engines\":{");
    for (int i = 0; i < router_engine_count(api->router); i++) {
        const char *name = router_engine(api->router, i)->name;
        any |= health[i].up;
        if (i) strbuf_append_char(&out, ',');
        strbuf_append_json(&out, name, strlen(name));
        strbuf_append_text(&out, health[i].up ? ":\"up\"" : ":\"down\"");
    }
    strbuf_append_text(&out, "},\"breakers\":{");
    for (int i = 0; i < router_engine_count(api->router); i++) {
        const char *name = router_engine(api->router, i)->name;
        EngineBreaker breaker;
        router_breaker(api->router, i, &breaker);
        if (i) strbuf_append_char(&out, ',');
        strbuf_append_json(&out, name, strlen(name));
        strbuf_printf(&out, ":\"%s\"", breaker_state_name(breaker.state));
    }
    strbuf_append_text(&out, "}}\n");
    StrBuf json;
    strbuf_init(&json);
    strbuf_append_text(&json, "{\"status\":\"");
    strbuf_append_text(&json, any ? "alive" : "down");
    strbuf_append(&json, out.data, out.length);
    strbuf_deinit(&out);
    api_reply_json(exchange, any ? 200 : 503, &json);
}

static void look_and_reply(Exchange *exchange) {
    Api *api = exchange->state;
    EngineHealth health[ROUTER_MAX_CANDIDATES];
    if (!api_health(api, health)) {
        api_poll_health(api);
        api_health(api, health);
    }
    reply(api, exchange, health);
}

void health_handle(Api *api, Exchange *exchange, char *const *arguments) {
    EngineHealth health[ROUTER_MAX_CANDIDATES];
    exchange->state = api;
    if (api_health(api, health))
        reply(api, exchange, health);
    else
        exchange_run_on_worker(exchange, look_and_reply);
}
