/* Sorts and window functions: the same rows whatever the budget and the number of threads, frames against a
 * reckoning by subqueries' plain sums, and a partition of all rows that must not be quadratic. */
#include "tests/unit/columnar_exec/exec_harness.h"

static Harness harness;
static char directory[64];

#define ROWS                                                                                                 \
    "(SELECT CASE WHEN g % 19 = 0 THEN NULL ELSE g * 7919 % 50021 END AS k, g AS v, g % 101 AS p, "          \
    "repeat('some text ', 1 + (g % 4)::int) || g * 31 % 977 AS s FROM generate_series(1, 60000) AS g) t"

static const char *const statements[] = {
    "SELECT v FROM " ROWS " ORDER BY k, v",
    "SELECT v FROM " ROWS " ORDER BY s DESC, v",
    "SELECT v FROM " ROWS " ORDER BY p, s, k DESC NULLS LAST, v",
    "SELECT v FROM " ROWS " ORDER BY k / 7.0 DESC, v",
    "SELECT v, s FROM " ROWS " ORDER BY p % 3",
    "SELECT s, k, v FROM " ROWS " ORDER BY p % 2 DESC, s, k NULLS FIRST",
    "SELECT v, s || repeat('0123456789', 40) AS l FROM " ROWS " ORDER BY p % 2",
    "SELECT v, s || repeat('0123456789', 40) AS l FROM " ROWS " ORDER BY p % 2, l, v",
    "SELECT v FROM generate_series(1, 1000000) g(v) ORDER BY v % 3 DESC OFFSET 700000",
    "SELECT sum(r), sum(d), max(s) FROM (SELECT rank() OVER (PARTITION BY p ORDER BY k) r, dense_rank() OVER "
    "(ORDER BY s) d, s FROM " ROWS ") x",
    "SELECT sum(a), sum(b), sum(c) FROM (SELECT sum(v) OVER (PARTITION BY p ORDER BY v ROWS BETWEEN 5 "
    "PRECEDING "
    "AND 3 FOLLOWING) a, count(k) OVER (PARTITION BY p) b, sum(v) OVER (PARTITION BY p ORDER BY v) c "
    "FROM " ROWS ") x",
    "SELECT count(l), max(l), min(f) FROM (SELECT lag(s, 2, 'none') OVER (PARTITION BY p ORDER BY v) l, "
    "first_value(s) OVER (PARTITION BY p ORDER BY s, v) f FROM " ROWS ") x",
    "SELECT sum(length(m)), max(m) FROM (SELECT min(s) OVER (PARTITION BY p ORDER BY v ROWS BETWEEN 3 "
    "PRECEDING "
    "AND 3 FOLLOWING EXCLUDE CURRENT ROW) m FROM " ROWS ") x",
    "SELECT count(*), sum(v) FROM (SELECT DISTINCT ON (p) p, v FROM " ROWS " ORDER BY p, k DESC, v) x",
    "SELECT count(*), sum(p) FROM (SELECT p FROM " ROWS " ORDER BY p FETCH FIRST 1000 ROWS WITH TIES) x",
};
enum { STATEMENTS = sizeof statements / sizeof *statements };

static void budgets_and_threads_change_nothing(void **state) {
    static const int64_t budgets[] = {0, 24 << 20, 9 << 20};
    for (int s = 0; s < STATEMENTS; s++)
        harness_check_budgets(&harness, directory, statements[s], budgets, 3);
}

static void it_did_spill(void **state) {
    static const char *const spilling[] = {
        "EXPLAIN ANALYZE SELECT v, s FROM " ROWS " ORDER BY s, v",
        "EXPLAIN ANALYZE SELECT v, rank() OVER (PARTITION BY p ORDER BY s) FROM " ROWS,
    };
    harness.memory_bytes = 6 << 20;
    harness.spill_directory = directory;
    for (int s = 0; s < 2; s++) {
        char *plan = harness_query(&harness, 2, spilling[s]);
        if (!strstr(plan, "spilled=")) fail_msg("%s\n%s %s", spilling[s], plan, harness.message);
        free(plan);
    }
}

static void same(const char *a, const char *b) {
    harness.memory_bytes = 0;
    char *left = harness_query(&harness, 2, a);
    if (harness.sqlstate[0]) fail_msg("%s: %s", a, harness.message);
    char *right = harness_query(&harness, 2, b);
    if (harness.sqlstate[0]) fail_msg("%s: %s", b, harness.message);
    if (strcmp(left, right)) fail_msg("%s\n%s%s\n%s", a, left, b, right);
    free(left);
    free(right);
}

/* Around the sizes of a word, a chunk and a batch. */
static void frames_are_what_joins_say(void **state) {
    static const int sizes[] = {0, 1, 2, 63, 64, 65, 511, 513, 2047, 2048, 2049, 3000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char a[600], b[600];
        snprintf(a, sizeof a,
                 "SELECT sum(s), sum(s * v) FROM (SELECT g AS v, sum(g) OVER (ORDER BY g ROWS BETWEEN 40 "
                 "PRECEDING "
                 "AND 25 FOLLOWING EXCLUDE CURRENT ROW) s FROM generate_series(1, %d) AS g) x",
                 sizes[i]);
        snprintf(
            b, sizeof b,
            "SELECT sum(s), sum(s * v) FROM (SELECT a.g AS v, sum(b.g) AS s FROM generate_series(1, %d) AS "
            "a(g) "
            "LEFT JOIN generate_series(1, %d) AS b(g) ON b.g >= a.g - 40 AND b.g <= a.g + 25 AND b.g <> a.g "
            "GROUP BY a.g) x",
            sizes[i], sizes[i]);
        same(a, b);
        snprintf(
            a, sizeof a,
            "SELECT sum(s * v) FROM (SELECT g AS v, sum(g) OVER (ORDER BY g ROWS BETWEEN 700 FOLLOWING AND "
            "UNBOUNDED FOLLOWING) s FROM generate_series(1, %d) AS g) x",
            sizes[i]);
        snprintf(b, sizeof b,
                 "SELECT sum(s * v) FROM (SELECT g AS v, CASE WHEN g + 700 <= %d THEN (%d - g - 699)::bigint "
                 "* (g + "
                 "700 + %d) / 2 "
                 "END AS s FROM generate_series(1, %d) AS g) x",
                 sizes[i], sizes[i], sizes[i], sizes[i]);
        same(a, b);
    }
}

/* 300,000 rows, frames of up to all of them: 45 billion additions were they taken one by one:
 * it would not end. */
static void one_large_partition_is_not_quadratic(void **state) {
    harness.memory_bytes = 0;
    char *text = harness_query(&harness, 2,
                               "SELECT max(s), count(m) FROM (SELECT sum(g) OVER (ORDER BY g ROWS BETWEEN "
                               "100000 PRECEDING AND 100000 "
                               "FOLLOWING) s, max(g) OVER (ORDER BY g ROWS BETWEEN CURRENT ROW AND UNBOUNDED "
                               "FOLLOWING EXCLUDE TIES) m "
                               "FROM generate_series(1, 300000) AS g) x");
    assert_string_equal(harness.sqlstate, "");
    assert_string_equal(text, "40000200000|300000\n");
    free(text);
}

static int set_up(void **state) {
    harness_init(&harness);
    strcpy(directory, "/tmp/sort-window-test-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state) {
    harness_deinit(&harness);
    return rmdir(directory); /* empty: spill files never had a name */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budgets_and_threads_change_nothing),
        cmocka_unit_test(it_did_spill),
        cmocka_unit_test(frames_are_what_joins_say),
        cmocka_unit_test(one_large_partition_is_not_quadratic),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
