#include <stdlib.h>

#include "engines/columnar/exec/expression_internal.h"
#include "engines/columnar/kernels/kernel_limits.h"

/* ---- shapes of vectors -----------------------------------------------------------------------------------
 */

static inline uint32_t source_index(const Vector *vector, int row) {
    switch (vector->encoding) {
    case VECTOR_CONSTANT: return 0;
    case VECTOR_DICTIONARY: return vector->codes[row];
    default: return (uint32_t)row;
    }
}

static const char *source_values(const Vector *vector) {
    return vector->encoding == VECTOR_DICTIONARY ? vector->dictionary->values : vector->values;
}

static void copy_validity(const Vector *src, int rows, const uint16_t *selection, int selected, Vector *out,
                          Arena *arena) {
    if (!src->validity) return;
    uint64_t *validity = vector_make_validity(out, rows, arena);
    for (int k = 0; k < selected; k++)
        if (vector_is_null(src, selection_row(selection, k)))
            bitmap_clear(validity, (size_t)selection_row(selection, k));
}

#define COPY_ROWS(WIDTH)                                                                                     \
    for (int k = 0; k < selected; k++) {                                                                     \
        size_t row = (size_t)selection_row(selection, k);                                                    \
        memcpy((char *)out->values + row * (WIDTH), values + (size_t)source_index(src, (int)row) * (WIDTH),  \
               WIDTH);                                                                                       \
    }

void vector_flatten_selected(const Vector *src, int rows, const uint16_t *selection, int selected,
                             Vector *out, Arena *arena) {
    if (src->encoding == VECTOR_FLAT) {
        *out = *src;
        return;
    }
    vector_init_flat(out, src->type, rows > 0 ? rows : 1, arena);
    size_t width = physical_width((PhysicalType)out->physical);
    if (src->encoding == VECTOR_SEQUENCE) {
        for (int row = 0; row < rows; row++)
            ((int64_t *)out->values)[row] = src->sequence_start + row * src->sequence_step;
        return;
    }
    if (selected < rows)
        memset(out->values, 0, (size_t)rows * width); /* kernels may look at unselected rows */
    const char *values = source_values(src);
    switch (width) {
    case 1: COPY_ROWS(1) break;
    case 2: COPY_ROWS(2) break;
    case 4: COPY_ROWS(4) break;
    case 8: COPY_ROWS(8) break;
    case 16: COPY_ROWS(16) break;
    default: COPY_ROWS(width) break;
    }
    copy_validity(src, rows, selection, selected, out, arena);
}

static void gather_validity(const Vector *src, const uint16_t *rows, int count, Vector *out, Arena *arena) {
    if (!src->validity) return;
    uint64_t *validity = vector_make_validity(out, count, arena);
    for (int k = 0; k < count; k++)
        if (vector_is_null(src, rows[k])) bitmap_clear(validity, (size_t)k);
}

#define GATHER_ROWS(WIDTH)                                                                                   \
    for (int k = 0; k < count; k++)                                                                          \
    memcpy((char *)out->values + (size_t)k * (WIDTH), values + (size_t)rows[k] * (WIDTH), WIDTH)

void vector_gather(const Vector *src, const uint16_t *rows, int count, Vector *out, Arena *arena) {
    if (src->encoding == VECTOR_CONSTANT) {
        *out = *src;
        return;
    }
    if (src->encoding == VECTOR_DICTIONARY) {
        *out = *src;
        out->validity = NULL;
        out->codes = arena_alloc(arena, sizeof(uint32_t) * (size_t)(count + 1));
        for (int k = 0; k < count; k++)
            out->codes[k] = src->codes[rows[k]];
        gather_validity(src, rows, count, out, arena);
        return;
    }
    vector_init_flat(out, src->type, count > 0 ? count : 1, arena);
    if (src->encoding == VECTOR_SEQUENCE) {
        for (int k = 0; k < count; k++)
            ((int64_t *)out->values)[k] = src->sequence_start + rows[k] * src->sequence_step;
        return;
    }
    const char *values = src->values;
    size_t width = physical_width((PhysicalType)src->physical);
    switch (width) {
    case 1: GATHER_ROWS(1); break;
    case 2: GATHER_ROWS(2); break;
    case 4: GATHER_ROWS(4); break;
    case 8: GATHER_ROWS(8); break;
    case 16: GATHER_ROWS(16); break;
    default: GATHER_ROWS(width);
    }
    gather_validity(src, rows, count, out, arena);
}

/* ---- calls -----------------------------------------------------------------------------------------------
 */

/* Runs the node's function over FLAT or CONSTANT arguments. */
static Status apply(EvalContext *context, const ExprNode *node, const Vector *args, int rows,
                    const uint16_t *selection, int selected, bool narrow, Vector *out, Arena *arena,
                    Error *err) {
    vector_init_flat(out, node->type, rows > 0 ? rows : 1, arena);
    if (node->kind == EXPR_IN_LIST)
        return in_set_evaluate(node, &args[0], rows, selection, selected, out, arena);
    if (node->function->strict) {
        for (int i = 0; i < node->arg_count; i++) {
            if (!args[i].validity) continue;
            if (args[i].encoding == VECTOR_CONSTANT) {
                if (bitmap_get(args[i].validity, 0)) continue;
                vector_init_constant(out, node->type, NULL, arena);
                return STATUS_OK;
            }
            uint64_t *validity = vector_make_validity(out, rows, arena);
            bitmap_and(validity, validity, args[i].validity, (size_t)rows);
        }
    }
    KernelCall call = {.args = args,
                       .arg_count = node->arg_count,
                       .row_count = rows,
                       .selection = selection,
                       .selected = selected,
                       .out = out,
                       .arena = arena,
                       .bind_data = node->bind_data,
                       .statement_time_us = context->evaluator->query->statement_time_us,
                       .narrow = narrow};
    Query *query = context->evaluator->query;
    KernelLimits limits = {.budget = &query->budget, .cancel = query->execution->cancel};
    KernelLimits *before = kernel_limits_enter(&limits);
    Status status = node->function->eval(&call, err);
    if (kernel_limits_leave(before, status, err) == STATUS_OK) return STATUS_OK;
    if (err && !err->position) err->position = node->position;
    return STATUS_ERROR;
}

static DictionaryCache *cache_of(Evaluator *evaluator, int slot) {
    if (slot >= evaluator->cache_count) {
        int count = evaluator->query->cache_slot_count > slot ? evaluator->query->cache_slot_count : slot + 1;
        evaluator->caches = realloc(evaluator->caches, sizeof *evaluator->caches * (size_t)count);
        if (!evaluator->caches) abort();
        memset(evaluator->caches + evaluator->cache_count, 0,
               sizeof *evaluator->caches * (size_t)(count - evaluator->cache_count));
        evaluator->cache_count = count;
    }
    if (!evaluator->caches[slot]) {
        evaluator->caches[slot] = calloc(1, sizeof **evaluator->caches);
        if (!evaluator->caches[slot]) abort();
    }
    return evaluator->caches[slot];
}

/* A join's dictionary holds zeros where nothing matched, which no row asks for; but no array, row or JSON is
 * an empty string: to the function those are NULL. */
static void hide_absent(Vector *part, int rows, Arena *arena) {
    SqlTypeId id = part->type.id;
    if (!part->type.is_array && id != SQL_RECORD && id != SQL_JSON && id != SQL_JSONB) return;
    for (int i = 0; i < rows; i++)
        if (((const StringView *)part->values)[i].length == 0)
            bitmap_clear(vector_make_validity(part, rows, arena), (size_t)i);
}

/* The function over the whole dictionary, in blocks of a batch's size, for kernels with buffers of that size.
 */
static Status apply_to_dictionary(EvalContext *context, const ExprNode *node, Vector *args, int which,
                                  Vector *result, Arena *arena, Error *err) {
    Vector whole = *args[which].dictionary;
    whole.type = args[which].type; /* a file's dictionary of a jsonb column knows only that it is text */
    int length = (int)args[which].dictionary_length;
    vector_init_flat(result, node->type, length > 0 ? length : 1, arena);
    size_t in_width = physical_width((PhysicalType)whole.physical),
           width = physical_width((PhysicalType)result->physical);
    for (int start = 0; start < length; start += BATCH_ROWS) {
        int rows = length - start < BATCH_ROWS ? length - start : BATCH_ROWS;
        Vector part;
        args[which] = whole;
        args[which].encoding = VECTOR_FLAT;
        args[which].values = (char *)whole.values + (size_t)start * in_width;
        args[which].validity = NULL;
        hide_absent(&args[which], rows, arena);
        TRY(apply(context, node, args, rows, NULL, rows, false, &part, arena, err));
        for (int i = 0; i < rows; i++) {
            memcpy((char *)result->values + (size_t)(start + i) * width,
                   (char *)part.values + (part.encoding == VECTOR_CONSTANT ? 0 : (size_t)i) * width, width);
            if (vector_is_null(&part, i))
                bitmap_clear(vector_make_validity(result, length, arena), (size_t)(start + i));
        }
    }
    return STATUS_OK;
}

static Status lifted_result(EvalContext *context, const ExprNode *node, Vector *args, int which,
                            const DictionaryResult **out, Error *err) {
    DictionaryCache *cache = cache_of(context->evaluator, node->cache_slot);
    uint64_t id = args[which].dictionary_id;
    for (int i = 0; i < DICTIONARY_CACHE_ENTRIES; i++)
        if (cache->entries[i].dictionary_id == id && id) {
            *out = &cache->entries[i];
            return STATUS_OK;
        }
    DictionaryResult *entry = &cache->entries[cache->next];
    cache->next = (cache->next + 1) % DICTIONARY_CACHE_ENTRIES;
    entry->dictionary_id = 0;
    arena_reset(&entry->arena);
    TRY(apply_to_dictionary(context, node, args, which, &entry->result, &entry->arena, err));
    entry->dictionary_id = id;
    entry->result_id = query_new_dictionary_id();
    *out = entry;
    return STATUS_OK;
}

static void spread_lifted(const DictionaryResult *lifted, const Vector *arg, int rows,
                          const uint16_t *selection, int selected, Vector *out, Arena *arena) {
    Vector view = *arg;
    view.type = lifted->result.type;
    view.physical = lifted->result.physical;
    view.dictionary = &lifted->result;
    view.dictionary_id = lifted->result_id;
    if (view.physical == PHYS_STRING && !lifted->result.validity) {
        *out = view;
        return;
    }
    vector_flatten_selected(&view, rows, selection, selected, out, arena);
    if (!lifted->result.validity) return;
    for (int k = 0; k < selected; k++) {
        int row = selection_row(selection, k);
        if (!bitmap_get(lifted->result.validity, arg->codes[row]))
            bitmap_clear(vector_make_validity(out, rows, arena), (size_t)row);
    }
}

/* A function of one dictionary and the statement's constants is run over the dictionary's values once. Not
 * when it can raise: the dictionary may hold values of rows that are not asked for. A non-strict function's
 * value for NULL is not among the dictionary's, so those only lift over vectors without NULLs. */
static bool can_lift(const ExprNode *node, const Vector *args, int *which) {
    if (node->may_raise) return false;
    int dictionaries = 0;
    for (int i = 0; i < node->arg_count; i++) {
        if (args[i].encoding == VECTOR_DICTIONARY)
            dictionaries++, *which = i;
        else if (!node->args[i]->is_constant) /* another batch may have another constant */
            return false;
    }
    if (dictionaries != 1 || args[*which].dictionary_length > DICTIONARY_LIFT_LIMIT) return false;
    bool strict = node->kind == EXPR_IN_LIST || node->function->strict;
    if (!strict && args[*which].validity) return false;
    return args[*which].dictionary_id || args[*which].dictionary_length <= BATCH_ROWS;
}

static Status evaluate_call(EvalContext *context, const ExprNode *node, const uint16_t *selection,
                            int selected, Vector *out, Error *err) {
    int rows = context->batch->row_count, count = node->kind == EXPR_IN_LIST ? 1 : node->arg_count, which = 0;
    Vector *args = arena_alloc(context->arena, sizeof *args * (size_t)(node->arg_count + 1));
    bool all_constant = true;
    for (int i = 0; i < count; i++) {
        TRY(expr_evaluate(context, node->args[i], selection, selected, &args[i], err));
        all_constant &= args[i].encoding == VECTOR_CONSTANT;
    }
    for (int i = count; i < node->arg_count; i++)
        args[i] = node->args[i]->constant; /* IN: the list, looked at only by its set */
    if (all_constant && selected > 0) {
        TRY(apply(context, node, args, 1, NULL, 1, false, out, context->arena, err));
        out->encoding = VECTOR_CONSTANT;
        return STATUS_OK;
    }
    if (can_lift(node, args, &which)) {
        const DictionaryResult *lifted;
        Vector arg = args[which];
        TRY(lifted_result(context, node, args, which, &lifted, err));
        spread_lifted(lifted, &arg, rows, selection, selected, out, context->arena);
        return STATUS_OK;
    }
    for (int i = 0; i < count; i++)
        if (args[i].encoding != VECTOR_FLAT && args[i].encoding != VECTOR_CONSTANT) {
            Vector flat;
            vector_flatten_selected(&args[i], rows, selection, selected, &flat, context->arena);
            args[i] = flat;
        }
    return apply(context, node, args, rows, selection, selected, node->narrow, out, context->arena, err);
}

Status expr_evaluate(EvalContext *context, const ExprNode *node, const uint16_t *selection, int selected,
                     Vector *out, Error *err) {
    if (node->is_constant) {
        *out = node->constant;
        return STATUS_OK;
    }
    switch (node->kind) {
    case EXPR_COLUMN:
        if (node->column < 0 || node->column >= context->batch->column_count)
            return error_set(err, SQLSTATE_INTERNAL, "a column beyond its input reached the executor");
        *out = context->batch->columns[node->column];
        return STATUS_OK;
    case EXPR_CALL:
    case EXPR_CAST:
    case EXPR_IN_LIST: return evaluate_call(context, node, selection, selected, out, err);
    default: return expr_evaluate_lazy(context, node, selection, selected, out, err);
    }
}

/* ---- predicates ------------------------------------------------------------------------------------------
 */

static int select_true(const Vector *value, const uint16_t *selection, int selected, uint16_t *out) {
    if (value->encoding == VECTOR_CONSTANT) {
        bool all = vector_bool_is_true(value, 0);
        for (int k = 0; all && k < selected; k++)
            out[k] = (uint16_t)selection_row(selection, k);
        return all ? selected : 0;
    }
    const uint8_t *values = value->values;
    int kept = 0;
    for (int k = 0; k < selected; k++) {
        int row = selection_row(selection, k);
        out[kept] = (uint16_t)row;
        kept += values[row] & (value->validity ? bitmap_get(value->validity, (size_t)row) : 1);
    }
    return kept;
}

static Status filter_and(EvalContext *context, const ExprNode *node, const uint16_t *selection, int selected,
                         uint16_t *out, int *count, Error *err) {
    for (int i = 0; i < node->arg_count; i++) {
        TRY(expr_filter(context, node->args[i], selection, selected, out, &selected, err));
        selection = out;
    }
    *count = selected;
    return STATUS_OK;
}

/* Rows true for an earlier alternative are not asked about later ones. */
static Status filter_or(EvalContext *context, const ExprNode *node, const uint16_t *selection, int selected,
                        uint16_t *out, int *count, Error *err) {
    int rows = context->batch->row_count, open_count = selected;
    uint8_t *passed = arena_zalloc(context->arena, (size_t)rows + 1);
    uint16_t *open = arena_alloc(context->arena, sizeof *open * (size_t)(selected + 1));
    uint16_t *found = arena_alloc(context->arena, sizeof *found * (size_t)(selected + 1));
    uint16_t *all = arena_alloc(context->arena, sizeof *all * (size_t)(selected + 1));
    for (int k = 0; k < selected; k++)
        all[k] = open[k] = (uint16_t)selection_row(selection, k);
    for (int i = 0; i < node->arg_count && open_count; i++) {
        int found_count, left = 0;
        TRY(expr_filter(context, node->args[i], open, open_count, found, &found_count, err));
        for (int k = 0; k < found_count; k++)
            passed[found[k]] = 1;
        for (int k = 0; k < open_count; k++) {
            uint16_t row = open[k];
            open[left] = row;
            left += !passed[row];
        }
        open_count = left;
    }
    int kept = 0;
    for (int k = 0; k < selected; k++) {
        out[kept] = all[k];
        kept += passed[all[k]];
    }
    *count = kept;
    return STATUS_OK;
}

static Status filter_null_test(EvalContext *context, const ExprNode *node, const uint16_t *selection,
                               int selected, uint16_t *out, int *count, Error *err) {
    Vector arg;
    TRY(expr_evaluate(context, node->args[0], selection, selected, &arg, err));
    bool want_null = node->kind == EXPR_IS_NULL;
    int kept = 0;
    for (int k = 0; k < selected; k++) {
        int row = selection_row(selection, k);
        out[kept] = (uint16_t)row;
        kept += vector_is_null(&arg, row) == want_null;
    }
    *count = kept;
    return STATUS_OK;
}

Status expr_filter(EvalContext *context, const ExprNode *node, const uint16_t *selection, int selected,
                   uint16_t *out, int *count, Error *err) {
    Vector value;
    if (!node->is_constant) {
        switch (node->kind) {
        case EXPR_AND: return filter_and(context, node, selection, selected, out, count, err);
        case EXPR_OR: return filter_or(context, node, selection, selected, out, count, err);
        case EXPR_IS_NULL:
        case EXPR_IS_NOT_NULL: return filter_null_test(context, node, selection, selected, out, count, err);
        case EXPR_CALL:
            if (!node->compare) break;
            TRY(expr_evaluate(context, node->args[0], selection, selected, &value, err));
            if (compare_filter(node, &value, selection, selected, out, count)) return STATUS_OK;
            break;
        default: break;
        }
    }
    TRY(expr_evaluate(context, node, selection, selected, &value, err));
    *count = select_true(&value, selection, selected, out);
    return STATUS_OK;
}

/* ---- entry points ----------------------------------------------------------------------------------------
 */

void evaluator_init(Evaluator *evaluator, Query *query) {
    memset(evaluator, 0, sizeof *evaluator);
    evaluator->query = query;
}

void evaluator_deinit(Evaluator *evaluator) {
    for (int i = 0; i < evaluator->cache_count; i++) {
        if (!evaluator->caches[i]) continue;
        for (int j = 0; j < DICTIONARY_CACHE_ENTRIES; j++)
            arena_deinit(&evaluator->caches[i]->entries[j].arena);
        free(evaluator->caches[i]);
    }
    free(evaluator->caches);
    evaluator->caches = NULL;
    evaluator->cache_count = 0;
}

Status program_evaluate(Evaluator *evaluator, const Program *program, const Batch *batch, Arena *arena,
                        Vector *out, Error *err) {
    EvalContext context = {evaluator, batch, arena};
    TRY(expr_evaluate(&context, program->root, batch->selection, batch->selected, out, err));
    if (out->encoding == VECTOR_SEQUENCE) {
        Vector flat;
        vector_flatten_selected(out, batch->row_count, batch->selection, batch->selected, &flat, arena);
        *out = flat;
    }
    return STATUS_OK;
}

Status program_filter(Evaluator *evaluator, const Program *program, const Batch *batch,
                      const uint16_t *selection, int selected, Arena *arena, uint16_t *out_selection,
                      int *out_count, Error *err) {
    EvalContext context = {evaluator, batch, arena};
    return expr_filter(&context, program->root, selection, selected, out_selection, out_count, err);
}
