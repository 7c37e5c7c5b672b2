/* Subqueries inside CASE, COALESCE, AND and OR: PostgreSQL computes them for the rows that get there, so
 * their errors are those of these rows. Here a subquery is a join for all rows: one that cannot fail stays
 * that, what else must be done about it is decided by what is asked here. */
#include "engines/columnar/plan/unnest.h"

#include <stdlib.h>

/* Flagged as if they could fail, for the sake of values behind rows nobody asked for. */
static bool is_harmless(const char *name) {
    static const char *const NAMES[] = {
        "=",      "<>",     "<",     "<=",    ">",      ">=",         "~~",        "!~~",
        "~~*",    "!~~*",   "lower", "upper", "||",     "btrim",      "ltrim",     "rtrim",
        "concat", "length", "left",  "right", "strpos", "date_trunc", "date_part", "extract"};
    for (size_t i = 0; name && i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(name, NAMES[i]) == 0) return true;
    return false;
}

static bool is_nonzero_constant(const Expr *expr) {
    if (!expr_is_constant(expr) || expr_is_null_constant(expr)) return false;
    StrBuf digits;
    strbuf_init(&digits);
    constant_describe(expr->constant, &digits);
    bool nonzero = strtod(strbuf_text(&digits), NULL) != 0;
    strbuf_deinit(&digits);
    return nonzero;
}

/* What fails on ordinary values. */
static bool fails_often(const Expr *expr) {
    static const char *const NAMES[] = {"/", "%", "div", "mod"};
    if (expr->arg_count == 2 && is_nonzero_constant(expr->args[1])) return false;
    if (expr->kind == EXPR_CAST) return sqltype_is_text(expr->args[0]->type) && !sqltype_is_text(expr->type);
    for (size_t i = 0; expr->function->name && i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (strcmp(expr->function->name, NAMES[i]) == 0) return true;
    return false;
}

/* What reads nothing has been computed while planning, or fails whoever asks. */
static bool may_raise(const Expr *expr, bool often) {
    if (expr->arg_count == 0) return false;
    if (expr->function && !expr->function->null_on_error && !expr_reads_nothing(expr) &&
        (often ? fails_often(expr) : !is_harmless(expr->function->name))) {
        const Vector *constants[FUNCTION_MAX_ARGS] = {0};
        for (int i = 0; i < expr->arg_count && i < FUNCTION_MAX_ARGS; i++)
            if (expr_is_constant(expr->args[i])) constants[i] = expr->args[i]->constant;
        if (!expr->function->safe_with || !expr->function->safe_with(constants, expr->arg_count)) return true;
    }
    for (int i = 0; i < expr->arg_count; i++)
        if (may_raise(expr->args[i], often)) return true;
    return false;
}

typedef struct Look {
    bool often, found;
} Look;

static Expr *look(void *context, Expr *expr) {
    Look *at = context;
    at->found = at->found || may_raise(expr, at->often);
    return expr;
}

static bool tree_may_raise(const Rel *rel, bool often) {
    Look at = {.often = often};
    if (!often) {
        at.found = rel->kind == PLAN_TABLE_FUNCTION || rel->kind == PLAN_CTE;
        if (rel->kind == PLAN_JOIN && rel->join_type == JOIN_SINGLE && !unnest_gives_one_row(rel->inputs[1]))
            at.found = true;
    }
    rel_each_expr((Rel *)rel, look, &at); /* the visit changes nothing */
    for (int i = 0; i < rel->input_count && !at.found; i++)
        at.found = tree_may_raise(rel->inputs[i], often);
    return at.found;
}

static bool limit_is_one(const Rel *limit) {
    return limit->limit && expr_is_constant(limit->limit) && !expr_is_null_constant(limit->limit) &&
           *(const int64_t *)limit->limit->constant->values <= 1;
}

bool unnest_gives_one_row(const Rel *right) {
    switch (right->kind) {
    case PLAN_AGGREGATE: return right->exprs.count == 0 && right->grouping_set_count == 0;
    case PLAN_VALUES: return right->value_row_count <= 1;
    case PLAN_LIMIT: return limit_is_one(right) || unnest_gives_one_row(right->inputs[0]);
    case PLAN_PROJECT:
    case PLAN_FILTER:
    case PLAN_SORT: return unnest_gives_one_row(right->inputs[0]);
    case PLAN_JOIN:
        return (right->join_type == JOIN_SINGLE || right->join_type == JOIN_MARK) &&
               unnest_gives_one_row(right->inputs[0]);
    default: return false;
    }
}

/* The one aggregated row, under what is computed of it. */
static const Rel *scalar_aggregate(const Rel *rel) {
    while (rel->kind == PLAN_PROJECT || rel->kind == PLAN_FILTER || rel->kind == PLAN_SORT ||
           (rel->kind == PLAN_LIMIT && limit_is_one(rel) && !rel->offset))
        rel = rel->inputs[0];
    return rel->kind == PLAN_AGGREGATE && rel->exprs.count == 0 && !rel->grouping_set_count ? rel : NULL;
}

bool unnest_may_raise(const Rel *right, bool often) {
    const Rel *aggregate = scalar_aggregate(right);
    if (aggregate) return tree_may_raise(aggregate, often);
    return tree_may_raise(right->kind == PLAN_PROJECT ? right->inputs[0] : right, often);
}

bool unnest_columns_may_raise(const Rel *right, bool often) {
    for (int i = 0; right->kind == PLAN_PROJECT && i < right->exprs.count; i++)
        if (may_raise(right->exprs.items[i], often)) return true;
    return false;
}

/* ---- columns from further outside ------------------------------------------------------------------------
 */

typedef struct Reads {
    Arena *arena;
    IdList ids;
} Reads;

static Expr *note_reads(void *context, Expr *expr) {
    Reads *reads = context;
    expr_collect_ids(reads->arena, expr, &reads->ids);
    return expr;
}

static void collect_reads(Reads *reads, const Rel *rel) {
    rel_each_expr((Rel *)rel, note_reads, reads); /* the visit changes nothing */
    for (int i = 0; i < rel->input_count; i++)
        collect_reads(reads, rel->inputs[i]);
}

static bool made_within(const Rel *rel, int id) {
    if (rel_produces(rel, id) || id_list_has(&rel->table_ids, id)) return true;
    for (int i = 0; i < rel->input_count; i++)
        if (made_within(rel->inputs[i], id)) return true;
    return false;
}

static bool reads_from_outside(Arena *arena, const Rel *right) {
    Reads reads = {.arena = arena};
    collect_reads(&reads, right);
    for (int i = 0; i < reads.ids.count; i++)
        if (!made_within(right, reads.ids.items[i])) return true;
    return false;
}

/* Below whatever is computed of the rows, and below a scalar aggregate once more. */
static Rel *rows_that_meet(Binder *binder, Rel *right, const ExprList *conditions) {
    Rel **slot = &right;
    while ((*slot)->kind == PLAN_PROJECT || (*slot)->kind == PLAN_SORT || (*slot)->kind == PLAN_LIMIT ||
           (*slot)->kind == PLAN_FILTER)
        slot = &(*slot)->inputs[0];
    Rel *at = *slot;
    ExprList copies = {0};
    for (int i = 0; i < conditions->count; i++)
        expr_list_add(binder->arena, &copies, expr_copy(binder->arena, conditions->items[i]));
    if (at->kind == PLAN_AGGREGATE && at->exprs.count == 0 && !at->grouping_set_count)
        at->inputs[0] = rows_that_meet(binder, at->inputs[0], conditions);
    *slot = rel_filter(binder, at, &copies);
    return right;
}

/* That all of AND are true, or none of OR, is said of each of them. */
static void split_guard(Arena *arena, Expr *guard, ExprList *out) {
    ExprList parts = {0};
    expr_split_conjuncts(arena, guard, &parts);
    for (int i = 0; i < parts.count; i++) {
        Expr *part = parts.items[i], *inner = part->arg_count ? part->args[0] : NULL;
        bool each = (part->kind == EXPR_IS_TRUE && inner->kind == EXPR_AND) ||
                    (part->kind == EXPR_IS_NOT_TRUE && inner->kind == EXPR_OR);
        if (!each) expr_list_add(arena, out, part);
        for (int a = 0; each && a < inner->arg_count; a++) {
            Expr *test = expr_new(arena, part->kind, part->type, 1);
            test->args[0] = inner->args[a];
            split_guard(arena, test, out);
        }
    }
}

Rel *unnest_guard_outside(Binder *binder, Rel *right, const Rel *left, Expr **guard) {
    Arena *arena = binder->arena;
    ExprList all = {0}, outside = {0}, rest = {0};
    split_guard(arena, *guard, &all);
    for (int i = 0; i < all.count; i++)
        expr_list_add(arena, expr_reads_any(all.items[i], left) ? &rest : &outside, all.items[i]);
    if (outside.count == 0 || !reads_from_outside(arena, right)) return right;
    *guard = rest.count ? expr_and_all(arena, &rest) : NULL;
    return rows_that_meet(binder, right, &outside);
}

Rel *unnest_two_rows(Binder *binder, Rel *right) {
    Rel *limit = rel_new(binder, PLAN_LIMIT, 1);
    limit->inputs[0] = right;
    limit->limit = constant_int(binder->arena, 2, sqltype_of(SQL_INT8));
    rel_refresh_ids(binder, limit);
    return limit;
}
