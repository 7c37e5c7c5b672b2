/* GROUP BY's grouping sets: lists of columns, ROLLUP, CUBE and GROUPING SETS multiplied out into sets of
 * groups, one bit each; and GROUPING(), which tells them apart. */
#include "engines/columnar/plan/bind.h"

enum { MOST_GROUPS = 64, MOST_SETS = 4096, MOST_CUBE = 12, MOST_GROUPING_ARGS = 31 };

typedef struct SetList {
    uint64_t *masks;
    int count, capacity;
} SetList;

static Status add_set(Query *query, SetList *list, uint64_t mask, Error *err) {
    if (list->count == MOST_SETS)
        return error_set(err, SQLSTATE_TOO_COMPLEX, "too many grouping sets present (maximum %d)", MOST_SETS);
    if (list->count == list->capacity) {
        int capacity = list->capacity ? list->capacity * 2 : 8;
        uint64_t *grown = ARENA_NEW_ARRAY(query->binder->arena, uint64_t, capacity);
        if (list->count) memcpy(grown, list->masks, sizeof *grown * (size_t)list->count);
        list->masks = grown;
        list->capacity = capacity;
    }
    list->masks[list->count++] = mask;
    return STATUS_OK;
}

static bool is_bare_row(const Node *node) {
    return node->node_case == PG_QUERY__NODE__NODE_ROW_EXPR &&
           node->row_expr->row_format == PG_QUERY__COERCION_FORM__COERCE_IMPLICIT_CAST;
}

/* An expression, or several in parentheses: one element. */
static Status element_mask(Query *query, Node *node, uint64_t *mask, Error *err) {
    if (is_bare_row(node)) {
        for (size_t i = 0; i < node->row_expr->n_args; i++)
            TRY(element_mask(query, node->row_expr->args[i], mask, err));
        return STATUS_OK;
    }
    int group = 0;
    TRY(query_add_group(query, node, &group, err));
    if (group >= MOST_GROUPS)
        return binder_unsupported(query->binder, -1, err, "GROUPING SETS over more than %d columns",
                                  MOST_GROUPS);
    *mask |= UINT64_C(1) << group;
    return STATUS_OK;
}

static Status element_masks(Query *query, PgQuery__GroupingSet *set, uint64_t **out, Error *err) {
    uint64_t *masks = ARENA_NEW_ARRAY(query->binder->arena, uint64_t, (int)set->n_content + 1);
    for (size_t i = 0; i < set->n_content; i++)
        TRY(element_mask(query, set->content[i], &masks[i], err));
    *out = masks;
    return STATUS_OK;
}

/* From all elements down to none. */
static Status expand_rollup(Query *query, PgQuery__GroupingSet *set, SetList *out, Error *err) {
    uint64_t *masks = NULL;
    TRY(element_masks(query, set, &masks, err));
    for (size_t kept = set->n_content + 1; kept-- > 0;) {
        uint64_t mask = 0;
        for (size_t i = 0; i < kept; i++)
            mask |= masks[i];
        TRY(add_set(query, out, mask, err));
    }
    return STATUS_OK;
}

static Status expand_cube(Query *query, PgQuery__GroupingSet *set, SetList *out, Error *err) {
    uint64_t *masks = NULL;
    if (set->n_content > MOST_CUBE)
        return error_set_at(err, "54011", binder_position(query->binder, set->location),
                            "CUBE is limited to %d elements", MOST_CUBE);
    TRY(element_masks(query, set, &masks, err));
    for (int left_out = 0; left_out < 1 << set->n_content; left_out++) {
        uint64_t mask = 0;
        for (size_t i = 0; i < set->n_content; i++)
            if (!(left_out >> (set->n_content - 1 - i) & 1)) mask |= masks[i];
        TRY(add_set(query, out, mask, err));
    }
    return STATUS_OK;
}

/* The sets one item of GROUP BY stands for. */
static Status expand(Query *query, Node *node, SetList *out, Error *err) {
    if (node->node_case != PG_QUERY__NODE__NODE_GROUPING_SET) {
        uint64_t mask = 0;
        TRY(element_mask(query, node, &mask, err));
        return add_set(query, out, mask, err);
    }
    PgQuery__GroupingSet *set = node->grouping_set;
    switch (set->kind) {
    case PG_QUERY__GROUPING_SET_KIND__GROUPING_SET_EMPTY: return add_set(query, out, 0, err);
    case PG_QUERY__GROUPING_SET_KIND__GROUPING_SET_ROLLUP: return expand_rollup(query, set, out, err);
    case PG_QUERY__GROUPING_SET_KIND__GROUPING_SET_CUBE: return expand_cube(query, set, out, err);
    default: break;
    }
    for (size_t i = 0; i < set->n_content; i++)
        TRY(expand(query, set->content[i], out, err));
    return STATUS_OK;
}

static Status multiply(Query *query, const SetList *left, const SetList *right, SetList *out, Error *err) {
    for (int l = 0; l < left->count; l++)
        for (int r = 0; r < right->count; r++)
            TRY(add_set(query, out, left->masks[l] | right->masks[r], err));
    return STATUS_OK;
}

static void drop_duplicates(SetList *list) {
    int kept = 0;
    for (int s = 0; s < list->count; s++) {
        bool known = false;
        for (int k = 0; k < kept && !known; k++)
            known = list->masks[k] == list->masks[s];
        if (!known) list->masks[kept++] = list->masks[s];
    }
    list->count = kept;
}

static bool has_sets(const PgQuery__SelectStmt *select) {
    for (size_t i = 0; i < select->n_group_clause; i++)
        if (select->group_clause[i]->node_case == PG_QUERY__NODE__NODE_GROUPING_SET) return true;
    return false;
}

/* Lists without sets may be longer than a mask is wide. */
static Status bind_plain_groups(Query *query, Node *node, Error *err) {
    int group = 0;
    if (!is_bare_row(node)) return query_add_group(query, node, &group, err);
    for (size_t i = 0; i < node->row_expr->n_args; i++)
        TRY(bind_plain_groups(query, node->row_expr->args[i], err));
    return STATUS_OK;
}

/* PostgreSQL 15 shows a group that folds to a constant as that constant even in rows whose set leaves it out,
 * and tells equal constants apart by where they stand. More expressions are named here than it folds. */
static bool may_become_constant(const Expr *expr) {
    if (expr_reads_nothing(expr)) return true;
    if (expr->kind == EXPR_COLUMN || expr->kind == EXPR_PARAM) return false;
    for (int a = 0; a < expr->arg_count; a++)
        if (may_become_constant(expr->args[a]) &&
            (expr->kind != EXPR_CALL || expr_is_null_constant(expr->args[a])))
            return true;
    return false;
}

Status query_bind_grouping_sets(Query *query, PgQuery__SelectStmt *select, Error *err) {
    if (!has_sets(select)) {
        for (size_t i = 0; i < select->n_group_clause; i++)
            TRY(bind_plain_groups(query, select->group_clause[i], err));
        return STATUS_OK;
    }
    SetList sets = {0};
    TRY(add_set(query, &sets, 0, err));
    for (size_t i = 0; i < select->n_group_clause; i++) {
        SetList item = {0}, product = {0};
        TRY(expand(query, select->group_clause[i], &item, err));
        TRY(multiply(query, &sets, &item, &product, err));
        sets = product;
    }
    if (select->group_distinct) drop_duplicates(&sets);
    if (sets.count == 1) return STATUS_OK; /* its groups are all groups there are */
    if (query->group_count == 0)
        return binder_unsupported(query->binder, -1, err, "several empty grouping sets");
    for (int g = 0; g < query->group_count; g++)
        if (may_become_constant(query->groups[g]))
            return binder_unsupported(query->binder, -1, err, "GROUPING SETS over a constant");
    query->grouping_sets = sets.masks;
    query->grouping_set_count = sets.count;
    for (int g = 0; g < query->group_count; g++)
        query->binder->columns[query->group_ids[g]].nullable = true;
    return STATUS_OK;
}

/* ---- GROUPING()
 * ---------------------------------------------------------------------------------------------- */

Status bind_grouping_call(Query *query, PgQuery__GroupingFunc *call, Expr **out, Error *err) {
    Binder *binder = query->binder;
    int position = binder_position(binder, call->location);
    const char *place = query->clause == CLAUSE_WHERE    ? "WHERE"
                        : query->clause == CLAUSE_GROUP  ? "GROUP BY"
                        : query->clause == CLAUSE_JOIN   ? "JOIN conditions"
                        : query->clause == CLAUSE_LIMIT  ? "LIMIT"
                        : query->clause == CLAUSE_VALUES ? "VALUES"
                        : query->clause == CLAUSE_FILTER ? "FILTER"
                        : query->clause == CLAUSE_FROM   ? "functions in FROM"
                                                         : NULL;
    if (query->in_aggregate)
        return error_set_at(err, "42803", position, "aggregate function calls cannot be nested");
    if (place)
        return error_set_at(err, "42803", position, "grouping operations are not allowed in %s", place);
    if (call->n_args > MOST_GROUPING_ARGS)
        return error_set_at(err, "54023", position, "GROUPING must have fewer than 32 arguments");
    GroupingSlot *slot = ARENA_NEW(binder->arena, GroupingSlot);
    slot->arg_count = (int)call->n_args;
    TRY(bind_exprs(query, call->args, call->n_args, &slot->args, err));
    slot->id = binder_add_column(binder, "grouping", sqltype_of(SQL_INT4), false);
    *query->grouping_slots_end = slot;
    query->grouping_slots_end = &slot->next;
    *out = expr_column(binder, slot->id);
    (*out)->position = position;
    return STATUS_OK;
}

Status query_resolve_grouping_calls(Query *query, Error *err) {
    for (GroupingSlot *slot = query->grouping_slots; slot; slot = slot->next)
        for (int a = 0; a < slot->arg_count; a++)
            if (query_find_group(query, slot->args[a]) < 0)
                return error_set_at(
                    err, "42803", slot->args[a]->position,
                    "arguments to GROUPING must be grouping expressions of the associated query level");
    return STATUS_OK;
}

void query_grouping_to_rel(Query *query, Rel *aggregate) {
    Arena *arena = query->binder->arena;
    aggregate->grouping_sets = query->grouping_sets;
    aggregate->grouping_set_count = query->grouping_set_count;
    for (GroupingSlot *slot = query->grouping_slots; slot; slot = slot->next)
        aggregate->grouping_call_count++;
    GroupingCall *calls = ARENA_NEW_ARRAY(arena, GroupingCall, aggregate->grouping_call_count + 1);
    int at = 0;
    for (GroupingSlot *slot = query->grouping_slots; slot; slot = slot->next) {
        GroupingCall *call = &calls[at++];
        call->count = slot->arg_count;
        call->groups = ARENA_NEW_ARRAY(arena, int, slot->arg_count + 1);
        for (int a = 0; a < slot->arg_count; a++)
            call->groups[a] = query_find_group(query, slot->args[a]);
        id_list_add(arena, &aggregate->ids, slot->id);
    }
    aggregate->grouping_calls = calls;
}
