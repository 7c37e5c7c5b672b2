/* Statements meant to break a recursive parser: each must be answered with an error, quickly, on a 64 MiB
 * stack. */
#include "tests/unit/router/fake_engine.h"

#include <pthread.h>

#include "engines/base/clock.h"
#include "engines/base/strbuf.h"
#include "router/features.h"
#include "router/parse.h"
#include "router/sqlscan.h"

typedef struct Attack {
    const char *head, *open, *middle, *close, *tail;
    int times;
    const char *sqlstate; /* NULL: must pass */
} Attack;

static Fixture fixture;
static char failures[4096]; /* cmocka's own assertions only work on the main thread */

static void note_failure(const Attack *attack, const char *sqlstate, const char *what) {
    size_t length = strlen(failures);
    snprintf(failures + length, sizeof failures - length, "%d x %.30s: %s %s\n", attack->times, attack->open,
             sqlstate, what);
}

static char *build(const Attack *attack) {
    StrBuf sql;
    strbuf_init(&sql);
    strbuf_append_text(&sql, attack->head);
    for (int i = 0; i < attack->times; i++)
        strbuf_append_text(&sql, attack->open);
    strbuf_append_text(&sql, attack->middle);
    for (int i = 0; i < attack->times; i++)
        strbuf_append_text(&sql, attack->close);
    strbuf_append_text(&sql, attack->tail);
    return strbuf_release(&sql);
}

static void run_attack(const Attack *attack) {
    char *sql = build(attack);
    RouteRequest request = {.sql = sql, .sql_length = strlen(sql)};
    Decision *decision = NULL;
    RouteTiming timing;
    Error err = {0};
    int64_t start = clock_now_ns();
    Status status = router_decide(fixture.router, &request, &decision, &timing, &err);
    double ms = (double)(clock_now_ns() - start) / 1e6;
    bool right = attack->sqlstate ? status != STATUS_OK && strcmp(err.sqlstate, attack->sqlstate) == 0
                                  : status == STATUS_OK;
    if (!right) note_failure(attack, err.sqlstate, err.message);
    if (ms > 3000) note_failure(attack, "", "took more than 3 s");
    decision_release(decision);
    free(sql);
}

static const Attack attacks[] = {
    {"SELECT 1", "+1", "", "", "", 100000, "54001"},
    {"SELECT 1", "+1", "", "", "", 4000, NULL},
    {"SELECT 1", "+a.union", "", "", "", 20000, "54001"},
    {"SELECT 1 ", "+-+-+-+-+-", "1", "", "", 2000, "54001"},
    {"SELECT 1", "::int", "", "", "", 20000, "54001"},
    {"SELECT 1", " OPERATOR(pg_catalog.+) 1", "", "", "", 8000, "54001"},
    {"SELECT values", " + values", "", "", "", 20000, "54001"},
    {"SELECT ", "NOT ", "true", "", "", 10000, "54001"},
    {"SELECT ", "- ", "1", "", "", 10000, "54001"},
    {"SELECT ", "(", "1", ")", "", 20000, "54001"},
    {"SELECT ", "(", "1", "", "", 20000, "54001"},
    {"SELECT ", "ARRAY[", "1", "]", "", 20000, "54001"},
    {"SELECT ", "abs(", "1", ")", "", 20000, "54001"},
    {"SELECT ", "CASE WHEN true THEN ", "1", " END", "", 8000, "54001"},
    {"SELECT ", "CASE WHEN t.end THEN ", "1", " END", " FROM users t", 5000, "54001"},
    {"SELECT 1", " UNION SELECT 1", "", "", "", 50000, "54001"},
    {"SELECT 1", ", 1", "", "", "", 100000, "54000"},
    {"SELECT 1, 2", " UNION SELECT 1, 2", "", "", "", 8000, "54001"},
    {"SELECT 1", " UNION SELECT 1", "", "", "", 3000, NULL},
    {"SELECT * FROM users a", " JOIN users b ON true", "", "", "", 8000, "54001"},
    {"SELECT * FROM ", "(SELECT * FROM ", "users", ") x", "", 8000, "54001"},
    {"", "(SELECT ", "1", ")", "", 8000, "54001"},
    {"SELECT x", " BETWEEN y AND NOT z", "", "", "", 9000, "54001"},
    {"SELECT E'a'\n'\\'", "' || '", "'", "", "", 9000, "54001"},
    {"SELECT $a$'", " || $$x$$", "$a$", "", "", 9000, NULL},
    {"SELECT 1 WHERE 1 = 1", " OR 1 = 1", "", "", "", 8000, NULL},
    {"SELECT 1 WHERE 1 = 1", " AND 1 + 1 = 2", "", "", "", 8000, NULL},
    {"SELECT 1 WHERE 1 IN (1", ", 1", "", "", ")", 20000, NULL},
    {"INSERT INTO pair VALUES (1, 2)", ", (1, 2)", "", "", "", 8000, NULL},
    {"SELECT CASE 1 WHEN 0 THEN 0", " WHEN 1 THEN 1 + 1", "", "", " END", 6000, NULL},
    {"SELECT '", "0123456789", "", "", "'", 1000000, "54000"},
    {"SELECT '", "0123456789", "", "", "'", 100000, NULL},
    {"", "/*", "", "*/", " SELECT 1", 100000, "54001"},
    {"", "/**/", "SELECT 1", "", "", 200000, "54001"},
    {"", "/* a */ ", "SELECT 1", "", "", 50000, NULL},
    {"SELECT 1 ", "/**/+", "1", "", "", 100000, "54001"},
    {"SELECT 1 --", "------ ", "", "", "", 100000, NULL},
    {"SELECT 'a' ", "-- ", "", "", "", 100000, NULL},
    {"SELECT 'a'", "\n'a'", "", "", "", 100000, NULL},
    {"SELECT $a$", "$b$ $a ", "", "", "$a$", 100000, NULL},
    {"", ";", "", "", "", 10000, "42601"},
    {"SELECT 1", "; SELECT 1", "", "", "", 9000, NULL},
    {"WITH a0 AS (SELECT 1)", ", a AS (SELECT 1)", " SELECT 1", "", "", 5000, NULL},
    {"SELECT ", "a.b.c.d.e.", "f", "", "", 4000, NULL},
};

static void *run_all(void *unused) {
    (void)unused;
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        run_attack(&attacks[i]);
    return NULL;
}

static void on_large_stack(void *(*run)(void *)) {
    unsigned long thread;
    Error err = {0};
    assert_int_equal(thread_start(&thread, run, NULL, &err), STATUS_OK);
    pthread_join(thread, NULL);
}

static void test_refuses_what_would_overflow(void **state) {
    (void)state;
    fixture_open(&fixture);
    fixture.postgres.keep_last = fixture.columnar.keep_last = fixture.mysql.keep_last = false;
    on_large_stack(run_all);
    if (failures[0]) fail_msg("%s", failures);
    fixture_close(&fixture);
}

/* Every shape, at sizes up to the cap and beyond: whatever is let through must fit the stack. Only has to
 * come back. */
static void parse_at_sizes(const int *sizes, size_t count) {
    ParseLimits limits = {.max_bytes = 1 << 20, .max_tokens = 50000};
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        for (size_t size = 0; size < count; size++) {
            Attack attack = attacks[i];
            attack.times = sizes[size];
            Arena arena;
            arena_init(&arena);
            PgQuery__ParseResult *tree;
            char *sql = build(&attack);
            Features features;
            if (parse_sql(sql, strlen(sql), &limits, &arena, &tree, NULL) == STATUS_OK)
                features_read(tree, &arena, &features);
            free(sql);
            arena_deinit(&arena);
        }
}

static void *run_on_small_stack(void *unused) {
    (void)unused;
    if (parse_depth_of_stack() >= 400)
        snprintf(failures, sizeof failures, "depth %d on 2 MiB", parse_depth_of_stack());
    static const int sizes[] = {40, 60, 80, 110, 160, 240, 330, 1000};
    parse_at_sizes(sizes, sizeof sizes / sizeof *sizes);
    return NULL;
}

static void *run_on_large_stack(void *unused) {
    (void)unused;
    static const int sizes[] = {600, 1240, 2480, 4900};
    parse_at_sizes(sizes, sizeof sizes / sizeof *sizes);
    return NULL;
}

/* The depth allowed follows the stack there is, so a caller on an ordinary thread is safe too. */
static void test_depth_follows_the_stack(void **state) {
    (void)state;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 2 << 20);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, &attributes, run_on_small_stack, NULL), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    on_large_stack(run_on_large_stack);
    if (failures[0]) fail_msg("%s", failures);
}

static SqlTokenKind kind_at(const char *sql, int index, size_t *length) {
    SqlScan scan;
    SqlToken token;
    sqlscan_init(&scan, sql, strlen(sql));
    for (int i = 0; i <= index; i++)
        sqlscan_next(&scan, &token);
    *length = token.length;
    return token.kind;
}

static void test_scans_as_postgres_does(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        int index;
        SqlTokenKind kind;
        size_t length;
    } cases[] = {
        {"a'b'", 1, SQLTOKEN_STRING, 3},
        {"E'\\'' x", 0, SQLTOKEN_STRING, 5},
        {"'it''s' x", 0, SQLTOKEN_STRING, 7},
        {"E'a' -- c\n 'b\\'c' x", 0, SQLTOKEN_STRING, 17},
        {"'a' 'b'", 0, SQLTOKEN_STRING, 3},
        {"$$ ' $$ x", 0, SQLTOKEN_STRING, 7},
        {"$x$ $$ $x$ x", 0, SQLTOKEN_STRING, 10},
        {"$1", 0, SQLTOKEN_PARAM, 2},
        {"U&\"a\"\"b\" x", 0, SQLTOKEN_QUOTED, 8},
        {"1.5e-3+2", 0, SQLTOKEN_NUMBER, 6},
        {"1..2", 0, SQLTOKEN_NUMBER, 1},
        {"a--b\nc", 1, SQLTOKEN_WORD, 1},
        {"a/*b/*c*/d*/e", 1, SQLTOKEN_WORD, 1},
        {"a<=b", 1, SQLTOKEN_OPERATOR, 2},
        {"a</**/b", 1, SQLTOKEN_OPERATOR, 1},
        {"a::b", 1, SQLTOKEN_OPERATOR, 2},
        {"x$1 y", 0, SQLTOKEN_WORD, 3},
        {"'unterminated", 0, SQLTOKEN_STRING, 13},
        {"été x", 0, SQLTOKEN_WORD, 5},
        {"   ", 0, SQLTOKEN_END, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t length;
        SqlTokenKind kind = kind_at(cases[i].sql, cases[i].index, &length);
        if (kind != cases[i].kind || length != cases[i].length)
            fail_msg("%s: kind %d length %zu", cases[i].sql, kind, length);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scans_as_postgres_does),
        cmocka_unit_test(test_refuses_what_would_overflow),
        cmocka_unit_test(test_depth_follows_the_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
