/* Joins the tables of set-returning functions of this folder. */
#include "engines/columnar/kernels/table_function.h"

#include <string.h>

static TableFunctionTable (*const tables[])(void) = {
    series_table_functions, text_table_functions, time_series_table_functions,
    array_table_functions,  json_table_functions,
};
enum { TABLE_COUNT = sizeof tables / sizeof tables[0] };

/* ---- a scalar as a function of one row ------------------------------------------------------------------
 */

static Status scalar_next(const TableCall *call, int *count, Error *err) {
    int *at = call->state;
    const Vector *arg = &call->args[0];
    size_t width = physical_width((PhysicalType)arg->physical);
    *count = 0;
    for (; *at < call->row_count && *count < BATCH_ROWS; ++*at, ++*count) {
        int row = call->rows[*at];
        char *to = (char *)call->out->values + (size_t)*count * width;
        call->input_rows[*count] = (uint16_t)row;
        if (vector_is_null(arg, row)) {
            memset(to, 0, width);
            bitmap_clear(vector_make_validity(call->out, BATCH_ROWS, call->arena), (size_t)*count);
        } else {
            size_t index = arg->encoding == VECTOR_CONSTANT ? 0 : (size_t)row;
            memcpy(to, (const char *)arg->values + index * width, width);
        }
    }
    return STATUS_OK;
}

const TableFunction table_function_scalar = {
    .name = "scalar",
    .arg_count = 1,
    .args = {{.id = SQL_UNKNOWN}},
    .column_count = 1,
    .state_bytes = sizeof(int),
    .next = scalar_next,
    .estimate = 1,
};

/* ---- the list --------------------------------------------------------------------------------------------
 */

int table_function_candidates(const char *name, const TableFunction **out, int capacity) {
    int count = 0;
    for (size_t t = 0; t < TABLE_COUNT; t++) {
        TableFunctionTable table = tables[t]();
        for (int i = 0; i < table.count && count < capacity; i++)
            if (strcmp(table.functions[i].name, name) == 0) out[count++] = &table.functions[i];
    }
    return count;
}

int table_function_all(const TableFunction **out, int capacity) {
    int count = 0;
    for (size_t t = 0; t < TABLE_COUNT; t++) {
        TableFunctionTable table = tables[t]();
        for (int i = 0; i < table.count && count < capacity; i++)
            out[count++] = &table.functions[i];
    }
    return count;
}
