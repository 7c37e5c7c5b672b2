/* How fast this server is: a few statements over rows that are made up, as no table can be counted on, each
 * several times. The fastest run counts, since what disturbs a run only makes it longer. */
#include <math.h>
#include <stdlib.h>

#include "engines/base/clock.h"
#include "engines/mysql/mysql_engine.h"

enum { ROUNDS = 5, LIMIT_MS = 190 };

#define DIGITS                                                                                               \
    "(SELECT 0 n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL "     \
    "SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
#define THOUSAND                                                                                             \
    "(SELECT a.n + 10 * b.n + 100 * c.n AS n FROM " DIGITS " a CROSS JOIN " DIGITS " b CROSS JOIN " DIGITS   \
    " c)"

typedef struct MysqlProbe {
    EngineConstant constant;
    const char *sql;
    double units;
} MysqlProbe;

static const MysqlProbe PROBES[] = {
    {CONSTANT_LATENCY_MS, "SELECT 1", 0},
    {CONSTANT_SCANNED_ROW_NS,
     "SELECT count(*), sum(a.n + d.n) FROM " DIGITS " a CROSS JOIN " DIGITS " b CROSS JOIN " DIGITS
     " c CROSS JOIN " DIGITS " d",
     10000},
    {CONSTANT_PROBED_ROW_NS, /* the second is put into a temporary table with a key of its own */
     "SELECT count(*), sum(b.n) FROM " THOUSAND " a JOIN (SELECT DISTINCT n FROM " THOUSAND
     " t) b ON b.n = a.n",
     1000},
    {CONSTANT_SENT_BYTE_NS, "SELECT repeat('0', 50) FROM " THOUSAND " a", 50000},
};

static Status run(MysqlCall *call, const MysqlProbe *probe, double *best_ns, Error *err) {
    *best_ns = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        TRY(cancel_check(call->cancel, err));
        int64_t start_ns = clock_now_ns();
        TRY(mysql_call_query(call, probe->sql, err));
        MYSQL_RES *rows = mysql_store_result(call->connection->mysql);
        if (!rows) return mysql_call_error(call, NULL, err);
        *best_ns = fmin(*best_ns, (double)(clock_now_ns() - start_ns));
        mysql_free_result(rows);
    }
    return STATUS_OK;
}

static Status measure(MysqlCall *call, double out[ENGINE_CONSTANT_COUNT], Error *err) {
    double idle_ns = 0;
    for (size_t i = 0; i < sizeof PROBES / sizeof *PROBES; i++) {
        double taken_ns;
        TRY(run(call, &PROBES[i], &taken_ns, err));
        if (PROBES[i].units <= 0) {
            idle_ns = taken_ns;
            out[PROBES[i].constant] = taken_ns / 1e6;
        } else if (taken_ns > idle_ns) {
            out[PROBES[i].constant] = (taken_ns - idle_ns) / PROBES[i].units;
        }
    }
    return STATUS_OK;
}

Status mysql_probe(Engine *base, double out[ENGINE_CONSTANT_COUNT], Error *err) {
    MysqlEngine *engine = (MysqlEngine *)base;
    CancelToken limit;
    cancel_init(&limit, clock_now_ns() + (int64_t)LIMIT_MS * 1000000);
    MysqlCall call = {.pool = &engine->pool, .cancel = &limit};
    TRY(mysql_pool_take(&engine->pool, &limit, &call.connection, err));
    Status status = measure(&call, out, err);
    mysql_pool_give(&engine->pool, call.connection);
    return status;
}
