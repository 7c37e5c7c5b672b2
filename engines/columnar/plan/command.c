/* CREATE VIEW, CREATE FUNCTION and their DROPs: checked here as PostgreSQL checks them, then one row of the
 * catalog. */
#include "engines/base/strbuf.h"
#include "engines/columnar/plan/bind.h"

#define NAMESPACE "default"

typedef struct Command {
    Binder *binder;
    TableCatalog *catalog;
    PlanCommand *out;
    const char *text; /* of the statement */
} Command;

static void add_definition(Command *command, DefinitionKind kind, const char *name, const char *signature) {
    Arena *arena = command->binder->arena;
    PlanCommand *out = command->out;
    Definition *all = ARENA_NEW_ARRAY(arena, Definition, out->count + 1);
    if (out->count) memcpy(all, out->definitions, sizeof *all * (size_t)out->count);
    all[out->count++] = (Definition){.kind = kind,
                                     .namespace_name = NAMESPACE,
                                     .name = arena_strdup(arena, name),
                                     .signature = arena_strdup(arena, signature),
                                     .text = command->text};
    out->definitions = all;
}

static Status known_schema(const Binder *binder, const char *schema, Error *err) {
    if (!schema || !*schema || strcmp(schema, NAMESPACE) == 0) return STATUS_OK;
    return binder_unsupported(binder, -1, err, "a definition in schema %s", schema);
}

static Status is_table(Command *command, const char *name, bool *is, Error *err) {
    TableVersion *version = NULL;
    Error failure = {0};
    *is = table_catalog_load(command->catalog, NULL, name, &version, &failure) == STATUS_OK;
    if (*is) {
        table_version_release(version);
        return STATUS_OK;
    }
    if (strcmp(failure.sqlstate, SQLSTATE_UNDEFINED_TABLE) == 0) return STATUS_OK;
    *err = failure;
    return STATUS_ERROR;
}

/* ---- views -----------------------------------------------------------------------------------------------
 */

/* A view is read wherever its name stands, also by statements that see no other engine. */
static Status only_own_tables(const Binder *binder, Error *err) {
    const Statement *statement = binder->statement;
    for (int i = 0; i < statement->binding_count; i++) {
        const TableBinding *binding = &statement->bindings[i];
        if (binding->engine && binding->table && binding->engine != binder->self)
            return binder_unsupported(binder, -1, err, "a view over table %s of another engine",
                                      binding->written_name);
    }
    return STATUS_OK;
}

static Status twice_named(const BoundQuery *bound, Error *err) {
    for (int a = 0; a < bound->column_count; a++)
        for (int b = a + 1; b < bound->column_count; b++)
            if (strcmp(bound->columns[a].name, bound->columns[b].name) == 0)
                return error_set(err, "42701", "column \"%s\" specified more than once",
                                 bound->columns[a].name);
    return STATUS_OK;
}

/* CREATE OR REPLACE may add columns at the end only. */
static Status check_replaced(Binder *binder, const Definition *old, const BoundQuery *bound, Error *err) {
    PgQuery__RangeVar var = PG_QUERY__RANGE_VAR__INIT;
    FromItem *item = NULL;
    Error ignored = {0};
    Query *query = ARENA_NEW(binder->arena, Query);
    query_init(query, binder, NULL, NULL);
    var.relname = (char *)old->name;
    if (bind_view(query, &var, old->name, &item, &ignored) != STATUS_OK || !item) return STATUS_OK;
    if (bound->column_count < item->column_count)
        return error_set(err, "42P16", "cannot drop columns from view");
    for (int c = 0; c < item->column_count; c++) {
        if (strcmp(item->columns[c].name, bound->columns[c].name) != 0)
            return error_set(err, "42P16", "cannot change name of view column \"%s\" to \"%s\"",
                             item->columns[c].name, bound->columns[c].name);
        SqlType was = item->columns[c].expr->type, is = binder->columns[bound->columns[c].id].type;
        char from[SQLTYPE_NAME_BYTES], to[SQLTYPE_NAME_BYTES];
        if (was.id != is.id || was.is_array != is.is_array)
            return error_set(err, "42P16", "cannot change data type of view column \"%s\" from %s to %s",
                             bound->columns[c].name, sqltype_name(was, false, from),
                             sqltype_name(is, false, to));
    }
    return STATUS_OK;
}

static Status create_view(Command *command, PgQuery__ViewStmt *view, Error *err) {
    Binder *binder = command->binder;
    const char *name = view->view->relname;
    bool taken = false;
    TRY(known_schema(binder, view->view->schemaname, err));
    if (view->query->node_case != PG_QUERY__NODE__NODE_SELECT_STMT || view->n_options > 0 ||
        view->with_check_option > PG_QUERY__VIEW_CHECK_OPTION__NO_CHECK_OPTION)
        return binder_unsupported(binder, -1, err, "a view of this kind");
    TRY(only_own_tables(binder, err));
    BoundQuery bound = {0};
    TRY(bind_query(binder, NULL, NULL, view->query->select_stmt, true, &bound, err));
    if (binder->plan->param_count > 0) return error_set(err, "42P02", "there is no parameter $1");
    if (view->n_aliases > (size_t)bound.column_count)
        return error_set(err, SQLSTATE_SYNTAX_ERROR, "CREATE VIEW specifies more column names than columns");
    for (size_t i = 0; i < view->n_aliases; i++)
        bound.columns[i].name = node_string(view->aliases[i]);
    TRY(twice_named(&bound, err));
    TRY(is_table(command, name, &taken, err));
    if (taken && view->replace) return error_set(err, "42809", "\"%s\" is not a view", name);
    Definition *old;
    int old_count;
    TRY(definition_find(binder, DEFINITION_VIEW, name, &old, &old_count, err));
    if (taken || (old_count > 0 && !view->replace))
        return error_set(err, SQLSTATE_DUPLICATE_TABLE, "relation \"%s\" already exists", name);
    if (old_count > 0) TRY(check_replaced(binder, &old[0], &bound, err));
    *command->out = (PlanCommand){.kind = COMMAND_DEFINE, .tag = "CREATE VIEW", .replace = view->replace};
    add_definition(command, DEFINITION_VIEW, name, "");
    return STATUS_OK;
}

/* ---- functions -------------------------------------------------------------------------------------------
 */

static Status function_name(const Binder *binder, Node *const *names, size_t count, const char **out,
                            Error *err) {
    if (count > 2 || count < 1) return binder_unsupported(binder, -1, err, "this function name");
    if (count == 2) TRY(known_schema(binder, node_string(names[0]), err));
    *out = node_string(names[count - 1]);
    return STATUS_OK;
}

static Status create_function(Command *command, PgQuery__CreateFunctionStmt *stmt, Error *err) {
    Binder *binder = command->binder;
    const char *name, *signature;
    bool exists = false;
    TRY(function_name(binder, stmt->funcname, stmt->n_funcname, &name, err));
    if (name_is_built_in(name))
        return binder_unsupported(binder, -1, err, "a function named as the built-in %s()", name);
    TRY(user_function_signature(binder, stmt, &signature, err));
    Definition *old;
    int count;
    TRY(definition_find(binder, DEFINITION_FUNCTION, name, &old, &count, err));
    for (int i = 0; i < count; i++)
        exists = exists || strcmp(old[i].signature, signature) == 0;
    if (exists && !stmt->replace)
        return error_set(err, "42723", "function \"%s\" already exists with same argument types", name);
    *command->out = (PlanCommand){.kind = COMMAND_DEFINE, .tag = "CREATE FUNCTION", .replace = stmt->replace};
    add_definition(command, DEFINITION_FUNCTION, name, signature);
    return user_function_check(binder, &command->out->definitions[0], err);
}

static Status argument_types(Binder *binder, const PgQuery__ObjectWithArgs *object, const char **out,
                             Error *err) {
    StrBuf text;
    char name[SQLTYPE_NAME_BYTES];
    Status status = STATUS_OK;
    strbuf_init(&text);
    for (size_t i = 0; i < object->n_objargs && status == STATUS_OK; i++) {
        SqlType type;
        status = type_from_node(binder, object->objargs[i]->type_name, &type, err);
        type.precision = type.scale = 0;
        if (status == STATUS_OK) strbuf_printf(&text, "%s%s", i ? ", " : "", sqltype_name(type, false, name));
    }
    *out = arena_strdup(binder->arena, strbuf_text(&text));
    strbuf_deinit(&text);
    return status;
}

static Status drop_function(Command *command, const PgQuery__ObjectWithArgs *object, bool if_exists,
                            Error *err) {
    Binder *binder = command->binder;
    const char *name, *signature;
    TRY(function_name(binder, object->objname, object->n_objname, &name, err));
    TRY(argument_types(binder, object, &signature, err));
    Definition *found;
    int count, matches = 0;
    TRY(definition_find(binder, DEFINITION_FUNCTION, name, &found, &count, err));
    for (int i = 0; i < count; i++) {
        if (!object->args_unspecified && strcmp(found[i].signature, signature) != 0) continue;
        if (matches++ == 0) add_definition(command, DEFINITION_FUNCTION, name, found[i].signature);
    }
    if (matches > 1) return error_set(err, "42725", "function name \"%s\" is not unique", name);
    if (matches > 0 || if_exists) return STATUS_OK;
    return object->args_unspecified
               ? error_set(err, SQLSTATE_UNDEFINED_FUNCTION, "could not find a function named \"%s\"", name)
               : error_set(err, SQLSTATE_UNDEFINED_FUNCTION, "function %s(%s) does not exist", name,
                           signature);
}

static Status drop_view(Command *command, const PgQuery__List *names, bool if_exists, Error *err) {
    Binder *binder = command->binder;
    const char *name;
    bool table = false;
    TRY(function_name(binder, names->items, names->n_items, &name, err));
    Definition *found;
    int count;
    TRY(definition_find(binder, DEFINITION_VIEW, name, &found, &count, err));
    if (count > 0) {
        add_definition(command, DEFINITION_VIEW, name, "");
        return STATUS_OK;
    }
    TRY(is_table(command, name, &table, err));
    if (table) {
        (void)error_set(err, "42809", "\"%s\" is not a view", name);
        return error_add_hint(err, "Use DROP TABLE to remove a table.");
    }
    return if_exists ? STATUS_OK
                     : error_set(err, SQLSTATE_UNDEFINED_TABLE, "view \"%s\" does not exist", name);
}

static Status drop(Command *command, PgQuery__DropStmt *stmt, Error *err) {
    bool view = stmt->remove_type == PG_QUERY__OBJECT_TYPE__OBJECT_VIEW;
    if (!view && stmt->remove_type != PG_QUERY__OBJECT_TYPE__OBJECT_FUNCTION) return STATUS_OK;
    *command->out = (PlanCommand){
        .kind = COMMAND_UNDEFINE, .tag = view ? "DROP VIEW" : "DROP FUNCTION", .if_exists = stmt->missing_ok};
    for (size_t i = 0; i < stmt->n_objects; i++) {
        const Node *object = stmt->objects[i];
        if (view && object->node_case == PG_QUERY__NODE__NODE_LIST)
            TRY(drop_view(command, object->list, stmt->missing_ok, err));
        else if (!view && object->node_case == PG_QUERY__NODE__NODE_OBJECT_WITH_ARGS)
            TRY(drop_function(command, object->object_with_args, stmt->missing_ok, err));
    }
    return STATUS_OK;
}

/* ---- the way in ------------------------------------------------------------------------------------------
 */

static Status check(Command *command, Node *node, Error *err) {
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_VIEW_STMT: return create_view(command, node->view_stmt, err);
    case PG_QUERY__NODE__NODE_CREATE_FUNCTION_STMT:
        return create_function(command, node->create_function_stmt, err);
    case PG_QUERY__NODE__NODE_DROP_STMT: return drop(command, node->drop_stmt, err);
    default: return STATUS_OK;
    }
}

Status plan_command(Engine *self, TableCatalog *catalog, const Statement *statement, Arena *arena,
                    PlanCommand *out, Error *err) {
    const PgQuery__ParseResult *tree = statement->tree;
    *out = (PlanCommand){0};
    if (!tree || tree->n_stmts != 1 || !tree->stmts[0]->stmt) return STATUS_OK;
    Plan plan = {.param_count = 0};
    SqlType no_types[1] = {{0}};
    plan.param_types = no_types;
    arena_init(&plan.arena);
    PlanTableSource source = plan_catalog_source(catalog);
    Binder binder = {.arena = arena, .plan = &plan, .self = self, .source = &source, .statement = statement};
    Command command = {.binder = &binder, .catalog = catalog, .out = out};
    command.text = arena_strndup(arena, statement->sql, statement->sql_length);
    Status status = check(&command, tree->stmts[0]->stmt, err);
    binder_free_texts(&binder);
    for (struct LoadedTable *at = binder.loaded; at; at = at->next)
        table_version_release(at->version);
    arena_deinit(&plan.arena);
    return status;
}

Status plan_command_run(TableCatalog *catalog, const PlanCommand *command, Error *err) {
    for (int i = 0; i < command->count; i++) {
        const Definition *definition = &command->definitions[i];
        bool done = false;
        if (command->kind == COMMAND_DEFINE) {
            TRY(table_catalog_define(catalog, definition, command->replace, &done, err));
            if (!done)
                return error_set(err, SQLSTATE_DUPLICATE_TABLE, "\"%s\" already exists", definition->name);
        } else {
            TRY(table_catalog_undefine(catalog, definition->kind, definition->namespace_name,
                                       definition->name, definition->signature, &done, err));
            if (!done && !command->if_exists)
                return error_set(err, SQLSTATE_UNDEFINED_TABLE, "\"%s\" does not exist", definition->name);
        }
    }
    return STATUS_OK;
}

Status plan_view_columns(Engine *self, TableCatalog *catalog, const char *name, Arena *arena,
                         PlanColumn **columns, int *count, Error *err) {
    static const Statement NOTHING = {.sql = NULL};
    Plan plan = {.param_count = 0};
    SqlType no_types[1] = {{0}};
    plan.param_types = no_types;
    PlanTableSource source = plan_catalog_source(catalog);
    Binder binder = {.arena = arena, .plan = &plan, .self = self, .source = &source, .statement = &NOTHING};
    PgQuery__RangeVar var = PG_QUERY__RANGE_VAR__INIT;
    FromItem *item = NULL;
    Query *query = ARENA_NEW(arena, Query);
    query_init(query, &binder, NULL, NULL);
    var.relname = (char *)name;
    Status status = bind_view(query, &var, name, &item, err);
    *count = status == STATUS_OK && item ? item->column_count : 0;
    *columns = ARENA_NEW_ARRAY(arena, PlanColumn, *count + 1);
    for (int c = 0; c < *count; c++)
        (*columns)[c] = (PlanColumn){.name = arena_strdup(arena, item->columns[c].name),
                                     .type = item->columns[c].expr->type,
                                     .nullable = true};
    binder_free_texts(&binder);
    for (struct LoadedTable *at = binder.loaded; at; at = at->next)
        table_version_release(at->version);
    return status;
}
