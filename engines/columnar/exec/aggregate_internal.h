/* What aggregate.c (one worker) and aggregate_merge.c (after all) share. */
#pragma once

#include "engines/columnar/exec/direct_map.h"
#include "engines/columnar/exec/group_table.h"
#include "engines/columnar/exec/operators.h"
#include "engines/columnar/kernels/aggregate.h"

typedef struct AggregateSlot {
    const AggregateCall *call;
    size_t state_offset;
    Program **args;
    Program *filter;
    KeyLayout distinct_layout; /* groups, then arguments */
    bool order_sensitive;      /* the value depends on the order of additions */
} AggregateSlot;

typedef struct Aggregate {
    Sink sink;
    Source source;
    Program **groups;
    int group_count;
    KeyLayout layout;
    AggregateSlot *calls;
    int call_count;
    size_t state_bytes;
    uint32_t widest_key;
    bool has_distinct;
    bool set_operation; /* the one call counts the rows of both sides */
    /* merged */
    GroupTable *partitions;
    int partition_count;
    char **order; /* group rows as they are given out */
    int64_t order_count;
} Aggregate;

typedef struct AggregateState {
    GroupTable table;
    GroupTable *distinct; /* per call */
    DirectMap direct;
    uint64_t *keys;
    uint64_t latest_first; /* the latest batch's place so far */
    uint64_t hashes[BATCH_ROWS];
    uint64_t first[BATCH_ROWS];
    uint32_t groups[BATCH_ROWS];
    uint32_t cells[BATCH_ROWS];
} AggregateState;

extern const SourceOps aggregate_source_ops;

void aggregate_init_states(const void *context, char *states);
/* The workers' tables into `partitions`. */
Status aggregate_merge(Aggregate *aggregate, Query *query, AggregateState **states, int count, Error *err);
/* DISTINCT arguments, each once, into the merged states. */
Status aggregate_add_distinct(Aggregate *aggregate, Query *query, AggregateState **states, int count,
                              Error *err);
Status aggregate_order_groups(Aggregate *aggregate, Query *query, Error *err);
