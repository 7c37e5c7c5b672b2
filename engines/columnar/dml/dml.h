/* Statements that change columnar tables. Two kinds:
 *
 *   rows       INSERT, UPDATE, DELETE, MERGE, CREATE TABLE AS: a Plan whose rows say what is to be done
 *              (plan/write_plan.h); dml_run carries it out, all or nothing, in one commit
 *   commands   CREATE, DROP, ALTER TABLE, TRUNCATE: read off the parse tree each time they run
 *
 * Everything is durable when dml_run or dml_command_run returns. SQLSTATE 40001: another transaction changed
 * the same rows first and nothing was done; the caller may plan again and run again.
 */
#pragma once

#include "engines/columnar/exec/executor.h"
#include "engines/columnar/iceberg/maintenance.h"
#include "engines/columnar/plan/write_plan.h"

typedef struct DmlContext {
    Engine *self;
    TableCatalog *catalog;
    const ExecutorResources *resources;
    MaintenanceRewriter rewriter; /* for CALL signalbox.compact() */
} DmlContext;

/* A plan with `write`. `out` gives the rows of RETURNING, or none of no columns; execution->stats the command
 * and the number of rows. */
Status dml_run(const DmlContext *context, const Plan *plan, Execution *execution, ArrowArrayStream *out,
               Error *err);

/* *handled false: the statement is no such command. With `check` nothing is done: what can be known to be
 * wrong before it runs is said. */
Status dml_command(const DmlContext *context, const Statement *statement, bool check, bool *handled,
                   Execution *execution, ArrowArrayStream *out, Error *err);
