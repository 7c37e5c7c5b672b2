/* Pruning below the row group: pages by the bounds in the column index, row groups by bloom filters. */
#include <stdlib.h>

#include "engines/columnar/exec/scan_prune.h"

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

static void keep_rows(RangeCutter *cutter, int64_t first, int64_t end) {
    if (first >= end || cutter->out_of_memory) return;
    if (cutter->kept_count == cutter->kept_capacity) {
        int capacity = cutter->kept_capacity ? cutter->kept_capacity * 2 : 8;
        RowRange *grown = realloc(cutter->kept, sizeof *grown * (size_t)capacity);
        cutter->out_of_memory = !grown;
        if (!grown) return;
        cutter->kept = grown;
        cutter->kept_capacity = capacity;
    }
    cutter->kept[cutter->kept_count++] = (RowRange){first, end - first};
}

void range_cutter_take_out(RangeCutter *cutter, int64_t first, int64_t end) {
    while (cutter->at < cutter->ranges->count) {
        RowRange range = cutter->ranges->ranges[cutter->at];
        int64_t range_end = range.first + range.count;
        int64_t from = cutter->from > range.first ? cutter->from : range.first;
        if (range.first >= end) return;
        keep_rows(cutter, from, first < range_end ? first : range_end);
        if (range_end > end) {
            cutter->from = end;
            return;
        }
        cutter->at++; /* of the next range nothing is dealt with yet */
    }
}

void range_cutter_finish(RangeCutter *cutter) {
    range_cutter_take_out(cutter, INT64_MAX, INT64_MAX);
    if (cutter->out_of_memory) {
        free(cutter->kept);
        return;
    }
    free(cutter->ranges->ranges);
    cutter->ranges->ranges = cutter->kept;
    cutter->ranges->count = cutter->kept_count;
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
    RangeCutter cutter = {.ranges = ranges};
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
            if (count >= SHORTEST_GAP_ROWS) range_cutter_take_out(&cutter, first, first + count);
            count = 0;
        }
    }
    if (index) range_cutter_finish(&cutter);
}

void row_ranges_whole(RowRanges *out, int64_t rows) {
    *out = (RowRanges){.ranges = malloc(sizeof *out->ranges), .count = 1};
    if (!out->ranges) abort();
    out->ranges[0] = (RowRange){0, rows};
}

void scan_surviving_rows(const ScanPruner *pruner, ParquetFile *file, int row_group, const int *columns,
                         RowRanges *ranges) {
    for (int t = 0; t < pruner->test_count; t++) {
        bool again = columns[t] < 0 || pruner->tests[t].op == PRUNE_WORDS;
        for (int i = 0; i < t && !again; i++)
            again = columns[i] == columns[t] && pruner->tests[i].op != PRUNE_WORDS;
        if (!again) prune_pages(pruner, file, row_group, columns, columns[t], ranges);
    }
}
