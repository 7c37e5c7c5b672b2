/* Implicit and explicit conversions, and the common type of UNION, CASE and their like, by PostgreSQL's
 * rules. */
#include <ctype.h>
#include <stdlib.h>

#include "engines/columnar/plan/logical.h"
#include "engines/columnar/plan/pg_catalog.h"

bool coerce_is_implicit(SqlType from, SqlType to) {
    if (to.id == SQL_UNKNOWN || from.id == SQL_UNKNOWN) return true;
    return pg_cast_context(from, to) == 'i';
}

bool pg_may_assign(SqlType from, SqlType to) {
    if (from.id == to.id && from.is_array == to.is_array) return true;
    char allowed = pg_cast_context(from, to);
    return allowed == 'i' || allowed == 'a';
}

/* Integers become numerics of just their digits: exact, and held as scaled integers. */
static SqlType numeric_target(SqlType from, SqlType target) {
    if (target.id != SQL_NUMERIC || target.is_array || target.precision != 0) return target;
    switch (from.id) {
    case SQL_INT2: return sqltype_numeric(5, 0);
    case SQL_INT4: return sqltype_numeric(10, 0);
    case SQL_INT8: return sqltype_numeric(19, 0);
    default: return target;
    }
}

/* Text types share their representation; only character(n) differs in what its blanks mean. */
static bool is_relabel(SqlType from, SqlType to) {
    if (from.is_array != to.is_array) return false;
    if (from.id == to.id)
        return to.precision == 0 || (from.precision == to.precision && from.scale == to.scale);
    if (from.is_array) return false;
    bool from_text = from.id == SQL_TEXT || from.id == SQL_VARCHAR || from.id == SQL_NAME;
    bool to_text = to.id == SQL_TEXT || (to.id == SQL_VARCHAR && to.precision == 0);
    return from_text && to_text;
}

static Status cast_kernel(Binder *binder, Expr *expr, SqlType target, Expr **out, Error *err) {
    const ScalarFunction *function = cast_function(expr->type, target, CAST_EXPLICIT);
    if (!function) {
        char from[SQLTYPE_NAME_BYTES], to[SQLTYPE_NAME_BYTES];
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, expr->position,
                            "cast from %s to %s is not available in the columnar engine",
                            sqltype_name(expr->type, false, from), sqltype_name(target, false, to));
    }
    Expr *cast = expr_new(binder->arena, EXPR_CAST, target, 1);
    cast->function = function;
    cast->args[0] = expr;
    cast->position = expr->position;
    if (function->result_type && target.precision == 0) {
        SqlType derived = function->result_type(&expr->type, 1);
        if (derived.id == target.id) cast->type = derived;
    }
    *out = cast;
    if (expr_is_constant(expr)) {
        Expr *folded = NULL;
        Error failure = {0};
        if (constant_fold(binder->arena, cast, &folded, &failure) != STATUS_OK) {
            if (err) *err = failure;
            if (err && err->position == 0) err->position = expr->position;
            return STATUS_ERROR;
        }
        if (folded) *out = folded;
    }
    return STATUS_OK;
}

static bool is_relative_datetime(const Expr *expr, SqlType target) {
    if (target.id != SQL_DATE && target.id != SQL_TIMESTAMP && target.id != SQL_TIMESTAMPTZ &&
        target.id != SQL_TIME)
        return false;
    const StringView *view = expr->constant->values;
    static const char *const WORDS[] = {"now", "today", "tomorrow", "yesterday"};
    const char *data = stringview_data(view);
    size_t length = view->length;
    while (length && isspace((unsigned char)*data))
        data++, length--;
    for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
        if (length >= strlen(WORDS[i]) && strncasecmp(data, WORDS[i], strlen(WORDS[i])) == 0) return true;
    return false;
}

/* An unknown literal takes the type its place wants, through that type's text form. */
static Status coerce_literal(Binder *binder, Expr *expr, SqlType target, Expr **out, Error *err) {
    if (target.id == SQL_UNKNOWN) target = sqltype_of(SQL_TEXT);
    if (expr_is_null_constant(expr)) {
        *out = expr_null(binder->arena, target);
        (*out)->position = expr->position;
        return STATUS_OK;
    }
    Expr *text = expr_with_type(binder->arena, expr, sqltype_of(SQL_TEXT));
    if (is_relabel(text->type, target) || (!target.is_array && target.id == SQL_NAME)) {
        *out = expr_with_type(binder->arena, text, target);
        return STATUS_OK;
    }
    if (is_relative_datetime(expr, target))
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, expr->position,
                            "a date relative to now in a literal is not available in the columnar engine");
    return cast_kernel(binder, text, target, out, err);
}

static Status coerce_param(Binder *binder, Expr *expr, SqlType target, Expr **out) {
    if (target.id == SQL_UNKNOWN) target = sqltype_of(SQL_TEXT);
    SqlType declared = target;
    declared.precision = declared.scale = 0;
    SqlType *known = &binder->plan->param_types[expr->param];
    if (known->id == SQL_INVALID || known->id == SQL_UNKNOWN) *known = declared;
    *out = expr_with_type(binder->arena, expr, *known);
    return STATUS_OK;
}

Status coerce_expr(Binder *binder, Expr *expr, SqlType target, CastContext context, Expr **out, Error *err) {
    SqlType from = expr->type;
    if (expr_is_unknown(expr)) {
        if (expr->kind == EXPR_CONSTANT) return coerce_literal(binder, expr, target, out, err);
        if (expr->kind == EXPR_PARAM) {
            TRY(coerce_param(binder, expr, target, &expr));
            if (target.precision == 0 || target.id == SQL_UNKNOWN) {
                *out = expr;
                return STATUS_OK;
            }
            from = expr->type;
        } else {
            from = sqltype_of(SQL_TEXT); /* an unknown column of a subquery is text by now */
        }
    }
    if (target.id == SQL_UNKNOWN) {
        *out = expr;
        return STATUS_OK;
    }
    /* A cast reads its target's length from its own type, which must stay. */
    bool is_cast = expr->kind == EXPR_CAST && from.id != target.id && !from.is_array;
    if (is_relabel(from, target) && !is_cast) {
        *out = from.id == target.id ? expr : expr_with_type(binder->arena, expr, target);
        return STATUS_OK;
    }
    char allowed = pg_cast_context(from, target);
    bool ok = allowed == 'i' || (allowed == 'a' && context != CAST_IMPLICIT) ||
              (allowed == 'e' && context == CAST_EXPLICIT);
    if (from.id == SQL_OTHER || target.id == SQL_OTHER)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, expr->position,
                            "a cast between these types is not available in the columnar engine");
    if (!ok) {
        char source[SQLTYPE_NAME_BYTES], destination[SQLTYPE_NAME_BYTES];
        return error_set_at(err, "42846", expr->position, "cannot cast type %s to %s",
                            sqltype_name(from, false, source), sqltype_name(target, false, destination));
    }
    return cast_kernel(binder, expr, numeric_target(from, target), out, err);
}

Status coerce_exact(Binder *binder, Expr *expr, SqlType target, CastContext context, Expr **out, Error *err) {
    TRY(coerce_expr(binder, expr, target, context, out, err));
    SqlType held = (*out)->type;
    if (target.id != SQL_NUMERIC || held.id != SQL_NUMERIC ||
        (held.precision == target.precision && held.scale == target.scale))
        return STATUS_OK;
    expr = *out;
    const ScalarFunction *function = cast_function(held, target, CAST_EXPLICIT);
    if (!function)
        return error_set_at(err, SQLSTATE_FEATURE_NOT_SUPPORTED, expr->position,
                            "numerics of different scale here are not available in the columnar engine");
    Expr *cast = expr_new(binder->arena, EXPR_CAST, target, 1);
    cast->function = function;
    cast->args[0] = expr;
    cast->position = expr->position;
    *out = cast;
    Expr *folded = NULL;
    if (expr_is_constant(expr)) TRY(constant_fold(binder->arena, cast, &folded, err));
    *out = folded ? folded : cast;
    return STATUS_OK;
}

Status coerce_to_bool(Binder *binder, Expr *expr, const char *what, Expr **out, Error *err) {
    if (expr_is_unknown(expr))
        return coerce_expr(binder, expr, sqltype_of(SQL_BOOL), CAST_IMPLICIT, out, err);
    if (!sqltype_is(expr->type, SQL_BOOL)) {
        char name[SQLTYPE_NAME_BYTES];
        return error_set_at(err, SQLSTATE_DATATYPE_MISMATCH, expr->position,
                            "argument of %s must be type boolean, not type %s", what,
                            sqltype_name(expr->type, false, name));
    }
    *out = expr;
    return STATUS_OK;
}

SqlType numeric_cover(SqlType a, SqlType b) {
    SqlType open = sqltype_of(SQL_NUMERIC);
    if (a.precision == 0 || b.precision == 0) return open;
    int scale = a.scale > b.scale ? a.scale : b.scale;
    int whole_a = a.precision - a.scale, whole_b = b.precision - b.scale;
    int precision = (whole_a > whole_b ? whole_a : whole_b) + scale;
    return precision > NUMERIC_MAX_PRECISION ? open : sqltype_numeric(precision, scale);
}

/* Modifiers survive only where all agree: values keep their own scale in PostgreSQL. */
static SqlType merge_modifiers(SqlType type, Expr *const *exprs, int count) {
    type.precision = type.scale = 0;
    if (type.is_array) return type;
    bool first = true;
    for (int i = 0; i < count; i++) {
        SqlType own = exprs[i]->type;
        if (expr_is_null_constant(exprs[i])) continue;
        if (expr_is_unknown(exprs[i]) && exprs[i]->kind == EXPR_CONSTANT)
            return (SqlType){.id = type.id,
                             .is_array = type.is_array}; /* 'none' beside char(2) stays whole */
        if (expr_is_unknown(exprs[i])) continue;
        if (type.id == SQL_NUMERIC && own.id != SQL_NUMERIC)
            own = numeric_target(own, sqltype_of(SQL_NUMERIC));
        if (own.id != type.id || own.is_array != type.is_array)
            return type.id == SQL_NUMERIC ? sqltype_of(SQL_NUMERIC)
                                          : (SqlType){.id = type.id, .is_array = type.is_array};
        if (type.id == SQL_NUMERIC && !first &&
            (own.scale != type.scale || own.precision == 0 || type.precision == 0))
            return sqltype_of(SQL_NUMERIC);
        if (type.id == SQL_NUMERIC) {
            if (first || own.precision > type.precision) type = own;
        } else if (first) {
            type.precision = own.precision;
        } else if (type.precision != own.precision) {
            type.precision = 0;
        }
        first = false;
    }
    return type;
}

bool modifiers_agree(Expr *const *exprs, int count) {
    for (int i = 0; i < count; i++)
        if (!exprs[i]->declared || exprs[i]->type.precision != exprs[0]->type.precision ||
            exprs[i]->type.scale != exprs[0]->type.scale || exprs[i]->type.id != exprs[0]->type.id)
            return false;
    return count > 0;
}

Status common_type(Binder *binder, Expr *const *exprs, int count, const char *what, SqlType *out,
                   Error *err) {
    (void)binder;
    SqlType chosen = sqltype_of(SQL_UNKNOWN);
    for (int i = 0; i < count; i++) {
        SqlType next = exprs[i]->type;
        if (expr_is_unknown(exprs[i]) || (next.id == chosen.id && next.is_array == chosen.is_array)) continue;
        if (chosen.id == SQL_UNKNOWN) {
            chosen = next;
            continue;
        }
        if (pg_type_category(next) != pg_type_category(chosen)) {
            char left[SQLTYPE_NAME_BYTES], right[SQLTYPE_NAME_BYTES];
            return error_set_at(err, SQLSTATE_DATATYPE_MISMATCH, exprs[i]->position,
                                "%s types %s and %s cannot be matched", what,
                                sqltype_name(chosen, false, left), sqltype_name(next, false, right));
        }
        if (!pg_type_is_preferred(chosen) && coerce_is_implicit(chosen, next) &&
            !coerce_is_implicit(next, chosen))
            chosen = next;
    }
    if (chosen.id == SQL_UNKNOWN) chosen = sqltype_of(SQL_TEXT);
    *out = merge_modifiers(chosen, exprs, count);
    return STATUS_OK;
}
