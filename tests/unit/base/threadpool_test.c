#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "engines/base/threadpool.h"

static void count_up(void *argument) {
    atomic_fetch_add((_Atomic int *)argument, 1);
}
static void count_index(void *argument, int index) {
    atomic_fetch_add(&((_Atomic int *)argument)[index], 1);
}

static void destroying_runs_what_is_queued(void **state) {
    ThreadPool *pool;
    Error err = {0};
    _Atomic int count = 0;
    assert_int_equal(threadpool_create(&pool, "test", 3, &err), STATUS_OK);
    assert_int_equal(threadpool_thread_count(pool), 3);
    for (int i = 0; i < 10000; i++)
        threadpool_submit(pool, count_up, &count);
    threadpool_destroy(pool);
    assert_int_equal(count, 10000);
}

typedef struct Order {
    pthread_mutex_t lock;
    int seen[100], count;
} Order;
typedef struct OrderedTask {
    Order *order;
    int number;
} OrderedTask;

static void note_order(void *argument) {
    OrderedTask *task = argument;
    pthread_mutex_lock(&task->order->lock);
    task->order->seen[task->order->count++] = task->number;
    pthread_mutex_unlock(&task->order->lock);
}

static void first_in_is_first_out(void **state) {
    ThreadPool *pool;
    Order order = {.lock = PTHREAD_MUTEX_INITIALIZER};
    OrderedTask tasks[100];
    assert_int_equal(threadpool_create(&pool, "test", 1, NULL), STATUS_OK);
    for (int i = 0; i < 100; i++) {
        tasks[i] = (OrderedTask){.order = &order, .number = i};
        threadpool_submit(pool, note_order, &tasks[i]);
    }
    threadpool_destroy(pool);
    for (int i = 0; i < 100; i++)
        assert_int_equal(order.seen[i], i);
}

static void parallel_runs_every_index_once(void **state) {
    ThreadPool *pool;
    static _Atomic int counts[5000];
    assert_int_equal(threadpool_create(&pool, "test", 4, NULL), STATUS_OK);
    for (int round = 1; round <= 5; round++) {
        threadpool_parallel(pool, 5000, count_index, (void *)counts);
        for (int i = 0; i < 5000; i++)
            assert_int_equal(counts[i], round);
    }
    threadpool_parallel(pool, 0, count_index, NULL);
    threadpool_destroy(pool);
}

typedef struct Nested {
    ThreadPool *pool;
    _Atomic int counts[64];
    _Atomic int finished;
} Nested;

static void inner(void *argument, int index) {
    atomic_fetch_add(&((Nested *)argument)->counts[index], 1);
}
static void outer(void *argument, int index) {
    threadpool_parallel(((Nested *)argument)->pool, 64, inner, argument);
}
static void parallel_from_a_task(void *argument) {
    Nested *nested = argument;
    threadpool_parallel(nested->pool, 8, outer, nested);
    atomic_fetch_add(&nested->finished, 1);
}

/* Every thread of the pool is inside a parallel call that waits for others: only work done by the callers
 * ends it. */
static void parallel_from_inside_the_pool_does_not_deadlock(void **state) {
    Nested nested = {0};
    assert_int_equal(threadpool_create(&nested.pool, "test", 2, NULL), STATUS_OK);
    for (int i = 0; i < 10; i++)
        threadpool_submit(nested.pool, parallel_from_a_task, &nested);
    threadpool_destroy(nested.pool);
    assert_int_equal(nested.finished, 10);
    for (int i = 0; i < 64; i++)
        assert_int_equal(nested.counts[i], 80);
}

static void use_stack(int depth, volatile char *sum) {
    volatile char block[4096];
    block[0] = (char)depth;
    if (depth > 0) use_stack(depth - 1, sum);
    *sum = (char)(*sum + block[0]);
}

static void recurse_deeply(void *argument) {
    volatile char sum = 0;
    use_stack((THREAD_STACK_BYTES / 2) / 8192, &sum);
    count_up(argument);
}

static void threads_have_a_large_stack(void **state) {
    ThreadPool *pool;
    _Atomic int count = 0;
    assert_int_equal(threadpool_create(&pool, "test", 1, NULL), STATUS_OK);
    threadpool_submit(pool, recurse_deeply, &count);
    threadpool_destroy(pool);
    assert_int_equal(count, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(destroying_runs_what_is_queued),
        cmocka_unit_test(first_in_is_first_out),
        cmocka_unit_test(parallel_runs_every_index_once),
        cmocka_unit_test(parallel_from_inside_the_pool_does_not_deadlock),
        cmocka_unit_test(threads_have_a_large_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
