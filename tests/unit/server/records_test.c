/* What the peek makes of bytes, whole, cut anywhere, and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fcgi/server/fastcgi_records.h"
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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_and_cut), cmocka_unit_test(not_fastcgi),
                                       cmocka_unit_test(header_layout)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
