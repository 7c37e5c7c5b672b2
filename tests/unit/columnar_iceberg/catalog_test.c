#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/store/local_store.h"
#include "tests/unit/columnar_ingest/table_text.h"

#define OK(expression) assert_true_ok((expression), &err, __LINE__)

static void assert_true_ok(Status status, const Error *err, int line) {
    if (status != STATUS_OK) fail_msg("line %d: %s %s", line, err->sqlstate, err->message);
}

static const TableColumn PAIR[] = {{"id", {.id = SQL_INT8}, false, 0}, {"name", {.id = SQL_TEXT}, true, 0}};

/* Rows first .. first + count - 1: (n, "row n"), each third name NULL. */
static void fill_pair(Batch *batch, int64_t first, int count, Arena *arena) {
    *batch = (Batch){.row_count = count, .selected = count, .column_count = 2};
    batch->columns = ARENA_NEW_ARRAY(arena, Vector, 2);
    vector_init_flat(&batch->columns[0], PAIR[0].type, count, arena);
    vector_init_flat(&batch->columns[1], PAIR[1].type, count, arena);
    uint64_t *validity = vector_make_validity(&batch->columns[1], count, arena);
    for (int i = 0; i < count; i++) {
        ((int64_t *)batch->columns[0].values)[i] = first + i;
        char *text = arena_printf(arena, "the row number %lld", (long long)first + i);
        ((StringView *)batch->columns[1].values)[i] = stringview_make(text, (uint32_t)strlen(text));
        if ((first + i) % 3 == 0) bitmap_clear(validity, (size_t)i);
    }
}

static Status append_pair(TableCatalog *catalog, const char *table, bool replace, int64_t first, int count,
                          Error *err) {
    Arena arena;
    Batch batch;
    TableAppend *append;
    TRY(table_append_begin(catalog, NULL, table, replace, &append, err));
    arena_init(&arena);
    fill_pair(&batch, first, count, &arena);
    Status status = table_append_batch(append, &batch, err);
    arena_deinit(&arena);
    if (status != STATUS_OK) {
        table_append_abort(append);
        return status;
    }
    return table_append_commit(append, NULL, NULL, err);
}

static void check_pair(TableCatalog *catalog, const char *table, int64_t expected) {
    TableText text;
    Error err;
    OK(table_text_read(catalog, table, &text, &err));
    assert_int_equal(text.row_count, expected);
    char *seen = calloc((size_t)expected + 1, 1);
    for (int64_t row = 0; row < text.row_count; row++) {
        int64_t id = atoll(text.cells[row][0]);
        assert_in_range(id, 0, expected - 1);
        assert_int_equal(seen[id], 0);
        seen[id] = 1;
        char wanted[64];
        snprintf(wanted, sizeof wanted, "the row number %lld", (long long)id);
        assert_string_equal(text.cells[row][1], id % 3 ? wanted : "<null>");
    }
    free(seen);
    table_text_free(&text);
}

static int counted_files;
static int count_entry(const char *path, const struct stat *info, int kind, struct FTW *walk) {
    counted_files += kind == FTW_F;
    return 0;
}
static int files_below(const char *directory) {
    counted_files = 0;
    nftw(directory, count_entry, 16, FTW_PHYS);
    return counted_files;
}

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

static void rows_come_back_with_statistics(void **state) {
    Error err;
    TableVersion *version;
    OK(table_catalog_create(catalog, NULL, "pair", PAIR, 2, &err));
    OK(table_catalog_load(catalog, NULL, "pair", &version, &err));
    assert_int_equal(version->snapshot_id, -1);
    assert_int_equal(version->row_count, 0);
    table_version_release(version);
    OK(append_pair(catalog, "pair", false, 0, 1000, &err));
    OK(append_pair(catalog, "pair", false, 1000, 500, &err));
    check_pair(catalog, "pair", 1500);
    OK(table_catalog_load(catalog, NULL, "pair", &version, &err));
    assert_int_equal(version->file_count, 2);
    const DataFile *file = version->files[0].row_count == 1000 ? &version->files[0] : &version->files[1];
    assert_true(file->stats[0].has_min_max);
    assert_int_equal(file->stats[0].min.i64, 0);
    assert_int_equal(file->stats[0].max.i64, 999);
    assert_int_equal(file->stats[1].null_count, 334);
    assert_int_equal(file->stats[1].min.string.length, 16); /* cut to 16 characters: "the row number 1" */
    assert_false(version->columns[0].nullable);
    table_version_release(version);
}

static void the_current_version_is_cached(void **state) {
    Error err;
    TableVersion *first, *second, *third;
    OK(table_catalog_create(catalog, NULL, "pair", PAIR, 2, &err));
    OK(append_pair(catalog, "pair", false, 0, 10, &err));
    OK(table_catalog_load(catalog, NULL, "pair", &first, &err));
    OK(table_catalog_load(catalog, NULL, "pair", &second, &err));
    assert_ptr_equal(first, second);
    OK(append_pair(catalog, "pair", false, 10, 10, &err));
    OK(table_catalog_load(catalog, NULL, "pair", &third, &err));
    assert_ptr_not_equal(first, third);
    assert_int_equal(first->row_count, 10); /* the old snapshot stays as it was for who holds it */
    assert_int_equal(third->row_count, 20);
    table_version_release(first);
    table_version_release(second);
    table_version_release(third);
}

static void every_type_survives(void **state) {
    static const char *const TYPES[] = {
        "int2",   "int4", "int8",        "numeric(9,2)", "numeric(38,4)", "float4",
        "float8", "text", "varchar(20)", "json",         "jsonb",         "bytea",
        "date",   "time", "timestamp",   "timestamptz",  "uuid",          "bool",
        "oid",    "name", "bpchar(4)",   "int4[]",       "varchar(9)[]",  "numeric(12,3)[]"};
    enum { COUNT = sizeof TYPES / sizeof *TYPES };
    TableColumn columns[COUNT];
    Error err;
    for (int i = 0; i < COUNT; i++)
        columns[i] = (TableColumn){TYPES[i], sqltype_from_name(TYPES[i]), i % 2 == 0, 0};
    OK(table_catalog_create(catalog, "lab", "types", columns, COUNT, &err));
    TableVersion *version;
    OK(table_catalog_load(catalog, "lab", "types", &version, &err));
    assert_int_equal(version->column_count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        char have[SQLTYPE_NAME_BYTES], want[SQLTYPE_NAME_BYTES];
        assert_string_equal(sqltype_name(version->columns[i].type, true, have),
                            sqltype_name(columns[i].type, true, want));
        assert_int_equal(version->columns[i].nullable, i % 2 == 0);
        assert_int_equal(version->columns[i].field_id, i + 1);
        assert_int_equal(version->columns[i].element_id, columns[i].type.is_array ? i + 4 : 0);
        assert_false(version->columns[i].nested);
    }
    table_version_release(version);
    columns[0].type = sqltype_of(SQL_INTERVAL);
    assert_int_equal(table_catalog_create(catalog, NULL, "interval", columns, 1, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_FEATURE_NOT_SUPPORTED);
}

static void bounds_are_bounds(void **state) {
    StrBuf out;
    strbuf_init(&out);
    union ParquetBound bound, back;
    static const int64_t DECIMALS[] = {0, 1, -1, 127, 128, -128, -129, 255, 256, 123456789, -123456789};
    for (size_t i = 0; i < sizeof DECIMALS / sizeof *DECIMALS; i++) {
        strbuf_reset(&out);
        bound.i64 = DECIMALS[i];
        assert_true(iceberg_bound_encode(sqltype_numeric(12, 2), &bound, false, &out));
        assert_true(iceberg_bound_decode(sqltype_numeric(12, 2), strbuf_text(&out), out.length, &back));
        assert_int_equal(back.i64, DECIMALS[i]);
    }
    assert_int_equal(out.length, 4); /* -123456789 in the fewest bytes */
    /* Four bytes are a number of before it was widened, but no time: they are days. */
    assert_true(iceberg_bound_decode(sqltype_of(SQL_INT8), "\1\0\0\0", 4, &back));
    assert_int_equal(back.i64, 1);
    assert_false(iceberg_bound_decode(sqltype_of(SQL_TIMESTAMP), "\1\0\0\0", 4, &back));
    strbuf_reset(&out);
    bound.string = stringview_make("aaaaaaaaaaaaaaaz and more", 25);
    assert_true(iceberg_bound_encode(sqltype_of(SQL_TEXT), &bound, true, &out));
    assert_string_equal(strbuf_text(&out), "aaaaaaaaaaaaaaa{");
    strbuf_reset(&out);
    bound.string = stringview_make("0123456789abcde\xF4\x8F\xBF\xBFtail", 23);
    assert_true(iceberg_bound_encode(sqltype_of(SQL_TEXT), &bound, true, &out));
    assert_string_equal(strbuf_text(&out), "0123456789abcdf"); /* U+10FFFF has no successor */
    strbuf_deinit(&out);
}

static void names_are_checked(void **state) {
    Error err;
    OK(table_catalog_create(catalog, NULL, "pair", PAIR, 2, &err));
    assert_int_equal(table_catalog_create(catalog, NULL, "pair", PAIR, 2, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DUPLICATE_TABLE);
    TableVersion *version;
    assert_int_equal(table_catalog_load(catalog, NULL, "absent", &version, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_UNDEFINED_TABLE);
    /* A name is data, not a path. */
    OK(table_catalog_create(catalog, "..", "../../etc/passwd", PAIR, 2, &err));
    OK(append_pair(catalog, "pair", false, 0, 5, &err));
    OK(table_catalog_load(catalog, "..", "../../etc/passwd", &version, &err));
    char inside[128];
    snprintf(inside, sizeof inside, "file://%s/warehouse/", scratch);
    assert_memory_equal(version->metadata_location, inside, strlen(inside));
    assert_null(strstr(version->metadata_location, "/.."));
    table_version_release(version);
    Arena arena;
    TableName *names;
    int count;
    arena_init(&arena);
    OK(table_catalog_list(catalog, &arena, &names, &count, &err));
    assert_int_equal(count, 2);
    arena_deinit(&arena);
}

static void not_null_is_kept(void **state) {
    static const TableColumn STRICT[] = {{"id", {.id = SQL_INT8}, false, 0},
                                         {"name", {.id = SQL_TEXT}, false, 0}};
    Error err;
    OK(table_catalog_create(catalog, NULL, "strict", STRICT, 2, &err));
    assert_int_equal(append_pair(catalog, "strict", false, 0, 10, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "23502");
    check_pair(catalog, "strict", 0);
}

static void replacing_gives_the_new_rows_only(void **state) {
    Error err;
    OK(table_catalog_create(catalog, NULL, "pair", PAIR, 2, &err));
    OK(append_pair(catalog, "pair", false, 0, 100, &err));
    OK(append_pair(catalog, "pair", true, 0, 7, &err));
    check_pair(catalog, "pair", 7);
    /* Other columns by create-or-replace: those that stay keep their field id. */
    static const TableColumn WIDER[] = {{"extra", {.id = SQL_DATE}, true, 0},
                                        {"id", {.id = SQL_INT8}, true, 0}};
    TableAppend *append;
    OK(table_append_begin_create(catalog, NULL, "pair", WIDER, 2, true, &append, &err));
    int64_t snapshot;
    OK(table_append_commit(append, NULL, &snapshot, &err));
    TableVersion *version;
    OK(table_catalog_load(catalog, NULL, "pair", &version, &err));
    assert_int_equal(version->snapshot_id, snapshot);
    assert_int_equal(version->row_count, 0);
    assert_int_equal(version->columns[0].field_id, 3);
    assert_int_equal(version->columns[1].field_id, 1);
    table_version_release(version);
}

static void dropping_removes_the_files(void **state) {
    Error err;
    char warehouse[128];
    snprintf(warehouse, sizeof warehouse, "%s/warehouse/default", scratch);
    OK(table_catalog_create(catalog, NULL, "pair", PAIR, 2, &err));
    for (int i = 0; i < 3; i++)
        OK(append_pair(catalog, "pair", i == 2, 0, 10, &err));
    assert_true(files_below(warehouse) >= 3);
    OK(table_catalog_drop(catalog, NULL, "pair", &err));
    assert_int_equal(files_below(warehouse), 0);
    assert_int_equal(table_catalog_drop(catalog, NULL, "pair", &err), STATUS_ERROR);
    OK(table_catalog_create(catalog, NULL, "pair", PAIR, 2, &err));
    check_pair(catalog, "pair", 0);
}

static void aborting_leaves_nothing(void **state) {
    Error err;
    Arena arena;
    Batch batch;
    TableAppend *append;
    char warehouse[128];
    snprintf(warehouse, sizeof warehouse, "%s/warehouse/default", scratch);
    OK(table_append_begin_create(catalog, NULL, "pair", PAIR, 2, false, &append, &err));
    arena_init(&arena);
    fill_pair(&batch, 0, 100, &arena);
    OK(table_append_batch(append, &batch, &err));
    arena_deinit(&arena);
    table_append_abort(append);
    assert_int_equal(files_below(warehouse), 0);
    TableVersion *version;
    assert_int_equal(table_catalog_load(catalog, NULL, "pair", &version, &err), STATUS_ERROR);
}

static void await_exit(pid_t child, int expected_signal) {
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (expected_signal)
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == expected_signal);
    else
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

enum { WRITERS = 4, COMMITS = 12, ROWS_PER_COMMIT = 25 };

static void processes_append_at_once_and_lose_nothing(void **state) {
    Error err;
    OK(table_catalog_create(catalog, NULL, "pair", PAIR, 2, &err));
    pid_t children[WRITERS];
    for (int writer = 0; writer < WRITERS; writer++) {
        children[writer] = fork();
        if (children[writer] == 0) {
            TableCatalog *own = scratch_catalog(scratch); /* SQLite connections do not survive a fork */
            Status status = STATUS_OK;
            for (int i = 0; i < COMMITS && status == STATUS_OK; i++)
                status = append_pair(own, "pair", false, (int64_t)(writer * COMMITS + i) * ROWS_PER_COMMIT,
                                     ROWS_PER_COMMIT, &err);
            if (status != STATUS_OK) fprintf(stderr, "writer %d: %s\n", writer, err.message);
            _exit(status != STATUS_OK);
        }
    }
    for (int writer = 0; writer < WRITERS; writer++)
        await_exit(children[writer], 0);
    check_pair(catalog, "pair", WRITERS * COMMITS * ROWS_PER_COMMIT);
    /* No leftovers of lost races: per commit a data file, a manifest, a list and a metadata file, and one for
     * the creation. */
    char table[128];
    snprintf(table, sizeof table, "%s/warehouse/default/pair", scratch);
    assert_in_range(files_below(table), 5, 4 * WRITERS * COMMITS + 1); /* inserts may share a commit */
}

static const char *step_to_die_at;
static void die_at_step(const char *step) {
    if (strcmp(step, step_to_die_at) == 0) raise(SIGKILL);
}

static void a_crash_at_any_step_leaves_the_last_commit(void **state) {
    static const char *const STEPS[] = {"data file", "manifest", "manifest list", "metadata"};
    Error err;
    OK(table_catalog_create(catalog, NULL, "pair", PAIR, 2, &err));
    OK(append_pair(catalog, "pair", false, 0, 50, &err));
    for (size_t i = 0; i < sizeof STEPS / sizeof *STEPS; i++) {
        for (int replace = 0; replace < 2; replace++) {
            pid_t child = fork();
            if (child == 0) {
                step_to_die_at = STEPS[i];
                table_append_step_hook = die_at_step;
                TableCatalog *own = scratch_catalog(scratch);
                (void)!append_pair(own, "pair", replace, 1000, 50, &err);
                _exit(0);
            }
            await_exit(child, SIGKILL);
            check_pair(catalog, "pair", 50);
        }
    }
    OK(append_pair(catalog, "pair", false, 50, 50, &err));
    check_pair(catalog, "pair", 100);
}

static void a_read_only_directory_is_named(void **state) {
    Error err;
    OK(table_catalog_create(catalog, NULL, "pair", PAIR, 2, &err));
    assert_int_equal(chmod(scratch, 0755), 0);
    pid_t child = fork();
    if (child == 0) {
        /* Root may write anywhere, so the try is made as nobody. */
        if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(2);
        char path[128], warehouse[128];
        snprintf(path, sizeof path, "%s/catalog.db", scratch);
        snprintf(warehouse, sizeof warehouse, "%s/warehouse/new", scratch);
        TableCatalog *own;
        Error problem = {0};
        bool refused = table_catalog_open(path, warehouse, &own, &problem) == STATUS_ERROR &&
                       strstr(problem.message, warehouse) != NULL;
        snprintf(warehouse, sizeof warehouse, "%s/warehouse", scratch);
        refused = refused &&
                  (table_catalog_open(path, warehouse, &own, &problem) == STATUS_ERROR ||
                   append_pair(own, "pair", false, 0, 10, &problem) == STATUS_ERROR) &&
                  strstr(problem.message, scratch) != NULL;
        if (!refused) fprintf(stderr, "as nobody: \"%s\"\n", problem.message);
        _exit(refused ? 0 : 1);
    }
    await_exit(child, 0);
    check_pair(catalog, "pair", 0);
}

static void a_stale_swap_changes_nothing(void **state) {
    Error err;
    OK(table_catalog_create(catalog, NULL, "pair", PAIR, 2, &err));
    bool swapped;
    OK(catalog_db_swap(catalog->db, "default", "pair", "file:///not/the/one", "file:///other", &swapped,
                       &err));
    assert_false(swapped);
    check_pair(catalog, "pair", 0);
}

static void namespaces_live_without_tables(void **state) {
    Error err;
    bool done;
    const char **names;
    int count;
    Arena arena;
    arena_init(&arena);
    OK(table_catalog_create_namespace(catalog, "sales", &done, &err));
    assert_true(done);
    OK(table_catalog_create_namespace(catalog, "sales", &done, &err));
    assert_false(done);
    OK(table_catalog_create(catalog, "other", "t", PAIR, 1, &err));
    OK(table_catalog_create_namespace(catalog, "other", &done, &err));
    assert_false(done);
    OK(table_catalog_namespaces(catalog, &arena, &names, &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(names[0], "default"); /* a new catalog has it */
    assert_string_equal(names[1], "other");
    assert_string_equal(names[2], "sales");
    OK(table_catalog_drop_namespace(catalog, "other", &done, &err));
    assert_false(done);
    OK(table_catalog_drop(catalog, "other", "t", &err));
    OK(table_catalog_drop_namespace(catalog, "other", &done, &err));
    assert_true(done);
    OK(table_catalog_drop_namespace(catalog, "sales", &done, &err));
    assert_true(done);
    OK(table_catalog_drop_namespace(catalog, "sales", &done, &err));
    assert_false(done);
    OK(table_catalog_namespaces(catalog, &arena, &names, &count, &err));
    assert_int_equal(count, 1);
    arena_deinit(&arena);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(rows_come_back_with_statistics),
        TEST(namespaces_live_without_tables),
        TEST(the_current_version_is_cached),
        TEST(every_type_survives),
        TEST(bounds_are_bounds),
        TEST(names_are_checked),
        TEST(not_null_is_kept),
        TEST(replacing_gives_the_new_rows_only),
        TEST(dropping_removes_the_files),
        TEST(aborting_leaves_nothing),
        TEST(processes_append_at_once_and_lose_nothing),
        TEST(a_crash_at_any_step_leaves_the_last_commit),
        TEST(a_read_only_directory_is_named),
        TEST(a_stale_swap_changes_nothing),
    };
    return run_on_both_catalogs(tests);
}
