/* One load: private to this folder. ingest.c (inputs, formats, results), load_text.c (the passes over text),
 * load_parquet.c. */
#pragma once

#include "engines/columnar/ingest/column_registry.h"
#include "engines/columnar/ingest/ingest.h"
#include "engines/columnar/ingest/load_input.h"
#include "engines/columnar/ingest/reject_list.h"

typedef struct Loader {
    TableCatalog *catalog;
    const IngestOptions *options;
    Arena arena;
    LoadInput *inputs;
    int input_count;
    TableAppend *append;
    TableColumn *received; /* what the options' receiver gets */
    int received_count;
    RejectList rejects;
    int64_t rejected_count;
    IngestSchemaChange *changes; /* in the rejects' arena */
    int change_count;
    int64_t rows;
    int64_t finished_bytes, total_bytes, next_report;
} Loader;

/* Progress, cancellation. */
Status loader_report(Loader *loader, Error *err);

/* All of the inputs, from schema to last batch. */
Status load_parquet_files(Loader *loader, Error *err);
Status load_text(Loader *loader, Error *err);

/* Begins the append to a table whose columns follow what was found: those it has not are added, those that
 * are too narrow widened. `profiles` NULL: the types found are exact. */
Status load_evolve(Loader *loader, const TableColumn *found, int count, const ColumnRegistry *profiles,
                   Error *err);

/* The columns that the options' receiver gets, of those found: its own that occur, or all. 42703 for one that
 * it has not. */
Status load_receiver_columns(Loader *loader, const TableColumn *found, int count, TableColumn **out,
                             int *out_count, Error *err);

/* Types that hold everything that was profiled, in `arena`. */
SqlType *load_profiled_types(const ColumnRegistry *registry, Arena *arena);
