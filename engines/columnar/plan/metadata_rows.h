/* The rows of a metadata table. Private to bind_metadata_table.c. */
#pragma once

#include "engines/base/metadata_name.h"
#include "engines/columnar/iceberg/table_catalog.h"

enum { METADATA_MAX_COLUMNS = 12 };

typedef struct MetadataRows {
    const char *names[METADATA_MAX_COLUMNS];
    Vector columns[METADATA_MAX_COLUMNS]; /* FLAT, of row_count values */
    int column_count;
    int64_t row_count;
} MetadataRows;

/* Everything in the arena. */
Status metadata_rows_read(const TableVersion *version, MetadataTable kind, Arena *arena, MetadataRows *out,
                          Error *err);
