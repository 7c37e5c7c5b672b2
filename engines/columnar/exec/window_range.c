/* Some whole partitions: where they and their peers start, and every call's results. */
#include <stdlib.h>

#include "engines/columnar/exec/window_internal.h"

Vector *window_result(WindowRange *range, const WindowPlan *plan, int64_t block) {
    Vector *out = &range->results[plan - range->window->calls][block];
    vector_init_flat(out, plan->call->call.type, BATCH_ROWS, &range->arena.arena);
    return out;
}

static Status mark_starts(WindowRange *range, int which, Error *err) {
    const SortLayout *layout = &range->window->sort.layout;
    const WindowSpec *spec = &range->window->specs[which];
    uint8_t *flags = range->flags[which];
    int keys = spec->partition_count + spec->order_count;
    for (int64_t i = 0; i < range->count; i++) {
        TRY(query_check_each(range->query, i, err));
        const char *row = range->rows[i], *before = i ? range->rows[i - 1] : NULL;
        if (!before || !sort_keys_equal(layout, spec->partition_count, before, row))
            flags[i] = ROW_STARTS_PARTITION | ROW_STARTS_PEERS;
        else if (spec->order_count && !sort_keys_equal(layout, keys, before, row))
            flags[i] = ROW_STARTS_PEERS;
        else
            flags[i] = 0;
    }
    return STATUS_OK;
}

static Status compute_call(WindowRange *range, int which, Error *err) {
    const WindowPlan *plan = &range->window->calls[which];
    switch (plan->call->kind) {
    case WINDOW_ROW_NUMBER:
    case WINDOW_RANK:
    case WINDOW_DENSE_RANK:
    case WINDOW_PERCENT_RANK:
    case WINDOW_CUME_DIST: return window_compute_rank(range, plan, err);
    case WINDOW_AGGREGATE: return window_compute_aggregate(range, plan, which, err);
    default: return window_compute_value(range, plan, which, err);
    }
}

Status window_range_compute(WindowRange *range, Error *err) {
    const Window *window = range->window;
    Arena *arena = &range->arena.arena;
    range->flags = ARENA_NEW_ARRAY(arena, uint8_t *, window->spec_count + 1);
    range->results = ARENA_NEW_ARRAY(arena, Vector *, window->call_count + 1);
    for (int s = 0; s < window->spec_count; s++) {
        range->flags[s] = arena_alloc(arena, (size_t)range->count + 1);
        TRY(charged_arena_settle(range->query, &range->arena, err));
        TRY(mark_starts(range, s, err));
    }
    for (int c = 0; c < window->call_count; c++) {
        range->results[c] = ARENA_NEW_ARRAY(arena, Vector, range_blocks(range) + 1);
        TRY(compute_call(range, c, err));
    }
    return charged_arena_settle(range->query, &range->arena, err);
}
