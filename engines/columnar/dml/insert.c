/* INSERT and CREATE TABLE AS: the plan's rows into new files, one commit. */
#include "engines/columnar/dml/ddl.h"
#include "engines/columnar/dml/rows.h"
#include "engines/columnar/dml/table_options.h"
#include "engines/columnar/iceberg/table_writer.h"

static Status write_rows(RowWrite *run, TableWriter *writer, Error *err) {
    RowSource source;
    Batch *batch = NULL;
    TRY(row_source_open(&source, run->context, run->plan, run->execution, err));
    Status status = STATUS_OK;
    do {
        status = row_source_next(&source, &batch, err);
        if (status != STATUS_OK || !batch) break;
        Batch values = rows_values(run->write, batch, &source.arena);
        status = table_writer_append(writer, &values, err);
        if (status == STATUS_OK) status = returning_add(run->returning, batch, err);
        run->rows += batch->selected;
    } while (status == STATUS_OK);
    row_source_close(&source);
    return status;
}

/* Ends the change either way. */
static Status write_and_commit(RowWrite *run, TableChange *change, Error *err) {
    TableWriter *writer = NULL;
    Status status = table_writer_open(change, &writer, err);
    if (status == STATUS_OK) status = write_rows(run, writer, err);
    if (status == STATUS_OK) {
        status = table_writer_finish(writer, err);
        writer = NULL;
    }
    if (writer) table_writer_abort(writer);
    if (status == STATUS_OK) status = cancel_check(run->execution->cancel, err);
    if (status == STATUS_OK) return table_change_commit(change, NULL, err);
    table_change_abort(change);
    return STATUS_ERROR;
}

Status rows_insert(RowWrite *run, Error *err) {
    TableChange *change;
    TRY(table_change_begin(run->context->catalog, run->write->target, &change, err));
    return write_and_commit(run, change, err);
}

/* ---- CREATE TABLE AS -------------------------------------------------------------------------------------
 */

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
