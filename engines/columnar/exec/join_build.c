/* The build side of joins: rows collected by workers, then one table of chains built in parallel, in a fixed
 * order. */
#include <stdlib.h>

#include "engines/columnar/exec/join_internal.h"

enum { PARALLEL_BUILD_ROWS = 1 << 16, UNMATCHED_SEGMENTS = 16 };

typedef struct BuildState {
    RowCollector collector;
    uint64_t *keys;
    KeyRange *ranges; /* by key */
    uint64_t hashes[BATCH_ROWS];
} BuildState;

static Status build_open(Sink *sink, Query *query, void **out, Error *err) {
    Join *join = (Join *)sink;
    BuildState *state = calloc(1, sizeof *state);
    if (!state) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    row_collector_init(&state->collector, query, join->rows.width);
    state->keys = malloc(8 * (size_t)join->keys.words * BATCH_ROWS + 8);
    state->ranges = calloc((size_t)join->key_count + 1, sizeof *state->ranges);
    for (int i = 0; state->ranges && i < join->key_count; i++)
        key_range_init(&state->ranges[i]);
    *out = state;
    return state->keys && state->ranges ? STATUS_OK : error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
}

static void build_close(Sink *sink, Query *query, void *pointer) {
    BuildState *state = pointer;
    row_collector_deinit(&state->collector);
    free(state->keys);
    free(state->ranges);
    free(state);
}

static Status build_push(Sink *sink, Chain *chain, void *pointer, Batch *batch, Error *err) {
    Join *join = (Join *)sink;
    BuildState *state = pointer;
    Arena *arena = &chain->batch_arena;
    Vector *keys = ARENA_NEW_ARRAY(arena, Vector, join->key_count + 1);
    char *rows;
    for (int i = 0; i < join->key_count; i++)
        TRY(program_evaluate(&chain->evaluator, join->right_keys[i], batch, arena, &keys[i], err));
    TRY(row_collector_add(&state->collector, &join->rows, batch, chain->morsel, &rows, err));
    if (!join->key_count) return STATUS_OK;
    keys_encode(&join->keys, keys, batch->selection, batch->selected, state->keys, NULL);
    keys_hash(&join->keys, state->keys, batch->selected, state->hashes);
    for (int i = 0; i < join->key_count; i++)
        if (join->filters[i] && join->filters[i]->ranged)
            key_range_note(&state->ranges[i], &join->keys, i, state->keys, batch->selected);
    for (int k = 0; k < batch->selected; k++) {
        char *row = rows + (size_t)k * join->rows.width;
        memcpy(row + JOIN_HASH, &state->hashes[k], 8);
        memcpy(join_key(row), state->keys + (size_t)k * join->keys.words, 8 * (size_t)join->keys.words);
        key_own(&join->keys, join_key(row), &state->collector.store.strings.arena);
    }
    return STATUS_OK;
}

static bool key_has_null(const Join *join, char *row) {
    for (uint32_t w = 0; w < join->keys.null_words; w++)
        if (join_key(row)[w]) return true;
    return false;
}

typedef struct BuildJob {
    Join *join;
    int parts;
} BuildJob;

/* Inserts the rows whose slot lies in this part's range, last row first: chains then run in the build's
 * order. */
static void run_build_part(void *argument, int part) {
    BuildJob *job = argument;
    Join *join = job->join;
    uint64_t slots = UINT64_C(1) << join->slot_bits;
    uint64_t first = slots * (uint64_t)part / (uint64_t)job->parts,
             end = slots * (uint64_t)(part + 1) / (uint64_t)job->parts;
    for (int64_t s = join->segment_count - 1; s >= 0 && !query_is_stopped(join->query); s--) {
        const RowSegment *segment = &join->segments[s];
        for (int64_t r = segment->count - 1; r >= 0; r--) {
            char *row = segment->rows + (size_t)r * join->rows.width;
            uint64_t hash = join_hash(row), slot = hash >> (64 - join->slot_bits);
            if (slot < first || slot >= end || (!join->node->nulls_equal && key_has_null(join, row)))
                continue;
            char *next = (char *)(uintptr_t)(join->slots[slot] & JOIN_POINTER_MASK);
            memcpy(row + JOIN_NEXT, &next, sizeof next);
            join->slots[slot] =
                (join->slots[slot] & ~JOIN_POINTER_MASK) | join_tag(hash) | (uint64_t)(uintptr_t)row;
        }
    }
}

static Status list_rows(Join *join, Query *query, Error *err) {
    bool all = !join->key_count || join->type == JOIN_MARK;
    if (!all) return STATUS_OK;
    TRY(query_alloc(query, sizeof(char *) * (size_t)join->row_count, (void **)&join->all_rows, err));
    TRY(query_alloc(query, sizeof(char *) * (size_t)join->row_count, (void **)&join->null_rows, err));
    int64_t at = 0;
    for (int64_t s = 0; s < join->segment_count; s++)
        for (int64_t r = 0; r < join->segments[s].count; r++) {
            char *row = join->segments[s].rows + (size_t)r * join->rows.width;
            join->all_rows[at++] = row;
            if (join->key_count && key_has_null(join, row)) join->null_rows[join->null_count++] = row;
        }
    return STATUS_OK;
}

static void build_filters(Join *join, void **states, int count) {
    for (int i = 0; i < join->key_count; i++) {
        if (!join->filters[i]) continue;
        KeyRange all;
        key_range_init(&all);
        for (int s = 0; s < count; s++) {
            const KeyRange *range = states[s] ? &((BuildState *)states[s])->ranges[i] : &all;
            all.min = range->min < all.min ? range->min : all.min;
            all.max = range->max > all.max ? range->max : all.max;
        }
        runtime_filter_build(join->filters[i], &join->keys, i, all, join->segments, join->segment_count,
                             join->rows.width, JOIN_KEY);
    }
}

static Status build_finish(Sink *sink, Query *query, void **states, int count, Error *err) {
    Join *join = (Join *)sink;
    RowCollector **collectors = calloc((size_t)count + 1, sizeof *collectors);
    if (!collectors) abort();
    for (int i = 0; i < count; i++)
        collectors[i] = states[i] ? &((BuildState *)states[i])->collector : NULL;
    join->segments = row_segments_merge(collectors, count, &join->segment_count);
    free(collectors);
    for (int64_t s = 0; s < join->segment_count; s++)
        join->row_count += join->segments[s].count;
    TRY(list_rows(join, query, err));
    if (join->key_count) {
        join->slot_bits = 6;
        while ((INT64_C(1) << join->slot_bits) < join->row_count * 2)
            join->slot_bits++;
        TRY(query_zalloc(query, sizeof(uint64_t) << join->slot_bits, (void **)&join->slots, err));
        BuildJob job = {join, join->row_count < PARALLEL_BUILD_ROWS ? 1 : query->worker_count};
        query_parallel(query, job.parts, run_build_part, &job);
        build_filters(join, states, count);
    }
    if (join->sink.stats) stats_note_memory(join->sink.stats, atomic_load(&query->budget.used_bytes));
    return query_check(query, err);
}

static void build_destroy(Sink *sink, Query *query) {
    Join *join = (Join *)sink;
    if (join->slots) query_free(query, join->slots, sizeof(uint64_t) << join->slot_bits);
    query_free(query, join->all_rows, sizeof(char *) * (size_t)join->row_count);
    query_free(query, join->null_rows, sizeof(char *) * (size_t)join->row_count);
    free(join->segments);
    for (int i = 0; i < join->key_count; i++)
        if (join->filters[i]) runtime_filter_release(join->filters[i]);
    join->slots = NULL;
    join->all_rows = join->null_rows = NULL;
    join->segments = NULL;
}

const SinkOps join_build_ops = {.open = build_open,
                                .push = build_push,
                                .finish = build_finish,
                                .close = build_close,
                                .destroy = build_destroy};

/* ---- build rows without a match, for RIGHT and FULL
 * -------------------------------------------------------- */

typedef struct UnmatchedReader {
    int64_t next, end;
    Batch batch;
} UnmatchedReader;

static Join *join_of(Source *source) {
    return (Join *)((char *)source - offsetof(Join, unmatched));
}

static Status reader_prepare(Source *source, Query *query, Error *err) {
    source->morsel_count = (join_of(source)->segment_count + UNMATCHED_SEGMENTS - 1) / UNMATCHED_SEGMENTS;
    return STATUS_OK;
}

static Status reader_open(Source *source, Chain *chain, void **state, Error *err) {
    *state = calloc(1, sizeof(UnmatchedReader));
    return *state ? STATUS_OK : error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
}

static Status reader_morsel_open(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                                 Error *err) {
    UnmatchedReader *reader = state;
    int64_t total = join_of(source)->segment_count;
    reader->next = morsel * UNMATCHED_SEGMENTS;
    reader->end = reader->next + UNMATCHED_SEGMENTS < total ? reader->next + UNMATCHED_SEGMENTS : total;
    return STATUS_OK;
}

static Status reader_next(Source *source, Chain *chain, void *state, Batch **out, Error *err) {
    UnmatchedReader *reader = state;
    Join *join = join_of(source);
    Arena *arena = &chain->batch_arena;
    char **rows = arena_alloc(arena, sizeof *rows * BATCH_ROWS);
    int count = 0;
    while (reader->next < reader->end && !count) {
        const RowSegment *segment = &join->segments[reader->next++];
        for (int64_t r = 0; r < segment->count; r++) {
            char *row = segment->rows + (size_t)r * join->rows.width;
            rows[count] = row;
            count += !row[JOIN_MATCHED];
        }
    }
    if (!count) return STATUS_OK;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, join->left_count + join->right_count + 1);
    for (int i = 0; i < join->left_count; i++)
        vector_init_constant(&columns[i], join->left_types[i], NULL, arena);
    for (int i = 0; i < join->right_count; i++)
        rows_gather(&join->rows, i, rows, count, NULL, count, &columns[join->left_count + i], arena);
    reader->batch = (Batch){.row_count = count,
                            .column_count = join->left_count + join->right_count,
                            .columns = columns,
                            .selected = count};
    *out = &reader->batch;
    return STATUS_OK;
}

static void reader_close(Source *source, void *state) {
    free(state);
}

const SourceOps join_unmatched_ops = {.prepare = reader_prepare,
                                      .open = reader_open,
                                      .morsel_open = reader_morsel_open,
                                      .next = reader_next,
                                      .close = reader_close};

/* ---- creation --------------------------------------------------------------------------------------------
 */

static Status init_keys(Join *join, Query *query, const PlanNode *node, Error *err) {
    join->key_count = node->key_count;
    TRY(programs_compile(query, node->left_keys, node->key_count, &join->left_keys, err));
    TRY(programs_compile(query, node->right_keys, node->key_count, &join->right_keys, err));
    SqlType *types = ARENA_NEW_ARRAY(&query->arena, SqlType, node->key_count + 1);
    for (int i = 0; i < node->key_count; i++) {
        SqlType left = program_type(join->left_keys[i]), right = program_type(join->right_keys[i]);
        types[i] = key_common_type(left, right);
        if (!key_types_meet(types[i], left) || !key_types_meet(types[i], right))
            return error_set(err, SQLSTATE_INTERNAL, "join keys of mixed types reached the executor");
    }
    key_layout_init(&join->keys, types, node->key_count, false, &query->arena);
    return STATUS_OK;
}

Status join_create(Query *query, const PlanNode *node, Sink **build, Stage *next, Stage **probe,
                   Source **unmatched, Error *err) {
    Join *join = ARENA_NEW(&query->arena, Join);
    OperatorStats *stats = query_stats_of(query, node);
    join->sink = (Sink){.ops = &join_build_ops, .node = node, .stats = stats};
    join->stage = (Stage){.ops = &join_probe_ops, .node = node, .stats = stats, .next = next};
    join->unmatched = (Source){.ops = &join_unmatched_ops, .node = node, .stats = stats};
    join->node = node;
    join->query = query;
    join->type = node->join_type;
    join->left_types = plan_column_types(query, node->inputs[0]);
    join->left_count = node->inputs[0]->column_count;
    join->right_count = node->inputs[1]->column_count;
    TRY(init_keys(join, query, node, err));
    join->filters = runtime_filters_create(query, node, &join->keys);
    if (node->residual) TRY(program_compile(query, node->residual, &join->residual, err));
    bool only_matches =
        (join->type == JOIN_SEMI || join->type == JOIN_ANTI || join->type == JOIN_MARK) && !join->residual;
    row_layout_init(&join->rows, plan_column_types(query, node->inputs[1]),
                    only_matches ? 0 : join->right_count, JOIN_KEY + 8 * join->keys.words, &query->arena);
    *build = &join->sink;
    *probe = &join->stage;
    *unmatched = join_keeps_unmatched(join) ? &join->unmatched : NULL;
    return STATUS_OK;
}
