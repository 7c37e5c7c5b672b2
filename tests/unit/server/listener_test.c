#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "fcgi/server/listener.h"
#include "fastcgi_client.h"

static char directory[] = "/tmp/signalbox-listener-XXXXXX";
static char socket_path[64];

static int set_up(void **state) {
    if (!mkdtemp(directory)) return -1;
    snprintf(socket_path, sizeof socket_path, "%s/s", directory);
    return 0;
}

static int tear_down(void **state) {
    unlink(socket_path);
    return rmdir(directory);
}

static const char *unix_address(void) {
    static char address[80];
    snprintf(address, sizeof address, "unix:%s", socket_path);
    return address;
}

static void unix_socket_lives_and_goes(void **state) {
    Listener listener, second;
    Error err = {0};
    assert_int_equal(listener_open(&listener, unix_address(), false, &err), STATUS_OK);
    int fd = fcgi_connect(socket_path);
    assert_true(fd >= 0);
    close(fd);
    /* A living one is not taken over. */
    assert_int_equal(listener_open(&second, unix_address(), false, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "already listens"));
    listener_close(&listener);
    assert_int_equal(access(socket_path, F_OK), -1);
}

static void stale_socket_is_replaced_but_a_file_is_not(void **state) {
    Listener listener;
    Error err = {0};
    assert_int_equal(listener_open(&listener, unix_address(), false, &err), STATUS_OK);
    close(listener.fd); /* as a killed process leaves it */
    free(listener.path);
    assert_int_equal(access(socket_path, F_OK), 0);
    assert_int_equal(listener_open(&listener, unix_address(), false, &err), STATUS_OK);
    listener_close(&listener);

    close(open(socket_path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(listener_open(&listener, unix_address(), false, &err), STATUS_ERROR);
    assert_non_null(strstr(err.message, "not a socket"));
    unlink(socket_path);
}

static void tcp_and_descriptor(void **state) {
    Listener tcp, same;
    Error err = {0};
    assert_int_equal(listener_open(&tcp, "127.0.0.1:0", false, &err), STATUS_OK);
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    assert_int_equal(getsockname(tcp.fd, (struct sockaddr *)&address, &length), 0);
    assert_int_not_equal(address.sin_port, 0);
    assert_true(fcntl(tcp.fd, F_GETFL) & O_NONBLOCK);
    char text[16];
    snprintf(text, sizeof text, "fd:%d", tcp.fd);
    assert_int_equal(listener_open(&same, text, false, &err), STATUS_OK);
    assert_int_equal(same.fd, tcp.fd);
    assert_true(same.inherited);
    listener_close(&tcp);
}

static void bad_addresses(void **state) {
    const char *addresses[] = {"",         "nonsense", "unix:",          "fd:", "fd:x", "fd:-1",
                               "fd:99999", "host:",    "127.0.0.1:99999"};
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        Listener listener;
        Error err = {0};
        assert_int_equal(listener_open(&listener, addresses[i], false, &err), STATUS_ERROR);
        assert_string_not_equal(err.message, "");
        assert_int_equal(listener.fd, -1);
    }
}

static void takes_a_place_over(void **state) {
    Listener old, next;
    Error err = {0};
    assert_int_equal(listener_open(&old, unix_address(), false, &err), STATUS_OK);
    assert_int_equal(listener_open(&next, unix_address(), true, &err), STATUS_OK);
    int before = fcgi_connect(socket_path);
    assert_true(before >= 0);
    int accepted = accept(old.fd, NULL, NULL); /* not the new one's yet */
    assert_true(accepted >= 0);
    assert_int_equal(listener_publish(&next, &err), STATUS_OK);
    int after = fcgi_connect(socket_path);
    assert_true(after >= 0);
    assert_int_equal(accept(old.fd, NULL, NULL), -1);
    close(accept(next.fd, NULL, NULL));
    /* The old one leaves what is no longer its. */
    listener_close(&old);
    assert_int_equal(access(socket_path, F_OK), 0);
    close(before);
    close(after);
    close(accepted);
    listener_close(&next);
    assert_int_equal(access(socket_path, F_OK), -1);
    /* One that never came to it leaves nothing, and the place as it was. */
    assert_int_equal(listener_open(&old, unix_address(), false, &err), STATUS_OK);
    assert_int_equal(listener_open(&next, unix_address(), true, &err), STATUS_OK);
    listener_close(&next);
    assert_int_equal(access(socket_path, F_OK), 0);
    listener_close(&old);
    assert_int_equal(access(socket_path, F_OK), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(unix_socket_lives_and_goes),
                                       cmocka_unit_test(stale_socket_is_replaced_but_a_file_is_not),
                                       cmocka_unit_test(takes_a_place_over),
                                       cmocka_unit_test(tcp_and_descriptor), cmocka_unit_test(bad_addresses)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
