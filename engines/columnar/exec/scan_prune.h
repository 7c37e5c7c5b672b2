/* What a scan's filters say about whole files and row groups: tests against min, max and NULL counts. */
#pragma once

#include "engines/columnar/exec/query.h"

typedef enum PruneOp {
    PRUNE_EQ,
    PRUNE_LT,
    PRUNE_LE,
    PRUNE_GT,
    PRUNE_GE,
    PRUNE_IN,
    PRUNE_IS_NULL,
    PRUNE_NOT_NULL,
    PRUNE_PREFIX
} PruneOp;

typedef struct PruneTest {
    int column; /* position in the node's filter_columns */
    PruneOp op;
    SqlType type;         /* of the values */
    const Vector *values; /* CONSTANT, none NULL */
    int value_count;
} PruneTest;

typedef struct ScanPruner {
    PruneTest *tests;
    int test_count;
} ScanPruner;

void scan_pruner_build(Query *query, const PlanNode *node, ScanPruner *out);
/* No row of a chunk with these statistics can pass. */
bool prune_excludes(const PruneTest *test, const ParquetColumnStats *stats, SqlType stats_type, int64_t rows);
