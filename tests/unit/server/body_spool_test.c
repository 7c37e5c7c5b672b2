/* Bodies that cannot be kept are told, not lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engines/base/log.h"
#include "fcgi/server/body_spool.h"

static void files_have_no_name(void **state) {
    char directory[] = "/tmp/signalbox-spool-XXXXXX", below[64], got[8] = "";
    assert_non_null(mkdtemp(directory));
    strcat(strcpy(below, directory), "/made");
    int fd = body_spool_open(below);
    assert_true(fd >= 0);
    assert_true(body_spool_write(fd, "rows", 4));
    assert_int_equal(pread(fd, got, sizeof got, 0), 4);
    assert_string_equal(got, "rows");
    assert_int_equal(rmdir(below), 0); /* nothing in it */
    close(fd);
    assert_int_equal(rmdir(directory), 0);
}

static void a_full_disk_is_told(void **state) {
    int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_false(body_spool_write(fd, "rows", 4));
    close(fd);
    assert_int_equal(body_spool_open("/dev/null/none"), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(files_have_no_name),
                                       cmocka_unit_test(a_full_disk_is_told)};
    if (log_open("/dev/null", LOG_ERROR, false, NULL) != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
