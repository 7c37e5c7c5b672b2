/* Parquet files into tables: on several threads, into columns that are wider, and which columns several files
 * make together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engines/base/strbuf.h"
#include "engines/columnar/ingest/ingest.h"
#include "engines/columnar/ingest/load_widen.h"
#include "engines/columnar/parquet/parquet_writer.h"
#include "tests/unit/columnar_ingest/table_text.h"

static char scratch[64];
static TableCatalog *catalog;

static int setup(void **state) {
    scratch_make(scratch);
    catalog = scratch_catalog(scratch);
    return 0;
}

static int teardown(void **state) {
    table_catalog_close(catalog);
    scratch_remove(scratch);
    return 0;
}

static void put(Vector *vector, int row, int64_t value, Arena *arena) {
    switch (vector->physical) {
    case PHYS_I16: ((int16_t *)vector->values)[row] = (int16_t)value; break;
    case PHYS_I32: ((int32_t *)vector->values)[row] = (int32_t)value; break;
    case PHYS_I64: ((int64_t *)vector->values)[row] = value; break;
    case PHYS_I128: ((__int128 *)vector->values)[row] = value; break;
    case PHYS_F32: ((float *)vector->values)[row] = (float)value; break;
    case PHYS_F64: ((double *)vector->values)[row] = (double)value; break;
    default: {
        char *text = arena_printf(arena, "%lld", (long long)value);
        ((StringView *)vector->values)[row] = stringview_make(text, (uint32_t)strlen(text));
    }
    }
}

/* A file of rows 1 .. rows, every column holding its row's number; every `null_every`th row has NULLs. */
static const char *write_file(const char *name, int count, const ParquetWriterColumn *columns, int64_t rows,
                              int64_t group_rows, int null_every) {
    static char paths[4][128];
    static int used;
    char *path = paths[used++ % 4];
    ParquetWriterOptions options = {.row_group_rows = group_rows};
    ParquetWriter *writer;
    Error err;
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    assert_int_equal(parquet_writer_open(path, columns, count, &options, &writer, &err), STATUS_OK);
    for (int64_t first = 0; first < rows; first += BATCH_ROWS) {
        Arena arena;
        arena_init(&arena);
        int batch_rows = rows - first < BATCH_ROWS ? (int)(rows - first) : BATCH_ROWS;
        Batch batch = {.row_count = batch_rows, .selected = batch_rows, .column_count = count};
        batch.columns = ARENA_NEW_ARRAY(&arena, Vector, count);
        for (int i = 0; i < count; i++) {
            vector_init_flat(&batch.columns[i], columns[i].type, batch_rows, &arena);
            if (null_every) vector_make_validity(&batch.columns[i], batch_rows, &arena);
            for (int row = 0; row < batch_rows; row++) {
                put(&batch.columns[i], row, first + row + 1, &arena);
                if (null_every && (first + row + 1) % null_every == 0)
                    bitmap_clear(batch.columns[i].validity, (size_t)row);
            }
        }
        assert_int_equal(parquet_writer_append(writer, &batch, &err), STATUS_OK);
        arena_deinit(&arena);
    }
    assert_int_equal(parquet_writer_finish(writer, NULL, NULL, &err), STATUS_OK);
    return path;
}

static const char *write_one(const char *name, const char *column, SqlType type) {
    ParquetWriterColumn columns[] = {{.name = column, .type = type, .nullable = true, .field_id = -1}};
    return write_file(name, 1, columns, 3, 0, 3);
}

static Status load_files(const char *const *files, int count, IngestMode mode, int threads, Error *err) {
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    IngestResult result;
    options.table = "t";
    options.files = files;
    options.file_count = count;
    options.mode = mode;
    options.threads = threads;
    Status status = ingest_load(catalog, &options, &result, err);
    ingest_result_deinit(&result);
    return status;
}

static void check_table(const char *expected) {
    Error err;
    TableText text;
    StrBuf have;
    strbuf_init(&have);
    if (table_text_read(catalog, "t", &text, &err) != STATUS_OK) fail_msg("%s", err.message);
    for (int i = 0; i < text.column_count; i++) {
        char type[SQLTYPE_NAME_BYTES];
        strbuf_printf(&have, "%s%s %s", i ? ", " : "", text.version->columns[i].name,
                      sqltype_name(text.version->columns[i].type, true, type));
    }
    for (int64_t row = 0; row < text.row_count; row++)
        for (int i = 0; i < text.column_count; i++)
            strbuf_printf(&have, "%s%s", i ? ", " : " | ", text.cells[row][i]);
    assert_string_equal(strbuf_text(&have), expected);
    strbuf_deinit(&have);
    table_text_free(&text);
}

static void every_row_once_on_every_number_of_threads(void **state) {
    enum { ROWS = 40000 };
    ParquetWriterColumn columns[] = {
        {.name = "n", .type = sqltype_of(SQL_INT4), .nullable = true, .field_id = -1},
        {.name = "text", .type = sqltype_of(SQL_TEXT), .nullable = true, .field_id = -1}};
    const char *files[] = {write_file("many.parquet", 2, columns, ROWS, 3000, 7),
                           write_file("none.parquet", 2, columns, 0, 0, 0),
                           write_file("few.parquet", 2, columns, 10, 3, 0)};
    for (int threads = 1; threads <= 5; threads += 2) {
        Error err;
        TableText text;
        if (load_files(files, 3, INGEST_REPLACE, threads, &err) != STATUS_OK) fail_msg("%s", err.message);
        assert_int_equal(table_text_read(catalog, "t", &text, &err), STATUS_OK);
        assert_int_equal(text.row_count, ROWS + 10);
        int *seen = calloc(ROWS + 1, sizeof *seen), nulls = 0;
        for (int64_t row = 0; row < text.row_count; row++) {
            assert_string_equal(text.cells[row][0], text.cells[row][1]);
            if (strcmp(text.cells[row][0], "<null>") == 0)
                nulls++;
            else
                seen[atoi(text.cells[row][0])]++;
        }
        assert_int_equal(nulls, ROWS / 7);
        for (int i = 1; i <= ROWS; i++)
            assert_int_equal(seen[i], (i % 7 != 0) + (i <= 10));
        free(seen);
        table_text_free(&text);
    }
}

/* The file's column becomes the table's: the value 2 as it is then printed, or NULL where it is refused. */
static void narrower_columns_are_widened(void **state) {
    const SqlType int2 = sqltype_of(SQL_INT2), int4 = sqltype_of(SQL_INT4), int8 = sqltype_of(SQL_INT8),
                  float4 = sqltype_of(SQL_FLOAT4), float8 = sqltype_of(SQL_FLOAT8),
                  date = sqltype_of(SQL_DATE), timestamp = sqltype_of(SQL_TIMESTAMP),
                  text = sqltype_of(SQL_TEXT), json = sqltype_of(SQL_JSON);
    const struct {
        SqlType from, to;
        const char *expected; /* of 2, in one of the two files */
    } CASES[] = {{int2, int4, "2"},
                 {int2, int8, "2"},
                 {int4, int8, "2"},
                 {int2, float4, "2"},
                 {int4, float8, "2"},
                 {float4, float8, "2"},
                 {int4, sqltype_numeric(12, 2), "2.00"},
                 {int8, sqltype_numeric(30, 4), "2.0000"},
                 {sqltype_numeric(9, 1), sqltype_numeric(18, 3), "0.200"},
                 {sqltype_numeric(18, 1), sqltype_numeric(38, 1), "0.2"},
                 {sqltype_numeric(18, 2), sqltype_numeric(38, 12), "0.020000000000"},
                 {date, timestamp, "172800000000"},
                 {json, text, "2"},
                 {text, int4, NULL},
                 {int4, text, NULL},
                 {float8, int8, NULL},
                 {int8, float8, NULL},
                 {timestamp, date, NULL},
                 {int8, sqltype_numeric(18, 0), NULL}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        const char *wide = write_one("wide.parquet", "a", CASES[i].to);
        const char *narrow = write_one("narrow.parquet", "A", CASES[i].from);
        Error err;
        TableText table;
        assert_int_equal(load_files(&wide, 1, INGEST_REPLACE, 1, &err), STATUS_OK);
        Status status = load_files(&narrow, 1, INGEST_APPEND, 1, &err);
        assert_int_equal(table_text_read(catalog, "t", &table, &err), STATUS_OK);
        assert_true(sqltype_equals(table.version->columns[0].type, CASES[i].to));
        if (CASES[i].expected) {
            if (status != STATUS_OK) fail_msg("case %zu: %s", i, err.message);
            assert_int_equal(table.row_count, 6);
            bool newest_first = strcmp(table.cells[1][0], CASES[i].expected) == 0;
            int first = newest_first ? 0 : 3;
            assert_string_equal(table.cells[first + 1][0], CASES[i].expected);
            assert_string_equal(table.cells[first + 2][0], "<null>");
        } else {
            if (status == STATUS_OK) fail_msg("case %zu was loaded", i);
            assert_int_equal(table.row_count, 3);
        }
        table_text_free(&table);
    }
}

static void files_make_a_table_together(void **state) {
    Error err;
    ParquetWriterColumn later[] = {
        {.name = "b", .type = sqltype_of(SQL_TEXT), .nullable = true, .field_id = -1},
        {.name = "a", .type = sqltype_numeric(6, 1), .nullable = true, .field_id = -1}};
    const char *files[] = {write_one("first.parquet", "a", sqltype_of(SQL_INT2)),
                           write_file("later.parquet", 2, later, 1, 0, 0)};
    if (load_files(files, 2, INGEST_REPLACE, 1, &err) != STATUS_OK) fail_msg("%s", err.message);
    check_table("a numeric(6,1), b text | 1.0, <null> | 2.0, <null> | <null>, <null> | 0.1, 1");
    files[1] = write_one("other.parquet", "a", sqltype_of(SQL_DATE));
    assert_int_equal(load_files(files, 2, INGEST_REPLACE, 1, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DATATYPE_MISMATCH);
    ParquetWriterColumn twice[] = {
        {.name = "B", .type = sqltype_of(SQL_TEXT), .nullable = true, .field_id = -1},
        {.name = "b", .type = sqltype_of(SQL_TEXT), .nullable = true, .field_id = -1}};
    files[0] = write_file("twice.parquet", 2, twice, 1, 0, 0);
    assert_int_equal(load_files(files, 1, INGEST_APPEND, 1, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "42701");
}

static void common_types(void **state) {
    const struct {
        SqlType a, b, expected; /* SQL_OTHER: none */
    } CASES[] = {
        {sqltype_of(SQL_INT2), sqltype_of(SQL_INT8), sqltype_of(SQL_INT8)},
        {sqltype_of(SQL_INT4), sqltype_of(SQL_FLOAT4), sqltype_of(SQL_FLOAT8)},
        {sqltype_of(SQL_INT8), sqltype_of(SQL_FLOAT8), sqltype_of(SQL_OTHER)},
        {sqltype_of(SQL_INT8), sqltype_numeric(10, 3), sqltype_numeric(22, 3)},
        {sqltype_numeric(10, 1), sqltype_numeric(8, 4), sqltype_numeric(13, 4)},
        {sqltype_numeric(38, 0), sqltype_numeric(8, 4), sqltype_of(SQL_OTHER)},
        {sqltype_of(SQL_TIMESTAMP), sqltype_of(SQL_DATE), sqltype_of(SQL_TIMESTAMP)},
        {sqltype_of(SQL_JSON), sqltype_of(SQL_TEXT), sqltype_of(SQL_TEXT)},
        {sqltype_of(SQL_TEXT), sqltype_of(SQL_DATE), sqltype_of(SQL_OTHER)},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++)
        for (int turned = 0; turned < 2; turned++) {
            SqlType common;
            bool found =
                load_common_type(turned ? CASES[i].b : CASES[i].a, turned ? CASES[i].a : CASES[i].b, &common);
            assert_int_equal(found, CASES[i].expected.id != SQL_OTHER);
            if (found) assert_true(sqltype_equals(common, CASES[i].expected));
        }
}

static void text_that_becomes_json_is_json(void **state) {
    static const struct {
        const char *text;
        Status expected;
    } CASES[] = {
        {"{\"a\": [1, null]}", STATUS_OK}, {" 12 ", STATUS_OK}, {"\"x\"", STATUS_OK}, {"x", STATUS_ERROR},
        {"{\"a\": 1} 2", STATUS_ERROR},    {"", STATUS_ERROR}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        Arena arena;
        Vector text, json;
        Error err;
        arena_init(&arena);
        vector_init_flat(&text, sqltype_of(SQL_TEXT), 2, &arena);
        StringView *views = text.values;
        views[0] = stringview_make(CASES[i].text, (uint32_t)strlen(CASES[i].text));
        views[1] = stringview_make("no JSON, but not there", 22);
        bitmap_clear(vector_make_validity(&text, 2, &arena), 1);
        Status status = load_widen(&text, 2, sqltype_of(SQL_JSON), &arena, &json, &err);
        assert_int_equal(status, CASES[i].expected);
        if (status != STATUS_OK) assert_string_equal(err.sqlstate, SQLSTATE_INVALID_TEXT);
        arena_deinit(&arena);
    }
}

static void a_damaged_file_changes_nothing(void **state) {
    enum { ROWS = 30000 };
    Error err;
    ParquetWriterColumn columns[] = {
        {.name = "a", .type = sqltype_of(SQL_INT8), .nullable = true, .field_id = -1}};
    const char *files[] = {write_file("whole.parquet", 1, columns, ROWS, 1000, 0),
                           write_file("damaged.parquet", 1, columns, ROWS, 1000, 0)};
    assert_int_equal(load_files(files, 1, INGEST_REPLACE, 4, &err), STATUS_OK);
    FILE *file = fopen(files[1], "r+b"); /* within a page: its checksum says so */
    assert_non_null(file);
    assert_int_equal(fseek(file, 400, SEEK_SET), 0);
    for (int i = 0; i < 40; i++)
        fputc(0xA5, file);
    assert_int_equal(fclose(file), 0);
    for (int threads = 1; threads <= 4; threads += 3) {
        assert_int_equal(load_files(files, 2, INGEST_APPEND, threads, &err), STATUS_ERROR);
        assert_string_equal(err.sqlstate, "XX001");
        TableVersion *version;
        assert_int_equal(table_catalog_load(catalog, NULL, "t", &version, &err), STATUS_OK);
        assert_int_equal(version->row_count, ROWS);
        table_version_release(version);
    }
}

static void a_cancel_ends_it(void **state) {
    Error err;
    ParquetWriterColumn columns[] = {
        {.name = "a", .type = sqltype_of(SQL_INT8), .nullable = true, .field_id = -1}};
    const char *path = write_file("long.parquet", 1, columns, 30000, 1000, 0);
    CancelToken cancel;
    cancel_init(&cancel, 0);
    cancel_request(&cancel, CANCEL_BY_USER);
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    IngestResult result;
    options.table = "cancelled";
    options.files = &path;
    options.file_count = 1;
    options.threads = 3;
    options.cancel = &cancel;
    assert_int_equal(ingest_load(catalog, &options, &result, &err), STATUS_ERROR);
    ingest_result_deinit(&result);
    assert_string_equal(err.sqlstate, SQLSTATE_QUERY_CANCELED);
    TableVersion *version;
    assert_int_equal(table_catalog_load(catalog, NULL, "cancelled", &version, &err), STATUS_ERROR);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_row_once_on_every_number_of_threads),
        TEST(narrower_columns_are_widened),
        TEST(files_make_a_table_together),
        TEST(common_types),
        TEST(text_that_becomes_json_is_json),
        TEST(a_damaged_file_changes_nothing),
        TEST(a_cancel_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
