/* Aggregates: their results become columns of the query's aggregation. */
#include "engines/columnar/plan/bind.h"

static bool same_order(const AggregateCall *a, const AggregateCall *b) {
    if (a->order_count != b->order_count || (a->order_count && a->value_count != b->value_count))
        return false;
    for (int i = 0; i < a->order_count; i++)
        if (a->order[i].arg != b->order[i].arg || a->order[i].descending != b->order[i].descending ||
            a->order[i].nulls_first != b->order[i].nulls_first)
            return false;
    return true;
}

static bool same_call(const AggregateCall *a, const AggregateCall *b) {
    if (a->function != b->function || a->arg_count != b->arg_count || a->distinct != b->distinct ||
        !a->filter != !b->filter || !same_order(a, b))
        return false;
    if (a->filter && !expr_equal(a->filter, b->filter)) return false;
    for (int i = 0; i < a->arg_count; i++)
        if (!expr_equal(a->args[i], b->args[i])) return false;
    return true;
}

Expr *query_aggregate_column(Query *query, const AggregateCall *call, const char *name) {
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

static bool is_one_of(const char *name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

/* Whether the order of rows shows in the result: not for what is exact, unless rounding comes in. */
static bool order_matters(const char *name, const AggregateCall *call) {
    static const char *const NEVER[] = {"count", "min",     "max",    "bool_and", "bool_or",
                                        "every", "bit_and", "bit_or", "bit_xor",  "approx_count_distinct"};
    static const char *const WHEN_EXACT[] = {"sum",         "avg",      "stddev",  "stddev_pop",
                                             "stddev_samp", "variance", "var_pop", "var_samp"};
    if (is_one_of(name, NEVER, sizeof NEVER / sizeof NEVER[0])) return false;
    if (!is_one_of(name, WHEN_EXACT, sizeof WHEN_EXACT / sizeof WHEN_EXACT[0])) return true;
    return call->args[0]->type.id == SQL_FLOAT4 || call->args[0]->type.id == SQL_FLOAT8;
}

static int find_arg(const AggregateCall *call, int count, const Expr *expr) {
    for (int a = 0; a < count; a++)
        if (expr_equal(call->args[a], expr)) return a;
    return -1;
}

/* The call's args followed by `extra` more places. */
static void widen_args(Binder *binder, AggregateCall *call, int extra) {
    Expr **args = ARENA_NEW_ARRAY(binder->arena, Expr *, call->arg_count + extra + 1);
    if (call->arg_count) memcpy(args, call->args, sizeof *args * (size_t)call->arg_count);
    call->args = args;
}

Status bind_aggregate_keys(Query *query, PgQuery__FuncCall *call, AggregateCall *bound, AggregateOrder *keys,
                           int *count, Error *err) {
    Binder *binder = query->binder;
    widen_args(binder, bound, (int)call->n_agg_order);
    for (size_t i = 0; i < call->n_agg_order; i++) {
        PgQuery__SortBy *sort = call->agg_order[i]->sort_by;
        Expr *expr = NULL;
        if (sort->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_USING)
            return binder_unsupported(binder, sort->location, err, "ORDER BY ... USING");
        PendingJoin **before = query->pending_end;
        TRY(bind_expr(query, sort->node, &expr, err));
        if (bound->distinct &&
            query->pending_end != before) /* whether it is the argument's subquery is not seen */
            return binder_unsupported(binder, sort->location, err,
                                      "an aggregate with DISTINCT ordered by a subquery");
        if (expr_is_unknown(expr))
            TRY(coerce_expr(binder, expr, sqltype_of(SQL_TEXT), CAST_IMPLICIT, &expr, err));
        TRY(order_type_check(query, expr, err));
        bool descending = sort->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_DESC;
        int arg = call->agg_within_group ? -1 : find_arg(bound, bound->arg_count, expr);
        if (bound->distinct && arg < 0)
            return error_set_at(
                err, "42P10", expr->position,
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list");
        if (arg < 0) bound->args[arg = bound->arg_count++] = expr;
        keys[(*count)++] = (AggregateOrder){
            .arg = arg,
            .descending = descending,
            .nulls_first = sort->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_FIRST ||
                           (descending && sort->sortby_nulls != PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_LAST)};
    }
    return STATUS_OK;
}

/* ORDER BY, and the order DISTINCT gives: by every argument. */
static Status bind_order(Query *query, PgQuery__FuncCall *call, const char *name, AggregateCall *bound,
                         Error *err) {
    Binder *binder = query->binder;
    int values = bound->arg_count, count = 0;
    AggregateOrder *keys =
        ARENA_NEW_ARRAY(binder->arena, AggregateOrder, (int)call->n_agg_order + values + 1);
    bool matters = order_matters(name, bound);
    TRY(bind_aggregate_keys(query, call, bound, keys, &count, err));
    for (int a = 0; bound->distinct && a < values; a++) {
        bool named = false;
        for (int k = 0; k < count; k++)
            named = named || keys[k].arg == a;
        if (matters) TRY(order_type_check(query, bound->args[a], err));
        if (!named) keys[count++] = (AggregateOrder){.arg = a};
    }
    if (!matters) {
        bound->arg_count = values;
        return STATUS_OK;
    }
    bound->order = keys;
    bound->order_count = count;
    bound->value_count = values;
    return STATUS_OK;
}

Status bind_aggregate_filter(Query *query, PgQuery__FuncCall *call, AggregateCall *bound, Error *err) {
    if (!call->agg_filter) return STATUS_OK;
    Clause before = query->clause;
    query->clause = CLAUSE_FILTER;
    query->in_aggregate = true;
    Status status = bind_condition(query, call->agg_filter, "FILTER", &bound->filter, err);
    query->clause = before;
    query->in_aggregate = false;
    return status;
}

Status aggregate_check_place(Query *query, int position, Error *err) {
    const char *place = query_clause_name(query->clause);
    if (query->in_aggregate)
        return error_set_at(err, "42803", position, "aggregate function calls cannot be nested");
    if (place)
        return error_set_at(err, "42803", position, "aggregate functions are not allowed in %s", place);
    if (query->reads_itself)
        return error_set_at(err, "42P19", position,
                            "aggregate functions are not allowed in a recursive query's recursive term");
    return STATUS_OK;
}

static Status outer_aggregate(const Query *query, const PgQuery__FuncCall *call, Error *err) {
    return binder_unsupported(query->binder, call->location, err, "an aggregate of an outer query's columns");
}

Status bind_aggregate_finish(Query *query, PgQuery__FuncCall *call, AggregateCall *bound, const char *name,
                             Expr **out, Error *err) {
    TRY(bind_aggregate_filter(query, call, bound, err));
    if (belongs_outside(query, bound)) return outer_aggregate(query, call, err);
    *out = query_aggregate_column(query, bound, name);
    (*out)->position = binder_position(query->binder, call->location);
    return STATUS_OK;
}

/* Where this query may have no aggregate, one of an enclosing query's columns alone may still stand. */
static bool is_of_outer_query(Query *query, PgQuery__FuncCall *call) {
    Error ignored = {0};
    AggregateCall bound = {.arg_count = (int)call->n_args};
    return query->parent && !query->in_aggregate &&
           bind_exprs(query, call->args, call->n_args, &bound.args, &ignored) == STATUS_OK &&
           belongs_outside(query, &bound);
}

Status bind_aggregate(Query *query, PgQuery__FuncCall *call, const char *name, Expr **out, Error *err) {
    Binder *binder = query->binder;
    int position = binder_position(binder, call->location);
    if (query_clause_name(query->clause) && is_of_outer_query(query, call))
        return outer_aggregate(query, call, err);
    TRY(aggregate_check_place(query, position, err));
    if (name_is_ordered_set(name))
        return error_set_at(err, "42809", position, "WITHIN GROUP is required for ordered-set aggregate %s",
                            name);
    AggregateCall bound = {.distinct = call->agg_distinct};
    Expr **args = NULL;
    query->in_aggregate = true;
    TRY(bind_exprs(query, call->args, call->n_args, &args, err));
    query->in_aggregate = false;
    TRY(resolve_aggregate(binder, name, args, (int)call->n_args, call->agg_star, position, &bound, err));
    query->in_aggregate = true;
    TRY(bind_order(query, call, name, &bound, err));
    query->in_aggregate = false;
    return bind_aggregate_finish(query, call, &bound, name, out, err);
}
