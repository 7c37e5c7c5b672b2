#include "unit.h"

#include <jansson.h>
#include <pthread.h>
#include <unistd.h>

#include "engines/base/log.h"

static char path[64];

static char *log_text(const char *name) {
    FILE *file = fopen(name, "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 20);
    assert_true(fread(text, 1, (1 << 20) - 1, file) < (1 << 20) - 1);
    fclose(file);
    return text;
}

static void lines_are_whole_and_levels_hold(void **state) {
    assert_int_equal(log_open(path, LOG_WARN, false, NULL), STATUS_OK);
    assert_false(log_enabled(LOG_INFO));
    log_info("a.quiet", "x=%d", 1);
    log_warn("a.event", "text=%s", "two\nlines\r\x01");
    log_set_level(LOG_DEBUG);
    log_debug("a.detail", "n=%d", 5);
    log_close();
    char *text = log_text(path);
    assert_null(strstr(text, "a.quiet"));
    assert_non_null(strstr(text, " warn "));
    assert_non_null(strstr(text, " a.event text=two lines"));
    assert_non_null(strstr(text, " a.detail n=5\n"));
    int lines = 0;
    for (char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 2);
    free(text);
    unlink(path);
}

static void json_lines_are_json(void **state) {
    assert_int_equal(log_open(path, LOG_INFO, true, NULL), STATUS_OK);
    log_error("b.event", "say=\"%s\" \\ é \xff", "x");
    log_close();
    char *text = log_text(path);
    json_error_t error;
    json_t *object = json_loads(text, 0, &error);
    if (!object) fail_msg("%s: %s", error.text, text);
    assert_string_equal(json_string_value(json_object_get(object, "event")), "b.event");
    assert_string_equal(json_string_value(json_object_get(object, "level")), "error");
    assert_string_equal(json_string_value(json_object_get(object, "message")), "say=\"x\" \\ é \xEF\xBF\xBD");
    json_decref(object);
    free(text);
    unlink(path);
}

static void reopening_follows_a_rotation(void **state) {
    char rotated[80];
    snprintf(rotated, sizeof rotated, "%s.1", path);
    assert_int_equal(log_open(path, LOG_INFO, false, NULL), STATUS_OK);
    log_info("before", "x");
    assert_int_equal(rename(path, rotated), 0);
    log_info("still", "x");
    log_reopen();
    log_info("after", "x");
    log_close();
    char *old = log_text(rotated), *new = log_text(path);
    assert_non_null(strstr(old, "before"));
    assert_non_null(strstr(old, "still"));
    assert_null(strstr(old, "after"));
    assert_non_null(strstr(new, "after"));
    free(old);
    free(new);
    unlink(path);
    unlink(rotated);
    Error err = {0};
    assert_int_equal(log_open("/nonexistent/log", LOG_INFO, false, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_UNDEFINED_FILE);
}

static void *log_many(void *argument) {
    for (int i = 0; i < 500; i++)
        log_info("many", "number=%d tail", i);
    return NULL;
}

static void threads_do_not_mix_lines(void **state) {
    pthread_t threads[4];
    assert_int_equal(log_open(path, LOG_INFO, false, NULL), STATUS_OK);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, log_many, NULL);
    for (int i = 0; i < 20; i++)
        log_reopen();
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    log_close();
    char *text = log_text(path), *save;
    int lines = 0;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save), lines++)
        assert_true(strlen(line) > 5 && !strcmp(line + strlen(line) - 5, " tail"));
    assert_int_equal(lines, 2000);
    free(text);
    unlink(path);
}

int main(void) {
    snprintf(path, sizeof path, "/tmp/signalbox-log-%d", (int)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_whole_and_levels_hold),
        cmocka_unit_test(json_lines_are_json),
        cmocka_unit_test(reopening_follows_a_rotation),
        cmocka_unit_test(threads_do_not_mix_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
