/* The plan of a job's statement, as its engine explains it. */
#pragma once

#include "fcgi/api/api_internal.h"

/* A JSON array of lines. False when there is none: only single reads have a plan, and an engine may not
 * explain them. Blocks. */
bool jobs_plan_text(Api *api, const Decision *decision, const Param *params, int param_count,
                    const RouteContext *context, CancelToken *cancel, StrBuf *out);
