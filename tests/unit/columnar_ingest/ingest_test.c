#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>
#include <unistd.h>

#include "engines/base/strbuf.h"

#include "engines/columnar/ingest/generate.h"
#include "engines/columnar/ingest/ingest.h"
#include "engines/columnar/ingest/schema_text.h"
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

static const char *write_input(const char *name, const char *data, size_t length) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    return path;
}

static bool keep_columns, replace_rows;

static Status load_mode(const char *table, const char *path, IngestMode mode, Error *err) {
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    IngestResult result;
    options.table = table;
    options.files = &path;
    options.file_count = 1;
    options.mode = mode;
    options.keep_columns = keep_columns;
    options.replace_rows = replace_rows;
    Status status = ingest_load(catalog, &options, &result, err);
    ingest_result_deinit(&result);
    return status;
}

/* Loads text and gives the table. */
static void load_text(const char *name, const char *input, TableText *out) {
    Error err;
    const char *path = write_input(name, input, strlen(input));
    if (load_mode("t", path, INGEST_REPLACE, &err) != STATUS_OK) fail_msg("%s: %s", name, err.message);
    if (table_text_read(catalog, "t", out, &err) != STATUS_OK) fail_msg("%s: %s", name, err.message);
}

/* "name type, name type | cell, cell | cell, cell" */
static void check_table(TableText *table, const char *expected) {
    StrBuf have;
    const TableText text = *table;
    strbuf_init(&have);
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
    table_text_free(table);
}

static void check_load(const char *name, const char *input, const char *expected) {
    TableText text;
    load_text(name, input, &text);
    check_table(&text, expected);
}

static void check_refused(const char *name, const char *input, const char *state, const char *part) {
    Error err;
    const char *path = write_input(name, input, strlen(input));
    assert_int_equal(load_mode("refused", path, INGEST_CREATE, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, state);
    if (!strstr(err.message, part)) fail_msg("\"%s\" does not mention \"%s\"", err.message, part);
    TableVersion *version;
    assert_int_equal(table_catalog_load(catalog, NULL, "refused", &version, &err), STATUS_ERROR);
}

static void csv_types_follow_the_whole_input(void **state) {
    check_load("a.csv", "a,b,c,d\n1,1.5,2020-01-02,true\n,,,\n-7,22.25,2021-12-31,FALSE\n",
               "a integer, b numeric(7,2), c date, d boolean | 1, 1.50, 18263, true | <null>, <null>, "
               "<null>, <null> | "
               "-7, 22.25, 18992, false");
    check_load("a.csv", "n,f\n2147483648,1e3\n1,0.5\n",
               "n bigint, f double precision | 2147483648, 1000 | 1, 0.5");
    check_load("a.csv", "n,m\n1,1\n99999999999999999999,x\n",
               "n numeric(38,0), m text | 1, 1 | 99999999999999999999, x");
    check_load(
        "a.csv", "zip,ts\n00501,2020-01-01 00:00:00\n10001,2020-01-01T00:00:01.5\n",
        "zip text, ts timestamp without time zone | 00501, 1577836800000000 | 10001, 1577836801500000");
    check_load("a.csv", "ts,v\n2020-01-01 02:00:00+02,1\n2020-01-01T00:00:00Z,2\n",
               "ts timestamp with time zone, v integer | 1577836800000000, 1 | 1577836800000000, 2");
    /* One value that is no date makes the column text, and no value is lost. */
    check_load("a.csv", "d,k\n2020-01-01,1\nunknown,2\n2020-02-30,3\n",
               "d text, k integer | 2020-01-01, 1 | unknown, 2 | 2020-02-30, 3");
    check_load("a.csv", "b,k\ntrue,1\n2,2\n", "b text, k integer | true, 1 | 2, 2");
}

static void csv_dialects_are_found(void **state) {
    check_load("a.csv", "a;b\n1;x,y\n2;z\n", "a integer, b text | 1, x,y | 2, z");
    check_load("a.tsv", "a\tb\n1\tx\n", "a integer, b text | 1, x");
    check_load("a.csv", "a|b|c\n1|2|3\n", "a integer, b integer, c integer | 1, 2, 3");
    check_load("a.csv",
               "\xEF\xBB\xBF"
               "a,b\r\n1,\"x\r\ny\"\r\n",
               "a integer, b text | 1, x\r\ny");
    check_load("a.csv", "a,b\r1,2\r3,4", "a integer, b integer | 1, 2 | 3, 4");
    check_load("a.csv", "1,2\n3,4\n", "column1 integer, column2 integer | 1, 2 | 3, 4");
    check_load("a.csv", "name\nann\nbob\n", "name text | ann | bob");
    check_load("a.csv", "x,x,,x_2\n1,2,3,4\n",
               "x integer, x_2 integer, column3 integer, x_2_2 integer | 1, 2, 3, 4");
    check_load("a.csv", "a,b\n1,\"\"\n2,\n", "a integer, b text | 1,  | 2, <null>");
    check_load("a.csv", "a,b\n1,\"say \"\"hi\"\"\"\n", "a integer, b text | 1, say \"hi\"");
}

static void csv_errors_name_the_row(void **state) {
    check_refused("a.csv", "a,b\n1,2\n3\n", "22P04", "row 3: it has 1 fields where 2 are expected");
    check_refused("a.csv", "a,b\n1,2\n3,4,5\n", "22P04", "row 3: it has 3 fields");
    check_refused("a.csv", "a,b\n1,\"open\n", "22P04", "row 2: a quoted field is not closed");
    check_refused("a.csv", "a,b\n1,\"x\"y\n", "22P04", "row 2: there is text between");
    check_refused("a.csv", "a,b\n1,\xFF\xFE\n", "22021", "row 2: it is not valid UTF-8");
    check_refused("a.csv", "", "22P04", "has no columns");
    check_refused("a.csv", "\x1F\x8B\x08", SQLSTATE_DATA_CORRUPTED, "gzip");
}

static void json_rows_keep_every_value(void **state) {
    check_load("a.json", "[{\"a\":1,\"b\":\"x\"},{\"b\":null,\"c\":[1,{\"d\":2}]},{\"a\":2.5,\"c\":\"s\"}]",
               "a numeric(5,1), b text, c json | 1.0, x, <null> | <null>, <null>, [1,{\"d\":2}] | 2.5, "
               "<null>, \"s\"");
    check_load("a.ndjson", "{\"a\":1}\n{\"a\":\"two\"}\n{\"a\":true}\n\n{\"a\":1e5}\n",
               "a text | 1 | two | true | 1e5");
    check_load("a.json", "{\"t\":\"2020-01-01\",\"n\":12345678901}\n{\"t\":\"2020-01-02\",\"n\":-0}",
               "t date, n bigint | 18262, 12345678901 | 18263, 0");
    check_load("a.json", "[1, 2, null]", "value integer | 1 | 2 | <null>");
    check_load("a.json", "[{\"k\":\"007\",\"u\":\"\\u00e9\\n\"}]", "k text, u text | 007, é\n");
    check_load("a.json", "[{\"a\":1,\"a\":2}]", "a integer | 2");
    check_refused("a.json", "[{\"a\":1},{\"a\":}]", SQLSTATE_INVALID_TEXT, "row 2");
    check_refused("a.json", "[{\"a\":1},{\"a\":[1,]}]", SQLSTATE_INVALID_TEXT, "row 2");
    check_refused("a.json", "[{\"a\":01}]", SQLSTATE_INVALID_TEXT, "row 1");
    check_refused("a.json", "[{\"a\":1}", SQLSTATE_INVALID_TEXT, "not closed");
    check_refused("a.json", "[{\"a\":1},]", SQLSTATE_INVALID_TEXT, "missing after a comma");
    check_refused("a.json", "[{\"a\":\"\\u0000\"}]", SQLSTATE_INVALID_TEXT, "u0000");
    check_refused("a.json", "{\"a\":\"x", SQLSTATE_INVALID_TEXT, "ends within a value");
}

static void appending_keeps_to_the_table(void **state) {
    Error err;
    TableText text;
    load_text("a.csv", "id,name,at\n1,ann,2020-01-01\n", &text);
    table_text_free(&text);
    const char *more = "NAME,id\nbob,2\n,3\n";
    const char *path = write_input("b.csv", more, strlen(more));
    assert_int_equal(load_mode("t", path, INGEST_APPEND, &err), STATUS_OK);
    assert_int_equal(table_text_read(catalog, "t", &text, &err), STATUS_OK);
    assert_int_equal(text.row_count, 3);
    table_text_free(&text);
    keep_columns = true;
    static const struct {
        const char *input, *state, *part;
    } REFUSED[] = {
        {"id,name\n4,x\nfive,y\n", SQLSTATE_INVALID_TEXT,
         "row 3, column \"id\": invalid input for type integer: \"five\""},
        {"id,name\n99999999999,x\n", SQLSTATE_NUMERIC_OUT_OF_RANGE, "column \"id\""},
        {"id,other\n4,x\n", SQLSTATE_UNDEFINED_COLUMN, "no column \"other\""},
        {"id,name,ID\n4,x,5\n", "42701", "\"id\" and \"ID\" are both column \"id\""},
        {"{\"id\":4,\"Id\":5}\n", "42701", "row 1, column \"id\": two keys"},
        {"{\"Id\":4,\"name\":\"x\",\"id\":5}\n", "42701", "row 1, column \"id\": two keys"},
    };
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        path = write_input(REFUSED[i].input[0] == '{' ? "c.json" : "c.csv", REFUSED[i].input,
                           strlen(REFUSED[i].input));
        assert_int_equal(load_mode("t", path, INGEST_APPEND, &err), STATUS_ERROR);
        assert_string_equal(err.sqlstate, REFUSED[i].state);
        if (!strstr(err.message, REFUSED[i].part))
            fail_msg("\"%s\" does not mention \"%s\"", err.message, REFUSED[i].part);
    }
    assert_int_equal(table_text_read(catalog, "t", &text, &err), STATUS_OK);
    assert_int_equal(text.row_count, 3); /* all or nothing */
    keep_columns = false;
    table_text_free(&text);
}

typedef struct Dripping {
    const char *text;
    size_t left;
} Dripping;

static Status drip(void *context, void *buffer, size_t size, size_t *got, Error *err) {
    Dripping *dripping = context;
    *got = dripping->left < 3 ? dripping->left : 3;
    memcpy(buffer, dripping->text, *got);
    dripping->text += *got;
    dripping->left -= *got;
    return STATUS_OK;
}

static void memory_pipes_and_streams_are_inputs(void **state) {
    static const char FIRST[] = "a,b\n1,x\n", SECOND[] = "a,b\n2,y\n", THIRD[] = "a,b\n2.5,z\n";
    Dripping dripping = {THIRD, strlen(THIRD)};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], SECOND, strlen(SECOND)), strlen(SECOND));
    close(ends[1]);
    const IngestInput inputs[] = {
        {.kind = INGEST_MEMORY, .name = "body", .data = FIRST, .bytes = strlen(FIRST)},
        {.kind = INGEST_DESCRIPTOR, .name = "pipe", .fd = ends[0]},
        {.kind = INGEST_STREAM, .name = "stream", .read = drip, .read_context = &dripping},
    };
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    IngestResult result;
    Error err;
    TableText text;
    options.table = "t";
    options.inputs = inputs;
    options.input_count = 3;
    options.mode = INGEST_REPLACE;
    if (ingest_load(catalog, &options, &result, &err) != STATUS_OK) fail_msg("%s", err.message);
    assert_int_equal(result.row_count, 3);
    ingest_result_deinit(&result);
    close(ends[0]); /* still ours */
    assert_int_equal(table_text_read(catalog, "t", &text, &err), STATUS_OK);
    check_table(&text, "a numeric(5,1), b text | 1.0, x | 2.0, y | 2.5, z");
}

/* Several windows of the byte source, records across their edges, quoted fields longer than a window. */
static void long_input_crosses_windows(void **state) {
    StrBuf input;
    TableText text;
    strbuf_init(&input);
    strbuf_append_text(&input, "id,text\n");
    char *big = malloc(3000000);
    memset(big, 'x', 3000000);
    int rows = 0;
    for (int part = 0; part < 3; part++) {
        for (int i = 0; i < 40000; i++, rows++)
            strbuf_printf(&input, "%d,\"row, %d \"\"q\"\"\"\r\n", rows, rows);
        strbuf_printf(&input, "%d,\"\n%.*s\"\r\n", rows++, 3000000, big);
    }
    load_text("a.csv", strbuf_text(&input), &text);
    assert_int_equal(text.row_count, rows);
    bool *seen = calloc((size_t)rows, sizeof *seen);
    for (int i = 0; i < rows; i++) { /* several threads: in any order */
        char wanted[64];
        int row = atoi(text.cells[i][0]);
        assert_in_range(row, 0, rows - 1);
        assert_false(seen[row]);
        seen[row] = true;
        snprintf(wanted, sizeof wanted, "row, %d \"q\"", row);
        if (row % 40001 == 40000)
            assert_int_equal(strlen(text.cells[i][1]), 3000001);
        else
            assert_string_equal(text.cells[i][1], wanted);
    }
    free(seen);
    table_text_free(&text);
    strbuf_deinit(&input);
    free(big);
}

static const char *corpora(void) {
    const char *given = getenv("SIGNALBOX_CORPORA");
    return given && given[0] ? given : SIGNALBOX_SOURCE_DIR "/../shared/data";
}

static char *read_whole(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    char *data = malloc(1 << 20);
    *length = fread(data, 1, (1 << 20) - 1, file);
    data[*length] = 0;
    fclose(file);
    return data;
}

/* Copies of the corpus lose their CRLF line ends on the way; the files named so get them back. */
static void restore_line_ends(char path[512]) {
    size_t length;
    StrBuf text;
    char *data = read_whole(path, &length);
    assert_non_null(data);
    strbuf_init(&text);
    for (size_t i = 0; i < length; i++) {
        if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r')) strbuf_append_char(&text, '\r');
        strbuf_append_char(&text, data[i]);
    }
    snprintf(path, 512, "%s", write_input("crlf.csv", strbuf_text(&text), text.length));
    strbuf_deinit(&text);
    free(data);
}

/* csv-spectrum gives each file's cells as JSON, all of them strings. */
static void check_spectrum_file(const char *directory, const char *name) {
    char path[512];
    Error err;
    TableText text;
    snprintf(path, sizeof path, "%s/json/%.*s.json", directory, (int)strlen(name) - 4, name);
    json_t *expected = json_load_file(path, 0, NULL);
    assert_non_null(expected);
    snprintf(path, sizeof path, "%s/csvs/%s", directory, name);
    if (strstr(name, "_crlf")) restore_line_ends(path);
    if (load_mode("spectrum", path, INGEST_REPLACE, &err) != STATUS_OK) fail_msg("%s: %s", name, err.message);
    if (table_text_read(catalog, "spectrum", &text, &err) != STATUS_OK) fail_msg("%s: %s", name, err.message);
    /* The corpus gives location_coordinates as one object with other values than its CSV has: only the names
     * count. */
    if (json_is_object(expected)) {
        for (int i = 0; i < text.column_count; i++)
            assert_non_null(json_object_get(expected, text.version->columns[i].name));
        text.row_count = 0;
    } else {
        assert_int_equal(text.row_count, json_array_size(expected));
    }
    for (int64_t row = 0; row < text.row_count; row++) {
        json_t *object = json_array_get(expected, (size_t)row);
        assert_int_equal(text.column_count, json_object_size(object));
        for (int i = 0; i < text.column_count; i++) {
            const char *wanted = json_string_value(json_object_get(object, text.version->columns[i].name));
            const char *have = text.cells[row][i];
            if (wanted[0] == 0 && strcmp(have, "<null>") == 0) continue;
            if (strcmp(have, wanted) != 0)
                fail_msg("%s row %d column %d: \"%s\", not \"%s\"", name, (int)row, i, have, wanted);
        }
    }
    json_decref(expected);
    table_text_free(&text);
}

static void csv_spectrum(void **state) {
    char directory[400], csvs[512];
    snprintf(directory, sizeof directory, "%s/csv-spectrum", corpora());
    snprintf(csvs, sizeof csvs, "%s/csvs", directory);
    DIR *list = opendir(csvs);
    if (!list) skip();
    int files = 0;
    for (struct dirent *entry; (entry = readdir(list));) {
        if (strstr(entry->d_name, ".csv")) {
            check_spectrum_file(directory, entry->d_name);
            files++;
        }
    }
    closedir(list);
    assert_true(files >= 12);
}

static void json_accept(void **state) {
    char directory[400], path[800];
    snprintf(directory, sizeof directory, "%s/json-accept", corpora());
    DIR *list = opendir(directory);
    if (!list) skip();
    int files = 0;
    for (struct dirent *entry; (entry = readdir(list));) {
        if (!strstr(entry->d_name, ".json")) continue;
        Error err;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        bool loaded = load_mode("accept", path, INGEST_REPLACE, &err) == STATUS_OK;
        /* Well-formed, yet nothing to make a table of, or a NUL that SQL text cannot hold. */
        bool excused = !loaded && (strstr(err.message, "has no columns") || strstr(err.message, "u0000"));
        if (!loaded && !excused) fail_msg("%s: %s", entry->d_name, err.message);
        files++;
    }
    closedir(list);
    assert_true(files >= 90);
}

static void generated_rows_are_the_same_each_time(void **state) {
    for (int kind = 0; kind < GENERATE_KIND_COUNT; kind++) {
        GenerateOptions options = {.kind = (GenerateKind)kind, .count = 5000, .seed = 7, .users = 1000};
        char first[128], second[128], lines[128];
        size_t first_length, second_length;
        Error err;
        snprintf(first, sizeof first, "%s/first.csv", scratch);
        snprintf(second, sizeof second, "%s/second.csv", scratch);
        snprintf(lines, sizeof lines, "%s/lines.ndjson", scratch);
        assert_int_equal(generate_to_file(&options, GENERATE_CSV, first, &err), STATUS_OK);
        assert_int_equal(generate_to_file(&options, GENERATE_CSV, second, &err), STATUS_OK);
        char *a = read_whole(first, &first_length), *b = read_whole(second, &second_length);
        assert_int_equal(first_length, second_length);
        assert_memory_equal(a, b, first_length);
        options.seed = 8;
        assert_int_equal(generate_to_file(&options, GENERATE_CSV, second, &err), STATUS_OK);
        free(b);
        b = read_whole(second, &second_length);
        assert_true(first_length != second_length || memcmp(a, b, first_length) != 0);
        free(a);
        free(b);
        options.seed = 7;

        /* CSV, NDJSON and the table hold the same rows. */
        TableText from_csv, from_table, from_json;
        assert_int_equal(generate_to_file(&options, GENERATE_NDJSON, lines, &err), STATUS_OK);
        assert_int_equal(generate_to_table(&options, catalog, "direct", true, &err), STATUS_OK);
        const char *paths[] = {first, lines};
        for (int i = 0; i < 2; i++) {
            assert_int_equal(generate_to_table(&options, catalog, i ? "json" : "csv", true, &err), STATUS_OK);
            if (load_mode(i ? "json" : "csv", paths[i], INGEST_APPEND, &err) != STATUS_OK)
                fail_msg("%s: %s", generate_kind_name(options.kind), err.message);
        }
        assert_int_equal(table_text_read(catalog, "direct", &from_table, &err), STATUS_OK);
        assert_int_equal(table_text_read(catalog, "csv", &from_csv, &err), STATUS_OK);
        assert_int_equal(table_text_read(catalog, "json", &from_json, &err), STATUS_OK);
        assert_int_equal(from_table.row_count, 5000);
        assert_int_equal(from_csv.row_count, 10000);
        assert_int_equal(from_json.row_count, 10000);
        for (int64_t row = 0; row < 10000; row++)
            for (int i = 0; i < from_table.column_count; i++) {
                assert_string_equal(from_csv.cells[row][i], from_table.cells[row % 5000][i]);
                assert_string_equal(from_json.cells[row][i], from_table.cells[row % 5000][i]);
            }
        table_text_free(&from_table);
        table_text_free(&from_csv);
        table_text_free(&from_json);
    }
}

static void parquet_files_carry_their_types(void **state) {
    GenerateOptions options = {.kind = GENERATE_EVENTS, .count = 5000, .seed = 7, .users = 1000};
    Error err;
    char path[128];
    TableText direct, loaded;
    snprintf(path, sizeof path, "%s/events.parquet", scratch);
    assert_int_equal(generate_to_file(&options, GENERATE_PARQUET, path, &err), STATUS_OK);
    assert_int_equal(generate_to_table(&options, catalog, "direct", false, &err), STATUS_OK);
    if (load_mode("loaded", path, INGEST_CREATE, &err) != STATUS_OK) fail_msg("%s", err.message);
    assert_int_equal(table_text_read(catalog, "direct", &direct, &err), STATUS_OK);
    assert_int_equal(table_text_read(catalog, "loaded", &loaded, &err), STATUS_OK);
    assert_int_equal(loaded.row_count, 5000);
    for (int i = 0; i < direct.column_count; i++) {
        char have[SQLTYPE_NAME_BYTES], want[SQLTYPE_NAME_BYTES];
        assert_string_equal(sqltype_name(loaded.version->columns[i].type, true, have),
                            sqltype_name(direct.version->columns[i].type, true, want));
        for (int64_t row = 0; row < 5000; row++)
            assert_string_equal(loaded.cells[row][i], direct.cells[row][i]);
    }
    table_text_free(&direct);
    table_text_free(&loaded);
    assert_int_equal(load_mode("loaded", path, INGEST_APPEND, &err), STATUS_OK);
    assert_int_equal(load_mode("loaded", path, INGEST_CREATE, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DUPLICATE_TABLE);
}

/* ---- a schema given
 * ------------------------------------------------------------------------------------------ */

static Status load_schema(const char *input, const char *schema, IngestMode mode, Error *err) {
    Arena arena;
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    IngestResult result;
    TableColumn *columns;
    const char *path = write_input("schema.csv", input, strlen(input));
    arena_init(&arena);
    Status status = schema_text_parse(schema, &arena, &columns, &options.column_count, err);
    if (status == STATUS_OK) {
        options.table = "t";
        options.files = &path;
        options.file_count = 1;
        options.mode = mode;
        options.columns = columns;
        status = ingest_load(catalog, &options, &result, err);
        ingest_result_deinit(&result);
    }
    arena_deinit(&arena);
    return status;
}

static void a_schema_given_is_the_table(void **state) {
    (void)state;
    Error err = {0};
    TableText text;
    assert_int_equal(load_schema("ID,\"Full  name\",p\n1,2,3\n,\"\",\n",
                                 "\"ID\" smallint , \"Full  name\" character  varying (4),"
                                 "p decimal( 10 , 2 )",
                                 INGEST_REPLACE, &err),
                     STATUS_OK);
    assert_int_equal(table_text_read(catalog, "t", &text, &err), STATUS_OK);
    check_table(
        &text,
        "ID smallint, Full  name character varying(4), p numeric(10,2) | 1, 2, 3.00 | <null>, , <null>");
}

static Status load_lists(const char *json, Error *err) {
    IngestInput input = {.kind = INGEST_MEMORY, .name = "lists.json", .data = json, .bytes = strlen(json)};
    const TableColumn columns[] = {
        {.name = "n", .type = {.id = SQL_INT4, .is_array = true}, .nullable = true},
        {.name = "t", .type = {.id = SQL_TEXT, .is_array = true}, .nullable = true}};
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    IngestResult result;
    options.table = "t";
    options.inputs = &input;
    options.input_count = 1;
    options.mode = INGEST_REPLACE;
    options.columns = columns;
    options.column_count = 2;
    Status status = ingest_load(catalog, &options, &result, err);
    ingest_result_deinit(&result);
    return status;
}

static void lists_go_into_array_columns(void **state) {
    static const char *const WRONG[] = {"{\"n\":100}\n{\"n\":123456789}",
                                        "{\"n\":\"[1]\"}",
                                        "{\"n\":{\"a\":1}}",
                                        "{\"n\":[[1]]}",
                                        "{\"n\":[1.5]}",
                                        "{\"t\":true}",
                                        "{\"t\":\"a text that is longer than twelve bytes\"}"};
    Error err = {0};
    TableText text;
    if (load_lists("{\"n\":[1, -2 ,null],\"t\":[\"x\",\"\\u00e9 and more than twelve\",\"\"]}\n"
                   "{\"n\":[ ],\"t\":null}\n{\"t\":[12,true]}\n",
                   &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(table_text_read(catalog, "t", &text, &err), STATUS_OK);
    check_table(&text,
                "n integer[], t text[] | [1 -2 <null>], [x \xc3\xa9 and more than twelve ] | [], <null> | "
                "<null>, [12 true]");
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        assert_int_equal(load_lists(WRONG[i], &err), STATUS_ERROR);
        assert_string_equal(err.sqlstate, "22P02");
    }
    assert_int_equal(load_lists("{\"n\":[99999999999]}", &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_NUMERIC_OUT_OF_RANGE);
    assert_int_equal(load_schema("n\n\"[1,2]\"\n[3]\n", "n int8[]", INGEST_REPLACE, &err), STATUS_OK);
    assert_int_equal(load_schema("n\n5\n", "n int8[]", INGEST_REPLACE, &err), STATUS_ERROR);
}

static void a_schema_that_does_not_fit_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *schema, *sqlstate;
    } CASES[] = {
        {"", "42601"},
        {"a", "42601"},
        {"a int,", "42601"},
        {"1a int", "42601"},
        {"\"a int", "42601"},
        {"a numeric(3", "42601"},
        {"\"\" int", "42601"},
        {"a nosuchtype", "42704"},
        {"a int, A text", "42701"},
        {"a numeric", "0A000"},
        {"b int", "42703"},
        {"a bool", "22P02"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        Error err = {0};
        assert_int_equal(load_schema("a\n7\n", CASES[i].schema, INGEST_REPLACE, &err), STATUS_ERROR);
        if (strcmp(err.sqlstate, CASES[i].sqlstate) != 0)
            fail_msg("'%s': %s %s", CASES[i].schema, err.sqlstate, err.message);
    }
    Error err = {0};
    assert_int_equal(load_schema("a\n7\n", "a int", INGEST_APPEND, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "22023");
}

/* Rows go, columns stay and grow; a failure leaves both. */
static void rows_carry_their_inputs_name(void **state) {
    static const char first[] = "{\"a\":1}\n", second[] = "{\"a\":2}\n{\"a\":3,\"filename\":\"mine\"}\n";
    IngestInput inputs[] = {
        {.kind = INGEST_MEMORY, .name = "one", .data = first, .bytes = sizeof first - 1},
        {.kind = INGEST_MEMORY, .name = "a longer name, two", .data = second, .bytes = 8}};
    TableColumn column = {.name = "a", .type = sqltype_of(SQL_INT8), .nullable = true};
    for (int given = 0; given < 2; given++) { /* columns found, and columns given */
        IngestOptions options = INGEST_OPTIONS_DEFAULT;
        IngestResult result;
        TableText text;
        Error err;
        options.table = "named";
        options.inputs = inputs;
        options.input_count = 2;
        options.mode = INGEST_REPLACE;
        options.file_names = true;
        options.columns = given ? &column : NULL;
        options.column_count = given;
        inputs[1].bytes = 8;
        if (ingest_load(catalog, &options, &result, &err) != STATUS_OK) fail_msg("%s", err.message);
        ingest_result_deinit(&result);
        assert_int_equal(table_text_read(catalog, "named", &text, &err), STATUS_OK);
        check_table(&text, given ? "a bigint, filename text | 1, one | 2, a longer name, two"
                                 : "a integer, filename text | 1, one | 2, a longer name, two");
        inputs[1].bytes = sizeof second - 1;
        assert_int_equal(ingest_load(catalog, &options, &result, &err), STATUS_ERROR);
        ingest_result_deinit(&result);
        assert_string_equal(err.sqlstate, "42701");
    }
}

static void replacing_rows_keeps_the_columns(void **state) {
    Error err;
    TableText text;
    load_text("a.csv", "id,name\n1,ann\n2,bob\n", &text);
    table_text_free(&text);
    replace_rows = true;
    static const struct {
        const char *input, *expected;
    } CASES[] = {
        {"name\nzoe\n", "id integer, name text | <null>, zoe"},
        {"id,more\n3,1.5\n", "id integer, name text, more numeric(5,1) | 3, <null>, 1.5"},
        {"id\n99999999999\n", "id bigint, name text, more numeric(5,1) | 99999999999, <null>, <null>"},
        {"id\nx\n", NULL},
        {"name\n", "id bigint, name text, more numeric(5,1)"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        const char *path = write_input("b.csv", CASES[i].input, strlen(CASES[i].input));
        Status status = load_mode("t", path, INGEST_APPEND, &err);
        if ((status == STATUS_OK) != (CASES[i].expected != NULL)) fail_msg("%zu: %s", i, err.message);
        assert_int_equal(table_text_read(catalog, "t", &text, &err), STATUS_OK);
        check_table(&text, CASES[i].expected ? CASES[i].expected : CASES[i - 1].expected);
    }
    replace_rows = false;
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_schema_given_is_the_table),
        TEST(lists_go_into_array_columns),
        TEST(a_schema_that_does_not_fit_is_refused),
        TEST(csv_types_follow_the_whole_input),
        TEST(csv_dialects_are_found),
        TEST(csv_errors_name_the_row),
        TEST(json_rows_keep_every_value),
        TEST(appending_keeps_to_the_table),
        TEST(rows_carry_their_inputs_name),
        TEST(replacing_rows_keeps_the_columns),
        TEST(long_input_crosses_windows),
        TEST(memory_pipes_and_streams_are_inputs),
        TEST(csv_spectrum),
        TEST(json_accept),
        TEST(generated_rows_are_the_same_each_time),
        TEST(parquet_files_carry_their_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
