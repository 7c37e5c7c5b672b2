/* The counters of every process of a pool on one host, in one mapped file.
 *
 *   metrics_pool_alone | metrics_pool_open → metrics_pool_own (count there), _publish (about once a second)
 *   → metrics_pool_sum, metrics_pool_each → metrics_pool_close
 *
 * A process takes the lowest free slot, held by a lock that ends with it however it ends. A slot's counters
 * outlive their process and the next one goes on with them: the pool's sums never go backwards. What other
 * parts of a process count by themselves is published: the last second of a killed process is lost there.
 * Files of another layout (another version's, another list of engines) are another file; they are removed by
 * the first process that has none in common with them. Thread-safe.
 */
#pragma once

#include <stdbool.h>

#include "engines/base/error.h"
#include "fcgi/api/metrics.h"
#include "fcgi/api/metrics_published.h"

typedef struct MetricsPool MetricsPool;

/* This process alone, in memory of its own. */
MetricsPool *metrics_pool_alone(void);
/* `layout` tells by a hash what the counters mean. 53400 when there are more processes than slots. */
Status metrics_pool_open(const char *directory, uint64_t layout, MetricsPool **out, Error *err);
void metrics_pool_close(MetricsPool *pool); /* may be NULL */

Metrics *metrics_pool_own(MetricsPool *pool);
/* Counters are what this process counted since its start: what the slot had before is added. */
void metrics_pool_publish(MetricsPool *pool, const PublishedValues *values);

typedef struct MetricsSum {
    Metrics counters;
    PublishedValues
        published; /* counters are sums, of the pool's own the largest; gauges are this process's */
} MetricsSum;
/* Of all processes there are and have been. */
void metrics_pool_sum(MetricsPool *pool, MetricsSum *out);

/* The processes that live, in the order of their slots. */
typedef struct MetricsProcess {
    int slot;
    int64_t pid;
    double started_seconds; /* since the epoch */
    char version[32];
    PublishedValues published;
} MetricsProcess;
void metrics_pool_each(MetricsPool *pool, void (*visit)(void *context, const MetricsProcess *process),
                       void *context);
