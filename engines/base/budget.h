/* Memory that may be refused. A process has one Budget, each query a child of it; big things (vectors, hash
 * tables, file buffers) are reserved here before they are allocated. A refusal is SQLSTATE 53200, which the
 * operator turns into a spill or passes on; nothing else in the process notices. Thread-safe. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "engines/base/error.h"

typedef struct Budget {
    struct Budget *parent; /* may be NULL */
    int64_t limit_bytes;   /* 0 = only the parent's limit */
    _Atomic int64_t used_bytes;
    _Atomic int64_t peak_bytes;
} Budget;

void budget_init(Budget *budget, Budget *parent, int64_t limit_bytes);
/* Gives everything still reserved back to the parent. */
void budget_deinit(Budget *budget);
Status budget_reserve(Budget *budget, int64_t bytes, Error *err);
void budget_release(Budget *budget, int64_t bytes);
