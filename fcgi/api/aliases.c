#include "fcgi/api/aliases.h"

#include <string.h>

typedef struct Alias {
    const char *path; /* {} stands for one segment */
    /* {} is that segment, {t} the table that ?table= names; it may say the start of a query, too. */
    const char *target;
    const char *without_table; /* instead, when there is no ?table=; NULL = it must be there */
} Alias;

static const Alias aliases[] = {
    {"/queries", "/api/v1/queries", NULL},
    {"/jobs", "/api/v1/jobs", NULL},
    {"/jobs/{}", "/api/v1/jobs/{}", NULL},
    {"/jobs/{}/result", "/api/v1/jobs/{}/result", NULL},
    {"/jobs/{}/plan", "/api/v1/jobs/{}/plan", NULL},
    {"/jobs/{}/events", "/api/v1/jobs/{}/events", NULL},
    {"/ingest", "/api/v1/tables/{t}/data", NULL},
    {"/ingest/file", "/api/v1/tables/{t}/data", NULL},
    {"/query/sql", "/query", NULL},
    {"/query/id/{}", "/api/v1/tables/{t}/rows?id={}", NULL},
    {"/query/date-range", "/api/v1/tables/{t}/rows", NULL},
    {"/query/recent", "/api/v1/tables/{t}/rows?order=recent", NULL},
    {"/query/search", "/api/v1/tables/{t}/rows", NULL},
    {"/statistics", "/api/v1/tables/{t}/profile", "/api/v1/history/statistics"},
    {"/files", "/api/v1/tables/{t}", "/api/v1/tables"},
    {"/schema", "/api/v1/tables/{t}", "/api/v1/schemas"},
    {"/status", "/api/v1/status", NULL},
};
enum { ALIAS_COUNT = sizeof aliases / sizeof aliases[0] };

typedef struct Span {
    const char *text; /* as sent: encoded */
    size_t length;
} Span;

static bool matches(const char *path, const char *pattern, Span *argument) {
    for (; *pattern; pattern++) {
        if (*pattern != '{') {
            if (*pattern != *path++) return false;
            continue;
        }
        *argument = (Span){path, strcspn(path, "/")};
        if (!argument->length) return false;
        path += argument->length;
        pattern++;
    }
    return *path == 0;
}

static Span table_of(const char *query) {
    static const char name[] = "table=";
    while (*query) {
        size_t length = strcspn(query, "&");
        if (length >= sizeof name && !strncmp(query, name, sizeof name - 1))
            return (Span){query + sizeof name - 1, length - (sizeof name - 1)};
        query += length;
        query += *query == '&';
    }
    return (Span){0};
}

/* In a query '+' is a blank and '&' ends a value, in a path both are themselves. */
static void append_encoded(StrBuf *out, Span span, const char *plus, const char *ampersand) {
    for (size_t i = 0; i < span.length; i++) {
        if (span.text[i] == '+')
            strbuf_append_text(out, plus);
        else if (span.text[i] == '&')
            strbuf_append_text(out, ampersand);
        else
            strbuf_append_char(out, span.text[i]);
    }
}

static void fill_in(StrBuf *out, const char *target, Span argument, Span table) {
    bool in_query = false;
    for (; *target; target++) {
        in_query |= *target == '?';
        if (target[0] == '{' && target[1] == '}') {
            append_encoded(out, argument, in_query ? "%2B" : "+", in_query ? "%26" : "&");
            target++;
        } else if (target[0] == '{') {
            append_encoded(out, table, "%20", "&");
            target += 2;
        } else {
            strbuf_append_char(out, *target);
        }
    }
}

/* What the target says of the query goes before what was sent: the first of two wins. */
static void rewrite(Exchange *exchange, const char *target, Span argument, Span table) {
    StrBuf out;
    strbuf_init(&out);
    fill_in(&out, target, argument, table);
    char *path = arena_strndup(&exchange->arena, out.data, out.length);
    strbuf_deinit(&out);
    char *query = strchr(path, '?');
    if (query) {
        *query++ = 0;
        exchange->query =
            exchange->query[0] ? arena_printf(&exchange->arena, "%s&%s", query, exchange->query) : query;
    }
    exchange->path = path;
}

AliasMatch alias_rewrite(Exchange *exchange) {
    for (int i = 0; i < ALIAS_COUNT; i++) {
        const Alias *alias = &aliases[i];
        Span argument = {0};
        if (!matches(exchange->path, alias->path, &argument)) continue;
        Span table = table_of(exchange->query);
        bool needs_table = strstr(alias->target, "{t}") != NULL;
        if (needs_table && !table.length && !alias->without_table) return ALIAS_NO_TABLE;
        rewrite(exchange, needs_table && !table.length ? alias->without_table : alias->target, argument,
                table);
        return ALIAS_REWRITTEN;
    }
    return ALIAS_NONE;
}

bool alias_takes_rows(const char *path) {
    return !strcmp(path, "/ingest") || !strcmp(path, "/ingest/file");
}
