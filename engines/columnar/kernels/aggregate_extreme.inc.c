/* min or max over one fixed-width type. Parameters: EXTREME_NAME(name), EXTREME_TYPE, BETTER(a, b): a
 * replaces b. */
typedef struct EXTREME_NAME(state) {
    EXTREME_TYPE best;
    bool seen;
} __attribute__((aligned(16))) EXTREME_NAME(state);

KERNEL_INLINE bool EXTREME_NAME(offer)(EXTREME_NAME(state) * state, EXTREME_TYPE value) {
    if (!state->seen || BETTER(value, state->best)) state->best = value;
    state->seen = true;
    return false;
}
#define AGG_NAME(name)               EXTREME_NAME(name)
#define AGG_STATE                    EXTREME_NAME(state)
#define AGG_VALUE                    EXTREME_TYPE
#define AGG_ADD(state, value, input) EXTREME_NAME(offer)(state, value)
#define AGG_RAISE                    never_raised
#include "engines/columnar/kernels/aggregate_body.inc.c"

static Status EXTREME_NAME(combine)(void *into, const void *from, Arena *arena, Error *err) {
    const EXTREME_NAME(state) *right = from;
    if (right->seen) EXTREME_NAME(offer)(into, right->best);
    return STATUS_OK;
}
static Status EXTREME_NAME(finalize)(const char *states, size_t stride, int count, Vector *out, Arena *arena,
                                     Error *err) {
    for (int i = 0; i < count; i++) {
        const EXTREME_NAME(state) *state = (const void *)(states + (size_t)i * stride);
        ((EXTREME_TYPE *)out->values)[i] = state->best;
        if (!state->seen) bitmap_clear(vector_make_validity(out, count, arena), (size_t)i);
    }
    return STATUS_OK;
}
#undef EXTREME_NAME
#undef EXTREME_TYPE
#undef BETTER
