/* What a table's metadata says about how its files are laid out: partition specs, sort orders, data files and
 * the delete files that apply to them (Iceberg table specification, "Partitioning", "Sorting", "Delete
 * Formats"). Plain values, owned by the arena of whoever made them. */
#pragma once

#include "engines/columnar/parquet/parquet_writer.h"

typedef enum TransformKind {
    TRANSFORM_IDENTITY,
    TRANSFORM_BUCKET,   /* width = number of buckets */
    TRANSFORM_TRUNCATE, /* width = W */
    TRANSFORM_YEAR,
    TRANSFORM_MONTH,
    TRANSFORM_DAY,
    TRANSFORM_HOUR,
    TRANSFORM_VOID,
    TRANSFORM_UNKNOWN /* of a newer specification: its values cannot be computed nor used to skip files */
} TransformKind;

typedef struct Transform {
    TransformKind kind;
    int width;
} Transform;

typedef struct PartitionField {
    const char *name;
    int source_id; /* field id of the column */
    int field_id;  /* 1000.. */
    Transform transform;
    SqlType source_type; /* SQL_OTHER when the column was dropped */
    SqlType result_type;
} PartitionField;

typedef struct PartitionSpec {
    int spec_id;
    int field_count; /* 0 = unpartitioned */
    const PartitionField *fields;
} PartitionSpec;

typedef struct SortField {
    int source_id;
    Transform transform;
    bool descending, nulls_first;
} SortField;

typedef struct SortOrder {
    int order_id; /* 0 = unsorted */
    int field_count;
    const SortField *fields;
} SortOrder;

/* One field of a partition tuple, as the bound of the field's result type. */
typedef struct PartitionValue {
    bool is_null;
    union ParquetBound value;
} PartitionValue;

typedef enum FileContent { CONTENT_DATA, CONTENT_POSITION_DELETES, CONTENT_EQUALITY_DELETES } FileContent;

/* A delete file. Position deletes name (file, position) pairs in Parquet, or are one deletion vector of one
 * data file in a Puffin file; equality deletes name values of the columns `equality_ids`. */
typedef struct DeleteFile {
    FileContent content;
    const char *path;     /* absolute */
    bool deletion_vector; /* Puffin: content_offset, content_bytes */
    int64_t row_count, bytes, sequence_number;
    int spec_id;
    const PartitionValue *partition;
    const int *equality_ids;
    int equality_count;
    const char *referenced_path; /* absolute; the only data file it concerns, or NULL */
    int64_t content_offset, content_bytes;
} DeleteFile;

typedef struct DataFile {
    const char *path; /* absolute */
    const char *uri;  /* as its manifest spells it: what delete files name it by */
    int64_t row_count;
    int64_t bytes;
    const ParquetColumnStats *stats; /* per table column; has_min_max false where unknown */
    int spec_id;
    const PartitionValue *partition; /* per field of that spec */
    int64_t sequence_number;         /* of its rows: deletes of a later one apply */
    int64_t first_row_id;            /* v3 row lineage; -1 = none */
    int sort_order_id;
    const DeleteFile *const *deletes; /* those that apply */
    int delete_count;
} DataFile;
