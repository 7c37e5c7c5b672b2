/* From an exchange to what the router is asked: shared by /query and /api/v1/route. */
#pragma once

#include "fcgi/api/query_body.h"
#include "fcgi/server/exchange.h"
#include "router/router.h"

/* False: a problem was replied (415, 400). */
bool query_request_read(Exchange *exchange, QueryBody *body);
RouteRequest query_request_route(Exchange *exchange, const QueryBody *body);
