/* Aggregates over frames: one state per partition when the frame is all of it, a running state when it starts
 * with the partition, else two that slide (window_slide.c). */
#include "engines/columnar/exec/window_internal.h"

/* ---- the whole partition ---------------------------------------------------------------------------------
 */

static int64_t count_partitions(const uint8_t *flags, int64_t count) {
    int64_t partitions = 0;
    for (int64_t i = 0; i < count; i++)
        partitions += flags[i] & ROW_STARTS_PARTITION;
    return partitions;
}

static Status add_partitions(WindowRange *range, const WindowPlan *plan, char *states, size_t stride,
                             Error *err) {
    const uint8_t *flags = range->flags[plan->spec];
    uint32_t groups[BATCH_ROWS];
    int64_t partition = -1;
    Arena arena;
    arena_init(&arena);
    Status status = STATUS_OK;
    for (int64_t block = 0; block < range_blocks(range) && status == STATUS_OK; block++) {
        int64_t first = block * BATCH_ROWS, base = partition < 0 ? 0 : partition;
        int count = range_block_rows(range, block), at = 0;
        AggregateInput input;
        arena_reset(&arena);
        status = window_block_input(range, plan, first, count, &arena, &input, err);
        for (int k = 0; k < count; k++) {
            partition += flags[first + k] & ROW_STARTS_PARTITION;
            if (!input.selection || (at < input.selected && input.selection[at] == k))
                groups[at++] = (uint32_t)(partition - base);
        }
        if (status == STATUS_OK && input.selected)
            status = plan->call->call.function->update(states + (size_t)base * stride, stride, groups, &input,
                                                       err);
        if (status == STATUS_OK) status = query_check(range->query, err);
        if (status == STATUS_OK) status = charged_arena_settle(range->query, &range->arena, err);
    }
    arena_deinit(&arena);
    return status;
}

/* Each row gets its partition's result. */
static void spread_partitions(WindowRange *range, const WindowPlan *plan, const Vector *results) {
    const uint8_t *flags = range->flags[plan->spec];
    size_t width = physical_width((PhysicalType)results->physical);
    int64_t partition = -1;
    for (int64_t block = 0, row = 0; block < range_blocks(range); block++) {
        Vector *out = window_result(range, plan, block);
        char *values = out->values;
        int count = range_block_rows(range, block);
        for (int k = 0; k < count; k++, row++) {
            partition += flags[row] & ROW_STARTS_PARTITION;
            memcpy(values + (size_t)k * width, (const char *)results->values + (size_t)partition * width,
                   width);
            if (vector_is_null(results, (int)partition)) window_result_null(range, out, k);
        }
    }
}

static Status aggregate_partitions(WindowRange *range, const WindowPlan *plan, Error *err) {
    const AggregateFunction *function = plan->call->call.function;
    size_t stride = (function->state_bytes + 15) & ~(size_t)15;
    int64_t partitions = count_partitions(range->flags[plan->spec], range->count);
    if (partitions > INT32_MAX)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "too many partitions in one range of rows");
    size_t bytes = stride * (size_t)partitions;
    char *states;
    TRY(query_zalloc(range->query, bytes, (void **)&states, err));
    for (int64_t p = 0; function->init && p < partitions; p++)
        function->init(states + (size_t)p * stride);
    Vector results;
    vector_init_flat(&results, plan->call->call.type, (int)partitions + 1, &range->arena.arena);
    Status status = charged_arena_settle(range->query, &range->arena, err);
    if (status == STATUS_OK) status = add_partitions(range, plan, states, stride, err);
    if (status == STATUS_OK)
        status = function->finalize(states, stride, (int)partitions, &results, &range->arena.arena, err);
    if (status == STATUS_OK) spread_partitions(range, plan, &results);
    query_free(range->query, states, bytes);
    return status;
}

/* ---- other frames ----------------------------------------------------------------------------------------
 */

typedef struct FrameAggregate {
    WindowRange *range;
    const WindowPlan *plan;
    Leaves leaves;
    FrameCursor cursor;
    Slide before, after; /* the hole; without one, `before` is all */
    char *running;       /* state of [partition, running_end) */
    int64_t running_end;
    char *states; /* of a block */
    FrameRows frames[BATCH_ROWS];
} FrameAggregate;

static Status add_running(FrameAggregate *aggregate, const FrameRows *frame, int64_t row, char *state,
                          Error *err) {
    const uint8_t *flags = aggregate->range->flags[aggregate->plan->spec];
    if (flags[row] & ROW_STARTS_PARTITION) {
        leaves_empty_state(&aggregate->leaves, aggregate->running);
        aggregate->running_end = frame->start;
    }
    if (frame->end > aggregate->running_end) {
        TRY(leaves_add_rows(&aggregate->leaves, aggregate->running_end, frame->end, aggregate->running, err));
        aggregate->running_end = frame->end;
    }
    memcpy(state, aggregate->running, aggregate->leaves.stride);
    return STATUS_OK;
}

/* Floats are added in the frame's order while frames are short: the last digit depends on it. */
static Status add_part(FrameAggregate *aggregate, Slide *slide, int64_t start, int64_t end, char *state,
                       Error *err) {
    enum { SHORT_ROWS = 128 };
    if (aggregate->plan->in_order && end - start <= SHORT_ROWS)
        return leaves_add_rows(&aggregate->leaves, start, end, state, err);
    return slide_add(slide, start, end, state, err);
}

static Status add_frame(FrameAggregate *aggregate, const FrameRows *frame, char *state, Error *err) {
    int64_t before_end = frame->end < frame->hole_start ? frame->end : frame->hole_start;
    int64_t after = frame->hole_end > frame->start ? frame->hole_end : frame->start;
    TRY(add_part(aggregate, &aggregate->before, frame->start, before_end, state, err));
    if (frame->kept >= frame->start && frame->kept < frame->end) {
        const char *leaf;
        TRY(leaves_get(&aggregate->leaves, frame->kept, &leaf, err));
        TRY(aggregate->leaves.function->combine(state, leaf, &aggregate->range->arena.arena, err));
    }
    return add_part(aggregate, &aggregate->after, after, frame->end, state, err);
}

static void own_string(WindowRange *range, Vector *out, int row) {
    StringView *view = (StringView *)out->values + row;
    if (view->length > 12) view->pointer = arena_memdup(&range->arena.arena, view->pointer, view->length);
}

/* One result at once: the next state may write where this one's value stands. */
static Status finalise_one(FrameAggregate *aggregate, const char *state, Vector *out, int row, Error *err) {
    WindowRange *range = aggregate->range;
    Vector one;
    size_t width = physical_width((PhysicalType)out->physical);
    vector_init_flat(&one, out->type, 1, &range->arena.arena);
    TRY(aggregate->leaves.function->finalize(state, aggregate->leaves.stride, 1, &one, &range->arena.arena,
                                             err));
    memcpy((char *)out->values + (size_t)row * width, one.values, width);
    if (vector_is_null(&one, 0))
        window_result_null(range, out, row);
    else if (out->physical == PHYS_STRING)
        own_string(range, out, row);
    return STATUS_OK;
}

static Status aggregate_block(FrameAggregate *aggregate, int64_t block, Error *err) {
    WindowRange *range = aggregate->range;
    const WindowPlan *plan = aggregate->plan;
    size_t stride = aggregate->leaves.stride;
    bool running = plan->from_start && plan->call->frame.exclusion == EXCLUDE_NONE;
    int64_t first = block * BATCH_ROWS;
    int count = range_block_rows(range, block);
    Vector *out = window_result(range, plan, block);
    TRY(frame_cursor_fill(&aggregate->cursor, first, count, aggregate->frames, err));
    for (int k = 0; k < count; k++) {
        const FrameRows *frame = &aggregate->frames[k];
        char *state = aggregate->states + (plan->careful ? 0 : (size_t)k * stride);
        if (running) {
            TRY(add_running(aggregate, frame, first + k, state, err));
        } else {
            leaves_empty_state(&aggregate->leaves, state);
            TRY(add_frame(aggregate, frame, state, err));
        }
        if (plan->careful) TRY(finalise_one(aggregate, state, out, k, err));
    }
    if (!plan->careful)
        TRY(aggregate->leaves.function->finalize(aggregate->states, stride, count, out, &range->arena.arena,
                                                 err));
    TRY(query_check(range->query, err));
    return charged_arena_settle(range->query, &range->arena, err);
}

static Status aggregate_frames(WindowRange *range, const WindowPlan *plan, Error *err) {
    FrameAggregate *aggregate = ARENA_NEW(&range->arena.arena, FrameAggregate);
    aggregate->range = range;
    aggregate->plan = plan;
    leaves_init(&aggregate->leaves, range, plan);
    frame_cursor_init(&aggregate->cursor, range, plan);
    slide_init(&aggregate->before, &aggregate->leaves);
    slide_init(&aggregate->after, &aggregate->leaves);
    size_t stride = aggregate->leaves.stride;
    Status status = query_alloc(range->query, stride * BATCH_ROWS, (void **)&aggregate->states, err);
    if (status == STATUS_OK) status = query_alloc(range->query, stride, (void **)&aggregate->running, err);
    for (int64_t block = 0; block < range_blocks(range) && status == STATUS_OK; block++)
        status = aggregate_block(aggregate, block, err);
    query_free(range->query, aggregate->states, stride * BATCH_ROWS);
    query_free(range->query, aggregate->running, stride);
    slide_deinit(&aggregate->before);
    slide_deinit(&aggregate->after);
    frame_cursor_deinit(&aggregate->cursor);
    leaves_deinit(&aggregate->leaves);
    return status;
}

Status window_compute_aggregate(WindowRange *range, const WindowPlan *plan, int which, Error *err) {
    if (plan->whole_partition && plan->call->frame.exclusion == EXCLUDE_NONE)
        return aggregate_partitions(range, plan, err);
    return aggregate_frames(range, plan, err);
}
