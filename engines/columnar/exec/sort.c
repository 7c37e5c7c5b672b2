/* ORDER BY: rows with their key bytes, sorted in runs and merged in parallel; with a limit, only the best are
 * kept. */
#include <stdlib.h>

#include "engines/columnar/exec/runtime_filter.h"
#include "engines/columnar/exec/sort_internal.h"

enum {
    TOP_N_LIMIT = 1 << 16,
    MORSEL_SORTED_ROWS = 8 * BATCH_ROWS,
    SERIAL_SORT_ROWS = 8192,
    MERGED_BATCH_BYTES = 1 << 20,
    MERGED_MORSEL_BYTES = 2 << 20, /* of long strings */
    SPARE_CANDIDATES = 64,
    LEAST_TOP_N_RUN_BYTES = 1 << 20
};

typedef struct SortState {
    RowStore store;
    SortEntry *best; /* top-N: candidates, at most 2 × limit */
    int64_t best_count, best_capacity;
    bool full;       /* so many are at hand that the last of them bounds what can still matter */
    uint64_t bound;  /* its prefix */
    char *bound_row; /* its place and key bytes, which outlive the row */
    uint16_t selection[BATCH_ROWS];
} SortState;

/* ---- one worker ------------------------------------------------------------------------------------------
 */

static Status sink_open(Sink *sink, Query *query, void **out, Error *err) {
    Sort *sort = (Sort *)sink;
    SortState *state = calloc(1, sizeof *state);
    if (!state) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    row_store_init(&state->store, query, sort->layout.rows.width);
    *out = state;
    return STATUS_OK;
}

static void sink_state_close(Sink *sink, Query *query, void *pointer) {
    SortState *state = pointer;
    query_free(query, state->best, sizeof(SortEntry) * (size_t)state->best_capacity);
    free(state->bound_row);
    row_store_deinit(&state->store);
    free(state);
}

void sort_own_strings(const RowLayout *layout, char *row, Arena *arena) {
    for (int c = 0; c < layout->column_count; c++) {
        const RowColumn *column = &layout->columns[c];
        StringView view;
        if (column->physical != PHYS_STRING) continue;
        memcpy(&view, row + column->offset, sizeof view);
        if (view.length > 12) view.pointer = arena_memdup(arena, view.pointer, view.length);
        memcpy(row + column->offset, &view, sizeof view);
    }
}

/* Sorts the candidates, keeps the best `limit` and moves them to fresh storage when the old holds mostly
 * losers. */
static Status shrink_best(Sort *sort, SortState *state, Error *err) {
    Query *query = state->store.query;
    SortEntry *scratch;
    TRY(query_alloc(query, sizeof *scratch * (size_t)state->best_count, (void **)&scratch, err));
    sort_entries(query, &sort->layout, state->best, scratch, state->best_count);
    query_free(query, scratch, sizeof *scratch * (size_t)state->best_count);
    if (state->best_count < sort->limit) return STATUS_OK;
    state->best_count = sort->limit;
    RowStore fresh;
    row_store_init(&fresh, query, sort->layout.rows.width);
    Status status = STATUS_OK;
    for (int64_t i = 0; i < state->best_count && status == STATUS_OK; i++) {
        char *row;
        status = row_store_append(&fresh, 1, &row, err);
        if (status != STATUS_OK) break;
        memcpy(row, state->best[i].row, sort->layout.rows.width);
        sort_own_strings(&sort->layout.rows, row, &fresh.strings.arena);
        state->best[i].row = row;
    }
    row_store_deinit(&state->store);
    state->store = fresh;
    TRY(status);
    if (!state->bound_row) state->bound_row = malloc(sort->layout.rows.begin);
    if (!state->bound_row) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    state->full = true;
    state->bound = state->best[state->best_count - 1].prefix;
    memcpy(state->bound_row, state->best[state->best_count - 1].row, sort->layout.rows.begin);
    int64_t value;
    if (sort->bound && sort_first_integer(&sort->layout, state->bound_row, &value))
        runtime_filter_tighten(sort->bound, sort->layout.keys[0].descending, value);
    return STATUS_OK;
}

/* Room for `count` more candidates. */
static Status make_room(Sort *sort, SortState *state, int count, Error *err) {
    Query *query = state->store.query;
    if (state->best_count + count > state->best_capacity) {
        if (state->best_capacity) TRY(shrink_best(sort, state, err));
        if (!state->best_capacity) {
            int64_t capacity = sort->limit * 2 + 2 * BATCH_ROWS;
            TRY(query_alloc(query, sizeof(SortEntry) * (size_t)capacity, (void **)&state->best, err));
            state->best_capacity = capacity;
        }
    }
    return STATUS_OK;
}

static void place_rows(const Chain *chain, int selected, char *rows, size_t stride) {
    uint64_t base = (uint64_t)chain->morsel << 32 | (uint64_t)(chain->morsel_rows - selected);
    for (int k = 0; k < selected; k++) {
        uint64_t place = base + (uint64_t)k;
        memcpy(rows + (size_t)k * stride, &place, sizeof place);
    }
}

static void keep_columns(const Sort *sort, SortState *state, const Vector *values, const uint16_t *selection,
                         int selected, char *rows) {
    const SortLayout *layout = &sort->layout;
    for (int i = 0; i < layout->rows.column_count; i++)
        if (sort_row_holds(layout, i))
            rows_scatter(&layout->rows, i, &values[layout->key_count + i], selection, selected, rows,
                         layout->rows.width, &state->store.strings.arena);
}

/* Rows that could be among the best, by their key bytes alone. */
static int drop_hopeless(const Sort *sort, SortState *state, const Batch *batch, const char *keys,
                         size_t stride, uint16_t *kept_index) {
    const SortLayout *layout = &sort->layout;
    int kept = 0;
    for (int k = 0; k < batch->selected; k++) {
        const char *key = keys + (size_t)k * stride + layout->key_begin;
        uint64_t word;
        memcpy(&word, key, sizeof word);
        word = __builtin_bswap64(word);
        state->selection[kept] = (uint16_t)(batch->selection ? batch->selection[k] : k);
        kept_index[kept] = (uint16_t)k;
        kept += word < state->bound ||
                (word == state->bound &&
                 memcmp(key, state->bound_row + layout->key_begin, layout->ordered_bytes) <= 0);
    }
    return kept;
}

/* Candidates become a run when there is no room to move the best of them to fresh storage; what is a loser by
 * then is left out when the runs are merged. */
static bool top_n_should_spill(const Sort *sort, const SortState *state) {
    Query *query = sort->query;
    int64_t bytes = row_store_bytes(&state->store);
    return bytes >= LEAST_TOP_N_RUN_BYTES && query_may_spill(query) &&
           query_memory_left(query) / query->worker_count < bytes;
}

static Status push_top_n(Sort *sort, SortState *state, Chain *chain, const Batch *batch, const Vector *values,
                         Error *err) {
    Arena *arena = &chain->batch_arena;
    size_t width = sort->layout.rows.width, key_width = sort->layout.rows.begin;
    char *keys = arena_alloc(arena, key_width * (size_t)batch->selected), *rows;
    uint16_t *kept_index = arena_alloc(arena, sizeof *kept_index * BATCH_ROWS);
    sort_keys_encode(&sort->layout, values, batch->selection, batch->selected, keys, key_width);
    place_rows(chain, batch->selected, keys, key_width);
    int kept = batch->selected;
    const uint16_t *selection = batch->selection;
    bool dropped = state->full;
    if (dropped) {
        kept = drop_hopeless(sort, state, batch, keys, key_width, kept_index);
        selection = state->selection;
    }
    if (!kept) return STATUS_OK;
    TRY(make_room(sort, state, kept, err));
    TRY(row_store_append(&state->store, kept, &rows, err));
    for (int k = 0; k < kept; k++)
        memcpy(rows + (size_t)k * width, keys + (size_t)(dropped ? kept_index[k] : k) * key_width, key_width);
    keep_columns(sort, state, values, selection, kept, rows);
    for (int k = 0; k < kept; k++)
        state->best[state->best_count++] =
            (SortEntry){sort_prefix(&sort->layout, rows + (size_t)k * width), rows + (size_t)k * width};
    if (top_n_should_spill(sort, state)) {
        state->best_count = 0;
        return sort_spill_store(sort, &state->store, err);
    }
    /* The sooner there is a bound, the less the scan reads. */
    bool enough = state->best_count >= (state->full ? sort->limit * 2 + SPARE_CANDIDATES : sort->limit);
    return enough ? shrink_best(sort, state, err) : STATUS_OK;
}

static Status push_all(Sort *sort, SortState *state, Chain *chain, const Batch *batch, const Vector *values,
                       Error *err) {
    size_t width = sort->layout.rows.width;
    char *rows;
    TRY(row_store_append(&state->store, batch->selected, &rows, err));
    sort_keys_encode(&sort->layout, values, batch->selection, batch->selected, rows, width);
    place_rows(chain, batch->selected, rows, width);
    keep_columns(sort, state, values, batch->selection, batch->selected, rows);
    return sort_should_spill(sort, &state->store) ? sort_spill_store(sort, &state->store, err) : STATUS_OK;
}

static Status sink_push(Sink *sink, Chain *chain, void *pointer, Batch *batch, Error *err) {
    Sort *sort = (Sort *)sink;
    const SortLayout *layout = &sort->layout;
    Arena *arena = &chain->batch_arena;
    /* Key values, then what each column of the row holds. */
    Vector *values = ARENA_NEW_ARRAY(arena, Vector, layout->key_count + layout->rows.column_count + 1);
    for (int i = 0; i < layout->key_count; i++)
        TRY(program_evaluate(&chain->evaluator, layout->keys[i].program, batch, arena, &values[i], err));
    if (layout->output_count)
        memcpy(values + layout->key_count, batch->columns, sizeof(Vector) * (size_t)layout->output_count);
    for (int i = 0; i < layout->key_count; i++)
        if (layout->keys[i].column >= layout->output_count)
            values[layout->key_count + layout->keys[i].column] = values[i];
    for (int i = 0; i < layout->extra_count; i++)
        if (layout->extra_columns[i] >= layout->output_count)
            TRY(program_evaluate(&chain->evaluator, layout->extras[i], batch, arena,
                                 &values[layout->key_count + layout->extra_columns[i]], err));
    return sort->top_n ? push_top_n(sort, pointer, chain, batch, values, err)
                       : push_all(sort, pointer, chain, batch, values, err);
}

/* ---- after all -------------------------------------------------------------------------------------------
 */

typedef struct EntryJob {
    Sort *sort;
    void **states;
    int64_t *starts;
    const char *sample; /* any row */
    uint32_t *common;   /* per state */
    uint32_t skip;
} EntryJob;

static void run_common(void *argument, int index) {
    const EntryJob *job = argument;
    const SortState *state = job->states[index];
    job->common[index] =
        state ? sort_common_bytes(&job->sort->layout, &state->store, job->sample) : UINT32_MAX;
}

static void run_entries(void *argument, int index) {
    const EntryJob *job = argument;
    const SortState *state = job->states[index];
    if (state)
        sort_add_entries(&job->sort->layout, &state->store, job->skip,
                         job->sort->entries + job->starts[index]);
}

static void copy_best(Sort *sort, void **states, int count) {
    for (int i = 0; i < count; i++) {
        const SortState *state = states[i];
        if (!state || !state->best_count) continue;
        memcpy(sort->entries + sort->entry_count, state->best, sizeof(SortEntry) * (size_t)state->best_count);
        sort->entry_count += state->best_count;
    }
}

/* Bytes that all keys begin with tell nothing: prefixes start behind them. */
static Status gather_entries(Sort *sort, Query *query, void **states, int count, Error *err) {
    int64_t total = 0, *starts = ARENA_NEW_ARRAY(&query->arena, int64_t, count + 1);
    EntryJob job = {.sort = sort,
                    .states = states,
                    .starts = starts,
                    .common = ARENA_NEW_ARRAY(&query->arena, uint32_t, count + 1),
                    .skip = UINT32_MAX};
    for (int i = 0; i < count; i++) {
        const SortState *state = states[i];
        starts[i] = total;
        if (!state) continue;
        total += sort->top_n ? state->best_count : state->store.row_count;
        if (!sort->top_n && state->store.row_count) job.sample = state->store.blocks[0].data;
    }
    TRY(query_alloc(query, sizeof(SortEntry) * (size_t)total, (void **)&sort->entries, err));
    sort->entry_capacity = total;
    if (sort->top_n) {
        copy_best(sort, states, count);
        return STATUS_OK;
    }
    if (!total) return STATUS_OK;
    query_parallel(query, count, run_common, &job);
    for (int i = 0; i < count; i++)
        if (job.common[i] < job.skip) job.skip = job.common[i];
    query_parallel(query, count, run_entries, &job);
    sort->entry_count = total;
    return query_check(query, err);
}

typedef struct SortJob {
    const SortLayout *layout;
    Query *query;
    SortEntry *from, *into; /* merge: pairs of runs of `from` into `into` */
    int64_t count, run;
    int pieces; /* per pair */
} SortJob;

static void run_sort_run(void *argument, int index) {
    SortJob *job = argument;
    int64_t start = job->run * index, end = start + job->run < job->count ? start + job->run : job->count;
    if (start < end && !query_is_stopped(job->query))
        sort_entries(job->query, job->layout, job->from + start, job->into + start, end - start);
}

/* How many of the first `rank` merged entries come from `left`. */
static int64_t merge_split(const SortLayout *layout, const SortEntry *left, int64_t left_count,
                           const SortEntry *right, int64_t right_count, int64_t rank) {
    int64_t low = rank > right_count ? rank - right_count : 0, high = rank < left_count ? rank : left_count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (sort_compare_entries(layout, &left[middle], &right[rank - middle - 1]) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void run_merge_piece(void *argument, int index) {
    SortJob *job = argument;
    int64_t start = job->run * 2 * (index / job->pieces);
    int piece = index % job->pieces;
    int64_t left_count = job->count - start < job->run ? job->count - start : job->run;
    int64_t rest = job->count - start - left_count, right_count = rest < job->run ? rest : job->run;
    const SortEntry *left = job->from + start, *right = left + left_count;
    int64_t total = left_count + right_count, first = total * piece / job->pieces,
            end = total * (piece + 1) / job->pieces;
    int64_t l = merge_split(job->layout, left, left_count, right, right_count, first), r = first - l;
    SortEntry *out = job->into + start;
    for (int64_t i = first; i < end && !query_is_stopped_each(job->query, i); i++) {
        bool take_left = r >= right_count ||
                         (l < left_count && sort_compare_entries(job->layout, &left[l], &right[r]) < 0);
        out[i] = take_left ? left[l++] : right[r++];
    }
}

/* Runs sorted in parallel, then merged pairwise, each merge cut into as many pieces as keep the workers busy.
 */
static Status sort_all(Sort *sort, Query *query, Error *err) {
    SortEntry *scratch;
    size_t bytes = sizeof *scratch * (size_t)sort->entry_capacity;
    TRY(query_alloc(query, bytes, (void **)&scratch, err));
    int runs = sort->entry_count < SERIAL_SORT_ROWS ? 1 : query->worker_count * 2;
    SortJob job = {.layout = &sort->layout,
                   .query = query,
                   .from = sort->entries,
                   .into = scratch,
                   .count = sort->entry_count};
    job.run = (sort->entry_count + runs - 1) / runs;
    if (job.run < 1) job.run = 1;
    query_parallel(query, runs, run_sort_run, &job);
    Status status = query_check(query, err);
    while (job.run < job.count && status == STATUS_OK) {
        int64_t pairs = (job.count + job.run * 2 - 1) / (job.run * 2);
        job.pieces = (int)((query->worker_count * 2 + pairs - 1) / pairs);
        query_parallel(query, (int)pairs * job.pieces, run_merge_piece, &job);
        SortEntry *swapped = job.from;
        job.from = job.into;
        job.into = swapped;
        job.run *= 2;
        status = query_check(query, err); /* a stopped merge leaves places unwritten */
    }
    sort->entries = job.from;
    query_free(query, job.into, bytes);
    return status;
}

typedef struct SpillJob {
    Sort *sort;
    void **states;
} SpillJob;

static void run_spill(void *argument, int index) {
    const SpillJob *job = argument;
    SortState *state = job->states[index];
    Error err = {0};
    if (state && sort_spill_store(job->sort, &state->store, &err) != STATUS_OK)
        query_fail(job->sort->query, &err);
}

/* What the workers still hold becomes runs too. */
static Status finish_runs(Sort *sort, Query *query, void **states, int count, Error *err) {
    SpillJob job = {.sort = sort, .states = states};
    query_parallel(query, count, run_spill, &job);
    TRY(query_check(query, err));
    TRY(sort_runs_reduce(sort, err));
    if (sort->by_ranges) TRY(sort_ranges_choose(sort, err));
    if (sort->range_count) return STATUS_OK;
    return sort_merge_create(sort, sort->runs, sort->run_count, (SortRange){0}, &sort->merge, err);
}

static Status sink_finish(Sink *sink, Query *query, void **states, int count, Error *err) {
    Sort *sort = (Sort *)sink;
    if (sort->sink.stats) stats_note_memory(sort->sink.stats, atomic_load(&query->budget.used_bytes));
    if (sort->run_count) return finish_runs(sort, query, states, count, err);
    TRY(gather_entries(sort, query, states, count, err));
    TRY(sort_all(sort, query, err));
    if (sort->sink.stats) stats_note_memory(sort->sink.stats, atomic_load(&query->budget.used_bytes));
    if (sort->limit > 0 && sort->entry_count > sort->limit) sort->entry_count = sort->limit;
    return STATUS_OK;
}

static void sink_destroy(Sink *sink, Query *query) {
    Sort *sort = (Sort *)sink;
    sort_runs_destroy(sort);
    query_free(query, sort->entries, sizeof(SortEntry) * (size_t)sort->entry_capacity);
    sort->entries = NULL;
}

static const SinkOps sort_sink_ops = {.open = sink_open,
                                      .push = sink_push,
                                      .finish = sink_finish,
                                      .close = sink_state_close,
                                      .destroy = sink_destroy};

/* ---- handing out -----------------------------------------------------------------------------------------
 */

typedef struct SortReader {
    SortMerge *merge; /* of the morsel's range */
    int64_t next, end;
    RowStore store; /* merged rows of the morsel, and where each is */
    char **rows;
    Batch batch;
} SortReader;

static Sort *sort_of(Source *source) {
    return (Sort *)((char *)source - offsetof(Sort, source));
}

static Status reader_prepare(Source *source, Query *query, Error *err) {
    const Sort *sort = sort_of(source);
    source->morsel_count = sort->range_count ? sort->range_count
                           : sort->merge     ? -1
                                         : (sort->entry_count + MORSEL_SORTED_ROWS - 1) / MORSEL_SORTED_ROWS;
    return STATUS_OK;
}

static Status reader_open(Source *source, Chain *chain, void **state, Error *err) {
    SortReader *reader = calloc(1, sizeof *reader);
    *state = reader;
    if (reader && sort_of(source)->merge) reader->rows = calloc(MORSEL_SORTED_ROWS, sizeof *reader->rows);
    if (!reader || (sort_of(source)->merge && !reader->rows))
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    row_store_init(&reader->store, chain->query, sort_of(source)->layout.rows.width);
    return STATUS_OK;
}

/* The next rows of the merge; morsels are opened one at a time. */
static Status read_merged(Sort *sort, SortReader *reader, bool *exhausted, Error *err) {
    row_store_deinit(&reader->store);
    row_store_init(&reader->store, sort->query, sort->layout.rows.width);
    reader->next = reader->end = 0;
    while (reader->end < MORSEL_SORTED_ROWS && reader->store.strings.charged_bytes < MERGED_MORSEL_BYTES &&
           sort_merge_peek(sort->merge) && (sort->limit <= 0 || sort->entry_count < sort->limit)) {
        TRY(sort_merge_take(sort->merge, &reader->store, &reader->rows[reader->end++], err));
        sort->entry_count++;
    }
    *exhausted = reader->end == 0;
    return STATUS_OK;
}

static Status reader_morsel_open(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                                 Error *err) {
    SortReader *reader = state;
    Sort *sort = sort_of(source);
    if (sort->merge) return read_merged(sort, reader, exhausted, err);
    if (sort->range_count) {
        sort_merge_destroy(reader->merge);
        return sort_merge_create(sort, sort->runs, sort->run_count, sort_range(sort, morsel), &reader->merge,
                                 err);
    }
    int64_t total = sort->entry_count;
    reader->next = morsel * MORSEL_SORTED_ROWS;
    reader->end = reader->next + MORSEL_SORTED_ROWS < total ? reader->next + MORSEL_SORTED_ROWS : total;
    return STATUS_OK;
}

/* The next rows of the range; they last as long as the batch, which ends early when their strings are long.
 */
static Status take_merged(const Sort *sort, SortMerge *merge, char **rows, int *count, Arena *arena,
                          Error *err) {
    size_t width = sort->layout.rows.width;
    char *memory = arena_alloc(arena, width * BATCH_ROWS);
    size_t most = arena->used_bytes + MERGED_BATCH_BYTES;
    for (*count = 0; *count < BATCH_ROWS && arena->used_bytes < most && sort_merge_peek(merge); ++*count) {
        rows[*count] = memcpy(memory + width * (size_t)*count, sort_merge_peek(merge), width);
        sort_own_strings(&sort->layout.rows, rows[*count], arena);
        TRY(sort_merge_pop(merge, err));
    }
    return STATUS_OK;
}

static Status reader_next(Source *source, Chain *chain, void *state, Batch **out, Error *err) {
    Sort *sort = sort_of(source);
    SortReader *reader = state;
    Arena *arena = &chain->batch_arena;
    int count = reader->end - reader->next < BATCH_ROWS ? (int)(reader->end - reader->next) : BATCH_ROWS;
    char **rows = arena_alloc(arena, sizeof *rows * BATCH_ROWS);
    for (int k = 0; k < count; k++)
        rows[k] = sort->merge ? reader->rows[reader->next + k] : sort->entries[reader->next + k].row;
    reader->next += count;
    if (sort->range_count) TRY(take_merged(sort, reader->merge, rows, &count, arena, err));
    if (count <= 0) return STATUS_OK;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, sort->layout.output_count + 1);
    for (int i = 0; i < sort->layout.output_count; i++)
        sort_gather(&sort->layout, i, rows, count, &columns[i], arena);
    reader->batch = (Batch){
        .row_count = count, .column_count = sort->layout.output_count, .columns = columns, .selected = count};
    *out = &reader->batch;
    return STATUS_OK;
}

static void reader_close(Source *source, void *state) {
    SortReader *reader = state;
    if (!reader) return;
    row_store_deinit(&reader->store);
    sort_merge_destroy(reader->merge);
    free(reader->rows);
    free(reader);
}

static const SourceOps sort_source_ops = {.prepare = reader_prepare,
                                          .open = reader_open,
                                          .morsel_open = reader_morsel_open,
                                          .next = reader_next,
                                          .close = reader_close};

/* The candidates of all workers, and as many again to sort them; else everything is sorted, which spills. */
static bool candidates_fit(const Query *query, int64_t limit) {
    int64_t bytes = 2 * (limit * 2 + 2 * BATCH_ROWS) * (int64_t)sizeof(SortEntry) * query->worker_count;
    return !query_may_spill(query) || bytes < query_memory_left(query) / 4;
}

Status sort_init(Sort *sort, Query *query, const PlanNode *node, Expr *const *extras, int extra_count,
                 int64_t limit, bool compact, Error *err) {
    OperatorStats *stats = query_stats_of(query, node);
    sort->sink = (Sink){.ops = &sort_sink_ops, .node = node, .stats = stats};
    sort->source = (Source){.ops = &sort_source_ops, .node = node, .stats = stats};
    sort->query = query;
    sort->limit = limit;
    sort->top_n = limit > 0 && limit <= TOP_N_LIMIT && candidates_fit(query, limit);
    if (sort->top_n) sort->bound = runtime_filter_for_top_n(query, node);
    TRY(sort_layout_init(&sort->layout, query, node->inputs[0], node->sort_keys, node->sort_key_count, extras,
                         extra_count, compact, err));
    sort_runs_init(sort, &query->arena);
    return STATUS_OK;
}

/* The rows of the result: operators behind any other sort may add in the order of morsels, whose number must
 * not depend on memory. */
static bool orders_result(const PlanNode *root, const PlanNode *node) {
    while (root != node && (root->kind == PLAN_LIMIT || root->kind == PLAN_PROJECT))
        root = root->inputs[0];
    return root == node;
}

Status sort_create(Query *query, const PlanNode *node, int64_t limit, Sink **sink, Source **source,
                   Error *err) {
    Sort *sort = ARENA_NEW(&query->arena, Sort);
    TRY(sort_init(sort, query, node, NULL, 0, limit, true, err));
    sort->by_ranges = limit <= 0 && orders_result(query->plan->root, node);
    *sink = &sort->sink;
    *source = &sort->source;
    return STATUS_OK;
}
