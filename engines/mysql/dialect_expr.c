#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/mysql/dialect_internal.h"
#include "engines/mysql/mysql_value.h"

Status dialect_decline(DialectWriter *w, int location, const char *what) {
    return error_set_at(w->err, SQLSTATE_FEATURE_NOT_SUPPORTED, location >= 0 ? location + 1 : 0,
                        "%s cannot be written for MySQL with the same meaning", what);
}

const char *dialect_collation(const DialectWriter *w) {
    return w->options.mariadb ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin";
}

/* ---- literals and parameters
 * ------------------------------------------------------------------------------------ */

static Status write_text_as(DialectWriter *w, const char *text, SqlType target, int location) {
    const char *value;
    if (mysql_value_read(text, target, w->arena, &value, w->err) != STATUS_OK) {
        if (w->err) w->err->position = location >= 0 ? location + 1 : 0;
        return STATUS_ERROR;
    }
    switch ((SqlTypeId)target.id) {
    case SQL_BOOL: strbuf_append_text(&w->out, value[0] == '1' ? "TRUE" : "FALSE"); return STATUS_OK;
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_OID:
    case SQL_NUMERIC: strbuf_append_text(&w->out, value); return STATUS_OK;
    case SQL_FLOAT8: /* an exponent makes the literal a double */
        strbuf_printf(&w->out, "%s%s", value, strpbrk(value, "eE") ? "" : "e0");
        return STATUS_OK;
    case SQL_FLOAT4:
        strbuf_printf(&w->out, "CAST(%s%s AS FLOAT)", value, strpbrk(value, "eE") ? "" : "e0");
        return STATUS_OK;
    case SQL_DATE: strbuf_printf(&w->out, "DATE '%s'", value); return STATUS_OK;
    case SQL_TIMESTAMP:
    case SQL_TIMESTAMPTZ: strbuf_printf(&w->out, "TIMESTAMP '%s'", value); return STATUS_OK;
    case SQL_TIME:
    case SQL_INTERVAL: strbuf_printf(&w->out, "TIME '%s'", value); return STATUS_OK;
    case SQL_BYTEA: strbuf_printf(&w->out, "x'%s'", value); return STATUS_OK;
    default: strbuf_append_literal(&w->out, value, strlen(value)); return STATUS_OK;
    }
}

static Status write_constant(DialectWriter *w, const PgQuery__AConst *constant, SqlType target) {
    if (constant->isnull) {
        strbuf_append_text(&w->out, "NULL");
        return STATUS_OK;
    }
    switch (constant->val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL: strbuf_append_i64(&w->out, constant->ival->ival); return STATUS_OK;
    case PG_QUERY__A__CONST__VAL_FVAL:
        if (strpbrk(constant->fval->fval, "eE"))
            return dialect_decline(w, constant->location, "a numeric constant with an exponent");
        strbuf_append_text(&w->out, constant->fval->fval);
        return STATUS_OK;
    case PG_QUERY__A__CONST__VAL_BOOLVAL:
        strbuf_append_text(&w->out, constant->boolval->boolval ? "TRUE" : "FALSE");
        return STATUS_OK;
    case PG_QUERY__A__CONST__VAL_SVAL:
        return write_text_as(w, constant->sval->sval, target, constant->location);
    default: return dialect_decline(w, constant->location, "a bit string");
    }
}

void dialect_add_param(DialectWriter *w, int param, SqlType type) {
    if (w->param_count == w->param_capacity) {
        int capacity = w->param_capacity ? w->param_capacity * 2 : 16;
        int *params = ARENA_NEW_ARRAY(w->arena, int, capacity);
        SqlType *types = ARENA_NEW_ARRAY(w->arena, SqlType, capacity);
        if (w->param_count) {
            memcpy(params, w->params, sizeof *params * (size_t)w->param_count);
            memcpy(types, w->param_types, sizeof *types * (size_t)w->param_count);
        }
        w->params = params;
        w->param_types = types;
        w->param_capacity = capacity;
    }
    w->params[w->param_count] = param;
    w->param_types[w->param_count++] = type;
}

static Status write_param(DialectWriter *w, const PgQuery__ParamRef *param, SqlType target) {
    dialect_add_param(w, param->number - 1, target);
    strbuf_append_char(&w->out, '?');
    return STATUS_OK;
}

/* ---- operators
 * ----------------------------------------------------------------------------------------------------- */

Status dialect_exact_text(DialectWriter *w, Scope *scope, const Node *node) {
    ExprInfo info = dialect_info(w, scope, node);
    if (!info.inexact_text) return dialect_expr_as(w, scope, node, sqltype_of(SQL_TEXT));
    strbuf_append_text(&w->out, "CONVERT(");
    TRY(dialect_expr(w, scope, node));
    strbuf_printf(&w->out, " USING utf8mb4) COLLATE %s", dialect_collation(w));
    return STATUS_OK;
}

static bool are_comparable(SqlType a, SqlType b) {
    if (a.id == SQL_UNKNOWN || b.id == SQL_UNKNOWN) return a.id != SQL_INVALID && b.id != SQL_INVALID;
    bool stamps = (sqltype_is(a, SQL_DATE) || sqltype_is(a, SQL_TIMESTAMP)) &&
                  (sqltype_is(b, SQL_DATE) || sqltype_is(b, SQL_TIMESTAMP));
    return (sqltype_is_number(a) && sqltype_is_number(b)) || (sqltype_is_text(a) && sqltype_is_text(b)) ||
           stamps || (a.id == b.id && a.id != SQL_INVALID);
}

/* "=" on inexact text keeps the plain comparison too: the column's index can serve that one. */
static Status write_text_comparison(DialectWriter *w, Scope *scope, const Node *left, const char *op,
                                    const Node *right, bool inexact) {
    strbuf_append_char(&w->out, '(');
    if (inexact && !strcmp(op, "=")) {
        TRY(dialect_expr_as(w, scope, left, sqltype_of(SQL_TEXT)));
        strbuf_append_text(&w->out, " = ");
        TRY(dialect_expr_as(w, scope, right, sqltype_of(SQL_TEXT)));
        strbuf_append_text(&w->out, " AND ");
    }
    TRY(dialect_exact_text(w, scope, left));
    strbuf_printf(&w->out, " %s ", op);
    TRY(dialect_exact_text(w, scope, right));
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static Status write_comparison(DialectWriter *w, Scope *scope, const Node *left, const char *op,
                               const Node *right, int location) {
    ExprInfo a = dialect_info(w, scope, left), b = dialect_info(w, scope, right);
    if (!are_comparable(a.type, b.type)) return dialect_decline(w, location, "a comparison of these types");
    if (sqltype_is_text(a.type) || sqltype_is_text(b.type) ||
        (a.type.id == SQL_UNKNOWN && b.type.id == SQL_UNKNOWN))
        return write_text_comparison(w, scope, left, op, right, a.inexact_text || b.inexact_text);
    strbuf_append_char(&w->out, '(');
    TRY(dialect_expr_as(w, scope, left, b.type));
    strbuf_printf(&w->out, " %s ", op);
    TRY(dialect_expr_as(w, scope, right, a.type));
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static bool is_nonzero_constant(const Node *node) {
    if (node->node_case != PG_QUERY__NODE__NODE_A_CONST) return false;
    const PgQuery__AConst *constant = node->a_const;
    return (constant->val_case == PG_QUERY__A__CONST__VAL_IVAL && constant->ival->ival != 0) ||
           (constant->val_case == PG_QUERY__A__CONST__VAL_FVAL && atof(constant->fval->fval) != 0);
}

/* MySQL's division by zero is NULL where PostgreSQL raises; its "/" of integers is not PostgreSQL's. */
static const char *division_of(const char *op, ExprInfo a, ExprInfo b, const Node *divisor) {
    bool integers = sqltype_is_integer(a.type) && sqltype_is_integer(b.type);
    bool floats = a.type.id == SQL_FLOAT8 || b.type.id == SQL_FLOAT8;
    if (!is_nonzero_constant(divisor)) return NULL;
    if (*op == '%') return integers ? "MOD" : NULL;
    return integers ? "DIV" : floats ? "/" : NULL;
}

static Status write_arithmetic(DialectWriter *w, Scope *scope, const PgQuery__AExpr *expr, const char *op) {
    ExprInfo a = dialect_info(w, scope, expr->lexpr), b = dialect_info(w, scope, expr->rexpr);
    bool numbers = (sqltype_is_number(a.type) || a.type.id == SQL_UNKNOWN) &&
                   (sqltype_is_number(b.type) || b.type.id == SQL_UNKNOWN) &&
                   (sqltype_is_number(a.type) || sqltype_is_number(b.type));
    const char *written = op;
    if (!numbers) return dialect_decline(w, expr->location, "arithmetic on these types");
    if (*op == '/' || *op == '%') written = division_of(op, a, b, expr->rexpr);
    if (!written)
        return dialect_decline(w, expr->location,
                               "a division by something that is not a non-zero constant of a fitting type");
    strbuf_append_char(&w->out, '(');
    TRY(dialect_expr_as(w, scope, expr->lexpr, b.type));
    strbuf_printf(&w->out, " %s ", written);
    TRY(dialect_expr_as(w, scope, expr->rexpr, a.type));
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static Status write_concatenation(DialectWriter *w, Scope *scope, const PgQuery__AExpr *expr) {
    ExprInfo a = dialect_info(w, scope, expr->lexpr), b = dialect_info(w, scope, expr->rexpr);
    bool texts = (sqltype_is_text(a.type) || a.type.id == SQL_UNKNOWN) &&
                 (sqltype_is_text(b.type) || b.type.id == SQL_UNKNOWN);
    if (!texts) return dialect_decline(w, expr->location, "|| of something that is not text");
    strbuf_append_char(&w->out, '(');
    TRY(dialect_expr_as(w, scope, expr->lexpr, sqltype_of(SQL_TEXT)));
    strbuf_append_text(&w->out, " || ");
    TRY(dialect_expr_as(w, scope, expr->rexpr, sqltype_of(SQL_TEXT)));
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

/* A pattern that ends in its escape is an error in PostgreSQL and a backslash in MySQL. */
static bool may_end_in_escape(const Node *pattern) {
    if (pattern->node_case == PG_QUERY__NODE__NODE_PARAM_REF) return false;
    if (pattern->node_case != PG_QUERY__NODE__NODE_A_CONST ||
        pattern->a_const->val_case != PG_QUERY__A__CONST__VAL_SVAL)
        return true;
    const char *text = pattern->a_const->sval->sval;
    size_t length = strlen(text), escapes = 0;
    while (escapes < length && text[length - 1 - escapes] == '\\')
        escapes++;
    return escapes % 2 == 1;
}

static Status write_like(DialectWriter *w, Scope *scope, const PgQuery__AExpr *expr) {
    bool negated = dialect_operator(expr)[0] == '!';
    bool blind = expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE;
    if (expr->rexpr->node_case == PG_QUERY__NODE__NODE_FUNC_CALL)
        return dialect_decline(w, expr->location, "LIKE ... ESCAPE");
    if (may_end_in_escape(expr->rexpr))
        return dialect_decline(w, expr->location, "LIKE of a pattern that may end in its escape");
    SqlType left = dialect_info(w, scope, expr->lexpr).type, right = dialect_info(w, scope, expr->rexpr).type;
    if ((!sqltype_is_text(left) && left.id != SQL_UNKNOWN) ||
        (!sqltype_is_text(right) && right.id != SQL_UNKNOWN))
        return dialect_decline(w, expr->location, "LIKE of something that is not text");
    strbuf_append_text(&w->out, blind ? "(LOWER(" : "(");
    TRY(dialect_exact_text(w, scope, expr->lexpr));
    strbuf_printf(&w->out, "%s %sLIKE %s", blind ? ")" : "", negated ? "NOT " : "", blind ? "LOWER(" : "");
    TRY(dialect_exact_text(w, scope, expr->rexpr));
    strbuf_printf(&w->out, "%s ESCAPE '\\')", blind ? ")" : "");
    return STATUS_OK;
}

static Status write_in(DialectWriter *w, Scope *scope, const PgQuery__AExpr *expr) {
    bool negated = !strcmp(dialect_operator(expr), "<>");
    const PgQuery__List *list = expr->rexpr->list;
    strbuf_append_text(&w->out, negated ? "(NOT (" : "(");
    for (size_t i = 0; i < list->n_items; i++) {
        if (i) strbuf_append_text(&w->out, " OR ");
        TRY(write_comparison(w, scope, expr->lexpr, "=", list->items[i], expr->location));
    }
    strbuf_append_text(&w->out, negated ? "))" : ")");
    return STATUS_OK;
}

static Status write_between(DialectWriter *w, Scope *scope, const PgQuery__AExpr *expr) {
    bool negated = expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN;
    strbuf_append_text(&w->out, negated ? "(NOT (" : "(");
    TRY(write_comparison(w, scope, expr->lexpr, ">=", expr->rexpr->list->items[0], expr->location));
    strbuf_append_text(&w->out, " AND ");
    TRY(write_comparison(w, scope, expr->lexpr, "<=", expr->rexpr->list->items[1], expr->location));
    strbuf_append_text(&w->out, negated ? "))" : ")");
    return STATUS_OK;
}

static Status write_plain_operator(DialectWriter *w, Scope *scope, const PgQuery__AExpr *expr) {
    static const char *const comparisons[] = {"=", "<>", "<", "<=", ">", ">=", NULL};
    const char *op = dialect_operator(expr);
    if (!strcmp(op, "!=")) op = "<>";
    for (int i = 0; comparisons[i] && expr->lexpr; i++)
        if (!strcmp(op, comparisons[i]))
            return write_comparison(w, scope, expr->lexpr, op, expr->rexpr, expr->location);
    if (!expr->lexpr && (!strcmp(op, "-") || !strcmp(op, "+"))) {
        strbuf_printf(&w->out, "(%s ", op);
        TRY(dialect_expr(w, scope, expr->rexpr));
        strbuf_append_char(&w->out, ')');
        return STATUS_OK;
    }
    if (!strcmp(op, "||") && expr->lexpr) return write_concatenation(w, scope, expr);
    if (expr->lexpr && strlen(op) == 1 && strchr("+-*/%", *op)) return write_arithmetic(w, scope, expr, op);
    char what[64];
    snprintf(what, sizeof what, "operator %.20s", op);
    return dialect_decline(w, expr->location, what);
}

static Status write_operator(DialectWriter *w, Scope *scope, const PgQuery__AExpr *expr) {
    switch (expr->kind) {
    case PG_QUERY__A__EXPR__KIND__AEXPR_OP: return write_plain_operator(w, scope, expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
    case PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE: return write_like(w, scope, expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_IN: return write_in(w, scope, expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN: return write_between(w, scope, expr);
    case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT:
    case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT:
        strbuf_append_text(&w->out, expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT ? "(NOT " : "(");
        TRY(write_comparison(w, scope, expr->lexpr, "<=>", expr->rexpr, expr->location));
        strbuf_append_char(&w->out, ')');
        return STATUS_OK;
    case PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF:
        strbuf_append_text(&w->out, "CASE WHEN ");
        TRY(write_comparison(w, scope, expr->lexpr, "=", expr->rexpr, expr->location));
        strbuf_append_text(&w->out, " THEN NULL ELSE ");
        TRY(dialect_expr(w, scope, expr->lexpr));
        strbuf_append_text(&w->out, " END");
        return STATUS_OK;
    default: return dialect_decline(w, expr->location, "this operator form");
    }
}

/* ---- the other nodes
 * ---------------------------------------------------------------------------------------------- */

Status dialect_condition(DialectWriter *w, Scope *scope, const Node *node) {
    SqlType type = dialect_info(w, scope, node).type;
    bool text =
        type.id == SQL_UNKNOWN && node->node_case == PG_QUERY__NODE__NODE_A_CONST && !node->a_const->isnull;
    if (!sqltype_is(type, SQL_BOOL) && (type.id != SQL_UNKNOWN || text))
        return dialect_decline(w, -1, "a condition that is not known to be boolean");
    return dialect_expr_as(w, scope, node, sqltype_of(SQL_BOOL));
}

static Status write_bool(DialectWriter *w, Scope *scope, const PgQuery__BoolExpr *expr) {
    bool negation = expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__NOT_EXPR;
    strbuf_append_text(&w->out, negation ? "(NOT " : "(");
    for (size_t i = 0; i < expr->n_args; i++) {
        if (i)
            strbuf_append_text(&w->out,
                               expr->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR ? " AND " : " OR ");
        TRY(dialect_condition(w, scope, expr->args[i]));
    }
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static Status write_boolean_test(DialectWriter *w, Scope *scope, const PgQuery__BooleanTest *test) {
    static const char *const suffixes[] = {
        "", " IS TRUE", " IS NOT TRUE", " IS FALSE", " IS NOT FALSE", " IS UNKNOWN", " IS NOT UNKNOWN"};
    strbuf_append_char(&w->out, '(');
    TRY(dialect_condition(w, scope, test->arg));
    strbuf_append_text(&w->out, suffixes[test->booltesttype <= 6 ? test->booltesttype : 0]);
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static Status write_case(DialectWriter *w, Scope *scope, const PgQuery__CaseExpr *expr, SqlType type) {
    strbuf_append_text(&w->out, "CASE");
    for (size_t i = 0; i < expr->n_args; i++) {
        const PgQuery__CaseWhen *when = expr->args[i]->case_when;
        strbuf_append_text(&w->out, " WHEN ");
        if (expr->arg)
            TRY(write_comparison(w, scope, expr->arg, "=", when->expr, when->location));
        else
            TRY(dialect_condition(w, scope, when->expr));
        strbuf_append_text(&w->out, " THEN ");
        TRY(dialect_expr_as(w, scope, when->result, type));
    }
    if (expr->defresult) {
        strbuf_append_text(&w->out, " ELSE ");
        TRY(dialect_expr_as(w, scope, expr->defresult, type));
    }
    strbuf_append_text(&w->out, " END");
    return STATUS_OK;
}

static Status write_cast_of(DialectWriter *w, Scope *scope, const Node *arg, const char *as) {
    strbuf_append_text(&w->out, "CAST(");
    TRY(dialect_expr(w, scope, arg));
    strbuf_printf(&w->out, " AS %s)", as);
    return STATUS_OK;
}

/* Only casts that cannot fail, or fail alike, and round alike. */
static Status write_cast(DialectWriter *w, Scope *scope, const PgQuery__TypeCast *cast) {
    SqlType target = dialect_type_of_name(cast->type_name);
    SqlType source = dialect_info(w, scope, cast->arg).type;
    if ((target.id == SQL_VARCHAR || target.id == SQL_BPCHAR) && cast->type_name->n_typmods)
        return dialect_decline(w, cast->location, "a cast to text of limited length");
    if (target.id == SQL_BPCHAR ||
        (target.id == SQL_NUMERIC && source.id == SQL_UNKNOWN && cast->type_name->n_typmods))
        return dialect_decline(w, cast->location, "this cast of a literal or parameter");
    if (source.id == SQL_UNKNOWN && cast->arg->node_case == PG_QUERY__NODE__NODE_A_CONST &&
        !target.is_array && target.id != SQL_OTHER)
        return dialect_expr_as(w, scope, cast->arg, target);
    if (source.id == SQL_UNKNOWN && cast->arg->node_case == PG_QUERY__NODE__NODE_PARAM_REF)
        return dialect_expr_as(w, scope, cast->arg, target);
    if (sqltype_is_integer(source) && (target.id == SQL_INT8 || target.id == source.id) && !target.is_array)
        return dialect_expr(w, scope, cast->arg);
    if (sqltype_is_number(source) && sqltype_is(target, SQL_FLOAT8))
        return write_cast_of(w, scope, cast->arg, "DOUBLE");
    if ((sqltype_is_integer(source) || sqltype_is_text(source) || source.id == SQL_DATE) &&
        (sqltype_is(target, SQL_TEXT) || (target.id == SQL_VARCHAR && !target.precision)))
        return sqltype_is_text(source) ? dialect_expr(w, scope, cast->arg)
                                       : write_cast_of(w, scope, cast->arg, "CHAR");
    if (sqltype_is(source, SQL_TIMESTAMP) && sqltype_is(target, SQL_DATE))
        return write_cast_of(w, scope, cast->arg, "DATE");
    if (sqltype_is(source, SQL_DATE) && sqltype_is(target, SQL_TIMESTAMP))
        return write_cast_of(w, scope, cast->arg, "DATETIME(6)");
    char what[160], from[SQLTYPE_NAME_BYTES], to[SQLTYPE_NAME_BYTES];
    snprintf(what, sizeof what, "the cast from %.60s to %.60s", sqltype_name(source, false, from),
             sqltype_name(target, false, to));
    return dialect_decline(w, cast->location, what);
}

static Status write_sublink(DialectWriter *w, Scope *scope, const PgQuery__SubLink *link) {
    const WrittenSelect *select = dialect_subselect(w, scope, link->subselect->select_stmt);
    if (!select) return STATUS_ERROR;
    SqlType type = select->columns.column_count ? select->columns.column_types[0] : sqltype_of(SQL_INVALID);
    switch (link->sub_link_type) {
    case PG_QUERY__SUB_LINK_TYPE__EXISTS_SUBLINK:
        strbuf_append_text(&w->out, "EXISTS ");
        dialect_append_select(w, select);
        return STATUS_OK;
    case PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK:
        if (select->columns.column_count != 1)
            return dialect_decline(w, link->location, "a subquery of several columns as a value");
        dialect_append_select(w, select);
        return STATUS_OK;
    case PG_QUERY__SUB_LINK_TYPE__ANY_SUBLINK: {
        ExprInfo info = dialect_info(w, scope, link->testexpr);
        bool is_equality =
            !link->n_oper_name || !strcmp(dialect_string(link->oper_name[link->n_oper_name - 1]), "=");
        if (!is_equality) return dialect_decline(w, link->location, "ANY of a subquery with this operator");
        if (select->columns.column_count != 1 || !are_comparable(info.type, type) ||
            info.type.id == SQL_UNKNOWN || sqltype_is_text(type))
            return dialect_decline(w, link->location, "IN (SELECT ...) over these types");
        strbuf_append_char(&w->out, '(');
        TRY(dialect_expr(w, scope, link->testexpr));
        strbuf_append_text(&w->out, " IN ");
        dialect_append_select(w, select);
        strbuf_append_char(&w->out, ')');
        return STATUS_OK;
    }
    default: return dialect_decline(w, link->location, "this kind of subquery");
    }
}

/* A YEAR is a number before it meets one: 5 is not 2005. */
static Status write_column(DialectWriter *w, const Scope *scope, const PgQuery__ColumnRef *ref) {
    const FromItem *item;
    const ColumnDesc *desc = dialect_column(scope, ref, &item);
    bool is_year =
        desc && mysql_catalog_is_year(w->options.catalog, item->table->schema, item->table->name, desc->name);
    if (is_year) strbuf_append_char(&w->out, '(');
    for (size_t i = ref->n_fields > 2 ? ref->n_fields - 2 : 0; i < ref->n_fields; i++) {
        if (i && !(ref->n_fields > 2 && i == ref->n_fields - 2)) strbuf_append_char(&w->out, '.');
        const char *name = dialect_string(ref->fields[i]);
        if (name)
            strbuf_append_identifier(&w->out, name, '`');
        else
            strbuf_append_char(&w->out, '*');
    }
    if (is_year) strbuf_append_text(&w->out, " + 0)");
    return STATUS_OK;
}

static Status write_coalesce(DialectWriter *w, Scope *scope, const PgQuery__CoalesceExpr *expr,
                             SqlType type) {
    strbuf_append_text(&w->out, "COALESCE(");
    for (size_t i = 0; i < expr->n_args; i++) {
        if (i) strbuf_append_text(&w->out, ", ");
        TRY(dialect_expr_as(w, scope, expr->args[i], type));
    }
    strbuf_append_char(&w->out, ')');
    return STATUS_OK;
}

static Status write_node(DialectWriter *w, Scope *scope, const Node *node, SqlType target) {
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_CONST: return write_constant(w, node->a_const, target);
    case PG_QUERY__NODE__NODE_PARAM_REF: return write_param(w, node->param_ref, target);
    case PG_QUERY__NODE__NODE_COLUMN_REF: return write_column(w, scope, node->column_ref);
    case PG_QUERY__NODE__NODE_A_EXPR: return write_operator(w, scope, node->a_expr);
    case PG_QUERY__NODE__NODE_BOOL_EXPR: return write_bool(w, scope, node->bool_expr);
    case PG_QUERY__NODE__NODE_NULL_TEST:
        strbuf_append_char(&w->out, '(');
        TRY(dialect_expr(w, scope, node->null_test->arg));
        strbuf_append_text(&w->out, node->null_test->nulltesttype == PG_QUERY__NULL_TEST_TYPE__IS_NULL
                                        ? " IS NULL)"
                                        : " IS NOT NULL)");
        return STATUS_OK;
    case PG_QUERY__NODE__NODE_BOOLEAN_TEST: return write_boolean_test(w, scope, node->boolean_test);
    case PG_QUERY__NODE__NODE_CASE_EXPR:
        TRY(dialect_one_scale(w, scope, node, dialect_info(w, scope, node).type));
        return write_case(w, scope, node->case_expr, dialect_info(w, scope, node).type);
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
        TRY(dialect_one_scale(w, scope, node, dialect_info(w, scope, node).type));
        return write_coalesce(w, scope, node->coalesce_expr, dialect_info(w, scope, node).type);
    case PG_QUERY__NODE__NODE_TYPE_CAST: return write_cast(w, scope, node->type_cast);
    case PG_QUERY__NODE__NODE_FUNC_CALL: return dialect_function(w, scope, node->func_call);
    case PG_QUERY__NODE__NODE_SUB_LINK: return write_sublink(w, scope, node->sub_link);
    default: {
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(&pg_query__node__descriptor, (unsigned)node->node_case);
        char what[96];
        snprintf(what, sizeof what, "the construct %.60s", field ? field->name : "?");
        return dialect_decline(w, -1, what);
    }
    }
}

Status dialect_expr_as(DialectWriter *w, Scope *scope, const Node *node, SqlType target) {
    enum { DEEPEST = 2000 };
    if (++w->depth > DEEPEST) return dialect_decline(w, -1, "an expression nested this deep");
    Status status = write_node(w, scope, node, target);
    w->depth--;
    return status;
}

Status dialect_expr(DialectWriter *w, Scope *scope, const Node *node) {
    return dialect_expr_as(w, scope, node, sqltype_of(SQL_UNKNOWN));
}
