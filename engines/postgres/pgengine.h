/* The PostgreSQL engine's own struct and its connection pool.
 *
 * A connection is in exactly one place: idle (engine->idle), handed out (counted in busy_count) or gone.
 * pgengine_acquire and pgengine_give_back are the only functions that move one. A connection that is given
 * back broken is closed; one given back dirty is reset first, so what is idle is always as good as new.
 */
#pragma once

#include <pthread.h>

#include "engines/engine.h"
#include "engines/estimate/row_costs.h"
#include "engines/postgres/pgconn.h"

typedef struct PgEngine {
    Engine base;
    char *conninfo;
    int max_connections;
    int lane_connections;
    int connect_timeout_ms;
    double assumed_latency_ms;
    PgTypes types;

    pthread_mutex_t lock; /* everything below */
    pthread_cond_t returned;
    PgConn *idle; /* newest first */
    int idle_count;
    int busy_count;
    bool closing;
    /* back-off: only after attempts that took long to fail, so that a server that is back is found at once */
    int64_t next_attempt_ns;
    int slow_failures;
    /* health */
    bool up;
    int64_t last_seen_ns; /* when the server last answered or refused */
    bool pinging;
    _Atomic int64_t silent_since_ns; /* no answer since then, no refusal either; 0 = it answers */
    _Atomic int64_t ping_since_ns;   /* one is under way since then; 0 = none */
    double latency_ms;               /* smoothed, < 0 = not measured */
    char version[64];
    char down_message[256];
} PgEngine;

static inline PgEngine *pgengine_of(Engine *engine) {
    return (PgEngine *)engine;
}

/* Hands out an idle or a new connection. `allow_idle` false: a new one, for the retry after a stale one. */
Status pgengine_acquire(PgEngine *engine, bool allow_idle, CancelToken *cancel, PgConn **out, Error *err);
void pgengine_give_back(PgEngine *engine, PgConn *conn);
/* Drops idle connections: the server was restarted. */
void pgengine_drop_idle(PgEngine *engine);
/* What lanes and statements learn about the server. */
void pgengine_note_up(PgEngine *engine, PGconn *pg);
/* Lost, or out of reach: what runs there learns of it by itself. */
void pgengine_note_down(PgEngine *engine, const char *message);
/* Waited for in vain: what runs there may wait for ever. */
void pgengine_note_silent(PgEngine *engine, const char *message);
/* Since when it has not answered what was asked of it, pings that still wait included; 0 = it answers. */
int64_t pgengine_silent_since_ns(PgEngine *engine);
double pgengine_latency_ms(PgEngine *engine);
/* What things take on this server, as far as it is known. */
RowCosts pgcosts_of(PgEngine *engine);
void pgengine_health(Engine *base, EngineHealth *out);
Status pgprobe_probe(Engine *base, double out[ENGINE_CONSTANT_COUNT], Error *err);

Status pgengine_describe(Engine *base, Arena *arena, TableList *out, Error *err);
Status pgengine_schemas(Engine *base, Arena *arena, const char ***names, int *count, Error *err);
Status pgplan_plan(Engine *base, const Statement *statement, EngineVerdict *verdict, EnginePlan **out,
                   Error *err);
Status pgexecute_execute(Engine *base, EnginePlan *plan, Execution *execution, ArrowArrayStream *out,
                         Error *err);
Status pgscan_scan(Engine *base, const ScanRequest *request, Execution *execution, ArrowArrayStream *out,
                   uint64_t *applied, Error *err);
MarkerAnswer pgmarker_read(Engine *base, const MarkerRequest *request, StrBuf *out);
Status pgintake_intake(Engine *base, const TableIntake *intake, TableIntakeResult *result, Error *err);
Status pglane_open(Engine *base, EventLoop *loop, EngineLane **out, Error *err);
void pglane_close(EngineLane *lane);
Status pglane_submit(EngineLane *lane, LaneRequest *request, Error *err);
void pglane_cancel(EngineLane *lane, LaneRequest *request);
