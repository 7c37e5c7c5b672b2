/* A sort's runs are merged by ranges of the keys, so that every worker merges: each run keeps the key bytes
 * of its blocks' first rows, which tell where ranges begin in it and, over all runs, where to cut. */
#include <stdlib.h>

#include "engines/columnar/exec/pointer_sort.h"
#include "engines/columnar/exec/sort_internal.h"

enum {
    LEAST_RANGE_ROWS = 8 * BATCH_ROWS,
    ROUND_RANGES =
        32, /* by worker: what may wait for the range before it is a quarter of the memory at most */
    FIRST_KEYS = 64
};

Status sort_run_note_key(const Sort *sort, SortRun *run, const char *row, Error *err) {
    size_t width = sort->layout.key_bytes;
    if (run->key_count == run->key_capacity) {
        int64_t capacity = run->key_capacity ? run->key_capacity * 2 : FIRST_KEYS;
        void *keys = run->keys;
        TRY(query_realloc(sort->query, &keys, width * (size_t)run->key_capacity, width * (size_t)capacity,
                          err));
        run->keys = keys;
        run->key_capacity = capacity;
    }
    memcpy(run->keys + width * (size_t)run->key_count++, row + sort->layout.key_begin, width);
    return STATUS_OK;
}

void sort_run_destroy(const Sort *sort, SortRun *run) {
    spill_destroy(run->file);
    query_free(sort->query, run->keys, sort->layout.key_bytes * (size_t)run->key_capacity);
    *run = (SortRun){0};
}

static const char *key_at(const Sort *sort, const SortRun *run, int64_t index) {
    return run->keys + sort->layout.key_bytes * (size_t)index;
}

int64_t sort_first_not_below(const Sort *sort, const char *keys, size_t stride, int64_t count,
                             const char *bound) {
    int64_t low = 0, high = count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (memcmp(keys + stride * (size_t)middle, bound, sort->layout.ordered_bytes) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t sort_run_start(const Sort *sort, const SortRun *run, SortRange range) {
    int64_t blocks = spill_block_count(run->file), start = 0;
    size_t width = sort->layout.key_bytes, ordered = sort->layout.ordered_bytes;
    if (!blocks || (range.lower && memcmp(key_at(sort, run, blocks), range.lower, ordered) < 0)) return -1;
    if (range.lower) start = sort_first_not_below(sort, run->keys, width, blocks, range.lower);
    if (start > 0) start--; /* the range may begin inside of the block before */
    return range.upper && memcmp(key_at(sort, run, start), range.upper, ordered) >= 0 ? -1 : start;
}

uint32_t sort_runs_common_bytes(const Sort *sort, const SortRun *runs, int count) {
    uint32_t ordered = sort->layout.ordered_bytes, common = ordered > 8 ? ordered - 8 : 0;
    for (int r = 0; r < count; r++) {
        const char *ends[] = {runs[r].keys, key_at(sort, &runs[r], runs[r].key_count - 1)};
        for (int e = 0; e < 2; e++) {
            uint32_t same = 0;
            while (same < common && ends[e][same] == runs[0].keys[same])
                same++;
            common = same;
        }
    }
    return common;
}

static int compare_keys(const void *context, const char *a, const char *b) {
    return memcmp(a, b, ((const Sort *)context)->layout.ordered_bytes);
}

/* Every so many of all blocks' first keys cut. */
static Status cut(Sort *sort, char **keys, char **scratch, int64_t count, Error *err) {
    int64_t at = 0;
    for (int r = 0; r < sort->run_count; r++)
        for (int64_t b = 0; b + 1 < sort->runs[r].key_count; b++)
            keys[at++] = (char *)key_at(sort, &sort->runs[r], b);
    TRY(pointer_sort(sort->query, keys, scratch, count, compare_keys, sort, err));
    for (int64_t r = 1; r < sort->range_count; r++)
        sort->cuts[r - 1] = keys[count * r / sort->range_count];
    return STATUS_OK;
}

Status sort_ranges_choose(Sort *sort, Error *err) {
    int64_t blocks = 0, rows = 0, bytes_of_rows = 0;
    for (int r = 0; r < sort->run_count; r++) {
        blocks += sort->runs[r].key_count - 1;
        rows += spill_row_count(sort->runs[r].file);
        bytes_of_rows += spill_memory_bytes(sort->runs[r].file);
    }
    int64_t width = bytes_of_rows / rows; /* with what long strings take */
    int64_t range_rows = query_memory_left(sort->query) / ROUND_RANGES / sort->query->worker_count / width;
    if (range_rows < LEAST_RANGE_ROWS) range_rows = LEAST_RANGE_ROWS;
    int64_t ranges = rows / range_rows + 1;
    /* Blocks at a range's ends are read twice: each run should have one inside of it. */
    if (ranges > blocks / sort->run_count) return STATUS_OK;
    sort->cuts = calloc((size_t)ranges, sizeof *sort->cuts);
    if (!sort->cuts) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    sort->range_count = ranges;
    char **keys;
    size_t bytes = 2 * sizeof *keys * (size_t)blocks;
    TRY(query_alloc(sort->query, bytes, (void **)&keys, err));
    Status status = cut(sort, keys, keys + blocks, blocks, err);
    query_free(sort->query, keys, bytes);
    return status;
}

SortRange sort_range(const Sort *sort, int64_t index) {
    return (SortRange){.lower = index > 0 ? sort->cuts[index - 1] : NULL,
                       .upper = index + 1 < sort->range_count ? sort->cuts[index] : NULL};
}
