/* Arrays through the engine's edge: Arrow lists in, values, Arrow lists out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engines/base/arrow_builder.h"
#include "engines/columnar/exec/arrow_export.h"
#include "engines/columnar/exec/arrow_import.h"
#include "engines/columnar/types/array_value.h"

static void build_lists(ArrowArray *out, ArrowSchema *schema, int rows) {
    const ArrowColumnSpec columns[] = {{"a", {.id = SQL_INT4, .is_array = true}, NULL},
                                       {"t", {.id = SQL_TEXT, .is_array = true}, NULL}};
    ArrowBuilder builder;
    arrow_builder_init(&builder, columns, 2);
    for (int row = 0; row < rows; row++) {
        for (int c = 0; c < 2; c++) {
            ArrowColumn *column = arrow_builder_column(&builder, c);
            if (row % 5 == 4) {
                arrow_append_null(column);
                continue;
            }
            ArrowColumn *child = arrow_list_child(column);
            for (int i = 0; i < row % 4; i++) {
                if (i == 2)
                    arrow_append_null(child);
                else if (c == 0)
                    arrow_append_int(child, row * 10 + i);
                else
                    arrow_append_bytes(child, "a longer text than inline", (size_t)(row % 20));
            }
            arrow_append_list_end(column);
        }
        arrow_builder_end_row(&builder);
    }
    arrow_builder_finish(&builder, out);
    arrow_builder_deinit(&builder);
    arrow_schema_build(schema, columns, 2);
}

static void check_rows(const Vector *vector, int column, int rows) {
    Error err = {0};
    for (int row = 0; row < rows; row++) {
        assert_int_equal(vector_is_null(vector, row), row % 5 == 4);
        if (row % 5 == 4) continue;
        ArrayValue array;
        assert_int_equal(array_open((StringView *)vector->values + row, &array, &err), STATUS_OK);
        assert_int_equal(array.count, row % 4);
        for (int i = 0; i < array.count; i++) {
            assert_int_equal(array_is_null(&array, i), i == 2);
            if (i == 2) continue;
            if (column == 0) {
                int32_t room[8];
                array_get(&array, i, room);
                assert_int_equal(room[0], row * 10 + i);
            } else {
                assert_int_equal(array_string(&array, i).length, row % 20);
            }
        }
    }
}

static void test_lists_come_and_go(void **state) {
    (void)state;
    static const int counts[] = {0, 1, 63, 64, 65, 2048};
    const PlanColumn columns[] = {{"a", {.id = SQL_INT4, .is_array = true}, NULL, true},
                                  {"t", {.id = SQL_TEXT, .is_array = true}, NULL, true}};
    for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
        ArrowArray array, back;
        ArrowSchema schema;
        Arena arena;
        Error err = {0};
        Vector vectors[2], again[2];
        arena_init(&arena);
        build_lists(&array, &schema, counts[n]);
        for (int c = 0; c < 2; c++) {
            assert_int_equal(arrow_import_check(schema.children[c], columns[c].type, &err), STATUS_OK);
            assert_int_equal(arrow_import_column(schema.children[c], array.children[c], 0, counts[n],
                                                 columns[c].type, &vectors[c], &arena, &err),
                             STATUS_OK);
            check_rows(&vectors[c], c, counts[n]);
        }
        Batch batch = {.row_count = counts[n], .column_count = 2, .columns = vectors, .selected = counts[n]};
        ArrowExport export;
        arrow_export_init(&export, columns, 2);
        int half = counts[n] / 2;
        assert_int_equal(arrow_export_append(&export, &batch, 0, half, &err), STATUS_OK);
        assert_int_equal(arrow_export_append(&export, &batch, half, counts[n] - half, &err), STATUS_OK);
        arrow_export_finish(&export, &back);
        arrow_export_deinit(&export);
        for (int c = 0; c < 2; c++) {
            assert_int_equal(arrow_import_column(schema.children[c], back.children[c], 0, counts[n],
                                                 columns[c].type, &again[c], &arena, &err),
                             STATUS_OK);
            check_rows(&again[c], c, counts[n]);
        }
        arrow_array_release(&back);
        arrow_array_release(&array);
        arrow_schema_release(&schema);
        arena_deinit(&arena);
    }
}

/* Elements are Numeric whatever precision the column declares. */
static void test_numerics_with_a_precision(void **state) {
    (void)state;
    static const int64_t values[] = {150, -7, 0};
    SqlType type = sqltype_array_of(sqltype_numeric(10, 2));
    const PlanColumn column = {"p", type, NULL, true};
    Arena arena;
    ArrayBuilder builder;
    Vector vector, again;
    ArrowSchema schema;
    ArrowArray array;
    ArrayValue read;
    Error err = {0};
    arena_init(&arena);
    array_builder_init(&builder, type, &arena);
    for (int i = 0; i < 3; i++) {
        Numeric value = {.value = values[i], .scale = 2};
        assert_int_equal(array_builder_add(&builder, &value, &err), STATUS_OK);
    }
    vector_init_flat(&vector, type, 1, &arena);
    assert_int_equal(array_builder_finish(&builder, &arena, vector.values, &err), STATUS_OK);
    Batch batch = {.row_count = 1, .column_count = 1, .columns = &vector, .selected = 1};
    ArrowExport export;
    arrow_export_init(&export, &column, 1);
    assert_int_equal(arrow_export_append(&export, &batch, 0, 1, &err), STATUS_OK);
    arrow_export_finish(&export, &array);
    arrow_export_deinit(&export);
    arrow_export_schema(&column, 1, &schema);
    assert_int_equal(
        arrow_import_column(schema.children[0], array.children[0], 0, 1, type, &again, &arena, &err),
        STATUS_OK);
    assert_int_equal(array_open(again.values, &read, &err), STATUS_OK);
    assert_int_equal(read.count, 3);
    for (int i = 0; i < 3; i++) {
        Numeric value;
        array_get(&read, i, &value);
        assert_int_equal((int64_t)value.value, values[i]);
        assert_int_equal(value.scale, 2);
    }
    arrow_array_release(&array);
    arrow_schema_release(&schema);
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lists_come_and_go),
                                       cmocka_unit_test(test_numerics_with_a_precision)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
