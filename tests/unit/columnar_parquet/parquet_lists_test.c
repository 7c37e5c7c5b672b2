/* Arrays written as lists and read again: every element type, NULL and empty lists, NULL elements, rows over
 * several row groups and pages, skips and selections; and what a list cannot hold is refused.
 * PARQUET_KEEP=path keeps the file for other readers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "engines/columnar/parquet/parquet_writer.h"
#include "engines/columnar/types/array_value.h"

enum { ROWS = 9000, TYPES = 9 };

static char path[64];

static uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 31)) * 0x9E3779B97F4A7C15u;
    return value ^ (value >> 29);
}

static void must(Status status, const Error *err) {
    if (status != STATUS_OK) fail_msg("%s", err->message);
}

static SqlType type_at(int index) {
    static const SqlTypeId ids[TYPES] = {SQL_BOOL, SQL_INT2, SQL_INT4, SQL_INT8,   SQL_FLOAT8,
                                         SQL_TEXT, SQL_UUID, SQL_DATE, SQL_NUMERIC};
    return ids[index] == SQL_NUMERIC ? sqltype_numeric(30, 2) : sqltype_of(ids[index]);
}

static Status add_element(ArrayBuilder *builder, SqlType type, uint64_t seed, Error *err) {
    char text[64];
    int16_t i16 = (int16_t)seed;
    int32_t i32 = (int32_t)(seed % 100000);
    int64_t i64 = (int64_t)(seed % 1000003);
    double f64 = (double)i32 / 4;
    uint8_t boolean = seed & 1;
    Numeric number = {.value = (__int128)i64 * 1000000007, .scale = 2};
    if (seed % 7 == 0) return array_builder_add(builder, NULL, err);
    switch (type.id) {
    case SQL_BOOL: return array_builder_add(builder, &boolean, err);
    case SQL_INT2: return array_builder_add(builder, &i16, err);
    case SQL_INT4:
    case SQL_DATE: return array_builder_add(builder, &i32, err);
    case SQL_INT8: return array_builder_add(builder, &i64, err);
    case SQL_FLOAT8: return array_builder_add(builder, &f64, err);
    case SQL_NUMERIC: return array_builder_add(builder, &number, err);
    case SQL_UUID: return array_builder_add_string(builder, "0123456789abcdef", 16, err);
    default:
        snprintf(text, sizeof text, "value %llu of many", (unsigned long long)(seed % 5000));
        return array_builder_add_string(builder, text, strlen(text), err);
    }
}

/* False for a NULL row. */
static bool make_list(SqlType type, int64_t row, Arena *arena, StringView *out) {
    Error err;
    ArrayBuilder builder;
    uint64_t seed = mix((uint64_t)row * 131 + type.id);
    if (seed % 11 == 0) return false;
    array_builder_init(&builder, type, arena);
    int count = row % 1000 == 17 ? 3000 : (int)(seed % 5); /* now and then one longer than a batch */
    for (int i = 0; i < count; i++)
        must(add_element(&builder, type, mix(seed + (uint64_t)i), &err), &err);
    must(array_builder_finish(&builder, arena, out, &err), &err);
    return true;
}

static void write_lists(void) {
    static const char *const names[TYPES] = {"b", "i2", "i4", "i8", "f8", "t", "u", "d", "n"};
    static const int element_ids[TYPES] = {11, 12, 13, 14, 15, 16, 17, 18, 19};
    ParquetWriterColumn columns[TYPES];
    ParquetWriterOptions options = {
        .row_group_rows = 4000, .page_rows = 512, .element_field_ids = element_ids};
    ParquetWriter *writer;
    Error err;
    for (int c = 0; c < TYPES; c++)
        columns[c] = (ParquetWriterColumn){names[c], sqltype_array_of(type_at(c)), true, c + 1};
    must(parquet_writer_open(path, columns, TYPES, &options, &writer, &err), &err);
    for (int64_t first = 0; first < ROWS; first += BATCH_ROWS) {
        Arena arena;
        Vector vectors[TYPES];
        int rows = ROWS - first < BATCH_ROWS ? (int)(ROWS - first) : BATCH_ROWS;
        arena_init(&arena);
        for (int c = 0; c < TYPES; c++) {
            vector_init_flat(&vectors[c], columns[c].type, rows, &arena);
            uint64_t *validity = vector_make_validity(&vectors[c], rows, &arena);
            for (int i = 0; i < rows; i++)
                if (!make_list(type_at(c), first + i, &arena, (StringView *)vectors[c].values + i))
                    bitmap_clear(validity, (size_t)i);
        }
        Batch batch = {.row_count = rows, .selected = rows, .column_count = TYPES, .columns = vectors};
        must(parquet_writer_append(writer, &batch, &err), &err);
        arena_deinit(&arena);
    }
    must(parquet_writer_finish(writer, NULL, NULL, &err), &err);
}

static void check_row(const Vector *vector, int i, int column, int64_t row) {
    Arena arena;
    StringView expected;
    arena_init(&arena);
    bool there = make_list(type_at(column), row, &arena, &expected);
    if (there == vector_is_null(vector, i)) fail_msg("column %d, row %lld: NULL", column, (long long)row);
    if (there && !stringview_equals(&expected, (StringView *)vector->values + i))
        fail_msg("column %d, row %lld differs", column, (long long)row);
    arena_deinit(&arena);
}

static void read_column(ParquetFile *file, int column, bool in_part) {
    Error err;
    int64_t before = 0;
    for (int g = 0; g < parquet_file_row_group_count(file); g++) {
        ParquetColumnReader *reader;
        int64_t rows = parquet_row_group_row_count(file, g), row = in_part ? 700 : 0;
        must(parquet_column_open(file, g, column, row, &reader, &err), &err);
        for (int step = 0; row < rows; step++) {
            Vector vector;
            uint16_t selection[3] = {0, 5, 99};
            int count = rows - row < 100 ? (int)(rows - row) : 100;
            bool selected = in_part && step % 3 == 1 && count == 100, skipped = in_part && step % 3 == 2;
            if (skipped) {
                must(parquet_column_skip(reader, count, &err), &err);
            } else if (selected) {
                must(parquet_column_read_selected(reader, count, selection, 3, &vector, &err), &err);
                for (int k = 0; k < 3; k++)
                    check_row(&vector, selection[k], column, before + row + selection[k]);
            } else {
                must(parquet_column_read(reader, count, &vector, &err), &err);
                for (int k = 0; k < count; k++)
                    check_row(&vector, k, column, before + row + k);
            }
            row += count;
        }
        parquet_column_close(reader);
        before += rows;
    }
    assert_int_equal(before, ROWS);
}

static void test_lists_come_back(void **state) {
    Error err;
    ParquetFile *file;
    const char *kept = getenv("PARQUET_KEEP");
    snprintf(path, sizeof path, "/tmp/parquet_lists_%d.parquet", (int)getpid());
    if (kept) snprintf(path, sizeof path, "%s", kept);
    write_lists();
    must(parquet_file_open(path, &file, &err), &err);
    for (int c = 0; c < TYPES; c++) {
        assert_true(sqltype_equals(parquet_file_column(file, c)->type, sqltype_array_of(type_at(c))));
        assert_int_equal(parquet_file_column(file, c)->field_id, c + 1);
        read_column(file, c, false);
        read_column(file, c, true);
    }
    parquet_file_release(file);
    if (!kept) unlink(path);
}

static void refuse(int dimensions, int lower) {
    Arena arena;
    ArrayBuilder builder;
    ParquetWriter *writer;
    Error err;
    StringView blob;
    Vector vector;
    int32_t value = 1;
    ArrayDimension shape[2] = {{1, lower}, {1, 1}};
    ParquetWriterColumn column = {"a", sqltype_array_of(sqltype_of(SQL_INT4)), true, -1};
    arena_init(&arena);
    array_builder_init(&builder, sqltype_of(SQL_INT4), &arena);
    must(array_builder_add(&builder, &value, &err), &err);
    must(array_builder_finish_shaped(&builder, dimensions, shape, &arena, &blob, &err), &err);
    vector_init_constant(&vector, column.type, &blob, &arena);
    Batch batch = {.row_count = 1, .selected = 1, .column_count = 1, .columns = &vector};
    must(parquet_writer_open("/tmp/parquet_lists_refused.parquet", &column, 1, NULL, &writer, &err), &err);
    assert_int_equal(parquet_writer_append(writer, &batch, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED);
    parquet_writer_abort(writer);
    arena_deinit(&arena);
}

static void test_what_no_list_can_hold(void **state) {
    refuse(2, 1);
    refuse(1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists_come_back),
        cmocka_unit_test(test_what_no_list_can_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
