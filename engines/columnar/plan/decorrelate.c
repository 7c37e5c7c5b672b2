/* A subquery that reads its surroundings' columns is made to stand alone: the conditions that read them are
 * moved up to the join that the subquery becomes. What cannot be moved is declined. */
#include "engines/columnar/plan/bind.h"

static bool reads_any(const Expr *expr, const IdList *ids) {
    if (expr->kind == EXPR_COLUMN) return id_list_has(ids, expr->column);
    for (int i = 0; i < expr->arg_count; i++)
        if (reads_any(expr->args[i], ids)) return true;
    return false;
}

static bool list_reads(const ExprList *list, const IdList *ids) {
    for (int i = 0; i < list->count; i++)
        if (reads_any(list->items[i], ids)) return true;
    return false;
}

bool rel_reads_any_of(const Rel *rel, const IdList *ids) {
    if (list_reads(&rel->predicates, ids) || list_reads(&rel->exprs, ids)) return true;
    for (int c = 0; c < rel->call_count; c++) {
        if (rel->calls[c].filter && reads_any(rel->calls[c].filter, ids)) return true;
        for (int a = 0; a < rel->calls[c].arg_count; a++)
            if (reads_any(rel->calls[c].args[a], ids)) return true;
    }
    for (int f = 0; f < rel->table_call_count; f++)
        for (int a = 0; a < rel->table_calls[f].arg_count; a++)
            if (reads_any(rel->table_calls[f].args[a], ids)) return true;
    for (int k = 0; k < rel->sort_key_count; k++)
        if (reads_any(rel->sort_keys[k].expr, ids)) return true;
    for (int i = 0; i < rel->input_count; i++)
        if (rel_reads_any_of(rel->inputs[i], ids)) return true;
    return false;
}

typedef struct Pull {
    Binder *binder;
    const IdList *outer;
    ExprList *conditions;
    bool existence;
} Pull;

static Status declined(Error *err, const char *what) {
    return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                     "a correlated subquery with %s is not available in the columnar engine", what);
}

static void split(Pull *pull, ExprList *predicates, ExprList *conditions) {
    ExprList stay = {0};
    for (int i = 0; i < predicates->count; i++)
        expr_list_add(pull->binder->arena, reads_any(predicates->items[i], pull->outer) ? conditions : &stay,
                      predicates->items[i]);
    *predicates = stay;
}

static Status pull_up(Pull *pull, Rel **rel, ExprList *conditions, Error *err);

/* Columns the conditions read must come through the projection. */
static Status pull_project(Pull *pull, Rel *rel, ExprList *conditions, Error *err) {
    Binder *binder = pull->binder;
    if (list_reads(&rel->exprs, pull->outer)) return declined(err, "outer columns in its SELECT list");
    TRY(pull_up(pull, &rel->inputs[0], conditions, err));
    IdList ids = {0};
    for (int i = 0; i < conditions->count; i++)
        expr_collect_ids(binder->arena, conditions->items[i], &ids);
    for (int i = 0; i < ids.count; i++) {
        int id = ids.items[i];
        if (id_list_has(pull->outer, id) || rel_produces(rel, id) || !rel_produces(rel->inputs[0], id))
            continue;
        expr_list_add(binder->arena, &rel->exprs, expr_column(binder, id));
        id_list_add(binder->arena, &rel->ids, id);
    }
    return STATUS_OK;
}

/* inner = outer: the inner side becomes a group, the condition compares the group. */
static Status pull_aggregate(Pull *pull, Rel *rel, ExprList *conditions, Error *err) {
    Binder *binder = pull->binder;
    if (pull->existence && rel->exprs.count == 0) return declined(err, "an aggregate under EXISTS");
    if (list_reads(&rel->exprs, pull->outer)) return declined(err, "outer columns in GROUP BY");
    if (rel->grouping_set_count) return declined(err, "GROUPING SETS");
    TRY(pull_up(pull, &rel->inputs[0], conditions, err));
    for (int i = 0; i < conditions->count; i++) {
        Expr *condition = conditions->items[i];
        if (!expr_is_equality(condition))
            return declined(err, "an aggregate and a condition other than equality");
        int inner = !reads_any(condition->args[0], pull->outer) ? 0 : 1;
        if (reads_any(condition->args[inner], pull->outer) ||
            expr_reads_any(condition->args[1 - inner], rel->inputs[0]))
            return declined(err, "an aggregate and a condition mixing both sides");
        Expr *group = condition->args[inner];
        int at = 0;
        while (at < rel->exprs.count && !expr_equal(rel->exprs.items[at], group))
            at++;
        if (at == rel->exprs.count) {
            int id = binder_add_column(binder, "key", group->type, true);
            if (group->kind == EXPR_COLUMN) {
                ColumnInfo info = binder->columns[group->column];
                info.version = NULL;
                binder->columns[id] = info;
            }
            expr_list_add(binder->arena, &rel->exprs, group);
            IdList ids = {0};
            for (int g = 0; g < rel->exprs.count - 1; g++)
                id_list_add(binder->arena, &ids, rel->ids.items[g]);
            id_list_add(binder->arena, &ids, id);
            for (int c = rel->exprs.count - 1; c < rel->ids.count; c++)
                id_list_add(binder->arena, &ids, rel->ids.items[c]);
            rel->ids = ids;
        }
        condition->args[inner] = expr_column(binder, rel->ids.items[at]);
    }
    return STATUS_OK;
}

static Status pull_join(Pull *pull, Rel *rel, ExprList *conditions, Error *err) {
    if (rel->join_type == JOIN_INNER || rel->join_type == JOIN_CROSS) {
        TRY(pull_up(pull, &rel->inputs[0], conditions, err));
        TRY(pull_up(pull, &rel->inputs[1], conditions, err));
        split(pull, &rel->predicates, conditions);
    } else if (rel->join_type == JOIN_FULL || rel->join_type == JOIN_RIGHT) {
        if (rel_reads_any_of(rel, pull->outer)) return declined(err, "an outer join below the condition");
    } else {
        if (list_reads(&rel->predicates, pull->outer) || rel_reads_any_of(rel->inputs[1], pull->outer))
            return declined(err, "a condition inside another subquery or outer join");
        TRY(pull_up(pull, &rel->inputs[0], conditions, err));
    }
    rel_refresh_ids(pull->binder, rel);
    return STATUS_OK;
}

static Status pull_limit(Pull *pull, Rel **rel, ExprList *conditions, Error *err) {
    Rel *limit = *rel;
    bool positive = limit->limit && expr_is_constant(limit->limit) && !expr_is_null_constant(limit->limit) &&
                    *(const int64_t *)limit->limit->constant->values > 0;
    if (!pull->existence || limit->offset || !positive)
        return rel_reads_any_of(limit, pull->outer) ? declined(err, "LIMIT") : STATUS_OK;
    *rel = limit->inputs[0];
    return pull_up(pull, rel, conditions, err);
}

static Status pull_up(Pull *pull, Rel **rel, ExprList *conditions, Error *err) {
    if (!rel_reads_any_of(*rel, pull->outer)) return STATUS_OK;
    switch ((*rel)->kind) {
    case PLAN_FILTER:
        TRY(pull_up(pull, &(*rel)->inputs[0], conditions, err));
        split(pull, &(*rel)->predicates, conditions);
        if ((*rel)->predicates.count == 0)
            *rel = (*rel)->inputs[0];
        else
            rel_refresh_ids(pull->binder, *rel);
        return STATUS_OK;
    case PLAN_PROJECT: return pull_project(pull, *rel, conditions, err);
    case PLAN_AGGREGATE: return pull_aggregate(pull, *rel, conditions, err);
    case PLAN_JOIN: return pull_join(pull, *rel, conditions, err);
    case PLAN_LIMIT: return pull_limit(pull, rel, conditions, err);
    case PLAN_SORT:
        TRY(pull_up(pull, &(*rel)->inputs[0], conditions, err));
        rel_refresh_ids(pull->binder, *rel);
        return STATUS_OK;
    case PLAN_TABLE_FUNCTION: return declined(err, "a set-returning function");
    default: return declined(err, "a set operation");
    }
}

Status decorrelate(Binder *binder, Rel **rel, const IdList *outer, ExprList *conditions, bool existence,
                   Error *err) {
    Pull pull = {.binder = binder, .outer = outer, .conditions = conditions, .existence = existence};
    /* What EXISTS selects does not matter. */
    while (existence && ((*rel)->kind == PLAN_PROJECT || (*rel)->kind == PLAN_SORT))
        *rel = (*rel)->inputs[0];
    TRY(pull_up(&pull, rel, conditions, err));
    if (rel_reads_any_of(*rel, outer)) return declined(err, "a condition that cannot be moved out of it");
    return STATUS_OK;
}
