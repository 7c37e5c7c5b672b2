/* What the formats of ingest.c share: private to this folder. A load is one pass over the files (append) or
 * two (the types are found first). The passes differ in what becomes of a cell, not in how files are read. */
#pragma once

#include "engines/columnar/ingest/batch_builder.h"
#include "engines/columnar/ingest/column_registry.h"
#include "engines/columnar/ingest/csv_reader.h"
#include "engines/columnar/ingest/ingest.h"
#include "engines/columnar/ingest/json_reader.h"

typedef struct Loader {
    TableCatalog *catalog;
    const IngestOptions *options;
    LoadInput *inputs;
    int input_count;
    ColumnRegistry registry;
    bool profiling; /* first pass: cells go to profiles, else to the table */
    bool fixed;     /* the columns are those of an existing table: unknown names are errors */
    TableAppend *append;
    BatchBuilder builder;
    const SqlType *types;     /* of the builder's columns; NULL until it is there */
    JsonParser *json_checker; /* for text into json columns */
    int64_t rows;             /* of this pass */
    int64_t finished_bytes, total_bytes, next_report;
} Loader;

/* Column of a name: looked up, or added while profiling. 42703 when the table has none. */
Status loader_column(Loader *loader, const char *name, size_t length, int hint, const char *file, int *column,
                     Error *err);
/* `file`, `row` and the column's name go into the error's message. */
Status loader_cell(Loader *loader, int column, const Cell *cell, const char *file, int64_t row, Error *err);
/* After each row; `file_bytes` = bytes of the current file read so far. */
Status loader_end_row(Loader *loader, int64_t file_bytes, Error *err);
/* Progress, cancellation. */
Status loader_report(Loader *loader, int64_t file_bytes, Error *err);

/* Types that hold everything profiled so far, in the registry's arena. */
SqlType *loader_profiled_types(Loader *loader);
/* From here on cells become batches, which go to `append` or, when there is none, nowhere. */
void loader_start_batches(Loader *loader, const SqlType *types, int count);
void loader_deinit(Loader *loader);

Status load_csv_input(Loader *loader, const LoadInput *input, Error *err);
Status load_json_input(Loader *loader, const LoadInput *input, Error *err);
/* All of the files, from schema to last batch. */
Status load_parquet_files(Loader *loader, Error *err);

/* The same for bytes in memory (tests, fuzzing). */
Status load_csv_source(Loader *loader, ByteSource *source, Error *err);
Status load_json_source(Loader *loader, ByteSource *source, Error *err);
