#include "engines/columnar/kernels/kernel_limits.h"

static _Thread_local KernelLimits *current;

KernelLimits *kernel_limits_enter(KernelLimits *limits) {
    KernelLimits *before = current;
    limits->stopped = limits->out_of_memory = limits->too_large = false;
    current = limits;
    return before;
}

static Status refuse(const KernelLimits *limits, Error *err) {
    if (limits->stopped) return cancel_check(limits->cancel, err);
    if (limits->too_large)
        return error_set(err, SQLSTATE_PROGRAM_LIMIT, "out of memory: a value of more than 1 GB");
    return error_set(err, SQLSTATE_OUT_OF_MEMORY,
                     "the statement needs more than its memory budget for one batch of rows");
}

Status kernel_limits_leave(KernelLimits *before, Status status, Error *err) {
    const KernelLimits *limits = current;
    current = before;
    return limits->stopped || limits->out_of_memory || limits->too_large ? refuse(limits, err) : status;
}

static int64_t left_of(const Budget *budget) {
    int64_t left = INT64_MAX;
    for (; budget; budget = budget->parent) {
        int64_t here = budget->limit_bytes - atomic_load_explicit(&budget->used_bytes, memory_order_relaxed);
        if (budget->limit_bytes > 0 && here < left) left = here;
    }
    return left;
}

Status kernel_room(const Arena *arena, size_t bytes, Error *err) {
    enum { SMALL_BYTES = 1 << 20 };
    if (!current || arena->used_bytes + bytes < SMALL_BYTES) return STATUS_OK;
    int64_t wanted = (int64_t)(arena->used_bytes + bytes);
    if (current->budget && wanted > left_of(current->budget)) current->out_of_memory = true;
    if (bytes > KERNEL_MOST_VALUE_BYTES) current->too_large = true;
    if (!current->out_of_memory && !current->too_large && !kernel_is_stopped()) return STATUS_OK;
    return refuse(current, err);
}

bool kernel_is_stopped(void) {
    if (current && !current->stopped && cancel_is_requested(current->cancel)) current->stopped = true;
    return current && current->stopped;
}
