/* Inside the server: one kept FastCGI connection and the thread that watches it.
 *
 * States, and who owns the connection's fields then:
 *   IDLE       loop: waits for a request
 *   READING    worker: the request did not arrive whole, a worker reads it with blocking calls
 *   ON_LOOP    loop: the application has it, or awaits an engine's lane
 *   ON_WORKER  worker: everything but `source`, `state`, `peer_gone`, which stay the loop's
 *   SENDING    loop: the response is made, and goes out as the client takes it
 * Only the loop changes the state, registers the source and closes the descriptor; workers hand back with
 * connection_finish, which posts to the loop.
 */
#pragma once

#include <fcgiapp.h>
#include <stdatomic.h>

#include "engines/base/eventloop.h"
#include "fcgi/server/exchange.h"
#include "fcgi/server/listener.h"
#include "fcgi/server/response_spool.h"
#include "fcgi/server/server.h"

typedef struct Connection Connection;
typedef struct LoopThread LoopThread;

enum {
    PEEK_BYTES = 64 << 10,      /* larger requests are read by a worker */
    LOOP_WRITE_BYTES = 48 << 10 /* fits an empty socket buffer, so the loop may write it */
};

typedef enum ConnectionState {
    CONNECTION_IDLE,
    CONNECTION_READING,
    CONNECTION_ON_LOOP,
    CONNECTION_ON_WORKER,
    CONNECTION_SENDING
} ConnectionState;

struct Connection {
    Exchange exchange; /* first: an Exchange * is a Connection * */
    LoopThread *thread;
    Connection *next, *previous;
    EventSource source;
    FCGX_Request request; /* libfcgi's reader, for what does not arrive whole and plain */
    char **parameters;    /* "NAME=value", then NULL: in the arena or libfcgi's */
    int request_id;       /* FastCGI's */
    ConnectionState state;
    bool keep; /* the client wants the connection kept */
    bool peer_gone;
    bool failed; /* close without an end record */
    bool streaming;
    bool pushing;      /* exchange_push: `out` holds what the client has not taken */
    bool finished;     /* the exchange has been answered */
    int reject_status; /* found while reading */
    const char *reject_detail;
    void (*run)(Exchange *);
    void (*abandon)(Exchange *, CancelReason);
    StrBuf body, headers, out;
    ResponseSpool spool;
    int64_t waited_ns;   /* for the client, by a worker */
    int64_t progress_ns; /* SENDING: when the client took something last */
};

struct LoopThread {
    Server *server;
    int index;
    EventLoop *loop;
    void *app_state;
    EventSource listener;
    Connection *connections;
    bool draining;
    bool accept_paused; /* out of descriptors: tried again at the next tick */
    unsigned long pthread;
    uint8_t peeked[PEEK_BYTES];
};

struct Server {
    ServerOptions options;
    ServerApp app;
    Listener listener;
    ThreadPool *pool;
    LoopThread **threads;
    int thread_count;
    EventSource signals;
    _Atomic int loops_accepting;
    _Atomic bool draining;
    _Atomic int64_t drain_deadline_ns;
    _Atomic int64_t max_body_bytes, max_header_bytes, max_upload_bytes;
    _Atomic int drain_timeout_ms;
    _Atomic int64_t spooled_bytes; /* of all responses */
    _Atomic int64_t connections_open, connections_accepted, requests_active;
    _Atomic uint64_t next_request_id;
};

/* Takes a fresh descriptor. */
void connection_open(LoopThread *thread, int fd);
void connection_close(Connection *connection);
/* The exchange has ended, on whichever thread owns it. What is left of the response in the spool goes out. */
void connection_finish(Connection *connection);
/* On the loop: deadline, shutdown. Workers learn it from the cancel token, lanes by `abandon`. */
void connection_cancel(Connection *connection, CancelReason reason);
void connection_tick(Connection *connection, int64_t now_ns);

/* More of what was pushed goes out. False: the client is gone. */
bool push_flush(Connection *connection);

/* Takes a request that `bytes`, peeked, hold whole and plain (fastcgi_request.h). False = it is for
 * request_read. */
bool request_take(Connection *connection, const uint8_t *bytes, size_t length);
/* Reads one request with libfcgi: blocks unless it was seen to be complete. False = the connection is of no
 * more use. */
bool request_read(Connection *connection);
