/* CASE, COALESCE, GREATEST and LEAST. */
#include "engines/columnar/plan/bind.h"

static Status coerce_all(Binder *binder, Expr **items, int count, SqlType type, Error *err) {
    for (int i = 0; i < count; i++)
        TRY(coerce_exact(binder, items[i], type, CAST_IMPLICIT, &items[i], err));
    return STATUS_OK;
}

/* Common type without digits' worth of difference: numerics may still vary by row. */
static Status unify(Binder *binder, Expr **items, int count, const char *what, SqlType *type, Error *err) {
    TRY(common_type(binder, items, count, what, type, err));
    return coerce_all(binder, items, count, *type, err);
}

Status bind_case(Query *query, PgQuery__CaseExpr *node, Expr **out, Error *err) {
    Binder *binder = query->binder;
    int branches = (int)node->n_args;
    Expr *subject = NULL;
    if (node->arg) {
        TRY(bind_expr(query, node->arg, &subject, err));
        if (expr_is_unknown(subject))
            TRY(coerce_expr(binder, subject, sqltype_of(SQL_TEXT), CAST_IMPLICIT, &subject, err));
    }
    Expr *result = expr_new(binder->arena, EXPR_CASE, sqltype_of(SQL_UNKNOWN), branches * 2 + 1);
    Expr **values =
        ARENA_NEW_ARRAY(binder->arena, Expr *, branches + 1); /* ELSE first, as PostgreSQL weighs them */
    for (int i = 0; i < branches; i++) {
        PgQuery__CaseWhen *when = node->args[i]->case_when;
        Expr *condition = NULL;
        TRY(bind_expr(query, when->expr, &condition, err));
        if (subject)
            TRY(resolve_operator(binder, "=", expr_copy(binder->arena, subject), condition,
                                 binder_position(binder, when->location), &condition, err));
        TRY(coerce_to_bool(binder, condition, "CASE/WHEN", &result->args[2 * i], err));
        Guard *before = query->guards;
        query_guard(query, EXPR_IS_TRUE, result->args[2 * i]);
        TRY(bind_expr(query, when->result, &values[i + 1], err));
        query->guards = before;
        query_guard(query, EXPR_IS_NOT_TRUE, result->args[2 * i]);
    }
    if (node->defresult)
        TRY(bind_expr(query, node->defresult, &values[0], err));
    else
        values[0] = expr_null(binder->arena, sqltype_of(SQL_UNKNOWN));
    result->declared = modifiers_agree(values, branches + 1);
    TRY(unify(binder, values, branches + 1, "CASE", &result->type, err));
    for (int i = 0; i < branches; i++)
        result->args[2 * i + 1] = values[i + 1];
    result->args[2 * branches] = values[0];
    result->position = binder_position(binder, node->location);
    *out = result;
    return STATUS_OK;
}

Status bind_coalesce(Query *query, PgQuery__CoalesceExpr *node, Expr **out, Error *err) {
    Binder *binder = query->binder;
    Expr **args = ARENA_NEW_ARRAY(binder->arena, Expr *, (int)node->n_args + 1);
    for (size_t i = 0; i < node->n_args; i++) {
        if (i) query_guard(query, EXPR_IS_NULL, args[i - 1]);
        TRY(bind_expr(query, node->args[i], &args[i], err));
    }
    Expr *result = expr_new(binder->arena, EXPR_COALESCE, sqltype_of(SQL_UNKNOWN), (int)node->n_args);
    result->declared = modifiers_agree(args, result->arg_count);
    TRY(unify(binder, args, result->arg_count, "COALESCE", &result->type, err));
    memcpy(result->args, args, sizeof *args * node->n_args);
    result->position = binder_position(binder, node->location);
    *out = result;
    return STATUS_OK;
}

/* The greater (or lesser) of two, NULLs ignored. */
static Status choose_of_two(Query *query, const char *operator_name, SqlType type, Expr *left, Expr *right,
                            Expr **out, Error *err) {
    Arena *arena = query->binder->arena;
    Expr *choice = expr_new(arena, EXPR_CASE, type, 7);
    choice->args[0] = expr_new(arena, EXPR_IS_NULL, sqltype_of(SQL_BOOL), 1);
    choice->args[0]->args[0] = left;
    choice->args[1] = expr_copy(arena, right);
    choice->args[2] = expr_new(arena, EXPR_IS_NULL, sqltype_of(SQL_BOOL), 1);
    choice->args[2]->args[0] = right;
    choice->args[3] = expr_copy(arena, left);
    TRY(resolve_operator(query->binder, operator_name, expr_copy(arena, left), expr_copy(arena, right), 0,
                         &choice->args[4], err));
    choice->args[5] = expr_copy(arena, left);
    choice->args[6] = expr_copy(arena, right);
    *out = choice;
    return STATUS_OK;
}

static bool signature_is(const ScalarFunction *kernel, int count) {
    return kernel->variadic ? count >= kernel->arg_count : kernel->arg_count == count;
}

Status bind_min_max(Query *query, PgQuery__MinMaxExpr *node, Expr **out, Error *err) {
    enum { LONGEST_CASE = 6 };
    Binder *binder = query->binder;
    bool greatest = node->op == PG_QUERY__MIN_MAX_OP__IS_GREATEST;
    Expr **args = NULL;
    int count = (int)node->n_args;
    SqlType type;
    TRY(bind_exprs(query, node->args, node->n_args, &args, err));
    TRY(unify(binder, args, count, greatest ? "GREATEST" : "LEAST", &type, err));
    const ScalarFunction *kernels[64];
    int kernel_count = function_candidates(greatest ? "greatest" : "least", kernels, 64);
    for (int i = 0; i < kernel_count && i < 64; i++) {
        if (!signature_is(kernels[i], count) || type.is_array || type.id == SQL_JSONB ||
            type.id == SQL_RECORD ||
            (kernels[i]->args[0].id != type.id && kernels[i]->args[0].id != SQL_UNKNOWN))
            continue;
        Expr *call = expr_new(binder->arena, EXPR_CALL, type, count);
        memcpy(call->args, args, sizeof *args * (size_t)count);
        call->function = kernels[i];
        *out = call;
        return STATUS_OK;
    }
    if (count > LONGEST_CASE)
        return binder_unsupported(binder, node->location, err, "%s of so many values",
                                  greatest ? "GREATEST" : "LEAST");
    Expr *result = args[0];
    for (int i = 1; i < count; i++)
        TRY(choose_of_two(query, greatest ? ">=" : "<=", type, result, args[i], &result, err));
    *out = result;
    return STATUS_OK;
}
