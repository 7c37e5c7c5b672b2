#include "engines/postgres/pglane.h"

#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "engines/base/clock.h"

/* ---- operations and queues ---------------------------------------------------------------------------- */

LaneOp *lane_op_create(LaneLink *link, LaneOpKind kind) {
    EngineLane *lane = link->lane;
    LaneOp *op = lane->free_ops;
    if (op)
        lane->free_ops = op->next;
    else if (!(op = malloc(sizeof *op)))
        abort();
    *op = (LaneOp){.kind = kind, .link = link};
    return op;
}

void lane_op_drop_prepared(LaneOp *op) {
    PgPrepared *prepared = op->prepared;
    op->prepared = NULL;
    if (prepared && --prepared->users == 0 && prepared->detached) pgprepared_free(prepared);
}

void lane_op_release(LaneOp *op) {
    PQclear(op->result);
    lane_op_drop_prepared(op);
    op->next = op->link->lane->free_ops;
    op->link->lane->free_ops = op;
}

void lane_queue_init(LaneQueue *queue) {
    *queue = (LaneQueue){.last = &queue->first};
}

void lane_queue_push(LaneQueue *queue, LaneOp *op) {
    op->next = NULL;
    *queue->last = op;
    queue->last = &op->next;
    queue->count++;
}

void lane_queue_push_front(LaneQueue *queue, LaneOp *op) {
    op->next = queue->first;
    if (!queue->first) queue->last = &op->next;
    queue->first = op;
    queue->count++;
}

LaneOp *lane_queue_pop(LaneQueue *queue) {
    LaneOp *op = queue->first;
    queue->first = op->next;
    if (!queue->first) queue->last = &queue->first;
    queue->count--;
    return op;
}

void lane_queue_remove(LaneQueue *queue, LaneOp *op) {
    LaneOp **link = &queue->first;
    while (*link != op)
        link = &(*link)->next;
    *link = op->next;
    if (queue->last == &op->next) queue->last = link;
    queue->count--;
}

void lane_op_fail(LaneOp *op, Error *err) {
    LaneRequest *request = op->request;
    if (!request) return;
    op->request = NULL;
    request->lane_private = NULL;
    PgPlan *plan = pgplan_of(request->plan);
    pgplan_map_position(plan, &plan->pieces[0], err);
    request->done(request, NULL, err);
}

/* ---- deadlines and cancellation ----------------------------------------------------------------------- */

static void *send_cancel(void *argument) {
    char message[256];
    PQcancel(argument, message, sizeof message);
    PQfreeCancel(argument);
    return NULL;
}

/* PQcancel opens a connection and waits for it: not on the loop's thread. */
static void cancel_running(LaneLink *link, int64_t now_ns) {
    PGcancel *cancel = PQgetCancel(link->pg);
    pthread_attr_t attributes;
    pthread_t thread;
    if (!cancel) return;
    link->cancel_sent_ns = now_ns;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &attributes, send_cancel, cancel)) PQfreeCancel(cancel);
    pthread_attr_destroy(&attributes);
}

/* Leaves the op without its request; stops it when it is surely the one that runs. */
static void abandon(LaneOp *op, int64_t now_ns) {
    LaneLink *link = op->link;
    op->request = NULL;
    if (!op->sent) {
        lane_queue_remove(&link->pending, op);
        lane_op_release(op);
    } else if (link->flight.first == op && !op->cancelled) {
        op->cancelled = true;
        cancel_running(link, now_ns);
    }
}

static bool expired(const LaneOp *op, int64_t now_ns) {
    return op->request && op->request->deadline_ns && now_ns > op->request->deadline_ns;
}

static void expire(LaneOp *op, int64_t now_ns) {
    LaneRequest *request = op->request;
    Error err;
    error_clear(&err);
    (void)error_set(&err, SQLSTATE_QUERY_CANCELED,
                    "the statement ran longer than its limit and was cancelled");
    request->lane_private = NULL;
    abandon(op, now_ns);
    request->done(request, NULL, &err);
}

/* An answer may change the queues: after each one the search starts again. */
static LaneOp *find_expired(EngineLane *lane, int64_t now_ns) {
    for (int i = 0; i < lane->link_count; i++) {
        LaneLink *link = &lane->links[i];
        if (link->committing && expired(link->committing, now_ns)) return link->committing;
        for (LaneOp *op = link->flight.first; op; op = op->next)
            if (expired(op, now_ns)) return op;
        for (LaneOp *op = link->pending.first; op; op = op->next)
            if (expired(op, now_ns)) return op;
    }
    return NULL;
}

/* ---- the timer ---------------------------------------------------------------------------------------- */

static void set_timer(EngineLane *lane, int interval_ms) {
    struct timespec interval = {.tv_nsec = interval_ms * 1000000L};
    struct itimerspec setting = {.it_interval = interval, .it_value = interval};
    timerfd_settime(lane->timer.fd, 0, &setting, NULL);
    lane->timer_running = interval_ms > 0;
}

void lane_start_timer(EngineLane *lane) {
    lane->idle_ticks = 0;
    if (!lane->timer_running) set_timer(lane, PGLANE_TICK_MS);
}

static void on_timer(EventSource *source, uint32_t epoll_events) {
    EngineLane *lane = source->owner;
    uint64_t ticks;
    (void)!read(source->fd, &ticks, sizeof ticks);
    int64_t now_ns = clock_now_ns();
    for (LaneOp *op; (op = find_expired(lane, now_ns));)
        expire(op, now_ns);
    bool busy = false;
    for (int i = 0; i < lane->link_count; i++) {
        LaneLink *link = &lane->links[i];
        lane_link_tick(link, now_ns);
        busy |= link->flight.count || link->pending.count || link->state == LINK_CONNECTING ||
                (link->state == LINK_DOWN && !link->for_writes);
    }
    lane->idle_ticks = busy ? 0 : lane->idle_ticks + 1;
    if (lane->idle_ticks > PGLANE_IDLE_TICKS) set_timer(lane, 0);
}

/* ---- the engine's calls ------------------------------------------------------------------------------- */

static void free_lane(EngineLane *lane) {
    while (lane->free_ops) {
        LaneOp *next = lane->free_ops->next;
        free(lane->free_ops);
        lane->free_ops = next;
    }
    free(lane);
}

static void on_flush(EventDeferred *deferred) {
    EngineLane *lane = deferred->owner;
    if (lane->closed) {
        free_lane(lane);
        return;
    }
    for (int i = 0; i < lane->link_count; i++)
        if (lane->links[i].state == LINK_READY) lane_pipe_flush(&lane->links[i]);
}

Status pglane_open(Engine *base, EventLoop *loop, EngineLane **out, Error *err) {
    EngineLane *lane = calloc(1, sizeof *lane);
    if (!lane) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "no memory for a lane");
    lane->engine = pgengine_of(base);
    lane->loop = loop;
    lane->flush = (EventDeferred){.run = on_flush, .owner = lane};
    lane->timer = (EventSource){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                                .callback = on_timer,
                                .owner = lane};
    int readers = lane->engine->lane_connections;
    lane->link_count = (readers < PGLANE_MAX_LINKS ? readers : PGLANE_MAX_LINKS - 1) + 1;
    if (lane->timer.fd < 0 || eventloop_add(loop, &lane->timer, EPOLLIN, err) != STATUS_OK) {
        if (lane->timer.fd >= 0) close(lane->timer.fd);
        free(lane);
        return error_set(err, SQLSTATE_IO_ERROR, "cannot make a timer for the fast lane");
    }
    for (int i = 0; i < lane->link_count; i++) {
        LaneLink *link = &lane->links[i];
        link->lane = lane;
        link->for_writes = i == lane->link_count - 1;
        lane_queue_init(&link->pending);
        lane_queue_init(&link->flight);
        if (!link->for_writes) /* the one for writes is opened by the first write */
            lane_link_connect(link);
    }
    *out = lane;
    return STATUS_OK;
}

void pglane_close(EngineLane *lane) {
    for (int i = 0; i < lane->link_count; i++)
        lane_link_close(&lane->links[i]);
    eventloop_remove(lane->loop, &lane->timer);
    close(lane->timer.fd);
    lane->closed = true;
    if (!lane->flush.queued) free_lane(lane);
}

static bool stalled(const LaneLink *link, int64_t now_ns) {
    return link->flight.count && now_ns - link->head_since_ns > (int64_t)PGLANE_STALL_MS * 1000000;
}

static LaneLink *choose_link(EngineLane *lane, bool write) {
    int first = write ? lane->link_count - 1 : 0, end = write ? lane->link_count : lane->link_count - 1;
    LaneLink *best = NULL;
    for (int i = first; i < end; i++) {
        LaneLink *link = &lane->links[i];
        if (link->state == LINK_READY &&
            (!best || link->flight.count + link->pending.count < best->flight.count + best->pending.count))
            best = link;
        else if (link->state == LINK_DOWN && clock_now_ns() >= link->next_attempt_ns)
            lane_link_connect(link);
    }
    return best;
}

Status pglane_submit(EngineLane *lane, LaneRequest *request, Error *err) {
    PgPlan *plan = pgplan_of(request->plan);
    if (!request->plan->fast_lane)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "this statement is not one for the fast lane");
    TRY(pgplan_check_params(plan, request->params, request->param_count, err));
    if (pgplan_param_count(plan, &plan->pieces[0]) > PGLANE_MAX_PARAMS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "too many parameters for the fast lane");
    LaneLink *link = choose_link(lane, !plan->read_only);
    if (!link)
        return error_set(err, SQLSTATE_CANNOT_CONNECT, "the fast lane has no connection to PostgreSQL");
    if (link->flight.count + link->pending.count >= PGLANE_MAX_QUEUED || stalled(link, clock_now_ns()))
        return error_set(err, "53300", "the fast lane to PostgreSQL is full");
    LaneOp *op = lane_op_create(link, LANE_OP_EXECUTE);
    op->request = request;
    op->write = !plan->read_only;
    request->lane_private = op;
    lane_queue_push(&link->pending, op);
    eventloop_defer(lane->loop, &lane->flush);
    if (request->deadline_ns) lane_start_timer(lane);
    return STATUS_OK;
}

void pglane_cancel(EngineLane *lane, LaneRequest *request) {
    LaneOp *op = request->lane_private;
    if (!op) return;
    request->lane_private = NULL;
    abandon(op, clock_now_ns());
}
