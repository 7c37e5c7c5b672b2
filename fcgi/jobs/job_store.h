/* Jobs and schedules as they are kept: one SQLite file (WAL) that all processes of a pool on one host share.
 *
 *   job_store_open → (job_states.h: what moves a job | job_read.h: what looks at one | job_schedules.h) →
 *   job_store_close
 *
 * A store has one connection, used by one thread at a time: job_store_begin takes its lock and the file's
 * write lock, job_store_end gives both back. What was acknowledged is on disk (synchronous = FULL), and that
 * a write has begun: one whose start was forgotten would run twice. Thread-safe. */
#pragma once

#include <pthread.h>
#include <sqlite3.h>

#include "engines/base/arena.h"
#include "engines/base/error.h"

#define SQLSTATE_QUEUE_FULL "SB007" /* → 429 */

typedef struct JobStore {
    sqlite3 *handle;
    pthread_mutex_t lock;
    bool light; /* commits are not synced now */
} JobStore;

/* Makes the directory of `path`, the file and its tables as needed. */
Status job_store_open(const char *path, JobStore **out, Error *err);
void job_store_close(JobStore *store); /* may be NULL */

/* A transaction that writes. Begun ones are always ended: with STATUS_OK it is committed, else taken back.
 * Returns `status`, or that the commit failed. */
Status job_store_begin(JobStore *store, Error *err);
/* The same for what may be lost with the machine (never with the process): it is on disk with the next commit
 * that is. */
Status job_store_begin_light(JobStore *store, Error *err);
Status job_store_end(JobStore *store, Status status, Error *err);
/* The lock alone, for reading. */
void job_store_lock(JobStore *store);
void job_store_unlock(JobStore *store);

/* A number that changes when any process has changed the file. Cheap: nothing is read but shared memory. */
int64_t job_store_version(JobStore *store);

/* ---- for the files of this folder, between lock and unlock -----------------------------------------------
 */

/* Whether the commits that follow are synced. */
void job_store_set_light(JobStore *store, bool light);
Status job_store_error(JobStore *store, const char *what, Error *err);
Status job_store_prepare(JobStore *store, const char *sql, sqlite3_stmt **out, Error *err);
/* Steps a statement that gives no rows and finalizes it. */
Status job_store_run(JobStore *store, sqlite3_stmt *statement, Error *err);
/* The first column of the first row, `fallback` when there is none or it is NULL; finalizes. */
Status job_store_number(JobStore *store, sqlite3_stmt *statement, int64_t fallback, int64_t *out, Error *err);
void job_bind_text(sqlite3_stmt *statement, int index, const char *text);       /* NULL = null; not copied */
const char *job_column_text(sqlite3_stmt *statement, int column, Arena *arena); /* NULL when null */
