/* Rule: columns nobody reads are neither computed nor read. */
#include "engines/columnar/plan/rel_window.h"

static void need_exprs(Binder *binder, const ExprList *list, IdList *needed) {
    for (int i = 0; i < list->count; i++)
        expr_collect_ids(binder->arena, list->items[i], needed);
}

static IdList copy_of(Binder *binder, const IdList *list) {
    IdList copy = {0};
    for (int i = 0; i < list->count; i++)
        id_list_add(binder->arena, &copy, list->items[i]);
    return copy;
}

static void prune_scan(Binder *binder, Rel *rel, const IdList *needed) {
    IdList kept = {0};
    for (int i = 0; i < rel->ids.count; i++)
        if (id_list_has(needed, rel->ids.items[i])) id_list_add(binder->arena, &kept, rel->ids.items[i]);
    if (kept.count < rel->ids.count) rel_note(binder, rel, "column pruning");
    rel->ids = kept;
}

static void prune_project(Binder *binder, Rel *rel, const IdList *needed) {
    IdList ids = {0}, below = {0};
    ExprList exprs = {0};
    for (int i = 0; i < rel->ids.count; i++)
        if (id_list_has(needed, rel->ids.items[i])) {
            id_list_add(binder->arena, &ids, rel->ids.items[i]);
            expr_list_add(binder->arena, &exprs, rel->exprs.items[i]);
        }
    rel->ids = ids;
    rel->exprs = exprs;
    need_exprs(binder, &exprs, &below);
    rule_prune(binder, rel->inputs[0], &below);
}

/* Without groups a call must stay, as it makes the one row: one that cannot fail. */
static int keep_one_row(Binder *binder, Rel *rel, IdList *ids) {
    Error ignored = {0};
    AggregateCall rows = {0};
    bool found = resolve_aggregate(binder, "count", NULL, 0, true, 0, &rows, &ignored) == STATUS_OK;
    if (found) rel->calls[0] = rows;
    id_list_add(binder->arena, ids,
                found ? binder_add_column(binder, "count", rows.type, false) : rel->ids.items[0]);
    return 1;
}

static void prune_aggregate(Binder *binder, Rel *rel, const IdList *needed) {
    IdList ids = {0}, below = {0};
    for (int g = 0; g < rel->exprs.count; g++)
        id_list_add(binder->arena, &ids, rel->ids.items[g]);
    int kept = 0;
    for (int c = 0; c < rel->call_count; c++) {
        int id = rel->ids.items[rel->exprs.count + c];
        if (!id_list_has(needed, id)) continue;
        id_list_add(binder->arena, &ids, id);
        rel->calls[kept++] = rel->calls[c];
    }
    int grouping_from = rel->exprs.count + rel->call_count;
    if (kept == 0 && rel->exprs.count == 0 && rel->call_count > 0) kept = keep_one_row(binder, rel, &ids);
    for (int g = 0; g < rel->grouping_call_count; g++)
        id_list_add(binder->arena, &ids, rel->ids.items[grouping_from + g]);
    rel->call_count = kept;
    rel->ids = ids;
    need_exprs(binder, &rel->exprs, &below);
    for (int c = 0; c < rel->call_count; c++) {
        for (int a = 0; a < rel->calls[c].arg_count; a++)
            expr_collect_ids(binder->arena, rel->calls[c].args[a], &below);
        if (rel->calls[c].filter) expr_collect_ids(binder->arena, rel->calls[c].filter, &below);
    }
    rule_prune(binder, rel->inputs[0], &below);
}

static void prune_union(Binder *binder, Rel *rel, const IdList *needed) {
    IdList ids = {0}, *sides = ARENA_NEW_ARRAY(binder->arena, IdList, rel->input_count);
    for (int c = 0; c < rel->ids.count; c++) {
        if (!id_list_has(needed, rel->ids.items[c])) continue;
        id_list_add(binder->arena, &ids, rel->ids.items[c]);
        for (int i = 0; i < rel->input_count; i++)
            id_list_add(binder->arena, &sides[i], rel->inputs[i]->ids.items[c]);
    }
    rel->ids = ids;
    for (int i = 0; i < rel->input_count; i++) {
        /* The side may keep more (a join does): a projection fixes what the union takes, in order. */
        Rel *project = rel_new(binder, PLAN_PROJECT, 1);
        rule_prune(binder, rel->inputs[i], &sides[i]);
        project->inputs[0] = rel->inputs[i];
        project->ids = sides[i];
        for (int c = 0; c < sides[i].count; c++)
            expr_list_add(binder->arena, &project->exprs, expr_column(binder, sides[i].items[c]));
        rel->inputs[i] = project;
    }
}

static void prune_values(Binder *binder, Rel *rel, const IdList *needed) {
    IdList ids = {0};
    for (int c = 0; c < rel->ids.count; c++) {
        if (!id_list_has(needed, rel->ids.items[c])) continue;
        for (int r = 0; r < rel->value_row_count; r++)
            rel->value_rows[r][ids.count] = rel->value_rows[r][c];
        id_list_add(binder->arena, &ids, rel->ids.items[c]);
    }
    rel->ids = ids;
}

void rule_prune(Binder *binder, Rel *rel, const IdList *needed) {
    IdList below = copy_of(binder, needed);
    switch (rel->kind) {
    case PLAN_SCAN:
    case PLAN_FOREIGN_SCAN: prune_scan(binder, rel, needed); return;
    case PLAN_CTE:
        prune_scan(binder, rel, needed);
        for (int c = 0; c < rel->table_ids.count; c++)
            if (rel_produces(rel, rel->table_ids.items[c])) rel->cte->needed[c] = true;
        return;
    case PLAN_VALUES: prune_values(binder, rel, needed); return;
    case PLAN_PROJECT: prune_project(binder, rel, needed); return;
    case PLAN_AGGREGATE: prune_aggregate(binder, rel, needed); return;
    case PLAN_WINDOW: rule_prune_window(binder, rel, needed); return;
    case PLAN_UNION_ALL: prune_union(binder, rel, needed); return;
    case PLAN_SET_OPERATION: /* every column decides what is equal */
        for (int i = 0; i < rel->input_count; i++) {
            IdList all = copy_of(binder, &rel->inputs[i]->ids);
            rule_prune(binder, rel->inputs[i], &all);
        }
        return;
    case PLAN_TABLE_FUNCTION: table_function_collect_ids(binder->arena, rel, &below); break;
    case PLAN_SORT:
        for (int k = 0; k < rel->sort_key_count; k++)
            expr_collect_ids(binder->arena, rel->sort_keys[k].expr, &below);
        break;
    default:
        need_exprs(binder, &rel->predicates, &below);
        if (rel->guard) expr_collect_ids(binder->arena, rel->guard, &below);
        break;
    }
    for (int i = 0; i < rel->input_count; i++)
        rule_prune(binder, rel->inputs[i], &below);
    rel_refresh_ids(binder, rel);
}
