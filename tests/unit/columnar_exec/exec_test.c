/* Statements over random data in Parquet files, at several thread counts, against loops written down here. */
#include "tests/unit/columnar_exec/exec_harness.h"

#include <pthread.h>
#include <sched.h>

#include "engines/columnar/parquet/parquet_writer.h"

enum { ROWS = 20000, GROUP_ROWS = 3000, OTHER_ROWS = 2000 };

typedef struct Row {
    int64_t id;
    int32_t a;
    int64_t b;
    double f;
    int word;
    bool a_null, b_null, f_null, word_null;
} Row;

static const char *const words[] = {
    "alpha", "beta", "gamma", "a much longer string than twelve", "", "zz", "another quite long string",
    "delta"};
enum { WORDS = 8 };

static Harness harness;
static Row rows[ROWS];
static struct {
    int32_t k;
    bool k_null;
    int64_t w;
} others[OTHER_ROWS];
static char directory[64], t_path[96], u_path[96];
static const int thread_counts[] = {1, 2, 4};

static uint64_t random_state = 88172645463325252u;
static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void check_ok(Status status, const Error *err) {
    if (status != STATUS_OK) fail_msg("%s: %s", err->sqlstate, err->message);
}

static void set_null(Vector *vector, int row, int count, bool null, Arena *arena) {
    if (null) bitmap_clear(vector_make_validity(vector, count, arena), (size_t)row);
}

static void write_t(void) {
    static const ParquetWriterColumn columns[] = {{"id", {.id = SQL_INT8}, false, 1},
                                                  {"a", {.id = SQL_INT4}, true, 2},
                                                  {"b", {.id = SQL_INT8}, true, 3},
                                                  {"f", {.id = SQL_FLOAT8}, true, 4},
                                                  {"c", {.id = SQL_TEXT}, true, 5}};
    ParquetWriterOptions options = {.row_group_rows = GROUP_ROWS, .page_rows = 1024};
    ParquetWriter *writer;
    Error err = {0};
    check_ok(parquet_writer_open(t_path, columns, 5, &options, &writer, &err), &err);
    Arena arena;
    arena_init(&arena);
    for (int start = 0; start < ROWS; start += 1000) {
        Vector vectors[5];
        for (int c = 0; c < 5; c++)
            vector_init_flat(&vectors[c], columns[c].type, 1000, &arena);
        for (int i = 0; i < 1000; i++) {
            Row *row = &rows[start + i];
            const char *word = words[row->word];
            ((int64_t *)vectors[0].values)[i] = row->id;
            ((int32_t *)vectors[1].values)[i] = row->a;
            ((int64_t *)vectors[2].values)[i] = row->b;
            ((double *)vectors[3].values)[i] = row->f;
            ((StringView *)vectors[4].values)[i] = stringview_make(word, (uint32_t)strlen(word));
            set_null(&vectors[1], i, 1000, row->a_null, &arena);
            set_null(&vectors[2], i, 1000, row->b_null, &arena);
            set_null(&vectors[3], i, 1000, row->f_null, &arena);
            set_null(&vectors[4], i, 1000, row->word_null, &arena);
        }
        Batch batch = {.row_count = 1000, .column_count = 5, .columns = vectors, .selected = 1000};
        check_ok(parquet_writer_append(writer, &batch, &err), &err);
        arena_reset(&arena);
    }
    ParquetWritten written;
    check_ok(parquet_writer_finish(writer, &arena, &written, &err), &err);
    arena_deinit(&arena);
}

static void write_u(void) {
    static const ParquetWriterColumn columns[] = {{"k", {.id = SQL_INT4}, true, 1},
                                                  {"w", {.id = SQL_INT8}, false, 2}};
    ParquetWriterOptions options = {.row_group_rows = 500};
    ParquetWriter *writer;
    Error err = {0};
    check_ok(parquet_writer_open(u_path, columns, 2, &options, &writer, &err), &err);
    Arena arena;
    arena_init(&arena);
    for (int start = 0; start < OTHER_ROWS; start += 500) {
        Vector vectors[2];
        for (int c = 0; c < 2; c++)
            vector_init_flat(&vectors[c], columns[c].type, 500, &arena);
        for (int i = 0; i < 500; i++) {
            ((int32_t *)vectors[0].values)[i] = others[start + i].k;
            ((int64_t *)vectors[1].values)[i] = others[start + i].w;
            set_null(&vectors[0], i, 500, others[start + i].k_null, &arena);
        }
        Batch batch = {.row_count = 500, .column_count = 2, .columns = vectors, .selected = 500};
        check_ok(parquet_writer_append(writer, &batch, &err), &err);
    }
    ParquetWritten written;
    check_ok(parquet_writer_finish(writer, &arena, &written, &err), &err);
    arena_deinit(&arena);
}

static int setup(void **state) {
    snprintf(directory, sizeof directory, "/tmp/exec_test.XXXXXX");
    if (!mkdtemp(directory)) return -1;
    snprintf(t_path, sizeof t_path, "%s/t.parquet", directory);
    snprintf(u_path, sizeof u_path, "%s/u.parquet", directory);
    for (int i = 0; i < ROWS; i++)
        rows[i] = (Row){.id = i,
                        .a = (int32_t)(next_random() % 23) - 5,
                        .b = (int64_t)(next_random() % 1000000),
                        .f = (double)(next_random() % 100000) / 7,
                        .word = (int)(next_random() % WORDS),
                        .a_null = next_random() % 10 == 0,
                        .b_null = next_random() % 10 == 0,
                        .f_null = next_random() % 10 == 0,
                        .word_null = next_random() % 10 == 0};
    for (int i = 0; i < OTHER_ROWS; i++) {
        others[i].k = (int32_t)(next_random() % 40) - 8;
        others[i].k_null = next_random() % 20 == 0;
        others[i].w = i;
    }
    harness_init(&harness);
    write_t();
    write_u();
    const char *paths[] = {t_path, t_path};
    const char *other_paths[] = {u_path};
    harness_add_table(&harness, "t", paths, 1);
    harness_add_table(&harness, "u", other_paths, 1);
    harness_add_table(&harness, "t2", paths, 2);
    return 0;
}

static int teardown(void **state) {
    harness_deinit(&harness);
    unlink(t_path);
    unlink(u_path);
    rmdir(directory);
    return 0;
}

/* The same text at every thread count, and nothing left reserved. */
static void expect_text(const char *sql, const char *expected) {
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++) {
        char *text = harness_query(&harness, thread_counts[i], sql);
        if (strcmp(text, expected))
            fail_msg("%s\nwith %d threads gave\n%.2000s(%s)\nnot\n%.2000s", sql, thread_counts[i], text,
                     harness.message, expected);
        assert_int_equal(harness.left_reserved, 0);
        free(text);
    }
}

static int compare_lines(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *sort_lines(char *text) {
    size_t count = 0, capacity = 16;
    char **lines = malloc(sizeof *lines * capacity);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (count == capacity) lines = realloc(lines, sizeof *lines * (capacity *= 2));
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    StrBuf out;
    strbuf_init(&out);
    for (size_t i = 0; i < count; i++) {
        strbuf_append_text(&out, lines[i]);
        strbuf_append_char(&out, '\n');
    }
    free(lines);
    return strbuf_release(&out);
}

/* Any order of rows, but the same one at every thread count. Frees the expected text. */
static void expect_rows(const char *sql, StrBuf *expected) {
    char *unsorted = strbuf_release(expected), *wanted = sort_lines(unsorted), *first = NULL;
    free(unsorted);
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++) {
        char *text = harness_query(&harness, thread_counts[i], sql);
        if (!first) first = strdup(text);
        assert_string_equal(text, first);
        char *sorted = sort_lines(text);
        if (strcmp(sorted, wanted))
            fail_msg("%s\nwith %d threads gave %zu bytes, not %zu (%s %s)", sql, thread_counts[i],
                     strlen(sorted), strlen(wanted), harness.sqlstate, harness.message);
        free(sorted);
        free(text);
    }
    free(first);
    free(wanted);
}

/* ---- tests
 * ------------------------------------------------------------------------------------------------- */

static void scan_filters_and_projects(void **state) {
    StrBuf expected;
    strbuf_init(&expected);
    for (int i = 0; i < ROWS; i++)
        if (!rows[i].a_null && rows[i].a >= 3 && rows[i].a < 9 && !rows[i].word_null &&
            strcmp(words[rows[i].word], "beta"))
            strbuf_printf(&expected, "%lld|%d|%s\n", (long long)rows[i].id, rows[i].a + 1,
                          words[rows[i].word]);
    char *text = strbuf_release(&expected);
    expect_text("select id, a + 1, c from t where a >= 3 and a < 9 and c <> 'beta'", text);
    free(text);
}

static void lists_and_nulls(void **state) {
    StrBuf expected;
    strbuf_init(&expected);
    for (int i = 0; i < ROWS; i++)
        if ((!rows[i].a_null && (rows[i].a == 1 || rows[i].a == 17)) || (rows[i].b_null && rows[i].f_null))
            strbuf_printf(&expected, "%lld\n", (long long)rows[i].id);
    char *text = strbuf_release(&expected);
    expect_text("select id from t where a in (1, 17, null) or (b is null and f is null)", text);
    free(text);
    expect_text("select count(*) from t where a not in (1, null)", "0\n");
}

static void row_groups_are_skipped(void **state) {
    expect_text("select count(*) from t where id >= 4000 and id < 5000", "1000\n");
    assert_int_equal(harness.stats.row_groups_skipped,
                     ROWS / GROUP_ROWS); /* all but the one that holds them */
    expect_text("select count(*) from t where id > 1000000", "0\n");
    assert_int_equal(harness.stats.rows_scanned, 0);
}

static void groups_small_domain(void **state) {
    StrBuf expected;
    strbuf_init(&expected);
    for (int word = 0; word <= WORDS; word++) {
        long long count = 0, sum = 0, with_a = 0;
        for (int i = 0; i < ROWS; i++) {
            if (word == WORDS ? !rows[i].word_null : rows[i].word_null || rows[i].word != word) continue;
            count++;
            if (!rows[i].a_null) sum += rows[i].a, with_a++;
        }
        strbuf_printf(&expected, "%s|%lld|%lld|%lld\n", word == WORDS ? "NULL" : words[word], count, sum,
                      with_a);
    }
    expect_rows("select c, count(*), sum(a), count(a) from t group by c", &expected);
}

static void groups_large_domain(void **state) {
    StrBuf expected;
    strbuf_init(&expected);
    for (int i = 0; i < ROWS; i++)
        if (!rows[i].a_null) strbuf_printf(&expected, "%d|2|%d\n", i, 2 * rows[i].a);
    expect_rows("select id, count(*), sum(a) from t2 where a is not null group by id", &expected);
}

static void distinct_and_filter(void **state) {
    StrBuf expected;
    strbuf_init(&expected);
    for (int word = 0; word < WORDS; word++) {
        bool seen[64] = {false};
        int distinct = 0, positive = 0, any = 0;
        for (int i = 0; i < ROWS; i++) {
            if (rows[i].word_null || rows[i].word != word) continue;
            any++;
            if (rows[i].a_null) continue;
            distinct += !seen[rows[i].a + 10];
            seen[rows[i].a + 10] = true;
            positive += rows[i].a > 0;
        }
        if (any) strbuf_printf(&expected, "%s|%d|%d\n", words[word], distinct, positive);
    }
    expect_rows(
        "select c, count(distinct a), count(*) filter (where a > 0) from t where c is not null group by c",
        &expected);
}

static void float_sums_do_not_depend_on_threads(void **state) {
    char *first = harness_query(&harness, 1, "select sum(f), avg(f), sum(f * f) from t");
    expect_text("select sum(f), avg(f), sum(f * f) from t", first);
    free(first);
    first = harness_query(&harness, 1, "select a, sum(f), avg(f) from t2 group by a order by a");
    expect_text("select a, sum(f), avg(f) from t2 group by a order by a", first);
    free(first);
}

static int compare_rows(const void *left, const void *right) {
    const Row *a = left, *b = right;
    if (a->word_null != b->word_null) return a->word_null ? 1 : -1;
    int order = a->word_null ? 0 : strcmp(words[b->word], words[a->word]);
    if (order) return order;
    if (a->b_null != b->b_null) return a->b_null ? -1 : 1;
    if (!a->b_null && a->b != b->b) return a->b < b->b ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static void sorts_and_limits(void **state) {
    static Row sorted[ROWS];
    memcpy(sorted, rows, sizeof rows);
    qsort(sorted, ROWS, sizeof *sorted, compare_rows);
    static const struct {
        int limit, offset;
    } cuts[] = {{ROWS, 0}, {10, 0}, {100, 7000}, {1, ROWS - 1}, {5, ROWS}};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        StrBuf expected;
        char sql[256];
        strbuf_init(&expected);
        for (int r = cuts[i].offset; r < cuts[i].offset + cuts[i].limit && r < ROWS; r++)
            strbuf_printf(&expected, "%lld\n", (long long)sorted[r].id);
        snprintf(sql, sizeof sql,
                 "select id from t order by c desc nulls last, b nulls first, id limit %d offset %d",
                 cuts[i].limit, cuts[i].offset);
        char *text = strbuf_release(&expected);
        expect_text(sql, text);
        free(text);
    }
}

static void limit_without_order_is_the_first_rows(void **state) {
    expect_text("select id from t limit 3 offset 2", "2\n3\n4\n");
    expect_text("select id from t limit 0", "");
    expect_text("select count(*) from (select id from t limit 4321 offset 10) x", "4321\n");
    expect_text("select min(id), max(id) from (select id from t limit 4000 offset 10) x", "10|4009\n");
}

static void inner_join(void **state) {
    StrBuf expected;
    strbuf_init(&expected);
    for (int i = 0; i < 500; i++)
        for (int o = 0; o < OTHER_ROWS && !rows[i].a_null; o++)
            if (!others[o].k_null && others[o].k == rows[i].a) strbuf_printf(&expected, "%d|%d\n", i, o);
    expect_rows("select t.id, u.w from t join u on t.a = u.k where t.id < 500", &expected);
}

/* Probe keys that are dictionaries: each value met once, twice, with a NULL beside it, or not at all. */
static void joins_by_dictionary(void **state) {
    static const char names[] =
        "(values ('alpha', 1), ('zz', null), ('another quite long string', 3), ('unseen', 4)) v(w, n)";
    static const int match[WORDS] = {1, 0, 0, 0, 0, 2, 3, 0}; /* 2: NULL */
    StrBuf inner, left, full, semi, anti, residual;
    StrBuf *all[] = {&inner, &left, &full, &semi, &anti, &residual};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        strbuf_init(all[i]);
    for (int i = 0; i < ROWS; i++) {
        int n = rows[i].word_null ? 0 : match[rows[i].word];
        char number[8] = "NULL";
        if (n && n != 2) snprintf(number, sizeof number, "%d", n);
        if (n) strbuf_printf(&inner, "%d|%s\n", i, number);
        strbuf_printf(&left, "%d|%s\n", i, number);
        strbuf_printf(&full, "%d|%s\n", i, number);
        strbuf_printf(n ? &semi : &anti, "%d\n", i);
        if (n == 3 && i > 500) strbuf_printf(&residual, "%d|%s\n", i, number);
    }
    strbuf_append_text(&full, "NULL|4\n");
    static const struct {
        const char *select, *join, *rest;
    } statements[] = {{"select t.id, v.n", "join", "on v.w = t.c"},
                      {"select t.id, v.n", "left join", "on v.w = t.c"},
                      {"select t.id, v.n", "full join", "on v.w = t.c"},
                      {"select t.id", "", "where exists (select 1 from %s where v.w = t.c)"},
                      {"select t.id", "", "where not exists (select 1 from %s where v.w = t.c)"},
                      {"select t.id, v.n", "join", "on v.w = t.c and v.n * 200 + t.id > 1100 and v.n > 1"}};
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        char sql[512], rest[256];
        snprintf(rest, sizeof rest, statements[i].rest, names);
        snprintf(sql, sizeof sql, "%s from t %s %s %s", statements[i].select, statements[i].join,
                 *statements[i].join ? names : "", rest);
        expect_rows(sql, all[i]);
    }
    expect_text("select v.n, count(*) from t join (values ('alpha', 1), ('alpha', 2), ('zz', 1)) v(w, n) on "
                "v.w = t.c "
                "where t.id < 0 group by 1",
                "");
    int alpha = 0, zz = 0;
    char expected[64];
    for (int i = 0; i < ROWS; i++) {
        alpha += !rows[i].word_null && rows[i].word == 0;
        zz += !rows[i].word_null && rows[i].word == 5;
    }
    snprintf(expected, sizeof expected, "1|%d\n2|%d\n", alpha + zz, alpha);
    expect_text("select v.n, count(*) from t join (values ('alpha', 1), ('alpha', 2), ('zz', 1)) v(w, n) on "
                "v.w = t.c "
                "group by 1 order by 1",
                expected);
}

static void outer_joins(void **state) {
    StrBuf left, full;
    bool met[OTHER_ROWS] = {false};
    strbuf_init(&left);
    strbuf_init(&full);
    for (int i = 0; i < 300; i++) {
        bool any = false;
        for (int o = 0; o < OTHER_ROWS && !rows[i].a_null; o++)
            if (!others[o].k_null && others[o].k == rows[i].a && o > 1500) {
                strbuf_printf(&left, "%d|%d\n", i, o);
                any = met[o] = true;
            }
        if (!any) strbuf_printf(&left, "%d|NULL\n", i);
    }
    strbuf_append(&full, strbuf_text(&left), left.length);
    for (int o = 0; o < OTHER_ROWS; o++)
        if (!met[o]) strbuf_printf(&full, "NULL|%d\n", o);
    expect_rows(
        "select x.id, u.w from (select * from t where id < 300) x left join u on x.a = u.k and u.w > 1500",
        &left);
    expect_rows(
        "select x.id, u.w from (select * from t where id < 300) x full join u on x.a = u.k and u.w > 1500",
        &full);
}

static void semi_anti_and_not_in(void **state) {
    StrBuf semi, anti;
    strbuf_init(&semi);
    strbuf_init(&anti);
    for (int i = 0; i < ROWS; i++) {
        bool found = false;
        for (int o = 0; o < 15 && !rows[i].a_null; o++)
            found |= !others[o].k_null && others[o].k == rows[i].a;
        strbuf_printf(found ? &semi : &anti, "%d\n", i);
    }
    expect_rows("select id from t where exists (select 1 from u where u.k = t.a and u.w < 15)", &semi);
    expect_rows("select id from t where not exists (select 1 from u where u.k = t.a and u.w < 15)", &anti);
    expect_text("select count(*) from t where a not in (select k from u)", "0\n");
    expect_text("select count(*) from t where a not in (select k from u where w < 0)", "20000\n");
    expect_text("select count(*) from t where id < (select max(w) from u)", "1999\n");
}

static void set_operations(void **state) {
    expect_text("select count(*) from (select a from t union all select k from u) x", "22000\n");
    expect_text("select x from (values (1), (2), (2), (3), (null)) v(x) intersect all select x from (values "
                "(2), (2), (null), (4)) w(x)",
                "2\n2\nNULL\n");
    expect_text(
        "select x from (values (1), (2), (2), (3)) v(x) except all select x from (values (2), (4)) w(x)",
        "1\n2\n3\n");
    expect_text("select x from (values (1), (2), (2), (3)) v(x) except select x from (values (2)) w(x)",
                "1\n3\n");
}

static void errors_only_for_rows_that_count(void **state) {
    int count = 0;
    char expected[32];
    for (int i = 0; i < ROWS; i++)
        count += !rows[i].a_null && rows[i].a >= 1 && rows[i].a <= 4;
    snprintf(expected, sizeof expected, "%d\n", count);
    expect_text("select count(*) from t where a <> 0 and 100 / a > 20", expected);
    expect_text("select count(*) from t where case when a <> 0 then 100 / a > 20 else false end", expected);
}

static void errors_stop_everything(void **state) {
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++) {
        char *text = harness_query(&harness, thread_counts[i], "select sum(100 / a) from t");
        assert_string_equal(text, "ERROR 22012");
        assert_in_range(harness.position, 12, 18); /* within 100 / a */
        assert_int_equal(harness.left_reserved, 0);
        free(text);
        text = harness_query(&harness, thread_counts[i], "select (select w from u where u.k = t.a) from t");
        assert_string_equal(text, "ERROR 21000");
        free(text);
    }
}

static void memory_is_refused_cleanly(void **state) {
    harness.memory_bytes = 256 << 10;
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++) {
        static const char *const statements[] = {"select id, c, count(*) from t2 group by id, c",
                                                 "select * from t2 order by c, b",
                                                 "select count(*) from t join t2 on t.b = t2.b"};
        for (size_t s = 0; s < sizeof statements / sizeof *statements; s++) {
            char *text = harness_query(&harness, thread_counts[i], statements[s]);
            assert_string_equal(text, "ERROR 53200");
            assert_int_equal(harness.left_reserved, 0);
            free(text);
        }
    }
    harness.memory_bytes = 0;
}

static void cancel_frees_everything(void **state) {
    CancelToken token;
    cancel_init(&token, 0);
    cancel_request(&token, CANCEL_BY_USER);
    harness.cancel = &token;
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++) {
        char *text = harness_query(&harness, thread_counts[i], "select c, count(*) from t group by c");
        assert_string_equal(text, "ERROR 57014");
        assert_int_equal(harness.left_reserved, 0);
        free(text);
    }
    harness.cancel = NULL;
}

typedef struct Canceller {
    CancelToken token;
    int64_t after_rows; /* scanned */
    _Atomic bool over;
} Canceller;

static void *cancel_when_scanned(void *argument) {
    Canceller *canceller = argument;
    while (!atomic_load(&canceller->over) && atomic_load(&harness.stats.rows_scanned) < canceller->after_rows)
        sched_yield();
    cancel_request(&canceller->token, CANCEL_BY_CLIENT_GONE);
    return NULL;
}

/* Runs it while another thread cancels: its rows or 57014, and nothing left. */
static void run_cancelled(const char *sql, int threads, int64_t after_rows, const char *answer) {
    Canceller canceller = {.after_rows = after_rows};
    pthread_t thread;
    cancel_init(&canceller.token, 0);
    harness.cancel = &canceller.token;
    memset(&harness.stats, 0, sizeof harness.stats);
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_scanned, &canceller), 0);
    char *text = harness_query(&harness, threads, sql);
    atomic_store(&canceller.over, true);
    pthread_join(thread, NULL);
    harness.cancel = NULL;
    if (strcmp(text, "ERROR 57014") && (!answer || strcmp(text, answer)))
        fail_msg("%s, cancelled after %lld rows, gave %.200s (%s)", sql, (long long)after_rows, text,
                 harness.message);
    assert_int_equal(harness.left_reserved, 0);
    free(text);
}

static void cancel_midway_in_every_operator(void **state) {
    static const char *const statements[] = {
        "select max(length(c || b::text)) from t2",
        "select count(*) from t2 where c like '%o%' and b % 7 = 3",
        "select count(*) from (select a, b, c, count(*) from t2 group by a, b, c) x",
        "select count(distinct c || b::text) from t2",
        "select c, sum(distinct f), count(distinct b) from t2 group by c order by c",
        "select sum(f) from t2",
        "select id from t2 order by c, b, f, id limit 3",
        "select count(*) from (select * from t2 order by f, b, c offset 1) x",
        "select count(*) from t2 x join t2 y on x.b = y.b and x.c = y.c",
        "select count(*) from t2 x left join t2 y on x.b = y.b + 1",
        "select count(*) from t2 x full join u on x.b = u.w",
        "select count(*) from (select b, c from t2 intersect select b + 1, c from t2) x",
        "select count(*) from (select b from t2 except all select b from t) x",
        "select count(*) from t2 where b not in (select w from u)",
        "select count(*) from (select a from t2 limit 30000) x"};
    for (size_t s = 0; s < sizeof statements / sizeof *statements; s++) {
        char *answer = harness_query(&harness, 2, statements[s]);
        for (int64_t rows_before = 1; rows_before <= 90000; rows_before += 9001)
            run_cancelled(statements[s], rows_before % 2 ? 4 : 1, rows_before, answer);
        free(answer);
    }
}

/* What would run for minutes or longer. */
static void cancel_ends_the_endless(void **state) {
    static const char *const statements[] = {
        "select count(*) from t2 x, t2 y, t2 z where x.a + y.a + z.a = 1000",
        "select count(*) from t2 x join t2 y on x.c = y.c join t2 z on y.c = z.c",
        "select count(*) from t2 where (b, id) not in (select nullif(y.b, y.b), x.id + 1000000 + y.id from "
        "t2 x, (select * from t2 limit 40) y)"};
    for (size_t s = 0; s < sizeof statements / sizeof *statements; s++)
        for (int threads = 1; threads <= 4; threads += 3)
            run_cancelled(statements[s], threads, 40000, NULL);
}

static void abandoned_streams_free_everything(void **state) {
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++) {
        for (int arrays = 0; arrays < 2; arrays++) {
            char *text = harness_query_arrays(&harness, thread_counts[i], arrays, NULL, 0,
                                              "select t.id, u.w from t join u on t.a = u.k order by 1");
            assert_int_equal(harness.left_reserved, 0);
            free(text);
            text = harness_query_arrays(&harness, thread_counts[i], arrays, NULL, 0, "select * from t2");
            assert_int_equal(harness.left_reserved, 0);
            free(text);
        }
    }
}

static void parameters(void **state) {
    Param params[] = {{PARAM_INT, "4", 1}, {PARAM_TEXT, "al%", 3}};
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++) {
        int count = 0;
        char expected[32];
        for (int r = 0; r < ROWS; r++)
            count += !rows[r].a_null && rows[r].a == 4 && !rows[r].word_null && rows[r].word == 0;
        snprintf(expected, sizeof expected, "%d\n", count);
        char *text = harness_query_arrays(&harness, thread_counts[i], -1, params, 2,
                                          "select count(*) from t where a = $1 and c like $2");
        assert_string_equal(text, expected);
        free(text);
    }
}

static void explain_analyze_counts(void **state) {
    char *text =
        harness_query(&harness, 2, "explain analyze select c, count(*) from t where id < 3000 group by c");
    assert_non_null(strstr(text, "row groups skipped=6 of 7"));
    assert_non_null(strstr(text, "rows in=3000"));
    assert_non_null(strstr(text, "Execution time"));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_filters_and_projects),
        cmocka_unit_test(lists_and_nulls),
        cmocka_unit_test(row_groups_are_skipped),
        cmocka_unit_test(groups_small_domain),
        cmocka_unit_test(groups_large_domain),
        cmocka_unit_test(distinct_and_filter),
        cmocka_unit_test(float_sums_do_not_depend_on_threads),
        cmocka_unit_test(sorts_and_limits),
        cmocka_unit_test(limit_without_order_is_the_first_rows),
        cmocka_unit_test(inner_join),
        cmocka_unit_test(joins_by_dictionary),
        cmocka_unit_test(outer_joins),
        cmocka_unit_test(semi_anti_and_not_in),
        cmocka_unit_test(set_operations),
        cmocka_unit_test(errors_only_for_rows_that_count),
        cmocka_unit_test(errors_stop_everything),
        cmocka_unit_test(memory_is_refused_cleanly),
        cmocka_unit_test(cancel_frees_everything),
        cmocka_unit_test(cancel_midway_in_every_operator),
        cmocka_unit_test(cancel_ends_the_endless),
        cmocka_unit_test(abandoned_streams_free_everything),
        cmocka_unit_test(parameters),
        cmocka_unit_test(explain_analyze_counts),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
