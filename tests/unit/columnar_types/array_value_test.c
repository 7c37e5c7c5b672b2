#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engines/columnar/types/array_value.h"

static const int counts[] = {0, 1, 7, 8, 9, 63, 64, 65, 2048};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static Arena test_arena;

static int set_up(void **state) {
    (void)state;
    arena_init(&test_arena);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_deinit(&test_arena);
    return 0;
}

static void check_integers(int count, int nulls_every, Arena *builder_arena) {
    Error err = {0};
    ArrayBuilder builder;
    array_builder_init(&builder, sqltype_of(SQL_INT8), builder_arena);
    for (int i = 0; i < count; i++) {
        int64_t value = (int64_t)i * 1000003;
        bool null = nulls_every && i % nulls_every == 0;
        assert_int_equal(array_builder_add(&builder, null ? NULL : &value, &err), STATUS_OK);
    }
    StringView blob;
    assert_int_equal(array_builder_finish(&builder, &test_arena, &blob, &err), STATUS_OK);
    assert_int_equal(builder.count, 0);
    ArrayValue array;
    assert_int_equal(array_open(&blob, &array, &err), STATUS_OK);
    assert_int_equal(array.count, count);
    assert_int_equal(array.dimension_count, count ? 1 : 0);
    Vector elements;
    array_elements(&array, sqltype_of(SQL_INT8), &test_arena, &elements);
    for (int i = 0; i < count; i++) {
        bool null = nulls_every && i % nulls_every == 0;
        int64_t room[4], value; /* room for the widest element */
        array_get(&array, i, room);
        value = room[0];
        assert_int_equal(array_is_null(&array, i), null);
        assert_int_equal(vector_is_null(&elements, i), null);
        assert_int_equal(value, null ? 0 : (int64_t)i * 1000003);
        assert_int_equal(((int64_t *)elements.values)[i], value);
    }
    array_builder_deinit(&builder);
}

static void test_integers_come_back(void **state) {
    (void)state;
    for (int c = 0; c < COUNTS; c++)
        for (int every = 0; every < 4; every++) {
            check_integers(counts[c], every, &test_arena);
            check_integers(counts[c], every, NULL);
        }
}

static void test_strings_come_back(void **state) {
    (void)state;
    Error err = {0};
    for (int c = 0; c < COUNTS; c++) {
        ArrayBuilder builder;
        array_builder_init(&builder, sqltype_of(SQL_TEXT), &test_arena);
        char text[40];
        memset(text, 'x', sizeof text);
        for (int i = 0; i < counts[c]; i++) {
            text[0] = (char)i;
            assert_int_equal(i % 5 == 4 ? array_builder_add(&builder, NULL, &err)
                                        : array_builder_add_string(&builder, text, (size_t)(i % 40), &err),
                             STATUS_OK);
        }
        StringView blob;
        assert_int_equal(array_builder_finish(&builder, NULL, &blob, &err), STATUS_OK);
        ArrayValue array;
        assert_int_equal(array_open(&blob, &array, &err), STATUS_OK);
        for (int i = 0; i < counts[c]; i++) {
            assert_int_equal(array_is_null(&array, i), i % 5 == 4);
            StringView view = array_string(&array, i);
            text[0] = (char)i;
            assert_int_equal(view.length, i % 5 == 4 ? 0 : i % 40);
            assert_memory_equal(stringview_data(&view), text, view.length);
        }
    }
}

static void test_shapes_and_copies(void **state) {
    (void)state;
    Error err = {0};
    ArrayBuilder builder;
    array_builder_init(&builder, sqltype_of(SQL_INT4), &test_arena);
    for (int32_t i = 0; i < 6; i++)
        assert_int_equal(array_builder_add(&builder, &i, &err), STATUS_OK);
    const ArrayDimension shape[] = {{2, -1}, {3, 5}};
    StringView blob, copy;
    assert_int_equal(array_builder_finish_shaped(&builder, 2, shape, NULL, &blob, &err), STATUS_OK);
    ArrayValue array;
    assert_int_equal(array_open(&blob, &array, &err), STATUS_OK);
    assert_int_equal(array.dimension_count, 2);
    assert_int_equal(array.dimensions[0].lower, -1);
    assert_int_equal(array.dimensions[1].length, 3);
    for (int i = 0; i < 6; i++)
        assert_int_equal(array_builder_add_element(&builder, &array, i, &err), STATUS_OK);
    assert_int_equal(array_builder_finish_shaped(&builder, 2, shape, NULL, &copy, &err), STATUS_OK);
    assert_true(stringview_equals(&blob, &copy));
}

static void test_rows_of_every_encoding(void **state) {
    (void)state;
    Error err = {0};
    ArrayBuilder builder;
    Vector scaled, sequence = {.type = sqltype_of(SQL_INT8), .physical = PHYS_I64};
    vector_init_flat(&scaled, sqltype_numeric(10, 2), 3, &test_arena);
    for (int i = 0; i < 3; i++)
        ((int64_t *)scaled.values)[i] = 150 + i;
    bitmap_clear(vector_make_validity(&scaled, 3, &test_arena), 1);
    array_builder_init(&builder, sqltype_numeric(10, 2), &test_arena);
    for (int i = 0; i < 3; i++)
        assert_int_equal(array_builder_add_row(&builder, &scaled, i, &err), STATUS_OK);
    StringView blob;
    ArrayValue array;
    Numeric numeric;
    assert_int_equal(array_builder_finish(&builder, NULL, &blob, &err), STATUS_OK);
    assert_int_equal(array_open(&blob, &array, &err), STATUS_OK);
    array_get(&array, 2, &numeric);
    assert_true(numeric.value == 152 && numeric.scale == 2);
    assert_true(array_is_null(&array, 1));

    sequence.encoding = VECTOR_SEQUENCE;
    sequence.sequence_start = 5;
    sequence.sequence_step = -2;
    array_builder_init(&builder, sqltype_of(SQL_INT8), &test_arena);
    assert_int_equal(array_builder_add_row(&builder, &sequence, 4, &err), STATUS_OK);
    assert_int_equal(array_builder_finish(&builder, NULL, &blob, &err), STATUS_OK);
    assert_int_equal(array_open(&blob, &array, &err), STATUS_OK);
    int64_t room[4];
    array_get(&array, 0, room);
    assert_int_equal(room[0], -3);
}

/* Every cut and every changed byte is refused or read within the blob's bounds (the sanitizers watch). */
static void test_hostile_blobs(void **state) {
    (void)state;
    Error err = {0};
    ArrayBuilder builder;
    array_builder_init(&builder, sqltype_of(SQL_TEXT), &test_arena);
    for (int i = 0; i < 9; i++)
        assert_int_equal(i == 3 ? array_builder_add(&builder, NULL, &err)
                                : array_builder_add_string(&builder, "some text", (size_t)i, &err),
                         STATUS_OK);
    StringView blob;
    assert_int_equal(array_builder_finish(&builder, NULL, &blob, &err), STATUS_OK);
    for (uint32_t cut = 0; cut < blob.length; cut++) {
        char *bytes = malloc(cut ? cut : 1);
        memcpy(bytes, stringview_data(&blob), cut);
        StringView view = stringview_make(bytes, cut);
        ArrayValue array;
        assert_int_equal(array_open(&view, &array, &err), STATUS_ERROR);
        assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
        free(bytes);
    }
    for (uint32_t at = 0; at < blob.length; at++)
        for (int change = 1; change < 256; change += 7) {
            char *bytes = malloc(blob.length);
            memcpy(bytes, stringview_data(&blob), blob.length);
            bytes[at] = (char)(bytes[at] ^ change);
            StringView view = stringview_make(bytes, blob.length);
            ArrayValue array;
            if (array_open(&view, &array, &err) == STATUS_OK) {
                uint64_t sum = 0;
                char value[32];
                for (int i = 0; i < array.count; i++) {
                    array_get(&array, i, value);
                    if (array.physical != PHYS_STRING) continue;
                    StringView element = array_string(&array, i);
                    for (uint32_t b = 0; b < element.length; b++)
                        sum += (uint8_t)stringview_data(&element)[b];
                }
                assert_true(sum < UINT64_MAX);
            }
            free(bytes);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_integers_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strings_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shapes_and_copies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_of_every_encoding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_blobs, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
