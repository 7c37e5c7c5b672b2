/* Cron expressions: what they mean, and when clocks are set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fcgi/jobs/cron.h"

static int64_t utc_us(const char *text) {
    struct tm broken = {0};
    assert_non_null(strptime(text, "%Y-%m-%d %H:%M", &broken));
    return (int64_t)timegm(&broken) * 1000000;
}

static void expect_next(const char *cron_text, const char *zone_name, const char *after,
                        const char *expected) {
    Cron cron;
    TimeZoneMeaning zone;
    Error err = {0};
    char told[32];
    if (cron_parse(cron_text, &cron, &err) != STATUS_OK) fail_msg("%s: %s", cron_text, err.message);
    if (cron_zone(zone_name, &zone, &err) != STATUS_OK) fail_msg("%s", err.message);
    time_t next = (time_t)(cron_next_us(&cron, &zone, utc_us(after)) / 1000000);
    strftime(told, sizeof told, "%Y-%m-%d %H:%M", gmtime(&next));
    if (strcmp(told, expected) != 0) fail_msg("%s after %s: %s, not %s", cron_text, after, told, expected);
}

static void expressions_mean_times(void **state) {
    expect_next("* * * * *", "UTC", "2026-01-01 00:00", "2026-01-01 00:01");
    expect_next("*/15 * * * *", "UTC", "2026-01-01 00:07", "2026-01-01 00:15");
    expect_next("5,35 8-10/2 * * *", "UTC", "2026-01-01 08:35", "2026-01-01 10:05");
    expect_next("0 0 29 2 *", "UTC", "2026-01-01 00:00", "2028-02-29 00:00");
    expect_next("0 9 * * mon-fri", "UTC", "2026-01-02 09:00", "2026-01-05 09:00"); /* a Friday */
    expect_next("0 9 * * 7", "UTC", "2026-01-01 00:00", "2026-01-04 09:00");
    expect_next("0 0 13 * 5", "UTC", "2026-01-01 00:00", "2026-01-02 00:00"); /* the 13th, or a Friday */
    expect_next("30 6 1 jan,JUL *", "UTC", "2026-01-01 06:30", "2026-07-01 06:30");
    expect_next("50/5 23 31 12 *", "UTC", "2026-12-31 23:50", "2026-12-31 23:55");
    expect_next("@monthly", "UTC", "2026-01-31 12:00", "2026-02-01 00:00");
    expect_next("  0   0  *  *  * ", "UTC", "2026-12-31 00:00", "2027-01-01 00:00");
}

static void clocks_are_set(void **state) {
    expect_next("0 12 * * *", "America/New_York", "2026-01-01 00:00", "2026-01-01 17:00");
    expect_next("0 12 * * *", "America/New_York", "2026-07-01 00:00", "2026-07-01 16:00");
    /* 2:30 of 29 March 2026 is skipped in Berlin: it comes when the clocks have been set. */
    expect_next("30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", "2026-03-29 01:30");
    expect_next("30 2 * * *", "Europe/Berlin", "2026-03-29 01:30", "2026-03-30 00:30");
    /* 2:30 of 25 October comes twice, and is met once. */
    expect_next("30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", "2026-10-25 01:30");
    expect_next("30 2 * * *", "Europe/Berlin", "2026-10-25 01:30", "2026-10-26 01:30");
}

static void what_is_wrong_is_refused(void **state) {
    static const char *const wrong[] = {"",
                                        "*",
                                        "* * * *",
                                        "* * * * * *",
                                        "60 * * * *",
                                        "* 24 * * *",
                                        "* * 0 * *",
                                        "* * 32 * *",
                                        "* * * 13 *",
                                        "* * * * 8",
                                        "5-1 * * * *",
                                        "*/0 * * * *",
                                        "1- * * * *",
                                        "1, * * * *",
                                        "a * * * *",
                                        "-1 * * * *",
                                        "1.5 * * * *",
                                        "@never",
                                        "* * * foo *",
                                        "1/ * * * *",
                                        "99999999999 * * * *"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        Cron cron;
        Error err = {0};
        if (cron_parse(wrong[i], &cron, &err) == STATUS_OK) fail_msg("\"%s\" is taken", wrong[i]);
        assert_string_equal(err.sqlstate, SQLSTATE_INVALID_PARAMETER);
    }
    TimeZoneMeaning zone;
    assert_int_equal(cron_zone("Mars/Olympus", &zone, NULL), STATUS_ERROR);
}

static void a_time_that_never_comes_is_none(void **state) {
    Cron cron;
    TimeZoneMeaning zone = {0};
    assert_int_equal(cron_parse("0 0 30 2 *", &cron, NULL), STATUS_OK);
    assert_int_equal(cron_next_us(&cron, &zone, utc_us("2026-01-01 00:00")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_mean_times),
        cmocka_unit_test(clocks_are_set),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(a_time_that_never_comes_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
