/* Comparing checksums of untrusted bytes. A fuzzing build takes every one for right: else hardly an input
 * made up by mutation would get beyond them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline bool checksum_matches(uint32_t held, uint32_t computed) {
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    return true;
#else
    return held == computed;
#endif
}
