#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "router/functions.h"

#define LIST(name)                                                                                           \
    extern const char *const function_##name##_names[];                                                      \
    extern const size_t function_##name##_count
LIST(volatile);
LIST(session);
LIST(aggregate);
LIST(window);
LIST(safe);

static void expect_sorted(const char *const *names, size_t count) {
    for (size_t i = 1; i < count; i++)
        if (strcmp(names[i - 1], names[i]) >= 0)
            fail_msg("%s must not come before %s", names[i - 1], names[i]);
}

static void test_lists_are_sorted(void **state) {
    (void)state;
    expect_sorted(function_volatile_names, function_volatile_count);
    expect_sorted(function_session_names, function_session_count);
    expect_sorted(function_aggregate_names, function_aggregate_count);
    expect_sorted(function_window_names, function_window_count);
    expect_sorted(function_safe_names, function_safe_count);
}

static void test_natures(void **state) {
    (void)state;
    assert_int_equal(function_nature("random"), FUNCTION_VOLATILE);
    assert_int_equal(function_nature("pg_sleep"), FUNCTION_VOLATILE);
    assert_int_equal(function_nature("nextval"), FUNCTION_VOLATILE);
    assert_int_equal(function_nature("now"), FUNCTION_SAFE);
    assert_int_equal(function_nature("pg_advisory_lock"), FUNCTION_SESSION);
    assert_int_equal(function_nature("dblink_exec"), FUNCTION_SESSION);
    assert_int_equal(function_nature("lo_import"), FUNCTION_SESSION);
    assert_int_equal(function_nature("count"), FUNCTION_AGGREGATE);
    assert_int_equal(function_nature("row_number"), FUNCTION_WINDOW);
    assert_int_equal(function_nature("my_own"), FUNCTION_UNKNOWN);
    assert_int_equal(function_nature(""), FUNCTION_UNKNOWN);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists_are_sorted),
                                       cmocka_unit_test(test_natures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
