/* Subqueries in expressions become joins: EXISTS and IN semi, anti or mark joins, scalars single or outer
 * joins. */
#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/bind_nested.h"

void query_guard(Query *query, ExprKind test, Expr *condition) {
    Arena *arena = query->binder->arena;
    Guard *guard = ARENA_NEW(arena, Guard);
    *guard = (Guard){.condition = expr_new(arena, test, sqltype_of(SQL_BOOL), 1),
                     .in_aggregate = query->in_aggregate,
                     .in_window = query->in_window,
                     .outer = query->guards};
    guard->condition->args[0] = condition;
    query->guards = guard;
}

/* All that must hold, the outermost first. */
static Expr *guard_here(const Query *query) {
    Arena *arena = query->binder->arena;
    ExprList inner = {0}, all = {0};
    for (const Guard *guard = query->guards; guard; guard = guard->outer)
        if (guard->in_aggregate == query->in_aggregate && guard->in_window == query->in_window)
            expr_list_add(arena, &inner, expr_copy(arena, guard->condition));
    for (int i = inner.count - 1; i >= 0; i--)
        expr_list_add(arena, &all, inner.items[i]);
    return expr_and_all(arena, &all);
}

PendingJoin *query_add_pending(Query *query, JoinType type, Rel *right) {
    PendingJoin *pending = ARENA_NEW(query->binder->arena, PendingJoin);
    pending->type = type;
    pending->right = right;
    pending->where = query->clause == CLAUSE_WHERE;
    pending->before_groups = pending->where || query->clause == CLAUSE_GROUP || query->in_aggregate;
    pending->mark = -1;
    pending->dependent = true;
    pending->guard = guard_here(query);
    *query->pending_end = pending;
    query->pending_end = &pending->next;
    return pending;
}

Status bind_subselect(Query *query, PgQuery__SubLink *link, BoundQuery *out, Error *err) {
    Binder *binder = query->binder;
    if (query->clause == CLAUSE_LIMIT || query->clause == CLAUSE_FROM)
        return binder_unsupported(binder, link->location, err, "a subquery in this clause");
    if (!link->subselect || link->subselect->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return binder_unsupported(binder, link->location, err, "this subquery");
    TRY(bind_query(binder, query, query->ctes, link->subselect->select_stmt, true, out, err));
    /* Columns of queries further out than this one are correlation of this query too. */
    return STATUS_OK;
}

/* The column of a MARK join to come that is true where a row of `right` meets the conditions, else false. */
static Expr *add_mark(Query *query, Rel *right, const ExprList *conditions) {
    Binder *binder = query->binder;
    PendingJoin *pending = query_add_pending(query, JOIN_MARK, right);
    pending->conditions = *conditions;
    pending->two_valued = true;
    pending->mark = binder_add_column(binder, "mark", sqltype_of(SQL_BOOL), false);
    return expr_column(binder, pending->mark);
}

static Expr *test(Binder *binder, ExprKind kind, Expr *arg) {
    Expr *expr = expr_new(binder->arena, kind, sqltype_of(SQL_BOOL), 1);
    expr->args[0] = arg;
    return expr;
}

/* CASE WHEN ... of these pairs ... ELSE the last. */
static Expr *choose(Binder *binder, Expr *const *parts, int count) {
    Expr *choice = expr_new(binder->arena, EXPR_CASE, sqltype_of(SQL_BOOL), count);
    for (int i = 0; i < count; i++)
        choice->args[i] = parts[i];
    return choice;
}

/* ---- EXISTS
 * ---------------------------------------------------------------------------------------------------- */

/* Without correlation: is there a first row? Counted, so that it is one value for every row. */
static Status exists_uncorrelated(Query *query, BoundQuery *bound, int position, Expr **out, Error *err) {
    Binder *binder = query->binder;
    Rel *limit = rel_new(binder, PLAN_LIMIT, 1);
    limit->inputs[0] = bound->rel;
    limit->limit = constant_int(binder->arena, 1, sqltype_of(SQL_INT8));
    rel_refresh_ids(binder, limit);
    Rel *count = rel_new(binder, PLAN_AGGREGATE, 1);
    count->inputs[0] = limit;
    count->calls = ARENA_NEW(binder->arena, AggregateCall);
    count->call_count = 1;
    TRY(resolve_aggregate(binder, "count", NULL, 0, true, position, &count->calls[0], err));
    int id = binder_add_column(binder, "count", count->calls[0].type, false);
    id_list_add(binder->arena, &count->ids, id);
    query_add_pending(query, JOIN_SINGLE, count);
    return resolve_operator(binder, ">", expr_column(binder, id),
                            constant_int(binder->arena, 0, sqltype_of(SQL_INT8)), position, out, err);
}

static Status exists_value(Query *query, PgQuery__SubLink *link, BoundQuery *bound, Expr **out, Error *err) {
    ExprList none = {0};
    if (bound->outer_ids.count == 0)
        return exists_uncorrelated(query, bound, binder_position(query->binder, link->location), out, err);
    *out = add_mark(query, bound->rel, &none);
    return STATUS_OK;
}

static Status bind_exists(Query *query, PgQuery__SubLink *link, Expr **out, Error *err) {
    BoundQuery bound = {0};
    TRY(bind_subselect(query, link, &bound, err));
    return exists_value(query, link, &bound, out, err);
}

/* ---- IN, ANY, ALL
 * ---------------------------------------------------------------------------------------------- */

const char *sublink_operator(PgQuery__SubLink *link) {
    return link->n_oper_name ? node_string(link->oper_name[link->n_oper_name - 1]) : "=";
}

static bool is_in(PgQuery__SubLink *link) {
    return link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK && sublink_operator(link) &&
           strcmp(sublink_operator(link), "=") == 0;
}

static bool is_not_in(PgQuery__SubLink *link) {
    return link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK && sublink_operator(link) &&
           strcmp(sublink_operator(link), "<>") == 0;
}

/* The comparisons of `left IN (right)`, one per column. */
static Status membership(Query *query, PgQuery__SubLink *link, BoundQuery *bound, ExprList *out, Error *err) {
    Binder *binder = query->binder;
    int position = binder_position(binder, link->location);
    Expr **left = NULL;
    size_t count = 1;
    if (link->testexpr && link->testexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR) {
        count = link->testexpr->row_expr->n_args;
        TRY(bind_exprs(query, link->testexpr->row_expr->args, count, &left, err));
    } else {
        TRY(bind_exprs(query, &link->testexpr, 1, &left, err));
    }
    if ((int)count != bound->column_count)
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR, position,
                            (int)count < bound->column_count ? "subquery has too many columns"
                                                             : "subquery has too few columns");
    for (size_t i = 0; i < count; i++) {
        Expr *equal = NULL;
        TRY(resolve_operator(binder, "=", left[i], expr_column(binder, bound->columns[i].id), position,
                             &equal, err));
        expr_list_add(binder->arena, out, equal);
    }
    return STATUS_OK;
}

/* PostgreSQL looks at the left side first. */
static Status bind_in_parts(Query *query, PgQuery__SubLink *link, BoundQuery *bound, ExprList *equal,
                            Error *err) {
    TRY(bind_subselect(query, link, bound, err));
    return membership(query, link, bound, equal, err);
}

/* The executor's MARK is IN with all of its NULLs, when every comparison can be a key. */
static bool is_keyed(const ExprList *equal, const Rel *right) {
    for (int i = 0; i < equal->count; i++) {
        const Expr *a = equal->items[i]->args[0], *b = equal->items[i]->args[1];
        if (!expr_is_equality(equal->items[i]) || !types_make_key(a->type, b->type) ||
            expr_reads_any(a, right) || !expr_reads_only(b, right))
            return false;
    }
    return true;
}

static bool never_null(const Binder *binder, const ExprList *equal) {
    for (int i = 0; i < equal->count; i++)
        for (int side = 0; side < 2; side++) {
            const Expr *arg = equal->items[i]->args[side];
            if (arg->kind != EXPR_COLUMN || binder->columns[arg->column].nullable) return false;
        }
    return true;
}

/* IN as a value where a plain MARK join does not do: a row that matches; else one that might, for NULLs. */
static Status in_by_marks(Query *query, BoundQuery *bound, const ExprList *equal, Expr **out) {
    Binder *binder = query->binder;
    IdList ids = {0}, copies = {0};
    ExprList open = {0};
    for (int c = 0; c < bound->column_count; c++)
        id_list_add(binder->arena, &ids, bound->columns[c].id);
    *out = add_mark(query, bound->rel, equal);
    if (never_null(binder, equal)) return STATUS_OK;
    Rel *again = rel_copy(binder, bound->rel, &ids, &copies);
    Expr **to = ARENA_NEW_ARRAY(binder->arena, Expr *, copies.count + 1);
    for (int c = 0; c < copies.count; c++)
        to[c] = expr_column(binder, copies.items[c]);
    ColumnMap map = {.from = ids.items, .to = to, .count = copies.count};
    Expr *inside =
        expr_substitute(binder->arena, expr_copy(binder->arena, expr_and_all(binder->arena, equal)), &map);
    expr_list_add(binder->arena, &open, test(binder, EXPR_IS_NULL, inside));
    Expr *parts[5] = {*out, expr_bool_constant(binder->arena, true), add_mark(query, again, &open),
                      expr_null(binder->arena, sqltype_of(SQL_BOOL)),
                      expr_bool_constant(binder->arena, false)};
    *out = choose(binder, parts, 5);
    return STATUS_OK;
}

static Status in_value(Query *query, BoundQuery *bound, const ExprList *equal, bool negated, Expr **out) {
    Binder *binder = query->binder;
    if (bound->outer_ids.count > 0 || (equal->count > 1 && !is_keyed(equal, bound->rel))) {
        TRY(in_by_marks(query, bound, equal, out));
    } else {
        PendingJoin *pending = query_add_pending(query, JOIN_MARK, bound->rel);
        pending->conditions = *equal;
        pending->dependent = false;
        pending->mark = binder_add_column(binder, "mark", sqltype_of(SQL_BOOL), true);
        *out = expr_column(binder, pending->mark);
    }
    if (negated) *out = test(binder, EXPR_NOT, *out);
    return STATUS_OK;
}

static Status bind_in_value(Query *query, PgQuery__SubLink *link, bool negated, Expr **out, Error *err) {
    BoundQuery bound = {0};
    ExprList equal = {0};
    TRY(bind_in_parts(query, link, &bound, &equal, err));
    return in_value(query, &bound, &equal, negated, out);
}

/* ---- scalars
 * --------------------------------------------------------------------------------------------------- */

static Status bind_scalar(Query *query, PgQuery__SubLink *link, Expr **out, Error *err) {
    Binder *binder = query->binder;
    BoundQuery bound = {0};
    TRY(bind_subselect(query, link, &bound, err));
    int position = binder_position(binder, link->location);
    if (bound.column_count != 1)
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR, position, "subquery must return only one column");
    query_add_pending(query, JOIN_SINGLE, bound.rel);
    binder->columns[bound.columns[0].id].nullable = true;
    *out = expr_column(binder, bound.columns[0].id);
    (*out)->position = position;
    return STATUS_OK;
}

/* The columns of the one row a subquery gives, NULLs for none. */
Status bind_row_subquery(Query *query, PgQuery__SubLink *link, int count, int position, Expr ***out,
                         Error *err) {
    Binder *binder = query->binder;
    BoundQuery bound = {0};
    TRY(bind_subselect(query, link, &bound, err));
    if (bound.column_count != count)
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR, position,
                            bound.column_count < count ? "subquery has too few columns"
                                                       : "subquery has too many columns");
    query_add_pending(query, JOIN_SINGLE, bound.rel);
    *out = ARENA_NEW_ARRAY(binder->arena, Expr *, count + 1);
    for (int c = 0; c < count; c++) {
        binder->columns[bound.columns[c].id].nullable = true;
        (*out)[c] = expr_column(binder, bound.columns[c].id);
        (*out)[c]->position = position;
    }
    return STATUS_OK;
}

/* ARRAY(SELECT ...): the rows' values in their order, an empty array for none. */
static Status bind_array_subquery(Query *query, PgQuery__SubLink *link, Expr **out, Error *err) {
    Binder *binder = query->binder;
    BoundQuery bound = {0};
    TRY(bind_subselect(query, link, &bound, err));
    int position = binder_position(binder, link->location);
    if (bound.column_count != 1)
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR, position, "subquery must return only one column");
    Rel *aggregate = rel_new(binder, PLAN_AGGREGATE, 1);
    Expr *arg = expr_column(binder, bound.columns[0].id), *empty = NULL;
    aggregate->inputs[0] = bound.rel;
    aggregate->calls = ARENA_NEW(binder->arena, AggregateCall);
    aggregate->call_count = 1;
    TRY(resolve_aggregate(binder, "array_agg", &arg, 1, false, position, &aggregate->calls[0], err));
    int id = binder_add_column(binder, "array", aggregate->calls[0].type, true);
    id_list_add(binder->arena, &aggregate->ids, id);
    query_add_pending(query, JOIN_SINGLE, aggregate);
    TRY(coerce_expr(binder, constant_text(binder->arena, "{}", sqltype_of(SQL_UNKNOWN)),
                    binder->columns[id].type, CAST_EXPLICIT, &empty, err));
    *out = expr_new(binder->arena, EXPR_COALESCE, binder->columns[id].type, 2);
    (*out)->args[0] = expr_column(binder, id);
    (*out)->args[1] = empty;
    (*out)->position = position;
    return STATUS_OK;
}

Status bind_sublink(Query *query, PgQuery__SubLink *link, Expr **out, Error *err) {
    switch (link->sub_link_type) {
    case PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK: return bind_exists(query, link, out, err);
    case PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK: return bind_scalar(query, link, out, err);
    case PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK:
    case PG_QUERY__SUB_LINK_TYPE__ALL_SUBLINK:
        if (is_in(link) || is_not_in(link)) return bind_in_value(query, link, is_not_in(link), out, err);
        return bind_quantified(query, link, out, err);
    case PG_QUERY__SUB_LINK_TYPE__ARRAY_SUBLINK: return bind_array_subquery(query, link, out, err);
    default: return binder_unsupported(query->binder, link->location, err, "this subquery");
    }
}

/* ---- WHERE's own
 * --------------------------------------------------------------------------------------------- */

/* What is no join of WHERE's own is a value among its conditions. */
static Status where_value(Query *query, Expr *value, bool negated, ExprList *conjuncts) {
    expr_list_add(query->binder->arena, conjuncts, negated ? test(query->binder, EXPR_NOT, value) : value);
    return STATUS_OK;
}

static Status where_exists(Query *query, PgQuery__SubLink *link, bool negated, ExprList *conjuncts,
                           Error *err) {
    BoundQuery bound = {0};
    TRY(bind_subselect(query, link, &bound, err));
    if (bound.outer_ids.count == 0) {
        Expr *value = NULL;
        TRY(exists_value(query, link, &bound, &value, err));
        return where_value(query, value, negated, conjuncts);
    }
    query_add_pending(query, negated ? JOIN_ANTI : JOIN_SEMI, bound.rel);
    return STATUS_OK;
}

static Status where_in(Query *query, PgQuery__SubLink *link, bool negated, ExprList *conjuncts, Error *err) {
    Binder *binder = query->binder;
    BoundQuery bound = {0};
    ExprList equal = {0}, conditions = {0};
    TRY(bind_in_parts(query, link, &bound, &equal, err));
    if (negated && bound.outer_ids.count == 0 && is_keyed(&equal, bound.rel)) { /* a MARK knows of NULLs */
        Expr *value = NULL;
        TRY(in_value(query, &bound, &equal, true, &value));
        return where_value(query, value, false, conjuncts);
    }
    Expr *inside = expr_and_all(binder->arena, &equal);
    if (negated && !never_null(binder, &equal)) /* for no row x = row is true or unknown */
        expr_list_add(binder->arena, &conditions, test(binder, EXPR_IS_NOT_FALSE, inside));
    else
        conditions = equal;
    query_add_pending(query, negated ? JOIN_ANTI : JOIN_SEMI, bound.rel)->conditions = conditions;
    return STATUS_OK;
}

Status bind_where_sublink(Query *query, Node *node, ExprList *conjuncts, bool *handled, Error *err) {
    bool negated = false;
    while (node->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
           node->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR) {
        negated = !negated;
        node = node->bool_expr->args[0];
    }
    if (node->node_case != PG_QUERY__NODE__NODE_SUB_LINK) return STATUS_OK;
    PgQuery__SubLink *link = node->sub_link;
    *handled = true;
    if (link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK)
        return where_exists(query, link, negated, conjuncts, err);
    if (is_in(link)) return where_in(query, link, negated, conjuncts, err);
    if (is_not_in(link)) return where_in(query, link, !negated, conjuncts, err);
    *handled = false;
    return STATUS_OK;
}
