/* One integer width: negation, abs, bit operations, shifts, gcd and lcm. Parameters: INT_NAME(name),
 * INT_TYPE, RANGE_ERROR. */
static Status INT_NAME(neg)(const KernelCall *call, Error *err) {
    INT_TYPE *out = call->out->values;
    KERNEL_ROWS(call, row) {
        if (__builtin_sub_overflow((INT_TYPE)0, KERNEL_ARG(call, 0, INT_TYPE, row), &out[row]))
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "%s out of range", RANGE_ERROR);
    }
    return STATUS_OK;
}

static Status INT_NAME(plus)(const KernelCall *call, Error *err) {
    INT_TYPE *out = call->out->values;
    (void)err;
    KERNEL_ROWS(call, row) out[row] = KERNEL_ARG(call, 0, INT_TYPE, row);
    return STATUS_OK;
}

static Status INT_NAME(abs)(const KernelCall *call, Error *err) {
    INT_TYPE *out = call->out->values;
    KERNEL_ROWS(call, row) {
        INT_TYPE value = KERNEL_ARG(call, 0, INT_TYPE, row);
        out[row] = value;
        if (value < 0 && __builtin_sub_overflow((INT_TYPE)0, value, &out[row]))
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "%s out of range", RANGE_ERROR);
    }
    return STATUS_OK;
}

static Status INT_NAME(not )(const KernelCall *call, Error *err) {
    INT_TYPE *out = call->out->values;
    (void)err;
    KERNEL_ROWS(call, row) out[row] = (INT_TYPE)~KERNEL_ARG(call, 0, INT_TYPE, row);
    return STATUS_OK;
}

#define KERNEL_NAME   INT_NAME(and)
#define LEFT          INT_TYPE
#define RIGHT         INT_TYPE
#define OUT           INT_TYPE
#define COMPUTE(a, b) ((a) & (b))
#include "engines/columnar/kernels/binary.inc.c"
#define KERNEL_NAME   INT_NAME(or)
#define LEFT          INT_TYPE
#define RIGHT         INT_TYPE
#define OUT           INT_TYPE
#define COMPUTE(a, b) ((a) | (b))
#include "engines/columnar/kernels/binary.inc.c"
#define KERNEL_NAME   INT_NAME(xor)
#define LEFT          INT_TYPE
#define RIGHT         INT_TYPE
#define OUT           INT_TYPE
#define COMPUTE(a, b) ((a) ^ (b))
#include "engines/columnar/kernels/binary.inc.c"
/* Shift counts wrap as x86 does it for PostgreSQL: int2 is shifted as int4. */
#define KERNEL_NAME   INT_NAME(shl)
#define LEFT          INT_TYPE
#define RIGHT         int32_t
#define OUT           INT_TYPE
#define COMPUTE(a, b) ((uint64_t)(int64_t)(a) << ((b) & (sizeof(INT_TYPE) == 8 ? 63 : 31)))
#include "engines/columnar/kernels/binary.inc.c"
#define KERNEL_NAME   INT_NAME(shr)
#define LEFT          INT_TYPE
#define RIGHT         int32_t
#define OUT           INT_TYPE
#define COMPUTE(a, b) ((int64_t)(a) >> ((b) & (sizeof(INT_TYPE) == 8 ? 63 : 31)))
#include "engines/columnar/kernels/binary.inc.c"

static inline uint64_t INT_NAME(gcd_of)(int64_t left, int64_t right) {
    uint64_t a = left < 0 ? 0 - (uint64_t)left : (uint64_t)left,
             b = right < 0 ? 0 - (uint64_t)right : (uint64_t)right;
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

__attribute__((unused)) static Status INT_NAME(gcd)(const KernelCall *call, Error *err) {
    INT_TYPE *out = call->out->values;
    KERNEL_ROWS(call, row) {
        uint64_t gcd =
            INT_NAME(gcd_of)(KERNEL_ARG(call, 0, INT_TYPE, row), KERNEL_ARG(call, 1, INT_TYPE, row));
        out[row] = (INT_TYPE)gcd;
        if (gcd != (uint64_t)out[row] || out[row] < 0)
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "%s out of range", RANGE_ERROR);
    }
    return STATUS_OK;
}

__attribute__((unused)) static Status INT_NAME(lcm)(const KernelCall *call, Error *err) {
    INT_TYPE *out = call->out->values;
    KERNEL_ROWS(call, row) {
        INT_TYPE a = KERNEL_ARG(call, 0, INT_TYPE, row), b = KERNEL_ARG(call, 1, INT_TYPE, row);
        out[row] = 0;
        if (a == 0 || b == 0) continue;
        Int128 lcm = (Int128)a / (Int128)INT_NAME(gcd_of)(a, b) * b;
        lcm = lcm < 0 ? -lcm : lcm;
        out[row] = (INT_TYPE)lcm;
        if (lcm != out[row])
            return error_set(err, SQLSTATE_NUMERIC_OUT_OF_RANGE, "%s out of range", RANGE_ERROR);
    }
    return STATUS_OK;
}
#undef INT_NAME
#undef INT_TYPE
#undef RANGE_ERROR
