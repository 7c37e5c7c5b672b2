#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engines/columnar/types/vector.h"

static const int row_counts[] = {0, 1, 63, 64, 65, 2048};
enum { ROW_COUNTS = sizeof row_counts / sizeof row_counts[0] };

static void test_physical_types(void **state) {
    assert_int_equal(physical_type_of(sqltype_of(SQL_INT2)), PHYS_I16);
    assert_int_equal(physical_type_of(sqltype_of(SQL_DATE)), PHYS_I32);
    assert_int_equal(physical_type_of(sqltype_of(SQL_TIMESTAMPTZ)), PHYS_I64);
    assert_int_equal(physical_type_of(sqltype_of(SQL_OID)), PHYS_I64);
    assert_int_equal(physical_type_of(sqltype_numeric(18, 2)), PHYS_I64);
    assert_int_equal(physical_type_of(sqltype_numeric(19, 2)), PHYS_I128);
    assert_int_equal(physical_type_of(sqltype_of(SQL_NUMERIC)), PHYS_NUMERIC);
    assert_int_equal(physical_type_of(sqltype_of(SQL_UUID)), PHYS_STRING);
    assert_int_equal(physical_type_of(sqltype_array_of(sqltype_of(SQL_INT4))), PHYS_STRING);
    assert_int_equal(physical_width(PHYS_BOOL), 1);
    assert_int_equal(physical_width(PHYS_I128), 16);
    assert_int_equal(physical_width(PHYS_STRING), 16);
    assert_int_equal(physical_width(PHYS_NUMERIC), sizeof(Numeric));
}

static int sign(int value) {
    return (value > 0) - (value < 0);
}

static int naive_compare(const char *a, uint32_t a_length, const char *b, uint32_t b_length) {
    uint32_t shared = a_length < b_length ? a_length : b_length;
    int order = memcmp(a, b, shared);
    return order ? sign(order) : (a_length > b_length) - (a_length < b_length);
}

static void test_stringviews_compare_like_bytes(void **state) {
    static const struct {
        const char *data;
        uint32_t length;
    } texts[] = {{"", 0},
                 {"\0", 1},
                 {"\0\0", 2},
                 {"a", 1},
                 {"a\0", 2},
                 {"ab", 2},
                 {"abc", 3},
                 {"abcd", 4},
                 {"abcd\0", 5},
                 {"abce", 4},
                 {"abcde", 5},
                 {"abcdefghijkl", 12},
                 {"abcdefghijklm", 13},
                 {"abcdefghijklmn", 14},
                 {"abcdefghijkln", 13},
                 {"\xff", 1},
                 {"\xff\xff\xff\xff\xff", 5},
                 {"\x80zzzzzzzzzzzzzzzzz", 18},
                 {"\x7f", 1}};
    size_t count = sizeof texts / sizeof texts[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            char *copy = malloc(texts[j].length + 1); /* pointers differ, so bytes must be looked at */
            memcpy(copy, texts[j].data, texts[j].length);
            StringView a = stringview_make(texts[i].data, texts[i].length);
            StringView b = stringview_make(copy, texts[j].length);
            int expected = naive_compare(texts[i].data, texts[i].length, copy, texts[j].length);
            assert_int_equal(sign(stringview_compare(&a, &b)), expected);
            assert_int_equal(stringview_equals(&a, &b), expected == 0);
            free(copy);
        }
    }
}

static void test_constants(void **state) {
    Arena arena;
    arena_init(&arena);
    int64_t seven = 7;
    Vector constant, null, flat;
    vector_init_constant(&constant, sqltype_of(SQL_INT8), &seven, &arena);
    vector_init_constant(&null, sqltype_of(SQL_TEXT), NULL, &arena);
    assert_false(vector_is_null(&constant, 2000));
    assert_true(vector_is_null(&null, 2000));
    for (int n = 0; n < ROW_COUNTS; n++) {
        vector_flatten(&constant, row_counts[n], &flat, &arena);
        assert_int_equal(flat.encoding, VECTOR_FLAT);
        for (int i = 0; i < row_counts[n]; i++) {
            assert_false(vector_is_null(&flat, i));
            assert_int_equal(((int64_t *)flat.values)[i], 7);
        }
        vector_flatten(&null, row_counts[n], &flat, &arena);
        for (int i = 0; i < row_counts[n]; i++)
            assert_true(vector_is_null(&flat, i));
    }
    arena_deinit(&arena);
}

static void check_dictionary_type(SqlType type, Arena *arena) {
    Vector dictionary;
    vector_init_flat(&dictionary, type, 5, arena);
    size_t width = physical_width(dictionary.physical);
    for (size_t i = 0; i < 5 * width; i++)
        ((uint8_t *)dictionary.values)[i] = (uint8_t)(i * 37 + 11);
    uint32_t codes[2048];
    for (uint32_t i = 0; i < 2048; i++)
        codes[i] = (i * 7 + i / 13) % 5;
    Vector encoded = {.type = type,
                      .physical = dictionary.physical,
                      .encoding = VECTOR_DICTIONARY,
                      .codes = codes,
                      .dictionary = &dictionary,
                      .dictionary_length = 5};
    for (int n = 0; n < ROW_COUNTS; n++) {
        Vector flat;
        vector_flatten(&encoded, row_counts[n], &flat, arena);
        assert_int_equal(flat.encoding, VECTOR_FLAT);
        assert_null(flat.validity);
        for (int i = 0; i < row_counts[n]; i++)
            assert_memory_equal((char *)flat.values + (size_t)i * width,
                                (char *)dictionary.values + codes[i] * width, width);
    }
}

static void test_dictionaries_of_every_width(void **state) {
    Arena arena;
    arena_init(&arena);
    check_dictionary_type(sqltype_of(SQL_BOOL), &arena);
    check_dictionary_type(sqltype_of(SQL_INT2), &arena);
    check_dictionary_type(sqltype_of(SQL_INT4), &arena);
    check_dictionary_type(sqltype_of(SQL_FLOAT8), &arena);
    check_dictionary_type(sqltype_numeric(30, 3), &arena);
    check_dictionary_type(sqltype_of(SQL_TEXT), &arena);
    check_dictionary_type(sqltype_of(SQL_INTERVAL), &arena);
    check_dictionary_type(sqltype_of(SQL_NUMERIC), &arena);
    arena_deinit(&arena);
}

static void test_sequence_and_validity(void **state) {
    Arena arena;
    arena_init(&arena);
    Vector sequence = {.type = sqltype_of(SQL_INT8),
                       .physical = PHYS_I64,
                       .encoding = VECTOR_SEQUENCE,
                       .sequence_start = -5,
                       .sequence_step = 3};
    Vector flat;
    vector_flatten(&sequence, 2048, &flat, &arena);
    for (int i = 0; i < 2048; i++)
        assert_int_equal(((int64_t *)flat.values)[i], -5 + 3 * i);
    for (int n = 0; n < ROW_COUNTS; n++) {
        Vector vector;
        vector_init_flat(&vector, sqltype_of(SQL_INT4), row_counts[n], &arena);
        uint64_t *validity = vector_make_validity(&vector, row_counts[n], &arena);
        assert_int_equal(bitmap_count(validity, (size_t)row_counts[n]), row_counts[n]);
        assert_ptr_equal(vector_make_validity(&vector, row_counts[n], &arena), validity);
    }
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_physical_types),
        cmocka_unit_test(test_stringviews_compare_like_bytes),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_dictionaries_of_every_width),
        cmocka_unit_test(test_sequence_and_validity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
