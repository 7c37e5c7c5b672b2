/* What the WHERE of a SELECT over one table holds its columns to, as far as a key can use it.
 *
 *   conditions_read(where) → bounds; conditions_read_limit(select), conditions_range(bounds)
 */
#pragma once

#include <pg_query/pg_query.pb-c.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum BoundKind { BOUND_EQUAL, BOUND_IN, BOUND_RANGE } BoundKind;

/* A conjunct of WHERE that holds a column against values that are known before any row is read: constants,
 * parameters, and expressions of them that are not volatile. */
typedef struct ColumnBound {
    const char *column;
    BoundKind kind;
    int value_count;     /* BOUND_IN; a guess for arrays in parameters */
    bool maybe_fraction; /* may be numeric or float: as such it is compared, past an integer column's index */
    bool has_low, has_high;
    int64_t low, high; /* BOUND_RANGE: both inclusive */
} ColumnBound;

/* Fills at most `capacity` bounds of the top-level ANDs of `where` (may be NULL); returns how many. */
int conditions_read(const PgQuery__Node *where, ColumnBound *out, int capacity);
/* LIMIT n [OFFSET m] with constants: how many rows may have to be read for it, n + m; else -1. */
int64_t conditions_read_limit(const PgQuery__SelectStmt *select);
/* How many whole numbers the ranges on the column leave, -1 = no bound on one side. */
int64_t conditions_range(const ColumnBound *bounds, int count, const char *column);
/* The column a node is, NULL when it is anything else. */
const char *conditions_column(const PgQuery__Node *node);
