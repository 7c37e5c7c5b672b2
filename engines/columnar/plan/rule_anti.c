/* Rule: LEFT JOIN ... WHERE right.key IS NULL keeps the rows without a match: an anti join, when nobody reads
 * the right side's NULLs. After the conditions were pushed down. */
#include "engines/columnar/plan/logical.h"

/* NULL only where nothing matched: an equality of the join compares it. */
static bool is_join_key(const Rel *join, const Expr *column) {
    for (int i = 0; i < join->predicates.count; i++) {
        const Expr *predicate = join->predicates.items[i];
        if (expr_is_equality(predicate) &&
            (expr_equal(predicate->args[0], column) || expr_equal(predicate->args[1], column)))
            return true;
    }
    return false;
}

static int null_test(const Rel *filter, const Rel *join) {
    for (int i = 0; i < filter->predicates.count; i++) {
        const Expr *predicate = filter->predicates.items[i];
        if (predicate->kind == EXPR_IS_NULL && predicate->args[0]->kind == EXPR_COLUMN &&
            rel_produces(join->inputs[1], predicate->args[0]->column) &&
            is_join_key(join, predicate->args[0]))
            return i;
    }
    return -1;
}

static bool make_anti(Binder *binder, const Rel *root, Rel *filter, Rel *join) {
    int test = null_test(filter, join);
    if (test < 0) return false;
    ExprList kept = {0}, all = filter->predicates, conditions = join->predicates;
    for (int i = 0; i < all.count; i++)
        if (i != test) expr_list_add(binder->arena, &kept, all.items[i]);
    /* The statement without this join's right side: does anything miss it? */
    filter->predicates = kept;
    join->predicates = (ExprList){0};
    join->input_count = 1;
    bool read = rel_reads_any_of(root, &join->inputs[1]->ids);
    join->input_count = 2;
    join->predicates = conditions;
    if (read) {
        filter->predicates = all;
        return false;
    }
    join->join_type = JOIN_ANTI;
    rel_note(binder, join, "outer join to anti join");
    return true;
}

static bool visit(Binder *binder, const Rel *root, Rel *rel) {
    bool changed = false;
    for (int i = 0; i < rel->input_count; i++)
        changed = visit(binder, root, rel->inputs[i]) || changed;
    Rel *input = rel->kind == PLAN_FILTER ? rel->inputs[0] : NULL;
    if (input && input->kind == PLAN_JOIN && input->join_type == JOIN_LEFT && !input->dependent)
        changed = make_anti(binder, root, rel, input) || changed;
    if (rel->kind == PLAN_FILTER || rel->kind == PLAN_JOIN || rel->kind == PLAN_SORT ||
        rel->kind == PLAN_LIMIT || rel->kind == PLAN_TABLE_FUNCTION || rel->kind == PLAN_WINDOW)
        rel_refresh_ids(binder, rel);
    return changed;
}

Rel *rule_anti(Binder *binder, Rel *root) {
    return visit(binder, root, root) ? rule_pushdown(binder, root) : root;
}
