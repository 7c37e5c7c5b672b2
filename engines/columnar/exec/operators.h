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

/* WITH queries: rows made once, read by any number of sources. */
typedef struct CteStore CteStore;
Status cte_create(Query *query, const PlanCte *cte, OperatorStats *stats, Sink **sink, CteStore **store,
                  Error *err);
Status cte_source_create(Query *query, CteStore *store, const PlanNode *node, Source **out, Error *err);

/* Recursive ones (recursion.c). `build` makes the pipelines of the recursive term into `recursion`, which it
 * finds under `context`; it is called again for each round when the term has breakers that read the working
 * table. The sink takes the rows of the other term; its finish runs the rounds, or the source does, one for
 * each morsel, when `lazy`. */
typedef struct Recursion Recursion;
typedef Status (*RecursionBuild)(void *context, Recursion *recursion, Error *err);
Status recursion_create(Query *query, const PlanCte *cte, OperatorStats *stats, bool lazy,
                        RecursionBuild build, void *context, Recursion **out, Error *err);
Sink *recursion_seed_sink(Recursion *recursion);
Sink *recursion_term_sink(Recursion *recursion);
/* A pipeline of the term that reads the working table, in order of execution; the last one feeds the sink. */
void recursion_add_pipeline(Recursion *recursion, Pipeline *pipeline);
/* The term's pipelines are known: the first building. */
Status recursion_prepare(Recursion *recursion, Error *err);
bool recursion_is_reader(const Recursion *recursion, const PlanNode *node);
Status recursion_working_source(Recursion *recursion, const PlanNode *node, Source **out, Error *err);
Status recursion_result_source(Recursion *recursion, const PlanNode *node, Source **out, Error *err);

/* Breakers: a sink for the pipeline below and the source of what it made. */
/* The result depends on the order of additions: floating-point sums, string_agg. */
bool aggregate_is_order_sensitive(const AggregateCall *call);
Status aggregate_create(Query *query, const PlanNode *node, Sink **sink, Source **source, Error *err);
Status set_operation_create(Query *query, const PlanNode *node, Sink **sink, Source **source, Error *err);
Status sort_create(Query *query, const PlanNode *node, int64_t limit, Sink **sink, Source **source,
                   Error *err);
/* Sorts by the node's keys, adds one column per window call. */
Status window_create(Query *query, const PlanNode *node, Sink **sink, Source **source, Error *err);
/* Rows in morsel order, from `offset`, at most `limit` (-1 = all). */
Status collect_create(Query *query, const PlanNode *node, int64_t limit, int64_t offset, Sink **sink,
                      Source **source, Error *err);
/* `rest` comes behind a barrier: build rows without a match, and what a spilled join could not match before.
 */
Status join_create(Query *query, const PlanNode *node, Sink **build, Stage *next, Stage **probe,
                   Source **rest, Error *err);
/* For one that is probed again and again, by recursion: it is not to spill. */
/* An error of its build side, kept for the rows that ask for the value; false: it is the statement's. */
bool join_takes_failure(Stage *probe, const Error *failure);
void join_keep_in_memory(Stage *probe);

/* LIMIT and OFFSET of a node, -1 when absent. */
Status limit_values(Query *query, const PlanNode *node, int64_t *limit, int64_t *offset, Error *err);

SqlType *plan_column_types(Query *query, const PlanNode *node);
SqlType *plan_column_types_in(Arena *arena, const PlanNode *node);
