/* The router over time: cache, refresh, engines that come and go, many threads at once. */
#include "tests/unit/router/fake_engine.h"

#include <pthread.h>

#include "engines/base/clock.h"
#include "router/decision_cache.h"

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

static RouteRequest request_of(const char *sql) {
    return (RouteRequest){.sql = sql, .sql_length = strlen(sql)};
}

static void test_caches_by_text_and_engine(void **state) {
    Fixture *fixture = *state;
    RouteRequest request = request_of("SELECT * FROM users WHERE id = 1");
    RouteTiming timing;
    Error err = {0};
    assert_null(router_lookup(fixture->router, &request, &timing));
    Decision *first = NULL, *second = NULL;
    assert_int_equal(router_decide(fixture->router, &request, &first, &timing, &err), STATUS_OK);
    assert_false(timing.cached);
    assert_true(timing.parse_us > 0);
    second = router_lookup(fixture->router, &request, &timing);
    assert_ptr_equal(first, second);
    assert_true(timing.cached);
    assert_true(timing.parse_us == 0);
    decision_release(second);
    request.engine = "auto";
    second = router_lookup(fixture->router, &request, &timing);
    assert_ptr_equal(first, second);
    decision_release(second);
    request.engine = "postgres";
    assert_null(router_lookup(fixture->router, &request, &timing));
    request.engine = NULL;
    request.header_engine = "postgres";
    assert_null(router_lookup(fixture->router, &request, &timing));
    RouterCounters counters;
    router_counters(fixture->router, &counters);
    assert_int_equal(counters.decisions, 3);
    assert_int_equal(counters.cache_hits, 2);
    assert_int_equal(counters.parses, 1);
    assert_int_equal(counters.chosen[0], 3);
    assert_true(counters.cache_bytes > 0);
    decision_release(first);
}

static void test_refresh_drops_decisions_and_keeps_held_ones(void **state) {
    Fixture *fixture = *state;
    Error err = {0};
    Decision *held = route_as(fixture, "SELECT * FROM users WHERE id = 1", NULL, &err);
    RouteRequest request = request_of("SELECT * FROM users WHERE id = 1");
    RouteTiming timing;
    fixture->postgres.table_count = 0; /* every table dropped */
    assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
    assert_null(router_lookup(fixture->router, &request, &timing));
    assert_null(route_as(fixture, request.sql, NULL, &err));
    assert_string_equal(err.sqlstate, SQLSTATE_UNDEFINED_TABLE);
    assert_string_equal(held->statement->bindings[0].table->name, "users");
    decision_release(held);
}

static void test_tick_keeps_decisions_when_nothing_changed(void **state) {
    Fixture *fixture = *state;
    Error err = {0};
    decision_release(route_as(fixture, "SELECT * FROM users WHERE id = 1", NULL, &err));
    RouteRequest request = request_of("SELECT * FROM users WHERE id = 1");
    RouteTiming timing;
    fixture->postgres.describe_fails =
        true; /* an incomplete registry is read again soon, but keeps what it had */
    assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
    decision_release(route_as(fixture, "SELECT * FROM users WHERE id = 1", NULL, &err));
    router_tick(fixture->router);
    Decision *kept = router_lookup(fixture->router, &request, &timing);
    assert_non_null(kept);
    decision_release(kept);
}

/* A table made by another process of the pool is found when first asked for. */
static void test_unknown_table_reads_engines_again(void **state) {
    Fixture *fixture = *state;
    Error err = {0};
    fixture->columnar.table_count = 1;
    fixture->columnar.tables = &columnar_tables[1];
    assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
    assert_null(route_as(fixture, "SELECT * FROM flights", NULL, &err));
    fixture->columnar.tables = columnar_tables;
    int64_t give_up = clock_now_ns() + (int64_t)10 * 1000000000;
    Decision *decision = NULL;
    while (!decision && clock_now_ns() < give_up)
        decision = route_as(fixture, "SELECT * FROM flights", NULL, &err);
    assert_non_null(decision);
    assert_string_equal(decision->engine->name, "columnar");
    decision_release(decision);
    assert_true(fixture->columnar.describes < 10); /* asking did not become a way to keep engines busy */
}

/* Nobody asked for the tables yet: the first decisions do, whether they need a table or only name one. */
static void test_first_decision_reads_the_engines(void **state) {
    (void)state;
    static const char *const statements[] = {"SELECT * FROM flights", "DROP TABLE flights",
                                             "TRUNCATE TABLE flights"};
    for (int i = 0; i < 3; i++) {
        Fixture fixture;
        fixture_open(&fixture);
        router_destroy(fixture.router);
        Error err = {0};
        assert_int_equal(router_create(&fixture.config, fixture.engines, 3, &fixture.router, &err),
                         STATUS_OK);
        Decision *decision = route_as(&fixture, statements[i], NULL, &err);
        assert_non_null(decision);
        assert_string_equal(decision->engine->name, "columnar");
        decision_release(decision);
        fixture_close(&fixture);
    }
}

static void test_engine_never_read_is_told_apart(void **state) {
    (void)state;
    Fixture fixture;
    fake_init(&fixture.postgres, "postgres", "postgres", postgres_tables, 5);
    fixture.postgres.describe_fails = true;
    fixture.postgres.up = false;
    fixture.engines[0] = &fixture.postgres.base;
    config_init_defaults(&fixture.config);
    Error err = {0};
    assert_int_equal(router_create(&fixture.config, fixture.engines, 1, &fixture.router, &err), STATUS_OK);
    router_tick(fixture.router);
    assert_null(route_as(&fixture, "SELECT * FROM users", NULL, &err));
    assert_string_equal(err.sqlstate, SQLSTATE_ENGINE_DOWN);
    assert_string_equal(err.message, "engine postgres is down, so its tables are not known: nobody listens");
    fixture.postgres.describe_fails = false;
    fixture.postgres.up = true;
    router_tick(fixture.router); /* came up: read at once, not at the next interval */
    Decision *decision = route_as(&fixture, "SELECT * FROM users", NULL, &err);
    assert_non_null(decision);
    decision_release(decision);
    router_destroy(fixture.router);
    config_deinit(&fixture.config);
    assert_int_equal(fixture.postgres.live_plans, 0);
}

static void test_cache_stays_in_bounds(void **state) {
    (void)state;
    Fixture fixture;
    fixture_open(&fixture);
    router_destroy(fixture.router);
    fixture.config.decision_cache_bytes = 1 << 20;
    Error err = {0};
    assert_int_equal(router_create(&fixture.config, fixture.engines, 3, &fixture.router, &err), STATUS_OK);
    char sql[100];
    for (int i = 0; i < 2000; i++) {
        snprintf(sql, sizeof sql, "SELECT * FROM users WHERE id = %d", i);
        decision_release(route_as(&fixture, sql, NULL, &err));
        RouterCounters counters;
        router_counters(fixture.router, &counters);
        assert_true(counters.cache_bytes <= 1 << 20);
    }
    assert_true(fixture.postgres.live_plans > 20);
    assert_true(fixture.postgres.live_plans < 1000);
    RouteRequest request = request_of(sql);
    RouteTiming timing;
    Decision *newest = router_lookup(fixture.router, &request, &timing);
    assert_non_null(newest);
    decision_release(newest);
    fixture_close(&fixture);
}

static void test_registry_view(void **state) {
    Fixture *fixture = *state;
    RegistryView view;
    router_registry(fixture->router, &view);
    assert_int_equal(view.count, 8);
    assert_string_equal(view.tables[0].table->name, "users");
    assert_ptr_equal(view.tables[7].engine, fixture->engines[2]);
    Error err = {0};
    fixture->postgres.table_count = 1;
    assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
    assert_string_equal(view.tables[4].table->name, "orders"); /* still the old world */
    registry_view_release(&view);
}

/* ---- many threads
 * ----------------------------------------------------------------------------------------------- */

enum { DECIDERS = 8, DECISIONS_EACH = 2000 };

typedef struct Crowd {
    Fixture *fixture;
    _Atomic int running;
    _Atomic int wrong;
} Crowd;

static void *decide_many(void *argument) {
    Crowd *crowd = argument;
    static const struct {
        const char *sql, *engine;
    } statements[] = {
        {"SELECT * FROM users WHERE id = 1", "postgres"},
        {"SELECT count(*) FROM flights", "columnar"},
        {"SELECT * FROM flights f JOIN airports a ON f.origin = a.iata", "columnar"},
        {"SELECT * FROM zipcodes WHERE zip = '1'", "mysql"},
        {"SELECT * FROM users WHERE email = 'x' AND age = ", "postgres"},
    };
    for (int i = 0; i < DECISIONS_EACH; i++) {
        char sql[200];
        snprintf(sql, sizeof sql, i % 5 == 4 ? "%s%d" : "%s", statements[i % 5].sql, i);
        RouteRequest request = request_of(sql);
        Decision *decision = NULL;
        RouteTiming timing;
        Error err = {0};
        if (router_decide(crowd->fixture->router, &request, &decision, &timing, &err) != STATUS_OK) {
            atomic_fetch_add(&crowd->wrong, 1);
            continue;
        }
        bool right = strcmp(decision->engine->name, statements[i % 5].engine) == 0 &&
                     decision->statement->bindings[0].table->column_count > 1;
        atomic_fetch_add(&crowd->wrong, !right);
        decision_release(decision);
    }
    atomic_fetch_sub(&crowd->running, 1);
    return NULL;
}

static void test_many_threads_while_tables_change(void **state) {
    Fixture *fixture = *state;
    fixture->postgres.keep_last = fixture->mysql.keep_last = fixture->columnar.keep_last = false;
    Crowd crowd = {.fixture = fixture, .running = DECIDERS};
    unsigned long threads[DECIDERS];
    Error err = {0};
    for (int i = 0; i < DECIDERS; i++)
        assert_int_equal(thread_start(&threads[i], decide_many, &crowd, &err), STATUS_OK);
    for (int i = 0; crowd.running > 0; i++) {
        fixture->postgres.table_count = 3 + i % 3; /* sales.orders and twin come and go */
        assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
        router_tick(fixture->router);
    }
    for (int i = 0; i < DECIDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd.wrong, 0);
    RouterCounters counters;
    router_counters(fixture->router, &counters);
    assert_int_equal(counters.decisions, DECIDERS * DECISIONS_EACH);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_caches_by_text_and_engine),
        WITH_FIXTURE(test_refresh_drops_decisions_and_keeps_held_ones),
        WITH_FIXTURE(test_tick_keeps_decisions_when_nothing_changed),
        WITH_FIXTURE(test_unknown_table_reads_engines_again),
        cmocka_unit_test(test_first_decision_reads_the_engines),
        cmocka_unit_test(test_engine_never_read_is_told_apart),
        cmocka_unit_test(test_cache_stays_in_bounds),
        WITH_FIXTURE(test_registry_view),
        WITH_FIXTURE(test_many_threads_while_tables_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
