/* Rows that were left out, where they are told by block until the number of each block's rows is known. */
#pragma once

#include "engines/columnar/ingest/ingest.h"

typedef struct RejectEntry {
    int64_t block, row;
    IngestReject reject; /* row: set when the pass is over */
} RejectEntry;

typedef struct RejectList {
    Arena arena;
    RejectEntry *entries;
    int count, capacity; /* no more than `capacity` are kept */
} RejectList;
