/* Which answers may be kept, and which texts ask for the same one. */
#include "tests/unit/router/fake_engine.h"

#include "router/result_key.h"

static const ColumnDesc events_columns[] = {
    FAKE_COLUMN("id", SQL_INT8, "int8", -1),           FAKE_COLUMN("at", SQL_TIMESTAMPTZ, "timestamptz", -1),
    FAKE_COLUMN("day", SQL_DATE, "date", -1),          FAKE_COLUMN("said", SQL_TEXT, "text", -1),
    FAKE_COLUMN("amount", SQL_NUMERIC, "numeric", -1), FAKE_COLUMN("date", SQL_TIMESTAMP, "timestamp", -1)};
static const ColumnDesc notes_columns[] = {FAKE_COLUMN("day", SQL_TEXT, "text", -1),
                                           FAKE_COLUMN("id", SQL_INT8, "int8", -1)};
static const TableDesc tables[] = {
    {.schema = "public", .name = "events", .kind = "table", .columns = events_columns, .column_count = 6},
    {.schema = "public", .name = "notes", .kind = "table", .columns = notes_columns, .column_count = 2},
    {.schema = "public", .name = "seen", .kind = "view", .columns = notes_columns, .column_count = 2},
    {.schema = "public", .name = "far", .kind = "foreign table", .columns = notes_columns, .column_count = 2},
    {.schema = "public",
     .name = "parts",
     .kind = "partitioned table",
     .columns = notes_columns,
     .column_count = 2},
};

static int open_fixture(void **state) {
    Fixture *fixture = calloc(1, sizeof *fixture);
    Error err = {0};
    fixture_open(fixture);
    fixture->columnar.tables = tables;
    fixture->columnar.table_count = 5;
    assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state) {
    fixture_close(*state);
    free(*state);
    return 0;
}

static Decision *decide(Fixture *fixture, const char *sql) {
    Error err = {0};
    Decision *decision = route_as(fixture, sql, NULL, &err);
    if (!decision) fail_msg("%s: %s", sql, err.message);
    return decision;
}

static void may_be_kept(void **state) {
    static const char *const kept[] = {
        "SELECT count(*) FROM events",
        "SELECT day, sum(amount) FROM events WHERE said LIKE '%snow%' GROUP BY day",
        "SELECT at::date, date::date, 'x'::text FROM events",
        "SELECT date_trunc('day', at)::date FROM events WHERE at >= '2024-01-01' AND day < $1::date",
        "SELECT (max(at) + interval '1 day')::date FROM events",
        "SELECT age(at, '2020-01-01') FROM events",
        "WITH d AS (SELECT at::date AS x FROM events) SELECT x, count(*) FROM d GROUP BY x",
        "SELECT lower(said) FROM events e JOIN notes n ON n.id = e.id ORDER BY 1 LIMIT 3",
        "SELECT * FROM parts",
    };
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        Decision *decision = decide(*state, kept[i]);
        if (!decision->result_key) fail_msg("not kept: %s", kept[i]);
        decision_release(decision);
    }
}

static void may_not_be_kept(void **state) {
    static const char *const moving[] = {
        "SELECT 1",
        "SELECT now(), id FROM events",
        "SELECT current_date - day FROM events",
        "SELECT current_user, id FROM events",
        "SELECT * FROM events WHERE at > 'yesterday'",
        "SELECT * FROM events WHERE at > timestamptz ' TODAY 10:00'",
        "SELECT * FROM events WHERE day = 'tomorrow'::date",
        "SELECT said::timestamp FROM events",
        "SELECT cast(said || '' AS date) FROM events",
        "SELECT n.day::date FROM notes n",
        "SELECT e.day::date FROM events e, notes n",                /* whose? */
        "SELECT x.at::date FROM (SELECT said AS at FROM events) x", /* a text by that name */
        "SELECT at::date FROM (SELECT min(said) FROM events) AS x(at)",
        "SELECT id::date FROM (SELECT lower(said) AS id FROM events) e",
        "SELECT age(at) FROM events",
        "SELECT random(), id FROM events",
        "SELECT current_setting('TimeZone'), id FROM events",
        "SELECT version(), id FROM events",
        "SELECT id FROM events WHERE said @@ 'word'",
        "SELECT someones(id) FROM events",
        "SELECT public.lower(said) FROM events",
        "SELECT id::mood FROM events",
        "SELECT 'pg_class'::regclass FROM events",
        "SELECT * FROM seen",
        "SELECT * FROM far",
        "SELECT * FROM events, pg_class",
        "SELECT * FROM events TABLESAMPLE system (10)",
        "SELECT * FROM events, read_csv('/x.csv')",
        "SELECT * FROM json_to_record('{}') AS x(a timestamp), events",
        "EXPLAIN SELECT * FROM events",
        "SELECT * FROM users WHERE id = 1 FOR UPDATE",
        "INSERT INTO users (id) VALUES (1)",
    };
    for (size_t i = 0; i < sizeof moving / sizeof *moving; i++) {
        Error err = {0};
        Decision *decision = route_as(*state, moving[i], NULL, &err);
        if (decision && decision->result_key) fail_msg("kept: %s", moving[i]);
        decision_release(decision);
    }
}

static bool same_key(Fixture *fixture, const char *left, const char *right) {
    Decision *one = decide(fixture, left), *other = decide(fixture, right);
    assert_non_null(one->result_key);
    assert_non_null(other->result_key);
    bool same = one->result_key_bytes == other->result_key_bytes &&
                memcmp(one->result_key, other->result_key, one->result_key_bytes) == 0;
    decision_release(one);
    decision_release(other);
    return same;
}

static void same_texts(void **state) {
    static const char *const base = "SELECT id, 'A b' FROM events WHERE id = 1 -- why";
    static const char *const same[] = {"select ID,'A b'from Events where id=1",
                                       "/* x */ SELECT id , 'A b'\nFROM events WHERE id = 1 ;"};
    static const char *const other[] = {
        "SELECT id, 'a b' FROM events WHERE id = 1",     "SELECT id, 'A  b' FROM events WHERE id = 1",
        "SELECT id, 'A b' FROM events WHERE id = 2",     "SELECT id, 'A b' FROM events WHERE id = 1.0",
        "SELECT id, 'A b' FROM events WHERE \"id\" = 1", "SELECT id, E'A b' FROM events WHERE id = 1",
        "SELECT id, 'A b' FROM events WHERE id = - 1"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_true(same_key(*state, base, same[i]));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (same_key(*state, base, other[i])) fail_msg("the same as: %s", other[i]);
}

static void clocks(void **state) {
    static const char *const told[] = {
        "now", "NOW", " today ", "today 10:00", "x,Tomorrow", "yesterday04:05", "{now}"};
    static const char *const silent[] = {"",          "snow",     "nowhere", "2024-01-01",
                                         "knowtoday", "infinity", "to day"};
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        assert_true(result_key_names_clock(told[i], strlen(told[i])));
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        assert_false(result_key_names_clock(silent[i], strlen(silent[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(may_be_kept),
        cmocka_unit_test(may_not_be_kept),
        cmocka_unit_test(same_texts),
        cmocka_unit_test(clocks),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
