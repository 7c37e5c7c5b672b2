/* What the planner knows of a table's columns beyond its files' bounds, from the footers of its data files:
 * read once per table version, when first asked for, and kept with it.
 */
#pragma once

#include "engines/columnar/iceberg/table_catalog.h"

typedef struct ColumnStatistics {
    double distinct;      /* different values, NULL not among them; < 0 unknown */
    double null_fraction; /* < 0 unknown */
    double stored_bytes;  /* compressed, of all rows; < 0 unknown */
    double overlap; /* the share of the rows on pages between whose bounds a value of the column lies: little
                       where values ascend with the rows, 1 where they are mixed. < 0 unknown */
    bool tight_bounds; /* the files are this program's: their bounds are values, not just bounds */
} ColumnStatistics;

/* A bound as a number (dates: days, times: microseconds); false for types without. */
bool table_bound_number(SqlType type, const union ParquetBound *bound, double *out);

/* One per column, as long-lived as the version. Safe from any thread. */
const ColumnStatistics *table_statistics(const TableVersion *version);
void table_statistics_free(struct TableStatistics *statistics);
