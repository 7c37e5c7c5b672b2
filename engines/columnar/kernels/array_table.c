/* unnest(array): one row per element, in storage order. Several arrays side by side are several functions,
 * which the operator puts together. */
#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/kernels/table_function.h"

typedef struct UnnestState {
    int row, element;
} UnnestState;

static Status unnest_describe(const SqlType *args, int arg_count, TableFunctionColumn *columns,
                              int *column_count, Arena *arena, Error *err) {
    (void)arg_count, (void)arena;
    if (!args[0].is_array)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED,
                         "unnest of this type is not available in the columnar engine");
    SqlType element = array_element_type(args[0]);
    if (element.id == SQL_NUMERIC) element = sqltype_of(SQL_NUMERIC);
    columns[0] = (TableFunctionColumn){"unnest", element};
    *column_count = 1;
    return STATUS_OK;
}

static Status put_element(const TableCall *call, const ArrayValue *array, int index, int at, Error *err) {
    Vector *out = &call->out[0];
    size_t width = physical_width((PhysicalType)out->physical);
    char *to = (char *)out->values + (size_t)at * width;
    if (array->physical != out->physical)
        return error_set(err, SQLSTATE_DATA_CORRUPTED, "array value is damaged");
    if (array_is_null(array, index)) {
        memset(to, 0, width);
        bitmap_clear(vector_make_validity(out, BATCH_ROWS, call->arena), (size_t)at);
        return STATUS_OK;
    }
    array_get(array, index, to);
    StringView *view = (StringView *)to;
    if (array->physical == PHYS_STRING && view->length > 12)
        view->pointer = arena_memdup(call->arena, view->pointer, view->length);
    return STATUS_OK;
}

static Status unnest_next(const TableCall *call, int *count, Error *err) {
    UnnestState *state = call->state;
    *count = 0;
    for (; state->row < call->row_count && *count < BATCH_ROWS; state->row++, state->element = 0) {
        int row = call->rows[state->row];
        const Vector *arg = &call->args[0];
        ArrayValue array;
        TRY(array_open((const StringView *)arg->values + kernel_index(arg, row), &array, err));
        for (; state->element < array.count && *count < BATCH_ROWS; state->element++, ++*count) {
            call->input_rows[*count] = (uint16_t)row;
            TRY(put_element(call, &array, state->element, *count, err));
        }
        if (state->element < array.count) break;
    }
    return STATUS_OK;
}

static const TableFunction functions[] = {
    {.name = "unnest",
     .arg_count = 1,
     .args = {K_ANYARRAY},
     .strict = true,
     .describe = unnest_describe,
     .state_bytes = sizeof(UnnestState),
     .next = unnest_next,
     .estimate = 10},
};

TableFunctionTable array_table_functions(void) {
    return (TableFunctionTable){functions, (int)(sizeof functions / sizeof functions[0])};
}
