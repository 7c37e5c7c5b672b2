#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "engines/base/clock.h"
#include "engines/columnar/iceberg/append_group.h"
#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/iceberg/table_check.h"
#include "tests/unit/columnar_ingest/table_text.h"

#define OK(expression) assert_true_ok((expression), &err, __LINE__)

static void assert_true_ok(Status status, const Error *err, int line) {
    if (status != STATUS_OK) fail_msg("line %d: %s %s", line, err->sqlstate, err->message);
}

/* writer, number: each insert is the pair (w, 2n), (w, 2n + 1), so that half an insert would be seen. */
static const TableColumn COLUMNS[] = {{"writer", {.id = SQL_INT4}, false, 0},
                                      {"number", {.id = SQL_INT8}, false, 0},
                                      {"note", {.id = SQL_TEXT}, true, 0}};
enum { COLUMN_COUNT = 3, ROWS_PER_INSERT = 2, MAX_WRITERS = 16 };

static char scratch[64];
static TableCatalog *catalog;

static int setup(void **state) {
    Error err;
    scratch_make(scratch);
    catalog = scratch_catalog(scratch);
    OK(table_catalog_create(catalog, NULL, "inserts", COLUMNS, COLUMN_COUNT, &err));
    return 0;
}
static int teardown(void **state) {
    table_catalog_close(catalog);
    scratch_remove(scratch);
    return 0;
}

static Status insert_rows(TableCatalog *to, int writer, int64_t first, int rows, int64_t *snapshot_id,
                          Error *err) {
    Arena arena;
    AppendGroup *group;
    TRY(append_group_begin(to, NULL, "inserts", &group, err));
    arena_init(&arena);
    Batch batch = {.row_count = rows, .selected = rows, .column_count = COLUMN_COUNT};
    batch.columns = ARENA_NEW_ARRAY(&arena, Vector, COLUMN_COUNT);
    for (int c = 0; c < COLUMN_COUNT; c++)
        vector_init_flat(&batch.columns[c], COLUMNS[c].type, rows, &arena);
    uint64_t *valid = vector_make_validity(&batch.columns[2], rows, &arena);
    for (int i = 0; i < rows; i++) {
        ((int32_t *)batch.columns[0].values)[i] = writer;
        ((int64_t *)batch.columns[1].values)[i] = first + i;
        char *note = arena_printf(&arena, "number %lld", (long long)first + i);
        ((StringView *)batch.columns[2].values)[i] = stringview_make(note, (uint32_t)strlen(note));
        if (i % 3 == 2) bitmap_clear(valid, (size_t)i);
    }
    Status status = append_group_batch(group, &batch, err);
    arena_deinit(&arena);
    if (status == STATUS_OK) return append_group_commit(group, NULL, snapshot_id, err);
    append_group_abort(group);
    return status;
}

/* Every writer's numbers are 0 .. n - 1, each once, whole inserts only; `counts` receives n. */
static bool read_consistent(TableCatalog *from, int64_t counts[MAX_WRITERS]) {
    TableText text;
    Error err;
    TablePins *pins = table_catalog_pins(from);
    int looking = table_pins_enter(pins), held;
    TableVersion *version;
    bool good = table_catalog_load(from, NULL, "inserts", &version, &err) == STATUS_OK;
    if (!good) {
        fprintf(stderr, "reader: %s\n", err.message);
        return false;
    }
    table_pins_hold(pins, &version, 1, &held);
    table_pins_release(pins, &looking, 1);
    good = table_text_read_version(version, &text, &err) == STATUS_OK;
    if (!good) fprintf(stderr, "reader: %s %s\n", err.sqlstate, err.message);
    int64_t highest[MAX_WRITERS], sum[MAX_WRITERS] = {0};
    memset(counts, 0, sizeof(int64_t) * MAX_WRITERS);
    memset(highest, -1, sizeof highest);
    for (int64_t row = 0; good && row < text.row_count; row++) {
        int writer = atoi(text.cells[row][0]);
        int64_t number = atoll(text.cells[row][1]);
        counts[writer]++;
        sum[writer] += number;
        if (number > highest[writer]) highest[writer] = number;
    }
    for (int w = 0; w < MAX_WRITERS && good; w++) {
        good = counts[w] == highest[w] + 1 && counts[w] % ROWS_PER_INSERT == 0 &&
               sum[w] == counts[w] * (counts[w] - 1) / 2;
        if (!good)
            fprintf(stderr, "writer %d: %lld rows, the highest %lld\n", w, (long long)counts[w],
                    (long long)highest[w]);
    }
    table_text_free(&text);
    table_pins_release(pins, &held, 1);
    return good;
}

static int snapshot_count(void) {
    Error err;
    Arena arena;
    TableCheck found;
    TableCheckOptions options = {.orphan_min_age_ms = 0};
    arena_init(&arena);
    OK(table_check(catalog, NULL, "inserts", &options, &arena, &found, &err));
    assert_int_equal(found.problems, 0);
    int count = (int)found.snapshots;
    arena_deinit(&arena);
    return count;
}

typedef struct Writer {
    pthread_t thread;
    int number, inserts;
    bool failed;
} Writer;

static void *write_main(void *argument) {
    Writer *writer = argument;
    Error err;
    for (int i = 0; i < writer->inserts && !writer->failed; i++) {
        int64_t snapshot_id = -1;
        writer->failed = insert_rows(catalog, writer->number, (int64_t)i * ROWS_PER_INSERT, ROWS_PER_INSERT,
                                     &snapshot_id, &err) != STATUS_OK ||
                         snapshot_id == -1;
    }
    return NULL;
}

static void threads_share_commits(void **state) {
    enum { THREADS = 8, INSERTS = 10 };
    Writer writers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (Writer){.number = i, .inserts = INSERTS};
        pthread_create(&writers[i].thread, NULL, write_main, &writers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(writers[i].thread, NULL);
        assert_false(writers[i].failed);
    }
    int64_t counts[MAX_WRITERS];
    assert_true(read_consistent(catalog, counts));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(counts[i], INSERTS * ROWS_PER_INSERT);
    assert_in_range(snapshot_count(), 1, THREADS * INSERTS / 2);
}

static void one_alone_is_committed_too(void **state) {
    Error err;
    int64_t snapshot_id, counts[MAX_WRITERS];
    OK(insert_rows(catalog, 1, 0, 2000, &snapshot_id, &err));
    assert_true(read_consistent(catalog, counts));
    assert_int_equal(counts[1], 2000);
    TableVersion *version;
    OK(table_catalog_load(catalog, NULL, "inserts", &version, &err));
    assert_true(version->snapshot_id == snapshot_id);
    table_version_release(version);
}

static void too_many_rows_go_on_as_an_append(void **state) {
    Error err;
    Arena arena;
    AppendGroup *group;
    int64_t rows, snapshot_id, counts[MAX_WRITERS];
    OK(append_group_begin(catalog, NULL, "inserts", &group, &err));
    arena_init(&arena);
    enum { BATCHES = 150 };
    for (int b = 0; b < BATCHES; b++) {
        Batch batch = {.row_count = BATCH_ROWS, .selected = BATCH_ROWS, .column_count = COLUMN_COUNT};
        batch.columns = ARENA_NEW_ARRAY(&arena, Vector, COLUMN_COUNT);
        for (int c = 0; c < COLUMN_COUNT; c++)
            vector_init_flat(&batch.columns[c], COLUMNS[c].type, BATCH_ROWS, &arena);
        for (int i = 0; i < BATCH_ROWS; i++)
            ((int64_t *)batch.columns[1].values)[i] = (int64_t)b * BATCH_ROWS + i;
        memset(batch.columns[0].values, 0, BATCH_ROWS * sizeof(int32_t));
        memset(batch.columns[2].values, 0, BATCH_ROWS * sizeof(StringView));
        OK(append_group_batch(group, &batch, &err));
    }
    arena_deinit(&arena);
    OK(append_group_commit(group, &rows, &snapshot_id, &err));
    assert_int_equal(rows, BATCHES * BATCH_ROWS);
    assert_true(read_consistent(catalog, counts));
    assert_int_equal(counts[0], BATCHES * BATCH_ROWS);
    assert_int_equal(snapshot_count(), 1);
}

static void a_null_where_there_must_be_none_fails_alone(void **state) {
    Error err;
    Arena arena;
    AppendGroup *group;
    OK(append_group_begin(catalog, NULL, "inserts", &group, &err));
    arena_init(&arena);
    Batch batch = {.row_count = 1, .selected = 1, .column_count = COLUMN_COUNT};
    batch.columns = ARENA_NEW_ARRAY(&arena, Vector, COLUMN_COUNT);
    for (int c = 0; c < COLUMN_COUNT; c++)
        vector_init_constant(&batch.columns[c], COLUMNS[c].type, NULL, &arena);
    assert_int_equal(append_group_batch(group, &batch, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "23502");
    append_group_abort(group);
    arena_deinit(&arena);
    assert_int_equal(snapshot_count(), 0);
}

static void columns_changed_meanwhile_are_said(void **state) {
    static const TableColumn OTHER[] = {{"writer", {.id = SQL_TEXT}, true, 0}};
    Error err;
    Arena arena;
    AppendGroup *group;
    TableAppend *replace;
    arena_init(&arena);
    OK(append_group_begin(catalog, NULL, "inserts", &group, &err));
    Batch batch = {.row_count = 1, .selected = 1, .column_count = COLUMN_COUNT};
    batch.columns = ARENA_NEW_ARRAY(&arena, Vector, COLUMN_COUNT);
    for (int c = 0; c < COLUMN_COUNT; c++) {
        vector_init_flat(&batch.columns[c], COLUMNS[c].type, 1, &arena);
        memset(batch.columns[c].values, 0, 16 * (size_t)(COLUMNS[c].type.id == SQL_TEXT));
    }
    OK(append_group_batch(group, &batch, &err));
    OK(table_append_begin_create(catalog, NULL, "inserts", OTHER, 1, true, &replace, &err));
    OK(table_append_commit(replace, NULL, NULL, &err));
    assert_int_equal(append_group_commit(group, NULL, NULL, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_SERIALIZATION_FAILURE);
    arena_deinit(&arena);
}

/* ---- processes ---- */

/* Writers say after each insert how many they were promised, in a file of one int64 each. */
static pid_t start_writer(int number, int inserts) {
    pid_t child = fork();
    if (child != 0) return child;
    Error err;
    char path[128];
    snprintf(path, sizeof path, "%s/promised-%d", scratch, number);
    FILE *promised = fopen(path, "w");
    TableCatalog *own = scratch_catalog(scratch);
    for (int i = 0; i < inserts; i++) {
        if (insert_rows(own, number, (int64_t)i * ROWS_PER_INSERT, ROWS_PER_INSERT, NULL, &err) !=
            STATUS_OK) {
            fprintf(stderr, "writer %d: %s %s\n", number, err.sqlstate, err.message);
            _exit(1);
        }
        rewind(promised);
        fprintf(promised, "%d\n", (i + 1) * ROWS_PER_INSERT);
        fflush(promised);
    }
    fclose(promised);
    table_catalog_close(own);
    _exit(0);
}

static int promised_to(int number) {
    char path[128];
    int rows = 0;
    snprintf(path, sizeof path, "%s/promised-%d", scratch, number);
    FILE *promised = fopen(path, "r");
    if (promised && fscanf(promised, "%d", &rows) != 1) rows = 0;
    if (promised) fclose(promised);
    return rows;
}

static pid_t start_reader(void) {
    pid_t child = fork();
    if (child != 0) return child;
    TableCatalog *own = scratch_catalog(scratch);
    int64_t counts[MAX_WRITERS], before[MAX_WRITERS] = {0};
    struct timespec pause = {.tv_nsec = 2000000}; /* the writers are what is looked at */
    int reads = 0;
    for (bool good = true; good; reads++) {
        good = read_consistent(own, counts);
        for (int w = 0; w < MAX_WRITERS && good; w++)
            good = counts[w] >= before[w];
        if (!good) _exit(1);
        memcpy(before, counts, sizeof before);
        nanosleep(&pause, NULL);
    }
    _exit(0);
}

static int env_int(const char *name, int fallback) {
    const char *text = getenv(name);
    return text ? atoi(text) : fallback;
}

/* SIGNALBOX_TEST_APPENDS: inserts of each of the eight processes. */
static void processes_share_commits_while_others_read(void **state) {
    enum { PROCESSES = 8, READERS = 2 };
    int inserts = env_int("SIGNALBOX_TEST_APPENDS", 20), status;
    pid_t writers[PROCESSES], readers[READERS];
    for (int i = 0; i < READERS; i++)
        readers[i] = start_reader();
    int64_t start_ns = clock_now_ns();
    for (int i = 0; i < PROCESSES; i++)
        writers[i] = start_writer(i, inserts);
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    double seconds = (double)(clock_now_ns() - start_ns) / 1e9;
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(waitpid(readers[i], &status, WNOHANG), 0); /* still reading: nothing was wrong */
        kill(readers[i], SIGKILL);
        waitpid(readers[i], &status, 0);
    }
    int64_t counts[MAX_WRITERS];
    assert_true(read_consistent(catalog, counts));
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(counts[i], inserts * ROWS_PER_INSERT);
    int snapshots = snapshot_count();
    printf("%d processes x %d appends: %.0f appends/s, %d commits\n", PROCESSES, inserts,
           PROCESSES * inserts / seconds, snapshots);
    assert_true(snapshots < PROCESSES * inserts);
}

/* The queue's lock, so that inserts that begin meanwhile wait for each other. */
static int hold_lock(void) {
    char pattern[160];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/warehouse/.signalbox/groups/*/lock", scratch);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    int fd = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
    struct flock lock = {.l_type = F_WRLCK};
    assert_int_equal(fcntl(fd, F_OFD_SETLKW, &lock), 0);
    globfree(&found);
    return fd;
}

/* Closing would not do: processes started since have the descriptor too. */
static void release_lock(int fd) {
    struct flock lock = {.l_type = F_UNLCK};
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    close(fd);
}

static int waiting_count(void) {
    char pattern[160];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/warehouse/.signalbox/groups/*/*.rows", scratch);
    int count = glob(pattern, 0, NULL, &found) == 0 ? (int)found.gl_pathc : 0;
    globfree(&found);
    return count;
}

/* Writes a row of the table as it was before its columns changed: told by `go`, exits with 0 when refused. */
static pid_t start_outdated_writer(const TableColumn *column, int ready, int go) {
    pid_t child = fork();
    if (child != 0) return child;
    Error err;
    Arena arena;
    AppendGroup *group;
    char byte = 0;
    TableCatalog *own = scratch_catalog(scratch);
    arena_init(&arena);
    Batch batch = {.row_count = 1, .selected = 1, .column_count = 1};
    batch.columns = ARENA_NEW(&arena, Vector);
    vector_init_constant(batch.columns, column->type, NULL, &arena);
    if (append_group_begin(own, NULL, "inserts", &group, &err) != STATUS_OK ||
        append_group_batch(group, &batch, &err) != STATUS_OK || write(ready, &byte, 1) != 1 ||
        read(go, &byte, 1) != 1)
        _exit(2);
    bool refused = append_group_commit(group, NULL, NULL, &err) != STATUS_OK &&
                   strcmp(err.sqlstate, SQLSTATE_SERIALIZATION_FAILURE) == 0;
    arena_deinit(&arena);
    table_catalog_close(own);
    _exit(refused ? 0 : 1);
}

/* The commit of all fails; then each process commits its own, and only the one at fault is refused. */
static void one_processs_fault_is_not_the_others(void **state) {
    enum { WRITERS = 4 };
    static const TableColumn OTHER[] = {{"writer", {.id = SQL_TEXT}, true, 0}};
    Error err;
    int ready[2], go[2], status;
    char byte = 0;
    TableAppend *replace;
    OK(insert_rows(catalog, 0, 0, ROWS_PER_INSERT, NULL, &err)); /* the queue is there */
    OK(table_append_begin_create(catalog, NULL, "inserts", OTHER, 1, true, &replace, &err));
    OK(table_append_commit(replace, NULL, NULL, &err));
    assert_true(pipe(ready) == 0 && pipe(go) == 0);
    pid_t outdated = start_outdated_writer(OTHER, ready[1], go[0]), writers[WRITERS];
    assert_int_equal(read(ready[0], &byte, 1), 1);
    OK(table_append_begin_create(catalog, NULL, "inserts", COLUMNS, COLUMN_COUNT, true, &replace, &err));
    OK(table_append_commit(replace, NULL, NULL, &err));
    int lock = hold_lock();
    assert_int_equal(write(go[1], &byte, 1), 1);
    for (int i = 0; i < WRITERS; i++)
        writers[i] = start_writer(i, 1);
    struct timespec pause = {.tv_nsec = 5000000};
    for (int i = 0; i < 2000 && waiting_count() < WRITERS + 1; i++)
        nanosleep(&pause, NULL);
    assert_int_equal(waiting_count(), WRITERS + 1);
    release_lock(lock);
    assert_int_equal(waitpid(outdated, &status, 0), outdated);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    int64_t counts[MAX_WRITERS];
    assert_true(read_consistent(catalog, counts));
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(counts[i], ROWS_PER_INSERT);
    assert_int_equal(waiting_count(), 0);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
}

/* Whoever is killed, leading or waiting: what was promised is there, once. SIGNALBOX_TEST_KILLS rounds. */
static void killed_processes_lose_and_double_nothing(void **state) {
    enum { PROCESSES = 4, INSERTS = 1000 };
    int kills = env_int("SIGNALBOX_TEST_KILLS", 6), status;
    unsigned seed = (unsigned)env_int("SIGNALBOX_TEST_SEED", 1);
    for (int round = 0; round < kills; round++) {
        Error err;
        if (round) {
            OK(table_catalog_drop(catalog, NULL, "inserts", &err));
            OK(table_catalog_create(catalog, NULL, "inserts", COLUMNS, COLUMN_COUNT, &err));
        }
        pid_t writers[PROCESSES];
        for (int i = 0; i < PROCESSES; i++)
            writers[i] = start_writer(i, INSERTS);
        for (int i = 0; i < PROCESSES; i++) {
            struct timespec pause = {.tv_nsec = 20000000 + (long)(rand_r(&seed) % 40000000)};
            nanosleep(&pause, NULL);
            kill(writers[i], SIGKILL);
            waitpid(writers[i], &status, 0);
            assert_true(WIFSIGNALED(status));
        }
        int64_t counts[MAX_WRITERS];
        assert_true(read_consistent(catalog, counts));
        for (int i = 0; i < PROCESSES; i++)
            assert_in_range(counts[i], promised_to(i), promised_to(i) + ROWS_PER_INSERT);
        (void)snapshot_count();
    }
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(one_alone_is_committed_too),           TEST(threads_share_commits),
        TEST(too_many_rows_go_on_as_an_append),     TEST(a_null_where_there_must_be_none_fails_alone),
        TEST(columns_changed_meanwhile_are_said),   TEST(processes_share_commits_while_others_read),
        TEST(one_processs_fault_is_not_the_others), TEST(killed_processes_lose_and_double_nothing),
    };
    return run_on_both_catalogs(tests);
}
