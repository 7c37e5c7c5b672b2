#include "engines/columnar/exec/row_segments.h"

#include <stdlib.h>

void row_collector_init(RowCollector *collector, Query *query, size_t row_width) {
    memset(collector, 0, sizeof *collector);
    row_store_init(&collector->store, query, row_width);
}

void row_collector_deinit(RowCollector *collector) {
    row_store_deinit(&collector->store);
    free(collector->segments);
    collector->segments = NULL;
}

Status row_collector_add(RowCollector *collector, const RowLayout *layout, const Batch *batch, int64_t morsel,
                         char **out, Error *err) {
    if (collector->segment_count == collector->segment_capacity) {
        collector->segment_capacity = collector->segment_capacity ? collector->segment_capacity * 2 : 16;
        collector->segments =
            realloc(collector->segments, sizeof(RowSegment) * (size_t)collector->segment_capacity);
        if (!collector->segments) abort();
    }
    char *rows;
    size_t width = collector->store.row_width;
    TRY(row_store_append(&collector->store, batch->selected, &rows, err));
    for (int k = 0; layout->begin && k < batch->selected; k++)
        memset(rows + (size_t)k * width, 0, layout->begin);
    for (int i = 0; i < layout->column_count; i++)
        rows_scatter(layout, i, &batch->columns[i], batch->selection, batch->selected, rows, width,
                     &collector->store.strings.arena);
    int64_t order = collector->segment_count;
    collector->segments[collector->segment_count++] =
        (RowSegment){.morsel = morsel, .order = order, .rows = rows, .count = batch->selected};
    *out = rows;
    return STATUS_OK;
}

static int compare_segments(const void *left, const void *right) {
    const RowSegment *a = left, *b = right;
    if (a->morsel != b->morsel) return a->morsel < b->morsel ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

RowSegment *row_segments_merge(RowCollector *const *collectors, int count, int64_t *segment_count) {
    int64_t total = 0, at = 0;
    for (int i = 0; i < count; i++)
        total += collectors[i] ? collectors[i]->segment_count : 0;
    RowSegment *segments = malloc(sizeof *segments * (size_t)(total + 1));
    if (!segments) abort();
    for (int i = 0; i < count; i++) {
        if (!collectors[i] || !collectors[i]->segment_count) continue;
        memcpy(segments + at, collectors[i]->segments,
               sizeof *segments * (size_t)collectors[i]->segment_count);
        at += collectors[i]->segment_count;
    }
    qsort(segments, (size_t)total, sizeof *segments, compare_segments);
    *segment_count = total;
    return segments;
}
