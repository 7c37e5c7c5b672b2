/* Limits that rules set on a decided statement (router/rules.h): they only lower what the request has. */
#pragma once

#include "fcgi/server/server.h"
#include "router/router.h"

/* On the thread that owns the exchange, before it executes. `max_rows`: 0 = none yet. */
void rule_limits_lower(const DecisionLimits *limits, Exchange *exchange, int64_t *max_rows);
/* SB008 when the statement is to be run as a job (Decision.wants_job), since who asks waits for the answer.
 */
Status rule_limits_admit(const Decision *decision, Error *err);
/* SB005 once more bytes were scanned than allowed. Asked between batches; scans ask for themselves
 * (Execution.max_bytes_scanned). */
Status rule_limits_check(const Decision *decision, const ExecutionStats *stats, Error *err);
