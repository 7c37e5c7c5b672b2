/* GROUPING SETS, ROLLUP, CUBE: rows are grouped by all columns once; the groups of every other set are made
 * from those groups' states, not from rows. A group's key ends with the number of its set. */
#include "engines/columnar/exec/aggregate_internal.h"

static uint64_t all_groups(const PlanNode *node) {
    return node->group_count >= 64 ? ~(uint64_t)0 : (UINT64_C(1) << node->group_count) - 1;
}

void aggregate_sets_init(Aggregate *aggregate, const PlanNode *node, Arena *arena) {
    aggregate->node = node;
    aggregate->has_sets = node->grouping_set_count > 0;
    if (!aggregate->has_sets) return;
    int32_t fine = node->grouping_set_count;
    for (int s = node->grouping_set_count; s-- > 0;)
        if (node->grouping_sets[s] == all_groups(node)) fine = s;
    aggregate->fine_hidden = fine == node->grouping_set_count;
    vector_init_constant(&aggregate->fine_set, sqltype_of(SQL_INT4), &fine, arena);
}

static int32_t fine_number(const Aggregate *aggregate) {
    return *(const int32_t *)aggregate->fine_set.values;
}

/* Values of a fixed-width column stand in its word as they are. */
static int32_t set_of(const Aggregate *aggregate, char *row) {
    const KeyColumn *column = &aggregate->layout.columns[aggregate->group_count];
    return (int32_t)group_key(row)[column->word];
}

bool aggregate_row_is_hidden(const Aggregate *aggregate, char *row) {
    return aggregate->fine_hidden && set_of(aggregate, row) == aggregate->node->grouping_set_count;
}

/* Columns of up to a batch of keys, as set `set` sees them: groups outside it NULL, its number behind them.
 */
static void columns_of_set(const Aggregate *aggregate, int32_t set, const Vector *fine, int columns,
                           Vector *out, Arena *arena) {
    const PlanNode *node = aggregate->node;
    memcpy(out, fine, sizeof *out * (size_t)columns);
    for (int g = 0; g < node->group_count; g++)
        if (!(node->grouping_sets[set] >> g & 1)) vector_init_constant(&out[g], fine[g].type, NULL, arena);
    vector_init_constant(&out[node->group_count], sqltype_of(SQL_INT4), &set, arena);
}

/* Scratch for one batch of groups. */
typedef struct Fold {
    Query *query;
    Arena arena;
    Vector *fine, *seen;
    uint64_t *keys, *hashes, *first;
    uint32_t *numbers;
    char **rows;
    uint64_t **row_keys;
} Fold;

static void fold_init(Fold *fold, Query *query, const KeyLayout *layout) {
    fold->query = query;
    arena_init(&fold->arena);
    fold->fine = ARENA_NEW_ARRAY(&query->arena, Vector, layout->column_count);
    fold->seen = ARENA_NEW_ARRAY(&query->arena, Vector, layout->column_count);
    fold->keys = arena_alloc(&query->arena, 8 * (size_t)layout->words * BATCH_ROWS);
    fold->hashes = arena_alloc(&query->arena, 8 * BATCH_ROWS);
    fold->first = arena_alloc(&query->arena, 8 * BATCH_ROWS);
    fold->numbers = arena_alloc(&query->arena, 4 * BATCH_ROWS);
    fold->rows = arena_alloc(&query->arena, sizeof(char *) * BATCH_ROWS);
    fold->row_keys = arena_alloc(&query->arena, sizeof(uint64_t *) * BATCH_ROWS);
}

/* The next batch of `from`, decoded. */
static int fold_take(Fold *fold, const GroupTable *from, const KeyLayout *layout, int64_t start) {
    int count = from->count - start < BATCH_ROWS ? (int)(from->count - start) : BATCH_ROWS;
    arena_reset(&fold->arena);
    for (int k = 0; k < count; k++) {
        fold->rows[k] = group_row(from, start + k);
        fold->row_keys[k] = group_key(fold->rows[k]);
        fold->first[k] = *group_first(fold->rows[k]);
    }
    for (int i = 0; i < layout->column_count; i++)
        keys_gather(layout, i, fold->row_keys, count, &fold->fine[i], &fold->arena);
    return count;
}

static Status fold_resolve(Fold *fold, const Aggregate *aggregate, const KeyLayout *layout, int set,
                           int count, GroupTable *into, GroupInit init, Error *err) {
    columns_of_set(aggregate, set, fold->fine, layout->column_count, fold->seen, &fold->arena);
    keys_encode(layout, fold->seen, NULL, count, fold->keys, NULL);
    keys_hash(layout, fold->keys, count, fold->hashes);
    return group_table_resolve(into, fold->keys, fold->hashes, fold->first, count, true, init, aggregate,
                               fold->numbers, err);
}

static Status fold_states(Fold *fold, const Aggregate *aggregate, int set, int count, GroupTable *into,
                          Error *err) {
    TRY(fold_resolve(fold, aggregate, &aggregate->layout, set, count, into, aggregate_init_states, err));
    for (int i = 0; i < aggregate->call_count; i++) {
        const AggregateSlot *slot = &aggregate->calls[i];
        for (int k = 0; k < count; k++)
            TRY(aggregate_combine_call(aggregate, slot, group_states(into, group_row(into, fold->numbers[k])),
                                       group_states(into, fold->rows[k]), &into->arena.arena, err));
    }
    return charged_arena_settle(fold->query, &into->arena, err);
}

/* The set of no groups has its one row whatever there is. */
static Status add_empty_sets(Fold *fold, const Aggregate *aggregate, GroupTable *into, Error *err) {
    const PlanNode *node = aggregate->node;
    for (int set = 0; set < node->grouping_set_count; set++) {
        if (node->grouping_sets[set]) continue;
        for (int g = 0; g < node->group_count; g++)
            vector_init_constant(&fold->fine[g], aggregate->layout.columns[g].type, NULL, &fold->arena);
        fold->first[0] = UINT64_MAX;
        TRY(fold_resolve(fold, aggregate, &aggregate->layout, set, 1, into, aggregate_init_states, err));
    }
    return STATUS_OK;
}

Status aggregate_fold_sets(Aggregate *aggregate, Query *query, Error *err) {
    GroupTable *into = &aggregate->partitions[aggregate->partition_count];
    Fold fold;
    group_table_init(into, query, &aggregate->layout, aggregate->state_bytes);
    fold_init(&fold, query, &aggregate->layout);
    Status status = STATUS_OK;
    for (int p = 0; p < aggregate->partition_count; p++) {
        const GroupTable *from = &aggregate->partitions[p];
        for (int64_t start = 0; start < from->count && status == STATUS_OK; start += BATCH_ROWS) {
            int count = fold_take(&fold, from, &aggregate->layout, start);
            status = query_check(query, err);
            for (int set = 0; set < aggregate->node->grouping_set_count && status == STATUS_OK; set++)
                if (set != fine_number(aggregate))
                    status = fold_states(&fold, aggregate, set, count, into, err);
        }
    }
    if (status == STATUS_OK) status = add_empty_sets(&fold, aggregate, into, err);
    arena_deinit(&fold.arena);
    aggregate->partition_count++;
    return status;
}

Status aggregate_fold_distinct(Aggregate *aggregate, Query *query, const AggregateSlot *slot, int set,
                               const GroupTable *values, GroupTable *into, Error *err) {
    if (set == fine_number(aggregate)) return STATUS_OK;
    Fold fold;
    group_table_init(into, query, &slot->distinct_layout, 0);
    fold_init(&fold, query, &slot->distinct_layout);
    Status status = STATUS_OK;
    for (int64_t start = 0; start < values->count && status == STATUS_OK; start += BATCH_ROWS) {
        int count = fold_take(&fold, values, &slot->distinct_layout, start);
        status = query_check(query, err);
        if (status == STATUS_OK)
            status = fold_resolve(&fold, aggregate, &slot->distinct_layout, set, count, into, NULL, err);
    }
    arena_deinit(&fold.arena);
    return status;
}

void aggregate_grouping_columns(Aggregate *aggregate, char *const *rows, int count, Vector *columns,
                                Arena *arena) {
    const PlanNode *node = aggregate->node;
    for (int c = 0; c < node->grouping_call_count; c++) {
        const GroupingCall *call = &node->grouping_calls[c];
        vector_init_flat(&columns[c], sqltype_of(SQL_INT4), count, arena);
        int32_t *values = columns[c].values;
        for (int k = 0; k < count; k++) {
            uint64_t set =
                aggregate->has_sets ? node->grouping_sets[set_of(aggregate, rows[k])] : ~(uint64_t)0;
            values[k] = 0;
            for (int a = 0; a < call->count; a++)
                values[k] = values[k] * 2 + !(set >> call->groups[a] & 1);
        }
    }
}
