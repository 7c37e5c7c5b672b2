/* The aggregate of a frame whose bounds only grow. */
#include "engines/columnar/exec/window_internal.h"

enum { CHUNK_ROWS = 512 };

/* ---- one row's state -------------------------------------------------------------------------------------
 */

Status window_block_input(WindowRange *range, const WindowPlan *plan, int64_t first, int count, Arena *arena,
                          AggregateInput *input, Error *err) {
    const RowLayout *rows = &range->window->sort.layout.rows;
    const AggregateCall *call = &plan->call->call;
    Vector *args = ARENA_NEW_ARRAY(arena, Vector, call->arg_count + 1);
    for (int a = 0; a < call->arg_count; a++)
        rows_gather(rows, plan->args[a], range->rows + first, count, NULL, count, &args[a], arena);
    *input = (AggregateInput){.args = args,
                              .arg_count = call->arg_count,
                              .row_count = count,
                              .selected = count,
                              .arena = &range->arena.arena};
    if (plan->filter < 0) return STATUS_OK;
    const RowColumn *column = &rows->columns[plan->filter];
    uint16_t *selection = arena_alloc(arena, sizeof *selection * (size_t)(count + 1));
    input->selected = 0;
    for (int k = 0; k < count; k++) {
        const char *row = range->rows[first + k];
        if (!row[column->null_offset] && row[column->offset]) selection[input->selected++] = (uint16_t)k;
    }
    input->selection = selection;
    return STATUS_OK;
}

void leaves_init(Leaves *leaves, WindowRange *range, const WindowPlan *plan) {
    *leaves = (Leaves){.range = range,
                       .plan = plan,
                       .function = plan->call->call.function,
                       .stride = (plan->call->call.function->state_bytes + 15) & ~(size_t)15};
    for (int b = 0; b < LEAF_BLOCKS; b++)
        leaves->blocks[b].block = -1;
}

void leaves_deinit(Leaves *leaves) {
    for (int b = 0; b < LEAF_BLOCKS; b++)
        query_free(leaves->range->query, leaves->blocks[b].states, leaves->stride * BATCH_ROWS);
}

void leaves_empty_state(const Leaves *leaves, char *state) {
    memset(state, 0, leaves->stride);
    if (leaves->function->init) leaves->function->init(state);
}

static Status fill_leaves(Leaves *leaves, LeafBlock *block, int64_t number, Error *err) {
    WindowRange *range = leaves->range;
    int count = range_block_rows(range, number);
    uint32_t groups[BATCH_ROWS];
    if (!block->states)
        TRY(query_alloc(range->query, leaves->stride * BATCH_ROWS, (void **)&block->states, err));
    block->block = -1;
    for (int k = 0; k < count; k++)
        leaves_empty_state(leaves, block->states + (size_t)k * leaves->stride);
    Arena arena;
    AggregateInput input;
    arena_init(&arena);
    Status status = window_block_input(range, leaves->plan, number * BATCH_ROWS, count, &arena, &input, err);
    for (int k = 0; k < input.selected; k++)
        groups[k] = input.selection ? input.selection[k] : (uint32_t)k;
    if (status == STATUS_OK && input.selected)
        status = leaves->function->update(block->states, leaves->stride, groups, &input, err);
    arena_deinit(&arena);
    TRY(status);
    block->block = number;
    return charged_arena_settle(range->query, &range->arena, err);
}

Status leaves_get(Leaves *leaves, int64_t row, const char **state, Error *err) {
    int64_t number = row / BATCH_ROWS;
    LeafBlock *oldest = &leaves->blocks[0];
    for (int b = 0; b < LEAF_BLOCKS; b++) {
        LeafBlock *block = &leaves->blocks[b];
        if (block->block == number) {
            block->used = ++leaves->clock;
            *state = block->states + (size_t)(row % BATCH_ROWS) * leaves->stride;
            return STATUS_OK;
        }
        if (block->used < oldest->used) oldest = block;
    }
    TRY(fill_leaves(leaves, oldest, number, err));
    oldest->used = ++leaves->clock;
    *state = oldest->states + (size_t)(row % BATCH_ROWS) * leaves->stride;
    return STATUS_OK;
}

Status leaves_add_rows(Leaves *leaves, int64_t start, int64_t end, char *state, Error *err) {
    for (int64_t row = start; row < end; row++) {
        const char *leaf;
        TRY(query_check_each(leaves->range->query, row, err));
        TRY(leaves_get(leaves, row, &leaf, err));
        TRY(leaves->function->combine(state, leaf, &leaves->range->arena.arena, err));
    }
    return STATUS_OK;
}

/* ---- sliding ---------------------------------------------------------------------------------------------
 */

void slide_init(Slide *slide, Leaves *leaves) {
    *slide = (Slide){.leaves = leaves, .chunk_start = -1, .chunk_end = -1, .back_empty = true};
}

void slide_deinit(Slide *slide) {
    Query *query = slide->leaves->range->query;
    query_free(query, slide->front, slide->front_bytes);
    query_free(query, slide->totals, slide->totals_bytes);
    query_free(query, slide->back, slide->leaves->stride);
}

static Status reserve_states(Slide *slide, char **states, size_t *bytes, size_t wanted, Error *err) {
    Query *query = slide->leaves->range->query;
    if (*bytes >= wanted) return STATUS_OK;
    query_free(query, *states, *bytes);
    *states = NULL;
    *bytes = 0;
    TRY(query_alloc(query, wanted * 2, (void **)states, err));
    *bytes = wanted * 2;
    return STATUS_OK;
}

/* The front's chunks are counted from front_start. */
static int64_t chunk_of(const Slide *slide, int64_t row) {
    return (row - slide->front_start) / CHUNK_ROWS;
}

static int64_t chunk_end_of(const Slide *slide, int64_t chunk) {
    int64_t end = slide->front_start + (chunk + 1) * CHUNK_ROWS;
    return end < slide->middle ? end : slide->middle;
}

/* totals[c]: all rows of the front behind chunk c. */
static Status make_totals(Slide *slide, Error *err) {
    const Leaves *leaves = slide->leaves;
    size_t stride = leaves->stride;
    int64_t last = chunk_of(slide, slide->middle - 1);
    if (last == 0) return STATUS_OK;
    TRY(reserve_states(slide, &slide->totals, &slide->totals_bytes, stride * (size_t)(last + 1), err));
    leaves_empty_state(leaves, slide->totals + (size_t)last * stride);
    for (int64_t c = last - 1; c >= 0; c--) {
        char *total = slide->totals + (size_t)c * stride;
        leaves_empty_state(leaves, total);
        TRY(leaves_add_rows(slide->leaves, slide->front_start + (c + 1) * CHUNK_ROWS,
                            chunk_end_of(slide, c + 1), total, err));
        TRY(leaves->function->combine(total, total + stride, &leaves->range->arena.arena, err));
    }
    return STATUS_OK;
}

/* States of the suffixes of the chunk that `row` is in. */
static Status enter_chunk(Slide *slide, int64_t row, Error *err) {
    const Leaves *leaves = slide->leaves;
    size_t stride = leaves->stride;
    slide->chunk_start = row;
    slide->chunk_end = chunk_end_of(slide, chunk_of(slide, row));
    TRY(reserve_states(slide, &slide->front, &slide->front_bytes, stride * (size_t)(slide->chunk_end - row),
                       err));
    for (int64_t r = slide->chunk_end - 1; r >= row; r--) {
        char *state = slide->front + (size_t)(r - row) * stride;
        const char *leaf;
        TRY(leaves_get(slide->leaves, r, &leaf, err));
        if (leaves->plan->careful) { /* a copy would share what both may write to */
            leaves_empty_state(leaves, state);
            TRY(leaves->function->combine(state, leaf, &leaves->range->arena.arena, err));
        } else {
            memcpy(state, leaf, stride);
        }
        if (r + 1 < slide->chunk_end)
            TRY(leaves->function->combine(state, state + stride, &leaves->range->arena.arena, err));
    }
    return STATUS_OK;
}

static Status refill_front(Slide *slide, int64_t start, int64_t end, Error *err) {
    slide->front_start = start;
    slide->middle = slide->back_end = end;
    slide->chunk_end = -1;
    slide->back_empty = true;
    return make_totals(slide, err);
}

static Status extend_back(Slide *slide, int64_t end, Error *err) {
    if (end <= slide->back_end) return STATUS_OK;
    if (!slide->back)
        TRY(query_alloc(slide->leaves->range->query, slide->leaves->stride, (void **)&slide->back, err));
    if (slide->back_empty) leaves_empty_state(slide->leaves, slide->back);
    slide->back_empty = false;
    TRY(leaves_add_rows(slide->leaves, slide->back_end, end, slide->back, err));
    slide->back_end = end;
    return STATUS_OK;
}

Status slide_add(Slide *slide, int64_t start, int64_t end, char *into, Error *err) {
    const Leaves *leaves = slide->leaves;
    Arena *arena = &leaves->range->arena.arena;
    if (start >= end) return STATUS_OK;
    if (start >= slide->middle)
        TRY(refill_front(slide, start, end, err));
    else
        TRY(extend_back(slide, end, err));
    if (start >= slide->chunk_end) TRY(enter_chunk(slide, start, err));
    TRY(leaves->function->combine(into, slide->front + (size_t)(start - slide->chunk_start) * leaves->stride,
                                  arena, err));
    int64_t chunk = chunk_of(slide, start);
    if (slide->chunk_end < slide->middle)
        TRY(leaves->function->combine(into, slide->totals + (size_t)chunk * leaves->stride, arena, err));
    return slide->back_empty ? STATUS_OK : leaves->function->combine(into, slide->back, arena, err);
}
