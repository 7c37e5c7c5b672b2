/* Rows of groups set aside by partition, in memory or on disk, become one table again: every key once, its
 * states added up, its first place the earliest. */
#include "tests/unit/columnar_exec/exec_harness.h"

#include <dirent.h>

#include "engines/columnar/exec/group_runs.h"

typedef struct Fixture {
    char directory[64];
    Query query;
    Execution execution;
    ExecutionStats stats;
    Arena arena;
    KeyLayout layout;
    SpillFormat format;
    GroupTable table;
    GroupRuns runs;
} Fixture;

static void setup(Fixture *fixture) {
    memset(fixture, 0, sizeof *fixture);
    strcpy(fixture->directory, "/tmp/runs-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->execution.stats = &fixture->stats;
    fixture->query.execution = &fixture->execution;
    fixture->query.spill_directory = fixture->directory;
    pthread_mutex_init(&fixture->query.lock, NULL);
    budget_init(&fixture->query.budget, NULL, 256 << 20);
    arena_init(&fixture->arena);
    SqlType types[2] = {sqltype_of(SQL_INT8), sqltype_of(SQL_TEXT)};
    key_layout_init(&fixture->layout, types, 2, true, &fixture->arena);
    group_table_init(&fixture->table, &fixture->query, &fixture->layout, 16);
    group_runs_init(&fixture->runs, &fixture->query, fixture->table.row_bytes);
    spill_format_init(&fixture->format, fixture->table.row_bytes);
    spill_format_add_keys(&fixture->format, &fixture->layout, 16, &fixture->arena);
}

static void teardown(Fixture *fixture) {
    group_runs_deinit(&fixture->runs);
    group_table_deinit(&fixture->table);
    spill_space_destroy(fixture->query.spill);
    assert_int_equal(fixture->query.budget.used_bytes, 0);
    rmdir(fixture->directory);
    arena_deinit(&fixture->arena);
    pthread_mutex_destroy(&fixture->query.lock);
}

/* Key number n: NULL, a short text and a long one take turns. */
static void encode_key(Fixture *fixture, int64_t n, uint64_t *key, uint64_t *hash, Arena *arena) {
    Vector columns[2];
    char text[64];
    int length =
        snprintf(text, sizeof text, n % 3 ? "key %lld of a length beyond twelve" : "k%lld", (long long)n);
    StringView view = stringview_make(arena_strndup(arena, text, (size_t)length), (uint32_t)length);
    vector_init_constant(&columns[0], sqltype_of(SQL_INT8), n % 7 ? &n : NULL, arena);
    vector_init_constant(&columns[1], sqltype_of(SQL_TEXT), &view, arena);
    keys_encode(&fixture->layout, columns, NULL, 1, key, NULL);
    keys_hash(&fixture->layout, key, 1, hash);
}

/* Key n gets n + 1 added to its state, at place `first`. */
static void add_key(Fixture *fixture, int64_t n, uint64_t first) {
    Arena arena;
    Error err = {0};
    uint64_t key[32], hash;
    uint32_t group;
    arena_init(&arena);
    encode_key(fixture, n, key, &hash, &arena);
    assert_int_equal(
        group_table_resolve(&fixture->table, key, &hash, &first, 1, true, NULL, NULL, &group, &err),
        STATUS_OK);
    *(int64_t *)group_states(&fixture->table, group_row(&fixture->table, group)) += n + 1;
    arena_deinit(&arena);
}

static Status add_states(const void *context, char *into, const char *from, Arena *arena, Error *err) {
    const GroupTable *table = context;
    *(int64_t *)(into + table->state_offset) += *(const int64_t *)(from + table->state_offset);
    return STATUS_OK;
}

/* Every key of `rounds` rounds over [0, keys) is there once, with its sum and its first place. */
static void check_all(Fixture *fixture, int64_t keys, int64_t rounds) {
    GroupTable merged;
    Error err = {0};
    GroupBlocks blocks = {.query = &fixture->query, .keep = true};
    GroupFold fold = {.combine = add_states, .context = &fixture->table};
    group_table_init(&merged, &fixture->query, &fixture->layout, 16);
    int64_t rows = 0;
    for (int p = 0; p < GROUP_PARTITIONS; p++) {
        int64_t before = merged.count;
        rows += group_runs_partition_rows(&fixture->runs, p);
        assert_int_equal(group_runs_absorb(&fixture->runs, p, &merged, &fold, &blocks, &err), STATUS_OK);
        for (int64_t g = before; g < merged.count; g++)
            assert_int_equal(group_partition(*group_hash(group_row(&merged, g))), p);
    }
    assert_int_equal(rows, fixture->runs.row_count);
    assert_int_equal(merged.count, keys);
    Arena arena;
    arena_init(&arena);
    for (int64_t n = 0; n < keys; n++) {
        uint64_t key[32], hash;
        encode_key(fixture, n, key, &hash, &arena);
        int64_t group = group_table_find(&merged, key, hash);
        assert_true(group >= 0);
        char *row = group_row(&merged, group);
        assert_int_equal(*(int64_t *)group_states(&merged, row), (n + 1) * rounds);
        assert_int_equal(*group_first(row), n);
        arena_reset(&arena);
    }
    arena_deinit(&arena);
    group_table_deinit(&merged);
    group_blocks_deinit(&blocks);
}

enum { MEMORY, DISK, BOTH };

static void run_rounds(int64_t keys, int64_t rounds, int where) {
    Fixture fixture;
    Error err = {0};
    setup(&fixture);
    for (int64_t round = rounds; round-- > 0;) { /* the first places come last */
        for (int64_t n = 0; n < keys; n++)
            add_key(&fixture, n, (uint64_t)(round * keys + n));
        if (round % 3) { /* else the table's rows go straight to disk */
            assert_int_equal(group_runs_add(&fixture.runs, &fixture.table, &err), STATUS_OK);
            group_table_clear(&fixture.table);
        }
        if (where == DISK || (where == BOTH && round % 2))
            assert_int_equal(group_runs_spill(&fixture.runs, &fixture.table, &fixture.format, NULL, &err),
                             STATUS_OK);
        else
            assert_int_equal(group_runs_add(&fixture.runs, &fixture.table, &err), STATUS_OK);
        group_table_clear(&fixture.table);
    }
    assert_int_equal(fixture.runs.row_count, keys * rounds);
    if (where == DISK) assert_int_equal(fixture.runs.memory_bytes, 0);
    check_all(&fixture, keys, rounds);
    for (int p = 0; p < GROUP_PARTITIONS; p++)
        group_runs_drop(&fixture.runs, p);
    assert_int_equal(fixture.runs.memory_bytes, 0);
    teardown(&fixture);
}

static void nothing_comes_back_as_nothing(void **state) {
    run_rounds(0, 2, MEMORY);
    run_rounds(0, 2, DISK);
}

static void keys_meet_again(void **state) {
    static const int64_t sizes[] = {1, 63, 64, 65, 2048, 20000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int where = MEMORY; where <= BOTH; where++)
            run_rounds(sizes[i], 3, where);
}

static void a_budget_too_small_says_so(void **state) {
    Fixture fixture;
    Error err = {0};
    setup(&fixture);
    for (int64_t n = 0; n < 4096; n++)
        add_key(&fixture, n, (uint64_t)n);
    fixture.query.budget.limit_bytes = fixture.query.budget.used_bytes + 4096;
    assert_int_equal(group_runs_add(&fixture.runs, &fixture.table, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "53200");
    fixture.query.budget.limit_bytes = 256 << 20;
    teardown(&fixture);
}

static void a_table_emptied_is_used_again(void **state) {
    Fixture fixture;
    setup(&fixture);
    for (int round = 0; round < 3; round++) {
        for (int64_t n = 0; n < 1000; n++)
            add_key(&fixture, n + round * 500, (uint64_t)n);
        assert_int_equal(fixture.table.count, 1000);
        group_table_clear(&fixture.table);
    }
    teardown(&fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_comes_back_as_nothing),
        cmocka_unit_test(keys_meet_again),
        cmocka_unit_test(a_budget_too_small_says_so),
        cmocka_unit_test(a_table_emptied_is_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
