#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engines/postgres/pgcopy.h"

static void check(const char *json, const char *expected) {
    StrBuf out;
    /* Exactly as long as it is, so that reading beyond it is seen. */
    size_t length = strlen(json);
    char *exact = malloc(length + !length);
    memcpy(exact, json, length);
    strbuf_init(&out);
    bool done = pgcopy_array_literal(&out, exact, length);
    if (done != (expected != NULL)) fail_msg("%s: %d", json, done);
    if (expected) assert_string_equal(out.data, expected);
    strbuf_deinit(&out);
    free(exact);
}

static void json_arrays_become_literals(void **state) {
    check("[]", "{}");
    check(" [ 1 , 2.50,-3e2, true,null ] ", "{1,2.50,-3e2,true,NULL}");
    check("[\"a\",\"\",\"null\",\"b \\\"c\\\" \\\\ {}\",\"\\u00fc\\n\"]",
          "{\"a\",\"\",\"null\",\"b \\\"c\\\" \\\\ {}\",\"\xc3\xbc\n\"}");
    check("[[1,2],[3,null]]", "{{1,2},{3,NULL}}");
    check("[{\"a\":[1,\"]}\"]},{}]", "{\"{\\\"a\\\":[1,\\\"]}\\\"]}\",\"{}\"}");
    check("[\"\\ud83d\\ude00\"]", "{\"\xf0\x9f\x98\x80\"}");
}

static void what_is_no_array_is_left_alone(void **state) {
    static const char *const TEXTS[] = {"",          "{1,2}",         "[",     "[1",    "[1,",
                                        "[1,]",      "[1]x",          "[\"a]", "[\"\\", "[\"\\u12",
                                        "[\"\\q\"]", "[\"\\ud800\"]", "[,]",   "[{]",   "[[[[[[[1]]]]]]]"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++)
        check(TEXTS[i], NULL);
}

static void values_are_escaped(void **state) {
    StrBuf out;
    strbuf_init(&out);
    pgcopy_append_value(&out, "a\tb\nc\\\r\b\f\v.", 11);
    pgcopy_append_null(&out);
    pgcopy_append_value(&out, "", 0);
    assert_string_equal(out.data, "a\\tb\\nc\\\\\\r\\b\\f\\v.\\N");
    strbuf_deinit(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_arrays_become_literals),
        cmocka_unit_test(what_is_no_array_is_left_alone),
        cmocka_unit_test(values_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
