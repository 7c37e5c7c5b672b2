/* Set-returning functions. Over constants alone, one that can compute its rows from their numbers is a source
 * whose morsels all workers share; otherwise the functions are a stage that turns every input row into as
 * many rows as the longest of them gives. */
#include <stdlib.h>

#include "engines/columnar/exec/operators.h"
#include "engines/columnar/kernels/kernel_limits.h"

enum { SLICE_MORSEL_ROWS = 131072 };

/* ---- one function, called -------------------------------------------------------------------------------
 */

static void init_outputs(const TableFunctionCall *call, Vector *out, Arena *arena) {
    for (int c = 0; c < call->column_count; c++)
        vector_init_flat(&out[c], call->columns[c].type, BATCH_ROWS, arena);
}

/* FLAT or CONSTANT, as kernels take them. */
static Status evaluate_args(Chain *chain, Program *const *programs, int count, const Batch *batch,
                            Arena *arena, Vector *out, Error *err) {
    for (int a = 0; a < count; a++) {
        Vector value;
        TRY(program_evaluate(&chain->evaluator, programs[a], batch, arena, &value, err));
        if (value.encoding == VECTOR_FLAT || value.encoding == VECTOR_CONSTANT)
            out[a] = value;
        else
            vector_flatten_selected(&value, batch->row_count, batch->selection, batch->selected, &out[a],
                                    arena);
    }
    return STATUS_OK;
}

static Vector ordinality_vector(int rows, Arena *arena) {
    Vector vector;
    vector_init_flat(&vector, sqltype_of(SQL_INT8), rows > 0 ? rows : 1, arena);
    return vector;
}

/* ---- the source: parts of one long result ---------------------------------------------------------------
 */

typedef struct SliceSource {
    Source source;
    const TableFunctionCall *call;
    Program **programs;
    Vector *args;
    int64_t total;
} SliceSource;

typedef struct SliceState {
    int64_t next, end;
    Batch batch;
} SliceState;

static TableCall slice_call(const SliceSource *slice, Vector *out, Arena *arena) {
    return (TableCall){.args = slice->args,
                       .arg_count = slice->call->arg_count,
                       .row_count = 1,
                       .arena = arena,
                       .out = out,
                       .columns = slice->call->columns,
                       .column_count = slice->call->column_count,
                       .bind_data = slice->call->bind_data};
}

static Status slice_prepare(Source *source, Query *query, Error *err) {
    SliceSource *slice = (SliceSource *)source;
    Batch one = {.row_count = 1, .selected = 1};
    Evaluator evaluator;
    Status status = STATUS_OK;
    bool any_null = false;
    evaluator_init(&evaluator, query);
    for (int a = 0; a < slice->call->arg_count && status == STATUS_OK; a++) {
        Vector value;
        status = program_evaluate(&evaluator, slice->programs[a], &one, &query->arena, &value, err);
        if (status != STATUS_OK) break;
        vector_flatten(&value, 1, &slice->args[a], &query->arena);
        any_null = any_null || vector_is_null(&slice->args[a], 0);
    }
    evaluator_deinit(&evaluator);
    TRY(status);
    TableCall call = slice_call(slice, NULL, &query->arena);
    if (!any_null) TRY(slice->call->function->count(&call, &slice->total, err));
    source->morsel_count = slice->total / SLICE_MORSEL_ROWS + (slice->total % SLICE_MORSEL_ROWS > 0);
    return STATUS_OK;
}

static Status slice_open(Source *source, Chain *chain, void **state, Error *err) {
    *state = calloc(1, sizeof(SliceState));
    return *state ? STATUS_OK : error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
}

static Status slice_morsel_open(Source *source, Chain *chain, void *state_pointer, int64_t morsel,
                                bool *exhausted, Error *err) {
    SliceState *state = state_pointer;
    int64_t total = ((SliceSource *)source)->total;
    state->next = morsel * SLICE_MORSEL_ROWS;
    state->end = total - state->next > SLICE_MORSEL_ROWS ? state->next + SLICE_MORSEL_ROWS : total;
    return STATUS_OK;
}

static Status slice_next(Source *source, Chain *chain, void *state_pointer, Batch **out, Error *err) {
    SliceSource *slice = (SliceSource *)source;
    SliceState *state = state_pointer;
    if (state->next >= state->end) return STATUS_OK;
    int rows = state->end - state->next > BATCH_ROWS ? BATCH_ROWS : (int)(state->end - state->next);
    Arena *arena = &chain->batch_arena;
    int columns = slice->call->column_count;
    Vector *vectors = ARENA_NEW_ARRAY(arena, Vector, columns + 1);
    init_outputs(slice->call, vectors, arena);
    TableCall call = slice_call(slice, vectors, arena);
    TRY(slice->call->function->slice(&call, state->next, rows, err));
    if (source->node->ordinality) {
        vectors[columns] = ordinality_vector(rows, arena);
        for (int i = 0; i < rows; i++)
            ((int64_t *)vectors[columns].values)[i] = state->next + i + 1;
    }
    state->next += rows;
    state->batch = (Batch){
        .row_count = rows, .column_count = source->node->column_count, .columns = vectors, .selected = rows};
    *out = &state->batch;
    return STATUS_OK;
}

static void slice_close(Source *source, void *state) {
    free(state);
}

static const SourceOps slice_ops = {.prepare = slice_prepare,
                                    .open = slice_open,
                                    .morsel_open = slice_morsel_open,
                                    .next = slice_next,
                                    .close = slice_close};

bool table_function_is_source(const PlanNode *node) {
    return node->input_count == 0 && node->table_call_count == 1 && node->table_calls[0].function->slice &&
           !node->keep_empty;
}

Status table_function_source_create(Query *query, const PlanNode *node, Source **out, Error *err) {
    SliceSource *slice = ARENA_NEW(&query->arena, SliceSource);
    slice->source = (Source){.ops = &slice_ops, .node = node, .stats = query_stats_of(query, node)};
    slice->call = &node->table_calls[0];
    slice->args = ARENA_NEW_ARRAY(&query->arena, Vector, slice->call->arg_count + 1);
    TRY(programs_compile(query, slice->call->args, slice->call->arg_count, &slice->programs, err));
    *out = &slice->source;
    return STATUS_OK;
}

/* ---- the stage ------------------------------------------------------------------------------------------
 */

typedef struct FunctionStage {
    Stage stage;
    Program ***programs; /* per call */
} FunctionStage;

/* What one function has given for the current input batch and not yet been taken. */
typedef struct CallBuffer {
    Vector *args;
    uint16_t *rows; /* input rows it works on */
    int row_count;
    void *state;
    Vector *out;
    uint16_t input_rows[BATCH_ROWS];
    int count, at;
    bool done;
    Arena arena; /* of the results in `out` */
} CallBuffer;

typedef struct FunctionState {
    CallBuffer *buffers;
    int buffer_count;
    Arena output_arena; /* of one output batch and everything above it */
    uint16_t output_rows[BATCH_ROWS];
    int64_t ordinals[BATCH_ROWS];
    int64_t morsel, batch; /* of the input */
    int16_t *picks;        /* per call and output row: position in its buffer, -1 = NULL */
    int output_count;
} FunctionState;

static Status stage_open(Stage *stage, Chain *chain, void **out, Error *err) {
    int calls = stage->node->table_call_count;
    FunctionState *state = calloc(1, sizeof *state);
    if (!state) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    *out = state;
    arena_init(&state->output_arena);
    state->morsel = -1;
    state->buffers = calloc((size_t)calls, sizeof *state->buffers);
    state->picks = calloc((size_t)calls * BATCH_ROWS, sizeof *state->picks);
    if (!state->buffers || !state->picks) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    for (int f = 0; f < calls; f++)
        arena_init(&state->buffers[f].arena);
    state->buffer_count = calls;
    return STATUS_OK;
}

static void stage_close(Stage *stage, void *state_pointer) {
    FunctionState *state = state_pointer;
    for (int f = 0; f < state->buffer_count; f++)
        arena_deinit(&state->buffers[f].arena);
    arena_deinit(&state->output_arena);
    free(state->buffers);
    free(state->picks);
    free(state);
}

/* One push: the input batch and where its rows are worked off to. */
typedef struct Expansion {
    const PlanNode *node;
    FunctionState *state;
    Chain *chain;
    int index;
    Batch *batch;
} Expansion;

static Status buffer_begin(Expansion *expansion, int f, Error *err) {
    CallBuffer *buffer = &expansion->state->buffers[f];
    const TableFunctionCall *call = &expansion->node->table_calls[f];
    const Batch *batch = expansion->batch;
    Arena *arena = &expansion->chain->batch_arena;
    Program *const *programs = ((FunctionStage *)expansion->chain->stages[expansion->index])->programs[f];
    buffer->args = ARENA_NEW_ARRAY(arena, Vector, call->arg_count + 1);
    TRY(evaluate_args(expansion->chain, programs, call->arg_count, batch, arena, buffer->args, err));
    buffer->rows = arena_alloc(arena, sizeof *buffer->rows * (size_t)(batch->selected + 1));
    buffer->row_count = 0;
    for (int k = 0; k < batch->selected; k++) {
        int row = batch->selection ? batch->selection[k] : k;
        bool skipped = false;
        for (int a = 0; call->function->strict && a < call->arg_count; a++)
            skipped = skipped || vector_is_null(&buffer->args[a], row);
        if (!skipped) buffer->rows[buffer->row_count++] = (uint16_t)row;
    }
    buffer->state = arena_zalloc(arena, call->function->state_bytes + 16);
    buffer->out = ARENA_NEW_ARRAY(arena, Vector, call->column_count + 1);
    buffer->count = buffer->at = 0;
    buffer->done = buffer->row_count == 0;
    if (buffer->done) { /* its columns are NULL beside longer ones, and have types */
        arena_reset(&buffer->arena);
        init_outputs(call, buffer->out, &buffer->arena);
    }
    return STATUS_OK;
}

static Status buffer_fill(Expansion *expansion, int f, Error *err) {
    CallBuffer *buffer = &expansion->state->buffers[f];
    const TableFunctionCall *called = &expansion->node->table_calls[f];
    TRY(query_check(expansion->chain->query, err));
    arena_reset(&buffer->arena);
    init_outputs(called, buffer->out, &buffer->arena);
    TableCall call = {.args = buffer->args,
                      .arg_count = called->arg_count,
                      .rows = buffer->rows,
                      .row_count = buffer->row_count,
                      .state = buffer->state,
                      .state_arena = &expansion->chain->batch_arena,
                      .arena = &buffer->arena,
                      .out = buffer->out,
                      .input_rows = buffer->input_rows,
                      .columns = called->columns,
                      .column_count = called->column_count,
                      .bind_data = called->bind_data,
                      .statement_time_us = expansion->chain->query->statement_time_us,
                      .morsel = expansion->state->morsel,
                      .batch = expansion->state->batch};
    buffer->count = buffer->at = 0;
    Query *query = expansion->chain->query;
    KernelLimits limits = {.budget = &query->budget, .cancel = query->execution->cancel};
    KernelLimits *before = kernel_limits_enter(&limits);
    Status status = called->function->next(&call, &buffer->count, err);
    TRY(kernel_limits_leave(before, status, err));
    buffer->done = buffer->count == 0;
    return STATUS_OK;
}

/* Rows picks[k] of src, NULL where that is -1. */
static void gather_padded(const Vector *src, const int16_t *picks, int count, Vector *out, Arena *arena) {
    vector_init_flat(out, src->type, count, arena);
    size_t width = physical_width((PhysicalType)src->physical);
    for (int k = 0; k < count; k++) {
        char *to = (char *)out->values + (size_t)k * width;
        if (picks[k] >= 0 && !vector_is_null(src, picks[k])) {
            memcpy(to, (const char *)src->values + (size_t)picks[k] * width, width);
        } else {
            memset(to, 0, width);
            bitmap_clear(vector_make_validity(out, count, arena), (size_t)k);
        }
    }
}

static Status flush_in_arena(Expansion *expansion, Error *err) {
    FunctionState *state = expansion->state;
    const PlanNode *node = expansion->node;
    Arena *arena = &expansion->chain->batch_arena;
    int count = state->output_count, at = 0;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, node->column_count + 1);
    for (int i = 0; i < expansion->batch->column_count; i++)
        vector_gather(&expansion->batch->columns[i], state->output_rows, count, &columns[at++], arena);
    for (int f = 0; f < node->table_call_count; f++)
        for (int c = 0; c < node->table_calls[f].column_count; c++)
            gather_padded(&state->buffers[f].out[c], state->picks + (size_t)f * BATCH_ROWS, count,
                          &columns[at++], arena);
    if (node->ordinality) {
        columns[at] = ordinality_vector(count, arena);
        for (int k = 0; k < count; k++) {
            ((int64_t *)columns[at].values)[k] = state->ordinals[k];
            if (state->ordinals[k] == 0)
                bitmap_clear(vector_make_validity(&columns[at], count, arena), (size_t)k);
        }
    }
    Batch out = {
        .row_count = count, .column_count = node->column_count, .columns = columns, .selected = count};
    return chain_emit(expansion->chain, expansion->index + 1, &out, err);
}

/* The operators above allocate from the chain's batch arena: it stands aside for one of this batch's own, so
 * that many output batches of one input batch do not pile up. */
static Status flush(Expansion *expansion, Error *err) {
    FunctionState *state = expansion->state;
    if (state->output_count == 0) return STATUS_OK;
    Arena kept = expansion->chain->batch_arena;
    expansion->chain->batch_arena = state->output_arena;
    arena_reset(&expansion->chain->batch_arena);
    Status status = flush_in_arena(expansion, err);
    state->output_arena = expansion->chain->batch_arena;
    expansion->chain->batch_arena = kept;
    state->output_count = 0;
    return status;
}

/* Every buffer has rows or is done; what is ready goes out before any is filled anew. */
static Status refill(Expansion *expansion, Error *err) {
    FunctionState *state = expansion->state;
    for (int f = 0; f < state->buffer_count; f++) {
        if (state->buffers[f].done || state->buffers[f].at < state->buffers[f].count) continue;
        TRY(flush(expansion, err));
        TRY(buffer_fill(expansion, f, err));
    }
    if (state->output_count == BATCH_ROWS) TRY(flush(expansion, err));
    return STATUS_OK;
}

/* The next row of each function for input row `row`; false when none has any. */
static bool pick_row(FunctionState *state, int row) {
    bool any = false;
    for (int f = 0; f < state->buffer_count; f++) {
        CallBuffer *buffer = &state->buffers[f];
        bool has = buffer->at < buffer->count && buffer->input_rows[buffer->at] == row;
        state->picks[(size_t)f * BATCH_ROWS + (size_t)state->output_count] =
            has ? (int16_t)buffer->at++ : (int16_t)-1;
        any = any || has;
    }
    return any;
}

static bool wants_no_more(const Chain *chain) {
    return chain->morsel_stop || atomic_load_explicit(&chain->pipeline->finished_early, memory_order_relaxed);
}

static Status expand(Expansion *expansion, Error *err) {
    FunctionState *state = expansion->state;
    const Batch *batch = expansion->batch;
    int64_t given = 0; /* results of the current input row so far */
    for (int k = 0; k < batch->selected;) {
        int row = batch->selection ? batch->selection[k] : k;
        TRY(refill(expansion, err));
        if (wants_no_more(expansion->chain)) return STATUS_OK;
        bool any = pick_row(state, row);
        if (!any && (given > 0 || !expansion->node->keep_empty)) {
            k++;
            given = 0;
            continue;
        }
        state->output_rows[state->output_count] = (uint16_t)row;
        state->ordinals[state->output_count++] = any ? ++given : 0;
        if (!any) k++;
    }
    return flush(expansion, err);
}

static Status stage_push(Stage *stage, Chain *chain, void *state_pointer, int index, Batch *batch,
                         Error *err) {
    FunctionState *state = state_pointer;
    state->batch = state->morsel == chain->morsel ? state->batch + 1 : 0;
    state->morsel = chain->morsel;
    Expansion expansion = {
        .node = stage->node, .state = state, .chain = chain, .index = index, .batch = batch};
    for (int f = 0; f < stage->node->table_call_count; f++)
        TRY(buffer_begin(&expansion, f, err));
    return expand(&expansion, err);
}

static const StageOps stage_ops = {stage_open, stage_push, stage_close};

Status table_function_stage_create(Query *query, const PlanNode *node, Stage *next, Stage **out, Error *err) {
    FunctionStage *stage = ARENA_NEW(&query->arena, FunctionStage);
    stage->stage =
        (Stage){.ops = &stage_ops, .node = node, .stats = query_stats_of(query, node), .next = next};
    stage->programs = ARENA_NEW_ARRAY(&query->arena, Program **, node->table_call_count + 1);
    for (int f = 0; f < node->table_call_count; f++)
        TRY(programs_compile(query, node->table_calls[f].args, node->table_calls[f].arg_count,
                             &stage->programs[f], err));
    *out = &stage->stage;
    return STATUS_OK;
}

/* ---- one row of no columns: what functions without an input run over -------------------------------------
 */

static Status row_prepare(Source *source, Query *query, Error *err) {
    source->morsel_count = 1;
    return STATUS_OK;
}

static Status row_open(Source *source, Chain *chain, void **state, Error *err) {
    *state = calloc(1, sizeof(SliceState));
    return *state ? STATUS_OK : error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
}

static Status row_morsel_open(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                              Error *err) {
    ((SliceState *)state)->next = 0;
    return STATUS_OK;
}

static Status row_next(Source *source, Chain *chain, void *state_pointer, Batch **out, Error *err) {
    SliceState *state = state_pointer;
    if (state->next++) return STATUS_OK;
    state->batch = (Batch){.row_count = 1, .selected = 1};
    *out = &state->batch;
    return STATUS_OK;
}

static const SourceOps row_ops = {.prepare = row_prepare,
                                  .open = row_open,
                                  .morsel_open = row_morsel_open,
                                  .next = row_next,
                                  .close = slice_close};

Status single_row_source_create(Query *query, Source **out, Error *err) {
    Source *source = ARENA_NEW(&query->arena, Source);
    *source = (Source){.ops = &row_ops};
    *out = source;
    return STATUS_OK;
}
