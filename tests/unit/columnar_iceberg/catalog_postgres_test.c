#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "engines/columnar/iceberg/append_queue.h"
#include "engines/columnar/iceberg/catalog_postgres.h"
#include "engines/columnar/iceberg/row_block.h"
#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/iceberg/table_change.h"
#include "engines/columnar/iceberg/table_check.h"
#include "engines/columnar/store/local_store.h"
#include "tests/unit/columnar_ingest/table_text.h"

#define OK(expression) assert_true_ok((expression), &err, __LINE__)

static void assert_true_ok(Status status, const Error *err, int line) {
    if (status != STATUS_OK) fail_msg("line %d: %s %s", line, err->sqlstate, err->message);
}

static const TableColumn COLUMNS[] = {{"id", {.id = SQL_INT8}, false, 0}};

static char scratch[64];
static TableCatalog *catalog;

static int setup(void **state) {
    if (!scratch_on_postgres) return 0;
    scratch_make(scratch);
    catalog = scratch_catalog(scratch);
    return 0;
}
static int teardown(void **state) {
    catalog_postgres_commit_hook = NULL;
    if (!scratch_on_postgres) return 0;
    table_catalog_close(catalog);
    scratch_remove(scratch);
    return 0;
}
static void need_server(void) {
    if (!scratch_on_postgres) skip();
}

static Batch numbers_from(int64_t first, int count, Arena *arena) {
    Batch batch = {.row_count = count, .selected = count, .column_count = 1};
    batch.columns = ARENA_NEW_ARRAY(arena, Vector, 1);
    vector_init_flat(&batch.columns[0], COLUMNS[0].type, count, arena);
    for (int i = 0; i < count; i++)
        ((int64_t *)batch.columns[0].values)[i] = first + i;
    return batch;
}

static Status append(int64_t first, int count, Error *err) {
    Arena arena;
    TableAppend *append;
    TRY(table_append_begin(catalog, NULL, "numbers", false, &append, err));
    arena_init(&arena);
    Batch batch = numbers_from(first, count, &arena);
    Status status = table_append_batch(append, &batch, err);
    arena_deinit(&arena);
    if (status != STATUS_OK) {
        table_append_abort(append);
        return status;
    }
    return table_append_commit(append, NULL, NULL, err);
}

static void check_rows(int64_t expected) {
    TableText text;
    Error err;
    OK(table_text_read(catalog, "numbers", &text, &err));
    assert_int_equal(text.row_count, expected);
    table_text_free(&text);
}

static void connection_strings_are_told_from_paths(void **state) {
    assert_true(catalog_db_is_postgres("postgresql://app@db.example/lake"));
    assert_true(catalog_db_is_postgres("postgres:///lake"));
    assert_true(catalog_db_is_postgres("host=/run/postgresql dbname=lake"));
    assert_true(catalog_db_is_postgres("dbname = lake"));
    assert_false(catalog_db_is_postgres("/srv/warehouse/catalog.db"));
    assert_false(catalog_db_is_postgres("catalog.db"));
    assert_false(catalog_db_is_postgres("./host=1/catalog.db"));
    assert_false(catalog_db_is_postgres("data/a=b.db"));
    assert_false(catalog_db_is_postgres(""));
}

static void a_string_that_is_none_is_refused_without_its_secrets(void **state) {
    Error err = {0};
    CatalogDb *db;
    assert_int_equal(catalog_db_open("password=secret user", &db, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_CONFIG);
    assert_null(strstr(err.message, "secret"));
}

static void a_server_that_is_down_is_no_obstacle_to_start(void **state) {
    Error err = {0};
    CatalogDb *db;
    Arena arena;
    TableName *names;
    int count;
    arena_init(&arena);
    OK(catalog_db_open("host=/nowhere dbname=lake password=secret", &db, &err));
    assert_int_equal(catalog_db_list(db, &arena, &names, &count, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_CANNOT_CONNECT);
    assert_non_null(strstr(err.message, "\"lake\" at /nowhere"));
    assert_null(strstr(err.message, "secret"));
    catalog_db_close(db);
    arena_deinit(&arena);
}

static void end_connections(void) {
    char sql[192];
    snprintf(sql, sizeof sql,
             "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = '%s'",
             scratch_schema(scratch));
    scratch_postgres_run(sql);
}

static void connections_that_the_server_ended_are_replaced(void **state) {
    need_server();
    Error err;
    OK(table_catalog_create(catalog, NULL, "numbers", COLUMNS, 1, &err));
    end_connections();
    check_rows(0);
    end_connections();
    OK(append(0, 10, &err));
    end_connections();
    OK(table_catalog_rename(catalog, "default", "numbers", "other", &err));
    OK(table_catalog_rename(catalog, "default", "other", "numbers", &err));
    check_rows(10);
}

/* The client's end of the connection becomes one whose peer is gone; the server's stays open on `server_side`
 * and knows nothing of it. */
static int server_side = -1;
static void cut(PGconn *connection) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    server_side = dup(PQsocket(connection));
    close(pair[1]);
    assert_true(dup2(pair[0], PQsocket(connection)) >= 0);
    close(pair[0]);
    catalog_postgres_commit_hook = NULL;
}

static void cut_for_good(PGconn *connection) {
    cut(connection);
    close(server_side);
}

static const char MESSAGE[] = "Q\0\0\0\013COMMIT"; /* with its closing zero */

static void commit_unheard(void) {
    struct pollfd ready = {.fd = server_side, .events = POLLIN};
    assert_int_equal(write(server_side, MESSAGE, sizeof MESSAGE), sizeof MESSAGE);
    assert_int_equal(poll(&ready, 1, 60000), 1);
    close(server_side);
}

static void *commit_late(void *argument) {
    struct timespec pause = {.tv_nsec = 300000000};
    nanosleep(&pause, NULL);
    (void)!write(server_side, MESSAGE, sizeof MESSAGE);
    return NULL;
}

static pthread_t late;
static void cut_and_commit_late(PGconn *connection) {
    cut(connection);
    assert_int_equal(pthread_create(&late, NULL, commit_late, NULL), 0);
}

static void a_commit_that_never_arrived_is_told_and_undone(void **state) {
    need_server();
    Error err;
    OK(table_catalog_create(catalog, NULL, "numbers", COLUMNS, 1, &err));
    OK(append(0, 10, &err));
    catalog_postgres_commit_hook = cut_for_good;
    assert_int_equal(append(10, 10, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_RESOLUTION_UNKNOWN);
    check_rows(10);
    OK(append(10, 5, &err));
    check_rows(15);
}

/* The answer is lost, and the commit takes place only after the client began to ask what became of it. */
static void a_commit_whose_answer_is_lost_counts(void **state) {
    need_server();
    Error err;
    OK(table_catalog_create(catalog, NULL, "numbers", COLUMNS, 1, &err));
    catalog_postgres_commit_hook = cut_and_commit_late;
    OK(append(0, 10, &err));
    pthread_join(late, NULL);
    close(server_side);
    check_rows(10);
    catalog_postgres_commit_hook = cut_and_commit_late;
    OK(table_catalog_create(catalog, NULL, "made", COLUMNS, 1, &err));
    pthread_join(late, NULL);
    close(server_side);
    OK(append(10, 10, &err));
    check_rows(20);
}

/* The server ends the connection's backend between the statements and their COMMIT. */
static void end_backend(PGconn *connection) {
    char sql[96];
    catalog_postgres_commit_hook = NULL;
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 5000)", PQbackendPID(connection));
    scratch_postgres_run(sql);
}

static void a_backend_that_dies_before_its_commit_has_changed_nothing(void **state) {
    need_server();
    Error err;
    OK(table_catalog_create(catalog, NULL, "numbers", COLUMNS, 1, &err));
    OK(append(0, 10, &err));
    catalog_postgres_commit_hook = end_backend;
    assert_int_equal(append(10, 10, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_RESOLUTION_UNKNOWN);
    check_rows(10);
    OK(append(10, 5, &err));
    check_rows(15);
}

static void rename_schema(bool away) {
    char sql[256];
    const char *schema = scratch_schema(scratch);
    snprintf(sql, sizeof sql, "ALTER SCHEMA \"%s%s\" RENAME TO \"%s%s\"", schema, away ? "" : "-away", schema,
             away ? "-away" : "");
    scratch_postgres_run(sql);
}

/* Committed, but the client neither hears of it nor finds the row any more. */
static void commit_and_hide(PGconn *connection) {
    cut(connection);
    commit_unheard();
    rename_schema(true);
}

static void a_commit_that_cannot_be_decided_loses_no_file(void **state) {
    need_server();
    Error err;
    OK(table_catalog_create(catalog, NULL, "numbers", COLUMNS, 1, &err));
    OK(append(0, 10, &err));
    catalog_postgres_commit_hook = commit_and_hide;
    assert_int_equal(append(10, 10, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_RESOLUTION_UNKNOWN);
    rename_schema(false);
    check_rows(20);
}

/* The row is renamed by another before the client asks: its files belong to the new name. */
static void commit_and_rename(PGconn *connection) {
    char sql[192];
    cut(connection);
    commit_unheard();
    snprintf(sql, sizeof sql, "UPDATE \"%s\".iceberg_tables SET table_name = 'other'",
             scratch_schema(scratch));
    scratch_postgres_run(sql);
}

static void a_commit_whose_table_was_renamed_loses_no_file(void **state) {
    need_server();
    Error err;
    OK(table_catalog_create(catalog, NULL, "numbers", COLUMNS, 1, &err));
    catalog_postgres_commit_hook = commit_and_rename;
    assert_int_equal(append(0, 10, &err), STATUS_ERROR);
    OK(table_catalog_rename(catalog, "default", "other", "numbers", &err));
    check_rows(10);
}

/* Committed, and by the time the client asks others have committed so often that nothing tells of it. */
static void commit_and_go_on(PGconn *connection) {
    Error err;
    cut(connection);
    commit_unheard();
    TableCatalog *other = scratch_catalog(scratch);
    for (int i = 0; i < 2; i++) {
        Arena arena;
        TableAppend *append;
        arena_init(&arena);
        OK(table_append_begin_alone(other, "default", "numbers", false, &append, &err));
        Batch batch = numbers_from(100 + i, 1, &arena);
        OK(table_append_batch(append, &batch, &err));
        OK(table_append_commit(append, NULL, NULL, &err));
        arena_deinit(&arena);
    }
    table_catalog_close(other);
}

static void keep_one_version(void) {
    TableChange *change;
    Error err;
    OK(table_change_begin_latest(catalog, "default", "numbers", &change, &err));
    OK(table_change_set_property(change, "write.metadata.previous-versions-max", "1", &err));
    OK(table_change_commit(change, NULL, &err));
}

static void put_insert(int64_t number, StrBuf *out, QueuedInsert *insert) {
    Arena arena;
    TableVersion *version;
    Error err;
    arena_init(&arena);
    strbuf_init(out);
    OK(table_catalog_load(catalog, NULL, "numbers", &version, &err));
    row_block_put_columns(out, version->columns, version->column_count);
    Batch batch = numbers_from(number, 1, &arena);
    row_block_put_batch(out, &batch, &arena);
    *insert = (QueuedInsert){.data = strbuf_text(out), .bytes = out->length};
    table_version_release(version);
    arena_deinit(&arena);
}

static void inserts_that_may_be_committed_are_not_committed_again(void **state) {
    need_server();
    Error err;
    StrBuf rows[2];
    QueuedInsert inserts[2], *both[] = {&inserts[0], &inserts[1]};
    bool shared;
    OK(table_catalog_create(catalog, NULL, "numbers", COLUMNS, 1, &err));
    keep_one_version();
    for (int i = 0; i < 2; i++)
        put_insert(i, &rows[i], &inserts[i]);
    catalog_postgres_commit_hook = commit_and_go_on;
    append_queue_commit(catalog, "default", "numbers", both, 2, &shared);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(inserts[i].status, STATUS_ERROR);
        assert_string_equal(inserts[i].error.sqlstate, SQLSTATE_RESOLUTION_UNKNOWN);
        strbuf_deinit(&rows[i]);
    }
    check_rows(4);
}

static void location_now(StrBuf *out) {
    Error err;
    bool found;
    strbuf_init(out);
    OK(catalog_db_find(catalog->db, "default", "numbers", out, &found, &err));
    assert_true(found);
}

static void run_on(PGconn *connection, const char *sql) {
    PGresult *result = PQexec(connection, sql);
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
}

static void *commit_soon(void *connection) {
    struct timespec pause = {.tv_nsec = 300000000};
    nanosleep(&pause, NULL);
    PQclear(PQexec(connection, "COMMIT"));
    return NULL;
}

static void write_text(const char *path, const char *text, size_t bytes, int *fd) {
    struct flock lock = {.l_type = F_WRLCK};
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    assert_true(*fd >= 0);
    assert_int_equal(write(*fd, text, bytes), bytes);
    assert_int_equal(fcntl(*fd, F_OFD_SETLK, &lock), 0);
}

/* As a leader leaves it that dies with its COMMIT on the way: rows of a process that lives, and the note that
 * they are in `snapshot_id`. */
static void leave_attempt(int64_t snapshot_id, int *fds) {
    Error err;
    char directory[256], path[300], note[64];
    StrBuf row, file;
    QueuedInsert insert;
    snprintf(directory, sizeof directory, "%s/warehouse/.signalbox/groups/%016" PRIx64, scratch,
             table_catalog_hash("default", "numbers"));
    OK(store_make_directories(directory, &err));
    put_insert(0, &row, &insert);
    strbuf_init(&file);
    strbuf_append(&file, &(uint32_t){1}, sizeof(uint32_t));
    strbuf_append(&file, &(uint64_t){insert.bytes}, sizeof(uint64_t));
    strbuf_append(&file, insert.data, insert.bytes);
    snprintf(path, sizeof path, "%s/waiting.rows", directory);
    write_text(path, file.data, file.length, &fds[0]);
    snprintf(path, sizeof path, "%s/attempt", directory);
    snprintf(note, sizeof note, "%" PRId64 "\nwaiting\n", snapshot_id);
    write_text(path, note, strlen(note), &fds[1]);
    strbuf_deinit(&row);
    strbuf_deinit(&file);
}

static void a_commit_of_a_dead_leader_is_waited_for(void **state) {
    need_server();
    Error err;
    Arena arena;
    StrBuf before, after, row;
    QueuedInsert own, *all[] = {&own};
    TableAppend *append;
    int64_t snapshot_id;
    int fds[2];
    bool shared;
    char sql[1024];
    arena_init(&arena);
    OK(table_catalog_create(catalog, NULL, "numbers", COLUMNS, 1, &err));
    location_now(&before);
    OK(table_append_begin_alone(catalog, "default", "numbers", false, &append, &err));
    Batch batch = numbers_from(0, 1, &arena);
    OK(table_append_batch(append, &batch, &err));
    OK(table_append_commit(append, NULL, &snapshot_id, &err));
    location_now(&after);
    put_insert(1, &row, &own);
    leave_attempt(snapshot_id, fds);
    static const char UPDATE[] = "UPDATE \"%s\".iceberg_tables SET metadata_location = '%s'";
    PGconn *connection = PQconnectdb(getenv("SIGNALBOX_TEST_PG"));
    snprintf(sql, sizeof sql, UPDATE, scratch_schema(scratch), strbuf_text(&before));
    run_on(connection, sql);
    run_on(connection, "BEGIN");
    snprintf(sql, sizeof sql, UPDATE, scratch_schema(scratch), strbuf_text(&after));
    run_on(connection, sql);
    assert_int_equal(pthread_create(&late, NULL, commit_soon, connection), 0);
    append_queue_commit(catalog, "default", "numbers", all, 1, &shared);
    pthread_join(late, NULL);
    assert_int_equal(own.status, STATUS_OK);
    check_rows(2);
    PQfinish(connection);
    for (int i = 0; i < 2; i++)
        close(fds[i]);
    strbuf_deinit(&before);
    strbuf_deinit(&after);
    strbuf_deinit(&row);
    arena_deinit(&arena);
}

static void definitions_are_kept_there_too(void **state) {
    need_server();
    Error err;
    Arena arena;
    Definition *found, view = {.kind = DEFINITION_VIEW,
                               .namespace_name = "default",
                               .name = "v",
                               .signature = "",
                               .text = "CREATE VIEW v AS SELECT 1"};
    int count;
    bool done;
    arena_init(&arena);
    OK(table_catalog_define(catalog, &view, false, &done, &err));
    assert_true(done);
    OK(table_catalog_define(catalog, &view, false, &done, &err));
    assert_false(done);
    view.text = "CREATE VIEW v AS SELECT 2";
    OK(table_catalog_define(catalog, &view, true, &done, &err));
    assert_true(done);
    OK(table_catalog_definitions(catalog, DEFINITION_VIEW, NULL, &arena, &found, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(found[0].text, view.text);
    OK(table_catalog_definitions(catalog, DEFINITION_FUNCTION, NULL, &arena, &found, &count, &err));
    assert_int_equal(count, 0);
    OK(table_catalog_undefine(catalog, DEFINITION_VIEW, "default", "v", "", &done, &err));
    assert_true(done);
    OK(table_catalog_undefine(catalog, DEFINITION_VIEW, "default", "v", "", &done, &err));
    assert_false(done);
    arena_deinit(&arena);
}

/* A catalog that others made, and that may only be read. */
static void a_catalog_without_definitions_can_be_read(void **state) {
    need_server();
    Error err;
    Arena arena;
    Definition *found;
    int count;
    char sql[128];
    arena_init(&arena);
    OK(table_catalog_create(catalog, NULL, "numbers", COLUMNS, 1, &err));
    snprintf(sql, sizeof sql, "DROP TABLE \"%s\".signalbox_definitions", scratch_schema(scratch));
    scratch_postgres_run(sql);
    OK(table_catalog_definitions(catalog, DEFINITION_VIEW, "v", &arena, &found, &count, &err));
    assert_int_equal(count, 0);
    check_rows(0);
    arena_deinit(&arena);
}

enum { OPENERS = 12 };

static void *open_and_list(void *argument) {
    Error err = {0};
    Arena arena;
    TableName *names;
    int count;
    char conninfo[512];
    CatalogDb *db;
    arena_init(&arena);
    scratch_conninfo(scratch, conninfo);
    Status status = catalog_db_open(conninfo, &db, &err);
    if (status == STATUS_OK) {
        status = catalog_db_list(db, &arena, &names, &count, &err);
        catalog_db_close(db);
    }
    arena_deinit(&arena);
    if (status != STATUS_OK) fprintf(stderr, "%s %s\n", err.sqlstate, err.message);
    return status == STATUS_OK ? NULL : "failed";
}

static void many_that_set_it_up_at_once_do_not_collide(void **state) {
    need_server();
    pthread_t threads[OPENERS];
    for (int i = 0; i < OPENERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_list, NULL), 0);
    for (int i = 0; i < OPENERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
}

static void *find_often(void *argument) {
    for (int i = 0; i < 50; i++) {
        StrBuf location;
        bool found;
        Error err;
        strbuf_init(&location);
        Status status = catalog_db_find(catalog->db, "default", "numbers", &location, &found, &err);
        strbuf_deinit(&location);
        if (status != STATUS_OK || !found) return "failed";
    }
    return NULL;
}

static void threads_share_few_connections(void **state) {
    need_server();
    Error err;
    pthread_t threads[OPENERS];
    OK(table_catalog_create(catalog, NULL, "numbers", COLUMNS, 1, &err));
    for (int i = 0; i < OPENERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, find_often, NULL), 0);
    for (int i = 0; i < OPENERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    const CatalogServer *server = (const CatalogServer *)catalog->db;
    assert_in_range(server->open_count, 1, CATALOG_CONNECTIONS);
    assert_int_equal(server->open_count, server->idle_count);
}

static void namespaces_live_without_tables(void **state) {
    need_server();
    Error err;
    bool done;
    const char **names;
    int count;
    Arena arena;
    arena_init(&arena);
    OK(table_catalog_create_namespace(catalog, "sales", &done, &err));
    assert_true(done);
    OK(table_catalog_create_namespace(catalog, "sales", &done, &err));
    assert_false(done);
    OK(table_catalog_create(catalog, "other", "t", COLUMNS, 1, &err));
    OK(table_catalog_create_namespace(catalog, "other", &done, &err));
    assert_false(done);
    OK(table_catalog_namespaces(catalog, &arena, &names, &count, &err));
    assert_int_equal(count, 3);
    assert_string_equal(names[0], "default");
    assert_string_equal(names[1], "other");
    assert_string_equal(names[2], "sales");
    OK(table_catalog_drop_namespace(catalog, "other", &done, &err));
    assert_false(done);
    OK(table_catalog_drop(catalog, "other", "t", &err));
    OK(table_catalog_drop_namespace(catalog, "other", &done, &err));
    assert_true(done);
    OK(table_catalog_drop_namespace(catalog, "sales", &done, &err));
    assert_true(done);
    OK(table_catalog_drop_namespace(catalog, "sales", &done, &err));
    assert_false(done);
    OK(table_catalog_namespaces(catalog, &arena, &names, &count, &err));
    assert_int_equal(count, 1);
    arena_deinit(&arena);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connection_strings_are_told_from_paths),
        cmocka_unit_test(a_string_that_is_none_is_refused_without_its_secrets),
        cmocka_unit_test(a_server_that_is_down_is_no_obstacle_to_start),
        TEST(connections_that_the_server_ended_are_replaced),
        TEST(a_commit_that_never_arrived_is_told_and_undone),
        TEST(a_commit_whose_answer_is_lost_counts),
        TEST(a_backend_that_dies_before_its_commit_has_changed_nothing),
        TEST(a_commit_that_cannot_be_decided_loses_no_file),
        TEST(a_commit_whose_table_was_renamed_loses_no_file),
        TEST(inserts_that_may_be_committed_are_not_committed_again),
        TEST(a_commit_of_a_dead_leader_is_waited_for),
        TEST(definitions_are_kept_there_too),
        TEST(namespaces_live_without_tables),
        TEST(a_catalog_without_definitions_can_be_read),
        TEST(many_that_set_it_up_at_once_do_not_collide),
        TEST(threads_share_few_connections),
    };
    (void)scratch_use_postgres();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
