/* CREATE SCHEMA and DROP SCHEMA: the catalog's namespaces, empty ones too. */
#include "engines/columnar/dml/ddl.h"

Status ddl_create_schema(Ddl *ddl, const PgQuery__CreateSchemaStmt *stmt, Error *err) {
    bool done = false;
    ddl->tag = "CREATE SCHEMA";
    if (stmt->authrole) return ddl_unsupported(ddl, -1, err, "AUTHORIZATION");
    if (stmt->n_schema_elts > 0) return ddl_unsupported(ddl, -1, err, "CREATE SCHEMA with tables in it");
    if (!strncmp(stmt->schemaname, "pg_", 3)) {
        (void)error_set(err, "42939", "unacceptable schema name \"%s\"", stmt->schemaname);
        return error_add_detail(err, "The prefix \"pg_\" is reserved for system schemas.");
    }
    if (ddl->check) return STATUS_OK;
    bool is_there = strcmp(stmt->schemaname, DML_DEFAULT_NAMESPACE) == 0;
    if (!is_there) TRY(table_catalog_create_namespace(ddl->context->catalog, stmt->schemaname, &done, err));
    if (done || stmt->if_not_exists) return STATUS_OK;
    return error_set(err, "42P06", "schema \"%s\" already exists", stmt->schemaname);
}

static Status is_known(const Ddl *ddl, const char *name, bool *out, Error *err) {
    const char **names;
    int count;
    *out = false;
    TRY(table_catalog_namespaces(ddl->context->catalog, ddl->arena, &names, &count, err));
    for (int i = 0; i < count && !*out; i++)
        *out = strcmp(names[i], name) == 0;
    return STATUS_OK;
}

/* What lives in it goes with it where CASCADE says so; views never do. */
static Status empty(const Ddl *ddl, const char *name, bool cascade, Error *err) {
    TableName *tables = NULL;
    Definition *views = NULL;
    int count = 0;
    TRY(table_catalog_definitions(ddl->context->catalog, DEFINITION_VIEW, NULL, ddl->arena, &views, &count,
                                  err));
    for (int i = 0; i < count; i++)
        if (strcmp(views[i].namespace_name, name) == 0)
            return error_set(err, "2BP01", "cannot drop schema %s because view %s is in it", name,
                             views[i].name);
    TRY(table_catalog_list(ddl->context->catalog, ddl->arena, &tables, &count, err));
    for (int i = 0; i < count; i++) {
        if (strcmp(tables[i].namespace_name, name) != 0) continue;
        if (!cascade) {
            (void)error_set(err, "2BP01", "cannot drop schema %s because other objects depend on it", name);
            (void)error_add_detail(err, "table %s.%s depends on schema %s", name, tables[i].name, name);
            return error_add_hint(err, "Use DROP ... CASCADE to drop the dependent objects too.");
        }
        Error failure = {0};
        if (table_catalog_drop(ddl->context->catalog, name, tables[i].name, &failure) != STATUS_OK &&
            strcmp(failure.sqlstate, SQLSTATE_UNDEFINED_TABLE) != 0) {
            if (err) *err = failure;
            return STATUS_ERROR;
        }
    }
    return STATUS_OK;
}

static Status drop_one(const Ddl *ddl, const char *name, bool cascade, bool if_exists, Error *err) {
    bool known, done;
    TRY(is_known(ddl, name, &known, err));
    if (!known && if_exists) return STATUS_OK;
    if (!known) return error_set(err, "3F000", "schema \"%s\" does not exist", name);
    TRY(empty(ddl, name, cascade, err));
    TRY(table_catalog_drop_namespace(ddl->context->catalog, name, &done, err));
    if (!done) TRY(is_known(ddl, name, &known, err));
    if (done || !known) return STATUS_OK; /* a namespace that was only its tables' went with them */
    return error_set(err, SQLSTATE_SERIALIZATION_FAILURE,
                     "a table was made in schema \"%s\" while it was dropped", name);
}

Status ddl_drop_schema(Ddl *ddl, const PgQuery__DropStmt *stmt, Error *err) {
    bool cascade = stmt->behavior == PG_QUERY__DROP_BEHAVIOR__DROP_CASCADE;
    ddl->tag = "DROP SCHEMA";
    for (size_t i = 0; i < stmt->n_objects; i++) {
        const Node *node = stmt->objects[i];
        if (node->node_case != PG_QUERY__NODE__NODE_STRING)
            return ddl_unsupported(ddl, -1, err, "this form of DROP SCHEMA");
        if (strcmp(node->string->sval, DML_DEFAULT_NAMESPACE) == 0)
            return error_set(err, "2BP01", "schema \"%s\" stays: it is where tables go that name none",
                             node->string->sval);
    }
    for (size_t i = 0; i < stmt->n_objects && !ddl->check; i++)
        TRY(drop_one(ddl, stmt->objects[i]->string->sval, cascade, stmt->missing_ok, err));
    return STATUS_OK;
}
