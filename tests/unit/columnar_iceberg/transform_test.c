/* Transforms and hashes against the values that the Iceberg specification gives (Appendix B), names and SQL
 * spellings, and deletion vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/bitmap.h"
#include "engines/base/calendar.h"
#include "engines/columnar/iceberg/layout_text.h"
#include "engines/columnar/iceberg/roaring.h"

static uint32_t hash_i64(SqlType type, int64_t value) {
    return transform_hash(type, &(union ParquetBound){.i64 = value});
}

static void hashes_are_the_specification_s(void **state) {
    assert_int_equal(hash_i64(sqltype_of(SQL_INT4), 34), 2017239379);
    assert_int_equal(hash_i64(sqltype_of(SQL_INT8), 34), 2017239379);
    assert_int_equal(hash_i64(sqltype_numeric(9, 2), 1420), (uint32_t)-500754589);
    union ParquetBound wide = {.i128 = 1420};
    assert_int_equal(transform_hash(sqltype_numeric(30, 2), &wide), (uint32_t)-500754589);
    int64_t day = calendar_days_of(2017, 11, 16);
    assert_int_equal(hash_i64(sqltype_of(SQL_DATE), day), (uint32_t)-653330422);
    int64_t clock = (INT64_C(22) * 3600 + 31 * 60 + 8) * 1000000;
    assert_int_equal(hash_i64(sqltype_of(SQL_TIME), clock), (uint32_t)-662762989);
    int64_t moment = day * INT64_C(86400000000) + clock;
    assert_int_equal(hash_i64(sqltype_of(SQL_TIMESTAMP), moment), (uint32_t)-2047944441);
    union ParquetBound text = {.string = stringview_make("iceberg", 7)};
    assert_int_equal(transform_hash(sqltype_of(SQL_TEXT), &text), 1210000089);
    const unsigned char uuid[] = {0xf7, 0x9c, 0x3e, 0x09, 0x67, 0x7c, 0x4b, 0xbd,
                                  0xa4, 0x79, 0x3f, 0x34, 0x9c, 0xb7, 0x85, 0xe7};
    union ParquetBound id = {.string = stringview_make((const char *)uuid, 16)};
    assert_int_equal(transform_hash(sqltype_of(SQL_UUID), &id), 1488055340);
    union ParquetBound bytes = {.string = stringview_make("\0\1\2\3", 4)};
    assert_int_equal(transform_hash(sqltype_of(SQL_BYTEA), &bytes), (uint32_t)-188683207);
}

static int64_t apply(const char *name, SqlType source, int64_t value) {
    PartitionValue in = {.value.i64 = value}, out;
    transform_apply(transform_parse(name), source, &in, &out);
    assert_false(out.is_null);
    return out.value.i64;
}

static void numbers_and_times_are_transformed(void **state) {
    SqlType integer = sqltype_of(SQL_INT4), date = sqltype_of(SQL_DATE), moment = sqltype_of(SQL_TIMESTAMP);
    assert_int_equal(apply("truncate[10]", integer, 1), 0);
    assert_int_equal(apply("truncate[10]", integer, -1), -10);
    assert_int_equal(apply("truncate[50]", sqltype_numeric(9, 2), 1065), 1050);
    assert_int_equal(apply("bucket[16]", integer, 34), (2017239379 & INT32_MAX) % 16);
    assert_int_equal(apply("year", date, -1), -1);
    assert_int_equal(apply("month", date, -1), -1);
    assert_int_equal(apply("month", date, calendar_days_of(2017, 11, 16)), 574);
    assert_int_equal(apply("day", moment, -1), -1);
    assert_int_equal(apply("hour", moment, -1), -1);
    assert_int_equal(apply("hour", moment, INT64_C(3600000000)), 1);
    assert_int_equal(apply("year", moment, INT64_C(1510871468000000)), 47);
    PartitionValue null = {.is_null = true}, out;
    transform_apply(transform_parse("bucket[4]"), integer, &null, &out);
    assert_true(out.is_null);
    transform_apply(transform_parse("void"), integer, &(PartitionValue){.value.i64 = 5}, &out);
    assert_true(out.is_null);
}

static void texts_are_cut_by_characters(void **state) {
    const char *text = "iç→b";
    PartitionValue in = {.value.string = stringview_make(text, (uint32_t)strlen(text))}, out;
    transform_apply(transform_parse("truncate[3]"), sqltype_of(SQL_TEXT), &in, &out);
    assert_int_equal(out.value.string.length, strlen("iç→"));
    transform_apply(transform_parse("truncate[3]"), sqltype_of(SQL_BYTEA), &in, &out);
    assert_int_equal(out.value.string.length, 3);
}

static void names_are_read_and_written(void **state) {
    static const char *const NAMES[] = {"identity", "bucket[16]", "truncate[4]", "year",
                                        "month",    "day",        "hour",        "void"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char name[32];
        transform_name(transform_parse(NAMES[i]), name);
        assert_string_equal(name, NAMES[i]);
    }
    static const char *const UNKNOWN[] = {"bucket", "bucket[0]", "bucket[-1]", "bucket[4",
                                          "zorder", "",          "years"};
    for (size_t i = 0; i < sizeof UNKNOWN / sizeof *UNKNOWN; i++)
        assert_int_equal(transform_parse(UNKNOWN[i]).kind, TRANSFORM_UNKNOWN);
    assert_int_equal(transform_result_type(transform_parse("month"), sqltype_of(SQL_TEXT)).id, SQL_INVALID);
    assert_int_equal(transform_result_type(transform_parse("bucket[2]"), sqltype_of(SQL_FLOAT8)).id,
                     SQL_INVALID);
}

static void partition_paths(void **state) {
    static const struct {
        const char *transform;
        SqlType source;
        int64_t value;
        const char *expected;
    } CASES[] = {
        {"year", {.id = SQL_DATE}, 47, "2017"},
        {"month", {.id = SQL_DATE}, 574, "2017-11"},
        {"month", {.id = SQL_DATE}, -1, "1969-12"},
        {"day", {.id = SQL_TIMESTAMP}, 17486, "2017-11-16"},
        {"hour", {.id = SQL_TIMESTAMP}, 419686, "2017-11-16-22"},
        {"identity", {.id = SQL_NUMERIC, .precision = 9, .scale = 2}, -5, "-0.05"},
        {"bucket[4]", {.id = SQL_INT4}, 3, "3"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        PartitionField field = {.transform = transform_parse(CASES[i].transform),
                                .source_type = CASES[i].source};
        field.result_type = transform_result_type(field.transform, field.source_type);
        StrBuf out;
        strbuf_init(&out);
        partition_value_text(&field, &(PartitionValue){.value.i64 = CASES[i].value}, &out);
        assert_string_equal(strbuf_text(&out), CASES[i].expected);
        strbuf_deinit(&out);
    }
}

static void layouts_are_parsed(void **state) {
    Arena arena;
    LayoutItem *items;
    int count;
    Error err;
    arena_init(&arena);
    assert_int_equal(layout_parse(" Month(ts) , bucket(16, \"Id\"), truncate(name, 4), x ", false, &arena,
                                  &items, &count, &err),
                     STATUS_OK);
    assert_int_equal(count, 4);
    assert_string_equal(items[0].column, "ts");
    assert_string_equal(items[1].column, "Id");
    assert_int_equal(items[1].transform.width, 16);
    assert_int_equal(items[2].transform.kind, TRANSFORM_TRUNCATE);
    assert_int_equal(items[3].transform.kind, TRANSFORM_IDENTITY);
    assert_int_equal(layout_parse("a desc, b nulls first, bucket(2, c) desc nulls last", true, &arena, &items,
                                  &count, &err),
                     STATUS_OK);
    assert_true(items[0].descending && items[0].nulls_first);
    assert_true(!items[1].descending && items[1].nulls_first);
    assert_true(items[2].descending && !items[2].nulls_first);
    assert_int_equal(layout_parse("", false, &arena, &items, &count, &err), STATUS_OK);
    assert_int_equal(count, 0);
    static const char *const BROKEN[] = {"a,",  "bucket(a)", "bucket(0, a)", "month(a",       "a b",
                                         "\"a", "(a)",       "a desc",       "bucket(4, a) x"};
    for (size_t i = 0; i < sizeof BROKEN / sizeof *BROKEN; i++) {
        assert_int_equal(layout_parse(BROKEN[i], false, &arena, &items, &count, &err), STATUS_ERROR);
        assert_string_equal(err.sqlstate, SQLSTATE_SYNTAX_ERROR);
    }
    assert_int_equal(layout_parse("zorder(a, b)", false, &arena, &items, &count, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED);
    arena_deinit(&arena);
}

/* ---- deletion vectors ------------------------------------------------------------------------------------
 */

static void put(StrBuf *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        strbuf_append_char(out, (char)(value >> (8 * i)));
}

static void put_big(StrBuf *out, uint32_t value) {
    for (int i = 3; i >= 0; i--)
        strbuf_append_char(out, (char)(value >> (8 * i)));
}

static void frame(const StrBuf *body, StrBuf *out) {
    StrBuf inner;
    strbuf_init(&inner);
    strbuf_append(&inner, "\xD1\xD3\x39\x64", 4);
    strbuf_append(&inner, strbuf_text(body), body->length);
    put_big(out, (uint32_t)inner.length);
    strbuf_append(out, strbuf_text(&inner), inner.length);
    put_big(out, libdeflate_crc32(0, strbuf_text(&inner), inner.length));
    strbuf_deinit(&inner);
}

/* An array {1, 7}, a run 65536+10 .. 65536+14, and a bitset of the even rows of the third container. */
static void make_vector(StrBuf *out) {
    StrBuf body;
    strbuf_init(&body);
    put(&body, 1, 8);
    put(&body, 0, 4);
    put(&body, 12347 | 2 << 16, 4);
    put(&body, 2, 1); /* the second is runs */
    put(&body, 0, 2), put(&body, 1, 2);
    put(&body, 1, 2), put(&body, 4, 2);
    put(&body, 2, 2), put(&body, 32767, 2);
    put(&body, 1, 2), put(&body, 7, 2);
    put(&body, 1, 2), put(&body, 10, 2), put(&body, 4, 2);
    for (int i = 0; i < 8192; i++)
        put(&body, 0x55, 1);
    frame(&body, out);
    strbuf_deinit(&body);
}

static void deletion_vectors_are_read(void **state) {
    enum { ROWS = 3 * 65536 };
    uint64_t *bits = calloc(ROWS / 64 + 1, sizeof *bits);
    StrBuf blob;
    Error err;
    strbuf_init(&blob);
    make_vector(&blob);
    assert_int_equal(deletion_vector_decode(blob.data, blob.length, "x", bits, ROWS, &err), STATUS_OK);
    for (int i = 0; i < ROWS; i++) {
        bool expected = i == 1 || i == 7 || (i >= 65546 && i <= 65550) || (i >= 131072 && i % 2 == 0);
        assert_int_equal(bitmap_get(bits, (size_t)i), expected);
    }
    assert_int_equal(deletion_vector_decode(blob.data, blob.length, "x", bits, ROWS - 2, &err), STATUS_ERROR);
    for (size_t cut = 0; cut < blob.length; cut += cut < 64 ? 1 : 500)
        assert_int_equal(deletion_vector_decode(blob.data, cut, "x", bits, ROWS, &err), STATUS_ERROR);
    for (size_t at = 0; at < 64; at++) {
        blob.data[at] ^= 1;
        assert_int_equal(deletion_vector_decode(blob.data, blob.length, "x", bits, ROWS, &err), STATUS_ERROR);
        assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
        blob.data[at] ^= 1;
    }
    strbuf_deinit(&blob);
    free(bits);
}

static void expect_disorder(const StrBuf *body, const char *message) {
    enum { ROWS = 1 << 20 };
    uint64_t *bits = calloc(ROWS / 64 + 1, sizeof *bits);
    StrBuf blob;
    Error err;
    strbuf_init(&blob);
    frame(body, &blob);
    assert_int_equal(deletion_vector_decode(blob.data, blob.length, "x", bits, ROWS, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
    assert_non_null(strstr(err.message, message));
    strbuf_deinit(&blob);
    free(bits);
}

/* What repeats itself would set the same rows over and over: a few hundred kilobytes for billions of steps.
 */
static void deletion_vectors_ascend(void **state) {
    StrBuf body;
    strbuf_init(&body);
    put(&body, 1, 8), put(&body, 0, 4);
    put(&body, 12347, 4), put(&body, 1, 1), put(&body, 0, 2), put(&body, 0xFFFF, 2);
    put(&body, 2, 2), put(&body, 5, 2), put(&body, 10, 2), put(&body, 15, 2), put(&body, 1, 2);
    expect_disorder(&body, "runs are out of order");
    strbuf_reset(&body);
    put(&body, 1, 8), put(&body, 0, 4), put(&body, 12346, 4), put(&body, 2, 4);
    put(&body, 3, 2), put(&body, 0, 2), put(&body, 3, 2), put(&body, 0, 2);
    put(&body, 24, 4), put(&body, 26, 4), put(&body, 1, 2), put(&body, 2, 2);
    expect_disorder(&body, "containers are out of order");
    strbuf_reset(&body);
    put(&body, 2, 8);
    for (int i = 0; i < 2; i++)
        put(&body, 0, 4), put(&body, 12346, 4), put(&body, 0, 4);
    expect_disorder(&body, "bitmaps are out of order");
    strbuf_deinit(&body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_the_specification_s),
        cmocka_unit_test(numbers_and_times_are_transformed),
        cmocka_unit_test(texts_are_cut_by_characters),
        cmocka_unit_test(names_are_read_and_written),
        cmocka_unit_test(partition_paths),
        cmocka_unit_test(layouts_are_parsed),
        cmocka_unit_test(deletion_vectors_are_read),
        cmocka_unit_test(deletion_vectors_ascend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
