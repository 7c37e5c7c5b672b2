#include "engines/columnar/exec/explain.h"

#include <stdlib.h>

#include "engines/base/arrow_builder.h"
#include "engines/base/strbuf.h"

typedef struct Explaining {
    Query *query;
    int64_t elapsed_ns;
} Explaining;

static void annotate_statement(const Explaining *explaining, bool json, StrBuf *out) {
    Query *query = explaining->query;
    const Plan *plan = query->plan;
    double planning = (double)plan->planning_ns / 1e6, execution = (double)explaining->elapsed_ns / 1e6;
    if (!plan->explain_summary) return;
    strbuf_printf(out, json ? ",\"Planning Time\":%.3f" : "Planning time: %.3f ms\n", planning);
    if (plan->analyze)
        strbuf_printf(out,
                      json ? ",\"Execution Time\":%.3f,\"Peak Memory\":%lld,\"Workers\":%d"
                           : "Execution time: %.3f ms, peak memory: %lld bytes, workers: %d\n",
                      execution, (long long)atomic_load(&query->budget.peak_bytes), query->worker_count);
}

static void annotate(void *context, const PlanNode *node, bool json, StrBuf *out) {
    const Explaining *explaining = context;
    Query *query = explaining->query;
    if (!node) {
        annotate_statement(explaining, json, out);
        return;
    }
    const OperatorStats *stats = query->plan->analyze ? query_stats_of(query, node) : NULL;
    if (!stats) return;
    long long rows = atomic_load(&stats->rows_out), in = 0, memory = atomic_load(&stats->memory_bytes);
    for (int i = 0; i < node->input_count; i++) {
        const OperatorStats *input = query_stats_of(query, node->inputs[i]);
        in += input ? atomic_load(&input->rows_out) : 0;
    }
    if (node->kind == PLAN_SCAN) in = atomic_load(&stats->rows_read);
    double ms = (double)atomic_load(&stats->time_ns) / 1e6;
    if (json) strbuf_printf(out, ",\"Actual Rows\":%lld", rows);
    strbuf_printf(out, json ? ",\"rows_in\":%lld,\"rows_out\":%lld" : "  (actual rows in=%lld out=%lld", in,
                  rows);
    if (!query->plan->explain_no_timing)
        strbuf_printf(out, json ? ",\"time_ms\":%.3f" : ", time=%.3f ms", ms);
    if (json && !query->plan->explain_no_timing) strbuf_printf(out, ",\"Actual Total Time\":%.3f", ms);
    if (memory) strbuf_printf(out, json ? ",\"memory_bytes\":%lld" : ", memory=%lld bytes", memory);
    long long spilled = atomic_load(&stats->spilled_bytes);
    if (spilled) strbuf_printf(out, json ? ",\"spilled_bytes\":%lld" : ", spilled=%lld bytes", spilled);
    if (node->kind == PLAN_SCAN)
        strbuf_printf(
            out,
            json ? ",\"files_skipped\":%lld,\"files\":%lld,\"row_groups_skipped\":%lld,\"row_groups\":%lld"
                 : ", files skipped=%lld of %lld, row groups skipped=%lld of %lld",
            (long long)atomic_load(&stats->files_skipped), (long long)atomic_load(&stats->files_total),
            (long long)atomic_load(&stats->row_groups_skipped),
            (long long)atomic_load(&stats->row_groups_total));
    long long pages = atomic_load(&stats->pages_total);
    if (pages)
        strbuf_printf(out, json ? ",\"pages_skipped\":%lld,\"pages\":%lld" : ", pages skipped=%lld of %lld",
                      (long long)atomic_load(&stats->pages_skipped), pages);
    long long dropped = atomic_load(&stats->runtime_dropped);
    if (dropped)
        strbuf_printf(out, json ? ",\"runtime_filtered\":%lld" : ", runtime filtered=%lld rows", dropped);
    if (!json) strbuf_append_char(out, ')');
}

void explain_to_array(Query *query, int64_t elapsed_ns, ArrowArray *out) {
    StrBuf text;
    strbuf_init(&text);
    bool json = query->plan->explain_json;
    Explaining explaining = {query, elapsed_ns};
    plan_explain(query->plan, json, annotate, &explaining, &text);
    ArrowBuilder builder;
    ArrowColumnSpec column = {"QUERY PLAN", sqltype_of(SQL_TEXT), "text"};
    arrow_builder_init(&builder, &column, 1);
    const char *line = strbuf_text(&text);
    while (*line) {
        size_t length = json ? strlen(line) : strcspn(line, "\n");
        arrow_append_bytes(arrow_builder_column(&builder, 0), line, length);
        arrow_builder_end_row(&builder);
        line += length + (line[length] == '\n');
    }
    arrow_builder_finish(&builder, out);
    arrow_builder_deinit(&builder);
    strbuf_deinit(&text);
}
