/* Whether another engine would have been faster: a read that was chosen by cost is run once more, off its
 * request's path, on an engine of which nothing is known for its shape, so that a wrong estimate is found.
 *
 * It cannot hurt: only reads that may be asked twice; what it may take is saved up, a share of what reads by
 * cost took; and it is stopped as soon as it takes twice as long as the engine that was chosen, whatever was
 * expected of it, and at the longest that a trial may take. The nearer the two estimates, the likelier it is
 * tried. What it shows fades as all learnt costs do, and then it is tried again, as is one that was stopped
 * or failed. Which reads are drawn depends on a seed and their order alone.
 */
#pragma once

#include "router/pricing.h"

enum { EXPLORER_REMEMBERED = 1024 };

typedef struct Explorer {
    double share;  /* of the time of reads chosen by cost; 0 = never */
    double max_ms; /* the longest run */
    uint64_t seed;
    _Atomic uint64_t draws;
    _Atomic int64_t saved_us;
    /* What was tried of late, each at a place of its own hash: hash and seconds, 32 bits each. */
    _Atomic uint64_t tried[EXPLORER_REMEMBERED];
} Explorer;

void explorer_init(Explorer *explorer, double share, double max_ms, uint64_t seed);
/* The candidate to try after the read took `taken_ms`, -1 = none; what it may take is set aside. */
int explorer_pick(Explorer *explorer, const Pricing *pricing, const Decision *decision, double taken_ms,
                  uint32_t now_seconds, double *limit_ms);
/* It took `spent_ms` of the `limit_ms` set aside. */
void explorer_settle(Explorer *explorer, double limit_ms, double spent_ms);
/* It did run, whatever came of it: not again soon. */
void explorer_note_tried(Explorer *explorer, const CostKey *key, uint32_t now_seconds);
