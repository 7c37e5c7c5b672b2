#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/postgres/pglane.h"
#include "engines/postgres/pgstream.h"

/* What becomes of a write is not known when its link is given up: those wait longer. */
enum { BACKOFF_FIRST_MS = 20, BACKOFF_LARGEST_MS = 2000, HUNG_MS = 1500, HUNG_WRITE_MS = 3000 };

static void ignore_notice(void *argument, const PGresult *result) {}

void lane_link_watch(LaneLink *link, uint32_t events) {
    if (link->source.registered)
        eventloop_modify(link->lane->loop, &link->source, events);
    else if (eventloop_add(link->lane->loop, &link->source, events, NULL) != STATUS_OK)
        link->source.registered = false;
}

static void close_connection(LaneLink *link) {
    eventloop_remove(link->lane->loop, &link->source);
    PQfinish(link->pg);
    link->pg = NULL;
    link->state = LINK_DOWN;
    link->unsynced = 0;
}

static void connect_failed(LaneLink *link, bool waited) {
    char message[256];
    strncpy(message,
            waited     ? "the server does not answer"
            : link->pg ? PQerrorMessage(link->pg)
                       : "out of memory",
            sizeof message - 1);
    message[sizeof message - 1] = 0;
    message[strcspn(message, "\n")] = 0;
    close_connection(link);
    int shift = link->failures < 7 ? link->failures : 7;
    int64_t wait_ms = (int64_t)BACKOFF_FIRST_MS << shift;
    link->failures++;
    link->next_attempt_ns =
        clock_now_ns() + (wait_ms < BACKOFF_LARGEST_MS ? wait_ms : BACKOFF_LARGEST_MS) * 1000000;
    if (waited)
        pgengine_note_silent(link->lane->engine, message);
    else
        pgengine_note_down(link->lane->engine, message);
    lane_start_timer(link->lane);
}

static void connected(LaneLink *link) {
    PQsetnonblocking(link->pg, 1);
    PQsetNoticeReceiver(link->pg, ignore_notice, NULL);
    if (!PQenterPipelineMode(link->pg)) {
        connect_failed(link, false);
        return;
    }
    link->state = LINK_READY;
    link->failures = 0;
    link->next_attempt_ns = 0;
    lane_link_watch(link, EPOLLIN);
    pgengine_note_up(link->lane->engine, link->pg);
}

/* libpq may have replaced the socket, even by one of the same number: watch it anew each time. */
static void continue_connect(LaneLink *link) {
    PostgresPollingStatusType state = PQconnectPoll(link->pg);
    eventloop_remove(link->lane->loop, &link->source);
    link->source.fd = PQsocket(link->pg);
    switch (state) {
    case PGRES_POLLING_OK: connected(link); break;
    case PGRES_POLLING_READING: lane_link_watch(link, EPOLLIN); break;
    case PGRES_POLLING_WRITING: lane_link_watch(link, EPOLLOUT); break;
    default: connect_failed(link, false); break;
    }
}

static void on_socket(EventSource *source, uint32_t epoll_events) {
    LaneLink *link = source->owner;
    if (link->state == LINK_CONNECTING) {
        continue_connect(link);
        return;
    }
    if (epoll_events & (EPOLLIN | EPOLLHUP | EPOLLERR)) lane_pipe_read(link);
    if (link->state == LINK_READY && epoll_events & EPOLLOUT) lane_pipe_flush(link);
}

void lane_link_connect(LaneLink *link) {
    PgEngine *engine = link->lane->engine;
    Arena arena;
    const char *const *keywords, *const *values;
    arena_init(&arena);
    pgconn_keywords(engine->conninfo, &keywords, &values, &arena);
    link->pg = PQconnectStartParams(keywords, values, 1);
    arena_deinit(&arena);
    if (!link->pg || PQstatus(link->pg) == CONNECTION_BAD) {
        connect_failed(link, false);
        return;
    }
    link->state = LINK_CONNECTING;
    link->connect_until_ns = clock_now_ns() + (int64_t)engine->connect_timeout_ms * 1000000;
    link->source = (EventSource){.fd = PQsocket(link->pg), .callback = on_socket, .owner = link};
    lane_link_watch(link, EPOLLOUT);
    lane_start_timer(link->lane);
}

static void answer_lost(LaneOp *op) {
    Error err;
    error_clear(&err);
    if (op->write && op->sent)
        (void)pgstream_fail_unknown(&err);
    else if (op->link->hung)
        (void)error_set(&err, SQLSTATE_DOES_NOT_ANSWER, "PostgreSQL does not answer any more");
    else
        (void)error_set(&err, SQLSTATE_CONNECTION_FAILURE, "the connection to PostgreSQL was lost");
    lane_op_fail(op, &err);
    lane_op_release(op);
}

static void drop_prepared(LaneQueue *queue) {
    for (LaneOp *op = queue->first; op; op = op->next)
        lane_op_drop_prepared(op);
}

void lane_link_lost(LaneLink *link, const char *why) {
    LaneQueue flight = link->flight, pending = link->pending;
    LaneOp *committing = link->committing;
    /* A copy of an empty queue would point into the original. */
    if (!flight.first) lane_queue_init(&flight);
    if (!pending.first) lane_queue_init(&pending);
    lane_queue_init(&link->flight);
    lane_queue_init(&link->pending);
    link->committing = NULL;
    close_connection(link);
    drop_prepared(&flight);
    drop_prepared(&pending);
    if (committing) lane_op_drop_prepared(committing);
    pgprepared_clear(&link->prepared);
    lane_start_timer(link->lane); /* which connects again */
    if (why) pgengine_note_down(link->lane->engine, why);
    if (committing) answer_lost(committing);
    while (flight.first)
        answer_lost(lane_queue_pop(&flight));
    while (pending.first)
        answer_lost(lane_queue_pop(&pending));
}

void lane_link_close(LaneLink *link) {
    /* The owner gave its requests up with the lane. */
    for (LaneOp *op = link->flight.first; op; op = op->next)
        op->request = NULL;
    for (LaneOp *op = link->pending.first; op; op = op->next)
        op->request = NULL;
    if (link->committing) link->committing->request = NULL;
    lane_link_lost(link, NULL);
}

/* What is under way on a server that hangs is given up, so that reads can run elsewhere. A server that only
 * misses a ping answers something meanwhile. */
static bool is_hung(const LaneLink *link, int64_t now_ns) {
    int64_t since_ns = pgengine_silent_since_ns(link->lane->engine);
    int64_t patience_ns = (int64_t)(link->for_writes ? HUNG_WRITE_MS : HUNG_MS) * 1000000;
    return link->state == LINK_READY && link->flight.count > 0 && since_ns &&
           now_ns - since_ns > patience_ns && now_ns - link->head_since_ns > patience_ns;
}

static void give_up(LaneLink *link) {
    link->hung = true;
    pgengine_note_silent(link->lane->engine, "the server does not answer");
    lane_link_lost(link, NULL);
    link->hung = false;
}

void lane_link_tick(LaneLink *link, int64_t now_ns) {
    if (is_hung(link, now_ns)) give_up(link);
    if (link->state == LINK_CONNECTING && now_ns > link->connect_until_ns) connect_failed(link, true);
    bool wanted = !link->for_writes; /* a link for writes waits for the next write */
    if (link->state == LINK_DOWN && wanted && now_ns >= link->next_attempt_ns) lane_link_connect(link);
}
