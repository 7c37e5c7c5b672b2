/* Rule: counting all rows of a table is reading its metadata; so is its smallest or greatest value where
 * every file tells it exactly. */
#include "engines/columnar/iceberg/table_statistics.h"
#include "engines/columnar/plan/logical.h"

static bool counts_rows(const Binder *binder, const AggregateCall *call) {
    if (strcmp(call->function->name, "count") != 0 || call->filter || call->distinct) return false;
    return call->arg_count == 0 ||
           (call->args[0]->kind == EXPR_COLUMN && !binder->columns[call->args[0]->column].nullable) ||
           (expr_is_constant(call->args[0]) && !expr_is_null_constant(call->args[0]));
}

static int compare_bounds(PhysicalType physical, const union ParquetBound *a, const union ParquetBound *b) {
    switch (physical) {
    case PHYS_F32:
    case PHYS_F64: return a->f64 < b->f64 ? -1 : a->f64 > b->f64;
    case PHYS_I128: return a->i128 < b->i128 ? -1 : a->i128 > b->i128;
    default: return a->i64 < b->i64 ? -1 : a->i64 > b->i64;
    }
}

static Expr *bound_constant(Arena *arena, SqlType type, PhysicalType physical,
                            const union ParquetBound *bound) {
    Vector *constant = ARENA_NEW(arena, Vector);
    Expr *expr = expr_new(arena, EXPR_CONSTANT, type, 0);
    int16_t narrow = (int16_t)bound->i64;
    int32_t medium = (int32_t)bound->i64;
    float real = (float)bound->f64;
    const void *value = physical == PHYS_I16    ? (const void *)&narrow
                        : physical == PHYS_I32  ? (const void *)&medium
                        : physical == PHYS_F32  ? (const void *)&real
                        : physical == PHYS_F64  ? (const void *)&bound->f64
                        : physical == PHYS_I128 ? (const void *)&bound->i128
                                                : (const void *)&bound->i64;
    vector_init_constant(constant, type, value, arena);
    expr->constant = constant;
    return expr;
}

/* min or max of a stored column; NULL when some file does not tell. */
static Expr *extreme_value(const Binder *binder, const AggregateCall *call, const Rel *scan) {
    bool max = strcmp(call->function->name, "max") == 0;
    if ((!max && strcmp(call->function->name, "min") != 0) || call->filter || call->arg_count != 1 ||
        call->args[0]->kind != EXPR_COLUMN)
        return NULL;
    const TableVersion *version = scan->version;
    int column = binder->columns[call->args[0]->column].table_column;
    if (column < 0 || column >= version->column_count || version->file_count == 0 ||
        !sqltype_equals(call->type, version->columns[column].type) ||
        !table_statistics(version)[column].tight_bounds)
        return NULL;
    PhysicalType physical = physical_type_of(call->type);
    bool numbers = physical >= PHYS_I16 && physical <= PHYS_F64;
    const union ParquetBound *best = NULL;
    for (int f = 0; numbers && f < version->file_count; f++) {
        const ParquetColumnStats *stats = version->files[f].stats ? &version->files[f].stats[column] : NULL;
        if (!stats || !stats->has_min_max || !(max ? stats->max_exact : stats->min_exact)) return NULL;
        const union ParquetBound *bound = max ? &stats->max : &stats->min;
        int order = best ? compare_bounds(physical, bound, best) : 0;
        if (!best || (max ? order > 0 : order < 0)) best = bound;
    }
    return best ? bound_constant(binder->arena, call->type, physical, best) : NULL;
}

Rel *rule_count(Binder *binder, Rel *rel) {
    for (int i = 0; i < rel->input_count; i++)
        rel->inputs[i] = rule_count(binder, rel->inputs[i]);
    if (rel->kind != PLAN_AGGREGATE || rel->exprs.count > 0 || rel->call_count == 0 ||
        rel->grouping_call_count > 0 || rel->inputs[0]->kind != PLAN_SCAN ||
        rel->inputs[0]->predicates.count > 0 || rel->inputs[0]->version->has_deletes)
        return rel;
    Expr **answers = ARENA_NEW_ARRAY(binder->arena, Expr *, rel->call_count);
    for (int c = 0; c < rel->call_count; c++) {
        answers[c] =
            counts_rows(binder, &rel->calls[c])
                ? constant_int(binder->arena, rel->inputs[0]->version->row_count, sqltype_of(SQL_INT8))
                : extreme_value(binder, &rel->calls[c], rel->inputs[0]);
        if (!answers[c]) return rel;
    }
    Rel *values = rel_new(binder, PLAN_VALUES, 0);
    values->value_row_count = 1;
    values->value_rows = ARENA_NEW_ARRAY(binder->arena, Expr **, 1);
    values->value_rows[0] = answers;
    values->ids = rel->ids;
    values->rows = 1;
    rel_note(binder, values, "answer from metadata");
    return values;
}
