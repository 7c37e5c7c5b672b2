/* What join_build.c and join_probe.c share. */
#pragma once

#include "engines/columnar/exec/operators.h"
#include "engines/columnar/exec/row_segments.h"
#include "engines/columnar/exec/runtime_filter.h"

/* A build row: next row of its chain, hash, flags, key words, columns. */
enum { JOIN_NEXT = 0, JOIN_HASH = 8, JOIN_MATCHED = 16, JOIN_KEY = 24 };

typedef struct Join {
    Sink sink;
    Stage stage;
    Source unmatched;
    const PlanNode *node;
    JoinType type;
    Query *query;
    Program **left_keys, **right_keys;
    int key_count;
    KeyLayout keys;
    RowLayout rows; /* build columns; none when only matches count */
    SqlType *left_types;
    int left_count, right_count; /* columns of the inputs */
    Program *residual;
    RuntimeFilter **filters; /* by key, NULL = no scan to tell */
    /* built */
    RowSegment *segments;
    int64_t segment_count, row_count;
    uint64_t *slots; /* 16 bits: which tags the chain holds; 48: its first row */
    int slot_bits;
    char **all_rows; /* in order: joins without keys, MARK with NULLs */
    char **null_rows;
    int64_t null_count;
} Join;

extern const SinkOps join_build_ops;
extern const StageOps join_probe_ops;
extern const SourceOps join_unmatched_ops;

#define JOIN_POINTER_MASK ((UINT64_C(1) << 48) - 1)

static inline char *join_next(const char *row) {
    char *next;
    memcpy(&next, row + JOIN_NEXT, sizeof next);
    return next;
}
static inline uint64_t join_hash(const char *row) {
    uint64_t hash;
    memcpy(&hash, row + JOIN_HASH, sizeof hash);
    return hash;
}
static inline uint64_t *join_key(char *row) {
    return (uint64_t *)(row + JOIN_KEY);
}
static inline uint64_t join_tag(uint64_t hash) {
    return UINT64_C(1) << (48 + (hash & 15));
}
/* The rows that may have this hash, NULL = none. */
static inline char *join_chain(const Join *join, uint64_t hash) {
    uint64_t entry = join->slots[hash >> (64 - join->slot_bits)];
    return entry & join_tag(hash) ? (char *)(uintptr_t)(entry & JOIN_POINTER_MASK) : NULL;
}
static inline bool join_keeps_unmatched(const Join *join) {
    return join->type == JOIN_RIGHT || join->type == JOIN_FULL;
}

/* What a worker knows of the last dictionary it probed with (join_dictionary.c). */
typedef struct JoinDictionary {
    uint64_t id; /* 0 = none yet */
    uint32_t length;
    bool unique;              /* no value matches two build rows */
    bool complete;            /* every value matches one */
    char **first;             /* by code: the first match, NULL = none */
    Vector *columns, *values; /* the build's columns over the same codes */
    ChargedArena arena;
} JoinDictionary;

void join_dictionary_init(JoinDictionary *dictionary);
void join_dictionary_deinit(JoinDictionary *dictionary, Query *query);
/* *usable: the key is a dictionary of which each value has one match at most, or only whether it has one
 * counts. */
Status join_dictionary_use(JoinDictionary *dictionary, const Join *join, const Vector *key, bool first_only,
                           bool *usable, Error *err);
/* The rows with a match (unlisted when they are all rows), and the build's columns beside them. */
int join_dictionary_select(const JoinDictionary *dictionary, const Vector *key, const Batch *batch,
                           uint16_t *out);
void join_dictionary_columns(const JoinDictionary *dictionary, const Join *join, const Vector *key,
                             const Batch *batch, Vector *out, Arena *arena);
