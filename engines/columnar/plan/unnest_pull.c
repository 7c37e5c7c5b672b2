/* The conditions that read outer columns leave a subquery, upwards, for the join that it becomes. */
#include "engines/columnar/plan/unnest.h"

static void split(Unnest *unnest, ExprList *predicates, ExprList *conditions) {
    ExprList stay = {0};
    for (int i = 0; i < predicates->count; i++)
        expr_list_add(unnest->binder->arena,
                      expr_reads_any_of(predicates->items[i], unnest->outer) ? conditions : &stay,
                      predicates->items[i]);
    *predicates = stay;
}

static bool list_reads(const ExprList *list, const IdList *ids) {
    for (int i = 0; i < list->count; i++)
        if (expr_reads_any_of(list->items[i], ids)) return true;
    return false;
}

/* Columns the conditions read must come through the projection. */
static bool pull_project(Unnest *unnest, Rel *rel, ExprList *conditions) {
    Binder *binder = unnest->binder;
    if (list_reads(&rel->exprs, unnest->outer) || !unnest_pull(unnest, &rel->inputs[0], conditions))
        return false;
    IdList ids = {0};
    for (int i = 0; i < conditions->count; i++)
        expr_collect_ids(binder->arena, conditions->items[i], &ids);
    for (int i = 0; i < ids.count; i++) {
        int id = ids.items[i];
        if (rel_produces(rel, id) || !rel_produces(rel->inputs[0], id)) continue;
        expr_list_add(binder->arena, &rel->exprs, expr_column(binder, id));
        id_list_add(binder->arena, &rel->ids, id);
    }
    return true;
}

bool unnest_is_key(const Expr *condition, const Rel *rel, int *inner) {
    if (!expr_is_equality(condition)) return false;
    for (int side = 0; side < 2; side++)
        if (expr_reads_only(condition->args[side], rel) && expr_reads_any(condition->args[side], rel) &&
            !expr_reads_any(condition->args[1 - side], rel)) {
            *inner = side;
            return true;
        }
    return false;
}

/* The column a group by `group` gives, made when there is none. */
static int group_id(Binder *binder, Rel *aggregate, Expr *group) {
    for (int g = 0; g < aggregate->exprs.count; g++)
        if (expr_equal(aggregate->exprs.items[g], group)) return aggregate->ids.items[g];
    int id = binder_add_column(binder, "key", group->type, true), at = aggregate->exprs.count;
    if (group->kind == EXPR_COLUMN) {
        ColumnInfo info = binder->columns[group->column];
        info.version = NULL;
        binder->columns[id] = info;
    }
    expr_list_add(binder->arena, &aggregate->exprs, group);
    unnest_widen_sets(binder, aggregate, 0, UINT64_C(1) << at);
    IdList ids = {0};
    for (int i = 0; i < at; i++)
        id_list_add(binder->arena, &ids, aggregate->ids.items[i]);
    id_list_add(binder->arena, &ids, id);
    for (int i = at; i < aggregate->ids.count; i++)
        id_list_add(binder->arena, &ids, aggregate->ids.items[i]);
    aggregate->ids = ids;
    return id;
}

void unnest_widen_sets(Binder *binder, Rel *aggregate, int shift, uint64_t added) {
    if (!aggregate->grouping_set_count) return;
    uint64_t *sets = ARENA_NEW_ARRAY(binder->arena, uint64_t, aggregate->grouping_set_count);
    for (int s = 0; s < aggregate->grouping_set_count; s++)
        sets[s] = aggregate->grouping_sets[s] << shift | added;
    aggregate->grouping_sets = sets;
}

bool unnest_has_empty_set(const Rel *aggregate) {
    for (int s = 0; s < aggregate->grouping_set_count; s++)
        if (aggregate->grouping_sets[s] == 0) return true;
    return false;
}

bool unnest_group_by_keys(Binder *binder, Rel *aggregate, ExprList *conditions) {
    int inner = 0;
    if (aggregate->grouping_set_count && aggregate->exprs.count + conditions->count > MOST_SET_GROUPS)
        return false;
    for (int i = 0; i < conditions->count; i++)
        if (!unnest_is_key(conditions->items[i], aggregate->inputs[0], &inner)) return false;
    for (int i = 0; i < conditions->count; i++) {
        Expr *condition = conditions->items[i];
        unnest_is_key(condition, aggregate->inputs[0], &inner);
        condition->args[inner] = expr_column(binder, group_id(binder, aggregate, condition->args[inner]));
    }
    return true;
}

static bool pull_aggregate(Unnest *unnest, Rel *rel, ExprList *conditions) {
    if (rel->exprs.count == 0 || unnest_has_empty_set(rel) || rel_node_reads_any_of(rel, unnest->outer))
        return false;
    bool existence = unnest->existence;
    unnest->existence = existence && rel->call_count == 0;
    bool pulled = unnest_pull(unnest, &rel->inputs[0], conditions);
    unnest->existence = existence;
    return pulled && unnest_group_by_keys(unnest->binder, rel, conditions);
}

/* A semi join with all conditions equalities is an inner join with the distinct values it compares, for each
 * value of the outer columns; where duplicates do not count, an inner join outright. */
static bool pull_semi(Unnest *unnest, Rel *rel, ExprList *conditions) {
    Binder *binder = unnest->binder;
    ExprList right = {0};
    if (!unnest_pull(unnest, &rel->inputs[1], &right)) return false;
    for (int i = 0; i < right.count; i++)
        expr_list_add(binder->arena, &rel->predicates, right.items[i]);
    if (!unnest->existence) {
        Rel *distinct = rel_new(binder, PLAN_AGGREGATE, 1);
        distinct->inputs[0] = rel->inputs[1];
        if (!unnest_group_by_keys(binder, distinct, &rel->predicates)) return false;
        rel->inputs[1] = distinct;
    }
    rel->join_type = JOIN_INNER;
    split(unnest, &rel->predicates, conditions);
    return unnest_pull(unnest, &rel->inputs[0], conditions);
}

static bool pull_join(Unnest *unnest, Rel *rel, ExprList *conditions) {
    bool pulled = true;
    bool below = rel_reads_any_of(rel->inputs[1], unnest->outer) || rel_node_reads_any_of(rel, unnest->outer);
    switch (rel->join_type) {
    case JOIN_INNER:
    case JOIN_CROSS:
        pulled = unnest_pull(unnest, &rel->inputs[0], conditions) &&
                 unnest_pull(unnest, &rel->inputs[1], conditions);
        split(unnest, &rel->predicates, conditions);
        break;
    case JOIN_FULL:
    case JOIN_RIGHT: pulled = false; break;
    case JOIN_SEMI:
        pulled =
            below ? pull_semi(unnest, rel, conditions) : unnest_pull(unnest, &rel->inputs[0], conditions);
        break;
    default: pulled = !below && unnest_pull(unnest, &rel->inputs[0], conditions); break;
    }
    rel_refresh_ids(unnest->binder, rel);
    return pulled;
}

/* A scan that conditions were pushed into gives back those that read outer columns. */
static bool pull_scan(Unnest *unnest, Rel *rel, ExprList *conditions) {
    split(unnest, &rel->predicates, conditions);
    return true;
}

/* inner = outer below LIMIT: so many rows of each inner value. */
static bool pull_limit(Unnest *unnest, Rel **slot, ExprList *conditions) {
    Rel *limit = *slot, **input = &limit->inputs[0];
    ExprList below = {0}, partition = {0};
    if (rel_node_reads_any_of(limit, unnest->outer)) return false;
    if ((*input)->kind == PLAN_SORT) {
        if (rel_node_reads_any_of(*input, unnest->outer)) return false;
        input = &(*input)->inputs[0];
    }
    bool existence = unnest->existence;
    unnest->existence = false;
    bool pulled = unnest_pull(unnest, input, &below);
    unnest->existence = existence;
    for (int i = 0, inner; pulled && i < below.count; i++) {
        if (!unnest_is_key(below.items[i], *input, &inner)) return false;
        expr_list_add(unnest->binder->arena, &partition, below.items[i]->args[inner]);
        expr_list_add(unnest->binder->arena, conditions, below.items[i]);
    }
    Rel *numbered = pulled ? unnest_limit_by(unnest->binder, limit, &partition) : NULL;
    if (numbered) *slot = numbered;
    return numbered != NULL;
}

bool unnest_pull(Unnest *unnest, Rel **rel, ExprList *conditions) {
    if (!rel_reads_any_of(*rel, unnest->outer)) return true;
    switch ((*rel)->kind) {
    case PLAN_FILTER:
        if (!unnest_pull(unnest, &(*rel)->inputs[0], conditions)) return false;
        split(unnest, &(*rel)->predicates, conditions);
        if ((*rel)->predicates.count == 0)
            *rel = (*rel)->inputs[0];
        else
            rel_refresh_ids(unnest->binder, *rel);
        return true;
    case PLAN_SCAN:
    case PLAN_FOREIGN_SCAN: return pull_scan(unnest, *rel, conditions);
    case PLAN_PROJECT: return pull_project(unnest, *rel, conditions);
    case PLAN_AGGREGATE: return pull_aggregate(unnest, *rel, conditions);
    case PLAN_JOIN: return pull_join(unnest, *rel, conditions);
    case PLAN_LIMIT: return pull_limit(unnest, rel, conditions);
    case PLAN_TABLE_FUNCTION:
    case PLAN_SORT:
        if ((*rel)->input_count == 0 || rel_node_reads_any_of(*rel, unnest->outer) ||
            !unnest_pull(unnest, &(*rel)->inputs[0], conditions))
            return false;
        rel_refresh_ids(unnest->binder, *rel);
        return true;
    default: return false;
    }
}
