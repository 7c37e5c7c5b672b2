/* GET /query?sql=...: the members of POST /query's body as query parameters, for address bars, spreadsheets
 * and links. It runs reads alone, and none that a page of another site asks for. */
#pragma once

#include "fcgi/api/query_answer.h"

#define SQLSTATE_GET_ONLY_READS "SB006"

/* False: a problem was replied (400, 403). */
bool query_get_read(Exchange *exchange, const char *cors_origins, QueryBody *body);
/* The decided statement may not run by this method: SB006, 405. */
Status query_get_check(const QueryRun *run, Error *err);
