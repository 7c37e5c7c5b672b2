/* Rule: conditions go down as far as their columns are, through projections, joins, groups and set
 * operations, into the scans. Comma joins get their conditions here. An outer join whose NULL rows no
 * condition lets through becomes inner. */
#include "engines/columnar/plan/rel_window.h"

static Rel *push(Binder *binder, Rel *rel, ExprList *predicates);

static void add_all(Binder *binder, ExprList *to, const ExprList *from) {
    for (int i = 0; i < from->count; i++)
        expr_list_add(binder->arena, to, from->items[i]);
}

/* ---- what is equal to what
 * ------------------------------------------------------------------------------------ */

static bool is_comparison(const Expr *expr) {
    static const char *const NAMES[] = {"=", "<", "<=", ">", ">=", "<>"};
    if (expr->kind == EXPR_IN_LIST) return true;
    for (size_t i = 0; expr->kind == EXPR_CALL && i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(expr->function->name, NAMES[i]) == 0) return true;
    return false;
}

/* The one column a comparison with constants or parameters is about, or -1. */
static int compared_column(Binder *binder, const Expr *expr) {
    IdList ids = {0};
    if (!is_comparison(expr)) return -1;
    expr_collect_ids(binder->arena, expr, &ids);
    bool direct =
        expr->args[0]->kind == EXPR_COLUMN || (expr->arg_count == 2 && expr->args[1]->kind == EXPR_COLUMN);
    return ids.count == 1 && direct ? ids.items[0] : -1;
}

static bool has_equal(const ExprList *list, const Expr *expr) {
    for (int i = 0; i < list->count; i++)
        if (expr_equal(list->items[i], expr)) return true;
    return false;
}

/* a = b and a < 5 imply b < 5. */
void rule_transitive(Binder *binder, ExprList *conjuncts) {
    enum { MOST = 64 };
    for (int round = 0; round < 2; round++) {
        int count = conjuncts->count;
        for (int e = 0; e < count && conjuncts->count < MOST; e++) {
            Expr *equal = conjuncts->items[e];
            if (!expr_is_equality(equal) || equal->args[0]->kind != EXPR_COLUMN ||
                equal->args[1]->kind != EXPR_COLUMN ||
                !sqltype_equals(equal->args[0]->type, equal->args[1]->type))
                continue;
            for (int c = 0; c < count; c++) {
                int column = compared_column(binder, conjuncts->items[c]);
                for (int side = 0; column >= 0 && side < 2; side++) {
                    if (equal->args[side]->column != column) continue;
                    Expr *implied = expr_copy(binder->arena, conjuncts->items[c]);
                    Expr *to = equal->args[1 - side];
                    implied = expr_substitute(binder->arena, implied,
                                              &(ColumnMap){.from = &column, .to = &to, .count = 1});
                    if (!has_equal(conjuncts, implied)) expr_list_add(binder->arena, conjuncts, implied);
                }
            }
        }
    }
}

/* From (a1 AND b1) OR (a2 AND b2), with a's reading one side only: a1 OR a2 holds too, and can sink into that
 * side. */
static void imply_from_or(Binder *binder, const Expr *predicate, const Rel *side, ExprList *out) {
    Arena *arena = binder->arena;
    if (predicate->kind != EXPR_OR || expr_reads_only(predicate, side)) return;
    Expr *implied = expr_new(arena, EXPR_OR, predicate->type, predicate->arg_count);
    for (int i = 0; i < predicate->arg_count; i++) {
        ExprList branch = {0}, own = {0};
        expr_split_conjuncts(arena, predicate->args[i], &branch);
        for (int b = 0; b < branch.count; b++)
            if (expr_reads_only(branch.items[b], side) && !expr_reads_nothing(branch.items[b]))
                expr_list_add(arena, &own, expr_copy(arena, branch.items[b]));
        if (own.count == 0) return;
        implied->args[i] = expr_and_all(arena, &own);
    }
    expr_list_add(arena, out, implied);
}

/* ---- joins
 * ------------------------------------------------------------------------------------------------------ */

static bool passes_null(const Expr *expr) { /* could a NULL in a column leave this not NULL? */
    switch (expr->kind) {
    case EXPR_COLUMN:
    case EXPR_CONSTANT:
    case EXPR_PARAM: return false;
    case EXPR_CALL:
    case EXPR_CAST:
        if (!expr->function->strict) return true;
        for (int i = 0; i < expr->arg_count; i++)
            if (passes_null(expr->args[i])) return true;
        return false;
    default: return true;
    }
}

/* True when the condition cannot hold for rows where all of rel's columns are NULL. */
static bool rejects_nulls(const Expr *expr, const Rel *rel) {
    if (expr->kind == EXPR_IS_NOT_NULL || expr->kind == EXPR_IS_TRUE || expr->kind == EXPR_IN_LIST)
        return expr_reads_any(expr->args[0], rel) && !passes_null(expr->args[0]);
    if (expr->kind == EXPR_COLUMN) return rel_produces(rel, expr->column);
    return expr->kind == EXPR_CALL && !passes_null(expr) && expr_reads_any(expr, rel);
}

static Rel *push_inner_join(Binder *binder, Rel *rel, ExprList *predicates) {
    ExprList pool = {0}, sides[2] = {{0}, {0}}, own = {0};
    add_all(binder, &pool, &rel->predicates);
    add_all(binder, &pool, predicates);
    rule_transitive(binder, &pool);
    for (int i = 0; i < pool.count; i++) {
        Expr *predicate = pool.items[i];
        int side = expr_reads_only(predicate, rel->inputs[0])   ? 0
                   : expr_reads_only(predicate, rel->inputs[1]) ? 1
                                                                : -1;
        expr_list_add(binder->arena, side < 0 ? &own : &sides[side], predicate);
        for (int s = 0; side < 0 && s < 2; s++)
            imply_from_or(binder, predicate, rel->inputs[s], &sides[s]);
    }
    rel->predicates = own;
    for (int side = 0; side < 2; side++)
        rel->inputs[side] = push(binder, rel->inputs[side], &sides[side]);
    rel_refresh_ids(binder, rel);
    return rel;
}

/* A scalar subquery that is one value for the whole statement is put beside the one relation whose columns it
 * is compared with, so that the comparison filters there. NULL when no condition does that, or nothing is
 * gained. */
static Rel *sink_single(Binder *binder, Rel *single, const ExprList *predicates) {
    IdList used = {0};
    for (int i = 0; i < predicates->count; i++)
        if (expr_reads_any(predicates->items[i], single->inputs[1]))
            expr_collect_ids(binder->arena, predicates->items[i], &used);
    Rel **slot = &single->inputs[0], *top = single->inputs[0];
    Rel *path[64];
    int depth = 0, joins = 0;
    IdList left = {0};
    for (int i = 0; i < used.count; i++)
        if (rel_produces(top, used.items[i])) id_list_add(binder->arena, &left, used.items[i]);
    while (left.count > 0 && depth < 64 && ((*slot)->kind == PLAN_JOIN || (*slot)->kind == PLAN_FILTER)) {
        Rel *at = *slot;
        bool inner = at->kind == PLAN_JOIN && (at->join_type == JOIN_INNER || at->join_type == JOIN_CROSS);
        bool keeps_left = at->kind == PLAN_FILTER || inner || at->join_type == JOIN_LEFT ||
                          at->join_type == JOIN_SEMI || at->join_type == JOIN_ANTI ||
                          at->join_type == JOIN_MARK || at->join_type == JOIN_SINGLE;
        int next = -1;
        for (int side = 0; side < (inner ? 2 : 1); side++) {
            bool all = keeps_left && !at->dependent;
            for (int i = 0; all && i < left.count; i++)
                all = rel_produces(at->inputs[side], left.items[i]);
            if (all) next = side;
        }
        if (next < 0) break;
        joins += inner; /* beside another value there is nothing to gain */
        path[depth++] = at;
        slot = &at->inputs[next];
    }
    if (joins == 0) return NULL;
    single->inputs[0] = *slot;
    *slot = single;
    rel_refresh_ids(binder, single);
    rel_note(binder, single, "beside what it filters");
    while (depth > 0)
        rel_refresh_ids(binder, path[--depth]);
    return top;
}

/* LEFT, SEMI, ANTI, MARK, SINGLE: conditions from above on the left side sink; the join's own on the right
 * side sink. */
static Rel *push_one_sided_join(Binder *binder, Rel *rel, ExprList *predicates) {
    if (rel->join_type == JOIN_LEFT)
        for (int i = 0; i < predicates->count; i++)
            if (rejects_nulls(predicates->items[i], rel->inputs[1])) {
                rel->join_type = JOIN_INNER;
                rel_note(binder, rel, "outer join to inner");
                return push_inner_join(binder, rel, predicates);
            }
    if (rel->join_type == JOIN_SINGLE && !rel->dependent && !rel->guard && rel->predicates.count == 0) {
        Rel *sunk = sink_single(binder, rel, predicates);
        if (sunk) return push(binder, sunk, predicates);
    }
    ExprList left = {0}, right = {0}, above = {0}, own = {0};
    for (int i = 0; i < predicates->count; i++) {
        Expr *predicate = predicates->items[i];
        expr_list_add(binder->arena, expr_reads_only(predicate, rel->inputs[0]) ? &left : &above, predicate);
    }
    ExprList known = {0};
    add_all(binder, &known, &rel->predicates);
    if (rel->join_type == JOIN_SEMI || rel->join_type == JOIN_LEFT) add_all(binder, &known, &left);
    /* A mark is NULL where a comparison is: no right row may be missing for it. */
    bool is_mark = rel->join_type == JOIN_MARK && !rel->two_valued;
    if (!is_mark) rule_transitive(binder, &known);
    for (int i = 0; i < known.count; i++) {
        Expr *predicate = known.items[i];
        bool from_left = has_equal(&left, predicate);
        if (!is_mark && expr_reads_only(predicate, rel->inputs[1]) && !expr_reads_nothing(predicate))
            expr_list_add(binder->arena, &right, predicate);
        else if (rel->join_type == JOIN_SEMI && expr_reads_only(predicate, rel->inputs[0])) {
            if (!from_left) expr_list_add(binder->arena, &left, predicate);
        } else if (!from_left && (i < rel->predicates.count || !expr_reads_only(predicate, rel->inputs[0])))
            expr_list_add(binder->arena, &own, predicate);
    }
    rel->predicates = own;
    rel->inputs[0] = push(binder, rel->inputs[0], &left);
    rel->inputs[1] = push(binder, rel->inputs[1], &right);
    rel_refresh_ids(binder, rel);
    return rel_filter(binder, rel, &above);
}

static Rel *push_join(Binder *binder, Rel *rel, ExprList *predicates) {
    ExprList none = {0};
    switch (rel->join_type) {
    case JOIN_INNER:
    case JOIN_CROSS: return push_inner_join(binder, rel, predicates);
    case JOIN_FULL:
    case JOIN_RIGHT:
        rel->inputs[0] = push(binder, rel->inputs[0], &none);
        none = (ExprList){0};
        rel->inputs[1] = push(binder, rel->inputs[1], &none);
        rel_refresh_ids(binder, rel);
        return rel_filter(binder, rel, predicates);
    default: return push_one_sided_join(binder, rel, predicates);
    }
}

/* ---- other nodes
 * ---------------------------------------------------------------------------------------------- */

static Rel *push_project(Binder *binder, Rel *rel, ExprList *predicates) {
    ColumnMap map = {.from = rel->ids.items, .to = rel->exprs.items, .count = rel->ids.count};
    ExprList below = {0}, above = {0};
    for (int i = 0; i < predicates->count; i++) {
        Expr *predicate = predicates->items[i];
        if (expr_substituted_size(predicate, &map) >= MOST_SUBSTITUTED) /* a + a of a + a of ... */
            expr_list_add(binder->arena, &above, predicate);
        else
            expr_list_add(binder->arena, &below,
                          expr_substitute(binder->arena, expr_copy(binder->arena, predicate), &map));
    }
    rel->inputs[0] = push(binder, rel->inputs[0], &below);
    return rel_filter(binder, rel, &above);
}

/* Conditions on the input alone sink; a condition on the results that no NULL passes makes padding rows
 * needless. */
static Rel *push_table_function(Binder *binder, Rel *rel, ExprList *predicates) {
    if (rel->input_count == 0) return rel_filter(binder, rel, predicates);
    ExprList below = {0}, above = {0};
    Rel own = {.ids = rel->own_ids};
    for (int i = 0; i < predicates->count; i++) {
        Expr *predicate = predicates->items[i];
        bool sinks = rel->own_ids.count > 0 && expr_reads_only(predicate, rel->inputs[0]) &&
                     !expr_reads_nothing(predicate);
        expr_list_add(binder->arena, sinks ? &below : &above, predicate);
        if (!sinks && rejects_nulls(predicate, &own)) rel->keep_empty = false;
    }
    rel->inputs[0] = push(binder, rel->inputs[0], &below);
    rel_refresh_ids(binder, rel);
    return rel_filter(binder, rel, &above);
}

/* A condition on a group that some set leaves out would drop rows that set still counts. */
static IdList groups_of_every_set(Binder *binder, const Rel *rel) {
    uint64_t common = ~(uint64_t)0;
    IdList ids = {0};
    for (int s = 0; s < rel->grouping_set_count; s++)
        common &= rel->grouping_sets[s];
    for (int g = 0; g < rel->exprs.count; g++)
        if (common >> g & 1) id_list_add(binder->arena, &ids, rel->ids.items[g]);
    return ids;
}

static Rel *push_aggregate(Binder *binder, Rel *rel, ExprList *predicates) {
    ColumnMap map = {.from = rel->ids.items, .to = rel->exprs.items, .count = rel->exprs.count};
    Rel groups = {.ids = {.items = rel->ids.items, .count = rel->exprs.count}};
    ExprList below = {0}, above = {0};
    if (rel->grouping_set_count) groups.ids = groups_of_every_set(binder, rel);
    for (int i = 0; i < predicates->count; i++) {
        Expr *predicate = predicates->items[i];
        if (rel->exprs.count > 0 && expr_reads_only(predicate, &groups) && !expr_reads_nothing(predicate))
            expr_list_add(binder->arena, &below,
                          expr_substitute(binder->arena, expr_copy(binder->arena, predicate), &map));
        else
            expr_list_add(binder->arena, &above, predicate);
    }
    if (below.count) rel_note(binder, rel, "filter below groups");
    rel->inputs[0] = push(binder, rel->inputs[0], &below);
    return rel_filter(binder, rel, &above);
}

static Rel *push_window(Binder *binder, Rel *rel, ExprList *predicates) {
    ExprList below = {0}, above = {0};
    for (int i = 0; i < predicates->count; i++)
        expr_list_add(binder->arena, window_lets_through(binder, rel, predicates->items[i]) ? &below : &above,
                      predicates->items[i]);
    if (below.count) rel_note(binder, rel, "filter below window");
    rel->inputs[0] = push(binder, rel->inputs[0], &below);
    rel_refresh_ids(binder, rel);
    return rel_filter(binder, rel, &above);
}

static Rel *push_set(Binder *binder, Rel *rel, ExprList *predicates) {
    for (int input = 0; input < rel->input_count; input++) {
        Rel *side = rel->inputs[input];
        ExprList below = {0};
        Expr **columns = ARENA_NEW_ARRAY(binder->arena, Expr *, side->ids.count + 1);
        for (int c = 0; c < side->ids.count; c++)
            columns[c] = expr_column(binder, side->ids.items[c]);
        ColumnMap map = {.from = rel->ids.items, .to = columns, .count = rel->ids.count};
        for (int i = 0; i < predicates->count; i++)
            expr_list_add(
                binder->arena, &below,
                expr_substitute(binder->arena, expr_copy(binder->arena, predicates->items[i]), &map));
        rel->inputs[input] = push(binder, side, &below);
    }
    return rel;
}

static Rel *push(Binder *binder, Rel *rel, ExprList *predicates) {
    ExprList none = {0};
    switch (rel->kind) {
    case PLAN_FILTER: {
        ExprList all = {0};
        add_all(binder, &all, &rel->predicates);
        add_all(binder, &all, predicates);
        return push(binder, rel->inputs[0], &all);
    }
    case PLAN_PROJECT: return push_project(binder, rel, predicates);
    case PLAN_JOIN: return push_join(binder, rel, predicates);
    case PLAN_AGGREGATE: return push_aggregate(binder, rel, predicates);
    case PLAN_WINDOW: return push_window(binder, rel, predicates);
    case PLAN_UNION_ALL:
    case PLAN_SET_OPERATION: return push_set(binder, rel, predicates);
    case PLAN_TABLE_FUNCTION: return push_table_function(binder, rel, predicates);
    case PLAN_SORT:
        rel->inputs[0] = push(binder, rel->inputs[0], predicates);
        rel_refresh_ids(binder, rel);
        return rel;
    case PLAN_LIMIT:
        rel->inputs[0] = push(binder, rel->inputs[0], &none);
        rel_refresh_ids(binder, rel);
        return rel_filter(binder, rel, predicates);
    case PLAN_SCAN:
    case PLAN_FOREIGN_SCAN: {
        ExprList above = {0};
        for (int i = 0; i < predicates->count; i++) /* a scan filters by its own columns only */
            expr_list_add(binder->arena, expr_reads_nothing(predicates->items[i]) ? &above : &rel->predicates,
                          predicates->items[i]);
        if (rel->predicates.count) rel_note(binder, rel, "filter pushdown");
        return rel_filter(binder, rel, &above);
    }
    default: return rel_filter(binder, rel, predicates);
    }
}

Rel *rule_pushdown(Binder *binder, Rel *root) {
    ExprList none = {0};
    return push(binder, root, &none);
}
