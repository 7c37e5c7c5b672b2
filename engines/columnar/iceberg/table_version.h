/* From a metadata file to the files of one of its snapshots, and to its history. */
#pragma once

#include "engines/columnar/iceberg/manifest.h"
#include "engines/columnar/iceberg/table_catalog.h"

/* The metadata file at a location (URI; gzip too), without its manifests. */
Status table_catalog_read_metadata(const char *location, Arena *arena, TableMetadata *out, Error *err);
/* A version without files that describes `columns`; caller fills or releases it. */
TableVersion *table_version_create(const char *namespace_name, const char *name,
                                   const char *metadata_location, const TableColumn *columns,
                                   int column_count);
/* The same from metadata: columns, specs, sort order. */
TableVersion *table_version_describe(const char *namespace_name, const char *name, const char *location,
                                     const TableMetadata *metadata);
/* With the files of the metadata's selected snapshot, deletes assigned to data files. */
Status table_version_read(const char *namespace_name, const char *name, const char *location,
                          const TableMetadata *metadata, TableVersion **out, Error *err);
/* Selects the snapshot that `as_of` says, and its schema. 42704 or 22023 when there is none. */
Status table_metadata_as_of(TableMetadata *metadata, const TableAsOf *as_of, const char *name, Arena *arena,
                            Error *err);

/* table_version_deletes.c: which deletes apply to which of the version's data files. */
typedef struct DeleteList {
    DeleteFile *files; /* the version's arena */
    int count, capacity;
} DeleteList;
void table_version_assign_deletes(TableVersion *version, const DeleteList *deletes);
const PartitionSpec *table_version_spec(const TableVersion *version, int spec_id);
/* Deep copy of a partition tuple. */
const PartitionValue *partition_copy(const PartitionSpec *spec, const PartitionValue *values, Arena *arena);
