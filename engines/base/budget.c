#include "engines/base/budget.h"

void budget_init(Budget *budget, Budget *parent, int64_t limit_bytes) {
    budget->parent = parent;
    budget->limit_bytes = limit_bytes;
    atomic_init(&budget->used_bytes, 0);
    atomic_init(&budget->peak_bytes, 0);
}

void budget_deinit(Budget *budget) {
    budget_release(budget, atomic_load(&budget->used_bytes));
}

static void note_peak(Budget *budget, int64_t used) {
    int64_t peak = atomic_load_explicit(&budget->peak_bytes, memory_order_relaxed);
    while (used > peak && !atomic_compare_exchange_weak(&budget->peak_bytes, &peak, used)) {
    }
}

Status budget_reserve(Budget *budget, int64_t bytes, Error *err) {
    if (!budget) return STATUS_OK;
    enum { SHIFT_OF_MOST = 60 };
    bool absurd = bytes < 0 || bytes > INT64_C(1)
                                           << SHIFT_OF_MOST; /* such sums would wrap around the limit */
    int64_t used = absurd ? 0 : atomic_fetch_add(&budget->used_bytes, bytes) + bytes;
    if (absurd || (budget->limit_bytes && used > budget->limit_bytes)) {
        if (!absurd) atomic_fetch_sub(&budget->used_bytes, bytes);
        return error_set(err, SQLSTATE_OUT_OF_MEMORY,
                         "the statement needs more than its memory budget of %lld MiB",
                         (long long)(budget->limit_bytes >> 20));
    }
    if (budget_reserve(budget->parent, bytes, err) != STATUS_OK) {
        atomic_fetch_sub(&budget->used_bytes, bytes);
        return STATUS_ERROR;
    }
    note_peak(budget, used);
    return STATUS_OK;
}

void budget_release(Budget *budget, int64_t bytes) {
    for (; budget; budget = budget->parent)
        atomic_fetch_sub(&budget->used_bytes, bytes);
}
