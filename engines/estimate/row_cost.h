/* Inside of row_costs.h: what the conditions on one table leave of it (row_conditions.c reads them,
 * row_selectivity.c weighs them by the server's own statistics), what reading it costs (row_cost.c), and
 * joins (row_join_cost.c). */
#pragma once

#include "engines/base/column_values.h"
#include "engines/estimate/pgtree.h"
#include "engines/estimate/row_costs.h"

enum { MAX_CONDITIONS = 32 };

typedef enum RowConditionKind { CONDITION_EQUAL, CONDITION_RANGE, CONDITION_OTHER } RowConditionKind;

/* column = one of the values; column >= low AND column <= high, either of which may be missing. */
typedef struct RowCondition {
    const char *column;
    RowConditionKind kind;
    PgQuery__Node *const *values; /* of an equality */
    int value_count;
    const PgQuery__Node *low, *high; /* NULL = open */
    bool above_low, below_high;      /* the bound itself is left out */
} RowCondition;

typedef struct RowConditions {
    RowCondition items[MAX_CONDITIONS];
    int count;
    int others;
} RowConditions;

/* The conditions of a conjunction, by column name alone: all are taken to be on one table. A second bound of
 * a column joins the first. */
void row_conditions_read(RowConditions *conditions, const PgQuery__Node *node);
/* A constant as a point of the column's type; false for parameters, NULL and what is not understood. */
bool row_conditions_point(const PgQuery__Node *node, SqlType type, ColumnPoint *out);
const char *row_conditions_column(const PgQuery__Node *node);

int row_selectivity_column(const TableDesc *table, const char *name); /* index, -1 = none */
/* The share of the table's rows that meet a condition, by statistics where there are any. */
double row_selectivity_of(const TableDesc *table, int column, const RowCondition *condition);
/* Of all conditions. */
double row_selectivity_all(const TableDesc *table, const RowConditions *conditions);

typedef struct RowAccess {
    double fetched_rows; /* rows read from the table */
    double result_rows;  /* left after all conditions */
    double cost_ms;      /* of reading them */
    bool indexed;        /* by an index, since it is cheaper or the rows are one */
    bool unique;         /* every column of a unique key held equal to one constant */
    int column;          /* that leads the index, -1 = none */
} RowAccess;

RowAccess row_cost_access(const RowCosts *costs, const TableDesc *table, const RowConditions *conditions);
double row_cost_rows(const TableDesc *table);
double row_cost_pages(const RowCosts *costs, const TableDesc *table);
/* Reading the table from end to end. */
double row_cost_scan(const RowCosts *costs, const TableDesc *table, int conditions);
/* Heap pages met by `rows` rows picked through an index on the column. */
double row_cost_pages_of(const RowCosts *costs, const TableDesc *table, int column, double rows);

/* A join of tables named in FROM: filters, then index lookups or hash joins in a greedy order. False when the
 * statement is not of that kind (subqueries, set operations): then every table counts as read whole. */
bool row_cost_join(const RowCosts *costs, const Statement *statement, const PgQuery__SelectStmt *select,
                   double *cost_ms, double *rows, double *bytes);
