/* Reading one request: from what was peeked, or through libfcgi. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "engines/base/clock.h"
#include "fcgi/server/body_spool.h"
#include "fcgi/server/connection.h"
#include "fcgi/server/fastcgi_request.h"
#include "fcgi/server/trace_context.h"

/* Beyond the limit a body is read and thrown away, so that nginx gets to read the 413; beyond this, we hang
 * up. */
enum { DISCARD_FACTOR = 8, READ_BYTES = 16 << 10, SPOOL_BYTES = 256 << 10 };

static HttpMethod method_of(const char *name) {
    static const struct {
        const char *name;
        HttpMethod method;
    } methods[] = {{"GET", HTTP_GET},        {"POST", HTTP_POST},   {"HEAD", HTTP_HEAD},
                   {"PUT", HTTP_PUT},        {"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE},
                   {"OPTIONS", HTTP_OPTIONS}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (!strcmp(name, methods[i].name)) return methods[i].method;
    return HTTP_OTHER;
}

static bool is_sane_request_id(const char *id) {
    size_t length = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:");
    return length > 0 && length <= 64 && id[length] == 0;
}

static void refuse(Connection *connection, int status, const char *detail) {
    if (connection->reject_status) return;
    connection->reject_status = status;
    connection->reject_detail = detail;
}

static void take_target(Connection *connection, const char *uri) {
    Exchange *exchange = &connection->exchange;
    const char *question = strchr(uri, '?');
    if (!question) {
        exchange->path = uri;
        return;
    }
    exchange->path = arena_strndup(&exchange->arena, uri, (size_t)(question - uri));
    exchange->query = question + 1;
}

static const char *make_request_id(Connection *connection) {
    uint64_t number = atomic_fetch_add(&connection->thread->server->next_request_id, 0x9E3779B97F4A7C15u);
    char *id = arena_alloc(&connection->exchange.arena, 17);
    for (int i = 0; i < 16; i++)
        id[i] = "0123456789abcdef"[number >> (60 - 4 * i) & 15];
    id[16] = 0;
    return id;
}

/* The header's value, NULL when there is none that is well-formed. */
static const char *take_trace_parent(const char *value) {
    return trace_parent_is_valid(value) ? value : NULL;
}

/* One walk over the parameters instead of a search for each. */
static void take_parameters(Connection *connection) {
    Exchange *exchange = &connection->exchange;
    int64_t limit = atomic_load_explicit(&connection->thread->server->max_header_bytes, memory_order_relaxed);
    int64_t total = 0;
    const char *uri = NULL, *script = NULL, *request_id = NULL;
    exchange->method_name = "";
    exchange->path = "";
    exchange->query = "";
    for (char **at = connection->parameters; *at; at++) {
        const char *text = *at;
        total += (int64_t)strlen(text);
        switch (text[0]) { /* most parameters are none of these */
        case 'R':
            if (!strncmp(text, "REQUEST_METHOD=", 15)) exchange->method_name = text + 15;
            if (!strncmp(text, "REQUEST_URI=", 12)) uri = text + 12;
            break;
        case 'S':
            if (!strncmp(text, "SCRIPT_NAME=", 12)) script = text + 12;
            break;
        case 'Q':
            if (!strncmp(text, "QUERY_STRING=", 13)) exchange->query = text + 13;
            break;
        case 'H':
            if (!strncmp(text, "HTTP_X_REQUEST_ID=", 18)) request_id = text + 18;
            if (!strncmp(text, "HTTP_TRACEPARENT=", 17)) exchange->traceparent = take_trace_parent(text + 17);
            break;
        default: break;
        }
    }
    exchange->method = method_of(exchange->method_name);
    take_target(connection, uri ? uri : script ? script : "");
    exchange->request_id =
        request_id && is_sane_request_id(request_id) ? request_id : make_request_id(connection);
    if (total > limit)
        refuse(connection, 431, "the request's headers are larger than this server accepts");
    else if (exchange->path[0] != '/')
        refuse(connection, 400, "the request names no path");
}

static bool is_spooled(const Connection *connection) {
    const Server *server = connection->thread->server;
    return server->app.spools && !connection->reject_status &&
           server->app.spools(server->app.context, &connection->exchange);
}

/* What is in memory goes to the file. False: it cannot be written, and the request was refused. */
static bool spool(Connection *connection) {
    Exchange *exchange = &connection->exchange;
    if (connection->reject_status) return false;
    if (exchange->body_fd < 0)
        exchange->body_fd = body_spool_open(connection->thread->server->options.spool_directory);
    bool written = exchange->body_fd >= 0 &&
                   body_spool_write(exchange->body_fd, connection->body.data, connection->body.length);
    if (!written)
        refuse(connection, 507, "the request's body could not be kept: see the server's spool directory");
    connection->body.length = 0;
    return written;
}

/* To the end of STDIN, always: what is left unread would be taken for the next request's first record. */
static bool read_body(Connection *connection) {
    StrBuf *body = &connection->body;
    FCGX_Stream *in = connection->request.in;
    Server *server = connection->thread->server;
    bool spooled = is_spooled(connection);
    int64_t limit = atomic_load_explicit(spooled ? &server->max_upload_bytes : &server->max_body_bytes,
                                         memory_order_relaxed);
    int64_t total = 0;
    for (;;) {
        strbuf_grow(body, READ_BYTES);
        int count = FCGX_GetStr(body->data + body->length, READ_BYTES, in);
        if (count <= 0) break;
        total += count;
        if (total > limit)
            refuse(connection, 413, "the request's body is larger than this server accepts");
        else if (!connection->reject_status)
            body->length += (size_t)count;
        if (spooled && body->length >= SPOOL_BYTES) (void)spool(connection);
        if (total / DISCARD_FACTOR > limit) return false;
        if (count < READ_BYTES) break;
    }
    connection->exchange.body_bytes = (size_t)total;
    if (connection->exchange.body_fd >= 0) (void)spool(connection);
    body->data[body->length] = 0;
    return FCGX_GetError(in) == 0;
}

static void begin(Connection *connection) {
    Exchange *exchange = &connection->exchange;
    exchange->received_ns = clock_now_ns();
    exchange->body = strbuf_text(&connection->body);
    if (exchange->body_fd < 0) exchange->body_bytes = connection->body.length;
    cancel_init(&exchange->cancel, 0);
}

/* Those bytes are in the socket still: peeking is how we knew that they are all there. */
static bool discard(int fd, size_t bytes) {
    uint8_t scratch[4096];
    while (bytes > 0) {
        size_t part = bytes < sizeof scratch ? bytes : sizeof scratch;
        ssize_t count = recv(fd, scratch, part, MSG_DONTWAIT);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        bytes -= (size_t)count;
    }
    return true;
}

bool request_take(Connection *connection, const uint8_t *bytes, size_t length) {
    Exchange *exchange = &connection->exchange;
    const Server *server = connection->thread->server;
    int64_t limit = atomic_load_explicit(&server->max_body_bytes, memory_order_relaxed);
    FastcgiRequest request;
    if (!fastcgi_request_parse(bytes, length, &request) || (int64_t)request.body_bytes > limit) return false;
    connection->parameters = fastcgi_params_decode(request.params, request.params_bytes, &exchange->arena);
    if (!connection->parameters) return false;
    strbuf_append(&connection->body, request.body, request.body_bytes);
    if (!discard(connection->source.fd, request.bytes)) {
        shutdown(connection->source.fd, SHUT_RDWR); /* libfcgi then fails at once */
        return false;
    }
    connection->keep = request.keep;
    connection->request_id = request.id;
    take_parameters(connection);
    begin(connection);
    return true;
}

bool request_read(Connection *connection) {
    FCGX_Request *request = &connection->request;
    /* libfcgi first finishes the request before (there is none: `in` is NULL) and closes unless told to keep;
     * a failing read makes it close the descriptor (`detached`: without its select loop, which breaks beyond
     * descriptor 1023) and accept from listen_sock, which is -1 and fails. */
    request->keepConnection = 1;
    request->detached = 1;
    request->listen_sock = -1;
    if (FCGX_Accept_r(request) < 0) return false;
    request->detached = 0;
    connection->keep = request->keepConnection != 0;
    connection->parameters = request->envp;
    connection->request_id = request->requestId;
    take_parameters(connection);
    if (!read_body(connection)) return false;
    begin(connection);
    return true;
}
