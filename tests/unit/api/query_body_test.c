/* The request body: what is taken, what is refused and by which name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/strbuf.h"
#include "fcgi/api/json_reader.h"
#include "fcgi/api/query_body.h"

static Arena arena;

static int set_up(void **state) {
    arena_init(&arena);
    return 0;
}

static int tear_down(void **state) {
    arena_deinit(&arena);
    return 0;
}

static QueryBody good(const char *text) {
    QueryBody body;
    Error err = {0};
    if (query_body_read(&arena, text, strlen(text), &body, &err) != STATUS_OK)
        fail_msg("%s: %s", text, err.message);
    return body;
}

static void refused_bytes(const char *text, size_t length, const char *part) {
    QueryBody body;
    Error err = {0};
    if (query_body_read(&arena, text, length, &body, &err) == STATUS_OK) fail_msg("taken: %s", text);
    if (!strstr(err.message, part)) fail_msg("%s: \"%s\" does not say \"%s\"", text, err.message, part);
}

static void refused(const char *text, const char *part) {
    refused_bytes(text, strlen(text), part);
}

static void every_member(void **state) {
    QueryBody body = good(
        "{\"sql\":\"SELECT \\u00e9\\n\",\"params\":[],\"engine\":\"columnar\",\"force_engine\":\"columnar\","
        "\"max_runtime_seconds\":2.5,\"max_rows\":7,\"cache\":false,\"dry_run\":true,\"as_of\":\"x\","
        "\"max_staleness_seconds\":0,\"fresh_as_of\":\"t\",\"big_numbers\":\"string\"}");
    assert_string_equal(body.sql, "SELECT \xC3\xA9\n");
    assert_int_equal(body.sql_bytes, strlen(body.sql));
    assert_string_equal(body.engine, "columnar");
    assert_true(body.max_runtime_seconds == 2.5);
    assert_int_equal(body.max_rows, 7);
    assert_false(body.cache);
    assert_true(body.dry_run);
    assert_true(body.big_numbers_as_strings);
    assert_string_equal(body.as_of, "x");
}

static void defaults_and_nulls(void **state) {
    QueryBody body = good(" { \"sql\" : \"\" , \"params\" : null, \"engine\":\"auto\",\"max_rows\":null,"
                          "\"max_runtime_seconds\":null,\"as_of\":null,\"fresh_as_of\":null,"
                          "\"max_staleness_seconds\":null,\"force_engine\":null}\r\n\t");
    assert_null(body.engine);
    assert_int_equal(body.param_count, 0);
    assert_int_equal(body.max_rows, 0);
    assert_true(body.cache);
    assert_null(body.as_of);
}

static void check_param(const QueryBody *body, int index, ParamKind kind, const char *text) {
    assert_int_equal(body->params[index].kind, kind);
    assert_string_equal(body->params[index].text, text);
    assert_int_equal(body->params[index].length, strlen(text));
}

static void params_keep_every_digit(void **state) {
    QueryBody body =
        good("{\"sql\":\"x\",\"params\":[null,true,false,0,-7,9223372036854775807,9223372036854775808,"
             "-9223372036854775808,123456789012345678901234567890.123456789012345678901234567890,1e400,"
             "0.10,-0.0E-7,\"t\\u0041\\ud83d\\ude00\\\"\",\"\"]}");
    const struct {
        ParamKind kind;
        const char *text;
    } expected[] = {{PARAM_NULL, ""},
                    {PARAM_BOOL, "true"},
                    {PARAM_BOOL, "false"},
                    {PARAM_INT, "0"},
                    {PARAM_INT, "-7"},
                    {PARAM_INT, "9223372036854775807"},
                    {PARAM_NUMBER, "9223372036854775808"},
                    {PARAM_INT, "-9223372036854775808"},
                    {PARAM_NUMBER, "123456789012345678901234567890.123456789012345678901234567890"},
                    {PARAM_NUMBER, "1e400"},
                    {PARAM_NUMBER, "0.10"},
                    {PARAM_NUMBER, "-0.0E-7"},
                    {PARAM_TEXT, "tA\xF0\x9F\x98\x80\""},
                    {PARAM_TEXT, ""}};
    assert_int_equal(body.param_count, sizeof expected / sizeof expected[0]);
    for (int i = 0; i < body.param_count; i++)
        check_param(&body, i, expected[i].kind, expected[i].text);
}

static void arrays_and_objects(void **state) {
    QueryBody body = good(
        "{\"sql\":\"x\",\"params\":[[], [1,2.50,null], [[1],[2]], [\"a\",\"b\\\"c\\\\d,{}\",\"NULL\",\"\"],"
        " [true,false], { \"a\" : [1, 1e5] , \"a\":2}, [{\"k\":\"v\"}]]}");
    check_param(&body, 0, PARAM_TEXT, "{}");
    check_param(&body, 1, PARAM_TEXT, "{1,2.50,NULL}");
    check_param(&body, 2, PARAM_TEXT, "{{1},{2}}");
    check_param(&body, 3, PARAM_TEXT, "{\"a\",\"b\\\"c\\\\d,{}\",\"NULL\",\"\"}");
    check_param(&body, 4, PARAM_TEXT, "{true,false}");
    check_param(&body, 5, PARAM_TEXT, "{ \"a\" : [1, 1e5] , \"a\":2}");
    check_param(&body, 6, PARAM_TEXT, "{\"{\\\"k\\\":\\\"v\\\"}\"}");
}

static void members_are_checked(void **state) {
    refused("{}", "\"sql\" is missing");
    refused("{\"sql\":1}", "\"sql\" must be a string, not a number");
    refused("{\"sql\":null}", "\"sql\" must be a string, not null");
    refused("{\"sql\":\"x\",\"sqll\":1}", "\"sqll\" is not a member");
    refused("{\"sql\":\"x\",\"sql\":\"y\"}", "\"sql\" is given twice");
    refused("{\"sql\":\"x\",\"s\\u0071l\":\"y\"}", "\"sql\" is given twice");
    refused("{\"sql\":\"x\",\"params\":{}}", "\"params\" must be an array, not an object");
    refused("{\"sql\":\"x\",\"engine\":\"a\",\"force_engine\":\"b\"}", "different engines");
    refused("{\"sql\":\"x\",\"engine\":\"\"}", "must name an engine");
    refused("{\"sql\":\"x\",\"max_rows\":0}", "max_rows");
    refused("{\"sql\":\"x\",\"max_rows\":1.5}", "max_rows");
    refused("{\"sql\":\"x\",\"max_rows\":1e3}", "max_rows");
    refused("{\"sql\":\"x\",\"max_rows\":99999999999999999999}", "max_rows");
    refused("{\"sql\":\"x\",\"max_rows\":\"5\"}", "\"max_rows\" must be a number, not a string");
    refused("{\"sql\":\"x\",\"max_runtime_seconds\":0}", "max_runtime_seconds");
    refused("{\"sql\":\"x\",\"max_runtime_seconds\":-1}", "max_runtime_seconds");
    refused("{\"sql\":\"x\",\"max_runtime_seconds\":1e999}", "max_runtime_seconds");
    refused("{\"sql\":\"x\",\"cache\":1}", "\"cache\" must be true or false, not a number");
    refused("{\"sql\":\"x\",\"dry_run\":\"true\"}", "dry_run");
    refused("{\"sql\":\"x\",\"big_numbers\":\"maybe\"}", "big_numbers");
    refused("{\"sql\":\"x\",\"max_staleness_seconds\":-3}", "must not be negative");
    refused("[1]", "must be a JSON object, not an array");
    refused("\"sql\"", "must be a JSON object, not a string");
}

static void json_is_strict(void **state) {
    refused("", "ends too early at byte 0");
    refused("{", "a member's name was expected");
    refused("{\"sql\":\"x\"} x", "something follows the value at byte 12");
    refused("{\"sql\":\"x\",}", "a member's name");
    refused("{\"sql\" \"x\"}", "a colon");
    refused("{\"sql\":\"x\" \"a\":1}", "a comma");
    refused("{'sql':1}", "a member's name");
    refused("{\"sql\":\"x}", "unfinished string");
    refused("{\"sql\":\"x\\", "unfinished string");
    refused("{\"sql\":\"x\\q\"}", "unknown escape");
    refused("{\"sql\":\"a\nb\"}", "control character");
    refused("{\"sql\":\"\\u0000\"}", "\\u0000");
    refused("{\"sql\":\"\\ud800\"}", "surrogate");
    refused("{\"sql\":\"\\ud800\\u0041\"}", "surrogate");
    refused("{\"sql\":\"\\udc00\"}", "surrogate");
    refused("{\"sql\":\"\\u12\"}", "four hexadecimal");
    refused("{\"sql\":\"\xC3\"}", "UTF-8");
    refused("{\"sql\":\"\xED\xA0\x80\"}", "UTF-8");
    const char *numbers[] = {"01",  "-",   "+1",       ".5",        "5.",    "1e", "1e+",
                             "0x1", "NaN", "Infinity", "-Infinity", "1_000", "tru"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"sql\":\"x\",\"params\":[%s]}", numbers[i]);
        refused(text, "not valid JSON");
    }
    refused_bytes("{\"sql\":\"x\0\"}", 12, "control character");
}

static void every_prefix_is_refused(void **state) {
    const char *text =
        "{\"sql\":\"a\\u00e9\\ud83d\\ude00\",\"params\":[1.5e3,{\"a\":[null,true]},\"x\"],\"max_rows\":5}";
    good(text);
    for (size_t length = 0; length < strlen(text); length++) {
        char *copy = malloc(length + 1); /* exact, so that a read beyond is seen */
        memcpy(copy, text, length);
        refused_bytes(copy, length, "");
        free(copy);
    }
}

static void nesting_and_counts_are_bounded(void **state) {
    StrBuf text;
    strbuf_init(&text);
    strbuf_append_text(&text, "{\"sql\":\"x\",\"params\":");
    for (int i = 0; i < 1000000; i++)
        strbuf_append_char(&text, '[');
    refused_bytes(text.data, text.length, "nested too deeply");
    strbuf_reset(&text);
    strbuf_append_text(&text, "{\"sql\":\"x\",\"params\":[[0");
    for (int i = 0; i < JSON_MAX_NODES; i++)
        strbuf_append_text(&text, ",0");
    strbuf_append_text(&text, "]]}");
    refused_bytes(text.data, text.length, "too many values");
    strbuf_reset(&text);
    strbuf_append_text(&text, "{\"sql\":\"x\",\"params\":[0");
    for (int i = 0; i < 65535; i++)
        strbuf_append_text(&text, ",0");
    strbuf_append_text(&text, "]}");
    refused_bytes(text.data, text.length, "at most 65535");
    strbuf_deinit(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_member, set_up, tear_down),
        cmocka_unit_test_setup_teardown(defaults_and_nulls, set_up, tear_down),
        cmocka_unit_test_setup_teardown(params_keep_every_digit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(arrays_and_objects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(members_are_checked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(json_is_strict, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_prefix_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nesting_and_counts_are_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
