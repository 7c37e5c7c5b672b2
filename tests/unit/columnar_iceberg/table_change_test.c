/* Changes of tables: partitions, deletes, columns, refs, and what happens when two meet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "engines/base/bitmap.h"
#include "engines/base/calendar.h"
#include "engines/columnar/iceberg/layout_text.h"
#include "engines/columnar/iceberg/table_change_internal.h"
#include "engines/columnar/iceberg/table_deletes.h"
#include "engines/columnar/iceberg/table_pins.h"
#include "engines/columnar/iceberg/table_writer.h"
#include "tests/unit/columnar_ingest/table_text.h"

#define OK(expression)         assert_status((expression), STATUS_OK, NULL, &err, __LINE__)
#define NOT(expression, state) assert_status((expression), STATUS_ERROR, state, &err, __LINE__)

static void assert_status(Status status, Status wanted, const char *sqlstate, const Error *err, int line) {
    if (status != wanted) fail_msg("line %d: %s %s", line, err->sqlstate, err->message);
    if (sqlstate && strcmp(sqlstate, err->sqlstate) != 0)
        fail_msg("line %d: %s instead of %s: %s", line, err->sqlstate, sqlstate, err->message);
}

static char scratch[64];
static TableCatalog *catalog;
static const TableColumn COLUMNS[] = {{"id", {.id = SQL_INT4}, false, 0},
                                      {"d", {.id = SQL_DATE}, true, 0},
                                      {"name", {.id = SQL_TEXT}, true, 0}};

static int setup(void **state) {
    Error err;
    TableChange *change;
    scratch_make(scratch);
    catalog = scratch_catalog(scratch);
    OK(table_change_begin_create(catalog, NULL, "t", COLUMNS, 3, false, &change, &err));
    OK(table_change_commit(change, NULL, &err));
    return 0;
}
static int teardown(void **state) {
    table_catalog_close(catalog);
    scratch_remove(scratch);
    return 0;
}

static TableVersion *load(void) {
    Error err;
    TableVersion *version;
    OK(table_catalog_load(catalog, NULL, "t", &version, &err));
    return version;
}

static TableChange *begin(void) {
    Error err;
    TableChange *change;
    TableVersion *version = load();
    OK(table_change_begin(catalog, version, &change, &err));
    table_version_release(version);
    return change;
}

/* Rows first .. first + count - 1: a date every day from 2024-01-01 backwards in id, each seventh NULL. */
static void write_rows(TableChange *change, int first, int count) {
    Error err;
    Arena arena;
    TableWriter *writer;
    OK(table_writer_open(change, &writer, &err));
    arena_init(&arena);
    for (int at = 0; at < count; at += BATCH_ROWS) {
        int rows = count - at < BATCH_ROWS ? count - at : BATCH_ROWS;
        Vector columns[3];
        for (int c = 0; c < 3; c++)
            vector_init_flat(&columns[c], COLUMNS[c].type, rows, &arena);
        uint64_t *validity = vector_make_validity(&columns[1], rows, &arena);
        for (int i = 0; i < rows; i++) {
            int id = first + at + i;
            ((int32_t *)columns[0].values)[i] = id;
            ((int32_t *)columns[1].values)[i] = (int32_t)calendar_days_of(2024, 1, 1) + 97 - id % 97;
            if (id % 7 == 0) bitmap_clear(validity, (size_t)i);
            const char *text = arena_printf(&arena, "the name of row %d", id);
            ((StringView *)columns[2].values)[i] = stringview_make(text, (uint32_t)strlen(text));
        }
        Batch batch = {.row_count = rows, .selected = rows, .column_count = 3, .columns = columns};
        OK(table_writer_append(writer, &batch, &err));
    }
    arena_deinit(&arena);
    OK(table_writer_finish(writer, &err));
}

static void append_rows(int first, int count) {
    Error err;
    TableChange *change = begin();
    write_rows(change, first, count);
    OK(table_change_commit(change, NULL, &err));
}

/* Rows that are not deleted. */
static int64_t live_rows(const TableVersion *version) {
    Error err;
    int64_t live = 0;
    for (int f = 0; f < version->file_count; f++) {
        const uint64_t *bits;
        OK(table_deleted_rows(version, f, NULL, &bits, &err));
        for (int64_t row = 0; row < version->files[f].row_count; row++)
            live += !bits || !bitmap_get(bits, (size_t)row);
    }
    return live;
}

static int64_t live_now(void) {
    TableVersion *version = load();
    int64_t live = live_rows(version);
    table_version_release(version);
    return live;
}

static void rows_go_to_their_partitions(void **state) {
    Error err;
    TableChange *change = begin();
    OK(table_change_set_partitioning(change, "month(d), bucket(3, id)", &err));
    write_rows(change, 0, 5000);
    OK(table_change_commit(change, NULL, &err));
    TableVersion *version = load();
    assert_int_equal(version->row_count, 5000);
    assert_int_equal(version->file_count, 5 * 3); /* January to April and NULL */
    StrBuf text;
    strbuf_init(&text);
    layout_spec_text(&version->specs[1], version->columns, version->column_count, &text);
    assert_string_equal(strbuf_text(&text), "month(d), bucket(3, id)");
    strbuf_deinit(&text);
    for (int f = 0; f < version->file_count; f++) {
        const DataFile *file = &version->files[f];
        assert_int_equal(file->spec_id, 1);
        assert_non_null(strstr(file->path, "/data/d_month="));
        if (file->partition[0].is_null) {
            assert_non_null(strstr(file->path, "d_month=null/"));
            assert_int_equal(file->stats[1].null_count, file->row_count);
            continue;
        }
        PartitionValue low = {.value = file->stats[1].min}, high = {.value = file->stats[1].max}, month;
        transform_apply(transform_parse("month"), COLUMNS[1].type, &low, &month);
        assert_int_equal(month.value.i64, file->partition[0].value.i64);
        transform_apply(transform_parse("month"), COLUMNS[1].type, &high, &month);
        assert_int_equal(month.value.i64, file->partition[0].value.i64);
    }
    table_version_release(version);
    /* The spec changes; files of both are there. */
    change = begin();
    OK(table_change_set_partitioning(change, "truncate(name, 5)", &err));
    NOT(table_change_set_partitioning(change, "nope", &err), SQLSTATE_UNDEFINED_COLUMN);
    NOT(table_change_set_partitioning(change, "month(name)", &err), SQLSTATE_DATATYPE_MISMATCH);
    write_rows(change, 5000, 10);
    OK(table_change_commit(change, NULL, &err));
    version = load();
    assert_int_equal(version->row_count, 5010);
    assert_int_equal(version->file_count, 16);
    table_version_release(version);
}

static bool file_holds(const char *path, const char *bytes, size_t length) {
    FILE *file = fopen(path, "rb");
    char *data = malloc(1 << 20);
    assert_non_null(file);
    assert_non_null(data);
    size_t read = fread(data, 1, 1 << 20, file);
    bool found = memmem(data, read, bytes, length) != NULL;
    fclose(file);
    free(data);
    return found;
}

static void rows_are_sorted_in_files(void **state) {
    Error err;
    TableChange *change = begin();
    OK(table_change_set_sort_order(change, "d desc nulls last, id", &err));
    write_rows(change, 0, 5000);
    OK(table_change_commit(change, NULL, &err));
    TableVersion *version = load();
    assert_int_equal(version->file_count, 1);
    assert_int_equal(version->files[0].sort_order_id, 1);
    /* The footer's sorting_columns: a list of two, column 1 descending with NULLs last, column 0 ascending.
     */
    static const char sorting[] = "\x19\x2c\x15\x02\x11\x12\x00\x15\x00\x12";
    assert_true(file_holds(version->files[0].path, sorting, sizeof sorting - 1));
    table_version_release(version);
    TableText text;
    OK(table_text_read(catalog, "t", &text, &err));
    assert_int_equal(text.row_count, 5000);
    for (int64_t row = 1; row < text.row_count; row++) {
        const char *before = text.cells[row - 1][1], *here = text.cells[row][1];
        bool null_before = strcmp(before, "<null>") == 0, null_here = strcmp(here, "<null>") == 0;
        assert_true(null_here || !null_before);
        if (null_here || null_before) continue;
        assert_true(atoi(before) > atoi(here) ||
                    (atoi(before) == atoi(here) && atoi(text.cells[row - 1][0]) < atoi(text.cells[row][0])));
    }
    table_text_free(&text);
}

static void positions_are_deleted(void **state) {
    Error err;
    append_rows(0, 1000);
    append_rows(1000, 10);
    TableVersion *version = load();
    TableChange *change;
    OK(table_change_begin(catalog, version, &change, &err));
    int big = version->files[0].row_count == 1000 ? 0 : 1;
    OK(table_change_delete_positions(change, &version->files[big], (int64_t[]){5, 3, 5, 999}, 4, &err));
    OK(table_change_delete_positions(change, &version->files[big], (int64_t[]){3, 7}, 2, &err));
    NOT(table_change_delete_positions(change, &version->files[big], (int64_t[]){1000}, 1, &err), NULL);
    int64_t all[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    OK(table_change_delete_positions(change, &version->files[1 - big], all, 10, &err));
    OK(table_change_commit(change, NULL, &err));
    assert_int_equal(live_rows(version), 1010); /* a reader keeps what it has */
    table_version_release(version);
    version = load();
    assert_true(version->has_deletes);
    assert_int_equal(version->file_count, 1);
    assert_int_equal(version->files[0].delete_count, 1);
    assert_int_equal(version->row_count, 996);
    assert_int_equal(live_rows(version), 996);
    const uint64_t *bits;
    OK(table_deleted_rows(version, 0, NULL, &bits, &err));
    for (int64_t row = 0; row < 1000; row++)
        assert_int_equal(bitmap_get(bits, (size_t)row), row == 3 || row == 5 || row == 7 || row == 999);
    /* Removed files take their deletes along. */
    OK(table_change_begin(catalog, version, &change, &err));
    OK(table_change_remove_file(change, &version->files[0], &err));
    OK(table_change_commit(change, NULL, &err));
    table_version_release(version);
    version = load();
    assert_int_equal(version->file_count, 0);
    assert_false(version->has_deletes);
    Arena arena;
    TableLog log;
    arena_init(&arena);
    OK(table_version_read_log(version, &arena, &log, &err));
    static const char *const OPERATIONS[] = {"append", "append", "delete", "delete"};
    assert_int_equal(log.snapshot_count, 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(log.snapshots[i].operation, OPERATIONS[i]);
    for (int i = 0; i < log.snapshots[3].summary_count; i++)
        if (strncmp(log.snapshots[3].summary[i].key, "total-", 6) == 0)
            assert_string_equal(log.snapshots[3].summary[i].value, "0");
    arena_deinit(&arena);
    table_version_release(version);
}

static void columns_change(void **state) {
    Error err;
    append_rows(0, 10);
    TableChange *change = begin();
    TableColumn added = {"extra", {.id = SQL_NUMERIC, .precision = 9, .scale = 2}, true, 0};
    OK(table_change_add_column(change, &added, "id", false, &err));
    NOT(table_change_add_column(change, &added, NULL, false, &err), "42701");
    OK(table_change_add_column(change, &added, NULL, true, &err));
    added.nullable = false;
    added.name = "needed";
    NOT(table_change_add_column(change, &added, NULL, false, &err), "23502");
    OK(table_change_rename_column(change, "name", "title", &err));
    NOT(table_change_rename_column(change, "title", "id", &err), "42701");
    OK(table_change_widen_column(change, "id", sqltype_of(SQL_INT8), &err));
    OK(table_change_widen_column(change, "extra", sqltype_numeric(20, 2), &err));
    NOT(table_change_widen_column(change, "id", sqltype_of(SQL_INT4), &err), SQLSTATE_FEATURE_NOT_SUPPORTED);
    NOT(table_change_widen_column(change, "extra", sqltype_numeric(20, 3), &err),
        SQLSTATE_FEATURE_NOT_SUPPORTED);
    OK(table_change_move_column(change, "title", "", &err));
    OK(table_change_drop_not_null(change, "id", &err));
    OK(table_change_set_partitioning(change, "day(d)", &err));
    NOT(table_change_drop_column(change, "d", false, &err), "2BP01");
    OK(table_change_set_partitioning(change, "", &err));
    OK(table_change_drop_column(change, "d", false, &err));
    NOT(table_change_drop_column(change, "d", false, &err), SQLSTATE_UNDEFINED_COLUMN);
    OK(table_change_drop_column(change, "d", true, &err));
    OK(table_change_set_property(change, "comment", "hello", &err));
    OK(table_change_commit(change, NULL, &err));
    TableVersion *version = load();
    assert_int_equal(version->column_count, 3);
    static const struct {
        const char *name;
        int field_id;
        SqlTypeId type;
    } EXPECTED[] = {{"title", 3, SQL_TEXT}, {"id", 1, SQL_INT8}, {"extra", 4, SQL_NUMERIC}};
    for (int i = 0; i < 3; i++) {
        assert_string_equal(version->columns[i].name, EXPECTED[i].name);
        assert_int_equal(version->columns[i].field_id, EXPECTED[i].field_id);
        assert_int_equal(version->columns[i].type.id, EXPECTED[i].type);
        assert_true(version->columns[i].nullable);
    }
    assert_int_equal(version->columns[2].type.precision, 20);
    assert_int_equal(version->row_count, 10);
    /* Bounds written for int are those of bigint. */
    assert_true(version->files[0].stats[1].has_min_max);
    assert_int_equal(version->files[0].stats[1].max.i64, 9);
    table_version_release(version);
    /* A column of an old name is a new column. */
    change = begin();
    added = (TableColumn){"d", {.id = SQL_DATE}, true, 0};
    OK(table_change_add_column(change, &added, NULL, false, &err));
    OK(table_change_commit(change, NULL, &err));
    version = load();
    assert_int_equal(version->columns[3].field_id, 5);
    table_version_release(version);
}

static void two_changes_meet(void **state) {
    Error err;
    TableChange *one, *two;
    append_rows(0, 100);
    append_rows(100, 100);
    TableVersion *version = load();
    /* Appends never fail; a delete stands an append. */
    OK(table_change_begin(catalog, version, &one, &err));
    OK(table_change_delete_positions(one, &version->files[0], (int64_t[]){1, 2}, 2, &err));
    append_rows(200, 50);
    OK(table_change_commit(one, NULL, &err));
    assert_int_equal(live_now(), 248);
    /* The same rows deleted again, without new ones: fine. */
    OK(table_change_begin(catalog, version, &one, &err));
    OK(table_change_delete_positions(one, &version->files[0], (int64_t[]){2, 3}, 2, &err));
    OK(table_change_commit(one, NULL, &err));
    assert_int_equal(live_now(), 247);
    /* An update of a file whose rows were deleted meanwhile would bring them back. */
    OK(table_change_begin(catalog, version, &one, &err));
    OK(table_change_delete_positions(one, &version->files[0], (int64_t[]){3}, 1, &err));
    write_rows(one, 3, 1);
    NOT(table_change_commit(one, NULL, &err), SQLSTATE_SERIALIZATION_FAILURE);
    /* So would a compaction. */
    OK(table_change_begin(catalog, version, &one, &err));
    OK(table_change_remove_file(one, &version->files[0], &err));
    write_rows(one, 0, 100);
    NOT(table_change_commit(one, NULL, &err), SQLSTATE_SERIALIZATION_FAILURE);
    /* Serializable: an append that would have had to be seen. */
    OK(table_change_begin(catalog, version, &one, &err));
    OK(table_change_remove_file(one, &version->files[1], &err));
    table_change_require(one, NULL, NULL);
    NOT(table_change_commit(one, NULL, &err), SQLSTATE_SERIALIZATION_FAILURE);
    /* Both remove one file. */
    OK(table_change_begin(catalog, version, &one, &err));
    OK(table_change_begin(catalog, version, &two, &err));
    OK(table_change_remove_file(one, &version->files[1], &err));
    OK(table_change_remove_file(two, &version->files[1], &err));
    OK(table_change_commit(one, NULL, &err));
    NOT(table_change_commit(two, NULL, &err), SQLSTATE_SERIALIZATION_FAILURE);
    assert_int_equal(live_now(), 147);
    /* Positions in a file that is gone. */
    OK(table_change_begin(catalog, version, &one, &err));
    OK(table_change_delete_positions(one, &version->files[1], (int64_t[]){3}, 1, &err));
    NOT(table_change_commit(one, NULL, &err), SQLSTATE_SERIALIZATION_FAILURE);
    table_version_release(version);
    /* Columns changed under an append; two additions of columns both count. */
    one = begin();
    two = begin();
    TableChange *three = begin();
    write_rows(one, 1000, 1);
    OK(table_change_add_column(two, &(TableColumn){"x", {.id = SQL_INT4}, true, 0}, NULL, false, &err));
    OK(table_change_add_column(three, &(TableColumn){"y", {.id = SQL_INT4}, true, 0}, NULL, false, &err));
    OK(table_change_commit(two, NULL, &err));
    OK(table_change_commit(three, NULL, &err));
    NOT(table_change_commit(one, NULL, &err), SQLSTATE_SERIALIZATION_FAILURE);
    version = load();
    assert_int_equal(version->column_count, 5);
    assert_int_equal(version->columns[3].field_id, 4);
    assert_int_equal(version->columns[4].field_id, 5);
    table_version_release(version);
}

/* The row that both want: the UPDATE's new one is not what the DELETE has seen. */
static void a_delete_does_not_miss_what_an_update_wrote(void **state) {
    Error err;
    TableChange *update, *delete;
    append_rows(0, 100);
    TableVersion *version = load();
    OK(table_change_begin(catalog, version, &update, &err));
    OK(table_change_begin(catalog, version, &delete, &err));
    OK(table_change_delete_positions(update, &version->files[0], (int64_t[]){5}, 1, &err));
    write_rows(update, 1005, 1);
    OK(table_change_delete_positions(delete, &version->files[0], (int64_t[]){5}, 1, &err));
    OK(table_change_commit(update, NULL, &err));
    NOT(table_change_commit(delete, NULL, &err), SQLSTATE_SERIALIZATION_FAILURE);
    table_version_release(version);
    assert_int_equal(live_now(), 100);
}

static void a_rollback_takes_back_what_a_change_rests_on(void **state) {
    Error err;
    append_rows(0, 100);
    TableVersion *version = load(), *later;
    TableChange *change = begin();
    OK(table_change_delete_positions(change, &version->files[0], (int64_t[]){5}, 1, &err));
    OK(table_change_commit(change, NULL, &err));
    /* Written anew without row 5, which the rollback brings back. */
    later = load();
    OK(table_change_begin(catalog, later, &change, &err));
    OK(table_change_remove_file(change, &later->files[0], &err));
    write_rows(change, 0, 5);
    write_rows(change, 6, 94);
    TableChange *rollback = begin();
    OK(table_change_set_ref(rollback, "main", false, version->snapshot_id, &err));
    OK(table_change_commit(rollback, NULL, &err));
    NOT(table_change_commit(change, NULL, &err), SQLSTATE_SERIALIZATION_FAILURE);
    assert_int_equal(live_now(), 100);
    table_version_release(version);
    table_version_release(later);
}

static void a_table_made_again_is_another_one(void **state) {
    Error err;
    TableChange *change, *create;
    append_rows(0, 100);
    TableVersion *version = load();
    OK(table_change_begin(catalog, version, &change, &err));
    table_change_remove_all(change);
    /* Kept by a reader: the new table has a directory of its own. */
    int pin;
    table_pins_hold(table_catalog_pins(catalog), &version, 1, &pin);
    OK(table_catalog_drop(catalog, NULL, "t", &err));
    OK(table_change_begin_create(catalog, NULL, "t", COLUMNS, 3, false, &create, &err));
    OK(table_change_commit(create, NULL, &err));
    append_rows(0, 10);
    NOT(table_change_commit(change, NULL, &err), SQLSTATE_SERIALIZATION_FAILURE);
    assert_int_equal(live_now(), 10);
    table_pins_release(table_catalog_pins(catalog), &pin, 1);
    table_version_release(version);
}

/* Many commits later the metadata file that a long statement began with is gone. */
static void a_long_statement_outlives_its_metadata_file(void **state) {
    Error err;
    append_rows(0, 100);
    TableVersion *version = load();
    TableChange *change = begin();
    OK(table_change_delete_positions(change, &version->files[0], (int64_t[]){5}, 1, &err));
    append_rows(100, 1);
    assert_int_equal(unlink(version->metadata_location + strlen("file://")), 0);
    OK(table_change_commit(change, NULL, &err));
    assert_int_equal(live_now(), 100);
    table_version_release(version);
}

/* Given piece by piece, out of order and overlapping; written once each. */
static void pieces_of_one_file_are_joined(void **state) {
    Error err;
    append_rows(0, 100);
    TableVersion *version = load();
    TableChange *change = begin();
    const DataFile *file = &version->files[0];
    OK(table_change_delete_positions(change, file, (int64_t[]){50, 51, 60}, 3, &err));
    OK(table_change_delete_positions(change, file, (int64_t[]){1, 2}, 2, &err));
    OK(table_change_delete_positions(change, file, (int64_t[]){51, 52}, 2, &err));
    OK(table_change_commit(change, NULL, &err));
    table_version_release(version);
    version = load();
    assert_int_equal(version->files[0].delete_count, 1);
    assert_int_equal(version->files[0].deletes[0]->row_count, 6);
    assert_int_equal(live_rows(version), 94);
    table_version_release(version);
}

static int64_t snapshot_now(void) {
    TableVersion *version = load();
    int64_t id = version->snapshot_id;
    table_version_release(version);
    return id;
}

static int64_t rows_as_of(const TableAsOf *as_of) {
    Error err;
    TableVersion *version;
    OK(table_catalog_load_as_of(catalog, NULL, "t", as_of, &version, &err));
    int64_t rows = live_rows(version);
    table_version_release(version);
    return rows;
}

static void the_past_can_be_read(void **state) {
    Error err;
    TableVersion *version;
    append_rows(0, 10);
    int64_t first = snapshot_now();
    TableChange *change = begin();
    OK(table_change_set_ref(change, "release", true, first, &err));
    OK(table_change_set_ref(change, "audit", false, first, &err));
    NOT(table_change_set_ref(change, "nope", true, 12345, &err), "42704");
    OK(table_change_commit(change, NULL, &err));
    append_rows(10, 10);
    int64_t second = snapshot_now();
    change = begin();
    OK(table_change_on_branch(change, "audit", &err));
    write_rows(change, 50, 5);
    OK(table_change_commit(change, NULL, &err));
    assert_int_equal(snapshot_now(), second);
    assert_int_equal(live_now(), 20);
    assert_int_equal(rows_as_of(&(TableAsOf){first, -1, NULL}), 10);
    assert_int_equal(rows_as_of(&(TableAsOf){-1, -1, "release"}), 10);
    assert_int_equal(rows_as_of(&(TableAsOf){-1, -1, "audit"}), 15);
    assert_int_equal(rows_as_of(&(TableAsOf){-1, -1, "main"}), 20);
    assert_int_equal(rows_as_of(&(TableAsOf){-1, INT64_C(99999999999999), NULL}), 20);
    NOT(table_catalog_load_as_of(catalog, NULL, "t", &(TableAsOf){-1, 1, NULL}, &version, &err),
        SQLSTATE_INVALID_PARAMETER);
    NOT(table_catalog_load_as_of(catalog, NULL, "t", &(TableAsOf){77, -1, NULL}, &version, &err), "42704");
    NOT(table_catalog_load_as_of(catalog, NULL, "t", &(TableAsOf){-1, -1, "none"}, &version, &err), "42704");
    /* Of the past are the columns too. */
    change = begin();
    OK(table_change_drop_column(change, "name", false, &err));
    OK(table_change_commit(change, NULL, &err));
    OK(table_catalog_load_as_of(catalog, NULL, "t", &(TableAsOf){first, -1, NULL}, &version, &err));
    assert_int_equal(version->column_count, 3);
    TableChange *refused;
    NOT(table_change_begin(catalog, version, &refused, &err), SQLSTATE_FEATURE_NOT_SUPPORTED);
    table_version_release(version);
    /* Rollback, and on from there. */
    change = begin();
    OK(table_change_set_ref(change, "main", false, first, &err));
    OK(table_change_commit(change, NULL, &err));
    assert_int_equal(live_now(), 10);
    change = begin();
    NOT(table_change_expire_snapshot(change, first, &err), SQLSTATE_SERIALIZATION_FAILURE);
    OK(table_change_expire_snapshot(change, second, &err));
    OK(table_change_drop_ref(change, "release", &err));
    NOT(table_change_drop_ref(change, "main", &err), "42809");
    OK(table_change_commit(change, NULL, &err));
    version = load();
    Arena arena;
    TableLog log;
    arena_init(&arena);
    OK(table_version_read_log(version, &arena, &log, &err));
    assert_int_equal(log.snapshot_count, 2);
    assert_int_equal(log.ref_count, 2);
    assert_int_equal(log.history[log.history_count - 1].snapshot_id, first);
    arena_deinit(&arena);
    table_version_release(version);
}

/* On a branch as on main: what others committed to that branch since counts, what they did elsewhere does
 * not. */
static void changes_of_a_branch_meet(void **state) {
    Error err;
    append_rows(0, 100);
    TableVersion *version = load();
    TableChange *one = begin(), *two, *three;
    OK(table_change_set_ref(one, "audit", false, version->snapshot_id, &err));
    OK(table_change_commit(one, NULL, &err));
    one = begin(), two = begin(), three = begin();
    TableChange *changes[] = {one, two, three};
    for (int i = 0; i < 3; i++)
        OK(table_change_on_branch(changes[i], "audit", &err));
    OK(table_change_delete_positions(one, &version->files[0], (int64_t[]){5}, 1, &err));
    write_rows(one, 1005, 1);
    OK(table_change_delete_positions(two, &version->files[0], (int64_t[]){5}, 1, &err));
    write_rows(two, 2005, 1);
    OK(table_change_remove_file(three, &version->files[0], &err));
    table_change_require(three, NULL, NULL);
    append_rows(100, 100); /* to main: no concern of theirs */
    OK(table_change_commit(one, NULL, &err));
    NOT(table_change_commit(two, NULL, &err), SQLSTATE_SERIALIZATION_FAILURE);
    NOT(table_change_commit(three, NULL, &err), SQLSTATE_SERIALIZATION_FAILURE);
    assert_int_equal(rows_as_of(&(TableAsOf){-1, -1, "audit"}), 100);
    assert_int_equal(live_now(), 200);
    /* A file that main has and the branch never had. */
    TableVersion *newer = load();
    const DataFile *file = &newer->files[newer->files[0].row_count == 100 &&
                                         strcmp(newer->files[0].path, version->files[0].path) == 0];
    one = begin();
    OK(table_change_on_branch(one, "audit", &err));
    OK(table_change_delete_positions(one, file, (int64_t[]){7}, 1, &err));
    NOT(table_change_commit(one, NULL, &err), SQLSTATE_SERIALIZATION_FAILURE);
    table_version_release(newer);
    table_version_release(version);
}

static void commit_many(int process, int commits) {
    Error err;
    catalog = scratch_catalog(scratch);
    for (int i = 0; i < commits; i++) {
        TableChange *change;
        OK(table_change_begin_latest(catalog, NULL, "t", &change, &err));
        write_rows(change, process * 1000 + i, 1);
        OK(table_change_commit(change, NULL, &err));
    }
    table_catalog_close(catalog);
}

/* Each metadata file is deleted as soon as the next one is there, whoever reads it. */
static void metadata_files_may_vanish_at_once(void **state) {
    enum { PROCESSES = 3, COMMITS = 30 };
    Error err;
    pid_t children[PROCESSES];
    TableChange *change = begin();
    OK(table_change_set_property(change, "write.metadata.delete-after-commit.enabled", "true", &err));
    OK(table_change_set_property(change, "write.metadata.previous-versions-max", "1", &err));
    OK(table_change_commit(change, NULL, &err));
    table_catalog_close(catalog); /* no connection crosses the fork */
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            commit_many(i, COMMITS);
            _exit(0);
        }
    }
    catalog = scratch_catalog(scratch);
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(live_now(), PROCESSES * COMMITS);
}

static void what_is_given_up_leaves_others_their_directories(void **state) {
    Error err;
    TableChange *change = begin(), *other;
    OK(table_change_set_partitioning(change, "bucket(2, id)", &err));
    OK(table_change_commit(change, NULL, &err));
    change = begin();
    other = begin();
    write_rows(change, 0, 100);
    char directory[256];
    snprintf(directory, sizeof directory, "%s/warehouse/default/t/data/id_bucket=1", scratch);
    assert_int_equal(access(directory, F_OK), 0);
    table_change_abort(change);
    assert_int_equal(access(directory, F_OK), 0);
    write_rows(other, 0, 100);
    OK(table_change_commit(other, NULL, &err));
    assert_int_equal(live_now(), 100);
    /* Two that make a table of one name make it in two places. */
    OK(table_change_begin_create(catalog, NULL, "twice", COLUMNS, 3, false, &change, &err));
    OK(table_change_begin_create(catalog, NULL, "twice", COLUMNS, 3, false, &other, &err));
    write_rows(change, 0, 10);
    table_change_abort(change);
    snprintf(directory, sizeof directory, "%s/warehouse/default/twice", scratch);
    assert_int_not_equal(access(directory, F_OK), 0);
    write_rows(other, 0, 10);
    OK(table_change_commit(other, NULL, &err));
}

/* As streaming writers make them: a file of `id`s and names whose rows go. We write none, so rows that were
 * written for the table are said to be deletes. */
static void delete_where_equal(int first, int count) {
    static const int IDS[] = {1, 3};
    Error err;
    TableChange *change = begin();
    write_rows(change, first, count);
    for (int i = 0; i < change->added.count; i++) {
        ManifestEntry *entry = entry_list_add(&change->added_deletes, &change->arena);
        *entry = change->added.entries[i];
        entry->content = CONTENT_EQUALITY_DELETES;
        entry->equality_ids = IDS;
        entry->equality_count = 2;
    }
    change->added.count = 0;
    OK(table_change_commit(change, NULL, &err));
}

static void equality_deletes_are_paid_for_by_the_query(void **state) {
    Error err;
    Budget budget;
    const uint64_t *bits;
    append_rows(0, 5000);
    delete_where_equal(100, 3000);
    append_rows(100, 10); /* later than the deletes */
    TableVersion *version = load();
    int file = version->files[0].row_count == 5000 ? 0 : 1;
    budget_init(&budget, NULL, 100000);
    NOT(table_deleted_rows(version, file, &budget, &bits, &err), SQLSTATE_OUT_OF_MEMORY);
    assert_non_null(strstr(err.message, "equality deletes"));
    assert_int_equal(budget.used_bytes, 0);
    budget_deinit(&budget);
    budget_init(&budget, NULL, 64 << 20);
    OK(table_deleted_rows(version, file, &budget, &bits, &err));
    assert_true(budget.peak_bytes > 100000);
    assert_int_equal(budget.used_bytes, 0);
    budget_deinit(&budget);
    for (int row = 0; row < 5000; row++)
        assert_int_equal(bitmap_get(bits, (size_t)row), row >= 100 && row < 3100);
    assert_int_equal(live_rows(version), 2010);
    table_version_release(version);
}

static void manifests_are_merged(void **state) {
    Error err;
    for (int i = 0; i < 5; i++)
        append_rows(i * 10, 10);
    TableChange *change = begin();
    table_change_merge_manifests(change, 1 << 20);
    write_rows(change, 50, 10);
    OK(table_change_commit(change, NULL, &err));
    TableVersion *version = load();
    assert_int_equal(live_rows(version), 60);
    assert_int_equal(version->file_count, 6);
    Arena arena;
    TableMetadata metadata;
    ManifestFile *manifests;
    int count;
    arena_init(&arena);
    OK(table_catalog_read_metadata(version->metadata_location, &arena, &metadata, &err));
    OK(manifest_list_of(&metadata, &arena, &manifests, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(manifests[0].existing_files, 5);
    assert_int_equal(manifests[0].added_files, 1);
    assert_int_equal(manifests[0].min_sequence_number, 1);
    table_metadata_deinit(&metadata);
    /* Everything leaves by name: the manifest tells which files were deleted. */
    change = begin();
    table_change_remove_all(change);
    OK(table_change_commit(change, NULL, &err));
    assert_int_equal(live_now(), 0);
    table_version_release(version);
    arena_deinit(&arena);
}

static void old_metadata_files_go(void **state) {
    Error err;
    TableChange *change = begin();
    OK(table_change_set_property(change, "write.metadata.previous-versions-max", "2", &err));
    OK(table_change_set_property(change, "write.metadata.delete-after-commit.enabled", "true", &err));
    OK(table_change_commit(change, NULL, &err));
    for (int i = 0; i < 5; i++)
        append_rows(i, 1);
    TableVersion *version = load();
    Arena arena;
    TableLog log;
    arena_init(&arena);
    OK(table_version_read_log(version, &arena, &log, &err));
    assert_int_equal(log.metadata_file_count, 2);
    char command[200];
    snprintf(command, sizeof command,
             "test $(ls %s/warehouse/default/t/metadata/*.metadata.json | wc -l) = 3", scratch);
    assert_int_equal(system(command), 0);
    arena_deinit(&arena);
    table_version_release(version);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(rows_go_to_their_partitions),
        TEST(rows_are_sorted_in_files),
        TEST(positions_are_deleted),
        TEST(columns_change),
        TEST(two_changes_meet),
        TEST(pieces_of_one_file_are_joined),
        TEST(a_delete_does_not_miss_what_an_update_wrote),
        TEST(a_rollback_takes_back_what_a_change_rests_on),
        TEST(a_table_made_again_is_another_one),
        TEST(a_long_statement_outlives_its_metadata_file),
        TEST(the_past_can_be_read),
        TEST(changes_of_a_branch_meet),
        TEST(metadata_files_may_vanish_at_once),
        TEST(what_is_given_up_leaves_others_their_directories),
        TEST(equality_deletes_are_paid_for_by_the_query),
        TEST(manifests_are_merged),
        TEST(old_metadata_files_go),
    };
    return run_on_both_catalogs(tests);
}
