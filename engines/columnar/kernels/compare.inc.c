/* The six comparisons of one pair of types. Parameters: COMPARE_NAME(name), COMPARE_LEFT, COMPARE_RIGHT,
 * EQUALS(a, b), LESS(a, b), LESS_EQUAL(a, b). */
#define KERNEL_NAME   COMPARE_NAME(eq)
#define LEFT          COMPARE_LEFT
#define RIGHT         COMPARE_RIGHT
#define OUT           uint8_t
#define COMPUTE(a, b) EQUALS(a, b)
#include "engines/columnar/kernels/binary.inc.c"
#define KERNEL_NAME   COMPARE_NAME(ne)
#define LEFT          COMPARE_LEFT
#define RIGHT         COMPARE_RIGHT
#define OUT           uint8_t
#define COMPUTE(a, b) !(EQUALS(a, b))
#include "engines/columnar/kernels/binary.inc.c"
#define KERNEL_NAME   COMPARE_NAME(lt)
#define LEFT          COMPARE_LEFT
#define RIGHT         COMPARE_RIGHT
#define OUT           uint8_t
#define COMPUTE(a, b) LESS(a, b)
#include "engines/columnar/kernels/binary.inc.c"
#define KERNEL_NAME   COMPARE_NAME(le)
#define LEFT          COMPARE_LEFT
#define RIGHT         COMPARE_RIGHT
#define OUT           uint8_t
#define COMPUTE(a, b) LESS_EQUAL(a, b)
#include "engines/columnar/kernels/binary.inc.c"
#define KERNEL_NAME   COMPARE_NAME(gt)
#define LEFT          COMPARE_LEFT
#define RIGHT         COMPARE_RIGHT
#define OUT           uint8_t
#define COMPUTE(a, b) !(LESS_EQUAL(a, b))
#include "engines/columnar/kernels/binary.inc.c"
#define KERNEL_NAME   COMPARE_NAME(ge)
#define LEFT          COMPARE_LEFT
#define RIGHT         COMPARE_RIGHT
#define OUT           uint8_t
#define COMPUTE(a, b) !(LESS(a, b))
#include "engines/columnar/kernels/binary.inc.c"
#undef COMPARE_NAME
#undef COMPARE_LEFT
#undef COMPARE_RIGHT
#undef EQUALS
#undef LESS
#undef LESS_EQUAL
