/* Filters of words: what was written is found again, and what a file says about filters that are not there is
 * not believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engines/columnar/parquet/parquet_file.h"
#include "engines/columnar/parquet/parquet_writer.h"

enum { ROWS = 20000, PAGE_ROWS = 1024 };

static char path[64];

/* Between blanks. */
static void each_word(const StringView *text, ParquetWordNote *note, void *context) {
    const char *data = stringview_data(text);
    for (uint32_t at = 0, end; at < text->length; at = end + 1) {
        const char *blank = memchr(data + at, ' ', text->length - at);
        end = blank ? (uint32_t)(blank - data) : text->length;
        if (end > at) note(context, data + at, end - at);
    }
}

static uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 31)) * 0x9E3779B97F4A7C15u;
    return value ^ (value >> 29);
}

static char *text_of(int64_t row, Arena *arena) {
    uint64_t random = mix((uint64_t)row);
    return arena_printf(arena, "row%lld of %u %u %u %u %u \xC3\xA9%lld", (long long)row,
                        (unsigned)(random % 300), (unsigned)(random >> 12) % 300,
                        (unsigned)(random >> 24) % 300, (unsigned)(random >> 36) % 300,
                        (unsigned)(random >> 48) % 300, (long long)row / 5000);
}

static ParquetFile *write_and_open(const ParquetWords *words, const char *const *metadata) {
    ParquetWriterColumn column = {"c", sqltype_of(SQL_TEXT), true, -1};
    ParquetWriterOptions options = {
        .row_group_rows = 12000, .page_rows = PAGE_ROWS, .words = words, .metadata = metadata};
    ParquetWriter *writer;
    ParquetFile *file;
    Error err;
    snprintf(path, sizeof path, "/tmp/parquet_words_%d.parquet", (int)getpid());
    if (parquet_writer_open(path, &column, 1, &options, &writer, &err) != STATUS_OK) abort();
    for (int64_t first = 0; first < ROWS; first += 1000) {
        Arena arena;
        Vector vector;
        arena_init(&arena);
        vector_init_flat(&vector, column.type, 1000, &arena);
        for (int i = 0; i < 1000; i++) {
            char *text = text_of(first + i, &arena);
            ((StringView *)vector.values)[i] = stringview_make(text, (uint32_t)strlen(text));
        }
        Batch batch = {.row_count = 1000, .selected = 1000, .column_count = 1, .columns = &vector};
        if (parquet_writer_append(writer, &batch, &err) != STATUS_OK) abort();
        arena_deinit(&arena);
    }
    if (parquet_writer_finish(writer, NULL, NULL, &err) != STATUS_OK) abort();
    if (parquet_file_open(path, &file, &err) != STATUS_OK) abort();
    return file;
}

static void close_and_remove(ParquetFile *file) {
    parquet_file_release(file);
    unlink(path);
}

static bool ask(const ParquetFile *file, int row_group, const char *version, const char *word,
                ParquetStretches *out) {
    StringView view = stringview_make(word, (uint32_t)strlen(word));
    return parquet_chunk_words(file, row_group, 0, version, &view, 1, out);
}

static void every_word_is_found(void **state) {
    ParquetWords words = {.version = "v", .each = each_word};
    ParquetFile *file = write_and_open(&words, NULL);
    ParquetStretches found;
    int64_t may = 0, asked = 0;
    char word[32];
    for (int64_t row = 0; row < ROWS; row += 37) {
        int64_t within = row % 12000;
        snprintf(word, sizeof word, "row%lld", (long long)row);
        assert_true(ask(file, (int)(row / 12000), "v", word, &found));
        assert_int_equal(found.rows, PAGE_ROWS);
        assert_int_equal(found.count, row < 12000 ? 12 : 8);
        assert_true(found.may_hold >> (within / PAGE_ROWS) & 1);
        assert_int_equal(found.may_hold >> (found.count - 1) >> 1, 0);
        may += __builtin_popcountll(found.may_hold);
        asked += found.count;
    }
    if (may > asked / 4)
        fail_msg("%lld of %lld stretches may hold a word of one", (long long)may, (long long)asked);
    assert_true(ask(file, 0, "v",
                    "\xC3\xA9"
                    "0",
                    &found));
    assert_true(found.may_hold < 0xfff);
    assert_true(ask(file, 0, "w",
                    "\xC3\xA9"
                    "0",
                    &found));
    assert_int_equal(found.may_hold, 0xfff);
    close_and_remove(file);
}

static void without_filters_nothing_is_said(void **state) {
    ParquetStretches found;
    ParquetFile *file = write_and_open(NULL, NULL);
    assert_false(ask(file, 0, "v", "row1", &found));
    close_and_remove(file);
}

static void hostile_places_are_passed_over(void **state) {
    /* two row groups: offset, blocks, rows of a stretch of each */
    static const char *const values[] = {
        "",
        "1",
        "1:",
        "1:v",
        "1:v:",
        "2:v:00000000000000040000000100000400",
        "1:v:0000000000000004",
        "1:v:000000000000000400000001000004000000000000000004000000010000040",
        "1:v:00000000000000040000000100000400000000000000000400000001000004000",
        "1:v:00000000000000040000000100000400"
        "00000000000000040000000100000400", /* not a filter */
        "1:v:00000000000000040000000000000400"
        "00000000000000040000000000000400",
        "1:v:0000000000000004ffffffff00000400"
        "0000000000000004ffffffff00000400",
        "1:v:00000000000000040000000100000000"
        "00000000000000040000000100000000",
        "1:v:00000000000000040000000100000001"
        "00000000000000040000000100000001",
        "1:v:000000000000000400000001ffffffff"
        "000000000000000400000001ffffffff",
        "1:v:ffffffffffffffff0000000100000400"
        "ffffffffffffffff0000000100000400",
        "1:v:7fffffffffffffff0000000100000400"
        "7fffffffffffffff0000000100000400",
        "1:v:00000000000000000000000100000400"
        "00000000000000000000000100000400",
        "1:v:0000000000000004000000010000040g"
        "00000000000000040000000100000X00",
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *metadata[] = {"signalbox.words.c", values[i], NULL};
        ParquetFile *file = write_and_open(NULL, metadata);
        ParquetStretches found;
        for (int group = 0; group < 2; group++)
            if (ask(file, group, "v", "row1", &found)) fail_msg("%s is believed", values[i]);
        close_and_remove(file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_is_found),
        cmocka_unit_test(without_filters_nothing_is_said),
        cmocka_unit_test(hostile_places_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
