/* Whether a table needs maintenance, at the price of its cached version and its metadata. */
#pragma once

#include "engines/columnar/iceberg/maintenance.h"

typedef struct MaintenanceDue {
    bool compact, expire, manifests;
    bool off;       /* the table's property signalbox.maintenance says 'off' */
    char *location; /* malloc'd: where its metadata stands; NULL when it could not be told */
} MaintenanceDue;

/* Nothing is due of a table whose metadata is still at `seen_location`. */
Status maintenance_due(TableCatalog *catalog, const char *namespace_name, const char *name,
                       const MaintenanceOptions *options, const char *seen_location, MaintenanceDue *out,
                       Error *err);
