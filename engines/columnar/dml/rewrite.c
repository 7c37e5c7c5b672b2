#include "engines/columnar/dml/rewrite.h"

#include <stdlib.h>

typedef struct Rewrite {
    RowWrite *run;
    TableChange *change;
    TableWriter **writer;
    const FileMarks *marks;
    const int *numbers;
    TableVersion version; /* the marks' with only these files; never shared, never released */
    Plan plan;
} Rewrite;

/* A scan of all columns and, behind them, where each row stands. */
static void make_plan(Rewrite *rewrite, int count) {
    Arena *arena = &rewrite->plan.arena;
    const TableVersion *version = rewrite->marks->version;
    int columns = version->column_count + 2;
    DataFile *files = ARENA_NEW_ARRAY(arena, DataFile, count + 1);
    PlanNode *node = ARENA_NEW(arena, PlanNode);
    for (int f = 0; f < count; f++)
        files[f] = version->files[rewrite->numbers[f]];
    rewrite->version = (TableVersion){.references = 1,
                                      .namespace_name = version->namespace_name,
                                      .name = version->name,
                                      .metadata_location = version->metadata_location,
                                      .snapshot_id = version->snapshot_id,
                                      .columns = version->columns,
                                      .column_count = version->column_count,
                                      .files = files,
                                      .file_count = count};
    node->kind = PLAN_SCAN;
    node->version = &rewrite->version;
    node->column_count = columns;
    node->scan_columns = ARENA_NEW_ARRAY(arena, int, columns);
    node->columns = ARENA_NEW_ARRAY(arena, PlanColumn, columns);
    for (int c = 0; c < columns; c++) {
        bool hidden = c >= version->column_count;
        node->scan_columns[c] = c;
        node->columns[c].name = hidden ? "" : version->columns[c].name;
        node->columns[c].type = !hidden                      ? version->columns[c].type
                                : c == version->column_count ? sqltype_of(SQL_INT4)
                                                             : sqltype_of(SQL_INT8);
        node->columns[c].nullable = !hidden;
    }
    rewrite->plan.root = node;
}

static Status write_rest(Rewrite *rewrite, Batch *batch, Error *err) {
    uint16_t selection[BATCH_ROWS];
    int columns = rewrite->version.column_count, selected = 0;
    const int32_t *files = batch->columns[columns].values;
    const int64_t *positions = batch->columns[columns + 1].values;
    for (int row = 0; row < batch->row_count; row++)
        if (!file_marks_has(rewrite->marks, rewrite->numbers[files[row]], positions[row]))
            selection[selected++] = (uint16_t)row;
    if (selected == 0) return STATUS_OK;
    Batch rest = *batch;
    rest.column_count = columns;
    rest.selection = selection;
    rest.selected = selected;
    if (!*rewrite->writer) TRY(table_writer_open(rewrite->change, rewrite->writer, err));
    return table_writer_append(*rewrite->writer, &rest, err);
}

static Status run_plan(Rewrite *rewrite, Error *err) {
    RowSource source;
    Batch *batch = NULL;
    TRY(row_source_open(&source, rewrite->run->context, &rewrite->plan, rewrite->run->execution, err));
    Status status = STATUS_OK;
    do {
        status = row_source_next(&source, &batch, err);
        if (status != STATUS_OK || !batch) break;
        status = write_rest(rewrite, batch, err);
    } while (status == STATUS_OK);
    row_source_close(&source);
    return status;
}

Status rewrite_files(RowWrite *run, TableChange *change, TableWriter **writer, const FileMarks *marks,
                     const int *numbers, int count, Error *err) {
    Rewrite rewrite = {.run = run, .change = change, .writer = writer, .marks = marks, .numbers = numbers};
    arena_init(&rewrite.plan.arena);
    make_plan(&rewrite, count);
    Status status = run_plan(&rewrite, err);
    arena_deinit(&rewrite.plan.arena);
    return status;
}
