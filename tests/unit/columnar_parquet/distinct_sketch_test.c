/* Counting different values by sketch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "engines/base/hash.h"
#include "engines/columnar/parquet/distinct_sketch.h"

static void fill(DistinctSketch *sketch, uint64_t from, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        distinct_sketch_add(sketch, hash64_u64(from + i));
}

static void test_estimates(void **state) {
    (void)state;
    static const uint64_t COUNTS[] = {0, 1, 2, 25, 100, 2048, 4096, 20000, 150000, 1000000};
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
        DistinctSketch sketch = {0};
        fill(&sketch, 7, COUNTS[i]);
        fill(&sketch, 7, COUNTS[i]); /* again: nothing new */
        double estimate = distinct_sketch_estimate(&sketch), count = (double)COUNTS[i];
        assert_true(estimate >= count * 0.95 - 0.5 && estimate <= count * 1.05 + 0.5);
    }
}

static void test_merge(void **state) {
    (void)state;
    DistinctSketch left = {0}, right = {0}, whole = {0};
    fill(&left, 0, 60000);
    fill(&right, 30000, 60000);
    fill(&whole, 0, 90000);
    distinct_sketch_merge(&left, &right);
    assert_memory_equal(&left, &whole, sizeof left);
}

static void test_text(void **state) {
    (void)state;
    static const uint64_t COUNTS[] = {0, 1, 900, 1100, 500000};
    for (size_t i = 0; i < sizeof COUNTS / sizeof COUNTS[0]; i++) {
        DistinctSketch sketch = {0}, read;
        StrBuf text;
        strbuf_init(&text);
        fill(&sketch, 3, COUNTS[i]);
        distinct_sketch_encode(&sketch, &text);
        assert_true(distinct_sketch_decode(strbuf_text(&text), &read));
        assert_memory_equal(&sketch, &read, sizeof sketch);
        strbuf_deinit(&text);
    }
}

static void test_broken_text(void **state) {
    (void)state;
    static const char *const TEXTS[] = {"",     "X", "SA",   "SAAA",    "SAA/",
                                        "S===", "D", "DAAA", "SAA\xff", "sAAB"};
    DistinctSketch ignored;
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
        assert_false(distinct_sketch_decode(TEXTS[i], &ignored));
    assert_true(distinct_sketch_decode("S", &ignored));
    assert_true(distinct_sketch_decode("SAAB", &ignored));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_estimates),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_broken_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
