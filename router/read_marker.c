/* The marker of a statement that may read tables of several engines. */
#include <string.h>

#include "router/router.h"

static MarkerAnswer ask(Engine *engine, MarkerRequest request, EnginePlan *plan, StrBuf *out) {
    if (!engine->ops->read_marker) return MARKER_NONE;
    request.plan = plan;
    strbuf_append(out, engine->name, strlen(engine->name) + 1);
    return engine->ops->read_marker(engine, &request, out);
}

MarkerAnswer decision_read_marker(const Decision *decision, bool may_wait, bool to_keep, CancelToken *cancel,
                                  StrBuf *out, size_t *own_bytes) {
    const Statement *statement = decision->plan->statement;
    MarkerRequest request = {.bindings = statement->bindings,
                             .binding_count = statement->binding_count,
                             .may_wait = may_wait,
                             .to_keep = to_keep,
                             .cancel = cancel};
    strbuf_reset(out);
    MarkerAnswer answer = ask(decision->engine, request, decision->plan, out);
    *own_bytes = out->length;
    for (int i = 0; i < statement->binding_count && answer == MARKER_KNOWN; i++) {
        Engine *engine = statement->bindings[i].engine;
        bool asked = engine == decision->engine;
        for (int before = 0; before < i && !asked; before++)
            asked = statement->bindings[before].engine == engine;
        if (!asked) answer = ask(engine, request, NULL, out);
    }
    return answer;
}
