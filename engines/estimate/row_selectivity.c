/* Which share of a table's rows meets a condition: from pg_stats, and by rules of thumb where it is silent.
 */
#include <math.h>
#include <string.h>

#include "engines/estimate/row_cost.h"

static const double UNKNOWN_EQUAL = 0.005, UNKNOWN_BOUND = 1.0 / 3, UNKNOWN_RANGE = 0.1, OTHER = 0.25;

int row_selectivity_column(const TableDesc *table, const char *name) {
    for (int i = 0; i < table->column_count; i++)
        if (!strcmp(table->columns[i].name, name)) return i;
    return -1;
}

/* Of a value that is not known. */
static double any_equal(const TableDesc *table, const ColumnDesc *column) {
    double rows = row_cost_rows(table), nulls = column->values ? column->values->null_share : 0;
    if (column->distinct > 0) return (1 - nulls) / column->distinct;
    return rows > 1 ? fmax(UNKNOWN_EQUAL, 1 / rows) : 1;
}

static bool is_unique(const TableDesc *table, int column) {
    for (int i = 0; i < table->key_count; i++)
        if (table->keys[i].unique && table->keys[i].column_count == 1 && table->keys[i].columns[0] == column)
            return true;
    return false;
}

static double equal_share(const TableDesc *table, int index, const RowCondition *condition) {
    const ColumnDesc *column = &table->columns[index];
    double share = 0, any = any_equal(table, column), rows = fmax(1, row_cost_rows(table));
    if (is_unique(table, index)) return fmin(1, condition->value_count / rows);
    for (int i = 0; i < condition->value_count; i++) {
        ColumnPoint point;
        bool known = column->values && row_conditions_point(condition->values[i], column->type, &point);
        share += known ? column_values_equal(column->values, column->distinct, &point) : any;
    }
    return fmin(1, fmax(share, 1 / rows)); /* what a sample did not meet may be there all the same */
}

/* The share on the wrong side of a bound; false when the bound's value is not known. */
static bool share_left_out(const ColumnDesc *column, const PgQuery__Node *bound, bool is_low, bool strict,
                           double *out) {
    ColumnPoint point;
    *out = 0;
    if (!bound) return true;
    if (!column->values || !row_conditions_point(bound, column->type, &point)) return false;
    double below = column_values_below(column->values, column->distinct, &point, is_low == strict);
    *out = is_low ? below : fmax(0, 1 - column->values->null_share - below);
    return true;
}

static double range_share(const TableDesc *table, int index, const RowCondition *condition) {
    const ColumnDesc *column = &table->columns[index];
    double low, high, rows = fmax(1, row_cost_rows(table));
    bool low_known = share_left_out(column, condition->low, true, condition->above_low, &low);
    bool high_known = share_left_out(column, condition->high, false, condition->below_high, &high);
    if (!low_known && !high_known) return UNKNOWN_RANGE;
    if ((!low_known && !condition->high) || (!high_known && !condition->low)) return UNKNOWN_BOUND;
    double share = 1 - (column->values ? column->values->null_share : 0) - low - high;
    if (!low_known || !high_known) share *= UNKNOWN_BOUND;
    return fmin(1, fmax(share, 1 / rows));
}

double row_selectivity_of(const TableDesc *table, int column, const RowCondition *condition) {
    switch (condition->kind) {
    case CONDITION_EQUAL: return equal_share(table, column, condition);
    case CONDITION_RANGE: return range_share(table, column, condition);
    case CONDITION_OTHER: break;
    }
    return OTHER;
}

double row_selectivity_all(const TableDesc *table, const RowConditions *conditions) {
    double share = 1;
    for (int i = 0; i < conditions->count; i++) {
        int column = row_selectivity_column(table, conditions->items[i].column);
        if (column >= 0) share *= row_selectivity_of(table, column, &conditions->items[i]);
    }
    for (int i = 0; i < conditions->others && i < 4; i++)
        share *= OTHER;
    return share;
}
