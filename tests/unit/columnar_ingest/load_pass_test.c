/* Text loads beyond the ordinary: rows left out, encodings, compression, blocks and threads, types that the
 * sample did not foretell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <libdeflate.h>
#include <zstd.h>

#include "engines/base/strbuf.h"
#include "engines/columnar/ingest/ingest.h"
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

static Status load_bytes(const void *data, size_t length, IngestOptions options, IngestResult *result,
                         Error *err) {
    IngestInput input = {.kind = INGEST_MEMORY, .name = "input", .data = data, .bytes = length};
    options.table = "t";
    options.inputs = &input;
    options.input_count = 1;
    if (options.mode == INGEST_CREATE) options.mode = INGEST_REPLACE;
    return ingest_load(catalog, &options, result, err);
}

/* "name type, name type | cell, cell | cell, cell" */
static void check_table(const char *expected) {
    TableText text;
    Error err;
    StrBuf have;
    strbuf_init(&have);
    assert_int_equal(table_text_read(catalog, "t", &text, &err), STATUS_OK);
    for (int i = 0; i < text.column_count; i++) {
        char type[SQLTYPE_NAME_BYTES];
        strbuf_printf(&have, "%s%s %s", i ? ", " : "", text.version->columns[i].name,
                      sqltype_name(text.version->columns[i].type, true, type));
    }
    for (int64_t row = 0; row < text.row_count; row++) {
        strbuf_append_text(&have, " | ");
        for (int i = 0; i < text.column_count; i++)
            strbuf_printf(&have, "%s%s", i ? ", " : "", text.cells[row][i]);
    }
    assert_string_equal(strbuf_text(&have), expected);
    strbuf_deinit(&have);
    table_text_free(&text);
}

static void check_bytes(const void *data, size_t length, IngestOptions options, const char *expected) {
    IngestResult result;
    Error err;
    if (load_bytes(data, length, options, &result, &err) != STATUS_OK) fail_msg("%s", err.message);
    ingest_result_deinit(&result);
    check_table(expected);
}

static const IngestOptions PLAIN = INGEST_OPTIONS_DEFAULT;

static void rows_left_out_are_listed(void **state) {
    static const char CSV[] = "a,b\n1,x\n2\n3,y,z\n4,\"w\n\"\n5,\"q\"r\n6,\xFF\n7,v\n";
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    IngestResult result;
    Error err;
    options.on_error = INGEST_SKIP;
    assert_int_equal(load_bytes(CSV, strlen(CSV), options, &result, &err), STATUS_OK);
    assert_int_equal(result.row_count, 3);
    assert_int_equal(result.rejected_count, 4);
    assert_int_equal(result.reject_count, 4);
    static const int64_t ROWS[] = {3, 4, 6, 7};
    static const char *const REASONS[] = {"it has 1 fields where 2 are expected", "it has 3 fields",
                                          "text between", "UTF-8"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(result.rejects[i].row, ROWS[i]);
        assert_non_null(strstr(result.rejects[i].reason, REASONS[i]));
        assert_string_equal(result.rejects[i].input, "input");
        assert_null(result.rejects[i].column);
    }
    ingest_result_deinit(&result);
    check_table("a integer, b text | 1, x | 4, w\n | 7, v");
    /* Into a table whose types are given, the column is named. */
    static const char MORE[] = "a,b\n8,x\nnine,y\n99999999999,z\n10,u\n";
    options.mode = INGEST_APPEND;
    options.keep_columns = true;
    assert_int_equal(load_bytes(MORE, strlen(MORE), options, &result, &err), STATUS_OK);
    assert_int_equal(result.row_count, 2);
    assert_int_equal(result.rejected_count, 2);
    assert_string_equal(result.rejects[0].column, "a");
    assert_string_equal(result.rejects[0].sqlstate, SQLSTATE_INVALID_TEXT);
    assert_int_equal(result.rejects[0].row, 3);
    assert_string_equal(result.rejects[1].sqlstate, SQLSTATE_NUMERIC_OUT_OF_RANGE);
    ingest_result_deinit(&result);
    check_table("a integer, b text | 8, x | 10, u | 1, x | 4, w\n | 7, v");
}

static void json_rows_left_out_do_not_spoil_the_next(void **state) {
    static const char LINES[] =
        "{\"a\":1}\n{\"a\":2\n{\"a\":3,\"b\":tru}\n{\"a\":4,\"b\":true}\n\n[}\n{\"a\":5}\n";
    static const char ARRAY[] = "[{\"a\":1},{\"a\":01},{\"a\":\"\\ud800\"},{\"a\":4}]";
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    IngestResult result;
    Error err;
    options.on_error = INGEST_SKIP;
    options.format = INGEST_JSON;
    assert_int_equal(load_bytes(LINES, strlen(LINES), options, &result, &err), STATUS_OK);
    assert_int_equal(result.row_count + result.rejected_count, 6);
    ingest_result_deinit(&result);
    check_table("a integer, b boolean | 1, <null> | 4, true | 5, <null>");
    assert_int_equal(load_bytes(ARRAY, strlen(ARRAY), options, &result, &err), STATUS_OK);
    assert_true(result.rejected_count >= 2);
    ingest_result_deinit(&result);
    /* Without leaving rows out the first bad one is named. */
    options.on_error = INGEST_FAIL;
    assert_int_equal(load_bytes(LINES, strlen(LINES), options, &result, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "row 2"));
    ingest_result_deinit(&result);
}

static void encodings_become_utf8(void **state) {
    static const char LATIN[] = "name,n\nJos\xE9,1\n";
    static const char LITTLE[] = "\xFF\xFEn\0,\0m\0\n\0\x31\0,\0\xE9\0\n\0";
    static const char BIG[] = "\xFE\xFF\0n\0,\0m\0\n\0\x31\0,\0\xE9\0\n";
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    options.encoding = "latin1";
    check_bytes(LATIN, sizeof LATIN - 1, options, "name text, n integer | José, 1");
    options.encoding = "windows-1252";
    check_bytes("a\n\x80\n", 4, options, "a text | €");
    check_bytes(LITTLE, sizeof LITTLE - 1, PLAIN, "n integer, m text | 1, é");
    check_bytes(BIG, sizeof BIG - 1, PLAIN, "n integer, m text | 1, é");
    check_bytes("\xEF\xBB\xBF{\"a\":1}", 10, PLAIN, "a integer | 1");
    IngestResult result;
    Error err;
    assert_int_equal(load_bytes(LATIN, sizeof LATIN - 1, PLAIN, &result, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "22021");
    ingest_result_deinit(&result);
    options.encoding = "no-such";
    assert_int_equal(load_bytes(LATIN, sizeof LATIN - 1, options, &result, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_INVALID_PARAMETER);
    ingest_result_deinit(&result);
}

static void compression_is_told_by_content(void **state) {
    static const char JSON[] = "{\"a\":1}\n{\"a\":2}\n";
    char packed[512];
    struct libdeflate_compressor *gzip = libdeflate_alloc_compressor(6);
    size_t length = libdeflate_gzip_compress(gzip, JSON, strlen(JSON), packed, sizeof packed);
    length += libdeflate_gzip_compress(gzip, JSON, strlen(JSON), packed + length, sizeof packed - length);
    libdeflate_free_compressor(gzip);
    check_bytes(packed, length, PLAIN, "a integer | 1 | 2 | 1 | 2"); /* two members */
    IngestResult result;
    Error err;
    assert_int_equal(load_bytes(packed, length - 9, PLAIN, &result, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
    ingest_result_deinit(&result);
    length = ZSTD_compress(packed, sizeof packed, JSON, strlen(JSON), 3);
    check_bytes(packed, length, PLAIN, "a integer | 1 | 2");
    assert_int_equal(load_bytes(packed, length - 3, PLAIN, &result, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
    ingest_result_deinit(&result);
}

/* Rows whose shape changes far behind the sample: each value is there, exactly, whatever the blocks. */
static void late_surprises_change_the_types(void **state) {
    enum { ROWS = 30000 };
    static const struct {
        const char *usual, *late, *type;
    } CASES[] = {
        {"7", "3000000000", "bigint"},
        {"7", "007", "text"},
        {"7", "1.25", "numeric(6,2)"},
        {"1.5", "1.255", "numeric(7,3)"},
        {"", "5", "integer"},
        {"2020-01-01", "soon", "text"},
        {"true", "2", "text"},
        {"7", "", "integer"},
        {"1.5", "1e300", "double precision"},
        {"2020-01-01", "2020-01-01 10:00:00", "timestamp without time zone"},
    };
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        StrBuf input;
        TableText text;
        Error err;
        IngestResult result;
        IngestOptions options = INGEST_OPTIONS_DEFAULT;
        options.threads = 3;
        options.block_bytes = 4096;
        options.header = 1;
        strbuf_init(&input);
        strbuf_append_text(&input, "id,v\n");
        for (int i = 0; i < ROWS; i++)
            strbuf_printf(&input, "%d,%s\n", i, i == 25000 ? CASES[c].late : CASES[c].usual);
        if (load_bytes(strbuf_text(&input), input.length, options, &result, &err) != STATUS_OK)
            fail_msg("%s", err.message);
        assert_int_equal(result.row_count, ROWS);
        ingest_result_deinit(&result);
        assert_int_equal(table_text_read(catalog, "t", &text, &err), STATUS_OK);
        char type[SQLTYPE_NAME_BYTES];
        assert_string_equal(sqltype_name(text.version->columns[1].type, true, type), CASES[c].type);
        bool *seen = calloc(ROWS, sizeof *seen);
        for (int64_t row = 0; row < ROWS; row++) {
            int id = atoi(text.cells[row][0]);
            assert_false(seen[id]);
            seen[id] = true;
        }
        free(seen);
        table_text_free(&text);
        strbuf_deinit(&input);
    }
}

static void late_keys_become_columns(void **state) {
    StrBuf input;
    TableText text;
    Error err;
    IngestResult result;
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    options.threads = 3;
    options.block_bytes = 4096;
    strbuf_init(&input);
    for (int i = 0; i < 30000; i++)
        strbuf_printf(&input, i == 29000 ? "{\"id\":%d,\"late\":[1]}\n" : "{\"id\":%d}\n", i);
    /* A document over two lines: lines were no documents after all. */
    strbuf_append_text(&input, "{\"id\":\n30000}\n");
    if (load_bytes(strbuf_text(&input), input.length, options, &result, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(result.row_count, 30001);
    ingest_result_deinit(&result);
    assert_int_equal(table_text_read(catalog, "t", &text, &err), STATUS_OK);
    assert_int_equal(text.column_count, 2);
    assert_string_equal(text.version->columns[1].name, "late");
    assert_int_equal(text.version->columns[1].type.id, SQL_JSON);
    table_text_free(&text);
    strbuf_deinit(&input);
}

/* The first bad row of the input is the one named, whichever thread met one first. */
static void the_first_bad_row_is_named(void **state) {
    StrBuf input;
    Error err;
    IngestResult result;
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    options.threads = 4;
    options.block_bytes = 4096;
    strbuf_init(&input);
    strbuf_append_text(&input, "id,v\n");
    for (int i = 0; i < 40000; i++)
        strbuf_printf(&input, i % 1000 == 777 && i > 20000 ? "%d\n" : "%d,\"x\ny\"\n", i);
    assert_int_equal(load_bytes(strbuf_text(&input), input.length, options, &result, &err), STATUS_ERROR);
    if (!strstr(err.message, "row 20779: it has 1 fields")) fail_msg("%s", err.message);
    ingest_result_deinit(&result);
    strbuf_deinit(&input);
}

static void wide_rows_and_deep_values(void **state) {
    StrBuf input;
    Error err;
    IngestResult result;
    strbuf_init(&input);
    for (int line = 0; line < 3; line++)
        for (int i = 0; i < 5000; i++)
            strbuf_printf(&input, line ? "%d%c" : "c%d%c", line ? i * line : i % 2500,
                          i == 4999 ? '\n' : ',');
    if (load_bytes(strbuf_text(&input), input.length, PLAIN, &result, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(result.row_count, 2);
    ingest_result_deinit(&result);
    strbuf_reset(&input);
    strbuf_append_text(&input, "{\"a\":");
    for (int i = 0; i < 100000; i++)
        strbuf_append_char(&input, '[');
    assert_int_equal(load_bytes(strbuf_text(&input), input.length, PLAIN, &result, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "nested too deeply"));
    ingest_result_deinit(&result);
    strbuf_deinit(&input);
    static const char TWICE[] = "{\"a\":{\"b\":[1,{}]},\"a\":[ ]}";
    check_bytes(TWICE, strlen(TWICE), PLAIN, "a json | [ ]");
}

/* A record is read whole, within the budget; what a long one took is given back. */
static void long_records_are_charged(void **state) {
    enum { SHORT = 2000, LIMIT = 2 << 20, FITS = 300 << 10, TOO_LONG = 4 << 20 };
    static const int LENGTHS[] = {FITS, TOO_LONG};
    for (size_t i = 0; i < sizeof LENGTHS / sizeof LENGTHS[0]; i++) {
        StrBuf text;
        Budget budget;
        Error err = {0};
        IngestResult result;
        strbuf_init(&text);
        budget_init(&budget, NULL, LIMIT);
        strbuf_append_text(&text, "a,b\n");
        for (int row = 0; row < SHORT; row++)
            strbuf_printf(&text, "%d,some words that fill a row of the usual length\n", row);
        strbuf_append_text(&text, "1,\"");
        for (int at = 0; at < LENGTHS[i]; at += 8)
            strbuf_append_text(&text, "longer\n ");
        strbuf_append_text(&text, "\"\n");
        for (int row = 0; row < SHORT; row++)
            strbuf_printf(&text, "%d,some more words\n", row);
        IngestInput input = {
            .kind = INGEST_MEMORY, .name = "long", .data = strbuf_text(&text), .bytes = text.length};
        IngestOptions options = INGEST_OPTIONS_DEFAULT;
        options.table = "long_records";
        options.inputs = &input;
        options.input_count = 1;
        options.mode = INGEST_REPLACE;
        options.block_bytes = 1 << 14;
        options.threads = 2;
        options.budget = &budget;
        Status status = ingest_load(catalog, &options, &result, &err);
        if (LENGTHS[i] == FITS) {
            if (status != STATUS_OK) fail_msg("%s", err.message);
            assert_int_equal(result.row_count, 2 * SHORT + 1);
            assert_true(budget.peak_bytes >= FITS);
        } else {
            assert_int_equal(status, STATUS_ERROR);
            assert_string_equal(err.sqlstate, "53200");
        }
        ingest_result_deinit(&result);
        assert_int_equal(budget.used_bytes, 0);
        budget_deinit(&budget);
        strbuf_deinit(&text);
    }
}

static void appended_columns_are_added_and_widened(void **state) {
    static const char FIRST[] = "id,n,p\n1,5,1.50\n", SECOND[] = "id,P,extra\n3000000000,123456789.25,x\n";
    static const char THIRD[] = "{\"id\":2,\"when\":\"2020-01-02\",\"extra\":\"y\"}\n";
    static const char WRONG[] = "id,n\n4,five\n", ORDER[] = "7,8,2.50,z,2020-01-03\n";
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    IngestResult result;
    Error err;
    check_bytes(FIRST, strlen(FIRST), PLAIN, "id integer, n integer, p numeric(6,2) | 1, 5, 1.50");
    options.mode = INGEST_APPEND;
    if (load_bytes(SECOND, strlen(SECOND), options, &result, &err) != STATUS_OK) fail_msg("%s", err.message);
    assert_int_equal(result.change_count, 3);
    assert_string_equal(result.changes[0].column, "id");
    assert_false(result.changes[0].added);
    assert_int_equal(result.changes[0].from.id, SQL_INT4);
    assert_int_equal(result.changes[0].to.id, SQL_INT8);
    assert_int_equal(result.changes[1].to.precision, 11);
    assert_true(result.changes[2].added);
    assert_string_equal(result.changes[2].column, "extra");
    ingest_result_deinit(&result);
    assert_int_equal(load_bytes(THIRD, strlen(THIRD), options, &result, &err), STATUS_OK);
    assert_int_equal(result.change_count, 1);
    ingest_result_deinit(&result);
    /* No wider type holds this: an error, and the table as it was. */
    assert_int_equal(load_bytes(WRONG, strlen(WRONG), options, &result, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "row 2, column \"n\""));
    ingest_result_deinit(&result);
    options.header = 0;
    assert_int_equal(load_bytes(ORDER, strlen(ORDER), options, &result, &err), STATUS_OK);
    ingest_result_deinit(&result);
    TableText text;
    assert_int_equal(table_text_read(catalog, "t", &text, &err), STATUS_OK);
    assert_int_equal(text.row_count, 4);
    assert_int_equal(text.column_count, 5);
    table_text_free(&text);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(rows_left_out_are_listed),        TEST(json_rows_left_out_do_not_spoil_the_next),
        TEST(encodings_become_utf8),           TEST(compression_is_told_by_content),
        TEST(late_surprises_change_the_types), TEST(late_keys_become_columns),
        TEST(the_first_bad_row_is_named),      TEST(wide_rows_and_deep_values),
        TEST(long_records_are_charged),        TEST(appended_columns_are_added_and_widened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
