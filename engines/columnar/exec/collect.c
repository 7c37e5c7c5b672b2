/* Rows kept in order: LIMIT and OFFSET inside a plan. */
#include <stdlib.h>

#include "engines/columnar/exec/operators.h"
#include "engines/columnar/exec/row_segments.h"

enum { SEGMENTS_PER_MORSEL = 16 };

typedef struct Collect {
    Sink sink;
    Source source;
    Query *query;
    RowLayout layout;
    int64_t limit, offset;
    RowCollector **collectors;
    int collector_count;
    RowSegment *segments;
    int64_t segment_count;
    /* Morsels that are done, for stopping early: rows of each, -1 = not done. */
    pthread_mutex_t lock;
    int64_t *done_rows;
    int64_t done_capacity, prefix_morsels, prefix_rows;
} Collect;

static Collect *collect_of_source(Source *source) {
    return (Collect *)((char *)source - offsetof(Collect, source));
}

static Status collect_sink_open(Sink *sink, Query *query, void **out, Error *err) {
    Collect *collect = (Collect *)sink;
    RowCollector *collector = calloc(1, sizeof *collector);
    if (!collector) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    row_collector_init(collector, query, collect->layout.width ? collect->layout.width : 8);
    *out = collector;
    return STATUS_OK;
}

static Status collect_push(Sink *sink, Chain *chain, void *state, Batch *batch, Error *err) {
    Collect *collect = (Collect *)sink;
    char *rows;
    TRY(row_collector_add(state, &collect->layout, batch, chain->morsel, &rows, err));
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
    int64_t skip = collect->offset, left = collect->limit < 0 ? INT64_MAX : collect->limit, kept = 0;
    size_t width = collect->layout.width ? collect->layout.width : 8;
    for (int64_t i = 0; i < collect->segment_count && left > 0; i++) {
        RowSegment segment = collect->segments[i];
        int64_t cut = segment.count < skip ? segment.count : skip;
        skip -= cut;
        segment.rows += (size_t)cut * width;
        segment.count -= cut;
        if (segment.count > left) segment.count = left;
        left -= segment.count;
        if (segment.count) collect->segments[kept++] = segment;
    }
    collect->segment_count = kept;
}

static Status collect_finish(Sink *sink, Query *query, void **states, int count, Error *err) {
    Collect *collect = (Collect *)sink;
    collect->segments = row_segments_merge((RowCollector *const *)states, count, &collect->segment_count);
    trim(collect);
    return STATUS_OK;
}

static void collect_state_close(Sink *sink, Query *query, void *state) {
    row_collector_deinit(state);
    free(state);
}

static void collect_destroy(Sink *sink, Query *query) {
    Collect *collect = (Collect *)sink;
    free(collect->segments);
    free(collect->done_rows);
    pthread_mutex_destroy(&collect->lock);
}

static const SinkOps collect_sink_ops = {.open = collect_sink_open,
                                         .push = collect_push,
                                         .morsel_end = collect_morsel_end,
                                         .finish = collect_finish,
                                         .close = collect_state_close,
                                         .destroy = collect_destroy};

typedef struct CollectReader {
    int64_t next, end;
    Batch batch;
} CollectReader;

static Status reader_prepare(Source *source, Query *query, Error *err) {
    source->morsel_count =
        (collect_of_source(source)->segment_count + SEGMENTS_PER_MORSEL - 1) / SEGMENTS_PER_MORSEL;
    return STATUS_OK;
}

static Status reader_open(Source *source, Chain *chain, void **state, Error *err) {
    *state = calloc(1, sizeof(CollectReader));
    return *state ? STATUS_OK : error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
}

static Status reader_morsel_open(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                                 Error *err) {
    CollectReader *reader = state;
    int64_t count = collect_of_source(source)->segment_count;
    reader->next = morsel * SEGMENTS_PER_MORSEL;
    reader->end = reader->next + SEGMENTS_PER_MORSEL < count ? reader->next + SEGMENTS_PER_MORSEL : count;
    return STATUS_OK;
}

static Status reader_next(Source *source, Chain *chain, void *state, Batch **out, Error *err) {
    CollectReader *reader = state;
    Collect *collect = collect_of_source(source);
    if (reader->next >= reader->end) return STATUS_OK;
    const RowSegment *segment = &collect->segments[reader->next++];
    Arena *arena = &chain->batch_arena;
    int count = (int)segment->count;
    size_t width = collect->layout.width ? collect->layout.width : 8;
    char **rows = arena_alloc(arena, sizeof *rows * (size_t)(count + 1));
    for (int k = 0; k < count; k++)
        rows[k] = segment->rows + (size_t)k * width;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, collect->layout.column_count + 1);
    for (int i = 0; i < collect->layout.column_count; i++)
        rows_gather(&collect->layout, i, rows, count, NULL, count, &columns[i], arena);
    reader->batch = (Batch){.row_count = count,
                            .column_count = collect->layout.column_count,
                            .columns = columns,
                            .selected = count};
    *out = &reader->batch;
    return STATUS_OK;
}

static void reader_close(Source *source, void *state) {
    free(state);
}

static const SourceOps collect_source_ops = {.prepare = reader_prepare,
                                             .open = reader_open,
                                             .morsel_open = reader_morsel_open,
                                             .next = reader_next,
                                             .close = reader_close};

Status collect_create(Query *query, const PlanNode *node, int64_t limit, int64_t offset, Sink **sink,
                      Source **source, Error *err) {
    Collect *collect = ARENA_NEW(&query->arena, Collect);
    OperatorStats *stats = query_stats_of(query, node);
    collect->sink = (Sink){.ops = &collect_sink_ops, .node = node, .stats = stats, .ordered = true};
    collect->source = (Source){.ops = &collect_source_ops, .node = node, .stats = stats};
    collect->query = query;
    collect->limit = limit;
    collect->offset = offset > 0 ? offset : 0;
    if (limit > INT64_MAX / 2) collect->limit = -1;
    pthread_mutex_init(&collect->lock, NULL);
    row_layout_init(&collect->layout, plan_column_types(query, node), node->column_count, 0, &query->arena);
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
