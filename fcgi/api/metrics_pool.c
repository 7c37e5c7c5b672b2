#include "fcgi/api/metrics_pool.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/base/clock.h"
#include "fcgi/api/shared_map.h"

enum { SLOTS = 256, SLOT_BYTES = 64 << 10 };
#define FILE_PREFIX "metrics-"

typedef struct Slot {
    _Atomic bool used; /* by a process that is or was */
    _Atomic int64_t pid, started_us;
    char version[32];
    _Alignas(64) Metrics counters;
    _Alignas(64) _Atomic uint64_t published[PUBLISHED_COUNT][METRICS_ENGINES]; /* doubles */
} Slot;
_Static_assert(sizeof(Slot) <= SLOT_BYTES, "a slot has its pages for itself");
_Static_assert(sizeof(Metrics) % sizeof(uint64_t) == 0, "counters and nothing else");

struct MetricsPool {
    char *memory; /* slots, SLOT_BYTES apart */
    int count;    /* of slots there may be */
    int own;
    int fd; /* its locks are the slots' owners'; -1 = alone */
    pthread_mutex_t lock;
    PublishedValues before; /* the slot's when it was taken */
};

static Slot *slot_at(const MetricsPool *pool, int index) {
    return (Slot *)(pool->memory + (size_t)index * SLOT_BYTES);
}

static double read_double(_Atomic uint64_t *from) {
    uint64_t bits = atomic_load_explicit(from, memory_order_relaxed);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void write_double(_Atomic uint64_t *to, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    atomic_store_explicit(to, bits, memory_order_relaxed);
}

static void read_published(Slot *slot, PublishedValues *out) {
    for (int id = 0; id < PUBLISHED_COUNT; id++)
        for (int engine = 0; engine < METRICS_ENGINES; engine++)
            out->values[id][engine] = read_double(&slot->published[id][engine]);
}

/* ---- life ------------------------------------------------------------------------------------------------
 */

static MetricsPool *make(char *memory, int count, int fd, int own) {
    MetricsPool *pool = calloc(1, sizeof *pool);
    if (!pool) abort();
    pool->memory = memory;
    pool->count = count;
    pool->fd = fd;
    pool->own = own;
    pthread_mutex_init(&pool->lock, NULL);
    Slot *slot = slot_at(pool, own);
    read_published(slot, &pool->before);
    snprintf(slot->version, sizeof slot->version, "%s", SIGNALBOX_VERSION);
    atomic_store(&slot->pid, (int64_t)getpid());
    atomic_store(&slot->started_us, clock_wall_us());
    atomic_store(&slot->used, true);
    return pool;
}

MetricsPool *metrics_pool_alone(void) {
    char *memory = aligned_alloc(64, SLOT_BYTES);
    if (!memory) abort();
    memset(memory, 0, SLOT_BYTES);
    return make(memory, 1, -1, 0);
}

/* Locks of the open file: they end with this process, and not when another descriptor of the file is closed.
 */
static bool lock_slot(int fd, int command, int index, struct flock *lock) {
    *lock = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = index, .l_len = 1};
    return fcntl(fd, command, lock) == 0;
}

/* Its processes go on counting there; nobody else looks. */
static void remove_other_layouts(const char *directory, const char *own_name) {
    DIR *entries = opendir(directory);
    if (!entries) return;
    for (struct dirent *entry; (entry = readdir(entries));)
        if (!strncmp(entry->d_name, FILE_PREFIX, sizeof FILE_PREFIX - 1) &&
            strcmp(entry->d_name, own_name) != 0)
            unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
}

Status metrics_pool_open(const char *directory, uint64_t layout, MetricsPool **out, Error *err) {
    char name[64], path[4096];
    snprintf(name, sizeof name, FILE_PREFIX "%016llx", (unsigned long long)layout);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    void *memory = NULL;
    TRY(shared_map_open(path, (size_t)SLOTS * SLOT_BYTES, &memory, err));
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW), own = 0;
    struct flock lock;
    while (fd >= 0 && own < SLOTS && !lock_slot(fd, F_OFD_SETLK, own, &lock))
        own++;
    if (fd < 0 || own == SLOTS) {
        if (fd >= 0) close(fd);
        shared_map_close(memory, (size_t)SLOTS * SLOT_BYTES);
        return error_set(err, "53400", "no slot of %s is free", path);
    }
    remove_other_layouts(directory, name);
    *out = make(memory, SLOTS, fd, own);
    return STATUS_OK;
}

void metrics_pool_close(MetricsPool *pool) {
    if (!pool) return;
    if (pool->fd >= 0) {
        shared_map_close(pool->memory, (size_t)SLOTS * SLOT_BYTES);
        close(pool->fd);
    } else {
        free(pool->memory);
    }
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* ---- writing ---------------------------------------------------------------------------------------------
 */

Metrics *metrics_pool_own(MetricsPool *pool) {
    return &slot_at(pool, pool->own)->counters;
}

void metrics_pool_publish(MetricsPool *pool, const PublishedValues *values) {
    Slot *slot = slot_at(pool, pool->own);
    pthread_mutex_lock(&pool->lock); /* an older look must not overwrite a newer one's counters */
    for (int id = 0; id < PUBLISHED_COUNT; id++)
        for (int engine = 0; engine < METRICS_ENGINES; engine++) {
            _Atomic uint64_t *to = &slot->published[id][engine];
            double value = values->values[id][engine];
            if (published_at(id)->kind == PUBLISHED_COUNTER) {
                value += pool->before.values[id][engine];
                if (value < read_double(to)) continue;
            }
            write_double(to, value);
        }
    pthread_mutex_unlock(&pool->lock);
}

/* ---- reading ---------------------------------------------------------------------------------------------
 */

static bool is_alive(MetricsPool *pool, int index) {
    if (index == pool->own) return true;
    struct flock lock;
    return lock_slot(pool->fd, F_OFD_GETLK, index, &lock) && lock.l_type != F_UNLCK;
}

/* Each process reads the pool's counters by itself, and may have read them before another one did. */
static void add_published(PublishedValues *sum, Slot *slot, bool own) {
    for (int id = 0; id < PUBLISHED_COUNT; id++)
        for (int engine = 0; engine < METRICS_ENGINES; engine++) {
            double *to = &sum->values[id][engine], value = read_double(&slot->published[id][engine]);
            PublishedKind kind = published_at(id)->kind;
            if (kind == PUBLISHED_POOL_COUNTER)
                *to = value > *to ? value : *to;
            else if (kind == PUBLISHED_COUNTER || own)
                *to += value;
        }
}

void metrics_pool_sum(MetricsPool *pool, MetricsSum *out) {
    memset(out, 0, sizeof *out);
    _Atomic uint64_t *sums = (_Atomic uint64_t *)&out->counters;
    for (int index = 0; index < pool->count; index++) {
        Slot *slot = slot_at(pool, index);
        if (!atomic_load(&slot->used)) break; /* the lowest free one is always taken */
        _Atomic uint64_t *counters = (_Atomic uint64_t *)&slot->counters;
        for (size_t i = 0; i < sizeof(Metrics) / sizeof(uint64_t); i++)
            atomic_store_explicit(&sums[i],
                                  atomic_load_explicit(&sums[i], memory_order_relaxed) +
                                      atomic_load_explicit(&counters[i], memory_order_relaxed),
                                  memory_order_relaxed);
        add_published(&out->published, slot, index == pool->own);
    }
}

void metrics_pool_each(MetricsPool *pool, void (*visit)(void *context, const MetricsProcess *process),
                       void *context) {
    for (int index = 0; index < pool->count; index++) {
        Slot *slot = slot_at(pool, index);
        if (!atomic_load(&slot->used)) break;
        if (!is_alive(pool, index)) continue;
        MetricsProcess process = {.slot = index,
                                  .pid = atomic_load(&slot->pid),
                                  .started_seconds = (double)atomic_load(&slot->started_us) / 1e6};
        memcpy(process.version, slot->version, sizeof process.version);
        process.version[sizeof process.version - 1] = 0;
        read_published(slot, &process.published);
        visit(context, &process);
    }
}
