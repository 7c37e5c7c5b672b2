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

typedef struct NotedWords {
    char words[512][WORD_SEARCH_LONGEST + 1];
    int count;
} NotedWords;

static void note(void *context, const char *word, uint32_t length) {
    NotedWords *noted = context;
    assert_true(length > 0 && length <= WORD_SEARCH_LONGEST);
    assert_true(noted->count < 512);
    memcpy(noted->words[noted->count], word, length);
    noted->words[noted->count++][length] = 0;
}

static bool is_noted(const NotedWords *noted, const SearchWord *word) {
    for (int i = 0; i < noted->count; i++)
        if (strlen(noted->words[i]) == word->length && !memcmp(noted->words[i], word->data, word->length))
            return true;
    return false;
}

static void check_noted(const char *text, bool ascii) {
    static NotedWords noted;
    Arena arena;
    WordSearch search;
    StringView view = stringview_make(text, (uint32_t)strlen(text));
    arena_init(&arena);
    noted.count = 0;
    word_search_each(&view, note, &noted);
    word_search_compile(&view, &arena, &search);
    for (int i = 0; i < search.count; i++)
        if (search.words[i].length <= WORD_SEARCH_LONGEST && !is_noted(&noted, &search.words[i]))
            fail_msg("\"%s\": %.*s is not noted", text, (int)search.words[i].length, search.words[i].data);
    for (int i = 0; ascii && i < noted.count; i++)
        if (!matches(text, noted.words[i])) fail_msg("\"%s\" does not hold %s", text, noted.words[i]);
    arena_deinit(&arena);
}

/* What a search asks for is noted of every text that holds it; of ASCII nothing else is. */
static void each_word_is_noted(void **state) {
    static const char *const parts[] = {"a",    "Z", "0", "9", "bc", "XyZw12", "eightlet", "@",
                                        "[",    "`", "{", "/", ":",  " ",      "  ",       "\x7f",
                                        "\x01", "é", "Ü", "K", "日", "\xC3",   "\xFF",     "İ"};
    enum { ASCII_PARTS = 17, ALL_PARTS = sizeof parts / sizeof *parts };
    uint64_t random = 42;
    for (int round = 0; round < 20000; round++) {
        char text[512] = "";
        int most = round % 3 ? ASCII_PARTS : ALL_PARTS;
        random = random * 6364136223846793005u + 1442695040888963407u;
        for (int i = (int)(random >> 33) % 24; i > 0; i--) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            strcat(text, parts[(random >> 33) % (uint64_t)most]);
        }
        check_noted(text, most == ASCII_PARTS);
    }
    char longest[300];
    for (size_t length = 240; length < 270; length++) {
        memset(longest, 'Q', sizeof longest);
        memcpy(longest + length, " end", 5);
        check_noted(longest, true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_whole),      cmocka_unit_test(nothing_matches_nothing),
        cmocka_unit_test(letters_beyond_ascii), cmocka_unit_test(hostile_texts),
        cmocka_unit_test(each_word_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
