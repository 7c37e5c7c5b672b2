#include "router/conditions.h"

#include <string.h>

#include "router/functions.h"

enum { ARRAY_GUESS = 10, MOST_NESTED = 64 };

static const char *string_of(const PgQuery__Node *node) {
    return node && node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : NULL;
}

const char *conditions_column(const PgQuery__Node *node) {
    if (!node || node->node_case != PG_QUERY__NODE__NODE_COLUMN_REF || node->column_ref->n_fields == 0)
        return NULL;
    return string_of(node->column_ref->fields[node->column_ref->n_fields - 1]);
}

/* ---- values ---------------------------------------------------------------------------------------------
 */

static bool read_value(const PgQuery__Node *node, int depth, bool *fraction);

static bool read_constant(const PgQuery__AConst *constant, bool *fraction) {
    if (constant->val_case == PG_QUERY__A__CONST__VAL_FVAL)
        *fraction |= strpbrk(constant->fval->fval, ".eE") != NULL;
    return !constant->isnull;
}

static bool is_fractional_type(const PgQuery__TypeName *type) {
    static const char *const names[] = {"numeric", "float4", "float8"};
    const char *name = type && type->n_names > 0 ? string_of(type->names[type->n_names - 1]) : NULL;
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0) return true;
    return false;
}

/* What a cast is called says more than what is in it: '42'::bigint is no fraction, 42::numeric may be one. */
static bool read_cast(const PgQuery__TypeCast *cast, int depth, bool *fraction) {
    bool inside = false;
    *fraction |= is_fractional_type(cast->type_name);
    return read_value(cast->arg, depth, &inside);
}

static bool read_call(const PgQuery__FuncCall *call, int depth, bool *fraction) {
    const char *name = call->n_funcname > 0 ? string_of(call->funcname[call->n_funcname - 1]) : NULL;
    const char *schema = call->n_funcname > 1 ? string_of(call->funcname[0]) : NULL;
    if (!name || (schema && strcmp(schema, "pg_catalog") != 0) || function_nature(name) != FUNCTION_SAFE)
        return false;
    bool inside = false;
    for (size_t i = 0; i < call->n_args; i++)
        if (!read_value(call->args[i], depth, &inside)) return false;
    *fraction = true; /* its type is not looked up here */
    return true;
}

static bool read_arithmetic(const PgQuery__AExpr *expr, int depth, bool *fraction) {
    const char *symbol = expr->n_name == 1 ? string_of(expr->name[0]) : NULL;
    if (expr->kind != PG_QUERY__A__EXPR__KIND__AEXPR_OP || !symbol) return false;
    if (strlen(symbol) == 1 ? !strchr("+-*/%", *symbol) : strcmp(symbol, "||") != 0) return false;
    return (!expr->lexpr || read_value(expr->lexpr, depth, fraction)) &&
           read_value(expr->rexpr, depth, fraction);
}

static bool read_value(const PgQuery__Node *node, int depth, bool *fraction) {
    if (!node || depth > MOST_NESTED) return false;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_PARAM_REF:
    case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION: return true; /* current_date and its kin */
    case PG_QUERY__NODE__NODE_A_CONST: return read_constant(node->a_const, fraction);
    case PG_QUERY__NODE__NODE_TYPE_CAST: return read_cast(node->type_cast, depth + 1, fraction);
    case PG_QUERY__NODE__NODE_FUNC_CALL: return read_call(node->func_call, depth + 1, fraction);
    case PG_QUERY__NODE__NODE_A_EXPR: return read_arithmetic(node->a_expr, depth + 1, fraction);
    default: return false;
    }
}

static bool read_values(PgQuery__Node *const *items, size_t count, bool *fraction) {
    for (size_t i = 0; i < count; i++)
        if (!read_value(items[i], 0, fraction)) return false;
    return true;
}

static bool whole_number(const PgQuery__Node *node, int64_t *out) {
    if (!node || node->node_case != PG_QUERY__NODE__NODE_A_CONST || node->a_const->isnull ||
        node->a_const->val_case != PG_QUERY__A__CONST__VAL_IVAL)
        return false;
    *out = node->a_const->ival->ival;
    return true;
}

/* ---- one condition --------------------------------------------------------------------------------------
 */

static bool set_single(ColumnBound *out, const char *column) {
    *out = (ColumnBound){.column = column, .value_count = 1};
    return column != NULL;
}

static void note_limit(ColumnBound *out, const PgQuery__Node *value, char direction, bool inclusive) {
    int64_t number;
    if (!whole_number(value, &number)) return;
    if (direction == '<') {
        out->has_high = true;
        out->high = inclusive ? number : number - 1;
    } else {
        out->has_low = true;
        out->low = inclusive ? number : number + 1;
    }
}

static bool read_comparison(const PgQuery__Node *left, const char *symbol, const PgQuery__Node *right,
                            ColumnBound *out) {
    bool swapped = conditions_column(left) == NULL;
    const PgQuery__Node *value = swapped ? left : right;
    if (!set_single(out, conditions_column(swapped ? right : left))) return false;
    if (!read_value(value, 0, &out->maybe_fraction)) return false;
    out->kind = strcmp(symbol, "=") == 0 ? BOUND_EQUAL : BOUND_RANGE;
    if (out->kind == BOUND_EQUAL) return true;
    bool inclusive = symbol[0] && symbol[1] == '=';
    if (!strchr("<>", symbol[0]) || symbol[1 + inclusive]) return false;
    note_limit(out, value, (symbol[0] == '<') != swapped ? '<' : '>', inclusive);
    return true;
}

static bool read_between(const PgQuery__AExpr *expr, ColumnBound *out) {
    const PgQuery__List *list =
        expr->rexpr->node_case == PG_QUERY__NODE__NODE_LIST ? expr->rexpr->list : NULL;
    if (!set_single(out, conditions_column(expr->lexpr)) || !list || list->n_items != 2) return false;
    out->kind = BOUND_RANGE;
    note_limit(out, list->items[0], '>', true);
    note_limit(out, list->items[1], '<', true);
    return read_values(list->items, 2, &out->maybe_fraction);
}

static bool read_in(const PgQuery__AExpr *expr, ColumnBound *out) {
    const char *symbol = expr->n_name == 1 ? string_of(expr->name[0]) : NULL;
    const PgQuery__List *list =
        expr->rexpr->node_case == PG_QUERY__NODE__NODE_LIST ? expr->rexpr->list : NULL;
    if (!set_single(out, conditions_column(expr->lexpr)) || !list || !symbol || strcmp(symbol, "=") != 0)
        return false;
    out->value_count = (int)list->n_items;
    out->kind = list->n_items == 1 ? BOUND_EQUAL : BOUND_IN;
    return read_values(list->items, list->n_items, &out->maybe_fraction);
}

static int elements_of_literal(const char *text) {
    int count = 1;
    for (; *text; text++)
        count += *text == ',';
    return count;
}

/* column = ANY (array) */
static bool read_any(const PgQuery__AExpr *expr, ColumnBound *out) {
    const char *symbol = expr->n_name == 1 ? string_of(expr->name[0]) : NULL;
    if (!set_single(out, conditions_column(expr->lexpr)) || !symbol || strcmp(symbol, "=") != 0) return false;
    const PgQuery__Node *array = expr->rexpr;
    while (array && array->node_case == PG_QUERY__NODE__NODE_TYPE_CAST) {
        out->maybe_fraction |= is_fractional_type(array->type_cast->type_name);
        array = array->type_cast->arg;
    }
    out->kind = BOUND_IN;
    out->value_count = ARRAY_GUESS;
    if (!array) return false;
    if (array->node_case == PG_QUERY__NODE__NODE_A_ARRAY_EXPR) {
        out->value_count = (int)array->a_array_expr->n_elements;
        return read_values(array->a_array_expr->elements, array->a_array_expr->n_elements,
                           &out->maybe_fraction);
    }
    if (array->node_case == PG_QUERY__NODE__NODE_A_CONST &&
        array->a_const->val_case == PG_QUERY__A__CONST__VAL_SVAL) {
        out->value_count = elements_of_literal(array->a_const->sval->sval);
        return !array->a_const->isnull;
    }
    return array->node_case == PG_QUERY__NODE__NODE_PARAM_REF;
}

/* (a, b) = (1, 2) is a = 1 AND b = 2. */
static int read_rows(const PgQuery__RowExpr *left, const PgQuery__RowExpr *right, ColumnBound *out,
                     int capacity) {
    int count = 0;
    if (left->n_args != right->n_args) return 0;
    for (size_t i = 0; i < left->n_args && count < capacity; i++)
        count += read_comparison(left->args[i], "=", right->args[i], out + count);
    return count;
}

static int read_operator(const PgQuery__AExpr *expr, ColumnBound *out, int capacity) {
    const char *symbol = expr->n_name == 1 ? string_of(expr->name[0]) : NULL;
    if (!symbol || !expr->lexpr || !expr->rexpr) return 0;
    bool rows = expr->lexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR &&
                expr->rexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR;
    if (!rows) return read_comparison(expr->lexpr, symbol, expr->rexpr, out);
    if (strcmp(symbol, "=") != 0) return 0;
    return read_rows(expr->lexpr->row_expr, expr->rexpr->row_expr, out, capacity);
}

static int read_expression(const PgQuery__AExpr *expr, ColumnBound *out, int capacity) {
    switch (expr->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP: return read_operator(expr, out, capacity);
    case PG_QUERY__A__EXPR__KIND__AEXPR_IN: return read_in(expr, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY: return read_any(expr, out);
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN: return read_between(expr, out);
    default: return 0;
    }
}

/* a = 1 OR a = 2 OR a IN (3, 4): one column, several values. */
static int read_or(const PgQuery__BoolExpr *either, ColumnBound *out) {
    ColumnBound all = {.kind = BOUND_IN}, arm;
    for (size_t i = 0; i < either->n_args; i++) {
        const PgQuery__Node *node = either->args[i];
        if (node->node_case != PG_QUERY__NODE__NODE_A_EXPR || read_expression(node->a_expr, &arm, 1) != 1)
            return 0;
        bool row = node->a_expr->lexpr->node_case == PG_QUERY__NODE__NODE_ROW_EXPR;
        if (row || arm.kind == BOUND_RANGE || (all.column && strcmp(all.column, arm.column) != 0)) return 0;
        all.column = arm.column;
        all.value_count += arm.value_count;
        all.maybe_fraction |= arm.maybe_fraction;
    }
    *out = all;
    return all.column != NULL;
}

int conditions_read(const PgQuery__Node *where, ColumnBound *out, int capacity) {
    if (!where || capacity == 0) return 0;
    if (where->node_case == PG_QUERY__NODE__NODE_A_EXPR) return read_expression(where->a_expr, out, capacity);
    if (where->node_case != PG_QUERY__NODE__NODE_BOOL_EXPR) return 0;
    const PgQuery__BoolExpr *several = where->bool_expr;
    if (several->boolop == PG_QUERY__BOOL_EXPR_TYPE__OR_EXPR) return read_or(several, out);
    if (several->boolop != PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR) return 0;
    int count = 0;
    for (size_t i = 0; i < several->n_args && count < capacity; i++)
        count += conditions_read(several->args[i], out + count, capacity - count);
    return count;
}

int64_t conditions_read_limit(const PgQuery__SelectStmt *select) {
    int64_t limit, offset = 0;
    if (!whole_number(select->limit_count, &limit) || limit < 0) return -1;
    if (select->limit_offset && !whole_number(select->limit_offset, &offset)) return -1;
    return limit + (offset > 0 ? offset : 0);
}

int64_t conditions_range(const ColumnBound *bounds, int count, const char *column) {
    int64_t low = INT64_MIN, high = INT64_MAX;
    for (int i = 0; i < count; i++) {
        if (bounds[i].kind != BOUND_RANGE || strcmp(bounds[i].column, column) != 0) continue;
        if (bounds[i].has_low && bounds[i].low > low) low = bounds[i].low;
        if (bounds[i].has_high && bounds[i].high < high) high = bounds[i].high;
    }
    if (low == INT64_MIN || high == INT64_MAX) return -1;
    return high < low ? 0 : high - low + 1;
}
