/* Array functions. Those that take NULL for what it is (append, remove, position ...) are not strict and look
 * at their arguments' validity themselves. */
#include "engines/columnar/kernels/array_kernels.h"

#define OUT_INT(call, row)  (((int32_t *)(call)->out->values)[row])
#define OUT_TEXT(call, row) (&((StringView *)(call)->out->values)[row])

/* ---- shape ----------------------------------------------------------------------------------------------
 */

typedef bool (*DimensionFact)(const ArrayDimension *dimension, int32_t *out);

static bool fact_length(const ArrayDimension *dimension, int32_t *out) {
    *out = dimension->length;
    return true;
}
static bool fact_lower(const ArrayDimension *dimension, int32_t *out) {
    *out = dimension->lower;
    return true;
}
static bool fact_upper(const ArrayDimension *dimension, int32_t *out) {
    *out = dimension->lower + dimension->length - 1;
    return true;
}

static Status dimension_rows(const KernelCall *call, DimensionFact fact, Error *err) {
    ArrayRows arrays;
    TRY(array_rows_open(call, 0, &arrays, err));
    KERNEL_ROWS(call, row) {
        const ArrayValue *array = array_row(&arrays, row);
        int32_t dimension = KERNEL_ARG(call, 1, int32_t, row);
        if (dimension < 1 || dimension > array->dimension_count)
            kernel_set_null(call, row);
        else
            fact(&array->dimensions[dimension - 1], &OUT_INT(call, row));
    }
    return STATUS_OK;
}
static Status array_length(const KernelCall *call, Error *err) {
    return dimension_rows(call, fact_length, err);
}
static Status array_lower(const KernelCall *call, Error *err) {
    return dimension_rows(call, fact_lower, err);
}
static Status array_upper(const KernelCall *call, Error *err) {
    return dimension_rows(call, fact_upper, err);
}

static Status array_ndims(const KernelCall *call, Error *err) {
    ArrayRows arrays;
    TRY(array_rows_open(call, 0, &arrays, err));
    KERNEL_ROWS(call, row) {
        OUT_INT(call, row) = array_row(&arrays, row)->dimension_count;
        if (!OUT_INT(call, row)) kernel_set_null(call, row);
    }
    return STATUS_OK;
}

static Status cardinality(const KernelCall *call, Error *err) {
    ArrayRows arrays;
    TRY(array_rows_open(call, 0, &arrays, err));
    KERNEL_ROWS(call, row) OUT_INT(call, row) = array_row(&arrays, row)->count;
    return STATUS_OK;
}

static Status array_dims(const KernelCall *call, Error *err) {
    ArrayRows arrays;
    TRY(array_rows_open(call, 0, &arrays, err));
    StrBuf text;
    strbuf_init(&text);
    KERNEL_ROWS(call, row) {
        const ArrayValue *array = array_row(&arrays, row);
        strbuf_reset(&text);
        for (int i = 0; i < array->dimension_count; i++)
            strbuf_printf(&text, "[%d:%d]", array->dimensions[i].lower,
                          array->dimensions[i].lower + array->dimensions[i].length - 1);
        *OUT_TEXT(call, row) = kernel_string(call, strbuf_text(&text), text.length);
        if (!array->dimension_count) kernel_set_null(call, row);
    }
    strbuf_deinit(&text);
    return STATUS_OK;
}

/* ---- longer and shorter ---------------------------------------------------------------------------------
 */

static Status open_or_empty(const KernelCall *call, int arg, int row, ArrayValue *out, Error *err) {
    memset(out, 0, sizeof *out);
    if (vector_is_null(&call->args[arg], row)) return STATUS_OK;
    return array_open(kernel_text(call, arg, row), out, err);
}

static Status add_all(ArrayBuilder *builder, const ArrayValue *array, Error *err) {
    for (int i = 0; i < array->count; i++)
        TRY(array_builder_add_element(builder, array, i, err));
    return STATUS_OK;
}

static Status one_dimensional(const ArrayValue *array, Error *err) {
    if (array->dimension_count <= 1) return STATUS_OK;
    return error_set(err, "22000", "argument must be empty or one-dimensional array");
}

static Status append_rows(const KernelCall *call, bool prepend, Error *err) {
    ArrayBuilder builder;
    array_builder_init(&builder, array_element_type(call->out->type), call->arena);
    int array_arg = prepend ? 1 : 0;
    KERNEL_ROWS(call, row) {
        ArrayValue array;
        TRY(open_or_empty(call, array_arg, row, &array, err));
        TRY(one_dimensional(&array, err));
        if (prepend) TRY(array_builder_add_row(&builder, &call->args[0], row, err));
        TRY(add_all(&builder, &array, err));
        if (!prepend) TRY(array_builder_add_row(&builder, &call->args[1], row, err));
        int32_t lower = array.dimension_count ? array.dimensions[0].lower : 1;
        ArrayDimension shape = {builder.count, lower};
        TRY(array_builder_finish_shaped(&builder, 1, &shape, call->arena, OUT_TEXT(call, row), err));
    }
    return STATUS_OK;
}
static Status array_append(const KernelCall *call, Error *err) {
    return append_rows(call, false, err);
}
static Status array_prepend(const KernelCall *call, Error *err) {
    return append_rows(call, true, err);
}

static Status cannot_concatenate(const char *detail, Error *err) {
    (void)error_set(err, "2202E", "cannot concatenate incompatible arrays");
    return error_add_detail(err, "%s", detail);
}

/* Outer dimensions may differ by one; all inner ones must agree. */
static Status joined_shape(const ArrayValue *a, const ArrayValue *b, ArrayDimension *shape, int *dimensions,
                           Error *err) {
    static const char *const INNER = "Arrays with differing element dimensions are not compatible for "
                                     "concatenation.";
    int more = a->dimension_count - b->dimension_count;
    if (more < -1 || more > 1)
        return cannot_concatenate("Arrays of different dimensions are not compatible for concatenation.",
                                  err);
    const ArrayValue *wide = more >= 0 ? a : b, *thin = more >= 0 ? b : a;
    *dimensions = wide->dimension_count;
    memcpy(shape, wide->dimensions, sizeof *shape * (size_t)wide->dimension_count);
    int shift = more ? 1 : 0;
    for (int i = shift ? 0 : 1; i < thin->dimension_count; i++)
        if (thin->dimensions[i].length != wide->dimensions[i + shift].length ||
            thin->dimensions[i].lower != wide->dimensions[i + shift].lower)
            return cannot_concatenate(more ? "Arrays with differing dimensions are not compatible for "
                                             "concatenation."
                                           : INNER,
                                      err);
    if (!more) shape[0].lower = a->dimensions[0].lower;
    shape[0].length += more ? 1 : thin->dimensions[0].length;
    return STATUS_OK;
}

static Status cat_row(const KernelCall *call, int row, ArrayBuilder *builder, Error *err) {
    bool null[2] = {vector_is_null(&call->args[0], row), vector_is_null(&call->args[1], row)};
    ArrayValue arrays[2];
    for (int i = 0; i < 2; i++)
        TRY(open_or_empty(call, i, row, &arrays[i], err));
    if (null[0] && null[1]) {
        kernel_set_null(call, row);
        return STATUS_OK;
    }
    if (null[0] || null[1] || !arrays[0].dimension_count || !arrays[1].dimension_count) {
        int kept = null[0] || (!null[1] && !arrays[0].dimension_count) ? 1 : 0;
        const ArrayValue *array = &arrays[kept];
        TRY(add_all(builder, array, err));
        return array_builder_finish_shaped(builder, array->dimension_count, array->dimensions, call->arena,
                                           OUT_TEXT(call, row), err);
    }
    ArrayDimension shape[ARRAY_MAX_DIMENSIONS];
    int dimensions = 0;
    TRY(joined_shape(&arrays[0], &arrays[1], shape, &dimensions, err));
    TRY(add_all(builder, &arrays[0], err));
    TRY(add_all(builder, &arrays[1], err));
    return array_builder_finish_shaped(builder, dimensions, shape, call->arena, OUT_TEXT(call, row), err);
}

static Status array_cat(const KernelCall *call, Error *err) {
    ArrayBuilder builder;
    array_builder_init(&builder, array_element_type(call->out->type), call->arena);
    KERNEL_ROWS(call, row) TRY(cat_row(call, row, &builder, err));
    return STATUS_OK;
}

static Status trim_array(const KernelCall *call, Error *err) {
    ArrayRows arrays;
    ArrayBuilder builder;
    TRY(array_rows_open(call, 0, &arrays, err));
    array_builder_init(&builder, array_element_type(call->out->type), call->arena);
    KERNEL_ROWS(call, row) {
        const ArrayValue *array = array_row(&arrays, row);
        int length = array->dimension_count ? array->dimensions[0].length : 0;
        int32_t cut = KERNEL_ARG(call, 1, int32_t, row);
        if (cut < 0 || cut > length)
            return error_set(err, "2202E", "number of elements to trim must be between 0 and %d", length);
        int kept = length ? array->count / length * (length - cut) : 0;
        for (int i = 0; i < kept; i++)
            TRY(array_builder_add_element(&builder, array, i, err));
        ArrayDimension shape[ARRAY_MAX_DIMENSIONS];
        for (int i = 0; i < array->dimension_count; i++)
            shape[i] = (ArrayDimension){array->dimensions[i].length, 1};
        if (length) shape[0].length = length - cut;
        TRY(array_builder_finish_shaped(&builder, kept ? array->dimension_count : 0, shape, call->arena,
                                        OUT_TEXT(call, row), err));
    }
    return STATUS_OK;
}

/* ---- searching ------------------------------------------------------------------------------------------
 */

/* The wanted value of a row in an element's physical form; false when it is NULL. */
static bool wanted_value(const KernelCall *call, int arg, int row, Numeric *out) {
    const Vector *vector = &call->args[arg];
    if (vector_is_null(vector, row)) return false;
    size_t index = kernel_index(vector, row);
    const char *value = (const char *)vector->values + index * physical_width((PhysicalType)vector->physical);
    if (vector->type.id != SQL_NUMERIC || vector->physical == PHYS_NUMERIC) {
        memcpy(out, value, physical_width((PhysicalType)vector->physical));
        return true;
    }
    memset(out, 0, sizeof *out);
    out->scale = vector->type.scale;
    if (vector->physical == PHYS_I128) {
        memcpy(&out->value, value, sizeof out->value);
    } else {
        int64_t scaled;
        memcpy(&scaled, value, sizeof scaled);
        out->value = scaled;
    }
    return true;
}

static bool element_is(const ArrayValue *array, int index, bool wanted_null, const Numeric *wanted) {
    Numeric value;
    if (array_is_null(array, index)) return wanted_null;
    if (wanted_null) return false;
    array_get(array, index, &value);
    return value_compare((SqlTypeId)array->element, (PhysicalType)array->physical, &value, wanted) == 0;
}

static Status array_position(const KernelCall *call, Error *err) {
    KERNEL_ROWS(call, row) {
        ArrayValue array;
        Numeric wanted;
        if (vector_is_null(&call->args[0], row)) {
            kernel_set_null(call, row);
            continue;
        }
        TRY(array_open(kernel_text(call, 0, row), &array, err));
        if (array.dimension_count > 1)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "searching for elements in multidimensional arrays is not supported");
        bool null = !wanted_value(call, 1, row, &wanted), found = false;
        if (array.count == 0 || (null && !array.nulls)) {
            kernel_set_null(call, row);
            continue;
        }
        if (call->arg_count > 2 && vector_is_null(&call->args[2], row))
            return error_set(err, "22004", "initial position must not be null");
        int lower = array.dimension_count ? array.dimensions[0].lower : 1;
        int64_t start = call->arg_count > 2 ? (int64_t)KERNEL_ARG(call, 2, int32_t, row) - lower : 0;
        for (int64_t i = start > 0 ? start : 0; i < array.count && !found; i++) {
            if (!element_is(&array, (int)i, null, &wanted)) continue;
            OUT_INT(call, row) = (int32_t)(i + lower);
            found = true;
        }
        if (!found) kernel_set_null(call, row);
    }
    return STATUS_OK;
}

static Status array_positions(const KernelCall *call, Error *err) {
    ArrayBuilder builder;
    array_builder_init(&builder, sqltype_of(SQL_INT4), call->arena);
    KERNEL_ROWS(call, row) {
        ArrayValue array;
        Numeric wanted;
        if (vector_is_null(&call->args[0], row)) {
            kernel_set_null(call, row);
            continue;
        }
        TRY(array_open(kernel_text(call, 0, row), &array, err));
        if (array.dimension_count > 1)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "searching for elements in multidimensional arrays is not supported");
        bool null = !wanted_value(call, 1, row, &wanted);
        for (int i = 0; i < array.count; i++) {
            int32_t position = i + array.dimensions[0].lower;
            if (element_is(&array, i, null, &wanted)) TRY(array_builder_add(&builder, &position, err));
        }
        TRY(array_builder_finish(&builder, call->arena, OUT_TEXT(call, row), err));
    }
    return STATUS_OK;
}

/* array_remove and array_replace: arguments after the first are what to look for and, maybe, what to put. */
static Status replace_rows(const KernelCall *call, bool remove, Error *err) {
    ArrayBuilder builder;
    array_builder_init(&builder, array_element_type(call->out->type), call->arena);
    KERNEL_ROWS(call, row) {
        ArrayValue array;
        Numeric wanted;
        if (vector_is_null(&call->args[0], row)) {
            kernel_set_null(call, row);
            continue;
        }
        TRY(array_open(kernel_text(call, 0, row), &array, err));
        if (remove && array.dimension_count > 1)
            return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                             "removing elements from multidimensional arrays is not supported");
        bool null = !wanted_value(call, 1, row, &wanted);
        for (int i = 0; i < array.count; i++) {
            if (!element_is(&array, i, null, &wanted))
                TRY(array_builder_add_element(&builder, &array, i, err));
            else if (!remove)
                TRY(array_builder_add_row(&builder, &call->args[2], row, err));
        }
        if (remove && builder.count) array.dimensions[0].length = builder.count;
        TRY(array_builder_finish_shaped(&builder, builder.count ? array.dimension_count : 0, array.dimensions,
                                        call->arena, OUT_TEXT(call, row), err));
    }
    return STATUS_OK;
}
static Status array_remove(const KernelCall *call, Error *err) {
    return replace_rows(call, true, err);
}
static Status array_replace(const KernelCall *call, Error *err) {
    return replace_rows(call, false, err);
}

/* ---- filling and printing -------------------------------------------------------------------------------
 */

static Status fill_bounds(const KernelCall *call, int arg, int row, const char *what, ArrayValue *out,
                          Error *err) {
    TRY(array_open(kernel_text(call, arg, row), out, err));
    if (out->dimension_count > 1) {
        (void)error_set(err, "2202E", "wrong number of array subscripts");
        return error_add_detail(err, "%s array must be one dimensional.", what);
    }
    if (out->nulls) return error_set(err, "22004", "dimension values cannot be null");
    if (out->count > ARRAY_MAX_DIMENSIONS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT,
                         "number of array dimensions (%d) exceeds the maximum allowed (%d)", out->count,
                         ARRAY_MAX_DIMENSIONS);
    return STATUS_OK;
}

static Status fill_row(const KernelCall *call, int row, ArrayBuilder *builder, Error *err) {
    ArrayValue lengths, lowers;
    ArrayDimension shape[ARRAY_MAX_DIMENSIONS];
    for (int arg = 1; arg < call->arg_count; arg++)
        if (vector_is_null(&call->args[arg], row))
            return error_set(err, "22004", "dimension array or low bound array cannot be null");
    TRY(fill_bounds(call, 1, row, "Dimension", &lengths, err));
    bool shifted = call->arg_count > 2;
    if (shifted) TRY(fill_bounds(call, 2, row, "Low bound", &lowers, err));
    if (shifted && lowers.count != lengths.count) {
        (void)error_set(err, "2202E", "wrong number of array subscripts");
        return error_add_detail(err, "Low bound array has different size than dimensions array.");
    }
    int64_t total = lengths.count ? 1 : 0;
    for (int i = 0; i < lengths.count; i++) {
        array_get(&lengths, i, &shape[i].length);
        shape[i].lower = 1;
        if (shifted) array_get(&lowers, i, &shape[i].lower);
        total = shape[i].length <= 0 ? -1 : total < 0 ? total : total * shape[i].length;
        if (shape[i].length < 0 || total > ARRAY_MAX_ELEMENTS)
            return error_set(err, SQLSTATE_PROGRAM_LIMIT, "array size exceeds the maximum allowed (%d)",
                             ARRAY_MAX_ELEMENTS);
        if (shape[i].lower > INT32_MAX - shape[i].length)
            return error_set(err, SQLSTATE_PROGRAM_LIMIT, "array lower bound is too large: %d",
                             shape[i].lower);
    }
    for (int64_t i = 0; i < total; i++)
        TRY(array_builder_add_row(builder, &call->args[0], row, err));
    return array_builder_finish_shaped(builder, total > 0 ? lengths.count : 0, shape, call->arena,
                                       OUT_TEXT(call, row), err);
}

static Status array_fill(const KernelCall *call, Error *err) {
    ArrayBuilder builder;
    array_builder_init(&builder, array_element_type(call->out->type), call->arena);
    KERNEL_ROWS(call, row) TRY(fill_row(call, row, &builder, err));
    return STATUS_OK;
}

static Status array_to_string(const KernelCall *call, Error *err) {
    ArrayRows arrays;
    Vector texts;
    TRY(array_rows_gather(call, 0, &arrays, err));
    TRY(values_print(call, &arrays.elements, arrays.element_count, &texts, err));
    StrBuf out;
    strbuf_init(&out);
    KERNEL_ROWS(call, row) {
        strbuf_reset(&out);
        if (vector_is_null(&call->args[0], row) || vector_is_null(&call->args[1], row)) {
            kernel_set_null(call, row);
            continue;
        }
        const StringView *separator = kernel_text(call, 1, row);
        bool names_null = call->arg_count > 2 && !vector_is_null(&call->args[2], row), first = true;
        for (int i = 0, count = array_row(&arrays, row)->count; i < count; i++) {
            int at = arrays.first[row] + i;
            bool null = vector_is_null(&texts, at);
            if (null && !names_null) continue;
            const StringView *text = null ? kernel_text(call, 2, row) : &((StringView *)texts.values)[at];
            if (!first) strbuf_append(&out, stringview_data(separator), separator->length);
            strbuf_append(&out, stringview_data(text), text->length);
            first = false;
        }
        *OUT_TEXT(call, row) = kernel_string(call, strbuf_text(&out), out.length);
    }
    strbuf_deinit(&out);
    return STATUS_OK;
}

#define LOOSE(text, function, out, ...)                                                                      \
    { .name = text, .arg_count = K_ARGC(__VA_ARGS__), .args = {__VA_ARGS__}, .result = out, .eval = function }
#define K_INT4ARRAY                                                                                          \
    { .id = SQL_INT4, .is_array = true }

static const ScalarFunction rows[] = {
    KERNEL_FN("array_length", array_length, K_INT4, K_ANYARRAY, K_INT4),
    KERNEL_FN("array_lower", array_lower, K_INT4, K_ANYARRAY, K_INT4),
    KERNEL_FN("array_upper", array_upper, K_INT4, K_ANYARRAY, K_INT4),
    KERNEL_FN("array_ndims", array_ndims, K_INT4, K_ANYARRAY),
    KERNEL_FN("array_dims", array_dims, K_TEXT, K_ANYARRAY),
    KERNEL_FN("cardinality", cardinality, K_INT4, K_ANYARRAY),
    LOOSE("array_append", array_append, K_ANYARRAY, K_ANYARRAY, K_ANY),
    LOOSE("array_prepend", array_prepend, K_ANYARRAY, K_ANY, K_ANYARRAY),
    LOOSE("array_cat", array_cat, K_ANYARRAY, K_ANYARRAY, K_ANYARRAY),
    LOOSE("array_position", array_position, K_INT4, K_ANYARRAY, K_ANY),
    LOOSE("array_position", array_position, K_INT4, K_ANYARRAY, K_ANY, K_INT4),
    LOOSE("array_positions", array_positions, K_INT4ARRAY, K_ANYARRAY, K_ANY),
    LOOSE("array_remove", array_remove, K_ANYARRAY, K_ANYARRAY, K_ANY),
    LOOSE("array_replace", array_replace, K_ANYARRAY, K_ANYARRAY, K_ANY, K_ANY),
    LOOSE("array_fill", array_fill, K_ANYARRAY, K_ANY, K_INT4ARRAY),
    LOOSE("array_fill", array_fill, K_ANYARRAY, K_ANY, K_INT4ARRAY, K_INT4ARRAY),
    LOOSE("array_to_string", array_to_string, K_TEXT, K_ANYARRAY, K_TEXT),
    LOOSE("array_to_string", array_to_string, K_TEXT, K_ANYARRAY, K_TEXT, K_TEXT),
    KERNEL_FN_RAISES("trim_array", trim_array, K_ANYARRAY, K_ANYARRAY, K_INT4),
};

FunctionTable array_functions(void) {
    return KERNEL_TABLE(rows);
}
