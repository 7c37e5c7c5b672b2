/* Whole files through the reader: footer, schema, statistics, page maps, every column's pages, skips and
 * dictionaries. Whatever comes in, the reader answers with rows or an error. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engines/columnar/parquet/parquet_reader.h"
#include "tests/fuzz/parquet_mutator.h"

enum { LARGEST_INPUT = 1 << 20, MOST_ROWS = 1 << 16, LONG_FILE_ROWS = 2000, SHORT_STEP_ROWS = 7 };

static volatile uint64_t sink;

/* Touches what a consumer would, so that a bad pointer or code is seen. */
static void consume(const Vector *vector, int rows) {
    uint64_t sum = 0;
    for (int i = 0; i < rows; i++) {
        if (vector_is_null(vector, i)) continue;
        const Vector *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary : vector;
        size_t at = vector->encoding == VECTOR_DICTIONARY ? vector->codes[i] : (size_t)i;
        if (vector->physical == PHYS_STRING) {
            const StringView *view = (const StringView *)values->values + at;
            const char *data = stringview_data(view);
            for (uint32_t k = 0; k < view->length; k += 61)
                sum += (uint8_t)data[k];
            if (view->length) sum += (uint8_t)data[view->length - 1];
        } else {
            sum += ((const uint8_t *)values->values)[at * physical_width(vector->physical)];
        }
    }
    sink += sum;
}

static Status step_reader(ParquetColumnReader *reader, int step, int rows, Error *err) {
    Vector vector;
    uint16_t selection[2] = {0, (uint16_t)(rows - 1)};
    if (step % 5 == 3) return parquet_column_skip(reader, rows, err);
    if (step % 5 == 4)
        return parquet_column_read_selected(reader, rows, selection, rows > 1 ? 2 : 1, &vector, err);
    TRY(parquet_column_read(reader, rows, &vector, err));
    consume(&vector, rows);
    return STATUS_OK;
}

static void look_at_indexes(ParquetFile *file, int group, int column) {
    const ParquetPageIndex *index = parquet_chunk_page_index(file, group, column);
    SqlType type = parquet_file_column(file, column)->type;
    for (int i = 0; index && i < index->page_count; i++) {
        const ParquetColumnStats *stats = &index->pages[i].stats;
        sink += (uint64_t)index->pages[i].row_count;
        if (stats->has_min_max && physical_type_of(type) == PHYS_STRING)
            sink += stringview_compare(&stats->min.string, &stats->max.string) < 0;
    }
    _Alignas(16) char value[16] = "0123456789abcde";
    StringView view = stringview_make(value, sizeof value);
    Vector probe = {.type = type, .physical = (uint8_t)physical_type_of(type), .encoding = VECTOR_CONSTANT};
    probe.values = probe.physical == PHYS_STRING ? (void *)&view : (void *)value;
    sink += parquet_chunk_may_hold(file, group, column, &probe, 1);
    ParquetStretches stretches;
    if (parquet_chunk_words(file, group, column, "v", &view, 1, &stretches)) sink += stretches.may_hold;
}

static void read_column(ParquetFile *file, int group, int column) {
    Error err;
    ParquetColumnReader *reader;
    ParquetColumnStats stats;
    const Vector *dictionary;
    uint32_t length;
    parquet_chunk_stats(file, group, column, &stats);
    sink += (uint64_t)parquet_chunk_bytes(file, group, column);
    look_at_indexes(file, group, column);
    if (parquet_column_open(file, group, column, 0, &reader, &err) != STATUS_OK) return;
    if (parquet_column_dictionary(reader, &dictionary, &length, &err) == STATUS_OK && dictionary)
        consume(dictionary, (int)(length < MOST_ROWS ? length : MOST_ROWS));
    int64_t left = parquet_row_group_row_count(file, group), budget = MOST_ROWS;
    for (int step = 0; left > 0 && budget > 0; step++) {
        /* Short steps in short files: every kind of step meets the ends of pages. */
        int most = left > LONG_FILE_ROWS ? BATCH_ROWS : SHORT_STEP_ROWS;
        int rows = left < most ? (int)left : most;
        if (step_reader(reader, step, rows, &err) != STATUS_OK) break;
        left -= rows;
        budget -= rows;
    }
    parquet_column_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1;
    char path[64];
    if (size > LARGEST_INPUT) return 0;
    /* A fresh file each time: the reader takes files for immutable and would remember the last one. */
    if (fd >= 0) close(fd);
    fd = memfd_create("parquet", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    Error err;
    ParquetFile *file;
    parquet_cache_configure(0);
    if (parquet_file_open(path, &file, &err) != STATUS_OK) return 0;
    free(parquet_file_describe(file));
    for (int group = 0; group < parquet_file_row_group_count(file) && group < 8; group++)
        for (int column = 0; column < parquet_file_column_count(file) && column < 64; column++)
            read_column(file, group, column);
    parquet_file_release(file);
    return 0;
}
