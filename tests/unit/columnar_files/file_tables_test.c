/* Files as tables: which ones may be named, what stands in them, and that a changed file is read anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "engines/base/cancel.h"
#include "engines/columnar/files/file_paths.h"
#include "engines/columnar/files/file_tables.h"

static char root[64] = "/tmp/signalbox-files-XXXXXX";
static char inside[80], outside[80], scratch[80];

static void write_file(const char *directory, const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void link_to(const char *target, const char *name) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", inside, name);
    assert_int_equal(symlink(target, path), 0);
}

static int set_up(void **state) {
    char secret[200];
    if (!mkdtemp(root)) return 1;
    snprintf(inside, sizeof inside, "%s/in", root);
    snprintf(outside, sizeof outside, "%s/inner-secret", root);
    snprintf(scratch, sizeof scratch, "%s/scratch", root);
    mkdir(inside, 0700);
    mkdir(outside, 0700);
    write_file(inside, "a.csv", "x,y\n1,one\n2,two\n");
    write_file(inside, "b.csv", "x,y\n3,three\n");
    write_file(inside, "e.ndjson", "{\"k\":1}\n{\"k\":2.5}\n");
    write_file(inside, "broken.parquet", "PAR1 this is none PAR1");
    write_file(outside, "secret.csv", "x,y\n9,secret\n");
    snprintf(secret, sizeof secret, "%s/secret.csv", outside);
    link_to(secret, "link.csv");
    link_to(outside, "dirlink");
    link_to("a.csv", "good-link.csv");
    return 0;
}

static int tear_down(void **state) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void expect_paths(const char *pattern, int count, const char *sqlstate) {
    Arena arena;
    FilePathList list = {0};
    Error err = {0};
    arena_init(&arena);
    Status status = file_paths_add(&list, inside, pattern, &arena, &err);
    if (sqlstate) {
        assert_int_equal(status, STATUS_ERROR);
        assert_string_equal(err.sqlstate, sqlstate);
    } else {
        if (status != STATUS_OK) fail_msg("%s: %s", pattern, err.message);
        assert_int_equal(list.count, count);
    }
    arena_deinit(&arena);
}

static void only_what_lies_inside(void **state) {
    char text[200];
    expect_paths("a.csv", 1, NULL);
    expect_paths("[ab].csv", 2, NULL);
    expect_paths("good-link.csv", 1, NULL);
    snprintf(text, sizeof text, "%s/a.csv", inside);
    expect_paths(text, 1, NULL);
    expect_paths("none*.csv", 0, SQLSTATE_UNDEFINED_FILE);
    expect_paths("link.csv", 0, "42501");
    expect_paths("*.csv", 0, "42501"); /* the link is among them: not silently left out */
    expect_paths("dirlink/secret.csv", 0, "42501");
    expect_paths("../inner-secret/secret.csv", 0, "42501");
    expect_paths("sub/../../inner-secret/secret.csv", 0, "42501");
    snprintf(text, sizeof text, "%s/secret.csv", outside);
    expect_paths(text, 0, "42501");
    expect_paths("/etc/passwd", 0, "42501");
    /* A directory whose name begins as the allowed one's does. */
    snprintf(text, sizeof text, "%sner-secret/secret.csv", inside);
    expect_paths(text, 0, "42501");
}

static void targets_lie_inside(void **state) {
    static const struct {
        const char *path;
        bool good;
    } cases[] = {
        {"new.csv", true},       {"a.csv", true},     {"../new.csv", false}, {"dirlink/new.csv", false},
        {"/etc/new.csv", false}, {"link.csv", false}, {"", false},           {"none/new.csv", false}};
    Arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *out;
        Error err = {0};
        Status status = file_paths_target(inside, cases[i].path, &arena, &out, &err);
        if ((status == STATUS_OK) != cases[i].good) fail_msg("%s: %s", cases[i].path, err.message);
    }
    arena_deinit(&arena);
}

static TableVersion *load(FileTables *tables, FileKind kind, const char *pattern) {
    FileRequest request = {
        .kind = kind, .patterns = &pattern, .pattern_count = 1, .header = -1, .key = pattern};
    TableVersion *version = NULL;
    Error err = {0};
    if (file_tables_load(tables, &request, &version, &err) != STATUS_OK) fail_msg("%s", err.message);
    return version;
}

static void text_is_loaded_once(void **state) {
    FileTables *tables = file_tables_open(inside, scratch, NULL);
    bool current = false;
    TableVersion *first = load(tables, FILE_KIND_CSV, "[ab].csv");
    TableVersion *again = load(tables, FILE_KIND_CSV, "[ab].csv");
    assert_ptr_equal(first, again);
    assert_int_equal(first->row_count, 3);
    assert_int_equal(first->column_count, 2);
    assert_true(sqltype_is_integer(first->columns[0].type));
    assert_true(file_tables_check(tables, first, &current));
    assert_true(current);
    write_file(inside, "b.csv", "x,y\n3,three\n4,four\n");
    assert_true(file_tables_check(tables, first, &current));
    assert_false(current);
    TableVersion *newer = load(tables, FILE_KIND_CSV, "[ab].csv");
    assert_int_equal(newer->row_count, 4);
    assert_int_equal(first->row_count, 3);
    table_version_release(first);
    table_version_release(again);
    table_version_release(newer);
    TableVersion *json = load(tables, FILE_KIND_JSON, "e.ndjson");
    assert_int_equal(json->row_count, 2);
    table_version_release(json);
    file_tables_close(tables);
}

static void what_is_kept_is_bounded(void **state) {
    FileTables *tables = file_tables_open(inside, scratch, NULL);
    char key[32];
    const char *pattern = "a.csv";
    for (int i = 0; i < 3 * FILE_TABLES_KEPT; i++) {
        TableVersion *version = NULL;
        Error err = {0};
        snprintf(key, sizeof key, "key %d", i);
        FileRequest request = {
            .kind = FILE_KIND_CSV, .patterns = &pattern, .pattern_count = 1, .header = -1, .key = key};
        assert_int_equal(file_tables_load(tables, &request, &version, &err), STATUS_OK);
        assert_int_equal(access(version->files[0].path, R_OK), 0);
        table_version_release(version);
    }
    char command[200];
    snprintf(command, sizeof command, "find %s -name '*.parquet' | wc -l", scratch);
    FILE *listing = popen(command, "r");
    int files = 0;
    assert_int_equal(fscanf(listing, "%d", &files), 1);
    pclose(listing);
    assert_in_range(files, 1, FILE_TABLES_KEPT + 1);
    file_tables_close(tables);
    assert_int_equal(rmdir(scratch), 0);
}

static void a_broken_file_is_an_error(void **state) {
    FileTables *tables = file_tables_open(inside, scratch, NULL);
    const char *pattern = "broken.parquet";
    FileRequest request = {.kind = FILE_KIND_PARQUET, .patterns = &pattern, .pattern_count = 1, .key = "k"};
    TableVersion *version = NULL;
    Error err = {0};
    assert_int_equal(file_tables_load(tables, &request, &version, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DATA_CORRUPTED);
    file_tables_close(tables);
}

static void rows_know_their_file(void **state) {
    static const struct {
        const char *pattern, *columns, *refused;
        int header;
    } CASES[] = {{"[ab].csv", NULL, NULL, -1},
                 {"[ab].csv", "x int8, y text", NULL, 1},
                 {"[ab].csv", "p text, q text", NULL, 0}, /* by order, without the name */
                 {"taken.csv", NULL, "42701", 1},
                 {"taken.csv", "x int8", "42701", 1}};
    FileTables *tables = file_tables_open(inside, scratch, NULL);
    write_file(inside, "taken.csv", "x,filename\n1,mine\n");
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        FileRequest request = {.kind = FILE_KIND_CSV,
                               .patterns = &CASES[i].pattern,
                               .pattern_count = 1,
                               .header = CASES[i].header,
                               .columns = CASES[i].columns,
                               .file_names = true,
                               .key = CASES[i].columns ? CASES[i].columns : CASES[i].pattern};
        TableVersion *version = NULL;
        Error err = {0};
        Status status = file_tables_load(tables, &request, &version, &err);
        assert_int_equal(status, CASES[i].refused ? STATUS_ERROR : STATUS_OK);
        if (CASES[i].refused) {
            assert_string_equal(err.sqlstate, CASES[i].refused);
            continue;
        }
        assert_int_equal(version->column_count, 3);
        assert_string_equal(version->columns[2].name, "filename");
        assert_true(sqltype_is(version->columns[2].type, SQL_TEXT));
        table_version_release(version);
    }
    file_tables_close(tables);
}

/* Also while another statement's load is under way: the second one waits for it no longer than it may. */
static void a_cancelled_statement_loads_nothing(void **state) {
    FileTables *tables = file_tables_open(inside, scratch, NULL);
    const char *pattern = "a.csv";
    FileRequest request = {
        .kind = FILE_KIND_CSV, .patterns = &pattern, .pattern_count = 1, .header = -1, .key = "k"};
    TableVersion *version = NULL;
    CancelToken cancel;
    Error err = {0};
    cancel_init(&cancel, 0);
    cancel_request(&cancel, CANCEL_BY_USER);
    CancelToken *before = cancel_swap_current(&cancel);
    assert_int_equal(file_tables_load(tables, &request, &version, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_QUERY_CANCELED);
    cancel_swap_current(before);
    assert_int_equal(file_tables_load(tables, &request, &version, &err), STATUS_OK);
    table_version_release(version);
    file_tables_close(tables);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_lies_inside),
        cmocka_unit_test(targets_lie_inside),
        cmocka_unit_test(text_is_loaded_once),
        cmocka_unit_test(what_is_kept_is_bounded),
        cmocka_unit_test(rows_know_their_file),
        cmocka_unit_test(a_broken_file_is_an_error),
        cmocka_unit_test(a_cancelled_statement_loads_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
