#include "tests/unit/router/fake_engine.h"
#include "engines/base/clock.h"

static PlacementConfig declared[] = {{.table = "twin", .engines = "postgres:columnar", .line = 1}};

static int open_fixture(void **state) {
    Fixture *fixture = calloc(1, sizeof *fixture);
    fixture_open(fixture);
    router_destroy(fixture->router);
    fixture->config.placements = declared;
    fixture->config.placement_count = 1;
    Error err = {0};
    assert_int_equal(router_create(&fixture->config, fixture->engines, 3, &fixture->router, &err), STATUS_OK);
    assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
    fixture->postgres.cost_ms = 2;
    fixture->columnar.cost_ms = 5;
    *state = fixture;
    return 0;
}

static int close_fixture(void **state) {
    fixture_close(*state);
    free(*state);
    return 0;
}

static Decision *routed_to(Fixture *fixture, const char *sql, const char *engine) {
    Error err = {0};
    Decision *decision = route_as(fixture, sql, NULL, &err);
    if (!decision) fail_msg("%s: %s %s", sql, err.sqlstate, err.message);
    assert_string_equal(decision->engine->name, engine);
    return decision;
}

static void run(Fixture *fixture, Decision *decision, double taken_ms, const Error *failure) {
    router_run_begins(fixture->router, decision);
    router_run_ends(fixture->router, decision, taken_ms, failure);
}

/* What statements of a shape really take turns the choice, also for other texts and against the estimates. */
static void test_runs_correct_the_choice(void **state) {
    Fixture *fixture = *state;
    static const char *const texts[] = {"SELECT count(*) FROM twin WHERE state = 'CA'",
                                        "select COUNT(*) from twin where state = 'NY'"};
    Decision *decision = routed_to(fixture, texts[0], "postgres");
    assert_true(decision->by_cost);
    for (int i = 0; i < 5; i++)
        run(fixture, decision, 50, NULL);
    decision_release(decision);
    decision = routed_to(fixture, texts[1], "columnar");
    assert_true(decision->candidates[0].model_ms == 2);
    assert_true(decision->candidates[0].verdict.estimate.cost_ms > 20);
    assert_int_equal(decision->candidates[0].runs, 5);
    decision_release(decision);
    /* About a second later the cached decision of the first text follows. */
    int64_t give_up = clock_now_ns() + (int64_t)20 * 1000000000;
    bool follows = false;
    while (!follows && clock_now_ns() < give_up) {
        Error err = {0};
        decision = route_as(fixture, texts[0], NULL, &err);
        assert_non_null(decision);
        follows = strcmp(decision->engine->name, "columnar") == 0;
        decision_release(decision);
    }
    assert_true(follows);
}

static void test_writes_and_failures_are_not_learned(void **state) {
    Fixture *fixture = *state;
    Decision *decision = routed_to(fixture, "UPDATE users SET age = 1", "postgres");
    run(fixture, decision, 5000, NULL);
    decision_release(decision);
    Error failure = {.sqlstate = "22012"};
    decision = routed_to(fixture, "SELECT count(*) FROM twin", "postgres");
    run(fixture, decision, 5000, &failure);
    decision_release(decision);
    decision = routed_to(fixture, "SELECT count(*) FROM twin WHERE true", "postgres");
    assert_true(decision->candidates[0].verdict.estimate.cost_ms == 2);
    decision_release(decision);
}

/* A trial that was stopped shows that the engine takes longer than expected, and no more. */
static void test_a_stopped_trial_teaches(void **state) {
    Fixture *fixture = *state;
    Decision *decision = routed_to(fixture, "SELECT count(*) FROM twin WHERE id < 12", "postgres");
    double before = decision->candidates[0].verdict.estimate.cost_ms;
    router_explored(fixture->router, decision, 1, 1, true); /* cheaper than what was expected: says nothing */
    decision_release(decision);
    decision = routed_to(fixture, "SELECT count(*) FROM twin WHERE id < 13", "postgres");
    assert_true(decision->candidates[0].verdict.estimate.cost_ms == before);
    for (int i = 0; i < 3; i++)
        router_explored(fixture->router, decision, 500, 500, true);
    decision_release(decision);
    decision = routed_to(fixture, "SELECT count(*) FROM twin WHERE id < 14", "columnar");
    decision_release(decision);
}

/* What is expected to take long is to be a job: told in the decision, and asked anew each time. */
static void test_long_reads_want_to_be_jobs(void **state) {
    Fixture *fixture = *state;
    router_destroy(fixture->router);
    fixture->config.interactive_seconds = 1;
    Error err = {0};
    assert_int_equal(router_create(&fixture->config, fixture->engines, 3, &fixture->router, &err), STATUS_OK);
    assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
    Decision *decision = routed_to(fixture, "SELECT count(*) FROM twin", "postgres");
    assert_false(decision->wants_job);
    decision_release(decision);
    fixture->postgres.cost_ms = fixture->columnar.cost_ms = 5000;
    decision = routed_to(fixture, "SELECT count(*) FROM twin WHERE state = 'X'", "postgres");
    assert_true(decision->wants_job);
    decision_release(decision);
    fixture->postgres.cost_ms = 10; /* it has been analysed, or has run as a job */
    decision = routed_to(fixture, "SELECT count(*) FROM twin WHERE state = 'X'", "postgres");
    assert_false(decision->wants_job);
    decision_release(decision);
    /* A decision that is kept is looked at by what its shape really takes. */
    static const char kept[] = "SELECT count(*) FROM twin WHERE state = 'Y'";
    for (int i = 0; i < 4; i++) {
        decision = routed_to(fixture, kept, "postgres");
        assert_false(decision->wants_job);
        if (i < 3) decision_release(decision);
    }
    fixture->columnar.cost_ms = 90000;
    for (int i = 0; i < 20; i++) {
        router_run_begins(fixture->router, decision);
        router_run_ends(fixture->router, decision, 60000, NULL);
    }
    decision_release(decision);
    decision = routed_to(fixture, kept, "postgres");
    assert_true(decision->wants_job);
    decision_release(decision);
    fixture->postgres.cost_ms = 5000;
    decision = routed_to(fixture, "UPDATE users SET age = 1", "postgres"); /* only reads */
    assert_false(decision->wants_job);
    decision_release(decision);
}

static void test_a_busy_engine_is_dearer(void **state) {
    Fixture *fixture = *state;
    fixture->columnar.cost_ms = 1;
    Decision *decision = routed_to(fixture, "SELECT count(*) FROM twin", "columnar");
    for (int i = 0; i < 8; i++)
        router_run_begins(fixture->router, decision);
    Decision *other = routed_to(fixture, "SELECT max(iata) FROM twin", "postgres");
    decision_release(other);
    for (int i = 0; i < 8; i++)
        router_run_ends(fixture->router, decision, -1, NULL);
    other = routed_to(fixture, "SELECT min(iata) FROM twin", "columnar");
    decision_release(other);
    decision_release(decision);
}

static EngineBreaker breaker_of(Fixture *fixture) {
    EngineBreaker breaker;
    router_breaker(fixture->router, 0, &breaker);
    return breaker;
}

static void test_breaker(void **state) {
    Fixture *fixture = *state;
    Error lost = {.sqlstate = "08006", .message = "connection lost"}, users = {.sqlstate = "42P01"};
    Decision *decision = routed_to(fixture, "SELECT * FROM twin", "postgres");
    for (int i = 0; i < 10; i++)
        run(fixture, decision, -1, &users);
    run(fixture, decision, -1, &lost);
    run(fixture, decision, -1, &lost);
    run(fixture, decision, 1, NULL); /* in a row, that is */
    run(fixture, decision, -1, &lost);
    run(fixture, decision, -1, &lost);
    assert_int_equal(breaker_of(fixture).state, BREAKER_CLOSED);
    run(fixture, decision, -1, &lost);
    assert_int_equal(breaker_of(fixture).state, BREAKER_OPEN);
    assert_string_equal(breaker_of(fixture).message, "connection lost");
    Decision *other = routed_to(fixture, "SELECT * FROM twin", "columnar"); /* the cached one is not found */
    assert_string_equal(other->candidates[0].verdict.why,
                        "engine is down: it failed 3 times in a row: connection lost");
    decision_release(other);
    int64_t give_up = clock_now_ns() + (int64_t)20 * 1000000000;
    while (breaker_of(fixture).state == BREAKER_OPEN && clock_now_ns() < give_up)
        router_tick(fixture->router);
    assert_int_equal(breaker_of(fixture).state, BREAKER_HALF_OPEN);
    decision_release(routed_to(fixture, "SELECT * FROM twin", "postgres"));
    run(fixture, decision, -1, &lost); /* once more is enough */
    assert_int_equal(breaker_of(fixture).state, BREAKER_OPEN);
    assert_int_equal(breaker_of(fixture).opened, 2);
    while (breaker_of(fixture).state == BREAKER_OPEN && clock_now_ns() < give_up)
        router_tick(fixture->router);
    for (int i = 0; i < 3; i++)
        run(fixture, decision, 1, NULL);
    assert_int_equal(breaker_of(fixture).state, BREAKER_CLOSED);
    assert_int_equal(breaker_of(fixture).failures, 0);
    decision_release(decision);
}

static void await_half_open(Fixture *fixture) {
    int64_t give_up = clock_now_ns() + (int64_t)20 * 1000000000;
    while (breaker_of(fixture).state == BREAKER_OPEN && clock_now_ns() < give_up)
        router_tick(fixture->router);
    assert_int_equal(breaker_of(fixture).state, BREAKER_HALF_OPEN);
}

/* Of the statements that come while an engine is tried again, one at a time goes there. */
static void test_half_open_lets_one_through(void **state) {
    Fixture *fixture = *state;
    Error lost = {.sqlstate = "08006", .message = "connection lost"};
    static const char *const texts[] = {"SELECT * FROM twin", "SELECT iata FROM twin", "SELECT 2 FROM twin"};
    Decision *decision = routed_to(fixture, texts[0], "postgres");
    for (int i = 0; i < 3; i++)
        run(fixture, decision, -1, &lost);
    decision_release(decision);
    await_half_open(fixture);
    Decision *probe = routed_to(fixture, texts[0], "postgres");
    for (int i = 0; i < 3; i++)
        decision_release(routed_to(fixture, texts[i], "columnar"));
    run(fixture, probe, 1, NULL);
    decision_release(probe);
    probe = routed_to(fixture, texts[1], "postgres"); /* the next, though it was decided otherwise before */
    decision_release(routed_to(fixture, texts[0], "columnar"));
    run(fixture, probe, -1, &lost);
    decision_release(probe);
    assert_int_equal(breaker_of(fixture).state, BREAKER_OPEN);
    await_half_open(fixture);
    for (int i = 0; i < 3; i++) {
        probe = routed_to(fixture, texts[i], "postgres");
        run(fixture, probe, 1, NULL);
        decision_release(probe);
    }
    assert_int_equal(breaker_of(fixture).state, BREAKER_CLOSED);
    for (int i = 0; i < 3; i++)
        decision_release(routed_to(fixture, texts[i], "postgres"));
}

/* A statement that could run there and is answered elsewhere does not keep others from trying. */
static void test_half_open_is_not_held_by_others(void **state) {
    Fixture *fixture = *state;
    Error lost = {.sqlstate = "08006", .message = "connection lost"};
    Decision *decision = routed_to(fixture, "SELECT * FROM twin", "postgres");
    for (int i = 0; i < 3; i++)
        run(fixture, decision, -1, &lost);
    decision_release(decision);
    await_half_open(fixture);
    fixture->postgres.cost_ms = 500;
    decision_release(routed_to(fixture, "SELECT * FROM twin", "columnar"));
    fixture->postgres.cost_ms = 2;
    decision_release(routed_to(fixture, "SELECT iata FROM twin", "postgres"));
}

/* What /query asks for when an engine has failed at a statement. */
static void test_avoided_engine(void **state) {
    Fixture *fixture = *state;
    const char *sql = "SELECT * FROM twin";
    decision_release(routed_to(fixture, sql, "postgres"));
    RouteRequest request = {.sql = sql, .sql_length = strlen(sql), .avoid = 1};
    Decision *decision = NULL;
    Error err = {0};
    assert_int_equal(router_decide(fixture->router, &request, &decision, NULL, &err), STATUS_OK);
    assert_string_equal(decision->engine->name, "columnar");
    decision_release(decision);
    decision_release(routed_to(fixture, sql, "postgres")); /* it was not remembered */
    request.avoid = 1 | 4;
    assert_int_equal(router_decide(fixture->router, &request, &decision, NULL, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_ENGINE_DOWN);
}

static void test_engine_failures(void **state) {
    (void)state;
    static const char *const failures[] = {"08006", "08001", "57P01", "57P03",
                                           "53300", "58030", "XX001", "SB004"};
    static const char *const others[] = {"08P01", "57014", "22012", "42P01",
                                         "53200", "40001", "XX000", "SB001"};
    Error error = {0};
    for (int i = 0; i < 8; i++) {
        snprintf(error.sqlstate, sizeof error.sqlstate, "%s", failures[i]);
        assert_true(router_is_engine_failure(&error));
        snprintf(error.sqlstate, sizeof error.sqlstate, "%s", others[i]);
        assert_false(router_is_engine_failure(&error));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_stopped_trial_teaches, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_long_reads_want_to_be_jobs, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_runs_correct_the_choice, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_writes_and_failures_are_not_learned, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(test_a_busy_engine_is_dearer, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_breaker, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_half_open_lets_one_through, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_half_open_is_not_held_by_others, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_avoided_engine, open_fixture, close_fixture),
        cmocka_unit_test(test_engine_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
