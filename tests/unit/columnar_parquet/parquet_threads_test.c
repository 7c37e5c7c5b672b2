/* One file, many threads, a cache too small for it: every scan gives the same sum. Run under tsan as well. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engines/columnar/parquet/parquet_reader.h"
#include "engines/columnar/parquet/parquet_writer.h"

enum { ROWS = 60000, THREADS = 4, SCANS = 6 };

static char path[] = "/tmp/signalbox-parquet-threads-XXXXXX";

static void write_file(void) {
    Error err;
    ParquetWriter *writer;
    ParquetWriterColumn columns[] = {
        {.name = "n", .type = sqltype_of(SQL_INT8), .nullable = true, .field_id = 1},
        {.name = "s", .type = sqltype_of(SQL_TEXT), .field_id = 2}};
    ParquetWriterOptions options = {.row_group_rows = 25000, .page_rows = 1024};
    assert_int_equal(parquet_writer_open(path, columns, 2, &options, &writer, &err), STATUS_OK);
    for (int64_t first = 0; first < ROWS; first += 2000) {
        static int64_t numbers[2000];
        static StringView strings[2000];
        uint64_t validity[32];
        for (int i = 0; i < 2000; i++) {
            char text[16];
            numbers[i] = (first + i) * 2654435761 % 1000003;
            strings[i] =
                stringview_make(text, (uint32_t)snprintf(text, sizeof text, "k%d", (int)(first + i) % 50));
            bitmap_assign(validity, (size_t)i, i % 7 != 0);
        }
        Vector vectors[] = {
            {.type = columns[0].type, .physical = PHYS_I64, .validity = validity, .values = numbers},
            {.type = columns[1].type, .physical = PHYS_STRING, .values = strings}};
        Batch batch = {.row_count = 2000, .column_count = 2, .columns = vectors, .selected = 2000};
        assert_int_equal(parquet_writer_append(writer, &batch, &err), STATUS_OK);
    }
    assert_int_equal(parquet_writer_finish(writer, NULL, NULL, &err), STATUS_OK);
}

static int64_t sum_vector(const Vector *vector, int rows) {
    int64_t sum = 0;
    for (int i = 0; i < rows; i++) {
        if (vector_is_null(vector, i)) continue;
        if (vector->encoding == VECTOR_DICTIONARY)
            sum += ((StringView *)vector->dictionary->values)[vector->codes[i]].inlined[1];
        else if (vector->physical == PHYS_I64)
            sum += ((int64_t *)vector->values)[i];
        else
            sum += ((StringView *)vector->values)[i].inlined[1];
    }
    return sum;
}

static int64_t scan(void) {
    Error err;
    ParquetFile *file;
    int64_t sum = 0;
    if (parquet_file_open(path, &file, &err) != STATUS_OK) return -1;
    for (int g = 0; g < parquet_file_row_group_count(file); g++) {
        for (int c = 0; c < 2; c++) {
            ParquetColumnReader *reader;
            Vector vector;
            int64_t left = parquet_row_group_row_count(file, g);
            if (parquet_column_open(file, g, c, 0, &reader, &err) != STATUS_OK) return -1;
            while (left > 0) {
                int rows = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
                if (parquet_column_read(reader, rows, &vector, &err) != STATUS_OK) return -1;
                sum += sum_vector(&vector, rows);
                left -= rows;
            }
            parquet_column_close(reader);
        }
    }
    parquet_file_release(file);
    return sum;
}

static void *scan_repeatedly(void *argument) {
    int64_t *sums = argument;
    for (int i = 0; i < SCANS; i++) {
        sums[i] = scan();
        if (i == SCANS / 2) parquet_cache_configure(i % 2 ? 200 << 10 : 64 << 20);
    }
    return NULL;
}

static void test_threads_share_a_file_and_a_small_cache(void **state) {
    pthread_t threads[THREADS];
    static int64_t sums[THREADS][SCANS];
    write_file();
    parquet_cache_configure(300 << 10);
    int64_t expected = scan();
    assert_true(expected > 0);
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, scan_repeatedly, sums[t]), 0);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    for (int t = 0; t < THREADS; t++)
        for (int i = 0; i < SCANS; i++)
            assert_int_equal(sums[t][i], expected);
    ParquetCacheStats stats = parquet_cache_stats();
    assert_true(stats.hits > 0 && stats.used_bytes <= stats.limit_bytes);
    unlink(path);
}

static void test_a_scan_larger_than_the_cache_keeps_what_is_there(void **state) {
    write_file();
    parquet_cache_configure(0);
    parquet_cache_configure(300 << 10);
    for (int i = 0; i < 2; i++)
        assert_true(scan() > 0);
    int64_t hits = parquet_cache_stats().hits;
    assert_true(scan() > 0);
    assert_true(parquet_cache_stats().hits - hits > 10); /* plain LRU would have none */
    unlink(path);
}

int main(void) {
    int fd = mkstemp(path);
    if (fd < 0) return 1;
    close(fd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_share_a_file_and_a_small_cache),
        cmocka_unit_test(test_a_scan_larger_than_the_cache_keeps_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
