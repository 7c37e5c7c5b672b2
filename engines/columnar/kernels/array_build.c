/* ARRAY[...], subscripts and slices. */
#include "engines/columnar/kernels/array_kernels.h"

/* ---- constructors ---------------------------------------------------------------------------------------
 */

static Status make_array(const KernelCall *call, Error *err) {
    ArrayBuilder builder;
    array_builder_init(&builder, array_element_type(call->out->type), call->arena);
    KERNEL_ROWS(call, row) {
        for (int i = 0; i < call->arg_count; i++)
            TRY(array_builder_add_row(&builder, &call->args[i], row, err));
        TRY(array_builder_finish(&builder, call->arena, &((StringView *)call->out->values)[row], err));
    }
    return STATUS_OK;
}

static Status unmatched(Error *err) {
    return error_set(err, "2202E",
                     "multidimensional arrays must have array expressions with matching dimensions");
}

static bool same_dimensions(const ArrayValue *a, const ArrayValue *b) {
    if (a->dimension_count != b->dimension_count) return false;
    for (int i = 0; i < a->dimension_count; i++)
        if (a->dimensions[i].length != b->dimensions[i].length ||
            a->dimensions[i].lower != b->dimensions[i].lower)
            return false;
    return true;
}

/* Arrays of one row side by side as one of a dimension more. NULL and empty ones only among their like. */
static Status nest_row(const KernelCall *call, int row, ArrayBuilder *builder, StringView *out, Error *err) {
    ArrayValue first, array;
    int full = 0, empty = 0;
    for (int i = 0; i < call->arg_count; i++) {
        if (vector_is_null(&call->args[i], row)) {
            empty++;
            continue;
        }
        TRY(array_open(kernel_text(call, i, row), &array, err));
        if (!array.dimension_count) {
            empty++;
            continue;
        }
        if (!full++) first = array;
        if (!same_dimensions(&first, &array)) return unmatched(err);
        for (int e = 0; e < array.count; e++)
            TRY(array_builder_add_element(builder, &array, e, err));
    }
    if (full && empty) return unmatched(err);
    if (!full) return array_builder_finish(builder, call->arena, out, err);
    if (first.dimension_count >= ARRAY_MAX_DIMENSIONS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT,
                         "number of array dimensions (%d) exceeds the maximum allowed (%d)",
                         first.dimension_count + 1, ARRAY_MAX_DIMENSIONS);
    ArrayDimension shape[ARRAY_MAX_DIMENSIONS];
    shape[0] = (ArrayDimension){call->arg_count, 1};
    memcpy(shape + 1, first.dimensions, sizeof *shape * (size_t)first.dimension_count);
    return array_builder_finish_shaped(builder, first.dimension_count + 1, shape, call->arena, out, err);
}

static Status nest_arrays(const KernelCall *call, Error *err) {
    ArrayBuilder builder;
    array_builder_init(&builder, array_element_type(call->out->type), call->arena);
    KERNEL_ROWS(call, row)
    TRY(nest_row(call, row, &builder, &((StringView *)call->out->values)[row], err));
    return STATUS_OK;
}

/* ---- subscripts -----------------------------------------------------------------------------------------
 */

static int subscript_offset(const KernelCall *call, int row, const ArrayValue *array) {
    int64_t offset = 0;
    if (array->dimension_count != call->arg_count - 1) return -1;
    for (int i = 0; i < array->dimension_count; i++) {
        int64_t at = (int64_t)KERNEL_ARG(call, i + 1, int32_t, row) - array->dimensions[i].lower;
        if (at < 0 || at >= array->dimensions[i].length) return -1;
        offset = offset * array->dimensions[i].length + at;
    }
    return (int)offset;
}

/* An element into a row of `out`, whose numeric may be held scaled. */
static void put_element(const KernelCall *call, int row, const ArrayValue *array, int index) {
    size_t width = physical_width((PhysicalType)call->out->physical);
    if (array->physical == call->out->physical) {
        array_get(array, index, (char *)call->out->values + (size_t)row * width);
        if (array->physical != PHYS_STRING) return;
        StringView *view = &((StringView *)call->out->values)[row];
        if (view->length > 12) view->pointer = arena_memdup(call->arena, view->pointer, view->length);
    }
}

static Status subscript(const KernelCall *call, Error *err) {
    ArrayRows arrays;
    TRY(array_rows_open(call, 0, &arrays, err));
    size_t width = physical_width((PhysicalType)call->out->physical);
    KERNEL_ROWS(call, row) {
        const ArrayValue *array = array_row(&arrays, row);
        int index = subscript_offset(call, row, array);
        if (index < 0 || array_is_null(array, index)) {
            memset((char *)call->out->values + (size_t)row * width, 0, width);
            kernel_set_null(call, row);
        } else {
            if (array->physical != call->out->physical)
                return error_set(err, SQLSTATE_DATA_CORRUPTED, "array value is damaged");
            put_element(call, row, array, index);
        }
    }
    return STATUS_OK;
}

/* Counts through the slice like an odometer, the last subscript fastest. */
static Status slice_elements(const ArrayValue *array, const int *from, const int *lengths,
                             ArrayBuilder *builder, Error *err) {
    int at[ARRAY_MAX_DIMENSIONS] = {0}, dimensions = array->dimension_count, level = 0;
    while (level >= 0) {
        int index = 0;
        for (int i = 0; i < dimensions; i++)
            index = index * array->dimensions[i].length + from[i] + at[i];
        TRY(array_builder_add_element(builder, array, index, err));
        for (level = dimensions - 1; level >= 0 && ++at[level] == lengths[level]; level--)
            at[level] = 0;
    }
    return STATUS_OK;
}

/* Arguments: the array, a mask of the bounds left out (bit 2i: lower, 2i + 1: upper), then lower and upper of
 * each dimension. What lies beyond the array is cut off; the result counts from 1. */
static Status slice_row(const KernelCall *call, int row, const ArrayValue *array, ArrayBuilder *builder,
                        StringView *out, Error *err) {
    int given = (call->arg_count - 2) / 2;
    int32_t mask = KERNEL_ARG(call, 1, int32_t, row);
    int from[ARRAY_MAX_DIMENSIONS], lengths[ARRAY_MAX_DIMENSIONS];
    ArrayDimension shape[ARRAY_MAX_DIMENSIONS];
    bool empty = array->dimension_count < given || !array->dimension_count;
    for (int i = 0; !empty && i < array->dimension_count; i++) {
        int64_t low = array->dimensions[i].lower, high = low + array->dimensions[i].length - 1;
        if (i < given && !(mask >> (2 * i) & 1)) {
            int32_t bound = KERNEL_ARG(call, 2 + 2 * i, int32_t, row);
            low = bound > low ? bound : low;
        }
        if (i < given && !(mask >> (2 * i + 1) & 1)) {
            int32_t bound = KERNEL_ARG(call, 3 + 2 * i, int32_t, row);
            high = bound < high ? bound : high;
        }
        empty = low > high;
        from[i] = (int)(low - array->dimensions[i].lower);
        lengths[i] = (int)(high - low + 1);
        shape[i] = (ArrayDimension){empty ? 0 : lengths[i], 1};
    }
    if (empty) return array_builder_finish(builder, call->arena, out, err);
    TRY(slice_elements(array, from, lengths, builder, err));
    return array_builder_finish_shaped(builder, array->dimension_count, shape, call->arena, out, err);
}

static Status slice(const KernelCall *call, Error *err) {
    ArrayRows arrays;
    ArrayBuilder builder;
    TRY(array_rows_open(call, 0, &arrays, err));
    array_builder_init(&builder, array_element_type(call->out->type), call->arena);
    KERNEL_ROWS(call, row)
    TRY(slice_row(call, row, array_row(&arrays, row), &builder, &((StringView *)call->out->values)[row],
                  err));
    return STATUS_OK;
}

static const ScalarFunction rows[] = {
    {.name = "$array", .arg_count = 1, .variadic = true, .args = {K_ANY}, .eval = make_array},
    {.name = "$array_nest", .arg_count = 1, .variadic = true, .args = {K_ANY}, .eval = nest_arrays},
    {.name = "$subscript",
     .arg_count = 2,
     .variadic = true,
     .args = {K_ANYARRAY, K_INT4},
     .strict = true,
     .null_on_error = true,
     .eval = subscript},
    {.name = "$slice",
     .arg_count = 2,
     .variadic = true,
     .args = {K_ANYARRAY, K_INT4},
     .strict = true,
     .null_on_error = true,
     .eval = slice},
};

FunctionTable array_build_functions(void) {
    return KERNEL_TABLE(rows);
}
