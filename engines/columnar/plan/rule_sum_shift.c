/* Rule: several sums of one integer column moved by constants read the column once:
 * sum(c + 1), sum(c + 2) becomes s + 1 × n, s + 2 × n over s = sum(c), n = count(c).
 *
 * Only where no `c + k` can leave its type, by the column's stored range: PostgreSQL would raise 22003 there.
 */
#include "engines/columnar/plan/logical.h"

typedef struct ShiftedSum {
    Expr *column; /* NULL: another kind of call */
    int64_t shift;
    int sum_id, count_id; /* of the new calls */
} ShiftedSum;

static bool integer_constant(const Expr *expr, int64_t *value) {
    if (expr->kind != EXPR_CONSTANT || expr_is_null_constant(expr)) return false;
    switch (expr->type.id) {
    case SQL_INT2: *value = *(const int16_t *)expr->constant->values; return true;
    case SQL_INT4: *value = *(const int32_t *)expr->constant->values; return true;
    default: return false;
    }
}

static Expr *integer_column(Expr *expr) {
    bool small = sqltype_is(expr->type, SQL_INT2) || sqltype_is(expr->type, SQL_INT4);
    if (small && expr->kind == EXPR_CAST && sqltype_is(expr->args[0]->type, SQL_INT2)) expr = expr->args[0];
    return small && expr->kind == EXPR_COLUMN ? expr : NULL;
}

static bool stays_in_type(const Binder *binder, const Expr *column, int64_t shift, SqlType type) {
    const ColumnInfo *info = &binder->columns[column->column];
    double limit = sqltype_is(type, SQL_INT2) ? INT16_MAX : INT32_MAX;
    return info->has_range && info->low + (double)shift >= -limit && info->high + (double)shift <= limit;
}

static bool match_sum(const Binder *binder, const AggregateCall *call, ShiftedSum *out) {
    memset(out, 0, sizeof *out);
    if (strcmp(call->function->name, "sum") != 0 || call->filter || call->distinct || call->arg_count != 1)
        return false;
    Expr *arg = call->args[0];
    if ((out->column = integer_column(arg))) return true;
    if (arg->kind != EXPR_CALL || arg->arg_count != 2) return false;
    bool minus = strcmp(arg->function->name, "-") == 0;
    if (!minus && strcmp(arg->function->name, "+") != 0) return false;
    for (int side = 0; side < (minus ? 1 : 2); side++) {
        Expr *column = integer_column(arg->args[side]);
        int64_t value = 0;
        if (!column || !integer_constant(arg->args[1 - side], &value)) continue;
        out->shift = minus ? -value : value;
        if (!stays_in_type(binder, column, out->shift, arg->type)) return false;
        out->column = column;
        return true;
    }
    return false;
}

static Status add_call(Binder *binder, Rel *rel, const char *name, Expr *column, int *id, Error *err) {
    Expr *arg = expr_copy(binder->arena, column);
    AggregateCall *call = &rel->calls[rel->call_count];
    TRY(resolve_aggregate(binder, name, &arg, 1, false, column->position, call, err));
    *id = binder_add_column(binder, name, call->type, strcmp(name, "sum") == 0);
    id_list_add(binder->arena, &rel->ids, *id);
    rel->call_count++;
    return STATUS_OK;
}

/* The two calls that every sum over the column of `sums[at]` is made from; made once. */
static Status share_calls(Binder *binder, Rel *rel, ShiftedSum *sums, int at, Error *err) {
    for (int i = 0; i < at; i++)
        if (sums[i].column && sums[i].column->column == sums[at].column->column) {
            sums[at].sum_id = sums[i].sum_id;
            sums[at].count_id = sums[i].count_id;
            return STATUS_OK;
        }
    TRY(add_call(binder, rel, "sum", sums[at].column, &sums[at].sum_id, err));
    return add_call(binder, rel, "count", sums[at].column, &sums[at].count_id, err);
}

static Status shifted_expr(Binder *binder, const ShiftedSum *sum, Expr **out, Error *err) {
    *out = expr_column(binder, sum->sum_id);
    if (sum->shift == 0) return STATUS_OK;
    Expr *product = NULL;
    TRY(resolve_operator(binder, "*", expr_column(binder, sum->count_id),
                         constant_int(binder->arena, sum->shift, sqltype_of(SQL_INT8)), 0, &product, err));
    return resolve_operator(binder, "+", *out, product, 0, out, err);
}

static Status share_sums(Binder *binder, Rel *aggregate, ShiftedSum *sums, Rel **out, Error *err) {
    int groups = aggregate->exprs.count, count = aggregate->call_count;
    AggregateCall *calls = aggregate->calls;
    IdList ids = aggregate->ids;
    Rel *shared = rel_new(binder, PLAN_AGGREGATE, 1);
    shared->inputs[0] = aggregate->inputs[0];
    shared->exprs = aggregate->exprs;
    shared->rows = aggregate->rows;
    shared->note = aggregate->note;
    shared->calls = ARENA_NEW_ARRAY(binder->arena, AggregateCall, 2 * count);
    Rel *project = rel_new(binder, PLAN_PROJECT, 1);
    project->inputs[0] = shared;
    project->rows = aggregate->rows;
    project->ids = ids;
    for (int g = 0; g < groups; g++) {
        id_list_add(binder->arena, &shared->ids, ids.items[g]);
        expr_list_add(binder->arena, &project->exprs, expr_column(binder, ids.items[g]));
    }
    for (int c = 0; c < count; c++) {
        Expr *expr = NULL;
        if (sums[c].column) {
            TRY(share_calls(binder, shared, sums, c, err));
            TRY(shifted_expr(binder, &sums[c], &expr, err));
        } else {
            shared->calls[shared->call_count++] = calls[c];
            id_list_add(binder->arena, &shared->ids, ids.items[groups + c]);
            expr = expr_column(binder, ids.items[groups + c]);
        }
        expr_list_add(binder->arena, &project->exprs, expr);
    }
    rel_note(binder, shared, "sums of a moved column shared");
    *out = project;
    return STATUS_OK;
}

/* Worth it from three sums of one column on: two calls take their place. */
static bool is_worth_it(ShiftedSum *sums, int count) {
    bool any = false;
    for (int c = 0; c < count; c++) {
        int same = 0;
        for (int i = 0; i < count && sums[c].column; i++)
            same += sums[i].column && sums[i].column->column == sums[c].column->column;
        if (same < 3)
            sums[c].column = NULL;
        else
            any = true;
    }
    return any;
}

Rel *rule_sum_shift(Binder *binder, Rel *rel) {
    for (int i = 0; i < rel->input_count; i++)
        rel->inputs[i] = rule_sum_shift(binder, rel->inputs[i]);
    if (rel->kind != PLAN_AGGREGATE || rel->call_count < 3 || rel->grouping_set_count > 0) return rel;
    ShiftedSum *sums = ARENA_NEW_ARRAY(binder->arena, ShiftedSum, rel->call_count);
    for (int c = 0; c < rel->call_count; c++)
        match_sum(binder, &rel->calls[c], &sums[c]);
    Rel *shared = NULL;
    Error ignored = {0};
    if (!is_worth_it(sums, rel->call_count) || share_sums(binder, rel, sums, &shared, &ignored) != STATUS_OK)
        return rel;
    return shared;
}
