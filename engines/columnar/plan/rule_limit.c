/* Rule: LIMIT over ORDER BY keeps only the first rows while sorting; LIMIT alone stops the scan. What is
 * sorted by constants is not sorted. */
#include "engines/columnar/plan/logical.h"

/* limit + offset when both are known and small enough to be of use, else 0. */
static int64_t wanted_rows(const Rel *limit) {
    enum { MOST = 1 << 20 };
    int64_t total = 0;
    const Expr *parts[2] = {limit->limit, limit->offset};
    if (!limit->limit) return 0;
    for (int i = 0; i < 2; i++) {
        if (!parts[i]) continue;
        if (!expr_is_constant(parts[i]) || expr_is_null_constant(parts[i])) return 0;
        int64_t value = *(const int64_t *)parts[i]->constant->values;
        if (value < 0 || value > MOST) return 0;
        total += value;
    }
    return total;
}

static void limit_input(Binder *binder, Rel *rel, int64_t rows) {
    switch (rel->kind) {
    case PLAN_SORT:
        rel->sort_limit = rows;
        rel_note(binder, rel, "top-n");
        break;
    case PLAN_PROJECT: limit_input(binder, rel->inputs[0], rows); break;
    case PLAN_UNION_ALL:
        for (int i = 0; i < rel->input_count; i++)
            limit_input(binder, rel->inputs[i], rows);
        break;
    case PLAN_SCAN:
    case PLAN_FOREIGN_SCAN:
        rel->row_limit = rows;
        rel_note(binder, rel, "limit pushdown");
        break;
    default: break;
    }
}

static bool is_constant_of(const Rel *rel, const Expr *key) {
    if (expr_is_constant(key)) return true;
    if (rel->kind != PLAN_PROJECT || key->kind != EXPR_COLUMN) return false;
    for (int i = 0; i < rel->ids.count; i++)
        if (rel->ids.items[i] == key->column) return expr_is_constant(rel->exprs.items[i]);
    return false;
}

static Rel *without_constant_keys(Binder *binder, Rel *sort) {
    int kept = 0;
    for (int k = 0; k < sort->sort_key_count; k++)
        if (!is_constant_of(sort->inputs[0], sort->sort_keys[k].expr))
            sort->sort_keys[kept++] = sort->sort_keys[k];
    if (kept == sort->sort_key_count) return sort;
    sort->sort_key_count = kept;
    if (kept == 0) return sort->inputs[0];
    rel_note(binder, sort, "constant keys");
    return sort;
}

Rel *rule_limit(Binder *binder, Rel *rel) {
    for (int i = 0; i < rel->input_count; i++)
        rel->inputs[i] = rule_limit(binder, rel->inputs[i]);
    if (rel->kind == PLAN_SORT) return without_constant_keys(binder, rel);
    int64_t rows = rel->kind == PLAN_LIMIT ? wanted_rows(rel) : 0;
    if (rows > 0) limit_input(binder, rel->inputs[0], rows);
    return rel;
}
