/* A router's decision as JSON, the same for /query, /api/v1/route and `signalbox route`. */
#pragma once

#include "engines/base/strbuf.h"
#include "router/router.h"

/* {"rule","reason","class","candidates":[{"engine","cost_ms","model_ms","rows","bytes_scanned","eligible","chosen",
 * "why"}]} */
void decision_append_route(StrBuf *out, const Decision *decision);
/* {"engine":..., the members of the above, "rules_tried":[...], "tables":[...], "timing":{...}} */
void decision_append_answer(StrBuf *out, const Decision *decision, const RouteTiming *timing,
                            const RuleTrials *trials);
const EngineEstimate *decision_estimate(const Decision *decision);
/* `value` ≥ 0 with that many digits (at most 6) after the point: printf's answer at a tenth of its time. */
void json_append_fixed(StrBuf *out, double value, int digits);
/* A JSON number of a non-negative estimate with few digits, null when unknown. */
void json_append_estimate(StrBuf *out, double value);
