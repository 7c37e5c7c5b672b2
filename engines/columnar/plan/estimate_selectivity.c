/* Which share of rows meets a condition. */
#include <math.h>
#include <stdlib.h>

#include "engines/columnar/plan/logical.h"

static const double UNKNOWN_EQUAL = 0.05, UNKNOWN_RANGE = 1.0 / 3, UNKNOWN = 0.5, LEAST = 0.00001;

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

/* ---- ranges
 * ------------------------------------------------------------------------------------------------------ */

typedef struct Bound {
    int column;
    bool upper;
    double share; /* of the column's values on the right side of it */
} Bound;

/* `column < constant` and its kin, either way round; the share needs the column's range. */
static bool read_bound(const Binder *binder, const Expr *predicate, Bound *out) {
    if (predicate->kind != EXPR_CALL || predicate->arg_count != 2) return false;
    const char *name = predicate->function->name;
    bool less = strcmp(name, "<") == 0 || strcmp(name, "<=") == 0;
    if (!less && strcmp(name, ">") != 0 && strcmp(name, ">=") != 0) return false;
    for (int side = 0; side < 2; side++) {
        const Expr *column = plain_column(predicate->args[side]);
        double value;
        if (!column || plain_column(predicate->args[1 - side])) continue;
        const ColumnInfo *info = &binder->columns[column->column];
        *out = (Bound){.column = column->column, .upper = less == (side == 0), .share = UNKNOWN_RANGE};
        if (!info->has_range || info->high <= info->low || !constant_value(predicate->args[1 - side], &value))
            return true;
        bool date_by_time = info->type.id == SQL_DATE && predicate->args[1 - side]->type.id != SQL_DATE;
        if (date_by_time) value /= 86400e6;
        double below = fmin(1, fmax(0, (value - info->low) / (info->high - info->low)));
        out->share = fmax(out->upper ? below : 1 - below, 1 / fmax(1, info->distinct));
        return true;
    }
    return false;
}

/* ---- single conditions
 * -------------------------------------------------------------------------------------------- */

static double equal_share(const Binder *binder, const Expr *a, const Expr *b) {
    double left = estimate_distinct(binder, a), right = estimate_distinct(binder, b),
           distinct = fmax(left, right);
    const Expr *column = plain_column(a) ? plain_column(a) : plain_column(b);
    const Expr *other = plain_column(a) ? b : a;
    double value;
    if (column && constant_value(other, &value)) {
        const ColumnInfo *info = &binder->columns[column->column];
        bool comparable = info->has_range && (info->type.id != SQL_DATE || other->type.id == SQL_DATE);
        if (comparable && (value < info->low || value > info->high)) return LEAST;
    }
    double known = column ? 1 - binder->columns[column->column].null_fraction : 1;
    return distinct > 0 ? known / fmax(1, distinct) : UNKNOWN_EQUAL;
}

/* The longer the fixed text of a pattern, the fewer rows have it. */
static double pattern_share(const Expr *pattern) {
    if (!expr_is_constant(pattern) || expr_is_null_constant(pattern) ||
        pattern->constant->physical != PHYS_STRING)
        return 0.1;
    const StringView *view = pattern->constant->values;
    const char *text = stringview_data(view);
    int fixed = 0, parts = 0;
    for (uint32_t i = 0; i < view->length; i++) {
        bool wild = text[i] == '%' || text[i] == '_';
        fixed += !wild;
        parts += !wild && (i == 0 || text[i - 1] == '%' || text[i - 1] == '_');
    }
    if (fixed == 0) return 1;
    double share = fixed >= 4 ? 0.05 : 0.1;
    return parts > 1 ? share / 2 : share;
}

static double call_selectivity(const Binder *binder, const Expr *predicate) {
    const char *name = predicate->function->name;
    Bound bound;
    if (predicate->arg_count != 2) return UNKNOWN;
    if (strcmp(name, "=") == 0) return equal_share(binder, predicate->args[0], predicate->args[1]);
    if (strcmp(name, "<>") == 0) return 1 - equal_share(binder, predicate->args[0], predicate->args[1]);
    if (read_bound(binder, predicate, &bound)) return bound.share;
    if (strcmp(name, "<") == 0 || strcmp(name, "<=") == 0 || strcmp(name, ">") == 0 ||
        strcmp(name, ">=") == 0)
        return UNKNOWN_RANGE;
    if (strcmp(name, "~~") == 0 || strcmp(name, "~~*") == 0) return pattern_share(predicate->args[1]);
    if (strcmp(name, "!~~") == 0 || strcmp(name, "!~~*") == 0) return 1 - pattern_share(predicate->args[1]);
    return UNKNOWN;
}

static double null_share(const Binder *binder, const Expr *arg) {
    const Expr *column = plain_column(arg);
    return column ? fmax(binder->columns[column->column].null_fraction, 0.005) : 0.05;
}

double estimate_selectivity(const Binder *binder, const Expr *predicate) {
    double share = 1;
    ExprList parts = {.items = predicate->args, .count = predicate->arg_count};
    switch (predicate->kind) {
    case EXPR_CALL: return call_selectivity(binder, predicate);
    case EXPR_AND: return estimate_conjunction(binder, &parts);
    case EXPR_OR:
        for (int i = 0; i < predicate->arg_count; i++)
            share *= 1 - estimate_selectivity(binder, predicate->args[i]);
        return 1 - share;
    case EXPR_NOT: return 1 - estimate_selectivity(binder, predicate->args[0]);
    case EXPR_IS_NULL: return null_share(binder, predicate->args[0]);
    case EXPR_IS_NOT_NULL: return 1 - null_share(binder, predicate->args[0]);
    case EXPR_IS_NOT_DISTINCT: return equal_share(binder, predicate->args[0], predicate->args[1]);
    case EXPR_IS_DISTINCT: return 1 - equal_share(binder, predicate->args[0], predicate->args[1]);
    case EXPR_IN_LIST: {
        double distinct = estimate_distinct(binder, predicate->args[0]);
        return fmin(1, (predicate->arg_count - 1) * (distinct > 0 ? 1 / distinct : UNKNOWN_EQUAL));
    }
    case EXPR_COLUMN: return 0.5;
    case EXPR_CONSTANT:
        return expr_is_null_constant(predicate) || !*(const uint8_t *)predicate->constant->values ? 0 : 1;
    default: return UNKNOWN;
    }
}

/* ---- several
 * ----------------------------------------------------------------------------------------------------- */

/* A column's lower and upper bound leave what both do: their shares less one. */
static double range_share(const Bound *bounds, int count, int column) {
    double below = 1, above = 1;
    for (int i = 0; i < count; i++) {
        if (bounds[i].column != column) continue;
        double *share = bounds[i].upper ? &below : &above;
        *share = fmin(*share, bounds[i].share);
    }
    bool guessed = below == UNKNOWN_RANGE && above == UNKNOWN_RANGE;
    return guessed ? 0.1 : fmax(LEAST, below < 1 && above < 1 ? below + above - 1 : below * above);
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double estimate_conjunction(const Binder *binder, const ExprList *conjuncts) {
    enum { MOST = 64 };
    Bound bounds[MOST];
    double shares[MOST], result = 1;
    int bound_count = 0, count = 0;
    for (int i = 0; i < conjuncts->count && i < MOST; i++)
        if (read_bound(binder, conjuncts->items[i], &bounds[bound_count]))
            bound_count++;
        else
            shares[count++] = estimate_selectivity(binder, conjuncts->items[i]);
    for (int i = 0; i < bound_count; i++) {
        bool first = true;
        for (int j = 0; j < i; j++)
            first = first && bounds[j].column != bounds[i].column;
        if (first) shares[count++] = range_share(bounds, bound_count, bounds[i].column);
    }
    qsort(shares, (size_t)count, sizeof *shares, ascending);
    /* The most selective counts in full, each further one less: columns of a table go together. */
    double weight = 1;
    for (int i = 0; i < count; i++, weight *= 0.85)
        result *= shares[i] > 0 ? pow(shares[i], weight) : 0;
    return result;
}

/* How many values the condition holds its column to, the column in `out`; 0 when it is of another kind. */
static int equal_values(const Expr *predicate, const Expr **out) {
    bool equality = expr_is_equality(predicate);
    *out = NULL;
    if (!equality && predicate->kind != EXPR_IN_LIST) return 0;
    for (int side = 0; side < (equality ? 2 : 1) && !*out; side++)
        if (predicate->args[side]->kind == EXPR_COLUMN) *out = predicate->args[side];
    for (int i = 0; *out && i < predicate->arg_count; i++)
        if (predicate->args[i] != *out && predicate->args[i]->kind != EXPR_CONSTANT &&
            predicate->args[i]->kind != EXPR_PARAM)
            *out = NULL;
    return *out ? predicate->arg_count - 1 : 0;
}

double estimate_read_share(const Binder *binder, const ExprList *conjuncts) {
    enum { MOST = 64 };
    Bound bounds[MOST];
    int bound_count = 0;
    double least = 1;
    for (int i = 0; i < conjuncts->count && i < MOST; i++) {
        const Expr *column;
        int values = equal_values(conjuncts->items[i], &column);
        double overlap = values ? binder->columns[column->column].overlap : -1;
        if (overlap >= 0) least = fmin(least, overlap * values);
        if (read_bound(binder, conjuncts->items[i], &bounds[bound_count])) bound_count++;
    }
    for (int i = 0; i < bound_count; i++) {
        double overlap = binder->columns[bounds[i].column].overlap;
        if (overlap >= 0) least = fmin(least, range_share(bounds, bound_count, bounds[i].column) + overlap);
    }
    return least;
}

/* Rows before conditions were applied to them: the number of values was counted then. */
static double rows_below(const Rel *rel) {
    if (rel->kind == PLAN_SCAN) return (double)rel->version->row_count;
    if (rel->kind == PLAN_FILTER) return rows_below(rel->inputs[0]);
    return rel->rows;
}

double estimate_pairs_share(const Binder *binder, const ExprList *predicates, const Rel *left,
                            const Rel *right) {
    double values[2] = {1, 1}, best = 1, product = 1, others = 1;
    double rows[2] = {rows_below(left), rows_below(right)};
    int keys = 0;
    for (int i = 0; i < predicates->count; i++) {
        const Expr *predicate = predicates->items[i];
        if (!expr_is_equality(predicate) && predicate->kind != EXPR_IS_NOT_DISTINCT) {
            others *= estimate_selectivity(binder, predicate);
            continue;
        }
        int side = expr_reads_any(predicate->args[0], left) ? 0 : 1;
        double a = estimate_distinct(binder, predicate->args[side]),
               b = estimate_distinct(binder, predicate->args[1 - side]);
        a = a > 0 ? a : fmax(1, rows[0] / 10);
        b = b > 0 ? b : fmax(1, rows[1] / 10);
        values[0] *= a;
        values[1] *= b;
        product /= fmax(1, fmax(a, b));
        best = fmin(best, 1 / fmax(1, fmax(a, b)));
        keys++;
    }
    if (keys < 2) return product * others;
    /* A key of several columns has no more values than its table has rows. */
    double key = 1 / fmax(1, fmin(fmin(values[0], rows[0]), fmin(values[1], rows[1])));
    return fmax(product, fmin(best, key)) * others;
}
