#include "engines/columnar/dml/ddl.h"

#include <stdio.h>

Status ddl_unsupported(const Ddl *ddl, int location, Error *err, const char *format, ...) {
    char what[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, binder_position(ddl->binder, location),
                        "%s is not available in the columnar engine", what);
}

/* ---- names -----------------------------------------------------------------------------------------------
 */

static const char *written(const char *text) {
    return text && *text ? text : NULL;
}

DdlTable ddl_table(const Ddl *ddl, const char *catalog, const char *schema, const char *name) {
    const char *own = ddl->context->self->name;
    bool engine_only = !written(catalog) && written(schema) && strcmp(schema, own) == 0;
    const char *namespace_name = engine_only ? NULL : written(schema);
    return (DdlTable){.namespace_name = namespace_name ? namespace_name : DML_DEFAULT_NAMESPACE,
                      .name = name};
}

DdlTable ddl_range_table(const Ddl *ddl, const PgQuery__RangeVar *var) {
    return ddl_table(ddl, var->catalogname, var->schemaname, var->relname);
}

Status ddl_find(const Ddl *ddl, DdlTable table, TableVersion **out, Error *err) {
    Error failure = {0};
    *out = NULL;
    if (table_catalog_load(ddl->context->catalog, table.namespace_name, table.name, out, &failure) ==
        STATUS_OK)
        return STATUS_OK;
    *out = NULL;
    if (strcmp(failure.sqlstate, SQLSTATE_UNDEFINED_TABLE) == 0) return STATUS_OK;
    if (err) *err = failure;
    return STATUS_ERROR;
}

Status ddl_check_namespace(const Ddl *ddl, DdlTable table, Error *err) {
    const char **names = NULL;
    int count = 0;
    if (strcmp(table.namespace_name, DML_DEFAULT_NAMESPACE) == 0) return STATUS_OK;
    TRY(table_catalog_namespaces(ddl->context->catalog, ddl->arena, &names, &count, err));
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], table.namespace_name) == 0) return STATUS_OK;
    return error_set(err, "3F000", "schema \"%s\" does not exist", table.namespace_name);
}

Status ddl_check_free(const Ddl *ddl, DdlTable table, bool if_not_exists, bool *exists, Error *err) {
    TableVersion *version = NULL;
    Definition *views = NULL;
    int count = 0;
    TRY(ddl_find(ddl, table, &version, err));
    *exists = version != NULL;
    table_version_release(version);
    if (!*exists)
        TRY(table_catalog_definitions(ddl->context->catalog, DEFINITION_VIEW, table.name, ddl->arena, &views,
                                      &count, err));
    *exists = *exists || count > 0;
    if (!*exists || if_not_exists) return STATUS_OK;
    return error_set(err, SQLSTATE_DUPLICATE_TABLE, "relation \"%s\" already exists", table.name);
}

/* ---- the way in ------------------------------------------------------------------------------------------
 */

static Status run(Ddl *ddl, const Node *node, bool *handled, Error *err) {
    *handled = true;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_CREATE_STMT: return ddl_create_table(ddl, node->create_stmt, err);
    case PG_QUERY__NODE__NODE_TRUNCATE_STMT: return ddl_truncate(ddl, node->truncate_stmt, err);
    case PG_QUERY__NODE__NODE_ALTER_TABLE_STMT:
        if (node->alter_table_stmt->objtype != PG_QUERY__OBJECT_TYPE__OBJECT_TABLE) break;
        return ddl_alter_table(ddl, node->alter_table_stmt, err);
    case PG_QUERY__NODE__NODE_RENAME_STMT: return ddl_rename(ddl, node->rename_stmt, err);
    case PG_QUERY__NODE__NODE_CALL_STMT: return ddl_call(ddl, node->call_stmt, err);
    case PG_QUERY__NODE__NODE_CREATE_SCHEMA_STMT:
        return ddl_create_schema(ddl, node->create_schema_stmt, err);
    case PG_QUERY__NODE__NODE_DROP_STMT:
        if (node->drop_stmt->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_SCHEMA)
            return ddl_drop_schema(ddl, node->drop_stmt, err);
        if (node->drop_stmt->remove_type != PG_QUERY__OBJECT_TYPE__OBJECT_TABLE) break;
        return ddl_drop_table(ddl, node->drop_stmt, err);
    default: break;
    }
    *handled = false;
    return STATUS_OK;
}

Status dml_command(const DmlContext *context, const Statement *statement, bool check, bool *handled,
                   Execution *execution, ArrowArrayStream *out, Error *err) {
    const PgQuery__ParseResult *tree = statement->tree;
    *handled = false;
    if (!tree || tree->n_stmts != 1 || !tree->stmts[0]->stmt) return STATUS_OK;
    Arena arena;
    arena_init(&arena);
    Binder binder = {.arena = &arena, .self = context->self, .statement = statement};
    Ddl ddl = {.context = context,
               .statement = statement,
               .arena = &arena,
               .binder = &binder,
               .cancel = execution ? execution->cancel : NULL,
               .check = check,
               .out = out};
    Status status = run(&ddl, tree->stmts[0]->stmt, handled, err);
    if (status == STATUS_OK && *handled && !check) {
        snprintf(execution->stats->command, sizeof execution->stats->command, "%s", ddl.tag);
        execution->stats->rows_affected = -1;
        if (!ddl.has_rows) arrow_stream_make_empty(out);
    }
    arena_deinit(&arena);
    return status;
}
