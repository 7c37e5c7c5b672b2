/* PostgreSQL's declarations of operators, functions and casts, as far as this engine's types go. The binder
 * resolves a name and argument types against these, by PostgreSQL's rules, so that the meaning of a statement
 * never depends on which kernels this engine happens to have. Pure data and lookups; knows nothing of plans.
 */
#pragma once

#include <stdbool.h>

#include "engines/base/sqltype.h"

typedef struct PgOperator {
    const char *name;
    const char *args; /* type letters: one for a prefix operator, else two */
    const char *result;
} PgOperator;

typedef struct PgFunction {
    const char *name;
    const char *args;
    const char *result; /* begins with 'S' when the function returns a set */
    char kind;          /* 'f', 'a' or 'w' */
    char volatility;    /* 'i', 's' or 'v' */
    char variadic;
    char defaults; /* how many of the last arguments may be left out */
} PgFunction;

typedef struct PgCast {
    const char *from, *to;
    char context; /* 'i', 'a' or 'e' */
} PgCast;

/* Type categories of pg_type.typcategory. */
typedef enum PgCategory {
    PG_CATEGORY_UNKNOWN = 'X',
    PG_CATEGORY_BOOL = 'B',
    PG_CATEGORY_NUMBER = 'N',
    PG_CATEGORY_STRING = 'S',
    PG_CATEGORY_DATETIME = 'D',
    PG_CATEGORY_TIMESPAN = 'T',
    PG_CATEGORY_ARRAY = 'A',
    PG_CATEGORY_USER = 'U',
    PG_CATEGORY_PSEUDO = 'P'
} PgCategory;

/* All rows of that name, adjacent; NULL and 0 when there is none. */
const PgOperator *pg_operators_named(const char *name, int *count);
const PgFunction *pg_functions_named(const char *name, int *count);
/* Exists in PostgreSQL, though not in a form listed here. */
bool pg_function_exists_otherwise(const char *name);

/* Reads the type letter at `*letters` and moves past it. 'a' and 'e' (any type) give SQL_UNKNOWN. */
SqlType pg_type_next(const char **letters);
int pg_type_count(const char *letters);

PgCategory pg_type_category(SqlType type);
bool pg_type_is_preferred(SqlType type);
/* 0 when there is no cast, else how far it may be taken: 'i', 'a' or 'e'. Same type counts as 'i'. */
char pg_cast_context(SqlType from, SqlType to);
