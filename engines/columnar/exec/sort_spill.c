/* A sort larger than the budget: each worker writes what it holds as a sorted run whenever memory runs short;
 * in the end all runs are merged as they are read. Too many runs for the memory left are merged into fewer
 * first. */
#include <stdlib.h>

#include "engines/columnar/exec/sort_internal.h"

enum {
    LEAST_RUN_ROWS = 4096,
    RUN_BUFFER_BYTES = 2 * SPILL_BLOCK_BYTES, /* what reading one run takes */
    LEAST_FAN_IN = 4,
    MOST_FAN_IN = 256
};

typedef struct RunCursor {
    SpillReader reader;
    char *rows;
    int64_t next, count;
    bool ended; /* no further block has rows of the range */
    SortEntry top;
} RunCursor;

struct SortMerge {
    Sort *sort;
    SortRange range;
    uint32_t skip; /* bytes that all keys begin with */
    RunCursor *cursors;
    int cursor_count;
    int *heap; /* cursors, the least row first */
    int heap_count;
};

/* ---- runs ------------------------------------------------------------------------------------------------
 */

void sort_runs_init(Sort *sort, Arena *arena) {
    spill_format_init(&sort->format, sort->layout.rows.width);
    spill_format_add_rows(&sort->format, &sort->layout.rows, arena);
}

static Status runs_add(Sort *sort, SortRun run) {
    Query *query = sort->query;
    pthread_mutex_lock(&query->lock);
    if (sort->run_count == sort->run_capacity) {
        sort->run_capacity = sort->run_capacity ? sort->run_capacity * 2 : 16;
        sort->runs = realloc(sort->runs, sizeof *sort->runs * (size_t)sort->run_capacity);
        if (!sort->runs) abort();
    }
    sort->runs[sort->run_count++] = run;
    pthread_mutex_unlock(&query->lock);
    return STATUS_OK;
}

void sort_runs_destroy(Sort *sort) {
    sort_merge_destroy(sort->merge);
    sort->merge = NULL;
    for (int r = 0; r < sort->run_count; r++)
        sort_run_destroy(sort, &sort->runs[r]);
    free(sort->runs);
    free(sort->cuts);
    sort->cuts = NULL;
    sort->runs = NULL;
    sort->run_count = sort->run_capacity = 0;
}

/* Sorting a run takes two entries a row beside the rows. */
bool sort_should_spill(const Sort *sort, const RowStore *store) {
    Query *query = sort->query;
    if (store->row_count < LEAST_RUN_ROWS || !query_may_spill(query)) return false;
    int64_t needed = store->row_count * 2 * (int64_t)sizeof(SortEntry) * query->worker_count;
    return query_memory_left(query) < needed + (int64_t)RUN_BUFFER_BYTES * query->worker_count;
}

/* A block's first row is at the place where the blocks before it end. */
static Status note_keys(const Sort *sort, SortRun *run, const SortEntry *entries, int64_t count, Error *err) {
    int64_t blocks = spill_block_count(run->file), at = 0;
    for (int64_t b = 0; b < blocks; b++) {
        TRY(sort_run_note_key(sort, run, entries[at].row, err));
        at += spill_block_rows(run->file, b);
    }
    return sort_run_note_key(sort, run, entries[count - 1].row, err);
}

static Status write_entries(Sort *sort, const SortEntry *entries, int64_t count, Error *err) {
    enum { AT_ONCE = 1024 };
    char *rows[AT_ONCE];
    SortRun run = {0};
    TRY(spill_create(sort->query, &sort->format, sort->sink.stats, &run.file, err));
    Status status = STATUS_OK;
    for (int64_t done = 0; done < count && status == STATUS_OK;) {
        int64_t now = count - done < AT_ONCE ? count - done : AT_ONCE;
        for (int64_t k = 0; k < now; k++)
            rows[k] = entries[done + k].row;
        status = query_check(sort->query, err);
        if (status == STATUS_OK) status = spill_append_rows(run.file, rows, now, err);
        done += now;
    }
    if (status == STATUS_OK) status = spill_finish(run.file, err);
    if (status == STATUS_OK) status = note_keys(sort, &run, entries, count, err);
    if (status != STATUS_OK) {
        sort_run_destroy(sort, &run);
        return status;
    }
    return runs_add(sort, run);
}

Status sort_spill_store(Sort *sort, RowStore *store, Error *err) {
    Query *query = sort->query;
    if (!store->row_count) return STATUS_OK;
    size_t bytes = sizeof(SortEntry) * (size_t)store->row_count;
    SortEntry *entries = NULL, *scratch = NULL;
    Status status = query_alloc(query, bytes, (void **)&entries, err);
    if (status == STATUS_OK) status = query_alloc(query, bytes, (void **)&scratch, err);
    if (status == STATUS_OK) {
        sort_add_entries(&sort->layout, store, sort_common_bytes(&sort->layout, store, store->blocks[0].data),
                         entries);
        status = query_check(query, err); /* stopped, it leaves entries unwritten */
    }
    if (status == STATUS_OK) {
        sort_entries(query, &sort->layout, entries, scratch, store->row_count);
        status = query_check(query, err);
    }
    query_free(query, scratch, bytes);
    if (status == STATUS_OK) status = write_entries(sort, entries, store->row_count, err);
    query_free(query, entries, bytes);
    size_t width = store->row_width;
    row_store_deinit(store);
    row_store_init(store, query, width);
    return status;
}

/* ---- merging ---------------------------------------------------------------------------------------------
 */

static bool before(const SortMerge *merge, int a, int b) {
    return sort_compare_entries(&merge->sort->layout, &merge->cursors[a].top, &merge->cursors[b].top) < 0;
}

static void sift_down(SortMerge *merge, int at) {
    int *heap = merge->heap, moving = heap[at];
    for (;;) {
        int child = 2 * at + 1;
        if (child >= merge->heap_count) break;
        if (child + 1 < merge->heap_count && before(merge, heap[child + 1], heap[child])) child++;
        if (!before(merge, heap[child], moving)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

/* The next block with rows of the range; the cursor ends when there is none. */
static Status next_block(SortMerge *merge, RunCursor *cursor, Error *err) {
    const SortLayout *layout = &merge->sort->layout;
    while (cursor->next == cursor->count && !cursor->ended) {
        TRY(query_check(merge->sort->query, err));
        TRY(spill_read(&cursor->reader, &cursor->rows, &cursor->count, err));
        const char *keys = cursor->rows + layout->key_begin;
        int64_t count = cursor->count;
        cursor->next = 0;
        cursor->ended = count == 0;
        if (count && merge->range.lower)
            cursor->next =
                sort_first_not_below(merge->sort, keys, layout->rows.width, count, merge->range.lower);
        if (count && merge->range.upper)
            cursor->count =
                sort_first_not_below(merge->sort, keys, layout->rows.width, count, merge->range.upper);
        if (cursor->count < count) cursor->ended = true;
    }
    return STATUS_OK;
}

/* The cursor's next row as its top; false at the end of the run or its range. */
static Status advance(SortMerge *merge, RunCursor *cursor, bool *more, Error *err) {
    if (cursor->next == cursor->count) TRY(next_block(merge, cursor, err));
    *more = cursor->next < cursor->count;
    if (!*more) return STATUS_OK;
    char *row = cursor->rows + (size_t)cursor->next++ * merge->sort->layout.rows.width;
    cursor->top = (SortEntry){sort_prefix(&merge->sort->layout, row + merge->skip), row};
    return STATUS_OK;
}

Status sort_merge_create(Sort *sort, const SortRun *runs, int count, SortRange range, SortMerge **out,
                         Error *err) {
    SortMerge *merge = calloc(1, sizeof *merge);
    *out = merge;
    if (merge) {
        merge->sort = sort;
        merge->range = range;
        merge->skip = sort_runs_common_bytes(sort, runs, count);
        merge->cursors = calloc((size_t)count + 1, sizeof *merge->cursors);
        merge->heap = calloc((size_t)count + 1, sizeof *merge->heap);
    }
    if (!merge || !merge->cursors || !merge->heap)
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    for (int r = 0; r < count; r++) {
        bool more;
        int64_t start = sort_run_start(sort, &runs[r], range);
        merge->cursor_count++;
        if (start < 0) continue;
        spill_reader_init(&merge->cursors[r].reader, runs[r].file);
        merge->cursors[r].reader.next = start;
        TRY(advance(merge, &merge->cursors[r], &more, err));
        if (more) merge->heap[merge->heap_count++] = r;
    }
    for (int at = merge->heap_count / 2 - 1; at >= 0; at--)
        sift_down(merge, at);
    return STATUS_OK;
}

void sort_merge_destroy(SortMerge *merge) {
    if (!merge) return;
    for (int r = 0; r < merge->cursor_count; r++)
        spill_reader_deinit(&merge->cursors[r].reader);
    free(merge->cursors);
    free(merge->heap);
    free(merge);
}

char *sort_merge_peek(const SortMerge *merge) {
    return merge->heap_count ? merge->cursors[merge->heap[0]].top.row : NULL;
}

Status sort_merge_pop(SortMerge *merge, Error *err) {
    bool more;
    TRY(advance(merge, &merge->cursors[merge->heap[0]], &more, err));
    if (!more) merge->heap[0] = merge->heap[--merge->heap_count];
    if (merge->heap_count) sift_down(merge, 0);
    return STATUS_OK;
}

Status sort_merge_take(SortMerge *merge, RowStore *store, char **out, Error *err) {
    const RowLayout *layout = &merge->sort->layout.rows;
    TRY(row_store_append(store, 1, out, err));
    memcpy(*out, sort_merge_peek(merge), layout->width);
    sort_own_strings(layout, *out, &store->strings.arena);
    return sort_merge_pop(merge, err);
}

/* The merge's rows, and the keys of those that begin a block. */
static Status write_merged(const Sort *sort, SortMerge *merge, SortRun *out, char *last, Error *err) {
    const SortLayout *layout = &sort->layout;
    for (const char *row; (row = sort_merge_peek(merge));) {
        if (out->key_count == spill_block_count(out->file)) TRY(sort_run_note_key(sort, out, row, err));
        TRY(spill_append(out->file, row, 1, err));
        memcpy(last, row, layout->key_begin + layout->key_bytes);
        TRY(sort_merge_pop(merge, err));
    }
    TRY(spill_finish(out->file, err));
    return sort_run_note_key(sort, out, last, err);
}

static Status merge_some(Sort *sort, int first, int count, SortRun *out, Error *err) {
    SortMerge *merge = NULL;
    *out = (SortRun){0};
    Status status = sort_merge_create(sort, sort->runs + first, count, (SortRange){0}, &merge, err);
    if (status == STATUS_OK)
        status = spill_create(sort->query, &sort->format, sort->sink.stats, &out->file, err);
    size_t bytes = sort->layout.key_begin + sort->layout.key_bytes;
    void *last = NULL;
    if (status == STATUS_OK) status = query_alloc(sort->query, bytes, &last, err);
    if (status == STATUS_OK) status = write_merged(sort, merge, out, last, err);
    query_free(sort->query, last, bytes);
    sort_merge_destroy(merge);
    if (status != STATUS_OK) sort_run_destroy(sort, out);
    return status;
}

static int fan_in(const Sort *sort) {
    int64_t merges = sort->by_ranges ? sort->query->worker_count : 1;
    int64_t runs = query_memory_left(sort->query) / 2 / RUN_BUFFER_BYTES / merges;
    return runs < LEAST_FAN_IN ? LEAST_FAN_IN : runs > MOST_FAN_IN ? MOST_FAN_IN : (int)runs;
}

/* The first runs become one at the end, until few enough are left. */
Status sort_runs_reduce(Sort *sort, Error *err) {
    while (sort->run_count > fan_in(sort)) {
        int count = fan_in(sort);
        SortRun merged;
        TRY(merge_some(sort, 0, count, &merged, err));
        for (int r = 0; r < count; r++)
            sort_run_destroy(sort, &sort->runs[r]);
        memmove(sort->runs, sort->runs + count, sizeof *sort->runs * (size_t)(sort->run_count - count));
        sort->run_count -= count;
        sort->runs[sort->run_count++] = merged;
    }
    return STATUS_OK;
}
