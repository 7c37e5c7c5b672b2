/* Statements of every operator, cancelled at random moments and ended by their deadline: how soon they stop,
 * and that nothing of them stays. By itself (ctest) a few rounds, without a judgement on time;
 * SIGNALBOX_CANCEL_ROUNDS=30 prints the distribution that tests/README.md tells; with
 * SIGNALBOX_CANCEL_STACKS=20 a statement that has used 20 ms of the processors since it was stopped shows
 * where it is, again each 20 ms (addresses for addr2line -ifp -e). SIGNALBOX_CANCEL_ONLY=NAME leaves out the
 * statements of other names. */
#include "tests/unit/columnar_exec/exec_harness.h"

#include <dirent.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "engines/base/clock.h"
#include "engines/columnar/parquet/parquet_writer.h"

static Harness harness;
static char directory[64];

/* Rows enough that no statement ends by itself while it is being cancelled. */
#define LEFT                                                                                                 \
    "(SELECT CASE WHEN g % 17 = 0 THEN NULL ELSE g % 400000 END AS k, g AS v, "                              \
    "repeat('left ', 1 + (g % 5)::int) || g AS s FROM generate_series(1, 3000000) AS g) l"
#define RIGHT                                                                                                \
    "(SELECT CASE WHEN g % 13 = 0 THEN NULL ELSE g % 500000 + 200000 END AS k, g AS w, "                     \
    "repeat('right ', 1 + (g % 4)::int) || g AS t FROM generate_series(1, 3000000) AS g) r"
#define LONG_TEXT "(SELECT repeat('abcdefghij', 400000) || g AS s FROM generate_series(1, 4000) AS g) l"
/* More than a batch of them takes in the time before the cancel. */
#define LONG_TEXT_BUDGET (INT64_C(4) << 30)

typedef struct Case {
    const char *name, *sql;
    int64_t memory_bytes; /* 0 = 1 GB */
} Case;

static const Case cases[] = {
    {"scan", "SELECT sum(a.x + b.x) FROM numbers a, (SELECT x FROM numbers LIMIT 4000) b", 0},
    {"scan, filter",
     "SELECT count(*) FROM numbers a JOIN numbers b ON a.x % 3 = b.x % 3 WHERE a.t LIKE '%77%'", 0},
    {"filter", "SELECT count(*) FROM generate_series(1, 2000000000) g WHERE g % 7 = 8", 0},
    {"project", "SELECT max(md5(g::text || 'x')) FROM generate_series(1, 2000000000) g", 0},
    {"rows to the client", "SELECT g, g * 2 FROM generate_series(1, 2000000000) g", 0},
    {"hash join, probe", "SELECT count(*) FROM " LEFT " JOIN " RIGHT " ON l.k % 100 = r.k % 100", 0},
    {"hash join, build",
     "SELECT count(*) FROM (SELECT 1 AS k) a JOIN (SELECT g % 90000000 AS k FROM generate_series(1, "
     "90000000) g) b USING (k)",
     0},
    {"left join", "SELECT count(w) FROM " LEFT " LEFT JOIN " RIGHT " ON l.k % 90 = r.k % 90 AND v > w", 0},
    {"full join", "SELECT count(w), count(v) FROM " LEFT " FULL JOIN " RIGHT " ON l.k % 90 = r.k % 90", 0},
    {"semi join",
     "SELECT count(*) FROM " LEFT " WHERE EXISTS (SELECT 1 FROM " RIGHT
     " WHERE l.k % 50 = r.k % 50 AND r.w + l.v < 0)",
     0},
    {"anti join",
     "SELECT count(*) FROM " LEFT " WHERE NOT EXISTS (SELECT 1 FROM " RIGHT
     " WHERE l.k % 50 = r.k % 50 AND r.w + l.v < 0)",
     0},
    {"mark join",
     "SELECT count(*) FROM " LEFT " WHERE (l.v NOT IN (SELECT r.w + l.v FROM " RIGHT
     " WHERE r.w > 2990000)) OR k = 1",
     0},
    {"single join", "SELECT sum((SELECT max(w) FROM " RIGHT " WHERE r.w < l.v)) FROM " LEFT, 0},
    {"spilling join", "SELECT count(*), sum(length(s)), max(t) FROM " LEFT " JOIN " RIGHT " ON l.k = r.k",
     48 << 20},
    {"spilling full join", "SELECT count(*), max(s), max(t) FROM " LEFT " FULL JOIN " RIGHT " ON l.k = r.k",
     48 << 20},
    {"nested loop", "SELECT count(*) FROM " LEFT " JOIN " RIGHT " ON l.v < r.w", 0},
    {"cross join", "SELECT count(*) FROM " LEFT " CROSS JOIN " RIGHT, 0},
    {"aggregate",
     "SELECT v % 500000, count(*), sum(v) FROM " LEFT
     " CROSS JOIN (VALUES (1), (2), (3), (4), (5), (6)) x(y) GROUP BY 1",
     0},
    {"aggregate, many groups", "SELECT g, count(*) FROM generate_series(1, 60000000) g GROUP BY 1", 0},
    {"spilling aggregate", "SELECT s, count(*), max(v) FROM " LEFT " GROUP BY 1", 48 << 20},
    {"text aggregate", "SELECT max(s), min(s) FROM " LEFT ", " RIGHT, 0},
    {"string_agg", "SELECT v % 10, length(string_agg(s, ',' ORDER BY s)) FROM " LEFT " GROUP BY 1", 0},
    {"array_agg",
     "SELECT cardinality(array_agg(v ORDER BY v DESC)) FROM " LEFT ", (VALUES (1), (2), (3)) x(y)", 0},
    {"count distinct",
     "SELECT count(DISTINCT s), count(DISTINCT v) FROM " LEFT ", (VALUES (1), (2), (3)) x(y)", 0},
    {"percentile",
     "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v), mode() WITHIN GROUP (ORDER BY k) FROM " LEFT
     ", (VALUES (1), (2), (3)) x(y)",
     0},
    {"grouping sets",
     "SELECT k, v % 1000, count(*) FROM " LEFT ", (VALUES (1), (2), (3)) x(y) GROUP BY CUBE (1, 2)", 0},
    {"distinct", "SELECT DISTINCT s, v FROM " LEFT, 0},
    {"sort in memory", "SELECT v, s FROM " LEFT " ORDER BY s DESC", 0},
    {"sort of numbers", "SELECT g FROM generate_series(1, 30000000) g ORDER BY g % 1000003, g", 0},
    {"spilling sort", "SELECT v, s FROM " LEFT " ORDER BY s", 48 << 20},
    {"top-n", "SELECT v, s FROM " LEFT ", " RIGHT " ORDER BY s, t LIMIT 1000", 0},
    {"window, one partition",
     "SELECT sum(x) FROM (SELECT sum(v) OVER (ORDER BY v ROWS BETWEEN 100 PRECEDING AND CURRENT ROW) AS x "
     "FROM " LEFT ") y",
     0},
    {"window, frames of many rows",
     "SELECT sum(x) FROM (SELECT max(s) OVER (ORDER BY v ROWS BETWEEN 100000 PRECEDING AND 5 FOLLOWING "
     "EXCLUDE CURRENT ROW) AS x FROM (SELECT v, length(s) AS s FROM " LEFT ") l) y",
     0},
    {"window, partitions",
     "SELECT sum(x) FROM (SELECT row_number() OVER (PARTITION BY k % 1000 ORDER BY s) AS x FROM " LEFT ") y",
     0},
    {"window, lag", "SELECT count(x) FROM (SELECT lag(s, 3) OVER (ORDER BY v) AS x FROM " LEFT ") y", 0},
    {"union", "SELECT count(*) FROM (SELECT v, s FROM " LEFT " UNION SELECT w, t FROM " RIGHT ") x", 0},
    {"intersect", "SELECT count(*) FROM (SELECT v, s FROM " LEFT " INTERSECT SELECT w, t FROM " RIGHT ") x",
     0},
    {"except all", "SELECT count(*) FROM (SELECT v, s FROM " LEFT " EXCEPT ALL SELECT w, t FROM " RIGHT ") x",
     0},
    {"recursive, small rounds",
     "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 2000000000) SELECT count(*) "
     "FROM r",
     0},
    {"recursive, large rounds",
     "WITH RECURSIVE r(i, n) AS (SELECT g, 1 FROM generate_series(1, 300000) g UNION ALL SELECT i + 7, n + 1 "
     "FROM r WHERE n < 1000) SELECT count(*) FROM r",
     0},
    {"recursive, distinct",
     "WITH RECURSIVE r(i) AS (SELECT 1::bigint UNION SELECT (i * 7 + g) % 90000000 FROM r, "
     "generate_series(1, 5) g) SELECT count(*) FROM r",
     0},
    {"materialized",
     "WITH m AS MATERIALIZED (SELECT * FROM " LEFT
     ") SELECT count(*) FROM m a JOIN m b ON a.k % 70 = b.k % 70",
     0},
    {"table function per row", "SELECT sum(x) FROM " LEFT ", generate_series(1, v) x", 0},
    {"unnest",
     "SELECT count(*) FROM (SELECT array_agg(g) AS a FROM generate_series(1, 1000000) g) x, "
     "generate_series(1, 1000) y, unnest(a) z",
     0},
    {"split to rows", "SELECT count(*) FROM " LONG_TEXT ", regexp_split_to_table(s, 'c') p",
     LONG_TEXT_BUDGET},
    {"limit far away", "SELECT g FROM generate_series(1, 2000000000) g OFFSET 1999999999 LIMIT 1", 0},
    {"tablesample",
     "SELECT count(*) FROM numbers a TABLESAMPLE BERNOULLI (50), numbers b TABLESAMPLE BERNOULLI (50), "
     "numbers c WHERE a.x + b.x + c.x < 0",
     0},
    {"LIKE on long text", "SELECT count(*) FROM " LONG_TEXT " WHERE s LIKE '%ja%bad%ij_k%'",
     LONG_TEXT_BUDGET},
    {"regex on long text", "SELECT count(*) FROM " LONG_TEXT " WHERE s ~ '(a|b)*c.*(x|y|z)+q'",
     LONG_TEXT_BUDGET},
    {"regex with back reference", "SELECT count(*) FROM " LONG_TEXT " WHERE s ~ '(.+)x\\1'",
     LONG_TEXT_BUDGET},
    {"regexp_replace", "SELECT sum(length(regexp_replace(s, '[b-d]+(e|f)', '<\\1>', 'g'))) FROM " LONG_TEXT,
     LONG_TEXT_BUDGET},
    {"replace, reverse, upper", "SELECT sum(length(upper(reverse(replace(s, 'cd', 'xyz'))))) FROM " LONG_TEXT,
     LONG_TEXT_BUDGET},
    {"md5, encode of long text", "SELECT max(md5(encode(s::bytea, 'hex'))) FROM " LONG_TEXT,
     LONG_TEXT_BUDGET},
    {"string_to_array", "SELECT sum(cardinality(string_to_array(s, 'c'))) FROM " LONG_TEXT, LONG_TEXT_BUDGET},
    {"numeric", "SELECT max(exp(1.000001 + x / 1000000.0) ^ 1.37) FROM generate_series(1, 2000000000) x", 0},
    {"numeric roots",
     "SELECT max(sqrt(x::numeric * 1e20) * ln(x::numeric)) FROM generate_series(1, 2000000000) x", 0},
    {"json",
     "SELECT count(*) FROM generate_series(1, 2000000000) g WHERE jsonb_build_object('a', g, 'b', "
     "jsonb_build_array(g, 'x')) #>> '{b,0}' = '-1'",
     0},
    {"jsonpath",
     "SELECT count(*) FROM generate_series(1, 2000000000) g WHERE jsonb_path_exists(jsonb_build_array(g, g + "
     "1), '$[*] ? (@ < 0)')",
     0},
    {"json of a long array",
     "SELECT count(*) FROM (SELECT jsonb_agg(g) AS j FROM generate_series(1, 200000) g) x, "
     "generate_series(1, 100000) h WHERE j @> to_jsonb(h::int)",
     0},
    {"array of an array",
     "SELECT count(*) FROM (SELECT array_agg(g) AS a FROM generate_series(1, 500000) g) x, "
     "generate_series(1, 100000) h WHERE a @> ARRAY[h, 7]",
     0},
    {"to_char, dates",
     "SELECT max(to_char(timestamp '2020-01-01' + g * interval '1 second', 'Day DD Mon YYYY')) FROM "
     "generate_series(1, 2000000000) g",
     0},
};
enum { CASES = sizeof cases / sizeof *cases, MOST_ROUNDS = 1000 };

static int entries_of(const char *path) {
    DIR *open = opendir(path);
    int count = 0;
    while (open && readdir(open))
        count++;
    if (open) closedir(open);
    return count;
}

typedef struct Canceller {
    CancelToken token;
    int64_t after_us;
    bool by_deadline;
    int64_t at_ns, cpu_at_ns;
} Canceller;

static int64_t process_cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void show_stack(int signal_number) {
    void *frames[24];
    int count = backtrace(frames, 24);
    backtrace_symbols_fd(frames + 2, count - 2, STDOUT_FILENO); /* without this and the signal's */
    if (write(STDOUT_FILENO, "\n", 1) < 0) return;
}

/* Each so much of the processors' time a running thread shows its stack. 0 = no more. */
static void show_stacks(int64_t each_us) {
    struct timeval each = {each_us / 1000000, each_us % 1000000};
    setitimer(ITIMER_PROF, &(struct itimerval){each, each}, NULL);
}

static int64_t stacks_each_us(void) {
    const char *asked = getenv("SIGNALBOX_CANCEL_STACKS");
    return asked ? atoll(asked) * 1000 : 0;
}

static void *cancel_later(void *argument) {
    Canceller *canceller = argument;
    struct timespec pause = {canceller->after_us / 1000000, canceller->after_us % 1000000 * 1000};
    nanosleep(&pause, NULL);
    canceller->cpu_at_ns = process_cpu_ns();
    show_stacks(stacks_each_us());
    if (canceller->by_deadline) return NULL; /* it was there to look at the clock */
    canceller->at_ns = clock_now_ns();
    cancel_request(&canceller->token, CANCEL_BY_USER);
    return NULL;
}

/* How long a statement went on after it was told to stop, and what it took of the processors. On a machine
 * with other work the second tells more. */
typedef struct Stop {
    int64_t wall_us, cpu_us;
} Stop;

/* False when the statement had ended before. */
static bool cancel_once(const Case *tried, int64_t after_us, bool by_deadline, Stop *out) {
    Canceller canceller = {.after_us = after_us, .by_deadline = by_deadline};
    pthread_t thread;
    int64_t deadline_ns = clock_now_ns() + after_us * 1000;
    cancel_init(&canceller.token, by_deadline ? deadline_ns : 0);
    harness.cancel = &canceller.token;
    harness.memory_bytes = tried->memory_bytes ? tried->memory_bytes : INT64_C(1) << 30;
    harness.spill_directory = directory;
    pthread_create(&thread, NULL, cancel_later, &canceller);
    char *text = harness_query_arrays(&harness, 2, 2000, NULL, 0, tried->sql);
    int64_t ended_ns = clock_now_ns(), cpu_ns = process_cpu_ns();
    pthread_join(thread, NULL);
    show_stacks(0);
    harness.cancel = NULL;
    free(text);
    assert_int_equal(harness.left_reserved, 0);
    if (harness.sqlstate[0] && strcmp(harness.sqlstate, "57014") != 0 &&
        strcmp(harness.sqlstate, "53200") != 0)
        fail_msg("%s: %s %s", tried->name, harness.sqlstate, harness.message);
    out->wall_us = (ended_ns - (by_deadline ? deadline_ns : canceller.at_ns)) / 1000;
    out->cpu_us = (cpu_ns - canceller.cpu_at_ns) / 1000;
    return !strcmp(harness.sqlstate, "57014");
}

static int by_wall(const void *a, const void *b) {
    int64_t left = ((const Stop *)a)->wall_us, right = ((const Stop *)b)->wall_us;
    return (left > right) - (left < right);
}

static void print_line(const char *name, Stop *stops, int count) {
    int late = 0;
    int64_t most_cpu_us = 0;
    qsort(stops, (size_t)count, sizeof *stops, by_wall);
    for (int i = 0; i < count; i++) {
        late += stops[i].wall_us > 100000;
        most_cpu_us = stops[i].cpu_us > most_cpu_us ? stops[i].cpu_us : most_cpu_us;
    }
    if (!count) {
        printf("%-28s ended by itself every time\n", name);
        return;
    }
    printf(
        "%-28s %5d stopped; ms: half within %6.1f, 99 %% %6.1f, all %6.1f, most CPU %6.1f; over 100 ms: %d\n",
        name, count, (double)stops[count / 2].wall_us / 1e3,
        (double)stops[(count * 99 - 1) / 100].wall_us / 1e3, (double)stops[count - 1].wall_us / 1e3,
        (double)most_cpu_us / 1e3, late);
}

static void *do_nothing(void *argument) {
    return argument;
}

static void every_operator_stops_and_leaves_nothing(void **state) {
    /* The thread sanitizer has a thread of its own from the first one on. */
    pthread_t first;
    assert_int_equal(pthread_create(&first, NULL, do_nothing, NULL), 0);
    pthread_join(first, NULL);
    const char *asked = getenv("SIGNALBOX_CANCEL_ROUNDS"), *only = getenv("SIGNALBOX_CANCEL_ONLY");
    void *loaded[1];
    backtrace(loaded, 1); /* loads its library outside of the handler */
    signal(SIGPROF, show_stack);
    int rounds = asked ? atoi(asked) : 1, files = entries_of("/proc/self/fd"),
        tasks = entries_of("/proc/self/task"), total = 0;
    uint64_t random = 12345;
    assert_in_range(rounds, 1, MOST_ROUNDS);
    Stop *stops = calloc((size_t)rounds, sizeof *stops), *all = calloc((size_t)rounds * CASES, sizeof *all);
    for (int c = 0; c < CASES; c++) {
        int stopped = 0;
        if (only && !strstr(cases[c].name, only)) continue;
        for (int round = 0; round < rounds; round++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            if (cancel_once(&cases[c], (int64_t)(random >> 33) % 400000, round % 4 == 3, &stops[stopped]))
                all[total++] = stops[stopped++];
        }
        if (asked) print_line(cases[c].name, stops, stopped);
    }
    print_line("all", all, total);
    free(stops);
    free(all);
    assert_true(total > 0);
    assert_int_equal(entries_of("/proc/self/fd"), files);
    /* A joined thread stands there until the kernel has put it away. */
    for (int i = 0; i < 1000 && entries_of("/proc/self/task") > tasks; i++)
        usleep(1000);
    assert_int_equal(entries_of("/proc/self/task"), tasks);
    assert_int_equal(entries_of(directory), 2); /* itself and its parent */
}

enum { TABLE_ROWS = 1000000, WRITTEN_AT_ONCE = 2000 };

static void write_numbers(const char *path) {
    static const ParquetWriterColumn columns[] = {{"x", {.id = SQL_INT8}, false, 1},
                                                  {"t", {.id = SQL_TEXT}, false, 2}};
    ParquetWriterOptions options = {.row_group_rows = 100000};
    ParquetWriter *writer;
    ParquetWritten written;
    Error err = {0};
    Arena arena;
    arena_init(&arena);
    assert_int_equal(parquet_writer_open(path, columns, 2, &options, &writer, &err), STATUS_OK);
    for (int start = 0; start < TABLE_ROWS; start += WRITTEN_AT_ONCE) {
        Vector vectors[2];
        for (int c = 0; c < 2; c++)
            vector_init_flat(&vectors[c], columns[c].type, WRITTEN_AT_ONCE, &arena);
        for (int i = 0; i < WRITTEN_AT_ONCE; i++) {
            char *text = arena_printf(&arena, "text %d of many", (start + i) * 7 % 99991);
            ((int64_t *)vectors[0].values)[i] = start + i;
            ((StringView *)vectors[1].values)[i] = stringview_make(text, (uint32_t)strlen(text));
        }
        Batch batch = {
            .row_count = WRITTEN_AT_ONCE, .column_count = 2, .columns = vectors, .selected = WRITTEN_AT_ONCE};
        assert_int_equal(parquet_writer_append(writer, &batch, &err), STATUS_OK);
        arena_reset(&arena);
    }
    assert_int_equal(parquet_writer_finish(writer, &arena, &written, &err), STATUS_OK);
    arena_deinit(&arena);
}

static int set_up(void **state) {
    static char path[80];
    const char *paths[] = {path};
    harness_init(&harness);
    strcpy(directory, "/tmp/cancel-test-XXXXXX");
    if (!mkdtemp(directory)) return -1;
    snprintf(path, sizeof path, "%s.parquet", directory);
    write_numbers(path);
    harness_add_table(&harness, "numbers", paths, 1);
    *state = path;
    return 0;
}

static int tear_down(void **state) {
    harness_deinit(&harness);
    unlink(*state);
    return rmdir(directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_operator_stops_and_leaves_nothing)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
