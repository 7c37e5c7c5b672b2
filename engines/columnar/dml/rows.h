/* How statements that write rows run, one file per kind. Internal to dml/. */
#pragma once

#include "engines/columnar/dml/returning.h"
#include "engines/columnar/dml/row_source.h"

typedef struct RowWrite {
    const DmlContext *context;
    const Plan *plan;
    const WritePlan *write;
    Execution *execution;
    Returning *returning; /* NULL without */
    int64_t rows;         /* for the answer */
    bool without_rows;    /* CREATE TABLE AS that found the table there, or was not to fill it */
} RowWrite;

/* The columns of the batch that are the target's, under the types it declares. */
Batch rows_values(const WritePlan *write, const Batch *batch, Arena *arena);

Status rows_change(RowWrite *run, Error *err);
Status rows_insert(RowWrite *run, Error *err);
Status rows_create_as(RowWrite *run, Error *err);
