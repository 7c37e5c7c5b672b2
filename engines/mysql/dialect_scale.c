/* Digits after the point. A PostgreSQL numeric keeps its own (2.5 and 2.50 are equal and shown apart), a
 * MySQL decimal has its column's: where several expressions become one column, their digits must be the same
 * from the start. */
#include <string.h>

#include "engines/mysql/dialect_internal.h"

static int scale_of_type(SqlType type) {
    if (sqltype_is_integer(type)) return 0;
    return type.id == SQL_NUMERIC && type.precision > 0 ? type.scale : DIALECT_SCALE_UNKNOWN;
}

static int scale_of_column(const Scope *scope, const PgQuery__ColumnRef *ref) {
    const FromItem *found;
    const ColumnDesc *desc = dialect_column(scope, ref, &found);
    if (desc) return scale_of_type(desc->type);
    const char *column = dialect_string(ref->fields[ref->n_fields - 1]);
    const char *qualifier = ref->n_fields > 1 ? dialect_string(ref->fields[ref->n_fields - 2]) : NULL;
    for (; scope && column; scope = scope->outer)
        for (const FromItem *item = scope->items; item; item = item->next)
            for (int i = 0; i < item->column_count && (!qualifier || !strcmp(qualifier, item->name)); i++)
                if (item->column_names && !strcmp(item->column_names[i], column))
                    return item->column_scales[i];
    return DIALECT_SCALE_UNKNOWN;
}

static int scale_of_constant(const PgQuery__AConst *constant) {
    if (constant->isnull) return DIALECT_SCALE_ANY;
    if (constant->val_case == PG_QUERY__A__CONST__VAL_IVAL) return 0;
    if (constant->val_case != PG_QUERY__A__CONST__VAL_FVAL || strpbrk(constant->fval->fval, "eE"))
        return DIALECT_SCALE_UNKNOWN;
    const char *point = strchr(constant->fval->fval, '.');
    return point ? (int)strlen(point + 1) : 0;
}

static int scale_of_operator(DialectWriter *w, const Scope *scope, const PgQuery__AExpr *expr) {
    const char *op = dialect_operator(expr);
    int right = dialect_scale(w, scope, expr->rexpr);
    if (expr->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF) return dialect_scale(w, scope, expr->lexpr);
    if (expr->kind != PG_QUERY__A__EXPR__KIND__AEXPR_OP || strlen(op) != 1) return DIALECT_SCALE_UNKNOWN;
    if (!expr->lexpr) return right;
    int left = dialect_scale(w, scope, expr->lexpr);
    if (left < 0 || right < 0) return DIALECT_SCALE_UNKNOWN;
    if (*op == '*') return left + right;
    return *op == '+' || *op == '-' ? (left > right ? left : right) : DIALECT_SCALE_UNKNOWN;
}

static int scale_of_call(DialectWriter *w, const Scope *scope, const PgQuery__FuncCall *call) {
    static const char *const keeping[] = {"abs", "max", "min", "sum"};
    const char *name = dialect_function_name(call);
    if (!name) return DIALECT_SCALE_UNKNOWN;
    if (!strcmp(name, "extract")) return 0; /* of whole fields: others are not written */
    for (size_t i = 0; i < sizeof keeping / sizeof *keeping; i++)
        if (!strcmp(name, keeping[i]) && call->n_args == 1) return dialect_scale(w, scope, call->args[0]);
    return scale_of_type(dialect_function_type(w, scope, call));
}

static int common_scale(int a, int b) {
    if (a == DIALECT_SCALE_ANY) return b;
    return b == DIALECT_SCALE_ANY || a == b ? a : DIALECT_SCALE_UNKNOWN;
}

static int scale_of_case(DialectWriter *w, const Scope *scope, const PgQuery__CaseExpr *expr) {
    int scale = expr->defresult ? dialect_scale(w, scope, expr->defresult) : DIALECT_SCALE_ANY;
    for (size_t i = 0; i < expr->n_args; i++)
        scale = common_scale(scale, dialect_scale(w, scope, expr->args[i]->case_when->result));
    return scale;
}

int dialect_scale(DialectWriter *w, const Scope *scope, const Node *node) {
    if (!node) return DIALECT_SCALE_UNKNOWN;
    switch (node->node_case) {
    case PG_QUERY__NODE__NODE_COLUMN_REF: return scale_of_column(scope, node->column_ref);
    case PG_QUERY__NODE__NODE_A_CONST: return scale_of_constant(node->a_const);
    case PG_QUERY__NODE__NODE_A_EXPR: return scale_of_operator(w, scope, node->a_expr);
    case PG_QUERY__NODE__NODE_FUNC_CALL: return scale_of_call(w, scope, node->func_call);
    case PG_QUERY__NODE__NODE_CASE_EXPR: return scale_of_case(w, scope, node->case_expr);
    case PG_QUERY__NODE__NODE_TYPE_CAST:
        return node->type_cast->arg->node_case == PG_QUERY__NODE__NODE_A_CONST &&
                       node->type_cast->arg->a_const->isnull
                   ? DIALECT_SCALE_ANY
                   : scale_of_type(dialect_type_of_name(node->type_cast->type_name));
    case PG_QUERY__NODE__NODE_COALESCE_EXPR: {
        int scale = DIALECT_SCALE_ANY;
        for (size_t i = 0; i < node->coalesce_expr->n_args; i++)
            scale = common_scale(scale, dialect_scale(w, scope, node->coalesce_expr->args[i]));
        return scale;
    }
    default: return DIALECT_SCALE_UNKNOWN;
    }
}

Status dialect_one_scale(DialectWriter *w, const Scope *scope, const Node *node, SqlType type) {
    if (type.id != SQL_NUMERIC || dialect_scale(w, scope, node) != DIALECT_SCALE_UNKNOWN) return STATUS_OK;
    return dialect_decline(w, -1, "one value of numerics with different digits after the point");
}
