/* approx_count_distinct, which PostgreSQL does not have: near the truth, and the same at any number of
 * threads and under any budget. */
#include "tests/unit/columnar_exec/exec_harness.h"

static Harness harness;

static double estimate(int threads, const char *sql) {
    char *text = harness_query(&harness, threads, sql);
    assert_string_equal(harness.sqlstate, "");
    double value = atof(text);
    free(text);
    return value;
}

static void near_the_truth(void **state) {
    static const struct {
        const char *sql;
        double truth;
    } cases[] = {
        {"SELECT approx_count_distinct(g) FROM generate_series(1, 300000) g", 300000},
        {"SELECT approx_count_distinct(g % 1000) FROM generate_series(1, 300000) g", 1000},
        {"SELECT approx_count_distinct('text number ' || g % 5000) FROM generate_series(1, 100000) g", 5000},
        {"SELECT approx_count_distinct(g % 77 / 2.0) FROM generate_series(1, 100000) g", 77},
        {"SELECT approx_count_distinct(date '2020-01-01' + (g % 365)::int) FROM generate_series(1, 100000) g",
         365},
        {"SELECT approx_count_distinct((g % 3)::float8) FROM generate_series(1, 100000) g", 3},
        {"SELECT max(c) FROM (SELECT g % 40 AS k, approx_count_distinct(g % 200) AS c FROM "
         "generate_series(1, 100000) g GROUP BY 1) t",
         5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double one = estimate(1, cases[i].sql), two = estimate(2, cases[i].sql);
        assert_true(one == two);
        if (one < cases[i].truth * 0.9 || one > cases[i].truth * 1.1) fail_msg("%s: %g", cases[i].sql, one);
    }
}

static void nothing_and_nulls(void **state) {
    assert_true(estimate(1, "SELECT approx_count_distinct(g) FROM generate_series(1, 0) g") == 0);
    assert_true(estimate(1, "SELECT approx_count_distinct(NULL::int) FROM generate_series(1, 9) g") == 0);
    assert_true(
        estimate(
            1, "SELECT approx_count_distinct(CASE WHEN g > 5 THEN 1 END) FROM generate_series(1, 9) g") == 1);
    assert_true(
        estimate(1, "SELECT approx_count_distinct(g) FILTER (WHERE g < 3) FROM generate_series(1, 9) g") ==
        2);
}

static int set_up(void **state) {
    harness_init(&harness);
    return 0;
}

static int tear_down(void **state) {
    harness_deinit(&harness);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(near_the_truth), cmocka_unit_test(nothing_and_nulls)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
