/* The sort as other operators build on it: rows go in through `sink`; once it has finished they are in order
 * in `entries`, or, when memory did not suffice, come in order from `merge`. Internal to exec/. */
#pragma once

#include "engines/columnar/exec/sort_keys.h"
#include "engines/columnar/exec/spill.h"

typedef struct SortEntry {
    uint64_t prefix; /* the key's first bytes, as a number */
    char *row;
} SortEntry;

typedef struct SortMerge SortMerge;

/* Rows in order on disk, and the key bytes of each block's first row and of the last row. */
typedef struct SortRun {
    SpillFile *file;
    char *keys;
    int64_t key_count, key_capacity;
} SortRun;

/* Rows whose ordered key bytes are not below one and below the other; NULL = no bound. */
typedef struct SortRange {
    const char *lower, *upper;
} SortRange;

typedef struct Sort {
    Sink sink;
    Source source;
    Query *query;
    SortLayout layout;
    int64_t limit; /* 0 = all */
    bool top_n;
    struct RuntimeFilter *bound; /* top-N: tells the scan what need not be read, may be NULL */
    SortEntry *entries;
    int64_t entry_count, entry_capacity;
    SpillFormat format;
    SortRun *runs;
    int run_count, run_capacity;
    SortMerge *merge;    /* of all runs */
    bool by_ranges;      /* the source merges runs by ranges, several at a time, instead */
    int64_t range_count; /* 0 = not so: everything is in `entries`, or in `merge` */
    const char **cuts;   /* between ranges */
} Sort;

/* Sorts what node->inputs[0] gives by the node's keys. Figures are counted for `node`. */
Status sort_init(Sort *sort, Query *query, const PlanNode *node, Expr *const *extras, int extra_count,
                 int64_t limit, bool compact, Error *err);
static inline int sort_compare_entries(const SortLayout *layout, const SortEntry *a, const SortEntry *b) {
    if (a->prefix != b->prefix) return a->prefix < b->prefix ? -1 : 1;
    return sort_compare(layout, a->row, b->row);
}
/* `scratch` has room for as many. A stopped query leaves them in any order. */
void sort_entries(Query *query, const SortLayout *layout, SortEntry *entries, SortEntry *scratch,
                  int64_t count);
/* Long strings of the row are copied to the arena. */
void sort_own_strings(const RowLayout *layout, char *row, Arena *arena);
/* How many bytes every key of the store begins with like the sample row's, so that a prefix behind them still
 * orders rows. */
uint32_t sort_common_bytes(const SortLayout *layout, const RowStore *store, const char *sample);
/* Prefixes start at byte `skip` of the keys. */
int64_t sort_add_entries(const SortLayout *layout, const RowStore *store, uint32_t skip, SortEntry *out);

/* ---- sort_spill.c */
void sort_runs_init(Sort *sort, Arena *arena);
void sort_runs_destroy(Sort *sort);
bool sort_should_spill(const Sort *sort, const RowStore *store);
/* The store's rows become a run; it is empty afterwards. Any number of workers at once. */
Status sort_spill_store(Sort *sort, RowStore *store, Error *err);
Status sort_runs_reduce(Sort *sort, Error *err);
/* *out is set even on failure, to be destroyed. */
Status sort_merge_create(Sort *sort, const SortRun *runs, int count, SortRange range, SortMerge **out,
                         Error *err);
void sort_merge_destroy(SortMerge *merge);
/* The least row, NULL at the end; valid until it is popped. */
char *sort_merge_peek(const SortMerge *merge);
Status sort_merge_pop(SortMerge *merge, Error *err);
/* Moves it to `store`. */
Status sort_merge_take(SortMerge *merge, RowStore *store, char **out, Error *err);

/* ---- sort_ranges.c */
Status sort_run_note_key(const Sort *sort, SortRun *run, const char *row, Error *err);
void sort_run_destroy(const Sort *sort, SortRun *run);
/* Of keys in order, `stride` bytes apart: the first that is not below. */
int64_t sort_first_not_below(const Sort *sort, const char *keys, size_t stride, int64_t count,
                             const char *bound);
/* The block in which the run's rows of the range begin; -1 when it has none. */
int64_t sort_run_start(const Sort *sort, const SortRun *run, SortRange range);
/* How many bytes all keys of these runs begin with. */
uint32_t sort_runs_common_bytes(const Sort *sort, const SortRun *runs, int count);
/* Of about the same size. None (range_count 0) when they would be too small to be worth it. */
Status sort_ranges_choose(Sort *sort, Error *err);
SortRange sort_range(const Sort *sort, int64_t index);
