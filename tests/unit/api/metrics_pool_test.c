/* Counters of several processes in one file: sums that never go backwards, whoever dies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi/api/metrics_pool.h"

static char directory[] = "/tmp/signalbox-metrics-XXXXXX";

enum { LAYOUT = 7 };

static MetricsPool *open_pool(void) {
    MetricsPool *pool = NULL;
    Error err = {0};
    if (metrics_pool_open(directory, LAYOUT, &pool, &err) != STATUS_OK) fail_msg("%s", err.message);
    return pool;
}

static void publish(MetricsPool *pool, double parses, double resident, double rules) {
    PublishedValues values = {0};
    values.values[PUBLISHED_PARSES][0] = parses;
    values.values[PUBLISHED_RESIDENT_BYTES][0] = resident;
    values.values[PUBLISHED_RULES][0] = rules;
    values.values[PUBLISHED_JOBS_COMPLETED][0] = 100 + parses;
    metrics_pool_publish(pool, &values);
}

/* A process that counts, tells that it has, and waits to be killed. */
static pid_t start_child(int requests, double parses) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        MetricsPool *pool;
        Error err;
        if (metrics_pool_open(directory, LAYOUT, &pool, &err) != STATUS_OK) _exit(1);
        for (int i = 0; i < requests; i++)
            metrics_count_request(metrics_pool_own(pool), 1, 200, 2000000);
        publish(pool, parses, 1e6, 3);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return child;
}

static void end_child(pid_t child) {
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static uint64_t requests_of(MetricsPool *pool, double *parses) {
    MetricsSum sum;
    metrics_pool_sum(pool, &sum);
    if (parses) *parses = sum.published.values[PUBLISHED_PARSES][0];
    uint64_t total = 0;
    for (int i = 0; i <= METRICS_BUCKETS; i++)
        total += sum.counters.request_time[1].buckets[i];
    assert_int_equal(sum.counters.request_time[1].sum_ns, total * 2000000);
    return total;
}

static void count_visit(void *context, const MetricsProcess *process) {
    int *seen = context;
    seen[process->slot]++;
    assert_true(process->pid > 0);
    assert_true(process->started_seconds > 1e9);
    assert_string_equal(process->version, SIGNALBOX_VERSION);
}

static void sums_outlive_their_processes(void **state) {
    MetricsPool *pool = open_pool();
    publish(pool, 5, 2e6, 3);
    pid_t first = start_child(100, 10), second = start_child(20, 7);
    double parses;
    assert_int_equal(requests_of(pool, &parses), 120);
    assert_true(parses == 22);
    MetricsSum sum;
    metrics_pool_sum(pool, &sum);
    assert_true(sum.published.values[PUBLISHED_JOBS_COMPLETED][0] == 110); /* one count, as all see it */
    int seen[4] = {0};
    metrics_pool_each(pool, count_visit, seen);
    assert_int_equal(seen[0] + seen[1] + seen[2], 3);
    end_child(first);
    memset(seen, 0, sizeof seen);
    metrics_pool_each(pool, count_visit, seen);
    assert_int_equal(seen[1], 0); /* the lowest free slot was the first's */
    assert_int_equal(seen[0] + seen[2], 2);
    assert_int_equal(requests_of(pool, &parses), 120);
    assert_true(parses == 22);
    /* The next one goes on from there: its own count starts at 0 again. */
    pid_t third = start_child(1, 2);
    assert_int_equal(requests_of(pool, &parses), 121);
    assert_true(parses == 24);
    memset(seen, 0, sizeof seen);
    metrics_pool_each(pool, count_visit, seen);
    assert_int_equal(seen[1], 1);
    end_child(second);
    end_child(third);
    assert_int_equal(requests_of(pool, &parses), 121);
    metrics_pool_close(pool);
}

static void older_looks_do_not_take_back(void **state) {
    MetricsPool *pool = metrics_pool_alone();
    publish(pool, 5, 2e6, 3);
    publish(pool, 4, 1e6, 2);
    MetricsSum sum;
    metrics_pool_sum(pool, &sum);
    assert_true(sum.published.values[PUBLISHED_PARSES][0] == 5);
    assert_true(sum.published.values[PUBLISHED_RESIDENT_BYTES][0] == 1e6);
    assert_true(sum.published.values[PUBLISHED_RULES][0] == 2);
    metrics_pool_close(pool);
}

static void buckets_hold_their_bounds(void **state) {
    Histogram histogram = {0};
    histogram_note(&histogram, 0);
    histogram_note(&histogram, 100000);
    histogram_note(&histogram, 100001);
    histogram_note(&histogram, INT64_C(60000000000));
    histogram_note(&histogram, INT64_C(60000000001));
    assert_int_equal(histogram.buckets[0], 2);
    assert_int_equal(histogram.buckets[1], 1);
    assert_int_equal(histogram.buckets[METRICS_BUCKETS - 1], 1);
    assert_int_equal(histogram.buckets[METRICS_BUCKETS], 1);
}

static int files(void) {
    int count = 0;
    DIR *entries = opendir(directory);
    for (struct dirent *entry; (entry = readdir(entries));)
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

static void another_layout_is_another_file(void **state) {
    MetricsPool *old = open_pool(), *pool = NULL;
    Error err;
    metrics_count_request(metrics_pool_own(old), 1, 200, 2000000);
    uint64_t before = requests_of(old, NULL);
    assert_int_equal(metrics_pool_open(directory, LAYOUT + 1, &pool, &err), STATUS_OK);
    assert_int_equal(requests_of(pool, NULL), 0);
    assert_int_equal(files(), 1);
    metrics_count_request(metrics_pool_own(old), 1, 200, 2000000);
    assert_int_equal(requests_of(old, NULL), before + 1);
    metrics_pool_close(old);
    metrics_pool_close(pool);
}

static void says_why_not(void **state) {
    MetricsPool *pool = NULL;
    Error err = {0};
    assert_int_equal(metrics_pool_open("/nonexistent", LAYOUT, &pool, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "/nonexistent/metrics-"));
    metrics_pool_close(pool);
}

static int set_up(void **state) {
    return !mkdtemp(directory);
}

static int tear_down(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_outlive_their_processes),
        cmocka_unit_test(older_looks_do_not_take_back),
        cmocka_unit_test(buckets_hold_their_bounds),
        cmocka_unit_test(another_layout_is_another_file),
        cmocka_unit_test(says_why_not),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
