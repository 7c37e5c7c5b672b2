/* Dropped tables whose files are still to be deleted: at once when nobody reads them, else when a later DROP
 * or maintenance finds the readers gone. An entry is a file below WAREHOUSE/.signalbox/dropped that holds the
 * location of the metadata the table had; it is durable before the table's name goes, so that a crash between
 * the two forgets no files. */
#pragma once

#include "engines/columnar/iceberg/table_catalog.h"

/* Before the table's row is deleted. `*entry` names the entry for table_trash_take_back. */
Status table_trash_put(TableCatalog *catalog, const char *metadata_location, Arena *arena, const char **entry,
                       Error *err);
/* The row was not deleted after all. */
void table_trash_take_back(const char *entry);
/* Deletes the files of every entry that nobody reads; returns how many entries remain. */
int table_trash_empty(TableCatalog *catalog);
