/* Example data: realistic, and the same for the same kind, count and seed on every machine.
 *
 * Tables of one seed fit together: a user's country is that of his events, his currency that of his
 * transactions. Rows come in the order of time, spread over two years with daily and weekly cycles. */
#pragma once

#include "engines/base/error.h"
#include "engines/columnar/iceberg/table_catalog.h"

typedef enum GenerateKind {
    GENERATE_USERS,
    GENERATE_TRANSACTIONS,
    GENERATE_EVENTS,
    GENERATE_PRODUCTS,
    GENERATE_SENSORS,
    GENERATE_KIND_COUNT
} GenerateKind;

typedef enum GenerateFormat { GENERATE_CSV, GENERATE_NDJSON, GENERATE_PARQUET } GenerateFormat;

/* -1 when there is no kind of that name. */
int generate_kind_from_name(const char *name);
const char *generate_kind_name(GenerateKind kind);
const TableColumn *generate_columns(GenerateKind kind, int *count);

typedef struct GenerateOptions {
    GenerateKind kind;
    int64_t count;
    uint64_t seed;
    int64_t users;                                 /* user ids of transactions and events are 1..users */
    void (*progress)(void *context, int64_t rows); /* may be NULL */
    void *progress_context;
} GenerateOptions;
enum { GENERATE_DEFAULT_USERS = 100000, GENERATE_DEFAULT_SEED = 42 };

/* To a file; "-" is the standard output. Parquet goes to files only. */
Status generate_to_file(const GenerateOptions *options, GenerateFormat format, const char *path, Error *err);
/* To a new columnar table, or one replaced. */
Status generate_to_table(const GenerateOptions *options, TableCatalog *catalog, const char *table,
                         bool replace, Error *err);
