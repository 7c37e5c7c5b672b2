/* What the files of the join share: join_build.c (rows, table), join_probe.c (matching), join_dictionary.c,
 * join_spill.c (beyond memory). */
#pragma once

#include "engines/columnar/exec/operators.h"
#include "engines/columnar/exec/row_segments.h"
#include "engines/columnar/exec/runtime_filter.h"
#include "engines/columnar/exec/spill.h"

/* A build row: next row of its chain, hash, flags, key words, columns. */
enum { JOIN_NEXT = 0, JOIN_HASH = 8, JOIN_MATCHED = 16, JOIN_KEY = 24 };

typedef struct JoinFiles JoinFiles; /* join_spill.c */
enum { JOIN_PARTITIONS = 64 };

typedef struct Join {
    Sink sink;
    Stage stage;
    Source rest; /* behind the probe side: spilled partitions, or build rows without a match */
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
    Program *guard; /* of rows for which an error of the build side counts; NULL: it is the statement's */
    Error failure;  /* such an error: nothing was built */
    bool failed;
    bool *residual_reads;    /* by column of the pair */
    RuntimeFilter **filters; /* by key, NULL = no scan to tell */
    /* built */
    RowSegment *segments;
    int64_t segment_count, row_count;
    uint64_t *slots; /* 16 bits: which tags the chain holds; 48: its first row */
    int slot_bits;
    char **all_rows; /* in order: joins without keys, MARK with NULLs */
    char **null_rows;
    int64_t null_count;
    bool in_memory; /* never to spill */
    /* spilled */
    bool spilled; /* both sides are on disk: nothing was built, nothing is matched before the rest */
    int partition_count;
    RowLayout left_rows;
    SpillFormat build_format, probe_format;
    JoinFiles *build_files, *probe_files;
} Join;

extern const SinkOps join_build_ops;
extern const StageOps join_probe_ops;
extern const SourceOps join_partition_ops; /* the rest of a spilled join */

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
/* Build rows come out when the probe side is through: those without a match, of a RIGHT_SEMI those with. */
static inline bool join_keeps_unmatched(const Join *join) {
    return join->type == JOIN_RIGHT || join->type == JOIN_FULL || join->type == JOIN_RIGHT_SEMI ||
           join->type == JOIN_RIGHT_ANTI;
}
/* Of the build side alone. */
static inline bool join_gives_right_only(const Join *join) {
    return join->type == JOIN_RIGHT_SEMI || join->type == JOIN_RIGHT_ANTI;
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

/* What one worker probes with. */
typedef struct ProbeState {
    uint64_t *keys;
    JoinDictionary dictionary;
    JoinFiles *files;   /* when spilled */
    Arena output_arena; /* of one output batch and everything above it */
    int pair_count;
    uint64_t hashes[BATCH_ROWS];
    uint8_t nulls[BATCH_ROWS];
    char *candidates[BATCH_ROWS]; /* by position in the selection */
    uint8_t matched[BATCH_ROWS];  /* by row */
    uint8_t unknown[BATCH_ROWS];  /* MARK: by row */
    uint16_t pair_left[BATCH_ROWS];
    char *pair_right[BATCH_ROWS];
    uint16_t selection[BATCH_ROWS];
    Arena block_arena, loop_arena; /* join_loop.c: a block of build rows, one step */
    uint16_t loop_kept[BATCH_ROWS];
} ProbeState;

typedef struct Probe {
    Join *join;
    Chain *chain;
    ProbeState *state;
    int index;
    Batch *batch;
    uint8_t *marks; /* where a surviving pair is noted: matched or unknown */
    bool tested;    /* pairs have passed the residual already */
} Probe;

Status probe_state_create(const Join *join, ProbeState **out, Error *err);
void probe_state_destroy(const Join *join, ProbeState *state);
/* Key words, hashes and NULL flags of the batch's selected rows into the state; the keys as vectors in `keys`
 * when wanted. */
Status join_encode_probe(const Join *join, Chain *chain, ProbeState *state, const Batch *batch,
                         const Vector **keys, Error *err);
/* Matches the batch and pushes what comes of it to the chain's stage index + 1. With `marks` (by row: 1
 * matched, 2 open) the build rows at hand are some of several chunks, and what depends on all comes with the
 * last. */
Status join_probe_batch(Join *table, Chain *chain, ProbeState *state, int index, Batch *batch, uint8_t *marks,
                        bool last, Error *err);

static inline bool join_emits_pairs(const Join *join) {
    return join->type != JOIN_SEMI && join->type != JOIN_ANTI && join->type != JOIN_MARK &&
           !join_gives_right_only(join);
}
Status join_several_rows(Error *err);
Status join_add_pair(Probe *probe, uint16_t left, char *right, Error *err);
Status join_flush_pairs(Probe *probe, Error *err);
/* join_loop.c: without keys. */
Status join_match_loop(Probe *probe, Error *err);

/* From segments and row_count: slots and lists. */
Status join_table_build(Join *table, Query *query, int parts, Error *err);
void join_table_release(Join *table, Query *query);
/* Build rows without a match, from *at up to the segment `end`; none selected = none left. */
typedef struct JoinCursor {
    int64_t segment, row;
} JoinCursor;
void join_unmatched_batch(const Join *table, Chain *chain, JoinCursor *at, int64_t end, Batch *out);

static inline Join *join_of_rest(Source *source) {
    return (Join *)((char *)source - offsetof(Join, rest));
}

void join_spill_init(Join *join, Arena *arena);
void join_spill_destroy(Join *join);
/* After a batch was collected. */
Status join_spill_if_needed(Join *join, RowCollector *collector, JoinFiles **files, Error *err);
Status join_spill_build(Join *join, RowCollector *const *collectors, int count, Error *err);
Status join_spill_probe(Join *join, Chain *chain, ProbeState *state, const Batch *batch, Error *err);
