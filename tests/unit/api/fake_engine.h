/* An engine whose behaviour is written in the statement: 'rows:N', 'fail:N' (fails after N rows), 'fast' (may
 * use the lane), 'lost' (the lane loses its connection), 'never' (the lane never answers), 'sleep' (until
 * cancelled). */
#pragma once

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engines/base/arrow_builder.h"
#include "engines/engine.h"

typedef struct FakeEngine {
    Engine base;
    _Atomic bool up;
    _Atomic int describes, executes, submits, cancels, sleeping;
} FakeEngine;

struct EngineLane {
    FakeEngine *engine;
    EventLoop *loop;
    LaneRequest *pending;
    EventDeferred answer;
};

static const ArrowColumnSpec fake_columns[] = {{"id", {.id = SQL_INT4}, NULL}, {"v", {.id = SQL_TEXT}, NULL}};

static long fake_number(const char *sql, const char *word, long otherwise) {
    const char *at = strstr(sql, word);
    return at ? atol(at + strlen(word)) : otherwise;
}

typedef struct FakeStream {
    FakeEngine *engine;
    long left, fail_after, next;
    bool sleeps;
    CancelToken *cancel;
} FakeStream;

static Status fake_next(void *state, ArrowArray *out, Error *err) {
    FakeStream *stream = state;
    if (stream->sleeps) {
        atomic_fetch_add(&stream->engine->sleeping, 1);
        while (!cancel_is_requested(stream->cancel))
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        atomic_fetch_sub(&stream->engine->sleeping, 1);
        return cancel_check(stream->cancel, err);
    }
    if (stream->fail_after == stream->next)
        return error_set_at(err, SQLSTATE_DIVISION_BY_ZERO, 3, "division by zero");
    if (!stream->left) return STATUS_OK;
    ArrowBuilder builder;
    arrow_builder_init(&builder, fake_columns, 2);
    for (int i = 0; i < 1000 && stream->left && stream->next != stream->fail_after; i++, stream->left--) {
        arrow_append_int(arrow_builder_column(&builder, 0), stream->next++);
        arrow_append_bytes(arrow_builder_column(&builder, 1), "some text of a row", 18);
        arrow_builder_end_row(&builder);
    }
    arrow_builder_finish(&builder, out);
    arrow_builder_deinit(&builder);
    return STATUS_OK;
}

static void fake_make_stream(FakeEngine *engine, const char *sql, CancelToken *cancel,
                             ArrowArrayStream *out) {
    FakeStream *stream = calloc(1, sizeof *stream);
    *stream = (FakeStream){.engine = engine,
                           .left = fake_number(sql, "rows:", 1),
                           .fail_after = fake_number(sql, "fail:", -1),
                           .sleeps = strstr(sql, "sleep") != NULL,
                           .cancel = cancel};
    ArrowSchema schema;
    arrow_schema_build(&schema, fake_columns, 2);
    arrow_stream_make(out, &schema, (ArrowStreamSource){.next = fake_next, .close = free, .state = stream});
}

static Status fake_describe(Engine *base, Arena *arena, TableList *out, Error *err) {
    atomic_fetch_add(&((FakeEngine *)base)->describes, 1);
    static const ColumnDesc columns[] = {{"id", {.id = SQL_INT4}, "int4", false, -1, NULL},
                                         {"v", {.id = SQL_TEXT}, "text", true, -1, NULL}};
    static const int key_columns[] = {0};
    static const KeyDesc keys[] = {{"t_pkey", key_columns, 1, true, true}};
    static TableDesc table = {.schema = "public",
                              .name = "t",
                              .kind = "table",
                              .columns = columns,
                              .column_count = 2,
                              .keys = keys,
                              .key_count = 1,
                              .row_estimate = 1000,
                              .bytes = -1};
    *out = (TableList){.tables = &table, .count = 1, .default_schema = "public"};
    return STATUS_OK;
}

static void fake_plan_destroy(EnginePlan *plan) {
    free(plan);
}

static Status fake_plan(Engine *base, const Statement *statement, EngineVerdict *verdict, EnginePlan **out,
                        Error *err) {
    *verdict =
        (EngineVerdict){.eligible = true, .estimate = {.cost_ms = 1.5, .rows = 1, .bytes_scanned = 8192}};
    EnginePlan *plan = calloc(1, sizeof *plan);
    *plan = (EnginePlan){.references = 1,
                         .engine = base,
                         .statement = statement,
                         .destroy = fake_plan_destroy,
                         .fast_lane = strstr(statement->sql, "fast") != NULL};
    *out = plan;
    return STATUS_OK;
}

static Status fake_execute(Engine *base, EnginePlan *plan, Execution *execution, ArrowArrayStream *out,
                           Error *err) {
    if (strncmp(plan->statement->sql, "EXPLAIN", 7) != 0) /* explaining is not executing */
        atomic_fetch_add(&((FakeEngine *)base)->executes, 1);
    if (plan->statement->kind == STATEMENT_READ) {
        fake_make_stream((FakeEngine *)base, plan->statement->sql, execution->cancel, out);
        return STATUS_OK;
    }
    execution->stats->rows_affected = 3;
    strcpy(execution->stats->command, plan->statement->kind == STATEMENT_WRITE ? "UPDATE" : "CREATE TABLE");
    arrow_stream_make_empty(out);
    return STATUS_OK;
}

static void fake_health(Engine *base, EngineHealth *out) {
    *out = (EngineHealth){.up = atomic_load(&((FakeEngine *)base)->up), .version = "1"};
}

static void fake_answer(EventDeferred *deferred) {
    EngineLane *lane = deferred->owner;
    LaneRequest *request = lane->pending;
    lane->pending = NULL;
    if (!request) return;
    const char *sql = request->plan->statement->sql;
    if (strstr(sql, "lost")) {
        Error err;
        (void)!error_set(&err, SQLSTATE_CONNECTION_FAILURE, "lost");
        request->done(request, NULL, &err);
        return;
    }
    ArrowArrayStream stream;
    ArrowSchema schema;
    ArrowArray batch;
    Error err;
    fake_make_stream(lane->engine, sql, NULL, &stream);
    (void)!arrow_stream_schema(&stream, &schema, &err);
    if (arrow_stream_next(&stream, &batch, &err) != STATUS_OK) {
        request->done(request, NULL, &err);
    } else {
        request->done(request, &(LaneAnswer){.schema = &schema, .batch = batch.release ? &batch : NULL},
                      NULL);
        arrow_array_release(&batch);
    }
    arrow_schema_release(&schema);
    arrow_stream_release(&stream);
}

static Status fake_lane_open(Engine *base, EventLoop *loop, EngineLane **out, Error *err) {
    EngineLane *lane = calloc(1, sizeof *lane);
    *lane = (EngineLane){.engine = (FakeEngine *)base, .loop = loop};
    lane->answer = (EventDeferred){.run = fake_answer, .owner = lane};
    *out = lane;
    return STATUS_OK;
}

static void fake_lane_close(EngineLane *lane) {
    free(lane);
}

static Status fake_lane_submit(EngineLane *lane, LaneRequest *request, Error *err) {
    if (lane->pending) return error_set(err, SQLSTATE_CONNECTION_FAILURE, "full");
    atomic_fetch_add(&lane->engine->submits, 1);
    lane->pending = request;
    if (!strstr(request->plan->statement->sql, "never")) eventloop_defer(lane->loop, &lane->answer);
    return STATUS_OK;
}

static void fake_lane_cancel(EngineLane *lane, LaneRequest *request) {
    atomic_fetch_add(&lane->engine->cancels, 1);
    lane->pending = NULL;
}

static const EngineOps fake_ops = {.kind = "fake",
                                   .describe = fake_describe,
                                   .plan = fake_plan,
                                   .execute = fake_execute,
                                   .health = fake_health,
                                   .lane_open = fake_lane_open,
                                   .lane_close = fake_lane_close,
                                   .lane_submit = fake_lane_submit,
                                   .lane_cancel = fake_lane_cancel};
