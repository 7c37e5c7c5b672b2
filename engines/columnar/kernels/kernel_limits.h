/* What one kernel call may take: memory and time. One call covers up to 2048 rows, and one row may ask for a
 * gigabyte or for a match that takes hours, so the executor's checks between batches come too late.
 *
 * Use: the executor (or the planner, for constants) puts limits around a call: kernel_limits_enter, the call,
 * kernel_limits_leave. In between, on that thread, kernels ask. Without limits everything is granted. What is
 * refused is remembered: kernel_limits_leave fails then, even where a kernel could not.
 */
#pragma once

#include <stdbool.h>

#include "engines/base/arena.h"
#include "engines/base/budget.h"
#include "engines/base/cancel.h"

typedef struct KernelLimits {
    const Budget *budget; /* what it has left bounds the batch's arena; NULL = no bound */
    CancelToken *cancel;
    bool stopped, out_of_memory, too_large;
} KernelLimits;

/* Returns the limits that stood before, for kernel_limits_leave. */
KernelLimits *kernel_limits_enter(KernelLimits *limits);
Status kernel_limits_leave(KernelLimits *before, Status status, Error *err);

/* PostgreSQL's limit on one value. */
enum { KERNEL_MOST_VALUE_BYTES = 1073741819 };
/* For one value of `bytes` bytes. 54000 when it is too large for any, 53200 when with it `arena` would go
 * beyond the budget, 57014 when the statement was stopped. */
Status kernel_room(const Arena *arena, size_t bytes, Error *err);
/* The statement was stopped: whatever the kernel returns now is thrown away. */
bool kernel_is_stopped(void);
