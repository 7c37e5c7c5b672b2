/* What statements cost a row store, from keys and what is known of values. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <pg_query.h>

#include "engines/base/column_values.h"
#include "engines/estimate/row_costs.h"

static const RowCosts costs = {.latency = 0.05,
                               .planning = 0.1,
                               .scanned_row = 1e-4,
                               .condition = 2e-5,
                               .page = 1e-3,
                               .descent = 2e-3,
                               .index_row = 3e-4,
                               .random_page = 2e-3,
                               .hashed_row = 2e-4,
                               .probed_row = 2e-4,
                               .sorted_row = 3e-5,
                               .grouped_row = 1e-4,
                               .summed_row = 4e-5,
                               .sent_row = 3e-4,
                               .sent_byte = 6e-6,
                               .page_bytes = 8192};

/* A million rows in the order of id and day; state is CA in half of them, code is mixed. */
static const ColumnPoint id_bounds[] = {{.number = 1}, {.number = 500000}, {.number = 1000000}};
static const ColumnPoint day_bounds[] = {
    {.number = 18262}, {.number = 18627}, {.number = 18992}}; /* 2020, 2021 */
static const ColumnPoint code_bounds[] = {{.number = 0}, {.number = 9999}};
static const ColumnPoint states[] = {{.text = "CA"}};
static const double state_shares[] = {0.5};
static const ColumnValues id_values = {.correlation = 1, .bounds = id_bounds, .bound_count = 3},
                          day_values = {.correlation = 1, .bounds = day_bounds, .bound_count = 3},
                          code_values = {.bounds = code_bounds, .bound_count = 2},
                          state_values = {.common = states, .common_shares = state_shares, .common_count = 1};
static const ColumnDesc columns[] = {
    {.name = "id", .type = {.id = SQL_INT8}, .distinct = 1e6, .values = &id_values},
    {.name = "day", .type = {.id = SQL_DATE}, .distinct = 730, .values = &day_values},
    {.name = "code", .type = {.id = SQL_INT4}, .distinct = 10000, .values = &code_values},
    {.name = "state", .type = {.id = SQL_TEXT}, .distinct = 50, .values = &state_values},
};
static const int key_columns[] = {0, 1, 2, 3};
static const KeyDesc keys[] = {
    {.name = "pkey", .columns = &key_columns[0], .column_count = 1, .unique = true, .primary = true},
    {.name = "by_day", .columns = &key_columns[1], .column_count = 1},
    {.name = "by_code", .columns = &key_columns[2], .column_count = 1},
    {.name = "by_state", .columns = &key_columns[3], .column_count = 1},
};
static const TableDesc table = {.schema = "public",
                                .name = "t",
                                .kind = "table",
                                .columns = columns,
                                .column_count = 4,
                                .keys = keys,
                                .key_count = 4,
                                .row_estimate = 1e6,
                                .bytes = 100000000};
static const TableDesc other = {.schema = "public",
                                .name = "u",
                                .kind = "table",
                                .columns = columns,
                                .column_count = 4,
                                .keys = keys,
                                .key_count = 1,
                                .row_estimate = 1e6,
                                .bytes = 100000000};

static RowWork work_of(const char *sql) {
    PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(sql);
    if (parsed.error) fail_msg("%s: %s", sql, parsed.error->message);
    PgQuery__ParseResult *tree =
        pg_query__parse_result__unpack(NULL, parsed.parse_tree.len, (const uint8_t *)parsed.parse_tree.data);
    pg_query_free_protobuf_parse_result(parsed);
    TableBinding bindings[] = {{.written_name = "t", .table = &table},
                               {.written_name = "u", .table = &other}};
    Statement statement = {.sql = sql,
                           .sql_length = strlen(sql),
                           .tree = tree,
                           .bindings = bindings,
                           .binding_count = strstr(sql, " u") ? 2 : 1};
    RowWork work = row_cost_estimate(&statement, tree->stmts[0]->stmt, &costs);
    pg_query__parse_result__free_unpacked(tree, NULL);
    assert_true(work.estimate.cost_ms >= costs.latency && isfinite(work.estimate.cost_ms));
    return work;
}

static double rows_of(const char *sql) {
    return work_of(sql).estimate.rows;
}
static double cost_of(const char *sql) {
    return work_of(sql).estimate.cost_ms;
}

static void assert_near(double value, double expected) {
    if (fabs(value - expected) > expected * 0.02 + 1e-9) fail_msg("%g is not about %g", value, expected);
}

static void test_ranges_by_histogram(void **state) {
    assert_near(rows_of("SELECT id FROM t WHERE id BETWEEN 1000 AND 2000"), 1000);
    assert_near(rows_of("SELECT id FROM t WHERE id >= 1000 AND id < 2000"), 1000);
    assert_near(rows_of("SELECT id FROM t WHERE 2000 > id AND 1000 <= id"), 1000);
    assert_near(rows_of("SELECT id FROM t WHERE id > 900000"), 100000);
    assert_near(rows_of("SELECT id FROM t WHERE id BETWEEN 2000 AND 1000"), 1); /* none */
    assert_near(rows_of("SELECT id FROM t WHERE id > 5000000"), 1);
    assert_near(rows_of("SELECT id FROM t WHERE day >= '2020-01-01' AND day < '2020-12-31'"), 500000);
    assert_near(rows_of("SELECT id FROM t WHERE day >= DATE '2020-12-31' AND day < DATE '2020-12-31' + 73"),
                100000);
    assert_near(rows_of("SELECT id FROM t WHERE day >= DATE '2021-12-31' - INTERVAL '73 days'"), 100000);
    assert_near(rows_of("SELECT id FROM t WHERE day >= DATE '2021-12-31' - INTERVAL '73' DAY"), 100000);
}

static void test_equality_by_common_values(void **state) {
    assert_near(rows_of("SELECT id FROM t WHERE state = 'CA'"), 500000);
    assert_near(rows_of("SELECT id FROM t WHERE state = 'WY'"), 500000.0 / 49);
    assert_near(rows_of("SELECT id FROM t WHERE state IN ('CA', 'WY')"), 500000 * (1 + 1.0 / 49));
    assert_near(rows_of("SELECT id FROM t WHERE code = 5"), 100);
    assert_near(rows_of("SELECT id FROM t WHERE code = 5 AND state = 'CA'"), 50);
    assert_near(rows_of("SELECT id FROM t WHERE code = $1"), 100); /* any value */
    assert_near(rows_of("SELECT id FROM t WHERE id IN (1, 2, 3)"), 3);
}

static void test_order_on_disk_counts(void **state) {
    double together = cost_of("SELECT count(*) FROM t WHERE id BETWEEN 1000 AND 6000");
    double apart = cost_of("SELECT count(*) FROM t WHERE code BETWEEN 1000 AND 1050");
    double scan = cost_of("SELECT count(*) FROM t WHERE code + 1 = 5");
    assert_true(together * 3 < apart);
    assert_true(apart < scan);
    /* More than the index is good for: the scan, and what is done with its rows. */
    assert_true(cost_of("SELECT id FROM t WHERE code BETWEEN 0 AND 5000") <
                scan + 500000 * (costs.sent_row + 100 * costs.sent_byte));
}

static void test_shapes(void **state) {
    RowWork lookup = work_of("SELECT * FROM t WHERE id = 77");
    assert_true(lookup.unique_lookup && lookup.plain && lookup.estimate.cost_ms < 0.1);
    assert_false(work_of("SELECT * FROM t WHERE id = 77 OR id = 78").unique_lookup);
    assert_false(work_of("SELECT * FROM t x (a, b) WHERE id = 77").unique_lookup);
    assert_near(work_of("INSERT INTO t (id) VALUES (1), (2)").inserted_rows, 2);
    /* Stops at the limit, by the index that gives the order. */
    assert_true(cost_of("SELECT * FROM t ORDER BY id DESC LIMIT 10") < 1);
    assert_true(cost_of("SELECT * FROM t WHERE id > 10 ORDER BY id LIMIT 10") < 1);
    assert_true(cost_of("SELECT * FROM t ORDER BY state || 'x' LIMIT 10") > 50);
    assert_near(rows_of("SELECT state, count(*) FROM t GROUP BY state"), 50);
}

static void test_joins(void **state) {
    double one = cost_of("SELECT * FROM t JOIN u ON u.id = t.id WHERE t.id = 5");
    double hundred = cost_of("SELECT * FROM t JOIN u ON u.id = t.id WHERE t.code = 5");
    double all = cost_of("SELECT count(*) FROM t JOIN u ON u.id = t.id");
    assert_true(one < 1 && one < hundred && hundred < 10 && all > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_by_histogram),
        cmocka_unit_test(test_equality_by_common_values),
        cmocka_unit_test(test_order_on_disk_counts),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_joins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
