/* What INSERT, UPDATE, DELETE and MERGE have in common while they are bound. Private to bind_*.c. */
#pragma once

#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/write_plan.h"

/* Fills `write` with the newest version of the table of that name. */
Status write_open_target(Binder *binder, const PgQuery__RangeVar *var, const char *verb, WritePlan *write,
                         Error *err);
/* As the columns of the target: the expression cast as an assignment casts it, 42804 where none is. */
Status write_assign(Binder *binder, const TableColumn *column, Expr *expr, Expr **out, Error *err);
/* A column nobody gives a value. */
Expr *write_default(Binder *binder, const TableColumn *column);
/* Index of the column, -1 after 42703. A name with a field or a subscript is 0A000. */
Status write_find_column(Binder *binder, const WritePlan *write, const PgQuery__ResTarget *target, int *index,
                         Error *err);
/* SET: one entry of `values` (a value per column of the target, NULL = not set) for each target. */
Status write_bind_set(Query *query, const WritePlan *write, Node *const *targets, size_t count, Expr **values,
                      Error *err);
/* RETURNING over query->from, with the target's columns in `table` standing for `values` (NULL: as they are).
 */
Status write_bind_returning(Query *query, Node *const *nodes, size_t count, FromTable *table, Expr **values,
                            Error *err);
/* The statement's last projection: columns are added in the order of write_plan.h. */
typedef struct WriteOutput {
    Binder *binder;
    Rel *project;
    BoundColumn *columns;
    int count;
} WriteOutput;
WriteOutput write_output(Binder *binder, Rel *input, int capacity);
int write_output_add(WriteOutput *output, const char *name, Expr *expr);
void write_output_values(WriteOutput *output, WritePlan *write, Expr *const *values);
void write_output_returning(WriteOutput *output, WritePlan *write, const Query *query);
void write_output_finish(WriteOutput *output, BoundQuery *out);

Status bind_insert(Binder *binder, PgQuery__InsertStmt *stmt, WritePlan *write, BoundQuery *out, Error *err);
Status bind_update(Binder *binder, PgQuery__UpdateStmt *stmt, WritePlan *write, BoundQuery *out, Error *err);
Status bind_delete(Binder *binder, PgQuery__DeleteStmt *stmt, WritePlan *write, BoundQuery *out, Error *err);
Status bind_merge(Binder *binder, PgQuery__MergeStmt *stmt, WritePlan *write, BoundQuery *out, Error *err);
Status bind_create_as(Binder *binder, PgQuery__SelectStmt *select, const PgQuery__IntoClause *into,
                      WritePlan *write, BoundQuery *out, Error *err);
