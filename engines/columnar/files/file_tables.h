/* What stands in files as a table: a TableVersion like those of the catalog, so everything that reads tables
 * reads it. Text formats are loaded into a scratch catalog of this process (once per state of the files, kept
 * for the next statement while there is room), Parquet files are scanned where they are.
 *
 * Thread-safe. Versions stay valid for as long as somebody holds them. */
#pragma once

#include "engines/columnar/iceberg/table_catalog.h"
#include "engines/columnar/plan/file_request.h"

typedef struct FileTables FileTables;

enum { FILE_TABLES_KEPT = 32 };

/* `directories`: see file_paths.h. `scratch_parent`: a directory of ours is made in it when first needed,
 * gone with file_tables_close; what a killed process has left there is removed. Text is read within `budget`
 * (may be NULL). */
FileTables *file_tables_open(const char *directories, const char *scratch_parent, Budget *budget);
void file_tables_close(FileTables *tables); /* may be NULL; nobody holds a version any more */
const char *file_tables_directories(const FileTables *tables);

/* The caller releases *out. */
Status file_tables_load(FileTables *tables, const FileRequest *request, TableVersion **out, Error *err);
/* False when the version is not one of these. Else *current: the files are those it was made from. */
bool file_tables_check(FileTables *tables, const TableVersion *version, bool *current);
