/* min and max of every ordered type. */
#include "engines/columnar/kernels/numeric_math.h"

static Status never_raised(Error *err) {
    return error_set(err, SQLSTATE_INTERNAL, "min/max cannot fail");
}

#define ORDER_PLAIN(a, b)    ((a) < (b))
#define ORDER_FLOAT(a, b)    (((a) < (b)) | (((b) != (b)) & ((a) == (a))))
#define ORDER_INTERVAL(a, b) (interval_span(&(a)) < interval_span(&(b)))

static inline Int128 interval_span(const Interval *value) {
    return (Int128)value->microseconds + (Int128)(value->days + (int64_t)value->months * 30) * 86400000000;
}

#define EXTREME_NAME(name) min_i16_##name
#define EXTREME_TYPE       int16_t
#define BETTER(a, b)       ORDER_PLAIN(a, b)
#include "engines/columnar/kernels/aggregate_extreme.inc.c"
#define EXTREME_NAME(name) max_i16_##name
#define EXTREME_TYPE       int16_t
#define BETTER(a, b)       ORDER_PLAIN(b, a)
#include "engines/columnar/kernels/aggregate_extreme.inc.c"
#define EXTREME_NAME(name) min_i32_##name
#define EXTREME_TYPE       int32_t
#define BETTER(a, b)       ORDER_PLAIN(a, b)
#include "engines/columnar/kernels/aggregate_extreme.inc.c"
#define EXTREME_NAME(name) max_i32_##name
#define EXTREME_TYPE       int32_t
#define BETTER(a, b)       ORDER_PLAIN(b, a)
#include "engines/columnar/kernels/aggregate_extreme.inc.c"
#define EXTREME_NAME(name) min_i64_##name
#define EXTREME_TYPE       int64_t
#define BETTER(a, b)       ORDER_PLAIN(a, b)
#include "engines/columnar/kernels/aggregate_extreme.inc.c"
#define EXTREME_NAME(name) max_i64_##name
#define EXTREME_TYPE       int64_t
#define BETTER(a, b)       ORDER_PLAIN(b, a)
#include "engines/columnar/kernels/aggregate_extreme.inc.c"
#define EXTREME_NAME(name) min_f32_##name
#define EXTREME_TYPE       float
#define BETTER(a, b)       ORDER_FLOAT(a, b)
#include "engines/columnar/kernels/aggregate_extreme.inc.c"
#define EXTREME_NAME(name) max_f32_##name
#define EXTREME_TYPE       float
#define BETTER(a, b)       ORDER_FLOAT(b, a)
#include "engines/columnar/kernels/aggregate_extreme.inc.c"
#define EXTREME_NAME(name) min_f64_##name
#define EXTREME_TYPE       double
#define BETTER(a, b)       ORDER_FLOAT(a, b)
#include "engines/columnar/kernels/aggregate_extreme.inc.c"
#define EXTREME_NAME(name) max_f64_##name
#define EXTREME_TYPE       double
#define BETTER(a, b)       ORDER_FLOAT(b, a)
#include "engines/columnar/kernels/aggregate_extreme.inc.c"
#define EXTREME_NAME(name) min_interval_##name
#define EXTREME_TYPE       Interval
#define BETTER(a, b)       ORDER_INTERVAL(a, b)
#include "engines/columnar/kernels/aggregate_extreme.inc.c"
#define EXTREME_NAME(name) max_interval_##name
#define EXTREME_TYPE       Interval
#define BETTER(a, b)       ORDER_INTERVAL(b, a)
#include "engines/columnar/kernels/aggregate_extreme.inc.c"

/* ---- text
 * ------------------------------------------------------------------------------------------------------ */

/* The best so far, its bytes in the states' arena; the room is used again for later, shorter winners. */
typedef struct TextExtreme {
    StringView value;
    uint32_t capacity;
    bool seen;
} __attribute__((aligned(16))) TextExtreme;

static void text_keep(TextExtreme *state, const StringView *value, Arena *arena) {
    state->seen = true;
    if (value->length <= 12) {
        state->value = *value;
        state->capacity = 0;
        return;
    }
    char *room =
        state->value.length > 12 && state->capacity >= value->length ? (char *)state->value.pointer : NULL;
    if (!room) {
        state->capacity = value->length + value->length / 2;
        room = arena_alloc(arena, state->capacity);
    }
    memmove(room, value->pointer, value->length);
    state->value = stringview_make(room, value->length);
}
KERNEL_INLINE bool text_offer(TextExtreme *state, const StringView *value, bool largest, Arena *arena) {
    if (state->seen) {
        int order = stringview_compare(value, &state->value);
        if (largest ? order <= 0 : order >= 0) return false;
    }
    text_keep(state, value, arena);
    return false;
}
static StringView unpadded(const StringView *text) {
    const char *data = stringview_data(text);
    uint32_t length = text->length;
    while (length > 0 && data[length - 1] == ' ')
        length--;
    return stringview_make(data, length);
}
static bool padded_offer(TextExtreme *state, const StringView *value, bool largest, Arena *arena) {
    if (state->seen) {
        StringView best = unpadded(&state->value), next = unpadded(value);
        int order = stringview_compare(&next, &best);
        if (largest ? order <= 0 : order >= 0) return false;
    }
    text_keep(state, value, arena);
    return false;
}
static void text_loaded(void *state) {
    ((TextExtreme *)state)->capacity = 0;
}
#define AGG_NAME(name)               min_text_##name
#define AGG_STATE                    TextExtreme
#define AGG_VALUE                    StringView
#define AGG_ADD(state, value, input) text_offer(state, &(value), false, (input)->arena)
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
static Status min_text_combine(void *into, const void *from, Arena *arena, Error *err) {
    const TextExtreme *right = from;
    if (right->seen) (void)text_offer(into, &right->value, false, arena);
    return STATUS_OK;
}
#define AGG_NAME(name)               min_bpchar_##name
#define AGG_STATE                    TextExtreme
#define AGG_VALUE                    StringView
#define AGG_ADD(state, value, input) padded_offer(state, &(value), false, (input)->arena)
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
static Status min_bpchar_combine(void *into, const void *from, Arena *arena, Error *err) {
    const TextExtreme *right = from;
    if (right->seen) (void)padded_offer(into, &right->value, false, arena);
    return STATUS_OK;
}
#define AGG_NAME(name)               max_text_##name
#define AGG_STATE                    TextExtreme
#define AGG_VALUE                    StringView
#define AGG_ADD(state, value, input) text_offer(state, &(value), true, (input)->arena)
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
static Status max_text_combine(void *into, const void *from, Arena *arena, Error *err) {
    const TextExtreme *right = from;
    if (right->seen) (void)text_offer(into, &right->value, true, arena);
    return STATUS_OK;
}
#define AGG_NAME(name)               max_bpchar_##name
#define AGG_STATE                    TextExtreme
#define AGG_VALUE                    StringView
#define AGG_ADD(state, value, input) padded_offer(state, &(value), true, (input)->arena)
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
static Status max_bpchar_combine(void *into, const void *from, Arena *arena, Error *err) {
    const TextExtreme *right = from;
    if (right->seen) (void)padded_offer(into, &right->value, true, arena);
    return STATUS_OK;
}
static Status text_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                            Error *err) {
    for (int i = 0; i < count; i++) {
        const TextExtreme *state = (const TextExtreme *)(states + (size_t)i * stride);
        ((StringView *)out->values)[i] = state->seen ? state->value : stringview_make("", 0);
        if (!state->seen) bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
    }
    return STATUS_OK;
}

/* ---- numeric: whichever form the column has
 * --------------------------------------------------------------------- */

typedef struct NumericExtreme {
    Numeric best;
    bool seen;
} __attribute__((aligned(16))) NumericExtreme;

/* Scaled integers of one column share their scale: they compare as integers. */
KERNEL_INLINE bool scaled_offer(NumericExtreme *state, Int128 value, int scale, bool largest) {
    if (!state->seen || (largest ? value > state->best.value : value < state->best.value)) {
        state->best = numeric_make(value, scale);
        state->seen = true;
    }
    return false;
}
static bool numeric_offer(NumericExtreme *state, Numeric value, bool largest) {
    int order = state->seen ? numeric_compare(value, state->best) : 0;
    if (!state->seen || (largest ? order > 0 : order < 0)) {
        state->best = value;
        state->seen = true;
    }
    return false;
}
#define AGG_NAME(name)               min_scaled_i64_##name
#define AGG_STATE                    NumericExtreme
#define AGG_VALUE                    int64_t
#define AGG_ADD(state, value, input) scaled_offer(state, value, (input)->args[0].type.scale, false)
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               min_scaled_i128_##name
#define AGG_STATE                    NumericExtreme
#define AGG_VALUE                    Int128
#define AGG_ADD(state, value, input) scaled_offer(state, value, (input)->args[0].type.scale, false)
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               min_scaled_any_##name
#define AGG_STATE                    NumericExtreme
#define AGG_VALUE                    Numeric
#define AGG_ADD(state, value, input) numeric_offer(state, value, false)
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"

static Status min_numeric_update(char *states, size_t stride, const uint32_t *groups,
                                 const AggregateInput *input, Error *err) {
    switch (input->args[0].physical) {
    case PHYS_I64: return min_scaled_i64_update(states, stride, groups, input, err);
    case PHYS_I128: return min_scaled_i128_update(states, stride, groups, input, err);
    default: return min_scaled_any_update(states, stride, groups, input, err);
    }
}
static Status min_numeric_single(void *state, const AggregateInput *input, Error *err) {
    switch (input->args[0].physical) {
    case PHYS_I64: return min_scaled_i64_single(state, input, err);
    case PHYS_I128: return min_scaled_i128_single(state, input, err);
    default: return min_scaled_any_single(state, input, err);
    }
}
static Status min_numeric_combine(void *into, const void *from, Arena *arena, Error *err) {
    const NumericExtreme *right = from;
    if (right->seen) (void)numeric_offer(into, right->best, false);
    return STATUS_OK;
}
#define AGG_NAME(name)               max_scaled_i64_##name
#define AGG_STATE                    NumericExtreme
#define AGG_VALUE                    int64_t
#define AGG_ADD(state, value, input) scaled_offer(state, value, (input)->args[0].type.scale, true)
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               max_scaled_i128_##name
#define AGG_STATE                    NumericExtreme
#define AGG_VALUE                    Int128
#define AGG_ADD(state, value, input) scaled_offer(state, value, (input)->args[0].type.scale, true)
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"
#define AGG_NAME(name)               max_scaled_any_##name
#define AGG_STATE                    NumericExtreme
#define AGG_VALUE                    Numeric
#define AGG_ADD(state, value, input) numeric_offer(state, value, true)
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"

static Status max_numeric_update(char *states, size_t stride, const uint32_t *groups,
                                 const AggregateInput *input, Error *err) {
    switch (input->args[0].physical) {
    case PHYS_I64: return max_scaled_i64_update(states, stride, groups, input, err);
    case PHYS_I128: return max_scaled_i128_update(states, stride, groups, input, err);
    default: return max_scaled_any_update(states, stride, groups, input, err);
    }
}
static Status max_numeric_single(void *state, const AggregateInput *input, Error *err) {
    switch (input->args[0].physical) {
    case PHYS_I64: return max_scaled_i64_single(state, input, err);
    case PHYS_I128: return max_scaled_i128_single(state, input, err);
    default: return max_scaled_any_single(state, input, err);
    }
}
static Status max_numeric_combine(void *into, const void *from, Arena *arena, Error *err) {
    const NumericExtreme *right = from;
    if (right->seen) (void)numeric_offer(into, right->best, true);
    return STATUS_OK;
}
static Status numeric_finalize(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                               Error *err) {
    for (int i = 0; i < count; i++) {
        const NumericExtreme *state = (const NumericExtreme *)(states + (size_t)i * stride);
        if (!state->seen) bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
        TRY(numeric_store(out, i, state->best, err));
    }
    return STATUS_OK;
}
static SqlType same_type(const SqlType *args, int arg_count) {
    return args[0];
}

#define EXTREME_ROW(text, type, prefix, State, final)                                                        \
    {                                                                                                        \
        .name = text, .arg_count = 1, .args = {type}, .result = type, .state_bytes = sizeof(State),          \
        .update = prefix##_update, .update_single = prefix##_single, .combine = prefix##_combine,            \
        .finalize = final                                                                                    \
    }
#define FIXED_ROWS(type, form)                                                                               \
    EXTREME_ROW("min", type, min_##form, min_##form##_state, min_##form##_finalize),                         \
        EXTREME_ROW("max", type, max_##form, max_##form##_state, max_##form##_finalize)
#define NUMERIC_ROW(text, prefix)                                                                            \
    {                                                                                                        \
        .name = text, .arg_count = 1, .args = {K_NUMERIC}, .result_type = same_type,                         \
        .state_bytes = sizeof(NumericExtreme), .update = prefix##_update, .update_single = prefix##_single,  \
        .combine = prefix##_combine, .finalize = numeric_finalize                                            \
    }

#define TEXT_ROW(text, type, prefix)                                                                         \
    {                                                                                                        \
        .name = text, .arg_count = 1, .args = {type}, .result = type, .state_bytes = sizeof(TextExtreme),    \
        .update = prefix##_update, .update_single = prefix##_single, .combine = prefix##_combine,            \
        .finalize = text_finalize, .holds = STATE_STRING, .loaded = text_loaded                              \
    }

static const AggregateFunction rows[] = {
    FIXED_ROWS(K_INT2, i16),
    FIXED_ROWS(K_INT4, i32),
    FIXED_ROWS(K_INT8, i64),
    FIXED_ROWS(K_OID, i64),
    FIXED_ROWS(K_FLOAT4, f32),
    FIXED_ROWS(K_FLOAT8, f64),
    FIXED_ROWS(K_DATE, i32),
    FIXED_ROWS(K_TIME, i64),
    FIXED_ROWS(K_TIMESTAMP, i64),
    FIXED_ROWS(K_TIMESTAMPTZ, i64),
    FIXED_ROWS(K_INTERVAL, interval),
    NUMERIC_ROW("min", min_numeric),
    NUMERIC_ROW("max", max_numeric),
    TEXT_ROW("min", K_TEXT, min_text),
    TEXT_ROW("max", K_TEXT, max_text),
    TEXT_ROW("min", K_BPCHAR, min_bpchar),
    TEXT_ROW("max", K_BPCHAR, max_bpchar),
};

AggregateTable extreme_aggregates(void) {
    return (AggregateTable){rows, (int)(sizeof rows / sizeof rows[0])};
}
