/* x op ANY(array), x op ALL(array): the operator over all elements of a batch, then SQL's three-valued OR or
 * AND per row. `bind_data` is the operator with what it was bound to. */
#include "engines/columnar/kernels/array_any.h"

/* The left value of each element, side by side with it. */
static void repeat_left(const KernelCall *call, const ArrayRows *arrays, const int *first, int total,
                        Vector *out) {
    const Vector *left = &call->args[0];
    *out = *left;
    if (kernel_is_constant(left)) return;
    size_t width = physical_width((PhysicalType)left->physical);
    vector_init_flat(out, left->type, total, call->arena);
    KERNEL_ROWS(call, row) {
        int count = array_row(arrays, row)->count;
        for (int i = 0; i < count; i++)
            memcpy((char *)out->values + (size_t)(first[row] + i) * width,
                   (const char *)left->values + (size_t)row * width, width);
    }
}

/* A constant array's elements are gathered once; each row wants them beside its own left value. */
static Status gather_per_row(const KernelCall *call, ArrayRows *arrays, int *first, Vector *elements,
                             int *total, Error *err) {
    TRY(array_rows_gather(call, 1, arrays, err));
    *elements = arrays->elements;
    *total = arrays->element_count;
    memcpy(first, arrays->first, sizeof *first * (size_t)call->row_count);
    if (!arrays->constant || kernel_is_constant(&call->args[0])) return STATUS_OK;
    int count = arrays->element_count;
    int64_t wanted = (int64_t)count * call->row_count;
    if (wanted > ARRAY_MAX_ELEMENTS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "the arrays of a batch have too many elements");
    size_t width = physical_width((PhysicalType)elements->physical);
    vector_init_flat(elements, arrays->elements.type, (int)wanted, call->arena);
    int at = 0;
    KERNEL_ROWS(call, row) {
        first[row] = at;
        if (count)
            memcpy((char *)elements->values + (size_t)at * width, arrays->elements.values,
                   width * (size_t)count);
        at += count;
    }
    if (arrays->elements.validity && at > 0) {
        uint64_t *validity = vector_make_validity(elements, at, call->arena);
        for (int i = 0; i < at; i++)
            if (!bitmap_get(arrays->elements.validity, (size_t)(i % count)))
                bitmap_clear(validity, (size_t)i);
    }
    *total = at;
    return STATUS_OK;
}

static Status run_operator(const KernelCall *call, const ArrayOperator *op, const Vector *left,
                           const Vector *elements, int total, Vector *out, Error *err) {
    vector_init_flat(out, sqltype_of(SQL_BOOL), total, call->arena);
    if (total) memset(out->values, 0, (size_t)total);
    for (int start = 0; start < total; start += BATCH_ROWS) {
        int rows = total - start < BATCH_ROWS ? total - start : BATCH_ROWS;
        Vector args[2] = {*left, *elements}, result = *out;
        for (int a = 0; a < 2; a++) {
            args[a].validity = NULL;
            if (!kernel_is_constant(&args[a]))
                args[a].values =
                    (char *)args[a].values + (size_t)start * physical_width((PhysicalType)args[a].physical);
        }
        result.values = (char *)out->values + start;
        result.validity = NULL;
        for (int i = 0; elements->validity && i < rows; i++)
            if (!bitmap_get(elements->validity, (size_t)(start + i)))
                bitmap_clear(vector_make_validity(&result, rows, call->arena), (size_t)i);
        args[1].validity = result.validity;
        KernelCall inner = *call;
        inner.args = args;
        inner.arg_count = 2;
        inner.row_count = inner.selected = rows;
        inner.selection = NULL;
        inner.out = &result;
        inner.bind_data = op->bind_data;
        TRY(op->function->eval(&inner, err));
        for (int i = 0; result.validity && i < rows; i++)
            if (!bitmap_get(result.validity, (size_t)i))
                bitmap_clear(vector_make_validity(out, total, call->arena), (size_t)(start + i));
    }
    return STATUS_OK;
}

static Status over_elements(const KernelCall *call, bool any, Error *err) {
    ArrayRows arrays;
    Vector left, elements, results;
    int total = 0;
    int *first = arena_zalloc(call->arena, sizeof *first * (size_t)(call->row_count + 1));
    TRY(gather_per_row(call, &arrays, first, &elements, &total, err));
    repeat_left(call, &arrays, first, total, &left);
    TRY(run_operator(call, call->bind_data, &left, &elements, total, &results, err));
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int count = array_row(&arrays, row)->count;
        bool decided = false, unknown = false;
        for (int i = 0; i < count && !decided; i++) {
            size_t at = (size_t)(first[row] + i);
            if (results.validity && !bitmap_get(results.validity, at))
                unknown = true;
            else
                decided = ((const uint8_t *)results.values)[at] == any;
        }
        out[row] = decided ? any : !any;
        if (!decided && unknown) kernel_set_null(call, row);
    }
    return STATUS_OK;
}

static Status any_element(const KernelCall *call, Error *err) {
    return over_elements(call, true, err);
}
static Status all_elements(const KernelCall *call, Error *err) {
    return over_elements(call, false, err);
}

/* Not strict in the left value alone: x = ANY('{}') is false even for NULL. */
static Status nullable_left(const KernelCall *call, bool any, Error *err) {
    ArrayRows arrays;
    TRY(array_rows_open(call, 1, &arrays, err));
    uint16_t *chosen = arena_alloc(call->arena, sizeof *chosen * (size_t)(call->row_count + 1));
    int count = 0;
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        out[row] = !any;
        if (vector_is_null(&call->args[1], row))
            kernel_set_null(call, row);
        else if (!vector_is_null(&call->args[0], row))
            chosen[count++] = (uint16_t)row;
        else if (array_row(&arrays, row)->count)
            kernel_set_null(call, row);
    }
    KernelCall inner = *call;
    Vector args[2] = {call->args[0], call->args[1]};
    inner.args = args;
    inner.selection = chosen;
    inner.selected = count;
    if (!count) return STATUS_OK;
    return any ? any_element(&inner, err) : all_elements(&inner, err);
}
static Status any_kernel(const KernelCall *call, Error *err) {
    return nullable_left(call, true, err);
}
static Status all_kernel(const KernelCall *call, Error *err) {
    return nullable_left(call, false, err);
}

static const ScalarFunction rows[] = {
    {.name = "$any", .arg_count = 2, .args = {K_ANY, K_ANYARRAY}, .result = K_BOOL, .eval = any_kernel},
    {.name = "$all", .arg_count = 2, .args = {K_ANY, K_ANYARRAY}, .result = K_BOOL, .eval = all_kernel},
};

FunctionTable array_any_functions(void) {
    return KERNEL_TABLE(rows);
}
