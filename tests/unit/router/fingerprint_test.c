#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "router/fingerprint.h"

static uint64_t shape_of(const char *sql, StrBuf *text) {
    strbuf_reset(text);
    uint64_t hash = fingerprint_text(sql, strlen(sql), 4096, text);
    assert_true(hash == fingerprint_hash(sql, strlen(sql)));
    return hash;
}

static void test_shapes(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"SELECT * FROM T WHERE id=42;", "select * from t where id = ?"},
        {"/*+ engine(columnar) */ select *\n from t -- where id = 1\n where ID = $1",
         "select * from t where id = ?"},
        {"SELECT 'it''s' || E'\\'' || $tag$x$tag$ || b'01'", "select ? || ? || ? || ?"},
        {"x IN (1, 2, -3, + 4)", "x in (?)"},
        {"x IN ($1)", "x in (?)"},
        {"INSERT INTO t (a, b) VALUES (1, 'a'), (2, 'b'), (3, 'c') RETURNING a",
         "insert into t (a, b) values (?) returning a"},
        {"VALUES (1, now()), (2, now())", "values (?, now ()), (?, now ())"},
        {"a - 5 < -7 and b >= -8", "a - ? < ? and b >= ?"},
        {"SELECT \"Id\", ID FROM \"T\"", "select \"Id\", id from \"T\""},
        {"f(1, 2, a, 3), (4), 5", "f (?, a, ?), (?), ?"},
        {"a[1:2]", "a[? : ?]"},
        {"(1), (2), (b)", "(?), (b)"},
        {"(1), (2), (3,", "(?), (?,"},
        {"", ""},
    };
    StrBuf text;
    strbuf_init(&text);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        shape_of(cases[i][0], &text);
        assert_string_equal(strbuf_text(&text), cases[i][1]);
    }
    strbuf_deinit(&text);
}

static void test_same_and_different(void **state) {
    (void)state;
    static const char *const same[][2] = {
        {"select a from t where b = 1", "SELECT a\tFROM t\nWHERE b = 'x' /* c */"},
        {"select 1 limit 5", "select 2.5e3 limit $1"},
        {"insert into t values (1,2)", "insert into t values (3,4),(5,6),(7,8)"},
    };
    static const char *const different[][2] = {
        {"select a from t", "select b from t"},     {"select ab from t", "select a b from t"},
        {"select \"A\" from t", "select a from t"}, {"select a, 1", "select 1, a"},
        {"select a < 1", "select a <= 1"},          {"select (a).b", "select (a) b"},
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        assert_true(fingerprint_hash(same[i][0], strlen(same[i][0])) ==
                    fingerprint_hash(same[i][1], strlen(same[i][1])));
    for (size_t i = 0; i < sizeof different / sizeof different[0]; i++)
        assert_true(fingerprint_hash(different[i][0], strlen(different[i][0])) !=
                    fingerprint_hash(different[i][1], strlen(different[i][1])));
}

static void test_text_is_cut_and_hash_is_not(void **state) {
    (void)state;
    static const char one[] = "select aaaaaaaaaaaa, bbbbbbbbbbbbbb from c",
                      two[] = "select aaaaaaaaaaaa, b from d";
    StrBuf text;
    strbuf_init(&text);
    uint64_t first = fingerprint_text(one, strlen(one), 20, &text);
    assert_string_equal(strbuf_text(&text), "select aaaaaaaaaaaa,");
    assert_true(first == fingerprint_hash(one, strlen(one)));
    assert_true(first != fingerprint_hash(two, strlen(two)));
    strbuf_deinit(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_same_and_different),
        cmocka_unit_test(test_text_is_cut_and_hash_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
