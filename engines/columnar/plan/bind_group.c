/* GROUP BY, and what may stand in SELECT, HAVING and ORDER BY above it. */
#include "engines/columnar/plan/bind.h"
#include "engines/columnar/plan/unnest.h"

static int add_group(Query *query, Expr *expr, const char *name) {
    Binder *binder = query->binder;
    for (int g = 0; g < query->group_count; g++)
        if (expr_written_alike(query->groups[g], expr)) return g;
    if (query->group_count == query->group_capacity) {
        int capacity = query->group_capacity ? query->group_capacity * 2 : 8;
        Expr **groups = ARENA_NEW_ARRAY(binder->arena, Expr *, capacity);
        int *ids = ARENA_NEW_ARRAY(binder->arena, int, capacity);
        if (query->group_count) {
            memcpy(groups, query->groups, sizeof *groups * (size_t)query->group_count);
            memcpy(ids, query->group_ids, sizeof *ids * (size_t)query->group_count);
        }
        query->groups = groups;
        query->group_ids = ids;
        query->group_capacity = capacity;
    }
    int id = binder_add_column(binder, name, expr->type, true);
    if (expr->kind == EXPR_COLUMN) {
        int table_column = binder->columns[id].table_column;
        ColumnInfo source = binder->columns[expr->column];
        source.table_column = table_column;
        source.version = NULL;
        if (!sqltype_equals(source.type, expr->type)) {
            source.type = expr->type; /* varchar read as text */
            source.type_name = NULL;
        }
        binder->columns[id] = source;
    }
    query->groups[query->group_count] = expr;
    query->group_ids[query->group_count] = id;
    return query->group_count++;
}

/* Subqueries that a grouped expression reads belong below the groups. */
static void lower_pending(Query *query, const IdList *ids) {
    for (PendingJoin *pending = query->pending; pending; pending = pending->next)
        for (int i = 0; i < ids->count; i++)
            if (ids->items[i] == pending->mark || rel_produces(pending->right, ids->items[i]))
                pending->before_groups = true;
}

/* One expression of GROUP BY, as the position of its group. */
Status query_add_group(Query *query, Node *node, int *group, Error *err) {
    Binder *binder = query->binder;
    int target = -1;
    Clause before = query->clause;
    query->clause = CLAUSE_GROUP;
    Status status = query_find_target(query, node, true, &target, err);
    query->clause = before;
    TRY(status);
    Expr *expr = query->targets[target].expr;
    if (expr_is_unknown(expr))
        TRY(coerce_expr(binder, expr, sqltype_of(SQL_TEXT), CAST_IMPLICIT, &expr, err));
    IdList ids = {0};
    expr_collect_ids(binder->arena, expr, &ids);
    for (AggregateSlot *slot = query->slots; slot; slot = slot->next)
        if (id_list_has(&ids, slot->id))
            return error_set_at(err, "42803", expr->position,
                                "aggregate functions are not allowed in GROUP BY");
    for (GroupingSlot *slot = query->grouping_slots; slot; slot = slot->next)
        if (id_list_has(&ids, slot->id))
            return error_set_at(err, "42803", expr->position,
                                "grouping operations are not allowed in GROUP BY");
    for (WindowSlot *slot = query->window_slots; slot; slot = slot->next)
        if (id_list_has(&ids, slot->id))
            return error_set_at(err, "42P20", expr->position, "window functions are not allowed in GROUP BY");
    lower_pending(query, &ids);
    query_note_grouped_sets(query, &ids);
    query->targets[target].expr = expr;
    *group = add_group(query, expr, query->targets[target].name);
    return STATUS_OK;
}

Status query_bind_groups(Query *query, PgQuery__SelectStmt *select, Error *err) {
    TRY(query_bind_grouping_sets(query, select, err));
    return query_resolve_grouping_calls(query, err);
}

/* A table's primary key among the groups determines its other columns: then those group along, changing
 * nothing. */
static bool determined_by_key(Query *query, const FromTable *table) {
    if (query->grouping_set_count || !table->binding || !table->binding->table ||
        table->binding->engine == query->binder->self)
        return false;
    const TableDesc *desc = table->binding->table;
    for (int k = 0; k < desc->key_count; k++) {
        const KeyDesc *key = &desc->keys[k];
        bool covered = key->primary && key->column_count > 0;
        for (int c = 0; covered && c < key->column_count; c++) {
            bool grouped = false;
            int column = key->columns[c];
            for (int g = 0; column >= 0 && column < table->column_count && g < query->group_count; g++)
                grouped = grouped || expr_written_alike(query->groups[g], table->columns[column].expr);
            covered = grouped;
        }
        if (covered) return true;
    }
    return false;
}

static Status ungrouped(Query *query, Expr *expr, Expr **out, Error *err) {
    for (int t = 0; t < query->from.table_count; t++) {
        const FromTable *table = query->from.tables[t];
        for (int c = 0; c < table->column_count; c++) {
            if (table->columns[c].expr->kind != EXPR_COLUMN || table->columns[c].expr->column != expr->column)
                continue;
            if (determined_by_key(query, table)) {
                *out = expr_column(query->binder,
                                   query->group_ids[add_group(query, expr, table->columns[c].name)]);
                return STATUS_OK;
            }
            return error_set_at(
                err, "42803", expr->position,
                "column \"%s.%s\" must appear in the GROUP BY clause or be used in an aggregate function",
                table->alias, table->columns[c].name);
        }
    }
    return error_set_at(
        err, "42803", expr->position,
        "column \"%s\" must appear in the GROUP BY clause or be used in an aggregate function",
        query->binder->columns[expr->column].name);
}

/* Whether what USING made, seen for what it is made of, is the other expression; `a` and `b` are equal. */
static bool made_alike(const Binder *binder, const Expr *a, const Expr *b) {
    if (a->merged != b->merged && a->kind == EXPR_COLUMN &&
        sqltype_equals(a->type, binder->columns[a->column].type))
        return false;
    for (int i = 0; i < a->arg_count; i++)
        if (!made_alike(binder, a->args[i], b->args[i])) return false;
    return true;
}

int query_find_group(const Query *query, const Expr *expr) {
    for (int g = 0; g < query->group_count; g++)
        if (expr_written_alike(query->groups[g], expr)) return g;
    for (int g = 0; g < query->group_count; g++)
        if (expr_equal(query->groups[g], expr) && made_alike(query->binder, query->groups[g], expr)) return g;
    return -1;
}

/* The group that an expression is under another name of its type (varchar read as text), or whose column it
 * shows as USING's. */
static int find_relabelled(const Query *query, const Expr *expr) {
    Arena *arena = query->binder->arena;
    if (expr->kind == EXPR_COLUMN && expr->merged) {
        Expr *own = expr_column(query->binder, expr->column);
        int group = query_find_group(query, own);
        if (group >= 0) return group;
    }
    /* A column as it is may not stand above a group that reads it under another name. */
    if (expr->kind == EXPR_COLUMN && !expr->merged &&
        sqltype_equals(expr->type, query->binder->columns[expr->column].type))
        return -1;
    for (int g = 0; g < query->group_count && sqltype_is_text(expr->type); g++) {
        SqlType type = query->groups[g]->type;
        if (!sqltype_is_text(type) || sqltype_is(type, SQL_BPCHAR) || sqltype_is(expr->type, SQL_BPCHAR) ||
            expr->kind == EXPR_CAST)
            continue;
        const Expr *same = expr_with_type(arena, expr, type);
        if (expr_written_alike(query->groups[g], same)) return g;
    }
    return -1;
}

/* Rewrites an expression over FROM's columns into one over groups and aggregates. */
Status query_replace_grouped(Query *query, Expr *expr, Expr **out, Error *err) {
    Binder *binder = query->binder;
    int group = query_find_group(query, expr);
    if (group < 0) group = find_relabelled(query, expr);
    if (group >= 0) {
        *out = expr_column(binder, query->group_ids[group]);
        if (!sqltype_equals(query->groups[group]->type, expr->type))
            *out = expr_with_type(binder->arena, *out, expr->type);
        (*out)->position = expr->position;
        return STATUS_OK;
    }
    *out = expr;
    if (expr->kind == EXPR_COLUMN)
        return rel_produces(query->from.rel, expr->column) ? ungrouped(query, expr, out, err) : STATUS_OK;
    if (expr->arg_count > 0) {
        *out = arena_memdup(binder->arena, expr, sizeof *expr);
        (*out)->args = arena_memdup(binder->arena, expr->args, sizeof *expr->args * (size_t)expr->arg_count);
    }
    for (int i = 0; i < expr->arg_count; i++)
        TRY(query_replace_grouped(query, expr->args[i], &(*out)->args[i], err));
    return STATUS_OK;
}

typedef struct Regrouping {
    Query *query;
    Error *err;
    Status status;
} Regrouping;

/* GROUP BY a subquery that reads FROM's columns: the same one in SELECT is not recognised. */
static bool groups_by_subquery(const Query *query) {
    for (int g = 0; g < query->group_count; g++)
        if (!expr_reads_only(query->groups[g], query->from.rel)) return true;
    return false;
}

static Expr *regroup_expr(Regrouping *regrouping, Expr *expr) {
    Query *query = regrouping->query;
    if (expr->kind == EXPR_COLUMN && rel_produces(query->from.rel, expr->column)) {
        for (int g = 0; g < query->group_count; g++)
            if (query->groups[g]->kind == EXPR_COLUMN && query->groups[g]->column == expr->column &&
                !query->groups[g]->merged)
                return expr_column(query->binder, query->group_ids[g]);
        for (int t = 0; t < query->from.table_count; t++)
            for (int c = 0; c < query->from.tables[t]->column_count; c++) {
                const FromTable *table = query->from.tables[t];
                const Expr *column = table->columns[c].expr;
                if (column->kind != EXPR_COLUMN || column->column != expr->column ||
                    regrouping->status != STATUS_OK)
                    continue;
                Expr *grouped = NULL;
                if (determined_by_key(query, table) &&
                    ungrouped(query, expr, &grouped, regrouping->err) == STATUS_OK)
                    return grouped;
                if (groups_by_subquery(query))
                    regrouping->status = binder_unsupported(query->binder, -1, regrouping->err,
                                                            "a correlated subquery beside one in GROUP BY");
                else
                    regrouping->status =
                        error_set_at(regrouping->err, "42803", expr->position,
                                     "subquery uses ungrouped column \"%s.%s\" from outer query",
                                     table->alias, table->columns[c].name);
            }
        return expr;
    }
    for (int i = 0; i < expr->arg_count; i++)
        expr->args[i] = regroup_expr(regrouping, expr->args[i]);
    return expr;
}

static Expr *regroup_visit(void *context, Expr *expr) {
    return regroup_expr(context, expr_copy(((Regrouping *)context)->query->binder->arena, expr));
}

static void regroup_rel(Regrouping *regrouping, Rel *rel) {
    rel_each_expr(rel, regroup_visit, regrouping);
    for (int i = 0; i < rel->input_count; i++)
        regroup_rel(regrouping, rel->inputs[i]);
}

Status query_replace_grouped_rel(Query *query, Rel *rel, Error *err) {
    Regrouping regrouping = {.query = query, .err = err, .status = STATUS_OK};
    if (rel_reads_any_of(rel, &query->from.rel->ids)) regroup_rel(&regrouping, rel);
    return regrouping.status;
}

/* Windows are computed above subqueries. */
static bool reads_window(const Query *query, const Expr *guard) {
    IdList ids = {0};
    if (!guard) return false;
    expr_collect_ids(query->binder->arena, guard, &ids);
    for (const WindowSlot *slot = query->window_slots; slot; slot = slot->next)
        if (id_list_has(&ids, slot->id)) return true;
    return false;
}

static Rel *place(Query *query, const PendingJoin *pending, Rel *rel) {
    Rel *join = rel_new(query->binder, PLAN_JOIN, 2);
    join->join_type = pending->type;
    join->dependent = pending->dependent;
    join->two_valued = pending->two_valued;
    join->inputs[0] = rel;
    join->inputs[1] = pending->right;
    join->predicates = pending->conditions;
    join->guard = reads_window(query, pending->guard) ? NULL : pending->guard;
    if (join->guard && join->dependent) unnest_keep_comparisons(query->binder, join, join->guard);
    if (pending->type == JOIN_MARK) id_list_add(query->binder->arena, &join->ids, pending->mark);
    rel_refresh_ids(query->binder, join);
    return join;
}

Rel *query_place_pending(Query *query, Rel *rel, bool where, bool before_groups) {
    for (PendingJoin *pending = query->pending; pending; pending = pending->next)
        if (pending->where == where && pending->before_groups == before_groups)
            rel = place(query, pending, rel);
    return rel;
}

Rel *query_place_all(Query *query, const PendingJoin *pending, Rel *rel) {
    for (; pending; pending = pending->next)
        rel = place(query, pending, rel);
    return rel;
}
