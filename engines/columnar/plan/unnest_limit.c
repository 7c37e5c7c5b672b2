/* LIMIT inside a subquery, once the subquery is computed for many outer rows at once: row numbers. */
#include "engines/columnar/plan/unnest.h"

/* The number as int8, and whether it is one that a comparison can take. */
static bool is_plain_number(const Expr *expr) {
    return !expr || expr->kind == EXPR_PARAM ||
           (expr_is_constant(expr) && expr->constant->physical == PHYS_I64 &&
            (expr_is_null_constant(expr) || *(const int64_t *)expr->constant->values >= 0));
}

static bool is_unlimited(const Expr *expr) {
    return !expr || expr_is_null_constant(expr);
}

static bool compare(Binder *binder, const char *name, Expr *left, Expr *right, ExprList *out) {
    Error ignored = {0};
    Expr *test = NULL;
    if (resolve_operator(binder, name, left, right, 0, &test, &ignored) != STATUS_OK) return false;
    expr_list_add(binder->arena, out, test);
    return true;
}

/* The numbered rows that stay: offset < number <= offset + limit. */
static bool number_tests(Binder *binder, const Rel *limit, int number, ExprList *out) {
    Error ignored = {0};
    Expr *last = limit->limit;
    if (!is_unlimited(limit->offset)) {
        if (!compare(binder, ">", expr_column(binder, number), limit->offset, out)) return false;
        if (!is_unlimited(last) &&
            resolve_operator(binder, "+", last, expr_copy(binder->arena, limit->offset), 0, &last,
                             &ignored) != STATUS_OK)
            return false;
    }
    return is_unlimited(last) || compare(binder, "<=", expr_column(binder, number), last, out);
}

Rel *unnest_limit_by(Binder *binder, const Rel *limit, const ExprList *partition) {
    Arena *arena = binder->arena;
    const Rel *sort = limit->inputs[0]->kind == PLAN_SORT ? limit->inputs[0] : NULL;
    int order_count = sort ? sort->sort_key_count : 0, key_count = partition->count + order_count;
    ExprList tests = {0};
    if (!is_plain_number(limit->limit) || !is_plain_number(limit->offset)) return NULL;
    int number = binder_add_column(binder, "row_number", sqltype_of(SQL_INT8), false);
    if (!number_tests(binder, limit, number, &tests)) return NULL;
    Rel *window = rel_new(binder, PLAN_WINDOW, 1);
    window->inputs[0] = sort ? sort->inputs[0] : limit->inputs[0];
    window->sort_keys = ARENA_NEW_ARRAY(arena, SortKey, key_count + 1);
    window->sort_key_count = key_count;
    for (int i = 0; i < partition->count; i++)
        window->sort_keys[i] = (SortKey){.expr = expr_copy(arena, partition->items[i])};
    for (int i = 0; i < order_count; i++)
        window->sort_keys[partition->count + i] = sort->sort_keys[i];
    window->windows = ARENA_NEW(arena, WindowCall);
    window->window_count = 1;
    window->windows[0] = (WindowCall){.kind = WINDOW_ROW_NUMBER,
                                      .name = "row_number",
                                      .call = {.type = sqltype_of(SQL_INT8)},
                                      .partition_count = partition->count,
                                      .order_count = order_count,
                                      .frame = {.mode = FRAME_RANGE, .end = BOUND_CURRENT}};
    id_list_add(arena, &window->own_ids, number);
    rel_refresh_ids(binder, window);
    rel_note(binder, window, "limit by outer value");
    return rel_filter(binder, window, &tests);
}
