/* INSERT and CREATE TABLE AS: the plan's rows into new files, one commit. */
#include "engines/columnar/dml/ddl.h"
#include "engines/columnar/dml/rows.h"
#include "engines/columnar/dml/table_options.h"

static Status append_rows(RowWrite *run, TableAppend *append, Error *err) {
    RowSource source;
    Batch *batch = NULL;
    TRY(row_source_open(&source, run->context, run->plan, run->execution, err));
    Status status = STATUS_OK;
    do {
        status = row_source_next(&source, &batch, err);
        if (status != STATUS_OK || !batch) break;
        Batch values = rows_values(run->write, batch, &source.arena);
        status = table_append_batch(append, &values, err);
        if (status == STATUS_OK) status = returning_add(run->returning, batch, err);
        run->rows += batch->selected;
    } while (status == STATUS_OK);
    row_source_close(&source);
    return status;
}

static Status append_and_commit(RowWrite *run, TableAppend *append, Error *err) {
    Status status = append_rows(run, append, err);
    if (status == STATUS_OK) status = cancel_check(run->execution->cancel, err);
    if (status != STATUS_OK) {
        table_append_abort(append);
        return STATUS_ERROR;
    }
    return table_append_commit(append, NULL, NULL, err);
}

Status rows_insert(RowWrite *run, Error *err) {
    TableAppend *append;
    TRY(table_append_begin(run->context->catalog, run->write->namespace_name, run->write->name, false,
                           &append, err));
    return append_and_commit(run, append, err);
}

/* ---- CREATE TABLE AS -------------------------------------------------------------------------------------
 */

static Status create_as(RowWrite *run, Ddl *ddl, Error *err) {
    const PgQuery__IntoClause *into = run->write->options;
    DdlTable table = ddl_range_table(ddl, into->rel);
    TableOptions options;
    TableAppend *append;
    bool exists;
    TRY(table_options_read(ddl->binder, into->options, into->n_options, &options, err));
    TRY(ddl_check_namespace(ddl, table, err));
    TRY(ddl_check_free(ddl, table, run->write->if_not_exists, &exists, err));
    if (exists) return STATUS_OK;
    if (run->write->without_data)
        return table_catalog_create(run->context->catalog, table.namespace_name, table.name,
                                    run->write->columns, run->write->column_count, err);
    TRY(table_append_begin_create(run->context->catalog, table.namespace_name, table.name,
                                  run->write->columns, run->write->column_count, false, &append, err));
    return append_and_commit(run, append, err);
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
