#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "router/cost.h"

static CostKey key_of(uint64_t fingerprint) {
    return (CostKey){.fingerprint = fingerprint, .class = 3, .engine = "columnar"};
}

static void assert_near(double value, double expected, double share) {
    if (fabs(value - expected) > expected * share) fail_msg("%g is not about %g", value, expected);
}

static void test_learns_and_fades(void **state) {
    (void)state;
    CostBook *book = cost_book_create(NULL);
    CostKey key = key_of(7);
    int runs = -1;
    assert_true(cost_book_factor(book, &key, 1000, &runs) == 1.0);
    assert_int_equal(runs, 0);
    for (int i = 0; i < 20; i++)
        cost_book_note(book, &key, 2, 20, 1000);
    assert_near(cost_book_factor(book, &key, 1000, &runs), 10, 0.2);
    assert_int_equal(runs, 20);
    for (int i = 0; i < 60; i++) /* the data changed */
        cost_book_note(book, &key, 2, 1, 1000);
    assert_near(cost_book_factor(book, &key, 1000, NULL), 0.5, 0.2);
    double later = cost_book_factor(book, &key, 1000 + 24 * 3600, NULL);
    assert_true(later > 0.8 && later <= 1.1);
    cost_book_destroy(book);
}

/* A first run on cold files shall not keep an engine away for the day; what many runs have shown stays. */
static void test_one_bad_run_is_forgotten_soon(void **state) {
    (void)state;
    CostBook *book = cost_book_create(NULL);
    CostKey once = key_of(8), often = key_of(9);
    once.class = 1;
    often.class = 2;
    cost_book_note(book, &once, 1, 500, 1000);
    for (int i = 0; i < 8; i++)
        cost_book_note(book, &often, 1, 500, 1000);
    double before = cost_book_factor(book, &often, 1000, NULL);
    assert_true(cost_book_factor(book, &once, 1000, NULL) > 10);
    assert_true(cost_book_factor(book, &once, 1000 + 1800, NULL) < 1.2);
    assert_true(cost_book_factor(book, &often, 1000 + 1800, NULL) > before / 2);
    cost_book_destroy(book);
}

static void test_a_class_speaks_for_unknown_shapes(void **state) {
    (void)state;
    CostBook *book = cost_book_create(NULL);
    for (uint64_t i = 0; i < 100; i++) {
        CostKey key = key_of(i * 977);
        cost_book_note(book, &key, 1, 4, 50);
    }
    CostKey unknown = key_of(1u << 30), other_engine = unknown, own = unknown;
    other_engine.engine = "postgres";
    int runs;
    assert_near(cost_book_factor(book, &unknown, 50, &runs), 2, 0.1); /* not more, whatever they took */
    assert_int_equal(runs, 0);
    assert_true(cost_book_factor(book, &other_engine, 50, NULL) == 1.0);
    own.fingerprint = 12345678;
    for (int i = 0; i < 30; i++) /* its own runs outweigh the class */
        cost_book_note(book, &own, 1, 1, 50);
    assert_near(cost_book_factor(book, &own, 50, NULL), 1, 0.1);
    cost_book_destroy(book);
}

static void test_scattered_runs_prove_little(void **state) {
    (void)state;
    CostBook *book = cost_book_create(NULL);
    CostKey scattered = key_of(5), steady = key_of(6);
    steady.class = scattered.class + 1;
    for (int i = 0; i < 20; i++) {
        cost_book_note(book, &scattered, 100, i % 2 ? 0.1 : 3000, 1);
        cost_book_note(book, &steady, 100, 17, 1); /* the same average */
    }
    assert_near(cost_book_factor(book, &scattered, 1, NULL), 0.85, 0.3);
    assert_near(cost_book_factor(book, &steady, 1, NULL), 0.19, 0.2);
    cost_book_destroy(book);
}

static void test_nonsense_is_left_out(void **state) {
    (void)state;
    CostBook *book = cost_book_create(NULL);
    CostKey key = key_of(1);
    cost_book_note(book, &key, INFINITY, 1, 1);
    cost_book_note(book, &key, NAN, 1, 1);
    cost_book_note(book, &key, 0, 1, 1);
    cost_book_note(book, &key, 1, -1, 1);
    assert_true(cost_book_factor(book, &key, 1, NULL) == 1.0);
    cost_book_note(book, &key, 1e-2, 1e12, 1); /* far off: bounded */
    assert_true(cost_book_factor(book, &key, 1, NULL) < 1e4);
    cost_book_destroy(book);
}

/* However many shapes there are, memory is what it is, and the newest are known. */
static void test_bounded(void **state) {
    (void)state;
    void *memory = aligned_alloc(64, COST_BOOK_BYTES);
    assert_non_null(memory);
    memset(memory, 0, COST_BOOK_BYTES);
    CostBook *book = cost_book_create(memory), *other = cost_book_create(memory);
    for (uint64_t i = 1; i <= 1000000; i++) {
        CostKey key = key_of(i * 0x9E3779B97F4A7C15u);
        cost_book_note(book, &key, 1, 3, (uint32_t)i);
    }
    int known = 0;
    for (uint64_t i = 1000000 - 1000; i <= 1000000; i++) {
        CostKey key = key_of(i * 0x9E3779B97F4A7C15u);
        int runs;
        cost_book_factor(other, &key, 1000000, &runs); /* as another process sees it */
        known += runs > 0;
    }
    assert_true(known > 990);
    cost_book_destroy(book);
    cost_book_destroy(other);
    free(memory);
}

static void *note_many(void *argument) {
    CostBook *book = argument;
    for (uint64_t i = 0; i < 20000; i++) {
        CostKey key = key_of(i % 50 * 0x9E3779B97F4A7C15u);
        cost_book_note(book, &key, 1, 2, 5);
        double factor = cost_book_factor(book, &key, 5, NULL);
        if (factor < 0.9 || factor > 2.1) return argument;
    }
    return NULL;
}

static void test_many_threads(void **state) {
    (void)state;
    CostBook *book = cost_book_create(NULL);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, note_many, book), 0);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    cost_book_destroy(book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_learns_and_fades),
        cmocka_unit_test(test_one_bad_run_is_forgotten_soon),
        cmocka_unit_test(test_a_class_speaks_for_unknown_shapes),
        cmocka_unit_test(test_scattered_runs_prove_little),
        cmocka_unit_test(test_nonsense_is_left_out),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
