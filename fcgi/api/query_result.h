/* POST /query and the result cache: which statement is looked up, what is kept of an answer while it goes
 * out.
 *
 *   loop:    query_result_at_once — a hit without a change of threads
 *   worker:  query_result_serve   — a hit, also one that an equal statement leaves which runs now; else
 *            query_result_take (each piece that goes out) → query_result_take_end → query_result_keep
 *   always:  query_result_end
 *
 * Before a run and after it the engines are asked for the marker of what it reads (engine.h); an answer is
 * kept when the two are equal and the run read just that. A hit needs the same marker now, so what was
 * committed before a request came is in its answer.
 */
#pragma once

#include "fcgi/api/query_answer.h"
#include "fcgi/api/result_cache.h"

/* The whole body into `body`. False: the statement is to be run, or looked up by a worker. */
bool query_result_at_once(QueryRun *run, StrBuf *body);
/* *found false: the statement is to be run. May wait; fails when the statement is cancelled meanwhile. */
Status query_result_serve(QueryRun *run, StrBuf *body, bool *found, Error *err);

/* Where an engine notes what it reads (Execution.marker); NULL = the answer is not to be kept. */
StrBuf *query_result_marker(QueryRun *run);
void query_result_take(QueryRun *run, const StrBuf *piece);
/* `buf` holds what was not taken yet, then from `end_at` on the end of the answer, within which `members`
 * (NULL = none) are told anew each time. */
void query_result_take_end(QueryRun *run, const StrBuf *buf, size_t end_at, const StrBuf *members);
void query_result_keep(QueryRun *run, int64_t rows);
void query_result_end(QueryRun *run);

/* For GET /api/v1/status: an object, or null. */
void query_result_append_status(StrBuf *out, Api *api);
