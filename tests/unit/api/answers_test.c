/* Comparing answers by the hashes of their rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi/api/answers.h"

static Answer answer_of(uint64_t *rows, int64_t count) {
    return (Answer){.rows = rows, .count = count, .columns = 1};
}

static AnswerDifference compare(Answer left, Answer right, bool ordered) {
    AnswerDifference found;
    answer_compare(&left, &right, ordered, &found);
    return found;
}

static void multisets_are_compared(void **state) {
    uint64_t a[] = {5, 1, 5, 9}, b[] = {9, 5, 5, 1}, c[] = {9, 5, 1, 1}, d[] = {5, 1, 5};
    AnswerDifference found = compare(answer_of(a, 4), answer_of(b, 4), false);
    assert_true(found.same_rows && found.same_order);
    found = compare(answer_of(a, 4), answer_of(c, 4), false);
    assert_false(found.same_rows);
    assert_true(found.left_has && found.left_row == 5 && found.at == 0);
    assert_true(found.right_has && found.right_row == 1);
    found = compare(answer_of(a, 4), answer_of(d, 3), false);
    assert_true(!found.same_rows && found.left_has && found.left_row == 9 && found.at == 3 &&
                !found.right_has);
    found = compare(answer_of(d, 3), answer_of(a, 4), true);
    assert_true(!found.same_rows && !found.left_has && found.right_has && found.at == 3);
}

static void order_counts_when_it_was_asked_for(void **state) {
    uint64_t a[] = {1, 2, 3, 4}, b[] = {1, 3, 2, 4};
    AnswerDifference found = compare(answer_of(a, 4), answer_of(b, 4), true);
    assert_true(found.same_rows && !found.same_order);
    assert_int_equal(found.at, 1);
    assert_true(found.left_row == 2 && found.right_row == 3);
    found = compare(answer_of(a, 4), answer_of(a, 4), true);
    assert_true(found.same_rows && found.same_order);
}

static void nothing_equals_nothing_of_as_many_columns(void **state) {
    Answer none = {.columns = 1}, other = {.columns = 2};
    assert_true(compare(none, none, true).same_rows);
    assert_false(compare(none, other, true).same_rows);
}

static uint64_t hash_of(const char *row, AnswerColumn kind) {
    AnswerColumn kinds[] = {ANSWER_TEXT, kind};
    return answer_hash_row(row, strlen(row), kinds, 2);
}

static void a_scale_is_no_difference(void **state) {
    static const char *const same[] = {"[1,1.5]", "[1,1.50]", "[1,1.5000000]"};
    for (int i = 1; i < 3; i++)
        assert_true(hash_of(same[i], ANSWER_NUMERIC) == hash_of(same[0], ANSWER_NUMERIC));
    assert_true(hash_of("[1,0.00]", ANSWER_NUMERIC) == hash_of("[1,0]", ANSWER_NUMERIC));
    assert_true(hash_of("[1,-20.0]", ANSWER_NUMERIC) == hash_of("[1,-20]", ANSWER_NUMERIC));
    static const char *const other[] = {"[1,15]", "[1,1.05]", "[1,150]", "[1,1.500001]", "[1,null]"};
    for (int i = 0; i < 5; i++)
        assert_false(hash_of(other[i], ANSWER_NUMERIC) == hash_of(same[0], ANSWER_NUMERIC));
    assert_false(hash_of("[1,10]", ANSWER_NUMERIC) == hash_of("[1,1]", ANSWER_NUMERIC));
    assert_false(hash_of("[1,\"1.50\"]", ANSWER_TEXT) == hash_of("[1,\"1.5\"]", ANSWER_TEXT));
    assert_true(hash_of("[1,\"NaN\"]", ANSWER_NUMERIC) == hash_of("[1,\"NaN\"]", ANSWER_NUMERIC));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multisets_are_compared),
        cmocka_unit_test(order_counts_when_it_was_asked_for),
        cmocka_unit_test(nothing_equals_nothing_of_as_many_columns),
        cmocka_unit_test(a_scale_is_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
