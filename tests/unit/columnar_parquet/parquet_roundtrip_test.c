/* What the writer writes, the reader reads: every type, value distribution (hence encoding), NULL density and
 * row count; skips and selections against plain reads; files cut off anywhere. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engines/columnar/parquet/parquet_reader.h"
#include "engines/columnar/parquet/parquet_writer.h"

static char directory[] = "/tmp/signalbox-parquet-XXXXXX";
static char path[128];

static uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 31)) * 0x9E3779B97F4A7C15u;
    return value ^ (value >> 29);
}

enum { KIND_CHANGES = 4, CHANGES_AFTER = 3000 };

/* Distributions: 0 few values, 1 ascending, 2 random, 3 constant, 4 each of these in turn. */
static int64_t integer_at(int kind, int64_t row) {
    if (kind == KIND_CHANGES) kind = (int)(row / CHANGES_AFTER % 4);
    switch (kind) {
    case 0: return (int64_t)(mix((uint64_t)row) % 17) - 8;
    case 1: return 1000000 + row * 3;
    case 2: return (int64_t)mix((uint64_t)row * 77);
    default: return 42;
    }
}

static bool null_at(int nulls, int64_t row) {
    switch (nulls) {
    case 0: return false;
    case 1: return mix((uint64_t)row + 999) % 5 == 0;
    case 2: return true;
    default: return row / 1000 % 2 == 1;
    }
}

static void make_value(SqlType type, int kind, int64_t row, char *text, void *out) {
    int64_t value = integer_at(kind, row);
    if (sqltype_is(type, SQL_TIME)) /* other readers insist on a time within the day */
        value = (int64_t)((uint64_t)value % UINT64_C(86400000000));
    switch (physical_type_of(type)) {
    case PHYS_BOOL: *(uint8_t *)out = value & 1; break;
    case PHYS_I16: *(int16_t *)out = (int16_t)value; break;
    case PHYS_I32: *(int32_t *)out = (int32_t)value; break;
    case PHYS_I64:
        *(int64_t *)out = sqltype_is(type, SQL_NUMERIC) && type.precision <= 9 ? (int32_t)value : value;
        break;
    case PHYS_I128: *(__int128 *)out = (__int128)value * (kind == 2 ? 1000003 : 1); break;
    case PHYS_F32: *(float *)out = (float)value / 8; break;
    case PHYS_F64: *(double *)out = (double)value / 8; break;
    default: {
        int length = sqltype_is(type, SQL_UUID) ? 16 : (int)(mix((uint64_t)value) % 40);
        snprintf(text, 64, "%020lld-%020lld", (long long)value, (long long)mix((uint64_t)value));
        if (sqltype_is(type, SQL_JSON)) /* and on well-formed JSON */
            length = snprintf(text, 64, "{\"v\":%lld}", (long long)value);
        StringView view = stringview_make(text, (uint32_t)length);
        memcpy(out, &view, sizeof view);
    }
    }
}

static const SqlTypeId plain_types[] = {
    SQL_BOOL,    SQL_INT2,  SQL_INT4, SQL_INT8, SQL_OID,       SQL_FLOAT4,      SQL_FLOAT8, SQL_TEXT,
    SQL_VARCHAR, SQL_BYTEA, SQL_DATE, SQL_TIME, SQL_TIMESTAMP, SQL_TIMESTAMPTZ, SQL_UUID,   SQL_JSON};
enum { PLAIN_TYPES = sizeof plain_types / sizeof plain_types[0], TYPES = PLAIN_TYPES + 3 };

static SqlType type_at(int index) {
    if (index < PLAIN_TYPES) return sqltype_of(plain_types[index]);
    static const int precisions[] = {9, 18, 38};
    return sqltype_numeric(precisions[index - PLAIN_TYPES], 2);
}

static void must(Status status, const Error *err) {
    if (status != STATUS_OK) fail_msg("%s", err->message);
}

/* One file with a column per type. */
static void write_file(int64_t rows, int kind, int nulls, const ParquetWriterOptions *options,
                       ParquetWritten *written, Arena *arena) {
    Error err;
    ParquetWriter *writer;
    ParquetWriterColumn columns[TYPES];
    char names[TYPES][16];
    for (int i = 0; i < TYPES; i++) {
        snprintf(names[i], sizeof names[i], "c%d", i);
        columns[i] = (ParquetWriterColumn){
            .name = names[i], .type = type_at(i), .nullable = nulls != 0, .field_id = i + 1};
    }
    must(parquet_writer_open(path, columns, TYPES, options, &writer, &err), &err);
    for (int64_t first = 0; first < rows; first += BATCH_ROWS) {
        Arena batch_arena;
        arena_init(&batch_arena);
        int count = rows - first < BATCH_ROWS ? (int)(rows - first) : BATCH_ROWS;
        Vector vectors[TYPES];
        for (int c = 0; c < TYPES; c++) {
            vector_init_flat(&vectors[c], type_at(c), count, &batch_arena);
            size_t width = physical_width(vectors[c].physical);
            uint64_t *validity = nulls ? vector_make_validity(&vectors[c], count, &batch_arena) : NULL;
            char *column_texts = arena_alloc(&batch_arena, (size_t)count * 64);
            for (int i = 0; i < count; i++) {
                make_value(type_at(c), kind, first + i, column_texts + i * 64,
                           (char *)vectors[c].values + (size_t)i * width);
                if (validity) bitmap_assign(validity, (size_t)i, !null_at(nulls, first + i));
            }
        }
        Batch batch = {.row_count = count, .column_count = TYPES, .columns = vectors, .selected = count};
        must(parquet_writer_append(writer, &batch, &err), &err);
        arena_deinit(&batch_arena);
    }
    must(parquet_writer_finish(writer, arena, written, &err), &err);
}

static void check_row(const Vector *vector, int at, SqlType type, int kind, int nulls, int64_t row) {
    assert_int_equal(vector_is_null(vector, at), null_at(nulls, row));
    if (null_at(nulls, row)) return;
    char text[64];
    _Alignas(16) char expected[16];
    make_value(type, kind, row, text, expected);
    size_t width = physical_width(vector->physical);
    const Vector *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary : vector;
    size_t index = vector->encoding == VECTOR_DICTIONARY ? vector->codes[at] : (size_t)at;
    if (vector->encoding == VECTOR_DICTIONARY) {
        assert_true(index < vector->dictionary_length);
        assert_true(vector->dictionary_id != 0);
    }
    const char *actual = (const char *)values->values + index * width;
    if (vector->physical == PHYS_STRING)
        assert_true(stringview_equals((const StringView *)actual, (const StringView *)(void *)expected));
    else
        assert_memory_equal(actual, expected, width);
}

static void check_file(int64_t rows, int kind, int nulls) {
    Error err;
    ParquetFile *file;
    must(parquet_file_open(path, &file, &err), &err);
    assert_int_equal(parquet_file_row_count(file), rows);
    assert_int_equal(parquet_file_column_count(file), TYPES);
    for (int c = 0; c < TYPES; c++) {
        const ParquetColumn *column = parquet_file_column(file, c);
        int64_t row = 0;
        assert_int_equal(column->field_id, c + 1);
        assert_int_equal(column->nullable, nulls != 0);
        assert_null(column->unsupported);
        assert_int_equal(physical_type_of(column->type), physical_type_of(type_at(c)));
        for (int g = 0; g < parquet_file_row_group_count(file); g++) {
            ParquetColumnReader *reader;
            must(parquet_column_open(file, g, c, 0, &reader, &err), &err);
            int64_t left = parquet_row_group_row_count(file, g);
            while (left > 0) {
                Vector vector;
                int count = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
                must(parquet_column_read(reader, count, &vector, &err), &err);
                int step = rows > 10000 ? 7 : 1;
                for (int i = 0; i < count; i += step)
                    check_row(&vector, i, type_at(c), kind, nulls, row + i);
                row += count;
                left -= count;
            }
            parquet_column_close(reader);
        }
        assert_int_equal(row, rows);
    }
    parquet_file_release(file);
}

static void test_every_type_and_count(void **state) {
    static const int64_t counts[] = {0, 1, 63, 64, 65, 2048, 5000};
    for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
        for (int kind = 0; kind < 4; kind++) {
            for (int nulls = 0; nulls < 4; nulls++) {
                ParquetWriterOptions small = {.row_group_rows = 3000, .page_rows = 640};
                Arena arena;
                ParquetWritten written;
                arena_init(&arena);
                write_file(counts[n], kind, nulls, (kind + nulls) % 2 ? &small : NULL, &written, &arena);
                assert_int_equal(written.row_count, counts[n]);
                assert_int_equal(written.column_count, TYPES);
                check_file(counts[n], kind, nulls);
                arena_deinit(&arena);
            }
        }
    }
}

static void test_many_rows(void **state) {
    for (int kind = 0; kind < 3; kind++) {
        Arena arena;
        ParquetWritten written;
        arena_init(&arena);
        write_file(100000, kind, kind, NULL, &written, &arena);
        check_file(100000, kind, kind);
        arena_deinit(&arena);
    }
}

/* Row groups take over the encoding of the one before, unless that does not fit them. */
static void test_row_groups_of_different_kinds(void **state) {
    static const int64_t group_rows[] = {CHANGES_AFTER, CHANGES_AFTER / 3, CHANGES_AFTER + 700};
    for (size_t i = 0; i < sizeof group_rows / sizeof group_rows[0]; i++) {
        ParquetWriterOptions options = {.row_group_rows = group_rows[i], .page_rows = 640};
        Arena arena;
        ParquetWritten written;
        arena_init(&arena);
        write_file(10 * CHANGES_AFTER, KIND_CHANGES, (int)i, &options, &written, &arena);
        check_file(10 * CHANGES_AFTER, KIND_CHANGES, (int)i);
        arena_deinit(&arena);
    }
}

static void check_walk(ParquetFile *file, int column, int kind, int nulls, int64_t rows, uint64_t seed) {
    Error err;
    ParquetColumnReader *reader;
    int64_t row = (int64_t)(mix(seed) % (uint64_t)rows);
    must(parquet_column_open(file, 0, column, row, &reader, &err), &err);
    while (row < rows) {
        uint64_t choice = mix(++seed);
        int64_t left = rows - row;
        int count = (int)(choice / 7 % 2000) + 1;
        if (count > left) count = (int)left;
        if (choice % 3 == 0) {
            must(parquet_column_skip(reader, count, &err), &err);
        } else if (choice % 3 == 1) {
            Vector vector;
            must(parquet_column_read(reader, count, &vector, &err), &err);
            for (int i = 0; i < count; i += 3)
                check_row(&vector, i, type_at(column), kind, nulls, row + i);
        } else {
            Vector vector;
            uint16_t selection[BATCH_ROWS];
            int selected = 0;
            for (int i = 0; i < count; i++)
                if (mix(seed + (uint64_t)i) % (choice % 2 ? 3 : 700) == 0)
                    selection[selected++] = (uint16_t)i;
            must(parquet_column_read_selected(reader, count, selection, selected, &vector, &err), &err);
            for (int i = 0; i < selected; i++)
                check_row(&vector, selection[i], type_at(column), kind, nulls, row + selection[i]);
        }
        row += count;
    }
    parquet_column_close(reader);
}

static void test_skips_and_selections(void **state) {
    for (int cached = 0; cached < 2; cached++) {
        parquet_cache_configure(cached ? 64 << 20 : 0);
        for (int kind = 0; kind < 3; kind++) {
            enum { ROWS = 20000 };
            ParquetWriterOptions options = {.page_rows = kind == 0 ? 192 : 4096};
            Arena arena;
            ParquetWritten written;
            Error err;
            ParquetFile *file;
            arena_init(&arena);
            write_file(ROWS, kind, 1, &options, &written, &arena);
            must(parquet_file_open(path, &file, &err), &err);
            for (int column = 0; column < TYPES; column++)
                for (uint64_t seed = 1; seed < 4; seed++)
                    check_walk(file, column, kind, 1, ROWS, seed * 1000 + (uint64_t)column);
            parquet_file_release(file);
            arena_deinit(&arena);
        }
    }
}

static void test_pages_without_selected_rows_are_not_read(void **state) {
    Arena arena;
    ParquetWritten written;
    ParquetWriterOptions options = {.page_rows = 1024};
    Error err;
    ParquetFile *file;
    ParquetColumnReader *reader;
    Vector vector;
    arena_init(&arena);
    parquet_cache_configure(0);
    write_file(20480, 2, 0, &options, &written, &arena);
    must(parquet_file_open(path, &file, &err), &err);
    must(parquet_column_open(file, 0, 3, 0, &reader, &err), &err);
    must(parquet_column_skip(reader, 18432, &err), &err);
    must(parquet_column_read_selected(reader, 1024, NULL, 0, &vector, &err), &err);
    int64_t one_page = parquet_column_bytes_read(reader);
    uint16_t none[1] = {0};
    must(parquet_column_read_selected(reader, 1024, none, 0, &vector, &err), &err);
    assert_true(one_page > 0);
    assert_true(one_page < written.columns[3].compressed_bytes / 10);
    assert_int_equal(parquet_column_bytes_read(reader), one_page);
    parquet_column_close(reader);
    parquet_file_release(file);
    arena_deinit(&arena);
}

static void test_second_scan_comes_from_the_cache(void **state) {
    Arena arena;
    ParquetWritten written;
    Error err;
    ParquetFile *file;
    arena_init(&arena);
    parquet_cache_configure(64 << 20);
    write_file(10000, 0, 1, NULL, &written, &arena);
    must(parquet_file_open(path, &file, &err), &err);
    for (int scan = 0; scan < 2; scan++) {
        for (int column = 0; column < TYPES; column++) {
            ParquetColumnReader *reader;
            Vector vector;
            must(parquet_column_open(file, 0, column, 0, &reader, &err), &err);
            for (int i = 0; i < 4; i++)
                must(parquet_column_read(reader, 2048, &vector, &err), &err);
            assert_int_equal(parquet_column_bytes_read(reader) == 0, scan == 1);
            parquet_column_close(reader);
        }
    }
    parquet_cache_configure(1 << 20); /* evicts without harm */
    assert_true(parquet_cache_stats().used_bytes <= 1 << 20);
    parquet_cache_configure(64 << 20);
    parquet_file_release(file);
    arena_deinit(&arena);
}

static void test_statistics(void **state) {
    Arena arena;
    ParquetWritten written;
    Error err;
    ParquetFile *file;
    ParquetColumnStats stats;
    arena_init(&arena);
    write_file(5000, 1, 1, NULL, &written, &arena);
    must(parquet_file_open(path, &file, &err), &err);
    for (int column = 0; column < TYPES; column++) {
        int64_t nulls = 0;
        for (int64_t row = 0; row < 5000; row++)
            nulls += null_at(1, row);
        parquet_chunk_stats(file, 0, column, &stats);
        assert_int_equal(stats.null_count, nulls);
        assert_int_equal(written.columns[column].null_count, nulls);
        assert_true(stats.has_min_max);
    }
    int64_t first = 0, last = 4999;
    while (null_at(1, first))
        first++;
    while (null_at(1, last))
        last--;
    parquet_chunk_stats(file, 0, 3, &stats);
    assert_int_equal(stats.min.i64, integer_at(1, first));
    assert_int_equal(stats.max.i64, integer_at(1, last));
    assert_true(stats.min_exact && stats.max_exact);
    parquet_chunk_stats(file, 0, PLAIN_TYPES + 2, &stats); /* numeric(38,2) */
    assert_true(stats.max.i128 == integer_at(1, last));
    parquet_file_release(file);
    arena_deinit(&arena);
}

static ParquetColumnStats stats_of(SqlType type, const void *values, int count) {
    Error err;
    Arena arena;
    ParquetWritten written;
    ParquetWriter *writer;
    ParquetFile *file;
    ParquetColumnStats stats;
    ParquetWriterColumn column = {.name = "x", .type = type, .field_id = -1};
    Vector vector = {.type = type,
                     .physical = (uint8_t)physical_type_of(type),
                     .encoding = VECTOR_FLAT,
                     .values = (void *)(uintptr_t)values};
    Batch batch = {.row_count = count, .column_count = 1, .columns = &vector, .selected = count};
    arena_init(&arena);
    must(parquet_writer_open(path, &column, 1, NULL, &writer, &err), &err);
    must(parquet_writer_append(writer, &batch, &err), &err);
    must(parquet_writer_finish(writer, &arena, &written, &err), &err);
    must(parquet_file_open(path, &file, &err), &err);
    assert_int_equal(parquet_file_column(file, 0)->field_id, -1);
    parquet_chunk_stats(file, 0, 0, &stats);
    if (stats.has_min_max && vector.physical == PHYS_STRING) {
        static char kept[2][256];
        memcpy(kept[0], stringview_data(&stats.min.string), stats.min.string.length);
        memcpy(kept[1], stringview_data(&stats.max.string), stats.max.string.length);
        stats.min.string = stringview_make(kept[0], stats.min.string.length);
        stats.max.string = stringview_make(kept[1], stats.max.string.length);
    }
    parquet_file_release(file);
    arena_deinit(&arena);
    return stats;
}

static void test_bounds_with_traps(void **state) {
    double with_nan[] = {1.5, NAN, -3}, zeros[] = {0.0, 0.0};
    assert_false(stats_of(sqltype_of(SQL_FLOAT8), with_nan, 3).has_min_max);
    ParquetColumnStats stats = stats_of(sqltype_of(SQL_FLOAT8), zeros, 2);
    assert_true(stats.has_min_max && signbit(stats.min.f64) && !signbit(stats.max.f64));
    char high[100], text[100];
    memset(high, 0xff, sizeof high);
    memset(text, 'z', sizeof text);
    memcpy(text + 62, "\xf4\x8f\xbf\xbf", 4); /* the last code point, across the cut */
    StringView views[] = {stringview_make("a", 1), stringview_make(text, sizeof text)};
    stats = stats_of(sqltype_of(SQL_TEXT), views, 2);
    assert_true(stats.has_min_max && stats.min_exact && !stats.max_exact);
    assert_true(stats.max.string.length <= 64);
    assert_true(stringview_compare(&stats.max.string, &views[1]) > 0);
    views[1] = stringview_make(high, sizeof high); /* no larger string of 64 bytes exists */
    stats = stats_of(sqltype_of(SQL_BYTEA), views, 2);
    assert_true(stats.has_min_max && stats.max_exact);
    assert_int_equal(stats.max.string.length, 100);
}

static void test_dictionary_of_a_chunk(void **state) {
    Arena arena;
    ParquetWritten written;
    Error err;
    ParquetFile *file;
    ParquetColumnReader *reader;
    const Vector *dictionary;
    uint32_t length;
    arena_init(&arena);
    write_file(5000, 0, 0, NULL, &written, &arena);
    must(parquet_file_open(path, &file, &err), &err);
    must(parquet_column_open(file, 0, 7, 0, &reader, &err), &err);
    must(parquet_column_dictionary(reader, &dictionary, &length, &err), &err);
    assert_non_null(dictionary);
    uint32_t distinct = 0; /* of the dictionary: each entry once, all in use */
    for (uint32_t i = 0; i < length; i++) {
        bool again = false;
        for (uint32_t k = 0; k < i; k++)
            again |=
                stringview_equals((StringView *)dictionary->values + i, (StringView *)dictionary->values + k);
        distinct += !again;
    }
    assert_int_equal(distinct, length);
    assert_in_range(length, 10, 17);
    parquet_column_close(reader);
    parquet_file_release(file);
    arena_deinit(&arena);
}

static void read_everything(const char *file_path, bool must_fail) {
    Error err;
    ParquetFile *file;
    bool failed = false;
    if (parquet_file_open(file_path, &file, &err) != STATUS_OK) {
        assert_true(err.sqlstate[0] != 0 && err.message[0] != 0);
        return;
    }
    for (int g = 0; g < parquet_file_row_group_count(file); g++) {
        for (int c = 0; c < parquet_file_column_count(file); c++) {
            ParquetColumnReader *reader;
            Vector vector;
            int64_t left = parquet_row_group_row_count(file, g);
            if (parquet_column_open(file, g, c, 0, &reader, &err) != STATUS_OK) {
                failed = true;
                continue;
            }
            while (left > 0 && !failed) {
                int count = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
                failed = parquet_column_read(reader, count, &vector, &err) != STATUS_OK;
                left -= count;
            }
            parquet_column_close(reader);
        }
    }
    assert_true(failed || !must_fail);
    parquet_file_release(file);
}

static void test_damaged_files(void **state) {
    Arena arena;
    ParquetWritten written;
    char damaged[160];
    arena_init(&arena);
    parquet_cache_configure(0);
    write_file(65, 0, 1, NULL, &written, &arena);
    size_t size = (size_t)written.file_bytes;
    char *bytes = malloc(size);
    FILE *in = fopen(path, "rb");
    assert_int_equal(fread(bytes, 1, size, in), size);
    fclose(in);
    snprintf(damaged, sizeof damaged, "%s.damaged", path);
    for (size_t length = 0; length < size; length++) { /* cut at every byte */
        unlink(damaged);
        FILE *out = fopen(damaged, "wb");
        fwrite(bytes, 1, length, out);
        fclose(out);
        read_everything(damaged, true);
    }
    for (size_t at = 0; at < size; at += 3) { /* one byte changed */
        unlink(damaged);
        FILE *out = fopen(damaged, "wb");
        bytes[at] ^= (char)(1 << (at % 8));
        fwrite(bytes, 1, size, out);
        bytes[at] ^= (char)(1 << (at % 8));
        fclose(out);
        read_everything(damaged, false);
    }
    unlink(damaged);
    free(bytes);
    arena_deinit(&arena);
}

static void test_refusals(void **state) {
    Error err;
    ParquetWriter *writer;
    ParquetWriterColumn numeric = {.name = "n", .type = sqltype_of(SQL_NUMERIC), .field_id = -1};
    assert_int_equal(parquet_writer_open(path, &numeric, 1, NULL, &writer, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "0A000");
    ParquetWriterColumn required = {.name = "r", .type = sqltype_of(SQL_INT4), .field_id = -1};
    must(parquet_writer_open(path, &required, 1, NULL, &writer, &err), &err);
    uint64_t none = 0;
    int32_t zero = 0;
    Vector null = {.type = required.type, .physical = PHYS_I32, .validity = &none, .values = &zero};
    Batch batch = {.row_count = 1, .column_count = 1, .columns = &null, .selected = 1};
    assert_int_equal(parquet_writer_append(writer, &batch, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "23502");
    parquet_writer_abort(writer);
    assert_int_not_equal(access(path, F_OK), 0);
    ParquetFile *file;
    assert_int_equal(parquet_file_open(path, &file, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "58P01");
}

static int make_directory(void **state) {
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s/file.parquet", directory);
    return 0;
}

static int remove_directory(void **state) {
    unlink(path);
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_and_count),
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_row_groups_of_different_kinds),
        cmocka_unit_test(test_skips_and_selections),
        cmocka_unit_test(test_pages_without_selected_rows_are_not_read),
        cmocka_unit_test(test_second_scan_comes_from_the_cache),
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_bounds_with_traps),
        cmocka_unit_test(test_dictionary_of_a_chunk),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
