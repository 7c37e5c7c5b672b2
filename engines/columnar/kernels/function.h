/* Every scalar function, operator and aggregate the engine has, in one table: what the binder resolves
 * against and the executor runs. PostgreSQL's names: operators by their symbol ("+", "=", "~~" for LIKE),
 * functions by name.
 *
 * A ScalarFunction works on whole vectors. The expression evaluator (exec) hands it evaluated arguments and a
 * selection, handles CONSTANT-folding and dictionary lifting (a function of one DICTIONARY argument and
 * constants is run over the dictionary once), and calls `eval` with vectors that are FLAT or CONSTANT. A
 * strict function gives NULL for any NULL argument: the evaluator makes the validity, the kernel may compute
 * garbage there but must not fail on it.
 */
#pragma once

#include "engines/base/error.h"
#include "engines/columnar/types/vector.h"

enum { FUNCTION_MAX_ARGS = 8 };

typedef struct KernelCall {
    const Vector *args;
    int arg_count;
    int row_count;
    const uint16_t *selection; /* NULL = all rows; results at other rows are unspecified */
    int selected;
    Vector
        *out; /* FLAT, type set, values allocated for row_count, validity for strict functions already set */
    Arena *arena;              /* batch lifetime, for string results */
    const void *bind_data;     /* what `bind` made: a compiled pattern, a time zone ... or NULL */
    int64_t statement_time_us; /* now() */
    bool narrow; /* to a function that `narrows`: type and form of `out` may become narrower than asked */
} KernelCall;

typedef Status (*ScalarKernel)(const KernelCall *call, Error *err);

typedef struct ScalarFunction {
    const char *name;
    int arg_count; /* declared; variadic: minimum, the last type repeats */
    bool variadic;
    SqlType args[FUNCTION_MAX_ARGS]; /* SQL_UNKNOWN = any type ("anyelement") */
    SqlType result;                  /* ignored when result_type is set */
    SqlType (*result_type)(const SqlType *args,
                           int arg_count); /* numeric precision and scale, anyelement ... */
    bool strict;
    bool null_on_error; /* unused rows may be evaluated: false only when the kernel can raise (division,
                           casts) */
    ScalarKernel eval;
    /* Takes each numeric argument in whatever form its vector has, and may give a narrower one than its
     * result type's where the values of the batch allow, if whoever reads the result does the same. */
    bool narrows;
    const void *data; /* a plugin's function: its description, given to eval as bind_data */
    /* Optional: prepares constant arguments once (NULL entries are not constant). Result lives in `arena`. */
    Status (*bind)(const Vector *const *constant_args, int arg_count, Arena *arena, const void **bind_data,
                   Error *err);
    /* Optional, for functions that can raise: true when with these constant arguments (NULL entries are not
     * constant) they cannot, so that rows not asked for may be evaluated, a dictionary's values among them.
     */
    bool (*safe_with)(const Vector *const *constant_args, int arg_count);
} ScalarFunction;

typedef struct AggregateFunction AggregateFunction; /* aggregate.h: states, update, combine, finalize */

/* Candidates by name, in PostgreSQL's catalog order; 0 when the name is unknown. */
int function_candidates(const char *name, const ScalarFunction **out, int capacity);
int aggregate_candidates(const char *name, const AggregateFunction **out, int capacity);
/* The type a call gives: result_type when set, else result. */
static inline SqlType function_result(const ScalarFunction *function, const SqlType *args, int arg_count) {
    return function->result_type ? function->result_type(args, arg_count) : function->result;
}
/* numeric arguments are declared without precision and taken in every physical form; they are never cast just
 * for that. A cast to numeric without precision may come out narrower than asked: function_result() of it is
 * numeric(10,0) from integer, so that arithmetic stays in 64 bits, and the expression's type is that one.
 * Casts from SQL_UNKNOWN read literals. varchar(n), character(n) and numeric(p,s) targets: the kernel reads
 * the modifiers from `out->type`. */
/* Casts, resolved apart from functions: implicit < assignment < explicit. NULL when there is none. */
typedef enum CastContext { CAST_IMPLICIT, CAST_ASSIGNMENT, CAST_EXPLICIT } CastContext;
const ScalarFunction *cast_function(SqlType from, SqlType to, CastContext context);
/* Names of every function and operator, for did-you-mean hints and docs. */
int function_names(const char **out, int capacity);
