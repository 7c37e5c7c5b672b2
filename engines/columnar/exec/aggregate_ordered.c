/* Aggregates over sorted rows: ORDER BY inside the call, DISTINCT where order shows, WITHIN GROUP. A group's
 * state is a list of its rows, keys as bytes in front; they are sorted when the result is asked for, ties by
 * place of origin, so that it does not matter which worker met them. */
#include <stdlib.h>

#include "engines/columnar/exec/aggregate_internal.h"
#include "engines/columnar/exec/pointer_sort.h"

typedef struct OrderedChunk {
    struct OrderedChunk *next;
    int64_t count, capacity;
    char rows[];
} OrderedChunk;

enum { FIRST_CHUNK = 2, LARGEST_CHUNK = 4096 };

Status ordered_call_create(Query *query, const AggregateCall *call, Program **args, OrderedCall **out,
                           Error *err) {
    Arena *arena = &query->arena;
    OrderedCall *ordered = ARENA_NEW(arena, OrderedCall);
    ordered->call = call;
    ordered->query = query;
    PlanNode *node = ARENA_NEW(arena, PlanNode); /* a sort of the arguments */
    node->column_count = call->arg_count;
    node->columns = ARENA_NEW_ARRAY(arena, PlanColumn, call->arg_count + 1);
    ordered->types = ARENA_NEW_ARRAY(arena, SqlType, call->arg_count + 1);
    for (int i = 0; i < call->arg_count; i++)
        node->columns[i].type = ordered->types[i] = program_type(args[i]);
    node->sort_key_count = call->order_count;
    node->sort_keys = ARENA_NEW_ARRAY(arena, SortKey, call->order_count + 1);
    for (int k = 0; k < call->order_count; k++) {
        Expr *column = ARENA_NEW(arena, Expr);
        *column = (Expr){
            .kind = EXPR_COLUMN, .column = call->order[k].arg, .type = ordered->types[call->order[k].arg]};
        node->sort_keys[k] = (SortKey){.expr = column,
                                       .descending = call->order[k].descending,
                                       .nulls_first = call->order[k].nulls_first};
    }
    TRY(sort_layout_init(&ordered->layout, query, node, node->sort_keys, node->sort_key_count, NULL, 0, false,
                         err));
    ordered->row_bytes = ordered->layout.rows.width;
    *out = ordered;
    return STATUS_OK;
}

/* ---- keeping rows
 * ------------------------------------------------------------------------------------------- */

static char *next_row(OrderedRows *rows, size_t row_bytes, Arena *arena) {
    OrderedChunk *last = rows->last;
    if (!last || last->count == last->capacity) {
        int64_t capacity = last ? last->capacity * 2 : FIRST_CHUNK;
        if (capacity > LARGEST_CHUNK) capacity = LARGEST_CHUNK;
        OrderedChunk *chunk = arena_alloc(arena, sizeof *chunk + row_bytes * (size_t)capacity);
        chunk->next = NULL;
        chunk->count = 0;
        chunk->capacity = capacity;
        if (last)
            last->next = chunk;
        else
            rows->first = chunk;
        rows->last = last = chunk;
    }
    rows->count++;
    return last->rows + row_bytes * (size_t)last->count++;
}

void ordered_call_update(const OrderedCall *ordered, char *states, size_t stride, const uint32_t *groups,
                         const AggregateInput *input, const uint64_t *places) {
    const SortLayout *layout = &ordered->layout;
    size_t width = ordered->row_bytes;
    int selected = input->selected;
    Vector keys[64], *key_values = keys;
    Arena scratch;
    arena_init(&scratch);
    if (layout->key_count > 64) key_values = ARENA_NEW_ARRAY(&scratch, Vector, layout->key_count);
    for (int k = 0; k < layout->key_count; k++)
        key_values[k] = input->args[ordered->call->order[k].arg];
    char *rows = arena_alloc(&scratch, width * (size_t)selected + 1);
    for (int k = 0; k < selected; k++)
        memcpy(rows + width * (size_t)k, &places[k], sizeof *places);
    sort_keys_encode(layout, key_values, input->selection, selected, rows, width);
    for (int c = 0; c < layout->rows.column_count; c++)
        rows_scatter(&layout->rows, c, &input->args[c], input->selection, selected, rows, width,
                     input->arena);
    for (int k = 0; k < selected; k++) {
        OrderedRows *state = (OrderedRows *)(groups ? states + stride * groups[k] : states);
        memcpy(next_row(state, width, input->arena), rows + width * (size_t)k, width);
    }
    arena_deinit(&scratch);
}

void ordered_call_link(OrderedRows *into, const OrderedRows *from) {
    if (!from->first) return;
    if (into->last)
        into->last->next = from->first;
    else
        into->first = from->first;
    into->last = from->last;
    into->count += from->count;
}

Status ordered_call_copy(const OrderedCall *ordered, OrderedRows *into, const OrderedRows *from, Arena *arena,
                         Error *err) {
    for (const OrderedChunk *chunk = from->first; chunk; chunk = chunk->next) {
        for (int64_t i = 0; i < chunk->count; i++)
            memcpy(next_row(into, ordered->row_bytes, arena), chunk->rows + ordered->row_bytes * (size_t)i,
                   ordered->row_bytes);
        if (chunk->count == LARGEST_CHUNK) TRY(query_check(ordered->query, err));
    }
    return STATUS_OK;
}

/* ---- sorting
 * ------------------------------------------------------------------------------------------------ */

static int compare_rows(const void *layout, const char *left, const char *right) {
    return sort_compare(layout, left, right);
}

int ordered_compare_keys(const OrderedCall *ordered, const char *a, const char *b) {
    char copy[8];
    /* Same place: only the keys can differ. */
    memcpy(copy, b, sizeof copy);
    memcpy((char *)b, a, sizeof copy);
    int order = sort_compare(&ordered->layout, a, b);
    memcpy((char *)b, copy, sizeof copy);
    return order;
}

static int64_t drop_repeats(const OrderedCall *ordered, char **rows, int64_t count) {
    int64_t kept = 0;
    for (int64_t i = 0; i < count && !query_is_stopped_each(ordered->query, i + 1); i++)
        if (!kept || ordered_compare_keys(ordered, rows[kept - 1], rows[i])) rows[kept++] = rows[i];
    return kept;
}

/* ---- results
 * ------------------------------------------------------------------------------------------------ */

static Status feed(const OrderedCall *ordered, char **rows, int64_t count, void *state, Arena *arena,
                   Error *err) {
    int values = ordered->call->value_count;
    Vector *columns = ARENA_NEW_ARRAY(arena, Vector, values + 1);
    for (int64_t start = 0; start < count; start += BATCH_ROWS) {
        int batch = count - start < BATCH_ROWS ? (int)(count - start) : BATCH_ROWS;
        TRY(query_check_each(ordered->query, start, err));
        for (int c = 0; c < values; c++)
            rows_gather(&ordered->layout.rows, c, rows + start, batch, NULL, batch, &columns[c], arena);
        AggregateInput input = {
            .args = columns, .arg_count = values, .row_count = batch, .selected = batch, .arena = arena};
        TRY(ordered->call->function->update_single(state, &input, err));
    }
    return STATUS_OK;
}

static Status finalize_groups(const OrderedCall *ordered, char ***rows, const int64_t *counts, int count,
                              Vector *out, Arena *arena, Error *err) {
    const AggregateFunction *function = ordered->call->function;
    if (function->ordered_set) return ordered_set_finalize(ordered, rows, counts, count, out, arena, err);
    size_t stride = (function->state_bytes + 15) & ~(size_t)15;
    char *inner = arena_alloc(arena, stride * (size_t)count + 16);
    memset(inner, 0, stride * (size_t)count);
    for (int g = 0; g < count; g++) {
        if (function->init) function->init(inner + stride * (size_t)g);
        TRY(feed(ordered, rows[g], counts[g], inner + stride * (size_t)g, arena, err));
    }
    return function->finalize(inner, stride, count, out, arena, err);
}

Status ordered_call_finalize(const OrderedCall *ordered, const char *states, size_t stride, int count,
                             Vector *out, Arena *arena, Error *err) {
    int64_t total = 0, at = 0;
    for (int g = 0; g < count; g++)
        total += ((const OrderedRows *)(states + stride * (size_t)g))->count;
    char **pointers = NULL, ***rows = arena_alloc(arena, sizeof *rows * (size_t)count + 8);
    int64_t *counts = arena_alloc(arena, sizeof *counts * (size_t)count + 8);
    size_t bytes = sizeof *pointers * 2 * (size_t)total;
    TRY(query_alloc(ordered->query, bytes, (void **)&pointers, err));
    Status status = STATUS_OK;
    for (int g = 0; g < count && status == STATUS_OK; g++) {
        const OrderedRows *state = (const OrderedRows *)(states + stride * (size_t)g);
        rows[g] = pointers + at;
        for (OrderedChunk *chunk = state->first; chunk; chunk = chunk->next)
            for (int64_t i = 0; i < chunk->count; i++)
                pointers[at++] = chunk->rows + ordered->row_bytes * (size_t)i;
        counts[g] = state->count;
        status = pointer_sort(ordered->query, rows[g], pointers + total, counts[g], compare_rows,
                              &ordered->layout, err);
        if (status == STATUS_OK && ordered->call->distinct)
            counts[g] = drop_repeats(ordered, rows[g], counts[g]);
    }
    if (status == STATUS_OK) status = finalize_groups(ordered, rows, counts, count, out, arena, err);
    /* Loops that cannot fail have ended early. */
    if (status == STATUS_OK) status = query_check(ordered->query, err);
    query_free(ordered->query, pointers, bytes);
    return status;
}
