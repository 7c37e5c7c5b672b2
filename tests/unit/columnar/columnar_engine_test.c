/* The engine as the router uses it: plan once, execute many times, see new snapshots without being told. */
#include "tests/unit/columnar/engine_fixture.h"

static void test_a_plan_sees_new_snapshots(void **state) {
    Fixture *fixture = *state;
    append_rows(fixture, 1, 100);
    Parsed all, some;
    parse("select count(*) from numbers", 0, &all);
    parse("select count(b) from numbers where a > $1 and b < 1000", 1, &some);
    EnginePlan *plan_all = plan_of(fixture, &all), *plan_some = plan_of(fixture, &some);
    Param forty = {.kind = PARAM_INT, .text = "40", .length = 2},
          ninety = {.kind = PARAM_INT, .text = "90", .length = 2};
    assert_int_equal(single_value(fixture, plan_all, NULL, 0), 100);
    assert_int_equal(single_value(fixture, plan_some, &forty, 1), 59);
    assert_int_equal(single_value(fixture, plan_some, &ninety, 1), 9);
    append_rows(fixture, 41, 20);
    assert_int_equal(single_value(fixture, plan_all, NULL, 0), 120);
    assert_int_equal(single_value(fixture, plan_some, &forty, 1), 79);
    engine_plan_release(plan_all);
    engine_plan_release(plan_some);
    pg_query__parse_result__free_unpacked(all.tree, NULL);
    pg_query__parse_result__free_unpacked(some.tree, NULL);
}

static void test_a_stream_outlives_its_plan_and_the_table_s_version(void **state) {
    Fixture *fixture = *state;
    append_rows(fixture, 1, 2000);
    Parsed parsed;
    parse("select a from numbers", 0, &parsed);
    EnginePlan *plan = plan_of(fixture, &parsed);
    ExecutionStats stats = {0};
    Execution execution = {.stats = &stats};
    ArrowArrayStream stream;
    ArrowArray array;
    Error err = {0};
    assert_int_equal(columnar_engine_ops.execute(fixture->engine, plan, &execution, &stream, &err),
                     STATUS_OK);
    append_rows(fixture, 1, 10);
    ArrowArrayStream second;
    assert_int_equal(columnar_engine_ops.execute(fixture->engine, plan, &execution, &second, &err),
                     STATUS_OK);
    arrow_stream_release(&second);
    int64_t rows = 0;
    for (;;) {
        assert_int_equal(arrow_stream_next(&stream, &array, &err), STATUS_OK);
        if (!array.release) break;
        rows += array.length;
        arrow_array_release(&array);
    }
    arrow_stream_release(&stream);
    assert_int_equal(rows, 2000);
    engine_plan_release(plan);
    pg_query__parse_result__free_unpacked(parsed.tree, NULL);
}

static void test_verdicts(void **state) {
    Fixture *fixture = *state;
    Parsed parsed;
    EngineVerdict verdict;
    EnginePlan *plan = NULL;
    Error err = {0};
    parse("select random() from numbers", 0, &parsed);
    assert_int_equal(columnar_engine_ops.plan(fixture->engine, &parsed.statement, &verdict, &plan, &err),
                     STATUS_OK);
    assert_false(verdict.eligible);
    assert_string_equal(verdict.sqlstate, "0A000");
    assert_non_null(strstr(verdict.why, "random()"));
    pg_query__parse_result__free_unpacked(parsed.tree, NULL);
    parse("select nosuch from numbers", 0, &parsed);
    assert_int_equal(columnar_engine_ops.plan(fixture->engine, &parsed.statement, &verdict, &plan, &err),
                     STATUS_ERROR);
    assert_string_equal(err.sqlstate, "42703");
    assert_int_equal(err.position, 8);
    pg_query__parse_result__free_unpacked(parsed.tree, NULL);
}

static void test_describe_scan_and_health(void **state) {
    Fixture *fixture = *state;
    append_rows(fixture, 1, 7);
    TableList list;
    Error err = {0};
    assert_int_equal(columnar_engine_ops.describe(fixture->engine, &fixture->arena, &list, &err), STATUS_OK);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.default_schema, "default");
    assert_string_equal(list.tables[0].name, "numbers");
    assert_int_equal(list.tables[0].column_count, 2);
    assert_true(list.tables[0].row_estimate == 7);
    int columns[1] = {1};
    uint64_t applied = 99;
    ExecutionStats stats = {0};
    Execution execution = {.stats = &stats};
    ScanRequest request = {.table = &list.tables[0], .columns = columns, .column_count = 1};
    ArrowArrayStream stream;
    ArrowArray array;
    assert_int_equal(columnar_engine_ops.scan(fixture->engine, &request, &execution, &stream, &applied, &err),
                     STATUS_OK);
    assert_int_equal(applied, 0);
    int64_t sum = 0;
    for (;;) {
        assert_int_equal(arrow_stream_next(&stream, &array, &err), STATUS_OK);
        if (!array.release) break;
        for (int64_t i = 0; i < array.length; i++)
            sum += ((const int64_t *)array.children[0]->buffers[1])[array.children[0]->offset + i];
        arrow_array_release(&array);
    }
    arrow_stream_release(&stream);
    assert_int_equal(sum, 280);
    EngineHealth health;
    columnar_engine_ops.health(fixture->engine, &health);
    assert_true(health.up);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_plan_sees_new_snapshots, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stream_outlives_its_plan_and_the_table_s_version, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_verdicts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_describe_scan_and_health, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
