#include "fcgi/server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "engines/base/thread_priority.h"
#include "fcgi/server/connection.h"

enum { TICK_MS = 50, ACCEPTS_PER_EVENT = 64, MIN_WORKERS = 32 };
/* After the drain's end statements are cancelled; then their connections are shut; then we leave all the
 * same. */
static const int64_t SHUT_AFTER_NS = 1000000000, LEAVE_AFTER_NS = 5000000000;

void server_block_signals(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGQUIT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGQUIT, SIG_DFL); /* shells start their background with it ignored */
}

/* ---- accepting -------------------------------------------------------------------------------------------
 */

static void on_listener(EventSource *source, uint32_t epoll_events) {
    LoopThread *thread = source->owner;
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            connection_open(thread, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log_error("accept", "error=\"%s\" connections=%lld", strerror(errno),
                      (long long)atomic_load(&thread->server->connections_open));
            eventloop_remove(thread->loop, source); /* level-triggered: it would spin; the tick tries again */
            thread->accept_paused = true;
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static Status start_accepting(LoopThread *thread, Error *err) {
    return eventloop_add(thread->loop, &thread->listener, EPOLLIN | EPOLLEXCLUSIVE, err);
}

/* ---- draining --------------------------------------------------------------------------------------------
 */

static bool has_bytes_waiting(int fd) {
    char byte;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

static void close_idle_connections(LoopThread *thread) {
    for (Connection *connection = thread->connections, *next; connection; connection = next) {
        next = connection->next;
        /* A request may have crossed our decision to stop: it is answered, then the connection closes. */
        if (connection->state == CONNECTION_IDLE && !has_bytes_waiting(connection->source.fd))
            connection_close(connection);
        else if (connection->pushing)
            connection_cancel(connection,
                              CANCEL_BY_SHUTDOWN); /* it would never end; the client comes again */
    }
}

static void drain_loop(void *argument) {
    LoopThread *thread = argument;
    Server *server = thread->server;
    if (thread->draining) return;
    if (thread->listener.registered)
        on_listener(&thread->listener, EPOLLIN); /* those that nginx believes are connected */
    thread->draining = true;
    eventloop_remove(thread->loop, &thread->listener);
    if (atomic_fetch_sub(&server->loops_accepting, 1) == 1) listener_close(&server->listener);
    close_idle_connections(thread);
    if (!thread->connections) eventloop_stop(thread->loop);
}

static void begin_drain(Server *server, int64_t deadline_ns) {
    bool first = !atomic_exchange(&server->draining, true);
    /* A second signal may shorten it. */
    if (first || deadline_ns < atomic_load(&server->drain_deadline_ns))
        atomic_store(&server->drain_deadline_ns, deadline_ns);
    if (!first) return;
    for (int i = 0; i < server->thread_count; i++)
        eventloop_post(server->threads[i]->loop, drain_loop, server->threads[i]);
}

void server_stop(Server *server) {
    int64_t timeout_ns = (int64_t)atomic_load(&server->drain_timeout_ms) * 1000000;
    begin_drain(server, clock_now_ns() + timeout_ns);
}

static void press_on_with_drain(LoopThread *thread, int64_t now_ns) {
    int64_t late_ns = now_ns - atomic_load(&thread->server->drain_deadline_ns);
    close_idle_connections(thread);
    if (late_ns < 0) return;
    for (Connection *connection = thread->connections, *next; connection; connection = next) {
        next = connection->next;
        if (late_ns > SHUT_AFTER_NS) shutdown(connection->source.fd, SHUT_RDWR);
        connection_cancel(connection, CANCEL_BY_SHUTDOWN);
    }
    if (late_ns > LEAVE_AFTER_NS && thread->connections) {
        log_error("drain",
                  "error=\"requests did not end when cancelled, leaving without them\" requests=%lld",
                  (long long)atomic_load(&thread->server->requests_active));
        _exit(0);
    }
}

static void on_tick(void *argument) {
    LoopThread *thread = argument;
    int64_t now_ns = clock_now_ns();
    if (thread->accept_paused && !thread->draining) {
        thread->accept_paused = false;
        (void)!start_accepting(thread, NULL);
    }
    for (Connection *connection = thread->connections, *next; connection; connection = next) {
        next = connection->next;
        connection_tick(connection, now_ns);
    }
    if (thread->draining) press_on_with_drain(thread, now_ns);
}

static void on_signal(EventSource *source, uint32_t epoll_events) {
    Server *server = source->owner;
    struct signalfd_siginfo info;
    while (read(source->fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            if (server->app.reload) server->app.reload(server->app.context);
        } else {
            log_info("drain", "signal=%u requests=%lld", info.ssi_signo,
                     (long long)atomic_load(&server->requests_active));
            if (info.ssi_signo == SIGQUIT)
                begin_drain(server, INT64_MAX); /* each request has a time limit of its own */
            else
                server_stop(server);
        }
    }
}

/* ---- life ------------------------------------------------------------------------------------------------
 */

static Status create_threads(Server *server, Error *err) {
    int count = server->options.io_threads > 0 ? server->options.io_threads : 1;
    server->threads = calloc((size_t)count, sizeof *server->threads);
    for (int i = 0; i < count; i++) {
        LoopThread *thread = calloc(1, sizeof *thread);
        server->threads[server->thread_count++] = thread;
        thread->server = server;
        thread->index = i;
        thread->listener = (EventSource){.fd = server->listener.fd, .callback = on_listener, .owner = thread};
        TRY(eventloop_create(&thread->loop, err));
        TRY(start_accepting(thread, err));
        eventloop_set_tick(thread->loop, TICK_MS, on_tick, thread);
    }
    atomic_store(&server->loops_accepting, count);
    return STATUS_OK;
}

static Status watch_signals(Server *server, Error *err) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGQUIT);
    sigaddset(&signals, SIGHUP);
    int fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0) return error_set_errno(err, errno, "cannot watch signals");
    server->signals = (EventSource){.fd = fd, .callback = on_signal, .owner = server};
    return eventloop_add(server->threads[0]->loop, &server->signals, EPOLLIN, err);
}

static Status set_up(Server *server, Error *err) {
    if (FCGX_Init()) return error_set(err, SQLSTATE_INTERNAL, "the FastCGI library cannot be started");
    TRY(listener_open(&server->listener, server->options.listen, server->options.take_over, err));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    /* Most of a worker's time is spent waiting: for an engine, or for a client that reads slowly. */
    int workers = server->options.worker_threads;
    if (workers <= 0) workers = 2 * cores > MIN_WORKERS ? (int)(2 * cores) : MIN_WORKERS;
    thread_priority_serve();
    TRY(threadpool_create(&server->pool, "worker", workers, err));
    TRY(create_threads(server, err));
    return watch_signals(server, err);
}

Status server_create(const ServerOptions *options, const ServerApp *app, Server **out, Error *err) {
    Server *server = calloc(1, sizeof *server);
    server->options = *options;
    server->app = *app;
    server->listener.fd = -1;
    server->signals.fd = -1;
    server_set_limits(server, options->max_body_bytes, options->max_header_bytes, options->max_upload_bytes,
                      options->drain_timeout_ms);
    uint64_t seed = 0;
    (void)!getrandom(&seed, sizeof seed, GRND_NONBLOCK);
    atomic_store(&server->next_request_id, seed);
    if (set_up(server, err) != STATUS_OK) {
        server_destroy(server);
        return STATUS_ERROR;
    }
    *out = server;
    return STATUS_OK;
}

static void *thread_main(void *argument) {
    LoopThread *thread = argument;
    const ServerApp *app = &thread->server->app;
    if (app->loop_open) thread->app_state = app->loop_open(app->context, thread->index, thread->loop);
    eventloop_run(thread->loop);
    if (app->loop_close) app->loop_close(app->context, thread->app_state);
    return NULL;
}

Status server_run(Server *server, Error *err) {
    int started = 0;
    Status status = listener_publish(&server->listener, err);
    /* Every loop has a thread of the large stack; the caller only waits. */
    while (started < server->thread_count && status == STATUS_OK) {
        status = thread_start(&server->threads[started]->pthread, thread_main, server->threads[started], err);
        started += status == STATUS_OK;
    }
    if (status != STATUS_OK) server_stop(server);
    for (int i = 0; i < started; i++)
        pthread_join(server->threads[i]->pthread, NULL);
    return status;
}

void server_destroy(Server *server) {
    if (server->pool) threadpool_destroy(server->pool);
    for (int i = 0; i < server->thread_count; i++) {
        if (server->threads[i]->loop) eventloop_destroy(server->threads[i]->loop);
        free(server->threads[i]);
    }
    free(server->threads);
    if (server->signals.fd >= 0) close(server->signals.fd);
    listener_close(&server->listener);
    free(server);
}

void server_set_limits(Server *server, int64_t max_body_bytes, int64_t max_header_bytes,
                       int64_t max_upload_bytes, int drain_timeout_ms) {
    atomic_store(&server->max_body_bytes, max_body_bytes);
    atomic_store(&server->max_header_bytes, max_header_bytes);
    atomic_store(&server->max_upload_bytes, max_upload_bytes);
    atomic_store(&server->drain_timeout_ms, drain_timeout_ms);
}

void server_counters(Server *server, ServerCounters *out) {
    *out = (ServerCounters){.connections_open = atomic_load(&server->connections_open),
                            .connections_accepted = atomic_load(&server->connections_accepted),
                            .requests_active = atomic_load(&server->requests_active),
                            .spooled_bytes = atomic_load(&server->spooled_bytes),
                            .workers = (size_t)threadpool_thread_count(server->pool),
                            .workers_busy = threadpool_running(server->pool),
                            .tasks_queued = threadpool_queued(server->pool)};
}
