#include <stdlib.h>
#include <string.h>

#include "engines/mysql/dialect_internal.h"

static ExprInfo info_of(SqlTypeId id) {
    return (ExprInfo){.type = sqltype_of(id), .nullable = true};
}

const char *dialect_string(const Node *node) {
    return node && node->node_case == PG_QUERY__NODE__NODE_STRING ? node->string->sval : NULL;
}

const char *dialect_operator(const PgQuery__AExpr *expr) {
    const char *name = expr->n_name ? dialect_string(expr->name[expr->n_name - 1]) : NULL;
    return name ? name : "";
}

SqlType dialect_type_of_name(const PgQuery__TypeName *name) {
    const char *plain = name->n_names ? dialect_string(name->names[name->n_names - 1]) : NULL;
    SqlType type = sqltype_from_name(plain ? plain : "");
    type.is_array = name->n_array_bounds > 0;
    if (type.id == SQL_NUMERIC && name->n_typmods >= 1 &&
        name->typmods[0]->node_case == PG_QUERY__NODE__NODE_A_CONST) {
        const PgQuery__AConst *first = name->typmods[0]->a_const;
        if (first->val_case == PG_QUERY__A__CONST__VAL_IVAL) type.precision = (int16_t)first->ival->ival;
        if (name->n_typmods == 2 && name->typmods[1]->node_case == PG_QUERY__NODE__NODE_A_CONST &&
            name->typmods[1]->a_const->val_case == PG_QUERY__A__CONST__VAL_IVAL)
            type.scale = (int16_t)name->typmods[1]->a_const->ival->ival;
    }
    return type;
}

/* ---- columns
 * ------------------------------------------------------------------------------------------------------ */

static const ColumnDesc *column_of_table(const TableDesc *table, const char *name) {
    for (int i = 0; i < table->column_count; i++)
        if (!strcmp(table->columns[i].name, name)) return &table->columns[i];
    return NULL;
}

bool dialect_is_exact(const DialectWriter *w, const TableDesc *table, const ColumnDesc *column) {
    return !sqltype_is_text(column->type) ||
           mysql_catalog_is_exact(w->options.catalog, table->schema, table->name, column->name);
}

static bool derived_info(const FromItem *item, const char *name, ExprInfo *out) {
    for (int i = 0; i < item->column_count; i++) {
        if (strcmp(item->column_names[i], name) != 0) continue;
        out->type = item->column_types[i];
        out->inexact_text = item->column_inexact[i];
        return true;
    }
    return false;
}

static bool names_of(const PgQuery__ColumnRef *ref, const char **qualifier, const char **column) {
    if (ref->n_fields == 0 || ref->n_fields > 3) return false;
    *column = dialect_string(ref->fields[ref->n_fields - 1]);
    *qualifier = ref->n_fields > 1 ? dialect_string(ref->fields[ref->n_fields - 2]) : NULL;
    return *column != NULL;
}

const ColumnDesc *dialect_column(const Scope *scope, const PgQuery__ColumnRef *ref, const FromItem **found) {
    const char *qualifier, *column;
    if (!names_of(ref, &qualifier, &column)) return NULL;
    for (; scope; scope = scope->outer) {
        for (const FromItem *item = scope->items; item; item = item->next) {
            if (!item->table || (qualifier && strcmp(qualifier, item->name) != 0)) continue;
            const ColumnDesc *desc = column_of_table(item->table, column);
            if (!desc) continue;
            *found = item;
            return desc;
        }
    }
    return NULL;
}

static ExprInfo info_of_column(DialectWriter *w, const Scope *scope, const PgQuery__ColumnRef *ref) {
    const FromItem *item;
    const ColumnDesc *desc = dialect_column(scope, ref, &item);
    if (desc) {
        return (ExprInfo){.type = desc->type,
                          .inexact_text = !dialect_is_exact(w, item->table, desc),
                          .nullable = desc->nullable || item->outer};
    }
    const char *qualifier, *column;
    ExprInfo info = {.nullable = true};
    if (!names_of(ref, &qualifier, &column)) return info;
    for (; scope; scope = scope->outer)
        for (const FromItem *each = scope->items; each; each = each->next)
            if ((!qualifier || !strcmp(qualifier, each->name)) && derived_info(each, column, &info))
                return info;
    return info;
}

/* ---- operators
 * --------------------------------------------------------------------------------------------------- */

static int rank_of(SqlType type) {
    switch ((SqlTypeId)type.id) {
    case SQL_INT2: return 1;
    case SQL_INT4: return 2;
    case SQL_INT8: return 3;
    case SQL_NUMERIC: return 4;
    case SQL_FLOAT4: return 5;
    case SQL_FLOAT8: return 6;
    default: return 0;
    }
}

static ExprInfo info_of_operator(DialectWriter *w, const Scope *scope, const PgQuery__AExpr *expr) {
    const char *op = dialect_operator(expr);
    ExprInfo right = dialect_info(w, scope, expr->rexpr);
    if (expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF) {
        ExprInfo info = dialect_info(w, scope, expr->lexpr);
        info.nullable = true;
        return info;
    }
    if (expr->kind != PG_QUERY__A__EXPR__KIND__AEXPR_OP || strchr("=<>!~", op[0])) return info_of(SQL_BOOL);
    if (!expr->lexpr) return right;
    ExprInfo left = dialect_info(w, scope, expr->lexpr);
    if (!strcmp(op, "||")) {
        ExprInfo info = info_of(SQL_TEXT);
        info.inexact_text = left.inexact_text || right.inexact_text;
        return info;
    }
    ExprInfo info = {.type = rank_of(left.type) >= rank_of(right.type) ? left.type : right.type,
                     .nullable = true};
    if (!sqltype_is_number(left.type) || !sqltype_is_number(right.type)) {
        bool untyped = left.type.id == SQL_UNKNOWN || right.type.id == SQL_UNKNOWN;
        if (!untyped || !rank_of(info.type)) info.type = sqltype_of(SQL_INVALID);
    }
    if (info.type.id == SQL_NUMERIC)
        info.type = sqltype_of(SQL_NUMERIC); /* the scale is the server's: same rule for + - * */
    if (info.type.id == SQL_FLOAT4 && left.type.id != right.type.id) info.type = sqltype_of(SQL_FLOAT8);
    return info;
}

static ExprInfo info_of_constant(const PgQuery__AConst *constant) {
    ExprInfo info = {.type = sqltype_of(SQL_UNKNOWN), .nullable = constant->isnull};
    switch (constant->val_case) {
    case PG_QUERY__A__CONST__VAL_IVAL: info.type = sqltype_of(SQL_INT4); break;
    case PG_QUERY__A__CONST__VAL_FVAL:
        info.type = sqltype_of(strpbrk(constant->fval->fval, ".eE") ? SQL_NUMERIC : SQL_INT8);
        if (info.type.id == SQL_INT8 && strlen(constant->fval->fval) > 18)
            info.type = sqltype_of(SQL_NUMERIC);
        break;
    case PG_QUERY__A__CONST__VAL_BOOLVAL: info.type = sqltype_of(SQL_BOOL); break;
    default: break;
    }
    return info;
}

static ExprInfo info_of_first(DialectWriter *w, const Scope *scope, Node *const *nodes, size_t count) {
    ExprInfo best = {.type = sqltype_of(SQL_UNKNOWN), .nullable = true};
    for (size_t i = 0; i < count; i++) {
        ExprInfo info = dialect_info(w, scope, nodes[i]);
        if (best.type.id == SQL_UNKNOWN || (rank_of(info.type) > rank_of(best.type) && rank_of(best.type)))
            best.type = info.type;
        best.inexact_text |= info.inexact_text;
    }
    return best;
}

static ExprInfo info_of_case(DialectWriter *w, const Scope *scope, const PgQuery__CaseExpr *expr) {
    Node *results[64];
    size_t count = 0;
    for (size_t i = 0; i < expr->n_args && count < 63; i++)
        results[count++] = expr->args[i]->case_when->result;
    if (expr->defresult) results[count++] = expr->defresult;
    return info_of_first(w, scope, results, count);
}

static ExprInfo info_of_sublink(DialectWriter *w, const Scope *scope, const PgQuery__SubLink *link) {
    if (link->sub_link_type != PG_QUERY__SUB_LINK_TYPE__EXPR_SUBLINK) return info_of(SQL_BOOL);
    ExprInfo info = {.nullable = true, .inexact_text = true};
    const WrittenSelect *select = dialect_subselect(w, scope, link->subselect->select_stmt);
    if (select && select->columns.column_count == 1) {
        info.type = select->columns.column_types[0];
        info.inexact_text = select->columns.column_inexact[0];
    }
    return info;
}

static ExprInfo info_of_node(DialectWriter *w, const Scope *scope, const Node *node) {
    ExprInfo unknown = {.nullable = true};
    if (!node) return unknown;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_A_CONST: return info_of_constant(node->a_const);
    case PG_QUERY__NODE__NODE_PARAM_REF: return info_of(SQL_UNKNOWN);
    case PG_QUERY__NODE__NODE_COLUMN_REF: return info_of_column(w, scope, node->column_ref);
    case PG_QUERY__NODE__NODE_A_EXPR: return info_of_operator(w, scope, node->a_expr);
    case PG_QUERY__NODE__NODE_BOOL_EXPR:
    case PG_QUERY__NODE__NODE_NULL_TEST:
    case PG_QUERY__NODE__NODE_BOOLEAN_TEST: return info_of(SQL_BOOL);
    case PG_QUERY__NODE__NODE_SUB_LINK: return info_of_sublink(w, scope, node->sub_link);
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        unknown.type = dialect_type_of_name(node->type_cast->type_name);
        unknown.inexact_text = dialect_info(w, scope, node->type_cast->arg).inexact_text;
        return unknown;
    case PG_QUERY__NODE__NODE_CASE_EXPR: return info_of_case(w, scope, node->case_expr);
    case PG_QUERY__NODE__NODE_COALESCE_EXPR:
        return info_of_first(w, scope, node->coalesce_expr->args, node->coalesce_expr->n_args);
    case PG_QUERY__NODE__NODE_FUNC_CALL:
        unknown.type = dialect_function_type(w, scope, node->func_call);
        for (size_t i = 0; i < node->func_call->n_args; i++)
            unknown.inexact_text |= dialect_info(w, scope, node->func_call->args[i]).inexact_text;
        return unknown;
    default: return unknown;
    }
}

ExprInfo dialect_info(DialectWriter *w, const Scope *scope, const Node *node) {
    ExprInfo info = info_of_node(w, scope, node);
    bool may_be_text =
        sqltype_is_text(info.type) || info.type.id == SQL_UNKNOWN || info.type.id == SQL_INVALID;
    info.inexact_text &= may_be_text; /* length(name) is a number, however name compares */
    return info;
}
