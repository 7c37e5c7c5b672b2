/* Parquet files as one table: the columns of all of them by name, in order of first appearance. */
#pragma once

#include "engines/columnar/files/file_paths.h"
#include "engines/columnar/iceberg/table_catalog.h"

/* A column that a file lacks is NULL there. 42804 when two files' types of a column have none in common. */
Status parquet_version_make(const FilePathList *files, const char *name, bool file_names, TableVersion **out,
                            Error *err);
