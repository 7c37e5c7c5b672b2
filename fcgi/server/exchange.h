/* One request and its response, as the application sees them.
 *
 *   handle(exchange)  on the connection's loop thread, must not block
 *     ├─ exchange_reply()              a complete answer, at once
 *     ├─ exchange_await(abandon)       an engine's lane answers later, on the same loop: exchange_reply()
 *     └─ exchange_run_on_worker(run)   the rest happens on a slow-lane thread, which may block:
 *          ├─ exchange_reply()
 *          └─ exchange_stream_begin → exchange_stream_write* → exchange_stream_end | exchange_stream_cut
 *
 * Exactly one of reply, end, cut ends the exchange; after it the exchange and its arena are gone. While a
 * worker has the exchange the loop watches the connection: `cancel` is set when the client leaves. A response
 * that has begun and cannot be finished is cut: the connection closes without FastCGI's end record, so nginx
 * closes the client's without the last chunk and nobody takes the part for the whole.
 */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/cancel.h"
#include "engines/base/error.h"
#include "engines/base/eventloop.h"
#include "engines/base/strbuf.h"

typedef enum HttpMethod {
    HTTP_GET = 1,
    HTTP_HEAD = 2,
    HTTP_POST = 4,
    HTTP_PUT = 8,
    HTTP_PATCH = 16,
    HTTP_DELETE = 32,
    HTTP_OPTIONS = 64,
    HTTP_OTHER = 128
} HttpMethod;

typedef struct Exchange {
    /* Request: read-only, all in the arena or in libfcgi's parameters, valid until the exchange ends. */
    Arena arena;
    HttpMethod method;
    const char *method_name;
    const char *path;  /* as sent: percent-encoded, without the query string */
    const char *query; /* after '?', "" when there is none */
    const char *body;  /* NUL-terminated */
    size_t body_bytes;
    int body_fd; /* -1, or the body lies in this unnamed file (body_bytes too) and `body` is "" */
    const char *request_id;
    const char *traceparent; /* as the client sent it, valid; NULL = none */
    int64_t received_ns;
    void *loop_state; /* what the application's loop_open gave for this loop */
    CancelToken cancel;
    /* The application's own. */
    void *state;
    int resource;
    const void *facts; /* for its log, NULL = none */
    /* Filled when the response is made. */
    int status;
    int64_t response_bytes;
} Exchange;

/* A FastCGI parameter by its name there ("HTTP_ACCEPT", "CONTENT_TYPE"), NULL when absent. */
const char *exchange_parameter(const Exchange *exchange, const char *name);
/* All of them, "NAME=value", then NULL. */
char *const *exchange_parameters(const Exchange *exchange);
/* The decoded value of a query-string parameter in the arena, NULL when absent or malformed. */
const char *exchange_query_value(Exchange *exchange, const char *name);
/* Decodes %XX (and '+' when `plus_is_space`) into the arena; NULL when malformed or a NUL is inside. */
char *exchange_percent_decode(Exchange *exchange, const char *text, size_t length, bool plus_is_space);

/* Adds a header to the response; before reply or stream_begin. CR and LF in the value become spaces. */
void exchange_add_header(Exchange *exchange, const char *name, const char *value);
/* `content_type` NULL = no body. Never blocks on the loop: what is too large to fit a socket is written by a
 * worker. */
void exchange_reply(Exchange *exchange, int status, const char *content_type, const void *data, size_t bytes);

/* The answer will come later on this loop. `abandon` is called on the loop when it is no longer wanted: the
 * client left (then end with exchange_stream_cut), the deadline in `cancel` passed, or the process stops
 * (then reply an error). */
void exchange_await(Exchange *exchange, void (*abandon)(Exchange *exchange, CancelReason reason));
void exchange_run_on_worker(Exchange *exchange, void (*run)(Exchange *exchange));

/* Workers only. Writing waits for a slow client, and fails when it is gone or the exchange is cancelled. */
Status exchange_stream_begin(Exchange *exchange, int status, const char *content_type, Error *err);
Status exchange_stream_write(Exchange *exchange, const void *data, size_t bytes, Error *err);
void exchange_stream_end(Exchange *exchange);
/* On any thread that owns the exchange, begun or not: closes the connection. */
void exchange_stream_cut(Exchange *exchange);

/* On the loop alone: an answer whose pieces come over time. Never waits for the client: what it has not taken
 * yet is kept, up to EXCHANGE_PUSH_BYTES. `abandon` as in exchange_await; it may end the answer whole. */
enum { EXCHANGE_PUSH_BYTES = 256 << 10 };
void exchange_push_begin(Exchange *exchange, int status, const char *content_type,
                         void (*abandon)(Exchange *exchange, CancelReason reason));
/* False: the client is gone or too slow; end with exchange_stream_cut. */
bool exchange_push(Exchange *exchange, const void *data, size_t bytes);
void exchange_push_end(Exchange *exchange);

const char *http_reason(int status);
/* "GET, HEAD, POST": the methods whose bits are set. */
const char *http_method_names(unsigned methods, char text[64]);
