/* Expressions whose arguments run only for the rows that need them, and the tests on NULL and truth. */
#include "engines/columnar/exec/expression_internal.h"

typedef struct OpenRows {
    uint16_t *rows;
    int count;
} OpenRows;

static OpenRows open_rows(EvalContext *context, const uint16_t *selection, int selected) {
    OpenRows open = {arena_alloc(context->arena, sizeof(uint16_t) * (size_t)(selected + 1)), selected};
    for (int k = 0; k < selected; k++)
        open.rows[k] = (uint16_t)selection_row(selection, k);
    return open;
}

/* Copies src's rows of the list into the FLAT vector `out`. */
static void merge_rows(const Vector *src, const uint16_t *rows, int count, int batch_rows, Vector *out,
                       Arena *arena) {
    size_t width = physical_width((PhysicalType)out->physical);
    const char *values = src->encoding == VECTOR_DICTIONARY ? src->dictionary->values : src->values;
    char *into = out->values;
    for (int k = 0; k < count; k++) {
        size_t row = rows[k];
        if (vector_is_null(src, (int)row)) {
            bitmap_clear(vector_make_validity(out, batch_rows, arena), row);
            continue;
        }
        if (src->encoding == VECTOR_SEQUENCE) {
            ((int64_t *)out->values)[row] = src->sequence_start + (int64_t)row * src->sequence_step;
            continue;
        }
        size_t from = src->encoding == VECTOR_CONSTANT     ? 0
                      : src->encoding == VECTOR_DICTIONARY ? src->codes[row]
                                                           : row;
        memcpy(into + row * width, values + from * width, width);
    }
}

static void init_result(EvalContext *context, const ExprNode *node, Vector *out) {
    int rows = context->batch->row_count;
    vector_init_flat(out, node->type, rows > 0 ? rows : 1, context->arena);
    memset(out->values, 0, (size_t)(rows > 0 ? rows : 1) * physical_width((PhysicalType)out->physical));
}

/* AND: `decides` is false, OR: true. A row is closed by its first deciding argument; NULL leaves it open. */
static Status evaluate_logic(EvalContext *context, const ExprNode *node, const uint16_t *selection,
                             int selected, Vector *out, Error *err) {
    bool decides = node->kind == EXPR_OR;
    int rows = context->batch->row_count;
    init_result(context, node, out);
    uint8_t *values = out->values, *null_seen = arena_zalloc(context->arena, (size_t)rows + 1);
    OpenRows open = open_rows(context, selection, selected);
    for (int k = 0; k < open.count; k++)
        values[open.rows[k]] = !decides;
    for (int i = 0; i < node->arg_count && open.count; i++) {
        Vector arg;
        TRY(expr_evaluate(context, node->args[i], open.rows, open.count, &arg, err));
        int left = 0;
        for (int k = 0; k < open.count; k++) {
            uint16_t row = open.rows[k];
            bool null = vector_is_null(&arg, row);
            bool closed = !null && vector_bool_is_true(&arg, row) == decides;
            null_seen[row] |= null;
            if (closed) values[row] = decides, null_seen[row] = 0;
            open.rows[left] = row;
            left += !closed;
        }
        open.count = left;
    }
    for (int k = 0; k < open.count; k++)
        if (null_seen[open.rows[k]])
            bitmap_clear(vector_make_validity(out, rows, context->arena), open.rows[k]);
    return STATUS_OK;
}

static Status evaluate_case(EvalContext *context, const ExprNode *node, const uint16_t *selection,
                            int selected, Vector *out, Error *err) {
    init_result(context, node, out);
    int rows = context->batch->row_count;
    OpenRows open = open_rows(context, selection, selected);
    uint16_t *taken = arena_alloc(context->arena, sizeof *taken * (size_t)(selected + 1));
    Vector value;
    for (int i = 0; i + 1 < node->arg_count && open.count; i += 2) {
        int count, left = 0, next = 0;
        TRY(expr_filter(context, node->args[i], open.rows, open.count, taken, &count, err));
        if (count) {
            TRY(expr_evaluate(context, node->args[i + 1], taken, count, &value, err));
            merge_rows(&value, taken, count, rows, out, context->arena);
        }
        for (int k = 0; k < open.count; k++) {
            if (next < count && taken[next] == open.rows[k])
                next++;
            else
                open.rows[left++] = open.rows[k];
        }
        open.count = left;
    }
    if (!open.count || node->arg_count % 2 == 0) {
        for (int k = 0; k < open.count; k++)
            bitmap_clear(vector_make_validity(out, rows, context->arena), open.rows[k]);
        return STATUS_OK;
    }
    TRY(expr_evaluate(context, node->args[node->arg_count - 1], open.rows, open.count, &value, err));
    merge_rows(&value, open.rows, open.count, rows, out, context->arena);
    return STATUS_OK;
}

static Status evaluate_coalesce(EvalContext *context, const ExprNode *node, const uint16_t *selection,
                                int selected, Vector *out, Error *err) {
    int rows = context->batch->row_count;
    Vector value;
    TRY(expr_evaluate(context, node->args[0], selection, selected, &value, err));
    if (!value.validity) {
        *out = value;
        return STATUS_OK;
    }
    init_result(context, node, out);
    OpenRows open = open_rows(context, selection, selected);
    uint16_t *taken = arena_alloc(context->arena, sizeof *taken * (size_t)(selected + 1));
    for (int i = 0; i < node->arg_count && open.count; i++) {
        int left = 0, count = 0;
        if (i) TRY(expr_evaluate(context, node->args[i], open.rows, open.count, &value, err));
        for (int k = 0; k < open.count; k++) {
            if (vector_is_null(&value, open.rows[k]))
                open.rows[left++] = open.rows[k];
            else
                taken[count++] = open.rows[k];
        }
        merge_rows(&value, taken, count, rows, out, context->arena);
        open.count = left;
    }
    for (int k = 0; k < open.count; k++)
        bitmap_clear(vector_make_validity(out, rows, context->arena), open.rows[k]);
    return STATUS_OK;
}

/* Equality as in IS NOT DISTINCT FROM: one byte per selected row. */
static uint8_t *equal_rows(EvalContext *context, const Vector *left, const Vector *right,
                           const uint16_t *selection, int selected) {
    KeyLayout layout;
    Arena *arena = context->arena;
    SqlType type = key_common_type(left->type, right->type);
    key_layout_init(&layout, &type, 1, false, arena);
    uint64_t *a = arena_alloc(arena, (size_t)selected * layout.words * 8 + 8);
    uint64_t *b = arena_alloc(arena, (size_t)selected * layout.words * 8 + 8);
    uint8_t *equal = arena_alloc(arena, (size_t)selected + 1);
    keys_encode(&layout, left, selection, selected, a, NULL);
    keys_encode(&layout, right, selection, selected, b, NULL);
    for (int k = 0; k < selected; k++)
        equal[k] = keys_equal(&layout, a + (size_t)k * layout.words, b + (size_t)k * layout.words);
    return equal;
}

/* Two arguments: IS [NOT] DISTINCT FROM, NULLIF. */
static Status evaluate_pair(EvalContext *context, const ExprNode *node, const uint16_t *selection,
                            int selected, Vector *out, Error *err) {
    Vector left, right;
    int rows = context->batch->row_count;
    TRY(expr_evaluate(context, node->args[0], selection, selected, &left, err));
    TRY(expr_evaluate(context, node->args[1], selection, selected, &right, err));
    SqlType common = key_common_type(left.type, right.type);
    if (!key_types_meet(common, left.type) || !key_types_meet(common, right.type))
        return error_set_at(err, SQLSTATE_INTERNAL, node->position,
                            "a comparison of mixed types reached the executor");
    uint8_t *equal = equal_rows(context, &left, &right, selection, selected);
    init_result(context, node, out);
    if (node->kind != EXPR_NULLIF) {
        for (int k = 0; k < selected; k++)
            ((uint8_t *)out->values)[selection_row(selection, k)] =
                equal[k] == (node->kind == EXPR_IS_NOT_DISTINCT);
        return STATUS_OK;
    }
    OpenRows open = open_rows(context, selection, selected);
    merge_rows(&left, open.rows, open.count, rows, out, context->arena);
    for (int k = 0; k < selected; k++)
        if (equal[k])
            bitmap_clear(vector_make_validity(out, rows, context->arena),
                         (size_t)selection_row(selection, k));
    return STATUS_OK;
}

static Status evaluate_test(EvalContext *context, const ExprNode *node, const uint16_t *selection,
                            int selected, Vector *out, Error *err) {
    Vector arg;
    TRY(expr_evaluate(context, node->args[0], selection, selected, &arg, err));
    init_result(context, node, out);
    uint8_t *values = out->values;
    for (int k = 0; k < selected; k++) {
        int row = selection_row(selection, k);
        bool null = vector_is_null(&arg, row);
        switch (node->kind) {
        case EXPR_IS_NULL: values[row] = null; break;
        case EXPR_IS_NOT_NULL: values[row] = !null; break;
        case EXPR_IS_TRUE: values[row] = vector_bool_is_true(&arg, row); break;
        case EXPR_IS_NOT_TRUE: values[row] = !vector_bool_is_true(&arg, row); break;
        case EXPR_IS_FALSE: values[row] = !null && !vector_bool_is_true(&arg, row); break;
        case EXPR_IS_NOT_FALSE: values[row] = null || vector_bool_is_true(&arg, row); break;
        default: /* NOT */
            values[row] = !null && !vector_bool_is_true(&arg, row);
            if (null)
                bitmap_clear(vector_make_validity(out, context->batch->row_count, context->arena),
                             (size_t)row);
        }
    }
    return STATUS_OK;
}

Status expr_evaluate_lazy(EvalContext *context, const ExprNode *node, const uint16_t *selection, int selected,
                          Vector *out, Error *err) {
    switch (node->kind) {
    case EXPR_AND:
    case EXPR_OR: return evaluate_logic(context, node, selection, selected, out, err);
    case EXPR_CASE: return evaluate_case(context, node, selection, selected, out, err);
    case EXPR_COALESCE: return evaluate_coalesce(context, node, selection, selected, out, err);
    case EXPR_IS_DISTINCT:
    case EXPR_IS_NOT_DISTINCT:
    case EXPR_NULLIF: return evaluate_pair(context, node, selection, selected, out, err);
    default: return evaluate_test(context, node, selection, selected, out, err);
    }
}
