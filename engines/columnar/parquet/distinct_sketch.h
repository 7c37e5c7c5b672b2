/* How many different values a column holds, within 2 %: HyperLogLog (Flajolet et al. 2007, with Ertl's
 * estimator of 2017), 4096 registers. Sketches of parts merge into that of the whole.
 *
 * The writer keeps one per column and stores it as text in the footer's key-value metadata under
 * DISTINCT_SKETCH_KEY followed by the column's name, where other readers pass over it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engines/base/strbuf.h"

#define DISTINCT_SKETCH_KEY "signalbox.distinct."

enum { DISTINCT_SKETCH_BITS = 12, DISTINCT_SKETCH_REGISTERS = 1 << DISTINCT_SKETCH_BITS };

typedef struct DistinctSketch {
    uint8_t registers[DISTINCT_SKETCH_REGISTERS];
} DistinctSketch;

/* `hash` is of one value; it need not be uniform over 64 bits, as it is mixed once more: neighbouring numbers
 * under a hash made for tables would be counted wrong by half. */
static inline void distinct_sketch_add(DistinctSketch *sketch, uint64_t hash) {
    for (int round = 0; round < 2; round++) {
        hash ^= hash >> 32;
        hash *= UINT64_C(0xd6e8feb86659fd93);
    }
    hash ^= hash >> 32;
    uint64_t index = hash >> (64 - DISTINCT_SKETCH_BITS);
    uint64_t rest = hash << DISTINCT_SKETCH_BITS | UINT64_C(1) << (DISTINCT_SKETCH_BITS - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    if (rank > sketch->registers[index]) sketch->registers[index] = rank;
}
void distinct_sketch_merge(DistinctSketch *into, const DistinctSketch *from);
double distinct_sketch_estimate(const DistinctSketch *sketch);
/* Letters, digits, '+' and '/' only: few values make a short text. */
void distinct_sketch_encode(const DistinctSketch *sketch, StrBuf *out);
/* False for anything that encode does not write; `out` is then undefined. */
bool distinct_sketch_decode(const char *text, DistinctSketch *out);
