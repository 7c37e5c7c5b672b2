/* Which of the row formats a client wants: ?format= beats Accept; neither = JSON. */
#pragma once

#include "engines/base/error.h"
#include "fcgi/format/format.h"

/* `query_format` and `accept` may be NULL. On failure *http_status is 400 (no such format) or 406 (not
 * offered). */
Status negotiate_format(const char *query_format, const char *accept, RowFormat *out, int *http_status,
                        Error *err);
