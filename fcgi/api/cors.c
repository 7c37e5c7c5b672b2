#include "fcgi/api/cors.h"

#include <string.h>
#include <strings.h>

#define ALLOWED_HEADERS                                                                                      \
    "Accept, Authorization, Content-Type, If-None-Match, Idempotency-Key, Last-Event-ID, traceparent, "      \
    "X-Engine, X-Request-Id, X-Tag"
#define SHOWN_HEADERS                                                                                        \
    "ETag, Idempotent-Replayed, Location, Retry-After, X-Cache, X-Engine, X-Max-Rows, "                      \
    "X-Next-Page-Token, X-Request-Id, X-Warning"

bool cors_allows(const char *origins, const char *origin) {
    size_t length = strlen(origin);
    for (const char *at = origins; *at;) {
        size_t item = strcspn(at, " ");
        if ((item == 1 && *at == '*') || (item == length && !strncmp(at, origin, length))) return true;
        at += item;
        at += *at == ' ';
    }
    return false;
}

static const char *allowed_origin(const Exchange *exchange, const char *origins) {
    const char *origin = exchange_parameter(exchange, "HTTP_ORIGIN");
    return origin && origin[0] && cors_allows(origins, origin) ? origin : NULL;
}

void cors_add_headers(Exchange *exchange, const char *origins) {
    if (!origins[0]) return;
    exchange_add_header(exchange, "Vary", "Origin");
    const char *origin = allowed_origin(exchange, origins);
    if (!origin) return;
    exchange_add_header(exchange, "Access-Control-Allow-Origin", origin);
    exchange_add_header(exchange, "Access-Control-Expose-Headers", SHOWN_HEADERS);
}

bool cors_preflight(Exchange *exchange, const char *origins, unsigned methods) {
    if (exchange->method != HTTP_OPTIONS || !allowed_origin(exchange, origins) ||
        !exchange_parameter(exchange, "HTTP_ACCESS_CONTROL_REQUEST_METHOD"))
        return false;
    char text[64];
    exchange_add_header(exchange, "Access-Control-Allow-Methods", http_method_names(methods, text));
    exchange_add_header(exchange, "Access-Control-Allow-Headers", ALLOWED_HEADERS);
    exchange_add_header(exchange, "Access-Control-Max-Age", "7200");
    exchange_reply(exchange, 204, NULL, "", 0);
    return true;
}

bool cors_is_foreign(const Exchange *exchange, const char *origins) {
    const char *site = exchange_parameter(exchange, "HTTP_SEC_FETCH_SITE");
    if (!site || strcmp(site, "cross-site") != 0 || allowed_origin(exchange, origins)) return false;
    const char *mode = exchange_parameter(exchange, "HTTP_SEC_FETCH_MODE");
    const char *user = exchange_parameter(exchange, "HTTP_SEC_FETCH_USER");
    return !mode || strcmp(mode, "navigate") != 0 || !user || strcmp(user, "?1") != 0;
}

/* A browser asks before it sends what is named by another type than these, which forms have. */
static bool is_asked_for(const char *content_type) {
    static const char *const forms[] = {"application/x-www-form-urlencoded", "multipart/form-data",
                                        "text/plain"};
    if (!content_type || !content_type[0]) return false;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strncasecmp(content_type, forms[i], strlen(forms[i]))) return false;
    return true;
}

/* Browsers leave Sec-Fetch-Site out where a page came without TLS from elsewhere than this machine. */
static bool is_own_page(const Exchange *exchange) {
    const char *site = exchange_parameter(exchange, "HTTP_SEC_FETCH_SITE");
    if (site && site[0]) return !strcmp(site, "same-origin") || !strcmp(site, "none");
    const char *origin = exchange_parameter(exchange, "HTTP_ORIGIN");
    const char *host = exchange_parameter(exchange, "HTTP_HOST");
    if (!origin || !origin[0]) return true; /* no browser */
    const char *authority = strstr(origin, "://");
    return authority && host && !strcasecmp(authority + 3, host);
}

bool cors_is_foreign_form(const Exchange *exchange, const char *origins) {
    return !is_asked_for(exchange_parameter(exchange, "CONTENT_TYPE")) && !is_own_page(exchange) &&
           !allowed_origin(exchange, origins);
}
