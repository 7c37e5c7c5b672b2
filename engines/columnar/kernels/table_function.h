/* Set-returning functions: generate_series, unnest, jsonb_each ... They stand in FROM and in SELECT lists;
 * the operator PLAN_TABLE_FUNCTION runs them, several side by side (ROWS FROM), and knows about LATERAL,
 * ordinality and NULL padding. A TableFunction knows none of that: it turns rows of arguments into rows of
 * results.
 *
 * Order: `bind` once per plan (constants), then for each batch of input rows: `state` is zeroed and `next` is
 * called until it gives no rows. Results come in the order of the input rows. A function over constants whose
 * rows can be computed from their number also has `count` and `slice`; then many workers share its rows.
 */
#pragma once

#include "engines/columnar/kernels/function.h"

enum { TABLE_FUNCTION_MAX_COLUMNS = 16 };

typedef struct TableFunctionColumn {
    const char *name; /* as PostgreSQL calls it: the OUT parameter, or the function's own name */
    SqlType type;
} TableFunctionColumn;

typedef struct TableCall {
    const Vector *args; /* FLAT or CONSTANT */
    int arg_count;
    /* The input rows to work on, ascending: rows with a NULL argument are left out when the function is
     * strict. State keeps the index k into `rows`, not the row. */
    const uint16_t *rows;
    int row_count;
    void *state;        /* state_bytes, 16-byte aligned; zero at the first call for these rows */
    Arena *state_arena; /* lives as long as the state */
    Arena *arena;       /* lives until the next call: strings of `out` */
    /* Results of one call: FLAT, types set, room for BATCH_ROWS values, no validity yet (vector_make_validity
     * for BATCH_ROWS rows where a result is NULL). */
    Vector *out;
    uint16_t
        *input_rows; /* room for BATCH_ROWS: the input row (an element of `rows`) each result came from */
    const TableFunctionColumn *columns; /* what `columns` or `describe` said */
    int column_count;
    const void *bind_data;
    int64_t statement_time_us;
    /* Where the input rows stand, the same at any number of threads: their morsel, and how many batches of it
     * came before. */
    int64_t morsel, batch;
} TableCall;

typedef struct TableFunction TableFunction;
struct TableFunction {
    const char *name;
    int arg_count; /* declared; variadic: minimum, the last type repeats */
    bool variadic;
    SqlType args[FUNCTION_MAX_ARGS]; /* SQL_UNKNOWN = any type, with is_array = any array */
    bool strict;                     /* a NULL argument gives no rows */
    int column_count;
    TableFunctionColumn columns[4];
    /* Instead of `columns`, when they depend on the arguments' types. At most TABLE_FUNCTION_MAX_COLUMNS. */
    Status (*describe)(const SqlType *args, int arg_count, TableFunctionColumn *columns, int *column_count,
                       Arena *arena, Error *err);
    /* Prepares constant arguments (NULL entries are not constant). Optional; the result lives in `arena`. */
    Status (*bind)(const Vector *const *constant_args, int arg_count, Arena *arena, const void **bind_data,
                   Error *err);
    size_t state_bytes;
    /* Up to BATCH_ROWS further results into out and input_rows, their number in *count; 0 = no more. */
    Status (*next)(const TableCall *call, int *count, Error *err);
    /* Optional, both or neither. `count`: how many rows the (constant, not NULL) arguments give. `slice`:
     * rows [first, first + rows) of them into call->out, rows ≤ BATCH_ROWS; thread-safe, no state. */
    Status (*count)(const TableCall *call, int64_t *rows, Error *err);
    Status (*slice)(const TableCall *call, int64_t first, int rows, Error *err);
    double estimate; /* rows per input row where nothing better is known; 0 = PostgreSQL's 1000 */
};

typedef struct TableFunctionTable {
    const TableFunction *functions;
    int count;
} TableFunctionTable;

/* Candidates by name; 0 when the name is unknown. */
int table_function_candidates(const char *name, const TableFunction **out, int capacity);
/* Every one, for docs. */
int table_function_all(const TableFunction **out, int capacity);

/* A scalar standing in FROM: its argument as the one result, named by the binder. */
extern const TableFunction table_function_scalar;

/* TABLESAMPLE: the input rows themselves, some of them. Arguments: percentage, seed (float8); no columns. */
extern const TableFunction table_function_bernoulli, table_function_system;

/* The tables of the files of this folder; table_functions.c joins them (one line there per file). */
TableFunctionTable series_table_functions(void);
TableFunctionTable text_table_functions(void);
TableFunctionTable time_series_table_functions(void);
TableFunctionTable array_table_functions(void);
TableFunctionTable json_table_functions(void);
