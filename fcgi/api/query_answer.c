#include "fcgi/api/query_answer.h"

#include <string.h>

#include "engines/base/clock.h"
#include "fcgi/api/decision_json.h"
#include "fcgi/api/query_failover.h"
#include "fcgi/api/route_texts.h"

static void append_engine(StrBuf *out, const QueryRun *run) {
    const char *name = run->decision->engine->name;
    strbuf_append_text(out, "\"engine\":");
    strbuf_append_json(out, name, strlen(name));
}

static void append_route(StrBuf *out, const QueryRun *run) {
    decision_append_route(out, run->decision);
    if (!run->fallback.engine) return;
    out->length--; /* one member more before the brace */
    query_append_fallback(out, run);
    strbuf_append_char(out, '}');
}

static void append_route_and_timing(StrBuf *out, const QueryRun *run) {
    int64_t now_ns = clock_now_ns();
    double execute_us = run->execute_started_ns ? (double)(now_ns - run->execute_started_ns) / 1e3 : 0;
    strbuf_append_text(out, ",\"route\":");
    if (run->on_worker || !run->exchange->loop_state)
        append_route(out, run);
    else
        route_texts_append(out, &((LoopState *)run->exchange->loop_state)->routes, run->decision);
    strbuf_append_text(out, ",\"duration\":");
    json_append_fixed(out, (double)(now_ns - run->exchange->received_ns) / 1e9, 6);
    strbuf_append_text(out, ",\"timing\":{\"parse_us\":");
    json_append_fixed(out, run->timing.parse_us, 1);
    strbuf_append_text(out, ",\"route_us\":");
    json_append_fixed(out, run->timing.route_us, 1);
    strbuf_append_text(out, ",\"queue_us\":");
    json_append_fixed(out, run->queue_us, 1);
    strbuf_append_text(out, ",\"execute_us\":");
    json_append_fixed(out, execute_us, 1);
    strbuf_append_char(out, '}');
}

void query_answer_append_tail(StrBuf *out, QueryRun *run) {
    ExecutionStats *stats = &run->stats;
    append_engine(out, run);
    if (run->decision->statement->kind != STATEMENT_READ && stats->command[0]) {
        strbuf_append_text(out, ",\"command\":");
        strbuf_append_json(out, stats->command, strnlen(stats->command, sizeof stats->command));
    }
    append_route_and_timing(out, run);
    strbuf_append_text(out, ",\"stats\":{\"rows_scanned\":");
    strbuf_append_i64(out, atomic_load(&stats->rows_scanned));
    strbuf_append_text(out, ",\"bytes_scanned\":");
    strbuf_append_i64(out, atomic_load(&stats->bytes_scanned));
    strbuf_append_text(out, ",\"files_skipped\":");
    strbuf_append_i64(out, atomic_load(&stats->files_skipped));
    strbuf_append_text(out, ",\"row_groups_skipped\":");
    strbuf_append_i64(out, atomic_load(&stats->row_groups_skipped));
    strbuf_append_text(out, run->from_cache ? "},\"cached\":true,\"token\":null"
                                            : "},\"cached\":false,\"token\":null");
}

void query_answer_append_write(StrBuf *out, QueryRun *run) {
    ExecutionStats *stats = &run->stats;
    strbuf_printf(out, "{\"row_count\":%lld,\"command\":",
                  (long long)(stats->rows_affected > 0 ? stats->rows_affected : 0));
    strbuf_append_json(out, stats->command, strnlen(stats->command, sizeof stats->command));
    strbuf_append_char(out, ',');
    append_engine(out, run);
    append_route_and_timing(out, run);
    strbuf_append_text(out, ",\"token\":null}\n");
}

void query_answer_append_dry_run(StrBuf *out, QueryRun *run) {
    const EngineEstimate *estimate = decision_estimate(run->decision);
    strbuf_append_text(out, "{\"dry_run\":true,");
    append_engine(out, run);
    append_route_and_timing(out, run);
    strbuf_append_text(out, ",\"estimate\":{\"cost_ms\":");
    json_append_estimate(out, estimate->cost_ms);
    strbuf_append_text(out, ",\"rows\":");
    json_append_estimate(out, estimate->rows);
    strbuf_append_text(out, ",\"bytes_scanned\":");
    json_append_estimate(out, estimate->bytes_scanned);
    strbuf_append_text(out, "},\"stats\":{\"rows_scanned\":0,\"bytes_scanned\":");
    json_append_estimate(out, estimate->bytes_scanned);
    strbuf_append_text(out, ",\"files_skipped\":0},\"cached\":false}\n");
}
