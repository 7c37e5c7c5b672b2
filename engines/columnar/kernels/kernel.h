/* What every kernel file of this folder shares: walking the rows of a KernelCall, reading arguments, writing
 * table rows. Internal to kernels/.
 *
 * Arguments are FLAT or CONSTANT. Rows that are not selected, and NULL rows, may hold anything: a kernel that
 * raises, or that follows a string's pointer, walks KERNEL_ROWS; arithmetic on plain numbers may compute
 * every row.
 */
#pragma once

#include "engines/columnar/kernels/aggregate.h"
#include "engines/columnar/kernels/function.h"
#include "engines/columnar/kernels/kernel_limits.h"

#define KERNEL_INLINE       static inline __attribute__((always_inline))
#define KERNEL_PASTE2(a, b) a##b
#define KERNEL_PASTE(a, b)  KERNEL_PASTE2(a, b)

typedef __int128 Int128;
typedef unsigned __int128 UInt128;

typedef struct FunctionTable {
    const ScalarFunction *functions;
    int count;
} FunctionTable;

typedef struct AggregateTable {
    const AggregateFunction *functions;
    int count;
} AggregateTable;

/* One cast of the matrix; the first entry of (from, to) whose `weakest` admits the context is taken. */
typedef struct CastEntry {
    uint8_t from, to;    /* SqlTypeId */
    CastContext weakest; /* CAST_IMPLICIT: always; CAST_EXPLICIT: only when written */
    CastContext strongest;
    ScalarFunction function;
} CastEntry;

/* A row from one type to another in the contexts from `low` to `high`. */
#define CAST_BETWEEN(a, b, low, high, kernel)                                                                \
    {                                                                                                        \
        .from = SQL_##a, .to = SQL_##b, .weakest = CAST_##low, .strongest = CAST_##high, .function = {       \
            .name = "cast",                                                                                  \
            .arg_count = 1,                                                                                  \
            .args = {K_(a)},                                                                                 \
            .result = K_(b),                                                                                 \
            .strict = true,                                                                                  \
            .eval = kernel                                                                                   \
        }                                                                                                    \
    }

typedef struct CastTable {
    const CastEntry *casts;
    int count;
} CastTable;

static inline int kernel_selected(const KernelCall *call) {
    return call->selection ? call->selected : call->row_count;
}
static inline int kernel_row(const KernelCall *call, int k) {
    return call->selection ? call->selection[k] : k;
}
static inline bool kernel_valid(const KernelCall *call, int row) {
    return !call->out->validity || bitmap_get(call->out->validity, (size_t)row);
}
/* Too few rows selected for computing all of them to be the cheaper way. */
static inline bool kernel_is_sparse(const KernelCall *call) {
    return call->selection && call->selected * 2 < call->row_count;
}
static inline bool kernel_is_constant(const Vector *vector) {
    return vector->encoding == VECTOR_CONSTANT;
}
static inline size_t kernel_index(const Vector *vector, int row) {
    return vector->encoding == VECTOR_CONSTANT ? 0 : (size_t)row;
}

#define KERNEL_ROWS(call, row)                                                                               \
    for (int k_ = 0, n_ = kernel_selected(call), row = 0; k_ < n_ && (row = kernel_row(call, k_), true);     \
         k_++)                                                                                               \
        if (kernel_valid(call, row))

#define KERNEL_ARG(call, index, Type, row)                                                                   \
    (((const Type *)(call)->args[index].values)[kernel_index(&(call)->args[index], row)])

static inline const StringView *kernel_text(const KernelCall *call, int index, int row) {
    return &KERNEL_ARG(call, index, StringView, row);
}
/* Empty when there is no room: kernel_limits_leave fails the call then. */
static inline StringView kernel_string(const KernelCall *call, const char *data, size_t length) {
    if (length <= 12) return stringview_make(data, (uint32_t)length);
    if (kernel_room(call->arena, length, NULL) != STATUS_OK) return stringview_make("", 0);
    return stringview_make(arena_memdup(call->arena, data, length), (uint32_t)length);
}
/* NULL as the result of row `row`: only for kernels whose function is not strict, or that turn values into
 * NULL. */
static inline void kernel_set_null(const KernelCall *call, int row) {
    bitmap_clear(vector_make_validity(call->out, call->row_count, call->arena), (size_t)row);
}

/* Table rows: KERNEL_FN("left", text_left, K_TEXT, K_TEXT, K_INT4) is text left(text, integer). _RAISES: may
 * fail. */
#define K_(type)                                                                                             \
    { .id = SQL_##type }
#define K_ARGC(...) ((int)(sizeof((SqlType[]){__VA_ARGS__}) / sizeof(SqlType)))
#define KERNEL_FN(text, function, out, ...)                                                                  \
    {                                                                                                        \
        .name = text, .arg_count = K_ARGC(__VA_ARGS__), .args = {__VA_ARGS__}, .result = out,                \
        .strict = true, .null_on_error = true, .eval = function                                              \
    }
#define KERNEL_FN_RAISES(text, function, out, ...)                                                           \
    {                                                                                                        \
        .name = text, .arg_count = K_ARGC(__VA_ARGS__), .args = {__VA_ARGS__}, .result = out,                \
        .strict = true, .null_on_error = false, .eval = function                                             \
    }
#define KERNEL_FN_TYPED(text, function, typer, ...)                                                          \
    {                                                                                                        \
        .name = text, .arg_count = K_ARGC(__VA_ARGS__), .args = {__VA_ARGS__}, .result_type = typer,         \
        .strict = true, .null_on_error = false, .eval = function                                             \
    }
#define KERNEL_FN_BIND(text, function, binder, out, ...)                                                     \
    {                                                                                                        \
        .name = text, .arg_count = K_ARGC(__VA_ARGS__), .args = {__VA_ARGS__}, .result = out,                \
        .strict = true, .null_on_error = false, .eval = function, .bind = binder                             \
    }
#define KERNEL_TABLE(rows) ((FunctionTable){rows, (int)(sizeof(rows) / sizeof((rows)[0]))})

#define K_BOOL        K_(BOOL)
#define K_INT2        K_(INT2)
#define K_INT4        K_(INT4)
#define K_INT8        K_(INT8)
#define K_NUMERIC     K_(NUMERIC)
#define K_FLOAT4      K_(FLOAT4)
#define K_FLOAT8      K_(FLOAT8)
#define K_TEXT        K_(TEXT)
#define K_BPCHAR      K_(BPCHAR)
#define K_NAME        K_(NAME)
#define K_BYTEA       K_(BYTEA)
#define K_DATE        K_(DATE)
#define K_TIME        K_(TIME)
#define K_TIMESTAMP   K_(TIMESTAMP)
#define K_TIMESTAMPTZ K_(TIMESTAMPTZ)
#define K_INTERVAL    K_(INTERVAL)
#define K_UUID        K_(UUID)
#define K_OID         K_(OID)
#define K_JSON        K_(JSON)
#define K_JSONB       K_(JSONB)
#define K_ANY         K_(UNKNOWN)
#define K_ANYARRAY                                                                                           \
    { .id = SQL_UNKNOWN, .is_array = true }

/* The tables of the files of this folder; registry.c joins them. */
FunctionTable integer_functions(void);
FunctionTable float_functions(void);
FunctionTable numeric_functions(void);
FunctionTable numeric_math_functions(void);
FunctionTable compare_functions(void);
FunctionTable text_functions(void);
FunctionTable pattern_functions(void);
FunctionTable datetime_functions(void);
FunctionTable datetime_make_functions(void);
FunctionTable zone_functions(void);
FunctionTable choice_functions(void);
FunctionTable bytea_functions(void);
FunctionTable degree_functions(void);
FunctionTable to_char_functions(void);
FunctionTable regex_functions(void);
FunctionTable word_search_functions(void);
FunctionTable split_functions(void);
FunctionTable array_functions(void);
FunctionTable array_build_functions(void);
FunctionTable array_compare_functions(void);
FunctionTable array_any_functions(void);
FunctionTable record_functions(void);
FunctionTable json_access_functions(void);
FunctionTable json_change_functions(void);
FunctionTable json_build_functions(void);
FunctionTable jsonpath_functions(void);
CastTable record_casts(void);
CastTable json_casts(void);
FunctionTable encode_functions(void);
FunctionTable quote_functions(void);
FunctionTable number_template_functions(void);
FunctionTable datetime_read_functions(void);
CastTable number_casts(void);
CastTable text_casts(void);
CastTable datetime_casts(void);
AggregateTable number_aggregates(void);
AggregateTable extreme_aggregates(void);
AggregateTable other_aggregates(void);
AggregateTable statistics_aggregates(void);
AggregateTable interval_aggregates(void);
AggregateTable array_aggregates(void);
AggregateTable sketch_aggregates(void);
AggregateTable json_aggregates(void);
