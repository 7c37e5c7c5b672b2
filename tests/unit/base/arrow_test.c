/* The builder's batches, schemas, streams and their ends. Leaks and double frees show under the address
 * sanitizer. */
#include "unit.h"

#include "engines/base/arrow_builder.h"

static const SqlTypeId fixed_types[] = {SQL_INT2, SQL_INT4, SQL_INT8,      SQL_OID,
                                        SQL_DATE, SQL_TIME, SQL_TIMESTAMP, SQL_TIMESTAMPTZ};

static bool is_valid(const ArrowArray *array, int64_t row) {
    return !array->buffers[0] || ((const uint8_t *)array->buffers[0])[row >> 3] >> (row & 7) & 1;
}

static int64_t integer_at(const ArrowArray *array, int width, int64_t row) {
    const char *at = (const char *)array->buffers[1] + width * row;
    int64_t wide;
    int32_t middle;
    int16_t narrow;
    memcpy(&narrow, at, 2);
    if (width == 2) return narrow;
    memcpy(&middle, at, 4);
    if (width == 4) return middle;
    memcpy(&wide, at, 8);
    return wide;
}

static void fixed_width_columns(void **state) {
    for (size_t t = 0; t < sizeof fixed_types / sizeof fixed_types[0]; t++) {
        SqlTypeId id = fixed_types[t];
        int width = id == SQL_INT2 ? 2 : id == SQL_INT4 || id == SQL_OID || id == SQL_DATE ? 4 : 8;
        ArrowColumnSpec spec = {.name = "v", .type = sqltype_of(id)};
        ArrowBuilder builder;
        arrow_builder_init(&builder, &spec, 1);
        for (int batch = 0; batch < 3; batch++) {
            ArrowArray array;
            for (int i = 0; i < 1000 + batch; i++) {
                if (i % 7 == batch)
                    arrow_append_null(arrow_builder_column(&builder, 0));
                else
                    arrow_append_int(arrow_builder_column(&builder, 0), i - 500);
                arrow_builder_end_row(&builder);
            }
            arrow_builder_finish(&builder, &array);
            assert_int_equal(builder.row_count, 0);
            assert_int_equal(array.length, 1000 + batch);
            assert_int_equal(array.n_children, 1);
            const ArrowArray *child = array.children[0];
            assert_int_equal(child->length, 1000 + batch);
            int64_t nulls = 0;
            for (int i = 0; i < 1000 + batch; i++) {
                assert_int_equal(is_valid(child, i), i % 7 != batch);
                nulls += i % 7 == batch;
                if (i % 7 != batch) assert_int_equal(integer_at(child, width, i), i - 500);
            }
            assert_int_equal(child->null_count, nulls);
            arrow_array_release(&array);
            assert_null(array.release);
        }
        arrow_builder_deinit(&builder);
    }
}

static void every_other_layout(void **state) {
    ArrowColumnSpec specs[] = {{.name = "b", .type = sqltype_of(SQL_BOOL)},
                               {.name = "f", .type = sqltype_of(SQL_FLOAT4)},
                               {.name = "g", .type = sqltype_of(SQL_FLOAT8)},
                               {.name = "d", .type = sqltype_numeric(20, 3)},
                               {.name = "i", .type = sqltype_of(SQL_INTERVAL)},
                               {.name = "t", .type = sqltype_of(SQL_TEXT)},
                               {.name = "z", .type = sqltype_of(SQL_BYTEA)},
                               {.name = "l", .type = sqltype_array_of(sqltype_of(SQL_TEXT))},
                               {.name = "n", .type = sqltype_of(SQL_NUMERIC)}};
    enum { COLUMNS = sizeof specs / sizeof specs[0] };
    static const char *const formats[] = {"b", "f", "g", "d:20,3", "tin", "u", "z", "+l", "u"};
    ArrowBuilder builder;
    ArrowSchema schema;
    ArrowArray array;
    arrow_schema_build(&schema, specs, COLUMNS);
    arrow_builder_init(&builder, specs, COLUMNS);
    for (int row = 0; row < 3; row++) {
        for (int c = 0; row == 1 && c < COLUMNS; c++)
            arrow_append_null(arrow_builder_column(&builder, c));
        if (row != 1) {
            arrow_append_bool(arrow_builder_column(&builder, 0), row == 2);
            arrow_append_float(arrow_builder_column(&builder, 1), 1.5 * row);
            arrow_append_float(arrow_builder_column(&builder, 2), -0.25 * row);
            arrow_append_decimal(arrow_builder_column(&builder, 3), (__int128)-1000000000000 * row);
            arrow_append_interval(arrow_builder_column(&builder, 4), row, -row, 5 * row);
            arrow_append_bytes(arrow_builder_column(&builder, 5), "é", row ? 2 : 0);
            arrow_append_bytes(arrow_builder_column(&builder, 6), "\0\xff", (size_t)row);
            ArrowColumn *list = arrow_builder_column(&builder, 7);
            for (int i = 0; i < row; i++) {
                if (i)
                    arrow_append_null(arrow_list_child(list));
                else
                    arrow_append_bytes(arrow_list_child(list), "x", 1);
            }
            arrow_append_list_end(list);
            arrow_append_bytes(arrow_builder_column(&builder, 8), "NaN", 3);
        }
        arrow_builder_end_row(&builder);
    }
    for (int again = 0; again < 2; again++) { /* the same without a copy, as often as asked for */
        const ArrowArray *view = arrow_builder_view(&builder);
        assert_int_equal(view->length, builder.row_count);
        for (int c = 0; c < COLUMNS; c++) {
            const ArrowArray *column = view->children[c];
            assert_int_equal(column->null_count, 1);
            assert_true(is_valid(column, 0) && !is_valid(column, 1) && is_valid(column, 2));
        }
        assert_true(((const double *)view->children[2]->buffers[1])[2] == -0.5);
        const int32_t *offsets = view->children[5]->buffers[1];
        assert_int_equal(offsets[3] - offsets[2], 2);
        assert_memory_equal((const char *)view->children[5]->buffers[2] + offsets[2], "é", 2);
        assert_int_equal(view->children[7]->n_children, 1);
        assert_int_equal(view->children[7]->children[0]->length, 2);
    }
    arrow_builder_finish(&builder, &array);
    for (int c = 0; c < COLUMNS; c++) {
        assert_string_equal(schema.children[c]->format, formats[c]);
        assert_true(sqltype_equals(arrow_schema_sqltype(schema.children[c], NULL), specs[c].type));
        assert_int_equal(array.children[c]->null_count, 1);
        assert_true(is_valid(array.children[c], 0) && !is_valid(array.children[c], 1) &&
                    is_valid(array.children[c], 2));
    }
    assert_int_equal(((const uint8_t *)array.children[0]->buffers[1])[0] & 5, 4);
    assert_true(((const float *)array.children[1]->buffers[1])[2] == 3.0f);
    assert_true(((const double *)array.children[2]->buffers[1])[2] == -0.5);
    __int128 decimal;
    memcpy(&decimal, (const char *)array.children[3]->buffers[1] + 32, 16);
    assert_true(decimal == (__int128)-2000000000000);
    const int32_t *text = array.children[5]->buffers[1], *list = array.children[7]->buffers[1];
    assert_int_equal(text[0], 0);
    assert_int_equal(text[2], 0);
    assert_int_equal(text[3], 2);
    assert_int_equal(list[1], 0);
    assert_int_equal(list[3], 2);
    assert_int_equal(array.children[7]->children[0]->length, 2);
    assert_false(is_valid(array.children[7]->children[0], 1));
    ArrowArray moved = *array.children[5]; /* a consumer may move a child out and keep it */
    array.children[5]->release = NULL;
    arrow_array_release(&array);
    assert_memory_equal(moved.buffers[2], "é", 2);
    arrow_array_release(&moved);
    arrow_schema_release(&schema);
    arrow_builder_deinit(&builder);
}

static void a_large_value_counts_at_once(void **state) {
    ArrowColumnSpec specs[] = {{.name = "t", .type = sqltype_of(SQL_TEXT)},
                               {.name = "l", .type = sqltype_array_of(sqltype_of(SQL_TEXT))}};
    ArrowBuilder builder;
    char *large = calloc(1, 100000);
    arrow_builder_init(&builder, specs, 2);
    for (int row = 0; row < 2; row++) {
        arrow_append_bytes(arrow_builder_column(&builder, 0), large, row ? 1 : 100000);
        if (row) arrow_append_bytes(arrow_list_child(arrow_builder_column(&builder, 1)), large, 100000);
        arrow_append_list_end(arrow_builder_column(&builder, 1));
        arrow_builder_end_row(&builder);
        assert_true(builder.approx_bytes >= 100000 * (row + 1));
    }
    free(large);
    arrow_builder_deinit(&builder);
}

static void a_builder_with_rows_in_it_can_be_dropped(void **state) {
    ArrowColumnSpec spec = {.name = "l", .type = sqltype_array_of(sqltype_of(SQL_INT4))};
    ArrowBuilder builder;
    arrow_builder_init(&builder, &spec, 1);
    arrow_append_int(arrow_list_child(arrow_builder_column(&builder, 0)), 1);
    arrow_append_list_end(arrow_builder_column(&builder, 0));
    arrow_builder_end_row(&builder);
    arrow_builder_deinit(&builder);
}

static void types_follow_from_formats_or_metadata(void **state) {
    ArrowSchema schema;
    const char *name;
    arrow_schema_build(&schema,
                       (ArrowColumnSpec[]){{.name = "m", .type = sqltype_of(SQL_OTHER), .type_name = "mood"},
                                           {.name = "v", .type = sqltype_from_name("varchar(7)")}},
                       2);
    assert_int_equal(arrow_schema_sqltype(schema.children[0], &name).id, SQL_OTHER);
    assert_string_equal(name, "mood");
    assert_int_equal(arrow_schema_sqltype(schema.children[1], &name).precision, 7);
    assert_string_equal(name, "varchar(7)");
    arrow_schema_release(&schema);
    static const struct {
        const char *format;
        SqlTypeId id;
    } plain[] = {{"U", SQL_TEXT},         {"vu", SQL_TEXT},
                 {"tsu:", SQL_TIMESTAMP}, {"tsu:UTC", SQL_TIMESTAMPTZ},
                 {"d:9,2", SQL_NUMERIC},  {"w:3", SQL_OTHER}};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        ArrowSchema column = {.format = plain[i].format, .name = "x"};
        assert_int_equal(arrow_schema_sqltype(&column, &name).id, plain[i].id);
        assert_null(name);
    }
}

/* ---- streams
 * ------------------------------------------------------------------------------------------------ */

typedef struct Source {
    int left, closed;
    Error failure;
} Source;

static Status next_of_source(void *state, ArrowArray *out, Error *err) {
    Source *source = state;
    if (error_is_set(&source->failure)) {
        *err = source->failure;
        return STATUS_ERROR;
    }
    if (source->left-- <= 0) return STATUS_OK;
    ArrowColumnSpec spec = {.name = "v", .type = sqltype_of(SQL_INT4)};
    ArrowBuilder builder;
    arrow_builder_init(&builder, &spec, 1);
    arrow_append_int(arrow_builder_column(&builder, 0), source->left);
    arrow_builder_end_row(&builder);
    arrow_builder_finish(&builder, out);
    arrow_builder_deinit(&builder);
    return STATUS_OK;
}

static void close_source(void *state) {
    ((Source *)state)->closed++;
}

static void streams_end_fail_and_close_once(void **state) {
    Source source = {.left = 2};
    ArrowSchema schema, seen;
    ArrowArrayStream stream;
    ArrowArray batch;
    Error err = {0};
    arrow_schema_build(&schema, (ArrowColumnSpec[]){{.name = "v", .type = sqltype_of(SQL_INT4)}}, 1);
    arrow_stream_make(&stream, &schema,
                      (ArrowStreamSource){.next = next_of_source, .close = close_source, .state = &source});
    assert_null(schema.release); /* moved */
    assert_int_equal(arrow_stream_schema(&stream, &seen, &err), STATUS_OK);
    assert_string_equal(seen.children[0]->name, "v");
    arrow_schema_release(&seen);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(arrow_stream_next(&stream, &batch, &err), STATUS_OK);
        assert_non_null(batch.release);
        arrow_array_release(&batch);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(arrow_stream_next(&stream, &batch, &err), STATUS_OK);
        assert_null(batch.release);
    }
    (void)error_set_at(&source.failure, "22012", 17, "division by zero: a:b");
    assert_int_equal(arrow_stream_next(&stream, &batch, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "22012");
    assert_int_equal(err.position, 17);
    assert_string_equal(err.message, "division by zero: a:b");
    arrow_stream_release(&stream);
    assert_null(stream.release);
    assert_int_equal(source.closed, 1);
    arrow_stream_make_empty(&stream);
    assert_int_equal(arrow_stream_schema(&stream, &seen, &err), STATUS_OK);
    assert_int_equal(seen.n_children, 0);
    arrow_schema_release(&seen);
    assert_int_equal(arrow_stream_next(&stream, &batch, &err), STATUS_OK);
    assert_null(batch.release);
    arrow_stream_release(&stream);
}

static int fail_with_text(ArrowArrayStream *stream, ArrowArray *out) {
    return 5;
}
static const char *plain_text(ArrowArrayStream *stream) {
    return "it broke";
}

static void errors_of_other_producers_are_kept(void **state) {
    ArrowArrayStream stream = {.get_next = fail_with_text, .get_last_error = plain_text};
    ArrowArray batch;
    Error err = {0};
    assert_int_equal(arrow_stream_next(&stream, &batch, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_INTERNAL);
    assert_string_equal(err.message, "it broke");
    stream.get_last_error = NULL;
    assert_int_equal(arrow_stream_next(&stream, &batch, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_IO_ERROR);
}

static Status fail_with_hint(void *state, ArrowArray *out, Error *err) {
    (void)error_set_at(err, "42703", 9, "no column x");
    if (state) (void)error_add_detail(err, "%s", (const char *)state);
    return error_add_hint(err, "Perhaps y");
}

static void details_and_hints_pass_through_a_stream(void **state) {
    static char detail[] = "there are y and z";
    for (int with_detail = 0; with_detail < 2; with_detail++) {
        ArrowSchema schema = {0};
        ArrowArrayStream stream;
        arrow_schema_build(&schema, NULL, 0);
        arrow_stream_make(&stream, &schema,
                          (ArrowStreamSource){.state = with_detail ? detail : NULL, .next = fail_with_hint});
        ArrowArray batch;
        Error err = {0};
        assert_int_equal(arrow_stream_next(&stream, &batch, &err), STATUS_ERROR);
        assert_int_equal(err.position, 9);
        assert_string_equal(err.message, "no column x");
        assert_string_equal(err.detail, with_detail ? detail : "");
        assert_string_equal(err.hint, "Perhaps y");
        arrow_stream_release(&stream);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(details_and_hints_pass_through_a_stream),
        cmocka_unit_test(fixed_width_columns),
        cmocka_unit_test(every_other_layout),
        cmocka_unit_test(a_large_value_counts_at_once),
        cmocka_unit_test(a_builder_with_rows_in_it_can_be_dropped),
        cmocka_unit_test(types_follow_from_formats_or_metadata),
        cmocka_unit_test(streams_end_fail_and_close_once),
        cmocka_unit_test(errors_of_other_producers_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
