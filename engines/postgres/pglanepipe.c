#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/postgres/pglane.h"
#include "engines/postgres/pgstream.h"

/* A cancel request of ours may hit the statement after the one it was meant for, within about this time. */
enum { STRAY_CANCEL_MS = 5000, KEPT_BUILDER_BYTES = 16 << 10 };

/* ---- sending ------------------------------------------------------------------------------------------ */

static void push_flight(LaneLink *link, LaneOp *op) {
    if (!link->flight.first) link->head_since_ns = clock_now_ns();
    op->sent = true;
    lane_queue_push(&link->flight, op);
}

static bool send_sync(LaneLink *link) {
    if (!PQpipelineSync(link->pg)) return false;
    push_flight(link, lane_op_create(link, LANE_OP_SYNC));
    link->unsynced = 0;
    return true;
}

static bool send_close(LaneLink *link, const char *name) {
    char sql[64];
    snprintf(sql, sizeof sql, "DEALLOCATE %s", name);
    if (link->unsynced && !send_sync(link)) return false;
    if (!PQsendQueryParams(link->pg, sql, 0, NULL, NULL, NULL, NULL, 0)) return false;
    push_flight(link, lane_op_create(link, LANE_OP_CLOSE));
    return send_sync(link);
}

static void use_prepared(LaneOp *op, PgPrepared *prepared) {
    op->prepared = prepared;
    prepared->users++;
}

static bool evict(LaneLink *link) {
    PgPrepared *oldest = link->prepared.oldest;
    while (oldest && oldest->users)
        oldest = oldest->newer;
    if (!oldest) return true;
    bool sent = send_close(link, oldest->name);
    pgprepared_remove(&link->prepared, oldest);
    return sent;
}

/* Prepares and describes; the requests wait in `pending` until the description is here. */
static bool send_prepare(LaneLink *link, PgPrepared *prepared) {
    if (link->unsynced && !send_sync(link)) return false;
    if (!PQsendPrepare(link->pg, prepared->name, prepared->sql, 0, NULL)) return false;
    LaneOp *op = lane_op_create(link, LANE_OP_PREPARE);
    use_prepared(op, prepared);
    push_flight(link, op);
    if (!PQsendDescribePrepared(link->pg, prepared->name)) return false;
    op = lane_op_create(link, LANE_OP_DESCRIBE);
    use_prepared(op, prepared);
    push_flight(link, op);
    return send_sync(link);
}

static bool find_prepared(LaneLink *link, LaneOp *op) {
    if (op->prepared) return true;
    const PgText *text = &pgplan_of(op->request->plan)->pieces[0].text;
    PgPrepared *prepared = pgprepared_find(&link->prepared, text->hash, text->sql);
    if (prepared) {
        use_prepared(op, prepared);
        return true;
    }
    if (link->prepared.count >= PGCONN_MAX_PREPARED && !evict(link)) return false;
    prepared = pgprepared_add(&link->prepared, text->hash, text->sql);
    use_prepared(op, prepared);
    return send_prepare(link, prepared);
}

static bool send_execute(LaneLink *link, LaneOp *op) {
    const Param *params[PGLANE_MAX_PARAMS];
    const char *values[PGLANE_MAX_PARAMS];
    const PgPlan *plan = pgplan_of(op->request->plan);
    int count = pgplan_param_count(plan, &plan->pieces[0]);
    pgplan_params(plan, &plan->pieces[0], op->request->params, params);
    for (int i = 0; i < count; i++)
        values[i] = params[i]->kind == PARAM_NULL ? NULL : params[i]->text;
    bool own_point = op->write || op->alone;
    if (own_point && link->unsynced && !send_sync(link)) return false;
    const PgPrepared *prepared = op->prepared;
    if (!PQsendQueryPrepared(link->pg, prepared->name, count, values, NULL, NULL, prepared->shape->binary))
        return false;
    push_flight(link, op);
    link->unsynced++;
    return (own_point || link->unsynced >= PGLANE_READS_PER_SYNC) ? send_sync(link) : true;
}

static bool send_pending(LaneLink *link) {
    LaneQueue waiting = link->pending;
    if (!waiting.first) return true;
    lane_queue_init(&link->pending);
    bool sent = true;
    while (waiting.first) {
        LaneOp *op = waiting.first;
        waiting.first = op->next;
        sent = sent && find_prepared(link, op);
        if (sent && op->prepared->ready) sent = send_execute(link, op);
        if (!op->sent) lane_queue_push(&link->pending, op);
    }
    return sent && (!link->unsynced || send_sync(link));
}

void lane_pipe_flush(LaneLink *link) {
    int unsent = send_pending(link) ? PQflush(link->pg) : -1;
    if (unsent < 0)
        lane_link_lost(link, "the connection to PostgreSQL was lost");
    else
        lane_link_watch(link, unsent ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* ---- answers ------------------------------------------------------------------------------------------ */

static Status decode(const PgShape *shape, ArrowBuilder *builder, const PGresult *result, LaneAnswer *out,
                     Error *err) {
    arrow_builder_reset(builder);
    for (int row = 0; row < PQntuples(result); row++)
        TRY(pgshape_append_row(shape, builder, result, row, err));
    *out = (LaneAnswer){.schema = &shape->schema, .batch = arrow_builder_view(builder)};
    return STATUS_OK;
}

static ArrowBuilder *builder_of(PgPrepared *prepared) {
    if (prepared->builder) return prepared->builder;
    if (!(prepared->builder = malloc(sizeof *prepared->builder))) abort();
    arrow_builder_init(prepared->builder, prepared->shape->specs, prepared->shape->column_count);
    return prepared->builder;
}

/* Kept for its memory, which is little: each of hundreds of statements has one. */
static void forget_large(PgPrepared *prepared) {
    if (prepared->builder->approx_bytes <= KEPT_BUILDER_BYTES) return;
    arrow_builder_deinit(prepared->builder);
    free(prepared->builder);
    prepared->builder = NULL;
}

/* Gives the request its rows. */
static void answer_rows(LaneOp *op, const PgShape *shape, ArrowBuilder *builder) {
    LaneRequest *request = op->request;
    LaneAnswer found;
    Error err;
    error_clear(&err);
    if (decode(shape, builder, op->result, &found, &err) != STATUS_OK) {
        lane_op_fail(op, &err);
        return;
    }
    op->request = NULL;
    request->lane_private = NULL;
    request->done(request, &found, NULL);
}

/* The table was altered between the description and the answer. */
static void answer_otherwise(LaneOp *op) {
    PgShape *shape = pgshape_create(op->result, &op->link->lane->engine->types);
    ArrowBuilder builder;
    arrow_builder_init(&builder, shape->specs, shape->column_count);
    answer_rows(op, shape, &builder);
    arrow_builder_deinit(&builder);
    pgshape_release(shape);
}

static void answer_write(LaneOp *op) {
    static const ArrowSchema nothing = {.format = "+s"};
    LaneRequest *request = op->request;
    op->request = NULL;
    request->lane_private = NULL;
    request->done(request, &(LaneAnswer){.schema = &nothing}, NULL);
}

/* The op is gone afterwards. */
static void answer(LaneOp *op) {
    if (op->request) {
        bool rows = PQresultStatus(op->result) == PGRES_TUPLES_OK;
        pgstream_note_command(op->request->stats, op->result, rows);
        if (!rows)
            answer_write(op);
        else if (pgshape_matches(op->prepared->shape, op->result)) {
            answer_rows(op, op->prepared->shape, builder_of(op->prepared));
            forget_large(op->prepared);
        } else
            answer_otherwise(op);
    }
    lane_op_release(op);
}

static void send_again(LaneOp *op) {
    LaneLink *link = op->link;
    if (!op->request) {
        lane_op_release(op);
        return;
    }
    PQclear(op->result);
    op->result = NULL;
    op->sent = op->skipped = false;
    op->alone = true;
    lane_queue_push_front(&link->pending, op);
    eventloop_defer(link->lane->loop, &link->lane->flush);
}

static bool is_stray_cancel(const LaneOp *op, const char *sqlstate) {
    return !op->cancelled && !strcmp(sqlstate, SQLSTATE_QUERY_CANCELED) && op->link->cancel_sent_ns &&
           clock_now_ns() - op->link->cancel_sent_ns < (int64_t)STRAY_CANCEL_MS * 1000000;
}

/* The server refused it. Nothing of it remains, so trying once more is safe where it helps. */
static void answer_error(LaneOp *op) {
    LaneLink *link = op->link;
    Error err;
    error_clear(&err);
    (void)pgerror_set(&err, op->result);
    if (!op->retried && op->request && pgerror_is_stale_plan(op->result)) {
        op->retried = true;
        if (!op->prepared->detached) {
            (void)send_close(link, op->prepared->name); /* a failure shows at the next read */
            pgprepared_detach(&link->prepared, op->prepared);
        }
        lane_op_drop_prepared(op);
        send_again(op);
    } else if (!op->retried && op->request && is_stray_cancel(op, err.sqlstate)) {
        op->retried = true;
        send_again(op);
    } else {
        lane_op_fail(op, &err);
        lane_op_release(op);
    }
}

/* No statement of this text can run here: tells everyone who waits for it. */
static void fail_waiting(LaneLink *link, PgPrepared *prepared, const Error *err) {
    if (!prepared->detached) pgprepared_detach(&link->prepared, prepared);
    for (;;) {
        LaneOp *op = link->pending.first;
        while (op && op->prepared != prepared)
            op = op->next;
        if (!op) return;
        Error own = *err;
        lane_queue_remove(&link->pending, op);
        lane_op_fail(op, &own);
        lane_op_release(op);
    }
}

static void finish_prepare(LaneOp *op) {
    if (op->result && PQresultStatus(op->result) == PGRES_FATAL_ERROR) {
        Error err;
        error_clear(&err);
        (void)pgerror_set(&err, op->result);
        fail_waiting(op->link, op->prepared, &err);
    }
    lane_op_release(op);
}

static void finish_describe(LaneOp *op) {
    LaneLink *link = op->link;
    PgPrepared *prepared = op->prepared;
    if (op->result && PQresultStatus(op->result) == PGRES_COMMAND_OK && !prepared->detached) {
        prepared->shape = pgshape_create(op->result, &link->lane->engine->types);
        prepared->ready = prepared->shape->complete;
        if (!prepared->ready) { /* the slow lane can ask for the types it needs */
            Error err;
            error_clear(&err);
            (void)error_set(&err, SQLSTATE_CONNECTION_FAILURE,
                            "the fast lane does not know a type of the result yet");
            fail_waiting(link, prepared, &err);
        }
        eventloop_defer(link->lane->loop, &link->lane->flush);
    }
    lane_op_release(op);
}

static void finish_head(LaneLink *link) {
    LaneOp *op = lane_queue_pop(&link->flight);
    link->head_since_ns = clock_now_ns();
    _Atomic int64_t *silent_since_ns = &link->lane->engine->silent_since_ns;
    if (atomic_load_explicit(silent_since_ns, memory_order_relaxed)) atomic_store(silent_since_ns, 0);
    switch (op->kind) {
    case LANE_OP_PREPARE: finish_prepare(op); return;
    case LANE_OP_DESCRIBE: finish_describe(op); return;
    case LANE_OP_EXECUTE: break;
    default: lane_op_release(op); return;
    }
    if (op->skipped || !op->result)
        send_again(op);
    else if (PQresultStatus(op->result) == PGRES_FATAL_ERROR)
        answer_error(op);
    else if (op->write)
        link->committing = op;
    else
        answer(op);
}

static void finish_sync(LaneLink *link) {
    LaneOp *committed = link->committing;
    link->committing = NULL;
    lane_op_release(lane_queue_pop(&link->flight));
    link->head_since_ns = clock_now_ns();
    if (committed) answer(committed);
}

/* An error at the point itself: what was to be committed there was not. */
static void fail_commit(LaneLink *link, PGresult *result) {
    LaneOp *op = link->committing;
    link->committing = NULL;
    if (!op) {
        PQclear(result);
        return;
    }
    PQclear(op->result);
    op->result = result;
    answer_error(op);
}

static bool ends_connection(const PGresult *result) {
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return !sqlstate || pgconn_sqlstate_is_fatal(sqlstate);
}

static void take_result(LaneLink *link, PGresult *result) {
    LaneOp *head = link->flight.first;
    if (!result) {
        if (head->kind != LANE_OP_SYNC) /* libpq also ends an error at a point with nothing */
            finish_head(link);
        return;
    }
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        finish_sync(link);
    } else if (status == PGRES_PIPELINE_ABORTED) {
        PQclear(result);
        head->skipped = true;
    } else if (status == PGRES_FATAL_ERROR && ends_connection(result)) {
        PQclear(result);
        lane_link_lost(link, "the connection to PostgreSQL was lost");
    } else if (status == PGRES_FATAL_ERROR && head->kind == LANE_OP_SYNC) {
        fail_commit(link, result);
    } else {
        PQclear(head->result);
        head->result = result;
    }
}

void lane_pipe_read(LaneLink *link) {
    if (!PQconsumeInput(link->pg)) {
        lane_link_lost(link, "the connection to PostgreSQL was lost");
        return;
    }
    while (link->state == LINK_READY && link->flight.first && !PQisBusy(link->pg))
        take_result(link, PQgetResult(link->pg));
    if (link->state == LINK_READY && PQstatus(link->pg) != CONNECTION_OK)
        lane_link_lost(link, "the connection to PostgreSQL was lost");
}
