/* Old partitions leave a table by one command, and their files can be kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engines/base/calendar.h"
#include "engines/columnar/iceberg/table_change.h"
#include "engines/columnar/ingest/ingest.h"
#include "engines/columnar/table_archive.h"

static char root[64] = "/tmp/signalbox-archive-XXXXXX", kept[80];
static TableCatalog *catalog;

static int set_up(void **state) {
    char database[100], warehouse[100];
    if (!mkdtemp(root)) return 1;
    snprintf(database, sizeof database, "%s/catalog.db", root);
    snprintf(warehouse, sizeof warehouse, "%s/warehouse", root);
    snprintf(kept, sizeof kept, "%s/kept", root);
    Error err;
    return table_catalog_open(database, warehouse, &catalog, &err) != STATUS_OK;
}

static int tear_down(void **state) {
    char command[100];
    table_catalog_close(catalog);
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static void must(Status status, const Error *err) {
    if (status != STATUS_OK) fail_msg("%s: %s", err->sqlstate, err->message);
}

/* Rows of four months, in one file each when the table is partitioned by month. */
static void make_table(const char *name, const char *partitioning) {
    static const TableColumn columns[] = {{"id", {.id = SQL_INT4}, true, 0},
                                          {"ts", {.id = SQL_TIMESTAMPTZ}, true, 0}};
    static const char text[] =
        "{\"id\":1,\"ts\":\"2024-01-05T00:00:00Z\"}\n{\"id\":2,\"ts\":\"2024-01-31T23:59:59Z\"}\n"
        "{\"id\":3,\"ts\":\"2024-02-01T00:00:00Z\"}\n{\"id\":4,\"ts\":\"2024-02-20T00:00:00Z\"}\n"
        "{\"id\":5,\"ts\":\"2024-03-10T00:00:00Z\"}\n{\"id\":6,\"ts\":\"2024-04-10T00:00:00Z\"}\n"
        "{\"id\":7,\"ts\":null}\n";
    Error err = {0};
    TableChange *change;
    IngestInput input = {.kind = INGEST_MEMORY, .name = "rows", .data = text, .bytes = sizeof text - 1};
    IngestOptions options = INGEST_OPTIONS_DEFAULT;
    IngestResult result;
    must(table_catalog_create(catalog, NULL, name, columns, 2, &err), &err);
    must(table_change_begin_latest(catalog, NULL, name, &change, &err), &err);
    must(table_change_set_partitioning(change, partitioning, &err), &err);
    must(table_change_commit(change, NULL, &err), &err);
    options.table = name;
    options.inputs = &input;
    options.input_count = 1;
    options.format = INGEST_JSON;
    options.mode = INGEST_APPEND;
    must(ingest_load(catalog, &options, &result, &err), &err);
    ingest_result_deinit(&result);
}

static ArchiveResult archive(const char *table, int month, int day, const char *directory, bool dry_run) {
    Arena arena;
    Error err = {0};
    ArchiveResult result;
    ArchiveOptions options = {.table = table,
                              .cutoff_us = calendar_days_of(2024, month, day) * INT64_C(86400000000),
                              .directory = directory,
                              .dry_run = dry_run};
    arena_init(&arena);
    must(table_archive(catalog, &options, &arena, &result, &err), &err);
    assert_string_equal(result.column, "ts");
    result.column = NULL;
    arena_deinit(&arena);
    return result;
}

static int64_t rows_of(const char *table) {
    TableVersion *version;
    Error err = {0};
    must(table_catalog_load(catalog, NULL, table, &version, &err), &err);
    int64_t rows = version->row_count;
    table_version_release(version);
    return rows;
}

static int kept_files(void) {
    char command[200];
    int count = 0;
    snprintf(command, sizeof command, "find %s -name '*.parquet' 2>/dev/null | wc -l", kept);
    FILE *listing = popen(command, "r");
    assert_int_equal(fscanf(listing, "%d", &count), 1);
    pclose(listing);
    return count;
}

static void old_partitions_leave(void **state) {
    make_table("events", "month(ts)");
    ArchiveResult result = archive("events", 3, 1, NULL, true);
    assert_int_equal(result.files, 2);
    assert_int_equal(result.rows, 4);
    assert_int_equal(rows_of("events"), 7);
    result = archive("events", 2, 1, kept, false);
    assert_int_equal(result.files, 1);
    assert_int_equal(result.rows, 2);
    assert_int_equal(rows_of("events"), 5);
    assert_int_equal(kept_files(), 1);
    result = archive("events", 3, 1, NULL, false);
    assert_int_equal(result.files, 1);
    assert_int_equal(kept_files(), 1);
    result = archive("events", 3, 1, NULL, false);
    assert_int_equal(result.files, 0);
    assert_int_equal(result.snapshot_id, -1);
    archive("events", 12, 31, NULL, false);
    assert_int_equal(rows_of("events"), 1); /* the row without a time is not old */
}

static void straddling_files_stay(void **state) {
    make_table("whole", "");
    ArchiveResult result = archive("whole", 3, 1, NULL, false);
    assert_int_equal(result.files, 0);
    assert_int_equal(result.straddling_files, 1);
    assert_int_equal(rows_of("whole"), 7);
}

static void what_is_no_time_is_refused(void **state) {
    Arena arena;
    Error err = {0};
    ArchiveResult result;
    ArchiveOptions options = {.table = "whole", .column = "id"};
    arena_init(&arena);
    assert_int_equal(table_archive(catalog, &options, &arena, &result, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_DATATYPE_MISMATCH);
    options.column = "nope";
    assert_int_equal(table_archive(catalog, &options, &arena, &result, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_UNDEFINED_COLUMN);
    options = (ArchiveOptions){.table = "none"};
    assert_int_equal(table_archive(catalog, &options, &arena, &result, &err), STATUS_ERROR);
    assert_string_equal(err.sqlstate, SQLSTATE_UNDEFINED_TABLE);
    arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_partitions_leave),
        cmocka_unit_test(straddling_files_stay),
        cmocka_unit_test(what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
