/* Markers of PostgreSQL's tables: equal while nothing is committed, never again after, and none where they
 * would not tell. */
#include "tests/unit/postgres/pgfixture.h"

static Fixture fixture;
static PGconn *other;

static void exec(const char *sql) {
    PGresult *result = PQexec(other, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(other));
    PQclear(result);
}

static int open_all(void **state) {
    const char *conninfo = getenv("SIGNALBOX_TEST_PG");
    if (!conninfo) return 0;
    fixture_open(&fixture);
    other = PQconnectdb(conninfo);
    exec("SET client_min_messages = warning; DROP SCHEMA IF EXISTS marked CASCADE; CREATE SCHEMA marked");
    exec("CREATE TABLE marked.plain (id int); CREATE UNLOGGED TABLE marked.loose (id int);"
         "CREATE TABLE marked.secured (id int); ALTER TABLE marked.secured ENABLE ROW LEVEL SECURITY;"
         "CREATE TABLE marked.parts (id int) PARTITION BY RANGE (id);"
         "CREATE TABLE marked.parts_1 PARTITION OF marked.parts FOR VALUES FROM (0) TO (10);"
         "CREATE MATERIALIZED VIEW marked.stored AS SELECT 1 AS id; CREATE VIEW marked.seen AS SELECT 1 AS "
         "id");
    return 0;
}

static int close_all(void **state) {
    if (!other) return 0;
    exec("DROP SCHEMA marked CASCADE");
    PQfinish(other);
    fixture_close(&fixture);
    return 0;
}

static MarkerAnswer mark(const char *name, bool to_keep, StrBuf *out) {
    TableDesc table = {.schema = "marked", .name = name};
    TableBinding binding = {.engine = fixture.engine, .table = &table};
    MarkerRequest request = {.bindings = &binding, .binding_count = 1, .may_wait = true, .to_keep = to_keep};
    strbuf_reset(out);
    return postgres_engine_ops.read_marker(fixture.engine, &request, out);
}

static bool same(const StrBuf *left, const StrBuf *right) {
    return left->length == right->length && memcmp(left->data, right->data, left->length) == 0;
}

static void moves_with_every_commit(void **state) {
    (void)fixture_conninfo();
    StrBuf before, after;
    strbuf_init(&before);
    strbuf_init(&after);
    bool stands = false; /* others may commit in the cluster, too: not in every moment */
    for (int i = 0; i < 200 && !stands; i++) {
        assert_int_equal(mark("plain", false, &before), MARKER_KNOWN);
        assert_int_equal(mark("plain", true, &after), MARKER_KNOWN);
        stands = same(&before, &after);
    }
    assert_true(stands);
    assert_int_equal(mark("parts", true, &after), MARKER_KNOWN);
    assert_false(same(&before, &after)); /* other tables */
    static const char *const changes[] = {"INSERT INTO marked.plain VALUES (1)",
                                          "UPDATE marked.plain SET id = 2",
                                          "DELETE FROM marked.plain",
                                          "ALTER TABLE marked.plain ADD COLUMN more int",
                                          "TRUNCATE marked.plain",
                                          "SET synchronous_commit = off",
                                          "INSERT INTO marked.plain VALUES (1)",
                                          "RESET synchronous_commit",
                                          "SELECT pg_reload_conf()"};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        assert_int_equal(mark("plain", false, &before), MARKER_KNOWN);
        exec(changes[i]);
        bool settings = strstr(changes[i], "synchronous") != NULL;
        for (int wait = 0; wait < 2000; wait++) { /* a reload is done by and by */
            assert_int_equal(mark("plain", false, &after), MARKER_KNOWN);
            if (settings || !same(&before, &after)) break;
            nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        }
        if (!settings && same(&before, &after)) fail_msg("not moved by: %s", changes[i]);
    }
    /* A transaction under way is seen when it is done, whatever was committed in between. */
    exec("BEGIN");
    exec("INSERT INTO marked.plain VALUES (7)");
    assert_int_equal(mark("plain", false, &before), MARKER_KNOWN);
    exec("COMMIT");
    assert_int_equal(mark("plain", false, &after), MARKER_KNOWN);
    assert_false(same(&before, &after));
    strbuf_deinit(&before);
    strbuf_deinit(&after);
}

static void none_where_it_would_not_tell(void **state) {
    (void)fixture_conninfo();
    StrBuf out;
    strbuf_init(&out);
    static const struct {
        const char *name;
        MarkerAnswer answer;
    } tables[] = {{"plain", MARKER_KNOWN}, {"parts", MARKER_KNOWN},  {"stored", MARKER_KNOWN},
                  {"loose", MARKER_NONE},  {"secured", MARKER_NONE}, {"seen", MARKER_NONE},
                  {"nowhere", MARKER_NONE}};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (mark(tables[i].name, true, &out) != tables[i].answer) fail_msg("%s", tables[i].name);
    exec("ALTER TABLE marked.parts_1 ENABLE ROW LEVEL SECURITY");
    assert_int_equal(mark("parts", true, &out), MARKER_NONE);
    exec("CREATE FUNCTION marked.lower(int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT $1'");
    assert_int_equal(mark("plain", true, &out), MARKER_NONE);
    exec("ALTER FUNCTION marked.lower(int) IMMUTABLE");
    assert_int_equal(mark("plain", true, &out), MARKER_KNOWN);
    MarkerRequest at_once = {0};
    assert_int_equal(postgres_engine_ops.read_marker(fixture.engine, &at_once, &out), MARKER_WAITS);
    Fixture several;
    char conninfo[1024];
    snprintf(conninfo, sizeof conninfo, "%s host=/nowhere,/nowhere-else", fixture_conninfo());
    fixture_open_at(&several, conninfo);
    Engine *one = fixture.engine;
    fixture.engine = several.engine;
    assert_int_equal(mark("plain", false, &out), MARKER_NONE);
    fixture.engine = one;
    fixture_close(&several);
    strbuf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_with_every_commit),
        cmocka_unit_test(none_where_it_would_not_tell),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
