/* The query log's file: SQLite with a write-ahead log, shared by the processes of a pool.
 *
 *   history_store_open → history_store_write (batches) | _list | _statistics | _differences ... → _close
 *
 * Bounded in rows and bytes: a write takes the oldest out. Not synced on every commit: after a crash of the
 * machine the last seconds may be gone, never the file. One call at a time per store.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engines/base/error.h"
#include "engines/base/strbuf.h"

typedef struct HistoryStore HistoryStore;

/* One statement that was run. Texts may be NULL. */
typedef struct HistoryEntry {
    struct HistoryEntry *next;
    int64_t started_us;
    uint64_t fingerprint;
    const char *sql, *params, *engine, *rule, *class_name, *origin, *user, *tag, *request_id, *sqlstate;
    int status;               /* of the answer */
    double cost_ms, taken_ms; /* expected; true. < 0 = unknown */
    int64_t rows, bytes;      /* answered; scanned */
    bool cut_short;           /* max_rows ended it: what it took says nothing of the engine */
} HistoryEntry;

Status history_store_open(const char *path, int64_t max_rows, int64_t max_bytes, HistoryStore **out,
                          Error *err);
void history_store_close(HistoryStore *store); /* may be NULL */

Status history_store_write(HistoryStore *store, const HistoryEntry *entries, Error *err);

/* What of the log is asked for; NULL or < 0 = any. */
typedef struct HistoryFilter {
    const char *engine, *user, *text, *since; /* since: RFC 3339, or seconds since 1970 */
    bool by_fingerprint;
    uint64_t fingerprint;
    int status;
    int64_t limit, offset;
} HistoryFilter;

/* {"entries":[...],"total":n}, the newest first. 22023 when `since` is no time. */
Status history_store_list(HistoryStore *store, const HistoryFilter *filter, StrBuf *out, Error *err);

typedef struct HistoryRegret {
    double mean; /* geometric, of time taken ÷ the best engine's median for that shape; 1 = never wrong */
    int64_t compared; /* statements whose shape several engines have run */
    int64_t seen;
} HistoryRegret;

/* Of the newest statements, by shape: {"fingerprints":[...],"regret":...}. `out` may be NULL. */
Status history_store_statistics(HistoryStore *store, int64_t limit, StrBuf *out, HistoryRegret *regret,
                                Error *err);

/* ---- answers that differed (shadow.h) --------------------------------------------------------------------
 */

typedef struct HistoryDifference {
    uint64_t fingerprint;
    const char *sql, *params;
    const char *source, *other; /* engines */
    const char *detail;         /* JSON object: the first differing row */
} HistoryDifference;

/* Bounded: texts beyond 8 KiB are left out (a statement's is cut), the oldest of many resolved ones go, of
 * very many unresolved ones only the shape is kept, and at 100,000 of those it is 53400. */
Status history_store_add_difference(HistoryStore *store, const HistoryDifference *difference, Error *err);
/* {"differences":[...]} */
Status history_store_list_differences(HistoryStore *store, bool unresolved_only, StrBuf *out, Error *err);
/* `found` false: there is no such one, or it was resolved before. */
Status history_store_resolve(HistoryStore *store, int64_t id, const char *who, bool *found, Error *err);
/* Unresolved shapes, ascending; the caller frees. */
Status history_store_quarantined(HistoryStore *store, uint64_t **fingerprints, int *count, Error *err);
