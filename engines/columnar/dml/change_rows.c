/* UPDATE, DELETE and MERGE: the plan's rows say which rows of the target go and which come. The new rows are
 * written as they arrive; what goes is marked, and when all is known each file is left alone, given position
 * deletes, written anew without those rows, or taken out of the table. */
#include <stdlib.h>

#include "engines/columnar/dml/file_marks.h"
#include "engines/columnar/dml/rewrite.h"
#include "engines/columnar/dml/rows.h"
#include "engines/columnar/iceberg/table_writer.h"

typedef struct RowChange {
    RowWrite *run;
    TableChange *change;
    TableWriter *writer; /* NULL until there is a new row */
    FileMarks marks;
    uint16_t chosen[BATCH_ROWS]; /* rows of the batch that count */
    int chosen_count;
    uint16_t written[BATCH_ROWS]; /* rows of the batch that are new rows */
    int written_count;
} RowChange;

/* ---- one row ---------------------------------------------------------------------------------------------
 */

static WriteAction action_of(const RowChange *change, const Batch *batch, int row) {
    const WritePlan *write = change->run->write;
    if (write->kind == WRITE_UPDATE) return ACTION_UPDATE;
    if (write->kind == WRITE_DELETE) return ACTION_DELETE;
    return (WriteAction)((const int32_t *)batch->columns[write->action_column].values)[row];
}

/* A second match of the same row: MERGE refuses it, UPDATE and DELETE have done with the row. */
static Status second_match(const RowChange *change, Error *err) {
    if (change->run->write->kind != WRITE_MERGE) return STATUS_OK;
    (void)error_set(err, "21000", "MERGE command cannot affect row a second time");
    return error_add_hint(err, "Ensure that not more than one source row matches any one target row.");
}

static Status change_row(RowChange *change, const Batch *batch, int row, Error *err) {
    const WritePlan *write = change->run->write;
    WriteAction action = action_of(change, batch, row);
    if (action == ACTION_NOTHING) return STATUS_OK;
    if (action != ACTION_INSERT) {
        int file = ((const int32_t *)batch->columns[write->file_column].values)[row];
        int64_t position = ((const int64_t *)batch->columns[write->file_column + 1].values)[row];
        bool again;
        TRY(file_marks_add(&change->marks, file, position, &again, err));
        if (again) return second_match(change, err);
    }
    change->chosen[change->chosen_count++] = (uint16_t)row;
    if (action != ACTION_DELETE) change->written[change->written_count++] = (uint16_t)row;
    return STATUS_OK;
}

static Status change_batch(RowChange *change, Batch *batch, Arena *arena, Error *err) {
    RowWrite *run = change->run;
    change->chosen_count = change->written_count = 0;
    for (int row = 0; row < batch->row_count; row++)
        TRY(change_row(change, batch, row, err));
    if (change->written_count > 0) {
        Batch values = rows_values(run->write, batch, arena);
        values.selection = change->written;
        values.selected = change->written_count;
        if (!change->writer) TRY(table_writer_open(change->change, &change->writer, err));
        TRY(table_writer_append(change->writer, &values, err));
    }
    batch->selection = change->chosen;
    batch->selected = change->chosen_count;
    run->rows += change->chosen_count;
    return returning_add(run->returning, batch, err);
}

static Status change_all(RowChange *change, Error *err) {
    RowSource source;
    Batch *batch = NULL;
    TRY(row_source_open(&source, change->run->context, change->run->plan, change->run->execution, err));
    Status status = STATUS_OK;
    do {
        status = row_source_next(&source, &batch, err);
        if (status != STATUS_OK || !batch) break;
        status = change_batch(change, batch, &source.arena, err);
    } while (status == STATUS_OK);
    row_source_close(&source);
    return status;
}

/* ---- the files that rows go from
 * ---------------------------------------------------------------------------
 */

static bool is_worth_rewriting(const DataFile *file, int64_t gone) {
    enum { SMALL_FILE_ROWS = 8192 };
    return gone * 2 >= file->row_count || file->row_count <= SMALL_FILE_ROWS;
}

static Status delete_positions(RowChange *change, int number, Error *err) {
    enum { MOST_AT_ONCE = 65536 };
    const DataFile *file = &change->marks.version->files[number];
    int64_t count = 0, *positions = malloc(sizeof *positions * MOST_AT_ONCE);
    if (!positions) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    Status status = STATUS_OK;
    for (int64_t row = 0; row < file->row_count && status == STATUS_OK; row++) {
        if (!file_marks_has(&change->marks, number, row)) continue;
        positions[count++] = row;
        if (count < MOST_AT_ONCE) continue;
        status = table_change_delete_positions(change->change, file, positions, count, err);
        count = 0;
    }
    if (status == STATUS_OK && count > 0)
        status = table_change_delete_positions(change->change, file, positions, count, err);
    free(positions);
    return status;
}

static Status settle_files(RowChange *change, Error *err) {
    const TableVersion *version = change->marks.version;
    int *rewritten = malloc(sizeof *rewritten * ((size_t)version->file_count + 1)), count = 0;
    if (!rewritten) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    Status status = STATUS_OK;
    for (int f = 0; f < version->file_count && status == STATUS_OK; f++) {
        const DataFile *file = &version->files[f];
        if (change->marks.counts[f] == 0) continue;
        if (change->marks.counts[f] < file->row_count && !is_worth_rewriting(file, change->marks.counts[f])) {
            status = delete_positions(change, f, err);
            continue;
        }
        if (change->marks.counts[f] < file->row_count) rewritten[count++] = f;
        status = table_change_remove_file(change->change, file, err);
    }
    if (status == STATUS_OK && count > 0)
        status = rewrite_files(change->run, change->change, &change->writer, &change->marks, rewritten, count,
                               err);
    free(rewritten);
    return status;
}

/* ---- the statement ---------------------------------------------------------------------------------------
 */

/* Every row of every file: nothing needs to be read, if nobody has deleted from them before. */
static bool drops_files(const RowWrite *run) {
    if (!run->write->whole_table) return false;
    for (int f = 0; f < run->write->target->file_count; f++)
        if (run->write->target->files[f].delete_count > 0) return false;
    return true;
}

static Status drop_files(RowChange *change, Error *err) {
    const TableVersion *version = change->marks.version;
    for (int f = 0; f < version->file_count; f++) {
        TRY(table_change_remove_file(change->change, &version->files[f], err));
        change->run->rows += version->files[f].row_count;
    }
    return STATUS_OK;
}

static Status make_change(RowChange *change, Error *err) {
    if (drops_files(change->run)) return drop_files(change, err);
    TRY(change_all(change, err));
    TRY(settle_files(change, err));
    TableWriter *writer = change->writer;
    change->writer = NULL;
    if (writer) TRY(table_writer_finish(writer, err));
    return cancel_check(change->run->execution->cancel, err);
}

Status rows_change(RowWrite *run, Error *err) {
    RowChange *change = calloc(1, sizeof *change);
    if (!change) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    const TableVersion *target = run->write->target;
    change->run = run;
    file_marks_init(&change->marks, target,
                    run->execution->budget ? run->execution->budget : run->context->resources->budget);
    Status status = table_change_begin(run->context->catalog, target, &change->change, err);
    if (status == STATUS_OK) {
        status = make_change(change, err);
        if (change->writer) table_writer_abort(change->writer);
        if (status == STATUS_OK)
            status = table_change_commit(change->change, NULL, err);
        else
            table_change_abort(change->change);
    }
    file_marks_deinit(&change->marks);
    free(change);
    return status;
}
