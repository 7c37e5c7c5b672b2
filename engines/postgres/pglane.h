/* The fast lane: pipelined connections on an event loop. Everything here runs on the loop's thread.
 *
 * pglane.c       the lane: submit, cancel, deadlines, open and close
 * pglanelink.c   a connection's life: connecting, losing, trying again
 * pglanepipe.c   what is sent and what comes back
 *
 * A request is one LaneOp, which is in exactly one list: its link's `pending` (not sent), its link's `flight`
 * (sent, the answer outstanding) or nowhere (answered). `flight` mirrors libpq's own queue of commands one to
 * one, so it also holds preparations and synchronisation points.
 *
 * Reads sent in one iteration share a synchronisation point (one write to the socket, one transaction in the
 * server). When one of them fails the server skips the rest up to that point; those are sent again, each with
 * a point of its own, so a failure is only ever its own request's. A write always has its own point and is
 * answered when that is reached: only then is it committed. Writes have a link of their own, because a write
 * may wait for a lock and everything behind it in a pipeline waits too.
 */
#pragma once

#include "engines/postgres/pgplan.h"

enum {
    PGLANE_MAX_LINKS = 9,
    PGLANE_MAX_QUEUED = 1024, /* per link: pending and in flight */
    PGLANE_READS_PER_SYNC = 16,
    PGLANE_MAX_PARAMS = 128,
    PGLANE_STALL_MS = 100, /* the statement at the head takes that long: others go elsewhere */
    PGLANE_TICK_MS = 20,
    PGLANE_IDLE_TICKS = 50, /* the timer stops after that many ticks with nothing to do */
};

typedef enum LaneOpKind {
    LANE_OP_EXECUTE,
    LANE_OP_PREPARE,
    LANE_OP_DESCRIBE,
    LANE_OP_CLOSE,
    LANE_OP_SYNC
} LaneOpKind;

typedef struct LaneLink LaneLink;

typedef struct LaneOp {
    struct LaneOp *next;
    LaneOpKind kind;
    LaneLink *link;
    LaneRequest *request; /* NULL: nobody waits for it any more */
    PgPrepared *prepared;
    PGresult *result;
    bool write;
    bool sent;
    bool skipped; /* the server did not run it: another one before it failed */
    bool alone;   /* gets its own synchronisation point */
    bool retried;
    bool cancelled; /* we asked the server to stop it */
} LaneOp;

typedef struct LaneQueue {
    LaneOp *first;
    LaneOp **last;
    int count;
} LaneQueue;

typedef enum LinkState { LINK_DOWN, LINK_CONNECTING, LINK_READY } LinkState;

struct LaneLink {
    EngineLane *lane;
    PGconn *pg;
    EventSource source;
    LinkState state;
    bool for_writes;
    bool hung; /* while it is given up for that */
    PgPreparedCache prepared;
    LaneQueue pending;
    LaneQueue flight;
    LaneOp *committing;    /* a write that was answered but whose point is not reached */
    int unsynced;          /* reads sent since the last point */
    int64_t head_since_ns; /* when the head of `flight` became that */
    int64_t cancel_sent_ns;
    int64_t connect_until_ns;
    int64_t next_attempt_ns;
    int failures;
};

struct EngineLane {
    PgEngine *engine;
    EventLoop *loop;
    LaneLink links[PGLANE_MAX_LINKS];
    int link_count; /* the last one is for writes */
    EventDeferred flush;
    EventSource timer;
    bool timer_running;
    int idle_ticks;
    bool closed;
    LaneOp *free_ops;
};

/* pglane.c */
LaneOp *lane_op_create(LaneLink *link, LaneOpKind kind);
void lane_op_release(LaneOp *op); /* its request, if any, has been answered */
void lane_op_drop_prepared(LaneOp *op);
void lane_queue_push(LaneQueue *queue, LaneOp *op);
void lane_queue_push_front(LaneQueue *queue, LaneOp *op);
LaneOp *lane_queue_pop(LaneQueue *queue);
void lane_queue_remove(LaneQueue *queue, LaneOp *op);
void lane_queue_init(LaneQueue *queue);
void lane_start_timer(EngineLane *lane);
/* Answers the op's request with an error (positions mapped) and forgets it. */
void lane_op_fail(LaneOp *op, Error *err);

/* pglanelink.c */
void lane_link_connect(LaneLink *link);
/* Closes the connection and answers everything that was on it. */
void lane_link_lost(LaneLink *link, const char *why);
void lane_link_close(LaneLink *link);
void lane_link_tick(LaneLink *link, int64_t now_ns);
void lane_link_watch(LaneLink *link, uint32_t events);

/* pglanepipe.c */
void lane_pipe_flush(LaneLink *link);
void lane_pipe_read(LaneLink *link);
