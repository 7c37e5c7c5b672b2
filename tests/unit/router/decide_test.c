#include "tests/unit/router/fake_engine.h"

static int open_fixture(void **state) {
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture_open(fixture);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state) {
    fixture_close(*state);
    free(*state);
    return 0;
}

typedef struct Expected {
    const char *sql;
    const char *engine;
    const char *rule;
    const char *class;
} Expected;

static void expect_routes(Fixture *fixture, const Expected *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        Error err = {0};
        Decision *decision = route_as(fixture, cases[i].sql, NULL, &err);
        if (!decision) fail_msg("%s: %s %s", cases[i].sql, err.sqlstate, err.message);
        if (strcmp(decision->engine->name, cases[i].engine) || strcmp(decision->rule, cases[i].rule) ||
            strcmp(statement_class_name(decision->class), cases[i].class))
            fail_msg("%s: %s %s %s (%s)", cases[i].sql, decision->engine->name, decision->rule,
                     statement_class_name(decision->class), decision->reason);
        assert_non_null(decision->plan);
        assert_true(strlen(decision->reason) > 10);
        assert_ptr_equal(decision->plan->statement, decision->statement);
        decision_release(decision);
    }
}

static void test_routes_each_class(void **state) {
    static const Expected cases[] = {
        {"SELECT * FROM users WHERE id = 42", "postgres", "point-lookup", "point_lookup"},
        {"SELECT * FROM users WHERE id = $1", "postgres", "point-lookup", "point_lookup"},
        {"SELECT * FROM users u WHERE $1::bigint = u.id AND age > 3", "postgres", "point-lookup",
         "point_lookup"},
        {"SELECT name FROM public.users WHERE email = 'a@b.c' LIMIT 1", "postgres", "point-lookup",
         "point_lookup"},
        {"SELECT * FROM pair WHERE b = 1 AND a = 2", "postgres", "point-lookup", "point_lookup"},
        {"SELECT * FROM pair WHERE a = 2", "postgres", "indexed-range", "indexed_range"},
        {"SELECT * FROM users WHERE id IN (1, 2, 3)", "postgres", "indexed-range", "indexed_range"},
        {"SELECT * FROM users WHERE country = 'FR'", "postgres", "indexed-range", "indexed_range"},
        {"SELECT * FROM users WHERE id > 10 LIMIT 5", "postgres", "indexed-range", "indexed_range"},
        {"SELECT * FROM users WHERE id = 42 OR age = 3", "postgres", "only-eligible", "scan"},
        {"SELECT * FROM users WHERE id = id", "postgres", "only-eligible", "scan"},
        {"SELECT * FROM users WHERE id IN (42)", "postgres", "point-lookup", "point_lookup"},
        {"SELECT * FROM users WHERE id = 40 + $1", "postgres", "point-lookup", "point_lookup"},
        {"SELECT * FROM users WHERE email = lower('A')", "postgres", "point-lookup", "point_lookup"},
        {"SELECT * FROM users WHERE (name, id) = ('x', 42)", "postgres", "point-lookup", "point_lookup"},
        {"SELECT * FROM users WHERE id = 42.5", "postgres", "only-eligible", "scan"},
        {"SELECT * FROM users WHERE id = 42::numeric", "postgres", "only-eligible", "scan"},
        {"SELECT * FROM users AS u (name, id) WHERE id = 'x'", "postgres", "only-eligible", "scan"},
        {"SELECT * FROM users WHERE id = 1 OR id IN (2, 3)", "postgres", "indexed-range", "indexed_range"},
        {"SELECT * FROM users WHERE id = 1 OR id > 3", "postgres", "only-eligible", "scan"},
        {"SELECT * FROM users WHERE id = ANY($1)", "postgres", "indexed-range", "indexed_range"},
        {"SELECT * FROM users WHERE id = ANY('{1,2}'::bigint[])", "postgres", "indexed-range",
         "indexed_range"},
        {"SELECT * FROM users WHERE id <> ANY($1)", "postgres", "only-eligible", "scan"},
        {"SELECT * FROM users WHERE id BETWEEN 5 AND 10", "postgres", "indexed-range", "indexed_range"},
        {"SELECT * FROM users WHERE 5 < id AND id <= 10", "postgres", "indexed-range", "indexed_range"},
        {"SELECT * FROM users WHERE id BETWEEN 5 AND 99999", "postgres", "only-eligible", "scan"},
        {"SELECT * FROM users WHERE id > 5 ORDER BY age LIMIT 5", "postgres", "only-eligible", "scan"},
        {"SELECT * FROM users WHERE id > 5 ORDER BY id LIMIT 5", "postgres", "indexed-range",
         "indexed_range"},
        {"SELECT * FROM users WHERE id > 5 LIMIT 5 OFFSET 99999", "postgres", "only-eligible", "scan"},
        {"SELECT * FROM users TABLESAMPLE SYSTEM (1)", "postgres", "session-home", "session"},
        {"CREATE TEMP TABLE fresh (a int)", "postgres", "session-home", "session"},
        {"SELECT * INTO TEMP fresh FROM users", "postgres", "session-home", "session"},
        {"SELECT harmless(id) FROM users", "postgres", "only-eligible", "scan"},
        {"SELECT writes(id) FROM users", "postgres", "session-home", "session"},
        {"SELECT * FROM users WHERE id = NULL", "postgres", "only-eligible", "scan"},
        {"SELECT * FROM pair WHERE b = 2", "postgres", "only-eligible", "scan"},
        {"SELECT count(*) FROM users WHERE id = 42", "postgres", "only-eligible", "aggregate"},
        {"SELECT DISTINCT country FROM users", "postgres", "only-eligible", "aggregate"},
        {"SELECT origin, count(*), avg(delay) FROM flights GROUP BY origin ORDER BY 2 DESC LIMIT 10",
         "columnar", "only-eligible", "aggregate"},
        {"SELECT row_number() OVER (ORDER BY delay) FROM flights", "columnar", "only-eligible", "aggregate"},
        {"SELECT * FROM zipcodes WHERE zip = '90210'", "mysql", "point-lookup", "point_lookup"},
        {"SELECT * FROM flights f JOIN airports a ON f.origin = a.iata", "columnar", "federated",
         "federated"},
        {"SELECT (SELECT max(iata) FROM airports) FROM flights", "columnar", "federated", "federated"},
        {"SELECT * FROM airports, zipcodes", "columnar", "federated", "federated"},
        {"SELECT * FROM users a JOIN users b ON a.id = b.id", "postgres", "only-eligible", "join"},
        {"SELECT 1", "postgres", "default-engine", "constant"},
        {"VALUES (1), (2)", "postgres", "default-engine", "constant"},
        {"SELECT search('a b', 'a')", "columnar", "default-engine", "constant"},
        {"SELECT random()", "postgres", "session-home", "session"},
        {"SELECT my_function(1)", "postgres", "session-home", "session"},
        {"SELECT *, random() FROM users", "postgres", "session-home", "session"},
        {"SELECT * FROM users WHERE id = 1 FOR UPDATE", "postgres", "session-home", "session"},
        {"BEGIN; SELECT 1; COMMIT", "postgres", "session-home", "session"},
        {"SET search_path = x", "postgres", "session-home", "session"},
        {"SELECT set_config('a.b', 'c', false)", "postgres", "session-home", "session"},
        {"INSERT INTO users VALUES (1)", "postgres", "write-home", "write"},
        {"WITH x AS (DELETE FROM users RETURNING *) SELECT * FROM x", "postgres", "write-home", "write"},
        {"INSERT INTO flights SELECT iata, 1 FROM airports", "columnar", "write-home", "write"},
        {"UPDATE zipcodes SET city = 'x' WHERE zip = '1'", "mysql", "write-home", "write"},
        {"CREATE TABLE fresh (a int)", "postgres", "ddl-home", "ddl"},
        {"CREATE TABLE columnar.fresh (a int)", "columnar", "ddl-home", "ddl"},
        {"CREATE TABLE fresh AS SELECT * FROM flights", "columnar", "ddl-home", "ddl"},
        {"DROP TABLE flights", "columnar", "ddl-home", "ddl"},
        {"TRUNCATE zipcodes", "mysql", "ddl-home", "ddl"},
        {"SELECT relname FROM pg_class", "postgres", "system-catalog", "scan"},
        {"SELECT * FROM information_schema.tables", "postgres", "system-catalog", "scan"},
        {"EXPLAIN SELECT * FROM flights", "columnar", "only-eligible", "scan"},
        {"EXPLAIN ANALYZE SELECT * FROM users WHERE id = 1", "postgres", "point-lookup", "point_lookup"},
        {"WITH users AS (SELECT * FROM flights) SELECT * FROM users", "columnar", "only-eligible", "scan"},
        {"WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t",
         "postgres", "default-engine", "constant"},
        {"WITH users AS (SELECT * FROM users) SELECT * FROM users", "postgres", "only-eligible", "scan"},
        {"WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b", "postgres", "default-engine",
         "constant"},
        {"WITH users AS (SELECT 1 AS id) INSERT INTO flights SELECT 'x', id FROM users", "columnar",
         "write-home", "write"},
        {"WITH users AS (SELECT 1 AS id) DELETE FROM users", "postgres", "write-home", "write"},
        {"SELECT * FROM users u WHERE id = 1 FOR UPDATE OF u", "postgres", "session-home", "session"},
        {"SELECT id, (WITH flights AS (SELECT 1 AS x) SELECT x FROM flights) FROM users", "postgres",
         "only-eligible", "scan"},
        {"SELECT * FROM users WHERE id IN (SELECT delay FROM flights)", "columnar", "federated", "federated"},
        {"EXPLAIN INSERT INTO users VALUES (1)", "postgres", "write-home", "write"},
        {"MERGE INTO users u USING pair p ON u.id = p.a WHEN MATCHED THEN DELETE", "postgres", "write-home",
         "write"},
    };
    expect_routes(*state, cases, sizeof cases / sizeof *cases);
}

typedef struct ExpectedError {
    const char *sql;
    const char *engine;
    const char *sqlstate;
    int position;
    const char *text; /* part of the message, detail or hint */
} ExpectedError;

static void expect_errors(Fixture *fixture, const ExpectedError *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        Error err = {0};
        Decision *decision = route_as(fixture, cases[i].sql, cases[i].engine, &err);
        if (decision) fail_msg("%s went to %s", cases[i].sql, decision->engine->name);
        bool said = strstr(err.message, cases[i].text) || strstr(err.detail, cases[i].text) ||
                    strstr(err.hint, cases[i].text);
        if (strcmp(err.sqlstate, cases[i].sqlstate) || err.position != cases[i].position || !said)
            fail_msg("%s: %s at %d: %s | %s | %s", cases[i].sql, err.sqlstate, err.position, err.message,
                     err.detail, err.hint);
    }
}

/* Unqualified names are looked for in every schema of an engine's search path, the first that has one wins.
 */
static void test_search_path(void **state) {
    Fixture *fixture = *state;
    static const char *const path[] = {"nowhere", "sales", "archive"};
    TableDesc tables[3] = {postgres_tables[4], postgres_tables[4], postgres_tables[0]};
    tables[0].schema = "archive"; /* sales.orders is found before it, in whatever order they are told */
    Error err = {0};
    fixture->postgres.tables = tables;
    fixture->postgres.table_count = 3;
    assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
    assert_null(route_as(fixture, "SELECT * FROM orders WHERE a = 1", NULL, &err));
    assert_string_equal(err.sqlstate, SQLSTATE_UNDEFINED_TABLE);
    fixture->postgres.next_schemas = path;
    fixture->postgres.next_schema_count = 3;
    for (int swapped = 0; swapped < 2; swapped++) {
        tables[0].schema = swapped ? "sales" : "archive";
        tables[1].schema = swapped ? "archive" : "sales";
        assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
        Decision *decision = route_as(fixture, "SELECT * FROM orders WHERE a = 1", NULL, &err);
        if (!decision) fail_msg("%s", err.message);
        assert_string_equal(decision->engine->name, "postgres");
        assert_string_equal(fixture->postgres.last_bindings[0].table->schema, "sales");
        decision_release(decision);
    }
    tables[0].schema = "public"; /* the default comes first */
    assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
    Decision *decision = route_as(fixture, "SELECT * FROM orders WHERE a = 2", NULL, &err);
    assert_non_null(decision);
    assert_string_equal(fixture->postgres.last_bindings[0].table->schema, "public");
    decision_release(decision);
}

static void test_tells_what_is_wrong(void **state) {
    static const ExpectedError cases[] = {
        {"SELECT 'äöü' FORM x", NULL, "42601", 19, "syntax error"},
        {"SELECT", "nowhere", "SB002", 0, "columnar"},
        {"SELECT * FROM", NULL, "42601", 14, "syntax error at end of input"},
        {"", NULL, "42601", 0, "empty"},
        {" -- nothing", NULL, "42601", 0, "empty"},
        {"SELECT 'ä', * FROM flihgts", NULL, "42P01", 20, "Did you mean columnar.public.flights?"},
        {"SELECT * FROM orders", NULL, "42P01", 15, "sales.orders"},
        {"SELECT * FROM nowhere.public.users", NULL, "42P01", 15, "is an engine"},
        {"WITH b AS (SELECT * FROM a), a AS (SELECT 1) SELECT * FROM b", NULL, "42P01", 26,
         "\"a\" does not exist"},
        {"SELECT * FROM twin", NULL, "42P09", 15, "postgres.public.twin, columnar.public.twin"},
        {"SELECT * FROM public.twin", NULL, "42P09", 15, "in several engines"},
        {"SELECT * FROM flights", "postgres", "SB003", 0, "table flights is in columnar"},
        {"SELECT * FROM users", "columnar", "SB003", 0, "table users is in postgres"},
        {"/*+ engine(mysql) */ SELECT * FROM users", NULL, "SB003", 0, "table users is in postgres"},
        {"SELECT 1", "oracle", "SB002", 0, "postgres, mysql, columnar"},
        {"BEGIN; SELECT * FROM flights; COMMIT", NULL, "SB001", 0, "several statements in one request"},
        {"SELECT * FROM pg_class, flights", NULL, "SB001", 0, "catalogs are PostgreSQL's"},
        {"INSERT INTO users SELECT 1 FROM flights", NULL, "SB001", 0, "table flights is in columnar"},
        {"SELECT \xff", NULL, "22021", 8, "UTF-8"},
    };
    expect_errors(*state, cases, sizeof cases / sizeof *cases);
}

static const char *engine_chosen(Fixture *fixture, const char *sql, const char *body, const char *header) {
    RouteRequest request = {.sql = sql, .sql_length = strlen(sql), .engine = body, .header_engine = header};
    Decision *decision = NULL;
    RouteTiming timing;
    Error err = {0};
    if (router_decide(fixture->router, &request, &decision, &timing, &err) != STATUS_OK) return "";
    const char *name = decision->engine->name;
    decision_release(decision);
    return name;
}

static void test_body_beats_comment_beats_header(void **state) {
    Fixture *fixture = *state;
    const char *hinted = "/*+ engine(mysql) */ SELECT 1", *plain = "SELECT 1";
    assert_string_equal(engine_chosen(fixture, hinted, NULL, NULL), "mysql");
    assert_string_equal(engine_chosen(fixture, hinted, "postgres", "columnar"), "postgres");
    assert_string_equal(engine_chosen(fixture, hinted, NULL, "columnar"), "mysql");
    assert_string_equal(engine_chosen(fixture, hinted, "auto", "columnar"), "mysql");
    assert_string_equal(engine_chosen(fixture, plain, NULL, "columnar"), "columnar");
    assert_string_equal(engine_chosen(fixture, plain, "auto", NULL), "postgres");
    assert_string_equal(engine_chosen(fixture, "SELECT count(*) FROM twin", "columnar", NULL), "columnar");
    assert_string_equal(engine_chosen(fixture, "SELECT count(*) FROM twin", "postgres", NULL), "postgres");
}

static void test_warns_of_unknown_hints(void **state) {
    Error err = {0};
    Decision *decision = route_as(*state, "/*+ parallel(4) engine(mysql) */ SELECT 1", NULL, &err);
    assert_non_null(decision);
    assert_string_equal(decision->engine->name, "mysql");
    assert_non_null(strstr(decision->warning, "parallel(4)"));
    decision_release(decision);
    decision = route_as(*state, "/*+ engine(mysql) */ SELECT 1", NULL, &err);
    assert_null(decision->warning);
    decision_release(decision);
}

static void test_takes_engine_names_off(void **state) {
    Fixture *fixture = *state;
    static const struct {
        const char *sql, *sent;
    } cases[] = {
        {"SELECT postgres.public.users.id FROM postgres.public.users",
         "SELECT          public.users.id FROM          public.users"},
        {"SELECT * FROM \"postgres\" . users u", "SELECT * FROM              users u"},
        {"SELECT postgres.users.* FROM postgres.users", "SELECT          users.* FROM          users"},
        {"DROP TABLE IF EXISTS postgres.users", "DROP TABLE IF EXISTS          users"},
        {"UPDATE postgres.users SET name = 'postgres.users'",
         "UPDATE          users SET name = 'postgres.users'"},
        {"SELECT * FROM postgres.twin", "SELECT * FROM          twin"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error err = {0};
        Decision *decision = route_as(fixture, cases[i].sql, NULL, &err);
        if (!decision) fail_msg("%s: %s", cases[i].sql, err.message);
        assert_string_equal(decision->engine->name, "postgres");
        assert_string_equal(decision->statement->sql, cases[i].sent);
        assert_int_equal(decision->statement->binding_count, 1);
        assert_null(decision->statement->bindings[0].written_catalog);
        decision_release(decision);
    }
}

static void test_keeps_names_across_engines(void **state) {
    Fixture *fixture = *state;
    Error err = {0};
    const char *sql = "SELECT * FROM postgres.twin a JOIN columnar.twin b ON a.iata = b.origin";
    Decision *decision = route_as(fixture, sql, NULL, &err);
    assert_non_null(decision);
    assert_string_equal(decision->engine->name, "columnar");
    assert_string_equal(decision->statement->sql, sql);
    assert_int_equal(decision->statement->binding_count, 2);
    assert_string_equal(decision->statement->bindings[0].written_schema, "postgres");
    assert_ptr_equal(decision->statement->bindings[0].engine, fixture->engines[0]);
    assert_ptr_equal(decision->statement->bindings[1].engine, fixture->engines[2]);
    decision_release(decision);
}

static void test_chooses_by_cost(void **state) {
    Fixture *fixture = *state;
    Error err = {0};
    fixture->columnar.declines = "not today";
    fixture->postgres.cost_ms = 5;
    fixture->mysql.cost_ms = 2;
    Decision *decision = route_as(fixture, "SELECT 2", NULL, &err);
    assert_string_equal(decision->engine->name, "postgres"); /* although mysql is cheaper */
    assert_string_equal(decision->candidates[2].verdict.why, "not today");
    assert_string_equal(decision->candidates[1].verdict.why, "postgres comes first by rule default-engine");
    decision_release(decision);
}

static void test_says_who_is_down(void **state) {
    Fixture *fixture = *state;
    Error err = {0};
    fixture->postgres.up = false;
    router_tick(fixture->router);
    assert_null(route_as(fixture, "SELECT * FROM users WHERE id = 1", NULL, &err));
    assert_string_equal(err.sqlstate, SQLSTATE_ENGINE_DOWN);
    assert_string_equal(err.message, "engine postgres is down: connection refused");
    assert_null(route_as(fixture, "SELECT 1", "postgres", &err));
    assert_string_equal(err.sqlstate, SQLSTATE_ENGINE_DOWN);
    Decision *decision = route_as(fixture, "SELECT 1", NULL, &err);
    assert_string_equal(decision->engine->name, "columnar");
    assert_string_equal(decision->candidates[0].verdict.why, "engine is down: connection refused");
    decision_release(decision);
    fixture->postgres.up = true;
    router_tick(fixture->router);
    decision = route_as(fixture, "SELECT * FROM users WHERE id = 1", NULL, &err);
    assert_string_equal(decision->engine->name, "postgres");
    decision_release(decision);
}

static void test_cached_decision_follows_health(void **state) {
    Fixture *fixture = *state;
    assert_string_equal(engine_chosen(fixture, "SELECT 1", NULL, NULL), "postgres");
    fixture->postgres.up = false;
    router_tick(fixture->router);
    assert_string_equal(engine_chosen(fixture, "SELECT 1", NULL, NULL), "columnar");
}

static void test_passes_on_an_engines_error(void **state) {
    Fixture *fixture = *state;
    Error err = {0};
    fixture->columnar.fails_with = "column \"nope\" does not exist";
    assert_null(route_as(fixture, "SELECT nope FROM flights", NULL, &err));
    assert_string_equal(err.sqlstate, "42703");
    assert_int_equal(err.position, 8);
    fixture->columnar.fails_with = NULL;
    fixture->columnar.declines = "function f() is not available in the columnar engine";
    assert_null(route_as(fixture, "SELECT f(delay) FROM flights", NULL, &err));
    assert_string_equal(err.sqlstate, SQLSTATE_NO_ENGINE);
    assert_non_null(strstr(err.message, "f() is not available"));
    assert_non_null(strstr(err.detail, "postgres: table flights is in columnar"));
    fixture->columnar.declines_state = "42883";
    assert_null(route_as(fixture, "SELECT f(delay) FROM flights", NULL, &err));
    assert_string_equal(err.sqlstate, "42883");
}

static void test_traits(void **state) {
    Error err = {0};
    Decision *decision = route_as(*state, "SELECT * FROM users WHERE id = $3", NULL, &err);
    assert_true(decision->result_rows_small && decision->repeatable && !decision->changes_schema);
    assert_int_equal(decision->statement->param_count, 3);
    assert_int_equal(decision->max_rows_hint, 1);
    decision_release(decision);
    decision = route_as(*state, "CREATE INDEX ON users (age)", NULL, &err);
    assert_true(decision->changes_schema && !decision->repeatable);
    assert_string_equal(decision->engine->name, "postgres");
    decision_release(decision);
    decision = route_as(*state, "SELECT now(), count(*) FROM flights LIMIT 7", NULL, &err);
    assert_true(decision->repeatable && !decision->result_rows_small);
    assert_int_equal(decision->max_rows_hint, 7);
    decision_release(decision);
}

/* Engines may rightly differ in what such reads answer, so a difference would accuse nobody. */
static void test_what_can_be_compared(void **state) {
    static const struct {
        const char *sql;
        bool comparable;
    } cases[] = {
        {"SELECT origin, count(*), sum(delay) FROM flights GROUP BY origin ORDER BY 1", true},
        {"SELECT DISTINCT origin FROM flights", true},
        {"SELECT origin, age(timestamp '2020-01-01', timestamp '2019-01-01') FROM flights", true},
        {"SELECT origin, rank() OVER (ORDER BY delay) FROM flights", true},
        {"SELECT now(), count(*) FROM flights", false},
        {"SELECT count(*), current_timestamp FROM flights", false},
        {"SELECT current_date - 1 FROM flights", false},
        {"SELECT age(timestamp '2020-01-01') FROM flights", false},
        {"SELECT sum(delay) FROM (SELECT delay FROM flights LIMIT 10) f", false},
        {"SELECT DISTINCT ON (origin) origin, delay FROM flights", false},
        {"SELECT array_agg(delay) FROM flights", false},
        {"SELECT row_number() OVER () FROM flights", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error err = {0};
        Decision *decision = route_as(*state, cases[i].sql, NULL, &err);
        if (!decision) fail_msg("%s: %s", cases[i].sql, err.message);
        if (decision->comparable != cases[i].comparable) fail_msg("%s", cases[i].sql);
        decision_release(decision);
    }
}

static void test_reasons(void **state) {
    static const struct {
        const char *sql, *reason;
    } cases[] = {
        {"SELECT * FROM users WHERE id = 42", "users(id) is unique, so postgres finds at most one row out of "
                                              "about 100,000 by index, in about 1.0 ms"},
        {"SELECT * FROM users WHERE country = 'FR'",
         "an index on users(country) leads postgres to about 2,000 rows, in about 1.0 ms"},
        {"SELECT origin, count(*) FROM flights GROUP BY 1",
         "an aggregate over flights (columnar, 3,000,000 rows): only columnar can run it, in about 1.0 ms"},
        {"SELECT * FROM flights f JOIN airports a ON f.origin = a.iata",
         "tables of several engines: flights (columnar, 3,000,000 rows) and airports (postgres, 3,376 rows); "
         "columnar reads the "
         "others' and answers in about 1.0 ms"},
        {"INSERT INTO users VALUES (1)", "users is written where it lives: postgres"},
        {"BEGIN; COMMIT", "2 statements in one request run whole, in one postgres session"},
        {"SELECT 1", "no table is read; postgres answers in about 1.0 ms, mysql 1.0 ms"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error err = {0};
        Decision *decision = route_as(*state, cases[i].sql, NULL, &err);
        assert_non_null(decision);
        assert_string_equal(decision->reason, cases[i].reason);
        assert_int_equal(decision->candidate_count, 3);
        decision_release(decision);
    }
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

/* What MySQL's dialect cannot say is done over its rows, unless it belongs to a session. */
static void test_pulls_what_a_dialect_declines(void **state) {
    Fixture *fixture = *state;
    Error err = {0};
    fixture->mysql.declines = "a window function cannot be written";
    Decision *decision = route_as(fixture, "SELECT rank() OVER (ORDER BY zip) FROM zipcodes", NULL, &err);
    assert_non_null(decision);
    assert_string_equal(decision->engine->name, "columnar");
    assert_ptr_equal(fixture->columnar.last_bindings[0].engine, &fixture->mysql.base);
    decision_release(decision);
    assert_null(route_as(fixture, "SELECT * FROM zipcodes FOR UPDATE", NULL, &err));
    assert_string_equal(err.sqlstate, SQLSTATE_NO_ENGINE);
    assert_null(route_as(fixture, "UPDATE zipcodes SET city = 'x'", NULL, &err));
    assert_null(route_as(fixture, "SELECT harmless(1) FROM zipcodes", NULL, &err));
    fixture->mysql.declines_state = "42703";
    assert_null(route_as(fixture, "SELECT no_such FROM zipcodes", NULL, &err));
    assert_string_equal(err.sqlstate, "42703");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_routes_each_class),
        WITH_FIXTURE(test_search_path),
        WITH_FIXTURE(test_tells_what_is_wrong),
        WITH_FIXTURE(test_body_beats_comment_beats_header),
        WITH_FIXTURE(test_warns_of_unknown_hints),
        WITH_FIXTURE(test_takes_engine_names_off),
        WITH_FIXTURE(test_keeps_names_across_engines),
        WITH_FIXTURE(test_chooses_by_cost),
        WITH_FIXTURE(test_says_who_is_down),
        WITH_FIXTURE(test_cached_decision_follows_health),
        WITH_FIXTURE(test_passes_on_an_engines_error),
        WITH_FIXTURE(test_traits),
        WITH_FIXTURE(test_what_can_be_compared),
        WITH_FIXTURE(test_reasons),
        WITH_FIXTURE(test_pulls_what_a_dialect_declines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
