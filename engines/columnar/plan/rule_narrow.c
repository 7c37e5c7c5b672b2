/* Rule: a constant takes the type of the column it is compared with where that loses nothing, so that the
 * column is compared as it is stored, and with its statistics: int2 with int2, date with date, numeric(10,2)
 * with numeric(10,2). */
#include "engines/columnar/plan/logical.h"

static const char *const COMPARISONS[] = {"=", "<>", "<", "<=", ">", ">="};

static bool is_comparison(const Expr *expr) {
    for (size_t i = 0;
         expr->kind == EXPR_CALL && expr->arg_count == 2 && i < sizeof COMPARISONS / sizeof COMPARISONS[0];
         i++)
        if (strcmp(expr->function->name, COMPARISONS[i]) == 0) return true;
    return false;
}

static bool integer_value(const Expr *constant, int64_t *out) {
    const Vector *vector = constant->constant;
    switch ((PhysicalType)vector->physical) {
    case PHYS_I16: *out = *(const int16_t *)vector->values; return true;
    case PHYS_I32: *out = *(const int32_t *)vector->values; return true;
    case PHYS_I64: *out = *(const int64_t *)vector->values; return true;
    case PHYS_I128: {
        __int128 value = *(const __int128 *)vector->values;
        *out = (int64_t)value;
        return *out == value;
    }
    default: return false;
    }
}

static bool fits(int64_t value, SqlTypeId id) {
    return id == SQL_INT2   ? value >= INT16_MIN && value <= INT16_MAX
           : id == SQL_INT4 ? value >= INT32_MIN && value <= INT32_MAX
                            : true;
}

/* The constant in the column's type, or NULL when it has no equal there. */
static Expr *narrow_constant(Binder *binder, SqlType column, const Expr *constant) {
    const int64_t day_us = INT64_C(86400000000);
    SqlType type = constant->type;
    int64_t value = 0;
    if (!integer_value(constant, &value)) return NULL;
    if (sqltype_is_integer(column)) {
        if (type.id == SQL_NUMERIC)
            for (int digit = 0; digit < type.scale; digit++, value /= 10)
                if (value % 10 != 0) return NULL;
        if ((sqltype_is_integer(type) || type.id == SQL_NUMERIC) && fits(value, column.id))
            return constant_int(binder->arena, value, column);
        return NULL;
    }
    if (column.id == SQL_DATE && type.id == SQL_TIMESTAMP && value % day_us == 0 && value != INT64_MAX &&
        value != INT64_MIN)
        return constant_int(binder->arena, value / day_us, column);
    if (column.id != SQL_NUMERIC || column.precision == 0 ||
        !(type.id == SQL_NUMERIC || sqltype_is_integer(type)))
        return NULL;
    int scale = type.id == SQL_NUMERIC ? type.scale : 0;
    __int128 scaled = value, limit = 1;
    for (; scale > column.scale; scale--, scaled /= 10)
        if (scaled % 10 != 0) return NULL;
    for (; scale < column.scale && scale < 18; scale++)
        scaled *= 10;
    for (int digit = 0; digit < column.precision; digit++)
        limit *= 10;
    if (scale != column.scale || scaled >= limit || scaled <= -limit || scaled > INT64_MAX ||
        scaled < INT64_MIN)
        return NULL;
    return constant_int(binder->arena, (int64_t)scaled, column);
}

/* The column under a widening that comparison does not see. */
static Expr *widened_column(Expr *expr) {
    if (expr->kind == EXPR_COLUMN) return expr;
    if (expr->kind != EXPR_CAST || expr->args[0]->kind != EXPR_COLUMN) return NULL;
    SqlType from = expr->args[0]->type, to = expr->type;
    bool integer = sqltype_is_integer(from) &&
                   (sqltype_is_integer(to) ? to.id > from.id : to.id == SQL_NUMERIC && to.scale == 0);
    bool numeric = from.id == SQL_NUMERIC && to.id == SQL_NUMERIC && from.precision > 0 &&
                   (to.precision == 0 || to.scale >= from.scale) &&
                   (to.precision == 0 || to.precision - to.scale >= from.precision - from.scale);
    bool date = from.id == SQL_DATE && to.id == SQL_TIMESTAMP;
    return integer || numeric || date ? expr->args[0] : NULL;
}

static Expr *narrow_list(Binder *binder, Expr *expr) {
    Expr *column = widened_column(expr->args[0]), *equal = NULL;
    Error ignored = {0};
    if (!column || column == expr->args[0]) return expr;
    Expr *list = expr_new(binder->arena, EXPR_IN_LIST, expr->type, expr->arg_count);
    list->args[0] = column;
    for (int i = 1; i < expr->arg_count; i++) {
        if (!expr_is_constant(expr->args[i])) return expr;
        list->args[i] = expr_is_null_constant(expr->args[i])
                            ? expr_null(binder->arena, column->type)
                            : narrow_constant(binder, column->type, expr->args[i]);
        if (!list->args[i]) return expr;
    }
    if (resolve_operator(binder, "=", column, list->args[1], expr->position, &equal, &ignored) != STATUS_OK)
        return expr;
    list->function = equal->function;
    list->position = expr->position;
    return list;
}

Expr *rule_narrow(Binder *binder, Expr *expr) {
    if (expr->kind == EXPR_IN_LIST) return narrow_list(binder, expr);
    if (!is_comparison(expr)) return expr;
    for (int side = 0; side < 2; side++) {
        Expr *column = widened_column(expr->args[side]);
        const Expr *constant = expr->args[1 - side];
        if (!column || !expr_is_constant(constant) || expr_is_null_constant(constant)) continue;
        if (sqltype_equals(column->type, constant->type) && column == expr->args[side]) continue;
        Expr *narrow = sqltype_equals(column->type, constant->type)
                           ? expr_copy(binder->arena, constant)
                           : narrow_constant(binder, column->type, constant);
        if (!narrow) continue;
        Expr *replaced = NULL;
        Error ignored = {0};
        if (resolve_operator(binder, expr->function->name, side == 0 ? column : narrow,
                             side == 0 ? narrow : column, expr->position, &replaced, &ignored) == STATUS_OK)
            return replaced;
    }
    return expr;
}
