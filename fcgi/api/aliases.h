/* Paths that people know from similar tools: each is another way to write one of resources.c, whose handler,
 * methods and answers it has. docs/http.md lists them. */
#pragma once

#include "fcgi/server/exchange.h"

typedef enum AliasMatch {
    ALIAS_NONE,
    ALIAS_REWRITTEN, /* the exchange's path and query are those of the resource now */
    ALIAS_NO_TABLE   /* it needs ?table= */
} AliasMatch;

AliasMatch alias_rewrite(Exchange *exchange);
/* An alias whose body is rows: POST /ingest, /ingest/file. */
bool alias_takes_rows(const char *path);
