/* A shape whose answers differed is read at its source until it is taken off the list. */
#include "router/fingerprint.h"
#include "tests/unit/router/fake_engine.h"

static const char *engine_for(Fixture *fixture, const char *sql, const char *forced) {
    Error err;
    Decision *decision = route_as(fixture, sql, forced, &err);
    if (!decision) fail_msg("%s", err.message);
    const char *name = decision->engine->name;
    decision_release(decision);
    return name;
}

static void shapes_leave_and_come_back(void **state) {
    static PlacementConfig declared[] = {{.table = "twin", .engines = "postgres:columnar", .line = 1}};
    static const char sql[] = "SELECT count(*) FROM twin WHERE iata = 'a'";
    static const char same[] = "select count(*) from twin where iata = 'b'";
    Fixture *fixture = calloc(1, sizeof *fixture);
    Error err;
    fixture_open(fixture);
    router_destroy(fixture->router);
    fixture->config.placements = declared;
    fixture->config.placement_count = 1;
    assert_int_equal(router_create(&fixture->config, fixture->engines, 3, &fixture->router, &err), STATUS_OK);
    assert_int_equal(router_refresh(fixture->router, &err), STATUS_OK);
    fixture->postgres.cost_ms = 9;
    assert_string_equal(engine_for(fixture, "SELECT max(iata) FROM twin", NULL), "columnar");
    bool by_cost = !strcmp(engine_for(fixture, "SELECT count(*) FROM twin", NULL), "columnar");
    assert_true(by_cost);
    uint64_t shapes[] = {UINT64_MAX, fingerprint_hash("SELECT count(*) FROM twin", 25),
                         fingerprint_hash(sql, sizeof sql - 1)};
    router_set_quarantine(fixture->router, shapes, 3);
    assert_int_equal(router_quarantine_count(fixture->router), 3);
    assert_string_equal(engine_for(fixture, "SELECT count(*) FROM twin", NULL), "postgres");
    assert_string_equal(engine_for(fixture, same, NULL), "postgres");
    assert_string_equal(engine_for(fixture, "SELECT max(iata) FROM twin", NULL), "columnar");
    assert_string_equal(engine_for(fixture, "SELECT count(*) FROM twin", "columnar"), "columnar");
    fixture->postgres.up = false; /* no answer rather than one that is known to differ */
    router_tick(fixture->router);
    assert_null(route_as(fixture, same, NULL, &err));
    assert_string_equal(err.sqlstate, SQLSTATE_ENGINE_DOWN);
    assert_string_equal(engine_for(fixture, "SELECT max(iata) FROM twin", NULL), "columnar");
    fixture->postgres.up = true;
    router_tick(fixture->router);
    router_set_quarantine(fixture->router, NULL, 0);
    assert_string_equal(engine_for(fixture, "SELECT count(*) FROM twin", NULL), "columnar");
    fixture_close(fixture);
    free(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(shapes_leave_and_come_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
