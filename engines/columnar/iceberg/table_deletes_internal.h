/* What table_deletes.c and table_deletes_equality.c share. */
#pragma once

#include "engines/columnar/iceberg/table_deletes.h"

enum { DELETE_MAX_COLUMNS = 64 };

/* Rows first_row .. first_row + rows of the columns asked for; those the file does not have are not set. */
typedef Status (*DeleteRowsTaker)(void *context, const Vector *vectors, int64_t first_row, int rows,
                                  Error *err);
Status delete_read_columns(ParquetFile *file, const int *columns, int count,
                           bool (*skip)(void *context, ParquetFile *file, int group), DeleteRowsTaker take,
                           void *context, Error *err);
Status delete_apply_equality(const TableVersion *version, const DataFile *data, Budget *budget,
                             uint64_t *bits, Error *err);
