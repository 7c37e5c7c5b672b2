/* Rule: a WITH query with one reader stands in the reader's place, unless it is MATERIALIZED; the others are
 * computed once, and each is optimised as a tree of its own. */
#include "engines/columnar/plan/logical.h"

static void count_readers(Rel *rel) {
    if (rel->kind == PLAN_CTE && !rel->working && rel->cte->readers++ == 0) {
        count_readers(rel->cte->seed);
        if (rel->cte->term) count_readers(rel->cte->term);
    }
    for (int i = 0; i < rel->input_count; i++)
        count_readers(rel->inputs[i]);
}

static Rel *put_in_place(Binder *binder, const Rel *reader) {
    const CteDef *def = reader->cte;
    Rel *project = rel_new(binder, PLAN_PROJECT, 1);
    project->inputs[0] = def->seed;
    for (int c = 0; c < reader->table_ids.count; c++) {
        expr_list_add(binder->arena, &project->exprs, expr_column(binder, def->ids.items[c]));
        id_list_add(binder->arena, &project->ids, reader->table_ids.items[c]);
    }
    return project;
}

static Rel *replace(Binder *binder, Rel *rel, bool repeated) {
    if (rel->kind == PLAN_CTE) {
        CteDef *def = rel->cte;
        bool here = !rel->working && !repeated && !def->term && !def->materialize && def->readers == 1;
        if (!here) return rel;
        def->readers = 0;
        def->seed = replace(binder, def->seed, false);
        return put_in_place(binder, rel);
    }
    for (int i = 0; i < rel->input_count; i++)
        rel->inputs[i] = replace(binder, rel->inputs[i], repeated);
    return rel;
}

Rel *rule_cte(Binder *binder, Rel *root) {
    count_readers(root);
    root = replace(binder, root, false);
    for (CteDef *def = binder->cte_defs; def; def = def->next) {
        if (!def->readers) continue;
        def->seed = replace(binder, def->seed, false);
        if (def->term) def->term = replace(binder, def->term, true);
        def->needed = ARENA_NEW_ARRAY(binder->arena, bool, def->ids.count + 1);
        for (int c = 0; c < def->ids.count; c++)
            def->needed[c] = def->term != NULL;
    }
    return root;
}

static bool reads_working_table(const Rel *rel) {
    if (rel->kind == PLAN_CTE) return rel->working;
    for (int i = 0; i < rel->input_count; i++)
        if (reads_working_table(rel->inputs[i])) return true;
    return false;
}

void cte_probe_with_working_table(Binder *binder, Rel *rel) {
    for (int i = 0; i < rel->input_count; i++)
        cte_probe_with_working_table(binder, rel->inputs[i]);
    if (rel->kind != PLAN_JOIN || (rel->join_type != JOIN_INNER && rel->join_type != JOIN_CROSS) ||
        !reads_working_table(rel->inputs[1]) || reads_working_table(rel->inputs[0]))
        return;
    Rel *left = rel->inputs[0];
    rel->inputs[0] = rel->inputs[1];
    rel->inputs[1] = left;
    rel_refresh_ids(binder, rel);
}
