#include "engines/base/eventloop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engines/base/clock.h"

enum { EVENTS_PER_WAIT = 256 };

typedef struct PostedCall {
    struct PostedCall *next;
    void (*run)(void *);
    void *argument;
} PostedCall;

struct EventLoop {
    int epoll_fd;
    EventSource wake; /* eventfd: posts and stop */
    _Atomic bool stopping;
    EventDeferred *deferred;
    pthread_mutex_t posted_lock;
    PostedCall *posted_first, **posted_last;
    /* The events of the running iteration, so that removal can void those not yet delivered. */
    struct epoll_event events[EVENTS_PER_WAIT];
    int event_count, event_index;
    int tick_interval_ms;
    int64_t next_tick_ns;
    void (*tick)(void *);
    void *tick_argument;
};

static void on_wake(EventSource *source, uint32_t epoll_events) {
    uint64_t count;
    (void)!read(source->fd, &count, sizeof count);
    EventLoop *loop = source->owner;
    pthread_mutex_lock(&loop->posted_lock);
    PostedCall *call = loop->posted_first;
    loop->posted_first = NULL;
    loop->posted_last = &loop->posted_first;
    pthread_mutex_unlock(&loop->posted_lock);
    while (call) {
        PostedCall *next = call->next;
        call->run(call->argument);
        free(call);
        call = next;
    }
}

Status eventloop_create(EventLoop **out, Error *err) {
    EventLoop *loop = calloc(1, sizeof *loop);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->posted_last = &loop->posted_first;
    pthread_mutex_init(&loop->posted_lock, NULL);
    loop->wake =
        (EventSource){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .callback = on_wake, .owner = loop};
    if (loop->epoll_fd < 0 || loop->wake.fd < 0) {
        Status status = error_set_errno(err, errno, "cannot create an event loop");
        eventloop_destroy(loop);
        return status;
    }
    if (eventloop_add(loop, &loop->wake, EPOLLIN, err) != STATUS_OK) {
        eventloop_destroy(loop);
        return STATUS_ERROR;
    }
    *out = loop;
    return STATUS_OK;
}

void eventloop_destroy(EventLoop *loop) {
    if (loop->wake.fd >= 0) close(loop->wake.fd);
    if (loop->epoll_fd >= 0) close(loop->epoll_fd);
    while (loop->posted_first) {
        PostedCall *next = loop->posted_first->next;
        free(loop->posted_first);
        loop->posted_first = next;
    }
    pthread_mutex_destroy(&loop->posted_lock);
    free(loop);
}

Status eventloop_add(EventLoop *loop, EventSource *source, uint32_t epoll_events, Error *err) {
    struct epoll_event event = {.events = epoll_events, .data.ptr = source};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event))
        return error_set_errno(err, errno, "cannot watch descriptor %d", source->fd);
    source->events = epoll_events;
    source->registered = true;
    return STATUS_OK;
}

void eventloop_modify(EventLoop *loop, EventSource *source, uint32_t epoll_events) {
    if (!source->registered || source->events == epoll_events) return;
    struct epoll_event event = {.events = epoll_events, .data.ptr = source};
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
    source->events = epoll_events;
}

void eventloop_remove(EventLoop *loop, EventSource *source) {
    if (!source->registered) return;
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    source->registered = false;
    source->events = 0;
    for (int i = loop->event_index; i < loop->event_count; i++)
        if (loop->events[i].data.ptr == source) loop->events[i].data.ptr = NULL;
}

void eventloop_defer(EventLoop *loop, EventDeferred *deferred) {
    if (deferred->queued) return;
    deferred->queued = true;
    deferred->next = loop->deferred;
    loop->deferred = deferred;
}

static void run_deferred(EventLoop *loop) {
    while (loop->deferred) {
        EventDeferred *list = loop->deferred;
        loop->deferred = NULL;
        while (list) {
            EventDeferred *next = list->next;
            list->queued = false;
            list->run(list);
            list = next;
        }
    }
}

static void wake(EventLoop *loop) {
    (void)!write(loop->wake.fd, &(uint64_t){1}, 8);
}

void eventloop_post(EventLoop *loop, void (*run)(void *), void *argument) {
    PostedCall *call = malloc(sizeof *call);
    *call = (PostedCall){.run = run, .argument = argument};
    pthread_mutex_lock(&loop->posted_lock);
    *loop->posted_last = call;
    loop->posted_last = &call->next;
    pthread_mutex_unlock(&loop->posted_lock);
    wake(loop);
}

void eventloop_set_tick(EventLoop *loop, int interval_ms, void (*tick)(void *), void *argument) {
    loop->tick_interval_ms = interval_ms;
    loop->tick = tick;
    loop->tick_argument = argument;
    loop->next_tick_ns = clock_now_ns() + (int64_t)interval_ms * 1000000;
}

static int wait_ms(EventLoop *loop) {
    if (!loop->tick) return -1;
    int64_t left_ns = loop->next_tick_ns - clock_now_ns();
    return left_ns <= 0 ? 0 : (int)((left_ns + 999999) / 1000000);
}

static void run_tick(EventLoop *loop) {
    if (!loop->tick || clock_now_ns() < loop->next_tick_ns) return;
    loop->next_tick_ns = clock_now_ns() + (int64_t)loop->tick_interval_ms * 1000000;
    loop->tick(loop->tick_argument);
}

void eventloop_run(EventLoop *loop) {
    while (!atomic_load(&loop->stopping)) {
        loop->event_count = epoll_wait(loop->epoll_fd, loop->events, EVENTS_PER_WAIT, wait_ms(loop));
        for (loop->event_index = 0; loop->event_index < loop->event_count;) {
            struct epoll_event *event = &loop->events[loop->event_index++];
            EventSource *source = event->data.ptr;
            if (source) source->callback(source, event->events);
        }
        loop->event_count = loop->event_index = 0;
        run_tick(loop);
        run_deferred(loop);
    }
}

void eventloop_stop(EventLoop *loop) {
    atomic_store(&loop->stopping, true);
    wake(loop);
}
