/* Budgets and cancel tokens, also from many threads. */
#include "unit.h"

#include <pthread.h>

#include "engines/base/budget.h"
#include "engines/base/cancel.h"
#include "engines/base/clock.h"

static void a_refusal_leaves_no_trace(void **state) {
    Budget process, query, other;
    Error err = {0};
    budget_init(&process, NULL, 1000);
    budget_init(&query, &process, 600);
    budget_init(&other, &process, 0);
    assert_int_equal(budget_reserve(&query, 500, &err), STATUS_OK);
    assert_int_equal(budget_reserve(&query, 101, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_OUT_OF_MEMORY);
    assert_int_equal(budget_reserve(&other, 501, &err), STATUS_ERROR); /* the parent's limit */
    assert_int_equal(budget_reserve(&other, 500, &err), STATUS_OK);
    assert_int_equal(query.used_bytes, 500);
    assert_int_equal(process.used_bytes, 1000);
    assert_int_equal(budget_reserve(&query, INT64_MAX, &err), STATUS_ERROR);
    assert_int_equal(budget_reserve(&query, INT64_MAX - 400, &err), STATUS_ERROR);
    assert_int_equal(budget_reserve(&query, -1, &err), STATUS_ERROR);
    budget_release(&query, 200);
    assert_int_equal(process.used_bytes, 800);
    assert_int_equal(process.peak_bytes, 1000);
    budget_deinit(&query);
    budget_deinit(&other);
    assert_int_equal(process.used_bytes, 0);
    assert_int_equal(budget_reserve(NULL, 5, &err), STATUS_OK);
}

static void *reserve_and_release(void *argument) {
    Budget own;
    budget_init(&own, argument, 0);
    for (int i = 0; i < 20000; i++)
        if (budget_reserve(&own, 1 + i % 100, NULL) == STATUS_OK && i % 2) budget_release(&own, 1 + i % 100);
    budget_deinit(&own);
    return NULL;
}

static void threads_never_pass_the_limit(void **state) {
    Budget process;
    pthread_t threads[4];
    budget_init(&process, NULL, 100000);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, reserve_and_release, &process);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(process.used_bytes, 0);
    assert_in_range(process.peak_bytes, 1, 100000);
}

static void the_first_reason_stays(void **state) {
    CancelToken token;
    Error err = {0};
    cancel_init(&token, 0);
    assert_false(cancel_is_requested(&token));
    assert_false(cancel_is_requested(NULL));
    assert_int_equal(cancel_check(NULL, &err), STATUS_OK);
    cancel_request(&token, CANCEL_BY_CLIENT_GONE);
    cancel_request(&token, CANCEL_BY_USER);
    assert_int_equal(cancel_check(&token, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_QUERY_CANCELED);
    assert_non_null(strstr(err.message, "client left"));
    cancel_init(&token, 0);
    cancel_request(&token, CANCEL_BY_SHUTDOWN);
    assert_int_equal(cancel_check(&token, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "57P01");
    cancel_init(&token, clock_now_ns() + INT64_C(3600000000000));
    assert_false(cancel_is_requested(&token));
    cancel_init(&token, clock_now_ns() - 1);
    assert_int_equal(cancel_check(&token, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "longer than its limit"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_leaves_no_trace),
        cmocka_unit_test(threads_never_pass_the_limit),
        cmocka_unit_test(the_first_reason_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
