/* Which rows of a data file are deleted, by all the deletes that apply to it: read when first asked for and
 * kept with the table version as one bit per row. */
#pragma once

#include "engines/base/budget.h"
#include "engines/columnar/iceberg/table_catalog.h"

/* *bits NULL: none is. Bit i set: row i of version->files[file] is gone. As long-lived as the version; any
 * thread. `budget` pays for the values of equality deletes while they are looked for; NULL: nobody does. */
Status table_deleted_rows(const TableVersion *version, int file, Budget *budget, const uint64_t **bits,
                          Error *err);
void table_deletes_free(struct TableDeletes *deletes);

/* Which column of a file is a table's column: by field id; in a file without ids by the name mapping's names,
 * or by its own where there is none. -1 = the file does not have it. */
int table_file_column(const TableVersion *version, int column, const ParquetFile *file);
