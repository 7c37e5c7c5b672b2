#include "engines/mysql/mysql_engine.h"

#include <pg_query/pg_query.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/estimate/row_costs.h"

static Status mysql_open(const EngineConfig *config, Engine **out, Error *err) {
    MysqlEngine *engine = calloc(1, sizeof *engine);
    if (mysql_library_init(0, NULL, NULL)) {
        free(engine);
        return error_set(err, SQLSTATE_INTERNAL, "the MySQL client library could not be set up");
    }
    engine->config = *config; /* its strings live as long as the configuration, which outlives the engines */
    engine->name = strdup(config->name);
    engine->base = (Engine){.ops = &mysql_engine_ops, .name = engine->name};
    engine->base.constants[CONSTANT_LATENCY_MS] = config->latency_ms; /* until it is measured */
    pthread_mutex_init(&engine->health_lock, NULL);
    mysql_pool_init(&engine->pool, config);
    mysql_catalog_init(&engine->catalog);
    *out = &engine->base;
    return STATUS_OK;
}

static void mysql_engine_close(Engine *base) {
    MysqlEngine *engine = (MysqlEngine *)base;
    mysql_pool_deinit(&engine->pool);
    mysql_catalog_deinit(&engine->catalog);
    pthread_mutex_destroy(&engine->health_lock);
    free(engine->name);
    free(engine);
}

/* ---- planning
 * ------------------------------------------------------------------------------------------------------------
 */

static void plan_destroy(EnginePlan *base) {
    MysqlPlan *plan = (MysqlPlan *)base;
    arena_deinit(&plan->arena);
    free(plan);
}

static const char *command_of(const PgQuery__Node *node) {
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_INSERT_STMT: return "INSERT";
    case PG_QUERY__NODE__NODE_UPDATE_STMT: return "UPDATE";
    case PG_QUERY__NODE__NODE_DELETE_STMT: return "DELETE";
    case PG_QUERY__NODE__NODE_EXPLAIN_STMT: return "EXPLAIN";
    default: return "SELECT";
    }
}

/* InnoDB, as measured with warm caches on one core and scaled by what the probe found here: rows lie in the
 * primary key's own order, joins are lookups (a hash join at best in memory), one thread does it all. */
static RowCosts costs_of(MysqlEngine *engine) {
    double scan = engine_slowness(&engine->base, CONSTANT_SCANNED_ROW_NS) / 1e6;
    double probe = engine_slowness(&engine->base, CONSTANT_PROBED_ROW_NS) / 1e6;
    double send = engine_slowness(&engine->base, CONSTANT_SENT_BYTE_NS) / 1e6;
    return (RowCosts){.latency = engine_constant(&engine->base, CONSTANT_LATENCY_MS),
                      .planning = 60e3 * scan,
                      .scanned_row = 250 * scan,
                      .condition = 60 * scan,
                      .page = 1500 * scan,
                      .descent = 3000 * probe,
                      .index_row = 700 * probe,
                      .random_page = 800 * probe,
                      .hashed_row = 600 * scan,
                      .probed_row = 400 * scan,
                      .sorted_row = 60 * scan,
                      .grouped_row = 400 * scan,
                      .summed_row = 80 * scan,
                      .sent_row = 400 * send,
                      .sent_byte = 6 * send,
                      .page_bytes = 16384};
}

static void estimate(MysqlEngine *engine, const Statement *statement, const DialectText *text,
                     EngineEstimate *out) {
    RowCosts costs = costs_of(engine);
    RowWork work = row_cost_estimate(statement, statement->tree->stmts[0]->stmt, &costs);
    *out = work.estimate;
    if (text->point) out->rows = 1;
}

static void decline(EngineVerdict *verdict, const Error *why) {
    verdict->eligible = false;
    verdict->position = why->position;
    memcpy(verdict->sqlstate, why->sqlstate, sizeof verdict->sqlstate);
    snprintf(verdict->why, sizeof verdict->why, "%.255s", why->message);
}

Status mysql_plan(Engine *base, const Statement *statement, EngineVerdict *verdict, EnginePlan **out,
                  Error *err) {
    MysqlEngine *engine = (MysqlEngine *)base;
    memset(verdict, 0, sizeof *verdict);
    *out = NULL;
    MysqlPlan *plan = calloc(1, sizeof *plan);
    arena_init(&plan->arena);
    atomic_init(&plan->base.references, 1);
    plan->base.engine = base;
    plan->base.statement = statement;
    plan->base.destroy = plan_destroy;
    Error why = {0};
    Status status = STATUS_OK;
    if (statement->kind == STATEMENT_DDL || statement->kind == STATEMENT_SESSION)
        status = error_set(&why, SQLSTATE_FEATURE_NOT_SUPPORTED,
                           "DDL, transactions and session settings are not sent to MySQL");
    else if (statement->binding_count == 0)
        status =
            error_set(&why, SQLSTATE_FEATURE_NOT_SUPPORTED, "a statement without a table needs no MySQL");
    DialectOptions options = {.self = base, .catalog = &engine->catalog, .mariadb = engine->pool.mariadb};
    if (status == STATUS_OK) status = dialect_write(statement, &options, &plan->arena, &plan->text, &why);
    if (status != STATUS_OK) {
        decline(verdict, &why);
        plan_destroy(&plan->base);
        if (!strcmp(why.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED)) return STATUS_OK;
        if (err) /* wrong on any engine */
            *err = why;
        return STATUS_ERROR;
    }
    plan->is_read = statement->kind == STATEMENT_READ;
    snprintf(plan->command, sizeof plan->command, "%s", command_of(statement->tree->stmts[0]->stmt));
    verdict->eligible = true;
    estimate(engine, statement, &plan->text, &verdict->estimate);
    *out = &plan->base;
    return STATUS_OK;
}

/* ---- health
 * ---------------------------------------------------------------------------------------------------------------
 */

/* Refusals come at once; the ping gives up after a second or two. */
enum { SILENT_MS = 900 };

static void ping(MysqlEngine *engine) {
    Error err = {0};
    EngineHealth health = {0};
    int64_t started = clock_now_ns();
    health.up = mysql_pool_ping(&engine->pool, &err) == STATUS_OK;
    if (!health.up) snprintf(health.message, sizeof health.message, "%.255s", err.message);
    health.latency_ms = (double)(clock_now_ns() - started) / 1e6;
    health.silent = !health.up && health.latency_ms >= SILENT_MS;
    pthread_mutex_lock(&engine->health_lock);
    engine->health = health;
    pthread_mutex_unlock(&engine->health_lock);
}

/* One thread at a time, and at most one ping a second, more while the server is down; meanwhile the last
 * answer stands. */
static void mysql_health(Engine *base, EngineHealth *out) {
    MysqlEngine *engine = (MysqlEngine *)base;
    int64_t last = atomic_load(&engine->pinged_at_ns), now = clock_now_ns();
    pthread_mutex_lock(&engine->health_lock);
    int64_t interval_ns = engine->health.up ? 1000000000 : 10000000;
    pthread_mutex_unlock(&engine->health_lock);
    if ((!last || now - last > interval_ns) && !atomic_exchange(&engine->pinging, true)) {
        ping(engine);
        atomic_store(&engine->pinged_at_ns, clock_now_ns());
        atomic_store(&engine->pinging, false);
    }
    pthread_mutex_lock(&engine->health_lock);
    *out = engine->health;
    pthread_mutex_unlock(&engine->health_lock);
    pthread_mutex_lock(&engine->pool.lock);
    out->connections_open = engine->pool.open;
    out->connections_busy = engine->pool.busy;
    snprintf(out->version, sizeof out->version, "%s", engine->pool.version);
    pthread_mutex_unlock(&engine->pool.lock);
}

const EngineOps mysql_engine_ops = {
    .kind = "mysql",
    .default_constants = {[CONSTANT_LATENCY_MS] = 0.15,
                          [CONSTANT_SCANNED_ROW_NS] = 40,
                          [CONSTANT_PROBED_ROW_NS] = 300,
                          [CONSTANT_SENT_BYTE_NS] = 6},
    .open = mysql_open,
    .close = mysql_engine_close,
    .describe = mysql_describe,
    .plan = mysql_plan,
    .execute = mysql_execute,
    .scan = mysql_scan,
    .intake = mysql_intake,
    .health = mysql_health,
    .probe = mysql_probe,
};
