/* Rows kept in order: LIMIT and OFFSET inside a plan. Those of OFFSET alone can be any number. */
#include <stdlib.h>

#include "engines/columnar/exec/operators.h"
#include "engines/columnar/exec/row_stash.h"

enum { PIECES_PER_MORSEL = 16 };

typedef struct Collect {
    Sink sink;
    Source source;
    RowStash stash;
    int64_t limit, offset;
    /* Morsels that are done, for stopping early: rows of each, -1 = not done. */
    pthread_mutex_t lock;
    int64_t *done_rows;
    int64_t done_capacity, prefix_morsels, prefix_rows;
} Collect;

static Collect *collect_of_source(Source *source) {
    return (Collect *)((char *)source - offsetof(Collect, source));
}

static Status collect_sink_open(Sink *sink, Query *query, void **out, Error *err) {
    StashWriter *writer = malloc(sizeof *writer);
    if (!writer) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    stash_writer_init(writer, &((Collect *)sink)->stash);
    *out = writer;
    return STATUS_OK;
}

static Status collect_push(Sink *sink, Chain *chain, void *state, Batch *batch, Error *err) {
    Collect *collect = (Collect *)sink;
    TRY(stash_writer_add(state, batch, chain->morsel, err));
    if (collect->limit >= 0 && chain->morsel_rows >= collect->limit + collect->offset)
        chain->morsel_stop = true;
    return STATUS_OK;
}

static void note_done(Collect *collect, int64_t morsel, int64_t rows) {
    if (morsel >= collect->done_capacity) {
        int64_t capacity = morsel * 2 + 64;
        collect->done_rows = realloc(collect->done_rows, sizeof(int64_t) * (size_t)capacity);
        if (!collect->done_rows) abort();
        for (int64_t i = collect->done_capacity; i < capacity; i++)
            collect->done_rows[i] = -1;
        collect->done_capacity = capacity;
    }
    collect->done_rows[morsel] = rows;
    while (collect->prefix_morsels < collect->done_capacity &&
           collect->done_rows[collect->prefix_morsels] >= 0)
        collect->prefix_rows += collect->done_rows[collect->prefix_morsels++];
}

static Status collect_morsel_end(Sink *sink, Chain *chain, void *state, Error *err) {
    Collect *collect = (Collect *)sink;
    if (collect->limit < 0) return STATUS_OK;
    pthread_mutex_lock(&collect->lock);
    note_done(collect, chain->morsel, chain->morsel_rows);
    if (collect->prefix_rows >= collect->limit + collect->offset)
        atomic_store(&chain->pipeline->finished_early, true);
    pthread_mutex_unlock(&collect->lock);
    return STATUS_OK;
}

/* Cuts OFFSET off the front and what is beyond LIMIT off the end. */
static void trim(Collect *collect) {
    StashPieces *pieces = &collect->stash.pieces;
    int64_t skip = collect->offset, left = collect->limit < 0 ? INT64_MAX : collect->limit, kept = 0;
    for (int64_t i = 0; i < pieces->count && left > 0; i++) {
        StashPiece piece = pieces->items[i];
        int64_t cut = piece.count < skip ? piece.count : skip;
        skip -= cut;
        if (piece.rows) piece.rows += (size_t)cut * collect->stash.row_width;
        piece.offset += cut;
        piece.count -= cut;
        if (piece.count > left) piece.count = left;
        left -= piece.count;
        if (piece.count) pieces->items[kept++] = piece;
    }
    pieces->count = kept;
}

static Status collect_finish(Sink *sink, Query *query, void **states, int count, Error *err) {
    Collect *collect = (Collect *)sink;
    for (int i = 0; i < count; i++)
        if (states[i]) TRY(stash_take(&collect->stash, states[i], err));
    stash_sort(&collect->stash, 0);
    trim(collect);
    return STATUS_OK;
}

static void collect_state_close(Sink *sink, Query *query, void *state) {
    stash_writer_deinit(state);
    free(state);
}

static void collect_destroy(Sink *sink, Query *query) {
    Collect *collect = (Collect *)sink;
    stash_deinit(&collect->stash);
    free(collect->done_rows);
    pthread_mutex_destroy(&collect->lock);
}

static const SinkOps collect_sink_ops = {.open = collect_sink_open,
                                         .push = collect_push,
                                         .morsel_end = collect_morsel_end,
                                         .finish = collect_finish,
                                         .close = collect_state_close,
                                         .destroy = collect_destroy};

static Status reader_prepare(Source *source, Query *query, Error *err) {
    int64_t pieces = collect_of_source(source)->stash.pieces.count;
    source->morsel_count = (pieces + PIECES_PER_MORSEL - 1) / PIECES_PER_MORSEL;
    return STATUS_OK;
}

static Status reader_open(Source *source, Chain *chain, void **state, Error *err) {
    return stash_source_open(&collect_of_source(source)->stash, source, state, err);
}

static Status reader_morsel_open(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                                 Error *err) {
    StashReader *reader = state;
    int64_t pieces = reader->stash->pieces.count;
    reader->next = morsel * PIECES_PER_MORSEL;
    reader->end = reader->next + PIECES_PER_MORSEL < pieces ? reader->next + PIECES_PER_MORSEL : pieces;
    return STATUS_OK;
}

static const SourceOps collect_source_ops = {.prepare = reader_prepare,
                                             .open = reader_open,
                                             .morsel_open = reader_morsel_open,
                                             .next = stash_source_next,
                                             .close = stash_source_close};

Status collect_create(Query *query, const PlanNode *node, int64_t limit, int64_t offset, Sink **sink,
                      Source **source, Error *err) {
    Collect *collect = ARENA_NEW(&query->arena, Collect);
    OperatorStats *stats = query_stats_of(query, node);
    collect->sink = (Sink){.ops = &collect_sink_ops, .node = node, .stats = stats, .ordered = true};
    collect->source = (Source){.ops = &collect_source_ops, .node = node, .stats = stats};
    collect->limit = limit;
    collect->offset = offset > 0 ? offset : 0;
    if (limit > INT64_MAX / 2) collect->limit = -1;
    pthread_mutex_init(&collect->lock, NULL);
    stash_init(&collect->stash, query, plan_column_types(query, node), node->column_count, stats);
    *sink = &collect->sink;
    *source = &collect->source;
    return STATUS_OK;
}

static Status limit_value(Query *query, const Expr *expr, const char *what, const char *sqlstate,
                          int64_t *out, Error *err) {
    *out = -1;
    if (!expr) return STATUS_OK;
    Program *program;
    Vector value;
    Batch one = {.row_count = 1, .selected = 1};
    Evaluator evaluator;
    evaluator_init(&evaluator, query);
    Status status = program_compile(query, expr, &program, err);
    if (status == STATUS_OK) status = program_evaluate(&evaluator, program, &one, &query->arena, &value, err);
    evaluator_deinit(&evaluator);
    TRY(status);
    if (vector_is_null(&value, 0)) return STATUS_OK;
    *out = *(const int64_t *)value.values;
    if (*out < 0) return error_set(err, sqlstate, "%s must not be negative", what);
    return STATUS_OK;
}

Status limit_values(Query *query, const PlanNode *node, int64_t *limit, int64_t *offset, Error *err) {
    TRY(limit_value(query, node->limit, "LIMIT", "2201W", limit, err));
    return limit_value(query, node->offset, "OFFSET", "2201X", offset, err);
}
