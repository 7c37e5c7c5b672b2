/* A scan that leaves out pages and row groups gives the rows that it gives without: every filter is run as it
 * stands and hidden in a CASE, which no bounds and no bloom filter can see through. */
#include "tests/unit/columnar_exec/exec_harness.h"

#include <math.h>

#include "engines/columnar/parquet/parquet_writer.h"

enum { ROWS = 60000, COLUMNS = 7 };

static Harness harness;
static char path[64];

static uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 31)) * 0x9E3779B97F4A7C15u;
    return value ^ (value >> 29);
}

static void set_null(Vector *vector, int row, Arena *arena) {
    bitmap_clear(vector_make_validity(vector, BATCH_ROWS, arena), (size_t)row);
}

/* a ascending; d descending with NULLs; s ascending text; k random; x random text; f with NaN in places; n
 * NULL for long stretches. */
static void fill(Batch *batch, int64_t first, Arena *arena) {
    for (int i = 0; i < batch->row_count; i++) {
        int64_t row = first + i;
        ((int64_t *)batch->columns[0].values)[i] = row * 3;
        ((int32_t *)batch->columns[1].values)[i] = (int32_t)(ROWS - row);
        if (mix((uint64_t)row) % 7 == 0) set_null(&batch->columns[1], i, arena);
        char *text = arena_printf(arena, "%010lld and the same long tail for every value of the column",
                                  (long long)row / 3);
        ((StringView *)batch->columns[2].values)[i] = stringview_make(text, (uint32_t)strlen(text));
        ((int64_t *)batch->columns[3].values)[i] = (int64_t)(mix((uint64_t)row * 31) >> 8);
        text = arena_printf(arena, "user-%016llx", (unsigned long long)mix((uint64_t)row * 77));
        ((StringView *)batch->columns[4].values)[i] = stringview_make(text, (uint32_t)strlen(text));
        ((double *)batch->columns[5].values)[i] =
            row > 20000 && row < 20003 ? (double)NAN : (double)row / 8 - 1000;
        ((int32_t *)batch->columns[6].values)[i] = (int32_t)(row / 1000);
        if (row / 5000 % 3 == 1) set_null(&batch->columns[6], i, arena);
    }
}

static int write_table(void **state) {
    static const SqlTypeId types[COLUMNS] = {SQL_INT8, SQL_INT4,   SQL_TEXT, SQL_INT8,
                                             SQL_TEXT, SQL_FLOAT8, SQL_INT4};
    static const char *const names[COLUMNS] = {"a", "d", "s", "k", "x", "f", "n"};
    ParquetWriterColumn columns[COLUMNS];
    ParquetWriterOptions options = {.row_group_rows = 25000, .page_rows = 2048};
    ParquetWriter *writer;
    Error err;
    for (int c = 0; c < COLUMNS; c++)
        columns[c] = (ParquetWriterColumn){names[c], sqltype_of(types[c]), true, -1};
    snprintf(path, sizeof path, "/tmp/scan_pruning_%d.parquet", (int)getpid());
    if (parquet_writer_open(path, columns, COLUMNS, &options, &writer, &err) != STATUS_OK) abort();
    for (int64_t first = 0; first < ROWS; first += BATCH_ROWS) {
        Arena arena;
        arena_init(&arena);
        int rows = ROWS - first < BATCH_ROWS ? (int)(ROWS - first) : BATCH_ROWS;
        Vector vectors[COLUMNS];
        Batch batch = {.row_count = rows, .selected = rows, .column_count = COLUMNS, .columns = vectors};
        for (int c = 0; c < COLUMNS; c++)
            vector_init_flat(&vectors[c], columns[c].type, BATCH_ROWS, &arena);
        fill(&batch, first, &arena);
        if (parquet_writer_append(writer, &batch, &err) != STATUS_OK) abort();
        arena_deinit(&arena);
    }
    if (parquet_writer_finish(writer, NULL, NULL, &err) != STATUS_OK) abort();
    const char *paths[] = {path};
    harness_init(&harness);
    harness_add_table(&harness, "t", paths, 1);
    return 0;
}

static int remove_table(void **state) {
    harness_deinit(&harness);
    return unlink(path);
}

/* Rows read when the filter may prune; both forms must agree. */
static int64_t compare(const char *filter) {
    char sql[1024];
    snprintf(sql, sizeof sql, "SELECT count(*), sum(a), min(s), max(s), count(n), sum(d) FROM t WHERE %s",
             filter);
    char *pruned = harness_query(&harness, 2, sql);
    if (harness.sqlstate[0]) fail_msg("%s: %s", filter, harness.message);
    int64_t read = atomic_load(&harness.stats.rows_scanned);
    snprintf(sql, sizeof sql,
             "SELECT count(*), sum(a), min(s), max(s), count(n), sum(d) FROM t WHERE CASE WHEN %s THEN true "
             "ELSE false END",
             filter);
    char *whole = harness_query(&harness, 2, sql);
    if (strcmp(pruned, whole)) fail_msg("%s\n%s%s", filter, pruned, whole);
    assert_int_equal(atomic_load(&harness.stats.rows_scanned), ROWS);
    free(pruned);
    free(whole);
    return read;
}

static void pages_are_left_out(void **state) {
    static const char *const filters[] = {
        "a = 30000",
        "a BETWEEN 90000 AND 90100",
        "a < 100",
        "a > 179900",
        "a IN (3, 90000, 179997)",
        "d = 17",
        "d > 59000 AND a < 1000",
        "s = '0000001234 and the same long tail for every value of the column'",
        "s LIKE '0000012%'",
        "s < '0000000100'",
        "n = 33",
        "n = 33 AND s > '0000011'",
        "a IN (3, 60000) AND k > 0", /* two stretches of a row group, the other column's cuts behind them */
        "a IN (3, 30000, 60000, 70000) AND s LIKE '000%' AND k > 0",
        "a = 2",
        "a > 40000 AND a < 40300 AND n IS NULL",
    };
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        int64_t read = compare(filters[i]);
        if (read >= ROWS / 3) fail_msg("%s reads %lld rows", filters[i], (long long)read);
    }
}

static void what_bounds_do_not_say_is_read(void **state) {
    static const char *const filters[] = {
        "f > 1000",         "f < -990",  "f = 'NaN'", "f >= 5e3",       "n IS NULL",
        "n IS NOT NULL",    "d IS NULL", "k > 0",     "NOT (a < 1000)", "a < 1000 OR a > 170000",
        "x LIKE 'user-0%'", "d <> 17",
    };
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        compare(filters[i]);
}

static void bloom_filters_rule_out_row_groups(void **state) {
    char filter[256];
    int64_t read = 0;
    for (int i = 0; i < 20; i++) { /* not there, within the bounds */
        snprintf(filter, sizeof filter, "k = %lld", (long long)(mix((uint64_t)i + 12345678) >> 9));
        read += compare(filter);
        snprintf(filter, sizeof filter, "x IN ('user-7%015x', 'user-3%015x')", i, i);
        read += compare(filter);
    }
    if (read > 40 * ROWS / 4) fail_msg("%lld rows read in vain", (long long)read);
    for (uint64_t row = 5; row < ROWS; row += 5999) { /* there, in one of three row groups */
        snprintf(filter, sizeof filter, "k = %llu", (unsigned long long)(mix(row * 31) >> 8));
        compare(filter);
        snprintf(filter, sizeof filter, "x = 'user-%016llx'", (unsigned long long)mix(row * 77));
        compare(filter);
    }
}

static void explain_tells(void **state) {
    char *plan = harness_query(&harness, 2, "EXPLAIN ANALYZE SELECT count(*) FROM t WHERE a = 30000");
    if (!strstr(plan, "row groups skipped=2 of 3") || !strstr(plan, "pages skipped=12 of 13"))
        fail_msg("%s", plan);
    free(plan);
}

/* An aggregate gives no row before its scan is over: the scan itself must see that it has read enough. First
 * of all tests, since pages that are kept decoded cost no bytes. */
static void a_scan_stops_at_its_limit(void **state) {
    static const char *const statements[] = {"SELECT sum(k), max(x) FROM t", "SELECT max(s), sum(a) FROM t"};
    for (int threads = 1; threads <= 2; threads++) {
        harness.max_bytes_scanned = 1000;
        char *text = harness_query(&harness, threads, statements[threads - 1]);
        assert_string_equal(text, "ERROR SB005");
        free(text);
        int64_t until_then = atomic_load(&harness.stats.bytes_scanned);
        assert_true(until_then > 1000);
        harness.max_bytes_scanned = 1e9;
        free(harness_query(&harness, threads, statements[threads - 1]));
        assert_string_equal(harness.sqlstate, "");
    }
    harness.max_bytes_scanned = 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scan_stops_at_its_limit),
        cmocka_unit_test(pages_are_left_out),
        cmocka_unit_test(what_bounds_do_not_say_is_read),
        cmocka_unit_test(bloom_filters_rule_out_row_groups),
        cmocka_unit_test(explain_tells),
    };
    return cmocka_run_group_tests(tests, write_table, remove_table);
}
