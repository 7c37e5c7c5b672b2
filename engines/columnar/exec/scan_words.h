/* search(column, 'words') over a row group: where the column is all dictionary its values are asked, and when
 * none holds the words, no row does. Else the filters of words that the file may have, a stretch of rows at a
 * time. Words joined by OR (over several columns) are left out where none of them can be. */
#pragma once

#include "engines/columnar/exec/scan_prune.h"

/* The column that the call searches; NULL when it is not search(), or searches anything else. */
const Expr *scan_words_column(const Expr *expr);
/* Adds the test where `expr` is such a call or calls joined by OR. */
void scan_words_add(Query *query, ScanPruner *pruner, const Expr *expr);
/* Takes rows without the words out of `ranges`, and counts the stretches as pages unless no row is left.
 * `columns`: of the file, per column of the node's filter_columns; -1 = not in this file. What cannot be
 * told, or not be read (the scan will say so), stays. */
void scan_words_exclude(const ScanPruner *pruner, ParquetFile *file, int row_group, const int *columns,
                        RowRanges *ranges);
