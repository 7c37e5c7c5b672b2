/* Many queries at once over one engine while another process replaces and appends to the table they read, and
 * drops it. */
#include "tests/unit/columnar/engine_fixture.h"

#include <pthread.h>
#include <sys/wait.h>

enum { READERS = 4, VERSIONS = 30 };

/* Version k of the table is k rows, each with a = b = k. */
static void commit_version(TableCatalog *catalog, int version, bool replace, int count) {
    Error err = {0};
    Arena arena;
    TableAppend *append = NULL;
    arena_init(&arena);
    Vector columns[2];
    vector_init_flat(&columns[0], sqltype_of(SQL_INT4), count, &arena);
    vector_init_flat(&columns[1], sqltype_of(SQL_INT8), count, &arena);
    for (int i = 0; i < count; i++) {
        ((int32_t *)columns[0].values)[i] = version;
        ((int64_t *)columns[1].values)[i] = version;
    }
    Batch batch = {.row_count = count, .column_count = 2, .columns = columns, .selected = count};
    if (table_append_begin(catalog, "default", "numbers", replace, &append, &err) != STATUS_OK ||
        table_append_batch(append, &batch, &err) != STATUS_OK ||
        table_append_commit(append, NULL, NULL, &err) != STATUS_OK) {
        fprintf(stderr, "writer: %s\n", err.message);
        _exit(1);
    }
    arena_deinit(&arena);
}

/* Starts before the engine does, so that the child has none of its threads; waits for a byte to begin. */
static pid_t start_writer(const Fixture *fixture, int *go) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    *go = ends[1];
    if (child) {
        close(ends[0]);
        return child;
    }
    char byte;
    close(ends[1]);
    if (read(ends[0], &byte, 1) != 1) _exit(1);
    TableCatalog *catalog;
    Error err = {0};
    if (table_catalog_open(fixture->catalog_path, fixture->directory, &catalog, &err) != STATUS_OK) _exit(1);
    for (int version = 2; version <= VERSIONS; version++)
        commit_version(catalog, version, true, version);
    table_catalog_close(catalog);
    _exit(0);
}

typedef struct Reader {
    Fixture *fixture;
    EnginePlan *plan;
    _Atomic bool *over;
    int64_t runs;
    const char *wrong;
    Error err;
} Reader;

static void *read_on(void *argument) {
    Reader *reader = argument;
    int64_t last = 0;
    while (!reader->wrong && (last < VERSIONS || !reader->runs)) {
        bool over = atomic_load(reader->over);
        int64_t value = 0;
        if (try_single_value(reader->fixture, reader->plan, NULL, 0, &value, &reader->err) != STATUS_OK)
            reader->wrong = reader->err.message;
        else if (value < 1)
            reader->wrong = "rows of two versions in one answer";
        else if (value < last)
            reader->wrong = "an older version after a newer one";
        else if (over && value < VERSIONS)
            reader->wrong = "the last version is not seen";
        last = value;
        reader->runs++;
    }
    return NULL;
}

static pid_t writer;
static int writer_go;

static int setup_with_writer(void **state) {
    Fixture early = {0};
    strcpy(early.directory, "/tmp/signalbox-engine-test-XXXXXX");
    assert_non_null(mkdtemp(early.directory));
    snprintf(early.catalog_path, sizeof early.catalog_path, "%s/catalog.db", early.directory);
    writer = start_writer(&early, &writer_go);
    return setup_in(state, early.directory);
}

static void test_readers_see_whole_versions_only(void **state) {
    Fixture *fixture = *state;
    static const char *const statements[] = {
        "select case when count(*) = min(b) and min(b) = max(a) then count(*) else -1 end from numbers",
        "select max(n) from (select a, count(*) as n from numbers group by a having count(*) = min(b)) x",
        "select count(*) from numbers x where b = (select max(a) from numbers)"};
    commit_version(fixture->catalog, 1, false, 1);
    Parsed parsed[READERS];
    Reader readers[READERS];
    pthread_t threads[READERS];
    _Atomic bool over = false;
    for (int i = 0; i < READERS; i++) {
        /* Two threads share the first plan. */
        parse(statements[i % 3], 0, &parsed[i]);
        readers[i] =
            (Reader){.fixture = fixture,
                     .over = &over,
                     .plan = i == 3 ? engine_plan_retain(readers[0].plan) : plan_of(fixture, &parsed[i])};
    }
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
    assert_int_equal(write(writer_go, "g", 1), 1);
    int status;
    assert_int_equal(waitpid(writer, &status, 0), writer);
    atomic_store(&over, true);
    assert_int_equal(status, 0);
    for (int i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < READERS; i++) {
        if (readers[i].wrong) fail_msg("%s: %s", statements[i % 3], readers[i].wrong);
        engine_plan_release(readers[i].plan);
        pg_query__parse_result__free_unpacked(parsed[i].tree, NULL);
    }
    close(writer_go);
}

/* What a stream of the old plan gives when its files have gone: the rows, or one clear error. */
static void test_a_dropped_table(void **state) {
    Fixture *fixture = *state;
    Parsed parsed;
    append_rows(fixture, 1, 100);
    parse("select a from numbers", 0, &parsed);
    EnginePlan *plan = plan_of(fixture, &parsed);
    ExecutionStats stats = {0};
    Execution execution = {.stats = &stats};
    ArrowArrayStream stream;
    ArrowArray array;
    Error err = {0};
    assert_int_equal(columnar_engine_ops.execute(fixture->engine, plan, &execution, &stream, &err),
                     STATUS_OK);
    assert_int_equal(table_catalog_drop(fixture->catalog, "default", "numbers", &err), STATUS_OK);
    /* A reader keeps its snapshot's files until it ends. */
    int64_t rows = 0;
    for (;;) {
        assert_int_equal(arrow_stream_next(&stream, &array, &err), STATUS_OK);
        if (!array.release) break;
        rows += array.length;
        arrow_array_release(&array);
    }
    assert_int_equal(rows, 100);
    arrow_stream_release(&stream);
    assert_int_equal(columnar_engine_ops.execute(fixture->engine, plan, &execution, &stream, &err),
                     STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_UNDEFINED_TABLE);
    engine_plan_release(plan);
    pg_query__parse_result__free_unpacked(parsed.tree, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_readers_see_whole_versions_only, setup_with_writer, teardown),
        cmocka_unit_test_setup_teardown(test_a_dropped_table, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
