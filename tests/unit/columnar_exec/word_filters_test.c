/* search() that leaves out rows by the filters of words in a file gives the rows that it gives without: every
 * condition is run as it stands and hidden in a CASE, which nothing can see through. */
#include "tests/unit/columnar_exec/exec_harness.h"

#include "engines/columnar/kernels/word_search.h"
#include "engines/columnar/parquet/parquet_writer.h"

enum { ROWS = 60000, COLUMNS = 4, PAGE_ROWS = 2048 };

static Harness harness;
static char path[64];

static uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 31)) * 0x9E3779B97F4A7C15u;
    return value ^ (value >> 29);
}

static const char *message(int64_t row, Arena *arena) {
    char longest[301];
    uint64_t random = mix((uint64_t)row);
    memset(longest, 'L', sizeof longest);
    longest[row % 3 == 0 ? 255 : row % 3 == 1 ? 256 : 300] = 0;
    const char *extra = row % 7000 == 1   ? "Ünïque, größer"
                        : row % 9000 == 2 ? "K" /* Kelvin: its small letter is ASCII's */
                        : row % 20000 < 3 ? longest
                                          : "";
    return arena_printf(arena, "Common-words %u %u-%u_%u of %u; Rare%lld, %s", (unsigned)(random % 400),
                        (unsigned)(random >> 12) % 400, (unsigned)(random >> 24) % 400,
                        (unsigned)(random >> 36) % 400, (unsigned)(random >> 48) % 400, (long long)row,
                        extra);
}

/* m and n are text of many values, m with NULLs; d one of few. */
static void fill(Batch *batch, int64_t first, Arena *arena) {
    static const char *const colors[] = {"red", "green light", "Blue"};
    for (int i = 0; i < batch->row_count; i++) {
        int64_t row = first + i;
        const char *m = message(row, arena), *d = colors[row < 25000 ? 0 : row % 3];
        const char *n = arena_printf(arena, "other%lld text %s", (long long)row, message(row + 90001, arena));
        ((int64_t *)batch->columns[0].values)[i] = row;
        ((StringView *)batch->columns[1].values)[i] = stringview_make(m, (uint32_t)strlen(m));
        ((StringView *)batch->columns[2].values)[i] = stringview_make(n, (uint32_t)strlen(n));
        ((StringView *)batch->columns[3].values)[i] = stringview_make(d, (uint32_t)strlen(d));
        if (row % 11 == 0)
            bitmap_clear(vector_make_validity(&batch->columns[1], BATCH_ROWS, arena), (size_t)i);
    }
}

static void write_file(const char *to, const char *version) {
    static const SqlTypeId types[COLUMNS] = {SQL_INT8, SQL_TEXT, SQL_VARCHAR, SQL_TEXT};
    static const char *const names[COLUMNS] = {"id", "m", "n", "d"};
    ParquetWriterColumn columns[COLUMNS];
    ParquetWords words = {.version = version, .each = word_search_each};
    ParquetWriterOptions options = {
        .row_group_rows = 25000, .page_rows = PAGE_ROWS, .words = version ? &words : NULL};
    ParquetWriter *writer;
    Error err;
    for (int c = 0; c < COLUMNS; c++)
        columns[c] = (ParquetWriterColumn){names[c], sqltype_of(types[c]), true, -1};
    if (parquet_writer_open(to, columns, COLUMNS, &options, &writer, &err) != STATUS_OK) abort();
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
}

static int write_table(void **state) {
    snprintf(path, sizeof path, "/tmp/word_filters_%d.parquet", (int)getpid());
    write_file(path, word_search_version());
    const char *paths[] = {path};
    harness_init(&harness);
    harness_add_table(&harness, "t", paths, 1);
    return 0;
}

static int remove_table(void **state) {
    harness_deinit(&harness);
    return unlink(path);
}

/* Rows read; *found counts those that the condition holds for. */
static int64_t compare(const char *table, const char *condition, int64_t *found) {
    char sql[2048];
    snprintf(sql, sizeof sql, "SELECT count(*), sum(id) FROM %s WHERE %s", table, condition);
    char *pruned = harness_query(&harness, 2, sql);
    if (harness.sqlstate[0]) fail_msg("%s: %s", condition, harness.message);
    int64_t read = atomic_load(&harness.stats.rows_scanned);
    snprintf(sql, sizeof sql, "SELECT count(*), sum(id) FROM %s WHERE CASE WHEN %s THEN true ELSE false END",
             table, condition);
    char *whole = harness_query(&harness, 2, sql);
    if (strcmp(pruned, whole)) fail_msg("%s\n%s%s", condition, pruned, whole);
    assert_int_equal(atomic_load(&harness.stats.rows_scanned), ROWS);
    *found = atoll(whole);
    free(pruned);
    free(whole);
    return read;
}

static void rare_words_read_few_rows(void **state) {
    static const struct {
        const char *condition;
        int64_t found;
    } cases[] = {
        {"search(m, 'rare30000')", 1},
        {"search(m, 'RARE59999 common')", 1},
        {"search(m, 'rare0')", 0},     /* NULL there */
        {"search(m, 'rare3000_')", 1}, /* words, no pattern */
        {"search(m, 'rare3000x')", 0}, /* whole words */
        {"search(m, 'of') AND search(m, 'rare777') AND id > 5", 1},
        {"search(m, 'rare777 rare30000')", 0},
        {"search(n, 'other41000')", 1},
        {"search(m, 'rare777') OR search(n, 'other41000')", 2},
        {"search(m, 'rare777') OR search(n, 'other778') OR search(m, 'rare779')", 3},
        {"(search(m, 'rare777') OR search(d, 'yellow')) AND id < 900", 1},
        {"search(m, 'rare30000') OR search(d, 'yellow')", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t found, read = compare("t", cases[i].condition, &found);
        assert_int_equal(found, cases[i].found);
        if (read > 12 * PAGE_ROWS) fail_msg("%s reads %lld rows", cases[i].condition, (long long)read);
    }
}

static void absent_words_read_hardly_any(void **state) {
    char condition[128];
    int64_t found, read = 0;
    for (int i = 0; i < 50; i++) {
        snprintf(condition, sizeof condition, "search(m, 'absent%d')", i * 7);
        read += compare("t", condition, &found);
        assert_int_equal(found, 0);
    }
    if (read > 50 * ROWS / 8) fail_msg("%lld rows read in vain", (long long)read);
}

static void answers_stay_the_same(void **state) {
    static const char *const conditions[] = {
        "search(m, 'ünïque')",
        "search(m, 'GRÖSSER')",
        "search(m, 'größer unïque')",
        "search(m, 'k')",
        "search(m, '')",
        "search(m, '-')",
        "search(m, 'common')",
        "search(m, '17 words')",
        "NOT search(m, 'rare30000')",
        "search(m, 'rare30000') OR id = 5",
        "search(m, 'rare30000') OR search(m, NULL)",
        "search(m, 'rare30000') IS NULL",
        "search(d, 'blue')",
        "search(d, 'light') AND search(m, 'rare30001')",
        "search(m, 'rare777') OR search(d, 'red')",
        "search(m || 'x', 'rare30000')",
        "search(m, 'rare' || '30001') AND search(n, 'TEXT')",
        "search(m, repeat('l', 255))",
        "search(m, repeat('l', 256))",
        "search(m, repeat('l', 300))",
    };
    int64_t found;
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
        compare("t", conditions[i], &found);
    compare("t", "search(m, 'größer')", &found);
    assert_true(found > 5);
    compare("t", "search(m, repeat('l', 255))", &found);
    assert_true(found > 0);
}

static void explain_tells(void **state) {
    char *plan =
        harness_query(&harness, 2, "EXPLAIN ANALYZE SELECT count(*) FROM t WHERE search(m, 'rare30000')");
    if (!strstr(plan, "row groups skipped=") || !strstr(plan, "pages skipped=")) fail_msg("%s", plan);
    free(plan);
}

static char *contents(const char *from, size_t *length) {
    FILE *file = fopen(from, "rb");
    if (!file || fseek(file, 0, SEEK_END)) abort();
    *length = (size_t)ftell(file);
    char *bytes = malloc(*length);
    rewind(file);
    if (!bytes || fread(bytes, 1, *length, file) != *length) abort();
    fclose(file);
    return bytes;
}

/* A table over a copy in which `change` was done to the filters of column m. */
static int64_t read_of_copy(const char *name, void (*change)(uint8_t *filters, size_t bytes)) {
    char copy[80];
    size_t length;
    char *bytes = contents(path, &length);
    snprintf(copy, sizeof copy, "%s.%s", path, name);
    char *text = memmem(bytes, length, "signalbox.words.m", 17);
    char *entries = text ? memchr(text + 17 + 5, ':', 64) : NULL; /* behind "1:" */
    if (!entries) fail_msg("the file has no filters of words");
    for (int group = 0; group < 3; group++) {
        char digits[17] = {0}, blocks[9] = {0};
        memcpy(digits, entries + 1 + group * 32, 16);
        memcpy(blocks, entries + 1 + group * 32 + 16, 8);
        size_t stretches = group < 2 ? 13 : 5;
        change((uint8_t *)bytes + strtoull(digits, NULL, 16),
               strtoull(blocks, NULL, 16) * (stretches * 32 + 8));
    }
    FILE *file = fopen(copy, "wb");
    if (!file || fwrite(bytes, 1, length, file) != length || fclose(file)) abort();
    const char *paths[] = {copy};
    harness_add_table(&harness, name, paths, 1);
    int64_t found, read = compare(name, "search(m, 'rare30000')", &found);
    assert_int_equal(found, 1);
    unlink(copy);
    free(bytes);
    return read;
}

static void clear(uint8_t *filters, size_t bytes) {
    memset(filters, 0, bytes);
}
static void flip(uint8_t *filters, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 32)
        filters[i] ^= 0x10;
}
static void shift(uint8_t *filters, size_t bytes) {
    memmove(filters + 32, filters, bytes - 32);
}

static void damaged_filters_are_not_believed(void **state) {
    assert_int_equal(read_of_copy("cleared", clear), ROWS);
    assert_int_equal(read_of_copy("flipped", flip), ROWS);
    assert_int_equal(read_of_copy("shifted", shift), ROWS);
}

/* Of another C library only words of ASCII are looked for. */
static void other_letters(void **state) {
    char other[80], none[80];
    int64_t found;
    snprintf(other, sizeof other, "%s.other", path);
    snprintf(none, sizeof none, "%s.none", path);
    write_file(other, "another");
    write_file(none, NULL);
    const char *other_paths[] = {other}, *none_paths[] = {none};
    harness_add_table(&harness, "other", other_paths, 1);
    harness_add_table(&harness, "none", none_paths, 1);
    assert_true(compare("other", "search(m, 'rare30000')", &found) < ROWS / 2);
    assert_int_equal(compare("other", "search(m, 'größer')", &found), ROWS);
    assert_true(found > 5);
    assert_true(compare("other", "search(m, 'größer rare30000')", &found) < ROWS / 2);
    assert_int_equal(compare("none", "search(m, 'rare30000')", &found), ROWS);
    unlink(other);
    unlink(none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rare_words_read_few_rows),
        cmocka_unit_test(absent_words_read_hardly_any),
        cmocka_unit_test(answers_stay_the_same),
        cmocka_unit_test(explain_tells),
        cmocka_unit_test(damaged_filters_are_not_believed),
        cmocka_unit_test(other_letters),
    };
    return cmocka_run_group_tests(tests, write_table, remove_table);
}
