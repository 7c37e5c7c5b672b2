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
    case CLAUSE_FRAME: return "window definitions";
    case CLAUSE_FROM: return "functions in FROM";
    case CLAUSE_UPDATE: return "UPDATE";
    case CLAUSE_RETURNING: return "RETURNING";
    case CLAUSE_MERGE_WHEN: return "MERGE WHEN conditions";
    default: return NULL;
    }
}

Status bind_function_call(Query *query, PgQuery__FuncCall *call, Expr **out, Error *err) {
    Binder *binder = query->binder;
    const char *name = call->n_funcname ? node_string(call->funcname[call->n_funcname - 1]) : NULL;
    const char *schema = call->n_funcname > 1 ? node_string(call->funcname[0]) : NULL;
    if (!name || call->n_funcname > 2)
        return binder_unsupported(binder, call->location, err, "this function name");
    bool catalog = schema && strcmp(schema, "pg_catalog") == 0, handled = false;
    if (!catalog && (schema ? strcmp(schema, "default") == 0 : !name_is_built_in(name)))
        TRY(bind_user_function(query, call, name, &handled, out, err));
    if (handled) return STATUS_OK;
    if (schema && !catalog)
        return binder_unsupported(binder, call->location, err, "function %s.%s()", schema, name);
    if (call->over) return bind_window_call(query, call, name, out, err);
    if (call->agg_within_group) return bind_within_group(query, call, name, out, err);
    if (name_is_window_function(name))
        return error_set_at(err, "42809", binder_position(binder, call->location),
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
