/* EXPLAIN [ANALYZE]: the plan's own text, with what was counted while it ran. Internal to exec/. */
#pragma once

#include "engines/columnar/exec/query.h"

/* One text column "QUERY PLAN", a row per line (JSON: one row). */
void explain_to_array(Query *query, int64_t elapsed_ns, ArrowArray *out);
