/* Bounds and counts of what is written: per page, merged per chunk and per file. */
#pragma once

#include "engines/base/arena.h"
#include "engines/base/strbuf.h"
#include "engines/columnar/parquet/parquet_reader.h"

enum { PARQUET_BOUND_BYTES = 64 }; /* longer strings are cut to this in statistics */

typedef struct ParquetBounds {
    bool any; /* min and max are set: a value that is neither NULL nor NaN was seen */
    union ParquetBound min, max;
    int64_t null_count;
    int64_t nan_count;
} ParquetBounds;

/* Over `rows` rows from `first` of row-aligned values. Strings point into the values' memory. */
void parquet_bounds_collect(PhysicalType physical, const void *values, const uint64_t *validity,
                            int64_t first, int64_t rows, ParquetBounds *out);
int64_t parquet_count_nulls(const uint64_t *validity, int64_t first, int64_t rows);
/* <0, 0, >0. */
int parquet_bound_compare(PhysicalType physical, const union ParquetBound *a, const union ParquetBound *b);
/* into += from. */
void parquet_bounds_merge(PhysicalType physical, ParquetBounds *into, const ParquetBounds *from);
/* A bound's bytes as stored in Statistics and ColumnIndex. Strings longer than PARQUET_BOUND_BYTES are cut,
 * an upper bound then incremented; `*exact` tells. `stored_bytes` is the width of fixed byte arrays and
 * decimals, else 0. */
void parquet_bound_write(SqlType type, PhysicalType physical, int stored_bytes,
                         const union ParquetBound *bound, bool upper, StrBuf *out, bool *exact);
/* Big-endian two's complement in `bytes` bytes. */
void parquet_store_decimal(__int128 value, int bytes, uint8_t *out);
