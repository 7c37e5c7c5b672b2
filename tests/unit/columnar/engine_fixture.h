/* An engine over a warehouse of its own, and a second view of the same warehouse, as another process has it.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/columnar/iceberg/table_catalog.h"
#include "engines/engine.h"

typedef struct Fixture {
    char directory[64], catalog_path[96];
    Engine *engine;
    TableCatalog *catalog; /* another process's view of the same warehouse */
    Arena arena;
} Fixture;

static inline int remove_tree(const char *path) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    return system(command);
}

static inline int setup_in(void **state, const char *directory) {
    Fixture *fixture = calloc(1, sizeof *fixture);
    Error err = {0};
    snprintf(fixture->directory, sizeof fixture->directory, "%s", directory);
    snprintf(fixture->catalog_path, sizeof fixture->catalog_path, "%s/catalog.db", fixture->directory);
    EngineConfig config = {.name = "columnar",
                           .kind = "columnar",
                           .enabled = true,
                           .directory = fixture->directory,
                           .catalog = fixture->catalog_path,
                           .threads = 2,
                           .query_memory_bytes = 256 << 20};
    if (columnar_engine_ops.open(&config, &fixture->engine, &err) != STATUS_OK)
        fail_msg("open: %s", err.message);
    assert_int_equal(table_catalog_open(fixture->catalog_path, fixture->directory, &fixture->catalog, &err),
                     STATUS_OK);
    TableColumn columns[2] = {{.name = "a", .type = sqltype_of(SQL_INT4)},
                              {.name = "b", .type = sqltype_of(SQL_INT8), .nullable = true}};
    assert_int_equal(table_catalog_create(fixture->catalog, "default", "numbers", columns, 2, &err),
                     STATUS_OK);
    arena_init(&fixture->arena);
    *state = fixture;
    return 0;
}

static inline int setup(void **state) {
    char directory[] = "/tmp/signalbox-engine-test-XXXXXX";
    assert_non_null(mkdtemp(directory));
    return setup_in(state, directory);
}

static inline int teardown(void **state) {
    Fixture *fixture = *state;
    table_catalog_close(fixture->catalog);
    columnar_engine_ops.close(fixture->engine);
    arena_deinit(&fixture->arena);
    int status = remove_tree(fixture->directory);
    free(fixture);
    return status;
}

/* Rows (from + i, 10 × (from + i)). */
static inline void append_rows(Fixture *fixture, int from, int count) {
    Error err = {0};
    TableAppend *append = NULL;
    assert_int_equal(table_append_begin(fixture->catalog, "default", "numbers", false, &append, &err),
                     STATUS_OK);
    Vector columns[2];
    vector_init_flat(&columns[0], sqltype_of(SQL_INT4), count, &fixture->arena);
    vector_init_flat(&columns[1], sqltype_of(SQL_INT8), count, &fixture->arena);
    for (int i = 0; i < count; i++) {
        ((int32_t *)columns[0].values)[i] = from + i;
        ((int64_t *)columns[1].values)[i] = (int64_t)(from + i) * 10;
    }
    Batch batch = {.row_count = count, .column_count = 2, .columns = columns, .selected = count};
    int64_t rows = 0, snapshot = 0;
    assert_int_equal(table_append_batch(append, &batch, &err), STATUS_OK);
    assert_int_equal(table_append_commit(append, &rows, &snapshot, &err), STATUS_OK);
}

typedef struct Parsed {
    Statement statement;
    PgQuery__ParseResult *tree;
} Parsed;

static inline void parse(const char *sql, int params, Parsed *out) {
    PgQueryProtobufParseResult result = pg_query_parse_protobuf(sql);
    assert_null(result.error);
    out->tree =
        pg_query__parse_result__unpack(NULL, result.parse_tree.len, (const uint8_t *)result.parse_tree.data);
    pg_query_free_protobuf_parse_result(result);
    out->statement = (Statement){.sql = sql,
                                 .sql_length = strlen(sql),
                                 .tree = out->tree,
                                 .kind = STATEMENT_READ,
                                 .statement_count = 1,
                                 .param_count = params};
}

static inline EnginePlan *plan_of(Fixture *fixture, Parsed *parsed) {
    EngineVerdict verdict;
    EnginePlan *plan = NULL;
    Error err = {0};
    if (columnar_engine_ops.plan(fixture->engine, &parsed->statement, &verdict, &plan, &err) != STATUS_OK ||
        !verdict.eligible)
        fail_msg("%s: %s %s", parsed->statement.sql, err.message, verdict.why);
    assert_true(verdict.estimate.cost_ms > 0);
    return plan;
}

/* The first column of the only row, an int8. For any thread: asserts nothing. */
static inline Status try_single_value(Fixture *fixture, EnginePlan *plan, const Param *params,
                                      int param_count, int64_t *value, Error *err) {
    ExecutionStats stats = {0};
    Execution execution = {.params = params, .param_count = param_count, .stats = &stats};
    ArrowArrayStream stream;
    ArrowArray array = {0};
    int64_t rows = 0;
    TRY(columnar_engine_ops.execute(fixture->engine, plan, &execution, &stream, err));
    Status status;
    while ((status = arrow_stream_next(&stream, &array, err)) == STATUS_OK && array.release) {
        if (array.length > 0)
            *value = ((const int64_t *)array.children[0]->buffers[1])[array.children[0]->offset];
        rows += array.length;
        arrow_array_release(&array);
    }
    arrow_stream_release(&stream);
    if (status == STATUS_OK && (rows != 1 || strcmp(stats.command, "SELECT") != 0))
        return error_set(err, SQLSTATE_INTERNAL, "%lld rows of a %s", (long long)rows, stats.command);
    return status;
}

static inline int64_t single_value(Fixture *fixture, EnginePlan *plan, const Param *params, int param_count) {
    int64_t value = 0;
    Error err = {0};
    if (try_single_value(fixture, plan, params, param_count, &value, &err) != STATUS_OK)
        fail_msg("%s %s", err.sqlstate, err.message);
    return value;
}
