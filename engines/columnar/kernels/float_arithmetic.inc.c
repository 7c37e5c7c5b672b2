/* + - * / of one pair of float types. Parameters: FLOAT_NAME(name), FLOAT_LEFT, FLOAT_RIGHT, FLOAT_OUT.
 * The loops compute every row and gather whether any result is infinite (or zero, for * and /); only then the
 * rows are checked one by one. */
KERNEL_INLINE bool FLOAT_NAME(loop)(char op, const FLOAT_LEFT *restrict a, size_t step_a,
                                    const FLOAT_RIGHT *restrict b, size_t step_b, FLOAT_OUT *restrict out,
                                    int rows) {
    int odd = 0;
    for (int i = 0; i < rows; i++) {
        FLOAT_OUT x = (FLOAT_OUT)a[(size_t)i * step_a], y = (FLOAT_OUT)b[(size_t)i * step_b];
        FLOAT_OUT result = op == '+' ? x + y : op == '-' ? x - y : op == '*' ? x * y : x / y;
        out[i] = result;
        odd |= (result - result != 0) | ((op == '*' || op == '/') & (result == 0));
    }
    return odd;
}

static Status FLOAT_NAME(check)(const KernelCall *call, char op, Error *err) {
    const FLOAT_OUT *out = call->out->values;
    KERNEL_ROWS(call, row) {
        FLOAT_OUT a = (FLOAT_OUT)KERNEL_ARG(call, 0, FLOAT_LEFT, row),
                  b = (FLOAT_OUT)KERNEL_ARG(call, 1, FLOAT_RIGHT, row);
        if (op == '/' && b == 0 && !isnan(a))
            return error_set(err, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
        if (isinf(out[row]) && !isinf(a) && !isinf(b)) return float_overflow(err);
        if (op == '*' && out[row] == 0 && a != 0 && b != 0) return float_underflow(err);
        if (op == '/' && out[row] == 0 && a != 0 && !isinf(b)) return float_underflow(err);
    }
    return STATUS_OK;
}

KERNEL_INLINE Status FLOAT_NAME(run)(const KernelCall *call, char op, Error *err) {
    const FLOAT_LEFT *a = call->args[0].values;
    const FLOAT_RIGHT *b = call->args[1].values;
    bool constant_a = kernel_is_constant(&call->args[0]), constant_b = kernel_is_constant(&call->args[1]),
         odd;
    if (!constant_a && !constant_b)
        odd = FLOAT_NAME(loop)(op, a, 1, b, 1, call->out->values, call->row_count);
    else if (!constant_a)
        odd = FLOAT_NAME(loop)(op, a, 1, b, 0, call->out->values, call->row_count);
    else
        odd = FLOAT_NAME(loop)(op, a, 0, b, !constant_b, call->out->values, call->row_count);
    return odd ? FLOAT_NAME(check)(call, op, err) : STATUS_OK;
}
static Status FLOAT_NAME(add)(const KernelCall *call, Error *err) {
    return FLOAT_NAME(run)(call, '+', err);
}
static Status FLOAT_NAME(sub)(const KernelCall *call, Error *err) {
    return FLOAT_NAME(run)(call, '-', err);
}
static Status FLOAT_NAME(mul)(const KernelCall *call, Error *err) {
    return FLOAT_NAME(run)(call, '*', err);
}
static Status FLOAT_NAME(div)(const KernelCall *call, Error *err) {
    return FLOAT_NAME(run)(call, '/', err);
}
#undef FLOAT_NAME
#undef FLOAT_LEFT
#undef FLOAT_RIGHT
#undef FLOAT_OUT
