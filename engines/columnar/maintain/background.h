/* Maintenance while the process serves: one thread of low priority. Over all processes of a warehouse one at
 * a time holds the lease; it looks at the tables that changed since it looked last and does what is due.
 *
 *   maintenance_background_start → ... → maintenance_background_stop (cancels what is under way) */
#pragma once

#include "engines/base/config.h"
#include "engines/columnar/exec/executor.h"

typedef struct MaintenanceBackground MaintenanceBackground;

typedef struct MaintenanceBackgroundOptions {
    int interval_ms;             /* between looks at the catalog */
    const char *warehouse;       /* where the lease is */
    const char *spill_directory; /* NULL = nothing is spilled */
    int64_t memory_bytes;        /* of a compaction */
} MaintenanceBackgroundOptions;

Status maintenance_background_start(TableCatalog *catalog, const MaintenanceBackgroundOptions *options,
                                    MaintenanceBackground **out, Error *err);
void maintenance_background_stop(MaintenanceBackground *background);
