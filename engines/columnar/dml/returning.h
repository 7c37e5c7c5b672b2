/* The rows of RETURNING: kept, within the query's memory, until the change is committed. Internal to dml/. */
#pragma once

#include "engines/columnar/dml/dml.h"

typedef struct Returning Returning;

/* NULL for a statement without RETURNING, which all calls take. */
Returning *returning_create(const DmlContext *context, const Plan *plan, const Execution *execution);
void returning_destroy(Returning *returning);
/* Rows of the plan's batch: those that are selected. */
Status returning_add(Returning *returning, const Batch *batch, Error *err);
/* The stream takes the rows and frees them. */
void returning_finish(Returning *returning, ArrowArrayStream *out);
