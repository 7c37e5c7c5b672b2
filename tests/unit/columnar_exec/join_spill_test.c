/* Joins of every type under small budgets: spilled or not, the same rows; cancelled at any moment, nothing
 * stays. */
#include "tests/unit/columnar_exec/exec_harness.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>

#include "engines/base/clock.h"

static Harness harness;
static char directory[64];

/* 60,000 rows a side, keys that match none, one or several rows, NULLs, long strings. */
#define LEFT                                                                                                 \
    "(SELECT CASE WHEN g % 17 = 0 THEN NULL ELSE g % 40000 END AS k, g AS v, "                               \
    "repeat('left ', 1 + (g % 5)::int) || g AS s FROM generate_series(1, 60000) AS g) l"
#define RIGHT                                                                                                \
    "(SELECT CASE WHEN g % 13 = 0 THEN NULL ELSE g % 50000 + 20000 END AS k, g AS w, "                       \
    "repeat('right ', 1 + (g % 4)::int) || g AS t FROM generate_series(1, 60000) AS g) r"

static const char *const statements[] = {
    "SELECT count(*), sum(v), sum(w), sum(length(s)), max(t) FROM " LEFT " JOIN " RIGHT " ON l.k = r.k",
    "SELECT count(*), sum(v), sum(w), count(w), max(t), min(s) FROM " LEFT " LEFT JOIN " RIGHT
    " ON l.k = r.k",
    "SELECT count(*), sum(v), count(v), sum(w), max(t), min(s) FROM " LEFT " RIGHT JOIN " RIGHT
    " ON l.k = r.k",
    "SELECT count(*), sum(v), count(v), sum(w), count(w), max(t), min(s) FROM " LEFT " FULL JOIN " RIGHT
    " ON l.k = r.k",
    "SELECT count(*), sum(v), sum(w) FROM " LEFT " LEFT JOIN " RIGHT " ON l.k = r.k AND l.v < r.w",
    "SELECT count(*), sum(v), sum(w) FROM " LEFT " FULL JOIN " RIGHT " ON l.k = r.k AND l.v < r.w",
    "SELECT count(*), sum(v), max(s) FROM " LEFT " WHERE EXISTS (SELECT 1 FROM " RIGHT " WHERE l.k = r.k)",
    "SELECT count(*), sum(v), max(s) FROM " LEFT " WHERE EXISTS (SELECT 1 FROM " RIGHT
    " WHERE l.k = r.k AND r.w > l.v)",
    "SELECT count(*), sum(v), max(s) FROM " LEFT " WHERE NOT EXISTS (SELECT 1 FROM " RIGHT
    " WHERE l.k = r.k)",
    "SELECT count(*), sum(v) FROM " LEFT " WHERE NOT EXISTS (SELECT 1 FROM " RIGHT
    " WHERE l.k = r.k AND r.w > l.v)",
    "SELECT count(*), sum(v) FROM " LEFT " WHERE k NOT IN (SELECT k FROM " RIGHT " WHERE k IS NOT NULL)",
    "SELECT count(*), sum(v) FROM " LEFT " WHERE (k IN (SELECT k FROM " RIGHT ")) IS NULL",
    "SELECT count(*), sum(v) FROM " LEFT " WHERE (k NOT IN (SELECT k FROM " RIGHT ")) OR v % 2 = 0",
    "SELECT sum(v), sum((SELECT w FROM " RIGHT " WHERE r.w = l.v)) FROM " LEFT,
    "SELECT count(*), sum(length(t)) FROM " LEFT " JOIN " RIGHT " ON l.s = replace(r.t, 'right', 'left')",
    /* one key with most of the rows: chunks */
    "SELECT count(*), sum(v), sum(w) FROM " LEFT " JOIN (SELECT 7 AS k, w, t FROM " RIGHT ") r ON l.k = r.k",
    "SELECT count(*), sum(v), sum(w), count(w) FROM " LEFT
    " LEFT JOIN (SELECT CASE WHEN w < 50000 THEN 7 ELSE 8 "
    "END AS k, w, t FROM " RIGHT ") r ON l.k = r.k",
    "SELECT count(*), sum(v), sum(w), count(v) FROM " LEFT
    " FULL JOIN (SELECT CASE WHEN w < 50000 THEN 7 ELSE -8 "
    "END AS k, w, t FROM " RIGHT ") r ON l.k = r.k",
    "SELECT count(*), sum(v) FROM " LEFT
    " WHERE NOT EXISTS (SELECT 1 FROM (SELECT CASE WHEN w < 50000 THEN 7 ELSE "
    "8 END AS k, w, t FROM " RIGHT ") r WHERE l.k = r.k AND r.w + l.v = 1000)",
    /* a small left side, which is built */
    "SELECT count(*), sum(v), max(s) FROM (SELECT * FROM " LEFT
    " WHERE v % 9 = 0) l WHERE EXISTS (SELECT 1 FROM " RIGHT " WHERE l.k = r.k)",
    "SELECT count(*), sum(v), max(s) FROM (SELECT * FROM " LEFT
    " WHERE v % 9 = 0) l WHERE EXISTS (SELECT 1 FROM " RIGHT " WHERE l.k = r.k AND r.w > l.v)",
    "SELECT count(*), sum(v), max(s) FROM (SELECT * FROM " LEFT
    " WHERE v % 9 = 0) l WHERE NOT EXISTS (SELECT 1 FROM " RIGHT " WHERE l.k = r.k)",
    "SELECT count(*), sum(v), max(s) FROM (SELECT * FROM " LEFT
    " WHERE v % 9 = 0) l WHERE NOT EXISTS (SELECT 1 FROM " RIGHT " WHERE l.k = r.k AND r.w > l.v)",
    "SELECT count(*), sum(v), sum(w), count(w), max(t) FROM (SELECT * FROM " LEFT
    " WHERE v % 9 = 0) l LEFT JOIN " RIGHT " ON l.k = r.k AND l.v < r.w",
    /* joins over joins */
    "SELECT count(*), sum(l.v), sum(r.w), sum(x.w) FROM " LEFT " JOIN " RIGHT
    " ON l.k = r.k LEFT JOIN (SELECT * FROM " RIGHT ") x ON x.w = l.v",
};
enum { STATEMENTS = sizeof statements / sizeof *statements };

static int open_files(void) {
    DIR *entries = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(entries))
        count++;
    closedir(entries);
    return count;
}

static int threads_of_process(void) {
    DIR *entries = opendir("/proc/self/task");
    int count = 0;
    while (readdir(entries))
        count++;
    closedir(entries);
    return count;
}

static void spilled_joins_give_the_same_rows(void **state) {
    static const int64_t budgets[] = {6 << 20, 3 << 20};
    for (int s = 0; s < STATEMENTS; s++)
        harness_check_budgets(&harness, directory, statements[s], budgets, 2);
}

/* The rows take less than the budget by themselves, with their table they do not. */
static void budgets_between_rows_and_table(void **state) {
    static const char sql[] =
        "SELECT count(*), sum(l.g), sum(r.g) FROM generate_series(1, 90000) l(g) LEFT JOIN "
        "(SELECT g, g + 1 AS h FROM generate_series(1, 66000) g) r ON l.g = r.h";
    harness.memory_bytes = 0;
    char *expected = harness_query(&harness, 1, sql);
    harness.spill_directory = directory;
    for (int64_t bytes = 2 << 20; bytes < 9 << 20; bytes += 300 << 10) {
        harness.memory_bytes = bytes;
        char *actual = harness_query(&harness, 2, sql);
        if (strcmp(actual, expected)) fail_msg("%lld: %s %s", (long long)bytes, actual, harness.message);
        free(actual);
    }
    free(expected);
}

static void it_did_spill(void **state) {
    harness.memory_bytes = 5 << 19;
    harness.spill_directory = directory;
    char *plan = harness_query(
        &harness, 2, "EXPLAIN ANALYZE SELECT count(*), max(t) FROM " LEFT " JOIN " RIGHT " ON l.k = r.k");
    assert_non_null(strstr(plan, "spilled="));
    free(plan);
}

static void without_spilling_it_is_53200(void **state) {
    harness.memory_bytes = 5 << 19;
    harness.spill_directory = NULL;
    char *text = harness_query(&harness, 2, statements[0]);
    assert_string_equal(harness.sqlstate, "53200");
    assert_int_equal(harness.left_reserved, 0);
    free(text);
}

/* ---- cancelling ------------------------------------------------------------------------------------------
 */

typedef struct Canceller {
    CancelToken token;
    int64_t after_us;
    int64_t at_ns;
} Canceller;

static void *cancel_later(void *argument) {
    Canceller *canceller = argument;
    struct timespec pause = {canceller->after_us / 1000000, canceller->after_us % 1000000 * 1000};
    nanosleep(&pause, NULL);
    canceller->at_ns = clock_now_ns();
    cancel_request(&canceller->token, CANCEL_BY_USER);
    return NULL;
}

static const char *const long_running[] = {
    "SELECT count(*) FROM " LEFT " JOIN " RIGHT " ON l.k % 10 = r.k % 10",
    "SELECT count(*) FROM " LEFT " JOIN " RIGHT " ON l.v < r.w",
    "SELECT count(*) FROM " LEFT " CROSS JOIN " RIGHT,
    "SELECT count(*) FROM " LEFT " WHERE NOT EXISTS (SELECT 1 FROM " RIGHT " WHERE l.v + r.w < 0)",
    "SELECT count(*) FROM " LEFT " WHERE l.v NOT IN (SELECT r.w + l.v FROM " RIGHT " WHERE r.w > 59999)",
    "SELECT l.v, r.w FROM " LEFT " FULL JOIN " RIGHT " ON l.k = r.k ORDER BY l.s || r.t",
    "SELECT l.s, count(*), sum(w) FROM " LEFT " JOIN " RIGHT
    " ON l.k % 3000 = r.k % 3000 GROUP BY 1 ORDER BY 1",
    "SELECT count(DISTINCT s || v), count(DISTINCT v) FROM (SELECT l.s, r.w + l.v AS v FROM " LEFT
    " JOIN " RIGHT " ON l.k % 2000 = r.k % 2000) x",
    "SELECT v, s FROM (SELECT v, s FROM " LEFT " UNION ALL SELECT w, t FROM " RIGHT
    ") x INTERSECT SELECT w, t FROM " RIGHT,
    "SELECT sum(v) FROM (SELECT v, s FROM " LEFT " ORDER BY s LIMIT 59000) x",
    "SELECT count(*) FROM generate_series(1, 2000000000) g WHERE g % 7 = 8",
    "SELECT v, sum(v) OVER (PARTITION BY k ORDER BY s) FROM " LEFT,
};
enum { LONG_RUNNING = sizeof long_running / sizeof *long_running };

static void cancelled_joins_leave_nothing(void **state) {
    int files = open_files(), tasks = threads_of_process();
    uint64_t random = 12345;
    int64_t slowest_us = 0;
    int stopped = 0;
    harness.spill_directory = directory;
    for (int round = 0; round < 6; round++)
        for (int s = 0; s < LONG_RUNNING; s++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            Canceller canceller = {.after_us = (int64_t)(random >> 33) % 60000};
            cancel_init(&canceller.token, 0);
            harness.cancel = &canceller.token;
            harness.memory_bytes = round % 2 ? 8 << 20 : 256 << 20;
            pthread_t thread;
            pthread_create(&thread, NULL, cancel_later, &canceller);
            char *text = harness_query(&harness, 2, long_running[s]);
            int64_t ended_ns = clock_now_ns();
            pthread_join(thread, NULL);
            harness.cancel = NULL;
            bool refused = !strcmp(harness.sqlstate, "0A000"); /* not every build has every operator */
            if (!strcmp(harness.sqlstate, "57014")) {
                int64_t took_us = (ended_ns - canceller.at_ns) / 1000;
                slowest_us = took_us > slowest_us ? took_us : slowest_us;
                stopped++;
            } else if (harness.sqlstate[0] && !refused && strcmp(harness.sqlstate, "53200") != 0) {
                fail_msg("%s: %s %s", long_running[s], harness.sqlstate, harness.message);
            }
            assert_int_equal(harness.left_reserved, 0);
            free(text);
        }
    print_message("%d stopped, the slowest %lld us after the request\n", stopped, (long long)slowest_us);
    assert_true(stopped > LONG_RUNNING);
    assert_int_equal(open_files(), files);
    assert_int_equal(threads_of_process(), tasks);
}

static int set_up(void **state) {
    harness_init(&harness);
    strcpy(directory, "/tmp/join-spill-test-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state) {
    harness_deinit(&harness);
    return rmdir(directory); /* empty: spill files never had a name */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spilled_joins_give_the_same_rows),
        cmocka_unit_test(budgets_between_rows_and_table),
        cmocka_unit_test(it_did_spill),
        cmocka_unit_test(without_spilling_it_is_53200),
        cmocka_unit_test(cancelled_joins_leave_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
