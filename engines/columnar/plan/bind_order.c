/* ORDER BY, LIMIT, and how GROUP BY and ORDER BY name output columns. */
#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/rel_window.h"

int query_add_target(Query *query, const char *name, Expr *expr, Node *node) {
    if (query->target_count == query->target_capacity) {
        int capacity = query->target_capacity ? query->target_capacity * 2 : 16;
        TargetColumn *grown = ARENA_NEW_ARRAY(query->binder->arena, TargetColumn, capacity);
        if (query->target_count) memcpy(grown, query->targets, sizeof *grown * (size_t)query->target_count);
        query->targets = grown;
        query->target_capacity = capacity;
    }
    query->targets[query->target_count] = (TargetColumn){.name = name, .expr = expr, .node = node, .id = -1};
    return query->target_count++;
}

static bool from_has_column(const Query *query, const char *name) {
    for (int c = 0; c < query->from.column_count; c++)
        if (strcmp(query->from.columns[c].name, name) == 0) return true;
    return false;
}

/* A bare name: output names come first in ORDER BY, input columns first in GROUP BY. */
static Status find_by_name(Query *query, PgQuery__ColumnRef *ref, bool group_by, int *target, Error *err) {
    const char *name = ref->n_fields == 1 ? node_string(ref->fields[0]) : NULL;
    if (!name || (group_by && from_has_column(query, name))) return STATUS_OK;
    for (int i = 0; i < query->visible_count; i++) {
        if (strcmp(query->targets[i].name, name) != 0) continue;
        if (*target >= 0 && !expr_written_alike(query->targets[*target].expr, query->targets[i].expr))
            return error_set_at(err, SQLSTATE_AMBIGUOUS_COLUMN, binder_position(query->binder, ref->location),
                                "%s \"%s\" is ambiguous", group_by ? "GROUP BY" : "ORDER BY", name);
        if (*target < 0) *target = i;
    }
    return STATUS_OK;
}

Status query_find_target(Query *query, Node *node, bool group_by, int *target, Error *err) {
    const char *clause = group_by ? "GROUP BY" : "ORDER BY";
    *target = -1;
    if (node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF)
        TRY(find_by_name(query, node->column_ref, group_by, target, err));
    if (*target >= 0) return STATUS_OK;
    if (node->node_case == PG_QUERY__NODE__NODE_A_CONST) {
        PgQuery__AConst *constant = node->a_const;
        int position = binder_position(query->binder, constant->location);
        bool integer = constant->val_case == PG_QUERY__A__CONST__VAL_IVAL ||
                       (constant->val_case == PG_QUERY__A__CONST__VAL__NOT_SET && !constant->isnull);
        if (!integer)
            return error_set_at(err, SQLSTATE_SYNTAX_ERROR, position, "non-integer constant in %s", clause);
        int ordinal = constant->val_case == PG_QUERY__A__CONST__VAL_IVAL ? constant->ival->ival : 0;
        if (ordinal < 1 || ordinal > query->visible_count)
            return error_set_at(err, "42P10", position, "%s position %d is not in select list", clause,
                                ordinal);
        *target = ordinal - 1;
        Expr **expr = &query->targets[*target].expr;
        return expr_is_unknown(*expr)
                   ? coerce_expr(query->binder, *expr, sqltype_of(SQL_TEXT), CAST_IMPLICIT, expr, err)
                   : STATUS_OK;
    }
    Expr *expr = NULL;
    TRY(bind_expr(query, node, &expr, err));
    if (expr_is_unknown(expr))
        TRY(coerce_expr(query->binder, expr, sqltype_of(SQL_TEXT), CAST_IMPLICIT, &expr, err));
    for (int i = 0; i < query->target_count && *target < 0; i++)
        if (expr_written_alike(query->targets[i].expr, expr)) *target = i;
    if (*target < 0) *target = query_add_target(query, target_name(node), expr, node);
    return STATUS_OK;
}

Status order_type_check(Query *query, const Expr *expr, Error *err) {
    SqlType type = expr->type;
    if (type.id == SQL_JSON && !type.is_array) {
        (void)error_set_at(err, SQLSTATE_UNDEFINED_FUNCTION, expr->position,
                           "could not identify an ordering operator for type json");
        return error_add_hint(err, "Use an explicit ordering operator or modify the query.");
    }
    if (type.id == SQL_OTHER || type.id == SQL_JSON)
        return binder_unsupported(query->binder, -1, err, "ordering by this type");
    return STATUS_OK;
}

/* USING names a btree operator: < and > and what is the same under the C collation. */
static Status using_direction(Query *query, const PgQuery__SortBy *sort, bool *descending, Error *err) {
    const char *name = sort->n_use_op ? node_string(sort->use_op[sort->n_use_op - 1]) : NULL;
    bool less = name && (strcmp(name, "<") == 0 || strcmp(name, "~<~") == 0);
    *descending = name && (strcmp(name, ">") == 0 || strcmp(name, "~>~") == 0);
    if (less || *descending) return STATUS_OK;
    if (!name || strspn(name, "<>=") != strlen(name))
        return binder_unsupported(query->binder, sort->location, err, "ORDER BY ... USING this operator");
    (void)error_set_at(err, "42809", binder_position(query->binder, sort->location),
                       "operator %s is not a valid ordering operator", name);
    return error_add_hint(err,
                          "Ordering operators must be \"<\" or \">\" members of btree operator families.");
}

Status order_direction(Query *query, const PgQuery__SortBy *sort, SortKey *key, Error *err) {
    key->descending = sort->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_DESC;
    if (sort->sortby_dir == PG_QUERY__SORT_BY_DIR__SORTBY_USING)
        TRY(using_direction(query, sort, &key->descending, err));
    key->nulls_first = sort->sortby_nulls == PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_FIRST ||
                       (key->descending && sort->sortby_nulls != PG_QUERY__SORT_BY_NULLS__SORTBY_NULLS_LAST);
    return STATUS_OK;
}

Status query_bind_order(Query *query, PgQuery__SelectStmt *select, bool distinct, SortKey **keys, int *count,
                        Error *err) {
    *keys = ARENA_NEW_ARRAY(query->binder->arena, SortKey, (int)select->n_sort_clause + 1);
    *count = 0;
    query->clause = CLAUSE_ORDER;
    for (size_t i = 0; i < select->n_sort_clause; i++) {
        PgQuery__SortBy *sort = select->sort_clause[i]->sort_by;
        int target = -1;
        int before = query->target_count;
        TRY(query_find_target(query, sort->node, false, &target, err));
        if (distinct && query->target_count > before)
            return error_set_at(err, "42P10", query->targets[target].expr->position,
                                "for SELECT DISTINCT, ORDER BY expressions must appear in select list");
        TRY(order_type_check(query, query->targets[target].expr, err));
        SortKey key = {.expr = (Expr *)(intptr_t)target};
        TRY(order_direction(query, sort, &key, err));
        (*keys)[(*count)++] = key;
    }
    query->clause = CLAUSE_SELECT;
    return STATUS_OK;
}

static bool node_is_null(const Node *node) {
    return node->node_case == PG_QUERY__NODE__NODE_A_CONST && node->a_const->isnull;
}

/* LIMIT takes what an assignment to bigint would. */
static bool coerce_is_assignable(SqlType type) {
    return sqltype_is_number(type);
}

static Status bind_limit_expr(Query *query, Node *node, const char *what, Expr **out, Error *err) {
    *out = NULL;
    if (!node || node_is_null(node)) return STATUS_OK;
    FromItem outside = query->from;
    Expr *expr = NULL;
    query->clause = CLAUSE_LIMIT;
    Status status = bind_expr(query, node, &expr, err);
    query->from = outside;
    query->clause = CLAUSE_SELECT;
    TRY(status);
    if (!expr_reads_nothing(expr) && query->binder->function)
        return binder_unsupported(query->binder, -1, err, "%s of a function's parameter", what);
    if (!expr_reads_nothing(expr))
        return error_set_at(err, "42P10", expr->position, "argument of %s must not contain variables", what);
    SqlType type = expr->type;
    if (!expr_is_unknown(expr) && (type.is_array || !coerce_is_assignable(type))) {
        char name[SQLTYPE_NAME_BYTES];
        return error_set_at(err, SQLSTATE_DATATYPE_MISMATCH, expr->position,
                            "argument of %s must be type bigint, not type %s", what,
                            sqltype_name(type, false, name));
    }
    TRY(coerce_expr(query->binder, expr, sqltype_of(SQL_INT8), CAST_ASSIGNMENT, out, err));
    if (expr_is_constant(*out) && !expr_is_null_constant(*out) &&
        *(const int64_t *)(*out)->constant->values < 0)
        return error_set(err, strcmp(what, "LIMIT") == 0 ? "2201W" : "2201X", "%s must not be negative",
                         what);
    return STATUS_OK;
}

static Status settle_row_count(Query *query, Expr *expr, int64_t absent, int64_t *out, Error *err) {
    Expr *folded = expr;
    *out = absent;
    if (!expr) return STATUS_OK;
    if (!expr_is_constant(expr)) TRY(constant_fold(query->binder->arena, expr, &folded, err));
    if (!folded || !expr_is_constant(folded))
        return binder_unsupported(query->binder, -1, err,
                                  "WITH TIES of a number of rows that is not constant");
    if (!expr_is_null_constant(folded)) *out = *(const int64_t *)folded->constant->values;
    return STATUS_OK;
}

/* Rows up to the last one wanted and its peers are those whose rank is no higher than its number. */
static Status limit_with_ties(Query *query, Rel **rel, Expr *limit, Expr *offset, Error *err) {
    Binder *binder = query->binder;
    Rel *sort = *rel;
    int64_t rows, skipped;
    TRY(settle_row_count(query, limit, INT64_MAX / 2, &rows, err));
    TRY(settle_row_count(query, offset, 0, &skipped, err));
    if (sort->kind != PLAN_SORT) return binder_unsupported(binder, -1, err, "WITH TIES without ORDER BY");
    int64_t last = rows > INT64_MAX - skipped ? INT64_MAX : rows > 0 ? rows + skipped : 0;
    SqlType int8 = sqltype_of(SQL_INT8);
    ExprList wanted = {0};
    int rank, number;
    Rel *numbered =
        rel_numbered(binder, sort->inputs[0], WINDOW_RANK, sort->sort_keys, 0, sort->sort_key_count, &rank);
    Expr *condition = NULL;
    TRY(resolve_operator(binder, "<=", expr_column(binder, rank), constant_int(binder->arena, last, int8), 0,
                         &condition, err));
    expr_list_add(binder->arena, &wanted, condition);
    if (skipped > 0) {
        numbered = rel_numbered(binder, numbered, WINDOW_ROW_NUMBER, sort->sort_keys, 0, sort->sort_key_count,
                                &number);
        TRY(resolve_operator(binder, ">", expr_column(binder, number),
                             constant_int(binder->arena, skipped, int8), 0, &condition, err));
        expr_list_add(binder->arena, &wanted, condition);
    }
    sort->inputs[0] = rel_filter(binder, numbered, &wanted);
    rel_refresh_ids(binder, sort);
    return STATUS_OK;
}

Status bind_limit(Query *query, PgQuery__SelectStmt *select, Rel **rel, Error *err) {
    Expr *limit = NULL, *offset = NULL;
    TRY(bind_limit_expr(query, select->limit_offset, "OFFSET", &offset, err));
    TRY(bind_limit_expr(query, select->limit_count, "LIMIT", &limit, err));
    if (select->limit_option == PG_QUERY__LIMIT_OPTION__LIMIT_OPTION_WITH_TIES)
        return limit_with_ties(query, rel, limit, offset, err);
    if (!limit && !offset) return STATUS_OK;
    Rel *node = rel_new(query->binder, PLAN_LIMIT, 1);
    node->inputs[0] = *rel;
    node->limit = limit;
    node->offset = offset;
    rel_refresh_ids(query->binder, node);
    *rel = node;
    return STATUS_OK;
}
