#include "fcgi/api/query_note.h"

#include "engines/base/clock.h"
#include "fcgi/api/access_log.h"
#include "fcgi/api/decision_json.h"
#include "router/fingerprint.h"

static const char *header(const QueryRun *run, const char *parameter) {
    return parameter[0] ? exchange_parameter(run->exchange, parameter) : NULL;
}

void query_note(QueryRun *run, int status, const char *sqlstate, int64_t rows) {
    Api *api = run->api;
    if (run->body.dry_run || run->noted) return;
    run->noted = true;
    access_log_statement(api->access_log, run, status, sqlstate, rows);
    if (!api->history) return;
    const Decision *decision = run->decision;
    int64_t now_ns = clock_now_ns();
    int64_t taken_ns = now_ns - run->execute_started_ns - run->client_wait_ns;
    double taken_ms = run->execute_started_ns ? (double)taken_ns / 1e6 : -1;
    if (history_skips(api->history, status, taken_ms, now_ns)) return;
    HistoryEntry entry = {.started_us = clock_wall_us() - (now_ns - run->exchange->received_ns) / 1000,
                          .sql = run->body.sql,
                          .origin = run->from_cache ? "cache" : "query",
                          .user = header(run, api->user_parameter),
                          .tag = run->body.tag ? run->body.tag : header(run, "HTTP_X_TAG"),
                          .request_id = run->exchange->request_id,
                          .sqlstate = sqlstate,
                          .status = status,
                          .cost_ms = -1,
                          .taken_ms = taken_ms,
                          .cut_short = run->cut_short,
                          .rows = rows > 0 ? rows : 0,
                          .bytes = atomic_load_explicit(&run->stats.bytes_scanned, memory_order_relaxed)};
    if (decision) {
        entry.fingerprint = decision->fingerprint;
        entry.engine = decision->engine->name;
        entry.rule = decision->rule;
        entry.class_name = statement_class_name(decision->class);
        entry.cost_ms = decision_estimate(decision)->cost_ms;
    } else {
        entry.fingerprint = fingerprint_hash(run->body.sql, run->body.sql_bytes);
    }
    history_note(api->history, &entry, run->body.params, run->body.param_count);
}
