/* What a scan's filters say about whole files and row groups: tests against min, max and NULL counts. */
#pragma once

#include "engines/columnar/exec/query.h"
#include "engines/columnar/kernels/word_search.h"

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
    PRUNE_WORDS /* by NULL counts alone: what else is known of words, see WordTests */
} PruneOp;

typedef struct PruneTest {
    int column; /* position in the node's filter_columns */
    PruneOp op;
    SqlType type;         /* of the values */
    const Vector *values; /* CONSTANT, none NULL */
    int value_count;
} PruneTest;

/* search(column, 'words'), or several of them joined by OR: scan_words.h. */
typedef struct WordTest {
    int column; /* position in the node's filter_columns */
    WordSearch search;
} WordTest;
typedef struct WordTests {
    WordTest *any;
    int count;
} WordTests;

typedef struct ScanPruner {
    PruneTest *tests;
    int test_count;
    WordTests *words; /* each must hold */
    int words_count;
} ScanPruner;

/* The value of a constant or a parameter; NULL when it is neither, or NULL. */
const Vector *scan_constant_of(Query *query, const Expr *expr);
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
void row_ranges_whole(RowRanges *out, int64_t rows);

/* A gap of fewer rows is not worth a seam in the scan. */
enum { SHORTEST_GAP_ROWS = 1024 };

/* Ranges, in order, with gaps taken out of them from the first row to the last: each range is looked at once,
 * however many pages an index has. */
typedef struct RangeCutter {
    RowRanges *ranges;
    RowRange *kept;
    int kept_count, kept_capacity;
    int at;             /* the range that is being cut, */
    int64_t from;       /* of which the rows before this one are dealt with */
    bool out_of_memory; /* then the ranges stay as they were: reading too much is right as well */
} RangeCutter;
/* Keeps what is before row `first`, leaves out what is before row `end`. */
void range_cutter_take_out(RangeCutter *cutter, int64_t first, int64_t end);
void range_cutter_finish(RangeCutter *cutter);

/* Takes out what pages' bounds exclude. `columns[t]`: the file's column of test t, -1 = not in this file.
 * Nothing when there is no page index. */
void scan_surviving_rows(const ScanPruner *pruner, ParquetFile *file, int row_group, const int *columns,
                         RowRanges *ranges);
/* No row of a file passes, by its place in the buckets of its partition spec (other transforms show in its
 * bounds). `column` is the table column that the test is about. */
bool prune_excludes_partition(const PruneTest *test, const TableVersion *version, int column,
                              const DataFile *file);
