/* The API over the real router and a made-up engine, spoken to in real FastCGI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <pthread.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "fcgi/api/aliases.h"
#include "fcgi/api/api.h"
#include "fcgi/api/resources.h"
#include "tests/unit/api/fake_engine.h"
#include "tests/unit/server/fastcgi_client.h"

static char directory[] = "/tmp/signalbox-api-XXXXXX";
static char socket_path[64], history_path[64];
static FakeEngine engine;
static Config config;
static Router *router;
static Api *api;
static Server *server;
static pthread_t thread;
static int client;

#define AWAIT(condition)                                                                                     \
    do {                                                                                                     \
        int64_t until_ns = clock_now_ns() + 20000000000;                                                     \
        while (!(condition) && clock_now_ns() < until_ns)                                                    \
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);                                         \
        assert_true(condition);                                                                              \
    } while (0)

static void *run_server(void *argument) {
    Error err;
    assert_int_equal(server_run(server, &err), STATUS_OK);
    return NULL;
}

static int set_up(void **state) {
    server_block_signals();
    if (!mkdtemp(directory) || log_open("/dev/null", LOG_ERROR, false, NULL) != STATUS_OK) return -1;
    snprintf(socket_path, sizeof socket_path, "%s/s", directory);
    char address[80];
    snprintf(address, sizeof address, "unix:%s", socket_path);
    config_init_defaults(&config);
    snprintf(history_path, sizeof history_path, "%s/history.db", directory);
    config.history_path = history_path;
    config.history_enabled = false;
    config.cors_origins = "https://a.example https://b.example";
    engine = (FakeEngine){.base = {.ops = &fake_ops, .name = "fake"}, .up = true};
    Engine *engines[] = {&engine.base};
    Error err = {0};
    assert_int_equal(router_create(&config, engines, 1, &router, &err), STATUS_OK);
    assert_int_equal(api_create(&config, router, &api, &err), STATUS_OK);
    char attempts[80];
    snprintf(attempts, sizeof attempts, "%s/attempts", directory);
    assert_int_equal(api_keep_history(api, &config, &err), STATUS_OK);
    assert_int_equal(api_share_attempts(api, attempts, &err), STATUS_OK);
    ServerOptions options = {.listen = address,
                             .io_threads = 1,
                             .worker_threads = 4,
                             .max_body_bytes = 2 << 20,
                             .max_header_bytes = 64 << 10,
                             .drain_timeout_ms = 5000};
    ServerApp app = api_server_app(api);
    assert_int_equal(server_create(&options, &app, &server, &err), STATUS_OK);
    api_attach_server(api, server, NULL, NULL);
    assert_int_equal(api_start_upkeep(api, &err), STATUS_OK);
    assert_int_equal(pthread_create(&thread, NULL, run_server, NULL), 0);
    client = fcgi_connect(socket_path);
    return client < 0;
}

static int tear_down(void **state) {
    close(client);
    server_stop(server);
    pthread_join(thread, NULL);
    api_stop_upkeep(api);
    server_destroy(server);
    api_destroy(api);
    router_destroy(router);
    config_deinit(&config);
    log_close();
    char attempts[80];
    snprintf(attempts, sizeof attempts, "%s/attempts", directory);
    unlink(attempts);
    snprintf(attempts, sizeof attempts, "%s/saved.db", directory);
    unlink(attempts);
    return rmdir(directory);
}

static const char *const as_json[] = {"CONTENT_TYPE=application/json", NULL};

static FcgiReply call(const char *method, const char *uri, const char *const *extra, const char *body) {
    const char *parameters[16] = {NULL};
    int count = 0;
    bool typed = !body;
    for (; extra && extra[count]; count++) {
        assert_true(count < 14);
        parameters[count] = extra[count];
        typed |= !strncmp(extra[count], "CONTENT_TYPE=", 13);
    }
    if (!typed) parameters[count] = "CONTENT_TYPE=application/json";
    FcgiReply reply;
    fcgi_exchange(client, method, uri, parameters, body, body ? strlen(body) : 0, &reply);
    assert_true(reply.ended);
    return reply;
}

static json_t *json_of(FcgiReply *reply, int status) {
    if (reply->status != status) fail_msg("status %d: %s", reply->status, reply->text.data);
    json_error_t error;
    json_t *json = json_loadb(reply->body, reply->body_bytes, 0, &error);
    if (!json) fail_msg("%s: %s", error.text, reply->body);
    fcgi_reply_free(reply);
    return json;
}

static json_t *query(int status, const char *body) {
    FcgiReply reply = call("POST", "/query", NULL, body);
    return json_of(&reply, status);
}

static const char *text_of(json_t *json, const char *name) {
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "(none)";
}

static void rows_come_with_the_decision(void **state) {
    FcgiReply reply = call("POST", "/query", (const char *[]){"HTTP_X_REQUEST_ID=abc-123", NULL},
                           "{\"sql\":\"SELECT * FROM t WHERE v = 'rows:2'\"}");
    assert_non_null(strstr(reply.text.data, "X-Request-Id: abc-123\r\n"));
    assert_non_null(strstr(reply.text.data, "X-Engine: fake\r\n"));
    json_t *json = json_of(&reply, 200);
    assert_string_equal(text_of(json_array_get(json_object_get(json, "columns"), 0), "type"), "int4");
    assert_int_equal(json_array_size(json_object_get(json, "data")), 2);
    assert_int_equal(json_integer_value(json_object_get(json, "row_count")), 2);
    assert_true(json_is_false(json_object_get(json, "truncated")));
    assert_string_equal(text_of(json, "engine"), "fake");
    json_t *route = json_object_get(json, "route");
    assert_string_not_equal(text_of(route, "rule"), "(none)");
    json_t *candidate = json_array_get(json_object_get(route, "candidates"), 0);
    assert_string_equal(text_of(candidate, "engine"), "fake");
    assert_true(json_is_true(json_object_get(candidate, "eligible")));
    assert_true(json_is_number(json_object_get(candidate, "cost_ms")));
    assert_true(json_is_real(json_object_get(json, "duration")));
    assert_non_null(json_object_get(json_object_get(json, "timing"), "queue_us"));
    assert_non_null(json_object_get(json_object_get(json, "stats"), "rows_scanned"));
    assert_true(json_is_false(json_object_get(json, "cached")));
    json_decref(json);
}

static void insane_request_ids_are_replaced(void **state) {
    FcgiReply reply = call("GET", "/health", (const char *[]){"HTTP_X_REQUEST_ID=a b\"<", NULL}, NULL);
    assert_null(strstr(reply.text.data, "a b"));
    assert_non_null(strstr(reply.text.data, "X-Request-Id: "));
    fcgi_reply_free(&reply);
}

static void cached_decisions_take_the_lane(void **state) {
    const char *body = "{\"sql\":\"SELECT v FROM t WHERE id = 1 AND v = 'fast'\"}";
    json_decref(query(200, body));
    int submits = atomic_load(&engine.submits), executes = atomic_load(&engine.executes);
    json_t *json = query(200, body);
    assert_int_equal(atomic_load(&engine.submits), submits + 1);
    assert_int_equal(atomic_load(&engine.executes), executes);
    assert_int_equal(json_integer_value(json_object_get(json, "row_count")), 1);
    json_decref(json);
}

static void a_lost_lane_is_no_lost_read(void **state) {
    const char *body = "{\"sql\":\"SELECT v FROM t WHERE id = 1 AND v = 'fast lost'\"}";
    json_decref(query(200, body));
    int submits = atomic_load(&engine.submits), executes = atomic_load(&engine.executes);
    json_decref(query(200, body));
    assert_int_equal(atomic_load(&engine.submits), submits + 1);
    assert_int_equal(atomic_load(&engine.executes), executes + 1);
    /* A write is not run twice. */
    body = "{\"sql\":\"UPDATE t SET v = 'fast lost' WHERE id = 1\"}";
    json_decref(query(200, body));
    executes = atomic_load(&engine.executes);
    json_t *json = query(503, body);
    assert_string_equal(text_of(json, "sqlstate"), "08006");
    assert_int_equal(atomic_load(&engine.executes), executes);
    json_decref(json);
}

static void overdue_statements_end(void **state) {
    const char *body =
        "{\"sql\":\"SELECT v FROM t WHERE id = 1 AND v = 'fast never'\",\"max_runtime_seconds\":0.05}";
    json_decref(query(200, body));
    int cancels = atomic_load(&engine.cancels);
    json_decref(query(408, body));
    assert_int_equal(atomic_load(&engine.cancels), cancels + 1);
    json_decref(query(408, "{\"sql\":\"SELECT v FROM t WHERE v = 'sleep'\",\"max_runtime_seconds\":0.05}"));
}

static void send_and_leave(const char *body, _Atomic int *counter) {
    int fd = fcgi_connect(socket_path), before = atomic_load(counter);
    StrBuf out;
    strbuf_init(&out);
    fcgi_request(&out, true, "POST", "/query", as_json, body, strlen(body));
    assert_true(fcgi_write(fd, out.data, out.length));
    strbuf_deinit(&out);
    AWAIT(atomic_load(counter) == before + 1);
    close(fd);
}

static void clients_that_leave_cancel(void **state) {
    const char *body = "{\"sql\":\"SELECT v FROM t WHERE id = 1 AND v = 'fast never again'\"}";
    json_decref(query(200, body));
    int cancels = atomic_load(&engine.cancels);
    send_and_leave(body, &engine.submits);
    AWAIT(atomic_load(&engine.cancels) == cancels + 1);
    send_and_leave("{\"sql\":\"SELECT v FROM t WHERE v = 'sleep'\"}", &engine.sleeping);
    AWAIT(atomic_load(&engine.sleeping) == 0);
}

static void early_failure_is_a_problem_late_one_a_cut(void **state) {
    json_t *json = query(400, "{\"sql\":\"SELECT * FROM t WHERE v = 'rows:100000 fail:100'\"}");
    assert_string_equal(text_of(json, "sqlstate"), "22012");
    assert_int_equal(json_integer_value(json_object_get(json, "position")), 3);
    assert_int_equal(json_integer_value(json_object_get(json, "status")), 400);
    json_decref(json);
    const char *body =
        "{\"sql\":\"SELECT * FROM t WHERE v = 'rows:100000 fail:50000'\",\"max_rows\":1000000}";
    int fd = fcgi_connect(socket_path);
    FcgiReply reply;
    fcgi_exchange(fd, "POST", "/query", as_json, body, strlen(body), &reply);
    assert_int_equal(reply.status, 200);
    assert_true(reply.body_bytes > 64 << 10);
    assert_false(reply.ended);
    assert_true(reply.closed);
    fcgi_reply_free(&reply);
    close(fd);
}

static void many_rows_stream_and_truncate(void **state) {
    json_t *json = query(200, "{\"sql\":\"SELECT * FROM t WHERE v = 'rows:100000'\",\"max_rows\":100000}");
    assert_int_equal(json_array_size(json_object_get(json, "data")), 100000);
    assert_true(json_is_false(json_object_get(json, "truncated")));
    json_decref(json);
    json = query(200, "{\"sql\":\"SELECT * FROM t WHERE v = 'rows:100000'\"}");
    assert_int_equal(json_array_size(json_object_get(json, "data")), 10000);
    assert_true(json_is_true(json_object_get(json, "truncated")));
    json_decref(json);
}

static int runs_known_of(const char *sql) {
    RouteRequest request = {.sql = sql, .sql_length = strlen(sql)};
    Decision *decision;
    Error err = {0};
    if (router_decide(router, &request, &decision, NULL, &err) != STATUS_OK) fail_msg("%s", err.message);
    int runs = decision->candidates[0].runs;
    decision_release(decision);
    return runs;
}

static void answers_cut_short_teach_nothing(void **state) {
    for (int i = 0; i < 3; i++)
        json_decref(query(200, "{\"sql\":\"SELECT id FROM t WHERE v < 'rows:3'\",\"max_rows\":1}"));
    assert_int_equal(runs_known_of("SELECT id FROM t WHERE v < 'rows:4'"), 0);
    json_decref(query(200, "{\"sql\":\"SELECT id FROM t WHERE v < 'rows:3'\",\"max_rows\":3}"));
    assert_int_equal(runs_known_of("SELECT id FROM t WHERE v < 'rows:5'"), 1);
}

static void use_rules(const char *text) {
    char path[] = "/tmp/signalbox-rules-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    Config changed;
    Error err = {0};
    assert_int_equal(config_load(&changed, path, true, &err), STATUS_OK);
    assert_int_equal(router_set_rules(router, &changed, &err), STATUS_OK);
    config_deinit(&changed);
    unlink(path);
}

/* Limits of rules hold for comparisons, or these would be a way around them. */
static void comparisons_keep_to_the_rules(void **state) {
    static const char body[] = "{\"sql\":\"SELECT id FROM t WHERE v = 'rows:5'\",\"runs\":1}";
    use_rules("[[rule]]\nname = 'few'\ntables = 't'\nmax_rows = 2\n");
    FcgiReply reply = call("POST", "/api/v1/compare", NULL, body);
    json_t *json = json_of(&reply, 200), *run = json_array_get(json_object_get(json, "engines"), 0);
    assert_int_equal(json_integer_value(json_object_get(run, "rows")), 2);
    assert_true(json_is_true(json_object_get(run, "truncated")));
    json_decref(json);
    use_rules("");
    reply = call("POST", "/api/v1/compare", NULL, body);
    json = json_of(&reply, 200);
    run = json_array_get(json_object_get(json, "engines"), 0);
    assert_int_equal(json_integer_value(json_object_get(run, "rows")), 5);
    json_decref(json);
}

static void other_formats(void **state) {
    const char *body = "{\"sql\":\"SELECT * FROM t WHERE v = 'rows:2'\"}";
    FcgiReply reply =
        call("POST", "/query?format=csv", (const char *[]){"HTTP_ACCEPT=application/json", NULL}, body);
    assert_non_null(strstr(reply.text.data, "Content-Type: text/csv"));
    assert_memory_equal(reply.body, "id,v", 4);
    fcgi_reply_free(&reply);
    reply = call("POST", "/query", (const char *[]){"HTTP_ACCEPT=application/x-ndjson", NULL}, body);
    assert_string_equal(reply.body,
                        "{\"id\":0,\"v\":\"some text of a row\"}\n{\"id\":1,\"v\":\"some text of a row\"}\n");
    fcgi_reply_free(&reply);
    reply = call("POST", "/query?format=compact", NULL, body);
    json_t *json = json_of(&reply, 200);
    assert_true(json_is_array(json_array_get(json_object_get(json, "data"), 0)));
    json_decref(json);
    reply = call("POST", "/query?format=xml", NULL, body);
    json_decref(json_of(&reply, 400));
    reply = call("POST", "/query", (const char *[]){"HTTP_ACCEPT=image/png", NULL}, body);
    json_decref(json_of(&reply, 406));
}

static void writes_and_ddl(void **state) {
    json_t *json = query(200, "{\"sql\":\"UPDATE t SET v = $1 WHERE id = 3\",\"params\":[\"x\"]}");
    assert_int_equal(json_integer_value(json_object_get(json, "row_count")), 3);
    assert_string_equal(text_of(json, "command"), "UPDATE");
    assert_string_equal(text_of(json, "engine"), "fake");
    assert_non_null(json_object_get(json, "duration"));
    assert_non_null(json_object_get(json, "token"));
    json_decref(json);
    int describes = atomic_load(&engine.describes);
    json_decref(query(200, "{\"sql\":\"CREATE TABLE u (a int)\",\"engine\":\"fake\"}"));
    assert_true(atomic_load(&engine.describes) > describes);
}

static void second_attempts_do_not_write(void **state) {
    const char *const first[] = {"SIGNALBOX_ATTEMPT_ID=0123456789abcdef", NULL};
    const char *bodies[] = {"{\"sql\":\"UPDATE t SET v = 'a'\"}",
                            "{\"sql\":\"UPDATE t SET v = 'fast' WHERE id = 1\"}"};
    for (int i = 0; i < 2; i++) { /* the second is cached when tried again, so it goes to the lane */
        FcgiReply reply = call("POST", "/query",
                               i ? (const char *[]){"SIGNALBOX_ATTEMPT_ID=other", NULL} : first, bodies[i]);
        json_decref(json_of(&reply, 200));
        int executes = atomic_load(&engine.executes), submits = atomic_load(&engine.submits);
        reply = call("POST", "/query", first, bodies[i]);
        json_t *json = json_of(&reply, 502);
        assert_string_equal(text_of(json, "sqlstate"), "40003");
        json_decref(json);
        assert_int_equal(atomic_load(&engine.executes), executes);
        assert_int_equal(atomic_load(&engine.submits), submits);
    }
    FcgiReply reply = call("POST", "/query", first, "{\"sql\":\"SELECT * FROM t\"}");
    json_decref(json_of(&reply, 200));
}

static void dry_run_runs_nothing(void **state) {
    int executes = atomic_load(&engine.executes);
    json_t *json = query(200, "{\"sql\":\"SELECT * FROM t\",\"dry_run\":true}");
    assert_int_equal(json_number_value(json_object_get(json_object_get(json, "stats"), "bytes_scanned")),
                     8192);
    assert_string_equal(text_of(json, "engine"), "fake");
    assert_int_equal(atomic_load(&engine.executes), executes);
    json_decref(json);
}

static void check_problem(const char *method, const char *uri, const char *const *extra, const char *body,
                          int status, const char *part) {
    FcgiReply reply = call(method, uri, extra, body);
    assert_non_null(strstr(reply.text.data, "Content-Type: application/problem+json\r\n"));
    json_t *json = json_of(&reply, status);
    assert_int_equal(json_integer_value(json_object_get(json, "status")), status);
    assert_string_not_equal(text_of(json, "type"), "(none)");
    assert_string_not_equal(text_of(json, "title"), "(none)");
    assert_string_not_equal(text_of(json, "request_id"), "(none)");
    if (!strstr(text_of(json, "detail"), part))
        fail_msg("\"%s\" does not say \"%s\"", text_of(json, "detail"), part);
    json_decref(json);
}

static void problems(void **state) {
    check_problem("GET", "/nothing", NULL, NULL, 404, "nothing at this path");
    check_problem("GET", "/health/", NULL, NULL, 404, "");
    check_problem("PUT", "/query", NULL, NULL, 405, "POST");
    check_problem("DELETE", "/health", NULL, NULL, 405, "GET, HEAD");
    check_problem("BREW", "/health", NULL, NULL, 405, "BREW");
    check_problem("POST", "/query", NULL, "{", 400, "not valid JSON");
    check_problem("POST", "/query", NULL, "", 400, "not valid JSON");
    check_problem("POST", "/query", NULL, "{\"sql\":\"SELECT 1\",\"sq\":1}", 400, "\"sq\"");
    check_problem("POST", "/query", (const char *[]){"CONTENT_TYPE=", NULL}, "{}", 415, "application/json");
    check_problem("POST", "/query", (const char *[]){"CONTENT_TYPE=text/plain", NULL}, "{}", 415,
                  "application/json");
    check_problem("POST", "/api/v1/history/differences/1/resolve",
                  (const char *[]){"CONTENT_TYPE=text/plain", NULL}, "{}", 415, "application/json");
    check_problem("POST", "/query", NULL, "{\"sql\":\"SELEC * FROM t\"}", 400, "syntax error");
    check_problem("POST", "/query", NULL, "{\"sql\":\"SELECT 1\",\"as_of\":\"2026-01-01\"}", 422, "engine");
    check_problem("POST", "/query", NULL, "{\"sql\":\"SELECT * FROM t\",\"engine\":\"other\"}", 422, "other");
    check_problem("POST", "/query", (const char *[]){"HTTP_X_ENGINE=other", NULL},
                  "{\"sql\":\"SELECT * FROM t\"}", 422, "other");
    check_problem("GET", "/api/v1/tables/nope", NULL, NULL, 404, "nope");
    check_problem("GET", "/api/v1/tables/%zz", NULL, NULL, 404, "");
    check_problem("GET", "/api/v1/tables/a%00b", NULL, NULL, 404, "");
    check_problem("GET", "/api/v1/schemas/nope/tables", NULL, NULL, 404, "schema");
}

static void reads_of_the_catalog(void **state) {
    FcgiReply reply = call("GET", "/api/v1/schemas", NULL, NULL);
    json_t *json = json_of(&reply, 200);
    assert_string_equal(text_of(json_array_get(json_object_get(json, "schemas"), 0), "name"), "public");
    json_decref(json);
    const char *lists[] = {"/api/v1/tables", "/api/v1/schemas/public/tables"};
    for (int i = 0; i < 2; i++) {
        reply = call("GET", lists[i], NULL, NULL);
        json = json_of(&reply, 200);
        assert_int_equal(json_array_size(json_object_get(json, "tables")), 1);
        json_decref(json);
    }
    const char *names[] = {"/api/v1/tables/t", "/api/v1/tables/public.t", "/api/v1/tables/fake.public%2Et"};
    for (int i = 0; i < 3; i++) {
        reply = call("GET", names[i], NULL, NULL);
        json = json_of(&reply, 200);
        assert_string_equal(text_of(json, "name"), "t");
        assert_int_equal(json_array_size(json_object_get(json, "columns")), 2);
        assert_int_equal(json_array_size(json_object_get(json, "placements")), 1);
        assert_true(json_is_null(json_object_get(json, "bytes")));
        json_decref(json);
    }
}

static void the_rest_of_the_resources(void **state) {
    FcgiReply reply =
        call("POST", "/api/v1/route", NULL, "{\"sql\":\"SELECT * FROM t WHERE id = $1\",\"params\":[1]}");
    json_t *json = json_of(&reply, 200);
    assert_string_equal(text_of(json, "engine"), "fake");
    assert_string_equal(text_of(json, "class"), "point_lookup");
    json_decref(json);
    reply = call("GET", "/api/v1/engines", NULL, NULL);
    json = json_of(&reply, 200);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(json, "engines"), 0), "up")));
    json_decref(json);
    reply = call("GET", "/api/v1/status", NULL, NULL);
    json = json_of(&reply, 200);
    assert_true(json_integer_value(json_object_get(json, "resident_bytes")) > 1000000);
    json_decref(json);
    reply = call("GET", "/metrics", NULL, NULL);
    assert_non_null(strstr(reply.body, "signalbox_requests_total{path=\"/query\",status=\"200\"} "));
    assert_non_null(
        strstr(reply.body, "signalbox_request_duration_seconds_bucket{path=\"/query\",le=\"+Inf\"} "));
    assert_non_null(strstr(reply.body, "signalbox_queries_total{engine=\"fake\",lane=\"fast\"} "));
    fcgi_reply_free(&reply);
    reply = call("HEAD", "/health", NULL, NULL);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.body_bytes, 0);
    fcgi_reply_free(&reply);
}

static void health_follows_the_engines(void **state) {
    FcgiReply reply = call("GET", "/health", NULL, NULL);
    json_t *json = json_of(&reply, 200);
    assert_string_equal(text_of(json, "status"), "alive");
    assert_string_equal(text_of(json_object_get(json, "engines"), "fake"), "up");
    json_decref(json);
    atomic_store(&engine.up, false);
    int status = 200;
    for (int64_t until_ns = clock_now_ns() + 20000000000; status == 200 && clock_now_ns() < until_ns;) {
        reply = call("GET", "/health", NULL, NULL);
        status = reply.status;
        fcgi_reply_free(&reply);
    }
    assert_int_equal(status, 503);
    atomic_store(&engine.up, true);
}

static void expect_reply(const char *method, const char *uri, const char *const *headers, int status,
                         const char *part) {
    FcgiReply reply = call(method, uri, headers, NULL);
    if (reply.status != status || !strstr(reply.text.data, part))
        fail_msg("%s %s: %d and not \"%s\": %s", method, uri, reply.status, part, reply.text.data);
    fcgi_reply_free(&reply);
}

static void get_runs_reads_alone(void **state) {
    static const char reads[] = "/query?sql=SELECT+v+FROM+t+WHERE+id+%3D+1";
    expect_reply("GET", reads, NULL, 200, "\"engine\":\"fake\"");
    expect_reply("GET", "/query?sql=SELECT%20$1::int&params=%5B7%5D", NULL, 200, "\"row_count\"");
    expect_reply("GET", "/query?sql=UPDATE+t+SET+v+%3D+1", NULL, 405, "SB006");
    expect_reply("GET", "/query?sql=UPDATE+t+SET+v+%3D+1", NULL, 405, "Allow: POST");
    expect_reply("GET", "/query?sql=UPDATE+t+SET+v+%3D+1&dry_run=true", NULL, 200, "\"dry_run\":true");
    expect_reply("GET", "/query", NULL, 400, "\\\"sql\\\" is missing");
    expect_reply("GET", "/query?sql=SELECT+1&max_rows=many", NULL, 400, "is not JSON");
    expect_reply("GET", "/query?sql=SELECT+1&max_rows=1,%22sql%22:%22x%22", NULL, 400, "is not JSON");
    expect_reply("HEAD", reads, NULL, 200, "nosniff");
}

static void pages_of_other_sites_do_not_ask(void **state) {
    static const char reads[] = "/query?sql=SELECT+1";
    const char *foreign[] = {"HTTP_SEC_FETCH_SITE=cross-site", "HTTP_SEC_FETCH_MODE=no-cors", NULL};
    const char *link[] = {"HTTP_SEC_FETCH_SITE=cross-site", "HTTP_SEC_FETCH_MODE=navigate",
                          "HTTP_SEC_FETCH_USER=?1", NULL};
    const char *allowed[] = {"HTTP_SEC_FETCH_SITE=cross-site", "HTTP_ORIGIN=https://b.example", NULL};
    const char *other[] = {"HTTP_SEC_FETCH_SITE=cross-site", "HTTP_ORIGIN=https://c.example", NULL};
    expect_reply("GET", reads, foreign, 403, "another site");
    expect_reply("GET", reads, link, 200, "row_count");
    expect_reply("GET", reads, allowed, 200, "Access-Control-Allow-Origin: https://b.example");
    expect_reply("GET", reads, other, 403, "Vary: Origin");
    const char *question[] = {"HTTP_ORIGIN=https://a.example", "HTTP_ACCESS_CONTROL_REQUEST_METHOD=POST",
                              NULL};
    const char *refused[] = {"HTTP_ORIGIN=https://a.exampl", "HTTP_ACCESS_CONTROL_REQUEST_METHOD=POST", NULL};
    expect_reply("OPTIONS", "/query", question, 204, "Access-Control-Allow-Methods: GET, HEAD, POST");
    expect_reply("OPTIONS", "/query", refused, 405, "OPTIONS");
}

/* What a browser sends without asking first: a form with files, a POST without a body. */
static void forms_of_other_sites_change_nothing(void **state) {
#define FORM "CONTENT_TYPE=Multipart/form-data; boundary=b"
    static const char *const refused[][4] = {
        {FORM, "HTTP_SEC_FETCH_SITE=cross-site"},
        {FORM, "HTTP_SEC_FETCH_SITE=same-site", "HTTP_ORIGIN=http://localhost:3000"},
        {FORM, "HTTP_ORIGIN=http://c.example", "HTTP_HOST=db.example:8080"},
        {FORM, "HTTP_ORIGIN=null", "HTTP_HOST=db.example:8080"},
        {"HTTP_SEC_FETCH_SITE=cross-site"},
        {"CONTENT_TYPE=text/plain; application/json", "HTTP_SEC_FETCH_SITE=cross-site"},
    };
    static const char *const taken[][4] = {
        {FORM},
        {FORM, "HTTP_SEC_FETCH_SITE=same-origin", "HTTP_ORIGIN=http://other.name"},
        {FORM, "HTTP_ORIGIN=http://db.example:8080", "HTTP_HOST=db.example:8080"},
        {FORM, "HTTP_SEC_FETCH_SITE=cross-site", "HTTP_ORIGIN=https://b.example"},
        {"CONTENT_TYPE=text/csv", "HTTP_SEC_FETCH_SITE=cross-site"},
    };
    static const char *const paths[] = {"/api/v1/tables/t/data?mode=replace", "/ingest?table=t",
                                        "/api/v1/schedules/1/run"};
    for (size_t path = 0; path < 3; path++) {
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
            expect_reply("POST", paths[path], refused[i], 403, "another site");
        for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
            FcgiReply reply = call("POST", paths[path], taken[i], NULL);
            assert_null(strstr(reply.text.data, "another site"));
            fcgi_reply_free(&reply);
        }
    }
}

/* '+' and '&' of a path are themselves, where its end becomes a query's value, too. */
static void an_alias_keeps_what_was_sent(void **state) {
    Exchange exchange = {.path = "/query/id/a+b&limit=1%25", .query = "table=s.t+u"};
    arena_init(&exchange.arena);
    assert_int_equal(alias_rewrite(&exchange), ALIAS_REWRITTEN);
    assert_string_equal(exchange.path, "/api/v1/tables/s.t%20u/rows");
    assert_string_equal(exchange_query_value(&exchange, "id"), "a+b&limit=1%");
    assert_null(exchange_query_value(&exchange, "limit"));
    exchange.path = "/jobs/a+b&c", exchange.query = "";
    assert_int_equal(alias_rewrite(&exchange), ALIAS_REWRITTEN);
    assert_string_equal(exchange.path, "/api/v1/jobs/a+b&c");
    arena_deinit(&exchange.arena);
}

static void saved_queries_are_bounded_in_bytes(void **state) {
    enum { LARGE = 1000 << 10 };
    char uri[64], *body = malloc(2 * LARGE);
    assert_non_null(body);
    memset(body, ' ', LARGE);
    memcpy(body, "{\"sql\":\"", 8);
    memcpy(body + LARGE, "\"}", 3);
    int kept = 0, status = 200;
    for (; status == 200 && kept < 40; kept += status == 200) {
        snprintf(uri, sizeof uri, "/api/v1/saved/%d", kept);
        FcgiReply reply = call("PUT", uri, NULL, body);
        status = reply.status;
        if (status != 200) assert_non_null(strstr(reply.text.data, "54000"));
        fcgi_reply_free(&reply);
    }
    assert_in_range(kept, 8, 16);
    FcgiReply again = call("PUT", "/api/v1/saved/0", NULL, body); /* in its own place there is room */
    assert_int_equal(again.status, 200);
    fcgi_reply_free(&again);
    memset(body + 8, ' ', 1500 << 10);
    memcpy(body + (1500 << 10), "\"}", 3);
    FcgiReply large = call("PUT", "/api/v1/saved/0", NULL, body);
    assert_int_equal(large.status, 413);
    fcgi_reply_free(&large);
    for (int i = 0; i < kept; i++) {
        snprintf(uri, sizeof uri, "/api/v1/saved/%d", i);
        expect_reply("DELETE", uri, NULL, 200, "sql");
    }
    free(body);
}

/* CSV and its like have no "truncated". */
static void the_limit_is_told_where_the_rows_cannot(void **state) {
    static const char five[] = "/query?sql=SELECT+*+FROM+t+WHERE+v+%3D+'rows:5'";
    char uri[128];
    snprintf(uri, sizeof uri, "%s&max_rows=3&format=csv", five);
    FcgiReply reply = call("GET", uri, NULL, NULL);
    assert_non_null(strstr(reply.text.data, "X-Max-Rows: 3\r\n"));
    assert_null(strstr(reply.body, "3,some text"));
    fcgi_reply_free(&reply);
    snprintf(uri, sizeof uri, "%s&format=ndjson", five);
    expect_reply("GET", uri, NULL, 200, "X-Max-Rows: 10000\r\n");
    snprintf(uri, sizeof uri, "%s&max_rows=3", five);
    reply = call("GET", uri, NULL, NULL);
    assert_null(strstr(reply.text.data, "X-Max-Rows"));
    assert_non_null(strstr(reply.body, "\"truncated\":true"));
    fcgi_reply_free(&reply);
}

static void what_the_client_has_is_not_sent_again(void **state) {
    static const char csv[] = "/query?sql=SELECT+v+FROM+t+WHERE+id+%3D+1&format=csv";
    FcgiReply reply = call("GET", csv, NULL, NULL);
    char header[80] = "HTTP_IF_NONE_MATCH=\"x\", W/", *tag = strstr(reply.text.data, "ETag: ");
    assert_non_null(tag);
    strncat(header, tag + 6, strcspn(tag + 6, "\r"));
    fcgi_reply_free(&reply);
    expect_reply("GET", csv, (const char *[]){header, NULL}, 304, "Not Modified");
    expect_reply("GET", csv, (const char *[]){"HTTP_IF_NONE_MATCH=\"x\"", NULL}, 200, "ETag");
    expect_reply("GET", "/api/v1/openapi.json", (const char *[]){"HTTP_IF_NONE_MATCH=*", NULL}, 304, "");
}

static void paths_of_similar_tools(void **state) {
    expect_reply("GET", "/query/sql?sql=SELECT+1", NULL, 200, "\"row_count\"");
    expect_reply("GET", "/status", NULL, 200, "uptime");
    expect_reply("GET", "/schema", NULL, 200, "schemas");
    expect_reply("GET", "/schema?table=t", NULL, 200, "\"name\":\"t\"");
    expect_reply("GET", "/files", NULL, 200, "tables");
    expect_reply("GET", "/query/id/1?table=t", NULL, 200, "\"engine\":\"fake\"");
    expect_reply("GET", "/query/id/?table=t", NULL, 404, "");
    expect_reply("GET", "/query/recent", NULL, 400, "?table=");
    expect_reply("GET", "/query/recent?table=none+such", NULL, 422, "columnar");
    expect_reply("POST", "/status", NULL, 405, "GET, HEAD");
}

/* Every path of the program is in the document, with its methods, and none beside them. */
static void openapi_lists_the_resources(void **state) {
    FcgiReply reply = call("GET", "/api/v1/openapi.json", NULL, NULL);
    json_t *json = json_of(&reply, 200);
    assert_string_equal(text_of(json, "openapi"), "3.1.0");
    json_t *paths = json_object_get(json, "paths");
    assert_int_equal(json_object_size(paths), RESOURCE_OTHER);
    const char *path;
    json_t *item;
    json_object_foreach(paths, path, item) {
        char plain[128];
        size_t length = 0;
        for (const char *at = path; *at; at++) {
            plain[length++] = *at;
            if (*at == '{') at = strchr(at, '}') - 1;
        }
        plain[length] = 0;
        int found = 0;
        while (found < RESOURCE_OTHER && strcmp(resource_path(found), plain) != 0)
            found++;
        if (found == RESOURCE_OTHER) fail_msg("%s is not served", path);
        assert_true(!!json_object_get(item, "get") == !!(resource_at(found)->methods & HTTP_GET));
        assert_true(!!json_object_get(item, "post") == !!(resource_at(found)->methods & HTTP_POST));
        assert_true(!!json_object_get(item, "delete") == !!(resource_at(found)->methods & HTTP_DELETE));
    }
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_with_the_decision),
        cmocka_unit_test(insane_request_ids_are_replaced),
        cmocka_unit_test(cached_decisions_take_the_lane),
        cmocka_unit_test(a_lost_lane_is_no_lost_read),
        cmocka_unit_test(overdue_statements_end),
        cmocka_unit_test(clients_that_leave_cancel),
        cmocka_unit_test(early_failure_is_a_problem_late_one_a_cut),
        cmocka_unit_test(many_rows_stream_and_truncate),
        cmocka_unit_test(answers_cut_short_teach_nothing),
        cmocka_unit_test(comparisons_keep_to_the_rules),
        cmocka_unit_test(other_formats),
        cmocka_unit_test(writes_and_ddl),
        cmocka_unit_test(second_attempts_do_not_write),
        cmocka_unit_test(dry_run_runs_nothing),
        cmocka_unit_test(problems),
        cmocka_unit_test(reads_of_the_catalog),
        cmocka_unit_test(the_rest_of_the_resources),
        cmocka_unit_test(get_runs_reads_alone),
        cmocka_unit_test(pages_of_other_sites_do_not_ask),
        cmocka_unit_test(what_the_client_has_is_not_sent_again),
        cmocka_unit_test(forms_of_other_sites_change_nothing),
        cmocka_unit_test(the_limit_is_told_where_the_rows_cannot),
        cmocka_unit_test(an_alias_keeps_what_was_sent),
        cmocka_unit_test(saved_queries_are_bounded_in_bytes),
        cmocka_unit_test(paths_of_similar_tools),
        cmocka_unit_test(health_follows_the_engines),
        cmocka_unit_test(openapi_lists_the_resources),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
