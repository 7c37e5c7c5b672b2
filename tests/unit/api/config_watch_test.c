/* The configuration file is read again when it has changed and rests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "fcgi/api/config_watch.h"

static void write_text(const char *path, const char *mode, const char *text) {
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void a_file_that_is_being_written_waits(void **state) {
    char path[] = "/tmp/signalbox-watch-XXXXXX";
    close(mkstemp(path));
    write_text(path, "w", "[[rule]]");
    ConfigWatch *watch = config_watch_open(path);
    assert_false(config_watch_changed(watch));
    write_text(path, "w", "half of it\n");
    assert_false(config_watch_changed(watch));
    write_text(path, "a", "and the rest\n");
    assert_false(config_watch_changed(watch));
    assert_true(config_watch_changed(watch));
    assert_false(config_watch_changed(watch));
    unlink(path);
    assert_false(config_watch_changed(watch));
    assert_true(config_watch_changed(watch)); /* gone */
    assert_false(config_watch_changed(watch));
    config_watch_close(watch);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_file_that_is_being_written_waits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
