/* Files whose numbers promise what is not there: memory and work follow the bytes, not the claims. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engines/columnar/parquet/parquet_file.h"

enum { SCHEMA_FIELD = 2, ROW_COUNT_FIELD = 3, ROW_GROUPS_FIELD = 4, KEY_VALUES_FIELD = 5 };

static void append_zeros(StrBuf *out, size_t count) {
    strbuf_grow(out, count);
    memset(out->data + out->length, 0, count);
    out->length += count;
}

/* The schema of one required INT32 column. */
static void begin_footer(ThriftWriter *writer, StrBuf *out) {
    thrift_writer_init(writer, out);
    thrift_write_list_begin(writer, SCHEMA_FIELD, THRIFT_STRUCT, 2);
    thrift_write_element_begin(writer);
    thrift_write_text(writer, 4, "root");
    thrift_write_i32(writer, 5, 1);
    thrift_write_stop(writer);
    thrift_write_element_begin(writer);
    thrift_write_i32(writer, 1, PARQUET_INT32);
    thrift_write_i32(writer, 3, 0);
    thrift_write_text(writer, 4, "c");
    thrift_write_stop(writer);
    thrift_write_i64(writer, ROW_COUNT_FIELD, 0);
}

static void chunks_beyond_the_schema_take_no_memory(void **state) {
    enum { CLAIMED = 1 << 20 };
    StrBuf footer;
    ThriftWriter writer;
    Arena arena;
    ParquetMetadata metadata;
    Error err = {0};
    strbuf_init(&footer);
    arena_init(&arena);
    begin_footer(&writer, &footer);
    thrift_write_list_begin(&writer, ROW_GROUPS_FIELD, THRIFT_STRUCT, 1);
    thrift_write_element_begin(&writer);
    thrift_write_list_begin(&writer, 1, THRIFT_STRUCT, CLAIMED);
    append_zeros(&footer, CLAIMED); /* each an empty struct */
    assert_int_equal(
        parquet_metadata_parse("x", (uint8_t *)footer.data, footer.length, &arena, &metadata, &err),
        STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
    assert_true(arena.used_bytes < CLAIMED);
    arena_deinit(&arena);
    strbuf_deinit(&footer);
}

static void too_many_schema_elements_are_refused(void **state) {
    enum { CLAIMED = (1 << 20) + 1 };
    StrBuf footer;
    ThriftWriter writer;
    Arena arena;
    ParquetMetadata metadata;
    Error err = {0};
    strbuf_init(&footer);
    arena_init(&arena);
    thrift_writer_init(&writer, &footer);
    thrift_write_list_begin(&writer, SCHEMA_FIELD, THRIFT_STRUCT, CLAIMED);
    append_zeros(&footer, CLAIMED + 1);
    assert_int_equal(
        parquet_metadata_parse("x", (uint8_t *)footer.data, footer.length, &arena, &metadata, &err),
        STATUS_ERROR);
    assert_true(arena.used_bytes < CLAIMED);
    arena_deinit(&arena);
    strbuf_deinit(&footer);
}

/* ---- pages ---- */

static void put_page_header(StrBuf *out, int type, int values) {
    ThriftWriter writer;
    thrift_writer_init(&writer, out);
    thrift_write_i32(&writer, 1, type);
    thrift_write_i32(&writer, 2, 0);
    thrift_write_i32(&writer, 3, 0);
    if (type == PAGE_DATA) {
        thrift_write_struct_begin(&writer, 5);
        thrift_write_i32(&writer, 1, values);
        thrift_write_i32(&writer, 2, ENCODING_PLAIN);
        thrift_write_i32(&writer, 3, ENCODING_RLE);
        thrift_write_i32(&writer, 4, ENCODING_RLE);
        thrift_write_struct_end(&writer);
    }
    thrift_write_stop(&writer);
}

/* Looks for the pages of a chunk of 10 rows that begins with `pages`. */
static void map_pages(const StrBuf *pages, const char *expected) {
    ParquetChunk chunk = {.data_page_offset = 4, .present = true};
    ParquetRowGroup group = {.row_count = 10, .chunks = &chunk};
    ParquetLeaf leaf = {0};
    _Atomic(ParquetChunkMap *) map = NULL;
    ParquetFile file = {.path = "x", .maps = &map, .data_end = 4 + (int64_t)pages->length};
    const ParquetChunkMap *found;
    Error err = {0};
    file.metadata = (ParquetMetadata){.leaves = &leaf, .leaf_count = 1, .row_groups = &group};
    file.fd = memfd_create("pages", 0);
    assert_int_equal(pwrite(file.fd, pages->data, pages->length, 4), pages->length);
    assert_int_equal(parquet_file_chunk_map(&file, 0, 0, &found, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
    if (!strstr(err.message, expected)) fail_msg("%s", err.message);
    close(file.fd);
}

static void pages_of_no_type_end_the_walk(void **state) {
    StrBuf pages;
    strbuf_init(&pages);
    append_zeros(&pages, 100000);
    map_pages(&pages, "unknown type");
    strbuf_deinit(&pages);
}

static void endless_empty_pages_end_the_walk(void **state) {
    static const int TYPES[] = {PAGE_DATA, PAGE_INDEX};
    for (int type = 0; type < 2; type++) {
        StrBuf pages;
        strbuf_init(&pages);
        for (int i = 0; i < 70000; i++)
            put_page_header(&pages, TYPES[type], 0);
        map_pages(&pages, "pages without values");
        strbuf_deinit(&pages);
    }
}

/* ---- files that stay open ---- */

static void write_file_with_long_value(const char *path, size_t value_bytes) {
    StrBuf file;
    ThriftWriter writer;
    strbuf_init(&file);
    strbuf_append(&file, "PAR1", 4);
    begin_footer(&writer, &file);
    thrift_write_list_begin(&writer, ROW_GROUPS_FIELD, THRIFT_STRUCT, 0);
    thrift_write_list_begin(&writer, KEY_VALUES_FIELD, THRIFT_STRUCT, 1);
    thrift_write_element_begin(&writer);
    thrift_write_text(&writer, 1, "key");
    char *value = calloc(1, value_bytes);
    thrift_write_bytes(&writer, 2, value, value_bytes);
    free(value);
    thrift_write_stop(&writer);
    thrift_write_stop(&writer);
    uint32_t footer_bytes = (uint32_t)(file.length - 4);
    strbuf_append(&file, &footer_bytes, 4);
    strbuf_append(&file, "PAR1", 4);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    assert_int_equal(fwrite(file.data, 1, file.length, out), file.length);
    fclose(out);
    strbuf_deinit(&file);
}

static int open_files_below(const char *directory) {
    char link[64], target[512];
    int count = 0;
    for (int fd = 0; fd < 256; fd++) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        if (length < 0) continue;
        target[length] = 0;
        count += strncmp(target, directory, strlen(directory)) == 0;
    }
    return count;
}

/* Footers are remembered as long as there is room for them, however many files that are. */
static void remembered_footers_are_bounded(void **state) {
    enum { FILES = 6, VALUE_BYTES = 30 << 20 };
    char directory[] = "/tmp/signalbox-hostile-XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    for (int i = 0; i < FILES; i++) {
        ParquetFile *file;
        Error err = {0};
        snprintf(path, sizeof path, "%s/%d", directory, i);
        write_file_with_long_value(path, VALUE_BYTES);
        if (parquet_file_open(path, &file, &err) != STATUS_OK) fail_msg("%s", err.message);
        parquet_file_release(file);
    }
    int open = open_files_below(directory);
    assert_true(open >= 1 && open < FILES - 1);
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%d", directory, i);
        unlink(path);
    }
    rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_beyond_the_schema_take_no_memory),
        cmocka_unit_test(too_many_schema_elements_are_refused),
        cmocka_unit_test(pages_of_no_type_end_the_walk),
        cmocka_unit_test(endless_empty_pages_end_the_walk),
        cmocka_unit_test(remembered_footers_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
