/* Ranks, and values of other rows: lag, lead, first_value, last_value, nth_value, ntile. */
#include "engines/columnar/exec/window_internal.h"

/* ---- ranks -----------------------------------------------------------------------------------------------
 */

typedef struct RankState {
    int64_t partition, peers, groups; /* starts, and peer groups so far */
    int64_t partition_end, peers_end; /* found ahead, for shares of the partition */
} RankState;

static int64_t next_start(const uint8_t *flags, int64_t count, int64_t from, uint8_t wanted) {
    while (from < count && !(flags[from] & wanted))
        from++;
    return from;
}

static void step_rank(RankState *state, const uint8_t *flags, int64_t count, int64_t row, bool shares) {
    if (flags[row] & ROW_STARTS_PARTITION) {
        state->partition = row;
        state->groups = 0;
        if (shares) state->partition_end = next_start(flags, count, row + 1, ROW_STARTS_PARTITION);
    }
    if (flags[row] & ROW_STARTS_PEERS) {
        state->peers = row;
        state->groups++;
        if (shares) state->peers_end = next_start(flags, count, row + 1, ROW_STARTS_PEERS);
    }
}

Status window_compute_rank(WindowRange *range, const WindowPlan *plan, Error *err) {
    const uint8_t *flags = range->flags[plan->spec];
    WindowKind kind = plan->call->kind;
    bool shares = kind == WINDOW_PERCENT_RANK || kind == WINDOW_CUME_DIST;
    RankState state = {0};
    for (int64_t block = 0, row = 0; block < range_blocks(range); block++) {
        Vector *out = window_result(range, plan, block);
        int rows = range_block_rows(range, block);
        for (int k = 0; k < rows; k++, row++) {
            step_rank(&state, flags, range->count, row, shares);
            int64_t *whole = (int64_t *)out->values + k;
            double *share = (double *)out->values + k;
            int64_t size = state.partition_end - state.partition;
            switch (kind) {
            case WINDOW_ROW_NUMBER: *whole = row - state.partition + 1; break;
            case WINDOW_RANK: *whole = state.peers - state.partition + 1; break;
            case WINDOW_DENSE_RANK: *whole = state.groups; break;
            case WINDOW_PERCENT_RANK:
                *share = size > 1 ? (double)(state.peers - state.partition) / (double)(size - 1) : 0;
                break;
            default: *share = (double)(state.peers_end - state.partition) / (double)size;
            }
        }
        TRY(query_check(range->query, err));
        TRY(charged_arena_settle(range->query, &range->arena, err));
    }
    return STATUS_OK;
}

/* ---- values ----------------------------------------------------------------------------------------------
 */

typedef struct ValueState {
    FrameCursor cursor;
    const uint8_t *flags;
    int64_t low, high; /* the partition */
    int64_t buckets;   /* ntile: of this partition, 0 = not known yet */
    int64_t first;     /* ntile: the row of bucket 1 */
    Arena arena;       /* reset after each block */
    char *rows[BATCH_ROWS];
    FrameRows frames[BATCH_ROWS];
} ValueState;

static const RowColumn *column_of(const WindowRange *range, int column) {
    return &range->window->sort.layout.rows.columns[column];
}

/* False when NULL. */
static bool read_int4(const WindowRange *range, int column, int64_t row, int64_t *out) {
    const RowColumn *place = column_of(range, column);
    int32_t value;
    if (range->rows[row][place->null_offset]) return false;
    memcpy(&value, range->rows[row] + place->offset, sizeof value);
    *out = value;
    return true;
}

static void enter_partition(WindowRange *range, ValueState *state, int64_t row) {
    if (!(state->flags[row] & ROW_STARTS_PARTITION)) return;
    state->low = row;
    state->high = next_start(state->flags, range->count, row + 1, ROW_STARTS_PARTITION);
}

static Status fill_ntile(WindowRange *range, const WindowPlan *plan, ValueState *state, int64_t first,
                         int count, Vector *out, Error *err) {
    for (int k = 0; k < count; k++) {
        int64_t row = first + k;
        enter_partition(range, state, row);
        if (row == state->low) state->buckets = 0;
        if (!state->buckets) { /* the first row with an argument settles it */
            state->first = row;
            if (read_int4(range, plan->args[0], row, &state->buckets) && state->buckets <= 0)
                return error_set(err, "22014", "argument of ntile must be greater than zero");
        }
        if (!state->buckets) {
            ((int32_t *)out->values)[k] = 0;
            window_result_null(range, out, k);
            continue;
        }
        /* The first `rest` buckets have one row more. */
        int64_t size = state->high - state->low, place = row - state->first;
        int64_t each = size / state->buckets, rest = size % state->buckets, large = rest * (each + 1);
        int64_t bucket = place < large ? place / (each + 1) : rest + (place - large) / (each ? each : 1);
        ((int32_t *)out->values)[k] = (int32_t)bucket + 1;
    }
    return STATUS_OK;
}

/* The n-th row (0-based) of a frame, -1 when it has no such row. */
static int64_t frame_row(const FrameRows *frame, int64_t n) {
    int64_t before_end = frame->end < frame->hole_start ? frame->end : frame->hole_start;
    int64_t before = before_end > frame->start ? before_end - frame->start : 0;
    if (n < before) return frame->start + n;
    n -= before;
    if (frame->kept >= frame->start && frame->kept < frame->end && n-- == 0) return frame->kept;
    int64_t after = frame->hole_end > frame->start ? frame->hole_end : frame->start;
    return after + n < frame->end ? after + n : -1;
}

static int64_t frame_last(const FrameRows *frame) {
    int64_t after = frame->hole_end > frame->start ? frame->hole_end : frame->start;
    if (after < frame->end) return frame->end - 1;
    if (frame->kept >= frame->start && frame->kept < frame->end) return frame->kept;
    int64_t before_end = frame->end < frame->hole_start ? frame->end : frame->hole_start;
    return before_end > frame->start ? before_end - 1 : -1;
}

static Status locate_framed(WindowRange *range, const WindowPlan *plan, ValueState *state, int64_t first,
                            int count, Error *err) {
    TRY(frame_cursor_fill(&state->cursor, first, count, state->frames, err));
    for (int k = 0; k < count; k++) {
        int64_t row = -1, n = 1;
        if (plan->call->kind == WINDOW_LAST_VALUE) {
            row = frame_last(&state->frames[k]);
        } else if (plan->call->kind == WINDOW_FIRST_VALUE) {
            row = frame_row(&state->frames[k], 0);
        } else if (read_int4(range, plan->args[1], first + k, &n)) {
            if (n <= 0) return error_set(err, "22016", "argument of nth_value must be greater than zero");
            row = frame_row(&state->frames[k], n - 1);
        }
        state->rows[k] = row >= 0 ? range->rows[row] : NULL;
    }
    return STATUS_OK;
}

/* Rows outside the partition take the default; `missing` tells which. */
static void locate_shifted(WindowRange *range, const WindowPlan *plan, ValueState *state, int64_t first,
                           int count, bool *missing) {
    bool back = plan->call->kind == WINDOW_LAG;
    for (int k = 0; k < count; k++) {
        int64_t row = first + k, shift = 1;
        enter_partition(range, state, row);
        missing[k] = false;
        state->rows[k] = NULL;
        if (plan->call->call.arg_count > 1 && !read_int4(range, plan->args[1], row, &shift)) continue;
        int64_t source = back ? row - shift : row + shift;
        if (source >= state->low && source < state->high)
            state->rows[k] = range->rows[source];
        else
            missing[k] = true;
    }
}

static void fill_defaults(WindowRange *range, const WindowPlan *plan, ValueState *state, int64_t first,
                          int count, const bool *missing, Vector *out) {
    Vector defaults;
    rows_gather(&range->window->sort.layout.rows, plan->args[2], range->rows + first, count, NULL, count,
                &defaults, &state->arena);
    size_t width = physical_width((PhysicalType)out->physical);
    for (int k = 0; k < count; k++) {
        if (!missing[k]) continue;
        memcpy((char *)out->values + (size_t)k * width, (const char *)defaults.values + (size_t)k * width,
               width);
        if (!vector_is_null(&defaults, k)) bitmap_set(out->validity, (size_t)k);
    }
}

static Status fill_block(WindowRange *range, const WindowPlan *plan, ValueState *state, int64_t block,
                         Error *err) {
    int64_t first = block * BATCH_ROWS;
    int count = range_block_rows(range, block);
    Vector *out;
    if (plan->call->kind == WINDOW_NTILE)
        return fill_ntile(range, plan, state, first, count, window_result(range, plan, block), err);
    bool shifted = plan->call->kind == WINDOW_LAG || plan->call->kind == WINDOW_LEAD;
    bool missing[BATCH_ROWS];
    if (shifted)
        locate_shifted(range, plan, state, first, count, missing);
    else
        TRY(locate_framed(range, plan, state, first, count, err));
    out = &range->results[plan - range->window->calls][block];
    rows_gather(&range->window->sort.layout.rows, plan->args[0], state->rows, count, NULL, count, out,
                &range->arena.arena);
    if (shifted && plan->call->call.arg_count > 2 && out->validity)
        fill_defaults(range, plan, state, first, count, missing, out);
    out->type = plan->call->call.type;
    return STATUS_OK;
}

Status window_compute_value(WindowRange *range, const WindowPlan *plan, int which, Error *err) {
    ValueState *state = ARENA_NEW(&range->arena.arena, ValueState);
    state->flags = range->flags[plan->spec];
    frame_cursor_init(&state->cursor, range, plan);
    arena_init(&state->arena);
    Status status = STATUS_OK;
    for (int64_t block = 0; block < range_blocks(range) && status == STATUS_OK; block++) {
        status = query_check(range->query, err);
        if (status == STATUS_OK) status = fill_block(range, plan, state, block, err);
        if (status == STATUS_OK) status = charged_arena_settle(range->query, &range->arena, err);
        arena_reset(&state->arena);
    }
    frame_cursor_deinit(&state->cursor);
    arena_deinit(&state->arena);
    return status;
}
