/* WHERE as conditions on columns, with the constants they compare with. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/estimate/row_cost.h"

const char *row_conditions_column(const PgQuery__Node *node) {
    if (!node || node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || !node->column_ref->n_fields)
        return NULL;
    return pgtree_string(node->column_ref->fields[node->column_ref->n_fields - 1]);
}

static const char *operator_of(const PgQuery__AExpr *expression) {
    const char *name = expression->n_name == 1 ? pgtree_string(expression->name[0]) : NULL;
    return name ? name : "";
}

/* ---- constants
 * ------------------------------------------------------------------------------------------------------ */

static bool is_sum(const PgQuery__Node *node) {
    const char *name = node->node_case == PG_QUERY__NODE__NODE_A_EXPR &&
                               node->a_expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP && node->a_expr->lexpr
                           ? operator_of(node->a_expr)
                           : "";
    return name[0] && !name[1] && strchr("+-", name[0]);
}

static bool is_constant(const PgQuery__Node *node) {
    if (!node) return false;
    if (node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) return is_constant(node->type_cast->arg);
    if (is_sum(node)) return is_constant(node->a_expr->lexpr) && is_constant(node->a_expr->rexpr);
    return node->node_case == PG_QUERY__NODE__NODE_A_CONST ||
           node->node_case == PG_QUERY__NODE__NODE_PARAM_REF;
}

static const char *type_of_cast(const PgQuery__Node *node) {
    if (node->node_case != PG_QUERY__NODE__NODE_TYPE_CAST || !node->type_cast->type_name) return "";
    const PgQuery__TypeName *type = node->type_cast->type_name;
    const char *name = type->n_names ? pgtree_string(type->names[type->n_names - 1]) : NULL;
    return name ? name : "";
}

static const char *text_of(const PgQuery__Node *node) {
    bool text = node->node_case == PG_QUERY__NODE__NODE_A_CONST &&
                node->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL;
    return text ? node->a_const->sval->sval : NULL;
}

/* Seconds of the first unit: '3 months', '90' DAY. */
static bool interval_seconds(const PgQuery__Node *node, double *out) {
    static const struct {
        const char *name;
        int mask; /* PostgreSQL's INTERVAL_MASK of the field */
        double seconds;
    } UNITS[] = {{"year", 1 << 2, 365.25 * 86400},
                 {"mon", 1 << 1, 30.44 * 86400},
                 {"week", 0, 7 * 86400},
                 {"day", 1 << 3, 86400},
                 {"hour", 1 << 10, 3600},
                 {"min", 1 << 11, 60},
                 {"sec", 1 << 12, 1}};
    const char *text = strcmp(type_of_cast(node), "interval") == 0 ? text_of(node->type_cast->arg) : NULL;
    if (!text) return false;
    char *unit;
    double count = strtod(text, &unit);
    if (unit == text) return false;
    while (*unit == ' ')
        unit++;
    const PgQuery__TypeName *type = node->type_cast->type_name;
    const PgQuery__Node *field = type->n_typmods > 0 ? type->typmods[0] : NULL;
    int mask = field && field->node_case == PG_QUERY__NODE__NODE_A_CONST &&
                       field->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL
                   ? field->a_const->ival->ival
                   : 0;
    for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++)
        if (*unit ? strncasecmp(unit, UNITS[i].name, strlen(UNITS[i].name)) == 0 : mask == UNITS[i].mask) {
            *out = count * UNITS[i].seconds;
            return true;
        }
    return false;
}

/* date + 3, timestamp - INTERVAL '1 day', 5 + 6. */
static bool sum_point(const PgQuery__Node *node, SqlType type, ColumnPoint *out) {
    const PgQuery__AExpr *sum = node->a_expr;
    ColumnPoint left;
    double change;
    bool is_date = sqltype_is(type, SQL_DATE);
    if (!column_point_is_number(type) || !row_conditions_point(sum->lexpr, type, &left)) return false;
    if (interval_seconds(sum->rexpr, &change)) {
        if (is_date) change /= 86400;
    } else {
        ColumnPoint right;
        SqlType number =
            is_date || sqltype_is_number(type) ? sqltype_of(SQL_FLOAT8) : sqltype_of(SQL_INVALID);
        if (number.id == SQL_INVALID || !row_conditions_point(sum->rexpr, number, &right)) return false;
        change = right.number;
    }
    *out = (ColumnPoint){.number = left.number + (operator_of(sum)[0] == '-' ? -change : change)};
    return true;
}

bool row_conditions_point(const PgQuery__Node *node, SqlType type, ColumnPoint *out) {
    if (!node || type.is_array) return false;
    if (node->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) {
        if (strcmp(type_of_cast(node), "interval") == 0) return false;
        return row_conditions_point(node->type_cast->arg, type, out);
    }
    if (is_sum(node)) return sum_point(node, type, out);
    if (node->node_case != PG_QUERY__NODE__NODE_A_CONST || node->a_const->isnull) return false;
    const PgQuery__AConst *constant = node->a_const;
    *out = (ColumnPoint){0};
    bool number = sqltype_is_number(type);
    switch (constant->val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL: out->number = constant->ival->ival; return number;
    case PG_QUERY__A__CONST__VAL_BOOLVAL:
        out->number = constant->boolval->boolval;
        return sqltype_is(type, SQL_BOOL);
    case PG_QUERY__A__CONST__VAL_FVAL: return number && column_point_read(type, constant->fval->fval, out);
    case PG_QUERY__A__CONST__VAL_SVAL: return column_point_read(type, constant->sval->sval, out);
    default: return false;
    }
}

/* ---- conditions
 * ------------------------------------------------------------------------------------------------------ */

static RowCondition *add(RowConditions *conditions, const char *column, RowConditionKind kind) {
    for (int i = 0; i < conditions->count && kind == CONDITION_RANGE; i++)
        if (conditions->items[i].kind == kind && strcmp(conditions->items[i].column, column) == 0)
            return &conditions->items[i];
    if (conditions->count == MAX_CONDITIONS) {
        conditions->others++;
        return NULL;
    }
    RowCondition *condition = &conditions->items[conditions->count++];
    *condition = (RowCondition){.column = column, .kind = kind};
    return condition;
}

static void add_equal(RowConditions *conditions, const char *column, PgQuery__Node *const *values,
                      int count) {
    RowCondition *condition = add(conditions, column, CONDITION_EQUAL);
    if (!condition) return;
    condition->values = values;
    condition->value_count = count;
}

/* Of two bounds on one side the first is kept: people seldom write both. */
static void add_low(RowConditions *conditions, const char *column, const PgQuery__Node *low, bool above) {
    RowCondition *condition = add(conditions, column, CONDITION_RANGE);
    if (!condition || condition->low) return;
    condition->low = low;
    condition->above_low = above;
}

static void add_high(RowConditions *conditions, const char *column, const PgQuery__Node *high, bool below) {
    RowCondition *condition = add(conditions, column, CONDITION_RANGE);
    if (!condition || condition->high) return;
    condition->high = high;
    condition->below_high = below;
}

static void read_operator(RowConditions *conditions, const PgQuery__AExpr *expression) {
    const char *name = operator_of(expression), *column = row_conditions_column(expression->lexpr);
    bool mirrored = false;
    PgQuery__Node *const *value = &expression->rexpr;
    if (!(column && is_constant(expression->rexpr)) && is_constant(expression->lexpr)) {
        column = row_conditions_column(expression->rexpr);
        value = &expression->lexpr;
        mirrored = true;
    } else if (!is_constant(expression->rexpr)) {
        column = NULL;
    }
    if (!column || !name[0] || !strcmp(name, "<>")) {
        conditions->others++;
    } else if (!strcmp(name, "=")) {
        add_equal(conditions, column, value, 1);
    } else if (strcmp(name, "<") && strcmp(name, "<=") && strcmp(name, ">") && strcmp(name, ">=")) {
        (void)add(conditions, column, CONDITION_OTHER);
    } else if ((name[0] == '<') != mirrored) {
        add_high(conditions, column, *value, name[1] == 0);
    } else {
        add_low(conditions, column, *value, name[1] == 0);
    }
}

static void read_list(RowConditions *conditions, const PgQuery__AExpr *expression, const char *column) {
    const PgQuery__List *list = expression->rexpr->list;
    bool positive = strcmp(operator_of(expression), "<>") != 0;
    if (expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_IN && positive) {
        add_equal(conditions, column, list->items, (int)list->n_items);
    } else if (expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN && list->n_items == 2) {
        add_low(conditions, column, list->items[0], false);
        add_high(conditions, column, list->items[1], false);
    } else {
        conditions->others++;
    }
}

void row_conditions_read(RowConditions *conditions, const PgQuery__Node *node) {
    if (!node) return;
    if (node->node_case == PG_QUERY__NODE__NODE_BOOL_EXPR &&
        node->bool_expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR) {
        for (size_t i = 0; i < node->bool_expr->n_args; i++)
            row_conditions_read(conditions, node->bool_expr->args[i]);
        return;
    }
    if (node->node_case != PG_QUERY__NODE__NODE_A_EXPR) {
        conditions->others++;
        return;
    }
    const PgQuery__AExpr *expression = node->a_expr;
    const char *column = row_conditions_column(expression->lexpr);
    bool list = column && expression->rexpr && expression->rexpr->node_case == PG_QUERY__NODE__NODE_LIST;
    if (expression->kind == PG_QUERY__A__EXPR__KIND__AEXPR_OP)
        read_operator(conditions, expression);
    else if (list)
        read_list(conditions, expression, column);
    else
        conditions->others++;
}
