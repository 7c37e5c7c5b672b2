/* GROUP BY and aggregates without groups: per-worker hash tables, merged by hash partition in parallel. */
#include <stdlib.h>

#include "engines/columnar/exec/aggregate_internal.h"

static const char *const order_free[] = {"count", "min",     "max",    "bool_and", "bool_or",
                                         "every", "bit_and", "bit_or", "bit_xor"};

bool aggregate_is_order_sensitive(const AggregateCall *call) {
    if (call->function->ordered) return true;
    for (size_t i = 0; i < sizeof order_free / sizeof *order_free; i++)
        if (!strcmp(call->function->name, order_free[i])) return false;
    for (int i = 0; i < call->arg_count; i++)
        if (call->args[i]->type.id == SQL_FLOAT4 || call->args[i]->type.id == SQL_FLOAT8) return true;
    return false;
}

void aggregate_init_states(const void *context, char *states) {
    const Aggregate *aggregate = context;
    for (int i = 0; i < aggregate->call_count; i++)
        if (aggregate->calls[i].call->function->init && !aggregate->calls[i].ordered)
            aggregate->calls[i].call->function->init(states + aggregate->calls[i].state_offset);
}

Status aggregate_combine_call(const Aggregate *aggregate, const AggregateSlot *slot, char *into,
                              const char *from, Arena *arena, Error *err) {
    if (slot->shared) return STATUS_OK;
    into += slot->state_offset;
    from += slot->state_offset;
    if (!slot->ordered) return slot->call->function->combine(into, from, arena, err);
    /* Grouping sets fold one state into several. */
    if (aggregate->has_sets)
        return ordered_call_copy(slot->ordered, (OrderedRows *)into, (const OrderedRows *)from, arena, err);
    ordered_call_link((OrderedRows *)into, (const OrderedRows *)from);
    return STATUS_OK;
}

/* ---- rows set aside -------------------------------------------------------------------------------------
 */

enum {
    MOST_GROUPS = 1 << 18, /* of a worker's table while keys repeat: it stays within the caches */
    FEW_GROUPS = 1 << 13,  /* when they hardly do, rows are better sorted into partitions at once */
    SPILL_FROM_BYTES = 1 << 20
};

/* A worker's table takes a small part of the budget: what is set aside is what can spill. */
static int64_t first_size(const Query *query, size_t row_bytes) {
    enum { LEAST_GROUPS = 1024, PARTS = 32, SLOT_BYTES = 32 };
    int64_t most = MOST_GROUPS;
    if (query->budget.limit_bytes) {
        int64_t fit = query->budget.limit_bytes / PARTS / (int64_t)(row_bytes + SLOT_BYTES);
        most = fit < most ? fit : most;
    }
    return most < LEAST_GROUPS ? LEAST_GROUPS : most;
}

/* When keys hardly repeat, a table only sorts rows into partitions: a small one does that fastest. */
static int64_t next_size(const AggregateState *state) {
    int64_t rows = state->table_rows, groups = state->table.count;
    int64_t most = first_size(state->table.query, state->table.row_bytes),
            few = most < FEW_GROUPS ? most : FEW_GROUPS;
    if (state->most_groups == most) return rows < groups * 2 ? few : most;
    return rows > groups * 4 ? most : few;
}

/* The table's rows have gone elsewhere: it starts anew. */
static void start_table(AggregateState *state, bool keep_memory) {
    int64_t size = next_size(state);
    if (size < state->most_groups || !keep_memory)
        group_table_drop_rows(&state->table);
    else
        group_table_clear(&state->table);
    state->most_groups = size;
    state->table_rows = 0;
    state->direct.cell_count = 0; /* its cells name groups of before */
}

Status aggregate_set_aside(Aggregate *aggregate, AggregateState *state, Error *err) {
    TRY(group_runs_add(&state->runs, &state->table, err));
    start_table(state, true);
    return STATUS_OK;
}

/* The table's rows go to disk from where they stand: there may be no room to set them aside. */
Status aggregate_spill_state(Aggregate *aggregate, AggregateState *state, Error *err) {
    Query *query = state->table.query;
    TRY(group_runs_spill(&state->runs, &state->table, &aggregate->spill_format, aggregate->sink.stats, err));
    if (state->table.count) start_table(state, false);
    group_table_drop_rows(&state->table);
    charged_arena_deinit(query, &state->table.arena); /* strings went along */
    charged_arena_init(&state->table.arena);
    return STATUS_OK;
}

static Status make_room(Aggregate *aggregate, AggregateState *state, int rows, Error *err) {
    GroupTable *table = &state->table;
    state->table_rows += rows;
    TRY(charged_arena_settle(table->query, &table->arena, err));
    if (!aggregate->group_count) return STATUS_OK;
    int64_t held =
        state->runs.memory_bytes + table->arena.charged_bytes + table->capacity * (int64_t)table->row_bytes;
    if (aggregate->spillable && held >= SPILL_FROM_BYTES && query_memory_pressure(table->query))
        return aggregate_spill_state(aggregate, state, err);
    bool full = table->count >= state->most_groups && !state->direct.cell_count;
    return full ? aggregate_set_aside(aggregate, state, err) : STATUS_OK;
}

static void init_spilling(Aggregate *aggregate, Query *query) {
    Arena *arena = &query->arena;
    GroupTable table; /* only for where things stand in a row */
    group_table_init(&table, query, &aggregate->layout, aggregate->state_bytes);
    spill_format_init(&aggregate->spill_format, table.row_bytes);
    spill_format_add_keys(&aggregate->spill_format, &aggregate->layout, 16, arena);
    aggregate->spillable = true;
    aggregate->rows_hold_strings = aggregate->layout.string_count > 0;
    for (int i = 0; i < aggregate->call_count; i++) {
        const AggregateSlot *slot = &aggregate->calls[i];
        if (slot->ordered || slot->call->function->holds == STATE_POINTERS) aggregate->spillable = false;
        if (slot->ordered || slot->shared || slot->call->function->holds != STATE_STRING) continue;
        aggregate->rows_hold_strings = true;
        spill_format_add_string(&aggregate->spill_format, (uint32_t)(table.state_offset + slot->state_offset),
                                arena);
    }
    group_table_deinit(&table);
}

/* ---- one worker ------------------------------------------------------------------------------------------
 */

static Status sink_open(Sink *sink, Query *query, void **out, Error *err) {
    Aggregate *aggregate = (Aggregate *)sink;
    AggregateState *state = calloc(1, sizeof *state);
    if (!state) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    *out = state;
    group_table_init(&state->table, query, &aggregate->layout, aggregate->state_bytes);
    group_runs_init(&state->runs, query, state->table.row_bytes);
    state->most_groups = first_size(query, state->table.row_bytes);
    state->keys = malloc(8 * (size_t)aggregate->widest_key * BATCH_ROWS + 8);
    state->distinct = calloc((size_t)aggregate->call_count + 1, sizeof *state->distinct);
    if (!state->keys || !state->distinct) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    for (int i = 0; i < aggregate->call_count; i++)
        if (aggregate->calls[i].distinct)
            group_table_init(&state->distinct[i], query, &aggregate->calls[i].distinct_layout, 0);
    return STATUS_OK;
}

static void sink_state_close(Sink *sink, Query *query, void *pointer) {
    Aggregate *aggregate = (Aggregate *)sink;
    AggregateState *state = pointer;
    group_table_deinit(&state->table);
    for (int i = 0; state->distinct && i < aggregate->call_count; i++)
        group_table_deinit(&state->distinct[i]);
    group_runs_deinit(&state->runs);
    direct_map_deinit(&state->direct);
    free(state->distinct);
    free(state->keys);
    free(state);
}

static void first_places(const Chain *chain, int selected, uint64_t *first) {
    uint64_t base = (uint64_t)chain->morsel << 32 | (uint64_t)(chain->morsel_rows - selected);
    for (int k = 0; k < selected; k++)
        first[k] = base + (uint64_t)k;
}

static Status resolve_hashed(Aggregate *aggregate, AggregateState *state, Chain *chain, const Vector *columns,
                             const uint16_t *selection, int selected, const uint64_t *first, uint32_t *groups,
                             Error *err) {
    keys_encode(&aggregate->layout, columns, selection, selected, state->keys, NULL);
    keys_hash(&aggregate->layout, state->keys, selected, state->hashes);
    return group_table_resolve(&state->table, state->keys, state->hashes, first, selected, true,
                               aggregate_init_states, aggregate, groups, err);
}

/* Rows whose cell was never met go through the hash table once and leave their group in the cell. */
static Status resolve_new_cells(Aggregate *aggregate, AggregateState *state, Chain *chain,
                                const Vector *columns, const Batch *batch, const uint64_t *first,
                                Error *err) {
    uint16_t *rows = arena_alloc(&chain->batch_arena, sizeof *rows * BATCH_ROWS);
    uint16_t *at = arena_alloc(&chain->batch_arena, sizeof *at * BATCH_ROWS);
    uint64_t *places = arena_alloc(&chain->batch_arena, sizeof *places * BATCH_ROWS);
    uint32_t *groups = arena_alloc(&chain->batch_arena, sizeof *groups * BATCH_ROWS);
    int count = 0;
    for (int k = 0; k < batch->selected; k++) {
        if (state->groups[k] != UINT32_MAX) continue;
        rows[count] = (uint16_t)(batch->selection ? batch->selection[k] : k);
        places[count] = first[k];
        at[count++] = (uint16_t)k;
    }
    TRY(resolve_hashed(aggregate, state, chain, columns, rows, count, places, groups, err));
    for (int i = 0; i < count; i++) {
        state->groups[at[i]] = groups[i];
        state->direct.cells[state->cells[at[i]]] = groups[i] + 1;
    }
    return STATUS_OK;
}

/* The place of a group's first row: rows found by their cell may come before those the group was made with.
 */
static void note_first(GroupTable *table, const uint32_t *groups, int selected, const uint64_t *first) {
    for (int k = selected - 1; k >= 0; k--) {
        uint64_t *place = group_first(group_row(table, groups[k]));
        if (first[k] < *place) *place = first[k];
    }
}

static Status resolve_groups(Aggregate *aggregate, AggregateState *state, Chain *chain, const Vector *columns,
                             const Batch *batch, const uint64_t *first, Error *err) {
    int selected = batch->selected;
    if (!direct_map_locate(&state->direct, columns, aggregate->group_count, batch->row_count,
                           batch->selection, selected, state->cells))
        return resolve_hashed(aggregate, state, chain, columns, batch->selection, selected, first,
                              state->groups, err);
    uint32_t missing = 0;
    const uint32_t *cells = state->direct.cells;
    for (int k = 0; k < selected; k++) {
        state->groups[k] = cells[state->cells[k]] - 1;
        missing |= state->groups[k] == UINT32_MAX;
    }
    if (missing) TRY(resolve_new_cells(aggregate, state, chain, columns, batch, first, err));
    /* Only a morsel earlier than those before can lower a first place. */
    if (first[0] < state->latest_first) note_first(&state->table, state->groups, selected, first);
    return STATUS_OK;
}

/* Narrows rows and their groups to those that pass the call's FILTER. */
static Status apply_filter(AggregateState *state, const AggregateSlot *slot, Chain *chain, const Batch *batch,
                           uint16_t *rows, uint32_t *groups, uint64_t *places, int *count, Error *err) {
    TRY(program_filter(&chain->evaluator, slot->filter, batch, batch->selection, batch->selected,
                       &chain->batch_arena, rows, count, err));
    for (int k = 0, i = 0; i < *count; k++)
        if ((batch->selection ? batch->selection[k] : k) == rows[i]) {
            places[i] = state->first[k];
            groups[i++] = state->groups[k];
        }
    return STATUS_OK;
}

static Status add_distinct(Aggregate *aggregate, AggregateState *state, int which, Chain *chain,
                           const Vector *group_columns, const Vector *args, const uint16_t *selection,
                           int selected, const uint64_t *first, Error *err) {
    const AggregateSlot *slot = &aggregate->calls[which];
    GroupTable *table = &state->distinct[which];
    int count = aggregate->group_count + slot->call->arg_count;
    count += aggregate->has_sets;
    Vector *columns = ARENA_NEW_ARRAY(&chain->batch_arena, Vector, count + 1);
    int keys = aggregate->group_count + aggregate->has_sets;
    if (keys) memcpy(columns, group_columns, sizeof(Vector) * (size_t)keys);
    memcpy(columns + keys, args, sizeof(Vector) * (size_t)slot->call->arg_count);
    uint32_t *ignored = arena_alloc(&chain->batch_arena, sizeof *ignored * BATCH_ROWS);
    keys_encode(&slot->distinct_layout, columns, selection, selected, state->keys, NULL);
    keys_hash(&slot->distinct_layout, state->keys, selected, state->hashes);
    return group_table_resolve(table, state->keys, state->hashes, first, selected, true, NULL, NULL, ignored,
                               err);
}

static Status update_call(Aggregate *aggregate, AggregateState *state, int which, Chain *chain,
                          const Vector *group_columns, const Batch *batch, const uint64_t *first,
                          Error *err) {
    const AggregateSlot *slot = &aggregate->calls[which];
    const AggregateFunction *function = slot->call->function;
    Arena *arena = &chain->batch_arena;
    Batch rows = *batch;
    uint32_t *groups = state->groups;
    if (slot->filter) {
        uint16_t *selection = arena_alloc(arena, sizeof *selection * BATCH_ROWS);
        groups = arena_alloc(arena, sizeof *groups * BATCH_ROWS);
        uint64_t *places = arena_alloc(arena, sizeof *places * BATCH_ROWS);
        TRY(apply_filter(state, slot, chain, batch, selection, groups, places, &rows.selected, err));
        first = places;
        rows.selection = selection;
        if (!rows.selected) return STATUS_OK;
    }
    Vector *args = ARENA_NEW_ARRAY(arena, Vector, slot->call->arg_count + 1);
    for (int i = 0; i < slot->call->arg_count; i++)
        TRY(program_evaluate(&chain->evaluator, slot->args[i], &rows, arena, &args[i], err));
    if (slot->distinct)
        return add_distinct(aggregate, state, which, chain, group_columns, args, rows.selection,
                            rows.selected, first, err);
    AggregateInput input = {.args = args,
                            .arg_count = slot->call->arg_count,
                            .row_count = rows.row_count,
                            .selection = rows.selection,
                            .selected = rows.selected,
                            .arena = &state->table.arena.arena};
    char *states = group_states(&state->table, state->table.rows) + slot->state_offset;
    if (slot->ordered) {
        ordered_call_update(slot->ordered, states, state->table.row_bytes,
                            aggregate->group_count ? groups : NULL, &input, first);
        return STATUS_OK;
    }
    if (!aggregate->group_count) return function->update_single(states, &input, err);
    if (state->few.count && !slot->filter && function->update_single)
        return aggregate_update_few(state, slot, &input, err);
    return function->update(states, state->table.row_bytes, groups, &input, err);
}

/* The one group of an aggregate without GROUP BY. */
static Status make_single_group(Aggregate *aggregate, GroupTable *table, Error *err) {
    uint64_t key[1] = {0}, hash = 0, first = 0;
    uint32_t group;
    if (table->count) return STATUS_OK;
    return group_table_resolve(table, key, &hash, &first, 1, false, aggregate_init_states, aggregate, &group,
                               err);
}

static Status sink_push(Sink *sink, Chain *chain, void *pointer, Batch *batch, Error *err) {
    Aggregate *aggregate = (Aggregate *)sink;
    AggregateState *state = pointer;
    Vector *columns = ARENA_NEW_ARRAY(&chain->batch_arena, Vector, aggregate->group_count + 1);
    uint64_t *first = state->first;
    first_places(chain, batch->selected, first);
    if (aggregate->group_count) {
        for (int i = 0; i < aggregate->group_count; i++)
            TRY(program_evaluate(&chain->evaluator, aggregate->groups[i], batch, &chain->batch_arena,
                                 &columns[i], err));
        columns[aggregate->group_count] = aggregate->fine_set;
        TRY(resolve_groups(aggregate, state, chain, columns, batch, first, err));
        if (aggregate->call_count) aggregate_sort_few(state, batch);
        if (first[0] > state->latest_first) state->latest_first = first[0];
    } else {
        TRY(make_single_group(aggregate, &state->table, err));
    }
    Batch with_shared;
    TRY(aggregate_add_shared(aggregate, chain, batch, &with_shared, err));
    for (int i = 0; i < aggregate->call_count; i++)
        if (!aggregate->calls[i].shared)
            TRY(update_call(aggregate, state, i, chain, columns, &with_shared, first, err));
    return make_room(aggregate, state, batch->selected, err);
}

static Status sink_finish(Sink *sink, Query *query, void **states, int count, Error *err) {
    Aggregate *aggregate = (Aggregate *)sink;
    TRY(aggregate_merge(aggregate, query, (AggregateState **)states, count, err));
    if (!aggregate->group_count) TRY(make_single_group(aggregate, &aggregate->partitions[0], err));
    if (aggregate->has_sets) TRY(aggregate_fold_sets(aggregate, query, err));
    TRY(aggregate_add_distinct(aggregate, query, (AggregateState **)states, count, err));
    return aggregate->lazy ? STATUS_OK : aggregate_order_groups(aggregate, query, err);
}

static void sink_destroy(Sink *sink, Query *query) {
    Aggregate *aggregate = (Aggregate *)sink;
    for (int i = 0; i < aggregate->partition_count; i++)
        group_table_deinit(&aggregate->partitions[i]);
    for (int i = 0; aggregate->blocks && i < GROUP_PARTITIONS; i++)
        group_blocks_deinit(&aggregate->blocks[i]);
    query_free(query, aggregate->order, sizeof(char *) * (size_t)aggregate->order_count);
    aggregate->order = NULL;
}

static const SinkOps aggregate_sink_ops = {.open = sink_open,
                                           .push = sink_push,
                                           .finish = sink_finish,
                                           .close = sink_state_close,
                                           .destroy = sink_destroy};

/* ---- creation --------------------------------------------------------------------------------------------
 */

static Status init_call(Aggregate *aggregate, Query *query, const AggregateCall *call, AggregateSlot *slot,
                        Error *err) {
    if (call->filter) TRY(program_compile(query, call->filter, &slot->filter, err));
    if (call->order_count) TRY(ordered_call_create(query, call, slot->args, &slot->ordered, err));
    if (!slot->distinct) return STATUS_OK;
    int keys = aggregate->group_count + aggregate->has_sets, count = keys + call->arg_count;
    SqlType *types = ARENA_NEW_ARRAY(&query->arena, SqlType, count + 1);
    for (int i = 0; i < aggregate->group_count; i++)
        types[i] = program_type(aggregate->groups[i]);
    if (aggregate->has_sets) types[aggregate->group_count] = sqltype_of(SQL_INT4);
    for (int i = 0; i < call->arg_count; i++)
        types[keys + i] = program_type(slot->args[i]);
    key_layout_init(&slot->distinct_layout, types, count, true, &query->arena);
    if (slot->distinct_layout.words > aggregate->widest_key)
        aggregate->widest_key = slot->distinct_layout.words;
    aggregate->has_distinct = true;
    return STATUS_OK;
}

static void place_call(Aggregate *aggregate, const AggregateCall *call, AggregateSlot *slot) {
    const AggregateSlot *same = aggregate_same_states(aggregate, call);
    slot->call = call;
    slot->shared = same != NULL;
    slot->distinct = call->distinct && !call->order_count;
    slot->state_offset = same ? same->state_offset : aggregate->state_bytes;
    size_t bytes = call->order_count ? sizeof(OrderedRows) : call->function->state_bytes;
    if (!same) aggregate->state_bytes += (bytes + 15) & ~(size_t)15;
}

static Status init_groups(Aggregate *aggregate, Query *query, const PlanNode *node, Error *err) {
    aggregate->group_count = node->group_count;
    TRY(programs_compile(query, node->groups, node->group_count, &aggregate->groups, err));
    SqlType *types = ARENA_NEW_ARRAY(&query->arena, SqlType, node->group_count + 2);
    for (int i = 0; i < node->group_count; i++)
        types[i] = program_type(aggregate->groups[i]);
    types[node->group_count] = sqltype_of(SQL_INT4);
    aggregate_sets_init(aggregate, node, &query->arena);
    key_layout_init(&aggregate->layout, types, node->group_count + aggregate->has_sets, true, &query->arena);
    aggregate->widest_key = aggregate->layout.words;
    return STATUS_OK;
}

Status aggregate_create(Query *query, const PlanNode *node, Sink **sink, Source **source, Error *err) {
    Aggregate *aggregate = ARENA_NEW(&query->arena, Aggregate);
    OperatorStats *stats = query_stats_of(query, node);
    aggregate->sink = (Sink){.ops = &aggregate_sink_ops, .node = node, .stats = stats};
    aggregate->source = (Source){.ops = &aggregate_source_ops, .node = node, .stats = stats};
    TRY(init_groups(aggregate, query, node, err));
    aggregate->call_count = node->call_count;
    aggregate->calls = ARENA_NEW_ARRAY(&query->arena, AggregateSlot, node->call_count + 1);
    for (int i = 0; i < node->call_count; i++)
        place_call(aggregate, &node->calls[i], &aggregate->calls[i]);
    TRY(aggregate_compile_args(aggregate, query, err));
    for (int i = 0; i < node->call_count; i++) {
        TRY(init_call(aggregate, query, &node->calls[i], &aggregate->calls[i], err));
        aggregate->calls[i].order_sensitive =
            !node->calls[i].order_count && aggregate_is_order_sensitive(&node->calls[i]);
        aggregate->sink.lane_states |= !aggregate->calls[i].distinct && aggregate->calls[i].order_sensitive;
    }
    init_spilling(aggregate, query);
    *sink = &aggregate->sink;
    *source = &aggregate->source;
    return STATUS_OK;
}

/* ---- INTERSECT and EXCEPT: rows counted per side ---------------------------------------------------------
 */

static Status count_sides(char *states, size_t stride, const uint32_t *groups, const AggregateInput *input,
                          Error *err) {
    const Vector *tag = &input->args[0];
    for (int k = 0; k < input->selected; k++) {
        int row = tag->encoding == VECTOR_CONSTANT ? 0 : input->selection ? input->selection[k] : k;
        ((int64_t *)(states + groups[k] * stride))[((const int64_t *)tag->values)[row] != 0]++;
    }
    return STATUS_OK;
}

static Status count_sides_combine(void *into, const void *from, Arena *arena, Error *err) {
    ((int64_t *)into)[0] += ((const int64_t *)from)[0];
    ((int64_t *)into)[1] += ((const int64_t *)from)[1];
    return STATUS_OK;
}

static const AggregateFunction side_counts = {.name = "count",
                                              .arg_count = 1,
                                              .state_bytes = 16,
                                              .update = count_sides,
                                              .combine = count_sides_combine};

Status set_operation_create(Query *query, const PlanNode *node, Sink **sink, Source **source, Error *err) {
    PlanNode *counting = ARENA_NEW(&query->arena, PlanNode);
    *counting = *node;
    counting->groups = ARENA_NEW_ARRAY(&query->arena, Expr *, node->column_count + 1);
    counting->group_count = node->column_count;
    Expr *exprs = ARENA_NEW_ARRAY(&query->arena, Expr, node->column_count + 1);
    for (int i = 0; i <= node->column_count; i++) {
        exprs[i] = (Expr){.kind = EXPR_COLUMN,
                          .column = i,
                          .type = i < node->column_count ? node->columns[i].type : sqltype_of(SQL_INT8)};
        if (i < node->column_count) counting->groups[i] = &exprs[i];
    }
    counting->calls = ARENA_NEW(&query->arena, AggregateCall);
    Expr **args = ARENA_NEW_ARRAY(&query->arena, Expr *, 1);
    args[0] = &exprs[node->column_count];
    counting->calls[0] =
        (AggregateCall){.function = &side_counts, .args = args, .arg_count = 1, .type = sqltype_of(SQL_INT8)};
    counting->call_count = 1;
    TRY(aggregate_create(query, counting, sink, source, err));
    Aggregate *aggregate = (Aggregate *)*sink;
    aggregate->set_operation = true;
    aggregate->sink.stats = aggregate->source.stats = query_stats_of(query, node);
    return STATUS_OK;
}
