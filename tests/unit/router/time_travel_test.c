/* Clauses of the past are taken off a text: what stays, where it stands, and what is refused. */
#include "tests/unit/base/unit.h"

#include <string.h>

#include "engines/base/utf8.h"
#include "router/time_travel.h"

typedef struct Case {
    const char *sql, *left, *first, *second;
    bool first_is_version, second_is_version;
} Case;

/* Blanks in a row as one. */
static const char *squeezed(const char *text, char *out) {
    size_t to = 0;
    for (size_t i = 0; text[i]; i++)
        if (text[i] != ' ' || to == 0 || out[to - 1] != ' ') out[to++] = text[i];
    out[to] = 0;
    return out;
}

static void taken(void **state) {
    static const Case cases[] = {
        {"SELECT 1 FROM t", "SELECT 1 FROM t", NULL, NULL, false, false},
        {"SELECT 1 FROM t FOR UPDATE OF t", "SELECT 1 FROM t FOR UPDATE OF t", NULL, NULL, false, false},
        {"SELECT a FROM t FOR VERSION AS OF 12 WHERE b", "SELECT a FROM t WHERE b", "12", NULL, true, false},
        {"SELECT a FROM t for system_time as of '2024-01-01'::date + interval '1 day' AS x",
         "SELECT a FROM t AS x", "'2024-01-01'::date + interval '1 day'", NULL, false, false},
        {"FROM \"a b\" FOR SYSTEM_VERSION AS OF 'tag', u FOR TIMESTAMP AS OF (now() - (2)) x",
         "FROM \"a b\" , u x", "'tag'", "(now() - (2))", true, false},
        {"FROM t FOR SYSTEM_TIME AS OF timestamp with time zone '2024-01-01 00:00+00'", "FROM t ",
         "timestamp with time zone '2024-01-01 00:00+00'", NULL, false, false},
        {"FROM t FOR VERSION AS OF 'ä' WHERE x", "FROM t WHERE x", "'ä'", NULL, true, false},
        {"SELECT 'FROM t FOR VERSION AS OF 1'", "SELECT 'FROM t FOR VERSION AS OF 1'", NULL, NULL, false,
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Arena arena;
        arena_init(&arena);
        const char *text;
        size_t length;
        const TableTravel *travels;
        int count;
        Error err = {0};
        assert_int_equal(time_travel_take(cases[i].sql, strlen(cases[i].sql), &arena, &text, &length,
                                          &travels, &count, &err),
                         STATUS_OK);
        char one[200], other[200];
        assert_string_equal(squeezed(text, one), squeezed(cases[i].left, other));
        assert_int_equal(length, strlen(text));
        assert_int_equal(utf8_count(text, length), utf8_count(cases[i].sql, strlen(cases[i].sql)));
        assert_int_equal(count, !cases[i].first ? 0 : cases[i].second ? 2 : 1);
        if (count > 0) assert_string_equal(travels[0].text, cases[i].first);
        if (count > 0) assert_int_equal(travels[0].is_version, cases[i].first_is_version);
        if (count > 1) assert_string_equal(travels[1].text, cases[i].second);
        if (count > 1) assert_int_equal(travels[1].is_version, cases[i].second_is_version);
        if (count > 0) assert_memory_equal(text + travels[0].location, "   ", 3);
        arena_deinit(&arena);
    }
}

static void refused(void **state) {
    static const char *const TEXTS[] = {
        "FROM t FOR VERSION AS OF",         "FROM t FOR VERSION AS OF x",
        "FROM t FOR SYSTEM_TIME AS OF",     "FROM t FOR SYSTEM_TIME AS OF now(",
        "FROM t FOR SYSTEM_TIME AS OF , u", "FROM t FOR SYSTEM_TIME AS OF now() +"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        Arena arena;
        arena_init(&arena);
        const char *text;
        size_t length;
        const TableTravel *travels;
        int count;
        Error err = {0};
        assert_int_equal(
            time_travel_take(TEXTS[i], strlen(TEXTS[i]), &arena, &text, &length, &travels, &count, &err),
            STATUS_ERROR);
        assert_string_equal(err.sqlstate, SQLSTATE_SYNTAX_ERROR);
        assert_true(err.position > 0);
        arena_deinit(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(taken), cmocka_unit_test(refused)};
    return cmocka_run_group_tests_name("time travel", tests, NULL, NULL);
}
