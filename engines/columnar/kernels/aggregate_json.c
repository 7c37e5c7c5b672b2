/* json_agg, json_object_agg and their jsonb forms: members as text, each behind its separator; jsonb's
 * canonical form is made at the end. */
#include "engines/columnar/kernels/aggregate_text.h"
#include "engines/columnar/kernels/json_build.h"

static Status list_append(AggregateText *list, const StrBuf *text, uint32_t separator, Arena *arena,
                          Error *err) {
    TRY(aggregate_text_append(list, text->data, text->length, arena, err));
    if (!list->seen) list->first_separator = separator;
    list->seen = true;
    return STATUS_OK;
}

/* The arguments of one batch, ready to be printed. */
typedef struct JsonBatch {
    KernelCall call;
    Vector flat[2];
    JsonColumn columns[2];
    StrBuf text;
    Arena scratch;
} JsonBatch;

static Status batch_open(JsonBatch *batch, const AggregateInput *input, Error *err) {
    arena_init(&batch->scratch);
    strbuf_init(&batch->text);
    batch->call = (KernelCall){.arena = &batch->scratch,
                               .row_count = input->row_count,
                               .selection = input->selection,
                               .selected = input->selected};
    for (int a = 0; a < input->arg_count; a++) {
        batch->flat[a] = input->args[a];
        if (batch->flat[a].encoding != VECTOR_FLAT && batch->flat[a].encoding != VECTOR_CONSTANT)
            vector_flatten(&input->args[a], input->row_count, &batch->flat[a], &batch->scratch);
        TRY(json_column_init(&batch->columns[a], &batch->call, &batch->flat[a], input->row_count,
                             input->selection, input->selected, err));
    }
    return STATUS_OK;
}

static void batch_close(JsonBatch *batch) {
    strbuf_deinit(&batch->text);
    arena_deinit(&batch->scratch);
}

static Status add_row(JsonBatch *batch, AggregateText *list, const AggregateInput *input, int row,
                      Error *err) {
    const Vector *value = &input->args[input->arg_count - 1];
    uint32_t separator = 2;
    strbuf_reset(&batch->text);
    strbuf_append(&batch->text, ", ", 2);
    if (input->arg_count == 2) {
        if (vector_is_null(&input->args[0], row))
            return error_set(err, "22023", "field name must not be null");
        TRY(json_column_append_key(&batch->columns[0], &batch->call, row, &batch->text, err));
        strbuf_append(&batch->text, " : ", 3);
    } else if ((value->type.is_array || value->type.id == SQL_RECORD) && !vector_is_null(value, row)) {
        strbuf_append(&batch->text, "\n ", 2);
        separator = 4;
    }
    TRY(json_column_append(&batch->columns[input->arg_count - 1], &batch->call, row, false, &batch->text,
                           err));
    return list_append(list, &batch->text, separator, input->arena, err);
}

static Status add_rows(char *states, size_t stride, const uint32_t *groups, const AggregateInput *input,
                       Error *err) {
    JsonBatch batch;
    Status status = batch_open(&batch, input, err);
    for (int k = 0, n = input->selection ? input->selected : input->row_count; k < n && status == STATUS_OK;
         k++)
        status = add_row(&batch, (AggregateText *)(states + (groups ? stride * groups[k] : 0)), input,
                         input->selection ? input->selection[k] : k, err);
    batch_close(&batch);
    return status;
}

static Status json_update(char *states, size_t stride, const uint32_t *groups, const AggregateInput *input,
                          Error *err) {
    return add_rows(states, stride, groups, input, err);
}
static Status json_single(void *state, const AggregateInput *input, Error *err) {
    return add_rows(state, 0, NULL, input, err);
}
static Status json_combine(void *into, const void *from, Arena *arena, Error *err) {
    const AggregateText *right = from;
    if (!right->seen) return STATUS_OK;
    StrBuf text = {.data = right->data, .length = right->length}; /* only read */
    return list_append(into, &text, right->first_separator, arena, err);
}

/* Between brackets; for jsonb read again, so that keys, numbers and strings take their one form. */
static Status whole_text(const AggregateText *list, bool object, bool binary, Arena *arena, StringView *out,
                         Error *err) {
    StrBuf text, printed, *result = &text;
    strbuf_init(&text);
    strbuf_init(&printed);
    strbuf_append_text(&text, object ? "{ " : "[");
    strbuf_append(&text, list->data + list->first_separator, list->length - list->first_separator);
    strbuf_append_text(&text, object ? " }" : "]");
    Status status = STATUS_OK;
    if (binary) {
        JsonNode *node = NULL;
        status = json_parse((JsonText){text.data, text.length}, true, arena, &node, err);
        if (status == STATUS_OK) json_print(node, -1, &printed); /* the nodes point into the text */
        result = &printed;
    }
    if (status == STATUS_OK)
        *out = stringview_make(result->length > 12 ? arena_memdup(arena, result->data, result->length)
                                                   : result->data,
                               (uint32_t)result->length);
    strbuf_deinit(&text);
    strbuf_deinit(&printed);
    return status;
}

KERNEL_INLINE Status json_results(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                                  bool object, bool binary, Error *err) {
    for (int i = 0; i < count; i++) {
        const AggregateText *list = (const AggregateText *)(states + (size_t)i * stride);
        ((StringView *)out->values)[i] = stringview_make("", 0);
        if (!list->seen)
            bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
        else
            TRY(whole_text(list, object, binary, arena, (StringView *)out->values + i, err));
    }
    return STATUS_OK;
}
#define JSON_FINALIZE(name, object, binary)                                                                  \
    static Status name(const char *states, size_t stride, int count, Vector *out, Arena *arena,              \
                       Error *err) {                                                                         \
        return json_results(states, stride, count, out, arena, object, binary, err);                         \
    }
JSON_FINALIZE(json_agg_final, false, false)
JSON_FINALIZE(jsonb_agg_final, false, true)
JSON_FINALIZE(json_object_final, true, false)
JSON_FINALIZE(jsonb_object_final, true, true)

#define JSON_ROW(text, count, out, final)                                                                    \
    {                                                                                                        \
        .name = text, .arg_count = count, .args = {K_ANY, K_ANY}, .result = out,                             \
        .state_bytes = sizeof(AggregateText), .update = json_update, .update_single = json_single,           \
        .combine = json_combine, .finalize = final, .ordered = true, .holds = STATE_POINTERS                 \
    }

static const AggregateFunction rows[] = {
    JSON_ROW("json_agg", 1, K_JSON, json_agg_final),
    JSON_ROW("jsonb_agg", 1, K_JSONB, jsonb_agg_final),
    JSON_ROW("json_object_agg", 2, K_JSON, json_object_final),
    JSON_ROW("jsonb_object_agg", 2, K_JSONB, jsonb_object_final),
};

AggregateTable json_aggregates(void) {
    return (AggregateTable){rows, (int)(sizeof rows / sizeof rows[0])};
}
