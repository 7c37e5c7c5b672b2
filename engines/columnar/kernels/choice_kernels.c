/* greatest and least: the arguments have one type (the binder sees to it); NULLs are ignored, NULL only when
 * all are. */
#include "engines/columnar/kernels/numeric_math.h"

static SqlType first_type(const SqlType *args, int arg_count) {
    SqlType type = args[0];
    for (int i = 1; i < arg_count; i++) /* numerics of different scales: each value keeps its own */
        if (type.id == SQL_NUMERIC && (args[i].precision != type.precision || args[i].scale != type.scale))
            type = sqltype_of(SQL_NUMERIC);
    return type;
}

/* The operator "<" of the type, so that its order is the one place that knows. */
static const ScalarFunction *less_than(SqlType type) {
    const ScalarFunction *candidates[128];
    SqlTypeId id = type.id == SQL_VARCHAR || type.id == SQL_UNKNOWN ? SQL_TEXT : (SqlTypeId)type.id;
    int count = function_candidates("<", candidates, 128);
    for (int i = 0; i < count; i++)
        if (candidates[i]->args[0].id == id && candidates[i]->args[1].id == id) return candidates[i];
    return NULL;
}

static Status copy_value(const KernelCall *call, const Vector *from, int row, Error *err) {
    size_t width = physical_width((PhysicalType)call->out->physical);
    if (from->physical != call->out->physical)
        return numeric_store(call->out, row, numeric_rows(from, call)[kernel_index(from, row)], err);
    memcpy((char *)call->out->values + width * (size_t)row,
           (const char *)from->values + width * kernel_index(from, row), width);
    return STATUS_OK;
}

/* `better`[row]: argument `index` replaces what `out` holds. */
static Status compare_with_best(const KernelCall *call, const ScalarFunction *less, int index, bool largest,
                                uint8_t *better, Error *err) {
    Vector args[2] = {call->args[index], *call->out},
           verdict = {.type = sqltype_of(SQL_BOOL), .physical = PHYS_BOOL, .values = better};
    if (largest) {
        args[0] = *call->out;
        args[1] = call->args[index];
    }
    uint64_t *both = arena_alloc(call->arena, bitmap_bytes((size_t)call->row_count));
    bitmap_fill(both, (size_t)call->row_count);
    for (int row = 0; row < call->row_count; row++)
        if (vector_is_null(&args[0], row) || vector_is_null(&args[1], row)) bitmap_clear(both, (size_t)row);
    verdict.validity = both;
    KernelCall inner = *call;
    inner.args = args;
    inner.arg_count = 2;
    inner.out = &verdict;
    return less->eval(&inner, err);
}

KERNEL_INLINE Status extreme_of(const KernelCall *call, bool largest, Error *err) {
    const ScalarFunction *less = less_than(call->out->type);
    if (!less) return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "greatest and least of this type");
    if (call->row_count == 0) return STATUS_OK;
    uint8_t *better = arena_alloc(call->arena, (size_t)call->row_count);
    uint64_t *validity = vector_make_validity(call->out, call->row_count, call->arena);
    for (int k = 0, n = kernel_selected(call); k < n; k++) {
        int row = kernel_row(call, k);
        bitmap_assign(validity, (size_t)row, !vector_is_null(&call->args[0], row));
        if (!vector_is_null(&call->args[0], row)) TRY(copy_value(call, &call->args[0], row, err));
    }
    for (int i = 1; i < call->arg_count; i++) {
        TRY(compare_with_best(call, less, i, largest, better, err));
        for (int k = 0, n = kernel_selected(call); k < n; k++) {
            int row = kernel_row(call, k);
            if (vector_is_null(&call->args[i], row) || (bitmap_get(validity, (size_t)row) && !better[row]))
                continue;
            TRY(copy_value(call, &call->args[i], row, err));
            bitmap_set(validity, (size_t)row);
        }
    }
    return STATUS_OK;
}
static Status kernel_greatest(const KernelCall *call, Error *err) {
    return extreme_of(call, true, err);
}
static Status kernel_least(const KernelCall *call, Error *err) {
    return extreme_of(call, false, err);
}

KERNEL_INLINE Status count_rows(const KernelCall *call, bool nulls) {
    int32_t *out = call->out->values;
    for (int k = 0, n = kernel_selected(call); k < n; k++) {
        int row = kernel_row(call, k), count = 0;
        for (int i = 0; i < call->arg_count; i++)
            count += vector_is_null(&call->args[i], row) == nulls;
        out[row] = count;
    }
    return STATUS_OK;
}
static Status kernel_num_nulls(const KernelCall *call, Error *err) {
    return count_rows(call, true);
}
static Status kernel_num_nonnulls(const KernelCall *call, Error *err) {
    return count_rows(call, false);
}

static const ScalarFunction rows[] = {
    {.name = "num_nulls",
     .arg_count = 1,
     .variadic = true,
     .args = {K_ANY},
     .result = K_INT4,
     .null_on_error = true,
     .eval = kernel_num_nulls},
    {.name = "num_nonnulls",
     .arg_count = 1,
     .variadic = true,
     .args = {K_ANY},
     .result = K_INT4,
     .null_on_error = true,
     .eval = kernel_num_nonnulls},
    {.name = "greatest",
     .arg_count = 1,
     .variadic = true,
     .args = {K_ANY},
     .result_type = first_type,
     .null_on_error = true,
     .eval = kernel_greatest},
    {.name = "least",
     .arg_count = 1,
     .variadic = true,
     .args = {K_ANY},
     .result_type = first_type,
     .null_on_error = true,
     .eval = kernel_least},
};

FunctionTable choice_functions(void) {
    return KERNEL_TABLE(rows);
}
