/* What a page index and a bloom filter say about a file is true of every value in it: over the corpora,
 * whoever wrote them. Without them (SIGNALBOX_CORPORA, ../shared/data) the test skips. What our own writer
 * says is in columnar_exec/scan_pruning_test.c. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engines/columnar/parquet/parquet_reader.h"

typedef struct Tally {
    int indexes;
    int64_t values;
} Tally;

static int compare_bound(const Vector *vector, size_t at, const union ParquetBound *bound) {
    const char *value = (const char *)vector->values + at * physical_width(vector->physical);
    switch ((PhysicalType)vector->physical) {
    case PHYS_BOOL: return (int)(*(const uint8_t *)value - bound->i64);
    case PHYS_I16: return (*(const int16_t *)value > bound->i64) - (*(const int16_t *)value < bound->i64);
    case PHYS_I32: return (*(const int32_t *)value > bound->i64) - (*(const int32_t *)value < bound->i64);
    case PHYS_I64: return (*(const int64_t *)value > bound->i64) - (*(const int64_t *)value < bound->i64);
    case PHYS_I128:
        return (*(const __int128 *)value > bound->i128) - (*(const __int128 *)value < bound->i128);
    case PHYS_F32:
        return ((double)*(const float *)value > bound->f64) - ((double)*(const float *)value < bound->f64);
    case PHYS_F64: return (*(const double *)value > bound->f64) - (*(const double *)value < bound->f64);
    default: return stringview_compare((const StringView *)(const void *)value, &bound->string);
    }
}

static void check_value(const char *name, ParquetFile *file, int group, int column, const Vector *vector,
                        int row, const ParquetPageStats *page, Tally *tally) {
    const Vector *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary : vector;
    size_t at = vector->encoding == VECTOR_DICTIONARY ? vector->codes[row] : (size_t)row;
    if (page && page->stats.has_min_max &&
        (compare_bound(values, at, &page->stats.min) < 0 || compare_bound(values, at, &page->stats.max) > 0))
        fail_msg("%s: column %d: a value is outside its page's bounds", name, column);
    Vector probe = *values;
    probe.encoding = VECTOR_CONSTANT;
    probe.values = (char *)values->values + at * physical_width(values->physical);
    if (!parquet_chunk_may_hold(file, group, column, &probe, 1))
        fail_msg("%s: column %d: a value is not in its bloom filter", name, column);
    tally->values++;
}

static void check_page(const char *name, ParquetFile *file, int group, int column,
                       const ParquetPageStats *page, int64_t rows, int64_t first, Tally *tally) {
    Error err;
    ParquetColumnReader *reader;
    if (parquet_column_open(file, group, column, first, &reader, &err) != STATUS_OK) return;
    int64_t nulls = 0;
    for (int64_t left = rows; left > 0;) {
        Vector vector;
        int count = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
        if (parquet_column_read(reader, count, &vector, &err) != STATUS_OK) break;
        for (int i = 0; i < count; i++) {
            if (vector_is_null(&vector, i))
                nulls++;
            else
                check_value(name, file, group, column, &vector, i, page, tally);
        }
        left -= count;
        if (left == 0 && page && page->stats.null_count >= 0 && page->stats.null_count != nulls)
            fail_msg("%s: column %d: a page has %lld NULLs, not %lld", name, column, (long long)nulls,
                     (long long)page->stats.null_count);
    }
    parquet_column_close(reader);
}

static void check_file(const char *path, const char *name, Tally *tally) {
    Error err;
    ParquetFile *file;
    if (parquet_file_open(path, &file, &err) != STATUS_OK) return;
    for (int g = 0; g < parquet_file_row_group_count(file); g++)
        for (int c = 0; c < parquet_file_column_count(file); c++) {
            const ParquetPageIndex *index = parquet_chunk_page_index(file, g, c);
            tally->indexes += index != NULL;
            for (int p = 0; index && p < index->page_count; p++)
                check_page(name, file, g, c, &index->pages[p], index->pages[p].row_count,
                           index->pages[p].first_row, tally);
            if (!index && !parquet_file_column(file, c)->unsupported)
                check_page(name, file, g, c, NULL, parquet_row_group_row_count(file, g), 0, tally);
        }
    parquet_file_release(file);
}

static void test_corpora(void **state) {
    static const char *const below[] = {"parquet-testing/data", "hyparquet"};
    const char *told = getenv("SIGNALBOX_CORPORA");
    Tally tally = {0};
    for (size_t d = 0; d < 2; d++) {
        char directory[1200], path[2048];
        snprintf(directory, sizeof directory, "%s/%s", told ? told : "../shared/data", below[d]);
        DIR *dir = opendir(directory);
        if (!dir) skip();
        for (struct dirent *entry; (entry = readdir(dir));) {
            snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
            if (strstr(entry->d_name, ".parquet")) check_file(path, entry->d_name, &tally);
        }
        closedir(dir);
    }
    printf("corpora: %d column indexes, %lld values within their pages' bounds\n", tally.indexes,
           (long long)tally.values);
    assert_true(tally.indexes > 20);
}

/* data_index_bloom_*.parquet: fourteen strings and a filter that knows no others. */
static void test_bloom_excludes(void **state) {
    static const char *const names[] = {"data_index_bloom_encoding_stats",
                                        "data_index_bloom_encoding_with_length"};
    const char *told = getenv("SIGNALBOX_CORPORA");
    for (size_t i = 0; i < 2; i++) {
        char path[2048], text[32];
        ParquetFile *file;
        Error err;
        Arena arena;
        arena_init(&arena);
        snprintf(path, sizeof path, "%s/parquet-testing/data/%s.parquet", told ? told : "../shared/data",
                 names[i]);
        if (access(path, R_OK)) skip();
        assert_int_equal(parquet_file_open(path, &file, &err), STATUS_OK);
        int passed = 0;
        for (int k = 0; k < 1000; k++) {
            Vector probe;
            StringView view = stringview_make(text, (uint32_t)snprintf(text, sizeof text, "not there %d", k));
            vector_init_constant(&probe, sqltype_of(SQL_TEXT), &view, &arena);
            passed += parquet_chunk_may_hold(file, 0, 0, &probe, 1);
        }
        assert_true(passed < 50);
        parquet_file_release(file);
        arena_deinit(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpora), cmocka_unit_test(test_bloom_excludes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
