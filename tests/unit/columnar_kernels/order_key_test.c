/* Key bytes sort as values compare: for every pair of a list of values, of every nested kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/kernels/numeric_math.h"
#include "engines/columnar/types/record_value.h"

static Arena test_arena;

static int sign(int value) {
    return (value > 0) - (value < 0);
}

static int key_order(const StrBuf *a, const StrBuf *b) {
    size_t shared = a->length < b->length ? a->length : b->length;
    int order = memcmp(strbuf_text(a), strbuf_text(b), shared);
    return order ? sign(order) : (a->length > b->length) - (a->length < b->length);
}

static StringView cast_text(const char *text, SqlType type) {
    Error err = {0};
    Vector in, out;
    StringView view = stringview_make(text, (uint32_t)strlen(text));
    vector_init_constant(&in, sqltype_of(SQL_TEXT), &view, &test_arena);
    in.encoding = VECTOR_FLAT;
    KernelCall call = {.args = &in, .arg_count = 1, .row_count = 1, .selected = 1, .arena = &test_arena};
    const ScalarFunction *function = cast_function(sqltype_of(SQL_TEXT), type, CAST_EXPLICIT);
    assert_non_null(function);
    assert_int_equal(kernel_map(&call, function, &in, 1, type, &out, &err), STATUS_OK);
    return *(StringView *)out.values;
}

static void check_arrays(const char *const *texts, int count, SqlTypeId element) {
    Error err = {0};
    SqlType type = sqltype_array_of(sqltype_of(element));
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++) {
            StringView a = cast_text(texts[i], type), b = cast_text(texts[j], type);
            ArrayValue left, right;
            StrBuf left_key, right_key;
            strbuf_init(&left_key);
            strbuf_init(&right_key);
            assert_int_equal(array_open(&a, &left, &err), STATUS_OK);
            assert_int_equal(array_open(&b, &right, &err), STATUS_OK);
            assert_int_equal(order_key_array(&left_key, &a, &err), STATUS_OK);
            assert_int_equal(order_key_array(&right_key, &b, &err), STATUS_OK);
            assert_int_equal(sign(array_compare(&left, &right)), key_order(&left_key, &right_key));
            strbuf_deinit(&left_key);
            strbuf_deinit(&right_key);
        }
}

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

static void test_arrays(void **state) {
    (void)state;
    static const char *const NUMBERS[] = {"{}",
                                          "{1}",
                                          "{1,2}",
                                          "{1,NULL}",
                                          "{NULL}",
                                          "{-1}",
                                          "{2}",
                                          "{10}",
                                          "{{1},{2}}",
                                          "{{1,2}}",
                                          "[2:3]={1,2}",
                                          "{0}",
                                          "{-10}",
                                          "{1,2,3}",
                                          "{100,1}",
                                          "{-2,NULL}",
                                          "[0:1][3:3]={{1},{2}}"};
    static const char *const DECIMALS[] = {"{1.5}",
                                           "{1.50}",
                                           "{-1.5}",
                                           "{0.001}",
                                           "{0}",
                                           "{-0.001}",
                                           "{1000}",
                                           "{999.9}",
                                           "{NaN}",
                                           "{12345678901234567890.5}",
                                           "{-12345678901234567890}",
                                           "{0.00}",
                                           "{15}"};
    static const char *const TEXTS[] = {"{a}", "{\"\"}",   "{ab}", "{a,b}", "{NULL}",
                                        "{b}", "{\"a \"}", "{é}",  "{}"};
    static const char *const FLOATS[] = {"{NaN}",      "{-Infinity}", "{0}",     "{-0}",
                                         "{Infinity}", "{1.5}",       "{1e300}", "{-1e-300}"};
    static const char *const SPANS[] = {"{1 day}",  "{24:00:00}", "{1 mon}", "{30 days}",
                                        "{-1 day}", "{0}",        "{NULL}"};
    static const char *const DOCUMENTS[] = {"{1,1.0,null}",       "{\"\\\"a\\\"\"}", "{true}",
                                            "{\"[]\"}",           "{\"{}\"}",        "{\"[1]\"}",
                                            "{\"{\\\"a\\\":1}\"}"};
    check_arrays(NUMBERS, COUNT(NUMBERS), SQL_INT4);
    check_arrays(NUMBERS, COUNT(NUMBERS), SQL_INT8);
    check_arrays(NUMBERS, COUNT(NUMBERS), SQL_INT2);
    check_arrays(DECIMALS, COUNT(DECIMALS), SQL_NUMERIC);
    check_arrays(TEXTS, COUNT(TEXTS), SQL_TEXT);
    check_arrays(TEXTS, COUNT(TEXTS), SQL_BPCHAR);
    check_arrays(FLOATS, COUNT(FLOATS), SQL_FLOAT8);
    check_arrays(FLOATS, COUNT(FLOATS) - 2, SQL_FLOAT4);
    check_arrays(SPANS, COUNT(SPANS), SQL_INTERVAL);
    check_arrays(DOCUMENTS, COUNT(DOCUMENTS), SQL_JSONB);
}

/* From PostgreSQL: SELECT x FROM (VALUES ...) t(x) ORDER BY x::jsonb. */
static void test_jsonb_order(void **state) {
    (void)state;
    static const char *const SORTED[] = {"[]",         "null",
                                         "\"\"",       "\"a\"",
                                         "\"b\"",      "-1",
                                         "0",          "1.5",
                                         "2",          "10",
                                         "false",      "true",
                                         "[null]",     "[1]",
                                         "[2]",        "[[]]",
                                         "[1, 1]",     "{}",
                                         "{\"a\": 1}", "{\"a\": 2}",
                                         "{\"b\": 0}", "{\"a\": 0, \"b\": 0}"};
    for (int i = 0; i < COUNT(SORTED); i++)
        for (int j = 0; j < COUNT(SORTED); j++) {
            StringView a = stringview_make(SORTED[i], (uint32_t)strlen(SORTED[i])),
                       b = stringview_make(SORTED[j], (uint32_t)strlen(SORTED[j]));
            assert_int_equal(sign(jsonb_compare(&a, &b)), sign(i - j));
        }
}

static void test_rows(void **state) {
    (void)state;
    Error err = {0};
    StringView rows[9];
    for (int i = 0; i < 9; i++) {
        Vector fields[2];
        vector_init_flat(&fields[0], sqltype_of(SQL_INT4), 1, &test_arena);
        vector_init_flat(&fields[1], sqltype_of(SQL_TEXT), 1, &test_arena);
        *(int32_t *)fields[0].values = i / 3;
        *(StringView *)fields[1].values = stringview_make(i % 3 ? "bb" : "a", i % 3 ? 2 : 1);
        if (i % 3 == 2) bitmap_clear(vector_make_validity(&fields[1], 1, &test_arena), 0);
        assert_int_equal(record_build(fields, 2, NULL, 0, &test_arena, &rows[i], &err), STATUS_OK);
    }
    for (int i = 0; i < 9; i++)
        for (int j = 0; j < 9; j++) {
            StrBuf left, right;
            strbuf_init(&left);
            strbuf_init(&right);
            assert_int_equal(order_key_record(&left, &rows[i], &err), STATUS_OK);
            assert_int_equal(order_key_record(&right, &rows[j], &err), STATUS_OK);
            assert_int_equal(key_order(&left, &right), sign(i - j));
            assert_int_equal(sign(record_compare_blobs(&rows[i], &rows[j])), sign(i - j));
            strbuf_deinit(&left);
            strbuf_deinit(&right);
        }
}

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_arrays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_jsonb_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
