/* Shadow runs: a share of the reads that several engines could answer runs once more, on the chosen engine
 * and on the next best, off the request's path. Answers that differ (twice: rows may have changed between the
 * two) are recorded in the history, and the shape is read at its source until someone resolves the
 * difference.
 *
 *   shadow_open → shadow_offer (after each read) → shadow_close
 *
 * Trials are the other kind: a read by cost runs once more on an engine of which nothing is known for its
 * shape, so that the router learns what it takes (router/explore.h); nothing is compared or recorded.
 *
 * One at a time, from a bounded queue, at low priority, and left out while statements wait for workers.
 */
#pragma once

#include "fcgi/api/query_answer.h"

typedef struct Shadow Shadow;

/* `share` of the reads are compared, 0 = none: then only trials are run. */
Status shadow_open(Api *api, double share, Shadow **out, Error *err);
void shadow_close(Shadow *shadow); /* may be NULL; before the history and the router end */
/* Any thread; cheap when it is not this one's turn. */
void shadow_offer(Shadow *shadow, const QueryRun *run);

typedef struct ShadowCounters {
    uint64_t runs, differences, skipped, trials;
} ShadowCounters;
void shadow_counters(Shadow *shadow, ShadowCounters *out);

/* Hands the shapes that differ to the router; from the upkeep thread, about once a second. */
void shadow_take_quarantine(Api *api);
