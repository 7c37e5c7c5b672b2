#include "engines/columnar/exec/query.h"

#include <stdlib.h>

#include "engines/base/block_pool.h"
#include "engines/base/thread_priority.h"

Status query_check(Query *query, Error *err) {
    if (atomic_load_explicit(&query->failed, memory_order_relaxed)) {
        pthread_mutex_lock(&query->lock);
        if (err) *err = query->error;
        pthread_mutex_unlock(&query->lock);
        return STATUS_ERROR;
    }
    return cancel_check(query->execution->cancel, err);
}

bool query_is_stopped(Query *query) {
    return atomic_load_explicit(&query->failed, memory_order_relaxed) ||
           cancel_is_requested(query->execution->cancel);
}

void query_fail(Query *query, const Error *err) {
    pthread_mutex_lock(&query->lock);
    if (!query->failed) {
        query->error = *err;
        atomic_store(&query->failed, 1);
    }
    pthread_mutex_unlock(&query->lock);
}

OperatorStats *query_stats_of(Query *query, const PlanNode *node) {
    for (int i = 0; i < query->stats_count; i++)
        if (query->stats[i].node == node) return &query->stats[i];
    return NULL;
}

static Status reserve(Query *query, size_t bytes, void **out, Error *err) {
    *out = NULL;
    if (bytes > (size_t)INT64_MAX / 2)
        return error_set(err, SQLSTATE_OUT_OF_MEMORY,
                         "the statement needs more memory than can be addressed");
    return budget_reserve(&query->budget, (int64_t)bytes, err);
}

static Status granted(Query *query, size_t bytes, const void *memory, Error *err) {
    if (memory) return STATUS_OK;
    budget_release(&query->budget, (int64_t)bytes);
    return error_set(err, SQLSTATE_OUT_OF_MEMORY, "out of memory on a request of %zu bytes", bytes);
}

static void *memory_take(size_t bytes) {
    return bytes < BLOCK_POOL_LEAST ? malloc(bytes ? bytes : 1) : block_pool_take(bytes);
}

static void memory_give(void *memory, size_t bytes) {
    if (bytes < BLOCK_POOL_LEAST)
        free(memory);
    else
        block_pool_give(memory, bytes);
}

Status query_alloc(Query *query, size_t bytes, void **out, Error *err) {
    TRY(reserve(query, bytes, out, err));
    *out = memory_take(bytes);
    return granted(query, bytes, *out, err);
}

enum { CHECKED_BYTES = 4 << 20 }; /* touching fresh pages takes its time */

static Status clear(Query *query, char *memory, size_t bytes, Error *err) {
    for (size_t at = 0; at < bytes; at += CHECKED_BYTES) {
        if (at) TRY(query_check(query, err));
        memset(memory + at, 0, bytes - at < CHECKED_BYTES ? bytes - at : CHECKED_BYTES);
    }
    return STATUS_OK;
}

static Status copy(Query *query, char *into, const char *from, size_t bytes, Error *err) {
    for (size_t at = 0; at < bytes; at += CHECKED_BYTES) {
        if (at) TRY(query_check(query, err));
        memcpy(into + at, from + at, bytes - at < CHECKED_BYTES ? bytes - at : CHECKED_BYTES);
    }
    return STATUS_OK;
}

Status query_zalloc(Query *query, size_t bytes, void **out, Error *err) {
    TRY(reserve(query, bytes, out, err));
    *out = bytes < BLOCK_POOL_LEAST ? calloc(1, bytes ? bytes : 1) : block_pool_take(bytes);
    TRY(granted(query, bytes, *out, err));
    if (bytes < BLOCK_POOL_LEAST || clear(query, *out, bytes, err) == STATUS_OK) return STATUS_OK;
    query_free(query, *out, bytes);
    *out = NULL;
    return STATUS_ERROR;
}

Status query_realloc(Query *query, void **memory, size_t old_bytes, size_t bytes, Error *err) {
    void *kept = *memory, *unused;
    TRY(reserve(query, bytes - old_bytes, &unused, err));
    void *grown;
    if (bytes < BLOCK_POOL_LEAST) {
        grown = realloc(kept, bytes ? bytes : 1);
    } else {
        grown = block_pool_take(bytes);
        if (grown && kept && copy(query, grown, kept, old_bytes, err) != STATUS_OK) {
            block_pool_give(grown, bytes);
            budget_release(&query->budget, (int64_t)(bytes - old_bytes));
            return STATUS_ERROR;
        }
        if (grown && kept) memory_give(kept, old_bytes);
    }
    if (grown) *memory = grown;
    return granted(query, bytes - old_bytes, grown, err);
}

void query_free(Query *query, void *memory, size_t bytes) {
    if (!memory) return;
    memory_give(memory, bytes);
    budget_release(&query->budget, (int64_t)bytes);
}

void charged_arena_init(ChargedArena *arena) {
    arena_init(&arena->arena);
    arena->charged_bytes = 0;
}

void charged_arena_deinit(Query *query, ChargedArena *arena) {
    arena_deinit(&arena->arena);
    budget_release(&query->budget, arena->charged_bytes);
    arena->charged_bytes = 0;
}

Status charged_arena_settle(Query *query, ChargedArena *arena, Error *err) {
    int64_t grown = (int64_t)arena->arena.used_bytes - arena->charged_bytes;
    if (grown < 65536) return STATUS_OK;
    TRY(budget_reserve(&query->budget, grown, err));
    arena->charged_bytes += grown;
    return STATUS_OK;
}

typedef struct ParallelRun {
    void (*run)(void *argument, int index);
    void *argument;
} ParallelRun;

static void run_stepped_back(void *argument, int index) {
    const ParallelRun *parallel = argument;
    thread_step_back();
    parallel->run(parallel->argument, index);
}

void query_parallel(Query *query, int count, void (*run)(void *argument, int index), void *argument) {
    if (!query->workers || count <= 1) {
        for (int i = 0; i < count; i++)
            run(argument, i);
        return;
    }
    ParallelRun parallel = {run, argument};
    threadpool_parallel(query->workers, count, run_stepped_back, &parallel);
}

uint64_t query_new_dictionary_id(void) {
    static _Atomic uint64_t next;
    return UINT64_C(1) << 63 | (atomic_fetch_add(&next, 1) + 1);
}

static Status cast_param(Query *query, const Param *param, SqlType type, int index, Vector *out, Error *err) {
    Arena *arena = &query->arena;
    if (param->kind == PARAM_NULL) {
        vector_init_constant(out, type, NULL, arena);
        return STATUS_OK;
    }
    StringView text =
        stringview_make(arena_strndup(arena, param->text, param->length), (uint32_t)param->length);
    if (sqltype_is_text(type) && !sqltype_is(type, SQL_BPCHAR)) {
        vector_init_constant(out, type, &text, arena);
        return STATUS_OK;
    }
    const ScalarFunction *cast = cast_function(sqltype_of(SQL_TEXT), type, CAST_EXPLICIT);
    if (!cast)
        return error_set(err, SQLSTATE_FEATURE_NOT_SUPPORTED, "parameter $%d cannot be given as its type",
                         index + 1);
    Vector arg, flat;
    vector_init_constant(&arg, sqltype_of(SQL_TEXT), &text, arena);
    vector_init_flat(&flat, type, 1, arena);
    KernelCall call = {.args = &arg,
                       .arg_count = 1,
                       .row_count = 1,
                       .selected = 1,
                       .out = &flat,
                       .arena = arena,
                       .statement_time_us = query->statement_time_us};
    if (cast->bind) {
        const Vector *constant = NULL;
        TRY(cast->bind(&constant, 1, arena, &call.bind_data, err));
    }
    TRY(cast->eval(&call, err));
    vector_init_constant(out, type, vector_is_null(&flat, 0) ? NULL : flat.values, arena);
    return STATUS_OK;
}

Status query_bind_params(Query *query, Error *err) {
    int count = query->plan->param_count;
    Vector *params = ARENA_NEW_ARRAY(&query->arena, Vector, count + 1);
    query->params = params;
    if (count > query->execution->param_count)
        return error_set(err, "08P01", "the statement needs %d parameters but %d were given", count,
                         query->execution->param_count);
    for (int i = 0; i < count; i++)
        TRY(cast_param(query, &query->execution->params[i], query->plan->param_types[i], i, &params[i], err));
    return STATUS_OK;
}
