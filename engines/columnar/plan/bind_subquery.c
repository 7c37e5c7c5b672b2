/* Subqueries in expressions become joins: EXISTS and IN semi, anti or mark joins, scalars single or outer
 * joins. */
#include "engines/columnar/plan/bind.h"

static PendingJoin *add_pending(Query *query, JoinType type, Rel *right) {
    PendingJoin *pending = ARENA_NEW(query->binder->arena, PendingJoin);
    pending->type = type;
    pending->right = right;
    pending->where = query->clause == CLAUSE_WHERE;
    pending->before_groups = pending->where || query->clause == CLAUSE_GROUP || query->in_aggregate;
    pending->mark = -1;
    *query->pending_end = pending;
    query->pending_end = &pending->next;
    return pending;
}

static Status bind_subselect(Query *query, PgQuery__SubLink *link, BoundQuery *out, Error *err) {
    Binder *binder = query->binder;
    if (query->clause == CLAUSE_JOIN || query->clause == CLAUSE_LIMIT || query->clause == CLAUSE_VALUES ||
        query->clause == CLAUSE_FROM || query->clause == CLAUSE_FILTER)
        return binder_unsupported(binder, link->location, err, "a subquery in this clause");
    if (!link->subselect || link->subselect->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
        return binder_unsupported(binder, link->location, err, "this subquery");
    TRY(bind_query(binder, query, query->ctes, link->subselect->select_stmt, true, out, err));
    /* Columns of queries further out than this one are correlation of this query too. */
    return STATUS_OK;
}

static Status correlate(Query *query, PgQuery__SubLink *link, BoundQuery *bound, ExprList *conditions,
                        bool existence, Error *err) {
    if (bound->outer_ids.count == 0) return STATUS_OK;
    Status status = decorrelate(query->binder, &bound->rel, &bound->outer_ids, conditions, existence, err);
    if (status != STATUS_OK && err && err->position == 0)
        err->position = binder_position(query->binder, link->location);
    return status;
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
    add_pending(query, JOIN_SINGLE, count);
    return resolve_operator(binder, ">", expr_column(binder, id),
                            constant_int(binder->arena, 0, sqltype_of(SQL_INT8)), position, out, err);
}

static Status bind_exists(Query *query, PgQuery__SubLink *link, Expr **out, Error *err) {
    Binder *binder = query->binder;
    BoundQuery bound = {0};
    TRY(bind_subselect(query, link, &bound, err));
    if (bound.outer_ids.count == 0)
        return exists_uncorrelated(query, &bound, binder_position(binder, link->location), out, err);
    ExprList conditions = {0};
    TRY(correlate(query, link, &bound, &conditions, true, err));
    PendingJoin *pending = add_pending(query, JOIN_MARK, bound.rel);
    pending->conditions = conditions;
    pending->mark = binder_add_column(binder, "mark", sqltype_of(SQL_BOOL), true);
    *out = expr_new(binder->arena, EXPR_IS_TRUE, sqltype_of(SQL_BOOL), 1);
    (*out)->args[0] = expr_column(binder, pending->mark);
    return STATUS_OK;
}

/* ---- IN, ANY, ALL
 * ---------------------------------------------------------------------------------------------- */

static const char *sublink_operator(PgQuery__SubLink *link) {
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

static Status bind_in_value(Query *query, PgQuery__SubLink *link, bool negated, Expr **out, Error *err) {
    Binder *binder = query->binder;
    BoundQuery bound = {0};
    ExprList equal = {0};
    TRY(bind_in_parts(query, link, &bound, &equal, err));
    if (bound.outer_ids.count > 0)
        return binder_unsupported(binder, link->location, err, "a correlated IN here");
    if (equal.count != 1) return binder_unsupported(binder, link->location, err, "IN over rows here");
    PendingJoin *pending = add_pending(query, JOIN_MARK, bound.rel);
    pending->conditions = equal;
    pending->mark = binder_add_column(binder, "mark", sqltype_of(SQL_BOOL), true);
    Expr *mark = expr_column(binder, pending->mark);
    if (negated) {
        *out = expr_new(binder->arena, EXPR_NOT, sqltype_of(SQL_BOOL), 1);
        (*out)->args[0] = mark;
    } else {
        *out = mark;
    }
    return STATUS_OK;
}

/* ---- scalars
 * --------------------------------------------------------------------------------------------------- */

static Rel *skip_to_aggregate(Rel *rel, bool *filtered) {
    *filtered = false;
    while (rel->kind == PLAN_FILTER) {
        *filtered = true;
        rel = rel->inputs[0];
    }
    return rel->kind == PLAN_AGGREGATE && rel->exprs.count == 0 ? rel : NULL;
}

static bool counts(const AggregateCall *call) {
    return strcmp(call->function->name, "count") == 0 || strcmp(call->function->name, "regr_count") == 0;
}

/* NULL in any column makes it NULL: such a condition holds for no row where an outer column is NULL. */
static bool is_strict(const Expr *expr) {
    if (expr->kind == EXPR_COLUMN || expr->kind == EXPR_CONSTANT) return true;
    if ((expr->kind != EXPR_CALL && expr->kind != EXPR_CAST) || !expr->function || !expr->function->strict)
        return false;
    for (int i = 0; i < expr->arg_count; i++)
        if (!is_strict(expr->args[i])) return false;
    return true;
}

/* inner = outer, with nothing of the other side on either. */
static bool groups_by_equality(const Expr *condition, const Rel *inner) {
    return expr_is_equality(condition) &&
           expr_reads_any(condition->args[0], inner) != expr_reads_any(condition->args[1], inner) &&
           (expr_reads_only(condition->args[0], inner) || expr_reads_only(condition->args[1], inner));
}

/* Conditions that are no equality: the aggregate is computed for every distinct combination of the outer
 * columns they read, which a second reading of the outer FROM gives, and joined back by those. */
static Status aggregate_by_outer(Query *query, BoundQuery *bound, Rel *aggregate, const ExprList *conditions,
                                 ExprList *joined, Error *err) {
    Binder *binder = query->binder;
    IdList outer = {0}, copies = {0}, all = {0};
    Rel *domain = rel_new(binder, PLAN_AGGREGATE, 1);
    for (int i = 0; i < conditions->count; i++) {
        if (!is_strict(conditions->items[i]))
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "a correlated subquery with an aggregate and this condition is not available in "
                             "the columnar engine");
        expr_collect_ids(binder->arena, conditions->items[i], &all);
    }
    for (int i = 0; i < all.count; i++)
        if (id_list_has(&bound->outer_ids, all.items[i]) && !id_list_has(&outer, all.items[i]))
            id_list_add(binder->arena, &outer, all.items[i]);
    TRY(query_copy_from(query, &domain->inputs[0], &outer, &copies, err));
    Expr **to = ARENA_NEW_ARRAY(binder->arena, Expr *, outer.count + 1);
    for (int i = 0; i < outer.count; i++) {
        expr_list_add(binder->arena, &domain->exprs, expr_column(binder, copies.items[i]));
        id_list_add(binder->arena, &domain->ids,
                    binder_add_column(binder, "key", binder->columns[copies.items[i]].type, true));
        to[i] = expr_column(binder, domain->ids.items[i]);
    }
    Rel *join = rel_join(binder, JOIN_INNER, domain, aggregate->inputs[0]);
    ColumnMap map = {.from = outer.items, .to = to, .count = outer.count};
    for (int i = 0; i < conditions->count; i++)
        expr_list_add(binder->arena, &join->predicates,
                      expr_substitute(binder->arena, expr_copy(binder->arena, conditions->items[i]), &map));
    aggregate->inputs[0] = join;
    IdList ids = {0};
    for (int i = 0; i < outer.count; i++) {
        int id = binder_add_column(binder, "key", binder->columns[outer.items[i]].type, true);
        Expr *equal = NULL;
        expr_list_add(binder->arena, &aggregate->exprs, to[i]);
        id_list_add(binder->arena, &ids, id);
        TRY(resolve_operator(binder, "=", expr_column(binder, outer.items[i]), expr_column(binder, id), 0,
                             &equal, err));
        expr_list_add(binder->arena, joined, equal);
    }
    for (int c = 0; c < aggregate->ids.count; c++)
        id_list_add(binder->arena, &ids, aggregate->ids.items[c]);
    aggregate->ids = ids;
    return STATUS_OK;
}

/* The conditions that join an aggregate without groups to the query around it. */
static Status correlate_aggregate(Query *query, PgQuery__SubLink *link, BoundQuery *bound,
                                  ExprList *conditions, Error *err) {
    Rel *aggregate = bound->rel;
    ExprList pulled = {0};
    BoundQuery input = *bound;
    input.rel = aggregate->inputs[0];
    TRY(correlate(query, link, &input, &pulled, false, err));
    aggregate->inputs[0] = input.rel;
    bool by_equality = true;
    for (int i = 0; i < pulled.count; i++)
        by_equality = by_equality && groups_by_equality(pulled.items[i], input.rel);
    if (by_equality || rel_reads_any_of(aggregate, &bound->outer_ids)) {
        aggregate->inputs[0] = rel_filter(query->binder, input.rel, &pulled);
        return correlate(query, link, bound, conditions, false, err);
    }
    Status status = aggregate_by_outer(query, bound, aggregate, &pulled, conditions, err);
    if (status != STATUS_OK && err && err->position == 0)
        err->position = binder_position(query->binder, link->location);
    return status;
}

/* An aggregate over the rows that match: joined by group, its result computed above the join, where no match
 * gives what an empty input gives: NULL, and 0 for a count. */
static Status scalar_aggregate(Query *query, PgQuery__SubLink *link, BoundQuery *bound, Rel *project,
                               Rel *aggregate, Expr **out, Error *err) {
    Binder *binder = query->binder;
    int index = 0;
    while (index < project->ids.count && project->ids.items[index] != bound->columns[0].id)
        index++;
    Expr *value = expr_copy(binder->arena, project->exprs.items[index]);
    ExprList conditions = {0};
    bound->rel = aggregate;
    TRY(correlate_aggregate(query, link, bound, &conditions, err));
    aggregate = bound->rel;
    int *from = ARENA_NEW_ARRAY(binder->arena, int, aggregate->call_count + 1);
    Expr **to = ARENA_NEW_ARRAY(binder->arena, Expr *, aggregate->call_count + 1);
    int count = 0;
    for (int c = 0; c < aggregate->call_count; c++) {
        int id = aggregate->ids.items[aggregate->exprs.count + c];
        binder->columns[id].nullable = true;
        if (!counts(&aggregate->calls[c])) continue;
        Expr *zero = expr_new(binder->arena, EXPR_COALESCE, binder->columns[id].type, 2);
        zero->args[0] = expr_column(binder, id);
        zero->args[1] = constant_int(binder->arena, 0, binder->columns[id].type);
        from[count] = id;
        to[count++] = zero;
    }
    *out = expr_substitute(binder->arena, value, &(ColumnMap){.from = from, .to = to, .count = count});
    add_pending(query, JOIN_LEFT, aggregate)->conditions = conditions;
    return STATUS_OK;
}

static Status bind_scalar(Query *query, PgQuery__SubLink *link, Expr **out, Error *err) {
    Binder *binder = query->binder;
    BoundQuery bound = {0};
    TRY(bind_subselect(query, link, &bound, err));
    int position = binder_position(binder, link->location);
    if (bound.column_count != 1)
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR, position, "subquery must return only one column");
    if (bound.outer_ids.count > 0 && bound.rel->kind == PLAN_PROJECT) {
        bool filtered = false;
        Rel *aggregate = skip_to_aggregate(bound.rel->inputs[0], &filtered);
        if (aggregate && filtered)
            return binder_unsupported(binder, link->location, err, "HAVING in a correlated subquery");
        if (aggregate) return scalar_aggregate(query, link, &bound, bound.rel, aggregate, out, err);
    }
    ExprList conditions = {0};
    TRY(correlate(query, link, &bound, &conditions, false, err));
    add_pending(query, JOIN_SINGLE, bound.rel)->conditions = conditions;
    binder->columns[bound.columns[0].id].nullable = true;
    *out = expr_column(binder, bound.columns[0].id);
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
        return binder_unsupported(query->binder, link->location, err,
                                  "ANY or ALL over a subquery with this operator");
    case PG_QUERY__SUB_LINK_TYPE__ARRAY_SUBLINK:
        return binder_unsupported(query->binder, link->location, err, "ARRAY(subquery)");
    default: return binder_unsupported(query->binder, link->location, err, "this subquery");
    }
}

/* ---- WHERE's own
 * --------------------------------------------------------------------------------------------- */

static Status where_exists(Query *query, PgQuery__SubLink *link, bool negated, bool *handled, Error *err) {
    Binder *binder = query->binder;
    BoundQuery bound = {0};
    TRY(bind_subselect(query, link, &bound, err));
    if (bound.outer_ids.count == 0) return STATUS_OK; /* bound again as one value; nothing was attached yet */
    ExprList conditions = {0};
    TRY(correlate(query, link, &bound, &conditions, true, err));
    add_pending(query, negated ? JOIN_ANTI : JOIN_SEMI, bound.rel)->conditions = conditions;
    (void)binder;
    *handled = true;
    return STATUS_OK;
}

static Status where_in(Query *query, PgQuery__SubLink *link, bool negated, bool *handled, Error *err) {
    Binder *binder = query->binder;
    BoundQuery bound = {0};
    ExprList equal = {0};
    TRY(bind_in_parts(query, link, &bound, &equal, err));
    bool correlated = bound.outer_ids.count > 0;
    if (negated && !correlated && equal.count == 1) return STATUS_OK; /* a mark join, which knows of NULLs */
    ExprList conditions = {0};
    TRY(correlate(query, link, &bound, &conditions, false, err));
    Expr *inside = expr_and_all(binder->arena, &equal);
    if (negated) {
        /* x NOT IN (rows) holds when for no row x = row is true or unknown. */
        Expr *open = expr_new(binder->arena, EXPR_IS_NOT_FALSE, sqltype_of(SQL_BOOL), 1);
        open->args[0] = inside;
        expr_list_add(binder->arena, &conditions, open);
    } else {
        for (int i = 0; i < equal.count; i++)
            expr_list_add(binder->arena, &conditions, equal.items[i]);
    }
    add_pending(query, negated ? JOIN_ANTI : JOIN_SEMI, bound.rel)->conditions = conditions;
    *handled = true;
    return STATUS_OK;
}

Status bind_where_sublink(Query *query, Node *node, bool *handled, Error *err) {
    bool negated = false;
    while (node->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
           node->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR) {
        negated = !negated;
        node = node->bool_expr->args[0];
    }
    if (node->node_case != PG_QUERY__NODE__NODE_SUB_LINK) return STATUS_OK;
    PgQuery__SubLink *link = node->sub_link;
    if (link->sub_link_type == PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK)
        return where_exists(query, link, negated, handled, err);
    if (is_in(link)) return where_in(query, link, negated, handled, err);
    if (is_not_in(link)) return where_in(query, link, !negated, handled, err);
    return STATUS_OK;
}
