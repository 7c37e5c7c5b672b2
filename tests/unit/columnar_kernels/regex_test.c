/* Every line of regex_cases.tsv: text, expression, flags, and where PostgreSQL 15 found the match and its
 * groups (or its error); made of random expressions. And a Regex reused by many texts and threads. */
#include <pthread.h>
#include <stdio.h>

#include "engines/columnar/kernels/regex_use.h"
#include "tests/unit/columnar_kernels/kernel_harness.h"

enum { MOST_GROUPS = 64 };

static size_t unescape(char *text) {
    char *out = text;
    for (const char *at = text; *at; at++) {
        if (*at == '\\' && at[1]) {
            at++;
            *out++ = *at == 'n' ? '\n' : *at == 't' ? '\t' : *at;
        } else {
            *out++ = *at;
        }
    }
    *out = 0;
    return (size_t)(out - text);
}

static void describe(Regex *regex, const char *text, size_t length, StrBuf *out) {
    RegexSpan spans[MOST_GROUPS];
    int groups = regex_group_count(regex);
    assert_true(groups < MOST_GROUPS);
    regex_set_text(regex, text, length);
    bool found = regex_find(regex, 0, spans, groups + 1);
    assert_int_equal(found, regex_matches(regex, text, length));
    if (!found) {
        strbuf_append_text(out, "none");
        return;
    }
    strbuf_printf(out, "%d-%d", spans[0].start + 1, spans[0].end + 1);
    for (int i = groups > 0; i <= groups; i++)
        strbuf_printf(out, " %d-%d", spans[i].start < 0 ? 0 : spans[i].start + 1,
                      spans[i].start < 0 ? 0 : spans[i].end + 1);
}

static void answer(char *line, StrBuf *out) {
    char *pattern = strchr(line, '\t'), *flags_text;
    *pattern++ = 0;
    flags_text = strchr(pattern, '\t');
    *flags_text++ = 0;
    size_t text_length = unescape(line), pattern_length = unescape(pattern);
    StringView flags_view = stringview_make(flags_text, (uint32_t)strlen(flags_text));
    unsigned flags = 0;
    bool global = false;
    Error err = {0};
    Regex *regex = NULL;
    if (regex_read_flags(&flags_view, &flags, &global, &err) != STATUS_OK ||
        regex_take(pattern, pattern_length, flags, &regex, &err) != STATUS_OK) {
        strbuf_printf(out, "E %s", err.message);
        return;
    }
    describe(regex, line, text_length, out);
    regex_give(regex);
}

static void matches_are_postgresqls(void **state) {
    FILE *file = fopen(SIGNALBOX_SOURCE_DIR "/tests/unit/columnar_kernels/regex_cases.tsv", "r");
    assert_non_null(file);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    int cases = 0, wrong = 0;
    StrBuf out;
    strbuf_init(&out);
    while ((length = getline(&line, &capacity, file)) > 0) {
        if (line[length - 1] == '\n') line[--length] = 0;
        char *expected = strrchr(line, '\t');
        *expected++ = 0;
        char shown[600];
        snprintf(shown, sizeof shown, "%s", line);
        strbuf_reset(&out);
        answer(line, &out);
        cases++;
        if (strcmp(strbuf_text(&out), expected) == 0) continue;
        if (wrong++ < 20) printf("%s: %s, PostgreSQL %s\n", shown, strbuf_text(&out), expected);
    }
    strbuf_deinit(&out);
    free(line);
    fclose(file);
    printf("%d expressions, %d wrong\n", cases, wrong);
    assert_int_equal(wrong, 0);
    assert_true(cases >= 3000);
}

/* Far more states than are kept: the automaton goes on with sets. */
static void an_expression_with_too_many_states_still_answers(void **state) {
    char text[400];
    for (int i = 0; i < 400; i++)
        text[i] = "ab"[(i * 7 + i / 3) % 2];
    Regex *regex = NULL;
    Error err = {0};
    assert_int_equal(regex_take("a[ab]{40}b[ab]{40}a$", 20, REGEX_ADVANCED, &regex, &err), STATUS_OK);
    for (int length = 82; length < 400; length++) {
        bool expected = false;
        for (int start = 0; start + 83 <= length; start++)
            expected |= text[start] == 'a' && text[start + 41] == 'b' && text[start + 82] == 'a' &&
                        start + 83 == length;
        assert_int_equal(regex_matches(regex, text, (size_t)length), expected);
    }
    regex_give(regex);
    assert_int_equal(regex_take("(((a{200}){200}){200}){200}", 27, REGEX_ADVANCED, &regex, &err),
                     STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED);
}

static void *match_many(void *unused) {
    for (int i = 0; i < 500; i++) {
        Regex *regex = NULL;
        char pattern[32], text[32];
        int length = snprintf(pattern, sizeof pattern, "^x(%d)+y\\M", i % 20);
        int bytes = snprintf(text, sizeof text, "x%d%dy", i % 20, i % 20);
        if (regex_take(pattern, (size_t)length, REGEX_ADVANCED, &regex, NULL) != STATUS_OK ||
            !regex_matches(regex, text, (size_t)bytes))
            return unused;
        regex_give(regex);
    }
    return NULL;
}

static void threads_share_the_store(void **state) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, match_many, threads), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_are_postgresqls),
        cmocka_unit_test(an_expression_with_too_many_states_still_answers),
        cmocka_unit_test(threads_share_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
