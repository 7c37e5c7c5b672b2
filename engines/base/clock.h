/* Time, with the unit in the name. */
#pragma once

#include <stdint.h>
#include <time.h>

/* Monotonic, for durations and deadlines. */
static inline int64_t clock_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
/* Microseconds since 1970-01-01 00:00:00 UTC. */
static inline int64_t clock_wall_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
