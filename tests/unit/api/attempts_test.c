#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "fcgi/api/attempts.h"

static char directory[] = "/tmp/signalbox-attempts-XXXXXX";
static char path[64];

static void shared_between_openers(void **state) {
    Attempts *one, *other;
    Error err = {0};
    assert_int_equal(attempts_open(path, &one, &err), STATUS_OK);
    assert_int_equal(attempts_open(path, &other, &err), STATUS_OK);
    assert_true(attempts_begin(one, "a"));
    assert_false(attempts_begin(one, "a"));
    assert_false(attempts_begin(other, "a"));
    assert_true(attempts_begin(other, "b"));
    attempts_close(one);
    attempts_close(other);
    assert_int_equal(attempts_open(path, &one, &err), STATUS_OK);
    assert_false(attempts_begin(one, "b"));
    attempts_close(one);
}

static void many_are_remembered(void **state) {
    Attempts *attempts;
    Error err = {0};
    char identifier[16];
    assert_int_equal(attempts_open(path, &attempts, &err), STATUS_OK);
    for (int i = 0; i < 300000; i++) {
        snprintf(identifier, sizeof identifier, "r%d", i);
        assert_true(attempts_begin(attempts, identifier));
        if (i >= 1000) { /* the newest thousand are always there */
            snprintf(identifier, sizeof identifier, "r%d", i - 1000);
            assert_false(attempts_begin(attempts, identifier));
        }
    }
    attempts_close(attempts);
}

static _Atomic int winners;
static void *race(void *argument) {
    char identifier[16];
    for (int i = 0; i < 10000; i++) {
        snprintf(identifier, sizeof identifier, "x%d", i);
        if (attempts_begin(argument, identifier)) atomic_fetch_add(&winners, 1);
    }
    return NULL;
}

static void threads_do_not_harm_each_other(void **state) {
    Attempts *attempts;
    Error err = {0};
    assert_int_equal(attempts_open(path, &attempts, &err), STATUS_OK);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, race, attempts);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_true(atomic_load(&winners) >= 10000);
    attempts_close(attempts);
}

/* What nginx's retry meets: the process that began the write is dead, the other one asks. */
static void a_dead_process_is_remembered(void **state) {
    Attempts *attempts;
    Error err = {0};
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (attempts_open(path, &attempts, &err) == STATUS_OK && attempts_begin(attempts, "dead"))
            raise(SIGKILL);
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(attempts_open(path, &attempts, &err), STATUS_OK);
    assert_false(attempts_begin(attempts, "dead"));
    assert_true(attempts_begin(attempts, "alive"));
    attempts_close(attempts);
}

static void costs_little(void **state) {
    enum { TIMES = 200000 };
    Attempts *attempts;
    Error err = {0};
    char identifier[16];
    assert_int_equal(attempts_open(path, &attempts, &err), STATUS_OK);
    int64_t start_ns = clock_now_ns();
    for (int i = 0; i < TIMES; i++) {
        snprintf(identifier, sizeof identifier, "c%d", i);
        assert_true(attempts_begin(attempts, identifier));
    }
    double each_us = (double)(clock_now_ns() - start_ns) / 1e3 / TIMES;
    print_message("%.3f us each\n", each_us);
    assert_true(each_us < 10); /* well below one in a release build; sanitizers are slower */
    attempts_close(attempts);
}

static int set_up(void **state) {
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/attempts", directory);
    return 0;
}

static int tear_down(void **state) {
    unlink(path);
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_between_openers), cmocka_unit_test(many_are_remembered),
        cmocka_unit_test(threads_do_not_harm_each_other), cmocka_unit_test(a_dead_process_is_remembered),
        cmocka_unit_test(costs_little)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
