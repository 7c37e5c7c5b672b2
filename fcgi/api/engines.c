/* GET /api/v1/engines: each engine, its state, connections and how many tables it holds. */
#include <string.h>

#include "fcgi/api/api_internal.h"

static int count_tables(const RegistryView *view, const Engine *engine) {
    int count = 0;
    for (int i = 0; i < view->count; i++)
        count += view->tables[i].engine == engine;
    return count;
}

static void append_breaker(StrBuf *out, const EngineBreaker *breaker) {
    strbuf_printf(out, ",\"breaker\":{\"state\":\"%s\",\"failures\":%d,\"opened\":%llu,\"message\":",
                  breaker_state_name(breaker->state), breaker->failures, (unsigned long long)breaker->opened);
    if (breaker->message[0])
        strbuf_append_json(out, breaker->message, strlen(breaker->message));
    else
        strbuf_append_text(out, "null");
    strbuf_append_char(out, '}');
}

/* What its estimates rest on, and where that is from. */
static void append_constants(StrBuf *out, const EngineConstants *constants) {
    strbuf_append_text(out, ",\"constants\":{");
    bool first = true;
    for (int i = 0; i < ENGINE_CONSTANT_COUNT; i++) {
        if (!(constants->values[i] > 0)) continue;
        strbuf_printf(out, "%s\"%s\":{\"value\":%.4g,\"compiled_in\":%.4g,\"source\":\"%s\"}",
                      first ? "" : ",", constants->names[i], constants->values[i], constants->compiled_in[i],
                      constants->probed[i] ? "probed" : "compiled in");
        first = false;
    }
    strbuf_printf(out, "},\"probes\":%d,\"probed_at\":", constants->probes);
    if (constants->probed_at_seconds)
        strbuf_append_u64(out, constants->probed_at_seconds);
    else
        strbuf_append_text(out, "null");
    strbuf_printf(out, ",\"learnt\":{\"factor\":%.3g,\"runs\":%d}", constants->learnt_factor,
                  constants->learnt_runs);
}

static void append_engine(StrBuf *out, const Engine *engine, const EngineHealth *health,
                          const EngineBreaker *breaker, const EngineConstants *constants, int tables) {
    strbuf_append_text(out, "{\"name\":");
    strbuf_append_json(out, engine->name, strlen(engine->name));
    strbuf_append_text(out, ",\"kind\":");
    strbuf_append_json(out, engine->ops->kind, strlen(engine->ops->kind));
    strbuf_printf(out, ",\"up\":%s,\"latency_ms\":%.3f,\"version\":", health->up ? "true" : "false",
                  health->latency_ms);
    strbuf_append_json(out, health->version, strlen(health->version));
    strbuf_append_text(out, ",\"message\":");
    if (health->message[0])
        strbuf_append_json(out, health->message, strlen(health->message));
    else
        strbuf_append_text(out, "null");
    strbuf_printf(out, ",\"connections\":{\"open\":%d,\"busy\":%d},\"tables\":%d", health->connections_open,
                  health->connections_busy, tables);
    append_breaker(out, breaker);
    append_constants(out, constants);
    strbuf_append_char(out, '}');
}

void engines_handle(Api *api, Exchange *exchange, char *const *arguments) {
    EngineHealth health[ROUTER_MAX_CANDIDATES];
    if (!api_health(api, health)) {
        api_poll_health(api);
        api_health(api, health);
    }
    RegistryView view;
    router_registry(api->router, &view);
    StrBuf out;
    strbuf_init(&out);
    strbuf_append_text(&out, "{\"engines\":[");
    for (int i = 0; i < router_engine_count(api->router); i++) {
        const Engine *engine = router_engine(api->router, i);
        if (i) strbuf_append_char(&out, ',');
        EngineBreaker breaker;
        EngineConstants constants;
        router_breaker(api->router, i, &breaker);
        router_constants(api->router, i, &constants);
        append_engine(&out, engine, &health[i], &breaker, &constants, count_tables(&view, engine));
    }
    strbuf_append_text(&out, "]}\n");
    registry_view_release(&view);
    api_reply_json(exchange, 200, &out);
}
