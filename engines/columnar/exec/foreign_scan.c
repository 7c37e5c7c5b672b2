/* A table of another engine: its Arrow stream, read by one worker at a time while others work on what came
 * before. */
#include <stdlib.h>

#include "engines/base/calendar.h"
#include "engines/columnar/exec/arrow_import.h"
#include "engines/columnar/exec/operators.h"
#include "engines/columnar/exec/runtime_filter.h"

enum { MAX_SCAN_FILTERS = 64 };

typedef struct ForeignSource {
    Source source;
    Query *query;
    int slot_count;
    int *slot_table_column;
    int *out_slots, *filter_slots;
    ScanFilter filters[MAX_SCAN_FILTERS]; /* what could be said in the other engine's terms */
    int *filter_of;                       /* per ScanFilter: the conjunct it came from */
    int filter_count;
    Program **programs; /* every conjunct */
    Program **rest;     /* those that were not applied over there */
    int rest_count;
    Execution execution;
    ArrowArrayStream stream;
    ArrowSchema schema;
} ForeignSource;

typedef struct ForeignState {
    ArrowArray array;
    int64_t next;
    ConjunctOrder order;
    uint16_t selection[BATCH_ROWS];
    Batch batch;
} ForeignState;

/* ---- filters the other engine may take over
 * ---------------------------------------------------------------- */

static bool param_of(ForeignSource *foreign, const Vector *constant, Param *out) {
    Arena *arena = &foreign->query->arena;
    Error ignored = {0};
    const ScalarFunction *cast = cast_function(constant->type, sqltype_of(SQL_TEXT), CAST_EXPLICIT);
    StringView text;
    if (vector_is_null(constant, 0)) return false;
    if (sqltype_is_text(constant->type)) {
        text = *(const StringView *)constant->values;
    } else {
        Vector flat;
        if (!cast) return false;
        vector_init_flat(&flat, sqltype_of(SQL_TEXT), 1, arena);
        KernelCall call = {
            .args = constant, .arg_count = 1, .row_count = 1, .selected = 1, .out = &flat, .arena = arena};
        if (cast->eval(&call, &ignored) != STATUS_OK || vector_is_null(&flat, 0)) return false;
        text = *(const StringView *)flat.values;
    }
    out->text = arena_strndup(arena, stringview_data(&text), text.length);
    out->length = text.length;
    out->kind = sqltype_is(constant->type, SQL_BOOL) ? PARAM_BOOL
                : sqltype_is_integer(constant->type) ? PARAM_INT
                : sqltype_is_number(constant->type)  ? PARAM_NUMBER
                                                     : PARAM_TEXT;
    return true;
}

static const Vector *constant_of(ForeignSource *foreign, const Expr *expr) {
    if (expr->kind == EXPR_CONSTANT) return expr->constant;
    if (expr->kind == EXPR_PARAM && expr->param >= 0 && expr->param < foreign->query->plan->param_count)
        return &foreign->query->params[expr->param];
    return NULL;
}

static bool add_filter(ForeignSource *foreign, const Expr *column, ScanOp op, Expr *const *values, int count,
                       int conjunct) {
    const PlanNode *node = foreign->source.node;
    if (column->kind != EXPR_COLUMN || foreign->filter_count == MAX_SCAN_FILTERS) return false;
    Param *params = ARENA_NEW_ARRAY(&foreign->query->arena, Param, count + 1);
    for (int i = 0; i < count; i++) {
        const Vector *constant = constant_of(foreign, values[i]);
        /* Of one type: which rounding or collation another pair would meet over there is unknown. */
        if (!constant || constant->type.id != column->type.id || !param_of(foreign, constant, &params[i]))
            return false;
    }
    foreign->filter_of[foreign->filter_count] = conjunct;
    foreign->filters[foreign->filter_count++] = (ScanFilter){
        .column = node->filter_columns[column->column], .op = op, .values = params, .value_count = count};
    return true;
}

static void add_comparison(ForeignSource *foreign, const Expr *expr, int conjunct) {
    static const struct {
        const char *name;
        ScanOp op, mirrored;
    } ops[] = {{"=", SCAN_EQ, SCAN_EQ},  {"<>", SCAN_NE, SCAN_NE}, {"<", SCAN_LT, SCAN_GT},
               {"<=", SCAN_LE, SCAN_GE}, {">", SCAN_GT, SCAN_LT},  {">=", SCAN_GE, SCAN_LE}};
    for (size_t i = 0; expr->arg_count == 2 && i < sizeof ops / sizeof *ops; i++) {
        if (strcmp(expr->function->name, ops[i].name)) continue;
        if (!add_filter(foreign, expr->args[0], ops[i].op, &expr->args[1], 1, conjunct))
            add_filter(foreign, expr->args[1], ops[i].mirrored, &expr->args[0], 1, conjunct);
        return;
    }
}

static void offer_filters(ForeignSource *foreign) {
    const PlanNode *node = foreign->source.node;
    for (int i = 0; i < node->filter_count; i++) {
        const Expr *expr = node->filters[i];
        switch (expr->kind) {
        case EXPR_CALL: add_comparison(foreign, expr, i); break;
        case EXPR_IS_NULL: add_filter(foreign, expr->args[0], SCAN_IS_NULL, NULL, 0, i); break;
        case EXPR_IS_NOT_NULL: add_filter(foreign, expr->args[0], SCAN_IS_NOT_NULL, NULL, 0, i); break;
        case EXPR_IN_LIST:
            add_filter(foreign, expr->args[0], SCAN_IN, expr->args + 1, expr->arg_count - 1, i);
            break;
        default: break;
        }
    }
}

/* ---- what a join can match
 * ---------------------------------------------------------------------------------
 */

enum { OF_A_JOIN = -1 }; /* in place of a conjunct: the join looks at every row all the same */

static bool listed_param(ForeignSource *foreign, SqlType type, int64_t value, Param *out) {
    Arena *arena = &foreign->query->arena;
    if (sqltype_is(type, SQL_DATE)) {
        int64_t year;
        int month, day;
        if (value < -700000 || value > 2900000) return false; /* written without BC and with four digits */
        calendar_date_of(value, &year, &month, &day);
        out->text = arena_printf(arena, "%04lld-%02d-%02d", (long long)year, month, day);
        out->kind = PARAM_TEXT;
    } else {
        out->text = arena_printf(arena, "%lld", (long long)value);
        out->kind = PARAM_INT;
    }
    out->length = strlen(out->text);
    return true;
}

static void offer_values(ForeignSource *foreign, int column, ScanOp op, const int64_t *values, int count) {
    const PlanNode *node = foreign->source.node;
    if (foreign->filter_count == MAX_SCAN_FILTERS) return;
    Param *params = ARENA_NEW_ARRAY(&foreign->query->arena, Param, count);
    for (int i = 0; i < count; i++)
        if (!listed_param(foreign, node->columns[column].type, values[i], &params[i])) return;
    foreign->filter_of[foreign->filter_count] = OF_A_JOIN;
    foreign->filters[foreign->filter_count++] =
        (ScanFilter){.column = node->scan_columns[column], .op = op, .values = params, .value_count = count};
}

/* Semi-join keys: the values of the side that is read already when they are few, else their bounds. */
static void offer_join_keys(ForeignSource *foreign) {
    const PlanNode *node = foreign->source.node;
    for (const FilteredScan *entry = runtime_filter_next(foreign->query, node, NULL); entry;
         entry = runtime_filter_next(foreign->query, node, entry)) {
        const RuntimeFilter *filter = entry->filter;
        if (!filter->ready || !filter->ranged || !filter->value_count || filter->min > filter->max) continue;
        if (filter->listed_count > 0) {
            offer_values(foreign, entry->column, SCAN_IN, filter->listed, filter->listed_count);
        } else {
            offer_values(foreign, entry->column, SCAN_GE, &filter->min, 1);
            offer_values(foreign, entry->column, SCAN_LE, &filter->max, 1);
        }
    }
}

/* ---- the stream
 * -------------------------------------------------------------------------------------------- */

static SqlType slot_type(const ForeignSource *foreign, int slot) {
    return foreign->source.node->binding->table->columns[foreign->slot_table_column[slot]].type;
}

static void keep_unapplied(ForeignSource *foreign, uint64_t applied) {
    int conjuncts = foreign->source.node->filter_count;
    bool *done = ARENA_NEW_ARRAY(&foreign->query->arena, bool, conjuncts + 1);
    for (int i = 0; i < foreign->filter_count; i++)
        if (foreign->filter_of[i] != OF_A_JOIN) done[foreign->filter_of[i]] = applied >> i & 1;
    for (int i = 0; i < conjuncts; i++)
        if (!done[i]) foreign->rest[foreign->rest_count++] = foreign->programs[i];
}

static Status foreign_prepare(Source *source, Query *query, Error *err) {
    ForeignSource *foreign = (ForeignSource *)source;
    const TableBinding *binding = source->node->binding;
    source->morsel_count = -1;
    offer_filters(foreign);
    offer_join_keys(foreign);
    ScanRequest request = {.table = binding->table,
                           .columns = foreign->slot_table_column,
                           .column_count = foreign->slot_count,
                           .filters = foreign->filters,
                           .filter_count = foreign->filter_count};
    /* A limit may only go along when nothing is filtered here afterwards, which is not known yet. */
    if (!source->node->filter_count) request.row_limit = source->node->scan_row_limit;
    foreign->execution = (Execution){.cancel = query->execution->cancel,
                                     .budget = &query->budget,
                                     .row_limit = request.row_limit,
                                     .stats = query->execution->stats};
    uint64_t applied = 0;
    TRY(binding->engine->ops->scan(binding->engine, &request, &foreign->execution, &foreign->stream, &applied,
                                   err));
    keep_unapplied(foreign, applied);
    TRY(arrow_stream_schema(&foreign->stream, &foreign->schema, err));
    /* Where rows alone are counted, an engine whose dialect has no empty select list gives some column: not
     * looked at. */
    if (foreign->slot_count && foreign->schema.n_children != foreign->slot_count)
        return error_set(err, SQLSTATE_INTERNAL,
                         "engine %s gave %lld columns of \"%s\" where %d were asked for",
                         binding->engine->name, (long long)foreign->schema.n_children, binding->table->name,
                         foreign->slot_count);
    for (int i = 0; i < foreign->slot_count; i++)
        TRY(arrow_import_check(foreign->schema.children[i], slot_type(foreign, i), err));
    return STATUS_OK;
}

static Status foreign_open(Source *source, Chain *chain, void **out, Error *err) {
    ForeignSource *foreign = (ForeignSource *)source;
    ForeignState *state = calloc(1, sizeof *state);
    if (!state) return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory");
    conjunct_order_init(&state->order, foreign->rest, foreign->rest_count);
    *out = state;
    return STATUS_OK;
}

static Status foreign_morsel_open(Source *source, Chain *chain, void *pointer, int64_t morsel,
                                  bool *exhausted, Error *err) {
    ForeignSource *foreign = (ForeignSource *)source;
    ForeignState *state = pointer;
    arrow_array_release(&state->array);
    memset(&state->array, 0, sizeof state->array);
    TRY(query_check(foreign->query, err));
    TRY(arrow_stream_next(&foreign->stream, &state->array, err));
    state->next = 0;
    *exhausted = !state->array.release;
    return STATUS_OK;
}

static Status foreign_next(Source *source, Chain *chain, void *pointer, Batch **out, Error *err) {
    ForeignSource *foreign = (ForeignSource *)source;
    ForeignState *state = pointer;
    Arena *arena = &chain->batch_arena;
    const PlanNode *node = source->node;
    while (state->next < state->array.length) {
        int rows = state->array.length - state->next < BATCH_ROWS ? (int)(state->array.length - state->next)
                                                                  : BATCH_ROWS;
        Vector *slots = ARENA_NEW_ARRAY(arena, Vector, foreign->slot_count + 1);
        for (int i = 0; i < foreign->slot_count; i++)
            TRY(arrow_import_column(foreign->schema.children[i], state->array.children[i],
                                    state->array.offset + state->next, rows, slot_type(foreign, i), &slots[i],
                                    arena, err));
        state->next += rows;
        Batch filtered = {.row_count = rows, .column_count = node->filter_column_count, .selected = rows};
        filtered.columns = ARENA_NEW_ARRAY(arena, Vector, node->filter_column_count + 1);
        for (int i = 0; i < node->filter_column_count; i++)
            filtered.columns[i] = slots[foreign->filter_slots[i]];
        int selected = rows;
        if (foreign->rest_count)
            TRY(conjuncts_filter(&chain->evaluator, &state->order, foreign->rest, &filtered, NULL, rows,
                                 arena, state->selection, &selected, err));
        if (source->stats) atomic_fetch_add(&source->stats->rows_read, rows);
        if (!selected) continue;
        Vector *columns = ARENA_NEW_ARRAY(arena, Vector, node->column_count + 1);
        for (int i = 0; i < node->column_count; i++)
            columns[i] = slots[foreign->out_slots[i]];
        state->batch = (Batch){.row_count = rows,
                               .column_count = node->column_count,
                               .columns = columns,
                               .selection = selected < rows ? state->selection : NULL,
                               .selected = selected};
        *out = &state->batch;
        return STATUS_OK;
    }
    return STATUS_OK;
}

static void foreign_close(Source *source, void *pointer) {
    ForeignState *state = pointer;
    if (!state) return;
    arrow_array_release(&state->array);
    free(state);
}

static void foreign_destroy(Source *source, Query *query) {
    ForeignSource *foreign = (ForeignSource *)source;
    arrow_schema_release(&foreign->schema);
    arrow_stream_release(&foreign->stream);
}

static const SourceOps foreign_ops = {.prepare = foreign_prepare,
                                      .open = foreign_open,
                                      .morsel_open = foreign_morsel_open,
                                      .next = foreign_next,
                                      .close = foreign_close,
                                      .destroy = foreign_destroy};

static int slot_for(ForeignSource *foreign, int table_column) {
    for (int i = 0; i < foreign->slot_count; i++)
        if (foreign->slot_table_column[i] == table_column) return i;
    foreign->slot_table_column[foreign->slot_count] = table_column;
    return foreign->slot_count++;
}

Status foreign_source_create(Query *query, const PlanNode *node, Source **out, Error *err) {
    ForeignSource *foreign = ARENA_NEW(&query->arena, ForeignSource);
    Arena *arena = &query->arena;
    foreign->source =
        (Source){.ops = &foreign_ops, .node = node, .stats = query_stats_of(query, node), .morsel_count = -1};
    foreign->query = query;
    int most = node->column_count + node->filter_column_count + 1;
    foreign->slot_table_column = ARENA_NEW_ARRAY(arena, int, most);
    foreign->out_slots = ARENA_NEW_ARRAY(arena, int, most);
    foreign->filter_slots = ARENA_NEW_ARRAY(arena, int, most);
    for (int i = 0; i < node->column_count; i++)
        foreign->out_slots[i] = slot_for(foreign, node->scan_columns[i]);
    for (int i = 0; i < node->filter_column_count; i++)
        foreign->filter_slots[i] = slot_for(foreign, node->filter_columns[i]);
    foreign->filter_of = ARENA_NEW_ARRAY(arena, int, MAX_SCAN_FILTERS);
    TRY(programs_compile(query, node->filters, node->filter_count, &foreign->programs, err));
    foreign->rest = ARENA_NEW_ARRAY(arena, Program *, node->filter_count + 1);
    *out = &foreign->source;
    return STATUS_OK;
}
