/* When the chosen engine fails before the first row of a read is out, the next eligible one runs it. Writes
 * are never tried twice. */
#pragma once

#include "fcgi/api/query_answer.h"

/* A failure of the engine, not of the statement, its limits or its client. */
bool query_is_engine_failure(const QueryRun *run, const Error *failure);
/* Blocking, workers only. True: run->decision is another engine's, and run->fallback says why. */
bool query_fail_over(QueryRun *run, const Error *failure);
/* ,"fallback":{"engine","sqlstate","error"} when there was one. */
void query_append_fallback(StrBuf *out, const QueryRun *run);
