#include "engines/columnar/maintain/compaction_rows.h"

#include "engines/columnar/dml/row_source.h"

static PlanColumn *plan_columns(const TableVersion *part, Arena *arena) {
    PlanColumn *columns = ARENA_NEW_ARRAY(arena, PlanColumn, part->column_count + 1);
    for (int c = 0; c < part->column_count; c++)
        columns[c] = (PlanColumn){.name = part->columns[c].name,
                                  .type = part->columns[c].type,
                                  .nullable = part->columns[c].nullable};
    return columns;
}

static PlanNode *scan_of(TableVersion *part, Arena *arena) {
    PlanNode *node = ARENA_NEW(arena, PlanNode);
    node->kind = PLAN_SCAN;
    node->version = part;
    node->row_estimate = (double)part->row_count;
    node->columns = plan_columns(part, arena);
    node->column_count = part->column_count;
    node->scan_columns = ARENA_NEW_ARRAY(arena, int, part->column_count + 1);
    for (int c = 0; c < part->column_count; c++)
        node->scan_columns[c] = c;
    return node;
}

static PlanNode *sort_of(PlanNode *input, const MaintenanceSortKey *keys, int key_count, Arena *arena) {
    PlanNode *node = ARENA_NEW(arena, PlanNode);
    node->kind = PLAN_SORT;
    node->inputs = ARENA_NEW_ARRAY(arena, PlanNode *, 1);
    node->inputs[0] = input;
    node->input_count = 1;
    node->columns = input->columns;
    node->column_count = input->column_count;
    node->row_estimate = input->row_estimate;
    node->sort_keys = ARENA_NEW_ARRAY(arena, SortKey, key_count);
    node->sort_key_count = key_count;
    for (int i = 0; i < key_count; i++) {
        Expr *expr = ARENA_NEW(arena, Expr);
        *expr = (Expr){
            .kind = EXPR_COLUMN, .type = input->columns[keys[i].column].type, .column = keys[i].column};
        node->sort_keys[i] = (SortKey){expr, keys[i].descending, keys[i].nulls_first};
    }
    return node;
}

static Status copy_rows(const Plan *plan, const ExecutorResources *resources, Execution *execution,
                        const TableVersion *part, TableWriter *writer, Error *err) {
    DmlContext context = {.resources = resources};
    RowSource source;
    Batch *batch = NULL;
    TRY(row_source_open(&source, &context, plan, execution, err));
    Status status = STATUS_OK;
    do {
        status = row_source_next(&source, &batch, err);
        if (status != STATUS_OK || !batch) break;
        for (int c = 0; c < part->column_count; c++)
            batch->columns[c].type = part->columns[c].type;
        status = table_writer_append(writer, batch, err);
    } while (status == STATUS_OK);
    row_source_close(&source);
    return status;
}

static Status rewrite(void *context, TableVersion *part, const MaintenanceSortKey *keys, int key_count,
                      TableWriter *writer, CancelToken *cancel, Error *err) {
    ExecutionStats stats = {0};
    Execution execution = {.cancel = cancel, .stats = &stats};
    Plan plan = {0};
    arena_init(&plan.arena);
    plan.root = scan_of(part, &plan.arena);
    if (key_count > 0) plan.root = sort_of(plan.root, keys, key_count, &plan.arena);
    plan.versions = ARENA_NEW_ARRAY(&plan.arena, TableVersion *, 1);
    plan.versions[0] = part;
    plan.version_count = 1;
    Status status = copy_rows(&plan, context, &execution, part, writer, err);
    arena_deinit(&plan.arena);
    return status;
}

MaintenanceRewriter compaction_rewriter(const ExecutorResources *resources) {
    return (MaintenanceRewriter){.rewrite = rewrite, .context = (void *)resources};
}
