/* How fast this server is: a few statements over its own catalogues, of which every role may read as much as
 * is wanted, each several times. The fastest run counts, since what disturbs a run only makes it longer. */
#include <math.h>
#include <stdlib.h>

#include "engines/base/clock.h"
#include "engines/postgres/pgengine.h"

enum { ROUNDS = 6, LIMIT_MS = 190 };

typedef struct PgProbe {
    EngineConstant constant;
    const char *sql; /* its only column is how many units of work that was */
    double unit_bytes;
} PgProbe;

static const PgProbe PROBES[] = {
    {CONSTANT_SCANNED_ROW_NS,
     "SELECT pg_catalog.count(*) + 0 * pg_catalog.sum(attnum) FROM (SELECT attnum FROM "
     "pg_catalog.pg_attribute LIMIT 3000) a",
     0},
    {CONSTANT_PROBED_ROW_NS,
     "SELECT pg_catalog.count(*) + 0 * pg_catalog.sum((SELECT c.relnatts FROM pg_catalog.pg_class c WHERE "
     "c.oid = a.attrelid)) "
     "FROM (SELECT attrelid FROM pg_catalog.pg_attribute LIMIT 1000) a",
     0},
    {CONSTANT_SENT_BYTE_NS, "SELECT pg_catalog.repeat('0', 50) FROM pg_catalog.generate_series(1, 2000)", 50},
};

/* The fastest of some rounds; `units` of work each did. */
static Status run(PgConn *conn, const PgProbe *probe, CancelToken *limit, double *best_ns, double *units,
                  Error *err) {
    *best_ns = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        PGresult *rows;
        int64_t start_ns = clock_now_ns();
        TRY(pgconn_exec(conn, probe ? probe->sql : "SELECT 1", NULL, 0, limit, &rows, err));
        *best_ns = fmin(*best_ns, (double)(clock_now_ns() - start_ns));
        *units = probe && probe->unit_bytes > 0 ? PQntuples(rows) * probe->unit_bytes
                                                : strtod(PQgetvalue(rows, 0, 0), NULL);
        PQclear(rows);
    }
    return STATUS_OK;
}

static Status measure(PgConn *conn, CancelToken *limit, double out[ENGINE_CONSTANT_COUNT], Error *err) {
    double idle_ns, units;
    TRY(run(conn, NULL, limit, &idle_ns, &units, err));
    out[CONSTANT_LATENCY_MS] = idle_ns / 1e6;
    for (size_t i = 0; i < sizeof PROBES / sizeof *PROBES; i++) {
        double taken_ns;
        TRY(run(conn, &PROBES[i], limit, &taken_ns, &units, err));
        if (units >= 100 && taken_ns > idle_ns) out[PROBES[i].constant] = (taken_ns - idle_ns) / units;
    }
    return STATUS_OK;
}

Status pgprobe_probe(Engine *base, double out[ENGINE_CONSTANT_COUNT], Error *err) {
    PgEngine *engine = pgengine_of(base);
    CancelToken limit;
    PgConn *conn;
    cancel_init(&limit, clock_now_ns() + (int64_t)LIMIT_MS * 1000000);
    TRY(pgengine_acquire(engine, true, &limit, &conn, err));
    Status status = measure(conn, &limit, out, err);
    pgengine_give_back(engine, conn);
    return status;
}
