#include "engines/base/calendar.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_known_days(void **state) {
    assert_int_equal(calendar_days_of(1970, 1, 1), 0);
    assert_int_equal(calendar_days_of(1969, 12, 31), -1);
    assert_int_equal(calendar_days_of(2000, 2, 29), 11016);
    assert_int_equal(calendar_days_of(2000, 1, 1), 10957);       /* PostgreSQL's epoch */
    assert_int_equal(calendar_days_of(-4713, 11, 24), -2440588); /* Julian day 0 */
}

/* Every day from 4801 BC to 5599: one after the other, and back to itself. */
static void test_every_day_of_twenty_six_eras(void **state) {
    int64_t year = -4800;
    int month = 1, day = 1;
    for (int64_t days = calendar_days_of(year, month, day); year < 5600; days++) {
        int64_t found_year;
        int found_month, found_day;
        calendar_date_of(days, &found_year, &found_month, &found_day);
        if (found_year != year || found_month != month || found_day != day)
            fail_msg("day %lld", (long long)days);
        if (calendar_days_of(year, month, day) != days) fail_msg("back from day %lld", (long long)days);
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        int length = month == 2 ? 28 + leap : month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
        if (++day <= length) continue;
        day = 1;
        if (++month <= 12) continue;
        month = 1;
        year++;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_days),
        cmocka_unit_test(test_every_day_of_twenty_six_eras),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
