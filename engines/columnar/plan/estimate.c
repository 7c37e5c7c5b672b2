/* How many rows: from table sizes, statistics of files, and rules of thumb where there are none. */
#include <math.h>

#include "engines/columnar/plan/logical.h"

/* ---- columns
 * --------------------------------------------------------------------------------------------------- */

static bool bound_value(SqlType type, const union ParquetBound *bound, double *out) {
    switch (physical_type_of(type)) {
    case PHYS_I16:
    case PHYS_I32:
    case PHYS_I64: *out = (double)bound->i64; break;
    case PHYS_F32:
    case PHYS_F64: *out = bound->f64; break;
    default: return false;
    }
    for (int digit = 0; type.id == SQL_NUMERIC && digit < type.scale; digit++)
        *out /= 10;
    return true;
}

void estimate_column(const TableVersion *version, int column, ColumnInfo *info) {
    bool known = version->file_count > 0;
    double low = INFINITY, high = -INFINITY;
    SqlType type = version->columns[column].type;
    for (int f = 0; known && f < version->file_count; f++) {
        const ParquetColumnStats *stats = version->files[f].stats ? &version->files[f].stats[column] : NULL;
        double from, to;
        known = stats && stats->has_min_max && bound_value(type, &stats->min, &from) &&
                bound_value(type, &stats->max, &to);
        if (known) {
            low = from < low ? from : low;
            high = to > high ? to : high;
        }
    }
    double rows = (double)version->row_count;
    if (known) {
        info->has_range = true;
        info->low = low;
        info->high = high;
    }
    bool whole = sqltype_is_integer(type) || type.id == SQL_DATE;
    if (type.id == SQL_BOOL)
        info->distinct = 2;
    else if (known && whole)
        info->distinct = fmin(high - low + 1, rows);
    else if (sqltype_is(type, SQL_TIMESTAMP) ||
             sqltype_is(type, SQL_TIMESTAMPTZ)) /* more of them than of names */
        info->distinct = fmax(1, pow(rows, 0.8));
    else
        info->distinct = fmax(1, fmin(rows, pow(rows, 0.6)));
}

static double distinct_of(const Binder *binder, const Expr *expr, double rows) {
    if (expr->kind == EXPR_CAST && expr->arg_count == 1) return distinct_of(binder, expr->args[0], rows);
    if (expr->kind == EXPR_CONSTANT || expr->kind == EXPR_PARAM) return 1;
    double distinct = expr->kind == EXPR_COLUMN ? binder->columns[expr->column].distinct : -1;
    if (distinct < 1) distinct = fmax(1, rows / 10);
    return rows > 0 ? fmin(distinct, rows) : distinct;
}

/* ---- conditions
 * ------------------------------------------------------------------------------------------------ */

static bool constant_value(const Expr *expr, double *out) {
    if (!expr_is_constant(expr) || expr_is_null_constant(expr)) return false;
    const Vector *constant = expr->constant;
    switch ((PhysicalType)constant->physical) {
    case PHYS_I16: *out = *(const int16_t *)constant->values; break;
    case PHYS_I32: *out = *(const int32_t *)constant->values; break;
    case PHYS_I64: *out = (double)*(const int64_t *)constant->values; break;
    case PHYS_F32: *out = (double)*(const float *)constant->values; break;
    case PHYS_F64: *out = *(const double *)constant->values; break;
    default: return false;
    }
    for (int digit = 0; constant->type.id == SQL_NUMERIC && digit < constant->type.scale; digit++)
        *out /= 10;
    return true;
}

static const Expr *plain_column(const Expr *expr) {
    while (expr->kind == EXPR_CAST && expr->arg_count == 1)
        expr = expr->args[0];
    return expr->kind == EXPR_COLUMN ? expr : NULL;
}

static double range_selectivity(const Binder *binder, const Expr *predicate, bool below) {
    const Expr *column = plain_column(predicate->args[0]);
    double value;
    if (!column || !binder->columns[column->column].has_range || !constant_value(predicate->args[1], &value))
        return 1.0 / 3;
    const ColumnInfo *info = &binder->columns[column->column];
    if (info->high <= info->low) return 0.5;
    double share = (value - info->low) / (info->high - info->low);
    share = below ? share : 1 - share;
    return fmin(1, fmax(0.0001, share));
}

static double call_selectivity(const Binder *binder, const Expr *predicate) {
    const char *name = predicate->function->name;
    if (predicate->arg_count != 2) return 0.5;
    const Expr *column = plain_column(predicate->args[0]) ? plain_column(predicate->args[0])
                                                          : plain_column(predicate->args[1]);
    double distinct = column ? binder->columns[column->column].distinct : -1;
    if (strcmp(name, "=") == 0) return distinct > 0 ? 1 / distinct : 0.05;
    if (strcmp(name, "<>") == 0) return distinct > 0 ? 1 - 1 / distinct : 0.95;
    if (strcmp(name, "<") == 0 || strcmp(name, "<=") == 0) return range_selectivity(binder, predicate, true);
    if (strcmp(name, ">") == 0 || strcmp(name, ">=") == 0) return range_selectivity(binder, predicate, false);
    if (strcmp(name, "~~") == 0 || strcmp(name, "~~*") == 0) return 0.1;
    return 0.5;
}

double estimate_selectivity(const Binder *binder, const Expr *predicate) {
    double share = 1;
    switch (predicate->kind) {
    case EXPR_CALL: return call_selectivity(binder, predicate);
    case EXPR_AND:
        for (int i = 0; i < predicate->arg_count; i++)
            share *= estimate_selectivity(binder, predicate->args[i]);
        return share;
    case EXPR_OR:
        for (int i = 0; i < predicate->arg_count; i++)
            share *= 1 - estimate_selectivity(binder, predicate->args[i]);
        return 1 - share;
    case EXPR_NOT: return 1 - estimate_selectivity(binder, predicate->args[0]);
    case EXPR_IS_NULL: return 0.05;
    case EXPR_IS_NOT_NULL: return 0.95;
    case EXPR_IN_LIST: {
        const Expr *column = plain_column(predicate->args[0]);
        double distinct = column ? binder->columns[column->column].distinct : -1;
        return fmin(1, (predicate->arg_count - 1) * (distinct > 0 ? 1 / distinct : 0.05));
    }
    case EXPR_CONSTANT:
        return expr_is_null_constant(predicate) || !*(const uint8_t *)predicate->constant->values ? 0 : 1;
    default: return 0.5;
    }
}

double estimate_join_selectivity(const Binder *binder, const Expr *predicate, double left_rows,
                                 double right_rows) {
    if (!expr_is_equality(predicate)) return estimate_selectivity(binder, predicate);
    double most = fmax(left_rows, right_rows);
    double a = distinct_of(binder, predicate->args[0], most),
           b = distinct_of(binder, predicate->args[1], most);
    return 1 / fmax(1, fmax(a, b));
}

/* ---- nodes
 * ----------------------------------------------------------------------------------------------------- */

static double filtered(const Binder *binder, double rows, const ExprList *predicates) {
    for (int i = 0; i < predicates->count; i++)
        rows *= estimate_selectivity(binder, predicates->items[i]);
    return rows;
}

static double join_rows(const Binder *binder, const Rel *rel) {
    double left = rel->inputs[0]->rows, right = rel->inputs[1]->rows, rows = left * right;
    if (rel->join_type == JOIN_MARK || (rel->join_type == JOIN_SINGLE)) return left;
    for (int i = 0; i < rel->predicates.count; i++)
        rows *= estimate_join_selectivity(binder, rel->predicates.items[i], left, right);
    switch (rel->join_type) {
    case JOIN_LEFT: return fmax(rows, left);
    case JOIN_FULL: return fmax(rows, left + right);
    case JOIN_SEMI: return fmin(left, fmax(1, rows > left ? left * 0.5 : rows));
    case JOIN_ANTI: return fmax(1, left - fmin(left * 0.5, rows));
    default: return rows;
    }
}

static double group_rows(const Binder *binder, const Rel *rel) {
    double input = rel->inputs[0]->rows, groups = 1;
    for (int g = 0; g < rel->exprs.count; g++)
        groups *= distinct_of(binder, rel->exprs.items[g], input);
    return rel->exprs.count ? fmin(groups, input) : 1;
}

static double limit_rows(const Rel *rel) {
    double value = rel->inputs[0]->rows;
    if (rel->limit && expr_is_constant(rel->limit) && !expr_is_null_constant(rel->limit))
        value = fmin(value, (double)*(const int64_t *)rel->limit->constant->values);
    return value;
}

void estimate_rows(Binder *binder, Rel *rel) {
    for (int i = 0; i < rel->input_count; i++)
        estimate_rows(binder, rel->inputs[i]);
    switch (rel->kind) {
    case PLAN_SCAN: rel->rows = filtered(binder, (double)rel->version->row_count, &rel->predicates); break;
    case PLAN_FOREIGN_SCAN: {
        double rows = rel->binding->table->row_estimate;
        rel->rows = filtered(binder, rows >= 0 ? rows : 1000, &rel->predicates);
        break;
    }
    case PLAN_VALUES: rel->rows = rel->value_row_count; break;
    case PLAN_FILTER: rel->rows = filtered(binder, rel->inputs[0]->rows, &rel->predicates); break;
    case PLAN_AGGREGATE: rel->rows = group_rows(binder, rel); break;
    case PLAN_JOIN: rel->rows = join_rows(binder, rel); break;
    case PLAN_LIMIT: rel->rows = limit_rows(rel); break;
    case PLAN_TABLE_FUNCTION: rel->rows = table_function_rows(binder, rel); break;
    case PLAN_UNION_ALL:
        rel->rows = 0;
        for (int i = 0; i < rel->input_count; i++)
            rel->rows += rel->inputs[i]->rows;
        break;
    default: rel->rows = rel->inputs[0]->rows; break;
    }
    if (rel->rows < 1 && rel->kind != PLAN_LIMIT) rel->rows = 1;
}
