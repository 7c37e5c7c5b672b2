/* Every type's text and JSON, as PostgreSQL 15 prints them (the expectations are its own output). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/arrow_builder.h"
#include "engines/base/float_text.h"
#include "fcgi/format/format.h"

typedef struct FloatCase {
    int width;
    uint64_t bits;
    const char *text;
} FloatCase;

static const FloatCase float_cases[] = {
#include "float_cases.inc"
};

static void floats_are_printed_as_postgresql_does(void **state) {
    int wrong = 0;
    for (size_t i = 0; i < sizeof float_cases / sizeof float_cases[0]; i++) {
        const FloatCase *each = &float_cases[i];
        char text[FLOAT_TEXT_BYTES + 1];
        double wide;
        float narrow;
        uint32_t low = (uint32_t)each->bits;
        memcpy(&wide, &each->bits, 8);
        memcpy(&narrow, &low, 4);
        text[each->width == 8 ? float8_format(wide, text) : float4_format(narrow, text)] = 0;
        if (strcmp(text, each->text) != 0) {
            print_error("%d %llx: is %s, PostgreSQL %s\n", each->width, (unsigned long long)each->bits, text,
                        each->text);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

/* ---- batches
 * -------------------------------------------------------------------------------------------------------------
 */

typedef struct Batch {
    ArrowSchema schema;
    ArrowArray array;
    ArrowBuilder builder;
} Batch;

static void batch_begin(Batch *batch, const ArrowColumnSpec *columns, int count) {
    arrow_schema_build(&batch->schema, columns, count);
    arrow_builder_init(&batch->builder, columns, count);
}

static void batch_finish(Batch *batch) {
    arrow_builder_finish(&batch->builder, &batch->array);
}

static void batch_deinit(Batch *batch) {
    arrow_array_release(&batch->array);
    arrow_schema_release(&batch->schema);
    arrow_builder_deinit(&batch->builder);
}

static char *written(const Batch *batch, RowFormatOptions options) {
    RowWriter *writer;
    StrBuf buf;
    Error err = {0};
    strbuf_init(&buf);
    assert_int_equal(rowformat_begin(&batch->schema, &options, &writer, &buf, &err), STATUS_OK);
    assert_int_equal(rowformat_batch(writer, &batch->array, &buf, &err), STATUS_OK);
    assert_int_equal(rowformat_end(writer, NULL, &buf, &err), STATUS_OK);
    rowformat_close(writer);
    return strbuf_release(&buf);
}

static void expect_written(const Batch *batch, RowFormatOptions options, const char *expected) {
    char *text = written(batch, options);
    assert_string_equal(text, expected);
    free(text);
}

static const RowFormatOptions csv = {.format = ROWFORMAT_CSV}, ndjson = {.format = ROWFORMAT_NDJSON};

static void append_text(Batch *batch, int column, const char *text) {
    ArrowColumn *out = arrow_builder_column(&batch->builder, column);
    if (text)
        arrow_append_bytes(out, text, strlen(text));
    else
        arrow_append_null(out);
}

/* One column of integers-like values, one row each. */
static void expect_ints(SqlType type, const int64_t *values, int count, const char *expected) {
    Batch batch;
    batch_begin(&batch, (ArrowColumnSpec[]){{.name = "v", .type = type}}, 1);
    for (int i = 0; i < count; i++) {
        arrow_append_int(arrow_builder_column(&batch.builder, 0), values[i]);
        arrow_builder_end_row(&batch.builder);
    }
    batch_finish(&batch);
    expect_written(&batch, csv, expected);
    batch_deinit(&batch);
}

static void integers_and_booleans(void **state) {
    expect_ints(sqltype_of(SQL_INT2), (int64_t[]){-32768, 0, 32767}, 3, "v\r\n-32768\r\n0\r\n32767\r\n");
    expect_ints(sqltype_of(SQL_INT4), (int64_t[]){INT32_MIN, INT32_MAX}, 2,
                "v\r\n-2147483648\r\n2147483647\r\n");
    expect_ints(sqltype_of(SQL_INT8), (int64_t[]){INT64_MIN, INT64_MAX}, 2,
                "v\r\n-9223372036854775808\r\n9223372036854775807\r\n");
    expect_ints(sqltype_of(SQL_OID), (int64_t[]){4294967295}, 1, "v\r\n4294967295\r\n");
    Batch batch;
    batch_begin(&batch, (ArrowColumnSpec[]){{.name = "b", .type = sqltype_of(SQL_BOOL)}}, 1);
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            arrow_append_null(arrow_builder_column(&batch.builder, 0));
        else
            arrow_append_bool(arrow_builder_column(&batch.builder, 0), i == 0);
        arrow_builder_end_row(&batch.builder);
    }
    batch_finish(&batch);
    expect_written(&batch, csv, "b\r\nt\r\nf\r\n\r\n");
    expect_written(&batch, ndjson, "{\"b\":true}\n{\"b\":false}\n{\"b\":null}\n");
    batch_deinit(&batch);
}

static void dates_and_times(void **state) {
    expect_ints(sqltype_of(SQL_DATE),
                (int64_t[]){0, 19782, -719163, -735160, -2440550, 3789391, 2145042905, INT32_MAX, INT32_MIN},
                9,
                "v\r\n1970-01-01\r\n2024-02-29\r\n0001-12-31 BC\r\n0044-03-15 BC\r\n4713-01-01 "
                "BC\r\n12345-01-01\r\n5874897-12-31\r\ninfinity\r\n"
                "-infinity\r\n");
    expect_ints(sqltype_of(SQL_TIMESTAMP),
                (int64_t[]){-1, 0, -63517780799500000, INT64_MAX - 1, INT64_MAX, INT64_MIN}, 6,
                "v\r\n1969-12-31 23:59:59.999999\r\n1970-01-01 00:00:00\r\n0044-03-15 12:00:00.5 "
                "BC\r\n294247-01-10 04:00:54.775806\r\ninfinity\r\n"
                "-infinity\r\n");
    expect_ints(sqltype_of(SQL_TIMESTAMPTZ), (int64_t[]){1500000, -63517780799500000}, 2,
                "v\r\n1970-01-01 00:00:01.5+00\r\n0044-03-15 12:00:00.5+00 BC\r\n");
    expect_ints(sqltype_of(SQL_TIME), (int64_t[]){0, 86400000000, 100000, 86399999999}, 4,
                "v\r\n00:00:00\r\n24:00:00\r\n00:00:00.1\r\n23:59:59.999999\r\n");
}

static void intervals(void **state) {
    static const struct {
        int months, days;
        int64_t microseconds;
        const char *text;
    } cases[] = {
        {14, 3, 14706789000, "1 year 2 mons 3 days 04:05:06.789"},
        {-14, 3, -14706789000, "-1 years -2 mons +3 days -04:05:06.789"},
        {-1, 0, 0, "-1 mons"},
        {0, 0, 0, "00:00:00"},
        {0, 0, -1, "-00:00:00.000001"},
        {1, -1, 0, "1 mon -1 days"},
        {-1, 1, 360000000000, "-1 mons +1 day 100:00:00"},
        {0, -1, 1000000, "-1 days +00:00:01"},
        {-14, 1, 0, "-1 years -2 mons +1 day"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Batch batch;
        char expected[80];
        batch_begin(&batch, (ArrowColumnSpec[]){{.name = "v", .type = sqltype_of(SQL_INTERVAL)}}, 1);
        arrow_append_interval(arrow_builder_column(&batch.builder, 0), cases[i].months, cases[i].days,
                              cases[i].microseconds * 1000);
        arrow_builder_end_row(&batch.builder);
        batch_finish(&batch);
        snprintf(expected, sizeof expected, "{\"v\":\"%s\"}\n", cases[i].text);
        expect_written(&batch, ndjson, expected);
        batch_deinit(&batch);
    }
}

static void numerics(void **state) {
    static const struct {
        int scale;
        __int128 value;
        const char *text;
    } cases[] = {
        {2, 0, "0.00"},
        {2, -1, "-0.01"},
        {2, 12345, "123.45"},
        {0, -7, "-7"},
        {5, 100000, "1.00000"},
        {38, 1, "0.00000000000000000000000000000000000001"},
        {0, (__int128)9999999999999999999U * 10000000000000000000U + 9999999999999999999U,
         "99999999999999999999999999999999999999"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Batch batch;
        char expected[80];
        batch_begin(&batch, (ArrowColumnSpec[]){{.name = "v", .type = sqltype_numeric(38, cases[i].scale)}},
                    1);
        arrow_append_decimal(arrow_builder_column(&batch.builder, 0), cases[i].value);
        arrow_builder_end_row(&batch.builder);
        batch_finish(&batch);
        snprintf(expected, sizeof expected, "{\"v\":%s}\n", cases[i].text);
        expect_written(&batch, ndjson, expected);
        batch_deinit(&batch);
    }
}

static void what_json_numbers_cannot_hold_is_quoted(void **state) {
    Batch batch;
    batch_begin(&batch,
                (ArrowColumnSpec[]){{.name = "i", .type = sqltype_of(SQL_INT8)},
                                    {.name = "n", .type = sqltype_of(SQL_NUMERIC)},
                                    {.name = "f", .type = sqltype_of(SQL_FLOAT8)}},
                3);
    static const int64_t integers[] = {9007199254740992, 9007199254740993, -9007199254740993};
    static const char *const numerics_[] = {"0.1", "12345678901234567.5", "NaN"};
    static const double floats[] = {1e300, __builtin_nan(""), -__builtin_inf()};
    for (int i = 0; i < 3; i++) {
        arrow_append_int(arrow_builder_column(&batch.builder, 0), integers[i]);
        append_text(&batch, 1, numerics_[i]);
        arrow_append_float(arrow_builder_column(&batch.builder, 2), floats[i]);
        arrow_builder_end_row(&batch.builder);
    }
    batch_finish(&batch);
    expect_written(&batch, (RowFormatOptions){.format = ROWFORMAT_NDJSON, .big_numbers_as_strings = true},
                   "{\"i\":9007199254740992,\"n\":0.1,\"f\":1e+300}\n{\"i\":\"9007199254740993\",\"n\":"
                   "\"12345678901234567.5\",\"f\":\"NaN\"}\n"
                   "{\"i\":\"-9007199254740993\",\"n\":\"NaN\",\"f\":\"-Infinity\"}\n");
    expect_written(&batch, ndjson,
                   "{\"i\":9007199254740992,\"n\":0.1,\"f\":1e+300}\n{\"i\":9007199254740993,\"n\":"
                   "12345678901234567.5,\"f\":\"NaN\"}\n"
                   "{\"i\":-9007199254740993,\"n\":\"NaN\",\"f\":\"-Infinity\"}\n");
    batch_deinit(&batch);
}

static void text_bytes_and_json(void **state) {
    Batch batch;
    batch_begin(&batch,
                (ArrowColumnSpec[]){{.name = "t", .type = sqltype_of(SQL_TEXT)},
                                    {.name = "b", .type = sqltype_of(SQL_BYTEA)},
                                    {.name = "j", .type = sqltype_of(SQL_JSON)}},
                3);
    append_text(&batch, 0, "a\"b\\c\n\x01é");
    arrow_append_bytes(arrow_builder_column(&batch.builder, 1), "\0\xff", 2);
    append_text(&batch, 2, "{\"k\":\n [1]}");
    arrow_builder_end_row(&batch.builder);
    append_text(&batch, 0, "");
    append_text(&batch, 1, "");
    append_text(&batch, 2, NULL);
    arrow_builder_end_row(&batch.builder);
    batch_finish(&batch);
    expect_written(&batch, ndjson,
                   "{\"t\":\"a\\\"b\\\\c\\n\\u0001é\",\"b\":\"\\\\x00ff\",\"j\":{\"k\":  "
                   "[1]}}\n{\"t\":\"\",\"b\":\"\\\\x\",\"j\":null}\n");
    expect_written(&batch, csv,
                   "t,b,j\r\n\"a\"\"b\\c\n\x01é\",\\x00ff,\"{\"\"k\"\":\n [1]}\"\r\n\"\",\\x,\r\n");
    batch_deinit(&batch);
}

static void csv_quotes_what_readers_would_change(void **state) {
    static const char *const texts[] = {"plain", "a,b",    "say \"x\"", "two\nlines", "cr\r",
                                        " lead", "trail ", "",          NULL,         "tab\t"};
    Batch batch;
    batch_begin(&batch, (ArrowColumnSpec[]){{.name = "a,b", .type = sqltype_of(SQL_TEXT)}}, 1);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        append_text(&batch, 0, texts[i]);
        arrow_builder_end_row(&batch.builder);
    }
    batch_finish(&batch);
    expect_written(&batch, csv,
                   "\"a,b\"\r\nplain\r\n\"a,b\"\r\n\"say \"\"x\"\"\"\r\n\"two\nlines\"\r\n\"cr\r\"\r\n\" "
                   "lead\"\r\n\"trail \"\r\n\"\"\r\n\r\ntab\t\r\n");
    batch_deinit(&batch);
}

static void arrays_are_in_postgresqls_notation(void **state) {
    static const char *const elements[] = {"a",    NULL,  "NULL", "",  "a b",  "a\"b",
                                           "a\\b", "{x}", "a,b",  "ä", "a\tb", "\x01"};
    Batch batch;
    batch_begin(&batch,
                (ArrowColumnSpec[]){{.name = "v", .type = sqltype_array_of(sqltype_of(SQL_TEXT))},
                                    {.name = "n", .type = sqltype_array_of(sqltype_of(SQL_INT4))}},
                2);
    ArrowColumn *list = arrow_builder_column(&batch.builder, 0),
                *numbers = arrow_builder_column(&batch.builder, 1);
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++) {
        if (elements[i])
            arrow_append_bytes(arrow_list_child(list), elements[i], strlen(elements[i]));
        else
            arrow_append_null(arrow_list_child(list));
    }
    arrow_append_list_end(list);
    arrow_append_int(arrow_list_child(numbers), -1);
    arrow_append_list_end(numbers);
    arrow_builder_end_row(&batch.builder);
    arrow_append_list_end(list); /* empty */
    arrow_append_null(numbers);
    arrow_builder_end_row(&batch.builder);
    batch_finish(&batch);
    expect_written(&batch, csv,
                   "v,n\r\n\"{a,NULL,\"\"NULL\"\",\"\"\"\",\"\"a "
                   "b\"\",\"\"a\\\"\"b\"\",\"\"a\\\\b\"\",\"\"{x}\"\",\"\"a,b\"\",ä,\"\"a\tb\"\",\x01}\",{-1}"
                   "\r\n{},\r\n");
    expect_written(&batch, ndjson,
                   "{\"v\":[\"a\",null,\"NULL\",\"\",\"a "
                   "b\",\"a\\\"b\",\"a\\\\b\",\"{x}\",\"a,b\",\"ä\",\"a\\tb\",\"\\u0001\"],\"n\":[-1]}\n{"
                   "\"v\":[],\"n\":null}\n");
    batch_deinit(&batch);
}

/* ---- layouts made by hand: what other producers may send
 * ---------------------------------------------------------------- */

static void do_nothing_schema(ArrowSchema *schema) {
    schema->release = NULL;
}
static void do_nothing_array(ArrowArray *array) {
    array->release = NULL;
}

static void dictionaries_offsets_and_rows(void **state) {
    ArrowSchema words = {.format = "u", .name = "", .release = do_nothing_schema};
    ArrowSchema dictionary = {.format = "c",
                              .name = "word",
                              .flags = ARROW_FLAG_NULLABLE,
                              .dictionary = &words,
                              .release = do_nothing_schema};
    ArrowSchema field_a = {.format = "i", .name = "a", .release = do_nothing_schema},
                field_b = {.format = "u", .name = "b", .release = do_nothing_schema};
    ArrowSchema *fields[] = {&field_a, &field_b};
    ArrowSchema row = {
        .format = "+s", .name = "row", .n_children = 2, .children = fields, .release = do_nothing_schema};
    ArrowSchema item = {.format = "i", .name = "item", .release = do_nothing_schema}, *items[] = {&item};
    ArrowSchema large = {
        .format = "+L", .name = "large", .n_children = 1, .children = items, .release = do_nothing_schema};
    ArrowSchema *columns[] = {&dictionary, &row, &large};
    ArrowSchema schema = {
        .format = "+s", .name = "", .n_children = 3, .children = columns, .release = do_nothing_schema};

    int32_t word_offsets[] = {0, 3, 3, 9};
    const void *word_buffers[] = {NULL, word_offsets, "oneé, \"x"};
    ArrowArray word_array = {
        .length = 3, .n_buffers = 3, .buffers = word_buffers, .release = do_nothing_array};
    int8_t codes[] = {9, 2, 1, 0, 9};
    uint8_t valid[] = {0x0E & ~0x04};
    const void *code_buffers[] = {valid, codes};
    ArrowArray code_array = {.length = 3,
                             .null_count = 1,
                             .offset = 1,
                             .n_buffers = 2,
                             .buffers = code_buffers,
                             .dictionary = &word_array,
                             .release = do_nothing_array};
    int32_t a[] = {7, 8, 9, 10}, b_offsets[] = {0, 0, 4, 7, 9};
    const void *a_buffers[] = {NULL, a}, *b_buffers[] = {NULL, b_offsets, "nulla\"b(x"};
    ArrowArray a_array = {.length = 4, .n_buffers = 2, .buffers = a_buffers, .release = do_nothing_array};
    ArrowArray b_array = {.length = 4, .n_buffers = 3, .buffers = b_buffers, .release = do_nothing_array};
    ArrowArray *row_children[] = {&a_array, &b_array};
    const void *no_buffers[] = {NULL};
    ArrowArray row_array = {.length = 3,
                            .offset = 1,
                            .n_buffers = 1,
                            .buffers = no_buffers,
                            .n_children = 2,
                            .children = row_children,
                            .release = do_nothing_array};
    int64_t large_offsets[] = {0, 1, 3, 3, 4};
    const void *large_buffers[] = {NULL, large_offsets};
    ArrowArray *large_children[] = {&a_array};
    ArrowArray large_array = {.length = 3,
                              .offset = 1,
                              .n_buffers = 2,
                              .buffers = large_buffers,
                              .n_children = 1,
                              .children = large_children,
                              .release = do_nothing_array};
    ArrowArray *children[] = {&code_array, &row_array, &large_array};
    Batch batch = {.schema = schema,
                   .array = {.length = 3,
                             .n_buffers = 1,
                             .buffers = no_buffers,
                             .n_children = 3,
                             .children = children,
                             .release = do_nothing_array}};
    expect_written(&batch, csv,
                   "word,row,large\r\n\"é, "
                   "\"\"x\",\"(8,null)\",\"{8,9}\"\r\n,\"(9,\"\"a\"\"\"\"b\"\")\",{}\r\none,\"(10,\"\"(x\"\")"
                   "\",{10}\r\n");
    expect_written(&batch, ndjson,
                   "{\"word\":\"é, "
                   "\\\"x\",\"row\":{\"a\":8,\"b\":\"null\"},\"large\":[8,9]}\n{\"word\":null,\"row\":{\"a\":"
                   "9,\"b\":\"a\\\"b\"},\"large\":[]}\n"
                   "{\"word\":\"one\",\"row\":{\"a\":10,\"b\":\"(x\"},\"large\":[10]}\n");
}

/* ---- envelopes
 * ------------------------------------------------------------------------------------------------------------
 */

static void columns_of_one_name_keep_their_values(void **state) {
    Batch batch;
    SqlType type = sqltype_of(SQL_INT4);
    batch_begin(&batch,
                (ArrowColumnSpec[]){{.name = "a", .type = type},
                                    {.name = "a", .type = type},
                                    {.name = "a_2", .type = type},
                                    {.name = "a", .type = type}},
                4);
    for (int i = 0; i < 4; i++)
        arrow_append_int(arrow_builder_column(&batch.builder, i), i);
    arrow_builder_end_row(&batch.builder);
    batch_finish(&batch);
    expect_written(&batch, ndjson, "{\"a\":0,\"a_3\":1,\"a_2\":2,\"a_4\":3}\n");
    expect_written(&batch, csv, "a,a,a_2,a\r\n0,1,2,3\r\n");
    batch_deinit(&batch);
}

static void max_rows_cuts_and_says_so(void **state) {
    Batch batch;
    batch_begin(&batch, (ArrowColumnSpec[]){{.name = "n", .type = sqltype_of(SQL_INT4)}}, 1);
    for (int i = 0; i < 5; i++) {
        arrow_append_int(arrow_builder_column(&batch.builder, 0), i);
        arrow_builder_end_row(&batch.builder);
    }
    batch_finish(&batch);
    char *text = written(&batch, (RowFormatOptions){.format = ROWFORMAT_COMPACT, .max_rows = 2});
    assert_non_null(strstr(text, "[0],\n[1]\n],\"row_count\":2,\"truncated\":true}"));
    free(text);
    text = written(&batch, (RowFormatOptions){.format = ROWFORMAT_JSON, .max_rows = 5});
    assert_non_null(strstr(text, "\"row_count\":5,\"truncated\":false}"));
    free(text);
    batch_deinit(&batch);
}

static void nothing_at_all(void **state) {
    Batch batch;
    batch_begin(&batch, NULL, 0);
    batch_finish(&batch);
    expect_written(&batch, csv, "");
    expect_written(&batch, ndjson, "");
    char *text = written(&batch, (RowFormatOptions){.format = ROWFORMAT_JSON});
    assert_non_null(strstr(text, "\"row_count\":0"));
    free(text);
    batch_deinit(&batch);
}

static void an_unknown_layout_is_refused(void **state) {
    ArrowSchema column = {.format = "w:16", .name = "x", .release = do_nothing_schema},
                *columns[] = {&column};
    ArrowSchema schema = {
        .format = "+s", .name = "", .n_children = 1, .children = columns, .release = do_nothing_schema};
    RowWriter *writer;
    StrBuf buf;
    Error err = {0};
    strbuf_init(&buf);
    assert_int_equal(rowformat_begin(&schema, &csv, &writer, &buf, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_INTERNAL);
    strbuf_deinit(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_are_printed_as_postgresql_does),
        cmocka_unit_test(integers_and_booleans),
        cmocka_unit_test(dates_and_times),
        cmocka_unit_test(intervals),
        cmocka_unit_test(numerics),
        cmocka_unit_test(what_json_numbers_cannot_hold_is_quoted),
        cmocka_unit_test(text_bytes_and_json),
        cmocka_unit_test(csv_quotes_what_readers_would_change),
        cmocka_unit_test(arrays_are_in_postgresqls_notation),
        cmocka_unit_test(dictionaries_offsets_and_rows),
        cmocka_unit_test(columns_of_one_name_keep_their_values),
        cmocka_unit_test(max_rows_cuts_and_says_so),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(an_unknown_layout_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
