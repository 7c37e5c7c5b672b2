/* What the tests of the PostgreSQL engine share: an engine on the server that SIGNALBOX_TEST_PG names,
 * statements made as the router makes them, results as text. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <pg_query.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/hash.h"
#include "engines/base/strbuf.h"
#include "engines/postgres/pgplan.h"

typedef struct Fixture {
    Engine *engine;
    Arena arena;
    TableList tables;
} Fixture;

/* One planned statement and what it needs to stay alive. */
typedef struct Query {
    Statement statement;
    TableBinding bindings[8];
    PgQueryProtobufParseResult parsed;
    EngineVerdict verdict;
    EnginePlan *plan;
    Engine *engine;
    const TableList *tables;
    Status status;
    Error error;
} Query;

typedef struct Result {
    Status status;
    Error error;
    ExecutionStats stats;
    int64_t rows;
    int columns;
    StrBuf text; /* rows by '\n', columns by '|', NULL as "NULL" */
    int batches;
} Result;

static inline const char *fixture_conninfo(void) {
    const char *conninfo = getenv("SIGNALBOX_TEST_PG");
    if (!conninfo) skip();
    return conninfo;
}

static inline void fixture_open_at(Fixture *fixture, const char *conninfo) {
    Error err = {0};
    EngineConfig config = {.name = "postgres",
                           .kind = "postgres",
                           .enabled = true,
                           .conninfo = conninfo,
                           .max_connections = 6,
                           .lane_connections = 1,
                           .connect_timeout_ms = 3000,
                           .latency_ms = 0.1};
    memset(fixture, 0, sizeof *fixture);
    arena_init(&fixture->arena);
    assert_int_equal(postgres_engine_ops.open(&config, &fixture->engine, &err), STATUS_OK);
}

static inline void fixture_open(Fixture *fixture) {
    fixture_open_at(fixture, fixture_conninfo());
}

static inline void fixture_describe(Fixture *fixture) {
    Error err = {0};
    if (postgres_engine_ops.describe(fixture->engine, &fixture->arena, &fixture->tables, &err) != STATUS_OK)
        fail_msg("describe: %s", err.message);
}

static inline void fixture_close(Fixture *fixture) {
    postgres_engine_ops.close(fixture->engine);
    arena_deinit(&fixture->arena);
}

static inline const TableDesc *fixture_table(const TableList *tables, const char *schema, const char *name) {
    for (int i = 0; i < tables->count; i++)
        if (!strcmp(tables->tables[i].name, name) &&
            (!schema || !*schema || !strcmp(tables->tables[i].schema, schema)))
            return &tables->tables[i];
    return NULL;
}

static bool fixture_see(void *state, const ProtobufCMessage *message) {
    Query *query = state;
    if (PGTREE_IS(message, param_ref)) {
        int number = ((const PgQuery__ParamRef *)message)->number;
        if (number > query->statement.param_count) query->statement.param_count = number;
    }
    if (!PGTREE_IS(message, range_var) || query->statement.binding_count == 8) return true;
    const PgQuery__RangeVar *table = (const PgQuery__RangeVar *)message;
    const TableDesc *desc = fixture_table(query->tables, table->schemaname, table->relname);
    if (desc)
        query->bindings[query->statement.binding_count++] = (TableBinding){
            .written_catalog = table->catalogname[0] ? table->catalogname : NULL,
            .written_schema = table->schemaname[0] ? table->schemaname : NULL,
            .written_name = table->relname,
            .engine = query->engine,
            .table = desc,
        };
    return true;
}

static inline StatementKind fixture_kind(const PgQuery__ParseResult *tree) {
    if (tree->n_stmts != 1) return STATEMENT_SESSION;
    switch (tree->stmts[0]->stmt->node_case) {
    case PG_QUERY__NODE__NODE_SELECT_STMT:
    case PG_QUERY__NODE__NODE_EXPLAIN_STMT: return STATEMENT_READ;
    case PG_QUERY__NODE__NODE_INSERT_STMT:
    case PG_QUERY__NODE__NODE_UPDATE_STMT:
    case PG_QUERY__NODE__NODE_DELETE_STMT: return STATEMENT_WRITE;
    case PG_QUERY__NODE__NODE_TRANSACTION_STMT:
    case PG_QUERY__NODE__NODE_VARIABLE_SET_STMT: return STATEMENT_SESSION;
    default: return STATEMENT_DDL;
    }
}

static inline void query_init(Query *query, const Fixture *fixture, const char *sql) {
    memset(query, 0, sizeof *query);
    query->engine = fixture->engine;
    query->tables = &fixture->tables;
    query->parsed = pg_query_parse_protobuf(sql);
    if (query->parsed.error) fail_msg("%s: %s", sql, query->parsed.error->message);
    PgQuery__ParseResult *tree = pg_query__parse_result__unpack(
        NULL, query->parsed.parse_tree.len, (const uint8_t *)query->parsed.parse_tree.data);
    query->statement.sql = sql;
    query->statement.sql_length = strlen(sql);
    query->statement.tree = tree;
    query->statement.statement_count = (int)tree->n_stmts;
    query->statement.bindings = query->bindings;
    query->statement.kind = fixture_kind(tree);
    query->statement.text_hash = hash64_bytes(sql, strlen(sql), 1);
    pgtree_visit(&tree->base, fixture_see, query);
    query->status = postgres_engine_ops.plan(fixture->engine, &query->statement, &query->verdict,
                                             &query->plan, &query->error);
}

static inline void query_deinit(Query *query) {
    engine_plan_release(query->plan);
    pg_query__parse_result__free_unpacked((PgQuery__ParseResult *)query->statement.tree, NULL);
    pg_query_free_protobuf_parse_result(query->parsed);
}

static inline void print_unscaled(StrBuf *out, __int128 value, int scale) {
    char digits[64];
    int count = 0;
    unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
    while (rest || count <= scale) {
        digits[count++] = (char)('0' + (int)(rest % 10));
        rest /= 10;
    }
    if (value < 0) strbuf_append_char(out, '-');
    while (count--) {
        strbuf_append_char(out, digits[count]);
        if (count == scale && scale) strbuf_append_char(out, '.');
    }
}

static inline void print_value(StrBuf *out, const ArrowSchema *schema, const ArrowArray *array, int64_t row) {
    if (array->buffers[0] && !(((const unsigned char *)array->buffers[0])[row >> 3] >> (row & 7) & 1)) {
        strbuf_append_text(out, "NULL");
        return;
    }
    const char *format = schema->format;
    const void *values = array->buffers[1];
    const int32_t *offsets = array->buffers[1];
    int precision, scale;
    switch (format[0]) {
    case 'b':
        strbuf_append_text(out, (((const unsigned char *)values)[row >> 3] >> (row & 7) & 1) ? "t" : "f");
        break;
    case 's': strbuf_append_i64(out, ((const int16_t *)values)[row]); break;
    case 'i': strbuf_append_i64(out, ((const int32_t *)values)[row]); break;
    case 'I': strbuf_append_i64(out, ((const uint32_t *)values)[row]); break;
    case 'l': strbuf_append_i64(out, ((const int64_t *)values)[row]); break;
    case 'f': strbuf_printf(out, "%.9g", (double)((const float *)values)[row]); break;
    case 'g': strbuf_printf(out, "%.17g", ((const double *)values)[row]); break;
    case 'd': {
        __int128 unscaled;
        memcpy(&unscaled, (const char *)values + 16 * row, 16);
        sscanf(format, "d:%d,%d", &precision, &scale);
        print_unscaled(out, unscaled, scale);
        break;
    }
    case 't':
        if (!strcmp(format, "tdD"))
            strbuf_append_i64(out, ((const int32_t *)values)[row]);
        else if (!strcmp(format, "tin")) {
            const char *at = (const char *)values + 16 * row;
            int32_t parts[2];
            int64_t nanoseconds;
            memcpy(parts, at, 8);
            memcpy(&nanoseconds, at + 8, 8);
            strbuf_printf(out, "%d/%d/%" PRId64, parts[0], parts[1], nanoseconds);
        } else
            strbuf_append_i64(out, ((const int64_t *)values)[row]);
        break;
    case '+':
        strbuf_append_char(out, '{');
        for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
            if (i > offsets[row]) strbuf_append_char(out, ',');
            print_value(out, schema->children[0], array->children[0], i);
        }
        strbuf_append_char(out, '}');
        break;
    case 'z':
        for (int32_t i = offsets[row]; i < offsets[row + 1]; i++)
            strbuf_printf(out, "%02x", ((const unsigned char *)array->buffers[2])[i]);
        break;
    default:
        strbuf_append(out, (const char *)array->buffers[2] + offsets[row],
                      (size_t)(offsets[row + 1] - offsets[row]));
    }
}

static inline void result_add(Result *result, const ArrowSchema *schema, const ArrowArray *batch) {
    result->batches++;
    for (int64_t row = 0; row < batch->length; row++, result->rows++) {
        if (result->rows) strbuf_append_char(&result->text, '\n');
        for (int64_t c = 0; c < schema->n_children; c++) {
            if (c) strbuf_append_char(&result->text, '|');
            print_value(&result->text, schema->children[c], batch->children[c], row);
        }
    }
}

/* Reads the stream to its end and releases it. */
static inline void result_read(Result *result, ArrowArrayStream *stream) {
    ArrowSchema schema;
    ArrowArray batch;
    assert_int_equal(arrow_stream_schema(stream, &schema, &result->error), STATUS_OK);
    result->columns = (int)schema.n_children;
    while ((result->status = arrow_stream_next(stream, &batch, &result->error)) == STATUS_OK &&
           batch.release) {
        result_add(result, &schema, &batch);
        arrow_array_release(&batch);
    }
    arrow_schema_release(&schema);
    arrow_stream_release(stream);
}

static inline void query_run_limited(Query *query, const Param *params, int count, CancelToken *cancel,
                                     int64_t row_limit, Result *result) {
    memset(result, 0, sizeof *result);
    strbuf_init(&result->text);
    Execution execution = {.params = params,
                           .param_count = count,
                           .cancel = cancel,
                           .row_limit = row_limit,
                           .stats = &result->stats};
    if (query->status != STATUS_OK || !query->plan) {
        result->status = STATUS_ERROR;
        result->error = query->error;
        return;
    }
    ArrowArrayStream stream;
    result->status =
        postgres_engine_ops.execute(query->engine, query->plan, &execution, &stream, &result->error);
    if (result->status == STATUS_OK) result_read(result, &stream);
}

static inline void query_run(Query *query, const Param *params, int count, Result *result) {
    query_run_limited(query, params, count, NULL, 0, result);
}

static inline void result_deinit(Result *result) {
    strbuf_deinit(&result->text);
}

/* Parses, plans and runs; the caller calls result_deinit. */
static inline void fixture_run(Fixture *fixture, const char *sql, const Param *params, int count,
                               Result *result) {
    Query query;
    query_init(&query, fixture, sql);
    query_run(&query, params, count, result);
    query_deinit(&query);
}

static inline void fixture_ok(Fixture *fixture, const char *sql) {
    Result result;
    fixture_run(fixture, sql, NULL, 0, &result);
    if (result.status != STATUS_OK) fail_msg("%s: %s %s", sql, result.error.sqlstate, result.error.message);
    result_deinit(&result);
}

static inline void fixture_expect(Fixture *fixture, const char *sql, const char *expected) {
    Result result;
    fixture_run(fixture, sql, NULL, 0, &result);
    if (result.status != STATUS_OK) fail_msg("%s: %s %s", sql, result.error.sqlstate, result.error.message);
    assert_string_equal(strbuf_text(&result.text), expected);
    result_deinit(&result);
}

static inline void fixture_expect_error(Fixture *fixture, const char *sql, const char *sqlstate,
                                        int position) {
    Result result;
    fixture_run(fixture, sql, NULL, 0, &result);
    assert_int_equal(result.status, STATUS_ERROR);
    assert_string_equal(result.error.sqlstate, sqlstate);
    assert_int_equal(result.error.position, position);
    result_deinit(&result);
}

static inline Param text_param(const char *text) {
    return (Param){.kind = PARAM_TEXT, .text = text, .length = strlen(text)};
}
static inline Param int_param(const char *text) {
    return (Param){.kind = PARAM_INT, .text = text, .length = strlen(text)};
}
