/* One epoll loop, owned by one thread. Everything that waits for a descriptor in that thread registers here:
 * the FastCGI listener and kept connections, an engine's pipelined connections.
 *
 * A source is embedded in its owner and must outlive its registration. Callbacks may add, change and remove
 * any source, also their own. Level-triggered.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "engines/base/error.h"

typedef struct EventLoop EventLoop;
typedef struct EventSource EventSource;

typedef void (*EventCallback)(EventSource *source, uint32_t epoll_events);

struct EventSource {
    int fd;
    uint32_t events; /* as registered; 0 and !registered = not in the loop */
    bool registered;
    EventCallback callback;
    void *owner;
};

/* Work to run once, after the callbacks of the current iteration (flush a pipeline, say). Re-armable. */
typedef struct EventDeferred {
    struct EventDeferred *next;
    bool queued;
    void (*run)(struct EventDeferred *);
    void *owner;
} EventDeferred;

Status eventloop_create(EventLoop **out, Error *err);
void eventloop_destroy(EventLoop *loop);

Status eventloop_add(EventLoop *loop, EventSource *source, uint32_t epoll_events, Error *err);
void eventloop_modify(EventLoop *loop, EventSource *source, uint32_t epoll_events);
void eventloop_remove(EventLoop *loop, EventSource *source);
void eventloop_defer(EventLoop *loop, EventDeferred *deferred);

/* Queues `run(argument)` to run on the loop's thread; wakes it. The only call allowed from other threads,
 * with eventloop_stop. Never fails. */
void eventloop_post(EventLoop *loop, void (*run)(void *), void *argument);

/* Calls `tick(argument)` about every `interval_ms` (one ticker per loop). */
void eventloop_set_tick(EventLoop *loop, int interval_ms, void (*tick)(void *), void *argument);

/* Until eventloop_stop(). */
void eventloop_run(EventLoop *loop);
void eventloop_stop(EventLoop *loop);
