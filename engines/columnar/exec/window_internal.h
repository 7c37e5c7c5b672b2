/* Window functions over rows in order. A WindowRange is some whole partitions; every call's results are made
 * for all of it, by blocks of BATCH_ROWS rows, before its first batch goes out. Internal to exec/.
 *
 * Read: window.c (the operator), window_range.c (partitions, peers, who computes what), window_frame.c
 * (frames), window_value.c (ranks and values of other rows), window_aggregate.c with window_slide.c. */
#pragma once

#include "engines/columnar/exec/sort_internal.h"
#include "engines/columnar/kernels/aggregate.h"

enum { ROW_STARTS_PARTITION = 1, ROW_STARTS_PEERS = 2 };

/* What RANGE offsets are compared as. */
typedef enum RangeClass { RANGE_NONE, RANGE_INTEGER, RANGE_FLOAT, RANGE_NUMERIC } RangeClass;

/* A frame's offsets, known before the first row. */
typedef struct FrameOffset {
    int64_t count; /* ROWS, GROUPS, and RANGE over integers */
    double real;
    Numeric number;
    Interval span;
    bool negative; /* an error once it is compared with a value */
} FrameOffset;

typedef struct WindowPlan { /* one call */
    const WindowCall *call;
    int spec;
    int *args;             /* columns of the row layout */
    int filter, range_key; /* columns, -1 none */
    FrameOffset start, end;
    RangeClass range;
    SqlType key_type;
    bool descending, nulls_first;
    bool whole_partition, from_start; /* the frame, exclusion apart */
    bool in_order;                    /* the result depends on the order of additions */
    bool careful;                     /* states share memory: each is finalised before the next is made */
} WindowPlan;

/* Windows of the same keys. */
typedef struct WindowSpec {
    int partition_count, order_count;
} WindowSpec;

typedef struct Window {
    Sort sort;
    Source source;
    WindowPlan *calls;
    int call_count;
    WindowSpec *specs;
    int spec_count;
    int cut_keys;       /* rows that differ in these are in different partitions of every window */
    int64_t range_rows; /* about so many in a range */
    int64_t *morsels;   /* starts of ranges, and the end */
    int64_t morsel_count;
} Window;

typedef struct WindowRange {
    Query *query;
    const Window *window;
    char **rows;
    int64_t count;
    uint8_t **flags;  /* per spec, per row */
    Vector **results; /* per call, per block */
    ChargedArena arena;
} WindowRange;

static inline int64_t range_blocks(const WindowRange *range) {
    return (range->count + BATCH_ROWS - 1) / BATCH_ROWS;
}
static inline int range_block_rows(const WindowRange *range, int64_t block) {
    int64_t left = range->count - block * BATCH_ROWS;
    return left < BATCH_ROWS ? (int)left : BATCH_ROWS;
}

/* ---- window_range.c */
Status window_range_compute(WindowRange *range, Error *err);
/* Room for a block's results: FLAT, no NULLs yet. */
Vector *window_result(WindowRange *range, const WindowPlan *plan, int64_t block);
static inline void window_result_null(WindowRange *range, Vector *out, int row) {
    bitmap_clear(vector_make_validity(out, BATCH_ROWS, &range->arena.arena), (size_t)row);
}

/* ---- window_frame.c: rows [start, end) without [hole_start, hole_end), which may hold `kept` again (-1:
 * no). */
typedef struct FrameRows {
    int64_t start, end;
    int64_t hole_start, hole_end;
    int64_t kept;
} FrameRows;

typedef struct FrameCursor {
    WindowRange *range;
    const WindowPlan *plan;
    const uint8_t *flags;
    int64_t low, high; /* the partition */
    int64_t peers_start, peers_end;
    int64_t head, tail; /* RANGE offsets: bounds of the peers before */
    int64_t *groups;    /* GROUPS: where the partition's peer groups start, and its end */
    int64_t group_count, group_capacity, group;
} FrameCursor;

void frame_cursor_init(FrameCursor *cursor, WindowRange *range, const WindowPlan *plan);
void frame_cursor_deinit(FrameCursor *cursor);
/* Frames of rows [first, first + count), asked for in order. */
Status frame_cursor_fill(FrameCursor *cursor, int64_t first, int count, FrameRows *out, Error *err);
Status frame_prepare(Query *query, WindowPlan *plan, Error *err);

/* ---- window_value.c, window_aggregate.c */
Status window_compute_rank(WindowRange *range, const WindowPlan *plan, Error *err);
Status window_compute_value(WindowRange *range, const WindowPlan *plan, int which, Error *err);
Status window_compute_aggregate(WindowRange *range, const WindowPlan *plan, int which, Error *err);

/* ---- window_slide.c: the aggregate of rows [start, end), both growing. Rows left are not taken out of a
 * state (few aggregates allow that): rows are kept in two parts, the front as states of its suffixes, the
 * back as one state, so that each row is added about three times however large the frame. */
typedef struct LeafBlock { /* one state per row of a block, from its own arguments */
    int64_t block;         /* -1 empty */
    uint64_t used;
    char *states;
} LeafBlock;

enum { LEAF_BLOCKS = 6 };

typedef struct Leaves {
    WindowRange *range;
    const WindowPlan *plan;
    const AggregateFunction *function;
    size_t stride;
    LeafBlock blocks[LEAF_BLOCKS];
    uint64_t clock;
} Leaves;

void leaves_init(Leaves *leaves, WindowRange *range, const WindowPlan *plan);
void leaves_deinit(Leaves *leaves);
/* The state of one row; valid until LEAF_BLOCKS - 1 other blocks were asked for. */
Status leaves_get(Leaves *leaves, int64_t row, const char **state, Error *err);
/* Adds rows [start, end) to a state. */
Status leaves_add_rows(Leaves *leaves, int64_t start, int64_t end, char *state, Error *err);
void leaves_empty_state(const Leaves *leaves, char *state);
/* A block's arguments and the rows of it that pass FILTER. */
Status window_block_input(WindowRange *range, const WindowPlan *plan, int64_t first, int count, Arena *arena,
                          AggregateInput *input, Error *err);

typedef struct Slide {
    Leaves *leaves;
    int64_t front_start, middle, back_end; /* front: [front_start, middle), back: [middle, back_end) */
    char *front;                           /* states of suffixes of one chunk of the front */
    int64_t chunk_start, chunk_end;
    size_t front_bytes;
    char *totals; /* per chunk of the front: the state of all chunks behind it */
    size_t totals_bytes;
    char *back;
    bool back_empty;
} Slide;

void slide_init(Slide *slide, Leaves *leaves);
void slide_deinit(Slide *slide);
/* into (an empty state) += rows [start, end); neither may be smaller than before. */
Status slide_add(Slide *slide, int64_t start, int64_t end, char *into, Error *err);
