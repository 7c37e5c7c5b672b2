/* The workers' groups become one set, by hash partition; then they are handed out. */
#include <stdlib.h>

#include "engines/columnar/exec/aggregate_internal.h"

enum {
    PARTITION_BITS = 6,
    PARTITIONS = 1 << PARTITION_BITS,
    SERIAL_MERGE_GROUPS = 16384,     /* fewer are merged by one thread */
    APPEARANCE_ORDER_GROUPS = 32768, /* fewer come out in the order in which they first appeared */
    MORSEL_GROUPS = 8 * BATCH_ROWS
};

static int partition_of(uint64_t hash) {
    return (int)(hash >> (64 - PARTITION_BITS));
}

/* ---- merging ---------------------------------------------------------------------------------------------
 */

typedef struct MergeJob {
    Aggregate *aggregate;
    Query *query;
    AggregateState **states;
    int count;
    uint32_t **lists; /* per state: group numbers by partition */
    int64_t (*starts)[PARTITIONS + 1];
} MergeJob;

static Status merge_group(Aggregate *aggregate, GroupTable *into, const GroupTable *from, int64_t group,
                          Error *err) {
    char *row = group_row(from, group);
    int64_t before = into->count;
    uint32_t target;
    TRY(group_table_resolve(into, group_key(row), group_hash(row), group_first(row), 1, false, NULL, NULL,
                            &target, err));
    char *states = group_states(into, group_row(into, target));
    if (into->count > before) {
        memcpy(states, group_states(from, row), from->state_bytes);
        return STATUS_OK;
    }
    for (int i = 0; i < aggregate->call_count; i++) {
        TRY(aggregate_combine_call(&aggregate->calls[i], states, group_states(from, row), &into->arena.arena,
                                   err));
    }
    return STATUS_OK;
}

static Status merge_partition(MergeJob *job, int partition, Error *err) {
    GroupTable *into = &job->aggregate->partitions[partition];
    for (int s = 0; s < job->count; s++) {
        if (!job->states[s]) continue;
        for (int64_t i = job->starts[s][partition]; i < job->starts[s][partition + 1]; i++) {
            TRY(query_check_each(job->query, i, err));
            TRY(merge_group(job->aggregate, into, &job->states[s]->table, job->lists[s][i], err));
        }
        TRY(query_check(job->query, err));
    }
    return charged_arena_settle(job->query, &into->arena, err);
}

static void run_merge_partition(void *argument, int partition) {
    MergeJob *job = argument;
    Error err = {0};
    if (!atomic_load(&job->query->failed) && merge_partition(job, partition, &err) != STATUS_OK)
        query_fail(job->query, &err);
}

/* Group numbers of one worker sorted by partition. */
static void run_list_partitions(void *argument, int which) {
    MergeJob *job = argument;
    if (!job->states[which]) return;
    const GroupTable *table = &job->states[which]->table;
    int64_t *starts = job->starts[which], next[PARTITIONS];
    memset(starts, 0, sizeof job->starts[which]);
    for (int64_t g = 0; g < table->count; g++)
        starts[partition_of(*group_hash(group_row(table, g))) + 1]++;
    for (int p = 0; p < PARTITIONS; p++)
        starts[p + 1] += starts[p];
    memcpy(next, starts, sizeof next);
    for (int64_t g = 0; g < table->count && !query_is_stopped_each(job->query, g); g++)
        job->lists[which][next[partition_of(*group_hash(group_row(table, g)))]++] = (uint32_t)g;
}

static Status merge_partitioned(MergeJob *job, Error *err) {
    Status status = STATUS_OK;
    job->lists = calloc((size_t)job->count, sizeof *job->lists);
    job->starts = calloc((size_t)job->count, sizeof *job->starts);
    if (!job->lists || !job->starts) abort();
    for (int s = 0; s < job->count && status == STATUS_OK; s++)
        if (job->states[s])
            status = query_alloc(job->query, sizeof(uint32_t) * (size_t)job->states[s]->table.count,
                                 (void **)&job->lists[s], err);
    if (status == STATUS_OK) {
        query_parallel(job->query, job->count, run_list_partitions, job);
        status = query_check(job->query, err); /* lists may have been left half written */
        if (status == STATUS_OK) query_parallel(job->query, PARTITIONS, run_merge_partition, job);
        if (status == STATUS_OK) status = query_check(job->query, err);
    }
    for (int s = 0; s < job->count; s++)
        if (job->states[s])
            query_free(job->query, job->lists[s], sizeof(uint32_t) * (size_t)job->states[s]->table.count);
    free(job->lists);
    free(job->starts);
    return status;
}

static Status merge_serially(MergeJob *job, Error *err) {
    GroupTable *into = &job->aggregate->partitions[0];
    for (int s = 0; s < job->count; s++) {
        if (!job->states[s]) continue;
        for (int64_t g = 0; g < job->states[s]->table.count; g++) {
            TRY(query_check_each(job->query, g, err));
            TRY(merge_group(job->aggregate, into, &job->states[s]->table, g, err));
        }
    }
    return charged_arena_settle(job->query, &into->arena, err);
}

Status aggregate_merge(Aggregate *aggregate, Query *query, AggregateState **states, int count, Error *err) {
    int64_t total = 0;
    int used = 0, only = 0;
    for (int s = 0; s < count; s++) {
        if (!states[s] || !states[s]->table.count) continue;
        total += states[s]->table.count;
        used++;
        only = s;
    }
    bool serial = used < 2 || total < SERIAL_MERGE_GROUPS || aggregate->has_distinct;
    aggregate->partition_count = serial ? 1 : PARTITIONS;
    /* One more for what grouping sets fold into. */
    aggregate->partitions = ARENA_NEW_ARRAY(&query->arena, GroupTable, aggregate->partition_count + 1);
    if (used == 1) {
        aggregate->partitions[0] = states[only]->table;
        memset(&states[only]->table, 0, sizeof states[only]->table);
        return STATUS_OK;
    }
    for (int i = 0; i < aggregate->partition_count; i++)
        group_table_init(&aggregate->partitions[i], query, &aggregate->layout, aggregate->state_bytes);
    MergeJob job = {.aggregate = aggregate, .query = query, .states = states, .count = count};
    TRY(serial ? merge_serially(&job, err) : merge_partitioned(&job, err));
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
    int64_t starts[PARTITIONS + 1];
} OrderJob;

static void run_order_partition(void *argument, int partition) {
    OrderJob *job = argument;
    qsort(job->aggregate->order + job->starts[partition],
          (size_t)(job->starts[partition + 1] - job->starts[partition]), sizeof(char *), compare_first);
}

/* The same order whatever worker met a group: by first appearance, for many groups within their hash
 * partition. */
Status aggregate_order_groups(Aggregate *aggregate, Query *query, Error *err) {
    OrderJob job = {.aggregate = aggregate};
    int64_t total = 0, next[PARTITIONS];
    for (int p = 0; p < aggregate->partition_count; p++) {
        const GroupTable *table = &aggregate->partitions[p];
        TRY(query_check(query, err));
        for (int64_t g = 0; g < table->count; g++) {
            if (aggregate_row_is_hidden(aggregate, group_row(table, g))) continue;
            job.starts[partition_of(*group_hash(group_row(table, g))) + 1]++;
            total++;
        }
    }
    TRY(query_alloc(query, sizeof(char *) * (size_t)total, (void **)&aggregate->order, err));
    aggregate->order_count = total;
    for (int p = 0; p < PARTITIONS; p++)
        job.starts[p + 1] += job.starts[p];
    memcpy(next, job.starts, sizeof next);
    for (int p = 0; p < aggregate->partition_count; p++) {
        const GroupTable *table = &aggregate->partitions[p];
        TRY(query_check(query, err));
        for (int64_t g = 0; g < table->count; g++)
            if (!aggregate_row_is_hidden(aggregate, group_row(table, g)))
                aggregate->order[next[partition_of(*group_hash(group_row(table, g)))]++] =
                    group_row(table, g);
    }
    if (aggregate->sink.stats)
        stats_note_memory(aggregate->sink.stats, atomic_load(&query->budget.used_bytes));
    if (total < APPEARANCE_ORDER_GROUPS)
        qsort(aggregate->order, (size_t)total, sizeof(char *), compare_first);
    else
        query_parallel(query, PARTITIONS, run_order_partition, &job);
    return STATUS_OK;
}

/* ---- handing out -----------------------------------------------------------------------------------------
 */

typedef struct GroupReader {
    int64_t next, end;
    int64_t repeat; /* set operations: copies of the current row still to give */
    Batch batch;
} GroupReader;

static Aggregate *aggregate_of(Source *source) {
    return (Aggregate *)((char *)source - offsetof(Aggregate, source));
}

static Status reader_prepare(Source *source, Query *query, Error *err) {
    source->morsel_count = (aggregate_of(source)->order_count + MORSEL_GROUPS - 1) / MORSEL_GROUPS;
    return STATUS_OK;
}

static Status reader_open(Source *source, Chain *chain, void **state, Error *err) {
    *state = calloc(1, sizeof(GroupReader));
    return *state ? STATUS_OK : error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
}

static Status reader_morsel_open(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                                 Error *err) {
    GroupReader *reader = state;
    int64_t total = aggregate_of(source)->order_count;
    reader->next = morsel * MORSEL_GROUPS;
    reader->end = reader->next + MORSEL_GROUPS < total ? reader->next + MORSEL_GROUPS : total;
    reader->repeat = -1;
    return STATUS_OK;
}

static int64_t copies_of(const Aggregate *aggregate, const char *states) {
    const PlanNode *node = aggregate->source.node;
    int64_t left = ((const int64_t *)states)[0], right = ((const int64_t *)states)[1];
    if (node->set_except) return node->set_all ? (left > right ? left - right : 0) : left > 0 && right == 0;
    return node->set_all ? (left < right ? left : right) : left > 0 && right > 0;
}

/* Up to a batch of rows: each group once, or as often as the set operation says. */
static int take_rows(Aggregate *aggregate, GroupReader *reader, char **rows) {
    const GroupTable *table = &aggregate->partitions[0];
    int count = 0;
    while (reader->next < reader->end && count < BATCH_ROWS) {
        char *row = aggregate->order[reader->next];
        if (!aggregate->set_operation) {
            rows[count++] = row;
            reader->next++;
            continue;
        }
        if (reader->repeat < 0) reader->repeat = copies_of(aggregate, group_states(table, row));
        while (reader->repeat > 0 && count < BATCH_ROWS) {
            rows[count++] = row;
            reader->repeat--;
        }
        if (reader->repeat == 0) {
            reader->repeat = -1;
            reader->next++;
        }
    }
    return count;
}

static Status finalize_calls(Aggregate *aggregate, char **rows, int count, Vector *columns, Arena *arena,
                             Error *err) {
    const GroupTable *table = &aggregate->partitions[0];
    size_t stride = aggregate->state_bytes ? aggregate->state_bytes : 16;
    char *states = arena_alloc(arena, stride * (size_t)count);
    for (int k = 0; k < count; k++)
        memcpy(states + (size_t)k * stride, group_states(table, rows[k]), aggregate->state_bytes);
    for (int i = 0; i < aggregate->call_count; i++) {
        const AggregateSlot *slot = &aggregate->calls[i];
        vector_init_flat(&columns[i], slot->call->type, count, arena);
        if (slot->ordered) {
            TRY(ordered_call_finalize(slot->ordered, states + slot->state_offset, stride, count, &columns[i],
                                      arena, err));
            continue;
        }
        TRY(slot->call->function->finalize(states + slot->state_offset, stride, count, &columns[i], arena,
                                           err));
    }
    return STATUS_OK;
}

static Status reader_next(Source *source, Chain *chain, void *state, Batch **out, Error *err) {
    Aggregate *aggregate = aggregate_of(source);
    GroupReader *reader = state;
    Arena *arena = &chain->batch_arena;
    char **rows = arena_alloc(arena, sizeof *rows * BATCH_ROWS);
    uint64_t **keys = arena_alloc(arena, sizeof *keys * BATCH_ROWS);
    int count = take_rows(aggregate, reader, rows);
    if (!count) return STATUS_OK;
    for (int k = 0; k < count; k++)
        keys[k] = group_key(rows[k]);
    int calls = aggregate->set_operation ? 0 : aggregate->call_count;
    int groupings = aggregate->node->grouping_call_count;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, aggregate->group_count + calls + groupings + 1);
    for (int i = 0; i < aggregate->group_count; i++)
        keys_gather(&aggregate->layout, i, keys, count, &columns[i], arena);
    if (calls) TRY(finalize_calls(aggregate, rows, count, columns + aggregate->group_count, arena, err));
    if (groupings)
        aggregate_grouping_columns(aggregate, rows, count, columns + aggregate->group_count + calls, arena);
    reader->batch = (Batch){.row_count = count,
                            .column_count = aggregate->group_count + calls + groupings,
                            .columns = columns,
                            .selected = count};
    *out = &reader->batch;
    return STATUS_OK;
}

static void reader_close(Source *source, void *state) {
    free(state);
}

const SourceOps aggregate_source_ops = {.prepare = reader_prepare,
                                        .open = reader_open,
                                        .morsel_open = reader_morsel_open,
                                        .next = reader_next,
                                        .close = reader_close};
