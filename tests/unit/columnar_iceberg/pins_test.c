#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/iceberg/table_trash.h"
#include "tests/unit/columnar_ingest/table_text.h"

#define OK(expression) assert_true_ok((expression), &err, __LINE__)

static void assert_true_ok(Status status, const Error *err, int line) {
    if (status != STATUS_OK) fail_msg("line %d: %s %s", line, err->sqlstate, err->message);
}

static const TableColumn COLUMNS[] = {{"id", {.id = SQL_INT8}, false, 0}};
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

static Status append_one(TableCatalog *to, Error *err) {
    Arena arena;
    TableAppend *append;
    TRY(table_append_begin(to, NULL, "numbers", false, &append, err));
    arena_init(&arena);
    Batch batch = {.row_count = 1, .selected = 1, .column_count = 1};
    batch.columns = ARENA_NEW_ARRAY(&arena, Vector, 1);
    vector_init_flat(&batch.columns[0], COLUMNS[0].type, 1, &arena);
    ((int64_t *)batch.columns[0].values)[0] = 7;
    Status status = table_append_batch(append, &batch, err);
    arena_deinit(&arena);
    if (status == STATUS_OK) return table_append_commit(append, NULL, NULL, err);
    table_append_abort(append);
    return status;
}

static void make_table(void) {
    Error err;
    OK(table_catalog_create(catalog, NULL, "numbers", COLUMNS, 1, &err));
    OK(append_one(catalog, &err));
}

/* A process that reads a table's snapshot until it is killed. Returns when the pin is set. */
static pid_t start_reader(char path[256]) {
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        Error err;
        TableVersion *version;
        TableCatalog *own = scratch_catalog(scratch);
        TablePins *pins = table_catalog_pins(own);
        int looking = table_pins_enter(pins), held;
        if (table_catalog_load(own, NULL, "numbers", &version, &err) != STATUS_OK) _exit(1);
        table_pins_hold(pins, &version, 1, &held);
        table_pins_release(pins, &looking, 1);
        char line[256] = {0};
        snprintf(line, sizeof line, "%s", version->files[0].path);
        if (write(ready[1], line, sizeof line) != (ssize_t)sizeof line) _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], path, 256), 256);
    close(ready[0]);
    return child;
}

static void end_reader(pid_t reader) {
    kill(reader, SIGKILL);
    waitpid(reader, NULL, 0);
}

static void a_dropped_table_keeps_its_files_while_another_process_reads(void **state) {
    Error err;
    char path[256];
    make_table();
    pid_t reader = start_reader(path);
    OK(table_catalog_drop(catalog, NULL, "numbers", &err));
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(table_trash_empty(catalog), 1);
    assert_int_equal(access(path, F_OK), 0);
    end_reader(reader); /* a crash: it released nothing itself */
    assert_int_equal(table_trash_empty(catalog), 0);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_table_made_again_under_the_name_is_not_the_dropped_one(void **state) {
    Error err;
    char path[256];
    make_table();
    pid_t reader = start_reader(path);
    OK(table_catalog_drop(catalog, NULL, "numbers", &err));
    make_table();
    end_reader(reader);
    assert_int_equal(table_trash_empty(catalog), 0);
    TableText text;
    OK(table_text_read(catalog, "numbers", &text, &err));
    assert_int_equal(text.row_count, 1);
    table_text_free(&text);
}

static void a_row_that_was_not_deleted_keeps_its_table(void **state) {
    Error err;
    make_table();
    Arena arena;
    const char *entry;
    TableVersion *version;
    arena_init(&arena);
    OK(table_catalog_load(catalog, NULL, "numbers", &version, &err));
    OK(table_trash_put(catalog, version->metadata_location, &arena, &entry, &err));
    table_version_release(version);
    assert_int_equal(table_trash_empty(catalog), 1);
    TableText text;
    OK(table_text_read(catalog, "numbers", &text, &err));
    assert_int_equal(text.row_count, 1);
    table_text_free(&text);
    arena_deinit(&arena);
}

static void *leave_later(void *slot) {
    struct timespec pause = {.tv_nsec = 30000000};
    nanosleep(&pause, NULL);
    table_pins_release(table_catalog_pins(catalog), slot, 1);
    return NULL;
}

static void deleters_wait_for_readers_that_are_choosing(void **state) {
    TablePins *pins = table_catalog_pins(catalog);
    pthread_t thread;
    int slot = table_pins_enter(pins);
    assert_false(table_pins_wait_readers(pins, 5));
    pthread_create(&thread, NULL, leave_later, &slot);
    assert_true(table_pins_wait_readers(pins, 20000));
    pthread_join(thread, NULL);
}

static void readers_beyond_the_slots_stop_deletion(void **state) {
    enum { MANY = 600 };
    static int slots[MANY];
    Arena arena;
    int64_t *snapshots;
    int count;
    TableVersion version = {.snapshot_id = 5, .metadata_location = "file:///t/metadata/1.json"};
    TableVersion *one = &version;
    TablePins *pins = table_catalog_pins(catalog);
    uint64_t key = table_pins_key(version.metadata_location);
    arena_init(&arena);
    for (int i = 0; i < MANY; i++)
        table_pins_hold(pins, &one, 1, &slots[i]);
    assert_false(table_pins_snapshots(pins, key, &arena, &snapshots, &count));
    table_pins_release(pins, slots + 1, MANY - 1);
    assert_true(table_pins_snapshots(pins, key, &arena, &snapshots, &count));
    assert_int_equal(count, 1);
    assert_int_equal(snapshots[0], 5);
    assert_true(table_pins_snapshots(pins, key + 1, &arena, &snapshots, &count));
    assert_int_equal(count, 0);
    table_pins_release(pins, slots, 1);
    arena_deinit(&arena);
}

static void writers_are_seen(void **state) {
    TableCatalog *other = scratch_catalog(scratch);
    uint64_t key = table_pins_key("file:///t/metadata/1.json");
    int slot = table_pins_write(table_catalog_pins(other), "file:///t/metadata/1.json");
    assert_in_range(table_pins_oldest_writer(table_catalog_pins(catalog), key), 1, INT64_MAX - 1);
    assert_true(table_pins_oldest_writer(table_catalog_pins(catalog), key + 1) == INT64_MAX);
    table_pins_release(table_catalog_pins(other), &slot, 1);
    assert_true(table_pins_oldest_writer(table_catalog_pins(catalog), key) == INT64_MAX);
    table_catalog_close(other);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_dropped_table_keeps_its_files_while_another_process_reads),
        TEST(a_table_made_again_under_the_name_is_not_the_dropped_one),
        TEST(a_row_that_was_not_deleted_keeps_its_table),
        TEST(deleters_wait_for_readers_that_are_choosing),
        TEST(readers_beyond_the_slots_stop_deletion),
        TEST(writers_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
