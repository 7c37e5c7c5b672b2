#include "engines/postgres/pgstream.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct PgStream {
    PgEngine *engine;
    PgConn *conn; /* NULL once given back */
    PgPlan *plan;
    const PgPiece *piece;
    CancelToken *cancel;
    ExecutionStats *stats;
    ExecutionStats own_stats; /* of scans, which many threads may run for one execution */
    int64_t row_limit;
    bool read_only;
    PgShape *shape;
    ArrowBuilder builder;
    PGresult *pending; /* a row not yet taken */
    int64_t rows;
} PgStream;

void pgstream_note_command(ExecutionStats *stats, PGresult *result, bool has_rows) {
    const char *tag = PQcmdStatus(result);
    size_t length = 0;
    while (tag[length] && !isdigit((unsigned char)tag[length]) && length < sizeof stats->command - 1)
        length++;
    while (length && tag[length - 1] == ' ')
        length--;
    memcpy(stats->command, tag, length);
    stats->command[length] = 0;
    const char *count = PQcmdTuples(result);
    bool read = has_rows && !strcmp(stats->command, "SELECT");
    stats->rows_affected = read || !*count ? -1 : strtoll(count, NULL, 10);
}

Status pgstream_fail_unknown(Error *err) {
    return error_set(
        err, "08007",
        "the connection to PostgreSQL was lost while it was writing; whether the write happened is unknown");
}

static void map_error(const PgPlan *plan, const PgPiece *piece, Error *err) {
    if (plan && err) pgplan_map_position(plan, piece, err);
}

/* ---- the stream --------------------------------------------------------------------------------------- */

static Status fail_open_transaction(Error *err) {
    (void)error_set(err, "25000", "the statement left a transaction open, which was rolled back");
    return error_add_hint(err, "Send BEGIN, the statements and COMMIT in one request");
}

/* A write that was to be cancelled: says what became of it when that is not simply nothing. */
static void explain_cancelled_write(const PgConn *conn, CancelToken *cancel, Error *err) {
    if (!cancel_is_requested(cancel) || !err) return;
    if (conn->broken)
        (void)error_set(err, "08007",
                        "the write was cancelled and did not answer; whether it happened is unknown");
    else if (conn->cancel_missed)
        (void)error_set(err, SQLSTATE_QUERY_CANCELED,
                        "the write had been completed before it could be cancelled");
}

/* Reads to the end of the statement: only then is it committed. */
static Status read_end(PgStream *stream, PGresult *last, Error *err) {
    Status status = STATUS_OK;
    while (last && status == STATUS_OK) {
        ExecStatusType kind = PQresultStatus(last);
        if (kind == PGRES_FATAL_ERROR) {
            (void)pgerror_set(err, last);
            status = STATUS_ERROR;
        } else if (kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK) {
            pgstream_note_command(stream->stats, last, kind == PGRES_TUPLES_OK);
        }
        PQclear(last);
        last = NULL;
        if (status == STATUS_OK) status = pgconn_next_result(stream->conn, stream->cancel, &last, err);
    }
    if (status == STATUS_OK && PQtransactionStatus(stream->conn->pg) != PQTRANS_IDLE)
        status = fail_open_transaction(err);
    if (status != STATUS_OK && !stream->read_only) {
        if (cancel_is_requested(stream->cancel))
            explain_cancelled_write(stream->conn, stream->cancel, err);
        else if (stream->conn->broken)
            status = pgstream_fail_unknown(err);
    }
    return status;
}

static void give_back(PgStream *stream) {
    if (!stream->conn) return;
    PgConn *conn = stream->conn;
    stream->conn = NULL;
    if (!conn->broken && PQtransactionStatus(conn->pg) == PQTRANS_ACTIVE) pgconn_drain(conn, NULL);
    pgengine_give_back(stream->engine, conn);
}

static void stream_close(void *state) {
    PgStream *stream = state;
    if (stream->conn && !stream->conn->broken && PQtransactionStatus(stream->conn->pg) == PQTRANS_ACTIVE) {
        if (stream->read_only)
            pgconn_cancel(stream->conn);
        else /* a write whose rows nobody wants any more still has to be finished */
            pgconn_drain(stream->conn, stream->cancel);
    }
    PQclear(stream->pending);
    give_back(stream);
    arrow_builder_deinit(&stream->builder);
    pgshape_release(stream->shape);
    engine_plan_release(stream->plan ? &stream->plan->base : NULL);
    free(stream);
}

static bool limit_reached(const PgStream *stream) {
    return stream->row_limit > 0 && stream->rows >= stream->row_limit;
}

/* The reader wants no more: takes the end if it is here already, else stops the statement where that is
 * harmless. */
static Status stop_early(PgStream *stream, Error *err) {
    PGconn *pg = stream->conn->pg;
    PGresult *result = NULL;
    if (!stream->read_only || (PQconsumeInput(pg) && !PQisBusy(pg))) {
        do {
            PQclear(result);
            TRY(pgconn_next_result(stream->conn, stream->cancel, &result, err));
        } while (!stream->read_only && result && PQresultStatus(result) == PGRES_SINGLE_TUPLE);
        if (!result || PQresultStatus(result) != PGRES_SINGLE_TUPLE) return read_end(stream, result, err);
        PQclear(result);
    }
    snprintf(stream->stats->command, sizeof stream->stats->command, "SELECT");
    stream->stats->rows_affected = -1;
    pgconn_cancel(stream->conn);
    return STATUS_OK;
}

/* Appends what one result holds. `*end` once the statement has no more rows. */
static Status take_result(PgStream *stream, PGresult *result, bool *end, Error *err) {
    ExecStatusType kind = result ? PQresultStatus(result) : PGRES_TUPLES_OK;
    *end = kind != PGRES_SINGLE_TUPLE;
    if (*end) return read_end(stream, result, err);
    Status status = pgshape_append_row(stream->shape, &stream->builder, result, 0, err);
    PQclear(result);
    stream->rows++;
    return status;
}

static Status stream_next(void *state, ArrowArray *out, Error *err) {
    PgStream *stream = state;
    out->release = NULL;
    Status status = STATUS_OK;
    bool end = !stream->conn;
    while (status == STATUS_OK && !end) {
        PGresult *result = stream->pending;
        stream->pending = NULL;
        if (!result) status = pgconn_next_result(stream->conn, stream->cancel, &result, err);
        if (status == STATUS_OK) status = take_result(stream, result, &end, err);
        if (status != STATUS_OK || end) break;
        if (limit_reached(stream)) {
            status = stop_early(stream, err);
            end = true;
        }
        if (stream->builder.row_count >= PGSTREAM_BATCH_ROWS ||
            stream->builder.approx_bytes >= PGSTREAM_BATCH_BYTES)
            break;
    }
    if (status != STATUS_OK) {
        map_error(stream->plan, stream->piece, err);
        if (stream->read_only && stream->conn && !stream->conn->broken &&
            PQtransactionStatus(stream->conn->pg) == PQTRANS_ACTIVE)
            pgconn_cancel(stream->conn);
        give_back(stream);
        return STATUS_ERROR;
    }
    if (end) give_back(stream);
    if (stream->builder.row_count) arrow_builder_finish(&stream->builder, out);
    return STATUS_OK;
}

/* ---- starting ----------------------------------------------------------------------------------------- */

typedef struct Attempt {
    PgConn *conn;
    PgShape *shape; /* retained */
    PGresult *first;
    PgPrepared *prepared;
    bool sent; /* the server may have begun to run it */
} Attempt;

static Status prepare(PgEngine *engine, const PgRun *run, CancelToken *cancel, Attempt *attempt, Error *err) {
    if (!run->named)
        return pgconn_prepare_unnamed(attempt->conn, &run->text, &engine->types, cancel, &attempt->shape,
                                      err);
    TRY(pgconn_prepare(attempt->conn, &run->text, &engine->types, cancel, &attempt->prepared, err));
    attempt->shape = pgshape_retain(attempt->prepared->shape);
    return STATUS_OK;
}

static Status send_and_wait(PgEngine *engine, const PgRun *run, CancelToken *cancel, Attempt *attempt,
                            Error *err) {
    if (run->session) TRY(pgconn_forget_sequences(attempt->conn, cancel, err));
    TRY(prepare(engine, run, cancel, attempt, err));
    attempt->conn->has_written |= !run->read_only;
    const char *name = attempt->prepared ? attempt->prepared->name : "";
    TRY(pgconn_send_prepared(attempt->conn, name, attempt->shape, run->params, run->param_count, err));
    attempt->sent = true;
    TRY(pgconn_next_result(attempt->conn, cancel, &attempt->first, err));
    if (!attempt->first || PQresultStatus(attempt->first) != PGRES_FATAL_ERROR) return STATUS_OK;
    return pgerror_set(err, attempt->first);
}

static void drop_attempt(PgEngine *engine, Attempt *attempt) {
    pgshape_release(attempt->shape);
    PQclear(attempt->first);
    if (!attempt->conn->broken) pgconn_drain(attempt->conn, NULL);
    pgengine_give_back(engine, attempt->conn);
}

/* The prepared statement went stale before anything ran: prepare it anew on the same connection. */
static Status again_if_stale(PgEngine *engine, const PgRun *run, CancelToken *cancel, Attempt *attempt,
                             Error *err) {
    PgConn *conn = attempt->conn;
    if (!attempt->prepared || !attempt->first || conn->broken || !pgerror_is_stale_plan(attempt->first))
        return STATUS_ERROR;
    char sql[64];
    snprintf(sql, sizeof sql, "DEALLOCATE %s", attempt->prepared->name);
    pgconn_drain(conn, cancel);
    pgprepared_remove(&conn->prepared, attempt->prepared);
    pgshape_release(attempt->shape);
    PQclear(attempt->first);
    *attempt = (Attempt){.conn = conn};
    (void)pgconn_exec(conn, sql, NULL, 0, cancel, NULL, NULL);
    return send_and_wait(engine, run, cancel, attempt, err);
}

static Status start_anywhere(PgEngine *engine, const PgRun *run, CancelToken *cancel, Attempt *attempt,
                             Error *err) {
    for (int tries = 0;; tries++) {
        *attempt = (Attempt){0};
        TRY(pgengine_acquire(engine, tries == 0, cancel, &attempt->conn, err));
        attempt->conn->dirty |= run->session;
        if (send_and_wait(engine, run, cancel, attempt, err) == STATUS_OK ||
            again_if_stale(engine, run, cancel, attempt, err) == STATUS_OK)
            return STATUS_OK;
        bool lost = attempt->conn->broken && !cancel_is_requested(cancel);
        bool harmless = !attempt->sent || run->read_only;
        bool told =
            attempt->first != NULL; /* the server said goodbye before the statement was done: it was undone */
        if (attempt->sent && !run->read_only && !told) explain_cancelled_write(attempt->conn, cancel, err);
        drop_attempt(engine, attempt);
        if (lost && !harmless && !told) return pgstream_fail_unknown(err);
        if (!lost || !harmless || tries > 0) return STATUS_ERROR;
    }
}

static Status refuse_copy(PgStream *stream, Error *err) {
    pgconn_drain(stream->conn, NULL);
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                     "COPY needs a client that speaks PostgreSQL's protocol");
}

/* Has rows: an Arrow stream over `stream`. Has none: runs to the end. */
static Status open_stream(PgStream *stream, PGresult *first, ArrowArrayStream *out, Error *err) {
    ExecStatusType kind = first ? PQresultStatus(first) : PGRES_COMMAND_OK;
    if (kind == PGRES_COPY_IN || kind == PGRES_COPY_OUT || kind == PGRES_COPY_BOTH) {
        if (kind != PGRES_COPY_OUT)
            PQputCopyEnd(stream->conn->pg, "COPY is not available here");
        else
            stream->conn->broken = true;
        PQclear(first);
        Status status = refuse_copy(stream, err);
        stream_close(stream);
        return status;
    }
    if (kind != PGRES_SINGLE_TUPLE && kind != PGRES_TUPLES_OK) {
        Status status = read_end(stream, first, err);
        if (status == STATUS_OK)
            arrow_stream_make_empty(out);
        else
            map_error(stream->plan, stream->piece, err);
        give_back(stream);
        stream_close(stream);
        return status;
    }
    if (!pgshape_matches(stream->shape, first)) {
        pgshape_release(stream->shape);
        stream->shape = pgshape_create(first, &stream->engine->types);
    }
    stream->pending = first;
    arrow_builder_init(&stream->builder, stream->shape->specs, stream->shape->column_count);
    ArrowSchema schema;
    arrow_schema_copy(&stream->shape->schema, &schema);
    arrow_stream_make(out, &schema,
                      (ArrowStreamSource){.next = stream_next, .close = stream_close, .state = stream});
    return STATUS_OK;
}

Status pgstream_start(PgEngine *engine, const PgRun *run, Execution *execution, ArrowArrayStream *out,
                      Error *err) {
    Attempt attempt;
    Error local;
    error_clear(&local);
    if (start_anywhere(engine, run, execution->cancel, &attempt, &local) != STATUS_OK) {
        map_error(run->plan, run->piece, &local);
        if (err) *err = local;
        return STATUS_ERROR;
    }
    PgStream *stream = calloc(1, sizeof *stream);
    if (!stream) abort();
    *stream = (PgStream){.engine = engine,
                         .conn = attempt.conn,
                         .plan = run->plan,
                         .piece = run->piece,
                         .cancel = execution->cancel,
                         .stats = execution->stats,
                         .row_limit = run->part_of_another ? 0 : execution->row_limit,
                         .read_only = run->read_only,
                         .shape = attempt.shape};
    if (run->part_of_another) stream->stats = &stream->own_stats;
    stream->stats->rows_affected = -1;
    engine_plan_retain(run->plan ? &run->plan->base : NULL);
    return open_stream(stream, attempt.first, out, err);
}
