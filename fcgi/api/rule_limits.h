/* Limits that rules set on a decided statement (router/rules.h): they only lower what the request has. */
#pragma once

#include "fcgi/api/query_answer.h"

/* On the thread that owns the exchange, before it executes. */
void rule_limits_apply(QueryRun *run);
/* SB005 once more bytes were scanned than allowed. Asked between batches. */
Status rule_limits_check(const QueryRun *run, Error *err);
