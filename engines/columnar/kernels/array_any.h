/* What the binder puts beside a call of "$any" or "$all" (Expr.bind_data): the operator between the left
 * value and an element. It must be strict, and not want a constant right side. */
#pragma once

#include "engines/columnar/kernels/array_kernels.h"

typedef struct ArrayOperator {
    const ScalarFunction *function;
    const void *bind_data;
} ArrayOperator;
