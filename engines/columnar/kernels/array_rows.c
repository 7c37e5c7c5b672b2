/* Elements of a batch's arrays as one vector, kernels over them, and the texts of values. */
#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/kernels/numeric_math.h"

Status array_rows_open(const KernelCall *call, int arg, ArrayRows *out, Error *err) {
    const Vector *vector = &call->args[arg];
    memset(out, 0, sizeof *out);
    out->constant = kernel_is_constant(vector);
    out->arrays =
        arena_zalloc(call->arena, sizeof *out->arrays * (size_t)(out->constant ? 1 : call->row_count + 1));
    if (out->constant) {
        if (vector_is_null(vector, 0)) return STATUS_OK;
        return array_open(vector->values, &out->arrays[0], err);
    }
    const StringView *blobs = vector->values;
    KERNEL_ROWS(call, row) {
        if (!vector_is_null(vector, row)) TRY(array_open(&blobs[row], &out->arrays[row], err));
    }
    return STATUS_OK;
}

static void copy_elements(const ArrayValue *array, int at, Vector *out, uint64_t *validity) {
    if (array->physical == PHYS_STRING)
        for (int i = 0; i < array->count; i++)
            ((StringView *)out->values)[at + i] = array_string(array, i);
    else if (array->count)
        memcpy((char *)out->values + (size_t)at * array->width, array->values,
               (size_t)array->count * array->width);
    for (int i = 0; array->nulls && i < array->count; i++)
        if (array_is_null(array, i)) bitmap_clear(validity, (size_t)(at + i));
}

Status array_rows_gather(const KernelCall *call, int arg, ArrayRows *out, Error *err) {
    TRY(array_rows_open(call, arg, out, err));
    const Vector *vector = &call->args[arg];
    out->first = arena_zalloc(call->arena, sizeof *out->first * (size_t)(call->row_count + 1));
    SqlType element = array_element_type(vector->type);
    int64_t total = 0;
    bool nulls = false;
    const ArrayValue *any = NULL;
    KERNEL_ROWS(call, row) {
        if (vector_is_null(vector, row)) continue;
        const ArrayValue *array = array_row(out, row);
        out->first[row] = (int)total;
        if (!out->constant || !any) total += array->count;
        if (out->constant) out->first[row] = 0;
        nulls |= array->nulls != NULL;
        any = array;
        if (total > ARRAY_MAX_ELEMENTS)
            return error_set(err, SQLSTATE_PROGRAM_LIMIT, "the arrays of a batch have too many elements");
    }
    if (any && any->element != element.id) element = sqltype_of((SqlTypeId)any->element);
    if (element.id == SQL_NUMERIC) element = sqltype_of(SQL_NUMERIC);
    vector_init_flat(&out->elements, element, (int)total, call->arena);
    uint64_t *validity = nulls ? vector_make_validity(&out->elements, (int)total, call->arena) : NULL;
    out->element_count = (int)total;
    bool done = false;
    KERNEL_ROWS(call, row) {
        if (vector_is_null(vector, row) || (out->constant && done)) continue;
        const ArrayValue *array = array_row(out, row);
        if (array->element != element.id)
            return error_set(err, SQLSTATE_DATA_CORRUPTED, "array value is damaged");
        copy_elements(array, out->first[row], &out->elements, validity);
        done = true;
    }
    return STATUS_OK;
}

Status kernel_map(const KernelCall *call, const ScalarFunction *function, const Vector *in, int count,
                  SqlType to, Vector *out, Error *err) {
    vector_init_flat(out, to, count, call->arena);
    size_t in_width = physical_width((PhysicalType)in->physical),
           width = physical_width((PhysicalType)out->physical);
    if (count) memset(out->values, 0, (size_t)count * width);
    for (int start = 0; start < count; start += BATCH_ROWS) {
        int rows = count - start < BATCH_ROWS ? count - start : BATCH_ROWS;
        Vector part = *in, result = *out;
        part.values = (char *)in->values + (size_t)start * in_width;
        result.values = (char *)out->values + (size_t)start * width;
        part.validity = NULL;
        result.validity = NULL;
        bool nulls = false;
        for (int i = 0; in->validity && i < rows; i++) {
            if (bitmap_get(in->validity, (size_t)(start + i))) continue;
            bitmap_clear(vector_make_validity(&part, rows, call->arena), (size_t)i);
            nulls = true;
        }
        if (nulls && function->strict) {
            uint64_t *valid = vector_make_validity(&result, rows, call->arena);
            memcpy(valid, part.validity, bitmap_bytes((size_t)rows));
        }
        KernelCall inner = *call;
        inner.args = &part;
        inner.arg_count = 1;
        inner.row_count = inner.selected = rows;
        inner.selection = NULL;
        inner.out = &result;
        inner.bind_data = NULL;
        TRY(function->eval(&inner, err));
        for (int i = 0; result.validity && i < rows; i++)
            if (!bitmap_get(result.validity, (size_t)i))
                bitmap_clear(vector_make_validity(out, count, call->arena), (size_t)(start + i));
    }
    return STATUS_OK;
}

static bool same_values(SqlType from, SqlType to) {
    if (from.is_array != to.is_array || from.id != to.id) return false;
    if (from.is_array) return to.precision == 0;
    return to.precision == 0 || sqltype_equals(from, to);
}

Status values_cast(const KernelCall *call, const Vector *in, int count, SqlType to, CastContext context,
                   Vector *out, Error *err) {
    if (same_values(in->type, to)) {
        *out = *in;
        return STATUS_OK;
    }
    const ScalarFunction *function = cast_function(in->type, to, context);
    if (!function) {
        char from_name[SQLTYPE_NAME_BYTES], to_name[SQLTYPE_NAME_BYTES];
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "cast from %s to %s is not available in the columnar engine",
                         sqltype_name(in->type, false, from_name), sqltype_name(to, false, to_name));
    }
    if (function->result_type && to.precision == 0) {
        SqlType derived = function->result_type(&in->type, 1);
        if (derived.id == to.id) to = derived;
    }
    return kernel_map(call, function, in, count, to, out, err);
}

static Status print_bools(const KernelCall *call, const Vector *in, int count, Vector *out) {
    vector_init_flat(out, sqltype_of(SQL_TEXT), count, call->arena);
    for (int i = 0; i < count; i++)
        ((StringView *)out->values)[i] = stringview_make(((const uint8_t *)in->values)[i] ? "t" : "f", 1);
    out->validity = in->validity;
    return STATUS_OK;
}

Status values_print(const KernelCall *call, const Vector *in, int count, Vector *out, Error *err) {
    SqlType type = in->type;
    if (type.is_array) return values_cast(call, in, count, sqltype_of(SQL_TEXT), CAST_EXPLICIT, out, err);
    switch ((SqlTypeId)type.id) {
    case SQL_BOOL: return print_bools(call, in, count, out);
    case SQL_TEXT:
    case SQL_VARCHAR:
    case SQL_BPCHAR:
    case SQL_NAME:
    case SQL_JSON:
    case SQL_JSONB:
    case SQL_UNKNOWN:
    case SQL_OTHER:
        *out = *in;
        out->type = sqltype_of(SQL_TEXT);
        return STATUS_OK;
    default: return values_cast(call, in, count, sqltype_of(SQL_TEXT), CAST_EXPLICIT, out, err);
    }
}
