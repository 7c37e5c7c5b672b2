/* Rows as an aligned table for a terminal, as psql draws it. Widths come from the first TABLE_SAMPLE_ROWS
 * rows, so that memory stays bounded; a wider value later only breaks the alignment of its row. */
#pragma once

#include "engines/base/arrow_text.h"

enum { TABLE_SAMPLE_ROWS = 1000 };

typedef struct TableLayout {
    int column_count;
    int *widths;
    StrBuf *held; /* the sampled rows: NUL-separated cells, one StrBuf per row */
    int held_count;
    bool flowing; /* head written, rows go straight out */
} TableLayout;

void table_layout_init(TableLayout *layout, const ColumnFormat *columns, int column_count);
void table_layout_deinit(TableLayout *layout);
void table_layout_row(TableLayout *layout, const ColumnFormat *columns, const ArrowArray *batch, int64_t row,
                      StrBuf *out);
void table_layout_end(TableLayout *layout, const ColumnFormat *columns, int64_t row_count, StrBuf *out);
