/* Literals lifted and not lifted, positions, estimates: what plan() makes of a statement. */
#include "pgfixture.h"

static Fixture shared;

static int setup(void **state) {
    if (!getenv("SIGNALBOX_TEST_PG")) return 0;
    fixture_open(&shared);
    fixture_ok(&shared, "DROP TABLE IF EXISTS pgplan_t, pgplan_u");
    fixture_ok(&shared,
               "CREATE TABLE pgplan_t (id int PRIMARY KEY, name text, day date, small int2, f float4, "
               "price numeric(8,2), at timestamptz, code varchar(5), u uuid, j jsonb, flag bool)");
    fixture_ok(&shared, "CREATE INDEX ON pgplan_t (day)");
    fixture_ok(&shared, "CREATE TABLE pgplan_u (id int8 PRIMARY KEY, name int)");
    fixture_ok(&shared, "INSERT INTO pgplan_t (id, name, day, small, f, price) SELECT i, 'n' || i, date "
                        "'2020-01-01' + i % 300, "
                        "i % 100, i / 10.0, i FROM generate_series(1, 50000) i");
    fixture_ok(&shared, "ANALYZE pgplan_t");
    fixture_describe(&shared);
    return 0;
}

static int teardown(void **state) {
    if (shared.engine) fixture_close(&shared);
    return 0;
}

static void expect_text(const char *sql, const char *sent) {
    fixture_conninfo();
    Query query;
    query_init(&query, &shared, sql);
    assert_int_equal(query.status, STATUS_OK);
    assert_non_null(query.plan);
    assert_string_equal(pgplan_of(query.plan)->pieces[0].text.sql, sent);
    query_deinit(&query);
}

static void test_lifted(void **state) {
    expect_text("SELECT * FROM pgplan_t WHERE id = 42", "SELECT * FROM pgplan_t WHERE id = ($1::int4)");
    expect_text("SELECT * FROM pgplan_t WHERE id=-42 AND 5<small",
                "SELECT * FROM pgplan_t WHERE id=($1::int4) AND ($2::int4)<small");
    expect_text("SELECT 1, 'a' FROM pgplan_t WHERE name = 'it''s' LIMIT 10 OFFSET 5",
                "SELECT 1, 'a' FROM pgplan_t WHERE name = $1 LIMIT ($2::int4) OFFSET ($3::int4)");
    expect_text(
        "SELECT * FROM pgplan_t WHERE id IN (1, 2,3) AND day BETWEEN '2020-01-02' AND '2020-02-01'",
        "SELECT * FROM pgplan_t WHERE id IN (($1::int4), ($2::int4),($3::int4)) AND day BETWEEN $4 AND $5");
    expect_text(
        "SELECT * FROM pgplan_t WHERE price > 1.50 AND id < 3000000000 AND f = 0.1",
        "SELECT * FROM pgplan_t WHERE price > ($1::numeric) AND id < ($2::int8) AND f = ($3::numeric)");
    expect_text("SELECT * FROM pgplan_t WHERE id = $1 AND name = 'é' AND id > 7",
                "SELECT * FROM pgplan_t WHERE id = $1 AND name = $2 AND id > ($3::int4)");
    expect_text("INSERT INTO pgplan_t (id, name, j) VALUES (1, 'a', '{}'), (2, 'b', NULL)",
                "INSERT INTO pgplan_t (id, name, j) VALUES (($1::int4), $2, '{}'), (($3::int4), $4, NULL)");
    expect_text("UPDATE pgplan_t SET name = 'z', price = 2.5 WHERE id = 9",
                "UPDATE pgplan_t SET name = $1, price = ($2::numeric) WHERE id = ($3::int4)");
    expect_text("DELETE FROM pgplan_t WHERE u = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
                "DELETE FROM pgplan_t WHERE u = $1");
    expect_text("SELECT * FROM pgplan_t WHERE at >= '2020-01-01 10:00:00'",
                "SELECT * FROM pgplan_t WHERE at >= $1");
    expect_text("SELECT * FROM postgres.public.pgplan_t WHERE id = 1",
                "SELECT * FROM public.pgplan_t WHERE id = ($1::int4)");
    expect_text("SELECT * FROM \"postgres\" . public.pgplan_t", "SELECT * FROM  public.pgplan_t");
}

static void test_not_lifted(void **state) {
    static const char *const same[] = {
        "SELECT * FROM pgplan_t WHERE flag AND.5 = price",
        "SELECT * FROM pgplan_t WHERE name = E'a\\n'",
        "SELECT * FROM pgplan_t WHERE name = $$a$$",
        "SELECT * FROM pgplan_t WHERE name = 'a'\n'b'",
        "SELECT * FROM pgplan_t WHERE day = 'yesterday'",
        "SELECT * FROM pgplan_t WHERE day = '2020-02-31'",
        "SELECT * FROM pgplan_t WHERE id = '42'",
        "SELECT * FROM pgplan_t WHERE flag = 't' AND name LIKE 'a%'",
        "SELECT * FROM pgplan_t WHERE u = 'xyz'",
        "SELECT * FROM pgplan_t t JOIN pgplan_u u ON t.id = 5 WHERE u.name = 'x'",
        "SELECT * FROM (SELECT 1 AS name) s WHERE name = 'x'",
        "SELECT name, 1 FROM pgplan_t GROUP BY name, 2 HAVING count(*) > 5 ORDER BY 1",
        "SELECT 'a' = 'b', 1 + 2 FROM pgplan_t WHERE 1 = 1 AND id = id + 1",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        expect_text(same[i], same[i]);
}

/* The same rows with and without lifting, where types make it delicate. */
static void test_same_answers(void **state) {
    fixture_conninfo();
    fixture_expect(&shared, "SELECT count(*) FROM pgplan_t WHERE f = 0.1",
                   "0"); /* float4 against a numeric literal */
    fixture_expect(&shared, "SELECT count(*) FROM pgplan_t WHERE id = 1.5", "0");
    fixture_expect(&shared, "SELECT count(*) FROM pgplan_t WHERE small = 100000", "0");
    fixture_expect(&shared, "SELECT count(*) FROM pgplan_t WHERE id < 3000000000", "50000");
    fixture_expect(&shared,
                   "SELECT name FROM pgplan_t WHERE id IN (3, 1) AND price >= -1 ORDER BY id DESC LIMIT 1",
                   "n3");
    fixture_expect(&shared, "SELECT count(*) FROM pgplan_t WHERE day BETWEEN '2020-01-02' AND '2020-01-02'",
                   "167");
}

/* Positions count characters of the text the user wrote. */
static void test_positions(void **state) {
    fixture_conninfo();
    fixture_expect_error(&shared, "SELECT id FROM pgplan_t WHERE id = 1000 AND name = 'ééé' AND nosuch = 1",
                         "42703", 62);
    fixture_expect_error(&shared, "SELECT nosuch FROM pgplan_t WHERE id = 1", "42703", 8);
    fixture_expect_error(&shared, "SELECT id FROM postgres.public.pgplan_t WHERE nosuch = 1", "42703", 47);
    fixture_expect_error(&shared, "SELECT * FROM pgplan_t WHERE id = '4x'", "22P02", 35);
    fixture_expect_error(&shared, "SELECT 1;\n  SELECT 'é', nosuch;", "42703", 25);
    fixture_expect_error(&shared, "INSERT INTO pgplan_t (id, j) VALUES (7, 8)", "42804", 41);
    fixture_expect_error(&shared, "INSERT INTO pgplan_t (id, code) VALUES (70001, 'toolong')", "22001", 0);
}

static EngineVerdict verdict_of(const char *sql, bool *fast_lane) {
    Query query;
    query_init(&query, &shared, sql);
    assert_int_equal(query.status, STATUS_OK);
    EngineVerdict verdict = query.verdict;
    *fast_lane = query.plan && query.plan->fast_lane;
    query_deinit(&query);
    return verdict;
}

static double cost_of(const char *sql, bool fast_expected) {
    bool fast_lane;
    EngineVerdict verdict = verdict_of(sql, &fast_lane);
    assert_true(verdict.eligible);
    assert_int_equal(fast_lane, fast_expected);
    return verdict.estimate.cost_ms;
}

static void test_costs(void **state) {
    fixture_conninfo();
    double lookup = cost_of("SELECT * FROM pgplan_t WHERE id = 42", true);
    double parameter = cost_of("SELECT * FROM pgplan_t WHERE id = $1", true);
    double scan = cost_of("SELECT count(*), avg(price) FROM pgplan_t", false);
    double grouped = cost_of("SELECT small, count(*) FROM pgplan_t GROUP BY small", false);
    double range = cost_of("SELECT name FROM pgplan_t WHERE day = '2020-03-01'", false);
    double first = cost_of("SELECT * FROM pgplan_t LIMIT 5", false);
    double join =
        cost_of("SELECT * FROM pgplan_t t JOIN pgplan_t u ON u.small = t.day - DATE '2020-01-01'", false);
    assert_true(lookup < 1 && parameter == lookup);
    assert_true(scan > 3 && scan < 30);
    assert_true(grouped > scan);
    assert_true(range < scan && range > lookup);
    assert_true(first < 1);
    assert_true(join > scan);
    /* An index that is looked into once per row of a small side, wherever the constant is written. */
    assert_true(cost_of("SELECT * FROM pgplan_t t JOIN pgplan_u u ON u.id = t.id WHERE t.id = 5", false) <
                join / 4);
    assert_true(cost_of("SELECT * FROM pgplan_u u, pgplan_t t WHERE u.id = t.id AND u.id = 5", false) <
                join / 4);
    assert_true(cost_of("SELECT * FROM pgplan_t t, pgplan_t u", false) > join);
    assert_true(cost_of("SELECT * FROM pgplan_t t WHERE id = 5 AND id IN (SELECT id FROM pgplan_u)", false) >
                scan);
    assert_true(cost_of("INSERT INTO pgplan_t (id) VALUES (1)", true) < 1);
    assert_true(cost_of("UPDATE pgplan_t SET name = 'a' WHERE id = 5", true) < 1);
    assert_true(cost_of("DELETE FROM pgplan_t WHERE name = 'a'", false) > 1);
    (void)cost_of("SELECT * FROM pgplan_t WHERE id = 5 FOR UPDATE", false);
    (void)cost_of("SELECT pg_sleep(1) FROM pgplan_t WHERE id = 5", false);
    (void)cost_of("WITH x AS (DELETE FROM pgplan_t RETURNING id) SELECT * FROM x", false);
    (void)cost_of("SELECT set_config('a.b', 'c', false)", false);
}

static double rows_of(const char *sql) {
    bool fast_lane;
    return verdict_of(sql, &fast_lane).estimate.rows;
}

static void assert_about(double value, double expected) {
    if (value < expected / 1.3 || value > expected * 1.3) fail_msg("%g is not about %g", value, expected);
}

/* By what ANALYZE found: histograms, and values that are common. */
static void test_rows_by_statistics(void **state) {
    fixture_conninfo();
    assert_about(rows_of("SELECT * FROM pgplan_t WHERE id BETWEEN 10001 AND 10500"), 500);
    assert_about(rows_of("SELECT * FROM pgplan_t WHERE id > 40000 AND small < 50"), 5000);
    assert_about(rows_of("SELECT * FROM pgplan_t WHERE price >= 49000.5"), 1000);
    assert_about(rows_of("SELECT * FROM pgplan_t WHERE day >= '2020-01-01' AND day < date '2020-01-01' + 30"),
                 5000);
    assert_about(rows_of("SELECT * FROM pgplan_t WHERE small = 7"), 500);
    assert_about(rows_of("SELECT * FROM pgplan_t WHERE small IN (7, 8, 9)"), 1500);
    assert_about(rows_of("SELECT * FROM pgplan_t WHERE name = 'n77'"), 1);
}

static void test_probe(void **state) {
    fixture_conninfo();
    double found[ENGINE_CONSTANT_COUNT] = {0};
    Error err = {0};
    Status status = shared.engine->ops->probe(shared.engine, found, &err);
    /* It gives up in time on a slow machine: then what it has not got to stays 0. */
    assert_true(status == STATUS_OK || strcmp(err.sqlstate, SQLSTATE_QUERY_CANCELED) == 0);
    for (int i = 0; i < ENGINE_CONSTANT_COUNT && status == STATUS_OK; i++)
        assert_true(found[i] > 0);
}

static void test_refused(void **state) {
    fixture_conninfo();
    Query query;
    query_init(&query, &shared, "COPY pgplan_t FROM STDIN");
    assert_false(query.verdict.eligible);
    assert_string_equal(query.verdict.sqlstate, "0A000");
    assert_non_null(strstr(query.verdict.why, "COPY FROM STDIN"));
    query_deinit(&query);
    Engine other = {.name = "elsewhere"};
    query_init(&query, &shared, "SELECT * FROM pgplan_t");
    engine_plan_release(query.plan);
    query.bindings[0].engine = &other;
    assert_int_equal(
        postgres_engine_ops.plan(shared.engine, &query.statement, &query.verdict, &query.plan, &query.error),
        STATUS_OK);
    assert_false(query.verdict.eligible);
    assert_non_null(strstr(query.verdict.why, "elsewhere"));
    query_deinit(&query);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lifted),       cmocka_unit_test(test_not_lifted),
        cmocka_unit_test(test_same_answers), cmocka_unit_test(test_positions),
        cmocka_unit_test(test_costs),        cmocka_unit_test(test_rows_by_statistics),
        cmocka_unit_test(test_probe),        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("postgres plan", tests, setup, teardown);
}
