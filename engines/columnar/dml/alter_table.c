/* ALTER TABLE and RENAME: all of a statement's changes in one commit. */
#include "engines/columnar/dml/ddl.h"
#include "engines/columnar/dml/table_options.h"
#include "engines/columnar/iceberg/table_change.h"

static Status add_column(const Ddl *ddl, const PgQuery__AlterTableCmd *cmd, TableChange *change, Error *err) {
    TableColumn column;
    TRY(ddl_column(ddl, cmd->def->column_def, &column, err));
    if (!change) return STATUS_OK;
    return table_change_add_column(change, &column, NULL, cmd->missing_ok, err);
}

static Status alter_type(const Ddl *ddl, const PgQuery__AlterTableCmd *cmd, TableChange *change, Error *err) {
    const PgQuery__ColumnDef *def = cmd->def->column_def;
    SqlType type;
    if (def->raw_default) return ddl_unsupported(ddl, def->location, err, "ALTER COLUMN TYPE with USING");
    if (def->coll_clause) return ddl_unsupported(ddl, def->location, err, "COLLATE of a column");
    TRY(type_from_node(ddl->binder, def->type_name, &type, err));
    return change ? table_change_widen_column(change, cmd->name, type, err) : STATUS_OK;
}

static Status set_options(const Ddl *ddl, const PgQuery__List *list, TableChange *change, Error *err) {
    TableOptions options;
    TRY(table_options_read(ddl->binder, list->items, list->n_items, &options, err));
    return change ? table_options_apply(&options, change, err) : STATUS_OK;
}

/* RESET ("write.target-file-size-bytes"), RESET (partitioning) ... */
static Status reset_options(const Ddl *ddl, const PgQuery__List *list, TableChange *change, Error *err) {
    for (size_t i = 0; i < list->n_items && change; i++) {
        const PgQuery__DefElem *option = list->items[i]->def_elem;
        bool spaced = option->defnamespace && *option->defnamespace;
        const char *name = spaced ? arena_printf(ddl->arena, "%s.%s", option->defnamespace, option->defname)
                                  : option->defname;
        if (strcmp(name, "partitioning") == 0)
            TRY(table_change_set_partitioning(change, "", err));
        else if (strcmp(name, "sort_order") == 0)
            TRY(table_change_set_sort_order(change, "", err));
        else
            TRY(table_change_set_property(change, name, NULL, err));
    }
    return STATUS_OK;
}

static Status refuse_constraint(const Ddl *ddl, Error *err) {
    (void)ddl_unsupported(ddl, -1, err, "ADD CONSTRAINT");
    return error_add_hint(err, "Columnar tables check nothing but NOT NULL.");
}

/* Without a change it is only looked at. */
static Status alter(const Ddl *ddl, const PgQuery__AlterTableCmd *cmd, TableChange *change, Error *err) {
    switch (cmd->subtype) {
    case PG_QUERY__ALTER_TABLE_TYPE__AT_AddColumn: return add_column(ddl, cmd, change, err);
    case PG_QUERY__ALTER_TABLE_TYPE__AT_AlterColumnType: return alter_type(ddl, cmd, change, err);
    case PG_QUERY__ALTER_TABLE_TYPE__AT_DropColumn:
        return change ? table_change_drop_column(change, cmd->name, cmd->missing_ok, err) : STATUS_OK;
    case PG_QUERY__ALTER_TABLE_TYPE__AT_DropNotNull:
        return change ? table_change_drop_not_null(change, cmd->name, err) : STATUS_OK;
    case PG_QUERY__ALTER_TABLE_TYPE__AT_SetRelOptions: return set_options(ddl, cmd->def->list, change, err);
    case PG_QUERY__ALTER_TABLE_TYPE__AT_ResetRelOptions:
        return reset_options(ddl, cmd->def->list, change, err);
    case PG_QUERY__ALTER_TABLE_TYPE__AT_SetNotNull: return ddl_unsupported(ddl, -1, err, "SET NOT NULL");
    case PG_QUERY__ALTER_TABLE_TYPE__AT_ColumnDefault: return ddl_unsupported(ddl, -1, err, "SET DEFAULT");
    case PG_QUERY__ALTER_TABLE_TYPE__AT_AddConstraint: return refuse_constraint(ddl, err);
    default: return ddl_unsupported(ddl, -1, err, "this ALTER TABLE");
    }
}

/* `apply` adds to the change what the statement asks for. */
static Status change_table(const Ddl *ddl, const PgQuery__RangeVar *relation, bool if_exists,
                           Status (*apply)(const Ddl *, const void *, TableChange *, Error *),
                           const void *statement, Error *err) {
    DdlTable table = ddl_range_table(ddl, relation);
    TableVersion *version = NULL;
    TableChange *change = NULL;
    TRY(ddl_find(ddl, table, &version, err));
    if (!version && if_exists) return STATUS_OK;
    if (!version)
        return error_set_at(err, SQLSTATE_UNDEFINED_TABLE, binder_position(ddl->binder, relation->location),
                            "relation \"%s\" does not exist", table.name);
    Status status = table_change_begin(ddl->context->catalog, version, &change, err);
    table_version_release(version);
    TRY(status);
    if (apply(ddl, statement, change, err) == STATUS_OK) return table_change_commit(change, NULL, err);
    table_change_abort(change);
    return STATUS_ERROR;
}

static Status apply_commands(const Ddl *ddl, const void *statement, TableChange *change, Error *err) {
    const PgQuery__AlterTableStmt *stmt = statement;
    for (size_t i = 0; i < stmt->n_cmds; i++)
        TRY(alter(ddl, stmt->cmds[i]->alter_table_cmd, change, err));
    return STATUS_OK;
}

Status ddl_alter_table(Ddl *ddl, const PgQuery__AlterTableStmt *stmt, Error *err) {
    ddl->tag = "ALTER TABLE";
    TRY(apply_commands(ddl, stmt, NULL, err));
    return ddl->check ? STATUS_OK
                      : change_table(ddl, stmt->relation, stmt->missing_ok, apply_commands, stmt, err);
}

/* ---- RENAME ----------------------------------------------------------------------------------------------
 */

static Status apply_rename(const Ddl *ddl, const void *statement, TableChange *change, Error *err) {
    const PgQuery__RenameStmt *stmt = statement;
    (void)ddl;
    return table_change_rename_column(change, stmt->subname, stmt->newname, err);
}

static Status rename_table(const Ddl *ddl, const PgQuery__RenameStmt *stmt, Error *err) {
    DdlTable table = ddl_range_table(ddl, stmt->relation), renamed = table;
    TableVersion *version = NULL;
    bool exists;
    renamed.name = stmt->newname;
    TRY(ddl_find(ddl, table, &version, err));
    bool there = version != NULL;
    table_version_release(version);
    if (!there && stmt->missing_ok) return STATUS_OK;
    if (!there) return error_set(err, SQLSTATE_UNDEFINED_TABLE, "relation \"%s\" does not exist", table.name);
    TRY(ddl_check_free(ddl, renamed, false, &exists, err));
    return table_catalog_rename(ddl->context->catalog, table.namespace_name, table.name, renamed.name, err);
}

Status ddl_rename(Ddl *ddl, const PgQuery__RenameStmt *stmt, Error *err) {
    ddl->tag = "ALTER TABLE";
    bool column = stmt->rename_type == PG_QUERY__OBJECT_TYPE__OBJECT_COLUMN;
    if (!column && stmt->rename_type != PG_QUERY__OBJECT_TYPE__OBJECT_TABLE)
        return ddl_unsupported(ddl, -1, err, "this ALTER ... RENAME");
    if (ddl->check) return STATUS_OK;
    return column ? change_table(ddl, stmt->relation, stmt->missing_ok, apply_rename, stmt, err)
                  : rename_table(ddl, stmt, err);
}
