/* Answers kept for the pool's processes on one host: keys to values, in a bounded file.
 *
 *   result_store_open → result_store_get | result_store_put (any thread) → result_store_close
 *
 * The data file is a ring: what is put goes to its head, over what is oldest; what is read again shortly
 * before it would be lost is put once more. A small mapped file holds the ring's head and a table of places.
 * Nothing is locked and nothing is trusted: an entry counts only when its checksum and its whole key agree,
 * so what a process left half-written, what another overwrites meanwhile and what somebody has damaged is not
 * found.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engines/base/error.h"
#include "engines/base/strbuf.h"

typedef struct ResultStore ResultStore;

/* `path` and `path`.index are made when missing. Processes that share them share the first one's capacity. */
Status result_store_open(const char *path, int64_t capacity_bytes, ResultStore **out, Error *err);
void result_store_close(ResultStore *store); /* may be NULL */

/* The value of this very key into `value`, which is reset. One of more than `most_bytes` is not read: for a
 * thread that must not be kept. */
bool result_store_get(ResultStore *store, const void *key, size_t key_bytes, size_t most_bytes,
                      StrBuf *value);
/* False: it was not kept (too large, no space on the disk). */
bool result_store_put(ResultStore *store, const void *key, size_t key_bytes, const void *value,
                      size_t value_bytes);

typedef struct ResultStoreUse {
    int64_t entries, bytes, capacity; /* bytes: of the file that hold entries, old ones among them */
} ResultStoreUse;
void result_store_use(ResultStore *store, ResultStoreUse *out);
/* The largest value that is kept, less its key. */
int64_t result_store_largest(const ResultStore *store);
