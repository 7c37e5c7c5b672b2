/* Rule: a group that is computed from other groups is computed after grouping: GROUP BY c, c - 1 has the
 * groups of GROUP BY c. So are constants, as long as one group is left (without any there is a row for no
 * rows).
 *
 * Only over types whose equal values are the same value (numeric's 1.0 and 1.00 are equal, and differ as
 * text), and only what cannot raise: what stands above may drop rows and columns before they are computed.
 */
#include "engines/columnar/plan/logical.h"

typedef struct Range {
    double low, high;
} Range;

static bool equal_is_same(SqlType type) {
    switch (type.id) {
    case SQL_BOOL:
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_DATE:
    case SQL_TIME:
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ:
    case SQL_TEXT:
    case SQL_VARCHAR:
    case SQL_BYTEA:
    case SQL_UUID: return true;
    default: return false;
    }
}

static double integer_limit(SqlType type) {
    /* The last one stays where doubles are exact. */
    return sqltype_is(type, SQL_INT2)   ? INT16_MAX
           : sqltype_is(type, SQL_INT4) ? INT32_MAX
                                        : 9007199254740991.0;
}

/* Bounds of integer arithmetic over constants and columns whose stored range is known; false where a result
 * could leave its type. */
static bool integer_range(const Binder *binder, const Expr *expr, Range *out) {
    if (!sqltype_is_integer(expr->type)) return false;
    double limit = integer_limit(expr->type);
    if (expr->kind == EXPR_COLUMN) {
        const ColumnInfo *info = &binder->columns[expr->column];
        *out = (Range){info->low, info->high};
        return info->has_range && out->low >= -limit && out->high <= limit;
    }
    if (expr_is_constant(expr)) {
        if (expr_is_null_constant(expr)) return false;
        const void *value = expr->constant->values;
        double number = sqltype_is(expr->type, SQL_INT2)   ? *(const int16_t *)value
                        : sqltype_is(expr->type, SQL_INT4) ? *(const int32_t *)value
                                                           : (double)*(const int64_t *)value;
        *out = (Range){number, number};
        return number >= -limit && number <= limit;
    }
    if (expr->kind == EXPR_CAST)
        return integer_range(binder, expr->args[0], out) && out->low >= -limit && out->high <= limit;
    if (expr->kind != EXPR_CALL || expr->arg_count != 2) return false;
    Range a, b;
    if (!integer_range(binder, expr->args[0], &a) || !integer_range(binder, expr->args[1], &b)) return false;
    if (strcmp(expr->function->name, "+") == 0)
        *out = (Range){a.low + b.low, a.high + b.high};
    else if (strcmp(expr->function->name, "-") == 0)
        *out = (Range){a.low - b.high, a.high - b.low};
    else
        return false;
    return out->low >= -limit && out->high <= limit;
}

static bool may_wait(const Binder *binder, const Rel *rel, int group, const bool *key) {
    const Expr *expr = rel->exprs.items[group];
    Range range;
    IdList read = {0};
    if (expr->kind == EXPR_COLUMN || (expr_may_raise(expr) && !integer_range(binder, expr, &range)))
        return false;
    expr_collect_ids(binder->arena, expr, &read);
    for (int i = 0; i < read.count; i++) {
        bool found = false;
        for (int g = 0; !found && g < rel->exprs.count; g++)
            found = key[g] && rel->exprs.items[g]->column == read.items[i];
        if (!found) return false;
    }
    return true;
}

/* Which groups are computed afterwards; false for none. */
static bool choose(const Binder *binder, const Rel *rel, bool *later) {
    int count = rel->exprs.count, waiting = 0;
    bool *key = ARENA_NEW_ARRAY(binder->arena, bool, count);
    for (int g = 0; g < count; g++)
        key[g] = rel->exprs.items[g]->kind == EXPR_COLUMN && equal_is_same(rel->exprs.items[g]->type);
    for (int g = 0; g < count; g++)
        waiting += later[g] = waiting + 1 < count && may_wait(binder, rel, g, key);
    return waiting > 0;
}

static Rel *compute_after(Binder *binder, Rel *rel, const bool *later) {
    Arena *arena = binder->arena;
    int count = rel->exprs.count;
    Rel *project = rel_new(binder, PLAN_PROJECT, 1);
    ExprList groups = rel->exprs;
    ColumnMap map = {0};
    int *from = ARENA_NEW_ARRAY(arena, int, count);
    Expr **to = ARENA_NEW_ARRAY(arena, Expr *, count);
    for (int g = 0; g < count; g++) {
        if (later[g] || groups.items[g]->kind != EXPR_COLUMN) continue;
        from[map.count] = groups.items[g]->column;
        to[map.count++] = expr_column(binder, rel->ids.items[g]);
    }
    map.from = from;
    map.to = to;
    project->inputs[0] = rel;
    project->ids = rel->ids;
    project->rows = rel->rows;
    rel->exprs = (ExprList){0};
    rel->ids = (IdList){0};
    for (int i = 0; i < project->ids.count; i++) {
        int id = project->ids.items[i];
        if (i < count && later[i]) {
            Expr *copy = expr_copy(arena, groups.items[i]);
            expr_list_add(arena, &project->exprs, expr_substitute(arena, copy, &map));
            continue;
        }
        if (i < count) expr_list_add(arena, &rel->exprs, groups.items[i]);
        id_list_add(arena, &rel->ids, id);
        expr_list_add(arena, &project->exprs, expr_column(binder, id));
    }
    rel_note(binder, rel, "computed groups after grouping");
    return project;
}

Rel *rule_group_function(Binder *binder, Rel *rel) {
    for (int i = 0; i < rel->input_count; i++)
        rel->inputs[i] = rule_group_function(binder, rel->inputs[i]);
    if (rel->kind != PLAN_AGGREGATE || rel->exprs.count < 2 || rel->grouping_set_count > 0 ||
        rel->grouping_call_count > 0)
        return rel;
    bool *later = ARENA_NEW_ARRAY(binder->arena, bool, rel->exprs.count);
    return choose(binder, rel, later) ? compute_after(binder, rel, later) : rel;
}
