/* ETag and If-None-Match: what the client has already is not sent again. */
#pragma once

#include "fcgi/server/exchange.h"

/* Before a 200 with this tag (the text between the quotes) is sent. Adds the header; true: the client has it,
 * and 304 was replied. */
bool etag_is_known(Exchange *exchange, const char *tag);
/* A tag of these bytes. */
const char *etag_of(Exchange *exchange, const void *data, size_t bytes);
