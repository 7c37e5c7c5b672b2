#include "fcgi/api/attempts.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engines/base/clock.h"
#include "engines/base/hash.h"
#include "fcgi/api/shared_map.h"

enum { BUCKETS = 8192, WAYS = 8 };

typedef struct Slot {
    _Atomic uint64_t identifier; /* hash, 0 = free */
    _Atomic int64_t since_us;
} Slot;

struct Attempts {
    Slot (*buckets)[WAYS];
};

Status attempts_open(const char *path, Attempts **out, Error *err) {
    void *memory = NULL;
    TRY(shared_map_open(path, sizeof(Slot[BUCKETS][WAYS]), &memory, err));
    Attempts *attempts = calloc(1, sizeof *attempts);
    attempts->buckets = memory;
    *out = attempts;
    return STATUS_OK;
}

void attempts_close(Attempts *attempts) {
    if (!attempts) return;
    shared_map_close(attempts->buckets, sizeof(Slot[BUCKETS][WAYS]));
    free(attempts);
}

bool attempts_begin(Attempts *attempts, const char *identifier) {
    uint64_t hash = hash64_bytes(identifier, strlen(identifier), 0) | 1;
    Slot *bucket = attempts->buckets[(hash >> 32) % BUCKETS];
    for (;;) {
        Slot *oldest = &bucket[0];
        for (int i = 0; i < WAYS; i++) {
            if (atomic_load(&bucket[i].identifier) == hash) return false;
            if (atomic_load(&bucket[i].since_us) < atomic_load(&oldest->since_us)) oldest = &bucket[i];
        }
        uint64_t replaced = atomic_load(&oldest->identifier);
        if (replaced == hash) return false;
        /* The time first: a slot that is taken but looks old would be the next one's to overwrite. */
        atomic_store(&oldest->since_us, clock_wall_us());
        if (atomic_compare_exchange_strong(&oldest->identifier, &replaced, hash)) return true;
    }
}
