/* multipart/form-data: every cut of the bytes into pieces gives the same parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fcgi/api/multipart.h"

static Status begin(void *context, const MultipartPart *part, Error *err) {
    StrBuf *out = context;
    strbuf_printf(out, "[%s|%s|%s]", part->name, part->file_name ? part->file_name : "-",
                  part->content_type ? part->content_type : "-");
    return STATUS_OK;
}

static Status data(void *context, const char *bytes, size_t length, Error *err) {
    strbuf_append(context, bytes, length);
    return STATUS_OK;
}

/* What the body holds, fed `piece` bytes at a time; "SQLSTATE" when it is refused. */
static char *parts_of(const char *body, size_t bytes, size_t piece) {
    StrBuf out;
    Multipart parser;
    Error err = {0};
    strbuf_init(&out);
    multipart_init(&parser, "XX", (MultipartSink){.context = &out, .begin = begin, .data = data});
    Status status = STATUS_OK;
    for (size_t at = 0; at < bytes && status == STATUS_OK; at += piece)
        status = multipart_feed(&parser, body + at, bytes - at < piece ? bytes - at : piece, &err);
    if (status == STATUS_OK) status = multipart_finish(&parser, &err);
    multipart_deinit(&parser);
    if (status != STATUS_OK) {
        strbuf_reset(&out);
        strbuf_append_text(&out, err.sqlstate);
    }
    return strbuf_release(&out);
}

static void expect(const char *body, const char *wanted) {
    size_t bytes = strlen(body);
    for (size_t piece = 1; piece <= bytes; piece++) {
        char *got = parts_of(body, bytes, piece);
        if (strcmp(got, wanted) != 0) fail_msg("pieces of %zu: \"%s\", not \"%s\"", piece, got, wanted);
        free(got);
    }
}

#define FILE_PART                                                                                            \
    "Content-Disposition: form-data; name=\"f\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n"

static void parts_are_found(void **state) {
    expect("--XX\r\n" FILE_PART "a,b\r\n1,2\r\n--XX--\r\n", "[f|a.csv|text/csv]a,b\r\n1,2");
    expect("preamble\r\n--XX  \r\n" FILE_PART "x\r\n--XX\r\n" FILE_PART "y\r\n--XX--epilogue",
           "[f|a.csv|text/csv]x[f|a.csv|text/csv]y");
    expect("--XX\r\n" FILE_PART "\r\n--XX--", "[f|a.csv|text/csv]");
    expect("--XX\r\n" FILE_PART "\r\n--X\r\n--XY--\r\n--XX--", "[f|a.csv|text/csv]\r\n--X\r\n--XY--");
    expect("--XX\r\nContent-Disposition: form-data; name=mode\r\n\r\nappend\r\n--XX--", "[mode|-|-]append");
    expect("--XX\r\ncontent-disposition: form-data; filename=\"a\\\"b.csv\"; name=\"f\"\r\n\r\n1\r\n--XX--",
           "[f|a\"b.csv|-]1");
}

static void malformed_bodies_are_refused(void **state) {
    expect("nothing", "22P02");
    expect("--XX\r\n" FILE_PART "cut off", "22P02");
    expect("--XX\r\n" FILE_PART "cut off\r\n--XX", "22P02");
    expect("--XX junk\r\n" FILE_PART "x\r\n--XX--", "22P02");
    expect("--XX\r\nContent-Type: text/csv\r\n\r\nx\r\n--XX--", "22P02");
    expect("--XX\r\n\r\nx\r\n--XX--", "22P02");
    expect("--XX\r\nContent-Transfer-Encoding: base64\r\n" FILE_PART "x\r\n--XX--", "0A000");
}

static void sizes_are_bounded(void **state) {
    StrBuf body;
    strbuf_init(&body);
    strbuf_append_text(&body, "--XX\r\nContent-Disposition: form-data; name=\"");
    for (int i = 0; i < MULTIPART_MAX_HEADERS; i++)
        strbuf_append_char(&body, 'a');
    strbuf_append_text(&body, "\"\r\n\r\nx\r\n--XX--");
    char *got = parts_of(body.data, body.length, 1000);
    assert_string_equal(got, "54000");
    free(got);
    strbuf_reset(&body);
    for (int i = 0; i <= MULTIPART_MAX_PARTS; i++)
        strbuf_append_text(&body, "--XX\r\n" FILE_PART "x\r\n");
    strbuf_append_text(&body, "--XX--");
    got = parts_of(body.data, body.length, 1000);
    assert_string_equal(got, "54000");
    free(got);
    strbuf_deinit(&body);
}

static void boundaries_are_read(void **state) {
    char out[MULTIPART_MAX_BOUNDARY + 1];
    assert_true(multipart_boundary("multipart/form-data; boundary=abc", out));
    assert_string_equal(out, "abc");
    assert_true(multipart_boundary("multipart/form-data; charset=utf-8; Boundary=\"a b;c\"", out));
    assert_string_equal(out, "a b;c");
    assert_false(multipart_boundary("multipart/form-data", out));
    assert_false(multipart_boundary("multipart/form-data; boundary=", out));
    assert_false(multipart_boundary("multipart/form-data; boundary=\"abc", out));
    assert_false(
        multipart_boundary("multipart/form-data; "
                           "boundary=0123456789012345678901234567890123456789012345678901234567890123456789x",
                           out));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_found),
        cmocka_unit_test(malformed_bodies_are_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(boundaries_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
