#include "engines/columnar/dml/dml.h"

#include <stdio.h>

#include "engines/columnar/dml/rows.h"

Batch rows_values(const WritePlan *write, const Batch *batch, Arena *arena) {
    Batch values = *batch;
    values.column_count = write->column_count;
    int first = write->value_column < 0 ? 0 : write->value_column;
    values.columns =
        arena_memdup(arena, batch->columns + first, sizeof *values.columns * (size_t)write->column_count);
    for (int c = 0; c < write->column_count; c++)
        values.columns[c].type = write->columns[c].type;
    return values;
}

static const char *command_tag(const RowWrite *run) {
    if (run->without_rows) return "CREATE TABLE AS";
    switch (run->write->kind) {
    case WRITE_INSERT: return "INSERT";
    case WRITE_UPDATE: return "UPDATE";
    case WRITE_DELETE: return "DELETE";
    case WRITE_MERGE: return "MERGE";
    default: return "SELECT"; /* CREATE TABLE AS and SELECT INTO, as PostgreSQL tags them */
    }
}

static Status run_kind(RowWrite *run, Error *err) {
    switch (run->write->kind) {
    case WRITE_INSERT: return rows_insert(run, err);
    case WRITE_CREATE_AS: return rows_create_as(run, err);
    default: return rows_change(run, err);
    }
}

Status dml_run(const DmlContext *context, const Plan *plan, Execution *execution, ArrowArrayStream *out,
               Error *err) {
    RowWrite run = {.context = context, .plan = plan, .write = plan->write, .execution = execution};
    run.returning = returning_create(context, plan, execution);
    if (run_kind(&run, err) != STATUS_OK) {
        returning_destroy(run.returning);
        return STATUS_ERROR;
    }
    returning_finish(run.returning, out);
    snprintf(execution->stats->command, sizeof execution->stats->command, "%s", command_tag(&run));
    execution->stats->rows_affected = run.without_rows ? -1 : run.rows;
    return STATUS_OK;
}
