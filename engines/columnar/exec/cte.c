/* WITH queries that are read more than once: their rows are made by one pipeline and read by several. */
#include <stdlib.h>

#include "engines/columnar/exec/operators.h"
#include "engines/columnar/exec/row_stash.h"

enum { PIECES_PER_MORSEL = 64 };

struct CteStore {
    Sink sink;
    RowStash stash;
};

/* ---- sink ------------------------------------------------------------------------------------------------
 */

static Status store_open(Sink *sink, Query *query, void **out, Error *err) {
    StashWriter *writer = malloc(sizeof *writer);
    if (!writer) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    stash_writer_init(writer, &((CteStore *)sink)->stash);
    *out = writer;
    return STATUS_OK;
}

static Status store_push(Sink *sink, Chain *chain, void *state, Batch *batch, Error *err) {
    return stash_writer_add(state, batch, chain->morsel, err);
}

static Status store_finish(Sink *sink, Query *query, void **states, int count, Error *err) {
    CteStore *store = (CteStore *)sink;
    for (int i = 0; i < count; i++)
        if (states[i]) TRY(stash_take(&store->stash, states[i], err));
    stash_sort(&store->stash, 0);
    return STATUS_OK;
}

static void store_close(Sink *sink, Query *query, void *state) {
    stash_writer_deinit(state);
    free(state);
}

static void store_destroy(Sink *sink, Query *query) {
    stash_deinit(&((CteStore *)sink)->stash);
}

static const SinkOps store_ops = {.open = store_open,
                                  .push = store_push,
                                  .finish = store_finish,
                                  .close = store_close,
                                  .destroy = store_destroy};

Status cte_create(Query *query, const PlanCte *cte, OperatorStats *stats, Sink **sink, CteStore **out,
                  Error *err) {
    CteStore *store = ARENA_NEW(&query->arena, CteStore);
    store->sink = (Sink){.ops = &store_ops, .node = cte->seed, .stats = stats};
    stash_init(&store->stash, query, plan_column_types(query, cte->seed), cte->seed->column_count, stats);
    *sink = &store->sink;
    *out = store;
    return STATUS_OK;
}

/* ---- source ----------------------------------------------------------------------------------------------
 */

typedef struct CteSource {
    Source source;
    const CteStore *store;
} CteSource;

static Status source_prepare(Source *source, Query *query, Error *err) {
    int64_t pieces = ((CteSource *)source)->store->stash.pieces.count;
    source->morsel_count = (pieces + PIECES_PER_MORSEL - 1) / PIECES_PER_MORSEL;
    return STATUS_OK;
}

static Status source_open(Source *source, Chain *chain, void **state, Error *err) {
    return stash_source_open(&((CteSource *)source)->store->stash, source, state, err);
}

static Status source_morsel_open(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                                 Error *err) {
    StashReader *reader = state;
    int64_t pieces = reader->stash->pieces.count;
    reader->next = morsel * PIECES_PER_MORSEL;
    reader->end = reader->next + PIECES_PER_MORSEL < pieces ? reader->next + PIECES_PER_MORSEL : pieces;
    return STATUS_OK;
}

static const SourceOps source_ops = {.prepare = source_prepare,
                                     .open = source_open,
                                     .morsel_open = source_morsel_open,
                                     .next = stash_source_next,
                                     .close = stash_source_close};

Status cte_source_create(Query *query, CteStore *store, const PlanNode *node, Source **out, Error *err) {
    CteSource *source = ARENA_NEW(&query->arena, CteSource);
    source->source = (Source){.ops = &source_ops, .node = node, .stats = query_stats_of(query, node)};
    source->store = store;
    *out = &source->source;
    return STATUS_OK;
}
