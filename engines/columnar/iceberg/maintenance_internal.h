/* What the steps of maintenance share. */
#pragma once

#include "engines/columnar/iceberg/maintenance.h"
#include "engines/columnar/iceberg/table_catalog_internal.h"
#include "engines/columnar/iceberg/table_change.h"

/* The table's metadata as it is now, and where it stands. 42P01 when there is no such table. */
Status maintenance_metadata(TableCatalog *catalog, const char *namespace_name, const char *name, Arena *arena,
                            const char **location, TableMetadata *out, Error *err);
/* A number among the table's properties. */
int64_t maintenance_property(const TableMetadata *metadata, const char *key, int64_t fallback);
/* True, and `err` cleared, for a commit that lost against another. */
bool maintenance_lost(Status *status, MaintenanceReport *report, Error *err);
void maintenance_progress(const MaintenanceOptions *options, const char *step, int64_t done, int64_t total);
/* Bytes freed; 0 when it was gone. */
int64_t maintenance_unlink(const char *path);
