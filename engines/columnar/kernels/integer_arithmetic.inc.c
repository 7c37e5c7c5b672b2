/* + - * / for one pair of integer types. Parameters: PAIR (name prefix), INT_LEFT, INT_RIGHT, INT_OUT,
 * RANGE_ERROR, INT_ADD, INT_SUB, INT_MUL: checked forms for INT_OUT. */
#define KERNEL_NAME        KERNEL_PASTE(PAIR, _add)
#define LEFT               INT_LEFT
#define RIGHT              INT_RIGHT
#define OUT                INT_OUT
#define COMPUTE(a, b, out) INT_ADD(a, b, out)
#include "engines/columnar/kernels/checked.inc.c"
#define KERNEL_NAME        KERNEL_PASTE(PAIR, _sub)
#define LEFT               INT_LEFT
#define RIGHT              INT_RIGHT
#define OUT                INT_OUT
#define COMPUTE(a, b, out) INT_SUB(a, b, out)
#include "engines/columnar/kernels/checked.inc.c"
#define KERNEL_NAME        KERNEL_PASTE(PAIR, _mul)
#define LEFT               INT_LEFT
#define RIGHT              INT_RIGHT
#define OUT                INT_OUT
#define COMPUTE(a, b, out) INT_MUL(a, b, out)
#include "engines/columnar/kernels/checked.inc.c"

static Status KERNEL_PASTE(PAIR, _div)(const KernelCall *call, Error *err) {
    INT_OUT *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int64_t a = KERNEL_ARG(call, 0, INT_LEFT, row), b = KERNEL_ARG(call, 1, INT_RIGHT, row), quotient;
        if (b == 0) return error_set(err, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
        bool bad = b == -1 ? __builtin_sub_overflow((int64_t)0, a, &quotient) : (quotient = a / b, false);
        out[row] = (INT_OUT)quotient;
        if (bad || out[row] != quotient)
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "%s out of range", RANGE_ERROR);
    }
    return STATUS_OK;
}

__attribute__((unused)) static Status KERNEL_PASTE(PAIR, _mod)(const KernelCall *call, Error *err) {
    INT_OUT *out = call->out->values;
    KERNEL_ROWS(call, row) {
        int64_t a = KERNEL_ARG(call, 0, INT_LEFT, row), b = KERNEL_ARG(call, 1, INT_RIGHT, row);
        if (b == 0) return error_set(err, SQLSTATE_DIVISION_BY_ZERO, "division by zero");
        out[row] = b == -1 ? 0 : (INT_OUT)(a % b);
    }
    return STATUS_OK;
}
#undef PAIR
#undef INT_LEFT
#undef INT_RIGHT
#undef INT_OUT
#undef INT_ADD
#undef INT_SUB
#undef INT_MUL
#undef RANGE_ERROR
