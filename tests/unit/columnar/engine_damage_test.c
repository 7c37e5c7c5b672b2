/* A warehouse somebody has broken: each file in turn, each time one clear error and nothing worse. */
#include "tests/unit/columnar/engine_fixture.h"

#include <glob.h>

/* The one file below the table's directory that matches. */
static void find_file(const Fixture *fixture, const char *pattern, char path[256]) {
    char full[256];
    glob_t found;
    snprintf(full, sizeof full, "%s/%s", fixture->directory, pattern);
    assert_int_equal(glob(full, 0, NULL, &found), 0);
    snprintf(path, 256, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

static void overwrite(const char *path, const char *text, long from) {
    FILE *file = fopen(path, from < 0 ? "w" : "r+");
    assert_non_null(file);
    if (from > 0) assert_int_equal(fseek(file, from, SEEK_SET), 0);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* What a process that comes now gets when it loads the table. */
static void expect_load_error(const Fixture *fixture, const char *sqlstate, const char *part) {
    TableCatalog *catalog = NULL;
    TableVersion *version = NULL;
    Error err = {0};
    Status status = table_catalog_open(fixture->catalog_path, fixture->directory, &catalog, &err);
    if (status == STATUS_OK) status = table_catalog_load(catalog, NULL, "numbers", &version, &err);
    assert_int_equal(status, STATUS_ERROR);
    if (strcmp(err.sqlstate, sqlstate) != 0 || !strstr(err.message, part))
        fail_msg("%s %s, not %s with %s", err.sqlstate, err.message, sqlstate, part);
    table_catalog_close(catalog);
}

static void broken_metadata(void **state) {
    Fixture *fixture = *state;
    char path[256];
    append_rows(fixture, 1, 10);
    find_file(fixture, "default/numbers/metadata/*.json", path);
    static const char *const texts[] = {"",
                                        "{",
                                        "[]",
                                        "{\"format-version\": 2}",
                                        "{\"format-version\": \"x\", \"schemas\": 7}",
                                        "\xff\xfe nothing"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        overwrite(path, texts[i], -1);
        expect_load_error(fixture, SQLSTATE_DATA_CORRUPTED, "metadata");
    }
    unlink(path);
    expect_load_error(fixture, SQLSTATE_UNDEFINED_FILE, "metadata");
}

static void broken_manifests(void **state) {
    Fixture *fixture = *state;
    char list[256], manifest[256];
    append_rows(fixture, 1, 10);
    find_file(fixture, "default/numbers/metadata/snap-*.avro", list);
    find_file(fixture, "default/numbers/metadata/*-m0.avro", manifest);
    overwrite(manifest, "nothing that Avro would know", 40);
    expect_load_error(fixture, SQLSTATE_DATA_CORRUPTED, "avro");
    unlink(manifest);
    expect_load_error(fixture, SQLSTATE_UNDEFINED_FILE, "avro");
    overwrite(list, "Obj\001 and then something else", -1);
    expect_load_error(fixture, SQLSTATE_DATA_CORRUPTED, "avro");
    overwrite(list, "", -1);
    expect_load_error(fixture, SQLSTATE_DATA_CORRUPTED, "avro");
}

static void broken_catalog(void **state) {
    Fixture *fixture = *state;
    append_rows(fixture, 1, 10);
    char text[8192], copy[128], wal[160];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    snprintf(copy, sizeof copy, "%s/other.db", fixture->directory);
    snprintf(wal, sizeof wal, "%s-wal", copy);
    overwrite(copy, text, -1);
    strcpy(fixture->catalog_path, copy);
    expect_load_error(fixture, SQLSTATE_DATA_CORRUPTED, "other.db");
}

static void expect_run_error(Fixture *fixture, const char *sqlstate, const char *part) {
    Parsed parsed;
    int64_t value;
    Error err = {0};
    parse("select sum(b) from numbers", 0, &parsed);
    EnginePlan *plan = plan_of(fixture, &parsed);
    assert_int_equal(try_single_value(fixture, plan, NULL, 0, &value, &err), STATUS_ERROR);
    if (strcmp(err.sqlstate, sqlstate) != 0 || !strstr(err.message, part))
        fail_msg("%s %s, not %s with %s", err.sqlstate, err.message, sqlstate, part);
    engine_plan_release(plan);
    pg_query__parse_result__free_unpacked(parsed.tree, NULL);
}

static void broken_data(void **state) {
    Fixture *fixture = *state;
    char path[256];
    append_rows(fixture, 1, 10);
    find_file(fixture, "default/numbers/data/*.parquet", path);
    overwrite(path, "PAR1 and no more", -1);
    expect_run_error(fixture, SQLSTATE_DATA_CORRUPTED, "parquet");
    unlink(path);
    expect_run_error(fixture, SQLSTATE_UNDEFINED_FILE, "parquet");
    EngineHealth health;
    columnar_engine_ops.health(fixture->engine, &health);
    assert_true(health.up);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(broken_metadata, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_manifests, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_catalog, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_data, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
