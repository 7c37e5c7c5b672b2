/* DROP TABLE and TRUNCATE. */
#include "engines/columnar/dml/ddl.h"
#include "engines/columnar/iceberg/table_change.h"

static const char *part(const PgQuery__List *list, size_t from_end) {
    if (list->n_items <= from_end) return NULL;
    const Node *node = list->items[list->n_items - 1 - from_end];
    return node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : NULL;
}

/* PostgreSQL says what it is instead. */
static Status not_there(const Ddl *ddl, DdlTable table, bool if_exists, Error *err) {
    Definition *views = NULL;
    int count = 0;
    TRY(table_catalog_definitions(ddl->context->catalog, DEFINITION_VIEW, table.name, ddl->arena, &views,
                                  &count, err));
    if (count > 0) {
        (void)error_set(err, "42809", "\"%s\" is not a table", table.name);
        return error_add_hint(err, "Use DROP VIEW to remove a view.");
    }
    if (if_exists) return STATUS_OK;
    return error_set(err, SQLSTATE_UNDEFINED_TABLE, "table \"%s\" does not exist", table.name);
}

static Status find_all(Ddl *ddl, const PgQuery__DropStmt *stmt, DdlTable *tables, bool *there, Error *err) {
    for (size_t i = 0; i < stmt->n_objects; i++) {
        const PgQuery__List *list = stmt->objects[i]->list;
        TableVersion *version = NULL;
        tables[i] = ddl_table(ddl, part(list, 2), part(list, 1), part(list, 0));
        TRY(ddl_find(ddl, tables[i], &version, err));
        there[i] = version != NULL;
        table_version_release(version);
        if (!there[i]) TRY(not_there(ddl, tables[i], stmt->missing_ok, err));
    }
    return STATUS_OK;
}

Status ddl_drop_table(Ddl *ddl, const PgQuery__DropStmt *stmt, Error *err) {
    DdlTable *tables = ARENA_NEW_ARRAY(ddl->arena, DdlTable, stmt->n_objects + 1);
    bool *there = ARENA_NEW_ARRAY(ddl->arena, bool, stmt->n_objects + 1);
    ddl->tag = "DROP TABLE";
    if (ddl->check) return STATUS_OK;
    TRY(find_all(ddl, stmt, tables, there, err));
    for (size_t i = 0; i < stmt->n_objects; i++)
        if (there[i])
            TRY(table_catalog_drop(ddl->context->catalog, tables[i].namespace_name, tables[i].name, err));
    return STATUS_OK;
}

static Status truncate(const Ddl *ddl, const TableVersion *version, Error *err) {
    TableChange *change;
    TRY(table_change_begin(ddl->context->catalog, version, &change, err));
    table_change_remove_all(change);
    return table_change_commit(change, NULL, err);
}

Status ddl_truncate(Ddl *ddl, const PgQuery__TruncateStmt *stmt, Error *err) {
    ddl->tag = "TRUNCATE TABLE";
    if (stmt->n_relations > 1) return ddl_unsupported(ddl, -1, err, "TRUNCATE of several tables");
    DdlTable table = ddl_range_table(ddl, stmt->relations[0]->range_var);
    TableVersion *version = NULL;
    if (ddl->check) return STATUS_OK;
    TRY(ddl_find(ddl, table, &version, err));
    if (!version)
        return error_set(err, SQLSTATE_UNDEFINED_TABLE, "relation \"%s\" does not exist", table.name);
    Status status = truncate(ddl, version, err);
    table_version_release(version);
    return status;
}
