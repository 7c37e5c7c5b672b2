/* Arrays, rows and json where they meet the binder. Private to this folder; bind_array.c, bind_row.c. */
#pragma once

#include "engines/columnar/plan/bind.h"

/* A call of a kernel found by its name alone (internal ones begin with '$'); NULL when there is none. */
Expr *nested_call(Binder *binder, const char *name, SqlType type, Expr *const *args, int arg_count,
                  int position);

/* A literal that PostgreSQL reads when it parses the statement: a path of json. */
Status nested_check_literals(const Expr *call, Error *err);

/* bind_array.c. `element_target`: the element type a cast around it asks for, NULL = none. */
Status bind_array_expr(Query *query, PgQuery__AArrayExpr *node, const SqlType *element_target, Expr **out,
                       Error *err);
/* value[1], value[1:2], (value).field */
Status bind_indirection(Query *query, PgQuery__AIndirection *node, Expr **out, Error *err);
/* left op ANY/ALL (array) */
Status bind_array_comparison(Query *query, const char *name, bool any, Expr *left, Expr *array, int position,
                             Expr **out, Error *err);
/* *out stays NULL when the name is none of the array operators or functions. */
Status resolve_array_operator(Binder *binder, const char *name, Expr *left, Expr *right, int position,
                              Expr **out, Error *err);
Status resolve_array_function(Binder *binder, const char *name, Expr **args, int arg_count, int position,
                              Expr **out, Error *err);

/* bind_row.c */
Status bind_row_expr(Query *query, PgQuery__RowExpr *node, Expr **out, Error *err);
Status bind_field_selection(Query *query, Expr *row, const char *field, Expr **out, Error *err);
/* A FROM item's alias as a value. */
Expr *row_of_table(Binder *binder, const FromTable *table, int position);
const Expr *row_constructor(const Expr *expr);
Status compare_row_fields(Binder *binder, const char *name, Expr *const *left, Expr *const *right, int count,
                          int position, Expr **out, Error *err);
Status resolve_row_operator(Binder *binder, const char *name, Expr *left, Expr *right, int position,
                            Expr **out, Error *err);
Status bind_row_null_test(Query *query, Expr *row, bool is_null, Expr **out, Error *err);

/* nested_keys.c: what stands for a key in sorts (any order) and in joins, partitions (equality alone). */
Expr *nested_order_key(Binder *binder, Expr *key);
Expr *nested_equality_key(Binder *binder, Expr *key);
/* 42883 for what has no such operator (json). */
Status nested_check_key(const Expr *key, bool ordering, Error *err);
Status nested_distinct_call(Binder *binder, AggregateCall *call, Error *err);
/* Columns that INTERSECT, EXCEPT and recursive UNION compare. */
Status nested_check_set(const Binder *binder, const IdList *ids, Error *err);
Status nested_group_keys(Binder *binder, Rel *aggregate, Rel **above, Error *err);
