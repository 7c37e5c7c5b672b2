/* Every type, in binary and in text form, against what PostgreSQL itself says about the value. */
#include "pgfixture.h"

typedef struct TypeCase {
    const char *value;    /* SQL expression */
    const char *expected; /* as the fixture prints Arrow values */
    const char *format;   /* Arrow format of the column */
} TypeCase;

static const TypeCase cases[] = {
    {"true", "t", "b"},
    {"NULL::bool", "NULL", "b"},
    {"'-32768'::int2", "-32768", "s"},
    {"'-2147483648'::int4", "-2147483648", "i"},
    {"'-9223372036854775808'::int8", "-9223372036854775808", "l"},
    {"4294967295::oid", "4294967295", "I"},
    {"1.5::float4", "1.5", "f"},
    {"'-0.1'::float8", "-0.10000000000000001", "g"},
    {"'NaN'::float8", "nan", "g"},
    {"'-Infinity'::float8", "-inf", "g"},
    {"0::numeric(10,2)", "0.00", "d:10,2"},
    {"'-12345678.905'::numeric(12,3)", "-12345678.905", "d:12,3"},
    {"0.00001::numeric(10,5)", "0.00001", "d:10,5"},
    {"0.0000000012::numeric(12,10)", "0.0000000012", "d:12,10"},
    {"99999999999999999999999999999999999999::numeric(38,0)", "99999999999999999999999999999999999999",
     "d:38,0"},
    {"'-0.99999999999999999999999999999999999999'::numeric(38,38)",
     "-0.99999999999999999999999999999999999999", "d:38,38"},
    {"123456789012345678901234567890.5::numeric(38,5)", "123456789012345678901234567890.50000", "d:38,5"},
    {"10000::numeric(9,0)", "10000", "d:9,0"},
    {"1::numeric / 3", "0.33333333333333333333", "u"},
    {"'NaN'::numeric", "NaN", "u"},
    {"'-Infinity'::numeric", "-Infinity", "u"},
    {"100000000000000000000::numeric", "100000000000000000000", "u"},
    {"-0.000123::numeric", "-0.000123", "u"},
    {"0.0::numeric", "0.0", "u"},
    {"1e50::numeric", "100000000000000000000000000000000000000000000000000", "u"},
    {"12345.6789::numeric(60,4)", "12345.6789", "u"},
    {"'héllo'::text", "héllo", "u"},
    {"''::text", "", "u"},
    {"'abc'::varchar(10)", "abc", "u"},
    {"'abc'::char(5)", "abc  ", "u"},
    {"'abc'::name", "abc", "u"},
    {"'\\xdeadbeef00'::bytea", "deadbeef00", "z"},
    {"''::bytea", "", "z"},
    {"'1970-01-02'::date", "1", "tdD"},
    {"'0044-03-15 BC'::date", "-735160", "tdD"},
    {"'infinity'::date", "2147483647", "tdD"},
    {"'-infinity'::date", "-2147483648", "tdD"},
    {"'23:59:59.999999'::time", "86399999999", "ttu"},
    {"'24:00:00'::time", "86400000000", "ttu"},
    {"'1970-01-01 00:00:01.5'::timestamp", "1500000", "tsu:"},
    {"'1969-12-31 23:59:59'::timestamp", "-1000000", "tsu:"},
    {"'infinity'::timestamp", "9223372036854775807", "tsu:"},
    {"'-infinity'::timestamptz", "-9223372036854775808", "tsu:UTC"},
    {"'1970-01-01 01:00:00+01'::timestamptz", "0", "tsu:UTC"},
    {"'1 year 2 mons -3 days 04:05:06.789'::interval", "14/-3/14706789000000", "tin"},
    {"'-1 year 3 days -00:00:01'::interval", "-12/3/-1000000000", "tin"},
    {"'0'::interval", "0/0/0", "tin"},
    {"'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "u"},
    {"'{\"a\": [1,2]}'::json", "{\"a\": [1,2]}", "u"},
    {"'{\"a\":[1,2]}'::jsonb", "{\"a\": [1, 2]}", "u"},
    {"ARRAY[1,NULL,3]", "{1,NULL,3}", "+l"},
    {"'{}'::int4[]", "{}", "+l"},
    {"ARRAY['a,b','c \"d\"','', 'NULL', NULL]", "{a,b,c \"d\",,NULL,NULL}", "+l"},
    {"ARRAY[1.50::numeric(5,2)]", "{1.50}", "+l"},
    {"'[0:1]={7,8}'::int8[]", "{7,8}", "+l"},
    {"ARRAY['1970-01-03'::date]", "{2}", "+l"},
    {"ARRAY['1970-01-01 00:00:01+00'::timestamptz]", "{1000000}", "+l"},
    {"ARRAY['\\x00ff'::bytea]", "{00ff}", "+l"},
    {"ARRAY[true,false]", "{t,f}", "+l"},
    {"'sad'::pgdecode_mood", "sad", "u"},
};

/* Text in every result of these: their binary form is not read. */
static const TypeCase text_cases[] = {
    {"'[1,5)'::int4range", "[1,5)", "u"},
    {"'192.168.0.1/24'::inet", "192.168.0.1/24", "u"},
    {"'10.0.0.0/8'::cidr", "10.0.0.0/8", "u"},
    {"'12.34'::money", "$12.34", "u"},
    {"'12:00:00+02'::timetz", "12:00:00+02", "u"},
    {"'(1,a)'::pgdecode_pair", "(1,a)", "u"},
    {"ROW(1,'x')", "(1,x)", "u"},
    {"'101'::bit(3)", "101", "u"},
    {"'(1,2)'::point", "(1,2)", "u"},
    {"'<a/>'::xml", "<a/>", "u"},
    {"'a b'::tsvector", "'a' 'b'", "u"},
    {"ARRAY['sad','happy']::pgdecode_mood[]", "{sad,happy}", "+l"},
    {"'x'::\"char\"", "x", "u"},
    {"'pg_class'::regclass", "pg_class", "u"},
};

static void setup_types(Fixture *fixture) {
    fixture_ok(fixture, "DROP TYPE IF EXISTS pgdecode_mood CASCADE");
    fixture_ok(fixture, "DROP TYPE IF EXISTS pgdecode_pair CASCADE");
    fixture_ok(fixture, "DROP DOMAIN IF EXISTS pgdecode_small CASCADE");
    fixture_ok(fixture, "CREATE TYPE pgdecode_mood AS ENUM ('sad', 'happy')");
    fixture_ok(fixture, "CREATE TYPE pgdecode_pair AS (a int, b text)");
    fixture_ok(fixture, "CREATE DOMAIN pgdecode_small AS int4 CHECK (value < 10)");
}

static void check_case(Fixture *fixture, const TypeCase *wanted, const char *beside) {
    char sql[512];
    Query query;
    Result result;
    ArrowArrayStream stream;
    ArrowSchema schema;
    snprintf(sql, sizeof sql, "SELECT %s%s", wanted->value, beside);
    query_init(&query, fixture, sql);
    memset(&result, 0, sizeof result);
    strbuf_init(&result.text);
    Execution execution = {.stats = &result.stats};
    if (postgres_engine_ops.execute(fixture->engine, query.plan, &execution, &stream, &result.error) !=
        STATUS_OK)
        fail_msg("%s: %s", sql, result.error.message);
    assert_int_equal(arrow_stream_schema(&stream, &schema, &result.error), STATUS_OK);
    if (strcmp(schema.children[0]->format, wanted->format))
        fail_msg("%s: format %s, not %s", sql, schema.children[0]->format, wanted->format);
    arrow_schema_release(&schema);
    result_read(&result, &stream);
    if (result.status != STATUS_OK) fail_msg("%s: %s", sql, result.error.message);
    char *bar = *beside ? strrchr(result.text.data, '|') : NULL;
    if (bar) *bar = 0;
    if (strcmp(strbuf_text(&result.text), wanted->expected))
        fail_msg("%s: %s, not %s", sql, strbuf_text(&result.text), wanted->expected);
    result_deinit(&result);
    query_deinit(&query);
}

static void test_binary(void **state) {
    Fixture fixture;
    fixture_open(&fixture);
    setup_types(&fixture);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(&fixture, &cases[i], "");
    fixture_close(&fixture);
}

/* An inet beside it makes the whole result travel as text. */
static void test_text(void **state) {
    Fixture fixture;
    fixture_open(&fixture);
    setup_types(&fixture);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(&fixture, &cases[i], ", '127.0.0.1'::inet");
    for (size_t i = 0; i < sizeof text_cases / sizeof *text_cases; i++)
        check_case(&fixture, &text_cases[i], "");
    fixture_close(&fixture);
}

static void test_names(void **state) {
    Fixture fixture;
    fixture_open(&fixture);
    setup_types(&fixture);
    Query query;
    query_init(&query, &fixture,
               "SELECT 'sad'::pgdecode_mood, 3::pgdecode_small, '[1,2]'::int4range, "
               "ARRAY['sad'::pgdecode_mood], 1.5::numeric(5,1), ARRAY[1]");
    ExecutionStats stats;
    Execution execution = {.stats = &stats};
    ArrowArrayStream stream;
    ArrowSchema schema;
    Error err;
    assert_int_equal(postgres_engine_ops.execute(fixture.engine, query.plan, &execution, &stream, &err),
                     STATUS_OK);
    assert_int_equal(arrow_stream_schema(&stream, &schema, &err), STATUS_OK);
    static const char *const names[] = {"pgdecode_mood", NULL, "int4range", "pgdecode_mood[]"};
    for (int i = 0; i < 4; i++) {
        const char *name;
        SqlType type = arrow_schema_sqltype(schema.children[i], &name);
        if (names[i])
            assert_string_equal(name, names[i]);
        else
            assert_true(sqltype_is(type, SQL_INT4));
    }
    assert_true(sqltype_equals(arrow_schema_sqltype(schema.children[4], NULL), sqltype_numeric(5, 1)));
    assert_true(sqltype_equals(arrow_schema_sqltype(schema.children[5], NULL),
                               sqltype_array_of(sqltype_of(SQL_INT4))));
    arrow_schema_release(&schema);
    arrow_stream_release(&stream);
    query_deinit(&query);
    fixture_close(&fixture);
}

/* What has no Arrow form says so and leaves the connection usable. */
static void test_refused(void **state) {
    Fixture fixture;
    fixture_open(&fixture);
    fixture_expect_error(&fixture, "SELECT ARRAY[[1,2],[3,4]]", "0A000", 0);
    fixture_expect_error(&fixture, "SELECT ARRAY[[1,2],[3,4]], '::1'::inet", "0A000", 0);
    fixture_expect_error(&fixture, "SELECT 'NaN'::numeric(5,2)", "22003", 0);
    fixture_expect_error(&fixture, "SELECT 'NaN'::numeric(5,2), '::1'::inet", "22003", 0);
    fixture_expect(&fixture, "SELECT ARRAY[[1,2],[3,4]]::text", "{{1,2},{3,4}}");
    fixture_close(&fixture);
}

/* Bytes that no server sends: an error each, never a read beyond the end. */
static void test_malformed(void **state) {
    static const char bytes[64] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 90};
    for (int id = SQL_BOOL; id < SQL_RECORD; id++) {
        for (int array = 0; array < 2; array++) {
            for (size_t length = 0; length < sizeof bytes; length++) {
                PgColumn code = {.type = {.id = (uint8_t)id, .is_array = array}};
                ArrowColumnSpec spec = {.name = "c", .type = code.type};
                ArrowBuilder builder;
                Error err;
                char *copy = malloc(length + 1);
                memcpy(copy, bytes, length);
                arrow_builder_init(&builder, &spec, 1);
                Status status = pgdecode_binary(&code, arrow_builder_column(&builder, 0), copy, length, &err);
                if (array) assert_int_equal(status, STATUS_ERROR);
                arrow_builder_deinit(&builder);
                free(copy);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_binary),  cmocka_unit_test(test_text),
        cmocka_unit_test(test_names),     cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("postgres decode", tests, NULL, NULL);
}
