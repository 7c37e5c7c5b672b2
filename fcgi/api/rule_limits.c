#include "fcgi/api/rule_limits.h"

#include "fcgi/api/decision_json.h"

void rule_limits_lower(const DecisionLimits *limits, Exchange *exchange, int64_t *max_rows) {
    if (limits->max_rows > 0 && (*max_rows <= 0 || limits->max_rows < *max_rows))
        *max_rows = limits->max_rows;
    if (limits->max_runtime_seconds <= 0) return;
    cancel_lower_deadline(&exchange->cancel,
                          exchange->received_ns + (int64_t)(limits->max_runtime_seconds * 1e9));
}

Status rule_limits_admit(const Decision *decision, Error *err) {
    if (!decision->wants_job) return STATUS_OK;
    (void)error_set(
        err, SQLSTATE_WANTS_JOB,
        "the statement is expected to take about %.0f s on %s, longer than an interactive one may "
        "(limits.interactive_seconds)",
        decision_estimate(decision)->cost_ms / 1000, decision->engine->name);
    return error_add_hint(err, "Run it as a job: POST /api/v1/queries with the same body.");
}

Status rule_limits_check(const Decision *decision, const ExecutionStats *stats, Error *err) {
    return execution_check_bytes(stats, decision->limits.max_bytes_scanned, err);
}
