/* PostgreSQL's text in, MySQL's text or the refusal out. No server is needed. */
#include "mysql_fixture.h"

#define COLUMN(column, id_, nullable_)                                                                       \
    { .name = column, .type = {.id = id_}, .nullable = nullable_, .distinct = -1 }

static const ColumnDesc t_columns[] = {
    COLUMN("id", SQL_INT4, false),
    COLUMN("big", SQL_INT8, true),
    COLUMN("small", SQL_INT2, true),
    {.name = "price", .type = {.id = SQL_NUMERIC, .precision = 10, .scale = 2}, .nullable = true},
    COLUMN("ratio", SQL_FLOAT8, true),
    COLUMN("single", SQL_FLOAT4, true),
    COLUMN("name", SQL_TEXT, true), /* its collation ignores case */
    COLUMN("code", SQL_TEXT, true), /* its collation is exact */
    COLUMN("active", SQL_BOOL, true),
    COLUMN("day", SQL_DATE, true),
    COLUMN("at", SQL_TIMESTAMP, true),
    COLUMN("seen", SQL_TIMESTAMPTZ, true),
    COLUMN("raw", SQL_BYTEA, true),
    COLUMN("span", SQL_INTERVAL, true),
};
static const ColumnDesc u_columns[] = {COLUMN("id", SQL_INT4, false), COLUMN("t_id", SQL_INT4, true),
                                       COLUMN("label", SQL_TEXT, true)};
static const int first_column[] = {0};
static const KeyDesc primary_key[] = {
    {.name = "PRIMARY", .columns = first_column, .column_count = 1, .unique = true, .primary = true}};
static TableDesc tables[] = {
    {.schema = "db",
     .name = "t",
     .kind = "table",
     .columns = t_columns,
     .column_count = 14,
     .keys = primary_key,
     .key_count = 1,
     .row_estimate = 1000},
    {.schema = "db",
     .name = "u",
     .kind = "table",
     .columns = u_columns,
     .column_count = 3,
     .keys = primary_key,
     .key_count = 1,
     .row_estimate = 10},
};
static const TableList table_list = {.tables = tables, .count = 2, .default_schema = "db"};

typedef struct Case {
    const char *sql;
    const char *expected; /* MySQL's text, or "SQLSTATE message" */
} Case;

static const Case cases[] = {
#include "dialect_cases.inc"
};

static void write_case(const char *sql, StrBuf *out) {
    static Engine self = {.ops = &mysql_engine_ops, .name = "mysql"};
    MysqlCatalog catalog;
    mysql_catalog_init(&catalog);
    char *exact[] = {(char *)"db\1t\1code"};
    mysql_catalog_replace(&catalog, exact, 1);
    DialectOptions options = {.self = &self, .catalog = &catalog, .mariadb = true};
    Query query;
    Arena arena;
    DialectText text;
    Error err = {0};
    arena_init(&arena);
    query_init(&query, &self, &table_list, sql);
    if (dialect_write(&query.statement, &options, &arena, &text, &err) == STATUS_OK) {
        strbuf_append_text(out, text.sql);
        for (int i = 0; i < text.param_count; i++) {
            char name[SQLTYPE_NAME_BYTES];
            const char *type = text.param_types[i].id == SQL_UNKNOWN
                                   ? "unknown"
                                   : sqltype_name(text.param_types[i], false, name);
            strbuf_printf(out, "%s$%d %s", i ? ", " : " -- ", text.params[i] + 1, type);
        }
    } else {
        strbuf_printf(out, "%s %s", err.sqlstate, err.message);
    }
    query_deinit(&query);
    arena_deinit(&arena);
    mysql_catalog_deinit(&catalog);
}

static void every_statement_is_written_or_refused(void **state) {
    int wrong = 0;
    const char *show =
        getenv("SIGNALBOX_SHOW_CASES"); /* prints the cases as they come out, to be read and kept */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        StrBuf out;
        strbuf_init(&out);
        write_case(cases[i].sql, &out);
        if (show) {
            fprintf(stderr, "%s\n    %s\n", cases[i].sql, strbuf_text(&out));
        } else if (strcmp(strbuf_text(&out), cases[i].expected) != 0) {
            print_error("%s\n  is       %s\n  expected %s\n", cases[i].sql, strbuf_text(&out),
                        cases[i].expected);
            wrong++;
        }
        strbuf_deinit(&out);
    }
    assert_int_equal(wrong, 0);
    assert_true(sizeof cases / sizeof cases[0] >= 120);
}

/* The result's types are PostgreSQL's, whatever MySQL would say. */
static void the_result_types_are_postgresqls(void **state) {
    static Engine self = {.ops = &mysql_engine_ops, .name = "mysql"};
    static const struct {
        const char *sql, *types;
    } typed[] = {
        {"SELECT id, price, name FROM t", "integer, numeric(10,2), text"},
        {"SELECT count(*), sum(id), sum(big), max(day) FROM t", "bigint, bigint, numeric, date"},
        {"SELECT id + big, id * 2, price * 2, ratio + 1, id > 3 FROM t",
         "bigint, integer, numeric, double precision, boolean"},
        {"SELECT 'x', NULL, 1, 1.5, true, 10000000000 FROM t",
         "text, text, integer, numeric, boolean, bigint"},
        {"SELECT x.n FROM (SELECT count(*) AS n FROM t) x", "bigint"},
        {"WITH x AS (SELECT id, price FROM t) SELECT * FROM x", "integer, numeric(10,2)"},
        {"SELECT coalesce(small, id), CASE WHEN active THEN big ELSE 0 END FROM t", "integer, bigint"},
    };
    MysqlCatalog catalog;
    mysql_catalog_init(&catalog);
    DialectOptions options = {.self = &self, .catalog = &catalog, .mariadb = true};
    for (size_t i = 0; i < sizeof typed / sizeof typed[0]; i++) {
        Query query;
        Arena arena;
        DialectText text;
        StrBuf out;
        Error err = {0};
        arena_init(&arena);
        strbuf_init(&out);
        query_init(&query, &self, &table_list, typed[i].sql);
        if (dialect_write(&query.statement, &options, &arena, &text, &err) != STATUS_OK)
            fail_msg("%s: %s", typed[i].sql, err.message);
        for (int c = 0; c < text.result_count; c++) {
            char name[SQLTYPE_NAME_BYTES];
            strbuf_printf(&out, "%s%s", c ? ", " : "", sqltype_name(text.result_types[c], true, name));
        }
        assert_string_equal(strbuf_text(&out), typed[i].types);
        strbuf_deinit(&out);
        query_deinit(&query);
        arena_deinit(&arena);
    }
    mysql_catalog_deinit(&catalog);
}

static void a_unique_key_held_equal_is_a_point(void **state) {
    static Engine self = {.ops = &mysql_engine_ops, .name = "mysql"};
    static const struct {
        const char *sql;
        bool point;
    } points[] = {
        {"SELECT * FROM t WHERE id = 1", true},
        {"SELECT * FROM t WHERE id = $1 AND name = 'x'", true},
        {"SELECT * FROM t WHERE id = 1 OR id = 2", false},
        {"SELECT * FROM t WHERE id > 1", false},
        {"SELECT * FROM t WHERE big = 1", false},
        {"SELECT * FROM t", false},
        {"UPDATE t SET big = 1 WHERE id = 1", true},
        {"DELETE FROM t WHERE id = $1", true},
    };
    MysqlCatalog catalog;
    mysql_catalog_init(&catalog);
    DialectOptions options = {.self = &self, .catalog = &catalog, .mariadb = true};
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        Query query;
        Arena arena;
        DialectText text;
        Error err = {0};
        arena_init(&arena);
        query_init(&query, &self, &table_list, points[i].sql);
        assert_int_equal(dialect_write(&query.statement, &options, &arena, &text, &err), STATUS_OK);
        if (text.point != points[i].point) fail_msg("%s: point is %d", points[i].sql, text.point);
        query_deinit(&query);
        arena_deinit(&arena);
    }
    mysql_catalog_deinit(&catalog);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_is_written_or_refused),
        cmocka_unit_test(the_result_types_are_postgresqls),
        cmocka_unit_test(a_unique_key_held_equal_is_a_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
