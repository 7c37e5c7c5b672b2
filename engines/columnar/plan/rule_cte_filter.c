/* Rule: what every reader of a WITH query asks for, one way or another, is all that is computed: a condition
 * of each reader, joined by OR, goes into the query. */
#include "engines/columnar/plan/logical.h"

enum { MOST_READERS = 16 };

typedef struct Readers {
    Binder *binder;
    const CteDef *def;
    Expr *conditions[MOST_READERS]; /* in the terms of the query's own columns */
    int count;
    bool unfiltered; /* some reader wants every row */
} Readers;

static Expr *condition_of(const Readers *readers, const ExprList *predicates, const Rel *reader) {
    Binder *binder = readers->binder;
    ExprList own = {0};
    Rel columns = {.ids = reader->table_ids};
    for (int i = 0; i < predicates->count; i++) {
        const Expr *predicate = predicates->items[i];
        if (expr_reads_only(predicate, &columns) && !expr_reads_nothing(predicate) &&
            !expr_may_raise(predicate))
            expr_list_add(binder->arena, &own, expr_copy(binder->arena, predicate));
    }
    if (own.count == 0) return NULL;
    Expr **to = ARENA_NEW_ARRAY(binder->arena, Expr *, reader->table_ids.count + 1);
    for (int c = 0; c < reader->table_ids.count; c++)
        to[c] = expr_column(binder, readers->def->ids.items[c]);
    ColumnMap map = {.from = reader->table_ids.items, .to = to, .count = reader->table_ids.count};
    return expr_substitute(binder->arena, expr_and_all(binder->arena, &own), &map);
}

static void find_readers(Readers *readers, const Rel *rel, const ExprList *above) {
    if (rel->kind == PLAN_CTE && rel->cte == readers->def) {
        Expr *condition = above && !rel->working ? condition_of(readers, above, rel) : NULL;
        if (!condition || readers->count == MOST_READERS)
            readers->unfiltered = true;
        else
            readers->conditions[readers->count++] = condition;
    }
    for (int i = 0; i < rel->input_count; i++)
        find_readers(readers, rel->inputs[i], rel->kind == PLAN_FILTER ? &rel->predicates : NULL);
}

static void filter_query(Binder *binder, const Rel *root, CteDef *def) {
    Readers readers = {.binder = binder, .def = def};
    find_readers(&readers, root, NULL);
    for (CteDef *later = def->next; later; later = later->next) {
        if (!later->readers) continue;
        find_readers(&readers, later->seed, NULL);
        if (later->term) find_readers(&readers, later->term, NULL);
    }
    if (readers.unfiltered || readers.count == 0) return;
    Expr *any = readers.conditions[0];
    if (readers.count > 1) {
        any = expr_new(binder->arena, EXPR_OR, sqltype_of(SQL_BOOL), readers.count);
        for (int i = 0; i < readers.count; i++)
            any->args[i] = readers.conditions[i];
    }
    ExprList predicates = {0};
    expr_split_conjuncts(binder->arena, any, &predicates);
    def->seed = rule_pushdown(binder, rel_filter(binder, def->seed, &predicates));
    rel_note(binder, def->seed, "readers' conditions");
}

static void visit(Binder *binder, const Rel *root, CteDef *def) {
    if (!def) return;
    visit(binder, root, def->next); /* a later query's conditions reach those it reads */
    if (!def->readers) return;
    def->seed = rule_pushdown(binder, def->seed);
    if (def->term)
        def->term = rule_pushdown(binder, def->term);
    else
        filter_query(binder, root, def);
}

Rel *rule_cte_filter(Binder *binder, Rel *root) {
    bool any = false;
    for (const CteDef *def = binder->cte_defs; def; def = def->next)
        any = any || (def->readers > 0 && !def->term);
    if (!any) return root;
    root = rule_pushdown(binder, root);
    visit(binder, root, binder->cte_defs);
    return root;
}
