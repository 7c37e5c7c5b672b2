/* Files below a table's directory that its metadata does not refer to: left by crashes and failed commits.
 *
 * A file counts as an orphan when nothing refers to it, it is older than `min_age_ms`, and it is older than
 * the oldest commit under way in any process of ours (table_pins.h). Writers that are not ours cannot be
 * seen: `min_age_ms` must be longer than any of theirs takes. */
#pragma once

#include "engines/columnar/iceberg/table_catalog.h"

typedef struct OrphanList {
    const char **paths; /* arena */
    int64_t *bytes;
    int count, capacity;
    int64_t total_bytes;
    bool unsure; /* a reader or writer could not be told apart: nothing is listed */
} OrphanList;

/* `namespace_name` NULL = "default". */
Status table_orphans_find(TableCatalog *catalog, const char *namespace_name, const char *name,
                          int64_t min_age_ms, Arena *arena, OrphanList *out, Error *err);
/* The same for directories of the warehouse that belong to no table: of a CREATE that crashed. */
Status table_orphans_find_strays(TableCatalog *catalog, int64_t min_age_ms, Arena *arena, OrphanList *out,
                                 Error *err);
/* Files gone already are no error. `removed` counts. */
Status table_orphans_remove(const OrphanList *orphans, int *removed, Error *err);
