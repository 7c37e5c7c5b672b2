/* bool_and, bool_or, every, bit_and, bit_or, bit_xor, string_agg. */
#include "engines/columnar/kernels/aggregate_text.h"

static Status never_raised(Error *err) {
    return error_set(err, SQLSTATE_INTERNAL, "this aggregate cannot fail");
}

typedef struct FoldState {
    int64_t value;
    int64_t count;
} FoldState;

KERNEL_INLINE bool fold(FoldState *state, int64_t value, char operation) {
    if (state->count++ == 0)
        state->value = value;
    else
        state->value = operation == '&'   ? state->value & value
                       : operation == '|' ? state->value | value
                                          : state->value ^ value;
    return false;
}

KERNEL_INLINE Status fold_results(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                                  int bytes) {
    for (int i = 0; i < count; i++) {
        const FoldState *state = (const FoldState *)(states + (size_t)i * stride);
        if (bytes == 1)
            ((uint8_t *)out->values)[i] = (uint8_t)state->value;
        else if (bytes == 2)
            ((int16_t *)out->values)[i] = (int16_t)state->value;
        else if (bytes == 4)
            ((int32_t *)out->values)[i] = (int32_t)state->value;
        else
            ((int64_t *)out->values)[i] = state->value;
        if (state->count == 0) bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
    }
    return STATUS_OK;
}
#define FOLD_FINALIZE(bytes)                                                                                 \
    static Status fold_finalize_##bytes(const char *states, size_t stride, int count, Vector *out,           \
                                        Arena *arena, Error *err) {                                          \
        return fold_results(states, stride, count, out, arena, bytes);                                       \
    }
FOLD_FINALIZE(1)
FOLD_FINALIZE(2)
FOLD_FINALIZE(4)
FOLD_FINALIZE(8)

KERNEL_INLINE Status fold_merge(void *into, const void *from, char operation) {
    FoldState *left = into;
    const FoldState *right = from;
    int64_t count = left->count + right->count;
    if (right->count > 0) fold(left, right->value, operation);
    left->count = count;
    return STATUS_OK;
}
static Status fold_combine_and(void *into, const void *from, Arena *arena, Error *err) {
    return fold_merge(into, from, '&');
}
static Status fold_combine_or(void *into, const void *from, Arena *arena, Error *err) {
    return fold_merge(into, from, '|');
}
static Status fold_combine_xor(void *into, const void *from, Arena *arena, Error *err) {
    return fold_merge(into, from, '^');
}

#define AGG_NAME(name)               and_u8_##name
#define AGG_STATE                    FoldState
#define AGG_VALUE                    uint8_t
#define AGG_ADD(state, value, input) fold(state, value, '&')
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               or_u8_##name
#define AGG_STATE                    FoldState
#define AGG_VALUE                    uint8_t
#define AGG_ADD(state, value, input) fold(state, value, '|')
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               and_i16_##name
#define AGG_STATE                    FoldState
#define AGG_VALUE                    int16_t
#define AGG_ADD(state, value, input) fold(state, value, '&')
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               or_i16_##name
#define AGG_STATE                    FoldState
#define AGG_VALUE                    int16_t
#define AGG_ADD(state, value, input) fold(state, value, '|')
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               xor_i16_##name
#define AGG_STATE                    FoldState
#define AGG_VALUE                    int16_t
#define AGG_ADD(state, value, input) fold(state, value, '^')
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               and_i32_##name
#define AGG_STATE                    FoldState
#define AGG_VALUE                    int32_t
#define AGG_ADD(state, value, input) fold(state, value, '&')
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               or_i32_##name
#define AGG_STATE                    FoldState
#define AGG_VALUE                    int32_t
#define AGG_ADD(state, value, input) fold(state, value, '|')
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               xor_i32_##name
#define AGG_STATE                    FoldState
#define AGG_VALUE                    int32_t
#define AGG_ADD(state, value, input) fold(state, value, '^')
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               and_i64_##name
#define AGG_STATE                    FoldState
#define AGG_VALUE                    int64_t
#define AGG_ADD(state, value, input) fold(state, value, '&')
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               or_i64_##name
#define AGG_STATE                    FoldState
#define AGG_VALUE                    int64_t
#define AGG_ADD(state, value, input) fold(state, value, '|')
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               xor_i64_##name
#define AGG_STATE                    FoldState
#define AGG_VALUE                    int64_t
#define AGG_ADD(state, value, input) fold(state, value, '^')
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"

/* ---- string_agg
 * ------------------------------------------------------------------------------------------------------- */

static const StringView *agg_text(const Vector *vector, size_t row) {
    size_t index = vector->encoding == VECTOR_CONSTANT     ? 0
                   : vector->encoding == VECTOR_DICTIONARY ? vector->codes[row]
                                                           : row;
    const StringView *values =
        vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    return &values[index];
}

static Status list_add(AggregateText *list, const AggregateInput *input, size_t row, Error *err) {
    if (vector_is_null(&input->args[0], (int)row)) return STATUS_OK;
    const StringView *text = agg_text(&input->args[0], row);
    const StringView *delimiter =
        vector_is_null(&input->args[1], (int)row) ? NULL : agg_text(&input->args[1], row);
    uint32_t delimiter_bytes = delimiter ? delimiter->length : 0;
    if (delimiter)
        TRY(aggregate_text_append(list, stringview_data(delimiter), delimiter_bytes, input->arena, err));
    if (!list->seen) list->first_separator = delimiter_bytes;
    list->seen = true;
    return aggregate_text_append(list, stringview_data(text), text->length, input->arena, err);
}
static Status list_update(char *states, size_t stride, const uint32_t *groups, const AggregateInput *input,
                          Error *err) {
    for (int k = 0, n = input->selection ? input->selected : input->row_count; k < n; k++)
        TRY(list_add((AggregateText *)(states + (size_t)groups[k] * stride), input,
                     input->selection ? input->selection[k] : (size_t)k, err));
    return STATUS_OK;
}
static Status list_single(void *state, const AggregateInput *input, Error *err) {
    for (int k = 0, n = input->selection ? input->selected : input->row_count; k < n; k++)
        TRY(list_add(state, input, input->selection ? input->selection[k] : (size_t)k, err));
    return STATUS_OK;
}
static Status list_combine(void *into, const void *from, Arena *arena, Error *err) {
    AggregateText *left = into;
    const AggregateText *right = from;
    if (!right->seen) return STATUS_OK;
    if (!left->seen) left->first_separator = right->first_separator;
    left->seen = true;
    return aggregate_text_append(left, right->data, right->length, arena, err);
}
static Status list_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                            Error *err) {
    for (int i = 0; i < count; i++) {
        const AggregateText *list = (const AggregateText *)(states + (size_t)i * stride);
        const char *text = list->length ? list->data + list->first_separator : "";
        ((StringView *)out->values)[i] =
            stringview_make(text, list->seen ? list->length - list->first_separator : 0);
        if (!list->seen) bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
    }
    return STATUS_OK;
}

#define FOLD_ROW(text, type, prefix, family, bytes)                                                          \
    {                                                                                                        \
        .name = text, .arg_count = 1, .args = {type}, .result = type, .state_bytes = sizeof(FoldState),      \
        .update = prefix##_update, .update_single = prefix##_single, .combine = fold_combine_##family,       \
        .finalize = fold_finalize_##bytes                                                                    \
    }
#define BIT_ROWS(type, form, bytes)                                                                          \
    FOLD_ROW("bit_and", type, and_##form, and, bytes), FOLD_ROW("bit_or", type, or_##form, or, bytes),       \
        FOLD_ROW("bit_xor", type, xor_##form, xor, bytes)

#define STRING_AGG_ROW(kind)                                                                                 \
    {                                                                                                        \
        .name = "string_agg", .arg_count = 2, .args = {kind, kind}, .result = kind,                          \
        .state_bytes = sizeof(AggregateText), .update = list_update, .update_single = list_single,           \
        .combine = list_combine, .finalize = list_finalize, .holds = STATE_POINTERS, .ordered = true         \
    }

static const AggregateFunction rows[] = {
    FOLD_ROW("bool_and", K_BOOL, and_u8, and, 1),
    FOLD_ROW("every", K_BOOL, and_u8, and, 1),
    FOLD_ROW("bool_or", K_BOOL, or_u8, or, 1),
    BIT_ROWS(K_INT2, i16, 2),
    BIT_ROWS(K_INT4, i32, 4),
    BIT_ROWS(K_INT8, i64, 8),
    STRING_AGG_ROW(K_TEXT),
    STRING_AGG_ROW(K_BYTEA),
};

AggregateTable other_aggregates(void) {
    return (AggregateTable){rows, (int)(sizeof rows / sizeof rows[0])};
}
