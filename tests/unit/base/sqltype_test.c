#include "unit.h"

#include "engines/base/sqltype.h"

static void names_and_oids_go_both_ways(void **state) {
    char name[SQLTYPE_NAME_BYTES];
    int with_oid = 0;
    for (int id = SQL_BOOL; id < SQL_OTHER; id++) {
        for (int is_array = 0; is_array < 2; is_array++) {
            SqlType type = sqltype_of((SqlTypeId)id);
            type.is_array = is_array;
            assert_true(sqltype_equals(sqltype_from_name(sqltype_name(type, true, name)), type));
            assert_true(sqltype_equals(sqltype_from_name(sqltype_short_name(type, name)), type));
            uint32_t oid = sqltype_oid(type);
            assert_true(oid > 0);
            assert_true(sqltype_equals(sqltype_from_oid(oid, -1), type));
            with_oid++;
        }
    }
    assert_int_equal(with_oid, 44);
    assert_int_equal(sqltype_from_oid(0, -1).id, SQL_OTHER);
    assert_int_equal(sqltype_from_oid(600, -1).id, SQL_OTHER); /* point */
}

static void postgresql_spellings(void **state) {
    static const struct {
        const char *given, *long_name, *short_name;
    } names[] = {
        {"int", "integer", "int4"},
        {"BIGINT", "bigint", "int8"},
        {"varchar(20)", "character varying(20)", "varchar"},
        {"character varying", "character varying", "varchar"},
        {"char(3)", "character(3)", "bpchar"},
        {"decimal(10,2)", "numeric(10,2)", "numeric"},
        {"numeric(5)", "numeric(5,0)", "numeric"},
        {"numeric(2,-3)", "numeric(2,-3)", "numeric"},
        {"NUMERIC", "numeric", "numeric"},
        {"timestamptz", "timestamp with time zone", "timestamptz"},
        {"timestamp(3) with time zone", "timestamp with time zone", "timestamptz"},
        {"timestamp", "timestamp without time zone", "timestamp"},
        {"time", "time without time zone", "time"},
        {"double precision", "double precision", "float8"},
        {"float", "double precision", "float8"},
        {"real", "real", "float4"},
        {"text[]", "text[]", "_text"},
        {"_int4", "integer[]", "_int4"},
        {"numeric(10,2)[]", "numeric(10,2)[]", "_numeric"},
        {"boolean", "boolean", "bool"},
        {"jsonb", "jsonb", "jsonb"},
    };
    char name[SQLTYPE_NAME_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        SqlType type = sqltype_from_name(names[i].given);
        assert_string_equal(sqltype_name(type, true, name), names[i].long_name);
        assert_string_equal(sqltype_short_name(type, name), names[i].short_name);
    }
    assert_int_equal(sqltype_from_name("mood").id, SQL_OTHER);
    assert_int_equal(sqltype_from_name("").id, SQL_OTHER);
    assert_int_equal(sqltype_from_name("numeric(").id, SQL_OTHER);
    assert_int_equal(
        sqltype_from_name("a very long name that is no type and does not fit into the buffer at all, really")
            .id,
        SQL_OTHER);
}

static void modifiers_of_the_catalog(void **state) {
    assert_true(sqltype_equals(sqltype_from_oid(1700, ((10 << 16) | 2) + 4), sqltype_numeric(10, 2)));
    assert_true(
        sqltype_equals(sqltype_from_oid(1700, ((5 << 16) | (-3 & 0x7FF)) + 4), sqltype_numeric(5, -3)));
    assert_true(sqltype_equals(sqltype_from_oid(1700, -1), sqltype_of(SQL_NUMERIC)));
    assert_int_equal(sqltype_from_oid(1043, 24).precision, 20);
    assert_true(sqltype_is_integer(sqltype_of(SQL_INT2)));
    assert_false(sqltype_is_integer(sqltype_array_of(sqltype_of(SQL_INT2))));
    assert_true(sqltype_is_number(sqltype_of(SQL_NUMERIC)));
    assert_false(sqltype_is_number(sqltype_of(SQL_DATE)));
    assert_true(sqltype_is_text(sqltype_of(SQL_BPCHAR)));
    assert_false(sqltype_is_text(sqltype_of(SQL_JSON)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_oids_go_both_ways),
        cmocka_unit_test(postgresql_spellings),
        cmocka_unit_test(modifiers_of_the_catalog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
