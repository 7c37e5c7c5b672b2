/* Row values: made, taken apart, compared, printed. Between two row values PostgreSQL's record_ops decide:
 * NULLs are equal and above everything (ROW(...) = ROW(...) is another thing, the binder takes it apart). */
#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/types/record_value.h"

/* `bind_data`: the fields' names, or NULL. */
static Status make_row(const KernelCall *call, Error *err) {
    KERNEL_ROWS(call, row)
    TRY(record_build(call->args, call->arg_count, call->bind_data, row, call->arena,
                     &((StringView *)call->out->values)[row], err));
    return STATUS_OK;
}

static Status get_field(const KernelCall *call, Error *err) {
    size_t width = physical_width((PhysicalType)call->out->physical);
    KERNEL_ROWS(call, row) {
        RecordValue record;
        RecordField field;
        TRY(record_open(kernel_text(call, 0, row), &record, err));
        int32_t index = KERNEL_ARG(call, 1, int32_t, row);
        char *out = (char *)call->out->values + (size_t)row * width;
        memset(out, 0, width);
        if (index < 0 || index >= record.field_count)
            return error_set(err, SQLSTATE_DATA_CORRUPTED, "row value is damaged");
        record_field(&record, index, &field);
        if (field.null) {
            kernel_set_null(call, row);
            continue;
        }
        if (field.physical != call->out->physical)
            return error_set(err, SQLSTATE_DATA_CORRUPTED, "row value is damaged");
        record_field_get(&field, out);
    }
    return STATUS_OK;
}

/* ---- order ----------------------------------------------------------------------------------------------
 */

static int compare_fields(const RecordField *a, const RecordField *b) {
    if (a->null || b->null) return (int)a->null - (int)b->null;
    Numeric left, right;
    record_field_get(a, &left);
    record_field_get(b, &right);
    if (!a->type.is_array)
        return value_compare((SqlTypeId)a->type.id, (PhysicalType)a->physical, &left, &right);
    ArrayValue arrays[2];
    StringView views[2];
    memcpy(&views[0], &left, sizeof views[0]);
    memcpy(&views[1], &right, sizeof views[1]);
    if (array_open(&views[0], &arrays[0], NULL) != STATUS_OK ||
        array_open(&views[1], &arrays[1], NULL) != STATUS_OK)
        return stringview_compare(&views[0], &views[1]);
    return array_compare(&arrays[0], &arrays[1]);
}

static bool fields_match(const RecordField *a, const RecordField *b) {
    return a->type.id == b->type.id && a->type.is_array == b->type.is_array;
}

/* Rows of other shapes: the binder keeps them apart; here they only must not crash. */
int record_compare_blobs(const StringView *a, const StringView *b) {
    RecordValue left, right;
    if (record_open(a, &left, NULL) != STATUS_OK || record_open(b, &right, NULL) != STATUS_OK)
        return stringview_compare(a, b);
    int shared = left.field_count < right.field_count ? left.field_count : right.field_count;
    for (int i = 0; i < shared; i++) {
        RecordField x, y;
        record_field(&left, i, &x);
        record_field(&right, i, &y);
        if (!fields_match(&x, &y)) return x.type.id < y.type.id ? -1 : 1;
        int order = compare_fields(&x, &y);
        if (order) return order;
    }
    return (left.field_count > right.field_count) - (left.field_count < right.field_count);
}

Status order_key_record(StrBuf *out, const StringView *blob, Error *err) {
    RecordValue record;
    TRY(record_open(blob, &record, err));
    for (int i = 0; i < record.field_count; i++) {
        RecordField field;
        Numeric value;
        record_field(&record, i, &field);
        strbuf_append_char(out, field.null ? 2 : 1);
        if (field.null) continue;
        record_field_get(&field, &value);
        if (field.type.is_array) {
            StringView view;
            memcpy(&view, &value, sizeof view);
            TRY(order_key_array(out, &view, err));
        } else {
            order_key_value(out, (SqlTypeId)field.type.id, (PhysicalType)field.physical, &value);
        }
    }
    strbuf_append_char(out, 0);
    return STATUS_OK;
}

/* Both rows must have the same fields: 42804 as PostgreSQL says it. */
static Status check_shapes(const StringView *a, const StringView *b, Error *err) {
    RecordValue left, right;
    TRY(record_open(a, &left, err));
    TRY(record_open(b, &right, err));
    int shared = left.field_count < right.field_count ? left.field_count : right.field_count;
    for (int i = 0; i < shared; i++) {
        RecordField x, y;
        record_field(&left, i, &x);
        record_field(&right, i, &y);
        if (fields_match(&x, &y)) continue;
        char x_name[SQLTYPE_NAME_BYTES], y_name[SQLTYPE_NAME_BYTES];
        return error_set(err, SQLSTATE_DATATYPE_MISMATCH,
                         "cannot compare dissimilar column types %s and %s at record column %d",
                         sqltype_name(x.type, false, x_name), sqltype_name(y.type, false, y_name), i + 1);
    }
    if (left.field_count == right.field_count) return STATUS_OK;
    return error_set(err, SQLSTATE_DATATYPE_MISMATCH,
                     "cannot compare record types with different numbers of columns");
}

#define RECORD_KERNEL(name, condition)                                                                       \
    static Status record_##name(const KernelCall *call, Error *err) {                                        \
        KERNEL_ROWS(call, row) {                                                                             \
            const StringView *a = kernel_text(call, 0, row), *b = kernel_text(call, 1, row);                 \
            TRY(check_shapes(a, b, err));                                                                    \
            int order = record_compare_blobs(a, b);                                                          \
            ((uint8_t *)call->out->values)[row] = condition;                                                 \
        }                                                                                                    \
        return STATUS_OK;                                                                                    \
    }
RECORD_KERNEL(eq, order == 0)
RECORD_KERNEL(ne, order != 0)
RECORD_KERNEL(lt, order < 0)
RECORD_KERNEL(le, order <= 0)
RECORD_KERNEL(gt, order > 0)
RECORD_KERNEL(ge, order >= 0)

/* t IS NULL (every field is), t IS NOT NULL (no field is): neither is the other's opposite. */
static Status null_test(const KernelCall *call, bool want_null, Error *err) {
    KERNEL_ROWS(call, row) {
        RecordValue record;
        uint8_t *out = &((uint8_t *)call->out->values)[row];
        *out = want_null;
        if (vector_is_null(&call->args[0], row)) continue;
        TRY(record_open(kernel_text(call, 0, row), &record, err));
        *out = true;
        for (int i = 0; i < record.field_count; i++) {
            RecordField field;
            record_field(&record, i, &field);
            if (field.null != want_null) *out = false;
        }
    }
    return STATUS_OK;
}
static Status is_null(const KernelCall *call, Error *err) {
    return null_test(call, true, err);
}
static Status is_not_null(const KernelCall *call, Error *err) {
    return null_test(call, false, err);
}

/* ---- text -----------------------------------------------------------------------------------------------
 */

static bool needs_quotes(const char *text, size_t length) {
    if (length == 0) return true;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '"' || c == '\\' || c == '(' || c == ')' || c == ',' || c == ' ' || (c >= '\t' && c <= '\r'))
            return true;
    }
    return false;
}

static void quote_field(StrBuf *out, const char *text, size_t length) {
    bool quotes = needs_quotes(text, length);
    if (quotes) strbuf_append_char(out, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\') strbuf_append_char(out, text[i]);
        strbuf_append_char(out, text[i]);
    }
    if (quotes) strbuf_append_char(out, '"');
}

static Status record_to_text(const KernelCall *call, Error *err) {
    StrBuf out;
    strbuf_init(&out);
    Status status = STATUS_OK;
    KERNEL_ROWS(call, row) {
        RecordValue record;
        strbuf_reset(&out);
        status = record_open(kernel_text(call, 0, row), &record, err);
        if (status != STATUS_OK) break;
        strbuf_append_char(&out, '(');
        for (int i = 0; i < record.field_count && status == STATUS_OK; i++) {
            RecordField field;
            Vector value, text;
            record_field(&record, i, &field);
            if (i) strbuf_append_char(&out, ',');
            if (field.null) continue;
            record_field_vector(&field, call->arena, &value);
            status = values_print(call, &value, 1, &text, err);
            if (status == STATUS_OK)
                quote_field(&out, stringview_data(text.values), ((StringView *)text.values)->length);
        }
        if (status != STATUS_OK) break;
        strbuf_append_char(&out, ')');
        ((StringView *)call->out->values)[row] = kernel_string(call, strbuf_text(&out), out.length);
    }
    strbuf_deinit(&out);
    return status;
}

static const ScalarFunction rows[] = {
    {.name = "$row", .variadic = true, .args = {K_ANY}, .result = K_(RECORD), .eval = make_row},
    {.name = "$field", .arg_count = 2, .args = {K_(RECORD), K_INT4}, .strict = true, .eval = get_field},
    KERNEL_FN_RAISES("$record_eq", record_eq, K_BOOL, K_(RECORD), K_(RECORD)),
    KERNEL_FN_RAISES("$record_ne", record_ne, K_BOOL, K_(RECORD), K_(RECORD)),
    KERNEL_FN_RAISES("$record_lt", record_lt, K_BOOL, K_(RECORD), K_(RECORD)),
    KERNEL_FN_RAISES("$record_le", record_le, K_BOOL, K_(RECORD), K_(RECORD)),
    KERNEL_FN_RAISES("$record_gt", record_gt, K_BOOL, K_(RECORD), K_(RECORD)),
    KERNEL_FN_RAISES("$record_ge", record_ge, K_BOOL, K_(RECORD), K_(RECORD)),
    {.name = "$row_is_null", .arg_count = 1, .args = {K_(RECORD)}, .result = K_BOOL, .eval = is_null},
    {.name = "$row_is_not_null", .arg_count = 1, .args = {K_(RECORD)}, .result = K_BOOL, .eval = is_not_null},
};

FunctionTable record_functions(void) {
    return KERNEL_TABLE(rows);
}

static const CastEntry casts[] = {
    {.from = SQL_RECORD,
     .to = SQL_TEXT,
     .weakest = CAST_ASSIGNMENT,
     .strongest = CAST_EXPLICIT,
     .function = {.name = "cast",
                  .arg_count = 1,
                  .args = {K_(RECORD)},
                  .result = K_TEXT,
                  .strict = true,
                  .eval = record_to_text}},
};

CastTable record_casts(void) {
    return (CastTable){casts, (int)(sizeof casts / sizeof casts[0])};
}
