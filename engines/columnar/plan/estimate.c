/* How many rows: from table sizes, statistics of files, and rules of thumb where there are none. */
#include <math.h>

#include "engines/base/column_values.h"
#include "engines/columnar/iceberg/table_statistics.h"
#include "engines/columnar/plan/logical.h"

/* ---- columns
 * --------------------------------------------------------------------------------------------------- */

static bool column_range(const TableVersion *version, int column, double *low, double *high) {
    bool known = version->file_count > 0;
    SqlType type = version->columns[column].type;
    *low = INFINITY;
    *high = -INFINITY;
    for (int f = 0; known && f < version->file_count; f++) {
        const ParquetColumnStats *stats = version->files[f].stats ? &version->files[f].stats[column] : NULL;
        double from, to;
        known = stats && stats->has_min_max && table_bound_number(type, &stats->min, &from) &&
                table_bound_number(type, &stats->max, &to);
        if (known) {
            *low = fmin(*low, from);
            *high = fmax(*high, to);
        }
    }
    return known;
}

void estimate_column(const TableVersion *version, int column, ColumnInfo *info) {
    const ColumnStatistics *statistics = &table_statistics(version)[column];
    SqlType type = version->columns[column].type;
    double rows = (double)version->row_count, low, high;
    bool known = column_range(version, column, &low, &high);
    if (known) {
        info->has_range = true;
        info->low = low;
        info->high = high;
    }
    info->overlap = statistics->overlap;
    info->null_fraction = statistics->null_fraction >= 0 ? statistics->null_fraction : 0;
    if (statistics->stored_bytes >= 0 && rows > 0) info->bytes_per_row = statistics->stored_bytes / rows;
    double whole = known && (sqltype_is_integer(type) || type.id == SQL_DATE) ? high - low + 1 : INFINITY;
    if (type.id == SQL_BOOL)
        info->distinct = 2;
    else if (statistics->distinct >= 0)
        info->distinct = fmin(statistics->distinct, whole);
    else if (isfinite(whole))
        info->distinct = fmin(whole, rows);
    else if (sqltype_is(type, SQL_TIMESTAMP) ||
             sqltype_is(type, SQL_TIMESTAMPTZ)) /* more of them than of names */
        info->distinct = pow(rows, 0.8);
    else
        info->distinct = fmin(rows, pow(rows, 0.6));
    info->distinct = fmax(1, info->distinct);
}

void estimate_foreign_column(const ColumnValues *values, ColumnInfo *info) {
    double low = INFINITY, high = -INFINITY;
    bool is_time = sqltype_is(info->type, SQL_TIMESTAMP) || sqltype_is(info->type, SQL_TIMESTAMPTZ);
    info->null_fraction = values->null_share;
    if (!column_point_is_number(info->type)) return;
    for (int i = 0; i < values->common_count; i++) {
        low = fmin(low, values->common[i].number);
        high = fmax(high, values->common[i].number);
    }
    if (values->bound_count >= 2) {
        low = fmin(low, values->bounds[0].number);
        high = fmax(high, values->bounds[values->bound_count - 1].number);
    }
    if (low > high) return;
    info->has_range = true;
    info->low = is_time ? low * 1e6 : low;
    info->high = is_time ? high * 1e6 : high;
}

/* Different values among `rows` rows drawn from a column with `distinct` (Yao, with replacement). */
double estimate_distinct_among(double distinct, double rows) {
    if (distinct <= 1 || rows <= 0) return fmax(1, fmin(distinct, rows));
    return fmax(1, fmin(rows, distinct * -expm1(-rows / distinct)));
}

/* Parts of a date have few values, whatever the date has. */
static double distinct_of_part(const Binder *binder, const Expr *call) {
    static const struct {
        const char *part;
        double values;
    } PARTS[] = {{"month", 12}, {"quarter", 4}, {"day", 31},    {"dow", 7},     {"isodow", 7},
                 {"hour", 24},  {"week", 53},   {"minute", 60}, {"second", 60}, {"doy", 366}};
    bool part =
        strcmp(call->function->name, "extract") == 0 || strcmp(call->function->name, "date_part") == 0;
    if (!part || call->arg_count != 2 || !expr_is_constant(call->args[0]) ||
        expr_is_null_constant(call->args[0]) || call->args[0]->constant->physical != PHYS_STRING)
        return INFINITY;
    const StringView *name = call->args[0]->constant->values;
    for (size_t i = 0; i < sizeof PARTS / sizeof PARTS[0]; i++)
        if (name->length == strlen(PARTS[i].part) &&
            memcmp(stringview_data(name), PARTS[i].part, name->length) == 0)
            return PARTS[i].values;
    const Expr *date = call->args[1];
    while (date->kind == EXPR_CAST && date->arg_count == 1)
        date = date->args[0];
    if (name->length != 4 || memcmp(stringview_data(name), "year", 4) != 0 || date->kind != EXPR_COLUMN ||
        !binder->columns[date->column].has_range)
        return INFINITY;
    const ColumnInfo *info = &binder->columns[date->column];
    double days = info->type.id == SQL_DATE ? 1 : 86400e6;
    return 1 + (info->high - info->low) / days / 365;
}

double estimate_distinct(const Binder *binder, const Expr *expr) {
    if (expr->kind == EXPR_COLUMN) return binder->columns[expr->column].distinct;
    if (expr->kind == EXPR_CONSTANT || expr->kind == EXPR_PARAM) return 1;
    if (expr->type.id == SQL_BOOL) return 2;
    double distinct = 1;
    for (int i = 0; i < expr->arg_count; i++) {
        double arg = estimate_distinct(binder, expr->args[i]);
        if (arg < 0) return -1;
        distinct *= arg;
    }
    return expr->kind == EXPR_CALL ? fmin(distinct, distinct_of_part(binder, expr)) : distinct;
}

static double distinct_of(const Binder *binder, const Expr *expr, double rows) {
    double distinct = estimate_distinct(binder, expr);
    if (distinct < 1) distinct = fmax(1, rows / 10);
    return rows > 0 ? fmin(distinct, rows) : distinct;
}

double estimate_join_selectivity(const Binder *binder, const Expr *predicate, double left_rows,
                                 double right_rows) {
    if (!expr_is_equality(predicate) && predicate->kind != EXPR_IS_NOT_DISTINCT)
        return estimate_selectivity(binder, predicate);
    double most = fmax(left_rows, right_rows);
    double a = distinct_of(binder, predicate->args[0], most),
           b = distinct_of(binder, predicate->args[1], most);
    return 1 / fmax(1, fmax(a, b));
}

/* ---- nodes
 * ----------------------------------------------------------------------------------------------------- */

/* The share of left rows with a match: of the left's values those that the right has, too. */
static double matched_share(const Binder *binder, const Rel *rel) {
    double left = rel->inputs[0]->rows, right = rel->inputs[1]->rows, values = 1, present = 1, share = 1;
    for (int i = 0; i < rel->predicates.count; i++) {
        const Expr *predicate = rel->predicates.items[i];
        if (!expr_is_equality(predicate) && predicate->kind != EXPR_IS_NOT_DISTINCT) {
            share *= fmax(0.5, estimate_selectivity(binder, predicate));
            continue;
        }
        int side = expr_reads_any(predicate->args[0], rel->inputs[0]) ? 0 : 1;
        double a = estimate_distinct(binder, predicate->args[side]),
               b = estimate_distinct(binder, predicate->args[1 - side]);
        values *= a > 0 ? a : fmax(1, left / 10);
        present *= b > 0 ? b : fmax(1, right / 10);
    }
    if (values <= 1 && present <= 1) return right >= 1 ? share : 0;
    return fmin(1, estimate_distinct_among(present, right) / values) * share;
}

static double join_rows(const Binder *binder, const Rel *rel) {
    double left = rel->inputs[0]->rows, right = rel->inputs[1]->rows, rows = left * right;
    if (rel->join_type == JOIN_MARK || (rel->join_type == JOIN_SINGLE)) return left;
    if (rel->join_type == JOIN_SEMI) return left * matched_share(binder, rel);
    if (rel->join_type == JOIN_ANTI) return left * fmax(0.05, 1 - matched_share(binder, rel));
    rows *= estimate_pairs_share(binder, &rel->predicates, rel->inputs[0], rel->inputs[1]);
    switch (rel->join_type) {
    case JOIN_LEFT: return fmax(rows, left);
    case JOIN_FULL: return fmax(rows, left + right);
    default: return rows;
    }
}

static double group_rows(const Binder *binder, const Rel *rel) {
    double input = rel->inputs[0]->rows, groups = 1;
    for (int g = 0; g < rel->exprs.count; g++) {
        double distinct = estimate_distinct(binder, rel->exprs.items[g]);
        groups *= estimate_distinct_among(distinct > 0 ? distinct : fmax(1, input / 10), input);
    }
    return rel->exprs.count ? fmin(groups, input) * (rel->grouping_set_count > 1 ? 1.5 : 1) : 1;
}

static double limit_rows(const Rel *rel) {
    double value = rel->inputs[0]->rows;
    if (rel->limit && expr_is_constant(rel->limit) && !expr_is_null_constant(rel->limit))
        value = fmin(value, (double)*(const int64_t *)rel->limit->constant->values);
    return value;
}

/* What is known of the columns a node computes. */
static void derive_columns(Binder *binder, const Rel *rel) {
    for (int i = 0; i < rel->ids.count; i++) {
        ColumnInfo *info = &binder->columns[rel->ids.items[i]];
        if (info->distinct >= 0) continue;
        if ((rel->kind == PLAN_PROJECT || rel->kind == PLAN_AGGREGATE) && i < rel->exprs.count)
            info->distinct = estimate_distinct(binder, rel->exprs.items[i]);
        else if (rel->kind == PLAN_UNION_ALL)
            for (int s = 0; s < rel->input_count && i < rel->inputs[s]->ids.count; s++)
                info->distinct = fmax(info->distinct, binder->columns[rel->inputs[s]->ids.items[i]].distinct);
    }
}

void estimate_rows(Binder *binder, Rel *rel) {
    for (int i = 0; i < rel->input_count; i++)
        estimate_rows(binder, rel->inputs[i]);
    switch (rel->kind) {
    case PLAN_SCAN:
        rel->rows = (double)rel->version->row_count * estimate_conjunction(binder, &rel->predicates);
        break;
    case PLAN_FOREIGN_SCAN: {
        double rows = rel->binding->table->row_estimate;
        rel->rows = (rows >= 0 ? rows : 1000) * estimate_conjunction(binder, &rel->predicates);
        break;
    }
    case PLAN_VALUES: rel->rows = rel->value_row_count; break;
    case PLAN_FILTER:
        rel->rows = rel->inputs[0]->rows * estimate_conjunction(binder, &rel->predicates);
        break;
    case PLAN_AGGREGATE: rel->rows = group_rows(binder, rel); break;
    case PLAN_JOIN: rel->rows = join_rows(binder, rel); break;
    case PLAN_LIMIT: rel->rows = limit_rows(rel); break;
    case PLAN_CTE: rel->rows = rel->cte->rows; break;
    case PLAN_TABLE_FUNCTION: rel->rows = table_function_rows(binder, rel); break;
    case PLAN_UNION_ALL:
        rel->rows = 0;
        for (int i = 0; i < rel->input_count; i++)
            rel->rows += rel->inputs[i]->rows;
        break;
    default: rel->rows = rel->inputs[0]->rows; break;
    }
    if (rel->rows < 1 && rel->kind != PLAN_LIMIT) rel->rows = 1;
    derive_columns(binder, rel);
}
