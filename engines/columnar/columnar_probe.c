/* A few statements over rows that are made up, through the engine itself, each several times: the fastest
 * run counts. They read no table, so that what is measured is the machine and not what it keeps. */
#include "engines/columnar/columnar_probe.h"

#include <math.h>
#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <string.h>

#include "engines/base/clock.h"

enum { ROUNDS = 12, LIMIT_MS = 190 };

typedef struct Probe {
    EngineConstant constant;
    const char *sql;
    double units;
} Probe;

static const Probe PROBES[] = {
    {CONSTANT_LATENCY_MS, "SELECT count(*) FROM generate_series(1, 10) g", 0},
    {CONSTANT_SCANNED_ROW_NS, "SELECT sum(g), min(g) FROM generate_series(1, 100000) g WHERE g % 16 <> 0",
     100000},
    {CONSTANT_PROBED_ROW_NS,
     "SELECT count(*) FROM (SELECT g * 7919 % 65537 FROM generate_series(1, 20000) g GROUP BY 1) q", 20000},
    {CONSTANT_SENT_BYTE_NS, "SELECT g, g + 1, g + 2, g + 3 FROM generate_series(1, 20000) g", 20000 * 16.0},
};

static Status drain(ArrowArrayStream *stream, Error *err) {
    for (;;) {
        ArrowArray batch = {0};
        TRY(arrow_stream_next(stream, &batch, err));
        if (!batch.release) return STATUS_OK;
        arrow_array_release(&batch);
    }
}

static Status run_once(Engine *engine, EnginePlan *plan, CancelToken *limit, double *taken_ns, Error *err) {
    ExecutionStats stats = {.rows_affected = -1};
    Execution execution = {.cancel = limit, .stats = &stats};
    ArrowArrayStream stream = {0};
    int64_t start_ns = clock_now_ns();
    TRY(engine->ops->execute(engine, plan, &execution, &stream, err));
    Status status = drain(&stream, err);
    arrow_stream_release(&stream);
    *taken_ns = (double)(clock_now_ns() - start_ns);
    return status;
}

static Status run(Engine *engine, const Probe *probe, const PgQuery__ParseResult *tree, CancelToken *limit,
                  double *best_ns, Error *err) {
    Statement statement = {.sql = probe->sql,
                           .sql_length = strlen(probe->sql),
                           .tree = tree,
                           .kind = STATEMENT_READ,
                           .statement_count = 1};
    EngineVerdict verdict;
    EnginePlan *plan;
    *best_ns = INFINITY;
    TRY(engine->ops->plan(engine, &statement, &verdict, &plan, err));
    if (!plan) return error_set(err, verdict.sqlstate, "%s", verdict.why);
    Status status = STATUS_OK;
    for (int round = 0; round < ROUNDS && status == STATUS_OK; round++) {
        double taken_ns = INFINITY;
        status = run_once(engine, plan, limit, &taken_ns, err);
        *best_ns = fmin(*best_ns, taken_ns);
    }
    engine_plan_release(plan);
    return status;
}

static Status parse_and_run(Engine *engine, const Probe *probe, CancelToken *limit, double *best_ns,
                            Error *err) {
    PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(probe->sql);
    PgQuery__ParseResult *tree =
        parsed.error ? NULL
                     : pg_query__parse_result__unpack(NULL, parsed.parse_tree.len,
                                                      (const uint8_t *)parsed.parse_tree.data);
    pg_query_free_protobuf_parse_result(parsed);
    if (!tree) return error_set(err, SQLSTATE_INTERNAL, "a probe's statement could not be read");
    Status status = run(engine, probe, tree, limit, best_ns, err);
    pg_query__parse_result__free_unpacked(tree, NULL);
    return status;
}

Status columnar_probe(Engine *engine, double out[ENGINE_CONSTANT_COUNT], Error *err) {
    CancelToken limit;
    cancel_init(&limit, clock_now_ns() + (int64_t)LIMIT_MS * 1000000);
    double idle_ns = 0;
    for (size_t i = 0; i < sizeof PROBES / sizeof *PROBES; i++) {
        double taken_ns;
        TRY(parse_and_run(engine, &PROBES[i], &limit, &taken_ns, err));
        if (PROBES[i].units <= 0) {
            idle_ns = taken_ns;
            out[PROBES[i].constant] = taken_ns / 1e6;
        } else if (taken_ns > idle_ns) {
            out[PROBES[i].constant] = (taken_ns - idle_ns) / PROBES[i].units;
        }
    }
    return STATUS_OK;
}
