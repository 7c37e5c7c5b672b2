/* Shared by the dialect writer's files. */
#pragma once

#include <pg_query/pg_query.pb-c.h>

#include "engines/base/strbuf.h"
#include "engines/mysql/dialect.h"

typedef PgQuery__Node Node;

/* One thing in FROM: a table, or a derived table or CTE with named columns. */
typedef struct FromItem {
    struct FromItem *next;
    const char *name;
    const TableDesc *table;
    const char **column_names; /* derived */
    SqlType *column_types;
    int *column_scales;   /* dialect_scale() */
    bool *column_inexact; /* ExprInfo.inexact_text */
    int column_count;
    bool outer; /* may be NULL-extended */
} FromItem;

typedef struct Scope {
    struct Scope *outer;
    FromItem *items;
} Scope;

typedef struct CommonTable {
    struct CommonTable *next;
    const char *name;
    FromItem *columns;
} CommonTable;

/* A subquery is written once, before its place in the text comes, for its columns must be known; nested ones
 * would else be written twice at every level. */
typedef struct WrittenSelect {
    struct WrittenSelect *next;
    const PgQuery__SelectStmt *select;
    Status status;
    Error error;
    char *text; /* with its parentheses */
    int *params;
    SqlType *param_types;
    int param_count;
    FromItem columns;
} WrittenSelect;

typedef struct DialectWriter {
    const Statement *statement;
    DialectOptions options;
    Arena *arena;
    StrBuf out;
    Error *err;
    int *params;
    SqlType *param_types;
    int param_count, param_capacity;
    CommonTable *ctes;
    WrittenSelect *selects;
    int depth;
} DialectWriter;

/* What is known of an expression before it is written. */
typedef struct ExprInfo {
    SqlType type;      /* SQL_INVALID: not known; SQL_UNKNOWN: an untyped literal, parameter or NULL */
    bool inexact_text; /* text under a collation that is not byte equality */
    bool nullable;
} ExprInfo;

/* STATUS_ERROR with 0A000: `what` cannot be written for MySQL. */
Status dialect_decline(DialectWriter *w, int location, const char *what);

ExprInfo dialect_info(DialectWriter *w, const Scope *scope, const Node *node);
/* The column a reference means, or NULL. */
const ColumnDesc *dialect_column(const Scope *scope, const PgQuery__ColumnRef *ref, const FromItem **item);

Status dialect_expr(DialectWriter *w, Scope *scope, const Node *node);
/* Not text, or text that compares byte by byte. */
bool dialect_is_exact(const DialectWriter *w, const TableDesc *table, const ColumnDesc *column);
/* As dialect_expr; untyped literals and parameters are written as a value of `target`. */
Status dialect_expr_as(DialectWriter *w, Scope *scope, const Node *node, SqlType target);
/* Text operands under exact collation. */
Status dialect_exact_text(DialectWriter *w, Scope *scope, const Node *node);
/* As dialect_expr, of a value that must be boolean. */
Status dialect_condition(DialectWriter *w, Scope *scope, const Node *node);
/* Writes a subquery aside, or gives what was written of it before. NULL: it cannot be written, the error is
 * set. */
const WrittenSelect *dialect_subselect(DialectWriter *w, const Scope *scope,
                                       const PgQuery__SelectStmt *select);
/* Appends it, with its parameters. */
void dialect_append_select(DialectWriter *w, const WrittenSelect *select);
void dialect_add_param(DialectWriter *w, int param, SqlType type);
bool dialect_aggregates(const PgQuery__FuncCall *call); /* count, sum, min, max, avg */
Status dialect_function(DialectWriter *w, Scope *scope, const PgQuery__FuncCall *call);
SqlType dialect_function_type(DialectWriter *w, const Scope *scope, const PgQuery__FuncCall *call);
/* The select-list item that an ordinal or a bare name means, or NULL. */
const Node *dialect_target_meant(const PgQuery__SelectStmt *select, const Node *node);
bool dialect_is_star(const Node *node);
Status dialect_group_by(DialectWriter *w, Scope *scope, const PgQuery__SelectStmt *select);
Status dialect_select(DialectWriter *w, Scope *outer, const PgQuery__SelectStmt *select, FromItem *columns);

/* Digits after the point of a number's expression. */
enum { DIALECT_SCALE_UNKNOWN = -1, DIALECT_SCALE_ANY = -2 /* NULL */ };
int dialect_scale(DialectWriter *w, const Scope *scope, const Node *node);
/* Declines CASE and COALESCE of a numeric type whose branches differ in their digits after the point. */
Status dialect_one_scale(DialectWriter *w, const Scope *scope, const Node *node, SqlType type);

typedef bool (*TreeQuestion)(const ProtobufCMessage *message, const void *argument);
bool dialect_tree_finds(const ProtobufCMessage *message, TreeQuestion question, const void *argument);
/* `name` NULL: any column. */
bool dialect_reads_column(const ProtobufCMessage *message, const char *name);
bool dialect_is_constant(const Node *node); /* no column, function or subquery in it */
bool dialect_same_tree(const ProtobufCMessage *a, const ProtobufCMessage *b);

const char *dialect_string(const Node *node); /* of a String node, else NULL */
const char *dialect_operator(const PgQuery__AExpr *expr);
const char *
dialect_function_name(const PgQuery__FuncCall *call); /* without pg_catalog, NULL when qualified otherwise */
SqlType dialect_type_of_name(const PgQuery__TypeName *name);
const char *dialect_collation(const DialectWriter *w);
