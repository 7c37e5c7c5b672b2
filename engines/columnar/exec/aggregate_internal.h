/* What aggregate.c (one worker) and aggregate_merge.c (after all) share. */
#pragma once

#include "engines/columnar/exec/direct_map.h"
#include "engines/columnar/exec/group_runs.h"
#include "engines/columnar/exec/group_table.h"
#include "engines/columnar/exec/operators.h"
#include "engines/columnar/exec/sort_keys.h"
#include "engines/columnar/kernels/aggregate.h"

typedef struct AggregateSlot {
    const AggregateCall *call;
    size_t state_offset;
    Program **args;
    Program *filter;
    KeyLayout distinct_layout;   /* groups, then arguments */
    bool order_sensitive;        /* the value depends on the order of additions */
    bool shared;                 /* the state is an earlier call's */
    bool distinct;               /* by a set of its own; sorted calls skip neighbours instead */
    struct OrderedCall *ordered; /* rows are kept, sorted at the end */
} AggregateSlot;

/* ---- calls whose rows are sorted first (aggregate_ordered.c) */
typedef struct OrderedCall {
    const AggregateCall *call;
    Query *query;
    SortLayout layout; /* columns: all args of the call */
    size_t row_bytes;
    SqlType *types;
} OrderedCall;
/* A group's rows so far, in chunks that never move. */
typedef struct OrderedRows {
    struct OrderedChunk *first, *last;
    int64_t count, unused;
} OrderedRows;
Status ordered_call_create(Query *query, const AggregateCall *call, Program **args, OrderedCall **out,
                           Error *err);
void ordered_call_update(const OrderedCall *ordered, char *states, size_t stride, const uint32_t *groups,
                         const AggregateInput *input, const uint64_t *places);
/* `from` is not used any more and its rows stay where they are, in memory that lives on. */
void ordered_call_link(OrderedRows *into, const OrderedRows *from);
Status ordered_call_copy(const OrderedCall *ordered, OrderedRows *into, const OrderedRows *from, Arena *arena,
                         Error *err);
Status ordered_call_finalize(const OrderedCall *ordered, const char *states, size_t stride, int count,
                             Vector *out, Arena *arena, Error *err);
/* The values of ordered-set aggregates, rows[g][0 .. counts[g]) being group g's in order. */
Status ordered_set_finalize(const OrderedCall *ordered, char ***rows, const int64_t *counts, int count,
                            Vector *out, Arena *arena, Error *err);
/* Of two rows' keys, not of their places. */
int ordered_compare_keys(const OrderedCall *ordered, const char *a, const char *b);

typedef struct Aggregate {
    Sink sink;
    Source source;
    Program **groups;
    int group_count;
    const PlanNode *node;
    bool has_sets;    /* keys end with the number of the grouping set */
    Vector fine_set;  /* that number while rows come in: of the set of all groups */
    bool fine_hidden; /* no set asked for has all groups */
    KeyLayout layout;
    AggregateSlot *calls;
    int call_count;
    Program **shared; /* expressions that several calls' arguments have; columns behind the input's */
    int shared_count, input_columns;
    size_t state_bytes;
    uint32_t widest_key;
    bool has_distinct;
    bool set_operation; /* the one call counts the rows of both sides */
    /* merged */
    GroupTable *partitions;
    int partition_count;
    GroupBlocks *blocks; /* per partition: what was read back from disk */
    bool lazy;           /* partitions are merged when they are read, from the states' runs */
    struct AggregateState **states;
    int state_count;
    bool spillable;         /* states are values, or strings the format knows */
    bool rows_hold_strings; /* rows point into memory beside them */
    SpillFormat spill_format;
    char **order; /* group rows as they are given out */
    int64_t order_count;
} Aggregate;

/* A batch's rows by group: those of group g are rows[starts[g] .. starts[g + 1]), ascending. */
enum { MOST_FEW_GROUPS = 32 };
typedef struct FewGroups {
    int count; /* 0 = the batch is not sorted */
    uint32_t starts[MOST_FEW_GROUPS + 1];
    uint16_t rows[BATCH_ROWS];
} FewGroups;

typedef struct AggregateState {
    GroupTable table;
    GroupTable *distinct; /* per call */
    DirectMap direct;
    FewGroups few;
    GroupRuns runs;     /* rows the table held before */
    int64_t table_rows; /* rows the table's groups were made from */
    int64_t most_groups;
    uint64_t *keys;
    uint64_t latest_first; /* the latest batch's place so far */
    uint64_t hashes[BATCH_ROWS];
    uint64_t first[BATCH_ROWS];
    uint32_t groups[BATCH_ROWS];
    uint32_t cells[BATCH_ROWS];
} AggregateState;

/* ---- aggregate_shared.c: what calls have in common */
/* An earlier call whose states are this one's too, or NULL. */
const AggregateSlot *aggregate_same_states(const Aggregate *aggregate, const AggregateCall *call);
/* Programs of all calls' arguments and of what they share. */
Status aggregate_compile_args(Aggregate *aggregate, Query *query, Error *err);
/* The batch with the shared columns behind its own. */
Status aggregate_add_shared(const Aggregate *aggregate, Chain *chain, const Batch *batch, Batch *out,
                            Error *err);

/* ---- aggregate_few.c */
bool aggregate_sort_few(AggregateState *state, const Batch *batch);
Status aggregate_update_few(const AggregateState *state, const AggregateSlot *slot, AggregateInput *input,
                            Error *err);

extern const SourceOps aggregate_source_ops;

/* `from` into `into`, of one call. */
Status aggregate_combine_call(const Aggregate *aggregate, const AggregateSlot *slot, char *into,
                              const char *from, Arena *arena, Error *err);
void aggregate_init_states(const void *context, char *states);
GroupFold aggregate_fold(const Aggregate *aggregate);
Status aggregate_absorb_partition(Aggregate *aggregate, int partition, GroupTable *into, GroupBlocks *blocks,
                                  Error *err);
/* The table's groups into the runs; it is empty then. */
Status aggregate_set_aside(Aggregate *aggregate, AggregateState *state, Error *err);
/* All a worker has to disk. */
Status aggregate_spill_state(Aggregate *aggregate, AggregateState *state, Error *err);
/* The workers' tables into `partitions`. */
Status aggregate_merge(Aggregate *aggregate, Query *query, AggregateState **states, int count, Error *err);
/* DISTINCT arguments, each once, into the merged states. */
Status aggregate_add_distinct(Aggregate *aggregate, Query *query, AggregateState **states, int count,
                              Error *err);
/* Grouping sets: the merged groups of all columns folded into every other set's. */
Status aggregate_fold_sets(Aggregate *aggregate, Query *query, Error *err);
/* The values one grouping set counts once: `values` with the groups outside it NULL. */
Status aggregate_fold_distinct(Aggregate *aggregate, Query *query, const AggregateSlot *slot, int set,
                               const GroupTable *values, GroupTable *into, Error *err);
/* The int4 columns of GROUPING() for these groups. */
void aggregate_grouping_columns(Aggregate *aggregate, char *const *rows, int count, Vector *columns,
                                Arena *arena);
bool aggregate_row_is_hidden(const Aggregate *aggregate, char *row);
void aggregate_sets_init(Aggregate *aggregate, const PlanNode *node, Arena *arena);
Status aggregate_order_groups(Aggregate *aggregate, Query *query, Error *err);
