/* Spill files: what is written comes back, whatever the rows look like; nothing stays on disk; limits speak.
 */
#include "tests/unit/columnar_exec/exec_harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <signal.h>

#include "engines/columnar/exec/spill.h"

typedef struct Fixture {
    char directory[64];
    Query query;
    Execution execution;
    ExecutionStats stats;
    OperatorStats operator_stats;
    Arena arena;
    RowLayout layout;
    SpillFormat format;
} Fixture;

static void setup(Fixture *fixture, const SqlType *types, int count) {
    memset(fixture, 0, sizeof *fixture);
    strcpy(fixture->directory, "/tmp/spill-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->execution.stats = &fixture->stats;
    fixture->query.execution = &fixture->execution;
    fixture->query.spill_directory = fixture->directory;
    pthread_mutex_init(&fixture->query.lock, NULL);
    budget_init(&fixture->query.budget, NULL, 64 << 20);
    arena_init(&fixture->arena);
    row_layout_init(&fixture->layout, types, count, 8, &fixture->arena);
    spill_format_init(&fixture->format, fixture->layout.width);
    spill_format_add_rows(&fixture->format, &fixture->layout, &fixture->arena);
}

static int entries_of(const char *directory) {
    DIR *open = opendir(directory);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(open));)
        count += entry->d_name[0] != '.';
    closedir(open);
    return count;
}

static void teardown(Fixture *fixture) {
    spill_space_destroy(fixture->query.spill);
    assert_int_equal(fixture->query.budget.used_bytes, 0);
    assert_int_equal(entries_of(fixture->directory), 0);
    rmdir(fixture->directory);
    arena_deinit(&fixture->arena);
    pthread_mutex_destroy(&fixture->query.lock);
}

/* Row i: its number in the first 8 bytes, a string of i % 40 letters, its number again. */
static char *make_rows(Fixture *fixture, int64_t count) {
    size_t width = fixture->layout.width;
    char *rows = arena_zalloc(&fixture->arena, (size_t)count * width + 1);
    for (int64_t i = 0; i < count; i++) {
        char *row = rows + (size_t)i * width, text[64];
        memset(text, 'a' + (int)(i % 26), sizeof text);
        uint32_t length = (uint32_t)(i % 40);
        StringView view = stringview_make(arena_strndup(&fixture->arena, text, length), length);
        memcpy(row, &i, 8);
        memcpy(row + fixture->layout.columns[0].offset, &view, sizeof view);
        memcpy(row + fixture->layout.columns[1].offset, &i, 8);
    }
    return rows;
}

static void check_row(const Fixture *fixture, const char *row, int64_t i) {
    StringView view;
    int64_t first, last;
    memcpy(&first, row, 8);
    memcpy(&last, row + fixture->layout.columns[1].offset, 8);
    memcpy(&view, row + fixture->layout.columns[0].offset, sizeof view);
    assert_int_equal(first, i);
    assert_int_equal(last, i);
    assert_int_equal(view.length, i % 40);
    for (uint32_t c = 0; c < view.length; c++)
        assert_int_equal(stringview_data(&view)[c], 'a' + (int)(i % 26));
}

static void check_file(const Fixture *fixture, const SpillFile *file, int64_t count) {
    SpillReader reader;
    Error err = {0};
    spill_reader_init(&reader, file);
    int64_t seen = 0;
    for (;;) {
        char *rows;
        int64_t got;
        assert_int_equal(spill_read(&reader, &rows, &got, &err), STATUS_OK);
        if (!got) break;
        for (int64_t r = 0; r < got; r++)
            check_row(fixture, rows + (size_t)r * fixture->layout.width, seen++);
    }
    assert_int_equal(seen, count);
    assert_int_equal(spill_row_count(file), count);
    spill_reader_deinit(&reader);
}

static const SqlType text_and_number[] = {{.id = SQL_TEXT}, {.id = SQL_INT8}};

static void round_trips(void **state) {
    static const int64_t counts[] = {0, 1, 63, 64, 65, 2048, 100000};
    Fixture fixture;
    Error err = {0};
    setup(&fixture, text_and_number, 2);
    for (int pointers = 0; pointers < 2; pointers++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            SpillFile *file;
            char *rows = make_rows(&fixture, counts[c]);
            assert_int_equal(
                spill_create(&fixture.query, &fixture.format, &fixture.operator_stats, &file, &err),
                STATUS_OK);
            for (int64_t i = 0; i < counts[c]; i += 1000) {
                int64_t part = counts[c] - i < 1000 ? counts[c] - i : 1000;
                char *of[1000], *first = rows + (size_t)i * fixture.layout.width;
                for (int64_t k = 0; k < part; k++)
                    of[k] = first + (size_t)k * fixture.layout.width;
                assert_int_equal(pointers ? spill_append_rows(file, of, part, &err)
                                          : spill_append(file, first, part, &err),
                                 STATUS_OK);
            }
            assert_int_equal(spill_finish(file, &err), STATUS_OK);
            check_file(&fixture, file, counts[c]);
            check_file(&fixture, file, counts[c]); /* read again */
            spill_destroy(file);
        }
    assert_true(fixture.operator_stats.spilled_bytes > 0);
    assert_int_equal(entries_of(fixture.directory), 0); /* without a name from the start */
    teardown(&fixture);
}

static void rows_without_strings(void **state) {
    static const SqlType types[] = {{.id = SQL_INT8}, {.id = SQL_INT8}};
    Fixture fixture;
    Error err = {0};
    setup(&fixture, types, 2);
    size_t width = fixture.layout.width;
    int64_t count = 300000;
    char *rows = arena_zalloc(&fixture.arena, (size_t)count * width);
    uint64_t random = 1;
    for (size_t i = 0; i < (size_t)count * width; i++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        rows[i] = (char)(random >> 33); /* does not compress */
    }
    SpillFile *file, *other;
    assert_int_equal(spill_create(&fixture.query, &fixture.format, NULL, &file, &err), STATUS_OK);
    assert_int_equal(spill_create(&fixture.query, &fixture.format, NULL, &other, &err), STATUS_OK);
    for (int64_t i = 0; i < count; i += 3000) { /* two files side by side in one */
        assert_int_equal(spill_append(file, rows + (size_t)i * width, 3000, &err), STATUS_OK);
        assert_int_equal(spill_append(other, rows, 100, &err), STATUS_OK);
    }
    assert_int_equal(spill_finish(file, &err), STATUS_OK);
    assert_int_equal(spill_finish(other, &err), STATUS_OK);
    spill_destroy(other);
    int64_t seen = 0;
    for (int64_t b = 0; b < spill_block_count(file); b++) {
        char *block = malloc((size_t)spill_block_bytes(file, b));
        assert_int_equal(spill_block_read(file, b, block, &err), STATUS_OK);
        assert_memory_equal(block, rows + (size_t)seen * width, (size_t)spill_block_rows(file, b) * width);
        seen += spill_block_rows(file, b);
        free(block);
    }
    assert_int_equal(seen, count);
    assert_true(spill_memory_bytes(file) == count * (int64_t)width);
    spill_destroy(file);
    teardown(&fixture);
}

static void one_huge_string(void **state) {
    Fixture fixture;
    Error err = {0};
    setup(&fixture, text_and_number, 2);
    uint32_t length = 3 << 20;
    char *text = malloc(length);
    memset(text, 'x', length);
    char *row = arena_zalloc(&fixture.arena, fixture.layout.width);
    StringView view = stringview_make(text, length);
    memcpy(row + fixture.layout.columns[0].offset, &view, sizeof view);
    SpillFile *file;
    assert_int_equal(spill_create(&fixture.query, &fixture.format, NULL, &file, &err), STATUS_OK);
    assert_int_equal(spill_append(file, row, 1, &err), STATUS_OK);
    assert_int_equal(spill_finish(file, &err), STATUS_OK);
    SpillReader reader;
    spill_reader_init(&reader, file);
    char *rows;
    int64_t count;
    assert_int_equal(spill_read(&reader, &rows, &count, &err), STATUS_OK);
    assert_int_equal(count, 1);
    memcpy(&view, rows + fixture.layout.columns[0].offset, sizeof view);
    assert_int_equal(view.length, length);
    assert_ptr_not_equal(view.pointer, text);
    assert_memory_equal(view.pointer, text, length);
    spill_reader_deinit(&reader);
    spill_destroy(file);
    free(text);
    teardown(&fixture);
}

static void switched_off(void **state) {
    Fixture fixture;
    Error err = {0};
    SpillFile *file;
    setup(&fixture, text_and_number, 2);
    fixture.query.spill_directory = NULL;
    assert_int_equal(budget_reserve(&fixture.query.budget, 60 << 20, &err), STATUS_OK);
    assert_false(query_memory_pressure(&fixture.query));
    assert_int_equal(spill_create(&fixture.query, &fixture.format, NULL, &file, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_OUT_OF_MEMORY);
    budget_release(&fixture.query.budget, 60 << 20);
    teardown(&fixture);
}

static void pressure_comes_before_refusal(void **state) {
    Fixture fixture;
    Error err = {0};
    Budget process;
    setup(&fixture, text_and_number, 2);
    assert_int_equal(budget_reserve(&fixture.query.budget, 40 << 20, &err), STATUS_OK);
    assert_false(query_memory_pressure(&fixture.query));
    assert_int_equal(query_memory_left(&fixture.query), 8 << 20);
    assert_int_equal(query_memory_free(&fixture.query), 24 << 20);
    assert_int_equal(budget_reserve(&fixture.query.budget, 8 << 20, &err), STATUS_OK);
    assert_true(query_memory_pressure(&fixture.query));
    budget_release(&fixture.query.budget, 48 << 20);
    assert_false(query_memory_pressure(&fixture.query));
    budget_init(&process, NULL, 80 << 20); /* used by others */
    fixture.query.budget.parent = &process;
    assert_int_equal(budget_reserve(&process, 70 << 20, &err), STATUS_OK);
    assert_true(query_memory_pressure(&fixture.query));
    teardown(&fixture);
}

static Status fill(Fixture *fixture, int64_t rounds, SpillFile **file, Error *err) {
    char *rows = make_rows(fixture, 20000);
    TRY(spill_create(&fixture->query, &fixture->format, NULL, file, err));
    for (int64_t i = 0; i < rounds; i++)
        TRY(spill_append(*file, rows, 20000, err));
    return spill_finish(*file, err);
}

static void limit_on_bytes(void **state) {
    Fixture fixture;
    Error err = {0};
    SpillFile *file = NULL;
    setup(&fixture, text_and_number, 2);
    fixture.query.spill_limit_bytes = 1 << 20;
    assert_int_equal(fill(&fixture, 100, &file, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DISK_FULL);
    assert_non_null(strstr(err.message, "1 MiB"));
    spill_destroy(file);
    assert_int_equal(fill(&fixture, 1, &file, &err), STATUS_OK); /* what was freed may be used again */
    spill_destroy(file);
    teardown(&fixture);
}

static void disk_full(void **state) {
    Fixture fixture;
    Error err = {0};
    SpillFile *file = NULL;
    struct rlimit before, small;
    setup(&fixture, text_and_number, 2);
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){256 << 10, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    Status status = fill(&fixture, 100, &file, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DISK_FULL);
    assert_non_null(strstr(err.message, fixture.directory));
    spill_destroy(file);
    teardown(&fixture);
}

static void leftovers_are_removed(void **state) {
    Fixture fixture;
    Error err = {0};
    char path[128];
    setup(&fixture, text_and_number, 2);
    snprintf(path, sizeof path, "%s/spill-abcdef", fixture.directory);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(entries_of(fixture.directory), 1);
    assert_int_equal(spill_directory_prepare(fixture.directory, &err), STATUS_OK);
    assert_int_equal(entries_of(fixture.directory), 0);
    rmdir(fixture.directory); /* made anew */
    assert_int_equal(spill_directory_prepare(fixture.directory, &err), STATUS_OK);
    teardown(&fixture);
}

static void cancelled(void **state) {
    Fixture fixture;
    Error err = {0};
    SpillFile *file = NULL;
    setup(&fixture, text_and_number, 2);
    fixture.query.failed = 1;
    fixture.query.error = (Error){.sqlstate = "57014"};
    assert_int_equal(fill(&fixture, 100, &file, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_QUERY_CANCELED);
    spill_destroy(file);
    teardown(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trips),
        cmocka_unit_test(rows_without_strings),
        cmocka_unit_test(one_huge_string),
        cmocka_unit_test(switched_off),
        cmocka_unit_test(pressure_comes_before_refusal),
        cmocka_unit_test(limit_on_bytes),
        cmocka_unit_test(disk_full),
        cmocka_unit_test(leftovers_are_removed),
        cmocka_unit_test(cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
