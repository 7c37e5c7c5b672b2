/* INSERT and CREATE TABLE AS: the plan's rows into new files, one commit. */
#include "engines/columnar/dml/ddl.h"
#include "engines/columnar/dml/rows.h"
#include "engines/columnar/dml/table_options.h"
#include "engines/columnar/iceberg/table_writer.h"

typedef Status (*TakeRows)(void *to, const Batch *rows, Error *err);

static Status give_rows(RowWrite *run, TakeRows take, void *to, Error *err) {
    RowSource source;
    Batch *batch = NULL;
    TRY(row_source_open(&source, run->context, run->plan, run->execution, err));
    Status status = STATUS_OK;
    do {
        status = row_source_next(&source, &batch, err);
        if (status != STATUS_OK || !batch) break;
        Batch values = rows_values(run->write, batch, &source.arena);
        status = take(to, &values, err);
        if (status == STATUS_OK) status = returning_add(run->returning, batch, err);
        run->rows += batch->selected;
    } while (status == STATUS_OK);
    row_source_close(&source);
    return status == STATUS_OK ? cancel_check(run->execution->cancel, err) : status;
}

/* ---- INSERT ----------------------------------------------------------------------------------------------
 */

static Status take_append(void *to, const Batch *rows, Error *err) {
    return table_append_batch(to, rows, err);
}

/* The statement was bound to these columns. */
static bool same_columns(const TableVersion *now, const WritePlan *write) {
    if (now->column_count != write->column_count) return false;
    for (int c = 0; c < now->column_count; c++)
        if (now->columns[c].field_id != write->columns[c].field_id ||
            now->columns[c].nullable != write->columns[c].nullable ||
            !sqltype_equals(now->columns[c].type, write->columns[c].type))
            return false;
    return true;
}

/* An append, so that small ones of many callers share a commit. */
Status rows_insert(RowWrite *run, Error *err) {
    const WritePlan *write = run->write;
    TableAppend *append;
    TRY(table_append_begin(run->context->catalog, write->namespace_name, write->name, false, &append, err));
    Status status = STATUS_OK;
    if (!same_columns(table_append_target(append), write))
        status = error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                           "the columns of table \"%s\" were changed by another transaction meanwhile",
                           write->name);
    if (status == STATUS_OK) status = give_rows(run, take_append, append, err);
    if (status == STATUS_OK) return table_append_commit(append, NULL, NULL, err);
    table_append_abort(append);
    return status;
}

/* ---- CREATE TABLE AS -------------------------------------------------------------------------------------
 */

static Status take_writer(void *to, const Batch *rows, Error *err) {
    return table_writer_append(to, rows, err);
}

/* Ends the change either way. */
static Status write_and_commit(RowWrite *run, TableChange *change, Error *err) {
    TableWriter *writer = NULL;
    Status status = table_writer_open(change, &writer, err);
    if (status == STATUS_OK) status = give_rows(run, take_writer, writer, err);
    if (status == STATUS_OK) {
        status = table_writer_finish(writer, err);
        writer = NULL;
    }
    if (writer) table_writer_abort(writer);
    if (status == STATUS_OK) return table_change_commit(change, NULL, err);
    table_change_abort(change);
    return STATUS_ERROR;
}

static Status create_as(RowWrite *run, Ddl *ddl, Error *err) {
    const PgQuery__IntoClause *into = run->write->options;
    DdlTable table = ddl_range_table(ddl, into->rel);
    TableOptions options;
    TableChange *change;
    bool exists;
    TRY(table_options_read(ddl->binder, into->options, into->n_options, &options, err));
    TRY(ddl_check_namespace(ddl, table, err));
    TRY(ddl_check_free(ddl, table, run->write->if_not_exists, &exists, err));
    run->without_rows = exists || run->write->without_data;
    if (exists) return STATUS_OK;
    if (run->write->without_data)
        return ddl_create(ddl, table, run->write->columns, run->write->column_count, &options, err);
    TRY(table_change_begin_create(run->context->catalog, table.namespace_name, table.name,
                                  run->write->columns, run->write->column_count, false, &change, err));
    if (table_options_apply(&options, change, err) == STATUS_OK) return write_and_commit(run, change, err);
    table_change_abort(change);
    return STATUS_ERROR;
}

Status rows_create_as(RowWrite *run, Error *err) {
    static const Statement TEXTLESS = {.sql = NULL};
    Arena arena;
    arena_init(&arena);
    Binder binder = {.arena = &arena, .self = run->context->self, .statement = &TEXTLESS};
    Ddl ddl = {.context = run->context, .statement = &TEXTLESS, .arena = &arena, .binder = &binder};
    Status status = create_as(run, &ddl, err);
    arena_deinit(&arena);
    return status;
}
