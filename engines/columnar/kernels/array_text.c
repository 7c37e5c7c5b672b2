/* Casts of arrays: from text, to text, from one element type to another. */
#include "engines/columnar/kernels/array_parse.h"

/* ---- text to array --------------------------------------------------------------------------------------
 */

typedef struct RowShape {
    int first, count, dimension_count;
    ArrayDimension dimensions[ARRAY_MAX_DIMENSIONS];
} RowShape;

static Status finish_rows(const KernelCall *call, const RowShape *shapes, const Vector *elements,
                          Error *err) {
    ArrayBuilder builder;
    array_builder_init(&builder, array_element_type(call->out->type), call->arena);
    KERNEL_ROWS(call, row) {
        const RowShape *shape = &shapes[row];
        for (int i = 0; i < shape->count; i++)
            TRY(array_builder_add_row(&builder, elements, shape->first + i, err));
        TRY(array_builder_finish_shaped(&builder, shape->dimension_count, shape->dimensions, call->arena,
                                        &((StringView *)call->out->values)[row], err));
    }
    return STATUS_OK;
}

static Status text_to_array(const KernelCall *call, Error *err) {
    RowShape *shapes = arena_zalloc(call->arena, sizeof *shapes * (size_t)(call->row_count + 1));
    ArrayText parsed = {.arena = call->arena};
    KERNEL_ROWS(call, row) {
        const StringView *text = kernel_text(call, 0, row);
        RowShape *shape = &shapes[row];
        shape->first = parsed.count;
        TRY(array_text_parse(&parsed, stringview_data(text), text->length, err));
        shape->count = parsed.count - shape->first;
        shape->dimension_count = parsed.dimension_count;
        memcpy(shape->dimensions, parsed.dimensions, sizeof shape->dimensions);
    }
    Vector texts, elements;
    vector_init_flat(&texts, sqltype_of(SQL_TEXT), parsed.count, call->arena);
    if (parsed.count) memcpy(texts.values, parsed.elements, sizeof(StringView) * (size_t)parsed.count);
    for (int i = 0; i < parsed.count; i++)
        if (parsed.nulls[i]) bitmap_clear(vector_make_validity(&texts, parsed.count, call->arena), (size_t)i);
    SqlType element = array_element_type(call->out->type);
    TRY(values_cast(call, &texts, parsed.count, element, CAST_EXPLICIT, &elements, err));
    return finish_rows(call, shapes, &elements, err);
}

/* ---- array to text --------------------------------------------------------------------------------------
 */

static bool needs_quotes(const char *text, size_t length) {
    if (length == 0 || (length == 4 && strncasecmp(text, "null", 4) == 0)) return true;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '"' || c == '\\' || c == '{' || c == '}' || c == ',' || c == ' ' || (c >= '\t' && c <= '\r'))
            return true;
    }
    return false;
}

void array_quote(StrBuf *out, const char *text, size_t length) {
    if (!needs_quotes(text, length)) {
        strbuf_append(out, text, length);
        return;
    }
    strbuf_append_char(out, '"');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\') strbuf_append_char(out, '\\');
        strbuf_append_char(out, text[i]);
    }
    strbuf_append_char(out, '"');
}

static void print_level(StrBuf *out, const ArrayValue *array, int level, const Vector *texts, int *at) {
    strbuf_append_char(out, '{');
    for (int i = 0; i < array->dimensions[level].length; i++) {
        if (i) strbuf_append_char(out, ',');
        if (level + 1 < array->dimension_count) {
            print_level(out, array, level + 1, texts, at);
            continue;
        }
        int index = (*at)++;
        if (vector_is_null(texts, index)) {
            strbuf_append_text(out, "NULL");
        } else {
            const StringView *text = (const StringView *)texts->values + index;
            array_quote(out, stringview_data(text), text->length);
        }
    }
    strbuf_append_char(out, '}');
}

static void print_array(StrBuf *out, const ArrayValue *array, const Vector *texts, int first) {
    if (!array->dimension_count) {
        strbuf_append_text(out, "{}");
        return;
    }
    bool shifted = false;
    for (int i = 0; i < array->dimension_count; i++)
        shifted |= array->dimensions[i].lower != 1;
    for (int i = 0; shifted && i < array->dimension_count; i++)
        strbuf_printf(out, "[%d:%d]", array->dimensions[i].lower,
                      array->dimensions[i].lower + array->dimensions[i].length - 1);
    if (shifted) strbuf_append_char(out, '=');
    print_level(out, array, 0, texts, &first);
}

/* varchar(n) and character(n) fit the text as any other: through a cast from text. */
static Status array_to_text(const KernelCall *call, Error *err) {
    ArrayRows arrays;
    Vector texts, whole, fitted;
    TRY(array_rows_gather(call, 0, &arrays, err));
    TRY(values_print(call, &arrays.elements, arrays.element_count, &texts, err));
    vector_init_flat(&whole, sqltype_of(SQL_TEXT), call->row_count, call->arena);
    memset(whole.values, 0, sizeof(StringView) * (size_t)call->row_count);
    StrBuf out;
    strbuf_init(&out);
    KERNEL_ROWS(call, row) {
        strbuf_reset(&out);
        print_array(&out, array_row(&arrays, row), &texts, arrays.first[row]);
        ((StringView *)whole.values)[row] = kernel_string(call, strbuf_text(&out), out.length);
    }
    strbuf_deinit(&out);
    TRY(values_cast(call, &whole, call->row_count, call->out->type, CAST_EXPLICIT, &fitted, err));
    memcpy(call->out->values, fitted.values, sizeof(StringView) * (size_t)call->row_count);
    return STATUS_OK;
}

/* ---- array to array -------------------------------------------------------------------------------------
 */

static Status array_to_array(const KernelCall *call, Error *err) {
    ArrayRows arrays;
    Vector elements;
    TRY(array_rows_gather(call, 0, &arrays, err));
    TRY(values_cast(call, &arrays.elements, arrays.element_count, array_element_type(call->out->type),
                    CAST_EXPLICIT, &elements, err));
    RowShape *shapes = arena_zalloc(call->arena, sizeof *shapes * (size_t)(call->row_count + 1));
    KERNEL_ROWS(call, row) {
        const ArrayValue *array = array_row(&arrays, row);
        RowShape *shape = &shapes[row];
        shape->first = arrays.first[row];
        shape->count = array->count;
        shape->dimension_count = array->dimension_count;
        memcpy(shape->dimensions, array->dimensions, sizeof shape->dimensions);
    }
    return finish_rows(call, shapes, &elements, err);
}

#define ARRAY_CAST(kernel)                                                                                   \
    {                                                                                                        \
        .name = "cast", .arg_count = 1, .args = {K_ANYARRAY}, .result = K_ANYARRAY, .strict = true,          \
        .eval = kernel                                                                                       \
    }
static const ScalarFunction from_text = ARRAY_CAST(text_to_array);
static const ScalarFunction to_text = ARRAY_CAST(array_to_text);
static const ScalarFunction between = ARRAY_CAST(array_to_array);

static bool is_text_id(uint8_t id) {
    return id == SQL_TEXT || id == SQL_VARCHAR || id == SQL_BPCHAR || id == SQL_NAME || id == SQL_UNKNOWN;
}

const ScalarFunction *array_cast(SqlType from, SqlType to) {
    if (from.is_array && to.is_array) return &between;
    if (from.is_array) return is_text_id(to.id) ? &to_text : NULL;
    return is_text_id(from.id) ? &from_text : NULL;
}
