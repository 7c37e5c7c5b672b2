#include "tests/unit/router/fake_engine.h"

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
    *state = fixture;
    return 0;
}

static int close_fixture(void **state) {
    fixture_close(*state);
    free(*state);
    return 0;
}

static void expect_engine(Fixture *fixture, const char *sql, const char *engine) {
    Error err = {0};
    Decision *decision = route_as(fixture, sql, NULL, &err);
    if (!decision) fail_msg("%s: %s %s", sql, err.sqlstate, err.message);
    assert_string_equal(decision->engine->name, engine);
    assert_ptr_equal(decision->plan->statement, decision->statement);
    for (int i = 0; i < decision->statement->binding_count; i++)
        if (strcmp(decision->statement->bindings[i].table->name, "twin") == 0)
            assert_ptr_equal(decision->statement->bindings[i].engine, decision->engine);
    decision_release(decision);
}

static void test_the_cheaper_copy_is_read(void **state) {
    Fixture *fixture = *state;
    fixture->postgres.cost_ms = 5;
    fixture->columnar.cost_ms = 2;
    expect_engine(fixture, "SELECT count(*) FROM twin", "columnar");
    expect_engine(fixture, "SELECT count(*) FROM twin a JOIN twin b USING (iata)", "columnar");
    fixture->columnar.cost_ms = 9;
    expect_engine(fixture, "SELECT count(*) FROM twin WHERE true", "postgres");
    /* The other tables decide where a join of one engine's tables is. */
    expect_engine(fixture, "SELECT * FROM twin, flights", "columnar");
    expect_engine(fixture, "SELECT * FROM twin, users", "postgres");
    expect_engine(fixture, "SELECT * FROM columnar.twin", "columnar");
    expect_engine(fixture, "SELECT * FROM twin, users, flights", "columnar");
}

static void test_reads_survive_an_engine(void **state) {
    Fixture *fixture = *state;
    fixture->postgres.cost_ms = 1;
    fixture->columnar.cost_ms = 2;
    expect_engine(fixture, "SELECT * FROM twin", "postgres");
    fixture->postgres.up = false;
    router_tick(fixture->router);
    expect_engine(fixture, "SELECT * FROM twin", "columnar");
    fixture->postgres.up = true;
    router_tick(fixture->router);
    expect_engine(fixture, "SELECT * FROM twin", "postgres");
}

static void test_writes_must_name_the_copy(void **state) {
    Error err = {0};
    assert_null(route_as(*state, "DELETE FROM twin", NULL, &err));
    assert_string_equal(err.sqlstate, "42P09");
    expect_engine(*state, "DELETE FROM postgres.twin", "postgres");
    /* Written from any copy: the target's own. */
    expect_engine(*state, "INSERT INTO flights SELECT iata, 1 FROM twin", "columnar");
    expect_engine(*state, "INSERT INTO users SELECT 1 FROM twin", "postgres");
}

static void test_forced_engine_reads_its_copy(void **state) {
    Error err = {0};
    static const char *const names[] = {"postgres", "columnar"};
    for (int i = 0; i < 2; i++) {
        Decision *decision = route_as(*state, "SELECT * FROM twin t, twin u", names[i], &err);
        assert_non_null(decision);
        assert_string_equal(decision->statement->bindings[0].engine->name, names[i]);
        decision_release(decision);
    }
    assert_null(route_as(*state, "SELECT * FROM twin", "mysql", &err));
    assert_string_equal(err.sqlstate, SQLSTATE_FORCED_ENGINE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_cheaper_copy_is_read, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_reads_survive_an_engine, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_writes_must_name_the_copy, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_forced_engine_reads_its_copy, open_fixture, close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
