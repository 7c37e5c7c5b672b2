/* Statements about tables as a whole, one file per kind. Internal to dml/.
 *
 * A command is read off its parse tree: once to see what is wrong with it (`check`), and each time it runs.
 */
#pragma once

#include "engines/columnar/dml/dml.h"
#include "engines/columnar/dml/table_options.h"
#include "engines/columnar/plan/logical.h"

typedef PgQuery__Node Node;

#define DML_DEFAULT_NAMESPACE "default"

typedef struct Ddl {
    const DmlContext *context;
    const Statement *statement;
    Arena *arena;
    Binder *binder;      /* for types and positions */
    CancelToken *cancel; /* of the run; may be NULL */
    bool check;          /* nothing is to be done */
    const char *tag;
    ArrowArrayStream *out; /* made by the command when it has rows to give */
    bool has_rows;
} Ddl;

/* A name as it is written, without this engine's own. */
typedef struct DdlTable {
    const char *namespace_name, *name;
} DdlTable;
DdlTable ddl_table(const Ddl *ddl, const char *catalog, const char *schema, const char *name);
DdlTable ddl_range_table(const Ddl *ddl, const PgQuery__RangeVar *var);
/* The newest version; *out NULL when there is none. The caller releases it. */
Status ddl_find(const Ddl *ddl, DdlTable table, TableVersion **out, Error *err);
/* 3F000 unless the namespace was made or something lives in it. */
Status ddl_check_namespace(const Ddl *ddl, DdlTable table, Error *err);
/* 42P07 when a table or a view has the name already; *exists instead of the error with `if_not_exists`. */
Status ddl_check_free(const Ddl *ddl, DdlTable table, bool if_not_exists, bool *exists, Error *err);
Status ddl_unsupported(const Ddl *ddl, int location, Error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

Status ddl_create_table(Ddl *ddl, const PgQuery__CreateStmt *stmt, Error *err);
Status ddl_drop_table(Ddl *ddl, const PgQuery__DropStmt *stmt, Error *err);
Status ddl_alter_table(Ddl *ddl, const PgQuery__AlterTableStmt *stmt, Error *err);
Status ddl_rename(Ddl *ddl, const PgQuery__RenameStmt *stmt, Error *err);
Status ddl_call(Ddl *ddl, const PgQuery__CallStmt *stmt, Error *err);
Status ddl_create_schema(Ddl *ddl, const PgQuery__CreateSchemaStmt *stmt, Error *err);
Status ddl_drop_schema(Ddl *ddl, const PgQuery__DropStmt *stmt, Error *err);
Status ddl_truncate(Ddl *ddl, const PgQuery__TruncateStmt *stmt, Error *err);

/* A table without rows. */
Status ddl_create(const Ddl *ddl, DdlTable table, const TableColumn *columns, int count,
                  const TableOptions *options, Error *err);
/* create_table.c: one column of CREATE TABLE or ALTER TABLE ADD COLUMN. */
Status ddl_column(const Ddl *ddl, const PgQuery__ColumnDef *def, TableColumn *out, Error *err);
