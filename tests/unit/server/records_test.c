/* What the peek makes of bytes, whole, cut anywhere, and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fcgi/server/fastcgi_records.h"
#include "fcgi/server/fastcgi_request.h"
#include "fastcgi_client.h"

static void whole_and_cut(void **state) {
    StrBuf out;
    strbuf_init(&out);
    fcgi_request(&out, true, "POST", "/query", NULL, "0123456789", 10);
    const uint8_t *bytes = (const uint8_t *)out.data;
    assert_int_equal(fastcgi_records_scan(bytes, out.length), RECORDS_COMPLETE);
    for (size_t length = 0; length < out.length; length++)
        assert_int_equal(fastcgi_records_scan(bytes, length), RECORDS_PARTIAL);
    /* The next request's first bytes change nothing. */
    strbuf_append(&out, "\1\1\0", 3);
    assert_int_equal(fastcgi_records_scan((const uint8_t *)out.data, out.length), RECORDS_COMPLETE);
    strbuf_deinit(&out);
}

static void not_fastcgi(void **state) {
    assert_int_equal(fastcgi_records_scan((const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18), RECORDS_INVALID);
    assert_int_equal(fastcgi_records_scan((const uint8_t *)"G", 1), RECORDS_INVALID);
    /* STDIN's end before BEGIN_REQUEST completes nothing. */
    const uint8_t stray[8] = {1, 5, 0, 1, 0, 0, 0, 0};
    assert_int_equal(fastcgi_records_scan(stray, 8), RECORDS_PARTIAL);
    const uint8_t padded[16] = {1, 1, 0, 1, 0, 0, 8, 0};
    assert_int_equal(fastcgi_records_scan(padded, 15), RECORDS_PARTIAL);
    assert_int_equal(fastcgi_records_scan(padded, 16), RECORDS_PARTIAL);
}

static void header_layout(void **state) {
    uint8_t header[8];
    fastcgi_record_header(header, FASTCGI_STDOUT, 0x1234, FASTCGI_MAX_CONTENT);
    const uint8_t expected[8] = {1, 6, 0x12, 0x34, 0xFF, 0xF8, 0, 0};
    assert_memory_equal(header, expected, 8);
}

static void end_layout(void **state) {
    uint8_t end[FASTCGI_END_BYTES];
    fastcgi_end_records(end, 0x0102);
    const uint8_t expected[FASTCGI_END_BYTES] = {1, 6, 1, 2, 0, 0, 0, 0, 1, 3, 1, 2, 0, 8, 0, 0};
    assert_memory_equal(end, expected, FASTCGI_END_BYTES);
}

static void plain_request_in_place(void **state) {
    char long_value[300];
    memset(long_value, 'v', sizeof long_value - 1);
    long_value[sizeof long_value - 1] = 0;
    char extra[320];
    snprintf(extra, sizeof extra, "HTTP_LONG=%s", long_value);
    StrBuf out;
    strbuf_init(&out);
    fcgi_request(&out, true, "POST", "/query", (const char *[]){"HTTP_EMPTY=", extra, NULL}, "0123456789",
                 10);
    size_t whole = out.length;
    strbuf_append(&out, "\1\1\0", 3);
    const uint8_t *bytes = (const uint8_t *)out.data;
    FastcgiRequest request;
    for (size_t length = 0; length < whole; length++)
        assert_false(fastcgi_request_parse(bytes, length, &request));
    assert_true(fastcgi_request_parse(bytes, out.length, &request));
    assert_int_equal(request.bytes, whole);
    assert_int_equal(request.id, 1);
    assert_true(request.keep);
    assert_int_equal(request.body_bytes, 10);
    assert_memory_equal(request.body, "0123456789", 10);
    Arena arena;
    arena_init(&arena);
    char **params = fastcgi_params_decode(request.params, request.params_bytes, &arena);
    assert_string_equal(params[0], "REQUEST_METHOD=POST");
    assert_string_equal(params[1], "REQUEST_URI=/query");
    assert_string_equal(params[2], "HTTP_EMPTY=");
    assert_string_equal(params[3], extra);
    assert_null(params[4]);
    arena_deinit(&arena);
    strbuf_deinit(&out);
}

/* Bodies in several records, other roles and other requests' records are libfcgi's. */
static void other_shapes_are_not_taken(void **state) {
    static char body[40000];
    FastcgiRequest request;
    StrBuf out;
    strbuf_init(&out);
    fcgi_request(&out, false, "POST", "/query", NULL, body, sizeof body);
    assert_false(fastcgi_request_parse((const uint8_t *)out.data, out.length, &request));
    strbuf_reset(&out);
    fcgi_request(&out, false, "GET", "/health", NULL, NULL, 0);
    assert_true(fastcgi_request_parse((const uint8_t *)out.data, out.length, &request));
    assert_false(request.keep);
    assert_int_equal(request.body_bytes, 0);
    out.data[9] = 2; /* an authorizer */
    assert_false(fastcgi_request_parse((const uint8_t *)out.data, out.length, &request));
    out.data[9] = 1;
    out.data[16 + 3] = 7; /* PARAMS of another request */
    assert_false(fastcgi_request_parse((const uint8_t *)out.data, out.length, &request));
    strbuf_deinit(&out);
}

static void lengths_that_lie(void **state) {
    Arena arena;
    arena_init(&arena);
    assert_null(fastcgi_params_decode((const uint8_t *)"\5\1ABC", 5, &arena));
    assert_null(fastcgi_params_decode((const uint8_t *)"\1", 1, &arena));
    assert_null(fastcgi_params_decode((const uint8_t *)"\1\x80\0\0", 4, &arena));
    assert_null(fastcgi_params_decode((const uint8_t *)"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
                                                       "A",
                                      9, &arena));
    char **params = fastcgi_params_decode((const uint8_t *)"\1\x80\0\0\2Axy", 8, &arena);
    assert_string_equal(params[0], "A=xy");
    assert_null(params[1]);
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_and_cut),          cmocka_unit_test(not_fastcgi),
        cmocka_unit_test(header_layout),          cmocka_unit_test(end_layout),
        cmocka_unit_test(plain_request_in_place), cmocka_unit_test(other_shapes_are_not_taken),
        cmocka_unit_test(lengths_that_lie)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
