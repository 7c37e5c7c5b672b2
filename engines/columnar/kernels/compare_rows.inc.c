/* The six comparisons of values reached through pointers, or costly ones: only rows that count are looked at.
 * Parameters: COMPARE_NAME(name), COMPARE_TYPE, EQUALS(a, b), ORDER(a, b) on `const COMPARE_TYPE *`. */
KERNEL_INLINE Status COMPARE_NAME(rows)(const KernelCall *call, bool wants_equality, bool negate, int below,
                                        int same, int above) {
    const COMPARE_TYPE *a = call->args[0].values, *b = call->args[1].values;
    size_t step_a = !kernel_is_constant(&call->args[0]), step_b = !kernel_is_constant(&call->args[1]);
    uint8_t *out = call->out->values;
    KERNEL_ROWS(call, row) {
        const COMPARE_TYPE *left = &a[(size_t)row * step_a], *right = &b[(size_t)row * step_b];
        if (wants_equality) {
            out[row] = (uint8_t)(EQUALS(left, right) != negate);
            continue;
        }
        int order = ORDER(left, right);
        out[row] = (uint8_t)(order < 0 ? below : order == 0 ? same : above);
    }
    return STATUS_OK;
}
static Status COMPARE_NAME(eq)(const KernelCall *call, Error *err) {
    return COMPARE_NAME(rows)(call, true, false, 0, 0, 0);
}
static Status COMPARE_NAME(ne)(const KernelCall *call, Error *err) {
    return COMPARE_NAME(rows)(call, true, true, 0, 0, 0);
}
static Status COMPARE_NAME(lt)(const KernelCall *call, Error *err) {
    return COMPARE_NAME(rows)(call, false, false, 1, 0, 0);
}
static Status COMPARE_NAME(le)(const KernelCall *call, Error *err) {
    return COMPARE_NAME(rows)(call, false, false, 1, 1, 0);
}
static Status COMPARE_NAME(gt)(const KernelCall *call, Error *err) {
    return COMPARE_NAME(rows)(call, false, false, 0, 0, 1);
}
static Status COMPARE_NAME(ge)(const KernelCall *call, Error *err) {
    return COMPARE_NAME(rows)(call, false, false, 0, 1, 1);
}
#undef COMPARE_NAME
#undef COMPARE_TYPE
#undef EQUALS
#undef ORDER
