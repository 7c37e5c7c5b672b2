/* Set-returning functions: in FROM (ROWS FROM, WITH ORDINALITY, unnest of several arrays) and in SELECT
 * lists, where those of one depth run side by side after grouping, deeper ones first. */
#include "engines/columnar/plan/bind.h"

static int table_column_limit(void) {
    return TABLE_FUNCTION_MAX_COLUMNS;
}

/* ---- one call --------------------------------------------------------------------------------------------
 */

static Status finish_call(Binder *binder, TableFunctionCall *call, int position, Error *err) {
    const TableFunction *function = call->function;
    TableFunctionColumn *columns = ARENA_NEW_ARRAY(binder->arena, TableFunctionColumn, table_column_limit());
    SqlType *types = ARENA_NEW_ARRAY(binder->arena, SqlType, call->arg_count + 1);
    for (int a = 0; a < call->arg_count; a++)
        types[a] = call->args[a]->type;
    if (function->describe) {
        Status status =
            function->describe(types, call->arg_count, columns, &call->column_count, binder->arena, err);
        if (status != STATUS_OK && err && err->position == 0) err->position = position;
        TRY(status);
    } else {
        memcpy(columns, function->columns, sizeof *columns * (size_t)function->column_count);
        call->column_count = function->column_count;
    }
    call->columns = columns;
    return STATUS_OK;
}

static Status no_named_arguments(Binder *binder, PgQuery__FuncCall *call, Error *err) {
    for (size_t i = 0; i < call->n_args; i++)
        if (call->args[i]->node_case == PG_QUERY__NODE__NODE_NAMED_ARG_EXPR)
            return binder_unsupported(binder, call->location, err, "named argument notation");
    return STATUS_OK;
}

static Status make_table_call(Query *query, const char *name, Expr **args, int arg_count, int position,
                              TableFunctionCall *out, Error *err) {
    TRY(resolve_table_function(query->binder, name, args, arg_count, position, out, err));
    return finish_call(query->binder, out, position, err);
}

const char *table_function_name(const PgQuery__FuncCall *call) {
    const char *name = call->n_funcname ? node_string(call->funcname[call->n_funcname - 1]) : NULL;
    bool catalog = call->n_funcname == 1 || (call->n_funcname == 2 && node_string(call->funcname[0]) &&
                                             strcmp(node_string(call->funcname[0]), "pg_catalog") == 0);
    return name && catalog && !call->over && name_returns_set(name) ? name : NULL;
}

/* ---- in FROM ---------------------------------------------------------------------------------------------
 */

static void add_table_call(Binder *binder, Rel *rel, const TableFunctionCall *call) {
    TableFunctionCall *calls = ARENA_NEW_ARRAY(binder->arena, TableFunctionCall, rel->table_call_count + 1);
    if (rel->table_call_count) memcpy(calls, rel->table_calls, sizeof *calls * (size_t)rel->table_call_count);
    calls[rel->table_call_count++] = *call;
    rel->table_calls = calls;
}

/* A scalar in FROM is a function of one row. */
static Status scalar_call(Query *query, Node *node, TableFunctionCall *out, Error *err) {
    Binder *binder = query->binder;
    Expr *expr = NULL;
    TRY(bind_expr(query, node, &expr, err));
    if (expr_is_unknown(expr))
        TRY(coerce_expr(binder, expr, sqltype_of(SQL_TEXT), CAST_IMPLICIT, &expr, err));
    *out = (TableFunctionCall){.function = &table_function_scalar, .arg_count = 1};
    out->args = ARENA_NEW_ARRAY(binder->arena, Expr *, 1);
    out->args[0] = expr;
    TableFunctionColumn *column = ARENA_NEW(binder->arena, TableFunctionColumn);
    *column =
        (TableFunctionColumn){.name = arena_strdup(binder->arena, target_name(node)), .type = expr->type};
    out->columns = column;
    out->column_count = 1;
    return STATUS_OK;
}

static Status bind_from_call(Query *query, Rel *rel, Node *node, Error *err) {
    Binder *binder = query->binder;
    TableFunctionCall call = {0};
    const char *name =
        node->node_case == PG_QUERY__NODE__NODE_FUNC_CALL ? table_function_name(node->func_call) : NULL;
    if (!name) {
        TRY(scalar_call(query, node, &call, err));
        add_table_call(binder, rel, &call);
        return STATUS_OK;
    }
    PgQuery__FuncCall *written = node->func_call;
    int position = binder_position(binder, written->location);
    TRY(no_named_arguments(binder, written, err));
    if (written->func_variadic) return binder_unsupported(binder, written->location, err, "VARIADIC");
    Expr **args = NULL;
    TRY(bind_exprs(query, written->args, written->n_args, &args, err));
    bool several = strcmp(name, "unnest") == 0 && written->n_args > 1;
    for (size_t i = 0; i < (several ? written->n_args : 1); i++) {
        TRY(make_table_call(query, name, several ? &args[i] : args, several ? 1 : (int)written->n_args,
                            position, &call, err));
        add_table_call(binder, rel, &call);
    }
    return STATUS_OK;
}

/* A function of one nameless result is called by its alias. */
static const char *column_name(const TableFunctionCall *call, int column, const char *alias, int calls) {
    const char *name = call->columns[column].name;
    bool nameless = call->column_count == 1 &&
                    (strcmp(name, call->function->name) == 0 || call->function == &table_function_scalar);
    return nameless && alias && calls == 1 ? alias : name;
}

static void expose_columns(Query *query, Rel *rel, FromTable *table, const char *alias) {
    Binder *binder = query->binder;
    int total = 1;
    for (int f = 0; f < rel->table_call_count; f++)
        total += rel->table_calls[f].column_count;
    table->columns = ARENA_NEW_ARRAY(binder->arena, VisibleColumn, total);
    for (int f = 0; f < rel->table_call_count; f++)
        for (int c = 0; c < rel->table_calls[f].column_count; c++) {
            const char *name = column_name(&rel->table_calls[f], c, alias, rel->table_call_count);
            int id = binder_add_column(binder, name, rel->table_calls[f].columns[c].type, true);
            id_list_add(binder->arena, &rel->own_ids, id);
            table->columns[table->column_count++] =
                (VisibleColumn){.name = name, .expr = expr_column(binder, id)};
        }
    if (rel->ordinality) {
        int id = binder_add_column(binder, "ordinality", sqltype_of(SQL_INT8), true);
        id_list_add(binder->arena, &rel->own_ids, id);
        table->columns[table->column_count++] =
            (VisibleColumn){.name = "ordinality", .expr = expr_column(binder, id)};
    }
    rel_refresh_ids(binder, rel);
}

/* Arguments may read what stands to the left in the same FROM. */
static Status bind_calls(Query *query, PgQuery__RangeFunction *node, Rel *rel, Error *err) {
    FromItem hidden = query->from;
    int set_calls = query->set_call_count;
    query->from = query->lateral;
    Status status = STATUS_OK;
    for (size_t i = 0; i < node->n_functions && status == STATUS_OK; i++) {
        PgQuery__List *pair = node->functions[i]->list;
        if (pair->n_items > 1 && pair->items[1]->node_case == PG_QUERY__NODE__NODE_LIST &&
            pair->items[1]->list->n_items > 0)
            status = binder_unsupported(query->binder, -1, err, "a column definition list");
        else
            status = bind_from_call(query, rel, pair->items[0], err);
    }
    query->from = hidden;
    TRY(status);
    if (query->set_call_count > set_calls)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "set-returning functions must appear at top level of FROM");
    return STATUS_OK;
}

/* A SQL function that returns a set, alone: its body is a derived table. */
static Status bind_user_item(Query *query, PgQuery__RangeFunction *node, FromItem **out, Error *err) {
    Node *only = node->n_functions == 1 ? node->functions[0]->list->items[0] : NULL;
    *out = NULL;
    if (!only || only->node_case != PG_QUERY__NODE__NODE_FUNC_CALL || node->ordinality ||
        only->func_call->n_funcname < 1 || table_function_name(only->func_call))
        return STATUS_OK;
    const char *name = node_string(only->func_call->funcname[only->func_call->n_funcname - 1]);
    if (name_is_built_in(name)) return STATUS_OK;
    BoundQuery bound = {0};
    bool handled = false;
    FromItem hidden = query->from;
    query->from = query->lateral;
    Status status = bind_user_table(query, only->func_call, name, &handled, &bound, err);
    query->from = hidden;
    TRY(status);
    if (!handled) return STATUS_OK;
    const char *alias = node->alias ? node->alias->aliasname : name;
    if (bound.column_count == 1 && node->alias && strcmp(bound.columns[0].name, name) == 0)
        bound.columns[0].name = alias;
    return from_item_of_query(query, &bound, alias, node->alias, -1, out, err);
}

Status bind_range_function(Query *query, PgQuery__RangeFunction *node, FromItem **out, Error *err) {
    Binder *binder = query->binder;
    TRY(bind_file_function(query, node, out, err));
    if (*out) return STATUS_OK;
    TRY(bind_user_item(query, node, out, err));
    if (*out) return STATUS_OK;
    if (node->n_coldeflist > 0) return binder_unsupported(binder, -1, err, "a column definition list");
    Rel *rel = rel_new(binder, PLAN_TABLE_FUNCTION, 0);
    TRY(bind_calls(query, node, rel, err));
    rel->ordinality = node->ordinality;
    const char *alias = node->alias ? node->alias->aliasname : NULL;
    const TableFunctionCall *first = &rel->table_calls[0];
    const char *shown = alias                                       ? alias
                        : first->function == &table_function_scalar ? first->columns[0].name
                                                                    : first->function->name;
    FromItem *item = from_item_new(query, shown, rel);
    expose_columns(query, rel, item->tables[0], alias);
    TRY(from_item_name_columns(query, item, node->alias, -1, err));
    *out = item;
    return STATUS_OK;
}

/* ---- TABLESAMPLE -----------------------------------------------------------------------------------------
 */

static Status sample_argument(Query *query, Node *node, Expr **out, Error *err) {
    Binder *binder = query->binder;
    FromItem hidden = query->from;
    query->from = query->lateral;
    Status status = bind_expr(query, node, out, err);
    query->from = hidden;
    TRY(status);
    TRY(coerce_expr(binder, *out, sqltype_of(SQL_FLOAT8), CAST_ASSIGNMENT, out, err));
    if (expr_reads_nothing(*out)) return STATUS_OK;
    return binder_unsupported(binder, -1, err, "TABLESAMPLE by another table's columns");
}

Status bind_table_sample(Query *query, PgQuery__RangeTableSample *node, FromItem *item, Error *err) {
    Binder *binder = query->binder;
    const char *method = node->n_method == 1 ? node_string(node->method[0]) : NULL;
    const TableFunction *function = method && strcmp(method, "bernoulli") == 0 ? &table_function_bernoulli
                                    : method && strcmp(method, "system") == 0  ? &table_function_system
                                                                               : NULL;
    if (!function)
        return error_set_at(err, "42704", binder_position(binder, node->location),
                            "tablesample method %s does not exist", method ? method : "?");
    if (item->rel->kind != PLAN_SCAN && item->rel->kind != PLAN_FOREIGN_SCAN)
        return error_set(err, SQLSTATE_SYNTAX_ERROR,
                         "TABLESAMPLE clause can only be applied to tables and materialized views");
    if (node->n_args != 1)
        return error_set_at(err, "2202H", binder_position(binder, node->location),
                            "tablesample method %s requires 1 argument, not %zu", method, node->n_args);
    TableFunctionCall call = {.function = function, .arg_count = 2};
    call.args = ARENA_NEW_ARRAY(binder->arena, Expr *, 2);
    TRY(sample_argument(query, node->args[0], &call.args[0], err));
    if (node->repeatable)
        TRY(sample_argument(query, node->repeatable, &call.args[1], err));
    else
        TRY(coerce_expr(binder, constant_int(binder->arena, 0, sqltype_of(SQL_INT4)), sqltype_of(SQL_FLOAT8),
                        CAST_IMPLICIT, &call.args[1], err));
    Rel *sample = rel_new(binder, PLAN_TABLE_FUNCTION, 1);
    sample->inputs[0] = item->rel;
    add_table_call(binder, sample, &call);
    rel_refresh_ids(binder, sample);
    item->rel = sample;
    return STATUS_OK;
}

/* ---- in SELECT lists -------------------------------------------------------------------------------------
 */

static Status misplaced(Query *query, int position, Error *err) {
    const char *place = query_clause_name(query->clause);
    if (query->clause == CLAUSE_HAVING) place = "HAVING";
    if (query->clause == CLAUSE_GROUP || query->clause == CLAUSE_FROM) place = NULL;
    if (query->in_aggregate) {
        (void)error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                           "aggregate function calls cannot contain set-returning function calls");
        return error_add_hint(
            err, "You might be able to move the set-returning function into a LATERAL FROM item.");
    }
    if (place)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                            "set-returning functions are not allowed in %s", place);
    if (query->in_branch) {
        (void)error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                           "set-returning functions are not allowed in %s", query->in_branch);
        return error_add_hint(
            err, "You might be able to move the set-returning function into a LATERAL FROM item.");
    }
    return STATUS_OK;
}

static bool same_call(const TableFunctionCall *a, const TableFunctionCall *b) {
    if (a->function != b->function || a->arg_count != b->arg_count) return false;
    for (int i = 0; i < a->arg_count; i++)
        if (!expr_equal(a->args[i], b->args[i])) return false;
    return true;
}

static int call_depth(Query *query, const TableFunctionCall *call) {
    IdList ids = {0};
    int depth = 0;
    for (int a = 0; a < call->arg_count; a++)
        expr_collect_ids(query->binder->arena, call->args[a], &ids);
    for (SetCall *other = query->set_calls; other; other = other->next)
        if (id_list_has(&ids, other->id) && other->depth >= depth) depth = other->depth + 1;
    return depth;
}

Status bind_set_call(Query *query, PgQuery__FuncCall *node, const char *name, Expr **out, Error *err) {
    Binder *binder = query->binder;
    int position = binder_position(binder, node->location);
    TRY(no_named_arguments(binder, node, err));
    if (node->func_variadic) return binder_unsupported(binder, node->location, err, "VARIADIC");
    Expr **args = NULL;
    TableFunctionCall call = {0};
    TRY(bind_exprs(query, node->args, node->n_args, &args, err));
    TRY(make_table_call(query, name, args, (int)node->n_args, position, &call, err));
    TRY(misplaced(query, position, err));
    if (call.column_count != 1)
        return binder_unsupported(binder, node->location, err, "a set of rows as values");
    SetCall *slot = query->set_calls;
    while (slot && !same_call(&slot->call, &call))
        slot = slot->next;
    if (!slot) {
        slot = ARENA_NEW(binder->arena, SetCall);
        slot->call = call;
        slot->depth = call_depth(query, &call);
        slot->id = binder_add_column(binder, name, call.columns[0].type, true);
        slot->next = query->set_calls;
        query->set_calls = slot;
        query->set_call_count++;
    }
    *out = expr_column(binder, slot->id);
    (*out)->position = position;
    return STATUS_OK;
}

/* What GROUP BY reads runs before the groups are made. */
void query_note_grouped_sets(Query *query, const IdList *ids) {
    for (SetCall *slot = query->set_calls; slot; slot = slot->next) {
        if (!id_list_has(ids, slot->id) || slot->before_groups) continue;
        slot->before_groups = true;
        IdList below = {0};
        for (int a = 0; a < slot->call.arg_count; a++)
            expr_collect_ids(query->binder->arena, slot->call.args[a], &below);
        query_note_grouped_sets(query, &below);
    }
}

Status query_replace_grouped_sets(Query *query, Error *err) {
    for (SetCall *slot = query->set_calls; slot; slot = slot->next)
        for (int a = 0; !slot->before_groups && a < slot->call.arg_count; a++)
            TRY(query_replace_grouped(query, slot->call.args[a], &slot->call.args[a], err));
    return STATUS_OK;
}

Rel *query_place_sets(Query *query, Rel *rel, bool before_groups) {
    Binder *binder = query->binder;
    for (int depth = 0; depth < query->set_call_count; depth++) {
        Rel *sets = NULL;
        for (SetCall *slot = query->set_calls; slot; slot = slot->next) {
            if (slot->depth != depth || slot->before_groups != before_groups) continue;
            if (!sets) {
                bool nothing = rel->kind == PLAN_VALUES && rel->ids.count == 0 && rel->value_row_count == 1;
                sets = rel_new(binder, PLAN_TABLE_FUNCTION, 1);
                sets->inputs[0] = rel;
                sets->input_count = nothing ? 0 : 1;
            }
            add_table_call(binder, sets, &slot->call);
            id_list_add(binder->arena, &sets->own_ids, slot->id);
        }
        if (!sets) continue;
        rel_refresh_ids(binder, sets);
        rel = sets;
    }
    return rel;
}
