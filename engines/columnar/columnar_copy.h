/* COPY t FROM 'file' and COPY t | (query) TO 'file' over columnar tables and the files of
 * engines.columnar.file_directories. */
#pragma once

#include "engines/columnar/dml/dml.h"
#include "engines/columnar/files/file_tables.h"

typedef struct CopyContext {
    DmlContext dml;
    FileTables *files;
    PlanTableSource source;
} CopyContext;

/* The statement's COPY, or NULL. */
const struct PgQuery__CopyStmt *copy_of(const Statement *statement);
/* With `check` nothing is copied: what can be known to be wrong before is said. Else *rows were. 0A000 for
 * what COPY does not do here. */
Status copy_run(const CopyContext *context, const Statement *statement, bool check, Execution *execution,
                int64_t *rows, Error *err);
