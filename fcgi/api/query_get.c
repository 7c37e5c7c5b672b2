#include "fcgi/api/query_get.h"

#include <string.h>

#include "fcgi/api/cors.h"
#include "fcgi/api/json_reader.h"
#include "fcgi/api/problem.h"

/* What a query parameter's text is in the body. */
static const struct {
    const char *name;
    bool is_text; /* else JSON: numbers, true, ["a", 1] */
} members[] = {
    {"sql", true},         {"params", false},
    {"engine", true},      {"force_engine", true},
    {"max_rows", false},   {"max_runtime_seconds", false},
    {"cache", false},      {"dry_run", false},
    {"as_of", true},       {"max_staleness_seconds", false},
    {"fresh_as_of", true}, {"big_numbers", true},
    {"tag", true},
};
enum { MEMBER_COUNT = sizeof members / sizeof members[0] };

static Status append_member(Arena *arena, const char *name, const char *value, bool is_text, StrBuf *body,
                            Error *err) {
    size_t length = strlen(value);
    JsonNode *node;
    if (!is_text && json_read(arena, value, length, &node, NULL) != STATUS_OK)
        return error_set(err, SQLSTATE_INVALID_PARAMETER, "%s=%.100s is not JSON", name, value);
    strbuf_append_char(body, body->length ? ',' : '{');
    strbuf_append_json(body, name, strlen(name));
    strbuf_append_char(body, ':');
    if (is_text)
        strbuf_append_json(body, value, length);
    else
        strbuf_append(body, value, length);
    return STATUS_OK;
}

static Status read_members(Exchange *exchange, StrBuf *text, QueryBody *body, Error *err) {
    for (int i = 0; i < MEMBER_COUNT; i++) {
        const char *value = exchange_query_value(exchange, members[i].name);
        if (value)
            TRY(append_member(&exchange->arena, members[i].name, value, members[i].is_text, text, err));
    }
    strbuf_append_text(text, text->length ? "}" : "{}");
    return query_body_read(&exchange->arena, text->data, text->length, body, err);
}

bool query_get_read(Exchange *exchange, const char *cors_origins, QueryBody *body) {
    if (cors_is_foreign(exchange, cors_origins)) {
        problem_reply_text(exchange, 403, "a page of another site asked for this");
        return false;
    }
    StrBuf text;
    Error err = {0};
    strbuf_init(&text);
    Status status = read_members(exchange, &text, body, &err);
    strbuf_deinit(&text);
    exchange_add_header(exchange, "Cache-Control", "private, no-cache"); /* asked for again, with the ETag */
    exchange_add_header(exchange, "Vary", "Accept");
    exchange_add_header(exchange, "X-Content-Type-Options", "nosniff"); /* no script or style elsewhere */
    if (status != STATUS_OK) problem_reply(exchange, 400, &err);
    return status == STATUS_OK;
}

Status query_get_check(const QueryRun *run, Error *err) {
    const Decision *decision = run->decision;
    bool reads = decision->statement->kind == STATEMENT_READ && decision->class != CLASS_SESSION;
    if (run->exchange->method == HTTP_POST || reads || run->body.dry_run) return STATUS_OK;
    (void)error_set(err, SQLSTATE_GET_ONLY_READS,
                    "GET runs reads alone, and this statement writes or calls functions that may: use POST");
    if (err) exchange_add_header(run->exchange, "Allow", "POST");
    return STATUS_ERROR;
}
