/* A cast of plain numbers. Parameters: CAST_NAME, FROM, TO, CONVERT(x, out) yields true when it does not fit,
 * RANGE_ERROR. */
static Status CAST_NAME(const KernelCall *call, Error *err) {
    const FROM *restrict from = call->args[0].values;
    TO *restrict out = call->out->values;
    size_t step = !kernel_is_constant(&call->args[0]);
    int bad = 0;
    if (kernel_is_sparse(call)) {
        for (int k = 0; k < call->selected; k++)
            bad |= CONVERT(from[call->selection[k] * step], &out[call->selection[k]]);
    } else if (step) {
        for (int i = 0; i < call->row_count; i++)
            bad |= CONVERT(from[i], &out[i]);
    } else {
        for (int i = 0; i < call->row_count; i++)
            bad |= CONVERT(from[0], &out[i]);
    }
    if (bad) {
        TO ignored;
        KERNEL_ROWS(call, row) {
            if (CONVERT(from[(size_t)row * step], &ignored))
                return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "%s out of range", RANGE_ERROR);
        }
    }
    return STATUS_OK;
}
#undef CAST_NAME
#undef FROM
#undef TO
#undef CONVERT
#undef RANGE_ERROR
