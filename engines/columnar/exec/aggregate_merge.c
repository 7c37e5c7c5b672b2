/* The workers' groups become one set, by hash partition. Few groups are merged at once and come out in order
 * of first appearance; many are merged as they are read. */
#include <stdlib.h>

#include "engines/columnar/exec/aggregate_internal.h"

enum {
    SERIAL_MERGE_GROUPS = 16384,     /* fewer are merged by one thread */
    APPEARANCE_ORDER_GROUPS = 32768, /* fewer come out in the order in which they first appeared */
    /* More are left for the readers. Above what workers hold without setting rows aside, so that there are
     * certainly more than APPEARANCE_ORDER_GROUPS: the order does not depend on the number of workers. */
    LAZY_GROUPS = 1 << 20
};

/* ---- merging ---------------------------------------------------------------------------------------------
 */

static Status combine_rows(const void *context, char *into, const char *from, Arena *arena, Error *err) {
    const Aggregate *aggregate = context;
    size_t offset = aggregate->partitions[0].state_offset;
    for (int i = 0; i < aggregate->call_count; i++)
        TRY(aggregate_combine_call(aggregate, &aggregate->calls[i], into + offset, from + offset, arena,
                                   err));
    return STATUS_OK;
}

static void row_loaded(const void *context, char *row) {
    const Aggregate *aggregate = context;
    size_t offset = aggregate->partitions[0].state_offset;
    for (int i = 0; i < aggregate->call_count; i++)
        if (aggregate->calls[i].call->function->loaded && !aggregate->calls[i].shared)
            aggregate->calls[i].call->function->loaded(row + offset + aggregate->calls[i].state_offset);
}

GroupFold aggregate_fold(const Aggregate *aggregate) {
    bool any = false;
    for (int i = 0; i < aggregate->call_count; i++)
        any = any || aggregate->calls[i].call->function->loaded;
    return (GroupFold){.combine = combine_rows, .loaded = any ? row_loaded : NULL, .context = aggregate};
}

typedef struct MergeJob {
    Aggregate *aggregate;
    Query *query;
    GroupFold fold;
} MergeJob;

Status aggregate_absorb_partition(Aggregate *aggregate, int partition, GroupTable *into, GroupBlocks *blocks,
                                  Error *err) {
    GroupFold fold = aggregate_fold(aggregate);
    for (int s = 0; s < aggregate->state_count; s++) {
        if (!aggregate->states[s]) continue;
        TRY(group_runs_absorb(&aggregate->states[s]->runs, partition, into, &fold, blocks, err));
        TRY(query_check(into->query, err));
    }
    return STATUS_OK;
}

static void run_merge_partition(void *argument, int partition) {
    MergeJob *job = argument;
    Error err = {0};
    Aggregate *aggregate = job->aggregate;
    GroupBlocks *blocks = &aggregate->blocks[partition];
    if (atomic_load(&job->query->failed)) return;
    if (aggregate_absorb_partition(aggregate, partition, &aggregate->partitions[partition], blocks, &err) !=
        STATUS_OK)
        query_fail(job->query, &err);
    for (int s = 0; s < aggregate->state_count; s++)
        if (aggregate->states[s]) group_runs_drop(&aggregate->states[s]->runs, partition);
}

static Status flush_all(Aggregate *aggregate, Error *err) {
    for (int s = 0; s < aggregate->state_count; s++)
        if (aggregate->states[s] && aggregate->states[s]->table.count)
            TRY(aggregate_set_aside(aggregate, aggregate->states[s], err));
    return STATUS_OK;
}

static Status init_partitions(Aggregate *aggregate, Query *query, int count, Error *err) {
    aggregate->partition_count = count;
    for (int i = 0; i < count; i++)
        group_table_init(&aggregate->partitions[i], query, &aggregate->layout, aggregate->state_bytes);
    aggregate->blocks = ARENA_NEW_ARRAY(&query->arena, GroupBlocks, GROUP_PARTITIONS);
    for (int i = 0; i < GROUP_PARTITIONS; i++)
        aggregate->blocks[i] = (GroupBlocks){.query = query, .keep = aggregate->rows_hold_strings};
    return STATUS_OK;
}

/* Into one table: few groups, or what DISTINCT finds its groups in. */
static Status merge_serially(Aggregate *aggregate, Query *query, bool any_runs, Error *err) {
    GroupTable *into = &aggregate->partitions[0];
    GroupFold fold = aggregate_fold(aggregate);
    for (int p = 0; any_runs && p < GROUP_PARTITIONS; p++)
        TRY(aggregate_absorb_partition(aggregate, p, into, &aggregate->blocks[p], err));
    for (int s = 0; s < aggregate->state_count; s++) {
        if (!aggregate->states[s]) continue;
        const GroupTable *from = &aggregate->states[s]->table;
        TRY(group_rows_absorb(into, from->rows, from->count, &fold, err));
    }
    return query_check(query, err);
}

/* Many groups are merged as they are read, partition by partition. */
static Status merge_later(Aggregate *aggregate, Query *query, Error *err) {
    TRY(flush_all(aggregate, err));
    TRY(init_partitions(aggregate, query, 1, err));
    for (int s = 0; s < aggregate->state_count; s++)
        if (aggregate->states[s]) group_table_drop_rows(&aggregate->states[s]->table);
    for (int s = 0; s < aggregate->state_count; s++)
        if (aggregate->states[s] && aggregate->spillable && query_memory_pressure(query))
            TRY(aggregate_spill_state(aggregate, aggregate->states[s], err));
    if (aggregate->sink.stats)
        stats_note_memory(aggregate->sink.stats, atomic_load(&query->budget.used_bytes));
    return STATUS_OK;
}

/* Merging copies rows into other tables: may they stand beside those of the workers? */
static bool merge_fits(const Aggregate *aggregate, const Query *query, int64_t rows) {
    GroupTable table; /* only for the width of a row */
    enum { SLOTS_AND_ORDER_BYTES = 32 };
    if (!aggregate->spillable || !query_may_spill(query)) return true;
    group_table_init(&table, (Query *)query, &aggregate->layout, aggregate->state_bytes);
    int64_t bytes = rows * (int64_t)(2 * table.row_bytes + SLOTS_AND_ORDER_BYTES);
    group_table_deinit(&table);
    return bytes < query_memory_free(query) / 4 * 3;
}

Status aggregate_merge(Aggregate *aggregate, Query *query, AggregateState **states, int count, Error *err) {
    int64_t total = 0;
    int used = 0, only = 0;
    bool any_runs = false, any_spilled = false;
    for (int s = 0; s < count; s++) {
        if (!states[s] || !(states[s]->table.count + states[s]->runs.row_count)) continue;
        total += states[s]->table.count + states[s]->runs.row_count;
        any_runs = any_runs || states[s]->runs.row_count;
        any_spilled = any_spilled || states[s]->runs.spilled_rows;
        used++;
        only = s;
    }
    aggregate->states = states;
    aggregate->state_count = count;
    bool alone = aggregate->has_distinct || aggregate->has_sets || !aggregate->group_count;
    aggregate->lazy = !alone && (any_spilled || total >= LAZY_GROUPS || !merge_fits(aggregate, query, total));
    bool serial = (!any_runs && (used < 2 || total < SERIAL_MERGE_GROUPS)) || aggregate->has_distinct;
    /* One more for what grouping sets fold into. */
    aggregate->partitions = ARENA_NEW_ARRAY(&query->arena, GroupTable, GROUP_PARTITIONS + 1);
    if (aggregate->lazy) return merge_later(aggregate, query, err);
    if (used == 1 && !any_runs) {
        aggregate->partition_count = 1;
        aggregate->partitions[0] = states[only]->table;
        memset(&states[only]->table, 0, sizeof states[only]->table);
        return STATUS_OK;
    }
    TRY(init_partitions(aggregate, query, serial ? 1 : GROUP_PARTITIONS, err));
    if (serial) {
        TRY(merge_serially(aggregate, query, any_runs, err));
    } else {
        MergeJob job = {.aggregate = aggregate, .query = query};
        TRY(flush_all(aggregate, err));
        query_parallel(query, GROUP_PARTITIONS, run_merge_partition, &job);
        TRY(query_check(query, err));
    }
    for (int s = 0; s < count; s++)
        if (states[s]) group_table_drop_rows(&states[s]->table);
    return STATUS_OK;
}

/* ---- order -----------------------------------------------------------------------------------------------
 */

static int compare_first(const void *left, const void *right) {
    uint64_t a = *group_first(*(char *const *)left), b = *group_first(*(char *const *)right);
    return a < b ? -1 : a > b;
}

typedef struct OrderJob {
    Aggregate *aggregate;
    Query *query;
    int64_t starts[GROUP_PARTITIONS + 1];
} OrderJob;

static void run_order_partition(void *argument, int partition) {
    OrderJob *job = argument;
    if (query_is_stopped(job->query)) return;
    qsort(job->aggregate->order + job->starts[partition],
          (size_t)(job->starts[partition + 1] - job->starts[partition]), sizeof(char *), compare_first);
}

/* The same order whatever worker met a group: by first appearance, for many groups within their hash
 * partition. */
Status aggregate_order_groups(Aggregate *aggregate, Query *query, Error *err) {
    OrderJob job = {.aggregate = aggregate, .query = query};
    int64_t total = 0, next[GROUP_PARTITIONS];
    for (int p = 0; p < aggregate->partition_count; p++) {
        const GroupTable *table = &aggregate->partitions[p];
        for (int64_t g = 0; g < table->count; g++) {
            TRY(query_check_each(query, g, err));
            if (aggregate_row_is_hidden(aggregate, group_row(table, g))) continue;
            job.starts[group_partition(*group_hash(group_row(table, g))) + 1]++;
            total++;
        }
    }
    TRY(query_alloc(query, sizeof(char *) * (size_t)total, (void **)&aggregate->order, err));
    aggregate->order_count = total;
    for (int p = 0; p < GROUP_PARTITIONS; p++)
        job.starts[p + 1] += job.starts[p];
    memcpy(next, job.starts, sizeof next);
    for (int p = 0; p < aggregate->partition_count; p++) {
        const GroupTable *table = &aggregate->partitions[p];
        for (int64_t g = 0; g < table->count; g++) {
            TRY(query_check_each(query, g, err));
            if (!aggregate_row_is_hidden(aggregate, group_row(table, g)))
                aggregate->order[next[group_partition(*group_hash(group_row(table, g)))]++] =
                    group_row(table, g);
        }
    }
    if (aggregate->sink.stats)
        stats_note_memory(aggregate->sink.stats, atomic_load(&query->budget.used_bytes));
    if (total < APPEARANCE_ORDER_GROUPS)
        qsort(aggregate->order, (size_t)total, sizeof(char *), compare_first);
    else
        query_parallel(query, GROUP_PARTITIONS, run_order_partition, &job);
    return query_check(query, err);
}
