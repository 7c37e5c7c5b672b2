/* Running statements: catalog, streams, parameters, sessions, cancellation, lost connections, scans. */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engines/base/arrow_builder.h"
#include "pgfixture.h"

static Fixture shared;

static int setup(void **state) {
    if (!getenv("SIGNALBOX_TEST_PG")) return 0;
    fixture_open(&shared);
    fixture_ok(&shared, "DROP TABLE IF EXISTS pgexec_t, pgexec_part CASCADE");
    fixture_ok(&shared, "DROP TYPE IF EXISTS pgexec_mood CASCADE");
    fixture_ok(&shared, "DROP DOMAIN IF EXISTS pgexec_small CASCADE");
    fixture_ok(&shared, "CREATE TYPE pgexec_mood AS ENUM ('sad', 'happy')");
    fixture_ok(&shared, "CREATE DOMAIN pgexec_small AS numeric(6,2) NOT NULL");
    fixture_ok(
        &shared,
        "CREATE TABLE pgexec_t (id int PRIMARY KEY, email text UNIQUE, mood pgexec_mood, small pgexec_small "
        "DEFAULT 1, tags text[], r int4range, v float8)");
    fixture_ok(&shared, "CREATE INDEX pgexec_lower ON pgexec_t (lower(email), v)");
    fixture_ok(&shared, "CREATE INDEX pgexec_partial ON pgexec_t (v) WHERE v > 5");
    fixture_ok(&shared, "CREATE VIEW pgexec_v AS SELECT id, email FROM pgexec_t");
    fixture_ok(&shared, "CREATE MATERIALIZED VIEW pgexec_m AS SELECT count(*) AS n FROM pgexec_t");
    fixture_ok(&shared, "CREATE TABLE pgexec_part (id int, at date) PARTITION BY RANGE (at)");
    fixture_ok(&shared, "CREATE TABLE pgexec_part1 PARTITION OF pgexec_part FOR VALUES FROM ('2020-01-01') "
                        "TO ('2021-01-01')");
    fixture_ok(&shared,
               "INSERT INTO pgexec_t SELECT i, 'u' || i || '@x', 'happy', i / 100.0, ARRAY['a', 'b'], "
               "int4range(i, i + 5), i / 2.0 FROM generate_series(1, 5000) i");
    fixture_ok(&shared, "ANALYZE pgexec_t");
    fixture_describe(&shared);
    return 0;
}

static int teardown(void **state) {
    if (shared.engine) fixture_close(&shared);
    return 0;
}

static void test_describe(void **state) {
    fixture_conninfo();
    assert_string_equal(shared.tables.default_schema, "public");
    const TableDesc *table = fixture_table(&shared.tables, "public", "pgexec_t");
    assert_non_null(table);
    assert_string_equal(table->kind, "table");
    assert_int_equal(table->column_count, 7);
    assert_true(table->row_estimate == 5000 && table->bytes > 100000);
    assert_true(sqltype_is(table->columns[0].type, SQL_INT4) && !table->columns[0].nullable);
    assert_true(table->columns[1].nullable && table->columns[1].distinct == 5000);
    assert_string_equal(table->columns[2].type_name, "pgexec_mood");
    assert_true(sqltype_is(table->columns[2].type, SQL_OTHER));
    assert_string_equal(table->columns[3].type_name, "pgexec_small");
    assert_true(sqltype_equals(table->columns[3].type, sqltype_numeric(6, 2)) && !table->columns[3].nullable);
    assert_true(table->columns[4].type.is_array);
    assert_string_equal(table->columns[5].type_name, "int4range");
    assert_int_equal(table->key_count, 3); /* the partial one proves nothing */
    assert_true(table->keys[0].primary && table->keys[0].unique && table->keys[0].columns[0] == 0);
    assert_true(table->keys[1].unique && table->keys[1].columns[0] == 1);
    assert_int_equal(table->keys[2].columns[0], -1);
    assert_int_equal(table->keys[2].columns[1], 6);
    assert_string_equal(fixture_table(&shared.tables, NULL, "pgexec_v")->kind, "view");
    assert_string_equal(fixture_table(&shared.tables, NULL, "pgexec_m")->kind, "materialized view");
    assert_string_equal(fixture_table(&shared.tables, NULL, "pgexec_part")->kind, "partitioned table");
    assert_null(fixture_table(&shared.tables, NULL, "pg_class"));
}

static void test_parameters(void **state) {
    fixture_conninfo();
    Result result;
    Param params[] = {int_param("7"),
                      text_param("a'b\"c\\ é"),
                      {.kind = PARAM_NULL},
                      text_param("{x,\"y z\"}"),
                      {.kind = PARAM_BOOL, .text = "true", .length = 4},
                      {.kind = PARAM_NUMBER, .text = "12345678901234567890.5", .length = 22}};
    const char *sql =
        "SELECT id, $2::text, $3::int, $4::text[], $5::bool, $6::numeric FROM pgexec_t WHERE id = $1";
    for (int i = 0; i < 3; i++) {
        fixture_run(&shared, sql, params, 6, &result);
        assert_int_equal(result.status, STATUS_OK);
        assert_string_equal(strbuf_text(&result.text), "7|a'b\"c\\ é|NULL|{x,y z}|t|12345678901234567890.5");
        result_deinit(&result);
    }
    fixture_run(&shared, sql, params, 2, &result);
    assert_string_equal(result.error.sqlstate, "08P01");
    Param nul = {.kind = PARAM_TEXT, .text = "a\0b", .length = 3};
    fixture_run(&shared, "SELECT $1::text", &nul, 1, &result);
    assert_string_equal(result.error.sqlstate, "22021");
}

static void test_writes(void **state) {
    fixture_conninfo();
    Result result;
    fixture_run(&shared, "INSERT INTO pgexec_t (id) VALUES (6001), (6002)", NULL, 0, &result);
    assert_int_equal(result.stats.rows_affected, 2);
    assert_string_equal(result.stats.command, "INSERT");
    assert_int_equal(result.columns, 0);
    fixture_run(&shared, "UPDATE pgexec_t SET v = 3 WHERE id > 6000 RETURNING id, v", NULL, 0, &result);
    assert_string_equal(strbuf_text(&result.text), "6001|3\n6002|3");
    assert_int_equal(result.stats.rows_affected, 2);
    result_deinit(&result);
    fixture_run(&shared, "DELETE FROM pgexec_t WHERE id > 6000", NULL, 0, &result);
    assert_int_equal(result.stats.rows_affected, 2);
    fixture_run(&shared, "CREATE TABLE pgexec_gone (id int)", NULL, 0, &result);
    assert_string_equal(result.stats.command, "CREATE TABLE");
    fixture_ok(&shared, "DROP TABLE pgexec_gone");
    fixture_run(&shared, "INSERT INTO pgexec_t (id) VALUES (1)", NULL, 0, &result);
    assert_string_equal(result.error.sqlstate, "23505");
    assert_non_null(strstr(result.error.detail, "(id)=(1)"));
    /* All rows of a write count, also those the reader does not want. */
    Query query;
    query_init(&query, &shared, "UPDATE pgexec_t SET v = v WHERE id <= 100 RETURNING id");
    query_run_limited(&query, NULL, 0, NULL, 3, &result);
    assert_int_equal(result.status, STATUS_OK);
    assert_int_equal(result.rows, 3);
    assert_int_equal(result.stats.rows_affected, 100);
    result_deinit(&result);
    query_deinit(&query);
}

static void test_stream(void **state) {
    fixture_conninfo();
    Query query;
    Result result;
    query_init(&query, &shared, "SELECT i, repeat('x', 100) FROM generate_series(1, 30000) i");
    query_run(&query, NULL, 0, &result);
    assert_int_equal(result.rows, 30000);
    assert_true(result.batches >= 15);
    assert_string_equal(result.stats.command, "SELECT");
    assert_int_equal(result.stats.rows_affected, -1);
    result_deinit(&result);
    query_deinit(&query);
    /* A limit stops a statement that would go on for ever. */
    query_init(&query, &shared, "SELECT a.id FROM pgexec_t a, pgexec_t b, pgexec_t c");
    query_run_limited(&query, NULL, 0, NULL, 5000, &result);
    assert_int_equal(result.status, STATUS_OK);
    assert_int_equal(result.rows, 5000);
    result_deinit(&result);
    query_deinit(&query);
    /* An error after many rows is an error of the stream. */
    query_init(&query, &shared, "SELECT 100 / (5000 - i) FROM generate_series(1, 6000) i");
    query_run(&query, NULL, 0, &result);
    assert_int_equal(result.status, STATUS_ERROR);
    assert_string_equal(result.error.sqlstate, "22012");
    assert_int_equal(result.rows, 4096);
    result_deinit(&result);
    query_deinit(&query);
}

static void *cancel_when_running(void *argument) {
    PGconn *pg = PQconnectdb(getenv("SIGNALBOX_TEST_PG"));
    for (bool running = false; !running;) {
        PGresult *rows = PQexec(
            pg, "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3000)%' AND state = 'active' "
                "AND pid <> pg_backend_pid()");
        running = PQntuples(rows) > 0;
        PQclear(rows);
    }
    PQfinish(pg);
    cancel_request(argument, CANCEL_BY_CLIENT_GONE);
    return NULL;
}

static void test_cancel(void **state) {
    fixture_conninfo();
    CancelToken token;
    Query query;
    Result result;
    pthread_t thread;
    cancel_init(&token, 0);
    query_init(&query, &shared, "SELECT pg_sleep(3000)");
    pthread_create(&thread, NULL, cancel_when_running, &token);
    query_run_limited(&query, NULL, 0, &token, 0, &result);
    pthread_join(thread, NULL);
    assert_string_equal(result.error.sqlstate, "57014");
    cancel_init(&token, clock_now_ns() + 100 * 1000000);
    query_run_limited(&query, NULL, 0, &token, 0, &result);
    assert_string_equal(result.error.sqlstate, "57014");
    query_deinit(&query);
    fixture_expect(
        &shared,
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3000)%' AND state = 'active' AND "
        "pid <> pg_backend_pid()",
        "0");
}

static void test_search_path(void **state) {
    char conninfo[600];
    snprintf(conninfo, sizeof conninfo, "%s options='-c search_path=\"$user\",nowhere,pgexec_far,public'",
             fixture_conninfo());
    fixture_ok(&shared, "CREATE SCHEMA IF NOT EXISTS pgexec_far");
    Fixture other;
    fixture_open_at(&other, conninfo);
    fixture_describe(&other);
    assert_string_equal(other.tables.default_schema, "pgexec_far"); /* those that there are */
    assert_int_equal(other.tables.next_schema_count, 1);
    assert_string_equal(other.tables.next_schemas[0], "public");
    fixture_close(&other);
    assert_int_equal(shared.tables.next_schema_count, 0);
}

static void test_sessions(void **state) {
    fixture_conninfo();
    Result result;
    fixture_ok(&shared, "DROP TABLE IF EXISTS pgexec_s");
    fixture_ok(&shared, "CREATE TABLE pgexec_s (id int PRIMARY KEY)");
    fixture_expect(&shared, "BEGIN; INSERT INTO pgexec_s VALUES (1); SELECT 'rows', id FROM pgexec_s; COMMIT",
                   "rows|1");
    /* An error undoes all of it, in a transaction of its own or not. */
    fixture_expect_error(&shared, "BEGIN; INSERT INTO pgexec_s VALUES (2); SELECT 1/0; COMMIT", "22012", 0);
    fixture_expect_error(&shared, "INSERT INTO pgexec_s VALUES (3); INSERT INTO pgexec_s VALUES (1)", "23505",
                         0);
    fixture_expect(&shared, "SELECT id FROM pgexec_s", "1");
    fixture_expect_error(&shared, "BEGIN; INSERT INTO pgexec_s VALUES (4)", "25000", 0);
    fixture_expect_error(&shared, "BEGIN", "25000", 0);
    fixture_expect(&shared, "SELECT id FROM pgexec_s", "1");
    Param params[] = {int_param("10"), int_param("11")};
    fixture_run(&shared,
                "INSERT INTO pgexec_s VALUES ($2); INSERT INTO pgexec_s VALUES ($1); SELECT id FROM pgexec_s "
                "WHERE id = $2",
                params, 2, &result);
    assert_int_equal(result.status, STATUS_OK);
    assert_string_equal(strbuf_text(&result.text), "11");
    result_deinit(&result);
    fixture_run(&shared, "INSERT INTO pgexec_s VALUES (20); UPDATE pgexec_s SET id = id + 100", NULL, 0,
                &result);
    assert_string_equal(result.stats.command, "UPDATE");
    assert_int_equal(result.stats.rows_affected, 4);
    /* Nothing of a session is left for the next request, whatever connection it gets. */
    fixture_ok(&shared, "SET search_path = nowhere");
    fixture_ok(&shared, "CREATE TEMP TABLE pgexec_temp (id int); SET statement_timeout = 1");
    fixture_expect(&shared, "SELECT count(*) FROM pgexec_s", "4");
    fixture_expect_error(&shared, "SELECT * FROM pgexec_temp", "42P01", 15);
    /* Nor a sequence that another request has used, while one request sees its own. */
    fixture_ok(&shared, "DROP TABLE IF EXISTS pgexec_serial");
    fixture_ok(&shared, "CREATE TABLE pgexec_serial (id serial, note text)");
    for (int i = 0; i < 3; i++) {
        fixture_ok(&shared, "INSERT INTO pgexec_serial (note) VALUES ('x')");
        fixture_expect_error(&shared, "SELECT lastval()", "55000", 0);
        fixture_ok(&shared, "INSERT INTO pgexec_serial (note) VALUES ('x')");
        fixture_expect_error(&shared, "SELECT currval('pgexec_serial_id_seq'); SELECT 1", "55000", 0);
    }
    fixture_expect(&shared, "INSERT INTO pgexec_serial (note) VALUES ('y'); SELECT lastval()", "7");
    fixture_expect(&shared, "SELECT set_config('search_path', 'nowhere', false)", "nowhere");
    fixture_expect(&shared, "SELECT count(*) FROM pgexec_s", "4");
}

static void kill_others(void) {
    PGconn *pg = PQconnectdb(getenv("SIGNALBOX_TEST_PG"));
    PGresult *rows;
    PQclear(PQexec(
        pg, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'signalbox'"));
    int left;
    do {
        rows = PQexec(pg, "SELECT 1 FROM pg_stat_activity WHERE application_name = 'signalbox'");
        left = PQntuples(rows);
        PQclear(rows);
    } while (left);
    PQfinish(pg);
}

static void test_lost_connections(void **state) {
    fixture_conninfo();
    fixture_expect(&shared, "SELECT 41 + 1", "42");
    kill_others();
    fixture_expect(&shared, "SELECT 41 + 1", "42");
    kill_others();
    fixture_ok(&shared, "UPDATE pgexec_t SET v = 1 WHERE id = 1");
    /* What ends its own connection is told so, and not tried once more. */
    fixture_expect_error(&shared, "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)", "57P01", 0);
    fixture_expect_error(&shared,
                         "UPDATE pgexec_t SET v = 2 WHERE id = 1 AND pg_terminate_backend(pg_backend_pid())",
                         "57P01", 0);
    EngineHealth health;
    postgres_engine_ops.health(shared.engine, &health);
    assert_true(health.up);
    assert_non_null(strstr(health.version, "PostgreSQL"));
}

static void test_server_down(void **state) {
    EngineConfig config = {
        .name = "pg", .conninfo = "host=/nonexistent-directory dbname=x", .connect_timeout_ms = 500};
    Fixture down = {0};
    Error err;
    arena_init(&down.arena);
    assert_int_equal(postgres_engine_ops.open(&config, &down.engine, &err), STATUS_OK);
    assert_int_equal(postgres_engine_ops.describe(down.engine, &down.arena, &down.tables, &err),
                     STATUS_ERROR);
    assert_string_equal(err.sqlstate, "08001");
    fixture_expect_error(&down, "SELECT 1", "08001", 0);
    EngineHealth health;
    postgres_engine_ops.health(down.engine, &health);
    assert_false(health.up);
    assert_non_null(strstr(health.message, "nonexistent"));
    fixture_close(&down);
    config.conninfo = "this is not a connection string";
    assert_int_equal(postgres_engine_ops.open(&config, &down.engine, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "F0000");
}

static void scan(const ScanFilter *filters, int filter_count, int64_t limit, uint64_t applied_wanted,
                 const char *expected) {
    Result result;
    memset(&result, 0, sizeof result);
    strbuf_init(&result.text);
    static const int columns[] = {0, 1};
    ScanRequest request = {.table = fixture_table(&shared.tables, "public", "pgexec_t"),
                           .columns = columns,
                           .column_count = 2,
                           .filters = filters,
                           .filter_count = filter_count,
                           .row_limit = limit};
    Execution execution = {.stats = &result.stats, .row_limit = 1}; /* not the scan's */
    ArrowArrayStream stream;
    uint64_t applied;
    if (postgres_engine_ops.scan(shared.engine, &request, &execution, &stream, &applied, &result.error) !=
        STATUS_OK)
        fail_msg("scan: %s", result.error.message);
    assert_int_equal(applied, applied_wanted);
    result_read(&result, &stream);
    assert_int_equal(result.status, STATUS_OK);
    assert_string_equal(strbuf_text(&result.text), expected);
    assert_int_equal(result.stats.command[0], 0);
    result_deinit(&result);
}

static void test_scan(void **state) {
    fixture_conninfo();
    Param seven = int_param("7"), nine = int_param("9"),
          half = {.kind = PARAM_NUMBER, .text = "7.5", .length = 3};
    Param big = int_param("99999999999"), text = text_param("u4999@x"), tag = text_param("{a,b}");
    Param in[] = {seven, nine};
    scan(&(ScanFilter){0, SCAN_EQ, &seven, 1}, 1, 0, 1, "7|u7@x");
    scan(&(ScanFilter){0, SCAN_IN, in, 2}, 1, 0, 1, "7|u7@x\n9|u9@x");
    scan((ScanFilter[]){{0, SCAN_GT, &half, 1}, {0, SCAN_LT, &nine, 1}}, 2, 0, 3, "8|u8@x");
    scan(&(ScanFilter){0, SCAN_EQ, &big, 1}, 1, 0, 1, "");
    scan((ScanFilter[]){{1, SCAN_GE, &text, 1}, {1, SCAN_IS_NOT_NULL, NULL, 0}, {0, SCAN_LT, &seven, 1}}, 3,
         0, 7, "4|u4@x\n5|u5@x\n6|u6@x");
    scan((ScanFilter[]){{4, SCAN_EQ, &tag, 1}, {0, SCAN_EQ, &seven, 1}}, 2, 0, 2,
         "7|u7@x"); /* arrays are left to the caller */
    scan(&(ScanFilter){0, SCAN_LE, &nine, 1}, 1, 2, 1, "1|u1@x\n2|u2@x");
}

static void test_scan_count(void **state) {
    fixture_conninfo();
    ExecutionStats stats;
    ScanRequest request = {.table = fixture_table(&shared.tables, "public", "pgexec_t")};
    Execution execution = {.stats = &stats};
    ArrowArrayStream stream;
    ArrowArray batch;
    uint64_t applied;
    Error err;
    int64_t rows = 0;
    assert_int_equal(postgres_engine_ops.scan(shared.engine, &request, &execution, &stream, &applied, &err),
                     STATUS_OK);
    while (arrow_stream_next(&stream, &batch, &err) == STATUS_OK && batch.release) {
        rows += batch.length;
        arrow_array_release(&batch);
    }
    arrow_stream_release(&stream);
    assert_int_equal(rows, 5000);
}

static void *run_many(void *argument) {
    for (int i = 0; i < 200; i++) {
        char sql[96];
        Query query;
        Result result;
        snprintf(sql, sizeof sql, "SELECT id FROM pgexec_t WHERE id = %d AND v < %d", i + 1, 100000 + i % 7);
        query_init(&query, &shared, sql);
        query_run(&query, NULL, 0, &result);
        if (result.status != STATUS_OK || atoi(strbuf_text(&result.text)) != i + 1) *(int *)argument += 1;
        result_deinit(&result);
        query_deinit(&query);
    }
    return NULL;
}

/* More threads than connections. */
static void test_threads(void **state) {
    fixture_conninfo();
    enum { THREADS = 10 };
    pthread_t threads[THREADS];
    int failures[THREADS] = {0};
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, run_many, &failures[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(failures[i], 0);
    EngineHealth health;
    postgres_engine_ops.health(shared.engine, &health);
    assert_true(health.connections_open <= 6 && health.connections_busy == 0);
}

/* Whoever writes may set off code that is not the table's own. */
static void test_triggers_further_on(void **state) {
    fixture_conninfo();
    static const char *const statements[] = {
        "DROP TABLE IF EXISTS pgexec_heads, pgexec_tails, pgexec_ranges, pgexec_ruled, pgexec_quiet CASCADE",
        "CREATE OR REPLACE FUNCTION pgexec_code() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; "
        "END'",
        "CREATE TABLE pgexec_heads (id int PRIMARY KEY)",
        "CREATE TABLE pgexec_tails (id int REFERENCES pgexec_heads ON DELETE CASCADE)",
        "CREATE TRIGGER code AFTER DELETE ON pgexec_tails FOR EACH ROW EXECUTE FUNCTION pgexec_code()",
        "CREATE VIEW pgexec_seen AS SELECT id FROM pgexec_tails",
        "CREATE TABLE pgexec_ranges (id int) PARTITION BY RANGE (id)",
        "CREATE TABLE pgexec_range PARTITION OF pgexec_ranges FOR VALUES FROM (0) TO (9)",
        "CREATE TRIGGER code AFTER INSERT ON pgexec_range FOR EACH ROW EXECUTE FUNCTION pgexec_code()",
        "CREATE TABLE pgexec_ruled (id int)",
        "CREATE RULE also AS ON INSERT TO pgexec_ruled DO ALSO SELECT set_config('x.y', '1', false)",
        "CREATE TABLE pgexec_quiet (id int REFERENCES pgexec_heads)"};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        fixture_ok(&shared, statements[i]);
    Fixture fixture;
    fixture_open(&fixture);
    fixture_describe(&fixture);
    static const char *const triggered[] = {"pgexec_heads",  "pgexec_tails", "pgexec_seen",
                                            "pgexec_ranges", "pgexec_range", "pgexec_ruled"};
    for (size_t i = 0; i < sizeof triggered / sizeof *triggered; i++)
        if (!fixture_table(&fixture.tables, NULL, triggered[i])->has_triggers) fail_msg("%s", triggered[i]);
    assert_false(fixture_table(&fixture.tables, NULL, "pgexec_quiet")->has_triggers);
    assert_false(fixture_table(&fixture.tables, NULL, "pgexec_t")->has_triggers);
    fixture_close(&fixture);
}

static EngineHealth health_now(Fixture *fixture) {
    EngineHealth health;
    ((PgEngine *)fixture->engine)->last_seen_ns = 1; /* long ago */
    postgres_engine_ops.health(fixture->engine, &health);
    return health;
}

/* What runs on a server is given up only when the server answers nothing at all: neither when it refuses one
 * more client, nor when every connection of ours is busy. */
static void test_only_silence_is_hanging(void **state) {
    char few[512];
    snprintf(few, sizeof few, "%s user=pgexec_few", fixture_conninfo());
    fixture_ok(&shared, "DROP ROLE IF EXISTS pgexec_few");
    fixture_ok(&shared, "CREATE ROLE pgexec_few LOGIN CONNECTION LIMIT 1");
    Fixture limited;
    PgConn *held;
    Error err = {0};
    fixture_open_at(&limited, few);
    if (pgengine_acquire((PgEngine *)limited.engine, true, NULL, &held, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    EngineHealth health = health_now(&limited);
    assert_false(health.up || health.silent);
    assert_non_null(strstr(health.message, "too many connections"));
    assert_int_equal(((PgEngine *)limited.engine)->silent_since_ns, 0);
    pgengine_give_back((PgEngine *)limited.engine, held);
    assert_true(health_now(&limited).up);
    PgEngine *busy = (PgEngine *)shared.engine;
    pgengine_drop_idle(busy);
    busy->busy_count += busy->max_connections;
    assert_true(health_now(&shared).up);
    busy->busy_count -= busy->max_connections;
    fixture_close(&limited);
    fixture_ok(&shared, "DROP ROLE pgexec_few");
}

/* A server whose every connection is taken and that hangs is found out all the same. */
static void test_a_full_pool_hides_nothing(void **state) {
    char directory[] = "/tmp/signalbox-silent-XXXXXX", conninfo[128];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    Fixture fixture;
    assert_non_null(mkdtemp(directory));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", directory);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0); /* that accepts nobody */
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 16), 0);
    snprintf(conninfo, sizeof conninfo, "host=%s port=5432 dbname=x user=x", directory);
    fixture_open_at(&fixture, conninfo);
    PgEngine *engine = (PgEngine *)fixture.engine;
    engine->busy_count = engine->max_connections;
    EngineHealth health = health_now(&fixture);
    assert_true(!health.up && health.silent);
    engine->busy_count = 0;
    fixture_close(&fixture);
    close(listener);
    unlink(address.sun_path);
    rmdir(directory);
}

/* How a join is done depends on how long its ranges are. */
static void test_ranges_are_planned_each_time(void **state) {
    static const char kept[] =
        "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%%kept_%s%%'";
    char by_key[128], by_range[128];
    fixture_conninfo();
    for (int i = 0; i < 3; i++) {
        fixture_expect(
            &shared,
            "SELECT count(*) AS kept_key FROM pgexec_t a JOIN pgexec_t b ON a.id = b.id WHERE a.id = 1", "1");
        fixture_expect(&shared,
                       "SELECT count(*) AS kept_range FROM pgexec_t a JOIN pgexec_t b ON a.id = b.id WHERE "
                       "a.id >= 1 AND a.id < 2",
                       "1");
    }
    snprintf(by_key, sizeof by_key, kept, "key FROM");
    snprintf(by_range, sizeof by_range, kept, "range FROM");
    fixture_expect(&shared, by_key, "1");
    fixture_expect(&shared, by_range, "0");
}

/* More different statements than a connection keeps. */
static void test_many_prepared(void **state) {
    fixture_conninfo();
    for (int i = 0; i < PGCONN_MAX_PREPARED + 50; i++) {
        char sql[96], expected[16];
        snprintf(sql, sizeof sql, "SELECT id + %d FROM pgexec_t WHERE id = 1", i);
        snprintf(expected, sizeof expected, "%d", i + 1);
        fixture_expect(&shared, sql, expected);
    }
    fixture_expect(&shared, "SELECT count(*) <= 256 FROM pg_prepared_statements", "t");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_search_path),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_scan_count),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_server_down),
        cmocka_unit_test(test_ranges_are_planned_each_time),
        cmocka_unit_test(test_many_prepared),
        cmocka_unit_test(test_lost_connections),
        cmocka_unit_test(test_triggers_further_on),
        cmocka_unit_test(test_only_silence_is_hanging),
        cmocka_unit_test(test_a_full_pool_hides_nothing),
    };
    return cmocka_run_group_tests_name("postgres execute", tests, setup, teardown);
}
