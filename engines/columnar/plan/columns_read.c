/* Which columns of a tree anyone reads, before rule_prune takes the others away: what nobody reads must not
 * be folded either, as folding raises what arithmetic over constants raises. Where PostgreSQL keeps columns
 * that nobody reads (set operations, DISTINCT, rows of VALUES, keys of windows), they count as read.
 * Subqueries whose value nobody reads go at once. */
#include "engines/columnar/plan/logical.h"

static Expr *mark_expr(void *read, Expr *expr) {
    if (expr->kind == EXPR_COLUMN) ((bool *)read)[expr->column] = true;
    for (int i = 0; i < expr->arg_count; i++)
        (void)mark_expr(read, expr->args[i]);
    return expr;
}

static void mark_call(AggregateCall *call, bool *read) {
    for (int a = 0; a < call->arg_count; a++)
        (void)mark_expr(read, call->args[a]);
    if (call->filter) (void)mark_expr(read, call->filter);
}

static void mark_ids(const IdList *ids, bool *read) {
    for (int i = 0; i < ids->count; i++)
        read[ids->items[i]] = true;
}

static bool any_read(const IdList *ids, const bool *read) {
    for (int i = 0; i < ids->count; i++)
        if (read[ids->items[i]]) return true;
    return false;
}

/* A subquery's value that nobody reads: the join keeps each left row once, and may go. */
static bool is_unread_join(const Rel *rel, const bool *read) {
    if (rel->kind != PLAN_JOIN || (rel->join_type != JOIN_SINGLE && rel->join_type != JOIN_MARK))
        return false;
    const IdList *left = &rel->inputs[0]->ids;
    for (int i = 0; i < rel->ids.count; i++)
        if (read[rel->ids.items[i]] && !id_list_has(left, rel->ids.items[i])) return false;
    return !any_read(&rel->inputs[1]->ids, read);
}

static void mark_window(Rel *rel, bool *read) {
    for (int k = 0; k < rel->sort_key_count; k++)
        (void)mark_expr(read, rel->sort_keys[k].expr);
    for (int w = 0; w < rel->window_count; w++) {
        WindowFrame *frame = &rel->windows[w].frame;
        if (!read[rel->own_ids.items[w]]) continue;
        mark_call(&rel->windows[w].call, read);
        if (frame->start_offset) (void)mark_expr(read, frame->start_offset);
        if (frame->end_offset) (void)mark_expr(read, frame->end_offset);
    }
}

static void mark_node(Rel *rel, bool *read) {
    switch (rel->kind) {
    case PLAN_PROJECT:
        for (int i = 0; i < rel->exprs.count; i++)
            if (read[rel->ids.items[i]]) (void)mark_expr(read, rel->exprs.items[i]);
        return;
    case PLAN_AGGREGATE:
        for (int g = 0; g < rel->exprs.count; g++)
            (void)mark_expr(read, rel->exprs.items[g]);
        for (int c = 0; c < rel->call_count; c++)
            if (read[rel->ids.items[rel->exprs.count + c]]) mark_call(&rel->calls[c], read);
        return;
    case PLAN_WINDOW: mark_window(rel, read); return;
    case PLAN_VALUES:
        if (rel->value_row_count > 1) mark_ids(&rel->ids, read);
        for (int r = 0; r < rel->value_row_count; r++)
            for (int c = 0; c < rel->ids.count; c++)
                if (read[rel->ids.items[c]]) (void)mark_expr(read, rel->value_rows[r][c]);
        return;
    case PLAN_UNION_ALL:
    case PLAN_SET_OPERATION:
        for (int i = 0; i < rel->input_count; i++)
            mark_ids(&rel->inputs[i]->ids, read);
        return;
    default: rel_each_expr(rel, mark_expr, read); return;
    }
}

static bool passes_columns_on(const Rel *rel) {
    return rel->kind == PLAN_FILTER || rel->kind == PLAN_JOIN || rel->kind == PLAN_SORT ||
           rel->kind == PLAN_LIMIT || rel->kind == PLAN_WINDOW || rel->kind == PLAN_TABLE_FUNCTION;
}

/* Readers stand above what they read, or to the right of it (LATERAL). */
static void mark(Binder *binder, Rel **slot, bool *read) {
    while (is_unread_join(*slot, read))
        *slot = (*slot)->inputs[0];
    Rel *rel = *slot;
    mark_node(rel, read);
    for (int i = rel->input_count - 1; i >= 0; i--)
        mark(binder, &rel->inputs[i], read);
    if (passes_columns_on(rel)) rel_refresh_ids(binder, rel);
}

bool *columns_read(Binder *binder, Rel **root, const IdList *output) {
    bool *read = ARENA_NEW_ARRAY(binder->arena, bool, binder->column_count + 1);
    mark_ids(output, read);
    mark(binder, root, read);
    return read;
}
