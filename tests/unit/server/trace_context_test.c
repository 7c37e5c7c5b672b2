#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "fcgi/server/trace_context.h"

#define TRACE  "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static void takes_what_the_standard_takes(void **state) {
    static const char *const good[] = {"00-" TRACE "-" PARENT "-01", "00-" TRACE "-" PARENT "-00",
                                       "00-" TRACE "-" PARENT "-ff", "01-" TRACE "-" PARENT "-01",
                                       "cc-" TRACE "-" PARENT "-01-what-the-future-holds"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!trace_parent_is_valid(good[i])) fail_msg("%s", good[i]);
}

static void refuses_all_else(void **state) {
    static const char *const bad[] = {
        "",
        "0",
        "00",
        "00-",
        "00-" TRACE,
        "00-" TRACE "-" PARENT,
        "00-" TRACE "-" PARENT "-",
        "00-" TRACE "-" PARENT "-0",
        "00-" TRACE "-" PARENT "-0g",
        "00-" TRACE "-" PARENT "-01-more",
        "00-" TRACE "-" PARENT "-01 ",
        "ff-" TRACE "-" PARENT "-01",
        "01-" TRACE "-" PARENT "-01x",
        "01-" TRACE "-" PARENT "-01-a\r\nb: c",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00_" TRACE "_" PARENT "_01",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (trace_parent_is_valid(bad[i])) fail_msg("%s", bad[i]);
    char longest[600] = "01-" TRACE "-" PARENT "-01-";
    memset(longest + strlen(longest), 'a', 500);
    assert_false(trace_parent_is_valid(longest));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_the_standard_takes),
        cmocka_unit_test(refuses_all_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
