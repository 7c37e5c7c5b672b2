#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "fcgi/api/negotiation.h"
#include "fcgi/api/problem.h"
#include "router/router.h"

static void accepts(const char *query, const char *accept, RowFormat expected) {
    RowFormat format;
    int status = 0;
    Error err = {0};
    if (negotiate_format(query, accept, &format, &status, &err) != STATUS_OK)
        fail_msg("%s %s: %s", query ? query : "-", accept ? accept : "-", err.message);
    assert_int_equal(format, expected);
}

static void refuses(const char *query, const char *accept, int expected) {
    RowFormat format;
    int status = 0;
    Error err = {0};
    assert_int_equal(negotiate_format(query, accept, &format, &status, &err), STATUS_ERROR);
    assert_int_equal(status, expected);
    assert_string_not_equal(err.message, "");
}

static void format_beats_accept(void **state) {
    accepts(NULL, NULL, ROWFORMAT_JSON);
    accepts("csv", "application/json", ROWFORMAT_CSV);
    accepts("compact", NULL, ROWFORMAT_COMPACT);
    accepts("ndjson", "nonsense", ROWFORMAT_NDJSON);
    accepts("arrow", NULL, ROWFORMAT_ARROW);
    accepts("parquet", "text/csv", ROWFORMAT_PARQUET);
    refuses("xml", "application/json", 400);
    refuses("table", NULL, 400);
    refuses("", NULL, 400);
}

static void accept_is_weighed(void **state) {
    accepts(NULL, "", ROWFORMAT_JSON);
    accepts(NULL, "*/*", ROWFORMAT_JSON);
    accepts(NULL, "application/*", ROWFORMAT_JSON);
    accepts(NULL, "text/*", ROWFORMAT_CSV);
    accepts(NULL, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", ROWFORMAT_JSON);
    accepts(NULL, "text/csv", ROWFORMAT_CSV);
    accepts(NULL, "application/vnd.apache.arrow.stream", ROWFORMAT_ARROW);
    accepts(NULL, "application/vnd.apache.arrow.file", ROWFORMAT_ARROW_FILE);
    accepts(NULL, "application/vnd.apache.parquet, */*;q=0.1", ROWFORMAT_PARQUET);
    accepts(NULL, "TEXT/CSV; charset=utf-8", ROWFORMAT_CSV);
    accepts(NULL, "application/json;q=0.5, text/csv", ROWFORMAT_CSV);
    accepts(NULL, "application/json;q=0, text/csv;q=0.1", ROWFORMAT_CSV);
    accepts(NULL, "application/vnd.signalbox.compact+json, */*;q=0.1", ROWFORMAT_COMPACT);
    accepts(NULL, " application/x-ndjson ; q=1 ", ROWFORMAT_NDJSON);
    refuses(NULL, "image/png", 406);
    refuses(NULL, "application/json;q=0", 406);
    refuses(NULL, ",,;;q=1,", 406);
    refuses(NULL, "/*", 406);
}

static int status_of(const char *sqlstate) {
    Error err = {0};
    (void)!error_set(&err, sqlstate, "x");
    return problem_status(&err);
}

static void sqlstates_have_their_status(void **state) {
    const struct {
        const char *sqlstate;
        int status;
    } expected[] = {{SQLSTATE_SYNTAX_ERROR, 400},
                    {SQLSTATE_UNDEFINED_TABLE, 400},
                    {SQLSTATE_DIVISION_BY_ZERO, 400},
                    {SQLSTATE_FEATURE_NOT_SUPPORTED, 422},
                    {SQLSTATE_NO_ENGINE, 422},
                    {SQLSTATE_UNKNOWN_ENGINE, 422},
                    {SQLSTATE_FORCED_ENGINE, 422},
                    {SQLSTATE_ENGINE_DOWN, 503},
                    {SQLSTATE_CANNOT_CONNECT, 503},
                    {SQLSTATE_RESOLUTION_UNKNOWN, 502}, /* 503 invites to try again */
                    {SQLSTATE_QUERY_CANCELED, 408},
                    {"57P01", 503},
                    {SQLSTATE_SERIALIZATION_FAILURE, 409},
                    {"40P01", 409},
                    {"23505", 409},
                    {"23503", 409},
                    {"23502", 400},
                    {"42501", 403},
                    {SQLSTATE_OUT_OF_MEMORY, 503},
                    {SQLSTATE_TOO_COMPLEX, 400},
                    {SQLSTATE_INTERNAL, 500},
                    {SQLSTATE_DATA_CORRUPTED, 502},
                    {SQLSTATE_IO_ERROR, 502},
                    {"P0001", 400},
                    {"99999", 400}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        if (status_of(expected[i].sqlstate) != expected[i].status)
            fail_msg("%s: %d", expected[i].sqlstate, status_of(expected[i].sqlstate));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(format_beats_accept),
                                       cmocka_unit_test(accept_is_weighed),
                                       cmocka_unit_test(sqlstates_have_their_status)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
