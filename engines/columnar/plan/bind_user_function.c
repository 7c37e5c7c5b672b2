/* SQL functions of the catalog: chosen by their argument types, their body put in the place of the call. A
 * body that is one expression becomes that expression, any other a subquery that reads the arguments. */
#include <stdio.h>

#include "engines/base/strbuf.h"
#include "engines/columnar/plan/bind.h"

typedef struct UserFunction {
    const Definition *definition;
    const char *name;
    const char **names;
    SqlType *types;
    Node **defaults;
    int count;
    const char **table_names; /* RETURNS TABLE */
    SqlType *table_types;
    int table_count;
    SqlType result;
    bool set, strict;
    PgQuery__SelectStmt *select; /* the body */
    Node *value;                 /* or RETURN's expression */
} UserFunction;

/* ---- reading a definition --------------------------------------------------------------------------------
 */

static Status declined(Error *err, const char *what) {
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "%s is not available in the columnar engine", what);
}

static Status read_parameter(Binder *binder, const PgQuery__FunctionParameter *parameter, UserFunction *out,
                             Error *err) {
    SqlType type;
    TRY(type_from_node(binder, parameter->arg_type, &type, err));
    type.precision = type.scale = 0; /* PostgreSQL forgets them too */
    const char *name = parameter->name && *parameter->name ? parameter->name : NULL;
    switch (parameter->mode) {
    case PG_QUERY__FUNCTION_PARAMETER_MODE__FUNC_PARAM_TABLE:
        out->table_names[out->table_count] = name;
        out->table_types[out->table_count++] = type;
        return STATUS_OK;
    case PG_QUERY__FUNCTION_PARAMETER_MODE__FUNC_PARAM_IN:
    case PG_QUERY__FUNCTION_PARAMETER_MODE__FUNC_PARAM_DEFAULT:
        out->names[out->count] = name;
        out->types[out->count] = type;
        out->defaults[out->count++] = parameter->defexpr;
        return STATUS_OK;
    default: return declined(err, "a function with OUT or VARIADIC parameters");
    }
}

static const char *option_text(const PgQuery__DefElem *option) {
    return option->arg && option->arg->node_case == PG_QUERY__NODE__NODE_STRING ? option->arg->string->sval
                                                                                : NULL;
}

static Status body_of_text(Binder *binder, const char *text, UserFunction *out, Error *err) {
    Node *node;
    TRY(definition_parse(binder, text, &node, err));
    if (binder->parsed->tree->n_stmts != 1) return declined(err, "a function of several statements");
    if (node->node_case != PG_QUERY__NODE__NODE_SELECT_STMT || node->select_stmt->into_clause)
        return declined(err, "a function that does not just select");
    out->select = node->select_stmt;
    return STATUS_OK;
}

static Status body_of_node(Node *body, UserFunction *out, Error *err) {
    if (body->node_case == PG_QUERY__NODE__NODE_RETURN_STMT) {
        out->value = body->return_stmt->returnval;
        return STATUS_OK;
    }
    PgQuery__List *list = body->node_case == PG_QUERY__NODE__NODE_LIST ? body->list : NULL;
    if (list && list->n_items == 1 && list->items[0]->node_case == PG_QUERY__NODE__NODE_LIST)
        list = list->items[0]->list;
    if (!list || list->n_items != 1) return declined(err, "a function of several statements");
    Node *only = list->items[0];
    if (only->node_case == PG_QUERY__NODE__NODE_RETURN_STMT)
        out->value = only->return_stmt->returnval;
    else if (only->node_case == PG_QUERY__NODE__NODE_SELECT_STMT)
        out->select = only->select_stmt;
    else
        return declined(err, "a function that does not just select");
    return STATUS_OK;
}

static Status read_options(Binder *binder, PgQuery__CreateFunctionStmt *stmt, UserFunction *out, Error *err) {
    const char *language = stmt->sql_body ? "sql" : NULL, *text = NULL;
    for (size_t i = 0; i < stmt->n_options; i++) {
        PgQuery__DefElem *option = stmt->options[i]->def_elem;
        if (strcmp(option->defname, "language") == 0) {
            language = option_text(option);
        } else if (strcmp(option->defname, "strict") == 0) {
            out->strict = option->arg && option->arg->node_case == PG_QUERY__NODE__NODE_BOOLEAN &&
                          option->arg->boolean->boolval;
        } else if (strcmp(option->defname, "as") == 0 && option->arg &&
                   option->arg->node_case == PG_QUERY__NODE__NODE_LIST && option->arg->list->n_items > 0) {
            text = node_string(option->arg->list->items[0]);
        }
    }
    if (!language) return error_set(err, "42P13", "no language specified");
    if (strcasecmp(language, "sql") != 0) return declined(err, "a function in another language than SQL");
    if (stmt->sql_body) return body_of_node(stmt->sql_body, out, err);
    if (!text) return error_set(err, "42P13", "no function body specified");
    return body_of_text(binder, text, out, err);
}

static Status read_function(Binder *binder, PgQuery__CreateFunctionStmt *stmt, UserFunction *out,
                            Error *err) {
    Arena *arena = binder->arena;
    size_t most = stmt->n_parameters + 1;
    *out = (UserFunction){.name = node_string(stmt->funcname[stmt->n_funcname - 1])};
    if (stmt->is_procedure) return declined(err, "a procedure");
    out->names = ARENA_NEW_ARRAY(arena, const char *, most);
    out->types = ARENA_NEW_ARRAY(arena, SqlType, most);
    out->defaults = ARENA_NEW_ARRAY(arena, Node *, most);
    out->table_names = ARENA_NEW_ARRAY(arena, const char *, most);
    out->table_types = ARENA_NEW_ARRAY(arena, SqlType, most);
    for (size_t i = 0; i < stmt->n_parameters; i++)
        TRY(read_parameter(binder, stmt->parameters[i]->function_parameter, out, err));
    if (out->table_count > 0) {
        out->set = true;
    } else {
        if (!stmt->return_type) return error_set(err, "42P13", "function result type must be specified");
        PgQuery__TypeName type = *stmt->return_type;
        out->set = type.setof;
        type.setof = false;
        TRY(type_from_node(binder, &type, &out->result, err));
        out->result.precision = out->result.scale = 0;
    }
    return read_options(binder, stmt, out, err);
}

Status user_function_signature(Binder *binder, PgQuery__CreateFunctionStmt *stmt, const char **out,
                               Error *err) {
    UserFunction function;
    StrBuf text;
    char name[SQLTYPE_NAME_BYTES];
    TRY(read_function(binder, stmt, &function, err));
    strbuf_init(&text);
    for (int i = 0; i < function.count; i++)
        strbuf_printf(&text, "%s%s", i ? ", " : "", sqltype_name(function.types[i], false, name));
    *out = arena_strdup(binder->arena, strbuf_text(&text));
    strbuf_deinit(&text);
    return STATUS_OK;
}

/* ---- parameters inside the body --------------------------------------------------------------------------
 */

static void note_argument(Query *query, const Expr *arg) {
    IdList ids = {0};
    expr_collect_ids(query->binder->arena, arg, &ids);
    for (Query *level = query; level; level = level->parent)
        for (int i = 0; i < ids.count; i++)
            if (!id_list_has(&level->outer_ids, ids.items[i]))
                id_list_add(query->binder->arena, &level->outer_ids, ids.items[i]);
}

Expr *function_parameter(Query *query, const char *name, int number, int location) {
    FunctionScope *scope = query->binder->function;
    for (int i = 0; scope && i < scope->count; i++) {
        bool is = name ? scope->names[i] && strcmp(scope->names[i], name) == 0 : i + 1 == number;
        if (!is) continue;
        note_argument(query, scope->args[i]);
        Expr *copy = expr_copy(query->binder->arena, scope->args[i]);
        copy->position = binder_position(query->binder, location);
        return copy;
    }
    return NULL;
}

/* ---- which one is meant ----------------------------------------------------------------------------------
 */

typedef struct Call {
    Expr **args;
    const char **names; /* NULL: by place */
    int count;
} Call;

static Status bind_call(Query *query, PgQuery__FuncCall *written, Call *out, Error *err) {
    Arena *arena = query->binder->arena;
    out->count = (int)written->n_args;
    out->args = ARENA_NEW_ARRAY(arena, Expr *, out->count + 1);
    out->names = ARENA_NEW_ARRAY(arena, const char *, out->count + 1);
    for (int i = 0; i < out->count; i++) {
        Node *arg = written->args[i];
        if (arg->node_case == PG_QUERY__NODE__NODE_NAMED_ARG_EXPR) {
            out->names[i] = arg->named_arg_expr->name;
            arg = arg->named_arg_expr->arg;
        }
        TRY(bind_expr(query, arg, &out->args[i], err));
    }
    return STATUS_OK;
}

/* Arguments in the declaration's places, NULL for those left to their defaults; false when it does not fit.
 */
static bool place_arguments(const UserFunction *function, const Call *call, Expr **placed) {
    for (int p = 0; p < function->count; p++)
        placed[p] = NULL;
    for (int i = 0; i < call->count; i++) {
        int at = i;
        for (at = call->names[i] ? 0 : i; call->names[i] && at < function->count; at++)
            if (function->names[at] && strcmp(function->names[at], call->names[i]) == 0) break;
        if (at >= function->count || placed[at]) return false;
        if (!expr_is_unknown(call->args[i]) && !coerce_is_implicit(call->args[i]->type, function->types[at]))
            return false;
        placed[at] = call->args[i];
    }
    for (int p = 0; p < function->count; p++)
        if (!placed[p] && !function->defaults[p]) return false;
    return true;
}

static int exact_matches(const UserFunction *function, Expr *const *placed) {
    int exact = 0;
    for (int p = 0; p < function->count; p++)
        exact += placed[p] && placed[p]->type.id == function->types[p].id &&
                 placed[p]->type.is_array == function->types[p].is_array;
    return exact;
}

static Status choose(Query *query, const char *name, const Definition *found, int count, const Call *call,
                     int position, UserFunction *out, Expr ***placed, Error *err) {
    Binder *binder = query->binder;
    int best = -1, ties = 0;
    for (int i = 0; i < count; i++) {
        Node *node;
        UserFunction function;
        TRY(definition_parse(binder, found[i].text, &node, err));
        if (node->node_case != PG_QUERY__NODE__NODE_CREATE_FUNCTION_STMT)
            return error_set(err, SQLSTATE_INTERNAL, "function \"%s\" in the catalog cannot be read", name);
        TRY(read_function(binder, node->create_function_stmt, &function, err));
        Expr **at = ARENA_NEW_ARRAY(binder->arena, Expr *, function.count + 1);
        if (!place_arguments(&function, call, at)) continue;
        int exact = exact_matches(&function, at);
        ties = exact == best ? ties + 1 : exact > best ? 0 : ties;
        if (exact <= best) continue;
        best = exact;
        *out = function;
        out->definition = &found[i];
        *placed = at;
    }
    if (best >= 0 && ties == 0) return STATUS_OK;
    StrBuf text;
    char type[SQLTYPE_NAME_BYTES];
    strbuf_init(&text);
    for (int i = 0; i < call->count; i++)
        strbuf_printf(&text, "%s%s%s%s", i ? ", " : "", call->names[i] ? call->names[i] : "",
                      call->names[i] ? " => " : "",
                      expr_is_unknown(call->args[i]) ? "unknown"
                                                     : sqltype_name(call->args[i]->type, false, type));
    (void)error_set_at(err, best >= 0 ? "42725" : SQLSTATE_UNDEFINED_FUNCTION, position,
                       best >= 0 ? "function %s(%s) is not unique" : "function %s(%s) does not exist", name,
                       strbuf_text(&text));
    strbuf_deinit(&text);
    return error_add_hint(
        err, best >= 0
                 ? "Could not choose a best candidate function. You might need to add explicit type casts."
                 : "No function matches the given name and argument types. You might need to add explicit "
                   "type casts.");
}

typedef struct DefaultBinding {
    Query *query;
    Node *node;
    Expr **out;
} DefaultBinding;

static Status bind_default(void *context, Error *err) {
    DefaultBinding *binding = context;
    return bind_expr(binding->query, binding->node, binding->out, err);
}

/* Every argument of its declared type. */
static Status coerce_arguments(Query *query, const UserFunction *function, Expr **placed, Error *err) {
    Binder *binder = query->binder;
    for (int p = 0; p < function->count; p++) {
        if (!placed[p]) {
            Query *nowhere = ARENA_NEW(binder->arena, Query);
            query_init(nowhere, binder, NULL, NULL);
            DefaultBinding binding = {.query = nowhere, .node = function->defaults[p], .out = &placed[p]};
            TRY(definition_inside(binder, NULL, bind_default, &binding, err));
        }
        TRY(coerce_exact(binder, placed[p], function->types[p], CAST_ASSIGNMENT, &placed[p], err));
        if (!sqltype_equals(placed[p]->type, function->types[p]) && function->types[p].id != SQL_NUMERIC)
            placed[p] = expr_with_type(binder->arena, placed[p], function->types[p]);
    }
    return STATUS_OK;
}

/* ---- the body --------------------------------------------------------------------------------------------
 */

typedef struct BodyBinding {
    Binder *binder;
    const UserFunction *function;
    BoundQuery bound;
    Expr *value; /* when the body is no more than an expression */
} BodyBinding;

static bool is_one_expression(const PgQuery__SelectStmt *select) {
    return select->n_target_list == 1 && select->n_from_clause == 0 && !select->where_clause &&
           select->n_group_clause == 0 && !select->having_clause && select->n_values_lists == 0 &&
           select->n_sort_clause == 0 && !select->limit_count && !select->limit_offset &&
           select->n_distinct_clause == 0 && !select->with_clause &&
           select->op <= PG_QUERY__SET_OPERATION__SETOP_NONE;
}

static Status bind_value(BodyBinding *binding, Node *node, Error *err) {
    Binder *binder = binding->binder;
    Query *body = ARENA_NEW(binder->arena, Query);
    Expr *value = NULL;
    query_init(body, binder, NULL, NULL);
    TRY(bind_from(body, NULL, 0, err));
    body->clause = CLAUSE_SELECT;
    TRY(bind_expr(body, node, &value, err));
    if (body->pending || body->slots || body->set_call_count) return STATUS_OK; /* a query after all */
    binding->value = value;
    return STATUS_OK;
}

static Status bind_body(void *context, Error *err) {
    BodyBinding *binding = context;
    const UserFunction *function = binding->function;
    PgQuery__SelectStmt *select = function->select;
    if (!function->set && (function->value || is_one_expression(select)))
        TRY(bind_value(binding, function->value ? function->value : select->target_list[0]->res_target->val,
                       err));
    if (binding->value) return STATUS_OK;
    if (function->value) return declined(err, "RETURN of a query or an aggregate");
    return bind_query(binding->binder, NULL, NULL, select, true, &binding->bound, err);
}

static Status wrong_result(const UserFunction *function, const char *detail, Error *err) {
    char type[SQLTYPE_NAME_BYTES];
    (void)error_set(err, "42P13", "return type mismatch in function declared to return %s",
                    function->table_count ? "record" : sqltype_name(function->result, false, type));
    return error_add_detail(err, "%s", detail);
}

/* NULL when an argument is, for STRICT. */
static Expr *when_strict(Binder *binder, const UserFunction *function, Expr *const *args, Expr *value) {
    if (!function->strict || function->count == 0) return value;
    Expr *any = expr_new(binder->arena, EXPR_OR, sqltype_of(SQL_BOOL), function->count);
    for (int p = 0; p < function->count; p++) {
        any->args[p] = expr_new(binder->arena, EXPR_IS_NULL, sqltype_of(SQL_BOOL), 1);
        any->args[p]->args[0] = expr_copy(binder->arena, args[p]);
    }
    Expr *choice = expr_new(binder->arena, EXPR_CASE, value->type, 3);
    choice->args[0] = function->count == 1 ? any->args[0] : any;
    choice->args[1] = expr_null(binder->arena, value->type);
    choice->args[2] = value;
    return choice;
}

/* One row at most: without an aggregate's guarantee, the first. */
static Rel *first_row(Binder *binder, Rel *rel) {
    const Rel *below = rel;
    while (below->kind == PLAN_PROJECT)
        below = below->inputs[0];
    if ((below->kind == PLAN_AGGREGATE && below->exprs.count == 0) ||
        (below->kind == PLAN_VALUES && below->value_row_count == 1))
        return rel;
    Rel *limit = rel_new(binder, PLAN_LIMIT, 1);
    limit->inputs[0] = rel;
    limit->limit = constant_int(binder->arena, 1, sqltype_of(SQL_INT8));
    rel_refresh_ids(binder, limit);
    return limit;
}

static Status call_body(Binder *binder, const UserFunction *function, Expr **args, BodyBinding *out,
                        Error *err) {
    FunctionScope scope = {.name = function->name,
                           .names = function->names,
                           .args = args,
                           .count = function->count,
                           .outer = binder->function};
    *out = (BodyBinding){.binder = binder, .function = function};
    return definition_inside(binder, &scope, bind_body, out, err);
}

static Status scalar_result(Query *query, const UserFunction *function, Expr **args, BodyBinding *body,
                            Expr **out, Error *err) {
    Binder *binder = query->binder;
    Expr *value = body->value;
    if (!value) {
        if (body->bound.column_count != 1)
            return wrong_result(function, "Final statement must return exactly one column.", err);
        if (query->clause == CLAUSE_LIMIT || query->clause == CLAUSE_FROM)
            return declined(err, "a function with a query in this clause");
        query_add_pending(query, JOIN_SINGLE, first_row(binder, body->bound.rel));
        binder->columns[body->bound.columns[0].id].nullable = true;
        value = expr_column(binder, body->bound.columns[0].id);
    }
    if (!expr_is_unknown(value) && !pg_may_assign(value->type, function->result)) {
        char type[SQLTYPE_NAME_BYTES], detail[160];
        snprintf(detail, sizeof detail, "Actual return type is %s.", sqltype_name(value->type, false, type));
        return wrong_result(function, detail, err);
    }
    TRY(coerce_exact(binder, value, function->result, CAST_ASSIGNMENT, &value, err));
    *out = when_strict(binder, function, args, value);
    return STATUS_OK;
}

/* ---- the way in ------------------------------------------------------------------------------------------
 */

static Status find_call(Query *query, PgQuery__FuncCall *written, const char *name, bool *handled,
                        UserFunction *function, Expr ***args, Error *err) {
    Binder *binder = query->binder;
    Definition *found;
    int count;
    Call call = {0};
    *handled = false;
    TRY(definition_find(binder, DEFINITION_FUNCTION, name, &found, &count, err));
    if (count == 0) return STATUS_OK;
    *handled = true;
    if (written->over || written->agg_star || written->agg_distinct || written->agg_filter ||
        written->n_agg_order)
        return binder_unsupported(binder, written->location, err, "this call of a SQL function");
    TRY(bind_call(query, written, &call, err));
    TRY(choose(query, name, found, count, &call, binder_position(binder, written->location), function, args,
               err));
    TRY(coerce_arguments(query, function, *args, err));
    definition_used(binder, function->definition);
    return STATUS_OK;
}

Status bind_user_function(Query *query, PgQuery__FuncCall *call, const char *name, bool *handled, Expr **out,
                          Error *err) {
    UserFunction function;
    BodyBinding body;
    Expr **args = NULL;
    TRY(find_call(query, call, name, handled, &function, &args, err));
    if (!*handled) return STATUS_OK;
    if (function.set)
        return binder_unsupported(query->binder, call->location, err,
                                  "a SQL function that returns a set outside of FROM");
    TRY(call_body(query->binder, &function, args, &body, err));
    TRY(scalar_result(query, &function, args, &body, out, err));
    (*out)->position = binder_position(query->binder, call->location);
    return STATUS_OK;
}

/* The columns as declared; no rows when STRICT and an argument is NULL. */
static Status table_result(Query *query, const UserFunction *function, Expr *const *args, BoundQuery *bound,
                           Error *err) {
    Binder *binder = query->binder;
    int count = function->table_count ? function->table_count : 1;
    if (bound->column_count != count)
        return wrong_result(function, "Final statement returns a wrong number of columns.", err);
    Rel *project = rel_new(binder, PLAN_PROJECT, 1);
    project->inputs[0] = bound->rel;
    for (int c = 0; c < count; c++) {
        SqlType type = function->table_count ? function->table_types[c] : function->result;
        Expr *value = expr_column(binder, bound->columns[c].id);
        if (!pg_may_assign(value->type, type))
            return wrong_result(function, "Final statement returns columns of other types.", err);
        TRY(coerce_exact(binder, value, type, CAST_ASSIGNMENT, &value, err));
        bound->columns[c].name = function->table_count ? function->table_names[c] : function->name;
        bound->columns[c].id = binder_add_column(binder, bound->columns[c].name, value->type, true);
        expr_list_add(binder->arena, &project->exprs, value);
        id_list_add(binder->arena, &project->ids, bound->columns[c].id);
    }
    bound->rel = project;
    ExprList conditions = {0};
    for (int p = 0; function->strict && p < function->count; p++) {
        Expr *given = expr_new(binder->arena, EXPR_IS_NOT_NULL, sqltype_of(SQL_BOOL), 1);
        given->args[0] = expr_copy(binder->arena, args[p]);
        expr_list_add(binder->arena, &conditions, given);
    }
    bound->rel = rel_filter(binder, bound->rel, &conditions);
    return STATUS_OK;
}

Status bind_user_table(Query *query, PgQuery__FuncCall *call, const char *name, bool *handled,
                       BoundQuery *out, Error *err) {
    UserFunction function;
    BodyBinding body;
    Expr **args = NULL;
    TRY(find_call(query, call, name, handled, &function, &args, err));
    if (!*handled) return STATUS_OK;
    if (!function.set) {
        *handled = false; /* a scalar in FROM */
        return STATUS_OK;
    }
    TRY(call_body(query->binder, &function, args, &body, err));
    *out = body.bound;
    return table_result(query, &function, args, out, err);
}

Status user_function_check(Binder *binder, const Definition *definition, Error *err) {
    Node *node;
    UserFunction function;
    BodyBinding body;
    TRY(definition_parse(binder, definition->text, &node, err));
    TRY(read_function(binder, node->create_function_stmt, &function, err));
    Query *query = ARENA_NEW(binder->arena, Query);
    query_init(query, binder, NULL, NULL);
    Expr **args = ARENA_NEW_ARRAY(binder->arena, Expr *, function.count + 1), *ignored = NULL;
    for (int p = 0; p < function.count; p++)
        args[p] = expr_column(binder, binder_add_column(binder, function.names[p], function.types[p], true));
    TRY(call_body(binder, &function, args, &body, err));
    if (function.set) return table_result(query, &function, args, &body.bound, err);
    return scalar_result(query, &function, args, &body, &ignored, err);
}
