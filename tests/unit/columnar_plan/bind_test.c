/* Statements in, plans or errors out. Result names and types, SQLSTATEs and positions are PostgreSQL 15's own
 * answers to the same statements over the same tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/columnar_plan/fake_catalog.h"

typedef struct PlanCase {
    const char *sql, *plan;
} PlanCase;
typedef struct TypeCase {
    const char *sql, *columns;
} TypeCase;
typedef struct ErrorCase {
    const char *sql, *sqlstate;
    int position;
    const char *message, *hint;
} ErrorCase;

#include "tests/unit/columnar_plan/plan_cases.inc"

static void test_plans(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof PLAN_CASES / sizeof PLAN_CASES[0]; i++) {
        Plan *plan = NULL;
        Error err;
        if (fake_plan(PLAN_CASES[i].sql, &plan, &err) != STATUS_OK)
            fail_msg("%s: %s %s", PLAN_CASES[i].sql, err.sqlstate, err.message);
        StrBuf text;
        strbuf_init(&text);
        plan_explain(plan, false, NULL, NULL, &text);
        if (strcmp(strbuf_text(&text), PLAN_CASES[i].plan) != 0)
            fail_msg("%s\nexpected:\n%sgot:\n%s", PLAN_CASES[i].sql, PLAN_CASES[i].plan, strbuf_text(&text));
        strbuf_deinit(&text);
        plan_destroy(plan);
    }
}

static void test_result_columns(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof TYPE_CASES / sizeof TYPE_CASES[0]; i++) {
        Plan *plan = NULL;
        Error err;
        if (fake_plan(TYPE_CASES[i].sql, &plan, &err) != STATUS_OK)
            fail_msg("%s: %s %s", TYPE_CASES[i].sql, err.sqlstate, err.message);
        StrBuf text;
        strbuf_init(&text);
        for (int c = 0; c < plan->root->column_count; c++)
            strbuf_printf(&text, "%s%s|%s", c ? ", " : "", plan->root->columns[c].name,
                          plan->root->columns[c].type_name);
        if (strcmp(strbuf_text(&text), TYPE_CASES[i].columns) != 0)
            fail_msg("%s\nexpected: %s\ngot:      %s", TYPE_CASES[i].sql, TYPE_CASES[i].columns,
                     strbuf_text(&text));
        strbuf_deinit(&text);
        plan_destroy(plan);
    }
}

static void test_errors(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ERROR_CASES / sizeof ERROR_CASES[0]; i++) {
        const ErrorCase *expected = &ERROR_CASES[i];
        Plan *plan = NULL;
        Error err;
        if (fake_plan(expected->sql, &plan, &err) == STATUS_OK)
            fail_msg("%s: planned, expected %s", expected->sql, expected->sqlstate);
        if (strcmp(err.sqlstate, expected->sqlstate) != 0 || err.position != expected->position ||
            (expected->message && strcmp(err.message, expected->message) != 0) ||
            (expected->hint && strcmp(err.hint, expected->hint) != 0))
            fail_msg("%s\nexpected: %s @%d %s [%s]\ngot:      %s @%d %s [%s]", expected->sql,
                     expected->sqlstate, expected->position, expected->message ? expected->message : "",
                     expected->hint ? expected->hint : "", err.sqlstate, err.position, err.message, err.hint);
    }
}

static void test_json_explain(void **state) {
    (void)state;
    Plan *plan = NULL;
    Error err;
    assert_int_equal(fake_plan("explain (format json) select a from t where a = 1", &plan, &err), STATUS_OK);
    assert_true(plan->explain && plan->explain_json && !plan->analyze);
    StrBuf text;
    strbuf_init(&text);
    plan_explain(plan, true, NULL, NULL, &text);
    assert_non_null(strstr(strbuf_text(&text), "\"Node Type\":\"Scan\",\"Table\":\"t\""));
    strbuf_deinit(&text);
    plan_destroy(plan);
}

static void test_parameters_take_their_types_from_context(void **state) {
    (void)state;
    Plan *plan = NULL;
    Error err;
    assert_int_equal(fake_plan("select $4 from t where a = $1 and c = $2 and h > $3", &plan, &err),
                     STATUS_OK);
    assert_int_equal(plan->param_count, 4);
    assert_int_equal(plan->param_types[0].id, SQL_INT4);
    assert_int_equal(plan->param_types[1].id, SQL_TEXT);
    assert_int_equal(plan->param_types[2].id, SQL_TIMESTAMP);
    assert_int_equal(plan->param_types[3].id, SQL_TEXT);
    plan_destroy(plan);
}

static void test_a_parameter_number_does_not_decide_about_memory(void **state) {
    Plan *plan = NULL;
    Error err;
    assert_int_equal(fake_plan("select a from t where a = $2000000000", &plan, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_PROGRAM_LIMIT);
}

static double cost_of(const char *sql) {
    Plan *plan = NULL;
    Error err;
    EngineEstimate estimate;
    if (fake_plan(sql, &plan, &err) != STATUS_OK) fail_msg("%s: %s", sql, err.message);
    PlanSpeed speed = {.threads = 2, .start = 1, .scan = 1, .hash = 1};
    plan_estimate(plan, &speed, &estimate);
    plan_destroy(plan);
    return estimate.cost_ms;
}

/* Measured: 10, 20, 60 and 900 ms, and next to nothing. */
static void test_costs_are_of_the_right_size(void **state) {
    double scan = cost_of("select origin, count(*) from flights group by 1");
    assert_true(scan > 3 && scan < 30);
    double join =
        cost_of("select a.city, count(*) from flights f join airports a on a.iata = f.origin group by 1");
    assert_true(join > scan && join < 100);
    assert_true(cost_of("select * from flights limit 10") < scan / 2);
    assert_true(cost_of("select * from flights order by date") > 5 * scan);
    assert_true(cost_of("select * from flights order by date limit 10") < 5 * scan);
    assert_true(cost_of("explain select origin, count(*) from flights group by 1") < 1);
    assert_true(cost_of("select 1") < 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_result_columns),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_json_explain),
        cmocka_unit_test(test_parameters_take_their_types_from_context),
        cmocka_unit_test(test_a_parameter_number_does_not_decide_about_memory),
        cmocka_unit_test(test_costs_are_of_the_right_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
