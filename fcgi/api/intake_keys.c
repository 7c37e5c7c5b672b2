#include "fcgi/api/intake_keys.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "engines/base/hash.h"
#include "fcgi/api/shared_map.h"

enum { BUCKETS = 1024, WAYS = 8 };
enum { SLOT_FREE, SLOT_BEGUN, SLOT_DONE };

typedef struct Slot {
    uint64_t key[2]; /* two hashes of it */
    uint64_t body_hash;
    int64_t since_us;
    IntakeOutcome outcome;
    int64_t state; /* written last: a process may die in between */
} Slot;

struct IntakeKeys {
    Slot (*buckets)[WAYS];
    int fd;               /* its lock is the processes'; gone with the one that holds it */
    pthread_mutex_t lock; /* the threads' */
};

Status intake_keys_open(const char *path, IntakeKeys **out, Error *err) {
    void *memory = NULL;
    TRY(shared_map_open(path, sizeof(Slot[BUCKETS][WAYS]), &memory, err));
    IntakeKeys *keys = calloc(1, sizeof *keys);
    if (!keys) abort();
    keys->buckets = memory;
    keys->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    pthread_mutex_init(&keys->lock, NULL);
    *out = keys;
    return STATUS_OK;
}

void intake_keys_close(IntakeKeys *keys) {
    if (!keys) return;
    shared_map_close(keys->buckets, sizeof(Slot[BUCKETS][WAYS]));
    if (keys->fd >= 0) close(keys->fd);
    pthread_mutex_destroy(&keys->lock);
    free(keys);
}

static void lock(IntakeKeys *keys) {
    pthread_mutex_lock(&keys->lock);
    while (keys->fd >= 0 && flock(keys->fd, LOCK_EX) != 0) {
    }
}

static void unlock(IntakeKeys *keys) {
    if (keys->fd >= 0) flock(keys->fd, LOCK_UN);
    pthread_mutex_unlock(&keys->lock);
}

/* The key's slot, or NULL; *oldest is the one to take for a new key. */
static Slot *find(IntakeKeys *keys, const char *key, uint64_t hashes[2], Slot **oldest) {
    hashes[0] = hash64_bytes(key, strlen(key), 0);
    hashes[1] = hash64_bytes(key, strlen(key), 0x9E3779B97F4A7C15u);
    Slot *bucket = keys->buckets[hashes[0] % BUCKETS];
    *oldest = &bucket[0];
    for (int i = 0; i < WAYS; i++) {
        if (bucket[i].state != SLOT_FREE && bucket[i].key[0] == hashes[0] && bucket[i].key[1] == hashes[1])
            return &bucket[i];
        if (bucket[i].since_us < (*oldest)->since_us) *oldest = &bucket[i];
    }
    return NULL;
}

IntakeKeyState intake_keys_begin(IntakeKeys *keys, const char *key, uint64_t body_hash,
                                 IntakeOutcome *outcome) {
    uint64_t hashes[2];
    Slot *oldest;
    IntakeKeyState state = INTAKE_KEY_NEW;
    lock(keys);
    Slot *slot = find(keys, key, hashes, &oldest);
    if (slot) {
        *outcome = slot->outcome;
        state = slot->body_hash != body_hash ? INTAKE_KEY_OTHER_BODY
                : slot->state == SLOT_BEGUN  ? INTAKE_KEY_BEGUN
                                             : INTAKE_KEY_DONE;
    } else {
        oldest->state = SLOT_FREE;
        oldest->key[0] = hashes[0];
        oldest->key[1] = hashes[1];
        oldest->body_hash = body_hash;
        oldest->since_us = clock_wall_us();
        oldest->state = SLOT_BEGUN;
    }
    unlock(keys);
    return state;
}

void intake_keys_done(IntakeKeys *keys, const char *key, const IntakeOutcome *outcome) {
    uint64_t hashes[2];
    Slot *oldest;
    lock(keys);
    Slot *slot = find(keys, key, hashes, &oldest);
    if (slot) {
        slot->outcome = *outcome;
        slot->state = SLOT_DONE;
    }
    unlock(keys);
}

void intake_keys_forget(IntakeKeys *keys, const char *key) {
    uint64_t hashes[2];
    Slot *oldest;
    lock(keys);
    Slot *slot = find(keys, key, hashes, &oldest);
    if (slot) {
        slot->state = SLOT_FREE;
        slot->since_us = 0;
    }
    unlock(keys);
}
