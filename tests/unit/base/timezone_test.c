/* Zones as tzdata and POSIX rules have them; expected offsets are PostgreSQL 15's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/base/calendar.h"
#include "engines/base/timezone.h"

static int64_t at(int year, int month, int day, int hour, int minute) {
    return calendar_days_of(year, month, day) * 86400 + hour * 3600 + minute * 60;
}

static TimeZoneMeaning found(const char *name) {
    TimeZoneMeaning meaning;
    assert_int_equal(timezone_find(name, strlen(name), &meaning), TIMEZONE_FOUND);
    return meaning;
}

static void changes_come_when_the_zone_says(void **state) {
    TimeZoneMeaning york = found("America/New_York");
    assert_int_equal(timezone_offset_at(&york, at(2021, 3, 14, 6, 59)), -18000);
    assert_int_equal(timezone_offset_at(&york, at(2021, 3, 14, 7, 0)), -14400);
    assert_int_equal(timezone_offset_at(&york, at(1850, 1, 1, 0, 0)), -17762);
    assert_int_equal(timezone_offset_at(&york, at(9999, 7, 1, 0, 0)), -14400);
    assert_int_equal(timezone_offset_at(&york, at(9999, 1, 1, 0, 0)), -18000);
}

static void gaps_and_overlaps(void **state) {
    TimeZoneMeaning york = found("america/new_york");
    assert_int_equal(timezone_offset_local(&york, at(2021, 3, 14, 2, 30)), -18000);
    assert_int_equal(timezone_offset_local(&york, at(2021, 11, 7, 1, 30)), -18000);
    assert_int_equal(timezone_offset_local(&york, at(2021, 11, 7, 0, 59)), -14400);
    assert_int_equal(timezone_offset_local(&york, at(2500, 7, 1, 0, 0)), -14400);
}

static void abbreviations_may_have_a_history(void **state) {
    TimeZoneMeaning est = found("EST"), msk = found("msk");
    assert_int_equal(timezone_offset_at(&est, at(2021, 7, 1, 0, 0)), -18000);
    assert_int_equal(timezone_offset_local(&msk, at(2012, 10, 31, 2, 0)), 14400);
    assert_int_equal(timezone_offset_local(&msk, at(2021, 10, 31, 2, 0)), 10800);
}

static void rules_count_westwards(void **state) {
    TimeZoneMeaning plain = found("FOO+3"), quoted = found("<+05>-5:30"), rule = found("A5B,M3.2.0,M11.1.0");
    assert_int_equal(timezone_offset_at(&plain, 0), -10800);
    assert_int_equal(timezone_offset_at(&quoted, 0), 19800);
    assert_int_equal(timezone_offset_at(&rule, at(1500, 7, 1, 0, 0)), -14400);
    assert_int_equal(timezone_offset_at(&rule, at(100000, 1, 1, 0, 0)), -18000);
}

static void what_is_no_zone(void **state) {
    static const char *const NAMES[] = {"",  "foo", "Nowhere/Land",      "../etc/passwd", "Europe/", "/",
                                        ".", "<",   "A5B,M13.1.0,M1.1.1"};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        TimeZoneMeaning meaning;
        assert_int_equal(timezone_find(NAMES[i], strlen(NAMES[i]), &meaning), TIMEZONE_UNKNOWN);
    }
    TimeZoneMeaning meaning;
    assert_int_equal(timezone_find("XST5XDT", 7, &meaning), TIMEZONE_UNSUPPORTED);
    assert_null(timezone_read((const uint8_t *)"TZif2", 5));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_come_when_the_zone_says),
        cmocka_unit_test(gaps_and_overlaps),
        cmocka_unit_test(abbreviations_may_have_a_history),
        cmocka_unit_test(rules_count_westwards),
        cmocka_unit_test(what_is_no_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
