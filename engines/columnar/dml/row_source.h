/* The rows of a plan as batches, for those who write them. Internal to dml/. */
#pragma once

#include "engines/columnar/dml/dml.h"

typedef struct RowSource {
    const Plan *plan;
    Execution execution;
    ArrowArrayStream stream;
    ArrowSchema schema;
    ArrowArray array;
    int64_t next; /* row of `array` */
    Arena arena;  /* of the batch given last */
    Batch batch;
} RowSource;

/* `execution` lends its parameters, cancel token, budget and counters. The plan must outlive the source. */
Status row_source_open(RowSource *source, const DmlContext *context, const Plan *plan,
                       const Execution *execution, Error *err);
/* *out lives until the next call; NULL at the end. */
Status row_source_next(RowSource *source, Batch **out, Error *err);
void row_source_close(RowSource *source);
