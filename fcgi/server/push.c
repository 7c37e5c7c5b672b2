/* Answers whose pieces come over time, written by the loop without waiting. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "fcgi/server/connection.h"
#include "fcgi/server/fastcgi_records.h"

static Connection *connection_of(Exchange *exchange) {
    return (Connection *)exchange;
}

static void append_records(Connection *connection, const char *data, size_t bytes) {
    while (bytes > 0) {
        uint8_t header[FASTCGI_HEADER_BYTES];
        size_t part = bytes < FASTCGI_MAX_CONTENT ? bytes : FASTCGI_MAX_CONTENT;
        fastcgi_record_header(header, FASTCGI_STDOUT, connection->request_id, part);
        strbuf_append(&connection->out, header, sizeof header);
        strbuf_append(&connection->out, data, part);
        data += part;
        bytes -= part;
    }
}

bool push_flush(Connection *connection) {
    StrBuf *out = &connection->out;
    size_t sent = 0;
    while (sent < out->length) {
        ssize_t count =
            send(connection->source.fd, out->data + sent, out->length - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno == EAGAIN) break;
        if (count < 0) return false;
        sent += (size_t)count;
    }
    out->length -= sent;
    if (sent && out->length) memmove(out->data, out->data + sent, out->length);
    uint32_t events = EPOLLIN | EPOLLRDHUP | (out->length ? EPOLLOUT : 0);
    if (connection->source.registered && connection->source.events != events)
        eventloop_modify(connection->thread->loop, &connection->source, events);
    return true;
}

void exchange_push_begin(Exchange *exchange, int status, const char *content_type,
                         void (*abandon)(Exchange *exchange, CancelReason reason)) {
    Connection *connection = connection_of(exchange);
    StrBuf head;
    strbuf_init(&head);
    connection->pushing = true;
    connection->abandon = abandon;
    exchange->status = status;
    strbuf_printf(&head, "Status: %d %s\r\nContent-Type: %s\r\nX-Request-Id: %s\r\n", status,
                  http_reason(status), content_type, exchange->request_id ? exchange->request_id : "");
    strbuf_append(&head, strbuf_text(&connection->headers), connection->headers.length);
    strbuf_append_text(&head, "\r\n");
    append_records(connection, head.data, head.length);
    strbuf_deinit(&head);
}

bool exchange_push(Exchange *exchange, const void *data, size_t bytes) {
    Connection *connection = connection_of(exchange);
    if (exchange->method != HTTP_HEAD) append_records(connection, data, bytes);
    exchange->response_bytes += (int64_t)bytes;
    return push_flush(connection) && connection->out.length <= EXCHANGE_PUSH_BYTES;
}

void exchange_push_end(Exchange *exchange) {
    Connection *connection = connection_of(exchange);
    uint8_t end[FASTCGI_END_BYTES];
    fastcgi_end_records(end, connection->request_id);
    strbuf_append(&connection->out, end, sizeof end);
    connection->abandon = NULL;
    /* What it has not taken by now it will not take: the connection closes and nothing half-read is reused.
     */
    if (!push_flush(connection) || connection->out.length) connection->failed = true;
    connection_finish(connection);
}
