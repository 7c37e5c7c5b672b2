#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi/api/schema_clock.h"

static char directory[] = "/tmp/signalbox-clock-XXXXXX";
static char path[64];

static void advances_across_processes(void **state) {
    SchemaClock *clock;
    Error err = {0};
    assert_int_equal(schema_clock_open(path, &clock, &err), STATUS_OK);
    uint64_t before = schema_clock_read(clock);
    enum { PROCESSES = 4, TIMES = 1000 };
    for (int i = 0; i < PROCESSES; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            SchemaClock *own;
            if (schema_clock_open(path, &own, &err) != STATUS_OK) _exit(1);
            for (int n = 0; n < TIMES; n++)
                schema_clock_advance(own);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(schema_clock_read(clock) - before, PROCESSES * TIMES);
    schema_clock_close(clock);
}

static void says_why_not(void **state) {
    SchemaClock *clock = NULL;
    Error err = {0};
    assert_int_equal(schema_clock_open("/nonexistent/clock", &clock, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "/nonexistent/clock"));
    schema_clock_close(clock);
}

static int set_up(void **state) {
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/clock", directory);
    return 0;
}

static int tear_down(void **state) {
    unlink(path);
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(advances_across_processes),
        cmocka_unit_test(says_why_not),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
