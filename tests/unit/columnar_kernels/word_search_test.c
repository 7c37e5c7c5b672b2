/* search(): whole words, in any order and case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engines/columnar/kernels/word_search.h"

static bool matches(const char *text, const char *query) {
    Arena arena;
    WordSearch search;
    StringView text_view = stringview_make(text, (uint32_t)strlen(text));
    StringView query_view = stringview_make(query, (uint32_t)strlen(query));
    arena_init(&arena);
    word_search_compile(&query_view, &arena, &search);
    bool found = word_search_matches(&search, &text_view);
    arena_deinit(&arena);
    return found;
}

static void words_are_whole(void **state) {
    assert_true(matches("Hello, World!", "world"));
    assert_true(matches("Hello, World!", "WORLD, hello"));
    assert_false(matches("Hello, World!", "worl"));
    assert_false(matches("Hello, Worlds!", "world"));
    assert_false(matches("Hello, World!", "hello there"));
    assert_true(matches("a-b_c", "b c"));
    assert_true(matches("x1 y22", "Y22"));
    assert_true(matches("word", "word"));
    assert_true(matches(" word", "word"));
    assert_true(matches("word word", "word WORD word"));
}

static void nothing_matches_nothing(void **state) {
    assert_false(matches("", ""));
    assert_false(matches("a", ""));
    assert_false(matches("a", "... !"));
    assert_false(matches("", "a"));
}

static void letters_beyond_ascii(void **state) {
    assert_true(matches("Grüne Straße", "GRÜNE"));
    assert_true(matches("Grüne Straße", "straße"));
    assert_false(matches("Grüne Straße", "gr"));
    assert_false(matches("Grüne", "ne"));
    assert_true(matches("«naïve»", "NAÏVE"));
    assert_true(matches("москва́ Москва", "МОСКВА"));
    assert_true(matches("日本語 text", "日本語"));
}

/* Broken text and words beyond all length: no match by accident, no step outside. */
static void hostile_texts(void **state) {
    char text[3000], query[3000];
    assert_true(matches("abc\xFF"
                        "def",
                        "def"));
    assert_true(matches("\xC3", "a") == false);
    assert_true(matches("abc \xE2\x82", "abc"));
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    memcpy(query, text, sizeof text);
    query[300] = 0;
    assert_false(matches(text, query));
    assert_false(matches(text, "aaa"));
    for (int i = 0; i < 100; i++)
        snprintf(query + i * 4, 5, "w%02d ", i);
    assert_false(matches("w00 w01", query));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_whole),
        cmocka_unit_test(nothing_matches_nothing),
        cmocka_unit_test(letters_beyond_ascii),
        cmocka_unit_test(hostile_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
