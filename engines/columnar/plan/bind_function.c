/* Function calls: scalar functions, and aggregates, whose results become columns of the query's aggregation.
 */
#include "engines/columnar/plan/bind.h"

const char *query_clause_name(Clause clause) {
    switch (clause) {
    case CLAUSE_WHERE: return "WHERE";
    case CLAUSE_GROUP: return "GROUP BY";
    case CLAUSE_JOIN: return "JOIN conditions";
    case CLAUSE_LIMIT: return "LIMIT";
    case CLAUSE_VALUES: return "VALUES";
    case CLAUSE_FILTER: return "FILTER";
    case CLAUSE_FROM: return "functions in FROM";
    default: return NULL;
    }
}

static bool same_call(const AggregateCall *a, const AggregateCall *b) {
    if (a->function != b->function || a->arg_count != b->arg_count || a->distinct != b->distinct ||
        !a->filter != !b->filter)
        return false;
    if (a->filter && !expr_equal(a->filter, b->filter)) return false;
    for (int i = 0; i < a->arg_count; i++)
        if (!expr_equal(a->args[i], b->args[i])) return false;
    return true;
}

static Expr *slot_for(Query *query, const AggregateCall *call, const char *name) {
    AggregateSlot *slot = query->slots;
    while (slot && !same_call(&slot->call, call))
        slot = slot->next;
    if (!slot) {
        slot = ARENA_NEW(query->binder->arena, AggregateSlot);
        slot->call = *call;
        slot->id = binder_add_column(query->binder, name, call->type, strcmp(name, "count") != 0);
        *query->slots_end = slot;
        query->slots_end = &slot->next;
    }
    return expr_column(query->binder, slot->id);
}

/* An aggregate over nothing but an enclosing query's columns is that query's aggregate. */
static bool belongs_outside(Query *query, const AggregateCall *call) {
    IdList ids = {0};
    for (int i = 0; i < call->arg_count; i++)
        expr_collect_ids(query->binder->arena, call->args[i], &ids);
    if (ids.count == 0) return false;
    for (int i = 0; i < ids.count; i++)
        if (!id_list_has(&query->outer_ids, ids.items[i])) return false;
    return true;
}

static bool order_matters(const char *name) {
    static const char *const FREE[] = {"count",    "sum",     "avg",   "min",    "max",
                                       "bool_and", "bool_or", "every", "stddev", "variance"};
    for (size_t i = 0; i < sizeof FREE / sizeof FREE[0]; i++)
        if (strcmp(FREE[i], name) == 0) return false;
    return true;
}

static Status bind_aggregate(Query *query, PgQuery__FuncCall *call, const char *name, Expr **out,
                             Error *err) {
    Binder *binder = query->binder;
    int position = binder_position(binder, call->location);
    const char *place = query_clause_name(query->clause);
    if (query->in_aggregate)
        return error_set_at(err, "42803", position, "aggregate function calls cannot be nested");
    if (place)
        return error_set_at(err, "42803", position, "aggregate functions are not allowed in %s", place);
    if (call->agg_within_group) return binder_unsupported(binder, call->location, err, "WITHIN GROUP");
    if (call->n_agg_order > 0 && order_matters(name))
        return binder_unsupported(binder, call->location, err, "ORDER BY inside %s()", name);
    AggregateCall bound = {.distinct = call->agg_distinct};
    Expr **args = NULL;
    query->in_aggregate = true;
    TRY(bind_exprs(query, call->args, call->n_args, &args, err));
    query->in_aggregate = false;
    TRY(resolve_aggregate(binder, name, args, (int)call->n_args, call->agg_star, position, &bound, err));
    if (bound.function->ordered)
        return binder_unsupported(binder, call->location, err, "%s() without ORDER BY", name);
    if (call->agg_filter) {
        Clause before = query->clause;
        query->clause = CLAUSE_FILTER;
        query->in_aggregate = true;
        Status status = bind_condition(query, call->agg_filter, "FILTER", &bound.filter, err);
        query->clause = before;
        query->in_aggregate = false;
        TRY(status);
    }
    if (belongs_outside(query, &bound))
        return binder_unsupported(binder, call->location, err, "an aggregate of an outer query's columns");
    *out = slot_for(query, &bound, name);
    (*out)->position = position;
    return STATUS_OK;
}

Status bind_function_call(Query *query, PgQuery__FuncCall *call, Expr **out, Error *err) {
    Binder *binder = query->binder;
    const char *name = call->n_funcname ? node_string(call->funcname[call->n_funcname - 1]) : NULL;
    const char *schema = call->n_funcname > 1 ? node_string(call->funcname[0]) : NULL;
    if (!name || call->n_funcname > 2)
        return binder_unsupported(binder, call->location, err, "this function name");
    if (schema && strcmp(schema, "pg_catalog") != 0)
        return binder_unsupported(binder, call->location, err, "function %s.%s()", schema, name);
    if (call->over) return binder_unsupported(binder, call->location, err, "window function %s() OVER", name);
    if (name_is_window_function(name))
        return error_set_at(err, "42P20", binder_position(binder, call->location),
                            "window function %s requires an OVER clause", name);
    if (call->func_variadic) return binder_unsupported(binder, call->location, err, "VARIADIC");
    if (name_is_aggregate(name)) return bind_aggregate(query, call, name, out, err);
    if (name_returns_set(name)) return bind_set_call(query, call, name, out, err);
    int position = binder_position(binder, call->location);
    const char *misused = call->agg_star       ? "%s(*) specified, but %s is not an aggregate function"
                          : call->agg_distinct ? "DISTINCT specified, but %s is not an aggregate function"
                          : call->n_agg_order  ? "ORDER BY specified, but %s is not an aggregate function"
                          : call->agg_filter   ? "FILTER specified, but %s is not an aggregate function"
                                               : NULL;
    Expr **args = NULL;
    int arg_count = (int)call->n_args;
    if (args_have_names(call))
        TRY(bind_named_args(query, call, name, &args, &arg_count, err));
    else
        TRY(bind_exprs(query, call->args, call->n_args, &args, err));
    TRY(resolve_function(binder, name, args, arg_count, position, out, err));
    return misused ? error_set_at(err, "42809", position, misused, name, name) : STATUS_OK;
}
