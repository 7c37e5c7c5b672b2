#include "engines/base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash64_bytes(const void *data, size_t length, uint64_t seed) {
    return XXH3_64bits_withSeed(data, length, seed);
}

uint64_t hash64_xxh64(const void *data, size_t length) {
    if (!data) return XXH64("", 0, 0);
    return XXH64(data, length, 0);
}
