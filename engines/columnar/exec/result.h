/* The last sink: batches become Arrow arrays, kept per morsel until the reader takes them in order. */
#pragma once

#include "engines/columnar/exec/arrow_export.h"
#include "engines/columnar/exec/pipeline.h"

typedef struct Result Result;

/* `morsel_rows` > 0: no morsel needs to give more rows than this (LIMIT + OFFSET). */
Result *result_create(Query *query, const PlanNode *node, int64_t morsel_rows);
Sink *result_sink(Result *result);
/* The next array in morsel order; false when the morsel at the head has no more for now. */
bool result_take(Result *result, ArrowArray *out);
/* First morsel that is not completely handed out. */
int64_t result_head(const Result *result);
/* Lets suspended morsels go on whose output was taken. */
void result_resume(Result *result, Pipeline *pipeline);
