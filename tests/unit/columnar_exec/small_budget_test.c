/* Groups, set operations and LIMIT under budgets they do not fit: on disk what can be, the same rows. */
#include "tests/unit/columnar_exec/exec_harness.h"

static Harness harness;
static char directory[64];

static const char *const statements[] = {
    /* what the workers hold fits, not the copy that merging makes */
    "SELECT sum(c), count(*), max(m) FROM (SELECT x % 200000 AS k, count(*) AS c, "
    "max('some longish text ' || x % 1000) AS m FROM generate_series(1, 400000) x GROUP BY 1) t",
    "SELECT count(*), sum(x) FROM (SELECT x FROM generate_series(1, 300000) x INTERSECT "
    "SELECT x * 2 FROM generate_series(1, 300000) x) q",
    "SELECT count(*), sum(x) FROM (SELECT x % 70000 AS x FROM generate_series(1, 300000) x EXCEPT ALL "
    "SELECT x * 2 FROM generate_series(1, 30000) x) q",
    /* LIMIT and OFFSET inside a plan, whose rows are kept in order */
    "SELECT count(*), min(s), max(s), sum(x) FROM (SELECT x, repeat('a longish text ', 8) || x AS s FROM "
    "generate_series(1, 250000) x OFFSET 12345 LIMIT 230000) q WHERE length(s) > 3",
};
enum { STATEMENTS = sizeof statements / sizeof *statements };

static const char *const tops[] = {
    /* top-N of more than fits, of short keys and of long ones, of a first bound and of one ever lowered */
    "SELECT count(*), min(s), max(s), sum(x) FROM (SELECT x, repeat('a longish text ', 40) || x AS s FROM "
    "generate_series(1, 120000) x ORDER BY (x::bigint * 7919) % 100003, x LIMIT 50000) q",
    "SELECT count(*), min(s), max(s), sum(x) FROM (SELECT x, repeat('a longish text ', 40) || x AS s FROM "
    "generate_series(1, 120000) x ORDER BY s DESC LIMIT 60000 OFFSET 1000) q",
    "SELECT count(*), sum(x), max(s) FROM (SELECT x, repeat('b', 700) || x AS s FROM generate_series(1, "
    "100000) x "
    "ORDER BY -x LIMIT 30000) r WHERE length(s) > 700",
    /* everything on disk, columns in their keys alone */
    "SELECT count(*), sum(y), sum(b::int), min(z), sum(y * (x % 7)) FROM (SELECT x, -x AS y, CASE WHEN x % 3 "
    "> 0 "
    "THEN x % 5 = 0 END AS b, repeat('c', 20) || x AS z FROM generate_series(1, 400000) x ORDER BY b DESC, "
    "y, z "
    "DESC LIMIT 390000) r",
};
enum { TOPS = sizeof tops / sizeof *tops };

static void budgets_change_nothing(void **state) {
    static const int64_t budgets[] = {24 << 20, 32 << 20, 40 << 20};
    for (int s = 0; s < STATEMENTS; s++)
        harness_check_budgets(&harness, directory, statements[s], budgets, 3);
}

static void tops_spill(void **state) {
    static const int64_t budgets[] = {32 << 20, 48 << 20, 80 << 20};
    for (int s = 0; s < TOPS; s++)
        harness_check_budgets(&harness, directory, tops[s], budgets, 3);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(budgets_change_nothing),
                                       cmocka_unit_test(tops_spill)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
