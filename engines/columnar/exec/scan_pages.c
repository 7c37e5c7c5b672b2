/* Pruning below the row group: pages by the bounds in the column index, row groups by bloom filters. */
#include <stdlib.h>

#include "engines/columnar/exec/scan_prune.h"

/* A gap of fewer rows is not worth a seam in the scan. */
enum { SHORTEST_GAP_ROWS = 1024 };

bool prune_by_bloom(const PruneTest *test, const ParquetFile *file, int row_group, int column) {
    if (test->op != PRUNE_EQ && test->op != PRUNE_IN) return false;
    SqlType held = parquet_file_column(file, column)->type;
    bool text = sqltype_is_text(held) && !sqltype_is(held, SQL_BPCHAR);
    for (int i = 0; i < test->value_count; i++) {
        SqlType given = test->values[i].type;
        bool same = (sqltype_is_integer(held) && sqltype_is_integer(given)) ||
                    (text && sqltype_is_text(given) && !sqltype_is(given, SQL_BPCHAR)) ||
                    (held.id == given.id && (sqltype_is(held, SQL_UUID) || sqltype_is(held, SQL_BYTEA)) &&
                     !given.is_array);
        if (!same) return false;
    }
    return !parquet_chunk_may_hold(file, row_group, column, test->values, test->value_count);
}

/* Takes rows [first, first + count) out of the ranges. */
static void take_out(RowRanges *ranges, int64_t first, int64_t count) {
    int64_t end = first + count;
    int kept = 0;
    RowRange *out = malloc(sizeof *out * (size_t)(ranges->count + 1));
    if (!out) return; /* reading too much is right as well */
    for (int i = 0; i < ranges->count; i++) {
        RowRange range = ranges->ranges[i];
        int64_t range_end = range.first + range.count;
        if (range_end <= first || range.first >= end) {
            out[kept++] = range;
            continue;
        }
        if (range.first < first) out[kept++] = (RowRange){range.first, first - range.first};
        if (range_end > end) out[kept++] = (RowRange){end, range_end - end};
    }
    free(ranges->ranges);
    ranges->ranges = out;
    ranges->count = kept;
}

/* Whether a test of the column excludes the page. */
static bool page_excluded(const ScanPruner *pruner, const int *columns, int column, SqlType type,
                          const ParquetPageStats *page) {
    for (int t = 0; t < pruner->test_count; t++)
        if (columns[t] == column && prune_excludes(&pruner->tests[t], &page->stats, type, page->row_count))
            return true;
    return false;
}

static void prune_pages(const ScanPruner *pruner, ParquetFile *file, int row_group, const int *columns,
                        int column, RowRanges *ranges) {
    const ParquetPageIndex *index = parquet_chunk_page_index(file, row_group, column);
    SqlType type = parquet_file_column(file, column)->type;
    int64_t first = 0, count = 0; /* neighbours are taken out together */
    for (int i = 0; index && i < index->page_count; i++) {
        const ParquetPageStats *page = &index->pages[i];
        bool excluded = page_excluded(pruner, columns, column, type, page);
        ranges->pages++;
        ranges->pages_skipped += excluded;
        if (excluded) {
            if (!count) first = page->first_row;
            count += page->row_count;
        }
        if (!excluded || i + 1 == index->page_count) {
            if (count >= SHORTEST_GAP_ROWS) take_out(ranges, first, count);
            count = 0;
        }
    }
}

void scan_surviving_rows(const ScanPruner *pruner, ParquetFile *file, int row_group, const int *columns,
                         RowRanges *out) {
    *out = (RowRanges){.ranges = malloc(sizeof *out->ranges), .count = 1};
    if (!out->ranges) abort();
    out->ranges[0] = (RowRange){0, parquet_row_group_row_count(file, row_group)};
    for (int t = 0; t < pruner->test_count; t++) {
        bool again = columns[t] < 0;
        for (int i = 0; i < t && !again; i++)
            again = columns[i] == columns[t];
        if (!again) prune_pages(pruner, file, row_group, columns, columns[t], out);
    }
}
