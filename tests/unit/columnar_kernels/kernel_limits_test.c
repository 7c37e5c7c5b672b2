/* A kernel stops when its call may take no more memory or time. */
#include <stdlib.h>

#include "engines/base/clock.h"
#include "engines/columnar/kernels/jsonpath.h"
#include "engines/columnar/kernels/kernel_limits.h"
#include "engines/columnar/kernels/regex_use.h"
#include "tests/unit/columnar_kernels/kernel_harness.h"

enum { TEXT_BYTES = 1 << 20 };

static void room_ends_with_the_smallest_budget(void **state) {
    Budget process, query;
    Error err = {0};
    Arena arena = {.used_bytes = 3 << 20};
    budget_init(&process, NULL, 8 << 20);
    budget_init(&query, &process, 0);
    KernelLimits limits = {.budget = &query};
    assert_int_equal(kernel_room(&arena, INT64_C(1) << 40, &err), STATUS_OK); /* no limits here */
    KernelLimits *before = kernel_limits_enter(&limits);
    assert_int_equal(kernel_room(&arena, 5 << 20, &err), STATUS_OK);
    assert_int_equal(kernel_limits_leave(before, STATUS_OK, &err), STATUS_OK);
    before = kernel_limits_enter(&limits);
    assert_int_equal(kernel_room(&arena, (5 << 20) + 1, NULL), STATUS_ERROR);
    assert_int_equal(kernel_limits_leave(before, STATUS_OK, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_OUT_OF_MEMORY);
    limits.budget = NULL;
    before = kernel_limits_enter(&limits);
    assert_int_equal(kernel_room(&arena, (size_t)KERNEL_MOST_VALUE_BYTES, &err), STATUS_OK);
    assert_int_equal(kernel_room(&arena, (size_t)KERNEL_MOST_VALUE_BYTES + 1, &err), STATUS_ERROR);
    assert_int_equal(kernel_limits_leave(before, STATUS_OK, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_PROGRAM_LIMIT);
}

/* Each takes hours when nobody stops it. */
static void a_match_ends_at_the_deadline(void **state) {
    static const char *const PATTERNS[] = {"a(?=a*b)", "(a*)(a*)(a*)\\1\\2\\3b|(a?){9}\\4a{255}c",
                                           "(?:(?:a|b)*a(?:a|b){250}c)?d", "(a*a*)*(a*)\\2\\2(?=b)"};
    char *text = malloc(TEXT_BYTES);
    assert_non_null(text);
    memset(text, 'a', TEXT_BYTES);
    for (size_t i = 0; i < sizeof PATTERNS / sizeof *PATTERNS; i++) {
        Regex *regex = NULL;
        Error err = {0};
        RegexSpan span;
        CancelToken deadline;
        cancel_init(&deadline, clock_now_ns() + 20000000);
        KernelLimits limits = {.cancel = &deadline};
        assert_int_equal(regex_take(PATTERNS[i], strlen(PATTERNS[i]), REGEX_ADVANCED, &regex, &err),
                         STATUS_OK);
        KernelLimits *before = kernel_limits_enter(&limits);
        regex_set_text(regex, text, TEXT_BYTES);
        for (int at = 0; at >= 0 && at < TEXT_BYTES && !kernel_is_stopped(); at++)
            if (!regex_find(regex, at, &span, 1)) at = TEXT_BYTES;
        Status status = kernel_limits_leave(before, STATUS_OK, &err);
        if (status != STATUS_OK) assert_string_equal(err.sqlstate, SQLSTATE_QUERY_CANCELED);
        if (i == 0) assert_int_equal(status, STATUS_ERROR);
        regex_give(regex);
    }
    free(text);
}

/* A path over every pair of items is left once the statement was stopped, in each kind of loop. */
static void a_path_ends_when_stopped(void **state) {
    static const char *const PATHS[] = {"$[*] ? (@ == $[*] && @.x == 3)",
                                        "$[*] ? (exists($[*] ? (@ == -1)))"};
    Arena arena;
    StrBuf text;
    Error err = {0};
    arena_init(&arena);
    strbuf_init(&text);
    for (int i = 0; i < 100000; i++)
        strbuf_printf(&text, "%c%d", i ? ',' : '[', i);
    strbuf_append_char(&text, ']');
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++) {
        JsonPath path;
        JsonNode *document = NULL;
        JsonPathItems items = {0};
        CancelToken token;
        JsonText source = {PATHS[i], strlen(PATHS[i])};
        assert_int_equal(jsonpath_parse(source, &arena, &path, &err), STATUS_OK);
        assert_int_equal(
            json_parse((JsonText){strbuf_text(&text), text.length}, true, &arena, &document, &err),
            STATUS_OK);
        cancel_init(&token, 0);
        cancel_request(&token, CANCEL_BY_USER);
        KernelLimits limits = {.cancel = &token};
        KernelLimits *before = kernel_limits_enter(&limits);
        assert_int_equal(jsonpath_run(&path, document, NULL, true, &arena, &items, &err), PATH_FAILED);
        assert_int_equal(kernel_limits_leave(before, STATUS_OK, &err), STATUS_ERROR);
        assert_string_equal(err.sqlstate, SQLSTATE_QUERY_CANCELED);
    }
    strbuf_deinit(&text);
    arena_deinit(&arena);
}

/* Repeating what matches nothing adds no states, but must not take for ever either. */
static void empty_repetitions_are_bounded(void **state) {
    static const char *const PATTERNS[] = {
        "((((){255}){255}){255}){255}",
        "()(\\1\\1)(\\2\\2)(\\3\\3)(\\4\\4)(\\5\\5)(\\6\\6)(\\7\\7)(\\8\\8)(\\9\\9)(\\10\\10)(\\11\\11)("
        "\\12\\12)"
        "(\\13\\13)(\\14\\14)(\\15\\15)(\\16\\16)(\\17\\17)(\\18\\18)(\\19\\19)(\\20\\20)(\\21\\21)(\\22\\22)"
        "(\\23\\23)(\\24\\24)(\\25\\25)(\\26\\26)(\\27\\27)(\\28\\28)(\\29\\29)(\\30\\30)(\\31\\31)("
        "\\32\\32)"};
    for (size_t i = 0; i < sizeof PATTERNS / sizeof *PATTERNS; i++) {
        Regex *regex = NULL;
        Error err = {0};
        assert_int_equal(regex_take(PATTERNS[i], strlen(PATTERNS[i]), REGEX_ADVANCED, &regex, &err),
                         STATUS_ERROR);
        assert_string_equal(err.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_ends_with_the_smallest_budget),
        cmocka_unit_test(a_match_ends_at_the_deadline),
        cmocka_unit_test(a_path_ends_when_stopped),
        cmocka_unit_test(empty_repetitions_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
