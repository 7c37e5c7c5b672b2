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
    PRUNE_PREFIX,
    PRUNE_WORDS /* scan_words.h */
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

/* The chunk's bloom filter rules out every value of an equality or an IN list. */
bool prune_by_bloom(const PruneTest *test, const ParquetFile *file, int row_group, int column);

/* Rows of a row group that pages' bounds do not exclude, as ranges in order. */
typedef struct RowRange {
    int64_t first, count;
} RowRange;
typedef struct RowRanges {
    RowRange *ranges; /* malloc'd */
    int count;
    int64_t pages, pages_skipped; /* of the filters' columns */
} RowRanges;

/* `columns[t]`: the file's column of test t, -1 = not in this file. Everything when there is no page index.
 */
void scan_surviving_rows(const ScanPruner *pruner, ParquetFile *file, int row_group, const int *columns,
                         RowRanges *out);
/* No row of a file passes, by its place in the buckets of its partition spec (other transforms show in its
 * bounds). `column` is the table column that the test is about. */
bool prune_excludes_partition(const PruneTest *test, const TableVersion *version, int column,
                              const DataFile *file);
