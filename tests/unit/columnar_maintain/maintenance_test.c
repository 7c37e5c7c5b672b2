#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "engines/base/clock.h"
#include "engines/columnar/iceberg/append_group.h"
#include "engines/columnar/iceberg/maintenance_due.h"
#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/iceberg/table_change.h"
#include "engines/columnar/iceberg/table_check.h"
#include "engines/columnar/maintain/background.h"
#include "engines/columnar/maintain/compaction_rows.h"
#include "engines/columnar/store/local_store.h"
#include "tests/unit/columnar_ingest/table_text.h"

#define OK(expression) assert_true_ok((expression), &err, __LINE__)

static void assert_true_ok(Status status, const Error *err, int line) {
    if (status != STATUS_OK) fail_msg("line %d: %s %s", line, err->sqlstate, err->message);
}

static const TableColumn COLUMNS[] = {{"id", {.id = SQL_INT8}, false, 0},
                                      {"place", {.id = SQL_TEXT}, true, 0},
                                      {"price", {.id = SQL_NUMERIC, .precision = 10, .scale = 2}, true, 0}};
enum { COLUMN_COUNT = 3 };

static char scratch[64];
static TableCatalog *catalog;
static Budget budget;
static ThreadPool *workers;
static ExecutorResources resources;

/* SIGNALBOX_TEST_WAREHOUSE: an empty directory for the tables of the last test, which then stay there. */
static const char *given_directory(void) {
    return getenv("SIGNALBOX_TEST_WAREHOUSE");
}

static int setup(void **state) {
    Error err;
    if (given_directory())
        snprintf(scratch, sizeof scratch, "%s", given_directory());
    else
        scratch_make(scratch);
    catalog = scratch_catalog(scratch);
    budget_init(&budget, NULL, 256 << 20);
    OK(threadpool_create(&workers, "test", 2, &err));
    resources = (ExecutorResources){.workers = workers, .budget = &budget, .query_memory_bytes = 128 << 20};
    OK(table_catalog_create(catalog, NULL, "things", COLUMNS, COLUMN_COUNT, &err));
    return 0;
}
static int teardown(void **state) {
    threadpool_destroy(workers);
    budget_deinit(&budget);
    table_catalog_close(catalog);
    if (!given_directory()) scratch_remove(scratch);
    return 0;
}

/* Rows first .. first + count - 1, their places out of order. */
static Status append_things(int64_t first, int count, Error *err) {
    Arena arena;
    TableAppend *append;
    TRY(table_append_begin(catalog, NULL, "things", false, &append, err));
    arena_init(&arena);
    Batch batch = {.row_count = count, .selected = count, .column_count = COLUMN_COUNT};
    batch.columns = ARENA_NEW_ARRAY(&arena, Vector, COLUMN_COUNT);
    for (int c = 0; c < COLUMN_COUNT; c++)
        vector_init_flat(&batch.columns[c], COLUMNS[c].type, count, &arena);
    for (int i = 0; i < count; i++) {
        int64_t id = first + i;
        ((int64_t *)batch.columns[0].values)[i] = id;
        char *place = arena_printf(&arena, "place %lld", (long long)(id * 7919 % 1000));
        ((StringView *)batch.columns[1].values)[i] = stringview_make(place, (uint32_t)strlen(place));
        ((int64_t *)batch.columns[2].values)[i] = id % 100000;
    }
    Status status = table_append_batch(append, &batch, err);
    arena_deinit(&arena);
    if (status == STATUS_OK) return table_append_commit(append, NULL, NULL, err);
    table_append_abort(append);
    return status;
}

static int compare_ids(const void *a, const void *b) {
    int64_t left = atoll(**(char **const *)a), right = atoll(**(char **const *)b);
    return left < right ? -1 : left > right;
}

/* Ids 0 .. count - 1, each once, with what belongs to them. */
static void check_things(int64_t count) {
    TableText text;
    Error err;
    OK(table_text_read(catalog, "things", &text, &err));
    assert_int_equal(text.row_count, count);
    qsort(text.cells, (size_t)count, sizeof *text.cells, compare_ids);
    for (int64_t id = 0; id < count; id++) {
        char wanted[32];
        assert_int_equal(atoll(text.cells[id][0]), id);
        snprintf(wanted, sizeof wanted, "place %lld", (long long)(id * 7919 % 1000));
        assert_string_equal(text.cells[id][1], wanted);
        snprintf(wanted, sizeof wanted, "%lld.%02lld", (long long)(id % 100000 / 100), (long long)(id % 100));
        assert_string_equal(text.cells[id][2], wanted);
    }
    table_text_free(&text);
}

static void append_many(int commits, int rows) {
    Error err;
    for (int i = 0; i < commits; i++)
        OK(append_things((int64_t)i * rows, rows, &err));
}

static MaintenanceOptions all_of_it(void) {
    MaintenanceOptions options = maintenance_defaults();
    options.thorough = true;
    options.orphan_min_age_ms = 0;
    options.rewriter = compaction_rewriter(&resources);
    return options;
}

static MaintenanceReport maintain(const MaintenanceOptions *options) {
    Error err;
    MaintenanceReport report;
    OK(maintenance_run(catalog, NULL, "things", options, &report, &err));
    return report;
}

static TableVersion *load_things(void) {
    Error err;
    TableVersion *version;
    OK(table_catalog_load(catalog, NULL, "things", &version, &err));
    return version;
}

static int file_count(void) {
    TableVersion *version = load_things();
    int count = version->file_count;
    table_version_release(version);
    return count;
}

static TableCheck check_now(void) {
    static Arena arena;
    static bool used;
    Error err;
    TableCheck found;
    TableCheckOptions options = {.deep = true};
    if (used) arena_deinit(&arena);
    used = true;
    arena_init(&arena);
    struct timespec pause = {.tv_nsec = 150000000};
    nanosleep(&pause, NULL);
    OK(table_check(catalog, NULL, "things", &options, &arena, &found, &err));
    if (found.problems) fail_msg("%s", found.messages[0]);
    return found;
}

static void small_files_become_one(void **state) {
    append_many(12, 500);
    assert_int_equal(file_count(), 12);
    MaintenanceOptions options = all_of_it();
    MaintenanceReport report = maintain(&options);
    assert_int_equal(report.files_read, 12);
    assert_int_equal(file_count(), 1);
    check_things(12 * 500);
    assert_int_equal(check_now().orphans.count, 0);
}

static void a_dry_run_changes_nothing(void **state) {
    append_many(6, 10);
    TableVersion *before = load_things(), *after;
    MaintenanceOptions options = all_of_it();
    options.dry_run = true;
    options.max_snapshots = 1;
    MaintenanceReport report = maintain(&options);
    after = load_things();
    assert_string_equal(before->metadata_location, after->metadata_location);
    assert_int_equal(report.files_read, 6);
    assert_int_equal(report.snapshots_expired, 5);
    assert_int_equal(check_now().snapshots, 6);
    table_version_release(before);
    table_version_release(after);
}

static void the_sort_order_is_made_true(void **state) {
    Error err;
    TableChange *change;
    append_many(4, 2000);
    TableVersion *base = load_things();
    OK(table_change_begin(catalog, base, &change, &err));
    table_version_release(base);
    OK(table_change_set_sort_order(change, "place, id desc", &err));
    OK(table_change_commit(change, NULL, &err));
    MaintenanceOptions options = all_of_it();
    (void)maintain(&options);
    TableText text;
    OK(table_text_read(catalog, "things", &text, &err));
    assert_int_equal(text.row_count, 8000);
    for (int64_t row = 1; row < text.row_count; row++) {
        int order = strcmp(text.cells[row - 1][1], text.cells[row][1]);
        if (order > 0 || (order == 0 && atoll(text.cells[row - 1][0]) < atoll(text.cells[row][0])))
            fail_msg("row %lld is out of order", (long long)row);
    }
    table_text_free(&text);
    check_things(8000);
    MaintenanceReport again = maintain(&options);
    assert_int_equal(again.files_read, 0); /* all is as it should be */
}

static void partitions_stay_apart(void **state) {
    Error err;
    TableChange *change;
    TableVersion *base = load_things();
    OK(table_change_begin(catalog, base, &change, &err));
    table_version_release(base);
    OK(table_change_set_partitioning(change, "bucket(4, id)", &err));
    OK(table_change_commit(change, NULL, &err));
    append_many(6, 300);
    assert_int_equal(file_count(), 24);
    MaintenanceOptions options = all_of_it();
    MaintenanceReport report = maintain(&options);
    assert_int_equal(report.groups, 4);
    assert_int_equal(file_count(), 4);
    check_things(1800);
}

static void deleted_rows_are_left_out(void **state) {
    Error err;
    TableChange *change;
    append_many(1, 1000);
    TableVersion *base = load_things();
    int64_t positions[500];
    for (int i = 0; i < 500; i++)
        positions[i] = 500 + i;
    OK(table_change_begin(catalog, base, &change, &err));
    OK(table_change_delete_positions(change, &base->files[0], positions, 500, &err));
    OK(table_change_commit(change, NULL, &err));
    table_version_release(base);
    MaintenanceOptions options = all_of_it();
    MaintenanceReport report;
    Status status = maintenance_run(catalog, NULL, "things", &options, &report, &err);
    if (status != STATUS_OK && strcmp(err.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED) == 0) skip();
    OK(status);
    assert_int_equal(report.files_read, 1);
    base = load_things();
    assert_false(base->has_deletes);
    assert_int_equal(base->files[0].row_count, 500);
    table_version_release(base);
    check_things(500);
}

static void snapshots_expire_with_their_files(void **state) {
    append_many(10, 100);
    MaintenanceOptions options = all_of_it();
    options.max_snapshots = 1;
    MaintenanceReport report = maintain(&options);
    assert_in_range(report.snapshots_expired, 10, 12);
    assert_true(report.files_removed >= 10);
    TableCheck found = check_now();
    assert_int_equal(found.snapshots, 1);
    assert_int_equal(found.files, 1);
    assert_int_equal(found.orphans.count, 0);
    check_things(1000);
}

static void young_snapshots_stay(void **state) {
    append_many(5, 10);
    MaintenanceOptions options = all_of_it();
    options.compact = false;
    options.manifests = false;
    options.max_snapshots = 3;
    MaintenanceReport report = maintain(&options);
    assert_int_equal(report.snapshots_expired, 2);
    assert_int_equal(check_now().snapshots, 3);
    options.max_snapshot_age_ms = 0;
    options.min_snapshots = 2;
    report = maintain(&options);
    assert_int_equal(report.snapshots_expired, 1);
    check_things(50);
}

static void refs_and_readers_keep_their_snapshots(void **state) {
    Error err;
    TableChange *change;
    append_many(1, 10);
    TableVersion *tagged = load_things();
    OK(table_change_begin(catalog, tagged, &change, &err));
    OK(table_change_set_ref(change, "release", true, tagged->snapshot_id, &err));
    OK(table_change_commit(change, NULL, &err));
    OK(append_things(10, 10, &err));
    TableVersion *read = load_things();
    int pin;
    TableCatalog *other = scratch_catalog(scratch); /* as in another process */
    table_pins_hold(table_catalog_pins(other), &read, 1, &pin);
    for (int i = 2; i < 6; i++)
        OK(append_things(i * 10, 10, &err));
    MaintenanceOptions options = all_of_it();
    options.max_snapshots = 1;
    (void)maintain(&options);
    assert_int_equal(check_now().snapshots, 3); /* the tag's, the reader's, the newest */
    for (int i = 0; i < read->file_count; i++)
        assert_int_equal(access(read->files[i].path, F_OK), 0);
    table_pins_release(table_catalog_pins(other), &pin, 1);
    (void)maintain(&options);
    assert_int_equal(check_now().snapshots, 2);
    for (int i = 0; i < tagged->file_count; i++)
        assert_int_equal(access(tagged->files[i].path, F_OK), 0);
    table_version_release(tagged);
    table_version_release(read);
    table_catalog_close(other);
    check_things(60);
}

/* ---- beside writers ---- */

typedef struct Race {
    pthread_t thread;
    int commits;
    _Atomic bool failed, done;
} Race;

static void *race_main(void *argument) {
    Race *race = argument;
    Error err;
    for (int i = 0; i < race->commits && !race->failed; i++)
        if (append_things((int64_t)i * 10, 10, &err) != STATUS_OK) {
            fprintf(stderr, "writer: %s %s\n", err.sqlstate, err.message);
            race->failed = true;
        }
    race->done = true;
    return NULL;
}

static void writers_go_on_meanwhile(void **state) {
    Race race = {.commits = 120};
    MaintenanceOptions options = all_of_it();
    options.max_snapshots = 5;
    pthread_create(&race.thread, NULL, race_main, &race);
    while (!race.done)
        (void)maintain(&options);
    pthread_join(race.thread, NULL);
    assert_false(race.failed);
    (void)maintain(&options);
    check_things(1200);
    assert_in_range(check_now().snapshots, 1, 6);
    assert_int_equal(file_count(), 1);
    assert_int_equal(check_now().orphans.count, 0);
}

static void nothing_is_due_of_what_did_not_change(void **state) {
    Error err;
    MaintenanceDue due;
    MaintenanceOptions options = maintenance_defaults();
    append_many(6, 10);
    OK(maintenance_due(catalog, "default", "things", &options, "", &due, &err));
    assert_true(due.compact);
    assert_false(due.expire);
    assert_false(due.manifests);
    char *location = due.location;
    OK(maintenance_due(catalog, "default", "things", &options, location, &due, &err));
    assert_false(due.compact);
    assert_null(due.location);
    free(location);
}

static size_t metadata_bytes(void) {
    struct stat info = {0};
    TableVersion *version = load_things();
    (void)stat(version->metadata_location + strlen("file://"), &info);
    table_version_release(version);
    return (size_t)info.st_size;
}

/* SIGNALBOX_TEST_COMMITS commits of one row, maintenance in the background. */
static void the_background_keeps_a_table_small(void **state) {
    Error err;
    MaintenanceBackground *background;
    char warehouse[128];
    const char *text = getenv("SIGNALBOX_TEST_COMMITS");
    int commits = text ? atoi(text) : 300;
    snprintf(warehouse, sizeof warehouse, "%s/warehouse", scratch);
    MaintenanceBackgroundOptions options = {
        .interval_ms = text ? 2000 : 100, .warehouse = warehouse, .memory_bytes = 128 << 20};
    OK(maintenance_background_start(catalog, &options, &background, &err));
    int64_t start_ns = clock_now_ns(), part_ns = start_ns;
    for (int i = 0; i < commits; i++) {
        OK(append_things(i, 1, &err));
        if (!text || (i + 1) % (commits / 10 ? commits / 10 : 1) != 0) continue;
        printf("commits: %d, the last tenth at %.0f/s, %d files, %zu bytes of metadata\n", i + 1,
               commits / 10 / ((double)(clock_now_ns() - part_ns) / 1e9), file_count(), metadata_bytes());
        part_ns = clock_now_ns();
    }
    double seconds = (double)(clock_now_ns() - start_ns) / 1e9;
    int64_t settle_ns = clock_now_ns();
    for (int i = 0; i < 300 && file_count() > 15; i++) {
        struct timespec pause = {.tv_nsec = 100000000};
        nanosleep(&pause, NULL);
    }
    if (text)
        printf("commits: %d at %.0f/s; few files again after %.1f s, %zu bytes of metadata\n", commits,
               commits / seconds, (double)(clock_now_ns() - settle_ns) / 1e9, metadata_bytes());
    maintenance_background_stop(background);
    TableVersion *version = load_things();
    assert_in_range(version->file_count, 1, 15);
    table_version_release(version);
    check_things(commits);
    (void)check_now();
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(small_files_become_one),
        TEST(a_dry_run_changes_nothing),
        TEST(the_sort_order_is_made_true),
        TEST(partitions_stay_apart),
        TEST(deleted_rows_are_left_out),
        TEST(snapshots_expire_with_their_files),
        TEST(young_snapshots_stay),
        TEST(refs_and_readers_keep_their_snapshots),
        TEST(writers_go_on_meanwhile),
        TEST(nothing_is_due_of_what_did_not_change),
        TEST(the_background_keeps_a_table_small),
    };
    if (given_directory()) cmocka_set_test_filter("the_background*");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
