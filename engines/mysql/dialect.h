/* A PostgreSQL statement written in MySQL's dialect, with the same meaning or not at all.
 *
 * The writer walks the parse tree and knows an allow-list of constructs. Whatever it does not know, or whose
 * answer could differ (integer division by a column, text compared under a case-blind collation inside GROUP
 * BY, avg() of integers ...), is refused with 0A000 and the construct's name; the router then goes elsewhere.
 * It relies on the session that mysql_pool.c sets up: ANSI_QUOTES, PIPES_AS_CONCAT, NO_BACKSLASH_ESCAPES,
 * strict, UTC, utf8mb4.
 *
 * dialect.c: statements · dialect_group.c: GROUP BY · dialect_expr.c: expressions · dialect_function.c:
 * functions · dialect_type.c: types of expressions · dialect_scale.c: their digits · dialect_tree.c:
 * questions to trees.
 */
#pragma once

#include "engines/engine.h"
#include "engines/mysql/mysql_catalog.h"

typedef struct DialectOptions {
    Engine *self;
    MysqlCatalog *catalog;
    bool mariadb; /* else Oracle's MySQL 8 */
} DialectOptions;

typedef struct DialectText {
    const char *sql;
    const int *params;          /* for each "?" in order: 0-based parameter of the statement */
    const SqlType *param_types; /* for each "?": what it is compared with, SQL_UNKNOWN when free */
    int param_count;
    const SqlType *result_types;  /* PostgreSQL's type per result column; SQL_INVALID: take the server's */
    int result_count;             /* -1: unknown number (take the server's) */
    bool point;                   /* one table, a unique key held equal: at most one row */
    const TableDesc *first_table; /* of a single-table statement, else NULL */
} DialectText;

Status dialect_write(const Statement *statement, const DialectOptions *options, Arena *arena,
                     DialectText *out, Error *err);
