/* Constructors of every source, stage and sink; what they make lives in the query's arena. Internal to exec/.
 */
#pragma once

#include "engines/columnar/exec/pipeline.h"
#include "engines/columnar/exec/rows.h"

Status scan_source_create(Query *query, const PlanNode *node, Source **out, Error *err);
Status foreign_source_create(Query *query, const PlanNode *node, Source **out, Error *err);
Status values_source_create(Query *query, const PlanNode *node, Source **out, Error *err);

Status filter_stage_create(Query *query, const PlanNode *node, Stage *next, Stage **out, Error *err);
Status project_stage_create(Query *query, const PlanNode *node, Stage *next, Stage **out, Error *err);
/* Adds one int8 column of a constant: which input of a set operation a row came from. */
Status tag_stage_create(Query *query, int64_t tag, Stage *next, Stage **out, Error *err);

/* Set-returning functions: a source when the rows of one over constants can be shared out, else a stage. */
bool table_function_is_source(const PlanNode *node);
Status table_function_source_create(Query *query, const PlanNode *node, Source **out, Error *err);
Status table_function_stage_create(Query *query, const PlanNode *node, Stage *next, Stage **out, Error *err);
Status single_row_source_create(Query *query, Source **out, Error *err);

/* Breakers: a sink for the pipeline below and the source of what it made. */
Status aggregate_create(Query *query, const PlanNode *node, Sink **sink, Source **source, Error *err);
Status set_operation_create(Query *query, const PlanNode *node, Sink **sink, Source **source, Error *err);
Status sort_create(Query *query, const PlanNode *node, int64_t limit, Sink **sink, Source **source,
                   Error *err);
/* Rows in morsel order, from `offset`, at most `limit` (-1 = all). */
Status collect_create(Query *query, const PlanNode *node, int64_t limit, int64_t offset, Sink **sink,
                      Source **source, Error *err);
/* `rest` comes behind a barrier: build rows without a match, and what a spilled join could not match before.
 */
Status join_create(Query *query, const PlanNode *node, Sink **build, Stage *next, Stage **probe,
                   Source **rest, Error *err);

/* LIMIT and OFFSET of a node, -1 when absent. */
Status limit_values(Query *query, const PlanNode *node, int64_t *limit, int64_t *offset, Error *err);

SqlType *plan_column_types(Query *query, const PlanNode *node);
SqlType *plan_column_types_in(Arena *arena, const PlanNode *node);
