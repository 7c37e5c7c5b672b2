/* Tables of another engine, which is a fake here: every type with NULLs, several batches, filters taken over
 * or not, failures and cancels midway. */
#include "engines/base/arrow_builder.h"
#include "engines/base/threadpool.h"
#include "tests/unit/columnar_exec/exec_harness.h"

enum { BATCH = 700, BATCHES = 5, TOTAL = BATCH * BATCHES, COLUMNS = 18 };

static const ArrowColumnSpec columns[COLUMNS] = {
    {"i", {.id = SQL_INT4}, NULL},
    {"b", {.id = SQL_BOOL}, NULL},
    {"s", {.id = SQL_INT2}, NULL},
    {"l", {.id = SQL_INT8}, NULL},
    {"f", {.id = SQL_FLOAT4}, NULL},
    {"d", {.id = SQL_FLOAT8}, NULL},
    {"n", {.id = SQL_NUMERIC, .precision = 10, .scale = 2}, NULL},
    {"w", {.id = SQL_NUMERIC, .precision = 30, .scale = 4}, NULL},
    {"m", {.id = SQL_NUMERIC}, NULL},
    {"t", {.id = SQL_TEXT}, NULL},
    {"v", {.id = SQL_VARCHAR, .precision = 20}, NULL},
    {"da", {.id = SQL_DATE}, NULL},
    {"ti", {.id = SQL_TIME}, NULL},
    {"ts", {.id = SQL_TIMESTAMP}, NULL},
    {"tz", {.id = SQL_TIMESTAMPTZ}, NULL},
    {"iv", {.id = SQL_INTERVAL}, NULL},
    {"u", {.id = SQL_UUID}, NULL},
    {"by", {.id = SQL_BYTEA}, NULL}};

typedef struct Fake {
    Engine engine;
    EngineOps ops;
    TableDesc table;
    ColumnDesc columns[COLUMNS];
    bool apply_filters;
    int fail_at, cancel_at,
        extra_columns; /* batch that fails or before which the statement is cancelled, -1 never */
    bool wrong_type, refuse;
    int batches_given, scans_open, filters_seen;
    int64_t limit_seen;
    char filter_text[256];
} Fake;

typedef struct FakeScan {
    Fake *fake;
    Execution *execution;
    int wanted[COLUMNS + 1], wanted_count, next;
    bool only[TOTAL]; /* rows that pass the filters taken over */
} FakeScan;

static Fake fake;
static Harness harness;
static const int thread_counts[] = {1, 2, 4};

static bool null_at(int column, int row) {
    return column && row % 7 == column % 7;
}

static void append_value(ArrowColumn *out, int column, int row) {
    char text[64];
    if (null_at(column, row)) {
        arrow_append_null(out);
        return;
    }
    switch (column) {
    case 1: arrow_append_bool(out, row % 3 == 0); return;
    case 2: arrow_append_int(out, row - 1000); return;
    case 3: arrow_append_int(out, (int64_t)row << 33); return;
    case 4: arrow_append_float(out, row / 4.0); return;
    case 5: arrow_append_float(out, row / 8.0); return;
    case 6: arrow_append_decimal(out, row * 101); return;
    case 7: arrow_append_decimal(out, (__int128)row * INT64_C(1000000000000000000)); return;
    case 8: snprintf(text, sizeof text, "-%d.50", row); break;
    case 9:
        snprintf(text, sizeof text, row % 2 ? "short%d" : "a text of more than twelve bytes %d", row % 10);
        break;
    case 10: snprintf(text, sizeof text, "v%d", row % 5); break;
    case 11: arrow_append_int(out, row); return;
    case 12: arrow_append_int(out, row * INT64_C(1000000)); return;
    case 13:
    case 14: arrow_append_int(out, row * INT64_C(86400000000)); return;
    case 15: arrow_append_interval(out, row % 12, row % 30, row * INT64_C(1000000000)); return;
    case 16: snprintf(text, sizeof text, "%08x-0000-4000-8000-00000000abcd", row); break;
    case 17: snprintf(text, sizeof text, "\001x%d", row % 4); break;
    default: arrow_append_int(out, row); return;
    }
    arrow_append_bytes(out, text, strlen(text));
}

static Status scan_next(void *state, ArrowArray *out, Error *err) {
    FakeScan *scan = state;
    Fake *engine = scan->fake;
    if (scan->next == engine->cancel_at) cancel_request(scan->execution->cancel, CANCEL_BY_USER);
    TRY(cancel_check(scan->execution->cancel, err));
    if (scan->next == engine->fail_at) return error_set(err, "08006", "the fake engine went away");
    if (scan->next == BATCHES) return STATUS_OK;
    ArrowColumnSpec specs[COLUMNS + 1];
    for (int c = 0; c < scan->wanted_count; c++)
        specs[c] = columns[scan->wanted[c]];
    ArrowBuilder builder;
    arrow_builder_init(&builder, specs, scan->wanted_count);
    for (int row = scan->next * BATCH; row < (scan->next + 1) * BATCH; row++) {
        if (!scan->only[row]) continue;
        for (int c = 0; c < scan->wanted_count; c++)
            append_value(arrow_builder_column(&builder, c), scan->wanted[c], row);
        arrow_builder_end_row(&builder);
    }
    arrow_builder_finish(&builder, out);
    arrow_builder_deinit(&builder);
    scan->next++;
    engine->batches_given++;
    return STATUS_OK;
}

static void scan_close(void *state) {
    FakeScan *scan = state;
    scan->fake->scans_open--;
    free(scan);
}

/* Filters on "i" alone are understood, the others left to the reader. */
static bool passes(const ScanFilter *filter, int row) {
    int value = filter->value_count ? atoi(filter->values[0].text) : 0;
    switch (filter->op) {
    case SCAN_EQ: return row == value;
    case SCAN_NE: return row != value;
    case SCAN_LT: return row < value;
    case SCAN_LE: return row <= value;
    case SCAN_GT: return row > value;
    case SCAN_GE: return row >= value;
    case SCAN_IS_NULL: return false;
    case SCAN_IS_NOT_NULL: return true;
    case SCAN_IN:
        for (int i = 0; i < filter->value_count; i++)
            if (row == atoi(filter->values[i].text)) return true;
    }
    return false;
}

static Status fake_scan(Engine *engine, const ScanRequest *request, Execution *execution,
                        ArrowArrayStream *out, uint64_t *applied, Error *err) {
    *applied = 0;
    fake.filters_seen = request->filter_count;
    fake.limit_seen = request->row_limit;
    if (fake.refuse) return error_set(err, "08001", "nobody listens");
    FakeScan *scan = calloc(1, sizeof *scan);
    scan->fake = &fake;
    scan->execution = execution;
    for (int c = 0; c < request->column_count; c++)
        scan->wanted[scan->wanted_count++] = request->columns[c];
    for (int c = 0; c < fake.extra_columns; c++)
        scan->wanted[scan->wanted_count++] = 0;
    memset(scan->only, 1, sizeof scan->only);
    fake.filter_text[0] = 0;
    for (int f = 0; f < request->filter_count; f++) {
        size_t used = strlen(fake.filter_text);
        snprintf(fake.filter_text + used, sizeof fake.filter_text - used, "%s %d %s;",
                 columns[request->filters[f].column].name, request->filters[f].op,
                 request->filters[f].value_count ? request->filters[f].values[0].text : "");
        if (!fake.apply_filters || request->filters[f].column != 0) continue;
        *applied |= UINT64_C(1) << f;
        for (int row = 0; row < TOTAL; row++)
            scan->only[row] &= passes(&request->filters[f], row);
    }
    ArrowColumnSpec specs[COLUMNS + 1];
    for (int c = 0; c < scan->wanted_count; c++)
        specs[c] = columns[fake.wrong_type ? 9 : scan->wanted[c]];
    ArrowSchema schema;
    arrow_schema_build(&schema, specs, scan->wanted_count);
    fake.scans_open++;
    arrow_stream_make(out, &schema,
                      (ArrowStreamSource){.next = scan_next, .close = scan_close, .state = scan});
    return STATUS_OK;
}

static int reset(void **state) {
    fake.apply_filters = fake.wrong_type = fake.refuse = false;
    fake.fail_at = fake.cancel_at = -1;
    fake.extra_columns = fake.batches_given = 0;
    harness.cancel = NULL;
    harness.memory_bytes = 0;
    assert_int_equal(fake.scans_open, 0);
    return 0;
}

static int setup(void **state) {
    harness_init(&harness);
    fake.ops = (EngineOps){.kind = "fake", .scan = fake_scan};
    fake.engine = (Engine){.ops = &fake.ops, .name = "fake"};
    for (int c = 0; c < COLUMNS; c++)
        fake.columns[c] =
            (ColumnDesc){.name = columns[c].name, .type = columns[c].type, .nullable = c > 0, .distinct = -1};
    fake.table = (TableDesc){.schema = "public",
                             .name = "x",
                             .kind = "table",
                             .columns = fake.columns,
                             .column_count = COLUMNS,
                             .row_estimate = TOTAL};
    harness.bindings[harness.table_count] =
        (TableBinding){.written_name = "x", .engine = &fake.engine, .table = &fake.table};
    harness.table_count = 1;
    return 0;
}

static void expect(const char *sql, const char *expected) {
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++) {
        char *text = harness_query(&harness, thread_counts[i], sql);
        if (strcmp(text, expected))
            fail_msg("%s\nwith %d threads gave\n%.2000s(%s)\nnot\n%.2000s", sql, thread_counts[i], text,
                     harness.message, expected);
        assert_int_equal(harness.left_reserved, 0);
        assert_int_equal(fake.scans_open, 0);
        free(text);
    }
}

static void every_type_and_null(void **state) {
    expect("select i, b, s, l, f, d, n, w from x where i in (8, 3499) order by i",
           "8|NULL|-992|68719476736|2|1|8.08|800000000000000.0000\n"
           "3499|f|2499|30056181137408|874.75|437.375|NULL|349900000000000000.0000\n");
    expect(
        "select m::text, t, v, da::text, ti::text, ts::text, tz::text, iv::text, u::text, by::text from x "
        "where i in (8, 11, 3487)",
        "NULL|a text of more than twelve bytes 8|v3|1970-01-09|00:00:08|1970-01-09 00:00:00|1970-01-09 "
        "00:00:00+00|NULL|"
        "00000008-0000-4000-8000-00000000abcd|\\x017830\n"
        "-11.50|short1|v1|NULL|00:00:11|1970-01-12 00:00:00|1970-01-12 00:00:00+00|11 mons 11 days 00:00:11|"
        "0000000b-0000-4000-8000-00000000abcd|\\x017833\n"
        "NULL|short7|v2|1979-07-20|00:58:07|1979-07-20 00:00:00|1979-07-20 00:00:00+00|NULL|"
        "00000d9f-0000-4000-8000-00000000abcd|\\x017833\n");
    /* Which of all columns are NULL, over every batch: 500 of 3500 rows each. */
    expect("select count(i), count(b), count(s), count(l), count(f), count(d), count(n), count(w), count(m), "
           "count(t), count(v), "
           "count(da), count(ti), count(ts), count(tz), count(iv), count(u), count(by) from x",
           "3500|3000|3000|3000|3000|3000|3000|3000|3000|3000|3000|3000|3000|3000|3000|3000|3000|3000\n");
    expect("select t, count(*) from x where i < 20 group by t order by t",
           "a text of more than twelve bytes 0|2\na text of more than twelve bytes 2|1\na text of more than "
           "twelve bytes 4|2\n"
           "a text of more than twelve bytes 6|1\na text of more than twelve bytes "
           "8|2\nshort1|2\nshort3|2\nshort5|2\nshort7|2\n"
           "short9|1\nNULL|3\n");
}

static void no_columns(void **state) {
    expect("select count(*) from x", "3500\n");
    expect("select 1 from x limit 3", "1\n1\n1\n");
    assert_int_equal(fake.limit_seen, 3);
}

static void filters_taken_over_or_not(void **state) {
    static const struct {
        const char *where, *count;
    } cases[] = {{"i = 5", "1\n"},
                 {"5 < i", "3494\n"},
                 {"i <= 9", "10\n"},
                 {"i <> 3", "3499\n"},
                 {"i in (1, 2, 9999)", "2\n"},
                 {"i is null", "0\n"},
                 {"i is not null", "3500\n"},
                 {"i >= 10 and i < 30 and t = 'short1'", "2\n"},
                 {"i % 2 = 0 and i < 10", "5\n"},
                 {"t is null and i < 14", "2\n"},
                 {"i = 4 or i = 900", "2\n"},
                 {"i = 1.5", "0\n"},
                 {"f > 800 and i > 3400", "85\n"},
                 {"i between 2 and 4 and b is not null", "3\n"}};
    for (int applied = 0; applied < 2; applied++) {
        fake.apply_filters = applied;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            char sql[256];
            snprintf(sql, sizeof sql, "select count(*) from x where %s", cases[i].where);
            expect(sql, cases[i].count);
        }
    }
}

static void a_limit_stays_behind_filters(void **state) {
    expect("select i from x where i > 100 order by i limit 2", "101\n102\n");
    expect("select i from x where i % 1000 = 0 limit 3", "0\n1000\n2000\n");
    assert_int_equal(fake.limit_seen, 0);
}

static void joined_with_itself_and_grouped(void **state) {
    expect("select a.v, count(*), sum(b.n) from x a join x b on a.i = b.i where a.i < 40 group by a.v order "
           "by a.v",
           "v0|7|111.10\nv1|7|112.11\nv2|7|113.12\nv3|6|111.10\nv4|7|115.14\nNULL|6|124.23\n");
}

/* The side that is read first tells the other engine what the join can match: its values, or their bounds. */
static void keys_of_a_join_go_along(void **state) {
    static const char few[] =
        "select count(*), sum(x.i) from x join (values (7), (3), (3), (NULL)) k (v) on k.v = x.i";
    for (int applied = 0; applied < 2; applied++) {
        fake.apply_filters = applied;
        expect(few, "3|13\n");
        assert_string_equal(fake.filter_text, "i 8 3;"); /* IN (3, 7) */
        expect("select count(*) from x where i in (select v from (values (3), (99)) k (v))", "2\n");
        expect("select count(*) from x join (values (date '1970-01-09'), ('1970-01-10')) k (v) on k.v = x.da",
               "2\n");
        assert_string_equal(fake.filter_text, "da 8 1970-01-09;");
        expect("select count(*) from x join generate_series(10, 2009) k (v) on k.v = x.i where x.l > 0",
               "1714\n");
        expect("select count(*) from x join (values (1)) k (v) on k.v = x.i where false", "0\n");
        /* Rows without a match stay, and are not left out over there. */
        expect("select count(*), count(k.v) from x left join (values (7), (3)) k (v) on k.v = x.i",
               "3500|2\n");
        expect("select count(*) from x where i not in (select v from (values (7), (3)) k (v))", "3498\n");
        expect("select count(*) from x join (values ('short1')) k (v) on k.v = x.t", "300\n");
        expect("with recursive r (n) as (select 1 union all select x.i + 1 from r join x on x.i = r.n where "
               "r.n < 6) "
               "select count(*), max(n) from r",
               "6|6\n");
    }
}

static void failures_midway(void **state) {
    static const char *const statements[] = {"select count(*) from x", "select i from x order by t",
                                             "select * from x", "select a.i from x a join x b on a.i = b.i",
                                             "select i from x union select i + 1 from x"};
    for (int batch = 0; batch < BATCHES; batch += 2) {
        fake.fail_at = batch;
        for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
            expect(statements[i], "ERROR 08006");
        assert_string_equal(harness.message, "the fake engine went away");
    }
    fake.fail_at = -1;
    fake.refuse = true;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        expect(statements[i], "ERROR 08001");
}

static void cancel_midway(void **state) {
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++) {
        CancelToken token;
        cancel_init(&token, 0);
        harness.cancel = &token;
        fake.cancel_at = 2;
        fake.batches_given = 0;
        char *text = harness_query(&harness, thread_counts[i], "select v, count(*) from x group by v");
        assert_string_equal(text, "ERROR 57014");
        assert_int_equal(fake.batches_given, 2);
        assert_int_equal(fake.scans_open, 0);
        assert_int_equal(harness.left_reserved, 0);
        free(text);
    }
}

static void abandoned(void **state) {
    for (size_t i = 0; i < sizeof thread_counts / sizeof *thread_counts; i++)
        for (int arrays = 0; arrays < 3; arrays++) {
            free(harness_query_arrays(&harness, thread_counts[i], arrays, NULL, 0, "select * from x"));
            assert_int_equal(fake.scans_open, 0);
            assert_int_equal(harness.left_reserved, 0);
        }
}

static void a_stream_of_another_shape_is_refused(void **state) {
    fake.extra_columns = 1;
    expect("select i from x", "ERROR XX000");
    fake.extra_columns = 0;
    fake.wrong_type = true;
    expect("select i, l from x", "ERROR 0A000");
    assert_non_null(strstr(harness.message, "\"t\""));
}

static void memory_is_refused(void **state) {
    harness.memory_bytes = 64 << 10;
    expect("select a.*, b.* from x a join x b on a.i = b.i order by a.t", "ERROR 53200");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_type_and_null, reset),
        cmocka_unit_test_setup(no_columns, reset),
        cmocka_unit_test_setup(filters_taken_over_or_not, reset),
        cmocka_unit_test_setup(a_limit_stays_behind_filters, reset),
        cmocka_unit_test_setup(joined_with_itself_and_grouped, reset),
        cmocka_unit_test_setup(keys_of_a_join_go_along, reset),
        cmocka_unit_test_setup(failures_midway, reset),
        cmocka_unit_test_setup(cancel_midway, reset),
        cmocka_unit_test_setup(abandoned, reset),
        cmocka_unit_test_setup(a_stream_of_another_shape_is_refused, reset),
        cmocka_unit_test_setup(memory_is_refused, reset),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
