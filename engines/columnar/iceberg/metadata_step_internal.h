/* What the sources of metadata steps share. */
#pragma once

#include "engines/columnar/iceberg/metadata_step.h"

int metadata_find_column(const TableMetadata *metadata, const char *name);
/* One more than the greatest id in a list of objects. */
int metadata_next_id(json_t *list, const char *key);
/* Partitioning, sort order, properties, refs, expiry. */
Status metadata_layout_step(TableMetadata *metadata, const MetadataStep *step, Arena *arena, Error *err);
