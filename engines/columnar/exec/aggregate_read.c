/* Groups handed out: from what the merge made, or each partition merged as it is read. */
#include <stdlib.h>

#include "engines/columnar/exec/aggregate_internal.h"

enum { MORSEL_GROUPS = 8 * BATCH_ROWS, MOST_RESERVED = 1 << 21 };

typedef struct GroupReader {
    Query *query;
    char **rows;
    int64_t next, end;
    int64_t repeat; /* set operations: copies of the current row still to give */
    Batch batch;
    /* a partition merged for this reader */
    GroupTable table;
    GroupBlocks blocks;
    char **own_rows; /* and as many more as scratch */
    int64_t own_count;
} GroupReader;

static Aggregate *aggregate_of(Source *source) {
    return (Aggregate *)((char *)source - offsetof(Aggregate, source));
}

static Status reader_prepare(Source *source, Query *query, Error *err) {
    const Aggregate *aggregate = aggregate_of(source);
    source->morsel_count =
        aggregate->lazy ? GROUP_PARTITIONS : (aggregate->order_count + MORSEL_GROUPS - 1) / MORSEL_GROUPS;
    return STATUS_OK;
}

static Status reader_open(Source *source, Chain *chain, void **state, Error *err) {
    *state = calloc(1, sizeof(GroupReader));
    if (!*state) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    ((GroupReader *)*state)->query = chain->query;
    return STATUS_OK;
}

static void drop_partition(GroupReader *reader, Query *query) {
    query_free(query, reader->own_rows, sizeof(char *) * 2 * (size_t)reader->own_count);
    reader->own_rows = NULL;
    reader->own_count = 0;
    group_blocks_deinit(&reader->blocks);
    group_table_deinit(&reader->table);
}

static uint64_t place_of(char *row) {
    return *group_first(row);
}

/* By first appearance. Each worker met its groups in ascending order: there are few runs to merge. */
static Status sort_by_place(Query *query, char **rows, char **scratch, int64_t count, Error *err) {
    char **from = rows, **into = scratch;
    for (bool sorted = false; !sorted;) {
        int64_t at = 0;
        sorted = true;
        while (at < count) {
            int64_t left = at, middle = at + 1, out = at;
            while (middle < count && place_of(from[middle - 1]) <= place_of(from[middle]))
                middle++;
            if (left == 0 && middle == count) break;
            sorted = false;
            int64_t right = middle, end = middle + (middle < count);
            while (end < count && place_of(from[end - 1]) <= place_of(from[end]))
                end++;
            while (left < middle || right < end)
                into[out++] = right == end || (left < middle && place_of(from[left]) <= place_of(from[right]))
                                  ? from[left++]
                                  : from[right++];
            at = end;
        }
        if (sorted) break;
        char **swapped = from;
        from = into;
        into = swapped;
        TRY(query_check(query, err));
    }
    if (from != rows) memcpy(rows, from, sizeof *rows * (size_t)count);
    return STATUS_OK;
}

static Status merge_own_partition(Aggregate *aggregate, GroupReader *reader, Query *query, int partition,
                                  Error *err) {
    int64_t rows = 0;
    drop_partition(reader, query);
    for (int s = 0; s < aggregate->state_count; s++)
        if (aggregate->states[s]) rows += group_runs_partition_rows(&aggregate->states[s]->runs, partition);
    group_table_init(&reader->table, query, &aggregate->layout, aggregate->state_bytes);
    reader->blocks = (GroupBlocks){.query = query, .keep = aggregate->rows_hold_strings};
    TRY(group_table_reserve(&reader->table, rows < MOST_RESERVED ? rows : MOST_RESERVED, err));
    TRY(aggregate_absorb_partition(aggregate, partition, &reader->table, &reader->blocks, err));
    for (int s = 0; s < aggregate->state_count; s++)
        if (aggregate->states[s]) group_runs_drop(&aggregate->states[s]->runs, partition);
    int64_t count = reader->table.count;
    TRY(query_alloc(query, sizeof(char *) * 2 * (size_t)count, (void **)&reader->own_rows, err));
    reader->own_count = count;
    for (int64_t g = 0; g < count; g++)
        reader->own_rows[g] = group_row(&reader->table, g);
    return sort_by_place(query, reader->own_rows, reader->own_rows + count, count, err);
}

static Status reader_morsel_open(Source *source, Chain *chain, void *state, int64_t morsel, bool *exhausted,
                                 Error *err) {
    GroupReader *reader = state;
    Aggregate *aggregate = aggregate_of(source);
    reader->repeat = -1;
    if (aggregate->lazy) {
        TRY(merge_own_partition(aggregate, reader, chain->query, (int)morsel, err));
        reader->rows = reader->own_rows;
        reader->next = 0;
        reader->end = reader->own_count;
        return STATUS_OK;
    }
    int64_t total = aggregate->order_count;
    reader->rows = aggregate->order;
    reader->next = morsel * MORSEL_GROUPS;
    reader->end = reader->next + MORSEL_GROUPS < total ? reader->next + MORSEL_GROUPS : total;
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
        char *row = reader->rows[reader->next];
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
    GroupReader *reader = state;
    if (reader->query) drop_partition(reader, reader->query);
    free(state);
}

const SourceOps aggregate_source_ops = {.prepare = reader_prepare,
                                        .open = reader_open,
                                        .morsel_open = reader_morsel_open,
                                        .next = reader_next,
                                        .close = reader_close};
