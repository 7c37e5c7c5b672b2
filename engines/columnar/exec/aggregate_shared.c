/* What calls of one aggregate have in common is computed once: whole states (sum and avg of the same values),
 * and expressions inside arguments, which become columns behind the input's. */
#include "engines/columnar/exec/aggregate_internal.h"
#include "engines/columnar/plan/logical.h"

enum { MOST_CANDIDATES = 64 };

typedef struct Candidate {
    const Expr *expr;
    int uses, nodes;
    bool any_form; /* all uses take numerics in any form */
    int column;    /* -1 = not shared */
} Candidate;

typedef struct SharedExprs {
    Arena *arena;
    int input_columns;
    Candidate candidates[MOST_CANDIDATES];
    int count;
} SharedExprs;

/* ---- states ----------------------------------------------------------------------------------------------
 */

static bool same_expr(const Expr *a, const Expr *b) {
    return a == b || (a && b && expr_equal(a, b));
}

static bool same_states(const AggregateCall *a, const AggregateCall *b) {
    const AggregateFunction *left = a->function, *right = b->function;
    if (left->update != right->update || left->update_single != right->update_single ||
        left->combine != right->combine || left->state_bytes != right->state_bytes ||
        left->init != right->init || left->loaded != right->loaded || left->ordered_set || right->ordered_set)
        return false;
    if (a->distinct || b->distinct || a->order_count || b->order_count || a->arg_count != b->arg_count ||
        !same_expr(a->filter, b->filter))
        return false;
    for (int i = 0; i < a->arg_count; i++)
        if (!expr_equal(a->args[i], b->args[i])) return false;
    return true;
}

const AggregateSlot *aggregate_same_states(const Aggregate *aggregate, const AggregateCall *call) {
    for (const AggregateSlot *slot = aggregate->calls; slot->call; slot++)
        if (slot->call != call && !slot->shared && same_states(slot->call, call)) return slot;
    return NULL;
}

/* ---- expressions -----------------------------------------------------------------------------------------
 */

static int count_nodes(const Expr *expr, bool *has_column) {
    int count = 1;
    *has_column |= expr->kind == EXPR_COLUMN;
    for (int i = 0; i < expr->arg_count; i++)
        count += count_nodes(expr->args[i], has_column);
    return count;
}

/* Functions evaluate all their arguments for all rows; CASE and its like do not. */
static bool is_eager(const Expr *expr) {
    return (expr->kind == EXPR_CALL || expr->kind == EXPR_CAST) && expr->function && expr->arg_count;
}

static Candidate *find_candidate(SharedExprs *shared, const Expr *expr) {
    for (int i = 0; i < shared->count; i++)
        if (expr_equal(shared->candidates[i].expr, expr)) return &shared->candidates[i];
    return NULL;
}

static void note_uses(SharedExprs *shared, const Expr *expr, bool any_form) {
    bool has_column = false;
    if (!is_eager(expr)) return;
    Candidate *known = find_candidate(shared, expr);
    if (known) {
        known->uses++;
        known->any_form &= any_form;
        return; /* what is inside is computed once already */
    }
    int nodes = count_nodes(expr, &has_column);
    if (!has_column || shared->count == MOST_CANDIDATES) return;
    shared->candidates[shared->count++] =
        (Candidate){.expr = expr, .uses = 1, .nodes = nodes, .any_form = any_form, .column = -1};
    for (int i = 0; i < expr->arg_count; i++)
        note_uses(shared, expr->args[i], expr->function->narrows);
}

/* The expression over the input and the shared columns. `own`: it defines such a column itself. */
static Expr *rewrite(SharedExprs *shared, const Expr *expr, bool own) {
    const Candidate *known = is_eager(expr) ? find_candidate(shared, expr) : NULL;
    Expr *copy = ARENA_NEW(shared->arena, Expr);
    if (known && known->column >= 0 && !own) {
        *copy = (Expr){
            .kind = EXPR_COLUMN, .type = expr->type, .position = expr->position, .column = known->column};
        return copy;
    }
    *copy = *expr;
    if (!is_eager(expr)) return copy;
    copy->args = ARENA_NEW_ARRAY(shared->arena, Expr *, expr->arg_count);
    for (int i = 0; i < expr->arg_count; i++)
        copy->args[i] = rewrite(shared, expr->args[i], false);
    return copy;
}

static bool takes_any_form(const AggregateCall *call) {
    return call->function->any_form && !call->distinct && !call->order_count;
}

/* Smaller ones first: what is inside another one is there before it. */
static Candidate *next_shared(SharedExprs *shared) {
    Candidate *next = NULL;
    for (int i = 0; i < shared->count; i++) {
        Candidate *candidate = &shared->candidates[i];
        if (candidate->uses > 1 && candidate->column < 0 && (!next || candidate->nodes < next->nodes))
            next = candidate;
    }
    return next;
}

static Status compile_shared(Aggregate *aggregate, Query *query, SharedExprs *shared, Error *err) {
    aggregate->shared = ARENA_NEW_ARRAY(shared->arena, Program *, shared->count + 1);
    for (Candidate *next; (next = next_shared(shared));) {
        Program **program = &aggregate->shared[aggregate->shared_count];
        next->column = shared->input_columns + aggregate->shared_count++;
        TRY(program_compile(query, rewrite(shared, next->expr, true), program, err));
        if (next->any_form) program_narrow(*program);
    }
    return STATUS_OK;
}

Status aggregate_compile_args(Aggregate *aggregate, Query *query, Error *err) {
    SharedExprs *shared = ARENA_NEW(&query->arena, SharedExprs);
    shared->arena = &query->arena;
    shared->input_columns = aggregate->node->input_count ? aggregate->node->inputs[0]->column_count : -1;
    aggregate->input_columns = shared->input_columns;
    for (int i = 0; i < aggregate->call_count; i++) {
        const AggregateSlot *slot = &aggregate->calls[i];
        /* With FILTER, arguments are evaluated for other rows. */
        if (slot->shared || slot->call->filter || shared->input_columns < 0) continue;
        for (int a = 0; a < slot->call->arg_count; a++)
            note_uses(shared, slot->call->args[a], takes_any_form(slot->call));
    }
    TRY(compile_shared(aggregate, query, shared, err));
    for (int i = 0; i < aggregate->call_count; i++) {
        AggregateSlot *slot = &aggregate->calls[i];
        Expr **args = ARENA_NEW_ARRAY(&query->arena, Expr *, slot->call->arg_count + 1);
        for (int a = 0; a < slot->call->arg_count; a++)
            args[a] = slot->call->filter ? slot->call->args[a] : rewrite(shared, slot->call->args[a], false);
        TRY(programs_compile(query, args, slot->call->arg_count, &slot->args, err));
        for (int a = 0; a < slot->call->arg_count && takes_any_form(slot->call); a++)
            program_narrow(slot->args[a]);
    }
    return STATUS_OK;
}

Status aggregate_add_shared(const Aggregate *aggregate, Chain *chain, const Batch *batch, Batch *out,
                            Error *err) {
    *out = *batch;
    if (!aggregate->shared_count) return STATUS_OK;
    if (batch->column_count != aggregate->input_columns)
        return error_set(err, SQLSTATE_INTERNAL,
                         "a batch of other columns than planned reached an aggregate");
    out->columns =
        ARENA_NEW_ARRAY(&chain->batch_arena, Vector, batch->column_count + aggregate->shared_count);
    memcpy(out->columns, batch->columns, sizeof(Vector) * (size_t)batch->column_count);
    for (int i = 0; i < aggregate->shared_count; i++) {
        TRY(program_evaluate(&chain->evaluator, aggregate->shared[i], out, &chain->batch_arena,
                             &out->columns[out->column_count], err));
        out->column_count++;
    }
    return STATUS_OK;
}
