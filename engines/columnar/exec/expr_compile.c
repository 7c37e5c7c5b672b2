/* Expr trees → ExprNode trees: parameters in, constants folded, paths resolved. */
#include <math.h>

#include "engines/columnar/exec/expression_internal.h"

static Status compile(Query *query, const Expr *expr, ExprNode **out, Error *err);

static void set_constant(Query *query, ExprNode *node, const Vector *value) {
    node->is_constant = true;
    node->constant = *value;
    node->constant.encoding = VECTOR_CONSTANT;
    node->constant.type = node->type;
    node->may_raise = false;
    (void)query;
}

/* A function whose constant arguments came from parameters was not prepared by the binder. */
static Status bind_again(Query *query, const Expr *expr, ExprNode *node, Error *err) {
    node->bind_data = expr->bind_data;
    if (!node->function->bind) return STATUS_OK;
    const Vector *constants[FUNCTION_MAX_ARGS] = {0};
    bool wanted = !expr->bind_data;
    for (int i = 0; i < node->arg_count && i < FUNCTION_MAX_ARGS; i++) {
        if (!node->args[i]->is_constant) continue;
        constants[i] = &node->args[i]->constant;
        wanted |= expr->args[i]->kind != EXPR_CONSTANT;
    }
    if (!wanted) return STATUS_OK;
    if (node->function->bind(constants, node->arg_count, &query->arena, &node->bind_data, err) == STATUS_OK)
        return STATUS_OK;
    if (err && !err->position) err->position = node->position;
    return STATUS_ERROR;
}

static bool function_may_raise(const ExprNode *node) {
    const Vector *constants[FUNCTION_MAX_ARGS] = {0};
    if (node->function->null_on_error) return false;
    if (!node->function->safe_with) return true;
    for (int i = 0; i < node->arg_count && i < FUNCTION_MAX_ARGS; i++)
        if (node->args[i]->is_constant) constants[i] = &node->args[i]->constant;
    return !node->function->safe_with(constants, node->arg_count);
}

/* Evaluates a node of constants once. One that raises stays as it is, to raise when a row asks for it. */
static void fold(Query *query, ExprNode *node) {
    for (int i = 0; i < node->arg_count; i++)
        if (!node->args[i]->is_constant) return;
    Batch batch = {.row_count = 1, .selected = 1};
    Evaluator evaluator;
    evaluator_init(&evaluator, query);
    EvalContext context = {&evaluator, &batch, &query->arena};
    Vector value, flat;
    Error ignored = {0};
    if (expr_evaluate(&context, node, NULL, 1, &value, &ignored) == STATUS_OK) {
        vector_flatten_selected(&value, 1, NULL, 1, &flat, &query->arena);
        set_constant(query, node, &flat);
    }
    evaluator_deinit(&evaluator);
}

static Status compile_children(Query *query, const Expr *expr, ExprNode *node, Error *err) {
    node->args = ARENA_NEW_ARRAY(&query->arena, ExprNode *, expr->arg_count + 1);
    node->arg_count = expr->arg_count;
    for (int i = 0; i < expr->arg_count; i++) {
        TRY(compile(query, expr->args[i], &node->args[i], err));
        node->may_raise |= node->args[i]->may_raise;
    }
    return STATUS_OK;
}

static Status compile_inner(Query *query, const Expr *expr, ExprNode *node, Error *err) {
    TRY(compile_children(query, expr, node, err));
    if (expr->kind == EXPR_CALL || expr->kind == EXPR_CAST || expr->kind == EXPR_NULLIF) {
        node->function = expr->function;
        if (!node->function && expr->kind != EXPR_NULLIF)
            return error_set(err, SQLSTATE_INTERNAL, "a call without a function reached the executor");
        if (node->function) {
            TRY(bind_again(query, expr, node, err));
            node->may_raise |= function_may_raise(node);
        }
    }
    if (expr->kind == EXPR_IN_LIST) TRY(in_set_build(query, node, &node->set, err));
    node->cache_slot = query->cache_slot_count++;
    if (expr->kind == EXPR_CALL) compare_resolve(node);
    fold(query, node);
    return STATUS_OK;
}

static Status compile(Query *query, const Expr *expr, ExprNode **out, Error *err) {
    ExprNode *node = ARENA_NEW(&query->arena, ExprNode);
    *out = node;
    node->kind = expr->kind;
    node->type = expr->type;
    node->position = expr->position;
    node->column = -1;
    switch (expr->kind) {
    case EXPR_COLUMN: node->column = expr->column; return STATUS_OK;
    case EXPR_CONSTANT: set_constant(query, node, expr->constant); return STATUS_OK;
    case EXPR_PARAM:
        if (expr->param < 0 || expr->param >= query->plan->param_count)
            return error_set_at(err, "42P02", expr->position, "there is no parameter $%d", expr->param + 1);
        set_constant(query, node, &query->params[expr->param]);
        return STATUS_OK;
    default: return compile_inner(query, expr, node, err);
    }
}

Status program_compile(Query *query, const Expr *expr, Program **out, Error *err) {
    Program *program = ARENA_NEW(&query->arena, Program);
    TRY(compile(query, expr, &program->root, err));
    *out = program;
    return STATUS_OK;
}

Status programs_compile(Query *query, Expr *const *exprs, int count, Program ***out, Error *err) {
    Program **programs = ARENA_NEW_ARRAY(&query->arena, Program *, count + 1);
    for (int i = 0; i < count; i++)
        TRY(program_compile(query, exprs[i], &programs[i], err));
    *out = programs;
    return STATUS_OK;
}

static void narrow_calls(ExprNode *node) {
    if (node->kind != EXPR_CALL || node->is_constant || !node->function->narrows) return;
    node->narrow = true;
    for (int i = 0; i < node->arg_count; i++)
        narrow_calls(node->args[i]);
}

void program_narrow(Program *program) {
    narrow_calls(program->root);
}

SqlType program_type(const Program *program) {
    return program->root->type;
}
const Vector *program_constant(const Program *program) {
    return program->root->is_constant ? &program->root->constant : NULL;
}
int program_column(const Program *program) {
    return program->root->kind == EXPR_COLUMN ? program->root->column : -1;
}
bool program_may_raise(const Program *program) {
    return program->root->may_raise;
}

/* ---- conjunct order --------------------------------------------------------------------------------------
 */

void conjunct_order_init(ConjunctOrder *order, Program *const *programs, int count) {
    memset(order, 0, sizeof *order);
    order->count = count < 64 ? count : 64;
    order->total = count;
    int placed = 0;
    for (int raising = 0; raising <= 1; raising++)
        for (int i = 0; i < order->count; i++)
            if (program_may_raise(programs[i]) == (bool)raising) order->order[placed++] = i;
    for (int i = 0; i < order->count; i++)
        order->pass_rate[i] = 0.5;
}

/* Cheapest per row removed first (cost / (1 - pass rate)); only what cannot raise moves. */
void conjunct_order_update(ConjunctOrder *order, Program *const *programs) {
    for (int i = 1; i < order->count; i++) {
        int moving = order->order[i], j = i;
        if (program_may_raise(programs[moving])) break;
        double rank = order->cost_ns[moving] / fmax(1e-6, 1 - order->pass_rate[moving]);
        while (j > 0) {
            int other = order->order[j - 1];
            if (order->cost_ns[other] / fmax(1e-6, 1 - order->pass_rate[other]) <= rank) break;
            order->order[j--] = other;
        }
        order->order[j] = moving;
    }
}

Status conjuncts_filter(Evaluator *evaluator, ConjunctOrder *order, Program *const *programs,
                        const Batch *batch, const uint16_t *selection, int selected, Arena *arena,
                        uint16_t *out, int *out_count, Error *err) {
    bool measure = order->count > 1 && order->batches++ % 8 == 0;
    const uint16_t *current = selection;
    int count = selected;
    if (!order->count) {
        for (int k = 0; k < selected; k++)
            out[k] = (uint16_t)selection_row(selection, k);
    }
    for (int i = 0; i < order->count && (count || i == 0); i++) {
        int which = order->order[i], before = count;
        int64_t start = measure ? clock_now_ns() : 0;
        TRY(program_filter(evaluator, programs[which], batch, current, count, arena, out, &count, err));
        current = out;
        if (measure && before) {
            double cost = (double)(clock_now_ns() - start) / before, pass = (double)count / before;
            order->cost_ns[which] += (cost - order->cost_ns[which]) * 0.25;
            order->pass_rate[which] += (pass - order->pass_rate[which]) * 0.25;
        }
    }
    for (int i = order->count; i < order->total && count; i++)
        TRY(program_filter(evaluator, programs[i], batch, current, count, arena, out, &count, err));
    if (measure) conjunct_order_update(order, programs);
    *out_count = count;
    return STATUS_OK;
}
