/* Rule: aggregates of DISTINCT values become two levels of groups: below, by the groups and the values, which
 * drops repetitions in parallel and may spill; above, the same aggregates over what is left. Calls without
 * DISTINCT come along when what they give for a part can be put together: count, sum, min, max and their
 * kind; an average of integers as sum and count. */
#include "engines/columnar/plan/logical.h"

static bool is_named(const AggregateCall *call, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(call->function->name, names[i]) == 0) return true;
    return false;
}

/* f(f(part1), f(part2)) = f(all) */
static bool is_idempotent(const AggregateCall *call) {
    static const char *const NAMES[] = {"min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or"};
    return is_named(call, NAMES, sizeof NAMES / sizeof NAMES[0]);
}

static bool is_additive(const AggregateCall *call) {
    static const char *const NAMES[] = {"count", "sum"};
    if (!is_named(call, NAMES, sizeof NAMES / sizeof NAMES[0])) return false;
    SqlTypeId type = call->type.id;
    return type == SQL_INT8 || type == SQL_NUMERIC; /* exact: floats depend on the order of additions */
}

/* avg(int2), avg(int4): PostgreSQL divides the exact sum by the count as numerics, and so do we. */
static bool is_average(const AggregateCall *call) {
    return strcmp(call->function->name, "avg") == 0 && call->arg_count == 1 &&
           (call->args[0]->type.id == SQL_INT2 || call->args[0]->type.id == SQL_INT4);
}

/* Averages that stand beside a DISTINCT call become a sum and a count, divided above. */
static bool any_average(const Rel *rel) {
    for (int c = 0; c < rel->call_count; c++)
        if (is_average(&rel->calls[c]) && !rel->calls[c].distinct) return true;
    return false;
}

static bool same_args(const AggregateCall *a, const AggregateCall *b) {
    if (a->arg_count != b->arg_count) return false;
    for (int i = 0; i < a->arg_count; i++)
        if (!expr_equal(a->args[i], b->args[i])) return false;
    return true;
}

/* The DISTINCT call whose arguments all others share, or NULL when the rule does not fit. */
static const AggregateCall *shared_distinct(const Rel *rel) {
    const AggregateCall *shared = NULL;
    for (int c = 0; c < rel->call_count; c++) {
        const AggregateCall *call = &rel->calls[c];
        if (call->order_count || (call->distinct && call->filter)) return NULL;
        if (call->distinct ? shared && !same_args(shared, call)
                           : !is_idempotent(call) && !is_additive(call) && !is_average(call))
            return NULL;
        if (call->distinct && !shared) shared = call;
    }
    return shared;
}

static int copy_column(Binder *binder, const Expr *expr, const char *name) {
    int id = binder_add_column(binder, name, expr->type, true);
    if (expr->kind == EXPR_COLUMN) {
        ColumnInfo info = binder->columns[expr->column];
        info.version = NULL;
        binder->columns[id] = info;
    }
    return id;
}

/* Groups, then the shared arguments, then the parts of calls without DISTINCT. */
static Rel *inner_groups(Binder *binder, const Rel *rel, const AggregateCall *shared) {
    Arena *arena = binder->arena;
    Rel *inner = rel_new(binder, PLAN_AGGREGATE, 1);
    inner->inputs[0] = rel->inputs[0];
    for (int g = 0; g < rel->exprs.count; g++) {
        expr_list_add(arena, &inner->exprs, rel->exprs.items[g]);
        id_list_add(arena, &inner->ids,
                    copy_column(binder, rel->exprs.items[g], binder->columns[rel->ids.items[g]].name));
    }
    for (int a = 0; a < shared->arg_count; a++) {
        expr_list_add(arena, &inner->exprs, shared->args[a]);
        id_list_add(arena, &inner->ids, copy_column(binder, shared->args[a], "value"));
    }
    inner->calls = ARENA_NEW_ARRAY(arena, AggregateCall, rel->call_count + 1);
    for (int c = 0; c < rel->call_count; c++) {
        if (rel->calls[c].distinct) continue;
        inner->calls[inner->call_count++] = rel->calls[c];
        id_list_add(arena, &inner->ids,
                    binder_add_column(binder, rel->calls[c].function->name, rel->calls[c].type, true));
    }
    return inner;
}

/* One call above: over the distinct values, or putting parts together. `*result` is its value in terms of
 * `id`, the column it makes. */
static Status outer_call(Binder *binder, const Rel *rel, int which, const Rel *inner, int *part,
                         AggregateCall *call, int id, Expr **result, Error *err) {
    Arena *arena = binder->arena;
    const AggregateCall *was = &rel->calls[which];
    *call = *was;
    *result = NULL;
    if (was->distinct) {
        call->distinct = false;
        call->args = ARENA_NEW_ARRAY(arena, Expr *, was->arg_count + 1);
        for (int a = 0; a < was->arg_count; a++)
            call->args[a] = expr_column(binder, inner->ids.items[rel->exprs.count + a]);
        return STATUS_OK;
    }
    Expr *value = expr_column(binder, inner->ids.items[inner->exprs.count + (*part)++]);
    call->filter = NULL;
    if (is_idempotent(was)) {
        call->args = ARENA_NEW_ARRAY(arena, Expr *, 2);
        call->args[0] = value;
        return STATUS_OK;
    }
    TRY(resolve_aggregate(binder, "sum", &value, 1, false, 0, call, err));
    binder->columns[id].type = call->type;
    Expr *sum = expr_column(binder, id);
    TRY(coerce_exact(binder, sum, was->type, CAST_EXPLICIT, &sum, err));
    if (strcmp(was->function->name, "count") == 0) { /* of no rows: none, not NULL */
        Expr *or_none = expr_new(arena, EXPR_COALESCE, was->type, 2);
        or_none->args[0] = sum;
        or_none->args[1] = constant_int(arena, 0, was->type);
        sum = or_none;
    }
    *result = sum;
    return STATUS_OK;
}

static Status rewrite(Binder *binder, Rel **root, const AggregateCall *shared, Error *err) {
    Arena *arena = binder->arena;
    Rel *rel = *root, *inner = inner_groups(binder, rel, shared);
    Rel *outer = rel_new(binder, PLAN_AGGREGATE, 1), *project = rel_new(binder, PLAN_PROJECT, 1);
    outer->inputs[0] = inner;
    outer->calls = ARENA_NEW_ARRAY(arena, AggregateCall, rel->call_count + 1);
    outer->call_count = rel->call_count;
    bool same = true;
    for (int g = 0; g < rel->exprs.count; g++) {
        Expr *column = expr_column(binder, inner->ids.items[g]);
        expr_list_add(arena, &outer->exprs, column);
        id_list_add(arena, &outer->ids, rel->ids.items[g]);
        id_list_add(arena, &project->ids, rel->ids.items[g]);
        expr_list_add(arena, &project->exprs, expr_column(binder, rel->ids.items[g]));
    }
    int part = 0;
    for (int c = 0; c < rel->call_count; c++) {
        int id = rel->ids.items[rel->exprs.count + c], made = id;
        Expr *result = NULL;
        if (!rel->calls[c].distinct && is_additive(&rel->calls[c]))
            made = binder_add_column(binder, rel->calls[c].function->name, rel->calls[c].type, true);
        TRY(outer_call(binder, rel, c, inner, &part, &outer->calls[c], made, &result, err));
        same = same && !result;
        id_list_add(arena, &outer->ids, made);
        id_list_add(arena, &project->ids, id);
        expr_list_add(arena, &project->exprs, result ? result : expr_column(binder, id));
    }
    rel_note(binder, inner, "distinct values first");
    project->inputs[0] = outer;
    *root = same ? outer : project;
    return STATUS_OK;
}

static Status add_part(Binder *binder, Rel *rel, const char *name, const AggregateCall *average, Expr **out,
                       Error *err) {
    Expr *arg = expr_copy(binder->arena, average->args[0]);
    AggregateCall *call = &rel->calls[rel->call_count++];
    TRY(resolve_aggregate(binder, name, &arg, 1, false, arg->position, call, err));
    call->filter = average->filter ? expr_copy(binder->arena, average->filter) : NULL;
    int id = binder_add_column(binder, name, call->type, true);
    id_list_add(binder->arena, &rel->ids, id);
    return coerce_expr(binder, expr_column(binder, id), sqltype_of(SQL_NUMERIC), CAST_EXPLICIT, out, err);
}

/* The same aggregate with sums and counts in place of averages, and their quotients above it. Of no values
 * the sum is NULL, and so is the quotient: nothing is divided by zero. */
static Status split_averages(Binder *binder, const Rel *rel, Rel **project, Error *err) {
    Arena *arena = binder->arena;
    Rel *split = rel_new(binder, PLAN_AGGREGATE, 1);
    *project = rel_new(binder, PLAN_PROJECT, 1);
    (*project)->inputs[0] = split;
    (*project)->ids = rel->ids;
    split->inputs[0] = rel->inputs[0];
    split->exprs = rel->exprs;
    split->calls = ARENA_NEW_ARRAY(arena, AggregateCall, 2 * rel->call_count);
    for (int i = 0; i < rel->ids.count; i++) {
        int id = rel->ids.items[i], c = i - rel->exprs.count;
        Expr *value = expr_column(binder, id), *sum = NULL, *count = NULL;
        if (c >= 0 && is_average(&rel->calls[c]) && !rel->calls[c].distinct) {
            TRY(add_part(binder, split, "sum", &rel->calls[c], &sum, err));
            TRY(add_part(binder, split, "count", &rel->calls[c], &count, err));
            TRY(resolve_operator(binder, "/", sum, count, 0, &value, err));
            TRY(coerce_exact(binder, value, rel->calls[c].type, CAST_EXPLICIT, &value, err));
        } else {
            if (c >= 0) split->calls[split->call_count++] = rel->calls[c];
            id_list_add(arena, &split->ids, id);
        }
        expr_list_add(arena, &(*project)->exprs, value);
    }
    return STATUS_OK;
}

Status rule_distinct(Binder *binder, Rel **root, Error *err) {
    Rel *rel = *root;
    for (int i = 0; i < rel->input_count; i++)
        TRY(rule_distinct(binder, &rel->inputs[i], err));
    if (rel->kind != PLAN_AGGREGATE || rel->grouping_set_count || rel->grouping_call_count) return STATUS_OK;
    const AggregateCall *shared = shared_distinct(rel);
    if (!shared) return STATUS_OK;
    if (!any_average(rel)) return rewrite(binder, root, shared, err);
    TRY(split_averages(binder, rel, root, err));
    return rewrite(binder, &(*root)->inputs[0], shared, err);
}
