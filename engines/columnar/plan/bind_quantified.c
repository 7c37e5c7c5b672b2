/* x < ANY (SELECT y ...), x > ALL (SELECT y ...): for operators that follow the order of y, a comparison with
 * the smallest or greatest y; for others, whether the comparison holds for some or for every row. */
#include "engines/columnar/plan/bind.h"

typedef struct Quantified {
    Query *query;
    Rel *aggregate; /* over the subquery's rows, without groups */
    int position;
} Quantified;

static Status add_call(Quantified *quantified, const char *name, Expr *arg, Expr **out, Error *err) {
    Binder *binder = quantified->query->binder;
    Rel *rel = quantified->aggregate;
    AggregateCall *calls = ARENA_NEW_ARRAY(binder->arena, AggregateCall, rel->call_count + 1);
    if (rel->call_count) memcpy(calls, rel->calls, sizeof *calls * (size_t)rel->call_count);
    Expr **args = ARENA_NEW_ARRAY(binder->arena, Expr *, 1);
    args[0] = arg;
    TRY(resolve_aggregate(binder, name, args, arg ? 1 : 0, !arg, quantified->position,
                          &calls[rel->call_count], err));
    int id = binder_add_column(binder, name, calls[rel->call_count].type, true);
    rel->calls = calls;
    rel->call_count++;
    id_list_add(binder->arena, &rel->ids, id);
    *out = expr_column(binder, id);
    return STATUS_OK;
}

static Expr *logic(Binder *binder, ExprKind kind, Expr *a, Expr *b) {
    Expr *expr = expr_new(binder->arena, kind, sqltype_of(SQL_BOOL), b ? 2 : 1);
    expr->args[0] = a;
    if (b) expr->args[1] = b;
    return expr;
}

/* CASE WHEN decided THEN this WHEN a NULL was among the rows THEN NULL ELSE comparison END. */
static Expr *with_nulls(Binder *binder, bool any, Expr *comparison, Expr *empty, Expr *open) {
    Expr *choice = expr_new(binder->arena, EXPR_CASE, sqltype_of(SQL_BOOL), 7);
    choice->args[0] = empty;
    choice->args[1] = expr_bool_constant(binder->arena, !any);
    choice->args[2] = any ? comparison : logic(binder, EXPR_NOT, comparison, NULL);
    choice->args[3] = expr_bool_constant(binder->arena, any);
    choice->args[4] = open;
    choice->args[5] = expr_null(binder->arena, sqltype_of(SQL_BOOL));
    choice->args[6] = expr_copy(binder->arena, comparison);
    return choice;
}

/* Which end of the values decides: -1 the smallest, 1 the greatest, 2 both, 0 the operator has no order. */
static int deciding_end(const char *name, bool any) {
    if (strcmp(name, "<") == 0 || strcmp(name, "<=") == 0) return any ? 1 : -1;
    if (strcmp(name, ">") == 0 || strcmp(name, ">=") == 0) return any ? -1 : 1;
    return (strcmp(name, "=") == 0 && !any) || (strcmp(name, "<>") == 0 && any) ? 2 : 0;
}

static Status by_extremes(Quantified *quantified, const char *name, bool any, Expr *left, Expr *right,
                          Expr **out, Error *err) {
    Binder *binder = quantified->query->binder;
    Expr *ends[2] = {NULL, NULL}, *tests[2] = {NULL, NULL}, *all = NULL, *known = NULL, *empty = NULL,
         *open = NULL;
    int end = deciding_end(name, any);
    for (int i = 0; i < 2; i++) {
        if (end != 2 && (end > 0) != (i == 1)) continue;
        TRY(add_call(quantified, i ? "max" : "min", expr_copy(binder->arena, right), &ends[i], err));
        TRY(resolve_operator(binder, name, expr_copy(binder->arena, left), ends[i], quantified->position,
                             &tests[i], err));
    }
    Expr *comparison = tests[0] && tests[1] ? logic(binder, any ? EXPR_OR : EXPR_AND, tests[0], tests[1])
                       : tests[0]           ? tests[0]
                                            : tests[1];
    TRY(add_call(quantified, "count", NULL, &all, err));
    TRY(add_call(quantified, "count", expr_copy(binder->arena, right), &known, err));
    Expr *zero = constant_int(binder->arena, 0, sqltype_of(SQL_INT8));
    TRY(resolve_operator(binder, "=", all, zero, quantified->position, &empty, err));
    TRY(resolve_operator(binder, "<", known, expr_copy(binder->arena, all), quantified->position, &open,
                         err));
    *out = with_nulls(binder, any, comparison, empty, open);
    return STATUS_OK;
}

/* bool_or and bool_and leave NULLs out; a second one tells whether there were any. */
static Status by_rows(Quantified *quantified, const char *name, bool any, Expr *left, Expr *right, Expr **out,
                      Error *err) {
    Binder *binder = quantified->query->binder;
    Expr *comparison = NULL, *decided = NULL, *unknown = NULL;
    TRY(resolve_operator(binder, name, left, right, quantified->position, &comparison, err));
    TRY(coerce_to_bool(binder, comparison, "WHERE", &comparison, err));
    Expr *is_null = logic(binder, EXPR_IS_NULL, expr_copy(binder->arena, comparison), NULL);
    TRY(add_call(quantified, any ? "bool_or" : "bool_and", comparison, &decided, err));
    TRY(add_call(quantified, "bool_or", is_null, &unknown, err));
    Expr *choice = expr_new(binder->arena, EXPR_CASE, sqltype_of(SQL_BOOL), 5);
    choice->args[0] = logic(binder, any ? EXPR_IS_TRUE : EXPR_IS_FALSE, decided, NULL);
    choice->args[1] = expr_bool_constant(binder->arena, any);
    choice->args[2] = logic(binder, EXPR_IS_TRUE, unknown, NULL);
    choice->args[3] = expr_null(binder->arena, sqltype_of(SQL_BOOL));
    choice->args[4] = expr_bool_constant(binder->arena, !any);
    *out = choice;
    return STATUS_OK;
}

static bool has_extremes(Binder *binder, Expr *right) {
    AggregateCall ignored_call = {0};
    Error ignored = {0};
    Expr *args[1] = {right};
    return resolve_aggregate(binder, "min", args, 1, false, 0, &ignored_call, &ignored) == STATUS_OK;
}

Status bind_quantified(Query *query, PgQuery__SubLink *link, Expr **out, Error *err) {
    Binder *binder = query->binder;
    int position = binder_position(binder, link->location);
    bool any = link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK;
    const char *name = sublink_operator(link);
    BoundQuery bound = {0};
    Expr **left = NULL, *checked = NULL;
    if (link->testexpr && link->testexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR)
        return binder_unsupported(binder, link->location, err, "ANY or ALL over rows with this operator");
    TRY(bind_subselect(query, link, &bound, err));
    TRY(bind_exprs(query, &link->testexpr, 1, &left, err));
    if (bound.column_count != 1)
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR, position, "subquery has too many columns");
    Expr *right = expr_column(binder, bound.columns[0].id);
    TRY(resolve_operator(binder, name, left[0], right, position, &checked, err));
    if (checked->type.id != SQL_BOOL)
        return error_set_at(err, "42809", position, "op ANY/ALL requires operator to yield boolean");
    Rel *aggregate = rel_new(binder, PLAN_AGGREGATE, 1);
    aggregate->inputs[0] = bound.rel;
    Quantified quantified = {.query = query, .aggregate = aggregate, .position = position};
    if (deciding_end(name, any) != 0 && has_extremes(binder, right))
        TRY(by_extremes(&quantified, name, any, left[0], right, out, err));
    else
        TRY(by_rows(&quantified, name, any, left[0], right, out, err));
    query_add_pending(query, JOIN_SINGLE, aggregate);
    return STATUS_OK;
}
