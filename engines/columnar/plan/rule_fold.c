/* Rule: what is constant is computed now, and logic over constants is shortened. A call that fails is left
 * for run time, where it may never be reached. */
#include "engines/columnar/plan/logical.h"

static bool depends_on_now(const Expr *expr) {
    return expr->kind == EXPR_CALL &&
           (expr->arg_count == 0 || (expr->arg_count == 1 && strcmp(expr->function->name, "age") == 0));
}

static int truth(const Expr *expr) { /* 1, 0, or -1 for neither */
    if (!expr_is_constant(expr) || expr_is_null_constant(expr) || expr->type.id != SQL_BOOL) return -1;
    return *(const uint8_t *)expr->constant->values != 0;
}

/* AND drops true and ends at false; OR the other way round. */
static Expr *fold_logic(Binder *binder, Expr *expr) {
    int absorbing = expr->kind == EXPR_AND ? 0 : 1, kept = 0;
    for (int i = 0; i < expr->arg_count; i++) {
        int value = truth(expr->args[i]);
        if (value == absorbing) return expr->args[i];
        if (value < 0) expr->args[kept++] = expr->args[i];
    }
    if (kept == 0) return expr_bool_constant(binder->arena, !absorbing);
    expr->arg_count = kept;
    return kept == 1 ? expr->args[0] : expr;
}

/* (k AND a) OR (k AND b) is k AND (a OR b): so join conditions inside ORs are found. */
static Expr *factor_or(Binder *binder, Expr *expr) {
    Arena *arena = binder->arena;
    ExprList common = {0};
    ExprList first = {0};
    expr_split_conjuncts(arena, expr->args[0], &first);
    for (int c = 0; c < first.count; c++) {
        bool everywhere = true;
        for (int i = 1; everywhere && i < expr->arg_count; i++) {
            ExprList branch = {0};
            bool found = false;
            expr_split_conjuncts(arena, expr->args[i], &branch);
            for (int b = 0; b < branch.count; b++)
                found = found || expr_equal(branch.items[b], first.items[c]);
            everywhere = found;
        }
        if (everywhere) expr_list_add(arena, &common, first.items[c]);
    }
    if (common.count == 0) return expr;
    Expr *rest = expr_new(arena, EXPR_OR, expr->type, expr->arg_count);
    for (int i = 0; i < expr->arg_count; i++) {
        ExprList branch = {0}, left = {0};
        expr_split_conjuncts(arena, expr->args[i], &branch);
        for (int b = 0; b < branch.count; b++) {
            bool shared = false;
            for (int c = 0; c < common.count; c++)
                shared = shared || expr_equal(branch.items[b], common.items[c]);
            if (!shared) expr_list_add(arena, &left, branch.items[b]);
        }
        rest->args[i] = left.count ? expr_and_all(arena, &left) : expr_bool_constant(arena, true);
    }
    expr_list_add(arena, &common, fold_logic(binder, rest));
    return expr_and_all(arena, &common);
}

static Expr *fold(Binder *binder, Expr *expr) {
    for (int i = 0; i < expr->arg_count; i++)
        expr->args[i] = fold(binder, expr->args[i]);
    if (expr->kind == EXPR_OR || expr->kind == EXPR_AND) {
        expr = fold_logic(binder, expr);
        return expr->kind == EXPR_OR ? factor_or(binder, expr) : expr;
    }
    if (expr->kind == EXPR_NOT && truth(expr->args[0]) >= 0)
        return expr_bool_constant(binder->arena, !truth(expr->args[0]));
    if ((expr->kind == EXPR_IS_NULL || expr->kind == EXPR_IS_NOT_NULL) && expr_is_constant(expr->args[0]))
        return expr_bool_constant(binder->arena,
                                  expr_is_null_constant(expr->args[0]) == (expr->kind == EXPR_IS_NULL));
    if ((expr->kind == EXPR_CALL || expr->kind == EXPR_CAST) && expr->arg_count > 0 &&
        !depends_on_now(expr)) {
        Expr *folded = NULL;
        Error ignored = {0};
        if (constant_fold(binder->arena, expr, &folded, &ignored) == STATUS_OK && folded) return folded;
    }
    return rule_narrow(binder, expr);
}

static void fold_list(Binder *binder, ExprList *list) {
    for (int i = 0; i < list->count; i++)
        list->items[i] = fold(binder, list->items[i]);
}

/* True conjuncts vanish; ANDs that folding made are split again. */
static void fold_conjuncts(Binder *binder, ExprList *list) {
    ExprList kept = {0};
    fold_list(binder, list);
    for (int i = 0; i < list->count; i++) {
        ExprList parts = {0};
        expr_split_conjuncts(binder->arena, list->items[i], &parts);
        for (int p = 0; p < parts.count; p++)
            if (truth(parts.items[p]) != 1) expr_list_add(binder->arena, &kept, parts.items[p]);
    }
    *list = kept;
}

static Expr *fold_visited(void *binder, Expr *expr) {
    return fold(binder, expr);
}

Status rule_fold(Binder *binder, Rel *rel, Error *err) {
    fold_conjuncts(binder, &rel->predicates);
    fold_list(binder, &rel->exprs);
    for (int c = 0; c < rel->call_count; c++) {
        for (int a = 0; a < rel->calls[c].arg_count; a++)
            rel->calls[c].args[a] = fold(binder, rel->calls[c].args[a]);
        if (rel->calls[c].filter) rel->calls[c].filter = fold(binder, rel->calls[c].filter);
    }
    if (rel->kind == PLAN_WINDOW) rel_each_expr(rel, fold_visited, binder);
    for (int r = 0; r < rel->value_row_count; r++)
        for (int c = 0; c < rel->ids.count; c++)
            rel->value_rows[r][c] = fold(binder, rel->value_rows[r][c]);
    for (int f = 0; f < rel->table_call_count; f++)
        for (int a = 0; a < rel->table_calls[f].arg_count; a++)
            rel->table_calls[f].args[a] = fold(binder, rel->table_calls[f].args[a]);
    if (rel->limit) rel->limit = fold(binder, rel->limit);
    if (rel->offset) rel->offset = fold(binder, rel->offset);
    for (int i = 0; i < rel->input_count; i++)
        TRY(rule_fold(binder, rel->inputs[i], err));
    return STATUS_OK;
}
