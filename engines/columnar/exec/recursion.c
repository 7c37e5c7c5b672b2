/* WITH RECURSIVE: rounds of the recursive term over the rows of the round before. Small rounds go through the
 * term's pipeline on one thread without starting it anew; large ones run it on all workers. A term whose
 * breakers read the working table is built again for every round; what does not read it is built once. */
#include <stdlib.h>

#include "engines/columnar/exec/group_table.h"
#include "engines/columnar/exec/operators.h"
#include "engines/columnar/exec/row_stash.h"

enum { FED_ROWS = 16384, PIECES_PER_MORSEL = 16 };

struct Recursion {
    Sink seed, term;
    Query *query;
    const PlanCte *cte;
    bool lazy;
    RecursionBuild build;
    void *context;
    Pipeline **pipelines;
    int pipeline_count;
    bool built;
    Arena round_arena; /* of terms that are built for every round */
    RowStash rows;
    int64_t work_from, work_to; /* pieces of the round before */
    int64_t rounds;
    StashWriter fed; /* rows of small rounds */
    bool has_fed;
    /* UNION */
    KeyLayout keys;
    GroupTable seen;
    uint64_t *key_words;
    Vector *columns;
};

typedef struct TermState {
    Recursion *recursion;
    StashWriter writer;
} TermState;

static Recursion *of_term(Sink *sink) {
    return (Recursion *)((char *)sink - offsetof(Recursion, term));
}

/* ---- what came in ----------------------------------------------------------------------------------------
 */

/* Keeps the rows of [from, end) that were never there before; rewrites the pieces. */
static Status keep_new(Recursion *recursion, const Batch *batch, uint16_t *selection, int *selected,
                       Error *err) {
    uint64_t hashes[BATCH_ROWS], first[BATCH_ROWS];
    uint32_t groups[BATCH_ROWS];
    keys_encode(&recursion->keys, batch->columns, batch->selection, batch->selected, recursion->key_words,
                NULL);
    keys_hash(&recursion->keys, recursion->key_words, batch->selected, hashes);
    memset(first, 0, sizeof first);
    uint64_t known = (uint64_t)recursion->seen.count;
    TRY(group_table_resolve(&recursion->seen, recursion->key_words, hashes, first, batch->selected, true,
                            NULL, NULL, groups, err));
    *selected = 0;
    for (int k = 0; k < batch->selected; k++) {
        if (groups[k] < known) continue;
        known = (uint64_t)groups[k] + 1;
        selection[(*selected)++] = batch->selection ? batch->selection[k] : (uint16_t)k;
    }
    return STATUS_OK;
}

/* UNION: the pieces from `from` on are read again, and of them only new rows are written. */
static Status drop_known(Recursion *recursion, RowStash *incoming, Error *err) {
    StashReader reader;
    Arena arena;
    Status status = STATUS_OK;
    if (!recursion->has_fed) {
        stash_writer_init(&recursion->fed, &recursion->rows);
        recursion->has_fed = true;
    }
    arena_init(&arena);
    stash_reader_init(&reader, incoming, NULL, 0);
    reader.end = incoming->pieces.count;
    while (status == STATUS_OK) {
        Batch *batch = NULL;
        uint16_t selection[BATCH_ROWS];
        int selected = 0;
        arena_reset(&arena);
        if ((status = query_check(recursion->query, err)) != STATUS_OK) break;
        status = stash_read(&reader, &arena, &batch, err);
        if (status != STATUS_OK || !batch) break;
        status = keep_new(recursion, batch, selection, &selected, err);
        if (status != STATUS_OK || !selected) continue;
        Batch kept = *batch;
        kept.selection = selection;
        kept.selected = selected;
        status = stash_writer_add(&recursion->fed, &kept, 0, err);
    }
    stash_reader_deinit(&reader);
    arena_deinit(&arena);
    return status == STATUS_OK ? stash_publish(&recursion->rows, &recursion->fed, err) : status;
}

/* What the writers hold becomes the working table. */
static Status take_round(Recursion *recursion, StashWriter *const *writers, int count, Error *err) {
    RowStash *rows = &recursion->rows;
    stash_join_pieces(rows);
    int64_t from = rows->pieces.count;
    if (!recursion->cte->distinct) {
        for (int i = 0; i < count; i++)
            if (writers[i] == &recursion->fed)
                TRY(stash_publish(rows, writers[i], err));
            else
                TRY(stash_take(rows, writers[i], err));
        stash_sort(rows, from);
    } else {
        RowStash incoming = *rows;
        incoming.pieces = (StashPieces){0};
        incoming.stores = NULL;
        incoming.files = NULL;
        incoming.store_count = incoming.file_count = 0;
        Status status = STATUS_OK;
        for (int i = 0; i < count && status == STATUS_OK; i++)
            status = stash_take(&incoming, writers[i], err);
        stash_sort(&incoming, 0);
        if (status == STATUS_OK) status = drop_known(recursion, &incoming, err);
        stash_deinit(&incoming);
        TRY(status);
    }
    recursion->work_from = from;
    recursion->work_to = rows->pieces.count;
    recursion->rounds++;
    return STATUS_OK;
}

/* ---- rounds ----------------------------------------------------------------------------------------------
 */

static int64_t working_rows(const Recursion *recursion) {
    int64_t rows = 0;
    for (int64_t i = recursion->work_from; i < recursion->work_to && rows < FED_ROWS; i++)
        rows += recursion->rows.pieces.items[i].count;
    return rows;
}

static const int *working_columns(const Recursion *recursion, int *count) {
    const Source *source = recursion->pipelines[0]->branches[0].source;
    *count = source->node->column_count;
    return source->node->scan_columns;
}

/* One pipeline whose source is the working table, and joins with nothing left to say behind it: batches can
 * be pushed through as they are. */
static bool can_feed(const Recursion *recursion) {
    if (recursion->pipeline_count != 1) return false;
    const Pipeline *pipeline = recursion->pipelines[0];
    for (int b = 1; b < pipeline->branch_count; b++) {
        const Source *rest = pipeline->branches[b].source;
        if (!rest->node || rest->node->kind != PLAN_JOIN || rest->morsel_count != 0) return false;
    }
    return recursion_is_reader(recursion, pipeline->branches[0].source->node);
}

static Status feed_round(Recursion *recursion, Error *err) {
    Pipeline *pipeline = recursion->pipelines[0];
    StashReader reader;
    Arena arena;
    void *state = NULL;
    int column_count;
    const int *columns = working_columns(recursion, &column_count);
    Status status = STATUS_OK;
    arena_init(&arena);
    stash_reader_init(&reader, &recursion->rows, columns, column_count);
    reader.next = recursion->work_from;
    reader.end = recursion->work_to;
    for (int64_t morsel = 0; status == STATUS_OK; morsel++) {
        Batch *batch = NULL;
        arena_reset(&arena);
        status = query_check(recursion->query, err);
        if (status == STATUS_OK) status = stash_read(&reader, &arena, &batch, err);
        if (status != STATUS_OK || !batch) break;
        status = pipeline_feed(pipeline, batch, morsel, &state, err);
    }
    stash_reader_deinit(&reader);
    arena_deinit(&arena);
    TRY(status);
    StashWriter *writer = state ? &((TermState *)state)->writer : NULL;
    if (writer && !recursion->cte->distinct) {
        stash_join_pieces(&recursion->rows);
        int64_t from = recursion->rows.pieces.count;
        TRY(stash_publish(&recursion->rows, writer, err));
        recursion->work_from = from;
        recursion->work_to = recursion->rows.pieces.count;
        recursion->rounds++;
        return STATUS_OK;
    }
    return take_round(recursion, &writer, writer ? 1 : 0, err);
}

static Status run_pipelines(Recursion *recursion, Error *err) {
    for (int i = 0; i < recursion->pipeline_count; i++)
        TRY(pipeline_run(recursion->pipelines[i], err));
    return STATUS_OK;
}

static void close_pipelines(Recursion *recursion) {
    for (int i = 0; i < recursion->pipeline_count; i++)
        pipeline_close(recursion->pipelines[i]);
    recursion->pipeline_count = 0;
    recursion->built = false;
}

static Status build_term(Recursion *recursion, Error *err) {
    recursion->built = true;
    return recursion->build(recursion->context, recursion, err);
}

static Status rebuilt_round(Recursion *recursion, Error *err) {
    Query *query = recursion->query;
    Arena kept = query->arena;
    query->arena = recursion->round_arena;
    Status status = recursion->built ? STATUS_OK : build_term(recursion, err);
    if (status == STATUS_OK) status = run_pipelines(recursion, err);
    close_pipelines(recursion);
    arena_reset(&query->arena);
    recursion->round_arena = query->arena;
    query->arena = kept;
    return status;
}

static Status next_round(Recursion *recursion, Error *err) {
    TRY(query_check(recursion->query, err));
    if (recursion->pipeline_count > 1 || !recursion->built) return rebuilt_round(recursion, err);
    if (can_feed(recursion) && (recursion->lazy || working_rows(recursion) < FED_ROWS))
        return feed_round(recursion, err);
    pipeline_reset(recursion->pipelines[0]);
    Status status = run_pipelines(recursion, err);
    pipeline_reset(recursion->pipelines[0]);
    return status;
}

static Status run_rounds(Recursion *recursion, Error *err) {
    while (recursion->work_from < recursion->work_to)
        TRY(next_round(recursion, err));
    return STATUS_OK;
}

/* ---- sinks: the first term's, the recursive term's
 * ---------------------------------------------------------- */

static Status sink_open(Recursion *recursion, void **out, Error *err) {
    TermState *state = malloc(sizeof *state);
    if (!state) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    state->recursion = recursion;
    stash_writer_init(&state->writer, &recursion->rows);
    *out = state;
    return STATUS_OK;
}

static Status seed_open(Sink *sink, Query *query, void **out, Error *err) {
    return sink_open((Recursion *)sink, out, err);
}

static Status term_open(Sink *sink, Query *query, void **out, Error *err) {
    return sink_open(of_term(sink), out, err);
}

static Status sink_push(Sink *sink, Chain *chain, void *state, Batch *batch, Error *err) {
    return stash_writer_add(&((TermState *)state)->writer, batch, chain->morsel, err);
}

static Status take_states(Recursion *recursion, void **states, int count, Error *err) {
    StashWriter **writers = calloc((size_t)count + 1, sizeof(StashWriter *));
    if (!writers) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    int used = 0;
    for (int i = 0; i < count; i++)
        if (states[i]) writers[used++] = &((TermState *)states[i])->writer;
    Status status = take_round(recursion, writers, used, err);
    free(writers);
    return status;
}

static Status seed_finish(Sink *sink, Query *query, void **states, int count, Error *err) {
    Recursion *recursion = (Recursion *)sink;
    TRY(take_states(recursion, states, count, err));
    return recursion->lazy ? STATUS_OK : run_rounds(recursion, err);
}

static Status term_finish(Sink *sink, Query *query, void **states, int count, Error *err) {
    return take_states(of_term(sink), states, count, err);
}

static void sink_close(Sink *sink, Query *query, void *state_pointer) {
    TermState *state = state_pointer;
    /* Rows published in small rounds stand in this writer's memory: the stash gets it. */
    Error ignored = {0};
    if (state->recursion->rows.query) (void)stash_take(&state->recursion->rows, &state->writer, &ignored);
    stash_writer_deinit(&state->writer);
    free(state);
}

static void seed_destroy(Sink *sink, Query *query) {
    Recursion *recursion = (Recursion *)sink;
    close_pipelines(recursion);
    free(recursion->pipelines);
    if (recursion->has_fed) stash_writer_deinit(&recursion->fed);
    stash_deinit(&recursion->rows);
    if (recursion->cte->distinct) group_table_deinit(&recursion->seen);
    arena_deinit(&recursion->round_arena);
}

static const SinkOps seed_ops = {.open = seed_open,
                                 .push = sink_push,
                                 .finish = seed_finish,
                                 .close = sink_close,
                                 .destroy = seed_destroy};
static const SinkOps term_ops = {
    .open = term_open, .push = sink_push, .finish = term_finish, .close = sink_close};

Status recursion_create(Query *query, const PlanCte *cte, OperatorStats *stats, bool lazy,
                        RecursionBuild build, void *context, Recursion **out, Error *err) {
    Recursion *recursion = ARENA_NEW(&query->arena, Recursion);
    SqlType *types = plan_column_types(query, cte->seed);
    int columns = cte->seed->column_count;
    recursion->seed = (Sink){.ops = &seed_ops, .node = cte->seed, .stats = stats};
    recursion->term = (Sink){.ops = &term_ops, .node = cte->term, .stats = stats};
    recursion->query = query;
    recursion->cte = cte;
    recursion->lazy = lazy;
    recursion->build = build;
    recursion->context = context;
    arena_init(&recursion->round_arena);
    stash_init(&recursion->rows, query, types, columns, stats);
    if (cte->distinct) {
        key_layout_init(&recursion->keys, types, columns, false, &query->arena);
        group_table_init(&recursion->seen, query, &recursion->keys, 0);
        recursion->key_words =
            ARENA_NEW_ARRAY(&query->arena, uint64_t, (size_t)(recursion->keys.words + 1) * BATCH_ROWS);
    }
    *out = recursion;
    return STATUS_OK;
}

Sink *recursion_seed_sink(Recursion *recursion) {
    return &recursion->seed;
}

Sink *recursion_term_sink(Recursion *recursion) {
    return &recursion->term;
}

void recursion_add_pipeline(Recursion *recursion, Pipeline *pipeline) {
    recursion->pipelines =
        realloc(recursion->pipelines, sizeof(Pipeline *) * (size_t)(recursion->pipeline_count + 1));
    if (!recursion->pipelines) abort();
    recursion->pipelines[recursion->pipeline_count++] = pipeline;
}

Status recursion_prepare(Recursion *recursion, Error *err) {
    return build_term(recursion, err);
}

bool recursion_is_reader(const Recursion *recursion, const PlanNode *node) {
    return node && node->kind == PLAN_CTE && node->working && node->cte == recursion->cte;
}

/* ---- sources: the working table, the result
 * ----------------------------------------------------------------- */

typedef struct RecursionSource {
    Source source;
    Recursion *recursion;
    bool working;
} RecursionSource;

static Status source_prepare(Source *source, Query *query, Error *err) {
    const RecursionSource *reader = (RecursionSource *)source;
    const Recursion *recursion = reader->recursion;
    int64_t pieces =
        reader->working ? recursion->work_to - recursion->work_from : recursion->rows.pieces.count;
    source->morsel_count = (pieces + PIECES_PER_MORSEL - 1) / PIECES_PER_MORSEL;
    source->one_worker = !reader->working && recursion->lazy;
    if (source->one_worker) source->morsel_count = -1;
    return STATUS_OK;
}

static Status source_open(Source *source, Chain *chain, void **state, Error *err) {
    return stash_source_open(&((RecursionSource *)source)->recursion->rows, source, state, err);
}

/* Lazy: every morsel is one round. Readers of earlier ones may be at work, so the pieces they read must stay
 * where they are: a lazy result is read by one chain at a time, see recursion_result_source. */
static Status lazy_open(Recursion *recursion, StashReader *reader, int64_t morsel, bool *exhausted,
                        Error *err) {
    if (morsel > 0 && recursion->work_from < recursion->work_to) TRY(next_round(recursion, err));
    *exhausted = recursion->work_from >= recursion->work_to;
    reader->next = recursion->work_from;
    reader->end = recursion->work_to;
    return STATUS_OK;
}

static Status source_morsel_open(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                                 Error *err) {
    const RecursionSource *from = (RecursionSource *)source;
    Recursion *recursion = from->recursion;
    StashReader *reader = state;
    if (!from->working && recursion->lazy) return lazy_open(recursion, reader, morsel, exhausted, err);
    int64_t begin = from->working ? recursion->work_from : 0;
    int64_t end = from->working ? recursion->work_to : recursion->rows.pieces.count;
    reader->next = begin + morsel * PIECES_PER_MORSEL;
    reader->end = reader->next + PIECES_PER_MORSEL < end ? reader->next + PIECES_PER_MORSEL : end;
    return STATUS_OK;
}

static const SourceOps source_ops = {.prepare = source_prepare,
                                     .open = source_open,
                                     .morsel_open = source_morsel_open,
                                     .next = stash_source_next,
                                     .close = stash_source_close};

static Source *make_source(Recursion *recursion, const PlanNode *node, bool working) {
    RecursionSource *source = ARENA_NEW(&recursion->query->arena, RecursionSource);
    source->source =
        (Source){.ops = &source_ops, .node = node, .stats = query_stats_of(recursion->query, node)};
    source->recursion = recursion;
    source->working = working;
    return &source->source;
}

Status recursion_working_source(Recursion *recursion, const PlanNode *node, Source **out, Error *err) {
    *out = make_source(recursion, node, true);
    return STATUS_OK;
}

Status recursion_result_source(Recursion *recursion, const PlanNode *node, Source **out, Error *err) {
    *out = make_source(recursion, node, false);
    return STATUS_OK;
}
