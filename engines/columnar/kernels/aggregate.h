/* Aggregates: one const struct of functions each, resolved at plan time.
 *
 * States live side by side in the executor's arrays: group g's state is at `states + g × stride` (the pointer
 * already includes this aggregate's offset). Fixed-size, zeroable, movable by memcpy, so that states spill
 * and move with their hash table; what does not fit (strings, arrays, sets) goes to the arena that lives as
 * long as the hash table.
 */
#pragma once

#include "engines/columnar/kernels/function.h"

typedef struct AggregateInput {
    const Vector *args; /* FLAT, CONSTANT or DICTIONARY; none for count(*) */
    int arg_count;
    int row_count;
    const uint16_t *selection; /* rows that count (FILTER and WHERE applied), NULL = all */
    int selected;
    Arena *arena; /* lives with the states */
} AggregateInput;

/* Aggregates over sorted rows that the executor computes from the sort itself (aggregate_ordered_set.c). */
typedef enum OrderedSetKind {
    ORDERED_SET_NONE,
    ORDERED_SET_PERCENTILE_DISC,
    ORDERED_SET_PERCENTILE_CONT,
    ORDERED_SET_MODE,
    ORDERED_SET_RANK,
    ORDERED_SET_DENSE_RANK,
    ORDERED_SET_PERCENT_RANK,
    ORDERED_SET_CUME_DIST
} OrderedSetKind;

struct AggregateFunction {
    const char *name;
    int arg_count;   /* 0 for count(*) */
    SqlType args[3]; /* SQL_UNKNOWN = any */
    SqlType result;
    SqlType (*result_type)(const SqlType *args, int arg_count);
    size_t state_bytes;        /* multiple of 16 */
    void (*init)(void *state); /* NULL: zero bytes */
    /* `states` is 16-byte aligned, `stride` a multiple of 16.
     * For each selected row r: adds it to the state of group `groups[k]`, k its index in the selection. Skips
     * NULLs itself. */
    Status (*update)(char *states, size_t stride, const uint32_t *groups, const AggregateInput *input,
                     Error *err);
    /* All selected rows into one state: no GROUP BY. */
    Status (*update_single)(void *state, const AggregateInput *input, Error *err);
    /* into += from; both over the same arguments. */
    Status (*combine)(void *into, const void *from, Arena *arena, Error *err);
    /* Results of groups [0, count) into out (FLAT, allocated); sets NULL for empty where SQL says so. */
    Status (*finalize)(const char *states, size_t stride, int count, Vector *out, Arena *arena, Error *err);
    bool any_form; /* takes each numeric argument in whatever form its vector has */
    bool ordered;  /* depends on input order: string_agg, array_agg */
    /* What a state holds beside plain values: nothing, one StringView at its front, or pointers (such a state
     * stays in memory). A string read back from disk has no room to grow: `loaded` notes that. */
    enum { STATE_PLAIN, STATE_STRING, STATE_POINTERS } holds;
    void (*loaded)(void *state);
    OrderedSetKind ordered_set; /* then there is nothing but names and types here */
};
