/* DISTINCT arguments: the workers' sets become one, then every value goes into its group's state once. */
#include <stdlib.h>

#include "engines/columnar/exec/aggregate_internal.h"
#include "engines/columnar/exec/pointer_sort.h"

/* Adds one batch of distinct (groups, arguments) keys to the states of their groups. */
static Status add_distinct_rows(Aggregate *aggregate, GroupTable *table, const AggregateSlot *slot,
                                uint64_t *const *keys, int count, Arena *arena, Error *err) {
    int groups = aggregate->group_count + aggregate->has_sets, args = slot->call->arg_count;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, groups + args + 1);
    for (int i = 0; i < groups + args; i++)
        keys_gather(&slot->distinct_layout, i, keys, count, &columns[i], arena);
    AggregateInput input = {.args = columns + groups,
                            .arg_count = args,
                            .row_count = count,
                            .selected = count,
                            .arena = &table->arena.arena};
    char *states = group_states(table, table->rows) + slot->state_offset;
    if (!aggregate->group_count) return slot->call->function->update_single(states, &input, err);
    uint64_t *encoded = arena_alloc(arena, 8 * (size_t)aggregate->layout.words * (size_t)count);
    uint64_t *hashes = arena_alloc(arena, 8 * (size_t)count);
    uint32_t *numbers = arena_alloc(arena, 4 * (size_t)count);
    keys_encode(&aggregate->layout, columns, NULL, count, encoded, NULL);
    keys_hash(&aggregate->layout, encoded, count, hashes);
    for (int k = 0; k < count; k++) {
        int64_t group = group_table_find(table, encoded + (size_t)k * aggregate->layout.words, hashes[k]);
        if (group < 0) return error_set(err, SQLSTATE_INTERNAL, "a DISTINCT value lost its group");
        numbers[k] = (uint32_t)group;
    }
    return slot->call->function->update(states, table->row_bytes, numbers, &input, err);
}

static Status merge_distinct(const AggregateSlot *slot, Query *query, AggregateState **states, int count,
                             int which, GroupTable *into, Error *err) {
    group_table_init(into, query, &slot->distinct_layout, 0);
    for (int s = 0; s < count; s++) {
        if (!states[s]) continue;
        GroupTable *from = &states[s]->distinct[which];
        for (int64_t g = 0; g < from->count; g++) {
            TRY(query_check_each(query, g, err));
            char *row = group_row(from, g);
            uint32_t ignored;
            TRY(group_table_resolve(into, group_key(row), group_hash(row), group_first(row), 1, false, NULL,
                                    NULL, &ignored, err));
        }
        group_table_drop_rows(from);
    }
    return STATUS_OK;
}

static int compare_first(const void *unused, const char *left, const char *right) {
    uint64_t a = *group_first((char *)left), b = *group_first((char *)right);
    return a < b ? -1 : a > b;
}

static Status sort_by_first(Query *query, char **rows, int64_t count, Error *err) {
    char **scratch;
    TRY(query_alloc(query, sizeof *rows * (size_t)count, (void **)&scratch, err));
    Status status = pointer_sort(query, rows, scratch, count, compare_first, NULL, err);
    query_free(query, scratch, sizeof *rows * (size_t)count);
    return status;
}

static Status add_distinct_call(Aggregate *aggregate, Query *query, GroupTable *table,
                                const GroupTable *values, const AggregateSlot *slot, Error *err) {
    char **rows;
    TRY(query_alloc(query, sizeof *rows * (size_t)values->count, (void **)&rows, err));
    for (int64_t g = 0; g < values->count; g++)
        rows[g] = group_row(values, g);
    Status status = slot->order_sensitive ? sort_by_first(query, rows, values->count, err) : STATUS_OK;
    Arena arena;
    arena_init(&arena);
    uint64_t *keys[BATCH_ROWS];
    for (int64_t g = 0; g < values->count && status == STATUS_OK; g += BATCH_ROWS) {
        int count = values->count - g < BATCH_ROWS ? (int)(values->count - g) : BATCH_ROWS;
        for (int k = 0; k < count; k++)
            keys[k] = group_key(rows[g + k]);
        arena_reset(&arena);
        status = query_check(query, err);
        if (status == STATUS_OK) status = add_distinct_rows(aggregate, table, slot, keys, count, &arena, err);
    }
    arena_deinit(&arena);
    query_free(query, rows, sizeof *rows * (size_t)values->count);
    return status;
}

Status aggregate_add_distinct(Aggregate *aggregate, Query *query, AggregateState **states, int count,
                              Error *err) {
    for (int i = 0; i < aggregate->call_count; i++) {
        if (!aggregate->calls[i].distinct) continue;
        GroupTable values = {0};
        Status status = merge_distinct(&aggregate->calls[i], query, states, count, i, &values, err);
        if (status == STATUS_OK)
            status = add_distinct_call(aggregate, query, &aggregate->partitions[0], &values,
                                       &aggregate->calls[i], err);
        for (int set = 0; set < aggregate->node->grouping_set_count && status == STATUS_OK; set++) {
            GroupTable folded = {0};
            status =
                aggregate_fold_distinct(aggregate, query, &aggregate->calls[i], set, &values, &folded, err);
            if (status == STATUS_OK && folded.query)
                status = add_distinct_call(aggregate, query,
                                           &aggregate->partitions[aggregate->partition_count - 1], &folded,
                                           &aggregate->calls[i], err);
            group_table_deinit(&folded);
        }
        group_table_deinit(&values);
        TRY(status);
    }
    return STATUS_OK;
}
