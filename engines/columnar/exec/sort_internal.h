/* The sort as other operators build on it: rows go in through `sink`; once it has finished, `entries` are in
 * order. Internal to exec/. */
#pragma once

#include "engines/columnar/exec/sort_keys.h"

typedef struct SortEntry {
    uint64_t prefix; /* the key's first bytes, as a number */
    char *row;
} SortEntry;

typedef struct Sort {
    Sink sink;
    Source source;
    SortLayout layout;
    int64_t limit; /* 0 = all */
    bool top_n;
    struct RuntimeFilter *bound; /* top-N: tells the scan what need not be read, may be NULL */
    SortEntry *entries;
    int64_t entry_count, entry_capacity;
} Sort;

/* Sorts what node->inputs[0] gives by the node's keys. Figures are counted for `node`. */
Status sort_init(Sort *sort, Query *query, const PlanNode *node, Expr *const *extras, int extra_count,
                 int64_t limit, Error *err);
