/* Names of metadata tables, which show what a columnar table is made of: t$snapshots, "t.snapshots",
 * t.snapshots.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef enum MetadataTable {
    METADATA_SNAPSHOTS,
    METADATA_HISTORY,
    METADATA_FILES,
    METADATA_PARTITIONS,
    METADATA_REFS,
    METADATA_MANIFESTS,
    METADATA_PROPERTIES,
    METADATA_TABLE_COUNT
} MetadataTable;

/* "snapshots" ...; false when it is none of them. */
bool metadata_name_kind(const char *name, MetadataTable *kind);
/* A name with $snapshots or .snapshots at its end: how long the table's own name before it is. */
bool metadata_name_split(const char *name, size_t *base_length, MetadataTable *kind);
