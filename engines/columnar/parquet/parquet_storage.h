/* How a column is stored. Inside this folder only. */
#pragma once

#include "engines/columnar/parquet/parquet_metadata.h"
#include "engines/columnar/parquet/parquet_writer.h"

typedef struct ParquetStorage {
    ParquetPhysical physical;
    int bytes; /* of one stored value, 0 for BYTE_ARRAY and BOOLEAN */
    PhysicalType vector_physical;
    SqlType type;
    int decimal_precision, decimal_scale;
    int element_field_id; /* of a list's elements, -1 = none */
    bool list;            /* an array: all of this is about its elements */
} ParquetStorage;

Status parquet_storage_of(const ParquetWriterColumn *column, ParquetStorage *out, Error *err);
