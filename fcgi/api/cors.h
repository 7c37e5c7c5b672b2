/* Pages of other sites: which of them may call, and read the answer (server.cors_origins; none by default).
 *
 * Most bodies must be named application/json, so a browser asks (OPTIONS) before it sends one from elsewhere.
 * Forms it sends unasked, and those are refused when another site made them. So it does a GET: those with
 * effects on the engines' work are refused when the browser says that another site made it. */
#pragma once

#include "fcgi/server/exchange.h"

/* `origins`: blanks between them; "*" = all. */
bool cors_allows(const char *origins, const char *origin);
/* Adds the headers that let an allowed origin read the answer. */
void cors_add_headers(Exchange *exchange, const char *origins);
/* True: it was a browser's question for a path of these methods, and is answered. */
bool cors_preflight(Exchange *exchange, const char *origins, unsigned methods);
/* The browser says that a page of another site sent this, and its user did not follow a link there. */
bool cors_is_foreign(const Exchange *exchange, const char *origins);
/* A POST that a browser sends without asking (a form with files, no body at all), of a page that is neither
 * ours nor of an allowed site. */
bool cors_is_foreign_form(const Exchange *exchange, const char *origins);
