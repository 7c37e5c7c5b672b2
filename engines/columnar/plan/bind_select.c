/* Queries: SELECT, VALUES, set operations, WITH. The clauses are bound in PostgreSQL's order, so that of
 * several errors the same one is reported: FROM, SELECT list, WHERE, HAVING, ORDER BY, GROUP BY, LIMIT. */
#include "engines/columnar/plan/bind.h"

void query_init(Query *query, Binder *binder, Query *parent, Cte *ctes) {
    *query = (Query){.binder = binder, .parent = parent, .ctes = ctes};
    query->slots_end = &query->slots;
    query->pending_end = &query->pending;
    query->grouping_slots_end = &query->grouping_slots;
    query->window_slots_end = &query->window_slots;
}

/* ---- the last steps of every query
 * --------------------------------------------------------------------------- */

/* Target columns become a projection; ids of the new columns go into the targets. */
static Rel *project_targets(Query *query, Rel *rel) {
    Binder *binder = query->binder;
    Rel *project = rel_new(binder, PLAN_PROJECT, 1);
    project->inputs[0] = rel;
    for (int i = 0; i < query->target_count; i++) {
        TargetColumn *target = &query->targets[i];
        target->id = binder_add_column(binder, target->name, target->expr->type, true);
        ColumnInfo *info = &binder->columns[target->id];
        if (target->expr->kind == EXPR_COLUMN) {
            const char *name = info->name; /* as it is shown, not as the source column was */
            *info = binder->columns[target->expr->column];
            info->name = name;
            info->version = NULL;
            info->has_modifiers = target->expr->declared;
            if (!sqltype_equals(info->type, target->expr->type)) {
                info->type = target->expr->type; /* varchar read as text */
                info->type_name = NULL;
            }
        } else {
            info->has_modifiers = target->expr->declared;
        }
        expr_list_add(binder->arena, &project->exprs, target->expr);
        id_list_add(binder->arena, &project->ids, target->id);
    }
    return project;
}

static Status distinct_types(Query *query, Error *err) {
    for (int i = 0; i < query->visible_count; i++) {
        SqlType type = query->targets[i].expr->type;
        if (type.id == SQL_JSON && !type.is_array)
            return error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, query->targets[i].expr->position,
                                "could not identify an equality operator for type json");
        if (type.id == SQL_OTHER || type.id == SQL_JSON)
            return binder_unsupported(query->binder, -1, err, "DISTINCT over this type");
    }
    return STATUS_OK;
}

static Rel *distinct_rel(Binder *binder, Rel *rel, const int *ids, int count, int *new_ids) {
    Rel *distinct = rel_new(binder, PLAN_AGGREGATE, 1);
    distinct->inputs[0] = rel;
    for (int i = 0; i < count; i++) {
        ColumnInfo info = binder->columns[ids[i]];
        int id = binder_add_column(binder, info.name, info.type, info.nullable);
        binder->columns[id] = info;
        expr_list_add(binder->arena, &distinct->exprs, expr_column(binder, ids[i]));
        id_list_add(binder->arena, &distinct->ids, id);
        new_ids[i] = id;
    }
    return distinct;
}

static Status distinct_targets(Query *query, Rel **rel, Error *err) {
    Binder *binder = query->binder;
    int *ids = ARENA_NEW_ARRAY(binder->arena, int, query->visible_count + 1);
    int *new_ids = ARENA_NEW_ARRAY(binder->arena, int, query->visible_count + 1);
    TRY(distinct_types(query, err));
    for (int i = 0; i < query->visible_count; i++)
        ids[i] = query->targets[i].id;
    *rel = distinct_rel(binder, *rel, ids, query->visible_count, new_ids);
    for (int i = 0; i < query->visible_count; i++)
        query->targets[i].id = new_ids[i];
    return STATUS_OK;
}

static Rel *sort_rel(Query *query, Rel *rel, SortKey *keys, int count) {
    if (count == 0) return rel;
    Rel *sort = rel_new(query->binder, PLAN_SORT, 1);
    sort->inputs[0] = rel;
    sort->sort_keys = keys;
    sort->sort_key_count = count;
    for (int k = 0; k < count; k++)
        keys[k].expr = expr_column(query->binder, query->targets[(intptr_t)keys[k].expr].id);
    rel_refresh_ids(query->binder, sort);
    return sort;
}

static void publish(Query *query, Rel *rel, BoundQuery *out) {
    out->rel = rel;
    out->outer_ids = query->outer_ids;
    out->column_count = query->visible_count;
    out->columns = ARENA_NEW_ARRAY(query->binder->arena, BoundColumn, query->visible_count + 1);
    for (int i = 0; i < query->visible_count; i++) {
        const TargetColumn *target = &query->targets[i];
        out->columns[i] = (BoundColumn){.name = target->name,
                                        .id = target->id,
                                        .position = target->expr->position,
                                        .literal = expr_is_unknown(target->expr) ? target->expr : NULL};
    }
}

/* ---- SELECT
 * ---------------------------------------------------------------------------------------------------- */

Status bind_target_list(Query *query, Node *const *nodes, size_t count, bool resolve_unknown, Error *err) {
    for (size_t i = 0; i < count; i++) {
        PgQuery__ResTarget *target = nodes[i]->res_target;
        Node *value = target->val;
        if (value && value->node_case == PG_QUERY__NODE__NODE_COLUMN_REF && value->column_ref->n_fields > 0 &&
            value->column_ref->fields[value->column_ref->n_fields - 1]->node_case ==
                PG_QUERY__NODE__NODE_A_STAR) {
            TRY(bind_star(query, value->column_ref, err));
            continue;
        }
        Expr *expr = NULL;
        TRY(bind_expr(query, value, &expr, err));
        query_add_target(query, target->name && *target->name ? target->name : target_name(value), expr,
                         value);
    }
    query->visible_count = query->target_count;
    for (int i = 0; i < query->target_count; i++) {
        TargetColumn *target = &query->targets[i];
        bool undecided = expr_is_unknown(target->expr);
        if (undecided && (resolve_unknown || target->expr->kind != EXPR_CONSTANT))
            TRY(coerce_expr(query->binder, target->expr, sqltype_of(SQL_TEXT), CAST_IMPLICIT, &target->expr,
                            err));
    }
    return STATUS_OK;
}

Status bind_where_node(Query *query, Node *node, ExprList *conjuncts, Error *err) {
    if (node->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
        node->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR) {
        for (size_t i = 0; i < node->bool_expr->n_args; i++)
            TRY(bind_where_node(query, node->bool_expr->args[i], conjuncts, err));
        return STATUS_OK;
    }
    bool handled = false;
    TRY(bind_where_sublink(query, node, conjuncts, &handled, err));
    if (handled) return STATUS_OK;
    Expr *condition = NULL;
    TRY(bind_expr(query, node, &condition, err));
    TRY(coerce_to_bool(query->binder, condition, "WHERE", &condition, err));
    expr_split_conjuncts(query->binder->arena, condition, conjuncts);
    return STATUS_OK;
}

static Rel *aggregate_rel(Query *query, Rel *rel) {
    Binder *binder = query->binder;
    Rel *aggregate = rel_new(binder, PLAN_AGGREGATE, 1);
    aggregate->inputs[0] = rel;
    for (int g = 0; g < query->group_count; g++) {
        expr_list_add(binder->arena, &aggregate->exprs, query->groups[g]);
        id_list_add(binder->arena, &aggregate->ids, query->group_ids[g]);
    }
    for (AggregateSlot *slot = query->slots; slot; slot = slot->next)
        aggregate->call_count++;
    aggregate->calls = ARENA_NEW_ARRAY(binder->arena, AggregateCall, aggregate->call_count + 1);
    int call = 0;
    for (AggregateSlot *slot = query->slots; slot; slot = slot->next) {
        aggregate->calls[call++] = slot->call;
        id_list_add(binder->arena, &aggregate->ids, slot->id);
    }
    query_grouping_to_rel(query, aggregate);
    return aggregate;
}

static Status replace_all_grouped(Query *query, Expr **having, Error *err) {
    for (int i = 0; i < query->target_count; i++)
        TRY(query_replace_grouped(query, query->targets[i].expr, &query->targets[i].expr, err));
    if (*having) TRY(query_replace_grouped(query, *having, having, err));
    TRY(query_replace_grouped_sets(query, err));
    TRY(query_replace_windows(query, err));
    for (PendingJoin *pending = query->pending; pending; pending = pending->next) {
        if (pending->before_groups) continue;
        for (int c = 0; c < pending->conditions.count; c++)
            TRY(query_replace_grouped(query, pending->conditions.items[c], &pending->conditions.items[c],
                                      err));
        if (pending->guard) TRY(query_replace_grouped(query, pending->guard, &pending->guard, err));
        TRY(query_replace_grouped_rel(query, pending->right, err));
    }
    return STATUS_OK;
}

static Status group_types(Query *query, Error *err) {
    for (int g = 0; g < query->group_count; g++) {
        SqlType type = query->groups[g]->type;
        if (type.id == SQL_JSON && !type.is_array)
            return error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, query->groups[g]->position,
                                "could not identify an equality operator for type json");
        if (type.id == SQL_OTHER || (type.id == SQL_JSON && type.is_array))
            return binder_unsupported(query->binder, -1, err, "grouping by this type");
    }
    return STATUS_OK;
}

static Status reject_unsupported(Binder *binder, PgQuery__SelectStmt *select, Error *err) {
    if (select->into_clause) return binder_unsupported(binder, -1, err, "SELECT INTO");
    if (select->n_locking_clause > 0) return binder_unsupported(binder, -1, err, "FOR UPDATE or FOR SHARE");
    return STATUS_OK;
}

static Status bind_select(Query *query, PgQuery__SelectStmt *select, bool resolve_unknown, BoundQuery *out,
                          Error *err) {
    Binder *binder = query->binder;
    bool distinct_on = select_is_distinct_on(select);
    bool distinct = select->n_distinct_clause > 0 && !distinct_on;
    TRY(reject_unsupported(binder, select, err));
    query->clause = CLAUSE_FROM;
    query->select = select;
    TRY(bind_from(query, select->from_clause, select->n_from_clause, err));
    TRY(query_bind_windows(query, select, err));
    query->clause = CLAUSE_SELECT;
    /* What is told apart or sorted by has a type before an enclosing UNION looks for a common one. */
    TRY(bind_target_list(query, select->target_list, select->n_target_list, resolve_unknown || distinct,
                         err));
    ExprList where = {0}, having_list = {0};
    query->clause = CLAUSE_WHERE;
    if (select->where_clause) TRY(bind_where_node(query, select->where_clause, &where, err));
    Expr *having = NULL;
    query->clause = CLAUSE_HAVING;
    if (select->having_clause) TRY(bind_condition(query, select->having_clause, "HAVING", &having, err));
    SortKey *keys = NULL;
    int key_count = 0;
    TRY(query_bind_order(query, select, distinct, &keys, &key_count, err));
    TRY(query_bind_groups(query, select, err));
    IdList on = {0};
    if (distinct_on) TRY(query_bind_distinct_on(query, select, keys, key_count, &on, err));
    Rel *rel = query_place_pending(query, query->from.rel, true, true);
    rel = rel_filter(binder, rel, &where);
    rel = query_place_pending(query, rel, false, true);
    if (query->slots || query->grouping_slots || select->n_group_clause > 0 || having) {
        rel = query_place_sets(query, rel, true);
        TRY(replace_all_grouped(query, &having, err));
        TRY(group_types(query, err));
        rel = aggregate_rel(query, rel);
        rel = query_place_pending(query, rel, false, false);
        if (having) expr_split_conjuncts(binder->arena, having, &having_list);
        rel = rel_filter(binder, rel, &having_list);
    } else {
        rel = query_place_pending(query, rel, false, false);
    }
    rel = query_place_windows(query, rel);
    rel = query_place_sets(query, rel, false);
    rel = project_targets(query, rel);
    if (distinct) TRY(distinct_targets(query, &rel, err));
    if (distinct_on) TRY(query_place_distinct_on(query, &on, keys, key_count, &rel, err));
    rel = sort_rel(query, rel, keys, key_count);
    TRY(bind_limit(query, select, &rel, err));
    publish(query, rel, out);
    return STATUS_OK;
}

/* ---- VALUES
 * ---------------------------------------------------------------------------------------------------- */

static Status bind_values_rows(Query *query, PgQuery__SelectStmt *select, Expr ****rows, int *columns,
                               Error *err) {
    Binder *binder = query->binder;
    *rows = ARENA_NEW_ARRAY(binder->arena, Expr **, (int)select->n_values_lists);
    query->clause = CLAUSE_VALUES;
    for (size_t r = 0; r < select->n_values_lists; r++) {
        PgQuery__List *list = select->values_lists[r]->list;
        if (r == 0) *columns = (int)list->n_items;
        if ((int)list->n_items != *columns)
            return error_set(err, SQLSTATE_SYNTAX_ERROR, "VALUES lists must all be the same length");
        TRY(bind_exprs(query, list->items, list->n_items, &(*rows)[r], err));
    }
    return STATUS_OK;
}

/* Rows with subqueries: each is a projection of one row beside all the subqueries' values. */
Rel *rows_with_subqueries(Query *query, Rel *values) {
    Binder *binder = query->binder;
    Rel *rows = rel_new(binder, PLAN_UNION_ALL, values->value_row_count);
    for (int r = 0; r < values->value_row_count; r++) {
        Rel *one = rel_new(binder, PLAN_VALUES, 0), *project = rel_new(binder, PLAN_PROJECT, 1);
        one->value_row_count = 1;
        one->value_rows = ARENA_NEW_ARRAY(binder->arena, Expr **, 1);
        project->inputs[0] = query_place_all(query, query->pending, one);
        for (int c = 0; c < values->ids.count; c++) {
            Expr *value = values->value_rows[r][c];
            expr_list_add(binder->arena, &project->exprs, value);
            id_list_add(
                binder->arena, &project->ids,
                binder_add_column(binder, binder->columns[values->ids.items[c]].name, value->type, true));
        }
        IdList ids = {0}; /* a computation of its own for each row: columns are made once */
        rows->inputs[r] = rel_copy(binder, project, &project->ids, &ids);
    }
    rows->ids = values->ids;
    return rows;
}

static Status bind_values(Query *query, PgQuery__SelectStmt *select, BoundQuery *out, Error *err) {
    Binder *binder = query->binder;
    Expr ***rows = NULL;
    int columns = 0, row_count = (int)select->n_values_lists;
    TRY(bind_values_rows(query, select, &rows, &columns, err));
    Rel *rel = rel_new(binder, PLAN_VALUES, 0);
    rel->value_rows = rows;
    rel->value_row_count = row_count;
    Expr **column = ARENA_NEW_ARRAY(binder->arena, Expr *, row_count);
    for (int c = 0; c < columns; c++) {
        SqlType type;
        for (int r = 0; r < row_count; r++)
            column[r] = rows[r][c];
        TRY(common_type(binder, column, row_count, "VALUES", &type, err));
        for (int r = 0; r < row_count; r++)
            TRY(coerce_exact(binder, rows[r][c], type, CAST_IMPLICIT, &rows[r][c], err));
        const char *name = arena_printf(binder->arena, "column%d", c + 1);
        int id = binder_add_column(binder, name, type, true);
        id_list_add(binder->arena, &rel->ids, id);
        int target = query_add_target(query, name, expr_column(binder, id), NULL);
        query->targets[target].id = id;
    }
    query->visible_count = columns;
    SortKey *keys = NULL;
    int key_count = 0;
    TRY(query_bind_order(query, select, false, &keys, &key_count, err));
    if (query->target_count > query->visible_count)
        return binder_unsupported(binder, -1, err, "ORDER BY an expression over VALUES");
    Rel *top = sort_rel(query, query->pending ? rows_with_subqueries(query, rel) : rel, keys, key_count);
    TRY(bind_limit(query, select, &top, err));
    publish(query, top, out);
    return STATUS_OK;
}

/* ---- set operations
 * -------------------------------------------------------------------------------------------- */

static const char *set_name(PgQuery__SetOperation op) {
    return op == PG_QUERY__SET_OPERATION__SETOP_UNION       ? "UNION"
           : op == PG_QUERY__SET_OPERATION__SETOP_INTERSECT ? "INTERSECT"
                                                            : "EXCEPT";
}

static Expr *side_expr(Binder *binder, const BoundColumn *column) {
    Expr *expr = column->literal ? column->literal : expr_column(binder, column->id);
    expr->position = column->position;
    return expr;
}

/* One side, with its columns in order and of the common types. */
static Status align_side(Binder *binder, const BoundQuery *side, const SqlType *types, const bool *declared,
                         Rel **out, Error *err) {
    Rel *project = rel_new(binder, PLAN_PROJECT, 1);
    project->inputs[0] = side->rel;
    for (int c = 0; c < side->column_count; c++) {
        Expr *expr = NULL;
        TRY(coerce_exact(binder, side_expr(binder, &side->columns[c]), types[c], CAST_IMPLICIT, &expr, err));
        int id = binder_add_column(binder, side->columns[c].name, types[c], true);
        if (expr->kind == EXPR_COLUMN)
            binder->columns[id] = (ColumnInfo){.name = binder->columns[id].name,
                                               .type = types[c],
                                               .nullable = binder->columns[expr->column].nullable,
                                               .distinct = binder->columns[expr->column].distinct,
                                               .table_column = -1};
        binder->columns[id].has_modifiers = declared[c];
        expr_list_add(binder->arena, &project->exprs, expr);
        id_list_add(binder->arena, &project->ids, id);
    }
    *out = project;
    return STATUS_OK;
}

static Status order_set_result(Query *query, PgQuery__SelectStmt *select, SortKey **keys, int *count,
                               Error *err) {
    for (size_t i = 0; i < select->n_sort_clause; i++) {
        Node *node = select->sort_clause[i]->sort_by->node;
        bool constant = node->node_case == PG_QUERY__NODE__NODE_A_CONST, named = false;
        if (node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF && node->column_ref->n_fields == 1 &&
            node_string(node->column_ref->fields[0]))
            for (int c = 0; c < query->visible_count; c++)
                named =
                    named || strcmp(query->targets[c].name, node_string(node->column_ref->fields[0])) == 0;
        if (constant || named) continue;
        Expr *expr = NULL;
        for (int c = 0; c < query->visible_count && !query->from.columns; c++) {
            query->from.columns = ARENA_NEW_ARRAY(query->binder->arena, VisibleColumn, query->visible_count);
            for (int v = 0; v < query->visible_count; v++)
                query->from.columns[query->from.column_count++] =
                    (VisibleColumn){query->targets[v].name, query->targets[v].expr};
        }
        TRY(bind_expr(query, node, &expr, err));
        (void)error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, expr->position,
                           "invalid UNION/INTERSECT/EXCEPT ORDER BY clause");
        (void)error_add_detail(err, "Only result column names can be used, not expressions or functions.");
        return error_add_hint(
            err, "Add the expression/function to every SELECT, or move the UNION into a FROM clause.");
    }
    return query_bind_order(query, select, false, keys, count, err);
}

static Status combine_sides(Query *query, PgQuery__SelectStmt *select, Rel **sides, const BoundQuery *left,
                            const SqlType *types, const bool *declared, Rel **out, Error *err) {
    Binder *binder = query->binder;
    bool is_union = select->op == PG_QUERY__SET_OPERATION__SETOP_UNION;
    Rel *rel = rel_new(binder, is_union ? PLAN_UNION_ALL : PLAN_SET_OPERATION, 2);
    rel->inputs[0] = sides[0];
    rel->inputs[1] = sides[1];
    rel->set_except = select->op == PG_QUERY__SET_OPERATION__SETOP_EXCEPT;
    rel->set_all = select->all;
    for (int c = 0; c < left->column_count; c++) {
        int id = binder_add_column(binder, left->columns[c].name, types[c], true);
        binder->columns[id].has_modifiers = declared[c];
        id_list_add(binder->arena, &rel->ids, id);
        int target = query_add_target(query, left->columns[c].name, expr_column(binder, id), NULL);
        query->targets[target].id = id;
    }
    query->visible_count = left->column_count;
    if (!(is_union && select->all)) TRY(distinct_types(query, err));
    if (is_union && !select->all) {
        int *new_ids = ARENA_NEW_ARRAY(binder->arena, int, left->column_count + 1);
        rel = distinct_rel(binder, rel, rel->ids.items, left->column_count, new_ids);
        for (int c = 0; c < left->column_count; c++) {
            query->targets[c].id = new_ids[c];
            query->targets[c].expr = expr_column(binder, new_ids[c]);
        }
    }
    *out = rel;
    return STATUS_OK;
}

/* A UNION of many is nested to the left only: its sides are counted apart from what is nested in a side. */
static Status bind_left_side(Query *query, PgQuery__SelectStmt *select, BoundQuery *out, Error *err) {
    enum { MOST_SIDES = 1000 };
    Binder *binder = query->binder;
    if (binder->set_depth >= MOST_SIDES)
        return error_set(err, SQLSTATE_TOO_COMPLEX, "the statement's queries are nested too deeply");
    binder->set_depth++;
    binder->depth--;
    Status status = bind_query(binder, query->parent, query->ctes, select->larg, false, out, err);
    binder->depth++;
    binder->set_depth--;
    return status;
}

static Status bind_set_operation(Query *query, PgQuery__SelectStmt *select, BoundQuery *out, Error *err) {
    Binder *binder = query->binder;
    BoundQuery left = {0}, right = {0};
    if (select->n_locking_clause > 0) return binder_unsupported(binder, -1, err, "FOR UPDATE or FOR SHARE");
    TRY(bind_left_side(query, select, &left, err));
    TRY(bind_query(binder, query->parent, query->ctes, select->rarg, false, &right, err));
    const char *name = set_name(select->op);
    if (left.column_count != right.column_count)
        return error_set_at(err, SQLSTATE_SYNTAX_ERROR,
                            right.column_count > 0 ? right.columns[0].position : 0,
                            "each %s query must have the same number of columns", name);
    for (int i = 0; i < left.outer_ids.count + right.outer_ids.count; i++) {
        int id = i < left.outer_ids.count ? left.outer_ids.items[i]
                                          : right.outer_ids.items[i - left.outer_ids.count];
        if (!id_list_has(&query->outer_ids, id)) id_list_add(binder->arena, &query->outer_ids, id);
    }
    SqlType *types = ARENA_NEW_ARRAY(binder->arena, SqlType, left.column_count + 1);
    bool *declared = ARENA_NEW_ARRAY(binder->arena, bool, left.column_count + 1);
    for (int c = 0; c < left.column_count; c++) {
        Expr *pair[2] = {side_expr(binder, &left.columns[c]), side_expr(binder, &right.columns[c])};
        declared[c] = modifiers_agree(pair, 2);
        TRY(common_type(binder, pair, 2, name, &types[c], err));
    }
    Rel *sides[2], *rel = NULL;
    TRY(align_side(binder, &left, types, declared, &sides[0], err));
    TRY(align_side(binder, &right, types, declared, &sides[1], err));
    TRY(combine_sides(query, select, sides, &left, types, declared, &rel, err));
    SortKey *keys = NULL;
    int key_count = 0;
    TRY(order_set_result(query, select, &keys, &key_count, err));
    rel = sort_rel(query, rel, keys, key_count);
    TRY(bind_limit(query, select, &rel, err));
    publish(query, rel, out);
    return STATUS_OK;
}

/* ---- the way in
 * ------------------------------------------------------------------------------------------------ */

Status bind_query(Binder *binder, Query *parent, Cte *ctes, PgQuery__SelectStmt *select, bool resolve_unknown,
                  BoundQuery *out, Error *err) {
    enum { DEEPEST = 1000 };
    if (binder->depth >= DEEPEST)
        return error_set(err, SQLSTATE_TOO_COMPLEX, "the statement's queries are nested too deeply");
    Query *query = ARENA_NEW(binder->arena, Query);
    query_init(query, binder, parent, ctes);
    TRY(query_add_ctes(query, select->with_clause, err));
    binder->depth++;
    Status status;
    if (select->op != PG_QUERY__SET_OPERATION__SETOP_NONE &&
        select->op != PG_QUERY__SET_OPERATION__SET_OPERATION_UNDEFINED)
        status = bind_set_operation(query, select, out, err);
    else if (select->n_values_lists > 0)
        status = bind_values(query, select, out, err);
    else
        status = bind_select(query, select, resolve_unknown, out, err);
    if (status == STATUS_OK) status = query_check_ctes(query, err);
    binder->depth--;
    return status;
}
