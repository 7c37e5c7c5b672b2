/* The query log while serving: what ran is noted in memory and written in the background, in batches.
 *
 *   history_open → history_note (any thread, microseconds) → history_close (writes what is left)
 *
 * Bounded: beyond `rows_per_second` only what failed or was slow is noted, beyond the queue nothing; both are
 * counted as skipped. The last second of a process that is killed is lost.
 */
#pragma once

#include "engines/engine.h"
#include "fcgi/api/history_store.h"

typedef struct History History;

typedef struct HistoryOptions {
    const char *path;
    bool text;   /* else a statement's shape takes its place; always where "password" is in it */
    bool params; /* keep them */
    int64_t max_rows, max_bytes;
    int rows_per_second; /* of each process */
} HistoryOptions;

Status history_open(const HistoryOptions *options, History **out, Error *err);
void history_close(History *history); /* may be NULL */

/* This one would be left out, as far as can be told without a lock: nothing need be gathered for it. */
bool history_skips(History *history, int status, double taken_ms, int64_t now_ns);
/* Copies what it keeps. `params` are kept when configured; entry->params is ignored. */
void history_note(History *history, const HistoryEntry *entry, const Param *params, int param_count);

/* As much of the text and the parameters as is kept of any statement; difference->params is ignored. */
Status history_add_difference(History *history, const HistoryDifference *difference, const Param *params,
                              int param_count, Error *err);

/* The store for a reader or writer of its own; every lock is followed by an unlock. */
HistoryStore *history_lock(History *history);
void history_unlock(History *history);

typedef struct HistoryCounters {
    uint64_t written, skipped, failures;
    HistoryRegret regret; /* as of some seconds ago */
} HistoryCounters;
void history_counters(History *history, HistoryCounters *out);

/* The parameters as a JSON array. */
void history_append_params(StrBuf *out, const Param *params, int param_count);
