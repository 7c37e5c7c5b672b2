/* Which rows of which files a statement takes away: one bit per row of the files it touches. Internal to
 * dml/.
 */
#pragma once

#include "engines/base/budget.h"
#include "engines/columnar/iceberg/table_catalog.h"

typedef struct FileMarks {
    const TableVersion *version;
    Budget budget;   /* the bitmaps are charged to it */
    uint64_t **bits; /* per file; NULL: no row */
    int64_t *counts;
} FileMarks;

void file_marks_init(FileMarks *marks, const TableVersion *version, Budget *parent);
void file_marks_deinit(FileMarks *marks);
/* *again: the row was marked before. XX000 for a row that the version does not have. */
Status file_marks_add(FileMarks *marks, int file, int64_t position, bool *again, Error *err);
bool file_marks_has(const FileMarks *marks, int file, int64_t position);
