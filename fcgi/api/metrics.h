/* What a process counts while it serves. Relaxed atomics: cheap on the fast lane. They lie in the process's
 * slot of a file that the pool shares (metrics_pool.h), so any process's GET /metrics answers for all. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum { METRICS_RESOURCES = 96, METRICS_STATUSES = 24, METRICS_BUCKETS = 16, METRICS_ENGINES = 8 };

typedef enum QueryLane { LANE_FAST, LANE_SLOW, LANE_JOB, LANE_COUNT } QueryLane;

typedef struct Histogram {
    _Atomic uint64_t buckets[METRICS_BUCKETS + 1]; /* not cumulative; the last is beyond all bounds */
    _Atomic uint64_t sum_ns;
} Histogram;

/* Nothing but counters, all of one type: slots are added up as arrays. */
typedef struct Metrics {
    _Atomic uint64_t requests[METRICS_RESOURCES][METRICS_STATUSES];
    Histogram request_time[METRICS_RESOURCES];
    Histogram query_time[METRICS_ENGINES]
                        [LANE_COUNT]; /* from execute to the last row, of those that went well */
    _Atomic uint64_t query_errors[METRICS_ENGINES];
    _Atomic uint64_t rows[METRICS_ENGINES];
    _Atomic uint64_t fallbacks[METRICS_ENGINES]; /* reads another engine has answered */
    Histogram intake_time[METRICS_ENGINES]; /* from the post's arrival until every process sees its rows */
    _Atomic uint64_t intake_rows[METRICS_ENGINES], intake_bytes[METRICS_ENGINES];
    _Atomic uint64_t intake_rejected[METRICS_ENGINES], intake_errors[METRICS_ENGINES];
    _Atomic uint64_t response_bytes;
    _Atomic uint64_t lane_fallbacks;
    _Atomic uint64_t cut_responses;
    _Atomic uint64_t cancelled;
} Metrics;

struct Api;
/* What the counters mean: of these paths, statuses, engines. */
uint64_t metrics_layout(const struct Api *api);
void metrics_count_request(Metrics *metrics, int resource, int status, int64_t duration_ns);
void histogram_note(Histogram *histogram, int64_t duration_ns);
static inline void metrics_add(_Atomic uint64_t *counter, uint64_t amount) {
    atomic_fetch_add_explicit(counter, amount, memory_order_relaxed);
}
