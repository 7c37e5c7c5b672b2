#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "engines/columnar/iceberg/avro.h"

static const char SCHEMA[] =
    "{\"type\":\"record\",\"name\":\"r\",\"fields\":["
    "{\"name\":\"id\",\"type\":\"long\",\"field-id\":1},"
    "{\"name\":\"name\",\"type\":[\"null\",\"string\"],\"field-id\":2},"
    "{\"name\":\"sizes\",\"type\":{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"kv\","
    "\"fields\":["
    "{\"name\":\"key\",\"type\":\"int\"},{\"name\":\"value\",\"type\":\"bytes\"}]}}}]}";

static const int64_t NUMBERS[] = {0,   1,    -1,        63,        -64,       64,
                                  300, -300, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
enum { NUMBER_COUNT = sizeof NUMBERS / sizeof *NUMBERS };

static void write_file(StrBuf *out, AvroCodec codec) {
    StrBuf block;
    strbuf_init(&block);
    for (int i = 0; i < NUMBER_COUNT; i++) {
        avro_put_long(&block, NUMBERS[i]);
        avro_put_long(&block, i % 2);
        if (i % 2) avro_put_string(&block, "Zürich");
        if (i > 0) {
            avro_put_long(&block, i);
            for (int j = 0; j < i; j++) {
                avro_put_long(&block, j);
                avro_put_bytes(&block, "\0\1\2", 3);
            }
        }
        avro_put_long(&block, 0);
    }
    const char *metadata[] = {"format-version", "2", NULL};
    Error err;
    assert_int_equal(avro_container_write(out, SCHEMA, metadata, codec, &block, NUMBER_COUNT, &err),
                     STATUS_OK);
    strbuf_deinit(&block);
}

static void check_record(const AvroValue *record, int i) {
    assert_int_equal(avro_field_integer(record, "id", 77), NUMBERS[i]);
    const AvroValue *name = avro_record_field(record, "name");
    assert_int_equal(name->kind, i % 2 ? AVRO_STRING : AVRO_NULL);
    if (i % 2) assert_memory_equal(name->bytes.data, "Zürich", name->bytes.length);
    const AvroValue *sizes = avro_record_field(record, "sizes");
    assert_int_equal(sizes->count, i);
    for (int j = 0; j < i; j++) {
        assert_int_equal(avro_field_integer(&sizes->items[j], "key", -1), j);
        assert_int_equal(avro_record_field(&sizes->items[j], "value")->bytes.length, 3);
    }
    assert_null(avro_record_field(record, "absent"));
}

static void written_files_read_back(void **state) {
    for (int codec = AVRO_CODEC_NULL; codec <= AVRO_CODEC_ZSTANDARD; codec++) {
        StrBuf text;
        Arena arena;
        Error err;
        AvroFile file;
        size_t length;
        strbuf_init(&text);
        arena_init(&arena);
        write_file(&text, (AvroCodec)codec);
        assert_int_equal(avro_file_open(text.data, text.length, "test", &arena, &file, &err), STATUS_OK);
        const char *version = avro_file_metadata(&file, "format-version", &length);
        assert_int_equal(length, 1);
        assert_int_equal(version[0], '2');
        int records = 0;
        for (;;) {
            AvroValue record;
            bool more;
            assert_int_equal(avro_file_next(&file, &record, &more, &err), STATUS_OK);
            if (!more) break;
            check_record(&record, records++);
        }
        assert_int_equal(records, NUMBER_COUNT);
        arena_deinit(&arena);
        strbuf_deinit(&text);
    }
}

/* Reads everything it can; true when the file was read to its end without an error. */
static bool reads_whole(const char *data, size_t length) {
    Arena arena;
    AvroFile file;
    Error err;
    arena_init(&arena);
    bool more = true;
    Status status = avro_file_open(data, length, "test", &arena, &file, &err);
    while (status == STATUS_OK && more) {
        AvroValue record;
        status = avro_file_next(&file, &record, &more, &err);
    }
    arena_deinit(&arena);
    return status == STATUS_OK;
}

static void every_truncation_is_an_error(void **state) {
    StrBuf text;
    strbuf_init(&text);
    write_file(&text, AVRO_CODEC_DEFLATE);
    int whole = 0;
    for (size_t length = 0; length < text.length; length++) {
        char *copy = malloc(length + 1); /* exact size: an overrun is seen by the sanitizer */
        memcpy(copy, text.data, length);
        whole += reads_whole(copy, length);
        free(copy);
    }
    /* Only the header alone, before the first block, is a whole file. */
    assert_int_equal(whole, 1);
    assert_true(reads_whole(text.data, text.length));
    strbuf_deinit(&text);
}

static void hostile_counts_are_refused(void **state) {
    StrBuf text, block;
    Error err;
    strbuf_init(&text);
    strbuf_init(&block);
    avro_put_long(&block, INT64_MAX); /* an array of 2^63 nulls in nine bytes */
    assert_int_equal(avro_container_write(&text, "{\"type\":\"array\",\"items\":\"null\"}", NULL,
                                          AVRO_CODEC_NULL, &block, 1, &err),
                     STATUS_OK);
    assert_false(reads_whole(text.data, text.length));
    strbuf_deinit(&text);
    strbuf_deinit(&block);
}

/* Arrays in arrays, each of which claims as many items as the file could hold, and none of them there. */
static void claims_take_no_memory(void **state) {
    enum { PADDING = 1 << 20, DEPTH = 20 };
    StrBuf text, block, schema;
    Error err;
    Arena arena;
    AvroFile file;
    AvroValue record;
    bool more;
    strbuf_init(&text);
    strbuf_init(&block);
    strbuf_init(&schema);
    for (int i = 0; i < DEPTH; i++) {
        strbuf_append_text(&schema, "{\"type\":\"array\",\"items\":");
        avro_put_long(&block, PADDING);
    }
    strbuf_append_text(&schema, "\"bytes\"");
    for (int i = 0; i < DEPTH; i++)
        strbuf_append_char(&schema, '}');
    avro_put_long(&block, INT64_MAX); /* the first item's length */
    strbuf_grow(&block, PADDING);
    block.length += PADDING;
    assert_int_equal(avro_container_write(&text, schema.data, NULL, AVRO_CODEC_NULL, &block, 1, &err),
                     STATUS_OK);
    arena_init(&arena);
    assert_int_equal(avro_file_open(text.data, text.length, "x", &arena, &file, &err), STATUS_OK);
    assert_int_equal(avro_file_next(&file, &record, &more, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
    assert_true(arena.used_bytes < PADDING);
    arena_deinit(&arena);
    strbuf_deinit(&schema);
    strbuf_deinit(&block);
    strbuf_deinit(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_files_read_back),
        cmocka_unit_test(every_truncation_is_an_error),
        cmocka_unit_test(hostile_counts_are_refused),
        cmocka_unit_test(claims_take_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
