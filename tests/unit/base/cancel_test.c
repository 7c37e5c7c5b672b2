#include "unit.h"

#include <pthread.h>

#include "engines/base/cancel.h"
#include "engines/base/clock.h"

static const int64_t HOUR_NS = 3600000000000;

static void a_deadline_only_comes_forward(void **state) {
    CancelToken token;
    cancel_init(&token, 0);
    assert_false(cancel_is_overdue(&token, INT64_MAX));
    cancel_lower_deadline(&token, 50);
    cancel_lower_deadline(&token, 70);
    assert_int_equal(cancel_deadline_ns(&token), 50);
    cancel_lower_deadline(&token, 40);
    assert_int_equal(cancel_deadline_ns(&token), 40);
    assert_false(cancel_is_overdue(&token, 39));
    assert_true(cancel_is_overdue(&token, 40));
}

/* What an I/O thread does every tick and workers every morsel, while the statement's thread takes over the
 * limits of rules. Under the thread sanitizer a plain deadline is a race here. */
static void *look(void *argument) {
    CancelToken *token = argument;
    while (!cancel_is_requested(token))
        (void)cancel_is_overdue(token, 0);
    return NULL;
}

static void a_deadline_may_change_while_others_look(void **state) {
    CancelToken token;
    pthread_t watcher;
    int64_t now_ns = clock_now_ns();
    cancel_init(&token, now_ns + 2 * HOUR_NS);
    assert_int_equal(pthread_create(&watcher, NULL, look, &token), 0);
    for (int i = 0; i < 1000; i++)
        cancel_lower_deadline(&token, now_ns + 2 * HOUR_NS - i);
    cancel_lower_deadline(&token, now_ns);
    pthread_join(watcher, NULL);
    Error err = {0};
    assert_int_equal(cancel_check(&token, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_QUERY_CANCELED);
}

static void a_parents_deadline_is_its_childrens(void **state) {
    CancelToken token;
    pthread_t watcher;
    int64_t now_ns = clock_now_ns();
    cancel_init(&token, now_ns + HOUR_NS);
    CancelToken child;
    cancel_init(&child, 0);
    child.parent = &token;
    assert_int_equal(pthread_create(&watcher, NULL, look, &child), 0);
    cancel_lower_deadline(&token, now_ns - 1);
    pthread_join(watcher, NULL);
    assert_int_equal(atomic_load(&child.reason), CANCEL_BY_DEADLINE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deadline_only_comes_forward),
        cmocka_unit_test(a_deadline_may_change_while_others_look),
        cmocka_unit_test(a_parents_deadline_is_its_childrens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
