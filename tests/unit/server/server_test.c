/* A real server in this process, spoken to in real FastCGI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

#include "engines/base/clock.h"
#include "engines/base/log.h"
#include "fcgi/server/server.h"
#include "fastcgi_client.h"

static char directory[] = "/tmp/signalbox-server-XXXXXX";
static char socket_path[64];

typedef struct Fixture {
    Server *server;
    pthread_t thread;
    _Atomic bool ended;
    _Atomic int cancel_reason, abandon_reason, waiting, finished, reloads, streamed;
} Fixture;
static Fixture fixture;
static const char *spool_directory;
static int64_t max_spooled_bytes;

/* Waits for a condition that another thread makes true; gives up after 20 s. */
#define AWAIT(condition)                                                                                     \
    do {                                                                                                     \
        int64_t until_ns = clock_now_ns() + 20000000000;                                                     \
        while (!(condition) && clock_now_ns() < until_ns)                                                    \
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);                                         \
        assert_true(condition);                                                                              \
    } while (0)

/* ---- the application -------------------------------------------------------------------------------------
 */

static void stream_chunks(Exchange *exchange) {
    char chunk[10000];
    memset(chunk, 'x', sizeof chunk);
    Error err;
    Status status = exchange_stream_begin(exchange, 200, "text/plain", &err);
    for (int i = 0; i < 500 && status == STATUS_OK; i++) {
        memset(chunk, 'a' + i % 26, sizeof chunk);
        status = exchange_stream_write(exchange, chunk, sizeof chunk, &err);
    }
    if (status == STATUS_OK) atomic_fetch_add(&fixture.streamed, 1);
    exchange_stream_end(exchange);
}

static void stream_and_cut(Exchange *exchange) {
    char chunk[100000];
    memset(chunk, 'x', sizeof chunk);
    Error err;
    assert_int_equal(exchange_stream_begin(exchange, 200, "text/plain", &err), STATUS_OK);
    assert_int_equal(exchange_stream_write(exchange, chunk, sizeof chunk, &err), STATUS_OK);
    exchange_stream_cut(exchange);
}

static void wait_for_cancel(Exchange *exchange) {
    atomic_fetch_add(&fixture.waiting, 1);
    while (!cancel_is_requested(&exchange->cancel))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    atomic_store(&fixture.cancel_reason, atomic_load(&exchange->cancel.reason));
    atomic_fetch_sub(&fixture.waiting, 1);
    exchange_reply(exchange, 503, "text/plain", "cancelled", 9);
}

static _Atomic bool release_holders;
static void hold(Exchange *exchange) {
    atomic_fetch_add(&fixture.waiting, 1);
    while (!atomic_load(&release_holders))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    atomic_fetch_sub(&fixture.waiting, 1);
    exchange_reply(exchange, 200, "text/plain", "held", 4);
}

static void on_abandon(Exchange *exchange, CancelReason reason) {
    atomic_store(&fixture.abandon_reason, (int)reason);
    if (reason == CANCEL_BY_CLIENT_GONE)
        exchange_stream_cut(exchange);
    else
        exchange_reply(exchange, 408, "text/plain", "late", 4);
}

static void echo(Exchange *exchange) {
    const char *value = exchange_query_value(exchange, "v");
    const char *header = exchange_parameter(exchange, "HTTP_X_TEST");
    char *text = arena_printf(&exchange->arena, "%s|%s|%s|%s|%zu|%d|%d", exchange->method_name,
                              exchange->path, value ? value : "(none)", header ? header : "(none)",
                              exchange->body_bytes, exchange->body_bytes ? exchange->body[0] : 0,
                              exchange->body_bytes ? exchange->body[exchange->body_bytes - 1] : 0);
    exchange_add_header(exchange, "X-Injected", "a\r\nb: c");
    exchange_reply(exchange, 200, "text/plain", text, strlen(text));
}

static void handle(void *context, Exchange *exchange) {
    const char *path = exchange->path;
    if (!strcmp(path, "/stream")) {
        exchange_run_on_worker(exchange, stream_chunks);
    } else if (!strcmp(path, "/cut")) {
        exchange_run_on_worker(exchange, stream_and_cut);
    } else if (!strcmp(path, "/wait")) {
        exchange_run_on_worker(exchange, wait_for_cancel);
    } else if (!strcmp(path, "/hold")) {
        exchange_run_on_worker(exchange, hold);
    } else if (!strcmp(path, "/await")) {
        const char *ms = exchange_query_value(exchange, "ms");
        if (ms) exchange->cancel.deadline_ns = clock_now_ns() + atoll(ms) * 1000000;
        exchange_await(exchange, on_abandon);
        atomic_fetch_add(&fixture.waiting, 1);
    } else if (!strcmp(path, "/big")) {
        size_t bytes = (size_t)atoll(exchange_query_value(exchange, "n"));
        char *data = malloc(bytes);
        memset(data, 'y', bytes);
        exchange_reply(exchange, 200, "text/plain", data, bytes);
        free(data);
    } else {
        echo(exchange);
    }
}

static void reject(void *context, Exchange *exchange, int status, const char *detail) {
    exchange_reply(exchange, status, "text/plain", detail, strlen(detail));
}

static void finished(void *context, Exchange *exchange) {
    atomic_fetch_add(&fixture.finished, 1);
}
static void reload(void *context) {
    atomic_fetch_add(&fixture.reloads, 1);
}

/* ---- life ------------------------------------------------------------------------------------------------
 */

static void *run_server(void *argument) {
    Error err = {0};
    assert_int_equal(server_run(fixture.server, &err), STATUS_OK);
    atomic_store(&fixture.ended, true);
    return NULL;
}

static void start(int drain_timeout_ms) {
    memset(&fixture, 0, sizeof fixture);
    atomic_store(&release_holders, false);
    char address[80];
    snprintf(address, sizeof address, "unix:%s", socket_path);
    ServerOptions options = {.listen = address,
                             .io_threads = 2,
                             .worker_threads = 4,
                             .max_body_bytes = 1 << 20,
                             .max_header_bytes = 16 << 10,
                             .spool_directory = spool_directory,
                             .max_spooled_bytes = max_spooled_bytes,
                             .drain_timeout_ms = drain_timeout_ms};
    ServerApp app = {.handle = handle, .reject = reject, .finished = finished, .reload = reload};
    Error err = {0};
    assert_int_equal(server_create(&options, &app, &fixture.server, &err), STATUS_OK);
    assert_int_equal(pthread_create(&fixture.thread, NULL, run_server, NULL), 0);
}

static int start_default(void **state) {
    start(5000);
    return 0;
}

static void join(void) {
    pthread_join(fixture.thread, NULL);
    server_destroy(fixture.server);
    fixture.server = NULL;
}

static int stop(void **state) {
    if (fixture.server) {
        server_stop(fixture.server);
        join();
    }
    return 0;
}

static int connect_here(void) {
    int fd = fcgi_connect(socket_path);
    assert_true(fd >= 0);
    return fd;
}

static void send_request(int fd, const char *uri) {
    StrBuf out;
    strbuf_init(&out);
    fcgi_request(&out, true, "GET", uri, NULL, NULL, 0);
    assert_true(fcgi_write(fd, out.data, out.length));
    strbuf_deinit(&out);
}

/* ---- tests -----------------------------------------------------------------------------------------------
 */

static void connections_are_kept(void **state) {
    int fd = connect_here();
    for (int i = 0; i < 50; i++) {
        FcgiReply reply;
        fcgi_exchange(fd, "POST", "/echo?v=a%20b%2Bc+d", (const char *[]){"HTTP_X_TEST=yes", NULL}, "body", 4,
                      &reply);
        assert_true(reply.ended);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.body, "POST|/echo|a b+c d|yes|4|98|121");
        assert_null(strstr(reply.text.data, "\nb: c"));
        fcgi_reply_free(&reply);
    }
    close(fd);
    AWAIT(atomic_load(&fixture.finished) == 50);
}

static void connection_closes_when_not_kept(void **state) {
    int fd = connect_here();
    StrBuf out;
    strbuf_init(&out);
    fcgi_request(&out, false, "GET", "/echo", NULL, NULL, 0);
    assert_true(fcgi_write(fd, out.data, out.length));
    FcgiReply reply;
    fcgi_read_reply(fd, &reply);
    assert_true(reply.ended);
    assert_true(fcgi_is_closed(fd));
    fcgi_reply_free(&reply);
    strbuf_deinit(&out);
    close(fd);
}

/* Byte by byte at first, so that every header is split; the loop serves others meanwhile. */
static void request_in_pieces(void **state) {
    int slow = connect_here(), other = connect_here();
    static char body[300000];
    memset(body, 'z', sizeof body);
    StrBuf out;
    strbuf_init(&out);
    fcgi_request(&out, true, "POST", "/echo", NULL, body, sizeof body);
    for (size_t i = 0; i < 100; i++) {
        assert_true(fcgi_write(slow, out.data + i, 1));
        if (i % 25) continue;
        FcgiReply reply;
        fcgi_exchange(other, "GET", "/echo", NULL, NULL, 0, &reply);
        assert_int_equal(reply.status, 200);
        fcgi_reply_free(&reply);
    }
    assert_true(fcgi_write(slow, out.data + 100, out.length - 100));
    FcgiReply reply;
    fcgi_read_reply(slow, &reply);
    assert_string_equal(reply.body, "POST|/echo|(none)|(none)|300000|122|122");
    fcgi_reply_free(&reply);
    fcgi_exchange(slow, "GET", "/again", NULL, NULL, 0, &reply);
    assert_int_equal(reply.status, 200);
    fcgi_reply_free(&reply);
    strbuf_deinit(&out);
    close(slow);
    close(other);
}

static void limits_are_refused_and_the_connection_goes_on(void **state) {
    int fd = connect_here();
    size_t bytes = (1 << 20) + 1;
    char *body = calloc(1, bytes);
    FcgiReply reply;
    fcgi_exchange(fd, "POST", "/echo", NULL, body, bytes, &reply);
    assert_int_equal(reply.status, 413);
    fcgi_reply_free(&reply);
    fcgi_exchange(fd, "POST", "/echo", NULL, body, bytes - 1, &reply);
    assert_int_equal(reply.status, 200);
    fcgi_reply_free(&reply);
    char *header = malloc(20100);
    memset(header, 'h', 20099);
    memcpy(header, "HTTP_X_TEST=", 12);
    header[20099] = 0;
    fcgi_exchange(fd, "GET", "/echo", (const char *[]){header, NULL}, NULL, 0, &reply);
    assert_int_equal(reply.status, 431);
    fcgi_reply_free(&reply);
    fcgi_exchange(fd, "GET", "no-slash", NULL, NULL, 0, &reply);
    assert_int_equal(reply.status, 400);
    fcgi_reply_free(&reply);
    free(header);
    free(body);
    close(fd);
}

static void endless_body_is_cut_off(void **state) {
    int fd = connect_here();
    StrBuf out;
    strbuf_init(&out);
    fcgi_request(&out, true, "POST", "/echo", NULL, NULL, 0);
    out.length -= 8; /* without the end of STDIN */
    static char part[32768];
    bool open = fcgi_write(fd, out.data, out.length);
    strbuf_reset(&out);
    fcgi_put_record(&out, 5, part, sizeof part);
    for (int i = 0; i < 2000 && open; i++)
        open = fcgi_write(fd, out.data, out.length);
    assert_false(open);
    strbuf_deinit(&out);
    close(fd);
}

static void replies_of_every_size(void **state) {
    int fd = connect_here();
    const size_t sizes[] = {0, 1, 7000, 7900, 8000, 8100, 9000, 48000, 50000, 65528, 65529, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char uri[32], length[48];
        snprintf(uri, sizeof uri, "/big?n=%zu", sizes[i]);
        snprintf(length, sizeof length, "Content-Length: %zu\r\n", sizes[i]);
        FcgiReply reply;
        fcgi_exchange(fd, "GET", uri, NULL, NULL, 0, &reply);
        assert_true(reply.ended);
        assert_int_equal(reply.body_bytes, sizes[i]);
        assert_non_null(strstr(reply.text.data, length));
        fcgi_reply_free(&reply);
    }
    FcgiReply reply;
    fcgi_exchange(fd, "HEAD", "/big?n=100", NULL, NULL, 0, &reply);
    assert_int_equal(reply.body_bytes, 0);
    assert_non_null(strstr(reply.text.data, "Content-Length: 100\r\n"));
    fcgi_reply_free(&reply);
    close(fd);
}

static void streams_whole_or_cut(void **state) {
    int fd = connect_here();
    FcgiReply reply;
    fcgi_exchange(fd, "GET", "/stream", NULL, NULL, 0, &reply);
    assert_true(reply.ended);
    assert_int_equal(reply.body_bytes, 5000000);
    fcgi_reply_free(&reply);
    fcgi_exchange(fd, "GET", "/cut", NULL, NULL, 0, &reply);
    assert_int_equal(reply.body_bytes, 100000);
    assert_false(reply.ended);
    assert_true(reply.closed);
    fcgi_reply_free(&reply);
    close(fd);
}

static void client_that_leaves_cancels_its_worker(void **state) {
    int fd = connect_here();
    send_request(fd, "/wait");
    AWAIT(atomic_load(&fixture.waiting) == 1);
    close(fd);
    AWAIT(atomic_load(&fixture.cancel_reason) == CANCEL_BY_CLIENT_GONE);
    AWAIT(atomic_load(&fixture.finished) == 1);
}

static void abort_record_cancels_too(void **state) {
    int fd = connect_here();
    send_request(fd, "/wait");
    AWAIT(atomic_load(&fixture.waiting) == 1);
    const uint8_t abort_record[8] = {1, 2, 0, 1, 0, 0, 0, 0};
    assert_true(fcgi_write(fd, abort_record, 8));
    AWAIT(atomic_load(&fixture.cancel_reason) == CANCEL_BY_CLIENT_GONE);
    close(fd);
}

static void awaiting_is_abandoned(void **state) {
    int fd = connect_here();
    send_request(fd, "/await");
    AWAIT(atomic_load(&fixture.waiting) == 1);
    close(fd);
    AWAIT(atomic_load(&fixture.abandon_reason) == CANCEL_BY_CLIENT_GONE);

    fd = connect_here();
    FcgiReply reply;
    fcgi_exchange(fd, "GET", "/await?ms=20", NULL, NULL, 0, &reply);
    assert_int_equal(reply.status, 408);
    assert_int_equal(atomic_load(&fixture.abandon_reason), CANCEL_BY_DEADLINE);
    fcgi_reply_free(&reply);
    close(fd);
}

static void stalled_reader_does_not_outlive_its_connection(void **state) {
    int fd = connect_here();
    send_request(fd, "/stream"); /* 5 MB that nobody reads: the worker waits in the middle */
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    close(fd);
    AWAIT(atomic_load(&fixture.finished) == 1);
}

static int start_with_spool(void **state) {
    spool_directory = "/tmp";
    max_spooled_bytes = 12 << 20;
    start(5000);
    return 0;
}

static int stop_with_spool(void **state) {
    spool_directory = NULL;
    return stop(state);
}

static void expect_stream(int fd) {
    FcgiReply reply;
    fcgi_read_reply(fd, &reply);
    assert_true(reply.ended);
    assert_int_equal(reply.body_bytes, 5000000);
    for (size_t i = 0; i < reply.body_bytes; i += 499)
        assert_int_equal(reply.body[i], 'a' + (int)(i / 10000) % 26);
    fcgi_reply_free(&reply);
}

/* Four workers, more readers: with the spool each response is made before anybody reads it, within the limit
 * (two and a bit of 5 MB); those beyond it wait for their readers, and the server is there for others. */
static void slow_readers_hold_no_worker(void **state) {
    int slow[2];
    for (int i = 0; i < 2; i++)
        send_request(slow[i] = connect_here(), "/stream");
    AWAIT(atomic_load(&fixture.streamed) == 2);
    int other = connect_here();
    FcgiReply reply;
    fcgi_exchange(other, "GET", "/echo", NULL, NULL, 0, &reply);
    assert_int_equal(reply.status, 200);
    fcgi_reply_free(&reply);
    send_request(other, "/stream");
    expect_stream(other);
    for (int i = 0; i < 2; i++) {
        expect_stream(slow[i]);
        fcgi_exchange(slow[i], "GET", "/again", NULL, NULL, 0, &reply); /* the connection is kept */
        assert_true(reply.ended);
        fcgi_reply_free(&reply);
        close(slow[i]);
    }
    close(other);
}

static size_t memory_in_use(void) {
    struct mallinfo2 use = mallinfo2();
    return use.uordblks + use.hblkhd;
}

/* What lies in the spool is not in memory, too, and nothing stays open once it is read. */
static void slow_readers_hold_no_memory(void **state) {
    enum { READERS = 10, BYTES = 1 << 20 };
    int fds[READERS];
    size_t before = memory_in_use();
    for (int i = 0; i < READERS; i++) {
        fds[i] = fcgi_connect(socket_path);
        send_request(fds[i], "/big?n=1048576");
    }
    ServerCounters counters = {0};
    AWAIT((server_counters(fixture.server, &counters), counters.spooled_bytes > READERS * BYTES / 2 &&
                                                           counters.workers_busy == 0 &&
                                                           counters.tasks_queued == 0));
    AWAIT(memory_in_use() < before + 4 * BYTES);
    for (int i = 0; i < READERS; i++) {
        FcgiReply reply;
        fcgi_read_reply(fds[i], &reply);
        assert_true(reply.ended);
        assert_int_equal(reply.body_bytes, BYTES);
        fcgi_reply_free(&reply);
        close(fds[i]);
    }
}

static void readers_beyond_the_spool_are_waited_for(void **state) {
    int slow[3];
    for (int i = 0; i < 3; i++) {
        send_request(slow[i] = connect_here(), "/stream");
        AWAIT(atomic_load(&fixture.streamed) == (i < 2 ? i + 1 : 2));
    }
    for (int i = 0; i < 3; i++) {
        expect_stream(slow[i]);
        close(slow[i]);
    }
    assert_int_equal(atomic_load(&fixture.streamed), 3);
}

static void a_client_that_leaves_ends_what_is_sent_later(void **state) {
    int fd = connect_here();
    send_request(fd, "/stream");
    AWAIT(atomic_load(&fixture.streamed) == 1);
    close(fd);
    AWAIT(atomic_load(&fixture.finished) == 1);
}

static void garbage_closes_the_connection(void **state) {
    int fd = connect_here();
    assert_true(fcgi_write(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27));
    assert_true(fcgi_is_closed(fd));
    close(fd);
    /* A management record and a request that ends in the middle of its parameters. */
    fd = connect_here();
    const uint8_t broken[] = {1, 1, 0, 1,   0,   8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 4, 0, 1, 0,
                              2, 0, 0, 200, 200, 1, 4, 0, 1, 0, 0, 0, 0, 1, 5, 0, 1, 0, 0, 0, 0};
    assert_true(fcgi_write(fd, broken, sizeof broken));
    assert_true(fcgi_is_closed(fd));
    close(fd);
    fd = connect_here();
    FcgiReply reply;
    fcgi_exchange(fd, "GET", "/echo", NULL, NULL, 0, &reply);
    assert_int_equal(reply.status, 200);
    fcgi_reply_free(&reply);
    close(fd);
}

/* libfcgi's own accept and close use select(), which would corrupt memory here. */
static void descriptors_beyond_1023(void **state) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2048) skip();
    int filler[1100];
    for (int i = 0; i < 1100; i++)
        assert_true((filler[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
    int fd = connect_here();
    assert_true(fd > 1023);
    FcgiReply reply;
    fcgi_exchange(fd, "GET", "/echo", NULL, NULL, 0, &reply);
    assert_int_equal(reply.status, 200);
    fcgi_reply_free(&reply);
    fcgi_exchange(fd, "GET", "/cut", NULL, NULL, 0, &reply);
    assert_false(reply.ended);
    fcgi_reply_free(&reply);
    close(fd);
    fd = connect_here();
    assert_true(fcgi_write(fd, "garbage!", 8));
    assert_true(fcgi_is_closed(fd));
    close(fd);
    for (int i = 0; i < 1100; i++)
        close(filler[i]);
}

static void sighup_reloads(void **state) {
    kill(getpid(), SIGHUP);
    AWAIT(atomic_load(&fixture.reloads) == 1);
}

static void sigterm_drains(void **state) {
    int idle = connect_here(), busy = connect_here();
    FcgiReply reply;
    fcgi_exchange(idle, "GET", "/echo", NULL, NULL, 0, &reply);
    fcgi_reply_free(&reply);
    send_request(busy, "/hold");
    AWAIT(atomic_load(&fixture.waiting) == 1);
    kill(getpid(), SIGTERM);
    assert_true(fcgi_is_closed(idle));
    AWAIT(access(socket_path, F_OK) != 0);
    assert_int_equal(fcgi_connect(socket_path), -1);
    assert_false(atomic_load(&fixture.ended));
    atomic_store(&release_holders, true);
    fcgi_read_reply(busy, &reply);
    assert_true(reply.ended);
    assert_string_equal(reply.body, "held");
    fcgi_reply_free(&reply);
    AWAIT(atomic_load(&fixture.ended));
    join();
    close(idle);
    close(busy);
}

static int start_impatient(void **state) {
    start(50);
    return 0;
}

static void drain_cancels_what_takes_too_long(void **state) {
    int busy = connect_here(), awaiting = connect_here();
    send_request(busy, "/wait");
    send_request(awaiting, "/await");
    AWAIT(atomic_load(&fixture.waiting) == 2);
    server_stop(fixture.server);
    FcgiReply reply;
    fcgi_read_reply(busy, &reply);
    assert_int_equal(reply.status, 503);
    fcgi_reply_free(&reply);
    AWAIT(atomic_load(&fixture.ended));
    assert_int_equal(atomic_load(&fixture.cancel_reason), CANCEL_BY_SHUTDOWN);
    assert_int_equal(atomic_load(&fixture.abandon_reason), CANCEL_BY_SHUTDOWN);
    join();
    close(busy);
    close(awaiting);
}

static int set_up(void **state) {
    server_block_signals();
    if (!mkdtemp(directory) || log_open("/dev/null", LOG_ERROR, false, NULL) != STATUS_OK) return -1;
    snprintf(socket_path, sizeof socket_path, "%s/s", directory);
    return 0;
}

static int tear_down(void **state) {
    log_close();
    return rmdir(directory);
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, start_default, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        SERVER_TEST(connections_are_kept),
        SERVER_TEST(connection_closes_when_not_kept),
        SERVER_TEST(request_in_pieces),
        SERVER_TEST(limits_are_refused_and_the_connection_goes_on),
        SERVER_TEST(endless_body_is_cut_off),
        SERVER_TEST(replies_of_every_size),
        SERVER_TEST(streams_whole_or_cut),
        SERVER_TEST(client_that_leaves_cancels_its_worker),
        SERVER_TEST(abort_record_cancels_too),
        SERVER_TEST(awaiting_is_abandoned),
        SERVER_TEST(stalled_reader_does_not_outlive_its_connection),
        cmocka_unit_test_setup_teardown(slow_readers_hold_no_worker, start_with_spool, stop_with_spool),
        cmocka_unit_test_setup_teardown(slow_readers_hold_no_memory, start_with_spool, stop_with_spool),
        cmocka_unit_test_setup_teardown(readers_beyond_the_spool_are_waited_for, start_with_spool,
                                        stop_with_spool),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_ends_what_is_sent_later, start_with_spool,
                                        stop_with_spool),
        SERVER_TEST(garbage_closes_the_connection),
        SERVER_TEST(descriptors_beyond_1023),
        SERVER_TEST(sighup_reloads),
        SERVER_TEST(sigterm_drains),
        cmocka_unit_test_setup_teardown(drain_cancels_what_takes_too_long, start_impatient, stop),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
