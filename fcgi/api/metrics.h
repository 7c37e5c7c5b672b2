/* Counters of this process. Relaxed atomics: cheap on the fast lane, read by GET /metrics. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum { METRICS_RESOURCES = 32, METRICS_STATUSES = 24, METRICS_BUCKETS = 14, METRICS_ENGINES = 8 };

typedef enum QueryLane { LANE_FAST, LANE_SLOW, LANE_COUNT } QueryLane;

typedef struct Metrics {
    _Atomic uint64_t requests[METRICS_RESOURCES][METRICS_STATUSES];
    _Atomic uint64_t
        latency[METRICS_RESOURCES][METRICS_BUCKETS + 1]; /* not cumulative; the last is beyond all */
    _Atomic uint64_t latency_sum_us[METRICS_RESOURCES];
    _Atomic uint64_t queries[METRICS_ENGINES][LANE_COUNT];
    _Atomic uint64_t query_errors[METRICS_ENGINES];
    _Atomic uint64_t rows[METRICS_ENGINES];
    _Atomic uint64_t fallbacks[METRICS_ENGINES]; /* reads another engine has answered */
    _Atomic uint64_t response_bytes;
    _Atomic uint64_t lane_fallbacks;
    _Atomic uint64_t cut_responses;
    _Atomic uint64_t cancelled;
} Metrics;

void metrics_count_request(Metrics *metrics, int resource, int status, int64_t duration_ns);
static inline void metrics_add(_Atomic uint64_t *counter, uint64_t amount) {
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}
