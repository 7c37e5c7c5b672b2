#include "engines/postgres/pgsession.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_HELD_BYTES = 256 << 20 };

/* Rows held until the end. */
typedef struct Held {
    PgShape *shape;
    ArrowBuilder builder;
    ArrowArray *batches;
    int batch_count, batch_capacity;
    int next; /* to hand out */
    int64_t bytes, rows;
    char command[32]; /* of the statement the rows are from */
    int64_t rows_affected;
} Held;

typedef struct Session {
    PgEngine *engine;
    PgConn *conn;
    PgPlan *plan;
    Execution *execution;
    Held *held;
} Session;

static void held_reset(Held *held) {
    for (int i = held->next; i < held->batch_count; i++)
        arrow_array_release(&held->batches[i]);
    free(held->batches);
    arrow_builder_deinit(&held->builder);
    pgshape_release(held->shape);
    memset(held, 0, sizeof *held);
}

static void held_close(void *state) {
    held_reset(state);
    free(state);
}

static void held_flush(Held *held) {
    if (!held->builder.row_count) return;
    if (held->batch_count == held->batch_capacity) {
        held->batch_capacity = held->batch_capacity ? held->batch_capacity * 2 : 8;
        held->batches = realloc(held->batches, sizeof *held->batches * (size_t)held->batch_capacity);
        if (!held->batches) abort();
    }
    held->bytes += held->builder.approx_bytes;
    arrow_builder_finish(&held->builder, &held->batches[held->batch_count++]);
}

static Status held_next(void *state, ArrowArray *out, Error *err) {
    Held *held = state;
    out->release = NULL;
    if (held->next < held->batch_count) *out = held->batches[held->next++];
    return STATUS_OK;
}

static Status hold_row(Session *session, PGresult *row, Error *err) {
    Held *held = session->held;
    int64_t limit = session->execution->row_limit;
    if (limit > 0 && held->rows >= limit) return STATUS_OK;
    held->rows++;
    TRY(pgshape_append_row(held->shape, &held->builder, row, 0, err));
    if (held->builder.row_count >= PGSTREAM_BATCH_ROWS || held->builder.approx_bytes >= PGSTREAM_BATCH_BYTES)
        held_flush(held);
    if (held->bytes > MAX_HELD_BYTES)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT,
                         "the rows of a text of several statements are limited to %d MiB",
                         MAX_HELD_BYTES >> 20);
    return STATUS_OK;
}

static void hold_start(Session *session, const PGresult *result) {
    held_reset(session->held);
    session->held->shape = pgshape_create(result, &session->engine->types);
    arrow_builder_init(&session->held->builder, session->held->shape->specs,
                       session->held->shape->column_count);
}

/* Reads the results of one statement; the last statement with rows replaces what was held. */
static Status read_piece(Session *session, Error *err) {
    PGresult *result;
    bool started = false;
    Status status = STATUS_OK;
    while (status == STATUS_OK) {
        status = pgconn_next_result(session->conn, session->execution->cancel, &result, err);
        if (status != STATUS_OK || !result) break;
        ExecStatusType kind = PQresultStatus(result);
        bool rows = kind == PGRES_SINGLE_TUPLE || kind == PGRES_TUPLES_OK;
        if (rows && !started) hold_start(session, result), started = true;
        if (kind == PGRES_FATAL_ERROR) {
            status = pgerror_set(err, result);
        } else if (kind == PGRES_SINGLE_TUPLE) {
            status = hold_row(session, result, err);
        } else if (kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK) {
            pgstream_note_command(session->execution->stats, result, rows);
            if (rows) {
                memcpy(session->held->command, session->execution->stats->command,
                       sizeof session->held->command);
                session->held->rows_affected = session->execution->stats->rows_affected;
            }
        } else if (kind != PGRES_EMPTY_QUERY) {
            session->conn->broken = true;
            status = error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                               "COPY needs a client that speaks PostgreSQL's protocol");
        }
        PQclear(result);
    }
    return status;
}

static Status run_piece(Session *session, const PgPiece *piece, Error *err) {
    const Param *params[256];
    PgShape *shape = NULL;
    CancelToken *cancel = session->execution->cancel;
    pgplan_params(session->plan, piece, session->execution->params, params);
    TRY(pgconn_prepare_unnamed(session->conn, &piece->text, &session->engine->types, cancel, &shape, err));
    Status status = pgconn_send_prepared(session->conn, "", shape, params, piece->param_count, err);
    pgshape_release(shape);
    return status == STATUS_OK ? read_piece(session, err) : status;
}

static bool controls_transaction(const PgPlan *plan) {
    const struct PgQuery__ParseResult *tree = plan->base.statement->tree;
    for (size_t i = 0; i < tree->n_stmts; i++)
        if (tree->stmts[i]->stmt->node_case == PG_QUERY__NODE__NODE_TRANSACTION_STMT) return true;
    return false;
}

static Status run_pieces(Session *session, Error *err) {
    CancelToken *cancel = session->execution->cancel;
    bool wrap = !controls_transaction(session->plan);
    TRY(pgconn_forget_sequences(session->conn, cancel, err));
    if (wrap) TRY(pgconn_exec(session->conn, "BEGIN", NULL, 0, cancel, NULL, err));
    for (int i = 0; i < session->plan->piece_count; i++) {
        const PgPiece *piece = &session->plan->pieces[i];
        if (run_piece(session, piece, err) != STATUS_OK) {
            pgplan_map_position(session->plan, piece, err);
            return STATUS_ERROR;
        }
    }
    if (wrap) return pgconn_exec(session->conn, "COMMIT", NULL, 0, cancel, NULL, err);
    if (PQtransactionStatus(session->conn->pg) != PQTRANS_IDLE) {
        (void)error_set(err, "25000", "the text left a transaction open, which was rolled back");
        return error_add_hint(err, "End it with COMMIT");
    }
    return STATUS_OK;
}

Status pgsession_run(PgEngine *engine, PgPlan *plan, Execution *execution, ArrowArrayStream *out,
                     Error *err) {
    Session session = {.engine = engine, .plan = plan, .execution = execution};
    Error local;
    error_clear(&local);
    TRY(pgengine_acquire(engine, true, execution->cancel, &session.conn, err));
    session.conn->dirty = true;
    session.held = calloc(1, sizeof *session.held);
    if (!session.held) abort();
    execution->stats->rows_affected = -1;
    Status status = run_pieces(&session, &local);
    if (status != STATUS_OK && session.conn->broken && !strncmp(local.sqlstate, "08", 2))
        (void)pgstream_fail_unknown(&local);
    if (!session.conn->broken) pgconn_drain(session.conn, NULL);
    pgengine_give_back(engine, session.conn);
    if (status != STATUS_OK) {
        held_close(session.held);
        if (err) *err = local;
        return STATUS_ERROR;
    }
    if (!session.held->shape) {
        held_close(session.held);
        arrow_stream_make_empty(out);
        return STATUS_OK;
    }
    held_flush(session.held);
    memcpy(execution->stats->command, session.held->command, sizeof execution->stats->command);
    execution->stats->rows_affected = session.held->rows_affected;
    ArrowSchema schema;
    arrow_schema_build(&schema, session.held->shape->specs, session.held->shape->column_count);
    arrow_stream_make(out, &schema,
                      (ArrowStreamSource){.next = held_next, .close = held_close, .state = session.held});
    return STATUS_OK;
}
