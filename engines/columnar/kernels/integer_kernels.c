/* Integers: arithmetic of every pair of widths that PostgreSQL's pg_operator has, bit operations, sign, gcd.
 */
#include "engines/columnar/kernels/kernel.h"

/* Each stores the wrapped result and yields a non-zero word when it did not fit. */
#define CHECKED_NARROW(Type, name, op)                                                                       \
    KERNEL_INLINE uint64_t name(int64_t a, int64_t b, Type *out) {                                           \
        int64_t wide = a op b;                                                                               \
        *out = (Type)wide;                                                                                   \
        return (uint64_t)(wide ^ *out);                                                                      \
    }

CHECKED_NARROW(int16_t, add_i16, +)
CHECKED_NARROW(int16_t, sub_i16, -)
CHECKED_NARROW(int16_t, mul_i16, *)
CHECKED_NARROW(int32_t, add_i32, +)
CHECKED_NARROW(int32_t, sub_i32, -)
CHECKED_NARROW(int32_t, mul_i32, *)

KERNEL_INLINE uint64_t add_i64(int64_t a, int64_t b, int64_t *out) {
    int64_t sum = (int64_t)((uint64_t)a + (uint64_t)b);
    *out = sum;
    return (uint64_t)((a ^ sum) & (b ^ sum)) >> 63;
}
KERNEL_INLINE uint64_t sub_i64(int64_t a, int64_t b, int64_t *out) {
    int64_t difference = (int64_t)((uint64_t)a - (uint64_t)b);
    *out = difference;
    return (uint64_t)((a ^ b) & (a ^ difference)) >> 63;
}
KERNEL_INLINE uint64_t mul_i64(int64_t a, int64_t b, int64_t *out) {
    return __builtin_mul_overflow(a, b, out);
}

#define PAIR        i16_i16
#define INT_LEFT    int16_t
#define INT_RIGHT   int16_t
#define INT_OUT     int16_t
#define RANGE_ERROR "smallint"
#define INT_ADD     add_i16
#define INT_SUB     sub_i16
#define INT_MUL     mul_i16
#include "engines/columnar/kernels/integer_arithmetic.inc.c"
#define PAIR        i16_i32
#define INT_LEFT    int16_t
#define INT_RIGHT   int32_t
#define INT_OUT     int32_t
#define RANGE_ERROR "integer"
#define INT_ADD     add_i32
#define INT_SUB     sub_i32
#define INT_MUL     mul_i32
#include "engines/columnar/kernels/integer_arithmetic.inc.c"
#define PAIR        i16_i64
#define INT_LEFT    int16_t
#define INT_RIGHT   int64_t
#define INT_OUT     int64_t
#define RANGE_ERROR "bigint"
#define INT_ADD     add_i64
#define INT_SUB     sub_i64
#define INT_MUL     mul_i64
#include "engines/columnar/kernels/integer_arithmetic.inc.c"
#define PAIR        i32_i16
#define INT_LEFT    int32_t
#define INT_RIGHT   int16_t
#define INT_OUT     int32_t
#define RANGE_ERROR "integer"
#define INT_ADD     add_i32
#define INT_SUB     sub_i32
#define INT_MUL     mul_i32
#include "engines/columnar/kernels/integer_arithmetic.inc.c"
#define PAIR        i32_i32
#define INT_LEFT    int32_t
#define INT_RIGHT   int32_t
#define INT_OUT     int32_t
#define RANGE_ERROR "integer"
#define INT_ADD     add_i32
#define INT_SUB     sub_i32
#define INT_MUL     mul_i32
#include "engines/columnar/kernels/integer_arithmetic.inc.c"
#define PAIR        i32_i64
#define INT_LEFT    int32_t
#define INT_RIGHT   int64_t
#define INT_OUT     int64_t
#define RANGE_ERROR "bigint"
#define INT_ADD     add_i64
#define INT_SUB     sub_i64
#define INT_MUL     mul_i64
#include "engines/columnar/kernels/integer_arithmetic.inc.c"
#define PAIR        i64_i16
#define INT_LEFT    int64_t
#define INT_RIGHT   int16_t
#define INT_OUT     int64_t
#define RANGE_ERROR "bigint"
#define INT_ADD     add_i64
#define INT_SUB     sub_i64
#define INT_MUL     mul_i64
#include "engines/columnar/kernels/integer_arithmetic.inc.c"
#define PAIR        i64_i32
#define INT_LEFT    int64_t
#define INT_RIGHT   int32_t
#define INT_OUT     int64_t
#define RANGE_ERROR "bigint"
#define INT_ADD     add_i64
#define INT_SUB     sub_i64
#define INT_MUL     mul_i64
#include "engines/columnar/kernels/integer_arithmetic.inc.c"
#define PAIR        i64_i64
#define INT_LEFT    int64_t
#define INT_RIGHT   int64_t
#define INT_OUT     int64_t
#define RANGE_ERROR "bigint"
#define INT_ADD     add_i64
#define INT_SUB     sub_i64
#define INT_MUL     mul_i64
#include "engines/columnar/kernels/integer_arithmetic.inc.c"

#define INT_NAME(name) i16_##name
#define INT_TYPE       int16_t
#define RANGE_ERROR    "smallint"
#include "engines/columnar/kernels/integer_unary.inc.c"

#define INT_NAME(name) i32_##name
#define INT_TYPE       int32_t
#define RANGE_ERROR    "integer"
#include "engines/columnar/kernels/integer_unary.inc.c"

#define INT_NAME(name) i64_##name
#define INT_TYPE       int64_t
#define RANGE_ERROR    "bigint"
#include "engines/columnar/kernels/integer_unary.inc.c"

#define PAIR_ROWS(pair, left, right, out)                                                                    \
    KERNEL_FN_RAISES("+", pair##_add, out, left, right),                                                     \
        KERNEL_FN_RAISES("-", pair##_sub, out, left, right),                                                 \
        KERNEL_FN_RAISES("*", pair##_mul, out, left, right),                                                 \
        KERNEL_FN_RAISES("/", pair##_div, out, left, right)
#define UNARY_ROWS(prefix, type)                                                                             \
    KERNEL_FN_RAISES("-", prefix##_neg, type, type), KERNEL_FN("+", prefix##_plus, type, type),              \
        KERNEL_FN_RAISES("abs", prefix##_abs, type, type), KERNEL_FN_RAISES("@", prefix##_abs, type, type)
#define BIT_ROWS(prefix, type)                                                                               \
    KERNEL_FN("&", prefix##_and, type, type, type), KERNEL_FN("|", prefix##_or, type, type, type),           \
        KERNEL_FN("#", prefix##_xor, type, type, type), KERNEL_FN("~", prefix##_not, type, type)
#define SHIFT_ROWS(prefix, type)                                                                             \
    KERNEL_FN("<<", prefix##_shl, type, type, K_INT4), KERNEL_FN(">>", prefix##_shr, type, type, K_INT4)
#define DIVIDE_ROWS(prefix, type)                                                                            \
    KERNEL_FN_RAISES("%", prefix##_##prefix##_mod, type, type, type),                                        \
        KERNEL_FN_RAISES("mod", prefix##_##prefix##_mod, type, type, type)
#define GCD_ROWS(prefix, type)                                                                               \
    KERNEL_FN_RAISES("gcd", prefix##_gcd, type, type, type),                                                 \
        KERNEL_FN_RAISES("lcm", prefix##_lcm, type, type, type)

static const ScalarFunction rows[] = {
    PAIR_ROWS(i16_i16, K_INT2, K_INT2, K_INT2),
    PAIR_ROWS(i16_i32, K_INT2, K_INT4, K_INT4),
    PAIR_ROWS(i16_i64, K_INT2, K_INT8, K_INT8),
    PAIR_ROWS(i32_i16, K_INT4, K_INT2, K_INT4),
    PAIR_ROWS(i32_i32, K_INT4, K_INT4, K_INT4),
    PAIR_ROWS(i32_i64, K_INT4, K_INT8, K_INT8),
    PAIR_ROWS(i64_i16, K_INT8, K_INT2, K_INT8),
    PAIR_ROWS(i64_i32, K_INT8, K_INT4, K_INT8),
    PAIR_ROWS(i64_i64, K_INT8, K_INT8, K_INT8),
    UNARY_ROWS(i16, K_INT2),
    UNARY_ROWS(i32, K_INT4),
    UNARY_ROWS(i64, K_INT8),
    BIT_ROWS(i16, K_INT2),
    BIT_ROWS(i32, K_INT4),
    BIT_ROWS(i64, K_INT8),
    SHIFT_ROWS(i16, K_INT2),
    SHIFT_ROWS(i32, K_INT4),
    SHIFT_ROWS(i64, K_INT8),
    DIVIDE_ROWS(i16, K_INT2),
    DIVIDE_ROWS(i32, K_INT4),
    DIVIDE_ROWS(i64, K_INT8),
    GCD_ROWS(i32, K_INT4),
    GCD_ROWS(i64, K_INT8),
};

FunctionTable integer_functions(void) {
    return KERNEL_TABLE(rows);
}
