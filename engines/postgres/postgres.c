#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/postgres/pgengine.h"

static Status postgres_open(const EngineConfig *config, Engine **out, Error *err) {
    char *parse_error = NULL;
    const char *conninfo = config->conninfo ? config->conninfo : "";
    PQconninfoOption *parsed = PQconninfoParse(conninfo, &parse_error);
    if (!parsed) {
        (void)error_set(err, SQLSTATE_CONFIG, "engines.%s.conninfo cannot be read: %s", config->name,
                        parse_error ? parse_error : "out of memory");
        PQfreemem(parse_error);
        return STATUS_ERROR;
    }
    PQconninfoFree(parsed);
    PgEngine *engine = calloc(1, sizeof *engine);
    if (!engine) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "no memory for engine %s", config->name);
    engine->base.ops = &postgres_engine_ops;
    engine->base.name = strdup(config->name ? config->name : "postgres");
    engine->conninfo = strdup(conninfo);
    engine->max_connections = config->max_connections > 0 ? config->max_connections : 8;
    engine->lane_connections = config->lane_connections > 0 ? config->lane_connections : 1;
    engine->connect_timeout_ms = config->connect_timeout_ms > 0 ? config->connect_timeout_ms : 3000;
    engine->assumed_latency_ms = config->latency_ms > 0 ? config->latency_ms : 0.2;
    engine->latency_ms = -1;
    snprintf(engine->down_message, sizeof engine->down_message, "not connected yet");
    pgtypes_init(&engine->types);
    pthread_mutex_init(&engine->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->returned, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = &engine->base;
    return STATUS_OK;
}

/* All streams and lanes are gone by now (engine.h: order of calls). */
static void postgres_close(Engine *base) {
    PgEngine *engine = pgengine_of(base);
    pthread_mutex_lock(&engine->lock);
    engine->closing = true;
    pthread_cond_broadcast(&engine->returned);
    pthread_mutex_unlock(&engine->lock);
    pgengine_drop_idle(engine);
    pgtypes_deinit(&engine->types);
    pthread_cond_destroy(&engine->returned);
    pthread_mutex_destroy(&engine->lock);
    free(engine->conninfo);
    free((char *)base->name);
    free(engine);
}

const EngineOps postgres_engine_ops = {
    .kind = "postgres",
    .default_constants = {[CONSTANT_LATENCY_MS] = 0.1,
                          [CONSTANT_SCANNED_ROW_NS] = 80,
                          [CONSTANT_PROBED_ROW_NS] = 600,
                          [CONSTANT_SENT_BYTE_NS] = 6},
    .open = postgres_open,
    .close = postgres_close,
    .describe = pgengine_describe,
    .plan = pgplan_plan,
    .execute = pgexecute_execute,
    .schemas = pgengine_schemas,
    .scan = pgscan_scan,
    .read_marker = pgmarker_read,
    .intake = pgintake_intake,
    .health = pgengine_health,
    .probe = pgprobe_probe,
    .lane_open = pglane_open,
    .lane_close = pglane_close,
    .lane_submit = pglane_submit,
    .lane_cancel = pglane_cancel,
};
