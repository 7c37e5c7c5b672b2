/* A binary kernel that may overflow. Parameters: KERNEL_NAME, LEFT, RIGHT, OUT, COMPUTE(a, b, out) which
 * stores the (wrapped) result and yields non-zero when it does not fit, RANGE_ERROR: the type's name for the
 * message.
 *
 * All rows are computed with the flags gathered, branch-free; only when some flag was up the rows that
 * count are looked at one by one, since the offender may be NULL or not selected. */
KERNEL_INLINE uint64_t KERNEL_PASTE(KERNEL_NAME, _loop)(const LEFT *restrict a, size_t step_a,
                                                        const RIGHT *restrict b, size_t step_b,
                                                        OUT *restrict out, int rows) {
    uint64_t bad = 0;
    for (int i = 0; i < rows; i++)
        bad |= COMPUTE(a[(size_t)i * step_a], b[(size_t)i * step_b], &out[i]);
    return bad;
}

static Status KERNEL_NAME(const KernelCall *call, Error *err) {
    const LEFT *a = call->args[0].values;
    const RIGHT *b = call->args[1].values;
    OUT *out = call->out->values;
    size_t step_a = !kernel_is_constant(&call->args[0]), step_b = !kernel_is_constant(&call->args[1]);
    uint64_t bad = 0;
    if (kernel_is_sparse(call)) {
        for (int k = 0; k < call->selected; k++) {
            size_t i = call->selection[k];
            bad |= COMPUTE(a[i * step_a], b[i * step_b], &out[i]);
        }
    } else if (step_a && step_b) {
        bad = KERNEL_PASTE(KERNEL_NAME, _loop)(a, 1, b, 1, out, call->row_count);
    } else if (step_a) {
        bad = KERNEL_PASTE(KERNEL_NAME, _loop)(a, 1, b, 0, out, call->row_count);
    } else {
        bad = KERNEL_PASTE(KERNEL_NAME, _loop)(a, 0, b, step_b, out, call->row_count);
    }
    if (bad) {
        OUT ignored;
        KERNEL_ROWS(call, row) {
            if (COMPUTE(a[(size_t)row * step_a], b[(size_t)row * step_b], &ignored))
                return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "%s out of range", RANGE_ERROR);
        }
    }
    return STATUS_OK;
}
#undef KERNEL_NAME
#undef LEFT
#undef RIGHT
#undef OUT
#undef COMPUTE
