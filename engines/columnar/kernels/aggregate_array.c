/* array_agg: values gathered in the states' arena, made an array at the end. Of arrays: one dimension more.
 */
#include "engines/columnar/kernels/array_kernels.h"
#include "engines/columnar/kernels/kernel.h"
#include "engines/columnar/types/array_value.h"

typedef struct ValueList {
    char *values;   /* of the physical type */
    uint8_t *nulls; /* 1 = NULL */
    int32_t count, capacity;
    SqlType type;
} __attribute__((aligned(16))) ValueList;

static Status grow(ValueList *list, size_t width, Arena *arena, Error *err) {
    if (list->count < list->capacity) return STATUS_OK;
    if (list->capacity >= ARRAY_MAX_ELEMENTS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "array size exceeds the maximum allowed (%d)",
                         ARRAY_MAX_ELEMENTS);
    int32_t capacity = list->capacity ? list->capacity * 2 : 4;
    char *values = arena_alloc(arena, width * (size_t)capacity);
    uint8_t *nulls = arena_alloc(arena, (size_t)capacity);
    if (list->count) {
        memcpy(values, list->values, width * (size_t)list->count);
        memcpy(nulls, list->nulls, (size_t)list->count);
    }
    list->values = values;
    list->nulls = nulls;
    list->capacity = capacity;
    return STATUS_OK;
}

static StringView own_text(const StringView *view, Arena *arena) {
    if (view->length <= 12) return *view;
    return stringview_make(arena_memdup(arena, view->pointer, view->length), view->length);
}

static Status value_add(ValueList *list, const AggregateInput *input, size_t row, Error *err) {
    const Vector *vector = &input->args[0];
    size_t width = physical_width((PhysicalType)vector->physical);
    TRY(grow(list, width, input->arena, err));
    list->type = vector->type;
    char *to = list->values + width * (size_t)list->count;
    bool is_null = vector_is_null(vector, (int)row);
    list->nulls[list->count++] = is_null;
    if (is_null) {
        memset(to, 0, width);
        return STATUS_OK;
    }
    size_t index = vector->encoding == VECTOR_CONSTANT     ? 0
                   : vector->encoding == VECTOR_DICTIONARY ? vector->codes[row]
                                                           : row;
    const char *values = vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    if (vector->physical == PHYS_STRING) {
        StringView owned = own_text((const StringView *)values + index, input->arena);
        memcpy(to, &owned, sizeof owned);
    } else {
        memcpy(to, values + width * index, width);
    }
    return STATUS_OK;
}

static Status value_update(char *states, size_t stride, const uint32_t *groups, const AggregateInput *input,
                           Error *err) {
    for (int k = 0, n = input->selection ? input->selected : input->row_count; k < n; k++)
        TRY(value_add((ValueList *)(states + (size_t)groups[k] * stride), input,
                      input->selection ? input->selection[k] : (size_t)k, err));
    return STATUS_OK;
}
static Status value_single(void *state, const AggregateInput *input, Error *err) {
    for (int k = 0, n = input->selection ? input->selected : input->row_count; k < n; k++)
        TRY(value_add(state, input, input->selection ? input->selection[k] : (size_t)k, err));
    return STATUS_OK;
}
/* Strings stay where they are: the arenas live as long as the states. */
static Status value_combine(void *into, const void *from, Arena *arena, Error *err) {
    ValueList *left = into;
    const ValueList *right = from;
    size_t width = physical_width(physical_type_of(right->type));
    for (int32_t i = 0; i < right->count; i++) {
        TRY(grow(left, width, arena, err));
        memcpy(left->values + width * (size_t)left->count, right->values + width * (size_t)i, width);
        left->nulls[left->count++] = right->nulls[i];
        left->type = right->type;
    }
    return STATUS_OK;
}

static Status list_array(const ValueList *list, Arena *arena, StringView *out, Error *err) {
    ArrayBuilder builder;
    Vector values;
    memset(&values, 0, sizeof values);
    values.type = list->type;
    values.physical = (uint8_t)physical_type_of(list->type);
    values.encoding = VECTOR_FLAT;
    values.values = list->values;
    array_builder_init(&builder, list->type, arena);
    for (int32_t i = 0; i < list->count; i++) {
        if (list->nulls[i])
            TRY(array_builder_add(&builder, NULL, err));
        else
            TRY(array_builder_add_row(&builder, &values, i, err));
    }
    return array_builder_finish(&builder, arena, out, err);
}

static Status different_shapes(Error *err) {
    return error_set(err, "2202E", "cannot accumulate arrays of different dimensionality");
}

static Status check_shape(const ArrayValue *first, const ArrayValue *next, Error *err) {
    if (!next->dimension_count) return error_set(err, "2202E", "cannot accumulate empty arrays");
    if (next->dimension_count != first->dimension_count) return different_shapes(err);
    for (int d = 0; d < next->dimension_count; d++)
        if (next->dimensions[d].length != first->dimensions[d].length ||
            next->dimensions[d].lower != first->dimensions[d].lower)
            return different_shapes(err);
    return STATUS_OK;
}

static Status list_arrays(const ValueList *list, Arena *arena, StringView *out, Error *err) {
    ArrayBuilder builder;
    ArrayValue first, array;
    ArrayDimension shape[ARRAY_MAX_DIMENSIONS];
    memset(&first, 0, sizeof first);
    array_builder_init(&builder, array_element_type(list->type), arena);
    for (int32_t i = 0; i < list->count; i++) {
        if (list->nulls[i]) return error_set(err, "22004", "cannot accumulate null arrays");
        TRY(array_open((const StringView *)list->values + i, &array, err));
        if (i == 0) first = array;
        TRY(check_shape(&first, &array, err));
        for (int e = 0; e < array.count; e++)
            TRY(array_builder_add_element(&builder, &array, e, err));
    }
    if (first.dimension_count + 1 > ARRAY_MAX_DIMENSIONS)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT,
                         "number of array dimensions (%d) exceeds the maximum allowed (%d)",
                         first.dimension_count + 1, ARRAY_MAX_DIMENSIONS);
    shape[0] = (ArrayDimension){.length = list->count, .lower = 1};
    memcpy(shape + 1, first.dimensions, sizeof *shape * (size_t)first.dimension_count);
    return array_builder_finish_shaped(&builder, first.dimension_count + 1, shape, arena, out, err);
}

static Status value_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                             Error *err) {
    for (int i = 0; i < count; i++) {
        const ValueList *list = (const ValueList *)(states + (size_t)i * stride);
        StringView *result = (StringView *)out->values + i;
        *result = stringview_make("", 0);
        if (!list->count)
            bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
        else
            TRY(list->type.is_array ? list_arrays(list, arena, result, err)
                                    : list_array(list, arena, result, err));
    }
    return STATUS_OK;
}

static SqlType array_of(const SqlType *args, int arg_count) {
    SqlType type = sqltype_of(args[0].id);
    type.is_array = true;
    return type;
}

/* ---- min and max ----------------------------------------------------------------------------------------
 */

typedef struct ArrayExtreme {
    StringView value; /* in the states' arena */
    int64_t seen, unused;
} ArrayExtreme;

static Status extreme_offer(ArrayExtreme *state, const StringView *blob, bool largest, Arena *arena,
                            Error *err) {
    if (state->seen) {
        ArrayValue best, offered;
        TRY(array_open(&state->value, &best, err));
        TRY(array_open(blob, &offered, err));
        int order = array_compare(&offered, &best);
        if (largest ? order <= 0 : order >= 0) return STATUS_OK;
    }
    state->value = own_text(blob, arena);
    state->seen = 1;
    return STATUS_OK;
}

KERNEL_INLINE Status extreme_rows(char *states, size_t stride, const uint32_t *groups,
                                  const AggregateInput *input, bool largest, Error *err) {
    const Vector *vector = &input->args[0];
    const StringView *values =
        vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
    for (int k = 0, n = input->selection ? input->selected : input->row_count; k < n; k++) {
        int row = input->selection ? input->selection[k] : k;
        if (vector_is_null(vector, row)) continue;
        size_t index = vector->encoding == VECTOR_CONSTANT     ? 0
                       : vector->encoding == VECTOR_DICTIONARY ? vector->codes[row]
                                                               : (size_t)row;
        TRY(extreme_offer((ArrayExtreme *)(states + (groups ? stride * groups[k] : 0)), &values[index],
                          largest, input->arena, err));
    }
    return STATUS_OK;
}
#define EXTREME_FUNCTIONS(name, largest)                                                                     \
    static Status name##_update(char *states, size_t stride, const uint32_t *groups,                         \
                                const AggregateInput *input, Error *err) {                                   \
        return extreme_rows(states, stride, groups, input, largest, err);                                    \
    }                                                                                                        \
    static Status name##_single(void *state, const AggregateInput *input, Error *err) {                      \
        return extreme_rows(state, 0, NULL, input, largest, err);                                            \
    }                                                                                                        \
    static Status name##_combine(void *into, const void *from, Arena *arena, Error *err) {                   \
        const ArrayExtreme *right = from;                                                                    \
        return right->seen ? extreme_offer(into, &right->value, largest, arena, err) : STATUS_OK;            \
    }
EXTREME_FUNCTIONS(min_array, false)
EXTREME_FUNCTIONS(max_array, true)

static Status extreme_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                               Error *err) {
    for (int i = 0; i < count; i++) {
        const ArrayExtreme *state = (const ArrayExtreme *)(states + (size_t)i * stride);
        ((StringView *)out->values)[i] = state->seen ? state->value : stringview_make("", 0);
        if (!state->seen) bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
    }
    return STATUS_OK;
}

static SqlType same_array(const SqlType *args, int arg_count) {
    return args[0];
}

#define EXTREME_ROW(text, prefix)                                                                            \
    {                                                                                                        \
        .name = text, .arg_count = 1, .args = {K_ANYARRAY}, .result_type = same_array,                       \
        .state_bytes = sizeof(ArrayExtreme), .update = prefix##_update, .update_single = prefix##_single,    \
        .combine = prefix##_combine, .finalize = extreme_finalize, .holds = STATE_STRING                     \
    }

static const AggregateFunction rows[] = {
    {.name = "array_agg",
     .arg_count = 1,
     .args = {K_ANY},
     .result_type = array_of,
     .state_bytes = sizeof(ValueList),
     .update = value_update,
     .update_single = value_single,
     .combine = value_combine,
     .finalize = value_finalize,
     .holds = STATE_POINTERS,
     .ordered = true},
    EXTREME_ROW("min", min_array),
    EXTREME_ROW("max", max_array),
};

AggregateTable array_aggregates(void) {
    return (AggregateTable){rows, (int)(sizeof rows / sizeof rows[0])};
}
