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
    SortEntry top;
} RunCursor;

struct SortMerge {
    Sort *sort;
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

static Status runs_add(Sort *sort, SpillFile *file) {
    Query *query = sort->query;
    pthread_mutex_lock(&query->lock);
    if (sort->run_count == sort->run_capacity) {
        sort->run_capacity = sort->run_capacity ? sort->run_capacity * 2 : 16;
        sort->runs = realloc(sort->runs, sizeof *sort->runs * (size_t)sort->run_capacity);
        if (!sort->runs) abort();
    }
    sort->runs[sort->run_count++] = file;
    pthread_mutex_unlock(&query->lock);
    return STATUS_OK;
}

void sort_runs_destroy(Sort *sort) {
    sort_merge_destroy(sort->merge);
    sort->merge = NULL;
    for (int r = 0; r < sort->run_count; r++)
        spill_destroy(sort->runs[r]);
    free(sort->runs);
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

static Status write_entries(Sort *sort, const SortEntry *entries, int64_t count, Error *err) {
    enum { AT_ONCE = 1024 };
    char *rows[AT_ONCE];
    SpillFile *file;
    TRY(spill_create(sort->query, &sort->format, sort->sink.stats, &file, err));
    Status status = STATUS_OK;
    for (int64_t done = 0; done < count && status == STATUS_OK;) {
        int64_t now = count - done < AT_ONCE ? count - done : AT_ONCE;
        for (int64_t k = 0; k < now; k++)
            rows[k] = entries[done + k].row;
        status = query_check(sort->query, err);
        if (status == STATUS_OK) status = spill_append_rows(file, rows, now, err);
        done += now;
    }
    if (status == STATUS_OK) status = spill_finish(file, err);
    if (status != STATUS_OK) {
        spill_destroy(file);
        return status;
    }
    return runs_add(sort, file);
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

/* The cursor's next row as its top; false at the run's end. */
static Status advance(SortMerge *merge, RunCursor *cursor, bool *more, Error *err) {
    if (cursor->next == cursor->count) {
        TRY(query_check(merge->sort->query, err));
        TRY(spill_read(&cursor->reader, &cursor->rows, &cursor->count, err));
        cursor->next = 0;
    }
    *more = cursor->next < cursor->count;
    if (!*more) return STATUS_OK;
    char *row = cursor->rows + (size_t)cursor->next++ * merge->sort->layout.rows.width;
    cursor->top = (SortEntry){sort_prefix(&merge->sort->layout, row), row};
    return STATUS_OK;
}

Status sort_merge_create(Sort *sort, SpillFile *const *runs, int count, SortMerge **out, Error *err) {
    SortMerge *merge = calloc(1, sizeof *merge);
    *out = merge;
    if (merge) {
        merge->sort = sort;
        merge->cursors = calloc((size_t)count + 1, sizeof *merge->cursors);
        merge->heap = calloc((size_t)count + 1, sizeof *merge->heap);
    }
    if (!merge || !merge->cursors || !merge->heap)
        return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    for (int r = 0; r < count; r++) {
        bool more;
        spill_reader_init(&merge->cursors[r].reader, runs[r]);
        merge->cursor_count++;
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

static Status merge_some(Sort *sort, int first, int count, SpillFile **out, Error *err) {
    SortMerge *merge = NULL;
    SpillFile *file = NULL;
    int64_t rows = 0;
    Status status = sort_merge_create(sort, sort->runs + first, count, &merge, err);
    if (status == STATUS_OK) status = spill_create(sort->query, &sort->format, sort->sink.stats, &file, err);
    while (status == STATUS_OK && sort_merge_peek(merge)) {
        status = query_check_each(sort->query, rows++, err);
        if (status == STATUS_OK) status = spill_append(file, sort_merge_peek(merge), 1, err);
        if (status == STATUS_OK) status = sort_merge_pop(merge, err);
    }
    if (status == STATUS_OK) status = spill_finish(file, err);
    sort_merge_destroy(merge);
    if (status != STATUS_OK) spill_destroy(file);
    *out = status == STATUS_OK ? file : NULL;
    return status;
}

static int fan_in(const Sort *sort) {
    int64_t runs = query_memory_left(sort->query) / 2 / RUN_BUFFER_BYTES;
    return runs < LEAST_FAN_IN ? LEAST_FAN_IN : runs > MOST_FAN_IN ? MOST_FAN_IN : (int)runs;
}

/* The first runs become one at the end, until few enough are left. */
Status sort_runs_reduce(Sort *sort, Error *err) {
    while (sort->run_count > fan_in(sort)) {
        int count = fan_in(sort);
        SpillFile *merged;
        TRY(merge_some(sort, 0, count, &merged, err));
        for (int r = 0; r < count; r++)
            spill_destroy(sort->runs[r]);
        memmove(sort->runs, sort->runs + count, sizeof *sort->runs * (size_t)(sort->run_count - count));
        sort->run_count -= count;
        sort->runs[sort->run_count++] = merged;
    }
    return STATUS_OK;
}
