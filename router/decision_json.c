#include "router/decision_json.h"

#include <math.h>
#include <string.h>

static void append_text(StrBuf *out, const char *text) {
    if (text)
        strbuf_append_json(out, text, strlen(text));
    else
        strbuf_append_text(out, "null");
}

static void append_number(StrBuf *out, double value, const char *format) {
    if (isfinite(value))
        strbuf_printf(out, format[0] == 'f' ? "%.3f" : "%.0f", value);
    else
        strbuf_append_text(out, "null");
}

static void append_candidate(StrBuf *out, const Candidate *candidate) {
    const EngineVerdict *verdict = &candidate->verdict;
    strbuf_append_text(out, "{\"engine\":");
    append_text(out, candidate->engine->name);
    strbuf_append_text(out, ",\"cost_ms\":");
    append_number(out, verdict->eligible ? verdict->estimate.cost_ms : NAN, "fraction");
    strbuf_append_text(out, ",\"rows\":");
    append_number(out, verdict->eligible && verdict->estimate.rows >= 0 ? verdict->estimate.rows : NAN, "whole");
    strbuf_printf(out, ",\"eligible\":%s,\"chosen\":%s,\"why\":", verdict->eligible ? "true" : "false",
                  candidate->chosen ? "true" : "false");
    append_text(out, verdict->why);
    strbuf_append_char(out, '}');
}

void decision_to_json(const Decision *decision, StrBuf *out) {
    strbuf_append_text(out, "{\"rule\":");
    append_text(out, decision->rule);
    strbuf_append_text(out, ",\"reason\":");
    append_text(out, decision->reason);
    strbuf_append_text(out, ",\"class\":");
    append_text(out, statement_class_name(decision->class));
    strbuf_append_text(out, ",\"engine\":");
    append_text(out, decision->engine->name);
    strbuf_printf(out, ",\"forced\":%s,\"candidates\":[", decision->forced ? "true" : "false");
    for (int i = 0; i < decision->candidate_count; i++) {
        if (i > 0)
            strbuf_append_char(out, ',');
        append_candidate(out, &decision->candidates[i]);
    }
    strbuf_append_char(out, ']');
    if (decision->warning) {
        strbuf_append_text(out, ",\"warning\":");
        append_text(out, decision->warning);
    }
    strbuf_append_char(out, '}');
}
