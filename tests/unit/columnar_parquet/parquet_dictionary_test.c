/* A chunk's different values: numbered right for every width, given up where they are no gain, and noted in
 * the sketch with the hashes that other files' sketches have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/base/hash.h"
#include "engines/columnar/parquet/parquet_bounds.h"
#include "engines/columnar/parquet/parquet_dictionary.h"

static void must_hold(const ChunkDictionary *dictionary, const DenseValues *values) {
    bool is_string = values->storage->vector_physical == PHYS_STRING;
    for (int64_t i = 0; i < values->count; i++) {
        assert_true(dictionary->codes[i] < dictionary->length);
        const uint8_t *value = values->data + (size_t)i * values->width;
        const uint8_t *entry = dictionary->entries + dictionary->codes[i] * values->width;
        if (is_string)
            assert_true(stringview_equals((const StringView *)(const void *)value,
                                          (const StringView *)(const void *)entry));
        else
            assert_memory_equal(value, entry, values->width);
    }
}

static uint64_t spread(uint64_t value) {
    return value * UINT64_C(0x9E3779B97F4A7C15) >> 7;
}

static void test_numbers_of_each_width(void **state) {
    (void)state;
    static const struct {
        ParquetStorage storage;
        size_t width;
    } KINDS[] = {{{.physical = PARQUET_INT32, .bytes = 4, .vector_physical = PHYS_I32}, 4},
                 {{.physical = PARQUET_INT64, .bytes = 8, .vector_physical = PHYS_I64}, 8},
                 {{.physical = PARQUET_FIXED, .bytes = 9, .vector_physical = PHYS_I128}, 9},
                 {{.physical = PARQUET_FIXED, .bytes = 16, .vector_physical = PHYS_I128}, 16}};
    enum { COUNT = 120000, DIFFERENT = 30011 };
    ChunkDictionary dictionary = {0};
    for (size_t kind = 0; kind < sizeof KINDS / sizeof KINDS[0]; kind++) {
        size_t width = KINDS[kind].width;
        uint8_t *data = calloc(COUNT, width);
        for (size_t i = 0; i < COUNT; i++) {
            uint64_t value = spread(i % 3 ? i % 100 : i / 3 % DIFFERENT);
            memcpy(data + i * width, &value, width < 8 ? width : 8);
        }
        DenseValues values = {&KINDS[kind].storage, data, COUNT, width};
        chunk_dictionary_build(&dictionary, &values, 0);
        assert_int_equal(dictionary.length, DIFFERENT);
        must_hold(&dictionary, &values);
        free(data);
    }
    chunk_dictionary_deinit(&dictionary);
}

/* Strings that differ in one byte, wherever it is, are two. */
static void test_strings_of_each_length(void **state) {
    (void)state;
    enum { LONGEST = 70 };
    static const ParquetStorage storage = {.physical = PARQUET_BYTE_ARRAY, .vector_physical = PHYS_STRING};
    ChunkDictionary dictionary = {0};
    for (uint32_t length = 0; length <= LONGEST; length++) {
        char texts[LONGEST + 2][LONGEST + 1];
        StringView views[2 * (LONGEST + 2)];
        uint32_t count = 0;
        for (uint32_t changed = 0; changed <= length; changed++) {
            memset(texts[changed], 'a', sizeof texts[0]);
            if (changed < length) texts[changed][changed] = 'b';
            views[count++] = stringview_make(texts[changed], length);
        }
        memset(texts[LONGEST + 1], 'a', sizeof texts[0]);
        views[count++] = stringview_make(texts[LONGEST + 1], length); /* again, elsewhere in memory */
        DenseValues values = {&storage, (const uint8_t *)views, count, sizeof(StringView)};
        chunk_dictionary_build(&dictionary, &values, 0);
        assert_int_equal(dictionary.length, length + 1);
        must_hold(&dictionary, &values);
    }
    chunk_dictionary_deinit(&dictionary);
}

static void test_given_up(void **state) {
    (void)state;
    static const ParquetStorage storage = {
        .physical = PARQUET_INT32, .bytes = 4, .vector_physical = PHYS_I32};
    enum { COUNT = 200000 };
    int32_t *data = malloc(COUNT * sizeof *data);
    ChunkDictionary dictionary = {0};
    DenseValues values = {&storage, (const uint8_t *)data, COUNT, 4};
    for (int32_t i = 0; i < COUNT; i++)
        data[i] = i;
    chunk_dictionary_build(&dictionary, &values, 0);
    assert_int_equal(dictionary.length, 0);
    assert_true(dictionary.seen_values < COUNT / 2);
    /* Four rows each in order: a dictionary may be built, but differences take next to nothing. */
    for (int32_t i = 0; i < COUNT; i++)
        data[i] = i / 4;
    chunk_dictionary_build(&dictionary, &values, 0);
    assert_int_equal(dictionary.length, COUNT / 4);
    chunk_dictionary_build(&dictionary, &values, 0.2);
    assert_int_equal(dictionary.length, 0);
    chunk_dictionary_deinit(&dictionary);
    free(data);
}

/* Numbers whose hashes end alike stand in one long chain: the last of it, over and over. */
static void test_colliding_values_are_given_up(void **state) {
    (void)state;
    enum { FIRST = 15000, COLLIDING = 900, COUNT = 120000 };
    static const ParquetStorage storage = {
        .physical = PARQUET_INT64, .bytes = 8, .vector_physical = PHYS_I64};
    uint64_t *data = calloc(COUNT, sizeof *data), number = 1;
    for (int at = FIRST; at < COUNT; at++) {
        bool more = at < FIRST + COLLIDING;
        while (more && hash64_u64(++number) % 2048)
            continue;
        data[at] = number;
    }
    DenseValues values = {&storage, (const uint8_t *)data, COUNT, 8};
    ChunkDictionary dictionary = {0};
    chunk_dictionary_build(&dictionary, &values, 0);
    assert_int_equal(dictionary.length, 0);
    assert_in_range(dictionary.seen_values, FIRST + COLLIDING, COUNT / 2);
    chunk_dictionary_deinit(&dictionary);
    free(data);
}

static void test_sketch_is_of_the_values(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    static const int32_t DIFFERENT[] = {100, COUNT}; /* with a dictionary and without */
    static const ParquetStorage narrow = {
        .physical = PARQUET_INT32, .bytes = 4, .vector_physical = PHYS_I64}; /* numeric(9,2) */
    static const ParquetStorage small = {.physical = PARQUET_INT32, .bytes = 4, .vector_physical = PHYS_I16};
    static const ParquetStorage wide = {.physical = PARQUET_FIXED, .bytes = 16, .vector_physical = PHYS_I128};
    for (int which = 0; which < 2; which++) {
        ChunkDictionary dictionary = {0};
        DistinctSketch found[3] = {0}, expected[3] = {0};
        int32_t *data = malloc(COUNT * sizeof *data);
        uint8_t *decimals = malloc(COUNT * 16);
        for (int32_t i = 0; i < COUNT; i++) {
            data[i] = i % DIFFERENT[which] - 30000;
            parquet_store_decimal(data[i], 16, decimals + i * 16);
            distinct_sketch_add(&expected[0], hash64_u64((uint64_t)(int64_t)data[i]));
            distinct_sketch_add(&expected[1], hash64_u64((uint16_t)data[i]));
            uint64_t low = (uint64_t)(int64_t)data[i], high = data[i] < 0 ? UINT64_MAX : 0;
            distinct_sketch_add(&expected[2], high ? hash64_combine(low, high) : hash64_u64(low));
        }
        const DenseValues values[] = {{&narrow, (const uint8_t *)data, COUNT, 4},
                                      {&small, (const uint8_t *)data, COUNT, 4},
                                      {&wide, decimals, COUNT, 16}};
        for (int i = 0; i < 3; i++) {
            chunk_dictionary_build(&dictionary, &values[i], 0);
            chunk_dictionary_sketch(&dictionary, &values[i], &found[i]);
            assert_memory_equal(&found[i], &expected[i], sizeof found[i]);
            chunk_dictionary_skip(&dictionary); /* the same when none is built at all */
            memset(&found[i], 0, sizeof found[i]);
            chunk_dictionary_sketch(&dictionary, &values[i], &found[i]);
            assert_memory_equal(&found[i], &expected[i], sizeof found[i]);
        }
        chunk_dictionary_deinit(&dictionary);
        free(data);
        free(decimals);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_of_each_width),
        cmocka_unit_test(test_strings_of_each_length),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_colliding_values_are_given_up),
        cmocka_unit_test(test_sketch_is_of_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
