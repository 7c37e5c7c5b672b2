/* From an exchange to what the router is asked: shared by /query and /api/v1/route. */
#pragma once

#include "fcgi/api/query_body.h"
#include "fcgi/server/exchange.h"
#include "router/router.h"

/* False: 415 was replied. Whatever acts asks for it: a page of another site cannot send this type. */
bool query_request_is_json(Exchange *exchange);
/* False: a problem was replied (415, 400). */
bool query_request_read(Exchange *exchange, QueryBody *body);
bool query_request_read_comparison(Exchange *exchange, QueryBody *body);
bool query_request_read_job(Exchange *exchange, QueryBody *body);
bool query_request_read_schedule(Exchange *exchange, QueryBody *body);
RouteRequest query_request_route(Exchange *exchange, const QueryBody *body);
/* Who asks, for rules; in the exchange's arena. `tag` may be NULL. */
const RouteContext *query_request_context(Exchange *exchange, const char *tag);
