/* Loading Parquet: load_parquet.c (columns), load_parquet_rows.c (row groups, on several threads). Private to
 * this folder. */
#pragma once

#include "engines/columnar/ingest/loader.h"

/* What rows go into: a table, or what the receiver was told. */
typedef struct ParquetTarget {
    const char *name;
    const TableColumn *columns;
    int column_count;
} ParquetTarget;

Status load_parquet_open(const LoadInput *input, ParquetFile **out, Error *err);
/* Where each column of the table comes from in the file: columns[], -1 = nowhere, NULL. */
Status load_parquet_map(const ParquetTarget *target, const ParquetFile *file, int *columns, Error *err);
/* All rows of all inputs. */
Status load_parquet_rows(Loader *loader, const ParquetTarget *target, Error *err);
