/* Groups, set operations and recursion under budgets they do not fit: on disk what can be, the same rows. */
#include "tests/unit/columnar_exec/exec_harness.h"

static Harness harness;
static char directory[64];

typedef struct Case {
    const char *sql;
    int64_t budgets[3]; /* 0 = no more */
} Case;

static const Case cases[] = {
    /* what the workers hold fits, not the copy that merging makes */
    {"SELECT sum(c), count(*), max(m) FROM (SELECT x % 200000 AS k, count(*) AS c, "
     "max('some longish text ' || x % 1000) AS m FROM generate_series(1, 400000) x GROUP BY 1) t",
     {24 << 20, 32 << 20, 40 << 20}},
    {"SELECT count(*), sum(x) FROM (SELECT x FROM generate_series(1, 300000) x INTERSECT "
     "SELECT x * 2 FROM generate_series(1, 300000) x) q",
     {24 << 20, 32 << 20, 40 << 20}},
    {"SELECT count(*), sum(x) FROM (SELECT x % 70000 AS x FROM generate_series(1, 300000) x EXCEPT ALL "
     "SELECT x * 2 FROM generate_series(1, 30000) x) q",
     {24 << 20, 32 << 20, 40 << 20}},
};
enum { CASES = sizeof cases / sizeof *cases };

static void budgets_change_nothing(void **state) {
    for (int c = 0; c < CASES; c++) {
        harness.memory_bytes = 0;
        harness.spill_directory = NULL;
        char *expected = harness_query(&harness, 1, cases[c].sql);
        assert_string_equal(harness.sqlstate, "");
        harness.spill_directory = directory;
        for (int b = 0; b < 3 && cases[c].budgets[b]; b++)
            for (int threads = 1; threads <= 2; threads++) {
                harness.memory_bytes = cases[c].budgets[b];
                char *actual = harness_query(&harness, threads, cases[c].sql);
                if (strcmp(actual, expected))
                    fail_msg("%s\nbudget %lld, %d threads: %s(%s) in place of %s", cases[c].sql,
                             (long long)cases[c].budgets[b], threads, actual, harness.message, expected);
                assert_int_equal(harness.left_reserved, 0);
                free(actual);
            }
        free(expected);
    }
}

static int set_up(void **state) {
    harness_init(&harness);
    strcpy(directory, "/tmp/small-budget-test-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state) {
    harness_deinit(&harness);
    return rmdir(directory); /* empty: spill files never had a name */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(budgets_change_nothing)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
