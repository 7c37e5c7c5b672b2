/* Joins without keys: every left row meets every build row, a block at a time. Whichever side is shorter goes
 * row by row, as constants beside the other side's columns, so that conditions run over whole vectors and
 * nothing is copied for pairs that do not pass. */
#include "engines/columnar/exec/join_internal.h"

/* The right columns of one build row as constants; only those wanted (NULL = all). */
static void constant_row(const Join *join, char *row, const bool *wanted, Vector *columns, Arena *arena) {
    for (int i = 0; i < join->rows.column_count; i++) {
        if (wanted && !wanted[join->left_count + i]) continue;
        rows_gather(&join->rows, i, &row, 1, NULL, 1, &columns[i], arena);
        columns[i].encoding = VECTOR_CONSTANT;
    }
}

/* A value of a FLAT vector as a constant; the vector's memory is shared. */
static Vector constant_value(const Vector *flat, int row, Arena *arena) {
    Vector value = *flat;
    value.encoding = VECTOR_CONSTANT;
    value.values = (char *)flat->values + (size_t)row * physical_width((PhysicalType)flat->physical);
    value.validity = NULL;
    if (vector_is_null(flat, row)) {
        value.validity = arena_zalloc(arena, sizeof(uint64_t));
        value.values = flat->values; /* unspecified, but there */
    }
    return value;
}

typedef struct Loop {
    Probe *probe;
    const bool *wanted; /* columns the condition reads, NULL = all go out */
    Vector *left;       /* FLAT, when the left side goes row by row */
    Batch block;        /* of build rows, likewise */
    int64_t block_start;
    bool block_whole; /* every column was gathered, not only those the condition reads */
} Loop;

/* From so many on, rows that pass go on as a selection of the vectors they were tested in. */
enum { MANY_PASSED = 64 };

static bool is_wanted(const Loop *loop, int column) {
    return !loop->wanted || loop->wanted[column];
}

/* One build row beside the batch, one left row beside the block. */
static Batch beside_batch(const Loop *loop, int64_t right, bool whole, Arena *arena) {
    const Join *join = loop->probe->join;
    Batch out = *loop->probe->batch;
    out.column_count = join->left_count + join->rows.column_count;
    out.columns = ARENA_NEW_ARRAY(arena, Vector, out.column_count + 1);
    memcpy(out.columns, loop->probe->batch->columns, sizeof(Vector) * (size_t)join->left_count);
    for (int i = 0; i < join->left_count; i++)
        out.columns[i].dictionary_id = 0; /* results over it are true of this build row only */
    constant_row(join, join->all_rows[right], whole ? NULL : loop->wanted, out.columns + join->left_count,
                 arena);
    return out;
}

static Batch beside_block(const Loop *loop, uint16_t left, Arena *arena) {
    const Join *join = loop->probe->join;
    Batch out = loop->block;
    out.column_count = join->left_count + join->rows.column_count;
    out.columns = ARENA_NEW_ARRAY(arena, Vector, out.column_count + 1);
    for (int i = 0; i < join->left_count; i++)
        out.columns[i] = constant_value(&loop->left[i], left, arena);
    memcpy(out.columns + join->left_count, loop->block.columns,
           sizeof(Vector) * (size_t)join->rows.column_count);
    return out;
}

static void flatten_left(Loop *loop, Arena *arena) {
    const Batch *batch = loop->probe->batch;
    int count = loop->probe->join->left_count;
    loop->left = ARENA_NEW_ARRAY(arena, Vector, count + 1);
    for (int i = 0; i < count; i++) {
        vector_init_flat(&loop->left[i], batch->columns[i].type, batch->row_count, arena);
        vector_flatten_selected(&batch->columns[i], batch->row_count, batch->selection, batch->selected,
                                &loop->left[i], arena);
    }
}

static void gather_block(Loop *loop, int64_t start, bool whole, Arena *arena) {
    const Join *join = loop->probe->join;
    int64_t left = join->row_count - start;
    int count = left < BATCH_ROWS ? (int)left : BATCH_ROWS;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, join->rows.column_count + 1);
    for (int i = 0; i < join->rows.column_count; i++)
        if (whole || is_wanted(loop, join->left_count + i))
            rows_gather(&join->rows, i, join->all_rows + start, count, NULL, count, &columns[i], arena);
    loop->block_start = start;
    loop->block_whole = whole;
    loop->block = (Batch){.row_count = count, .columns = columns, .selected = count};
}

static Status note_match(Loop *loop, uint16_t left, int64_t right, Error *err) {
    Probe *probe = loop->probe;
    if (probe->join->type == JOIN_SINGLE && probe->marks[left]) return join_several_rows(err);
    probe->marks[left] = 1;
    if (join_keeps_unmatched(probe->join))
        __atomic_store_n(probe->join->all_rows[right] + JOIN_MATCHED, 1, __ATOMIC_RELAXED);
    return STATUS_OK;
}

/* Pushes the left batch beside build row `which`, or the block beside left row `which`; of its rows those of
 * the selection (NULL = as they are). The operators above allocate from the chain's batch arena: one of this
 * batch's own stands in for it. */
static Status emit_beside(Loop *loop, bool block, int64_t which, const uint16_t *selection, int selected,
                          Error *err) {
    Probe *probe = loop->probe;
    Arena kept = probe->chain->batch_arena;
    probe->chain->batch_arena = probe->state->output_arena;
    Arena *arena = &probe->chain->batch_arena;
    arena_reset(arena);
    Batch out = block ? beside_block(loop, (uint16_t)which, arena) : beside_batch(loop, which, true, arena);
    if (selection) {
        out.selection = selection;
        out.selected = selected;
    }
    Status status = chain_emit(probe->chain, probe->index + 1, &out, err);
    probe->state->output_arena = probe->chain->batch_arena;
    probe->chain->batch_arena = kept;
    return status;
}

/* ---- with a condition ------------------------------------------------------------------------------------
 */

static Status pass_one(Loop *loop, uint16_t left, int64_t right, Error *err) {
    Probe *probe = loop->probe;
    if (join_emits_pairs(probe->join)) return join_add_pair(probe, left, probe->join->all_rows[right], err);
    if (join_gives_right_only(probe->join)) return note_match(loop, left, right, err);
    probe->state->matched[left] = 1;
    return STATUS_OK;
}

/* The rows in loop_kept, of the left batch beside a build row or of the block beside a left row. */
static Status pass_kept(Loop *loop, bool block, int64_t which, int kept, Error *err) {
    const uint16_t *rows = loop->probe->state->loop_kept;
    bool together = kept >= MANY_PASSED && join_emits_pairs(loop->probe->join);
    for (int k = 0; k < kept; k++) {
        uint16_t left = block ? (uint16_t)which : rows[k];
        int64_t right = block ? loop->block_start + rows[k] : which;
        TRY(together ? note_match(loop, left, right, err) : pass_one(loop, left, right, err));
    }
    if (!together) return STATUS_OK;
    if (block && !loop->block_whole)
        gather_block(loop, loop->block_start, true, &loop->probe->state->block_arena);
    return emit_beside(loop, block, which, rows, kept, err);
}

/* Left rows still to be asked about: where a first match settles it, those with none. */
static int open_rows(const Loop *loop, uint16_t *out) {
    const Batch *batch = loop->probe->batch;
    bool first_only = !join_emits_pairs(loop->probe->join) && !join_gives_right_only(loop->probe->join);
    int count = 0;
    for (int k = 0; k < batch->selected; k++) {
        out[count] = batch->selection ? batch->selection[k] : (uint16_t)k;
        count += !first_only || !loop->probe->state->matched[out[count]];
    }
    return count;
}

static Status test_build_rows(Loop *loop, Error *err) {
    Probe *probe = loop->probe;
    Join *join = probe->join;
    ProbeState *state = probe->state;
    uint16_t *open = arena_alloc(&probe->chain->batch_arena, sizeof *open * (BATCH_ROWS + 1));
    int open_count = open_rows(loop, open);
    for (int64_t r = 0; r < join->row_count && open_count && !probe->chain->morsel_stop; r++) {
        int kept;
        TRY(query_check(join->query, err));
        arena_reset(&state->loop_arena);
        Batch pairs = beside_batch(loop, r, false, &state->loop_arena);
        TRY(program_filter(&probe->chain->evaluator, join->residual, &pairs, open, open_count,
                           &state->loop_arena, state->loop_kept, &kept, err));
        TRY(pass_kept(loop, false, r, kept, err));
        if (kept) open_count = open_rows(loop, open);
    }
    return STATUS_OK;
}

static Status test_left_rows(Loop *loop, Error *err) {
    Probe *probe = loop->probe;
    Join *join = probe->join;
    ProbeState *state = probe->state;
    Arena *arena = &probe->chain->batch_arena;
    uint16_t *open = arena_alloc(arena, sizeof *open * (BATCH_ROWS + 1));
    flatten_left(loop, arena);
    for (int64_t start = 0; start < join->row_count && !probe->chain->morsel_stop; start += BATCH_ROWS) {
        int open_count = open_rows(loop, open);
        if (!open_count) break;
        arena_reset(&state->block_arena);
        gather_block(loop, start, false, &state->block_arena);
        for (int k = 0; k < open_count && !probe->chain->morsel_stop; k++) {
            int kept;
            TRY(query_check(join->query, err));
            arena_reset(&state->loop_arena);
            Batch pairs = beside_block(loop, open[k], &state->loop_arena);
            TRY(program_filter(&probe->chain->evaluator, join->residual, &pairs, NULL, pairs.selected,
                               &state->loop_arena, state->loop_kept, &kept, err));
            TRY(pass_kept(loop, true, open[k], kept, err));
        }
    }
    return STATUS_OK;
}

/* ---- without one -----------------------------------------------------------------------------------------
 */

static Status cross_build_rows(Loop *loop, Error *err) {
    Probe *probe = loop->probe;
    const Batch *batch = probe->batch;
    for (int64_t r = 0; r < probe->join->row_count && !probe->chain->morsel_stop; r++) {
        TRY(query_check(probe->join->query, err));
        for (int k = 0; k < batch->selected; k++)
            TRY(note_match(loop, batch->selection ? batch->selection[k] : (uint16_t)k, r, err));
        TRY(emit_beside(loop, false, r, NULL, 0, err));
    }
    return STATUS_OK;
}

static Status cross_left_rows(Loop *loop, Error *err) {
    Probe *probe = loop->probe;
    const Batch *batch = probe->batch;
    flatten_left(loop, &probe->chain->batch_arena);
    for (int64_t start = 0; start < probe->join->row_count && !probe->chain->morsel_stop;
         start += BATCH_ROWS) {
        arena_reset(&probe->state->block_arena);
        gather_block(loop, start, true, &probe->state->block_arena);
        for (int k = 0; k < batch->selected && !probe->chain->morsel_stop; k++) {
            uint16_t row = batch->selection ? batch->selection[k] : (uint16_t)k;
            TRY(query_check(probe->join->query, err));
            for (int i = 0; i < loop->block.selected; i++)
                TRY(note_match(loop, row, start + i, err));
            TRY(emit_beside(loop, true, row, NULL, 0, err));
        }
    }
    return STATUS_OK;
}

Status join_match_loop(Probe *probe, Error *err) {
    const Join *join = probe->join;
    Loop loop = {.probe = probe, .wanted = join->residual ? join->residual_reads : NULL};
    bool by_build = join->row_count <= probe->batch->selected;
    if (!join->residual) return by_build ? cross_build_rows(&loop, err) : cross_left_rows(&loop, err);
    probe->tested = true;
    TRY(by_build ? test_build_rows(&loop, err) : test_left_rows(&loop, err));
    return join_flush_pairs(probe, err);
}
