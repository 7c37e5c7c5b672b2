#include "fcgi/server/exchange.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "engines/base/clock.h"
#include "engines/base/thread_priority.h"
#include "fcgi/server/connection.h"
#include "fcgi/server/fastcgi_records.h"

enum { SEND_POLL_MS = 100, SPOOL_SEND_BYTES = 1 << 20 };
static const int64_t SEND_STALL_NS = 60000000000;
/* A worker waits no longer than this for its client, all in all; then the response goes to the spool. */
static const int64_t PATIENCE_NS = 500000000;

static Connection *connection_of(Exchange *exchange) {
    return (Connection *)exchange;
}

/* ---- request ---------------------------------------------------------------------------------------------
 */

const char *exchange_parameter(const Exchange *exchange, const char *name) {
    /* Some ten are asked for per request and most are not there: byte by byte is quicker than strncmp. */
    for (char **at = ((const Connection *)exchange)->parameters; *at; at++) {
        const char *text = *at, *wanted = name;
        while (*wanted && *text == *wanted)
            text++, wanted++;
        if (!*wanted && *text == '=') return text + 1;
    }
    return NULL;
}

char *const *exchange_parameters(const Exchange *exchange) {
    return ((const Connection *)exchange)->parameters;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *exchange_percent_decode(Exchange *exchange, const char *text, size_t length, bool plus_is_space) {
    char *decoded = arena_alloc(&exchange->arena, length + 1);
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = length - i > 2 ? hex_digit(text[i + 1]) : -1;
            int low = length - i > 2 ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0 || (high | low) == 0) return NULL;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        decoded[count++] = c;
    }
    decoded[count] = 0;
    return decoded;
}

const char *exchange_query_value(Exchange *exchange, const char *name) {
    size_t name_length = strlen(name);
    const char *at = exchange->query;
    while (at && *at) {
        size_t length = strcspn(at, "&");
        if (length > name_length && at[name_length] == '=' && !strncmp(at, name, name_length))
            return exchange_percent_decode(exchange, at + name_length + 1, length - name_length - 1, true);
        at += length;
        at += *at == '&';
    }
    return NULL;
}

/* ---- sending ---------------------------------------------------------------------------------------------
 */

const char *http_reason(int status) {
    switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 507: return "Insufficient Storage";
    default: return "Status";
    }
}

const char *http_method_names(unsigned methods, char text[64]) {
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    text[0] = 0;
    for (int i = 0; i < 7; i++)
        if (methods & 1u << i) strcat(strcat(text, text[0] ? ", " : ""), names[i]);
    return text;
}

void exchange_add_header(Exchange *exchange, const char *name, const char *value) {
    StrBuf *headers = &connection_of(exchange)->headers;
    strbuf_append_text(headers, name);
    strbuf_append_text(headers, ": ");
    for (; *value; value++)
        strbuf_append_char(headers, (unsigned char)*value < 0x20 ? ' ' : *value);
    strbuf_append_text(headers, "\r\n");
}

static void append_head(Connection *connection, int status, const char *content_type) {
    StrBuf *out = &connection->out;
    connection->exchange.status = status;
    strbuf_append_text(out, "Status: ");
    strbuf_append_i64(out, status);
    strbuf_append_char(out, ' ');
    strbuf_append_text(out, http_reason(status));
    if (content_type) {
        strbuf_append_text(out, "\r\nContent-Type: ");
        strbuf_append_text(out, content_type);
    }
    strbuf_append_text(out, "\r\nX-Request-Id: ");
    strbuf_append_text(out, connection->exchange.request_id ? connection->exchange.request_id : "");
    strbuf_append_text(out, "\r\n");
    if (connection->exchange.traceparent) {
        strbuf_append_text(out, "traceparent: ");
        strbuf_append_text(out, connection->exchange.traceparent);
        strbuf_append_text(out, "\r\n");
    }
    strbuf_append(out, strbuf_text(&connection->headers), connection->headers.length);
}

static Status send_failed(Connection *connection, Error *err) {
    connection->failed = true;
    return error_set(err, SQLSTATE_CONNECTION_FAILURE, "the client is gone");
}

/* Waits until the peer takes more: a while, and no longer than somebody wants the answer. */
static bool wait_writable(Connection *connection, int64_t stalled_since_ns) {
    struct pollfd wait = {.fd = connection->request.ipcFd, .events = POLLOUT};
    int ready = poll(&wait, 1, SEND_POLL_MS);
    if (ready > 0) return !(wait.revents & (POLLERR | POLLNVAL));
    if (connection->streaming && cancel_is_requested(&connection->exchange.cancel)) return false;
    return clock_now_ns() - stalled_since_ns < SEND_STALL_NS;
}

static bool keep(Connection *connection, const struct iovec *parts, int count) {
    Server *server = connection->thread->server;
    return response_spool_keep(&connection->spool, server->options.spool_directory, parts, count,
                               &server->spooled_bytes, server->options.max_spooled_bytes);
}

/* What is in the spool goes first: as much as the client takes at once, or all of it. */
static bool send_spooled(Connection *connection, bool wait) {
    _Atomic int64_t *total = &connection->thread->server->spooled_bytes;
    int64_t stalled_since_ns = clock_now_ns();
    do {
        int64_t sent = connection->spool.sent;
        int64_t most = wait ? INT64_MAX : SPOOL_SEND_BYTES;
        if (!response_spool_send(&connection->spool, connection->request.ipcFd, most, total)) return false;
        if (connection->spool.sent != sent) stalled_since_ns = clock_now_ns();
        if (!wait || !response_spool_has_more(&connection->spool)) return true;
    } while (wait_writable(connection, stalled_since_ns));
    return false;
}

static bool send_parts(Connection *connection, struct iovec *parts, int count) {
    if (response_spool_has_more(&connection->spool)) {
        if (!send_spooled(connection, false)) return false;
        if (response_spool_has_more(&connection->spool)) {
            if (keep(connection, parts, count)) return true;
            if (!send_spooled(connection, true)) return false;
        }
    }
    int64_t stalled_since_ns = 0;
    while (count > 0) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        ssize_t sent = sendmsg(connection->request.ipcFd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EINTR) continue;
            if (errno != EAGAIN) return false;
            int64_t now_ns = clock_now_ns();
            if (!stalled_since_ns) stalled_since_ns = now_ns;
            if (connection->waited_ns > PATIENCE_NS && keep(connection, parts, count)) return true;
            if (!wait_writable(connection, stalled_since_ns)) return false;
            connection->waited_ns += clock_now_ns() - now_ns;
            continue;
        }
        stalled_since_ns = 0;
        for (; count > 0 && (size_t)sent >= parts->iov_len; parts++, count--)
            sent -= (ssize_t)parts->iov_len;
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
        }
    }
    return true;
}

/* `last`: the end of STDOUT and END_REQUEST leave with the last of it, in one write. */
static Status send_records(Connection *connection, const char *data, size_t bytes, bool last, Error *err) {
    uint8_t end[FASTCGI_END_BYTES], header[FASTCGI_HEADER_BYTES];
    if (last) fastcgi_end_records(end, connection->request_id);
    while (bytes > 0 || last) {
        size_t part = bytes < FASTCGI_MAX_CONTENT ? bytes : FASTCGI_MAX_CONTENT;
        struct iovec parts[3];
        int count = 0;
        if (part) {
            fastcgi_record_header(header, FASTCGI_STDOUT, connection->request_id, part);
            parts[count++] = (struct iovec){header, sizeof header};
            parts[count++] = (struct iovec){(void *)data, part};
            data += part;
            bytes -= part;
        }
        if (last && !bytes) {
            parts[count++] = (struct iovec){end, sizeof end};
            last = false;
        }
        if (!send_parts(connection, parts, count)) return send_failed(connection, err);
    }
    return STATUS_OK;
}

/* ---- a complete reply ------------------------------------------------------------------------------------
 */

static void write_reply(Connection *connection) {
    (void)!send_records(connection, connection->out.data, connection->out.length, true, NULL);
    connection_finish(connection);
}

static void write_reply_task(void *argument) {
    write_reply(argument);
}

void exchange_reply(Exchange *exchange, int status, const char *content_type, const void *data,
                    size_t bytes) {
    Connection *connection = connection_of(exchange);
    StrBuf *out = &connection->out;
    connection->abandon = NULL;
    append_head(connection, status, content_type);
    if (content_type) {
        strbuf_append_text(out, "Content-Length: ");
        strbuf_append_u64(out, bytes);
        strbuf_append_text(out, "\r\n");
    }
    strbuf_append_text(out, "\r\n");
    if (exchange->method != HTTP_HEAD) strbuf_append(out, data, bytes);
    exchange->response_bytes = (int64_t)bytes;
    if (connection->state == CONNECTION_ON_LOOP && out->length > LOOP_WRITE_BYTES) {
        connection->state = CONNECTION_ON_WORKER;
        threadpool_submit(connection->thread->server->pool, write_reply_task, connection);
    } else {
        write_reply(connection);
    }
}

/* ---- later answers ---------------------------------------------------------------------------------------
 */

void exchange_await(Exchange *exchange, void (*abandon)(Exchange *, CancelReason)) {
    connection_of(exchange)->abandon = abandon;
}

static void run_task(void *argument) {
    Connection *connection = argument;
    thread_step_back();
    connection->run(&connection->exchange);
}

void exchange_run_on_worker(Exchange *exchange, void (*run)(Exchange *)) {
    Connection *connection = connection_of(exchange);
    connection->abandon = NULL;
    connection->run = run;
    connection->state = CONNECTION_ON_WORKER;
    threadpool_submit(connection->thread->server->pool, run_task, connection);
}

Status exchange_stream_begin(Exchange *exchange, int status, const char *content_type, Error *err) {
    Connection *connection = connection_of(exchange);
    connection->streaming = true;
    append_head(connection, status, content_type);
    strbuf_append_text(&connection->out, "\r\n");
    return send_records(connection, connection->out.data, connection->out.length, false, err);
}

Status exchange_stream_write(Exchange *exchange, const void *data, size_t bytes, Error *err) {
    Connection *connection = connection_of(exchange);
    if (connection->failed) return send_failed(connection, err);
    exchange->response_bytes += (int64_t)bytes;
    return exchange->method == HTTP_HEAD ? STATUS_OK : send_records(connection, data, bytes, false, err);
}

void exchange_stream_end(Exchange *exchange) {
    Connection *connection = connection_of(exchange);
    if (!connection->failed) (void)!send_records(connection, NULL, 0, true, NULL);
    connection_finish(connection);
}

void exchange_stream_cut(Exchange *exchange) {
    Connection *connection = connection_of(exchange);
    connection->failed = true;
    connection_finish(connection);
}
