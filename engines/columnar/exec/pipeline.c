#include "engines/columnar/exec/pipeline.h"

#include <stdlib.h>

/* Order-sensitive aggregates get this many states whatever the number of workers, so that float sums do not
 * depend on it. */
enum { LANE_COUNT = 16 };

/* ---- building --------------------------------------------------------------------------------------------
 */

Pipeline *pipeline_create(Query *query, Sink *sink) {
    Pipeline *pipeline = ARENA_NEW(&query->arena, Pipeline);
    pipeline->query = query;
    pipeline->sink = sink;
    pthread_mutex_init(&pipeline->lock, NULL);
    return pipeline;
}

void pipeline_add_branch(Pipeline *pipeline, Source *source, Stage *stages, bool barrier) {
    if (pipeline->branch_count == pipeline->branch_capacity) {
        int capacity = pipeline->branch_capacity ? pipeline->branch_capacity * 2 : 4;
        Branch *grown = ARENA_NEW_ARRAY(&pipeline->query->arena, Branch, capacity);
        if (pipeline->branch_count)
            memcpy(grown, pipeline->branches, sizeof *grown * (size_t)pipeline->branch_count);
        pipeline->branches = grown;
        pipeline->branch_capacity = capacity;
    }
    Branch *branch = &pipeline->branches[pipeline->branch_count++];
    *branch = (Branch){.source = source, .stages = stages, .barrier = barrier};
    for (Stage *stage = stages; stage; stage = stage->next)
        branch->stage_count++;
}

/* ---- batches through a chain -----------------------------------------------------------------------------
 */

static OperatorStats *producer_stats(const Chain *chain, int index) {
    return index ? chain->stages[index - 1]->stats : chain->branch->source->stats;
}

static Status push_into(Chain *chain, int index, Batch *batch, Error *err) {
    if (index < chain->branch->stage_count) {
        Stage *stage = chain->stages[index];
        return stage->ops->push(stage, chain, chain->stage_states[index], index, batch, err);
    }
    chain->morsel_rows += batch->selected;
    Sink *sink = chain->pipeline->sink;
    return sink->ops->push(sink, chain, chain->sink_state, batch, err);
}

static void add(_Atomic int64_t *counter, int64_t amount) {
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}

Status chain_emit(Chain *chain, int index, Batch *batch, Error *err) {
    OperatorStats *producer = producer_stats(chain, index);
    if (producer) {
        add(&producer->rows_out, batch->selected);
        add(&producer->batches, 1);
    }
    if (!batch->selected || chain->morsel_stop) return STATUS_OK;
    if (!chain->query->timing) return push_into(chain, index, batch, err);
    int64_t start = clock_now_ns();
    Status status = push_into(chain, index, batch, err);
    int64_t spent = clock_now_ns() - start;
    OperatorStats *consumer =
        index < chain->branch->stage_count ? chain->stages[index]->stats : chain->pipeline->sink->stats;
    if (consumer) add(&consumer->time_ns, spent);
    if (producer && index) add(&producer->time_ns, -spent);
    return status;
}

/* ---- chains ----------------------------------------------------------------------------------------------
 */

static Status chain_open(Chain *chain, Error *err) {
    Branch *branch = chain->branch;
    TRY(branch->source->ops->open(branch->source, chain, &chain->source_state, err));
    chain->opened = true;
    for (int i = 0; i < branch->stage_count; i++)
        TRY(chain->stages[i]->ops->open(chain->stages[i], chain, &chain->stage_states[i], err));
    return STATUS_OK;
}

static Status chain_get(Pipeline *pipeline, int branch_index, int slot, Chain **out, Error *err) {
    Chain **place = &pipeline->chains[branch_index * pipeline->query->worker_count + slot];
    *out = *place;
    if (*place) return STATUS_OK;
    Branch *branch = &pipeline->branches[branch_index];
    Chain *chain = calloc(1, sizeof *chain);
    if (!chain) abort();
    chain->query = pipeline->query;
    chain->pipeline = pipeline;
    chain->branch = branch;
    chain->slot = slot;
    chain->group = -1;
    chain->stage_states = calloc((size_t)branch->stage_count + 1, sizeof *chain->stage_states);
    chain->stages = calloc((size_t)branch->stage_count + 1, sizeof *chain->stages);
    if (!chain->stage_states || !chain->stages) abort();
    int i = 0;
    for (Stage *stage = branch->stages; stage; stage = stage->next)
        chain->stages[i++] = stage;
    arena_init(&chain->batch_arena);
    evaluator_init(&chain->evaluator, pipeline->query);
    *out = *place = chain;
    return chain_open(chain, err);
}

static void chain_close(Chain *chain) {
    for (int i = 0; i < chain->branch->stage_count; i++)
        if (chain->stage_states[i] && chain->stages[i]->ops->close)
            chain->stages[i]->ops->close(chain->stages[i], chain->stage_states[i]);
    if (chain->opened) chain->branch->source->ops->close(chain->branch->source, chain->source_state);
    evaluator_deinit(&chain->evaluator);
    arena_deinit(&chain->batch_arena);
    free(chain->stage_states);
    free(chain->stages);
    free(chain);
}

static Status sink_state_get(Pipeline *pipeline, int index, void **out, Error *err) {
    if (!pipeline->sink_states[index])
        TRY(pipeline->sink->ops->open(pipeline->sink, pipeline->query, &pipeline->sink_states[index], err));
    *out = pipeline->sink_states[index];
    return STATUS_OK;
}

static Status run_morsel(Chain *chain, Error *err) {
    Source *source = chain->branch->source;
    Sink *sink = chain->pipeline->sink;
    while (!chain->morsel_stop &&
           !atomic_load_explicit(&chain->pipeline->finished_early, memory_order_relaxed)) {
        TRY(query_check(chain->query, err));
        arena_reset(&chain->batch_arena);
        Batch *batch = NULL;
        int64_t start = chain->query->timing ? clock_now_ns() : 0;
        TRY(source->ops->next(source, chain, chain->source_state, &batch, err));
        if (chain->query->timing && source->stats) add(&source->stats->time_ns, clock_now_ns() - start);
        if (!batch) break;
        TRY(chain_emit(chain, 0, batch, err));
        if (chain->morsel_suspend) return STATUS_OK;
    }
    chain->morsel_active = false;
    return sink->ops->morsel_end ? sink->ops->morsel_end(sink, chain, chain->sink_state, err) : STATUS_OK;
}

static Status begin_morsel(Chain *chain, int64_t global, int64_t local, bool *exhausted, Error *err) {
    chain->morsel = global;
    chain->local_morsel = local;
    chain->morsel_rows = 0;
    chain->morsel_stop = chain->morsel_suspend = false;
    *exhausted = false;
    TRY(chain->branch->source->ops->morsel_open(chain->branch->source, chain, chain->source_state, local,
                                                exhausted, err));
    chain->morsel_active = !*exhausted;
    return STATUS_OK;
}

/* ---- handing out morsels ---------------------------------------------------------------------------------
 */

static void enter_branch(Pipeline *pipeline) {
    free(pipeline->groups);
    pipeline->groups = NULL;
    pipeline->next_morsel = 0;
    if (pipeline->current_branch >= pipeline->branch_count) return;
    Source *source = pipeline->branches[pipeline->current_branch].source;
    if (source->morsel_count < 0 || pipeline->sink->ordered || source->group_count < 1) return;
    pipeline->groups = calloc((size_t)source->group_count, sizeof *pipeline->groups);
    if (!pipeline->groups) abort();
    for (int g = 0; g < source->group_count; g++)
        pipeline->groups[g] = (MorselGroup){source->group_starts[g], source->group_starts[g + 1]};
}

/* The worker's own group first, then an untouched one, then the end of whichever has most left. */
static bool take_from_groups(Pipeline *pipeline, Chain *chain, int64_t *local) {
    const Source *source = chain->branch->source;
    MorselGroup *groups = pipeline->groups;
    int own = chain->group;
    if (own >= 0 && groups[own].next < groups[own].end) {
        *local = groups[own].next++;
        return true;
    }
    int fullest = -1;
    for (int g = 0; g < source->group_count; g++) {
        int64_t left = groups[g].end - groups[g].next;
        bool untouched =
            groups[g].next == source->group_starts[g] && groups[g].end == source->group_starts[g + 1];
        if (left > 0 && untouched) {
            chain->group = g;
            *local = groups[g].next++;
            return true;
        }
        if (left > 0 && (fullest < 0 || left > groups[fullest].end - groups[fullest].next)) fullest = g;
    }
    if (fullest < 0) return false;
    *local = --groups[fullest].end;
    return true;
}

/* With the lock held: the next morsel for this slot, or *out NULL. */
static Status claim_locked(Pipeline *pipeline, int slot, Chain **out, Error *err) {
    *out = NULL;
    while (pipeline->current_branch < pipeline->barrier_passed) {
        Chain *chain;
        Source *source = pipeline->branches[pipeline->current_branch].source;
        int64_t local = pipeline->next_morsel;
        if (pipeline->branch_base + local >= pipeline->until && !pipeline->groups) return STATUS_OK;
        TRY(chain_get(pipeline, pipeline->current_branch, slot, &chain, err));
        bool exhausted = false;
        if (pipeline->groups)
            exhausted = !take_from_groups(pipeline, chain, &local);
        else
            exhausted = source->morsel_count >= 0 && local >= source->morsel_count;
        if (!exhausted && source->morsel_count < 0) {
            TRY(begin_morsel(chain, pipeline->branch_base + local, local, &exhausted, err));
            chain->morsel_active = !exhausted;
        }
        if (!exhausted) {
            pipeline->next_morsel++;
            chain->morsel = pipeline->branch_base + local;
            chain->local_morsel = local;
            *out = chain;
            return STATUS_OK;
        }
        pipeline->branch_base += source->morsel_count >= 0 ? source->morsel_count : pipeline->next_morsel;
        pipeline->current_branch++;
        enter_branch(pipeline);
    }
    return STATUS_OK;
}

static Status claim(Pipeline *pipeline, int slot, Chain **out, Error *err) {
    pthread_mutex_lock(&pipeline->lock);
    Status status = claim_locked(pipeline, slot, out, err);
    pthread_mutex_unlock(&pipeline->lock);
    TRY(status);
    Chain *chain = *out;
    if (!chain || chain->morsel_active) return STATUS_OK;
    bool exhausted;
    return begin_morsel(chain, chain->morsel, chain->local_morsel, &exhausted, err);
}

static Chain *suspended_chain(Pipeline *pipeline, int slot) {
    for (int b = 0; b < pipeline->branch_count; b++) {
        Chain *chain = pipeline->chains[b * pipeline->query->worker_count + slot];
        if (chain && chain->morsel_active) return chain;
    }
    return NULL;
}

static Status run_slot(Pipeline *pipeline, int slot, Error *err) {
    Chain *chain = suspended_chain(pipeline, slot);
    if (chain && chain->morsel_suspend) return STATUS_OK;
    while (!atomic_load_explicit(&pipeline->finished_early, memory_order_relaxed)) {
        if (!chain) TRY(claim(pipeline, slot, &chain, err));
        if (!chain) return STATUS_OK;
        TRY(sink_state_get(pipeline, slot, &chain->sink_state, err));
        TRY(run_morsel(chain, err));
        if (chain->morsel_suspend) return STATUS_OK;
        chain = NULL;
    }
    return STATUS_OK;
}

static Status run_lane_morsel(Pipeline *pipeline, int slot, int lane, int64_t global, Error *err) {
    int64_t local = global;
    int branch = 0;
    while (local >= pipeline->branches[branch].source->morsel_count)
        local -= pipeline->branches[branch++].source->morsel_count;
    Chain *chain;
    bool exhausted;
    TRY(chain_get(pipeline, branch, slot, &chain, err));
    TRY(sink_state_get(pipeline, lane, &chain->sink_state, err));
    TRY(begin_morsel(chain, global, local, &exhausted, err));
    return run_morsel(chain, err);
}

static Status run_lanes(Pipeline *pipeline, int slot, Error *err) {
    for (;;) {
        pthread_mutex_lock(&pipeline->lock);
        int lane = pipeline->lane_next < pipeline->lane_count ? pipeline->lane_next++ : -1;
        pthread_mutex_unlock(&pipeline->lock);
        if (lane < 0) return STATUS_OK;
        int64_t first = pipeline->total_morsels * lane / pipeline->lane_count;
        int64_t end = pipeline->total_morsels * (lane + 1) / pipeline->lane_count;
        for (int64_t morsel = first; morsel < end; morsel++)
            TRY(run_lane_morsel(pipeline, slot, lane, morsel, err));
    }
}

static void run_worker(void *argument, int slot) {
    Pipeline *pipeline = argument;
    Error err = {0};
    if (atomic_load(&pipeline->query->failed)) return;
    Status status =
        pipeline->lane_count > 1 ? run_lanes(pipeline, slot, &err) : run_slot(pipeline, slot, &err);
    if (status != STATUS_OK) query_fail(pipeline->query, &err);
}

/* ---- running ---------------------------------------------------------------------------------------------
 */

static Status pipeline_prepare(Pipeline *pipeline, Error *err) {
    if (pipeline->prepared) return STATUS_OK;
    Query *query = pipeline->query;
    bool countable = true;
    for (int b = 0; b < pipeline->branch_count; b++) {
        Source *source = pipeline->branches[b].source;
        TRY(source->ops->prepare(source, query, err));
        pipeline->branches[b].barrier &= source->morsel_count != 0; /* nothing to wait for */
        countable &= source->morsel_count >= 0 && !pipeline->branches[b].barrier;
        pipeline->total_morsels += source->morsel_count > 0 ? source->morsel_count : 0;
    }
    pipeline->lane_count = pipeline->sink->lane_states && countable ? LANE_COUNT : 1;
    pipeline->sink_state_count =
        query->worker_count > pipeline->lane_count ? query->worker_count : pipeline->lane_count;
    pipeline->chains =
        calloc((size_t)(pipeline->branch_count * query->worker_count) + 1, sizeof *pipeline->chains);
    pipeline->sink_states = calloc((size_t)pipeline->sink_state_count, sizeof *pipeline->sink_states);
    if (!pipeline->chains || !pipeline->sink_states) abort();
    enter_branch(pipeline);
    pipeline->prepared = true;
    return STATUS_OK;
}

/* Branches up to the next barrier may run together. */
static void pass_barrier(Pipeline *pipeline) {
    int next = pipeline->current_branch + 1;
    while (next < pipeline->branch_count && !pipeline->branches[next].barrier)
        next++;
    pipeline->barrier_passed = next;
}

static int useful_workers(const Pipeline *pipeline) {
    int64_t workers = pipeline->query->worker_count;
    if (pipeline->sink->lane_states && pipeline->lane_count == 1) return 1; /* one state, in order */
    for (int b = 0; b < pipeline->branch_count; b++)
        if (pipeline->branches[b].source->one_worker) return 1;
    for (int b = 0; b < pipeline->branch_count; b++)
        if (pipeline->branches[b].source->morsel_count < 0) return (int)workers;
    return (int)(pipeline->total_morsels < workers
                     ? (pipeline->total_morsels > 0 ? pipeline->total_morsels : 1)
                     : workers);
}

static Status run_round(Pipeline *pipeline, Error *err) {
    query_parallel(pipeline->query, useful_workers(pipeline), run_worker, pipeline);
    return query_check(pipeline->query, err);
}

static void close_chains(Pipeline *pipeline) {
    for (int i = 0; pipeline->chains && i < pipeline->branch_count * pipeline->query->worker_count; i++) {
        if (pipeline->chains[i]) chain_close(pipeline->chains[i]);
        pipeline->chains[i] = NULL;
    }
}

Status pipeline_run(Pipeline *pipeline, Error *err) {
    TRY(pipeline_prepare(pipeline, err));
    pipeline->until = INT64_MAX;
    if (pipeline->lane_count > 1) {
        TRY(run_round(pipeline, err));
    } else {
        while (pipeline->current_branch < pipeline->branch_count &&
               !atomic_load_explicit(&pipeline->finished_early, memory_order_relaxed)) {
            pass_barrier(pipeline);
            TRY(run_round(pipeline, err));
        }
    }
    close_chains(pipeline); /* file buffers go before the next pipeline wants memory */
    return pipeline->sink->ops->finish(pipeline->sink, pipeline->query, pipeline->sink_states,
                                       pipeline->sink_state_count, err);
}

static bool any_suspended(Pipeline *pipeline) {
    for (int slot = 0; slot < pipeline->query->worker_count; slot++)
        if (suspended_chain(pipeline, slot)) return true;
    return false;
}

Status pipeline_run_until(Pipeline *pipeline, int64_t until, bool *done, Error *err) {
    TRY(pipeline_prepare(pipeline, err));
    pipeline->until = until;
    if (!any_suspended(pipeline)) pass_barrier(pipeline);
    TRY(run_round(pipeline, err));
    *done = atomic_load(&pipeline->finished_early) ||
            (pipeline->current_branch >= pipeline->branch_count && !any_suspended(pipeline));
    return STATUS_OK;
}

void pipeline_reset(Pipeline *pipeline) {
    close_chains(pipeline);
    for (int i = 0; pipeline->sink_states && i < pipeline->sink_state_count; i++)
        if (pipeline->sink_states[i])
            pipeline->sink->ops->close(pipeline->sink, pipeline->query, pipeline->sink_states[i]);
    free(pipeline->chains);
    free(pipeline->sink_states);
    free(pipeline->groups);
    pipeline->chains = NULL;
    pipeline->sink_states = NULL;
    pipeline->groups = NULL;
    pipeline->current_branch = pipeline->lane_next = pipeline->barrier_passed = 0;
    pipeline->branch_base = pipeline->next_morsel = pipeline->total_morsels = 0;
    atomic_store(&pipeline->finished_early, false);
    pipeline->prepared = false;
}

Status pipeline_feed(Pipeline *pipeline, Batch *batch, int64_t morsel, void **state, Error *err) {
    Chain *chain;
    TRY(pipeline_prepare(pipeline, err));
    TRY(chain_get(pipeline, 0, 0, &chain, err));
    TRY(sink_state_get(pipeline, 0, &chain->sink_state, err));
    chain->morsel = morsel;
    chain->morsel_rows = 0;
    chain->morsel_stop = chain->morsel_suspend = false;
    *state = chain->sink_state;
    arena_reset(&chain->batch_arena);
    return chain_emit(chain, 0, batch, err);
}

void pipeline_close(Pipeline *pipeline) {
    Query *query = pipeline->query;
    close_chains(pipeline);
    for (int i = 0; pipeline->sink_states && i < pipeline->sink_state_count; i++)
        if (pipeline->sink_states[i])
            pipeline->sink->ops->close(pipeline->sink, query, pipeline->sink_states[i]);
    for (int b = 0; b < pipeline->branch_count; b++)
        if (pipeline->branches[b].source->ops->destroy)
            pipeline->branches[b].source->ops->destroy(pipeline->branches[b].source, query);
    if (pipeline->sink->ops->destroy) pipeline->sink->ops->destroy(pipeline->sink, query);
    free(pipeline->chains);
    free(pipeline->sink_states);
    free(pipeline->groups);
    pthread_mutex_destroy(&pipeline->lock);
}
