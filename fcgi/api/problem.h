/* Errors as RFC 9457 problem details, and the one table from SQLSTATE to HTTP status. */
#pragma once

#include "engines/base/cancel.h"
#include "fcgi/server/exchange.h"

/* The HTTP status that an error's SQLSTATE means. */
int problem_status(const Error *err);
/* Ends the exchange with application/problem+json. `status` 0 = from the SQLSTATE; `err` may be NULL (title
 * only). */
void problem_reply(Exchange *exchange, int status, const Error *err);
void problem_reply_text(Exchange *exchange, int status, const char *detail);
/* 405 with Allow. */
void problem_reply_method(Exchange *exchange, unsigned allowed_methods);
