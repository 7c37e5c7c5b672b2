/* The pipelined lane: many requests at once, failures that stay alone, deadlines, lost connections. */
#include <malloc.h>
#include <pthread.h>

#include "pgproxy.h"

typedef struct Lane {
    Fixture fixture;
    EventLoop *loop;
    EngineLane *lane;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int done;
} Lane;

typedef struct LaneCall {
    LaneRequest request;
    Lane *lane;
    Query *query;
    Result result;
    bool refused; /* by lane_submit */
    bool finished;
} LaneCall;

static void *loop_thread(void *argument) {
    eventloop_run(((Lane *)argument)->loop);
    return NULL;
}

static void open_on_loop(void *argument) {
    Lane *lane = argument;
    assert_int_equal(postgres_engine_ops.lane_open(lane->fixture.engine, lane->loop, &lane->lane, NULL),
                     STATUS_OK);
    pthread_mutex_lock(&lane->lock);
    lane->done++;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

static void close_on_loop(void *argument) {
    Lane *lane = argument;
    postgres_engine_ops.lane_close(lane->lane);
    eventloop_stop(lane->loop);
}

static void lane_wait(Lane *lane, int count) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&lane->lock);
    while (lane->done < count)
        if (pthread_cond_timedwait(&lane->changed, &lane->lock, &until))
            fail_msg("only %d of %d requests were answered", lane->done, count);
    pthread_mutex_unlock(&lane->lock);
}

static void lane_start_at(Lane *lane, const char *conninfo) {
    memset(lane, 0, sizeof *lane);
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->changed, NULL);
    fixture_open_at(&lane->fixture, conninfo);
    fixture_ok(&lane->fixture, "DROP TABLE IF EXISTS pglane_child, pglane_item");
    fixture_ok(&lane->fixture,
               "CREATE TABLE pglane_item (id int PRIMARY KEY, name text NOT NULL, price numeric(8,2))");
    fixture_ok(&lane->fixture,
               "INSERT INTO pglane_item SELECT i, 'item ' || i, i * 1.5 FROM generate_series(1, 2000) i");
    fixture_ok(&lane->fixture,
               "CREATE TABLE pglane_child (id int PRIMARY KEY, item int REFERENCES pglane_item "
               "DEFERRABLE INITIALLY DEFERRED)");
    fixture_describe(&lane->fixture);
    assert_int_equal(eventloop_create(&lane->loop, NULL), STATUS_OK);
    assert_int_equal(pthread_create(&lane->thread, NULL, loop_thread, lane), 0);
    eventloop_post(lane->loop, open_on_loop, lane);
    lane_wait(lane, 1);
    lane->done = 0;
}

static void lane_start(Lane *lane) {
    lane_start_at(lane, fixture_conninfo());
}

static void lane_stop(Lane *lane) {
    eventloop_post(lane->loop, close_on_loop, lane);
    pthread_join(lane->thread, NULL);
    eventloop_destroy(lane->loop);
    fixture_close(&lane->fixture);
}

static void finish(LaneCall *call) {
    pthread_mutex_lock(&call->lane->lock);
    call->finished = true;
    call->lane->done++;
    pthread_cond_broadcast(&call->lane->changed);
    pthread_mutex_unlock(&call->lane->lock);
}

static void on_done(LaneRequest *request, const LaneAnswer *answer, const Error *error) {
    LaneCall *call = request->user;
    if (answer) {
        call->result.status = STATUS_OK; /* the lane may have refused it before */
        call->result.columns = (int)answer->schema->n_children;
        if (answer->batch) result_add(&call->result, answer->schema, answer->batch);
    } else {
        call->result.status = STATUS_ERROR;
        call->result.error = *error;
    }
    finish(call);
}

static void submit_on_loop(void *argument) {
    LaneCall *call = argument;
    if (postgres_engine_ops.lane_submit(call->lane->lane, &call->request, &call->result.error) == STATUS_OK)
        return;
    call->refused = true;
    call->result.status = STATUS_ERROR;
    finish(call);
}

static void call_init(LaneCall *call, Lane *lane, Query *query, const Param *params, int count) {
    memset(call, 0, sizeof *call);
    call->lane = lane;
    call->query = query;
    call->request = (LaneRequest){.plan = query->plan,
                                  .params = params,
                                  .param_count = count,
                                  .stats = &call->result.stats,
                                  .done = on_done,
                                  .user = call};
}

/* Submits until the lane takes it: its connection may still be opening. */
static void call_until_taken(Lane *lane, LaneCall *call) {
    int64_t until_ns = clock_now_ns() + 20 * (int64_t)1000000000;
    do {
        lane->done = 0;
        call->refused = call->finished = false;
        eventloop_post(lane->loop, submit_on_loop, call);
        lane_wait(lane, 1);
        assert_true(clock_now_ns() < until_ns);
    } while (call->refused);
    lane->done = 0;
}

static void warm(Lane *lane) {
    Query query;
    LaneCall call;
    query_init(&query, &lane->fixture, "SELECT 1");
    assert_true(query.plan->fast_lane);
    call_init(&call, lane, &query, NULL, 0);
    call_until_taken(lane, &call);
    assert_string_equal(strbuf_text(&call.result.text), "1");
    result_deinit(&call.result);
    query_deinit(&query);
}

typedef struct Many {
    LaneCall *calls;
    int count;
} Many;

static void submit_many(void *argument) {
    Many *many = argument;
    for (int i = 0; i < many->count; i++)
        submit_on_loop(&many->calls[i]);
}

static void test_thousand(void **state) {
    Lane lane;
    lane_start(&lane);
    warm(&lane);
    Query query;
    query_init(&query, &lane.fixture, "SELECT id, name, price FROM pglane_item WHERE id = $1");
    assert_true(query.plan->fast_lane);
    enum { COUNT = 1000 };
    LaneCall *calls = calloc(COUNT, sizeof *calls);
    char(*texts)[16] = calloc(COUNT, sizeof *texts);
    Param *params = calloc(COUNT, sizeof *params);
    for (int i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i], "%d", i + 1);
        params[i] = int_param(texts[i]);
        call_init(&calls[i], &lane, &query, &params[i], 1);
    }
    Many many = {calls, COUNT};
    eventloop_post(lane.loop, submit_many, &many);
    lane_wait(&lane, COUNT);
    for (int i = 0; i < COUNT; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "%d|item %d|%.2f", i + 1, i + 1, (i + 1) * 1.5);
        assert_int_equal(calls[i].result.status, STATUS_OK);
        assert_string_equal(strbuf_text(&calls[i].result.text), expected);
        assert_string_equal(calls[i].result.stats.command, "SELECT");
        result_deinit(&calls[i].result);
    }
    free(calls);
    free(texts);
    free(params);
    query_deinit(&query);
    lane_stop(&lane);
}

/* Every third request fails; the others, in the same batch, do not. */
/* Each statement keeps the memory of its answers for the next one, but not of large ones. */
static void test_large_answers_are_not_kept(void **state) {
    enum { STATEMENTS = 20, BYTES = 4000000 };
    Lane lane;
    lane_start(&lane);
    warm(&lane);
    fixture_ok(&lane.fixture, "UPDATE pglane_item SET name = repeat('x', 4000000) WHERE id = 1");
    struct mallinfo2 before = {0};
    for (int i = 0; i < STATEMENTS; i++) {
        char sql[128];
        Query query;
        LaneCall call;
        Param id = int_param("1");
        snprintf(sql, sizeof sql, "SELECT name AS c%d FROM pglane_item WHERE id = $1", i);
        query_init(&query, &lane.fixture, sql);
        assert_true(query.plan->fast_lane);
        call_init(&call, &lane, &query, &id, 1);
        call_until_taken(&lane, &call);
        assert_int_equal(call.result.status, STATUS_OK);
        assert_int_equal(call.result.text.length, BYTES);
        result_deinit(&call.result);
        query_deinit(&query);
        if (i == 0) before = mallinfo2();
    }
    struct mallinfo2 after = mallinfo2();
    /* The connections' own buffers grow with the largest answer that each of them has seen. */
    size_t grown = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
    if (after.uordblks) assert_in_range(grown, 0, (size_t)STATEMENTS * BYTES / 2);
    lane_stop(&lane);
}

static void test_errors_isolated(void **state) {
    Lane lane;
    lane_start(&lane);
    warm(&lane);
    Query query;
    query_init(&query, &lane.fixture, "SELECT 10 / id, $2::int FROM pglane_item WHERE id = $1");
    assert_true(query.plan->fast_lane);
    enum { COUNT = 60 };
    LaneCall calls[COUNT];
    Param params[COUNT][2];
    for (int i = 0; i < COUNT; i++) {
        params[i][0] = int_param("5");
        params[i][1] = i % 3 ? int_param("7") : text_param("seven");
        call_init(&calls[i], &lane, &query, params[i], 2);
    }
    Many many = {calls, COUNT};
    eventloop_post(lane.loop, submit_many, &many);
    lane_wait(&lane, COUNT);
    for (int i = 0; i < COUNT; i++) {
        if (i % 3) {
            assert_int_equal(calls[i].result.status, STATUS_OK);
            assert_string_equal(strbuf_text(&calls[i].result.text), "2|7");
        } else {
            assert_string_equal(calls[i].result.error.sqlstate, "22P02");
        }
        result_deinit(&calls[i].result);
    }
    query_deinit(&query);
    lane_stop(&lane);
}

static void test_prepare_error(void **state) {
    Lane lane;
    lane_start(&lane);
    warm(&lane);
    Query bad, good;
    query_init(&bad, &lane.fixture, "SELECT nosuch FROM pglane_item WHERE id = 7");
    query_init(&good, &lane.fixture, "SELECT name FROM pglane_item WHERE id = 7");
    LaneCall calls[2];
    call_init(&calls[0], &lane, &bad, NULL, 0);
    call_init(&calls[1], &lane, &good, NULL, 0);
    Many many = {calls, 2};
    eventloop_post(lane.loop, submit_many, &many);
    lane_wait(&lane, 2);
    assert_string_equal(calls[0].result.error.sqlstate, "42703");
    assert_int_equal(calls[0].result.error.position, 8);
    assert_string_equal(strbuf_text(&calls[1].result.text), "item 7");
    result_deinit(&calls[1].result);
    query_deinit(&bad);
    query_deinit(&good);
    lane_stop(&lane);
}

static void run_one(Lane *lane, const char *sql, Result *result) {
    Query query;
    LaneCall call;
    query_init(&query, &lane->fixture, sql);
    assert_true(query.plan->fast_lane);
    call_init(&call, lane, &query, NULL, 0);
    call_until_taken(lane, &call);
    *result = call.result;
    query_deinit(&query);
}

static void test_writes(void **state) {
    Lane lane;
    Result result;
    lane_start(&lane);
    run_one(&lane, "INSERT INTO pglane_item VALUES (5001, 'new', 1.25) RETURNING id, price", &result);
    assert_string_equal(strbuf_text(&result.text), "5001|1.25");
    assert_int_equal(result.stats.rows_affected, 1);
    assert_string_equal(result.stats.command, "INSERT");
    result_deinit(&result);
    run_one(&lane, "UPDATE pglane_item SET name = 'x' WHERE id = 5001", &result);
    assert_int_equal(result.stats.rows_affected, 1);
    assert_int_equal(result.columns, 0);
    run_one(&lane, "INSERT INTO pglane_item VALUES (5001, 'again', 2)", &result);
    assert_string_equal(result.error.sqlstate, "23505");
    /* Found only when it commits: the answer must not come before. */
    run_one(&lane, "INSERT INTO pglane_child VALUES (1, 999999)", &result);
    assert_int_equal(result.status, STATUS_ERROR);
    assert_string_equal(result.error.sqlstate, "23503");
    run_one(&lane, "DELETE FROM pglane_item WHERE id = 5001", &result);
    assert_int_equal(result.stats.rows_affected, 1);
    fixture_expect(&lane.fixture, "SELECT count(*) FROM pglane_child", "0");
    lane_stop(&lane);
}

/* A column's type changes under a prepared statement. */
static void test_altered_table(void **state) {
    Lane lane;
    Result result;
    lane_start(&lane);
    run_one(&lane, "SELECT * FROM pglane_item WHERE id = 3", &result);
    assert_string_equal(strbuf_text(&result.text), "3|item 3|4.50");
    result_deinit(&result);
    fixture_ok(&lane.fixture, "ALTER TABLE pglane_item ALTER price TYPE text");
    run_one(&lane, "SELECT * FROM pglane_item WHERE id = 3", &result);
    assert_string_equal(strbuf_text(&result.text), "3|item 3|4.50");
    result_deinit(&result);
    lane_stop(&lane);
}

static void test_terminated(void **state) {
    Lane lane;
    Result result;
    lane_start(&lane);
    warm(&lane);
    fixture_ok(&lane.fixture,
               "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'signalbox' "
               "AND pid <> pg_backend_pid()");
    /* A request may meet the dying connection: then it is told that nothing was done, and the next one is
     * served. */
    for (int tries = 0;; tries++) {
        assert_true(tries < 50);
        run_one(&lane, "SELECT name FROM pglane_item WHERE id = 9", &result);
        if (result.status == STATUS_OK) break;
        assert_string_equal(result.error.sqlstate, "08006");
    }
    assert_string_equal(strbuf_text(&result.text), "item 9");
    result_deinit(&result);
    lane_stop(&lane);
}

static void *ping(void *argument) {
    PgEngine *engine = argument;
    EngineHealth health;
    pthread_mutex_lock(&engine->lock);
    engine->last_seen_ns = 1; /* long ago */
    pthread_mutex_unlock(&engine->lock);
    postgres_engine_ops.health(&engine->base, &health);
    return NULL;
}

/* A read on a server that hangs is given up, and told so. The ping that finds it out counts from when it was
 * sent, also while it still waits. */
static void test_hung_server(void **state) {
    static Proxy proxy; /* threads of its connections may outlive the test */
    Lane lane;
    Query query;
    LaneCall call;
    pthread_t pinger;
    proxy_start(&proxy, "never");
    lane_start_at(&lane, proxy.conninfo);
    warm(&lane);
    query_init(&query, &lane.fixture, "SELECT name FROM pglane_item WHERE id = 9");
    call_init(&call, &lane, &query, NULL, 0);
    call_until_taken(&lane, &call);
    assert_string_equal(strbuf_text(&call.result.text), "item 9");
    result_deinit(&call.result);
    atomic_store(&proxy.stalled, true);
    PgEngine *engine = (PgEngine *)lane.fixture.engine;
    assert_int_equal(pgengine_silent_since_ns(engine), 0);
    assert_int_equal(pthread_create(&pinger, NULL, ping, engine), 0);
    call_init(&call, &lane, &query, NULL, 0);
    lane.done = 0;
    eventloop_post(lane.loop, submit_on_loop, &call);
    lane_wait(&lane, 1);
    assert_string_equal(call.result.error.sqlstate, SQLSTATE_DOES_NOT_ANSWER);
    result_deinit(&call.result);
    atomic_store(&proxy.stalled, false);
    pthread_join(pinger, NULL);
    do { /* and back */
        call_init(&call, &lane, &query, NULL, 0);
        call_until_taken(&lane, &call);
    } while (call.result.status != STATUS_OK);
    assert_string_equal(strbuf_text(&call.result.text), "item 9");
    assert_int_equal(pgengine_silent_since_ns(engine), 0);
    result_deinit(&call.result);
    query_deinit(&query);
    lane_stop(&lane);
    proxy_stop(&proxy);
}

/* A write waits for a lock until its deadline; it is stopped and the next one is not. */
static void test_deadline(void **state) {
    Lane lane;
    Result result;
    lane_start(&lane);
    run_one(&lane, "UPDATE pglane_item SET name = 'warm' WHERE id = 11", &result);
    PGconn *locker = PQconnectdb(fixture_conninfo());
    PQclear(PQexec(locker, "BEGIN; UPDATE pglane_item SET name = 'held' WHERE id = 12"));
    Query blocked, next;
    LaneCall calls[2];
    query_init(&blocked, &lane.fixture, "UPDATE pglane_item SET name = 'late' WHERE id = 12");
    query_init(&next, &lane.fixture, "UPDATE pglane_item SET name = 'free' WHERE id = 13");
    call_init(&calls[0], &lane, &blocked, NULL, 0);
    call_init(&calls[1], &lane, &next, NULL, 0);
    calls[0].request.deadline_ns = clock_now_ns() + 100 * 1000000;
    Many many = {calls, 2};
    eventloop_post(lane.loop, submit_many, &many);
    lane_wait(&lane, 2);
    assert_string_equal(calls[0].result.error.sqlstate, "57014");
    assert_int_equal(calls[1].result.status, STATUS_OK);
    assert_int_equal(calls[1].result.stats.rows_affected, 1);
    PQclear(PQexec(locker, "ROLLBACK"));
    PQfinish(locker);
    fixture_expect(&lane.fixture, "SELECT name FROM pglane_item WHERE id IN (12, 13) ORDER BY id",
                   "item 12\nfree");
    query_deinit(&blocked);
    query_deinit(&next);
    lane_stop(&lane);
}

static void cancel_on_loop(void *argument) {
    LaneCall *call = argument;
    submit_on_loop(call);
    postgres_engine_ops.lane_cancel(call->lane->lane, &call->request);
    finish(call);
}

static void test_cancel(void **state) {
    Lane lane;
    Result result;
    lane_start(&lane);
    warm(&lane);
    Query query;
    LaneCall call;
    query_init(&query, &lane.fixture, "SELECT name FROM pglane_item WHERE id = 4");
    call_init(&call, &lane, &query, NULL, 0);
    eventloop_post(lane.loop, cancel_on_loop, &call);
    lane_wait(&lane, 1);
    lane.done = 0;
    run_one(&lane, "SELECT name FROM pglane_item WHERE id = 5", &result);
    assert_string_equal(strbuf_text(&result.text), "item 5");
    assert_int_equal(strbuf_text(&call.result.text)[0], 0); /* never answered */
    result_deinit(&result);
    query_deinit(&query);
    lane_stop(&lane);
}

/* The connection breaks after the statement left: a read may be run again elsewhere, of a write nothing is
 * known. */
static void test_cut(void **state) {
    static Proxy proxy;
    Lane lane;
    Query query;
    Result result;
    LaneCall call;
    Param word = text_param("cutnow");
    proxy_start(&proxy, "cutnow");
    lane_start_at(&lane, proxy.conninfo);
    const char *read = "SELECT $1::text FROM pglane_item WHERE id = 1";
    const char *write = "UPDATE pglane_item SET name = $1 WHERE id = 1";
    for (int is_write = 0; is_write < 2; is_write++) {
        warm(&lane);
        query_init(&query, &lane.fixture, is_write ? write : read);
        call_init(&call, &lane, &query, &word, 1);
        atomic_store(&proxy.cuts_left, 1);
        call_until_taken(&lane, &call);
        assert_string_equal(call.result.error.sqlstate, is_write ? "08007" : "08006");
        query_deinit(&query);
    }
    atomic_store(&proxy.cuts_left, 1); /* the slow lane runs the read a second time by itself */
    fixture_run(&lane.fixture, read, &word, 1, &result);
    assert_int_equal(result.status, STATUS_OK);
    assert_string_equal(strbuf_text(&result.text), "cutnow");
    result_deinit(&result);
    atomic_store(&proxy.cuts_left, 1);
    fixture_run(&lane.fixture, write, &word, 1, &result);
    assert_string_equal(result.error.sqlstate, "08007");
    atomic_store(&proxy.cuts_left, 2);
    fixture_run(&lane.fixture, read, &word, 1, &result);
    assert_string_equal(result.error.sqlstate, "08006");
    /* A SELECT that acts is no read: it is not sent twice. */
    fixture_ok(&lane.fixture, "DROP SEQUENCE IF EXISTS pglane_numbers");
    fixture_ok(&lane.fixture, "CREATE SEQUENCE pglane_numbers");
    atomic_store(&proxy.cuts_left, 1);
    fixture_run(&lane.fixture, "SELECT nextval('pglane_numbers'), $1::text", &word, 1, &result);
    assert_string_equal(result.error.sqlstate, "08007");
    fixture_expect(&lane.fixture, "SELECT last_value FROM pglane_numbers", "1");
    lane_stop(&lane);
    proxy_stop(&proxy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thousand),
        cmocka_unit_test(test_large_answers_are_not_kept),
        cmocka_unit_test(test_errors_isolated),
        cmocka_unit_test(test_prepare_error),
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_altered_table),
        cmocka_unit_test(test_terminated),
        cmocka_unit_test(test_hung_server),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests_name("postgres lane", tests, NULL, NULL);
}
