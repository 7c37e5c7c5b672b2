/* WITHIN GROUP: percentiles, mode, and the ranks of a row that is not there. */
#include <stdio.h>

#include "engines/columnar/plan/bind.h"

enum { MOST_KEYS = 32 };

static const AggregateFunction ordered_sets[] = {
    {.name = "percentile_disc", .ordered_set = ORDERED_SET_PERCENTILE_DISC},
    {.name = "percentile_cont", .ordered_set = ORDERED_SET_PERCENTILE_CONT},
    {.name = "mode", .ordered_set = ORDERED_SET_MODE},
    {.name = "rank", .ordered_set = ORDERED_SET_RANK},
    {.name = "dense_rank", .ordered_set = ORDERED_SET_DENSE_RANK},
    {.name = "percent_rank", .ordered_set = ORDERED_SET_PERCENT_RANK},
    {.name = "cume_dist", .ordered_set = ORDERED_SET_CUME_DIST},
};

static const AggregateFunction *ordered_set_named(const char *name) {
    for (size_t i = 0; i < sizeof ordered_sets / sizeof ordered_sets[0]; i++)
        if (strcmp(ordered_sets[i].name, name) == 0) return &ordered_sets[i];
    return NULL;
}

bool name_is_ordered_set(const char *name) {
    const AggregateFunction *function = ordered_set_named(name);
    return function && function->ordered_set < ORDERED_SET_RANK;
}

static Status no_such_call(const char *name, Expr *const *args, int count, int position, Error *err) {
    char text[256] = "", one[SQLTYPE_NAME_BYTES];
    size_t used = 0;
    for (int a = 0; a < count && used < sizeof text - SQLTYPE_NAME_BYTES; a++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%s", a ? ", " : "",
                             expr_is_unknown(args[a]) ? "unknown" : sqltype_name(args[a]->type, false, one));
    return error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, position, "function %s(%s) does not exist", name,
                        text);
}

static Status coerce_arg(Query *query, AggregateCall *call, int arg, SqlType type, Error *err) {
    Expr *expr = call->args[arg];
    if (expr_is_unknown(expr) || coerce_is_implicit(expr->type, type))
        return coerce_expr(query->binder, expr, type, CAST_IMPLICIT, &call->args[arg], err);
    return no_such_call(call->function->name, call->args, call->arg_count, 0, err);
}

/* percentile_x(fraction or fractions) WITHIN GROUP (ORDER BY value) */
static Status resolve_percentile(Query *query, AggregateCall *call, int directs, int position, Error *err) {
    if (directs != 1 || call->order_count != 1)
        return no_such_call(call->function->name, call->args, call->arg_count, position, err);
    SqlType fraction = sqltype_of(SQL_FLOAT8), value = call->args[call->order[0].arg]->type;
    fraction.is_array = call->args[0]->type.is_array;
    if (fraction.is_array && !sqltype_equals(call->args[0]->type, fraction))
        TRY(coerce_expr(query->binder, call->args[0], fraction, CAST_EXPLICIT, &call->args[0], err));
    else
        TRY(coerce_arg(query, call, 0, fraction, err));
    if (call->function->ordered_set == ORDERED_SET_PERCENTILE_CONT && value.id != SQL_INTERVAL)
        TRY(coerce_arg(query, call, call->order[0].arg, sqltype_of(SQL_FLOAT8), err));
    call->type = call->args[call->order[0].arg]->type;
    if (fraction.is_array) {
        call->type = sqltype_of(call->type.id);
        call->type.is_array = true;
    }
    return STATUS_OK;
}

/* rank(values) WITHIN GROUP (ORDER BY keys): value and key meet in one type. */
static Status resolve_rank(Query *query, AggregateCall *call, int directs, int position, Error *err) {
    if (directs != call->order_count) {
        (void)no_such_call(call->function->name, call->args, call->arg_count, position, err);
        return error_add_hint(
            err,
            "To use the hypothetical-set aggregate %s, the number of hypothetical direct arguments "
            "(here %d) must match the number of ordering columns (here %d).",
            call->function->name, directs, call->order_count);
    }
    for (int k = 0; k < directs; k++) {
        Expr **pair[2] = {&call->args[k], &call->args[call->order[k].arg]};
        Expr *both[2] = {*pair[0], *pair[1]};
        SqlType type;
        TRY(common_type(query->binder, both, 2, "WITHIN GROUP", &type, err));
        if (type.id == SQL_NUMERIC) type = numeric_cover(both[0]->type, both[1]->type);
        for (int side = 0; side < 2; side++)
            TRY(coerce_exact(query->binder, both[side], type, CAST_IMPLICIT, pair[side], err));
    }
    OrderedSetKind kind = call->function->ordered_set;
    call->type =
        sqltype_of(kind == ORDERED_SET_RANK || kind == ORDERED_SET_DENSE_RANK ? SQL_INT8 : SQL_FLOAT8);
    return STATUS_OK;
}

Status bind_within_group(Query *query, PgQuery__FuncCall *call, const char *name, Expr **out, Error *err) {
    Binder *binder = query->binder;
    int position = binder_position(binder, call->location), directs = (int)call->n_args;
    AggregateCall bound = {.function = ordered_set_named(name), .arg_count = directs, .value_count = directs};
    TRY(aggregate_check_place(query, position, err));
    if (directs > MOST_KEYS || call->n_agg_order > MOST_KEYS)
        return binder_unsupported(binder, call->location, err, "WITHIN GROUP with that many columns");
    query->in_aggregate = true;
    TRY(bind_exprs(query, call->args, call->n_args, &bound.args, err));
    for (int a = 0; bound.function && a < directs; a++)
        if (!expr_reads_nothing(bound.args[a]))
            return binder_unsupported(binder, call->location, err,
                                      "a column as a direct argument of an ordered-set aggregate");
    AggregateOrder *keys = ARENA_NEW_ARRAY(binder->arena, AggregateOrder, (int)call->n_agg_order + 1);
    TRY(bind_aggregate_keys(query, call, &bound, keys, &bound.order_count, err));
    query->in_aggregate = false;
    bound.order = keys;
    if (!bound.function) {
        AggregateCall plain = {0};
        if (name_is_aggregate(name))
            TRY(resolve_aggregate(binder, name, bound.args, bound.arg_count, false, position, &plain, err));
        return error_set_at(err, "42809", position,
                            "%s is not an ordered-set aggregate, so it cannot have WITHIN GROUP", name);
    }
    OrderedSetKind kind = bound.function->ordered_set;
    if (kind == ORDERED_SET_MODE) {
        if (directs || bound.order_count != 1)
            return no_such_call(name, bound.args, bound.arg_count, position, err);
        bound.type = bound.args[0]->type;
    } else if (kind < ORDERED_SET_RANK) {
        TRY(resolve_percentile(query, &bound, directs, position, err));
    } else {
        TRY(resolve_rank(query, &bound, directs, position, err));
    }
    return bind_aggregate_finish(query, call, &bound, name, out, err);
}
