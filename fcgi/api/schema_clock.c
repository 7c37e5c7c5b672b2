#include "fcgi/api/schema_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef _Atomic uint64_t Counter;

struct SchemaClock {
    Counter *counter;
};

Status schema_clock_open(const char *path, SchemaClock **out, Error *err) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
    if (fd < 0) return error_set_errno(err, errno, "cannot open %s", path);
    void *memory = MAP_FAILED;
    if (ftruncate(fd, sizeof(Counter)) == 0) /* every process makes it the same size */
        memory = mmap(NULL, sizeof(Counter), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int failure = errno;
    close(fd);
    if (memory == MAP_FAILED) return error_set_errno(err, failure, "cannot map %s", path);
    SchemaClock *clock = calloc(1, sizeof *clock);
    if (!clock) abort();
    clock->counter = memory;
    *out = clock;
    return STATUS_OK;
}

void schema_clock_close(SchemaClock *clock) {
    if (!clock) return;
    munmap(clock->counter, sizeof(Counter));
    free(clock);
}

uint64_t schema_clock_read(const SchemaClock *clock) {
    return atomic_load_explicit(clock->counter, memory_order_acquire);
}

void schema_clock_advance(SchemaClock *clock) {
    atomic_fetch_add_explicit(clock->counter, 1, memory_order_acq_rel);
}
