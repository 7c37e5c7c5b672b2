#include "engines/columnar/exec/result.h"

#include <stdlib.h>

#include "engines/columnar/exec/spill.h"

enum { ARRAY_ROWS = 16384, ARRAY_BYTES = 1 << 20, MORSEL_BUFFER_BYTES = 8 << 20 };

typedef struct ResultChunk {
    struct ResultChunk *next;
    ArrowArray array;
    int64_t bytes;
} ResultChunk;

typedef struct MorselOutput {
    ResultChunk *first, *last;
    int64_t bytes;
    bool complete;
} MorselOutput;

struct Result {
    Sink sink;
    Query *query;
    const PlanNode *node;
    int64_t morsel_rows;
    pthread_mutex_t lock;
    MorselOutput *outputs; /* of morsels [head, head + capacity), at morsel % capacity */
    int64_t capacity, head;
};

static Status result_open(Sink *sink, Query *query, void **state, Error *err) {
    ArrowExport *export = calloc(1, sizeof *export);
    if (!export) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    arrow_export_init(export, sink->node->columns, sink->node->column_count);
    *state = export;
    return STATUS_OK;
}

/* With the lock held. */
static MorselOutput *output_of(Result *result, int64_t morsel) {
    if (morsel >= result->head + result->capacity) {
        int64_t capacity = (morsel - result->head + 16) * 2;
        MorselOutput *grown = calloc((size_t)capacity, sizeof *grown);
        if (!grown) abort();
        for (int64_t m = result->head; m < result->head + result->capacity; m++)
            grown[m % capacity] = result->outputs[m % result->capacity];
        free(result->outputs);
        result->outputs = grown;
        result->capacity = capacity;
    }
    return &result->outputs[morsel % result->capacity];
}

/* With more than that waiting a morsel is left for now: the less, the less memory there is. */
static int64_t most_waiting(const Query *query) {
    int64_t share = query_memory_left(query) / (2 * query->worker_count);
    return share < MORSEL_BUFFER_BYTES ? share : MORSEL_BUFFER_BYTES;
}

static Status flush(Result *result, Chain *chain, ArrowExport *export, Error *err) {
    if (!export->row_count) return STATUS_OK;
    TRY(budget_reserve(&result->query->budget, export->bytes, err));
    ResultChunk *chunk = calloc(1, sizeof *chunk);
    if (!chunk) abort();
    chunk->bytes = export->bytes;
    arrow_export_finish(export, &chunk->array);
    pthread_mutex_lock(&result->lock);
    MorselOutput *output = output_of(result, chain->morsel);
    if (output->last)
        output->last->next = chunk;
    else
        output->first = chunk;
    output->last = chunk;
    output->bytes += chunk->bytes;
    chain->morsel_suspend = output->bytes > most_waiting(result->query);
    pthread_mutex_unlock(&result->lock);
    return STATUS_OK;
}

static Status result_push(Sink *sink, Chain *chain, void *state, Batch *batch, Error *err) {
    Result *result = (Result *)sink;
    ArrowExport *export = state;
    TRY(arrow_export_append(export, batch, 0, batch->selected, err));
    if (result->morsel_rows && chain->morsel_rows >= result->morsel_rows) chain->morsel_stop = true;
    if (export->row_count >= ARRAY_ROWS || export->bytes >= ARRAY_BYTES)
        return flush(result, chain, export, err);
    return STATUS_OK;
}

static Status result_morsel_end(Sink *sink, Chain *chain, void *state, Error *err) {
    Result *result = (Result *)sink;
    TRY(flush(result, chain, state, err));
    chain->morsel_suspend = false;
    pthread_mutex_lock(&result->lock);
    output_of(result, chain->morsel)->complete = true;
    pthread_mutex_unlock(&result->lock);
    return STATUS_OK;
}

static Status result_finish(Sink *sink, Query *query, void **states, int count, Error *err) {
    return STATUS_OK;
}

static void result_close(Sink *sink, Query *query, void *state) {
    arrow_export_deinit(state);
    free(state);
}

static void result_destroy(Sink *sink, Query *query) {
    Result *result = (Result *)sink;
    for (int64_t i = 0; i < result->capacity; i++)
        for (ResultChunk *chunk = result->outputs[i].first, *next; chunk; chunk = next) {
            next = chunk->next;
            arrow_array_release(&chunk->array);
            budget_release(&query->budget, chunk->bytes);
            free(chunk);
        }
    free(result->outputs);
    pthread_mutex_destroy(&result->lock);
}

static const SinkOps result_ops = {.open = result_open,
                                   .push = result_push,
                                   .morsel_end = result_morsel_end,
                                   .finish = result_finish,
                                   .close = result_close,
                                   .destroy = result_destroy};

Result *result_create(Query *query, const PlanNode *node, int64_t morsel_rows) {
    Result *result = ARENA_NEW(&query->arena, Result);
    result->sink = (Sink){.ops = &result_ops, .node = node, .ordered = true};
    result->query = query;
    result->morsel_rows = morsel_rows;
    pthread_mutex_init(&result->lock, NULL);
    return result;
}

Sink *result_sink(Result *result) {
    return &result->sink;
}
int64_t result_head(const Result *result) {
    return result->head;
}

bool result_take(Result *result, ArrowArray *out) {
    bool found = false;
    pthread_mutex_lock(&result->lock);
    while (!found && result->capacity) {
        MorselOutput *output = &result->outputs[result->head % result->capacity];
        ResultChunk *chunk = output->first;
        if (chunk) {
            output->first = chunk->next;
            if (!output->first) output->last = NULL;
            output->bytes -= chunk->bytes;
            budget_release(&result->query->budget, chunk->bytes);
            *out = chunk->array;
            free(chunk);
            found = true;
        } else if (output->complete) {
            *output = (MorselOutput){0};
            result->head++;
        } else {
            break;
        }
    }
    pthread_mutex_unlock(&result->lock);
    return found;
}

void result_resume(Result *result, Pipeline *pipeline) {
    for (int i = 0; pipeline->chains && i < pipeline->branch_count * pipeline->query->worker_count; i++) {
        Chain *chain = pipeline->chains[i];
        if (!chain || !chain->morsel_active || !chain->morsel_suspend) continue;
        pthread_mutex_lock(&result->lock);
        chain->morsel_suspend = output_of(result, chain->morsel)->bytes > most_waiting(result->query);
        pthread_mutex_unlock(&result->lock);
    }
}
