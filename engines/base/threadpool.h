/* A fixed set of worker threads and a queue of tasks: the slow lane, and the columnar engine's workers.
 * Threads have a 64 MiB stack (virtual; only touched pages cost), enough for libpg_query on capped input. */
#pragma once

#include <stddef.h>

#include "engines/base/error.h"

enum { THREAD_STACK_BYTES = 64 << 20 };

typedef struct ThreadPool ThreadPool;
typedef void (*TaskFunction)(void *argument);

Status threadpool_create(ThreadPool **out, const char *name, int thread_count, Error *err);
/* Runs what is queued, then joins the threads. */
void threadpool_destroy(ThreadPool *pool);
int threadpool_thread_count(const ThreadPool *pool);
/* Queues a task; first in, first out. Never blocks. */
void threadpool_submit(ThreadPool *pool, TaskFunction run, void *argument);
size_t threadpool_queued(ThreadPool *pool);
size_t threadpool_running(ThreadPool *pool);

/* Runs run(argument, i) for i in [0, count) on the pool's threads and the caller's, and returns when all are
 * done. Never deadlocks when called from a pool thread: the caller works through what nobody else took. */
void threadpool_parallel(ThreadPool *pool, int count, void (*run)(void *argument, int index), void *argument);
/* pthread_create with the large stack. */
Status thread_start(unsigned long *out_pthread, void *(*run)(void *), void *argument, Error *err);
