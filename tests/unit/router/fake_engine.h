/* Engines for the router's tests: tables from a table of literals, verdicts as told. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/engine.h"
#include "router/router.h"

typedef struct FakePlan {
    EnginePlan base;
    _Atomic int *live;
} FakePlan;

typedef struct FakeEngine {
    Engine base;
    EngineOps ops;
    const TableDesc *tables;
    int table_count;
    const char *default_schema;
    const char *const *next_schemas;
    int next_schema_count;
    const FunctionDesc *functions;
    int function_count;
    _Atomic bool up;
    _Atomic bool describe_fails;
    _Atomic int describes, plans, live_plans;
    bool federates;
    double cost_ms;
    const char *declines; /* not NULL: every plan is declined with this */
    const char *declines_state;
    const char *fails_with; /* not NULL: plan() itself fails with 42703 and this */
    char last_sql[512];
    TableBinding last_bindings[8];
    int last_binding_count;
    bool keep_last; /* single-threaded tests only */
} FakeEngine;

static inline Status fake_describe(Engine *engine, Arena *arena, TableList *out, Error *err) {
    FakeEngine *fake = (FakeEngine *)engine;
    atomic_fetch_add(&fake->describes, 1);
    if (fake->describe_fails) return error_set(err, SQLSTATE_CANNOT_CONNECT, "nobody listens");
    *out = (TableList){.tables = ARENA_NEW_ARRAY(arena, TableDesc, fake->table_count + 1),
                       .count = fake->table_count,
                       .default_schema = fake->default_schema,
                       .next_schemas = fake->next_schemas,
                       .next_schema_count = fake->next_schema_count,
                       .functions = fake->functions,
                       .function_count = fake->function_count};
    for (int i = 0; i < fake->table_count; i++)
        out->tables[i] = fake->tables[i];
    return STATUS_OK;
}

static inline void fake_plan_destroy(EnginePlan *plan) {
    atomic_fetch_sub(((FakePlan *)plan)->live, 1);
    free(plan);
}

static inline Status fake_plan(Engine *engine, const Statement *statement, EngineVerdict *verdict,
                               EnginePlan **out, Error *err) {
    FakeEngine *fake = (FakeEngine *)engine;
    atomic_fetch_add(&fake->plans, 1);
    if (fake->keep_last) {
        snprintf(fake->last_sql, sizeof fake->last_sql, "%s", statement->sql);
        fake->last_binding_count = statement->binding_count;
        for (int i = 0; i < statement->binding_count && i < 8; i++)
            fake->last_bindings[i] = statement->bindings[i];
    }
    *verdict = (EngineVerdict){0};
    if (fake->fails_with) return error_set_at(err, SQLSTATE_UNDEFINED_COLUMN, 8, "%s", fake->fails_with);
    if (fake->declines) {
        snprintf(verdict->why, sizeof verdict->why, "%s", fake->declines);
        snprintf(verdict->sqlstate, sizeof verdict->sqlstate, "%s",
                 fake->declines_state ? fake->declines_state : SQLSTATE_FEATURE_NOT_SUPPORTED);
        return STATUS_OK;
    }
    for (int i = 0; i < statement->binding_count; i++)
        assert_true(fake->federates || statement->bindings[i].engine == engine);
    FakePlan *plan = calloc(1, sizeof *plan);
    assert_non_null(plan);
    *plan = (FakePlan){
        .base = {.references = 1, .engine = engine, .statement = statement, .destroy = fake_plan_destroy},
        .live = &fake->live_plans};
    atomic_fetch_add(&fake->live_plans, 1);
    verdict->eligible = true;
    verdict->estimate = (EngineEstimate){.cost_ms = fake->cost_ms, .rows = 10};
    *out = &plan->base;
    return STATUS_OK;
}

static inline void fake_health(Engine *engine, EngineHealth *out) {
    FakeEngine *fake = (FakeEngine *)engine;
    *out = (EngineHealth){.up = fake->up};
    if (!out->up) snprintf(out->message, sizeof out->message, "connection refused");
}

static inline void fake_init(FakeEngine *fake, const char *name, const char *kind, const TableDesc *tables,
                             int table_count) {
    *fake =
        (FakeEngine){.tables = tables, .table_count = table_count, .default_schema = "public", .cost_ms = 1};
    fake->ops =
        (EngineOps){.kind = kind, .describe = fake_describe, .plan = fake_plan, .health = fake_health};
    fake->base = (Engine){.ops = &fake->ops, .name = name};
    fake->federates = strcmp(kind, "columnar") == 0;
    fake->up = true;
    fake->keep_last = true;
}

/* ---- the demo's tables
 * ---------------------------------------------------------------------------------------- */

#define FAKE_COLUMN(column_name, type_id, short_name, distinct_values)                                       \
    { .name = column_name, .type = {.id = type_id}, .type_name = short_name, .distinct = distinct_values }

static const ColumnDesc users_columns[] = {
    FAKE_COLUMN("id", SQL_INT8, "int8", 100000), FAKE_COLUMN("name", SQL_TEXT, "text", -1),
    FAKE_COLUMN("email", SQL_TEXT, "text", 100000), FAKE_COLUMN("country", SQL_TEXT, "text", 50),
    FAKE_COLUMN("age", SQL_INT4, "int4", 80)};
static const int column_0[] = {0}, column_2[] = {2}, column_3[] = {3}, columns_0_1[] = {0, 1};
static const KeyDesc users_keys[] = {
    {.name = "users_country", .columns = column_3, .column_count = 1},
    {.name = "users_pkey", .columns = column_0, .column_count = 1, .unique = true, .primary = true},
    {.name = "users_email_key", .columns = column_2, .column_count = 1, .unique = true}};
static const ColumnDesc pair_columns[] = {FAKE_COLUMN("a", SQL_INT4, "int4", 1000),
                                          FAKE_COLUMN("b", SQL_INT4, "int4", -1)};
static const KeyDesc pair_keys[] = {
    {.name = "pair_pkey", .columns = columns_0_1, .column_count = 2, .unique = true, .primary = true}};
static const ColumnDesc airports_columns[] = {FAKE_COLUMN("iata", SQL_TEXT, "text", 3376),
                                              FAKE_COLUMN("state", SQL_TEXT, "text", 50)};
static const KeyDesc airports_keys[] = {
    {.name = "airports_pkey", .columns = column_0, .column_count = 1, .unique = true, .primary = true}};
static const TableDesc postgres_tables[] = {{.schema = "public",
                                             .name = "users",
                                             .kind = "table",
                                             .columns = users_columns,
                                             .column_count = 5,
                                             .keys = users_keys,
                                             .key_count = 3,
                                             .row_estimate = 100000,
                                             .bytes = -1},
                                            {.schema = "public",
                                             .name = "pair",
                                             .kind = "table",
                                             .columns = pair_columns,
                                             .column_count = 2,
                                             .keys = pair_keys,
                                             .key_count = 1,
                                             .row_estimate = 1000000,
                                             .bytes = -1},
                                            {.schema = "public",
                                             .name = "airports",
                                             .kind = "table",
                                             .columns = airports_columns,
                                             .column_count = 2,
                                             .keys = airports_keys,
                                             .key_count = 1,
                                             .row_estimate = 3376,
                                             .bytes = -1},
                                            {.schema = "public",
                                             .name = "twin",
                                             .kind = "table",
                                             .columns = airports_columns,
                                             .column_count = 2,
                                             .row_estimate = -1,
                                             .bytes = -1},
                                            {.schema = "sales",
                                             .name = "orders",
                                             .kind = "table",
                                             .columns = pair_columns,
                                             .column_count = 2,
                                             .row_estimate = -1,
                                             .bytes = -1}};
static const ColumnDesc flights_columns[] = {FAKE_COLUMN("origin", SQL_TEXT, "text", 300),
                                             FAKE_COLUMN("delay", SQL_INT4, "int4", -1)};
static const TableDesc columnar_tables[] = {{.schema = "public",
                                             .name = "flights",
                                             .kind = "table",
                                             .columns = flights_columns,
                                             .column_count = 2,
                                             .row_estimate = 3000000,
                                             .bytes = 1 << 25},
                                            {.schema = "public",
                                             .name = "twin",
                                             .kind = "table",
                                             .columns = flights_columns,
                                             .column_count = 2,
                                             .row_estimate = -1,
                                             .bytes = -1}};
static const ColumnDesc zipcodes_columns[] = {FAKE_COLUMN("zip", SQL_TEXT, "text", 42000),
                                              FAKE_COLUMN("city", SQL_TEXT, "text", -1)};
static const KeyDesc zipcodes_keys[] = {
    {.name = "PRIMARY", .columns = column_0, .column_count = 1, .unique = true, .primary = true}};
static const TableDesc mysql_tables[] = {{.schema = "signalbox",
                                          .name = "zipcodes",
                                          .kind = "table",
                                          .columns = zipcodes_columns,
                                          .column_count = 2,
                                          .keys = zipcodes_keys,
                                          .key_count = 1,
                                          .row_estimate = 42000,
                                          .bytes = -1}};

/* ---- a router over three of them
 * ------------------------------------------------------------------------------ */

typedef struct Fixture {
    FakeEngine postgres, mysql, columnar;
    Engine *engines[3];
    Config config;
    Router *router;
} Fixture;

static inline void fixture_open(Fixture *fixture) {
    fake_init(&fixture->postgres, "postgres", "postgres", postgres_tables, 5);
    static const FunctionDesc functions[] = {{.schema = "public", .name = "harmless", .volatility = 's'},
                                             {.schema = "public", .name = "writes", .volatility = 's'},
                                             {.schema = "sales", .name = "writes", .volatility = 'v'}};
    fixture->postgres.functions = functions;
    fixture->postgres.function_count = 3;
    fake_init(&fixture->mysql, "mysql", "mysql", mysql_tables, 1);
    fixture->mysql.default_schema = "signalbox";
    fake_init(&fixture->columnar, "columnar", "columnar", columnar_tables, 2);
    fixture->engines[0] = &fixture->postgres.base;
    fixture->engines[1] = &fixture->mysql.base;
    fixture->engines[2] = &fixture->columnar.base;
    config_init_defaults(&fixture->config);
    Error err = {0};
    assert_int_equal(router_create(&fixture->config, fixture->engines, 3, &fixture->router, &err), STATUS_OK);
    assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
}

static inline void fixture_close(Fixture *fixture) {
    router_destroy(fixture->router);
    config_deinit(&fixture->config);
    assert_int_equal(fixture->postgres.live_plans, 0);
    assert_int_equal(fixture->mysql.live_plans, 0);
    assert_int_equal(fixture->columnar.live_plans, 0);
}

static inline Decision *route_as(Fixture *fixture, const char *sql, const char *engine, Error *err) {
    RouteRequest request = {.sql = sql, .sql_length = strlen(sql), .engine = engine};
    Decision *decision = NULL;
    RouteTiming timing;
    error_clear(err);
    Status status = router_decide(fixture->router, &request, &decision, &timing, err);
    assert_true((status == STATUS_OK) == (decision != NULL));
    assert_true((status == STATUS_OK) == !error_is_set(err));
    return decision;
}
