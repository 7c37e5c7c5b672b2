/* Inside of the estimates: what the conditions on one table leave of it (pgcost.c), and joins (pgjoincost.c).
 */
#pragma once

#include "engines/postgres/pgplan.h"

/* Milliseconds, as measured with warm caches on one core. */
#define PGCOST_SCANNED_ROW (1.0 / 10000)
#define PGCOST_INDEX_ROW   0.002 /* index entry and a heap page, in cache */
#define PGCOST_SENT_ROW    0.0006
#define PGCOST_LOOKUP      0.2
#define PGCOST_PLANNING    0.08 /* per table, of what is not prepared for good */

enum { MAX_CONDITIONS = 32 };

typedef enum PgCondition { CONDITION_EQUAL, CONDITION_RANGE, CONDITION_OTHER } PgCondition;

typedef struct PgConditions {
    const char *columns[MAX_CONDITIONS];
    PgCondition kinds[MAX_CONDITIONS];
    double values[MAX_CONDITIONS]; /* of IN lists: how many */
    int count;
    int others;
} PgConditions;

typedef struct PgAccess {
    double fetched_rows; /* rows read from the table */
    double result_rows;  /* left after all conditions */
    bool indexed;
    bool unique; /* every column of a unique key held equal to one constant */
} PgAccess;

/* The conditions of a conjunction, by column name alone: all are taken to be on one table. */
void pgcost_read_conditions(PgConditions *conditions, const PgQuery__Node *node);
PgAccess pgcost_access(const TableDesc *table, const PgConditions *conditions);
double pgcost_rows(const TableDesc *table);

/* A join of tables named in FROM: filters, then index lookups or hash joins in a greedy order. False when the
 * statement is not of that kind (subqueries, set operations): then every table counts as read whole. */
bool pgcost_join(const Statement *statement, const PgQuery__SelectStmt *select, double *cost_ms, double *rows,
                 double *bytes);
