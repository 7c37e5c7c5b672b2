/* Encoded bodies: decoded whole or refused, never beyond the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "engines/base/log.h"
#include "engines/base/strbuf.h"
#include "fcgi/api/body_decode.h"

static void gzip_member(StrBuf *out, const void *data, size_t bytes) {
    z_stream stream = {0};
    strbuf_grow(out, bytes + 1000);
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)data;
    stream.avail_in = (uInt)bytes;
    stream.next_out = (Bytef *)out->data + out->length;
    stream.avail_out = (uInt)(out->capacity - out->length);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out->length += stream.total_out;
    deflateEnd(&stream);
}

static void zstd_frame(StrBuf *out, const void *data, size_t bytes) {
    strbuf_grow(out, ZSTD_compressBound(bytes));
    size_t made = ZSTD_compress(out->data + out->length, out->capacity - out->length, data, bytes, 1);
    assert_false(ZSTD_isError(made));
    out->length += made;
}

static Status decode(const void *data, size_t bytes, BodyEncoding encoding, int64_t limit, int *fd,
                     size_t *decoded, Error *err) {
    BodyBytes body = {.fd = -1, .data = data, .bytes = bytes};
    return body_decode(&body, encoding, "/tmp", limit, NULL, fd, decoded, err);
}

static void expect_text(const StrBuf *encoded, BodyEncoding encoding, const char *text, size_t bytes) {
    Error err = {0};
    int fd;
    size_t decoded;
    if (decode(encoded->data, encoded->length, encoding, 1 << 24, &fd, &decoded, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(decoded, bytes);
    char *got = malloc(bytes + 1);
    assert_int_equal(pread(fd, got, bytes + 1, 0), bytes);
    assert_memory_equal(got, text, bytes);
    free(got);
    close(fd);
    /* Every cut is noticed. */
    size_t step = encoded->length > 1000 ? 997 : 1;
    for (size_t cut = 0; cut < encoded->length; cut += step) {
        assert_int_equal(decode(encoded->data, cut, encoding, 1 << 24, &fd, &decoded, &err), STATUS_ERROR);
        assert_string_equal(err.sqlstate, SQLSTATE_INVALID_TEXT);
        assert_int_equal(fd, -1);
    }
}

static void texts_come_back(void **state) {
    size_t bytes = 3 * BODY_PIECE_BYTES + 17;
    char *text = malloc(bytes);
    for (size_t i = 0; i < bytes; i++)
        text[i] = (char)('a' + i * i % 23);
    for (BodyEncoding encoding = BODY_GZIP; encoding <= BODY_ZSTD; encoding++) {
        StrBuf encoded;
        strbuf_init(&encoded);
        (encoding == BODY_GZIP ? gzip_member : zstd_frame)(&encoded, "a,b\n1,2\n", 8);
        expect_text(&encoded, encoding, "a,b\n1,2\n", 8);
        strbuf_reset(&encoded);
        (encoding == BODY_GZIP ? gzip_member : zstd_frame)(&encoded, text, bytes);
        expect_text(&encoded, encoding, text, bytes);
        strbuf_deinit(&encoded);
    }
    free(text);
}

static void members_follow_each_other(void **state) {
    for (BodyEncoding encoding = BODY_GZIP; encoding <= BODY_ZSTD; encoding++) {
        StrBuf encoded;
        Error err = {0};
        char got[8];
        int fd;
        size_t decoded;
        strbuf_init(&encoded);
        (encoding == BODY_GZIP ? gzip_member : zstd_frame)(&encoded, "abc", 3);
        (encoding == BODY_GZIP ? gzip_member : zstd_frame)(&encoded, "def", 3);
        assert_int_equal(decode(encoded.data, encoded.length, encoding, 100, &fd, &decoded, &err), STATUS_OK);
        assert_int_equal(pread(fd, got, 8, 0), 6);
        assert_memory_equal(got, "abcdef", 6);
        close(fd);
        strbuf_deinit(&encoded);
    }
}

static void bombs_end_at_the_limit(void **state) {
    size_t bytes = 64 << 20;
    char *zeros = calloc(1, bytes);
    for (BodyEncoding encoding = BODY_GZIP; encoding <= BODY_ZSTD; encoding++) {
        StrBuf encoded;
        Error err = {0};
        int fd;
        size_t decoded;
        strbuf_init(&encoded);
        (encoding == BODY_GZIP ? gzip_member : zstd_frame)(&encoded, zeros, bytes);
        assert_true(encoded.length < bytes / 100);
        assert_int_equal(decode(encoded.data, encoded.length, encoding, 1 << 20, &fd, &decoded, &err),
                         STATUS_ERROR);
        assert_string_equal(err.sqlstate, SQLSTATE_PROGRAM_LIMIT);
        assert_true(decoded <= 1 << 20);
        strbuf_deinit(&encoded);
    }
    free(zeros);
}

static void other_bytes_are_refused(void **state) {
    Error err = {0};
    int fd;
    size_t decoded;
    for (BodyEncoding encoding = BODY_GZIP; encoding <= BODY_ZSTD; encoding++) {
        assert_int_equal(decode("a,b\n1,2\n", 8, encoding, 100, &fd, &decoded, &err), STATUS_ERROR);
        assert_string_equal(err.sqlstate, SQLSTATE_INVALID_TEXT);
    }
    assert_int_equal(body_encoding(NULL), BODY_IDENTITY);
    assert_int_equal(body_encoding("GZIP"), BODY_GZIP);
    assert_int_equal(body_encoding("br"), BODY_UNKNOWN_ENCODING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_back),
        cmocka_unit_test(members_follow_each_other),
        cmocka_unit_test(bombs_end_at_the_limit),
        cmocka_unit_test(other_bytes_are_refused),
    };
    if (log_open("/dev/null", LOG_ERROR, false, NULL) != STATUS_OK) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
