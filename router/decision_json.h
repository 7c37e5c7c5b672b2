/* A Decision as the `route` object of the API: {"rule","reason","class","engine","forced","candidates":[{"engine",
 * "cost_ms","eligible","why","rows"}]} and "warning" when there is one. The API, the command line and the page all use it. */
#pragma once

#include "engines/base/strbuf.h"
#include "router/router.h"

void decision_to_json(const Decision *decision, StrBuf *out);
