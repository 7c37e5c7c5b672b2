/* Rows kept with the place they came from, so that they can be put back in order whatever worker had them. */
#pragma once

#include "engines/columnar/exec/rows.h"

typedef struct RowSegment {
    int64_t morsel;
    int64_t order; /* within the morsel */
    char *rows;    /* side by side, `count` of them */
    int64_t count;
} RowSegment;

typedef struct RowCollector { /* one per worker */
    RowStore store;
    RowSegment *segments;
    int64_t segment_count, segment_capacity;
} RowCollector;

void row_collector_init(RowCollector *collector, Query *query, size_t row_width);
void row_collector_deinit(RowCollector *collector);
/* Adds the batch's selected rows as one segment; columns are scattered by `layout`, the rest of each row is
 * zeroed up to layout->begin. *out is the first row. */
Status row_collector_add(RowCollector *collector, const RowLayout *layout, const Batch *batch, int64_t morsel,
                         char **out, Error *err);
/* All segments of all collectors in order; malloc'd, the caller frees. NULL collectors are skipped. */
RowSegment *row_segments_merge(RowCollector *const *collectors, int count, int64_t *segment_count);
