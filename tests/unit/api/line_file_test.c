#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

#include "engines/base/log.h"
#include "fcgi/api/line_file.h"

static char directory[] = "/tmp/signalbox-lines-XXXXXX";
static char path[64], moved[64];

static LineFile *open_file(void) {
    LineFile *file = NULL;
    Error err = {0};
    if (line_file_open(path, &file, &err) != STATUS_OK) fail_msg("%s", err.message);
    return file;
}

static char *text_of(const char *name) {
    static char text[1 << 20];
    FILE *file = fopen(name, "r");
    size_t bytes = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    text[bytes] = 0;
    return text;
}

static void writes_now_and_later(void **state) {
    LineFile *file = open_file();
    line_file_add(file, "one\n", 4);
    assert_string_equal(text_of(path), "");
    line_file_write(file, "two\n", 4); /* in their order */
    assert_string_equal(text_of(path), "one\ntwo\n");
    line_file_add(file, "three\n", 6);
    line_file_flush(file);
    assert_string_equal(text_of(path), "one\ntwo\nthree\n");
    line_file_add(file, "four\n", 5);
    line_file_close(file);
    assert_string_equal(text_of(path), "one\ntwo\nthree\nfour\n");
}

static void follows_a_rotation(void **state) {
    LineFile *file = open_file();
    line_file_add(file, "before\n", 7);
    assert_int_equal(rename(path, moved), 0);
    line_file_reopen(file);
    line_file_write(file, "after\n", 6);
    assert_string_equal(text_of(moved), "before\n");
    assert_string_equal(text_of(path), "after\n");
    /* A place that is gone: lines go on to where they went. */
    char gone[80];
    snprintf(gone, sizeof gone, "%s-gone", directory);
    assert_int_equal(rename(directory, gone), 0);
    line_file_reopen(file);
    line_file_write(file, "still\n", 6);
    assert_int_equal(rename(gone, directory), 0);
    assert_string_equal(text_of(path), "after\nstill\n");
    line_file_close(file);
}

/* A disk that takes no more (here: a limit on the file's size) loses lines, and never glues two together. */
static void a_full_disk_breaks_no_line(void **state) {
    LineFile *file = open_file();
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){.rlim_cur = 10, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    line_file_write(file, "0123456\n", 8);
    line_file_write(file, "abcdefg\n", 8);
    line_file_write(file, "lost\n", 5);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    line_file_write(file, "again\n", 6);
    line_file_write(file, "and on\n", 7);
    assert_string_equal(text_of(path), "0123456\nab\nagain\nand on\n");
    line_file_close(file);
}

enum { THREADS = 4, LINES = 2000 };
static void *add_lines(void *argument) {
    char line[64];
    for (int i = 0; i < LINES; i++) {
        int length = snprintf(line, sizeof line, "%d of a thread\n", i);
        if (i % 7)
            line_file_add(argument, line, (size_t)length);
        else
            line_file_write(argument, line, (size_t)length);
    }
    return NULL;
}

static void lines_of_threads_stay_whole(void **state) {
    LineFile *file = open_file();
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, add_lines, file);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    line_file_close(file);
    int count = 0, number;
    char rest[32];
    for (char *line = strtok(text_of(path), "\n"); line; line = strtok(NULL, "\n"), count++)
        if (sscanf(line, "%d of a %31s", &number, rest) != 2 || strcmp(rest, "thread")) fail_msg("%s", line);
    assert_int_equal(count, THREADS * LINES);
}

static void says_why_not(void **state) {
    LineFile *file = NULL;
    Error err = {0};
    assert_int_equal(line_file_open("/nonexistent/log", &file, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "/nonexistent/log"));
}

static int set_up(void **state) {
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/log", directory);
    snprintf(moved, sizeof moved, "%s/log.1", directory);
    return log_open("/dev/null", LOG_ERROR, false, NULL) != STATUS_OK;
}

static int remove_files(void **state) {
    unlink(path);
    unlink(moved);
    return 0;
}

static int tear_down(void **state) {
    log_close();
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(writes_now_and_later, remove_files),
        cmocka_unit_test_teardown(follows_a_rotation, remove_files),
        cmocka_unit_test_teardown(a_full_disk_breaks_no_line, remove_files),
        cmocka_unit_test_teardown(lines_of_threads_stay_whole, remove_files),
        cmocka_unit_test(says_why_not),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
