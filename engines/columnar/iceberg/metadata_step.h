/* Changes of a table's metadata that are no snapshot: columns, layout, properties, refs. Recorded by a
 * TableChange and applied to each base that it tries. */
#pragma once

#include "engines/columnar/iceberg/table_metadata.h"

typedef enum StepKind {
    STEP_ADD_COLUMN,
    STEP_DROP_COLUMN,
    STEP_RENAME_COLUMN,
    STEP_WIDEN_COLUMN,
    STEP_MOVE_COLUMN,
    STEP_DROP_NOT_NULL,
    STEP_REPLACE_COLUMNS,
    STEP_PARTITIONING,
    STEP_SORT_ORDER,
    STEP_PROPERTY,
    STEP_SET_REF,
    STEP_DROP_REF,
    STEP_EXPIRE
} StepKind;

typedef struct MetadataStep {
    StepKind kind;
    const char *name; /* column, property, ref */
    const char *text; /* new name, value, layout; after which column */
    TableColumn column;
    bool flag; /* if (not) exists; is a tag */
    int64_t snapshot_id;
    TableColumn *columns; /* STEP_REPLACE_COLUMNS */
    int column_count;
} MetadataStep;

Status metadata_step_apply(TableMetadata *metadata, const MetadataStep *step, Arena *arena, Error *err);
