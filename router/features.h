/* What a statement is, read from its tree alone: one generic walk over every message, so no node type can
 * hide a table.
 *
 *   features_read(tree, arena) → Features, whose pointers live in the arena and the tree
 */
#pragma once

#include <pg_query/pg_query.pb-c.h>

#include "engines/engine.h"

typedef enum TableRole {
    TABLE_READ,
    TABLE_TARGET,  /* of INSERT, UPDATE, DELETE, MERGE */
    TABLE_ALTERED, /* existing table of a DDL or utility statement */
    TABLE_CREATED  /* name of something new */
} TableRole;

typedef struct TableUse {
    const char *catalog; /* NULL = not written */
    const char *schema;
    const char *name;
    int location; /* byte offset of its first part, -1 = the tree does not say (DROP) */
    TableRole role;
    bool is_temporary;
} TableUse;

typedef struct Features {
    StatementKind kind;
    int statement_count;
    bool is_explain;
    bool changes_schema;
    bool copies;                /* COPY between a table and a file */
    bool is_own_call;           /* CALL signalbox.... */
    bool creates_table;         /* CREATE TABLE [AS], SELECT INTO */
    const char *wanted_engine;  /* of a new table: WITH (engine = 'columnar') */
    int wanted_engine_location; /* byte offset */
    const char *command;        /* "SELECT", "INSERT" ... of the first statement */

    TableUse *tables;
    int table_count;
    /* a.b.c and longer, for taking an engine's name off them */
    const PgQuery__ColumnRef **long_columns;
    int long_column_count;

    int param_count; /* highest $n */
    bool has_aggregate, has_window, has_group, has_distinct, has_join, has_set_operation, has_cte;
    bool has_locking;
    bool samples; /* TABLESAMPLE: other rows each time */
    bool varies;  /* several answers are right: LIMIT, the clock, what goes by the order of rows */
    const char *volatile_function;
    const char *session_function;
    const char *unknown_function;      /* the first of those below */
    const PgQuery__FuncCall **unknown; /* calls of functions in no list of functions.h */
    int unknown_count;
    bool runs_code;                  /* Statement.runs_code (volatility.h) */
    const char *volatile_view;       /* one that is read (volatility.h) */
    const char *own_function;        /* one of them that an engine has and is not built in (volatility.h) */
    const Engine *own_function_home; /* who has it */
    const char *file_function;
    int session_function_location, volatile_function_location, unknown_function_location; /* byte offsets */

    /* The one SELECT of the statement when it has no WITH and is no set operation, else NULL. */
    const PgQuery__SelectStmt *select;
} Features;

/* `tree` has at least one statement. */
void features_read(const PgQuery__ParseResult *tree, Arena *arena, Features *out);
