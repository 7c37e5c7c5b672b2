#include "fcgi/api/decision_json.h"

#include <math.h>
#include <string.h>

static void append_text(StrBuf *out, const char *text) {
    strbuf_append_json(out, text ? text : "", text ? strlen(text) : 0);
}

void json_append_fixed(StrBuf *out, double value, int digits) {
    static const int64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};
    if (!(value >= 0 && value < 1e12)) value = value > 0 ? 1e12 : 0;
    int64_t scaled = (int64_t)(value * (double)powers[digits] + 0.5);
    strbuf_append_i64(out, scaled / powers[digits]);
    if (!digits) return;
    char fraction[8] = ".000000";
    int64_t rest = scaled % powers[digits];
    for (int i = digits; i > 0; i--, rest /= 10)
        fraction[i] = (char)('0' + rest % 10);
    strbuf_append(out, fraction, (size_t)digits + 1);
}

void json_append_estimate(StrBuf *out, double value) {
    if (!isfinite(value) || value < 0)
        strbuf_append_text(out, "null");
    else if (value >= 1000)
        strbuf_printf(out, "%.0f", value);
    else
        strbuf_printf(out, "%.4g", value);
}

static void append_candidate(StrBuf *out, const Candidate *candidate) {
    const EngineVerdict *verdict = &candidate->verdict;
    strbuf_append_text(out, "{\"engine\":");
    append_text(out, candidate->engine->name);
    strbuf_append_text(out, ",\"cost_ms\":");
    json_append_estimate(out, verdict->eligible ? verdict->estimate.cost_ms : -1);
    strbuf_append_text(out, ",\"model_ms\":");
    json_append_estimate(out, verdict->eligible ? candidate->model_ms : -1);
    strbuf_append_text(out, ",\"rows\":");
    json_append_estimate(out, verdict->eligible ? verdict->estimate.rows : -1);
    strbuf_append_text(out, ",\"bytes_scanned\":");
    json_append_estimate(out, verdict->eligible ? verdict->estimate.bytes_scanned : -1);
    strbuf_printf(out, ",\"eligible\":%s,\"chosen\":%s,\"why\":", verdict->eligible ? "true" : "false",
                  candidate->chosen ? "true" : "false");
    if (verdict->why[0])
        append_text(out, verdict->why);
    else
        strbuf_append_text(out, "null");
    strbuf_append_char(out, '}');
}

static void append_route_members(StrBuf *out, const Decision *decision) {
    strbuf_append_text(out, "\"rule\":");
    append_text(out, decision->rule);
    strbuf_append_text(out, ",\"reason\":");
    append_text(out, decision->reason);
    strbuf_append_text(out, ",\"class\":");
    append_text(out, statement_class_name(decision->class));
    strbuf_append_text(out, ",\"candidates\":[");
    for (int i = 0; i < decision->candidate_count; i++) {
        if (i) strbuf_append_char(out, ',');
        append_candidate(out, &decision->candidates[i]);
    }
    strbuf_append_char(out, ']');
    if (decision->rule_count) {
        strbuf_append_text(out, ",\"rules\":[");
        for (int i = 0; i < decision->rule_count; i++) {
            if (i) strbuf_append_char(out, ',');
            append_text(out, decision->rules[i]);
        }
        strbuf_append_char(out, ']');
    }
    if (decision->wants_job) strbuf_append_text(out, ",\"wants_job\":true");
    if (decision->warning) {
        strbuf_append_text(out, ",\"warning\":");
        append_text(out, decision->warning);
    }
}

void decision_append_route(StrBuf *out, const Decision *decision) {
    strbuf_append_char(out, '{');
    append_route_members(out, decision);
    strbuf_append_char(out, '}');
}

static void append_tables(StrBuf *out, const Statement *statement) {
    strbuf_append_text(out, ",\"tables\":[");
    for (int i = 0; i < statement->binding_count; i++) {
        const TableBinding *binding = &statement->bindings[i];
        strbuf_append_text(out, i ? ",{\"schema\":" : "{\"schema\":");
        append_text(out, binding->table ? binding->table->schema : binding->written_schema);
        strbuf_append_text(out, ",\"name\":");
        append_text(out, binding->table ? binding->table->name : binding->written_name);
        strbuf_append_text(out, ",\"engine\":");
        append_text(out, binding->engine ? binding->engine->name : NULL);
        strbuf_append_char(out, '}');
    }
    strbuf_append_char(out, ']');
}

static void append_trials(StrBuf *out, const RuleTrials *trials) {
    strbuf_append_text(out, ",\"rules_tried\":[");
    for (int i = 0; i < trials->count; i++) {
        const RuleTrial *trial = &trials->items[i];
        strbuf_append_text(out, i ? ",{\"rule\":" : "{\"rule\":");
        append_text(out, trial->name);
        strbuf_printf(out, ",\"line\":%d,\"matched\":%s,\"why\":", trial->line,
                      trial->matched ? "true" : "false");
        append_text(out, trial->why);
        strbuf_append_char(out, '}');
    }
    strbuf_append_char(out, ']');
}

void decision_append_answer(StrBuf *out, const Decision *decision, const RouteTiming *timing,
                            const RuleTrials *trials) {
    strbuf_append_text(out, "{\"engine\":");
    append_text(out, decision->engine->name);
    strbuf_append_char(out, ',');
    append_route_members(out, decision);
    strbuf_printf(out, ",\"fingerprint\":\"%016llx\",\"forced\":%s,\"lane\":\"%s\"",
                  (unsigned long long)decision->fingerprint, decision->forced ? "true" : "false",
                  decision->plan->fast_lane ? "fast" : "slow");
    if (trials && trials->count) append_trials(out, trials);
    append_tables(out, decision->statement);
    strbuf_printf(out, ",\"cached\":%s,\"timing\":{\"parse_us\":%.1f,\"route_us\":%.1f}}",
                  timing->cached ? "true" : "false", timing->parse_us, timing->route_us);
}

const EngineEstimate *decision_estimate(const Decision *decision) {
    for (int i = 0; i < decision->candidate_count; i++)
        if (decision->candidates[i].chosen) return &decision->candidates[i].verdict.estimate;
    static const EngineEstimate unknown = {.cost_ms = -1, .rows = -1, .bytes_scanned = -1};
    return &unknown;
}
