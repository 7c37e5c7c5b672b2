/* A binary kernel that cannot fail. Parameters: KERNEL_NAME, LEFT, RIGHT, OUT, COMPUTE(a, b). */
KERNEL_INLINE void KERNEL_PASTE(KERNEL_NAME, _loop)(const LEFT *restrict a, size_t step_a,
                                                    const RIGHT *restrict b, size_t step_b, OUT *restrict out,
                                                    int rows) {
    for (int i = 0; i < rows; i++)
        out[i] = (OUT)(COMPUTE(a[(size_t)i * step_a], b[(size_t)i * step_b]));
}

static Status KERNEL_NAME(const KernelCall *call, Error *err) {
    const LEFT *a = call->args[0].values;
    const RIGHT *b = call->args[1].values;
    OUT *out = call->out->values;
    bool constant_a = kernel_is_constant(&call->args[0]), constant_b = kernel_is_constant(&call->args[1]);
    (void)err;
    if (kernel_is_sparse(call)) {
        size_t step_a = !constant_a, step_b = !constant_b;
        for (int k = 0; k < call->selected; k++) {
            size_t i = call->selection[k];
            out[i] = (OUT)(COMPUTE(a[i * step_a], b[i * step_b]));
        }
    } else if (!constant_a && !constant_b) {
        KERNEL_PASTE(KERNEL_NAME, _loop)(a, 1, b, 1, out, call->row_count);
    } else if (!constant_a) {
        KERNEL_PASTE(KERNEL_NAME, _loop)(a, 1, b, 0, out, call->row_count);
    } else {
        KERNEL_PASTE(KERNEL_NAME, _loop)(a, 0, b, !constant_b, out, call->row_count);
    }
    return STATUS_OK;
}
#undef KERNEL_NAME
#undef LEFT
#undef RIGHT
#undef OUT
#undef COMPUTE
