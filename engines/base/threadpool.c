#include "engines/base/threadpool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>

typedef struct Task {
    struct Task *next;
    TaskFunction run;
    void *argument;
} Task;

struct ThreadPool {
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    Task *first, **last;
    size_t queued, running;
    bool stopping;
    int thread_count;
    pthread_t *threads;
    char name[12];
};

Status thread_start(unsigned long *out_pthread, void *(*run)(void *), void *argument, Error *err) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES);
    pthread_t thread;
    int code = pthread_create(&thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    if (code) return error_set_errno(err, code, "cannot start a thread");
    *out_pthread = thread;
    return STATUS_OK;
}

/* With the lock held: the next task, or NULL when the pool ends. */
static Task *wait_for_task(ThreadPool *pool) {
    while (!pool->first && !pool->stopping)
        pthread_cond_wait(&pool->has_work, &pool->lock);
    Task *task = pool->first;
    if (!task) return NULL;
    pool->first = task->next;
    if (!pool->first) pool->last = &pool->first;
    pool->queued--;
    pool->running++;
    return task;
}

static void *worker_main(void *argument) {
    ThreadPool *pool = argument;
    pthread_setname_np(pthread_self(), pool->name);
    pthread_mutex_lock(&pool->lock);
    for (Task *task; (task = wait_for_task(pool));) {
        pthread_mutex_unlock(&pool->lock);
        task->run(task->argument);
        free(task);
        pthread_mutex_lock(&pool->lock);
        pool->running--;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

Status threadpool_create(ThreadPool **out, const char *name, int thread_count, Error *err) {
    ThreadPool *pool = calloc(1, sizeof *pool);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->has_work, NULL);
    pool->last = &pool->first;
    snprintf(pool->name, sizeof pool->name, "%s", name);
    pool->threads = calloc((size_t)thread_count, sizeof *pool->threads);
    for (; pool->thread_count < thread_count; pool->thread_count++) {
        if (thread_start(&pool->threads[pool->thread_count], worker_main, pool, err) != STATUS_OK) {
            threadpool_destroy(pool);
            return STATUS_ERROR;
        }
    }
    *out = pool;
    return STATUS_OK;
}

void threadpool_destroy(ThreadPool *pool) {
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->has_work);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->has_work);
    pthread_mutex_destroy(&pool->lock);
    free(pool->threads);
    free(pool);
}

int threadpool_thread_count(const ThreadPool *pool) {
    return pool->thread_count;
}

void threadpool_submit(ThreadPool *pool, TaskFunction run, void *argument) {
    Task *task = malloc(sizeof *task);
    *task = (Task){.run = run, .argument = argument};
    pthread_mutex_lock(&pool->lock);
    *pool->last = task;
    pool->last = &task->next;
    pool->queued++;
    pthread_cond_signal(&pool->has_work);
    pthread_mutex_unlock(&pool->lock);
}

size_t threadpool_queued(ThreadPool *pool) {
    pthread_mutex_lock(&pool->lock);
    size_t queued = pool->queued;
    pthread_mutex_unlock(&pool->lock);
    return queued;
}

size_t threadpool_running(ThreadPool *pool) {
    pthread_mutex_lock(&pool->lock);
    size_t running = pool->running;
    pthread_mutex_unlock(&pool->lock);
    return running;
}

/* ---- parallel loops ---------------------------------------------------------------------------------------
 */

/* Shared by the caller and its helpers; the last one to leave frees it, so a helper that the pool only starts
 * after the loop has ended finds nothing to do and harms nobody. */
typedef struct ParallelLoop {
    pthread_mutex_t lock;
    pthread_cond_t all_done;
    void (*run)(void *, int);
    void *argument;
    int count;
    _Atomic int next;
    int finished;
    int references;
} ParallelLoop;

static void loop_leave(ParallelLoop *loop) {
    pthread_mutex_lock(&loop->lock);
    bool last = --loop->references == 0;
    pthread_mutex_unlock(&loop->lock);
    if (!last) return;
    pthread_cond_destroy(&loop->all_done);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

static void loop_work(ParallelLoop *loop) {
    int done = 0;
    for (int index; (index = atomic_fetch_add(&loop->next, 1)) < loop->count; done++)
        loop->run(loop->argument, index);
    if (!done) return;
    pthread_mutex_lock(&loop->lock);
    loop->finished += done;
    if (loop->finished == loop->count) pthread_cond_signal(&loop->all_done);
    pthread_mutex_unlock(&loop->lock);
}

static void loop_helper(void *argument) {
    loop_work(argument);
    loop_leave(argument);
}

void threadpool_parallel(ThreadPool *pool, int count, void (*run)(void *argument, int index),
                         void *argument) {
    if (count <= 0) return;
    int helpers = count - 1 < pool->thread_count ? count - 1 : pool->thread_count;
    ParallelLoop *loop = calloc(1, sizeof *loop);
    pthread_mutex_init(&loop->lock, NULL);
    pthread_cond_init(&loop->all_done, NULL);
    loop->run = run;
    loop->argument = argument;
    loop->count = count;
    loop->references = helpers + 1;
    for (int i = 0; i < helpers; i++)
        threadpool_submit(pool, loop_helper, loop);
    loop_work(loop);
    pthread_mutex_lock(&loop->lock);
    while (loop->finished < count)
        pthread_cond_wait(&loop->all_done, &loop->lock);
    pthread_mutex_unlock(&loop->lock);
    loop_leave(loop);
}
