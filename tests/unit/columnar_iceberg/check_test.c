#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/iceberg/table_check.h"
#include "engines/columnar/store/local_store.h"
#include "tests/unit/columnar_ingest/table_text.h"

#define OK(expression) assert_true_ok((expression), &err, __LINE__)

static void assert_true_ok(Status status, const Error *err, int line) {
    if (status != STATUS_OK) fail_msg("line %d: %s %s", line, err->sqlstate, err->message);
}

static const TableColumn COLUMNS[] = {{"id", {.id = SQL_INT8}, false, 0}};
static char scratch[64];
static TableCatalog *catalog;
static Arena arena;

static Status append_row(TableCatalog *to, Error *err) {
    TableAppend *append;
    TRY(table_append_begin(to, NULL, "numbers", false, &append, err));
    Batch batch = {.row_count = 1, .selected = 1, .column_count = 1};
    batch.columns = ARENA_NEW_ARRAY(&arena, Vector, 1);
    vector_init_flat(&batch.columns[0], COLUMNS[0].type, 1, &arena);
    ((int64_t *)batch.columns[0].values)[0] = 7;
    Status status = table_append_batch(append, &batch, err);
    if (status == STATUS_OK) return table_append_commit(append, NULL, NULL, err);
    table_append_abort(append);
    return status;
}

static int setup(void **state) {
    Error err;
    scratch_make(scratch);
    catalog = scratch_catalog(scratch);
    arena_init(&arena);
    OK(table_catalog_create(catalog, NULL, "numbers", COLUMNS, 1, &err));
    for (int i = 0; i < 3; i++)
        OK(append_row(catalog, &err));
    return 0;
}
static int teardown(void **state) {
    arena_deinit(&arena);
    table_catalog_close(catalog);
    scratch_remove(scratch);
    return 0;
}

static TableCheck check_now(bool deep) {
    Error err;
    TableCheck found;
    TableCheckOptions options = {.deep = deep};
    struct timespec pause = {.tv_nsec = 150000000}; /* files look older than the clock's tick */
    nanosleep(&pause, NULL);
    OK(table_check(catalog, NULL, "numbers", &options, &arena, &found, &err));
    return found;
}

static const char *first_file(void) {
    Error err;
    TableVersion *version;
    OK(table_catalog_load(catalog, NULL, "numbers", &version, &err));
    const char *path = arena_strdup(&arena, version->files[0].path);
    table_version_release(version);
    return path;
}

static void a_whole_table_has_no_problems(void **state) {
    TableCheck found = check_now(true);
    assert_int_equal(found.problems, 0);
    assert_int_equal(found.snapshots, 3);
    assert_int_equal(found.files, 3);
    assert_int_equal(found.rows, 3);
    assert_int_equal(found.orphans.count, 0);
}

static void a_missing_file_is_named(void **state) {
    const char *path = first_file();
    assert_int_equal(unlink(path), 0);
    TableCheck found = check_now(false);
    assert_int_equal(found.problems, 1);
    assert_non_null(strstr(found.messages[0], path));
    assert_int_equal(found.orphans.count, 0);
}

static void a_file_cut_short_is_named(void **state) {
    const char *path = first_file();
    assert_int_equal(truncate(path, 100), 0);
    TableCheck found = check_now(false);
    assert_int_equal(found.problems, 1);
    assert_non_null(strstr(found.messages[0], "has 100 bytes"));
}

static void only_a_deep_check_reads_pages(void **state) {
    const char *path = first_file();
    struct stat before;
    assert_int_equal(stat(path, &before), 0);
    int fd = open(path, O_RDWR);
    char bytes[40];
    memset(bytes, 0xAA, sizeof bytes);
    assert_int_equal(pwrite(fd, bytes, sizeof bytes, 4), sizeof bytes);
    close(fd);
    assert_int_equal(check_now(false).problems, 0);
    assert_int_equal(check_now(true).problems, 1);
}

static void a_broken_manifest_list_is_a_problem(void **state) {
    Error err;
    TableVersion *version;
    TableMetadata metadata;
    const char *path;
    OK(table_catalog_load(catalog, NULL, "numbers", &version, &err));
    OK(table_catalog_read_metadata(version->metadata_location, &arena, &metadata, &err));
    OK(store_path_from_uri(metadata.manifest_list, &arena, &path, &err));
    assert_int_equal(unlink(path), 0);
    table_metadata_deinit(&metadata);
    table_version_release(version);
    TableCheck found = check_now(false);
    assert_int_equal(found.problems, 1);
    assert_int_equal(found.snapshots, 3);
}

static const char *step_to_die_at;
static void die_at_step(const char *step) {
    if (strcmp(step, step_to_die_at) == 0) raise(SIGKILL);
}

static void a_crash_leaves_orphans_that_are_removed(void **state) {
    static const char *const STEPS[] = {"data file", "manifest", "manifest list", "metadata"};
    Error err;
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
        pid_t child = fork();
        if (child == 0) {
            step_to_die_at = STEPS[i];
            table_append_step_hook = die_at_step;
            TableCatalog *own = scratch_catalog(scratch);
            (void)!append_row(own, &err);
            _exit(0);
        }
        waitpid(child, NULL, 0);
        TableCheck found = check_now(false);
        assert_int_equal(found.problems, 0);
        assert_int_equal(found.orphans.count, (int)i + 1);
        int removed;
        OK(table_orphans_remove(&found.orphans, &removed, &err));
        assert_int_equal(removed, (int)i + 1);
        assert_int_equal(check_now(true).orphans.count, 0);
    }
}

/* What a writer in another process is still writing is nobody's orphan. */
static void files_of_a_commit_under_way_are_kept(void **state) {
    Error err;
    const char *path = arena_printf(&arena, "%s.parquet", first_file());
    TableVersion *version;
    TableCatalog *other = scratch_catalog(scratch);
    OK(table_catalog_load(catalog, NULL, "numbers", &version, &err));
    int writer = table_pins_write(table_catalog_pins(other), version->metadata_location);
    OK(store_write_durable(path, "x", 1, &err));
    assert_int_equal(check_now(false).orphans.count, 0);
    table_pins_release(table_catalog_pins(other), &writer, 1);
    assert_int_equal(check_now(false).orphans.count, 1);
    table_version_release(version);
    table_catalog_close(other);
}

static void directories_of_no_table_are_found(void **state) {
    Error err;
    OrphanList strays;
    char path[256];
    snprintf(path, sizeof path, "%s/warehouse/default/gone/data", scratch);
    OK(store_make_directories(path, &err));
    OK(store_write_durable(strcat(path, "/a.parquet"), "x", 1, &err));
    OK(table_orphans_find_strays(catalog, 3600000, &arena, &strays, &err));
    assert_int_equal(strays.count, 0);
    (void)check_now(false);
    OK(table_orphans_find_strays(catalog, 0, &arena, &strays, &err));
    assert_int_equal(strays.count, 1);
    assert_string_equal(strays.paths[0], path);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_whole_table_has_no_problems),
        TEST(a_missing_file_is_named),
        TEST(a_file_cut_short_is_named),
        TEST(only_a_deep_check_reads_pages),
        TEST(a_broken_manifest_list_is_a_problem),
        TEST(a_crash_leaves_orphans_that_are_removed),
        TEST(files_of_a_commit_under_way_are_kept),
        TEST(directories_of_no_table_are_found),
    };
    return run_on_both_catalogs(tests);
}
