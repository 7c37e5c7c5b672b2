/* Filters made at run time: what a join's build side holds, told to the scans of its probe side before they
 * decode. Internal to exec/.
 *
 * runtime_filters_create, when the join is made and before its probe side is, follows each key down to the
 * scans it comes from and leaves a filter there. The build notes every key's range as it collects rows and
 * calls runtime_filters_build when it has all; the scan finds its filters by runtime_filter_next and asks
 * them about row groups, then rows. A filter passes every value the join can match, and some others. */
#pragma once

#include "engines/columnar/exec/row_segments.h"
#include "engines/columnar/exec/rows.h"

/* About one key of one join; several scans may hold it (UNION ALL). */
typedef struct RuntimeFilter {
    Query *query;
    KeyLayout key; /* of this key alone */
    bool ranged;   /* an integer or a date: min and max count */
    bool ready;
    bool exact; /* one bit for every value between min and max, else a bloom filter */
    int64_t min, max;
    uint64_t *words;
    uint64_t word_count; /* a power of two when bloom */
    int64_t value_count;
    int64_t
        *listed; /* every value, when there are few: for another engine's scan. NULL = nobody wants them */
    int listed_count; /* 0 = they are too many */
    int generation;   /* times built: a join in a recursive term is built again */
    bool moving;      /* a top-N's bound: min or max tightens while scans ask (moving_min, moving_max) */
    _Atomic int64_t moving_min, moving_max;
} RuntimeFilter;

typedef struct FilteredScan {
    struct FilteredScan *next;
    const PlanNode *scan;
    int column; /* of the scan's output */
    RuntimeFilter *filter;
} FilteredScan;

/* What a builder knows of one key so far. */
typedef struct KeyRange {
    int64_t min, max;
} KeyRange;

enum { RUNTIME_FILTER_MOST_LISTED = 1000 };

/* One per key of the join; entries without a scan to tell are NULL. Filters live in the query's arena. */
RuntimeFilter **runtime_filters_create(Query *query, const PlanNode *join, const KeyLayout *keys);
void key_range_init(KeyRange *range);
void key_range_note(KeyRange *range, const KeyLayout *keys, int column, const uint64_t *rows, int count);
/* From rows whose keys (of `keys`) stand at `key_offset`. Gives up quietly when memory is short. */
void runtime_filter_build(RuntimeFilter *filter, const KeyLayout *keys, int column, KeyRange range,
                          const RowSegment *segments, int64_t segment_count, size_t row_width,
                          uint32_t key_offset);
void runtime_filter_release(RuntimeFilter *filter);

/* For a top-N (`sort` is a PLAN_SORT with a limit): rows whose first key is beyond the worst that would still
 * be kept need not be read. NULL when no scan can use it. Made before the sort's input is. */
RuntimeFilter *runtime_filter_for_top_n(Query *query, const PlanNode *sort);
/* By any worker that holds as many rows as are wanted: none beyond `bound` can be among them. */
void runtime_filter_tighten(RuntimeFilter *filter, bool descending, int64_t bound);

/* The scan's next filter after `previous` (NULL = the first). */
const FilteredScan *runtime_filter_next(const Query *query, const PlanNode *scan,
                                        const FilteredScan *previous);
/* No row of a chunk with these statistics can pass. */
bool runtime_filter_excludes(const RuntimeFilter *filter, const ParquetColumnStats *stats, SqlType type,
                             int64_t rows, Arena *arena);

/* One worker's use of a filter: stops asking when nearly everything passes. */
typedef struct FilterState {
    uint64_t dictionary_id;
    int generation;  /* of the filter, when it learnt the dictionary */
    uint8_t *passes; /* by code */
    int64_t capacity;
    int64_t asked, passed;
    int64_t rest; /* batches to let through */
} FilterState;
void filter_state_deinit(FilterState *state);
bool filter_state_wants(FilterState *state, const RuntimeFilter *filter);
/* Rows of the selection (NULL = all) that may match, ascending, into `out` (may be the selection itself). */
int runtime_filter_apply(const RuntimeFilter *filter, FilterState *state, const Vector *vector,
                         const uint16_t *selection, int selected, uint16_t *out, Arena *arena);
