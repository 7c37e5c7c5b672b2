/* Pipelines: a source of batches, stages that transform them, one sink. Internal to exec/.
 *
 * A pipeline has one or more branches (UNION ALL, the unmatched rows of a full join), each with its own
 * source and stages, all into the same sink. Sources are cut into morsels numbered in a fixed order; workers
 * (chains) take morsels and push every batch of them through to the sink. Which worker takes which morsel
 * depends on timing; what comes out must not, so sinks combine by morsel number where order matters.
 *
 * Ownership: a pushed batch lives until push returns. Stage and sink states belong to one chain at a time.
 */
#pragma once

#include "engines/columnar/exec/expression.h"
#include "engines/columnar/exec/query.h"

typedef struct Chain Chain;
typedef struct Stage Stage;
typedef struct Sink Sink;
typedef struct Source Source;

typedef struct StageOps {
    Status (*open)(Stage *stage, Chain *chain, void **state, Error *err);
    Status (*push)(Stage *stage, Chain *chain, void *state, int index, Batch *batch, Error *err);
    void (*close)(Stage *stage, void *state); /* may be NULL */
} StageOps;
struct Stage {
    const StageOps *ops;
    const PlanNode *node;
    OperatorStats *stats;
    Stage *next; /* towards the sink, NULL = the sink */
};

typedef struct SinkOps {
    Status (*open)(Sink *sink, Query *query, void **state, Error *err);
    Status (*push)(Sink *sink, Chain *chain, void *state, Batch *batch, Error *err);
    Status (*morsel_end)(Sink *sink, Chain *chain, void *state, Error *err); /* may be NULL */
    /* Every morsel done: merges the states (NULL entries never ran). */
    Status (*finish)(Sink *sink, Query *query, void **states, int count, Error *err);
    void (*close)(Sink *sink, Query *query, void *state);
    void (*destroy)(Sink *sink, Query *query); /* may be NULL */
} SinkOps;
struct Sink {
    const SinkOps *ops;
    const PlanNode *node;
    OperatorStats *stats;
    bool ordered;     /* morsels are taken in order (LIMIT, results) */
    bool lane_states; /* one state per fixed range of morsels instead of per worker: order-sensitive
                         aggregates */
};

typedef struct SourceOps {
    /* Once, when the pipeline starts: sets morsel_count (or leaves -1: found out by reading, one at a time).
     */
    Status (*prepare)(Source *source, Query *query, Error *err);
    Status (*open)(Source *source, Chain *chain, void **state, Error *err);
    /* Positions at a morsel. Sources without a count set *exhausted at the end; calls are then serialised. */
    Status (*morsel_open)(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                          Error *err);
    /* *out NULL at the morsel's end. */
    Status (*next)(Source *source, Chain *chain, void *state, Batch **out, Error *err);
    void (*close)(Source *source, void *state);
    void (*destroy)(Source *source, Query *query); /* may be NULL */
} SourceOps;
struct Source {
    const SourceOps *ops;
    const PlanNode *node;
    OperatorStats *stats;
    int64_t morsel_count;
    bool one_worker; /* its morsels must not be read while the next one is opened */
    /* Morsels [group_starts[g], group_starts[g+1]) read neighbouring data: a worker stays within one when it
     * can. */
    const int64_t *group_starts;
    int group_count;
};

typedef struct Branch {
    Source *source;
    Stage *stages; /* first after the source */
    int stage_count;
    bool barrier; /* starts when every earlier branch is done */
} Branch;

typedef struct MorselGroup {
    int64_t next, end;
} MorselGroup;

typedef struct Pipeline {
    Query *query;
    Branch *branches;
    int branch_count, branch_capacity;
    Sink *sink;
    /* run time */
    Chain **chains; /* [branch × workers + slot] */
    void **sink_states;
    int sink_state_count;
    pthread_mutex_t lock;
    int current_branch;
    int64_t branch_base; /* global number of the current branch's first morsel */
    int64_t next_morsel; /* in the current branch */
    MorselGroup *groups; /* of the current branch */
    int lane_next, lane_count;
    int64_t total_morsels;
    int64_t until;               /* of this round */
    int barrier_passed;          /* branches before this index may run */
    _Atomic bool finished_early; /* the sink has all it wants */
    bool prepared;
} Pipeline;

/* One worker in one branch. */
struct Chain {
    Query *query;
    Pipeline *pipeline;
    Branch *branch;
    int slot;
    void *source_state;
    void **stage_states;
    Stage **stages;
    void *sink_state;
    Evaluator evaluator;
    Arena batch_arena;    /* reset before every batch of the source */
    int64_t morsel;       /* global number of the current morsel */
    int64_t morsel_rows;  /* rows that reached the sink in it */
    bool morsel_active;   /* suspended inside a morsel */
    bool morsel_stop;     /* the sink wants no more of this morsel */
    bool morsel_suspend;  /* the sink has no room: the worker leaves the morsel for a later round */
    int64_t local_morsel; /* within the branch */
    int group;            /* morsel group the worker stays in, -1 none */
    bool opened;
};

/* Stages call this with their index + 1. */
Status chain_emit(Chain *chain, int index, Batch *batch, Error *err);

Pipeline *pipeline_create(Query *query, Sink *sink);
void pipeline_add_branch(Pipeline *pipeline, Source *source, Stage *stages, bool barrier);
/* Runs it to the end with all workers, then the sink's finish. */
Status pipeline_run(Pipeline *pipeline, Error *err);
/* For results: one round, of morsels up to (and without) global number `until`; *done when there are none
 * left. A sink that sets morsel_suspend on a chain leaves it inside its morsel until someone clears it. */
Status pipeline_run_until(Pipeline *pipeline, int64_t until, bool *done, Error *err);
void pipeline_close(Pipeline *pipeline);
/* For recursion, which runs the same pipeline again and again. Ready to be run once more: */
void pipeline_reset(Pipeline *pipeline);
/* Or, without its source: one batch through the first branch's stages into the sink, on this thread. *state
 * is the sink's. Not to be mixed with pipeline_run before a reset. */
Status pipeline_feed(Pipeline *pipeline, Batch *batch, int64_t morsel, void **state, Error *err);
