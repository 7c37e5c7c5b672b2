/* GET /api/v1/jobs/{id}/events: server-sent events (WHATWG HTML, 9.2), from the event loop alone. */
#include <stdlib.h>
#include <string.h>

#include "fcgi/api/jobs_resource.h"
#include "fcgi/api/problem.h"
#include "fcgi/jobs/job_watch.h"

typedef struct EventsExchange {
    Exchange *exchange;
    JobWatcher *watcher;
    bool begun;
} EventsExchange;

/* Ends the watching; the exchange stays to be ended. */
static Exchange *let_go(EventsExchange *events) {
    if (events->watcher) job_watch_remove(events->watcher);
    events->watcher = NULL;
    return events->exchange;
}

static void abandon(Exchange *exchange, CancelReason reason) {
    EventsExchange *events = exchange->state;
    bool begun = events->begun;
    let_go(events);
    if (reason == CANCEL_BY_CLIENT_GONE)
        exchange_stream_cut(exchange);
    else if (begun)
        exchange_push_end(exchange); /* the client asks another process for the rest */
    else
        problem_reply_text(exchange, 503, "this process stops");
}

static bool push(EventsExchange *events, const char *text, size_t length) {
    Exchange *exchange = events->exchange;
    if (!events->begun) {
        static const char retry[] = "retry: 1000\n\n";
        events->begun = true;
        exchange_add_header(exchange, "Cache-Control", "no-store");
        exchange_add_header(exchange, "X-Accel-Buffering", "no"); /* nginx passes each event on at once */
        exchange_push_begin(exchange, 200, "text/event-stream", abandon);
        if (!exchange_push(exchange, retry, sizeof retry - 1)) return false;
    }
    return exchange_push(exchange, text, length);
}

static void deliver(void *owner, JobWatchNews news, const char *text, size_t length) {
    EventsExchange *events = owner;
    bool has_text = news == JOB_WATCH_EVENTS || news == JOB_WATCH_LAST;
    if (has_text && !push(events, text, length))
        exchange_stream_cut(let_go(events));
    else if (news == JOB_WATCH_EVENTS)
        return;
    else if (events->begun)
        exchange_push_end(let_go(events));
    else if (news == JOB_WATCH_UNKNOWN)
        problem_reply_text(let_go(events), 404, "there is no job of this id (any more)");
    else
        exchange_reply(let_go(events), 204, NULL, NULL, 0); /* tells an EventSource not to come again */
}

static int64_t last_event_id(Exchange *exchange) {
    const char *text = exchange_parameter(exchange, "HTTP_LAST_EVENT_ID");
    if (!text || !text[0]) text = exchange_query_value(exchange, "last_event_id");
    char *end;
    int64_t version = text ? strtoll(text, &end, 10) : 0;
    return text && text[0] && !*end && version > 0 ? version : 0;
}

void job_events_handle(Api *api, Exchange *exchange, char *const *arguments) {
    if (!jobs_are_kept(api, exchange)) return;
    LoopState *loop = exchange->loop_state;
    EventsExchange *events = ARENA_NEW(&exchange->arena, EventsExchange);
    events->exchange = exchange;
    exchange->state = events;
    exchange->cancel.deadline_ns = 0;
    exchange_await(exchange, abandon);
    if (strlen(arguments[0]) >= JOB_ID_BYTES) {
        problem_reply_text(exchange, 404, "there is no job of this id");
        return;
    }
    events->watcher =
        job_watch_add(api->job_watch, arguments[0], last_event_id(exchange), loop->loop, deliver, events);
}
