/* Tables that exist in memory only, and statements over them, for tests of the planner. */
#pragma once

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/plan/plan.h"

typedef struct FakeTable {
    const char *name;
    int64_t rows;
    const char *columns; /* "name type, name type not null, ..." */
} FakeTable;

/* The same tables are made in PostgreSQL where a test compares answers. */
static const FakeTable FAKE_TABLES[] = {
    {"flights", 3000000, "date timestamp, delay int2, distance int2, origin varchar, destination varchar"},
    {"airports", 3300,
     "iata text not null, name text, city text, state text, latitude float8, longitude float8"},
    {"t", 1000,
     "a int4 not null, b int8, c text, d numeric(10,2), e float8, f bool, g date, h timestamp, i "
     "timestamptz, j int2, k varchar(20), "
     "l numeric, m float4, n interval, o uuid, p time"},
    {"u", 100000, "a int4 not null, x int8, y text, z numeric(12,4)"},
    {"empty", 0, "a int4, b text"},
    {"lineitem", 6000000,
     "l_orderkey int8 not null, l_partkey int4 not null, l_suppkey int4 not null, l_linenumber int4, "
     "l_quantity numeric(15,2), "
     "l_extendedprice numeric(15,2), l_discount numeric(15,2), l_tax numeric(15,2), l_returnflag text, "
     "l_linestatus text, "
     "l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct text, l_shipmode text, "
     "l_comment text"},
    {"orders", 1500000,
     "o_orderkey int8 not null, o_custkey int4, o_orderstatus text, o_totalprice numeric(15,2), o_orderdate "
     "date, "
     "o_orderpriority text, o_clerk text, o_shippriority int4, o_comment text"},
    {"customer", 150000,
     "c_custkey int4 not null, c_name text, c_address text, c_nationkey int4, c_phone text, c_acctbal "
     "numeric(15,2), "
     "c_mktsegment text, c_comment text"},
    {"part", 200000,
     "p_partkey int4 not null, p_name text, p_mfgr text, p_brand text, p_type text, p_size int4, p_container "
     "text, "
     "p_retailprice numeric(15,2), p_comment text"},
    {"supplier", 10000,
     "s_suppkey int4 not null, s_name text, s_address text, s_nationkey int4, s_phone text, s_acctbal "
     "numeric(15,2), s_comment text"},
    {"partsupp", 800000,
     "ps_partkey int4 not null, ps_suppkey int4 not null, ps_availqty int4, ps_supplycost numeric(15,2), "
     "ps_comment text"},
    {"nation", 25, "n_nationkey int4 not null, n_name text, n_regionkey int4, n_comment text"},
    {"region", 5, "r_regionkey int4 not null, r_name text, r_comment text"},
};
enum { FAKE_TABLE_COUNT = sizeof FAKE_TABLES / sizeof FAKE_TABLES[0] };

static inline void fake_fill(TableVersion *version, const FakeTable *table) {
    char *text = arena_strdup(&version->arena, table->columns);
    TableColumn *columns = ARENA_NEW_ARRAY(&version->arena, TableColumn, 32);
    int count = 0;
    char *at = text;
    while (*at) {
        char *end = at;
        for (int depth = 0; *end && (depth || *end != ','); end++)
            depth += *end == '(' ? 1 : *end == ')' ? -1 : 0;
        bool last = !*end;
        *end = 0;
        char *name = at + strspn(at, " "), *type = strchr(name, ' ');
        *type++ = 0;
        char *not_null = strstr(type, " not null");
        if (not_null) *not_null = 0;
        columns[count] = (TableColumn){
            .name = name, .type = sqltype_from_name(type), .nullable = !not_null, .field_id = count + 1};
        count++;
        at = last ? end : end + 1;
    }
    version->columns = columns;
    version->column_count = count;
}

static inline Status fake_load(void *context, const char *schema, const char *name, TableVersion **out,
                               Error *err) {
    (void)context;
    for (int t = 0; t < FAKE_TABLE_COUNT; t++) {
        if ((schema && strcmp(schema, "default") != 0) || strcmp(FAKE_TABLES[t].name, name) != 0) continue;
        TableVersion *version = calloc(1, sizeof *version);
        if (!version) abort();
        arena_init(&version->arena);
        version->references = 1;
        version->namespace_name = "default";
        version->name = FAKE_TABLES[t].name;
        version->metadata_location = "memory";
        version->row_count = FAKE_TABLES[t].rows;
        version->bytes = version->row_count * 20;
        fake_fill(version, &FAKE_TABLES[t]);
        *out = version;
        return STATUS_OK;
    }
    return error_set(err, SQLSTATE_UNDEFINED_TABLE, "table \"%s\" does not exist", name);
}

/* Parses; a syntax error gives false. `tree` is freed with pg_query__parse_result__free_unpacked(tree, NULL).
 */
static inline bool fake_parse(const char *sql, Statement *statement, PgQuery__ParseResult **tree) {
    PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(sql);
    bool ok = !parsed.error;
    *tree = ok ? pg_query__parse_result__unpack(NULL, parsed.parse_tree.len,
                                                (const uint8_t *)parsed.parse_tree.data)
               : NULL;
    pg_query_free_protobuf_parse_result(parsed);
    int params = 0;
    for (const char *at = sql; (at = strchr(at, '$')); at++)
        params = atoi(at + 1) > params ? atoi(at + 1) : params;
    *statement = (Statement){
        .sql = sql, .sql_length = strlen(sql), .tree = *tree, .param_count = params, .statement_count = 1};
    return *tree != NULL;
}

static inline Status fake_plan(const char *sql, Plan **plan, Error *err) {
    static Engine self = {.name = "columnar"};
    PlanTableSource source = {.load = fake_load};
    Statement statement;
    PgQuery__ParseResult *tree = NULL;
    error_clear(err);
    if (!fake_parse(sql, &statement, &tree)) return error_set(err, SQLSTATE_SYNTAX_ERROR, "syntax error");
    Status status = plan_statement_from(&self, &source, &statement, plan, err);
    pg_query__parse_result__free_unpacked(tree, NULL);
    return status;
}
