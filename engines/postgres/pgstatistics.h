/* What ANALYZE found of the values of columns, as describe() reads it from pg_stats. */
#pragma once

#include <libpq-fe.h>

#include "engines/base/column_values.h"
#include "engines/engine.h"

/* Rows of attrelid, attnum, null_frac, correlation, most_common_vals, most_common_freqs, histogram_bounds,
 * ascending by table and number; of tables that are small, and of columns beyond a bound, there are none. */
extern const char pgstatistics_query[];

/* The values of the column in row `row` of that query's result. */
const ColumnValues *pgstatistics_read(const PGresult *rows, int row, SqlType type, Arena *arena);
