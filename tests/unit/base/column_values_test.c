#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engines/base/column_values.h"

/* A tenth NULL, 0.3 of them 7, 0.2 are 9, the rest evenly from 10 to 110. */
static const ColumnPoint common[] = {{.number = 7}, {.number = 9}};
static const double common_shares[] = {0.3, 0.2};
static const ColumnPoint bounds[] = {{.number = 10}, {.number = 20}, {.number = 60}, {.number = 110}};
static const ColumnValues numbers = {.null_share = 0.1,
                                     .common = common,
                                     .common_shares = common_shares,
                                     .common_count = 2,
                                     .bounds = bounds,
                                     .bound_count = 4};

static void assert_near(double value, double expected) {
    if (fabs(value - expected) > 1e-9) fail_msg("%.12g instead of %.12g", value, expected);
}

static double equal(double number) {
    ColumnPoint point = {.number = number};
    return column_values_equal(&numbers, 42, &point);
}

static double below(double number, bool inclusive) {
    ColumnPoint point = {.number = number};
    return column_values_below(&numbers, 42, &point, inclusive);
}

static void test_shares(void **state) {
    assert_near(equal(7), 0.3);
    assert_near(equal(50), 0.4 / 40);
    assert_near(equal(5), 0); /* outside of everything that was seen */
    assert_near(equal(111), 0);
    assert_near(below(0, false), 0);
    assert_near(below(7, false), 0);
    assert_near(below(7, true), 0.3);
    assert_near(below(10, false), 0.5);
    assert_near(below(20, false), 0.5 + 0.4 / 3);
    assert_near(below(40, false), 0.5 + 0.4 / 2);
    assert_near(below(40, true), 0.5 + 0.4 / 2 + 0.4 / 40);
    assert_near(below(1e9, true), 0.9); /* never the NULLs */
}

static void test_texts(void **state) {
    static const ColumnPoint names[] = {{.text = "b"}, {.text = "a"}};
    static const double shares[] = {0.5, 0.25};
    static const ColumnPoint ends[] = {{.text = "c"}, {.text = "m"}, {.text = "z"}};
    ColumnValues texts = {
        .common = names, .common_shares = shares, .common_count = 2, .bounds = ends, .bound_count = 3};
    ColumnPoint b = {.text = "b"}, d = {.text = "d"}, x = {.text = "x"};
    assert_near(column_values_equal(&texts, 12, &b), 0.5);
    assert_near(column_values_equal(&texts, 12, &d), 0.025);
    assert_near(column_values_below(&texts, 12, &d, false), 0.75 + 0.25 * 0.25);
    assert_near(column_values_below(&texts, 12, &x, false), 0.75 + 0.25 * 0.75);
}

static void test_points(void **state) {
    ColumnPoint point;
    assert_true(column_point_read(sqltype_of(SQL_DATE), "2000-03-01", &point));
    assert_near(point.number, 11017);
    assert_true(column_point_read(sqltype_of(SQL_TIMESTAMPTZ), "1970-01-02 00:01:00.5+00", &point));
    assert_near(point.number, 86460.5);
    assert_true(column_point_read(sqltype_numeric(9, 2), "-12.50", &point));
    assert_near(point.number, -12.5);
    assert_true(column_point_read(sqltype_of(SQL_BOOL), "t", &point));
    assert_near(point.number, 1);
    assert_true(column_point_read(sqltype_of(SQL_TEXT), "t", &point));
    assert_string_equal(point.text, "t");
    assert_false(column_point_read(sqltype_of(SQL_DATE), "yesterday", &point));
    assert_false(column_point_read(sqltype_of(SQL_DATE), "infinity", &point));
    assert_false(column_point_read(sqltype_of(SQL_DATE), "0044-03-15 BC", &point));
    assert_false(column_point_read(sqltype_of(SQL_FLOAT8), "NaN", &point));
    assert_false(column_point_read(sqltype_of(SQL_INT4), "12x", &point));
}

/* Another sample of the same rows is no news; a range that grew by half is. */
static void test_digest(void **state) {
    ColumnPoint moved[] = {{.number = 10.3}, {.number = 21}, {.number = 58}, {.number = 111}};
    double shares[] = {0.31, 0.19};
    ColumnValues sampled = numbers, grown = numbers;
    sampled.common_shares = shares;
    sampled.bounds = moved;
    assert_int_equal(column_values_digest(&numbers), column_values_digest(&sampled));
    moved[3].number = 170;
    grown.bounds = moved;
    assert_int_not_equal(column_values_digest(&numbers), column_values_digest(&grown));
    assert_int_equal(column_values_digest(NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
