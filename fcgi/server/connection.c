#include "fcgi/server/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "fcgi/server/fastcgi_records.h"

/* How long a blocking read or write may wait for the web server before the connection is given up. */
enum { STALL_SECONDS = 60, KEPT_BUFFER_BYTES = 256 << 10 };
enum { WATCHED_EVENTS = EPOLLIN | EPOLLRDHUP };

static void on_event(EventSource *source, uint32_t epoll_events);

static void watch(Connection *connection) {
    if (!connection->source.registered &&
        eventloop_add(connection->thread->loop, &connection->source, WATCHED_EVENTS, NULL) != STATUS_OK)
        connection->peer_gone = true;
}

void connection_open(LoopThread *thread, int fd) {
    struct timeval stall = {.tv_sec = STALL_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &stall, sizeof stall);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &stall, sizeof stall);
    int family = 0;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &(socklen_t){sizeof family}) == 0 &&
        family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        /* Room for a whole LOOP_WRITE_BYTES reply, so that the loop never waits for the peer. */
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &(int){4 * LOOP_WRITE_BYTES}, sizeof(int));
    }
    Connection *connection = calloc(1, sizeof *connection);
    connection->thread = thread;
    connection->source = (EventSource){.fd = fd, .callback = on_event, .owner = connection};
    FCGX_InitRequest(&connection->request, -1, FCGI_FAIL_ACCEPT_ON_INTR);
    connection->request.ipcFd = fd;
    arena_init(&connection->exchange.arena);
    connection->exchange.body_fd = -1;
    strbuf_init(&connection->body);
    strbuf_init(&connection->headers);
    strbuf_init(&connection->out);
    connection->next = thread->connections;
    if (connection->next) connection->next->previous = connection;
    thread->connections = connection;
    atomic_fetch_add(&thread->server->connections_open, 1);
    atomic_fetch_add(&thread->server->connections_accepted, 1);
    watch(connection);
    if (connection->peer_gone) connection_close(connection);
}

static void unlink_connection(Connection *connection) {
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        connection->thread->connections = connection->next;
    if (connection->next) connection->next->previous = connection->previous;
}

void connection_close(Connection *connection) {
    LoopThread *thread = connection->thread;
    eventloop_remove(thread->loop, &connection->source);
    FCGX_Free(&connection->request, 0);
    if (connection->request.ipcFd >= 0) /* libfcgi closes it itself when a read fails */
        close(connection->request.ipcFd);
    unlink_connection(connection);
    response_spool_clear(&connection->spool, &thread->server->spooled_bytes);
    if (connection->exchange.body_fd >= 0) close(connection->exchange.body_fd);
    arena_deinit(&connection->exchange.arena);
    strbuf_deinit(&connection->body);
    strbuf_deinit(&connection->headers);
    strbuf_deinit(&connection->out);
    free(connection);
    atomic_fetch_sub(&thread->server->connections_open, 1);
    if (thread->draining && !thread->connections) eventloop_stop(thread->loop);
}

/* ---- a request begins ------------------------------------------------------------------------------------
 */

static void dispatch(Connection *connection) {
    Server *server = connection->thread->server;
    connection->state = CONNECTION_ON_LOOP;
    connection->exchange.loop_state = connection->thread->app_state;
    atomic_fetch_add_explicit(&server->requests_active, 1, memory_order_relaxed);
    if (connection->reject_status)
        server->app.reject(server->app.context, &connection->exchange, connection->reject_status,
                           connection->reject_detail);
    else
        server->app.handle(server->app.context, &connection->exchange);
}

static void after_slow_read(void *argument) {
    Connection *connection = argument;
    if (!connection->failed) watch(connection);
    if (connection->failed || connection->peer_gone)
        connection_close(connection);
    else
        dispatch(connection);
}

/* From a duplicate: libfcgi closes what it fails to read, while the loop must be able to shut the
 * connection's own descriptor at any time, and another loop may be given a number that was closed too early.
 */
static bool read_by_library(Connection *connection) {
    int duplicate = fcntl(connection->source.fd, F_DUPFD_CLOEXEC, 0);
    connection->request.ipcFd = duplicate;
    bool whole = duplicate >= 0 && request_read(connection);
    if (connection->request.ipcFd >= 0) close(connection->request.ipcFd);
    connection->request.ipcFd = connection->source.fd;
    return whole;
}

static void slow_read(void *argument) {
    Connection *connection = argument;
    connection->failed = !read_by_library(connection);
    eventloop_post(connection->thread->loop, after_slow_read, connection);
}

static void receive(Connection *connection) {
    LoopThread *thread = connection->thread;
    ssize_t count =
        recv(connection->source.fd, thread->peeked, sizeof thread->peeked, MSG_PEEK | MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    RecordScan scan = count > 0 ? fastcgi_records_scan(thread->peeked, (size_t)count) : RECORDS_INVALID;
    if (scan == RECORDS_INVALID) {
        if (count > 0)
            log_warn("connection.refused", "reason=\"not a FastCGI record\" first_byte=%d",
                     thread->peeked[0]);
        connection_close(connection);
    } else if (scan == RECORDS_COMPLETE) {
        if (request_take(connection, thread->peeked, (size_t)count) || read_by_library(connection))
            dispatch(connection);
        else
            connection_close(connection);
    } else {
        connection->state = CONNECTION_READING;
        eventloop_remove(thread->loop, &connection->source);
        threadpool_submit(thread->server->pool, slow_read, connection);
    }
}

/* ---- a request ends --------------------------------------------------------------------------------------
 */

static void shrink(StrBuf *buf) {
    if (buf->capacity > KEPT_BUFFER_BYTES)
        strbuf_deinit(buf), strbuf_init(buf);
    else
        strbuf_reset(buf);
}

static void finish_on_loop(void *argument) {
    Connection *connection = argument;
    Server *server = connection->thread->server;
    if (server->app.finished) server->app.finished(server->app.context, &connection->exchange);
    atomic_fetch_sub_explicit(&server->requests_active, 1, memory_order_relaxed);
    if (connection->failed || connection->peer_gone || !connection->keep || connection->thread->draining) {
        connection_close(connection);
        return;
    }
    if (connection->request.in) FCGX_Free(&connection->request, 0);
    Exchange *exchange = &connection->exchange;
    if (exchange->body_fd >= 0) close(exchange->body_fd);
    arena_reset(&exchange->arena);
    *exchange = (Exchange){.arena = exchange->arena, .body_fd = -1};
    response_spool_clear(&connection->spool, &server->spooled_bytes); /* its descriptor, too */
    connection->streaming = connection->pushing = connection->finished = false;
    connection->reject_status = 0;
    connection->waited_ns = 0;
    connection->abandon = NULL;
    connection->run = NULL;
    shrink(&connection->body);
    shrink(&connection->headers);
    shrink(&connection->out);
    connection->state = CONNECTION_IDLE;
    watch(connection);
    if (connection->peer_gone) connection_close(connection);
}

/* ---- what the client takes later -------------------------------------------------------------------------
 */

enum { SEND_BYTES_PER_EVENT = 1 << 20 };
static const int64_t SENDING_STALL_NS = (int64_t)STALL_SECONDS * 1000000000;

static void end_sending(Connection *connection, bool failed) {
    eventloop_remove(connection->thread->loop, &connection->source); /* finishing watches it for requests */
    connection->failed |= failed;
    response_spool_clear(&connection->spool, &connection->thread->server->spooled_bytes);
    finish_on_loop(connection);
}

static void send_more(Connection *connection) {
    ResponseSpool *spool = &connection->spool;
    int64_t sent = spool->sent;
    bool alive = response_spool_send(spool, connection->source.fd, SEND_BYTES_PER_EVENT,
                                     &connection->thread->server->spooled_bytes);
    if (spool->sent != sent) connection->progress_ns = clock_now_ns();
    if (!alive || !response_spool_has_more(spool)) end_sending(connection, !alive);
}

static void begin_sending(void *argument) {
    Connection *connection = argument;
    connection->state = CONNECTION_SENDING;
    shrink(&connection->out); /* it is in the spool, and the client may take hours */
    connection->progress_ns = clock_now_ns();
    eventloop_remove(connection->thread->loop, &connection->source);
    bool watched = !connection->peer_gone && eventloop_add(connection->thread->loop, &connection->source,
                                                           EPOLLOUT | EPOLLRDHUP, NULL) == STATUS_OK;
    if (!watched) end_sending(connection, true);
}

void connection_finish(Connection *connection) {
    if (response_spool_has_more(&connection->spool) && !connection->failed) {
        eventloop_post(connection->thread->loop, begin_sending, connection);
        return;
    }
    if (connection->state == CONNECTION_ON_WORKER)
        eventloop_post(connection->thread->loop, finish_on_loop, connection);
    else
        finish_on_loop(connection);
}

/* ---- while a request is in flight ------------------------------------------------------------------------
 */

void connection_cancel(Connection *connection, CancelReason reason) {
    cancel_request(&connection->exchange.cancel, reason);
    if (connection->state == CONNECTION_SENDING) {
        end_sending(connection, true);
        return;
    }
    if (connection->state == CONNECTION_ON_LOOP && connection->abandon) {
        void (*abandon)(Exchange *, CancelReason) = connection->abandon;
        connection->abandon = NULL;
        abandon(&connection->exchange, reason);
    }
}

/* Nothing is due from the peer now: an end of file or an ABORT_REQUEST means that nobody wants the answer. */
static void watch_peer(Connection *connection, uint32_t epoll_events) {
    uint8_t header[FASTCGI_HEADER_BYTES];
    ssize_t count = recv(connection->source.fd, header, sizeof header, MSG_PEEK | MSG_DONTWAIT);
    bool gone = (epoll_events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) || count == 0 ||
                (count < 0 && errno != EAGAIN && errno != EINTR) ||
                (count > 1 && header[1] == FASTCGI_ABORT_REQUEST);
    if (!gone && count < 0) return;
    eventloop_remove(connection->thread->loop, &connection->source);
    if (!gone) return; /* the next request, sent early: looked at when this one is done */
    connection->peer_gone = true;
    connection_cancel(connection, CANCEL_BY_CLIENT_GONE);
}

static void on_event(EventSource *source, uint32_t epoll_events) {
    Connection *connection = source->owner;
    if (connection->pushing && (epoll_events & EPOLLOUT) && !push_flush(connection)) {
        connection->peer_gone = true;
        connection_cancel(connection, CANCEL_BY_CLIENT_GONE);
        return;
    }
    if (connection->pushing && epoll_events == EPOLLOUT) return;
    if (connection->state == CONNECTION_IDLE)
        receive(connection);
    else if (connection->state == CONNECTION_SENDING && (epoll_events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)))
        end_sending(connection, true);
    else if (connection->state == CONNECTION_SENDING)
        send_more(connection);
    else
        watch_peer(connection, epoll_events);
}

void connection_tick(Connection *connection, int64_t now_ns) {
    if (connection->state == CONNECTION_SENDING && now_ns - connection->progress_ns > SENDING_STALL_NS) {
        end_sending(connection, true);
        return;
    }
    if (connection->state != CONNECTION_ON_LOOP) return; /* a worker's exchange is the worker's */
    if (cancel_is_overdue(&connection->exchange.cancel, now_ns))
        connection_cancel(connection, CANCEL_BY_DEADLINE);
}
