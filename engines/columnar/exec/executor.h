/* Runs plans: push pipelines over morsels on the engine's workers, bounded memory, results as Arrow. */
#pragma once

#include "engines/columnar/plan/plan.h"

typedef struct ExecutorResources {
    ThreadPool *workers;
    Budget *budget;
    const char *spill_directory; /* NULL = nothing is spilled: 53200 beyond the budget */
    int64_t spill_limit_bytes;   /* per query, 0 = no limit */
    int64_t query_memory_bytes;
} ExecutorResources;

/* `plan` must outlive the stream. EXPLAIN plans give one text column "QUERY PLAN". */
Status executor_run(const Plan *plan, const ExecutorResources *resources, Execution *execution,
                    ArrowArrayStream *out, Error *err);
