/* VALUES, filter, project: the operators that keep no rows. */
#include <stdlib.h>

#include "engines/columnar/exec/operators.h"

SqlType *plan_column_types(Query *query, const PlanNode *node) {
    return plan_column_types_in(&query->arena, node);
}

SqlType *plan_column_types_in(Arena *arena, const PlanNode *node) {
    SqlType *types = ARENA_NEW_ARRAY(arena, SqlType, node->column_count + 1);
    for (int i = 0; i < node->column_count; i++)
        types[i] = node->columns[i].type;
    return types;
}

/* ---- VALUES ----------------------------------------------------------------------------------------------
 */

typedef struct ValuesSource {
    Source source;
    Program ***rows;
} ValuesSource;
typedef struct ValuesState {
    int next_row;
    Batch batch;
} ValuesState;

static Status values_prepare(Source *source, Query *query, Error *err) {
    source->morsel_count = source->node->row_count ? 1 : 0;
    return STATUS_OK;
}

static Status values_open(Source *source, Chain *chain, void **state, Error *err) {
    *state = calloc(1, sizeof(ValuesState));
    return *state ? STATUS_OK : error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
}

static Status values_morsel_open(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                                 Error *err) {
    ((ValuesState *)state)->next_row = 0;
    return STATUS_OK;
}

static void put_value(Vector *into, int row, int rows, const Vector *value, Arena *arena) {
    size_t width = physical_width((PhysicalType)into->physical);
    if (vector_is_null(value, 0)) {
        memset((char *)into->values + (size_t)row * width, 0, width);
        bitmap_clear(vector_make_validity(into, rows, arena), (size_t)row);
        return;
    }
    const char *from = value->encoding == VECTOR_DICTIONARY
                           ? (char *)value->dictionary->values + value->codes[0] * width
                           : value->values;
    memcpy((char *)into->values + (size_t)row * width, from, width);
}

static Status values_next(Source *source, Chain *chain, void *state_pointer, Batch **out, Error *err) {
    ValuesState *state = state_pointer;
    const PlanNode *node = source->node;
    int rows = node->row_count - state->next_row;
    if (rows <= 0) return STATUS_OK;
    if (rows > BATCH_ROWS) rows = BATCH_ROWS;
    Arena *arena = &chain->batch_arena;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, node->column_count + 1);
    Batch one = {.row_count = 1, .selected = 1};
    for (int c = 0; c < node->column_count; c++) {
        vector_init_flat(&columns[c], node->columns[c].type, rows, arena);
        for (int r = 0; r < rows; r++) {
            Vector value;
            const Program *program = ((ValuesSource *)source)->rows[state->next_row + r][c];
            TRY(program_evaluate(&chain->evaluator, program, &one, arena, &value, err));
            if (value.physical != columns[c].physical && !vector_is_null(&value, 0))
                return error_set(err, SQLSTATE_INTERNAL, "a VALUES list of mixed types reached the executor");
            put_value(&columns[c], r, rows, &value, arena);
        }
    }
    state->next_row += rows;
    state->batch =
        (Batch){.row_count = rows, .column_count = node->column_count, .columns = columns, .selected = rows};
    *out = &state->batch;
    return STATUS_OK;
}

static void values_close(Source *source, void *state) {
    free(state);
}

static const SourceOps values_ops = {.prepare = values_prepare,
                                     .open = values_open,
                                     .morsel_open = values_morsel_open,
                                     .next = values_next,
                                     .close = values_close};

Status values_source_create(Query *query, const PlanNode *node, Source **out, Error *err) {
    ValuesSource *values = ARENA_NEW(&query->arena, ValuesSource);
    values->source = (Source){.ops = &values_ops, .node = node, .stats = query_stats_of(query, node)};
    values->rows = ARENA_NEW_ARRAY(&query->arena, Program **, node->row_count + 1);
    for (int r = 0; r < node->row_count; r++)
        TRY(programs_compile(query, node->column_count ? node->rows[r] : NULL, node->column_count,
                             &values->rows[r], err));
    *out = &values->source;
    return STATUS_OK;
}

/* ---- filter ----------------------------------------------------------------------------------------------
 */

typedef struct FilterStage {
    Stage stage;
    Program **conjuncts;
    int conjunct_count;
} FilterStage;
typedef struct FilterState {
    ConjunctOrder order;
    uint16_t selection[BATCH_ROWS];
} FilterState;

static Status filter_open(Stage *stage, Chain *chain, void **out, Error *err) {
    FilterStage *filter = (FilterStage *)stage;
    FilterState *state = calloc(1, sizeof *state);
    if (!state) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    conjunct_order_init(&state->order, filter->conjuncts, filter->conjunct_count);
    *out = state;
    return STATUS_OK;
}

static Status filter_push(Stage *stage, Chain *chain, void *state_pointer, int index, Batch *batch,
                          Error *err) {
    FilterStage *filter = (FilterStage *)stage;
    FilterState *state = state_pointer;
    Batch out = *batch;
    TRY(conjuncts_filter(&chain->evaluator, &state->order, filter->conjuncts, batch, batch->selection,
                         batch->selected, &chain->batch_arena, state->selection, &out.selected, err));
    if (out.selected < out.row_count)
        out.selection = state->selection;
    else
        out.selection = NULL;
    return chain_emit(chain, index + 1, &out, err);
}

static void filter_close(Stage *stage, void *state) {
    free(state);
}

static const StageOps filter_ops = {filter_open, filter_push, filter_close};

Status filter_stage_create(Query *query, const PlanNode *node, Stage *next, Stage **out, Error *err) {
    FilterStage *filter = ARENA_NEW(&query->arena, FilterStage);
    filter->stage =
        (Stage){.ops = &filter_ops, .node = node, .stats = query_stats_of(query, node), .next = next};
    Expr *const *conjuncts = (Expr *const *)&node->predicate;
    filter->conjunct_count = 1;
    if (node->predicate->kind == EXPR_AND) {
        conjuncts = node->predicate->args;
        filter->conjunct_count = node->predicate->arg_count;
    }
    TRY(programs_compile(query, conjuncts, filter->conjunct_count, &filter->conjuncts, err));
    *out = &filter->stage;
    return STATUS_OK;
}

/* ---- project ---------------------------------------------------------------------------------------------
 */

typedef struct ProjectStage {
    Stage stage;
    Program **programs;
    int count;
    bool tag; /* input columns, then one constant */
    Vector tag_value;
} ProjectStage;

static Status project_open(Stage *stage, Chain *chain, void **out, Error *err) {
    *out = NULL;
    return STATUS_OK;
}

static Status project_push(Stage *stage, Chain *chain, void *state, int index, Batch *batch, Error *err) {
    ProjectStage *project = (ProjectStage *)stage;
    Arena *arena = &chain->batch_arena;
    Batch out = *batch;
    out.column_count = project->tag ? batch->column_count + 1 : project->count;
    out.columns = ARENA_NEW_ARRAY(arena, Vector, out.column_count + 1);
    if (project->tag) {
        memcpy(out.columns, batch->columns, sizeof(Vector) * (size_t)batch->column_count);
        out.columns[batch->column_count] = project->tag_value;
    }
    for (int i = 0; i < project->count; i++)
        TRY(program_evaluate(&chain->evaluator, project->programs[i], batch, arena, &out.columns[i], err));
    return chain_emit(chain, index + 1, &out, err);
}

static const StageOps project_ops = {project_open, project_push, NULL};

Status project_stage_create(Query *query, const PlanNode *node, Stage *next, Stage **out, Error *err) {
    ProjectStage *project = ARENA_NEW(&query->arena, ProjectStage);
    project->stage =
        (Stage){.ops = &project_ops, .node = node, .stats = query_stats_of(query, node), .next = next};
    project->count = node->column_count;
    TRY(programs_compile(query, node->exprs, node->column_count, &project->programs, err));
    *out = &project->stage;
    return STATUS_OK;
}

Status tag_stage_create(Query *query, int64_t tag, Stage *next, Stage **out, Error *err) {
    ProjectStage *project = ARENA_NEW(&query->arena, ProjectStage);
    project->stage = (Stage){.ops = &project_ops, .next = next};
    project->tag = true;
    vector_init_constant(&project->tag_value, sqltype_of(SQL_INT8), &tag, &query->arena);
    *out = &project->stage;
    return STATUS_OK;
}
