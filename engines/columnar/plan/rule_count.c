/* Rule: counting all rows of a table is reading its metadata. */
#include "engines/columnar/plan/logical.h"

static bool counts_rows(const Binder *binder, const AggregateCall *call) {
    if (strcmp(call->function->name, "count") != 0 || call->filter || call->distinct) return false;
    return call->arg_count == 0 ||
           (call->args[0]->kind == EXPR_COLUMN && !binder->columns[call->args[0]->column].nullable) ||
           (expr_is_constant(call->args[0]) && !expr_is_null_constant(call->args[0]));
}

Rel *rule_count(Binder *binder, Rel *rel) {
    for (int i = 0; i < rel->input_count; i++)
        rel->inputs[i] = rule_count(binder, rel->inputs[i]);
    if (rel->kind != PLAN_AGGREGATE || rel->exprs.count > 0 || rel->call_count == 0 ||
        rel->grouping_call_count > 0 || rel->inputs[0]->kind != PLAN_SCAN ||
        rel->inputs[0]->predicates.count > 0)
        return rel;
    for (int c = 0; c < rel->call_count; c++)
        if (!counts_rows(binder, &rel->calls[c])) return rel;
    Rel *values = rel_new(binder, PLAN_VALUES, 0);
    values->value_row_count = 1;
    values->value_rows = ARENA_NEW_ARRAY(binder->arena, Expr **, 1);
    values->value_rows[0] = ARENA_NEW_ARRAY(binder->arena, Expr *, rel->call_count);
    for (int c = 0; c < rel->call_count; c++)
        values->value_rows[0][c] =
            constant_int(binder->arena, rel->inputs[0]->version->row_count, sqltype_of(SQL_INT8));
    values->ids = rel->ids;
    values->rows = 1;
    rel_note(binder, values, "count from metadata");
    return values;
}
