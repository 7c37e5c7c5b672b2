/* Any bytes as a statement, all the way to a decision over engines that hold a few tables. Must never crash
 * or hang; what is decided must be whole. The first byte chooses what is forced. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "router/router.h"

static const ColumnDesc columns[] = {
    {.name = "id", .type = {.id = SQL_INT8}, .type_name = "int8", .distinct = -1},
    {.name = "name", .type = {.id = SQL_TEXT}, .type_name = "text", .distinct = 10}};
static const int first_column[] = {0}, second_column[] = {1};
static const KeyDesc keys[] = {
    {.name = "pkey", .columns = first_column, .column_count = 1, .unique = true, .primary = true},
    {.name = "other", .columns = second_column, .column_count = 1}};

static Status describe(Engine *engine, Arena *arena, TableList *out, Error *err) {
    const char *own = strcmp(engine->name, "postgres") == 0 ? "users"
                      : strcmp(engine->name, "mysql") == 0  ? "zip"
                                                            : "flights";
    *out =
        (TableList){.count = 2, .default_schema = "public", .tables = ARENA_NEW_ARRAY(arena, TableDesc, 2)};
    for (int i = 0; i < 2; i++)
        out->tables[i] = (TableDesc){.schema = "public",
                                     .name = i ? "t" : own,
                                     .kind = "table",
                                     .columns = columns,
                                     .column_count = 2,
                                     .keys = keys,
                                     .key_count = 2,
                                     .row_estimate = 1000,
                                     .bytes = -1};
    return STATUS_OK;
}

static void destroy_plan(EnginePlan *plan) {
    free(plan);
}

static Status plan(Engine *engine, const Statement *statement, EngineVerdict *verdict, EnginePlan **out,
                   Error *err) {
    if (strlen(statement->sql) != statement->sql_length || !statement->tree) abort();
    for (int i = 0; i < statement->binding_count; i++)
        if (!statement->bindings[i].table || !statement->bindings[i].engine ||
            !statement->bindings[i].written_name)
            abort();
    *out = calloc(1, sizeof **out);
    if (!*out) abort();
    **out = (EnginePlan){.references = 1, .engine = engine, .statement = statement, .destroy = destroy_plan};
    *verdict = (EngineVerdict){.eligible = true, .estimate = {.cost_ms = 1, .rows = -1}};
    return STATUS_OK;
}

static void health(Engine *engine, EngineHealth *out) {
    *out = (EngineHealth){.up = true};
}

static Router *make_router(void) {
    static const EngineOps ops[3] = {
        {.kind = "postgres", .describe = describe, .plan = plan, .health = health},
        {.kind = "mysql", .describe = describe, .plan = plan, .health = health},
        {.kind = "columnar", .describe = describe, .plan = plan, .health = health}};
    static Engine engines[3] = {{.ops = &ops[0], .name = "postgres"},
                                {.ops = &ops[1], .name = "mysql"},
                                {.ops = &ops[2], .name = "columnar"}};
    static Engine *const list[3] = {&engines[0], &engines[1], &engines[2]};
    static Config config;
    config_init_defaults(&config);
    Router *router = NULL;
    if (router_create(&config, list, 3, &router, NULL) != STATUS_OK ||
        router_refresh(router, NULL) != STATUS_OK)
        abort();
    return router;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Router *router;
    static const char *const forced[] = {NULL, "auto", "postgres", "mysql", "columnar", "nowhere"};
    if (!router) router = make_router();
    if (size == 0) return 0;
    char *sql = malloc(size);
    if (!sql) abort();
    memcpy(sql, data + 1, size - 1);
    sql[size - 1] = 0;
    RouteRequest request = {.sql = sql, .sql_length = size - 1, .engine = forced[data[0] % 6]};
    Decision *decision = NULL;
    RouteTiming timing;
    Error err = {0};
    if (router_decide(router, &request, &decision, &timing, &err) == STATUS_OK) {
        if (!decision->engine || !decision->plan || !decision->rule || !decision->reason[0]) abort();
        decision_release(decision);
    } else if (strlen(err.sqlstate) != 5 || !err.message[0] || err.position < 0 ||
               (size_t)err.position > size + 1) {
        abort();
    }
    free(sql);
    return 0;
}
