/* The FastCGI server: sockets, threads, signals. Knows nothing of SQL.
 *
 *   server_block_signals (before any thread is made) → server_create → server_run (returns after SIGTERM
 *   or SIGINT, drained) → server_destroy
 *
 * One event loop per I/O thread holds the listener and its kept connections; one pool of workers is the slow
 * lane. SIGTERM and SIGINT stop accepting, let requests in flight finish for drain_timeout_ms, then cancel
 * them; SIGQUIT the same without cancelling, for a process whose place another has taken. SIGHUP calls the
 * application's reload.
 */
#pragma once

#include "engines/base/eventloop.h"
#include "engines/base/threadpool.h"
#include "fcgi/server/exchange.h"

typedef struct Server Server;

typedef struct ServerOptions {
    const char *listen;
    bool take_over;     /* of a process that listens there: it gets no more connections once we run */
    int io_threads;     /* 0 = 1 */
    int worker_threads; /* 0 = 2 × cores, 32 at least */
    int64_t max_body_bytes;
    int64_t max_header_bytes;
    int64_t max_upload_bytes;    /* of a body that the application spools */
    const char *spool_directory; /* where it goes; outlives the server */
    int64_t max_spooled_bytes;   /* there, of responses that clients have not taken yet */
    int drain_timeout_ms;
} ServerOptions;

/* What is served. `context` is handed to every call. All but handle and reject may be NULL. */
typedef struct ServerApp {
    void *context;
    void (*handle)(void *context, Exchange *exchange);
    /* Asked before a body is read, on any thread; only method, path and parameters are known. True: it may be
     * large and goes to a file (Exchange.body_fd) unless it is small. */
    bool (*spools)(void *context, const Exchange *exchange);
    /* A request that the server itself refuses (400, 413, 431): reply a body of the application's kind. */
    void (*reject)(void *context, Exchange *exchange, int status, const char *detail);
    /* After every response, on the loop's thread, before the exchange is gone. */
    void (*finished)(void *context, Exchange *exchange);
    void *(*loop_open)(void *context, int loop_index, EventLoop *loop);
    void (*loop_close)(void *context, void *loop_state);
    void (*reload)(void *context);
} ServerApp;

typedef struct ServerCounters {
    int64_t connections_open, connections_accepted;
    int64_t requests_active;
    int64_t spooled_bytes; /* of answers that slow clients have not taken */
    size_t workers, workers_busy, tasks_queued;
} ServerCounters;

/* SIGTERM, SIGINT, SIGQUIT, SIGHUP go to the server's signalfd, SIGPIPE is ignored. */
void server_block_signals(void);
Status server_create(const ServerOptions *options, const ServerApp *app, Server **out, Error *err);
Status server_run(Server *server, Error *err);
/* Begins the drain as SIGTERM does; from any thread. */
void server_stop(Server *server);
void server_destroy(Server *server);

/* Limits may change while running (SIGHUP). */
void server_set_limits(Server *server, int64_t max_body_bytes, int64_t max_header_bytes,
                       int64_t max_upload_bytes, int drain_timeout_ms);
void server_counters(Server *server, ServerCounters *out);
