/* The probe side of joins, a batch at a time: candidates by hash, pairs, residual, and what the join type
 * makes of it. */
#include <stdlib.h>

#include "engines/columnar/exec/join_internal.h"

Status probe_state_create(const Join *join, ProbeState **out, Error *err) {
    ProbeState *state = calloc(1, sizeof *state);
    if (!state) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    *out = state;
    arena_init(&state->output_arena);
    arena_init(&state->block_arena);
    arena_init(&state->loop_arena);
    join_dictionary_init(&state->dictionary);
    state->keys = malloc(8 * (size_t)join->keys.words * BATCH_ROWS + 8);
    return state->keys ? STATUS_OK : error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
}

void probe_state_destroy(const Join *join, ProbeState *state) {
    arena_deinit(&state->output_arena);
    arena_deinit(&state->block_arena);
    arena_deinit(&state->loop_arena);
    join_dictionary_deinit(&state->dictionary, join->query);
    free(state->keys);
    free(state);
}

static Join *join_of_stage(Stage *stage) {
    return (Join *)((char *)stage - offsetof(Join, stage));
}

static Status probe_open(Stage *stage, Chain *chain, void **out, Error *err) {
    return probe_state_create(join_of_stage(stage), (ProbeState **)out, err);
}

static void probe_close(Stage *stage, void *pointer) {
    probe_state_destroy(join_of_stage(stage), pointer);
}

/* ---- pairs -----------------------------------------------------------------------------------------------
 */

enum { SPARSE_SHARE = 8 };

static bool rows_are_distinct(const ProbeState *state) {
    for (int i = 1; i < state->pair_count; i++)
        if (state->pair_left[i] <= state->pair_left[i - 1]) return false;
    return true;
}

/* Left and right columns of the pairs. When no left row comes twice, the left vectors are used where they
 * are. */
static void pairs_batch(Probe *probe, bool distinct, Batch *out) {
    ProbeState *state = probe->state;
    Join *join = probe->join;
    Arena *arena = &probe->chain->batch_arena;
    int count = state->pair_count, rows = distinct ? probe->batch->row_count : count;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, join->left_count + join->right_count + 1);
    for (int i = 0; i < join->left_count; i++) {
        if (distinct)
            columns[i] = probe->batch->columns[i];
        else
            vector_gather(&probe->batch->columns[i], state->pair_left, count, &columns[i], arena);
    }
    for (int i = 0; i < join->rows.column_count; i++)
        rows_gather(&join->rows, i, state->pair_right, count, distinct ? state->pair_left : NULL, rows,
                    &columns[join->left_count + i], arena);
    *out = (Batch){.row_count = rows,
                   .column_count = join->left_count + join->rows.column_count,
                   .columns = columns,
                   .selection = distinct ? state->pair_left : NULL,
                   .selected = count};
}

Status join_several_rows(Error *err) {
    return error_set(err, "21000", "more than one row returned by a subquery used as an expression");
}

static Status note_pair(Probe *probe, int pair, Error *err) {
    ProbeState *state = probe->state;
    uint16_t row = state->pair_left[pair];
    if (probe->join->type == JOIN_SINGLE && probe->marks[row]) return join_several_rows(err);
    probe->marks[row] = 1;
    if (join_keeps_unmatched(probe->join))
        __atomic_store_n(state->pair_right[pair] + JOIN_MATCHED, 1, __ATOMIC_RELAXED);
    return STATUS_OK;
}

/* IN by a condition that is no key: true on a pair is a match, NULL leaves the row open. */
static Status mark_pairs(Probe *probe, const Batch *pairs, Error *err) {
    ProbeState *state = probe->state;
    Vector computed, condition;
    TRY(program_evaluate(&probe->chain->evaluator, probe->join->residual, pairs, &probe->chain->batch_arena,
                         &computed, err));
    vector_flatten(&computed, pairs->row_count, &condition, &probe->chain->batch_arena);
    for (int k = 0; k < pairs->selected; k++) {
        int at = pairs->selection ? pairs->selection[k] : k;
        uint16_t row = state->pair_left[k];
        if (vector_is_null(&condition, at))
            state->unknown[row] = 1;
        else if (((const uint8_t *)condition.values)[at])
            state->matched[row] = 1;
    }
    return STATUS_OK;
}

static bool marks_pairs(const Join *join) {
    return join->type == JOIN_MARK && join->residual && !join->key_count;
}

static Status flush_in_arena(Probe *probe, Error *err) {
    ProbeState *state = probe->state;
    Batch out = {0};
    /* Left vectors of which few rows count are not worth keeping: kernels may compute every row. */
    bool distinct = state->pair_count * SPARSE_SHARE >= probe->batch->row_count && rows_are_distinct(state);
    bool needs_batch = probe->join->residual || join_emits_pairs(probe->join);
    if (needs_batch) pairs_batch(probe, distinct, &out);
    if (marks_pairs(probe->join)) {
        TRY(mark_pairs(probe, &out, err));
    } else if (probe->join->residual && !probe->tested) {
        int kept;
        TRY(program_filter(&probe->chain->evaluator, probe->join->residual, &out, out.selection, out.selected,
                           &probe->chain->batch_arena, state->selection, &kept, err));
        for (int k = 0, pair = 0; k < kept; k++, pair++) {
            while ((distinct ? state->pair_left[pair] : pair) != state->selection[k])
                pair++;
            TRY(note_pair(probe, pair, err));
        }
        out.selection = state->selection;
        out.selected = kept;
    } else {
        for (int pair = 0; pair < state->pair_count; pair++)
            TRY(note_pair(probe, pair, err));
    }
    state->pair_count = 0;
    if (!join_emits_pairs(probe->join) || !out.selected) return STATUS_OK;
    return chain_emit(probe->chain, probe->index + 1, &out, err);
}

/* The operators above allocate from the chain's batch arena: it stands aside for one of this batch's own, so
 * that a join with many matches does not pile up memory. */
Status join_flush_pairs(Probe *probe, Error *err) {
    if (!probe->state->pair_count) return STATUS_OK;
    TRY(query_check(probe->join->query, err));
    Arena kept = probe->chain->batch_arena;
    probe->chain->batch_arena = probe->state->output_arena;
    arena_reset(&probe->chain->batch_arena);
    Status status = flush_in_arena(probe, err);
    probe->state->output_arena = probe->chain->batch_arena;
    probe->chain->batch_arena = kept;
    return status;
}

Status join_add_pair(Probe *probe, uint16_t left, char *right, Error *err) {
    ProbeState *state = probe->state;
    state->pair_left[state->pair_count] = left;
    state->pair_right[state->pair_count++] = right;
    return state->pair_count == BATCH_ROWS ? join_flush_pairs(probe, err) : STATUS_OK;
}

/* ---- matching --------------------------------------------------------------------------------------------
 */

Status join_encode_probe(const Join *join, Chain *chain, ProbeState *state, const Batch *batch,
                         const Vector **out, Error *err) {
    Arena *arena = &chain->batch_arena;
    Vector *keys = ARENA_NEW_ARRAY(arena, Vector, join->key_count + 1);
    for (int i = 0; i < join->key_count; i++)
        TRY(program_evaluate(&chain->evaluator, join->left_keys[i], batch, arena, &keys[i], err));
    if (out) {
        *out = keys;
        return STATUS_OK;
    }
    keys_encode(&join->keys, keys, batch->selection, batch->selected, state->keys, state->nulls);
    keys_hash(&join->keys, state->keys, batch->selected, state->hashes);
    return STATUS_OK;
}

static void find_candidates(Probe *probe, const Vector *keys) {
    Join *join = probe->join;
    ProbeState *state = probe->state;
    Batch *batch = probe->batch;
    keys_encode(&join->keys, keys, batch->selection, batch->selected, state->keys, state->nulls);
    keys_hash(&join->keys, state->keys, batch->selected, state->hashes);
    for (int k = 0; k < batch->selected; k++)
        __builtin_prefetch(&join->slots[state->hashes[k] >> (64 - join->slot_bits)]);
    for (int k = 0; k < batch->selected; k++) {
        bool possible = join->node->nulls_equal || !state->nulls[k];
        state->candidates[k] = possible ? join_chain(join, state->hashes[k]) : NULL;
        __builtin_prefetch(state->candidates[k]);
    }
}

/* One match at most for each value of a dictionary: one batch out, its build columns as dictionaries. */
static Status match_dictionary(Probe *probe, const Vector *key, Error *err) {
    Join *join = probe->join;
    ProbeState *state = probe->state;
    const JoinDictionary *dictionary = &state->dictionary;
    Arena *arena = &probe->chain->batch_arena;
    Batch out = *probe->batch;
    out.selected = join_dictionary_select(dictionary, key, probe->batch, state->pair_left);
    out.selection = out.selected < out.row_count ? state->pair_left : NULL;
    if (!out.selected) return STATUS_OK;
    if (join->residual || join_emits_pairs(join)) {
        out.column_count = join->left_count + join->rows.column_count;
        out.columns = ARENA_NEW_ARRAY(arena, Vector, out.column_count + 1);
        memcpy(out.columns, probe->batch->columns, sizeof(Vector) * (size_t)join->left_count);
        join_dictionary_columns(dictionary, join, key, probe->batch, out.columns + join->left_count, arena);
    }
    if (join->residual) {
        TRY(program_filter(&probe->chain->evaluator, join->residual, &out, out.selection, out.selected, arena,
                           state->selection, &out.selected, err));
        out.selection = state->selection;
    }
    for (int k = 0; k < out.selected; k++) {
        int row = out.selection ? out.selection[k] : k;
        probe->marks[row] = 1;
        if (join_keeps_unmatched(join))
            __atomic_store_n(dictionary->first[key->codes[row]] + JOIN_MATCHED, 1, __ATOMIC_RELAXED);
    }
    if (!join_emits_pairs(join) || !out.selected) return STATUS_OK;
    return chain_emit(probe->chain, probe->index + 1, &out, err);
}

static uint16_t row_at(const Batch *batch, int k) {
    return batch->selection ? batch->selection[k] : (uint16_t)k;
}

/* Takes the next build row with the k-th row's key, NULL when there is none. */
static char *next_candidate(Probe *probe, int k) {
    const Join *join = probe->join;
    ProbeState *state = probe->state;
    const uint64_t *key = state->keys + (size_t)k * join->keys.words;
    char *candidate = state->candidates[k];
    while (candidate &&
           (join_hash(candidate) != state->hashes[k] || !keys_equal(&join->keys, join_key(candidate), key)))
        candidate = join_next(candidate);
    state->candidates[k] = candidate ? join_next(candidate) : NULL;
    return candidate;
}

/* Up to `most` pairs of the k-th row. Where only build rows count, those with a match need no other. */
static Status add_candidates(Probe *probe, int k, int64_t most, Error *err) {
    bool right_only = join_gives_right_only(probe->join);
    uint16_t row = row_at(probe->batch, k);
    for (char *candidate; most > 0 && !probe->chain->morsel_stop && (candidate = next_candidate(probe, k));) {
        if (right_only && __atomic_load_n(candidate + JOIN_MATCHED, __ATOMIC_RELAXED)) continue;
        TRY(join_add_pair(probe, row, candidate, err));
        most--;
    }
    return STATUS_OK;
}

/* The first pair that passes the condition settles a row: with many rows of its key on the build side, not
 * all are worth testing. */
static Status match_few_by_few(Probe *probe, Error *err) {
    enum { FIRST_PAIRS = 4, MOST_PAIRS = 1024 };
    ProbeState *state = probe->state;
    uint16_t *open = arena_alloc(&probe->chain->batch_arena, sizeof *open * BATCH_ROWS);
    int count = 0;
    for (int k = 0; k < probe->batch->selected; k++)
        if (state->candidates[k] && !state->matched[row_at(probe->batch, k)]) open[count++] = (uint16_t)k;
    for (int64_t most = FIRST_PAIRS; count > 0; most = most < MOST_PAIRS ? most * 2 : most) {
        int left = 0;
        for (int i = 0; i < count; i++)
            TRY(add_candidates(probe, open[i], most, err));
        TRY(join_flush_pairs(probe, err));
        for (int i = 0; i < count; i++)
            if (state->candidates[open[i]] && !state->matched[row_at(probe->batch, open[i])])
                open[left++] = open[i];
        count = probe->chain->morsel_stop ? 0 : left;
    }
    return STATUS_OK;
}

static Status match_hashed(Probe *probe, Error *err) {
    Join *join = probe->join;
    ProbeState *state = probe->state;
    bool first_only = !join_emits_pairs(join) && !join->residual && !join_gives_right_only(join),
         by_dictionary = false;
    const Vector *keys;
    TRY(join_encode_probe(join, probe->chain, state, probe->batch, &keys, err));
    if (join->key_count == 1 && join->type != JOIN_MARK && !join->node->nulls_equal)
        TRY(join_dictionary_use(&state->dictionary, join, &keys[0], first_only, &by_dictionary, err));
    if (by_dictionary) return match_dictionary(probe, &keys[0], err);
    find_candidates(probe, keys);
    if (join->residual && !join_emits_pairs(join) && !join_gives_right_only(join))
        return match_few_by_few(probe, err);
    for (int k = 0; k < probe->batch->selected; k++) {
        if (!first_only)
            TRY(add_candidates(probe, k, INT64_MAX, err));
        else if (next_candidate(probe, k))
            state->matched[row_at(probe->batch, k)] = 1;
    }
    return join_flush_pairs(probe, err);
}

/* One build row and no keys (a scalar subquery's value, mostly): its columns are constants beside the left
 * ones. */
static Status match_one_row(Probe *probe, Error *err) {
    Join *join = probe->join;
    ProbeState *state = probe->state;
    Arena *arena = &probe->chain->batch_arena;
    Batch out = *probe->batch;
    out.column_count = join->left_count + join->rows.column_count;
    out.columns = ARENA_NEW_ARRAY(arena, Vector, out.column_count + 1);
    memcpy(out.columns, probe->batch->columns, sizeof(Vector) * (size_t)join->left_count);
    for (int i = 0; i < join->rows.column_count; i++) {
        Vector *column = &out.columns[join->left_count + i];
        rows_gather(&join->rows, i, join->all_rows, 1, NULL, 1, column, arena);
        column->encoding = VECTOR_CONSTANT;
    }
    if (join->residual) {
        TRY(program_filter(&probe->chain->evaluator, join->residual, &out, out.selection, out.selected, arena,
                           state->selection, &out.selected, err));
        out.selection = state->selection;
    }
    for (int k = 0; k < out.selected; k++) {
        int row = out.selection ? out.selection[k] : k;
        if (join->type == JOIN_SINGLE && probe->marks[row])
            return join_several_rows(err); /* of another chunk */
        probe->marks[row] = 1;
    }
    if (out.selected && join_keeps_unmatched(join))
        __atomic_store_n(join->all_rows[0] + JOIN_MATCHED, 1, __ATOMIC_RELAXED);
    if (!join_emits_pairs(join) || !out.selected) return STATUS_OK;
    return chain_emit(probe->chain, probe->index + 1, &out, err);
}

static Status match_all(Probe *probe, Error *err) {
    Join *join = probe->join;
    if (join->row_count == 1 && !marks_pairs(join)) return match_one_row(probe, err);
    if (!marks_pairs(join) && (join->residual || join_emits_pairs(join))) return join_match_loop(probe, err);
    for (int k = 0; k < probe->batch->selected; k++) {
        uint16_t row = (uint16_t)(probe->batch->selection ? probe->batch->selection[k] : k);
        if (!join_emits_pairs(join) && !join->residual) {
            probe->state->matched[row] = join->row_count > 0;
            continue;
        }
        for (int64_t r = 0; r < join->row_count && !probe->chain->morsel_stop; r++)
            TRY(join_add_pair(probe, row, join->all_rows[r], err));
    }
    return join_flush_pairs(probe, err);
}

/* Whether two keys could be equal if NULLs had values: no column where both are known differs. */
static bool maybe_equal(const KeyLayout *layout, const uint64_t *a, const uint64_t *b) {
    static const uint32_t kind_words[] = {1, 2, 2, 3, 2, 2};
    for (int i = 0; i < layout->column_count; i++) {
        const KeyColumn *column = &layout->columns[i];
        if ((a[i / 64] | b[i / 64]) >> (i % 64) & 1) continue;
        if (column->kind >= KEY_STRING) {
            StringView left, right;
            memcpy(&left, a + column->word, sizeof left);
            memcpy(&right, b + column->word, sizeof right);
            if (!stringview_equals(&left, &right)) return false;
        } else if (memcmp(a + column->word, b + column->word, 8 * (size_t)kind_words[column->kind])) {
            return false;
        }
    }
    return true;
}

/* MARK: rows without a match for which a NULL on either side leaves it open. */
static Status find_unknown(Probe *probe, Error *err) {
    Join *join = probe->join;
    ProbeState *state = probe->state;
    probe->marks = state->unknown;
    for (int k = 0; k < probe->batch->selected; k++) {
        uint16_t row = (uint16_t)(probe->batch->selection ? probe->batch->selection[k] : k);
        if (state->matched[row] || !join->key_count) continue;
        TRY(query_check(join->query, err));
        char **rows = state->nulls[k] ? join->all_rows : join->null_rows;
        int64_t count = state->nulls[k] ? join->row_count : join->null_count;
        const uint64_t *key = state->keys + (size_t)k * join->keys.words;
        for (int64_t r = 0; r < count && !state->unknown[row]; r++) {
            if (!maybe_equal(&join->keys, join_key(rows[r]), key)) continue;
            if (join->residual)
                TRY(join_add_pair(probe, row, rows[r], err));
            else
                state->unknown[row] = 1;
        }
    }
    return join_flush_pairs(probe, err);
}

/* ---- what each join type yields
 * ---------------------------------------------------------------------------- */

static int select_rows(const Batch *batch, const uint8_t *matched, bool wanted, uint16_t *out) {
    int count = 0;
    for (int k = 0; k < batch->selected; k++) {
        uint16_t row = (uint16_t)(batch->selection ? batch->selection[k] : k);
        out[count] = row;
        count += (matched[row] != 0) == wanted;
    }
    return count;
}

static Status emit_left_rows(Probe *probe, bool matched, bool with_nulls, Error *err) {
    Join *join = probe->join;
    Batch out = *probe->batch;
    out.selected = select_rows(probe->batch, probe->state->matched, matched, probe->state->selection);
    out.selection = probe->state->selection;
    if (!out.selected) return STATUS_OK;
    if (with_nulls) {
        Arena *arena = &probe->chain->batch_arena;
        SqlType *types = plan_column_types_in(arena, join->node->inputs[1]);
        out.column_count = join->left_count + join->right_count;
        out.columns = ARENA_NEW_ARRAY(arena, Vector, out.column_count + 1);
        memcpy(out.columns, probe->batch->columns, sizeof(Vector) * (size_t)join->left_count);
        for (int i = 0; i < join->right_count; i++)
            vector_init_constant(&out.columns[join->left_count + i], types[i], NULL, arena);
    }
    return chain_emit(probe->chain, probe->index + 1, &out, err);
}

static Status emit_mark(Probe *probe, Error *err) {
    Join *join = probe->join;
    Arena *arena = &probe->chain->batch_arena;
    Batch out = *probe->batch;
    out.columns = ARENA_NEW_ARRAY(arena, Vector, join->left_count + 1);
    memcpy(out.columns, probe->batch->columns, sizeof(Vector) * (size_t)join->left_count);
    out.column_count = join->left_count + 1;
    Vector *mark = &out.columns[join->left_count];
    vector_init_flat(mark, sqltype_of(SQL_BOOL), out.row_count, arena);
    memcpy(mark->values, probe->state->matched, (size_t)out.row_count);
    for (int row = 0; row < out.row_count; row++)
        if (!join->node->two_valued && !probe->state->matched[row] && probe->state->unknown[row])
            bitmap_clear(vector_make_validity(mark, out.row_count, arena), (size_t)row);
    return chain_emit(probe->chain, probe->index + 1, &out, err);
}

static Status finish_batch(Probe *probe, Error *err) {
    switch (probe->join->type) {
    case JOIN_LEFT:
    case JOIN_FULL:
    case JOIN_SINGLE: return emit_left_rows(probe, false, true, err);
    case JOIN_SEMI: return emit_left_rows(probe, true, false, err);
    case JOIN_ANTI: return emit_left_rows(probe, false, false, err);
    case JOIN_MARK: return emit_mark(probe, err);
    default: return STATUS_OK;
    }
}

static void load_marks(ProbeState *state, const uint8_t *marks, int rows) {
    for (int row = 0; row < rows; row++) {
        state->matched[row] = marks ? marks[row] & 1 : 0;
        state->unknown[row] = marks ? marks[row] >> 1 : 0;
    }
}

Status join_probe_batch(Join *table, Chain *chain, ProbeState *state, int index, Batch *batch, uint8_t *marks,
                        bool last, Error *err) {
    Probe probe = {.join = table,
                   .chain = chain,
                   .state = state,
                   .index = index,
                   .batch = batch,
                   .marks = state->matched};
    load_marks(state, marks, batch->row_count);
    state->pair_count = 0;
    TRY(table->key_count ? match_hashed(&probe, err) : match_all(&probe, err));
    if (chain->morsel_stop) return STATUS_OK;
    if (table->type == JOIN_MARK && !table->node->two_valued) TRY(find_unknown(&probe, err));
    if (last) return finish_batch(&probe, err);
    for (int row = 0; row < batch->row_count; row++)
        marks[row] = (uint8_t)((state->matched[row] != 0) | (state->unknown[row] != 0) << 1);
    return STATUS_OK;
}

/* Nothing was built: the error is raised by the first row that asks for the value, the others get none. */
static Status probe_failed(Join *join, Chain *chain, ProbeState *state, int index, Batch *batch, Error *err) {
    int asking = 0;
    Probe probe = {.join = join, .chain = chain, .state = state, .index = index, .batch = batch};
    TRY(program_filter(&chain->evaluator, join->guard, batch, batch->selection, batch->selected,
                       &chain->batch_arena, state->selection, &asking, err));
    if (asking) {
        if (err) *err = join->failure;
        return STATUS_ERROR;
    }
    load_marks(state, NULL, batch->row_count);
    return finish_batch(&probe, err);
}

static Status probe_push(Stage *stage, Chain *chain, void *state, int index, Batch *batch, Error *err) {
    Join *join = join_of_stage(stage);
    if (join->failed) return probe_failed(join, chain, state, index, batch, err);
    if (join->spilled) return join_spill_probe(join, chain, state, batch, err);
    return join_probe_batch(join, chain, state, index, batch, NULL, true, err);
}

const StageOps join_probe_ops = {probe_open, probe_push, probe_close};
