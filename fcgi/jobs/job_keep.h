/* How long jobs and results are kept. */
#pragma once

#include "fcgi/jobs/job_store.h"

typedef struct JobKeeping {
    const char *result_directory;
    int64_t result_age_us, result_bytes; /* of all results together */
    int64_t job_age_us, most_jobs;       /* of ended ones */
} JobKeeping;

/* Results beyond age and size go, oldest first, then jobs; at most a few hundred at a time. */
Status job_keep_trim(JobStore *store, const JobKeeping *keeping, int64_t now_us, Error *err);
/* Removes result files that no job keeps. `owner_directory`: job_owners.h. */
void job_keep_sweep(JobStore *store, const JobKeeping *keeping, const char *owner_directory);
