#include "engines/columnar/kernels/json_build.h"

#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/types/record_value.h"

typedef enum JsonCategory {
    CATEGORY_BOOL,
    CATEGORY_NUMBER,
    CATEGORY_DATETIME,
    CATEGORY_TIMESTAMPTZ,
    CATEGORY_JSON,
    CATEGORY_ARRAY,
    CATEGORY_ROW,
    CATEGORY_TEXT
} JsonCategory;

static JsonCategory category_of(SqlType type) {
    if (type.is_array) return CATEGORY_ARRAY;
    switch ((SqlTypeId)type.id) {
    case SQL_BOOL: return CATEGORY_BOOL;
    case SQL_INT2:
    case SQL_INT4:
    case SQL_INT8:
    case SQL_FLOAT4:
    case SQL_FLOAT8:
    case SQL_NUMERIC: return CATEGORY_NUMBER;
    case SQL_TIMESTAMP: return CATEGORY_DATETIME;
    case SQL_TIMESTAMPTZ: return CATEGORY_TIMESTAMPTZ;
    case SQL_JSON:
    case SQL_JSONB: return CATEGORY_JSON;
    case SQL_RECORD: return CATEGORY_ROW;
    default: return CATEGORY_TEXT;
    }
}

Status json_column_init(JsonColumn *column, const KernelCall *call, const Vector *vector, int rows,
                        const uint16_t *selection, int selected, Error *err) {
    column->source = vector;
    column->category = (uint8_t)category_of(vector->type);
    if (column->category == CATEGORY_ARRAY || column->category == CATEGORY_ROW) return STATUS_OK;
    Vector source = *vector;
    if (kernel_is_constant(vector)) {
        source.encoding = VECTOR_FLAT;
        rows = 1;
        selection = NULL;
    }
    if (selection) { /* values of rows that are not asked for may be anything */
        source.validity = arena_zalloc(call->arena, bitmap_bytes((size_t)rows));
        for (int k = 0; k < selected; k++)
            if (!vector_is_null(vector, selection[k])) bitmap_set(source.validity, selection[k]);
    }
    return values_print(call, &source, rows, &column->text, err);
}

/* ---- scalars --------------------------------------------------------------------------------------------
 */

static bool is_number(const char *text, size_t length) {
    return length && (text[length - 1] >= '0' && text[length - 1] <= '9') &&
           (*text == '-' || (*text >= '0' && *text <= '9'));
}

/* 2020-01-01 10:00:00+00 is written 2020-01-01T10:00:00+00:00. */
static void append_timestamp(const char *text, size_t length, bool zone, StrBuf *out) {
    const char *space = memchr(text, ' ', length);
    if (!space) {
        json_print_string(out, text, length);
        return;
    }
    size_t end = length;
    bool before_christ = length > 3 && memcmp(text + length - 3, " BC", 3) == 0;
    if (before_christ) end -= 3;
    strbuf_append_char(out, '"');
    strbuf_append(out, text, (size_t)(space - text));
    strbuf_append_char(out, 'T');
    strbuf_append(out, space + 1, (size_t)(text + end - space - 1));
    if (zone && end > 3 && (text[end - 3] == '+' || text[end - 3] == '-')) strbuf_append(out, ":00", 3);
    if (before_christ) strbuf_append(out, " BC", 3);
    strbuf_append_char(out, '"');
}

static void append_scalar(JsonCategory category, const char *text, size_t length, bool key, StrBuf *out) {
    switch (category) {
    case CATEGORY_BOOL:
        if (key) strbuf_append_char(out, '"');
        strbuf_append_text(out, *text == 't' ? "true" : "false");
        if (key) strbuf_append_char(out, '"');
        break;
    case CATEGORY_NUMBER:
        if (!key && is_number(text, length))
            strbuf_append(out, text, length);
        else
            json_print_string(out, text, length);
        break;
    case CATEGORY_DATETIME: append_timestamp(text, length, false, out); break;
    case CATEGORY_TIMESTAMPTZ: append_timestamp(text, length, true, out); break;
    case CATEGORY_JSON: strbuf_append(out, text, length); break;
    default: json_print_string(out, text, length);
    }
}

/* ---- arrays and rows ------------------------------------------------------------------------------------
 */

static Status append_level(const JsonColumn *elements, const KernelCall *call, const ArrayValue *array,
                           int level, int *at, bool pretty, StrBuf *out, Error *err) {
    strbuf_append_char(out, '[');
    for (int i = 0; i < array->dimensions[level].length; i++) {
        if (i) strbuf_append(out, pretty ? ",\n " : ",", pretty ? 3 : 1);
        if (level + 1 < array->dimension_count)
            TRY(append_level(elements, call, array, level + 1, at, false, out, err));
        else
            TRY(json_column_append(elements, call, (*at)++, false, out, err));
    }
    strbuf_append_char(out, ']');
    return STATUS_OK;
}

static Status append_array(const KernelCall *call, const StringView *blob, bool pretty, StrBuf *out,
                           Error *err) {
    ArrayValue array;
    Vector elements;
    JsonColumn column;
    int at = 0;
    TRY(array_open(blob, &array, err));
    if (!array.dimension_count) {
        strbuf_append(out, "[]", 2);
        return STATUS_OK;
    }
    array_elements(&array, sqltype_of((SqlTypeId)array.element), call->arena, &elements);
    TRY(json_column_init(&column, call, &elements, array.count, NULL, array.count, err));
    return append_level(&column, call, &array, 0, &at, pretty, out, err);
}

static Status append_row(const KernelCall *call, const StringView *blob, bool pretty, StrBuf *out,
                         Error *err) {
    RecordValue record;
    TRY(record_open(blob, &record, err));
    strbuf_append_char(out, '{');
    for (int i = 0; i < record.field_count; i++) {
        RecordField field;
        Vector value;
        JsonColumn column;
        record_field(&record, i, &field);
        if (i) strbuf_append(out, pretty ? ",\n " : ",", pretty ? 3 : 1);
        if (field.name)
            json_print_string(out, field.name, field.name_length);
        else
            strbuf_printf(out, "\"f%d\"", i + 1);
        strbuf_append_char(out, ':');
        record_field_vector(&field, call->arena, &value);
        TRY(json_column_init(&column, call, &value, 1, NULL, 1, err));
        TRY(json_column_append(&column, call, 0, false, out, err));
    }
    strbuf_append_char(out, '}');
    return STATUS_OK;
}

Status json_column_append(const JsonColumn *column, const KernelCall *call, int row, bool pretty, StrBuf *out,
                          Error *err) {
    if (vector_is_null(column->source, row)) {
        strbuf_append_text(out, "null");
        return STATUS_OK;
    }
    size_t index = kernel_index(column->source, row);
    const StringView *blob = (const StringView *)column->source->values + index;
    if (column->category == CATEGORY_ARRAY) return append_array(call, blob, pretty, out, err);
    if (column->category == CATEGORY_ROW) return append_row(call, blob, pretty, out, err);
    const StringView *text = (const StringView *)column->text.values + index;
    append_scalar((JsonCategory)column->category, stringview_data(text), text->length, false, out);
    return STATUS_OK;
}

Status json_column_append_key(const JsonColumn *column, const KernelCall *call, int row, StrBuf *out,
                              Error *err) {
    (void)call;
    if (column->category == CATEGORY_ARRAY || column->category == CATEGORY_ROW ||
        column->category == CATEGORY_JSON)
        return error_set(err, SQLSTATE_INVALID_PARAMETER,
                         "key value must be scalar, not array, composite, or json");
    const StringView *text = (const StringView *)column->text.values + kernel_index(column->source, row);
    append_scalar((JsonCategory)column->category, stringview_data(text), text->length, true, out);
    return STATUS_OK;
}

/* ---- kernels --------------------------------------------------------------------------------------------
 */

/* The row's json text into the result; as jsonb in its canonical form. */
static Status store(const KernelCall *call, int row, StrBuf *text, StrBuf *scratch, bool binary, Error *err) {
    StringView *out = &((StringView *)call->out->values)[row];
    if (binary) {
        JsonNode *node = NULL;
        TRY(json_parse((JsonText){strbuf_text(text), text->length}, true, call->arena, &node, err));
        strbuf_reset(scratch);
        json_print(node, -1, scratch);
        text = scratch;
    }
    *out = kernel_string(call, strbuf_text(text), text->length);
    return STATUS_OK;
}

typedef Status (*RowMaker)(const KernelCall *call, const JsonColumn *columns, int row, StrBuf *out,
                           Error *err);

static Status make_rows(const KernelCall *call, RowMaker maker, bool binary, Error *err) {
    JsonColumn *columns = ARENA_NEW_ARRAY(call->arena, JsonColumn, call->arg_count + 1);
    for (int i = 0; i < call->arg_count; i++)
        TRY(json_column_init(&columns[i], call, &call->args[i], call->row_count, call->selection,
                             call->selected, err));
    StrBuf text, scratch;
    strbuf_init(&text);
    strbuf_init(&scratch);
    Status status = STATUS_OK;
    KERNEL_ROWS(call, row) {
        strbuf_reset(&text);
        status = maker(call, columns, row, &text, err);
        if (status == STATUS_OK) status = store(call, row, &text, &scratch, binary, err);
        if (status != STATUS_OK) break;
    }
    strbuf_deinit(&text);
    strbuf_deinit(&scratch);
    return status;
}

static Status value_row(const KernelCall *call, const JsonColumn *columns, int row, StrBuf *out, Error *err) {
    bool pretty = call->arg_count > 1 && KERNEL_ARG(call, 1, uint8_t, row);
    return json_column_append(&columns[0], call, row, pretty, out, err);
}

static Status array_row_of(const KernelCall *call, const JsonColumn *columns, int row, StrBuf *out,
                           Error *err) {
    strbuf_append_char(out, '[');
    for (int i = 0; i < call->arg_count; i++) {
        if (i) strbuf_append(out, ", ", 2);
        TRY(json_column_append(&columns[i], call, row, false, out, err));
    }
    strbuf_append_char(out, ']');
    return STATUS_OK;
}

static Status object_members(const KernelCall *call, const JsonColumn *columns, int row, bool binary,
                             StrBuf *out, Error *err) {
    if (call->arg_count % 2) {
        (void)error_set(err, SQLSTATE_INVALID_PARAMETER, "argument list must have even number of elements");
        return error_add_hint(err, "The arguments of %s() must consist of alternating keys and values.",
                              binary ? "jsonb_build_object" : "json_build_object");
    }
    strbuf_append_char(out, '{');
    for (int i = 0; i < call->arg_count; i += 2) {
        if (vector_is_null(&call->args[i], row)) {
            if (binary)
                return error_set(err, SQLSTATE_INVALID_PARAMETER, "argument %d: key must not be null", i + 1);
            (void)error_set(err, SQLSTATE_INVALID_PARAMETER, "argument %d cannot be null", i + 1);
            return error_add_hint(err, "Object keys should be text.");
        }
        if (i) strbuf_append(out, ", ", 2);
        TRY(json_column_append_key(&columns[i], call, row, out, err));
        strbuf_append(out, " : ", 3);
        TRY(json_column_append(&columns[i + 1], call, row, false, out, err));
    }
    strbuf_append_char(out, '}');
    return STATUS_OK;
}
static Status object_row(const KernelCall *call, const JsonColumn *columns, int row, StrBuf *out,
                         Error *err) {
    return object_members(call, columns, row, false, out, err);
}
static Status objectb_row(const KernelCall *call, const JsonColumn *columns, int row, StrBuf *out,
                          Error *err) {
    return object_members(call, columns, row, true, out, err);
}

/* json_object(text[]), json_object(keys, values) */
static Status open_texts(const KernelCall *call, int row, ArrayValue *keys, ArrayValue *values, Error *err) {
    TRY(array_open(kernel_text(call, 0, row), keys, err));
    if (call->arg_count == 2) {
        TRY(array_open(kernel_text(call, 1, row), values, err));
        if (keys->dimension_count > 1 || keys->dimension_count != values->dimension_count)
            return error_set(err, "2202E", "wrong number of array subscripts");
        if (keys->count != values->count) return error_set(err, "2202E", "mismatched array dimensions");
        return STATUS_OK;
    }
    if (keys->dimension_count == 1 && keys->count % 2)
        return error_set(err, "2202E", "array must have even number of elements");
    if (keys->dimension_count == 2 && keys->dimensions[1].length != 2)
        return error_set(err, "2202E", "array must have two columns");
    if (keys->dimension_count > 2) return error_set(err, "2202E", "wrong number of array subscripts");
    return STATUS_OK;
}

static Status texts_row(const KernelCall *call, const JsonColumn *columns, int row, StrBuf *out, Error *err) {
    (void)columns;
    ArrayValue keys, values;
    TRY(open_texts(call, row, &keys, &values, err));
    bool apart = call->arg_count == 2;
    int count = apart ? keys.count : keys.count / 2;
    strbuf_append_char(out, '{');
    for (int i = 0; i < count; i++) {
        int key_at = apart ? i : 2 * i;
        const ArrayValue *source = apart ? &values : &keys;
        int value_at = apart ? i : 2 * i + 1;
        if (array_is_null(&keys, key_at))
            return error_set(err, "22004", "null value not allowed for object key");
        StringView key = array_string(&keys, key_at), value = array_string(source, value_at);
        if (i) strbuf_append(out, ", ", 2);
        json_print_string(out, stringview_data(&key), key.length);
        strbuf_append(out, " : ", 3);
        if (array_is_null(source, value_at))
            strbuf_append_text(out, "null");
        else
            json_print_string(out, stringview_data(&value), value.length);
    }
    strbuf_append_char(out, '}');
    return STATUS_OK;
}

#define MAKER(name, maker, binary)                                                                           \
    static Status name(const KernelCall *call, Error *err) {                                                 \
        return make_rows(call, maker, binary, err);                                                          \
    }
MAKER(to_json, value_row, false)
MAKER(to_jsonb, value_row, true)
MAKER(build_array, array_row_of, false)
MAKER(build_arrayb, array_row_of, true)
MAKER(build_object, object_row, false)
MAKER(build_objectb, objectb_row, true)
MAKER(from_texts, texts_row, false)
MAKER(from_textsb, texts_row, true)

#define BUILDERS(text, function, out)                                                                        \
    {.name = text, .arg_count = 1, .variadic = true, .args = {K_ANY}, .result = out, .eval = function}, {    \
        .name = text, .arg_count = 0, .result = out, .eval = function                                        \
    }
#define K_TEXTARRAY                                                                                          \
    { .id = SQL_TEXT, .is_array = true }

static const ScalarFunction rows[] = {
    KERNEL_FN_RAISES("to_json", to_json, K_JSON, K_ANY),
    KERNEL_FN_RAISES("to_jsonb", to_jsonb, K_JSONB, K_ANY),
    KERNEL_FN_RAISES("row_to_json", to_json, K_JSON, K_(RECORD)),
    KERNEL_FN_RAISES("row_to_json", to_json, K_JSON, K_(RECORD), K_BOOL),
    KERNEL_FN_RAISES("array_to_json", to_json, K_JSON, K_ANYARRAY),
    KERNEL_FN_RAISES("array_to_json", to_json, K_JSON, K_ANYARRAY, K_BOOL),
    BUILDERS("json_build_array", build_array, K_JSON),
    BUILDERS("jsonb_build_array", build_arrayb, K_JSONB),
    BUILDERS("json_build_object", build_object, K_JSON),
    BUILDERS("jsonb_build_object", build_objectb, K_JSONB),
    KERNEL_FN_RAISES("json_object", from_texts, K_JSON, K_TEXTARRAY),
    KERNEL_FN_RAISES("json_object", from_texts, K_JSON, K_TEXTARRAY, K_TEXTARRAY),
    KERNEL_FN_RAISES("jsonb_object", from_textsb, K_JSONB, K_TEXTARRAY),
    KERNEL_FN_RAISES("jsonb_object", from_textsb, K_JSONB, K_TEXTARRAY, K_TEXTARRAY),
};

FunctionTable json_build_functions(void) {
    return KERNEL_TABLE(rows);
}
