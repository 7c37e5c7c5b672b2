/* The query log: bounded, filtered, counted by shape; noted in the background, by several writers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgi/api/history.h"

static char path[64];
static Error err;

static int make_path(void **state) {
    snprintf(path, sizeof path, "/tmp/signalbox-history-XXXXXX");
    close(mkstemp(path));
    error_clear(&err);
    return 0;
}

static int remove_path(void **state) {
    char beside[80];
    unlink(path);
    snprintf(beside, sizeof beside, "%s-wal", path);
    unlink(beside);
    snprintf(beside, sizeof beside, "%s-shm", path);
    unlink(beside);
    return 0;
}

static HistoryStore *open_store(int64_t max_rows, int64_t max_bytes) {
    HistoryStore *store;
    if (history_store_open(path, max_rows, max_bytes, &store, &err) != STATUS_OK) fail_msg("%s", err.message);
    return store;
}

static HistoryEntry entry_of(const char *sql, uint64_t fingerprint, const char *engine, double taken_ms) {
    return (HistoryEntry){.started_us = 1700000000000000,
                          .fingerprint = fingerprint,
                          .sql = sql,
                          .engine = engine,
                          .origin = "query",
                          .status = 200,
                          .cost_ms = 1,
                          .taken_ms = taken_ms};
}

static void write_one(HistoryStore *store, HistoryEntry entry) {
    if (history_store_write(store, &entry, &err) != STATUS_OK) fail_msg("%s", err.message);
}

static void expect_list(HistoryStore *store, HistoryFilter filter, const char *said) {
    StrBuf out;
    strbuf_init(&out);
    if (!filter.limit) filter.limit = 100;
    if (!filter.status) filter.status = -1;
    if (history_store_list(store, &filter, &out, &err) != STATUS_OK) fail_msg("%s", err.message);
    if (!strstr(out.data, said)) fail_msg("\"%s\" is not in %s", said, out.data);
    strbuf_deinit(&out);
}

static void the_newest_begun_is_first(void **state) {
    HistoryStore *store = open_store(1000, 1 << 30);
    HistoryEntry later = entry_of("SELECT 'later'", 1, "postgres", 1);
    later.started_us += 1;
    write_one(store, later);
    write_one(store, entry_of("SELECT 'before'", 2, "postgres", 1)); /* of another process, written late */
    expect_list(store, (HistoryFilter){0}, "\"entries\":[{\"id\":1,");
    expect_list(store, (HistoryFilter){.limit = 1, .offset = 1}, "\"entries\":[{\"id\":2,");
    history_store_close(store);
}

static void the_log_is_filtered(void **state) {
    HistoryStore *store = open_store(1000, 1 << 30);
    write_one(store, entry_of("SELECT 1", 0xfedcba9876543210, "postgres", 1));
    HistoryEntry failed = entry_of("SELECT \"Two\"", 2, "columnar", 2);
    failed.status = 400;
    failed.sqlstate = "42703";
    failed.user = "ann";
    write_one(store, failed);
    expect_list(store, (HistoryFilter){0}, "\"total\":2");
    expect_list(store, (HistoryFilter){0}, "\"started\":\"2023-11-14T22:13:20.000000Z\"");
    expect_list(store, (HistoryFilter){.engine = "postgres"}, "\"total\":1");
    expect_list(store, (HistoryFilter){.user = "ann"}, "\"sql\":\"SELECT \\\"Two\\\"\"");
    expect_list(store, (HistoryFilter){.text = "TWO"}, "\"total\":1");
    expect_list(store, (HistoryFilter){.text = "%"}, "\"total\":0");
    expect_list(store, (HistoryFilter){.status = 400}, "\"sqlstate\":\"42703\"");
    expect_list(store, (HistoryFilter){.by_fingerprint = true, .fingerprint = 0xfedcba9876543210},
                "\"fingerprint\":\"fedcba9876543210\"");
    expect_list(store, (HistoryFilter){.since = "2023-11-14T22:13:20Z"}, "\"total\":2");
    expect_list(store, (HistoryFilter){.since = "1700000001"}, "\"total\":0");
    expect_list(store, (HistoryFilter){.limit = 1, .offset = 1}, "\"entries\":[{\"id\":1,");
    StrBuf out;
    strbuf_init(&out);
    HistoryFilter wrong = {.since = "yesterday'; --", .status = -1, .limit = 1};
    assert_int_equal(history_store_list(store, &wrong, &out, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_INVALID_PARAMETER);
    strbuf_deinit(&out);
    history_store_close(store);
}

static void rows_and_bytes_are_bounded(void **state) {
    HistoryStore *store = open_store(100, 1 << 30);
    for (int i = 0; i < 250; i++)
        write_one(store, entry_of("SELECT 1", 1, "postgres", 1));
    expect_list(store, (HistoryFilter){0}, "\"total\":100");
    history_store_close(store);
    static char text[4000];
    memset(text, 'x', sizeof text - 1);
    store = open_store(1000000, 1 << 20);
    for (int i = 0; i < 1000; i++)
        write_one(store, entry_of(text, 1, "postgres", 1));
    history_store_close(store);
    FILE *file = fopen(path, "re");
    fseek(file, 0, SEEK_END);
    long bytes = ftell(file);
    fclose(file);
    if (bytes > 2 << 20) fail_msg("%ld bytes", bytes);
}

static void regret_is_taken_over_the_best_engine(void **state) {
    HistoryStore *store = open_store(1000, 1 << 30);
    for (int i = 0; i < 3; i++) {
        write_one(store, entry_of("SELECT a", 7, "postgres", 40));
        write_one(store, entry_of("SELECT b", 8, "postgres", 5)); /* one engine alone */
    }
    HistoryRegret regret;
    assert_int_equal(history_store_statistics(store, 10, NULL, &regret, &err), STATUS_OK);
    assert_int_equal(regret.compared, 0);
    HistoryEntry shadow = entry_of("SELECT a", 7, "columnar", 10);
    shadow.origin = "shadow";
    write_one(store, shadow);
    StrBuf out;
    strbuf_init(&out);
    assert_int_equal(history_store_statistics(store, 10, &out, &regret, &err), STATUS_OK);
    assert_int_equal(regret.compared, 3);
    assert_int_equal(regret.seen, 6);
    assert_true(regret.mean > 3.999 && regret.mean < 4.001);
    assert_non_null(
        strstr(out.data, "\"fingerprint\":\"0000000000000007\",\"sql\":\"SELECT a\",\"count\":3"));
    assert_non_null(
        strstr(out.data, "{\"engine\":\"postgres\",\"count\":3,\"share\":1,\"runs\":3,\"p50_ms\":40}"));
    strbuf_deinit(&out);
    history_store_close(store);
}

static void what_max_rows_ended_is_no_best_time(void **state) {
    HistoryStore *store = open_store(1000, 1 << 30);
    for (int i = 0; i < 4; i++)
        write_one(store, entry_of("SELECT a", 1, "postgres", 8));
    HistoryEntry cut = entry_of("SELECT a", 1, "columnar", 1);
    cut.cut_short = true;
    write_one(store, cut);
    HistoryRegret regret;
    assert_int_equal(history_store_statistics(store, 10, NULL, &regret, &err), STATUS_OK);
    assert_int_equal(regret.seen, 4);
    assert_int_equal(regret.compared, 0);
    expect_list(store, (HistoryFilter){0}, "\"total\":5");
    history_store_close(store);
}

/* A file of the time before cut_short. */
static void an_older_file_is_taken_over(void **state) {
    sqlite3 *handle;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(
            handle,
            "CREATE TABLE history (id INTEGER PRIMARY KEY, started_us INTEGER NOT NULL, fingerprint"
            " INTEGER NOT NULL, sql TEXT, params TEXT, engine TEXT, rule TEXT, class TEXT, origin"
            " TEXT, user_name TEXT, tag TEXT, request_id TEXT, status INTEGER, sqlstate TEXT, cost_ms"
            " REAL, taken_ms REAL, row_count INTEGER, bytes INTEGER); INSERT INTO history (started_us,"
            " fingerprint, sql, engine, origin, status, taken_ms) VALUES (1, 1, 'SELECT a', 'mysql',"
            " 'query', 200, 2)",
            NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(handle);
    HistoryStore *store = open_store(1000, 1 << 30);
    write_one(store, entry_of("SELECT a", 1, "postgres", 8));
    HistoryRegret regret;
    assert_int_equal(history_store_statistics(store, 10, NULL, &regret, &err), STATUS_OK);
    assert_int_equal(regret.compared, 2);
    history_store_close(store);
}

static int64_t count_of(const char *sql) {
    sqlite3 *handle;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t count = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return count;
}

static void fill_differences(const char *select) {
    sqlite3 *handle;
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    char *sql = sqlite3_mprintf("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <"
                                " 99999) INSERT INTO differences (found_us, fingerprint, other, resolved_us)"
                                " %s",
                                select);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_free(sql);
    sqlite3_close(handle);
}

static void differences_are_bounded(void **state) {
    HistoryStore *store = open_store(1000, 1 << 30);
    char text[20000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    HistoryDifference difference = {.sql = text, .detail = text, .params = text, .source = "a", .other = "b"};
    fill_differences("SELECT i, i, 'b', i FROM n WHERE i <= 5000"); /* resolved long ago */
    assert_int_equal(history_store_add_difference(store, &difference, &err), STATUS_OK);
    assert_int_equal(count_of("SELECT count(*) FROM differences"), 1001);
    assert_int_equal(count_of("SELECT max(length(sql)) FROM differences"), 8192);
    assert_int_equal(count_of("SELECT count(detail) + count(params) FROM differences"), 0);
    fill_differences("SELECT i, i, 'b', NULL FROM n WHERE i <= 2000");
    difference.fingerprint = 200000;
    assert_int_equal(history_store_add_difference(store, &difference, &err), STATUS_OK);
    assert_int_equal(count_of("SELECT count(*) FROM differences WHERE fingerprint = 200000 AND sql IS NULL"),
                     1);
    fill_differences("SELECT i, i, 'b', NULL FROM n WHERE i > 2000");
    difference.fingerprint = 300000;
    assert_int_equal(history_store_add_difference(store, &difference, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, "53400");
    difference.fingerprint = 200000; /* one that is known counts on */
    assert_int_equal(history_store_add_difference(store, &difference, &err), STATUS_OK);
    assert_int_equal(count_of("SELECT times FROM differences WHERE fingerprint = 200000"), 2);
    history_store_close(store);
}

static void differences_stand_until_someone_looks(void **state) {
    HistoryStore *store = open_store(1000, 1 << 30);
    HistoryDifference difference = {.fingerprint = 0xf000000000000000,
                                    .sql = "SELECT 1",
                                    .source = "postgres",
                                    .other = "columnar",
                                    .detail = "{\"row\":1}"};
    for (int i = 0; i < 2; i++)
        assert_int_equal(history_store_add_difference(store, &difference, &err), STATUS_OK);
    uint64_t *found;
    int count;
    assert_int_equal(history_store_quarantined(store, &found, &count, &err), STATUS_OK);
    assert_int_equal(count, 1);
    assert_true(found[0] == 0xf000000000000000);
    free(found);
    StrBuf out;
    strbuf_init(&out);
    assert_int_equal(history_store_list_differences(store, true, &out, &err), STATUS_OK);
    assert_non_null(strstr(out.data, "\"times\":2"));
    assert_non_null(strstr(out.data, "\"difference\":{\"row\":1},\"resolved\":null"));
    strbuf_deinit(&out);
    bool there = false;
    assert_int_equal(history_store_resolve(store, 1, "ann", &there, &err), STATUS_OK);
    assert_true(there);
    assert_int_equal(history_store_resolve(store, 1, "ann", &there, &err), STATUS_OK);
    assert_false(there);
    assert_int_equal(history_store_quarantined(store, &found, &count, &err), STATUS_OK);
    assert_int_equal(count, 0);
    free(found);
    history_store_close(store);
}

static HistoryOptions options_of(bool text, bool params, int rows_per_second) {
    return (HistoryOptions){.path = path,
                            .text = text,
                            .params = params,
                            .max_rows = 1000,
                            .max_bytes = 1 << 30,
                            .rows_per_second = rows_per_second};
}

static void what_is_noted_is_written_at_the_end_too(void **state) {
    static const Param params[] = {{.kind = PARAM_TEXT, .text = "o\"x", .length = 3},
                                   {.kind = PARAM_INT, .text = "7", .length = 1},
                                   {.kind = PARAM_NULL, .text = ""}};
    HistoryOptions options = options_of(true, true, 1000);
    History *pool[2]; /* two processes of a pool */
    for (int i = 0; i < 2; i++)
        if (history_open(&options, &pool[i], &err) != STATUS_OK) fail_msg("%s", err.message);
    HistoryEntry entry = entry_of("SELECT $1", 3, "postgres", 1);
    for (int i = 0; i < 50; i++)
        history_note(pool[i % 2], &entry, params, 3);
    history_close(pool[0]);
    history_close(pool[1]);
    HistoryStore *store = open_store(1000, 1 << 30);
    expect_list(store, (HistoryFilter){0}, "\"total\":50");
    expect_list(store, (HistoryFilter){0}, "\"params\":\"[\\\"o\\\\\\\"x\\\",7,null]\"");
    history_store_close(store);
}

static void too_many_are_left_out_and_texts_can_be(void **state) {
    HistoryOptions options = options_of(false, false, 10);
    History *history;
    assert_int_equal(history_open(&options, &history, &err), STATUS_OK);
    static const Param params[] = {{.kind = PARAM_TEXT, .text = "secret", .length = 6}};
    HistoryEntry entry = entry_of("SELECT * FROM t WHERE name = 'secret'", 3, "postgres", 1);
    enum { FAST = 300 };
    for (int i = 0; i < FAST; i++) {
        entry.started_us += i % 2 ? 1000000 : -1000000; /* whenever they began */
        history_note(history, &entry, params, 1);
    }
    entry.taken_ms = 500; /* slow ones are always there */
    history_note(history, &entry, params, 1);
    HistoryCounters counters;
    history_counters(history, &counters);
    assert_true(counters.skipped > 0);
    history_close(history);
    char total[32];
    snprintf(total, sizeof total, "\"total\":%d", FAST + 1 - (int)counters.skipped);
    HistoryStore *store = open_store(1000, 1 << 30);
    expect_list(store, (HistoryFilter){0}, total);
    expect_list(store, (HistoryFilter){.text = "secret"}, "\"total\":0");
    expect_list(store, (HistoryFilter){.text = "name = ?"}, total);
    history_store_close(store);
}

/* Whoever may read the history shall not learn passwords from it, nor by way of differences what is not kept
 * of other statements. */
static void secrets_are_not_kept(void **state) {
    HistoryOptions options = options_of(true, false, 1000);
    History *history;
    assert_int_equal(history_open(&options, &history, &err), STATUS_OK);
    HistoryEntry entry = entry_of("ALTER ROLE ann PassWord 's3cret'", 3, "postgres", 1);
    history_note(history, &entry, NULL, 0);
    entry = entry_of("SELECT 'plain'", 4, "postgres", 1);
    history_note(history, &entry, NULL, 0);
    history_close(history);
    HistoryStore *store = open_store(1000, 1 << 30);
    expect_list(store, (HistoryFilter){.text = "s3cret"}, "\"total\":0");
    expect_list(store, (HistoryFilter){.text = "alter role ann password ?"}, "\"total\":1");
    expect_list(store, (HistoryFilter){.text = "'plain'"}, "\"total\":1");
    history_store_close(store);

    options = options_of(false, false, 1000);
    assert_int_equal(history_open(&options, &history, &err), STATUS_OK);
    static const Param params[] = {{.kind = PARAM_TEXT, .text = "hidden", .length = 6}};
    HistoryDifference difference = {.fingerprint = 5,
                                    .sql = "SELECT sum(x) FROM t WHERE name = 'hidden' OR name = $1",
                                    .source = "postgres",
                                    .other = "columnar",
                                    .detail = "{\"row\":1}"};
    assert_int_equal(history_add_difference(history, &difference, params, 1, &err), STATUS_OK);
    history_close(history);
    store = open_store(1000, 1 << 30);
    StrBuf out;
    strbuf_init(&out);
    assert_int_equal(history_store_list_differences(store, true, &out, &err), STATUS_OK);
    assert_non_null(strstr(out.data, "where name = ?"));
    assert_null(strstr(out.data, "hidden"));
    strbuf_deinit(&out);
    history_store_close(store);
}

/* The processes of a pool open a new file at once: each of them must get it. */
static void a_pool_opens_it_at_once(void **state) {
    enum { ROUNDS = 40, PROCESSES = 6 };
    for (int round = 0; round < ROUNDS; round++) {
        int start[2];
        assert_int_equal(pipe(start), 0);
        for (int i = 0; i < PROCESSES; i++) {
            pid_t child = fork();
            assert_true(child >= 0);
            if (child > 0) continue;
            char byte;
            close(start[1]);
            (void)!read(start[0], &byte, 1); /* until all of them are there */
            HistoryStore *store;
            bool opened = history_store_open(path, 1000, 1 << 30, &store, &err) == STATUS_OK;
            _exit(opened ? 0 : 1);
        }
        close(start[0]);
        close(start[1]);
        for (int i = 0; i < PROCESSES; i++) {
            int status = -1;
            assert_true(wait(&status) > 0);
            assert_int_equal(status, 0);
        }
        remove_path(NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_newest_begun_is_first, make_path, remove_path),
        cmocka_unit_test_setup_teardown(the_log_is_filtered, make_path, remove_path),
        cmocka_unit_test_setup_teardown(rows_and_bytes_are_bounded, make_path, remove_path),
        cmocka_unit_test_setup_teardown(regret_is_taken_over_the_best_engine, make_path, remove_path),
        cmocka_unit_test_setup_teardown(what_max_rows_ended_is_no_best_time, make_path, remove_path),
        cmocka_unit_test_setup_teardown(an_older_file_is_taken_over, make_path, remove_path),
        cmocka_unit_test_setup_teardown(differences_are_bounded, make_path, remove_path),
        cmocka_unit_test_setup_teardown(differences_stand_until_someone_looks, make_path, remove_path),
        cmocka_unit_test_setup_teardown(what_is_noted_is_written_at_the_end_too, make_path, remove_path),
        cmocka_unit_test_setup_teardown(too_many_are_left_out_and_texts_can_be, make_path, remove_path),
        cmocka_unit_test_setup_teardown(secrets_are_not_kept, make_path, remove_path),
        cmocka_unit_test_setup_teardown(a_pool_opens_it_at_once, make_path, remove_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
