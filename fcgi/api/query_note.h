/* A statement that /query ran, for the history and the logs. */
#pragma once

#include "fcgi/api/query_answer.h"

/* Before the decision is let go. `sqlstate` NULL = it went well. */
void query_note(QueryRun *run, int status, const char *sqlstate, int64_t rows);
