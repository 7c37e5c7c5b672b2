#include "fcgi/api/schema_clock.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "fcgi/api/shared_map.h"

typedef _Atomic uint64_t Counter;

struct SchemaClock {
    Counter *counter;
};

Status schema_clock_open(const char *path, SchemaClock **out, Error *err) {
    void *memory = NULL;
    TRY(shared_map_open(path, sizeof(Counter), &memory, err));
    SchemaClock *clock = calloc(1, sizeof *clock);
    if (!clock) abort();
    clock->counter = memory;
    *out = clock;
    return STATUS_OK;
}

void schema_clock_close(SchemaClock *clock) {
    if (!clock) return;
    shared_map_close(clock->counter, sizeof(Counter));
    free(clock);
}

uint64_t schema_clock_read(const SchemaClock *clock) {
    return atomic_load_explicit(clock->counter, memory_order_acquire);
}

void schema_clock_advance(SchemaClock *clock) {
    atomic_fetch_add_explicit(clock->counter, 1, memory_order_acq_rel);
}
