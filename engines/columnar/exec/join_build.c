/* The build side of joins: rows collected by workers, then one table of chains built in parallel, in a fixed
 * order. */
#include <stdlib.h>

#include "engines/columnar/exec/join_internal.h"

enum { PARALLEL_BUILD_ROWS = 1 << 16, UNMATCHED_SEGMENTS = 16, PREFETCH_ROWS = 16 };

typedef struct BuildState {
    RowCollector collector;
    uint64_t *keys;
    JoinFiles *files; /* once it spilled */
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
    if (!join->key_count) return join_spill_if_needed(join, &state->collector, &state->files, err);
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
    return join_spill_if_needed(join, &state->collector, &state->files, err);
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
            if (r >= PREFETCH_ROWS)
                __builtin_prefetch(
                    &join->slots[join_hash(row - PREFETCH_ROWS * join->rows.width) >> (64 - join->slot_bits)],
                    1);
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
    for (int64_t s = 0; s < join->segment_count; s++) {
        TRY(query_check(query, err));
        for (int64_t r = 0; r < join->segments[s].count; r++) {
            char *row = join->segments[s].rows + (size_t)r * join->rows.width;
            join->all_rows[at++] = row;
            if (join->key_count && key_has_null(join, row)) join->null_rows[join->null_count++] = row;
        }
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

static int slot_bits_for(int64_t rows) {
    int bits = 6;
    while ((INT64_C(1) << bits) < rows * 2)
        bits++;
    return bits;
}

Status join_table_build(Join *table, Query *query, int parts, Error *err) {
    TRY(list_rows(table, query, err));
    if (!table->key_count) return STATUS_OK;
    table->slot_bits = slot_bits_for(table->row_count);
    TRY(query_zalloc(query, sizeof(uint64_t) << table->slot_bits, (void **)&table->slots, err));
    BuildJob job = {table, parts};
    query_parallel(query, parts, run_build_part, &job);
    return query_check(query, err);
}

void join_table_release(Join *table, Query *query) {
    if (table->slots) query_free(query, table->slots, sizeof(uint64_t) << table->slot_bits);
    query_free(query, table->all_rows, sizeof(char *) * (size_t)table->row_count);
    query_free(query, table->null_rows, sizeof(char *) * (size_t)table->row_count);
    free(table->segments);
    table->slots = NULL;
    table->all_rows = table->null_rows = NULL;
    table->segments = NULL;
}

static Status build_in_memory(Join *join, Query *query, void **states, int count,
                              RowCollector *const *collectors, Error *err) {
    join->segments = row_segments_merge(collectors, count, &join->segment_count);
    for (int64_t s = 0; s < join->segment_count; s++)
        join->row_count += join->segments[s].count;
    TRY(join_table_build(join, query, join->row_count < PARALLEL_BUILD_ROWS ? 1 : query->worker_count, err));
    build_filters(join, states, count);
    return STATUS_OK;
}

/* Rows may fit and their table not. */
static bool table_fits(const Join *join, RowCollector *const *collectors, int count) {
    int64_t rows = 0;
    for (int i = 0; i < count; i++)
        rows += collectors[i] ? collectors[i]->store.row_count : 0;
    int64_t bytes = join->key_count ? (int64_t)sizeof(uint64_t) << slot_bits_for(rows) : 0;
    if (!join->key_count || join->type == JOIN_MARK) bytes += 2 * (int64_t)sizeof(char *) * rows;
    return join->in_memory || !query_may_spill(join->query) || bytes < query_memory_free(join->query) / 4 * 3;
}

static Status build_finish(Sink *sink, Query *query, void **states, int count, Error *err) {
    Join *join = (Join *)sink;
    RowCollector **collectors = calloc((size_t)count + 1, sizeof *collectors);
    if (!collectors) abort();
    for (int i = 0; i < count; i++)
        collectors[i] = states[i] ? &((BuildState *)states[i])->collector : NULL;
    bool spill = join->build_files || !table_fits(join, collectors, count);
    Status status = spill ? join_spill_build(join, collectors, count, err)
                          : build_in_memory(join, query, states, count, collectors, err);
    free(collectors);
    TRY(status);
    if (join->sink.stats) stats_note_memory(join->sink.stats, atomic_load(&query->budget.used_bytes));
    if (join->guard && join->type == JOIN_SINGLE && !join->key_count && !join->residual &&
        join->row_count > 1)
        return join_several_rows(err);
    return query_check(query, err);
}

static void build_destroy(Sink *sink, Query *query) {
    Join *join = (Join *)sink;
    join_table_release(join, query);
    join_spill_destroy(join);
    for (int i = 0; i < join->key_count; i++)
        if (join->filters[i]) runtime_filter_release(join->filters[i]);
}

const SinkOps join_build_ops = {.open = build_open,
                                .push = build_push,
                                .finish = build_finish,
                                .close = build_close,
                                .destroy = build_destroy};

/* ---- build rows without a match, for RIGHT and FULL
 * -------------------------------------------------------- */

void join_unmatched_batch(const Join *table, Chain *chain, JoinCursor *at, int64_t end, Batch *out) {
    Arena *arena = &chain->batch_arena;
    char **rows = arena_alloc(arena, sizeof *rows * (BATCH_ROWS + 1));
    int count = 0, left_count = join_gives_right_only(table) ? 0 : table->left_count;
    bool matched = table->type == JOIN_RIGHT_SEMI;
    while (at->segment < end && !count) {
        const RowSegment *segment = &table->segments[at->segment];
        for (; at->row < segment->count && count < BATCH_ROWS; at->row++) {
            char *row = segment->rows + (size_t)at->row * table->rows.width;
            rows[count] = row;
            count += (row[JOIN_MATCHED] != 0) == matched;
        }
        if (at->row == segment->count) *at = (JoinCursor){at->segment + 1, 0};
    }
    *out = (Batch){0};
    if (!count) return;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, left_count + table->right_count + 1);
    for (int i = 0; i < left_count; i++)
        vector_init_constant(&columns[i], table->left_types[i], NULL, arena);
    for (int i = 0; i < table->right_count; i++)
        rows_gather(&table->rows, i, rows, count, NULL, count, &columns[left_count + i], arena);
    *out = (Batch){.row_count = count,
                   .column_count = left_count + table->right_count,
                   .columns = columns,
                   .selected = count};
}

/* What is left when the probe side is through: nothing mostly, the partitions of a spilled join, or build
 * rows without a match for RIGHT and FULL. */
typedef struct UnmatchedReader {
    JoinCursor at;
    int64_t end;
    Batch batch;
    void *partitions; /* the state of a spilled join's rest, in place of the above */
} UnmatchedReader;

static Status rest_prepare(Source *source, Query *query, Error *err) {
    const Join *join = join_of_rest(source);
    if (join->spilled)
        source->morsel_count = join->partition_count;
    else
        source->morsel_count = join_keeps_unmatched(join)
                                   ? (join->segment_count + UNMATCHED_SEGMENTS - 1) / UNMATCHED_SEGMENTS
                                   : 0;
    return STATUS_OK;
}

static Status rest_open(Source *source, Chain *chain, void **state, Error *err) {
    UnmatchedReader *reader = calloc(1, sizeof(UnmatchedReader));
    if (!reader) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    *state = reader;
    if (!join_of_rest(source)->spilled) return STATUS_OK;
    return join_partition_ops.open(source, chain, &reader->partitions, err);
}

static Status rest_morsel_open(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                               Error *err) {
    UnmatchedReader *reader = state;
    if (reader->partitions)
        return join_partition_ops.morsel_open(source, chain, reader->partitions, morsel, exhausted, err);
    int64_t total = join_of_rest(source)->segment_count;
    reader->at = (JoinCursor){morsel * UNMATCHED_SEGMENTS, 0};
    reader->end = reader->at.segment + UNMATCHED_SEGMENTS;
    if (reader->end > total) reader->end = total;
    return STATUS_OK;
}

static Status rest_next(Source *source, Chain *chain, void *state, Batch **out, Error *err) {
    UnmatchedReader *reader = state;
    if (reader->partitions) return join_partition_ops.next(source, chain, reader->partitions, out, err);
    join_unmatched_batch(join_of_rest(source), chain, &reader->at, reader->end, &reader->batch);
    *out = reader->batch.selected ? &reader->batch : NULL;
    return STATUS_OK;
}

static void rest_close(Source *source, void *state) {
    UnmatchedReader *reader = state;
    if (reader && reader->partitions) join_partition_ops.close(source, reader->partitions);
    free(reader);
}

static const SourceOps rest_ops = {.prepare = rest_prepare,
                                   .open = rest_open,
                                   .morsel_open = rest_morsel_open,
                                   .next = rest_next,
                                   .close = rest_close};

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

bool join_takes_failure(Stage *probe, const Error *failure) {
    Join *join = (Join *)((char *)probe - offsetof(Join, stage));
    bool of_data = strncmp(failure->sqlstate, "22", 2) == 0 || strncmp(failure->sqlstate, "21", 2) == 0;
    if (!join->guard || !of_data) return false;
    join->failure = *failure;
    join->failed = true;
    return true;
}

void join_keep_in_memory(Stage *probe) {
    ((Join *)((char *)probe - offsetof(Join, stage)))->in_memory = true;
}

static void note_columns(const Expr *expr, bool *reads) {
    if (expr->kind == EXPR_COLUMN) reads[expr->column] = true;
    for (int i = 0; i < expr->arg_count; i++)
        note_columns(expr->args[i], reads);
}

Status join_create(Query *query, const PlanNode *node, Sink **build, Stage *next, Stage **probe,
                   Source **rest, Error *err) {
    Join *join = ARENA_NEW(&query->arena, Join);
    OperatorStats *stats = query_stats_of(query, node);
    join->sink = (Sink){.ops = &join_build_ops, .node = node, .stats = stats};
    join->stage = (Stage){.ops = &join_probe_ops, .node = node, .stats = stats, .next = next};
    join->rest = (Source){.ops = &rest_ops, .node = node, .stats = stats};
    join->node = node;
    join->query = query;
    join->type = node->join_type;
    join->left_types = plan_column_types(query, node->inputs[0]);
    join->left_count = node->inputs[0]->column_count;
    join->right_count = node->inputs[1]->column_count;
    TRY(init_keys(join, query, node, err));
    join->filters = runtime_filters_create(query, node, &join->keys);
    join->residual_reads = ARENA_NEW_ARRAY(&query->arena, bool, join->left_count + join->right_count + 1);
    if (node->residual) note_columns(node->residual, join->residual_reads);
    if (node->residual) TRY(program_compile(query, node->residual, &join->residual, err));
    if (node->guard) TRY(program_compile(query, node->guard, &join->guard, err));
    bool only_matches =
        (join->type == JOIN_SEMI || join->type == JOIN_ANTI || join->type == JOIN_MARK) && !join->residual;
    row_layout_init(&join->rows, plan_column_types(query, node->inputs[1]),
                    only_matches ? 0 : join->right_count, JOIN_KEY + 8 * join->keys.words, &query->arena);
    *build = &join->sink;
    *probe = &join->stage;
    join_spill_init(join, &query->arena);
    *rest = &join->rest;
    return STATUS_OK;
}
