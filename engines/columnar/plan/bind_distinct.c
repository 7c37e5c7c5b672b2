/* DISTINCT ON: the first row, by ORDER BY, of those that agree in some expressions. */
#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/rel_window.h"

bool select_is_distinct_on(const PgQuery__SelectStmt *select) {
    /* Plain DISTINCT is a list of one empty node. */
    return select->n_distinct_clause > 0 &&
           select->distinct_clause[0]->node_case != PG_QUERY__NODE__NODE__NOT_SET;
}

/* Refused where it is written among the ON expressions. */
static Status no_match(Query *query, const PgQuery__SelectStmt *select, int target, Error *err) {
    int position = 0;
    for (size_t i = 0; i < select->n_distinct_clause && position == 0; i++) {
        Node *node = select->distinct_clause[i];
        int found = -1;
        Expr *written = NULL;
        TRY(query_find_target(query, node, false, &found, err));
        if (found != target) continue;
        if (node->node_case == PG_QUERY__NODE__NODE_A_CONST) {
            position = binder_position(query->binder, node->a_const->location);
        } else if (node->node_case == PG_QUERY__NODE__NODE_COLUMN_REF) {
            position = binder_position(query->binder, node->column_ref->location);
        } else {
            TRY(bind_expr(query, node, &written, err));
            position = written->position;
        }
    }
    return error_set_at(err, "42P10", position,
                        "SELECT DISTINCT ON expressions must match initial ORDER BY expressions");
}

/* The expressions become targets; those of ORDER BY that come first must be the same. `keys` name targets. */
Status query_bind_distinct_on(Query *query, const PgQuery__SelectStmt *select, const SortKey *keys,
                              int key_count, IdList *targets, Error *err) {
    Binder *binder = query->binder;
    for (size_t i = 0; i < select->n_distinct_clause; i++) {
        int target = -1;
        TRY(query_find_target(query, select->distinct_clause[i], false, &target, err));
        TRY(order_type_check(query, query->targets[target].expr, err));
        if (!id_list_has(targets, target)) id_list_add(binder->arena, targets, target);
    }
    int matched = 0, other = -1;
    IdList sorted = {0};
    for (int k = 0; k < key_count; k++) {
        int target = (int)(intptr_t)keys[k].expr;
        if (!id_list_has(targets, target)) {
            other = k;
            continue;
        }
        if (id_list_has(&sorted, target)) continue; /* said twice, it orders once */
        if (other >= 0) return no_match(query, select, target, err);
        id_list_add(binder->arena, &sorted, target);
        matched = sorted.count;
    }
    for (int t = 0; other >= 0 && matched < targets->count && t < targets->count; t++)
        if (!id_list_has(&sorted, targets->items[t])) return no_match(query, select, targets->items[t], err);
    return STATUS_OK;
}

/* Over the projected targets: row number 1 of each partition stays. */
Status query_place_distinct_on(Query *query, const IdList *targets, const SortKey *keys, int key_count,
                               Rel **rel, Error *err) {
    Binder *binder = query->binder;
    SortKey *all = ARENA_NEW_ARRAY(binder->arena, SortKey, targets->count + key_count + 1);
    int count = targets->count, number;
    for (int t = 0; t < targets->count; t++)
        all[t] = (SortKey){.expr = expr_column(binder, query->targets[targets->items[t]].id)};
    for (int k = 0; k < key_count; k++) {
        int target = (int)(intptr_t)keys[k].expr;
        if (id_list_has(targets, target)) continue;
        all[count] = keys[k];
        all[count++].expr = expr_column(binder, query->targets[target].id);
    }
    Rel *numbered =
        rel_numbered(binder, *rel, WINDOW_ROW_NUMBER, all, targets->count, count - targets->count, &number);
    ExprList first = {0};
    Expr *condition = NULL;
    TRY(resolve_operator(binder, "=", expr_column(binder, number),
                         constant_int(binder->arena, 1, sqltype_of(SQL_INT8)), 0, &condition, err));
    expr_list_add(binder->arena, &first, condition);
    *rel = rel_filter(binder, numbered, &first);
    return STATUS_OK;
}
