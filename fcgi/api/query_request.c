#include "fcgi/api/query_request.h"

#include <string.h>
#include <strings.h>

#include "fcgi/api/problem.h"

/* Without a type it is none either: a page of another site can send such a body, but not one that is named
 * JSON. */
static bool is_json(const char *content_type) {
    if (!content_type) return false;
    static const char json[] = "application/json";
    size_t length = sizeof json - 1;
    if (strncasecmp(content_type, json, length)) return false;
    return content_type[length] == 0 || content_type[length] == ';' || content_type[length] == ' ';
}

bool query_request_is_json(Exchange *exchange) {
    if (is_json(exchange_parameter(exchange, "CONTENT_TYPE"))) return true;
    problem_reply_text(
        exchange, 415,
        "the request body must be application/json: send the header Content-Type: application/json");
    return false;
}

typedef Status (*BodyReader)(Arena *arena, const char *text, size_t length, QueryBody *out, Error *err);

static bool read_request(Exchange *exchange, BodyReader read, QueryBody *body) {
    if (!query_request_is_json(exchange)) return false;
    Error err = {0};
    if (read(&exchange->arena, exchange->body, exchange->body_bytes, body, &err) != STATUS_OK) {
        problem_reply(exchange, 400, &err);
        return false;
    }
    return true;
}

bool query_request_read(Exchange *exchange, QueryBody *body) {
    return read_request(exchange, query_body_read, body);
}

bool query_request_read_comparison(Exchange *exchange, QueryBody *body) {
    return read_request(exchange, query_body_read_comparison, body);
}

bool query_request_read_schedule(Exchange *exchange, QueryBody *body) {
    return read_request(exchange, query_body_read_schedule, body);
}

bool query_request_read_job(Exchange *exchange, QueryBody *body) {
    return read_request(exchange, query_body_read_job, body);
}

static const char *header_of(const void *request, const char *parameter) {
    return exchange_parameter(request, parameter);
}

const RouteContext *query_request_context(Exchange *exchange, const char *tag) {
    RouteContext *context = ARENA_NEW(&exchange->arena, RouteContext);
    *context = (RouteContext){.header = header_of, .request = exchange, .tag = tag};
    return context;
}

RouteRequest query_request_route(Exchange *exchange, const QueryBody *body) {
    const char *header = exchange_parameter(exchange, "HTTP_X_ENGINE");
    return (RouteRequest){.sql = body->sql,
                          .sql_length = body->sql_bytes,
                          .engine = body->engine,
                          .header_engine = header && header[0] && strcmp(header, "auto") != 0 ? header : NULL,
                          .as_of = body->as_of,
                          .params = body->params,
                          .param_count = body->param_count,
                          .cancel = &exchange->cancel,
                          .context = query_request_context(exchange, body->tag)};
}
