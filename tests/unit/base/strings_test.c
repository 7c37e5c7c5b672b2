/* Arena, strings, UTF-8, bitmaps, hashes, errors. */
#include "unit.h"

#include <errno.h>

#include "engines/base/arena.h"
#include "engines/base/bitmap.h"
#include "engines/base/error.h"
#include "engines/base/hash.h"
#include "engines/base/strbuf.h"
#include "engines/base/utf8.h"

static void arenas_give_aligned_memory_of_any_size(void **state) {
    Arena arena;
    arena_init(&arena);
    for (size_t bytes = 0; bytes < 300000; bytes = bytes * 3 + 1) {
        char *memory = arena_alloc(&arena, bytes);
        assert_int_equal((uintptr_t)memory % 16, 0);
        memset(memory, 'x', bytes);
        char *zeroed = arena_zalloc(&arena, bytes);
        for (size_t i = 0; i < bytes; i++)
            assert_int_equal(zeroed[i], 0);
    }
    char *kept = arena_strndup(&arena, "hello", 3);
    assert_string_equal(kept, "hel");
    assert_string_equal(arena_strdup(&arena, ""), "");
    assert_string_equal(arena_printf(&arena, "%d-%s", 5, "x"), "5-x");
    assert_memory_equal(arena_memdup(&arena, "a\0b", 3), "a\0b", 3);
    arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    assert_string_equal(arena_strdup(&arena, "again"), "again");
    arena_deinit(&arena);
}

static void expect_json(const char *text, size_t length, const char *expected) {
    StrBuf buf;
    strbuf_init(&buf);
    strbuf_append_json(&buf, text, length);
    assert_string_equal(strbuf_text(&buf), expected);
    strbuf_deinit(&buf);
}

static void json_strings_are_valid_whatever_comes(void **state) {
    expect_json("", 0, "\"\"");
    expect_json("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
    expect_json("\b\f\n\r\t\x01\x1f\x7f", 8, "\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    expect_json("\0", 1, "\"\\u0000\"");
    expect_json("é😀", 6, "\"é😀\"");
    expect_json("a\xff z", 4, "\"a\xEF\xBF\xBD z\"");
    expect_json("\xed\xa0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    expect_json("cut\xc3", 4, "\"cut\xEF\xBF\xBD\"");
}

static void strings_grow_and_quote(void **state) {
    StrBuf buf;
    strbuf_init(&buf);
    assert_string_equal(strbuf_text(&buf), "");
    strbuf_append_identifier(&buf, "a\"b", '"');
    strbuf_append_identifier(&buf, "a`b", '`');
    strbuf_append_literal(&buf, "it's", 4);
    strbuf_append_i64(&buf, INT64_MIN);
    strbuf_append_u64(&buf, UINT64_MAX);
    strbuf_printf(&buf, "%5.1f", 2.25);
    assert_string_equal(strbuf_text(&buf),
                        "\"a\"\"b\"`a``b`'it''s'-922337203685477580818446744073709551615  2.2");
    strbuf_reset(&buf);
    for (int i = 0; i < 100000; i++)
        strbuf_append_char(&buf, (char)('a' + i % 26));
    assert_int_equal(strlen(strbuf_text(&buf)), 100000);
    char *taken = strbuf_release(&buf);
    assert_int_equal(strlen(taken), 100000);
    free(taken);
    assert_int_equal(buf.length, 0);
    taken = strbuf_release(&buf);
    assert_string_equal(taken, "");
    free(taken);
}

static void utf8_is_checked_as_rfc_3629_says(void **state) {
    static const struct {
        const char *text;
        size_t length;
        bool valid;
    } cases[] = {
        {"", 0, true},
        {"a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10, true},
        {"\xc0\x80", 2, false},
        {"\xc1\xbf", 2, false},
        {"\xe0\x80\x80", 3, false},
        {"\xe0\x9f\xbf", 3, false},
        {"\xe0\xa0\x80", 3, true},
        {"\xed\x9f\xbf", 3, true},
        {"\xed\xa0\x80", 3, false},
        {"\xee\x80\x80", 3, true},
        {"\xf0\x8f\xbf\xbf", 4, false},
        {"\xf0\x90\x80\x80", 4, true},
        {"\xf4\x8f\xbf\xbf", 4, true},
        {"\xf4\x90\x80\x80", 4, false},
        {"\xf5\x80\x80\x80", 4, false},
        {"\x80", 1, false},
        {"\xc3", 1, false},
        {"\xe2\x82", 2, false},
        {"\xf0\x9f\x98", 3, false},
        {"\xff", 1, false},
        {"\xc3z", 2, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (utf8_is_valid(cases[i].text, cases[i].length) != cases[i].valid) fail_msg("case %zu", i);
    for (size_t at = 0; at < 80; at++) { /* within text that is looked at in words */
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            char text[96];
            memset(text, 'a', sizeof text);
            memcpy(text + at, cases[i].text, cases[i].length);
            if (utf8_is_valid(text, sizeof text) != cases[i].valid) fail_msg("case %zu at %zu", i, at);
        }
    }
    assert_int_equal(utf8_count("aé€😀", 10), 4);
    assert_int_equal(utf8_count("a\xff\xff", 3), 3);
    assert_int_equal(utf8_offset_of("aé€😀", 10, 2), 3);
    assert_int_equal(utf8_offset_of("aé", 3, 9), 3);
    assert_int_equal(utf8_sequence_length("\xf0\x9f\x98\x80", 4), 4);
    assert_int_equal(utf8_sequence_length("x", 0), 0);
}

static void bitmaps_agree_with_an_array(void **state) {
    enum { BITS = 517 };
    uint64_t a[9] = {0}, b[9] = {0}, out[9];
    bool plain[BITS] = {0};
    uint64_t seed = 1;
    for (int i = 0; i < 2000; i++) {
        seed = hash64_u64(seed);
        size_t start = seed % BITS, count = (seed >> 20) % (BITS - start + 1);
        if (seed >> 40 & 1) {
            bitmap_set_range(a, start, count);
            memset(plain + start, 1, count);
        } else {
            bitmap_assign(a, start, seed >> 41 & 1);
            plain[start] = seed >> 41 & 1;
        }
        if (i % 50 == 0) {
            memset(a, 0, sizeof a);
            memset(plain, 0, sizeof plain);
        }
        size_t set = 0;
        for (size_t bit = 0; bit < BITS; bit++) {
            assert_int_equal(bitmap_get(a, bit), plain[bit]);
            set += plain[bit];
        }
        assert_int_equal(bitmap_count(a, BITS), set);
    }
    bitmap_fill(b, 70);
    assert_int_equal(bitmap_count(b, 128), 70);
    assert_int_equal(b[1], 63);
    bitmap_and(out, a, b, BITS);
    for (size_t bit = 0; bit < BITS; bit++)
        assert_int_equal(bitmap_get(out, bit), bitmap_get(a, bit) && bit < 70);
    bitmap_and(out, NULL, b, 70);
    assert_int_equal(bitmap_count(out, 70), 70);
    bitmap_and(out, NULL, NULL, 70);
    assert_int_equal(bitmap_count(out, 70), 70);
    assert_int_equal(bitmap_bytes(65), 16);
}

static void hashes_spread_and_repeat(void **state) {
    assert_true(hash64_bytes("a", 1, 0) == hash64_bytes("a", 1, 0));
    assert_true(hash64_bytes("a", 1, 0) != hash64_bytes("a", 1, 1));
    assert_true(hash64_bytes("ab", 2, 0) != hash64_bytes("ba", 2, 0));
    assert_true(hash64_combine(1, 2) != hash64_combine(2, 1));
    int buckets[64] = {0};
    for (uint64_t i = 0; i < 64000; i++)
        buckets[hash64_u64(i) & 63]++;
    for (int i = 0; i < 64; i++)
        assert_in_range(buckets[i], 800, 1200);
}

static void errors_carry_what_was_said(void **state) {
    Error err = {0};
    assert_false(error_is_set(&err));
    assert_int_equal(error_set_at(&err, "42703", 7, "no %s", "x"), STATUS_ERROR);
    (void)error_add_hint(&err, "try %d", 1);
    (void)error_add_detail(&err, "because");
    assert_string_equal(err.message, "no x");
    assert_int_equal(err.position, 7);
    assert_string_equal(err.hint, "try 1");
    assert_string_equal(err.detail, "because");
    (void)error_set(&err, "22P02", "new");
    assert_int_equal(err.position, 0);
    assert_string_equal(err.hint, "");
    (void)error_set_errno(&err, ENOSPC, "cannot write %s", "f");
    assert_string_equal(err.sqlstate, SQLSTATE_DISK_FULL);
    assert_non_null(strstr(err.message, "cannot write f: "));
    (void)error_set_errno(&err, ENOENT, "x");
    assert_string_equal(err.sqlstate, SQLSTATE_UNDEFINED_FILE);
    char long_text[3000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = 0;
    (void)error_set(&err, "XX000", "%s", long_text);
    assert_true(strlen(err.message) < sizeof err.message);
    error_clear(&err);
    assert_false(error_is_set(&err));
    assert_int_equal(error_set(NULL, "XX000", "nobody listens"), STATUS_ERROR);
    assert_int_equal(error_add_hint(NULL, "x"), STATUS_ERROR);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arenas_give_aligned_memory_of_any_size),
        cmocka_unit_test(json_strings_are_valid_whatever_comes),
        cmocka_unit_test(strings_grow_and_quote),
        cmocka_unit_test(utf8_is_checked_as_rfc_3629_says),
        cmocka_unit_test(bitmaps_agree_with_an_array),
        cmocka_unit_test(hashes_spread_and_repeat),
        cmocka_unit_test(errors_carry_what_was_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
