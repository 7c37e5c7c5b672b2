/* CREATE TABLE: columns with NOT NULL. What a columnar table does not keep (keys, checks) is refused by name.
 */
#include "engines/columnar/dml/ddl.h"
#include "engines/columnar/dml/table_options.h"

static Status refuse_key(const Ddl *ddl, const PgQuery__Constraint *constraint, const char *what,
                         Error *err) {
    (void)ddl_unsupported(ddl, constraint->location, err, "%s", what);
    return error_add_hint(
        err, "Columnar tables check nothing but NOT NULL. Leave it out, or make the table in a row "
             "store.");
}

static Status default_of(const Ddl *ddl, const PgQuery__Constraint *constraint, Error *err) {
    const Node *value = constraint->raw_expr;
    if (value && value->node_case == PG_QUERY__NODE__NODE_A_CONST && value->a_const->isnull) return STATUS_OK;
    return ddl_unsupported(ddl, constraint->location, err, "DEFAULT");
}

static Status column_constraint(const Ddl *ddl, const PgQuery__Constraint *constraint, TableColumn *column,
                                Error *err) {
    switch (constraint->contype) {
    case PG_QUERY__CONSTR_TYPE__CONSTR_NULL: return STATUS_OK;
    case PG_QUERY__CONSTR_TYPE__CONSTR_NOTNULL: column->nullable = false; return STATUS_OK;
    case PG_QUERY__CONSTR_TYPE__CONSTR_DEFAULT: return default_of(ddl, constraint, err);
    case PG_QUERY__CONSTR_TYPE__CONSTR_PRIMARY: return refuse_key(ddl, constraint, "PRIMARY KEY", err);
    case PG_QUERY__CONSTR_TYPE__CONSTR_UNIQUE: return refuse_key(ddl, constraint, "UNIQUE", err);
    case PG_QUERY__CONSTR_TYPE__CONSTR_CHECK: return refuse_key(ddl, constraint, "CHECK", err);
    case PG_QUERY__CONSTR_TYPE__CONSTR_FOREIGN: return refuse_key(ddl, constraint, "FOREIGN KEY", err);
    case PG_QUERY__CONSTR_TYPE__CONSTR_EXCLUSION: return refuse_key(ddl, constraint, "EXCLUDE", err);
    case PG_QUERY__CONSTR_TYPE__CONSTR_IDENTITY:
        return ddl_unsupported(ddl, constraint->location, err, "GENERATED AS IDENTITY");
    case PG_QUERY__CONSTR_TYPE__CONSTR_GENERATED:
        return ddl_unsupported(ddl, constraint->location, err, "a generated column");
    default: return ddl_unsupported(ddl, constraint->location, err, "this constraint");
    }
}

Status ddl_column(const Ddl *ddl, const PgQuery__ColumnDef *def, TableColumn *out, Error *err) {
    *out = (TableColumn){.name = arena_strdup(ddl->arena, def->colname), .nullable = true};
    TRY(type_from_node(ddl->binder, def->type_name, &out->type, err));
    if (def->coll_clause) return ddl_unsupported(ddl, def->location, err, "COLLATE of a column");
    for (size_t i = 0; i < def->n_constraints; i++)
        TRY(column_constraint(ddl, def->constraints[i]->constraint, out, err));
    return STATUS_OK;
}

static Status read_columns(const Ddl *ddl, const PgQuery__CreateStmt *stmt, TableColumn **out, int *count,
                           Error *err) {
    TableColumn unused;
    *out = ARENA_NEW_ARRAY(ddl->arena, TableColumn, stmt->n_table_elts + 1);
    *count = 0;
    for (size_t i = 0; i < stmt->n_table_elts; i++) {
        const Node *element = stmt->table_elts[i];
        if (element->node_case == PG_QUERY__NODE__NODE_CONSTRAINT) {
            TRY(column_constraint(ddl, element->constraint, &unused, err));
            continue;
        }
        if (element->node_case != PG_QUERY__NODE__NODE_COLUMN_DEF)
            return ddl_unsupported(ddl, -1, err, "LIKE in CREATE TABLE");
        TableColumn *column = &(*out)[(*count)++];
        TRY(ddl_column(ddl, element->column_def, column, err));
        for (int c = 0; c < *count - 1; c++)
            if (strcmp((*out)[c].name, column->name) == 0)
                return error_set(err, "42701", "column \"%s\" specified more than once", column->name);
    }
    return *count > 0 ? STATUS_OK : ddl_unsupported(ddl, -1, err, "a table without columns");
}

static Status refuse_kinds(const Ddl *ddl, const PgQuery__CreateStmt *stmt, Error *err) {
    const char *persistence = stmt->relation->relpersistence;
    if (persistence && persistence[0] == 't') return ddl_unsupported(ddl, -1, err, "a temporary table");
    if (persistence && persistence[0] == 'u') return ddl_unsupported(ddl, -1, err, "an unlogged table");
    if (stmt->n_inh_relations > 0 && !stmt->partbound)
        return ddl_unsupported(ddl, -1, err, "table inheritance");
    if (stmt->partbound || stmt->partspec) {
        (void)ddl_unsupported(ddl, -1, err, "PARTITION BY");
        return error_add_hint(err, "Write WITH (partitioning = 'month(ts), bucket(16, id)').");
    }
    if (stmt->of_typename) return ddl_unsupported(ddl, -1, err, "CREATE TABLE OF a type");
    if (stmt->tablespacename && *stmt->tablespacename) return ddl_unsupported(ddl, -1, err, "TABLESPACE");
    return STATUS_OK;
}

Status ddl_create(const Ddl *ddl, DdlTable table, const TableColumn *columns, int count,
                  const TableOptions *options, Error *err) {
    TableChange *change = NULL;
    TRY(table_change_begin_create(ddl->context->catalog, table.namespace_name, table.name, columns, count,
                                  false, &change, err));
    if (table_options_apply(options, change, err) == STATUS_OK) return table_change_commit(change, NULL, err);
    table_change_abort(change);
    return STATUS_ERROR;
}

Status ddl_create_table(Ddl *ddl, const PgQuery__CreateStmt *stmt, Error *err) {
    DdlTable table = ddl_range_table(ddl, stmt->relation);
    TableColumn *columns;
    int count;
    bool exists;
    TableOptions options;
    ddl->tag = "CREATE TABLE";
    TRY(ddl_check_namespace(ddl, table, err));
    TRY(refuse_kinds(ddl, stmt, err));
    TRY(read_columns(ddl, stmt, &columns, &count, err));
    TRY(table_options_read(ddl->binder, stmt->options, stmt->n_options, &options, err));
    if (ddl->check) return STATUS_OK;
    TRY(ddl_check_free(ddl, table, stmt->if_not_exists, &exists, err));
    if (exists) return STATUS_OK;
    return ddl_create(ddl, table, columns, count, &options, err);
}
