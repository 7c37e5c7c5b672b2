/* Window functions: rows are sorted by the windows' keys with the values of every argument beside them, cut
 * into ranges of whole partitions, and each range is computed by the worker that hands it out. */
#include <stdlib.h>

#include "engines/columnar/exec/window_internal.h"

/* Text kept in states takes several times what its rows do. */
enum { RANGE_ROWS = 32 * BATCH_ROWS, TEXT_RANGE_ROWS = 4 * BATCH_ROWS };

static Window *window_of(Source *source) {
    return (Window *)((char *)source - offsetof(Window, source));
}

/* ---- ranges ----------------------------------------------------------------------------------------------
 */

/* The first row at or behind `from` (> 0) that starts a partition of every window. Rows are in order: found
 * by halving. */
static int64_t next_cut(const Window *window, int64_t from) {
    const Sort *sort = &window->sort;
    const char *before = sort->entries[from - 1].row;
    int64_t low = from, high = sort->entry_count, step = 1;
    while (low < high && sort_keys_equal(&sort->layout, window->cut_keys, before, sort->entries[low].row)) {
        int64_t next = low + step;
        if (next >= high ||
            !sort_keys_equal(&sort->layout, window->cut_keys, before, sort->entries[next].row)) {
            high = next < high ? next : high;
            low++;
            while (low < high) {
                int64_t middle = low + (high - low) / 2;
                if (sort_keys_equal(&sort->layout, window->cut_keys, before, sort->entries[middle].row))
                    low = middle + 1;
                else
                    high = middle;
            }
            return low;
        }
        low = next;
        step *= 2;
    }
    return low;
}

static Status reader_prepare(Source *source, Query *query, Error *err) {
    Window *window = window_of(source);
    if (window->sort.merge) {
        source->morsel_count = -1;
        return STATUS_OK;
    }
    int64_t total = window->sort.entry_count, most = total / window->range_rows + 2;
    window->morsels = ARENA_NEW_ARRAY(&query->arena, int64_t, (size_t)most + 1);
    window->morsel_count = 0;
    int64_t rows = window->range_rows;
    /* Few rows: every worker gets some. */
    if (total / query->worker_count < rows) rows = total / query->worker_count + 1;
    if (rows < BATCH_ROWS) rows = BATCH_ROWS;
    if (total / rows + 2 > most)
        window->morsels = ARENA_NEW_ARRAY(&query->arena, int64_t, (size_t)(total / rows + 3));
    for (int64_t start = 0; start < total;) {
        window->morsels[window->morsel_count++] = start;
        start = start + rows < total ? next_cut(window, start + rows) : total;
    }
    window->morsels[window->morsel_count] = total;
    source->morsel_count = window->morsel_count;
    return STATUS_OK;
}

/* ---- one worker ------------------------------------------------------------------------------------------
 */

typedef struct WindowReader {
    Query *query;
    WindowRange range;
    size_t rows_bytes;
    RowStore store; /* the range's rows, when they were merged from disk */
    bool open, computed;
    int64_t next_block;
    Batch batch;
} WindowReader;

static Status reader_open(Source *source, Chain *chain, void **state, Error *err) {
    WindowReader *reader = calloc(1, sizeof *reader);
    if (!reader) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    reader->query = chain->query;
    row_store_init(&reader->store, chain->query, window_of(source)->sort.layout.rows.width);
    *state = reader;
    return STATUS_OK;
}

static void close_range(WindowReader *reader) {
    if (!reader->open) return;
    reader->open = false;
    query_free(reader->query, reader->range.rows, reader->rows_bytes);
    charged_arena_deinit(reader->query, &reader->range.arena);
    row_store_deinit(&reader->store);
    row_store_init(&reader->store, reader->query, reader->range.window->sort.layout.rows.width);
}

static Status reserve_rows(WindowReader *reader, int64_t count, Error *err) {
    size_t bytes = sizeof(char *) * (size_t)(count + 1);
    void *memory = reader->range.rows;
    if (bytes <= reader->rows_bytes) return STATUS_OK;
    if (reader->rows_bytes && bytes < reader->rows_bytes * 2) bytes = reader->rows_bytes * 2;
    if (memory)
        TRY(query_realloc(reader->query, &memory, reader->rows_bytes, bytes, err));
    else
        TRY(query_alloc(reader->query, bytes, &memory, err));
    reader->range.rows = memory;
    reader->rows_bytes = bytes;
    return STATUS_OK;
}

/* Results and states take about what the rows take. */
static bool range_is_full(const WindowReader *reader) {
    if (reader->range.count >= reader->range.window->range_rows) return true;
    if (reader->range.count < BATCH_ROWS) return false;
    return row_store_bytes(&reader->store) * 2 >
           query_memory_left(reader->query) / reader->query->worker_count;
}

/* Whole partitions from the merge of what was spilled; ranges are opened one at a time. */
static Status read_merged(const Window *window, WindowReader *reader, Error *err) {
    WindowRange *range = &reader->range;
    SortMerge *merge = window->sort.merge;
    for (const char *next; (next = sort_merge_peek(merge)); range->count++) {
        if (range->count >= BATCH_ROWS &&
            !sort_keys_equal(&window->sort.layout, window->cut_keys, range->rows[range->count - 1], next) &&
            range_is_full(reader))
            break;
        TRY(query_check_each(reader->query, range->count, err));
        TRY(reserve_rows(reader, range->count + 1, err));
        TRY(sort_merge_take(merge, &reader->store, &range->rows[range->count], err));
    }
    return STATUS_OK;
}

static Status reader_morsel_open(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                                 Error *err) {
    const Window *window = window_of(source);
    WindowReader *reader = state;
    close_range(reader);
    reader->range = (WindowRange){.query = chain->query, .window = window};
    charged_arena_init(&reader->range.arena);
    reader->open = true;
    reader->computed = false;
    reader->next_block = 0;
    reader->rows_bytes = 0;
    if (window->sort.merge) {
        TRY(read_merged(window, reader, err));
        *exhausted = reader->range.count == 0;
        return STATUS_OK;
    }
    int64_t start = window->morsels[morsel], count = window->morsels[morsel + 1] - start;
    TRY(reserve_rows(reader, count, err));
    for (int64_t i = 0; i < count; i++)
        reader->range.rows[i] = window->sort.entries[start + i].row;
    reader->range.count = count;
    return STATUS_OK;
}

static Status reader_next(Source *source, Chain *chain, void *state, Batch **out, Error *err) {
    const Window *window = window_of(source);
    WindowReader *reader = state;
    WindowRange *range = &reader->range;
    Arena *arena = &chain->batch_arena;
    if (!reader->computed) TRY(window_range_compute(range, err));
    reader->computed = true;
    if (reader->next_block == range_blocks(range)) return STATUS_OK;
    const SortLayout *layout = &window->sort.layout;
    int64_t block = reader->next_block++;
    int count = range_block_rows(range, block), columns = layout->output_count;
    Vector *vectors = ARENA_NEW_ARRAY(arena, Vector, columns + window->call_count + 1);
    for (int i = 0; i < columns; i++)
        rows_gather(&layout->rows, i, range->rows + block * BATCH_ROWS, count, NULL, count, &vectors[i],
                    arena);
    for (int c = 0; c < window->call_count; c++)
        vectors[columns + c] = range->results[c][block];
    reader->batch = (Batch){.row_count = count,
                            .column_count = columns + window->call_count,
                            .columns = vectors,
                            .selected = count};
    *out = &reader->batch;
    return STATUS_OK;
}

static void reader_close(Source *source, void *state) {
    WindowReader *reader = state;
    if (!reader) return;
    close_range(reader);
    row_store_deinit(&reader->store);
    free(reader);
}

static const SourceOps window_source_ops = {.prepare = reader_prepare,
                                            .open = reader_open,
                                            .morsel_open = reader_morsel_open,
                                            .next = reader_next,
                                            .close = reader_close};

/* ---- creation --------------------------------------------------------------------------------------------
 */

static int spec_of(Window *window, const WindowCall *call) {
    for (int s = 0; s < window->spec_count; s++)
        if (window->specs[s].partition_count == call->partition_count &&
            window->specs[s].order_count == call->order_count)
            return s;
    window->specs[window->spec_count] =
        (WindowSpec){.partition_count = call->partition_count, .order_count = call->order_count};
    return window->spec_count++;
}

static bool shares_memory(const AggregateFunction *function, SqlType result) {
    return function->ordered || physical_type_of(result) == PHYS_STRING;
}

static Status init_plan(Window *window, Query *query, const PlanNode *node, WindowPlan *plan, Expr **extras,
                        int *extra_count, Error *err) {
    const WindowCall *call = plan->call;
    plan->spec = spec_of(window, call);
    plan->args = ARENA_NEW_ARRAY(&query->arena, int, call->call.arg_count + 1);
    plan->filter = plan->range_key = -1;
    for (int a = 0; a < call->call.arg_count; a++) {
        plan->args[a] = *extra_count;
        extras[(*extra_count)++] = call->call.args[a];
    }
    if (call->call.filter) {
        plan->filter = *extra_count;
        extras[(*extra_count)++] = call->call.filter;
    }
    if (call->kind == WINDOW_AGGREGATE) {
        plan->careful = shares_memory(call->call.function, call->call.type);
        plan->in_order = !plan->careful && aggregate_is_order_sensitive(&call->call);
    }
    if (call->order_count == 1) {
        const SortKey *key = &node->sort_keys[call->partition_count];
        plan->key_type = key->expr->type;
        plan->descending = key->descending;
        plan->nulls_first = key->nulls_first;
    }
    TRY(frame_prepare(query, plan, err));
    if (plan->range == RANGE_NONE) return STATUS_OK;
    plan->range_key = *extra_count;
    extras[(*extra_count)++] = node->sort_keys[call->partition_count].expr;
    return STATUS_OK;
}

/* From positions among the extras to columns of the rows. */
static void place_extras(Window *window) {
    const int *columns = window->sort.layout.extra_columns;
    for (int c = 0; c < window->call_count; c++) {
        WindowPlan *plan = &window->calls[c];
        for (int a = 0; a < plan->call->call.arg_count; a++)
            plan->args[a] = columns[plan->args[a]];
        if (plan->filter >= 0) plan->filter = columns[plan->filter];
        if (plan->range_key >= 0) plan->range_key = columns[plan->range_key];
    }
}

Status window_create(Query *query, const PlanNode *node, Sink **sink, Source **source, Error *err) {
    Window *window = ARENA_NEW(&query->arena, Window);
    int most = 0, extra_count = 0;
    for (int c = 0; c < node->window_count; c++)
        most += node->windows[c].call.arg_count + 2;
    Expr **extras = ARENA_NEW_ARRAY(&query->arena, Expr *, most + 1);
    window->source = (Source){.ops = &window_source_ops, .node = node, .stats = query_stats_of(query, node)};
    window->call_count = node->window_count;
    window->calls = ARENA_NEW_ARRAY(&query->arena, WindowPlan, node->window_count + 1);
    window->specs = ARENA_NEW_ARRAY(&query->arena, WindowSpec, node->window_count + 1);
    window->cut_keys = node->sort_key_count;
    for (int c = 0; c < node->window_count; c++) {
        window->calls[c].call = &node->windows[c];
        if (node->windows[c].partition_count < window->cut_keys)
            window->cut_keys = node->windows[c].partition_count;
        TRY(init_plan(window, query, node, &window->calls[c], extras, &extra_count, err));
    }
    TRY(sort_init(&window->sort, query, node, extras, extra_count, 0, false, err));
    place_extras(window);
    window->range_rows = RANGE_ROWS;
    for (int c = 0; c < window->call_count; c++)
        if (window->calls[c].careful) window->range_rows = TEXT_RANGE_ROWS;
    *sink = &window->sort.sink;
    *source = &window->source;
    return STATUS_OK;
}
