/* A plan becomes pipelines; the stream's reader drives them. */
#include "engines/columnar/exec/executor.h"

#include <stdio.h>
#include <stdlib.h>

#include "engines/columnar/exec/explain.h"
#include "engines/columnar/exec/operators.h"
#include "engines/columnar/exec/result.h"
#include "engines/columnar/exec/spill.h"

enum { MAX_PLAN_DEPTH = 2000 };

/* What does not read the working table of a recursive query is made once, however often its term is built. */
typedef struct Kept {
    const PlanNode *node;
    Source *source; /* of a breaker */
    Stage *probe;   /* of a join */
    struct Kept *next;
} Kept;

typedef struct CteRun {
    CteStore *store;
    Recursion *recursion;
} CteRun;

/* The pipelines of a subquery whose errors wait for a row that asks for its value. */
typedef struct Guarded {
    int first, end;
    Stage *probe;
} Guarded;

typedef struct Run {
    Query query;
    Guarded *guarded; /* inner ones before those around them */
    int guarded_count;
    CteRun *ctes;
    const PlanCte *term; /* whose recursive term is being built */
    Kept *kept;
    Pipeline **pipelines; /* in order of execution; the last one feeds the result */
    int pipeline_count, pipeline_capacity;
    int next_pipeline;
    Result *result;
    int64_t limit, offset; /* of the whole result, limit -1 = all */
    bool round_done;
    int64_t round_morsels;
    bool explain_sent;
} Run;

/* ---- plan → pipelines ------------------------------------------------------------------------------------
 */

static Status produce(Run *run, const PlanNode *node, Stage *stages, Pipeline *target, int depth, Error *err);

static void register_pipeline(Run *run, Pipeline *pipeline) {
    if (run->pipeline_count == run->pipeline_capacity) {
        run->pipeline_capacity = run->pipeline_capacity ? run->pipeline_capacity * 2 : 8;
        run->pipelines = realloc(run->pipelines, sizeof *run->pipelines * (size_t)run->pipeline_capacity);
        if (!run->pipelines) abort();
    }
    run->pipelines[run->pipeline_count++] = pipeline;
}

/* ---- WITH queries ----------------------------------------------------------------------------------------
 */

static bool reads_working_table(const PlanNode *node, const PlanCte *cte) {
    if (node->kind == PLAN_CTE) return node->working && node->cte == cte;
    for (int i = 0; i < node->input_count; i++)
        if (reads_working_table(node->inputs[i], cte)) return true;
    return false;
}

/* The pipeline of a breaker `node` that is done being built. */
static void place_pipeline(Run *run, const PlanNode *node, Pipeline *pipeline) {
    bool again = run->term && reads_working_table(node, run->term);
    if (again)
        recursion_add_pipeline(run->ctes[run->term->index].recursion, pipeline);
    else
        register_pipeline(run, pipeline);
}

static Kept *find_kept(Run *run, const PlanNode *node) {
    Kept *kept = run->kept;
    while (kept && kept->node != node)
        kept = kept->next;
    return kept;
}

static void keep(Run *run, const PlanNode *node, Source *source, Stage *probe) {
    Kept *kept = calloc(1, sizeof *kept);
    if (!kept) abort();
    *kept = (Kept){.node = node, .source = source, .probe = probe, .next = run->kept};
    run->kept = kept;
}

static Status produce_below(Run *run, const PlanNode *node, const PlanNode *input, Sink *sink, int depth,
                            Error *err);

static Status build_term(void *context, Recursion *recursion, Error *err) {
    Run *run = context;
    const PlanCte *outer = run->term, *cte = NULL;
    for (int i = 0; i < run->query.plan->cte_count; i++)
        if (run->ctes[i].recursion == recursion) cte = run->query.plan->ctes[i];
    run->term = cte;
    Pipeline *pipeline = pipeline_create(&run->query, recursion_term_sink(recursion));
    Status status = produce(run, cte->term, NULL, pipeline, 0, err);
    recursion_add_pipeline(recursion, pipeline);
    run->term = outer;
    return status;
}

static bool has_limit(const PlanNode *node) {
    if (node->kind == PLAN_LIMIT) return true;
    for (int i = 0; i < node->input_count; i++)
        if (has_limit(node->inputs[i])) return true;
    return false;
}

static Status make_cte(Run *run, const PlanCte *cte, int depth, Error *err) {
    CteRun *made = &run->ctes[cte->index];
    OperatorStats *stats = query_stats_of(&run->query, cte->seed);
    const PlanCte *outer = run->term;
    Sink *sink;
    run->term = NULL;
    Status status;
    if (!cte->term) {
        status = cte_create(&run->query, cte, stats, &sink, &made->store, err);
    } else {
        /* A LIMIT somewhere above may need but a few rounds of what never ends. */
        bool lazy = cte->reader_count == 1 && !outer && has_limit(run->query.plan->root);
        status = recursion_create(&run->query, cte, stats, lazy, build_term, run, &made->recursion, err);
        if (status == STATUS_OK) {
            sink = recursion_seed_sink(made->recursion);
            status = recursion_prepare(made->recursion, err);
        }
    }
    if (status == STATUS_OK)
        status = produce_below(run, cte->seed, cte->seed, sink, depth, err);
    else if (made->recursion) /* closed with it */
        register_pipeline(run, pipeline_create(&run->query, recursion_seed_sink(made->recursion)));
    run->term = outer;
    return status;
}

static Status produce_cte(Run *run, const PlanNode *node, Stage *stages, Pipeline *target, int depth,
                          Error *err) {
    CteRun *made = &run->ctes[node->cte->index];
    Source *source;
    if (node->working) {
        TRY(recursion_working_source(made->recursion, node, &source, err));
    } else {
        if (!made->store && !made->recursion) TRY(make_cte(run, node->cte, depth, err));
        if (made->store)
            TRY(cte_source_create(&run->query, made->store, node, &source, err));
        else
            TRY(recursion_result_source(made->recursion, node, &source, err));
    }
    pipeline_add_branch(target, source, stages, false);
    return STATUS_OK;
}

/* A pipeline of its own below a breaker. Registered first, so that it is closed whatever fails later;
 * executed in the order in which `produce` finishes, which `order_pipelines` restores. */
static Status produce_below(Run *run, const PlanNode *node, const PlanNode *input, Sink *sink, int depth,
                            Error *err) {
    Pipeline *below = pipeline_create(&run->query, sink);
    Status status = produce(run, input, NULL, below, depth + 1, err);
    place_pipeline(run, node, below);
    return status;
}

static Status produce_breaker(Run *run, const PlanNode *node, Stage *stages, Pipeline *target, int depth,
                              Error *err) {
    Sink *sink;
    Source *source;
    if (node->kind == PLAN_AGGREGATE)
        TRY(aggregate_create(&run->query, node, &sink, &source, err));
    else if (node->kind == PLAN_WINDOW)
        TRY(window_create(&run->query, node, &sink, &source, err));
    else
        TRY(sort_create(&run->query, node, node->sort_limit, &sink, &source, err));
    TRY(produce_below(run, node, node->inputs[0], sink, depth, err));
    pipeline_add_branch(target, source, stages, false);
    return STATUS_OK;
}

static Status produce_limit(Run *run, const PlanNode *node, Stage *stages, Pipeline *target, int depth,
                            Error *err) {
    int64_t limit, offset;
    TRY(limit_values(&run->query, node, &limit, &offset, err));
    if (limit < 0 && offset <= 0) return produce(run, node->inputs[0], stages, target, depth + 1, err);
    Sink *sink;
    Source *source;
    TRY(collect_create(&run->query, node, limit, offset, &sink, &source, err));
    TRY(produce_below(run, node, node->inputs[0], sink, depth, err));
    pipeline_add_branch(target, source, stages, false);
    return STATUS_OK;
}

/* What others read too is made at once, whoever asks for it here. */
static Status make_shared_ctes(Run *run, const PlanNode *node, int depth, Error *err) {
    if (depth > MAX_PLAN_DEPTH) return STATUS_OK; /* `produce` says so */
    if (node->kind == PLAN_CTE && !node->working) {
        const CteRun *made = &run->ctes[node->cte->index];
        if (made->store || made->recursion) return STATUS_OK;
        if (node->cte->reader_count > 1 || node->cte->term) return make_cte(run, node->cte, depth, err);
        return make_shared_ctes(run, node->cte->seed, depth + 1, err);
    }
    for (int i = 0; i < node->input_count; i++)
        TRY(make_shared_ctes(run, node->inputs[i], depth + 1, err));
    return STATUS_OK;
}

static void add_guarded(Run *run, Guarded guarded) {
    Guarded *grown = ARENA_NEW_ARRAY(&run->query.arena, Guarded, run->guarded_count + 1);
    if (run->guarded_count) memcpy(grown, run->guarded, sizeof guarded * (size_t)run->guarded_count);
    grown[run->guarded_count++] = guarded;
    run->guarded = grown;
}

static Status produce_join(Run *run, const PlanNode *node, Stage *stages, Pipeline *target, int depth,
                           Error *err) {
    Sink *build;
    Stage *probe;
    Source *rest;
    Kept *kept = run->term ? find_kept(run, node) : NULL;
    if (kept) {
        kept->probe->next = stages;
        TRY(produce(run, node->inputs[0], kept->probe, target, depth + 1, err));
        pipeline_add_branch(target, kept->source, stages, true);
        return STATUS_OK;
    }
    TRY(join_create(&run->query, node, &build, stages, &probe, &rest, err));
    bool guarded = node->guard && !run->term;
    if (guarded) TRY(make_shared_ctes(run, node->inputs[1], depth + 1, err));
    int first = run->pipeline_count;
    TRY(produce_below(run, node->inputs[1], node->inputs[1], build, depth, err));
    if (guarded) add_guarded(run, (Guarded){.first = first, .end = run->pipeline_count, .probe = probe});
    if (run->term) {
        join_keep_in_memory(probe); /* it is probed in every round */
        if (!reads_working_table(node->inputs[1], run->term)) keep(run, node, rest, probe);
    }
    TRY(produce(run, node->inputs[0], probe, target, depth + 1, err));
    pipeline_add_branch(target, rest, stages, true);
    return STATUS_OK;
}

static Status produce_set_operation(Run *run, const PlanNode *node, Stage *stages, Pipeline *target,
                                    int depth, Error *err) {
    Sink *sink;
    Source *source;
    TRY(set_operation_create(&run->query, node, &sink, &source, err));
    Pipeline *below = pipeline_create(&run->query, sink);
    Status status = STATUS_OK;
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        Stage *tag;
        status = tag_stage_create(&run->query, i, NULL, &tag, err);
        if (status == STATUS_OK) status = produce(run, node->inputs[i], tag, below, depth + 1, err);
    }
    place_pipeline(run, node, below);
    TRY(status);
    pipeline_add_branch(target, source, stages, false);
    return STATUS_OK;
}

static Status produce_source(Run *run, const PlanNode *node, Stage *stages, Pipeline *target, Error *err) {
    Source *source;
    if (node->kind == PLAN_SCAN)
        TRY(scan_source_create(&run->query, node, &source, err));
    else if (node->kind == PLAN_FOREIGN_SCAN)
        TRY(foreign_source_create(&run->query, node, &source, err));
    else
        TRY(values_source_create(&run->query, node, &source, err));
    pipeline_add_branch(target, source, stages, false);
    return STATUS_OK;
}

static Status produce_table_function(Run *run, const PlanNode *node, Stage *stages, Pipeline *target,
                                     int depth, Error *err) {
    Stage *stage;
    Source *source;
    if (table_function_is_source(node)) {
        TRY(table_function_source_create(&run->query, node, &source, err));
        pipeline_add_branch(target, source, stages, false);
        return STATUS_OK;
    }
    TRY(table_function_stage_create(&run->query, node, stages, &stage, err));
    if (node->input_count > 0) return produce(run, node->inputs[0], stage, target, depth + 1, err);
    TRY(single_row_source_create(&run->query, &source, err));
    pipeline_add_branch(target, source, stage, false);
    return STATUS_OK;
}

static Status produce_node(Run *run, const PlanNode *node, Stage *stages, Pipeline *target, int depth,
                           Error *err) {
    Stage *stage;
    if (depth > MAX_PLAN_DEPTH) return error_set(err, SQLSTATE_TOO_COMPLEX, "the statement nests too deeply");
    switch (node->kind) {
    case PLAN_SCAN:
    case PLAN_FOREIGN_SCAN:
    case PLAN_VALUES: return produce_source(run, node, stages, target, err);
    case PLAN_FILTER:
        TRY(filter_stage_create(&run->query, node, stages, &stage, err));
        return produce(run, node->inputs[0], stage, target, depth + 1, err);
    case PLAN_PROJECT:
        TRY(project_stage_create(&run->query, node, stages, &stage, err));
        return produce(run, node->inputs[0], stage, target, depth + 1, err);
    case PLAN_AGGREGATE:
    case PLAN_WINDOW:
    case PLAN_SORT: return produce_breaker(run, node, stages, target, depth, err);
    case PLAN_LIMIT: return produce_limit(run, node, stages, target, depth, err);
    case PLAN_JOIN: return produce_join(run, node, stages, target, depth, err);
    case PLAN_UNION_ALL:
        for (int i = 0; i < node->input_count; i++)
            TRY(produce(run, node->inputs[i], stages, target, depth + 1, err));
        return STATUS_OK;
    case PLAN_SET_OPERATION: return produce_set_operation(run, node, stages, target, depth, err);
    case PLAN_CTE: return produce_cte(run, node, stages, target, depth, err);
    case PLAN_TABLE_FUNCTION: return produce_table_function(run, node, stages, target, depth, err);
    }
    return error_set(err, SQLSTATE_INTERNAL, "an unknown plan node reached the executor");
}

static bool is_breaker(const PlanNode *node) {
    return node->input_count > 0 && node->kind != PLAN_FILTER && node->kind != PLAN_PROJECT &&
           node->kind != PLAN_JOIN && node->kind != PLAN_UNION_ALL && node->kind != PLAN_TABLE_FUNCTION &&
           node->kind != PLAN_CTE;
}

static Status produce(Run *run, const PlanNode *node, Stage *stages, Pipeline *target, int depth,
                      Error *err) {
    bool once = run->term && is_breaker(node) && !reads_working_table(node, run->term);
    Kept *kept = once ? find_kept(run, node) : NULL;
    if (kept) {
        pipeline_add_branch(target, kept->source, stages, false);
        return STATUS_OK;
    }
    int branches = target->branch_count;
    TRY(produce_node(run, node, stages, target, depth, err));
    if (once && target->branch_count == branches + 1 && target->branches[branches].stages == stages)
        keep(run, node, target->branches[branches].source, NULL);
    return STATUS_OK;
}

/* LIMIT at the top is applied by the reader, so that its input streams. */
static Status produce_root(Run *run, Error *err) {
    const PlanNode *root = run->query.plan->root, *top = root;
    run->limit = -1;
    if (root->kind == PLAN_LIMIT) {
        TRY(limit_values(&run->query, root, &run->limit, &run->offset, err));
        if (run->offset < 0) run->offset = 0;
        root = root->inputs[0];
    }
    int64_t row_limit = run->query.execution->row_limit;
    if (row_limit > 0 && !run->query.plan->analyze && (run->limit < 0 || row_limit < run->limit))
        run->limit = row_limit;
    int64_t morsel_rows = run->limit >= 0 && run->limit < INT64_MAX / 4 ? run->limit + run->offset : 0;
    if (run->limit == 0) morsel_rows = 1;
    run->result = result_create(&run->query, top, morsel_rows);
    Pipeline *pipeline = pipeline_create(&run->query, result_sink(run->result));
    Status status = produce(run, root, NULL, pipeline, 0, err);
    register_pipeline(run, pipeline);
    return status;
}

/* ---- the stream ------------------------------------------------------------------------------------------
 */

static void count_nodes(const PlanNode *node, int *count, int depth) {
    ++*count;
    for (int i = 0; depth < MAX_PLAN_DEPTH && i < node->input_count; i++)
        count_nodes(node->inputs[i], count, depth + 1);
}

static void list_nodes(Query *query, const PlanNode *node, int depth) {
    query->stats[query->stats_count++].node = node;
    for (int i = 0; depth < MAX_PLAN_DEPTH && i < node->input_count; i++)
        list_nodes(query, node->inputs[i], depth + 1);
}

static void run_destroy(Run *run) {
    for (int i = 0; i < run->pipeline_count; i++)
        pipeline_close(run->pipelines[i]);
    free(run->pipelines);
    while (run->kept) {
        Kept *next = run->kept->next;
        free(run->kept);
        run->kept = next;
    }
    spill_space_destroy(run->query.spill);
    budget_deinit(&run->query.budget);
    pthread_mutex_destroy(&run->query.lock);
    arena_deinit(&run->query.arena);
    free(run);
}

/* The pipeline at hand failed: true when the join it works for keeps the error for itself. What the subquery
 * still had to run is left out. */
static bool leave_guarded(Run *run, const Error *failure) {
    Query *query = &run->query;
    for (int g = 0; g < run->guarded_count; g++) {
        const Guarded *guarded = &run->guarded[g];
        if (run->next_pipeline < guarded->first || run->next_pipeline >= guarded->end) continue;
        if (!join_takes_failure(guarded->probe, failure)) return false;
        atomic_store(&query->failed, 0);
        query->error = (Error){0};
        run->next_pipeline = guarded->end;
        return true;
    }
    return false;
}

static Status run_breakers(Run *run, Error *err) {
    while (run->next_pipeline + 1 < run->pipeline_count) {
        Error failure = {0};
        if (pipeline_run(run->pipelines[run->next_pipeline], &failure) == STATUS_OK) {
            run->next_pipeline++;
        } else if (!leave_guarded(run, &failure)) {
            if (err) *err = failure;
            return STATUS_ERROR;
        }
    }
    return STATUS_OK;
}

/* More output at the head of the result, or *end. */
static Status next_array(Run *run, ArrowArray *out, bool *end, Error *err) {
    Pipeline *last = run->pipelines[run->pipeline_count - 1];
    TRY(run_breakers(run, err));
    *end = false;
    while (!result_take(run->result, out)) {
        if (run->round_done) {
            *end = true;
            return STATUS_OK;
        }
        result_resume(run->result, last);
        TRY(pipeline_run_until(last, result_head(run->result) + run->round_morsels, &run->round_done, err));
        int64_t most = run->query.worker_count * 4;
        run->round_morsels = run->round_morsels * 2 > most ? most : run->round_morsels * 2;
    }
    return STATUS_OK;
}

static void shorten(ArrowArray *array, int64_t skip, int64_t length) {
    array->offset += skip;
    array->length = length;
    for (int64_t i = 0; i < array->n_children; i++) {
        array->children[i]->offset += skip;
        array->children[i]->length = length;
        array->children[i]->null_count = array->children[i]->buffers[0] ? -1 : 0;
    }
    array->offset -= skip; /* the children carry it */
}

static Status run_next_rows(Run *run, ArrowArray *out, Error *err) {
    for (;;) {
        bool end;
        memset(out, 0, sizeof *out);
        if (run->limit == 0) return STATUS_OK;
        TRY(next_array(run, out, &end, err));
        if (end) return STATUS_OK;
        int64_t skip = run->offset < out->length ? run->offset : out->length;
        int64_t length = out->length - skip;
        run->offset -= skip;
        if (run->limit >= 0 && length > run->limit) length = run->limit;
        if (run->limit >= 0) run->limit -= length;
        if (!length) {
            arrow_array_release(out);
            continue;
        }
        if (length < out->length) shorten(out, skip, length);
        return STATUS_OK;
    }
}

static Status drain_for_analyze(Run *run, Error *err) {
    ArrowArray array;
    do {
        TRY(run_next_rows(run, &array, err));
        if (array.release)
            arrow_array_release(&array);
        else
            break;
    } while (true);
    return STATUS_OK;
}

static Status run_next(void *state, ArrowArray *out, Error *err) {
    Run *run = state;
    if (!run->query.plan->explain) {
        Status status = query_check(&run->query, err);
        if (status == STATUS_OK) status = run_next_rows(run, out, err);
        if (status != STATUS_OK) query_fail(&run->query, err);
        return status;
    }
    memset(out, 0, sizeof *out);
    if (run->explain_sent) return STATUS_OK;
    int64_t start = clock_now_ns();
    if (run->query.plan->analyze) TRY(drain_for_analyze(run, err));
    run->explain_sent = true;
    explain_to_array(&run->query, clock_now_ns() - start, out);
    return STATUS_OK;
}

static void run_close(void *state) {
    run_destroy(state);
}

static Status run_create(Run *run, const Plan *plan, const ExecutorResources *resources, Execution *execution,
                         Error *err) {
    Query *query = &run->query;
    query->plan = plan;
    query->execution = execution;
    query->workers = resources->workers;
    query->worker_count = resources->workers ? threadpool_thread_count(resources->workers) : 1;
    if (execution->max_threads > 0 && query->worker_count > execution->max_threads)
        query->worker_count = execution->max_threads;
    if (query->worker_count < 1) query->worker_count = 1;
    query->spill_directory = resources->spill_directory;
    query->spill_limit_bytes = resources->spill_limit_bytes;
    query->statement_time_us = clock_wall_us();
    query->timing = plan->analyze;
    run->round_morsels = query->worker_count;
    int nodes = 0;
    count_nodes(plan->root, &nodes, 0);
    query->stats = ARENA_NEW_ARRAY(&query->arena, OperatorStats, nodes);
    list_nodes(query, plan->root, 0);
    if (plan->explain && !plan->analyze) return STATUS_OK;
    run->ctes = ARENA_NEW_ARRAY(&query->arena, CteRun, plan->cte_count + 1);
    TRY(query_bind_params(query, err));
    return produce_root(run, err);
}

Status executor_run(const Plan *plan, const ExecutorResources *resources, Execution *execution,
                    ArrowArrayStream *out, Error *err) {
    Run *run = calloc(1, sizeof *run);
    if (!run) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    arena_init(&run->query.arena);
    pthread_mutex_init(&run->query.lock, NULL);
    budget_init(&run->query.budget, execution->budget ? execution->budget : resources->budget,
                resources->query_memory_bytes);
    if (run_create(run, plan, resources, execution, err) != STATUS_OK) {
        run_destroy(run);
        return STATUS_ERROR;
    }
    snprintf(execution->stats->command, sizeof execution->stats->command, "%s",
             plan->explain ? "EXPLAIN" : "SELECT");
    execution->stats->rows_affected = -1;
    ArrowSchema schema;
    static const PlanColumn plan_text = {.name = "QUERY PLAN", .type = {.id = SQL_TEXT}, .type_name = "text"};
    if (plan->explain)
        arrow_export_schema(&plan_text, 1, &schema);
    else
        arrow_export_schema(plan->root->columns, plan->root->column_count, &schema);
    arrow_stream_make(out, &schema, (ArrowStreamSource){.next = run_next, .close = run_close, .state = run});
    return STATUS_OK;
}
