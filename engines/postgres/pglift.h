/* Lifts literals to parameters, so that `id = 42` and `id = 43` are one prepared statement.
 *
 * Only where nothing can change: constants compared with a column in WHERE (also IN and BETWEEN), INSERT ...
 * VALUES, UPDATE ... SET, LIMIT and OFFSET. A lifted number keeps the type PostgreSQL would have given the
 * literal (the parameter is cast to it), so operators resolve as before. A lifted string has no type, as the
 * literal had none, and is lifted only where reading it cannot fail: text columns, and well-formed dates,
 * timestamps and UUIDs.
 */
#pragma once

#include "engines/engine.h"
#include "engines/postgres/pgsplice.h"
#include "engines/estimate/pgtree.h"

enum { PGLIFT_MAX = 64 };

typedef struct PgLifted {
    PgSplice splices[PGLIFT_MAX]; /* ascending */
    Param params[PGLIFT_MAX];
    int count;
} PgLifted;

/* Parameters are numbered from statement->param_count + 1. Strings live in `arena`. */
void pglift_literals(const Statement *statement, const PgQuery__Node *root, Arena *arena, PgLifted *out);
