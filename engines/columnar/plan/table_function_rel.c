/* What rules and lowering do with PLAN_TABLE_FUNCTION. */
#include <math.h>

#include "engines/columnar/plan/logical.h"

void table_function_collect_ids(Arena *arena, const Rel *rel, IdList *out) {
    for (int f = 0; f < rel->table_call_count; f++)
        for (int a = 0; a < rel->table_calls[f].arg_count; a++)
            expr_collect_ids(arena, rel->table_calls[f].args[a], out);
}

static bool is_known(const TableFunctionCall *call) {
    for (int a = 0; a < call->arg_count; a++)
        if (!expr_is_constant(call->args[a])) return false;
    return true;
}

/* Rows one input row gives; exact when the arguments are constant and the function can tell. */
static double call_rows(Binder *binder, const TableFunctionCall *call) {
    static const double POSTGRESQL_GUESS = 1000;
    const TableFunction *function = call->function;
    double guess = function->estimate > 0 ? function->estimate : POSTGRESQL_GUESS;
    bool sample = function == &table_function_bernoulli || function == &table_function_system;
    if (sample && expr_is_constant(call->args[0]) && !expr_is_null_constant(call->args[0]))
        return *(const double *)call->args[0]->constant->values / 100;
    if (!function->count || !is_known(call)) return guess;
    Vector *args = ARENA_NEW_ARRAY(binder->arena, Vector, call->arg_count + 1);
    for (int a = 0; a < call->arg_count; a++) {
        args[a] = *call->args[a]->constant;
        if (vector_is_null(&args[a], 0)) return 0;
    }
    TableCall at = {.args = args,
                    .arg_count = call->arg_count,
                    .row_count = 1,
                    .arena = binder->arena,
                    .columns = call->columns,
                    .column_count = call->column_count};
    int64_t rows = 0;
    Error ignored = {0};
    return function->count(&at, &rows, &ignored) == STATUS_OK ? (double)rows : guess;
}

double table_function_rows(Binder *binder, const Rel *rel) {
    double longest = 0, input = rel->input_count ? rel->inputs[0]->rows : 1;
    int column = 0;
    for (int f = 0; f < rel->table_call_count; f++) {
        const TableFunctionCall *call = &rel->table_calls[f];
        double rows = call_rows(binder, call);
        longest = fmax(longest, rows);
        for (int c = 0; c < call->column_count; c++, column++)
            if (call->function->count && is_known(call) && column < rel->own_ids.count)
                binder->columns[rel->own_ids.items[column]].distinct = rows;
    }
    return input * (rel->keep_empty ? fmax(1, longest) : longest);
}

Status table_function_bind(Arena *arena, TableFunctionCall *call, Error *err) {
    if (!call->function->bind) return STATUS_OK;
    const Vector **constants = ARENA_NEW_ARRAY(arena, const Vector *, call->arg_count + 1);
    for (int a = 0; a < call->arg_count; a++)
        constants[a] = expr_is_constant(call->args[a]) ? call->args[a]->constant : NULL;
    return call->function->bind(constants, call->arg_count, arena, &call->bind_data, err);
}
