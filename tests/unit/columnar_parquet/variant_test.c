/* Variant's binary form as jsonb: every primitive, both kinds of strings, objects whose members stand in any
 * order, arrays; and bytes cut off at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engines/columnar/parquet/parquet_variant.h"

#define BYTES(...) ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})

/* Version 1, two names: "b", "aa". */
static const uint8_t metadata[] = {0x01, 2, 0, 1, 3, 'b', 'a', 'a'};

static void expect(const uint8_t *data, size_t length, const char *text) {
    StrBuf out;
    Error err;
    VariantBytes names = {metadata, sizeof metadata};
    strbuf_init(&out);
    if (variant_put_json(names, (VariantBytes){data, length}, "file", 1 << 20, &out, &err) != STATUS_OK)
        fail_msg("%s: %s", text, err.message);
    assert_string_equal(strbuf_text(&out), text);
    /* Cut off anywhere it is refused (or, of an object's last member, never read beyond). */
    for (size_t cut = 0; cut < length; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1); /* its own allocation: a sanitizer sees what is read beyond */
        memcpy(copy, data, cut);
        strbuf_reset(&out);
        assert_int_equal(variant_put_json(names, (VariantBytes){copy, cut}, "file", 1 << 20, &out, &err),
                         STATUS_ERROR);
        assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
        free(copy);
    }
    strbuf_deinit(&out);
}

static void test_primitives(void **state) {
    expect(BYTES(0 << 2), "null");
    expect(BYTES(1 << 2), "true");
    expect(BYTES(2 << 2), "false");
    expect(BYTES(3 << 2, 0xff), "-1");
    expect(BYTES(4 << 2, 0x39, 0x30), "12345");
    expect(BYTES(5 << 2, 0xff, 0xff, 0xff, 0x7f), "2147483647");
    expect(BYTES(6 << 2, 0, 0, 0, 0, 0, 0, 0, 0x80), "-9223372036854775808");
    expect(BYTES(7 << 2, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f), "1.5");
    expect(BYTES(8 << 2, 2, 0x39, 0x30, 0, 0), "123.45");
    expect(BYTES(9 << 2, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "-1");
    expect(BYTES(10 << 2, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), "0.001");
    expect(BYTES(11 << 2, 0x01, 0, 0, 0), "\"1970-01-02\"");
    expect(BYTES(12 << 2, 0x40, 0x42, 0x0f, 0, 0, 0, 0, 0), "\"1970-01-01T00:00:01+00:00\"");
    expect(BYTES(13 << 2, 0x20, 0xa1, 0x07, 0, 0, 0, 0, 0), "\"1970-01-01T00:00:00.5\"");
    expect(BYTES(14 << 2, 0, 0, 0x20, 0xc1), "-10");
    expect(BYTES(15 << 2, 2, 0, 0, 0, 0xab, 0x01), "\"\\\\xab01\"");
    expect(BYTES(16 << 2, 2, 0, 0, 0, 'h', '"'), "\"h\\\"\"");
    expect(BYTES(17 << 2, 0x40, 0x42, 0x0f, 0, 0, 0, 0, 0), "\"00:00:01\"");
    expect(BYTES(18 << 2, 0x18, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
           "\"1969-12-31T23:59:59.999999+00:00\"");
    expect(BYTES(19 << 2, 0xe8, 0x03, 0, 0, 0, 0, 0, 0), "\"1970-01-01T00:00:00.000001\"");
    expect(BYTES(20 << 2, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
           "\"00010203-0405-0607-0809-0a0b0c0d0e0f\"");
    expect(BYTES(3 << 2 | 1, 'a', 'b', 'c'), "\"abc\"");
}

static void test_objects_and_arrays(void **state) {
    /* Members "aa" (id 1) and "b" (id 0), the second one first. */
    expect(BYTES(2, 2, 1, 0, 0, 2, 3, 3 << 2, 7, 1 << 2), "{\"b\": true, \"aa\": 7}");
    expect(BYTES(3, 2, 0, 2, 4, 3 << 2, 1, 3 << 2, 2), "[1, 2]");
    expect(BYTES(3 | 1 << 4, 1, 0, 0, 0, 0, 1, 0), "[null]");
    expect(BYTES(3, 0, 0), "[]");
    expect(BYTES(2, 0, 0), "{}");
}

static void refuse(const uint8_t *data, size_t length, const char *sqlstate) {
    StrBuf out;
    Error err;
    strbuf_init(&out);
    assert_int_equal(variant_put_json((VariantBytes){metadata, sizeof metadata}, (VariantBytes){data, length},
                                      "file", 1 << 16, &out, &err),
                     STATUS_ERROR);
    assert_string_equal(err.sqlstate, sqlstate);
    strbuf_deinit(&out);
}

static void test_hostile(void **state) {
    refuse(BYTES(63 << 2), SQLSTATE_DATA_CORRUPTED);                        /* an unknown primitive */
    refuse(BYTES(8 << 2, 39, 0, 0, 0, 0), SQLSTATE_DATA_CORRUPTED);         /* a scale beyond numeric's */
    refuse(BYTES(2, 1, 2, 0, 1, 0), SQLSTATE_DATA_CORRUPTED);               /* a name that is not there */
    refuse(BYTES(3, 1, 9, 10, 0), SQLSTATE_DATA_CORRUPTED);                 /* an offset beyond the end */
    refuse(BYTES(3 | 1 << 4, 255, 255, 255, 255), SQLSTATE_DATA_CORRUPTED); /* a count beyond the bytes */
    /* Arrays within arrays, each of 16 times the same one: far more text than bytes. */
    uint8_t bomb[20 * 19 + 1];
    size_t at = 0;
    for (int level = 0; level < 20; level++) {
        bomb[at++] = 3;
        bomb[at++] = 16;
        memset(bomb + at, 0, 17);
        at += 17;
    }
    bomb[at++] = 0;
    refuse(bomb, at, SQLSTATE_PROGRAM_LIMIT);
    /* Objects within objects, each with the same one twice under one name: much work for little text. */
    at = 0;
    for (int level = 0; level < 40; level++) {
        memcpy(bomb + at, (const uint8_t[]){2, 2, 0, 0, 0, 0, 0}, 7);
        at += 7;
    }
    bomb[at++] = 0;
    refuse(bomb, at, SQLSTATE_DATA_CORRUPTED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_primitives),
        cmocka_unit_test(test_objects_and_arrays),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
