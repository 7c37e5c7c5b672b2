/* Views: their text, kept in the catalog, is bound where their name stands. And what views and SQL functions
 * have in common. */
#include "engines/columnar/plan/bind.h"

/* ---- texts of the catalog --------------------------------------------------------------------------------
 */

Status definition_parse(Binder *binder, const char *text, Node **out, Error *err) {
    PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(text);
    Status status = STATUS_OK;
    PgQuery__ParseResult *tree = NULL;
    if (parsed.error)
        status = error_set(err, SQLSTATE_SYNTAX_ERROR, "%s", parsed.error->message);
    else
        tree = pg_query__parse_result__unpack(NULL, parsed.parse_tree.len,
                                              (const uint8_t *)parsed.parse_tree.data);
    pg_query_free_protobuf_parse_result(parsed);
    TRY(status);
    if (!tree || tree->n_stmts < 1 || !tree->stmts[0]->stmt) {
        if (tree) pg_query__parse_result__free_unpacked(tree, NULL);
        return error_set(err, SQLSTATE_INTERNAL, "a definition in the catalog cannot be read");
    }
    struct ParsedText *entry = ARENA_NEW(binder->arena, struct ParsedText);
    *entry = (struct ParsedText){.tree = tree, .next = binder->parsed};
    binder->parsed = entry;
    *out = tree->stmts[0]->stmt;
    return STATUS_OK;
}

Status definition_inside(Binder *binder, FunctionScope *scope, Status (*bind)(void *context, Error *err),
                         void *context, Error *err) {
    enum { DEEPEST = 48 };
    static const Statement TEXTLESS = {.sql = NULL};
    const Statement *outside = binder->statement;
    FunctionScope *function = binder->function;
    if (binder->view_depth >= DEEPEST)
        return error_set(err, "54001", "views or functions are nested too deeply");
    binder->view_depth++;
    binder->statement = &TEXTLESS;
    binder->function = scope;
    Status status = bind(context, err);
    binder->function = function;
    binder->statement = outside;
    binder->view_depth--;
    return status;
}

Status definition_find(Binder *binder, DefinitionKind kind, const char *name, Definition **out, int *count,
                       Error *err) {
    *out = NULL;
    *count = 0;
    if (!binder->source->definitions) return STATUS_OK;
    return binder->source->definitions(binder->source->context, kind, name, binder->arena, out, count, err);
}

void definition_used(Binder *binder, const Definition *definition) {
    Plan *plan = binder->plan;
    for (int i = 0; i < plan->definition_count; i++)
        if (plan->definitions[i].kind == definition->kind &&
            strcmp(plan->definitions[i].name, definition->name) == 0 &&
            strcmp(plan->definitions[i].signature, definition->signature) == 0)
            return;
    Definition *all = ARENA_NEW_ARRAY(binder->arena, Definition, plan->definition_count + 1);
    if (plan->definition_count) memcpy(all, plan->definitions, sizeof *all * (size_t)plan->definition_count);
    all[plan->definition_count++] = *definition;
    plan->definitions = all;
}

/* ---- views -----------------------------------------------------------------------------------------------
 */

typedef struct ViewBinding {
    Binder *binder;
    PgQuery__ViewStmt *view;
    BoundQuery *out;
} ViewBinding;

static Status bind_view_text(void *context, Error *err) {
    ViewBinding *binding = context;
    PgQuery__ViewStmt *view = binding->view;
    TRY(bind_query(binding->binder, NULL, NULL, view->query->select_stmt, true, binding->out, err));
    if (view->n_aliases > (size_t)binding->out->column_count)
        return error_set(err, SQLSTATE_SYNTAX_ERROR, "CREATE VIEW specifies more column names than columns");
    for (size_t i = 0; i < view->n_aliases; i++)
        binding->out->columns[i].name = node_string(view->aliases[i]);
    return STATUS_OK;
}

Status bind_view(Query *query, PgQuery__RangeVar *var, const char *name, FromItem **out, Error *err) {
    Binder *binder = query->binder;
    Definition *found;
    Node *node;
    int count;
    *out = NULL;
    TRY(definition_find(binder, DEFINITION_VIEW, name, &found, &count, err));
    if (count == 0) return STATUS_OK;
    TRY(definition_parse(binder, found[0].text, &node, err));
    if (node->node_case != PG_QUERY__NODE__NODE_VIEW_STMT)
        return error_set(err, SQLSTATE_INTERNAL, "view \"%s\" in the catalog cannot be read", name);
    BoundQuery bound = {0};
    ViewBinding binding = {.binder = binder, .view = node->view_stmt, .out = &bound};
    TRY(definition_inside(binder, NULL, bind_view_text, &binding, err));
    definition_used(binder, &found[0]);
    const char *alias =
        var->alias && var->alias->aliasname && *var->alias->aliasname ? var->alias->aliasname : var->relname;
    TRY(from_item_of_query(query, &bound, alias, var->alias, var->location, out, err));
    if (!var->alias) {
        (*out)->tables[0]->schema = found[0].namespace_name;
        (*out)->tables[0]->written = var->relname;
    }
    return STATUS_OK;
}
